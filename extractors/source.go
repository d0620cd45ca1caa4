package extractors

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/newswatch/newswatch/extractors/readable"
	"github.com/newswatch/newswatch/pipeline/catalog"
)

// A source is what the catalog says of how a source's articles are come by.
type source struct {
	pages string          // catalog.PagesAuto… ; empty: auto
	rules *readable.Rules // nil: none
}

// SetSources tells the extractor what the catalog says of the sources, from
// the next item on.
func (e *Extractor) SetSources(list []catalog.Source) {
	m := make(map[string]source)
	for _, s := range list {
		if s.Pages == "" && s.Extract == nil {
			continue
		}
		src := source{pages: s.Pages}
		if r := s.Extract; r != nil {
			src.rules = &readable.Rules{Body: r.Body, Title: r.Title, Date: r.Date, Author: r.Author, Drop: r.Drop}
		}
		m[s.ID] = src
	}
	e.sources.Store(&m)
}

// source is what is known of the source with the id; of most that is nothing.
func (e *Extractor) source(id string) source {
	if m := e.sources.Load(); m != nil {
		return (*m)[id]
	}
	return source{}
}

// wantsPage says whether an item with that content and summary needs its page.
func (s source) wantsPage(content, summary string) bool {
	switch s.pages {
	case catalog.PagesAlways:
		return true
	case catalog.PagesNever:
		return false
	}
	return !isWhole(content, summary)
}

// errSlow is a page that takes longer to read than it may.
var errSlow = errors.New("extractors: the page takes too long to read")

// readPage reads a page once there is room, and gives up when that takes too
// long. What was given up can't be stopped: it keeps its room until it ends, so
// that no more pages are ever held than there is room for.
func (e *Extractor) readPage(ctx context.Context, body []byte, opt readable.Options) (readable.Page, error) {
	select {
	case e.reading <- struct{}{}:
	case <-ctx.Done():
		return readable.Page{}, ctx.Err()
	}
	type result struct {
		page readable.Page
		err  error
	}
	done := make(chan result, 1)
	go func() {
		defer func() { <-e.reading }()
		var r result
		defer func() {
			if p := recover(); p != nil { // here nobody else would
				r.err = fmt.Errorf("%w: %v", readable.ErrPanic, p)
			}
			done <- r
		}()
		r.page, r.err = e.extract(body, opt)
	}()
	limit := time.NewTimer(e.cfg.Timeout)
	defer limit.Stop()
	select {
	case r := <-done:
		return r.page, r.err
	case <-limit.C:
		return readable.Page{}, fmt.Errorf("%w: over %v", errSlow, e.cfg.Timeout)
	}
}
