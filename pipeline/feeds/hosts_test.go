package feeds

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/newswatch/newswatch/pipeline"
	"github.com/newswatch/newswatch/pipeline/catalog"
	"github.com/newswatch/newswatch/pipeline/fetch"
)

// severalFeeds is a source with n feeds on the host.
func severalFeeds(id, host string, n int, every time.Duration) catalog.Source {
	src := catalog.Source{ID: id, Name: id}
	for i := range n {
		src.Feeds = append(src.Feeds, catalog.Feed{URL: fmt.Sprintf("http://%s/%s%d", host, id, i), Every: catalog.Duration(every)})
	}
	return src
}

func hostIs(req fetch.Request, host string) bool {
	return strings.HasPrefix(req.URL, "http://"+host+"/")
}

// A restart is no reason to ask a host that asked to be left alone, nor one that
// is down, and a page's Retry-After holds for feeds.
func TestHostsAreLeftAloneOverARestart(t *testing.T) {
	sources := []catalog.Source{
		severalFeeds("busy", "busy.example", 3, 10*time.Minute),
		severalFeeds("down", "down.example", 8, 10*time.Minute),
		severalFeeds("pages", "pages.example", 2, 10*time.Minute),
		severalFeeds("well", "well.example", 1, 10*time.Minute),
	}
	synctest.Test(t, func(t *testing.T) {
		kv := newShelf()
		asked := map[string][]time.Time{}
		answer := func(_ int, req fetch.Request) (*fetch.Response, error) {
			host := hostOf(req.URL)
			asked[host] = append(asked[host], time.Now())
			switch host {
			case "busy.example":
				resp, err := status(http.StatusServiceUnavailable)
				resp.RetryAfter = 4 * time.Hour
				return resp, err
			case "down.example":
				return nil, &fetch.Error{Class: fetch.ClassTLS}
			}
			return body(rssOf("")), nil
		}
		held := map[string]time.Time{}
		cfg := Config{OnHold: func(host string, until time.Time) { held[host] = until }}
		began := time.Now()
		first := newRig(t, kv, cfg, sources, answer)
		first.run(t, 30*time.Minute)
		if len(held) != 0 {
			t.Errorf("held at the first start: %v", held)
		}
		first.Hold("pages.example", began.Add(3*time.Hour))
		first.Hold("elsewhere.example", began.Add(3*time.Hour))
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- first.Run(ctx) }()
		time.Sleep(3 * time.Second)
		synctest.Wait()
		killed := newShelf() // as a kill would leave it, without an end in good order
		killed.m = maps.Clone(kv.m)
		cancel()
		<-done
		kv = killed
		clear(asked)
		second := newRig(t, kv, cfg, sources, answer)
		second.run(t, time.Hour)
		for _, host := range []string{"busy.example", "pages.example"} {
			if n := len(asked[host]); n != 0 {
				t.Errorf("%s asked %d times in the hour after the restart, want none", host, n)
			}
		}
		// Its probes go on where they were: 15 min, 30 min and an hour after one another.
		if n := len(asked["down.example"]); n > 2 {
			t.Errorf("the host that is down was asked %d times in an hour after the restart", n)
		}
		if len(asked["well.example"]) < 5 {
			t.Errorf("the host that is well was asked %d times", len(asked["well.example"]))
		}
		want := []string{"busy.example", "elsewhere.example", "pages.example"}
		if diff := cmp.Diff(want, slices.Sorted(maps.Keys(held))); diff != "" {
			t.Errorf("told to be left alone (-want +got):\n%s", diff)
		}
		second.run(t, 5*time.Hour)
		for _, host := range []string{"busy.example", "pages.example"} {
			if len(asked[host]) == 0 {
				t.Errorf("%s was never asked again", host)
			}
		}
		// A clock that was set back does not leave a host alone for longer than a server may ask.
		r := hostRecord{Hold: time.Now().Add(40 * day)}.lasting(time.Now())
		if d := time.Until(r.Hold); d > maxHoldKept {
			t.Errorf("a pause of %v was kept", d)
		}
	})
}

// An outage of a host is one spell, however many of its feeds fail, and so is
// what a publisher does to all its feeds. What else fails is told by itself.
func TestFeedsThatFailTogether(t *testing.T) {
	bubble(t, "the host is down", func(t *testing.T) {
		sources := []catalog.Source{severalFeeds("a", "h.example", 12, time.Hour), severalFeeds("b", "h.example", 3, time.Hour), severalFeeds("w", "well.example", 1, time.Hour)}
		kv, down := newShelf(), false
		answer := func(_ int, req fetch.Request) (*fetch.Response, error) {
			if down && hostIs(req, "h.example") {
				return nil, &fetch.Error{Class: fetch.ClassTimeout}
			}
			return body(rssOf("")), nil
		}
		r := newRig(t, kv, Config{}, sources, answer)
		r.run(t, 3*time.Hour)
		began := time.Now()
		down = true
		r.deaf = 1
		r.run(t, 2*day)
		again := newRig(t, kv, Config{}, sources, answer)
		again.run(t, 6*day)
		if len(again.events) != 0 {
			t.Errorf("told again after a restart: %+v", again.events)
		}
		down = false
		again.run(t, day)
		spells, of := map[string]int{}, map[string]int{}
		for _, ev := range r.events {
			spells[ev.Spell]++
			of[ev.Source]++
			if ev.Kind != pipeline.FeedFailing || ev.Feeds != 15 || ev.Host != "h.example" || ev.At.Sub(began) > 38*time.Hour || ev.At.Sub(began) < day {
				t.Errorf("event %+v after %v", ev, ev.At.Sub(began))
			}
			if ev.Since.IsZero() || ev.Since.After(began) {
				t.Errorf("since %v, want the last good answer, before %v", ev.Since, began)
			}
		}
		if len(spells) != 1 || of["a"] != 1 || of["b"] != 1 {
			t.Errorf("spells %v of sources %v, want one, told of each source", spells, of)
		}
		for _, ev := range again.events {
			if ev.Kind != pipeline.FeedRecovered || ev.Host != "h.example" || !ev.Since.Equal(r.events[0].Since) {
				t.Errorf("at its end: %+v", ev)
			}
		}
		if len(again.events) != 2 {
			t.Errorf("%d events at its end, want one of each source", len(again.events))
		}
	})
	bubble(t, "a publisher has taken all away", func(t *testing.T) {
		sources := []catalog.Source{severalFeeds("a", "h.example", 6, time.Hour), severalFeeds("b", "h.example", 2, time.Hour)}
		sources[0].Feeds = append(sources[0].Feeds, catalog.Feed{URL: "http://other.example/f", Every: catalog.Duration(time.Hour)})
		failing := false
		r := newRig(t, newShelf(), Config{}, sources, func(_ int, req fetch.Request) (*fetch.Response, error) {
			switch {
			case failing && strings.Contains(req.URL, "h.example/a"):
				return status(404)
			case failing && strings.HasSuffix(req.URL, "/b1"), failing && strings.Contains(req.URL, "other"):
				return status(403)
			}
			return body(rssOf("")), nil
		})
		r.run(t, 3*time.Hour)
		failing = true
		r.run(t, 5*day)
		spells := map[string]int{}
		for _, ev := range r.events {
			key := ev.Source
			if ev.Spell == "" {
				key += " alone"
			} else if ev.Host != "h.example" || ev.Feeds < 2 {
				t.Errorf("event %+v", ev)
			}
			spells[key+" "+ev.Spell]++
		}
		if len(spells) != 3 || spells["a alone "] != 1 || spells["b alone "] != 1 {
			t.Errorf("spells %v, want six feeds in one, the others each alone", spells)
		}
	})
}

// Time-outs of nearly all hosts at once are this machine's trouble and told of
// once, after an hour; a few hosts' are their own.
func TestNobodyAnswers(t *testing.T) {
	for _, tc := range []struct {
		dead int
		want []string
	}{
		{8, []string{pipeline.FeedOffline}},
		{3, []string{pipeline.FeedFailing, pipeline.FeedFailing, pipeline.FeedFailing}},
	} {
		bubble(t, fmt.Sprintf("%d of 8", tc.dead), func(t *testing.T) {
			var sources []catalog.Source
			for i := range 8 {
				sources = append(sources, severalFeeds(fmt.Sprintf("s%d", i), fmt.Sprintf("h%d.example", i), 1, time.Hour))
			}
			off := false
			r := newRig(t, newShelf(), Config{}, sources, func(_ int, req fetch.Request) (*fetch.Response, error) {
				var n int
				if _, err := fmt.Sscanf(req.URL, "http://h%d.", &n); err != nil {
					t.Error(err)
				}
				if off && n < tc.dead {
					return nil, &fetch.Error{Class: fetch.ClassTimeout}
				}
				return body(rssOf("")), nil
			})
			r.run(t, 2*time.Hour)
			off = true
			r.deaf = 1
			r.run(t, 3*day)
			if diff := cmp.Diff(tc.want, r.kinds()); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
			off = false
			r.run(t, 13*time.Hour)
			for _, h := range r.Health("") {
				if h.State != StateOK {
					t.Errorf("afterwards %+v", h)
				}
			}
		})
	}
}
