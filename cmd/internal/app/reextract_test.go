package app

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/newswatch/newswatch/extractors/warc"
	"github.com/newswatch/newswatch/pipeline"
	"github.com/newswatch/newswatch/web"
)

// A pagesite serves pages with two texts: one about kettles, which is found
// without rules, and one about Huawei below it.
type pagesite struct {
	*httptest.Server
	asked atomic.Int64
}

func newPagesite(t *testing.T) *pagesite {
	s := new(pagesite)
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.asked.Add(1)
		if r.URL.Path == "/robots.txt" {
			http.NotFound(w, r)
			return
		}
		n := strings.TrimPrefix(r.URL.Path, "/")
		fmt.Fprintf(w, `<html lang="en"><head><title>Day %s in the town</title></head><body><article><h1>Day %[1]s in the town</h1>
<p>On day %[1]s the kettles of the town boiled early, for the guests had come by the night train and asked for tea at once.</p>
<p>By the noon of day %[1]s nobody had seen the mayor, who was said to look for more cups in the villages along the river.</p>
<p>The evening of day %[1]s brought rain, and the tea that was left over was given to the drivers who waited in the square.</p></article>
<footer class="deal"><p>Day %[1]s: Huawei signs with the bank.</p></footer></body></html>`, n)
	}))
	t.Cleanup(s.Close)
	return s
}

// publish puts the item of a page into the stream, as a feed would.
func (s *pagesite) publish(r *running, n int) {
	r.t.Helper()
	it := pipeline.Item{
		URL: fmt.Sprintf("%s/%d", s.URL, n), Title: fmt.Sprintf("Day %d in the town", n), Source: "town", Feed: s.URL + "/feed",
		FirstSeen: time.Now().UTC(), Private: true, GapMS: 1,
	}
	it.Identify()
	if _, err := pipeline.Items.Publish(r.t.Context(), r.app.node, it); err != nil {
		r.t.Fatal(err)
	}
}

// rule gives the source a rule for the body of its pages; empty: none.
func (r *running) rule(body string) {
	r.t.Helper()
	src := `{"name":"Town","home":"https://town.example/"`
	if body != "" {
		src += fmt.Sprintf(`,"extract":{"body":%q}`, body)
	}
	if code := r.do("PUT", "/api/v1/sources/town", src+"}", nil); code >= 300 {
		r.t.Fatalf("put source: %d", code)
	}
	want := func() bool { // the extractor follows the catalog
		for _, s := range r.app.catalog.Snapshot().Sources {
			if s.ID == "town" {
				return s.Extract == nil && body == "" || s.Extract != nil && s.Extract.Body == body
			}
		}
		return false
	}
	eventually(r.t, "the rule known", want)
}

type reextractAnswer struct {
	ID        string
	Processes []web.ReextractProgress
}

func (r *running) reextract(body string) web.ReextractProgress {
	r.t.Helper()
	var asked, got reextractAnswer
	if code := r.do("POST", "/api/v1/reextract", body, &asked); code != http.StatusAccepted {
		r.t.Fatalf("POST reextract %s: %d", body, code)
	}
	eventually(r.t, "pages read anew", func() bool {
		r.do("GET", "/api/v1/reextract", "", &got)
		return got.ID == asked.ID && len(got.Processes) == 1 && got.Processes[0].State != web.ReextractRunning
	})
	return got.Processes[0]
}

func (r *running) articles() (list []pipeline.Article) {
	r.t.Helper()
	for _, h := range r.search("").Hits {
		var a pipeline.Article
		r.do("GET", "/api/v1/articles/"+h.ID, "", &a)
		list = append(list, a)
	}
	return list
}

func keepPages(o *Options) { o.Config.Extract.Archive = warc.Config{Enabled: true} }

// Kept pages are read anew by the rules of today: their site is asked for
// nothing, each article stays the one document it was, and nothing alerts.
func TestReextract(t *testing.T) {
	site := newPagesite(t)
	data := t.TempDir()
	r := runApp(t, data, keepPages)
	r.rule("")
	for n := range 3 {
		site.publish(r, n+1)
	}
	eventually(t, "three articles searchable", func() bool { return r.search("").Total == 3 })
	before := r.articles()
	for _, a := range before {
		if a.Revision != 1 || strings.Contains(a.Text, "Huawei") || !strings.Contains(a.Text, "kettles") || len(a.Mentions) != 0 {
			t.Fatalf("the first article: revision %d, %q", a.Revision, a.Text)
		}
	}
	r.stop()
	asked := site.asked.Load()

	r = runApp(t, data, keepPages)
	if code := r.do("GET", "/api/v1/reextract", "", nil); code != http.StatusNotFound {
		t.Errorf("before anything was asked for: %d, want 404", code)
	}
	if p := r.reextract(`{}`); p.State != web.ReextractDone || p.Pages != 3 || p.Same != 3 {
		t.Errorf("by the same rules: %+v", p)
	}
	r.rule(".deal")
	if p := r.reextract(`{"dry_run":true}`); p.State != web.ReextractDone || p.Pages != 3 || p.Changed != 3 {
		t.Errorf("dry run: %+v", p)
	}
	if p := r.reextract(`{"since":"2100-01-01"}`); p.Pages != 0 {
		t.Errorf("since a day to come: %+v", p)
	}
	for _, a := range r.articles() {
		if a.Revision != 1 {
			t.Errorf("changed by a dry run: %q", a.Text)
		}
	}
	if p := r.reextract(`{"source":"town"}`); p.State != web.ReextractDone || p.Changed != 3 {
		t.Errorf("by other rules: %+v", p)
	}
	eventually(t, "the new texts searchable", func() bool { return r.search("entity:huawei").Total == 3 })
	if n := r.search("").Total; n != 3 {
		t.Errorf("%d documents, want 3: one a key", n)
	}
	for i, a := range r.articles() {
		b := before[i]
		if a.ID != b.ID || a.Key != b.Key || a.Revision != 2 || !strings.HasSuffix(a.Text, "Huawei signs with the bank.") || strings.Contains(a.Text, "kettles") || !a.Quiet || a.Reread {
			t.Errorf("article %s (was %s), revision %d, quiet %v, reread %v: %q", a.ID, b.ID, a.Revision, a.Quiet, a.Reread, a.Text)
		}
	}
	if p := r.reextract(`{}`); p.Same != 3 || p.Changed != 0 {
		t.Errorf("once more: %+v", p)
	}
	if n := site.asked.Load(); n != asked {
		t.Errorf("the site was asked %d times more", n-asked)
	}
	if as := r.alerts(); len(as) != 0 {
		t.Errorf("%d alerts, want none: %+v", len(as), as[0].Receipt)
	}
	if code := r.do("POST", "/api/v1/reextract", `{"source":"nobody"}`, nil); code != http.StatusNotFound {
		t.Errorf("an unknown source: %d", code)
	}
	if code := r.do("POST", "/api/v1/reextract", `{"since":"soon"}`, nil); code != http.StatusUnprocessableEntity {
		t.Errorf("a bad time: %d", code)
	}
	if code := r.do("DELETE", "/api/v1/reextract", "", nil); code >= 300 {
		t.Errorf("stop: %d", code)
	}
	if code := r.do("DELETE", "/api/v1/reextract", "", nil); code != http.StatusNotFound {
		t.Errorf("stop again: %d", code)
	}
	r.stop()
	r = runApp(t, data, nil)
	if p := r.reextract(`{}`); p.State != web.ReextractNone {
		t.Errorf("where none are kept: %+v", p)
	}
}

// An article that alerts have not decided on yet is not overwritten, and what
// was begun goes on after a restart.
func TestReextractWaitsForAlerts(t *testing.T) {
	site := newPagesite(t)
	data := t.TempDir()
	r := runApp(t, data, keepPages)
	r.rule(".deal")
	site.publish(r, 1)
	eventually(t, "the first alert", func() bool { return len(r.alerts()) == 1 })
	r.stop()

	r = runApp(t, data, func(o *Options) { // as if alerts were far behind
		keepPages(o)
		o.Config.NATS.Listen = "127.0.0.1:0"
		o.Config.Roles = []string{RoleFetch, RoleExtract, RoleStories, RoleIndex, RoleWeb}
	})
	site.publish(r, 2)
	eventually(t, "both articles searchable", func() bool { return r.search("").Total == 2 })
	r.rule("article")
	if code := r.do("POST", "/api/v1/reextract", `{}`, nil); code != http.StatusAccepted {
		t.Fatalf("POST reextract: %d", code)
	}
	// The second page's article waits; in which order they come is the day's.
	var got reextractAnswer
	var first time.Time
	eventually(t, "the run at a stand", func() bool {
		r.do("GET", "/api/v1/reextract", "", &got)
		if len(got.Processes) == 0 {
			return false
		}
		if first.IsZero() {
			first = got.Processes[0].Updated
		}
		return got.Processes[0].Updated.Sub(first) > progressEvery
	})
	waits := false
	for _, h := range r.search("entity:huawei").Hits {
		waits = waits || h.Title == "Day 2 in the town"
	}
	if p := got.Processes[0]; !waits || p.State != web.ReextractRunning || p.Pages > 1 {
		t.Errorf("the article that alerts must see was overwritten: %+v", p)
	}
	r.stop()

	asked := site.asked.Load()
	r = runApp(t, data, keepPages)
	eventually(t, "the second alert", func() bool { return len(r.alerts()) == 2 })
	eventually(t, "both texts by the new rules", func() bool { return r.search("kettles").Total == 2 })
	eventually(t, "the end", func() bool {
		r.do("GET", "/api/v1/reextract", "", &got)
		return len(got.Processes) == 1 && got.Processes[0].State == web.ReextractDone
	})
	if p := got.Processes[0]; p.Pages != 2 || p.Changed != 2 {
		t.Errorf("of both runs: %+v", p)
	}
	if n := r.search("").Total; n != 2 || len(r.alerts()) != 2 || site.asked.Load() != asked {
		t.Errorf("%d documents, %d alerts, %d requests more; want 2, 2, 0", n, len(r.alerts()), site.asked.Load()-asked)
	}
}

// Articles that have left the stream are found in the index, and their kept
// pages are read anew as well.
func TestReextractOldArticles(t *testing.T) {
	site := newPagesite(t)
	r := runApp(t, t.TempDir(), func(o *Options) {
		keepPages(o)
		o.Config.NATS.Listen = "127.0.0.1:0"
	})
	r.rule("")
	for n := range 3 {
		site.publish(r, n+1)
	}
	eventually(t, "three articles searchable", func() bool { return r.search("").Total == 3 })
	before := r.articles()
	r.forget(before[0].Key)
	r.forget(before[1].Key)

	r.rule(".deal")
	if p := r.reextract(`{}`); p.State != web.ReextractDone || p.Pages != 3 || p.Changed != 3 || p.Skipped != 0 {
		t.Errorf("by other rules: %+v", p)
	}
	eventually(t, "the new texts searchable", func() bool { return r.search("entity:huawei").Total == 3 })
	for i, a := range r.articles() {
		b := before[i]
		if a.ID != b.ID || a.Key != b.Key || a.Revision != 2 || a.Story != b.Story || !strings.HasSuffix(a.Text, "Huawei signs with the bank.") || !a.Quiet {
			t.Errorf("article %s (was %s), revision %d, quiet %v: %q", a.ID, b.ID, a.Revision, a.Quiet, a.Text)
		}
	}
	if as := r.alerts(); len(as) != 0 {
		t.Errorf("%d alerts, want none", len(as))
	}
}

// forget takes an article out of the stream, as if its time were over.
func (r *running) forget(key string) {
	r.t.Helper()
	nc, err := nats.Connect(r.app.node.ClientURL())
	if err != nil {
		r.t.Fatal(err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		r.t.Fatal(err)
	}
	s, err := js.Stream(r.t.Context(), pipeline.StreamArticles)
	if err == nil {
		err = s.Purge(r.t.Context(), jetstream.WithPurgeSubject(pipeline.Shards(1).Subject(key)))
	}
	if err != nil {
		r.t.Fatal(err)
	}
	if _, _, err := pipeline.Articles.Last(r.t.Context(), r.app.node, pipeline.Shards(1).Subject(key)); !errors.Is(err, pipeline.ErrNotFound) {
		r.t.Fatalf("in the stream: %v", err)
	}
}
