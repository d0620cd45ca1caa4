package newsroom

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/newswatch/newswatch/extractors/readable"
	"github.com/newswatch/newswatch/pipeline/catalog"
	"github.com/newswatch/newswatch/pipeline/feeds"
)

var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func get(t *testing.T, n *Newsroom, host, path string, header ...string) *http.Response {
	t.Helper()
	r := httptest.NewRequest("GET", "http://"+host+path, nil)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	n.ServeHTTP(w, r)
	return w.Result()
}

// The newsroom is as large and as mixed as the demo needs it.
func TestContent(t *testing.T) {
	outlets, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	langs, articles, wires, updates, later := map[string]int{}, 0, 0, 0, 0
	for _, o := range outlets {
		langs[o.Lang]++
		slugs := map[string]bool{}
		for _, a := range o.Articles {
			articles++
			if a.Title == "" || len([]rune(a.Text)) < 40 {
				t.Errorf("%s/%s: title %q, text of %d characters", o.ID, a.Slug, a.Title, len([]rune(a.Text)))
			}
			if slugs[a.Slug] {
				t.Errorf("%s/%s twice", o.ID, a.Slug)
			}
			slugs[a.Slug] = true
			if a.Wire != "" {
				wires++
			}
			if a.Update != nil {
				updates++
			}
			if a.At > 0 {
				later++
			}
		}
	}
	if len(outlets) < 8 || articles < 60 || langs["en"] < 2 || langs["ru"] < 2 || langs["zh"] < 2 || wires < 5 || updates < 2 || later < 15 {
		t.Errorf("%d outlets %v, %d articles, %d wire copies, %d updates, %d appear later", len(outlets), langs, articles, wires, updates, later)
	}
}

// Every feed lists exactly what is out, at the start and in the end, and every
// page says what the feed says.
func TestServed(t *testing.T) {
	now := start
	n, err := New(start, func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	for _, since := range []time.Duration{0, time.Hour} {
		now = start.Add(since)
		for _, o := range n.order {
			host := o.host() + ":8090"
			resp := get(t, n, host, "/feed")
			body, err := io.ReadAll(resp.Body)
			if err != nil {
				t.Fatal(err)
			}
			parsed, err := feeds.Parse(body, "http://"+host+"/feed", resp.Header.Get("Content-Type"), feeds.ParseOptions{Now: now})
			if err != nil {
				t.Fatalf("%s after %v: %v", o.ID, since, err)
			}
			out := o.out(start, since)
			if len(parsed.Items) != len(out) {
				t.Errorf("%s after %v: %d items, want %d", o.ID, since, len(parsed.Items), len(out))
			}
			for i, it := range parsed.Items {
				title, text, _, _ := out[i].version(since)
				if it.Title != title || !it.Published.Equal(out[i].published(start).Truncate(time.Second)) {
					t.Errorf("%s: item %q of %v, want %q of %v", o.ID, it.Title, it.Published, title, out[i].published(start))
				}
				page := get(t, n, host, strings.TrimPrefix(it.URL, "http://"+host))
				html, _ := io.ReadAll(page.Body)
				got, err := readable.Extract(html, readable.Options{URL: it.URL, ContentType: page.Header.Get("Content-Type")})
				if err != nil {
					t.Fatalf("%s: %v", it.URL, err)
				}
				if want := strings.Join(paragraphs(text), "\n\n"); got.Text != want {
					t.Errorf("%s: text %q, want %q", it.URL, got.Text, want)
				}
			}
			if etag := resp.Header.Get("ETag"); get(t, n, host, "/feed", "If-None-Match", etag).StatusCode != http.StatusNotModified {
				t.Errorf("%s: no 304 for its own validator", o.ID)
			}
		}
	}
	if code := get(t, n, "elsewhere.localhost", "/feed").StatusCode; code != http.StatusNotFound {
		t.Errorf("an unknown outlet: %d, want 404", code)
	}
	if code := get(t, n, n.order[0].host(), "/no-such-article").StatusCode; code != http.StatusNotFound {
		t.Errorf("an unknown article: %d, want 404", code)
	}
}

func TestCatalog(t *testing.T) {
	n, err := New(start, func() time.Time { return start })
	if err != nil {
		t.Fatal(err)
	}
	c := n.Catalog(8090)
	if err := c.Validate(catalog.Checks{}); err != nil {
		t.Errorf("the demo's catalog: %v", err)
	}
}
