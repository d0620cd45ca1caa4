package catalog

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/newswatch/newswatch/pipeline"
)

// PutOptions says who writes and what must be so.
type PutOptions struct {
	// ManagedBy is the file that manages the object from now on; empty: a
	// person or program does, and an object that a file manages is refused.
	ManagedBy string
	// IfVersion is the version the object must have; empty: any. A different
	// one is pipeline.ErrConflict, no such object pipeline.ErrNotFound.
	IfVersion string
	// IfAbsent refuses an object that is there already with pipeline.ErrExists.
	IfAbsent bool
}

// DeleteOptions is PutOptions for Delete.
type DeleteOptions struct {
	ManagedBy string // the file that deletes what it manages
	IfVersion string // the version the object must have; empty: any
}

// ApplyResult counts what Apply did, in objects.
type ApplyResult struct {
	Added     int `json:"added"`
	Changed   int `json:"changed"`
	Unchanged int `json:"unchanged"`
	Removed   int `json:"removed"`
}

// writers is how many objects Apply writes at once.
const writers = 16

// tries is how often a write is tried when others write the same object.
const tries = 8

// Put validates the object, by itself and with the rest of the catalog, and
// writes it. It returns the new version; the snapshot has it by then. Errors:
// [ErrInvalid], [ErrManaged], and those of the options. The object is not kept.
func (s *Store) Put(ctx context.Context, obj Object, opt PutOptions) (version string, err error) {
	obj = obj.shallow()
	obj.fill()
	one := catalogOf(obj)
	if errs := one.validateEach(s.checks); len(errs) > 0 {
		return "", joinFields(errs)
	}
	if errs := one.crossCheck(s.with(one, nil)); len(errs) > 0 {
		return "", joinFields(errs)
	}
	_, err = s.write(ctx, obj, opt)
	s.rebuild()
	if err != nil {
		return "", err
	}
	return Digest(obj), nil
}

// write stores one valid object and says what that did: added, changed or
// unchanged.
func (s *Store) write(ctx context.Context, obj Object, opt PutOptions) (did ApplyResult, err error) {
	ref := obj.Ref()
	data, err := encode(obj, opt.ManagedBy)
	if err != nil {
		return did, err
	}
	for range tries {
		last := s.entry(ref)
		if err := permit(ref, last.obj, opt); err != nil {
			return did, err
		}
		if last.obj != nil && ManagedBy(last.obj) == opt.ManagedBy && Digest(last.obj) == Digest(obj) {
			return ApplyResult{Unchanged: 1}, nil
		}
		revision, err := s.kv.Update(ctx, ref.Key(), data, last.expect)
		switch {
		case err == nil:
			s.ingest(pipeline.Entry{Key: ref.Key(), Value: data, Revision: revision})
			if last.obj == nil {
				return ApplyResult{Added: 1}, nil
			}
			return ApplyResult{Changed: 1}, nil
		case errors.Is(err, pipeline.ErrConflict), errors.Is(err, pipeline.ErrExists):
			if err := s.refresh(ctx, ref); err != nil {
				return did, err
			}
		default:
			return did, fmt.Errorf("write %s: %w", ref, err)
		}
	}
	return did, fmt.Errorf("write %s: %w", ref, pipeline.ErrConflict)
}

// permit says whether the object as it is may be written over or deleted.
func permit(ref Ref, last Object, opt PutOptions) error {
	if last == nil {
		if opt.IfVersion != "" {
			return fmt.Errorf("%s: %w", ref, pipeline.ErrNotFound)
		}
		return nil
	}
	// A file may take over what a person made, but not what another file has.
	if by := ManagedBy(last); by != "" && by != opt.ManagedBy {
		return &ManagedError{Ref: ref, File: by, By: opt.ManagedBy}
	}
	if opt.IfAbsent {
		return fmt.Errorf("%s: %w", ref, pipeline.ErrExists)
	}
	if v := Digest(last); opt.IfVersion != "" && opt.IfVersion != v {
		return fmt.Errorf("%s: its version is %s, not %s: %w", ref, v, opt.IfVersion, pipeline.ErrConflict)
	}
	return nil
}

// Delete removes an object; the snapshot lacks it by then. Errors:
// pipeline.ErrNotFound, [ErrManaged], [ErrInUse] for a channel that a watch
// sends to, and those of the options.
func (s *Store) Delete(ctx context.Context, kind, id string, opt DeleteOptions) error {
	ref := Ref{kind, id}
	if err := s.unused(map[Ref]bool{ref: true}, &Catalog{}); err != nil {
		return err
	}
	err := s.remove(ctx, ref, opt)
	s.rebuild()
	return err
}

func (s *Store) remove(ctx context.Context, ref Ref, opt DeleteOptions) error {
	if newObject(ref.Kind) == nil || !idForm.MatchString(ref.ID) {
		return fmt.Errorf("%s: %w", ref, pipeline.ErrNotFound)
	}
	for range tries {
		last := s.entry(ref)
		if last.obj == nil {
			return fmt.Errorf("%s: %w", ref, pipeline.ErrNotFound)
		}
		if err := permit(ref, last.obj, PutOptions{ManagedBy: opt.ManagedBy, IfVersion: opt.IfVersion}); err != nil {
			return err
		}
		// An empty value counts as deleted, and unlike Delete it can be made
		// to fail where somebody else wrote meanwhile.
		revision, err := s.kv.Update(ctx, ref.Key(), nil, last.expect)
		switch {
		case err == nil:
			s.ingest(pipeline.Entry{Key: ref.Key(), Revision: revision})
			if err := s.kv.Delete(ctx, ref.Key()); err != nil {
				return fmt.Errorf("delete %s: %w", ref, err)
			}
			return nil
		case errors.Is(err, pipeline.ErrConflict), errors.Is(err, pipeline.ErrExists), errors.Is(err, pipeline.ErrNotFound):
			if err := s.refresh(ctx, ref); err != nil {
				return err
			}
		default:
			return fmt.Errorf("delete %s: %w", ref, err)
		}
	}
	return fmt.Errorf("delete %s: %w", ref, pipeline.ErrConflict)
}

// Apply makes the objects that the file manages those of c: it adds, changes
// and removes. What other files and people manage stays as it is. Everything
// is validated first, and nothing is written where anything is wrong: errors
// have file and line if c was parsed from a file. An empty catalog removes all
// that the file manages.
func (s *Store) Apply(ctx context.Context, c *Catalog, managedBy string) (ApplyResult, error) {
	var did ApplyResult
	if managedBy == "" {
		return did, fmt.Errorf("apply catalog: %w: no file is named", ErrInvalid)
	}
	s.applies.Lock()
	defer s.applies.Unlock()
	gone, err := s.plan(c, managedBy)
	if err != nil {
		return did, err
	}
	defer s.rebuild()
	for _, kind := range Kinds() { // channels before the watches that send to them
		one, err := s.writeAll(ctx, c.objects(kind), managedBy)
		did.Added += one.Added
		did.Changed += one.Changed
		did.Unchanged += one.Unchanged
		if err != nil {
			return did, fmt.Errorf("apply %s: %w", managedBy, err)
		}
	}
	for _, ref := range gone { // and after them
		err := s.remove(ctx, ref, DeleteOptions{ManagedBy: managedBy})
		if err != nil && !errors.Is(err, pipeline.ErrNotFound) {
			return did, fmt.Errorf("apply %s: %w", managedBy, err)
		}
		if err == nil {
			did.Removed++
		}
	}
	return did, nil
}

// writeAll writes valid objects, several at a time: each write waits for the
// server to confirm it.
func (s *Store) writeAll(ctx context.Context, objs []Object, managedBy string) (ApplyResult, error) {
	var mu sync.Mutex
	var did ApplyResult
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(writers)
	for _, obj := range objs {
		g.Go(func() error {
			obj := obj.shallow()
			obj.fill()
			one, err := s.write(ctx, obj, PutOptions{ManagedBy: managedBy})
			mu.Lock()
			defer mu.Unlock()
			did.Added += one.Added
			did.Changed += one.Changed
			did.Unchanged += one.Unchanged
			return err
		})
	}
	err := g.Wait()
	return did, err
}

// plan checks what Apply is asked to do and lists what is to be removed.
func (s *Store) plan(c *Catalog, managedBy string) (gone []Ref, err error) {
	errs := c.validateEach(s.checks)
	keep := make(map[Ref]bool, c.Len())
	for obj := range c.Objects() {
		keep[obj.Ref()] = true
	}
	removed := make(map[Ref]bool)
	for obj := range s.Snapshot().Objects() {
		if ref := obj.Ref(); ManagedBy(obj) == managedBy && !keep[ref] {
			removed[ref] = true
			gone = append(gone, ref)
		}
	}
	slices.Reverse(gone) // watches first, then the channels they send to
	whole := s.with(c, removed)
	errs = append(errs, c.crossCheck(whole)...)
	all := []error{joinFields(errs)}
	for _, kind := range Kinds() {
		for i, obj := range c.objects(kind) {
			last := s.entry(obj.Ref())
			if m, ok := errors.AsType[*ManagedError](permit(obj.Ref(), last.obj, PutOptions{ManagedBy: managedBy})); ok {
				e := &FieldError{Ref: obj.Ref(), Field: "id"}
				c.locate([]*FieldError{e}, kind, i)
				all = append(all, fmt.Errorf("%s%w", e.place(), m))
			}
		}
	}
	all = append(all, s.unused(removed, c))
	return gone, errors.Join(all...)
}

// unused refuses the removal of channels that remaining watches send to. The
// watches of c are looked after by its own check.
func (s *Store) unused(removed map[Ref]bool, c *Catalog) error {
	var errs []error
	for _, w := range s.Snapshot().Watches {
		if removed[w.Ref()] || c.Watch(w.ID) != nil {
			continue
		}
		for _, id := range w.To {
			if ref := (Ref{KindChannel, id}); removed[ref] {
				errs = append(errs, fmt.Errorf("%s: %w: %s sends to it", ref, ErrInUse, w.Ref()))
			}
		}
	}
	return errors.Join(errs...)
}

// with is the sources and channels there would be with the objects of c and
// without those removed: what the cross-check looks at.
func (s *Store) with(c *Catalog, removed map[Ref]bool) *Catalog {
	now := s.Snapshot()
	given := make(map[Ref]bool, c.Len())
	for obj := range c.Objects() {
		given[obj.Ref()] = true
	}
	whole := new(Catalog)
	for _, kind := range []string{KindSource, KindChannel} {
		for _, obj := range now.objects(kind) {
			if !given[obj.Ref()] && !removed[obj.Ref()] {
				whole.add(obj)
			}
		}
		for _, obj := range c.objects(kind) {
			whole.add(obj)
		}
	}
	return whole
}

// entry is what is known of an object.
func (s *Store) entry(ref Ref) entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.entries[ref]
}

// refresh reads an object whose write failed because another was faster than
// the watch.
func (s *Store) refresh(ctx context.Context, ref Ref) error {
	e, err := s.kv.Get(ctx, ref.Key())
	switch {
	case errors.Is(err, pipeline.ErrNotFound):
		s.mu.Lock()
		defer s.mu.Unlock()
		last := s.entries[ref]
		if last.obj != nil {
			s.touch(ref.Kind)
		}
		s.entries[ref] = entry{revision: last.revision}
		return nil
	case err != nil:
		return fmt.Errorf("read %s: %w", ref, err)
	}
	s.ingest(e)
	return nil
}

// catalogOf is a catalog of one object.
func catalogOf(obj Object) *Catalog {
	c := new(Catalog)
	c.add(obj)
	return c
}
