package tags

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/newswatch/newswatch/pipeline"
	"github.com/newswatch/newswatch/pipeline/catalog"
)

// A Finding is a place where a form of one of an entity's names stands, and what
// came of it.
type Finding struct {
	pipeline.Mention
	// Blocked says in words why the place does not count: "capital: the name has
	// one, the text not", "not: homework". Empty: it counts. A place inside the
	// longer name of another entity is blocked though Tag reports it, as nested;
	// one whose confidence is under [pipeline.MinConfidence] is reported, too.
	Blocked string `json:"blocked,omitempty"`
}

// Why a form that stands in the text is no mention.
const (
	blockCapital  = "capital: the name has one, the text not"
	blockCapitals = "capitals: the name is in capitals, the text not"
	blockNoCaps   = "capital: the headline has none, and one word is too little without"
	blockExact    = "exact: the text has other capitals"
	blockLang     = "language: a form of another language"
	blockNear     = "near"
	blockNot      = "not"
	blockMust     = "must"
	blockSurname  = "surname without the full name"
	blockShort    = "short form without the full name"
	blockNearer   = "surname: another person of that name is named nearer"
	blockSurer    = "another entity has this name more surely"
	blockOverlap  = "overlaps "
	blockInside   = "inside the longer name "
)

// blocked is a hit that came to nothing.
type blocked struct {
	hit
	why string
}

// Explain lists the places of the title and the text where a form of one of the
// entity's names stands, by field (title first), then start: those that count and
// those that don't, with the reason. Of the names of the entity itself that lie in
// each other only the longest is told of. It agrees with Tag: the findings that are
// not blocked, those nested and those of little confidence are its mentions of
// the entity. An unknown entity has no findings.
func (m *Matcher) Explain(title, text, lang, entity string) []Finding {
	e := int32(slices.IndexFunc(m.entities, func(o catalog.Entity) bool { return o.ID == entity }))
	if e < 0 {
		return nil
	}
	t := m.pool.Get().(*tagger)
	defer m.pool.Put(t)
	t.reset(m, title, text, lang)
	t.explains, t.blocked = e, t.blocked[:0]
	defer func() { t.explains = -1 }()
	t.scan(inTitle)
	t.scan(inText)
	t.license()
	hits := t.weighed()

	var out []Finding
	seen := make(map[[3]int]bool)
	for _, h := range hits {
		if m.names[h.name].entity != e {
			continue
		}
		seen[[3]int{h.field, h.start, h.end}] = true
		f := Finding{Mention: t.mention(h)}
		switch {
		case h.nested:
			f.Blocked = blockInside + t.outer(hits, h)
		case f.Confidence < pipeline.MinConfidence:
			f.Blocked = fmt.Sprintf("confidence %.2f is under %.2f", f.Confidence, pipeline.MinConfidence)
		}
		out = append(out, f)
	}
	// Of several reasons at one place the one that came last on the way says most.
	slices.Reverse(t.blocked)
	slices.SortStableFunc(t.blocked, func(a, b blocked) int { return cmp.Compare(progress(b.why), progress(a.why)) })
	for _, b := range t.blocked {
		at := [3]int{b.field, b.start, b.end}
		if seen[at] || t.inOwn(hits, b.hit) {
			continue
		}
		seen[at] = true
		out = append(out, Finding{t.mention(b.hit), b.why})
	}
	slices.SortStableFunc(out, func(a, b Finding) int {
		return cmp.Or(-cmp.Compare(a.Field, b.Field), cmp.Compare(a.Start, b.Start), cmp.Compare(b.End, a.End))
	})
	return out
}

// progress is how far on the way a hit was blocked.
func progress(why string) int {
	switch {
	case strings.HasPrefix(why, blockInside), strings.HasPrefix(why, blockOverlap):
		return 4
	case strings.HasPrefix(why, blockSurname), why == blockShort, why == blockNearer, why == blockSurer:
		return 3
	case strings.HasPrefix(why, blockNear), strings.HasPrefix(why, blockNot), strings.HasPrefix(why, blockMust):
		return 2
	}
	return 1
}

// inOwn reports whether h lies in a hit of its own entity that stands.
func (t *tagger) inOwn(hits []hit, h hit) bool {
	return slices.ContainsFunc(hits, func(k hit) bool {
		return k.field == h.field && k.start <= h.start && h.end <= k.end && t.m.names[k.name].entity == t.m.names[h.name].entity
	})
}

// outer names the shortest hit that h lies in.
func (t *tagger) outer(hits []hit, h hit) string {
	best := -1
	for i, k := range hits {
		if k.field == h.field && k.start <= h.start && h.end <= k.end && k.end-k.start > h.end-h.start &&
			(best < 0 || k.end-k.start < hits[best].end-hits[best].start) {
			best = i
		}
	}
	if best < 0 {
		return ""
	}
	return t.called(hits[best])
}

// called is the text of a hit and its entity.
func (t *tagger) called(h hit) string {
	return fmt.Sprintf("%q of %s", t.fields[h.field].source[h.start:h.end], t.m.entities[t.m.names[h.name].entity].ID)
}

// asks reports whether the name is of the entity to be explained.
func (t *tagger) asks(name int32) bool {
	return t.explains >= 0 && t.m.names[name].entity == t.explains
}

// block notes why a hit came to nothing.
func (t *tagger) block(h hit, why string) {
	if t.asks(h.name) {
		t.blocked = append(t.blocked, blocked{h, why})
	}
}

// blockContext notes that a context rule blocks a hit.
func (t *tagger) blockContext(h hit, why, word string) {
	if !t.asks(h.name) {
		return
	}
	switch r := t.m.rules[h.name]; why {
	case blockNear:
		word = "none of " + listed(r.near)
	case blockMust:
		word = "none of " + listed(r.must)
	}
	t.block(h, why+": "+word)
}

// blockOverlap notes that a hit lies across, or inside, the hits of a place.
func (t *tagger) blockOverlap(p *place, h hit) {
	for _, k := range p.hits {
		switch {
		case k.end <= h.start || h.end <= k.start:
		case k.start <= h.start && h.end <= k.end:
			t.block(h, blockInside+t.called(k))
			return
		default:
			t.block(h, blockOverlap+t.called(k))
			return
		}
	}
	t.block(h, blockOverlap+t.called(p.hits[0]))
}

func listed(phrases []phrase) string {
	list := make([]string, len(phrases))
	for i, p := range phrases {
		list[i] = p.text
	}
	return strings.Join(list, ", ")
}
