package web

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/newswatch/newswatch/pipeline"
)

type searchInput struct {
	Q        string   `query:"q" maxLength:"4096" doc:"The query; empty: everything."`
	Sort     string   `query:"sort" enum:"newest,oldest,relevance" default:"newest"`
	Limit    int      `query:"limit" minimum:"0" maximum:"200" default:"20" doc:"Hits wanted; 0: only the total."`
	Cursor   string   `query:"cursor" doc:"next_cursor of the page before."`
	Collapse string   `query:"collapse" enum:"none,copies,stories" default:"none" doc:"Fold copies, or whole stories, into one hit."`
	Facets   []string `query:"facets" enum:"source,lang,country,entity,tag,day" doc:"What to count by, separated by commas; day answers in timeline."`
	Interval string   `query:"interval" enum:"day,hour" default:"day" doc:"Unit of the timeline. Days and hours are of UTC."`
	From     string   `query:"from" doc:"Published at or after: an RFC 3339 time, or a day (UTC)." example:"2015-12-16"`
	To       string   `query:"to" doc:"Published before: an RFC 3339 time, or a day (UTC)." example:"2015-12-17"`
}

type searchOutput struct{ Body pipeline.SearchResult }

type articleOutput struct{ Body articleBody }

// articleBody is an article as the API shows it.
type articleBody struct {
	pipeline.Article
	SourceName string         `json:"source_name" doc:"The source's name in the catalog, or its id."`
	LatencyMS  articleLatency `json:"latency_ms" doc:"Milliseconds each step came after the one before it."`
}

// articleLatency has what is known; a step that was not taken is absent.
type articleLatency struct {
	FirstSeen *int64 `json:"first_seen,omitempty" doc:"From published."`
	Fetched   *int64 `json:"fetched,omitempty"`
	Extracted *int64 `json:"extracted,omitempty"`
	Indexed   *int64 `json:"indexed,omitempty"`
	Total     *int64 `json:"total,omitempty" doc:"From first seen to the last step."`
}

func (s *Server) routeSearch() {
	// Programs and the command line, often.
	huma.Register(s.api, op(http.MethodGet, "/search", "search", "search", "Search the articles"), s.apiSearch)
	huma.Register(s.api, op(http.MethodGet, "/articles/{id}", "get-article", "search", "One article with its text, mentions, times and provenance"), s.apiArticle)
}

func (s *Server) apiSearch(ctx context.Context, in *searchInput) (*searchOutput, error) {
	if s.deps.Searcher == nil {
		return nil, notHere("Search")
	}
	req := pipeline.SearchRequest{
		Query: in.Q, Sort: in.Sort, Limit: in.Limit, Cursor: in.Cursor, Collapse: in.Collapse, Interval: in.Interval,
	}
	if in.Limit == 0 {
		req.Limit = -1 // to the index 0 is the default
	}
	for _, f := range in.Facets {
		if f == "day" {
			req.Timeline = true
		} else {
			req.Facets = append(req.Facets, f)
		}
	}
	var err error
	if req.From, err = parseWhen(in.From); err != nil {
		return nil, badTime("from", in.From)
	}
	if req.To, err = parseWhen(in.To); err != nil {
		return nil, badTime("to", in.To)
	}
	res, err := s.deps.Searcher.Search(ctx, req)
	if err != nil {
		return nil, s.problemOf(ctx, "Search", err)
	}
	tidyResult(&res)
	return &searchOutput{Body: res}, nil
}

// tidyResult keeps the promises of the API: lists are never null, and a
// snippet is escaped text with <mark> whatever the index made of it.
func tidyResult(res *pipeline.SearchResult) {
	res.Hits = slices.Clone(res.Hits)
	if res.Hits == nil {
		res.Hits = []pipeline.Hit{}
	}
	for i := range res.Hits {
		h := &res.Hits[i]
		h.Snippet = string(safeSnippet(h.Snippet))
		if h.Entities == nil {
			h.Entities = []string{}
		}
	}
	if res.Warnings == nil {
		res.Warnings = []string{}
	}
}

// parseWhen reads a time or a day; empty is the zero time.
func parseWhen(v string) (time.Time, error) {
	if v == "" {
		return time.Time{}, nil
	}
	if t, err := time.Parse(time.DateOnly, v); err == nil {
		return t, nil
	}
	return time.Parse(time.RFC3339, v)
}

func badTime(param, v string) *problem {
	p := newProblem(http.StatusUnprocessableEntity, "validation failed")
	p.Errors = []*huma.ErrorDetail{{
		Message:  "expected an RFC 3339 time or a day such as 2015-12-16",
		Location: "query." + param,
		Value:    v,
	}}
	return p
}

func (s *Server) apiArticle(ctx context.Context, in *idInput) (*articleOutput, error) {
	if s.deps.Articles == nil {
		return nil, notHere("Articles")
	}
	a, err := s.deps.Articles.Article(ctx, in.ID)
	if err != nil {
		return nil, s.problemOf(ctx, "Article "+in.ID, err)
	}
	return &articleOutput{Body: articleBody{
		Article:    a,
		SourceName: s.names().source(a.Source),
		LatencyMS:  latencyOf(steps(a)),
	}}, nil
}

// A step is one thing that happened to an article.
type step struct {
	name  string
	at    time.Time
	after time.Duration // since the step before; negative where a clock was wrong
	first bool
}

// steps lists what happened to an article in the order of the pipeline, with
// the time each took. What did not happen is left out.
func steps(a pipeline.Article) []step {
	all := []step{
		{name: "published", at: a.Published},
		{name: "first_seen", at: a.FirstSeen},
		{name: "fetched", at: a.Fetched},
		{name: "extracted", at: a.Extracted},
		{name: "indexed", at: a.Indexed},
	}
	if a.PublishedFrom == pipeline.DateFromFirstSeen {
		all = all[1:] // nobody said when it was published
	}
	return elapsed(all)
}

// elapsed drops the steps that were not taken and times the others.
func elapsed(all []step) []step {
	all = slices.DeleteFunc(all, func(s step) bool { return s.at.IsZero() })
	for i := range all {
		if i == 0 {
			all[i].first = true
			continue
		}
		all[i].after = all[i].at.Sub(all[i-1].at)
	}
	return all
}

func latencyOf(all []step) articleLatency {
	var l articleLatency
	var seen, last time.Time
	for _, st := range all {
		last = st.at
		if st.name == "first_seen" {
			seen = st.at
		}
		if st.first {
			continue
		}
		ms := ptr(st.after.Milliseconds())
		switch st.name {
		case "first_seen":
			l.FirstSeen = ms
		case "fetched":
			l.Fetched = ms
		case "extracted":
			l.Extracted = ms
		case "indexed":
			l.Indexed = ms
		}
	}
	if !seen.IsZero() && last.After(seen) {
		l.Total = ptr(last.Sub(seen).Milliseconds())
	}
	return l
}
