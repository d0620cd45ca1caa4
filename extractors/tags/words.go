package tags

import (
	"strings"
	"unicode/utf8"

	"github.com/newswatch/newswatch/extractors/textnorm"
)

// A mask says what an ending makes of a word: which of the six cases in each of
// two grammars, and what else. The masks of a name's words have a bit in common
// where they go together.
type mask uint16

const (
	caseBits = 1<<12 - 1
	isPlural = 1 << 12 // English plural
	isGerman = 1 << 13 // German genitive: good in German texts
	isWild   = 1 << 14 // some ending or other of a Slavic language
	isBase   = 1<<16 - 1
)

// endings are the ways a word goes on after its stem.
type endings struct {
	base string // of the word as the catalog has it: goes with all
	list []ending

	// After base[:trim] a word of a Slavic language we have no grammar for may go
	// on with any letters up to maxWild: in all articles, or in those of a language
	// so written.
	trim   int
	wild   textnorm.Class // script; 0: not at all
	always bool
}

type ending struct {
	text string
	mask mask
}

const (
	maxWild = 3 // letters of an ending that no grammar knows
	minWild = 4 // letters before it
)

// of is the mask of an ending; 0: the word has no such.
func (s *endings) of(e []byte, wild textnorm.Class) mask {
	if string(e) == s.base {
		return isBase
	}
	var m mask
	for i := range s.list {
		if s.list[i].text == string(e) {
			m = s.list[i].mask
			break
		}
	}
	if s.wild != 0 && (s.always || s.wild&wild != 0) && len(e) >= s.trim && string(e[:s.trim]) == s.base[:s.trim] &&
		utf8.RuneCount(e[s.trim:]) <= maxWild {
		m |= isWild
	}
	return m
}

// wildLangs are Slavic languages without a grammar here, and their scripts.
var wildLangs = map[string]textnorm.Class{
	"bg": textnorm.Cyrillic, "mk": textnorm.Cyrillic, "be": textnorm.Cyrillic,
	"sr": textnorm.Cyrillic | textnorm.Latin, "bs": textnorm.Latin | textnorm.Cyrillic,
	"cs": textnorm.Latin, "sk": textnorm.Latin, "sl": textnorm.Latin, "hr": textnorm.Latin,
}

// inflection is how the words of a name are inflected.
type inflection struct {
	tongue tongue
	plural bool // it has one
	always bool // any ending will do, in all articles
	wild   bool // and in those of languages without a grammar
}

// A tongue is the grammars a name is inflected by.
type tongue uint8

const (
	noTongue tongue = iota
	inRussian
	inUkrainian
	inEither
	inPolish
)

var tongues = [...][]grammar{nil, {russian}, {ukrainian}, {russian, ukrainian}, {polish}}

// word is a word of a pattern.
type word struct {
	want byte
	ends uint16 // place in lexicon.sets; 0 is the word as it is
}

// lexicon makes stems of words and holds the sets of endings, each once.
type lexicon struct {
	sets  []endings
	known map[wordForm]stem
	texts map[string]uint16 // of the sets, written out
	long  []string          // word endings that are longer than tailLetters

	// reach says how many letters an ending may have (bit n: n letters) by the
	// last two letters of the word (reachAt); wildReach, in articles of wild
	// languages.
	reach     [1 << 14]uint8
	wildReach uint8
}

// wordForm is all that bears on a word's endings.
type wordForm struct {
	tail   string
	how    inflection
	extra  mask
	script textnorm.Class
	caps   bool
	roomy  bool // letters enough for any ending
}

// stem says how many bytes of a word's end are not in its stem, and what may
// stand there.
type stem struct {
	cut  int
	ends uint16
}

// tailLetters is how much of a word tells its endings.
const tailLetters = 4

func newLexicon() *lexicon {
	l := &lexicon{sets: make([]endings, 1), known: make(map[wordForm]stem), texts: make(map[string]uint16)}
	for i := range l.reach {
		l.reach[i] = 1
	}
	for _, list := range [][]class{russianClasses, ukrainianClasses, polishClasses} {
		for _, c := range list {
			for e := range strings.FieldsSeq(c.endings) {
				if utf8.RuneCountInString(e) > tailLetters {
					l.long = append(l.long, e)
				}
			}
		}
	}
	return l
}

// stem is the stem of a word. Extra are forms it may have besides.
func (l *lexicon) stem(p *part, how inflection, extra mask) stem {
	script := p.class & textnorm.Bounded
	if how.tongue == noTongue && extra == 0 && !how.wild || script&^(textnorm.Cyrillic|textnorm.Latin|textnorm.Digit) != 0 {
		return stem{}
	}
	f := wordForm{how: how, extra: extra, script: script, caps: p.want > wantCaps}
	if f.caps || script != textnorm.Cyrillic && script != textnorm.Latin {
		f.how.wild, f.how.always = false, false
	}
	f.tail = l.tail(p.text)
	f.roomy = utf8.RuneCountInString(p.text)-utf8.RuneCountInString(p.text[trimmed(p.text):]) >= minWild
	if s, ok := l.known[f]; ok {
		return s
	}
	s := l.make(f)
	f.tail = strings.Clone(f.tail)
	l.known[f] = s
	return s
}

// tail is the last letters of a word.
func (l *lexicon) tail(w string) string {
	letters := tailLetters
	for _, e := range l.long {
		if strings.HasSuffix(w, e) {
			letters = max(letters, utf8.RuneCountInString(e)+1)
		}
	}
	at := len(w)
	for range letters {
		_, n := utf8.DecodeLastRuneInString(w[:at])
		at -= n
	}
	return w[at:]
}

// trimmed is where a word's last vowel, й or ь begins, if it ends in one.
func trimmed(w string) int {
	r, n := utf8.DecodeLastRuneInString(w)
	if strings.ContainsRune("аеиоуыэюяієйьјaeiouy", r) {
		return len(w) - n
	}
	return len(w)
}

// make lists the forms of a word and takes off what they begin with.
func (l *lexicon) make(f wordForm) stem {
	p := part{text: f.tail, class: f.script}
	if f.caps {
		p.want = wantCaps + 1
	}
	var forms []ending
	add := func(text string, m mask) {
		for i := range forms {
			if forms[i].text == text {
				forms[i].mask |= m
				return
			}
		}
		forms = append(forms, ending{text, m})
	}
	for i, g := range tongues[f.how.tongue] {
		for c, list := range g.paradigm(p, f.how.plural) {
			for _, w := range list {
				add(w, 1<<(6*i+c))
			}
		}
	}
	if f.extra&isPlural != 0 {
		add(pluralOf(p.text), isPlural)
	}
	if f.extra&isGerman != 0 {
		add(p.text+"s", isGerman)
	}
	s := endings{always: f.how.always}
	common := len(p.text)
	if f.how.wild && f.roomy {
		common = trimmed(p.text)
		s.wild = f.script
	}
	trim := common
	for _, e := range forms {
		common = commonPrefix(p.text[:common], e.text)
	}
	if common == 0 || len(forms) == 0 && s.wild == 0 {
		return stem{}
	}
	s.base, s.trim = p.text[common:], trim-common
	for _, e := range forms {
		if e.text != p.text {
			s.list = append(s.list, ending{e.text[common:], e.mask})
		}
	}
	return stem{len(s.base), l.set(s)}
}

// commonPrefix is the length of what a and b begin with, in whole letters.
func commonPrefix(a, b string) int {
	n := 0
	for i, r := range a {
		if !strings.HasPrefix(b[i:], a[i:i+utf8.RuneLen(r)]) {
			break
		}
		n = i + utf8.RuneLen(r)
	}
	return n
}

// set is the place of the endings among the sets.
func (l *lexicon) set(s endings) uint16 {
	var b []byte
	b = append(append(b, s.base...), 0, byte(s.trim), byte(s.wild), 0)
	if s.always {
		b[len(b)-1] = 1
	}
	for _, e := range s.list {
		b = append(append(b, e.text...), 0, byte(e.mask>>8), byte(e.mask))
	}
	if at, ok := l.texts[string(b)]; ok {
		return at
	}
	if len(l.sets) > 0xFFFF {
		return 0 // more than all classes and tails make
	}
	s.base = strings.Clone(s.base)
	at := uint16(len(l.sets))
	l.sets = append(l.sets, s)
	l.texts[string(b)] = at
	l.reaches(s.base)
	for _, e := range s.list {
		l.reaches(e.text)
	}
	if s.wild != 0 {
		reach := uint8(1<<(utf8.RuneCountInString(s.base[:s.trim])+maxWild+1) - 1)
		l.wildReach |= reach
		if s.always {
			for i := range l.reach {
				l.reach[i] |= reach
			}
		}
	}
	return at
}

// reaches notes the length of an ending.
func (l *lexicon) reaches(e string) {
	if e == "" {
		return
	}
	letters := utf8.RuneCountInString(e)
	if letters > 1 {
		l.reach[reachAt([]byte(e), 0, len(e))] |= 1 << letters
		return
	}
	for before := range 64 { // of the stem
		l.reach[int(e[len(e)-1])<<6|before] |= 1 << letters
	}
}

// reachAt is the place in reach of a word text[start:stop]: the last byte of its
// last letter, and six bits of the last of the letter before.
func reachAt(text []byte, start, stop int) int {
	last := text[stop-1]
	before := stop - 2
	if last >= utf8.RuneSelf {
		before-- // of the letters that have endings all have two bytes
	}
	if before < start {
		return int(last) << 6
	}
	return int(last)<<6 | int(text[before]&0x3F)
}
