package retag

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/newswatch/newswatch/pipeline"
)

// Who looks at an article, and what became of it, as label values.
const (
	byPass = "pass"
	byTail = "tail"

	resultChanged = "changed" // published with other mentions
	resultSame    = "same"    // its mentions are right
	resultLeft    = "left"    // somebody has published it meanwhile
	resultFailed  = "failed"  // it is too large
)

const (
	fullWait  = 2 * time.Second // before a full stream is tried again
	tailers   = 2               // articles of the tail at once
	tailRetry = time.Second     // before one that could not be stored is tried again
)

// tail tags anew what comes by the stream and was not tagged by the entities as
// they are now.
func (w *run) tail(ctx context.Context) error {
	var changed atomic.Int64
	return w.bus.Consume(ctx, pipeline.Consumer{
		Name: Stage, Stream: pipeline.StreamArticles, Workers: tailers, Pending: 64, Exclusive: true,
		Handle: func(ctx context.Context, d pipeline.Delivery) error {
			art, err := pipeline.Articles.Decode(d)
			if err != nil {
				return nil //nolint:nilerr // the index sets it aside; here it has no mentions
			}
			c := w.current.Load()
			if art.Catalog == c.m.Version() {
				return nil
			}
			// What was published meanwhile comes by itself.
			result, err := w.retag(ctx, byTail, c, &art, d.Seq, nil)
			if err == nil && result == resultChanged && changed.Add(1)%chunk == 0 {
				err = w.paced(ctx)
			}
			if err != nil {
				return pipeline.Later(tailRetry, err) // and never a dead letter: the article itself is well
			}
			return nil
		},
	})
}

// retag gives the article, stored at the sequence (0: it is no longer in the
// stream), the mentions that it has by c. Its error is of asking and storing.
func (r *Retagger) retag(ctx context.Context, by string, c *current, a *pipeline.Article, seq uint64, alerts func(entity string) bool) (result string, err error) {
	defer func() {
		if err == nil {
			r.met.articles.WithLabelValues(by, result).Inc()
		}
	}()
	fresh := c.tag(a)
	if slices.Equal(fresh, a.Mentions) && (alerts == nil || a.Quiet) {
		return resultSame, nil
	}
	settled := seq == 0
	if !settled {
		if settled, err = r.decided.reached(ctx, seq); err != nil {
			return "", fmt.Errorf("how far alerts are: %w", err)
		}
	}
	next, changed := tagged(*a, fresh, settled, alerts, r.now().UTC())
	if !changed {
		return resultSame, nil
	}
	next.Catalog = c.m.Version()
	next.Indexed = time.Time{}
	data, err := json.Marshal(next)
	if err != nil {
		return "", fmt.Errorf("article %s: %w", a.ID, err)
	}
	m := pipeline.Message{Subject: r.shards.Subject(next.Key), Data: data, Expect: &seq}
	for {
		at, err := r.bus.Publish(ctx, pipeline.StreamArticles, m)
		switch {
		case err == nil:
			for was := r.published.Load(); was < at && !r.published.CompareAndSwap(was, at); was = r.published.Load() {
			}
			return resultChanged, nil
		case errors.Is(err, pipeline.ErrConflict), errors.Is(err, pipeline.ErrExists):
			return resultLeft, nil
		case errors.Is(err, pipeline.ErrTooBig):
			r.lg.Warn("article is too large with its tags: it is left as it was", "article", a.ID, "error", err)
			return resultFailed, nil
		case !errors.Is(err, pipeline.ErrFull):
			return "", err
		}
		if !pause(ctx, fullWait) {
			return "", ctx.Err()
		}
	}
}

// tag is the mentions of the article, those of deleted entities that stay among
// them.
func (c *current) tag(a *pipeline.Article) []pipeline.Mention {
	ms := slices.Clone(c.m.Tag(a.Title, a.Text, a.Lang))
	for _, m := range a.Mentions {
		if c.kept[m.Entity] {
			ms = append(ms, m)
		}
	}
	pipeline.SortMentions(ms)
	return ms
}

// tagged is the article with fresh mentions, and whether it differs from a.
// Settled: alerts on a are decided. Of the entities in alerts what is new alerts.
func tagged(a pipeline.Article, fresh []pipeline.Mention, settled bool, alerts func(entity string) bool, now time.Time) (pipeline.Article, bool) {
	re := pipeline.Retagged{At: now, Mentions: a.Mentions, Decided: settled}
	if was := a.Retagged; was != nil {
		switch {
		case !settled:
			re.Mentions, re.Decided, re.Alert = was.Mentions, was.Decided, was.Alert
		case !was.Alert: // else they were decided by the mentions it has now
			re.Mentions = was.Mentions
		}
	}
	changed := !slices.Equal(a.Mentions, fresh)
	if alerts != nil && !a.Quiet && !re.Alert && !slices.Equal(of(re.Mentions, alerts), of(fresh, alerts)) {
		re.Alert, changed = true, true
	}
	a.Mentions, a.Retagged = fresh, &re
	if !re.Decided && !re.Alert && slices.Equal(re.Mentions, fresh) {
		a.Retagged = nil // as it was
	}
	return a, changed
}

// of is the mentions of some entities.
func of(ms []pipeline.Mention, entity func(string) bool) (some []pipeline.Mention) {
	for _, m := range ms {
		if entity(m.Entity) {
			some = append(some, m)
		}
	}
	return some
}

// floorFresh is how long an answer holds that something is not reached yet.
const floorFresh = 20 * time.Millisecond

// A floor is a sequence that only rises, asked for when need be.
type floor struct {
	ask func(context.Context) (uint64, error)

	mu    sync.Mutex
	seq   uint64
	asked time.Time
}

// reached reports whether the floor is at the sequence. Where nobody raises it,
// it is not.
func (f *floor) reached(ctx context.Context, seq uint64) (bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.seq >= seq {
		return true, nil
	}
	if time.Since(f.asked) < floorFresh {
		return false, nil
	}
	now, err := f.ask(ctx)
	if err != nil && !errors.Is(err, pipeline.ErrNotFound) {
		return false, err
	}
	f.seq, f.asked = max(f.seq, now), time.Now()
	return f.seq >= seq, nil
}
