package index

import (
	"context"
	"errors"
	"fmt"
	"runtime"

	"golang.org/x/sync/errgroup"

	"github.com/newswatch/newswatch/pipeline"
)

// page fills the page and sets the cursor of the next one.
func (r *run) page(ctx context.Context) error {
	if r.req.Limit == 0 {
		return nil
	}
	seen, last := r.after, r.after
	full := false
	var shown []hit
	err := r.walk(ctx, r.after, r.req.Limit+1, func(h hit) (bool, error) {
		ok, err := r.verify(ctx, h)
		if ok && err == nil && r.req.Collapse != collapseNone && r.unsure > 0 {
			ok, err = r.isFirst(ctx, h)
		}
		if err != nil {
			return false, err
		}
		if full = ok && len(shown) == r.req.Limit; full {
			return false, nil
		}
		seen = r.cursor(h)
		if ok {
			last = seen
			shown = append(shown, h)
		}
		return true, nil
	})
	switch {
	case err == nil && full:
		r.res.NextCursor = last.String()
	case err == nil:
	case errors.Is(err, errVerify):
		r.res.NextCursor = seen.String()
		r.warn("stopped after verifying %d articles: there may be more on the next page", r.ix.cfg.Verify)
	case errors.Is(err, context.DeadlineExceeded) && !seen.zero():
		r.partial = true
		r.res.NextCursor = seen.String()
		r.warn("partial: stopped after %v: there may be more on the next page", r.ix.cfg.Timeout)
	default:
		return err
	}
	if r.part && r.req.Collapse != collapseNone {
		for _, h := range shown {
			key, err := r.groupOf(ctx, h)
			if err != nil {
				return err
			}
			r.shownGroups = append(r.shownGroups, key)
		}
	}
	r.show(shown)
	return nil
}

// show makes the hits of the page, several at once: reading and marking an
// article takes longer than finding it. What was found is shown even if the
// time is over.
func (r *run) show(hits []hit) {
	out := make([]*pipeline.Hit, len(hits))
	var g errgroup.Group
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i, h := range hits {
		g.Go(func() error {
			err := h.s.v.guard(func() (err error) {
				out[i], err = r.shown(h)
				return err
			})
			if err != nil {
				r.unreadable(h.s.v, err)
			}
			return nil
		})
	}
	_ = g.Wait() // each error is told
	for _, h := range out {
		if h != nil {
			r.res.Hits = append(r.res.Hits, *h)
		}
	}
}

// shown is a hit as it is shown. It is known to match.
func (r *run) shown(h hit) (*pipeline.Hit, error) {
	d, err := r.load(h.s, h.doc, h.id)
	if err != nil {
		return nil, fmt.Errorf("article %s: %w", h.id, err)
	}
	a := &d.article
	spans, _ := r.query.Match(d.doc)
	return &pipeline.Hit{
		ID: a.ID, URL: a.URL, Title: a.Title, Snippet: snippet(a, spans),
		Source: a.Source, Lang: a.Lang, Country: a.Country,
		Published: a.Published, FirstSeen: a.FirstSeen,
		Entities: append([]string{}, a.Entities()...), Story: a.Story, Score: h.score,
	}, nil
}

// countCopies sets the copies of the hits shown. They may lie in any shard.
func (r *run) countCopies(ctx context.Context) error {
	if len(r.res.Hits) == 0 || r.part {
		return nil
	}
	ids := make([]string, len(r.res.Hits))
	for i := range r.res.Hits {
		ids[i] = r.res.Hits[i].ID
	}
	counts, err := r.copies(ctx, ids)
	for i, n := range counts {
		r.res.Hits[i].Copies = n
	}
	return err
}

// copies counts the copies of each of the articles.
func (r *run) copies(ctx context.Context, ids []string) ([]int, error) {
	counts := make([]int, len(ids))
	err := r.each(r.views, func(v *view) error {
		own := make([]int, len(counts))
		for _, s := range v.segments {
			for i := range own {
				docs, err := s.docs(fieldCopyOf, ids[i])
				if err != nil {
					return err
				}
				if docs != empty {
					own[i] += int(docs.AndCardinality(s.live))
				}
			}
			if ctx.Err() != nil {
				return ctx.Err()
			}
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		for i, n := range own {
			counts[i] += n
		}
		return nil
	})
	return counts, err
}
