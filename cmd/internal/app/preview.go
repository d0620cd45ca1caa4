package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/newswatch/newswatch/extractors/retag"
	"github.com/newswatch/newswatch/extractors/tags"
	"github.com/newswatch/newswatch/pipeline"
	"github.com/newswatch/newswatch/pipeline/catalog"
)

// Bounds of one preview. Both leave it well within a request's time.
const (
	previewArticles = 2000             // articles read
	previewTime     = 10 * time.Second // reading
	previewIDs      = 10000            // candidates of one query, the most the index lists
)

// An archive is the stored articles, to be gone through by candidates.
type archive interface {
	IDs(ctx context.Context, req pipeline.IDsRequest) (pipeline.IDsResult, error)
	Article(ctx context.Context, id string) (pipeline.Article, error)
}

// previewer says what an entity would find in the archive.
type previewer struct {
	archive  archive
	entities func() []catalog.Entity
	articles int           // read at most
	time     time.Duration // of reading at most
}

func (a *App) previewer() previewer {
	return previewer{a.corpus, func() []catalog.Entity { return a.catalog.Snapshot().Entities }, previewArticles, previewTime}
}

// Preview looks for the entity in the articles published since then; zero: in
// all. Of more candidates than it reads it takes as many, spread evenly.
func (p previewer) Preview(ctx context.Context, e catalog.Entity, since time.Time) (pipeline.Preview, error) {
	start := time.Now()
	ids, total, err := p.candidates(ctx, e, since)
	if err != nil {
		return pipeline.Preview{}, err
	}
	survey := tags.NewSurvey(e, p.entities())
	read := spread(ids, p.articles)
	until, cancel := context.WithTimeout(ctx, p.time)
	defer cancel()
	done := 0
	for _, id := range read {
		art, err := p.archive.Article(until, id)
		switch {
		case err == nil:
			survey.Add(art)
		case errors.Is(err, pipeline.ErrNotFound): // deleted meanwhile
		case until.Err() != nil && ctx.Err() == nil:
		default:
			return pipeline.Preview{}, fmt.Errorf("preview of entity %s: %w", e.ID, err)
		}
		if until.Err() != nil {
			break
		}
		done++
	}
	if err := ctx.Err(); err != nil {
		return pipeline.Preview{}, err
	}
	out := survey.Report()
	out.Candidates = total
	out.Sampled = out.Read < total
	switch {
	case done < len(read):
		out.Note = fmt.Sprintf("stopped after %v: %d of the %d articles that may mention it were read", p.time, out.Read, total)
	case total > len(ids):
		out.Note = fmt.Sprintf("of at least %d articles that may mention it %d were read, spread evenly over the newest %d", total, out.Read, len(ids))
	case len(read) < len(ids):
		out.Note = fmt.Sprintf("of the %d articles that may mention it %d were read, spread evenly", total, out.Read)
	}
	out.TookMS = time.Since(start).Milliseconds()
	return out, nil
}

// candidates lists the articles that may mention the entity, newest first, and
// how many there are, which is more where they are too many to list.
func (p previewer) candidates(ctx context.Context, e catalog.Entity, since time.Time) (ids []string, total int, err error) {
	queries := retag.Queries(e)
	after := ""
	if !since.IsZero() {
		after = " after:" + since.UTC().Format(time.RFC3339)
	}
	for _, q := range queries {
		res, err := p.archive.IDs(ctx, pipeline.IDsRequest{Query: strings.TrimSpace(q + after), Limit: previewIDs})
		if _, broad := errors.AsType[*pipeline.QueryError](err); broad { // the beginning of a word that too many have
			res, err = p.archive.IDs(ctx, pipeline.IDsRequest{Query: strings.TrimSpace(after), Limit: previewIDs})
		}
		if err != nil {
			return nil, 0, fmt.Errorf("candidates of entity %s: %w", e.ID, err)
		}
		ids = append(ids, res.IDs...)
		total = max(total, res.Total)
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	slices.Reverse(ids)
	return ids, max(total, len(ids)), nil
}

// spread is n of the ids, evenly, in order.
func spread(ids []string, n int) []string {
	if len(ids) <= n {
		return ids
	}
	out := make([]string, n)
	for i := range out {
		out[i] = ids[i*len(ids)/n]
	}
	return out
}

// testFailures runs the tests of entities that are to be saved, among all the
// others; the answer is in their order.
func (a *App) testFailures(entities []catalog.Entity) [][]pipeline.TestFailure {
	out := make([][]pipeline.TestFailure, len(entities))
	if !slices.ContainsFunc(entities, hasTests) {
		return out
	}
	all := slices.Clone(entities)
	for _, o := range a.catalog.Snapshot().Entities {
		if !slices.ContainsFunc(entities, func(e catalog.Entity) bool { return e.ID == o.ID }) {
			all = append(all, o)
		}
	}
	m, _ := tags.Compile(all)
	for i, e := range entities {
		out[i] = tags.TestFailures(m, e)
	}
	return out
}

func hasTests(e catalog.Entity) bool { return len(e.Tests.Match)+len(e.Tests.NoMatch) > 0 }
