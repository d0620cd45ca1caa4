package web

import (
	"context"
	"errors"
	"html/template"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/newswatch/newswatch/pipeline"
	"github.com/newswatch/newswatch/pipeline/catalog"
)

func page(t testing.TB, s *Server, path string, want int) tree {
	t.Helper()
	res := get(s, path)
	if res.Code != want {
		t.Fatalf("GET %s: %d, want %d\n%s", path, res.Code, want, res.Body)
	}
	if ct := res.Header().Get("Content-Type"); ct != "text/html; charset=utf-8" {
		t.Errorf("GET %s: %s", path, ct)
	}
	return checkPage(t, res.Body.String())
}

func TestEveryPage(t *testing.T) {
	w := newWorld(t)
	s := serverOf(t, w.deps(), Config{})
	executed := map[string]bool{}
	for _, tc := range []struct {
		name, template, path string
		status               int
		has                  []string // in the text of main
	}{
		{"newest", "search", "/", 200, []string{"6 articles", "Вестник связи", "江南日报", "6 copies", "just now", "Languages"}},
		{"query", "search", "/?q=entity%3Ahuawei+lab*&sort=relevance&collapse=none", 200, []string{"laboratory", "Remove filter Huawei"}},
		{"day", "search", "/?from=2015-12-15&to=2015-12-16", 200, []string{"15 Dec 2015 ×"}},
		{"query error", "search", "/?q=huawei+AND+%28", 400, []string{"can’t be understood", "huawei AND ("}},
		{"bad day", "search", "/?from=yesterday", 422, []string{"expected an RFC 3339 time"}},
		{"bad order", "search", "/?sort=random", 400, []string{"There is no order random"}},
		{"bad folding", "search", "/?collapse=all", 400, []string{"There is no folding all"}},
		{"nothing found", "search", "/?q=lang%3Axx+huawei&to=2016-01-01", 200, []string{"Nothing found", "without lang:xx", "any day"}},
		{"article", "article", "/articles/" + w.articles[0].ID, 200, []string{"Dmitry Medvedev", "+1 min 35 s", "as its feed says", "Read the original", "readability"}},
		{"why a mention", "article", "/articles/" + w.articles[0].ID + "?entity=huawei&watch=huawei-news", 200, []string{"Huawei: mentioned in 1 place.", "rule exact, confidence 1.00", "Huawei in the news: it matches.", "Its alert"}},
		{"why no mention", "article", "/articles/" + w.articles[0].ID + "?entity=alibaba", 200, []string{"Alibaba: not mentioned: its name stands in 1 place that does not count; the article was tagged by other names and is kept with it.", "does not count: near: none of shop, trade"}},
		{"why not, of nobody", "article", "/articles/" + w.articles[0].ID + "?entity=nobody", 200, []string{"There is no entity nobody."}},
		{"copy", "article", "/articles/" + w.articles[8].ID, 200, []string{"This is a copy", "梅德韦杰夫"}},
		{"alerts", "alerts", "/alerts", 200, []string{"Huawei in the news", "failed", "华为展示"}},
		{"alert", "alert", "/alerts/huawei-news.0123456789abcdef", 200, []string{"entity:huawei", "one alert per story", "Sent everywhere", "503 Service Unavailable"}},
		{"failed alert", "alert", "/alerts/huawei-news.fedcba9876543210", 200, []string{"410 Gone"}},
		{"alert about a feed", "alert", "/alerts/quiet-feeds.00112233445566aa", 200, []string{"Feed has gone quiet: https://jiangnan.example/feed", "江南日报", "sources lang:zh whose feeds fail or go quiet", "one alert per spell", "no new item for 50 h", "at most 5 h between items", "Newest item", "Noticed"}},
		{"sources", "sources", "/sources", 200, []string{"3 sources", "1 failing", "1 quiet", "1 ok", "HTTP 403: the site refuses us", "nothing new for 50 h; the longest gap it usually leaves is 5 h", "Вестник связи", "Chinese"}},
		{"sources narrowed to none", "sources", "/sources?tag=weekly", 200, []string{"0 sources", "No source is like that"}},
		{"sources, no such page", "error", "/sources?page=9", 404, []string{"There is no page 9"}},
		{"sources, far beyond", "error", "/sources?page=9223372036854775807", 404, nil},
		{"sources, no page", "error", "/sources?page=x", 400, nil},
		{"source that fails", "source", "/sources/vestnik", 200, []string{"HTTP 403: the site refuses us", "Answered 403 Forbidden", "Last good answer 1 day ago", "Failures 7", "Next poll in 60 min", "Trouble since 1 day ago", "Error GET https://vestnik.example/rss: 403", "There may be feeds at https://vestnik.example/feed.xml", "Медведев в Учжэне", "All its articles"}},
		{"source whose pages give little", "source", "/sources/vestnik", 200, []string{"collapsed 18 of the last 20 pages gave little or no text (most often: short), of the 100 before 3 did", "Since 9 h ago", "Last good page 10 h ago", "Last 20 120 letters of text in the median, 18 gave little or none", "Before that, 100 2,410 letters", "newswatch extract --explain"}},
		{"source whose pages are well", "source", "/sources/pacific-wire", 200, []string{"Pages ok", "Last 20 3,100 letters of text in the median, 1 gave little or none"}},
		{"source that is quiet", "source", "/sources/jiangnan", 200, []string{"江南日报", "Answered 304 Not Modified", "Usual gap at most 5 h", "20 listed, 812 taken in", "Format atom", "Mended a missing </item>", "Every 2 h", "world news"}},
		{"source that has moved", "source", "/sources/pacific-wire", 200, []string{"It has moved to https://wire.example/world.xml and is asked there now", "asked more often", "Next poll in 8 min"}},
		{"no such source", "error", "/sources/nobody", 404, []string{"there is no such thing"}},
		{"entities", "entities", "/entities", 200, []string{"4 entities", "Add an entity", "Huawei", "华为", "Dmitry Medvedevperson"}},
		{"entities narrowed", "entities", "/entities?kind=event&q=" + url.QueryEscape("互联网"), 200, []string{"1 entity", "World Internet Conference"}},
		{"entities narrowed to none", "entities", "/entities?kind=law", 200, []string{"0 entities", "No entity is like that"}},
		{"entities, no such page", "error", "/entities?page=9", 404, []string{"There is no page 9"}},
		{"entities, no page", "error", "/entities?page=x", 400, nil},
		{"entity", "entity", "/entities/huawei?done=saved", 200, []string{"It is saved", "Q160120", "ХуавейRussian", "Huawei It is a word of every day.", "Top sources", "Mentioned with", "Alibaba", "Newest mentions", "Вестник связи", "per day"}},
		{"entity being applied", "entity", "/entities/huawei?done=saved", 200, []string{"so are those there are, without alerts", "It is being applied to the articles there are: 63 %, 756 of 1,200 articles looked at, 41 tagged anew."}},
		{"entity applied", "entity", "/entities/alibaba", 200, []string{"Applied to the articles there are: 3 articles tagged anew, 1 h ago."}},
		{"entity never applied", "entity", "/entities/medvedev", 200, []string{"newswatch retag medvedev looks at them"}},
		{"entity to be applied", "entity", "/entities/wic", 200, []string{"It is about to be applied"}},
		{"entity to delete", "entity_delete", "/entities/huawei/delete", 200, []string{"Delete Huawei", "42 articles have it now", "Take its tags out", "Leave its tags"}},
		{"no such entity to delete", "error", "/entities/nobody/delete", 404, nil},
		{"no such entity", "error", "/entities/nobody", 404, []string{"there is no such thing"}},
		{"entity to add", "entity_edit", "/entities:new", 200, []string{"Add an entity", "Names, one a line"}},
		{"entity to change", "entity_edit", "/entities/huawei/edit", 200, []string{"Huawei", "{ text: 华为, lang: zh }"}},
		{"no such entity to change", "error", "/entities/nobody/edit", 404, nil},
		{"status", "status", "/status?done=replayed", 200, []string{"1,234", "HTTP 403: the site refuses us", "57 ok", "index out of range", "Replay dead letter 7", "handed to its stage again", "100.0 GiB free", "Huaweirunning 63 %756 of 1,200 articles looked at, 41 tagged anew", "all articles, with alertsdone", "500 entities", "1 too large for it", "4e5f6071index-2catching up: its stream has lost articles12", "1no replica"}},
		{"no such page", "error", "/nowhere", 404, []string{"There is nothing at /nowhere."}},
		{"no such article", "error", "/articles/20151216120000-ffffffffffffffff", 404, []string{"there is no such thing"}},
		{"no such alert", "error", "/alerts/x", 404, nil},
		{"wrong method", "error", "/status/dead/7/replay", 405, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			executed[tc.template] = true
			got := text(page(t, s, tc.path, tc.status).one(t, "main"))
			for _, want := range tc.has {
				if !strings.Contains(got, want) {
					t.Errorf("no %q in\n%s", want, got)
				}
			}
		})
	}
	for name := range templates {
		if !executed[name] {
			t.Errorf("template %s was never executed", name)
		}
	}
}

func TestPagesOfPartsThatDoNotRun(t *testing.T) {
	s := serverOf(t, Deps{}, Config{Title: "desk"})
	for _, path := range []string{"/", "/articles/x", "/sources", "/sources/x", "/entities", "/entities/x", "/entities:new", "/entities/x/edit", "/alerts", "/alerts/x", "/status"} {
		p := page(t, s, path, http.StatusServiceUnavailable)
		if got := text(p.one(t, "main")); !strings.Contains(got, "not running here") {
			t.Errorf("%s: %s", path, got)
		}
		if got := text(p.one(t, "a.brand")); got != "desk" {
			t.Errorf("%s: brand %q", path, got)
		}
	}
}

func TestPagesOfPartsThatFail(t *testing.T) {
	w := newWorld(t)
	deps := w.deps()
	deps.Status = func(context.Context) (Status, error) { return Status{}, errors.New("secret detail") }
	s := serverOf(t, deps, Config{})
	res := get(s, "/status")
	if res.Code != 500 || strings.Contains(res.Body.String(), "secret") {
		t.Errorf("%d %s", res.Code, res.Body)
	}
	w.articles = nil // the empty page asks for the status
	got := text(page(t, s, "/", 200).one(t, "main"))
	if !strings.Contains(got, "Nothing to show yet") {
		t.Error(got)
	}
}

func TestFirstDay(t *testing.T) {
	w := newWorld(t)
	w.articles = nil
	w.status.Index.Documents = 0
	s := serverOf(t, w.deps(), Config{})
	p := page(t, s, "/", 200)
	got := text(p.one(t, "main"))
	for _, want := range []string{"It follows 60 feeds; 58 answered so far, and 1 feed fails", "1,245 waiting for extract", "0 articles are searchable"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	reloads := func(p tree) bool {
		for _, m := range p.all("meta") {
			if attr(m, "http-equiv") == "refresh" {
				return true
			}
		}
		return false
	}
	if !reloads(p) {
		t.Error("the waiting page does not look again")
	}
	if reloads(page(t, s, "/?q=huawei", 200)) {
		t.Error("a page with a question reloads under its reader")
	}
}

func TestFacetsAddAndRemoveTerms(t *testing.T) {
	s := serverOf(t, newWorld(t).deps(), Config{})
	p := page(t, s, "/?q=huawei+OR+%D0%A5%D1%83%D0%B0%D0%B2%D0%B5%D0%B9&sort=oldest", 200)
	to := p.link(t, "a", "Вестник связи 2")
	u, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := u.Query().Get("q"), "(huawei OR Хуавей) source:vestnik"; got != want {
		t.Errorf("narrowed to %q, want %q", got, want)
	}
	if u.Query().Get("sort") != "oldest" {
		t.Errorf("the order is lost: %s", to)
	}
	p = page(t, s, to, 200)
	if got := attr(p.all("input")[0], "value"); got != "(huawei OR Хуавей) source:vestnik" {
		t.Errorf("box: %q", got)
	}
	back, err := url.Parse(p.link(t, "a.on", "Вестник связи"))
	if err != nil {
		t.Fatal(err)
	}
	if got := back.Query().Get("q"); got != "(huawei OR Хуавей)" {
		t.Errorf("widened to %q", got)
	}
}

func TestPagesOfHits(t *testing.T) {
	w := newWorld(t)
	s := serverOf(t, w.deps(), Config{})
	seen := map[string]bool{}
	pages := 0
	for path := "/?collapse=none"; path != ""; pages++ {
		p := page(t, s, path, 200)
		path = ""
		for _, h := range p.all("h2") {
			for _, a := range (tree{h}).all("a") {
				if href := attr(a, "href"); strings.HasPrefix(href, "/articles/") {
					if seen[href] {
						t.Errorf("%s twice", href)
					}
					seen[href] = true
				}
			}
		}
		for _, a := range p.all("a.button") {
			path = attr(a, "href")
		}
	}
	if len(seen) != len(w.articles) || pages != 3 {
		t.Errorf("%d hits on %d pages, want %d on 3", len(seen), pages, len(w.articles))
	}
}

func TestItemsCarryTheirLanguage(t *testing.T) {
	s := serverOf(t, newWorld(t).deps(), Config{})
	p := page(t, s, "/", 200)
	langs := map[string]bool{}
	for _, a := range p.all("article") {
		langs[attr(a, "lang")] = true
		for _, h := range (tree{a}).all("h2") {
			if attr(h, "dir") != "auto" {
				t.Error("a title without dir=auto")
			}
		}
	}
	if !langs["zh"] || !langs["ru"] || !langs["en"] {
		t.Errorf("languages: %v", langs)
	}
}

// hostile is what a feed may put anywhere.
const hostile = `"><script>alert(1)</script><img src=x onerror=alert(1)><svg/onload=alert(1)>javascript:alert(1)'&lt;b&gt;</title></textarea>`

func TestHostileText(t *testing.T) {
	w := newWorld(t)
	a := &w.articles[0]
	a.Title, a.Text, a.Author, a.Lang, a.Country, a.Method = hostile, hostile+"\n\n"+hostile, hostile, hostile, hostile, hostile
	a.Source, a.URL, a.Feeds, a.Tags = hostile, "javascript:alert(1)//"+hostile, []string{hostile}, []string{hostile}
	a.Problems = []pipeline.Problem{{Stage: hostile, Reason: hostile, Detail: hostile, At: noon}}
	a.Mentions = []pipeline.Mention{{Entity: hostile, Field: "text", Start: 0, End: len(hostile), Text: hostile}, {Entity: "x", Field: "text", Start: 1 << 40, End: 1<<40 + 2}, {Entity: "y", Field: "title", Start: -4, End: 2}}
	w.alerts[0] = sentAlert(*a)
	al := &w.alerts[0]
	al.WatchName, al.Kind, al.State = hostile, hostile, hostile
	al.Receipt.Query, al.Receipt.Sentence, al.Receipt.WatchVersion = hostile, hostile, hostile
	al.Receipt.Spans = []pipeline.Span{{Field: hostile, Text: "<script>", Entity: hostile}}
	al.Deliveries = []pipeline.Attempts{{Channel: hostile, State: hostile, Error: hostile}}
	d := &w.dead[0]
	d.Stage, d.Reason, d.Error, d.Subject, d.Key = hostile, hostile, hostile, hostile, hostile
	w.status.Feeds.Failing[0] = FeedStatus{Source: hostile, URL: "javascript:alert(1)", Reason: hostile, State: hostile}
	w.status.Feeds.States = map[string]int{hostile: 1}
	w.status.Version, w.status.Roles = hostile, []string{hostile}
	w.status.Stages[0].Stage, w.status.Streams[0].Stream = hostile, hostile
	w.status.Index.Shards[0].Replicas[1] = ReplicaStatus{Replica: hostile, Node: hostile, State: hostile, Note: hostile}
	w.catalog.Entities[0].Name, w.catalog.Sources[0].Name = hostile, hostile
	src := &w.catalog.Sources[0]
	src.Home, src.Lang, src.Country, src.Tags, src.ManagedBy = "javascript:alert(1)", hostile, hostile, []string{hostile}, hostile
	src.Feeds = []catalog.Feed{{URL: "javascript:" + hostile}}
	w.feeds = []FeedStatus{{
		Source: src.ID, URL: src.Feeds[0].URL, State: hostile, Reason: hostile, Class: hostile, Status: -1, Format: hostile, Title: hostile,
		Repairs: []string{hostile}, Suggestions: []string{hostile, "javascript:alert(1)"}, MovedTo: "javascript:alert(1)", LastOK: noon,
	}}
	fa := &w.alerts[2]
	fa.Feed.Source, fa.Feed.Feed, fa.Feed.Kind, fa.Feed.Reason = hostile, "javascript:"+hostile, hostile, hostile

	deps := w.deps()
	deps.Searcher = hostileSearch{w}
	s := serverOf(t, deps, Config{Title: hostile, Version: hostile})
	q := url.QueryEscape(hostile)
	for _, path := range []string{
		"/", "/?q=" + q, "/?q=huawei&cursor=" + q, "/?from=" + q, "/?sort=" + q, "/?q=huawei&to=2016-01-01",
		"/articles/" + a.ID, "/articles/" + url.PathEscape(hostile), "/alerts", "/alerts/" + al.ID, "/alerts/" + fa.ID,
		"/sources", "/sources/" + src.ID, "/sources?q=" + q + "&state=" + q + "&lang=" + q + "&country=" + q + "&tag=" + q, "/sources?page=" + q,
		"/status", "/status?done=" + q, "/" + url.PathEscape(hostile),
	} {
		res := get(s, path)
		p := checkPage(t, res.Body.String())
		if n := len(p.all("script")); n != 1 {
			t.Errorf("%s: %d script elements, want our one", path, n)
		}
		if got := res.Header().Get("Content-Security-Policy"); got != csp {
			t.Errorf("%s: CSP %q", path, got)
		}
	}
}

// hostileSearch answers what no honest index does.
type hostileSearch struct{ *world }

func (h hostileSearch) Search(ctx context.Context, req pipeline.SearchRequest) (pipeline.SearchResult, error) {
	if req.Query == hostile {
		return pipeline.SearchResult{}, &pipeline.QueryError{Query: req.Query, Pos: 3, Msg: hostile}
	}
	res, err := h.world.Search(ctx, req)
	if err != nil || len(res.Hits) == 0 {
		return res, err
	}
	hit := &res.Hits[0]
	hit.Snippet = `<mark>ok</mark><mark onclick=x>` + hostile + `<mark><mark></mark>`
	hit.Entities = append(hit.Entities, hostile)
	hit.ID, hit.Story = hostile, hostile
	res.Warnings = []string{hostile}
	res.NextCursor = hostile
	for _, f := range pageFacets {
		res.Facets[f.field] = append([]pipeline.FacetCount{{Value: hostile, Count: 1}}, res.Facets[f.field]...)
	}
	return res, nil
}

func TestSafeSnippet(t *testing.T) {
	for _, tc := range []struct{ in, want string }{
		{"plain", "plain"},
		{"a <mark>b</mark> c", "a <mark>b</mark> c"},
		{"Q&amp;A &lt;b&gt;", "Q&amp;A &lt;b&gt;"},
		{"R&D", "R&amp;D"},
		{"<b>x</b>", "&lt;b&gt;x&lt;/b&gt;"},
		{"<mark>open", "<mark>open</mark>"},
		{"close</mark>", "close"},
		{"<mark>a<mark>b</mark>c</mark>", "<mark>ab</mark>c"},
		{`<mark class="x">a</mark>`, `&lt;mark class=&#34;x&#34;&gt;a`},
		{"a < b", "a &lt; b"},
		{"<", "&lt;"},
		{"&#60;script&#62;", "&lt;script&gt;"},
		{"<mark>华为</mark>发布", "<mark>华为</mark>发布"},
	} {
		if got := safeSnippet(tc.in); got != template.HTML(tc.want) {
			t.Errorf("safeSnippet(%q) = %q, want %q", tc.in, got, tc.want)
		}
	}
}

func FuzzSafeSnippet(f *testing.F) {
	for _, seed := range []string{"a <mark>b</mark>", hostile, "<mark><mark", "&lt;mark&gt;", "<mar<mark>k>"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		out := string(safeSnippet(in))
		rest := strings.NewReplacer("<mark>", "", "</mark>", "").Replace(out)
		if strings.ContainsAny(rest, `<>"'`) {
			t.Fatalf("%q gives %q", in, out)
		}
		depth := 0
		for _, part := range strings.SplitAfter(out, ">") {
			switch {
			case strings.HasSuffix(part, "</mark>"):
				depth--
			case strings.HasSuffix(part, "<mark>"):
				depth++
			}
			if depth < 0 || depth > 1 {
				t.Fatalf("%q gives unbalanced %q", in, out)
			}
		}
		if depth != 0 {
			t.Fatalf("%q gives unbalanced %q", in, out)
		}
		if again := string(safeSnippet(out)); again != out {
			t.Fatalf("%q gives %q, and that %q", in, out, again)
		}
	})
}

func TestMentionPieces(t *testing.T) {
	text := "华为 and Huawei\nof Shenzhen"
	mention := func(start, end int) pipeline.Mention {
		m := pipeline.Mention{Entity: "huawei", Field: "text", Start: start, End: end}
		if start >= 0 && end <= len(text) && start < end {
			m.Text = text[start:end]
		}
		return m
	}
	a := pipeline.Article{Text: text, Mentions: []pipeline.Mention{
		mention(11, 17), mention(0, 6), mention(3, 9), mention(13, 400), mention(-1, 2), mention(5, 5),
		{Entity: "x", Field: "text", Start: 18, End: 20, Text: "OF"},
		{Entity: "huawei", Field: "text", Start: 21, End: 29, Text: "Shenzhen", Confidence: 0.4},
		{Entity: "huawei", Field: "text", Start: 21, End: 29, Text: "Shenzhen", Nested: true},
	}}
	got := ""
	for _, p := range paragraphs(a.Text, mentionsIn(a, "text"), names{newWorld(t).catalog}) {
		for _, pc := range p {
			if pc.Mark {
				got += "[" + pc.Text + "]"
			} else {
				got += pc.Text
			}
		}
	}
	if want := "[华为] and [Huawei]\nof Shenzhen"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// FuzzParagraphs: whatever the mentions claim, the text is shown whole.
func FuzzParagraphs(f *testing.F) {
	f.Add("a\n\nb 华为 c", 5, 11, 0, 3)
	f.Add("\n\n\n", -1, 2, 1, 2)
	f.Fuzz(func(t *testing.T, text string, s1, e1, s2, e2 int) {
		var ms []pipeline.Mention
		for _, m := range [][2]int{{s1, e1}, {s2, e2}} {
			mn := pipeline.Mention{Entity: "e", Field: "text", Start: m[0], End: m[1]}
			if m[0] >= 0 && m[1] <= len(text) && m[0] < m[1] {
				mn.Text = text[m[0]:m[1]]
			}
			ms = append(ms, mn)
		}
		a := pipeline.Article{Text: text, Mentions: ms}
		var got strings.Builder
		for _, p := range paragraphs(text, mentionsIn(a, "text"), names{newEmptyCatalog()}) {
			for _, pc := range p {
				got.WriteString(pc.Text)
			}
		}
		squeeze := func(s string) string { return strings.Join(strings.Fields(s), "") }
		if squeeze(got.String()) != squeeze(text) {
			t.Fatalf("%q became %q", text, got.String())
		}
	})
}

func TestMarkAll(t *testing.T) {
	var got strings.Builder
	for _, p := range markAll("华为 and Huawei, Huawei Technologies", []string{"Huawei", "Huawei Technologies", "", "华为"}) {
		if p.Mark {
			got.WriteString("[" + p.Text + "]")
		} else {
			got.WriteString(p.Text)
		}
	}
	if want := "[华为] and [Huawei], [Huawei Technologies]"; got.String() != want {
		t.Errorf("got %q, want %q", got.String(), want)
	}
}

func TestTimeline(t *testing.T) {
	day := func(n int) time.Time { return time.Date(2015, 12, n, 0, 0, 0, 0, time.UTC) }
	st := searchState{Query: "huawei", Cursor: "x"}
	if v := timeline([]pipeline.TimeCount{{T: day(1), Count: 3}, {T: day(2)}}, st, false); v != nil {
		t.Errorf("one day: %+v", v)
	}
	v := timeline([]pipeline.TimeCount{{T: day(16), Count: 8}, {T: day(1), Count: 1}, {T: day(15), Count: 4}}, st, false)
	if v.ViewBox != "0 0 160 60" || len(v.Bars) != 3 || v.Peak != "8" {
		t.Errorf("%+v", v)
	}
	last := v.Bars[2]
	if last.URL != "/?from=2015-12-16&q=huawei&to=2015-12-17" || last.H != "60" || last.X != "151" || last.Label != "16 Dec 2015: 8 articles" {
		t.Errorf("%+v", last)
	}
	long := []pipeline.TimeCount{{T: time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC), Count: 1}, {T: day(1), Count: 1}}
	if v := timeline(long, st, false); v.Unit != "year" {
		t.Errorf("45 years by %s", v.Unit)
	}
	for days := 1; days < 200_000; days += 97 {
		if step, _ := barDays(days); (days+step-1)/step > maxBars {
			t.Fatalf("%d days in bars of %d", days, step)
		}
	}
}

func TestTimelineOfHours(t *testing.T) {
	hour := func(n int) time.Time { return time.Date(2015, 12, 16, n, 0, 0, 0, time.UTC) }
	v := timeline([]pipeline.TimeCount{{T: hour(3), Count: 1}, {T: hour(30), Count: 2}}, searchState{}, true)
	if v.Unit != "hour" || v.First != "16 Dec, 03:00" || v.Last != "17 Dec, 06:00" || v.ViewBox != "0 0 280 60" {
		t.Errorf("%+v", v)
	}
	if b := v.Bars[1]; b.Label != "17 Dec 2015 06:00: 2 articles" || b.URL != "/?from=2015-12-17T06%3A00%3A00Z&to=2015-12-17T07%3A00%3A00Z" {
		t.Errorf("%+v", b)
	}
}

func TestIsShort(t *testing.T) {
	now := time.Date(2015, 12, 16, 12, 0, 0, 0, time.UTC)
	for _, tc := range []struct {
		query, from, to string
		want            bool
	}{
		{"huawei", "", "", false},
		{"huawei last:3d", "", "", true},
		{"huawei last:72h lang:ru", "", "", true},
		{"huawei last:4d", "", "", false},
		{"huawei OR last:1d", "", "", false},
		{"", "2015-12-01", "2015-12-02", true},
		{"", "2015-12-01", "2015-12-05", false},
		{"last:1y", "2015-12-01", "2015-12-02", true},
		{"after:2015-12-15", "", "", true},
		{"after:2015-12-01 before:2015-12-03", "", "", true},
		{"huawei (", "2015-12-01", "2015-12-02", true},
		{"before:2015-12-03", "", "", false},
	} {
		if got := (searchState{Query: tc.query, From: tc.from, To: tc.to}).isShort(now); got != tc.want {
			t.Errorf("%q from %q to %q: %v, want %v", tc.query, tc.from, tc.to, got, tc.want)
		}
	}
}

func TestRangeLabel(t *testing.T) {
	for _, tc := range []struct{ from, to, want string }{
		{"", "", ""},
		{"2015-12-16", "2015-12-17", "16 Dec 2015"},
		{"2015-12-01", "2016-01-01", "1 Dec 2015 – 31 Dec 2015"},
		{"2015-12-16", "", "from 16 Dec 2015"},
		{"", "2015-12-16", "before 16 Dec 2015"},
		{"2015-12-16T10:30:00Z", "2015-12-16T11:00:00Z", "16 Dec 2015 10:30 – 11:00"},
		{"2015-12-16T10:30:00Z", "2015-12-17T00:00:00Z", "16 Dec 2015 10:30 – 00:00"},
		{"2015-12-16T10:30:00Z", "2015-12-17T11:00:00Z", "16 Dec 2015 10:30 – 17 Dec 2015 11:00"},
	} {
		if got := (searchState{From: tc.from, To: tc.to}).rangeLabel(); got != tc.want {
			t.Errorf("%s to %s: %q, want %q", tc.from, tc.to, got, tc.want)
		}
	}
}

func TestWordsForNumbers(t *testing.T) {
	for got, want := range map[string]string{
		number(0): "0", number(999): "999", number(1000): "1,000", number(1234567): "1,234,567", number(-1234): "−1,234",
		size(12): "12 B", size(1536): "1.5 KiB", size(5 << 30): "5.0 GiB",
		lapse(40 * time.Millisecond): "40 ms", lapse(95 * time.Second): "1 min 35 s", lapse(-2 * time.Second): "−2.0 s",
		lapse(26*time.Hour + 5*time.Minute): "26 h 5 min", lapse(72 * time.Hour): "3 days",
		age(noon.Add(-30*time.Second), noon): "just now", age(noon.Add(-5*time.Minute), noon): "5 min ago",
		age(noon.Add(-25*time.Hour), noon): "1 day ago", age(noon.Add(-300*time.Hour), noon): "4 Dec 2015",
		age(noon.Add(time.Hour), noon): "16 Dec 2015 13:00",
		langName("zh"):                 "Chinese", langName("xx-nonsense-??"): "xx-nonsense-??", countryName("RU"): "Russia", countryName("?"): "?",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestAssets(t *testing.T) {
	s := serverOf(t, Deps{}, Config{})
	total := 0
	for name, a := range assets {
		res := get(s, a.url)
		if res.Code != 200 || res.Header().Get("Content-Type") != a.kind || !strings.Contains(res.Header().Get("Cache-Control"), "immutable") {
			t.Errorf("%s: %d %v", name, res.Code, res.Header())
		}
		total += res.Body.Len()
	}
	// The budget of the pages' own files, uncompressed.
	if total > 60<<10 {
		t.Errorf("assets are %d bytes", total)
	}
}
