package readable

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/newswatch/newswatch/extractors/readable/readabletest"
)

// TestPages measures the extraction on the pages of testdata/pages: Russian
// and Chinese, written by hand after the structure that pages of news sites
// have, with the text they must give beside them. Public sets have few of
// either. The golden table lists each page whose text is not the wanted one,
// token for token, and each title, author and date that is missed.
func TestPages(t *testing.T) {
	var out strings.Builder
	for _, lang := range []string{"ru", "zh"} {
		files, err := filepath.Glob(filepath.Join("testdata", "pages", lang, "*.json"))
		if err != nil {
			t.Fatal(err)
		}
		if len(files) < 40 {
			t.Fatalf("%s: %d pages, want 40 or more", lang, len(files))
		}
		var p, r float64
		var same, titles, authors, authored, dates int
		var misses []string
		for _, file := range files {
			name := strings.TrimSuffix(filepath.Base(file), ".json")
			want := readGold(t, file)
			body, err := os.ReadFile(strings.TrimSuffix(file, ".json") + ".html")
			if err != nil {
				t.Fatal(err)
			}
			got, err := Extract(body, Options{URL: want.URL})
			if err != nil {
				t.Errorf("%s: %v", file, err)
				continue
			}
			precision, recall, identical := readabletest.Compare(want.Text, got.Text)
			if want.Standfirst != "" { // some count it as text, some do not
				p2, r2, i2 := readabletest.Compare(want.Standfirst+"\n\n"+want.Text, got.Text)
				if p2+r2 > precision+recall {
					precision, recall, identical = p2, r2, i2
				}
			}
			p, r = p+precision, r+recall
			if identical {
				same++
			} else {
				misses = append(misses, fmt.Sprintf("%s/%s: text P %.3f R %.3f", lang, name, precision, recall))
			}
			if got.Title == want.Title {
				titles++
			} else {
				misses = append(misses, fmt.Sprintf("%s/%s: title %q, want %q", lang, name, got.Title, want.Title))
			}
			if want.Author != "" {
				authored++
				if got.Author == want.Author {
					authors++
				} else {
					misses = append(misses, fmt.Sprintf("%s/%s: author %q, want %q", lang, name, got.Author, want.Author))
				}
			}
			if date := got.Published.Format("2006-01-02"); date == want.Date {
				dates++
			} else {
				misses = append(misses, fmt.Sprintf("%s/%s: date %s, want %s", lang, name, date, want.Date))
			}
		}
		n := float64(len(files))
		p, r = p/n, r/n
		fmt.Fprintf(&out, "%s: %d pages, text P %.3f R %.3f F1 %.3f, %d the same; titles %d, authors %d of %d, dates %d\n",
			lang, len(files), p, r, 2*p*r/(p+r), same, titles, authors, authored, dates)
		for _, m := range misses {
			fmt.Fprintln(&out, m)
		}
	}
	golden(t, "pages.golden", out.String())
}

// A gold is what a page of testdata/pages must give.
type gold struct{ URL, Title, Author, Date, Lang, Standfirst, Text string }

func readGold(t *testing.T, file string) gold {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var g gold
	if err := json.Unmarshal(data, &g); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return g
}
