package extractors

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/newswatch/newswatch/extractors/readable"
	"github.com/newswatch/newswatch/pipeline"
)

var (
	seen = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	sent = seen.Add(-time.Hour)
)

// sentence is one of an article; eight of them are a whole one.
const sentence = "Huawei signed an agreement with Sberbank in Wuzhen on Wednesday, both companies said in a statement."

// paragraphs are different from each other: what is said twice is a standfirst.
var paragraphs = []string{
	sentence,
	"Huawei will build the data centres in Moscow and Novosibirsk within two years, and the bank is to run them afterwards.",
	"Huawei declined to say what the deal was worth; analysts in Beijing called it a modest sum, but a sign of things to come.",
	"Huawei is among the sponsors of the conference, which the Chinese president opened before guests from a hundred countries.",
}

var long = strings.TrimSpace(strings.Repeat(sentence+" ", 8))

type fetchFunc func(ctx context.Context, it pipeline.Item) (Raw, error)

func (f fetchFunc) Fetch(ctx context.Context, it pipeline.Item) (Raw, error) { return f(ctx, it) }

// namer tags every occurrence of one name, the text before the title.
type namer string

func (n namer) Version() string { return "v-" + string(n) }

func (n namer) Tag(title, text, _ string) []pipeline.Mention {
	var ms []pipeline.Mention
	for _, f := range []struct{ field, s string }{{pipeline.FieldText, text}, {pipeline.FieldTitle, title}} {
		for at := 0; ; {
			i := strings.Index(f.s[at:], string(n))
			if i < 0 {
				break
			}
			at += i + len(n)
			ms = append([]pipeline.Mention{{Entity: "e", Name: string(n), Field: f.field, Start: at - len(n), End: at, Text: string(n)}}, ms...)
		}
	}
	return ms
}

// A rig is an extractor with what it stands on.
type rig struct {
	*Extractor
	reg     *prometheus.Registry
	fetched int
	now     time.Time
}

func newRig(t *testing.T, cfg Config, known map[string]pipeline.Article, fetch fetchFunc) *rig {
	t.Helper()
	r := &rig{reg: prometheus.NewRegistry(), now: seen.Add(time.Second)}
	counted := fetchFunc(func(ctx context.Context, it pipeline.Item) (Raw, error) {
		r.fetched++
		if fetch == nil {
			t.Errorf("page of %s fetched", it.URL)
			return Raw{}, errors.New("no fetch wanted")
		}
		return fetch(ctx, it)
	})
	lookup := func(_ context.Context, key string) (pipeline.Article, bool, error) {
		a, ok := known[key]
		return a, ok, nil
	}
	r.Extractor = New(slog.New(slog.DiscardHandler), r.reg, counted, namer("Huawei"), lookup, cfg)
	r.Extractor.now = func() time.Time { return r.now }
	return r
}

func (r *rig) handle(t *testing.T, it pipeline.Item) pipeline.Article {
	t.Helper()
	got, err := r.Handle(t.Context(), it)
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 1 {
		t.Fatalf("%d articles, want 1", len(got))
	}
	return got[0]
}

func item(edit func(*pipeline.Item)) pipeline.Item {
	it := pipeline.Item{
		URL: "https://wuzhen.example/a", Title: "Huawei signs", Summary: "A deal in Wuzhen.", Source: "post", Feed: "https://wuzhen.example/feed",
		Lang: "en", Country: "CN", Published: sent, PublishedFrom: pipeline.DateFromFeed, FirstSeen: seen, Tags: []string{"deals"},
	}
	if edit != nil {
		edit(&it)
	}
	it.Identify()
	return it
}

func served(body string) fetchFunc {
	return func(_ context.Context, it pipeline.Item) (Raw, error) {
		return Raw{URL: it.URL, ContentType: "text/html; charset=utf-8", Body: []byte(body), Fetched: seen}, nil
	}
}

const page = `<html lang="en"><head><title>Huawei signs a deal - The Post</title><meta name="author" content="Wang Li">
<link rel="canonical" href="https://www.wuzhen.example/deals/a"><meta property="og:image" content="https://wuzhen.example/a.jpg"></head>
<body><article><h1>Huawei signs a deal</h1>`

func paged() string {
	return page + "<p>" + strings.Join(paragraphs, "</p><p>") + "</p></article></body></html>"
}

func TestHandlePage(t *testing.T) {
	r := newRig(t, Config{}, nil, served(paged()))
	it := item(nil)
	got := r.handle(t, it)
	text := strings.Join(paragraphs, "\n\n")
	want := pipeline.Article{
		Key: it.Key, ItemContent: it.Content, Content: pipeline.Digest8("Huawei signs", text),
		URL: "https://wuzhen.example/a", Canonical: "https://www.wuzhen.example/deals/a",
		Title: "Huawei signs", Text: text, Summary: "A deal in Wuzhen.", Author: "Wang Li", Image: "https://wuzhen.example/a.jpg",
		Lang: "en", Country: "CN", Source: "post", Feeds: []string{"https://wuzhen.example/feed"}, Tags: []string{"deals"},
		Published: sent, PublishedFrom: pipeline.DateFromFeed, FirstSeen: seen, Fetched: seen, Extracted: r.now,
		Method: readable.MethodBlocks, Catalog: "v-Huawei",
	}
	want.Mentions = []pipeline.Mention{{Entity: "e", Name: "Huawei", Field: "title", Start: 0, End: 6, Text: "Huawei"}}
	at := 0
	for _, p := range paragraphs {
		want.Mentions = append(want.Mentions, pipeline.Mention{Entity: "e", Name: "Huawei", Field: "text", Start: at, End: at + 6, Text: "Huawei"})
		at += len(p) + len("\n\n")
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("article (-want +got):\n%s", diff)
	}
	if again := r.handle(t, it); !cmp.Equal(got, again) {
		t.Errorf("the same item gave another article:\n%s", cmp.Diff(got, again))
	}
	if n := counter(t, r.reg, "newswatch_extract_total", "blocks"); n != 2 {
		t.Errorf("counted %v, want 2", n)
	}
}

func counter(t *testing.T, reg *prometheus.Registry, name, label string) float64 {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == name && m.GetLabel()[0].GetValue() == label {
				return m.GetCounter().GetValue()
			}
		}
	}
	t.Fatalf("no series %s{%s}", name, label)
	return 0
}

func TestHandleWithoutPage(t *testing.T) {
	tests := []struct {
		name   string
		item   func(*pipeline.Item)
		method string
		text   string
	}{
		{"whole item", func(it *pipeline.Item) { it.Whole, it.Text = true, "All of it.\n\nHuawei." }, MethodItem, "All of it.\n\nHuawei."},
		{"whole item of HTML", func(it *pipeline.Item) { it.Whole, it.HTML = true, "<p>All of it.</p><p>Huawei." }, MethodItem, "All of it.\n\nHuawei."},
		{"whole content", func(it *pipeline.Item) { it.HTML = "<p>" + long + "</p><script>alert(1)</script>" }, MethodFeed, long},
		{
			"whole content with the footer of a blog",
			func(it *pipeline.Item) {
				it.HTML = "<p>" + long + `</p><p>The post <a href="x">Deal</a> appeared first on <a href="y">Post</a>.</p>`
			},
			MethodFeed, long,
		},
		{"no link", func(it *pipeline.Item) { it.URL, it.GUID, it.HTML = "", "17", "<p>Short.</p>" }, MethodFeed, "Short."},
		{"no link, no content", func(it *pipeline.Item) { it.URL, it.GUID = "", "17" }, MethodSummary, "A deal in Wuzhen."},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t, Config{}, nil, nil)
			got := r.handle(t, item(tt.item))
			if got.Method != tt.method || got.Text != tt.text || len(got.Problems) > 0 || !got.Fetched.IsZero() {
				t.Errorf("got %s %q %v, want %s %q", got.Method, got.Text, got.Problems, tt.method, tt.text)
			}
		})
	}
}

func TestHandleBadPage(t *testing.T) {
	teaser := func(it *pipeline.Item) { it.HTML = "<p>A deal was signed in Wuzhen by two companies…</p>" }
	answer := func(err error) fetchFunc {
		return func(context.Context, pipeline.Item) (Raw, error) { return Raw{}, err }
	}
	raw := func(contentType, body string) fetchFunc {
		return func(_ context.Context, it pipeline.Item) (Raw, error) {
			return Raw{URL: it.URL, ContentType: contentType, Body: []byte(body), Fetched: seen}, nil
		}
	}
	tests := []struct {
		name   string
		fetch  fetchFunc
		age    time.Duration
		stage  string
		reason string
	}{
		{"refused by robots.txt", answer(fmt.Errorf("fetch: %w", &PageError{Reason: "robots"})), 0, "fetch", "robots"},
		{"gone", answer(&PageError{Reason: "http_410", Detail: "410 Gone"}), 0, "fetch", "http_410"},
		{"permanent", answer(pipeline.Permanent("too_big", errors.New("over 10 MiB"))), 0, "fetch", "too_big"},
		{"down for too long", answer(&PageError{Reason: "http_503", Temporary: true}), 20 * time.Minute, "fetch", "http_503"},
		{"no such host, for too long", answer(&net.DNSError{Err: "no such host"}), 20 * time.Minute, "fetch", "dns"},
		{"no answer, for too long", answer(context.DeadlineExceeded), 20 * time.Minute, "fetch", "timeout"},
		{"broken off, for too long", answer(errors.New("connection reset")), 20 * time.Minute, "fetch", "unreachable"},
		{"not HTML", raw("application/pdf", "%PDF-1.7"), 0, "extract", "not_html"},
		{"nested too deep", raw("text/html", strings.Repeat("<div>", 600)), 0, "extract", "too_deep"},
		{"nothing there", raw("text/html", `<html><body><div id="app"></div>`), 0, "extract", "empty"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t, Config{}, nil, tt.fetch)
			r.now = seen.Add(tt.age)
			got := r.handle(t, item(teaser))
			if got.Method != MethodFeed || got.Text != "A deal was signed in Wuzhen by two companies…" {
				t.Errorf("got %s %q, want what the feed gave", got.Method, got.Text)
			}
			if len(got.Problems) == 0 || got.Problems[0].Stage != tt.stage || got.Problems[0].Reason != tt.reason || !got.Problems[0].At.Equal(r.now) {
				t.Errorf("problems = %+v, want %s %s", got.Problems, tt.stage, tt.reason)
			}
		})
	}
}

func TestHandleWaits(t *testing.T) {
	busy := pipeline.Later(3*time.Second, errors.New("the host's turn has not come"))
	tests := []struct {
		name  string
		err   error
		age   time.Duration
		after time.Duration // 0: it goes on
	}{
		{"busy", busy, 0, 3 * time.Second},
		{"busy, however old", busy, 24 * time.Hour, 3 * time.Second},
		{"down, just seen", &PageError{Reason: "http_503", Temporary: true}, 0, leastWait},
		{"down, for a while", errors.New("connection refused"), 2 * time.Minute, 2 * time.Minute},
		{"down, nearly out of patience", errors.New("connection refused"), 14 * time.Minute, mostWait},
		{"down, out of patience", errors.New("connection refused"), 15 * time.Minute, 0},
		{"a clock that is ahead", errors.New("connection refused"), -time.Minute, leastWait},
		{"a date of nonsense", errors.New("connection refused"), -24 * time.Hour, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t, Config{}, nil, func(context.Context, pipeline.Item) (Raw, error) { return Raw{}, tt.err })
			r.now = seen.Add(tt.age)
			_, err := r.Handle(t.Context(), item(nil))
			var later *pipeline.LaterError
			switch {
			case tt.after == 0 && err != nil:
				t.Errorf("error = %v, want it to go on", err)
			case tt.after > 0 && (!errors.As(err, &later) || later.After != tt.after):
				t.Errorf("error = %v, want later in %v", err, tt.after)
			}
		})
	}
}

func TestHandleStops(t *testing.T) {
	r := newRig(t, Config{}, nil, func(ctx context.Context, _ pipeline.Item) (Raw, error) { return Raw{}, ctx.Err() })
	r.now = seen.Add(time.Hour)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got, err := r.Handle(ctx, item(nil)); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, %v, want the context's error and no article", got, err)
	}
}

func TestHandleKnown(t *testing.T) {
	first := newRig(t, Config{}, nil, served(paged()))
	it := item(nil)
	published := first.handle(t, it)
	published.ID, published.Revision = pipeline.NewID(published.Published, published.FirstSeen, published.Key), 1

	t.Run("another feed lists the same", func(t *testing.T) {
		r := newRig(t, Config{}, map[string]pipeline.Article{it.Key: published}, nil)
		second := item(func(it *pipeline.Item) { it.Feed, it.FirstSeen = "https://other.example/feed", seen.Add(time.Hour) })
		second.Content = "00000000" // as feeds lists it, so that it is not refused as a repeat
		got := r.handle(t, second)
		if got.Text != published.Text || got.Title != published.Title || got.Content != published.Content || got.ItemContent != published.ItemContent || got.Method != published.Method {
			t.Errorf("article differs:\n%s", cmp.Diff(published, got))
		}
		if diff := cmp.Diff([]string{"https://other.example/feed"}, got.Feeds); diff != "" {
			t.Errorf("feeds (-want +got):\n%s", diff)
		}
		if !cmp.Equal(got.Mentions, published.Mentions) {
			t.Errorf("mentions differ:\n%s", cmp.Diff(published.Mentions, got.Mentions))
		}
		if n := counter(t, r.reg, "newswatch_extract_total", wayKnown); n != 1 {
			t.Errorf("counted %v, want 1", n)
		}
	})
	t.Run("the feed changed it", func(t *testing.T) {
		r := newRig(t, Config{}, map[string]pipeline.Article{it.Key: published}, served(strings.Replace(paged(), "Wednesday", "Thursday", 1)))
		got := r.handle(t, item(func(it *pipeline.Item) { it.Summary = "Another summary." }))
		if r.fetched != 1 || got.Content == published.Content || !strings.Contains(got.Text, "Thursday") {
			t.Errorf("fetched %d times, text %q", r.fetched, got.Text)
		}
	})
	t.Run("another feed has another summary", func(t *testing.T) {
		r := newRig(t, Config{}, map[string]pipeline.Article{it.Key: published}, nil)
		second := item(func(it *pipeline.Item) { it.Feed, it.Summary = "https://other.example/feed", "In other words." })
		got := r.handle(t, second)
		if got.Content != published.Content || got.ItemContent != second.Content {
			t.Errorf("content %s of item %s, want %s of %s", got.Content, got.ItemContent, published.Content, second.Content)
		}
	})
	t.Run("an older version comes again", func(t *testing.T) {
		old := published
		old.ItemContent, old.Versions = "11111111", []string{it.Content, "11111111"}
		r := newRig(t, Config{}, map[string]pipeline.Article{it.Key: old}, nil)
		if got := r.handle(t, it); got.Text != published.Text {
			t.Errorf("text = %q, want the known one", got.Text)
		}
	})
	t.Run("nobody can say", func(t *testing.T) {
		r := newRig(t, Config{}, nil, served(paged()))
		down := errors.New("no answer")
		r.known = func(context.Context, string) (pipeline.Article, bool, error) { return pipeline.Article{}, false, down }
		if _, err := r.Handle(t.Context(), it); !errors.Is(err, down) {
			t.Errorf("error = %v, want %v", err, down)
		}
	})
}

func TestHandlePublished(t *testing.T) {
	future := seen.Add(48 * time.Hour)
	dated := strings.Replace(paged(), "<head>", `<head><meta property="article:published_time" content="2026-11-22T10:00:00Z">`, 1)
	onPage := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	tests := []struct {
		name string
		page string
		edit func(*pipeline.Item)
		want time.Time
		from pipeline.DateSource
	}{
		{"of the feed", dated, nil, sent, pipeline.DateFromFeed},
		{"of the page", dated, func(it *pipeline.Item) { it.Published = time.Time{} }, onPage, pipeline.DateFromPage},
		{"the feed's is in the future", dated, func(it *pipeline.Item) { it.Published = future }, onPage, pipeline.DateFromPage},
		{"the feed's is a guess", dated, func(it *pipeline.Item) { it.Published, it.PublishedFrom = seen, pipeline.DateFromFirstSeen }, onPage, pipeline.DateFromPage},
		{"of nobody", paged(), func(it *pipeline.Item) { it.Published = time.Time{} }, seen, pipeline.DateFromFirstSeen},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := newRig(t, Config{}, nil, served(tt.page)).handle(t, item(tt.edit))
			if !got.Published.Equal(tt.want) || got.PublishedFrom != tt.from {
				t.Errorf("published %v from %s, want %v from %s", got.Published, got.PublishedFrom, tt.want, tt.from)
			}
		})
	}
}

// An item without a date is news only if its page is new enough.
func TestHandleQuietBefore(t *testing.T) {
	page := func(at time.Time) fetchFunc {
		return served(`<html><head><meta property="article:published_time" content="` + at.Format(time.RFC3339) + `"></head><body><article>` + paged() + `</article></body></html>`)
	}
	for _, tc := range []struct {
		name   string
		page   time.Time
		before time.Time
		want   bool
	}{
		{"older", seen.Add(-48 * time.Hour), seen.Add(-24 * time.Hour), true},
		{"newer", seen.Add(-2 * time.Hour), seen.Add(-24 * time.Hour), false},
		{"never mind", seen.Add(-48 * time.Hour), time.Time{}, false},
	} {
		a := newRig(t, Config{}, nil, page(tc.page)).handle(t, item(func(it *pipeline.Item) {
			it.Published, it.PublishedFrom, it.QuietBefore = it.FirstSeen, pipeline.DateFromFirstSeen, tc.before
		}))
		if a.Quiet != tc.want || a.PublishedFrom != pipeline.DateFromPage {
			t.Errorf("%s: quiet %v, dated by the %s, want %v by the page", tc.name, a.Quiet, a.PublishedFrom, tc.want)
		}
	}
}

func TestHandleTitle(t *testing.T) {
	tests := []struct{ feed, want string }{
		{"Huawei and Sberbank sign", "Huawei and Sberbank sign"},
		{"", "Huawei signs a deal"},
		{"Huawei signs…", "Huawei signs a deal"},
		{"Huawei signs ...", "Huawei signs a deal"},
		{"And then…", "And then…"},
		{"https://wuzhen.example/a", "Huawei signs a deal"},
	}
	for _, tt := range tests {
		got := newRig(t, Config{}, nil, served(paged())).handle(t, item(func(it *pipeline.Item) { it.Title = tt.feed }))
		if got.Title != tt.want {
			t.Errorf("title of feed %q: got %q, want %q", tt.feed, got.Title, tt.want)
		}
	}
}

func TestCanonicalOfAnotherSiteIsNotTaken(t *testing.T) {
	other := strings.Replace(paged(), "https://www.wuzhen.example/deals/a", "https://wire.example.org/a", 1)
	got := newRig(t, Config{}, nil, served(other)).handle(t, item(nil))
	if got.Canonical != "" || got.URL != "https://wuzhen.example/a" {
		t.Errorf("canonical %q, url %q", got.Canonical, got.URL)
	}
}

func TestTextIsBounded(t *testing.T) {
	r := newRig(t, Config{MaxText: 1000}, nil, nil)
	got := r.handle(t, item(func(it *pipeline.Item) { it.Whole, it.Text = true, strings.Repeat("华为", 500)+"\xff\x00" }))
	if len(got.Text) > 1000 || len(got.Text) < 997 || !utf8.ValidString(got.Text) {
		t.Errorf("%d bytes of text, valid %v", len(got.Text), utf8.ValidString(got.Text))
	}
}

func TestIsWhole(t *testing.T) {
	han := strings.Repeat("华为周三在乌镇与俄罗斯联邦储蓄银行签署了协议。", 10)
	tests := []struct {
		name, content, summary string
		want                   bool
	}{
		{"long", long, "A deal.", true},
		{"long, no summary", long, "", true},
		{"long, and the same as the summary", long, long, false},
		{"very long, and the same as the summary", long + long, long + long, true},
		{"cut off", long + " And then…", "A deal.", false},
		{"cut off in brackets", long + " [...]", "", false},
		{"invites to read on", long + "\n\nRead more »", "", false},
		{"invites to read on in Russian", long + "\n\nЧитать далее", "", false},
		{"invites to read on in Chinese", han + "\n\n阅读全文", "", false},
		{"invites to read on in the same line", long + " Continue reading", "", false},
		{"ends in such a word", long + " It is a book that everybody who wants to know what goes on in Wuzhen these days ought to read more", "", true},
		{"short, and clearly longer than the summary", strings.Repeat(sentence, 4), "A deal.", true},
		{"short, and not", strings.Repeat(sentence, 4), strings.Repeat(sentence, 3), false},
		{"very short", "A deal was signed.", "A deal.", false},
		{"Chinese says more with less", han, "华为签约。", true},
		{"nothing", "", "A deal.", false},
	}
	for _, tt := range tests {
		if got := isWhole(tt.content, tt.summary); got != tt.want {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
		}
	}
}
