package extractors

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/newswatch/newswatch/pipeline"
	"github.com/newswatch/newswatch/pipeline/jet"
)

// openBucket opens the checkpoints of the data folder on the real server.
func openBucket(t *testing.T, dir string) (kv pipeline.KV, stop func()) {
	t.Helper()
	node, err := jet.Open(t.Context(), slog.New(slog.DiscardHandler), prometheus.NewRegistry(), jet.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	closed := false
	stop = func() {
		if !closed {
			closed = true
			if err := node.Close(t.Context()); err != nil {
				t.Error(err)
			}
		}
	}
	t.Cleanup(func() {
		if !closed {
			_ = node.Close(t.Context()) // the test has failed already
		}
	})
	if kv, err = node.KV(t.Context(), pipeline.BucketCheckpoints); err != nil {
		t.Fatal(err)
	}
	return kv, stop
}

func newLearner(t *testing.T, kv Store, cfg LearnConfig) (*Learner, *bytes.Buffer) {
	t.Helper()
	var logged bytes.Buffer
	l := NewLearner(slog.New(slog.NewTextHandler(&logged, nil)), kv, cfg)
	l.now = func() time.Time { return seen }
	return l, &logged
}

// appeal stands on every page of the host that asks for it.
const appeal = "Follow us on every network there is, and subscribe to our letter, which is sent on every day but Sunday."

// sitePage is the n-th article of a site, with the appeal at its end.
func sitePage(n int) string {
	var b strings.Builder
	fmt.Fprintf(&b, `<html lang="en"><head><title>Article number %d</title><link rel="canonical" href="https://wuzhen.example/%d"></head><body><article><h1>Article number %[1]d</h1>`, n, n)
	for i, p := range paragraphs {
		fmt.Fprintf(&b, "<p>Paragraph %d of %d. %s</p>", i, n, p)
	}
	return b.String() + "<p>" + appeal + "</p></article></body></html>"
}

func (r *rig) read(t *testing.T, n int, body string) pipeline.Article {
	t.Helper()
	r.Extractor.fetcher = served(body)
	return r.handle(t, item(func(it *pipeline.Item) {
		it.URL, it.Title = fmt.Sprintf("https://wuzhen.example/%d", n), fmt.Sprintf("Article number %d", n)
	}))
}

// What stands on three pages of a host is left out of the fourth, also after a
// restart, and stays in those of another host.
func TestLearnAcrossARestart(t *testing.T) {
	dir := t.TempDir()
	kv, stop := openBucket(t, dir)
	l, _ := newLearner(t, kv, LearnConfig{})
	r := newRig(t, Config{}, nil, nil)
	r.Learn(l)
	for n := range recurs {
		if a := r.read(t, n, sitePage(n)); !strings.Contains(a.Text, appeal) {
			t.Fatalf("page %d: the appeal is gone already: %q", n, a.Text)
		}
	}
	if err := l.Save(t.Context()); err != nil {
		t.Fatal(err)
	}
	stop()

	kv, stop = openBucket(t, dir)
	defer stop()
	l, _ = newLearner(t, kv, LearnConfig{})
	r = newRig(t, Config{}, nil, nil)
	r.Learn(l)
	a := r.read(t, 7, sitePage(7))
	if strings.Contains(a.Text, appeal) || !strings.HasPrefix(a.Text, "Paragraph 0 of 7. ") || strings.Count(a.Text, "\n\n") != len(paragraphs)-1 {
		t.Errorf("text = %q", a.Text)
	}
	r.Extractor.fetcher = served(strings.ReplaceAll(sitePage(8), "wuzhen.example", "other.example"))
	a = r.handle(t, item(func(it *pipeline.Item) { it.URL = "https://other.example/8" }))
	if !strings.Contains(a.Text, appeal) {
		t.Errorf("another host's text = %q", a.Text)
	}
}

// Without learning nothing is left out.
func TestNotLearned(t *testing.T) {
	r := newRig(t, Config{}, nil, nil)
	for n := range recurs + 2 {
		if a := r.read(t, n, sitePage(n)); !strings.Contains(a.Text, appeal) {
			t.Errorf("page %d: %q", n, a.Text)
		}
	}
}

// Pages that share an address or a title are one: an article read three times,
// its copy at other addresses, its corrections under other headlines.
func TestLearnCountsDifferentPages(t *testing.T) {
	for _, tt := range []struct {
		name  string
		pages [][2]string // address, title
		want  bool
	}{
		{"three pages", [][2]string{{"a", "A"}, {"b", "B"}, {"c", "C"}}, true},
		{"two pages", [][2]string{{"a", "A"}, {"b", "B"}}, false},
		{"one page, again and again", [][2]string{{"a", "A"}, {"a", "A"}, {"a", "A"}, {"a", "A"}}, false},
		{"one article at three addresses", [][2]string{{"a", "A"}, {"b", "A"}, {"c", "a"}}, false},
		{"one address with three headlines", [][2]string{{"a", "A"}, {"a", "B"}, {"a", "C"}}, false},
		{"each half known", [][2]string{{"a", "A"}, {"b", "B"}, {"a", "C"}, {"c", "B"}}, false},
		{"no title", [][2]string{{"a", ""}, {"b", ""}, {"c", ""}}, false},
	} {
		kv, stop := openBucket(t, t.TempDir())
		l, _ := newLearner(t, kv, LearnConfig{})
		l.load(t.Context(), "h")
		for _, p := range tt.pages {
			l.learn("h", p[0], p[1], []uint64{7, 7})
		}
		if got := l.known(t.Context(), "h")[7]; got != tt.want {
			t.Errorf("%s: known = %v, want %v", tt.name, got, tt.want)
		}
		stop()
	}
}

// A text all of which is known stays: a page never loses more than half of it.
func TestLearnSparesHalf(t *testing.T) {
	kv, stop := openBucket(t, t.TempDir())
	defer stop()
	l, _ := newLearner(t, kv, LearnConfig{})
	r := newRig(t, Config{}, nil, nil)
	r.Learn(l)
	// One article under three addresses and headlines, as live coverage is.
	same := "<p>" + strings.Join(paragraphs, "</p><p>") + "</p>"
	live := func(n int) string {
		return fmt.Sprintf(`<html><head><title>Live, part %d</title><link rel="canonical" href="https://wuzhen.example/%d"></head><body><article><h1>Live, part %[1]d</h1>%[3]s</article></body></html>`, n, n, same)
	}
	for n := range recurs + 3 {
		if a := r.read(t, n, live(n)); a.Text != strings.Join(paragraphs, "\n\n") {
			t.Errorf("page %d: %q", n, a.Text)
		}
	}
}

func TestLearnForgetsWhatIsLongestNotSeen(t *testing.T) {
	h := &host{}
	page := func(n uint32) pageID { return pageID{n, n} }
	for n := range uint32(40) {
		h.learn(page(n), []uint64{1, 100 + uint64(n), 200 + uint64(n)}, 9)
	}
	var got []uint64
	for _, b := range h.blocks {
		got = append(got, b.digest)
	}
	if diff := cmp.Diff([]uint64{136, 236, 137, 237, 138, 238, 1, 139, 239}, got); diff != "" {
		t.Errorf("blocks (-want +got):\n%s", diff)
	}
	if b := h.blocks[6]; b.n != recurs || b.pages != [recurs]pageID{page(0), page(1), page(2)} {
		t.Errorf("%+v", b)
	}
	if n := h.learn(page(50), []uint64{1, 139}, 9); n != 1 {
		t.Errorf("%d changes, want 1: a block seen on a second page", n)
	}
	// A page longer than what is remembered of a host.
	long := make([]uint64, 50)
	for i := range long {
		long[i] = uint64(1000 + i)
	}
	if h.learn(page(60), long, 9); len(h.blocks) != 9 || h.blocks[8].digest != 1049 {
		t.Errorf("%d blocks", len(h.blocks))
	}
}

// Hosts beyond the bound leave memory, those longest not met first, and come
// back from the store; of the stored ones the sweep keeps the latest.
func TestLearnBoundsHosts(t *testing.T) {
	kv, stop := openBucket(t, t.TempDir())
	defer stop()
	ctx := t.Context()
	if _, err := kv.Put(ctx, "seed.catalog", []byte("another's")); err != nil {
		t.Fatal(err)
	}
	l, logged := newLearner(t, kv, LearnConfig{Hosts: 2})
	at := seen
	l.now = func() time.Time { at = at.Add(time.Second); return at }
	for _, name := range []string{"a.example", "b.example", "c.example", "d.example"} {
		l.load(ctx, name)
		for n := range recurs {
			l.learn(name, fmt.Sprint(n), fmt.Sprint(n), []uint64{42, uint64(n)})
		}
	}
	l.load(ctx, "once.example")
	l.learn("once.example", "1", "1", []uint64{42})
	l.load(ctx, "empty.example")
	if len(l.hosts) != 2 || l.order.Len() != 2 {
		t.Errorf("%d hosts in memory", len(l.hosts))
	}
	if !l.known(ctx, "a.example")[42] {
		t.Error("a host that left memory is forgotten")
	}
	if err := l.Save(ctx); err != nil {
		t.Fatal(err)
	}
	if err := l.sweepTo(ctx, 2); err != nil {
		t.Fatal(err)
	}
	var kept []string
	for _, name := range []string{"a.example", "b.example", "c.example", "d.example", "once.example", "empty.example"} {
		if _, err := kv.Get(ctx, blocksKey(name)); err == nil {
			kept = append(kept, name)
		}
	}
	if diff := cmp.Diff([]string{"c.example", "d.example"}, kept); diff != "" {
		t.Errorf("stored (-want +got):\n%s", diff)
	}
	if _, err := kv.Get(ctx, "seed.catalog"); err != nil {
		t.Errorf("a key of another: %v", err)
	}
	if strings.Contains(logged.String(), "level=WARN") {
		t.Error(logged.String())
	}
}

// A record that can't be read is warned of, ignored, and written anew.
func TestLearnBrokenRecord(t *testing.T) {
	good := (&host{name: "h", blocks: []block{{digest: 1, n: 2}}}).encode()
	for name, value := range map[string]string{
		"no JSON":      "{",
		"cut":          string(good[:len(good)/2]),
		"another host": string((&host{name: "g"}).encode()),
		"too new":      `{"v":2,"host":"h"}`,
		"half a block": `{"v":1,"host":"h","blocks":"AQID"}`,
		"five pages":   `{"v":1,"host":"h","blocks":"AAAAAAAAAAAF"}`,
		"empty":        "",
	} {
		t.Run(name, func(t *testing.T) {
			kv, stop := openBucket(t, t.TempDir())
			defer stop()
			ctx := t.Context()
			if _, err := kv.Put(ctx, blocksKey("h"), []byte(value)); err != nil {
				t.Fatal(err)
			}
			l, logged := newLearner(t, kv, LearnConfig{})
			if l.known(ctx, "h") != nil {
				t.Error("something is known")
			}
			if !strings.Contains(logged.String(), "level=WARN") || !strings.Contains(logged.String(), "host=h") {
				t.Errorf("log: %q", logged.String())
			}
			for n := range recurs {
				l.learn("h", fmt.Sprint(n), fmt.Sprint(n), []uint64{9})
			}
			if err := l.Save(ctx); err != nil {
				t.Fatal(err)
			}
			again, _ := newLearner(t, kv, LearnConfig{})
			if !again.known(ctx, "h")[9] {
				t.Error("the record was not written anew")
			}
		})
	}
}

// Two processes on one host: who saves later gives way, and goes on from what
// the other knows.
func TestLearnBesideAnother(t *testing.T) {
	kv, stop := openBucket(t, t.TempDir())
	defer stop()
	ctx := t.Context()
	mine, _ := newLearner(t, kv, LearnConfig{})
	other, _ := newLearner(t, kv, LearnConfig{})
	for _, l := range []*Learner{mine, other} {
		l.load(ctx, "h")
	}
	for n := range recurs {
		other.learn("h", fmt.Sprint(n), fmt.Sprint(n), []uint64{1})
		mine.learn("h", fmt.Sprint(n), fmt.Sprint(n), []uint64{2})
	}
	if err := errors.Join(other.Save(ctx), mine.Save(ctx)); err != nil {
		t.Fatal(err)
	}
	if known := mine.known(ctx, "h"); !known[1] || known[2] {
		t.Errorf("known %v", known)
	}
	mine.learn("h", "9", "9", []uint64{3})
	if err := mine.Save(ctx); err != nil {
		t.Fatal(err)
	}
	if e, err := kv.Get(ctx, blocksKey("h")); err != nil || !bytes.Contains(e.Value, []byte(`"h"`)) {
		t.Errorf("%s, %v", e.Value, err)
	} else if h, err := decodeHost(e.Value); err != nil || !slices.ContainsFunc(h.blocks, func(b block) bool { return b.digest == 3 }) {
		t.Errorf("%+v, %v", h, err)
	}
}

func FuzzDecodeHost(f *testing.F) {
	f.Add((&host{name: "h", blocks: []block{{digest: 1, n: 2}, {digest: 2, n: 3}}}).encode())
	f.Add([]byte(`{"v":1,"host":"h","blocks":"AAAAAAAAAAAF"}`))
	f.Fuzz(func(t *testing.T, value []byte) {
		h, err := decodeHost(value)
		if err != nil {
			return
		}
		again, err := decodeHost(h.encode())
		if err != nil || !slices.Equal(again.blocks, h.blocks) {
			t.Fatalf("%+v, then %+v, %v", h, again, err)
		}
	})
}

// counting is a store that holds nothing and counts what is saved.
type counting struct{ saves, sweeps atomic.Int64 }

func (c *counting) Get(_ context.Context, key string) (pipeline.Entry, error) {
	return pipeline.Entry{}, fmt.Errorf("%s: %w", key, pipeline.ErrNotFound)
}
func (c *counting) Update(context.Context, string, []byte, uint64) (uint64, error) {
	return uint64(c.saves.Add(1)), nil
}
func (c *counting) Delete(context.Context, string) error { return nil }
func (c *counting) Watch(_ context.Context, fn func(pipeline.Entry) error) error {
	c.sweeps.Add(1)
	return fn(pipeline.Entry{})
}

// What changed is saved after a while, or when there is enough of it, and
// nothing where nothing changed.
func TestLearnerSavesNowAndThen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var store counting
		l, _ := newLearner(t, &store, LearnConfig{Blocks: 2 * saveChanges})
		done := make(chan error)
		go func() { done <- l.Run(ctx) }()
		read := func(n, blocks int) {
			l.load(ctx, "h")
			digests := make([]uint64, blocks)
			for i := range digests {
				digests[i] = uint64(i)
			}
			l.learn("h", fmt.Sprint(n), fmt.Sprint(n), digests)
			synctest.Wait()
		}
		read(1, 3)
		read(2, 3)
		if store.saves.Load() != 0 {
			t.Errorf("%d saves at once", store.saves.Load())
		}
		time.Sleep(saveEvery + time.Second)
		synctest.Wait()
		if store.saves.Load() != 1 {
			t.Errorf("%d saves after a while, want 1", store.saves.Load())
		}
		time.Sleep(10 * saveEvery)
		synctest.Wait()
		if store.saves.Load() != 1 {
			t.Errorf("%d saves where nothing changed", store.saves.Load()-1)
		}
		if read(3, saveChanges); store.saves.Load() != 2 {
			t.Errorf("%d saves after many changes, want 2", store.saves.Load())
		}
		time.Sleep(2 * sweepEvery)
		synctest.Wait()
		if store.sweeps.Load() != 3 {
			t.Errorf("%d sweeps, want 3: at the start and each day", store.sweeps.Load())
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}
