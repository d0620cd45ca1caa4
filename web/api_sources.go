package web

import (
	"context"

	"github.com/danielgtaylor/huma/v2"

	"github.com/newswatch/newswatch/pipeline/catalog"
)

// sourceRoutes is of sources, whose list is in routeSources.
var sourceRoutes = kindRoutes[catalog.Source]{
	kind: catalog.KindSource, one: "source", many: "sources",
	all:     func(c *catalog.Catalog) []catalog.Source { return c.Sources },
	id:      func(o *catalog.Source) string { return o.ID },
	version: func(o *catalog.Source) string { return o.Version },
}

type sourcesInput struct {
	Limit  int    `query:"limit" minimum:"1" maximum:"200" default:"50" doc:"Items wanted."`
	Cursor string `query:"cursor" doc:"next_cursor of the page before."`
	State  string `query:"state" maxLength:"40" doc:"Only sources that have a feed in this state (new, ok, failing…; no feeds: that have none), or, for collapsed, whose pages give far less text than they used to: GET sources/{id}/yield tells why."`
}

func (s *Server) routeSources() {
	huma.Register(s.api, sourceRoutes.listOp(), func(ctx context.Context, in *sourcesInput) (*listOutput[catalog.Source], error) {
		if s.deps.Catalog == nil {
			return nil, notHere("Catalog")
		}
		all := sourceRoutes.all(s.deps.Catalog.Snapshot())
		if in.State != "" {
			var err error
			if all, err = s.inState(ctx, all, in.State); err != nil {
				return nil, err
			}
		}
		return sourceRoutes.page(all, &listInput{in.Limit, in.Cursor})
	})
}

// inState is the sources that are in the state, in their order.
func (s *Server) inState(ctx context.Context, all []catalog.Source, state string) ([]catalog.Source, error) {
	var thin map[string]string
	health := make(map[string][]FeedStatus)
	var err error
	switch {
	case state == collapsed && s.deps.Yields == nil:
		return nil, notHere("Yields")
	case state == collapsed:
		if thin, err = s.deps.Yields.Collapsed(ctx); err != nil {
			return nil, s.problemOf(ctx, "Yields", err)
		}
	case state == noFeeds: // the catalog tells
	case s.deps.Feeds == nil:
		return nil, notHere("Feeds")
	default:
		feeds, err := s.deps.Feeds.Feeds(ctx, "")
		if err != nil {
			return nil, s.problemOf(ctx, "Feeds", err)
		}
		for _, f := range feeds {
			health[f.Source] = append(health[f.Source], f)
		}
	}
	var out []catalog.Source
	for i := range all {
		if statesOf(feedsOf(&all[i], health[all[i].ID]), thin[all[i].ID])[state] > 0 {
			out = append(out, all[i])
		}
	}
	return out, nil
}
