package app

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/newswatch/newswatch/pipeline"
)

// What was learned of a host before a stop is known after the start.
func TestLearnedBlocksOutliveARestart(t *testing.T) {
	const appeal = "Subscribe to our letter, which comes on every day but Sunday and says what the others will say on Monday."
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := strings.TrimPrefix(r.URL.Path, "/")
		fmt.Fprintf(w, `<html lang="en"><head><title>The news of day %s</title></head><body><article><h1>The news of day %[1]s</h1>
<p>On day %[1]s the delegates of the conference came to the town by boat, and the ministers by motor car, as their hosts had asked them to.</p>
<p>Nobody of those who spoke on day %[1]s said a word about the cables, though all of them had come because of them, an organiser said.</p>
<p>%s</p></article></body></html>`, n, appeal)
	}))
	defer srv.Close()
	read := func(r *running, n int) string {
		t.Helper()
		it := pipeline.Item{
			URL: fmt.Sprintf("%s/%d", srv.URL, n), Title: fmt.Sprintf("The news of day %d", n), FirstSeen: time.Now(), Private: true, GapMS: 1,
		}
		it.Identify()
		got, err := r.app.extract.Handle(t.Context(), it)
		if err != nil {
			t.Fatal(err)
		}
		return got[0].Text
	}
	data := t.TempDir()
	r := runApp(t, data, nil)
	for n := range 3 {
		if text := read(r, n); !strings.Contains(text, appeal) {
			t.Errorf("page %d: %q", n, text)
		}
	}
	r.stop()
	r = runApp(t, data, nil)
	if text := read(r, 3); strings.Contains(text, appeal) || !strings.Contains(text, "Nobody of those") {
		t.Errorf("after the restart: %q", text)
	}
	r.stop()
	off := runApp(t, data, func(o *Options) { o.Config.Extract.Learn.Hosts = -1 })
	if text := read(off, 4); !strings.Contains(text, appeal) {
		t.Errorf("turned off: %q", text)
	}
}
