package index

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/newswatch/newswatch/pipeline"
)

const (
	retainEvery   = 24 * time.Hour  // so often at most is a sealed partition written to for it
	retainFirst   = 5 * time.Minute // after the start
	retainPage    = 1000            // ids looked at together
	retainBatch   = 500             // articles deleted in one write
	droppedSuffix = ".dropped"
	retentionFile = "retention.json"
)

// The present, as far as retention is concerned, is no later than a week after
// the hundredth newest article, or the tenth part of them where there are few:
// a clock that is years ahead must not erase the archive. Articles without a date
// of their own have it from that clock, and don't count.
const (
	clockSlack    = 7 * 24 * time.Hour
	clockArticles = 100
	clockPart     = 10
	clockLook     = 1000 // how many articles are looked at for so many with a date
)

// present is what can be taken for the present; zero: nobody knows.
func (ix *Index) present(ctx context.Context) (time.Time, error) {
	documents := 0
	for _, p := range ix.list() {
		documents += p.documents()
	}
	want := min(clockArticles, max(1, documents/clockPart))
	res, err := ix.IDs(ctx, pipeline.IDsRequest{Limit: clockLook})
	if err != nil {
		return time.Time{}, err
	}
	var oldest time.Time
	for _, id := range res.IDs {
		a, err := ix.Article(ctx, id)
		if errors.Is(err, pipeline.ErrNotFound) {
			continue // gone meanwhile
		}
		if err != nil {
			return time.Time{}, err
		}
		if a.PublishedFrom == pipeline.DateFromFirstSeen {
			continue
		}
		at, _, err := pipeline.ParseID(id)
		if err != nil {
			return time.Time{}, err
		}
		oldest = at
		if want--; want == 0 {
			break
		}
	}
	if oldest.IsZero() {
		return oldest, nil
	}
	if wall, last := ix.now().UTC(), oldest.Add(clockSlack); last.Before(wall) {
		return last, nil
	} else {
		return wall, nil
	}
}

// setPresent finds out what the present is, for retention and for writes.
func (ix *Index) setPresent(ctx context.Context) (time.Time, error) {
	now, err := ix.present(ctx)
	if err != nil {
		return now, fmt.Errorf("the newest articles: %w", err)
	}
	if wall := ix.now(); !now.IsZero() && wall.Sub(now) > clockSlack {
		ix.log.Warn("retention goes by the articles, the newest of which are old, not by the clock", "clock", wall.UTC(), "taken_for_now", now)
	}
	ix.presently.Store(&now)
	return now, nil
}

// unwanted says that an article is not to be in the index any more, and need not
// be written: neither late nor in a replay does it come back.
func (ix *Index) unwanted(a *pipeline.Article, partition string) bool {
	if !ix.keeping.on() {
		return false
	}
	if partition < ix.commit.dropped() {
		return true
	}
	now := ix.presently.Load()
	return now != nil && !now.IsZero() && ix.keeping.expired(a, *now) >= 0
}

// Retention tells how retention is set, and of its last run.
func (ix *Index) Retention() pipeline.RetentionStatus {
	ix.mu.RLock()
	defer ix.mu.RUnlock()
	return pipeline.RetentionStatus{On: ix.keeping.on(), Running: ix.retains, Last: ix.retained}
}

// errRetaining says that retention is at work.
var errRetaining = errors.New("index: retention is at work already")

// Retain removes what is not to be kept, or, dry, tells what it would remove. It
// runs once a day by itself.
func (ix *Index) Retain(ctx context.Context, dry bool) (rep pipeline.RetentionReport, err error) {
	if !dry {
		if !ix.retaining.TryLock() {
			return rep, errRetaining
		}
		defer ix.retaining.Unlock()
		ix.setRetains(true)
		defer ix.setRetains(false)
	}
	began := time.Now()
	rep = pipeline.RetentionReport{
		DryRun: dry, At: ix.now().UTC(), MaxSize: ix.keeping.maxSize,
		Partitions: []pipeline.RetentionPartition{}, Rules: []pipeline.RetentionRule{},
	}
	err = ix.retain(ctx, &rep)
	rep.TookMS = time.Since(began).Milliseconds()
	if dry {
		return rep, err
	}
	if err != nil {
		rep.Error = err.Error()
	}
	ix.mu.Lock()
	ix.retained = &rep
	ix.mu.Unlock()
	ix.log.Info("retention has run", "partitions", len(rep.Partitions), "articles", rep.Articles, "bytes", rep.Bytes, "now", rep.Now, "err", err)
	return rep, errors.Join(err, writeReport(ix.cfg.Dir, rep))
}

func (ix *Index) setRetains(on bool) {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	ix.retains = on
}

// A retaining is one run, which a dry one goes through like any other.
type retaining struct {
	ix      *Index
	rep     *pipeline.RetentionReport
	bytes   map[string]int64 // of the partitions, when it began: what is deleted of one takes room until it is merged
	deleted map[string]int   // articles that went, or would go, of partitions that stay
	gone    map[string]bool  // partitions that went, or would
}

func (ix *Index) retain(ctx context.Context, rep *pipeline.RetentionReport) error {
	r := &retaining{ix: ix, rep: rep, bytes: make(map[string]int64), deleted: make(map[string]int), gone: make(map[string]bool)}
	for _, p := range ix.list() {
		r.bytes[p.name] = diskUse(p.path)
		rep.Total += r.bytes[p.name]
	}
	if !ix.keeping.on() {
		return nil
	}
	var err error
	if rep.Now, err = ix.setPresent(ctx); err != nil {
		return err
	}
	if !rep.Now.IsZero() {
		if err := r.byAge(ctx); err != nil {
			return err
		}
		for i := range ix.keeping.rules {
			if err := r.byRule(ctx, i); err != nil {
				return err
			}
		}
		if err := r.dropEmpty(ctx); err != nil {
			return err
		}
	}
	return r.bySize(ctx)
}

// left is how many articles of the partition are left, or would be.
func (r *retaining) left(p *partition) int {
	if r.rep.DryRun {
		return p.documents() - r.deleted[p.name]
	}
	return p.documents()
}

// Why a partition is removed whole.
const (
	whyAge   = "age"
	whySize  = "size"
	whyEmpty = "empty"
)

// remove removes a partition whole, or notes that it would be.
func (r *retaining) remove(ctx context.Context, p *partition, why, floor string) error {
	gone := pipeline.RetentionPartition{Name: p.name, Articles: r.left(p), Bytes: r.bytes[p.name], Why: why}
	if !r.rep.DryRun {
		err := r.ix.drop(ctx, p, why == whyEmpty, floor)
		if errors.Is(err, errChanged) {
			return nil // not empty any more
		}
		if err != nil {
			return fmt.Errorf("remove partition %s: %w", p.name, err)
		}
		r.ix.metrics.retired.Add(float64(gone.Articles))
		r.ix.log.Info("partition removed", "partition", p.name, "articles", gone.Articles, "bytes", gone.Bytes, "why", why)
	}
	r.gone[p.name] = true
	r.rep.Partitions = append(r.rep.Partitions, gone)
	r.rep.Articles += gone.Articles
	r.rep.Bytes += gone.Bytes
	return nil
}

// byAge removes the partitions all of whose articles are past the age that no
// rule goes beyond.
func (r *retaining) byAge(ctx context.Context) error {
	if r.ix.keeping.most == time.Duration(forever) {
		return nil
	}
	for _, p := range r.ix.list() {
		end, err := period(r.ix.cfg.Partition).end(p.name)
		if err != nil {
			return err
		}
		if r.rep.Now.Sub(end) > r.ix.keeping.most {
			if err := r.remove(ctx, p, whyAge, ""); err != nil {
				return err
			}
		}
	}
	return nil
}

// byRule deletes the articles of one rule from partitions that stay.
func (r *retaining) byRule(ctx context.Context, i int) error {
	rule := r.ix.keeping.rules[i]
	done := pipeline.RetentionRule{Match: rule.text, Keep: rule.keep.String()}
	defer func() {
		r.rep.Rules = append(r.rep.Rules, done)
		r.rep.Articles += done.Articles
	}()
	if rule.keep == forever {
		return nil
	}
	// The id of an article that is just not too old, and has the least key.
	after := r.rep.Now.Add(-time.Duration(rule.keep)).UTC().Format("20060102150405") + "-0000000000000000"
	for {
		page, err := r.ix.mayExpire(ctx, rule, after)
		if err != nil {
			return fmt.Errorf("rule %d: %w", i, err)
		}
		var old []string
		for _, c := range page {
			after = c.id
			expired, err := r.expired(ctx, c, i)
			if err != nil {
				return fmt.Errorf("rule %d: %w", i, err)
			}
			if expired {
				old = append(old, c.id)
			}
		}
		if err := r.forget(ctx, &done, old); err != nil {
			return fmt.Errorf("rule %d: %w", i, err)
		}
		if len(page) < retainPage {
			return nil
		}
	}
}

// A candidate is an article that a rule may decide on; sure: it does.
type candidate struct {
	id   string
	sure bool
}

// mayExpire is the next candidates of a rule, newest first.
func (ix *Index) mayExpire(ctx context.Context, rule keepRule, after string) (page []candidate, err error) {
	r, err := ix.newRun(pipeline.SearchRequest{Query: rule.find})
	if err != nil {
		return nil, err
	}
	r.after.id = after
	err = r.listed(ctx, retainPage, func(h hit) {
		page = append(page, candidate{h.id, !rule.more && h.s.sure.Contains(h.doc)})
	})
	if err != nil {
		return nil, searchError(err, rule.find)
	}
	return page, nil
}

// expired says whether rule i has a candidate go. The article is asked before it
// goes; where nothing does, only if the index can't tell without.
func (r *retaining) expired(ctx context.Context, c candidate, i int) (bool, error) {
	name, err := period(r.ix.cfg.Partition).name(c.id)
	if err != nil || r.gone[name] {
		return false, err
	}
	if r.rep.DryRun && c.sure {
		return true, nil
	}
	a, err := r.ix.Article(ctx, c.id)
	if errors.Is(err, pipeline.ErrNotFound) {
		return false, nil // gone meanwhile
	}
	return err == nil && r.ix.keeping.expired(&a, r.rep.Now) == i, err
}

// forget deletes articles, newest first, a batch at a time.
func (r *retaining) forget(ctx context.Context, done *pipeline.RetentionRule, ids []string) error {
	for part := range slices.Chunk(ids, retainBatch) {
		if !r.rep.DryRun {
			if err := r.ix.Delete(ctx, part); err != nil {
				return err
			}
			r.ix.metrics.retired.Add(float64(len(part)))
		}
		done.Articles += len(part)
		for _, id := range part {
			name, err := period(r.ix.cfg.Partition).name(id)
			if err != nil {
				return err
			}
			r.deleted[name]++
		}
		at, _, err := pipeline.ParseID(part[len(part)-1])
		if err != nil {
			return err
		}
		done.Oldest = at
	}
	return nil
}

// dropEmpty removes partitions that have nothing left, the newest apart.
func (r *retaining) dropEmpty(ctx context.Context) error {
	parts := r.ix.list()
	for _, p := range parts[min(1, len(parts)):] {
		if !r.gone[p.name] && p.now().Gen > 0 && r.left(p) == 0 && !r.ix.lacks(p) {
			if err := r.remove(ctx, p, whyEmpty, ""); err != nil {
				return err
			}
		}
	}
	return nil
}

// lacks says that articles of the partition are being asked for.
func (ix *Index) lacks(p *partition) bool {
	ix.commit.mu.Lock()
	defer ix.commit.mu.Unlock()
	_, ok := ix.commit.cp.Lacking[p.name]
	return ok
}

// bySize removes the oldest partitions while the index is too large, the newest
// never.
func (r *retaining) bySize(ctx context.Context) error {
	most := r.ix.keeping.maxSize
	if most == 0 {
		return nil
	}
	var left []*partition // newest first
	size := int64(0)
	for _, p := range r.ix.list() {
		if !r.gone[p.name] {
			left = append(left, p)
			size += r.bytes[p.name]
		}
	}
	for size > most && len(left) > 1 {
		n := len(left) - 1
		p := left[n]
		left = left[:n]
		size -= r.bytes[p.name]
		if err := r.remove(ctx, p, whySize, left[n-1].name); err != nil {
			return err
		}
	}
	if size > most && !r.rep.DryRun {
		r.ix.log.Warn("the newest partition alone is larger than the index is to be", "bytes", size, "max_size", most)
	}
	return nil
}

// drop removes a partition and its folder, or answers errChanged where it is to
// be empty and is not any more. Below floor no partition is made again.
func (ix *Index) drop(ctx context.Context, p *partition, empty bool, floor string) error {
	ix.making.Lock() // it is not being made anew, then
	defer ix.making.Unlock()
	ix.writing.Lock()
	defer ix.writing.Unlock()
	if ix.isClosed() {
		return ErrClosed
	}
	if empty && (p.documents() > 0 || ix.lacks(p)) {
		return errChanged // since it was looked at
	}
	if err := ix.allDurable(ctx, p); err != nil {
		return err
	}
	// The checkpoint first: a partition that it knows of and that is not there
	// is taken for lost. One that is there and unknown is dropped again.
	if err := ix.commit.forget(p, floor); err != nil {
		return err
	}
	ix.unlist(p)
	if err := p.close(); err != nil {
		return err
	}
	aside := p.path + droppedSuffix
	if err := os.RemoveAll(aside); err != nil {
		return err
	}
	if err := os.Rename(p.path, aside); err != nil { // half a folder would be a damaged one
		return err
	}
	return errors.Join(syncDir(ix.cfg.Dir), os.RemoveAll(aside))
}

// allDurable waits until the partition's writes are. Called with the writing
// lock: there are no new ones.
func (ix *Index) allDurable(ctx context.Context, p *partition) error {
	for end := time.Now().Add(stuckAfter); ; {
		p.mu.Lock()
		ok := p.durable >= p.state.Gen
		p.mu.Unlock()
		switch {
		case ok:
			return nil
		case time.Now().After(end):
			return errors.New("its last writes don't become durable")
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func (ix *Index) unlist(p *partition) {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	rest := make([]*partition, 0, len(ix.partitions))
	for _, q := range ix.partitions {
		if q != p {
			rest = append(rest, q)
		}
	}
	ix.partitions = rest
}

// forget takes the partition out of the checkpoint and writes that.
func (c *committer) forget(p *partition, floor string) error {
	c.saving.Lock()
	defer c.saving.Unlock()
	c.mu.Lock()
	m, lacking := c.cp.Partitions[p.name], c.cp.Lacking[p.name]
	was := c.cp.Floor
	delete(c.cp.Partitions, p.name)
	delete(c.cp.Lacking, p.name)
	c.cp.Floor = max(c.cp.Floor, floor)
	save := c.cp.clone()
	c.mu.Unlock()
	err := save.write(c.dir)
	if err == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cp.Floor = was
	if m != nil {
		c.cp.Partitions[p.name] = m
	}
	if lacking > 0 {
		c.cp.Lacking[p.name] = lacking
	}
	return err
}

// dropped is the partition below which the size let none stay.
func (c *committer) dropped() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.cp.Floor
}

// setFloor forgets what an earlier size removed once another is set.
func (c *checkpoint) setFloor(maxSize int64) {
	if c.FloorSize != maxSize {
		c.Floor, c.FloorSize = "", maxSize
	}
}

// removeDropped ends what a crash cut off.
func removeDropped(dir string) error {
	left, err := filepath.Glob(filepath.Join(dir, "*"+droppedSuffix))
	if err != nil {
		return err
	}
	for _, l := range left {
		if err := os.RemoveAll(l); err != nil {
			return err
		}
	}
	return nil
}

// RetainSoon has retention run now, in the background.
func (ix *Index) RetainSoon() {
	select {
	case ix.retainAsk <- struct{}{}:
	default: // it is asked for already
	}
}

// retainDaily runs retention when it is time, or asked for, until ctx is done.
func (ix *Index) retainDaily(ctx context.Context) {
	started := time.Now()
	tick := time.NewTicker(maintainEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ix.retainAsk:
		case <-tick.C:
			if !ix.keeping.on() || time.Since(started) < retainFirst || ix.retainedToday() {
				continue
			}
		}
		if _, err := ix.Retain(ctx, false); err != nil && ctx.Err() == nil {
			ix.log.Error("retention ended early: tried again tomorrow", "err", err)
		}
	}
}

// retainedToday says that the last run was less than a day ago.
func (ix *Index) retainedToday() bool {
	last := ix.Retention().Last
	if last == nil {
		return false
	}
	ago := ix.now().Sub(last.At)
	return ago >= 0 && ago < retainEvery
}

func writeReport(dir string, rep pipeline.RetentionReport) error {
	data, err := json.Marshal(rep)
	if err != nil {
		return err
	}
	file := filepath.Join(dir, retentionFile)
	if err := os.WriteFile(file+".new", data, 0o600); err != nil {
		return err
	}
	return os.Rename(file+".new", file)
}

// readReport is of the last run; nil: there was none, or nobody can read it.
func readReport(dir string) *pipeline.RetentionReport {
	data, err := os.ReadFile(filepath.Join(dir, retentionFile))
	if err != nil {
		return nil
	}
	var rep pipeline.RetentionReport
	if json.Unmarshal(data, &rep) != nil {
		return nil
	}
	return &rep
}
