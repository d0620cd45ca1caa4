package query

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/newswatch/newswatch/pipeline"
)

// A Set is many queries matched against one article at once. A query is tried
// only on articles that have one of the few terms or keyword values it can't
// match without, the rarest that were found for it; what has none is always
// tried. A Set is never changed and may be shared.
type Set struct {
	ids     []string // sorted
	queries []*Query

	// The queries to try, by what the article has.
	terms    map[string][]int32
	starts   map[string][]int32            // of words: see startOf
	keywords map[string]map[string][]int32 // by field, then value
	always   []int32

	marks sync.Pool // *[]bool, one per query, all false
}

// A Hit is one query of a set that matches.
type Hit struct {
	ID    string
	Spans []pipeline.Span
}

// NewSet makes a set of queries by their ids.
func NewSet(queries map[string]*Query) *Set {
	s := &Set{
		ids:      slices.Sorted(maps.Keys(queries)),
		terms:    make(map[string][]int32),
		starts:   make(map[string][]int32),
		keywords: make(map[string]map[string][]int32),
	}
	s.marks.New = func() any { m := make([]bool, len(s.ids)); return &m }
	for i, id := range s.ids {
		q := queries[id]
		s.queries = append(s.queries, q)
		s.add(int32(i), q)
	}
	return s
}

func (s *Set) add(i int32, q *Query) {
	needs := Required(q)
	if len(needs) == 0 {
		s.always = append(s.always, i)
	}
	for _, n := range needs {
		switch n.Kind {
		case NeedTerm:
			s.terms[n.Value] = append(s.terms[n.Value], i)
		case NeedStart:
			s.starts[n.Value] = append(s.starts[n.Value], i)
		default:
			if s.keywords[n.Kind] == nil {
				s.keywords[n.Kind] = make(map[string][]int32)
			}
			s.keywords[n.Kind][n.Value] = append(s.keywords[n.Kind][n.Value], i)
		}
	}
}

// Match is the queries that match d, by id. It is what [Query.Match] of each
// says.
func (s *Set) Match(d *Doc) []Hit {
	var hits []Hit
	for _, i := range s.candidates(d) {
		if spans, ok := s.queries[i].Match(d); ok {
			hits = append(hits, Hit{s.ids[i], spans})
		}
	}
	return hits
}

// candidates is the queries worth trying, in order.
func (s *Set) candidates(d *Doc) []int32 {
	marks := s.marks.Get().(*[]bool)
	var found []int32
	add := func(is []int32) {
		for _, i := range is {
			if !(*marks)[i] {
				(*marks)[i] = true
				found = append(found, i)
			}
		}
	}
	add(s.always)
	for _, f := range d.in(FieldAny) {
		for term := range f.first {
			add(s.terms[term])
		}
		if len(s.starts) > 0 {
			for _, w := range f.folded() {
				add(s.starts[startOf(w.text)])
			}
		}
	}
	for name, values := range s.keywords {
		for _, v := range d.keyword(name) {
			add(values[v])
		}
	}
	for _, i := range found {
		(*marks)[i] = false
	}
	s.marks.Put(marks)
	slices.Sort(found)
	return found
}

// startOf is the first two characters of a folded word.
func startOf(w string) string {
	_, n := utf8.DecodeRuneInString(w)
	_, m := utf8.DecodeRuneInString(w[n:])
	return w[:n+m]
}

// Kinds of needs; else the name of a keyword field.
const (
	NeedTerm  = "term"  // a token with this term
	NeedStart = "start" // a word whose folded form begins with these two characters
)

// A Need is something one article may have.
type Need struct{ Kind, Value string }

// Required is a set of needs one of which every article that matches q has,
// the set that fewest articles are thought to meet. None: no such set is known.
func Required(q *Query) []Need {
	needs, _ := required(q.Root)
	return needs
}

// required is the needs of n and the share of articles thought to meet one of
// them; no needs have the share 1.
func required(n Node) (needs []Need, share float64) {
	switch n := n.(type) {
	case *And:
		return rarest(n.Nodes)
	case *Near:
		return rarest(n.Parts)
	case *Or:
		for _, m := range n.Nodes {
			more, s := required(m)
			if len(more) == 0 {
				return nil, 1
			}
			needs, share = append(needs, more...), share+s
		}
		return needs, min(share, 0.99)
	case *Term:
		return []Need{{NeedTerm, n.Term}}, termShare(n.Term)
	case *Phrase:
		return rarestTerm(n.Terms)
	case *Exact:
		return rarestTerm(n.Terms)
	case *Prefix:
		return []Need{{NeedStart, startOf(n.Prefix)}}, 0.5
	case *Keyword:
		return []Need{{n.Field, n.Value}}, keywordShare(n)
	default:
		return nil, 1
	}
}

func rarest(nodes []Node) (needs []Need, share float64) {
	share = 1
	for _, m := range nodes {
		if more, s := required(m); len(more) > 0 && s < share {
			needs, share = more, s
		}
	}
	return needs, share
}

func rarestTerm(terms []string) ([]Need, float64) {
	best := slices.MinFunc(terms, func(a, b string) int {
		switch x, y := termShare(a), termShare(b); {
		case x < y:
			return -1
		case x > y:
			return 1
		default:
			return len(b) - len(a)
		}
	})
	return []Need{{NeedTerm, best}}, termShare(best)
}

// termShare is a guess at the share of articles with a term, by its length
// alone: long words are rare, and two Han characters are rarer than one.
func termShare(term string) float64 {
	n := utf8.RuneCountInString(term)
	if !spaced(term) {
		n *= 3
	}
	switch {
	case n <= 3:
		return 0.4
	case n <= 5:
		return 0.1
	case n <= 7:
		return 0.03
	default:
		return 0.01
	}
}

// keywordShare is the like guess for a keyword.
func keywordShare(k *Keyword) float64 {
	switch k.Field {
	case FieldKey, FieldStory:
		return 0.0001
	case FieldAuthor:
		return 0.002
	case FieldEntity, FieldAbout, FieldSource:
		return 0.01
	case FieldSite:
		if strings.Contains(k.Value, ".") {
			return 0.01
		}
		return 0.3
	case FieldTag:
		return 0.1
	default:
		return 0.5
	}
}
