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
	r := t.m.rules[id]
	if len(r.must) > 0 && !t.mustHolds(id) {
		return blockMust, ""
	}
	if len(r.near)+len(r.not)+len(r.compounds) == 0 {
		return "", ""
	}
	a := t.around(which, start, end)
	if len(r.near) > 0 && has(a.before, r.near) == "" && has(a.after, r.near) == "" {
		return blockNear, ""
	}
	if word = cmp.Or(has(a.before, r.not), has(a.after, r.not), a.compound(r.compounds)); word != "" {
		return blockNot, word
	}
	return "", ""
}

// mustHolds reports whether one of the must words of a name is in the article.
func (t *tagger) mustHolds(id int32) bool {
	holds, known := t.musts[id]
	if !known {
		must := t.m.rules[id].must
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
		f.terms = slices.DeleteFunc(textnorm.Analyze(f.terms[:0], f.source), textnorm.Token.Beside)
		f.made = true
	}
	return f.terms
}

// surroundings are the words near a name, on either side, and all of them with
// those of the name.
type surroundings struct {
	before, after, all []textnorm.Token
}

// compound is the first of the phrases that the name is a part of, as the catalog
// has it (升华为 is not 华为); empty: of none.
func (s surroundings) compound(phrases []phrase) string {
	first, last := len(s.before), len(s.all)-len(s.after)
	for _, p := range phrases {
		n := len(p.terms)
		for i := max(0, first-n+1); i < last && i+n <= len(s.all); i++ {
			inside := first <= i && i+n <= last // the name holds the phrase, and says nothing of itself
			if !inside && p.at(s.all[i:]) {
				return p.text
			}
		}
	}
	return ""
}

// around is the surroundings of a name: the words of its sentence, and at least
// nearWords where the field has them.
func (t *tagger) around(which, start, end int) surroundings {
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
	return surroundings{terms[lo:first], terms[last:hi], terms[lo:hi]}
}

// endsSentence reports whether a sentence ends between two words.
func endsSentence(gap string) bool {
	return strings.ContainsAny(gap, "!?。！？…\n") || strings.Contains(gap, ". ") || strings.HasSuffix(gap, ".")
}

// has is the first of the phrases that stands in the terms, as the catalog has
// it; empty: none does.
func has(terms []textnorm.Token, phrases []phrase) string {
	for _, p := range phrases {
		for i := range terms {
			if p.at(terms[i:]) {
				return p.text
			}
		}
	}
	return ""
}

// at reports whether the terms begin with the phrase.
func (p phrase) at(terms []textnorm.Token) bool {
	if len(terms) < len(p.terms) {
		return false
	}
	for k, want := range p.terms {
		if terms[k].Term != want {
			return false
		}
	}
	return true
}
