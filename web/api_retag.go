package web

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/newswatch/newswatch/pipeline"
	"github.com/newswatch/newswatch/pipeline/catalog"
)

// A Retagger applies the entities to the articles there are.
type Retagger interface {
	// Start asks for articles to be tagged anew.
	Start(ctx context.Context, req pipeline.RetagRequest) error
	// Passes are those under way and the last ones, newest first.
	Passes(ctx context.Context) ([]pipeline.RetagPass, error)
	// Entity is how far one is applied, or pipeline.ErrNotFound.
	Entity(ctx context.Context, id string) (pipeline.RetagEntity, error)
	// Keep says, before an entity is deleted, whether its tags stay.
	Keep(ctx context.Context, id string, keep bool) error
}

// What becomes of the tags of an entity that is deleted.
const (
	tagsRemove = "remove"
	tagsKeep   = "keep"
)

type retagInput struct {
	Body struct {
		Entities []string `json:"entities,omitempty" maxItems:"1000" doc:"Ids: articles that may mention these. Absent: all articles."`
		Alert    bool     `json:"alert,omitempty" doc:"Watches that match by the new tags and did not as news alert, by their rules."`
	}
}

type deleteEntityInput struct {
	ID   string `path:"id" maxLength:"256"`
	Tags string `query:"tags" enum:"remove,keep" default:"remove" doc:"What becomes of its tags in the articles there are."`
}

func (s *Server) routeRetag() {
	// The command line's retag: after an upgrade, or for alerts on what was found.
	start := op(http.MethodPost, "/retag", "start-retag", "operation", "Tag articles of the archive anew by the entities as they are; changes of entities do so by themselves")
	start.DefaultStatus = http.StatusAccepted
	huma.Register(s.api, start, func(ctx context.Context, in *retagInput) (*struct{ Body pipeline.RetagRequest }, error) {
		if s.deps.Retag == nil {
			return nil, notHere("Tagging anew")
		}
		for _, id := range in.Body.Entities {
			if err := s.tagged(ctx, id); err != nil {
				return nil, err
			}
		}
		var id [6]byte
		rand.Read(id[:]) // never fails
		req := pipeline.RetagRequest{ID: hex.EncodeToString(id[:]), Asked: s.now().UTC(), Entities: in.Body.Entities, Alert: in.Body.Alert}
		if err := s.deps.Retag.Start(ctx, req); err != nil {
			return nil, s.problemOf(ctx, "Tagging anew", err)
		}
		return &struct{ Body pipeline.RetagRequest }{req}, nil
	})
	huma.Register(s.api, op(http.MethodGet, "/retag", "list-retag", "operation", "Passes over the archive that are under way, and the last ones, newest first"),
		func(ctx context.Context, _ *struct{}) (*listOutput[pipeline.RetagPass], error) {
			if s.deps.Retag == nil {
				return nil, notHere("Tagging anew")
			}
			passes, err := s.deps.Retag.Passes(ctx)
			if err != nil {
				return nil, s.problemOf(ctx, "Tagging anew", err)
			}
			return newList(passes, ""), nil
		})
	huma.Register(s.api, op(http.MethodGet, "/entities/{id}/retag", "entity-retag", "catalog", "How far an entity is applied to the articles there are"),
		func(ctx context.Context, in *idInput) (*struct{ Body pipeline.RetagEntity }, error) {
			if s.deps.Retag == nil {
				return nil, notHere("Tagging anew")
			}
			e, err := s.deps.Retag.Entity(ctx, in.ID)
			if err != nil {
				return nil, s.problemOf(ctx, "Entity "+in.ID, err)
			}
			return &struct{ Body pipeline.RetagEntity }{e}, nil
		})
	huma.Register(s.api, op(http.MethodDelete, "/entities/{id}", "delete-entity", "catalog", "Delete an entity, and its tags in the articles there are or not"),
		func(ctx context.Context, in *deleteEntityInput) (*struct{}, error) {
			if s.deps.Editor == nil {
				return nil, notHere("Catalog")
			}
			if err := s.deleteEntity(ctx, in.ID, in.Tags == tagsKeep); err != nil {
				return nil, s.problemOf(ctx, "entity "+in.ID, err)
			}
			return nil, nil //nolint:nilnil // huma's way to answer 204
		})
}

// tagged reports whether there is, or was with its tags kept, such an entity:
// nil, or a *problem.
func (s *Server) tagged(ctx context.Context, id string) error {
	if s.deps.Catalog != nil && s.deps.Catalog.Snapshot().Entity(id) != nil {
		return nil
	}
	if _, err := s.deps.Retag.Entity(ctx, id); errors.Is(err, pipeline.ErrNotFound) {
		return newProblem(http.StatusNotFound, "There is no entity "+id+".")
	} else if err != nil {
		return s.problemOf(ctx, "Entity "+id, err)
	}
	return nil
}

// deleteEntity deletes one. What becomes of its tags is said before.
func (s *Server) deleteEntity(ctx context.Context, id string, keep bool) error {
	if s.deps.Retag != nil && s.deps.Catalog != nil && s.deps.Catalog.Snapshot().Entity(id) != nil {
		if err := s.deps.Retag.Keep(ctx, id, keep); err != nil {
			return err
		}
	}
	err := s.deps.Editor.Delete(ctx, catalog.KindEntity, id, catalog.DeleteOptions{})
	if err != nil && keep && s.deps.Retag != nil {
		// It stays, and when it goes one day that is asked again.
		if kerr := s.deps.Retag.Keep(context.WithoutCancel(ctx), id, false); kerr != nil {
			s.lg.Warn("tags of an entity are kept when it is deleted", "entity", id, "error", kerr)
		}
	}
	return err
}
