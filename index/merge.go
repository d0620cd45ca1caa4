package index

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/newswatch/newswatch/pipeline"
)

// Merge makes one answer to req of those of several shards, each to the same
// request with all values of its facets ([PartRequest]).
//
// A shard with a next cursor has told all it has up to there, and no more: what
// others have behind the first of these places is left for the next page. The
// page is at most as long as one of a single index.
func Merge(req pipeline.SearchRequest, rs []pipeline.SearchResult) pipeline.SearchResult {
	req.Sort = cmp.Or(req.Sort, pipeline.SortNewest)
	base := cursor{sort: req.Sort}
	for _, r := range rs {
		if c, err := parseCursor(r.NextCursor, req.Sort); err == nil && !c.zero() {
			base = c
		}
	}
	return merge(req, base, rs)
}

// merge is Merge with what all cursors of the search have in common.
func merge(req pipeline.SearchRequest, base cursor, rs []pipeline.SearchResult) pipeline.SearchResult {
	out := pipeline.SearchResult{TotalExact: true, Hits: []pipeline.Hit{}, Warnings: []string{}}
	for _, r := range rs {
		out.Total += r.Total
		out.TotalExact = out.TotalExact && r.TotalExact
		out.TookMS = max(out.TookMS, r.TookMS)
		out.Hits = append(out.Hits, r.Hits...)
		for _, w := range r.Warnings {
			if !slices.Contains(out.Warnings, w) {
				out.Warnings = append(out.Warnings, w)
			}
		}
	}
	mergeCounts(&out, req, rs)
	if out.Total == 0 {
		out.Nothing = mergeNothing(rs)
	}

	place := func(id string, score float64) cursor {
		c := base
		c.id, c.score = id, score
		return c
	}
	var told *cursor // how far all shards have told what they have; nil: to the end
	for _, r := range rs {
		if c, err := parseCursor(r.NextCursor, base.sort); err == nil && !c.zero() && (told == nil || c.compare(*told) < 0) {
			told = &c
		}
	}
	slices.SortFunc(out.Hits, func(a, b pipeline.Hit) int { return place(a.ID, a.Score).compare(place(b.ID, b.Score)) })
	if told != nil {
		out.Hits = slices.DeleteFunc(out.Hits, func(h pipeline.Hit) bool { return place(h.ID, h.Score).compare(*told) > 0 })
		out.NextCursor = place(told.id, told.score).String()
	}
	limit := pageLimit(req.Limit)
	if more := len(out.Hits) > limit || told != nil; more && limit > 0 && len(out.Hits) >= limit {
		last := out.Hits[limit-1]
		out.NextCursor = place(last.ID, last.Score).String()
	}
	out.Hits = out.Hits[:min(len(out.Hits), limit)]
	return out
}

// mergeCounts adds up facets and timelines.
func mergeCounts(out *pipeline.SearchResult, req pipeline.SearchRequest, rs []pipeline.SearchResult) {
	for _, field := range req.Facets {
		if out.Facets == nil {
			out.Facets = make(map[string][]pipeline.FacetCount)
		}
		if field != fieldDay {
			top, exact := mergeFacet(field, rs)
			out.Facets[field] = top
			if !exact {
				out.Warnings = append(out.Warnings, fmt.Sprintf("facet %s has very many values: some counts may be too low", field))
			}
			continue
		}
		counts := make(map[string]int)
		for _, r := range rs {
			for _, c := range r.Facets[field] {
				counts[c.Value] += c.Count
			}
		}
		days := make([]pipeline.FacetCount, 0, len(counts))
		for day, n := range counts {
			days = append(days, pipeline.FacetCount{Value: day, Count: n})
		}
		slices.SortFunc(days, func(a, b pipeline.FacetCount) int { return strings.Compare(a.Value, b.Value) })
		out.Facets[field] = days
	}
	if !req.Timeline {
		return
	}
	times := make(map[time.Time]int)
	for _, r := range rs {
		for _, c := range r.Timeline {
			times[c.T] += c.Count
		}
	}
	out.Timeline = make([]pipeline.TimeCount, 0, len(times))
	for t, n := range times {
		out.Timeline = append(out.Timeline, pipeline.TimeCount{T: t, Count: n})
	}
	slices.SortFunc(out.Timeline, func(a, b pipeline.TimeCount) int { return a.T.Compare(b.T) })
}

// mergeFacet adds up a facet and says whether all that is shown is exact: it is,
// unless a shard has told only its most frequent values, and what it left out
// can make a difference.
func mergeFacet(field string, rs []pipeline.SearchResult) (top []pipeline.FacetCount, exact bool) {
	counts := make(map[string]int)
	cut := make(map[string]int) // of a value: how many of the shards that were cut off have told it
	shards, least := 0, 0       // that were cut off; the most that a value none of them told can have there
	for _, r := range rs {
		told := r.Facets[field]
		full := len(told) >= maxPartFacet
		if full {
			shards++
			least += told[len(told)-1].Count
		}
		for _, c := range told {
			counts[c.Value] += c.Count
			if full {
				cut[c.Value]++
			}
		}
	}
	top = (&sums{values: map[string]map[string]int{field: counts}}).facet(field)
	top = top[:min(len(top), maxFacet)]
	if shards == 0 || len(top) == 0 {
		return top, true
	}
	whole := !slices.ContainsFunc(top, func(c pipeline.FacetCount) bool { return cut[c.Value] < shards })
	return top, whole && least <= top[len(top)-1].Count
}

// compare orders places of one order: the earlier first.
func (c cursor) compare(d cursor) int {
	switch c.sort {
	case pipeline.SortOldest:
		return strings.Compare(c.id, d.id)
	case pipeline.SortRelevance:
		return cmp.Or(cmp.Compare(d.score, c.score), strings.Compare(d.id, c.id))
	default:
		return strings.Compare(d.id, c.id)
	}
}

// mergeIDs is the first limit of the ids of several shards.
func mergeIDs(limit int, rs []pipeline.IDsResult) pipeline.IDsResult {
	out := pipeline.IDsResult{IDs: []string{}}
	for i, r := range rs {
		if i == 0 || r.Seq < out.Seq {
			out.Seq = r.Seq
		}
		out.IDs = append(out.IDs, r.IDs...)
		out.Total += r.Total
	}
	slices.Sort(out.IDs)
	slices.Reverse(out.IDs)
	out.IDs = out.IDs[:min(len(out.IDs), limit)]
	return out
}
