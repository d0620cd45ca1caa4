package index

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/RoaringBitmap/roaring/v2"
	segmentapi "github.com/blevesearch/scorch_segment_api/v2"

	"github.com/newswatch/newswatch/pipeline"
)

// keptBytes bounds what searches keep of segments. An article takes 12 bytes
// for its time and key, one to four for its groups and 4 to 12 for each facet
// that is asked for, so that this is enough for two million articles and their
// facets; with more, the rarely used goes and is worked out again.
const keptBytes = 96 << 20

// A keeper keeps what searches work out of segments: a segment never changes.
// It is safe for concurrent use.
type keeper struct {
	max int

	mu    sync.Mutex
	bytes int
	tick  uint64
	kept  map[*partition]map[segmentapi.Segment]map[string]*kept
}

type kept struct {
	value any
	bytes int
	used  uint64 // tick of its last use
}

func newKeeper(limit int) *keeper {
	return &keeper{max: limit, kept: make(map[*partition]map[segmentapi.Segment]map[string]*kept)}
}

// keep is what is kept of the segment under that name, or what build makes.
func keep[T any](s *segment, name string, build func() (value T, bytes int, err error)) (T, error) {
	k := s.v.keeper
	k.mu.Lock()
	k.tick++
	if e := k.kept[s.v.p][s.raw][name]; e != nil {
		e.used = k.tick
		k.mu.Unlock()
		return e.value.(T), nil
	}
	k.mu.Unlock()
	value, bytes, err := build()
	if err != nil {
		return value, err
	}
	k.add(s, name, value, bytes)
	return value, nil
}

func (k *keeper) add(s *segment, name string, value any, bytes int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	segments := k.kept[s.v.p]
	if segments == nil {
		segments = make(map[segmentapi.Segment]map[string]*kept)
		k.kept[s.v.p] = segments
	}
	if segments[s.raw] == nil {
		segments[s.raw] = make(map[string]*kept)
	}
	if segments[s.raw][name] != nil {
		return // another search was first
	}
	for k.bytes > 0 && k.bytes+bytes > k.max {
		k.dropOldest()
	}
	k.tick++
	segments[s.raw][name] = &kept{value, bytes, k.tick}
	k.bytes += bytes
}

func (k *keeper) dropOldest() {
	var from map[string]*kept
	var name string
	for _, segments := range k.kept {
		for _, entries := range segments {
			for n, e := range entries {
				if from == nil || e.used < from[name].used {
					from, name = entries, n
				}
			}
		}
	}
	k.bytes -= from[name].bytes
	delete(from, name)
}

// prune forgets the partition's segments that are no more.
func (k *keeper) prune(p *partition, there []*segment) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for raw := range k.kept[p] {
		if !slices.ContainsFunc(there, func(s *segment) bool { return s.raw == raw }) {
			k.forget(p, raw)
		}
	}
}

// prunePartitions forgets partitions that are no more.
func (k *keeper) prunePartitions(there []*partition) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for p := range k.kept {
		if !slices.Contains(there, p) {
			for raw := range k.kept[p] {
				k.forget(p, raw)
			}
			delete(k.kept, p)
		}
	}
}

func (k *keeper) forget(p *partition, raw segmentapi.Segment) {
	for _, e := range k.kept[p][raw] {
		k.bytes -= e.bytes
	}
	delete(k.kept[p], raw)
}

// A clock is the times and keys of a segment's documents, those of their ids.
type clock struct {
	base int64 // Unix time of a day's beginning, not after any of them
	at   []uint32
	keys []uint64 // see groupKey
}

func (c *clock) unix(doc uint32) int64 { return c.base + int64(c.at[doc]) }

func (c *clock) id(doc uint32) string {
	at := time.Unix(c.unix(doc), 0)
	return pipeline.NewID(at, at, fmt.Sprintf("%016x", c.keys[doc]))
}

func (s *segment) clock() (*clock, error) {
	return keep(s, "clock", func() (*clock, int, error) {
		n := s.raw.Count()
		c := &clock{at: make([]uint32, n), keys: make([]uint64, n)}
		day, first, midnight := "", true, int64(0)
		err := s.eachID(func(doc uint32, id string) error {
			c.keys[doc] = groupKey(id)
			if len(id) < 14 {
				return nil
			}
			if id[:8] != day {
				t, err := time.Parse("20060102", id[:8])
				if err != nil {
					return err
				}
				day, midnight = id[:8], t.Unix()
				if first { // ids come in order
					c.base, first = midnight, false
				}
			}
			seconds := int64(digits(id[8:10]))*3600 + int64(digits(id[10:12]))*60 + int64(digits(id[12:14]))
			c.at[doc] = uint32(midnight + seconds - c.base)
			return nil
		})
		return c, 12 * int(n), err
	})
}

func digits(s string) int { return int(s[0]-'0')*10 + int(s[1]-'0') }

// A column is the values of one field of a segment's documents.
type column struct {
	values []string
	// Of document d the values are ords[first[d]:first[d+1]]; without first it
	// is values[ords[d]-1], or none where that is 0.
	ords  []uint32
	first []uint32
}

func (s *segment) column(field string) (*column, error) {
	return keep(s, field, func() (*column, int, error) {
		c, err := s.readColumn(field)
		if err != nil {
			return nil, 0, err
		}
		bytes := 4 * (len(c.ords) + len(c.first))
		for _, v := range c.values {
			bytes += len(v) + 16
		}
		return c, bytes, nil
	})
}

// readColumn reads the postings of all the field's terms or, where the terms are
// many, its doc values: a term costs ten times what a document's values do.
func (s *segment) readColumn(field string) (*column, error) {
	d, err := s.dictionary(field)
	if err != nil {
		return nil, err
	}
	if uint64(d.Cardinality()) > s.raw.Count()/10 {
		return s.columnOfValues(field)
	}
	return s.columnOfTerms(field)
}

func (s *segment) columnOfValues(field string) (*column, error) {
	n := uint32(s.raw.Count())
	c := &column{first: make([]uint32, n+1)}
	ords := make(map[string]uint32)
	last, several := uint32(0), false
	err := s.eachValue(field, func(doc uint32, value []byte) {
		o, ok := ords[string(value)]
		if !ok {
			o = uint32(len(c.values))
			c.values = append(c.values, string(value))
			ords[c.values[o]] = o
		}
		for ; last < doc; last++ {
			c.first[last+1] = uint32(len(c.ords))
		}
		c.ords = append(c.ords, o)
		several = several || uint32(len(c.ords))-c.first[doc] > 1
	})
	if err != nil {
		return nil, err
	}
	for ; last < n; last++ {
		c.first[last+1] = uint32(len(c.ords))
	}
	if !several {
		single := make([]uint32, n)
		for doc := range single {
			if from := c.first[doc]; from < c.first[doc+1] {
				single[doc] = c.ords[from] + 1
			}
		}
		c.ords, c.first = single, nil
	}
	return c, nil
}

func (s *segment) columnOfTerms(field string) (*column, error) {
	c := new(column)
	var sets []*roaring.Bitmap
	n, pairs := int(s.raw.Count()), 0
	counts := make([]uint32, n+1)
	several := false
	err := s.terms(field, "", "", func(term string, docs *roaring.Bitmap) error {
		c.values, sets = append(c.values, term), append(sets, docs)
		each32(docs, func(docs []uint32) {
			pairs += len(docs)
			for _, d := range docs {
				counts[d]++
				several = several || counts[d] > 1
			}
		})
		return nil
	})
	if err != nil {
		return nil, err
	}
	if !several {
		c.ords = counts[:n]
		for i, docs := range sets {
			each32(docs, func(docs []uint32) {
				for _, d := range docs {
					c.ords[d] = uint32(i) + 1
				}
			})
		}
		return c, nil
	}
	at := uint32(0)
	for d, k := range counts {
		counts[d] = at
		at += k
	}
	c.ords, c.first = make([]uint32, pairs), counts
	next := slices.Clone(counts)
	for i, docs := range sets {
		each32(docs, func(docs []uint32) {
			for _, d := range docs {
				c.ords[next[d]] = uint32(i)
				next[d]++
			}
		})
	}
	return c, nil
}

// count adds how many of the documents have each value.
func (c *column) count(docs *roaring.Bitmap, counts map[string]int) {
	ns := make([]int, len(c.values)+1)
	each32(docs, func(docs []uint32) {
		if c.first == nil {
			for _, d := range docs {
				ns[c.ords[d]]++
			}
			return
		}
		for _, d := range docs {
			for _, o := range c.ords[c.first[d]:c.first[d+1]] {
				ns[o+1]++
			}
		}
	})
	for i, n := range ns[1:] {
		if n > 0 {
			counts[c.values[i]] += n
		}
	}
}
