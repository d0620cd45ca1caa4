package query

import "time"

// The fields that words are looked for in. [FieldAny] is both.
const (
	FieldAny   = ""
	FieldTitle = "title"
	FieldBody  = "body"
)

// The fields of keywords.
const (
	FieldEntity  = "entity"
	FieldAbout   = "about" // an entity of [pipeline.AboutSalience] or more
	FieldSource  = "source"
	FieldSite    = "site"
	FieldLang    = "lang"
	FieldCountry = "country"
	FieldTag     = "tag"
	FieldKind    = "kind"
	FieldStory   = "story"
	FieldKey     = "key"
	FieldAuthor  = "author"
)

// A Query is a parsed query. It is never changed and may be shared.
type Query struct {
	Text string    // as it was given
	Root Node      // never nil
	Now  time.Time // the moment last: was counted back from
}

// A Node is a part of a query: *And, *Or, *Not, *Near or a leaf: *Term,
// *Phrase, *Prefix, *Exact, *Keyword, *Time, *Has, *Is, *All.
type Node interface {
	// At is where the node stands in the query's text.
	At() Piece
}

// A Piece is a place in a query's text.
type Piece struct {
	Pos, End int    // bytes
	Raw      string // Text[Pos:End]
}

// At is the piece itself; nodes embed it.
func (p Piece) At() Piece { return p }

// An And matches when all of its two or more nodes do. None of them is an And.
type And struct {
	Piece
	Nodes []Node
}

// An Or matches when any of its two or more nodes does. None of them is an Or.
type Or struct {
	Piece
	Nodes []Node
}

// A Not matches when its node does not.
type Not struct {
	Piece
	Node Node
}

// A Term is one word, after analysis.
type Term struct {
	Piece
	Field string // FieldAny, FieldTitle or FieldBody
	Term  string
	Text  string // the word as it was typed
}

// A Phrase is two or more terms at successive positions.
type Phrase struct {
	Piece
	Field string
	Terms []string
	Text  string
}

// A Near is two or more parts within N words of each other, 1 ≤ N ≤ [MaxNear].
// A part is a *Term, *Phrase, *Prefix, *Exact or an *Or of those, all with the
// Near's own Field.
type Near struct {
	Piece
	Field string
	Parts []Node
	N     int
}

// A Prefix is the beginning of a word's folded form.
type Prefix struct {
	Piece
	Field  string
	Prefix string // folded
	Text   string // as it was typed, without the *
}

// An Exact is a word or phrase in this form and case. Terms, of which there is
// at least one, are a phrase that every place it matches has.
type Exact struct {
	Piece
	Field string
	Text  string // from the first token to the last, white space as single spaces
	Terms []string
}

// A Keyword is a value of a keyword field, in the form of [Values].
type Keyword struct {
	Piece
	Field string
	Value string // normalised
	Text  string // as it was typed
}

// A Time is a span of publication times, After ≤ published < Before. A zero
// bound is open.
type Time struct {
	Piece
	After  time.Time
	Before time.Time
	Last   string // "7d" where After was counted back from Query.Now
}

// What a [Has] and an [Is] may ask.
const (
	HasMention = "mention"
	IsCopy     = "copy"
)

// A Has matches articles that have something: HasMention.
type Has struct {
	Piece
	What string
}

// An Is matches articles that are something: IsCopy.
type Is struct {
	Piece
	What string
}

// An All matches every article.
type All struct{ Piece }

// Walk calls fn for n and, while fn says so, for the nodes below it.
func Walk(n Node, fn func(Node) bool) {
	if !fn(n) {
		return
	}
	switch n := n.(type) {
	case *And:
		walkAll(n.Nodes, fn)
	case *Or:
		walkAll(n.Nodes, fn)
	case *Near:
		walkAll(n.Parts, fn)
	case *Not:
		Walk(n.Node, fn)
	}
}

func walkAll(nodes []Node, fn func(Node) bool) {
	for _, n := range nodes {
		Walk(n, fn)
	}
}
