package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/newswatch/newswatch/extractors/tags"
	"github.com/newswatch/newswatch/index/query"
	"github.com/newswatch/newswatch/pipeline"
	"github.com/newswatch/newswatch/pipeline/catalog"
)

// seedKey marks in the checkpoints bucket that the catalog was seeded, so that
// what a user deletes does not come back with the next start.
const seedKey = "seed.catalog"

func (a *App) openCatalog(ctx context.Context) error {
	kv, err := a.node.KV(ctx, pipeline.BucketCatalog)
	if err != nil {
		return err
	}
	checks := catalog.Checks{Query: func(q string) error {
		_, err := query.Parse(q, time.Now())
		return err
	}}
	if a.catalog, err = catalog.Open(ctx, a.lg, kv, checks); err != nil {
		return err
	}
	a.onClose("catalog", func(context.Context) error { a.catalog.Close(); return nil })
	files := a.opts.Config.Catalog
	if len(files) == 0 {
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
	// A file that is bad at the first start is worth stopping for: there is
	// nothing to watch. Later, the catalog as it was goes on being watched.
	if err := a.files.Err(); err != nil && a.catalog.Snapshot().Len() == 0 {
		return fmt.Errorf("catalog: %w", err)
	}
	return nil
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

func newTagger(lg *slog.Logger, c *catalog.Catalog) *tagger {
	t := &tagger{lg: lg.With("component", "tags")}
	t.compile(c.Entities)
	return t
}

func (t *tagger) follow(_, c *catalog.Catalog, events []catalog.Event) {
	for _, e := range events {
		if e.Kind == catalog.KindEntity {
			t.compile(c.Entities)
			return
		}
	}
}

func (t *tagger) compile(entities []catalog.Entity) {
	m, warnings := tags.Compile(entities)
	for _, w := range warnings {
		t.lg.Warn("doubtful name", "warning", w.String())
	}
	t.m.Store(m)
	t.lg.Info("names compiled", "entities", len(entities), "forms", m.Forms())
}

// Tag implements extractors.Tagger.
func (t *tagger) Tag(title, text, lang string) []pipeline.Mention {
	return t.m.Load().Tag(title, text, lang)
}

// Version implements extractors.Tagger.
func (t *tagger) Version() string { return t.m.Load().Version() }
