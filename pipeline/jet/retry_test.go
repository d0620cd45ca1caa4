package jet

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/newswatch/newswatch/pipeline"
)

var errTest = errors.New("as the test wants")

// TestWaitingBlocksNothing: messages that wait for their next try hold no
// place, however many, be it in the consumer or in the retry stream.
func TestWaitingBlocksNothing(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		delay time.Duration
		later bool
	}{
		{"failed, short", 20 * time.Second, false},
		{"failed, long", time.Hour, false},
		{"later, short", 20 * time.Second, true},
		{"later, long", time.Hour, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			n := openNode(t, Config{Retry: []time.Duration{test.delay}})
			const bad, good = 100, 50
			for i := range bad {
				publish(t, n, pipeline.StreamExtracted, fmt.Sprint("extracted.bad", i), "bad")
			}
			for i := range good {
				publish(t, n, pipeline.StreamExtracted, fmt.Sprint("extracted.good", i), "good")
			}
			var done atomic.Int32
			stop := consume(t, n, pipeline.Consumer{
				Name: "c", Stream: pipeline.StreamExtracted, Workers: 2, Pending: 8,
				Handle: func(_ context.Context, d pipeline.Delivery) error {
					switch {
					case string(d.Data) == "good":
						done.Add(1)
						return nil
					case test.later:
						return pipeline.Later(test.delay, errTest)
					}
					return errTest
				},
			})
			eventually(t, "the good ones", func() bool { return done.Load() == good })
			stop()
			stages, _, err := n.Status(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if len(stages) != 1 {
				t.Fatalf("stages: %+v", stages)
			}
			s := stages[0]
			if waiting := s.InFlight + int(s.Retrying); waiting != bad {
				t.Errorf("%d wait, want %d: %+v", waiting, bad, s)
			}
			if most := 8; s.InFlight > most || test.delay > shortDelay && s.InFlight > 0 {
				t.Errorf("%d wait in the consumer, at most %d should", s.InFlight, most)
			}
		})
	}
}

// TestRetryOutlivesProcess: a failure count and its due time are kept over a
// restart, and the last failure is a dead letter with the whole story.
func TestRetryOutlivesProcess(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	// More than shortDelay, so through the retry stream; then made due by hand.
	cfg := Config{Dir: dir, Retry: []time.Duration{time.Millisecond, time.Hour}}
	n := openNode(t, cfg)
	seq := publish(t, n, pipeline.StreamExtracted, "extracted.a", "body")
	var attempts []int
	stop := consume(t, n, pipeline.Consumer{
		Name: "c", Stream: pipeline.StreamExtracted, Workers: 1,
		Handle: func(_ context.Context, d pipeline.Delivery) error {
			attempts = append(attempts, d.Attempt)
			return errTest
		},
	})
	retrying := func(n *Node) uint64 {
		got, err := n.retrying(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return got["c"]
	}
	eventually(t, "the message in the retry stream", func() bool { return retrying(n) == 1 })
	stop()
	closeNode(t, n)

	n = openNode(t, cfg)
	if retrying(n) != 1 {
		t.Fatal("the retry is gone")
	}
	// Its time comes: the server hands the copy in under its due subject.
	s, err := n.stream(t.Context(), pipeline.StreamRetry)
	if err != nil {
		t.Fatal(err)
	}
	o := origin{stream: pipeline.StreamExtracted, subject: "extracted.a", seq: seq}
	m, err := s.GetLastMsgForSubject(t.Context(), waitSubject("c", o))
	if err != nil {
		t.Fatal(err)
	}
	o = readOrigin(m.Header)
	if _, err := n.publish(t.Context(), pipeline.StreamRetry, o.copy(dueSubject("c", o), nil, m.Data)); err != nil {
		t.Fatal(err)
	}
	if err := s.DeleteMsg(t.Context(), m.Sequence); err != nil {
		t.Fatal(err)
	}
	var last pipeline.Delivery
	stop = consume(t, n, pipeline.Consumer{
		Name: "c", Stream: pipeline.StreamExtracted, Workers: 1,
		Handle: func(_ context.Context, d pipeline.Delivery) error {
			last = d
			return errTest
		},
	})
	var dead []pipeline.DeadLetter
	eventually(t, "a dead letter", func() bool {
		dead, _, err = n.DeadLetters(t.Context(), "", 0, "c", "retries")
		return err == nil && len(dead) == 1
	})
	stop()
	if last.Attempt != 3 || last.Seq != seq || last.Subject != "extracted.a" || string(last.Data) != "body" || last.Header != nil {
		t.Errorf("last delivery %+v after attempts %v", last, attempts)
	}
	if d := dead[0]; d.Deliveries != 3 || d.Seq != seq || !d.FirstFailed.Before(d.At) || d.Size != 4 {
		t.Errorf("dead letter %+v", d)
	}
	if retrying(n) != 0 {
		t.Error("the retry stream still has it")
	}
}

// TestScheduleFires: the server itself hands a waiting copy in when it is due.
func TestScheduleFires(t *testing.T) {
	t.Parallel()
	n := openNode(t, Config{})
	seq := publish(t, n, pipeline.StreamExtracted, "extracted.a", "body")
	var first atomic.Bool
	again := make(chan pipeline.Delivery, 10)
	var s *stage
	stop := consume(t, n, pipeline.Consumer{
		Name: "c", Stream: pipeline.StreamExtracted, Workers: 1, Pending: 1,
		Handle: func(_ context.Context, d pipeline.Delivery) error {
			if !first.Swap(true) {
				// As if another were waiting already: there is room for one.
				n.mu.Lock()
				for s = range n.stages {
				}
				n.mu.Unlock()
				s.mu.Lock()
				s.parked[parkKey{seq: 999}] = &park{until: time.Now().Add(time.Hour)}
				s.mu.Unlock()
				return pipeline.Later(time.Second, errTest)
			}
			again <- d
			return nil
		},
	})
	d := <-again
	stop()
	if d.Seq != seq || d.Attempt != 1 || string(d.Data) != "body" {
		t.Errorf("got %+v", d)
	}
	if left, err := n.retrying(t.Context()); err != nil || len(left) != 0 {
		t.Errorf("left in the retry stream: %v, %v", left, err)
	}
}

// TestSuperseded: where only the latest of a subject counts, a retry does not
// bring back what was replaced; a replay does.
func TestSuperseded(t *testing.T) {
	t.Parallel()
	n := openNode(t, Config{Retry: []time.Duration{time.Hour}})
	publish(t, n, pipeline.StreamArticles, "article.0.k", "old")
	var got []string
	release := make(chan error)
	stop := consume(t, n, pipeline.Consumer{
		Name: "c", Stream: pipeline.StreamArticles, Workers: 1,
		Handle: func(_ context.Context, d pipeline.Delivery) error {
			got = append(got, string(d.Data))
			return <-release
		},
	})
	release <- pipeline.Permanent("broken", errTest)
	var dead []pipeline.DeadLetter
	eventually(t, "a dead letter", func() bool {
		var err error
		dead, _, err = n.DeadLetters(t.Context(), "", 0, "", "")
		return err == nil && len(dead) == 1
	})
	newer := publish(t, n, pipeline.StreamArticles, "article.0.k", "new")
	release <- nil
	// A retry of the old one is due now.
	o := origin{stream: pipeline.StreamArticles, subject: "article.0.k", seq: newer - 1, failures: 1}
	if _, err := n.publish(t.Context(), pipeline.StreamRetry, o.copy(dueSubject("c", o), nil, []byte("old"))); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is settled", func() bool {
		left, err := n.retrying(t.Context())
		return err == nil && len(left) == 0
	})
	if err := n.ReplayDead(t.Context(), dead[0].ID); err != nil {
		t.Fatal(err)
	}
	release <- nil
	stop()
	if want := "old new old"; strings.Join(got, " ") != want {
		t.Errorf("handled %v, want %s", got, want)
	}
}

func TestDeadLetters(t *testing.T) {
	t.Parallel()
	n := openNode(t, Config{})
	const count = 25
	for i := range count {
		publish(t, n, pipeline.StreamItems, fmt.Sprintf("item.0.k%d.c", i), fmt.Sprint(i))
	}
	mended := make(map[string]bool)
	var handled []pipeline.Delivery
	consumer := pipeline.Consumer{
		Name: "c", Stream: pipeline.StreamItems, Workers: 1,
		Handle: func(_ context.Context, d pipeline.Delivery) error {
			handled = append(handled, d)
			if mended[d.Subject] {
				return nil
			}
			return pipeline.Permanent([]string{"even", "odd"}[d.Seq%2], errTest)
		},
	}
	stop := consume(t, n, consumer)
	list := func(after string, limit int, stage, reason string) ([]pipeline.DeadLetter, string) {
		got, next, err := n.DeadLetters(t.Context(), after, limit, stage, reason)
		if err != nil {
			t.Fatal(err)
		}
		return got, next
	}
	eventually(t, "all dead", func() bool { l, _ := list("", 100, "", ""); return len(l) == count })
	stop()

	// Newest first, page by page, each once.
	var keys []string
	for after := ""; ; {
		page, next := list(after, 10, "", "")
		for _, d := range page {
			keys = append(keys, d.Key)
		}
		if after = next; next == "" {
			break
		}
	}
	if len(keys) != count || keys[0] != "k24" || keys[count-1] != "k0" {
		t.Errorf("pages: %v", keys)
	}
	if odd, _ := list("", 3, "c", "odd"); len(odd) != 3 || odd[0].Key != "k24" || odd[1].Key != "k22" {
		t.Errorf("odd: %+v", odd)
	}
	if other, next := list("", 0, "other", ""); len(other) != 0 || next != "" {
		t.Errorf("of another stage: %+v", other)
	}

	first, _ := list("", 2, "", "")
	replayed, dropped := first[0], first[1]
	if err := n.DropDead(t.Context(), dropped.ID); err != nil {
		t.Error(err)
	}
	mended[replayed.Subject] = true
	if err := n.ReplayDead(t.Context(), replayed.ID); err != nil {
		t.Error(err)
	}
	for _, id := range []string{dropped.ID, replayed.ID, "0", "x", ""} {
		_, err := n.DeadLetter(t.Context(), id)
		for what, err := range map[string]error{"show": err, "drop": n.DropDead(t.Context(), id), "replay": n.ReplayDead(t.Context(), id)} {
			if !errors.Is(err, pipeline.ErrNotFound) {
				t.Errorf("%s %q: %v, want ErrNotFound", what, id, err)
			}
		}
	}
	handled = nil
	stop = consume(t, n, consumer)
	eventually(t, "the replay is handled", func() bool {
		left, err := n.retrying(t.Context())
		return err == nil && len(left) == 0
	})
	stop()
	if len(handled) != 1 || handled[0].Subject != replayed.Subject || handled[0].Seq != replayed.Seq ||
		handled[0].Attempt != 1 || string(handled[0].Data) != "24" {
		t.Errorf("replayed: %+v", handled)
	}
	// One that fails again is a dead letter again, not taken for the first.
	again, _ := list("", 1, "", "")
	if err := n.ReplayDead(t.Context(), again[0].ID); err != nil {
		t.Fatal(err)
	}
	consume(t, n, consumer)
	eventually(t, "it is dead again", func() bool {
		l, _ := list("", 1, "", "")
		return len(l) == 1 && l[0].ID != again[0].ID && l[0].Key == again[0].Key
	})
}
