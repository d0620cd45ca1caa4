package tags

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/newswatch/newswatch/extractors/textnorm"
	"github.com/newswatch/newswatch/pipeline/catalog"
)

// variant is one way to write a name, its words in order, each in any of its
// forms that go together.
type variant struct {
	parts []part
	rule  ruleID // where all words stand as they are; in other forms exact becomes form
	how   inflection
	extra mask // forms of the last word
	gated bool // only where a full name of the entity is in the article
	exact bool // in the very capitals
}

// minSurname is the shortest last name, in letters, that stands for a person.
const minSurname = 3

// Kinds of entities whose names have ways of their own: a last name, a legal form.
const (
	catalogPerson       = "person"
	catalogOrganization = "organization"
)

// variantsOf lists the ways to write the name of an entity of that kind, first the
// one the catalog has. It appends to dst.
func variantsOf(dst []variant, kind string, n *catalog.Name, parts []part) []variant {
	v := variant{parts: parts, rule: idExact, exact: n.Exact}
	if len(parts) == 1 && parts[0].want > wantCaps {
		v.rule = idAcronym
	}
	if n.Exact {
		return append(dst, v)
	}
	var unlegal []part
	if kind == catalogOrganization {
		unlegal = withoutLegal(parts)
	}
	if !bounded(parts) {
		dst = append(dst, v)
		if unlegal != nil {
			dst = append(dst, variant{parts: unlegal, rule: idVariant, gated: true})
		}
		return dst
	}
	lang, _, _ := strings.Cut(strings.ToLower(n.Lang), "-")
	v.how = inflection{tongue: tongueOf(lang, parts), plural: kind != catalogPerson, always: wildLangs[lang] != 0, wild: true}
	if isLatin(parts) {
		v.extra = latinExtra(kind, lang, parts[len(parts)-1])
	}
	dst = append(dst, v)
	v.extra = 0
	if kind == catalogPerson {
		return personVariants(dst, v)
	}
	if slices.ContainsFunc(parts, func(p part) bool { return p.sep == sepComma || p.sep == sepPoint }) {
		v := v
		v.parts, v.how = spaced(parts), inflection{} // Huawei, Inc. and Huawei Inc.; St. Louis and St Louis
		dst = append(dst, v)
	}
	if unlegal != nil {
		v := v
		v.parts, v.rule, v.gated = unlegal, idVariant, true
		dst = append(dst, v)
	}
	if joined := joined(parts); joined != nil && isLatin(parts) {
		dst = append(dst, variant{parts: joined, rule: idVariant})
	}
	return dst
}

// bounded reports whether all words are matched whole.
func bounded(parts []part) bool {
	for i := range parts {
		if parts[i].class&textnorm.Bounded == 0 {
			return false
		}
	}
	return true
}

// isLatin reports whether all words are of Latin letters, digits beside them.
func isLatin(parts []part) bool {
	for i := range parts {
		if parts[i].class&textnorm.Bounded&^textnorm.Digit != textnorm.Latin {
			return false
		}
	}
	return true
}

// spaced is the parts with spaces alone between them.
func spaced(parts []part) []part {
	out := slices.Clone(parts)
	for i := range out {
		out[i].sep = sepSoft
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

// personVariants appends the orders, initials and last name of a person whose
// name is v.
func personVariants(dst []variant, v variant) []variant {
	given, last := personParts(v.parts)
	if len(given) == 0 || last.want == wantNothing {
		return dst
	}
	add := func(rule ruleID, gated bool, p ...part) {
		v.parts, v.rule, v.gated = p, rule, gated
		dst = append(dst, v)
	}
	first := given[0]
	if v.parts[len(v.parts)-1].text != last.text { // the catalog has "Last, First"
		add(idExact, false, spaced(append(slices.Clone(given), last))...)
	}
	add(idOrder, false, spaced(append([]part{last}, given...))...)
	if len(given) > 1 {
		add(idForm, false, spaced([]part{first, last})...)
		add(idOrder, false, spaced([]part{last, first})...)
	}
	if utf8.RuneCountInString(last.text) < minSurname {
		return dst
	}
	r, size := utf8.DecodeRuneInString(first.text)
	if textnorm.ClassOf(r)&textnorm.Bounded != 0 && len(first.text) > size {
		initial := part{text: first.text[:size], want: wantFirst, class: textnorm.Letter, sep: sepSoft}
		add(idInitial, false, spaced([]part{initial, last})...)
	}
	last.sep = sepSoft
	add(idSurname, true, last)
	return dst
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

// latinExtra is what the last word of a Latin name may be besides: an English
// plural, a German genitive.
func latinExtra(kind, lang string, end part) (extra mask) {
	if end.want > wantCaps {
		return 0
	}
	if kind != catalogPerson && (lang == "" || lang == "en") && (kind == "product" || end.want == wantNothing) {
		extra |= isPlural
	}
	if (lang == "" || lang == "de") && !strings.HasSuffix(end.text, "s") && !strings.HasSuffix(end.text, "x") && !strings.HasSuffix(end.text, "z") {
		extra |= isGerman
	}
	return extra
}

// joined is the name with its two words written as one, or its one word as two;
// nil where it is written one way only.
func joined(parts []part) []part {
	switch {
	case len(parts) == 2 && parts[0].class&parts[1].class&textnorm.Digit == 0 && parts[1].sep == sepSoft &&
		len(parts[0].text) >= minHalf && len(parts[1].text) >= minHalf && parts[0].want != wantNothing:
		p := parts[0]
		p.text += parts[1].text
		p.want = wantFirst
		return []part{p}
	case len(parts) == 1:
		return parts[0].camel
	}
	return nil
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
