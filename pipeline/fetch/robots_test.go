package fetch

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/temoto/robotstxt"
)

func TestRobots(t *testing.T) {
	const rules = "User-agent: *\nDisallow: /private/\nAllow: /private/open\n\nUser-agent: newswatch\nDisallow: /nw\n"
	for _, tc := range []struct {
		name   string
		status int
		body   string
		path   string
		want   Class // empty: fetched
		temp   bool
	}{
		{"allowed", 200, rules, "/private/x", "", false}, // our own group counts alone
		{"disallowed", 200, rules, "/nw/page", ClassRobots, false},
		{"all", 200, "User-agent: *\nDisallow: /\n", "/x", ClassRobots, false},
		{"longest rule", 200, "User-agent: *\nDisallow: /a/\nAllow: /a/b\n", "/a/b", "", false},
		{"query", 200, "User-agent: *\nDisallow: /*?print=\n", "/a?print=1", ClassRobots, false},
		{"none", 404, "", "/x", "", false},
		{"forbidden", 403, "", "/x", "", false},
		{"overloaded", 429, "", "/x", ClassRobots, true},
		{"broken", 503, "", "/x", ClassRobots, true},
		{"a page", 200, "<!doctype html><title>hello</title>", "/x", "", false},
		{"huge", 200, rules + strings.Repeat("# filler\n", 200_000) + "Disallow: /", "/private/open", "", false},
		{"loop", 302, "/robots.txt", "/x", "", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var pages, robots atomic.Int32
			s := serve(t, func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path != "/robots.txt" {
					pages.Add(1)
					return
				}
				robots.Add(1)
				if tc.status == 302 {
					w.Header().Set("Location", tc.body)
				}
				w.WriteHeader(tc.status)
				_, _ = io.WriteString(w, tc.body)
			})
			c := newClient(t, Config{})
			req := local(s.URL + tc.path)
			req.Robots = true
			for range 2 {
				_, err := c.Get(t.Context(), req)
				if got := ClassOf(err); got != tc.want {
					t.Fatalf("got %q (%v), want %q", got, err, tc.want)
				}
				var e *Error
				if errors.As(err, &e) && e.Temporary() != tc.temp {
					t.Errorf("temporary: got %v, want %v", e.Temporary(), tc.temp)
				}
			}
			if n := robots.Load(); n != 1 && tc.name != "loop" {
				t.Errorf("robots.txt was fetched %d times, want once", n)
			}
			if tc.want != "" && pages.Load() != 0 {
				t.Error("a page was fetched against the rules")
			}
			// A request that does not ask for robots is not held by them.
			if _, err := c.Get(t.Context(), local(s.URL+tc.path)); err != nil && ClassOf(err) == ClassRobots {
				t.Errorf("without Robots: %v", err)
			}
		})
	}
}

func TestCrawlDelayAndFreshness(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var robots atomic.Int32
		c := newClient(t, Config{})
		w := newWorld(t, c, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/robots.txt" {
				robots.Add(1)
				_, _ = fmt.Fprintf(w, "User-agent: *\nCrawl-delay: 12\n")
			}
		})
		defer w.end(c)
		for i := range 4 {
			req := Request{URL: fmt.Sprintf("http://h.example/%d", i), AllowPrivate: true, Robots: true, MaxWait: time.Hour}
			if _, err := c.Get(t.Context(), req); err != nil {
				t.Fatal(err)
			}
		}
		var last time.Time
		for _, v := range w.visits("h.example") {
			if v.path == "/robots.txt" {
				continue
			}
			if gap := v.start.Sub(last); gap < 12*time.Second {
				t.Errorf("%s: %v after the one before, want the crawl delay", v.path, gap)
			}
			last = v.start
		}
		time.Sleep(robotsFresh)
		_, _ = c.Get(t.Context(), Request{URL: "http://h.example/x", AllowPrivate: true, Robots: true})
		if n := robots.Load(); n != 2 {
			t.Errorf("robots.txt fetched %d times, want again after a day", n)
		}
	})
}

func FuzzRobots(f *testing.F) {
	f.Add("User-agent: *\nDisallow: /*.pdf$\nCrawl-delay: 1\n", "/x.pdf?y")
	f.Add("User-agent: a\nUser-agent: newswatch\nAllow: /\nDisallow: /%e4%b8%ad", "/中")
	f.Fuzz(func(t *testing.T, body, path string) {
		data, err := robotstxt.FromBytes([]byte(body))
		if err == nil {
			data.FindGroup(agentName).Test("/" + path)
		}
	})
}
