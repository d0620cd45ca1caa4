package feeds

import (
	"bytes"
	"encoding/csv"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mmcdole/gofeed"
)

// corpus is the folder of the corpora; without it the test is skipped, but not
// where everything must run.
func corpus(t testing.TB) string {
	t.Helper()
	dir := os.Getenv("NEWSWATCH_CORPORA")
	if dir != "" {
		return filepath.Join(dir, "feeds")
	}
	if os.Getenv("CI") == "true" {
		t.Fatal("NEWSWATCH_CORPORA is not set, and CI needs the corpora")
	}
	t.Skip("NEWSWATCH_CORPORA is not set: no corpus to test against")
	return ""
}

type corpusFile struct {
	name  string // within feeds/
	real  bool
	body  []byte
	lang  string
	items string
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
		out = append(out, corpusFile{name: name, real: set == "real", body: body, lang: row[5], items: row[7]})
	}
	return out
}

var corpusNow = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

func parseAlone(b []byte) (*gofeed.Feed, error) {
	return gofeed.NewParser().Parse(bytes.NewReader(b))
}
