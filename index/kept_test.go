package index

import (
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/newswatch/newswatch/pipeline"
)

// What is kept stays within its bound, whatever is asked for, and goes with its
// segment; the answers are the same with nothing kept.
func TestKept(t *testing.T) {
	w := newSmallWorld(t, 11, Config{kept: 1000})
	req := pipeline.SearchRequest{Query: "alpha", Sort: pipeline.SortNewest, Timeline: true, Facets: facetFields, Collapse: collapseStories, Limit: 200}
	for range 5 {
		want := w.want(t, req)
		got := pages(t, w.ix, req)
		if diff := gocmp.Diff(hitsOf(want), hitsOf(got)); diff != "" {
			t.Errorf("hits (-want +got):\n%s", diff)
		}
		if diff := gocmp.Diff(want.Facets, got.Facets); diff != "" {
			t.Errorf("facets (-want +got):\n%s", diff)
		}
		w.ix.keeper.check(t)
		w.write(t, 20)
	}
	if err := w.ix.Close(); err != nil { // and with it the goroutine that warms
		t.Fatal(err)
	}
	k := w.ix.keeper
	k.prunePartitions(nil)
	if k.bytes != 0 || len(k.kept) != 0 {
		t.Errorf("%d bytes of %d partitions are kept of none", k.bytes, len(k.kept))
	}
}

// check compares what is kept with the bound, with what is said of it, and with
// the segments there are.
func (k *keeper) check(t *testing.T) {
	t.Helper()
	k.mu.Lock()
	defer k.mu.Unlock()
	bytes, entries := 0, 0
	for p, segments := range k.kept {
		v := &view{p: p, keeper: newKeeper(0), placed: newKeeper(0)}
		if err := v.open(); err != nil {
			t.Fatal(err)
		}
		defer v.close()
		if len(segments) > 2*len(v.segments)+2 { // those of searches a moment ago
			t.Errorf("partition %s: %d segments kept of %d", p.name, len(segments), len(v.segments))
		}
		for _, named := range segments {
			for _, e := range named {
				bytes += e.Value.(*kept).bytes
				entries++
			}
		}
	}
	if bytes != k.bytes || bytes > k.max && entries > 1 {
		t.Errorf("%d bytes kept in %d entries, of at most %d; said to be %d", bytes, entries, k.max, k.bytes)
	}
}
