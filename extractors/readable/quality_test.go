package readable

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/newswatch/newswatch/extractors/readable/readabletest"
)

var (
	update = flag.Bool("update", false, "write the golden table anew")
	all    = flag.Bool("all", false, "measure every page, print the table, compare nothing")
)

// corpus is the folder of the test data. Without it the test is skipped,
// except in CI, where its absence is a failure.
func corpus(t testing.TB) string {
	t.Helper()
	dir := os.Getenv("NEWSWATCH_CORPORA")
	if dir == "" {
		if os.Getenv("CI") == "true" {
			t.Fatal("NEWSWATCH_CORPORA is not set")
		}
		t.Skip("NEWSWATCH_CORPORA is not set: no corpora to measure on")
	}
	return dir
}

func goldPages(t testing.TB) []readabletest.Page {
	t.Helper()
	pages, err := readabletest.Pages(corpus(t))
	if err != nil {
		t.Fatal(err)
	}
	return pages
}

// score is what is measured of a set.
type score struct {
	pages, bodies        int
	precision, recall    int64 // sums over the pages, in billionths
	identical            int
	tp, fp, w            int
	titles, titlesRight  int
	authors, authorsSome int
	dates, datesRight    int
	failed               int
}

// TestQuality measures the extraction on a sample of the pages with ground
// truth and compares with the committed table: a change that moves it shows.
func TestQuality(t *testing.T) {
	pages := goldPages(t)
	if !*all {
		pages = sample(pages, 16)
	}
	scores := make(map[string]*score)
	var mu sync.Mutex
	var wg sync.WaitGroup
	var next atomic.Int64
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= len(pages) {
					return
				}
				p := pages[i]
				body, err := os.ReadFile(p.Path)
				if err != nil {
					t.Error(err)
					return
				}
				got, err := Extract(body, Options{URL: p.URL})
				mu.Lock()
				s := scores[p.Set]
				if s == nil {
					s = new(score)
					scores[p.Set] = s
				}
				s.add(t, p, got, err)
				mu.Unlock()
				if !utf8.ValidString(got.Text) || utf8.Valid(body) && (got.Charset != "utf-8" || strings.Contains(got.Text, "\uFFFD") && !strings.Contains(string(body), "\uFFFD")) && err == nil {
					t.Errorf("%s: damaged: charset %q", p.Path, got.Charset)
				}
			}
		})
	}
	wg.Wait()
	got := table(scores)
	if *all {
		t.Logf("\n%s", got)
		return
	}
	golden := filepath.Join("testdata", "quality.golden")
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("quality moved; go test -run TestQuality -update if it is meant to (-want +got):\n%s", diff)
	}
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

func (s *score) add(t *testing.T, p readabletest.Page, got Page, err error) {
	s.pages++
	if err != nil {
		s.failed++
		t.Logf("%s: %v", p.Path, err)
	}
	if p.Body != "" {
		s.bodies++
		pr, re, same := readabletest.Compare(p.Body, got.Text)
		s.precision += int64(pr * 1e9) // whole numbers add up the same in any order
		s.recall += int64(re * 1e9)
		if *all && (pr < .5 || re < .5) {
			t.Logf("TEXT %s P %.2f R %.2f %s %v\n want %.200q\n got  %.200q", p.Path, pr, re, got.Method, got.Notes, p.Body, got.Text)
		}
		if same {
			s.identical++
		}
	}
	found, must, wrong := p.Segments(got.Text)
	s.tp, s.w, s.fp = s.tp+found, s.w+must, s.fp+wrong
	if p.Title != "" {
		s.titles++
		if squeeze(p.Title) == squeeze(got.Title) {
			s.titlesRight++
		} else if *all {
			t.Logf("TITLE %s\n want %q\n got  %q", p.Path, p.Title, got.Title)
		}
	}
	if names := p.Authors(); len(names) > 0 {
		s.authors++
		if slices.ContainsFunc(names, func(n string) bool { return strings.Contains(squeeze(got.Author), squeeze(n)) }) {
			s.authorsSome++
		}
	}
	if len(p.Date) >= 10 {
		s.dates++
		if !got.Published.IsZero() && got.Published.Format("2006-01-02") == p.Date[:10] {
			s.datesRight++
		} else if *all {
			t.Logf("DATE %s want %s got %s", p.Path, p.Date, got.Published)
		}
	}
}

func table(scores map[string]*score) string {
	sets := make([]string, 0, len(scores))
	for set := range scores {
		sets = append(sets, set)
	}
	slices.Sort(sets)
	var b strings.Builder
	b.WriteString("set                  pages failed |    P     R    F1   same |  seg P     R    F1 | title author  date\n")
	for _, set := range sets {
		s := scores[set]
		fmt.Fprintf(&b, "%-20s %5d %6d |", set, s.pages, s.failed)
		if s.bodies > 0 {
			p, r := float64(s.precision)/1e9/float64(s.bodies), float64(s.recall)/1e9/float64(s.bodies)
			fmt.Fprintf(&b, " %.3f %.3f %.3f  %.3f |", p, r, 2*p*r/max(p+r, 1e-9), float64(s.identical)/float64(s.bodies))
		} else {
			b.WriteString("     -     -     -      - |")
		}
		if s.w > 0 {
			p, r := float64(s.tp)/max(float64(s.tp+s.fp), 1), float64(s.tp)/float64(s.w)
			fmt.Fprintf(&b, "  %.3f %.3f %.3f |", p, r, 2*p*r/max(p+r, 1e-9))
		} else {
			b.WriteString("      -     -     - |")
		}
		fmt.Fprintf(&b, " %s  %s %s\n", share(s.titlesRight, s.titles), share(s.authorsSome, s.authors), share(s.datesRight, s.dates))
	}
	return b.String()
}

func share(n, of int) string {
	if of == 0 {
		return "    -"
	}
	return fmt.Sprintf("%.3f", float64(n)/float64(of))
}
