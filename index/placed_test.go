package index

import (
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/newswatch/newswatch/pipeline"
)

// A search that has no time for all positions comes nearer each time it is
// asked, and a narrower one gains from it, while others write.
func TestPlacedIsKept(t *testing.T) {
	w := newSmallWorld(t, 12, Config{placing: 1, places: 1, Verify: 100_000})
	several := 0
	for range 40 {
		text := w.query(1, false)
		req := pipeline.SearchRequest{Query: text, Limit: -1}
		want := w.want(t, req)
		last := 0
		for n := 0; ; n++ {
			got := find(t, w.ix, req)
			if got.Total < want.Total {
				t.Fatalf("%s: total %d, want %d", text, got.Total, want.Total)
			}
			last = got.Total // not always less than before: a merge makes segments of which nothing is known
			if got.TotalExact {
				if n > 0 {
					several++
				}
				break
			}
			if n > 500 {
				t.Fatalf("%s: never exact", text)
			}
		}
		if last != want.Total {
			t.Errorf("%s: total %d, want %d", text, last, want.Total)
		}
		narrow := pipeline.SearchRequest{Query: "(" + text + ") source:one", Limit: 1 + w.IntN(20)}
		if diff := gocmp.Diff(hitsOf(w.want(t, narrow)), hitsOf(pages(t, w.ix, narrow))); diff != "" {
			t.Errorf("%s: hits (-want +got):\n%s", narrow.Query, diff)
		}
		w.write(t, 3)
		w.ix.placed.check(t)
	}
	if several < 5 {
		t.Errorf("only %d searches had to be asked again", several)
	}
}
