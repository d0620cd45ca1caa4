package feeds

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/newswatch/newswatch/pipeline"
	"github.com/newswatch/newswatch/pipeline/catalog"
	"github.com/newswatch/newswatch/pipeline/fetch"
)

// A rig is a poller in a bubble of time, with what it published and told.
type rig struct {
	*Poller
	a      *asked
	mu     sync.Mutex
	items  []pipeline.Item
	events []pipeline.FeedEvent
	deaf   int // events that are not taken
}

func newRig(t *testing.T, kv pipeline.KV, cfg Config, sources []catalog.Source, answer func(n int, req fetch.Request) (*fetch.Response, error)) *rig {
	t.Helper()
	r := &rig{a: &asked{answer: answer}}
	cfg.OnEvent = func(_ context.Context, ev pipeline.FeedEvent) error {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.deaf > 0 {
			r.deaf--
			return pipeline.ErrFull
		}
		r.events = append(r.events, ev)
		return nil
	}
	r.Poller = NewPoller(slog.New(slog.DiscardHandler), prometheus.NewRegistry(), kv, func(_ context.Context, it pipeline.Item) error {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.items = append(r.items, it)
		return nil
	}, r.a, cfg)
	r.random = func() float64 { return 0.5 } // no jitter
	r.SetSources(sources)
	return r
}

// run polls for d, as one process would.
func (r *rig) run(t *testing.T, d time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	if err := r.Run(ctx); err != nil {
		t.Fatal(err)
	}
}

func (r *rig) kinds() (out []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, ev := range r.events {
		out = append(out, ev.Kind)
	}
	return out
}

func status(code int) (*fetch.Response, error) {
	return &fetch.Response{Status: code, URL: "http://e.com/f", Header: http.Header{}},
		&fetch.Error{Class: fetch.ClassHTTPStatus, Status: code}
}

// published is a feed that publishes every gap since start, as it stands now.
func published(start time.Time, gap time.Duration, until time.Time) *fetch.Response {
	last := time.Now()
	if last.After(until) {
		last = until
	}
	var b strings.Builder
	n := int(last.Sub(start) / gap)
	for i := n; i >= 0 && i > n-30; i-- {
		at := start.Add(time.Duration(i) * gap)
		fmt.Fprintf(&b, "<item><title>n %d</title><link>http://e.com/%d</link><pubDate>%s</pubDate></item>", i, i, at.UTC().Format(time.RFC1123Z))
	}
	resp := body(rssOf(b.String()))
	resp.ETag = fmt.Sprintf(`"%d"`, n)
	return resp
}

func bubble(t *testing.T, name string, f func(t *testing.T)) {
	t.Run(name, func(t *testing.T) { synctest.Test(t, f) })
}

func TestGoneIsConfirmedAndNeverForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gone := true
		r := newRig(t, newShelf(), Config{}, oneFeed(10*time.Minute), func(int, fetch.Request) (*fetch.Response, error) {
			if gone {
				return status(http.StatusGone)
			}
			return body(rssOf("")), nil
		})
		r.run(t, 30*time.Minute)
		if h := r.Health("")[0]; h.State != StateFailing || len(r.kinds()) != 0 {
			t.Fatalf("%+v, told %v; one 410 is not to be believed", h, r.kinds())
		}
		r.run(t, 40*day)
		if h := r.Health("")[0]; h.State != StateGone || !strings.Contains(h.Reason, "410") {
			t.Errorf("%+v, want gone", h)
		}
		gaps := r.a.gaps()
		if len(gaps) != 2 || gaps[0] < time.Hour || gaps[0] > 2*time.Hour || gaps[1] < 29*day {
			t.Errorf("gaps %v, want an hour, then a month", gaps)
		}
		gone = false
		r.run(t, 40*day)
		if diff := cmp.Diff([]string{pipeline.FeedFailing, pipeline.FeedRecovered}, r.kinds()); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
		if h := r.Health("")[0]; h.State != StateOK {
			t.Errorf("%+v, want well again", h)
		}
	})
}

// redirected answers as if the redirects led to an address.
func redirected(to string, codes ...int) *fetch.Response {
	resp := body(rssOf("<item><title>a</title><link>http://e.com/1</link></item>"))
	resp.URL = to
	for _, c := range codes {
		resp.Redirects = append(resp.Redirects, fetch.Redirect{From: "http://e.com/f", To: to, Status: c})
	}
	return resp
}

func TestMoves(t *testing.T) {
	const old, neu = "http://e.com/f", "https://new.example/f"
	bubble(t, "permanent, and back", func(t *testing.T) {
		broken := false
		r := newRig(t, newShelf(), Config{}, oneFeed(time.Hour), func(_ int, req fetch.Request) (*fetch.Response, error) {
			switch {
			case req.URL == neu && broken:
				return status(404)
			case req.URL == neu:
				return redirected(neu), nil
			case broken:
				return redirected(old), nil
			}
			return redirected(neu, 301, 308), nil
		})
		began := time.Now()
		r.run(t, 16*day)
		first := slices.IndexFunc(r.a.reqs, func(q fetch.Request) bool { return q.URL == neu })
		if first < 0 || r.a.times[first].Sub(began) < moveAfter || r.a.times[first].Sub(began) > moveAfter+2*time.Hour {
			t.Fatalf("new address asked at poll %d, want after three days", first)
		}
		checks := 0
		for _, q := range r.a.reqs[first:] {
			if q.URL == old {
				checks++
			}
		}
		if checks != 1 {
			t.Errorf("the old address was asked %d times in 13 days, want once a week", checks)
		}
		if h := r.Health("")[0]; h.URL != old || h.MovedTo != neu || !h.MovedUsed || h.State != StateOK {
			t.Errorf("health %+v", h)
		}
		if len(r.items) != 1 || r.items[0].Feed != old {
			t.Errorf("items %+v, want one, of the catalog's address", r.items)
		}
		broken = true
		r.run(t, 2*day)
		if last := r.a.reqs[len(r.a.reqs)-1]; last.URL != old {
			t.Errorf("last asked %s, want to have gone back", last.URL)
		}
		if h := r.Health("")[0]; h.MovedTo != "" || h.State != StateOK {
			t.Errorf("health %+v, want well at its old address", h)
		}
	})
	for name, tc := range map[string]struct {
		codes []int
		other string // a feed of the catalog too
	}{
		"302 is not permanent":    {[]int{302}, ""},
		"one hop that is not":     {[]int{301, 307}, ""},
		"303":                     {[]int{303}, ""},
		"in the catalog as it is": {[]int{301}, neu},
	} {
		bubble(t, name, func(t *testing.T) {
			src := oneFeed(time.Hour)
			if tc.other != "" {
				src[0].Feeds = append(src[0].Feeds, catalog.Feed{URL: tc.other, Every: catalog.Duration(400 * day)})
			}
			r := newRig(t, newShelf(), Config{}, src, func(_ int, req fetch.Request) (*fetch.Response, error) {
				if req.URL == neu {
					return redirected(neu), nil
				}
				return redirected(neu, tc.codes...), nil
			})
			r.run(t, 10*day)
			for _, h := range r.Health("") {
				if h.MovedUsed {
					t.Errorf("%+v, want its address kept", h)
				}
			}
		})
	}
}

func TestBreaker(t *testing.T) {
	for name, err := range map[string]*fetch.Error{
		"5xx": {Class: fetch.ClassHTTPStatus, Status: 503},
		"tls": {Class: fetch.ClassTLS},
		"dns": {Class: fetch.ClassDNS},
	} {
		bubble(t, name, func(t *testing.T) {
			down := true
			var src catalog.Source
			src.ID = "s"
			for i := range 20 {
				src.Feeds = append(src.Feeds, catalog.Feed{URL: fmt.Sprintf("http://e.com/%d", i), Every: catalog.Duration(10 * time.Minute)})
			}
			others := catalog.Source{ID: "o", Feeds: []catalog.Feed{
				{URL: "http://one.example/"}, {URL: "http://two.example/"}, {URL: "http://three.example/"}}}
			var hits []time.Time
			var mu sync.Mutex
			r := newRig(t, newShelf(), Config{}, []catalog.Source{src, others}, func(_ int, req fetch.Request) (*fetch.Response, error) {
				mu.Lock()
				defer mu.Unlock()
				if !strings.HasPrefix(req.URL, "http://e.com/") {
					return body(rssOf("")), nil
				}
				hits = append(hits, time.Now())
				if down {
					return nil, err
				}
				return body(rssOf("")), nil
			})
			began := time.Now()
			r.run(t, day)
			if len(hits) < 5 || hits[4].Sub(began) > time.Minute || hits[5].Sub(hits[4]) < firstProbe {
				t.Fatalf("asked at %v, want five times and then left alone for a quarter of an hour", hits)
			}
			for i := 6; i < len(hits); i++ {
				if d, before := hits[i].Sub(hits[i-1]), hits[i-1].Sub(hits[i-2]); d < min(2*before, lastProbe)-time.Minute || d > lastProbe+time.Minute {
					t.Errorf("probe %d after %v, the one before after %v; want twice as long, six hours at most", i, d, before)
				}
			}
			h := r.Health("s")
			if !slices.ContainsFunc(h, func(h FeedHealth) bool { return h.State == StateHeld && h.Reason != "" }) {
				t.Errorf("no feed of the host is held")
			}
			down = false
			n := len(hits)
			r.run(t, 7*time.Hour)
			if len(hits) < n+20 {
				t.Errorf("%d polls after the host came back, want every feed", len(hits)-n)
			}
		})
	}
}

func TestNoNetwork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var src catalog.Source
		src.ID = "s"
		for i := range 8 {
			src.Feeds = append(src.Feeds, catalog.Feed{URL: fmt.Sprintf("http://h%d.example/", i), Every: catalog.Duration(time.Hour)})
		}
		off := false
		r := newRig(t, newShelf(), Config{}, []catalog.Source{src}, func(int, fetch.Request) (*fetch.Response, error) {
			if off {
				return nil, &fetch.Error{Class: fetch.ClassDNS}
			}
			return body(rssOf("")), nil
		})
		r.run(t, 10*time.Minute)
		off = true
		n := r.a.count()
		r.run(t, 30*time.Hour)
		for _, h := range r.Health("") {
			if h.Failures > 2 || h.Reason == "" {
				t.Errorf("%+v: charged with what is no fault of its own", h)
			}
		}
		for i := n + 8; i < n+16; i++ {
			if d := r.a.times[i].Sub(r.a.times[i-8]); d > 4*time.Minute {
				t.Errorf("asked again after %v, want a minute or so", d)
			}
		}
		if diff := cmp.Diff([]string{pipeline.FeedOffline}, r.kinds()); diff != "" {
			t.Errorf("events of thirty hours without a network (-want +got):\n%s", diff)
		}
		off = false
		r.run(t, 16*time.Minute)
		for _, h := range r.Health("") {
			if h.State != StateOK {
				t.Errorf("%+v, want well a quarter of an hour after the network came back", h)
			}
		}
	})
}

func TestValidatorsThatLie(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		r := newRig(t, newShelf(), Config{}, oneFeed(time.Hour), func(_ int, req fetch.Request) (*fetch.Response, error) {
			if req.ETag != "" {
				return notModified(), nil // whatever is asked
			}
			resp := published(start, 3*time.Hour, start.Add(100*day))
			resp.ETag = `"always"`
			return resp, nil
		})
		r.run(t, 4*day-30*time.Minute)
		conditional := 0
		for i, q := range r.a.reqs {
			if r.a.times[i].Sub(start) > 27*time.Hour && q.ETag != "" {
				conditional++
			}
		}
		if conditional != 0 {
			t.Errorf("%d polls with a condition after the lie was found", conditional)
		}
		if len(r.items) != 4*8 {
			t.Errorf("%d items, want all 32", len(r.items))
		}
	})
}

// A server that dates a new item after its last 304, with new validators, is no
// liar.
func TestValidatorsThatDoNotLie(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		r := newRig(t, newShelf(), Config{}, oneFeed(time.Hour), func(_ int, req fetch.Request) (*fetch.Response, error) {
			resp := published(start, 7*time.Hour, start.Add(100*day))
			if resp.ETag == req.ETag {
				return notModified(), nil
			}
			return resp, nil
		})
		r.run(t, 10*day)
		full := 0
		for _, q := range r.a.reqs {
			if q.ETag == "" {
				full++
			}
		}
		if full > 11 {
			t.Errorf("%d unconditional polls in ten days", full)
		}
	})
}

func TestIntervalBounds(t *testing.T) {
	now := time.Date(2026, 1, 8, 12, 0, 0, 0, time.UTC)
	cfg := Config{}.withDefaults()
	busy := func(change func(*state)) *state {
		s := &state{}
		s.Listed = 50
		for i := 7 * 24 * 12; i > 0; i-- { // twelve an hour
			s.Rhythm.add(now.Add(-time.Duration(i) * 5 * time.Minute))
		}
		change(s)
		return s
	}
	for _, tc := range []struct {
		name   string
		change func(*state)
		want   time.Duration
	}{
		{"as it is", func(*state) {}, 5*time.Minute + 24*time.Second},
		{"never 304", func(s *state) { s.Full = fullTimes }, 15 * time.Minute},
		{"never 304, but the document turns over", func(s *state) { s.Full, s.Turnover = fullTimes, 20*time.Minute }, 8 * time.Minute},
		{"hint of a day", func(s *state) { s.Hint = day }, 10*time.Minute + 47*time.Second},
		{"hint of two minutes", func(s *state) { s.Hint = 2 * time.Minute }, 5*time.Minute + 24*time.Second},
		{"hint of eight", func(s *state) { s.Hint = 8 * time.Minute }, 8 * time.Minute},
		{"matches", func(s *state) { s.Match = &match{Score: 1, Time: now} }, 5 * time.Minute},
		{"a gap", func(s *state) { s.Crowded, s.Full = true, fullTimes }, 7*time.Minute + 30*time.Second},
	} {
		if got := busy(tc.change).interval(0, now, cfg).Round(time.Second); got != tc.want {
			t.Errorf("%s: %v, want %v", tc.name, got, tc.want)
		}
	}
}

func TestHints(t *testing.T) {
	now := time.Date(2026, 1, 8, 12, 0, 0, 0, time.UTC)
	for _, tc := range []struct {
		header, value string
		want          time.Duration
	}{
		{"Cache-Control", "public, max-age=600", 10 * time.Minute},
		{"Cache-Control", "max-age=600, no-store", 10 * time.Minute},
		{"Cache-Control", "no-cache, max-age=600", 0},
		{"Cache-Control", "max-age=-5", 0},
		{"Cache-Control", "max-age=99999999999999999999", 0},
		{"Expires", "Thu, 08 Jan 2026 13:00:00 GMT", time.Hour},
		{"Expires", "0", 0},
		{"Expires", "Thu, 08 Jan 2015 13:00:00 GMT", 0},
	} {
		resp := &fetch.Response{Header: http.Header{tc.header: {tc.value}}}
		if got := freshFor(resp, now); got != tc.want {
			t.Errorf("%s: %s is %v, want %v", tc.header, tc.value, got, tc.want)
		}
	}
}

func TestFullDocumentsEachTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now().Add(-10 * day)
		noise := 0
		src := oneFeed(0)
		r := newRig(t, newShelf(), Config{}, src, func(int, fetch.Request) (*fetch.Response, error) {
			noise++ // a comment with the time in it: no two bodies are the same
			resp := published(start, 2*time.Minute, time.Now().Add(-time.Hour))
			resp.Body, resp.ETag = append(resp.Body, fmt.Sprintf("<!-- %d -->", noise)...), ""
			return resp, nil
		})
		r.run(t, 6*time.Hour)
		if d := r.Health("")[0].Interval; d < 8*time.Minute {
			t.Errorf("interval %v of a feed that sends everything each time", d)
		}
	})
}

func TestNamedForWhatTheyAre(t *testing.T) {
	for _, tc := range []struct {
		name   string
		resp   *fetch.Response
		err    error
		state  string
		reason string
	}{
		{"challenge", nil, &fetch.Error{Class: fetch.ClassBlocked, Status: 403}, StateBlocked, "challenge"},
		{"page", body("<!doctype html><html><body>hello</body></html>"), nil, StateFailing, "a page, not a feed; it links to 2"},
		{"404", &fetch.Response{Status: 404, Header: http.Header{}}, &fetch.Error{Class: fetch.ClassHTTPStatus, Status: 404}, StateFailing, "404 Not Found"},
		{"dns", nil, &fetch.Error{Class: fetch.ClassTLS}, StateFailing, "certificate"},
	} {
		bubble(t, tc.name, func(t *testing.T) {
			cfg := Config{Discover: func([]byte, string) []string { return []string{"http://e.com/a", "http://e.com/b"} }}
			r := newRig(t, newShelf(), cfg, oneFeed(time.Hour), func(int, fetch.Request) (*fetch.Response, error) { return tc.resp, tc.err })
			r.run(t, time.Minute)
			h := r.Health("")[0]
			if h.State != tc.state || !strings.Contains(h.Reason, tc.reason) || !h.Failing() {
				t.Errorf("state %s, reason %q; want %s, %q", h.State, h.Reason, tc.state, tc.reason)
			}
			if page := tc.name == "page"; page != (len(h.Suggestions) == 2) {
				t.Errorf("suggestions %v", h.Suggestions)
			}
		})
	}
}

func TestHostsAreAskedPolitely(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var src catalog.Source
		src.ID = "s"
		for i := range 12 {
			src.Feeds = append(src.Feeds, catalog.Feed{URL: fmt.Sprintf("http://e.com/%d", i), Every: catalog.Duration(20 * time.Minute)})
		}
		slow := src
		slow.ID, slow.Gap, slow.AtOnce = "slow", catalog.Duration(30*time.Second), 1
		slow.Feeds = []catalog.Feed{{URL: "http://slow.example/1"}, {URL: "http://slow.example/2"}, {URL: "http://slow.example/3"}}
		var mu sync.Mutex
		now, most, starts := map[string]int{}, map[string]int{}, map[string][]time.Time{}
		r := newRig(t, newShelf(), Config{}, []catalog.Source{src, slow}, func(_ int, req fetch.Request) (*fetch.Response, error) {
			h := hostOf(req.URL)
			mu.Lock()
			now[h]++
			most[h] = max(most[h], now[h])
			starts[h] = append(starts[h], time.Now())
			mu.Unlock()
			time.Sleep(12 * time.Second)
			mu.Lock()
			now[h]--
			mu.Unlock()
			return body(rssOf("")), nil
		})
		r.run(t, 2*time.Hour)
		for h, gap := range map[string]time.Duration{"e.com": 5 * time.Second, "slow.example": 30 * time.Second} {
			for i := 1; i < len(starts[h]); i++ {
				if d := starts[h][i].Sub(starts[h][i-1]); d < gap {
					t.Errorf("%s: started %v apart, want %v", h, d, gap)
				}
			}
		}
		if most["e.com"] != 2 || most["slow.example"] != 1 || len(starts["e.com"]) < 60 || len(starts["slow.example"]) < 3 {
			t.Errorf("at once %v, polls %d and %d", most, len(starts["e.com"]), len(starts["slow.example"]))
		}
	})
}

func TestRetryAfterIsTheHosts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := oneFeed(time.Minute)
		src[0].Feeds = append(src[0].Feeds, catalog.Feed{URL: "http://e.com/g", Every: catalog.Duration(time.Minute)})
		told := false
		var times []time.Time
		r := newRig(t, newShelf(), Config{}, src, func(n int, _ fetch.Request) (*fetch.Response, error) {
			times = append(times, time.Now())
			if n == 4 {
				told = true
				resp, err := status(http.StatusTooManyRequests)
				resp.RetryAfter = 3 * time.Hour
				return resp, err
			}
			return body(rssOf("")), nil
		})
		r.run(t, 5*time.Hour)
		if !told || times[5].Sub(times[4]) < 3*time.Hour {
			t.Errorf("asked %v after it asked for three hours", times[5].Sub(times[4]))
		}
	})
}
