package feeds_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/newswatch/newswatch/pipeline"
	"github.com/newswatch/newswatch/pipeline/catalog"
	"github.com/newswatch/newswatch/pipeline/feeds"
	"github.com/newswatch/newswatch/pipeline/fetch"
	"github.com/newswatch/newswatch/pipeline/jet"
)

func lg() *slog.Logger { return slog.New(slog.DiscardHandler) }

func openNode(t *testing.T) *jet.Node {
	t.Helper()
	n, err := jet.Open(t.Context(), lg(), prometheus.NewRegistry(), jet.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		_ = n.Close(ctx)
	})
	return n
}

func bucket(t *testing.T, n *jet.Node) pipeline.KV {
	t.Helper()
	kv, err := n.KV(t.Context(), pipeline.BucketFeeds)
	if err != nil {
		t.Fatal(err)
	}
	return kv
}

// A site serves feeds with validators and remembers how it was asked.
type site struct {
	*httptest.Server
	mu    sync.Mutex
	items map[string][]string // by path, newest first
	edits map[string]int      // item → edition
	asked map[string][]http.Header
}

func newSite(t *testing.T) *site {
	s := &site{items: map[string][]string{}, edits: map[string]int{}, asked: map[string][]http.Header{}}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked[r.URL.Path] = append(s.asked[r.URL.Path], r.Header.Clone())
	var b strings.Builder
	b.WriteString(`<rss version="2.0"><channel><title>site</title>`)
	for _, it := range s.items[r.URL.Path] {
		fmt.Fprintf(&b, "<item><title>%s, edition %d</title><link>http://pub.example/%s</link><guid isPermaLink=\"false\">%s</guid></item>", it, s.edits[it], it, it)
	}
	b.WriteString("</channel></rss>")
	// A byte that is no UTF-8: validators are bytes.
	etag := fmt.Sprintf("\"\xe9%s\"", pipeline.Digest8(b.String()))
	w.Header().Set("ETag", etag)
	w.Header().Set("Last-Modified", "the other day")
	if r.Header.Get("If-None-Match") == etag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	_, _ = w.Write([]byte(b.String()))
}

func (s *site) put(path string, items ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.items[path] = items
}

func (s *site) edit(item string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.edits[item]++
}

func (s *site) requests(path string) []http.Header {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.asked[path])
}

func (s *site) source(every time.Duration, paths ...string) []catalog.Source {
	src := catalog.Source{ID: "src", Country: "RU", Lang: "ru", AllowPrivate: true, AtOnce: 9, Gap: catalog.Duration(time.Millisecond)}
	for _, p := range paths {
		src.Feeds = append(src.Feeds, catalog.Feed{URL: s.URL + p, Every: catalog.Duration(every)})
	}
	return []catalog.Source{src}
}

// start runs a poller; stop ends it and waits.
func start(t *testing.T, kv pipeline.KV, publish feeds.Publisher, cfg feeds.Config, sources []catalog.Source) (p *feeds.Poller, stop func()) {
	t.Helper()
	c, err := fetch.New(lg(), prometheus.NewRegistry(), fetch.Config{})
	if err != nil {
		t.Fatal(err)
	}
	p = feeds.NewPoller(lg(), prometheus.NewRegistry(), kv, publish, c, cfg)
	p.SetSources(sources)
	ctx, cancel := context.WithCancel(t.Context())
	var run sync.WaitGroup
	run.Go(func() { _ = p.Run(ctx) })
	var once sync.Once
	stop = func() { once.Do(func() { cancel(); run.Wait(); c.Close() }) }
	t.Cleanup(stop)
	return p, stop
}

// until waits for what must come to pass.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: has not come to pass", what)
		}
	}
}

// stored is the items of the stream.
func stored(t *testing.T, n *jet.Node) (items []pipeline.Item) {
	t.Helper()
	err := n.Read(t.Context(), pipeline.StreamItems, "", 1, func(d pipeline.Delivery) error {
		it, err := pipeline.Items.Decode(d)
		items = append(items, it)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return items
}

func titles(items []pipeline.Item) []string {
	var out []string
	for _, it := range items {
		out = append(out, it.Title)
	}
	slices.Sort(out)
	return out
}

func TestItemsOnce(t *testing.T) {
	n, s := openNode(t), newSite(t)
	s.put("/f", "b", "a")
	p, stop := start(t, bucket(t, n), feeds.ToBus(n), feeds.Config{}, s.source(10*time.Millisecond, "/f"))
	until(t, "five polls", func() bool { return len(s.requests("/f")) >= 5 })
	s.put("/f", "c", "b", "a")
	until(t, "a new item", func() bool { return len(stored(t, n)) >= 3 })
	s.edit("a")
	until(t, "an edited item", func() bool { return len(stored(t, n)) >= 4 })
	more := len(s.requests("/f"))
	until(t, "more polls", func() bool { return len(s.requests("/f")) >= more+5 })
	stop()
	items := stored(t, n)
	want := []string{"a, edition 0", "a, edition 1", "b, edition 0", "c, edition 0"}
	if diff := cmp.Diff(want, titles(items)); diff != "" {
		t.Errorf("items (-want +got):\n%s", diff)
	}
	if items[0].Title != "a, edition 0" {
		t.Errorf("first stored: %q, want the oldest", items[0].Title)
	}
	for _, it := range items {
		if it.Source != "src" || it.Country != "RU" || it.Lang != "ru" || !it.Private || it.AtOnce != 9 || it.GapMS != 1 || it.Feed != s.URL+"/f" {
			t.Errorf("not stamped with its source: %+v", it)
		}
	}
	reqs := s.requests("/f")
	if reqs[0].Get("If-None-Match") != "" || reqs[0].Get("If-Modified-Since") != "" {
		t.Error("the first poll had a condition")
	}
	if got := reqs[1]; !strings.HasPrefix(got.Get("If-None-Match"), "\"\xe9") || got.Get("If-Modified-Since") != "the other day" {
		t.Errorf("second poll: %q, %q; want both validators, byte for byte", got.Get("If-None-Match"), got.Get("If-Modified-Since"))
	}
	h := p.Health("src")
	if len(h) != 1 || h[0].State != feeds.StateOK || h[0].Items != 4 || h[0].Listed != 3 || h[0].LastGood.IsZero() {
		t.Errorf("health %+v", h)
	}
}

// Whoever goes on where another stopped has its validators and publishes
// nothing twice.
func TestRestart(t *testing.T) {
	n, s := openNode(t), newSite(t)
	kv := bucket(t, n)
	s.put("/f", "b", "a")
	_, stop := start(t, kv, feeds.ToBus(n), feeds.Config{}, s.source(10*time.Millisecond, "/f"))
	until(t, "two polls", func() bool { return len(s.requests("/f")) >= 2 })
	stop()
	before := len(s.requests("/f"))
	s.put("/f", "c", "b", "a")
	_, stop = start(t, kv, feeds.ToBus(n), feeds.Config{}, s.source(10*time.Millisecond, "/f"))
	until(t, "the new item", func() bool { return len(stored(t, n)) >= 3 && len(s.requests("/f")) > before+2 })
	stop()
	if s.requests("/f")[before].Get("If-None-Match") == "" {
		t.Error("the first poll after the restart had no condition")
	}
	if got := titles(stored(t, n)); len(got) != 3 {
		t.Errorf("stored %v, want three items", got)
	}
}

// spied is a bucket that tells what is written, and can be made to fail.
type spied struct {
	pipeline.KV
	mu     sync.Mutex
	events *[]string
	fail   bool
}

func (k *spied) Update(ctx context.Context, key string, v []byte, rev uint64) (uint64, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.fail {
		return 0, errors.New("the machine died here")
	}
	*k.events = append(*k.events, "state")
	return k.KV.Update(ctx, key, v, rev)
}

// The state, with its validators, is stored after every item is confirmed. If
// the stream takes no more, it is not stored at all, the feed is asked again
// without a condition, and no item is lost.
func TestStateComesAfterTheItems(t *testing.T) {
	n, s := openNode(t), newSite(t)
	s.put("/f", "d", "c", "b", "a")
	var mu sync.Mutex
	var events []string
	room := 2
	kv := &spied{KV: bucket(t, n), events: &events}
	bus := feeds.ToBus(n)
	publish := func(ctx context.Context, it pipeline.Item) error {
		kv.mu.Lock()
		defer kv.mu.Unlock()
		mu.Lock()
		defer mu.Unlock()
		if room == 0 {
			return fmt.Errorf("publish: %w", pipeline.ErrFull)
		}
		err := bus(ctx, it)
		if err == nil {
			room--
			events = append(events, "item")
		}
		return err
	}
	p, stop := start(t, kv, publish, feeds.Config{FullWait: 5 * time.Millisecond}, s.source(time.Hour, "/f"))
	until(t, "the feed is held", func() bool { h := p.Health(""); return len(h) == 1 && h[0].Held })
	until(t, "it is asked again", func() bool { return len(s.requests("/f")) >= 2 })
	kv.mu.Lock()
	if slices.Contains(events, "state") {
		t.Error("the state was stored although items were not")
	}
	room = 100
	kv.mu.Unlock()
	until(t, "the state is stored", func() bool {
		kv.mu.Lock()
		defer kv.mu.Unlock()
		return slices.Contains(events, "state")
	})
	stop()
	for i, r := range s.requests("/f") {
		if r.Get("If-None-Match") != "" {
			t.Errorf("poll %d had a condition while items were missing", i)
		}
	}
	if last := events[len(events)-1]; last != "state" || slices.Index(events, "state") != len(events)-1 {
		t.Errorf("order %v, want the state last", events)
	}
	keys := map[string]bool{}
	for _, it := range stored(t, n) {
		keys[it.Key] = true
	}
	if len(keys) != 4 {
		t.Errorf("%d items stored, want 4", len(keys))
	}
}

// Ends between publishing and storing the state, however many, lose nothing
// and add each item at most once more.
func TestEndsBeforeTheStateIsStored(t *testing.T) {
	n, s := openNode(t), newSite(t)
	s.put("/f", "c", "b", "a")
	var events []string
	kv := &spied{KV: bucket(t, n), events: &events, fail: true}
	for round := range 4 {
		before := len(s.requests("/f"))
		_, stop := start(t, kv, feeds.ToBus(n), feeds.Config{}, s.source(10*time.Millisecond, "/f"))
		until(t, "a poll", func() bool { return len(s.requests("/f")) > before+2 })
		stop()
		keys, versions := map[string]bool{}, map[string]bool{}
		for _, it := range stored(t, n) {
			keys[it.Key] = true
			versions[it.Key+it.Content] = true
		}
		if len(keys) != 3 || len(versions) > 6 {
			t.Errorf("round %d: %d items in %d versions, want 3 in at most 6", round, len(keys), len(versions))
		}
	}
}

// An article that two feeds list is published for each of them, once.
func TestTwoFeedsOneArticle(t *testing.T) {
	n, s := openNode(t), newSite(t)
	s.put("/one", "a")
	s.put("/two", "a")
	_, stop := start(t, bucket(t, n), feeds.ToBus(n), feeds.Config{}, s.source(10*time.Millisecond, "/one", "/two"))
	until(t, "both feeds", func() bool { return len(stored(t, n)) >= 2 })
	a, b := len(s.requests("/one")), len(s.requests("/two"))
	until(t, "more polls", func() bool { return len(s.requests("/one")) > a+3 && len(s.requests("/two")) > b+3 })
	stop()
	items := stored(t, n)
	if len(items) != 2 || items[0].Key != items[1].Key || items[0].Content == items[1].Content || items[0].Feed == items[1].Feed {
		t.Errorf("got %+v, want the article once for each feed", items)
	}
}

// After an unclean end nothing remembered is believed: what was confirmed and
// then lost is published again.
func TestDistrust(t *testing.T) {
	n, s := openNode(t), newSite(t)
	kv := bucket(t, n)
	s.put("/f", "b", "a")
	var mu sync.Mutex
	there := map[string]bool{}
	publish := func(_ context.Context, it pipeline.Item) error {
		mu.Lock()
		defer mu.Unlock()
		if there[it.Key+it.Content] {
			return pipeline.ErrExists
		}
		there[it.Key+it.Content] = true
		return nil
	}
	size := func() int { mu.Lock(); defer mu.Unlock(); return len(there) }
	_, stop := start(t, kv, publish, feeds.Config{}, s.source(10*time.Millisecond, "/f"))
	until(t, "a second poll", func() bool { return len(s.requests("/f")) >= 2 })
	stop()
	mu.Lock()
	for k := range there { // the disk kept the state and lost one item
		delete(there, k)
		break
	}
	mu.Unlock()
	before := len(s.requests("/f"))
	_, stop = start(t, kv, publish, feeds.Config{}, s.source(10*time.Millisecond, "/f"))
	until(t, "polls that trust", func() bool { return len(s.requests("/f")) > before+2 })
	stop()
	if size() != 1 {
		t.Fatalf("%d items, want the loss to stand while the state is trusted", size())
	}
	before = len(s.requests("/f"))
	_, stop = start(t, kv, publish, feeds.Config{Distrust: true}, s.source(10*time.Millisecond, "/f"))
	until(t, "the lost item again", func() bool { return size() == 2 })
	until(t, "polls that trust again", func() bool { return len(s.requests("/f")) > before+2 })
	stop()
	if r := s.requests("/f"); r[before].Get("If-None-Match") != "" || r[before+1].Get("If-None-Match") == "" {
		t.Error("want the first poll without a condition, and the second with one")
	}
	if size() != 2 {
		t.Errorf("%d items, want no more than were lost", size())
	}
}

// A host that asked to be left alone is, by the next process on the same bucket.
func TestRetryAfterOutlivesTheProcess(t *testing.T) {
	n := openNode(t)
	s := newSite(t)
	s.put("/f", "a")
	var busy atomic.Int32
	host := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		busy.Add(1)
		w.Header().Set("Retry-After", "3600")
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	defer host.Close()
	sources := append(s.source(20*time.Millisecond, "/f"), catalog.Source{
		ID: "z", AllowPrivate: true, Feeds: []catalog.Feed{{URL: host.URL + "/f", Every: catalog.Duration(20 * time.Millisecond)}, {URL: host.URL + "/g"}},
	})
	kv := bucket(t, n)
	first, stop := start(t, kv, feeds.ToBus(n), feeds.Config{}, sources)
	until(t, "the host has spoken and been heard", func() bool {
		return slices.ContainsFunc(first.Health("z"), feeds.FeedHealth.Failing)
	})
	stop()
	asked := busy.Load()
	_, stop = start(t, kv, feeds.ToBus(n), feeds.Config{}, sources)
	before := len(s.requests("/f"))
	until(t, "the other host is polled for a while", func() bool { return len(s.requests("/f")) > before+10 })
	stop()
	if got := busy.Load(); got != asked {
		t.Errorf("asked %d times more after the restart", got-asked)
	}
}
