package index

import (
	"errors"
	"fmt"
	"hash/fnv"
	"strconv"

	bleveindex "github.com/blevesearch/bleve_index_api"

	"github.com/newswatch/newswatch/index/query"
)

// A filter knows keys that may be in a partition: "no" is certain, "yes" is
// wrong once in a hundred times. It is what makes looking a new key up in many
// partitions cheap. Keys are never taken out.
type filter struct {
	layers []layer // each twice as large as the one before
}

type layer struct {
	words    []uint64
	count    int // keys in it
	capacity int
}

const (
	filterProbes  = 7  // for one wrong answer in a hundred
	filterBits    = 10 // per key
	filterMinimum = 1 << 13
)

func newFilter(expected int) *filter {
	f := new(filter)
	f.grow(max(expected, filterMinimum))
	return f
}

func (f *filter) grow(capacity int) {
	f.layers = append(f.layers, layer{words: make([]uint64, (capacity*filterBits+63)/64), capacity: capacity})
}

func (f *filter) add(key string) {
	last := &f.layers[len(f.layers)-1]
	if last.count >= last.capacity {
		f.grow(2 * last.capacity)
		last = &f.layers[len(f.layers)-1]
	}
	last.count++
	last.each(key, func(word *uint64, bit uint64) bool {
		*word |= bit
		return true
	})
}

func (f *filter) has(key string) bool {
	for i := range f.layers {
		found := true
		f.layers[i].each(key, func(word *uint64, bit uint64) bool {
			found = *word&bit != 0
			return found
		})
		if found {
			return true
		}
	}
	return false
}

// each calls fn for the key's bits until it says no.
func (l *layer) each(key string, fn func(word *uint64, bit uint64) bool) {
	h := keyHash(key)
	step := h>>32 | 1
	for range filterProbes {
		i := h % uint64(len(l.words)*64)
		if !fn(&l.words[i/64], 1<<(i%64)) {
			return
		}
		h += step
	}
}

// keyHash is the key itself, which is 16 hex digits of a hash.
func keyHash(key string) uint64 {
	if n, err := strconv.ParseUint(key, 16, 64); err == nil && len(key) == 16 {
		return n
	}
	h := fnv.New64a()
	h.Write([]byte(key))
	return h.Sum64()
}

// keys is the filter of the partition's keys. It is made from their dictionary
// by who asks first, the writer or the goroutine that warms; the other waits.
//
// None is missed: a write asks for the filter before it is made, so while there
// is none there has been no write since the partition was opened, and what the
// dictionary has is all. Where the partition was opened anew meanwhile, the
// dictionary that was read may be that of a state before, and is read again.
func (p *partition) keys() (*filter, error) {
	p.keying.Lock()
	defer p.keying.Unlock()
	for {
		p.mu.Lock()
		f, opening := p.filter, p.opening
		p.mu.Unlock()
		if f != nil {
			return f, nil
		}
		f, err := p.readKeys()
		if err != nil {
			return nil, fmt.Errorf("keys of partition %s: %w", p.name, err)
		}
		p.mu.Lock()
		if p.opening == opening {
			p.filter = f
		}
		p.mu.Unlock()
	}
}

func (p *partition) readKeys() (f *filter, err error) {
	err = p.reader(func(r bleveindex.IndexReader) error {
		n, err := r.DocCount()
		if err != nil {
			return err
		}
		f = newFilter(2 * int(n))
		dict, err := r.FieldDict(query.FieldKey)
		if err != nil {
			return err
		}
		for {
			e, err := dict.Next()
			if err != nil || e == nil {
				return errors.Join(err, dict.Close(), allAnswer(r, query.FieldKey))
			}
			f.add(e.Term)
		}
	})
	return f, err
}
