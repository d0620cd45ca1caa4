package index

import (
	"fmt"
	"sync/atomic"

	"github.com/RoaringBitmap/roaring/v2"
	"github.com/blevesearch/bleve/v2/index/scorch"
	segmentapi "github.com/blevesearch/scorch_segment_api/v2"

	"github.com/newswatch/newswatch/pipeline"
)

// Search reads Bleve's segments itself and works with sets of documents as
// bitmaps: Bleve's own searchers visit every hit one by one, with a virtual
// call for each node of the query, and sort them all. What a segment gives is
// only valid while its view is open, and never changed.

// A view is a partition as it was at one moment. It is used by one goroutine at
// a time, inside of guard.
type view struct {
	p        *partition
	mapping  int // of its oldest documents, at least
	snapshot *scorch.IndexSnapshot
	keeper   *keeper
	placed   *keeper // of what is known of positions
	segments []*segment
	failed   atomic.Bool // it is gone on without
}

// A segment is one of a view's.
type segment struct {
	v     *view
	raw   segmentapi.Segment
	live  *roaring.Bitmap // documents that are not deleted
	dicts map[string]segmentapi.TermDictionary
	sound map[string]bool         // fields whose dictionary is known to answer
	found map[any]*roaring.Bitmap // what was looked up, by termKey or node

	places bool // whether eval looks at positions

	// The hits. Those of sure match. Those of unplaced may, positions will tell;
	// those of unread may, and only the article itself will tell.
	sure, unplaced, unread *roaring.Bitmap
	guess                  *roaring.Bitmap // of the three, what is counted while not all are sure
	hidden                 *roaring.Bitmap // hits that collapsing folds into others; nil: none

	ranked *roaring.Bitmap // the hits that have scores
	scores []float64       // theirs, in that order
}

func (ix *Index) view(p *partition) *view { return &view{p: p, keeper: ix.keeper, placed: ix.placed} }

// open takes the view of the partition as it is now.
func (v *view) open() error {
	// Before the snapshot: another index that takes the place of this one has newer
	// documents.
	v.mapping = v.p.mapping()
	for v.snapshot == nil {
		// There is none at the moment another index takes the place of this one.
		var err error
		if v.snapshot, err = v.p.currentSnapshot(); err != nil {
			return err
		}
	}
	for _, seg := range v.snapshot.Segments() {
		live := seg.DocNumbersLive()
		if live.IsEmpty() {
			continue
		}
		v.segments = append(v.segments, &segment{
			v: v, raw: seg.Segment(), live: live,
			dicts: make(map[string]segmentapi.TermDictionary), sound: make(map[string]bool), found: make(map[any]*roaring.Bitmap),
			sure: empty, unplaced: empty, unread: empty,
		})
	}
	v.keeper.prune(v.p, v.segments)
	v.placed.prune(v.p, v.segments)
	return nil
}

func (v *view) close() error { return v.snapshot.Close() }

// guard runs fn; a panic or a fault, which a damaged segment can cause, is an
// error.
func (v *view) guard(fn func() error) error {
	if err := v.p.guard(fn); err != nil {
		return fmt.Errorf("search partition %s: %w", v.p.name, err)
	}
	return nil
}

// count is how many hits there are and how many of them are not sure.
func (v *view) count() (all, unsure int) {
	for _, s := range v.segments {
		unsure += int(s.unplaced.GetCardinality() + s.unread.GetCardinality())
		all += int(s.sure.GetCardinality())
	}
	return all + unsure, unsure
}

func (s *segment) dictionary(field string) (segmentapi.TermDictionary, error) {
	if d, ok := s.dicts[field]; ok {
		return d, nil
	}
	d, err := s.raw.Dictionary(field)
	if err != nil {
		return nil, fmt.Errorf("dictionary of %s: %w", field, err)
	}
	s.dicts[field] = d
	return d, nil
}

func (s *segment) list(field, term string) (segmentapi.PostingsList, error) {
	d, err := s.dictionary(field)
	if err != nil {
		return nil, err
	}
	return d.PostingsList([]byte(term), nil, nil)
}

// empty is the set of no documents. It is never changed.
var empty = roaring.New()

type termKey struct{ field, term string }

// docs is the documents with the term, deleted ones among them. It is not to
// be changed.
func (s *segment) docs(field, term string) (*roaring.Bitmap, error) {
	key := termKey{field, term}
	if b, ok := s.found[key]; ok {
		return b, nil
	}
	l, err := s.list(field, term)
	if err != nil {
		return nil, err
	}
	b := bitmap(l)
	if b.IsEmpty() {
		if err := s.answers(field); err != nil {
			return nil, err
		}
	}
	s.found[key] = b
	return b, nil
}

// answers says what is wrong with the field's dictionary, of one in which a term
// was not found.
func (s *segment) answers(field string) error {
	if s.sound[field] {
		return nil
	}
	d, err := s.dictionary(field)
	if err == nil {
		err = answers(d)
	}
	if err != nil {
		return fmt.Errorf("dictionary of %s: %w", field, err)
	}
	s.sound[field] = true
	return nil
}

// answers says whether a dictionary gives any of the terms it has. Its size is
// in memory since it was first used, its terms are in the file: where zeros have
// taken their place since, it has the empty term alone, and tells of no error.
func answers(d segmentapi.TermDictionary) error {
	it := d.AutomatonIterator(nil, nil, nil)
	for range min(2, d.Cardinality()) {
		e, err := it.Next() // which also reads where the term is
		if err != nil {
			return fmt.Errorf("%w: %w", errDamage, err)
		}
		if e == nil {
			return fmt.Errorf("%w: %d terms can't be read", errDamage, d.Cardinality())
		}
	}
	return nil
}

// termsOf is the terms t, start ≤ t < end, without how often they occur.
func termsOf(d segmentapi.TermDictionary, start, end []byte) segmentapi.DictionaryIterator {
	if o, ok := d.(interface {
		AutomatonIteratorOmitCount(a segmentapi.Automaton, start, end []byte) segmentapi.DictionaryIterator
	}); ok {
		return o.AutomatonIteratorOmitCount(nil, start, end)
	}
	return d.AutomatonIterator(nil, start, end)
}

func bitmap(l segmentapi.PostingsList) *roaring.Bitmap {
	if l.Count() == 0 {
		return empty
	}
	it, ok := l.Iterator(false, false, false, nil).(segmentapi.OptimizablePostingsIterator)
	if !ok {
		return empty
	}
	if n, one := it.DocNum1Hit(); one {
		return roaring.BitmapOf(uint32(n))
	}
	if b := it.ActualBitmap(); b != nil {
		return b
	}
	return empty
}

// id is the document's id, by the dictionary of ids: what is stored would say
// another's where zeros have taken the place of where each document begins.
func (s *segment) id(doc uint32) (string, error) {
	c, err := s.clock()
	if err != nil {
		return "", err
	}
	return c.id(doc), nil
}

// stored is what is stored of the document's article.
func (s *segment) stored(doc uint32) (article []byte, err error) {
	err = s.raw.VisitStoredFields(uint64(doc), func(field string, _ byte, value []byte, _ []uint64) bool {
		if field != fieldArticle {
			return true
		}
		article = append(article, value...) // value lives no longer than this call
		return false
	})
	if err == nil && article == nil {
		err = pipeline.ErrNotFound
	}
	return article, err
}

// eachValue calls fn with the documents and the values they have in a field
// that is kept as doc values.
func (s *segment) eachValue(field string, fn func(doc uint32, value []byte)) error {
	dv, ok := s.raw.(segmentapi.DocValueVisitable)
	if !ok {
		return fmt.Errorf("a %T keeps no values", s.raw)
	}
	var state segmentapi.DocVisitState // of these fields only
	fields := []string{field}
	for doc := range uint32(s.raw.Count()) {
		var err error
		state, err = dv.VisitDocValues(uint64(doc), fields, func(_ string, value []byte) { fn(doc, value) }, state)
		if err != nil {
			return err
		}
	}
	return nil
}

// terms calls fn with the field's terms t, from ≤ t < to, and their documents.
// An empty to is no end.
func (s *segment) terms(field, from, to string, fn func(term string, docs *roaring.Bitmap) error) error {
	return s.eachTerm(field, from, to, func(d segmentapi.TermDictionary, term string) error {
		l, err := d.PostingsList([]byte(term), nil, nil)
		if err != nil {
			return err
		}
		return fn(term, bitmap(l))
	})
}

func (s *segment) eachTerm(field, from, to string, fn func(d segmentapi.TermDictionary, term string) error) error {
	d, err := s.dictionary(field)
	if err != nil {
		return err
	}
	var start, end []byte
	if from != "" {
		start = []byte(from)
	}
	if to != "" {
		end = []byte(to)
	}
	it := termsOf(d, start, end)
	for {
		e, err := it.Next()
		if err == nil && e == nil {
			return s.answers(field)
		}
		if err != nil {
			return err
		}
		if err := fn(d, e.Term); err != nil {
			return err
		}
	}
}

// eachID calls fn with the documents and their ids, in order of the ids. The
// dictionary of ids is a hundredth of the stored fields, which have them too.
func (s *segment) eachID(fn func(doc uint32, id string) error) error {
	var list segmentapi.PostingsList
	var it segmentapi.PostingsIterator
	return s.eachTerm("_id", "", "", func(d segmentapi.TermDictionary, id string) (err error) {
		if list, err = d.PostingsList([]byte(id), nil, list); err != nil {
			return err
		}
		it = list.Iterator(false, false, false, it)
		p, err := it.Next()
		if err != nil || p == nil {
			return err
		}
		return fn(uint32(p.Number()), id)
	})
}

// candidates is the hits, those not sure among them, but for those hidden.
func (s *segment) candidates() *roaring.Bitmap {
	b := s.sure
	for _, more := range []*roaring.Bitmap{s.unplaced, s.unread} {
		if !more.IsEmpty() {
			b = roaring.Or(b, more)
		}
	}
	return s.shown(b)
}

// counted is the hits that total, facets and timeline count.
func (s *segment) counted() *roaring.Bitmap {
	if s.guess != nil {
		return s.shown(s.guess)
	}
	return s.candidates()
}

// shown is the hits without those hidden.
func (s *segment) shown(hits *roaring.Bitmap) *roaring.Bitmap {
	if s.hidden == nil || s.hidden.IsEmpty() {
		return hits
	}
	return roaring.AndNot(hits, s.hidden)
}

// each32 calls fn with the documents, many at a time.
func each32(docs *roaring.Bitmap, fn func(docs []uint32)) {
	var buf [1024]uint32
	for it := docs.ManyIterator(); ; {
		n := it.NextMany(buf[:])
		if n == 0 {
			return
		}
		fn(buf[:n])
	}
}
