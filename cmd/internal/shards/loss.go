package shards

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"

	"github.com/newswatch/newswatch/pipeline"
)

// A loss is what a copy may lack for good: the stream keeps articles for a
// time, and gives them no more. It lies in the copy's folder as lacks.json, and
// goes with it when another copy takes its place, see exchange.go.
type loss struct {
	Documents int    `json:"documents"`       // a copy with at least so many lacks nothing after all
	First     uint64 `json:"first,omitempty"` // sequence where the stream began: who has everything before it can help
	Text      string `json:"text"`
}

const (
	lossFile = "lacks.json"
	always   = math.MaxInt // Documents of a loss that no number tells the end of
)

// real reports whether the copy lacks something, as far as can be told. While it
// catches up its number says nothing.
func (l *loss) real(state string, documents int) bool {
	return l != nil && (l.Documents == always || state == StateReady && documents < l.Documents)
}

// mayLack notes a loss.
func (r *replica) mayLack(l loss) {
	r.mu.Lock()
	r.loss = &l
	r.mu.Unlock()
	r.lg.Error("the copy may lack articles that the stream holds no more", "reason", l.Text)
	if r.index() != nil {
		r.keepLoss()
	}
}

// lossOf is the loss that is known; nil: none.
func (r *replica) lossOf() *loss {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.loss
}

// keepLoss writes the loss into the folder, or takes it out.
func (r *replica) keepLoss() {
	file := filepath.Join(r.dir, lossFile)
	l := r.lossOf()
	var err error
	if l == nil {
		if err = os.Remove(file); errors.Is(err, os.ErrNotExist) {
			err = nil
		}
	} else {
		var data []byte
		if data, err = json.Marshal(l); err == nil {
			if err = os.WriteFile(file+".new", data, 0o600); err == nil {
				err = os.Rename(file+".new", file)
			}
		}
	}
	if err != nil {
		r.lg.Warn("what the copy lacks is not noted for the next start", "error", err)
	}
}

// readLoss reads what an earlier run has noted.
func (r *replica) readLoss() {
	data, err := os.ReadFile(filepath.Join(r.dir, lossFile))
	if err != nil {
		return
	}
	var l loss
	if json.Unmarshal(data, &l) == nil && l.Text != "" {
		r.mu.Lock()
		r.loss = &l
		r.mu.Unlock()
	}
}

// checkLoss looks, before a copy is made from the stream alone, whether another
// one is known to have been larger than what the stream may give.
func (r *replica) checkLoss() {
	var most Replica
	for _, p := range r.h.roster.of(r.shard) {
		if p.Replica != r.h.opts.Replica && p.Documents > most.Documents {
			most = p
		}
	}
	if most.Documents > 0 {
		r.mayLack(loss{Documents: most.Documents, Text: fmt.Sprintf("it was made from the stream alone, with fewer articles than the %d of replica %s (%s), which could not be asked", most.Documents, most.Replica, most.Node)})
	}
}

// checkGap looks whether the copy's place in the stream is lost: the server
// forgets a consumer that nobody reads for a week, and then no longer keeps for
// it what it has not seen.
func (r *replica) checkGap(ctx context.Context) {
	seq := r.index().Stats().Seq
	if seq == 0 {
		return
	}
	if _, err := r.h.node.Progress(ctx, pipeline.StreamArticles, r.consumer()); !errors.Is(err, pipeline.ErrNotFound) {
		return
	}
	_, streams, err := r.h.node.Status(ctx)
	if err != nil {
		return
	}
	for _, s := range streams {
		if s.Stream == pipeline.StreamArticles && s.FirstSeq > seq+1 {
			r.mayLack(loss{Documents: always, First: s.FirstSeq, Text: fmt.Sprintf("it was away for long: the stream begins at %d, it has all up to %d; a new copy is fetched from the first replica that lacks nothing", s.FirstSeq, seq)})
		}
	}
}
