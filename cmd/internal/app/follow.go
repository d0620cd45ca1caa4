package app

import (
	"context"
	"fmt"
	"time"

	"github.com/newswatch/newswatch/pipeline"
)

// followEvery is how often a Follower looks for what is new.
const followEvery = 300 * time.Millisecond

// A Follower tells people who look on of new articles and alerts. It keeps no
// place: what comes while it does not run is not told.
type Follower struct {
	app      *App
	since    time.Time
	articles uint64 // sequences to go on from
	alerts   uint64
	told     map[string]bool // what was told: both streams store a thing again when something about it changes
}

// Follower returns one that tells of what is published from now on.
func (a *App) Follower(ctx context.Context) (*Follower, error) {
	_, streams, err := a.node.Status(ctx)
	if err != nil {
		return nil, fmt.Errorf("follow: %w", err)
	}
	f := &Follower{app: a, since: time.Now(), articles: 1, alerts: 1, told: make(map[string]bool)}
	for _, s := range streams {
		switch s.Stream {
		case pipeline.StreamArticles:
			f.articles = s.LastSeq + 1
		case pipeline.StreamAlerts:
			f.alerts = s.LastSeq + 1
		}
	}
	return f, nil
}

// Run calls article for each new article or revision and alert for each new
// alert, one call at a time, until ctx is done.
func (f *Follower) Run(ctx context.Context, article func(pipeline.Article), alert func(pipeline.Alert)) {
	for {
		f.articles = look(ctx, f.app, pipeline.Articles, f.articles, func(art pipeline.Article) {
			if f.first(fmt.Sprintf("%s %d", art.ID, art.Revision)) {
				article(art)
			}
		})
		f.alerts = look(ctx, f.app, pipeline.Alerts, f.alerts, func(al pipeline.Alert) {
			// The queued alert may be overwritten by the sent one before it
			// is seen, so the first of an id counts, whatever its state.
			if !al.Queued.Before(f.since) && f.first(al.ID) {
				alert(al)
			}
		})
		select {
		case <-ctx.Done():
			return
		case <-time.After(followEvery):
		}
	}
}

// first says whether it is asked about the thing for the first time.
func (f *Follower) first(what string) bool {
	if f.told[what] {
		return false
	}
	f.told[what] = true
	return true
}

// look calls fn for what the topic has from sequence next on, and returns
// where to go on.
func look[T any](ctx context.Context, a *App, topic pipeline.Topic[T], next uint64, fn func(T)) uint64 {
	err := a.node.Read(ctx, topic.Stream, "", next, func(d pipeline.Delivery) error {
		next = d.Seq + 1
		v, err := topic.Decode(d)
		if err != nil {
			a.lg.Debug("not followed", "subject", d.Subject, "error", err)
			return nil
		}
		fn(v)
		return nil
	})
	if err != nil && ctx.Err() == nil {
		a.lg.Debug("stream not followed", "stream", topic.Stream, "error", err)
	}
	return next
}
