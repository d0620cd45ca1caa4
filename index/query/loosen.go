package query

import (
	"slices"

	"github.com/newswatch/newswatch/extractors/textnorm"
)

// Loosen is the query for the articles that have any of its words, to be sorted
// by relevance, for when none has all of them: (a OR b) lang:ru for a b lang:ru.
// Fields, times and what is ruled out stay as they are, and phrases in quotes
// whole; a bare run of Han characters, which can't be told to be one word, is
// loosened to its bigrams. It is not ok where there is nothing to loosen.
func (q *Query) Loosen() (text string, ok bool) {
	nodes := []Node{q.Root}
	if and, is := q.Root.(*And); is {
		nodes = and.Nodes
	}
	var words, rest []Node
	for _, n := range nodes {
		switch n := n.(type) {
		case *Term, *Prefix, *Exact, *Near, *Or:
			words = alternatives(words, n)
		case *Phrase:
			words = append(words, pieces(n)...)
		default:
			rest = append(rest, n)
		}
	}
	if len(words) < 2 || len(words)+len(rest) > MaxLeaves {
		return "", false
	}
	all := append([]Node{&Or{Nodes: words}}, rest...)
	loose := &Query{Root: all[0]}
	if len(all) > 1 {
		loose.Root = &And{Nodes: all}
	}
	text = loose.String()
	if text == q.String() {
		return "", false
	}
	return text, true
}

// pieces is the bigrams of a bare run of Han characters, else the phrase itself.
func pieces(n *Phrase) []Node {
	bare := n.Raw
	if n.Field != FieldAny {
		bare = bare[min(len(bare), len(n.Field)+1):]
	}
	if r := []rune(bare); len(r) == 0 || closers(r[0]) != "" || slices.ContainsFunc(n.Terms, func(t string) bool { return spaced(t) || !textnorm.IsBigram(t) }) {
		return []Node{n}
	}
	var out []Node
	for _, t := range n.Terms {
		out = append(out, &Term{Piece: n.Piece, Field: n.Field, Term: t, Text: t})
	}
	return out
}
