package readable

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/newswatch/newswatch/extractors/readable/readabletest"
)

// metaNow bounds the dates of the pages that are measured.
var metaNow = time.Date(2026, 11, 25, 0, 0, 0, 0, time.UTC)

// metaScore counts what the metadata of a set's pages came to.
type metaScore struct {
	titles, titlesExact, titlesLoose int
	authors, authorsSome             int
	nameless, namelessRight          int // pages of which it is known that they name no author
	dates, datesRight                int
}

func (s *metaScore) add(p readabletest.Page, got Page) {
	if p.Title != "" {
		s.titles++
		if strings.Join(strings.Fields(p.Title), " ") == strings.Join(strings.Fields(got.Title), " ") {
			s.titlesExact++
		}
		if squeeze(p.Title) == squeeze(got.Title) {
			s.titlesLoose++
		}
	}
	if names := p.Authors(); len(names) > 0 {
		s.authors++
		if slices.ContainsFunc(names, func(n string) bool { return strings.Contains(squeeze(got.Author), squeeze(n)) }) {
			s.authorsSome++
		}
	} else if p.Title != "" && (p.Set == "trafilatura" || p.Set == "wcxb-dev") { // the sets that say so
		s.nameless++
		if got.Author == "" {
			s.namelessRight++
		}
	}
	if len(p.Date) >= 10 {
		s.dates++
		if !got.Published.IsZero() && got.Published.Format(time.DateOnly) == p.Date[:10] {
			s.datesRight++
		}
	}
}

// TestMetadataQuality measures the metadata of every page with ground truth and
// compares with the committed table: a change that moves it shows.
func TestMetadataQuality(t *testing.T) {
	pages := goldPages(t)
	scores := make(map[string]*metaScore)
	var mu sync.Mutex
	eachPage(t, pages, func(p readabletest.Page, body []byte) {
		var got Page
		text, _ := Decode(body, "")
		if root, err := parse(bytes.NewReader(text)); err != nil {
			t.Logf("%s: %v", p.Path, err)
		} else {
			gather(root, p.URL).describe(&got, root, Options{URL: p.URL, Now: metaNow})
		}
		mu.Lock()
		defer mu.Unlock()
		s := scores[p.Set]
		if s == nil {
			s = new(metaScore)
			scores[p.Set] = s
		}
		s.add(p, got)
	})
	golden(t, "metadata.golden", metaTable(scores))
}

func metaTable(scores map[string]*metaScore) string {
	var sets []string
	for set, s := range scores {
		if s.titles+s.authors+s.dates > 0 {
			sets = append(sets, set)
		}
	}
	slices.Sort(sets)
	var b strings.Builder
	b.WriteString("set                 titles exact loose | authors  some | nameless right | dates exact\n")
	for _, set := range sets {
		s := scores[set]
		fmt.Fprintf(&b, "%-20s %5d %s %s | %7d %s | %8d %s | %5d %s\n", set, s.titles, share(s.titlesExact, s.titles), share(s.titlesLoose, s.titles),
			s.authors, share(s.authorsSome, s.authors), s.nameless, share(s.namelessRight, s.nameless), s.dates, share(s.datesRight, s.dates))
	}
	return b.String()
}

// BenchmarkMetadata is what the one walk and the choices cost of a page whose
// tree stands, beside parsing it.
func BenchmarkMetadata(b *testing.B) {
	pages := sample(slices.DeleteFunc(goldPages(b), func(p readabletest.Page) bool { return p.Set != "fundus" }), 32)
	var roots []*html.Node
	var size int
	for _, p := range pages {
		body, err := os.ReadFile(p.Path)
		if err != nil {
			b.Fatal(err)
		}
		root, err := parse(bytes.NewReader(body))
		if err != nil {
			b.Fatal(err)
		}
		roots, size = append(roots, root), size+len(body)
	}
	b.SetBytes(int64(size / len(pages)))
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		n := i % len(pages)
		var p Page
		gather(roots[n], pages[n].URL).describe(&p, roots[n], Options{URL: pages[n].URL, Now: metaNow})
	}
}

func TestHints(t *testing.T) {
	tests := []struct {
		class string
		want  hint
	}{
		{"", 0},
		{"article-date", dateWord},
		{"articlePublishedAt", dateWord | publishedWord},
		{"c-byline__author vcard", authorWord},
		{"related-posts", offside},
		{"post-updated", dateWord | modifiedWord},
		{"update", dateWord | modifiedWord},
		{"candidate mandate", 0},
		{"PubDate", dateWord},
		{"submitted", infoWord | authorWord},
		{"\xff-date", dateWord},
	}
	g := &gathered{words: make(map[string]hint)}
	for _, tt := range tests {
		for range 2 { // the second time it is remembered
			if got := g.hints(tt.class); got != tt.want {
				t.Errorf("hints(%q) = %b, want %b", tt.class, got, tt.want)
			}
		}
	}
}

func TestPaywall(t *testing.T) {
	ld := func(v string) string {
		return `<script type="application/ld+json">{"@type":"NewsArticle","isAccessibleForFree":` + v + `}</script>`
	}
	tests := []struct {
		html string
		want bool
	}{
		{`<p>free`, false},
		{ld(`false`), true},
		{ld(`"False"`), true},
		{ld(`"http://schema.org/False"`), true},
		{ld(`true`), false},
		{`<meta property="article:content_tier" content="locked">`, true},
		{`<meta property="article:content_tier" content="metered">`, true},
		{`<meta property="article:content_tier" content="free">`, false},
		{`<meta name="isAccessibleForFree" content="false">`, true},
		{`<meta name="isAccessibleForFree" content="true">`, false},
		{`<div class="paywall">a template has it on every page</div>`, false},
	}
	for _, tt := range tests {
		p, err := Extract([]byte("<!doctype html><html>"+tt.html+"</html>"), Options{})
		if err != nil {
			t.Fatal(err)
		}
		if p.Paywall != tt.want || slices.Contains(p.Notes, NotePaywall) != tt.want {
			t.Errorf("%s: got %v, notes %v, want %v", tt.html, p.Paywall, p.Notes, tt.want)
		}
	}
}

func TestAuthor(t *testing.T) {
	tests := []struct{ name, html, want string }{
		{"told by @id", `<script type="application/ld+json">{"@graph":[{"@type":"NewsArticle","author":{"@id":"#li"}},{"@type":"Person","@id":"#li","name":"Li Na"}]}</script>`, "Li Na"},
		{"told by @id before it", `<script type="application/ld+json">{"@graph":[{"@type":"Person","@id":"#li","name":"Li Na"},{"@type":"NewsArticle","author":[{"@id":"#li"},{"name":"Wang Fang"}]}]}</script>`, "Wang Fang, Li Na"},
		{"an @id that leads nowhere", `<script type="application/ld+json">{"@type":"NewsArticle","author":{"@id":"#none"}}</script>`, ""},
		{"a reading time is no name", `<meta name="twitter:data1" content="5 minutes">`, ""},
		{"nobody", `<meta name="author" content="admin"><p>By Li Na</p>`, "Li Na"},
		{"the key of a template", `<meta name="author" content="page.head.extra.author">`, ""},
		{"a line", `<h1>Huawei opens a plant</h1><p>By Li Na and Wang Fang</p>`, "Li Na, Wang Fang"},
		{"Chinese", `<h1>华为</h1><p>来源：乌镇日报 作者：王丽</p>`, "王丽"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, err := Extract([]byte("<!doctype html><html><body>"+tt.html+"</body></html>"), Options{})
			if err != nil {
				t.Fatal(err)
			}
			if p.Author != tt.want {
				t.Errorf("got %q, want %q", p.Author, tt.want)
			}
		})
	}
}

func TestArticleNumberDate(t *testing.T) {
	tests := []struct{ address, want string }{
		{"https://example.com/news/A2026012914320005196", "2026-01-29"},
		{"https://example.com/news/20260129143200.html", "2026-01-29"},
		{"https://web.archive.example/web/20130307194448/example.com/post", ""},
		{"https://example.com/news/A2026992914320005196", ""},
	}
	for _, tt := range tests {
		got := ""
		if st, ok := addressDate(tt.address); ok {
			got = st.t.Format(time.DateOnly)
		}
		if got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.address, got, tt.want)
		}
	}
}

func share(n, of int) string {
	if of == 0 {
		return "    -"
	}
	return fmt.Sprintf("%.3f", float64(n)/float64(of))
}
