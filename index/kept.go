package index

import (
	"container/list"
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

// placedBytes bounds what searches keep of phrases and NEAR, see placed. One
// that is looked for in all of a million articles takes a quarter of a megabyte.
const placedBytes = 16 << 20

// entryBytes is what an entry takes beside its value, about.
const entryBytes = 256

// A keeper keeps what searches work out of segments: a segment never changes.
// It is safe for concurrent use.
type keeper struct {
	max int

	mu    sync.Mutex
	bytes int
	used  *list.List // of *kept, the one used last first
	kept  map[*partition]map[segmentapi.Segment]map[string]*list.Element
}

type kept struct {
	p     *partition
	raw   segmentapi.Segment
	name  string
	value any
	bytes int
}

func newKeeper(limit int) *keeper {
	return &keeper{max: limit, used: list.New(), kept: make(map[*partition]map[segmentapi.Segment]map[string]*list.Element)}
}

// keep is what is kept of the segment under that name, or what build makes.
func keep[T any](s *segment, name string, build func() (value T, bytes int, err error)) (T, error) {
	if value, ok := s.v.keeper.get(s, name); ok {
		return value.(T), nil
	}
	value, bytes, err := build()
	if err != nil {
		return value, err
	}
	s.v.keeper.put(s, name, value, bytes)
	return value, nil
}

// get is what is kept of the segment under that name.
func (k *keeper) get(s *segment, name string) (value any, ok bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	e := k.kept[s.v.p][s.raw][name]
	if e == nil {
		return nil, false
	}
	k.used.MoveToFront(e)
	return e.Value.(*kept).value, true
}

// put keeps a value in the place of what was kept under that name.
func (k *keeper) put(s *segment, name string, value any, bytes int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	segments := k.kept[s.v.p]
	if segments == nil {
		segments = make(map[segmentapi.Segment]map[string]*list.Element)
		k.kept[s.v.p] = segments
	}
	if segments[s.raw] == nil {
		segments[s.raw] = make(map[string]*list.Element)
	}
	if old := segments[s.raw][name]; old != nil {
		k.drop(old)
	}
	bytes += entryBytes
	for k.used.Len() > 0 && k.bytes+bytes > k.max {
		k.drop(k.used.Back())
	}
	segments[s.raw][name] = k.used.PushFront(&kept{s.v.p, s.raw, name, value, bytes})
	k.bytes += bytes
}

func (k *keeper) drop(e *list.Element) {
	old := k.used.Remove(e).(*kept)
	k.bytes -= old.bytes
	delete(k.kept[old.p][old.raw], old.name)
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
		k.drop(e)
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
