package searchbench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/newswatch/newswatch/index"
)

// Options of a run.
type Options struct {
	Corpora  string // folder of the corpora
	Docs     []int  // sizes
	Keep     string // folder in which indexes are kept for the next run; empty: they are thrown away
	Rounds   int    // times each query of a shape is asked
	Progress io.Writer
}

// A Result is what one size gave.
type Result struct {
	Built   Built   `json:"built"`
	Queries []Timed `json:"queries"`
}

// Run measures each size.
func Run(ctx context.Context, log *slog.Logger, o Options) ([]Result, error) {
	corpus, err := Open(o.Corpora)
	if err != nil {
		return nil, err
	}
	var all []Result
	for _, n := range o.Docs {
		r, err := runOne(ctx, log, o, corpus, n)
		if err != nil {
			return all, fmt.Errorf("%d articles: %w", n, err)
		}
		all = append(all, r)
	}
	return all, nil
}

func runOne(ctx context.Context, log *slog.Logger, o Options, corpus *Corpus, n int) (r Result, err error) {
	parent := o.Keep
	if parent == "" {
		if parent, err = os.MkdirTemp("", "newswatch-bench-"); err != nil {
			return r, err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(parent)) }()
	}
	dir, built, err := Prepare(ctx, log, corpus, n, parent, o.Progress)
	if err != nil {
		return r, err
	}
	r.Built = built
	ix, err := OpenIndex(log, dir)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, ix.Close()) }()
	r.Queries, err = Queries(ctx, Newswatch(ix), corpus, n, o.Rounds, o.Progress)
	return r, err
}

// Prepare is the folder, below the parent, of the index of n articles, which is
// made unless it is there.
func Prepare(ctx context.Context, log *slog.Logger, corpus *Corpus, n int, parent string, progress io.Writer) (dir string, b Built, err error) {
	dir = filepath.Join(parent, strconv.Itoa(n))
	if b, err = kept(dir); errors.Is(err, fs.ErrNotExist) {
		b, err = build(ctx, log, corpus, n, dir, progress)
	}
	return dir, b, err
}

// kept is what a kept index took; fs.ErrNotExist: there is none that is whole.
func kept(dir string) (b Built, err error) {
	data, err := os.ReadFile(resultFile(dir))
	if err != nil {
		return b, err
	}
	return b, json.Unmarshal(data, &b)
}

func build(ctx context.Context, log *slog.Logger, corpus *Corpus, n int, dir string, progress io.Writer) (b Built, err error) {
	if err := os.RemoveAll(dir); err != nil { // what a run that was stopped left
		return b, err
	}
	var ix *index.Index
	if ix, err = OpenIndex(log, dir); err != nil {
		return b, err
	}
	b, err = Build(ctx, Newswatch(ix), corpus, n, progress)
	if err == nil {
		start := time.Now()
		err = ix.SealAll(ctx)
		b.SealS, b.SealedBytes = time.Since(start).Seconds(), ix.Stats().Bytes
		fmt.Fprintf(progress, "sealed in %.0f s\n", b.SealS)
	}
	if err = errors.Join(err, ix.Close()); err != nil {
		return b, err
	}
	data, err := json.MarshalIndent(b, "", "  ")
	if err != nil {
		return b, err
	}
	return b, os.WriteFile(resultFile(dir), append(data, '\n'), 0o644)
}
