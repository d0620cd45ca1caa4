package alerts

import (
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/newswatch/newswatch/pipeline"
	"github.com/newswatch/newswatch/pipeline/catalog"
)

var testNow = time.Date(2026, 3, 31, 12, 0, 0, 0, time.UTC)

func testEngine(ws ...catalog.Watch) *Engine {
	e := New(slog.New(slog.NewTextHandler(io.Discard, nil)), prometheus.NewRegistry(), Config{})
	e.now = func() time.Time { return testNow }
	e.SetWatches(ws)
	return e
}

// article is an article of the story, its text mentioning Huawei and ZTE.
func article(n int, story int) pipeline.Article {
	text := "It rained. Huawei and ZTE sell phones. Huawei sells more."
	at := func(s string) int { return strings.Index(text, s) }
	id := func(n int) string { return fmt.Sprintf("20260331110000-%016x", n) }
	return pipeline.Article{
		ID: id(n), Key: fmt.Sprintf("%016x", n), Revision: 1, URL: fmt.Sprintf("https://example.org/%d", n),
		Title: "Phones", Text: text, Source: "s1", Lang: "en", Story: id(story),
		Published: testNow.Add(-time.Hour), FirstSeen: testNow.Add(-time.Minute), Fetched: testNow.Add(-50 * time.Second), Extracted: testNow.Add(-40 * time.Second),
		Mentions: []pipeline.Mention{
			{Entity: "huawei", Field: "text", Start: at("Huawei"), End: at("Huawei") + 6, Text: "Huawei"},
			{Entity: "zte", Field: "text", Start: at("ZTE"), End: at("ZTE") + 3, Text: "ZTE"},
		},
	}
}

func handle(t *testing.T, e *Engine, as ...pipeline.Article) []pipeline.Alert {
	t.Helper()
	var out []pipeline.Alert
	for _, a := range as {
		alerts, err := e.Handle(t.Context(), a)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, alerts...)
	}
	return out
}

func TestAlert(t *testing.T) {
	e := testEngine(catalog.Watch{ID: "w1", Name: "One", Query: "entity:huawei phones", To: []string{"desk", "hook"}, Version: "v7"})
	a := article(1, 1)
	got := handle(t, e, a)
	text := func(s, term, entity string) pipeline.Span {
		i := strings.Index(a.Text, s)
		return pipeline.Span{Field: "text", Start: i, End: i + len(s), Text: s, Term: term, Entity: entity}
	}
	want := []pipeline.Alert{{
		ID: "w1." + got[0].Dedup, Watch: "w1", WatchName: "One", Dedup: got[0].Dedup, Kind: "mention", State: "queued", Queued: testNow,
		Article: pipeline.ArticleRef{ID: a.ID, Key: a.Key, URL: a.URL, Title: "Phones", Source: "s1", Lang: "en", Story: a.Story,
			Entities: []string{"huawei", "zte"}, Published: a.Published, FirstSeen: a.FirstSeen},
		Receipt: pipeline.Receipt{Query: "entity:huawei phones", WatchVersion: "v7", Group: "story",
			Spans: []pipeline.Span{
				{Field: "title", Start: 0, End: 6, Text: "Phones", Term: "phones"},
				text("Huawei", "entity:huawei", "huawei"), text("phones", "phones", ""),
			},
			Sentence: "Phones", Published: a.Published, FirstSeen: a.FirstSeen, Fetched: a.Fetched, Extracted: a.Extracted, Matched: testNow},
		Deliveries: []pipeline.Attempts{{Channel: "desk", State: "queued"}, {Channel: "hook", State: "queued"}},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if len(got[0].Dedup) != 16 || strings.Trim(got[0].Dedup, "0123456789abcdef") != "" {
		t.Errorf("dedup %q is not 16 hex digits", got[0].Dedup)
	}
}

// TestGroups counts the alerts that a run of articles raises, once each.
func TestGroups(t *testing.T) {
	from := func(a pipeline.Article, source string) pipeline.Article { a.Source = source; return a }
	copyOf := func(a, of pipeline.Article) pipeline.Article { a.CopyOf = of.ID; return a }
	revised := func(a pipeline.Article) pipeline.Article {
		a.Revision, a.Text = 2, "Now: "+a.Text
		for i := range a.Mentions {
			a.Mentions[i].Start += 5
			a.Mentions[i].End += 5
		}
		return a
	}
	noStory := func(a pipeline.Article) pipeline.Article { a.Story = ""; return a }
	a1, a2, b := article(1, 1), article(2, 1), article(3, 3)
	for _, tt := range []struct {
		name, query, group string
		articles           []pipeline.Article
		want               int
	}{
		{"story", "phones", "", []pipeline.Article{a1}, 1},
		{"story twice", "phones", "story", []pipeline.Article{a1, a2}, 1},
		{"two stories", "phones", "story", []pipeline.Article{a1, a2, b}, 2},
		{"story, revision", "phones", "story", []pipeline.Article{a1, revised(article(1, 1))}, 1},
		{"story, replayed", "phones", "story", []pipeline.Article{a1, a1, a1}, 1},
		{"story, copy elsewhere", "phones", "story", []pipeline.Article{a1, from(copyOf(a2, a1), "s2")}, 1},
		{"story, copy without a story", "phones", "story", []pipeline.Article{noStory(a1), noStory(copyOf(a2, a1))}, 1},
		{"story, none known", "phones", "story", []pipeline.Article{noStory(a1), noStory(a2)}, 2},
		{"entity", "entity:(huawei OR zte)", "entity", []pipeline.Article{a1}, 2},
		{"entity, one asked for", "entity:huawei", "entity", []pipeline.Article{a1, a2}, 1},
		{"entity, two stories", "entity:(huawei OR zte)", "entity", []pipeline.Article{a1, a2, b}, 4},
		{"entity, none in the match", "phones", "entity", []pipeline.Article{a1, a2}, 1},
		{"source", "phones", "source", []pipeline.Article{a1, a2, from(article(4, 1), "s2")}, 2},
		{"source, two stories", "phones", "source", []pipeline.Article{a1, b}, 2},
		{"none", "phones", "none", []pipeline.Article{a1, a2, b}, 3},
		{"none, revision", "phones", "none", []pipeline.Article{a1, revised(article(1, 1))}, 1},
		{"none, copy", "phones", "none", []pipeline.Article{a1, copyOf(a2, a1)}, 1},
		{"no match", "nokia", "story", []pipeline.Article{a1}, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := testEngine(catalog.Watch{ID: "w", Query: tt.query, Group: tt.group})
			ids := make(map[string]bool)
			for _, al := range handle(t, e, tt.articles...) {
				ids[al.ID] = true
				if len(al.Receipt.Spans) == 0 || al.Receipt.Sentence == "" {
					t.Errorf("an alert without a place or sentence: %+v", al.Receipt)
				}
			}
			if len(ids) != tt.want {
				t.Errorf("%d alerts, want %d", len(ids), tt.want)
			}
		})
	}
}

func TestEntityAlertIsAboutItsEntity(t *testing.T) {
	e := testEngine(catalog.Watch{ID: "w", Query: "entity:(huawei OR zte) body:phones", Group: "entity"})
	for _, al := range handle(t, e, article(1, 1)) {
		spans := al.Receipt.Spans
		first := spans[0].Entity
		if first == "" || slices.ContainsFunc(spans, func(s pipeline.Span) bool { return s.Entity != "" && s.Entity != first }) {
			t.Errorf("spans of several entities: %+v", spans)
		}
		if al.Receipt.Sentence != "Huawei and ZTE sell phones." {
			t.Errorf("sentence %q", al.Receipt.Sentence)
		}
	}
}

func TestWatchesDoNotShareAlerts(t *testing.T) {
	e := testEngine(catalog.Watch{ID: "w1", Query: "phones"}, catalog.Watch{ID: "w2", Query: "phones"})
	got := handle(t, e, article(1, 1))
	if len(got) != 2 || got[0].Dedup == got[1].Dedup {
		t.Errorf("got %+v", got)
	}
}

func TestQuietArticleRaisesNothing(t *testing.T) {
	e := testEngine(catalog.Watch{ID: "w", Query: "*"})
	a := article(1, 1)
	a.Quiet = true
	if got := handle(t, e, a); len(got) != 0 {
		t.Errorf("got %+v", got)
	}
}

// An article whose mentions were changed after it was news alerts by those it
// had as news: neither a mention added nor one taken away since raises anything.
func TestRetaggedArticleAlertsAsNews(t *testing.T) {
	e := testEngine(
		catalog.Watch{ID: "new", Query: "entity:zte"},
		catalog.Watch{ID: "old", Query: "entity:huawei"},
		catalog.Watch{ID: "without", Query: "phones -entity:zte"},
	)
	a := article(1, 1)
	a.Retagged = &pipeline.Retagged{At: testNow, Mentions: a.Mentions[:1]}
	var got []string
	for _, al := range handle(t, e, a) {
		got = append(got, al.Watch)
	}
	slices.Sort(got)
	if want := []string{"old", "without"}; !slices.Equal(got, want) {
		t.Errorf("alerts of watches %v, want %v", got, want)
	}
	quiet := a.Retagged
	a.Retagged = &pipeline.Retagged{At: testNow, Mentions: quiet.Mentions, Decided: true}
	if got := handle(t, e, a); len(got) != 0 {
		t.Errorf("alerts %+v of an article that was decided on before its tags were changed", got)
	}
	a.Retagged.Alert = true
	if got := handle(t, e, a); len(got) != 1 || got[0].Watch != "new" {
		t.Errorf("alerts %+v where they are asked for, want that of the watch that matches now and did not", got)
	}
	if ex := e.Explain(a, "new"); !ex.Matched || len(ex.Alerts) != 1 {
		t.Errorf("explanation %+v, want the alert", ex)
	}
	a.Retagged.Decided = false
	if got := len(handle(t, e, a)); got != 3 {
		t.Errorf("%d alerts of an article not decided on before, where those of its new tags are asked for, too; want 3", got)
	}
	a.Retagged = quiet
	if ex := e.Explain(a, "new"); !ex.Matched || len(ex.Alerts) > 0 || !strings.Contains(ex.Reason, "quietly") {
		t.Errorf("explanation %+v: want a match that raised nothing, and why", ex)
	}
	a.Retagged = nil
	if got := len(handle(t, e, a)); got != 2 { // new and old
		t.Errorf("%d alerts of an article tagged as it is, want 2", got)
	}
}

func TestMatchWithoutPlaces(t *testing.T) {
	e := testEngine(catalog.Watch{ID: "w", Query: "lang:en -nokia"})
	for _, tt := range []struct {
		title, text, url, field, sentence string
	}{
		{"Phones", "Text.", "https://example.org/", "title", "Phones"},
		{" ", "\n\n One sentence. Another.", "https://example.org/", "text", "One sentence."},
		{"", "", "https://example.org/", "url", "https://example.org/"},
	} {
		a := pipeline.Article{Lang: "en", Key: "k", Title: tt.title, Text: tt.text, URL: tt.url}
		got := handle(t, e, a)
		if len(got) != 1 {
			t.Fatalf("%+v: %d alerts", tt, len(got))
		}
		if s := got[0].Receipt.Spans; len(s) != 1 || s[0].Field != tt.field || s[0].Text == "" || s[0].Term != "lang:en -nokia" {
			t.Errorf("%+v: spans %+v", tt, s)
		}
		if got[0].Receipt.Sentence != tt.sentence {
			t.Errorf("%+v: sentence %q", tt, got[0].Receipt.Sentence)
		}
	}
	if got := handle(t, e, pipeline.Article{Lang: "en"}); len(got) != 0 {
		t.Errorf("an alert with nothing to show: %+v", got)
	}
}

func TestSetWatches(t *testing.T) {
	e := testEngine(
		catalog.Watch{ID: "bad", Query: "(phones"},
		catalog.Watch{ID: "later", Query: "phones", Kind: "spike"},
		catalog.Watch{ID: "odd", Query: "phones", Group: "moon"},
		catalog.Watch{ID: "good", Query: "phones"},
	)
	if got := handle(t, e, article(1, 1)); len(got) != 1 || got[0].Watch != "good" {
		t.Errorf("got %+v", got)
	}
	got := make(map[string]string)
	for id, err := range e.Problems() {
		got[id] = err.Error()
	}
	want := map[string]string{
		"bad":   "watch bad: query: at 1: this ( is never closed; expected a )",
		"later": "watch later: kind spike is not available yet",
		"odd":   `watch odd: group "moon" is none of [story entity source none]`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	e.SetWatches([]catalog.Watch{{ID: "new", Query: "phones"}})
	if got := handle(t, e, article(1, 1)); len(got) != 1 || got[0].Watch != "new" || len(e.Problems()) != 0 {
		t.Errorf("after a change: %+v, %v", got, e.Problems())
	}
}

func TestLastIsOfNow(t *testing.T) {
	e := testEngine(catalog.Watch{ID: "w", Query: "last:2h"})
	now := testNow
	e.now = func() time.Time { return now }
	a := article(1, 1)
	if len(handle(t, e, a)) != 1 {
		t.Error("an article of an hour ago is not in last:2h")
	}
	now = now.Add(3 * time.Hour)
	if len(handle(t, e, a)) != 0 {
		t.Error("an article of four hours ago is in last:2h")
	}
}

func TestSpansAreCapped(t *testing.T) {
	e := testEngine(catalog.Watch{ID: "w", Query: "phone"})
	got := handle(t, e, pipeline.Article{Key: "k", Text: strings.Repeat("phone ", 500)})
	if n := len(got[0].Receipt.Spans); n != defaultSpans {
		t.Errorf("%d spans", n)
	}
}

func TestExplain(t *testing.T) {
	e := testEngine(
		catalog.Watch{ID: "w", Query: "entity:huawei phones -nokia"},
		catalog.Watch{ID: "no", Query: "nokia lang:ru after:2026-04-01 -phones huawei NEAR/1 zte"},
		catalog.Watch{ID: "bad", Query: "("},
		catalog.Watch{ID: "src", Query: "phones", Group: "source"},
	)
	quiet := article(1, 1)
	quiet.Quiet = true
	folded := article(2, 1)
	folded.CopyOf = article(1, 1).ID
	for _, tt := range []struct {
		watch   string
		a       pipeline.Article
		matched bool
		alerts  int
		reason  string
	}{
		{"w", article(1, 1), true, 1, "it matches; its story 20260331110000-0000000000000001 alerts once"},
		{"w", folded, true, 1, "it matches; it is a copy of 20260331110000-0000000000000001; it is folded into story 20260331110000-0000000000000001, which alerts once"},
		{"w", quiet, true, 0, "it matches, but it was loaded quietly (backfill), or was old when its feed was first polled, and such articles raise no alert"},
		{"src", article(1, 1), true, 1, "it matches; source s1 alerts once in story 20260331110000-0000000000000001"},
		{"no", article(1, 1), false, 0, "it does not match: nokia (not in the article); lang:ru (not true of the article); " +
			"after:2026-04-01 (published 2026-03-31 11:00 UTC); -phones (excluded, and in the article); huawei NEAR/1 zte (nowhere so near each other)"},
		{"bad", article(1, 1), false, 0, "the watch is left out: watch bad: query: at 1: this ( is never closed; expected a )"},
		{"gone", article(1, 1), false, 0, "there is no such watch"},
	} {
		ex := e.Explain(tt.a, tt.watch)
		if ex.Matched != tt.matched || len(ex.Alerts) != tt.alerts || ex.Reason != tt.reason {
			t.Errorf("%s: %+v\nwant %v, %d alerts, %q", tt.watch, ex, tt.matched, tt.alerts, tt.reason)
		}
		if tt.alerts == 0 {
			continue
		}
		var ids []string
		for _, al := range handle(t, e, tt.a) {
			if al.Watch == tt.watch {
				ids = append(ids, al.ID)
			}
		}
		if diff := cmp.Diff(ids, ex.Alerts, cmpopts.SortSlices(strings.Compare)); diff != "" {
			t.Errorf("%s: explained (+) and raised (-): %s", tt.watch, diff)
		}
	}
}
