// Package bustest is the contract of [pipeline.Bus] as a test: in goes a
// function that opens an empty bus, out comes pass or fail. Whoever implements
// a bus runs it.
package bustest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/newswatch/newswatch/pipeline"
)

// A Bus is what the test needs: a bus whose dead letters can be listed, newest
// first.
type Bus interface {
	pipeline.Bus
	DeadLetters(ctx context.Context, after string, limit int, stage, reason string) (list []pipeline.DeadLetter, next string, err error)
	DeadLetter(ctx context.Context, id string) (pipeline.DeadLetter, error)
}

// Run tests the contract. open must give a bus with the streams of package
// pipeline, all empty, that tries a failed message again at least twice within
// a few seconds; it closes the bus by t.Cleanup.
func Run(t *testing.T, open func(t *testing.T) Bus) {
	for _, test := range []struct {
		name string
		run  func(*suite)
	}{
		{"create only", (*suite).createOnly},
		{"expected revision", (*suite).expected},
		{"wrong stream", (*suite).wrongStream},
		{"fates", (*suite).fates},
		{"later is not charged", (*suite).later},
		{"dead letter is whole", (*suite).deadLetter},
		{"order", (*suite).order},
		{"filter", (*suite).filter},
		{"stop waits and does not charge", (*suite).stop},
		{"restart goes on", (*suite).restart},
		{"output before acknowledgement", (*suite).outputFirst},
		{"output is there already", (*suite).outputTwice},
		{"full stream is backpressure", (*suite).outputFull},
		{"batches", (*suite).batches},
		{"batch is durable later", (*suite).durableLater},
		{"batch fails", (*suite).batchFails},
		{"batch decode and panic", (*suite).batchFates},
		{"batch stop gives back", (*suite).batchStop},
		{"batch from", (*suite).from},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			test.run(&suite{T: t, bus: open(t)})
		})
	}
}

type suite struct {
	*testing.T
	bus Bus
}

const (
	stream = pipeline.StreamExtracted
	prefix = "extracted."
	waits  = 30 * time.Second // far more than anything takes
)

var errTest = errors.New("as the test wants")

func (s *suite) publish(names ...string) (seqs []uint64) {
	s.Helper()
	for _, name := range names {
		seq, err := s.bus.Publish(s.Context(), stream, pipeline.Message{
			Subject: prefix + name, Data: []byte(name), Header: map[string]string{"Test": name}})
		if err != nil {
			s.Fatalf("publish %s: %v", name, err)
		}
		seqs = append(seqs, seq)
	}
	return seqs
}

func names(n int) (list []string) {
	for i := range n {
		list = append(list, fmt.Sprintf("m%03d", i))
	}
	return list
}

// a running is a Consume under way.
type running struct {
	s      *suite
	cancel context.CancelFunc
	done   chan error
}

func (s *suite) start(run func(context.Context) error) *running {
	ctx, cancel := context.WithCancel(context.Background())
	r := &running{s: s, cancel: cancel, done: make(chan error, 1)}
	go func() { r.done <- run(ctx) }()
	s.Cleanup(cancel)
	return r
}

func (s *suite) consume(c pipeline.Consumer) *running {
	if c.Stream == "" {
		c.Stream = stream
	}
	return s.start(func(ctx context.Context) error { return s.bus.Consume(ctx, c) })
}

func (s *suite) consumeBatch(c pipeline.BatchConsumer) *running {
	c.Stream = stream
	return s.start(func(ctx context.Context) error { return s.bus.ConsumeBatch(ctx, c) })
}

// stop ends it and wants nil.
func (r *running) stop() {
	r.s.Helper()
	r.cancel()
	r.ended()
}

func (r *running) ended() {
	r.s.Helper()
	select {
	case err := <-r.done:
		if err != nil {
			r.s.Errorf("consume returned %v, want nil", err)
		}
	case <-time.After(waits):
		r.s.Fatal("consume did not end")
	}
}

func (s *suite) until(what string, ok func() bool) {
	s.Helper()
	for end := time.Now().Add(waits); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			s.Fatalf("waited in vain: %s", what)
		}
	}
}

// A record notes what was handed in, in order.
type record struct {
	mu  sync.Mutex
	got []pipeline.Delivery
}

// add returns how often the subject was handed in, this time included.
func (r *record) add(d pipeline.Delivery) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.got = append(r.got, d)
	n := 0
	for _, g := range r.got {
		if g.Subject == d.Subject {
			n++
		}
	}
	return n
}

func (r *record) len() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.got)
}

func (r *record) all() []pipeline.Delivery {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.got)
}

// names are the subjects without prefix, in order.
func (r *record) names() (list []string) {
	for _, d := range r.all() {
		list = append(list, strings.TrimPrefix(d.Subject, prefix))
	}
	return list
}

// attempts are those of one name.
func (r *record) attempts(name string) (list []int) {
	for _, d := range r.all() {
		if d.Subject == prefix+name {
			list = append(list, d.Attempt)
		}
	}
	return list
}

func (s *suite) dead(stage string) map[string]pipeline.DeadLetter {
	s.Helper()
	list, next, err := s.bus.DeadLetters(s.Context(), "", 100, stage, "")
	if err != nil || next != "" {
		s.Fatalf("dead letters: next %q, %v", next, err)
	}
	byName := make(map[string]pipeline.DeadLetter)
	for _, d := range list {
		name := strings.TrimPrefix(d.Subject, prefix)
		if _, twice := byName[name]; twice {
			s.Errorf("%s is among the dead letters twice", name)
		}
		byName[name] = d
	}
	return byName
}

func equal[T comparable](s *suite, what string, got, want []T) {
	s.Helper()
	if !slices.Equal(got, want) {
		s.Errorf("%s: got %v, want %v", what, got, want)
	}
}
