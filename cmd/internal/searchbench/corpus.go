package searchbench

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/newswatch/newswatch/pipeline"
	"github.com/newswatch/newswatch/pipeline/corpora"
)

// textBytes is the least a made article's text has: what a news page has on
// average, measured over the corpus (2.15 kB a document with its title).
const textBytes = 2048

// Span is the time the articles are spread over: so that a million of them is
// some 900 a day, as a desk with a thousand feeds sees.
const Span = 36 * 30 * 24 * time.Hour

// Now is when the newest article is published.
var Now = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)

// A Corpus makes articles of the titles and paragraphs of real ones: the nth
// article is the same each time.
type Corpus struct {
	langs []language
	total int // articles read
}

type language struct {
	name       string
	share      int // of total
	titles     []string
	paragraphs []string
}

// Open reads the news corpus in the folder.
func Open(dir string) (*Corpus, error) {
	c := new(Corpus)
	byLang := make(map[string]*language)
	for line, err := range corpora.News(dir) {
		if err != nil {
			return nil, err
		}
		l := byLang[line.Lang]
		if l == nil {
			l = &language{name: line.Lang}
			byLang[line.Lang] = l
		}
		c.total++
		l.share++
		if line.Title != "" {
			l.titles = append(l.titles, line.Title)
		}
		for p := range strings.SplitSeq(line.Body, "\n") {
			if p = strings.TrimSpace(p); len(p) >= 40 {
				l.paragraphs = append(l.paragraphs, p)
			}
		}
	}
	for _, name := range []string{"en", "zh", "ru"} {
		if l := byLang[name]; l != nil && len(l.titles) > 0 && len(l.paragraphs) > 0 {
			c.langs = append(c.langs, *l)
		}
	}
	if len(c.langs) == 0 {
		return nil, fmt.Errorf("%s: no articles", dir)
	}
	return c, nil
}

// How articles are labelled: numbers of a desk, the frequent ones far more
// frequent than the rest.
const (
	sources  = 300
	entities = 2000
)

// Article is the ith of n articles, the oldest first.
func (c *Corpus) Article(i, n int) pipeline.Article {
	rng := rand.New(rand.NewPCG(7, uint64(i)))
	pick := rng.IntN(c.total)
	l := &c.langs[len(c.langs)-1]
	for j := range c.langs {
		if pick -= c.langs[j].share; pick < 0 {
			l = &c.langs[j]
			break
		}
	}
	var text strings.Builder
	for text.Len() < textBytes {
		if text.Len() > 0 {
			text.WriteString("\n\n")
		}
		text.WriteString(l.paragraphs[rng.IntN(len(l.paragraphs))])
	}
	published := publishedAt(i, n)
	source := few(rng, sources)
	url := address(i)
	key := pipeline.Key(url)
	a := pipeline.Article{
		ID: articleID(i, n), Key: key, Revision: 1, URL: url,
		Title: l.titles[rng.IntN(len(l.titles))], Text: text.String(), Lang: l.name,
		Source: fmt.Sprintf("source%d", source), Country: []string{"US", "CN", "RU", "GB", "DE", "KZ", "IN"}[source%7],
		Tags:      []string{[]string{"daily", "agency", "business", "tech"}[source%4]},
		Published: published, PublishedFrom: pipeline.DateFromFeed, FirstSeen: published.Add(time.Minute), Method: "item",
	}
	for range rng.IntN(5) {
		e := few(rng, entities)
		at := min(rng.IntN(len(a.Text)), len(a.Text)-1)
		a.Mentions = append(a.Mentions, pipeline.Mention{
			Entity: fmt.Sprintf("entity%d", e), Kind: []string{"organization", "person", "place"}[e%3], Name: "name",
			Field: pipeline.FieldText, Start: at, End: at + 1, Text: a.Text[at : at+1], Rule: "exact", Confidence: 1,
		})
	}
	a.Story = a.ID
	if i > 100 && rng.IntN(3) == 0 { // goes on with a story of the last hundred
		first := articleID(i-1-rng.IntN(99), n)
		a.Story = first
		if rng.IntN(3) == 0 {
			a.CopyOf = first
		}
	}
	return a
}

func address(i int) string { return fmt.Sprintf("https://www.site%d.example/article/%d", i%1000, i) }

func publishedAt(i, n int) time.Time {
	return Now.Add(-time.Duration(n-i) * (Span / time.Duration(n))).Truncate(time.Second)
}

func articleID(i, n int) string {
	at := publishedAt(i, n)
	return pipeline.NewID(at, at.Add(time.Minute), pipeline.Key(address(i)))
}

// few is a number below n, small ones far more often (Zipf's law).
func few(rng *rand.Rand, n int) int {
	return int(rand.NewZipf(rng, 1.2, 4, uint64(n-1)).Uint64())
}
