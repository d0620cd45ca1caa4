package readable

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"
)

// sentences are the paragraphs of an article long enough to be found.
var sentences = []string{
	"Huawei signed an agreement with Sberbank in Wuzhen on Wednesday, the second day of the World Internet Conference, both companies said.",
	"Under the agreement, which runs for five years, the two will build data centres in Moscow and Novosibirsk, and share the cost between them.",
	"Analysts in Beijing called the deal a sign of things to come, though they warned that the sum, which was not disclosed, might be modest.",
	"The conference, held in the old water town for the second time, was opened by the Chinese president, with the Russian prime minister as a guest.",
}

var chineseSentences = []string{
	"华为周三在乌镇与俄罗斯联邦储蓄银行签署了协议，这是第二届世界互联网大会的第二天，两家公司在会后发表的声明中表示，合作为期五年。",
	"根据协议，双方将在莫斯科和新西伯利亚共同建设数据中心，并分担全部费用，首期工程预计将在明年春天开工，两年之内全部建成投入使用。",
	"北京的分析人士认为，这项协议是未来合作的一个信号，不过他们也提醒说，协议的具体金额并没有公布，实际规模可能并不大，还需要观察。",
}

func article(paragraphs ...string) string {
	return "<p>" + strings.Join(paragraphs, "</p>\n<p>") + "</p>"
}

const ldScript = `<script type="application/ld+json">{"@context":"https://schema.org","@graph":[
{"@type":"WebSite","name":"The Wuzhen Post"},
{"@type":["NewsArticle"],"headline":"Huawei &amp; Sberbank sign","datePublished":"2015-12-16T09:30:00+08:00","dateModified":"2015-12-16T12:00:00+08:00",
"author":[{"@type":"Person","name":"Wang Li"},{"@type":"Person","name":"Ivan Petrov"}],"publisher":{"name":"The Wuzhen Post"},
"image":{"url":"/i/a.jpg"},"articleSection":["Business"],"inLanguage":"en-GB","isAccessibleForFree":"False",},
]}</script>`

func TestExtractMetadata(t *testing.T) {
	page := `<html lang="en-US"><head>` + ldScript + `<title>Huawei & Sberbank sign - The Wuzhen Post</title>
		<meta property="og:description" content="A deal in Wuzhen"><link rel="canonical" href="/2015/12/16/deal"></head>
		<body><h1>Huawei & Sberbank sign</h1>` + article(sentences...) + `</body></html>`
	got, err := Extract([]byte(page), Options{URL: "https://wuzhen.example/2015/12/16/deal?utm_source=x", ContentType: "text/html"})
	if err != nil {
		t.Fatal(err)
	}
	want := Page{
		Title:     "Huawei & Sberbank sign",
		Text:      strings.Join(sentences, "\n\n"),
		Summary:   "A deal in Wuzhen",
		Author:    "Wang Li, Ivan Petrov",
		Published: time.Date(2015, 12, 16, 1, 30, 0, 0, time.UTC),
		Modified:  time.Date(2015, 12, 16, 4, 0, 0, 0, time.UTC),
		Lang:      "en",
		Canonical: "https://wuzhen.example/2015/12/16/deal",
		Image:     "https://wuzhen.example/i/a.jpg",
		Site:      "The Wuzhen Post",
		Section:   "Business",
		Charset:   "utf-8",
		Paywall:   true,
		Method:    MethodBlocks,
		Notes:     []string{NotePaywall},
	}
	want.Blocks, want.Confidence = got.Blocks, got.Confidence
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("page (-want +got):\n%s", diff)
	}
}

func TestExtractText(t *testing.T) {
	body := article(sentences...)
	whole := strings.Join(sentences, "\n\n")
	tests := []struct {
		name string
		page string
		want string
	}{
		{"plain", `<article>` + body + `</article>`, whole},
		{
			"the consent dialog is longer than the article",
			`<div id="onetrust-consent-sdk"><div class="policy">` + strings.Repeat("<p>We and our partners store and access information on a device, such as cookies, and process personal data.</p>", 30) +
				`</div></div><div><div>` + body + `</div></div>`, whole,
		},
		{
			"a consent dialog of the site's own",
			`<div class="cookie-consent-layer">` + strings.Repeat("<p>This site uses cookies, and so do its partners, and their partners too.</p>", 30) + `</div><div>` + body + `</div>`, whole,
		},
		{
			"an article that bears such a name",
			`<article id="informed-consent-ruling">` + body + `</article>`, whole,
		},
		{
			"noscript is no text",
			`<noscript><iframe src="https://tags.example/ns.html?id=GTM-XXXX" height="0" width="0"></iframe><p>Please switch on JavaScript, without which this page, sadly, is nothing.</p></noscript><div>` + body + `</div>`, whole,
		},
		{
			"the title, the byline and the date again",
			`<head><title>A deal in Wuzhen | Post</title><meta property="og:title" content="A deal in Wuzhen"><meta name="author" content="Wang Li"><meta property="og:site_name" content="Post"></head>
			<article><h2>A deal in Wuzhen</h2><p>By Wang Li</p><p>Published 16 December 2015, 09:30 GMT</p>` + body + `</article>`, whole,
		},
		{
			"a standfirst that the text says again",
			`<article><p>Huawei signed an agreement with Sberbank in Wuzhen on Wednesday</p>` + body + `</article>`, whole,
		},
		{
			"a standfirst that it does not",
			`<article><p>What nobody expected has come to pass in a small town, writes our man there.</p>` + body + `</article>`,
			"What nobody expected has come to pass in a small town, writes our man there.\n\n" + whole,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Extract([]byte("<html><body>"+tt.page+"</body></html>"), Options{URL: "https://wuzhen.example/a"})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got.Text); diff != "" {
				t.Errorf("text (-want +got):\n%s", diff)
			}
		})
	}
}

func TestExtractChinese(t *testing.T) {
	page := `<html><head><meta charset="gbk"><title>华为与俄储蓄银行签约_科技频道_乌镇网</title></head><body>
		<div class="nav"><a href="/">首页</a> <a href="/t">科技</a></div>
		<div class="content"><h1>华为与俄储蓄银行签约</h1><p>2015年12月16日 09:30 来源：乌镇网 作者：王丽</p>` + article(chineseSentences...) + `</div>
		<div class="footer"><a href="/about">关于我们</a></div></body></html>`
	got, err := Extract(encode(t, "gbk", page), Options{URL: "http://wuzhen.example/a", ContentType: "text/html"})
	if err != nil {
		t.Fatal(err)
	}
	if want := "华为与俄储蓄银行签约"; got.Title != want {
		t.Errorf("title = %q, want %q", got.Title, want)
	}
	if diff := cmp.Diff(strings.Join(chineseSentences, "\n\n"), got.Text); diff != "" {
		t.Errorf("text (-want +got):\n%s", diff)
	}
	if want := time.Date(2015, 12, 16, 1, 30, 0, 0, time.UTC); !got.Published.Equal(want) {
		t.Errorf("published = %v, want %v", got.Published, want)
	}
	if len(got.Notes) > 0 {
		t.Errorf("notes = %v, want none", got.Notes)
	}
}

func TestExtractFallbacks(t *testing.T) {
	short := "Huawei and Sberbank signed."
	tests := []struct {
		name, page, method string
		text               string
		notes              []string
	}{
		{"nothing", `<html><body><div id="app"></div></body></html>`, MethodNone, "", []string{NoteEmpty}},
		{
			"the body is in the JSON-LD, with markup",
			`<html><head><script type="application/ld+json">{"@type":"NewsArticle","articleBody":"<p>` + strings.Join(sentences, "</p><p>") + `</p>"}</script></head><body><div id="app">Loading</div></body></html>`,
			MethodJSONLD, strings.Join(sentences, "\n\n"), nil,
		},
		{"a short text is a text", `<html><body><article><p>` + short + `</p></article></body></html>`, MethodBlocks, short, []string{NoteShort}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Extract([]byte(tt.page), Options{})
			if err != nil {
				t.Fatal(err)
			}
			if got.Method != tt.method || got.Text != tt.text || !slices.Equal(got.Notes, tt.notes) {
				t.Errorf("got %q %v %q, want %q %v %q", got.Method, got.Notes, got.Text, tt.method, tt.notes, tt.text)
			}
		})
	}
}

// A panic in another's extractor costs its vote and no more, and is noted.
func TestVoterPanics(t *testing.T) {
	if text, _, err := askReadability(nil, "https://example.org/"); !errors.Is(err, ErrPanic) || text != "" {
		t.Errorf("got %q, %v, want ErrPanic", text, err)
	}
	p := Page{Text: "own", Method: MethodBlocks}
	var trace Trace
	b := booth{g: &gathered{}, page: &p, trace: &trace, ask: func(*html.Node, string) (string, string, error) {
		return askReadability(nil, "")
	}}
	for range 2 {
		if text := b.readability(); text != "" {
			t.Errorf("text = %q", text)
		}
	}
	if p.Text != "own" || !slices.Equal(p.Notes, []string{NoteVoter}) || len(trace.Votes) != 1 || !strings.Contains(trace.Votes[0].Note, "readability") {
		t.Errorf("page %+v, votes %+v", p, trace.Votes)
	}
}

func TestExtractManyNodes(t *testing.T) {
	page := "<html><body><article>" + article(sentences...) + strings.Repeat("<b></b>", 500) + "</article></body></html>"
	got, err := Extract([]byte(page), Options{MaxNodes: 100})
	if err != nil {
		t.Fatal(err)
	}
	if got.Method != MethodBlocks || got.Text != strings.Join(sentences, "\n\n") || !slices.Contains(got.Notes, NoteTooMany) {
		t.Errorf("got %s %v %q", got.Method, got.Notes, got.Text)
	}
}

func TestExtractTruncated(t *testing.T) {
	page := "<html><body><article>" + article(sentences...) + article("The end.") + "</article></body></html>"
	got, err := Extract([]byte(page), Options{MaxBytes: strings.Index(page, "The end")})
	if err != nil {
		t.Fatal(err)
	}
	if got.Text != strings.Join(sentences, "\n\n") || !slices.Contains(got.Notes, NoteTruncated) {
		t.Errorf("got %v %q", got.Notes, got.Text)
	}
}

func TestExtractRefuses(t *testing.T) {
	tests := []struct {
		name, body, contentType string
		want                    error
	}{
		{"pdf", "%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj", "application/pdf", ErrNotHTML},
		{"pdf called html", "%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj", "text/html", ErrNotHTML},
		{"picture", "\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "", ErrNotHTML},
		{"picture called html", "\xff\xd8\xff\xe0\x00\x10JFIF\x00", "text/html", ErrNotHTML},
		{"json", `{"html":"<p>text</p>"}`, "application/json", ErrNotHTML},
		{"feed", `<?xml version="1.0"?><rss><channel><description><![CDATA[<p>text</p>]]></description></channel></rss>`, "text/xml", ErrNotHTML},
		{"text", "Just words.", "text/plain", ErrNotHTML},
		{"nothing known, nothing there", "", "", ErrNotHTML},
		{"deep", "<html><body>" + strings.Repeat("<div>", 600) + "text", "text/html", ErrTooDeep},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got, err := Extract([]byte(tt.body), Options{ContentType: tt.contentType}); !errors.Is(err, tt.want) {
				t.Errorf("error = %v, want %v; page %+v", err, tt.want, got)
			}
		})
	}
	for _, contentType := range []string{"", "text/html", "TEXT/HTML; charset=utf-8", "application/xhtml+xml", "text/plain", "application/octet-stream", "text/html; charset=utf-8; charset=utf-8"} {
		if _, err := Extract([]byte("\n<html><body>"+article(sentences...)+"</body></html>"), Options{ContentType: contentType}); err != nil {
			t.Errorf("HTML served as %q: %v", contentType, err)
		}
	}
}

func TestDateInFutureIsNotBelieved(t *testing.T) {
	page := `<html><head><meta property="article:published_time" content="2031-01-01T00:00:00Z"></head><body>` + article(sentences...) + `</body></html>`
	now := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	got, err := Extract([]byte(page), Options{Now: now})
	if err != nil {
		t.Fatal(err)
	}
	if !got.Published.IsZero() {
		t.Errorf("published = %v, want none", got.Published)
	}
}

func TestText(t *testing.T) {
	tests := []struct{ name, html, want string }{
		{"plain", "Fish &amp; chips", "Fish & chips"},
		{"plain paragraphs", "one\n\ntwo\nthree", "one\n\ntwo three"},
		{"paragraphs", "<p>one</p><p>two <b>bold</b>face</p>three", "one\n\ntwo boldface\n\nthree"},
		{"breaks", "one<br>two<br><br/>three", "one\ntwo\n\nthree"},
		{"list", "<p>a:</p><ul><li>one</li><li><p>two</p></li><li></li></ul><p>b</p>", "a:\n\n- one\n\n- two\n\nb"},
		{"table", "<table><tr><th>name</th><td>Huawei</td></tr><tr><th>seat</th><td>Shenzhen</td></tr></table>", "name Huawei\nseat Shenzhen"},
		{"spaces", "  a\u00a0 b\t\n c\u3000\u3000d ", "a b c d"},
		{"soft hyphens, marks, zeroes", "Hua\u00adwei\ufeff\x00\x01", "Huawei"},
		{"links keep their text", `nur <a href="/vip">VIP-Mitglieder</a>, was`, "nur VIP-Mitglieder, was"},
		{"scripts and hidden parts", `<p>a</p><script>alert(1)</script><style>p{}</style><p hidden>x</p><p style="DISPLAY : none">y</p><noscript>z</noscript><p>b</p>`, "a\n\nb"},
		{"preformatted", "<pre>one\n  two</pre>", "one\ntwo"},
		{"markup of markup is text", "&lt;script&gt;alert(1)&lt;/script&gt;", "<script>alert(1)</script>"},
		{"damaged", "a\xff<p>b</p", "a\uFFFD\n\nb"},
		{"empty", "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Text(tt.html)
			if err != nil {
				t.Fatal(err)
			}
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
	if _, err := Text(strings.Repeat("<div>", 600)); !errors.Is(err, ErrTooDeep) {
		t.Errorf("deep: error = %v, want ErrTooDeep", err)
	}
}

// Whatever a page holds, the answer is valid UTF-8, the same twice, and no
// page breaks the extraction.
func FuzzExtract(f *testing.F) {
	f.Add([]byte("<html><head>"+ldScript+"</head><body>"+article(sentences...)+"</body></html>"), "text/html")
	f.Add([]byte("<table><td><p>x<noscript><p></table>"), "")
	f.Add(encode(f, "gbk", document(`<meta charset=gbk>`, strings.Join(chineseSentences, "<br>"))), "text/html")
	f.Add([]byte("<svg><title>a</title><math><mi><p>"), "text/html; charset=koi8-r")
	f.Add([]byte(`<script type=ld+json>[{"@type":"Article","author":{"name":["a",1]},"articleBody":"<p>\n"},]</script>`), "text/html")
	pages, err := filepath.Glob("testdata/pages/*/*.html")
	if err != nil || len(pages) == 0 {
		f.Fatal("no pages written by hand: ", err)
	}
	for _, page := range pages {
		body, err := os.ReadFile(page)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(body, "")
	}
	f.Fuzz(func(t *testing.T, body []byte, contentType string) {
		opt := Options{URL: "https://example.org/a", ContentType: contentType, MaxBytes: 64 << 10}
		got, err := Extract(body, opt)
		if errors.Is(err, ErrPanic) {
			t.Fatal(err)
		}
		for _, s := range []string{got.Title, got.Text, got.Author, got.Summary, got.Site, got.Section} {
			if !utf8.ValidString(s) {
				t.Fatalf("not UTF-8: %q", s)
			}
		}
		again, err2 := Extract(body, opt)
		if diff := cmp.Diff(got, again); diff != "" || (err == nil) != (err2 == nil) {
			t.Fatalf("two answers to one page: %s %v %v", diff, err, err2)
		}
	})
}

func FuzzText(f *testing.F) {
	f.Add("<p>one<br><br>two</p><ul><li>x")
	f.Add("a\n\nb & c\xff")
	f.Fuzz(func(t *testing.T, html string) {
		got, err := Text(html)
		if errors.Is(err, ErrPanic) {
			t.Fatal(err)
		}
		if !utf8.ValidString(got) {
			t.Fatalf("not UTF-8: %q", got)
		}
		if got != strings.TrimSpace(got) || strings.Contains(got, "\n\n\n") || strings.Contains(got, "  ") {
			t.Fatalf("untidy: %q", got)
		}
	})
}

func BenchmarkExtract(b *testing.B) {
	var bodies [][]byte
	var size int64
	for _, p := range goldPages(b) {
		if p.Set != "scrapinghub" {
			continue
		}
		body, err := os.ReadFile(p.Path)
		if err != nil {
			b.Fatal(err)
		}
		bodies = append(bodies, body)
		size += int64(len(body))
	}
	b.SetBytes(size / int64(len(bodies)))
	b.ReportAllocs()
	b.ResetTimer()
	for i := 0; b.Loop(); i++ {
		if _, err := Extract(bodies[i%len(bodies)], Options{URL: "https://example.org/a", Published: time.Unix(1, 0)}); err != nil {
			b.Fatal(err)
		}
	}
}
