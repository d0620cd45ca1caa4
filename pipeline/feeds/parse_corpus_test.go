package feeds

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mmcdole/gofeed"

	"github.com/newswatch/newswatch/pipeline"
	"github.com/newswatch/newswatch/pipeline/corpora"
)

// corpus is the folder of the feeds among the corpora.
func corpus(t testing.TB) string {
	t.Helper()
	return filepath.Join(corpora.Folder(t), "feeds")
}

type corpusFile struct {
	name   string // within feeds/
	real   bool
	body   []byte
	format string
	enc    string
}

func corpusFiles(t testing.TB, sets ...string) []corpusFile {
	t.Helper()
	dir := corpus(t)
	f, err := os.Open(filepath.Join(dir, "MANIFEST.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	r := csv.NewReader(f)
	r.Comma, r.LazyQuotes = '\t', true
	rows, err := r.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var out []corpusFile
	for _, row := range rows[1:] {
		name := strings.TrimPrefix(row[0], "feeds/")
		set, _, _ := strings.Cut(name, "/")
		if !slices.Contains(sets, set) {
			continue
		}
		body, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, corpusFile{name: name, real: set == "real", body: body, format: row[3], enc: row[4]})
	}
	return out
}

var corpusNow = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

func parseAlone(b []byte) (*gofeed.Feed, error) {
	p := gofeed.NewParser()
	p.RSSTranslator = &gofeed.DefaultRSSTranslator{DisableContentImageScan: true} // half the time
	return p.Parse(bytes.NewReader(b))
}

// Every item that gofeed alone finds in any file is found, and every file that
// it fails on is listed with what became of it.
func TestCorpus(t *testing.T) {
	t.Parallel()
	var table strings.Builder
	fmt.Fprintf(&table, "# Files of the corpora that gofeed alone does not parse, or Parse does not; and what Parse made of them.\n")
	fmt.Fprintf(&table, "# file\tgofeed\tours\n")
	var alone, ours, items int
	files := corpusFiles(t, "real", "conformance")
	slices.SortFunc(files, func(x, y corpusFile) int { return strings.Compare(x.name, y.name) })
	for _, f := range files {
		g, gerr := parseAlone(f.body)
		p, err := Parse(f.body, "https://example.com/dir/feed.xml", "", ParseOptions{Now: corpusNow})
		if gerr == nil {
			alone++
		}
		if err == nil {
			ours++
			items += len(p.Items)
			checkItems(t, f.name, p)
		}
		if gerr != nil || err != nil {
			fmt.Fprintf(&table, "%s\t%s\t%s\n", f.name, oneLine(gerr), outcome(p, err))
		}
		if gerr != nil {
			continue
		}
		if err != nil {
			if countItems([]*gofeed.Feed{g}) > 0 {
				t.Errorf("%s: gofeed alone finds %d items, Parse fails: %v", f.name, len(g.Items), err)
			}
			continue
		}
		for _, lost := range missing(g, p) {
			t.Errorf("%s: lost the item %s", f.name, lost)
		}
	}
	fmt.Fprintf(&table, "# %d files: gofeed alone parses %d, Parse %d, with %d items\n", len(files), alone, ours, items)
	golden(t, "corpus.golden", table.String())
}

func oneLine(err error) string {
	if err == nil {
		return "ok"
	}
	return strings.Join(strings.Fields(err.Error()), " ")
}

func outcome(p *Parsed, err error) string {
	if err != nil {
		return strings.TrimSuffix(oneLine(err), ": https://example.com/dir/feed.xml")
	}
	return fmt.Sprintf("%d items, %d lost, %s, %s %v", len(p.Items), p.Lost, p.Format, p.Charset, p.Repairs)
}

// missing is the items of gofeed that no item of ours stands for: one with its
// identifier and title, or the article that its link leads to.
func missing(g *gofeed.Feed, p *Parsed) (lost []string) {
	if len(g.Items) > MaxItems {
		g.Items = g.Items[:MaxItems]
	}
	have := make(map[string]bool)
	for i := range p.Items {
		it := &p.Items[i]
		have["guid "+it.GUID+" "+it.Title] = true
		have["url "+it.URL] = true
		have["title "+it.Title] = true
	}
	for _, gi := range g.Items {
		title := clip(titleText(gi.Title), maxTitle)
		u, ok := pipeline.CanonicalURL(gi.Link)
		byGUID, okGUID := pipeline.CanonicalURL(gi.GUID) // a permalink
		switch {
		case !hasSubstance(gi):
		case have["guid "+strings.TrimSpace(gi.GUID)+" "+title], gi.GUID == "" && title != "" && have["title "+title], ok && have["url "+u], okGUID && have["url "+byGUID]:
		case gi.Title == "" && len(p.Items) >= len(g.Items): // untitled, its title taken from elsewhere
		default:
			lost = append(lost, fmt.Sprintf("guid %q link %q title %q", gi.GUID, gi.Link, gi.Title))
		}
	}
	return lost
}

// checkItems holds what is promised of every item.
func checkItems(t *testing.T, name string, p *Parsed) {
	t.Helper()
	keys := make(map[string]bool)
	for i := range p.Items {
		it := &p.Items[i]
		if keys[it.Key] {
			t.Errorf("%s: key %s twice", name, it.Key)
		}
		keys[it.Key] = true
		if len(it.Key) != 16 || len(it.Content) != 8 {
			t.Errorf("%s: item not identified: %q %q", name, it.Key, it.Content)
		}
		if it.URL != "" && !isWeb(it.URL) || it.Link != "" && !isWeb(it.Link) {
			t.Errorf("%s: link not absolute: %q %q", name, it.URL, it.Link)
		}
		if it.Published.IsZero() || it.PublishedFrom == "" || it.Published.After(corpusNow.Add(futureSlack)) {
			t.Errorf("%s: published %v (%s)", name, it.Published, it.PublishedFrom)
		}
		for _, s := range []string{it.Title, it.Summary, it.Author, it.HTML} {
			if strings.ToValidUTF8(s, "") != s || strings.ContainsRune(s, 0) {
				t.Errorf("%s: damaged text %.60q", name, s)
			}
		}
	}
	if len(p.Items) > MaxItems {
		t.Errorf("%s: %d items", name, len(p.Items))
	}
}

// Where gofeed reads a date, Parse reads the same, but for the zones that
// gofeed takes for UTC and for dates without one.
func TestDatesAgreeWithGofeed(t *testing.T) {
	t.Parallel()
	var same, own int
	for _, f := range corpusFiles(t, "real") {
		g, err := parseAlone(f.body)
		if err != nil {
			continue
		}
		for _, gi := range g.Items {
			if gi.PublishedParsed == nil {
				continue
			}
			got, zoned, ok := parseDate(gi.Published, "", 0)
			switch {
			case !ok:
				own++
			case !got.Equal(*gi.PublishedParsed) && got.Truncate(time.Second) != gi.PublishedParsed.UTC().Truncate(time.Second) && zoned:
				if !slices.Contains([]string{"MSK", "KST", "JST", "HKT"}, gi.Published[max(0, len(gi.Published)-3):]) {
					t.Errorf("%s: %q: got %v, gofeed %v", f.name, gi.Published, got, gi.PublishedParsed)
				}
			default:
				same++
			}
		}
	}
	t.Logf("%d dates the same, %d left to gofeed", same, own)
	if same < 10_000 || own*50 > same {
		t.Errorf("%d dates the same and %d left to gofeed: the own pass hardly works", same, own)
	}
}
