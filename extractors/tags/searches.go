package tags

import (
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/newswatch/newswatch/extractors/textnorm"
	"github.com/newswatch/newswatch/pipeline/catalog"
)

// A Search is what an article has that mentions an entity by one of its names:
// all of the phrases, and for each prefix a word whose folded form begins so,
// in its title or text; and one of the languages, where there are any.
type Search struct {
	Phrases  []string
	Prefixes []string
	Langs    []string // primary subtags, sorted
}

// Searches lists what to look for in an index that is analysed as textnorm
// does, so that no article that mentions the entity is missed: an article that
// does answers to one of the searches. Others do besides: near, not and must
// words and capitals are not asked for. A bare last name is not looked for, as
// it counts only beside the full name. Not ok: the entity has a name that no
// index can be asked for (of digits alone), and all articles must be looked at.
//
// One thing escapes: a Cyrillic name behind another word and an apostrophe
// (д'Имя), which the analysis takes for one word.
func Searches(e catalog.Entity) (searches []Search, ok bool) {
	names := e.Names
	if len(names) == 0 {
		names = []catalog.Name{{Text: e.Name}}
	}
	b := searching{lexicon: newLexicon(), seen: make(map[string]bool)}
	for _, n := range names {
		parts := split(&b.folded, n.Text)
		if len(parts) == 0 || len(parts) > maxWords {
			continue // never found
		}
		for _, v := range variantsOf(nil, e.Kind, &n, parts) {
			if !v.gated && !b.variant(&v) {
				return nil, false
			}
		}
	}
	return b.searches, true
}

// searching is the memory of one call of Searches.
type searching struct {
	folded   textnorm.Folded
	lexicon  *lexicon
	searches []Search
	seen     map[string]bool
}

// add appends a search that is not there yet. It reports whether there is
// anything to look for.
func (b *searching) add(s Search) bool {
	var key strings.Builder
	for _, p := range s.Phrases {
		for _, k := range textnorm.Analyze(nil, p) {
			key.WriteString(k.Term + " ")
		}
		key.WriteByte('|')
	}
	for _, list := range [][]string{s.Prefixes, s.Langs} {
		key.WriteString("|" + strings.Join(list, "*"))
	}
	if !b.seen[key.String()] {
		b.seen[key.String()] = true
		b.searches = append(b.searches, s)
	}
	return len(s.Phrases)+len(s.Prefixes) > 0
}

// variant adds the searches of one way to write a name; false: it can't be
// looked for.
func (b *searching) variant(v *variant) bool {
	for _, f := range v.forms(nil) {
		words := strings.FieldsFunc(f.text, func(r rune) bool { return r < utf8.RuneSelf && isSep(byte(r)) })
		if !b.add(Search{Phrases: phrasesOf(words)}) {
			return false
		}
		if joined := joinedAt(words, v.parts); len(joined) < len(words) { // п'ять is two words to the tagger
			b.add(Search{Phrases: phrasesOf(joined)})
		}
		b.years(words)
	}
	if !bounded(v.parts) {
		return true
	}
	if v.how.tongue != noTongue && len(v.parts) > maxProduct {
		b.stems(v) // of which forms has not all there are
	}
	if v.how.wild {
		b.wild(v)
	}
	return true
}

// joins reports whether the word makes one with the one before it, to the
// analysis: it has Cyrillic words with their apostrophes.
func (p *part) joins() bool { return p.apos && p.class&textnorm.Cyrillic != 0 }

// joinedAt is the words of a variant's form, those joined that are one word to
// the analysis.
func joinedAt(words []string, parts []part) []string {
	var out []string
	for i, w := range words {
		if i > 0 && parts[i].joins() {
			out[len(out)-1] += "'" + w
		} else {
			out = append(out, w)
		}
	}
	return out
}

// years adds the searches for the words with a year written on to the last one
// (WCG2011).
func (b *searching) years(words []string) {
	last := words[len(words)-1]
	first, _ := utf8.DecodeRuneInString(last)
	end, _ := utf8.DecodeLastRuneInString(last)
	if textnorm.ClassOf(first)&textnorm.Bounded == 0 || end >= '0' && end <= '9' {
		return
	}
	for _, century := range []string{"19", "20"} {
		b.add(Search{Phrases: phrasesOf(words[:len(words)-1]), Prefixes: []string{last + century}})
	}
}

// stems adds the search for all combinations of the words' forms.
func (b *searching) stems(v *variant) {
	words := make([]string, len(v.parts))
	begins := make([]bool, len(v.parts))
	for i := range v.parts {
		p := &v.parts[i]
		s := b.lexicon.stem(p, v.how, v.extraOf(i))
		words[i], begins[i] = p.text[:len(p.text)-s.cut], s.ends != 0
	}
	b.beginnings(v, words, begins, nil)
}

// wild adds the search for the name with any endings, in the languages where it
// may have such.
func (b *searching) wild(v *variant) {
	words := make([]string, len(v.parts))
	begins := make([]bool, len(v.parts))
	var scripts textnorm.Class
	for i := range v.parts {
		p := &v.parts[i]
		words[i] = p.text
		s := b.lexicon.stem(p, v.how, v.extraOf(i))
		if set := b.lexicon.sets[s.ends]; set.wild != 0 {
			words[i], begins[i] = p.text[:len(p.text)-s.cut+set.trim], true
			scripts |= set.wild
		}
	}
	if scripts == 0 {
		return
	}
	var langs []string
	if !v.how.always {
		for _, lang := range slices.Sorted(maps.Keys(wildLangs)) {
			if wildLangs[lang]&scripts != 0 {
				langs = append(langs, lang)
			}
		}
	}
	b.beginnings(v, words, begins, langs)
}

// extraOf is the forms that the i-th word may have besides.
func (v *variant) extraOf(i int) mask {
	if i == len(v.parts)-1 {
		return v.extra
	}
	return 0
}

// beginnings adds the search for words of which some are only the beginning; of
// what an apostrophe joins, the last one's.
func (b *searching) beginnings(v *variant, words []string, begins []bool, langs []string) {
	search := func(joined bool) {
		s := Search{Langs: langs}
		var whole []string
		for i := 0; i < len(words); i++ {
			w, begin := words[i], begins[i]
			for joined && !begin && i+1 < len(words) && v.parts[i+1].joins() {
				i++
				w, begin = w+"'"+words[i], begins[i]
			}
			for joined && i+1 < len(words) && v.parts[i+1].joins() {
				i++ // what follows a beginning in its word is not asked for
			}
			switch {
			case begin && utf8.RuneCountInString(w) > 1:
				s.Prefixes = append(s.Prefixes, w)
			case !begin:
				whole = append(whole, phrasesOf([]string{w})...)
			}
		}
		s.Phrases = whole
		b.add(s)
	}
	search(false)
	if slices.ContainsFunc(v.parts, func(p part) bool { return p.joins() }) {
		search(true)
	}
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
