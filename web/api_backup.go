package web

import (
	"context"
	"errors"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
)

// Why there is no backup now.
var (
	ErrBusy    = errors.New("web: another is under way")
	ErrNoIndex = errors.New("web: no index in this process")
)

// BackupOptions say what is in a backup beside the streams and buckets.
type BackupOptions struct {
	Pages   bool // the pages that were kept
	NoIndex bool // without the index
}

type backupInput struct {
	Pages bool `query:"pages" doc:"With the pages that were kept (extract.archive)."`
	Index bool `query:"index" default:"true" doc:"With the index. Without it only what the stream of articles still holds can be searched after a restore."`
}

func (s *Server) routeBackup() {
	// The command line's backup, nightly: gigabytes.
	o := op(http.MethodPost, "/backup", "backup", "operation", "Write a backup of everything, while work goes on")
	o.Responses = map[string]*huma.Response{"200": {
		Description: "A tar, packed by zstd. One that breaks off has no manifest at its end, and is refused by newswatch restore.",
		Content:     map[string]*huma.MediaType{"application/zstd": {}},
	}}
	huma.Register(s.api, o, func(_ context.Context, in *backupInput) (*huma.StreamResponse, error) {
		if s.deps.Backup == nil {
			return nil, notHere("Backup")
		}
		return &huma.StreamResponse{Body: func(hc huma.Context) {
			r, w := humago.Unwrap(hc)
			s.backup(w, r, BackupOptions{Pages: in.Pages, NoIndex: !in.Index})
		}}, nil
	})
}

func (s *Server) backup(w http.ResponseWriter, r *http.Request, opt BackupOptions) {
	w.Header().Set("Content-Type", "application/zstd")
	w.Header().Set("Cache-Control", "no-store")
	out := &deadlineWriter{w: w, rc: http.NewResponseController(w)}
	err := s.deps.Backup(r.Context(), out, opt)
	switch {
	case err == nil:
	case errors.Is(err, ErrBusy):
		newProblem(http.StatusConflict, "Another backup is being written.").write(w)
	case errors.Is(err, ErrNoIndex):
		newProblem(http.StatusServiceUnavailable, "This process has no index: ask the one that has, or leave the index out.").write(w)
	case !out.wrote:
		s.problemOf(r.Context(), "Backup", err).write(w)
	default:
		s.lg.Error("backup broke off", "error", err)
		// Half a backup must not look like a whole one.
		panic(http.ErrAbortHandler)
	}
}
