package feeds

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/newswatch/newswatch/pipeline"
	"github.com/newswatch/newswatch/pipeline/catalog"
	"github.com/newswatch/newswatch/pipeline/fetch"
)

// A shelf is a bucket that lives in the test's bubble of time, where a server
// can't. What depends on the real one is tested in poller_test.go.
type shelf struct {
	mu     sync.Mutex
	m      map[string]pipeline.Entry
	writes int
}

func newShelf() *shelf { return &shelf{m: make(map[string]pipeline.Entry)} }

func (s *shelf) Get(_ context.Context, key string) (pipeline.Entry, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, ok := s.m[key]
	if !ok {
		return pipeline.Entry{}, pipeline.ErrNotFound
	}
	return e, nil
}

func (s *shelf) Update(_ context.Context, key string, value []byte, revision uint64) (uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.m[key].Revision != revision {
		return 0, pipeline.ErrConflict
	}
	s.writes++
	s.m[key] = pipeline.Entry{Key: key, Value: value, Revision: revision + 1}
	return revision + 1, nil
}

func (s *shelf) Put(_ context.Context, key string, value []byte) (uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	rev := s.m[key].Revision + 1
	s.m[key] = pipeline.Entry{Key: key, Value: value, Revision: rev}
	return rev, nil
}

func (s *shelf) Delete(_ context.Context, key string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.m, key)
	return nil
}

func (s *shelf) Watch(context.Context, func(pipeline.Entry) error) error {
	return errors.New("not used")
}

// asked is a fetcher that answers by a function and remembers when it was asked.
type asked struct {
	mu     sync.Mutex
	reqs   []fetch.Request
	times  []time.Time
	answer func(n int, req fetch.Request) (*fetch.Response, error)
}

func (a *asked) Get(_ context.Context, req fetch.Request) (*fetch.Response, error) {
	a.mu.Lock()
	n := len(a.reqs)
	a.reqs, a.times = append(a.reqs, req), append(a.times, time.Now())
	a.mu.Unlock()
	return a.answer(n, req)
}

func (a *asked) gaps() (out []time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for i := 1; i < len(a.times); i++ {
		out = append(out, a.times[i].Sub(a.times[i-1]))
	}
	return out
}

func (a *asked) count() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.reqs)
}

func body(s string) *fetch.Response {
	return &fetch.Response{Status: 200, URL: "http://e.com/f", Body: []byte(s), ETag: `"1"`, Header: http.Header{}}
}

func notModified() *fetch.Response {
	return &fetch.Response{Status: 304, NotModified: true, URL: "http://e.com/f", Header: http.Header{}}
}

func oneFeed(every time.Duration) []catalog.Source {
	return []catalog.Source{{ID: "s", Name: "S", Feeds: []catalog.Feed{{URL: "http://e.com/f", Every: catalog.Duration(every)}}}}
}

// polled runs a poller in the bubble for d.
func polled(t *testing.T, kv pipeline.KV, a *asked, cfg Config, sources []catalog.Source, d time.Duration) *Poller {
	t.Helper()
	p := NewPoller(slog.New(slog.DiscardHandler), prometheus.NewRegistry(), kv,
		func(context.Context, pipeline.Item) error { return nil }, a, cfg)
	p.random = func() float64 { return 0.5 } // no jitter
	p.SetSources(sources)
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	if err := p.Run(ctx); err != nil {
		t.Fatal(err)
	}
	return p
}

func TestBackoff(t *testing.T) {
	for _, tc := range []struct {
		name  string
		resp  *fetch.Response
		err   error
		gaps  string // of the first polls
		class string
	}{
		// The first failures of a new feed are asked about soon.
		{"hard", nil, &fetch.Error{Class: fetch.ClassHTTPStatus, Status: 404}, "1m 2m 4m 8m 16m 32m 1h4m 1h30m", "http_status"},
		{"soft", nil, &fetch.Error{Class: fetch.ClassTimeout}, "1m 2m 4m 8m 16m 32m", "timeout"},
		{"html", body("<!doctype html><html></html>"), nil, "1m 2m 4m 8m 16m", "html"},
		{"broken", body("<rss>"), nil, "1m 2m 4m 8m 16m", "broken"},
		{"told to wait", &fetch.Response{Status: 429, RetryAfter: 2 * time.Hour, Header: http.Header{}}, &fetch.Error{Class: fetch.ClassHTTPStatus, Status: 429}, "2h15m 2h15m", "http_status"},
		{"304 to no condition", notModified(), nil, "1m 2m 4m", "http_status"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := &asked{answer: func(int, fetch.Request) (*fetch.Response, error) { return tc.resp, tc.err }}
				p := polled(t, newShelf(), a, Config{}, oneFeed(10*time.Minute), 5*time.Hour)
				for i, want := range strings.Fields(tc.gaps) {
					w, _ := time.ParseDuration(want)
					if got := a.gaps(); i >= len(got) || got[i] != w {
						t.Fatalf("gaps %v, want them to begin %s", got, tc.gaps)
					}
				}
				h := p.Health("s")
				if len(h) != 1 || h[0].State != StateFailing || h[0].Class != tc.class || h[0].Error == "" || h[0].Failures == 0 {
					t.Errorf("health %+v, want failing with class %s", h, tc.class)
				}
			})
		})
	}
}

func TestNeverGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &asked{answer: func(n int, _ fetch.Request) (*fetch.Response, error) {
			if n < 100 {
				return nil, &fetch.Error{Class: fetch.ClassDNS}
			}
			return body(rssOf("<item><title>back</title><link>http://e.com/1</link></item>")), nil
		}}
		p := polled(t, newShelf(), a, Config{}, oneFeed(2*time.Hour), 110*24*time.Hour)
		for _, g := range a.gaps() {
			if g > 24*time.Hour {
				t.Errorf("%v without a poll", g)
			}
		}
		if h := p.Health(""); h[0].State != StateOK || h[0].Failures != 0 || h[0].Items != 1 {
			t.Errorf("health %+v, want well again", h[0])
		}
	})
}

func TestAskedInFullOnceADay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &asked{answer: func(_ int, req fetch.Request) (*fetch.Response, error) {
			if req.ETag != "" {
				return notModified(), nil
			}
			return body(rssOf("")), nil
		}}
		polled(t, newShelf(), a, Config{}, oneFeed(time.Hour), 10*24*time.Hour)
		full, last := 0, time.Time{}
		for i, r := range a.reqs {
			if r.ETag == "" {
				full++
				if gap := a.times[i].Sub(last); i > 0 && (gap < 24*time.Hour || gap > 28*time.Hour) {
					t.Errorf("%v between two unconditional polls", gap)
				}
				last = a.times[i]
			}
		}
		if full < 9 || full > 10 {
			t.Errorf("%d unconditional polls in ten days of %d", full, len(a.reqs))
		}
	})
}

func TestBusyIsNoFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &asked{answer: func(n int, _ fetch.Request) (*fetch.Response, error) {
			if n < 3 {
				return nil, &fetch.BusyError{Host: "e.com", Wait: 7 * time.Minute}
			}
			return body(rssOf("")), nil
		}}
		p := polled(t, newShelf(), a, Config{}, oneFeed(time.Hour), time.Hour)
		if h := p.Health("")[0]; h.Failures != 0 || h.State != StateOK {
			t.Errorf("health %+v", h)
		}
		if g := a.gaps(); len(g) != 3 || g[0].Round(time.Second) != 7*time.Minute {
			t.Errorf("gaps %v, want the times told", g)
		}
	})
}

// A start is no stampede: feeds that are overdue are spread, feeds that are
// new are polled at once, feeds that are not due keep their time.
func TestStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		kv := newShelf()
		var many catalog.Source
		many.ID = "many"
		for i := range 200 {
			many.Feeds = append(many.Feeds, catalog.Feed{URL: fmt.Sprintf("http://h%d.example/", i), Every: catalog.Duration(time.Hour)})
		}
		answer := func(int, fetch.Request) (*fetch.Response, error) { return body(rssOf("")), nil }
		first := &asked{answer: answer}
		polled(t, kv, first, Config{}, []catalog.Source{many}, time.Minute)
		if n := first.count(); n != 200 || !first.times[199].Equal(first.times[0]) {
			t.Fatalf("%d of 200 new feeds polled at once", n)
		}

		early := &asked{answer: answer}
		polled(t, kv, early, Config{}, []catalog.Source{many}, 30*time.Minute)
		if n := early.count(); n != 0 {
			t.Errorf("%d feeds polled before they were due", n)
		}

		time.Sleep(10 * time.Hour)
		late := &asked{answer: answer}
		added := many
		added.Feeds = append(added.Feeds, catalog.Feed{URL: "http://new.example/"})
		began := time.Now()
		polled(t, kv, late, Config{}, []catalog.Source{added}, 10*time.Minute)
		if n := late.count(); n != 201 {
			t.Fatalf("%d polls, want 201", n)
		}
		most, per := 0, map[time.Duration]int{}
		for i, r := range late.reqs {
			if r.URL == "http://new.example/" && late.times[i].Sub(began) > time.Second {
				t.Error("the new feed had to wait")
			}
			per[late.times[i].Sub(began).Truncate(10*time.Second)]++
			most = max(most, per[late.times[i].Sub(began).Truncate(10*time.Second)])
		}
		if most > 50 {
			t.Errorf("%d of 201 polls within ten seconds", most)
		}
	})
}

func TestSourcesChangeLive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &asked{answer: func(int, fetch.Request) (*fetch.Response, error) { return body(rssOf("")), nil }}
		p := NewPoller(slog.New(slog.DiscardHandler), prometheus.NewRegistry(), newShelf(),
			func(context.Context, pipeline.Item) error { return nil }, a, Config{})
		ctx, cancel := context.WithCancel(t.Context())
		var run sync.WaitGroup
		run.Go(func() { _ = p.Run(ctx) })
		synctest.Wait()
		if a.count() != 0 {
			t.Fatal("polled without a source")
		}
		p.SetSources(oneFeed(time.Hour))
		synctest.Wait()
		if a.count() != 1 {
			t.Fatalf("%d polls after a feed appeared, want one at once", a.count())
		}
		p.SetSources(oneFeed(time.Minute)) // sooner than what was planned
		time.Sleep(90 * time.Second)
		if a.count() != 2 {
			t.Errorf("%d polls after its interval was shortened, want 2", a.count())
		}
		p.SetSources(nil)
		time.Sleep(24 * time.Hour)
		if a.count() != 2 || len(p.Health("")) != 0 {
			t.Errorf("%d polls after the feed was taken out, want no more", a.count())
		}
		cancel()
		run.Wait()
	})
}

func TestInterval(t *testing.T) {
	now := time.Date(2026, 1, 8, 0, 0, 0, 0, time.UTC)
	cfg := Config{}.withDefaults()
	doc := func(n int, every time.Duration) *Parsed {
		p := &Parsed{}
		for i := range n {
			p.Items = append(p.Items, pipeline.Item{Published: now.Add(-time.Duration(i) * every), PublishedFrom: pipeline.DateFromFeed})
		}
		return p
	}
	all := func(int) bool { return true }
	for _, tc := range []struct {
		name     string
		doc      *Parsed
		from, to time.Duration
	}{
		{"one a day", doc(20, 23*time.Hour), 60 * time.Minute, 100 * time.Minute},
		{"one an hour", doc(50, time.Hour), 15 * time.Minute, 25 * time.Minute},
		{"one a minute", doc(50, time.Minute), 15 * time.Minute, 20 * time.Minute},
		{"a document in ten minutes", doc(50, 12*time.Second), 5 * time.Minute, 5 * time.Minute},
		{"one a month", doc(10, 725*time.Hour), 80 * time.Minute, 2 * time.Hour},
		{"empty", doc(0, 0), 15 * time.Minute, 15 * time.Minute},
	} {
		var s state
		s.measure(tc.doc, all, now)
		if got := s.interval(0, now, cfg); got < tc.from || got > tc.to {
			t.Errorf("%s: got %v, want between %v and %v", tc.name, got, tc.from, tc.to)
		}
		if got := s.interval(time.Second, now, cfg); got != time.Second {
			t.Errorf("%s: a fixed interval became %v", tc.name, got)
		}
	}
	var s state
	s.measure(doc(50, time.Hour), all, now)
	if busy, quiet := s.interval(0, now, cfg), s.interval(0, now.Add(72*time.Hour), cfg); quiet <= busy {
		t.Errorf("a feed gone quiet: %v, then %v; want it asked less", busy, quiet)
	}
}

func TestHashesAreBounded(t *testing.T) {
	var h hashes
	for round := range 100 {
		doc := make([]uint64, 50)
		for i := range doc {
			doc[i] = uint64(round*10 + i)
		}
		h = h.with(doc)
		have := h.set()
		for _, v := range doc {
			if !have[v] {
				t.Fatal("an item of the document was forgotten")
			}
		}
		if len(h) > 300 || len(have) != len(h) {
			t.Fatalf("%d hashes, %d distinct", len(h), len(have))
		}
	}
	b, err := h.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	var back hashes
	if err := back.UnmarshalJSON(b); err != nil || fmt.Sprint(back) != fmt.Sprint(h) {
		t.Errorf("read back %v: %v, want %v", err, back, h)
	}
}
