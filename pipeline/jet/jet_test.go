package jet

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/newswatch/newswatch/pipeline"
	"github.com/newswatch/newswatch/pipeline/bustest"
)

func TestMain(m *testing.M) {
	if role := os.Getenv("JET_TEST_CHILD"); role != "" {
		child(role)
		return
	}
	goleak.VerifyTestMain(m)
}

// short makes waits short enough for tests.
func short(cfg Config) Config {
	set(&cfg.AckWait, 1500*time.Millisecond)
	set(&cfg.FetchWait, 100*time.Millisecond)
	set(&cfg.LeaseTTL, 600*time.Millisecond)
	if cfg.Retry == nil {
		cfg.Retry = []time.Duration{10 * time.Millisecond, 20 * time.Millisecond, 40 * time.Millisecond}
	}
	return cfg
}

// logBuffer keeps a test's log lines, shown if it fails.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

func newTextLog(b *logBuffer) *slog.Logger {
	return slog.New(slog.NewTextHandler(b, &slog.HandlerOptions{Level: slog.LevelInfo}))
}

func testLog(t testing.TB) *slog.Logger {
	b := new(logBuffer)
	t.Cleanup(func() {
		if t.Failed() {
			text := b.String()
			t.Logf("log:\n%s", text[max(0, len(text)-20_000):])
		}
	})
	return newTextLog(b)
}

func openNode(t testing.TB, cfg Config) *Node {
	t.Helper()
	if cfg.Dir == "" && cfg.URL == "" {
		cfg.Dir = t.TempDir()
	}
	n, err := Open(t.Context(), testLog(t), prometheus.NewRegistry(), short(cfg))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeNode(t, n) })
	return n
}

func closeNode(t testing.TB, n *Node) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := n.Close(ctx); err != nil {
		t.Errorf("close: %v", err)
	}
}

// eventually waits for ok, far longer than it should take.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); {
		if time.Now().After(end) {
			t.Fatalf("waited in vain: %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func publish(t testing.TB, n *Node, stream, subject, data string) uint64 {
	t.Helper()
	seq, err := n.Publish(t.Context(), stream, pipeline.Message{Subject: subject, Data: []byte(data)})
	if err != nil {
		t.Fatal(err)
	}
	return seq
}

// consume runs a consumer until the returned function is called, which waits
// for its end.
func consume(t testing.TB, n *Node, c pipeline.Consumer) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- n.Consume(ctx, c) }()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			if err := <-done; err != nil {
				t.Errorf("consume: %v", err)
			}
		})
	}
	t.Cleanup(stop)
	return stop
}

func TestBusEmbedded(t *testing.T) {
	t.Parallel()
	bustest.Run(t, func(t *testing.T) bustest.Bus { return openNode(t, Config{}) })
}

func TestBusExternal(t *testing.T) {
	t.Parallel()
	bustest.Run(t, func(t *testing.T) bustest.Bus {
		secret := filepath.Join(t.TempDir(), "token")
		if err := os.WriteFile(secret, []byte("s3cret\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		server := openNode(t, Config{Listen: "127.0.0.1:0", TokenFile: secret})
		return openNode(t, Config{URL: server.ClientURL(), TokenFile: secret})
	})
}

func TestNoListenerByDefault(t *testing.T) {
	n := openNode(t, Config{})
	if a := n.emb.srv.Addr(); a != nil {
		t.Errorf("listens on %v", a)
	}
	if u := n.ClientURL(); u != "" {
		t.Errorf("ClientURL %q", u)
	}
	if err := n.Healthy(t.Context()); err != nil {
		t.Errorf("healthy: %v", err)
	}
}

func TestTokenIsAsked(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(secret, []byte("s3cret"), 0o600); err != nil {
		t.Fatal(err)
	}
	n := openNode(t, Config{Listen: "127.0.0.1:0", TokenFile: secret})
	_, err := Open(t.Context(), testLog(t), prometheus.NewRegistry(),
		Config{URL: n.ClientURL(), StartWait: 500 * time.Millisecond})
	if err == nil || !strings.Contains(err.Error(), "connect to nats server") {
		t.Errorf("without token: %v", err)
	}
}

func TestConfigRefused(t *testing.T) {
	for _, test := range []struct {
		name string
		cfg  Config
		want string
	}{
		{"nothing", Config{}, "dir is empty"},
		{"listen beside url", Config{URL: "nats://x", Listen: ":1"}, "listen is for the embedded server"},
		{"replicas alone", Config{Dir: "x", Replicas: 3}, "replicas 3 needs"},
		{"sizes", Config{Dir: "x", MaxStore: 1 << 30, Sizes: Sizes{Items: 2 << 30}}, "sizes add up to"},
		{"node", Config{Dir: "x", Node: "a b"}, "has a space"},
		{"token file", Config{Dir: "x", TokenFile: "/nonexistent"}, "token file"},
		{"open to the world", Config{Dir: filepath.Join(t.TempDir(), "d"), Listen: "0.0.0.0:0"}, "beyond loopback a token_file is needed"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := Open(t.Context(), testLog(t), prometheus.NewRegistry(), test.cfg)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q in it", err, test.want)
			}
		})
	}
}

func TestTwoOnOneFolder(t *testing.T) {
	dir := t.TempDir()
	n := openNode(t, Config{Dir: dir})
	_, err := Open(t.Context(), testLog(t), prometheus.NewRegistry(), Config{Dir: dir})
	want := fmt.Sprintf("another newswatch (pid %d) is using %s", os.Getpid(), dir)
	if !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %q in it", err, want)
	}
	publish(t, n, pipeline.StreamExtracted, "extracted.a", "still alive")
	closeNode(t, n)
	openNode(t, Config{Dir: dir}) // free again
}

func TestPortTaken(t *testing.T) {
	n := openNode(t, Config{Listen: "127.0.0.1:0"})
	addr := n.emb.srv.Addr().String()
	dir := t.TempDir()
	_, err := Open(t.Context(), testLog(t), prometheus.NewRegistry(), Config{Dir: dir, Listen: addr})
	if !errors.Is(err, ErrPortTaken) || !strings.Contains(err.Error(), addr) {
		t.Errorf("got %v", err)
	}
	openNode(t, Config{Dir: dir}) // the failed start gave the folder back
}

func TestFolderIsFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Open(t.Context(), testLog(t), prometheus.NewRegistry(), Config{Dir: filepath.Join(file, "data")})
	if !errors.Is(err, ErrNotWritable) {
		t.Errorf("got %v", err)
	}
}

func TestDiskFull(t *testing.T) {
	var left int64 = 10 << 20
	var mu sync.Mutex
	free := func(string) (int64, error) {
		mu.Lock()
		defer mu.Unlock()
		return left, nil
	}
	setFree := func(n int64) {
		mu.Lock()
		left = n
		mu.Unlock()
	}
	cfg := short(Config{Dir: t.TempDir()})
	_, err := open(t.Context(), testLog(t), prometheus.NewRegistry(), cfg, free)
	if !errors.Is(err, ErrDiskFull) || !strings.Contains(err.Error(), "10 MiB left") {
		t.Fatalf("start on a full disk: %v", err)
	}

	setFree(1 << 40)
	n, err := open(t.Context(), testLog(t), prometheus.NewRegistry(), cfg, free)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeNode(t, n) })
	put := func(stream, subject string) error {
		_, err := n.Publish(t.Context(), stream, pipeline.Message{Subject: subject})
		return err
	}
	for _, test := range []struct {
		free             int64
		items, extracted error
	}{
		{1 << 40, nil, nil},
		{200 << 20, pipeline.ErrFull, nil},
		{100 << 20, pipeline.ErrFull, pipeline.ErrFull},
		{1 << 40, nil, nil},
	} {
		setFree(test.free)
		n.keeper.lookDisk()
		if err := put(pipeline.StreamItems, "item.0.a.b"); !errors.Is(err, test.items) {
			t.Errorf("%d MiB free: item: %v, want %v", test.free>>20, err, test.items)
		}
		if err := put(pipeline.StreamExtracted, "extracted.a"); !errors.Is(err, test.extracted) {
			t.Errorf("%d MiB free: extracted: %v, want %v", test.free>>20, err, test.extracted)
		}
		if low := test.items != nil; (n.Healthy(t.Context()) != nil) != low {
			t.Errorf("%d MiB free: healthy: %v", test.free>>20, n.Healthy(t.Context()))
		}
	}
}

func TestUnclean(t *testing.T) {
	dir := t.TempDir()
	n := openNode(t, Config{Dir: dir})
	if n.Unclean() {
		t.Error("a new folder is unclean")
	}
	closeNode(t, n)
	n = openNode(t, Config{Dir: dir})
	if n.Unclean() {
		t.Error("unclean after an orderly end")
	}
	closeNode(t, n)
	if err := os.WriteFile(filepath.Join(dir, "dirty"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if n = openNode(t, Config{Dir: dir}); !n.Unclean() {
		t.Error("not unclean after a crash")
	}
}

// TestStreamsChange: a second start is idempotent, a changed size is taken
// over, and one below what the stream holds is not, since it would drop
// messages.
func TestStreamsChange(t *testing.T) {
	dir := t.TempDir()
	maxBytes := func(n *Node) int64 {
		_, streams, err := n.Status(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range streams {
			if s.Stream == pipeline.StreamExtracted {
				return s.MaxBytes
			}
		}
		return -1
	}
	for _, test := range []struct{ size, want int64 }{
		{1 << 20, 1 << 20}, {1 << 20, 1 << 20}, {2 << 20, 2 << 20}, {10_000, 2 << 20},
	} {
		n := openNode(t, Config{Dir: dir, Sizes: Sizes{Extracted: test.size}})
		if got := maxBytes(n); got != test.want {
			t.Errorf("size %d: stream has %d, want %d", test.size, got, test.want)
		}
		publish(t, n, pipeline.StreamExtracted, "extracted.a", strings.Repeat("x", 20_000))
		closeNode(t, n)
	}
}
