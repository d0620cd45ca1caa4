package query

import (
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Limits on one query.
const (
	MaxBytes  = 8 << 10 // of text
	MaxLeaves = 200     // words, phrases and fields
	MaxDepth  = 50      // parentheses and NOTs within each other
	MaxTerms  = 200     // terms of one phrase
	MaxNear   = 1000    // words apart
)

// Parse makes a query of q. now is what last: counts back from. The error is a
// *pipeline.QueryError.
func Parse(q string, now time.Time) (*Query, error) {
	p := &parser{lexer: lexer{q: q}, now: now.UTC()}
	if len(q) > MaxBytes {
		return nil, p.errorf(MaxBytes, "the query is %d bytes long; at most %d are allowed", len(q), MaxBytes)
	}
	if i := invalidUTF8(q); i >= 0 {
		return nil, p.errorf(i, "found a byte that is not UTF-8 text")
	}
	root, err := p.query()
	if err != nil {
		return nil, err
	}
	return &Query{Text: q, Root: root, Now: p.now}, nil
}

func invalidUTF8(q string) int {
	for i := 0; i < len(q); {
		r, n := utf8.DecodeRuneInString(q[i:])
		if r == utf8.RuneError && n == 1 {
			return i
		}
		i += n
	}
	return -1
}

// A parser is a recursive descent over the tokens, one ahead.
type parser struct {
	lexer
	now    time.Time
	tok    token
	field  string // whose group we are in; empty: none
	depth  int
	leaves int
}

func (p *parser) advance() (err error) {
	p.tok, err = p.next(p.field)
	return err
}

func (p *parser) query() (Node, error) {
	if err := p.advance(); err != nil {
		return nil, err
	}
	if p.tok.kind == tokEnd {
		return nil, p.errorf(0, "found nothing to search for; expected a word, a phrase in quotes or a field such as entity:huawei (* is every article)")
	}
	n, err := p.or()
	if err != nil {
		return nil, err
	}
	if p.tok.kind != tokEnd { // or() stops at nothing else
		return nil, p.errorf(p.tok.pos, "this ) closes nothing; expected a ( before it")
	}
	return n, nil
}

func (p *parser) or() (Node, error) {
	first, err := p.and()
	if err != nil || p.tok.kind != tokOr {
		return first, err
	}
	nodes := alternatives(nil, first)
	for p.tok.kind == tokOr {
		op := p.tok
		if err := p.operand(op); err != nil {
			return nil, err
		}
		n, err := p.and()
		if err != nil {
			return nil, err
		}
		nodes = alternatives(nodes, n)
	}
	return &Or{p.around(nodes), nodes}, nil
}

func (p *parser) and() (Node, error) {
	var nodes []Node
	for {
		n, err := p.not()
		if err != nil {
			return nil, err
		}
		if a, ok := n.(*And); ok {
			nodes = append(nodes, a.Nodes...)
		} else {
			nodes = append(nodes, n)
		}
		switch p.tok.kind {
		case tokEnd, tokClose, tokOr:
			if len(nodes) == 1 {
				return nodes[0], nil
			}
			return &And{p.around(nodes), nodes}, nil
		case tokAnd:
			if err := p.operand(p.tok); err != nil {
				return nil, err
			}
		}
	}
}

func alternatives(nodes []Node, n Node) []Node {
	if o, ok := n.(*Or); ok {
		return append(nodes, o.Nodes...)
	}
	return append(nodes, n)
}

// around is the piece from the first node to the last.
func (p *parser) around(nodes []Node) Piece {
	return p.piece(nodes[0].At().Pos, nodes[len(nodes)-1].At().End)
}

func (p *parser) piece(pos, end int) Piece {
	return Piece{Pos: pos, End: end, Raw: p.q[pos:end]}
}

// operand goes past the operator op, which must have something after it.
func (p *parser) operand(op token) error {
	if err := p.advance(); err != nil {
		return err
	}
	switch p.tok.kind {
	case tokEnd, tokClose, tokAnd, tokOr, tokNear:
		return p.errorf(p.tok.pos, "found %s after %s; expected a word, a phrase or a group there", p.found(), op.text)
	}
	return nil
}

func (p *parser) not() (Node, error) {
	if p.tok.kind != tokMinus && p.tok.kind != tokNot {
		return p.near()
	}
	op := p.tok
	if err := p.enter(op.pos); err != nil {
		return nil, err
	}
	defer p.leave()
	if err := p.operand(op); err != nil {
		return nil, err
	}
	n, err := p.not()
	if err != nil {
		return nil, err
	}
	return &Not{p.piece(op.pos, n.At().End), n}, nil
}

func (p *parser) enter(pos int) error {
	if p.depth++; p.depth > MaxDepth {
		return p.errorf(pos, "groups and NOTs stand more than %d deep within each other", MaxDepth)
	}
	return nil
}

func (p *parser) leave() { p.depth-- }

func (p *parser) near() (Node, error) {
	left, err := p.primary()
	if err != nil || p.tok.kind != tokNear {
		return left, err
	}
	op := p.tok
	if err := p.operand(op); err != nil {
		return nil, err
	}
	right, err := p.primary()
	if err != nil {
		return nil, err
	}
	if p.tok.kind == tokNear {
		return nil, p.errorf(p.tok.pos, "found a second NEAR; expected two sides only: for more words write \"a b c\"~%d", op.n)
	}
	left, right = withoutGuess(left), withoutGuess(right)
	parts := []Node{left, right}
	field, ok := partField(left)
	if !ok {
		return nil, p.errorf(left.At().Pos, "%s can't stand beside NEAR; expected a word, a phrase or a group of them with OR", left.At().Raw)
	}
	if f, ok := partField(right); !ok {
		return nil, p.errorf(right.At().Pos, "%s can't stand beside NEAR; expected a word, a phrase or a group of them with OR", right.At().Raw)
	} else if f != field {
		return nil, p.errorf(right.At().Pos, "the two sides of NEAR are in different fields; expected one field for both: title:(a NEAR/5 b)")
	}
	return &Near{Piece: p.around(parts), Field: field, Parts: parts, N: op.n}, nil
}

// withoutGuess is a part of a Near without the forms that were not asked for (see
// joinedLeaf): only articles tell where those stand.
func withoutGuess(n Node) Node {
	or, ok := n.(*Or)
	if !ok {
		return n
	}
	kept := slices.DeleteFunc(slices.Clone(or.Nodes), func(m Node) bool {
		e, ok := m.(*Exact)
		return ok && !strings.Contains(e.Raw, "=")
	})
	if len(kept) == 1 {
		return kept[0]
	}
	return &Or{or.Piece, kept}
}

// partField is the field of a part of a Near; not ok: it can't be one.
func partField(n Node) (field string, ok bool) {
	switch n := n.(type) {
	case *Term:
		return n.Field, true
	case *Phrase:
		return n.Field, true
	case *Prefix:
		return n.Field, true
	case *Exact:
		return n.Field, true
	case *Or:
		for i, m := range n.Nodes {
			f, ok := partField(m)
			if !ok || i > 0 && f != field {
				return "", false
			}
			field = f
		}
		return field, true
	default:
		return "", false
	}
}

func (p *parser) primary() (Node, error) {
	switch t := p.tok; t.kind {
	case tokOpen:
		return p.group(p.field)
	case tokField:
		return p.inField(t)
	case tokWord, tokQuote, tokAll:
		n, err := p.leaf(p.field, t, t.pos)
		if err != nil {
			return nil, err
		}
		return n, p.advance()
	default: // an operator at the beginning, or behind another
		return nil, p.errorf(t.pos, "found %s; expected a word, a phrase or a group there", p.found())
	}
}

// group is what stands in parentheses; outside is the field that holds after them.
func (p *parser) group(outside string) (Node, error) {
	open := p.tok
	if err := p.enter(open.pos); err != nil {
		return nil, err
	}
	defer p.leave()
	if err := p.advance(); err != nil {
		return nil, err
	}
	switch p.tok.kind {
	case tokClose:
		return nil, p.errorf(open.pos, "found an empty group; expected something between ( and )")
	case tokEnd:
		return nil, p.errorf(open.pos, "this ( is never closed; expected a )")
	}
	n, err := p.or()
	if err != nil {
		return nil, err
	}
	if p.tok.kind != tokClose {
		return nil, p.errorf(open.pos, "this ( is never closed; expected a )")
	}
	p.field = outside // before the token behind the group is read
	return n, p.advance()
}

// inField is what stands after a field's colon: a value or, but for times and
// the like, a group of values.
func (p *parser) inField(field token) (Node, error) {
	r, n := p.rune()
	switch {
	case n == 0 || strings.ContainsRune(" \t\r\n)）", r):
		return nil, p.errorf(field.end, "found nothing after %s:; expected %s right behind the colon", field.text, wants(field.text))
	case r == '-':
		return nil, p.errorf(field.end, "found - after %s:; expected it before the field: -%s:", field.text, field.text)
	case takesOne(field.text):
		return p.oneValue(field)
	}
	p.field = field.text
	defer func() { p.field = "" }()
	if err := p.advance(); err != nil {
		return nil, err
	}
	switch t := p.tok; t.kind {
	case tokOpen:
		return p.group("")
	case tokWord, tokQuote, tokAll:
		n, err := p.leaf(field.text, t, field.pos)
		if err != nil {
			return nil, err
		}
		// What follows the value is outside the field again.
		p.field = ""
		return n, p.advance()
	default:
		return nil, p.errorf(t.pos, "found %s after %s:; expected %s", p.found(), field.text, wants(field.text))
	}
}

// oneValue is the value of a field that takes a bare one only.
func (p *parser) oneValue(field token) (Node, error) {
	n := chunk(p.q[p.pos:])
	v := p.take(tokWord, n)
	if n == 0 {
		return nil, p.errorf(v.pos, "found no bare value after %s:; expected %s", field.text, wants(field.text))
	}
	node, err := p.condition(field, v)
	if err != nil {
		return nil, err
	}
	if err := p.count(field.pos); err != nil {
		return nil, err
	}
	return node, p.advance()
}

// count counts a leaf.
func (p *parser) count(pos int) error {
	if p.leaves++; p.leaves > MaxLeaves {
		return p.errorf(pos, "the query has more than %d words, phrases and fields", MaxLeaves)
	}
	return nil
}

// found names the present token for an error.
func (p *parser) found() string {
	switch p.tok.kind {
	case tokEnd:
		return "the end of the query"
	default:
		return shownOperator(p.tok.text)
	}
}

func shownOperator(text string) string {
	if strings.ContainsAny(text, "()-") {
		return `"` + text + `"`
	}
	return text
}
