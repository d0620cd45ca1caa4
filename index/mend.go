package index

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/blevesearch/bleve/v2/index/scorch"
	bleveindex "github.com/blevesearch/bleve_index_api"

	"github.com/newswatch/newswatch/index/query"
	"github.com/newswatch/newswatch/pipeline"
)

// adopt deals with a partition just opened: what is damaged of it, what it
// lacks, what of that its own documents can give and what the stream must.
func (ix *Index) adopt(ctx context.Context, p *partition) error {
	expected, upTo := ix.commit.expected(p.name)
	p.mu.Lock()
	found, had := p.wrecks, p.docs
	p.wrecks = nil
	p.mu.Unlock()
	complete := false
	for i := range found {
		d := &found[i]
		d.Expected, d.Had, d.UpTo = expected, had, upTo
		// Where all that was there can still be read, the stream is not asked.
		if had == 0 {
			w := openWreck(filepath.Join(ix.cfg.Dir, d.Folder))
			s, err := w.salvage(ctx, ix.codec, func(storedArticle) error { return nil })
			if err != nil {
				return fmt.Errorf("partition %s: %w", p.name, err)
			}
			if s.Complete && s.State.Gen >= ix.commit.gen(p) {
				complete, d.Expected = true, s.Read
				d.UpTo = max(d.UpTo, s.State.Seq) // of which the checkpoint may not know yet
			}
		}
		if d.Expected == 0 {
			if sealed, err := readSeal(filepath.Join(ix.cfg.Dir, d.Folder)); err == nil && sealed != nil {
				d.Expected = sealed.Documents
			}
		}
		if err := d.write(ix.cfg.Dir); err != nil {
			return fmt.Errorf("partition %s: %w", p.name, err)
		}
	}
	if complete {
		ix.commit.settle(p)
	}
	from := ix.commit.compare(p)
	if from > 0 && len(found) == 0 { // gone, or an older state of it
		aside := asideName(p.path, ix.now())
		found = append(found, damage{UpTo: upTo, Recovery: Recovery{
			Partition: p.name, Folder: filepath.Base(aside), Found: ix.now().UTC(),
			Damage: "the partition is gone or is an older state", State: RecoveryRunning, Expected: expected, Had: had,
		}})
	}
	for _, d := range found {
		ix.metrics.recoveries.Inc()
		d := ix.recovery.add(d)
		if err := ix.recovery.set(d, func(d *damage) { d.AskedFrom = from }); err != nil {
			return fmt.Errorf("partition %s: %w", p.name, err)
		}
		ix.log.Error("partition is damaged: it is made anew from what can be read of it and from the stream",
			"partition", p.name, "damage", d.Damage, "aside", d.Folder, "documents", expected, "left", had, "asked_from_seq", from)
	}
	return nil
}

// errMending says that articles of a damaged partition are not yet in the index
// again.
var errMending = errors.New("index: a damaged partition is being made anew")

// recover reads the documents of damaged partitions into the index, one
// partition after the other, and puts back what was on its way between two, until
// ctx is done.
func (ix *Index) recover(ctx context.Context) {
	for {
		wait := time.Hour
		if err := ix.undoMoves(ctx, ix.restore); err != nil && ctx.Err() == nil {
			wait = fullWait
			ix.log.Error("articles that were moved can't be put back: tried again", "err", err)
		}
		d := ix.recovery.pending()
		var err error
		if d != nil {
			err = ix.salvage(ctx, d)
		}
		if err == nil && d != nil {
			continue
		}
		if err != nil && ctx.Err() == nil {
			wait = fullWait
			ix.log.Error("damaged partition can't be mended: tried again", "partition", d.Partition, "aside", d.Folder, "err", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-ix.moves.wake:
		case <-ix.recovery.wake:
		case <-time.After(wait):
		}
	}
}

// check does what is left to be done of a recovery whose documents were read.
func (ix *Index) check(ctx context.Context, d *damage) error {
	if d.Unchecked {
		if p := ix.partition(d.Partition); p != nil {
			if err := ix.removeOlder(ctx, p); err != nil {
				return err
			}
		}
		if err := ix.recovery.set(d, func(d *damage) { d.Unchecked = false }); err != nil {
			return err
		}
	}
	if d.recount {
		return ix.recount(ctx, d, 0)
	}
	return nil
}

// recount counts what a killed process wrote and did not live to count, of it up
// to own that were read again now as the partition's own. What has come since in
// a newer state is not known to have been there: rather too little is counted
// than a loss hidden.
func (ix *Index) recount(ctx context.Context, d *damage, own int) error {
	there := 0
	if p := ix.partition(d.Partition); p != nil {
		var err error
		if there, err = p.countUpTo(ctx, d.UpTo); err != nil {
			return err
		}
	}
	return ix.recovery.set(d, func(d *damage) {
		d.Back, d.recount = max(d.Back, there-d.Had), false
		d.Own = max(d.Own, min(d.Back, own))
	})
}

// countUpTo is how many documents are of messages up to a sequence.
func (p *partition) countUpTo(ctx context.Context, seq uint64) (n int, err error) {
	err = p.snapshot(func(s *scorch.IndexSnapshot) error {
		for _, seg := range s.Segments() {
			deleted := seg.Deleted()
			for i := range seg.Segment().Count() {
				if err := ctx.Err(); err != nil {
					return err
				}
				if deleted != nil && deleted.Contains(uint32(i)) {
					continue
				}
				err := seg.Segment().VisitStoredFields(i, func(field string, _ byte, value []byte, _ []uint64) bool {
					if field == fieldVersion && decodeVersion(value).seq <= seq {
						n++
					}
					return field != fieldVersion
				})
				if err != nil {
					return err
				}
			}
		}
		return nil
	})
	return n, err
}

// removeOlder removes what came back with a partition that was damaged, or the
// other way round, where another partition has the same article in a newer
// state: a revision of another date had removed it, and that was lost.
func (ix *Index) removeOlder(ctx context.Context, p *partition) error {
	keys, err := p.allKeys()
	if err != nil {
		return err
	}
	for some := range slices.Chunk(keys, 1000) {
		done := make(chan error, 1)
		if err := ix.removeOlderOf(ctx, p, some, done); err != nil {
			return err
		}
		select {
		case err := <-done:
			if err != nil {
				return err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

func (ix *Index) removeOlderOf(ctx context.Context, p *partition, keys []string, done chan<- error) error {
	ix.writing.Lock()
	defer ix.writing.Unlock()
	if ix.isClosed() {
		return ErrClosed
	}
	found := make(map[string][]place)
	for _, q := range ix.list() {
		if q == p {
			continue
		}
		if err := q.find(ctx, keys, found); err != nil {
			return err
		}
	}
	if err := p.find(ctx, sortedKeys(found), found); err != nil {
		return err
	}
	plan := make(map[*partition]*change)
	needs := make(map[*partition]uint64)
	for _, places := range found {
		best := slices.MaxFunc(places, func(a, b place) int {
			switch {
			case a.version.less(b.version):
				return -1
			case b.version.less(a.version):
				return 1
			}
			return 0
		})
		for _, pl := range places {
			if pl == best {
				continue
			}
			needs[best.partition] = best.partition.written() // which may not be durable yet
			c := plan[pl.partition]
			if c == nil {
				seq := pl.partition.seq() // it is no message
				c = &change{low: seq, high: seq}
				plan[pl.partition] = c
			}
			c.remove = append(c.remove, pl.id)
			ix.metrics.articles.WithLabelValues(writeRemoved).Inc()
		}
	}
	if len(plan) == 0 {
		done <- nil
		return nil
	}
	if err := ix.applyMoving(plan, needs); err != nil {
		return err
	}
	ix.commit.add(needs, 0, func(err error) { done <- err })
	return nil
}

// allKeys is the keys of all articles in the partition.
func (p *partition) allKeys() (keys []string, err error) {
	err = p.reader(func(r bleveindex.IndexReader) error {
		dict, err := r.FieldDict(query.FieldKey)
		if err != nil {
			return err
		}
		for {
			e, err := dict.Next()
			if err != nil || e == nil {
				return errors.Join(err, dict.Close())
			}
			keys = append(keys, e.Term)
		}
	})
	return keys, err
}

// putBack writes articles that were in the index before.
func (ix *Index) putBack(ctx context.Context, batch []pipeline.Stored[pipeline.Article], done func(error)) error {
	ins, err := ix.newest(batch)
	if err != nil {
		return err
	}
	for i := range ins {
		ins[i].salvaged = true
	}
	ix.writing.Lock()
	needs, err := ix.writeNewest(ctx, ins)
	ix.writing.Unlock()
	if err == nil {
		ix.commit.add(needs, 0, done)
	}
	return err
}

// mend renews a partition in which damage was found while it is open: it goes on
// answering from what can be read of it until the new one takes its place. What
// can't be read is asked of the stream.
func (ix *Index) mend(ctx context.Context, p *partition, why error) error {
	began := time.Now()
	_, upTo := ix.commit.expected(p.name)
	aside := asideName(p.path, ix.now())
	d := ix.recovery.add(damage{UpTo: upTo, inPlace: true, Recovery: Recovery{
		Partition: p.name, Folder: filepath.Base(aside), Found: ix.now().UTC(), Damage: why.Error(),
		State: RecoveryRunning, Expected: p.documents(),
	}})
	ix.metrics.recoveries.Inc()
	r, err := ix.renewTried(ctx, p, aside, func() *renewal {
		return &renewal{p: p, damaged: true, progress: func(docs int) {
			ix.recovery.mu.Lock()
			defer ix.recovery.mu.Unlock()
			d.Own, d.Back = docs, docs
		}}
	})
	if err != nil {
		ix.recovery.drop(d)
		return err
	}
	ix.metrics.recovered.Add(float64(r.docs))
	older := ix.removeOlder(ctx, p)
	if older != nil && ctx.Err() == nil {
		ix.log.Error("whether articles of the partition are elsewhere in a newer state is not known: tried again", "partition", p.name, "err", older)
	}
	err = ix.recovery.set(d, func(d *damage) {
		d.Unchecked = older != nil
		d.inPlace, d.State, d.Ended, d.AskedFrom = false, RecoveryDone, ix.now().UTC(), r.from
		d.Expected, d.Own, d.Back, d.Unread = r.docs+r.lost, r.docs, r.docs, r.lost
		for _, id := range r.ids {
			if !r.seen[id] && len(d.Missing) < maxMissing {
				d.Missing = append(d.Missing, id)
			}
		}
		slices.Sort(d.Missing)
	})
	ix.recovery.kick()
	ix.log.Warn("damaged partition was made anew", "partition", p.name, "aside", d.Folder, "recovered", r.docs,
		"lost", r.lost, "asked_from_seq", r.from, "took", time.Since(began).Round(time.Millisecond))
	return err
}

// renewTried renews a partition, again where it was opened anew meanwhile.
func (ix *Index) renewTried(ctx context.Context, p *partition, aside string, make func() *renewal) (r *renewal, err error) {
	for range renewTries {
		r = make()
		if err = ix.renew(ctx, r, aside); !errors.Is(err, errChanged) {
			break
		}
	}
	return r, err
}

// setAside moves the damaged folder away.
func (p *partition) setAside(why error) error {
	aside := asideName(p.path, p.clock())
	if err := os.Rename(p.path, aside); err != nil {
		return err
	}
	return p.wrecked(aside, why)
}

// keepLost links what the state that is opened does not have into a folder
// aside: the files of newer states, in parts readable, and root.bolt.
func (p *partition) keepLost(why error) error {
	aside := asideName(p.path, p.clock())
	if err := os.MkdirAll(filepath.Join(aside, "store"), 0o755); err != nil {
		return err
	}
	w := &wreck{dir: p.path}
	files, err := w.segmentFiles()
	if err != nil {
		return err
	}
	for _, file := range append(files, "root.bolt") {
		from, to := filepath.Join(p.store(), file), filepath.Join(aside, "store", file)
		// Bleve writes root.bolt in place, and never to a segment again.
		link := os.Link
		if file == "root.bolt" {
			link = copyFile
		}
		if err := link(from, to); err != nil {
			if err := copyFile(from, to); err != nil {
				return err
			}
		}
	}
	return p.wrecked(aside, why)
}

func (p *partition) wrecked(aside string, why error) error {
	d := damage{Recovery: Recovery{
		Partition: p.name, Folder: filepath.Base(aside), Found: p.clock().UTC(), Damage: why.Error(), State: RecoveryRunning,
	}}
	p.mu.Lock()
	p.wrecks = append(p.wrecks, d)
	p.mu.Unlock()
	return d.write(filepath.Dir(p.path))
}

// copyIfThere copies a file, if there is one.
func copyIfThere(from, to string) error {
	err := copyFile(from, to)
	if errors.Is(err, fs.ErrNotExist) && !exists(from) {
		return nil
	}
	return err
}

// lacking makes the result a partial one while articles are being recovered.
func (r *run) lacking() {
	for _, v := range r.views {
		p := v.p
		switch {
		case r.ix.recovery.running(p.name):
			r.warn("partial: partition %s was damaged and is being made anew", p.name)
		case r.ix.commit.lacks(p):
			r.warn("partial: partition %s lacks articles, which are asked for again", p.name)
		default:
			continue
		}
		r.partial, r.res.TotalExact = true, false
	}
}
