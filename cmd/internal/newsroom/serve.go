package newsroom

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"html/template"
	"net/http"
	"strings"
	"time"

	"github.com/newswatch/newswatch/pipeline/catalog"
)

// A Newsroom serves the outlets.
type Newsroom struct {
	outlets map[string]Outlet // by host name
	order   []Outlet
	start   time.Time
	now     func() time.Time
}

// New returns a newsroom whose day begins at start.
func New(start time.Time, now func() time.Time) (*Newsroom, error) {
	outlets, err := Load()
	if err != nil {
		return nil, err
	}
	n := &Newsroom{outlets: make(map[string]Outlet), order: outlets, start: start, now: now}
	for _, o := range outlets {
		n.outlets[o.host()] = o
	}
	return n, nil
}

// host is the outlet's host name: names under localhost mean loopback (RFC
// 6761 §6.3), in browsers too, so that the links can be followed.
func (o Outlet) host() string { return o.ID + ".localhost" }

// Catalog is what watches the newsroom on the port: its outlets as the sources,
// with the entities, watches and channels of the starter catalog.
func (n *Newsroom) Catalog(port int) *catalog.Catalog {
	starter := catalog.Starter()
	c := &catalog.Catalog{Entities: starter.Entities, Watches: starter.Watches, Channels: starter.Channels}
	for _, o := range n.order {
		home := fmt.Sprintf("http://%s:%d", o.host(), port)
		c.Sources = append(c.Sources, catalog.Source{
			ID: o.ID, Name: o.Name, Home: home + "/", Country: o.Country, Lang: o.Lang, Tags: o.Tags,
			Feeds:        []catalog.Feed{{URL: home + "/feed", Every: catalog.Duration(2 * time.Second)}},
			Gap:          catalog.Duration(20 * time.Millisecond),
			AtOnce:       4,
			AllowPrivate: true,
		})
	}
	return c
}

// ServeHTTP serves each outlet's front page, feed and articles.
func (n *Newsroom) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	host, _, _ := strings.Cut(r.Host, ":")
	o, ok := n.outlets[host]
	if !ok {
		http.NotFound(w, r)
		return
	}
	since := n.now().Sub(n.start)
	base := "http://" + r.Host
	switch {
	case r.URL.Path == "/feed":
		n.feed(w, r, o, base, since)
	case r.URL.Path == "/":
		n.front(w, o, base, since)
	default:
		n.page(w, r, o, base, since)
	}
}

func (n *Newsroom) feed(w http.ResponseWriter, r *http.Request, o Outlet, base string, since time.Duration) {
	var body []byte
	var err error
	contentType := "application/rss+xml; charset=utf-8"
	switch o.Format {
	case "atom":
		contentType = "application/atom+xml; charset=utf-8"
		body, err = n.atom(o, base, since)
	case "json":
		contentType = "application/feed+json"
		body, err = n.jsonFeed(o, base, since)
	default:
		body, err = n.rss(o, base, since)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	sum := sha256.Sum256(body)
	etag := `"` + hex.EncodeToString(sum[:8]) + `"`
	w.Header().Set("ETag", etag)
	if r.Header.Get("If-None-Match") == etag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	w.Header().Set("Content-Type", contentType)
	_, _ = w.Write(body)
}

// lead is the first paragraph.
func lead(text string) string {
	first, _, _ := strings.Cut(strings.TrimSpace(text), "\n\n")
	return strings.Join(strings.Fields(first), " ")
}

func paragraphs(text string) []string {
	var ps []string
	for p := range strings.SplitSeq(strings.TrimSpace(text), "\n\n") {
		ps = append(ps, strings.Join(strings.Fields(p), " "))
	}
	return ps
}

func htmlText(text string) string {
	var b strings.Builder
	for _, p := range paragraphs(text) {
		b.WriteString("<p>" + template.HTMLEscapeString(p) + "</p>\n")
	}
	return b.String()
}

type rssItem struct {
	Title   string `xml:"title"`
	Link    string `xml:"link"`
	GUID    string `xml:"guid"`
	Author  string `xml:"http://purl.org/dc/elements/1.1/ creator,omitempty"`
	Date    string `xml:"pubDate"`
	Summary string `xml:"description"`
	Whole   string `xml:"http://purl.org/rss/1.0/modules/content/ encoded,omitempty"`
}

func (n *Newsroom) rss(o Outlet, base string, since time.Duration) ([]byte, error) {
	type channel struct {
		Title string    `xml:"title"`
		Link  string    `xml:"link"`
		About string    `xml:"description"`
		Lang  string    `xml:"language"`
		Items []rssItem `xml:"item"`
	}
	c := channel{Title: o.Name, Link: base + "/", About: o.About, Lang: o.Lang}
	for _, a := range o.out(n.start, since) {
		title, text, _, _ := a.version(since)
		it := rssItem{
			Title: title, Link: base + "/" + a.Slug, GUID: base + "/" + a.Slug, Author: a.Author,
			Date: a.published(n.start).Format(time.RFC1123Z), Summary: lead(text),
		}
		if o.Format == "rss-full" {
			it.Whole = htmlText(text)
		}
		c.Items = append(c.Items, it)
	}
	return marshalXML(struct {
		XMLName xml.Name `xml:"rss"`
		Version string   `xml:"version,attr"`
		Channel channel  `xml:"channel"`
	}{Version: "2.0", Channel: c})
}

func (n *Newsroom) atom(o Outlet, base string, since time.Duration) ([]byte, error) {
	type link struct {
		Href string `xml:"href,attr"`
	}
	type author struct {
		Name string `xml:"name"`
	}
	type entry struct {
		Title     string  `xml:"title"`
		ID        string  `xml:"id"`
		Link      link    `xml:"link"`
		Author    *author `xml:"author,omitempty"`
		Published string  `xml:"published"`
		Updated   string  `xml:"updated"`
		Summary   string  `xml:"summary"`
	}
	var entries []entry
	for _, a := range o.out(n.start, since) {
		title, text, updated, _ := a.version(since)
		e := entry{
			Title: title, ID: base + "/" + a.Slug, Link: link{base + "/" + a.Slug}, Summary: lead(text),
			Published: a.published(n.start).Format(time.RFC3339), Updated: a.published(n.start).Format(time.RFC3339),
		}
		if updated {
			e.Updated = n.start.Add(time.Duration(a.Update.At)).Format(time.RFC3339)
		}
		if a.Author != "" {
			e.Author = &author{a.Author}
		}
		entries = append(entries, e)
	}
	return marshalXML(struct {
		XMLName xml.Name `xml:"http://www.w3.org/2005/Atom feed"`
		Title   string   `xml:"title"`
		ID      string   `xml:"id"`
		Link    link     `xml:"link"`
		Updated string   `xml:"updated"`
		Entries []entry  `xml:"entry"`
	}{Title: o.Name, ID: base + "/", Link: link{base + "/"}, Updated: n.start.Format(time.RFC3339), Entries: entries})
}

func marshalXML(v any) ([]byte, error) {
	body, err := xml.MarshalIndent(v, "", " ")
	return append([]byte(xml.Header), body...), err
}

func (n *Newsroom) jsonFeed(o Outlet, base string, since time.Duration) ([]byte, error) {
	type author struct {
		Name string `json:"name"`
	}
	type item struct {
		ID        string   `json:"id"`
		URL       string   `json:"url"`
		Title     string   `json:"title"`
		Summary   string   `json:"summary"`
		Published string   `json:"date_published"`
		Authors   []author `json:"authors,omitempty"`
	}
	items := []item{}
	for _, a := range o.out(n.start, since) {
		title, text, _, _ := a.version(since)
		it := item{
			ID: a.Slug, URL: base + "/" + a.Slug, Title: title, Summary: lead(text),
			Published: a.published(n.start).Format(time.RFC3339),
		}
		if a.Author != "" {
			it.Authors = []author{{a.Author}}
		}
		items = append(items, it)
	}
	return json.Marshal(map[string]any{
		"version": "https://jsonfeed.org/version/1.1", "title": o.Name, "home_page_url": base + "/",
		"language": o.Lang, "items": items,
	})
}

// view is what the pages are made of.
type view struct {
	Outlet  Outlet
	Base    string
	Title   string
	Author  string
	Date    time.Time
	ISO     string
	Text    []string
	Updated bool
	Others  []view
	Slug    string
}

func (n *Newsroom) view(o Outlet, a Article, base string, since time.Duration) view {
	title, text, updated, _ := a.version(since)
	at := a.published(n.start)
	return view{
		Outlet: o, Base: base, Slug: a.Slug, Title: title, Author: a.Author, Date: at, ISO: at.Format(time.RFC3339),
		Text: paragraphs(text), Updated: updated,
	}
}

func (n *Newsroom) front(w http.ResponseWriter, o Outlet, base string, since time.Duration) {
	v := view{Outlet: o, Base: base}
	for _, a := range o.out(n.start, since) {
		v.Others = append(v.Others, n.view(o, a, base, since))
	}
	render(w, frontPage, v)
}

func (n *Newsroom) page(w http.ResponseWriter, r *http.Request, o Outlet, base string, since time.Duration) {
	slug := strings.TrimPrefix(r.URL.Path, "/")
	var found *view
	var others []view
	for _, a := range o.out(n.start, since) {
		v := n.view(o, a, base, since)
		if a.Slug == slug {
			found = &v
		} else if len(others) < 5 {
			others = append(others, v)
		}
	}
	if found == nil {
		http.NotFound(w, r)
		return
	}
	found.Others = others
	render(w, articlePage, *found)
}

func render(w http.ResponseWriter, t *template.Template, v view) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_ = t.Execute(w, v) // the reader has gone away: nobody to tell
}

var frontPage = template.Must(template.New("front").Parse(`<!doctype html>
<html lang="{{.Outlet.Lang}}"><head><meta charset="utf-8"><title>{{.Outlet.Name}}</title>
<link rel="alternate" type="application/rss+xml" href="/feed" title="{{.Outlet.Name}}"></head>
<body><header><h1>{{.Outlet.Name}}</h1><p>{{.Outlet.About}}</p></header>
<main>{{range .Others}}<article><h2><a href="/{{.Slug}}">{{.Title}}</a></h2><p>{{index .Text 0}}</p></article>
{{end}}</main></body></html>
`))

var articlePage = template.Must(template.New("article").Parse(`<!doctype html>
<html lang="{{.Outlet.Lang}}"><head><meta charset="utf-8"><title>{{.Title}} | {{.Outlet.Name}}</title>
<meta property="og:title" content="{{.Title}}"><meta property="og:type" content="article">
<meta property="article:published_time" content="{{.ISO}}">
{{with .Author}}<meta name="author" content="{{.}}">{{end}}
<link rel="canonical" href="{{.Base}}/{{.Slug}}"></head>
<body><header><nav><a href="/">{{.Outlet.Name}}</a> <a href="/feed">RSS</a></nav></header>
<main><article><h1>{{.Title}}</h1>
<p class="byline">{{with .Author}}<span class="author">{{.}}</span>, {{end}}<time datetime="{{.ISO}}">{{.Date.Format "2006-01-02 15:04"}}</time></p>
<div class="article-body">
{{range .Text}}<p>{{.}}</p>
{{end}}</div></article>
<aside class="related">{{range .Others}}<a href="/{{.Slug}}">{{.Title}}</a> {{end}}</aside></main>
<footer>{{.Outlet.Name}} is made up, and so is what it prints.</footer></body></html>
`))
