// Package retagbench measures how fast a new entity is applied to an archive:
// in go a corpus of real articles, a size and a number of hits, out come the
// times from saving the entity to the first and to the last of its articles
// being found by it, in a whole newswatch, and the same for deleting it.
package retagbench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"
	"unicode"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/newswatch/newswatch/cmd/internal/app"
	"github.com/newswatch/newswatch/cmd/internal/config"
	"github.com/newswatch/newswatch/cmd/internal/searchbench"
	"github.com/newswatch/newswatch/pipeline"
	"github.com/newswatch/newswatch/pipeline/jet"
)

// Options of a run.
type Options struct {
	Corpora  string // folder of the corpora
	Docs     []int  // sizes
	Hits     int    // about so many articles have the entity's name
	Keep     string // folder in which indexes are kept for the next run; empty: they are thrown away
	Progress io.Writer
}

// A Result is what one size gave.
type Result struct {
	Docs       int
	Name       string        // of the entity
	Candidates int           // articles that may mention it
	Hits       int           // articles that do
	First      time.Duration // from asking for it to be saved to the first of them being found
	All        time.Duration // to all of them
	Gone       time.Duration // from asking for it to be deleted to none being found
}

// Run measures each size.
func Run(ctx context.Context, log *slog.Logger, o Options) ([]Result, error) {
	corpus, err := searchbench.Open(o.Corpora)
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

func runOne(ctx context.Context, log *slog.Logger, o Options, corpus *searchbench.Corpus, n int) (r Result, err error) {
	parent := o.Keep
	if parent == "" {
		if parent, err = os.MkdirTemp("", "newswatch-bench-"); err != nil {
			return r, err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(parent)) }()
	}
	dir, _, err := searchbench.Prepare(ctx, log, corpus, n, parent, o.Progress)
	if err != nil {
		return r, err
	}
	data, err := os.MkdirTemp(parent, "retag-")
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(data)) }()
	if err := clone(dir, filepath.Join(data, "index")); err != nil {
		return r, err
	}
	fmt.Fprintf(o.Progress, "bringing the stream of articles to %d\n", n)
	if err := advance(ctx, log, data, corpus, n); err != nil {
		return r, err
	}
	return measure(ctx, log, o, corpus, n, data)
}

// clone makes a copy of an index, of which the files that never change are the
// same.
func clone(from, to string) error {
	return filepath.WalkDir(from, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		dst := filepath.Join(to, name)
		if d.IsDir() {
			return os.MkdirAll(dst, 0o755)
		}
		if filepath.Ext(name) == ".zap" && os.Link(path, dst) == nil {
			return nil
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(dst, b, 0o644)
	})
}

// advance makes the stream of articles one that had n articles: the index has
// them with the sequences 1 to n, and would take none for newer that has less.
// Of the stream itself only the last article is left, as of a stream that keeps
// 30 days most of three years are gone.
func advance(ctx context.Context, log *slog.Logger, data string, corpus *searchbench.Corpus, n int) (err error) {
	node, err := jet.Open(ctx, log, prometheus.NewRegistry(), jet.Config{Dir: data})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, node.Close(context.WithoutCancel(ctx))) }()
	last := corpus.Article(n-1, n)
	subject := pipeline.Shards(1).Subject(last.Key)
	g, some := errgroup.WithContext(ctx)
	g.SetLimit(256)
	for range n - 1 {
		g.Go(func() error {
			_, err := node.Publish(some, pipeline.StreamArticles, pipeline.Message{Subject: subject, Data: []byte("{}")})
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	_, err = pipeline.Shards(1).Articles().Publish(ctx, node, last)
	return err
}

// measure runs newswatch on the data.
func measure(ctx context.Context, log *slog.Logger, o Options, corpus *searchbench.Corpus, n int, data string) (r Result, err error) {
	opts := app.Options{Logger: log, Config: config.Default(), Version: "bench"}
	opts.Config.Data, opts.Config.Web.Listen = data, "127.0.0.1:0"
	a, err := app.New(ctx, opts)
	if err != nil {
		return r, err
	}
	running, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- a.Run(running) }()
	defer func() { stop(); err = errors.Join(err, <-ended) }()

	c := client{a.URL()}
	r.Docs = n
	if r.Name, err = pick(ctx, c, corpus, n, o.Hits); err != nil {
		return r, err
	}
	if err := first(ctx, c); err != nil {
		return r, err
	}
	fmt.Fprintf(o.Progress, "an entity named %s is saved\n", r.Name)
	entity := fmt.Sprintf(`{"id":"bench","name":%q,"kind":"organization","names":[%[1]q]}`, r.Name)
	start := time.Now()
	if err := c.do(ctx, http.MethodPut, "/api/v1/entities/bench", entity, nil); err != nil {
		return r, err
	}
	var st pipeline.RetagEntity
	for changed := start; ; time.Sleep(look) {
		found, err := c.total(ctx, "entity:bench")
		if err != nil {
			return r, err
		}
		if found > 0 && r.First == 0 {
			r.First = time.Since(start)
		}
		if found != r.Hits {
			r.Hits, r.All, changed = found, time.Since(start), time.Now()
		}
		st = pipeline.RetagEntity{}
		if err := c.do(ctx, http.MethodGet, "/api/v1/entities/bench/retag", "", &st); err != nil {
			return r, err
		}
		if st.Pass != nil {
			r.Candidates = st.Pass.Candidates
		}
		// Counts of a pass that was cut off are a little behind, so it is done
		// when nothing comes any more.
		if !st.Pending && st.Pass == nil && !st.Applied.IsZero() && time.Since(changed) > stable {
			break
		}
		if time.Since(start) > patience {
			return r, fmt.Errorf("after %v: %d found, %+v", patience, found, st)
		}
	}
	fmt.Fprintf(o.Progress, "found in %d articles; it is deleted\n", r.Hits)
	start = time.Now()
	if err := c.do(ctx, http.MethodDelete, "/api/v1/entities/bench", "", nil); err != nil {
		return r, err
	}
	for found := 1; found > 0; time.Sleep(look) {
		if found, err = c.total(ctx, "entity:bench"); err != nil {
			return r, err
		}
		r.Gone = time.Since(start)
		if r.Gone > patience {
			return r, fmt.Errorf("after %v: %d still found", patience, found)
		}
	}
	return r, nil
}

// first brings an article in, as on a server that runs: before the first one it
// writes an index looks through the keys of all its partitions.
func first(ctx context.Context, c client) error {
	const line = `{"url":"https://first.example/","title":"Zwischenruf","text":"An article that comes first.","published":"2026-11-01T00:00:00Z"}`
	var answer struct{ New int }
	if err := c.do(ctx, http.MethodPost, "/api/v1/articles", line, &answer); err != nil {
		return err
	}
	if answer.New != 1 {
		return errors.New("an article is not taken")
	}
	for start := time.Now(); ; time.Sleep(look) {
		n, err := c.total(ctx, "Zwischenruf")
		if err != nil || n > 0 {
			return err
		}
		if time.Since(start) > time.Minute {
			return errors.New("an article is not found a minute after it was loaded")
		}
	}
}

const (
	look     = 20 * time.Millisecond // between two looks
	stable   = 3 * time.Second       // without a change, after the pass: all are found
	patience = 30 * time.Minute
)

// pick is a word that about so many articles have, with a capital.
func pick(ctx context.Context, c client, corpus *searchbench.Corpus, n, hits int) (best string, err error) {
	rng := rand.New(rand.NewPCG(3, uint64(n)))
	off := -1
	seen := make(map[string]bool)
	for range 400 {
		a := corpus.Article(rng.IntN(n), n)
		words := strings.FieldsFunc(a.Text, func(r rune) bool { return !unicode.IsLetter(r) })
		if len(words) == 0 || a.Lang != "en" {
			continue
		}
		w := words[rng.IntN(len(words))]
		if len(w) < 5 || w[0] < 'A' || w[0] > 'Z' || strings.ToLower(w[1:]) != w[1:] || seen[w] {
			continue
		}
		seen[w] = true
		total, err := c.total(ctx, `"`+w+`"`)
		if err != nil {
			return "", err
		}
		if d := max(total-hits, hits-total); off < 0 || d < off {
			best, off = w, d
		}
		if off <= hits/20 {
			break
		}
	}
	if best == "" {
		return "", errors.New("no word is found to name an entity by")
	}
	return best, nil
}

// A client asks a running newswatch.
type client struct{ url string }

func (c client) do(ctx context.Context, method, path, body string, out any) error {
	req, err := http.NewRequestWithContext(ctx, method, c.url+path, strings.NewReader(body))
	if err != nil {
		return err
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	if res.StatusCode >= 300 {
		return fmt.Errorf("%s %s: %s: %s", method, path, res.Status, data)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(data, out)
}

// total is how many articles a search finds.
func (c client) total(ctx context.Context, q string) (int, error) {
	var res struct{ Total int }
	err := c.do(ctx, http.MethodGet, "/api/v1/search?limit=1&q="+url.QueryEscape(q), "", &res)
	return res.Total, err
}

// Table writes the results as they stand in BENCHMARKS.md.
func Table(w io.Writer, results []Result) error {
	var b strings.Builder
	b.WriteString("| articles | may mention it | do | first found | all found | deleted: none found |\n|---:|---:|---:|---:|---:|---:|\n")
	for _, r := range results {
		fmt.Fprintf(&b, "| %d | %d | %d | %.2f s | %.2f s | %.2f s |\n", r.Docs, r.Candidates, r.Hits, r.First.Seconds(), r.All.Seconds(), r.Gone.Seconds())
	}
	_, err := io.WriteString(w, b.String())
	return err
}
