// Search measures other search engines on the articles and queries that
// `newswatch bench search` measures the index with, and writes the table into
// BENCHMARKS.md between its marks:
//
//	NEWSWATCH_CORPORA=… go run -C cmd/internal/bench/peers ./search -docs 100000 -update
//
// Each engine gets what it can do of the fourteen shapes of query and answers
// with a page of twenty, sorted as asked, and the total. What it can't is left
// empty: Bleve has no NEAR, no case and no histogram of days; FTS5 has no case.
//
// The engines don't find the same. Bleve's default mapping, and FTS5's unicode61,
// know neither English and Russian stems nor signs (C++); FTS5 takes a run of
// Chinese for one word and finds it only whole; Bleve takes it for single
// characters. What they find on average stands beside the times.
package main

import (
	"context"
	"flag"
	"fmt"
	"io/fs"
	"log"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"time"

	"github.com/newswatch/newswatch/cmd/internal/searchbench"
	"github.com/newswatch/newswatch/extractors/readable/readabletest"
)

const root = "../../../.."

// An engine is opened in an empty folder.
type engine struct {
	name string
	open func(dir string) (searchbench.Engine, func() error, error)
}

var engines = []engine{
	{"newswatch", openNewswatch},
	{"Bleve v2.6.3, default mapping", openBleve},
	{"SQLite FTS5 (modernc.org/sqlite v1.62.0)", openSQLite},
}

func main() {
	docs := flag.Int("docs", 100_000, "how many articles")
	rounds := flag.Int("rounds", 1, "how often each query is asked")
	update := flag.Bool("update", false, "write the table into BENCHMARKS.md")
	flag.Parse()
	table, err := measure(context.Background(), *docs, *rounds)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Print(table)
	if *update {
		if err := readabletest.WriteBetween(filepath.Join(root, "BENCHMARKS.md"), "search peers", table); err != nil {
			log.Fatal(err)
		}
	}
}

// A result is what one engine gave.
type result struct {
	built   searchbench.Built
	queries map[string]searchbench.Timed
}

func measure(ctx context.Context, docs, rounds int) (string, error) {
	corpus, err := searchbench.Open(os.Getenv("NEWSWATCH_CORPORA"))
	if err != nil {
		return "", err
	}
	var results []result
	for _, e := range engines {
		r, err := measureOne(ctx, e, corpus, docs, rounds)
		if err != nil {
			return "", fmt.Errorf("%s: %w", e.name, err)
		}
		results = append(results, r)
		debug.FreeOSMemory()
	}
	return table(docs, results), nil
}

func measureOne(ctx context.Context, e engine, corpus *searchbench.Corpus, docs, rounds int) (result, error) {
	log.Print(e.name)
	dir, err := os.MkdirTemp("", "newswatch-peers-")
	if err != nil {
		return result{}, err
	}
	defer os.RemoveAll(dir)
	en, closeEngine, err := e.open(dir)
	if err != nil {
		return result{}, err
	}
	defer closeEngine()
	r := result{queries: make(map[string]searchbench.Timed)}
	if r.built, err = searchbench.Build(ctx, en, corpus, docs, os.Stderr); err != nil {
		return r, err
	}
	timed, err := searchbench.Queries(ctx, en, corpus, docs, rounds, os.Stderr)
	for _, t := range timed {
		r.queries[t.Shape] = t
	}
	return r, err
}

func table(docs int, results []result) string {
	var b strings.Builder
	fmt.Fprintf(&b, "| %d articles | docs/s | CPU ms/doc | disk per byte of text |\n|---|---:|---:|---:|\n", docs)
	for i, r := range results {
		m := r.built
		fmt.Fprintf(&b, "| %s | %.0f | %.2f | %.2f |\n", engines[i].name, float64(m.Docs)/m.WallS,
			1000*m.CPUS/float64(m.Docs), float64(m.DiskBytes)/float64(m.TextBytes))
	}
	b.WriteString("\n| hits: p50 / p99 ms |")
	for _, e := range engines {
		fmt.Fprintf(&b, " %s |", e.name)
	}
	b.WriteString("\n|---|" + strings.Repeat("---|", len(engines)) + "\n")
	ms := func(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
	for _, shape := range searchbench.Shapes() {
		fmt.Fprintf(&b, "| %s |", shape)
		for _, r := range results {
			if q, ok := r.queries[shape]; ok {
				fmt.Fprintf(&b, " %d: %.1f / %.1f", q.Hits, ms(q.P50), ms(q.P99))
				if q.Failed > 0 {
					fmt.Fprintf(&b, " (%d failed)", q.Failed)
				}
			}
			b.WriteString(" |")
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func openNewswatch(dir string) (searchbench.Engine, func() error, error) {
	ix, err := searchbench.OpenIndex(slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})), dir)
	if err != nil {
		return nil, nil, err
	}
	return searchbench.Newswatch(ix), ix.Close, nil
}

// size is the bytes of all files below a folder.
func size(dir string) (n int64) {
	filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return nil //nolint:nilerr // a file that has just been merged away
		}
		if info, err := d.Info(); err == nil {
			n += info.Size()
		}
		return nil
	})
	return n
}
