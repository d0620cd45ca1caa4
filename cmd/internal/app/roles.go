package app

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/newswatch/newswatch/alerts"
	"github.com/newswatch/newswatch/alerts/notify"
	"github.com/newswatch/newswatch/extractors"
	"github.com/newswatch/newswatch/pipeline"
	"github.com/newswatch/newswatch/pipeline/catalog"
	"github.com/newswatch/newswatch/pipeline/feeds"
	"github.com/newswatch/newswatch/pipeline/fetch"
	"github.com/newswatch/newswatch/pipeline/stories"
)

// openFetch makes the poller.
func (a *App) openFetch(ctx context.Context) error {
	if !a.opts.has(RoleFetch) {
		return nil
	}
	kv, err := a.node.KV(ctx, pipeline.BucketFeeds)
	if err != nil {
		return err
	}
	cfg := a.opts.Config.Feeds
	// After a crash of the machine a validator may have outlived the items it
	// vouches for: every feed is then asked once without.
	cfg.Distrust = a.node.Unclean()
	cfg.OnEvent = a.feedEvent
	cfg.Discover = suggest
	cfg.OnHold = a.client.Hold
	a.poller = feeds.NewPoller(a.lg, a.reg, kv, feeds.ToBus(a.node), a.client, cfg)
	a.follow(catalog.KindSource, func(c *catalog.Catalog) { a.poller.SetSources(c.Sources) })
	return a.openWebSub()
}

// hold takes in that a host asked to be left alone: the poller remembers it over
// a restart.
func (a *App) hold(host string, until time.Time) {
	if a.poller != nil {
		a.poller.Hold(host, until)
	}
}

// suggest lists the feeds a page names, guesses apart.
func suggest(page []byte, base string) []string {
	var urls []string
	for _, f := range feeds.Discover(page, base) {
		if f.Why != feeds.WhyWellKnown {
			urls = append(urls, f.URL)
		}
	}
	return urls
}

// runMatched tells the poller which feeds list articles about what is tracked:
// it polls them more often.
func (a *App) runMatched(ctx context.Context) error {
	return pipeline.Stage[pipeline.Article, struct{}]{
		Name:      "matched",
		In:        pipeline.Articles,
		Workers:   1,
		Pending:   256,
		Exclusive: true,
		Handle: func(_ context.Context, art pipeline.Article) ([]struct{}, error) {
			// What it was told of before, it need not be told again.
			old := art.Revision > 1 || art.Retagged != nil && art.Retagged.Decided
			if !old && len(art.AsNews().Entities()) > 0 {
				for _, feed := range art.Feeds {
					a.poller.Matched(feed)
				}
			}
			return nil, nil
		},
	}.Run(ctx, a.node)
}

func (a *App) serveFeeds(ctx context.Context) error {
	return serve(ctx, a.node, serviceFeeds, func(context.Context, struct{}) ([]feeds.FeedHealth, error) {
		return a.poller.Health(""), nil
	})
}

// extractWorkers is the handlers of one items partition. Most of their time
// they wait for a host's turn or for a page, so there are many; memory is
// bounded by what they hold, a page each.
const extractWorkers = 16

func (a *App) openExtract(ctx context.Context) error {
	if !a.opts.has(RoleExtract) {
		return nil
	}
	a.extract = extractors.New(a.lg, a.reg, pages{a.client}, a.tagger, a.published().known, a.opts.Config.Extract)
	a.follow(catalog.KindSource, func(c *catalog.Catalog) { a.extract.SetSources(c.Sources) })
	return errors.Join(a.openArchive(), a.openLearner(ctx), a.openYields(ctx))
}

// openLearner makes the extractor learn what recurs on hosts, unless it is not
// to. What was learned last is saved at the end, before the bus closes.
func (a *App) openLearner(ctx context.Context) error {
	cfg := a.opts.Config.Extract.Learn
	if cfg.Hosts < 0 {
		return nil
	}
	kv, err := a.node.KV(ctx, pipeline.BucketCheckpoints)
	if err != nil {
		return err
	}
	a.learner = extractors.NewLearner(a.lg.With("component", "learner"), kv, cfg)
	a.extract.Learn(a.learner)
	a.onClose("learned blocks", a.learner.Save)
	return nil
}

// runExtract handles one partition of the items while it holds its lease, so
// that no two processes ask one host at a time.
func (a *App) runExtract(ctx context.Context, partition int) error {
	name := fmt.Sprintf("extract-%d", partition)
	stage := pipeline.Stage[pipeline.Item, pipeline.Article]{
		Name:      name,
		In:        pipeline.Items,
		Filter:    pipeline.ItemsFilter(partition),
		Out:       pipeline.Extracted,
		Workers:   extractWorkers,
		Exclusive: true,
		Handle:    a.extract.Handle,
	}
	return a.node.Hold(ctx, name, func(ctx context.Context, _ uint64) error { return stage.Run(ctx, a.node) })
}

// lastSave bounds the save of the yields when their lease ends.
const lastSave = 5 * time.Second

// openYields makes the stage that follows how much text the pages of each
// source give.
func (a *App) openYields(ctx context.Context) error {
	kv, err := a.node.KV(ctx, pipeline.BucketCheckpoints)
	if err != nil {
		return err
	}
	a.yields = extractors.NewYields(a.lg.With("component", "yields"), a.reg, kv, a.feedEvent)
	a.follow(catalog.KindSource, func(c *catalog.Catalog) { a.yields.SetSources(c.Sources) })
	return nil
}

// runYields follows the yields of all sources in one process at a time: the
// pages of one source may be read by several.
func (a *App) runYields(ctx context.Context) error {
	stage := pipeline.Stage[pipeline.Article, struct{}]{
		Name:      "yields",
		In:        pipeline.Articles,
		Workers:   1,
		Pending:   256,
		Exclusive: true,
		Handle:    a.yields.Handle,
	}
	return a.node.Hold(ctx, "yields", func(ctx context.Context, _ uint64) error {
		a.yields.Reset()
		g, running := errgroup.WithContext(ctx)
		g.Go(func() error { return stage.Run(running, a.node) })
		g.Go(func() error { return a.yields.Run(running) })
		err := g.Wait()
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastSave)
		defer cancel()
		return errors.Join(err, a.yields.Save(last))
	})
}

func (a *App) openStories(ctx context.Context) error {
	if !a.opts.has(RoleStories) {
		return nil
	}
	kv, err := a.node.KV(ctx, pipeline.BucketCopies)
	if err != nil {
		return err
	}
	a.stories = stories.New(a.lg, a.reg, a.published(), a.corpus, kv)
	return nil
}

// runStories assigns stories, one article after the other: which of two copies
// is the first is decided by their order.
func (a *App) runStories(ctx context.Context) error {
	stage := pipeline.Stage[pipeline.Article, pipeline.Article]{
		Name:      "stories",
		In:        pipeline.Extracted,
		Out:       a.shards.Articles(),
		Workers:   1,
		Pending:   64,
		Exclusive: true,
		Handle:    a.stories.Handle,
	}
	return a.node.Hold(ctx, "stories", func(ctx context.Context, _ uint64) error { return stage.Run(ctx, a.node) })
}

// replica is the name of this process's index and pages. It is kept beside the
// files: a process that starts again on them goes on with their consumer.
func (a *App) replica() (string, error) {
	a.naming.Lock() // several parts ask at the start
	defer a.naming.Unlock()
	file := a.dataPath("replica")
	b, err := os.ReadFile(file)
	if err == nil {
		if name := strings.TrimSpace(string(b)); name != "" {
			return name, nil
		}
	} else if !errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("replica name: %w", err)
	}
	var id [4]byte
	rand.Read(id[:]) // never fails
	name := hex.EncodeToString(id[:])
	// Whole or not at all: half a name would be another replica.
	tmp := file + ".new"
	if err := os.WriteFile(tmp, []byte(name+"\n"), 0o640); err != nil {
		return "", fmt.Errorf("replica name: %w", err)
	}
	if err := os.Rename(tmp, file); err != nil {
		return "", fmt.Errorf("replica name: %w", err)
	}
	return name, nil
}

func (a *App) openAlerts(context.Context) error {
	if !a.opts.has(RoleAlerts) {
		return nil
	}
	a.engine = alerts.New(a.lg, a.reg, a.opts.Config.Alerts)
	a.follow(catalog.KindWatch, func(c *catalog.Catalog) { a.engine.SetWatches(c.Watches) })
	// By the same guard as everything that goes to addresses others chose.
	public, err := fetch.NewHTTPClient(a.opts.Config.Fetch, false)
	if err != nil {
		return err
	}
	private, err := fetch.NewHTTPClient(a.opts.Config.Fetch, true)
	if err != nil {
		return err
	}
	channels := notify.NewSet(a.lg, notify.Clients{Public: public, Private: private})
	a.follow(catalog.KindChannel, func(c *catalog.Catalog) { channels.SetChannels(c.Channels) })
	a.outbox = alerts.NewOutbox(a.lg, a.reg, outbox{a.node, a.node}, channels, a.opts.Config.Alerts)
	return nil
}

// stageAlerts names the stage that decides on alerts.
const stageAlerts = "alerts"

// runAlerts decides which articles raise alerts. It needs no lease: an alert
// is created once, whoever comes first.
func (a *App) runAlerts(ctx context.Context) error {
	return pipeline.Stage[pipeline.Article, pipeline.Alert]{
		Name:      stageAlerts,
		In:        pipeline.Articles,
		Out:       pipeline.Alerts,
		Exclusive: a.alone(),
		Handle:    a.engine.Handle,
	}.Run(ctx, a.node)
}

// runOutbox delivers alerts. A worker waits for its receiver, so there are
// more than processors.
func (a *App) runOutbox(ctx context.Context) error {
	return pipeline.Stage[pipeline.Alert, struct{}]{
		Name:      "outbox",
		In:        pipeline.Alerts,
		Workers:   16,
		Exclusive: a.alone(),
		Handle: func(ctx context.Context, al pipeline.Alert) ([]struct{}, error) {
			return nil, a.outbox.Handle(ctx, al)
		},
	}.Run(ctx, a.node)
}

// alone says whether no other process can be on the bus: its server is in this
// one and listens to nobody.
func (a *App) alone() bool { return a.opts.Config.NATS.URL == "" && a.opts.Config.NATS.Listen == "" }

// healthWait bounds a question to another role about its state.
const healthWait = 2 * time.Second
