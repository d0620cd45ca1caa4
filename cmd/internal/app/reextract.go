package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/newswatch/newswatch/extractors/warc"
	"github.com/newswatch/newswatch/pipeline"
	"github.com/newswatch/newswatch/web"
)

// Keys of the checkpoints bucket: what is asked for, and how far each process
// has come with it, by its name.
const (
	reextractRequest  = "reextract.request"
	reextractProgress = "reextract.progress."
)

const (
	progressEvery  = time.Second            // progress is saved at most so often
	reextractRetry = 5 * time.Second        // pause after something failed…
	reextractTries = 20                     // …so often in a row without any progress
	alertsEvery    = 200 * time.Millisecond // between two looks at how far alerts are
)

// A reextraction is the reading anew of all kept pages. Every process that
// extracts has its part in it, for each keeps the pages that it fetched: the
// request lies in a bucket that all of them watch, and what was begun is gone on
// with after a restart.
//
// What comes of a page goes the way of every article, marked as reread and
// quiet. The articles stream has only the latest state of an article, so one
// that alerts have not decided on yet must not be overwritten by a quiet one:
// its page waits for them. Nothing can come between: what stories take up
// meanwhile is of another version of the item, and the reread is then dropped.
// An article that has left the stream is found in the index: it has been decided
// on long ago.
type reextraction struct {
	app      *App
	archived archived
	kv       pipeline.KV
	name     string // of this process
	request  web.Reextract
	progress reextractState
	saved    time.Time
	alerts   uint64 // sequence of articles that alerts have passed
}

// archived finds an article that the stream no longer has, or answers
// pipeline.ErrNotFound.
type archived interface {
	ByKey(ctx context.Context, key string) (pipeline.Article, error)
}

// A reextractState is how far a process has come, as it is stored.
type reextractState struct {
	web.ReextractProgress
	Place warc.Place `json:"place"`
}

// runReextract reads kept pages anew whenever that is asked for, one request at
// a time: a new one ends the one before.
func (a *App) runReextract(ctx context.Context) error {
	kv, err := a.node.KV(ctx, pipeline.BucketCheckpoints)
	if err != nil {
		return err
	}
	name, err := a.replica()
	if err != nil {
		return err
	}
	return whileAsked(ctx, kv, reextractRequest, func(ctx context.Context, value []byte) {
		r := &reextraction{app: a, archived: a.corpus, kv: kv, name: name}
		if err := json.Unmarshal(value, &r.request); err != nil {
			a.lg.Error("request to read pages anew is not understood", "error", err)
			return
		}
		if err := r.run(ctx); err != nil && ctx.Err() == nil {
			a.lg.Error("pages are not read anew", "request", r.request.ID, "error", err)
		}
	})
}

// run does this process's part of the request, from where it was left.
func (r *reextraction) run(ctx context.Context) error {
	e, err := r.kv.Get(ctx, reextractProgress+r.name)
	if err == nil {
		err = json.Unmarshal(e.Value, &r.progress)
	}
	if err != nil && !errors.Is(err, pipeline.ErrNotFound) {
		return fmt.Errorf("progress: %w", err)
	}
	if r.progress.Request == r.request.ID && r.progress.State != web.ReextractRunning {
		return nil // done before
	}
	if r.progress.Request != r.request.ID {
		r.progress = reextractState{ReextractProgress: web.ReextractProgress{Request: r.request.ID, Process: r.name, State: web.ReextractRunning}}
	}
	if r.app.archive == nil {
		return r.end(ctx, web.ReextractNone, "")
	}
	if err := r.save(ctx); err != nil {
		return err
	}
	lg := r.app.lg.With("request", r.request.ID, "dry_run", r.request.DryRun)
	lg.Info("pages are read anew", "since", r.request.Since, "source", r.request.Source)
	for tries := 0; ; {
		before := r.progress.Place
		err := r.app.archive.Replay(ctx, warc.Selection{Since: r.request.Since, Source: r.request.Source}, before, func(p warc.Page, next warc.Place) error {
			if err := r.page(ctx, p); err != nil {
				return err
			}
			r.progress.Place = next
			if time.Since(r.saved) < progressEvery {
				return nil
			}
			return r.save(ctx)
		})
		switch {
		case err == nil:
			lg.Info("pages were read anew", "pages", r.progress.Pages, "changed", r.progress.Changed)
			return r.end(ctx, web.ReextractDone, "")
		case ctx.Err() != nil: // gone on with at the next start
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopWait/4)
			defer cancel()
			return r.save(ctx)
		}
		if tries++; r.progress.Place != before {
			tries = 1
		}
		if tries == reextractTries {
			return errors.Join(err, r.end(ctx, web.ReextractFailed, err.Error()))
		}
		lg.Warn("reading pages anew is tried again", "after", reextractRetry, "error", err)
		if !pause(ctx, reextractRetry) {
			return ctx.Err()
		}
	}
}

// pause waits, and says whether ctx is still good.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

func (r *reextraction) end(ctx context.Context, state, reason string) error {
	r.progress.State, r.progress.Error = state, reason
	return r.save(ctx)
}

func (r *reextraction) save(ctx context.Context) error {
	r.saved = time.Now()
	r.progress.Updated = r.saved.UTC()
	data, err := json.Marshal(r.progress)
	if err != nil {
		return err
	}
	if _, err := r.kv.Put(ctx, reextractProgress+r.name, data); err != nil {
		return fmt.Errorf("save progress: %w", err)
	}
	return nil
}

// page reads one page anew and counts what became of it.
func (r *reextraction) page(ctx context.Context, p warc.Page) error {
	it, raw, err := kept(&p)
	if err != nil {
		r.app.lg.Warn("kept page is left out", "error", err)
		r.progress.Pages++
		r.progress.Skipped++
		return nil
	}
	prev, seq, err := pipeline.Articles.Last(ctx, r.app.node, r.app.shards.Subject(it.Key))
	if errors.Is(err, pipeline.ErrNotFound) {
		prev, err = r.archived.ByKey(ctx, it.Key)
	}
	switch {
	case errors.Is(err, pipeline.ErrNotFound):
		r.progress.Pages++
		r.progress.Skipped++
		return nil
	case err != nil:
		return fmt.Errorf("article of %s: %w", it.URL, err)
	case prev.ItemContent != it.Digest() || prev.Fetched.After(p.Fetched): // the article has gone on from it
		r.progress.Pages++
		r.progress.Skipped++
		return nil
	}
	art, err := r.app.extract.Reread(ctx, it, raw)
	if err != nil {
		return err
	}
	if art.Content != prev.Content && !r.request.DryRun {
		if err := r.passed(ctx, seq); err != nil {
			return err
		}
		if err := r.publish(ctx, art); err != nil {
			return err
		}
	}
	r.progress.Pages++
	if art.Content == prev.Content {
		r.progress.Same++
		return nil
	}
	r.progress.Changed++
	r.app.lg.Debug("page gives another text", "url", it.URL, "key", it.Key, "bytes", len(art.Text), "before", len(prev.Text), "method", art.Method)
	return nil
}

// passed waits until alerts have decided on everything up to the sequence of
// the articles stream. Where there are no alerts, nothing waits.
func (r *reextraction) passed(ctx context.Context, seq uint64) error {
	for r.alerts < seq {
		stages, _, err := r.app.node.Status(ctx)
		if err != nil {
			return fmt.Errorf("how far alerts are: %w", err)
		}
		none := true
		for _, s := range stages {
			if s.Stage == stageAlerts {
				none = false
				r.alerts = s.Seq
			}
		}
		if none || r.alerts >= seq {
			return nil
		}
		if time.Since(r.saved) > progressEvery {
			if err := r.save(ctx); err != nil {
				return err
			}
		}
		if !pause(ctx, alertsEvery) {
			return ctx.Err()
		}
	}
	return nil
}

// publish hands the article to the stories, when they have room.
func (r *reextraction) publish(ctx context.Context, art pipeline.Article) error {
	for {
		_, err := pipeline.Extracted.Publish(ctx, r.app.node, art)
		if !errors.Is(err, pipeline.ErrFull) {
			return err
		}
		if !pause(ctx, time.Second) {
			return ctx.Err()
		}
	}
}

// reextractor is the reading anew as the web and the command line see it.
func reextractor(kv pipeline.KV) task[web.Reextract, web.ReextractProgress] {
	return task[web.Reextract, web.ReextractProgress]{
		kv: kv, request: reextractRequest, progress: reextractProgress,
		of: func(req web.Reextract, p web.ReextractProgress) bool { return p.Request == req.ID },
	}
}
