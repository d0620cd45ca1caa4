package bustest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/newswatch/newswatch/pipeline"
)

func (s *suite) createOnly() {
	m := pipeline.Message{Subject: "item.0.key.content", Data: []byte("a"), Expect: new(uint64)}
	if _, err := s.bus.Publish(s.Context(), pipeline.StreamItems, m); err != nil {
		s.Fatal(err)
	}
	for range 2 {
		if _, err := s.bus.Publish(s.Context(), pipeline.StreamItems, m); !errors.Is(err, pipeline.ErrExists) {
			s.Errorf("again: %v, want ErrExists", err)
		}
	}
	m.Subject = "item.0.key.content2"
	if _, err := s.bus.Publish(s.Context(), pipeline.StreamItems, m); err != nil {
		s.Errorf("another: %v", err)
	}
	// Of many at once exactly one is first.
	var first atomic.Int32
	m.Subject = "item.0.key.content3"
	results := make(chan error)
	for range 16 {
		go func() {
			_, err := s.bus.Publish(s.Context(), pipeline.StreamItems, m)
			if err == nil {
				first.Add(1)
			} else if errors.Is(err, pipeline.ErrExists) {
				err = nil
			}
			results <- err
		}()
	}
	for range 16 {
		if err := <-results; err != nil {
			s.Errorf("of many at once: %v", err)
		}
	}
	if first.Load() != 1 {
		s.Errorf("%d of many at once were first", first.Load())
	}
}

func (s *suite) expected() {
	put := func(expect uint64) (uint64, error) {
		return s.bus.Publish(s.Context(), pipeline.StreamArticles,
			pipeline.Message{Subject: "article.0.key", Data: []byte("a"), Expect: &expect})
	}
	first, err := put(0)
	if err != nil {
		s.Fatal(err)
	}
	second, err := put(first)
	if err != nil || second <= first {
		s.Errorf("expecting %d: %d, %v", first, second, err)
	}
	if _, err := put(first); !errors.Is(err, pipeline.ErrConflict) {
		s.Errorf("expecting what was before: %v, want ErrConflict", err)
	}
	if _, err := put(0); !errors.Is(err, pipeline.ErrExists) {
		s.Errorf("expecting none: %v, want ErrExists", err)
	}
}

func (s *suite) wrongStream() {
	for _, m := range []struct{ stream, subject string }{
		{pipeline.StreamItems, "article.0.key"}, {pipeline.StreamItems, "nowhere.x"}, {"NONE", "item.0.a.b"},
	} {
		if _, err := s.bus.Publish(s.Context(), m.stream, pipeline.Message{Subject: m.subject}); err == nil {
			s.Errorf("%s was published in %s", m.subject, m.stream)
		}
	}
	err := s.bus.Consume(s.Context(), pipeline.Consumer{Name: "c", Stream: "NONE",
		Handle: func(context.Context, pipeline.Delivery) error { return nil }})
	if err == nil {
		s.Error("consume of no stream returned nil")
	}
}

func (s *suite) fates() {
	s.publish("good", "twice", "never", "permanent", "panic", "last")
	var rec record
	r := s.consume(pipeline.Consumer{Name: "fates", Workers: 2, Handle: func(_ context.Context, d pipeline.Delivery) error {
		n := rec.add(d)
		switch string(d.Data) {
		case "twice":
			if n < 3 {
				return errTest
			}
		case "never":
			return errTest
		case "permanent":
			return fmt.Errorf("wrapped: %w", pipeline.Permanent("broken", errTest))
		case "panic":
			panic("as the test wants")
		}
		return nil
	}})
	s.until("three dead letters", func() bool { return len(s.dead("fates")) == 3 })
	s.until("a third try", func() bool { return len(rec.attempts("twice")) == 3 })
	r.stop()
	for name, want := range map[string][]int{"good": {1}, "last": {1}, "permanent": {1}, "panic": {1}, "twice": {1, 2, 3}} {
		equal(s, "attempts of "+name, rec.attempts(name), want)
	}
	dead := s.dead("fates")
	tries := len(rec.attempts("never"))
	for name, want := range map[string]pipeline.DeadLetter{
		"never":     {Reason: "retries", Deliveries: tries},
		"permanent": {Reason: "broken", Deliveries: 1},
		"panic":     {Reason: "panic", Deliveries: 1},
	} {
		if got := dead[name]; got.Reason != want.Reason || got.Deliveries != want.Deliveries {
			s.Errorf("dead %s: reason %q after %d, want %q after %d", name, got.Reason, got.Deliveries, want.Reason, want.Deliveries)
		}
	}
	if tries < 3 {
		s.Errorf("given up after %d tries", tries)
	}
}

func (s *suite) later() {
	s.publish("later", "other")
	var rec record
	const times = 15 // more than failures would be borne
	r := s.consume(pipeline.Consumer{Name: "later", Workers: 1, Handle: func(_ context.Context, d pipeline.Delivery) error {
		if n := rec.add(d); string(d.Data) == "later" && n <= times {
			return pipeline.Later(time.Millisecond, errTest)
		}
		return nil
	}})
	s.until("the last try", func() bool { return len(rec.attempts("later")) > times })
	r.stop()
	equal(s, "attempts", slices.Compact(rec.attempts("later")), []int{1})
	if dead := s.dead("later"); len(dead) > 0 {
		s.Errorf("dead letters: %v", dead)
	}
}

func (s *suite) deadLetter() {
	before := time.Now().Add(-time.Minute)
	seq := s.publish("first", "second")[1]
	r := s.consume(pipeline.Consumer{Name: "whole", Handle: func(_ context.Context, d pipeline.Delivery) error {
		if string(d.Data) != "second" {
			return nil
		}
		return pipeline.Permanent("broken", errors.New("two\nlines"))
	}})
	s.until("a dead letter", func() bool { return len(s.dead("whole")) == 1 })
	r.stop()
	got, err := s.bus.DeadLetter(s.Context(), s.dead("whole")["second"].ID)
	if err != nil {
		s.Fatal(err)
	}
	if got.FirstFailed.Before(before) || got.At.Before(before) {
		s.Errorf("first failed %v, at %v", got.FirstFailed, got.At)
	}
	got.FirstFailed, got.At = time.Time{}, time.Time{}
	want := pipeline.DeadLetter{ID: got.ID, Stage: "whole", Reason: "broken", Error: "broken: two lines", Key: "second",
		Stream: stream, Subject: prefix + "second", Seq: seq, Deliveries: 1, Size: 6, Body: []byte("second")}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		s.Errorf("got %+v\nwant %+v", got, want)
	}
	if _, err := s.bus.DeadLetter(s.Context(), "99999"); !errors.Is(err, pipeline.ErrNotFound) {
		s.Errorf("unknown id: %v, want ErrNotFound", err)
	}
}

func (s *suite) order() {
	want := names(100)
	seqs := s.publish(want...)
	var rec record
	r := s.consume(pipeline.Consumer{Name: "order", Workers: 1, Handle: func(_ context.Context, d pipeline.Delivery) error {
		rec.add(d)
		return nil
	}})
	s.until("all", func() bool { return rec.len() >= len(want) })
	r.stop()
	equal(s, "order", rec.names(), want)
	for i, d := range rec.all() {
		if d.Seq != seqs[i] || d.Attempt != 1 || d.Stored.IsZero() || d.Header["Test"] != want[i] || string(d.Data) != want[i] {
			s.Fatalf("delivery %d: %+v", i, d)
		}
	}
}

func (s *suite) filter() {
	for i := range 6 {
		m := pipeline.Message{Subject: fmt.Sprintf("item.%d.key.%d", i%2, i)}
		if _, err := s.bus.Publish(s.Context(), pipeline.StreamItems, m); err != nil {
			s.Fatal(err)
		}
	}
	var rec record
	r := s.consume(pipeline.Consumer{Name: "filter", Stream: pipeline.StreamItems, Filter: pipeline.ItemsFilter(1), Workers: 1,
		Handle: func(_ context.Context, d pipeline.Delivery) error {
			rec.add(d)
			return nil
		}})
	s.until("all", func() bool { return rec.len() >= 3 })
	r.stop()
	equal(s, "filtered", rec.names(), []string{"item.1.key.1", "item.1.key.3", "item.1.key.5"})
}

func (s *suite) stop() {
	s.publish("slow", "waiting")
	var rec record
	inside := make(chan struct{}, 1)
	finish := make(chan struct{})
	r := s.consume(pipeline.Consumer{Name: "stop", Workers: 1, Pending: 8, Handle: func(ctx context.Context, d pipeline.Delivery) error {
		rec.add(d)
		inside <- struct{}{}
		<-ctx.Done()
		<-finish
		return fmt.Errorf("stopped: %w", ctx.Err())
	}})
	<-inside
	r.cancel()
	select {
	case err := <-r.done:
		s.Fatalf("consume returned %v while a handler ran", err)
	case <-time.After(300 * time.Millisecond):
	}
	close(finish)
	r.ended()
	equal(s, "handled", rec.names(), []string{"slow"})
	r = s.consume(pipeline.Consumer{Name: "stop", Workers: 1, Handle: func(_ context.Context, d pipeline.Delivery) error {
		rec.add(d)
		return nil
	}})
	s.until("both", func() bool { return len(rec.attempts("slow")) == 2 && len(rec.attempts("waiting")) == 1 })
	r.stop()
	equal(s, "attempts", rec.attempts("slow"), []int{1, 1})
}

func (s *suite) restart() {
	all := names(60)
	s.publish(all[:40]...)
	var rec record
	var stop func()
	handle := func(_ context.Context, d pipeline.Delivery) error {
		if rec.add(d); rec.len() == 10 {
			go stop()
		}
		return nil
	}
	ready := make(chan struct{})
	var r *running
	stop = func() { <-ready; r.cancel() }
	r = s.consume(pipeline.Consumer{Name: "restart", Workers: 1, Handle: handle})
	close(ready)
	r.ended()
	s.publish(all[40:]...)
	r = s.consume(pipeline.Consumer{Name: "restart", Workers: 1, Handle: handle})
	s.until("the rest", func() bool { return rec.len() >= len(all) })
	r.stop()
	got := rec.names()
	slices.Sort(got)
	equal(s, "handled", got, all)
}

// A failing bus refuses publishes as often as it is told.
type failing struct {
	pipeline.Bus
	times atomic.Int32
	err   error
}

func (b *failing) Publish(ctx context.Context, stream string, m pipeline.Message) (uint64, error) {
	if b.times.Add(-1) >= 0 {
		return 0, b.err
	}
	return b.Bus.Publish(ctx, stream, m)
}

// A value is a value of the test's topics.
type value struct{ Name string }

var (
	in = pipeline.Topic[value]{Stream: stream, Subject: func(v value) string { return prefix + v.Name }}
	to = pipeline.Topic[value]{Stream: pipeline.StreamAlerts, Subject: func(v value) string { return "alert.w." + v.Name }, Create: true}
)

// runStage passes one value on over a bus that fails, and returns how often it
// was handled. The output must be there once the input is settled.
func (s *suite) runStage(b pipeline.Bus) int32 {
	if _, err := in.Publish(s.Context(), s.bus, value{"v"}); err != nil {
		s.Fatal(err)
	}
	var handled atomic.Int32
	st := pipeline.Stage[value, value]{Name: "stage", In: in, Out: to, Workers: 1,
		Handle: func(_ context.Context, v value) ([]value, error) {
			handled.Add(1)
			return []value{v}, nil
		}}
	first := s.start(func(ctx context.Context) error { return st.Run(ctx, b) })
	var rec record
	second := s.consume(pipeline.Consumer{Name: "out", Stream: to.Stream, Handle: func(_ context.Context, d pipeline.Delivery) error {
		rec.add(d)
		return nil
	}})
	s.until("the output", func() bool { return rec.len() > 0 })
	first.stop()
	second.stop()
	equal(s, "outputs", rec.names(), []string{"alert.w.v"})
	if dead := s.dead(""); len(dead) > 0 {
		s.Errorf("dead letters: %v", dead)
	}
	return handled.Load()
}

func (s *suite) outputFirst() {
	b := &failing{Bus: s.bus, err: errTest}
	b.times.Store(2)
	if n := s.runStage(b); n != 3 {
		s.Errorf("handled %d times, want 3", n)
	}
}

func (s *suite) outputTwice() {
	// An earlier run got as far as the output.
	if _, err := to.Publish(s.Context(), s.bus, value{"v"}); err != nil {
		s.Fatal(err)
	}
	if n := s.runStage(s.bus); n > 1 {
		s.Errorf("handled %d times, want at most 1", n)
	}
}

func (s *suite) outputFull() {
	b := &failing{Bus: s.bus, err: fmt.Errorf("no room: %w", pipeline.ErrFull)}
	b.times.Store(1)
	if n := s.runStage(b); n != 2 {
		s.Errorf("handled %d times, want 2", n)
	}
}
