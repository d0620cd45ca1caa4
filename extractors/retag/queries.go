package retag

import (
	"slices"
	"strings"

	"github.com/newswatch/newswatch/extractors/tags"
	"github.com/newswatch/newswatch/index/query"
	"github.com/newswatch/newswatch/pipeline/catalog"
)

// Bounds of one query, below those of the language so that a date has room: of
// more leaves an index makes long work, in which nothing is seen yet.
const (
	queryLeaves = min(150, query.MaxLeaves-10)
	queryBytes  = query.MaxBytes - 200
)

// Queries together find every article that mentions one of the entities by one
// of its names; see [tags.Searches] for the one thing that escapes. The empty
// query finds all articles.
func Queries(entities ...catalog.Entity) []string {
	var parts []part
	for _, e := range entities {
		searches, ok := tags.Searches(e)
		if !ok {
			return []string{""}
		}
		for _, s := range searches {
			parts = append(parts, partOf(s))
		}
	}
	return join(parts)
}

// mentionQueries find the articles that are tagged with the entities.
func mentionQueries(ids []string) []string {
	var parts []part
	for _, id := range ids {
		parts = append(parts, part{text: query.FieldEntity + ":" + quote(id), leaves: 1})
	}
	return join(parts)
}

// A part is one alternative of a query.
type part struct {
	text   string
	leaves int
	langs  string // that hold for it; parts of the same are put together
}

func partOf(s tags.Search) part {
	p := part{leaves: len(s.Phrases) + len(s.Prefixes)}
	var words []string
	for _, w := range s.Phrases {
		words = append(words, quote(w))
	}
	for _, w := range s.Prefixes {
		words = append(words, w+"*")
	}
	p.text = strings.Join(words, " ")
	if len(words) > 1 {
		p.text = "(" + p.text + ")"
	}
	var langs []string
	for _, l := range s.Langs {
		langs = append(langs, query.FieldLang+":"+l)
	}
	p.langs = strings.Join(langs, " OR ")
	return p
}

// join makes queries of the parts, as few as the bounds allow.
func join(parts []part) []string {
	parts = slices.Clone(parts)
	slices.SortStableFunc(parts, func(a, b part) int { return strings.Compare(a.langs, b.langs) })
	var queries, texts []string
	var langs string
	leaves, size := 0, 0
	flush := func() {
		if len(texts) > 0 {
			q := "(" + strings.Join(texts, " OR ") + ")"
			if langs != "" {
				q += " (" + langs + ")"
			}
			queries = append(queries, q)
		}
		texts, leaves, size = nil, 0, 0
	}
	for _, p := range parts {
		if p.langs != langs || leaves+p.leaves > queryLeaves || size+len(p.text)+4 > queryBytes {
			flush()
			langs = p.langs
			leaves, size = strings.Count(langs, ":"), len(langs)
		}
		texts, leaves, size = append(texts, p.text), leaves+p.leaves, size+len(p.text)+4
	}
	flush()
	return queries
}

// quote is a phrase as the query language has it.
func quote(p string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(p) + `"`
}
