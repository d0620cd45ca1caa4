package web

import (
	"encoding/json"
	"encoding/xml"
	"io"
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// Feeds, of the newest hits and of all, hold to what the validators of RSS 2.0,
// Atom (RFC 4287) and JSON Feed 1.1 look at, whatever the texts are.
func TestFeedsAreValid(t *testing.T) {
	n := 4 * len(nasty)
	srv := streamServer(t, &generated{n: n, hit: nastyHit})
	const query = "?q=" + "%3Chuawei%3E+%26+%22x%22+%00%1b&token=secret"
	for path, check := range map[string]func(*testing.T, string) (items int, self, next string){
		"/feeds/search.rss": checkRSS, "/export/search.rss": checkRSS,
		"/feeds/search.atom": checkAtom, "/export/search.atom": checkAtom,
		"/feeds/search.json": checkJSONFeed, "/export/search.json": checkJSONFeed,
	} {
		t.Run(path, func(t *testing.T) {
			body := fetch(t, srv, path+query)
			items, self, next := check(t, body)
			want := n
			if strings.HasPrefix(path, "/feeds/") {
				want = feedItems
			}
			if items != want {
				t.Errorf("%d items, want %d", items, want)
			}
			if !strings.HasPrefix(self, srv.URL+path+"?") || strings.Contains(body, "secret") {
				t.Errorf("self is %s, or the token is in it", self)
			}
			if (next != "") != (want < n) {
				t.Errorf("next is %q", next)
			}
			for read := items; next != ""; { // the pages behind it
				if items, _, next = check(t, fetch(t, srv, strings.TrimPrefix(next, srv.URL))); items == 0 {
					t.Fatal("an empty page")
				}
				if read += items; next == "" && read != n {
					t.Errorf("%d items on all pages, want %d", read, n)
				}
			}
		})
	}
}

// checkXML sees that a document is XML without what XML can't have.
func checkXML(t *testing.T, body string, into any) {
	t.Helper()
	if !utf8.ValidString(body) {
		t.Error("not UTF-8")
	}
	for _, r := range body {
		if r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == '\ufffe' || r == '\uffff' {
			t.Errorf("the character %U is in it", r)
		}
	}
	d := xml.NewDecoder(strings.NewReader(body))
	if err := d.Decode(into); err != nil {
		t.Fatalf("%v in %.500q", err, body)
	}
	if _, err := d.Token(); err != io.EOF {
		t.Errorf("after the end: %v", err)
	}
}

func checkURL(t *testing.T, s string) {
	t.Helper()
	if u, err := url.Parse(s); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || strings.ContainsAny(s, " \t\r\n") {
		t.Errorf("%q is no address: %v", s, err)
	}
}

func checkTime(t *testing.T, layout, s string) {
	t.Helper()
	if at, err := time.Parse(layout, s); err != nil || at.Year() < 1 || at.Year() > 9999 {
		t.Errorf("%q is no time: %v", s, err)
	}
}

type ids map[string]bool

func (ids ids) check(t *testing.T, id string) {
	t.Helper()
	if id == "" || ids[id] {
		t.Errorf("id %q is empty or there twice", id)
	}
	ids[id] = true
}

type link struct {
	Rel  string `xml:"rel,attr"`
	Href string `xml:"href,attr"`
}

func named(links []link, rel string) (href string) {
	for _, l := range links {
		if l.Rel == rel {
			href = l.Href
		}
	}
	return href
}

func checkRSS(t *testing.T, body string) (items int, self, next string) {
	var f struct {
		XMLName xml.Name `xml:"rss"`
		Version string   `xml:"version,attr"`
		Channel struct {
			Title       string `xml:"title"`
			Description string `xml:"description"`
			Built       string `xml:"lastBuildDate"`
			Links       []struct {
				XMLName xml.Name
				link
				Text string `xml:",chardata"`
			} `xml:"link"`
			Items []struct {
				Title       string  `xml:"title"`
				Link        string  `xml:"link"`
				Description *string `xml:"description"`
				Author      *string `xml:"author"`
				GUID        struct {
					IsPermaLink string `xml:"isPermaLink,attr"`
					ID          string `xml:",chardata"`
				} `xml:"guid"`
				PubDate *string `xml:"pubDate"`
			} `xml:"item"`
		} `xml:"channel"`
	}
	checkXML(t, body, &f)
	if f.Version != "2.0" || f.Channel.Title == "" || f.Channel.Description == "" {
		t.Errorf("RSS %s, title %q, description %q", f.Version, f.Channel.Title, f.Channel.Description)
	}
	checkTime(t, time.RFC1123Z, f.Channel.Built)
	var links []link
	for _, l := range f.Channel.Links {
		if l.XMLName.Space == "" {
			checkURL(t, l.Text)
			continue
		}
		checkURL(t, l.Href)
		links = append(links, l.link)
	}
	if len(links) == len(f.Channel.Links) {
		t.Error("the channel has no link")
	}
	seen := make(ids)
	for _, it := range f.Channel.Items {
		seen.check(t, it.GUID.ID)
		if it.GUID.IsPermaLink != "false" { // it is no address
			t.Errorf("isPermaLink is %q", it.GUID.IsPermaLink)
		}
		checkURL(t, it.Link)
		if it.Title == "" || it.Description == nil || it.Author != nil { // of mail, which we don't have
			t.Errorf("%s: title %q, author %v", it.GUID.ID, it.Title, it.Author)
		}
		if it.PubDate != nil {
			checkTime(t, time.RFC1123Z, *it.PubDate) // RFC 822 with years of four digits
		}
	}
	return len(f.Channel.Items), named(links, "self"), named(links, "next")
}

func checkAtom(t *testing.T, body string) (items int, self, next string) {
	type author struct {
		Name string `xml:"name"`
	}
	var f struct {
		XMLName xml.Name `xml:"http://www.w3.org/2005/Atom feed"`
		ID      string   `xml:"id"`
		Title   string   `xml:"title"`
		Updated string   `xml:"updated"`
		Author  []author `xml:"author"`
		Links   []link   `xml:"link"`
		Entries []struct {
			ID        string   `xml:"id"`
			Title     *string  `xml:"title"`
			Updated   string   `xml:"updated"`
			Published *string  `xml:"published"`
			Author    []author `xml:"author"`
			Links     []link   `xml:"link"`
			Summary   []struct {
				Type string `xml:"type,attr"`
			} `xml:"summary"`
		} `xml:"entry"`
	}
	checkXML(t, body, &f)
	seen := make(ids)
	seen.check(t, f.ID)
	checkURL(t, f.ID)
	checkTime(t, time.RFC3339, f.Updated)
	if f.Title == "" || len(f.Author) != 1 || f.Author[0].Name == "" {
		t.Errorf("title %q, authors %v", f.Title, f.Author)
	}
	for _, l := range f.Links {
		checkURL(t, l.Href)
	}
	for _, e := range f.Entries {
		seen.check(t, e.ID)
		if u, err := url.Parse(e.ID); err != nil || u.Scheme != "urn" {
			t.Errorf("id %q is no IRI", e.ID)
		}
		checkTime(t, time.RFC3339, e.Updated)
		if e.Published != nil {
			checkTime(t, time.RFC3339, *e.Published)
		}
		checkURL(t, named(e.Links, "alternate"))
		if len(e.Links) != 1 || e.Title == nil || len(e.Summary) != 1 || e.Summary[0].Type != "html" {
			t.Errorf("%s: links %v, summary %v", e.ID, e.Links, e.Summary)
		}
		for _, a := range e.Author {
			if a.Name == "" {
				t.Errorf("%s: an author without a name", e.ID)
			}
		}
	}
	return len(f.Entries), named(f.Links, "self"), named(f.Links, "next")
}

func checkJSONFeed(t *testing.T, body string) (items int, self, next string) {
	var f struct {
		Version, Title string
		Home           string `json:"home_page_url"`
		Self           string `json:"feed_url"`
		Next           string `json:"next_url"`
		Items          []struct {
			ID, URL   string
			Content   *string `json:"content_html"`
			Published *string `json:"date_published"`
			Modified  *string `json:"date_modified"`
			Authors   []struct{ Name string }
		}
	}
	if err := json.Unmarshal([]byte(body), &f); err != nil || !utf8.ValidString(body) {
		t.Fatalf("%v in %.500q", err, body)
	}
	if f.Version != "https://jsonfeed.org/version/1.1" || f.Title == "" || f.Items == nil {
		t.Errorf("version %s, title %q, items %v", f.Version, f.Title, f.Items != nil)
	}
	checkURL(t, f.Home)
	checkURL(t, f.Self)
	seen := make(ids)
	for _, it := range f.Items {
		seen.check(t, it.ID)
		checkURL(t, it.URL)
		if it.Content == nil {
			t.Errorf("%s has no content", it.ID)
		}
		for _, at := range []*string{it.Published, it.Modified} {
			if at != nil {
				checkTime(t, time.RFC3339, *at)
			}
		}
		for _, a := range it.Authors {
			if a.Name == "" {
				t.Errorf("%s: an author without a name", it.ID)
			}
		}
	}
	return len(f.Items), f.Self, f.Next
}
