package web

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

// A Reextractor has kept pages read anew, by every process that keeps some.
type Reextractor interface {
	// Start begins it, in place of one under way.
	Start(ctx context.Context, req Reextract) error
	// Last is what was asked for last, and how each process has come on with
	// it; pipeline.ErrNotFound: nothing was, or it was stopped.
	Last(ctx context.Context) (Reextract, []ReextractProgress, error)
	// Stop ends it; pipeline.ErrNotFound: there is none.
	Stop(ctx context.Context) error
}

// A Reextract says which kept pages to read anew.
type Reextract struct {
	ID     string    `json:"id"`
	Asked  time.Time `json:"asked"`
	Since  time.Time `json:"since,omitzero" doc:"Pages fetched then or later; absent: all."`
	Source string    `json:"source,omitempty" doc:"Pages of the source with this id; absent: of all."`
	DryRun bool      `json:"dry_run" doc:"What would change is counted, and nothing changed."`
}

// States of a process's part in a re-extraction.
const (
	ReextractRunning = "running"
	ReextractDone    = "done"
	ReextractFailed  = "failed"
	ReextractNone    = "none" // it keeps no pages
)

// A ReextractProgress is how far a process has come with it.
type ReextractProgress struct {
	Request string    `json:"request" doc:"Id of what was asked for."`
	Process string    `json:"process"`
	State   string    `json:"state" enum:"running,done,failed,none" doc:"None: it keeps no pages."`
	Error   string    `json:"error,omitempty" doc:"Why it failed."`
	Pages   int       `json:"pages" doc:"Read so far: the newest of each article."`
	Changed int       `json:"changed" doc:"That gave another text."`
	Same    int       `json:"same" doc:"That gave the text there is."`
	Skipped int       `json:"skipped" doc:"Whose article was edited or fetched since, or is there no longer."`
	Updated time.Time `json:"updated"`
}

// reextraction is the answer: what was asked for, and how it goes.
type reextraction struct {
	Reextract
	Processes []ReextractProgress `json:"processes" doc:"That have begun; each reads the pages it keeps."`
}

type reextractInput struct {
	Body struct {
		Since  string `json:"since,omitempty" doc:"An RFC 3339 time or a day: pages fetched then or later."`
		Source string `json:"source,omitempty" doc:"Id of a source: its pages alone."`
		DryRun bool   `json:"dry_run,omitempty" doc:"Count what would change, and change nothing."`
	}
}

func (s *Server) routeReextract() {
	// The command line's reindex --extract, after the rules of a source were mended.
	start := op(http.MethodPost, "/reextract", "start-reextract", "operation", "Read the kept pages anew, in place of a run under way; articles whose text changes are revised without alerts")
	start.DefaultStatus = http.StatusAccepted
	huma.Register(s.api, start, func(ctx context.Context, in *reextractInput) (*struct{ Body reextraction }, error) {
		if s.deps.Reextract == nil {
			return nil, notHere("Reading pages anew")
		}
		since, err := parseWhen(in.Body.Since)
		if err != nil {
			p := badTime("since", in.Body.Since)
			p.Errors[0].Location = "body.since"
			return nil, p
		}
		if in.Body.Source != "" && s.deps.Catalog != nil && s.deps.Catalog.Snapshot().Source(in.Body.Source) == nil {
			return nil, newProblem(http.StatusNotFound, "There is no source "+in.Body.Source+".")
		}
		var id [6]byte
		rand.Read(id[:]) // never fails
		req := Reextract{ID: hex.EncodeToString(id[:]), Asked: s.now().UTC(), Since: since.UTC(), Source: in.Body.Source, DryRun: in.Body.DryRun}
		if since.IsZero() {
			req.Since = time.Time{}
		}
		if err := s.deps.Reextract.Start(ctx, req); err != nil {
			return nil, s.problemOf(ctx, "Reading pages anew", err)
		}
		return &struct{ Body reextraction }{reextraction{req, []ReextractProgress{}}}, nil
	})
	huma.Register(s.api, op(http.MethodGet, "/reextract", "get-reextract", "operation", "How the reading of kept pages asked for last goes"),
		func(ctx context.Context, _ *struct{}) (*struct{ Body reextraction }, error) {
			if s.deps.Reextract == nil {
				return nil, notHere("Reading pages anew")
			}
			req, progress, err := s.deps.Reextract.Last(ctx)
			if err != nil {
				return nil, s.problemOf(ctx, "Reading pages anew", err)
			}
			if progress == nil {
				progress = []ReextractProgress{}
			}
			return &struct{ Body reextraction }{reextraction{req, progress}}, nil
		})
	huma.Register(s.api, op(http.MethodDelete, "/reextract", "stop-reextract", "operation", "Stop the reading of kept pages; what was changed stays"),
		func(ctx context.Context, _ *struct{}) (*struct{}, error) {
			if s.deps.Reextract == nil {
				return nil, notHere("Reading pages anew")
			}
			if err := s.deps.Reextract.Stop(ctx); err != nil {
				return nil, s.problemOf(ctx, "Reading pages anew", err)
			}
			return nil, nil
		})
}
