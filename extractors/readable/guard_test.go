package readable

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/newswatch/newswatch/extractors/readable/readabletest"
)

// A page whose elements are never closed is read up to what can be paid for.
func TestAffordable(t *testing.T) {
	var page strings.Builder
	page.WriteString("<!doctype html><html><body>" + article(sentences...))
	for i := range 400 {
		page.WriteString("<p><font color=" + strings.Repeat("x", 1+i) + ">")
	}
	page.WriteString(strings.Repeat("<p>x", 500_000))
	got, err := Extract([]byte(page.String()), Options{URL: "https://example.org/a"})
	if err != nil && !errors.Is(err, ErrTooDeep) {
		t.Fatal(err)
	}
	if err == nil && !slices.Contains(got.Notes, NoteTooMany) {
		t.Errorf("notes = %v, want %s", got.Notes, NoteTooMany)
	}
	for _, whole := range []string{
		"", "<", "a < b", "<p>text</p>", "<p><b>bold</b></p>", strings.Repeat("<p><b>bold</b> <i>it</i>", 50_000), strings.Repeat("<p><b>bold", 100_000),
	} {
		if got := affordable([]byte(whole)); string(got) != whole {
			t.Errorf("%.40q: %d of %d bytes", whole, len(got), len(whole))
		}
	}
}

// No real page is cut.
func TestAffordablePages(t *testing.T) {
	eachPage(t, goldPages(t), func(p readabletest.Page, body []byte) {
		if got := affordable(body); len(got) < len(body) {
			t.Errorf("%s: %d of %d bytes", p.Path, len(got), len(body))
		}
	})
}

func BenchmarkAffordable(b *testing.B) {
	for _, p := range goldPages(b) {
		if p.Set == "scrapinghub" {
			body, err := os.ReadFile(p.Path)
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(len(body)))
			for b.Loop() {
				affordable(body)
			}
			return
		}
	}
}
