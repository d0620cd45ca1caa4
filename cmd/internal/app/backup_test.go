package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/newswatch/newswatch/cmd/internal/backup"
	"github.com/newswatch/newswatch/cmd/internal/config"
	"github.com/newswatch/newswatch/index"
	"github.com/newswatch/newswatch/pipeline"
	"github.com/newswatch/newswatch/pipeline/jet"
	"github.com/newswatch/newswatch/web"
)

// A receiver counts what a webhook channel sends, by id.
type receiver struct {
	*httptest.Server
	mu    sync.Mutex
	calls map[string]int
}

func newReceiver(t *testing.T) *receiver {
	r := &receiver{calls: make(map[string]int)}
	r.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.calls[req.Header.Get("webhook-id")]++
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) seen() map[string]int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.calls)
}

// huaweiLine is the nth article, which the watch matches.
func huaweiLine(n int) string {
	return fmt.Sprintf(`{"url":"https://a.example/h%d","title":"Day %[1]d","text":"On day %[1]d Huawei signed contract number %[1]d with town %[1]d, said the mayor of place %d.","lang":"en","published":"%s"}`+"\n",
		n, n*7, time.Date(2015, time.Month(1+n%12), 1+n%28, 9, 0, n%60, 0, time.UTC).Format(time.RFC3339))
}

func loadURLs(r *running, q string) []string {
	r.t.Helper()
	var urls []string
	for cursor := ""; ; {
		var res pipeline.SearchResult
		if code := r.do("GET", "/api/v1/search?limit=200&q="+q+cursor, "", &res); code != http.StatusOK {
			r.t.Fatalf("search: %d", code)
		}
		for _, h := range res.Hits {
			urls = append(urls, h.URL)
		}
		if res.NextCursor == "" {
			slices.Sort(urls)
			return urls
		}
		cursor = "&cursor=" + res.NextCursor
	}
}

// takeBackup fetches a backup over the API.
func takeBackup(r *running, query string) []byte {
	r.t.Helper()
	resp, err := http.Post(r.url+"/api/v1/backup"+query, "", nil)
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		r.t.Fatalf("backup: %s, %v", resp.Status, err)
	}
	return data
}

func restoreTo(t *testing.T, data string, backup []byte) error {
	t.Helper()
	cfg := config.Default()
	cfg.Data = data
	_, err := Restore(t.Context(), slog.New(slog.DiscardHandler), cfg, bytes.NewReader(backup))
	return err
}

// A backup taken while articles come has what was accepted before it, catalog,
// alerts and what became of them; what the restored newswatch does is what the
// old one would have done: no article twice, no alert sent twice.
func TestBackupAndRestore(t *testing.T) {
	hook := newReceiver(t)
	r := runApp(t, t.TempDir(), nil)
	channel := fmt.Sprintf(`{"kind":"webhook","url":%q,"allow_private":true}`, hook.URL)
	if code := r.do("PUT", "/api/v1/channels/hook", channel, nil); code >= 300 {
		t.Fatalf("channel: %d", code)
	}
	if code := r.do("PUT", "/api/v1/watches/contracts", `{"name":"Contracts","query":"huawei contract","group":"none","to":["hook"]}`, nil); code >= 300 {
		t.Fatalf("watch: %d", code)
	}
	const first, all = 150, 400
	var before strings.Builder
	for n := range first {
		before.WriteString(huaweiLine(n))
	}
	r.load(before.String(), true)
	eventually(t, "some alerts sent", func() bool { return len(hook.seen()) > first/2 })

	// The second half comes while the backup is taken.
	var loading sync.WaitGroup
	loading.Go(func() {
		for n := first; n < all; n++ {
			resp, err := http.Post(r.url+"/api/v1/articles?alert=true", "application/jsonl", strings.NewReader(huaweiLine(n)))
			if err != nil {
				t.Error(err)
				return
			}
			resp.Body.Close()
		}
	})
	sent := hook.seen()
	saved := takeBackup(r, "")
	loading.Wait()
	eventually(t, "all alerts sent", func() bool { return len(hook.seen()) == all })
	r.stop()
	atEnd := hook.seen()

	dir := filepath.Join(t.TempDir(), "data")
	if err := restoreTo(t, dir, saved); err != nil {
		t.Fatal(err)
	}
	r = runApp(t, dir, nil)
	has := func() bool {
		got := loadURLs(r, "")
		for n := range first {
			if !slices.Contains(got, fmt.Sprintf("https://a.example/h%d", n)) {
				return false
			}
		}
		return true
	}
	eventually(t, "what was accepted before the backup is searchable", has)
	if r.app.catalog.Snapshot().Watch("contracts") == nil || r.app.catalog.Snapshot().Channel("hook") == nil || r.app.catalog.Snapshot().Entity("huawei") == nil {
		t.Error("the catalog is not what it was")
	}
	var known []string
	for cursor := ""; ; {
		var page struct {
			Items []pipeline.Alert
			Next  string `json:"next_cursor"`
		}
		r.do("GET", "/api/v1/alerts?limit=200"+cursor, "", &page)
		for _, a := range page.Items {
			known = append(known, a.ID)
		}
		if page.Next == "" {
			break
		}
		cursor = "&cursor=" + page.Next
	}
	if n := len(sent); len(known) < n {
		t.Errorf("%d alerts in the history, at least %d were sent", len(known), n)
	}

	// Everything comes again, as from feeds: nothing is doubled.
	var again strings.Builder
	for n := range all {
		again.WriteString(huaweiLine(n))
	}
	r.load(again.String(), true)
	var want []string
	for n := range all {
		want = append(want, fmt.Sprintf("https://a.example/h%d", n))
	}
	slices.Sort(want)
	eventually(t, "everything searchable", func() bool { return r.search("").Total >= all })
	if diff := cmp.Diff(want, loadURLs(r, "")); diff != "" {
		t.Errorf("searchable (-want +got):\n%s", diff)
	}
	r.settled(t)
	for id, n := range hook.seen() {
		if sent[id] > 0 && n != atEnd[id] {
			t.Errorf("alert %s was sent before the backup, and again by the restored", id)
		}
	}
	if n := len(hook.seen()); n != all {
		t.Errorf("%d alerts, want %d", n, all)
	}
	if st, err := r.app.status(t.Context()); err != nil || st.Dead > 0 {
		t.Errorf("dead letters %d, %v", st.Dead, err)
	}
}

// What is restored, and where, is looked at before anything is put in place.
func TestRestoreRefuses(t *testing.T) {
	data := t.TempDir()
	r := runApp(t, data, func(o *Options) { o.Config.Extract.Archive.Enabled = true })
	r.load(wuzhen+moscow, false)
	eventually(t, "searchable", func() bool { return r.search("").Total == 2 })
	saved := takeBackup(r, "?pages=true")
	if err := restoreTo(t, data, saved); !errors.Is(err, jet.ErrInUse) {
		t.Errorf("into a folder in use: %v", err)
	}
	if code := r.do("POST", "/api/v1/backup?pages=maybe", "", nil); code != http.StatusUnprocessableEntity {
		t.Errorf("a strange option: %d", code)
	}
	r.app.backing.Lock()
	if code := r.do("POST", "/api/v1/backup", "", nil); code != http.StatusConflict {
		t.Errorf("two at a time: %d", code)
	}
	r.app.backing.Unlock()
	r.stop()
	if err := restoreTo(t, data, saved); !errors.Is(err, ErrNotEmpty) {
		t.Errorf("into a folder with something in it: %v", err)
	}

	m, err := VerifyBackup(t.Context(), bytes.NewReader(saved))
	if err != nil || !m.Has("index") || m.Program != "test" {
		t.Fatalf("VerifyBackup: %+v, %v", m, err)
	}
	empty := func(dir string) {
		t.Helper()
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if e.Name() != lockFile {
				t.Errorf("left behind: %s", e.Name())
			}
		}
	}
	dir := t.TempDir()
	for _, n := range []int{0, 10, len(saved) / 3, len(saved) / 2, len(saved) - 20} {
		if err := restoreTo(t, dir, saved[:n]); !errors.Is(err, backup.ErrDamaged) && !errors.Is(err, index.ErrSnapshot) {
			t.Errorf("cut off after %d bytes: %v", n, err)
		}
		empty(dir)
		if _, err := VerifyBackup(t.Context(), bytes.NewReader(saved[:n])); !errors.Is(err, backup.ErrDamaged) && !errors.Is(err, index.ErrSnapshot) {
			t.Errorf("verify what was cut off after %d bytes: %v", n, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	cfg := config.Default()
	cfg.Data = dir
	if _, err := Restore(ctx, slog.New(slog.DiscardHandler), cfg, bytes.NewReader(saved)); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v", err)
	}
	empty(dir)

	// What a restore that was killed left is no folder to run on, and none to
	// keep the next restore away.
	if err := os.MkdirAll(filepath.Join(dir, restoring, "index"), 0o750); err != nil {
		t.Fatal(err)
	}
	opts := Options{Logger: slog.New(slog.DiscardHandler), Config: config.Default(), Seed: seed()}
	opts.Config.Data, opts.Config.Web.Listen = dir, ""
	opts.Config.Roles = Roles()[:5]
	opts.Config.NATS.Listen = "127.0.0.1:0"
	if _, err := New(t.Context(), opts); !errors.Is(err, ErrCutOff) {
		t.Errorf("run on what a killed restore left: %v", err)
	}
	if err := restoreTo(t, dir, saved); err != nil {
		t.Fatal(err)
	}
	again := runApp(t, dir, nil)
	if n := again.search("").Total; n != 2 {
		t.Errorf("%d articles, want 2", n)
	}
}

// Without the index, what the stream has is indexed again.
func TestBackupWithoutIndex(t *testing.T) {
	r := runApp(t, t.TempDir(), nil)
	r.load(wuzhen+moscow, false)
	eventually(t, "searchable", func() bool { return r.search("").Total == 2 })
	saved := takeBackup(r, "?index=false")
	r.app.index, r.app.server = nil, nil
	if err := r.app.Backup(t.Context(), io.Discard, web.BackupOptions{}); !errors.Is(err, web.ErrNoIndex) {
		t.Errorf("Backup without an index: %v", err)
	}
	dir := t.TempDir()
	if err := restoreTo(t, dir, saved); err != nil {
		t.Fatal(err)
	}
	again := runApp(t, dir, nil)
	eventually(t, "searchable again", func() bool { return again.search("").Total == 2 })
}
