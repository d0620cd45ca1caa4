package feeds

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"runtime"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/newswatch/newswatch/pipeline"
	"github.com/newswatch/newswatch/pipeline/catalog"
	"github.com/newswatch/newswatch/pipeline/fetch"
)

// memories is a bucket that has a state for every feed without keeping any, so
// that what is measured is the poller's own.
type memories struct {
	state []byte            // of the feed http://e.com/f
	of    map[string]string // key → address
}

func newMemories(tb testing.TB) *memories {
	tb.Helper()
	now := scaleStart
	s := &state{Version: stateVersion, URL: "http://e.com/f", ETag: []byte(`"33a64df551425fcc55e4d42a148795d9f25f89d4"`), BodyHash: "33a64df551425fcc55e4d42a148795d9"}
	s.Title, s.Format = "News of a publisher: politics", "rss 2.0"
	s.Next, s.Interval, s.LastPoll, s.LastGood, s.LastFull, s.Newest = now, time.Hour, now.Add(-time.Hour), now.Add(-time.Hour), now.Add(-time.Hour), now.Add(-2*time.Hour)
	for i := range 60 {
		s.Hashes = append(s.Hashes, uint64(i)*0x9e3779b97f4a7c15)
		s.Rhythm.add(now.Add(-time.Duration(60-i) * 3 * time.Hour))
	}
	s.Listed, s.Seen, s.Usual = 30, 60, 3*time.Hour
	b, err := json.Marshal(s)
	if err != nil {
		tb.Fatal(err)
	}
	return &memories{state: b, of: make(map[string]string)}
}

func (m *memories) Get(_ context.Context, key string) (pipeline.Entry, error) {
	b := bytes.Replace(m.state, []byte("http://e.com/f"), []byte(m.of[key]), 1)
	return pipeline.Entry{Key: key, Value: b, Revision: 1}, nil
}

func (*memories) Update(_ context.Context, _ string, _ []byte, revision uint64) (uint64, error) {
	return revision + 1, nil
}
func (*memories) Put(context.Context, string, []byte) (uint64, error)     { return 0, nil }
func (*memories) Delete(context.Context, string) error                    { return nil }
func (*memories) Watch(context.Context, func(pipeline.Entry) error) error { return nil }

var scaleStart = time.Date(2026, 1, 8, 12, 0, 0, 0, time.UTC)

// unchanged answers 304 to everything.
type unchanged struct{ resp *fetch.Response }

func (u unchanged) Get(context.Context, fetch.Request) (*fetch.Response, error) { return u.resp, nil }

// scaled is a poller with n feeds on n/4 hosts and a clock that is turned by
// hand, and the bytes it takes for each feed.
func scaled(tb testing.TB, n int) (p *Poller, clock *time.Time, perFeed float64) {
	tb.Helper()
	kv := newMemories(tb)
	sources := make([]catalog.Source, 0, n/4)
	for i := range n / 4 {
		src := catalog.Source{ID: fmt.Sprintf("source-%d", i)}
		for j := range 4 {
			url := fmt.Sprintf("https://www.publisher-%d.example/section-%d/rss.xml", i, j)
			src.Feeds = append(src.Feeds, catalog.Feed{URL: url})
			kv.of[stateKey(url)] = url
		}
		sources = append(sources, src)
	}
	answer := unchanged{&fetch.Response{Status: http.StatusNotModified, NotModified: true, Header: http.Header{}}}
	now := scaleStart
	before := heapBytes()
	p = NewPoller(slog.New(slog.DiscardHandler), prometheus.NewRegistry(), kv,
		func(context.Context, pipeline.Item) error { return nil }, answer, Config{})
	p.now = func() time.Time { return now }
	p.SetSources(sources)
	for len(p.unread) > 0 {
		step(tb, p, &now)
	}
	perFeed = float64(heapBytes()-before) / float64(n)
	runtime.KeepAlive(sources)
	return p, &now, perFeed
}

func heapBytes() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// step does what is next, or turns the clock to when there is something.
func step(tb testing.TB, p *Poller, now *time.Time) (did bool) {
	job, wait := p.next()
	if job == nil {
		*now = now.Add(wait)
		return false
	}
	job(tb.Context())
	return true
}

// The poller of 100,000 feeds takes less than 60 MB (the catalog's own strings
// apart).
func TestMemory(t *testing.T) {
	const n = 10_000
	p, _, perFeed := scaled(t, n)
	t.Logf("%.0f bytes a feed: %.0f MB for 100,000", perFeed, perFeed/10)
	if perFeed > 600 {
		t.Errorf("%.0f bytes a feed, want at most 600", perFeed)
	}
	runtime.KeepAlive(p)
}

// BenchmarkSchedule is one poll of a feed that has not changed: finding it,
// its state read and kept, everything but the network and the bucket's disk.
// core% is how much of a processor it takes at the pace the simulation gives.
func BenchmarkSchedule(b *testing.B) {
	for _, n := range []int{10_000, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			p, now, perFeed := scaled(b, n)
			b.ReportAllocs()
			for b.Loop() {
				for !step(b, p, now) {
				}
				if len(p.dirty) > 300 {
					p.flush(b.Context())
				}
			}
			const perDay = 26 // polls of a feed, testdata/simulation.golden
			perPoll := b.Elapsed().Seconds() / float64(b.N)
			b.ReportMetric(perFeed, "B/feed")
			b.ReportMetric(100*perPoll*perDay*float64(n)/86400, "core%")
		})
	}
}
