package catalog_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/newswatch/newswatch/pipeline"
	"github.com/newswatch/newswatch/pipeline/catalog"
)

// cutKV is a real bucket whose watch can be cut, as a lost connection does.
type cutKV struct {
	pipeline.KV
	cut  chan struct{} // closed: the present watch ends
	deaf atomic.Bool   // no watch can begin
}

func (k *cutKV) Watch(ctx context.Context, fn func(pipeline.Entry) error) error {
	if k.deaf.Load() {
		return errors.New("no connection")
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-k.cut:
			k.deaf.Store(true)
			cancel()
		case <-ctx.Done():
		}
	}()
	return k.KV.Watch(ctx, fn)
}

// A store that heard nothing for a while learns what was written and what was
// deleted meanwhile, and keeps what it wrote itself.
func TestWatchBroken(t *testing.T) {
	kv := bucket(t)
	other := open(t, kv)
	put := func(s *catalog.Store, id, name string) {
		t.Helper()
		if _, err := s.Put(t.Context(), &catalog.Source{ID: id, Name: name}, catalog.PutOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	put(other, "kept", "Kept")
	put(other, "gone", "Gone")
	put(other, "back", "Back")
	lg, out := newLog()
	cut := &cutKV{KV: kv, cut: make(chan struct{})}
	s, err := catalog.Open(t.Context(), lg, cut, catalog.Checks{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	close(cut.cut)
	eventually(t, "the watch is broken", func() bool { return strings.Contains(out.String(), "catalog watch broken") })

	for _, id := range []string{"gone", "back"} {
		if err := other.Delete(t.Context(), "source", id, catalog.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	put(other, "kept", "Kept 2")
	put(other, "new", "New")
	// Our own writes go on, and find what they did not hear of.
	put(s, "own", "Own")
	put(s, "kept", "Kept 3")
	put(s, "back", "Back again")
	if got := refs(s.Snapshot()); got != "source.back source.gone source.kept source.own" {
		t.Errorf("deaf, the catalog holds %s", got)
	}
	cut.cut = make(chan struct{})
	cut.deaf.Store(false)
	eventually(t, "it has caught up", func() bool { return refs(s.Snapshot()) == "source.back source.kept source.new source.own" })
	if got := s.Snapshot().Source("kept").Name; got != "Kept 3" {
		t.Errorf("kept is %q", got)
	}
	eventually(t, "both agree", func() bool { return other.Snapshot().Equal(s.Snapshot()) })
}

func TestOpenFails(t *testing.T) {
	cut := &cutKV{KV: bucket(t)}
	cut.deaf.Store(true)
	lg, _ := newLog()
	if _, err := catalog.Open(t.Context(), lg, cut, catalog.Checks{}); err == nil || !strings.Contains(err.Error(), "no connection") {
		t.Errorf("open without a connection: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := catalog.Open(ctx, lg, bucket(t), catalog.Checks{}); !errors.Is(err, context.Canceled) {
		t.Errorf("open of a done context: %v", err)
	}
}

// A change, and a large file, reach another store and its subscribers. How long
// that takes is logged, not judged by the clock.
func TestBulkReachesOthers(t *testing.T) {
	kv := bucket(t)
	a, b := open(t, kv), open(t, kv)
	told := make(chan struct{}, 1)
	b.Subscribe(func(_, _ *catalog.Catalog, _ []catalog.Event) {
		select {
		case told <- struct{}{}:
		default:
		}
	})
	start := time.Now()
	if _, err := a.Put(t.Context(), &catalog.Source{ID: "a", Name: "A"}, catalog.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	select {
	case <-told:
	case <-time.After(soon):
		t.Fatal("never told")
	}
	t.Logf("another store's subscriber was told after %v", time.Since(start))
	start = time.Now()
	c := new(catalog.Catalog)
	for i := range 2000 {
		id := fmt.Sprintf("bulk-%d", i)
		c.Sources = append(c.Sources, catalog.Source{ID: id, Name: "Bulk"})
	}
	if _, err := a.Apply(t.Context(), c, "bulk.yaml"); err != nil {
		t.Fatal(err)
	}
	t.Logf("2,000 sources applied in %v", time.Since(start))
	eventually(t, "the other store has them", func() bool { return len(b.Snapshot().Sources) == 2001 })
	t.Logf("and seen by the other store after %v", time.Since(start))
}
