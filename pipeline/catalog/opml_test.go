package catalog

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
)

const someOPML = `<?xml version="1.0" encoding="%s"?>
<opml version="1.0">
 <head><title>Подписки</title></head>
 <body>
  <outline text="Россия">
   <outline text="Газеты, журналы" title="Газеты, журналы">
    <outline type="rss" text="Коммерсантъ - Новости" xmlUrl="https://www.kommersant.ru/RSS/news.xml" htmlUrl="https://www.kommersant.ru/" language="ru"/>
    <outline type="rss" text="Коммерсантъ - Hi-Tech" xmlUrl="https://www.kommersant.ru/RSS/section-hitech.xml?a=1&b=2" htmlUrl="https://www.kommersant.ru/"/>
   </outline>
  </outline>
  <outline text="Links"><outline type="link" text="a page" url="https://page.example/"/></outline>
  <outline text="BBC" xmlUrl="feed://feeds.bbci.co.uk/news/rss.xml" category="/world/news,uk"/>
  <outline text="again"><outline text="BBC once more" xmlUrl="http://feeds.bbci.co.uk/news/rss.xml"/></outline>
  <outline title="Channel One" xmlUrl="https://www.youtube.com/feeds/videos.xml?channel_id=1"/>
  <outline title="Channel Two" xmlUrl="https://www.youtube.com/feeds/videos.xml?channel_id=2"/>
  <outline text="" xmlUrl="https://rss.example.org/untitled"/>
 </body>
</opml>`

func source(t *testing.T, c *Catalog, id string) Source {
	t.Helper()
	s := c.Source(id)
	if s == nil {
		var ids []string
		for _, s := range c.Sources {
			ids = append(ids, s.ID)
		}
		t.Fatalf("no source %s among %v", id, ids)
	}
	out := *s
	out.Version = ""
	return out
}

func checkSome(t *testing.T, c *Catalog) {
	t.Helper()
	if len(c.Sources) != 5 {
		t.Errorf("%d sources, want 5", len(c.Sources))
	}
	for _, want := range []Source{
		{
			ID: "kommersant-ru", Name: "Коммерсантъ", Home: "https://www.kommersant.ru/", Lang: "ru", Tags: []string{"Россия", "Газеты журналы"},
			Feeds: []Feed{{URL: "https://www.kommersant.ru/RSS/news.xml"}, {URL: "https://www.kommersant.ru/RSS/section-hitech.xml?a=1&b=2"}},
		},
		{ID: "bbci-co-uk", Name: "BBC", Tags: []string{"world/news", "uk", "again"}, Feeds: []Feed{{URL: "http://feeds.bbci.co.uk/news/rss.xml"}}},
		{ID: "channel-one", Name: "Channel One", Feeds: []Feed{{URL: "https://www.youtube.com/feeds/videos.xml?channel_id=1"}}},
		{ID: "channel-two", Name: "Channel Two", Feeds: []Feed{{URL: "https://www.youtube.com/feeds/videos.xml?channel_id=2"}}},
		{ID: "example-org", Name: "example.org", Feeds: []Feed{{URL: "https://rss.example.org/untitled"}}},
	} {
		if diff := cmp.Diff(want, source(t, c, want.ID)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", want.ID, diff)
		}
	}
}

func TestParseOPML(t *testing.T) {
	utf8text := fmt.Sprintf(someOPML, "utf-8")
	win, err := charmap.Windows1251.NewEncoder().String(fmt.Sprintf(someOPML, "windows-1251"))
	if err != nil {
		t.Fatal(err)
	}
	utf16text, err := unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewEncoder().String(fmt.Sprintf(someOPML, "utf-16"))
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"utf-8": utf8text, "windows-1251": win, "utf-16": utf16text, "with a byte order mark": "\ufeff" + utf8text,
		"control characters": strings.ReplaceAll(utf8text, "BBC", "B\x02BC"),
	} {
		t.Run(name, func(t *testing.T) {
			c, err := ParseOPML("f.opml", []byte(text))
			if err != nil {
				t.Fatal(err)
			}
			checkSome(t, c)
		})
	}
}

func TestParseOPMLFaults(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		want       []string
	}{
		{"a page", "<!doctype html>\n<html><body>404</body></html>", []string{"f.opml:2: not OPML: it begins with <html>"}},
		{"plain text", "hello", []string{"f.opml:1: not OPML: no element at all"}},
		{"cut off", "<opml>\n<body>\n<outline text='a' xmlUrl='https://a.example/'/>\n", []string{"f.opml:4: XML: unexpected EOF"}},
		{"cut off within", "<opml>\n<body>\n<outline text='a' xml", []string{"f.opml:3: XML: unexpected EOF"}},
		{"addresses", "<opml><body>\n<outline text='a' xmlUrl='a.example/f'/>\n<outline text='b'><outline text='c' xmlUrl='mailto:x@y'/></outline>\n<outline text='d' xmlUrl='https://d.example/'/>\n</body></opml>", []string{
			`f.opml:2: xmlUrl: "a.example/f" must begin with http:// or https://`,
			`f.opml:3: xmlUrl: "mailto:x@y" must begin with http:// or https://`,
		}},
		{"our own attributes", "<opml xmlns:nw='" + opmlSpace + "'><body>\n<outline text='a' xmlUrl='https://a.example/' nw:source='A A' nw:every='soon' nw:at_once='x'/>\n<outline text='b' xmlUrl='https://b.example/' nw:source='b' nw:every='1ms'/></body></opml>", []string{
			`f.opml:2: nw:every: "soon" is not a duration such as 10m, 1h30m or 5s`,
			`f.opml:2: nw:at_once: "x" is not a number`,
		}},
		{"our own toggles", "<opml xmlns:nw='" + opmlSpace + "'><body>\n<outline text='a' xmlUrl='https://a.example/' nw:source='a' nw:http1='maybe' nw:extract='{\"body\":1}'/>\n<outline text='b' xmlUrl='https://b.example/' nw:source='b' nw:extract='{\"text\":\"p\"}'/></body></opml>", []string{
			`f.opml:2: nw:http1: "maybe" is neither true nor false`,
			`f.opml:2: nw:extract: is not the JSON of rules: json: cannot unmarshal number into Go struct field ExtractRules.body of type string`,
			`f.opml:3: nw:extract: is not the JSON of rules: json: unknown field "text"`,
		}},
		{"our own toggles out of bounds", "<opml xmlns:nw='" + opmlSpace + "'><body>\n<outline text='a' xmlUrl='https://a.example/' nw:source='a' nw:pages='some' nw:extract='{\"body\":\"p[\"}'/></body></opml>", []string{
			`f.opml:2: source a: pages: "some" is none of auto, always, never`,
			`f.opml:2: source a: extract.body: "p[" is not a CSS selector: expected identifier, found EOF instead`,
		}},
		{"our own attributes out of bounds", "<opml xmlns:nw='" + opmlSpace + "'><body>\n<outline text='a' xmlUrl='https://a.example/' nw:source='A A'/>\n<outline text='b' xmlUrl='https://b.example/' nw:source='b' nw:every='1ms'/></body></opml>", []string{
			`f.opml:2: source A A: id: "A A" must be 1 to 64 of a-z, 0-9 and -, and not begin with -`,
			`f.opml:3: source b: feeds[0].every: 1ms must be between 1s and 168h`,
		}},
		{"charset unknown", "<?xml version='1.0' encoding='klingon'?>\n<opml/>", []string{`f.opml:1: xml: opening charset "klingon": unsupported charset: "klingon"`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := ParseOPML("f.opml", []byte(tt.text))
			var got []string
			for _, e := range FieldErrors(err) {
				got = append(got, e.Error())
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("errors (-want +got):\n%s", diff)
			}
			if !errors.Is(err, ErrInvalid) {
				t.Error("the error is no ErrInvalid")
			}
		})
	}
	if _, err := ParseOPML("f.opml", []byte(" \n")); !errors.Is(err, ErrEmpty) {
		t.Errorf("empty: %v, want ErrEmpty", err)
	}
}

func TestParseFile(t *testing.T) {
	opml := `<opml><body><outline text="A" xmlUrl="https://a.example/"/></body></opml>`
	for name, text := range map[string]string{
		"f.opml": opml, "f.xml": opml, "f": "\ufeff\n" + opml, "feeds.txt": opml,
		"g.yaml": "sources: [{ id: a-example, name: A }]", "g.json": `{"sources":[{"id":"a-example","name":"A"}]}`, "g": "sources: [{ id: a-example, name: A }]",
	} {
		c, err := ParseFile(name, []byte(text))
		if err != nil || c.Source("a-example") == nil {
			t.Errorf("%s: %v, %v", name, c, err)
		}
	}
}

// Readers see a feed in the folder of its source's first tag.
func TestOPMLFolders(t *testing.T) {
	c := &Catalog{Sources: []Source{
		{ID: "a", Name: "A", Tags: []string{"daily", "state"}, Feeds: []Feed{{URL: "https://a.example/1"}, {URL: "https://a.example/2"}}},
		{ID: "b", Name: "B", Feeds: []Feed{{URL: "https://b.example/"}}},
		{ID: "c", Name: "C", Tags: []string{"daily"}, Feeds: []Feed{{URL: "https://c.example/"}}},
	}}
	data, err := MarshalOPML(c, "x")
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Outlines []struct {
			Text  string `xml:"text,attr"`
			URL   string `xml:"xmlUrl,attr"`
			Feeds []struct {
				URL string `xml:"xmlUrl,attr"`
			} `xml:"outline"`
		} `xml:"body>outline"`
	}
	if err := xml.Unmarshal(data, &doc); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, o := range doc.Outlines {
		got = append(got, strings.TrimSpace(o.Text+" "+o.URL))
		for _, f := range o.Feeds {
			got = append(got, "  "+f.URL)
		}
	}
	want := []string{"daily", "  https://a.example/1", "  https://a.example/2", "  https://c.example/", "B https://b.example/"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// What is written is read back the same, but for what OPML must not carry.
func TestOPMLRoundTrip(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 10))
	catalogs := []*Catalog{{Sources: Starter().Sources}}
	for range 100 {
		catalogs = append(catalogs, randomCatalog(rng))
	}
	for _, c := range catalogs {
		data, err := MarshalOPML(c, "Feeds <&>")
		if err != nil {
			t.Fatal(err)
		}
		got, err := ParseOPML("f.opml", data)
		if err != nil {
			t.Fatalf("%v\n%s", err, data)
		}
		want := &Catalog{Sources: slices.DeleteFunc(slices.Clone(c.Sources), func(s Source) bool { return len(s.Feeds) == 0 })}
		for i := range want.Sources {
			want.Sources[i].AllowPrivate = false
			want.Sources[i].Version = Digest(&want.Sources[i])
		}
		own, err := ParseOwnOPML("f.opml", data)
		if err != nil {
			t.Fatalf("%v\n%s", err, data)
		}
		want, own, got = want.Sorted(), own.Sorted(), got.Sorted() // folders change the order
		if diff := cmp.Diff(append([]Source{}, want.Sources...), append([]Source{}, own.Sources...)); diff != "" {
			t.Fatalf("one's own (-want +got):\n%s\n%s", diff, data)
		}
		for i := range want.Sources {
			want.Sources[i].Proxy = ""
			want.Sources[i].Version = Digest(&want.Sources[i])
		}
		if diff := cmp.Diff(append([]Source{}, want.Sources...), append([]Source{}, got.Sources...)); diff != "" {
			t.Fatalf("(-want +got):\n%s\n%s", diff, data)
		}
	}
}

// A file must not open private networks.
func TestOPMLDoesNotAllowPrivate(t *testing.T) {
	c := &Catalog{Sources: []Source{{ID: "a", Name: "A", AllowPrivate: true, Feeds: []Feed{{URL: "http://10.0.0.1/f"}}}}}
	data, err := MarshalOPML(c, "x")
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(data, []byte("private")) {
		t.Errorf("%s speaks of it", data)
	}
	data = bytes.Replace(data, []byte("nw:source"), []byte(`nw:allow_private="true" allow_private="true" nw:source`), 1)
	got, err := ParseOPML("f.opml", data)
	if err != nil || got.Sources[0].AllowPrivate {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestOPMLLarge(t *testing.T) {
	var b strings.Builder
	b.WriteString("<opml><body>")
	for i := range 5000 {
		if i%50 == 0 {
			fmt.Fprintf(&b, "<outline text='Folder %d'>", i/50) // nested a hundred deep
		}
		fmt.Fprintf(&b, "<outline text='同名' xmlUrl='https://site%d.example/feed/%d'/>\n", i%2500, i)
	}
	b.WriteString(strings.Repeat("</outline>", 100) + "</body></opml>")
	start := time.Now()
	c, err := ParseOPML("f.opml", []byte(b.String()))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("5,000 feeds in %v", time.Since(start))
	if n := len(c.Sources); n != 2500 {
		t.Errorf("%d sources, want 2500", n)
	}
	if err := c.Validate(Checks{}); err != nil {
		t.Error(err)
	}
}

func TestCommon(t *testing.T) {
	for _, tt := range []struct{ a, b, want string }{
		{"BBC News - World", "BBC News - Asia", "BBC News"},
		{"BBC News", "BBC News - Asia", "BBC News"},
		{"Tech", "Techno", "Tech"},
		{"人民网时政", "人民网国际", "人民网时政"},
		{"One", "Two", "One"},
		{"", "Two", ""},
		{"Коммерсантъ. Главное", "Коммерсантъ. Лента", "Коммерсантъ"},
	} {
		if got := common(tt.a, tt.b); got != tt.want {
			t.Errorf("common(%q, %q) = %q, want %q", tt.a, tt.b, got, tt.want)
		}
	}
}

// Whatever comes in, ParseOPML does not panic, what it takes is valid, and is
// read back from what is written.
func FuzzParseOPML(f *testing.F) {
	f.Add([]byte(fmt.Sprintf(someOPML, "utf-8")))
	f.Add([]byte("<opml><body><outline xmlUrl='https://a.example/'/></body></opml>"))
	f.Add([]byte("\xff\xfe<\x00o\x00"))
	f.Add([]byte("<?xml version='1.0' encoding='koi8-r'?><opml xmlns:nw='" + opmlSpace + "'><outline text='\xeb' xmlUrl='http://x.example/' nw:source='x' nw:gap='5s'/></opml>"))
	f.Add([]byte("<opml><outline text='a&b&nbsp;' type=rss url=http://[::1]/></opml>"))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := ParseOPML("fuzz.opml", data)
		if err != nil {
			if !errors.Is(err, ErrInvalid) && !errors.Is(err, ErrEmpty) {
				t.Fatalf("error of no class: %v", err)
			}
			return
		}
		if err := c.Validate(Checks{}); err != nil {
			t.Fatal(err)
		}
		out, err := MarshalOPML(c, "again")
		if err != nil {
			t.Fatal(err)
		}
		back, err := ParseOPML("again.opml", out)
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		if back, c = back.Sorted(), c.Sorted(); !back.Equal(c) { // folders change the order
			t.Fatalf("%s", cmp.Diff(c.Sources, back.Sources))
		}
	})
}
