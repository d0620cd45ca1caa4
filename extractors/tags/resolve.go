package tags

import (
	"cmp"
	"slices"
	"sort"
	"unicode/utf8"

	"github.com/newswatch/newswatch/extractors/textnorm"
	"github.com/newswatch/newswatch/pipeline"
)

// license drops last names of persons, and names of organizations without their
// legal form, whose full name is not in the article. Of
// several persons of that last name it is the one named last before it, else
// first after it.
func (t *tagger) license() {
	if !slices.ContainsFunc(t.hits, func(h hit) bool { return h.gated }) {
		return
	}
	full := make(map[int32][]int) // where whole names of an entity start
	for _, h := range t.hits {
		if e := t.m.names[h.name].entity; !h.gated && h.words >= 2 {
			full[e] = append(full[e], t.place(h))
		}
	}
	for i := 0; i < len(t.hits); {
		// The senses of one place stand together.
		j, best := i, -1
		for ; j < len(t.hits) && samePlace(t.hits[i], t.hits[j]); j++ {
			h := &t.hits[j]
			if !h.gated {
				continue
			}
			d := distance(full[t.m.names[h.name].entity], t.place(*h))
			if h.dropped = d < 0; !h.dropped && (best < 0 || d < best) {
				best = d
			}
		}
		for k := i; k < j; k++ {
			h := &t.hits[k]
			if !h.gated {
				continue
			}
			if h.dropped {
				why := blockSurname
				if h.rule != ruleSurname {
					why = blockShort
				}
				t.block(*h, why)
			} else if h.dropped = distance(full[t.m.names[h.name].entity], t.place(*h)) > best; h.dropped {
				t.block(*h, blockNearer)
			}
		}
		i = j
	}
	t.hits = slices.DeleteFunc(t.hits, func(h hit) bool { return h.dropped })
}

func samePlace(a, b hit) bool { return a.field == b.field && a.start == b.start && a.end == b.end }

// place counts the start of a hit from the start of the title.
func (t *tagger) place(h hit) int {
	if h.field > 0 {
		return h.start + len(t.fields[0].source) + 1
	}
	return h.start
}

// distance is how far place is from the last of the places before it; those
// after it count as farther than any before. -1: there are none. The places are
// in order.
func distance(places []int, place int) int {
	const after = 1 << 40
	i, _ := slices.BinarySearch(places, place+1)
	switch {
	case len(places) == 0:
		return -1
	case i > 0:
		return place - places[i-1]
	}
	return after + places[0] - place
}

// mentions weighs the hits against each other and writes what is left.
func (t *tagger) mentions() []pipeline.Mention {
	hits := t.weighed()
	out := make([]pipeline.Mention, len(hits))
	for i, h := range hits {
		out[i] = t.mention(h)
	}
	return out
}

// mention writes out a hit.
func (t *tagger) mention(h hit) pipeline.Mention {
	f, e := &t.fields[h.field], &t.m.entities[t.m.names[h.name].entity]
	return pipeline.Mention{
		Entity: e.ID, Kind: e.Kind, Name: t.m.nameText(h.name), Field: f.name, Start: h.start, End: h.end,
		Text: f.source[h.start:h.end], Rule: h.rule, Confidence: round(h.conf), Nested: h.nested,
	}
}

// weighed is the hits that stand against the others, in order.
func (t *tagger) weighed() []hit {
	hits := t.best()
	kept := hits[:0]
	for i := 0; i < len(hits); {
		// Hits are in order of start: those that hang together by overlapping are
		// weighed among themselves.
		j, end := i+1, hits[i].end
		for j < len(hits) && hits[j].field == hits[i].field && hits[j].start < end {
			end = max(end, hits[j].end)
			j++
		}
		kept = append(kept, t.weigh(hits[i:j])...)
		i = j
	}
	slices.SortStableFunc(kept, func(a, b hit) int {
		return cmp.Or(cmp.Compare(a.field, b.field), cmp.Compare(a.start, b.start), cmp.Compare(b.end, a.end), cmp.Compare(a.name, b.name))
	})
	return kept
}

// round is the confidence with two digits.
func round(c float32) float64 { return float64(int(c*100+0.5)) / 100 }

// best keeps, of the hits of one entity at one place, the surest; of several
// entities there, those found by more than a guess, each less surely.
func (t *tagger) best() []hit {
	entity := func(h hit) int32 { return t.m.names[h.name].entity }
	for i := range t.hits {
		h := &t.hits[i]
		f := &t.fields[h.field]
		h.just = f.style == plain && sameCaps(t.m.nameText(h.name), f.source[h.start:h.end])
	}
	justFirst := func(a, b hit) int {
		switch {
		case a.just == b.just:
			return 0
		case a.just:
			return -1
		}
		return 1
	}
	slices.SortFunc(t.hits, func(a, b hit) int {
		return cmp.Or(cmp.Compare(a.field, b.field), cmp.Compare(a.start, b.start), cmp.Compare(a.end, b.end),
			cmp.Compare(entity(a), entity(b)), cmp.Compare(b.conf, a.conf),
			cmp.Compare(a.rule, b.rule), // acronym and exact before form
			justFirst(a, b),
			cmp.Compare(a.name, b.name))
	})
	hits := slices.CompactFunc(t.hits, func(a, b hit) bool {
		return samePlace(a, b) && entity(a) == entity(b)
	})
	out := hits[:0]
	for i := 0; i < len(hits); {
		j := i + 1
		for j < len(hits) && samePlace(hits[i], hits[j]) {
			j++
		}
		out = append(out, t.settle(hits[i:j])...)
		i = j
	}
	return out
}

// sameCaps reports whether two texts have capitals and small letters at the same
// places of those that have either.
func sameCaps(a, b string) bool {
	const cased = textnorm.Upper | textnorm.Lower
	next := func(s string) (textnorm.Class, string) {
		for i, r := range s {
			if c := textnorm.ClassOf(r) & cased; c != 0 {
				return c, s[i+utf8.RuneLen(r):]
			}
		}
		return 0, ""
	}
	for {
		var x, y textnorm.Class
		x, a = next(a)
		y, b = next(b)
		if x != y {
			return false
		}
		if x == 0 {
			return true
		}
	}
}

// shared is what is left of the confidence of a name that several entities have.
const shared = 0.7

// settle weighs the entities that have the same text as a name. One whose near
// or must words are there goes before the others; a last name, an initial or a
// variant goes after whole names; of whole names those written just so go before
// those in other capitals (WHO and Who), except where a headline has its own.
func (t *tagger) settle(same []hit) []hit {
	if len(same) == 1 {
		return same
	}
	rank := func(h hit) int {
		switch h.rule {
		case ruleContext:
			return 3
		case ruleInitial, ruleSurname, ruleVariant:
			return 0
		}
		if h.just {
			return 2
		}
		return 1
	}
	top := 0
	for _, h := range same {
		top = max(top, rank(h))
	}
	same = slices.DeleteFunc(same, func(h hit) bool {
		if rank(h) < top {
			t.block(h, blockSurer)
			return true
		}
		return false
	})
	if len(same) > 1 {
		for i := range same {
			same[i].conf *= shared
		}
	}
	return same
}

// place is a hit that no other covers, and those at the same place or inside it.
type place struct {
	start, end int
	hits       []hit
}

// weigh keeps, of hits that overlap, the longest, and inside it those of other
// entities, marked nested.
func (t *tagger) weigh(hits []hit) []hit {
	if len(hits) == 1 {
		return hits
	}
	slices.SortStableFunc(hits, func(a, b hit) int { return cmp.Compare(b.end-b.start, a.end-a.start) })
	// Places don't overlap and stand in order, so that a text of one name over
	// and over costs no more than it must.
	var places []place
	for _, h := range hits {
		i := sort.Search(len(places), func(i int) bool { return places[i].end > h.start })
		switch {
		case i == len(places) || places[i].start >= h.end:
			places = slices.Insert(places, i, place{h.start, h.end, []hit{h}})
		case t.fits(&places[i], &h):
			places[i].hits = append(places[i].hits, h)
		case t.asks(h.name):
			t.blockOverlap(&places[i], h)
		}
	}
	kept := hits[:0]
	for _, p := range places {
		kept = append(kept, p.hits...)
	}
	return kept
}

// fits reports whether a hit no longer than any in the place stands beside them,
// and marks it nested where it lies inside one of another entity.
func (t *tagger) fits(p *place, h *hit) bool {
	if p.start > h.start || h.end > p.end {
		return false
	}
	nested := false
	for _, k := range p.hits {
		if k.end <= h.start || h.end <= k.start || samePlace(k, *h) {
			continue
		}
		inside := k.start <= h.start && h.end <= k.end
		if !inside || t.m.names[k.name].entity == t.m.names[h.name].entity {
			return false // and it is not nested, for it is none
		}
		nested = true
	}
	h.nested = h.nested || nested
	return true
}
