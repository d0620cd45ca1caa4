package web

import (
	"cmp"
	"errors"
	"net/http"
	"strconv"

	"github.com/newswatch/newswatch/pipeline"
	"github.com/newswatch/newswatch/pipeline/catalog"
)

// archiveReload is how many seconds a page that shows progress stands.
const archiveReload = 2

// archiveView is how far an entity is applied to the articles there are.
type archiveView struct {
	Busy    bool
	Percent int
	Text    string
	At      moment
	Error   string
}

// archiveView is nil where nothing is known of that.
func (s *Server) archiveView(r *http.Request, id string) *archiveView {
	if s.deps.Retag == nil {
		return nil
	}
	e, err := s.deps.Retag.Entity(r.Context(), id)
	if err != nil {
		if !errors.Is(err, pipeline.ErrNotFound) {
			s.lg.Warn("how far an entity is applied", "entity", id, "error", err)
		}
		return nil
	}
	v := new(archiveView)
	switch p := e.Pass; {
	case e.Pending, p != nil && p.State == pipeline.RetagWaiting:
		v.Busy, v.Text = true, "It is about to be applied to the articles there are."
	case p != nil:
		v.Busy, v.Percent, v.Error = true, p.Percent(), p.Error
		v.Text = "It is being applied to the articles there are: " + strconv.Itoa(v.Percent) + " %, " + passText(*p) + "."
	case e.Applied.IsZero():
		v.Text = "Articles there were before newswatch applied entities to its archive have it only where they were tagged with it then; newswatch retag " + id + " looks at them."
	default:
		v.At = s.moment(e.Applied)
		v.Text = "Applied to the articles there are: " + count(e.Changed, "article", "articles") + " tagged anew"
	}
	return v
}

// passText is what a pass has done.
func passText(p pipeline.RetagPass) string {
	text := number(p.Looked) + " of " + count(max(p.Candidates, p.Looked), "article", "articles") + " looked at, " + number(p.Changed) + " tagged anew"
	if p.Failed > 0 {
		text += ", " + number(p.Failed) + " too large for it"
	}
	return text
}

// A passRow is a pass on the status page.
type passRow struct {
	What, State, Done, Error string
	Since                    moment
	Busy                     bool
}

// passRows are the passes under way and the last few.
func (s *Server) passRows(r *http.Request) (rows []passRow) {
	if s.deps.Retag == nil {
		return nil
	}
	passes, err := s.deps.Retag.Passes(r.Context())
	if err != nil {
		s.lg.Warn("passes over the archive", "error", err)
		return nil
	}
	n := s.names()
	for _, p := range passes {
		row := passRow{State: p.State, Done: passText(p), Error: p.Error, Since: s.moment(p.Since), Busy: p.State != pipeline.RetagDone}
		switch {
		case p.Count == 0:
			row.What = "all articles"
		case p.Count <= entitiesTold:
			for i, id := range p.Entities {
				if i > 0 {
					row.What += ", "
				}
				row.What += n.entity(id)
			}
		default:
			row.What = count(p.Count, "entity", "entities")
		}
		if p.Alert {
			row.What += ", with alerts"
		}
		if row.Busy {
			row.State += " " + strconv.Itoa(p.Percent()) + " %"
		}
		rows = append(rows, row)
		if !row.Busy && len(rows) >= passesShown {
			break
		}
	}
	return rows
}

const (
	passesShown  = 5 // on the status page, if fewer are under way
	entitiesTold = 3 // of a pass by their names
)

type entityDeletePage struct {
	chrome
	Name, Action, Back string
	Articles           string
	File               string
	Problem            string
}

// deleteEntityPage asks what becomes of the tags.
func (s *Server) deleteEntityPage(w http.ResponseWriter, r *http.Request) {
	if e, ok := s.editable(w, r); ok {
		s.renderDelete(w, r, http.StatusOK, e, "")
	}
}

func (s *Server) renderDelete(w http.ResponseWriter, r *http.Request, status int, e *catalog.Entity, problem string) {
	name := cmp.Or(e.Name, e.ID)
	p := entityDeletePage{
		chrome: s.chrome("entities", "Delete "+name), Name: name, Action: entityURL(e.ID) + "/delete", Back: entityURL(e.ID), File: e.ManagedBy, Problem: problem,
	}
	if s.deps.Searcher != nil {
		if res, err := s.deps.Searcher.Search(r.Context(), pipeline.SearchRequest{Query: term("entity", e.ID), Limit: 1}); err == nil && res.Total > 1 {
			p.Articles = number(res.Total) + " articles"
		}
	}
	s.render(w, status, "entity_delete", p)
}

func (s *Server) deleteEntityForm(w http.ResponseWriter, r *http.Request) {
	e, ok := s.editable(w, r)
	if !ok {
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	tags := r.PostFormValue("tags")
	if tags != tagsRemove && tags != tagsKeep {
		s.renderDelete(w, r, http.StatusUnprocessableEntity, e, "Say what is to become of its tags.")
		return
	}
	if err := s.deleteEntity(r.Context(), e.ID, tags == tagsKeep); err != nil {
		p := s.problemOf(r.Context(), "Entity "+e.ID, err)
		s.renderDelete(w, r, p.Status, e, p.Detail)
		return
	}
	http.Redirect(w, r, entitiesPath, http.StatusSeeOther)
}
