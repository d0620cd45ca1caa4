package index

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/newswatch/newswatch/index/query"
	"github.com/newswatch/newswatch/pipeline"
)

// maxForms is how many forms a prefix may have in one segment of a partition.
const maxForms = 2000

// errTooMany says that a prefix has more forms than maxForms.
type errTooMany struct{ node *query.Prefix }

func (e *errTooMany) Error() string {
	return fmt.Sprintf("more than %d words begin with %s", maxForms, e.node.Text)
}

// searchError is err as the asker sees it: what is wrong with the query apart
// from what is wrong with the index.
func searchError(err error, text string) error {
	if many, ok := errors.AsType[*errTooMany](err); ok {
		return &pipeline.QueryError{Query: text, Pos: many.node.Pos, Msg: many.Error() + "; expected more letters before *"}
	}
	return err
}

// bounds are the documents a node matches at least and at most: two pointers
// to one set where postings tell exactly. Neither is to be changed.
type bounds struct{ least, most *roaring.Bitmap }

func exactly(b *roaring.Bitmap) bounds { return bounds{b, b} }

func (b bounds) exact() bool { return b.least == b.most }

// evaluate sets the segment's hits by what needs no positions.
func (s *segment) evaluate(ctx context.Context, root query.Node, placed bool) error {
	b, err := s.eval(ctx, root, s.live)
	if err != nil {
		return err
	}
	s.sure = roaring.And(b.least, s.live)
	if b.exact() {
		return nil
	}
	rest := roaring.And(b.most, s.live)
	rest.AndNot(s.sure)
	if placed {
		s.unplaced = rest
	} else {
		s.unread = rest
	}
	return nil
}

// place looks at the positions of documents, which are some of the unplaced.
func (s *segment) place(ctx context.Context, root query.Node, docs *roaring.Bitmap) error {
	s.places = true
	b, err := s.eval(ctx, root, docs)
	s.places = false
	if err != nil {
		return err
	}
	least := roaring.And(b.least, docs)
	s.unplaced = roaring.AndNot(s.unplaced, docs)
	s.sure = roaring.Or(s.sure, least)
	if !b.exact() {
		rest := roaring.And(b.most, docs)
		rest.AndNot(least)
		s.unread = roaring.Or(s.unread, rest)
	}
	return nil
}

// needsPlaces says whether positions tell more of a query than sets of
// documents do.
func needsPlaces(root query.Node) (yes bool) {
	query.Walk(root, func(n query.Node) bool {
		switch n := n.(type) {
		case *query.Phrase:
			yes = yes || words(n.Terms) > 1
		case *query.Exact:
			yes = yes || words(n.Terms) > 1
		case *query.Near:
			yes = true
		}
		return !yes
	})
	return yes
}

// words is how many of the terms have positions: single Han characters have
// none.
func words(terms []string) (n int) {
	for _, t := range terms {
		if !isChar(t) {
			n++
		}
	}
	return n
}

// eval is the bounds of the node among the documents of within. Outside of it
// they mean nothing.
func (s *segment) eval(ctx context.Context, n query.Node, within *roaring.Bitmap) (bounds, error) {
	if err := ctx.Err(); err != nil {
		return bounds{}, err
	}
	switch n := n.(type) {
	case *query.And:
		return s.evalAnd(ctx, n.Nodes, within)
	case *query.Or:
		return s.evalOr(ctx, n.Nodes, within)
	case *query.Not:
		b, err := s.eval(ctx, n.Node, within)
		if err != nil {
			return b, err
		}
		least := roaring.AndNot(within, b.most)
		if b.exact() {
			return exactly(least), nil
		}
		return bounds{least, roaring.AndNot(within, b.least)}, nil
	case *query.Keyword:
		return s.keyword(n.Field, n.Value)
	case *query.Has:
		return s.keyword(fieldHas, n.What)
	case *query.Is:
		return s.keyword(fieldIs, n.What)
	case *query.Time:
		return s.evalTime(n)
	case *query.All:
		return exactly(within), nil
	case *query.Term, *query.Phrase, *query.Prefix, *query.Exact, *query.Near:
		return s.evalText(ctx, n, within)
	default:
		return bounds{}, fmt.Errorf("index: unknown node %T", n)
	}
}

// evalAnd narrows within from node to node, the cheap ones first: what is left
// is all that phrases are looked for in.
func (s *segment) evalAnd(ctx context.Context, nodes []query.Node, within *roaring.Bitmap) (bounds, error) {
	nodes = slices.Clone(nodes)
	slices.SortStableFunc(nodes, func(a, b query.Node) int { return cmp.Compare(cost(a), cost(b)) })
	b := exactly(within)
	for _, n := range nodes {
		m, err := s.eval(ctx, n, b.most)
		if err != nil {
			return b, err
		}
		if b.exact() && m.exact() {
			b = exactly(roaring.And(b.most, m.most))
		} else {
			b = bounds{roaring.And(b.least, m.least), roaring.And(b.most, m.most)}
		}
		if b.most.IsEmpty() {
			return exactly(empty), nil
		}
	}
	return b, nil
}

func (s *segment) evalOr(ctx context.Context, nodes []query.Node, within *roaring.Bitmap) (bounds, error) {
	least, most := make([]*roaring.Bitmap, len(nodes)), make([]*roaring.Bitmap, len(nodes))
	exact := true
	for i, n := range nodes {
		b, err := s.eval(ctx, n, within)
		if err != nil {
			return b, err
		}
		least[i], most[i] = b.least, b.most
		exact = exact && b.exact()
	}
	if exact {
		return exactly(union(least)), nil
	}
	return bounds{union(least), union(most)}, nil
}

// union is a set of its own.
func union(sets []*roaring.Bitmap) *roaring.Bitmap {
	switch len(sets) {
	case 0:
		return empty
	case 1:
		return sets[0]
	case 2:
		return roaring.Or(sets[0], sets[1])
	}
	return roaring.FastOr(sets...)
}

// cost ranks nodes by what they cost for each document.
func cost(n query.Node) int {
	most := 0
	query.Walk(n, func(n query.Node) bool {
		switch n.(type) {
		case *query.Phrase, *query.Exact:
			most = max(most, 1)
		case *query.Near:
			most = max(most, 2)
		}
		return true
	})
	return most
}

func (s *segment) keyword(field, value string) (bounds, error) {
	b, err := s.docs(field, value)
	return exactly(b), err
}

// evalTime: times are kept in seconds, so that of the seconds that a bound is
// within only the article tells.
func (s *segment) evalTime(n *query.Time) (bounds, error) {
	most, err := s.published(n.After, n.Before)
	if err != nil || isSecond(n.After) && isSecond(n.Before) {
		return exactly(most), err
	}
	after := n.After
	if !isSecond(after) {
		after = after.Truncate(time.Second).Add(time.Second)
	}
	least, err := s.published(after, n.Before.Truncate(time.Second))
	return bounds{least, most}, err
}

// published is the documents of after ≤ published < before; a bound within a
// second takes in all of that second.
func (s *segment) published(after, before time.Time) (*roaring.Bitmap, error) {
	type key struct{ after, before time.Time }
	if b, ok := s.found[key{after, before}]; ok {
		return b, nil
	}
	var sets []*roaring.Bitmap
	for _, r := range publishedRanges(after, before) {
		err := s.terms(fieldPublished, r.from, r.to+"\x00", func(_ string, docs *roaring.Bitmap) error {
			sets = append(sets, docs)
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	b := union(sets)
	s.found[key{after, before}] = b
	return b, nil
}

// evalText looks for a leaf in its field, or, where that is FieldAny, in title
// and body.
func (s *segment) evalText(ctx context.Context, n query.Node, within *roaring.Bitmap) (bounds, error) {
	fields := []string{query.FieldTitle, query.FieldBody}
	if f := fieldOf(n); f != query.FieldAny {
		fields = []string{f}
	}
	var least, most []*roaring.Bitmap
	exact := true
	for _, f := range fields {
		b, err := s.inField(ctx, n, f, within)
		if err != nil {
			return b, err
		}
		exact = exact && b.exact()
		least, most = append(least, b.least), append(most, b.most)
	}
	if exact {
		return exactly(union(most)), nil
	}
	return bounds{union(least), union(most)}, nil
}

func fieldOf(n query.Node) string {
	switch n := n.(type) {
	case *query.Term:
		return n.Field
	case *query.Phrase:
		return n.Field
	case *query.Prefix:
		return n.Field
	case *query.Exact:
		return n.Field
	case *query.Near:
		return n.Field
	}
	return query.FieldAny
}

// inField is the bounds of a leaf, or of a part of a Near, in one field.
func (s *segment) inField(ctx context.Context, n query.Node, field string, within *roaring.Bitmap) (bounds, error) {
	switch n := n.(type) {
	case *query.Term:
		b, err := s.word(field, n.Term)
		return exactly(b), err
	case *query.Prefix:
		b, err := s.prefix(field, n)
		return exactly(b), err
	case *query.Phrase:
		return s.phrase(ctx, field, n.Terms, within)
	case *query.Exact:
		return s.exact(ctx, n, field, within)
	case *query.Near:
		return s.near(ctx, n, field, within)
	case *query.Or: // a part of a Near
		var sets []*roaring.Bitmap
		for _, m := range n.Nodes {
			b, err := s.inField(ctx, m, field, within)
			if err != nil {
				return b, err
			}
			sets = append(sets, b.most)
		}
		return bounds{empty, union(sets)}, nil
	}
	return bounds{}, fmt.Errorf("index: unknown part %T", n)
}

// exact finds an exact form: a word by its form, of more words those that have
// them all in a row.
func (s *segment) exact(ctx context.Context, n *query.Exact, field string, within *roaring.Bitmap) (bounds, error) {
	alone := false
	if s.v.mapping >= mappingForms {
		var forms []string
		forms, alone = exactForms(n.Text)
		for _, f := range forms {
			b, err := s.docs(field+formSuffix, f)
			if err != nil {
				return bounds{}, err
			}
			within = roaring.And(within, b)
		}
	}
	b, err := s.phrase(ctx, field, n.Terms, within)
	if alone {
		return b, err
	}
	return bounds{empty, b.most}, err
}

// word is the documents with a term of a text.
func (s *segment) word(field, t string) (*roaring.Bitmap, error) {
	if isChar(t) {
		field += charSuffix
	}
	return s.docs(field, t)
}

func (s *segment) prefix(field string, n *query.Prefix) (*roaring.Bitmap, error) {
	type key struct {
		node  *query.Prefix
		field string
	}
	if b, ok := s.found[key{n, field}]; ok {
		return b, nil
	}
	var sets []*roaring.Bitmap
	forms, last := 0, ""
	err := s.terms(field+formSuffix, n.Prefix, endOf(n.Prefix), func(marked string, docs *roaring.Bitmap) error {
		if form := plainForm(marked); form != last {
			if forms++; forms > maxForms {
				return &errTooMany{n}
			}
			last = form
		}
		sets = append(sets, docs)
		return nil
	})
	if err != nil {
		return nil, err
	}
	b := union(sets)
	s.found[key{n, field}] = b
	return b, nil
}

// endOf is what comes behind all that begins with the prefix. It is valid
// UTF-8, in which 0xFF does not occur.
func endOf(prefix string) string { return prefix + "\xff" }
