package extractors

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/newswatch/newswatch/pipeline"
	"github.com/newswatch/newswatch/pipeline/catalog"
)

// keeperOf notes what it is handed.
type keeperOf map[string]Raw

func (k keeperOf) Keep(it pipeline.Item, page Raw) { k[it.Key] = page }

// What was kept can be read again by other rules, though the article is known,
// and nobody is asked for the page.
func TestReread(t *testing.T) {
	known := make(map[string]pipeline.Article)
	r := newRig(t, Config{}, known, served(paged()))
	kept := make(keeperOf)
	r.KeepPages(kept)
	it := item(nil)
	first := r.handle(t, it)
	known[it.Key] = first
	if again := r.handle(t, it); again.Text != first.Text || r.fetched != 1 {
		t.Fatalf("a known article: fetched %d times", r.fetched)
	}

	again, err := r.Reread(t.Context(), it, kept[it.Key])
	if err != nil {
		t.Fatal(err)
	}
	want := first
	want.Quiet, want.Reread = true, true
	if diff := cmp.Diff(want, again); diff != "" {
		t.Errorf("by the same rules (-first +again):\n%s", diff)
	}

	r.SetSources([]catalog.Source{{ID: "post", Extract: &catalog.ExtractRules{Body: "p:nth-of-type(2)"}}})
	again, err = r.Reread(t.Context(), it, kept[it.Key])
	if err != nil || again.Text != paragraphs[1] || again.Content == first.Content || again.Key != first.Key {
		t.Errorf("by other rules: %q, %v", again.Text, err)
	}
	if r.fetched != 1 {
		t.Errorf("fetched %d times, want once", r.fetched)
	}
}

// A page that could not be fetched is not kept.
func TestKeepsNoFailures(t *testing.T) {
	r := newRig(t, Config{}, nil, func(context.Context, pipeline.Item) (Raw, error) {
		return Raw{Body: []byte("half")}, &PageError{Reason: "http_404"}
	})
	kept := make(keeperOf)
	r.KeepPages(kept)
	r.handle(t, item(nil))
	if len(kept) != 0 {
		t.Errorf("kept %v", kept)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range cap(r.reading) { // no room: it must wait, and may not for ever
		r.reading <- struct{}{}
	}
	if _, err := r.Reread(ctx, item(nil), Raw{Body: []byte(strings.Repeat("<p>x</p>", 10))}); !errors.Is(err, context.Canceled) {
		t.Errorf("after the end: %v", err)
	}
}
