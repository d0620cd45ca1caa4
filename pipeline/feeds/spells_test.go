package feeds

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/newswatch/newswatch/pipeline"
	"github.com/newswatch/newswatch/pipeline/catalog"
	"github.com/newswatch/newswatch/pipeline/fetch"
)

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
