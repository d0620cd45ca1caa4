package index

import (
	"context"
	"slices"
	"strings"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/newswatch/newswatch/pipeline"
)

// A hit is a document that matches, or may.
type hit struct {
	s     *segment
	doc   uint32
	id    string
	score float64
}

func (r *run) cursor(h hit) cursor {
	c := r.after // with what stays the same on all pages
	c.id, c.score = h.id, h.score
	return c
}

// walk calls fn with the hits behind the cursor in the order asked for, until
// fn wants no more. Nothing is sorted but what is shown: it takes the first n
// hits, then twice as many, and so on. Whether a hit that is not sure matches
// is for fn to tell; what needs positions has been looked at.
func (r *run) walk(ctx context.Context, after cursor, n int, fn func(hit) (more bool, err error)) error {
	if r.req.Sort == pipeline.SortRelevance {
		return r.walkViews(ctx, r.views, after, n, fn)
	}
	views := slices.Clone(r.views)
	from := ""
	if !after.zero() {
		name, err := period(r.ix.cfg.Partition).name(after.id)
		if err != nil {
			return err
		}
		from = name
	}
	newest := r.req.Sort == pipeline.SortNewest
	if !newest {
		slices.Reverse(views)
	}
	for _, v := range views {
		if from != "" && (newest && v.p.name > from || !newest && v.p.name < from) {
			continue
		}
		more := true
		err := r.walkViews(ctx, []*view{v}, after, n, func(h hit) (bool, error) {
			var err error
			more, err = fn(h)
			return more, err
		})
		if err != nil || !more {
			return err
		}
	}
	return nil
}

// walkViews is walk in views that are sorted together.
func (r *run) walkViews(ctx context.Context, views []*view, after cursor, n int, fn func(hit) (bool, error)) error {
	for {
		hits, err := r.next(ctx, views, after, n)
		if err != nil {
			return err
		}
		for _, h := range hits {
			if h.s.v.failed.Load() || !h.s.possible(h.doc) {
				continue
			}
			if more, err := fn(h); err != nil || !more {
				return err
			}
		}
		if len(hits) < n {
			return nil
		}
		after = r.cursor(hits[n-1])
		n = min(2*n, maxBatch)
	}
}

// maxBatch bounds the hits that walk sorts at a time.
const maxBatch = 4096

// possible says whether the document is still a hit.
func (s *segment) possible(doc uint32) bool {
	return s.sure.Contains(doc) || s.unread.Contains(doc)
}

// next is the first n hits of the views behind the cursor, fewer only where
// there are no more. Their positions are looked at.
func (r *run) next(ctx context.Context, views []*view, after cursor, n int) ([]hit, error) {
	for {
		b := newBest(r.req.Sort, after, n)
		for _, v := range views {
			err := r.inView(ctx, v, func() error {
				for _, s := range v.segments {
					if err := b.take(s, s.candidates()); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				return nil, err
			}
		}
		hits := b.sorted()
		if b.err == nil {
			return hits, r.placeHits(ctx, hits)
		}
		if b.bad == nil {
			return nil, b.err
		}
		if err := r.failed(b.bad, b.err); err != nil {
			return nil, err
		}
	}
}

// placeHits looks at the positions of hits.
func (r *run) placeHits(ctx context.Context, hits []hit) error {
	docs := make(map[*segment]*roaring.Bitmap)
	for _, h := range hits {
		if h.s.unplaced.Contains(h.doc) {
			if docs[h.s] == nil {
				docs[h.s] = roaring.New()
			}
			docs[h.s].Add(h.doc)
		}
	}
	for s, set := range docs {
		err := r.inView(ctx, s.v, func() error { return s.place(ctx, r.query.Root, set) })
		if err != nil {
			return err
		}
	}
	return nil
}

// A found is a document that best has taken.
type found struct {
	s     *segment
	doc   uint32
	unix  int64
	score float64
	id    string // once it was needed
}

// best takes the first n of many documents in an order. Ids are read only
// where times, and scores, are the same.
type best struct {
	sort  string
	after cursor
	unix  int64 // of after
	n     int
	heap  []found // the last one first
	err   error
	bad   *view // whose error it is
}

func newBest(sort string, after cursor, n int) *best {
	b := &best{sort: sort, after: after, n: n}
	if !after.zero() {
		t, _, err := pipeline.ParseID(after.id)
		b.unix, b.err = t.Unix(), err
	}
	return b
}

// take looks at the documents of a segment.
func (b *best) take(s *segment, docs *roaring.Bitmap) error {
	if docs.IsEmpty() || b.err != nil {
		return nil
	}
	c, err := s.clock()
	if err != nil {
		return err
	}
	if b.sort == pipeline.SortRelevance {
		b.takeRanked(s, docs, c)
		return nil
	}
	newest := b.sort == pipeline.SortNewest
	each32(docs, func(docs []uint32) {
		for _, d := range docs {
			t := c.unix(d)
			// Most are told here.
			if len(b.heap) == b.n {
				if last := b.heap[0].unix; newest && t < last || !newest && t > last {
					continue
				}
			}
			if !b.after.zero() && (newest && t > b.unix || !newest && t < b.unix) {
				continue
			}
			b.put(found{s: s, doc: d, unix: t})
		}
	})
	return nil
}

func (b *best) takeRanked(s *segment, docs *roaring.Bitmap, c *clock) {
	i := 0
	each32(s.ranked, func(ranked []uint32) {
		for _, d := range ranked {
			score := s.scores[i]
			i++
			if len(b.heap) == b.n && score < b.heap[0].score || !b.after.zero() && score > b.after.score || !docs.Contains(d) {
				continue
			}
			b.put(found{s: s, doc: d, unix: c.unix(d), score: score})
		}
	})
}

// put takes a document if it is behind the cursor and among the first n.
func (b *best) put(f found) {
	if !b.after.zero() {
		at := found{unix: b.unix, score: b.after.score, id: b.after.id}
		if !b.before(&at, &f) {
			return
		}
	}
	if len(b.heap) < b.n {
		b.heap = append(b.heap, f)
		b.up(len(b.heap) - 1)
		return
	}
	if b.before(&f, &b.heap[0]) {
		b.heap[0] = f
		b.down(0)
	}
}

// before says whether f comes before g in the order.
func (b *best) before(f, g *found) bool {
	if b.sort == pipeline.SortRelevance && f.score != g.score {
		return f.score > g.score
	}
	oldest := b.sort == pipeline.SortOldest
	if f.unix != g.unix {
		return oldest == (f.unix < g.unix)
	}
	c := strings.Compare(b.id(f), b.id(g))
	return oldest && c < 0 || !oldest && c > 0
}

func (b *best) id(f *found) string {
	if f.id == "" {
		err := f.s.v.guard(func() (err error) {
			f.id, err = f.s.id(f.doc)
			return err
		})
		if err != nil && b.err == nil {
			b.err, b.bad = err, f.s.v
		}
	}
	return f.id
}

func (b *best) up(i int) {
	for i > 0 {
		parent := (i - 1) / 2
		if !b.before(&b.heap[parent], &b.heap[i]) {
			return
		}
		b.heap[parent], b.heap[i] = b.heap[i], b.heap[parent]
		i = parent
	}
}

func (b *best) down(i int) {
	for {
		last := i
		for child := 2*i + 1; child <= 2*i+2 && child < len(b.heap); child++ {
			if b.before(&b.heap[last], &b.heap[child]) {
				last = child
			}
		}
		if last == i {
			return
		}
		b.heap[last], b.heap[i] = b.heap[i], b.heap[last]
		i = last
	}
}

// sorted is what was taken, in order.
func (b *best) sorted() []hit {
	slices.SortFunc(b.heap, func(f, g found) int {
		if b.before(&f, &g) {
			return -1
		}
		if b.before(&g, &f) {
			return 1
		}
		return 0
	})
	hits := make([]hit, len(b.heap))
	for i := range b.heap {
		f := &b.heap[i]
		hits[i] = hit{f.s, f.doc, b.id(f), f.score}
	}
	return hits
}
