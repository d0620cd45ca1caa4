package feeds

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/newswatch/newswatch/pipeline"
)

const (
	// flushEvery is how long a state may wait to be stored that says nothing new
	// of the items: a crash costs the times of those polls.
	flushEvery = 10 * time.Second
	// maxDirty is how many states may wait at most.
	maxDirty = 2048
	// saveWait bounds the writing of a state at the end, flushWait of all.
	saveWait  = 10 * time.Second
	flushWait = 30 * time.Second
	// flushers is how many states are written at once.
	flushers = 4
)

// obtain is the feed's state, the caller's own.
func (p *Poller) obtain(ctx context.Context, f *feed) (*state, error) {
	p.mu.Lock()
	waiting := p.dirty[f]
	p.mu.Unlock()
	if waiting != nil {
		s := *waiting
		return &s, nil
	}
	s, err := loadState(ctx, p.kv, f.url)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	f.rev = s.rev
	s.Match = newer(s.Match, f.Match)
	return s, nil
}

// keep remembers the state; at once, or soon where it only says that nothing
// has changed. The answer is whether it is stored, or will be.
func (p *Poller) keep(ctx context.Context, f *feed, s *state, soon bool) bool {
	p.mu.Lock()
	s.Match = newer(s.Match, f.Match)
	f.matched = false
	f.remember(s)
	f.held, f.offline = 0, 0
	p.dirty[f] = s
	full := len(p.dirty) > maxDirty
	p.mu.Unlock()
	ok := soon && !full || p.store(ctx, f) == nil
	if ok && s.Trouble == nil {
		p.mu.Lock()
		f.first = false
		p.mu.Unlock()
	}
	return ok
}

// store writes the feed's state if it waits, at the end too: its items are
// stored, so it is true. It runs once at a time for a feed.
func (p *Poller) store(ctx context.Context, f *feed) error {
	p.mu.Lock()
	for p.writing[f] {
		p.written.Wait()
	}
	s := p.dirty[f]
	if s == nil {
		p.mu.Unlock()
		return nil
	}
	p.writing[f] = true
	out := *s // a state that waits is read by others
	out.rev = f.rev
	p.mu.Unlock()

	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), saveWait)
	defer cancel()
	err := out.save(ctx, p.kv)

	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.writing, f)
	p.written.Broadcast()
	switch {
	case err == nil:
		f.rev = out.rev
		if p.dirty[f] == s {
			delete(p.dirty, f)
		}
	case isOthers(err):
		// Somebody else polls it, or did: what he remembers is read next time.
		p.lg.Warn("feed state stored by another", "url", f.url)
		delete(p.dirty, f)
		f.ready = false
	default:
		p.lg.Error("feed state not stored", "url", f.url, "error", err)
		if len(p.dirty) > maxDirty {
			delete(p.dirty, f) // what it says can be found out again
		}
	}
	return err
}

// isOthers says whether a state was not stored because another process has
// stored one.
func isOthers(err error) bool {
	return errors.Is(err, pipeline.ErrConflict) || errors.Is(err, pipeline.ErrExists)
}

// flushes stores, until ctx is done, what waits.
func (p *Poller) flushes(ctx context.Context) {
	t := time.NewTicker(flushEvery)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			p.flush(ctx)
		case <-p.remarkable:
			// At once: a restart must not forget what a host asked for. But not
			// more than once a second, for all hosts are looked through.
			p.storeHosts(ctx)
			select {
			case <-ctx.Done():
				return
			case <-time.After(time.Second):
			}
		}
	}
}

func (p *Poller) flush(ctx context.Context) {
	p.storeHosts(ctx)
	p.mu.Lock()
	discard := p.discard
	p.discard = nil
	todo := make([]*feed, 0, len(p.dirty))
	for f := range p.dirty {
		todo = append(todo, f)
	}
	p.mu.Unlock()
	for _, key := range discard {
		if err := p.kv.Delete(ctx, key); err != nil && !errors.Is(err, pipeline.ErrNotFound) {
			p.lg.Warn("kept body not dropped", "key", key, "error", err)
		}
	}
	var writers sync.WaitGroup
	for part := range slices.Chunk(todo, max(1, (len(todo)+flushers-1)/flushers)) {
		writers.Go(func() {
			for _, f := range part {
				if err := p.store(ctx, f); err != nil && !isOthers(err) {
					return // the next flush, then
				}
			}
		})
	}
	writers.Wait()
}

// finish stores at the end what waits, and the matches of feeds that were not
// polled since.
func (p *Poller) finish() {
	ctx, cancel := context.WithTimeout(context.Background(), flushWait)
	defer cancel()
	p.mu.Lock()
	var matched []*feed
	for _, f := range p.feeds {
		if f.matched && f.ready {
			matched = append(matched, f)
		}
	}
	p.mu.Unlock()
	for _, f := range matched {
		if s, err := p.obtain(ctx, f); err == nil {
			p.keep(ctx, f, s, true)
		}
	}
	p.flush(ctx)
}
