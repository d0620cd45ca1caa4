package index

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/newswatch/newswatch/index/query"
	"github.com/newswatch/newswatch/pipeline"
)

// placeAll looks at the positions of all hits, those that are listed first
// first, as far as the time goes.
func (r *run) placeAll(ctx context.Context) error {
	end := time.Now().Add(r.ix.cfg.placing)
	var looked atomic.Int64
	views := slices.Clone(r.views)
	if r.req.Sort == pipeline.SortOldest {
		slices.Reverse(views)
	}
	return r.each(views, func(v *view) error {
		for _, s := range v.segments {
			for docs := range blocks(s.unplaced) {
				if ctx.Err() != nil || looked.Load() >= r.ix.cfg.places && !time.Now().Before(end) {
					return nil // the total is not exact then
				}
				looked.Add(int64(docs.GetCardinality()))
				if err := s.place(ctx, r.query.Root, docs); err != nil {
					if ctx.Err() != nil && !errors.Is(err, context.Canceled) {
						return nil
					}
					return err
				}
			}
		}
		return nil
	})
}

// blocks is the documents, placeBlock at a time.
func blocks(docs *roaring.Bitmap) func(yield func(*roaring.Bitmap) bool) {
	return func(yield func(*roaring.Bitmap) bool) {
		buf := make([]uint32, placeBlock)
		for it := docs.ManyIterator(); ; {
			n := it.NextMany(buf)
			if n == 0 {
				return
			}
			if !yield(roaring.BitmapOf(buf[:n]...)) {
				return
			}
		}
	}
}

// verifyAll reads all articles that only their text tells of, if they are not
// too many, so that total and facets are exact.
func (r *run) verifyAll(ctx context.Context) error {
	if r.unsure == 0 {
		return nil
	}
	unplaced := slices.ContainsFunc(r.views, func(v *view) bool {
		return slices.ContainsFunc(v.segments, func(s *segment) bool { return !s.unplaced.IsEmpty() })
	})
	if !unplaced && r.unsure <= r.ix.cfg.Verify {
		err := r.each(r.views, func(v *view) error {
			for _, s := range v.segments {
				for _, doc := range s.unread.ToArray() {
					if ctx.Err() != nil {
						return nil
					}
					if _, err := r.read(s, doc); err != nil {
						return err
					}
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		r.verified += r.unsure
		r.sum()
	}
	return nil
}

// A reading is an article and its document, ready for the query.
type reading struct {
	article pipeline.Article
	doc     *query.Doc
}

// load reads the article of a document, which must be that with the id.
func (r *run) load(s *segment, doc uint32, id string) (*reading, error) {
	stored, err := s.stored(doc)
	if err != nil {
		return nil, err
	}
	a, err := r.ix.codec.decode(stored)
	if err != nil {
		return nil, err
	}
	if a.ID != id {
		return nil, fmt.Errorf("%w: article %s is stored for it", errDamage, a.ID)
	}
	d := &reading{article: a}
	d.doc = query.NewDoc(&d.article)
	return d, nil
}

// read reads the article of an unread hit and says whether it matches. One that
// can't be read doesn't.
func (r *run) read(s *segment, doc uint32) (bool, error) {
	ok := false
	id, err := s.id(doc)
	if err != nil {
		return false, err
	}
	d, err := r.load(s, doc, id)
	if err != nil {
		r.unreadable(s.v, fmt.Errorf("article %s: %w", id, err))
	} else {
		_, ok = r.query.Match(d.doc)
	}
	s.unread = roaring.AndNot(s.unread, roaring.BitmapOf(doc))
	if ok {
		s.sure = roaring.Or(s.sure, roaring.BitmapOf(doc))
	}
	return ok, nil
}

// verify says whether a hit matches.
func (r *run) verify(ctx context.Context, h hit) (bool, error) {
	if !h.s.unread.Contains(h.doc) {
		return h.s.sure.Contains(h.doc), nil
	}
	if r.verified >= r.ix.cfg.Verify {
		return false, errVerify
	}
	r.verified++
	ok := false
	err := r.inView(ctx, h.s.v, func() (err error) {
		ok, err = r.read(h.s, h.doc)
		return err
	})
	return ok, err
}
