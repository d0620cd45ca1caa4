package web

import (
	"net/http"
	"strings"

	"github.com/newswatch/newswatch/pipeline"
)

type articlePage struct {
	chrome
	ID, JSON          string
	Heading           []piece
	Untitled          bool
	Source, SourceURL string
	Author            string
	Lang, LangName    string
	Country           string
	Published         moment
	Original          string
	Paragraphs        [][]piece
	Summary           string // where there is no text
	CopyOf, StoryURL  string
	Entities          []entityRow
	Tags              []linkView
	Steps             []stepRow
	Provenance        []fact
	Feeds             []string
	Problems          []problemRow
	Why               *whyView // nil: nobody here can tell
}

type entityRow struct {
	Name, Kind, URL string
	Why             string // address of the page that says why
	Count           string
	Forms           string // as they stand in the text
}

type stepRow struct {
	Name, Note string
	At         moment
	After      string
}

type fact struct{ Name, Value string }

type problemRow struct {
	Stage, What, Detail string
	At                  moment
}

func (s *Server) articlePage(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	if s.deps.Articles == nil {
		s.failWith(w, r, "Articles", notHere("Articles"))
		return
	}
	a, err := s.deps.Articles.Article(r.Context(), id)
	if err != nil {
		s.failWith(w, r, "Article "+id, err)
		return
	}
	page := s.articleView(a)
	page.Why = s.whyView(r.Context(), a, r.URL.Query().Get("entity"), r.URL.Query().Get("watch"))
	s.render(w, http.StatusOK, "article", page)
}

func (s *Server) articleView(a pipeline.Article) articlePage {
	n := s.names()
	titles := mentionsIn(a, pipeline.FieldTitle)
	p := articlePage{
		chrome: s.chrome("search", a.Title), ID: a.ID, JSON: apiPrefix + articleURL(a.ID),
		Heading: mentionPieces(a.Title, 0, len(a.Title), titles, n),
		Source:  n.source(a.Source), SourceURL: n.sourcePage(a.Source),
		Author: a.Author, Lang: a.Lang, Published: s.moment(a.Published), Original: outside(a.URL),
		Paragraphs: paragraphs(a.Text, mentionsIn(a, pipeline.FieldText), n),
		Feeds:      a.Feeds,
	}
	if strings.TrimSpace(a.Title) == "" {
		p.Untitled, p.Title = true, "(no title)"
	}
	if len(p.Paragraphs) == 0 {
		p.Summary = a.Summary
	}
	if a.Lang != "" {
		p.LangName = langName(a.Lang)
	}
	if a.Country != "" {
		p.Country = countryName(a.Country)
	}
	if a.CopyOf != "" {
		p.CopyOf = articleURL(a.CopyOf)
	}
	if a.Story != "" {
		p.StoryURL = searchState{Query: term("story", a.Story), Collapse: "none"}.url()
	}
	for _, t := range a.Tags {
		p.Tags = append(p.Tags, linkView{Label: t, URL: searchState{Query: term("tag", t)}.url()})
	}
	p.Entities = entityRows(a, n)
	for _, st := range steps(a) {
		row := s.stepRow(st)
		row.Name = stepNames[st.name]
		if st.name == "published" {
			row.Note = dateNotes[a.PublishedFrom]
		}
		p.Steps = append(p.Steps, row)
	}
	for _, f := range []fact{
		{"Text from", a.Method}, {"Revision", revision(a.Revision)}, {"Catalog", a.Catalog}, {"Key", a.Key},
	} {
		if f.Value != "" {
			p.Provenance = append(p.Provenance, f)
		}
	}
	for _, pr := range a.Problems {
		p.Problems = append(p.Problems, problemRow{
			Stage: pr.Stage, What: strings.ReplaceAll(pr.Reason, "_", " "), Detail: pr.Detail, At: s.moment(pr.At),
		})
	}
	return p
}

// stepRow is a step as pages show it, under its own name.
func (s *Server) stepRow(st step) stepRow {
	row := stepRow{Name: st.name, At: s.moment(st.at)}
	if !st.first {
		row.After = lapse(st.after)
	}
	return row
}

var stepNames = map[string]string{
	"published": "Published", "first_seen": "First seen", "fetched": "Page fetched",
	"extracted": "Text and mentions", "indexed": "Searchable",
}

var dateNotes = map[pipeline.DateSource]string{
	pipeline.DateFromFeed: "as its feed says", pipeline.DateFromPage: "as its page says",
}

func revision(n int) string {
	if n == 0 {
		return ""
	}
	return number(n)
}

// entityRows lists the entities of an article in order of first mention, with
// the forms they were found in.
func entityRows(a pipeline.Article, n names) []entityRow {
	var rows []entityRow
	for _, id := range a.Entities() {
		row := entityRow{Name: n.entity(id), URL: searchState{Query: term("entity", id)}.url(), Why: whyURL(a.ID, id)}
		if e := n.catalog.Entity(id); e != nil {
			row.Kind = e.Kind
		}
		total := 0
		var forms []string
		seen := make(map[string]bool)
		for _, m := range a.Mentions {
			if m.Entity != id || !m.Counts() {
				continue
			}
			total++
			if !seen[m.Text] {
				seen[m.Text] = true
				forms = append(forms, m.Text)
			}
		}
		row.Count, row.Forms = number(total), strings.Join(forms, ", ")
		rows = append(rows, row)
	}
	return rows
}
