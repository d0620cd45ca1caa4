package web

import (
	"context"
	"net/http"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"

	"github.com/newswatch/newswatch/pipeline"
)

// An Explainer says of an article what the names and the watches of the catalog
// make of it now.
type Explainer interface {
	// Findings lists every place where a form of one of the entity's names
	// stands, in order, title first.
	Findings(a pipeline.Article, entity string) []Finding
	Verdict(a pipeline.Article, watch string) WatchVerdict
}

// A Finding is a place where a form of an entity's name stands, and why it does
// not count.
type Finding struct {
	pipeline.Mention
	Blocked string `json:"blocked,omitempty" doc:"Why the place does not count, in words; absent: it counts."`
	Before  string `json:"before" doc:"What stands before it."`
	After   string `json:"after" doc:"What stands after it."`
}

// A WatchVerdict says why a watch alerts on an article, or why not.
type WatchVerdict struct {
	ID      string          `json:"id"`
	Name    string          `json:"name"`
	Query   string          `json:"query"`
	Matched bool            `json:"matched" doc:"The query matches the article."`
	Reason  string          `json:"reason" doc:"Why it alerts or not, in words."`
	Alerts  []string        `json:"alerts" doc:"Ids of the alerts the article has a part in."`
	Spans   []pipeline.Span `json:"spans" doc:"What matched."`
	Missing []MissingPart   `json:"missing" doc:"What did not."`
}

// A MissingPart is a part of a query that kept an article from matching.
type MissingPart struct {
	Pos  int    `json:"pos" doc:"Bytes into the query."`
	End  int    `json:"end"`
	Part string `json:"part"`
	Why  string `json:"why"`
}

// An EntityVerdict says why an article mentions an entity, or why not.
type EntityVerdict struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	Mentioned bool      `json:"mentioned" doc:"By the names of now."`
	Stored    bool      `json:"stored" doc:"The article is kept with a mention of it; by the names of when it was tagged."`
	Reason    string    `json:"reason" doc:"In words."`
	Findings  []Finding `json:"findings"`
}

// An Explanation is one or both of the verdicts on an article.
type Explanation struct {
	Article string         `json:"article"`
	Entity  *EntityVerdict `json:"entity,omitempty"`
	Watch   *WatchVerdict  `json:"watch,omitempty"`
}

type explainInput struct {
	ID     string `path:"id" maxLength:"256"`
	Entity string `query:"entity" maxLength:"256" doc:"Id of an entity."`
	Watch  string `query:"watch" maxLength:"256" doc:"Id of a watch."`
}

func (s *Server) routeExplain() {
	// The command line's get article --explain, and whoever wonders, seldom.
	huma.Register(s.api, op(http.MethodGet, "/articles/{id}/explain", "explain-article", "search", "Why an article mentions an entity or matches a watch, or why not"),
		func(ctx context.Context, in *explainInput) (*struct{ Body Explanation }, error) {
			if in.Entity == "" && in.Watch == "" {
				return nil, newProblem(http.StatusUnprocessableEntity, "Say what to explain: entity=ID, watch=ID, or both.")
			}
			if s.deps.Articles == nil || s.deps.Explain == nil {
				return nil, notHere("Explanations")
			}
			a, err := s.deps.Articles.Article(ctx, in.ID)
			if err != nil {
				return nil, s.problemOf(ctx, "Article "+in.ID, err)
			}
			ex, p := s.explain(a, in.Entity, in.Watch)
			if p != nil {
				return nil, p
			}
			return &struct{ Body Explanation }{ex}, nil
		})
}

// explain gives the verdicts asked for; ids may be empty.
func (s *Server) explain(a pipeline.Article, entity, watch string) (Explanation, *problem) {
	ex := Explanation{Article: a.ID}
	c := s.names().catalog
	if entity != "" {
		e := c.Entity(entity)
		if e == nil {
			return ex, newProblem(http.StatusNotFound, "There is no entity "+entity+".")
		}
		v := entityVerdict(a, entity, s.deps.Explain.Findings(a, entity))
		v.Name = e.Name
		ex.Entity = &v
	}
	if watch != "" {
		w := c.Watch(watch)
		if w == nil {
			return ex, newProblem(http.StatusNotFound, "There is no watch "+watch+".")
		}
		v := s.deps.Explain.Verdict(a, watch)
		v.ID, v.Name, v.Query = watch, w.Name, w.Query
		v.Alerts, v.Spans, v.Missing = notNil(v.Alerts), notNil(v.Spans), notNil(v.Missing)
		ex.Watch = &v
	}
	return ex, nil
}

func notNil[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// explainRound is how many characters are shown on either side of a finding.
const explainRound = 60

// entityVerdict sums up the findings.
func entityVerdict(a pipeline.Article, entity string, findings []Finding) EntityVerdict {
	v := EntityVerdict{ID: entity, Findings: notNil(findings)}
	counts := 0
	for i := range v.Findings {
		f := &v.Findings[i]
		if f.Blocked == "" {
			counts++
		}
		text := a.Text
		if f.Field == pipeline.FieldTitle {
			text = a.Title
		}
		if f.Start >= 0 && f.Start <= f.End && f.End <= len(text) && utf8.ValidString(text[f.Start:f.End]) {
			f.Before, f.After = pipeline.Excerpt(text, f.Start, f.End, explainRound)
		}
	}
	v.Mentioned = counts > 0
	for _, id := range a.Entities() {
		v.Stored = v.Stored || id == entity
	}
	blocked := len(v.Findings) - counts
	switch {
	case counts > 0 && blocked > 0:
		v.Reason = "mentioned: " + count(counts, "place counts", "places count") + ", " + count(blocked, "does", "do") + " not"
	case counts > 0:
		v.Reason = "mentioned in " + count(counts, "place", "places")
	case blocked > 0:
		v.Reason = "not mentioned: its name stands in " + count(blocked, "place that does", "places that do") + " not count"
	default:
		v.Reason = "not mentioned: none of its names stands in the title or the text"
	}
	switch {
	case v.Mentioned && !v.Stored:
		v.Reason += "; the article was tagged by other names and is kept without it"
	case !v.Mentioned && v.Stored:
		v.Reason += "; the article was tagged by other names and is kept with it"
	}
	return v
}
