package readable

import (
	"slices"
	"strings"
	"testing"
	"time"

	textblocks "github.com/newswatch/newswatch/extractors/readable/internal/content"
)

func TestRulesValidate(t *testing.T) {
	tests := []struct {
		rules Rules
		want  string // in the error
	}{
		{Rules{}, ""},
		{Rules{Body: "div.story > p, div.more p", Drop: []string{".ad", "aside"}}, ""},
		{Rules{Body: "div..story"}, `body: selector "div..story"`},
		{Rules{Date: "time["}, `date: selector "time["`},
		{Rules{Drop: []string{".ad", "p:nope"}}, `drop[1]: selector "p:nope"`},
	}
	for _, tt := range tests {
		err := tt.rules.Validate()
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%+v: error = %v, want %q", tt.rules, err, tt.want)
		}
	}
}

func TestExtractByRules(t *testing.T) {
	const page = `<html><head><title>Site</title></head><body><h2 class="head">A <b>deal</b></h2>
		<span class="who">By Wang Li</span><time datetime="2015-12-16T09:30:00Z">long ago</time>
		<div class="story">One.<div class="ad">Buy.</div></div><div class="rest"><div class="story">Two, <a href="/x">linked</a>.<div class="story">Three.</div></div></div>
		<div class="other">` + "Much more text that isn't the article at all, however long it may be, and it is rather long. " + `</div></body></html>`
	got, err := Extract([]byte(page), Options{Rules: &Rules{Body: ".story", Title: ".head", Date: "time", Author: ".who", Drop: []string{".ad"}}})
	if err != nil {
		t.Fatal(err)
	}
	if want := "One.\n\nTwo, linked.\n\nThree."; got.Text != want || got.Method != MethodRules {
		t.Errorf("text = %q by %s, want %q", got.Text, got.Method, want)
	}
	if got.Title != "A deal" || got.Author != "Wang Li" || !got.Published.Equal(time.Date(2015, 12, 16, 9, 30, 0, 0, time.UTC)) {
		t.Errorf("title %q, author %q, published %v", got.Title, got.Author, got.Published)
	}
	if slices.Contains(got.Notes, NoteRules) {
		t.Errorf("notes = %v", got.Notes)
	}

	got, err = Extract([]byte(page), Options{Rules: &Rules{Body: ".gone"}})
	if err != nil || !slices.Contains(got.Notes, NoteRules) || got.Text == "" {
		t.Errorf("a rule that selects nothing: %q %v %v", got.Text, got.Notes, err)
	}
	if _, err := Extract([]byte(page), Options{Rules: &Rules{Title: "["}}); err == nil {
		t.Error("a selector that is none: no error")
	}
}

func TestKnownBlocksAreLeftOut(t *testing.T) {
	page := []byte("<html><body><article>" + article(append(sentences, "Follow us on every network there is, and on those that are still to come, for more of this.")...) + "</article></body></html>")
	got, err := Extract(page, Options{})
	if err != nil {
		t.Fatal(err)
	}
	known := textblocks.Digest("Follow us on every network there is, and on those that are still to come, for more of this.")
	if !slices.Contains(got.Blocks, known) {
		t.Fatalf("the block isn't among those considered: %v", got.Blocks)
	}
	again, err := Extract(page, Options{Known: func(b uint64) bool { return b == known }})
	if err != nil {
		t.Fatal(err)
	}
	if want := strings.Join(sentences, "\n\n"); again.Text != want {
		t.Errorf("text = %q, want %q", again.Text, want)
	}
	if !slices.Equal(got.Blocks, again.Blocks) {
		t.Error("what is known changes what is considered")
	}
}

// Where more than half of a text is known, it is the article that is.
func TestKnownBlocksSpareHalf(t *testing.T) {
	page := []byte("<html><body><article>" + article(sentences...) + "</article></body></html>")
	whole, err := Extract(page, Options{})
	if err != nil || len(whole.Blocks) < 3 {
		t.Fatalf("%d blocks, %v", len(whole.Blocks), err)
	}
	for n := range len(whole.Blocks) + 1 {
		got, err := Extract(page, Options{Known: func(b uint64) bool { return slices.Contains(whole.Blocks[:n], b) }})
		if err != nil {
			t.Fatal(err)
		}
		if 2*Weight(got.Text) < Weight(whole.Text) {
			t.Errorf("%d of %d blocks known: %q is left", n, len(whole.Blocks), got.Text)
		}
		if n == 1 && got.Text == whole.Text || n == len(whole.Blocks) && got.Text != whole.Text {
			t.Errorf("%d of %d blocks known: %q", n, len(whole.Blocks), got.Text)
		}
	}
}
