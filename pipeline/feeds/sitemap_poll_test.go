package feeds

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/newswatch/newswatch/pipeline/catalog"
	"github.com/newswatch/newswatch/pipeline/fetch"
)

// sitemapOf is a news sitemap with the items n.
func sitemapOf(url string, ns ...int) *fetch.Response {
	var b strings.Builder
	b.WriteString(`<?xml version="1.0"?><urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9" xmlns:news="http://www.google.com/schemas/sitemap-news/0.9">`)
	for _, n := range ns {
		fmt.Fprintf(&b, `<url><loc>http://e.com/%d</loc><news:news><news:title>Item %d</news:title><news:publication_date>2026-01-02T03:04:05Z</news:publication_date></news:news></url>`, n, n)
	}
	b.WriteString(`</urlset>`)
	return &fetch.Response{Status: http.StatusOK, URL: url, Header: http.Header{}, Body: []byte(b.String())}
}

// A sitemap index gives the items of its sitemaps, each once; what they list
// later is found although the index stays as it is; one that fails is let be.
func TestSitemapIndexIsPolled(t *testing.T) {
	bubble(t, "index", func(t *testing.T) {
		begin := time.Now()
		answer := func(_ int, req fetch.Request) (*fetch.Response, error) {
			switch req.URL {
			case "http://e.com/f":
				return &fetch.Response{Status: http.StatusOK, URL: req.URL, ETag: `"same"`, Header: http.Header{}, Body: []byte(
					`<?xml version="1.0"?><sitemapindex xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">` +
						`<sitemap><loc>http://e.com/a.xml</loc></sitemap><sitemap><loc>http://e.com/b.xml</loc></sitemap>` +
						`<sitemap><loc>http://e.com/broken.xml</loc></sitemap></sitemapindex>`)}, nil
			case "http://e.com/a.xml":
				return sitemapOf(req.URL, 1, 2), nil
			case "http://e.com/b.xml":
				if time.Since(begin) > time.Hour {
					return sitemapOf(req.URL, 2, 3, 4), nil
				}
				return sitemapOf(req.URL, 2, 3), nil
			}
			return status(http.StatusNotFound)
		}
		r := newRig(t, newShelf(), Config{}, []catalog.Source{{ID: "e", Feeds: []catalog.Feed{{URL: "http://e.com/f", Every: catalog.Duration(10 * time.Minute)}}}}, answer)
		r.run(t, 3*time.Hour)
		var got []string
		for _, it := range r.items {
			got = append(got, it.Title)
		}
		slices.Sort(got)
		if diff := cmp.Diff([]string{"Item 1", "Item 2", "Item 3", "Item 4"}, got); diff != "" {
			t.Errorf("items published (-want +got):\n%s", diff)
		}
		if h := r.Health("e"); h[0].State != StateOK {
			t.Errorf("state %s: %s", h[0].State, h[0].Error)
		}
	})
}

// An index none of whose sitemaps can be had is a failing feed.
func TestSitemapIndexOfNothing(t *testing.T) {
	bubble(t, "index", func(t *testing.T) {
		answer := func(_ int, req fetch.Request) (*fetch.Response, error) {
			if req.URL != "http://e.com/f" {
				return status(http.StatusNotFound)
			}
			return &fetch.Response{Status: http.StatusOK, URL: req.URL, Header: http.Header{}, Body: []byte(
				`<sitemapindex><sitemap><loc>http://e.com/a.xml</loc></sitemap></sitemapindex>`)}, nil
		}
		r := newRig(t, newShelf(), Config{}, []catalog.Source{{ID: "e", Feeds: []catalog.Feed{{URL: "http://e.com/f"}}}}, answer)
		r.run(t, time.Minute)
		if h := r.Health("e"); h[0].Error == "" {
			t.Errorf("state %s, no error", h[0].State)
		}
	})
}
