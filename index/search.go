package index

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/newswatch/newswatch/index/query"
	"github.com/newswatch/newswatch/pipeline"
)

const (
	defaultLimit = 20
	maxLimit     = 200
	maxFacet     = 50 // values of a facet; of days all are given
)

// facetFields are the facets there are; each is a field of that name.
var facetFields = []string{query.FieldSource, query.FieldLang, query.FieldCountry, query.FieldEntity, query.FieldTag, fieldDay}

// Search answers the request. What is wrong with the request is a
// *pipeline.QueryError. A partition that could not answer is a warning that
// begins with "partial:", as long as another one could, and the total is then
// not exact.
//
// Total counts the articles that match, or, where they are collapsed, their
// groups: each is shown once, by its first hit in the order asked for, except
// that the original is shown before its copies. Facets and timeline count the
// hits that the total counts. Day and hour are those of the id, which are never
// after the article was first seen.
//
// The total is exact for what postings tell: all but phrases and NEAR of very
// frequent words (see placeTime) and what articles must be read for (see
// Config.Verify). Where it is not, it is the most there can be, and a warning
// says so. A negative limit asks for the total alone.
func (ix *Index) Search(ctx context.Context, req pipeline.SearchRequest) (pipeline.SearchResult, error) {
	r, err := ix.newRun(req)
	if err != nil {
		return pipeline.SearchResult{}, err
	}
	return ix.answer(ctx, r)
}

// answer runs a search.
func (ix *Index) answer(ctx context.Context, r *run) (pipeline.SearchResult, error) {
	start := time.Now()
	err := r.run(ctx)
	took := time.Since(start)
	ix.metrics.search.Observe(took.Seconds())
	result := resultOK
	switch {
	case err != nil:
		result = resultError
	case r.partial:
		result = resultPartial
	}
	ix.metrics.searches.WithLabelValues(result).Inc()
	if err != nil {
		return pipeline.SearchResult{}, searchError(err, r.req.Query)
	}
	if r.after.zero() && r.req.Limit > 0 {
		if !r.part {
			r.res.Hints = r.asked.Hints()
		}
		if r.res.Total == 0 && !r.partial {
			r.res.Nothing = ix.nothing(ctx, r)
		}
	}
	r.res.TookMS = took.Milliseconds()
	return r.res, nil
}

// Count is how many articles match the query, and whether that is exact; if it
// is not, it is the most there can be (see Config.Verify).
func (ix *Index) Count(ctx context.Context, q string) (n int, exact bool, err error) {
	res, err := ix.Search(ctx, pipeline.SearchRequest{Query: q, Limit: -1})
	return res.Total, res.TotalExact, err
}

func (ix *Index) newRun(req pipeline.SearchRequest) (*run, error) { return ix.newRunAt(req, ix.now()) }

// newRunAt is newRun by another clock: of several shards all go by one.
func (ix *Index) newRunAt(req pipeline.SearchRequest, now time.Time) (*run, error) {
	bad := func(format string, args ...any) error {
		return &pipeline.QueryError{Query: req.Query, Msg: fmt.Sprintf(format, args...)}
	}
	if strings.TrimSpace(req.Query) == "" {
		req.Query = "*"
	}
	req.Sort = cmp.Or(req.Sort, pipeline.SortNewest)
	if !slices.Contains([]string{pipeline.SortNewest, pipeline.SortOldest, pipeline.SortRelevance}, req.Sort) {
		return nil, bad("found sort %q; expected newest, oldest or relevance", req.Sort)
	}
	req.Collapse = cmp.Or(req.Collapse, collapseNone)
	if !slices.Contains([]string{collapseNone, collapseCopies, collapseStories}, req.Collapse) {
		return nil, bad("found collapse %q; expected none, copies or stories", req.Collapse)
	}
	for _, f := range req.Facets {
		if !slices.Contains(facetFields, f) {
			return nil, bad("found facet %q; expected any of %s", f, strings.Join(facetFields, ", "))
		}
	}
	req.Interval = cmp.Or(req.Interval, intervalDay)
	if req.Interval != intervalDay && req.Interval != intervalHour {
		return nil, bad("found interval %q; expected day or hour", req.Interval)
	}
	req.Limit = pageLimit(req.Limit)
	after, err := parseCursor(req.Cursor, req.Sort)
	if err != nil {
		return nil, bad("%v", err)
	}
	// Times are kept in seconds, and so last: is exact.
	q, err := query.Parse(req.Query, now.Truncate(time.Second))
	if err != nil {
		return nil, err
	}
	r := &run{ix: ix, req: req, query: narrow(q, req), asked: q, after: after}
	r.first = make(map[uint64]string)
	r.res = pipeline.SearchResult{TotalExact: true, Hits: []pipeline.Hit{}, Warnings: []string{}}
	return r, nil
}

// pageLimit is how many hits a page has where so many are asked for.
func pageLimit(n int) int { return max(0, min(cmp.Or(n, defaultLimit), maxLimit)) }

// narrow adds to a query what the request asks for beside it.
func narrow(q *query.Query, req pipeline.SearchRequest) *query.Query {
	nodes := []query.Node{q.Root}
	if !req.From.IsZero() || !req.To.IsZero() {
		nodes = append(nodes, &query.Time{After: req.From, Before: req.To})
	}
	if len(nodes) == 1 {
		return q
	}
	return &query.Query{Text: q.Text, Root: &query.And{Nodes: nodes}, Now: q.Now}
}
