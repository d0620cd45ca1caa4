package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/newswatch/newswatch/cmd/internal/config"
	"github.com/newswatch/newswatch/pipeline"
	"github.com/newswatch/newswatch/pipeline/catalog"
)

// seed is a small starter catalog.
func seed() *catalog.Catalog {
	c, err := catalog.Parse("seed.yaml", []byte(`
entities:
  - { id: huawei, name: Huawei, kind: organization, names: [Huawei, { text: 华为, lang: zh }, { text: Хуавей, lang: ru }] }
  - { id: zte, name: ZTE, kind: organization, names: [ZTE] }
channels: [ { id: log, kind: log } ]
watches: [ { id: huawei, name: Huawei, query: "entity:huawei", to: [log] } ]
`))
	if err != nil {
		panic(err)
	}
	return c
}

// running is an app in this process.
type running struct {
	t    *testing.T
	app  *App
	url  string
	stop func()
}

func runApp(t *testing.T, data string, change func(*Options)) *running {
	t.Helper()
	opts := Options{Logger: slog.New(slog.DiscardHandler), Config: config.Default(), Version: "test", Seed: seed()}
	opts.Config.Data = data
	opts.Config.Web.Listen = "127.0.0.1:0"
	if change != nil {
		change(&opts)
	}
	a, err := New(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	r := &running{t: t, app: a, url: a.URL()}
	stopped := false
	r.stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	}
	t.Cleanup(r.stop)
	return r
}

// do sends a request and decodes the answer; it returns the status.
func (r *running) do(method, path, body string, out any) int {
	r.t.Helper()
	req, err := http.NewRequest(method, r.url+path, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	if out != nil && resp.StatusCode < 300 {
		if err := json.Unmarshal(b, out); err != nil {
			r.t.Fatalf("%s %s: %v in %s", method, path, err, b)
		}
	}
	if resp.StatusCode >= 500 {
		r.t.Errorf("%s %s: %s: %s", method, path, resp.Status, b)
	}
	return resp.StatusCode
}

// eventually waits for something that must come to be.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for range 600 {
		if ok() {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("%s: not within 30 s", what)
}

func (r *running) search(q string) pipeline.SearchResult {
	r.t.Helper()
	var res pipeline.SearchResult
	if code := r.do("GET", "/api/v1/search?q="+q, "", &res); code != http.StatusOK {
		r.t.Fatalf("search %s: %d", q, code)
	}
	return res
}

func (r *running) load(lines string, alert bool) {
	r.t.Helper()
	path := "/api/v1/articles"
	if alert {
		path += "?alert=true"
	}
	if code := r.do("POST", path, lines, nil); code != http.StatusOK {
		r.t.Fatalf("load: %d", code)
	}
}

func (r *running) alerts() []pipeline.Alert {
	r.t.Helper()
	var page struct{ Items []pipeline.Alert }
	r.do("GET", "/api/v1/alerts", "", &page)
	return page.Items
}

const (
	wuzhen   = `{"url":"https://a.example/1","title":"Wuzhen","text":"В Учжэне говорили о Хуавее и санкциях. Остальное было тише.","lang":"ru","published":"2015-12-16T09:00:00Z"}` + "\n"
	moscow   = `{"url":"https://a.example/2","title":"华为在莫斯科","text":"中国华为公司发布新手机。","lang":"zh","published":"2015-12-17T09:00:00Z"}` + "\n"
	unwanted = `{"url":"https://a.example/3","title":"Kettles","text":"A kettle from nowhere.","published":"2015-12-18T09:00:00Z"}` + "\n"
)

// What is loaded is tagged, searchable, shown, and alerts once if asked to.
func TestLoadToAlert(t *testing.T) {
	r := runApp(t, t.TempDir(), nil)
	r.load(unwanted+moscow, false)
	r.load(wuzhen, true)
	eventually(t, "three articles searchable", func() bool { return r.search("").Total == 3 })

	res := r.search("entity:huawei")
	var titles []string
	for _, h := range res.Hits {
		titles = append(titles, h.Title)
	}
	if diff := cmp.Diff([]string{"华为在莫斯科", "Wuzhen"}, titles); diff != "" {
		t.Errorf("entity:huawei, newest first (-want +got):\n%s", diff)
	}
	var art pipeline.Article
	r.do("GET", "/api/v1/articles/"+res.Hits[1].ID, "", &art)
	if len(art.Mentions) == 0 || art.Text[art.Mentions[0].Start:art.Mentions[0].End] != "Хуавее" {
		t.Errorf("mentions %+v, want Хуавее", art.Mentions)
	}
	if code := r.do("GET", "/api/v1/articles/20151216090000-0000000000000000", "", nil); code != http.StatusNotFound {
		t.Errorf("an unknown article: %d, want 404", code)
	}

	eventually(t, "the alert sent", func() bool {
		as := r.alerts()
		return len(as) == 1 && as[0].State == pipeline.AlertSent
	})
	al := r.alerts()[0]
	if al.Watch != "huawei" || al.Article.ID != art.ID || !strings.Contains(al.Receipt.Sentence, "Хуавее") || strings.Contains(al.Receipt.Sentence, "Остальное") {
		t.Errorf("alert of watch %s about %s because of %q", al.Watch, al.Article.ID, al.Receipt.Sentence)
	}
	if code := r.do("GET", "/api/v1/alerts/"+al.ID, "", nil); code != http.StatusOK {
		t.Errorf("the alert by its id: %d", code)
	}
	if code := r.do("GET", "/api/v1/alerts/huawei.*", "", nil); code != http.StatusNotFound {
		t.Errorf("an alert id with a wildcard: %d, want 404", code)
	}

	r.load(wuzhen, true) // again: nothing new
	time.Sleep(300 * time.Millisecond)
	if n := len(r.alerts()); n != 1 {
		t.Errorf("%d alerts after the same article again, want 1", n)
	}
}

// A new entity is found in what comes within a second, without a restart; so
// is a new watch.
func TestCatalogIsLive(t *testing.T) {
	r := runApp(t, t.TempDir(), nil)
	if code := r.do("PUT", "/api/v1/entities/kettle", `{"id":"kettle","name":"Kettle","kind":"product","names":["kettle"]}`, nil); code >= 300 {
		t.Fatalf("put entity: %d", code)
	}
	if code := r.do("PUT", "/api/v1/watches/kettles", `{"id":"kettles","name":"Kettles","query":"entity:kettle","to":["log"]}`, nil); code >= 300 {
		t.Fatalf("put watch: %d", code)
	}
	eventually(t, "a mention of the new entity", func() bool {
		var out bytes.Buffer
		resp, err := http.Post(r.url+"/api/v1/tag", "application/jsonl", strings.NewReader(`{"id":1,"text":"a kettle"}`+"\n"))
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		out.ReadFrom(resp.Body)
		return strings.Contains(out.String(), `"entity":"kettle"`)
	})
	r.load(unwanted, true)
	eventually(t, "an alert of the new watch", func() bool { return len(r.alerts()) == 1 })
	if code := r.do("PUT", "/api/v1/watches/bad", `{"id":"bad","name":"Bad","query":"a AND (","to":["log"]}`, nil); code != http.StatusUnprocessableEntity && code != http.StatusBadRequest {
		t.Errorf("a watch with a bad query: %d, want it refused", code)
	}
}

// What a user deletes from the starter catalog stays deleted; catalog files
// replace the starter catalog, except for what was changed by hand; files that
// are configured no more are forgotten.
func TestSeed(t *testing.T) {
	data := t.TempDir()
	ids := func(r *running) []string {
		var got []string
		for obj := range r.app.catalog.Snapshot().Objects() {
			got = append(got, obj.Ref().String())
		}
		return got
	}
	r := runApp(t, data, nil)
	if diff := cmp.Diff([]string{"entity huawei", "entity zte", "channel log", "watch huawei"}, sortedLike(ids(r))); diff != "" {
		t.Errorf("seeded (-want +got):\n%s", diff)
	}
	if code := r.do("DELETE", "/api/v1/entities/zte", "", nil); code >= 300 {
		t.Fatalf("delete: %d", code)
	}
	if code := r.do("PUT", "/api/v1/entities/huawei", `{"id":"huawei","name":"Huawei","kind":"organization","names":["Huawei","HW Tech"]}`, nil); code >= 300 {
		t.Fatalf("put: %d", code)
	}
	r.stop()

	r = runApp(t, data, nil)
	if diff := cmp.Diff([]string{"entity huawei", "channel log", "watch huawei"}, sortedLike(ids(r))); diff != "" {
		t.Errorf("after a restart (-want +got):\n%s", diff)
	}
	r.stop()

	file := filepath.Join(t.TempDir(), "mine.yaml")
	if err := os.WriteFile(file, []byte("entities: [ { id: yandex, name: Yandex, kind: organization, names: [Yandex] } ]\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	r = runApp(t, data, func(o *Options) { o.Config.Catalog = []string{file} })
	if diff := cmp.Diff([]string{"entity huawei", "entity yandex"}, sortedLike(ids(r))); diff != "" {
		t.Errorf("with a catalog file (-want +got):\n%s", diff)
	}
	if code := r.do("DELETE", "/api/v1/entities/yandex", "", nil); code != http.StatusConflict {
		t.Errorf("delete of what a file manages: %d, want 409", code)
	}
	r.stop()

	r = runApp(t, data, nil)
	if diff := cmp.Diff([]string{"entity huawei"}, sortedLike(ids(r))); diff != "" {
		t.Errorf("without the file again (-want +got):\n%s", diff)
	}
}

// sortedLike puts entities first, then channels and watches.
func sortedLike(ids []string) []string {
	var out []string
	for _, kind := range []string{"source ", "entity ", "channel ", "watch "} {
		for _, id := range ids {
			if strings.HasPrefix(id, kind) {
				out = append(out, id)
			}
		}
	}
	return out
}

// A message nobody can read is shown with its reason, replayed, dropped.
func TestDeadLetters(t *testing.T) {
	r := runApp(t, t.TempDir(), nil)
	it := pipeline.Item{URL: "https://a.example/x"}
	it.Identify()
	m := pipeline.Message{Subject: pipeline.Items.Subject(it), Data: []byte(`{"key":`)}
	if _, err := r.app.node.Publish(t.Context(), pipeline.StreamItems, m); err != nil {
		t.Fatal(err)
	}
	var page struct{ Items []pipeline.DeadLetter }
	list := func(query string) int {
		r.do("GET", "/api/v1/dead"+query, "", &page)
		return len(page.Items)
	}
	eventually(t, "a dead letter", func() bool { return list("") == 1 })
	d := page.Items[0]
	if d.Reason != "decode" || !strings.HasPrefix(d.Stage, "extract-") || d.Subject != m.Subject {
		t.Errorf("dead letter of stage %s, reason %s, subject %s", d.Stage, d.Reason, d.Subject)
	}
	if n := list("?reason=panic"); n != 0 {
		t.Errorf("%d dead letters for another reason", n)
	}
	if code := r.do("POST", "/api/v1/dead/"+d.ID+":replay", "", nil); code >= 300 {
		t.Fatalf("replay: %d", code)
	}
	eventually(t, "dead again under another id", func() bool { return list("") == 1 && page.Items[0].ID != d.ID })
	if code := r.do("DELETE", "/api/v1/dead/"+page.Items[0].ID, "", nil); code >= 300 {
		t.Fatalf("drop: %d", code)
	}
	if n := list(""); n != 0 {
		t.Errorf("%d dead letters after the drop", n)
	}
	if code := r.do("DELETE", "/api/v1/dead/"+d.ID, "", nil); code != http.StatusNotFound {
		t.Errorf("drop of one that is gone: %d, want 404", code)
	}
}

// Alerts are listed newest first, page by page, each once.
func TestAlertPages(t *testing.T) {
	r := runApp(t, t.TempDir(), nil)
	var lines strings.Builder
	const n = 23
	for i := range n {
		fmt.Fprintf(&lines, `{"url":"https://a.example/%d","title":"Huawei %d","text":"Huawei number %d says this and that.","published":"2015-12-16T09:00:00Z"}`+"\n", i, i, i)
	}
	r.load(lines.String(), true)
	eventually(t, "all alerts sent", func() bool {
		sent := 0
		for _, a := range r.alerts() {
			if a.State == pipeline.AlertSent {
				sent++
			}
		}
		return sent >= n || len(r.alerts()) >= 20 && r.app.pendingOutbox(t) == 0
	})
	seen := map[string]bool{}
	list := alertList{outbox{r.app.node, r.app.node}, r.app.node}
	for cursor, pages := "", 0; ; pages++ {
		as, next, err := list.List(t.Context(), cursor, 5)
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range as {
			if seen[a.ID] {
				t.Errorf("alert %s twice", a.ID)
			}
			seen[a.ID] = true
		}
		if cursor = next; cursor == "" || pages > n {
			break
		}
	}
	if len(seen) != n {
		t.Errorf("%d alerts over all pages, want %d", len(seen), n)
	}
	if _, _, err := list.List(t.Context(), "x", 5); err == nil {
		t.Error("a cursor that is none was accepted")
	}
}

// settled waits until no stage has anything to do: what they did is durable.
func (r *running) settled(t *testing.T) {
	t.Helper()
	eventually(t, "everything settled", func() bool {
		st, err := r.app.status(t.Context())
		return err == nil && !slices.ContainsFunc(st.Stages, func(s pipeline.StageStatus) bool {
			return s.Pending+uint64(s.InFlight)+s.Retrying > 0
		})
	})
}

// pendingOutbox is what the outbox has yet to do.
func (a *App) pendingOutbox(t *testing.T) int {
	t.Helper()
	stages, _, err := a.node.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range stages {
		if s.Stage == "outbox" {
			return int(s.Pending) + s.InFlight + int(s.Retrying)
		}
	}
	return -1
}

// Lines from the network do not read this machine's files.
func TestExtractOverTheAPIReadsNoFiles(t *testing.T) {
	r := runApp(t, t.TempDir(), nil)
	secret := filepath.Join(t.TempDir(), "secret.html")
	if err := os.WriteFile(secret, []byte("<p>the secret of the house</p>"), 0o644); err != nil {
		t.Fatal(err)
	}
	resp, err := http.Post(r.url+"/api/v1/extract", "application/jsonl", strings.NewReader(fmt.Sprintf(`{"id":1,"html_file":%q}`+"\n", secret)))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, _ := io.ReadAll(resp.Body)
	if bytes.Contains(b, []byte("secret of the house")) || !bytes.Contains(b, []byte(`"error"`)) {
		t.Errorf("answer %s, want an error", b)
	}
}

func TestStartErrors(t *testing.T) {
	data := t.TempDir()
	r := runApp(t, data, nil)
	file := filepath.Join(t.TempDir(), "bad.yaml")
	if err := os.WriteFile(file, []byte("entities:\n  - id: x\n    nam: X\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name   string
		change func(*Options)
		want   string
	}{
		{"the folder is in use", func(o *Options) { o.Config.Data = data }, "another newswatch"},
		{"the port is taken", func(o *Options) { o.Config.Web.Listen = strings.TrimPrefix(r.url, "http://") }, "address already in use"},
		{"unknown role", func(o *Options) { o.Config.Roles = []string{"fetch", "cook"} }, `unknown role "cook"`},
		{"roles without a server to share", func(o *Options) { o.Config.Roles = []string{"fetch"} }, "--nats"},
		{"open to the world", func(o *Options) { o.Config.Web.Listen = "0.0.0.0:0" }, "without authentication"},
		{"no server there", func(o *Options) {
			o.Config.NATS.URL = "nats://127.0.0.1:1"
			o.Config.NATS.StartWait = 100 * time.Millisecond
		}, "127.0.0.1:1"},
		{"a bad catalog file at the first start", func(o *Options) { o.Config.Catalog = []string{file} }, "bad.yaml:3"},
		{"a file for a folder", func(o *Options) { o.Config.Data = file }, "not a directory"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			opts := Options{Logger: slog.New(slog.DiscardHandler), Config: config.Default(), Version: "test", Seed: seed()}
			opts.Config.Data = filepath.Join(t.TempDir(), "data")
			opts.Config.Web.Listen = "127.0.0.1:0"
			tt.change(&opts)
			a, err := New(t.Context(), opts)
			if err == nil {
				a.close()
				t.Fatal("New succeeded")
			}
			if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %q, want %q in it", err, tt.want)
			}
		})
	}
}

// A service that nobody offers is told at once; the process is ready all the same.
func TestReady(t *testing.T) {
	r := runApp(t, t.TempDir(), nil)
	if _, err := call[struct{}, string](t.Context(), r.app.node, "nobody", struct{}{}); !errors.Is(err, pipeline.ErrNoServer) {
		t.Errorf("a service nobody offers: %v, want ErrNoServer", err)
	}
	w := httptest.NewRecorder()
	r.app.Handler().ServeHTTP(w, httptest.NewRequest("GET", "http://127.0.0.1/readyz?verbose", nil))
	if w.Code != http.StatusOK {
		t.Errorf("readyz: %d %s", w.Code, w.Body)
	}
}
