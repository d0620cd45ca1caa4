package textnorm

import (
	"sync"
	"unicode/utf8"
)

// Token is one unit of analysed text, as indexing, queries, NEAR and highlighting all see it.
type Token struct {
	Term   string // folded and stemmed word, or one Han character, or a Han bigram
	Start  int    // bytes in the original text
	End    int
	Pos    int  // word position from 0; a Han unigram and the bigram starting at it share a position
	Bigram bool // Term is two Han characters (Start..End covers both)
}

// maxTerm is the longest term in bytes: what is longer is no word, but base64
// or a broken page, and is cut.
const maxTerm = 255

// analyzer is the memory of one call of Analyze.
type analyzer struct {
	folded Folded
	stems  stemmer
}

var analyzers = sync.Pool{New: func() any { return new(analyzer) }}

// Analyze appends the tokens of text to dst, in order of Pos (unigram before bigram).
//
// A word is one token, folded and stemmed: English for Latin letters, Russian
// for Cyrillic ones, words with other letters or digits as they are. Digits and
// letters written together stay together (5G, iPhone6); hyphens, dots, slashes
// and underscores set words apart (COVID-19 is two tokens, Mail.Ru is two). A
// point joins digits (5.0, 18.12.2015), and so does a comma before three digits,
// which is left out of the term (1,000 is 1000). A possessive 's is left out; an
// apostrophe inside a Cyrillic word belongs to it (п'ять); any other sets words
// apart (l'Humanité is two).
//
// Scripts without spaces, and Hangul, whose particles are written on to the
// noun, are taken apart: each character is a token at its own position, and with
// the next one of its run a bigram at the same position. So a run of one
// character is found as a unigram, of two as a bigram, of more as the phrase of
// its bigrams.
//
// Terms share memory: one that is kept for long should be cloned.
func Analyze(dst []Token, text string) []Token {
	a := analyzers.Get().(*analyzer)
	defer analyzers.Put(a)
	f := &a.folded
	f.Fold(text)
	at := walker{f: f, text: string(f.Text), k: -1}
	pos := 0
	for i := 0; i < len(f.Words); {
		w := f.Words[i]
		if w.Class&Bounded == 0 {
			dst, pos = at.characters(dst, w, pos)
			i++
			continue
		}
		n, class, skip := at.join(i)
		end := f.Words[i+n-1].End
		term := at.text[w.Start:end]
		if n > 1 && class == Digit {
			term = dropCommas(term)
		}
		s, e := at.source(int(w.Start), int(end))
		dst = append(dst, Token{Term: cut(a.stems.stem(term, class)), Start: s, End: e, Pos: pos})
		pos++
		i += n + skip
	}
	return dst
}

// walker leads from the folded text to the original, forward only.
type walker struct {
	f    *Folded
	text string // f.Text
	k    int    // the last breakpoint at or before where it stands
}

// source is Folded.Source for a start not before the last one's.
func (at *walker) source(start, end int) (s, e int) {
	b := at.f.breaks
	for at.k+1 < len(b) && int(b[at.k+1].at) <= start {
		at.k++
	}
	s, e = start, end
	if at.k >= 0 {
		s = start - int(b[at.k].at) + int(b[at.k].start)
	}
	k := at.k
	for k+1 < len(b) && int(b[k+1].at) <= end {
		k++
	}
	if k >= 0 {
		e = end - int(b[k].at) + int(b[k].start)
		if int(b[k].at) == end {
			e = int(b[k].end)
		}
	}
	return s, e
}

// characters appends the unigrams and bigrams of a run.
func (at *walker) characters(dst []Token, w Word, pos int) ([]Token, int) {
	i := int(w.Start)
	_, size := utf8.DecodeRuneInString(at.text[i:])
	for i < int(w.End) {
		next := i + size
		s, e := at.source(i, next)
		dst = append(dst, Token{Term: at.text[i:next], Start: s, End: e, Pos: pos})
		if next < int(w.End) {
			_, size = utf8.DecodeRuneInString(at.text[next:])
			s, e = at.source(i, next+size)
			dst = append(dst, Token{Term: at.text[i : next+size], Start: s, End: e, Pos: pos, Bigram: true})
		}
		pos++
		i = next
	}
	return dst, pos
}

// join tells how many words from the i-th make one token, its class (Digit
// alone for a number), and how many words after them are left out.
func (at *walker) join(i int) (n int, class Class, skip int) {
	words := at.f.Words
	class, n = words[i].Class&Bounded, 1
	for ; i+n < len(words); n++ {
		last, next := words[i+n-1], words[i+n]
		if next.Start != last.End+1 || next.Class&Bounded == 0 {
			return n, class, 0
		}
		switch at.text[last.End] {
		case '.':
			if class != Digit || next.Class&Bounded != Digit {
				return n, class, 0
			}
		case ',':
			if class != Digit || next.Class&Bounded != Digit || next.End-next.Start != 3 {
				return n, class, 0
			}
		case '\'':
			switch {
			case last.Class&Bounded&^Digit == Latin && at.text[next.Start:next.End] == "s":
				return n, class, 1
			case last.Class&Bounded != Cyrillic || next.Class&Bounded != Cyrillic:
				return n, class, 0
			}
		default:
			return n, class, 0
		}
	}
	return n, class, 0
}

func dropCommas(s string) string {
	out := make([]byte, 0, len(s))
	for i := range len(s) {
		if s[i] != ',' {
			out = append(out, s[i])
		}
	}
	if len(out) == len(s) {
		return s
	}
	return string(out)
}

// cut is s without what is over maxTerm bytes.
func cut(s string) string {
	if len(s) <= maxTerm {
		return s
	}
	n := maxTerm
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
