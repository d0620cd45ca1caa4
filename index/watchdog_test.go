package index

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/blevesearch/bleve/v2/index/scorch"
	bleveindex "github.com/blevesearch/bleve_index_api"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/newswatch/newswatch/pipeline"
)

// beforeMerge is called by Bleve's mergers of the indexes opened with events.
var (
	beforeMerge   atomic.Pointer[func()]
	registerEvent = sync.OnceFunc(func() {
		scorch.RegistryEventCallbacks["newswatch-test"] = func(e scorch.Event) bool {
			if fn := beforeMerge.Load(); fn != nil && e.Kind == scorch.EventKindPreMergeCheck {
				(*fn)()
			}
			return true
		}
	})
)

func withEvents(cfg Config) Config {
	registerEvent()
	cfg.bleve = map[string]any{"eventCallbackName": "newswatch-test"}
	return cfg
}

// A merger that panics is gone without a trace in Bleve; here the partition is
// opened anew, by the goroutine that watches, and merges again.
func TestMergerPanics(t *testing.T) {
	var panics atomic.Int64
	fn := func() {
		if panics.Add(1) == 1 {
			panic("in the merger")
		}
	}
	beforeMerge.Store(&fn)
	defer beforeMerge.Store(nil)
	ix := openWith(t, withEvents(Config{Dir: t.TempDir()}))
	seq := uint64(0)
	for testutil.ToFloat64(ix.metrics.reopened) == 0 {
		seq++
		<-write(ix, stored(seq, article(int(seq), when, "t", "text"))) // one that waits when it is opened anew fails
		if seq > 5000 {
			t.Fatal("a dead merger goes unnoticed")
		}
	}
	for i := range seq { // as the bus hands them in again
		put(t, ix, stored(i+1, article(int(i+1), when, "t", "text")))
	}
	if n := ix.Stats().Documents; n != int(seq) {
		t.Errorf("%d documents, want %d", n, seq)
	}
	if panics.Load() < 2 {
		t.Error("no merger works")
	}
}

// A merger that stands still shows in segments that become more; the partition
// is opened anew, though Bleve can't be closed.
func TestMergerStalls(t *testing.T) {
	release := make(chan struct{})
	var once sync.Once
	defer once.Do(func() { close(release) })
	var stalled atomic.Bool
	stalled.Store(true)
	fn := func() {
		if stalled.Load() {
			<-release
		}
	}
	beforeMerge.Store(&fn)
	defer beforeMerge.Store(nil)
	defer func(d time.Duration) { closeTimeout = d }(closeTimeout)
	closeTimeout = 200 * time.Millisecond

	ix := openWith(t, withEvents(Config{Dir: t.TempDir()}))
	n := 0
	for ; n < mergeMany+5; n++ {
		put(t, ix, stored(uint64(n+1), article(n, when, "t", "text")))
	}
	p := ix.list()[0]
	if why := p.mergerStalled(time.Now()); why != "" { // the first look knows no better
		t.Fatalf("taken for stalled at once: %s", why)
	}
	for i := range 5 {
		put(t, ix, stored(uint64(n+1), article(n, when, "t", "text")))
		n++
		if why := p.mergerStalled(time.Now()); why != "" {
			t.Fatalf("taken for stalled after %d writes: %s", i+1, why)
		}
	}
	stalled.Store(false)
	ix.watchOne(p, time.Now().Add(2*mergeStall))
	if got := testutil.ToFloat64(ix.metrics.stalled); got != 1 {
		t.Fatalf("merger_stalled_total = %v, want 1", got)
	}
	for range 10 {
		put(t, ix, stored(uint64(n+1), article(n, when, "t", "text")))
		n++
	}
	if got := ix.Stats(); got.Documents != n || got.Partitions[0].Error != "" {
		t.Errorf("%d documents, want %d; error %q", got.Documents, n, got.Partitions[0].Error)
	}
	for range 1000 { // until it has merged
		if s, err := segments(p); err == nil && s < mergeMany {
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	if s, err := segments(p); err != nil || s >= mergeMany {
		t.Errorf("%d segments, %v: nothing merges", s, err)
	}
	once.Do(func() { close(release) })
}

// A panic within one partition is that partition's: the others answer, the
// result says so, and the process lives.
func TestPanicIsContained(t *testing.T) {
	ix := openTest(t, t.TempDir())
	put(t, ix, messages(30))
	bad := ix.partition("2015-11")
	err := bad.reader(func(bleveindex.IndexReader) error { panic("in a segment") })
	if err == nil {
		t.Error("a panic in a reader is no error")
	}
	r, err := ix.newRun(pipeline.SearchRequest{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.close()
	if err := r.find(context.Background()); err != nil {
		t.Fatal(err)
	}
	all := r.res.Total
	err = r.each(slices.Clone(r.views), func(v *view) error {
		if v.p == bad {
			panic("in the search of a partition")
		}
		return nil
	})
	r.sum()
	if err != nil || !r.partial || r.res.Total == 0 || r.res.Total >= all || len(r.res.Warnings) == 0 {
		t.Errorf("%v; partial %v, total %d of %d, warnings %v", err, r.partial, r.res.Total, all, r.res.Warnings)
	}
}
