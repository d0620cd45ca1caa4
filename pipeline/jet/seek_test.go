package jet

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/newswatch/newswatch/pipeline"
)

// A consumer goes on where it is set to: one made anew, one that is ahead, one
// that is behind.
func TestSeek(t *testing.T) {
	t.Parallel()
	n := openNode(t, Config{})
	for i := range 20 { // shard 1 has the even sequences
		publish(t, n, pipeline.StreamArticles, fmt.Sprintf("article.%d.k%d", i%2, i), "a")
	}
	c := pipeline.BatchConsumer{Name: "c", Stream: pipeline.StreamArticles, Filter: "article.1.>"}
	for _, tt := range []struct {
		seq  uint64
		want []uint64
	}{
		{15, []uint64{16, 18, 20}},
		{18, []uint64{18, 20}},
		{0, []uint64{2, 4, 6, 8, 10, 12, 14, 16, 18, 20}},
	} {
		if err := n.Seek(t.Context(), c, tt.seq); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var mu sync.Mutex
		var got []uint64
		run := c
		run.Exclusive = true
		run.From = func() uint64 { return tt.seq }
		run.Write = func(_ context.Context, ds []pipeline.Delivery, done func(error)) {
			mu.Lock()
			defer mu.Unlock()
			for _, d := range ds {
				got = append(got, d.Seq)
			}
			done(nil)
		}
		end := make(chan error, 1)
		go func() { end <- n.ConsumeBatch(ctx, run) }()
		eventually(t, fmt.Sprintf("all from %d on", tt.seq), func() bool {
			mu.Lock()
			defer mu.Unlock()
			return len(got) > 0 && got[len(got)-1] == 20
		})
		cancel()
		if err := <-end; err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("set to %d: got %d, want %d", tt.seq, got, tt.want)
		}
	}
}

// What a sink asks for again was settled before: only what was in the air when
// an earlier run ended may be what ended it, and has its starts counted.
func TestSetBackIsNoCrash(t *testing.T) {
	t.Parallel()
	n := openNode(t, Config{})
	for i := range 20 {
		publish(t, n, pipeline.StreamArticles, fmt.Sprintf("article.0.k%d", i), "a")
	}
	c := pipeline.BatchConsumer{Name: "c", Stream: pipeline.StreamArticles, Exclusive: true, MaxItems: 1}
	run := func(from uint64, settle func(seq uint64) bool) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var mu sync.Mutex
		got := make(map[uint64]bool)
		run := c
		begun := false // no race: before the first Write
		run.From = func() uint64 { return from }
		run.Begun = func() {
			info, err := n.Progress(t.Context(), c.Stream, c.Name)
			if err != nil || from > 0 && info.Pending != 20 {
				t.Errorf("begun with %d pending, %v", info.Pending, err)
			}
			begun = true
		}
		run.Write = func(_ context.Context, ds []pipeline.Delivery, done func(error)) {
			mu.Lock()
			got[ds[0].Seq] = true
			mu.Unlock()
			if !begun {
				t.Error("a write before it has begun")
			}
			if settle(ds[0].Seq) {
				done(nil)
				return
			}
			go func() {
				<-ctx.Done()
				done(ctx.Err())
			}()
		}
		end := make(chan error, 1)
		go func() { end <- n.ConsumeBatch(ctx, run) }()
		eventually(t, "all written", func() bool {
			mu.Lock()
			defer mu.Unlock()
			return len(got) == 20
		})
		cancel()
		if err := <-end; err != nil {
			t.Fatal(err)
		}
	}
	run(0, func(seq uint64) bool { return seq <= 15 })
	run(1, func(uint64) bool { return true })
	kv, err := n.KV(t.Context(), bucketSuspects)
	if err != nil {
		t.Fatal(err)
	}
	for seq := range uint64(20) {
		_, err := kv.Get(t.Context(), fmt.Sprintf("near.c.%s.%d", pipeline.StreamArticles, seq+1))
		if counted := err == nil; counted && seq+1 <= 15 {
			t.Errorf("start of message %d is counted", seq+1)
		}
	}
}
