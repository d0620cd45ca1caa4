package index

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/newswatch/newswatch/pipeline"
)

// many writes n articles over a year, every third with the word rare.
func many(t testing.TB, ix *Index, n int) []pipeline.Article {
	t.Helper()
	as := make([]pipeline.Article, n)
	step := 365 * 24 * time.Hour / time.Duration(n)
	for i := range as {
		text := "common words, Words"
		if i%3 == 0 {
			text += " rare"
		}
		as[i] = article(i, when.Add(-time.Duration(i)*step), fmt.Sprint("title ", i), text)
	}
	var last <-chan error
	for part := range slices.Chunk(as, 500) {
		last = write(ix, stored(1, part...))
	}
	if err := <-last; err != nil {
		t.Fatal(err)
	}
	return as
}

// Paging in any order gives every hit once, and what comes in meanwhile moves
// nothing.
func TestPagesAreStable(t *testing.T) {
	ix := openTest(t, t.TempDir())
	as := many(t, ix, 100)
	for _, order := range []string{pipeline.SortNewest, pipeline.SortOldest} {
		t.Run(order, func(t *testing.T) {
			want := []string{}
			for i := range as {
				if i%3 == 0 {
					want = append(want, as[i].ID)
				}
			}
			if order == pipeline.SortOldest {
				slices.Reverse(want)
			}
			got := []string{}
			req := pipeline.SearchRequest{Query: "rare", Sort: order, Limit: 7}
			for page := 0; ; page++ {
				res := find(t, ix, req)
				got = append(got, ids(res)...)
				if req.Cursor = res.NextCursor; req.Cursor == "" {
					break
				}
				// New ones come in where the reader has been.
				at := when.Add(time.Duration(page+1) * time.Hour)
				if order == pipeline.SortOldest {
					at = when.AddDate(-2, 0, page)
				}
				put(t, ix, stored(uint64(1000+page), article(1000+page+len(order), at, "late", "rare")))
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if err := ix.Delete(context.Background(), lateOnes(t, ix)); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func lateOnes(t *testing.T, ix *Index) []string {
	return ids(find(t, ix, pipeline.SearchRequest{Query: "title:late", Limit: 200}))
}

func TestRelevance(t *testing.T) {
	ix := openTest(t, t.TempDir())
	as := []pipeline.Article{
		article(1, when.AddDate(0, -1, 0), "On trade", "Nothing but a long text in which sanctions are named once among many other words about trade and tariffs."),
		article(2, when.AddDate(0, -2, 0), "Sanctions", "Sanctions, sanctions, and again sanctions."),
		article(3, when, "Weather", "It rains."),
	}
	put(t, ix, stored(1, as...))
	req := pipeline.SearchRequest{Query: "sanctions", Sort: pipeline.SortRelevance, Limit: 1}
	first := find(t, ix, req)
	if diff := cmp.Diff([]string{"Sanctions"}, titles(first)); diff != "" {
		t.Errorf("first page (-want +got):\n%s", diff)
	}
	if first.Hits[0].Score <= 0 {
		t.Errorf("score %v", first.Hits[0].Score)
	}
	req.Cursor = first.NextCursor
	second := find(t, ix, req)
	if diff := cmp.Diff([]string{"On trade"}, titles(second)); diff != "" {
		t.Errorf("second page (-want +got):\n%s", diff)
	}
	if second.NextCursor != "" {
		t.Error("there is a third page")
	}
}

func TestFacetsAndTimeline(t *testing.T) {
	ix := openTest(t, t.TempDir())
	put(t, ix, stored(1, newsroom()...))
	// =Huawei and entity:huawei take the two ways there are to count.
	for _, q := range []string{"entity:huawei", "entity:huawei (=Huawei OR =Хуавей)"} {
		res := find(t, ix, pipeline.SearchRequest{Query: q, Facets: facetFields, Timeline: true})
		want := map[string][]pipeline.FacetCount{
			"source":  {{Value: "example", Count: 1}, {Value: "kommersant", Count: 1}},
			"lang":    {{Value: "en", Count: 1}, {Value: "ru", Count: 1}},
			"country": {{Value: "GB", Count: 1}, {Value: "RU", Count: 1}},
			"entity":  {{Value: "huawei", Count: 2}},
			"tag":     {{Value: "business", Count: 1}, {Value: "r&d", Count: 1}},
			"day":     {{Value: "20151027", Count: 1}, {Value: "20151106", Count: 1}},
		}
		if diff := cmp.Diff(want, res.Facets); diff != "" {
			t.Errorf("%s: facets (-want +got):\n%s", q, diff)
		}
		timeline := []pipeline.TimeCount{
			{T: time.Date(2015, 10, 27, 0, 0, 0, 0, time.UTC), Count: 1},
			{T: time.Date(2015, 11, 6, 0, 0, 0, 0, time.UTC), Count: 1},
		}
		if diff := cmp.Diff(timeline, res.Timeline); diff != "" {
			t.Errorf("%s: timeline (-want +got):\n%s", q, diff)
		}
	}
}

func TestCollapse(t *testing.T) {
	ix := openTest(t, t.TempDir())
	as := newsroom()
	put(t, ix, stored(1, as...))
	tests := []struct {
		req    pipeline.SearchRequest
		want   []string
		copies int // of the first hit
		total  int
	}{
		{pipeline.SearchRequest{Query: "internet"}, []string{as[6].Title, as[3].Title}, 0, 2},
		{pipeline.SearchRequest{Query: "internet", Sort: pipeline.SortOldest}, []string{as[3].Title, as[6].Title}, 1, 2},
		{pipeline.SearchRequest{Query: "internet", Collapse: "copies"}, []string{as[3].Title}, 1, 1},
		{pipeline.SearchRequest{Query: "internet", Collapse: "stories"}, []string{as[6].Title}, 0, 1},
		{pipeline.SearchRequest{Query: "internet", Collapse: "stories", Sort: pipeline.SortOldest}, []string{as[3].Title}, 1, 1},
		{pipeline.SearchRequest{Query: "=Internet", Collapse: "stories"}, []string{as[6].Title}, 0, 1},
		{pipeline.SearchRequest{Query: "title:copy", Collapse: "copies"}, []string{as[6].Title}, 0, 1},
		{pipeline.SearchRequest{Query: "internet -title:copy", Collapse: "stories"}, []string{as[3].Title}, 1, 1},
		{pipeline.SearchRequest{Query: "internet OR apple", Collapse: "stories", Limit: 1}, []string{as[6].Title}, 0, 3},
	}
	for _, tt := range tests {
		res := find(t, ix, tt.req)
		if diff := cmp.Diff(tt.want, titles(res)); diff != "" {
			t.Errorf("%+v (-want +got):\n%s", tt.req, diff)
		}
		if res.Hits[0].Copies != tt.copies || res.Total != tt.total {
			t.Errorf("%+v: %d copies, total %d, want %d and %d", tt.req, res.Hits[0].Copies, res.Total, tt.copies, tt.total)
		}
	}
	// The story is not shown again on the next page.
	req := pipeline.SearchRequest{Query: "internet OR apple", Collapse: "stories", Limit: 1}
	var got []string
	for {
		res := find(t, ix, req)
		got = append(got, titles(res)...)
		if req.Cursor = res.NextCursor; req.Cursor == "" {
			break
		}
	}
	if diff := cmp.Diff([]string{as[6].Title, as[4].Title, as[0].Title}, got); diff != "" {
		t.Errorf("pages (-want +got):\n%s", diff)
	}
}

// Times of the request narrow the search as after: and before: would.
func TestFromTo(t *testing.T) {
	ix := openTest(t, t.TempDir())
	as := newsroom()
	put(t, ix, stored(1, as...))
	res := find(t, ix, pipeline.SearchRequest{From: as[1].Published, To: as[3].Published})
	if diff := cmp.Diff([]string{as[2].Title, as[1].Title}, titles(res)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// What can't be verified any more is said, not hidden, and the reader can go on.
func TestVerifyIsBounded(t *testing.T) {
	ix := openWith(t, Config{Dir: t.TempDir(), Verify: 10})
	many(t, ix, 30)
	req := pipeline.SearchRequest{Query: `="Words rare"`, Limit: 100, Facets: []string{"source"}}
	var got []string
	for pages := 0; ; pages++ {
		res := find(t, ix, req)
		if res.TotalExact || len(res.Warnings) == 0 || res.Total != 10 {
			// It is in 10 articles of 30: no more than that can match.
			if res.Total != 10 {
				t.Errorf("total %d", res.Total)
			}
		}
		got = append(got, ids(res)...)
		if req.Cursor = res.NextCursor; req.Cursor == "" || pages > 20 {
			break
		}
	}
	if len(got) != 10 {
		t.Errorf("%d hits, want 10", len(got))
	}
	res := find(t, ix, pipeline.SearchRequest{Query: `="common Words"`, Limit: 5})
	if res.TotalExact || len(res.Warnings) == 0 || res.Total != 30 || len(res.Hits) != 0 || res.NextCursor == "" {
		t.Errorf("total %d (exact %v), %d hits, warnings %q, next %q; want 30 candidates, none shown, and a way on",
			res.Total, res.TotalExact, len(res.Hits), res.Warnings, res.NextCursor)
	}
	n, exact, err := ix.Count(context.Background(), `="common Words"`)
	if n != 30 || exact || err != nil {
		t.Errorf("Count = %d, %v, %v", n, exact, err)
	}
}

func TestBadRequests(t *testing.T) {
	ix := openTest(t, t.TempDir())
	put(t, ix, stored(1, newsroom()...))
	newest := find(t, ix, pipeline.SearchRequest{Limit: 1}).NextCursor
	for name, req := range map[string]pipeline.SearchRequest{
		"query":             {Query: `"never closed`},
		"field":             {Query: "nofield:x"},
		"sort":              {Sort: "random"},
		"collapse":          {Collapse: "all"},
		"facet":             {Facets: []string{"mood"}},
		"cursor":            {Cursor: "!!"},
		"cursor text":       {Cursor: "bmV3ZXN0IDE"},
		"cursor of another": {Cursor: newest, Sort: pipeline.SortOldest},
	} {
		_, err := ix.Search(context.Background(), req)
		if _, ok := errors.AsType[*pipeline.QueryError](err); !ok {
			t.Errorf("%s: Search = %v, want a QueryError", name, err)
		}
	}
}

func TestTooManyForms(t *testing.T) {
	ix := openTest(t, t.TempDir())
	var text strings.Builder
	for i := range maxForms + 1 {
		fmt.Fprintf(&text, "zz%da ", i)
	}
	put(t, ix, stored(1, article(1, when, "t", text.String())))
	_, err := ix.Search(context.Background(), pipeline.SearchRequest{Query: "t zz*"})
	var bad *pipeline.QueryError
	if !errors.As(err, &bad) || bad.Pos != 2 || bad.Query != "t zz*" {
		t.Errorf("Search = %#v, want a QueryError at 2", err)
	}
	if n := find(t, ix, pipeline.SearchRequest{Query: "zz11*"}).Total; n != 1 {
		t.Errorf("total %d, want 1", n)
	}
}

// A partition that fails is said, and the others answer.
func TestPartial(t *testing.T) {
	ix := openTest(t, t.TempDir())
	as := newsroom()
	put(t, ix, stored(1, as...))
	p := ix.partition("2015-12")
	idx := p.detach()
	defer idx.Close()
	res := find(t, ix, pipeline.SearchRequest{})
	if len(res.Hits) == 0 || res.TotalExact || len(res.Warnings) != 1 || !strings.HasPrefix(res.Warnings[0], "partial: partition 2015-12") {
		t.Errorf("%d hits, exact %v, warnings %q", len(res.Hits), res.TotalExact, res.Warnings)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := ix.Search(ctx, pipeline.SearchRequest{}); !errors.Is(err, context.Canceled) {
		t.Errorf("Search = %v, want canceled", err)
	}
}
