package tags

import (
	"slices"

	"github.com/newswatch/newswatch/extractors/textnorm"
	"github.com/newswatch/newswatch/pipeline/catalog"
)

// form is one way a name is written, written out: folded words set apart by
// single separators, as the canonical text has them.
type form struct {
	text  string
	wants string // one byte for each word, where any wants something
	rule  string
	lang  string // the only language of texts it is good in; empty: any
	gated bool   // only where a full name of the entity is in the article
}

// maxProduct bounds the words of a name whose forms are combined freely when they
// are written out; of longer ones the words from the first on are inflected
// together.
const maxProduct = 3

// formsOf writes out the forms of a name, the one of the catalog first. The matcher
// itself goes by stems and knows more: all combinations of long names, and any
// ending in languages without a grammar.
func formsOf(kind string, n catalog.Name, parts []part) []form {
	var out []form
	for _, v := range variantsOf(nil, kind, &n, parts) {
		out = v.forms(out)
	}
	return out
}

// forms appends the forms of the variant to out, each of as many words as the
// variant has parts.
func (v *variant) forms(out []form) []form {
	words := make([]string, len(v.parts))
	wants, cased := make([]byte, len(v.parts)), false
	for i, p := range v.parts {
		words[i], wants[i] = p.text, p.want
		cased = cased || p.want != wantNothing
	}
	f := form{rule: ruleNames[v.rule], gated: v.gated}
	if cased {
		f.wants = string(wants)
	}
	out = append(out, f.write(v.parts, words))
	if v.rule <= idAcronym {
		f.rule = ruleForm
	}
	for _, g := range tongues[v.how.tongue] {
		all := make([]cases, len(v.parts))
		for i, p := range v.parts {
			all[i] = g.paradigm(p, v.how.plural)
		}
		for c := range 6 {
			out = f.inCase(out, v.parts, words, all, c)
		}
	}
	end := len(words) - 1
	if v.extra&isPlural != 0 {
		words[end] = pluralOf(v.parts[end].text)
		out = append(out, f.write(v.parts, words))
	}
	if v.extra&isGerman != 0 {
		f.lang = "de"
		words[end] = v.parts[end].text + "s"
		out = append(out, f.write(v.parts, words))
	}
	return out
}

// write is the form of the words.
func (f form) write(parts []part, words []string) form {
	var b []byte
	for i, w := range words {
		if i > 0 {
			b = append(b, parts[i].sep)
		}
		b = append(b, w...)
	}
	f.text = string(b)
	return f
}

// inCase appends the forms with words in one case and others as they are. All
// words stand in the same case, or any of them as it is: names from other
// languages, women's last names and genitives (Банк России) don't change.
func (f form) inCase(out []form, parts []part, base []string, all []cases, c int) []form {
	words := slices.Clone(base)
	if len(parts) > maxProduct {
		for i := range parts {
			if len(all[i][c]) > 0 {
				words[i] = all[i][c][0]
				out = append(out, f.write(parts, words))
			}
		}
		return out
	}
	var next func(i int, changed bool)
	next = func(i int, changed bool) {
		if i == len(parts) {
			if changed {
				out = append(out, f.write(parts, words))
			}
			return
		}
		words[i] = base[i]
		next(i+1, changed)
		for _, w := range all[i][c] {
			if w != base[i] {
				words[i] = w
				next(i+1, true)
			}
		}
	}
	next(0, false)
	return out
}

// split is appendParts without a buffer.
func split(f *textnorm.Folded, text string) []part { return appendParts(nil, f, text) }
