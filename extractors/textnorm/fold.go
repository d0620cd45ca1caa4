package textnorm

import (
	"sort"
	"sync"
	"unicode/utf8"
)

// An entry of the tables is, from the low bits: 21 bits of the character it
// folds to (0: itself) or the place of its expansion, 3 bits of kind, 8 bits of
// class and case.
const (
	entryValue = 1<<21 - 1
	kindShift  = 21
	kindMask   = 7
	propShift  = 24
)

// Kinds of entries. Gen.go writes them.
const (
	kindMap    = iota
	kindMark   // a diacritic: dropped, part of the character before
	kindGap    // invisible: dropped, part of nothing
	kindExpand // folds to several characters
	kindJoin   // composes with the character before where it can
)

// Class tells what a word or a character is made of, as a set of bits.
type Class uint8

// The bits of a Class. Upper and Lower are of the original letters.
const (
	Latin Class = 1 << iota
	Cyrillic
	Letter // a letter of another script that writes spaces
	Digit
	Upper
	Lower
	Free   // Han, kana, Thai, Lao, Khmer, Burmese
	Hangul // its words start bounded and end free
)

// Bounded are the classes whose words are matched whole.
const Bounded = Latin | Cyrillic | Letter | Digit

func lookup(r rune) uint32 {
	if r < tableLimit {
		return blocks[int(blockIndex[r>>6])<<6|int(r&63)]
	}
	if r >= 0xE0000 && r < 0xE1000 { // tags and variation selectors
		return kindGap << kindShift
	}
	return 0
}

// ClassOf is the class of one character; zero for what is in no word.
func ClassOf(r rune) Class {
	if r < 0 {
		return 0
	}
	return Class(lookup(r) >> propShift)
}

// A Word is a run of one class in folded text.
type Word struct {
	Start, End int32 // bytes of Folded.Text
	Class      Class // of all its characters together
	First      Class // of its first character
}

// AllUpper reports whether all its letters that have case are capitals, and at
// least one is.
func (w Word) AllUpper() bool { return w.Class&(Upper|Lower) == Upper }

// Folded is a folded text with the way back to the original. The zero value is
// ready; it can be used again and again by one goroutine at a time.
type Folded struct {
	Text  []byte
	Words []Word

	breaks []breakpoint
	spans  []span
}

// A breakpoint says that at offset at of the folded text the character before
// ended at byte end of the original and the next starts at byte start. From
// there on both advance together until the next breakpoint.
type breakpoint struct{ at, end, start int32 }

// span is one folded character and the bytes of the original it came from.
type span struct {
	r          rune
	start, end int32
}

// word is the word being read.
type word struct {
	mask         Class // the classes that go on with it; zero: none is open
	class, first Class
	start        int
}

// Fold sets f to the fold of text. Text may not be longer than 2 GiB.
func (f *Folded) Fold(text string) {
	f.Words, f.breaks = f.Words[:0], f.breaks[:0]
	f.grow(0, len(text))
	dst, n, delta := f.Text, 0, 0 // delta: bytes of text read less bytes written
	var w word
	for i := 0; i < len(text); {
		c := text[i]
		if c < utf8.RuneSelf {
			e := &ascii[c]
			if e.class&w.mask == 0 {
				if w.mask != 0 {
					n = f.end(&w, n)
					dst, delta = f.Text, i-n
				}
				w.open(e.class, n)
			}
			mask, class := w.mask, w.class
			for { // the rest of the word
				class |= e.class
				dst[n] = e.folded
				n++
				if i++; i >= len(text) || text[i] >= utf8.RuneSelf {
					break
				}
				if e = &ascii[text[i]]; e.class&mask == 0 {
					break
				}
			}
			w.class = class
			continue
		}
		if c&^3 == 0xD0 && i+1 < len(text) && text[i+1]&0xC0 == 0x80 {
			if e := &cyrillic[int(c&3)<<6|int(text[i+1]&0x3F)]; e.plain {
				if e.class&w.mask == 0 {
					if w.mask != 0 {
						n = f.end(&w, n)
						dst, delta = f.Text, i-n
					}
					w.open(e.class, n)
				}
				mask, class := w.mask, w.class
				for { // the rest of the word
					class |= e.class
					d := dst[n : n+2]
					d[0], d[1] = e.folded[0], e.folded[1]
					n += 2
					if i += 2; i+1 >= len(text) || text[i]&^3 != 0xD0 || text[i+1]&0xC0 != 0x80 {
						break
					}
					if e = &cyrillic[int(text[i]&3)<<6|int(text[i+1]&0x3F)]; !e.plain || e.class&mask == 0 {
						break
					}
				}
				w.class = class
				continue
			}
		}
		r, size := decode(text, i)
		e := lookup(r)
		class := Class(e >> propShift)
		if e&(kindMask<<kindShift|entryValue) == 0 && size == 3 && class&w.mask != 0 { // most of Han
			w.class |= class
			d := dst[n : n+3]
			d[0], d[1], d[2] = c, text[i+1], text[i+2]
			n, i = n+3, i+3
			continue
		}
		if kind := e >> kindShift & kindMask; kind != kindMap {
			if class&w.mask == 0 && kind == kindExpand {
				n = f.end(&w, n)
				w.open(class, n)
			}
			if m, done := f.special(&w, e, r, n, i, i+size); done {
				n, i = m, i+size
				f.grow(n, len(text)-i)
				dst, delta = f.Text, i-n
				continue
			}
		}
		if class&w.mask != 0 {
			w.class |= class
		} else {
			if w.mask != 0 {
				n = f.end(&w, n)
				dst, delta = f.Text, i-n
			}
			w.open(class, n)
		}
		if v := rune(e & entryValue); v != 0 {
			r = v
		}
		n = encode(dst, n, r)
		i += size
		if i-n != delta {
			delta = i - n
			f.breaks = append(f.breaks, breakpoint{int32(n), int32(i), int32(i)})
		}
		if size == 1 { // a broken byte grows to three
			f.grow(n, len(text)-i)
			dst = f.Text
		}
	}
	n = f.end(&w, n)
	f.Text = f.Text[:n]
}

// special folds the character r, bytes start to end of the original, of an entry
// that is no plain map. It is not done where the character stands for itself
// after all.
func (f *Folded) special(w *word, e uint32, r rune, n, start, end int) (m int, done bool) {
	switch e >> kindShift & kindMask {
	case kindGap:
		f.drop(n, start, end, false)
	case kindMark:
		if r == 0x306 && w.mask != 0 && n >= 2 && f.Text[n-2] == 0xD0 && f.Text[n-1] == 0xB8 {
			f.Text[n-1] = 0xB9 // и and a breve: й
		}
		f.drop(n, start, end, n > 0)
	case kindExpand:
		w.class |= Class(e >> propShift)
		n = f.expand(int(e&entryValue), n, start, end)
	case kindJoin:
		if w.mask == 0 || !compose(f.Text[:n], rune(e&entryValue)) {
			return n, false
		}
		f.drop(n, start, end, true)
	}
	return n, true
}

// decode is utf8.DecodeRuneInString(text[i:]) with the common cases first.
func decode(text string, i int) (rune, int) {
	c := text[i]
	switch {
	case c >= 0xC2 && c < 0xE0:
		if i+1 < len(text) && text[i+1]&0xC0 == 0x80 {
			return rune(c&0x1F)<<6 | rune(text[i+1]&0x3F), 2
		}
	case c > 0xE0 && c < 0xED || c == 0xEF:
		if i+2 < len(text) && text[i+1]&0xC0 == 0x80 && text[i+2]&0xC0 == 0x80 {
			return rune(c&0xF)<<12 | rune(text[i+1]&0x3F)<<6 | rune(text[i+2]&0x3F), 3
		}
	}
	return utf8.DecodeRuneInString(text[i:])
}

// encode writes r at dst[n] and returns where it ends.
func encode(dst []byte, n int, r rune) int {
	switch {
	case r < 0x80:
		dst[n] = byte(r)
		return n + 1
	case r < 0x800:
		d := dst[n : n+2]
		d[0], d[1] = 0xC0|byte(r>>6), 0x80|byte(r&0x3F)
		return n + 2
	case r < 0x10000:
		d := dst[n : n+3]
		d[0], d[1], d[2] = 0xE0|byte(r>>12), 0x80|byte(r>>6&0x3F), 0x80|byte(r&0x3F)
		return n + 3
	}
	return n + utf8.EncodeRune(dst[n:], r)
}

// grow makes room for the fold of rest more bytes after the first n.
func (f *Folded) grow(n, rest int) {
	// A character becomes at most twice as long, be it by its map or, in what is
	// already written of a word of mixed scripts, by its lookalike; the rest is
	// for one broken byte or one expansion.
	if need := 2*(n+rest) + 64; cap(f.Text) < need {
		text := make([]byte, need+need/8)
		copy(text, f.Text[:min(n, len(f.Text))])
		f.Text = text
	}
	f.Text = f.Text[:cap(f.Text)]
}

// open starts a word of the class at n; of class zero, none.
func (w *word) open(class Class, n int) {
	mask := class & (Free | Hangul)
	if class&Bounded != 0 {
		mask = Bounded
	}
	*w = word{mask: mask, class: class, first: class, start: n}
}

// end ends the open word, if one is, at n. It returns the new n: a word of mixed
// scripts may be written anew.
func (f *Folded) end(w *word, n int) int {
	if w.mask == 0 {
		return n
	}
	if w.class&(Latin|Cyrillic) == Latin|Cyrillic {
		n = f.unmix(w, n)
	}
	f.Words = append(f.Words, Word{Start: int32(w.start), End: int32(n), Class: w.class, First: w.first})
	w.mask = 0
	return n
}

// drop notes that bytes start to end of the original were dropped at n.
func (f *Folded) drop(n, start, end int, mark bool) {
	if k := len(f.breaks) - 1; k >= 0 && int(f.breaks[k].at) == n {
		b := &f.breaks[k]
		if mark && b.end == b.start {
			b.end = int32(end)
		}
		b.start = int32(end)
		return
	}
	b := breakpoint{int32(n), int32(start), int32(end)}
	if mark {
		b.end = int32(end)
	}
	f.breaks = append(f.breaks, b)
}

// expand writes the expansion at place for bytes start to end of the original.
// Inside it every offset leads back to the whole character.
func (f *Folded) expand(place, n, start, end int) int {
	size := int(expansions[place])
	s := expansions[place+1 : place+1+size]
	for k, r := range s {
		if k > 0 {
			f.breaks = append(f.breaks, breakpoint{int32(n), int32(end), int32(start)})
		}
		n += utf8.EncodeRune(f.Text[n:], r)
	}
	f.breaks = append(f.breaks, breakpoint{int32(n), int32(end), int32(end)})
	return n
}

// compose joins r to the last character of dst, in place, where they make one:
// kana with voicing marks, Hangul syllables from their parts.
func compose(dst []byte, r rune) bool {
	last, size := utf8.DecodeLastRune(dst)
	var c rune
	switch {
	case r == 0x3099 || r == 0x309A:
		c = voiced(last, r-0x3098)
	case r >= 0x1161 && r <= 0x1175 && last >= 0x1100 && last <= 0x1112:
		c = 0xAC00 + ((last-0x1100)*21+(r-0x1161))*28
	case r >= 0x11A8 && r <= 0x11C2 && last >= 0xAC00 && last < 0xD7A4 && (last-0xAC00)%28 == 0:
		c = last + r - 0x11A7
	}
	if c == 0 || size != 3 {
		return false
	}
	utf8.EncodeRune(dst[len(dst)-size:], c)
	return true
}

// voiced is the kana with a voicing (1) or half-voicing (2) mark, 0 where there
// is none. The kana stand in the order of JIS X 0208, plain before marked.
func voiced(r, mark rune) rune {
	base := r
	if r >= 0x30A1 {
		base = r - 0x60 // katakana, as hiragana
	}
	switch {
	case base >= 'は' && base <= 'ほ' && (base-'は')%3 == 0:
		return r + mark
	case mark == 2:
		return 0
	case base >= 'か' && base <= 'ぢ' && (base-'か')%2 == 0, base >= 'つ' && base <= 'ど' && (base-'つ')%2 == 0:
		return r + 1
	case base == 'う':
		return r + 'ゔ' - 'う'
	case base == 'ゝ':
		return r + 1
	}
	return 0
}

// Source is where bytes start to end of the folded text came from. It is not ok
// where an end lies inside a character that folded to several.
func (f *Folded) Source(start, end int) (s, e int, ok bool) {
	s, e = start, end
	sEnd := start
	if k := f.breakAt(start); k >= 0 {
		b := f.breaks[k]
		s = start - int(b.at) + int(b.start)
		sEnd = s
		if int(b.at) == start {
			sEnd = int(b.end)
		}
	}
	eStart := end
	if k := f.breakAt(end); k >= 0 {
		b := f.breaks[k]
		e = end - int(b.at) + int(b.start)
		eStart = e
		if int(b.at) == end {
			e = int(b.end)
		}
	}
	return s, e, sEnd <= s && e <= eStart
}

// breakAt is the last breakpoint at or before off, -1 for none.
func (f *Folded) breakAt(off int) int {
	return sort.Search(len(f.breaks), func(i int) bool { return int(f.breaks[i].at) > off }) - 1
}

// pool holds Folded values between calls of Fold and Analyze.
var pool = sync.Pool{New: func() any { return new(Folded) }}

// Fold is s without the differences that don't change a word: case, width,
// compatibility forms, diacritics and the others named in the package comment.
// Words are not stemmed.
func Fold(s string) string {
	f := pool.Get().(*Folded)
	defer pool.Put(f)
	f.Fold(s)
	if string(f.Text) == s {
		return s
	}
	return string(f.Text)
}
