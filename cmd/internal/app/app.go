// Package app wires the rooms into a running newswatch: [Options] → [New] →
// [App.Run]. It is the only package that knows all of them.
//
// In go a configuration and a logger; out comes a process that holds the roles
// asked for, against the embedded NATS server or an external one. It owns the
// folder layout below the data folder: jetstream/ (package jet), index/
// (package index), pages/ (package warc), replica (the name of this process's
// index and pages) and the keys seed.* and reextract.* of the checkpoints bucket.
package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"golang.org/x/sync/errgroup"

	"github.com/newswatch/newswatch/alerts"
	"github.com/newswatch/newswatch/cmd/internal/shards"
	"github.com/newswatch/newswatch/extractors"
	"github.com/newswatch/newswatch/extractors/retag"
	"github.com/newswatch/newswatch/extractors/warc"
	"github.com/newswatch/newswatch/pipeline"
	"github.com/newswatch/newswatch/pipeline/catalog"
	"github.com/newswatch/newswatch/pipeline/feeds"
	"github.com/newswatch/newswatch/pipeline/fetch"
	"github.com/newswatch/newswatch/pipeline/jet"
	"github.com/newswatch/newswatch/pipeline/stories"
	"github.com/newswatch/newswatch/web"
)

// stopWait bounds an orderly stop. Whatever is cut off then comes again at the
// next start.
const stopWait = 20 * time.Second

// An App is one newswatch process.
type App struct {
	lg      *slog.Logger
	opts    Options
	reg     *prometheus.Registry
	started time.Time

	node    *jet.Node
	catalog *catalog.Store
	files   *catalog.Files
	client  *fetch.Client // fetch and extract
	tagger  *tagger       // extract and web
	poller  *feeds.Poller // fetch
	websub  *feeds.WebSub // fetch, where hubs can call
	extract *extractors.Extractor
	learner *extractors.Learner // nil: off
	yields  *extractors.Yields
	archive *warc.Archive // extract, where pages are kept
	stories *stories.Assigner
	shards  pipeline.Shards // of the installation
	index   *shards.Holder  // index
	corpus  *shards.Asker   // web: asks this process's index or another's
	engine  *alerts.Engine
	outbox  *alerts.Outbox
	server  *web.Server
	ln      net.Listener

	retag *retag.Retagger // extract

	closers []closer
	backing sync.Mutex // held while a backup is written
	naming  sync.Mutex // held while the replica's name is read or made
}

// A closer is something to be undone at the end.
type closer struct {
	name string
	fn   func(context.Context) error
}

// New opens everything the roles need and listens, but starts nothing yet.
// What it had opened when something goes wrong is closed again.
func New(ctx context.Context, opts Options) (*App, error) {
	if err := opts.validate(); err != nil {
		return nil, err
	}
	a := &App{lg: opts.Logger, opts: opts, reg: prometheus.NewRegistry(), started: time.Now()}
	a.reg.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	if err := a.open(ctx); err != nil {
		return nil, errors.Join(err, a.close())
	}
	return a, nil
}

// open is one long straight list: each step may use what the ones before made.
func (a *App) open(ctx context.Context) error {
	cfg := a.opts.Config
	if err := os.MkdirAll(cfg.Data, 0o750); err != nil {
		return fmt.Errorf("data folder: %w", err)
	}
	if err := checkCutOff(cfg.Data); err != nil {
		return err
	}
	if cfg.NATS.URL == "" {
		cfg.NATS.Dir = cfg.Data
	}
	// The address first: a second newswatch should hear at once that it is one
	// too many, in words that name the port.
	if cfg.Web.Listen != "" {
		ln, err := new(net.ListenConfig).Listen(ctx, "tcp", cfg.Web.Listen)
		if err != nil {
			return fmt.Errorf("listen: %w", err)
		}
		a.ln = ln
		a.onClose("listener", func(context.Context) error { return ignoreClosed(ln.Close()) })
	}
	node, err := jet.Open(ctx, a.lg, a.reg, cfg.NATS)
	if err != nil {
		return err
	}
	a.node = node
	a.onClose("bus", node.Close)

	if err := a.fixShards(ctx); err != nil {
		return err
	}
	if err := a.openCatalog(ctx); err != nil {
		return err
	}
	if a.opts.has(RoleFetch) || a.opts.has(RoleExtract) {
		cfg.Fetch.Version = a.opts.Version
		cfg.Fetch.OnHold = a.hold
		if a.client, err = fetch.New(a.lg, a.reg, cfg.Fetch); err != nil {
			return err
		}
		a.onClose("fetch", func(context.Context) error { a.client.Close(); return nil })
	}
	if a.opts.has(RoleExtract) || a.opts.has(RoleWeb) {
		a.tagger = &tagger{lg: a.lg.With("component", "tags")}
	}
	for _, open := range []func(context.Context) error{a.openIndex, a.openCorpus, a.openRetag} {
		if err := open(ctx); err != nil {
			return err
		}
	}
	if a.tagger != nil {
		a.follow(catalog.KindEntity, func(c *catalog.Catalog) {
			m := a.tagger.compile(c.Entities)
			if a.retag != nil {
				a.retag.SetMatcher(m)
			}
		})
	}
	for _, open := range []func(context.Context) error{a.openFetch, a.openExtract, a.openStories, a.openAlerts} {
		if err := open(ctx); err != nil {
			return err
		}
	}
	return a.openWeb(ctx)
}

func (a *App) onClose(name string, fn func(context.Context) error) {
	a.closers = append(a.closers, closer{name, fn})
}

// close undoes what was opened, last first, within stopWait.
func (a *App) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), stopWait)
	defer cancel()
	var errs []error
	for len(a.closers) > 0 {
		c := a.closers[len(a.closers)-1]
		a.closers = a.closers[:len(a.closers)-1]
		if err := c.fn(ctx); err != nil {
			errs = append(errs, fmt.Errorf("close %s: %w", c.name, err))
		}
	}
	return errors.Join(errs...)
}

func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// Addr is the address that is listened on; nil: none.
func (a *App) Addr() net.Addr {
	if a.ln == nil {
		return nil
	}
	return a.ln.Addr()
}

// URL is where people find the pages.
func (a *App) URL() string {
	if a.ln == nil {
		return ""
	}
	return "http://" + a.ln.Addr().String()
}

// Handler is the web server's, for tests.
func (a *App) Handler() http.Handler { return a.server.Handler() }

// Run works until ctx is done or a part can't go on, then stops in good order:
// the stages finish what they have in hand and settle it, the index makes it
// durable, the bus closes last.
func (a *App) Run(ctx context.Context) error {
	defer func() { a.lg.Info("stopped") }()
	g, ctx := errgroup.WithContext(ctx)
	for _, part := range a.parts() {
		g.Go(func() error {
			if err := part.run(ctx); err != nil && ctx.Err() == nil {
				return fmt.Errorf("%s: %w", part.name, err)
			}
			return nil
		})
	}
	a.lg.Info("started", "version", a.opts.Version, "roles", a.opts.Config.Roles, "data", a.opts.Config.Data, "url", a.URL())
	err := g.Wait()
	return errors.Join(err, a.close())
}

// A part is one thing that runs all the time.
type part struct {
	name string
	run  func(context.Context) error
}

func (a *App) parts() []part {
	var ps []part
	add := func(name string, run func(context.Context) error) { ps = append(ps, part{name, run}) }
	if a.poller != nil {
		// One process polls at a time: two would ask every host twice.
		add("feeds", a.runFeeds)
		add("feeds service", a.serveFeeds)
		add("find service", a.serveFind)
	}
	if a.extract != nil {
		for p := range pipeline.ItemPartitions {
			add(fmt.Sprintf("extract %d", p), func(ctx context.Context) error { return a.runExtract(ctx, p) })
		}
	}
	if a.yields != nil {
		add("yields", a.runYields)
	}
	if a.extract != nil {
		add("reextract", a.runReextract)
		add("retag", a.runRetag)
	}
	if a.learner != nil {
		add("learner", a.learner.Run)
	}
	if a.stories != nil {
		add("stories", a.runStories)
	}
	if a.index != nil {
		add("index", a.index.Run)
		add("reindex", a.runReindex)
	}
	if a.corpus != nil {
		add("shards", a.corpus.Run)
	}
	if a.engine != nil {
		add("alerts", a.runAlerts)
		add("outbox", a.runOutbox)
	}
	if a.server != nil {
		add("web", func(ctx context.Context) error { return a.server.Serve(ctx, a.ln) })
	}
	return ps
}

// dataPath is a path below the data folder.
func (a *App) dataPath(name string) string { return filepath.Join(a.opts.Config.Data, name) }
