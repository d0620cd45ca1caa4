package index

import (
	"bufio"
	"encoding/json"
	"hash/fnv"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/newswatch/newswatch/pipeline"
)

// corpus is the first n articles of the news corpus, published one every
// seventeen minutes, with some entities mentioned, stories and copies.
func corpus(t testing.TB, n int) []pipeline.Article {
	t.Helper()
	dir := os.Getenv("NEWSWATCH_CORPORA")
	if dir == "" {
		if os.Getenv("CI") == "true" {
			t.Fatal("NEWSWATCH_CORPORA is not set")
		}
		t.Skip("NEWSWATCH_CORPORA is not set")
	}
	f, err := os.Open(filepath.Join(dir, "news", "news-47k.jsonl.zst"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	dec, err := zstd.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	defer dec.Close()
	lines := bufio.NewScanner(dec)
	lines.Buffer(nil, 16<<20)
	var as []pipeline.Article
	for len(as) < n && lines.Scan() {
		var line struct{ Title, Body, Lang, Source string }
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			t.Fatal(err)
		}
		i := len(as)
		a := article(i, when.Add(-time.Duration(i)*17*time.Minute), line.Title, line.Body)
		a.Lang, a.Source, a.Country = line.Lang, line.Source, strings.ToUpper(line.Lang)
		a.Mentions = mentionsOf(line.Body)
		if i%7 == 6 {
			a.Story = as[i-6].ID
		}
		if i%11 == 10 {
			a.CopyOf = as[i-10].ID
		}
		as = append(as, a)
	}
	if err := lines.Err(); err != nil || len(as) < n {
		t.Fatalf("%d articles of %d: %v", len(as), n, err)
	}
	return as
}

// mentionsOf finds a few names; every other one of an article is nested.
func mentionsOf(text string) []pipeline.Mention {
	var ms []pipeline.Mention
	for entity, name := range map[string]string{"china": "China", "zhongguo": "中国", "russia": "Росси", "us": "U.S."} {
		if at := strings.Index(text, name); at >= 0 {
			h := fnv.New32()
			h.Write([]byte(entity + text))
			ms = append(ms, pipeline.Mention{
				Entity: entity, Kind: "place", Name: name, Field: pipeline.FieldText,
				Start: at, End: at + len(name), Text: name, Rule: "exact", Confidence: 1, Nested: h.Sum32()%2 == 0,
			})
		}
	}
	return ms
}
