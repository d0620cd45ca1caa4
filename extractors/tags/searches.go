package tags

import (
	"strings"
	"unicode/utf8"

	"github.com/newswatch/newswatch/extractors/textnorm"
	"github.com/newswatch/newswatch/pipeline/catalog"
)

// Searches lists what to look for in an index that is analysed as textnorm
// does, so that no article that mentions the entity is missed: an article that
// does has, for one of the alternatives, all of its phrases in its title or
// text. It has more besides: near, not and must words and capitals are not
// asked for. A bare last name is not looked for, as it counts only beside the
// full name. Not ok: the entity has a name that no index can be asked for (of
// digits alone, or marked as of a Slavic language whose endings are not known),
// and all articles must be looked at.
//
// Two things escape: a Cyrillic name behind another word and an apostrophe
// (д'Имя), which the analysis takes for one word; and, in articles of a Slavic
// language without a grammar here, forms of names that are not marked as of it.
func Searches(e catalog.Entity) (alternatives [][]string, ok bool) {
	names := e.Names
	if len(names) == 0 {
		names = []catalog.Name{{Text: e.Name}}
	}
	var folded textnorm.Folded
	seen := make(map[string]bool)
	add := func(phrases []string) bool {
		var key strings.Builder
		for _, p := range phrases {
			for _, k := range textnorm.Analyze(nil, p) {
				key.WriteString(k.Term + " ")
			}
			key.WriteByte('|')
		}
		if !seen[key.String()] {
			seen[key.String()] = true
			alternatives = append(alternatives, phrases)
		}
		return len(phrases) > 0
	}
	for _, n := range names {
		if lang, _, _ := strings.Cut(strings.ToLower(n.Lang), "-"); wildLangs[lang] != 0 && !n.Exact {
			return nil, false
		}
		parts := split(&folded, n.Text)
		if len(parts) == 0 || len(parts) > 0x7F {
			continue // never found
		}
		apostrophe := strings.Contains(textnorm.Fold(n.Text), "'")
		for _, f := range formsOf(e.Kind, n, parts) {
			if f.gated {
				continue
			}
			words := strings.FieldsFunc(f.text, func(r rune) bool { return r < utf8.RuneSelf && isSep(byte(r)) })
			if !add(phrasesOf(words)) {
				return nil, false
			}
			if apostrophe { // п'ять is one word to the analysis, and two to the tagger
				add([]string{strings.Join(words, "'")})
			}
		}
	}
	return alternatives, true
}

// phrasesOf is the words of a form as the analysis is sure to have them: in a
// row where nothing can be between them. Digits may be part of a longer number
// (10.5), and s of a possessive, which is left out.
func phrasesOf(words []string) []string {
	var phrases, row []string
	flush := func() {
		if len(row) > 0 {
			phrases = append(phrases, strings.Join(row, " "))
			row = nil
		}
	}
	for _, w := range words {
		first, _ := utf8.DecodeRuneInString(w)
		switch {
		case w == "s" || strings.Trim(w, "0123456789") == "":
			flush()
		case textnorm.ClassOf(first)&textnorm.Bounded == 0:
			flush()
			phrases = append(phrases, w)
		default:
			row = append(row, w)
		}
	}
	flush()
	return phrases
}
