package query

import (
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// How tightly an operator binds, for the parentheses of the canonical form.
const (
	looseOr = iota
	looseAnd
	tightNot
	tightNear
)

// String is the canonical form of the query: [Parse] makes the same tree of it,
// the places in the text apart. last: stays as it is.
func (q *Query) String() string { return string(format(nil, q.Root, looseOr, true)) }

// format appends n as it may stand under an operator that binds as tight says.
// named says whether a word's field is to be written before it.
func format(b []byte, n Node, tight int, named bool) []byte {
	switch n := n.(type) {
	case *Or:
		return group(b, tight > looseOr, func(b []byte) []byte { return join(b, n.Nodes, " OR ", looseAnd, named) })
	case *And:
		return group(b, tight > looseAnd, func(b []byte) []byte { return join(b, n.Nodes, " AND ", tightNot, named) })
	case *Not:
		return group(b, tight > tightNot, func(b []byte) []byte { return format(append(b, '-'), n.Node, tightNot, named) })
	case *Near:
		return formatNear(b, n, tight)
	default:
		return formatLeaf(b, n, named)
	}
}

func group(b []byte, parens bool, inner func([]byte) []byte) []byte {
	if !parens {
		return inner(b)
	}
	return append(inner(append(b, '(')), ')')
}

func join(b []byte, nodes []Node, sep string, tight int, named bool) []byte {
	for i, n := range nodes {
		if i > 0 {
			b = append(b, sep...)
		}
		b = format(b, n, tight, named)
	}
	return b
}

// formatNear writes two parts with NEAR between them, more as one phrase with
// slop, which is the only way they can have come about.
func formatNear(b []byte, n *Near, tight int) []byte {
	if n.Field != FieldAny {
		b = append(append(b, n.Field...), ':')
	}
	if len(n.Parts) > 2 {
		words := make([]string, len(n.Parts))
		for i, p := range n.Parts {
			words[i] = partText(p)
		}
		b = append(quoted(b, strings.Join(words, " ")), '~')
		return strconv.AppendInt(b, int64(n.N), 10)
	}
	return group(b, tight > tightNot || n.Field != FieldAny, func(b []byte) []byte {
		return join(b, n.Parts, " NEAR/"+strconv.Itoa(n.N)+" ", tightNear, false)
	})
}

func partText(n Node) string {
	switch n := n.(type) {
	case *Term:
		return n.Text
	case *Phrase:
		return n.Text
	default:
		return n.At().Raw
	}
}

func formatLeaf(b []byte, n Node, named bool) []byte {
	in := func(field string) []byte {
		if !named || field == FieldAny {
			return b
		}
		return append(append(b, field...), ':')
	}
	switch n := n.(type) {
	case *Term:
		return word(in(n.Field), n.Text)
	case *Phrase:
		return quoted(in(n.Field), n.Text)
	case *Prefix:
		return append(append(in(n.Field), n.Text...), '*')
	case *Exact:
		return quoted(append(in(n.Field), '='), n.Text)
	case *Keyword:
		return word(append(append(b, n.Field...), ':'), n.Text)
	case *Time:
		switch {
		case n.Last != "":
			return append(append(b, "last:"...), n.Last...)
		case n.After.IsZero():
			return n.Before.AppendFormat(append(b, "before:"...), time.RFC3339Nano)
		default:
			return n.After.AppendFormat(append(b, "after:"...), time.RFC3339Nano)
		}
	case *Has:
		return append(append(b, "has:"...), n.What...)
	case *Is:
		return append(append(b, "is:"...), n.What...)
	default: // *All
		return append(b, '*')
	}
}

// word appends s bare where it is a plain word and no operator, else quoted.
func word(b []byte, s string) []byte {
	switch s {
	case "AND", "OR", "NOT", "NEAR":
		return quoted(b, s)
	}
	for _, r := range s {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			return quoted(b, s)
		}
	}
	return append(b, s...)
}

func quoted(b []byte, s string) []byte {
	b = append(b, '"')
	for _, r := range s {
		if r == '\\' || strings.ContainsRune(closers('"'), r) {
			b = append(b, '\\')
		}
		b = utf8.AppendRune(b, r)
	}
	return append(b, '"')
}
