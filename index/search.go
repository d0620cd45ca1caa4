package index

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/blevesearch/bleve/v2/search"
	bleveindex "github.com/blevesearch/bleve_index_api"
	"golang.org/x/sync/errgroup"

	"github.com/newswatch/newswatch/index/query"
	"github.com/newswatch/newswatch/pipeline"
)

const (
	defaultLimit = 20
	maxLimit     = 200
	maxFacet     = 50 // values of a facet; of days all are given
)

// Ways to collapse.
const (
	collapseNone    = "none"
	collapseCopies  = "copies"
	collapseStories = "stories"
)

// facetFields are the facets there are; each is a field of that name.
var facetFields = []string{query.FieldSource, query.FieldLang, query.FieldCountry, query.FieldEntity, query.FieldTag, fieldDay}

// Search answers the request. What is wrong with the request is a
// *pipeline.QueryError. A partition that could not answer is a warning that
// begins with "partial:", as long as another one could, and the total is then
// not exact.
//
// Total counts the articles that match. With collapse=copies articles that are
// copies of another don't match. With collapse=stories only one hit of each
// story is given, the one that comes first in the order asked for (the newest
// by default); the total counts them all. Facets and timeline count what the
// total counts; a day is that of the id, which is never after the article was
// first seen.
func (ix *Index) Search(ctx context.Context, req pipeline.SearchRequest) (pipeline.SearchResult, error) {
	start := time.Now()
	r, err := ix.newRun(req)
	if err != nil {
		return pipeline.SearchResult{}, err
	}
	err = r.run(ctx)
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
		return pipeline.SearchResult{}, searchError(err, req.Query)
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

// A run is one search.
type run struct {
	ix    *Index
	req   pipeline.SearchRequest // with defaults filled in; Limit 0: only count
	query *query.Query
	build build
	exact bool // postings tell; else hits are candidates
	after cursor

	parts    []*partition // that have answered so far, newest first
	counts   map[*partition]int
	partial  bool
	verdicts map[string]bool   // of candidates, by id
	first    map[string]string // story → id of its hit that is shown
	res      pipeline.SearchResult
}

// errVerify says that a search has verified as many candidates as it may.
var errVerify = errors.New("index: too many articles to verify")

func (ix *Index) newRun(req pipeline.SearchRequest) (*run, error) {
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
	req.Limit = max(0, min(cmp.Or(req.Limit, defaultLimit), maxLimit))
	after, err := parseCursor(req.Cursor, req.Sort)
	if err != nil {
		return nil, bad("%v", err)
	}
	// Times are kept in seconds, and so last: is exact.
	q, err := query.Parse(req.Query, ix.now().Truncate(time.Second))
	if err != nil {
		return nil, err
	}
	r := &run{ix: ix, req: req, query: narrow(q, req), after: after}
	r.build, r.exact = compile(r.query.Root)
	r.counts = make(map[*partition]int)
	r.verdicts = make(map[string]bool)
	r.first = make(map[string]string)
	r.res = pipeline.SearchResult{TotalExact: true, Hits: []pipeline.Hit{}, Warnings: []string{}}
	return r, nil
}

// narrow adds to a query what the request asks for beside it.
func narrow(q *query.Query, req pipeline.SearchRequest) *query.Query {
	nodes := []query.Node{q.Root}
	if !req.From.IsZero() || !req.To.IsZero() {
		nodes = append(nodes, &query.Time{After: req.From, Before: req.To})
	}
	if req.Collapse == collapseCopies {
		nodes = append(nodes, &query.Not{Node: &query.Is{What: query.IsCopy}})
	}
	if len(nodes) == 1 {
		return q
	}
	return &query.Query{Text: q.Text, Root: &query.And{Nodes: nodes}, Now: q.Now}
}

func (r *run) run(ctx context.Context) error {
	if r.ix.isClosed() {
		return ErrClosed
	}
	ctx, cancel := context.WithTimeout(ctx, r.ix.cfg.Timeout)
	defer cancel()
	ctx = context.WithValue(ctx, search.MaxTermSearchersKey, maxSearchers)
	r.parts = r.ix.list()
	if err := r.count(ctx); err != nil {
		return err
	}
	r.lacking()
	if !r.exact {
		if err := r.verifyAll(ctx); err != nil {
			return err
		}
	}
	if err := r.page(ctx); err != nil {
		return err
	}
	return r.countCopies(ctx)
}

// count counts hits and facets in all partitions at once.
func (r *run) count(ctx context.Context) error {
	var (
		mu   sync.Mutex
		g    errgroup.Group
		sums = newTally(r.req)
	)
	g.SetLimit(runtime.GOMAXPROCS(0))
	for _, p := range slices.Clone(r.parts) {
		g.Go(func() error {
			n, facets, err := p.count(ctx, r.build, sums)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				return r.failed(p, err)
			}
			r.counts[p] = n
			r.res.Total += n
			sums.addAll(facets)
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	sums.into(&r.res, r.req)
	return nil
}

// failed goes on without the partition, unless it was the last one, the query
// is to blame, or nobody waits for the answer.
func (r *run) failed(p *partition, err error) error {
	var many *errTooMany
	if errors.As(err, &many) || errors.Is(err, context.Canceled) {
		return err
	}
	r.ix.log.Error("partition does not answer", "partition", p.name, "query", r.req.Query, "err", err)
	if !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, errDown) {
		r.ix.suspect(p)
	}
	r.parts = slices.DeleteFunc(r.parts, func(q *partition) bool { return q == p })
	if len(r.parts) == 0 {
		return err
	}
	r.partial, r.res.TotalExact = true, false
	why := "failed"
	if errors.Is(err, context.DeadlineExceeded) {
		why = "took too long"
	}
	r.warn("partial: partition %s %s", p.name, why)
	return nil
}

func (r *run) warn(format string, args ...any) {
	if w := fmt.Sprintf(format, args...); !slices.Contains(r.res.Warnings, w) {
		r.res.Warnings = append(r.res.Warnings, w)
	}
}

// verifyAll reads all candidates, if they are not too many, so that total and
// facets are exact.
func (r *run) verifyAll(ctx context.Context) error {
	candidates := r.res.Total
	total, sums := 0, newTally(r.req)
	err := errVerify
	if candidates <= r.ix.cfg.Verify {
		err = r.walk(ctx, r.build, cursor{}, r.ix.cfg.Verify, r.counts, func(h hit) (bool, error) {
			a, ok, err := r.verify(ctx, h)
			if ok {
				total++
				sums.add(a)
			}
			return err == nil, err
		})
	}
	switch {
	case errors.Is(err, errVerify):
		r.res.TotalExact = false
		r.warn("%d articles may match, too many to verify each: total and facets count those", candidates)
		return nil
	case err != nil:
		return err
	}
	r.res.Total = total
	sums.into(&r.res, r.req)
	return nil
}

// verify reads a candidate and tells whether the query matches it.
func (r *run) verify(ctx context.Context, h hit) (a *pipeline.Article, ok bool, err error) {
	ok, known := r.verdicts[h.id]
	if known && !ok {
		return nil, false, nil
	}
	if !known && len(r.verdicts) >= r.ix.cfg.Verify {
		return nil, false, errVerify
	}
	if err := ctx.Err(); err != nil {
		return nil, false, err
	}
	a, err = r.read(h)
	if a == nil || err != nil {
		return nil, false, err
	}
	if !known {
		_, ok = r.query.Match(query.NewDoc(a))
		r.verdicts[h.id] = ok
	}
	return a, ok, nil
}

// read is the article of a hit; nil: it is gone meanwhile.
func (r *run) read(h hit) (*pipeline.Article, error) {
	a, err := r.ix.article(h.partition, h.id)
	if errors.Is(err, pipeline.ErrNotFound) {
		return nil, nil
	}
	if err != nil { // damage; what can be read is shown until it is mended
		r.ix.log.Error("article can't be read", "partition", h.partition.name, "err", err)
		r.partial, r.res.TotalExact = true, false
		r.warn("partial: an article of partition %s can't be read", h.partition.name)
		return nil, nil
	}
	return &a, nil
}

// page fills the page and sets the cursor of the next one.
func (r *run) page(ctx context.Context) error {
	if r.req.Limit == 0 {
		return nil
	}
	seen, last := r.after, r.after
	full := false
	err := r.walk(ctx, r.build, r.after, r.req.Limit+1, r.counts, func(h hit) (bool, error) {
		shown, ok, err := r.show(ctx, h)
		if err != nil {
			return false, err
		}
		if full = ok && len(r.res.Hits) == r.req.Limit; full {
			return false, nil
		}
		seen = h.cursor(r.req.Sort)
		if ok {
			last = seen
			r.res.Hits = append(r.res.Hits, shown)
		}
		return true, nil
	})
	switch {
	case full:
		r.res.NextCursor = last.String()
	case errors.Is(err, errVerify):
		r.res.NextCursor = seen.String()
		r.warn("stopped after verifying %d articles: there may be more on the next page", r.ix.cfg.Verify)
	case errors.Is(err, context.DeadlineExceeded) && !seen.zero():
		r.partial = true
		r.res.NextCursor = seen.String()
		r.warn("partial: stopped after %v: there may be more on the next page", r.ix.cfg.Timeout)
	default:
		return err
	}
	return nil
}

// show makes a hit of the page, if it belongs there.
func (r *run) show(ctx context.Context, h hit) (shown pipeline.Hit, ok bool, err error) {
	var a *pipeline.Article
	if r.exact {
		a, err = r.read(h)
	} else if a, ok, err = r.verify(ctx, h); !ok {
		return shown, false, err
	}
	if a == nil || err != nil {
		return shown, false, err
	}
	if r.req.Collapse == collapseStories && a.Story != "" {
		first, err := r.firstOfStory(ctx, a.Story)
		if err != nil || first != a.ID {
			return shown, false, err
		}
	}
	spans, _ := r.query.Match(query.NewDoc(a))
	return pipeline.Hit{
		ID: a.ID, URL: a.URL, Title: a.Title, Snippet: snippet(a, spans),
		Source: a.Source, Lang: a.Lang, Country: a.Country,
		Published: a.Published, FirstSeen: a.FirstSeen,
		Entities: append([]string{}, a.Entities()...), Story: a.Story, Score: h.score,
	}, true, nil
}

// firstOfStory is the id of the story's hit that comes first in the order asked
// for. It is the same on every page.
func (r *run) firstOfStory(ctx context.Context, story string) (id string, err error) {
	if id, ok := r.first[story]; ok {
		return id, nil
	}
	values := query.Values(&pipeline.Article{Story: story}, query.FieldStory)
	b := allOf(r.build, term(query.FieldStory, values[0]))
	err = r.walk(ctx, b, cursor{}, 1, nil, func(h hit) (bool, error) {
		if !r.exact {
			if _, ok, err := r.verify(ctx, h); !ok {
				return err == nil, err
			}
		}
		id = h.id
		return false, nil
	})
	if err == nil {
		r.first[story] = id
	}
	return id, err
}

// countCopies sets the copies of the hits shown.
func (r *run) countCopies(ctx context.Context) error {
	if len(r.res.Hits) == 0 {
		return nil
	}
	for _, p := range slices.Clone(r.parts) {
		err := p.reader(func(reader bleveindex.IndexReader) error {
			for i := range r.res.Hits {
				postings, err := reader.TermFieldReader(ctx, []byte(r.res.Hits[i].ID), fieldCopyOf, false, false, false)
				if err != nil {
					return err
				}
				r.res.Hits[i].Copies += int(postings.Count())
				if err := postings.Close(); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			if err := r.failed(p, err); err != nil {
				return err
			}
		}
	}
	return nil
}
