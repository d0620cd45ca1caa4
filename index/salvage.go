package index

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"time"

	"github.com/newswatch/newswatch/pipeline"
)

const salvageBatch = 1 << 20 // bytes of text in one write

// A refill writes the articles of one damaged folder into the index again.
type refill struct {
	ix     *Index
	newest map[string]version // of what can be read, by key
	batch  []pipeline.Stored[pipeline.Article]
	bytes  int
	under  <-chan error // the write on its way
}

// salvage reads one damaged folder. It may be done again, in whole or in parts:
// what is there already is not written again.
func (ix *Index) salvage(ctx context.Context, d *damage) error {
	began := time.Now()
	if d.Partition < ix.commit.dropped() { // retention has no use for it any more
		return ix.recovery.set(d, func(d *damage) { d.State, d.Ended, d.recount = RecoveryDone, ix.now().UTC(), false })
	}
	if d.State == RecoveryDone {
		return ix.check(ctx, d)
	}
	if p := ix.partition(d.Partition); p == nil {
		ix.writing.Lock()
		_, err := ix.openOne(d.Partition)
		ix.writing.Unlock()
		if err != nil {
			return err
		}
	}
	w := openWreck(filepath.Join(ix.cfg.Dir, d.Folder))
	r := &refill{ix: ix, newest: make(map[string]version)}
	s, err := r.from(ctx, w)
	if p := ix.partition(d.Partition); err == nil && p != nil {
		err = ix.removeOlder(ctx, p)
	}
	if err != nil {
		ix.recovery.mu.Lock()
		d.Error = err.Error()
		ix.recovery.mu.Unlock()
		return err
	}
	err = ix.recovery.set(d, func(d *damage) { d.salvaged(s, len(w.snapshots) > 0, r.newest, ix.now()) })
	if err == nil && d.recount {
		err = ix.recount(ctx, d, len(r.newest))
	}
	ix.metrics.recovered.Add(float64(d.Own))
	ix.log.Warn("damaged partition was read", "partition", d.Partition, "aside", d.Folder, "read", s.Read,
		"recovered", d.Own, "unreadable", s.Lost, "lost", d.Lost, "took", time.Since(began).Round(time.Millisecond))
	return err
}

// salvaged notes that a damaged folder was read: what is left of it, whether its
// deletions are known, and the articles it gave.
func (d *damage) salvaged(s salvage, deletions bool, read map[string]version, now time.Time) {
	d.State, d.Error, d.Ended, d.Unread, d.Missing = RecoveryDone, "", now.UTC(), s.Lost, nil
	d.Whole = s.Complete && d.AskedFrom == 0
	if deletions { // else there may be some that were deleted, and not expected
		d.Unwanted = len(d.unwanted)
	}
	d.unwanted = nil
	for _, id := range s.ids {
		_, key, err := pipeline.ParseID(id)
		if _, ok := read[key]; err == nil && !ok && len(d.Missing) < maxMissing {
			d.Missing = append(d.Missing, id)
		}
	}
	slices.Sort(d.Missing)
	d.Missing = slices.Compact(d.Missing)
}

// from writes what can be read of a wreck, and returns when it is durable: else
// it must be read again. First the versions alone are read: an older state that
// is written on the way to the newest would stay where retention wants the newest
// no more.
func (r *refill) from(ctx context.Context, w *wreck) (s salvage, err error) {
	_, err = w.salvage(ctx, r.ix.codec, func(a storedArticle) error {
		if was, ok := r.newest[a.article.Key]; !ok || was.less(a.version) {
			r.newest[a.article.Key] = a.version
		}
		return nil
	})
	if err != nil {
		return s, err
	}
	s, err = w.salvage(ctx, r.ix.codec, func(a storedArticle) error {
		if r.newest[a.article.Key] != a.version {
			return nil
		}
		return r.add(ctx, a)
	})
	if err != nil {
		return s, err
	}
	if err := r.flush(ctx); err != nil {
		return s, err
	}
	return s, r.wait(ctx)
}

func (r *refill) add(ctx context.Context, a storedArticle) error {
	r.batch = append(r.batch, pipeline.Stored[pipeline.Article]{Value: a.article, Seq: a.version.seq})
	if r.bytes += len(a.article.Text); r.bytes < salvageBatch && len(r.batch) < 1000 {
		return nil
	}
	return r.flush(ctx)
}

// flush begins to write the batch when the one before it is durable.
func (r *refill) flush(ctx context.Context) error {
	if err := r.wait(ctx); err != nil || len(r.batch) == 0 {
		return err
	}
	done := make(chan error, 1)
	if err := r.ix.restore(ctx, r.batch, func(err error) { done <- err }); err != nil {
		return err
	}
	r.under, r.batch, r.bytes = done, nil, 0
	return nil
}

// wait waits for the write on its way.
func (r *refill) wait(ctx context.Context) error {
	if r.under == nil {
		return nil
	}
	select {
	case err := <-r.under:
		r.under = nil
		return err
	case <-ctx.Done(): // nobody acknowledges any more
		return ctx.Err()
	}
}

// restore writes articles that were in the index before, and waits while
// writing is put off.
func (ix *Index) restore(ctx context.Context, batch []pipeline.Stored[pipeline.Article], done func(error)) error {
	for {
		err := ix.putBack(ctx, batch, done)
		var later *pipeline.LaterError
		if !errors.As(err, &later) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(watchInterval):
		}
	}
}
