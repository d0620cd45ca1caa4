package index

import (
	"context"
	"strings"
	"time"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/newswatch/newswatch/index/query"
)

// A placed is what is known of a phrase or a NEAR in a field of a segment: the
// documents whose positions were looked at, and those of them that have it. It
// is never changed. Searches keep it, so that the next page, the same search
// with a filter, and the same one asked again after it ran out of time, look
// only at what none has looked at yet.
type placed struct{ looked, found *roaring.Bitmap }

// placed is what is known of docs. Where positions are to be looked at, find
// looks at those not known of.
func (s *segment) placed(name string, docs *roaring.Bitmap, find func(docs *roaring.Bitmap) (found *roaring.Bitmap, err error)) (bounds, error) {
	known := &placed{empty, empty}
	if v, ok := s.v.placed.get(s, name); ok {
		known = v.(*placed)
	}
	rest := roaring.AndNot(docs, known.looked)
	if s.places && !rest.IsEmpty() {
		found, err := find(rest)
		if err != nil {
			return bounds{}, err
		}
		known = &placed{roaring.Or(known.looked, rest), roaring.Or(known.found, found)}
		s.v.placed.put(s, name, known, int(known.looked.GetSizeInBytes()+known.found.GetSizeInBytes())+len(name))
		rest = empty
	}
	found := roaring.And(docs, known.found)
	if rest.IsEmpty() {
		return exactly(found), nil
	}
	return bounds{found, roaring.Or(found, rest)}, nil
}

// placedName is what is kept of a phrase or a NEAR is kept under.
func placedName(field string, of ...string) string {
	return field + "\x00" + strings.Join(of, "\x00")
}

// A search looks at positions for an exact total of phrases and NEAR until it
// has done so for placeTime and in placeDocs documents. Only very frequent words
// stand in more: a page is there within a tenth of a second, unless the machine
// is busy. It always gets those it needs itself.
const (
	placeTime = 70 * time.Millisecond
	placeDocs = 100_000 // a tenth of a second of one processor
)

// placeBlock is after how many documents the time is looked at.
const placeBlock = 2048

// phraseIn is the documents of docs in which the terms, which all of docs have,
// stand in a row.
func (s *segment) phraseIn(ctx context.Context, field string, terms []string, docs *roaring.Bitmap) (*roaring.Bitmap, error) {
	r, err := s.rowOf(field, terms)
	if err != nil {
		return nil, err
	}
	found := roaring.New()
	err = each(ctx, docs, func(doc uint32) error {
		at, err := r.in(doc)
		if len(at) > 0 {
			found.Add(doc)
		}
		return err
	})
	return found, err
}

// nearIn is the documents of docs in which the parts are near each other.
func (s *segment) nearIn(ctx context.Context, parts [][]*row, n int, docs *roaring.Bitmap) (*roaring.Bitmap, error) {
	found := roaring.New()
	if len(parts) == 2 && len(parts[0]) == 1 && len(parts[1]) == 1 {
		a, b := parts[0][0], parts[1][0]
		err := each(ctx, docs, func(doc uint32) error {
			first, err := a.in(doc)
			if err != nil || len(first) == 0 {
				return err
			}
			second, err := b.in(doc)
			if query.AreNearPair(first, second, a.end(0), b.end(0), n) {
				found.Add(doc)
			}
			return err
		})
		return found, err
	}
	places := make([][]query.Place, len(parts))
	err := each(ctx, docs, func(doc uint32) error {
		for i, rows := range parts {
			places[i] = places[i][:0]
			for _, r := range rows {
				at, err := r.in(doc)
				if err != nil {
					return err
				}
				for _, pos := range at {
					places[i] = append(places[i], query.Place{First: pos, Last: r.end(pos)})
				}
			}
		}
		if query.AreNear(places, n) {
			found.Add(doc)
		}
		return nil
	})
	return found, err
}
