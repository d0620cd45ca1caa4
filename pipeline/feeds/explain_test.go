package feeds

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/encoding/charmap"
)

func TestExplain(t *testing.T) {
	ru, err := charmap.Windows1251.NewEncoder().String(strings.Repeat("Компания представила новый телефон. ", 5))
	if err != nil {
		t.Fatal(err)
	}
	body := "junk<rss version=\"2.0\" xmlns:atom=\"http://www.w3.org/2005/Atom\"><channel><title>" + ru + "</title><language>ru</language><ttl>30</ttl>" +
		`<atom:link rel="prev-archive" href="/2014.xml"/><atom:link rel="self" href="/rss"/>
		<item><title>one</title><link>/1</link><pubDate>Tue, 01 Dec 2015 10:00:00</pubDate></item>
		<item><title>one</title><link>/1</link><pubDate>Tue, 01 Dec 2015 10:00:00</pubDate></item>
		<item><title>two</title><guid isPermaLink="false">2</guid><pubDate>Tue, 01 Dec 2099 10:00:00 GMT</pubDate></item>
		<item></item>` + "\x01</channel></rss>"
	p, err := Parse([]byte(body), "https://e.ru/rss", "", ParseOptions{Now: time.Date(2015, 12, 2, 0, 0, 0, 0, time.UTC)})
	if err != nil {
		t.Fatal(err)
	}
	p.Title = "T"
	want := []string{
		"format: rss 2.0",
		"title: T",
		"charset: windows-1251 (its letters look so)",
		"repaired: not in the charset that it declares",
		"repaired: characters that XML forbids, dropped",
		"repaired: text before the feed, dropped",
		"items: 2",
		"items without an address of their own: 1",
		"dates: 2 published, 2 without one",
		"dates that lie ahead, not believed: 1",
		"dates without a zone read as: +03:00 (where its language is written)",
		"left out: 1 without title, link or text",
		"left out: 1 listed twice; the first: one",
		"language: ru",
		"older items: https://e.ru/2014.xml",
		"asks to be left alone for: 30m0s",
	}
	if diff := cmp.Diff(want, p.Explain()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if p.Self != "https://e.ru/rss" {
		t.Errorf("self: got %q", p.Self)
	}
}

// Every word that Parse can say of a document has a sentence for people.
func TestExplainKnowsEveryWord(t *testing.T) {
	for _, f := range corpusFiles(t, "real", "conformance") {
		p, err := Parse(f.body, "https://example.com/f", "", ParseOptions{Now: corpusNow})
		if err != nil {
			continue
		}
		for _, line := range p.Explain() {
			if name, text, ok := strings.Cut(line, ": "); !ok || text == "" || name != "title" && strings.HasSuffix(text, "()") {
				t.Fatalf("%s: %q", f.name, line)
			}
		}
	}
}

// Paged and archived feeds tell where older items are (RFC 5005).
func TestOlderItems(t *testing.T) {
	for _, tc := range []struct{ name, links, want string }{
		{"paged", `<link rel="next" href="?page=2"/>`, "https://e.com/f?page=2"},
		{"archived", `<link rel="prev-archive" href="/2014"/><link rel="current" href="/f"/>`, "https://e.com/2014"},
		{"both", `<link rel="prev-archive" href="/2014"/><link rel="next" href="/2"/>`, "https://e.com/2"},
		{"to itself", `<link rel="next" href="/f"/>`, ""},
		{"to no place", `<link rel="next" href="javascript:x"/>`, ""},
		{"newer", `<link rel="previous" href="/1"/><link rel="first" href="/0"/>`, ""},
	} {
		for form, body := range map[string]string{
			"atom": `<feed xmlns="http://www.w3.org/2005/Atom">` + tc.links + `</feed>`,
			"rss": `<rss version="2.0" xmlns:atom="http://www.w3.org/2005/Atom"><channel>` +
				strings.ReplaceAll(tc.links, "<link", "<atom:link") + `</channel></rss>`,
		} {
			p, err := Parse([]byte(body), "https://e.com/f", "", ParseOptions{})
			if err != nil || p.Next != tc.want {
				t.Errorf("%s, %s: got %+v, %v; want %q", tc.name, form, p, err, tc.want)
			}
		}
	}
}
