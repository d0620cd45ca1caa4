package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/newswatch/newswatch/alerts"
	"github.com/newswatch/newswatch/extractors"
	"github.com/newswatch/newswatch/pipeline"
	"github.com/newswatch/newswatch/pipeline/feeds"
	"github.com/newswatch/newswatch/web"
)

// eventTries and eventWait are how often and how patiently an event's alerts
// are published before the poller is asked to tell of it again.
const (
	eventTries = 4
	eventWait  = 250 * time.Millisecond
)

// feedEvent is told by the poller what becomes of a feed, and by the extraction
// what becomes of a source's pages, and raises the alerts of the watches that
// wait for it. It answers nil once every alert is stored: only then may they
// take the event as told. An alert that is there
// already, because of a restart or another process, is stored.
func (a *App) feedEvent(ctx context.Context, ev pipeline.FeedEvent) error {
	raised, err := alerts.Silence(a.catalog.Snapshot(), ev, time.Now())
	if err != nil {
		// The other watches speak all the same.
		a.lg.Error("watches left out", "component", "events", "error", err)
	}
	for _, al := range raised {
		if err := publishAlert(ctx, a.node, al); err != nil {
			return fmt.Errorf("%s: alert %s: %w", ev.About(), al.ID, err)
		}
	}
	return nil
}

// publishAlert stores a new alert, in a few tries.
func publishAlert(ctx context.Context, bus pipeline.Bus, al pipeline.Alert) error {
	for try, wait := 1, eventWait; ; try, wait = try+1, 2*wait {
		_, err := pipeline.Alerts.Publish(ctx, bus, al)
		var perm *pipeline.PermanentError
		switch {
		case err == nil, errors.Is(err, pipeline.ErrExists):
			return nil
		case errors.As(err, &perm), try == eventTries:
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(wait):
		}
	}
}

// feedHealth is the health of the feeds of a source, or of all, from the
// process that polls.
func (a *App) feedHealth(ctx context.Context, source string) ([]feeds.FeedHealth, error) {
	if a.poller != nil {
		return a.poller.Health(source), nil
	}
	all, err := call[struct{}, []feeds.FeedHealth](ctx, a.node, serviceFeeds, struct{}{})
	if source != "" {
		all = slices.DeleteFunc(all, func(f feeds.FeedHealth) bool { return f.Source != source })
	}
	return all, err
}

// Feeds implements web.Feeds.
func (a *App) Feeds(ctx context.Context, source string) ([]web.FeedStatus, error) {
	ctx, cancel := context.WithTimeout(ctx, healthWait)
	defer cancel()
	all, err := a.feedHealth(ctx, source)
	if err != nil {
		return nil, err
	}
	out := make([]web.FeedStatus, len(all))
	for i, f := range all {
		out[i] = feedStatus(f)
	}
	return out, nil
}

// Kept implements web.Feeds. Whichever process polls, the bucket has it.
func (a *App) Kept(ctx context.Context, url string) (*web.KeptBody, error) {
	ctx, cancel := context.WithTimeout(ctx, healthWait)
	defer cancel()
	kv, err := a.node.KV(ctx, pipeline.BucketFeeds)
	if err != nil {
		return nil, err
	}
	k, err := feeds.LoadKept(ctx, kv, url)
	if err != nil {
		return nil, err
	}
	return (*web.KeptBody)(k), nil
}

// feedStatus is a feed's health as the web shows it.
func feedStatus(f feeds.FeedHealth) web.FeedStatus {
	return web.FeedStatus{
		Source: f.Source, URL: f.URL, State: f.State, Reason: cmp.Or(f.Reason, f.Error), Error: f.Error, Since: f.Since,
		Failures: int(math.Ceil(f.Failures)), LastOK: f.LastGood, NextDue: f.NextDue, LastPoll: f.LastPoll, Status: f.Status, Class: f.Class,
		IntervalS: int64(f.Interval / time.Second), Items: f.Items, Listed: f.Listed, Newest: f.Newest, UsualS: int64(f.Usual / time.Second),
		Format: f.Format, Title: f.Title, Repairs: f.Repairs, Suggestions: f.Suggestions,
		KeptAt: f.KeptAt, KeptBytes: f.KeptBytes,
		MovedTo: f.MovedTo, MovedUsed: f.MovedUsed, Held: f.Held, Matching: f.Matching,
	}
}

// feedsStatus counts the feeds by state and lists the failing ones.
func feedsStatus(all []feeds.FeedHealth) web.FeedsStatus {
	st := web.FeedsStatus{Total: len(all), States: map[string]int{}}
	for _, f := range all {
		st.States[f.State]++
		if !f.LastPoll.IsZero() {
			st.Polled++
		}
		if f.Failing() {
			st.Failing = append(st.Failing, feedStatus(f))
		}
	}
	return st
}

// Yield implements web.Yields.
func (a *App) Yield(ctx context.Context, source string) (web.YieldStatus, error) {
	kv, err := a.node.KV(ctx, pipeline.BucketCheckpoints)
	if err != nil {
		return web.YieldStatus{}, err
	}
	y, err := extractors.YieldOf(ctx, kv, source)
	if err != nil {
		return web.YieldStatus{}, err
	}
	return web.YieldStatus{
		Source: y.Source, Recent: web.YieldStats(y.Recent), Past: web.YieldStats(y.Past),
		Collapsed: y.Collapsed, Reason: y.Reason, Since: y.Since, LastGood: y.LastGood,
	}, nil
}

// Collapsed implements web.Yields.
func (a *App) Collapsed(ctx context.Context) (map[string]string, error) {
	kv, err := a.node.KV(ctx, pipeline.BucketCheckpoints)
	if err != nil {
		return nil, err
	}
	list, err := extractors.Collapsed(ctx, kv)
	if err != nil {
		return nil, err
	}
	why := make(map[string]string, len(list))
	for id, c := range list {
		why[id] = c.Reason
	}
	return why, nil
}
