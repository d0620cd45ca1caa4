package index

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/newswatch/newswatch/index/query"
	"github.com/newswatch/newswatch/pipeline"
)

// Units of the timeline.
const (
	intervalDay  = "day"
	intervalHour = "hour"
)

// A sums counts values of facets, and hits by time. The time is that of the id,
// in UTC, for days and hours alike.
type sums struct {
	values map[string]map[string]int // field → value → hits
	unit   int64                     // seconds; 0: no times are wanted
	times  map[int64]int             // number of the unit since 1970 → hits
}

// newSums has what the request wants counted. Days as a facet are made of the
// timeline's units.
func newSums(req pipeline.SearchRequest) *sums {
	t := &sums{values: make(map[string]map[string]int), times: make(map[int64]int)}
	for _, f := range req.Facets {
		if f == fieldDay {
			t.unit = daySeconds
			continue
		}
		t.values[f] = make(map[string]int)
	}
	if req.Timeline {
		t.unit = daySeconds
		if req.Interval == intervalHour {
			t.unit = hourSeconds
		}
	}
	return t
}

const (
	hourSeconds = 3600
	daySeconds  = 24 * hourSeconds
)

// tally counts facets and timeline, in several partitions at once.
func (r *run) tally(ctx context.Context) error {
	all := newSums(r.req)
	if len(all.values) > 0 || all.unit > 0 {
		err := r.each(r.views, func(v *view) error {
			own := newSums(r.req)
			for _, s := range v.segments {
				if err := own.count(s); err != nil {
					return err
				}
				if err := ctx.Err(); err != nil {
					return err
				}
			}
			r.mu.Lock()
			defer r.mu.Unlock()
			all.add(own)
			return nil
		})
		if err != nil {
			return err
		}
	}
	all.into(&r.res, r.req, r.part)
	return nil
}

// count counts a segment's hits.
func (t *sums) count(s *segment) error {
	docs := s.counted()
	if docs.IsEmpty() {
		return nil
	}
	for field, counts := range t.values {
		c, err := s.column(field)
		if err != nil {
			return err
		}
		c.count(docs, counts)
	}
	if t.unit == 0 {
		return nil
	}
	c, err := s.clock()
	if err != nil {
		return err
	}
	c.count(docs, t.unit, t.times)
	return nil
}

// count adds how many of the documents are in each unit of time. The base of
// the clock is the beginning of one.
func (c *clock) count(docs *roaring.Bitmap, unit int64, counts map[int64]int) {
	var ns []int
	each32(docs, func(docs []uint32) {
		for _, d := range docs {
			i := int(c.at[d] / uint32(unit))
			for i >= len(ns) {
				ns = append(ns, make([]int, i+1-len(ns))...)
			}
			ns[i]++
		}
	})
	for i, n := range ns {
		if n > 0 {
			counts[c.base/unit+int64(i)] += n
		}
	}
}

func (t *sums) add(more *sums) {
	for field, counts := range more.values {
		for v, n := range counts {
			t.values[field][v] += n
		}
	}
	for at, n := range more.times {
		t.times[at] += n
	}
}

// into sets facets and timeline of the result; of facets as many values
// as are shown, or all, for a part.
func (t *sums) into(res *pipeline.SearchResult, req pipeline.SearchRequest, all bool) {
	for _, field := range req.Facets {
		if res.Facets == nil {
			res.Facets = make(map[string][]pipeline.FacetCount)
		}
		if field == fieldDay {
			res.Facets[field] = t.days()
		} else {
			counts := t.facet(field)
			most := maxFacet
			if all {
				most = maxPartFacet
			}
			res.Facets[field] = counts[:min(len(counts), most)]
		}
	}
	if !req.Timeline {
		return
	}
	res.Timeline = []pipeline.TimeCount{}
	for at, n := range t.times {
		res.Timeline = append(res.Timeline, pipeline.TimeCount{T: time.Unix(at*t.unit, 0).UTC(), Count: n})
	}
	slices.SortFunc(res.Timeline, func(a, b pipeline.TimeCount) int { return a.T.Compare(b.T) })
}

// facet is all values, the most frequent first.
func (t *sums) facet(field string) []pipeline.FacetCount {
	counts := make([]pipeline.FacetCount, 0, len(t.values[field]))
	for v, n := range t.values[field] {
		if field == query.FieldCountry {
			v = strings.ToUpper(v)
		}
		counts = append(counts, pipeline.FacetCount{Value: v, Count: n})
	}
	slices.SortFunc(counts, func(a, b pipeline.FacetCount) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), strings.Compare(a.Value, b.Value))
	})
	return counts
}

// days is all days, in order.
func (t *sums) days() []pipeline.FacetCount {
	counts := make(map[string]int)
	for at, n := range t.times {
		counts[time.Unix(at*t.unit, 0).UTC().Format("20060102")] += n
	}
	days := make([]pipeline.FacetCount, 0, len(counts))
	for day, n := range counts {
		days = append(days, pipeline.FacetCount{Value: day, Count: n})
	}
	slices.SortFunc(days, func(a, b pipeline.FacetCount) int { return strings.Compare(a.Value, b.Value) })
	return days
}
