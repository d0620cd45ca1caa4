package index

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/blevesearch/bleve/v2/mapping"
	"github.com/blevesearch/bleve/v2/search"
	"github.com/blevesearch/bleve/v2/search/searcher"
	bleveindex "github.com/blevesearch/bleve_index_api"

	"github.com/newswatch/newswatch/index/query"
	"github.com/newswatch/newswatch/pipeline"
)

// A build makes Bleve's searcher for one partition. It is a Bleve query.
//
// Bleve's own queries are not used: its BooleanQuery takes a required part that
// finds nothing for one that is not there, and then finds everything that is
// not excluded.
type build func(ctx context.Context, r bleveindex.IndexReader, o search.SearcherOptions) (search.Searcher, error)

// Searcher makes build a Bleve query.
func (b build) Searcher(ctx context.Context, r bleveindex.IndexReader, _ mapping.IndexMapping, o search.SearcherOptions) (search.Searcher, error) {
	return b(ctx, r, o)
}

const (
	titleBoost = 2.0  // what a word in the title weighs more
	maxForms   = 2000 // forms a prefix may have in one partition
	// maxSearchers bounds what one query may open in one partition: words,
	// forms of prefixes, pieces of time ranges.
	maxSearchers = 20000
)

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

// compile makes a query of the tree. The answer is exact where all of it can
// be told from postings. Else the query finds too much: the candidates, which
// are then verified (see Config.Verify).
func compile(n query.Node) (b build, exact bool) { return bound(n, true) }

// bound is a query that finds all that n matches and perhaps more (upper), or
// only what n matches and perhaps less (lower); exact says that it is neither.
// What is below a NOT is bounded the other way round.
func bound(n query.Node, upper bool) (b build, exact bool) {
	switch n := n.(type) {
	case *query.And:
		return and(n.Nodes, upper)
	case *query.Or:
		var bs []build
		exact = true
		for _, m := range n.Nodes {
			b, e := bound(m, upper)
			bs, exact = append(bs, b), exact && e
		}
		return anyOf(bs...), exact
	case *query.Not:
		return and([]query.Node{n}, upper)
	case *query.Term:
		return inFields(n.Field, func(f string) build { return word(f, n.Term) }), true
	case *query.Phrase:
		// Single characters have no positions.
		if exact = !slices.ContainsFunc(n.Terms, isChar); !exact && !upper {
			return nothing, false
		}
		return inFields(n.Field, func(f string) build { return phrase(f, n.Terms) }), exact
	case *query.Prefix:
		return inFields(n.Field, func(f string) build { return prefix(f, n) }), true
	case *query.Keyword:
		return term(n.Field, n.Value), true
	case *query.Time:
		// Times are kept in seconds.
		if exact = isSecond(n.After) && isSecond(n.Before); !exact && !upper {
			return nothing, false
		}
		return published(n.After, n.Before), exact
	case *query.Has:
		return term(fieldHas, n.What), true
	case *query.Is:
		return term(fieldIs, n.What), true
	case *query.All:
		return everything, true
	case *query.Exact:
		// Postings don't know case.
		if !upper {
			return nothing, false
		}
		return inFields(n.Field, func(f string) build { return phrase(f, n.Terms) }), false
	case *query.Near:
		if !upper {
			return nothing, false
		}
		return inFields(n.Field, func(f string) build { return allParts(n.Parts, f) }), false
	default:
		return failing(fmt.Errorf("index: unknown node %T", n)), true
	}
}

func and(nodes []query.Node, upper bool) (b build, exact bool) {
	var must, not []build
	exact = true
	for _, m := range nodes {
		if n, ok := m.(*query.Not); ok {
			b, e := bound(n.Node, !upper)
			not, exact = append(not, b), exact && e
			continue
		}
		b, e := bound(m, upper)
		must, exact = append(must, b), exact && e
	}
	b = everything
	if len(must) > 0 {
		b = allOf(must...)
	}
	if len(not) > 0 {
		b = without(b, anyOf(not...))
	}
	return b, exact
}

// allParts finds the articles that have all parts of a Near in one field.
func allParts(parts []query.Node, field string) build {
	var bs []build
	for _, p := range parts {
		b, _ := bound(inField(p, field), true)
		bs = append(bs, b)
	}
	return allOf(bs...)
}

// inField is the part of a Near looked for in one field.
func inField(n query.Node, field string) query.Node {
	switch n := n.(type) {
	case *query.Term:
		return &query.Term{Piece: n.Piece, Field: field, Term: n.Term, Text: n.Text}
	case *query.Phrase:
		return &query.Phrase{Piece: n.Piece, Field: field, Terms: n.Terms, Text: n.Text}
	case *query.Prefix:
		return &query.Prefix{Piece: n.Piece, Field: field, Prefix: n.Prefix, Text: n.Text}
	case *query.Exact:
		return &query.Exact{Piece: n.Piece, Field: field, Text: n.Text, Terms: n.Terms}
	case *query.Or:
		or := &query.Or{Piece: n.Piece}
		for _, m := range n.Nodes {
			or.Nodes = append(or.Nodes, inField(m, field))
		}
		return or
	default:
		return n
	}
}

// inFields looks in the field, or, where it is FieldAny, in title or body.
func inFields(field string, b func(field string) build) build {
	if field != query.FieldAny {
		return b(field)
	}
	return anyOf(b(query.FieldTitle), b(query.FieldBody))
}

func boost(field string) float64 {
	if strings.HasPrefix(field, query.FieldTitle) {
		return titleBoost
	}
	return 1
}

func everything(ctx context.Context, r bleveindex.IndexReader, o search.SearcherOptions) (search.Searcher, error) {
	return searcher.NewMatchAllSearcher(ctx, r, 1, o)
}

func nothing(_ context.Context, r bleveindex.IndexReader, _ search.SearcherOptions) (search.Searcher, error) {
	return searcher.NewMatchNoneSearcher(r)
}

func failing(err error) build {
	return func(context.Context, bleveindex.IndexReader, search.SearcherOptions) (search.Searcher, error) {
		return nil, err
	}
}

func term(field, value string) build {
	return func(ctx context.Context, r bleveindex.IndexReader, o search.SearcherOptions) (search.Searcher, error) {
		return searcher.NewTermSearcher(ctx, r, value, field, boost(field), o)
	}
}

// word finds a term of a text.
func word(field, t string) build {
	if isChar(t) {
		field += charSuffix
	}
	return term(field, t)
}

// phrase finds the terms in a row. A single character may be anywhere in the
// field, and its place in the row is left open.
func phrase(field string, terms []string) build {
	row := slices.Clone(terms)
	var must []build
	for i, t := range row {
		if isChar(t) {
			must = append(must, word(field, t))
			row[i] = ""
		}
	}
	row = trim(row)
	switch len(row) {
	case 0:
	case 1:
		must = append(must, word(field, row[0]))
	default:
		must = append(must, func(ctx context.Context, r bleveindex.IndexReader, o search.SearcherOptions) (search.Searcher, error) {
			return searcher.NewPhraseSearcher(ctx, r, row, 0, false, field, boost(field), o)
		})
	}
	return allOf(must...)
}

// trim is the row without open places at its ends.
func trim(row []string) []string {
	for len(row) > 0 && row[0] == "" {
		row = row[1:]
	}
	for len(row) > 0 && row[len(row)-1] == "" {
		row = row[:len(row)-1]
	}
	return row
}

func prefix(field string, n *query.Prefix) build {
	return func(ctx context.Context, r bleveindex.IndexReader, o search.SearcherOptions) (search.Searcher, error) {
		dict, err := r.FieldDictPrefix(field+formSuffix, []byte(n.Prefix))
		if err != nil {
			return nil, err
		}
		var forms []string
		for {
			e, err := dict.Next()
			if err != nil {
				return nil, errors.Join(err, dict.Close())
			}
			if e == nil {
				break
			}
			if len(forms) == maxForms {
				return nil, errors.Join(&errTooMany{n}, dict.Close())
			}
			forms = append(forms, e.Term)
		}
		if err := dict.Close(); err != nil {
			return nil, err
		}
		if len(forms) == 0 {
			return searcher.NewMatchNoneSearcher(r)
		}
		return searcher.NewMultiTermSearcher(ctx, r, forms, field+formSuffix, boost(field), o, false)
	}
}

// onDays finds the documents of the days.
func onDays(days []string) build {
	return func(ctx context.Context, r bleveindex.IndexReader, o search.SearcherOptions) (search.Searcher, error) {
		return searcher.NewMultiTermSearcher(ctx, r, days, fieldDay, 1, o, false)
	}
}

func allOf(bs ...build) build {
	if len(bs) == 1 {
		return bs[0]
	}
	return func(ctx context.Context, r bleveindex.IndexReader, o search.SearcherOptions) (search.Searcher, error) {
		ss, err := searchers(ctx, r, o, bs)
		if err != nil {
			return nil, err
		}
		if i := slices.IndexFunc(ss, isNone); i >= 0 {
			return ss[i], closeAll(slices.Delete(slices.Clone(ss), i, i+1))
		}
		c, err := searcher.NewConjunctionSearcher(ctx, r, ss, o)
		if err != nil {
			return nil, errors.Join(err, closeAll(ss))
		}
		return c, nil
	}
}

func anyOf(bs ...build) build {
	if len(bs) == 1 {
		return bs[0]
	}
	return func(ctx context.Context, r bleveindex.IndexReader, o search.SearcherOptions) (search.Searcher, error) {
		ss, err := searchers(ctx, r, o, bs)
		if err != nil {
			return nil, err
		}
		d, err := searcher.NewDisjunctionSearcher(ctx, r, ss, 1, o)
		if err != nil {
			return nil, errors.Join(err, closeAll(ss))
		}
		return d, nil
	}
}

// without finds what must finds and not does not.
func without(must, not build) build {
	return func(ctx context.Context, r bleveindex.IndexReader, o search.SearcherOptions) (search.Searcher, error) {
		ss, err := searchers(ctx, r, o, []build{must, not})
		if err != nil {
			return nil, err
		}
		if isNone(ss[0]) || isNone(ss[1]) {
			return ss[0], ss[1].Close()
		}
		b, err := searcher.NewBooleanSearcher(ctx, r, ss[0], nil, ss[1], o)
		if err != nil {
			return nil, errors.Join(err, closeAll(ss))
		}
		return b, nil
	}
}

func isNone(s search.Searcher) bool {
	_, ok := s.(*searcher.MatchNoneSearcher)
	return ok
}

func searchers(ctx context.Context, r bleveindex.IndexReader, o search.SearcherOptions, bs []build) ([]search.Searcher, error) {
	ss := make([]search.Searcher, 0, len(bs))
	for _, b := range bs {
		s, err := b(ctx, r, o)
		if err != nil {
			return nil, errors.Join(err, closeAll(ss))
		}
		ss = append(ss, s)
	}
	return ss, nil
}

func closeAll(ss []search.Searcher) error {
	var errs []error
	for _, s := range ss {
		errs = append(errs, s.Close())
	}
	return errors.Join(errs...)
}
