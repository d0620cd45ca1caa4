package tags

import (
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

// name is a name of the catalog. There may be half a million.
type name struct {
	entity int32
	at     int32  // its place among the names of the entity; -1: the entity's Name stands for it
	rules  *rules // nil for most
}

// rules are what a name asks for beside its words.
type rules struct {
	exact bool
	shape string // of exact names: the case of each letter
	near  []phrase
	not   []phrase
	must  []phrase
}

// rulesOf is the rules of a name, nil where it has none.
func rulesOf(n catalog.Name) *rules {
	if !n.Exact && len(n.Near)+len(n.Not)+len(n.Must) == 0 {
		return nil
	}
	return &rules{exact: n.Exact, shape: shape(n.Text), near: phrases(n.Near), not: phrases(n.Not), must: phrases(n.Must)}
}

// A phrase is a context word or several, as the text's terms are.
type phrase struct {
	terms []string
	text  string // as the catalog has it
}

// part is one word of a name.
type part struct {
	text   string // folded
	want   byte
	class  textnorm.Class
	sep    byte   // before it: a space, or a comma
	hyphen bool   // a hyphen follows
	camel  []part // where it is written YotaPhone: its halves
}

// split takes a name apart into its words.
func split(f *textnorm.Folded, text string) []part {
	f.Fold(text)
	var parts []part
	for i, w := range f.Words {
		p := part{text: string(f.Text[w.Start:w.End]), class: w.Class, sep: ' '}
		s, e, _ := f.Source(int(w.Start), int(w.End))
		p.want = want(w, text[s:e])
		if i > 0 {
			gap := string(f.Text[f.Words[i-1].End:w.Start])
			if strings.Contains(gap, ",") {
				p.sep = ','
			}
			parts[i-1].hyphen = gap == "-"
		}
		if w.Class&textnorm.Bounded == textnorm.Latin {
			p.camel = camel(text[s:e])
		}
		parts = append(parts, p)
	}
	return parts
}

// want is what a word of a name, written so, wants of the text.
func want(w textnorm.Word, written string) byte {
	letters := 0
	for _, r := range written {
		if textnorm.ClassOf(r)&(textnorm.Upper|textnorm.Lower) != 0 {
			letters++
		}
	}
	switch {
	case w.Class&textnorm.Upper == 0:
		return wantNothing
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
			if !k.Bigram {
				terms = append(terms, strings.Clone(k.Term))
			}
		}
		if len(terms) > 0 {
			out = append(out, phrase{terms, s})
		}
	}
	return out
}

// grammars tells how a name is inflected: as its language wants or, where none
// is given, the letters of a Cyrillic one; as both languages want where they
// don't say.
func grammars(n catalog.Name, parts []part) []grammar {
	lang, _, _ := strings.Cut(strings.ToLower(n.Lang), "-")
	switch lang {
	case "ru":
		return []grammar{russian}
	case "uk", "be":
		return []grammar{ukrainian}
	case "pl":
		return []grammar{polish}
	case "":
	default:
		return nil
	}
	ru, uk := false, false
	for _, p := range parts {
		ru = ru || strings.ContainsAny(p.text, "ыэъ")
		uk = uk || strings.ContainsAny(p.text, "іє'ґ")
	}
	switch {
	case ru && !uk:
		return []grammar{russian}
	case uk && !ru:
		return []grammar{ukrainian}
	}
	return []grammar{russian, ukrainian}
}
