package tags

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/newswatch/newswatch/extractors/textnorm"
	"github.com/newswatch/newswatch/pipeline/catalog"
)

// Rules, as they stand in mentions.
const (
	ruleExact   = "exact"
	ruleAcronym = "acronym"
	ruleForm    = "form"
	ruleVariant = "variant"
	ruleOrder   = "order"
	ruleInitial = "initial"
	ruleSurname = "surname"
	ruleContext = "context"
)

// How sure a rule is: the share of its mentions whose entity the gold documents
// have too (the rules of testdata/quality.golden), rounded. Exact stands with form,
// though there it has .92, as English names of cities and their teams weigh on it.
// Variant, order and context were met too seldom there and are estimates.
var confidence = map[string]float32{
	ruleExact: 0.95, ruleAcronym: 0.95, ruleForm: 0.95, ruleSurname: 0.95, ruleInitial: 0.55,
	ruleVariant: 0.8, ruleOrder: 0.75, ruleContext: 0.9,
}

// What a word of a name wants of the case of the word in the text. A value over
// wantCaps is wantCaps plus the number of first letters that must be capitals.
const (
	wantNothing = 0
	wantFirst   = 1 // a capital first
	wantAny     = 2 // a capital somewhere
	wantCaps    = 0x80
)

// maxCaps is the longest acronym.
const maxCaps = 0x7F

// A ruleID is a rule in few bytes.
type ruleID uint8

const (
	idExact ruleID = iota
	idAcronym
	idForm
	idVariant
	idOrder
	idInitial
	idSurname
)

var ruleNames = [...]string{ruleExact, ruleAcronym, ruleForm, ruleVariant, ruleOrder, ruleInitial, ruleSurname}

// How sure forms are that no grammar vouches for.
const (
	pluralConfidence = 0.85
	wildConfidence   = 0.85
)

// name is a name of the catalog. There may be half a million.
type name struct {
	entity int32
	at     int32 // its place among the names of the entity; -1: the entity's Name stands for it
}

// pattern is one way to write a name. There may be millions.
type pattern struct {
	name  int32
	next  int32 // the next pattern with the same stems; -1: none
	words int32 // where its words begin in Matcher.words
	n     uint8 // how many they are
	rule  ruleID
	flags uint8
}

// Flags of a pattern.
const (
	flagGated = 1 << iota // only where a full name of the entity is in the article
	flagExact             // in the very capitals
	flagCased             // some word wants something of the text's capitals
)

// rules are the words a name wants about it. Few names have any.
type rules struct {
	near []phrase
	not  []phrase
	must []phrase
	// compounds are the not words that have the name in them: they block it only
	// where it is a part of one, not in the vicinity.
	compounds []phrase
}

// rulesOf is the rules of a name, nil where it has none.
func rulesOf(n *catalog.Name) *rules {
	if len(n.Near)+len(n.Not)+len(n.Must) == 0 {
		return nil
	}
	r := &rules{near: phrases(n.Near), must: phrases(n.Must)}
	var own []string
	if names := phrases([]string{n.Text}); len(names) > 0 {
		own = names[0].terms
	}
	for _, p := range phrases(n.Not) {
		if len(p.terms) > len(own) && p.holds(own) {
			r.compounds = append(r.compounds, p)
		} else {
			r.not = append(r.not, p)
		}
	}
	return r
}

// A phrase is a context word or several, as the text's terms are.
type phrase struct {
	terms []string
	text  string // as the catalog has it
}

// holds reports whether the terms stand in the phrase.
func (p phrase) holds(terms []string) bool {
	for i := 0; i+len(terms) <= len(p.terms); i++ {
		if slices.Equal(p.terms[i:i+len(terms)], terms) {
			return len(terms) > 0
		}
	}
	return false
}

// part is one word of a name.
type part struct {
	text  string // folded
	want  byte
	class textnorm.Class
	sep   byte   // before it
	wide  bool   // before it stands more than may stand inside a name
	apos  bool   // before it stands an apostrophe and nothing else
	camel []part // where it is written YotaPhone: its halves
}

// appendParts takes a name apart into its words, which it appends to parts.
func appendParts(parts []part, f *textnorm.Folded, text string) []part {
	f.Fold(text)
	folded := string(f.Text)
	for i, w := range f.Words {
		p := part{text: folded[w.Start:w.End], class: w.Class, sep: sepSoft}
		s, e, _ := f.Source(int(w.Start), int(w.End))
		p.want = want(w, text[s:e])
		if i > 0 {
			if p.sep = separator(f.Text, f.Words[i-1], w); p.sep == sepHard {
				p.sep, p.wide = sepSoft, true
			}
			p.apos = folded[f.Words[i-1].End:w.Start] == "'"
		}
		if w.Class&(textnorm.Bounded|textnorm.Upper|textnorm.Lower) == textnorm.Latin|textnorm.Upper|textnorm.Lower {
			p.camel = camel(text[s:e])
		}
		parts = append(parts, p)
	}
	return parts
}

// want is what a word of a name, written so, wants of the text.
func want(w textnorm.Word, written string) byte {
	if w.Class&textnorm.Upper == 0 {
		return wantNothing
	}
	letters := 0
	for _, r := range written {
		if textnorm.ClassOf(r)&(textnorm.Upper|textnorm.Lower) != 0 {
			letters++
		}
	}
	switch {
	case w.AllUpper() && letters >= 2 && utf8.RuneCountInString(written) <= maxCaps:
		return wantCaps + byte(utf8.RuneCountInString(written))
	case w.First&textnorm.Upper != 0:
		return wantFirst
	}
	return wantAny
}

// minHalf is the shortest half, in letters, of a word that may be written apart.
const minHalf = 3

// camel is the halves of a word such as YotaPhone, nil for any other.
func camel(written string) []part {
	at := 0
	for i := 1; i < len(written); i++ {
		a, b := written[i-1], written[i]
		if a >= 'a' && a <= 'z' && b >= 'A' && b <= 'Z' {
			if at > 0 {
				return nil // more than two
			}
			at = i
		}
	}
	if at < minHalf || len(written)-at < minHalf || written[0] < 'A' || written[0] > 'Z' {
		return nil
	}
	return []part{
		{text: textnorm.Fold(written[:at]), want: wantFirst, class: textnorm.Latin, sep: ' '},
		{text: textnorm.Fold(written[at:]), want: wantFirst, class: textnorm.Latin, sep: ' '},
	}
}

// shape is the case of each letter of s that has one: what an exact name wants
// the text to be alike in.
func shape(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch c := textnorm.ClassOf(r); {
		case c&textnorm.Upper != 0:
			b.WriteByte('A')
		case c&textnorm.Lower != 0:
			b.WriteByte('a')
		}
	}
	return b.String()
}

// phrases takes context words apart as the text is: each is a sequence of terms.
func phrases(list []string) []phrase {
	var out []phrase
	for _, s := range list {
		var terms []string
		for _, k := range textnorm.Analyze(nil, s) {
			if !k.Beside() {
				terms = append(terms, strings.Clone(k.Term))
			}
		}
		if len(terms) > 0 {
			out = append(out, phrase{terms, s})
		}
	}
	return out
}

// tongueOf tells how a name is inflected: as its language wants or, where none
// is given, the letters of a Cyrillic one; as both languages want where they
// don't say.
func tongueOf(lang string, parts []part) tongue {
	switch lang {
	case "ru":
		return inRussian
	case "uk", "be":
		return inUkrainian
	case "pl":
		return inPolish
	case "":
	default:
		return noTongue
	}
	cyrillic, ru, uk := false, false, false
	for i := range parts {
		if parts[i].class&textnorm.Cyrillic != 0 {
			cyrillic = true
			ru = ru || strings.ContainsAny(parts[i].text, "ыэъ")
			uk = uk || strings.ContainsAny(parts[i].text, "іє'ґ")
		}
	}
	switch {
	case !cyrillic:
		return noTongue
	case ru && !uk:
		return inRussian
	case uk && !ru:
		return inUkrainian
	}
	return inEither
}
