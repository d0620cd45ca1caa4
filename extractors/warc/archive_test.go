package warc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

var day = time.Date(2026, 3, 1, 10, 0, 0, 123456789, time.UTC)

func page(n int, body string) *Page {
	return &Page{
		Key: fmt.Sprintf("%016x", n), Source: "s", URL: fmt.Sprintf("https://a.example/%d", n), Fetched: day.Add(time.Duration(n) * time.Second),
		Status: 200, Header: http.Header{"Content-Type": {"text/html; charset=utf-8"}}, Body: []byte(body), Note: []byte(fmt.Sprintf(`{"n":%d}`, n)),
	}
}

// noise is n bytes that do not get shorter.
func noise(n int, seed uint64) string {
	b := make([]byte, n)
	r := rand.New(rand.NewPCG(seed, 7))
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return string(b)
}

func open(t *testing.T, dir string, cfg Config) *Archive {
	t.Helper()
	if cfg.MaxAge == 0 {
		cfg.MaxAge = 100 * 365 * 24 * time.Hour // Open knows the real time only
	}
	a, err := Open(slog.New(slog.DiscardHandler), prometheus.NewRegistry(), dir, "test", cfg)
	if err != nil {
		t.Fatal(err)
	}
	a.now = func() time.Time { return day }
	t.Cleanup(func() { a.Close() })
	return a
}

func keep(t *testing.T, a *Archive, pages ...*Page) {
	t.Helper()
	for _, p := range pages {
		if err := a.Keep(p); err != nil {
			t.Fatal(err)
		}
	}
}

// replay is all pages in the order of a replay.
func replay(t *testing.T, a *Archive, sel Selection) []Page {
	t.Helper()
	var got []Page
	err := a.Replay(t.Context(), sel, Place{}, func(p Page, _ Place) error { got = append(got, p); return nil })
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func keys(pages []Page) (list []string) {
	for _, p := range pages {
		list = append(list, strings.TrimLeft(p.Key, "0"))
	}
	return list
}

// What goes in comes out: byte for byte, the newest of each key, also where a
// body was kept before and in another run.
func TestRoundTrip(t *testing.T) {
	dir := t.TempDir()
	a := open(t, dir, Config{})
	hostile := page(3, "\r\n\r\nWARC/1.1\r\n\x00\xff<p>…</p>")
	hostile.Header["X-Split"] = []string{"a\r\nInjected: yes"}
	hostile.Header["Set-Cookie"] = []string{"secret=1"}
	hostile.Header["Content-Encoding"] = []string{"gzip"}
	hostile.URL += "?a=b\r\nX: y"
	keep(t, a, page(1, "<p>one</p>"), page(2, "<p>one</p>"), hostile, page(4, ""))
	again := page(1, "<p>one, edited</p>")
	again.Fetched = again.Fetched.Add(time.Hour)
	keep(t, a, again)
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	if err := a.Keep(page(9, "")); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close: %v", err)
	}

	a = open(t, dir, Config{})
	keep(t, a, page(5, "<p>one</p>"))
	if n := testutil.ToFloat64(a.metrics.pages.WithLabelValues(keptRevisit)); n != 1 {
		t.Errorf("%v revisits in the second run, want 1: bodies are known again", n)
	}
	want := []Page{*page(2, "<p>one</p>"), *hostile, *page(4, ""), *again, *page(5, "<p>one</p>")}
	want[1].URL = "https://a.example/3?a=b X: y"
	got := replay(t, a, Selection{})
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(Page{}, "Header"), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("pages (-want +got):\n%s", diff)
	}
	h := got[1].Header
	if h.Get("Injected") != "" || h.Get("X-Split") != "a Injected: yes" || h.Get("Set-Cookie") != "" || h.Get("Content-Encoding") != "" || h.Get("X-Archive-Orig-Content-Encoding") != "gzip" {
		t.Errorf("headers %v", h)
	}
	if got[0].Header.Get("Content-Type") != "text/html; charset=utf-8" {
		t.Errorf("content type %q", got[0].Header.Get("Content-Type"))
	}
}

func TestSelection(t *testing.T) {
	a := open(t, t.TempDir(), Config{})
	other := page(2, "b")
	other.Source = "other"
	keep(t, a, page(1, "a"), other, page(3, "c"))
	tests := []struct {
		name string
		sel  Selection
		want []string
	}{
		{"all", Selection{}, []string{"1", "2", "3"}},
		{"source", Selection{Source: "other"}, []string{"2"}},
		{"since", Selection{Since: page(2, "").Fetched}, []string{"2", "3"}},
		{"none", Selection{Source: "nobody"}, nil},
	}
	for _, tt := range tests {
		if diff := cmp.Diff(tt.want, keys(replay(t, a, tt.sel))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
	// An older page does not come back because the newest is of another source.
	moved := page(1, "a")
	moved.Source = "other"
	keep(t, a, moved)
	if got := keys(replay(t, a, Selection{Source: "s"})); !slices.Equal(got, []string{"3"}) {
		t.Errorf("after the move: %v, want 3", got)
	}
}

// Segments are rolled by size and day, and the oldest goes by size and age;
// what stays can be read without it.
func TestRollAndLimits(t *testing.T) {
	dir := t.TempDir()
	a := open(t, dir, Config{MaxSize: 400 << 10, Segment: 60 << 10, MaxAge: 48 * time.Hour})
	now := day
	a.now = func() time.Time { return now }
	same := noise(20<<10, 1)
	for i := range 60 {
		keep(t, a, page(2*i+1, noise(10<<10, uint64(i+10))), page(2*i+2, same))
		if a.total > 400<<10 {
			t.Fatalf("%d bytes after %d pages", a.total, i)
		}
	}
	if n := len(a.segments); n < 4 || a.segments[0].serial == 1 {
		t.Errorf("%d segments from serial %d: want several and the first gone", n, a.segments[0].serial)
	}
	var sum int64
	for _, s := range a.segments {
		fi, err := os.Stat(filepath.Join(dir, s.name()))
		if err != nil {
			t.Fatal(err)
		}
		sum += fi.Size()
	}
	if sum != a.total || testutil.ToFloat64(a.metrics.bytes) != float64(sum) {
		t.Errorf("files have %d bytes, the archive says %d", sum, a.total)
	}
	got := replay(t, a, Selection{})
	for _, p := range got {
		n, err := strconv.ParseUint(p.Key, 16, 64)
		if err != nil {
			t.Fatal(err)
		}
		if n%2 == 0 && len(p.Body) != 20<<10 {
			t.Errorf("page %s has %d bytes: a revisit lost what it refers to", p.Key, len(p.Body))
		}
	}
	if len(got) < 15 {
		t.Errorf("%d pages left", len(got))
	}
	now = now.Add(24 * time.Hour)
	keep(t, a, page(1001, "next day"))
	if s := a.segments[len(a.segments)-1]; s.day.Day() != 2 {
		t.Errorf("the next day's page is in %s", s.name())
	}
	now = now.Add(72 * time.Hour)
	keep(t, a, page(1002, "too late for the first day"))
	if got := keys(replay(t, a, Selection{})); !slices.Equal(got, []string{"3ea", "3e9"}) && !slices.Equal(got, []string{"3ea"}) {
		t.Errorf("after three more days: %v", got)
	}
	now = now.Add(-30 * 24 * time.Hour) // a clock set back: names stay in order
	keep(t, a, page(1003, "x"))
	a.Close()
	b := open(t, dir, Config{})
	if got := keys(replay(t, b, Selection{})); got[0] != "3eb" {
		t.Errorf("newest first after the clock went back: %v", got)
	}
}

// Wherever a write was cut short, what was kept before it is there, what was
// not goes, and the segment is gone on with.
func TestCutAnywhere(t *testing.T) {
	dir := t.TempDir()
	a := open(t, dir, Config{})
	keep(t, a, page(1, "<p>first</p>"))
	whole := a.segments[0].size
	keep(t, a, page(2, "<p>second, with a longer text</p>"))
	name := a.segments[0].name()
	a.Close()
	data, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	for n := 0; n < len(data); n += 11 {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, name), data[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		a := open(t, dir, Config{})
		keep(t, a, page(3, "<p>third</p>"))
		want := []string{"3"}
		if int64(n) >= whole {
			want = []string{"1", "3"}
		}
		if got := keys(replay(t, a, Selection{})); !slices.Equal(got, want) {
			t.Errorf("cut at %d of %d: %v, want %v", n, len(data), got, want)
		}
		if len(a.segments) != 1 {
			t.Errorf("cut at %d: %d segments, want one", n, len(a.segments))
		}
		a.Close()
	}
	// Damage elsewhere cuts nothing off: the segment stays as it is, and a new
	// one begins.
	bad := bytes.Clone(data)
	for i := whole + 30; i < whole+60; i++ {
		bad[i] ^= 0x55
	}
	dir = t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, name), append(bad, data[whole:]...), 0o600); err != nil {
		t.Fatal(err)
	}
	a = open(t, dir, Config{})
	keep(t, a, page(3, "<p>third</p>"))
	if got := keys(replay(t, a, Selection{})); !slices.Equal(got, []string{"3", "1"}) {
		t.Errorf("damaged in the middle: %v, want 3 and 1", got)
	}
	if fi, err := os.Stat(filepath.Join(dir, name)); err != nil || fi.Size() != int64(len(bad)+len(data))-whole {
		t.Errorf("the damaged segment was changed: %v %v", fi, err)
	}
}

// A full disk stops the keeping, is told once, leaves no half records, and ends.
func TestDiskFull(t *testing.T) {
	var logs bytes.Buffer
	dir := t.TempDir()
	a := open(t, dir, Config{})
	a.lg = slog.New(slog.NewTextHandler(&logs, nil))
	now := day
	a.now = func() time.Time { return now }
	keep(t, a, page(1, "<p>one</p>"))
	write := a.write
	a.write = func(f *os.File, p []byte) (int, error) {
		n, _ := f.Write(p[:len(p)/2])
		return n, syscall.ENOSPC
	}
	if err := a.Keep(page(2, "x")); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("on a full disk: %v", err)
	}
	if err := a.Keep(page(3, "x")); !errors.Is(err, ErrPaused) {
		t.Errorf("right after: %v, want ErrPaused", err)
	}
	now = now.Add(2 * restAfter)
	if err := a.Keep(page(4, "x")); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("tried again: %v", err)
	}
	if testutil.ToFloat64(a.metrics.paused) != 1 || testutil.ToFloat64(a.metrics.pages.WithLabelValues(keptNot)) != 3 {
		t.Error("the metrics do not say that pages are not kept")
	}
	if n := strings.Count(logs.String(), "pages are not kept"); n != 1 {
		t.Errorf("told %d times, want once:\n%s", n, logs.String())
	}
	a.write = write
	now = now.Add(2 * restAfter)
	a.free = func(string) (int64, error) { return minFree - 1, nil }
	if err := a.Keep(page(5, "x")); err == nil {
		t.Error("kept on the last of the disk")
	}
	now = now.Add(2 * restAfter)
	a.free = func(string) (int64, error) { return minFree, nil }
	keep(t, a, page(6, "<p>six</p>"))
	if testutil.ToFloat64(a.metrics.paused) != 0 || !strings.Contains(logs.String(), "pages are kept again") {
		t.Error("the end of it is not told")
	}
	a.Close()
	b := open(t, dir, Config{})
	if got := keys(replay(t, b, Selection{})); !slices.Equal(got, []string{"1", "6"}) {
		t.Errorf("kept: %v, want 1 and 6", got)
	}
}

func TestTooBig(t *testing.T) {
	a := open(t, t.TempDir(), Config{})
	for _, p := range []*Page{page(1, strings.Repeat("x", defaultMost)), {Key: "k", URL: strings.Repeat("u", maxFields)}} {
		if err := a.Keep(p); !errors.Is(err, ErrTooBig) {
			t.Errorf("got %v, want ErrTooBig", err)
		}
	}
	keep(t, a, page(2, "x")) // that is no reason to pause
	if got := keys(replay(t, a, Selection{})); !slices.Equal(got, []string{"2"}) {
		t.Errorf("kept %v", got)
	}
}

func TestOneWriter(t *testing.T) {
	dir := t.TempDir()
	a := open(t, dir, Config{})
	if _, err := Open(slog.New(slog.DiscardHandler), prometheus.NewRegistry(), dir, "test", Config{}); !errors.Is(err, ErrLocked) {
		t.Errorf("a second writer: %v, want ErrLocked", err)
	}
	a.Close()
	open(t, dir, Config{})
	if _, err := Open(slog.New(slog.DiscardHandler), prometheus.NewRegistry(), t.TempDir(), "test", Config{MaxSize: -1}); err == nil || !strings.Contains(err.Error(), "max_size") {
		t.Errorf("a negative size: %v", err)
	}
}

// Pages may be kept and replayed by several at once.
func TestAtOnce(t *testing.T) {
	a := open(t, t.TempDir(), Config{Segment: 20 << 10})
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 25 {
				if err := a.Keep(page(1+g*25+i, noise(500, uint64(i)))); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Go(func() {
		for range 5 {
			if err := a.Replay(t.Context(), Selection{}, Place{}, func(Page, Place) error { return nil }); err != nil {
				t.Error(err)
			}
		}
	})
	wg.Wait()
	got := keys(replay(t, a, Selection{}))
	slices.Sort(got)
	if n := len(slices.Compact(got)); n != 200 {
		t.Errorf("%d pages, want 200", n)
	}
}

// A replay that was broken off after any page goes on with the next.
func TestReplayResumes(t *testing.T) {
	a := open(t, t.TempDir(), Config{Segment: 3 << 10})
	for i := range 20 {
		keep(t, a, page(i+1, noise(900, uint64(i))))
	}
	keep(t, a, page(5, "again"))
	want := keys(replay(t, a, Selection{}))
	if len(want) != 20 {
		t.Fatalf("%d pages", len(want))
	}
	stop := errors.New("stop")
	for n := 1; n <= len(want); n++ {
		var got []string
		var at Place
		for {
			left := n
			err := a.Replay(t.Context(), Selection{}, at, func(p Page, next Place) error {
				if left == 0 {
					return stop
				}
				left--
				got, at = append(got, keys([]Page{p})...), next
				return nil
			})
			if err == nil {
				break
			}
			if !errors.Is(err, stop) {
				t.Fatal(err)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("in steps of %d (-want +got):\n%s", n, diff)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := a.Replay(ctx, Selection{}, Place{}, func(Page, Place) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
}

const killedDir = "NEWSWATCH_TEST_WARC_DIR"

// TestKilledWriter is the process that TestKilled kills.
func TestKilledWriter(t *testing.T) {
	dir := os.Getenv(killedDir)
	if dir == "" {
		t.Skip("run by TestKilled")
	}
	a := open(t, dir, Config{Segment: 1 << 20})
	for i := 1; ; i++ {
		keep(t, a, page(i, noise(50<<10, uint64(i))))
		fmt.Println("kept", i)
	}
}

// A process killed at any time has lost nothing that it said it had kept.
func TestKilled(t *testing.T) {
	dir := t.TempDir()
	for range 5 {
		cmd := exec.Command(os.Args[0], "-test.run=^TestKilledWriter$", "-test.v")
		cmd.Env = append(os.Environ(), killedDir+"="+dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		buf, kept := make([]byte, 4096), 0
		var said strings.Builder
		for kept < 40 {
			n, err := out.Read(buf)
			if err != nil {
				t.Fatalf("the writer ended: %v\n%s", err, said.String())
			}
			said.Write(buf[:n])
			kept = strings.Count(said.String(), "kept ")
		}
		cmd.Process.Kill()
		cmd.Wait()
		a := open(t, dir, Config{Segment: 1 << 20})
		if got := len(replay(t, a, Selection{})); got < kept {
			t.Errorf("%d pages after the kill, %d were kept", got, kept)
		}
		a.Close()
	}
}

// Pages are flushed within a bounded time, in one go for all that came
// meanwhile; what a failure of power leaves behind them costs no page that was.
func TestDurable(t *testing.T) {
	dir := t.TempDir()
	a := open(t, dir, Config{})
	var due []func()
	var synced, failing int
	durable := make(map[string]int64) // bytes of each file
	a.after = func(d time.Duration, fn func()) func() bool {
		if d != syncAfter {
			t.Errorf("flushed after %v, want %v", d, syncAfter)
		}
		due = append(due, fn)
		return func() bool { return true }
	}
	a.sync = func(f *os.File) error {
		if failing > 0 {
			failing--
			return syscall.EIO
		}
		synced++
		if fi, err := f.Stat(); err == nil && !fi.IsDir() {
			durable[filepath.Base(f.Name())] = fi.Size()
		}
		return f.Sync()
	}
	keep(t, a, page(1, "<p>one</p>"), page(2, "<p>two</p>"))
	name := a.segments[0].name()
	if synced != 1 || len(due) != 1 || durable[name] != 0 {
		t.Errorf("after two pages: %d flushes, of the folder alone; %d due, want one of each", synced, len(due))
	}
	due[0]()
	if durable[name] != a.segments[0].size {
		t.Errorf("%d bytes durable, %d kept", durable[name], a.segments[0].size)
	}
	flushed := durable[name]
	keep(t, a, page(3, noise(20_000, 3)))
	if len(due) != 2 {
		t.Errorf("%d flushes due, want another", len(due))
	}
	due[0]() // one too many does no harm

	// The power fails: of what was not flushed anything may be there.
	data, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	for what, tail := range map[string][]byte{
		"nothing": nil, "a part": data[flushed : flushed+5000],
		"zeros": make([]byte, 4096), "zeros within": append(bytes.Clone(data[flushed:flushed+3000]), make([]byte, 4096)...),
		"noise": []byte(noise(4096, 9)),
	} {
		crashed := t.TempDir()
		if err := os.WriteFile(filepath.Join(crashed, name), append(bytes.Clone(data[:flushed]), tail...), 0o600); err != nil {
			t.Fatal(err)
		}
		b := open(t, crashed, Config{})
		keep(t, b, page(4, "<p>four</p>"))
		got := keys(replay(t, b, Selection{}))
		slices.Sort(got)
		if !slices.Equal(got, []string{"1", "2", "4"}) {
			t.Errorf("%s at the end: %v, want 1, 2 and 4", what, got)
		}
	}

	// A disk that does not flush: the segment is given up.
	failing = 1
	due[1]()
	keep(t, a, page(5, "<p>five</p>"))
	if len(a.segments) != 2 {
		t.Errorf("%d segments after a failure to flush, want another", len(a.segments))
	}
	if got := keys(replay(t, a, Selection{})); !slices.Equal(got, []string{"5", "1", "2", "3"}) {
		t.Errorf("after it: %v", got)
	}
	if err := a.Close(); err != nil {
		t.Error(err)
	}
	if last := a.segments[1]; durable[last.name()] != last.size {
		t.Errorf("closed with %d bytes durable of %d", durable[last.name()], last.size)
	}
}
