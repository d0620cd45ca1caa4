package tags

import (
	"encoding/binary"
	"math/bits"
)

// trie holds the names whose words are matched whole, by the stems of their
// words. A place in it is a hash of the stems on the way there and of what stands
// between them; so it is one open table of 64-bit keys, without the texts: it
// takes some fifteen bytes a word of a name, however many forms the words have.
// Two ways that have one key would be taken for each other; of a million places
// and a thousand million words looked up, one is met with a probability of 10^-4.
type trie struct {
	keys   []uint64 // 0: free
	values []uint32 // index of the first pattern plus one, shifted left by one; bit 0: names go on from here
	used   int

	// bitmap says no for most words no name begins or goes on with.
	bitmap []uint64
	shift  uint
}

const (
	multiplier2 = 0xA0761D6478BD642F
	multiplier3 = 0xE7037ED1A0B428DB
	bitmapBits  = 16 // for each key
	maxBitmap   = 1 << 24
)

func mix(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo
}

// stemKey is the hash of a stem. As no letter has a zero byte, the last bytes are
// padded with those.
func stemKey(stem []byte) uint64 {
	h := uint64(multiplier)
	for len(stem) > 8 {
		h = mix(h^binary.LittleEndian.Uint64(stem), multiplier3)
		stem = stem[8:]
	}
	return lastKey(h, load(stem), len(stem))
}

// lastKey ends the hash h with the first n, at most eight, bytes of v.
func lastKey(h, v uint64, n int) uint64 {
	return max(1, mix(h^v<<(64-8*uint(n)), multiplier2))
}

// pathKey is the key of the place reached from parent by a stem after a separator.
func pathKey(parent, stem uint64, sep byte) uint64 {
	return max(1, mix(bits.RotateLeft64(parent, 23)^stem, multiplier3+2*uint64(sep)))
}

// at is where the key is, or belongs.
func (t *trie) at(key uint64) int {
	hi, _ := bits.Mul64(key*multiplier, uint64(len(t.keys)))
	i := int(hi)
	for t.keys[i] != 0 && t.keys[i] != key {
		if i++; i == len(t.keys) {
			i = 0
		}
	}
	return i
}

// find is the value of the key; 0 for none.
func (t *trie) find(key uint64) uint32 {
	if len(t.keys) == 0 {
		return 0
	}
	return t.values[t.at(key)]
}

// maybe reports whether there may be a place of that key.
func (t *trie) maybe(key uint64) bool {
	at := key * multiplier >> t.shift
	return t.bitmap[at>>6]>>(at&63)&1 != 0
}

// place is the value of the key, to be set: it is made where there is none.
func (t *trie) place(key uint64) *uint32 {
	if (t.used+1)*4 > len(t.keys)*3 {
		t.resize(max(64, len(t.keys)*2))
	}
	i := t.at(key)
	if t.keys[i] == 0 {
		t.keys[i] = key
		t.used++
	}
	return &t.values[i]
}

// resize moves all to a table of n places.
func (t *trie) resize(n int) {
	old := *t
	t.keys, t.values = make([]uint64, n), make([]uint32, n)
	for i, k := range old.keys {
		if k != 0 {
			at := t.at(k)
			t.keys[at], t.values[at] = k, old.values[i]
		}
	}
}

// finish makes it as small as it runs well.
func (t *trie) finish() {
	if t.used > 0 {
		t.resize(t.used + t.used/4 + 1)
	}
	size := 1 << 9
	for size < t.used*bitmapBits && size < maxBitmap {
		size <<= 1
	}
	t.bitmap = make([]uint64, size/64)
	t.shift = uint(64 - bits.TrailingZeros(uint(size)))
	for _, k := range t.keys {
		if k != 0 {
			at := k * multiplier >> t.shift
			t.bitmap[at>>6] |= 1 << (at & 63)
		}
	}
}
