package readable

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/newswatch/newswatch/extractors/readable/readabletest"
	"github.com/newswatch/newswatch/pipeline/corpora"
)

// TestRealPageFacts holds what pages of news sites in many languages say of
// themselves beside their articles against what a reader of their source finds
// there, in testdata/facts.json.
func TestRealPageFacts(t *testing.T) {
	type facts struct {
		Page      string // below articles/html
		Canonical string // "=" is the page's own address
		AMP       string
		Image     string // a part of its address that no other of the page has
		Section   string
		Modified  string // UTC
		Lang      string
		Paywall   bool
	}
	data, err := os.ReadFile(filepath.Join("testdata", "facts.json"))
	if err != nil {
		t.Fatal(err)
	}
	var want []facts
	if err := json.Unmarshal(data, &want); err != nil {
		t.Fatal(err)
	}
	if len(want) < 40 {
		t.Fatalf("%d pages, want 40 or more", len(want))
	}
	known := make(map[string]readabletest.Page)
	for _, p := range goldPages(t) {
		known[p.Path] = p
	}
	for _, w := range want {
		p, ok := known[filepath.Join(corpora.Folder(t), "articles", "html", w.Page)]
		if !ok {
			t.Errorf("%s: no such page", w.Page)
			continue
		}
		body, err := os.ReadFile(p.Path)
		if err != nil {
			t.Fatal(err)
		}
		got, err := Extract(body, Options{URL: p.URL, Now: metaNow})
		if err != nil {
			t.Errorf("%s: %v", w.Page, err)
			continue
		}
		g := facts{w.Page, got.Canonical, got.AMP, got.Image, got.Section, "", got.Lang, got.Paywall}
		if got.Canonical == p.URL && p.URL != "" {
			g.Canonical = "="
		}
		if w.Image != "" && strings.Contains(got.Image, w.Image) {
			g.Image = w.Image
		}
		if !got.Modified.IsZero() {
			g.Modified = got.Modified.UTC().Format(time.RFC3339)
		}
		if diff := cmp.Diff(w, g); diff != "" {
			t.Errorf("%s (-want +got):\n%s", w.Page, diff)
		}
	}
}
