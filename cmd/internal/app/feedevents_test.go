package app

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/newswatch/newswatch/pipeline"
	"github.com/newswatch/newswatch/pipeline/catalog"
	"github.com/newswatch/newswatch/pipeline/feeds"
	"github.com/newswatch/newswatch/web"
)

// What the poller tells becomes one alert per watch, is delivered, and stays
// one whatever tells of it again: the same process, or the next one.
func TestFeedEventAlertsOnce(t *testing.T) {
	data := t.TempDir()
	start := func() *running {
		return runApp(t, data, func(o *Options) { o.Config.Feeds.MinInterval = time.Hour })
	}
	r := start()
	put := func(path, body string) {
		t.Helper()
		if code := r.do("PUT", path, body, nil); code >= 300 {
			t.Fatalf("PUT %s: %d", path, code)
		}
	}
	put("/api/v1/sources/vestnik", `{"name":"Вестник связи","lang":"ru"}`)
	put("/api/v1/watches/quiet-feeds", `{"name":"Quiet feeds","kind":"silence","query":"lang:ru","to":["log"]}`)
	put("/api/v1/watches/others", `{"name":"Others","kind":"silence","query":"lang:zh","to":["log"]}`)
	if code := r.do("PUT", "/api/v1/watches/wrong", `{"name":"Wrong","kind":"silence","query":"lang:ru huawei"}`, nil); code != http.StatusUnprocessableEntity {
		t.Errorf("a silence watch that asks about text: %d", code)
	}

	ev := pipeline.FeedEvent{
		Kind: pipeline.FeedFailing, Source: "vestnik", Feed: "https://vestnik.example/rss", Reason: "403 Forbidden",
		Since: time.Now().Add(-30 * time.Hour), LastGood: time.Now().Add(-30 * time.Hour), At: time.Now(),
	}
	tell := func(r *running, ev pipeline.FeedEvent) {
		t.Helper()
		if err := r.app.feedEvent(t.Context(), ev); err != nil {
			t.Fatal(err)
		}
	}
	list := func(r *running) []pipeline.Alert {
		var got struct{ Items []pipeline.Alert }
		r.do("GET", "/api/v1/alerts", "", &got)
		return got.Items
	}
	tell(r, ev)
	tell(r, ev)
	var sent pipeline.Alert
	eventually(t, "delivery", func() bool {
		all := list(r)
		if len(all) > 0 {
			sent = all[0]
		}
		return sent.State == pipeline.AlertSent
	})
	if sent.Watch != "quiet-feeds" || sent.Kind != catalog.WatchSilence || sent.Feed == nil || sent.Feed.Reason != "403 Forbidden" ||
		!sent.Feed.LastGood.Equal(ev.LastGood) || sent.Article.ID != "" || len(sent.Receipt.Spans) != 1 {
		t.Errorf("%+v", sent)
	}
	for _, path := range []string{"/alerts", "/alerts/" + sent.ID, "/sources/vestnik"} {
		if code := r.do("GET", path, "", nil); code != http.StatusOK {
			t.Errorf("%s: %d", path, code)
		}
	}

	r.stop()
	r = start()
	tell(r, ev)
	recovered := ev
	recovered.Kind = pipeline.FeedRecovered
	tell(r, recovered)
	gone := ev
	gone.Source = "nobody"
	tell(r, gone)
	for _, a := range list(r) {
		if a.ID != sent.ID || a.State != pipeline.AlertSent {
			t.Errorf("again: %+v", a)
		}
	}
	again := ev
	again.Since = ev.Since.Add(40 * time.Hour)
	tell(r, again)
	eventually(t, "the next spell", func() bool {
		ids := map[string]bool{}
		for _, a := range list(r) {
			ids[a.ID] = true
		}
		return len(ids) == 2
	})
}

// faulty is a bus whose Publish answers these errors, one after the other.
type faulty struct {
	pipeline.Bus
	errs  []error
	tries int
}

func (f *faulty) Publish(context.Context, string, pipeline.Message) (uint64, error) {
	f.tries++
	if f.tries > len(f.errs) {
		return 1, nil
	}
	return 0, f.errs[f.tries-1]
}

func TestPublishAlertWhileTheBusIsDown(t *testing.T) {
	down := errors.New("no connection")
	for _, tt := range []struct {
		name  string
		errs  []error
		tries int
		want  error
	}{
		{"up", nil, 1, nil},
		{"down for a while", []error{down, pipeline.ErrFull}, 3, nil},
		{"there already", []error{down, pipeline.ErrExists}, 2, nil},
		{"down for long", []error{down, down, down, down, down}, eventTries, down},
		{"too big", []error{pipeline.Permanent("too_big", pipeline.ErrTooBig)}, 1, pipeline.ErrTooBig},
	} {
		synctest.Test(t, func(t *testing.T) {
			bus := &faulty{errs: tt.errs}
			if err := publishAlert(t.Context(), bus, pipeline.Alert{Watch: "w", Dedup: "d"}); !errors.Is(err, tt.want) {
				t.Errorf("%s: %v, want %v", tt.name, err, tt.want)
			}
			if bus.tries != tt.tries {
				t.Errorf("%s: %d tries, want %d", tt.name, bus.tries, tt.tries)
			}
		})
	}
	stopped, cancel := context.WithCancel(t.Context())
	cancel()
	bus := &faulty{errs: []error{down, down}}
	if err := publishAlert(stopped, bus, pipeline.Alert{}); !errors.Is(err, down) || bus.tries != 1 {
		t.Errorf("stopped: %v after %d tries", err, bus.tries)
	}
}

func TestFeedStatus(t *testing.T) {
	at := time.Date(2026, 3, 31, 12, 0, 0, 0, time.UTC)
	got := feedStatus(feeds.FeedHealth{
		URL: "https://a.example/rss", Source: "a", State: feeds.StateFailing, Reason: "its host is not to be found", Error: "lookup a.example: no such host",
		LastPoll: at, LastGood: at.Add(-time.Hour), Since: at.Add(-30 * time.Minute), Status: 0, Class: "dns", Failures: 1.25, NextDue: at.Add(time.Hour),
		Interval: 90 * time.Minute, Items: 7, Listed: 3, Newest: at.Add(-2 * time.Hour), Usual: 5 * time.Hour, Format: "rss", Title: "A", Repairs: []string{"x"},
		Held: true, Matching: true, MovedTo: "https://b.example/", MovedUsed: true, Suggestions: []string{"https://a.example/feed"},
	})
	want := web.FeedStatus{
		URL: "https://a.example/rss", Source: "a", State: web.FeedFailing, Reason: "its host is not to be found", Error: "lookup a.example: no such host",
		LastPoll: at, LastOK: at.Add(-time.Hour), Since: at.Add(-30 * time.Minute), Class: "dns", Failures: 2, NextDue: at.Add(time.Hour),
		IntervalS: 5400, Items: 7, Listed: 3, Newest: at.Add(-2 * time.Hour), UsualS: 18000, Format: "rss", Title: "A", Repairs: []string{"x"},
		Held: true, Matching: true, MovedTo: "https://b.example/", MovedUsed: true, Suggestions: []string{"https://a.example/feed"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	// The words for states are the poller's.
	for theirs, ours := range map[string]string{
		feeds.StateNew: web.FeedNew, feeds.StateOK: web.FeedOK, feeds.StateFailing: web.FeedFailing, feeds.StateQuiet: web.FeedQuiet,
		feeds.StateGone: web.FeedGone, feeds.StateBlocked: web.FeedBlocked, feeds.StateHeld: web.FeedHeld,
	} {
		if theirs != ours {
			t.Errorf("the poller says %q, the pages %q", theirs, ours)
		}
	}
	st := feedsStatus([]feeds.FeedHealth{{State: feeds.StateOK, LastPoll: at}, {State: feeds.StateBlocked, LastPoll: at}, {State: feeds.StateNew}})
	if st.Total != 3 || st.Polled != 2 || len(st.Failing) != 1 || st.States[web.FeedBlocked] != 1 {
		t.Errorf("%+v", st)
	}
}
