package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"syscall"
	"time"

	"github.com/newswatch/newswatch/extractors"
	"github.com/newswatch/newswatch/extractors/retag"
	"github.com/newswatch/newswatch/extractors/tags"
	"github.com/newswatch/newswatch/pipeline"
	"github.com/newswatch/newswatch/pipeline/catalog"
	"github.com/newswatch/newswatch/pipeline/jet"
	"github.com/newswatch/newswatch/web"
)

// openWeb makes the server, where an address is listened on. Without the web
// role it has metrics, health and status only.
func (a *App) openWeb(ctx context.Context) error {
	if a.ln == nil {
		return nil
	}
	hook, err := a.hook()
	if err != nil {
		return err
	}
	deps := web.Deps{Status: a.status, Ready: a.ready, Hook: hook}
	if a.opts.has(RoleWeb) {
		deps.Searcher, deps.Articles = a.corpus, a.corpus
		deps.Catalog = a.catalog
		deps.Editor = a.catalog
		deps.Feeds = a
		deps.Yields = a
		deps.Discover = a.discover
		deps.Explain = a.explainer()
		deps.Preview = a.previewer().Preview
		deps.Tests = a.testFailures
		deps.Lint = func(e catalog.Entity) []pipeline.NameWarning { return tags.Lint(e, a.catalog.Snapshot().Entities) }
		deps.Alerts = alertList{outbox{a.node, a.node}, a.node}
		deps.Dead = deadLetters{a.node}
		kv, err := a.node.KV(ctx, pipeline.BucketCheckpoints)
		if err != nil {
			return err
		}
		deps.Reextract = reextractor(kv)
		deps.Reindex = reindexer(kv)
		deps.Backup = a.Backup
		if a.index != nil {
			deps.Retention = a.index
		}
		deps.Retag = retagDesk{retag.NewDesk(kv), a.catalog}
		deps.Loader = loader{a.node, a.published()}
		deps.Tag = func(_ context.Context, in io.Reader, out io.Writer) error {
			return tags.Filter(a.tagger.m.Load(), in, out)
		}
		deps.Extract = func(_ context.Context, in io.Reader, out io.Writer) error {
			return extractors.Filter(in, out, extractors.FilterOptions{NoFiles: true})
		}
	}
	cfg := a.opts.Config.Web
	cfg.Version = a.opts.Version
	s, err := web.New(a.lg, a.reg, deps, cfg)
	if err != nil {
		return err
	}
	a.server = s
	return nil
}

// ready says whether the process can do its work.
func (a *App) ready(ctx context.Context) []web.Check {
	checks := []web.Check{{Name: "bus", Err: a.node.Healthy(ctx)}}
	if a.opts.has(RoleWeb) {
		checks = append(checks, web.Check{Name: "index", Err: a.corpus.Ready(ctx)})
	}
	if a.files != nil {
		checks = append(checks, web.Check{Name: "catalog files", Err: nil})
	}
	return checks
}

// status asks every role how it goes. A role that does not answer leaves its
// part empty: a status page is most needed when something is down.
func (a *App) status(ctx context.Context) (web.Status, error) {
	ctx, cancel := context.WithTimeout(ctx, healthWait)
	defer cancel()
	st := web.Status{
		Version: a.opts.Version, Started: a.started, UptimeS: int64(time.Since(a.started) / time.Second),
		Roles: a.opts.Config.Roles,
	}
	var err error
	if st.Stages, st.Streams, err = a.node.Status(ctx); err != nil {
		return st, fmt.Errorf("status of the bus: %w", err)
	}
	for _, s := range st.Streams {
		if s.Stream == pipeline.StreamDead {
			st.Dead = int(s.Messages)
		}
	}
	if all, err := a.feedHealth(ctx, ""); err == nil {
		st.Feeds = feedsStatus(all)
	}
	if replicas, err := a.corpus.Replicas(ctx); err == nil {
		st.Index = indexStatus(a.shards, replicas)
	}
	st.Retag = a.passes(ctx)
	var fs syscall.Statfs_t
	if err := syscall.Statfs(a.opts.Config.Data, &fs); err == nil {
		st.Disk = web.DiskStatus{Free: fs.Bavail * uint64(fs.Bsize), Total: fs.Blocks * uint64(fs.Bsize)}
	}
	return st, nil
}

// loader puts whole articles into the items stream.
type loader struct {
	bus       pipeline.Bus
	published published
}

// Load implements web.Loader.
func (l loader) Load(ctx context.Context, it pipeline.Item) (string, error) {
	it.Whole = true
	it.Identify()
	last, known, err := l.published.known(ctx, it.Key)
	if err != nil {
		return "", err
	}
	outcome := web.LoadNew
	if known {
		if slices.Contains(last.Versions, it.Content) {
			return web.LoadKnown, nil
		}
		outcome = web.LoadChanged
	}
	for {
		_, err := pipeline.Items.Publish(ctx, l.bus, it)
		switch {
		case err == nil:
			return outcome, nil
		case errors.Is(err, pipeline.ErrExists): // on its way already
			return web.LoadKnown, nil
		case errors.Is(err, pipeline.ErrTooBig):
			return "", pipeline.Permanent("too_big", err)
		case !errors.Is(err, pipeline.ErrFull):
			return "", err
		}
		select { // backpressure: the sender waits as the fetchers do
		case <-ctx.Done():
			return "", ctx.Err()
		case <-time.After(time.Second):
		}
	}
}

// deadLetters is the dead letters as web pages through them.
type deadLetters struct{ node *jet.Node }

func (d deadLetters) List(ctx context.Context, q web.DeadQuery) ([]pipeline.DeadLetter, string, error) {
	return d.node.DeadLetters(ctx, q.After, q.Limit, q.Stage, q.Reason)
}

func (d deadLetters) Get(ctx context.Context, id string) (pipeline.DeadLetter, error) {
	return d.node.DeadLetter(ctx, id)
}

func (d deadLetters) Replay(ctx context.Context, id string) error { return d.node.ReplayDead(ctx, id) }

func (d deadLetters) Drop(ctx context.Context, id string) error { return d.node.DropDead(ctx, id) }

// alertList lists alerts, those that changed last first.
type alertList struct {
	outbox
	node *jet.Node
}

// errWindow ends the reading of a window.
var errWindow = errors.New("window read")

// List implements web.Alerts. The stream can only be read forwards, so it is
// read in windows from its end, each twice as wide as the one before. The
// cursor is the sequence before which to go on.
func (l alertList) List(ctx context.Context, after string, limit int) ([]pipeline.Alert, string, error) {
	_, streams, err := l.node.Status(ctx)
	if err != nil {
		return nil, "", err
	}
	var first, end uint64
	for _, s := range streams {
		if s.Stream == pipeline.StreamAlerts && s.Messages > 0 {
			first, end = s.FirstSeq, s.LastSeq+1
		}
	}
	if after != "" {
		if end, err = strconv.ParseUint(after, 10, 64); err != nil {
			return nil, "", fmt.Errorf("cursor %q: %w", after, pipeline.ErrNotFound)
		}
	}
	type row struct {
		alert pipeline.Alert
		seq   uint64
	}
	var rows []row
	for width := uint64(4 * limit); end > first && len(rows) <= limit; width *= 2 {
		from := max(first, end-min(end, width))
		var window []row
		err := l.node.Read(ctx, pipeline.StreamAlerts, "", from, func(d pipeline.Delivery) error {
			if d.Seq >= end {
				return errWindow
			}
			a, err := pipeline.Alerts.Decode(d)
			if err != nil {
				return err
			}
			window = append(window, row{a, d.Seq})
			return nil
		})
		if err != nil && !errors.Is(err, errWindow) {
			return nil, "", err
		}
		slices.Reverse(window)
		rows = append(rows, window...)
		end = from
	}
	next := ""
	if len(rows) > limit {
		rows = rows[:limit]
		next = strconv.FormatUint(rows[limit-1].seq, 10)
	}
	list := make([]pipeline.Alert, len(rows))
	for i, r := range rows {
		list[i] = r.alert
	}
	return list, next, nil
}
