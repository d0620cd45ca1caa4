package app

import (
	"context"
	"slices"
	"strings"

	"github.com/newswatch/newswatch/cmd/internal/shards"
	"github.com/newswatch/newswatch/extractors/retag"
	"github.com/newswatch/newswatch/pipeline"
	"github.com/newswatch/newswatch/pipeline/catalog"
	"github.com/newswatch/newswatch/pipeline/jet"
)

// openRetag makes what applies changed entities to the articles there are.
func (a *App) openRetag(ctx context.Context) error {
	if !a.opts.has(RoleExtract) {
		return nil
	}
	kv, err := a.node.KV(ctx, pipeline.BucketCheckpoints)
	if err != nil {
		return err
	}
	a.retag = retag.New(a.lg, a.reg, a.node, a.shards, kv, a.corpus, fates{a.node})
	return nil
}

// fates is what became of articles, as the bus knows it.
type fates struct{ node *jet.Node }

// Decided implements retag.Fates.
func (f fates) Decided(ctx context.Context) (uint64, error) {
	return f.node.Settled(ctx, pipeline.StreamArticles, stageAlerts)
}

// SetAside implements retag.Fates.
func (f fates) SetAside(ctx context.Context) (keys []string, err error) {
	for after := ""; ; {
		letters, next, err := f.node.DeadLetters(ctx, after, 1000, "", "")
		if err != nil {
			return nil, err
		}
		for _, d := range letters {
			if d.Stream == pipeline.StreamArticles && strings.HasPrefix(d.Stage, shards.StagePrefix) && !slices.Contains(keys, d.Key) {
				keys = append(keys, d.Key)
			}
		}
		if next == "" {
			return keys, nil
		}
		after = next
	}
}

// runRetag keeps the mentions of all articles those of the entities, in one
// process at a time.
func (a *App) runRetag(ctx context.Context) error {
	return a.node.Hold(ctx, retag.Stage, func(ctx context.Context, _ uint64) error { return a.retag.Run(ctx) })
}

// retagDesk is the retagger as the web and the command line see it.
type retagDesk struct {
	retag.Desk
	catalog *catalog.Store
}

// Entity implements web.Retagger.
func (d retagDesk) Entity(ctx context.Context, id string) (pipeline.RetagEntity, error) {
	return d.Desk.Entity(ctx, id, d.catalog.Snapshot().Entity(id))
}

// passes are those over the archive that are not done.
func (a *App) passes(ctx context.Context) []pipeline.RetagPass {
	kv, err := a.node.KV(ctx, pipeline.BucketCheckpoints)
	if err != nil {
		return nil
	}
	all, err := retag.NewDesk(kv).Passes(ctx)
	if err != nil {
		a.lg.Debug("passes over the archive not read", "error", err)
	}
	return slices.DeleteFunc(all, func(p pipeline.RetagPass) bool { return p.State == pipeline.RetagDone })
}
