package bustest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/newswatch/newswatch/pipeline"
)

// A sink notes the batches it is given.
type sink struct {
	mu      sync.Mutex
	batches [][]string
	rec     record
	writing atomic.Int32
	overlap atomic.Bool
}

func (k *sink) note(ds []pipeline.Delivery) {
	if k.writing.Add(1) > 1 {
		k.overlap.Store(true)
	}
	defer k.writing.Add(-1)
	var names []string
	for _, d := range ds {
		k.rec.add(d)
		names = append(names, string(d.Data))
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.batches = append(k.batches, names)
}

func (k *sink) sizes() (list []int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, b := range k.batches {
		list = append(list, len(b))
	}
	return list
}

func (s *suite) batches() {
	want := names(50)
	s.publish(want...)
	var k sink
	r := s.consumeBatch(pipeline.BatchConsumer{Name: "batches", MaxItems: 20, MaxWait: 50 * time.Millisecond,
		Write: func(_ context.Context, ds []pipeline.Delivery, done func(error)) {
			k.note(ds)
			done(nil)
		}})
	s.until("all", func() bool { return k.rec.len() >= len(want) })
	r.stop()
	equal(s, "order", k.rec.names(), want)
	if most := slices.Max(k.sizes()); most > 20 {
		s.Errorf("a batch has %d messages, want at most 20", most)
	}
	if k.overlap.Load() {
		s.Error("two writes at once")
	}
	// By bytes: 4 each.
	s.publish(names(9)...)
	var small sink
	r = s.consumeBatch(pipeline.BatchConsumer{Name: "batches", MaxBytes: 10, MaxWait: 50 * time.Millisecond,
		Write: func(_ context.Context, ds []pipeline.Delivery, done func(error)) {
			small.note(ds)
			done(nil)
		}})
	s.until("all", func() bool { return small.rec.len() >= 9 })
	r.stop()
	if most := slices.Max(small.sizes()); most > 2 {
		s.Errorf("a batch has %d messages of 4 bytes, want at most 2", most)
	}
}

func (s *suite) durableLater() {
	want := names(40)
	s.publish(want...)
	var k sink
	var mu sync.Mutex
	var dones []func(error)
	r := s.consumeBatch(pipeline.BatchConsumer{Name: "durable", MaxItems: 10, MaxWait: 20 * time.Millisecond, Pending: 20,
		Write: func(_ context.Context, ds []pipeline.Delivery, done func(error)) {
			k.note(ds)
			mu.Lock()
			dones = append(dones, done)
			mu.Unlock()
		}})
	s.until("what may be pending", func() bool { return k.rec.len() >= 20 })
	time.Sleep(300 * time.Millisecond)
	if n := k.rec.len(); n != 20 {
		s.Errorf("%d messages not yet durable, want at most 20", n)
	}
	mu.Lock()
	first := dones
	dones = nil
	mu.Unlock()
	slices.Reverse(first) // durable in any order
	for _, done := range first {
		done(nil)
	}
	s.until("the rest", func() bool { return k.rec.len() >= len(want) })
	r.cancel()
	select {
	case err := <-r.done:
		s.Fatalf("consume returned %v with batches not durable", err)
	case <-time.After(200 * time.Millisecond):
	}
	mu.Lock()
	rest := dones
	mu.Unlock()
	for _, done := range rest[1:] {
		done(nil)
	}
	rest[0](context.Canceled) // one could not be finished
	r.ended()
	equal(s, "order", k.rec.names(), want)

	// Only what was not durable comes again, and uncharged.
	again := k.batches[len(k.batches)-len(rest)]
	var after sink
	r = s.consumeBatch(pipeline.BatchConsumer{Name: "durable", MaxWait: 20 * time.Millisecond,
		Write: func(_ context.Context, ds []pipeline.Delivery, done func(error)) {
			after.note(ds)
			done(nil)
		}})
	s.until("what was not durable", func() bool { return after.rec.len() >= len(again) })
	r.stop()
	got := after.rec.names()
	slices.Sort(got)
	equal(s, "again", got, again)
	for _, d := range after.rec.all() {
		if d.Attempt != 1 {
			s.Errorf("%s: attempt %d, want 1", d.Subject, d.Attempt)
		}
	}
}

func (s *suite) batchFails() {
	s.publish("a", "bad", "c")
	var k sink
	r := s.consumeBatch(pipeline.BatchConsumer{Name: "fails", MaxItems: 3, MaxWait: 5 * time.Second,
		Write: func(_ context.Context, ds []pipeline.Delivery, done func(error)) {
			k.note(ds)
			if slices.ContainsFunc(ds, func(d pipeline.Delivery) bool { return string(d.Data) == "bad" }) {
				go done(errTest)
				return
			}
			done(nil)
		}})
	s.until("a dead letter", func() bool { return len(s.dead("fails")) == 1 })
	r.stop()
	if got := s.dead("fails")["bad"]; got.Reason != "retries" {
		s.Errorf("dead: %+v", got)
	}
	if n := k.sizes()[1:]; slices.Max(n) != 1 {
		s.Errorf("sizes after the failure: %v, want 1 each", n)
	}
	for name, want := range map[string]int{"a": 2, "c": 2} {
		if got := len(k.rec.attempts(name)); got != want {
			s.Errorf("%s was written %d times, want %d", name, got, want)
		}
	}
	equal(s, "first attempts", k.rec.attempts("bad")[:3], []int{1, 1, 2}) // the batch's failure is nobody's
}

func (s *suite) batchFates() {
	s.publish("a", "undecodable", "c", "panic", "e")
	var k sink
	r := s.consumeBatch(pipeline.BatchConsumer{Name: "bfates", MaxItems: 4, MaxWait: 50 * time.Millisecond,
		Decode: func(d pipeline.Delivery) (any, error) {
			if string(d.Data) == "undecodable" {
				return nil, pipeline.Permanent("decode", errTest)
			}
			return "<" + string(d.Data) + ">", nil
		},
		Write: func(_ context.Context, ds []pipeline.Delivery, done func(error)) {
			k.note(ds)
			for _, d := range ds {
				if d.Value != "<"+string(d.Data)+">" {
					done(pipeline.Permanent("value", fmt.Errorf("%s has value %v", d.Data, d.Value)))
					return
				}
				if string(d.Data) == "panic" {
					panic("as the test wants")
				}
			}
			done(nil)
		}})
	s.until("two dead letters", func() bool { return len(s.dead("bfates")) == 2 })
	s.until("the others", func() bool { return len(k.rec.attempts("e")) > 0 })
	r.stop()
	dead := s.dead("bfates")
	if dead["undecodable"].Reason != "decode" || dead["panic"].Reason != "panic" {
		s.Errorf("dead: %v", dead)
	}
	if n := len(k.rec.attempts("undecodable")); n != 0 {
		s.Errorf("the undecodable was written %d times", n)
	}
}

func (s *suite) batchStop() {
	s.publish("a", "b")
	inside := make(chan struct{}, 1)
	decoded := func(pipeline.Delivery) (any, error) {
		inside <- struct{}{}
		return nil, nil
	}
	r := s.consumeBatch(pipeline.BatchConsumer{Name: "bstop", MaxWait: waits, Decode: decoded,
		Write: func(_ context.Context, _ []pipeline.Delivery, done func(error)) {
			s.Error("a batch was written at the stop")
			done(errors.New("unexpected"))
		}})
	<-inside
	<-inside
	r.stop()
	var k sink
	r = s.consumeBatch(pipeline.BatchConsumer{Name: "bstop", MaxWait: 20 * time.Millisecond,
		Write: func(_ context.Context, ds []pipeline.Delivery, done func(error)) {
			k.note(ds)
			done(nil)
		}})
	s.until("both again", func() bool { return k.rec.len() >= 2 })
	r.stop()
	got := k.rec.names()
	slices.Sort(got)
	equal(s, "again", got, []string{"a", "b"})
}

func (s *suite) from() {
	want := names(20)
	seqs := s.publish(want...)
	run := func(from uint64, expect []string) {
		s.Helper()
		var k sink
		r := s.consumeBatch(pipeline.BatchConsumer{Name: "from", MaxWait: 20 * time.Millisecond,
			From: func() uint64 { return from },
			Write: func(_ context.Context, ds []pipeline.Delivery, done func(error)) {
				k.note(ds)
				done(nil)
			}})
		s.until("as many as wanted", func() bool { return k.rec.len() >= len(expect) })
		time.Sleep(150 * time.Millisecond)
		r.stop()
		equal(s, fmt.Sprintf("from %d", from), k.rec.names(), expect)
	}
	run(0, want)             // no opinion: from the beginning
	run(0, nil)              // and on from there
	run(seqs[19]+1, nil)     // nothing lacks
	run(seqs[12], want[12:]) // an old copy was restored
	run(seqs[19]+1, nil)     // and is whole again
	s.publish("new")         // which goes on
	run(seqs[19]+1, []string{"new"})
}
