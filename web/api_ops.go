package web

import (
	"context"
	"net/http"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"

	"github.com/newswatch/newswatch/pipeline"
)

func (s *Server) routeAlerts() {
	// Who looks alerts up from elsewhere, now and then.
	huma.Register(s.api, op(http.MethodGet, "/alerts", "list-alerts", "alerts", "List alerts, newest first"),
		func(ctx context.Context, in *listInput) (*listOutput[pipeline.Alert], error) {
			if s.deps.Alerts == nil {
				return nil, notHere("Alerts")
			}
			alerts, next, err := s.deps.Alerts.List(ctx, in.Cursor, in.Limit)
			if err != nil {
				return nil, s.problemOf(ctx, "Alerts", err)
			}
			return newList(alerts, next), nil
		})
	huma.Register(s.api, op(http.MethodGet, "/alerts/{id}", "get-alert", "alerts", "One alert with its receipt and the attempts to deliver it"),
		func(ctx context.Context, in *idInput) (*struct{ Body pipeline.Alert }, error) {
			if s.deps.Alerts == nil {
				return nil, notHere("Alerts")
			}
			a, err := s.deps.Alerts.Get(ctx, in.ID)
			if err != nil {
				return nil, s.problemOf(ctx, "Alert "+in.ID, err)
			}
			return &struct{ Body pipeline.Alert }{a}, nil
		})
}

type deadListInput struct {
	Limit  int    `query:"limit" minimum:"1" maximum:"200" default:"50" doc:"Items wanted."`
	Cursor string `query:"cursor" doc:"next_cursor of the page before."`
	Stage  string `query:"stage" doc:"Only of this stage."`
	Reason string `query:"reason" doc:"Only with this reason."`
}

// deadDetail is a dead letter with the message that was set aside.
type deadDetail struct {
	pipeline.DeadLetter
	Body       string `json:"body,omitempty" doc:"The message, where it is text."`
	BodyBase64 []byte `json:"body_base64,omitempty" doc:"The message, where it is not."`
}

func withBody(d pipeline.DeadLetter) deadDetail {
	l := deadDetail{DeadLetter: d}
	if utf8.Valid(d.Body) {
		l.Body = string(d.Body)
	} else {
		l.BodyBase64 = d.Body
	}
	return l
}

func (s *Server) routeDead() {
	// The operator and the command line's dead, after something went wrong.
	huma.Register(s.api, op(http.MethodGet, "/dead", "list-dead", "operation", "List dead letters, newest first"),
		func(ctx context.Context, in *deadListInput) (*listOutput[pipeline.DeadLetter], error) {
			if s.deps.Dead == nil {
				return nil, notHere("Dead letters")
			}
			letters, next, err := s.deps.Dead.List(ctx, DeadQuery{Stage: in.Stage, Reason: in.Reason, After: in.Cursor, Limit: in.Limit})
			if err != nil {
				return nil, s.problemOf(ctx, "Dead letters", err)
			}
			return newList(letters, next), nil
		})
	huma.Register(s.api, op(http.MethodGet, "/dead/{id}", "get-dead", "operation", "One dead letter with its message"),
		func(ctx context.Context, in *idInput) (*struct{ Body deadDetail }, error) {
			if s.deps.Dead == nil {
				return nil, notHere("Dead letters")
			}
			d, err := s.deps.Dead.Get(ctx, in.ID)
			if err != nil {
				return nil, s.problemOf(ctx, "Dead letter "+in.ID, err)
			}
			return &struct{ Body deadDetail }{withBody(d)}, nil
		})
	huma.Register(s.api, op(http.MethodPost, "/dead/{id}:replay", "replay-dead", "operation", "Hand a dead letter to its stage again"),
		func(ctx context.Context, in *idInput) (*struct{}, error) { return nil, s.settleDead(ctx, in.ID, true) })
	huma.Register(s.api, op(http.MethodDelete, "/dead/{id}", "drop-dead", "operation", "Throw a dead letter away"),
		func(ctx context.Context, in *idInput) (*struct{}, error) { return nil, s.settleDead(ctx, in.ID, false) })
}

// settleDead replays or drops a dead letter. Its error is a *problem or nil.
func (s *Server) settleDead(ctx context.Context, id string, replay bool) error {
	if s.deps.Dead == nil {
		return notHere("Dead letters")
	}
	settle := s.deps.Dead.Drop
	if replay {
		settle = s.deps.Dead.Replay
	}
	if err := settle(ctx, id); err != nil {
		return s.problemOf(ctx, "Dead letter "+id, err)
	}
	s.lg.Info("dead letter settled", "id", id, "replayed", replay)
	return nil
}

func (s *Server) routeStatus() {
	// Monitoring and the command line's get status and doctor, every minute or so.
	huma.Register(s.api, op(http.MethodGet, "/status", "status", "operation", "How far every stage, the feeds and the index are"),
		func(ctx context.Context, _ *struct{}) (*struct{ Body Status }, error) {
			if s.deps.Status == nil {
				return nil, notHere("Status")
			}
			st, err := s.deps.Status(ctx)
			if err != nil {
				return nil, s.problemOf(ctx, "Status", err)
			}
			tidyStatus(&st)
			return &struct{ Body Status }{st}, nil
		})
}

func (s *Server) routeFeeds() {
	// Who looks into one source, and monitors of single feeds.
	huma.Register(s.api, op(http.MethodGet, "/sources/{id}/feeds", "source-feeds", "operation", "How each feed of a source does"),
		func(ctx context.Context, in *idInput) (*listOutput[FeedStatus], error) {
			if s.deps.Catalog == nil || s.deps.Feeds == nil {
				return nil, notHere("Feeds")
			}
			src := s.deps.Catalog.Snapshot().Source(in.ID)
			if src == nil {
				return nil, newProblem(http.StatusNotFound, "There is no source "+in.ID+".")
			}
			health, err := s.deps.Feeds.Feeds(ctx, in.ID)
			if err != nil {
				return nil, s.problemOf(ctx, "Feeds of "+in.ID, err)
			}
			return newList(feedsOf(src, health), ""), nil
		})
	// The same of its pages, for who keeps the rules of sources.
	huma.Register(s.api, op(http.MethodGet, "/sources/{id}/yield", "source-yield", "operation", "How much text the pages of a source give"),
		func(ctx context.Context, in *idInput) (*struct{ Body YieldStatus }, error) {
			if s.deps.Catalog == nil || s.deps.Yields == nil {
				return nil, notHere("Yields")
			}
			if s.deps.Catalog.Snapshot().Source(in.ID) == nil {
				return nil, newProblem(http.StatusNotFound, "There is no source "+in.ID+".")
			}
			y, err := s.deps.Yields.Yield(ctx, in.ID)
			if err != nil {
				return nil, s.problemOf(ctx, "Yield of "+in.ID, err)
			}
			return &struct{ Body YieldStatus }{y}, nil
		})
}

// tidyStatus makes missing lists empty ones.
func tidyStatus(st *Status) {
	if st.Stages == nil {
		st.Stages = []pipeline.StageStatus{}
	}
	if st.Streams == nil {
		st.Streams = []pipeline.StreamStatus{}
	}
	if st.Retag == nil {
		st.Retag = []pipeline.RetagPass{}
	}
	if st.Feeds.States == nil {
		st.Feeds.States = map[string]int{}
	}
	if st.Feeds.Failing == nil {
		st.Feeds.Failing = []FeedStatus{}
	}
}
