package tags

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"math/bits"
	"slices"
	"sort"
	"strings"
	"unicode/utf8"

	"github.com/newswatch/newswatch/extractors/textnorm"
)

// Separators of canonical text. Names have them too, all but the last: a name has
// in the text the kind of separator that it has itself.
const (
	sepSoft  = ' '  // a space, a hyphen and the like
	sepPoint = '.'  // after an abbreviation (St. Louis), or where a sentence ends
	sepComma = ','  // perhaps after a point (Co., Ltd.)
	sepMark  = '('  // a bracket or another mark (AC/DC)
	sepHard  = '\n' // no name goes on here

	marks = " .,(" // from the weakest on: of several marks between two words the strongest counts
)

// isSep reports whether a byte of canonical text sets words apart.
func isSep(c byte) bool { return c == sepHard || strings.IndexByte(marks, c) >= 0 }

// table finds the longest of many forms at a place of canonical text: of names
// with words of free scripts, which have no forms but themselves.
//
// It is no automaton but the forms in byte order, with a hash from their first
// word (of free scripts: their first one or two characters) to the part of the
// order they are in, and a bitmap before it that says no for most words. From
// the form that sorts just before the text, links to ever shorter prefixes list
// all that match. It takes some fifty bytes a form, builds by sorting, and at
// half a million names still runs at tens of megabytes a second, where automata
// have left the caches.
type table struct {
	text   []byte   // all forms, one after the other
	off    []uint32 // form i is text[off[i]:off[i+1]]
	parent []int32  // the longest other form that is a prefix; -1: none
	first  []int32  // the first pattern of a form
	extra  []uint8  // the words of a form after its first, and endsFree

	bitmap []uint64
	shift  uint
	slots  []slot
	short  bool // some form begins with a free word of one character
	whole  bool // some form begins with a word that is matched whole
}

// endsFree marks a form that may be followed by anything.
const endsFree = 0x80

// slot says which forms begin with a key.
type slot struct {
	key    uint64
	lo, hi uint32
}

const multiplier = 0x9E3779B97F4A7C15

// wordKey is the key of a bounded word that starts at t[0], size bytes long.
func wordKey(v uint64, size int) uint64 {
	if size < 8 {
		v &= 1<<(8*uint(size)) - 1
	} else {
		size = 8
	}
	v = (v ^ uint64(size)) * multiplier
	return v ^ v>>29
}

// freeKey is the key of size bytes of one or two characters of a free word.
func freeKey(v uint64, size int) uint64 {
	if size < 8 {
		v &= 1<<(8*uint(size)) - 1
	}
	v = (v ^ 0xA5) * multiplier
	return v ^ v>>31
}

func load(t []byte) uint64 {
	if len(t) >= 8 {
		return binary.LittleEndian.Uint64(t)
	}
	var b [8]byte
	copy(b[:], t)
	return binary.LittleEndian.Uint64(b[:])
}

// entry is a form of one pattern, before the table is built.
type entry struct {
	text    string
	pattern int32
}

// newTable builds the table of the entries. Patterns of one form are linked.
func newTable(entries []entry, patterns []pattern) *table {
	t := &table{off: make([]uint32, 1, len(entries)+1)}
	last := ""
	for _, i := range inOrder(entries) {
		e := &entries[i]
		if n := len(t.first); n > 0 && e.text == last {
			patterns[e.pattern].next = t.first[n-1]
			t.first[n-1] = e.pattern
			continue
		}
		t.add(e.text, e.pattern)
		last = e.text
	}
	t.text, t.first, t.extra = slices.Clip(t.text), slices.Clip(t.first), slices.Clip(t.extra)
	t.link()
	t.hash()
	return t
}

// inOrder is the places of the entries in order of text. Most comparisons are of
// the first eight bytes, which stand beside the place.
func inOrder(entries []entry) []uint32 {
	type key struct {
		prefix uint64
		at     uint32
	}
	keys := make([]key, len(entries))
	for i := range entries {
		var b [8]byte
		copy(b[:], entries[i].text)
		keys[i] = key{binary.BigEndian.Uint64(b[:]), uint32(i)}
	}
	slices.SortFunc(keys, func(x, y key) int {
		if x.prefix != y.prefix {
			return cmp.Compare(x.prefix, y.prefix)
		}
		return cmp.Or(strings.Compare(entries[x.at].text, entries[y.at].text), cmp.Compare(x.at, y.at))
	})
	order := make([]uint32, len(keys))
	for i, k := range keys {
		order[i] = k.at
	}
	return order
}

func (t *table) add(form string, pattern int32) {
	t.text = append(t.text, form...)
	t.off = append(t.off, uint32(len(t.text)))
	t.first = append(t.first, pattern)
	extra := uint8(0)
	for i := range len(form) {
		if isSep(form[i]) {
			extra++
		}
	}
	r, _ := utf8.DecodeLastRuneInString(form)
	if textnorm.ClassOf(r)&textnorm.Bounded == 0 {
		extra |= endsFree
	}
	t.extra = append(t.extra, extra)
}

func (t *table) len() int          { return len(t.extra) }
func (t *table) form(i int) []byte { return t.text[t.off[i]:t.off[i+1]] }

// link finds each form's longest prefix.
func (t *table) link() {
	t.parent = make([]int32, t.len())
	var open []int32
	for i := range t.parent {
		for len(open) > 0 && !bytes.HasPrefix(t.form(i), t.form(int(open[len(open)-1]))) {
			open = open[:len(open)-1]
		}
		t.parent[i] = -1
		if len(open) > 0 {
			t.parent[i] = open[len(open)-1]
		}
		open = append(open, int32(i))
	}
}

// formKey is the key a form is found by.
func formKey(form []byte) (key uint64, short bool) {
	r, size := utf8.DecodeRune(form)
	if textnorm.ClassOf(r)&textnorm.Bounded != 0 {
		if n := bytes.IndexAny(form, marks); n >= 0 {
			return wordKey(load(form), n), false
		}
		return wordKey(load(form), len(form)), false
	}
	next, n := utf8.DecodeRune(form[size:])
	if n > 0 && textnorm.ClassOf(next)&^textnorm.Bounded != 0 && !isSep(form[size]) {
		return freeKey(load(form), size+n), false
	}
	return freeKey(load(form), size), true
}

// hash builds the slots and the bitmap.
func (t *table) hash() {
	keys := make([]uint64, t.len())
	distinct := 0
	for i := range keys {
		key, short := formKey(t.form(i))
		t.short = t.short || short
		r, _ := utf8.DecodeRune(t.form(i))
		t.whole = t.whole || textnorm.ClassOf(r)&textnorm.Bounded != 0
		keys[i] = key
		if i == 0 || key != keys[i-1] { // forms with one key stand together
			distinct++
		}
	}
	size := 64
	for size < distinct*2 {
		size <<= 1
	}
	t.slots = make([]slot, size)
	bitmap := 1 << 12
	for bitmap < distinct*16 && bitmap < 1<<25 {
		bitmap <<= 1
	}
	t.bitmap = make([]uint64, bitmap/64)
	t.shift = uint(64 - bits.TrailingZeros(uint(bitmap)))
	for i, key := range keys {
		if i > 0 && key == keys[i-1] {
			t.slot(key).hi = uint32(i + 1)
			continue
		}
		at := key * multiplier
		t.bitmap[at>>t.shift>>6] |= 1 << (at >> t.shift & 63)
		s := t.slot(key)
		if s.hi == 0 {
			*s = slot{key, uint32(i), uint32(i)}
		}
		s.hi = uint32(i + 1)
	}
}

// slot is where the key is, or belongs.
func (t *table) slot(key uint64) *slot {
	mask := uint64(len(t.slots) - 1)
	for i := key & mask; ; i = (i + 1) & mask {
		if s := &t.slots[i]; s.hi == 0 || s.key == key {
			return s
		}
	}
}

// maybe reports whether some form may begin with the key.
func (t *table) maybe(key uint64) bool {
	at := key * multiplier >> t.shift
	return t.bitmap[at>>6]>>(at&63)&1 != 0
}

// longest is the last form of those with the key that text begins with; -1 for
// none. The others are its parents down to floor.
func (t *table) longest(text []byte, key uint64) (i, floor int) {
	s := t.slot(key)
	if s.hi == 0 {
		return -1, 0
	}
	lo, hi := int(s.lo), int(s.hi)
	n := sort.Search(hi-lo, func(k int) bool { return bytes.Compare(t.form(lo+k), text) > 0 })
	if n == 0 {
		return -1, 0
	}
	i = lo + n - 1
	for i >= lo && !bytes.HasPrefix(text, t.form(i)) {
		i = int(t.parent[i])
	}
	if i < lo {
		return -1, 0
	}
	return i, lo
}
