package index

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"time"

	"github.com/RoaringBitmap/roaring/v2"
	bleveindex "github.com/blevesearch/bleve_index_api"
	segmentapi "github.com/blevesearch/scorch_segment_api/v2"
	"golang.org/x/sync/errgroup"

	"github.com/newswatch/newswatch/index/query"
	"github.com/newswatch/newswatch/pipeline"
)

// A renewal makes a partition anew beside itself from the articles stored in
// it, by the analysis and mapping of today, while it is searched and written
// to; in the end the new one takes its place (folders.go). A crash at any
// moment leaves the old one or the new one.
type renewal struct {
	ix   *Index
	p    *partition
	path string // where the new one is
	// damaged says that not everything can be read: what can't is left out.
	damaged bool

	fresh   *partition
	under   []<-chan error // writes to it on their way
	opening uint64         // of p, when it began
	docs    int            // read so far
	lost    int
	from    uint64 // sequence from which the lost are asked for; 0: none are
	seen    map[string]bool
	ids     []string // of documents that may be lost

	progress func(docs int)
}

// errChanged says that a partition was opened anew while it was being renewed.
var errChanged = errors.New("index: partition was opened anew meanwhile")

const (
	renewBatch = 200 // documents in one write…
	renewUnder = 4   // …and how many are on their way to the disk
	renewLast  = 500 // changes that are few enough to make while writing waits
	renewTries = 3
)

// renew makes the partition anew. aside is where the old folder goes.
func (ix *Index) renew(ctx context.Context, r *renewal, aside string) (err error) {
	ix.making.Lock() // one folder is made at a time, be it here or for a seal
	defer ix.making.Unlock()
	if err := ix.roomFor(diskUse(r.p.path)); err != nil {
		return fmt.Errorf("renew partition %s: %w", r.p.name, err)
	}
	r.ix, r.path, r.seen = ix, r.p.path+buildingSuffix, make(map[string]bool)
	defer func() {
		r.p.track(false, false)
		if r.fresh != nil {
			err = errors.Join(err, r.fresh.close())
		}
		if err != nil {
			err = errors.Join(fmt.Errorf("renew partition %s: %w", r.p.name, err), os.RemoveAll(r.path))
		}
	}()
	if err := r.begin(); err != nil {
		return err
	}
	if err := r.copyAll(ctx); err != nil {
		return err
	}
	for {
		n, err := r.catchUp(ctx, r.p.changed())
		if err != nil {
			return err
		}
		if n <= renewLast {
			break
		}
	}
	if err := r.verify(ctx); err != nil {
		return err
	}
	return r.finish(ctx, aside)
}

// removed and changed are what is noted of a document that is gone, and of one
// that is to be read again.
var removed, changed = new(putDoc), new(putDoc)

// track begins or ends the noting of which documents change; keep has them noted
// whole, for who can't rely on reading them.
func (p *partition) track(on, keep bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.changes, p.keep = nil, keep
	if on {
		p.changes = make(map[string]*putDoc)
	}
}

// note notes what a change changed. Called with p.mu.
func (p *partition) note(c change) {
	if p.changes == nil {
		return
	}
	for _, d := range c.put {
		p.changes[d.article.ID] = changed
		if p.keep {
			p.changes[d.article.ID] = &putDoc{article: d.article, version: d.version}
		}
	}
	for _, id := range c.remove {
		p.changes[id] = removed
	}
}

// changed is what has changed since it was asked last.
func (p *partition) changed() map[string]*putDoc {
	p.mu.Lock()
	defer p.mu.Unlock()
	changes := p.changes
	p.changes = make(map[string]*putDoc)
	return changes
}

// begin makes the empty partition.
func (r *renewal) begin() error {
	if err := os.RemoveAll(r.path); err != nil {
		return err
	}
	cfg := r.ix.cfg
	cfg.nap = min(cfg.nap, 100*time.Millisecond) // it waits for its writes
	fresh := &partition{
		name: r.p.name + buildingSuffix, path: r.path, log: r.ix.log, config: bleveConfig(cfg), clock: r.ix.now, persisted: func(*partition) {},
	}
	partitionsByStore.Store(fresh.store(), fresh)
	if err := fresh.create(); err != nil {
		partitionsByStore.Delete(fresh.store())
		return err
	}
	r.fresh = fresh
	return nil
}

// A segmentRead is a segment of the old partition and what of it is deleted.
type segmentRead struct {
	seg     segmentapi.Segment
	deleted *roaring.Bitmap
}

// copyAll copies what there is at one moment. What changes from then on is noted.
func (r *renewal) copyAll(ctx context.Context) error {
	r.ix.writing.Lock()
	s, err := r.p.currentSnapshot()
	if err == nil && s != nil {
		r.p.track(true, r.damaged)
		r.p.mu.Lock()
		r.opening = r.p.opening
		r.p.mu.Unlock()
	}
	r.ix.writing.Unlock()
	if err != nil || s == nil {
		return errors.Join(err, errChanged)
	}
	defer s.Close()
	var batch []*putDoc
	add := func(a storedArticle) error {
		r.docs++
		if r.damaged {
			r.seen[a.article.ID] = true
		}
		batch = append(batch, &putDoc{article: a.article, version: a.version, salvaged: true})
		if len(batch) < renewBatch {
			return nil
		}
		err := r.put(ctx, batch, nil)
		batch = nil
		if r.progress != nil {
			r.progress(r.docs)
		}
		return err
	}
	for _, seg := range s.Segments() {
		if err := r.copySegment(ctx, segmentRead{seg.Segment(), seg.Deleted()}, add); err != nil {
			return err
		}
	}
	return r.put(ctx, batch, nil)
}

// copySegment reads a segment through Bleve, which has it mapped; what can't be
// read that way is looked for in the file.
func (r *renewal) copySegment(ctx context.Context, s segmentRead, add func(storedArticle) error) error {
	var bad *roaring.Bitmap
	for n := range s.seg.Count() {
		if err := r.wanted(ctx); err != nil {
			return err
		}
		if s.deleted != nil && s.deleted.Contains(uint32(n)) {
			continue
		}
		a, err := r.ix.codec.readStored(s.seg, n)
		if err == nil && r.damaged && r.seen[a.article.ID] {
			// Zeros where a segment says where its documents are all lead to
			// the first.
			err = errUnreadable
		}
		if err != nil {
			if !r.damaged {
				return err
			}
			if bad == nil {
				bad = roaring.New()
			}
			bad.Add(uint32(n))
			continue
		}
		if err := add(a); err != nil {
			return err
		}
	}
	if bad == nil {
		return nil
	}
	r.lost += int(bad.GetCardinality())
	onDisk, ok := s.seg.(segmentapi.PersistedSegment)
	if !ok {
		return nil
	}
	r.ids = append(r.ids, dictionaryIDs(onDisk.Path())...)
	z, err := openZap(onDisk.Path(), r.ix.codec)
	if err != nil {
		return nil // it is gone: then that is all
	}
	// All but the bad ones are done.
	skip := roaring.New()
	skip.AddRange(0, s.seg.Count())
	skip.AndNot(bad)
	_, err = z.each(skip, func(a storedArticle) error {
		if r.seen[a.article.ID] {
			return nil
		}
		r.lost--
		return add(a)
	})
	return errors.Join(err, z.close())
}

// wanted says why the renewal must not go on.
func (r *renewal) wanted(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	r.p.mu.Lock()
	defer r.p.mu.Unlock()
	if r.p.opening != r.opening || r.p.broken != "" {
		return errChanged
	}
	return nil
}

// readStored reads the nth document of a segment and verifies it.
func (c *codec) readStored(seg segmentapi.Segment, n uint64) (a storedArticle, err error) {
	err = guarded(func() error {
		var id string
		var version, article []byte
		err := seg.VisitStoredFields(n, func(field string, _ byte, value []byte, _ []uint64) bool {
			switch field {
			case "_id":
				id = string(value)
			case fieldVersion:
				version = slices.Clone(value)
			case fieldArticle:
				article = slices.Clone(value)
			}
			return true
		})
		if err != nil {
			return fmt.Errorf("%w: %w", errUnreadable, err)
		}
		a, err = c.verify(id, version, article)
		return err
	})
	return a, err
}

// catchUp makes the changes, and says how many there were.
func (r *renewal) catchUp(ctx context.Context, changes map[string]*putDoc) (int, error) {
	for part := range slices.Chunk(sortedKeys(changes), renewBatch) {
		if err := r.wanted(ctx); err != nil {
			return 0, err
		}
		var put []*putDoc
		var remove []string
		for _, id := range part {
			d := changes[id]
			if d == changed {
				a, v, err := r.ix.stored(r.p, id)
				if errors.Is(err, pipeline.ErrNotFound) {
					d = removed
				} else if err != nil {
					return 0, err
				} else {
					d = &putDoc{article: a, version: v}
				}
			}
			if d == removed {
				remove = append(remove, id)
				continue
			}
			d.salvaged = true
			put = append(put, d)
		}
		if err := r.put(ctx, put, remove); err != nil {
			return 0, err
		}
	}
	return len(changes), nil
}

// put writes to the new partition, with half of the processors: the old one is
// at work.
func (r *renewal) put(ctx context.Context, docs []*putDoc, remove []string) error {
	if len(docs) == 0 && len(remove) == 0 {
		return nil
	}
	var g errgroup.Group
	g.SetLimit(max(1, runtime.GOMAXPROCS(0)/2))
	for part := range slices.Chunk(docs, 25) {
		g.Go(func() error {
			for _, d := range part {
				doc, err := newDocument(&d.article, d.version, r.ix.codec)
				if err != nil {
					return err
				}
				d.doc = doc
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	if err := r.ix.waitForRoom(ctx); err != nil {
		return err
	}
	durable, err := r.fresh.load(docs, remove, state{})
	if err != nil {
		return err
	}
	r.under = append(r.under, durable)
	if len(r.under) < renewUnder {
		return nil
	}
	return r.wait(ctx, renewUnder-1)
}

// wait waits until at most n writes are on their way to the disk.
func (r *renewal) wait(ctx context.Context, n int) error {
	stuck := time.NewTimer(stuckAfter)
	defer stuck.Stop()
	for len(r.under) > n {
		select {
		case err := <-r.under[0]:
			if err != nil {
				return err
			}
			r.under = r.under[1:]
		case <-ctx.Done():
			return ctx.Err()
		case <-stuck.C:
			return fmt.Errorf("a write is not durable after %v", stuckAfter)
		}
	}
	return nil
}

// load writes documents to a partition that nobody reads yet, with the state it
// is then to have (zero: not yet known), and tells when they are durable.
func (p *partition) load(docs []*putDoc, remove []string, st state) (<-chan error, error) {
	idx, err := p.index()
	if err != nil {
		return nil, err
	}
	raw, err := idx.Advanced()
	if err != nil {
		return nil, err
	}
	batch := bleveindex.NewBatch()
	for _, d := range docs {
		batch.Update(d.doc)
	}
	for _, id := range remove {
		batch.Delete(id)
	}
	for key, value := range map[string]any{string(stateKey): st, string(makeKey): p.made} {
		data, err := json.Marshal(value)
		if err != nil {
			return nil, err
		}
		batch.SetInternal([]byte(key), data)
	}
	durable := make(chan error, 1)
	batch.SetPersistedCallback(func(err error) { durable <- err })
	if err := within(applyTimeout, func() error { return raw.Batch(batch) }); err != nil {
		return nil, err
	}
	return durable, nil
}

// renewSample is how many articles are compared one by one.
const renewSample = 200

// verify sees that each key is there once and that articles are the same.
func (r *renewal) verify(ctx context.Context) error {
	keys, err := r.keysOnce(ctx)
	if err != nil {
		return err
	}
	rng := rand.New(rand.NewPCG(uint64(len(keys)), uint64(r.docs))) // any sample will do
	for range min(renewSample, len(keys)) {
		id := keys[rng.IntN(len(keys))]
		if err := r.compare(id); err != nil {
			return err
		}
	}
	return nil
}

// keysOnce is ids in the new partition, of which no two have the same key. A
// dictionary also has the keys of documents that were copied and then deleted.
func (r *renewal) keysOnce(ctx context.Context) (ids []string, err error) {
	err = r.fresh.reader(func(reader bleveindex.IndexReader) error {
		n, err := reader.DocCount()
		if err != nil {
			return err
		}
		dict, err := reader.FieldDict(query.FieldKey)
		if err != nil {
			return err
		}
		terms, alive := 0, 0
		for {
			e, err := dict.Next()
			if err != nil || e == nil {
				if uint64(alive) != n && err == nil {
					err = fmt.Errorf("%d documents have %d keys", n, alive)
				}
				return errors.Join(err, dict.Close())
			}
			found, err := lookUp(ctx, reader, query.FieldKey, e.Term)
			if err == nil && len(found) > 1 {
				err = fmt.Errorf("%d documents have the key %s", len(found), e.Term)
			}
			if err != nil {
				return errors.Join(err, dict.Close())
			}
			alive += len(found)
			if terms++; terms <= renewSample || rand.IntN(terms) < renewSample {
				ids = append(ids, found...)
			}
		}
	})
	return ids, err
}

// compare holds the new document against the old one, unless that has changed.
func (r *renewal) compare(id string) error {
	was, vWas, err := r.ix.stored(r.p, id)
	if errors.Is(err, pipeline.ErrNotFound) || r.damaged && err != nil {
		return nil
	}
	is, vIs, err2 := r.ix.stored(r.fresh, id)
	if err := errors.Join(err, err2); err != nil {
		return fmt.Errorf("verify: %w", err)
	}
	if vWas == vIs && !reflect.DeepEqual(was, is) {
		return fmt.Errorf("verify: article %s is another in the new partition", id)
	}
	return nil
}

// stored is the article as it is stored, and its version.
func (ix *Index) stored(p *partition, id string) (a pipeline.Article, v version, err error) {
	err = p.reader(func(r bleveindex.IndexReader) error {
		var packed []byte
		var err error
		if v, packed, err = load(r, id); err != nil {
			return err
		}
		a, err = ix.codec.decode(packed)
		return err
	})
	return a, v, err
}

// finish makes the last changes while writing waits, and lets the new partition
// take the place.
func (r *renewal) finish(ctx context.Context, aside string) error {
	ix := r.ix
	ix.writing.Lock()
	defer ix.writing.Unlock()
	if ix.isClosed() {
		return ErrClosed
	}
	if err := r.wanted(ctx); err != nil {
		return err
	}
	if _, err := r.catchUp(ctx, r.p.changed()); err != nil {
		return err
	}
	durable, err := r.fresh.load(nil, nil, r.p.now())
	if err != nil {
		return err
	}
	r.under = append(r.under, durable)
	if err := r.wait(ctx, 0); err != nil {
		return err
	}
	was, err := r.p.docCount()
	is, err2 := r.fresh.docCount()
	if err := errors.Join(err, err2); err != nil {
		return err
	}
	if is != was && (!r.damaged || is > was) {
		return fmt.Errorf("verify: %d documents in the new partition, %d in the old", is, was)
	}
	fresh := r.fresh
	r.fresh = nil
	if err := fresh.close(); err != nil {
		return err
	}
	if err := syncTree(r.path); err != nil {
		return err
	}
	// What is lost is asked for before the old partition goes, which alone shows
	// that there was more: a crash must not forget it.
	if r.lost > 0 {
		r.from = ix.commit.askAgain(r.p)
		if err := ix.commit.step(); err != nil {
			return err
		}
	}
	return ix.swap(r.p, aside)
}

func (p *partition) docCount() (int, error) {
	idx, err := p.index()
	if err != nil {
		return 0, err
	}
	n, err := idx.DocCount()
	return int(n), err
}

// removeBuilding throws away what a crash left unfinished.
func removeBuilding(dir string) error {
	left, err := filepath.Glob(filepath.Join(dir, "*"+buildingSuffix))
	if err != nil {
		return err
	}
	var errs []error
	for _, path := range left {
		errs = append(errs, os.RemoveAll(path))
	}
	return errors.Join(errs...)
}
