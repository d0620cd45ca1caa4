package web

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/newswatch/newswatch/pipeline"
	"github.com/newswatch/newswatch/pipeline/catalog"
	"github.com/prometheus/client_golang/prometheus"
)

func post(t *testing.T, h http.Handler, path, body string) *httptest.ResponseRecorder {
	t.Helper()
	req := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
	req.Host = "localhost"
	req.Header.Set("Content-Type", "application/json")
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, req)
	return rec
}

func TestDiscover(t *testing.T) {
	w := newWorld(t)
	asked := ""
	deps := Deps{Catalog: w, Discover: func(_ context.Context, url string, src catalog.Source) (Discovery, error) {
		switch asked = url; {
		case url == "down":
			return Discovery{}, errors.New("disk on fire")
		case src.AllowPrivate && src.HTTP1 && src.UserAgent == "Me/1.0" && src.Proxy == "http://proxy:3128":
			return Discovery{URL: url}, nil
		}
		return Discovery{
			URL:   url,
			Feeds: []DiscoveredFeed{{URL: "http://wire.example/rss", Format: "rss 2.0"}, {URL: "https://wire.example/new", Format: "atom 1.0"}},
			Tried: []DiscoveryFailed{{URL: url, Result: "it is a page, not a feed"}},
		}, nil
	}}
	s, err := New(slog.New(slog.DiscardHandler), prometheus.NewRegistry(), deps, Config{})
	if err != nil {
		t.Fatal(err)
	}
	rec := post(t, s.Handler(), "/api/v1/feeds:discover", `{"url":"wire.example"}`)
	var got Discovery
	if err := json.Unmarshal(rec.Body.Bytes(), &got); err != nil || rec.Code != 200 || asked != "wire.example" {
		t.Fatalf("%d %s, asked %q: %v", rec.Code, rec.Body, asked, err)
	}
	sources := []string{got.Feeds[0].Source, got.Feeds[1].Source}
	if diff := cmp.Diff([]string{"pacific-wire", ""}, sources); diff != "" {
		t.Errorf("which sources have them (-want +got):\n%s", diff)
	}
	if rec := post(t, s.Handler(), "/api/v1/feeds:discover", `{"url":"x","allow_private":true,"http1":true,"user_agent":"Me/1.0","proxy":"http://proxy:3128"}`); !strings.Contains(rec.Body.String(), `"feeds":[]`) || !strings.Contains(rec.Body.String(), `"tried":[]`) {
		t.Errorf("nothing found: %s, want empty lists", rec.Body)
	}
	for body, want := range map[string]int{`{"url":""}`: 422, `{}`: 422, `{"url":"down"}`: 500, `{"url":"x","proxy":"http://me:secret@proxy:3128"}`: 422} {
		if rec := post(t, s.Handler(), "/api/v1/feeds:discover", body); rec.Code != want {
			t.Errorf("%s: %d, want %d", body, rec.Code, want)
		}
	}
	none, err := New(slog.New(slog.DiscardHandler), prometheus.NewRegistry(), Deps{}, Config{})
	if err != nil {
		t.Fatal(err)
	}
	if rec := post(t, none.Handler(), "/api/v1/feeds:discover", `{"url":"x"}`); rec.Code != http.StatusServiceUnavailable {
		t.Errorf("where nobody fetches: %d, want 503", rec.Code)
	}
}

// The hook is reached by any name and without the token; nothing else is.
func TestHook(t *testing.T) {
	hook := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/websub/panic" {
			panic("hook")
		}
		_, _ = io.WriteString(w, "hook "+r.URL.Path)
	})
	for _, cfg := range []Config{{Listen: "127.0.0.1:0"}, {Token: "0123456789abcdef"}} {
		s, err := New(slog.New(slog.DiscardHandler), prometheus.NewRegistry(), Deps{Hook: &Hook{Path: "/websub", Handler: hook}}, cfg)
		if err != nil {
			t.Fatal(err)
		}
		for path, want := range map[string]int{
			"/websub/abc": 200, "/websub/a/b": 200, "/websub/panic": 500,
			"/websub": 421, "/websubx/abc": 421, "/": 421, "/api/v1/status": 421, "/api/v1/websub/abc": 421,
			"/websub/../api/v1/status": 200, // the hook's own, whatever it makes of it
		} {
			if cfg.Token != "" && want == 421 {
				want = 401
			}
			req := httptest.NewRequest(http.MethodPost, "https://news.example/", http.NoBody)
			req.URL.Path = path
			rec := httptest.NewRecorder()
			s.Handler().ServeHTTP(rec, req)
			if rec.Code != want {
				t.Errorf("token %q: %s answered %d, want %d", cfg.Token, path, rec.Code, want)
			}
			if want == 200 && rec.Body.String() != "hook "+path {
				t.Errorf("%s was answered by somebody else: %s", path, rec.Body)
			}
		}
	}
}

// Every feed comes once, in pages of any size, and with its state.
func TestFeedList(t *testing.T) {
	w := newWorld(t)
	deps := Deps{Catalog: w, Feeds: feedsFunc(func(source string) []FeedStatus {
		return []FeedStatus{
			{Source: "jiangnan", URL: "https://jiangnan.example/feed", State: "ok"},
			{Source: "vestnik", URL: "https://vestnik.example/rss", State: "failing", Reason: "it is a page"},
		}
	})}
	s, err := New(slog.New(slog.DiscardHandler), prometheus.NewRegistry(), deps, Config{})
	if err != nil {
		t.Fatal(err)
	}
	get := func(query string) (list[FeedStatus], int) {
		req := httptest.NewRequest(http.MethodGet, "http://localhost/api/v1/feeds?"+query, nil)
		rec := httptest.NewRecorder()
		s.Handler().ServeHTTP(rec, req)
		var l list[FeedStatus]
		_ = json.Unmarshal(rec.Body.Bytes(), &l)
		return l, rec.Code
	}
	for _, limit := range []string{"1", "2", "50"} {
		var got []string
		for cursor := ""; ; {
			l, code := get("limit=" + limit + "&cursor=" + cursor)
			if code != 200 {
				t.Fatalf("%d", code)
			}
			for _, f := range l.Items {
				got = append(got, f.Source+" "+f.State)
			}
			if cursor = l.NextCursor; cursor == "" {
				break
			}
		}
		if diff := cmp.Diff([]string{"jiangnan ok", "pacific-wire " + unknownFeed, "vestnik failing"}, got); diff != "" {
			t.Errorf("limit %s (-want +got):\n%s", limit, diff)
		}
	}
	if l, _ := get("state=failing"); len(l.Items) != 1 || l.Items[0].Reason != "it is a page" {
		t.Errorf("failing: %+v", l)
	}
	if _, code := get("cursor=%21"); code != 400 {
		t.Errorf("a cursor of somebody else: %d", code)
	}
}

// The body that a feed could not be read from is had by the feed's address.
func TestKeptBody(t *testing.T) {
	w := newWorld(t)
	s, err := New(slog.New(slog.DiscardHandler), prometheus.NewRegistry(), Deps{Catalog: w, Feeds: w}, Config{})
	if err != nil {
		t.Fatal(err)
	}
	for address, want := range map[string]int{"https://vestnik.example/rss": 200, "https://wire.example/rss": 404, "https://nobody.example/": 404, "": 422} {
		rec := httptest.NewRecorder()
		s.Handler().ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "http://localhost/api/v1/feeds:kept?url="+url.QueryEscape(address), nil))
		if rec.Code != want {
			t.Errorf("%q: %d, want %d: %s", address, rec.Code, want, rec.Body)
		}
		var got KeptBody
		if want == 200 && (json.Unmarshal(rec.Body.Bytes(), &got) != nil || string(got.Body) != "<p>\xff" || got.URL != address) {
			t.Errorf("%q: %s", address, rec.Body)
		}
	}
}

func (feedsFunc) Kept(context.Context, string) (*KeptBody, error) { return nil, pipeline.ErrNotFound }

type feedsFunc func(source string) []FeedStatus

func (f feedsFunc) Feeds(_ context.Context, source string) ([]FeedStatus, error) {
	return f(source), nil
}
