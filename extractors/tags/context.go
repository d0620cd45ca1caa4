package tags

import (
	"cmp"
	"slices"
	"strings"

	"github.com/newswatch/newswatch/extractors/textnorm"
)

// nearWords is how far from a name near and not words may stand, in words, even
// in other sentences; maxSentence is where a sentence without end ends.
const (
	nearWords   = 15
	maxSentence = 80
)

// contextHolds applies the near, not and must words of a name found at start to
// end of a field. It returns the rule that blocks it, with the word that did where
// there is one; empty: none.
func (t *tagger) contextHolds(id int32, which, start, end int) (blocks, word string) {
	r := t.m.names[id].rules
	if len(r.must) > 0 && !t.mustHolds(id) {
		return blockMust, ""
	}
	if len(r.near)+len(r.not) == 0 {
		return "", ""
	}
	before, after := t.around(which, start, end)
	if len(r.near) > 0 && has(before, r.near) == "" && has(after, r.near) == "" {
		return blockNear, ""
	}
	if word = cmp.Or(has(before, r.not), has(after, r.not)); word != "" {
		return blockNot, word
	}
	return "", ""
}

// mustHolds reports whether one of the must words of a name is in the article.
func (t *tagger) mustHolds(id int32) bool {
	holds, known := t.musts[id]
	if !known {
		must := t.m.names[id].rules.must
		holds = has(t.terms(inTitle), must) != "" || has(t.terms(inText), must) != ""
		if t.musts == nil {
			t.musts = make(map[int32]bool)
		}
		t.musts[id] = holds
	}
	return holds
}

// terms is the field as words, each in its stem.
func (t *tagger) terms(which int) []textnorm.Token {
	f := &t.fields[which]
	if !f.made {
		f.terms = slices.DeleteFunc(textnorm.Analyze(f.terms[:0], f.source), func(k textnorm.Token) bool { return k.Bigram })
		f.made = true
	}
	return f.terms
}

// around is the words near a name, on either side: those of its sentence, and at
// least nearWords where the field has them.
func (t *tagger) around(which, start, end int) (before, after []textnorm.Token) {
	terms, source := t.terms(which), t.fields[which].source
	first, _ := slices.BinarySearchFunc(terms, start, func(k textnorm.Token, at int) int { return k.End - at - 1 })
	last, _ := slices.BinarySearchFunc(terms, end, func(k textnorm.Token, at int) int { return k.Start - at })
	lo, hi := first, last
	for edge, ended := start, false; lo > 0; lo-- {
		k := terms[lo-1]
		ended = ended || endsSentence(source[k.End:edge])
		if n := first - lo; n >= maxSentence || ended && n >= nearWords {
			break
		}
		edge = k.Start
	}
	for edge, ended := end, false; hi < len(terms); hi++ {
		k := terms[hi]
		ended = ended || endsSentence(source[edge:k.Start])
		if n := hi - last; n >= maxSentence || ended && n >= nearWords {
			break
		}
		edge = k.End
	}
	return terms[lo:first], terms[last:hi]
}

// endsSentence reports whether a sentence ends between two words.
func endsSentence(gap string) bool {
	return strings.ContainsAny(gap, "!?。！？…\n") || strings.Contains(gap, ". ") || strings.HasSuffix(gap, ".")
}

// has is the first of the phrases that stands in the terms, as the catalog has
// it; empty: none does.
func has(terms []textnorm.Token, phrases []phrase) string {
	for _, p := range phrases {
		for i := 0; i+len(p.terms) <= len(terms); i++ {
			k := 0
			for k < len(p.terms) && terms[i+k].Term == p.terms[k] {
				k++
			}
			if k == len(p.terms) {
				return p.text
			}
		}
	}
	return ""
}
