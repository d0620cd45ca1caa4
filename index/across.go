package index

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/newswatch/newswatch/index/query"
	"github.com/newswatch/newswatch/pipeline"
)

// A Part asks a shard, wherever it is, see [Index.Part].
type Part func(ctx context.Context, shard int, req PartRequest) (PartResult, error)

// Across searches n shards as if they were one index: pages, totals, facets,
// timeline, scores and groups are the same. now is what relative times and ages
// are counted from. A shard that does not answer is a warning that begins with
// "partial:", as long as another one does, and the total is then not exact.
//
// All shards are asked for a page each, and the first hits of these are the
// page. Before that,
//
//   - by relevance, they are asked how many documents have the words, so that
//     a word weighs the same in all;
//   - where hits are collapsed, they are asked which groups they have that may
//     lie in several shards (those with a hit that is named by another
//     article), and the shards of the articles that such groups are named by
//     whether these are hits. Of each group the shard with the first hit shows
//     it, the others hide it.
//
// Where there are more such groups than fit into an answer, or hits that are
// not known to match, only those on the page are asked for: each is shown once,
// but in totals and counts it is once for each of its shards, and a warning
// says so.
func Across(ctx context.Context, n pipeline.Shards, now time.Time, ask Part, req pipeline.SearchRequest) (pipeline.SearchResult, error) {
	start := time.Now()
	a := &across{n: n, ask: ask, req: req, now: now.Truncate(time.Second), live: make([]bool, n.Count()), hide: make([]groupKeys, n.Count())}
	for shard := range a.live {
		a.live[shard] = true
	}
	res, err := a.search(ctx)
	if err != nil {
		return pipeline.SearchResult{}, err
	}
	for shard, live := range a.live {
		if !live {
			res.TotalExact = false
			res.Warnings = append(res.Warnings, fmt.Sprintf("partial: shard %d does not answer", shard))
		}
	}
	if q, err := query.Parse(req.Query, a.now); err == nil && req.Cursor == "" && pageLimit(req.Limit) > 0 {
		res.Hints = q.Hints()
	}
	res.TookMS = time.Since(start).Milliseconds()
	return res, nil
}

// An across is one search of several shards.
type across struct {
	n    pipeline.Shards
	ask  Part
	req  pipeline.SearchRequest
	now  time.Time
	live []bool // by shard; false: it has not answered

	base   cursor      // what all cursors of the search have in common
	hide   []groupKeys // by shard
	hidden bool        // all groups that lie in several shards are hidden but in one
}

func (a *across) search(ctx context.Context) (res pipeline.SearchResult, err error) {
	a.base = cursor{sort: cmp.Or(a.req.Sort, pipeline.SortNewest)}
	// A cursor that is none of this search is for the shards to refuse.
	if c, err := parseCursor(a.req.Cursor, a.base.sort); err == nil && !c.zero() {
		a.base = c
	}
	if a.base.sort == pipeline.SortRelevance {
		if err := a.weigh(ctx); err != nil {
			return res, err
		}
	}
	collapsed := cmp.Or(a.req.Collapse, collapseNone) != collapseNone
	if collapsed && a.n.Count() > 1 {
		if err := a.share(ctx); err != nil {
			return res, err
		}
	}
	if !collapsed || a.n.Count() == 1 || a.hidden {
		res, _, err = a.page(ctx)
	} else {
		res, err = a.settle(ctx)
	}
	if err != nil {
		return res, err
	}
	return res, a.countCopies(ctx, &res)
}

// request is a question about the search.
func (a *across) request(want string) PartRequest {
	return PartRequest{Want: want, Search: a.req, Now: a.now, Weights: a.base.weights}
}

// weigh asks what the words of the query weigh, unless the cursor knows.
func (a *across) weigh(ctx context.Context) error {
	if a.base.now == 0 {
		a.base.now = a.now.Unix()
	}
	if len(a.base.weights) > 0 {
		return nil
	}
	parts, err := a.all(ctx, func(int) *PartRequest { r := a.request(partWords); return &r })
	if err != nil {
		return err
	}
	documents := 0
	var counts []int
	for _, p := range parts {
		documents += p.Documents
		for i, n := range p.Words {
			if i == len(counts) {
				counts = append(counts, 0)
			}
			counts[i] += n
		}
	}
	a.base.weights = weights(documents, counts)
	return nil
}

// share finds the groups that lie in several shards, and which shard is to show
// each.
func (a *across) share(ctx context.Context) error {
	parts, err := a.all(ctx, func(int) *PartRequest { r := a.request(partGroups); return &r })
	if err != nil {
		return err
	}
	reported := make([]map[uint64]bool, len(parts))
	for shard, p := range parts {
		if p.Unclear {
			return nil
		}
		reported[shard] = make(map[uint64]bool, len(p.Firsts))
		for _, g := range p.Firsts {
			reported[shard][g.key] = true
		}
	}
	wanted := make([]groupKeys, len(parts))
	asked := make(map[uint64]bool)
	for _, p := range parts {
		for _, g := range p.Firsts {
			if at := home(a.n, g.key); !reported[at][g.key] && !asked[g.key] {
				asked[g.key] = true
				wanted[at] = append(wanted[at], g.key)
			}
		}
	}
	firsts := [][]PartResult{parts}
	if len(asked) > 0 {
		named, err := a.all(ctx, func(shard int) *PartRequest {
			if len(wanted[shard]) == 0 {
				return nil
			}
			r := a.request(partGroups)
			r.Wanted = wanted[shard]
			return &r
		})
		if err != nil {
			return err
		}
		if slices.ContainsFunc(named, func(p PartResult) bool { return p.Unclear }) {
			return nil
		}
		firsts = append(firsts, named)
	}
	a.choose(firsts...)
	a.hidden = true
	return nil
}

// choose hides each group in all shards but the one with its first hit.
func (a *across) choose(rounds ...[]PartResult) {
	type told struct {
		shard int
		groupFirst
	}
	best := make(map[uint64]told)
	lose := func(t told) { a.hide[t.shard] = append(a.hide[t.shard], t.key) }
	for _, parts := range rounds {
		for shard, p := range parts {
			for _, g := range p.Firsts {
				t := told{shard, g}
				old, ok := best[g.key]
				switch {
				case !ok:
					best[g.key] = t
				case a.before(g, old.groupFirst):
					lose(old)
					best[g.key] = t
				default:
					lose(t)
				}
			}
		}
	}
}

// before says which of two hits of a group is the one that is shown.
func (a *across) before(g, h groupFirst) bool {
	if g.original != h.original {
		return g.original
	}
	x, y := cursor{sort: a.base.sort, id: g.id, score: g.score}, cursor{sort: a.base.sort, id: h.id, score: h.score}
	return x.compare(y) < 0
}

// page asks for the page. The groups are those of its hits, where they are
// collapsed.
func (a *across) page(ctx context.Context) (pipeline.SearchResult, groupKeys, error) {
	parts, err := a.all(ctx, func(shard int) *PartRequest {
		r := a.request(partPage)
		r.Hide = a.hide[shard]
		return &r
	})
	if err != nil {
		return pipeline.SearchResult{}, nil, err
	}
	var rs []pipeline.SearchResult
	keys := make(map[string]uint64) // of groups, by id of the hit
	for shard, p := range parts {
		if !a.live[shard] {
			continue
		}
		rs = append(rs, p.Page)
		for i, h := range p.Page.Hits[:min(len(p.Page.Hits), len(p.Groups))] {
			keys[h.ID] = p.Groups[i]
		}
	}
	res := merge(a.req, a.base, rs)
	var groups groupKeys
	for _, h := range res.Hits {
		if key, ok := keys[h.ID]; ok {
			groups = append(groups, key)
		}
	}
	return res, groups, nil
}

// settleRounds bounds how often a page is asked for anew because groups on it
// are shown elsewhere.
const settleRounds = 20

// settle asks for the page until all groups on it are known to be shown there,
// and nowhere else.
func (a *across) settle(ctx context.Context) (pipeline.SearchResult, error) {
	known := make(map[uint64]bool)
	for round := 0; ; round++ {
		res, groups, err := a.page(ctx)
		if err != nil {
			return res, err
		}
		groups = slices.DeleteFunc(groups, func(key uint64) bool { return known[key] })
		slices.Sort(groups)
		groups = slices.Compact(groups)
		if len(groups) == 0 || round == settleRounds {
			res.TotalExact = false
			res.Warnings = append(res.Warnings, "what lies in several shards is counted in each: total and facets count more than there is")
			return res, nil
		}
		parts, err := a.all(ctx, func(int) *PartRequest {
			r := a.request(partGroups)
			r.Wanted = groups
			return &r
		})
		if err != nil {
			return res, err
		}
		a.choose(parts)
		for _, key := range groups {
			known[key] = true
		}
	}
}

// all asks all live shards at once what req says, nothing where it is nil, and
// returns what they answer, by shard; the answers of others are empty. One that
// fails is asked no more, unless it is the last, the query is to blame, or
// nobody waits for the answer.
func (a *across) all(ctx context.Context, req func(shard int) *PartRequest) ([]PartResult, error) {
	out := make([]PartResult, len(a.live))
	errs := make([]error, len(a.live))
	var wg sync.WaitGroup
	for shard, live := range a.live {
		if !live {
			continue
		}
		if r := req(shard); r != nil {
			wg.Go(func() { out[shard], errs[shard] = a.ask(ctx, shard, *r) })
		}
	}
	wg.Wait()
	left := 0
	for shard, err := range errs {
		if _, bad := errors.AsType[*pipeline.QueryError](err); bad || err != nil && ctx.Err() != nil {
			return nil, err
		}
		if err != nil {
			a.live[shard], out[shard] = false, PartResult{}
		}
		if a.live[shard] {
			left++
		}
		a.base.asOf = max(a.base.asOf, out[shard].AsOf)
	}
	if left == 0 {
		return nil, fmt.Errorf("no shard answers: %w", errors.Join(errs...))
	}
	return out, nil
}

// countCopies sets the copies of the hits, which may lie in any shard.
func (a *across) countCopies(ctx context.Context, res *pipeline.SearchResult) error {
	if len(res.Hits) == 0 {
		return nil
	}
	ids := make([]string, len(res.Hits))
	for i := range res.Hits {
		ids[i], res.Hits[i].Copies = res.Hits[i].ID, 0
	}
	parts, err := a.all(ctx, func(int) *PartRequest { return &PartRequest{Want: partCopies, Now: a.now, IDs: ids} })
	if err != nil {
		return err
	}
	for _, p := range parts {
		for i, n := range p.Copies {
			res.Hits[i].Copies += n
		}
	}
	return nil
}

// IDsAcross lists ids of n shards as if they were one index. A shard that does
// not answer is an error, as in [Index.IDs].
func IDsAcross(ctx context.Context, n pipeline.Shards, ask func(context.Context, int, pipeline.IDsRequest) (pipeline.IDsResult, error), req pipeline.IDsRequest) (pipeline.IDsResult, error) {
	rs := make([]pipeline.IDsResult, n.Count())
	errs := make([]error, n.Count())
	var wg sync.WaitGroup
	for shard := range rs {
		wg.Go(func() { rs[shard], errs[shard] = ask(ctx, shard, req) })
	}
	wg.Wait()
	for shard, err := range errs {
		if err != nil {
			return pipeline.IDsResult{}, fmt.Errorf("shard %d: %w", shard, err)
		}
	}
	return mergeIDs(max(1, min(req.Limit, maxIDs)), rs), nil
}
