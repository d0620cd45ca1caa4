package inverted

import (
	"hash/maphash"
	"slices"
)

var seed = maphash.MakeSeed()

func hashOf(term string) uint32 { return uint32(maphash.String(seed, term)) }

// A table numbers terms in the order they come in. The zero value is ready.
type table struct {
	slots []uint64 // hash, number + 1; a power of two of them
	terms []string
}

// reset makes room for n terms; more are borne.
func (t *table) reset(n int) {
	clear(t.terms) // what is kept for the next batch must not hold on to this one
	t.terms = t.terms[:0]
	size := 64
	for size < 2*n {
		size *= 2
	}
	if size <= cap(t.slots) {
		t.slots = t.slots[:size]
		clear(t.slots)
	} else {
		t.slots = make([]uint64, size)
	}
}

// number is the term's number, and whether it is a new one.
func (t *table) number(term string, hash uint32) (n int, isNew bool) {
	if 2*len(t.terms) >= len(t.slots) {
		t.grow()
	}
	mask := len(t.slots) - 1
	for i := int(hash) & mask; ; i = (i + 1) & mask {
		s := t.slots[i]
		if s == 0 {
			t.slots[i] = uint64(hash)<<32 | uint64(len(t.terms)+1)
			t.terms = append(t.terms, term)
			return len(t.terms) - 1, true
		}
		if uint32(s>>32) == hash {
			if n := int(uint32(s)) - 1; t.terms[n] == term {
				return n, false
			}
		}
	}
}

func (t *table) grow() {
	old := slices.Clone(t.slots)
	size := max(64, 2*len(old))
	if size <= cap(t.slots) {
		t.slots = t.slots[:size]
		clear(t.slots)
	} else {
		t.slots = make([]uint64, size)
	}
	for _, s := range old {
		if s == 0 {
			continue
		}
		i := int(s>>32) & (size - 1)
		for t.slots[i] != 0 {
			i = (i + 1) & (size - 1)
		}
		t.slots[i] = s
	}
}

// A Counter finds the terms of a field of one document, each once. It is used
// again and again, by one goroutine at a time; the zero value is ready.
type Counter struct {
	table  table
	hashes []uint32
}

// Reset forgets the terms. It makes room for about n.
func (c *Counter) Reset(n int) {
	c.table.reset(n)
	c.hashes = c.hashes[:0]
}

// Add is the term's number, from 0 in the order they came in, and whether it is
// a new one.
func (c *Counter) Add(term string) (n int, isNew bool) {
	hash := hashOf(term)
	if n, isNew = c.table.number(term, hash); isNew {
		c.hashes = append(c.hashes, hash)
	}
	return n, isNew
}

// Terms is the terms by number, with frequencies of 0.
func (c *Counter) Terms() []Term {
	terms := make([]Term, len(c.hashes))
	for i, t := range c.table.terms {
		terms[i] = Term{Text: t, hash: c.hashes[i]}
	}
	return terms
}
