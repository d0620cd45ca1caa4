package extractors

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/newswatch/newswatch/extractors/readable"
	"github.com/newswatch/newswatch/pipeline"
	"github.com/newswatch/newswatch/pipeline/catalog"
)

const ruled = `<html><body><div class="x"><p>Huawei says this in the body of its own.</p><p class="ad">Buy this.</p></div>
<article><p>` + sentence + `</p><p>Something else that is longer than the text which the rules select on this page.</p></article></body></html>`

// What the catalog says of a source decides whether its pages are read, and how.
func TestSourceSettings(t *testing.T) {
	whole := "<p>" + long + "</p>"
	for _, tt := range []struct {
		name, html string
		src        catalog.Source
		fetched    int
		method     string
		text       string
	}{
		{"nothing said, whole feed", whole, catalog.Source{}, 0, MethodFeed, long},
		{"auto, whole feed", whole, catalog.Source{Pages: catalog.PagesAuto}, 0, MethodFeed, long},
		{"never, a teaser", "<p>A teaser.</p>", catalog.Source{Pages: catalog.PagesNever}, 0, MethodFeed, "A teaser."},
		{"never, nothing", "", catalog.Source{Pages: catalog.PagesNever}, 0, MethodSummary, "A deal in Wuzhen."},
		{"always, with rules", whole, catalog.Source{Pages: catalog.PagesAlways, Extract: &catalog.ExtractRules{Body: ".x", Drop: []string{".ad"}}}, 1,
			readable.MethodRules, "Huawei says this in the body of its own."},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t, Config{}, nil, served(ruled))
			tt.src.ID = "post"
			r.SetSources([]catalog.Source{tt.src})
			a := r.handle(t, item(func(it *pipeline.Item) { it.HTML = tt.html }))
			if r.fetched != tt.fetched || a.Method != tt.method || a.Text != tt.text {
				t.Errorf("%d fetched, %s, %q; want %d, %s, %q", r.fetched, a.Method, a.Text, tt.fetched, tt.method, tt.text)
			}
		})
	}
}

// What the feed gave is handed to the reader of the page.
func TestFeedIsEvidence(t *testing.T) {
	r := newRig(t, Config{MaxPage: 5, MaxNodes: 7}, nil, served(ruled))
	var got readable.Options
	r.extract = func(_ []byte, opt readable.Options) (readable.Page, error) {
		got = opt
		return readable.Page{Text: long, Method: readable.MethodReadability}, nil
	}
	r.handle(t, item(nil))
	if got.Feed != "A deal in Wuzhen." || got.MaxBytes != 5 || got.MaxNodes != 7 {
		t.Errorf("%+v", got)
	}
	r.handle(t, item(func(it *pipeline.Item) { it.HTML = "<p>More of it…</p>" }))
	if got.Feed != "More of it…" {
		t.Errorf("feed %q", got.Feed)
	}
}

// A page that can't be read in time, or breaks the reader, is a problem of its
// article, which goes on with what the feed gave.
func TestPageThatBreaksTheReader(t *testing.T) {
	for _, tt := range []struct {
		reason string
		page   func(release chan struct{})
	}{
		{"timeout", func(release chan struct{}) { <-release }},
		{"panic", func(chan struct{}) { panic("a bug") }},
	} {
		synctest.Test(t, func(t *testing.T) {
			release := make(chan struct{})
			r := newRig(t, Config{Timeout: time.Second}, nil, served(ruled))
			r.extract = func([]byte, readable.Options) (readable.Page, error) {
				tt.page(release)
				return readable.Page{}, nil
			}
			a := r.handle(t, item(nil))
			if a.Text != "A deal in Wuzhen." || !slices.ContainsFunc(a.Problems, func(p pipeline.Problem) bool {
				return p.Stage == "extract" && p.Reason == tt.reason && strings.Contains(p.Detail, "readable: ") == (tt.reason == "panic")
			}) {
				t.Errorf("%s: %q, %+v", tt.reason, a.Text, a.Problems)
			}
			close(release)
			synctest.Wait()
			if len(r.reading) != 0 {
				t.Errorf("%s: %d places are kept", tt.reason, len(r.reading))
			}
		})
	}
}
