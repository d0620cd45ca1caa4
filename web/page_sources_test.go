package web

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/newswatch/newswatch/pipeline"
	"github.com/newswatch/newswatch/pipeline/catalog"
)

// listed is the sources a page of the list shows, in order.
func listed(t *testing.T, s *Server, path string) []string {
	t.Helper()
	p := page(t, s, path, 200)
	var names []string
	for _, th := range p.all("th.wrap") {
		names = append(names, text((tree{th}).all("a")[0]))
	}
	return names
}

func TestSourcesAreFiltered(t *testing.T) {
	w := newWorld(t)
	s := serverOf(t, w.deps(), Config{})
	const wire, vestnik, jiangnan = "Pacific Wire", "Вестник связи", "江南日报"
	for _, tt := range []struct {
		query string
		want  []string
	}{
		{"", []string{vestnik, jiangnan, wire}}, // failing, quiet, ok
		{"state=failing", []string{vestnik}},
		{"state=quiet", []string{jiangnan}},
		{"state=ok", []string{wire}},
		{"state=new", nil},
		{"state=collapsed", []string{vestnik}},
		{"lang=zh", []string{jiangnan}},
		{"country=RU", []string{vestnik}},
		{"country=ru", []string{vestnik}},
		{"tag=daily", []string{vestnik, jiangnan}},
		{"tag=world+news", []string{jiangnan}},
		{"tag=daily&lang=ru", []string{vestnik}},
		{"tag=daily&lang=en", nil},
		{"q=" + url.QueryEscape("вестник"), []string{vestnik}},
		{"q=" + url.QueryEscape("日报"), []string{jiangnan}},
		{"q=WIRE.example", []string{wire}},
		{"q=%20", []string{vestnik, jiangnan, wire}},
	} {
		if diff := cmp.Diff(tt.want, listed(t, s, "/sources?"+tt.query)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", tt.query, diff)
		}
	}
	p := page(t, s, "/sources?tag=daily&lang=ru&q=rss", 200)
	if got := attr(p.one(t, "input"), "value"); got != "rss" {
		t.Errorf("box: %q", got)
	}
	var chosen []string
	for _, o := range p.all("option") {
		for _, a := range o.Attr {
			if a.Key == "selected" {
				chosen = append(chosen, text(o))
			}
		}
	}
	if diff := cmp.Diff([]string{"any", "Russian", "any", "daily"}, chosen); diff != "" {
		t.Errorf("chosen (-want +got):\n%s", diff)
	}
	// The tag of a row narrows what is shown, and keeps the rest.
	if to := page(t, s, "/sources?lang=zh", 200).link(t, "a", "world news"); to != "/sources?lang=zh&tag=world+news" {
		t.Errorf("tag leads to %s", to)
	}
}

// many is a world of n sources, every tenth with a failing feed.
func many(t testing.TB, n int) *world {
	w := newWorld(t)
	c := &catalog.Catalog{}
	w.feeds = nil
	for i := range n {
		src := catalog.Source{ID: fmt.Sprintf("s%03d", i), Name: fmt.Sprintf("Source %03d", i), Feeds: []catalog.Feed{{URL: fmt.Sprintf("https://s%d.example/rss", i)}}}
		f := FeedStatus{Source: src.ID, URL: src.Feeds[0].URL, State: FeedOK, LastOK: noon}
		if i%10 == 9 {
			f.State, f.Reason = FeedFailing, "HTTP 500"
		}
		c.Sources = append(c.Sources, src)
		w.feeds = append(w.feeds, f)
	}
	w.catalog = c.Sorted()
	return w
}

func TestSourcesByThePage(t *testing.T) {
	s := serverOf(t, many(t, 230).deps(), Config{})
	var all []string
	pages := 0
	for path := "/sources?q=source"; path != ""; pages++ {
		all = append(all, listed(t, s, path)...)
		p := page(t, s, path, 200)
		path = ""
		for _, a := range p.all("a.button") {
			if attr(a, "rel") == "next" {
				path = attr(a, "href")
			}
		}
	}
	if pages != 3 || len(all) != 230 {
		t.Errorf("%d sources on %d pages, want 230 on 3", len(all), pages)
	}
	if !slices.IsSorted(all[:23]) || all[0] != "Source 009" || all[22] != "Source 229" || all[23] != "Source 000" {
		t.Errorf("failing ones are not first: %v", all[:25])
	}
	slices.Sort(all)
	if len(slices.Compact(all)) != 230 {
		t.Error("a source is on two pages")
	}
	got := text(page(t, s, "/sources?page=3", 200).one(t, "main"))
	for _, want := range []string{"230 sources · 201–230 of 230", "23 failing", "207 ok", "Sources before"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in %s", want, got)
		}
	}
}

func BenchmarkSourcesPage(b *testing.B) {
	s := serverOf(b, many(b, 100_000).deps(), Config{})
	for b.Loop() {
		if res := get(s, "/sources?page=7"); res.Code != 200 {
			b.Fatal(res.Code)
		}
	}
}

// deaf is a process that polls and does not answer.
type deaf struct{}

func (deaf) Feeds(context.Context, string) ([]FeedStatus, error) {
	return nil, fmt.Errorf("feeds: %w", pipeline.ErrNoServer)
}

func (deaf) Kept(context.Context, string) (*KeptBody, error) {
	return nil, fmt.Errorf("feeds: %w", pipeline.ErrNoServer)
}

func TestSourcesWhenNobodyTellsOfTheFeeds(t *testing.T) {
	w := newWorld(t)
	for name, feeds := range map[string]Feeds{"no answer": deaf{}, "not here": nil} {
		deps := w.deps()
		deps.Feeds = feeds
		s := serverOf(t, deps, Config{})
		got := text(page(t, s, "/sources", 200).one(t, "main"))
		if !strings.Contains(got, "3 sources") || !strings.Contains(got, "is not known") || !strings.Contains(got, "3 unknown") {
			t.Errorf("%s: %s", name, got)
		}
		got = text(page(t, s, "/sources/vestnik", 200).one(t, "main"))
		if !strings.Contains(got, "is not known") || !strings.Contains(got, "https://vestnik.example/rss") {
			t.Errorf("%s: %s", name, got)
		}
	}
}

func TestSourceWithoutArticlesOrFeeds(t *testing.T) {
	w := newWorld(t)
	w.articles = nil
	w.catalog = (&catalog.Catalog{Sources: []catalog.Source{{ID: "loaded", Name: "Loaded"}}}).Sorted()
	deps := w.deps()
	s := serverOf(t, deps, Config{})
	got := text(page(t, s, "/sources/loaded", 200).one(t, "main"))
	if !strings.Contains(got, "It has no feeds") || !strings.Contains(got, "None so far") {
		t.Error(got)
	}
	if got := text(page(t, s, "/sources", 200).one(t, "main")); !strings.Contains(got, "no feeds") {
		t.Error(got)
	}
	deps.Searcher = failingSearch{}
	s = serverOf(t, deps, Config{})
	if got := text(page(t, s, "/sources/loaded", 200).one(t, "main")); !strings.Contains(got, "The index does not answer") {
		t.Error(got)
	}
	w.catalog = newEmptyCatalog()
	if got := text(page(t, s, "/sources", 200).one(t, "main")); !strings.Contains(got, "has no sources yet") {
		t.Error(got)
	}
}

type failingSearch struct{}

func (failingSearch) Search(context.Context, pipeline.SearchRequest) (pipeline.SearchResult, error) {
	return pipeline.SearchResult{}, errors.New("no index")
}

// A source is one click away from where it is named.
func TestSourcesAreLinked(t *testing.T) {
	w := newWorld(t)
	s := serverOf(t, w.deps(), Config{})
	for _, tt := range []struct{ path, words, want string }{
		{"/", "Sources", "/sources"},
		{"/status", "Вестник связи", "/sources/vestnik"},
		{"/articles/" + w.articles[0].ID, "Pacific Wire", "/sources/pacific-wire"},
		{"/alerts", "江南日报", "/sources/jiangnan"},
		{"/alerts/" + w.alerts[2].ID, "江南日报", "/sources/jiangnan"},
		{"/alerts/" + w.alerts[2].ID, "Feed has gone quiet", "/sources/jiangnan#feeds"},
		{"/sources", "江南日报", "/sources/jiangnan"},
		{"/sources/vestnik", "All its articles", "/?collapse=none&q=source%3Avestnik"},
	} {
		if got := page(t, s, tt.path, 200).link(t, "a", tt.words); got != tt.want {
			t.Errorf("%s: %q leads to %s, want %s", tt.path, tt.words, got, tt.want)
		}
	}
	// One the catalog no longer has leads to its articles.
	w.articles[0].Source = "gone"
	if got := page(t, s, "/articles/"+w.articles[0].ID, 200).link(t, "a", "gone"); got != "/?q=source%3Agone" {
		t.Errorf("a source that is gone leads to %s", got)
	}
}

func TestFeedsOfASourceOverTheAPI(t *testing.T) {
	w := newWorld(t)
	w.catalog.Sources[0].Feeds = append(w.catalog.Sources[0].Feeds, catalog.Feed{URL: "https://jiangnan.example/second"})
	s := serverOf(t, w.deps(), Config{})
	items := asJSON(t, get(s, "/api/v1/sources/jiangnan/feeds"), 200)["items"].([]any)
	if len(items) != 2 {
		t.Fatalf("%d feeds, want 2", len(items))
	}
	first, second := items[0].(map[string]any), items[1].(map[string]any)
	for key, want := range map[string]any{
		"source": "jiangnan", "url": "https://jiangnan.example/feed", "state": "quiet", "status": 304.0, "interval_s": 7200.0, "usual_s": 18000.0,
		"items": 812.0, "listed": 20.0, "newest": noon.Add(-50 * time.Hour).Format(time.RFC3339), "format": "atom", "failures": 0.0,
	} {
		if first[key] != want {
			t.Errorf("%s: %v, want %v", key, first[key], want)
		}
	}
	if second["state"] != "unknown" || second["url"] != "https://jiangnan.example/second" {
		t.Errorf("a feed nobody tells of: %v", second)
	}
	asJSON(t, get(s, "/api/v1/sources/nobody/feeds"), 404)
	deps := w.deps()
	deps.Feeds = deaf{}
	asJSON(t, get(serverOf(t, deps, Config{}), "/api/v1/sources/jiangnan/feeds"), 503)
}

// A source whose pages give far less text than they used to is marked in the
// list, and the API lists those that are.
func TestCollapsedSourcesAreMarked(t *testing.T) {
	w := newWorld(t)
	y := w.yields["vestnik"]
	y.Source = "pacific-wire" // whose feed does well
	w.yields = map[string]YieldStatus{"pacific-wire": y}
	deps := w.deps()
	s := serverOf(t, deps, Config{})
	if got := listed(t, s, "/sources"); !slices.Equal(got, []string{"Вестник связи", "Pacific Wire", "江南日报"}) {
		t.Errorf("the worst first: %v", got)
	}
	row := page(t, s, "/sources?state=collapsed", 200).one(t, "tbody")
	if got := text(row); !strings.Contains(got, "pages collapsed") || !strings.Contains(got, y.Reason) || !strings.Contains(got, "1 ok") {
		t.Error(got)
	}
	ids := func(state string) (ids []string) {
		for _, item := range asJSON(t, get(s, "/api/v1/sources?state="+url.QueryEscape(state)), 200)["items"].([]any) {
			ids = append(ids, item.(map[string]any)["id"].(string))
		}
		return ids
	}
	for state, want := range map[string][]string{
		"collapsed": {"pacific-wire"}, "failing": {"vestnik"}, "ok": {"pacific-wire"}, "no feeds": nil, "": {"jiangnan", "pacific-wire", "vestnik"},
	} {
		if got := ids(state); !slices.Equal(got, want) {
			t.Errorf("%q: %v, want %v", state, got, want)
		}
	}
	deps.Yields, deps.Feeds = nil, nil
	s = serverOf(t, deps, Config{})
	asJSON(t, get(s, "/api/v1/sources?state=collapsed"), 503)
	asJSON(t, get(s, "/api/v1/sources?state=failing"), 503)
	if got := text(page(t, s, "/sources", 200).one(t, "main")); strings.Contains(got, "collapsed") {
		t.Error(got)
	}
}

func TestYieldOfASourceOverTheAPI(t *testing.T) {
	w := newWorld(t)
	s := serverOf(t, w.deps(), Config{})
	got := asJSON(t, get(s, "/api/v1/sources/vestnik/yield"), 200)
	want := map[string]any{
		"source": "vestnik", "collapsed": true, "reason": "18 of the last 20 pages gave little or no text (most often: short), of the 100 before 3 did",
		"since": noon.Add(-9 * time.Hour).Format(time.RFC3339), "last_good": noon.Add(-10 * time.Hour).Format(time.RFC3339),
		"recent": map[string]any{"pages": 20.0, "poor": 18.0, "median": 120.0}, "past": map[string]any{"pages": 100.0, "poor": 3.0, "median": 2410.0},
	}
	delete(got, "$schema")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("yield (-want +got):\n%s", diff)
	}
	asJSON(t, get(s, "/api/v1/sources/nobody/yield"), 404)
	deps := w.deps()
	deps.Yields = nil
	asJSON(t, get(serverOf(t, deps, Config{}), "/api/v1/sources/vestnik/yield"), 503)
	page(t, serverOf(t, deps, Config{}), "/sources/vestnik", 200)
}

func TestAlertAboutPages(t *testing.T) {
	w := newWorld(t)
	w.alerts = append(w.alerts, pagesAlert())
	s := serverOf(t, w.deps(), Config{})
	p := page(t, s, "/alerts/"+pagesAlert().ID, 200)
	got := text(p.one(t, "main"))
	for _, want := range []string{
		"Pages give little text: vestnik", "Вестник связи", "sources whose feeds fail or go quiet, or whose pages give little text",
		"Pages of", "18 of the last 20 pages", "Last good page", "First thin page", "Noticed",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	if to := p.link(t, "a", "Pages give little text: vestnik"); to != "/sources/vestnik#pages" {
		t.Errorf("it leads to %s", to)
	}
}

// A watch of kind silence needs no query.
func TestPutSilenceWatch(t *testing.T) {
	s := serverOf(t, newWorld(t).deps(), Config{})
	if res := do(s, "PUT", "/api/v1/watches/quiet-feeds", `{"name":"Quiet feeds","kind":"silence","to":["desk"]}`); res.Code != 201 {
		t.Errorf("%d %s", res.Code, res.Body)
	}
	if res := do(s, "PUT", "/api/v1/watches/nothing", `{"name":"Nothing","to":["desk"]}`); res.Code != 422 {
		t.Errorf("a watch of kind mention without a query: %d %s", res.Code, res.Body)
	}
}
