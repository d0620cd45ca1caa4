package query

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/newswatch/newswatch/pipeline"
)

// hintWords is the most words of a query that is taken for one that was thought
// out: a longer one without operators is a pasted sentence.
const hintWords = 8

// Hints says where the query was understood, but hardly as it was meant: words
// that are operators elsewhere, signs that mean nothing here, nothing but what
// is not to be there.
func (q *Query) Hints() []pipeline.Hint {
	h := hinter{q: q}
	operators := false
	Walk(q.Root, func(n Node) bool {
		switch n := n.(type) {
		case *Term, *Phrase:
			h.words = append(h.words, n)
		case *Or, *Near, *Not:
			operators = true
		}
		return true
	})
	if operators || len(h.words) <= hintWords {
		for _, n := range h.words {
			h.word(n)
		}
	}
	if !finds(q.Root) {
		h.add("only what must not be there is asked for: all other articles are found; begin with a word that must be there", "")
	}
	return h.hints
}

type hinter struct {
	q     *Query
	words []Node // *Term and *Phrase, in order
	hints []pipeline.Hint
}

func (h *hinter) add(message, query string) {
	if query != "" {
		if _, err := Parse(query, h.q.Now); err != nil {
			query = ""
		}
	}
	hint := pipeline.Hint{Message: message, Query: query}
	if !slices.Contains(h.hints, hint) {
		h.hints = append(h.hints, hint)
	}
}

// with is the query with something else in the place of a word, wherever it
// stands.
func (h *hinter) with(p Piece, other string) string {
	text, end := "", len(h.q.Text)
	for _, n := range slices.Backward(h.words) {
		if at := n.At(); at.Raw == p.Raw && at.End <= end {
			text, end = other+h.q.Text[at.End:end]+text, at.Pos
		}
	}
	return strings.TrimSpace(h.q.Text[:end] + text)
}

var (
	// Operators of Lucene, Solr, Factiva, Nexis and Meltwater.
	nearElsewhere = regexp.MustCompile(`(?i)^(?:(?:o?near|adj)/?|(?:w|n|pre)?/)([0-9]{1,3})$`)
	questionMark  = regexp.MustCompile(`^\pL+\?\pL+$`)
)

// operatorWords are operators as they are typed elsewhere.
var operatorWords = map[string]string{
	"and": "AND", "or": "OR", "not": "NOT", "andnot": "AND NOT", "и": "AND", "или": "OR", "не": "NOT",
	"和": "AND", "与": "AND", "或": "OR",
}

func (h *hinter) word(n Node) {
	p := n.At()
	if p.Pos < 0 || p.End > len(h.q.Text) || h.q.Text[p.Pos:p.End] != p.Raw {
		return // it was added to the query
	}
	raw := p.Raw
	if r, _ := utf8.DecodeRuneInString(raw); closers(r) != "" {
		if strings.Contains(raw, "*") {
			h.add("* in quotes stands for nothing; it ends bare words, as in sanction*", "")
		}
		return
	}
	op := operatorWords[strings.ToLower(raw)]
	between := p.Pos > 0 && p.End < len(h.q.Text)
	switch {
	// In Russian they are among the most frequent words: in capitals they are meant.
	case op != "" && (between || op == "NOT") && (raw[0] < utf8.RuneSelf || raw == strings.ToUpper(raw)):
		h.add(raw+" is searched for as a word; the operator is "+op, h.with(p, op))
	case between && nearElsewhere.MatchString(raw):
		near := "NEAR/" + nearElsewhere.FindStringSubmatch(raw)[1]
		h.add(raw+" is searched for as a word; within so many words of each other is "+near, h.with(p, near))
	case strings.HasPrefix(raw, "!"):
		h.add("! means nothing here; - before a word rules it out", h.with(p, "-"+raw[1:]))
	case questionMark.MatchString(raw):
		before, _, _ := strings.Cut(raw, "?")
		other := ""
		if utf8.RuneCountInString(before) >= 2 {
			other = h.with(p, before+"*")
		}
		h.add("? is no wildcard; * at the end of a word is: "+before+"*", other)
	}
}

// finds says whether the query asks for anything to be there.
func finds(n Node) bool {
	switch n := n.(type) {
	case *Not:
		return !finds(n.Node)
	case *And:
		return slices.ContainsFunc(n.Nodes, finds)
	case *Or:
		return !slices.ContainsFunc(n.Nodes, func(m Node) bool { return !finds(m) })
	default:
		return true
	}
}

// isBreak says whether a sign of Chinese writing, which sets no spaces, sets
// bare words apart.
func isBreak(r rune) bool {
	return r > unicode.MaxASCII && strings.ContainsRune("，。、；！？《》〈〉【】〔〕", r)
}
