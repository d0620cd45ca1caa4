package web

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/newswatch/newswatch/pipeline"
	"github.com/newswatch/newswatch/pipeline/catalog"
)

// editor changes the world's catalog.
type editor struct{ *world }

func (e editor) Put(_ context.Context, obj catalog.Object, opt catalog.PutOptions) (string, error) {
	if err := obj.Validate(); err != nil {
		return "", err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if old := e.catalog.Object(obj.Ref()); old != nil {
		if by := catalog.ManagedBy(old); by != "" {
			return "", &catalog.ManagedError{Ref: obj.Ref(), File: by}
		}
		if opt.IfAbsent {
			return "", pipeline.ErrExists
		}
		if opt.IfVersion != "" && opt.IfVersion != catalog.Digest(old) {
			return "", pipeline.ErrConflict
		}
	}
	e.replace(obj.Ref(), obj)
	return catalog.Digest(obj), nil
}

func (e editor) Delete(_ context.Context, kind, id string, _ catalog.DeleteOptions) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	r := catalog.Ref{Kind: kind, ID: id}
	if e.catalog.Object(r) == nil {
		return fmt.Errorf("%s: %w", r, pipeline.ErrNotFound)
	}
	if kind == catalog.KindChannel {
		return fmt.Errorf("%s: %w: a watch sends to it", r, catalog.ErrInUse)
	}
	e.replace(r, nil)
	return nil
}

func (e editor) Apply(_ context.Context, c *catalog.Catalog, managedBy string) (catalog.ApplyResult, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	var did catalog.ApplyResult
	for obj := range c.Objects() {
		did.Added++
		setManaged(obj, managedBy)
		e.replace(obj.Ref(), obj)
	}
	return did, nil
}

func setManaged(obj catalog.Object, by string) {
	switch o := obj.(type) {
	case *catalog.Source:
		o.ManagedBy = by
	case *catalog.Entity:
		o.ManagedBy = by
	case *catalog.Watch:
		o.ManagedBy = by
	case *catalog.Channel:
		o.ManagedBy = by
	}
}

// replace makes a catalog with obj in the place of the object named; nil:
// without it.
func (e editor) replace(r catalog.Ref, obj catalog.Object) {
	var c catalog.Catalog
	keep := func(o catalog.Object) bool { return o.Ref() != r }
	for _, o := range e.catalog.Sources {
		if keep(&o) {
			c.Sources = append(c.Sources, o)
		}
	}
	for _, o := range e.catalog.Entities {
		if keep(&o) {
			c.Entities = append(c.Entities, o)
		}
	}
	for _, o := range e.catalog.Watches {
		if keep(&o) {
			c.Watches = append(c.Watches, o)
		}
	}
	for _, o := range e.catalog.Channels {
		if keep(&o) {
			c.Channels = append(c.Channels, o)
		}
	}
	switch o := obj.(type) {
	case *catalog.Source:
		o.Version = catalog.Digest(o)
		c.Sources = append(c.Sources, *o)
	case *catalog.Entity:
		o.Version = catalog.Digest(o)
		c.Entities = append(c.Entities, *o)
	case *catalog.Watch:
		o.Version = catalog.Digest(o)
		c.Watches = append(c.Watches, *o)
	case *catalog.Channel:
		o.Version = catalog.Digest(o)
		c.Channels = append(c.Channels, *o)
	}
	e.catalog = c.Sorted()
}

// alertLog is the world's alerts.
// retagger applies the world's entities.
type retagger struct{ *world }

func (r retagger) Start(_ context.Context, req pipeline.RetagRequest) error {
	r.retagged = append(r.retagged, req)
	return nil
}

func (r retagger) Passes(context.Context) ([]pipeline.RetagPass, error) {
	return []pipeline.RetagPass{
		{N: 9, State: pipeline.RetagRunning, Entities: []string{"huawei"}, Count: 1, Since: noon.Add(-time.Minute), Candidates: 1200, Looked: 756, Changed: 41},
		{N: 8, State: pipeline.RetagDone, Since: noon.Add(-time.Hour), Candidates: 9, Looked: 9, Alert: true},
		{N: 7, State: pipeline.RetagDone, Count: 500, Since: noon.Add(-2 * time.Hour), Candidates: 10, Looked: 10, Failed: 1},
	}, nil
}

func (r retagger) Entity(ctx context.Context, id string) (pipeline.RetagEntity, error) {
	e := pipeline.RetagEntity{ID: id}
	switch id {
	case "huawei":
		passes, _ := r.Passes(ctx)
		e.Pass = &passes[0]
	case "alibaba":
		e.Applied, e.Changed = noon.Add(-time.Hour), 3
	case "wic":
		e.Pending = true
	case "gone":
		e.Kept = true
	case "nobody":
		return e, pipeline.ErrNotFound
	}
	return e, nil
}

func (r retagger) Keep(_ context.Context, id string, keep bool) error {
	r.kept = append(r.kept, fmt.Sprint(id, " ", keep))
	return nil
}

type alertLog struct{ *world }

func (l alertLog) List(_ context.Context, after string, limit int) ([]pipeline.Alert, string, error) {
	return pageOf(l.alerts, after, limit, func(a pipeline.Alert) string { return a.ID })
}

func (l alertLog) Get(_ context.Context, id string) (pipeline.Alert, error) {
	for _, a := range l.alerts {
		if a.ID == id {
			return a, nil
		}
	}
	return pipeline.Alert{}, pipeline.ErrNotFound
}

// deadLog is the world's dead letters.
type deadLog struct{ *world }

func (l deadLog) List(_ context.Context, q DeadQuery) ([]pipeline.DeadLetter, string, error) {
	of := slices.DeleteFunc(slices.Clone(l.dead), func(d pipeline.DeadLetter) bool {
		return q.Stage != "" && d.Stage != q.Stage || q.Reason != "" && d.Reason != q.Reason
	})
	return pageOf(of, q.After, q.Limit, func(d pipeline.DeadLetter) string { return d.ID })
}

func (l deadLog) Get(_ context.Context, id string) (pipeline.DeadLetter, error) {
	for _, d := range l.dead {
		if d.ID == id {
			return d, nil
		}
	}
	return pipeline.DeadLetter{}, pipeline.ErrNotFound
}

func (l deadLog) Replay(ctx context.Context, id string) error { return l.settle(ctx, id, &l.replayed) }
func (l deadLog) Drop(ctx context.Context, id string) error   { return l.settle(ctx, id, &l.dropped) }

func (l deadLog) settle(ctx context.Context, id string, to *[]string) error {
	if _, err := l.Get(ctx, id); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	*to = append(*to, id)
	return nil
}

func pageOf[T any](all []T, after string, limit int, id func(T) string) ([]T, string, error) {
	if after != "" {
		i := slices.IndexFunc(all, func(v T) bool { return id(v) == after })
		all = all[i+1:]
	}
	if len(all) > limit {
		return all[:limit], id(all[limit-1]), nil
	}
	return all, "", nil
}
