package index

import (
	"hash/fnv"
	"strings"
	"testing"
	"time"

	"github.com/newswatch/newswatch/pipeline"
	"github.com/newswatch/newswatch/pipeline/corpora"
)

// news calls fn with the articles of the news corpus until it says false.
func news(t testing.TB, fn func(line corpora.Article) bool) {
	t.Helper()
	for line, err := range corpora.News(corpora.Folder(t)) {
		if err != nil {
			t.Fatal(err)
		}
		if !fn(line) {
			return
		}
	}
}

// newsArticle is the line as the ith article, one every seventeen minutes back
// from when.
func newsArticle(i int, line corpora.Article) pipeline.Article {
	a := article(i, when.Add(-time.Duration(i)*17*time.Minute), line.Title, line.Body)
	a.Lang, a.Source, a.Country = line.Lang, line.Source, strings.ToUpper(line.Lang)
	return a
}

// corpus is the first n articles of the news corpus, with some entities
// mentioned, stories and copies.
func corpus(t testing.TB, n int) []pipeline.Article {
	t.Helper()
	var as []pipeline.Article
	news(t, func(line corpora.Article) bool {
		i := len(as)
		a := newsArticle(i, line)
		a.Mentions = mentionsOf(line.Body)
		if i%7 == 6 {
			a.Story = as[i-6].ID
		}
		if i%11 == 10 {
			a.CopyOf = as[i-10].ID
		}
		as = append(as, a)
		return len(as) < n
	})
	if len(as) < n {
		t.Fatalf("%d articles of %d", len(as), n)
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
