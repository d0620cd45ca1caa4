package app_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/newswatch/newswatch/pipeline"
)

// built is a program built once for all tests.
type built struct {
	once sync.Once
	path string
	err  error
}

var (
	binDir     string
	newswatch  built
	natsServer built
)

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "newswatch-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	binDir = dir
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

func (b *built) build(t testing.TB, name, pkg string) string {
	t.Helper()
	b.once.Do(func() {
		b.path = filepath.Join(binDir, name)
		out, err := exec.Command("go", "build", "-o", b.path, pkg).CombinedOutput()
		if err != nil {
			b.err = fmt.Errorf("go build %s: %w\n%s", pkg, err, out)
		}
	})
	if b.err != nil {
		t.Fatal(b.err)
	}
	return b.path
}

// A proc is a running newswatch or NATS server.
type proc struct {
	t    testing.TB
	name string
	cmd  *exec.Cmd
	log  *bytes.Buffer
	mu   *sync.Mutex
	done chan struct{}
}

// oldMayAlert is a configuration under which what is old when a feed is first
// polled raises alerts too: the feeds' items are years old.
func oldMayAlert(t testing.TB, dir string) string {
	return writeFile(t, filepath.Join(dir, "newswatch.yaml"), "feeds: { quiet_before: -1s }\n")
}

func start(t testing.TB, name, path string, args ...string) *proc {
	t.Helper()
	p := &proc{t: t, name: name, cmd: exec.Command(path, args...), log: &bytes.Buffer{}, mu: &sync.Mutex{}, done: make(chan struct{})}
	out := &lockedWriter{p.mu, p.log}
	p.cmd.Stdout, p.cmd.Stderr = out, out
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { p.cmd.Wait(); close(p.done) }()
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			t.Logf("%s said at the end:\n%s", name, tail(p.output(), 6000))
		}
	})
	return p
}

type lockedWriter struct {
	mu *sync.Mutex
	w  io.Writer
}

func (l *lockedWriter) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(b)
}

func (p *proc) output() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.String()
}

func tail(s string, n int) string {
	if len(s) > n {
		return "…" + s[len(s)-n:]
	}
	return s
}

// kill is SIGKILL: no goodbye.
func (p *proc) kill() {
	p.cmd.Process.Signal(syscall.SIGKILL)
	<-p.done
}

// stop is SIGTERM, and the process must then end in good order.
func (p *proc) stop() {
	p.t.Helper()
	p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(40 * time.Second):
		p.t.Errorf("%s did not stop within 40 s of SIGTERM", p.name)
		p.kill()
	}
	if code := p.cmd.ProcessState.ExitCode(); code != 0 {
		p.t.Errorf("%s ended with %d after SIGTERM, want 0", p.name, code)
	}
}

func (p *proc) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// freePort is a port nobody listens on just now.
func freePort(t testing.TB) int {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().(*net.TCPAddr).Port
}

// A server is the API of a newswatch.
type server struct {
	t   testing.TB
	url string
}

var errAnswer = errors.New("no good answer")

func (s server) get(path string, out any) error {
	resp, err := http.Get(s.url + path)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		b, _ := io.ReadAll(resp.Body)
		return fmt.Errorf("%w: %s: %s", errAnswer, resp.Status, b)
	}
	if out == nil {
		return nil
	}
	return json.NewDecoder(resp.Body).Decode(out)
}

func (s server) ready(p *proc) {
	s.t.Helper()
	until(s.t, 60*time.Second, "ready", func() (string, bool) {
		if p != nil && p.ended() {
			s.t.Fatalf("%s ended before it was ready:\n%s", p.name, tail(p.output(), 4000))
		}
		err := s.get("/readyz", nil)
		return fmt.Sprint(err), err == nil
	})
}

// total is how many articles match; -1: no answer.
func (s server) total(q string) int {
	var res pipeline.SearchResult
	if err := s.get("/api/v1/search?limit=1&q="+url.QueryEscape(q), &res); err != nil {
		return -1
	}
	return res.Total
}

// urls pages through all that match, newest first.
func (s server) urls(q string) []string {
	s.t.Helper()
	var all []string
	for cursor := ""; ; {
		var res pipeline.SearchResult
		v := url.Values{"q": {q}, "limit": {"200"}, "cursor": {cursor}}
		if cursor == "" {
			v.Del("cursor")
		}
		if err := s.get("/api/v1/search?"+v.Encode(), &res); err != nil {
			s.t.Fatal(err)
		}
		for _, h := range res.Hits {
			all = append(all, h.URL)
		}
		if cursor = res.NextCursor; cursor == "" {
			slices.Sort(all)
			return all
		}
	}
}

func (s server) dead() []pipeline.DeadLetter {
	s.t.Helper()
	var page struct{ Items []pipeline.DeadLetter }
	if err := s.get("/api/v1/dead", &page); err != nil {
		s.t.Fatal(err)
	}
	return page.Items
}

// until waits for ok. The limit is for a run that hangs, not for a slow one.
func until(t testing.TB, limit time.Duration, what string, ok func() (string, bool)) {
	t.Helper()
	deadline := time.Now().Add(limit)
	for {
		state, done := ok()
		if done {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("not %s after %v: %s", what, limit, state)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

func writeFile(t testing.TB, name, text string) string {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return name
}

// checkAll compares what is searchable, and what was alerted on, with what the
// site served.
func checkAll(t *testing.T, s server, st *site, h *hook, more []string) {
	t.Helper()
	want := append(st.links(t), more...)
	slices.Sort(want)
	until(t, 4*time.Minute, "everything searchable", func() (string, bool) {
		n := s.total("")
		return fmt.Sprintf("%d of %d articles", n, len(want)), n >= len(want)
	})
	if diff := cmp.Diff(want, s.urls("")); diff != "" {
		t.Errorf("searchable articles differ from those served (-served +searchable):\n%s", tail(diff, 3000))
	}
	hits := s.urls("entity:china")
	until(t, 2*time.Minute, "all alerts delivered", func() (string, bool) {
		n := len(h.articles())
		return fmt.Sprintf("%d of %d alerts", n, len(hits)), n >= len(hits)
	})
	if diff := cmp.Diff(hits, h.articles()); diff != "" {
		t.Errorf("alerts differ from the search for the watch's query (-search +alerts):\n%s", tail(diff, 3000))
	}
	if len(hits) == 0 {
		t.Error("nothing matched the watch: the test shows nothing")
	}
	for _, d := range s.dead() {
		t.Errorf("dead letter: %s %s: %s", d.Stage, d.Reason, d.Error)
	}
}

// Every item that gofeed finds in 60 real feeds is searchable exactly once,
// and alerted on exactly once, though the process is killed three times.
func TestEndToEndKilled(t *testing.T) {
	st, h := newSite(t, 60), newHook(t)
	bin := newswatch.build(t, "newswatch", "github.com/newswatch/newswatch/cmd/newswatch")
	dir := t.TempDir()
	catalog := writeFile(t, filepath.Join(dir, "catalog.yaml"), st.catalog(h.url))
	addr := fmt.Sprintf("127.0.0.1:%d", freePort(t))
	s := server{t, "http://" + addr}
	run := func() *proc {
		p := start(t, "newswatch", bin, "run", "--config", oldMayAlert(t, dir), "--data", filepath.Join(dir, "data"), "--catalog", catalog, "--listen", addr)
		s.ready(p)
		return p
	}
	want := len(st.links(t))
	t.Logf("%d feeds, %d articles", len(st.feeds), want)
	p := run()
	for _, share := range []float64{.15, .4, .7} {
		until(t, 4*time.Minute, fmt.Sprintf("%.0f %% through", 100*share), func() (string, bool) {
			n := s.total("")
			return fmt.Sprintf("%d of %d articles", n, want), float64(n) >= share*float64(want)
		})
		p.kill()
		p = run()
	}
	checkAll(t, s, st, h, nil)

	// Feeds go on: what is added is found, what was there is not found again.
	more := append(st.add(st.feeds[0].host, 7), st.add(st.feeds[1].host, 5)...)
	checkAll(t, s, st, h, more)
	p.stop()
	p = run()
	checkAll(t, s, st, h, more)
	p.stop()
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.got304 == 0 {
		t.Error("no feed was asked for with its validator")
	}
	t.Logf("feeds: %d times 200, %d times 304; pages: %d", st.got, st.got304, st.gotPage)
}

// The same with the roles in three processes and an external NATS server, one
// of the three killed midway.
func TestEndToEndSplit(t *testing.T) {
	st, h := newSite(t, 50), newHook(t)
	bin := newswatch.build(t, "newswatch", "github.com/newswatch/newswatch/cmd/newswatch")
	natsBin := natsServer.build(t, "nats-server", "github.com/nats-io/nats-server/v2")
	dir := t.TempDir()
	catalog := writeFile(t, filepath.Join(dir, "catalog.yaml"), st.catalog(h.url))
	config := oldMayAlert(t, dir)

	port := freePort(t)
	nats := fmt.Sprintf("nats://127.0.0.1:%d", port)
	start(t, "nats-server", natsBin, "-a", "127.0.0.1", "-p", fmt.Sprint(port), "-js", "-sd", filepath.Join(dir, "nats"))
	until(t, 30*time.Second, "listening", func() (string, bool) {
		c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			c.Close()
		}
		return fmt.Sprint(err), err == nil
	})

	addr := fmt.Sprintf("127.0.0.1:%d", freePort(t))
	s := server{t, "http://" + addr}
	run := func(name, roles string, args ...string) *proc {
		args = append([]string{"run", "--config", config, "--nats", nats, "--role", roles, "--catalog", catalog, "--data", filepath.Join(dir, name)}, args...)
		return start(t, name, bin, args...)
	}
	front := run("front", "fetch,web", "--listen", addr)
	middle := run("middle", "extract,stories")
	back := run("back", "index,alerts")
	s.ready(front)

	want := len(st.links(t))
	t.Logf("%d feeds, %d articles", len(st.feeds), want)
	until(t, 4*time.Minute, "a third through", func() (string, bool) {
		n := s.total("")
		return fmt.Sprintf("%d of %d articles", n, want), n >= want/3
	})
	middle.kill()
	middle = run("middle", "extract,stories")
	until(t, 4*time.Minute, "two thirds through", func() (string, bool) {
		n := s.total("")
		return fmt.Sprintf("%d of %d articles", n, want), n >= 2*want/3
	})
	back.kill()
	back = run("back", "index,alerts")
	checkAll(t, s, st, h, nil)
	for _, p := range []*proc{front, middle, back} {
		p.stop()
		if strings.Contains(p.output(), "panic:") {
			t.Errorf("%s panicked:\n%s", p.name, tail(p.output(), 4000))
		}
	}
}
