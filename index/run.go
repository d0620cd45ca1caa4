package index

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/newswatch/newswatch/index/query"
	"github.com/newswatch/newswatch/pipeline"
)

// A run is one search. It goes through these steps, the first three in several
// partitions at once:
//
//   - the query's hits as sets of documents, from postings alone;
//   - positions, for phrases and NEAR, where there is the time;
//   - scores, if they are asked for;
//   - articles, for what only their text tells, if there are not too many;
//   - groups, if hits are to be collapsed;
//   - the page;
//   - facets and timeline.
type run struct {
	ix    *Index
	req   pipeline.SearchRequest // with defaults filled in; Limit 0: only count
	query *query.Query
	asked *query.Query // without what the request adds to it
	after cursor

	part bool            // of a search of several shards: facets have all values, copies are not counted
	hide map[uint64]bool // groups that another shard shows

	shownGroups groupKeys // of the hits of the page, where they are collapsed, of a part

	mu      sync.Mutex // of what partitions report: views, partial, asOf, res.Warnings
	views   []*view    // that have answered so far, newest first
	opened  []*view
	partial bool
	asOf    int64 // see pin; of the first page

	unsure   int               // hits not known to match
	verified int               // articles read to tell
	byGroup  []*hitGroups      // while hits are not sure
	first    map[uint64]string // group → id of its hit that is shown
	res      pipeline.SearchResult
}

// errVerify says that a search has verified as many candidates as it may.
var errVerify = errors.New("index: too many articles to verify")

func (r *run) run(ctx context.Context) error {
	if r.ix.isClosed() {
		return ErrClosed
	}
	ctx, cancel := context.WithTimeout(ctx, r.ix.cfg.Timeout)
	defer cancel()
	defer r.close()
	if err := r.hits(ctx); err != nil {
		return err
	}
	guessing := r.unsure > 0
	if guessing {
		r.guess()
	} else if _, err := r.collapse(ctx, nil); err != nil {
		return err
	}
	ctx, cancel = r.grace(ctx)
	defer cancel()
	if err := r.page(ctx); err != nil {
		return err
	}
	ctx, cancel = r.grace(ctx)
	defer cancel()
	if guessing {
		r.settle()
		if _, err := r.collapse(ctx, nil); err != nil {
			return err
		}
	}
	if err := r.tally(ctx); err != nil {
		return err
	}
	return r.countCopies(ctx)
}

// grace gives a search that is out of time a little more, to tell what it has
// found.
func (r *run) grace(ctx context.Context) (context.Context, context.CancelFunc) {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return context.WithTimeout(context.WithoutCancel(ctx), r.ix.cfg.Timeout/4)
	}
	return context.WithCancel(ctx)
}

// hits finds, ranks and verifies the hits, as far as that is wanted.
func (r *run) hits(ctx context.Context) error {
	if err := r.find(ctx); err != nil {
		return err
	}
	r.lacking()
	if r.req.Sort == pipeline.SortRelevance && r.req.Limit > 0 {
		if err := r.rank(ctx); err != nil {
			return err
		}
	}
	return r.verifyAll(ctx)
}

// guess takes all hits that are not sure for such, in what is counted.
func (r *run) guess() {
	for _, v := range r.views {
		for _, s := range v.segments {
			s.guess = s.candidates()
		}
	}
}

// settle takes guesses back if the page has made all hits sure. If it has only
// some, that doesn't count: the total is the same on all pages.
func (r *run) settle() {
	total, exact := r.res.Total, r.res.TotalExact
	r.sum()
	if r.unsure > 0 {
		r.res.Total, r.res.TotalExact = total, exact
		r.warn("%d articles may match, too many to verify each: total and facets count those", total)
		return
	}
	for _, v := range r.views {
		for _, s := range v.segments {
			s.guess = nil
		}
	}
}

// open takes views of the partitions, and calls fn with each, several at once.
func (r *run) open(fn func(*view) error) error {
	parts := r.ix.list()
	r.ix.keeper.prunePartitions(parts)
	r.ix.placed.prunePartitions(parts)
	for _, p := range parts {
		r.views = append(r.views, r.ix.view(p))
	}
	err := r.each(r.views, func(v *view) error {
		if err := v.open(); err != nil {
			return err
		}
		r.mu.Lock()
		r.opened = append(r.opened, v)
		r.mu.Unlock()
		if err := r.pin(v); err != nil {
			return err
		}
		return fn(v)
	})
	if r.asOf > 0 {
		r.after.asOf = r.asOf
	}
	return err
}

// find opens the partitions and finds the hits.
func (r *run) find(ctx context.Context) error {
	placed := needsPlaces(r.query.Root)
	err := r.open(func(v *view) error {
		for _, s := range v.segments {
			if err := s.evaluate(ctx, r.query.Root, placed); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if placed {
		if err := r.placeAll(ctx); err != nil {
			return err
		}
	}
	r.sum()
	return nil
}

func (r *run) close() {
	for _, v := range r.opened {
		if err := v.close(); err != nil {
			r.ix.log.Error("close view of partition", "partition", v.p.name, "err", err)
		}
	}
}

// sum counts the hits.
func (r *run) sum() {
	r.res.Total, r.unsure = 0, 0
	for _, v := range r.views {
		all, unsure := v.count()
		r.res.Total += all
		r.unsure += unsure
	}
	r.res.TotalExact = r.unsure == 0 && !r.partial
}

// each calls fn for the views, several at once. A view for which it fails is
// gone on without.
func (r *run) each(views []*view, fn func(*view) error) error {
	var g errgroup.Group
	g.SetLimit(runtime.GOMAXPROCS(0))
	for _, v := range slices.Clone(views) {
		g.Go(func() error {
			if err := v.guard(func() error { return fn(v) }); err != nil {
				return r.failed(v, err)
			}
			return nil
		})
	}
	return g.Wait()
}

// inView calls fn, and goes on without the view if it fails. That the time is
// over is an error.
func (r *run) inView(ctx context.Context, v *view, fn func() error) error {
	if err := ctx.Err(); err != nil || v.failed.Load() {
		return err
	}
	err := v.guard(fn)
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return r.failed(v, err)
}

// failed goes on without the partition, unless it was the last one, the query
// is to blame, or nobody waits for the answer.
func (r *run) failed(v *view, err error) error {
	var many *errTooMany
	if errors.As(err, &many) || errors.Is(err, context.Canceled) {
		return err
	}
	if r.ix.partition(v.p.name) != v.p { // retention has removed it since
		r.mu.Lock()
		defer r.mu.Unlock()
		v.failed.Store(true)
		r.views = slices.DeleteFunc(slices.Clone(r.views), func(w *view) bool { return w == v })
		return nil
	}
	r.ix.log.Error("partition does not answer", "partition", v.p.name, "query", r.req.Query, "err", err)
	if !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, errDown) {
		r.ix.suspect(v.p)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	v.failed.Store(true)
	r.views = slices.DeleteFunc(slices.Clone(r.views), func(w *view) bool { return w == v })
	if len(r.views) == 0 {
		return err
	}
	r.partial, r.res.TotalExact = true, false
	why := "failed"
	if errors.Is(err, context.DeadlineExceeded) {
		why = "took too long"
	}
	r.warn("partial: partition %s %s", v.p.name, why)
	return nil
}

// unreadable goes on without an article that can't be read. It is damage: what
// can be read is shown until it is mended.
func (r *run) unreadable(v *view, err error) {
	r.ix.log.Error("article can't be read", "partition", v.p.name, "err", err)
	r.ix.suspect(v.p)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.partial, r.res.TotalExact = true, false
	r.warn("partial: an article of partition %s can't be read", v.p.name)
}

func (r *run) warn(format string, args ...any) {
	if w := fmt.Sprintf(format, args...); !slices.Contains(r.res.Warnings, w) {
		r.res.Warnings = append(r.res.Warnings, w)
	}
}
