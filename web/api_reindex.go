package web

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

// A Reindexer has the index made anew, by every process that has one.
type Reindexer interface {
	// Start begins it, in place of one under way.
	Start(ctx context.Context, req Reindex) error
	// Last is what was asked for last, and how each process has come on with
	// it; pipeline.ErrNotFound: nothing was, or it was stopped.
	Last(ctx context.Context) (Reindex, []ReindexProgress, error)
	// Stop ends it; pipeline.ErrNotFound: there is none.
	Stop(ctx context.Context) error
}

// A Reindex says what to make anew.
type Reindex struct {
	ID    string    `json:"id"`
	Asked time.Time `json:"asked"`
	All   bool      `json:"all" doc:"All partitions; else those that an older version made in another way."`
}

// States of a process's part in a reindexing.
const (
	ReindexRunning = "running"
	ReindexDone    = "done"
	ReindexFailed  = "failed"
)

// A ReindexProgress is how far a process has come with it.
type ReindexProgress struct {
	Request        string    `json:"request" doc:"Id of what was asked for."`
	Process        string    `json:"process"`
	State          string    `json:"state" enum:"running,done,failed"`
	Error          string    `json:"error,omitempty" doc:"Why it failed; while it is running, why the last try did."`
	Partition      string    `json:"partition,omitempty" doc:"That is being made anew."`
	Partitions     int       `json:"partitions" doc:"To be made anew in all."`
	PartitionsDone int       `json:"partitions_done"`
	Documents      int       `json:"documents" doc:"Articles of all these partitions."`
	DocumentsDone  int       `json:"documents_done"`
	Updated        time.Time `json:"updated"`
}

// ReindexSum is how far all processes together have come; the partition and the
// error are those of the first that has one.
func ReindexSum(ps []ReindexProgress) (sum ReindexProgress) {
	for _, p := range ps {
		sum.Partition = cmp.Or(sum.Partition, p.Partition)
		sum.Error = cmp.Or(sum.Error, p.Error)
		sum.Partitions += p.Partitions
		sum.PartitionsDone += p.PartitionsDone
		sum.Documents += p.Documents
		sum.DocumentsDone += p.DocumentsDone
	}
	return sum
}

// reindexNote is what the status page says of a reindexing under way.
func (s *Server) reindexNote(ctx context.Context) string {
	if s.deps.Reindex == nil {
		return ""
	}
	_, ps, err := s.deps.Reindex.Last(ctx)
	running := slices.ContainsFunc(ps, func(p ReindexProgress) bool { return p.State == ReindexRunning })
	if err != nil || !running {
		return ""
	}
	sum := ReindexSum(ps)
	note := fmt.Sprintf("It is being made anew: %d of %d partitions, %d of %d articles", sum.PartitionsDone, sum.Partitions, sum.DocumentsDone, sum.Documents)
	if sum.Partition != "" {
		note += ", now " + sum.Partition
	}
	return note + "."
}

// reindexing is the answer: what was asked for, and how it goes.
type reindexing struct {
	Reindex
	Processes []ReindexProgress `json:"processes" doc:"That have begun; each makes its own index anew."`
}

type reindexInput struct {
	Body struct {
		All bool `json:"all,omitempty" doc:"Make all partitions anew, not only those that an older version made in another way."`
	}
}

func (s *Server) routeReindex() {
	// The command line's reindex, after an update that changed what the index holds of an article.
	start := op(http.MethodPost, "/reindex", "start-reindex", "operation", "Make the index anew from the articles in it, beside the one that is searched and written to meanwhile; in place of a run under way")
	start.DefaultStatus = http.StatusAccepted
	huma.Register(s.api, start, func(ctx context.Context, in *reindexInput) (*struct{ Body reindexing }, error) {
		if s.deps.Reindex == nil {
			return nil, notHere("Reindexing")
		}
		var id [6]byte
		rand.Read(id[:]) // never fails
		req := Reindex{ID: hex.EncodeToString(id[:]), Asked: s.now().UTC(), All: in.Body.All}
		if err := s.deps.Reindex.Start(ctx, req); err != nil {
			return nil, s.problemOf(ctx, "Reindexing", err)
		}
		return &struct{ Body reindexing }{reindexing{req, []ReindexProgress{}}}, nil
	})
	huma.Register(s.api, op(http.MethodGet, "/reindex", "get-reindex", "operation", "How the reindexing asked for last goes"),
		func(ctx context.Context, _ *struct{}) (*struct{ Body reindexing }, error) {
			if s.deps.Reindex == nil {
				return nil, notHere("Reindexing")
			}
			req, progress, err := s.deps.Reindex.Last(ctx)
			if err != nil {
				return nil, s.problemOf(ctx, "Reindexing", err)
			}
			if progress == nil {
				progress = []ReindexProgress{}
			}
			return &struct{ Body reindexing }{reindexing{req, progress}}, nil
		})
	huma.Register(s.api, op(http.MethodDelete, "/reindex", "stop-reindex", "operation", "Stop the reindexing; partitions made anew stay"),
		func(ctx context.Context, _ *struct{}) (*struct{}, error) {
			if s.deps.Reindex == nil {
				return nil, notHere("Reindexing")
			}
			if err := s.deps.Reindex.Stop(ctx); err != nil {
				return nil, s.problemOf(ctx, "Reindexing", err)
			}
			return nil, nil
		})
}
