package readable

import (
	"flag"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"github.com/newswatch/newswatch/extractors/readable/readabletest"
	"github.com/newswatch/newswatch/pipeline/corpora"
)

var (
	update = flag.Bool("update", false, "write the golden table anew")
	all    = flag.Bool("all", false, "measure every page, print the table, compare nothing")
)

func goldPages(t testing.TB) []readabletest.Page {
	t.Helper()
	pages, err := readabletest.Pages(corpora.Folder(t))
	if err != nil {
		t.Fatal(err)
	}
	return pages
}

// TestQuality measures the extraction on a sample of the pages with ground
// truth and compares with the committed table: a change that moves it shows.
func TestQuality(t *testing.T) {
	pages := goldPages(t)
	if !*all {
		pages = sample(pages, 16)
	}
	scores := make(map[string]*readabletest.Score)
	var mu sync.Mutex
	eachPage(t, pages, func(p readabletest.Page, body []byte) {
		got, err := Extract(body, Options{URL: p.URL})
		mu.Lock()
		defer mu.Unlock()
		s := scores[p.Set]
		if s == nil {
			s = new(readabletest.Score)
			scores[p.Set] = s
		}
		s.Add(p, readabletest.Got{Text: got.Text, Title: got.Title, Author: got.Author, Published: got.Published}, err)
		detail(t, p, got, err)
		if !utf8.ValidString(got.Text) || utf8.Valid(body) && (got.Charset != "utf-8" || strings.Contains(got.Text, "\uFFFD") && !strings.Contains(string(body), "\uFFFD")) && err == nil {
			t.Errorf("%s: damaged: charset %q", p.Path, got.Charset)
		}
	})
	if *all {
		t.Logf("\n%s", table(scores))
		return
	}
	golden(t, "quality.golden", table(scores))
}

// sample takes at most n pages of each set, evenly spread.
func sample(pages []readabletest.Page, n int) []readabletest.Page {
	bySet := make(map[string][]readabletest.Page)
	for _, p := range pages {
		bySet[p.Set] = append(bySet[p.Set], p)
	}
	var out []readabletest.Page
	for _, set := range bySet {
		for i := range min(n, len(set)) {
			out = append(out, set[i*len(set)/min(n, len(set))])
		}
	}
	return out
}

// detail logs what is wrong with a page.
func detail(t *testing.T, p readabletest.Page, got Page, err error) {
	if err != nil {
		t.Logf("%s: %v", p.Path, err)
	}
	if !*all {
		return
	}
	if p.Body != "" {
		if pr, re, _ := p.Score(got.Text); pr < .5 || re < .5 {
			t.Logf("TEXT %s P %.2f R %.2f %s %v\n want %.200q\n got  %.200q", p.Path, pr, re, got.Method, got.Notes, p.Body, got.Text)
		}
	}
	if p.Title != "" && !p.TitleRight(got.Title) {
		t.Logf("TITLE %s\n want %q\n got  %q", p.Path, p.Title, got.Title)
	}
	if len(p.Date) >= 10 && !p.DateRight(got.Published) {
		t.Logf("DATE %s want %s got %s", p.Path, p.Date, got.Published)
	}
}

func table(scores map[string]*readabletest.Score) string {
	sets := make([]string, 0, len(scores))
	for set := range scores {
		sets = append(sets, set)
	}
	slices.Sort(sets)
	var b strings.Builder
	b.WriteString("set                  pages failed |    P     R    F1   same |  seg P     R    F1 | title author  date\n")
	for _, set := range sets {
		s := scores[set]
		fmt.Fprintf(&b, "%-20s %5d %6d |", set, s.Pages, s.Failed)
		if s.Bodies > 0 {
			p, r, f, same := s.Text()
			fmt.Fprintf(&b, " %.3f %.3f %.3f  %.3f |", p, r, f, same)
		} else {
			b.WriteString("     -     -     -      - |")
		}
		if s.Must > 0 {
			p, r, f := s.Segments()
			fmt.Fprintf(&b, "  %.3f %.3f %.3f |", p, r, f)
		} else {
			b.WriteString("      -     -     - |")
		}
		fmt.Fprintf(&b, " %s  %s %s\n", readabletest.Share(s.TitlesRight, s.Titles), readabletest.Share(s.AuthorsRight, s.Authors), readabletest.Share(s.DatesRight, s.Dates))
	}
	return b.String()
}
