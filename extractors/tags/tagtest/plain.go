package tagtest

import (
	"cmp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/newswatch/newswatch/extractors/textnorm"
	"github.com/newswatch/newswatch/pipeline"
	"github.com/newswatch/newswatch/pipeline/catalog"
)

// Exact finds the names as they are written, between characters that are no
// letters or digits of a script with spaces: what searching for a string does.
func Exact(list []catalog.Entity) Tagger {
	type name struct{ entity, text string }
	var names []name
	for _, e := range list {
		for _, n := range e.Names {
			names = append(names, name{e.ID, n.Text})
		}
	}
	return func(text, _ string) []pipeline.Mention {
		var found []pipeline.Mention
		for _, n := range names {
			for at := 0; ; {
				i := strings.Index(text[at:], n.text)
				if i < 0 {
					break
				}
				start := at + i
				end := start + len(n.text)
				if apart(text, start) && apart(text, end) {
					found = append(found, pipeline.Mention{Entity: n.entity, Name: n.text, Start: start, End: end, Text: n.text, Rule: "exact"})
				}
				at = end
			}
		}
		return longest(found)
	}
}

// apart reports whether a word may begin or end at a place of the text.
func apart(text string, at int) bool {
	a, _ := utf8.DecodeLastRuneInString(text[:at])
	b, _ := utf8.DecodeRuneInString(text[at:])
	letter := func(r rune) bool {
		return (unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.Is(unicode.Mn, r)) && !unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana)
	}
	return at == 0 || at == len(text) || !letter(a) || !letter(b)
}

// Analyzed finds the names as a search index does: both sides folded, without
// case, in stems; characters of Han one by one. The analysis is the one that
// package index wraps for Bleve.
func Analyzed(list []catalog.Entity) Tagger {
	type name struct {
		entity, text string
		terms        []string
	}
	names := map[string][]name{} // by first term
	for _, e := range list {
		for _, n := range e.Names {
			terms := terms(n.Text)
			if len(terms) == 0 {
				continue
			}
			k := name{e.ID, n.Text, nil}
			for _, t := range terms {
				k.terms = append(k.terms, strings.Clone(t.Term))
			}
			names[k.terms[0]] = append(names[k.terms[0]], k)
		}
	}
	return func(text, _ string) []pipeline.Mention {
		var found []pipeline.Mention
		words := terms(text)
		for i, w := range words {
			for _, n := range names[w.Term] {
				if i+len(n.terms) > len(words) {
					continue
				}
				if slices.EqualFunc(n.terms, words[i:i+len(n.terms)], func(t string, w textnorm.Token) bool { return t == w.Term }) {
					start, end := w.Start, words[i+len(n.terms)-1].End
					found = append(found, pipeline.Mention{Entity: n.entity, Name: n.text, Start: start, End: end, Text: text[start:end], Rule: "analyzed"})
				}
			}
		}
		return longest(found)
	}
}

func terms(text string) []textnorm.Token {
	return slices.DeleteFunc(textnorm.Analyze(nil, text), textnorm.Token.Beside)
}

// longest keeps, of mentions that overlap, the longer, then the first.
func longest(found []pipeline.Mention) []pipeline.Mention {
	slices.SortStableFunc(found, func(a, b pipeline.Mention) int {
		return cmp.Or(cmp.Compare(b.End-b.Start, a.End-a.Start), cmp.Compare(a.Start, b.Start))
	})
	var kept []pipeline.Mention
	for _, m := range found {
		if !slices.ContainsFunc(kept, func(k pipeline.Mention) bool { return k.Start < m.End && m.Start < k.End }) {
			kept = append(kept, m)
		}
	}
	return kept
}
