package web

import (
	"net/url"
	"strings"
	"time"
	"unicode"

	"github.com/newswatch/newswatch/index/query"
)

// searchState is the state of the search page, all of which is in its address.
type searchState struct {
	Query    string
	Sort     string // empty: newest
	Collapse string // empty: copies
	From, To string // as given
	Cursor   string
}

// readState takes the state from an address.
func readState(v url.Values) searchState {
	return searchState{
		Query: strings.TrimSpace(v.Get("q")), Sort: v.Get("sort"), Collapse: v.Get("collapse"),
		From: v.Get("from"), To: v.Get("to"), Cursor: v.Get("cursor"),
	}
}

// url is the address of the state, what is default left out.
func (s searchState) url() string {
	v := url.Values{}
	for _, p := range []struct{ name, value, normal string }{
		{"q", s.Query, ""}, {"sort", s.Sort, "newest"}, {"collapse", s.Collapse, "copies"},
		{"from", s.From, ""}, {"to", s.To, ""}, {"cursor", s.Cursor, ""},
	} {
		if p.value != "" && p.value != p.normal {
			v.Set(p.name, p.value)
		}
	}
	if len(v) == 0 {
		return "/"
	}
	return "/?" + v.Encode()
}

// out is the address of the state's hits in another form.
func (s searchState) out(path string) string {
	s.Cursor = ""
	u := s.url()
	if i := strings.IndexByte(u, '?'); i >= 0 {
		return path + u[i:]
	}
	return path
}

// asking is the state with another query, from its first page.
func (s searchState) asking(q string) searchState {
	s.Query, s.Cursor = q, ""
	return s
}

// between is the state with another range of days, from its first page.
func (s searchState) between(from, to string) searchState {
	s.From, s.To, s.Cursor = from, to, ""
	return s
}

// term is field:value as a query.
func term(field, value string) string {
	plain := strings.IndexFunc(value, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '-' && r != '_' && r != '.'
	}) < 0 && value != ""
	if plain {
		return field + ":" + value
	}
	return field + `:"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(value) + `"`
}

// conjuncts are the parts of a query that all must match.
func conjuncts(q *query.Query) []query.Node {
	switch root := q.Root.(type) {
	case *query.And:
		return root.Nodes
	default:
		return []query.Node{root}
	}
}

// withTerm is the query narrowed by a term. It answers false where it can't be
// said in the query language.
func withTerm(q, t string, now time.Time) (string, bool) {
	if strings.TrimSpace(q) == "" {
		return t, parses(t, now)
	}
	parsed, err := query.Parse(q, now)
	if err != nil {
		return "", false
	}
	switch parsed.Root.(type) {
	case *query.Or: // binds looser than the space before the term
		q = "(" + q + ")"
	case *query.All: // * and a term is the term
		return t, parses(t, now)
	}
	out := q + " " + t
	return out, parses(out, now)
}

func parses(q string, now time.Time) bool {
	_, err := query.Parse(q, now)
	return err == nil
}

// findTerm is the place of a term among those that all must match.
func findTerm(q, t string, now time.Time) (query.Piece, bool) {
	parsed, err := query.Parse(q, now)
	if err != nil {
		return query.Piece{}, false
	}
	wanted, err := query.Parse(t, now)
	if err != nil {
		return query.Piece{}, false
	}
	want, ok := wanted.Root.(*query.Keyword)
	if !ok {
		return query.Piece{}, false
	}
	for _, n := range conjuncts(parsed) {
		if k, ok := n.(*query.Keyword); ok && k.Field == want.Field && k.Value == want.Value {
			return k.Piece, true
		}
	}
	return query.Piece{}, false
}

// withoutTerm takes a term out of a query, and the AND beside it. It answers
// false where the term is not there or its place is not that simple.
func withoutTerm(q, t string, now time.Time) (string, bool) {
	p, ok := findTerm(q, t, now)
	if !ok {
		return "", false
	}
	left, right := strings.TrimSpace(q[:p.Pos]), strings.TrimSpace(q[p.End:])
	if l, ok := strings.CutSuffix(left, " AND"); ok {
		left = l
	} else if r, ok := strings.CutPrefix(right, "AND "); ok && left == "" {
		right = r
	}
	out := strings.TrimSpace(strings.TrimSpace(left) + " " + strings.TrimSpace(right))
	if out == "" {
		return "", true
	}
	return out, parses(out, now)
}

// keywordTerms are the field terms among those that all must match, as typed.
func keywordTerms(q string, now time.Time) []string {
	parsed, err := query.Parse(q, now)
	if err != nil {
		return nil
	}
	var out []string
	for _, n := range conjuncts(parsed) {
		if k, ok := n.(*query.Keyword); ok {
			out = append(out, k.Raw)
		}
	}
	return out
}
