package index

import (
	"context"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/newswatch/newswatch/pipeline"
)

// Where hits are collapsed, what comes in between two pages, into their groups
// or not, newer or older than what is on them, changes nothing on the pages to
// come: each group is shown once, by the hit that it was shown by.
func TestCollapsedPagesAreStable(t *testing.T) {
	w := newSmallWorld(t, 21, Config{})
	w.seen = when
	shards := 0
	for _, sort := range []string{pipeline.SortNewest, pipeline.SortOldest, pipeline.SortRelevance} {
		for _, collapse := range []string{collapseCopies, collapseStories} {
			for i, text := range []string{"*", "alpha", "gamma OR новости", "-beta"} {
				req := pipeline.SearchRequest{Query: text, Sort: sort, Collapse: collapse, Limit: 200}
				search := w.ix.Search
				if i%2 == 1 { // as one shard of one
					shards++
					search = func(ctx context.Context, req pipeline.SearchRequest) (pipeline.SearchResult, error) {
						return Across(ctx, pipeline.Shards(1), w.seen, func(ctx context.Context, _ int, req PartRequest) (PartResult, error) {
							return w.ix.Part(ctx, req)
						}, req)
					}
				}
				want := pages(t, w.ix, req)
				req.Limit = 1 + len(want.Hits)/4
				got := []string{}
				for {
					res, err := search(t.Context(), req)
					if err != nil {
						t.Fatal(err)
					}
					if res.Total != want.Total {
						t.Errorf("%s: total %d on a page, want %d", text, res.Total, want.Total)
					}
					got = append(got, ids(res)...)
					if req.Cursor = res.NextCursor; req.Cursor == "" {
						break
					}
					w.seen = w.seen.Add(time.Second)
					w.write(t, 5+w.IntN(10))
				}
				if diff := gocmp.Diff(ids(want), got); diff != "" {
					t.Errorf("%s, %s, %s: hits (-want +got):\n%s", text, sort, collapse, diff)
				}
				slices.Sort(got)
				if n := len(slices.Compact(got)); n != want.Total {
					t.Errorf("%s: %d groups, want %d", text, n, want.Total)
				}
			}
		}
	}
	if shards == 0 {
		t.Error("no search of shards")
	}
}
