package jet

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/newswatch/newswatch/pipeline"
)

func TestKV(t *testing.T) {
	t.Parallel()
	n := openNode(t, Config{})
	kv, err := n.KV(t.Context(), pipeline.BucketCatalog)
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	const key = "entity.a-b_c=d/e"
	get := func() pipeline.Entry {
		e, err := kv.Get(ctx, key)
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	want := func(what string, err, want error) {
		t.Helper()
		if !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", what, err, want)
		}
	}
	_, err = kv.Get(ctx, key)
	want("get none", err, pipeline.ErrNotFound)
	_, err = kv.Update(ctx, key, []byte("a"), 7)
	want("update none", err, pipeline.ErrConflict)
	first, err := kv.Update(ctx, key, []byte("a"), 0)
	want("create", err, nil)
	_, err = kv.Update(ctx, key, []byte("b"), 0)
	want("create again", err, pipeline.ErrExists)
	second, err := kv.Update(ctx, key, []byte("b"), first)
	want("update", err, nil)
	_, err = kv.Update(ctx, key, []byte("c"), first)
	want("update of old", err, pipeline.ErrConflict)
	if diff := cmp.Diff(pipeline.Entry{Key: key, Value: []byte("b"), Revision: second}, get()); diff != "" {
		t.Error(diff)
	}
	third, err := kv.Put(ctx, key, []byte("d"))
	want("put", err, nil)
	if third <= second {
		t.Errorf("revisions %d %d %d", first, second, third)
	}
	want("delete", kv.Delete(ctx, key), nil)
	_, err = kv.Get(ctx, key)
	want("get deleted", err, pipeline.ErrNotFound)
	_, err = kv.Update(ctx, key, []byte("e"), third)
	want("update of deleted", err, pipeline.ErrConflict)
	_, err = kv.Update(ctx, key, []byte("e"), 0)
	want("create deleted", err, nil)
	if _, err := kv.Put(ctx, "..", nil); err == nil {
		t.Error("a key of dots was taken")
	}
}

func TestKVWatch(t *testing.T) {
	t.Parallel()
	n := openNode(t, Config{})
	kv, err := n.KV(t.Context(), "other") // made on demand
	if err != nil {
		t.Fatal(err)
	}
	put := func(key, value string) {
		if _, err := kv.Put(t.Context(), key, []byte(value)); err != nil {
			t.Error(err)
		}
	}
	put("a", "1")
	put("b", "2")
	put("gone", "3")
	if err := kv.Delete(t.Context(), "gone"); err != nil {
		t.Fatal(err)
	}
	put("a", "4")
	var got []string
	errEnough := errors.New("enough")
	err = kv.Watch(t.Context(), func(e pipeline.Entry) error {
		got = append(got, fmt.Sprintf("%s=%s", e.Key, e.Value))
		switch {
		case e.Key == "" && e.Revision == 0:
			got[len(got)-1] = "end"
			put("c", "5")
			if err := kv.Delete(t.Context(), "b"); err != nil {
				t.Error(err)
			}
		case e.Deleted:
			got[len(got)-1] = "-" + e.Key
			return errEnough
		}
		return nil
	})
	if !errors.Is(err, errEnough) {
		t.Errorf("watch returned %v", err)
	}
	slices.Sort(got[:2])
	if want := []string{"a=4", "b=2", "end", "c=5", "-b"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	// Empty, and stopped.
	kv, err = n.KV(t.Context(), "empty")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	calls := 0
	if err := kv.Watch(ctx, func(pipeline.Entry) error { calls++; cancel(); return nil }); err != nil || calls != 1 {
		t.Errorf("empty: %d calls, %v", calls, err)
	}
}

func TestLog(t *testing.T) {
	t.Parallel()
	n := openNode(t, Config{})
	if _, err := n.Last(t.Context(), pipeline.StreamArticles, "article.0.k"); !errors.Is(err, pipeline.ErrNotFound) {
		t.Errorf("last of none: %v", err)
	}
	const count = 1200 // more than two batches
	var seqs []uint64
	for i := range count {
		seqs = append(seqs, publish(t, n, pipeline.StreamArticles, fmt.Sprintf("article.%d.k%d", i%2, i), fmt.Sprint(i)))
	}
	replaced := publish(t, n, pipeline.StreamArticles, "article.0.k10", "new") // takes away the 11th
	read := func(filter string, from uint64) (got []pipeline.Delivery) {
		err := n.Read(t.Context(), pipeline.StreamArticles, filter, from, func(d pipeline.Delivery) error {
			got = append(got, d)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	for _, test := range []struct {
		filter string
		from   uint64
		want   int
		first  string
	}{
		{"", 0, count, "0"},
		{"article.1.>", 0, count / 2, "1"},
		{"article.0.>", seqs[10], count/2 - 5, "12"},
		{"", replaced, 1, "new"},
		{"", replaced + 1, 0, ""},
		{"article.7.>", 0, 0, ""},
	} {
		got := read(test.filter, test.from)
		if len(got) != test.want || len(got) > 0 && string(got[0].Data) != test.first {
			t.Errorf("read %q from %d: %d messages, want %d", test.filter, test.from, len(got), test.want)
		}
		if !slices.IsSortedFunc(got, func(a, b pipeline.Delivery) int { return int(a.Seq) - int(b.Seq) }) {
			t.Errorf("read %q: not in order", test.filter)
		}
	}
	errEnough := errors.New("enough")
	calls := 0
	err := n.Read(t.Context(), pipeline.StreamArticles, "", 0, func(pipeline.Delivery) error { calls++; return errEnough })
	if !errors.Is(err, errEnough) || calls != 1 {
		t.Errorf("%d calls, %v", calls, err)
	}
	last, err := n.Last(t.Context(), pipeline.StreamArticles, "article.0.k10")
	if err != nil || last.Seq != replaced || string(last.Data) != "new" || last.Stored.IsZero() {
		t.Errorf("last: %+v, %v", last, err)
	}
}

// TestTooBig: what is taken can be retried and set aside, whose copies have
// more headers.
func TestTooBig(t *testing.T) {
	t.Parallel()
	n := openNode(t, Config{})
	put := func(size int) error {
		_, err := n.Publish(t.Context(), pipeline.StreamExtracted, pipeline.Message{Subject: "extracted.a", Data: make([]byte, size)})
		return err
	}
	if err := put(maxPayload); !errors.Is(err, pipeline.ErrTooBig) {
		t.Errorf("over the limit: %v", err)
	}
	if err := put(maxPayload - metaRoom); err != nil {
		t.Fatalf("at the limit: %v", err)
	}
	consume(t, n, pipeline.Consumer{Name: "c", Stream: pipeline.StreamExtracted, Handle: func(context.Context, pipeline.Delivery) error {
		return pipeline.Permanent("broken", errors.New(strings.Repeat("long ", 10_000)))
	}})
	eventually(t, "the dead letter", func() bool {
		dead, _, err := n.DeadLetters(t.Context(), "", 0, "", "")
		return err == nil && len(dead) == 1 && dead[0].Size == maxPayload-metaRoom
	})
}

// TestKeeper: a full stream refuses; room is made of what is settled, and of
// nothing else.
func TestKeeper(t *testing.T) {
	t.Parallel()
	n := openNode(t, Config{Sizes: Sizes{Items: 1 << 20, Extracted: 1 << 20}})
	fill := func() (count int) {
		for ; count < 1000; count++ {
			_, err := n.Publish(t.Context(), pipeline.StreamExtracted, pipeline.Message{
				Subject: fmt.Sprint("extracted.k", count), Data: make([]byte, 10_000),
			})
			if errors.Is(err, pipeline.ErrFull) {
				return count
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		t.Fatal("never full")
		return 0
	}
	messages := func() uint64 {
		s, err := n.stream(t.Context(), pipeline.StreamExtracted)
		if err != nil {
			t.Fatal(err)
		}
		info, err := s.Info(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return info.State.Msgs
	}
	stored := fill()
	n.keeper.look(t.Context())
	if got := messages(); got != uint64(stored) {
		t.Fatalf("%d of %d messages left that nobody has read", got, stored)
	}
	// Of two readers one lags behind.
	const half = 50
	handled := make(chan struct{}, 2000)
	stop := consume(t, n, pipeline.Consumer{
		Name: "slow", Stream: pipeline.StreamExtracted, Workers: 1, Pending: 1,
		Handle: func(ctx context.Context, d pipeline.Delivery) error {
			if d.Seq > half {
				<-ctx.Done()
				return ctx.Err()
			}
			handled <- struct{}{}
			return nil
		},
	})
	quick := 0
	stopQuick := consume(t, n, pipeline.Consumer{
		Name: "quick", Stream: pipeline.StreamExtracted, Workers: 1,
		Handle: func(context.Context, pipeline.Delivery) error { quick++; handled <- struct{}{}; return nil },
	})
	for range half + stored {
		<-handled
	}
	stop()
	stopQuick()
	n.keeper.look(t.Context())
	if got := int(messages()); got != stored-half {
		t.Errorf("%d messages left, want the %d the slow reader has not settled", got, stored-half)
	}
	if _, err := n.Publish(t.Context(), pipeline.StreamExtracted, pipeline.Message{Subject: "extracted.x", Data: make([]byte, 10_000)}); err != nil {
		t.Errorf("after making room: %v", err)
	}
	// With everything settled it is short again.
	seen := 0
	stop = consume(t, n, pipeline.Consumer{
		Name: "slow", Stream: pipeline.StreamExtracted, Workers: 1,
		Handle: func(context.Context, pipeline.Delivery) error { seen++; handled <- struct{}{}; return nil },
	})
	stopQuick = consume(t, n, pipeline.Consumer{
		Name: "quick", Stream: pipeline.StreamExtracted, Workers: 1,
		Handle: func(context.Context, pipeline.Delivery) error { handled <- struct{}{}; return nil },
	})
	for range stored - half + 2 {
		<-handled
	}
	stop()
	stopQuick()
	if seen != stored-half+1 {
		t.Errorf("the slow reader saw %d more, want %d", seen, stored-half+1)
	}
	n.keeper.look(t.Context())
	if got := messages(); got == 0 || got > 15 {
		t.Errorf("%d messages left, want a tenth of the stream's size", got)
	}
}

// TestKeeperFilters: readers of partitions let go of their own only, and what
// nobody reads stays.
func TestKeeperFilters(t *testing.T) {
	t.Parallel()
	n := openNode(t, Config{Sizes: Sizes{Items: 1 << 20}})
	for i := range 96 {
		publish(t, n, pipeline.StreamItems, fmt.Sprintf("item.%d.k%d.c", i%2, i), strings.Repeat("x", 10_000))
	}
	handled := make(chan struct{}, 100)
	stop := consume(t, n, pipeline.Consumer{
		Name: "p1", Stream: pipeline.StreamItems, Filter: pipeline.ItemsFilter(1),
		Handle: func(context.Context, pipeline.Delivery) error { handled <- struct{}{}; return nil },
	})
	for range 48 {
		<-handled
	}
	stop()
	n.keeper.look(t.Context())
	left := map[string]int{}
	err := n.Read(t.Context(), pipeline.StreamItems, "", 0, func(d pipeline.Delivery) error {
		left[d.Subject[:7]]++
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if left["item.0."] != 48 || left["item.1."] >= 48 {
		t.Errorf("left: %v", left)
	}
}
