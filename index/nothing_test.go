package index

import (
	"context"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/newswatch/newswatch/extractors/textnorm"
	"github.com/newswatch/newswatch/pipeline"
)

func TestNothing(t *testing.T) {
	dir := t.TempDir()
	one := openTest(t, dir)
	n := pipeline.Shards(3)
	shards := make([]*Index, n.Count())
	var as []pipeline.Article
	add := func(lang, title, text string) {
		a := article(len(as), when.Add(-time.Duration(len(as))*24*time.Hour), title, text)
		a.Lang = lang
		as = append(as, a)
	}
	for range 5 {
		add("en", "Huawei", "Huawei makes chips for phones")
	}
	add("en", "", "a huawej of its own")
	for range 3 {
		add("ru", "", "Санкции против компании Хуавей")
	}
	add("zh", "", "华为公司的芯片")
	put(t, one, stored(1, as...))
	for i := range shards {
		shards[i] = openTest(t, t.TempDir())
		own := slices.DeleteFunc(slices.Clone(as), func(a pipeline.Article) bool { return n.Of(a.Key) != i })
		put(t, shards[i], stored(1, own...))
	}
	across := func(ctx context.Context, req pipeline.SearchRequest) (pipeline.SearchResult, error) {
		return Across(ctx, n, when, func(ctx context.Context, i int, req PartRequest) (PartResult, error) { return shards[i].Part(ctx, req) }, req)
	}
	absent := func(term, instead, query string, count int) pipeline.Absent {
		return pipeline.Absent{Term: term, Instead: instead, Query: query, Count: count}
	}
	without := func(term, query string, count int) pipeline.Without {
		return pipeline.Without{Term: term, Query: query, Count: count}
	}
	lang := func(q string, n int) []pipeline.Without {
		return []pipeline.Without{{Term: q, Query: "huawei", Count: n}}
	}
	for _, tt := range []struct {
		req     pipeline.SearchRequest
		absent  []pipeline.Absent
		without []pipeline.Without
	}{
		{req: pipeline.SearchRequest{Query: "Huawie"}, absent: []pipeline.Absent{absent("Huawie", "huawei", "huawei", 5)}},
		{req: pipeline.SearchRequest{Query: "body:huwei chips"}, absent: []pipeline.Absent{absent("huwei", "huawei", "body:huawei chips", 5)}, without: []pipeline.Without{without("body:huwei", "chips", 5)}},
		{req: pipeline.SearchRequest{Query: `"makes chisp" -x`}, absent: []pipeline.Absent{absent("chisp", "chips", `"makes chips" -x`, 5)}},
		{req: pipeline.SearchRequest{Query: "сакнции"}, absent: []pipeline.Absent{absent("сакнции", "санкции", "санкции", 3)}},
		{req: pipeline.SearchRequest{Query: "qqqqqqq abc"}, absent: []pipeline.Absent{{Term: "qqqqqqq"}, {Term: "abc"}}},
		{req: pipeline.SearchRequest{Query: "中兴"}, absent: []pipeline.Absent{{Term: "中兴"}}},
		{req: pipeline.SearchRequest{Query: "huawei lang:zh"}, without: append(lang("lang:zh", 5), pipeline.Without{Term: "huawei", Query: "lang:zh", Count: 1})},
		{req: pipeline.SearchRequest{Query: "source:nobody chips"}, absent: []pipeline.Absent{{Term: "source:nobody"}}, without: []pipeline.Without{without("source:nobody", "chips", 5)}},
		{req: pipeline.SearchRequest{Query: "huawei", From: when.Add(time.Hour)}, without: lang("", 5)},
		{req: pipeline.SearchRequest{Query: "huawei after:2020-01-01"}, without: lang("after:2020-01-01", 5)},
		{req: pipeline.SearchRequest{Query: "sanct* phones"}, absent: []pipeline.Absent{{Term: "sanct*"}}, without: []pipeline.Without{without("sanct*", "phones", 5)}},
		{req: pipeline.SearchRequest{Query: "phones makes -chips"}, without: []pipeline.Without{without("-chips", "phones AND makes", 5)}},
	} {
		want := &pipeline.Nothing{Absent: tt.absent, Without: tt.without}
		if want.Absent == nil {
			want.Absent = []pipeline.Absent{}
		}
		if want.Without == nil {
			want.Without = []pipeline.Without{}
		}
		for i, search := range []func(context.Context, pipeline.SearchRequest) (pipeline.SearchResult, error){one.Search, across} {
			got, err := search(t.Context(), tt.req)
			if err != nil {
				t.Fatalf("%s: %v", tt.req.Query, err)
			}
			if diff := gocmp.Diff(want, got.Nothing); diff != "" {
				t.Errorf("%s (shards: %v): (-want +got):\n%s", tt.req.Query, i == 1, diff)
			}
		}
	}
	for _, search := range []func(context.Context, pipeline.SearchRequest) (pipeline.SearchResult, error){one.Search, across} {
		got, err := search(t.Context(), pipeline.SearchRequest{Query: "huawei and chips"})
		if err != nil || len(got.Hints) != 1 || got.Hints[0].Query != "huawei AND chips" {
			t.Errorf("hints %+v, %v", got.Hints, err)
		}
		if got, err = search(t.Context(), pipeline.SearchRequest{Query: "huawei"}); err != nil || got.Nothing != nil || got.Hints != nil {
			t.Errorf("of what is found: nothing %+v, hints %+v, %v", got.Nothing, got.Hints, err)
		}
	}
}

// Every edit is one letter away, and all of them are there.
func TestEditsOf(t *testing.T) {
	for word, n := range map[string]int{
		"abcd":   4 + 4*25 + (5*26 - 4) + 3, // left out, wrong, added (one of each double twice), changed places
		"abc":    0,
		"ab12":   0,
		"слово":  5 - 0 + 5*(len([]rune(cyrillic))-1) + (6*len([]rune(cyrillic)) - 5) + 4,
		"华为公司芯片": 0,
	} {
		got := editsOf(textnorm.Fold(word))
		if len(got) != n {
			t.Errorf("%s: %d edits, want %d", word, len(got), n)
		}
		if slices.Contains(got, word) {
			t.Errorf("%s is among its edits", word)
		}
	}
}
