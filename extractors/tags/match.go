package tags

import (
	"encoding/binary"
	"slices"
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

	wild     textnorm.Class // scripts of words with any ending in this language
	path     [maxWords]int  // of the words of the name that is tried: where the stem ends
	explains int32          // the entity to explain; -1: none
	blocked  []blocked
}

// field is the title or the text on its way through.
type field struct {
	name   string
	source string
	folded textnorm.Folded
	text   []byte  // the folded text, with some bytes more where it has room
	canon  []byte  // the words with one separator between two, where names need it
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
	just       bool // the text has the capitals of the name
	dropped    bool
}

func (t *tagger) reset(m *Matcher, title, text, lang string) {
	t.m = m
	t.lang, _, _ = strings.Cut(strings.ToLower(lang), "-")
	t.wild = wildLangs[t.lang]
	t.hits = t.hits[:0]
	clear(t.musts)
	t.fields[inTitle].read(pipeline.FieldTitle, title, m.table)
	t.fields[inTitle].style = styleOf(t.fields[inTitle].folded.Words)
	t.fields[inText].read(pipeline.FieldText, text, m.table)
}

// read folds the field. The canonical text is written only for names of free
// scripts, and where the text has such.
func (f *field) read(name, source string, tab *table) {
	f.name, f.source, f.made, f.terms = name, source, false, f.terms[:0]
	f.folded.Fold(source)
	f.text = f.folded.Text[:min(len(f.folded.Text)+16, cap(f.folded.Text))]
	f.canon, f.starts = f.canon[:0], f.starts[:0]
	words := f.folded.Words
	if tab.len() == 0 || !slices.ContainsFunc(words, func(w textnorm.Word) bool { return w.Class&textnorm.Bounded == 0 }) {
		return
	}
	for i, w := range words {
		if i > 0 {
			f.canon = append(f.canon, f.separator(i-1))
		}
		f.starts = append(f.starts, int32(len(f.canon)))
		f.canon = append(f.canon, f.folded.Text[w.Start:w.End]...)
	}
	f.canon = append(f.canon, sepHard)
}

// separator is what stands between the i-th word and the next.
func (f *field) separator(i int) byte {
	a, b := &f.folded.Words[i], &f.folded.Words[i+1]
	if b.Start == a.End+1 && f.folded.Text[a.End] == ' ' { // by far the most
		return sepSoft
	}
	return separator(f.folded.Text, *a, *b)
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
		// After an initial a name goes on; after a word mostly the sentence ends.
		if _, n := utf8.DecodeRune(text[a.Start:a.End]); int32(n) == a.End-a.Start {
			return sepSoft
		}
		return sepPoint
	}
	if gap[0] == '.' && gap[1] == ',' { // Co., Ltd.
		gap = gap[1:]
	}
	sep, runes, lines := byte(sepSoft), 0, 0
	for _, r := range string(gap) {
		mark := byte(sepSoft)
		switch r {
		case ' ', '-', '·', '\'', '"', '&':
		case '\n':
			lines++
		case '.':
			mark = sepPoint
		case ',':
			mark = sepComma
		default:
			mark = sepMark
		}
		if strings.IndexByte(marks, mark) > strings.IndexByte(marks, sep) {
			sep = mark
		}
		runes++
	}
	if runes > 3 || lines > 1 || lines > 0 && sep == sepPoint {
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
	words, trie := f.folded.Words, len(t.m.trie.keys) > 0
	for i := range words {
		switch w := &words[i]; {
		case w.Class&textnorm.Bounded == 0:
			if len(f.canon) > 0 {
				t.scanFree(which, i)
			}
		default:
			if trie {
				t.step(which, i, i, 0, 0)
			}
			if tab.whole && len(f.canon) > 0 {
				at := int(f.starts[i])
				if key := wordKey(load(f.canon[at:]), int(w.End-w.Start)); tab.maybe(key) {
					t.try(which, i, at, key)
				}
			}
		}
	}
}

// step looks for names of which the words from the i-th to the one before the
// j-th led to the place parent, with the j-th after sep.
func (t *tagger) step(which, i, j int, parent uint64, sep byte) {
	f := &t.fields[which]
	w := &f.folded.Words[j]
	t.stems(which, i, j, parent, sep, int(w.End))
	if w.Class&textnorm.Digit != 0 && w.End-w.Start > yearLen && yearAt(f.text[w.Start:w.End]) {
		t.stems(which, i, j, parent, sep, int(w.End)-yearLen)
	}
}

// stems is step for the j-th word up to stop. It tries each length the stem of that
// may have.
func (t *tagger) stems(which, i, j int, parent uint64, sep byte, stop int) {
	text, trie := t.fields[which].text, &t.m.trie
	bitmap, shift := trie.bitmap, trie.shift
	start := int(t.fields[which].folded.Words[j].Start)
	reach := t.m.lexicon.reach[reachAt(text, start, stop)]
	if t.wild != 0 {
		reach |= t.m.lexicon.wildReach
	}
	long := start+16 > len(text) // has to be hashed the long way
	var first, second, h uint64
	if !long {
		first = binary.LittleEndian.Uint64(text[start:])
		if stop-start > 8 {
			second = binary.LittleEndian.Uint64(text[start+8:])
			h = mix(multiplier^first, multiplier3)
		}
	}
	for end := stop; ; reach >>= 1 {
		if reach&1 != 0 {
			var key uint64
			switch n := end - start; {
			case long || n > 16:
				key = stemKey(text[start:end])
			case n > 8:
				key = lastKey(h, second, n-8)
			default:
				key = lastKey(multiplier, first, n)
			}
			if i < j {
				key = pathKey(parent, key, sep)
			}
			if at := key * multiplier >> shift; bitmap[at>>6]>>(at&63)&1 != 0 {
				t.path[j-i] = end
				t.reached(which, i, j, key, stop)
			}
		}
		if reach == 1 {
			return
		}
		for end--; text[end]&0xC0 == 0x80; end-- {
		}
		if end <= start {
			return
		}
	}
}

// reached looks at the place the i-th to the j-th word lead to: for names that end
// there, and for those that go on.
func (t *tagger) reached(which, i, j int, key uint64, stop int) {
	m := t.m
	v := m.trie.find(key)
	if v == 0 {
		return
	}
	for p := int32(v>>1) - 1; p >= 0; p = m.patterns[p].next {
		t.found(which, i, j, stop, &m.patterns[p])
	}
	f := &t.fields[which]
	words := f.folded.Words
	if v&1 == 0 || j+1 >= len(words) || j-i+1 >= maxWords || stop != int(words[j].End) || words[j+1].Class&textnorm.Bounded == 0 {
		return
	}
	if sep := f.separator(j); sep != sepHard {
		t.step(which, i, j+1, key, sep)
	}
}

// found weighs whether the endings of the i-th to the j-th word, of which the
// last ends at stop, are ones of a pattern with these stems.
func (t *tagger) found(which, i, j, stop int, p *pattern) {
	f, m := &t.fields[which], t.m
	all := mask(isBase)
	for k := i; k <= j; k++ {
		end := stop
		if k < j {
			end = int(f.folded.Words[k].End)
		}
		all &= m.lexicon.sets[m.words[int(p.words)+k-i].ends].of(f.text[t.path[k-i]:end], t.wild)
		if all == 0 {
			return
		}
	}
	rule := ruleNames[p.rule]
	conf := confidence[rule]
	if all != isBase {
		if p.rule <= idAcronym {
			rule = ruleForm
			conf = confidence[rule]
		}
		switch {
		case all&caseBits != 0, all&isGerman != 0 && t.lang == "de":
		case all&isWild != 0:
			conf *= wildConfidence / confidence[ruleForm]
		case all&isPlural != 0:
			conf = pluralConfidence
		default:
			conf = 0
		}
	}
	start, end, ok := f.folded.Source(int(f.folded.Words[i].Start), stop)
	if !ok {
		return
	}
	t.consider(which, i, j, start, end, p, rule, conf)
}

// scanFree looks for names that begin in the i-th word, of a free script.
func (t *tagger) scanFree(which, i int) {
	f, tab := &t.fields[which], t.m.table
	w := &f.folded.Words[i]
	at := int(f.starts[i])
	for end := at + int(w.End-w.Start); at < end; {
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
			return // starts with its word
		}
		at += n
	}
}

// yearLen is the length of a year.
const yearLen = 4

// yearAt reports whether a word ends with the year of this or the last century,
// after a letter: names of events are written so (WCG2011).
func yearAt(w []byte) bool {
	y := w[len(w)-yearLen:]
	if c := w[len(w)-yearLen-1]; c >= '0' && c <= '9' {
		return false
	}
	if century := string(y[:2]); century != "19" && century != "20" {
		return false
	}
	return y[2] >= '0' && y[2] <= '9' && y[3] >= '0' && y[3] <= '9'
}

// yearFollows reports whether a word of canonical text ends with a year at a place
// in it.
func (f *field) yearFollows(at int) bool {
	return at > 0 && at+yearLen < len(f.canon) && !isSep(f.canon[at-1]) && isSep(f.canon[at+yearLen]) && yearAt(f.canon[at-1:at+yearLen])
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
		if extra&endsFree == 0 && !isSep(f.canon[end]) && !f.yearFollows(end) {
			continue // in the middle of a word
		}
		j := i + int(extra&^endsFree)
		words := f.folded.Words
		start, stop, ok := f.folded.Source(int(words[i].Start)+at-int(f.starts[i]), int(words[j].Start)+end-int(f.starts[j]))
		if !ok {
			continue
		}
		for p := tab.first[form]; p >= 0; p = t.m.patterns[p].next {
			p := &t.m.patterns[p]
			rule := ruleNames[p.rule]
			t.consider(which, i, j, start, stop, p, rule, confidence[rule])
		}
	}
}

// consider appends the hit of a pattern if its conditions hold. Conf is zero for
// a form of another language.
func (t *tagger) consider(which, i, j, start, stop int, p *pattern, rule string, conf float32) {
	f := &t.fields[which]
	if rule == ruleExact || rule == ruleAcronym {
		start, stop = withMarks(t.m.nameText(p.name), f.source, start, stop)
	}
	h := hit{field: which, start: start, end: stop, name: p.name, rule: rule, conf: conf, words: j - i + 1, gated: p.flags&flagGated != 0}
	if f.folded.Words[i].Class&textnorm.Bounded == 0 {
		h.words++
	}
	if conf == 0 {
		t.block(h, blockLang)
		return
	}
	if p.flags&flagExact != 0 {
		if shape(f.source[start:stop]) != shape(t.m.nameText(p.name)) {
			t.block(h, blockExact)
			return
		}
	} else if p.flags&flagCased != 0 {
		if why := t.caseHolds(f, i, t.m.words[p.words:p.words+int32(p.n)], &h); why != "" {
			t.block(h, why)
			return
		}
	}
	if r := t.m.rules[p.name]; r != nil {
		if why, word := t.contextHolds(p.name, which, start, stop); why != "" {
			t.blockContext(h, why, word)
			return
		}
		if len(r.near)+len(r.must) > 0 && rule != ruleSurname {
			h.rule, h.conf = ruleContext, min(h.conf, confidence[ruleContext])
		}
	}
	t.hits = append(t.hits, h)
}

// withMarks is start and end of a name found in source, with the marks that the
// name itself begins or ends with where they stand there: U.S., Yahoo!, (中国).
func withMarks(name, source string, start, end int) (int, int) {
	isWord := func(r rune) bool { return textnorm.ClassOf(r)&^(textnorm.Upper|textnorm.Lower) != 0 }
	first, last := strings.IndexFunc(name, isWord), strings.LastIndexFunc(name, isWord)
	if first < 0 {
		return start, end // only of characters that fold to words
	}
	_, n := utf8.DecodeRuneInString(name[last:])
	if after := name[last+n:]; strings.HasPrefix(source[end:], after) {
		end += len(after)
	}
	if before := name[:first]; strings.HasSuffix(source[:start], before) {
		start -= len(before)
	}
	return start, end
}

// caseHolds applies the rule of capitals from the i-th word on, and what the
// style of a headline takes from it. It returns what blocks the hit, empty where
// nothing does.
func (t *tagger) caseHolds(f *field, i int, words []word, h *hit) (blocks string) {
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
		if h.words == 1 && words[0].want < wantCaps {
			h.conf *= 0.8
		}
	}
	for k := range words {
		w := f.folded.Words[i+k]
		switch want := words[k].want; {
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
