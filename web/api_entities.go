package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/newswatch/newswatch/pipeline"
	"github.com/newswatch/newswatch/pipeline/catalog"
)

// putEntityInput is a putInput with the choice to store what fails its tests.
type putEntityInput struct {
	ID          string `path:"id" maxLength:"256"`
	IfMatch     string `header:"If-Match" doc:"The ETag the object must have."`
	IfNoneMatch string `header:"If-None-Match" enum:"*" doc:"Refuse an object that is there already."`
	Force       bool   `query:"force" doc:"Store it even where one of its tests fails."`
	Body        catalog.Entity
	RawBody     []byte
}

type previewInput struct {
	Body struct {
		ID     string          `json:"id,omitempty" maxLength:"64" doc:"An entity of the catalog as it is."`
		Entity *catalog.Entity `json:"entity,omitempty" doc:"Or one that is not saved yet."`
		Since  string          `json:"since,omitempty" maxLength:"40" doc:"Only articles published since: 30d, 12h, 2w, a day or an RFC 3339 time." example:"30d"`
	}
}

func (s *Server) routeEntities() {
	huma.Register(s.api, entityRoutes.putOp(), func(ctx context.Context, in *putEntityInput) (*objectOutput[catalog.Entity], error) {
		return entityRoutes.put(ctx, s, &putInput[catalog.Entity]{
			ID: in.ID, IfMatch: in.IfMatch, IfNoneMatch: in.IfNoneMatch, Body: in.Body, RawBody: in.RawBody, force: in.Force,
		})
	})
	// The command line's entities test, and the form that adds an entity.
	preview := op(http.MethodPost, "/entities:preview", "preview-entity", "catalog", "What an entity finds in the articles there are; nothing is stored")
	preview.MaxBodyBytes = maxObject
	huma.Register(s.api, preview, s.apiPreview)
	// Dashboards, seldom.
	huma.Register(s.api, op(http.MethodGet, "/entities/{id}/timeline", "entity-timeline", "catalog", "Articles that mention an entity, by the day of publication"),
		func(ctx context.Context, in *aboutInput) (*listOutput[pipeline.TimeCount], error) {
			res, err := s.about(ctx, in, pipeline.SearchRequest{Timeline: true})
			if err != nil {
				return nil, err
			}
			return newList(res.Timeline, ""), nil
		})
	for _, by := range []struct{ path, facet, summary string }{
		{"sources", "source", "Sources whose articles mention an entity, most first"},
		{"comentions", "entity", "Entities mentioned in the same articles as an entity, most first"},
	} {
		huma.Register(s.api, op(http.MethodGet, "/entities/{id}/"+by.path, "entity-"+by.path, "catalog", by.summary),
			func(ctx context.Context, in *aboutInput) (*listOutput[namedCount], error) {
				res, err := s.about(ctx, in, pipeline.SearchRequest{Facets: []string{by.facet}})
				if err != nil {
					return nil, err
				}
				var items []namedCount
				n := s.names()
				for _, c := range res.Facets[by.facet] {
					if by.facet != "entity" || c.Value != in.ID {
						items = append(items, namedCount{ID: c.Value, Name: n.facet(by.facet, c.Value), Count: c.Count})
					}
				}
				return newList(items, ""), nil
			})
	}
}

// aboutInput asks what the articles say of an entity.
type aboutInput struct {
	ID    string `path:"id" maxLength:"256"`
	Since string `query:"since" maxLength:"40" doc:"Only articles published since: 30d, 12h, 2w, a day or an RFC 3339 time." example:"30d"`
}

// namedCount is a source or an entity and in how many articles it is.
type namedCount struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	Count int    `json:"count" doc:"Articles."`
}

// about asks the index of the articles that mention an entity.
func (s *Server) about(ctx context.Context, in *aboutInput, req pipeline.SearchRequest) (pipeline.SearchResult, error) {
	if s.deps.Searcher == nil || s.deps.Catalog == nil {
		return pipeline.SearchResult{}, notHere("Search")
	}
	if s.deps.Catalog.Snapshot().Entity(in.ID) == nil {
		return pipeline.SearchResult{}, newProblem(http.StatusNotFound, "There is no entity "+in.ID+".")
	}
	since, ok := sinceTime(in.Since, s.now())
	if !ok {
		return pipeline.SearchResult{}, badSince(in.Since)
	}
	req.Query, req.Limit, req.From = term("entity", in.ID), 1, since
	res, err := s.deps.Searcher.Search(ctx, req)
	if err != nil {
		return res, s.problemOf(ctx, "Search", err)
	}
	return res, nil
}

func badSince(v string) *problem {
	return newProblem(http.StatusUnprocessableEntity, fmt.Sprintf("since: %q is neither a span such as 30d, 12h or 2w nor a day or time.", v))
}

func (s *Server) apiPreview(ctx context.Context, in *previewInput) (*struct{ Body pipeline.Preview }, error) {
	e := in.Body.Entity
	switch {
	case e != nil && in.Body.ID != "", e == nil && in.Body.ID == "":
		return nil, newProblem(http.StatusUnprocessableEntity, "Give either the id of an entity or an entity.")
	case e == nil:
		if e = s.names().catalog.Entity(in.Body.ID); e == nil {
			return nil, newProblem(http.StatusNotFound, "There is no entity "+in.Body.ID+".")
		}
	}
	since, ok := sinceTime(in.Body.Since, s.now())
	if !ok {
		return nil, badSince(in.Body.Since)
	}
	p, err := s.preview(ctx, *e, since)
	if err != nil {
		return nil, s.problemOf(ctx, "Preview", err)
	}
	return &struct{ Body pipeline.Preview }{p}, nil
}

// preview validates the entity and looks what it finds.
func (s *Server) preview(ctx context.Context, e catalog.Entity, since time.Time) (pipeline.Preview, error) {
	if s.deps.Preview == nil {
		return pipeline.Preview{}, notHere("Preview")
	}
	if err := e.Validate(); err != nil {
		return pipeline.Preview{}, err
	}
	return s.deps.Preview(ctx, e, since)
}

// sinceTime reads a span before now, a day or a time; empty: the zero time.
func sinceTime(v string, now time.Time) (time.Time, bool) {
	if t, err := parseWhen(v); err == nil {
		return t, true
	}
	units := map[byte]time.Duration{'h': time.Hour, 'd': 24 * time.Hour, 'w': 7 * 24 * time.Hour}
	n, err := strconv.Atoi(v[:len(v)-1])
	unit := units[v[len(v)-1]]
	if err != nil || unit == 0 || n < 1 || n > 100_000 {
		return time.Time{}, false
	}
	return now.Add(-time.Duration(n) * unit), true
}

// runTests runs the tests of the catalog's entities; the error is of the
// catalog, with a field for each that fails.
func (s *Server) runTests(c *catalog.Catalog) error {
	if s.deps.Tests == nil {
		return nil
	}
	var errs []error
	for i, failures := range s.deps.Tests(c.Entities) {
		for _, f := range failures {
			errs = append(errs, c.Fault(catalog.KindEntity, i, f.Field, "the test fails: "+f.Msg+"; force stores it all the same"))
		}
	}
	return errors.Join(errs...)
}
