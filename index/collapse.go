package index

import (
	"context"
	"slices"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/newswatch/newswatch/index/query"
)

// Ways to collapse. Of each group one hit is shown: the first in the order
// asked for, but of copies the original, where it is a hit.
const (
	collapseNone    = "none"
	collapseCopies  = "copies"  // an article's group is the article it is a copy of, or itself
	collapseStories = "stories" // an article's group is its story, or itself
)

// groups says which group each document of a segment is in.
type groups struct {
	keys   []uint64        // see groupKey
	joined *roaring.Bitmap // documents in a group of another one's name
}

// groupKey tells groups, which are named by ids, apart: by the keys in them.
func groupKey(id string) uint64 {
	if len(id) > 15 && id[14] == '-' {
		return keyHash(id[15:])
	}
	return keyHash(id)
}

func (s *segment) groups(collapse string) (*groups, error) {
	field := fieldCopyOf
	if collapse == collapseStories {
		field = query.FieldStory
	}
	return keep(s, "groups by "+field, func() (*groups, int, error) {
		g := &groups{keys: make([]uint64, s.raw.Count()), joined: roaring.New()}
		err := s.eachID(func(doc uint32, id string) error {
			g.keys[doc] = groupKey(id)
			return nil
		})
		if err != nil {
			return nil, 0, err
		}
		err = s.eachValue(field, func(doc uint32, value []byte) {
			if key := groupKey(string(value)); key != g.keys[doc] {
				g.keys[doc] = key
				g.joined.Add(doc)
			}
		})
		if err != nil {
			return nil, 0, err
		}
		return g, 8*len(g.keys) + int(g.joined.GetSizeInBytes()), nil
	})
}

// A group is what is known of one while hits are collapsed.
type group struct {
	shown    found // none (s is nil): no hit has been met
	original bool  // shown is what the group is named by
	hidden   bool  // another shard shows a hit of it
}

// collapse hides all hits but one of each group, and of groups that another
// shard shows all. It returns what is known of groups that have a hit which is
// not what they are named by, and of those that are wanted.
func (r *run) collapse(ctx context.Context, wanted []uint64) (map[uint64]group, error) {
	if r.req.Collapse == collapseNone {
		return nil, nil
	}
	err := r.each(r.views, func(v *view) error { // in several at once, for they are kept
		for _, s := range v.segments {
			if _, err := s.groups(r.req.Collapse); err != nil {
				return err
			}
		}
		return ctx.Err()
	})
	if err != nil {
		return nil, err
	}
	// Most hits are alone in their group. Only those matter that are joined to
	// another one's, and those others.
	at := make(map[uint64]int32)
	var all []group
	for key := range r.hide {
		at[key] = int32(len(all))
		all = append(all, group{hidden: true})
	}
	for _, key := range wanted {
		at[key] = int32(len(all))
		all = append(all, group{})
	}
	order := newBest(r.req.Sort, cursor{}, 0)
	compete := func(s *segment, docs *roaring.Bitmap, g *groups, joined bool) error {
		c, err := s.clock()
		if err != nil {
			return err
		}
		var losers []uint32
		each32(docs, func(docs []uint32) {
			for _, d := range docs {
				key := g.keys[d]
				i, ok := at[key]
				if !ok {
					if joined {
						at[key] = int32(len(all))
						all = append(all, group{shown: found{s: s, doc: d, unix: c.unix(d), score: s.score(d)}})
					}
					continue
				}
				f, old := found{s: s, doc: d, unix: c.unix(d), score: s.score(d)}, &all[i]
				original := !joined && r.req.Collapse == collapseCopies
				if old.hidden {
					losers = append(losers, d)
					continue
				}
				if old.shown.s == nil {
					old.shown, old.original = f, original
					continue
				}
				if !original && (old.original || !order.before(&f, &old.shown)) {
					losers = append(losers, d)
					continue
				}
				old.shown.s.hidden.Add(old.shown.doc)
				old.shown, old.original = f, original
			}
		})
		s.hidden.AddMany(losers)
		return nil
	}
	for _, joined := range []bool{true, false} {
		for _, v := range slices.Clone(r.views) {
			err := r.inView(ctx, v, func() error {
				for _, s := range v.segments {
					g, err := s.groups(r.req.Collapse)
					if err != nil {
						return err
					}
					if s.hidden == nil {
						s.hidden = roaring.New()
					}
					docs := s.counted()
					if joined {
						docs = roaring.And(docs, g.joined)
					} else {
						docs = roaring.AndNot(docs, g.joined)
					}
					if err := compete(s, docs, g, joined); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				return nil, err
			}
		}
	}
	if order.err != nil {
		return nil, order.err
	}
	for _, v := range r.views {
		for _, s := range v.segments {
			r.res.Total -= int(s.hidden.GetCardinality())
		}
	}
	if !r.part {
		return nil, nil
	}
	known := make(map[uint64]group, len(at))
	for key, i := range at {
		if g := all[i]; g.shown.s != nil {
			order.id(&g.shown)
			known[key] = g
		}
	}
	return known, order.err
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

// groupOf is the key of a hit's group.
func (r *run) groupOf(ctx context.Context, h hit) (key uint64, err error) {
	err = r.inView(ctx, h.s.v, func() error {
		g, err := h.s.groups(r.req.Collapse)
		if err == nil {
			key = g.keys[h.doc]
		}
		return err
	})
	return key, err
}

// firstOf is the hit of a group that is shown; nil: it has none.
func (r *run) firstOf(ctx context.Context, key uint64) (*hit, error) {
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
	for _, v := range slices.Clone(r.views) {
		err := r.inView(ctx, v, func() error {
			for _, s := range v.segments {
				g, err := s.groups(r.req.Collapse)
				if err != nil {
					return err
				}
				c, err := s.clock()
				if err != nil {
					return err
				}
				each32(s.candidates(), func(docs []uint32) {
					for _, d := range docs {
						if g.keys[d] != key {
							continue
						}
						f := found{s: s, doc: d, unix: c.unix(d), score: s.score(d)}
						order.put(f)
						if r.req.Collapse == collapseCopies && !g.joined.Contains(d) {
							originals[order.id(&f)] = true
						}
					}
				})
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	hits := order.sorted()
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
