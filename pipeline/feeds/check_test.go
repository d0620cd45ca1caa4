package feeds_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/newswatch/newswatch/pipeline/catalog"
	"github.com/newswatch/newswatch/pipeline/feeds"
	"github.com/newswatch/newswatch/pipeline/fetch"
)

const oneItem = `<rss version="2.0"><channel><title>One</title><item><title>One item</title><link>/1</link></item></channel></rss>`

// checkSite serves a feed in every way a check tells of.
func checkSite(t *testing.T) (string, *fetch.Client) {
	t.Helper()
	mux := http.NewServeMux()
	feed := func(w http.ResponseWriter) { _, _ = io.WriteString(w, oneItem) }
	mux.HandleFunc("/works", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"v"`)
		w.Header().Set("Link", `<https://hub.example/>; rel=hub`)
		if r.Header.Get("If-None-Match") == `"v"` {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		feed(w)
	})
	mux.HandleFunc("/ignored", func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("ETag", `"v"`); feed(w) })
	mux.HandleFunc("/none", func(w http.ResponseWriter, _ *http.Request) { feed(w) })
	mux.Handle("/old", http.RedirectHandler("/none", http.StatusMovedPermanently))
	mux.Handle("/now", http.RedirectHandler("/old", http.StatusFound))
	mux.HandleFunc("/robots.txt", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "User-agent: *\nDisallow: /1\n")
	})
	for path, status := range map[string]int{"/401": 401, "/404": 404, "/410": 410, "/429": 429, "/503": 503} {
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
	}
	mux.HandleFunc("/broken", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<rss><channel><<<") })
	mux.HandleFunc("/text", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "nothing of the kind") })
	mux.HandleFunc("/page", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `<html><head><link rel=alternate type="application/rss+xml" href="/old"><link rel=alternate type="application/rss+xml" href="/none"></head></html>`)
	})
	mux.HandleFunc("/rss.xml", func(w http.ResponseWriter, _ *http.Request) { feed(w) })
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	c, err := fetch.New(lg(), prometheus.NewRegistry(), fetch.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return srv.URL, c
}

func TestCheck(t *testing.T) {
	t.Parallel()
	site, c := checkSite(t)
	for path, want := range map[string]string{"/works": "work", "/ignored": "ignored", "/none": "none"} {
		r := feeds.Check(t.Context(), c, site+path, &catalog.Source{AllowPrivate: true}, feeds.Config{})
		if !r.Usable || r.Validators != want || r.Items != 1 || r.Linked != 1 || r.Interval <= 0 {
			t.Errorf("%s: %+v, want validators %q", path, r, want)
		}
		if !strings.Contains(r.PageSays, "robots.txt") {
			t.Errorf("%s: pages %q, want robots.txt named", path, r.PageSays)
		}
		if path == "/works" && r.Hub != "https://hub.example/" {
			t.Errorf("hub %q, want the one of the Link header", r.Hub)
		}
	}
	r := feeds.Check(t.Context(), c, site+"/now", &catalog.Source{AllowPrivate: true}, feeds.Config{})
	want := []fetch.Redirect{{From: site + "/now", To: site + "/old", Status: 302}, {From: site + "/old", To: site + "/none", Status: 301}}
	if diff := cmp.Diff(want, r.Redirects); diff != "" || r.Final != site+"/none" {
		t.Errorf("final %s, redirects (-want +got):\n%s", r.Final, diff)
	}
}

// Every failure is told in words, with what to do about it.
func TestCheckSaysWhy(t *testing.T) {
	site, c := checkSite(t)
	for path, want := range map[string]string{
		"/401": "401 Unauthorized", "/404": "404 Not Found", "/410": "410 Gone", "/429": "429 Too Many Requests",
		"/503": "503 Service Unavailable", "/text": "neither a feed nor a page", "/page": "a page, not a feed",
		"/broken": "damaged beyond repair",
	} {
		site, c := checkSite(t) // each its own: a host that says 429 is left alone
		r := feeds.Check(t.Context(), c, site+path, &catalog.Source{AllowPrivate: true}, feeds.Config{})
		if r.Usable || !strings.Contains(r.Problem, want) || r.Advice == "" {
			t.Errorf("%s: usable %v, problem %q, advice %q; want %q", path, r.Usable, r.Problem, r.Advice, want)
		}
		if len(r.Feeds) == 0 && path == "/page" {
			t.Error("of a page nothing is offered")
		}
		if path == "/429" {
			again := feeds.Check(t.Context(), c, site+"/none", &catalog.Source{AllowPrivate: true}, feeds.Config{})
			if again.Usable || !strings.Contains(again.Problem, "left alone for") {
				t.Errorf("after a 429: %q", again.Problem)
			}
		}
	}
	for address, want := range map[string]string{
		site + "/none": "private network", "ftp://e.com/": "no address that can be fetched", "http://127.0.0.1:1/": "no connection",
		"http://no.such.name.invalid/": "name",
	} {
		r := feeds.Check(t.Context(), c, address, &catalog.Source{AllowPrivate: !strings.Contains(want, "private")}, feeds.Config{})
		if r.Usable || !strings.Contains(r.Problem, want) || r.Advice == "" {
			t.Errorf("%s: problem %q, advice %q; want %q", address, r.Problem, r.Advice, want)
		}
	}
}

func TestFind(t *testing.T) {
	t.Parallel()
	site, c := checkSite(t)
	tests := []struct {
		name, address string
		want          []string
		tried         int
	}{
		{"a feed, by a temporary redirect: its own address stays", site + "/now", []string{site + "/now"}, 0},
		{"a feed that has moved for good: the new one", site + "/old", []string{site + "/none"}, 0},
		{"a page whose links are one feed: once, and no guesses", site + "/page", []string{site + "/none"}, 1},
		{"no page: the usual paths", site + "/404", []string{site + "/rss.xml"}, -1},
		{"without a scheme: https, then http", strings.TrimPrefix(site, "http://") + "/none", []string{site + "/none"}, 1},
		{"nobody there: no guesses", "http://127.0.0.1:1/", nil, 1},
	}
	for _, tt := range tests {
		f := feeds.Find(t.Context(), c, tt.address, catalog.Source{AllowPrivate: true})
		var got []string
		for _, cand := range f.Feeds {
			got = append(got, cand.URL)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
		if tt.tried >= 0 && len(f.Tried) != tt.tried {
			t.Errorf("%s: tried %+v, want %d", tt.name, f.Tried, tt.tried)
		}
	}
}
