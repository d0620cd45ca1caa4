package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/newswatch/newswatch/alerts"
	"github.com/newswatch/newswatch/extractors/tags"
	"github.com/newswatch/newswatch/pipeline"
	"github.com/newswatch/newswatch/pipeline/catalog"
)

// seedKey marks in the checkpoints bucket that the catalog was seeded, so that
// what a user deletes does not come back with the next start.
const seedKey = "seed.catalog"

// filesKey remembers there which catalog files were configured last.
const filesKey = "seed.files"

func (a *App) openCatalog(ctx context.Context) error {
	kv, err := a.node.KV(ctx, pipeline.BucketCatalog)
	if err != nil {
		return err
	}
	checks := catalog.Checks{Query: func(kind, q string) error { return alerts.CheckQuery(kind, q, time.Now()) }}
	if a.catalog, err = catalog.Open(ctx, a.lg, kv, checks); err != nil {
		return err
	}
	a.onClose("catalog", func(context.Context) error { a.catalog.Close(); return nil })
	files := a.opts.Config.Catalog
	if len(files) == 0 {
		if err := a.forget(ctx, nil); err != nil {
			return err
		}
		return a.seed(ctx)
	}
	if err := a.unseed(ctx); err != nil {
		return err
	}
	follow, cancel := context.WithCancel(context.WithoutCancel(ctx))
	if a.files, err = catalog.WatchFiles(follow, a.lg, a.catalog, files); err != nil {
		cancel()
		return err
	}
	a.onClose("catalog files", func(context.Context) error { cancel(); a.files.Wait(); return nil })
	if err := a.forget(ctx, files); err != nil { // after: a new file may have taken objects over
		return err
	}
	// A file that is bad at the first start is worth stopping for: there is
	// nothing to watch. Later, the catalog as it was goes on being watched.
	if err := a.files.Err(); err != nil && a.catalog.Snapshot().Len() == 0 {
		return fmt.Errorf("catalog: %w", err)
	}
	return nil
}

// follow calls fn with the catalog as it is now and after each change of a kind,
// one call at a time. Subscribed first and read under the lock, the last call
// always has the latest.
func (a *App) follow(kind string, fn func(*catalog.Catalog)) {
	var mu sync.Mutex
	latest := func() {
		mu.Lock()
		defer mu.Unlock()
		fn(a.catalog.Snapshot())
	}
	cancel := a.catalog.Subscribe(func(_, _ *catalog.Catalog, events []catalog.Event) {
		if slices.ContainsFunc(events, func(e catalog.Event) bool { return e.Kind == kind }) {
			latest()
		}
	})
	a.onClose("followers of "+kind, func(context.Context) error { cancel(); return nil })
	latest()
}

// forget takes out what catalog files hold that are configured no more.
func (a *App) forget(ctx context.Context, files []string) error {
	marks, err := a.node.KV(ctx, pipeline.BucketCheckpoints)
	if err != nil {
		return err
	}
	var before []string
	last, err := marks.Get(ctx, filesKey)
	if err == nil {
		err = json.Unmarshal(last.Value, &before)
	}
	if err != nil && !errors.Is(err, pipeline.ErrNotFound) {
		return fmt.Errorf("catalog files of the last run: %w", err)
	}
	for _, file := range before {
		if slices.Contains(files, file) {
			continue
		}
		if _, err := a.catalog.Apply(ctx, &catalog.Catalog{}, file); err != nil {
			a.lg.Warn("a catalog file is configured no more, and what it held is still in use", "file", file, "error", err)
		}
	}
	now, err := json.Marshal(files)
	if err != nil {
		return err
	}
	_, err = marks.Put(ctx, filesKey, now)
	return err
}

// seed puts the seed into a catalog that never had one.
func (a *App) seed(ctx context.Context) error {
	if a.opts.Seed == nil {
		return nil
	}
	marks, err := a.node.KV(ctx, pipeline.BucketCheckpoints)
	if err != nil {
		return err
	}
	_, err = marks.Get(ctx, seedKey)
	if err == nil {
		return nil
	}
	if !errors.Is(err, pipeline.ErrNotFound) {
		return fmt.Errorf("seed catalog: %w", err)
	}
	for obj := range a.opts.Seed.Objects() {
		_, err := a.catalog.Put(ctx, obj, catalog.PutOptions{IfAbsent: true})
		if err != nil && !errors.Is(err, pipeline.ErrExists) {
			return fmt.Errorf("seed catalog: %s: %w", obj.Ref(), err)
		}
	}
	// Last: a start that is broken off before it seeds again.
	_, err = marks.Put(ctx, seedKey, []byte(a.opts.Version))
	return err
}

// unseed takes out what the seed put in and nobody has changed: catalog files
// replace the starter catalog.
func (a *App) unseed(ctx context.Context) error {
	if a.opts.Seed == nil {
		return nil
	}
	have := a.catalog.Snapshot()
	// Watches before the channels they send to: the reverse of the order in.
	var refs []catalog.Ref
	for obj := range a.opts.Seed.Objects() {
		refs = append([]catalog.Ref{obj.Ref()}, refs...)
	}
	for _, ref := range refs {
		obj := have.Object(ref)
		if obj == nil || catalog.Digest(obj) != catalog.Digest(a.opts.Seed.Object(ref)) {
			continue
		}
		err := a.catalog.Delete(ctx, ref.Kind, ref.ID, catalog.DeleteOptions{IfVersion: catalog.Digest(obj)})
		switch {
		case errors.Is(err, pipeline.ErrNotFound), errors.Is(err, catalog.ErrManaged), errors.Is(err, catalog.ErrInUse):
			// gone already, taken over by a file, or in use by what is not the seed's
		case err != nil:
			return fmt.Errorf("take the starter catalog out: %w", err)
		}
	}
	return nil
}

// tagger is the names as compiled last; it is swapped when entities change.
type tagger struct {
	lg *slog.Logger
	m  atomic.Pointer[tags.Matcher]
}

func (t *tagger) compile(entities []catalog.Entity) *tags.Matcher {
	m, warnings := tags.Compile(entities)
	for _, w := range warnings {
		t.lg.Warn("doubtful name", "warning", w.String())
	}
	t.m.Store(m)
	t.lg.Info("names compiled", "entities", len(entities), "forms", m.Forms())
	return m
}

// Tag implements extractors.Tagger.
func (t *tagger) Tag(title, text, lang string) []pipeline.Mention {
	return t.m.Load().Tag(title, text, lang)
}

// Version implements extractors.Tagger.
func (t *tagger) Version() string { return t.m.Load().Version() }
