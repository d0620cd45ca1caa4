package app

import (
	"context"
	"errors"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/newswatch/newswatch/pipeline/catalog"
	"github.com/newswatch/newswatch/pipeline/feeds"
	"github.com/newswatch/newswatch/pipeline/fetch"
	"github.com/newswatch/newswatch/web"
)

// findWait bounds the search for a site's feeds, below what a request may take.
const findWait = 25 * time.Second

// openWebSub makes the subscriber, where a callback's address is configured.
// Hubs call the process that polls: it is the one whose address the callback's
// must lead to.
func (a *App) openWebSub() error {
	cfg := a.opts.Config.Feeds.WebSub
	if cfg.Callback == "" {
		return nil
	}
	if a.ln == nil {
		return errors.New("feeds.websub.callback: hubs could not call: the fetch role needs web.listen too")
	}
	public, err := fetch.NewHTTPClient(a.opts.Config.Fetch, false)
	if err != nil {
		return err
	}
	private, err := fetch.NewHTTPClient(a.opts.Config.Fetch, true)
	if err != nil {
		return err
	}
	a.websub, err = feeds.NewWebSub(a.lg, a.reg, a.poller, feeds.HubClients{Public: public, Private: private}, cfg)
	if err != nil {
		return err
	}
	a.follow(catalog.KindSource, func(c *catalog.Catalog) { a.websub.SetSources(c.Sources) })
	return nil
}

// runFeeds polls and subscribes while this process holds the lease: what the
// poller reads of hubs is told to the subscriber beside it.
func (a *App) runFeeds(ctx context.Context) error {
	return a.node.Hold(ctx, "feeds", func(ctx context.Context, _ uint64) error {
		g, ctx := errgroup.WithContext(ctx)
		g.Go(func() error { return a.poller.Run(ctx) })
		g.Go(func() error { return a.runMatched(ctx) })
		if a.websub != nil {
			g.Go(func() error { return a.websub.Run(ctx) })
		}
		return g.Wait()
	})
}

// hook is where hubs call; nil: nowhere.
func (a *App) hook() (*web.Hook, error) {
	if a.websub == nil {
		return nil, nil //nolint:nilnil // the absence is an answer
	}
	path, err := a.opts.Config.Feeds.WebSub.Path()
	if err != nil {
		return nil, err
	}
	return &web.Hook{Path: path, Handler: a.websub.Handler()}, nil
}

// A findRequest asks the process that fetches to find the feeds of a site.
type findRequest struct {
	URL    string         `json:"url"`
	Source catalog.Source `json:"source"` // how it is asked
}

func (a *App) serveFind(ctx context.Context) error {
	return serve(ctx, a.node, serviceFind, func(ctx context.Context, req findRequest) (*feeds.Finding, error) {
		return a.find(ctx, req), nil
	})
}

func (a *App) find(ctx context.Context, req findRequest) *feeds.Finding {
	ctx, cancel := context.WithTimeout(ctx, findWait)
	defer cancel()
	return feeds.Find(ctx, a.client, req.URL, req.Source)
}

// discover is web.Deps.Discover: here where this process fetches, else in one
// that does.
func (a *App) discover(ctx context.Context, url string, src catalog.Source) (web.Discovery, error) {
	req := findRequest{URL: url, Source: src}
	var found *feeds.Finding
	if a.poller != nil {
		found = a.find(ctx, req)
	} else {
		var err error
		if found, err = call[findRequest, *feeds.Finding](ctx, a.node, serviceFind, req); err != nil {
			return web.Discovery{}, err
		}
	}
	d := web.Discovery{URL: found.URL}
	for _, c := range found.Feeds {
		d.Feeds = append(d.Feeds, web.DiscoveredFeed{
			URL: c.URL, Title: c.Title, Format: c.Format, Lang: c.Lang, Home: c.Home, Why: c.Why, Items: c.Items, Newest: c.Newest,
		})
	}
	for _, t := range found.Tried {
		d.Tried = append(d.Tried, web.DiscoveryFailed{URL: t.URL, Why: t.Why, Result: t.Result})
	}
	return d, nil
}
