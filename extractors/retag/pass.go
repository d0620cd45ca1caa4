package retag

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/newswatch/newswatch/pipeline"
	"github.com/newswatch/newswatch/pipeline/catalog"
)

const (
	listed     = 1000 // ids listed at once
	chunk      = 200  // articles between two looks at the time
	workers    = 4    // articles at once: half of the time they wait for the stream
	tries      = 5    // to publish an article that others publish meanwhile
	ahead      = 2000 // articles published and not yet durable in the index: new ones wait behind them
	aheadEvery = 20 * time.Millisecond
	aheadMost  = 500 * time.Millisecond
)

// walk does what is left of the pass, however often that is tried.
func (w *run) walk(ctx context.Context, p *pass) {
	w.mu.Lock()
	p.running = true
	w.mu.Unlock()
	w.told()
	began := w.now()
	for wait := retryFirst; ; {
		before := p.Looked
		err := w.pass(ctx, p)
		if ctx.Err() != nil { // gone on with by whoever holds the lease next
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
			defer cancel()
			if err := w.save(last, p); err != nil {
				w.lg.Debug("pass is not saved at the end", "pass", p.N, "error", err)
			}
			return
		}
		if err == nil {
			break
		}
		if p.Looked > before {
			wait = retryFirst
		}
		w.lg.Warn("pass over the archive is tried again", "pass", p.N, "after", wait, "error", err)
		w.mu.Lock()
		p.err = err.Error()
		w.mu.Unlock()
		w.told()
		if !pause(ctx, wait) {
			return
		}
		wait = min(2*wait, retryMost)
	}
	if !w.until(ctx, "end of the pass is not saved", func(ctx context.Context) error { return w.finish(ctx, p) }) {
		return
	}
	w.lg.Info("entities applied to the archive", "pass", p.N, "entities", len(p.Items), "all", p.All,
		"looked", p.Looked, "changed", p.Changed, "took", w.now().Sub(began).Round(time.Millisecond))
}

// pass walks over the candidates, then over what was not searchable when they
// were listed.
func (w *run) pass(ctx context.Context, p *pass) error {
	queries := p.queries()
	for p.Query < len(queries) {
		more, err := w.page(ctx, p, queries)
		if _, broad := errors.AsType[*pipeline.QueryError](err); broad && !p.All { // the beginning of a word that too many have
			w.lg.Info("articles that may mention an entity are too many to ask for: all are looked at", "pass", p.N, "error", err)
			w.mu.Lock()
			p.All, p.Query, p.After, p.Totals = true, 0, "", nil
			w.mu.Unlock()
			queries = p.queries()
			continue
		}
		if err != nil {
			return err
		}
		if !more {
			w.mu.Lock()
			p.Query, p.After = p.Query+1, ""
			w.mu.Unlock()
		}
	}
	if err := w.save(ctx, p); err != nil {
		return err
	}
	if err := w.aside(ctx, p); err != nil {
		return err
	}
	c := w.current.Load()
	return w.bus.Read(ctx, pipeline.StreamArticles, "", p.From+1, func(d pipeline.Delivery) error {
		a, err := pipeline.Articles.Decode(d)
		if err != nil || a.Catalog == c.m.Version() && !p.Alert {
			return nil //nolint:nilerr // the index sets it aside
		}
		return w.walked(ctx, p, &a, d.Seq)
	})
}

// walked looks at an article that the stream has.
func (w *run) walked(ctx context.Context, p *pass, a *pipeline.Article, seq uint64) error {
	w.mu.Lock()
	p.Looked, p.Walked = p.Looked+1, p.Walked+1
	w.mu.Unlock()
	return w.look(ctx, p, a.ID, a, seq)
}

// aside looks at the articles that the index has not taken: they are searchable
// when they are replayed.
func (w *run) aside(ctx context.Context, p *pass) error {
	keys, err := w.fates.SetAside(ctx)
	if err != nil {
		return fmt.Errorf("articles set aside: %w", err)
	}
	for _, key := range keys {
		a, seq, err := pipeline.Articles.Last(ctx, w.bus, w.shards.Subject(key))
		if _, permanent := errors.AsType[*pipeline.PermanentError](err); permanent || errors.Is(err, pipeline.ErrNotFound) {
			continue // no article, or no more
		}
		if err == nil {
			err = w.walked(ctx, p, &a, seq)
		}
		if err != nil {
			return fmt.Errorf("article set aside, %s: %w", key, err)
		}
	}
	return nil
}

// queries find the candidates: those of the names as they are now first.
func (p *pass) queries() []string {
	if p.All {
		return []string{""}
	}
	var ids []string
	var now, before []catalog.Entity
	for _, it := range p.Items {
		ids = append(ids, it.ID)
		if it.New != nil {
			now = append(now, *it.New)
		}
		if it.Old != nil {
			before = append(before, *it.Old)
		}
	}
	var all []string
	for _, q := range slices.Concat(Queries(now...), Queries(before...), mentionQueries(ids)) {
		if q == "" {
			return []string{""}
		}
		if !slices.Contains(all, q) {
			all = append(all, q)
		}
	}
	return all
}

// page goes over one page of a query's candidates, and says whether there are
// more.
func (w *run) page(ctx context.Context, p *pass, queries []string) (more bool, err error) {
	res, err := w.archive.IDs(ctx, pipeline.IDsRequest{Query: queries[p.Query], After: p.After, Limit: w.listed})
	if err != nil {
		return false, fmt.Errorf("candidates: %w", err)
	}
	w.mu.Lock()
	if !p.Listed || res.Seq < p.From {
		p.Listed, p.From = true, res.Seq
	}
	if p.Totals == nil {
		p.Totals = make([]int, len(queries))
	}
	if p.After == "" {
		p.Totals[p.Query] = res.Total
	}
	p.err = ""
	first := p.Query == 0 && p.After == ""
	w.mu.Unlock()
	for ids := range slices.Chunk(res.IDs, chunk) {
		published := false
		g, some := errgroup.WithContext(ctx)
		g.SetLimit(workers)
		before := p.Changed
		for _, id := range ids {
			g.Go(func() error { return w.look(some, p, id, nil, 0) })
		}
		if err := g.Wait(); err != nil {
			return false, err
		}
		w.mu.Lock()
		p.After = ids[len(ids)-1]
		p.Looked += len(ids)
		published = p.Changed > before
		w.mu.Unlock()
		w.told()
		if published {
			if err := w.paced(ctx); err != nil {
				return false, err
			}
		}
		if w.now().Sub(p.saved) > saveEvery {
			if err := w.save(ctx, p); err != nil {
				return false, err
			}
		}
	}
	if first {
		w.count(ctx, p, queries)
	}
	return len(res.IDs) == w.listed, nil
}

// count asks how many candidates the other queries have, for the progress.
func (w *run) count(ctx context.Context, p *pass, queries []string) {
	for i, q := range queries[1:] {
		res, err := w.archive.IDs(ctx, pipeline.IDsRequest{Query: q, Limit: 1})
		if err != nil {
			return // it will be met again
		}
		w.mu.Lock()
		p.Totals[i+1] = res.Total
		w.mu.Unlock()
	}
}

// look tags one article of a pass: as it was last published, or as the index
// has it. A is what was read already, if not nil.
func (w *run) look(ctx context.Context, p *pass, id string, a *pipeline.Article, seq uint64) error {
	for range tries {
		if a == nil {
			var err error
			if a, seq, err = w.read(ctx, id); errors.Is(err, pipeline.ErrNotFound) {
				return nil // deleted meanwhile
			} else if err != nil {
				return fmt.Errorf("article %s: %w", id, err)
			}
		}
		before := a.Mentions
		c := w.current.Load()
		result, err := w.retag(ctx, byPass, c, a, seq, p.alerts())
		if err != nil {
			return err
		}
		switch result {
		case resultLeft: // the tail will see it, but it knows of no alerts
			a = nil
			continue
		case resultFailed, resultChanged:
			w.counted(p, result, before, c.tag(a))
		}
		return nil
	}
	return nil
}

// counted counts what became of an article.
func (w *run) counted(p *pass, result string, before, after []pipeline.Mention) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if result == resultFailed {
		p.Failed++
		return
	}
	p.Changed++
	had, has := places(before), places(after)
	for _, it := range p.Items {
		if had[it.ID] != has[it.ID] {
			if p.PerEntity == nil {
				p.PerEntity = make(map[string]int)
			}
			p.PerEntity[it.ID]++
		}
	}
}

// places sums up the mentions of each entity, to be compared.
func places(ms []pipeline.Mention) map[string]string {
	sums := make(map[string]string)
	for _, m := range ms {
		sums[m.Entity] += m.Field + strconv.Itoa(m.Start) + "-" + strconv.Itoa(m.End) + m.Rule + strconv.FormatBool(m.Counts())
	}
	return sums
}

// alerts tells of which entities what is new alerts; nil: of none.
func (p *pass) alerts() func(string) bool {
	switch {
	case !p.Alert:
		return nil
	case p.All && len(p.Items) == 0:
		return func(string) bool { return true }
	}
	return func(id string) bool {
		return slices.ContainsFunc(p.Items, func(it item) bool { return it.ID == id })
	}
}

// read is the article as last published, and its sequence; 0 where only the
// index has it still.
func (w *run) read(ctx context.Context, id string) (*pipeline.Article, uint64, error) {
	_, key, err := pipeline.ParseID(id)
	if err != nil {
		return nil, 0, err
	}
	a, seq, err := pipeline.Articles.Last(ctx, w.bus, w.shards.Subject(key))
	if errors.Is(err, pipeline.ErrNotFound) {
		seq = 0
		a, err = w.archive.Article(ctx, id)
	}
	return &a, seq, err
}

// paced waits while much of what was published is not searchable yet: new
// articles wait behind it.
func (w *run) paced(ctx context.Context) error {
	for wait := aheadEvery; ; wait = min(2*wait, aheadMost) {
		res, err := w.archive.IDs(ctx, pipeline.IDsRequest{Query: "key:0000000000000000", Limit: 1})
		if err != nil {
			return fmt.Errorf("how far the index is: %w", err)
		}
		if res.Seq == 0 || res.Seq+ahead >= w.published.Load() {
			return nil
		}
		if !pause(ctx, wait) {
			return ctx.Err()
		}
	}
}

// save writes down how far the pass is.
func (w *run) save(ctx context.Context, p *pass) error {
	w.mu.Lock()
	p.saved = w.now()
	data, err := json.Marshal(p)
	w.mu.Unlock()
	if err == nil {
		_, err = w.kv.Put(ctx, passKey+strconv.Itoa(p.N), data)
	}
	if err != nil {
		return fmt.Errorf("save pass %d: %w", p.N, err)
	}
	return nil
}

// requests makes passes of what is asked for.
func (w *run) requests(ctx context.Context) error {
	err := w.kv.Watch(ctx, func(e pipeline.Entry) error {
		if e.Deleted || !strings.HasPrefix(e.Key, requestKey) {
			return nil
		}
		var req pipeline.RetagRequest
		if err := json.Unmarshal(e.Value, &req); err != nil {
			w.lg.Error("request to tag anew is not understood", "key", e.Key, "error", err)
			return w.kv.Delete(ctx, e.Key)
		}
		w.until(ctx, "request to tag anew is not taken up", func(ctx context.Context) error {
			if err := w.asked(ctx, req); err != nil {
				return err
			}
			return w.kv.Delete(ctx, e.Key)
		})
		return nil
	})
	if ctx.Err() != nil {
		return nil //nolint:nilerr // an error of stopping is none
	}
	return err
}

// asked makes passes of a request, unless that was done before.
func (w *run) asked(ctx context.Context, req pipeline.RetagRequest) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if slices.ContainsFunc(w.passes, func(p *pass) bool { return p.Request == req.ID }) ||
		slices.ContainsFunc(w.recent, func(p pipeline.RetagPass) bool { return p.Request == req.ID }) {
		return nil
	}
	like := pass{Request: req.ID, Alert: req.Alert}
	if len(req.Entities) == 0 {
		like.All = true
		return w.addOne(ctx, &like)
	}
	var items []item
	released := false
	for _, id := range req.Entities {
		it := item{ID: id}
		if i := slices.IndexFunc(w.seen.Entities(), func(e catalog.Entity) bool { return e.ID == id }); i >= 0 {
			e := definition(w.seen.Entities()[i])
			it.New = &e
		}
		if w.entities[id].kept && it.New == nil {
			if err := w.kv.Delete(ctx, entityKey+id); err != nil {
				return err
			}
			delete(w.entities, id)
			released = true
		}
		items = append(items, it)
	}
	if released {
		w.install(w.seen)
	}
	return w.add(ctx, items, like)
}
