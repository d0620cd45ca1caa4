package web

import (
	"context"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/newswatch/newswatch/pipeline"
)

// answers is a world whose searches are changed on their way.
type answers struct {
	*world
	change func(*pipeline.SearchResult)
}

func (a answers) Search(ctx context.Context, req pipeline.SearchRequest) (pipeline.SearchResult, error) {
	res, err := a.world.Search(ctx, req)
	a.change(&res)
	return res, err
}

// What is not all, and what is not exact, is said so.
func TestPartialAndInexact(t *testing.T) {
	for _, tt := range []struct {
		name      string
		exact     bool
		warnings  []string
		has, lack []string
	}{
		{"whole", true, nil, []string{"6 articles"}, []string{"at least", "at most", "Not everything"}},
		{
			"partial", false, []string{"partial: partition 2015-12 took too long"},
			[]string{"at least 6 articles", "Not everything could be searched", "partition 2015-12 took too long"}, []string{"partial:", "at most"},
		},
		{
			"inexact", false, []string{"6 articles may match, too many to verify each"},
			[]string{"at most 6 articles", "too many to verify each"}, []string{"at least", "Not everything"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			d := w.deps()
			d.Searcher = answers{w, func(res *pipeline.SearchResult) { res.TotalExact, res.Warnings = tt.exact, tt.warnings }}
			got := text(page(t, serverOf(t, d, Config{}), "/", 200).one(t, "main"))
			for _, s := range tt.has {
				if !strings.Contains(got, s) {
					t.Errorf("%q is not on the page", s)
				}
			}
			for _, s := range tt.lack {
				if strings.Contains(got, s) {
					t.Errorf("%q is on the page", s)
				}
			}
		})
	}
}

// Where few articles have all the words, those with any are offered.
func TestAnyWordIsOffered(t *testing.T) {
	const offer = "with any of"
	s := serverOf(t, newWorld(t).deps(), Config{})
	for _, tt := range []struct{ query, want string }{
		{"huawei laboratory nosuchword lang:en", "(huawei OR laboratory OR nosuchword) AND lang:en"},
		{"huawei institute", "huawei OR institute"}, // one has both
		{"nosuchword", ""},
		{"nosuchword lang:en", ""},
		{`"no such phrase"`, ""},
	} {
		p := page(t, s, "/?"+url.Values{"q": {tt.query}, "collapse": {"stories"}}.Encode(), 200)
		if tt.want == "" {
			if strings.Contains(text(p.one(t, "main")), offer) {
				t.Errorf("%s: any of its words is offered", tt.query)
			}
			continue
		}
		to, err := url.Parse(p.link(t, "a", offer))
		if err != nil {
			t.Fatal(err)
		}
		want := url.Values{"q": {tt.want}, "sort": {"relevance"}, "collapse": {"stories"}}
		if got := to.Query().Encode(); got != want.Encode() {
			t.Errorf("%s: offered %s, want %s", tt.query, got, want.Encode())
		}
		page(t, s, to.String(), 200)
	}
}

// Hours are counted where the time asked for is short.
func TestHoursAreAskedFor(t *testing.T) {
	w := newWorld(t)
	s := serverOf(t, w.deps(), Config{})
	for path, want := range map[string]string{
		"/": "", "/?q=huawei": "", "/?q=last%3A2d": "hour", "/?from=2015-12-15&to=2015-12-17": "hour", "/?from=2015-12-01&to=2015-12-17": "",
	} {
		p := page(t, s, path, 200)
		if w.searched.Interval != want || !w.searched.Timeline {
			t.Errorf("%s: asked for intervals of %q, want %q", path, w.searched.Interval, want)
		}
		if got := strings.Contains(text(p.one(t, "main")), "per hour,"); got != (want == "hour") {
			t.Errorf("%s: hours shown: %v", path, got)
		}
	}
}

// In a browser, with script and without: what is folded is switched by one
// click, and stays with another query and another order.
func TestSwitchInBrowser(t *testing.T) {
	tab := browser(t)
	w := newWorld(t)
	srv := httptest.NewServer(serverOf(t, w.deps(), Config{}).Handler())
	defer srv.Close()
	for _, script := range []bool{true, false} {
		t.Run(map[bool]string{true: "with script", false: "without script"}[script], func(t *testing.T) {
			if err := chromedp.Do(tab, withScript(script), chromedp.EmulateViewport(1200, 900)); err != nil {
				t.Fatal(err)
			}
			expect := func(sum, on, order string) {
				t.Helper()
				if got := read(t, tab, chromedp.TextContent(chromedp.CSS(".sum"))); !strings.HasPrefix(got, sum) {
					t.Errorf("%q, want %q", got, sum)
				}
				for name, want := range map[string]string{"collapse": on, "sort": order} {
					got := read(t, tab, chromedp.TextContent(chromedp.CSS(`.switch[data-name=`+name+`] a[aria-current=true]`)))
					if got != want {
						t.Errorf("%s: %q is on, want %q", name, got, want)
					}
				}
			}
			follow(t, tab, chromedp.Navigate(srv.URL+"/"))
			expect("6 articles", "no copies", "newest")
			follow(t, tab, chromedp.Click(`//span[@data-name="collapse"]/a[.="all"]`))
			all := read(t, tab, chromedp.TextContent(chromedp.CSS(".sum strong")))
			expect(count(len(w.articles), "article", "articles"), "all", "newest")
			follow(t, tab, chromedp.Click(`//span[@data-name="sort"]/a[.="best match"]`))
			expect(all, "all", "best match")
			follow(t, tab, chromedp.Click(`//span[@data-name="collapse"]/a[.="stories"]`))
			expect("", "stories", "best match")
			if got := read(t, tab, chromedp.TextContent(chromedp.CSS(".sum strong"))); !strings.HasSuffix(got, "stories") {
				t.Errorf("%q, want stories", got)
			}
			follow(t, tab, chromedp.SendKeys(chromedp.ID("q"), "huawei"+kb.Enter))
			expect("", "stories", "best match")
			if at := read(t, tab, chromedp.Location()); !strings.Contains(at, "collapse=stories") || !strings.Contains(at, "sort=relevance") || !strings.Contains(at, "q=huawei") {
				t.Errorf("asked at %s", at)
			}
			follow(t, tab, chromedp.Click(`//span[@data-name="collapse"]/a[.="no copies"]`))
			expect("", "no copies", "best match")
		})
	}
}
