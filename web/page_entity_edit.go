package web

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/newswatch/newswatch/pipeline"
	"github.com/newswatch/newswatch/pipeline/catalog"
)

// maxForm bounds a form that describes an entity.
const maxForm = 1 << 20

type entityEditPage struct {
	chrome
	Form     entityForm
	Kinds    []option
	New      bool
	Heading  string
	Action   string // address of the form
	Back     string
	Problems []string
	Failed   bool // of the problems some are tests: saving can be forced
	Preview  *previewView
	File     string // that manages it: it can be tested here, not saved
}

// An entityForm is an entity as people type it.
type entityForm struct {
	ID, Name, Kind, Wikidata, Version string
	Names, Match, NoMatch             string // one a line; a name with rules as YAML: { text: HW, near: [phone] }
	Since                             string
}

type previewView struct {
	Sum, Note string
	Took      string
	Failures  []pipeline.TestFailure
	Warnings  []pipeline.NameWarning
	Names     []previewName
	Blocked   []countView
	Samples   []sampleView
}

type previewName struct {
	Text, Lang                  string
	Articles, Mentions, Blocked string
	Case, Left, Right           string
}

type countView struct{ Text, Count string }

type sampleView struct {
	findingRow
	Title, URL, Lang, Source string
}

func (s *Server) newEntityPage(w http.ResponseWriter, r *http.Request) {
	if s.deps.Editor == nil || s.deps.Catalog == nil {
		s.failWith(w, r, "Entities", notHere("Entities"))
		return
	}
	s.renderEdit(w, http.StatusOK, entityEditPage{Form: entityForm{Kind: "organization"}, New: true})
}

func (s *Server) editEntityPage(w http.ResponseWriter, r *http.Request) {
	e, ok := s.editable(w, r)
	if !ok {
		return
	}
	s.renderEdit(w, http.StatusOK, entityEditPage{Form: formOf(e)})
}

// editable is the entity of the address, if it may be changed here.
func (s *Server) editable(w http.ResponseWriter, r *http.Request) (*catalog.Entity, bool) {
	id := r.PathValue("id")
	if s.deps.Editor == nil || s.deps.Catalog == nil {
		s.failWith(w, r, "Entities", notHere("Entities"))
		return nil, false
	}
	e := s.deps.Catalog.Snapshot().Entity(id)
	if e == nil {
		s.failWith(w, r, "Entity "+id, pipeline.ErrNotFound)
		return nil, false
	}
	return e, true
}

func (s *Server) renderEdit(w http.ResponseWriter, status int, p entityEditPage) {
	if e := s.names().catalog.Entity(p.Form.ID); e != nil && !p.New {
		p.File = e.ManagedBy
	}
	if p.New {
		p.Heading, p.Action, p.Back = "Add an entity", newEntityPath, entitiesPath
	} else {
		p.Heading, p.Action, p.Back = cmp.Or(p.Form.Name, p.Form.ID), entityURL(p.Form.ID)+"/edit", entityURL(p.Form.ID)
	}
	p.chrome = s.chrome("entities", p.Heading)
	p.Kinds = options(p.Form.Kind, pairs(catalog.EntityKinds()))
	s.render(w, status, "entity_edit", p)
}

func (s *Server) newEntityForm(w http.ResponseWriter, r *http.Request) {
	if s.deps.Editor == nil || s.deps.Catalog == nil {
		s.failWith(w, r, "Entities", notHere("Entities"))
		return
	}
	s.entityForm(w, r, entityEditPage{New: true})
}

func (s *Server) editEntityForm(w http.ResponseWriter, r *http.Request) {
	if e, ok := s.editable(w, r); ok {
		s.entityForm(w, r, entityEditPage{Form: entityForm{ID: e.ID}})
	}
}

// entityForm previews what was typed, or saves it.
func (s *Server) entityForm(w http.ResponseWriter, r *http.Request, p entityEditPage) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		s.failPage(w, r, http.StatusBadRequest, "The form could not be read: "+err.Error())
		return
	}
	id := p.Form.ID
	p.Form = readEntityForm(r)
	if !p.New {
		p.Form.ID = id
	}
	e, err := p.Form.entity()
	if err != nil {
		p.Problems = problemLines(err)
		s.renderEdit(w, http.StatusUnprocessableEntity, p)
		return
	}
	if r.PostForm.Get("do") == "save" {
		s.saveEntity(w, r, p, e)
		return
	}
	since, ok := sinceTime(p.Form.Since, s.now())
	if !ok {
		p.Problems = []string{fmt.Sprintf("%q is neither a span such as 30d, 12h or 2w nor a day", p.Form.Since)}
		s.renderEdit(w, http.StatusUnprocessableEntity, p)
		return
	}
	found, err := s.preview(r.Context(), e, since)
	if err != nil {
		s.editProblem(w, r, p, err)
		return
	}
	p.Preview = s.previewView(found)
	s.renderEdit(w, http.StatusOK, p)
}

func (s *Server) saveEntity(w http.ResponseWriter, r *http.Request, p entityEditPage, e catalog.Entity) {
	if r.PostForm.Get("force") == "" {
		if err := e.Validate(); err != nil {
			s.editProblem(w, r, p, err)
			return
		}
		if err := s.runTests(&catalog.Catalog{Entities: []catalog.Entity{e}}); err != nil {
			p.Failed = true
			s.editProblem(w, r, p, err)
			return
		}
	}
	_, err := s.deps.Editor.Put(r.Context(), &e, catalog.PutOptions{IfAbsent: p.New, IfVersion: p.Form.Version})
	switch {
	case err == nil:
		http.Redirect(w, r, entityURL(e.ID)+"?done=saved", http.StatusSeeOther)
	case errors.Is(err, pipeline.ErrExists):
		s.editProblem(w, r, p, newProblem(http.StatusConflict, "There is an entity "+e.ID+" already: give this one another id."))
	case errors.Is(err, pipeline.ErrConflict):
		s.editProblem(w, r, p, newProblem(http.StatusConflict, "Somebody changed it meanwhile: open it again and make your change anew."))
	default:
		s.editProblem(w, r, p, err)
	}
}

// editProblem shows the form again with what is wrong.
func (s *Server) editProblem(w http.ResponseWriter, r *http.Request, p entityEditPage, err error) {
	problem := s.problemOf(r.Context(), "Entity", err)
	if p.Problems = problemLines(err); len(p.Problems) == 0 {
		p.Problems = []string{problem.Detail}
	}
	s.renderEdit(w, problem.Status, p)
}

// problemLines is what is wrong with the fields of an entity, a line each.
func problemLines(err error) []string {
	var lines []string
	for _, f := range catalog.FieldErrors(err) {
		field := strings.TrimPrefix(f.Field, "entities[0].")
		lines = append(lines, strings.TrimPrefix(field+": "+f.Msg, ": "))
	}
	return lines
}

func readEntityForm(r *http.Request) entityForm {
	v := func(name string) string { return strings.TrimSpace(r.PostForm.Get(name)) }
	return entityForm{
		ID: v("id"), Name: v("name"), Kind: v("kind"), Wikidata: v("wikidata"), Version: v("version"),
		Names: v("names"), Match: v("match"), NoMatch: v("no_match"), Since: v("since"),
	}
}

// entity reads the form with the catalog's own reader, so that its errors and
// its YAML are those of files.
func (f entityForm) entity() (catalog.Entity, error) {
	var b strings.Builder
	quote := func(s string) string {
		j, _ := json.Marshal(s) // a string always can be; YAML reads it
		return string(j)
	}
	fmt.Fprintf(&b, "entities:\n  - id: %s\n    name: %s\n    kind: %s\n", quote(f.ID), quote(f.Name), quote(f.Kind))
	if f.Wikidata != "" {
		fmt.Fprintf(&b, "    wikidata: %s\n", quote(f.Wikidata))
	}
	b.WriteString("    names: [")
	for _, line := range lines(f.Names) {
		if !strings.HasPrefix(line, "{") {
			line = quote(line)
		}
		b.WriteString(line + ", ")
	}
	b.WriteString("]\n    tests:\n")
	for _, t := range []struct{ field, text string }{{"match", f.Match}, {"no_match", f.NoMatch}} {
		fmt.Fprintf(&b, "      %s: [", t.field)
		for _, line := range lines(t.text) {
			b.WriteString(quote(line) + ", ")
		}
		b.WriteString("]\n")
	}
	c, err := catalog.ParseFile("form.yaml", []byte(b.String()))
	if err != nil {
		return catalog.Entity{}, err
	}
	if len(c.Entities) != 1 {
		return catalog.Entity{}, fmt.Errorf("names: a name with rules is written { text: HW, near: [phone] }: %w", catalog.ErrInvalid)
	}
	return c.Entities[0], nil
}

// lines are those of a text that are not blank.
func lines(text string) []string {
	var out []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			out = append(out, line)
		}
	}
	return out
}

// formOf is the form of an entity as it is.
func formOf(e *catalog.Entity) entityForm {
	f := entityForm{
		ID: e.ID, Name: e.Name, Kind: e.Kind, Wikidata: e.Wikidata, Version: e.Version,
		Match: strings.Join(e.Tests.Match, "\n"), NoMatch: strings.Join(e.Tests.NoMatch, "\n"),
	}
	var names []string
	for _, n := range e.Names {
		names = append(names, nameLine(n))
	}
	f.Names = strings.Join(names, "\n")
	return f
}

// nameLine is a name as the form has it: its text, or YAML with its rules.
func nameLine(n catalog.Name) string {
	bare := n.Lang == "" && !n.Exact && len(n.Near)+len(n.Not)+len(n.Must) == 0
	if bare && !strings.HasPrefix(n.Text, "{") {
		return n.Text
	}
	quote := func(words ...string) string {
		var out []string
		for _, w := range words {
			if j := strconv.Quote(w); j[1:len(j)-1] == w && !strings.ContainsAny(w, `,:#{}[]&*!|>'%@ ?-`) && !yamlWord(w) {
				out = append(out, w)
				continue
			}
			j, _ := json.Marshal(w)
			out = append(out, string(j))
		}
		return strings.Join(out, ", ")
	}
	parts := []string{"text: " + quote(n.Text)}
	if n.Lang != "" {
		parts = append(parts, "lang: "+quote(n.Lang))
	}
	if n.Exact {
		parts = append(parts, "exact: true")
	}
	for _, c := range []struct {
		name  string
		words []string
	}{{"near", n.Near}, {"not", n.Not}, {"must", n.Must}} {
		if len(c.words) > 0 {
			parts = append(parts, c.name+": ["+quote(c.words...)+"]")
		}
	}
	return "{ " + strings.Join(parts, ", ") + " }"
}

// yamlWord reports whether YAML takes the bare word for something else than text.
func yamlWord(w string) bool {
	switch strings.ToLower(w) {
	case "", "~", "null", "true", "false", "yes", "no", "on", "off", "y", "n", ".nan", ".inf", "=", "<<":
		return true
	}
	return w[0] >= '0' && w[0] <= '9' || w[0] == '.' || w[0] == '+'
}

func (s *Server) previewView(p pipeline.Preview) *previewView {
	v := &previewView{
		Sum:  count(p.Mentions, "mention", "mentions") + " in " + count(p.Articles, "article", "articles"),
		Note: p.Note, Failures: p.Failures, Warnings: p.Warnings,
		Took: number(p.Read) + " read in " + number(p.TookMS) + " ms",
	}
	for _, n := range p.Names {
		v.Names = append(v.Names, previewName{
			Text: n.Name, Lang: n.Lang, Articles: number(n.Articles), Mentions: number(n.Mentions), Blocked: number(n.Blocked),
			Case: caseWords(n.Case), Left: countWords(n.Left), Right: countWords(n.Right),
		})
	}
	for _, c := range p.Blocked {
		v.Blocked = append(v.Blocked, countView{c.Text, number(c.Count)})
	}
	n := s.names()
	for _, x := range p.Samples {
		sv := sampleView{
			findingRow: findingRow{Before: x.Before, Text: x.Text, After: x.After, Blocked: x.Blocked != "", Note: x.Rule},
			Title:      cmp.Or(strings.TrimSpace(x.Title), "(no title)"), URL: articleURL(x.Article), Lang: x.Lang, Source: n.source(x.Source),
		}
		if x.Blocked != "" {
			sv.Note = "does not count: " + x.Blocked
		}
		v.Samples = append(v.Samples, sv)
	}
	return v
}

// caseWords says how the places of a name are written.
func caseWords(c pipeline.CaseSplit) string {
	var parts []string
	for _, p := range []struct {
		n    int
		word string
	}{{c.First, "Aa"}, {c.Capitals, "AA"}, {c.Lower, "aa"}, {c.None, "no case"}} {
		if p.n > 0 {
			parts = append(parts, number(p.n)+" "+p.word)
		}
	}
	return strings.Join(parts, ", ")
}

// neighboursShown is how many neighbours of a name a table has room for.
const neighboursShown = 5

func countWords(counts []pipeline.NameCount) string {
	var parts []string
	for _, c := range counts[:min(neighboursShown, len(counts))] {
		parts = append(parts, c.Text+" "+number(c.Count))
	}
	return strings.Join(parts, ", ")
}
