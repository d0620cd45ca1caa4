package catalog

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/newswatch/newswatch/pipeline"
)

// settle is how long a change waits for others to be told of with it. It is
// part of the second within which a change acts everywhere.
const settle = 50 * time.Millisecond

// A Store is the catalog in a key-value bucket, as one process sees it. All
// its methods may be called at once.
type Store struct {
	lg     *slog.Logger
	kv     pipeline.KV
	checks Checks

	snap atomic.Pointer[Catalog]

	mu      sync.Mutex
	entries map[Ref]entry
	dirty   map[string]bool // kinds whose part of the snapshot is to be built anew
	subs    map[*subscriber]bool
	applies sync.Mutex // one Apply at a time

	kick   chan struct{} // there is something dirty
	cancel context.CancelFunc
	done   sync.WaitGroup
	ctx    context.Context // done when the store is closed
}

// An entry is the last that is known of a key. One without object was deleted;
// its revision tells news of older writes apart.
type entry struct {
	obj      Object
	revision uint64
	expect   uint64 // revision for the next Update: 0 where there is no key
}

// Open reads the bucket and follows its changes until ctx is done or the store
// is closed. It returns when everything there was is in the snapshot.
func Open(ctx context.Context, lg *slog.Logger, kv pipeline.KV, checks Checks) (*Store, error) {
	run, cancel := context.WithCancel(ctx)
	s := &Store{
		lg: lg.With("component", "catalog"), kv: kv, checks: checks,
		entries: make(map[Ref]entry), dirty: make(map[string]bool), subs: make(map[*subscriber]bool),
		kick: make(chan struct{}, 1), cancel: cancel, ctx: run,
	}
	s.snap.Store((&Catalog{}).Sorted())
	ready := make(chan struct{})
	failed := make(chan error, 1)
	s.done.Go(func() { s.follow(ready, failed) })
	select {
	case <-ready:
	case err := <-failed:
		s.Close()
		return nil, fmt.Errorf("open catalog: %w", err)
	case <-ctx.Done():
		s.Close()
		return nil, fmt.Errorf("open catalog: %w", ctx.Err())
	}
	s.rebuild()
	s.done.Go(s.publish)
	return s, nil
}

// Close ends following the bucket and telling subscribers, and waits until
// that has ended. It must not be called by a subscriber.
func (s *Store) Close() {
	s.cancel()
	s.done.Wait()
}

// Snapshot is the catalog as of now: sorted by id, never changed afterwards.
func (s *Store) Snapshot() *Catalog { return s.snap.Load() }

// follow watches the bucket, again after a while where the watch ends early.
// ready is closed once the first watch has told all there is; an error before
// that goes to failed.
func (s *Store) follow(ready chan<- struct{}, failed chan<- error) {
	first, wait := true, 100*time.Millisecond
	for {
		before := s.revisions()
		caught := false
		err := s.kv.Watch(s.ctx, func(e pipeline.Entry) error {
			if e.Key == "" && !caught {
				caught, wait = true, 100*time.Millisecond
				s.drop(before)
				if first {
					first = false
					close(ready)
				}
				return nil
			}
			if ref, ok := s.ingest(e); ok && !caught {
				delete(before, ref)
			}
			return nil
		})
		if s.ctx.Err() != nil {
			return
		}
		if err == nil {
			err = errors.New("the watch ended")
		}
		if first {
			failed <- err
			return
		}
		s.lg.Warn("catalog watch broken, watching again", "error", err, "wait", wait)
		select {
		case <-time.After(wait):
		case <-s.ctx.Done():
			return
		}
		wait = min(2*wait, 10*time.Second)
	}
}

// ingest takes in news of a key, from the watch or from our own write, unless
// newer is known.
func (s *Store) ingest(e pipeline.Entry) (Ref, bool) {
	ref, ok := parseKey(e.Key)
	if !ok {
		return ref, false // somebody else's
	}
	next := entry{revision: e.Revision}
	if !e.Deleted {
		next.expect = e.Revision
	}
	var unreadable error
	if !e.Deleted && len(e.Value) > 0 {
		next.obj, unreadable = decode(ref, e.Value)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	last, known := s.entries[ref]
	if known && next.revision <= last.revision {
		return ref, true
	}
	if unreadable != nil {
		// Nothing of ours writes that. The object as it was is kept, and may
		// be written over.
		s.lg.Error("catalog entry not readable", "key", e.Key, "revision", e.Revision, "error", unreadable)
		next.obj = last.obj
	}
	s.entries[ref] = next
	if next.obj != nil || last.obj != nil {
		s.touch(ref.Kind)
	}
	return ref, true
}

// revisions lists what is known, before a watch begins.
func (s *Store) revisions() map[Ref]uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	known := make(map[Ref]uint64, len(s.entries))
	for ref, e := range s.entries {
		known[ref] = e.revision
	}
	return known
}

// drop forgets what was known before the watch and what the watch did not tell
// of: it was deleted while nobody watched.
func (s *Store) drop(unseen map[Ref]uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for ref, revision := range unseen {
		e := s.entries[ref]
		if e.revision != revision {
			continue // written by ourselves since
		}
		delete(s.entries, ref)
		if e.obj != nil {
			s.touch(ref.Kind)
		}
	}
}

// touch asks for a new snapshot; s.mu is held.
func (s *Store) touch(kind string) {
	s.dirty[kind] = true
	select {
	case s.kick <- struct{}{}:
	default:
	}
}

// rebuild makes a new snapshot of the kinds that changed and wakes the
// subscribers.
func (s *Store) rebuild() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.dirty) == 0 {
		return
	}
	next := *s.snap.Load()
	if s.dirty[KindSource] {
		next.Sources = collect[Source](s.entries, KindSource)
	}
	if s.dirty[KindEntity] {
		next.Entities = collect[Entity](s.entries, KindEntity)
	}
	if s.dirty[KindWatch] {
		next.Watches = collect[Watch](s.entries, KindWatch)
	}
	if s.dirty[KindChannel] {
		next.Channels = collect[Channel](s.entries, KindChannel)
	}
	clear(s.dirty)
	s.snap.Store(&next)
	for sub := range s.subs {
		sub.wake()
	}
}

func collect[T any, P interface {
	*T
	Object
}](entries map[Ref]entry, kind string) []T {
	var all []T
	for ref, e := range entries {
		if ref.Kind == kind && e.obj != nil {
			all = append(all, *e.obj.(P))
		}
	}
	return sortedBy(all, func(t *T) string { return P(t).Ref().ID })
}

// publish makes snapshots of what the watch brings, a few changes at a time.
func (s *Store) publish() {
	for {
		select {
		case <-s.kick:
		case <-s.ctx.Done():
			return
		}
		select {
		case <-time.After(settle):
		case <-s.ctx.Done():
			return
		}
		s.rebuild()
	}
}

// A subscriber is told of changes by its own goroutine, so that a slow one
// delays nobody; meanwhile its changes gather.
type subscriber struct {
	fn   func(old, new *Catalog, events []Event)
	kick chan struct{}
	last *Catalog
}

func (b *subscriber) wake() {
	select {
	case b.kick <- struct{}{}:
	default:
	}
}

// Subscribe calls fn after each change from now on, with the catalog it was
// last told of, the present one, and what lies between. Changes close to one
// another come in one call; calls to one fn never overlap. To start from a
// complete state, subscribe first and then take a Snapshot: applying its
// changes twice is harmless, missing one is not. After cancel no new call
// begins.
func (s *Store) Subscribe(fn func(old, new *Catalog, events []Event)) (cancel func()) {
	ctx, stop := context.WithCancel(s.ctx)
	b := &subscriber{fn: fn, kick: make(chan struct{}, 1)}
	s.mu.Lock()
	b.last = s.snap.Load()
	s.subs[b] = true
	s.mu.Unlock()
	s.done.Go(func() {
		defer func() {
			s.mu.Lock()
			delete(s.subs, b)
			s.mu.Unlock()
		}()
		for {
			select {
			case <-b.kick:
			case <-ctx.Done():
				return
			}
			now := s.snap.Load()
			events := Diff(b.last, now)
			if len(events) == 0 || ctx.Err() != nil {
				continue
			}
			fn(b.last, now, events)
			b.last = now
		}
	})
	return stop
}
