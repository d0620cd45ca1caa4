package index

import (
	"context"
	"slices"

	"github.com/RoaringBitmap/roaring/v2"
	segmentapi "github.com/blevesearch/scorch_segment_api/v2"

	"github.com/newswatch/newswatch/extractors/textnorm"
	"github.com/newswatch/newswatch/index/query"
)

// checkEvery is after how many documents the time is looked at.
const checkEvery = 512

// positions reads where a term stands, document by document, forwards.
type positions struct {
	it      segmentapi.PostingsIterator
	posting segmentapi.Posting // read last; perhaps of a document not asked for yet
	end     bool               // there are no more

	doc uint32 // asked for last
	any bool   // one was
	at  []int  // positions in it, in order
}

func (s *segment) positions(field, term string) (*positions, error) {
	l, err := s.list(field, term)
	if err != nil {
		return nil, err
	}
	return &positions{it: l.Iterator(true, true, true, nil)}, nil
}

// in is the term's positions in a document not before the last one asked for.
func (p *positions) in(doc uint32) ([]int, error) {
	if p.any && p.doc == doc {
		return p.at, nil
	}
	p.at, p.doc, p.any = p.at[:0], doc, true
	if !p.end && (p.posting == nil || p.posting.Number() < uint64(doc)) {
		var err error
		if p.posting, err = p.it.Advance(uint64(doc)); err != nil {
			return nil, err
		}
		p.end = p.posting == nil
	}
	if p.end || p.posting.Number() != uint64(doc) {
		return nil, nil
	}
	p.at = appendPlaces(p.at, p.posting)
	return p.at, nil
}

// A row is the terms of a phrase in one field of a segment.
type row struct {
	terms   []*positions
	offsets []int // of the terms from the first one
	first   int   // offset of the row from the phrase's first term
	words   int   // of the whole phrase
	bigram  bool  // its last term is one
	starts  []int
}

// rowOf is the terms that have positions: single Han characters have none.
func (s *segment) rowOf(field string, terms []string) (*row, error) {
	r := &row{words: len(terms), bigram: textnorm.IsBigram(terms[len(terms)-1]), first: -1}
	seen := make(map[string]*positions)
	for i, t := range terms {
		if isChar(t) {
			continue
		}
		if r.first < 0 {
			r.first = i
		}
		p := seen[t]
		if p == nil {
			var err error
			if p, err = s.positions(field, t); err != nil {
				return nil, err
			}
			seen[t] = p
		}
		r.terms, r.offsets = append(r.terms, p), append(r.offsets, i-r.first)
	}
	return r, nil
}

// in is where the row begins in the document.
func (r *row) in(doc uint32) ([]int, error) {
	r.starts = r.starts[:0]
	for i, t := range r.terms {
		at, err := t.in(doc)
		if err != nil || len(at) == 0 {
			return nil, err
		}
		if i == 0 {
			r.starts = append(r.starts, at...)
			continue
		}
		kept, j := r.starts[:0], 0
		for _, start := range r.starts {
			want := start + r.offsets[i]
			for j < len(at) && at[j] < want {
				j++
			}
			if j < len(at) && at[j] == want {
				kept = append(kept, start)
			}
		}
		if r.starts = kept; len(kept) == 0 {
			return nil, nil
		}
	}
	return r.starts, nil
}

// together is the documents of within that have all the terms in the field.
func (s *segment) together(field string, terms []string, within *roaring.Bitmap) (*roaring.Bitmap, error) {
	all := within
	for _, t := range terms {
		b, err := s.word(field, t)
		if err != nil {
			return nil, err
		}
		if all = roaring.And(all, b); all.IsEmpty() {
			break
		}
	}
	return all, nil
}

// phrase finds the terms in a row. A single character may be anywhere in the
// field, and its place in the row is left open: then there may be less.
func (s *segment) phrase(ctx context.Context, field string, terms []string, within *roaring.Bitmap) (bounds, error) {
	b, err := s.together(field, terms, within)
	if err != nil || b.IsEmpty() {
		return exactly(empty), err
	}
	if len(terms) == 1 { // of an =exact word
		return exactly(b), nil
	}
	all := exactly(b)
	if words(terms) > 1 {
		all, err = s.placed(placedName(field, terms...), b, func(docs *roaring.Bitmap) (*roaring.Bitmap, error) {
			return s.phraseIn(ctx, field, terms, docs)
		})
		if err != nil {
			return bounds{}, err
		}
	}
	if words(terms) < len(terms) {
		return bounds{empty, all.most}, nil
	}
	return all, nil
}

// each calls fn with the documents until it errs or the time is over.
func each(ctx context.Context, docs *roaring.Bitmap, fn func(doc uint32) error) error {
	n := 0
	for it := docs.Iterator(); it.HasNext(); {
		if n++; n%checkEvery == 0 {
			if err := ctx.Err(); err != nil {
				return err
			}
		}
		if err := fn(it.Next()); err != nil {
			return err
		}
	}
	return nil
}

// near finds the parts near each other. Where a part has no positions (a
// prefix, an exact form, a single character) it finds what has all parts, and
// there may be less.
func (s *segment) near(ctx context.Context, n *query.Near, field string, within *roaring.Bitmap) (bounds, error) {
	docs := within
	for _, p := range n.Parts {
		b, err := s.inField(ctx, p, field, docs)
		if err != nil {
			return b, err
		}
		if docs = roaring.And(docs, b.most); docs.IsEmpty() {
			return exactly(empty), nil
		}
	}
	if !havePlaces(n.Parts) {
		return bounds{empty, docs}, nil
	}
	name := placedName(field, (&query.Query{Root: n}).String())
	return s.placed(name, docs, func(docs *roaring.Bitmap) (*roaring.Bitmap, error) {
		parts := make([][]*row, len(n.Parts))
		for i, p := range n.Parts {
			var err error
			if parts[i], err = s.rows(field, p); err != nil {
				return nil, err
			}
		}
		return s.nearIn(ctx, parts, n.N, docs)
	})
}

// end is the position of the last word of a phrase that begins at pos.
func (r *row) end(pos int) int {
	if r.bigram {
		pos++
	}
	return pos + r.words - 1
}

// havePlaces says whether all words of the parts of a Near have positions.
func havePlaces(parts []query.Node) bool {
	return !slices.ContainsFunc(parts, func(n query.Node) bool {
		switch n := n.(type) {
		case *query.Term:
			return isChar(n.Term)
		case *query.Phrase:
			return slices.ContainsFunc(n.Terms, isChar)
		case *query.Or:
			return !havePlaces(n.Nodes)
		default:
			return true
		}
	})
}

// rows is the rows a part of a Near stands for.
func (s *segment) rows(field string, part query.Node) (rows []*row, err error) {
	var terms []string
	switch n := part.(type) {
	case *query.Term:
		terms = []string{n.Term}
	case *query.Phrase:
		terms = n.Terms
	case *query.Or:
		for _, m := range n.Nodes {
			more, err := s.rows(field, m)
			if err != nil {
				return nil, err
			}
			rows = append(rows, more...)
		}
		return rows, nil
	}
	r, err := s.rowOf(field, terms)
	return []*row{r}, err
}
