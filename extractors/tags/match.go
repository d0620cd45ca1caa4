package tags

import (
	"strings"
	"unicode/utf8"

	"github.com/newswatch/newswatch/extractors/textnorm"
	"github.com/newswatch/newswatch/pipeline"
)

// tagger is the memory of one call of Tag.
type tagger struct {
	m      *Matcher
	lang   string // primary subtag, lower case
	fields [2]field
	hits   []hit
	musts  map[int32]bool // of names looked at: one of the must words is there

	explains int32 // the entity to explain; -1: none
	blocked  []blocked
}

// field is the title or the text on its way through.
type field struct {
	name   string
	source string
	folded textnorm.Folded
	canon  []byte  // the words with one separator between two
	starts []int32 // where each word starts in canon
	style  style
	terms  []textnorm.Token // of the field, without bigrams; made when a context asks
	made   bool
}

const (
	inTitle = 0
	inText  = 1
)

// style is how a headline is written.
type style uint8

const (
	plain    style = iota
	allCaps        // HUAWEI SUES
	titled         // Huawei Sues Over Ban
	noCaps         // huawei sues
	styleLen = 3   // words with case that a headline needs to have a style
)

// hit is one name found, not yet weighed against the others.
type hit struct {
	field      int
	start, end int // bytes of the field
	name       int32
	rule       string
	conf       float32
	words      int // of the name as found; Han names count as two
	gated      bool
	nested     bool
	dropped    bool
}

func (t *tagger) reset(m *Matcher, title, text, lang string) {
	t.m = m
	t.lang, _, _ = strings.Cut(strings.ToLower(lang), "-")
	t.hits = t.hits[:0]
	clear(t.musts)
	t.fields[inTitle].read(pipeline.FieldTitle, title)
	t.fields[inTitle].style = styleOf(t.fields[inTitle].folded.Words)
	t.fields[inText].read(pipeline.FieldText, text)
}

// read folds the field and writes its canonical text.
func (f *field) read(name, source string) {
	f.name, f.source, f.made, f.terms = name, source, false, f.terms[:0]
	f.folded.Fold(source)
	f.canon, f.starts = f.canon[:0], f.starts[:0]
	words := f.folded.Words
	for i, w := range words {
		if i > 0 {
			sep := byte(sepSoft)
			if last := words[i-1].End; w.Start != last+1 || f.folded.Text[last] != ' ' { // by far the most
				sep = separator(f.folded.Text, words[i-1], w)
			}
			f.canon = append(f.canon, sep)
		}
		f.starts = append(f.starts, int32(len(f.canon)))
		f.canon = append(f.canon, f.folded.Text[w.Start:w.End]...)
	}
	f.canon = append(f.canon, sepHard)
}

// maxGap is the longest gap inside a name, in bytes of folded text: with two,
// "Северный поток – 2" was taken for "Северный поток" more often than not.
const maxGap = 4

// separator is what stands between two words of canonical text.
func separator(text []byte, a, b textnorm.Word) byte {
	gap := text[a.End:b.Start]
	switch {
	case len(gap) == 1 && (gap[0] == ' ' || gap[0] == '-'), len(gap) == 0:
		return sepSoft
	case len(gap) > maxGap:
		return sepHard
	case len(gap) == 1 && gap[0] == '.':
		return sepSoft
	case string(gap) == ". ":
		// After an initial a name goes on, after a word the sentence ends.
		if _, n := utf8.DecodeRune(text[a.Start:a.End]); int32(n) == a.End-a.Start {
			return sepSoft
		}
		return sepHard
	}
	sep, runes, lines := byte(sepSoft), 0, 0
	for _, r := range string(gap) {
		switch r {
		case ' ', '-', '·', '\'', '"', '&':
		case '\n':
			lines++
		case ',':
			sep = sepComma
		default:
			return sepHard
		}
		runes++
	}
	if runes > 3 || lines > 1 {
		return sepHard
	}
	return sep
}

// styleOf tells how a headline is written.
func styleOf(words []textnorm.Word) style {
	cased, caps, capital, lower := 0, 0, 0, 0
	for _, w := range words {
		if w.Class&(textnorm.Upper|textnorm.Lower) == 0 {
			continue
		}
		cased++
		switch {
		case w.AllUpper():
			caps++
		case w.First&textnorm.Upper != 0:
			capital++
		case w.Class&textnorm.Upper == 0:
			lower++
			if w.End-w.Start <= 3 { // of, the, in: small in titles too
				capital++
			}
		}
	}
	switch {
	case cased < styleLen:
		return plain
	case caps == cased:
		return allCaps
	case lower == cased:
		return noCaps
	case caps+capital == cased && caps < cased:
		return titled
	}
	return plain
}

// scan looks for a name at every place of the field where one may start.
func (t *tagger) scan(which int) {
	f, tab := &t.fields[which], t.m.table
	for i, w := range f.folded.Words {
		at, size := int(f.starts[i]), int(w.End-w.Start)
		if w.Class&textnorm.Bounded != 0 {
			if key := wordKey(load(f.canon[at:]), size); tab.maybe(key) {
				t.try(which, i, at, key)
			}
			continue
		}
		for end := at + size; at < end; {
			v, n := load(f.canon[at:]), charLen(f.canon[at])
			if tab.short {
				if key := freeKey(v, n); tab.maybe(key) {
					t.try(which, i, at, key)
				}
			}
			if next := at + n; next < end {
				if key := freeKey(v, n+charLen(f.canon[next])); tab.maybe(key) {
					t.try(which, i, at, key)
				}
			}
			if w.Class&textnorm.Hangul != 0 {
				break // starts with its word
			}
			at += n
		}
	}
}

// charLen is the length of the character that begins with c.
func charLen(c byte) int {
	switch {
	case c < 0x80:
		return 1
	case c < 0xE0:
		return 2
	case c < 0xF0:
		return 3
	}
	return 4
}

// try appends what is found with the key at canon[at], in the i-th word.
func (t *tagger) try(which, i, at int, key uint64) {
	f, tab := &t.fields[which], t.m.table
	form, floor := tab.longest(f.canon[at:], key)
	for ; form >= floor && form >= 0; form = int(tab.parent[form]) {
		end := at + int(tab.off[form+1]-tab.off[form])
		extra := tab.extra[form]
		if c := f.canon[end]; extra&endsFree == 0 && c != sepSoft && c != sepComma && c != sepHard {
			continue // in the middle of a word
		}
		j := i + int(extra&^endsFree)
		words := f.folded.Words
		start, stop, ok := f.folded.Source(int(words[i].Start)+at-int(f.starts[i]), int(words[j].Start)+end-int(f.starts[j]))
		if !ok {
			continue
		}
		for s := tab.senses[form]; s < tab.senses[form+1]; s++ {
			t.consider(which, i, j, start, stop, &t.m.senses[s])
		}
	}
}

// consider appends the hit of a sense if its conditions hold.
func (t *tagger) consider(which, i, j, start, stop int, s *sense) {
	f := &t.fields[which]
	h := hit{field: which, start: start, end: stop, name: s.name, rule: s.rule, conf: s.conf, words: j - i + 1, gated: s.gated}
	if f.folded.Words[i].Class&textnorm.Bounded == 0 {
		h.words++
	}
	if s.lang != "" && s.lang != t.lang {
		t.block(h, blockLang)
		return
	}
	r := t.m.names[s.name].rules
	if r != nil && r.exact {
		if shape(f.source[start:stop]) != r.shape {
			t.block(h, blockExact)
			return
		}
	} else if s.wants != "" {
		if why := t.caseHolds(f, i, s, &h); why != "" {
			t.block(h, why)
			return
		}
	}
	if r != nil && len(r.near)+len(r.not)+len(r.must) > 0 {
		if why, word := t.contextHolds(s.name, which, start, stop); why != "" {
			t.blockContext(h, why, word)
			return
		}
		if len(r.near)+len(r.must) > 0 && s.rule != ruleSurname {
			h.rule, h.conf = ruleContext, min(h.conf, confidence[ruleContext])
		}
	}
	t.hits = append(t.hits, h)
}

// caseHolds applies the rule of capitals from the i-th word on, and what the
// style of a headline takes from it. It returns what blocks the hit, empty where
// nothing does.
func (t *tagger) caseHolds(f *field, i int, s *sense, h *hit) (blocks string) {
	switch f.style {
	case noCaps:
		// Only what can hardly be other words goes without capitals.
		h.conf *= 0.5
		if h.words == 1 {
			return blockNoCaps
		}
		return ""
	case allCaps:
		h.conf *= 0.6
	case titled:
		if h.words == 1 && s.wants[0] < wantCaps {
			h.conf *= 0.8
		}
	}
	for k := range len(s.wants) {
		w := f.folded.Words[i+k]
		switch want := s.wants[k]; {
		case want == wantNothing:
		case want == wantFirst:
			if w.First&(textnorm.Upper|textnorm.Digit) == 0 {
				return blockCapital
			}
		case want == wantAny:
			if w.Class&textnorm.Upper == 0 {
				return blockCapital
			}
		case !w.AllUpper() && !f.capsFirst(w, int(want-wantCaps)):
			return blockCapitals
		}
	}
	return ""
}

// capsFirst reports whether the first n characters of a word have no small
// letter among them, and something comes after them.
func (f *field) capsFirst(w textnorm.Word, n int) bool {
	s, e, _ := f.folded.Source(int(w.Start), int(w.End))
	for _, r := range f.source[s:e] {
		c := textnorm.ClassOf(r)
		if c&textnorm.Bounded == 0 {
			continue // dropped by the fold
		}
		if n == 0 {
			return true
		}
		if c&textnorm.Lower != 0 {
			return false
		}
		n--
	}
	return false
}
