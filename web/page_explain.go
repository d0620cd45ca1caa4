package web

import (
	"context"
	"fmt"
	"net/url"
	"slices"

	"github.com/newswatch/newswatch/pipeline"
)

// maxChoices is how many entities or watches a page lists to choose from.
const maxChoices = 1000

// whyView is the part of an article's page that explains.
type whyView struct {
	Entities, Watches []option
	Problem           string
	Entity            *entityWhy
	Watch             *watchWhy
}

type entityWhy struct {
	Name, Reason string
	Findings     []findingRow
}

type findingRow struct {
	Before, Text, After string
	Blocked             bool
	Note                string
}

type watchWhy struct {
	Name, Reason, Query string
	Alerts              []linkView
}

// whyURL is the article's page with an entity explained.
func whyURL(article, entity string) string {
	return articleURL(article) + "?entity=" + url.QueryEscape(entity) + "#why"
}

func (s *Server) whyView(ctx context.Context, a pipeline.Article, entity, watch string) *whyView {
	if s.deps.Explain == nil {
		return nil
	}
	c := s.names().catalog
	v := &whyView{Entities: []option{{Label: "none"}}, Watches: []option{{Label: "none"}}}
	for _, e := range c.Entities {
		if e.ID == entity || len(v.Entities) < maxChoices || slices.Contains(a.Entities(), e.ID) {
			v.Entities = append(v.Entities, option{Value: e.ID, Label: e.Name, Selected: e.ID == entity})
		}
	}
	for _, w := range c.Watches {
		if w.ID == watch || len(v.Watches) < maxChoices {
			v.Watches = append(v.Watches, option{Value: w.ID, Label: w.Name, Selected: w.ID == watch})
		}
	}
	if entity == "" && watch == "" {
		return v
	}
	ex, p := s.explain(a, entity, watch)
	if p != nil {
		v.Problem = p.Detail
		return v
	}
	if ex.Entity != nil {
		v.Entity = &entityWhy{Name: ex.Entity.Name, Reason: ex.Entity.Reason}
		for _, f := range ex.Entity.Findings {
			v.Entity.Findings = append(v.Entity.Findings, findingRow{f.Before, f.Text, f.After, f.Blocked != "", findingNote(f)})
		}
	}
	if ex.Watch != nil {
		v.Watch = &watchWhy{Name: ex.Watch.Name, Reason: ex.Watch.Reason, Query: ex.Watch.Query}
		for _, id := range ex.Watch.Alerts {
			if s.deps.Alerts == nil {
				break
			}
			if _, err := s.deps.Alerts.Get(ctx, id); err == nil { // the watch may be younger than the article
				v.Watch.Alerts = append(v.Watch.Alerts, linkView{"Its alert", "/alerts/" + url.PathEscape(id)})
			}
		}
	}
	return v
}

// findingNote says in a line what became of a place.
func findingNote(f Finding) string {
	note := fmt.Sprintf("%s, name %q, rule %s, confidence %.2f", f.Field, f.Name, f.Rule, f.Confidence)
	if f.Blocked != "" {
		note += "; does not count: " + f.Blocked
	}
	return note
}
