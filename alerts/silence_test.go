package alerts

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/newswatch/newswatch/pipeline"
	"github.com/newswatch/newswatch/pipeline/catalog"
)

func sourcesAndWatches(ws ...catalog.Watch) *catalog.Catalog {
	return &catalog.Catalog{
		Sources: []catalog.Source{
			{ID: "kommersant", Name: "Коммерсантъ", Home: "https://www.kommersant.ru", Country: "RU", Lang: "ru", Tags: []string{"daily", "Business News"}},
			{ID: "xinhua", Name: "新华社", Home: "https://www.news.cn", Country: "CN", Lang: "zh-Hans", Tags: []string{"agency"}},
			{ID: "bare", Name: "Bare"},
		},
		Watches: ws,
	}
}

func failing(source, feed string) pipeline.FeedEvent {
	return pipeline.FeedEvent{
		Kind: pipeline.FeedFailing, Source: source, Feed: feed, Reason: "HTTP 403 Forbidden",
		Since: testNow.Add(-26 * time.Hour), LastGood: testNow.Add(-26 * time.Hour), At: testNow,
	}
}

func silence(t *testing.T, c *catalog.Catalog, ev pipeline.FeedEvent) []pipeline.Alert {
	t.Helper()
	got, err := Silence(c, ev, testNow)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestSilenceAlert(t *testing.T) {
	c := sourcesAndWatches(
		catalog.Watch{ID: "mention", Query: "lang:ru"},
		catalog.Watch{ID: "quiet-feeds", Name: "Quiet feeds", Query: "lang:ru OR lang:zh", Kind: "silence", To: []string{"desk"}, Version: "v3"},
	)
	ev := failing("kommersant", "https://www.kommersant.ru/RSS/main.xml")
	got := silence(t, c, ev)
	if len(got) != 1 {
		t.Fatalf("%d alerts, want 1", len(got))
	}
	want := []pipeline.Alert{{
		ID: "quiet-feeds." + got[0].Dedup, Watch: "quiet-feeds", WatchName: "Quiet feeds", Dedup: got[0].Dedup,
		Kind: "silence", State: "queued", Queued: testNow, Feed: &ev,
		Receipt: pipeline.Receipt{Query: "lang:ru OR lang:zh", WatchVersion: "v3", Group: "feed",
			Spans:    []pipeline.Span{{Field: "feed", End: len(ev.Feed), Text: ev.Feed, Term: "lang:ru OR lang:zh"}},
			Sentence: "Коммерсантъ: a feed fails since 30 Mar 2026 10:00 UTC: HTTP 403 Forbidden", Matched: testNow},
		Deliveries: []pipeline.Attempts{{Channel: "desk", State: "queued"}},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if got, want := got[0].Title(), "Feed fails: https://www.kommersant.ru/RSS/main.xml"; got != want {
		t.Errorf("title %q, want %q", got, want)
	}
	if got[0].SourceID() != "kommersant" {
		t.Errorf("source %q", got[0].SourceID())
	}
	data, err := json.Marshal(got[0])
	if err != nil {
		t.Fatal(err)
	}
	if s := string(data); strings.Contains(s, `"article"`) || strings.Contains(s, "0001-01-01") {
		t.Errorf("an article that is none, or a time that is none: %s", s)
	}
	var back pipeline.Alert
	if err := json.Unmarshal(data, &back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(got[0], back); diff != "" {
		t.Errorf("through JSON: %s", diff)
	}
}

func TestSilenceOfAQuietFeed(t *testing.T) {
	c := sourcesAndWatches(catalog.Watch{ID: "w", Kind: "silence"})
	ev := failing("xinhua", "https://www.news.cn/rss")
	ev.Kind, ev.Reason, ev.Usual = pipeline.FeedQuiet, "nothing new for 26 h; the longest gap it usually leaves is 90 min", 90*time.Minute
	a := silence(t, c, ev)[0]
	if got, want := a.Receipt.Sentence, "新华社: a feed has gone quiet since 30 Mar 2026 10:00 UTC: nothing new for 26 h; the longest gap it usually leaves is 90 min"; got != want {
		t.Errorf("sentence %q\nwant %q", got, want)
	}
	if got, want := a.Title(), "Feed has gone quiet: https://www.news.cn/rss"; got != want {
		t.Errorf("title %q, want %q", got, want)
	}
}

// The pages of a source are told of as its feeds are: once per spell.
func TestSilenceOfPages(t *testing.T) {
	c := sourcesAndWatches(catalog.Watch{ID: "w", Query: "lang:zh", Kind: "silence"})
	ev := pipeline.FeedEvent{
		Kind: pipeline.PagesCollapsed, Source: "xinhua", Reason: "10 of the last 20 pages gave little or no text", Since: testNow.Add(-26 * time.Hour), At: testNow,
	}
	got := silence(t, c, ev)
	if len(got) != 1 {
		t.Fatalf("%d alerts, want 1", len(got))
	}
	a := got[0]
	if want := "新华社: the pages give little text since 30 Mar 2026 10:00 UTC: 10 of the last 20 pages gave little or no text"; a.Receipt.Sentence != want {
		t.Errorf("sentence %q\nwant %q", a.Receipt.Sentence, want)
	}
	if got, want := a.Title(), "Pages give little text: xinhua"; got != want {
		t.Errorf("title %q, want %q", got, want)
	}
	if diff := cmp.Diff([]pipeline.Span{{Field: "source", End: 6, Text: "xinhua", Term: "lang:zh"}}, a.Receipt.Spans); diff != "" {
		t.Errorf("spans (-want +got):\n%s", diff)
	}
	again := ev
	again.Reason, again.At = "11 of the last 20", testNow.Add(time.Hour)
	next := ev
	next.Since = testNow
	over := ev
	over.Kind = pipeline.FeedRecovered
	if silence(t, c, again)[0].ID != a.ID || silence(t, c, next)[0].ID == a.ID || len(silence(t, c, over)) > 0 {
		t.Error("a spell is told of once, and its end is no alert")
	}
}

func TestSilenceSelectsSources(t *testing.T) {
	for _, tt := range []struct{ query, want string }{
		{"", "kommersant xinhua bare"},
		{" ", "kommersant xinhua bare"},
		{"*", "kommersant xinhua bare"},
		{"source:xinhua", "xinhua"},
		{"source:(xinhua OR bare)", "xinhua bare"},
		{"lang:zh", "xinhua"},
		{"country:RU", "kommersant"},
		{`tag:"business news"`, "kommersant"},
		{"tag:agency OR tag:daily", "kommersant xinhua"},
		{"site:kommersant.ru", "kommersant"},
		{"site:feeds.example", "bare"},
		{"-lang:ru", "xinhua bare"},
		{"NOT (lang:ru OR country:CN)", "bare"},
		{"lang:ru tag:agency", ""},
	} {
		c := sourcesAndWatches(catalog.Watch{ID: "w", Query: tt.query, Kind: "silence"})
		var got []string
		for _, src := range c.Sources {
			if len(silence(t, c, failing(src.ID, "https://feeds.example/"+src.ID))) > 0 {
				got = append(got, src.ID)
			}
		}
		if got := strings.Join(got, " "); got != tt.want {
			t.Errorf("%q selects %q, want %q", tt.query, got, tt.want)
		}
	}
}

// A spell alerts once: whatever tells of it again changes no id, and what is
// another spell has another.
func TestSilenceOncePerSpell(t *testing.T) {
	c := sourcesAndWatches(catalog.Watch{ID: "w", Kind: "silence"}, catalog.Watch{ID: "v", Kind: "silence"})
	first := failing("kommersant", "https://a.example/1")
	again := first
	again.At, again.Reason, again.LastGood = testNow.Add(time.Hour), "HTTP 500", time.Time{}
	again.Since = first.Since.In(time.FixedZone("MSK", 3*3600))
	ids := func(ev pipeline.FeedEvent) string {
		var all []string
		for _, a := range silence(t, c, ev) {
			all = append(all, a.ID)
		}
		return strings.Join(all, " ")
	}
	if ids(first) != ids(again) || strings.Count(ids(first), ".") != 2 {
		t.Errorf("%s, then %s", ids(first), ids(again))
	}
	seen := map[string]string{ids(first): "the first"}
	for name, change := range map[string]func(*pipeline.FeedEvent){
		"another feed":  func(ev *pipeline.FeedEvent) { ev.Feed = "https://a.example/2" },
		"another kind":  func(ev *pipeline.FeedEvent) { ev.Kind = pipeline.FeedQuiet },
		"another spell": func(ev *pipeline.FeedEvent) { ev.Since = ev.Since.Add(time.Minute) },
	} {
		ev := first
		change(&ev)
		if was := seen[ids(ev)]; was != "" {
			t.Errorf("%s has the ids of %s", name, was)
		}
		seen[ids(ev)] = name
	}
}

func TestSilenceOfNothing(t *testing.T) {
	c := sourcesAndWatches(catalog.Watch{ID: "w", Kind: "silence"})
	recovered := failing("kommersant", "https://a.example/1")
	recovered.Kind = pipeline.FeedRecovered
	for name, ev := range map[string]pipeline.FeedEvent{"recovered": recovered, "no such source": failing("gone", "https://a.example/1")} {
		if got := silence(t, c, ev); len(got) > 0 {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestSilenceWithABrokenWatch(t *testing.T) {
	c := sourcesAndWatches(catalog.Watch{ID: "a", Query: "huawei", Kind: "silence"}, catalog.Watch{ID: "b", Kind: "silence"})
	got, err := Silence(c, failing("bare", "https://a.example/1"), testNow)
	if err == nil || !strings.Contains(err.Error(), "watch a: ") || len(got) != 1 || got[0].Watch != "b" {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestSilenceInQuietHours(t *testing.T) {
	c := sourcesAndWatches(catalog.Watch{ID: "w", Kind: "silence", To: []string{"desk"}, Quiet: &catalog.Quiet{From: "11:00", To: "13:00"}})
	got := silence(t, c, failing("bare", "https://a.example/1"))
	if want := testNow.Add(time.Hour); !got[0].Deliveries[0].Next.Equal(want) {
		t.Errorf("delivered at %v, want %v", got[0].Deliveries[0].Next, want)
	}
}

func TestCheckQuery(t *testing.T) {
	for _, tt := range []struct {
		kind, query string
		pos         int // of the error; -1: there is none
		says        string
	}{
		{"", "huawei", -1, ""},
		{"mention", "huawei (", 7, "expected"},
		{"silence", "", -1, ""},
		{"silence", "lang:(ru OR zh) -tag:agency", -1, ""},
		{"silence", "lang:ru huawei", 8, "huawei is asked of articles, and a watch of kind silence asks which sources"},
		{"silence", "entity:huawei", 0, "expected source:, lang:, country:, tag:, site: or * for all"},
		{"silence", `lang:ru OR "world internet"`, 11, "asked of articles"},
		{"silence", "a NEAR/5 b", 0, "asked of articles"},
		{"silence", "-last:7d", 1, "last:7d is asked of articles"},
		{"silence", "lang:ru (", 8, "expected"},
	} {
		err := CheckQuery(tt.kind, tt.query, testNow)
		var qe *pipeline.QueryError
		switch {
		case tt.pos < 0 && err != nil:
			t.Errorf("%s %q: %v", tt.kind, tt.query, err)
		case tt.pos >= 0 && (!errors.As(err, &qe) || qe.Pos != tt.pos || !strings.Contains(qe.Msg, tt.says)):
			t.Errorf("%s %q: %v, want one at %d that says %q", tt.kind, tt.query, err, tt.pos, tt.says)
		}
	}
}

// Articles raise nothing for a watch of kind silence, and that is no fault of it.
func TestSilenceWatchesAndArticles(t *testing.T) {
	e := testEngine(catalog.Watch{ID: "w", Query: "lang:en", Kind: "silence"}, catalog.Watch{ID: "bad", Query: "phones", Kind: "silence"})
	if got := handle(t, e, article(1, 1)); len(got) > 0 {
		t.Errorf("%+v", got)
	}
	if ps := e.Problems(); len(ps) != 1 || ps["bad"] == nil {
		t.Errorf("problems: %v", ps)
	}
	if ex := e.Explain(article(1, 1), "w"); ex.Matched || !strings.Contains(ex.Reason, "kind silence") {
		t.Errorf("%+v", ex)
	}
}

// Feeds that fail together alert once for each watch, whichever of them is told
// of, and two spells are two.
func TestSilenceOfFeedsThatFailTogether(t *testing.T) {
	c := sourcesAndWatches(catalog.Watch{ID: "all", Kind: "silence"}, catalog.Watch{ID: "zh", Kind: "silence", Query: "lang:zh"})
	ids := map[string]int{}
	told := func(source, feed, spell string) {
		ev := failing(source, feed)
		ev.Host, ev.Feeds, ev.Spell = "cdn.example", 7, spell
		for _, a := range silence(t, c, ev) {
			ids[a.ID]++
			if got, want := a.Title(), "7 feeds fail: cdn.example"; got != want {
				t.Errorf("title %q, want %q", got, want)
			}
			if !strings.Contains(a.Receipt.Sentence, "7 feeds of cdn.example fail since") {
				t.Errorf("sentence %q", a.Receipt.Sentence)
			}
		}
	}
	told("kommersant", "https://cdn.example/k", "cdn.example down 1")
	told("xinhua", "https://cdn.example/x", "cdn.example down 1")
	told("xinhua", "https://cdn.example/y", "cdn.example down 1")
	if len(ids) != 2 {
		t.Errorf("alerts %v, want one of each watch", ids)
	}
	told("xinhua", "https://cdn.example/x", "cdn.example down 2")
	if len(ids) != 4 {
		t.Errorf("alerts %v after a second spell, want two of each watch", ids)
	}
}

// Without a network every watch of kind silence says so, once.
func TestSilenceWithoutANetwork(t *testing.T) {
	c := sourcesAndWatches(catalog.Watch{ID: "all", Kind: "silence"}, catalog.Watch{ID: "none", Kind: "silence", Query: "source:nobody"}, catalog.Watch{ID: "m", Query: "lang:ru"})
	ev := pipeline.FeedEvent{Kind: pipeline.FeedOffline, Reason: "no host can be reached", Since: testNow.Add(-time.Hour), At: testNow, Spell: "offline 1"}
	first, again := silence(t, c, ev), silence(t, c, ev)
	if len(first) != 2 || first[0].ID != again[0].ID {
		t.Fatalf("alerts %v, then %v", first, again)
	}
	if got := first[0]; got.Title() != "No network: no feed can be asked" || got.SourceID() != "" ||
		got.Receipt.Sentence != "No feed can be asked since 31 Mar 2026 11:00 UTC: no host can be reached" {
		t.Errorf("%q: %q", got.Title(), got.Receipt.Sentence)
	}
}
