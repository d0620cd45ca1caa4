package index

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"runtime"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/newswatch/newswatch/pipeline"
)

// Write makes the batch searchable before it returns, and calls done exactly
// once: with nil when all of it is durable, with an error when any of it can't
// be. It is the Write of a pipeline.Sink; a batch that failed may be handed in
// again, whole or in parts. See the package comment for what becomes of an
// article whose key is known.
func (ix *Index) Write(ctx context.Context, batch []pipeline.Stored[pipeline.Article], done func(error)) {
	start := time.Now()
	needs, err := ix.write(ctx, batch)
	if err != nil {
		ix.metrics.writes.WithLabelValues(resultError).Inc()
		done(err)
		return
	}
	ix.metrics.writes.WithLabelValues(resultOK).Inc()
	ix.metrics.searchable.Observe(time.Since(start).Seconds())
	ix.commit.add(needs, highest(batch), done)
}

func highest(batch []pipeline.Stored[pipeline.Article]) (seq uint64) {
	for _, s := range batch {
		seq = max(seq, s.Seq)
	}
	return seq
}

// fullWait is how long what can't be written waits before it comes again. Bleve
// goes on trying meanwhile: when there is room, writing goes on by itself.
const fullWait = 5 * time.Second

// An incoming is an article of a batch on its way into its partition.
type incoming struct {
	article   pipeline.Article
	version   version
	partition string
	salvaged  bool // it was in the index before
}

// write returns the writes that must be durable for the batch to be.
func (ix *Index) write(ctx context.Context, batch []pipeline.Stored[pipeline.Article]) (map[*partition]uint64, error) {
	ins, err := ix.newest(batch)
	if err != nil {
		return nil, err
	}
	ix.writing.Lock()
	defer ix.writing.Unlock()
	return ix.writeNewest(ctx, ins)
}

// writeNewest is called with the writing lock.
func (ix *Index) writeNewest(ctx context.Context, ins []incoming) (map[*partition]uint64, error) {
	if ix.isClosed() {
		return nil, ErrClosed
	}
	if err := ix.putOff(); err != nil {
		return nil, err
	}
	found, err := ix.places(ctx, ins)
	if err != nil {
		return nil, err
	}
	plan, needs, err := ix.plan(ins, found)
	if err != nil {
		return nil, err
	}
	if err := ix.analyse(plan); err != nil {
		return nil, err
	}
	if err := ix.applyMoving(plan, needs); err != nil {
		return nil, err
	}
	for p, c := range plan {
		for _, d := range c.put {
			ix.recovery.arrived(p.name, d)
		}
	}
	return needs, nil
}

// keyForm is the one form of a key: another would be another document.
var keyForm = regexp.MustCompile(`^[0-9a-f]{16}$`)

// newest checks the articles and leaves the newest state of each key.
func (ix *Index) newest(batch []pipeline.Stored[pipeline.Article]) ([]incoming, error) {
	byKey := make(map[string]int, len(batch))
	ins := make([]incoming, 0, len(batch))
	for _, s := range batch {
		a := s.Value
		name, err := period(ix.cfg.Partition).name(a.ID)
		if err != nil {
			return nil, pipeline.Permanent("invalid", err)
		}
		if _, key, _ := pipeline.ParseID(a.ID); key != a.Key || !keyForm.MatchString(key) {
			return nil, pipeline.Permanent("invalid", fmt.Errorf("article %s has key %q", a.ID, a.Key))
		}
		in := incoming{article: a, version: version{a.Revision, s.Seq}, partition: name}
		i, known := byKey[a.Key]
		switch {
		case !known:
			byKey[a.Key] = len(ins)
			ins = append(ins, in)
		case ins[i].version.less(in.version):
			ins[i] = in
		}
	}
	return ins, nil
}

// places is where the batch's keys are in the index already.
func (ix *Index) places(ctx context.Context, ins []incoming) (map[string][]place, error) {
	keys := make([]string, len(ins))
	for i, in := range ins {
		keys[i] = in.article.Key
	}
	found := make(map[string][]place)
	for _, p := range ix.list() {
		if err := p.find(ctx, keys, found); err != nil {
			if ctx.Err() != nil {
				return nil, err
			}
			// Written blindly an article could be there twice. It comes again
			// when the partition was opened or made anew.
			ix.suspect(p)
			return nil, pipeline.Later(fullWait, err)
		}
	}
	return found, nil
}

// plan works out what is to change in which partition, so that of each key the
// newest state is left, once. A batch also needs the writes of others that
// have put its articles there before it: they may not be durable yet.
func (ix *Index) plan(ins []incoming, found map[string][]place) (map[*partition]*change, map[*partition]uint64, error) {
	plan := make(map[*partition]*change)
	needs := make(map[*partition]uint64)
	at := func(p *partition, seq uint64) *change {
		c := plan[p]
		if c == nil {
			c = &change{low: seq, high: seq}
			plan[p] = c
		}
		c.low, c.high = min(c.low, seq), max(c.high, seq)
		return c
	}
	for _, in := range ins {
		best := in.version
		var keep *place // the best that is there; nil: the article handed in
		for i, pl := range found[in.article.Key] {
			if !pl.version.less(best) {
				best, keep = pl.version, &found[in.article.Key][i]
			}
		}
		seq := in.version.seq
		for _, pl := range found[in.article.Key] {
			if keep != nil && pl == *keep || keep == nil && pl.id == in.article.ID {
				continue
			}
			c := at(pl.partition, seq)
			c.remove = append(c.remove, pl.id)
			ix.metrics.articles.WithLabelValues(writeRemoved).Inc()
		}
		if keep != nil {
			needs[keep.partition] = keep.partition.written()
			result := writeStale
			if keep.version == in.version {
				result = writeSame
			}
			ix.metrics.articles.WithLabelValues(result).Inc()
			continue
		}
		// One that is there is written: retention removes it, not an older state.
		if len(found[in.article.Key]) == 0 && ix.unwanted(&in.article, in.partition) {
			ix.metrics.articles.WithLabelValues(writeExpired).Inc()
			if in.salvaged {
				ix.recovery.leftOut(in.partition, in.article.ID)
			}
			continue
		}
		p := ix.partition(in.partition)
		if p == nil {
			var err error
			if p, err = ix.openOne(in.partition); err != nil {
				return nil, nil, err
			}
		}
		c := at(p, seq)
		c.put = append(c.put, &putDoc{article: in.article, version: in.version, salvaged: in.salvaged, isNew: len(found[in.article.Key]) == 0})
		ix.metrics.articles.WithLabelValues(writePut).Inc()
	}
	return plan, needs, nil
}

// analyse makes the documents, on all processors.
func (ix *Index) analyse(plan map[*partition]*change) error {
	var g errgroup.Group
	g.SetLimit(runtime.GOMAXPROCS(0))
	now := ix.now().UTC()
	for _, c := range plan {
		for part := range slices.Chunk(c.put, 8) {
			g.Go(func() error {
				for _, d := range part {
					if !d.salvaged {
						d.article.Indexed = now
					}
					doc, err := newDocument(&d.article, d.version, ix.codec)
					if err != nil {
						return err
					}
					d.doc = doc
				}
				return nil
			})
		}
	}
	return g.Wait()
}

// applyAll makes the changes and adds them to needs.
func (ix *Index) applyAll(plan map[*partition]*change, needs map[*partition]uint64) error {
	var (
		mu   sync.Mutex
		errs []error
		g    errgroup.Group
	)
	g.SetLimit(runtime.GOMAXPROCS(0))
	for p, c := range plan {
		g.Go(func() error {
			gen, err := ix.apply(p, *c)
			mu.Lock()
			defer mu.Unlock()
			errs = append(errs, err)
			needs[p] = max(needs[p], gen)
			return nil
		})
	}
	_ = g.Wait() // each error is in errs
	return errors.Join(errs...)
}

// apply makes a change to one partition, which is no longer sealed then.
func (ix *Index) apply(p *partition, c change) (gen uint64, err error) {
	if p.isSealed() {
		if err := ix.unseal(p); err != nil {
			return 0, err
		}
	}
	return p.apply(c, ix.now())
}

// Delete removes the articles with the ids, and returns when that is durable.
// Ids that are not there are not an error. The stream knows nothing of it: a
// replay brings back what it still holds.
func (ix *Index) Delete(ctx context.Context, ids []string) error {
	plan := make(map[*partition]*change)
	for _, id := range ids {
		name, err := period(ix.cfg.Partition).name(id)
		if err != nil {
			return fmt.Errorf("delete: %w", err)
		}
		if p := ix.partition(name); p != nil {
			if plan[p] == nil {
				plan[p] = new(change)
			}
			plan[p].remove = append(plan[p].remove, id)
		}
	}
	done := make(chan error, 1)
	if err := ix.delete(plan, func(err error) { done <- err }); err != nil {
		return fmt.Errorf("delete: %w", err)
	}
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (ix *Index) delete(plan map[*partition]*change, done func(error)) error {
	ix.writing.Lock()
	defer ix.writing.Unlock()
	if ix.isClosed() {
		return ErrClosed
	}
	for p, c := range plan {
		seq := p.seq() // a deletion is no message
		c.low, c.high = seq, seq
	}
	needs := make(map[*partition]uint64)
	if err := ix.applyAll(plan, needs); err != nil {
		return err
	}
	ix.commit.add(needs, 0, done)
	return nil
}

// written is the number of the partition's last write.
func (p *partition) written() uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.state.Gen
}

func (p *partition) seq() uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.state.Seq
}
