package shards

import (
	"context"
	"errors"
	"fmt"

	"github.com/newswatch/newswatch/pipeline"
)

// A loss is what a copy may lack for good: the stream keeps articles for a
// time, and where no peer has them neither, nobody has.
type loss struct {
	documents int // a copy with at least so many lacks nothing after all; 0: can't be told
	text      string
}

// real reports whether the copy lacks something, as far as can be told.
func (l *loss) real(s Replica) bool {
	return l != nil && s.State == StateReady && s.Documents < l.documents
}

// mayLack notes a loss.
func (r *replica) mayLack(documents int, format string, args ...any) {
	l := &loss{documents, fmt.Sprintf(format, args...)}
	r.mu.Lock()
	r.loss = l
	r.mu.Unlock()
	r.lg.Error("the copy may lack articles that the stream holds no more", "reason", l.text)
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
		r.mayLack(most.Documents, "it was made from the stream alone, with fewer articles than the %d of replica %s (%s), which could not be asked", most.Documents, most.Replica, most.Node)
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
			r.mayLack(int(^uint(0)>>1), "it was away for long: the stream begins at %d, it has all up to %d; remove its folder while it is stopped, and it fetches a new copy", s.FirstSeq, seq)
		}
	}
}
