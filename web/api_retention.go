package web

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/newswatch/newswatch/pipeline"
)

// retention is the answer: how it is set, its last run, and what it would do.
type retention struct {
	pipeline.RetentionStatus
	Preview *pipeline.RetentionReport `json:"preview,omitempty"`
}

type retentionInput struct {
	Preview bool `query:"preview" doc:"With what would be removed now."`
}

func (s *Server) routeRetention() {
	// The command line's retention, after the rules were changed.
	huma.Register(s.api, op(http.MethodGet, "/retention", "get-retention", "operation", "What retention removed from the index last and, with preview, what it would remove now"),
		func(ctx context.Context, in *retentionInput) (*struct{ Body retention }, error) {
			if s.deps.Retention == nil {
				return nil, notHere("Retention")
			}
			out := retention{RetentionStatus: s.deps.Retention.Retention()}
			if in.Preview {
				rep, err := s.deps.Retention.Retain(ctx, true)
				if err != nil {
					return nil, s.problemOf(ctx, "Retention", err)
				}
				out.Preview = &rep
			}
			return &struct{ Body retention }{out}, nil
		})
	start := op(http.MethodPost, "/retention", "start-retention", "operation", "Remove now what retention would remove within a day")
	start.DefaultStatus = http.StatusAccepted
	huma.Register(s.api, start, func(context.Context, *struct{}) (*struct{ Body retention }, error) {
		if s.deps.Retention == nil {
			return nil, notHere("Retention")
		}
		// As it was before: who asked waits for another run than the last.
		out := retention{RetentionStatus: s.deps.Retention.Retention()}
		if out.On {
			s.deps.Retention.RetainSoon()
		}
		return &struct{ Body retention }{out}, nil
	})
}
