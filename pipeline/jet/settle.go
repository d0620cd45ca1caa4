package jet

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/newswatch/newswatch/pipeline"
)

const (
	// shortDelay is the longest delay that a message spends in its consumer.
	shortDelay = 30 * time.Second
	// settleWait bounds the settling of one message.
	settleWait = 30 * time.Second
)

// settle carries out the fate of w. It works on after the stage was stopped.
func (s *stage) settle(w *work, f fate) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(s.ctx), settleWait)
	defer cancel()
	defer s.dismiss(w)
	if w.near && f.kind != fateOK {
		s.clearStarts(w, s.nearKey(w)) // it comes again, for a reason we know
	}
	result, err := s.apply(ctx, w, f)
	if err != nil {
		// Not settled, so it stays the consumer's, and comes again.
		s.lg.Error("message not settled", "subject", w.o.subject, "seq", w.o.seq, "error", err)
		s.remember(w, shortDelay)
		if err := w.msg.NakWithDelay(shortDelay); err != nil {
			s.lg.Error("message not given back", "subject", w.o.subject, "seq", w.o.seq, "error", err)
		}
	}
	s.n.met.handled.WithLabelValues(s.name, result).Inc()
}

func (s *stage) apply(ctx context.Context, w *work, f fate) (result string, err error) {
	switch f.kind {
	case fateOK, fateSuperseded:
		result = resultOK
		if f.kind == fateSuperseded {
			result = resultSuperseded
		}
		s.forget(w)
		return result, w.msg.Ack()
	case fateStop:
		// While a request is still open, the message would come right back.
		<-s.fetched
		if w.delivered >= s.n.cfg.MaxCrashes {
			return resultLater, s.move(ctx, w, 0)
		}
		s.forget(w)
		return resultLater, w.msg.Nak()
	case fateLater:
		return resultLater, s.postpone(ctx, w, f.after, f.after)
	case fateFailed:
		return s.failed(ctx, w, f)
	default:
		return resultDead, s.bury(ctx, w, f)
	}
}

func (s *stage) failed(ctx context.Context, w *work, f fate) (string, error) {
	w.o.failures++
	if w.o.firstFailed.IsZero() {
		w.o.firstFailed = s.n.now()
	}
	d, plain, more := s.n.retry.delay(w.o.failures)
	if !more {
		f.reason = "retries"
		return resultDead, s.bury(ctx, w, f)
	}
	s.lg.Warn("message failed", "subject", w.o.subject, "seq", w.o.seq,
		"failures", w.o.failures, "again_in", d, "error", f.err)
	return resultRetry, s.postpone(ctx, w, d, plain)
}

// postpone hands w in again after d. For a short while it stays with the
// consumer, if few do so; else a copy waits in the retry stream. A message
// handed out often leaves too: in the retry stream its count of deliveries,
// which shows crash loops, starts anew.
func (s *stage) postpone(ctx context.Context, w *work, d, plain time.Duration) error {
	if plain <= shortDelay && w.delivered < s.n.cfg.MaxCrashes && s.waiting(w.from) < cap(w.from.slots) {
		s.remember(w, d)
		return w.msg.NakWithDelay(max(d, time.Millisecond)) // 0 would be a plain Nak
	}
	return s.move(ctx, w, d)
}

// waiting is the number of messages that wait in the consumer.
func (s *stage) waiting(p *puller) int {
	now := s.n.now()
	count := 0
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, k := range s.parked {
		if key.retry == p.retry && now.Before(k.until) {
			count++
		}
	}
	return count
}

// remember notes what the consumer won't know when w comes again.
func (s *stage) remember(w *work, d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.parked[w.key] = &park{
		failures:    w.o.failures,
		firstFailed: w.o.firstFailed,
		fates:       w.fates + 1,
		until:       s.n.now().Add(d),
	}
}

func (s *stage) forget(w *work) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.parked, w.key)
}

// move puts a copy of w into the retry stream, due after d, and then
// acknowledges w. A crash between the two makes w come again and its copy be
// replaced, or w be handled twice.
func (s *stage) move(ctx context.Context, w *work, d time.Duration) error {
	if s.n.keeper.retryFull.Load() || s.n.diskLow(pipeline.StreamRetry) {
		return fmt.Errorf("retry stream: %w", pipeline.ErrFull)
	}
	subject := dueSubject(s.name, w.o)
	var opts []jetstream.PublishOpt
	if d > 0 {
		subject = waitSubject(s.name, w.o)
		opts = append(opts,
			jetstream.WithScheduleAt(s.n.now().Add(d)),
			jetstream.WithScheduleTarget(dueSubject(s.name, w.o)))
	}
	if _, err := s.n.publish(ctx, pipeline.StreamRetry, w.o.copy(subject, w.d.Header, w.d.Data), opts...); err != nil {
		return fmt.Errorf("retry stream: %w", err)
	}
	s.forget(w)
	return w.msg.Ack()
}

// bury sets w aside among the dead letters and then acknowledges it.
func (s *stage) bury(ctx context.Context, w *work, f fate) error {
	if w.o.firstFailed.IsZero() {
		w.o.firstFailed = s.n.now()
	}
	m := w.o.copy(deadSubject(s.name, f.reason, w.o), w.d.Header, w.d.Data)
	m.Header.Set(headStage, s.name)
	m.Header.Set(headReason, subjectToken(f.reason))
	m.Header.Set(headDeliveries, strconv.Itoa(f.deliveries(w)))
	m.Header.Set(headError, headerValue(truncate(f.err.Error(), maxErrorText)))
	if err := s.n.publishDead(ctx, m, s.name, w.o); err != nil {
		return fmt.Errorf("dead letter: %w", err)
	}
	s.lg.Error("message set aside", "subject", w.o.subject, "seq", w.o.seq,
		"reason", f.reason, "failures", w.o.failures, "error", f.err)
	s.forget(w)
	return w.msg.TermWithReason(subjectToken(f.reason))
}

// publishDead stores a dead letter. The id makes a second one after a crash
// before the acknowledgement count for nothing; a replayed message has another.
func (n *Node) publishDead(ctx context.Context, m *nats.Msg, stage string, o origin) error {
	id := fmt.Sprintf("%s %s %d %d", stage, o.stream, o.seq, o.replays)
	_, err := n.publish(ctx, pipeline.StreamDead, m, jetstream.WithMsgID(id))
	return err
}
