package index

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/newswatch/newswatch/pipeline"
)

// split is an index with all the articles, and the same in each number of
// shards.
func split(t *testing.T, as []pipeline.Article, cfg Config, numbers ...pipeline.Shards) (whole *Index, shards map[pipeline.Shards][]*Index) {
	t.Helper()
	fill := func(as []pipeline.Article) *Index {
		cfg.Dir = t.TempDir()
		ix := openWith(t, cfg)
		var last <-chan error
		for part := range slices.Chunk(as, 100) {
			last = write(ix, stored(1, part...))
		}
		if last == nil {
			return ix
		}
		if err := <-last; err != nil {
			t.Fatal(err)
		}
		return ix
	}
	shards = make(map[pipeline.Shards][]*Index)
	for _, n := range numbers {
		for shard := range n.Count() {
			var held []pipeline.Article
			for i := range as {
				if n.Of(as[i].Key) == shard {
					held = append(held, as[i])
				}
			}
			shards[n] = append(shards[n], fill(held))
		}
	}
	return fill(as), shards
}

// askAll asks indexes in this process.
func askAll(shards []*Index) Part {
	return func(ctx context.Context, shard int, req PartRequest) (PartResult, error) {
		return shards[shard].Part(ctx, req)
	}
}

// A corpus in several shards answers like one index: page by page, in every
// order, with every way to collapse, with all counts.
func TestAcrossIsOneIndex(t *testing.T) {
	as := grouped(corpus(t, 300))
	whole, shards := split(t, as, Config{Verify: 10_000}, 1, 2, 3)
	rng := rand.New(rand.NewPCG(3, 4))
	g := newGenerator(rng, as)
	matched := 0
	const queries = 40
	for i := range queries {
		req := pipeline.SearchRequest{
			Query: g.query(2), Limit: 5 + rng.IntN(30), Timeline: rng.IntN(2) == 0, Interval: []string{"", intervalDay, intervalHour}[rng.IntN(3)],
			Sort:     []string{"", pipeline.SortNewest, pipeline.SortOldest, pipeline.SortRelevance}[rng.IntN(4)],
			Collapse: []string{"", collapseNone, collapseCopies, collapseStories}[rng.IntN(4)],
		}
		if i%8 == 0 {
			req.Query, req.Limit = "", 50+rng.IntN(100) // everything: many groups
		}
		for _, f := range facetFields {
			if rng.IntN(3) == 0 {
				req.Facets = append(req.Facets, f)
			}
		}
		if rng.IntN(4) == 0 {
			req.From, req.To = when.AddDate(0, 0, -1-rng.IntN(4)), when.AddDate(0, 0, -rng.IntN(2))
		}
		want, err := walkPages(whole.Search, req)
		if _, ok := errors.AsType[*pipeline.QueryError](err); ok {
			continue // a word without letters or digits
		}
		if err != nil {
			t.Fatalf("%+v: %v", req, err)
		}
		if len(want[0].Hits) > 0 {
			matched++
		}
		for n, parts := range shards {
			got, err := walkPages(func(ctx context.Context, req pipeline.SearchRequest) (pipeline.SearchResult, error) {
				return Across(ctx, n, when, askAll(parts), req)
			}, req)
			if err != nil {
				t.Fatalf("%d shards: %+v: %v", n, req, err)
			}
			// Nothing has what was found out in its time; TestNothing compares it.
			if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(pipeline.SearchResult{}, "TookMS", "NextCursor", "Nothing")); diff != "" {
				t.Errorf("%d shards: %+v\n(-one index +shards):\n%s", n, req, diff)
			}
		}
	}
	t.Logf("%d of %d requests found something", matched, queries)
	if matched < queries/3 {
		t.Errorf("only %d of %d requests found anything", matched, queries)
	}
}

// grouped puts the articles into stories of up to five and copies of up to
// three, some of them of articles that are not there.
func grouped(as []pipeline.Article) []pipeline.Article {
	gone := article(1_000_000, when.AddDate(0, -1, 0), "", "").ID
	for i := range as {
		a := &as[i]
		a.Story, a.CopyOf = "", ""
		switch i / 10 % 4 {
		case 0:
			a.Story = as[i-i%5].ID
		case 1:
			if i%3 > 0 {
				a.CopyOf = as[i-i%3].ID
			}
			a.Story = as[i-i%5].ID
		case 2:
			if i%4 == 0 {
				a.CopyOf, a.Story = gone, gone
			}
		}
	}
	return as
}

// Where groups can't all be told, or hits not be verified, each group is still
// shown once, and what the counts are worth is said.
func TestAcrossWithManyGroups(t *testing.T) {
	as := grouped(corpus(t, 200))
	whole, shards := split(t, as, Config{Verify: 10_000}, 2)
	for _, ix := range shards[2] {
		ix.cfg.groups = 3
	}
	_, unverified := split(t, as, Config{Verify: 18}, 3)
	many := func(w string) bool { return strings.Contains(w, "counted in each") }
	for _, tt := range []struct {
		name   string
		query  string
		shards []*Index
	}{
		{"too many groups", "", shards[2]},
		{"too many groups of a word", "china OR russia OR 中国 OR the", shards[2]},
		{"hits not read", `="in the" OR ="of the" OR ="to the" OR ="中国"`, unverified[3]},
	} {
		for order, collapses := range map[string][]string{
			pipeline.SortNewest: {collapseCopies, collapseStories}, pipeline.SortOldest: {collapseStories}, pipeline.SortRelevance: {collapseCopies},
		} {
			for _, collapse := range collapses {
				req := pipeline.SearchRequest{Query: tt.query, Sort: order, Collapse: collapse, Limit: 14}
				want, err := walkPages(whole.Search, req)
				if err != nil {
					t.Fatal(err)
				}
				got, err := walkPages(func(ctx context.Context, req pipeline.SearchRequest) (pipeline.SearchResult, error) {
					return Across(ctx, pipeline.Shards(len(tt.shards)), when, askAll(tt.shards), req)
				}, req)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(allHits(want), allHits(got)); diff != "" {
					t.Errorf("%s, %s, %s (-one index +shards):\n%s", tt.name, order, collapse, diff)
				}
				if got[0].TotalExact || !slices.ContainsFunc(got[0].Warnings, many) || got[0].Total < want[0].Total {
					t.Errorf("%s, %s, %s: total %d (exact: %v), warnings %q; there are %d", tt.name, order, collapse, got[0].Total, got[0].TotalExact, got[0].Warnings, want[0].Total)
				}
			}
		}
	}
}

func allHits(pages []pipeline.SearchResult) (ids []string) {
	for _, p := range pages {
		for _, h := range p.Hits {
			ids = append(ids, h.ID)
		}
	}
	return ids
}

// walkPages is all pages of the request.
func walkPages(search func(context.Context, pipeline.SearchRequest) (pipeline.SearchResult, error), req pipeline.SearchRequest) ([]pipeline.SearchResult, error) {
	var pages []pipeline.SearchResult
	for {
		res, err := search(context.Background(), req)
		if err != nil {
			return nil, err
		}
		pages = append(pages, res)
		if req.Cursor = res.NextCursor; req.Cursor == "" {
			return pages, nil
		}
		if len(pages) > 1000 {
			return nil, fmt.Errorf("%+v: no end of pages", req)
		}
	}
}

// What is wrong with a request is told as by one index; shards that don't
// answer are a warning, until none does.
func TestAcrossShardsThatFail(t *testing.T) {
	var as []pipeline.Article
	for i := range 20 {
		as = append(as, article(i, when.Add(-time.Duration(i)*time.Hour), fmt.Sprint("title ", i), "text"))
	}
	_, all := split(t, as, Config{}, 2)
	shards := all[2]
	ctx := context.Background()
	for _, req := range []pipeline.SearchRequest{{Query: "("}, {Sort: "best"}, {Collapse: "all"}, {Facets: []string{"id"}}, {Cursor: "x"}} {
		_, want := shards[0].Search(ctx, req)
		_, got := Across(ctx, 2, when, askAll(shards), req)
		if want == nil || got == nil || got.Error() != want.Error() {
			t.Errorf("%+v: %v, want %v", req, got, want)
		}
	}
	down := map[int]bool{1: true}
	ask := func(ctx context.Context, shard int, req PartRequest) (PartResult, error) {
		if down[shard] {
			return PartResult{}, pipeline.ErrNoServer
		}
		return shards[shard].Part(ctx, req)
	}
	res, err := Across(ctx, 2, when, ask, pipeline.SearchRequest{})
	if err != nil {
		t.Fatal(err)
	}
	want := 0
	for i := range as {
		if pipeline.Shards(2).Of(as[i].Key) == 0 {
			want++
		}
	}
	if res.Total != want || len(res.Hits) != want || res.TotalExact || !slices.Equal(res.Warnings, []string{"partial: shard 1 does not answer"}) {
		t.Errorf("with shard 1 down: total %d (exact: %v), %d hits, warnings %q; want %d, inexact, one warning", res.Total, res.TotalExact, len(res.Hits), res.Warnings, want)
	}
	down[0] = true
	if _, err := Across(ctx, 2, when, ask, pipeline.SearchRequest{}); !errors.Is(err, pipeline.ErrNoServer) {
		t.Errorf("with all shards down: %v, want pipeline.ErrNoServer", err)
	}
	if _, err := IDsAcross(ctx, 2, func(context.Context, int, pipeline.IDsRequest) (pipeline.IDsResult, error) {
		return pipeline.IDsResult{}, pipeline.ErrNoServer
	}, pipeline.IDsRequest{}); !errors.Is(err, pipeline.ErrNoServer) {
		t.Errorf("ids with shards down: %v, want pipeline.ErrNoServer", err)
	}
}

func TestIDsAcross(t *testing.T) {
	as := make([]pipeline.Article, 50)
	for i := range as {
		as[i] = article(i, when.Add(-time.Duration(i)*time.Hour), fmt.Sprint("title ", i), "text")
	}
	whole, shards := split(t, as, Config{}, 3)
	for limit := 1; limit < 60; limit += 7 {
		req := pipeline.IDsRequest{Query: "text", Limit: limit}
		for {
			want, err := whole.IDs(context.Background(), req)
			if err != nil {
				t.Fatal(err)
			}
			got, err := IDsAcross(context.Background(), 3, func(ctx context.Context, shard int, req pipeline.IDsRequest) (pipeline.IDsResult, error) {
				return shards[3][shard].IDs(ctx, req)
			}, req)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("%+v (-one index +shards):\n%s", req, diff)
			}
			if len(want.IDs) < limit {
				break
			}
			req.After = want.IDs[limit-1]
		}
	}
}

// A shard that stopped early has told nothing of what comes behind its cursor:
// no hit of another one is shown from there.
func TestMergeStopsWhereAShardStopped(t *testing.T) {
	id := func(hour int) string {
		return pipeline.NewID(when.Add(time.Duration(hour)*time.Hour), when.AddDate(1, 0, 0), strings.Repeat("0", 16))
	}
	hits := func(hours ...int) (out []pipeline.Hit) {
		for _, h := range hours {
			out = append(out, pipeline.Hit{ID: id(h)})
		}
		return out
	}
	early := pipeline.SearchResult{Total: 9, Hits: hits(8), NextCursor: cursor{sort: pipeline.SortNewest, id: id(5)}.String(), Warnings: []string{"partial: slow", "w"}}
	rest := pipeline.SearchResult{Total: 3, TotalExact: true, Hits: hits(7, 6, 4), Warnings: []string{"w"}}
	got := Merge(pipeline.SearchRequest{Limit: 10}, []pipeline.SearchResult{early, rest})
	want := pipeline.SearchResult{Total: 12, Hits: hits(8, 7, 6), NextCursor: early.NextCursor, Warnings: []string{"partial: slow", "w"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Values that a shard leaves out of a facet are told, if they can matter.
func TestMergeFacets(t *testing.T) {
	facet := func(n int, count func(i int) int) []pipeline.FacetCount {
		out := make([]pipeline.FacetCount, n)
		for i := range out {
			out[i] = pipeline.FacetCount{Value: fmt.Sprintf("v%04d", i), Count: count(i)}
		}
		return out
	}
	steep := func(i int) int { return 10_000 - 3*i }
	flat := func(int) int { return 7 }
	tests := []struct {
		name  string
		a, b  []pipeline.FacetCount
		first int
		exact bool
	}{
		{"all told", facet(100, steep), facet(2000, steep), 20_000, true},
		{"the frequent are in both", facet(maxPartFacet, steep), facet(maxPartFacet, steep), 20_000, true},
		{"one was not told by a shard that was cut off", append([]pipeline.FacetCount{{Value: "x", Count: 20_001}}, facet(100, steep)...), facet(maxPartFacet, steep), 20_001, false},
		{"all as frequent as those left out", facet(maxPartFacet, flat), facet(10, flat), 14, true},
		{"less frequent than those left out may be", facet(maxPartFacet, flat), facet(maxPartFacet, func(i int) int { return 7 - i/2999 }), 14, true},
		{"none", nil, nil, 0, true},
	}
	for _, tt := range tests {
		req := pipeline.SearchRequest{Facets: []string{"source"}}
		res := Merge(req, []pipeline.SearchResult{
			{Facets: map[string][]pipeline.FacetCount{"source": tt.a}}, {Facets: map[string][]pipeline.FacetCount{"source": tt.b}},
		})
		top := res.Facets["source"]
		if len(top) > 0 && top[0].Count != tt.first || len(top) > maxFacet {
			t.Errorf("%s: first %+v of %d, want %d of at most %d", tt.name, top[0], len(top), tt.first, maxFacet)
		}
		if exact := len(res.Warnings) == 0; exact != tt.exact {
			t.Errorf("%s: warnings %q, want exact: %v", tt.name, res.Warnings, tt.exact)
		}
	}
}
