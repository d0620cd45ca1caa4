package tags

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/newswatch/newswatch/extractors/textnorm"
	"github.com/newswatch/newswatch/pipeline/catalog"
)

// form is one way a name is written: folded words set apart by single
// separators, as the canonical text has them.
type form struct {
	text  string
	wants string // one byte for each word, where any wants something
	rule  string
	conf  float32
	lang  string // the only language of texts it is good in; empty: any
	gated bool   // only where a full name of the entity is in the article
}

// maxProduct bounds the words of a name whose forms are combined freely; of
// longer ones the words from the first on are inflected together.
const maxProduct = 3

// minSurname is the shortest last name, in letters, that stands for a person.
const minSurname = 3

// formsOf lists every way the name of an entity of that kind is written.
func formsOf(kind string, n catalog.Name, parts []part) []form {
	base := form{rule: ruleExact}
	if len(parts) == 1 && parts[0].want > wantCaps {
		base.rule = ruleAcronym
	}
	out := []form{write(base, parts)}
	if n.Exact {
		return out
	}
	bounded := true
	for _, p := range parts {
		bounded = bounded && p.class&textnorm.Bounded != 0
	}
	if !bounded {
		return out
	}
	rules := grammars(n, parts)
	plural := kind != catalogPerson
	out = append(out, inflections(form{rule: ruleForm}, parts, rules, plural)...)
	if kind == catalogPerson {
		out = append(out, personForms(parts, rules)...)
	} else if slices.ContainsFunc(parts, func(p part) bool { return p.sep == sepComma || p.sep == sepPoint }) {
		out = append(out, write(base, spaced(parts))) // Huawei, Inc. and Huawei Inc.; St. Louis and St Louis
	}
	return append(out, latinForms(kind, n, parts)...)
}

// catalogPerson is the kind of entity that has a last name.
const catalogPerson = "person"

// write is the form of the parts as they are.
func write(f form, parts []part) form {
	words := make([]string, len(parts))
	for i, p := range parts {
		words[i] = p.text
	}
	return writeWords(f, parts, words)
}

// writeWords is the form of the parts with other words in their place.
func writeWords(f form, parts []part, words []string) form {
	size := len(words)
	for _, w := range words {
		size += len(w)
	}
	var b strings.Builder
	b.Grow(size)
	for i, w := range words {
		if i > 0 {
			b.WriteByte(parts[i].sep)
		}
		b.WriteString(w)
	}
	f.text = b.String()
	if f.wants == "" {
		f.wants = wantsOf(parts)
	}
	if f.conf == 0 {
		f.conf = confidence[f.rule]
	}
	return f
}

// wantsOf is what the parts want of the text's capitals, empty for nothing.
func wantsOf(parts []part) string {
	wants := make([]byte, len(parts))
	some := false
	for i, p := range parts {
		wants[i] = p.want
		some = some || p.want != wantNothing
	}
	if !some {
		return ""
	}
	return string(wants)
}

// spaced is the parts with spaces alone between them.
func spaced(parts []part) []part {
	out := slices.Clone(parts)
	for i := range out {
		out[i].sep = ' '
	}
	return out
}

// inflections lists the forms of the parts in every case. All words stand
// in the same case, or any of them as it is: names from other languages,
// women's last names and genitives (Банк России) don't change.
func inflections(f form, parts []part, rules []grammar, plural bool) []form {
	f.wants = wantsOf(parts)
	var out []form
	for _, g := range rules {
		if !slices.ContainsFunc(parts, func(p part) bool { return p.class&g.script != 0 }) {
			continue
		}
		all := make([]cases, len(parts))
		for i, p := range parts {
			all[i] = g.paradigm(p, plural)
		}
		for c := range 6 {
			if len(parts) <= maxProduct {
				out = combine(out, f, parts, all, c)
			} else {
				out = together(out, f, parts, all, c)
			}
		}
	}
	return out
}

// paradigm is the cases of one word of a name; empty for one that never changes.
func (g grammar) paradigm(p part, plural bool) (c cases) {
	letters := utf8.RuneCountInString(p.text)
	last, _ := utf8.DecodeLastRuneInString(p.text)
	switch {
	case p.class&textnorm.Bounded != g.script || letters < 2:
	case p.want > wantCaps:
		// Acronyms that end in a consonant take endings: МИДа, МИДом.
		if !strings.ContainsRune("аеиоуыэюяієьйaeiouy", last) {
			c.add(p.text, g.acronyms)
		}
	case letters >= 3:
		c.inflect(p.text, g.classes, plural)
	}
	return c
}

// combine appends every combination of the words in one case or as they are.
func combine(out []form, f form, parts []part, all []cases, c int) []form {
	words := make([]string, len(parts))
	var next func(i int)
	next = func(i int) {
		if i == len(parts) {
			out = append(out, writeWords(f, parts, words))
			return
		}
		words[i] = parts[i].text
		next(i + 1)
		for _, w := range all[i][c] {
			if w != parts[i].text {
				words[i] = w
				next(i + 1)
			}
		}
	}
	next(0)
	return out
}

// together appends the forms in which the words up to one are inflected, each by
// its first form of the case, and those after it stand as they are. The first
// half of a hyphenated word may stand as it is, too.
func together(out []form, f form, parts []part, all []cases, c int) []form {
	for _, fixHyphens := range []bool{false, true} {
		words := make([]string, len(parts))
		for i, p := range parts {
			words[i] = p.text
		}
		for i, p := range parts {
			if len(all[i][c]) == 0 || fixHyphens && p.hyphen {
				continue
			}
			words[i] = all[i][c][0]
			out = append(out, writeWords(f, parts, words))
		}
	}
	return out
}

// personForms lists the orders, initials and last name of a person.
func personForms(parts []part, rules []grammar) []form {
	given, last := personParts(parts)
	if len(given) == 0 || last.want == wantNothing {
		return nil
	}
	var out []form
	add := func(rule string, gated bool, p ...part) {
		f := form{rule: rule, gated: gated}
		out = append(out, write(f, p))
		if rule == ruleExact {
			f.rule = ruleForm
		}
		out = append(out, inflections(f, p, rules, false)...)
	}
	first := given[0]
	plain := spaced(append(slices.Clone(given), last))
	if parts[len(parts)-1].text != last.text { // the catalog has "Last, First"
		add(ruleExact, false, plain...)
	}
	add(ruleOrder, false, spaced(append([]part{last}, given...))...)
	if len(given) > 1 {
		add(ruleForm, false, spaced([]part{first, last})...)
		add(ruleOrder, false, spaced([]part{last, first})...)
	}
	if utf8.RuneCountInString(last.text) < minSurname {
		return out
	}
	r, size := utf8.DecodeRuneInString(first.text)
	if textnorm.ClassOf(r)&textnorm.Bounded != 0 && len(first.text) > size {
		initial := part{text: first.text[:size], want: wantFirst, class: textnorm.Letter, sep: ' '}
		add(ruleInitial, false, spaced([]part{initial, last})...)
	}
	last.sep = ' '
	add(ruleSurname, true, last)
	return out
}

// personParts tells a person's given names from the last one. Names with a comma
// have the last name first.
func personParts(parts []part) (given []part, last part) {
	if len(parts) < 2 || len(parts) > 4 {
		return nil, part{}
	}
	for _, p := range parts {
		if p.class&textnorm.Digit != 0 {
			return nil, part{}
		}
	}
	if parts[1].sep == ',' {
		return parts[1:], parts[0]
	}
	return parts[:len(parts)-1], parts[len(parts)-1]
}

// latinForms lists what Latin names become: joined, apart, plural, German
// genitive.
func latinForms(kind string, n catalog.Name, parts []part) []form {
	for _, p := range parts {
		if p.class&textnorm.Bounded&^textnorm.Digit != textnorm.Latin {
			return nil
		}
	}
	var out []form
	end := parts[len(parts)-1]
	lang, _, _ := strings.Cut(strings.ToLower(n.Lang), "-")
	if kind != catalogPerson {
		out = append(out, joined(parts)...)
		if (lang == "" || lang == "en") && end.want < wantCaps && (kind == "product" || end.want == wantNothing) {
			out = append(out, withEnd(form{rule: ruleForm, conf: 0.85}, parts, pluralOf(end.text)))
		}
	}
	if (lang == "" || lang == "de") && end.want < wantCaps && !strings.HasSuffix(end.text, "s") &&
		!strings.HasSuffix(end.text, "x") && !strings.HasSuffix(end.text, "z") {
		out = append(out, withEnd(form{rule: ruleForm, lang: "de"}, parts, end.text+"s"))
	}
	return out
}

// joined lists the name with its two words written as one, or its one word as
// two.
func joined(parts []part) []form {
	f := form{rule: ruleVariant}
	switch {
	case len(parts) == 2 && parts[0].class&parts[1].class&textnorm.Digit == 0 && parts[1].sep == ' ' &&
		len(parts[0].text) >= minHalf && len(parts[1].text) >= minHalf && parts[0].want != wantNothing:
		p := parts[0]
		p.text += parts[1].text
		p.want = wantFirst
		return []form{write(f, []part{p})}
	case len(parts) == 1 && parts[0].camel != nil:
		return []form{write(f, parts[0].camel)}
	}
	return nil
}

func withEnd(f form, parts []part, end string) form {
	out := slices.Clone(parts)
	out[len(out)-1].text = end
	return write(f, out)
}

// pluralOf is the English plural.
func pluralOf(w string) string {
	switch {
	case strings.HasSuffix(w, "s"), strings.HasSuffix(w, "x"), strings.HasSuffix(w, "ch"), strings.HasSuffix(w, "sh"):
		return w + "es"
	case strings.HasSuffix(w, "y") && len(w) > 1 && !strings.ContainsAny(w[len(w)-2:len(w)-1], "aeiou"):
		return w[:len(w)-1] + "ies"
	}
	return w + "s"
}
