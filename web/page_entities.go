package web

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/newswatch/newswatch/pipeline"
	"github.com/newswatch/newswatch/pipeline/catalog"
)

const (
	entitiesShown  = 100 // on a page of the list
	namesShown     = 4   // of an entity in the list
	facetShown     = 10  // top sources and co-mentions of an entity
	mentionsShown  = 10  // newest articles of an entity
	entitiesPath   = "/entities"
	newEntityPath  = "/entities:new" // no id has a colon
	editEntityPath = "/entities/{id}/edit"

	deleteEntityPath = "/entities/{id}/delete"
)

type entitiesPage struct {
	chrome
	Text  string
	Kinds []option
	Total string
	Rows  []entityListRow
	Prev  string
	Next  string
	Clear string
	New   string
}

type entityListRow struct {
	Name, URL, Kind string
	Names           []string
	More            string
	Articles        string // empty: not known
	ArticlesURL     string
	ManagedBy       string
}

type entityPage struct {
	chrome
	Name, ID, Kind string
	Notice         string
	About          []fact
	Wikidata       string
	Names          []nameRow
	Tests          []fact
	Archive        *archiveView
	Searched       bool
	Total          string
	Timeline       *timelineView
	Sources        []facetValue
	Beside         []facetValue // co-mentions
	Latest         []hitView
	All, Edit      string
	Delete         string
	JSON           string
}

type nameRow struct {
	Text, Lang, LangName string
	Rules                []fact
	Doubts               []string
}

// entityURL is the page of an entity.
func entityURL(id string) string { return entitiesPath + "/" + url.PathEscape(id) }

func (s *Server) entitiesPage(w http.ResponseWriter, r *http.Request) {
	if s.deps.Catalog == nil {
		s.failWith(w, r, "Entities", notHere("Entities"))
		return
	}
	q := r.URL.Query()
	at := 1
	if p := q.Get("page"); p != "" {
		n, err := strconv.Atoi(p)
		if err != nil || n < 1 || n > 1<<20 {
			s.failPage(w, r, http.StatusBadRequest, "There is no page “"+p+"” of the entities.")
			return
		}
		at = n
	}
	kind, text := q.Get("kind"), strings.TrimSpace(q.Get("q"))
	var found []*catalog.Entity
	all := s.deps.Catalog.Snapshot().Entities
	for i := range all {
		if entityIs(&all[i], kind, strings.ToLower(text)) {
			found = append(found, &all[i])
		}
	}
	slices.SortStableFunc(found, func(a, b *catalog.Entity) int {
		return cmp.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name))
	})
	page := entitiesPage{chrome: s.chrome("entities", "Entities"), Text: text, Total: count(len(found), "entity", "entities"), New: newEntityPath}
	page.Kinds = options(kind, append([][2]string{{"", "any"}}, pairs(catalog.EntityKinds())...))
	from := (at - 1) * entitiesShown
	if from > 0 && from >= len(found) {
		s.failPage(w, r, http.StatusNotFound, "There is no page "+strconv.Itoa(at)+" of the entities.")
		return
	}
	address := func(page int) string {
		v := url.Values{}
		for _, p := range [][2]string{{"kind", kind}, {"q", text}} {
			if p[1] != "" {
				v.Set(p[0], p[1])
			}
		}
		if page > 1 {
			v.Set("page", strconv.Itoa(page))
		}
		return strings.TrimSuffix(entitiesPath+"?"+v.Encode(), "?")
	}
	if at > 1 {
		page.Prev = address(at - 1)
	}
	if from+entitiesShown < len(found) {
		page.Next = address(at + 1)
	}
	if kind != "" || text != "" {
		page.Clear = entitiesPath
	}
	counts, known := s.entityCounts(r)
	for _, e := range found[from:min(len(found), from+entitiesShown)] {
		row := entityListRow{
			Name: cmp.Or(e.Name, e.ID), URL: entityURL(e.ID), Kind: e.Kind, ManagedBy: e.ManagedBy,
		}
		for i, n := range e.Names {
			if i == namesShown {
				row.More = number(len(e.Names)-namesShown) + " more"
				break
			}
			row.Names = append(row.Names, n.Text)
		}
		if n, ok := counts[e.ID]; ok {
			row.Articles, row.ArticlesURL = number(n), searchState{Query: term("entity", e.ID)}.url()
		} else if known {
			row.Articles = "–"
		}
		page.Rows = append(page.Rows, row)
	}
	s.render(w, http.StatusOK, "entities", page)
}

func pairs(words []string) [][2]string {
	var out [][2]string
	for _, w := range words {
		out = append(out, [2]string{w, w})
	}
	return out
}

func entityIs(e *catalog.Entity, kind, text string) bool {
	if kind != "" && e.Kind != kind {
		return false
	}
	has := func(v string) bool { return strings.Contains(strings.ToLower(v), text) }
	return text == "" || has(e.ID) || has(e.Name) || slices.ContainsFunc(e.Names, func(n catalog.Name) bool { return has(n.Text) })
}

// entityCounts is in how many articles the most mentioned entities are.
func (s *Server) entityCounts(r *http.Request) (map[string]int, bool) {
	if s.deps.Searcher == nil {
		return nil, false
	}
	res, err := s.deps.Searcher.Search(r.Context(), pipeline.SearchRequest{Query: "has:mention", Limit: 1, Facets: []string{"entity"}})
	if err != nil {
		s.lg.Warn("articles of entities", "error", err)
		return nil, false
	}
	counts := make(map[string]int)
	for _, c := range res.Facets["entity"] {
		counts[c.Value] = c.Count
	}
	return counts, true
}

func (s *Server) entityPage(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	if s.deps.Catalog == nil {
		s.failWith(w, r, "Entities", notHere("Entities"))
		return
	}
	e := s.deps.Catalog.Snapshot().Entity(id)
	if e == nil {
		s.failWith(w, r, "Entity "+id, pipeline.ErrNotFound)
		return
	}
	page := s.entityView(e)
	page.Archive = s.archiveView(r, id)
	if r.URL.Query().Get("done") == "saved" {
		page.Notice = "It is saved. From now on new articles are tagged with it."
		if page.Archive != nil {
			page.Notice = "It is saved. New articles are tagged with it from now on, and so are those there are, without alerts."
		}
	}
	if page.Archive != nil && page.Archive.Busy {
		page.Reload = archiveReload
	}
	s.entityArticles(r, id, &page)
	s.render(w, http.StatusOK, "entity", page)
}

func (s *Server) entityView(e *catalog.Entity) entityPage {
	name := cmp.Or(e.Name, e.ID)
	p := entityPage{
		chrome: s.chrome("entities", name), Name: name, ID: e.ID, Kind: e.Kind,
		All: searchState{Query: term("entity", e.ID), Collapse: "none"}.url(), JSON: apiPrefix + entityURL(e.ID),
	}
	if s.deps.Editor != nil {
		p.Edit, p.Delete = entityURL(e.ID)+"/edit", entityURL(e.ID)+"/delete"
	}
	for _, f := range []fact{{"Kind", e.Kind}, {"Managed by", e.ManagedBy}, {"Id", e.ID}} {
		if f.Value != "" {
			p.About = append(p.About, f)
		}
	}
	if e.Wikidata != "" {
		p.Wikidata = "https://www.wikidata.org/wiki/" + url.PathEscape(e.Wikidata)
		p.About = append(p.About, fact{"Wikidata", e.Wikidata})
	}
	doubts := make(map[string][]string)
	if s.deps.Lint != nil {
		for _, w := range s.deps.Lint(*e) {
			doubts[w.Name] = append(doubts[w.Name], w.Msg)
		}
	}
	for _, n := range e.Names {
		row := nameRow{Text: n.Text, Lang: n.Lang, Doubts: doubts[n.Text]}
		if n.Lang != "" {
			row.LangName = langName(n.Lang)
		}
		if n.Exact {
			row.Rules = append(row.Rules, fact{"exact", "this form and case only"})
		}
		for _, c := range []struct {
			name  string
			words []string
		}{{"near", n.Near}, {"not", n.Not}, {"must", n.Must}} {
			if len(c.words) > 0 {
				row.Rules = append(row.Rules, fact{c.name, strings.Join(c.words, ", ")})
			}
		}
		p.Names = append(p.Names, row)
	}
	for _, t := range e.Tests.Match {
		p.Tests = append(p.Tests, fact{"must match", t})
	}
	for _, t := range e.Tests.NoMatch {
		p.Tests = append(p.Tests, fact{"must not match", t})
	}
	return p
}

// entityArticles adds what the articles say of the entity.
func (s *Server) entityArticles(r *http.Request, id string, p *entityPage) {
	if s.deps.Searcher == nil {
		return
	}
	st := searchState{Query: term("entity", id), Collapse: "none"}
	res, err := s.deps.Searcher.Search(r.Context(), pipeline.SearchRequest{
		Query: st.Query, Sort: pipeline.SortNewest, Limit: mentionsShown, Collapse: "none",
		Facets: []string{"source", "entity"}, Timeline: true,
	})
	if err != nil {
		s.lg.Warn("articles of an entity", "entity", id, "error", err)
		return
	}
	p.Searched = true
	p.Total = count(res.Total, "article", "articles")
	p.Timeline = timeline(res.Timeline, st, false)
	n, now := s.names(), s.now()
	for _, h := range res.Hits {
		p.Latest = append(p.Latest, s.hit(h, st, n, now))
	}
	for _, c := range beside(res.Facets["source"], "") {
		p.Sources = append(p.Sources, facetValue{Label: n.source(c.Value), Count: number(c.Count), URL: narrowed(st, "source", c.Value)})
	}
	for _, c := range beside(res.Facets["entity"], id) {
		p.Beside = append(p.Beside, facetValue{Label: n.entity(c.Value), Count: number(c.Count), URL: narrowed(st, "entity", c.Value)})
	}
}

// narrowed is the search for articles of the state that have a value, too.
func narrowed(st searchState, field, value string) string {
	return st.asking(st.Query + " " + term(field, value)).url()
}

// beside is the first of the counts, without the value itself.
func beside(counts []pipeline.FacetCount, self string) []pipeline.FacetCount {
	counts = slices.DeleteFunc(slices.Clone(counts), func(c pipeline.FacetCount) bool { return c.Value == self })
	return counts[:min(facetShown, len(counts))]
}
