package textnorm

import (
	"strings"
	"sync"
	"unicode/utf8"
)

// Token is one unit of analysed text, as indexing, queries, NEAR and highlighting all see it.
type Token struct {
	Term   string // folded and stemmed word, or one Han character, or what Bigram, Sign and Joined say
	Start  int    // bytes in the original text
	End    int
	Pos    int  // word position from 0, shared by a word and the Sign, Bigram and Joined that begin with it
	Bigram bool // Term is two Han characters, or two words and the ampersand between them (Start..End covers both)
	Sign   bool // Term is the word before with its sign: c++, opec+, c#, .net (Start..End covers both)
	Joined bool // Term is words that a sign sets apart as they are also written: wifi of Wi-Fi, us of U.S. (Start..End covers all)
}

// Beside reports whether the token is one more at the position of the word
// before it. The others are the text's words, each once.
func (t Token) Beside() bool { return t.Bigram || t.Sign || t.Joined }

// IsBigram reports whether a token with this term is a bigram, and so covers two
// positions.
func IsBigram(term string) bool {
	if strings.IndexByte(term, '&') > 0 {
		return true
	}
	a, n := utf8.DecodeRuneInString(term)
	b, m := utf8.DecodeRuneInString(term[n:])
	return n+m == len(term) && (ClassOf(a)&ClassOf(b)&(Free|Hangul)) != 0
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

// Analyze appends the tokens of text to dst, in order of Pos (word, sign, bigram
// or joined).
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
// Three signs make a name another one, and what has them is found with them and
// without. A word with + or ++ right behind it (OPEC+, C++, 互联网+), one of a
// single letter with # (C#), and one with a dot right before it where nothing
// else is (.NET) are a token with their sign, too, at the same position; not so
// where one + or # joins two words (a+b, page#part). Two words with an ampersand
// between them, spaces or not, are one token more as well, a bigram: at, t and
// at&t.
//
// Some of what is set apart is as often written as one word. Its words are found,
// and so is that one (see joined): Wi-Fi and wifi, COVID-19 and COVID19, U.S. and
// US, O'Neill and ONeill, 3,5 and 3.5.
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
			i++
			dst, pos = at.characters(dst, w, at.signBehind(w, i), pos)
			continue
		}
		n, class, skip := at.join(i)
		end := f.Words[i+n-1].End
		next := i + n + skip
		term := a.term(at.text[w.Start:end], class, n)
		before, behind := at.signs(i, next, skip == 0)
		if before != "" || behind != "" {
			s, e := at.source(int(w.Start)-len(before), int(end)+len(behind))
			signed := Token{Term: cut(before + term + behind), Start: s, End: e, Pos: pos, Sign: true}
			s, e = at.source(int(w.Start), int(end))
			dst = append(dst, Token{Term: term, Start: s, End: e, Pos: pos}, signed)
		} else {
			s, e := at.source(int(w.Start), int(end))
			dst = append(dst, Token{Term: term, Start: s, End: e, Pos: pos})
		}
		if at.ampersand(next) {
			n, class, _ := at.join(next)
			to := f.Words[next+n-1].End
			both := term + "&" + a.term(at.text[f.Words[next].Start:to], class, n)
			if s, e := at.source(int(w.Start), int(to)); len(both) <= maxTerm {
				dst = append(dst, Token{Term: both, Start: s, End: e, Pos: pos, Bigram: true})
			}
		}
		if term, to := a.joined(&at, i, next); term != "" {
			s, e := at.source(int(w.Start), to)
			dst = append(dst, Token{Term: term, Start: s, End: e, Pos: pos, Joined: true})
		}
		pos++
		i = next
	}
	return dst
}

// term is the term of a word that n words of the folded text were joined to.
func (a *analyzer) term(word string, class Class, n int) string {
	if n > 1 && class == Digit {
		word = dropCommas(word)
	}
	return cut(a.stems.stem(word, class))
}

// signs are the signs that stand right before and behind what begins with the
// i-th word and ends before the next-th. Behind it there are none where
// something was left out.
func (at *walker) signs(i, next int, whole bool) (before, behind string) {
	words := at.f.Words
	w := words[i]
	if from := int(w.Start); from > 0 && at.text[from-1] == '.' &&
		(from == 1 || at.text[from-2] != '.') && (i == 0 || int(words[i-1].End) < from-1) {
		before = "."
	}
	if whole {
		behind = at.signBehind(w, next)
	}
	return before, behind
}

// signBehind is the sign behind what ends before the next-th word and is w, or
// begins with it.
func (at *walker) signBehind(w Word, next int) string {
	words := at.f.Words
	end := int(words[next-1].End)
	n := 0
	for end+n < len(at.text) && n < 3 && (at.text[end+n] == '+' || at.text[end+n] == '#') {
		n++
	}
	joins := next < len(words) && int(words[next].Start) == end+n && words[next].Class&Bounded != 0
	switch sign := at.text[end : end+n]; sign {
	case "++":
		return sign
	case "+":
		if !joins {
			return sign
		}
	case "#":
		if _, size := utf8.DecodeRuneInString(at.text[w.Start:]); !joins && w.Class&(Latin|Cyrillic) != 0 && int(w.Start)+size == end {
			return sign
		}
	}
	return ""
}

// ampersand reports whether an ampersand and no more than spaces beside it stand
// before the i-th word and behind the one before, both of them whole words.
func (at *walker) ampersand(i int) bool {
	words := at.f.Words
	if i == len(words) || words[i].Class&Bounded == 0 {
		return false
	}
	switch at.text[words[i-1].End:words[i].Start] {
	case "&", " & ", " &", "& ":
		return true
	}
	return false
}

// joined is the term of the words from the i-th on written as one, and where they
// end in the folded text; empty: they are not. The i-th word ends before the
// next-th. It is
//
//   - two words of one script with a hyphen between them and none beside, or a
//     word and a number of up to three digits: e-mail, Нью-Йорк, МиГ-29; not
//     2015-16, state-of-the-art;
//   - capitals with a point behind each, but perhaps the last: U.S.A., the
//     initials of J.K. Rowling; not e.g., С.-Петербург;
//   - an O, an apostrophe and three Latin letters or more: O'Neill;
//   - a number, a comma and one or two digits, not among more of the kind: 3,5
//     is then 3.5.
func (a *analyzer) joined(at *walker, i, next int) (term string, to int) {
	words := at.f.Words
	if next == len(words) || next != i+1 || words[next].Start != words[i].End+1 {
		return "", 0
	}
	w, v := words[i], words[next]
	first, second := at.text[w.Start:w.End], at.text[v.Start:v.End]
	class, behind := w.Class&Bounded, v.Class&Bounded
	sep, ok := at.text[w.End], false
	switch sep {
	case '.':
		return a.acronym(at, i)
	case '-':
		ok = (class == Latin || class == Cyrillic) && len(first)+len(second) <= maxJoined &&
			(behind == class || behind == Digit && len(second) <= 3)
	case '\'':
		ok = first == "o" && behind == Latin && len(second) >= 3
	case ',':
		ok = class == Digit && behind == Digit && len(second) <= 2
	}
	if !ok || at.goesOn(i, sep, -1) || sep != '\'' && at.goesOn(next, sep, 1) || sep == ',' && at.goesOn(next, '.', 1) {
		return "", 0
	}
	if sep == ',' {
		return first + "." + second, int(v.End)
	}
	return cut(a.stems.stem(first+second, class|behind)), int(v.End)
}

// maxJoined is the longest word, in bytes, that is joined at a hyphen: what is
// longer is hardly ever written as one.
const maxJoined = 24

// goesOn reports whether one more word stands right before (by -1) or behind (by
// 1) the i-th with the sign between them.
func (at *walker) goesOn(i int, sign byte, by int) bool {
	words := at.f.Words
	j := i + by
	if j < 0 || j == len(words) {
		return false
	}
	left, right := words[min(i, j)], words[max(i, j)]
	return right.Start == left.End+1 && at.text[left.End] == sign
}

// acronym is joined for letters with points.
func (a *analyzer) acronym(at *walker, i int) (term string, to int) {
	words := at.f.Words
	if at.goesOn(i, '.', -1) {
		return "", 0
	}
	class := words[i].Class & Bounded
	letters := make([]byte, 0, 16)
	j := i
	for {
		w := words[j]
		r, n := utf8.DecodeRuneInString(at.text[w.Start:w.End])
		if class != Latin && class != Cyrillic || w.Class&Bounded != class || n != int(w.End-w.Start) || !w.AllUpper() {
			break
		}
		letters = utf8.AppendRune(letters, r)
		to = int(w.End)
		j++
		if j == len(words) || !at.goesOn(j, '.', -1) {
			break
		}
	}
	if n := j - i; n < 2 || n > maxAcronym {
		return "", 0
	}
	return a.stems.stem(string(letters), class), to
}

// maxAcronym is the most letters of an acronym with points.
const maxAcronym = 6

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

// characters appends the unigrams and bigrams of a run, the last one with its
// sign as well.
func (at *walker) characters(dst []Token, w Word, sign string, pos int) ([]Token, int) {
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
		if sign != "" && next == int(w.End) {
			s, e = at.source(i, next+len(sign))
			dst = append(dst, Token{Term: at.text[i:next] + sign, Start: s, End: e, Pos: pos, Sign: true})
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
