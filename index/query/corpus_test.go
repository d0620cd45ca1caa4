package query

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/newswatch/newswatch/pipeline"
)

// corpusFile opens a file of the corpora.
func corpusFile(tb testing.TB, name ...string) io.Reader {
	tb.Helper()
	dir := os.Getenv("NEWSWATCH_CORPORA")
	if dir == "" {
		if os.Getenv("CI") == "true" {
			tb.Fatal("NEWSWATCH_CORPORA is not set")
		}
		tb.Skip("NEWSWATCH_CORPORA is not set")
	}
	f, err := os.Open(filepath.Join(append([]string{dir}, name...)...))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { f.Close() })
	return f
}

// realWatches are 10,000 queries of real names: half of them the name, the
// others with something more to it.
func realWatches(tb testing.TB) map[string]*Query {
	z, err := gzip.NewReader(corpusFile(tb, "entities", "names-p10k.txt.gz"))
	if err != nil {
		tb.Fatal(err)
	}
	queries := make(map[string]*Query)
	for lines := bufio.NewScanner(z); len(queries) < 10_000 && lines.Scan(); {
		name := `"` + strings.ReplaceAll(lines.Text(), `"`, " ") + `"`
		i := len(queries)
		text := []string{
			name, name, "title:" + name, name + " (sanctions OR санкции OR 制裁)", name + " lang:en -sport", name + ` OR "` + fmt.Sprint("unit ", i) + `"`,
		}[i%6]
		q, err := Parse(text, testNow)
		if err != nil {
			continue // a name without letters
		}
		queries[fmt.Sprint(i)] = q
	}
	return queries
}

func realArticles(tb testing.TB, n int) []*pipeline.Article {
	z, err := zstd.NewReader(corpusFile(tb, "news", "news-47k.jsonl.zst"))
	if err != nil {
		tb.Fatal(err)
	}
	defer z.Close()
	lines := bufio.NewScanner(z)
	lines.Buffer(nil, 16<<20)
	var as []*pipeline.Article
	for len(as) < n && lines.Scan() {
		var line struct{ Title, Body, Lang, Source string }
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			tb.Fatal(err)
		}
		as = append(as, &pipeline.Article{Title: line.Title, Text: line.Body, Lang: line.Lang, Source: line.Source})
	}
	return as
}

// BenchmarkRealWatches tries 10,000 watches of real names on real articles,
// their analysis included.
func BenchmarkRealWatches(b *testing.B) {
	set := NewSet(realWatches(b))
	articles := realArticles(b, 2000)
	b.ReportAllocs()
	hits, bytes := 0, 0
	for i := 0; b.Loop(); i++ {
		a := articles[i%len(articles)]
		bytes += len(a.Text)
		hits += len(set.Match(NewDoc(a)))
	}
	b.ReportMetric(float64(hits)/float64(b.N), "hits/op")
	b.ReportMetric(float64(bytes)/float64(b.N), "bytes/op")
}

// TestRealWatches holds the set to each query on real articles.
func TestRealWatches(t *testing.T) {
	queries := realWatches(t)
	set := NewSet(queries)
	for _, a := range realArticles(t, 40) {
		d := NewDoc(a)
		got := set.Match(d)
		byID := make(map[string]bool)
		for _, h := range got {
			byID[h.ID] = true
			checkSpans(t, d, h.Spans)
		}
		for id, q := range queries {
			if _, ok := q.Match(d); ok != byID[id] {
				t.Errorf("%q on %q: alone %v, in the set %v", q.Text, a.Title, ok, byID[id])
			}
		}
	}
}
