package app

import (
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/newswatch/newswatch/extractors"
	"github.com/newswatch/newswatch/pipeline"
	"github.com/newswatch/newswatch/pipeline/fetch"
)

// What is no page is left unread and says what it is; the article goes on with
// what the feed has.
func TestPagesThatAreNone(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/robots.txt" {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", r.URL.Query().Get("type"))
		for range 1000 { // far more than a page may have
			if _, err := w.Write(make([]byte, 64<<10)); err != nil {
				return
			}
		}
	}))
	defer s.Close()
	c, err := fetch.New(slog.New(slog.DiscardHandler), prometheus.NewRegistry(), fetch.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, kind := range []string{"application/pdf", "video/mp4", "image/jpeg", "audio/mpeg", "application/zip"} {
		_, err := pages{client: c}.Fetch(t.Context(), pipeline.Item{URL: s.URL + "/a?type=" + kind, Private: true, GapMS: 1})
		var page *extractors.PageError
		if !errors.As(err, &page) || page.Reason != "not_html" || page.Temporary || !strings.Contains(page.Detail, kind) {
			t.Errorf("%s: got %v, want not_html that names it", kind, err)
		}
	}
}
