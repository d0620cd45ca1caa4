package jet

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/newswatch/newswatch/pipeline"
)

// bucketSuspects keeps, as <stage>.<stream>.<seq>, how often a suspect was
// started, and as near.<the same> how often any message was, soon after an
// unclean start. It forgets after a day.
const bucketSuspects = "suspects"

// nearStart is how long after an unclean start of the embedded server each
// start of a handler is counted.
const nearStart = 10 * time.Second

// A message that was handed out several times and never came to an outcome may
// be what kills the process; or it was just in flight each time something else
// did. So it is then a suspect: handled while no other suspect is, and counted,
// before it is started, where a crash can't take the count.

//
// The server writes its counts of deliveries some ten times a second. A crash
// within that time of the delivery takes the embedded server with it, and the
// count: such a message would look new for ever. It comes soon after the next
// start, so there we count ourselves. The same goes for what was taken over
// from an earlier run, of which the server counts anew.

// suspect reports whether w is one.
func (s *stage) suspect(w *work) bool {
	if w.delivered-1-w.fates >= s.n.cfg.MaxCrashes {
		return true
	}
	soon := s.n.Unclean() && s.n.now().Sub(s.n.opened) <= nearStart
	if !soon && (w.key.seq <= w.from.done || w.key.seq > w.from.inAir) {
		return false
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(s.ctx), settleWait)
	defer cancel()
	w.near = true
	starts, err := s.countStart(ctx, s.nearKey(w))
	if err != nil {
		s.lg.Warn("start not counted", "seq", w.o.seq, "error", err)
	}
	return starts > s.n.cfg.MaxCrashes
}

// alone runs a suspect; one that was started too often is set aside instead.
func (s *stage) alone(w *work, run func() fate) fate {
	s.n.suspects.Lock()
	defer s.n.suspects.Unlock()
	if s.ctx.Err() != nil {
		return fate{kind: fateStop, err: s.ctx.Err()}
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(s.ctx), settleWait)
	defer cancel()
	starts, err := s.countStart(ctx, s.suspectKey(w))
	if err != nil {
		return fate{kind: fateLater, after: shortDelay, err: err}
	}
	if starts > s.n.cfg.MaxCrashes {
		s.clearStarts(w, s.suspectKey(w))
		return fate{kind: fateDead, reason: "crash_loop", count: w.delivered, err: fmt.Errorf(
			"handed out %d times without an outcome, of which %d alone", w.delivered-w.fates, starts-1)}
	}
	s.lg.Warn("handling a suspect", "subject", w.o.subject, "seq", w.o.seq,
		"deliveries", w.delivered, "starts", starts)
	f := run()
	s.clearStarts(w, s.suspectKey(w))
	return f
}

func (s *stage) suspectKey(w *work) string {
	return s.name + "." + w.from.stream + "." + strconv.FormatUint(w.key.seq, 10)
}

func (s *stage) nearKey(w *work) string { return "near." + s.suspectKey(w) }

// countStart counts and stores a start and returns the count.
func (s *stage) countStart(ctx context.Context, key string) (int, error) {
	kv, err := s.n.KV(ctx, bucketSuspects)
	if err != nil {
		return 0, err
	}
	starts := 0
	e, err := kv.Get(ctx, key)
	switch {
	case errors.Is(err, pipeline.ErrNotFound):
	case err != nil:
		return 0, err
	default:
		if starts, err = strconv.Atoi(string(e.Value)); err != nil {
			return 0, fmt.Errorf("suspect %s: %w", e.Key, err)
		}
	}
	starts++
	_, err = kv.Put(ctx, key, []byte(strconv.Itoa(starts)))
	return starts, err
}

// clearStarts forgets them: w came to an outcome.
func (s *stage) clearStarts(w *work, key string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(s.ctx), 5*time.Second)
	defer cancel()
	kv, err := s.n.KV(ctx, bucketSuspects)
	if err == nil {
		err = kv.Delete(ctx, key)
	}
	if err != nil {
		s.lg.Warn("suspect not cleared", "seq", w.o.seq, "error", err)
	}
}
