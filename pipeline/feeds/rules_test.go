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
		if len(r.kinds()) != 0 {
			t.Errorf("told %v", r.kinds())
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
		r.run(t, 4*day)
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

// Each spell is told of once, in whichever process it goes on.
func TestEvents(t *testing.T) {
	bubble(t, "failing", func(t *testing.T) {
		kv, fails := newShelf(), false
		answer := func(int, fetch.Request) (*fetch.Response, error) {
			if fails {
				return status(500)
			}
			return body(rssOf("")), nil
		}
		r := newRig(t, kv, Config{}, oneFeed(time.Hour), answer)
		r.run(t, 90*time.Minute)
		good := r.Health("")[0].LastGood
		fails = true
		r.deaf = 1 // told again
		r.run(t, 20*time.Hour)
		if k := r.kinds(); len(k) != 0 {
			t.Fatalf("told %v within a day", k)
		}
		r.run(t, 4*day)
		again := newRig(t, kv, Config{}, oneFeed(time.Hour), answer)
		again.run(t, 4*day)
		fails = false
		again.run(t, 2*day)
		if diff := cmp.Diff([]string{pipeline.FeedFailing}, r.kinds()); diff != "" {
			t.Fatalf("events (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]string{pipeline.FeedRecovered}, again.kinds()); diff != "" {
			t.Fatalf("after the restart (-want +got):\n%s", diff)
		}
		ev := r.events[0]
		if !ev.Since.Equal(good) || !ev.LastGood.Equal(good) || ev.Source != "s" || ev.Feed != "http://e.com/f" || !strings.Contains(ev.Reason, "500") {
			t.Errorf("event %+v, want since %v", ev, good)
		}
		if !again.events[0].Since.Equal(good) {
			t.Errorf("end of a spell since %v, want %v", again.events[0].Since, good)
		}
	})
	for _, tc := range []struct {
		name     string
		gap      time.Duration // between two items
		from, to time.Duration // of silence before it is told
	}{
		{"quiet, busy", 2 * time.Hour, 6 * time.Hour, 9 * time.Hour},
		{"quiet, one a day", day, 3 * day, 3*day + 4*time.Hour},
		{"quiet, one in two days", 2 * day, 6 * day, 6*day + 4*time.Hour},
	} {
		bubble(t, tc.name, func(t *testing.T) {
			kv, start := newShelf(), time.Now().Add(-12*tc.gap)
			until := start.Add(26*tc.gap + 10*day)
			answer := func(_ int, req fetch.Request) (*fetch.Response, error) {
				resp := published(start, tc.gap, until)
				if resp.ETag == req.ETag {
					return notModified(), nil
				}
				return resp, nil
			}
			r := newRig(t, kv, Config{}, oneFeed(0), answer)
			r.run(t, time.Until(until)+tc.from-time.Hour-tc.gap)
			if k := r.kinds(); len(k) != 0 {
				t.Fatalf("told %v while it posts", k)
			}
			r.run(t, tc.to+tc.gap+time.Hour)
			again := newRig(t, kv, Config{}, oneFeed(0), answer)
			again.run(t, 5*day)
			if diff := cmp.Diff([]string{pipeline.FeedQuiet}, r.kinds()); diff != "" {
				t.Fatalf("events (-want +got):\n%s", diff)
			}
			if ev := r.events[0]; ev.At.Sub(ev.Since) < tc.from || ev.At.Sub(ev.Since) > tc.to || ev.Usual != tc.gap {
				t.Errorf("told after %v of a usual gap of %v, want %v to %v", ev.At.Sub(ev.Since), ev.Usual, tc.from, tc.to)
			}
			if h := again.Health("")[0]; h.State != StateQuiet || !strings.Contains(h.Reason, "nothing new") || h.Usual != tc.gap {
				t.Errorf("health %+v, want quiet", h)
			}
			until = until.Add(1000 * day)
			again.run(t, 2*tc.gap+3*time.Hour)
			if diff := cmp.Diff([]string{pipeline.FeedRecovered}, again.kinds()); diff != "" {
				t.Errorf("after the restart (-want +got):\n%s", diff)
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

func TestClockIsSet(t *testing.T) {
	for name, jump := range map[string]time.Duration{"back a year": -365 * day, "back a minute": -time.Minute, "ahead a month": 30 * day} {
		bubble(t, name, func(t *testing.T) {
			var offset time.Duration
			kv := newShelf()
			answer := func(int, fetch.Request) (*fetch.Response, error) { return body(rssOf("")), nil }
			r := newRig(t, kv, Config{}, oneFeed(time.Hour), answer)
			var mu sync.Mutex
			r.now = func() time.Time { mu.Lock(); defer mu.Unlock(); return time.Now().Add(offset) }
			ctx, cancel := context.WithCancel(t.Context())
			var run sync.WaitGroup
			run.Go(func() { _ = r.Run(ctx) })
			time.Sleep(150 * time.Minute)
			mu.Lock()
			offset = jump
			mu.Unlock()
			n := r.a.count()
			time.Sleep(5 * time.Hour)
			if d := r.a.count() - n; d < 4 || d > 6 {
				t.Errorf("%d polls in the five hours after", d)
			}
			cancel()
			run.Wait()
			// What is stored may lie in the future of the next process.
			next := newRig(t, kv, Config{}, oneFeed(time.Hour), answer)
			next.now = func() time.Time { return time.Now().Add(jump - 1000*day) }
			next.run(t, 5*time.Hour)
			if d := next.a.count(); d < 4 || d > 6 {
				t.Errorf("%d polls in five hours of a process with an earlier clock", d)
			}
		})
	}
}

// Whoever holds the lease next goes on with what the one before knew, and who
// has lost it without knowing can't overwrite that.
func TestHandOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		kv, start := newShelf(), time.Now().Add(-20*time.Hour)
		answer := func(_ int, req fetch.Request) (*fetch.Response, error) {
			resp := published(start, time.Hour, start.Add(100*day))
			if resp.ETag == req.ETag {
				return notModified(), nil
			}
			return resp, nil
		}
		one := newRig(t, kv, Config{}, oneFeed(10*time.Minute), answer)
		two := newRig(t, kv, Config{}, oneFeed(10*time.Minute), answer)
		one.run(t, 3*time.Hour)
		one.Matched("http://e.com/f")
		two.run(t, 3*time.Hour)
		one.run(t, 3*time.Hour)
		if n := len(one.items) + len(two.items); n < 27 || n > 30 {
			t.Errorf("%d items published, want each once", n)
		}
		for i, q := range two.a.reqs {
			if q.ETag == "" {
				t.Errorf("poll %d of the second had no validator", i)
			}
		}
		if d := two.a.times[0].Sub(one.a.times[17]); d < 10*time.Minute {
			t.Errorf("polled again after %v", d)
		}

		// A straggler.
		f := one.feeds["http://e.com/f"]
		s, err := one.obtain(t.Context(), f)
		if err != nil {
			t.Fatal(err)
		}
		two.run(t, time.Hour)
		before := kv.m[stateKey(f.url)].Revision
		if one.keep(t.Context(), f, s, false) || kv.m[stateKey(f.url)].Revision != before {
			t.Error("a state of the past was stored over a newer one")
		}
	})
}

func TestMatched(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		kv, start := newShelf(), time.Now().Add(-20*day)
		answer := func(int, fetch.Request) (*fetch.Response, error) {
			return published(start, 11*time.Hour, start.Add(1000*day)), nil
		}
		r := newRig(t, kv, Config{}, oneFeed(0), answer)
		r.run(t, 5*time.Hour)
		before := r.Health("")[0]
		r.Matched("http://e.com/f")
		r.Matched("http://nobody.example/")
		r.run(t, time.Minute) // ends without a poll
		again := newRig(t, kv, Config{}, oneFeed(0), answer)
		again.run(t, 5*time.Hour)
		if h := again.Health("")[0]; !h.Matching || h.Interval > before.Interval*3/4 {
			t.Errorf("%+v, want it polled about twice as often as each %v", h, before.Interval)
		}
		again.run(t, 60*day)
		if h := again.Health("")[0]; h.Matching {
			t.Errorf("still matching two months after its only match: %+v", h)
		}
	})
}

// When nothing in a document is known, what lies between is looked for on the
// pages before.
func TestPagesAreReadWhenThereIsAGap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		page := func(from, to int, next string) *fetch.Response {
			var b strings.Builder
			b.WriteString(`<feed xmlns="http://www.w3.org/2005/Atom"><title>a</title>`)
			if next != "" {
				fmt.Fprintf(&b, `<link rel="next" href="%s"/>`, next)
			}
			for i := to; i > from; i-- {
				fmt.Fprintf(&b, `<entry><id>i%d</id><title>n %d</title><link href="http://e.com/%d"/></entry>`, i, i, i)
			}
			b.WriteString("</feed>")
			return body(b.String())
		}
		r := newRig(t, newShelf(), Config{}, oneFeed(time.Hour), func(n int, req fetch.Request) (*fetch.Response, error) {
			switch {
			case n == 0:
				return page(0, 10, "/p2"), nil
			case strings.HasSuffix(req.URL, "/p2"):
				return page(20, 30, "/p3"), nil
			case strings.HasSuffix(req.URL, "/p3"):
				return page(5, 20, "/p4"), nil
			case strings.HasSuffix(req.URL, "/p4"):
				t.Error("a page was read beyond what is known")
			}
			return page(30, 40, "/p2"), nil
		})
		r.run(t, 3*time.Hour+time.Minute)
		seen := map[string]bool{}
		for _, it := range r.items {
			seen[it.URL] = true
		}
		if len(seen) != 40 || len(r.items) != 40 {
			t.Errorf("%d items, %d distinct; want 40", len(r.items), len(seen))
		}
	})
}

// States that say nothing new are stored together, and soon.
func TestStatesAreStoredSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		kv := newShelf()
		var src catalog.Source
		src.ID = "s"
		for i := range 50 {
			src.Feeds = append(src.Feeds, catalog.Feed{URL: fmt.Sprintf("http://h%d.example/", i), Every: catalog.Duration(time.Hour)})
		}
		r := newRig(t, kv, Config{}, []catalog.Source{src}, func(_ int, req fetch.Request) (*fetch.Response, error) {
			if req.ETag != "" {
				return notModified(), nil
			}
			return body(rssOf("")), nil
		})
		ctx, cancel := context.WithCancel(t.Context())
		var run sync.WaitGroup
		run.Go(func() { _ = r.Run(ctx) })
		time.Sleep(time.Hour + flushEvery + time.Second)
		s, err := loadState(t.Context(), kv, "http://h7.example/")
		if err != nil || s.Status != 304 || !s.Next.After(time.Now()) {
			t.Errorf("stored %+v, %v; want the 304", s, err)
		}
		cancel()
		run.Wait()
	})
}
