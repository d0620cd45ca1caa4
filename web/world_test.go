package web

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"html"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/newswatch/newswatch/index/query"
	"github.com/newswatch/newswatch/pipeline"
	"github.com/newswatch/newswatch/pipeline/catalog"
)

// noon is when the tests happen.
var noon = time.Date(2015, 12, 16, 12, 0, 0, 0, time.UTC)

const worldCatalog = `
entities:
  - { id: huawei, name: Huawei, kind: organization, wikidata: Q160120, names: [Huawei, { text: 华为, lang: zh }, { text: Хуавей, lang: ru }] }
  - { id: alibaba, name: Alibaba, kind: organization, names: [Alibaba, { text: 阿里巴巴, lang: zh }] }
  - { id: medvedev, name: Dmitry Medvedev, kind: person, names: [Medvedev, { text: Медведев, lang: ru }, { text: 梅德韦杰夫, lang: zh }] }
  - { id: wic, name: World Internet Conference, kind: event, names: [World Internet Conference, { text: 世界互联网大会, lang: zh }] }
sources:
  - { id: pacific-wire, name: Pacific Wire, home: "https://wire.example", country: US, lang: en, tags: [agency], feeds: [{ url: "https://wire.example/rss" }] }
  - { id: vestnik, name: Вестник связи, home: "https://www.vestnik.example", country: RU, lang: ru, tags: [daily], feeds: [{ url: "https://vestnik.example/rss" }] }
  - { id: jiangnan, name: 江南日报, home: "https://jiangnan.example", country: CN, lang: zh, tags: [daily, "world news"], feeds: [{ url: "https://jiangnan.example/feed" }] }
channels:
  - { id: desk, kind: log }
  - { id: hook, kind: webhook, url: "https://hooks.example/nw" }
watches:
  - { id: huawei-news, name: Huawei in the news, query: "entity:huawei", to: [desk, hook] }
`

// told is what the articles of the world are made of.
var told = []struct {
	source, lang, title, text string
}{
	{
		"pacific-wire", "en", "World Internet Conference opens in Wuzhen under tight security",
		"WUZHEN, China - The second World Internet Conference opened on Wednesday in the canal town of Wuzhen.\n\nDmitry Medvedev followed Xi Jinping on the stage. Huawei showed masts put up for the week, and Alibaba showed its shop.\n\nInside the zone foreign sites could be reached, delegates said.",
	},
	{
		"vestnik", "ru", "Медведев в Учжэне: ни одно государство не должно управлять сетью в одиночку, заявил премьер на открытии конференции",
		"УЧЖЭНЬ. Дмитрий Медведев выступил на открытии конференции.\n\nКомпания Хуавей показала новое оборудование связи. Санкции против неё в России не обсуждались.",
	},
	{
		"jiangnan", "zh", "第二届世界互联网大会在乌镇开幕",
		"第二届世界互联网大会今天在浙江乌镇开幕，来自一百二十多个国家和地区的两千多名代表出席。\n\n华为展示了新一代通信设备，阿里巴巴介绍了跨境电商平台。俄罗斯总理梅德韦杰夫在开幕式上致辞。",
	},
	{
		"pacific-wire", "en", "Huawei to open a storage laboratory with a Moscow institute",
		"MOSCOW - Huawei will open a laboratory for data storage together with a technical institute.\n\nForty engineers are to work there from spring.",
	},
	{
		"jiangnan", "zh", "华为与莫斯科研究所合建存储实验室",
		"华为将与莫斯科一家技术研究所合建数据存储实验室，四十名工程师将于明年春天入驻。",
	},
	{
		"vestnik", "ru", "Хуавей откроет лабораторию хранения данных вместе с московским институтом",
		"Компания Хуавей откроет лабораторию хранения данных вместе с одним из московских институтов.",
	},
}

// A world is values behind the server's interfaces: a few articles in three
// languages, searched with the real query language, and what else there is.
type world struct {
	retagged []pipeline.RetagRequest
	kept     []string // what is to become of tags

	mu       sync.Mutex
	catalog  *catalog.Catalog
	articles []pipeline.Article // newest first
	alerts   []pipeline.Alert
	dead     []pipeline.DeadLetter
	status   Status
	feeds    []FeedStatus
	yields   map[string]YieldStatus
	loaded   []pipeline.Item

	replayed, dropped []string
	searched          pipeline.SearchRequest // the last one
}

func newWorld(t testing.TB) *world {
	t.Helper()
	c, err := catalog.Parse("world.yaml", []byte(worldCatalog))
	if err != nil {
		t.Fatal(err)
	}
	w := &world{catalog: c.Sorted()}
	for i := range 42 {
		w.articles = append(w.articles, w.article(i))
	}
	first := w.articles[0]
	w.alerts = []pipeline.Alert{sentAlert(first), failedAlert(w.articles[2]), feedAlert()}
	w.feeds = []FeedStatus{
		{Source: "jiangnan", URL: "https://jiangnan.example/feed", State: FeedQuiet, Reason: "nothing new for 50 h; the longest gap it usually leaves is 5 h", Since: noon.Add(-50 * time.Hour), LastOK: noon.Add(-4 * time.Minute), LastPoll: noon.Add(-4 * time.Minute),
			NextDue: noon.Add(time.Hour), Status: 304, IntervalS: 7200, Items: 812, Listed: 20, Newest: noon.Add(-50 * time.Hour), UsualS: 5 * 3600,
			Format: "atom", Title: "江南日报 - 要闻", Repairs: []string{"a missing </item>"}},
		{Source: "pacific-wire", URL: "https://wire.example/rss", State: FeedOK, LastOK: noon.Add(-2 * time.Minute), LastPoll: noon.Add(-2 * time.Minute),
			NextDue: noon.Add(8 * time.Minute), Status: 200, IntervalS: 600, Items: 4321, Listed: 50, Newest: noon.Add(-3 * time.Minute), Format: "rss", Title: "Pacific Wire: world",
			MovedTo: "https://wire.example/world.xml", MovedUsed: true, Matching: true},
		{Source: "vestnik", URL: "https://vestnik.example/rss", State: FeedFailing, Reason: "HTTP 403: the site refuses us", Error: "GET https://vestnik.example/rss: 403", Since: noon.Add(-25 * time.Hour), Class: "http_status", Failures: 7,
			LastOK: noon.Add(-26 * time.Hour), LastPoll: noon.Add(-time.Hour), NextDue: noon.Add(time.Hour), Status: 403, IntervalS: 7200, Items: 99, Listed: 30,
			KeptAt: noon.Add(-time.Hour), KeptBytes: 4,
			Suggestions: []string{"https://vestnik.example/feed.xml", "javascript:alert(1)"}},
	}
	w.yields = map[string]YieldStatus{
		"vestnik": {
			Source: "vestnik", Recent: YieldStats{Pages: 20, Poor: 18, Median: 120}, Past: YieldStats{Pages: 100, Poor: 3, Median: 2410},
			Collapsed: true, Reason: "18 of the last 20 pages gave little or no text (most often: short), of the 100 before 3 did",
			Since: noon.Add(-9 * time.Hour), LastGood: noon.Add(-10 * time.Hour),
		},
		"pacific-wire": {Source: "pacific-wire", Recent: YieldStats{Pages: 20, Poor: 1, Median: 3100}, Past: YieldStats{Pages: 41, Poor: 2, Median: 3055}},
	}
	w.dead = []pipeline.DeadLetter{{
		ID: "7", Stage: "extract", Reason: "panic", Error: "index out of range [3] with length 3", Key: first.Key,
		Stream: "ITEMS", Subject: "item.3." + first.Key + ".0a1b2c3d", Seq: 99, Deliveries: 5,
		FirstFailed: noon.Add(-time.Hour), At: noon.Add(-50 * time.Minute), Size: 1432, Body: []byte(`{"key":"x"}`),
	}, {
		ID: "3", Stage: "index", Reason: "decode", Error: "bad", Body: []byte{0xff, 0xfe}, At: noon.Add(-2 * time.Hour),
	}}
	w.status = Status{
		Version: "1.2.3", Started: noon.Add(-3 * time.Hour), UptimeS: 10800, Roles: []string{"fetch", "index", "web"},
		Stages: []pipeline.StageStatus{
			{Stage: "extract", Stream: "ITEMS", Pending: 1234, InFlight: 8, Retrying: 3, Seq: 56789, LastSeen: noon.Add(-time.Second)},
			{Stage: "index", Stream: "ARTICLES", Seq: 42, LastSeen: noon.Add(-time.Minute)},
		},
		Streams: []pipeline.StreamStatus{{Stream: "ITEMS", Messages: 98765, Bytes: 123 << 20, MaxBytes: 8 << 30, FirstSeq: 1, LastSeq: 98765}},
		Feeds: FeedsStatus{
			Total: 60, Polled: 58, States: map[string]int{"ok": 57, "failing": 1, "new": 2},
			Failing: []FeedStatus{{Source: "vestnik", URL: "https://vestnik.example/rss", State: "failing", Reason: "HTTP 403: the site refuses us", Failures: 7, LastOK: noon.Add(-26 * time.Hour), NextDue: noon.Add(time.Hour)}},
		},
		Index: IndexStatus{Documents: 42, Bytes: 7 << 20, Partitions: 2, Seq: 42, Shards: []ShardStatus{
			{Shard: 0, Replicas: []ReplicaStatus{
				{Replica: "0a1b2c3d", Node: "index-1", State: ReplicaReady, Documents: 42, Bytes: 7 << 20, Seq: 42, Updated: noon.Add(-time.Second)},
				{Replica: "4e5f6071", Node: "index-2", State: ReplicaBehind, Documents: 12, Lag: 30, Note: "its stream has lost articles", Updated: noon},
			}},
			{Shard: 1},
		}},
		Disk: DiskStatus{Free: 100 << 30, Total: 200 << 30},
		Dead: 2,
	}
	return w
}

// article is the i-th newest of the world.
func (w *world) article(i int) pipeline.Article {
	at := noon.Add(-time.Duration(i*i) * 13 * time.Minute)
	of := told[i%len(told)]
	src := w.catalog.Source(of.source)
	it := pipeline.Item{URL: fmt.Sprintf("%s/news/%d", src.Home, i), Title: of.title, Text: of.text}
	it.Identify()
	a := pipeline.Article{
		Key: it.Key, ID: pipeline.NewID(at, at.Add(time.Minute), it.Key), Revision: 1, URL: it.URL,
		Title: of.title, Text: of.text, Lang: of.lang, Country: src.Country, Source: src.ID, Tags: src.Tags,
		Author: "Dana Whitlock", Feeds: []string{src.Feeds[0].URL},
		Published: at, PublishedFrom: pipeline.DateFromFeed, FirstSeen: at.Add(95 * time.Second),
		Fetched: at.Add(97 * time.Second), Extracted: at.Add(97*time.Second + 40*time.Millisecond), Indexed: at.Add(98 * time.Second),
		Method: "readability", Catalog: "0123456789abcdef",
	}
	a.Story = a.ID
	if i >= len(told) { // told again: a copy of the newest telling
		a.Story = w.articles[i%len(told)].ID
		a.CopyOf = a.Story
	}
	for _, field := range []struct{ name, text string }{{pipeline.FieldTitle, a.Title}, {pipeline.FieldText, a.Text}} {
		a.Mentions = append(a.Mentions, w.mentions(field.name, field.text)...)
	}
	return a
}

func (w *world) mentions(field, text string) []pipeline.Mention {
	var all []pipeline.Mention
	for _, e := range w.catalog.Entities {
		for _, n := range e.Names {
			for from := 0; ; {
				i := strings.Index(text[from:], n.Text)
				if i < 0 {
					break
				}
				start := from + i
				from = start + len(n.Text)
				all = append(all, pipeline.Mention{
					Entity: e.ID, Name: n.Text, Field: field, Start: start, End: from, Text: n.Text, Rule: "exact", Confidence: 1,
				})
			}
		}
	}
	slices.SortFunc(all, func(a, b pipeline.Mention) int { return a.Start - b.Start })
	return all
}

func sentAlert(a pipeline.Article) pipeline.Alert {
	return pipeline.Alert{
		ID: "huawei-news.0123456789abcdef", Watch: "huawei-news", WatchName: "Huawei in the news", Dedup: "0123456789abcdef",
		Kind: "mention", State: pipeline.AlertSent, Queued: a.Indexed.Add(time.Second), Sent: a.Indexed.Add(3 * time.Second),
		Article: ref(a),
		Receipt: pipeline.Receipt{
			Query: "entity:huawei", WatchVersion: "aaaabbbbccccdddd", Group: "story",
			Spans:     []pipeline.Span{{Field: "text", Start: 170, End: 176, Text: "Huawei", Term: "entity:huawei", Entity: "huawei"}},
			Sentence:  "Huawei showed masts put up for the week, and Alibaba showed its shop.",
			Published: a.Published, FirstSeen: a.FirstSeen, Fetched: a.Fetched, Extracted: a.Extracted,
			Matched: a.Indexed.Add(200 * time.Millisecond),
		},
		Deliveries: []pipeline.Attempts{
			{Channel: "desk", State: pipeline.AlertSent, Tries: 1, First: a.Indexed.Add(2 * time.Second), Last: a.Indexed.Add(2 * time.Second)},
			{Channel: "hook", State: pipeline.AlertSent, Tries: 3, First: a.Indexed.Add(2 * time.Second), Last: a.Indexed.Add(3 * time.Second), Error: "503 Service Unavailable"},
		},
	}
}

func failedAlert(a pipeline.Article) pipeline.Alert {
	return pipeline.Alert{
		ID: "huawei-news.fedcba9876543210", Watch: "huawei-news", Dedup: "fedcba9876543210", Kind: "mention",
		State: pipeline.AlertFailed, Queued: a.Indexed, Article: ref(a),
		Receipt: pipeline.Receipt{
			Query: "entity:huawei", Group: "story", Spans: []pipeline.Span{{Field: "text", Text: "华为", Entity: "huawei"}},
			Sentence: "华为展示了新一代通信设备，阿里巴巴介绍了跨境电商平台。", Matched: a.Indexed,
		},
		Deliveries: []pipeline.Attempts{{Channel: "hook", State: pipeline.AlertFailed, Tries: 9, Error: "410 Gone"}},
	}
}

// feedAlert is of a feed, and has no article.
func feedAlert() pipeline.Alert {
	return pipeline.Alert{
		ID: "quiet-feeds.00112233445566aa", Watch: "quiet-feeds", WatchName: "Quiet feeds", Dedup: "00112233445566aa",
		Kind: "silence", State: pipeline.AlertQueued, Queued: noon.Add(-30 * time.Minute),
		Feed: &pipeline.FeedEvent{
			Kind: pipeline.FeedQuiet, Source: "jiangnan", Feed: "https://jiangnan.example/feed", Reason: "no new item for 50 h",
			Since: noon.Add(-50 * time.Hour), LastGood: noon.Add(-34 * time.Minute), Usual: 5 * time.Hour, At: noon.Add(-31 * time.Minute),
		},
		Receipt: pipeline.Receipt{
			Query: "lang:zh", Group: "feed", Spans: []pipeline.Span{{Field: "feed", End: 29, Text: "https://jiangnan.example/feed", Term: "lang:zh"}},
			Sentence: "江南日报: a feed has gone quiet since 14 Dec 2015 10:00 UTC", Matched: noon.Add(-30 * time.Minute),
		},
	}
}

// Kept is a body of the feed that fails.
func (w *world) Kept(_ context.Context, url string) (*KeptBody, error) {
	for _, f := range w.feeds {
		if f.URL == url && !f.KeptAt.IsZero() {
			return &KeptBody{URL: url, At: f.KeptAt, Error: "a page, not a feed", Bytes: f.KeptBytes, Body: []byte("<p>\xff")}, nil
		}
	}
	return nil, pipeline.ErrNotFound
}

// Feeds answers from the world's list.
func (w *world) Feeds(_ context.Context, source string) ([]FeedStatus, error) {
	var of []FeedStatus
	for _, f := range w.feeds {
		if source == "" || f.Source == source {
			of = append(of, f)
		}
	}
	return of, nil
}

// Collapsed answers from the world's list.
func (w *world) Collapsed(context.Context) (map[string]string, error) {
	why := make(map[string]string)
	for id, y := range w.yields {
		if y.Collapsed {
			why[id] = y.Reason
		}
	}
	return why, nil
}

// Yield answers from the world's list.
func (w *world) Yield(_ context.Context, source string) (YieldStatus, error) {
	if y, ok := w.yields[source]; ok {
		return y, nil
	}
	return YieldStatus{Source: source}, nil
}

// pagesAlert is of a source's pages, and has neither article nor feed.
func pagesAlert() pipeline.Alert {
	a := feedAlert()
	a.ID, a.Dedup = "quiet-feeds.ffeeddccbbaa0099", "ffeeddccbbaa0099"
	a.Feed = &pipeline.FeedEvent{
		Kind: pipeline.PagesCollapsed, Source: "vestnik", Reason: "18 of the last 20 pages gave little or no text",
		Since: noon.Add(-9 * time.Hour), LastGood: noon.Add(-10 * time.Hour), At: noon.Add(-31 * time.Minute),
	}
	a.Receipt.Query = ""
	a.Receipt.Spans = []pipeline.Span{{Field: "source", End: 7, Text: "vestnik"}}
	a.Receipt.Sentence = "Вестник связи: the pages give little text since 16 Dec 2015 03:00 UTC"
	return a
}

func ref(a pipeline.Article) pipeline.ArticleRef {
	return pipeline.ArticleRef{
		ID: a.ID, Key: a.Key, URL: a.URL, Title: a.Title, Source: a.Source, Lang: a.Lang, Country: a.Country,
		Story: a.Story, Entities: a.Entities(), Published: a.Published, FirstSeen: a.FirstSeen,
	}
}

// Search answers as an index would: newest first, a page at a time.
func (w *world) Search(_ context.Context, req pipeline.SearchRequest) (pipeline.SearchResult, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.searched = req
	res := pipeline.SearchResult{TotalExact: true, TookMS: 3, Facets: map[string][]pipeline.FacetCount{}}
	match := func(*pipeline.Article) ([]pipeline.Span, bool) { return nil, true }
	if req.Query != "" {
		q, err := query.Parse(req.Query, noon)
		if err != nil {
			return res, err
		}
		match = func(a *pipeline.Article) ([]pipeline.Span, bool) { return q.Match(query.NewDoc(a)) }
	}
	copies := map[string]int{}
	counts := map[string]map[string]int{}
	days := map[time.Time]int{}
	interval := 24 * time.Hour
	if req.Interval == "hour" {
		interval = time.Hour
	}
	stories := map[string]bool{}
	skipping := req.Cursor != ""
	for i := range w.articles {
		a := &w.articles[i]
		spans, ok := match(a)
		if !ok || !req.From.IsZero() && a.Published.Before(req.From) || !req.To.IsZero() && !a.Published.Before(req.To) {
			continue
		}
		copies[a.Story]++
		if req.Collapse == "copies" && a.CopyOf != "" {
			continue
		}
		if req.Collapse == "stories" && stories[a.Story] {
			continue
		}
		stories[a.Story] = true
		res.Total++
		days[a.Published.Truncate(interval)]++
		for _, f := range req.Facets {
			if counts[f] == nil {
				counts[f] = map[string]int{}
			}
			for _, v := range map[string][]string{
				"source": {a.Source}, "lang": {a.Lang}, "country": {a.Country}, "tag": a.Tags, "entity": a.Entities(),
			}[f] {
				counts[f][v]++
			}
		}
		switch {
		case skipping:
			skipping = a.ID != req.Cursor
		case len(res.Hits) < req.Limit:
			res.Hits = append(res.Hits, hitOf(a, spans))
		case res.NextCursor == "" && req.Limit > 0:
			res.NextCursor = res.Hits[len(res.Hits)-1].ID
		}
	}
	for i := range res.Hits {
		res.Hits[i].Copies = copies[res.Hits[i].Story] - 1
	}
	for f, byValue := range counts {
		for v, n := range byValue {
			res.Facets[f] = append(res.Facets[f], pipeline.FacetCount{Value: v, Count: n})
		}
		slices.SortFunc(res.Facets[f], func(a, b pipeline.FacetCount) int {
			return cmp.Or(b.Count-a.Count, strings.Compare(a.Value, b.Value))
		})
	}
	if req.Timeline {
		for d, n := range days {
			res.Timeline = append(res.Timeline, pipeline.TimeCount{T: d, Count: n})
		}
	}
	return res, nil
}

func hitOf(a *pipeline.Article, spans []pipeline.Span) pipeline.Hit {
	snippet := html.EscapeString(a.Text[:min(len(a.Text), strings.Index(a.Text+"\n", "\n"))])
	for _, sp := range spans {
		if sp.Field == pipeline.FieldText {
			snippet = strings.ReplaceAll(snippet, sp.Text, "<mark>"+sp.Text+"</mark>")
			break
		}
	}
	return pipeline.Hit{
		ID: a.ID, URL: a.URL, Title: a.Title, Snippet: snippet, Source: a.Source, Lang: a.Lang, Country: a.Country,
		Published: a.Published, FirstSeen: a.FirstSeen, Entities: a.Entities(), Story: a.Story,
	}
}

func (w *world) Article(_ context.Context, id string) (pipeline.Article, error) {
	for _, a := range w.articles {
		if a.ID == id {
			return a, nil
		}
	}
	return pipeline.Article{}, fmt.Errorf("article %s: %w", id, pipeline.ErrNotFound)
}

func (w *world) Snapshot() *catalog.Catalog {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.catalog
}

// Findings finds the names as they stand; Alibaba does not count in the text.
func (w *world) Findings(a pipeline.Article, entity string) []Finding {
	var out []Finding
	for _, m := range a.Mentions {
		if m.Entity != entity {
			continue
		}
		f := Finding{Mention: m}
		if entity == "alibaba" && m.Field == pipeline.FieldText {
			f.Blocked = "near: none of shop, trade"
		}
		out = append(out, f)
	}
	return out
}

// Verdict asks the query.
func (w *world) Verdict(a pipeline.Article, watch string) WatchVerdict {
	q, err := query.Parse(w.Snapshot().Watch(watch).Query, noon)
	if err != nil {
		panic(err)
	}
	spans, ok := q.Match(query.NewDoc(&a))
	if !ok {
		return WatchVerdict{Reason: "it does not match: entity:huawei (not true of the article)"}
	}
	return WatchVerdict{Matched: true, Reason: "it matches", Alerts: []string{"huawei-news.0123456789abcdef"}, Spans: spans}
}

// preview finds the names as they stand in the world's articles.
func (w *world) preview(_ context.Context, e catalog.Entity, since time.Time) (pipeline.Preview, error) {
	p := pipeline.Preview{
		Entity: e.ID, Candidates: len(w.articles), Blocked: []pipeline.NameCount{{Text: "not: pie", Count: 1}},
		Warnings: []pipeline.NameWarning{{Name: e.Names[0].Text, Rule: "common", Msg: "is a word of every day: give it near or not words, or look at what it finds"}},
		Failures: tests([]catalog.Entity{e})[0], Samples: []pipeline.NameSample{}, Note: "of the 42 articles that may mention it 40 were read, spread evenly",
	}
	for _, n := range e.Names {
		np := pipeline.NamePreview{Name: n.Text, Lang: n.Lang, Left: []pipeline.NameCount{{Text: "компания", Count: 2}}, Right: []pipeline.NameCount{}, Forms: []pipeline.NameCount{}}
		for _, a := range w.articles {
			i := strings.Index(a.Text, n.Text)
			if a.Published.Before(since) || i < 0 {
				continue
			}
			p.Read++
			np.Articles, np.Mentions, np.Case.First = np.Articles+1, np.Mentions+1, np.Case.First+1
			p.Articles, p.Mentions = p.Articles+1, p.Mentions+1
			if len(p.Samples) < 3 {
				before, after := pipeline.Excerpt(a.Text, i, i+len(n.Text), 60)
				p.Samples = append(p.Samples, pipeline.NameSample{Article: a.ID, Title: a.Title, Source: a.Source, Lang: a.Lang, Published: a.Published,
					Name: n.Text, Field: "text", Before: before, Text: n.Text, After: after, Rule: "exact", Confidence: 0.95})
			}
		}
		p.Names = append(p.Names, np)
	}
	return p, nil
}

// tests fail that ask for the impossible.
func tests(entities []catalog.Entity) [][]pipeline.TestFailure {
	out := make([][]pipeline.TestFailure, len(entities))
	for i, e := range entities {
		out[i] = []pipeline.TestFailure{}
		for j, text := range e.Tests.Match {
			if strings.Contains(text, "impossible") {
				out[i] = append(out[i], pipeline.TestFailure{Field: fmt.Sprintf("tests.match[%d]", j), Text: text, Msg: fmt.Sprintf("%q must match: nothing was found", text)})
			}
		}
	}
	return out
}

// Load takes every item but those of refused.example.
func (w *world) Load(_ context.Context, it pipeline.Item) (string, error) {
	switch {
	case strings.Contains(it.URL, "refused.example"):
		return "", pipeline.Permanent("invalid", errors.New("not from there"))
	case strings.Contains(it.URL, "big.example"):
		return "", pipeline.ErrTooBig
	case strings.Contains(it.URL, "full.example"):
		return "", pipeline.ErrFull
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	outcome := LoadNew
	for _, known := range w.loaded {
		if known.Key == it.Key {
			outcome = LoadChanged
			if known.Content == it.Content {
				return LoadKnown, nil
			}
		}
	}
	w.loaded = append(w.loaded, it)
	return outcome, nil
}

// upper is a filter that answers each line in capitals.
func upper(_ context.Context, in io.Reader, out io.Writer) error {
	var line []byte
	buf := make([]byte, 4096)
	for {
		n, err := in.Read(buf)
		line = append(line, buf[:n]...)
		for {
			i := bytes.IndexByte(line, '\n')
			if i < 0 {
				break
			}
			if _, err := out.Write(append(bytes.ToUpper(line[:i]), '\n')); err != nil {
				return err
			}
			line = line[i+1:]
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// deps is the whole world.
func (w *world) deps() Deps {
	return Deps{
		Searcher: w, Articles: w, Catalog: w, Editor: editor{w}, Alerts: alertLog{w}, Dead: deadLog{w}, Loader: w, Feeds: w, Yields: w, Explain: w, Retag: retagger{w},
		Tag: upper, Extract: upper, Preview: w.preview, Tests: tests,
		Lint: func(e catalog.Entity) []pipeline.NameWarning {
			return []pipeline.NameWarning{{Name: e.Names[0].Text, Rule: "common", Msg: "is a word of every day"}}
		},
		Status: func(context.Context) (Status, error) { return w.status, nil },
		Ready:  func(context.Context) []Check { return []Check{{Name: "bus"}, {Name: "index"}} },
	}
}

// serverOf is a server of the parts, at noon.
func serverOf(t testing.TB, deps Deps, cfg Config) *Server {
	t.Helper()
	cfg.Version = cmp.Or(cfg.Version, "1.2.3")
	s, err := New(slog.New(slog.DiscardHandler), prometheus.NewRegistry(), deps, cfg)
	if err != nil {
		t.Fatal(err)
	}
	s.now = func() time.Time { return noon }
	return s
}

// do asks a server at localhost. Headers are name, value, name, value.
func do(s *Server, method, path, body string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "http://localhost:8080"+path, strings.NewReader(body))
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, r)
	return w
}

func get(s *Server, path string, headers ...string) *httptest.ResponseRecorder {
	return do(s, http.MethodGet, path, "", headers...)
}

func newEmptyCatalog() *catalog.Catalog { return (&catalog.Catalog{}).Sorted() }
