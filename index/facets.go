package index

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/blevesearch/bleve/v2/search"

	"github.com/newswatch/newswatch/index/query"
	"github.com/newswatch/newswatch/pipeline"
)

// A tally counts values of facets.
type tally map[string]map[string]int // field → value → articles

// newTally has the facets of the request; the timeline needs the days.
func newTally(req pipeline.SearchRequest) tally {
	t := make(tally)
	for _, f := range req.Facets {
		t[f] = make(map[string]int)
	}
	if req.Timeline {
		t[fieldDay] = make(map[string]int)
	}
	return t
}

// add counts one article.
func (t tally) add(a *pipeline.Article) {
	for field, counts := range t {
		if field == fieldDay {
			counts[a.ID[:8]]++
			continue
		}
		for _, v := range query.Values(a, field) {
			counts[v]++
		}
	}
}

// addAll counts what a partition has counted.
func (t tally) addAll(facets search.FacetResults) {
	for field, result := range facets {
		if result.Terms == nil {
			continue
		}
		for _, term := range result.Terms.Terms() {
			t[field][term.Term] += term.Count
		}
	}
}

// into sets facets and timeline of the result.
func (t tally) into(res *pipeline.SearchResult, req pipeline.SearchRequest) {
	for _, field := range req.Facets {
		if res.Facets == nil {
			res.Facets = make(map[string][]pipeline.FacetCount)
		}
		res.Facets[field] = t.facet(field)
	}
	if !req.Timeline {
		return
	}
	res.Timeline = []pipeline.TimeCount{}
	for day, n := range t[fieldDay] {
		if at, err := time.Parse("20060102", day); err == nil {
			res.Timeline = append(res.Timeline, pipeline.TimeCount{T: at, Count: n})
		}
	}
	slices.SortFunc(res.Timeline, func(a, b pipeline.TimeCount) int { return a.T.Compare(b.T) })
}

// facet is the most frequent values first; days are all, in order.
func (t tally) facet(field string) []pipeline.FacetCount {
	counts := make([]pipeline.FacetCount, 0, len(t[field]))
	for v, n := range t[field] {
		if field == query.FieldCountry {
			v = strings.ToUpper(v)
		}
		counts = append(counts, pipeline.FacetCount{Value: v, Count: n})
	}
	slices.SortFunc(counts, func(a, b pipeline.FacetCount) int {
		if field == fieldDay {
			return strings.Compare(a.Value, b.Value)
		}
		return cmp.Or(cmp.Compare(b.Count, a.Count), strings.Compare(a.Value, b.Value))
	})
	if field != fieldDay {
		counts = counts[:min(len(counts), maxFacet)]
	}
	return counts
}
