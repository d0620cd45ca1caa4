package query

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/newswatch/newswatch/pipeline"
	"github.com/newswatch/newswatch/pipeline/corpora"
)

// realWatches are 10,000 queries of real names: half of them the name, the
// others with something more to it.
func realWatches(tb testing.TB) map[string]*Query {
	queries := make(map[string]*Query)
	for line, err := range corpora.Lines(filepath.Join(corpora.Folder(tb), "entities", "names-p10k.txt.gz")) {
		if err != nil {
			tb.Fatal(err)
		}
		if len(queries) == 10_000 {
			break
		}
		name := `"` + strings.ReplaceAll(string(line), `"`, " ") + `"`
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
	var as []*pipeline.Article
	for a, err := range corpora.News(corpora.Folder(tb)) {
		if err != nil {
			tb.Fatal(err)
		}
		if len(as) == n {
			break
		}
		as = append(as, &pipeline.Article{Title: a.Title, Text: a.Body, Lang: a.Lang, Source: a.Source})
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
