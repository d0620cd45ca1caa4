package feeds

import (
	"bytes"
	"encoding/json"
	"errors"
	"runtime"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/simplifiedchinese"

	"github.com/newswatch/newswatch/pipeline"
)

func rssOf(items string) string {
	return `<?xml version="1.0"?><rss version="2.0" xmlns:media="http://search.yahoo.com/mrss/" xmlns:yandex="http://news.yandex.ru" ` +
		`xmlns:feedburner="http://rssnamespace.org/feedburner/ext/1.0" xmlns:content="http://purl.org/rss/1.0/modules/content/" xmlns:atom="http://www.w3.org/2005/Atom">` +
		`<channel><title>T</title><link>https://site.example/</link>` + items + `</channel></rss>`
}

// What gofeed drops and the adapter puts back.
func TestAdapter(t *testing.T) {
	const base = "https://site.example/news/feed.xml"
	atomHead := `<feed xmlns="http://www.w3.org/2005/Atom" xmlns:media="http://search.yahoo.com/mrss/"`
	type want struct{ URL, Link, GUID, Title, Summary, HTML, Author, Image string }
	for _, tc := range []struct {
		name string
		body string
		want want
	}{
		{"guid is a permalink", rssOf(`<item><title>a</title><guid>https://site.example/a</guid></item>`),
			want{URL: "https://site.example/a", GUID: "https://site.example/a", Title: "a"}},
		{"guid is none", rssOf(`<item><title>a</title><guid isPermaLink="false">https://site.example/a</guid></item>`),
			want{GUID: "https://site.example/a", Title: "a"}},
		{"rdf:about", `<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/"><channel rdf:about="x"><title>c</title></channel><item rdf:about="https://site.example/about?a=1&amp;b=2"><title>a</title></item></rdf:RDF>`,
			want{URL: "https://site.example/about?a=1&b=2", GUID: "https://site.example/about?a=1&b=2", Title: "a"}},
		{"relative link", rssOf(`<item><title>a</title><link>story/1.html</link></item>`),
			want{URL: "https://site.example/news/story/1.html", Title: "a"}},
		{"link from the root", rssOf(`<item><title>a</title><link>/1.html</link></item>`),
			want{URL: "https://site.example/1.html", Title: "a"}},
		{"xml:base that is a file", atomHead + ` xml:base="https://other.example/dir/feed.xml"><entry><title>a</title><id>urn:1</id><link href="a.html"/></entry></feed>`,
			want{URL: "https://other.example/dir/a.html", GUID: "urn:1", Title: "a"}},
		{"xml:base that is a folder", atomHead + ` xml:base="https://other.example/dir/"><entry><title>a</title><id>urn:1</id><link href="a.html"/></entry></feed>`,
			want{URL: "https://other.example/dir/a.html", GUID: "urn:1", Title: "a"}},
		{"media group", atomHead + `><entry><id>yt:1</id><title>video</title><link href="https://site.example/watch?v=1"/><media:group><media:thumbnail url="https://i.example/1.jpg"/><media:description>what it shows</media:description></media:group></entry></feed>`,
			want{URL: "https://site.example/watch?v=1", GUID: "yt:1", Title: "video", Summary: "what it shows", Image: "https://i.example/1.jpg"}},
		{"content src", atomHead + `><entry><id>urn:1</id><title>a</title><content type="text/html" src="https://site.example/full"/></entry></feed>`,
			want{URL: "https://site.example/full", GUID: "urn:1", Title: "a"}},
		{"an enclosure only", rssOf(`<item><title>episode</title><enclosure url="https://cdn.example/1.mp3" type="audio/mpeg" length="1"/></item>`),
			want{URL: "https://cdn.example/1.mp3", Title: "episode"}},
		{"yandex:full-text", rssOf(`<item><title>a</title><link>https://site.example/a</link><description>short</description><yandex:full-text>the whole text</yandex:full-text></item>`),
			want{URL: "https://site.example/a", Title: "a", Summary: "short", HTML: "the whole text"}},
		{"feedburner:origLink", rssOf(`<item><title>a</title><link>http://feedproxy.google.com/~r/x/1</link><feedburner:origLink>https://site.example/a?utm_source=rss</feedburner:origLink></item>`),
			want{URL: "https://site.example/a", Link: "https://site.example/a?utm_source=rss", Title: "a"}},
		{"title with tags, escaped twice", rssOf(`<item><title>&lt;b&gt;R&amp;amp;D&lt;/b&gt; &amp;quot;now&amp;quot;</title><link>https://site.example/a</link></item>`),
			want{URL: "https://site.example/a", Title: `R&D "now"`}},
		{"title about tags", rssOf(`<item><title>The &lt;div&gt; and x &lt; y</title><link>https://site.example/a</link></item>`),
			want{URL: "https://site.example/a", Title: "The <div> and x < y"}},
		{"description is HTML", rssOf(`<item><title>a</title><link>https://site.example/a</link><description><![CDATA[<p>One.</p><script>x()</script><p>Two &amp; three</p>]]></description></item>`),
			want{URL: "https://site.example/a", Title: "a", Summary: "One. Two & three", HTML: "<p>One.</p><script>x()</script><p>Two &amp; three</p>"}},
		{"front page link", rssOf(`<item><title>a</title><link>https://site.example/?utm_source=rss</link><guid isPermaLink="false">17</guid></item>`),
			want{Link: "https://site.example/?utm_source=rss", GUID: "17", Title: "a"}},
		{"a place on a page", rssOf(`<item><title>v2</title><link>https://site.example/changes#v2</link><guid>https://site.example/changes#v2</guid></item>`),
			want{Link: "https://site.example/changes#v2", GUID: "https://site.example/changes#v2", Title: "v2"}},
		{"json, external", `{"version":"https://jsonfeed.org/version/1.1","title":"j","items":[{"id":7,"external_url":"https://other.example/x","title":"a","tags":"one","author":{"name":"Ann"},"content_html":"<p>x</p>"}]}`,
			want{URL: "https://other.example/x", GUID: "7", Title: "a", HTML: "<p>x</p>", Author: "Ann"}},
		{"blanks in a link", rssOf("<item><title>a</title><link>\n https://site.example/a b%zz \n</link></item>"),
			want{URL: "https://site.example/a%20b%25zz", Title: "a"}},
		{"script link", rssOf(`<item><title>a</title><link>javascript:alert(1)</link><guid isPermaLink="false">1</guid></item>`),
			want{GUID: "1", Title: "a"}},
		{"author of the feed", atomHead + `><author><name>Desk</name></author><entry><id>urn:1</id><title>a</title><link href="https://site.example/a"/></entry></feed>`,
			want{URL: "https://site.example/a", GUID: "urn:1", Title: "a", Author: "Desk"}},
		{"content:encoded, not declared", `<rss version="2.0"><channel><item><title>a</title><link>https://site.example/a</link><content:encoded><![CDATA[<p>x</p>]]></content:encoded></item></channel></rss>`,
			want{URL: "https://site.example/a", Title: "a", HTML: "<p>x</p>"}},
	} {
		p, err := Parse([]byte(tc.body), base, "", ParseOptions{Now: corpusNow})
		if err != nil || len(p.Items) != 1 {
			t.Errorf("%s: got %+v, %v; want one item", tc.name, p, err)
			continue
		}
		it := p.Items[0]
		got := want{it.URL, it.Link, it.GUID, it.Title, it.Summary, it.HTML, it.Author, it.Image}
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tc.name, diff)
		}
		checkItems(t, tc.name, p)
	}
}

func TestHead(t *testing.T) {
	p, err := Parse([]byte(`<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="ru-RU" xmlns:sy="http://purl.org/rss/1.0/modules/syndication/">
		<title>Новости</title><link href="/"/><link rel="next" href="?page=2"/><link rel="hub" href="https://hub.example/"/>
		<sy:updatePeriod>hourly</sy:updatePeriod><sy:updateFrequency>4</sy:updateFrequency></feed>`), "https://e.com/feed", "", ParseOptions{})
	if err != nil {
		t.Fatal(err)
	}
	want := &Parsed{Title: "Новости", Home: "https://e.com/", Lang: "ru", Format: "atom 1.0", Charset: "utf-8", Items: []pipeline.Item{},
		Next: "https://e.com/feed?page=2", Hub: "https://hub.example/", TTL: 15 * time.Minute,
		CharsetFrom: CharsetValid, Dates: map[string]int{}, Zone: "+03:00", ZoneFrom: "language"}
	if diff := cmp.Diff(want, p); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Items that one link or one identifier is given to are told apart, in a way
// that does not depend on which of them are listed.
func TestItemsAreToldApart(t *testing.T) {
	item := func(title, link, guid string) string {
		if guid != "" {
			guid = `<guid isPermaLink="false">` + guid + `</guid>`
		}
		return "<item><title>" + title + "</title><link>" + link + "</link>" + guid + "</item>"
	}
	const page = "https://site.example/list"
	for _, tc := range []struct {
		name  string
		items []string
		want  int
	}{
		{"the same twice", []string{item("a", page, "1"), item("a", page, "1")}, 1},
		{"by identifier", []string{item("a", page, "1"), item("b", page, "2"), item("c", page, "3")}, 3},
		{"by fragment", []string{item("n", page+"#1", ""), item("n", page+"#2", ""), item("m", page+"#3", "")}, 2}, // same title, no text: nothing tells #1 from #2 but the place
		{"by title", []string{item("a", page, ""), item("b", page, ""), item("c", page, "")}, 3},
		{"one identifier for all", []string{item("a", page, "x"), item("b", page, "x"), item("c", page, "x")}, 3},
		{"editions of one article", []string{item("a!", page, page+"#2"), item("a", page, page+"#1")}, 1},
	} {
		keys := func(items []string) map[string]bool {
			p, err := Parse([]byte(rssOf(strings.Join(items, ""))), "https://site.example/f", "", ParseOptions{Now: corpusNow})
			if err != nil {
				t.Fatal(err)
			}
			m := make(map[string]bool)
			for _, it := range p.Items {
				m[it.Key] = true
			}
			return m
		}
		all := keys(tc.items)
		if len(all) != tc.want {
			t.Errorf("%s: %d items, want %d", tc.name, len(all), tc.want)
		}
		if len(tc.items) == 3 && tc.want == 3 {
			for k := range keys(tc.items[1:]) {
				if !all[k] {
					t.Errorf("%s: without its first item the document has other keys", tc.name)
				}
			}
		}
	}
}

func TestCharsets(t *testing.T) {
	const ru, zh, ja = "Хуавей представила новый смартфон в Москве", "华为发布新款手机与俄罗斯市场", "ファーウェイが新しい携帯電話を発表"
	feed := func(decl, text string) string {
		return decl + `<rss version="2.0"><channel><item><title>` + text + `</title><link>http://e.com/1</link></item></channel></rss>`
	}
	enc := func(s string, f func(string) (string, error)) []byte {
		out, err := f(s)
		if err != nil {
			t.Fatal(err)
		}
		return []byte(out)
	}
	cp1251, koi8 := charmap.Windows1251.NewEncoder().String, charmap.KOI8R.NewEncoder().String
	gbk, jis := simplifiedchinese.GBK.NewEncoder().String, japanese.ISO2022JP.NewEncoder().String
	for _, tc := range []struct {
		name string
		body []byte
		ct   string
		want string
	}{
		{"1251 by header only", enc(feed("", ru), cp1251), "text/xml; charset=windows-1251", ru},
		{"1251 by nothing", enc(feed("", strings.Repeat(ru+" ", 5)), cp1251), "", ru},
		{"1251, declared utf-8", enc(feed(`<?xml version="1.0" encoding="utf-8"?>`, strings.Repeat(ru+" ", 5)), cp1251), "text/xml; charset=utf-8", ru},
		{"koi8-r by nothing", enc(feed("", strings.Repeat(ru+" ", 5)), koi8), "", ru},
		{"gbk by nothing", enc(feed("", strings.Repeat(zh, 5)), gbk), "", zh},
		{"iso-2022-jp", enc(feed(`<?xml version="1.0" encoding="iso-2022-jp"?>`, ja), jis), "", ja},
		{"utf-8, header says latin1", []byte(feed("", zh)), "text/xml; charset=iso-8859-1", zh},
		{"utf-8 with a mark", []byte("\xef\xbb\xbf" + feed("", zh)), "", zh},
		{"utf-8 cut within a rune", append([]byte(feed("", strings.Repeat(zh, 5))), "\xe5\x8d"...), "", zh},
		{"latin1 by nothing", []byte(feed("", "caf\xe9 d\xe9j\xe0 vu")), "", "café déjà vu"},
	} {
		p, err := Parse(tc.body, "http://e.com/f", tc.ct, ParseOptions{})
		if err != nil || len(p.Items) != 1 || !strings.Contains(p.Items[0].Title, tc.want) {
			t.Errorf("%s: got %+v, %v; want the title %q", tc.name, p, err, tc.want)
		}
	}
}

func TestNoFeed(t *testing.T) {
	for _, tc := range []struct {
		body string
		want error
	}{
		{"", ErrNotFeed}, {"   \n", ErrNotFeed}, {"hello", ErrNotFeed}, {`{"error":"no"}`, ErrNotFeed}, {"[]", ErrNotFeed},
		{`<?xml version="1.0"?><opml><body/></opml>`, ErrNotFeed},
		{`<?xml version="1.0"?><urlset><url/></urlset>`, ErrNotFeed},
		{"<!DOCTYPE html><html><head><title>x</title></head></html>", ErrHTML},
		{"<html><body><p>the &lt;rss&gt; tag</p></body></html>", ErrHTML},
		{"<rss", ErrNotFeed}, {"<rss>", ErrBroken}, {"<feed><entry><title>", ErrBroken},
		{"\x1f\x8b\x08garbage", ErrNotFeed},
	} {
		if _, err := Parse([]byte(tc.body), "http://e.com/", "", ParseOptions{}); !errors.Is(err, tc.want) {
			t.Errorf("%.40q: got %v, want %v", tc.body, err, tc.want)
		}
	}
}

// Hostile documents end in bounded memory: an answer, or a clear error.
func TestHostileDocuments(t *testing.T) {
	laughs := `<!DOCTYPE lolz [<!ENTITY lol "lol"><!ENTITY lol2 "` + strings.Repeat("&lol;", 1000) + `"><!ENTITY lol3 "` + strings.Repeat("&lol2;", 1000) + `">]>`
	deep := func(open, closing string, n int) string { return strings.Repeat(open, n) + strings.Repeat(closing, n) }
	for _, tc := range []struct {
		name  string
		body  string
		items int
		err   error
	}{
		{"200,000 items", rssOf(strings.Repeat("<item><title>x</title><link>http://e.com/", 1) + "</link></item>" + manyItems(200_000)), MaxItems, nil},
		{"200,000 empty items", rssOf(strings.Repeat("<item/>", 200_000)), 0, nil},
		{"200,000 json items", `{"version":"https://jsonfeed.org/version/1","items":[{"id":"x"}` + strings.Repeat(`,{}`, 200_000) + `]}`, 1, nil},
		{"entity bomb", laughs + rssOf(`<item><title>&lol3;</title><link>http://e.com/1</link></item>`), 1, nil},
		{"outside entity", `<!DOCTYPE rss [<!ENTITY x SYSTEM "file:///etc/passwd">]>` + rssOf(`<item><title>&x;</title><link>http://e.com/1</link></item>`), 1, nil},
		{"deep", rssOf("<item><description>" + deep("<a>", "</a>", 100_000) + "</description></item>"), 0, ErrTooDeep},
		{"deep with prefixes", rssOf(deep("<m:a>", "</m:a>", 100_000)), 0, ErrTooDeep},
		{"deep json", `{"version":"https://jsonfeed.org/version/1","items":[` + strings.Repeat("[", 100_000), 0, nil},
		{"a title of 5 MB", rssOf("<item><title>" + strings.Repeat("x", 5<<20) + "</title><link>http://e.com/1</link></item>"), 1, nil},
		{"a million attributes", rssOf("<item" + strings.Repeat(` a="b"`, 1<<17) + "><link>http://e.com/1</link></item>"), 1, nil},
		{"quotes without end", rssOf(strings.Repeat(`<a b="`, 20_000)), 0, nil},
		{"less-than signs", rssOf("<item><title>" + strings.Repeat("<", 200_000) + "</title><link>http://e.com/1</link></item>"), 1, nil},
		{"CDATA without end", rssOf(strings.Repeat("<item><title><![CDATA[x</title><link>http://e.com/1</link></item>", 500)), 1, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			p, err := Parse([]byte(tc.body), "http://e.com/f", "", ParseOptions{Now: corpusNow})
			runtime.ReadMemStats(&after)
			if !errors.Is(err, tc.err) && !(tc.err == nil && err == nil) {
				t.Fatalf("got %v, want %v", err, tc.err)
			}
			if err == nil && len(p.Items) != tc.items {
				t.Errorf("%d items, want %d", len(p.Items), tc.items)
			}
			// What was allocated in all, so more than what was ever held at once.
			if got := (after.TotalAlloc - before.TotalAlloc) >> 20; got > 400 {
				t.Errorf("allocated %d MiB for %d KiB", got, len(tc.body)>>10)
			}
			if err == nil {
				checkItems(t, tc.name, p)
			}
		})
	}
}

func manyItems(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString("<item><title>t</title><link>http://e.com/")
		b.WriteString(strings.Repeat("a", i%7))
		for ; i > 0; i /= 10 {
			b.WriteByte(byte('0' + i%10))
		}
		b.WriteString("</link></item>")
	}
	return b.String()
}

func TestLine(t *testing.T) {
	p, err := Parse([]byte(rssOf(`<item><title>a</title><link>https://site.example/a</link><description>d</description><content:encoded>&lt;p&gt;x&lt;/p&gt;</content:encoded><pubDate>Mon, 21 Apr 2025 06:00:00 GMT</pubDate><guid>g</guid></item>`)),
		"https://site.example/f", "", ParseOptions{Now: corpusNow})
	if err != nil {
		t.Fatal(err)
	}
	got, err := json.Marshal(LineOf(p.Items[0]))
	if err != nil {
		t.Fatal(err)
	}
	want := `{"key":"` + pipeline.Key("https://site.example/a") + `","url":"https://site.example/a","title":"a","summary":"d","content":"\u003cp\u003ex\u003c/p\u003e","author":"",` +
		`"published":"2025-04-21T06:00:00Z","published_from":"feed","guid":"g","version":"` + p.Items[0].Content + `"}`
	if string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(rssOf(`<item><title>a &amp; b</title><link>http://e.com/1</link><guid>1</guid><item></item>`)), "text/xml; charset=utf-8")
	f.Add([]byte(`<feed xml:base="http://e.com/x"><entry><title type="html">&lt;b&gt;</title><link href="a"/>`), "")
	f.Add([]byte(`{"version":"https://jsonfeed.org/version/1","items":[{"id":1,"tags":"a"},{`), "application/json")
	f.Add([]byte("\xff\xfe<\x00r\x00s\x00s\x00>\x00"), "")
	f.Add([]byte(`<rdf:RDF><item rdf:about="a"><title><![CDATA[x</title></item><item></rdf:RDF>`), "")
	f.Add([]byte("<rss><channel><item><title>\x1b$B%U%!\x1b(B ]]> &#x1a; a < b</title></item></channel></rss>"), "")
	f.Fuzz(func(t *testing.T, body []byte, ct string) {
		p, err := Parse(body, "https://e.com/dir/feed", ct, ParseOptions{Now: corpusNow})
		if err == nil {
			checkItems(t, "fuzz", p)
			if g, gerr := parseAlone(body); gerr == nil && utf8.Valid(body) && !bytes.Contains(body, []byte("\x1b")) {
				if n := len(missing(g, p)); n == len(g.Items) && n > 0 && len(p.Items) == 0 {
					t.Errorf("gofeed alone finds %d items, Parse none", n)
				}
			}
		}
	})
}

func FuzzCharset(f *testing.F) {
	f.Add([]byte("\xcf\xf0\xe8\xe2\xe5\xf2"), "windows-1251")
	f.Add([]byte("<?xml encoding='gbk'?>\xbb\xaa\xce\xaa"), "")
	f.Add([]byte("\x1b$B%U\x1b(B"), "iso-2022-jp")
	f.Add([]byte("\xff\xfe\x00\x00<\x00"), "utf-32")
	f.Fuzz(func(t *testing.T, b []byte, label string) {
		d := toUTF8(b, label)
		out, name := d.text, d.charset
		if out, _ = dropIllegal(out); !utf8.Valid(out) {
			t.Errorf("%s: not UTF-8", name)
		}
		if utf8.Valid(b) && name == "utf-8" && len(out) > len(b) {
			t.Errorf("grew from %d to %d", len(b), len(out))
		}
	})
}
