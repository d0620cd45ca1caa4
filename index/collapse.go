package index

import (
	"cmp"
	"context"
	"errors"
	"math/bits"
	"runtime"
	"slices"

	"github.com/RoaringBitmap/roaring/v2"
	"golang.org/x/sync/errgroup"

	"github.com/newswatch/newswatch/index/query"
	"github.com/newswatch/newswatch/pipeline"
)

// Ways to collapse. Of each group one hit is shown: the first in the order
// asked for, but of copies the original, where it is a hit.
const (
	collapseNone    = "none"
	collapseCopies  = "copies"  // an article's group is the article it is a copy of, or itself
	collapseStories = "stories" // an article's group is its story, or itself
)

// groupKey tells groups, which are named by ids, apart: by the keys in them.
func groupKey(id string) uint64 {
	if len(id) > 15 && id[14] == '-' {
		id = id[15:]
	}
	return max(1, keyHash(id)) // 0 is none
}

// groups says which documents of a segment are in a group that is named by
// another one, and in which. All others are in their own.
type groups struct {
	joined *roaring.Bitmap
	docs   []uint32 // those joined
	keys   []uint64 // theirs
}

func (s *segment) groups(collapse string) (*groups, error) {
	field := fieldCopyOf
	if collapse == collapseStories {
		field = query.FieldStory
	}
	return keep(s, "groups by "+field, func() (*groups, int, error) {
		c, err := s.clock()
		if err != nil {
			return nil, 0, err
		}
		g := &groups{joined: roaring.New()}
		err = s.eachValue(field, func(doc uint32, value []byte) {
			last := len(g.docs) - 1
			if key := groupKey(string(value)); key != c.keys[doc] && (last < 0 || g.docs[last] != doc) {
				g.docs, g.keys = append(g.docs, doc), append(g.keys, key)
			}
		})
		g.joined.AddMany(g.docs)
		return g, 12*len(g.docs) + int(g.joined.GetSizeInBytes()), err
	})
}

// hitGroups is what collapsing needs of a segment.
type hitGroups struct {
	s      *segment
	c      *clock
	g      *groups
	joined *roaring.Bitmap // hits in groups of another one's name
	others *roaring.Bitmap // the other hits
}

// eachKey calls fn with the hits and their groups, those joined or the others.
func (m *hitGroups) eachKey(joined bool, fn func(doc uint32, key uint64)) {
	if !joined {
		each32(m.others, func(docs []uint32) {
			for _, d := range docs {
				fn(d, m.c.keys[d])
			}
		})
		return
	}
	i := 0
	each32(m.joined, func(docs []uint32) {
		for _, d := range docs {
			for m.g.docs[i] < d {
				i++
			}
			fn(d, m.g.keys[i])
		}
	})
}

// grouping is all that collapsing needs.
func (r *run) grouping(ctx context.Context) ([]*hitGroups, error) {
	var all []*hitGroups
	err := r.each(r.views, func(v *view) error {
		var own []*hitGroups
		for _, s := range v.segments {
			docs := s.counted()
			if docs.IsEmpty() {
				continue
			}
			if ctx.Err() != nil {
				return nil
			}
			c, err := s.clock()
			if err != nil {
				return err
			}
			g, err := s.groups(r.req.Collapse)
			if err != nil {
				return err
			}
			own = append(own, &hitGroups{s, c, g, roaring.And(docs, g.joined), roaring.AndNot(docs, g.joined)})
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		all = append(all, own...)
		return nil
	})
	return all, cmp.Or(err, ctx.Err())
}

// A group is what is known of one: the hit that is shown.
type group struct {
	shown    found
	original bool // shown is what the group is named by
}

// collapse hides all hits but one of each group, and of groups that another
// shard shows all. Most hits are alone in theirs: only those matter that are
// joined to another one's, and that other one. For a part it returns what is
// known of groups that have a joined hit, and of those wanted.
func (r *run) collapse(ctx context.Context, wanted []uint64) (map[uint64]group, error) {
	if r.req.Collapse == collapseNone {
		return nil, nil
	}
	all, err := r.grouping(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		r.partial, r.res.TotalExact = true, false
		r.warn("partial: telling %s took too long: they are not folded", r.req.Collapse)
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	// Groups are dealt out by their keys.
	var g errgroup.Group
	workers := make([]*collapser, runtime.GOMAXPROCS(0))
	for w := range workers {
		workers[w] = newCollapser(r, all, w, len(workers), wanted)
		g.Go(func() error { return workers[w].run(ctx) })
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	for i, m := range all {
		m.s.hidden = roaring.New()
		for _, w := range workers {
			slices.Sort(w.losers[i])
			m.s.hidden.AddMany(w.losers[i])
		}
		if !m.s.v.failed.Load() {
			r.res.Total -= int(m.s.hidden.GetCardinality())
		}
	}
	if !r.part {
		return nil, nil
	}
	known := make(map[uint64]group)
	for _, w := range workers {
		if err := w.tell(known); err != nil {
			return nil, err
		}
	}
	return known, nil
}

// A collapser finds the hits that some of the groups hide.
type collapser struct {
	r               *run
	all             []*hitGroups
	worker, workers uint64
	order           *best

	table  table
	shown  []contender // of each group
	losers [][]uint32  // of each segment
}

// A contender is the hit of a group that is to be shown.
type contender struct {
	state contenderState
	in    uint32 // of collapser.all
	doc   uint32
	unix  int64
}

type contenderState uint8

const (
	noHit     contenderState = iota // of a group that is wanted; none has been met
	elsewhere                       // another shard shows one
	aHit
	original // what the group is named by, which goes before all others
)

func newCollapser(r *run, all []*hitGroups, worker, workers int, wanted []uint64) *collapser {
	c := &collapser{r: r, all: all, worker: uint64(worker), workers: uint64(workers), order: newBest(r.req.Sort, cursor{}, 0)}
	n := 0
	for _, m := range c.all {
		n += int(m.joined.GetCardinality())
	}
	c.table = newTable((n+len(wanted)+len(r.hide))/workers + n/16 + 16)
	c.losers = make([][]uint32, len(all))
	for key := range r.hide {
		c.begin(key, contender{state: elsewhere})
	}
	for _, key := range wanted {
		c.begin(key, contender{state: noHit})
	}
	return c
}

// mine says whether the group is dealt out to this one.
func (c *collapser) mine(key uint64) bool { return key>>32%c.workers == c.worker }

// begin sets what is known of a group before there are hits.
func (c *collapser) begin(key uint64, first contender) {
	if at := c.table.find(key); c.mine(key) && c.table.keys[at] == 0 {
		c.table.put(at, key, uint32(len(c.shown)))
		c.shown = append(c.shown, first)
	}
}

func (c *collapser) run(ctx context.Context) error {
	for _, joined := range []bool{true, false} {
		for i, m := range c.all {
			err := c.r.inView(ctx, m.s.v, func() error {
				m.eachKey(joined, func(doc uint32, key uint64) {
					if c.mine(key) {
						c.compete(uint32(i), m, doc, key, joined)
					}
				})
				return nil
			})
			if err != nil {
				return err
			}
		}
	}
	return c.order.err
}

func (c *collapser) compete(in uint32, m *hitGroups, doc uint32, key uint64, joined bool) {
	now := contender{aHit, in, doc, m.c.unix(doc)}
	if !joined && c.r.req.Collapse == collapseCopies {
		now.state = original
	}
	at := c.table.find(key)
	if c.table.keys[at] == 0 {
		if joined { // else it is alone
			c.table.put(at, key, uint32(len(c.shown)))
			c.shown = append(c.shown, now)
		}
		return
	}
	old := &c.shown[c.table.values[at]]
	switch {
	case old.state == noHit:
	case old.state == elsewhere,
		old.state > now.state,
		old.state == now.state && !c.before(&now, old):
		c.losers[in] = append(c.losers[in], doc)
		return
	default:
		c.losers[old.in] = append(c.losers[old.in], old.doc)
	}
	*old = now
}

// before says whether a comes before b in the order asked for.
func (c *collapser) before(a, b *contender) bool {
	if c.order.sort != pipeline.SortRelevance && a.unix != b.unix {
		return (c.order.sort == pipeline.SortOldest) == (a.unix < b.unix)
	}
	f, g := c.found(a), c.found(b)
	return c.order.before(&f, &g)
}

func (c *collapser) found(p *contender) found {
	s := c.all[p.in].s
	return found{s: s, doc: p.doc, unix: p.unix, score: s.score(p.doc)}
}

// tell adds the groups that have a hit.
func (c *collapser) tell(known map[uint64]group) error {
	for at, key := range c.table.keys {
		if key == 0 {
			continue
		}
		p := &c.shown[c.table.values[at]]
		if p.state < aHit {
			continue
		}
		f := c.found(p)
		c.order.id(&f)
		known[key] = group{f, p.state == original}
	}
	return c.order.err
}

// A table has values by keys that are hashes and not 0, as many as it was made
// for or a few more.
type table struct {
	keys   []uint64
	values []uint32
	n      int
}

func newTable(n int) table {
	size := 1 << bits.Len(uint(2*n))
	return table{keys: make([]uint64, size), values: make([]uint32, size)}
}

// find is where the key is or would be.
func (t *table) find(key uint64) int {
	mask := len(t.keys) - 1
	i := int(key) & mask
	for t.keys[i] != 0 && t.keys[i] != key {
		i = (i + 1) & mask
	}
	return i
}

// put sets a key that is not there, at the place where find looked for it.
func (t *table) put(at int, key uint64, value uint32) {
	if t.n++; 4*t.n > 3*len(t.keys) {
		old := *t
		*t = newTable(2 * t.n)
		t.n = old.n
		for i, k := range old.keys {
			if k != 0 {
				j := t.find(k)
				t.keys[j], t.values[j] = k, old.values[i]
			}
		}
		at = t.find(key)
	}
	t.keys[at], t.values[at] = key, value
}

// score is that of a document that is ranked; 0: it is not, or none are.
func (s *segment) score(doc uint32) float64 {
	if s.ranked == nil || !s.ranked.Contains(doc) {
		return 0
	}
	return s.scores[s.ranked.Rank(doc)-1]
}

// isFirst says whether a hit is the one of its group that is shown, where not
// all of them are sure: it looks at one after the other.
func (r *run) isFirst(ctx context.Context, h hit) (bool, error) {
	key, err := r.groupOf(ctx, h)
	if err != nil || r.hide[key] {
		return false, err
	}
	if id, ok := r.first[key]; ok {
		return id == h.id, nil
	}
	first, err := r.firstOf(ctx, key)
	if err != nil || first == nil {
		return false, err
	}
	r.first[key] = first.id
	return first.id == h.id, nil
}

// groupOf is the key of a hit's group; 0: its partition has failed.
func (r *run) groupOf(ctx context.Context, h hit) (uint64, error) {
	if err := r.setGroups(ctx); err != nil {
		return 0, err
	}
	for _, m := range r.byGroup {
		if m.s == h.s {
			return m.key(h.doc), nil
		}
	}
	return 0, nil
}

func (r *run) setGroups(ctx context.Context) (err error) {
	if r.byGroup == nil {
		r.byGroup, err = r.grouping(ctx)
	}
	return err
}

// key is the group of a document.
func (m *hitGroups) key(doc uint32) uint64 {
	if i, ok := slices.BinarySearch(m.g.docs, doc); ok {
		return m.g.keys[i]
	}
	return m.c.keys[doc]
}

// firstOf is the hit of a group that is shown; nil: it has none.
func (r *run) firstOf(ctx context.Context, key uint64) (*hit, error) {
	if err := r.setGroups(ctx); err != nil {
		return nil, err
	}
	members, err := r.members(ctx, key)
	if err != nil {
		return nil, err
	}
	if err := r.placeHits(ctx, members); err != nil {
		return nil, err
	}
	for _, m := range members {
		ok, err := r.verify(ctx, m)
		if err != nil {
			return nil, err
		}
		if ok {
			return &m, nil
		}
	}
	return nil, nil
}

// members is the hits of a group, sure or not, the one to be shown first first.
func (r *run) members(ctx context.Context, key uint64) ([]hit, error) {
	order := newBest(r.req.Sort, cursor{}, 1<<30)
	originals := make(map[string]bool)
	for _, m := range r.byGroup {
		err := r.inView(ctx, m.s.v, func() error {
			for _, joined := range []bool{true, false} {
				m.eachKey(joined, func(doc uint32, k uint64) {
					if k != key {
						return
					}
					f := found{s: m.s, doc: doc, unix: m.c.unix(doc), score: m.s.score(doc)}
					order.put(f)
					if !joined && r.req.Collapse == collapseCopies {
						originals[order.id(&f)] = true
					}
				})
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	hits := slices.DeleteFunc(order.sorted(), func(h hit) bool { return !h.s.possible(h.doc) && !h.s.unplaced.Contains(h.doc) })
	slices.SortStableFunc(hits, func(a, b hit) int {
		switch x, y := originals[a.id], originals[b.id]; {
		case x == y:
			return 0
		case x:
			return -1
		}
		return 1
	})
	return hits, order.err
}
