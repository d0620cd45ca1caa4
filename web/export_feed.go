package web

import (
	"cmp"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/newswatch/newswatch/pipeline"
)

// Feeds are written item by item, so that one of a million holds no more in
// memory than one of fifty. What says where to go on with one that broke off is
// an element of a namespace of ours, which readers pass over.
const cursorNamespace = "urn:newswatch"

// A feedEntry is a hit as feeds have it.
type feedEntry struct {
	id, title, link, author string
	snippet                 string // HTML
	published, updated      time.Time
}

func (o *outgoing) entry(h pipeline.Hit) feedEntry {
	e := feedEntry{
		id: "urn:newswatch:" + h.ID, title: cmp.Or(strings.TrimSpace(h.Title), "(no title)"),
		link: o.base + articleURL(h.ID), author: o.source(h.Source), snippet: string(safeSnippet(h.Snippet)),
		published: h.Published.UTC(), updated: h.FirstSeen.UTC(),
	}
	if link := outside(h.URL); link != "" {
		e.link = escapedURL(link)
	}
	if e.updated.IsZero() {
		e.updated = e.published
	}
	return e
}

// escapedURL is an address with what none may have (RFC 3987), such as spaces,
// escaped.
func escapedURL(s string) string {
	var b strings.Builder
	for _, r := range s {
		if r <= ' ' || r == 0x7f || strings.ContainsRune("\"<>\\^`{|}", r) {
			fmt.Fprintf(&b, "%%%02X", r)
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

func (o *outgoing) heading() string { return o.title + ": " + cmp.Or(o.query, "newest articles") }

func (o *outgoing) about() string { return "Articles found by: " + cmp.Or(o.query, "*") }

// feedTime is a time as a feed has it; empty: none that a reader would take.
func feedTime(t time.Time, layout string) string {
	if t.IsZero() || t.Year() < 1 || t.Year() > 9999 {
		return ""
	}
	return t.Format(layout)
}

// xmlRows is the elements of an XML document one after the other, inside of
// those in around.
type xmlRows struct {
	*xml.Encoder
	out    io.Writer
	about  *outgoing
	around []xml.StartElement
}

func newXMLRows(w io.Writer, o *outgoing, around ...xml.StartElement) xmlRows {
	return xmlRows{xml.NewEncoder(w), w, o, around}
}

// element begins an element with attributes, names and values in turn.
func element(name string, attrs ...string) xml.StartElement {
	e := xml.StartElement{Name: xml.Name{Local: name}}
	for i := 0; i < len(attrs); i += 2 {
		e.Attr = append(e.Attr, xml.Attr{Name: xml.Name{Local: attrs[i]}, Value: attrs[i+1]})
	}
	return e
}

func (x xmlRows) open() error {
	if _, err := io.WriteString(x.out, xml.Header); err != nil {
		return err
	}
	for _, e := range x.around {
		if err := x.EncodeToken(e); err != nil {
			return err
		}
	}
	return nil
}

// text writes an element with a text, if it has one.
func (x xmlRows) text(e xml.StartElement, text string) error {
	if text == "" && len(e.Attr) == 0 {
		return nil
	}
	return x.EncodeElement(text, e)
}

func (x xmlRows) foot() error {
	for i := len(x.around) - 1; i >= 0; i-- {
		if err := x.EncodeToken(x.around[i].End()); err != nil {
			return err
		}
	}
	return nil
}

func (x xmlRows) flush() error { return x.Flush() }

// atomRows is a feed of RFC 4287, in pages of RFC 5005.
type atomRows struct{ xmlRows }

func newAtomRows(w io.Writer, o *outgoing) rows {
	return atomRows{newXMLRows(w, o, element("feed", "xmlns", "http://www.w3.org/2005/Atom", "xmlns:newswatch", cursorNamespace))}
}

func (a atomRows) head() error {
	o := a.about
	if err := a.open(); err != nil {
		return err
	}
	for _, p := range []struct {
		e    xml.StartElement
		text string
	}{
		{element("id"), o.page},
		{element("title"), o.heading()},
		{element("subtitle"), o.about()},
		{element("updated"), o.updated.Format(time.RFC3339)},
		{element("link", "rel", "alternate", "type", "text/html", "href", o.page), ""},
		{element("link", "rel", "self", "type", "application/atom+xml", "href", o.self), ""},
	} {
		if err := a.text(p.e, p.text); err != nil {
			return err
		}
	}
	if o.next != "" {
		if err := a.text(element("link", "rel", "next", "type", "application/atom+xml", "href", o.next), ""); err != nil {
			return err
		}
	}
	return a.Encode(atomAuthor{Name: o.title})
}

type atomAuthor struct {
	XMLName xml.Name `xml:"author"`
	Name    string   `xml:"name"`
}

type atomEntry struct {
	XMLName   xml.Name    `xml:"entry"`
	ID        string      `xml:"id"`
	Title     string      `xml:"title"`
	Updated   string      `xml:"updated"`
	Published string      `xml:"published,omitempty"`
	Link      atomLink    `xml:"link"`
	Author    *atomAuthor `xml:",omitempty"`
	Summary   atomText    `xml:"summary"`
	Cursor    string      `xml:"newswatch:cursor,omitempty"`
}

type atomLink struct {
	Rel  string `xml:"rel,attr"`
	Href string `xml:"href,attr"`
}

type atomText struct {
	Type string `xml:"type,attr"`
	Text string `xml:",chardata"`
}

func (a atomRows) row(h pipeline.Hit, cursor string) error {
	e := a.about.entry(h)
	out := atomEntry{
		ID: e.id, Title: e.title, Published: feedTime(e.published, time.RFC3339),
		Updated: cmp.Or(feedTime(e.updated, time.RFC3339), a.about.updated.Format(time.RFC3339)),
		Link:    atomLink{"alternate", e.link}, Summary: atomText{"html", e.snippet}, Cursor: cursor,
	}
	if e.author != "" {
		out.Author = &atomAuthor{Name: e.author}
	}
	return a.Encode(out)
}

// rssRows is a feed of RSS 2.0.
type rssRows struct{ xmlRows }

func newRSSRows(w io.Writer, o *outgoing) rows {
	return rssRows{newXMLRows(w, o,
		element("rss", "version", "2.0", "xmlns:atom", "http://www.w3.org/2005/Atom", "xmlns:dc", "http://purl.org/dc/elements/1.1/", "xmlns:newswatch", cursorNamespace),
		element("channel"))}
}

func (r rssRows) head() error {
	o := r.about
	if err := r.open(); err != nil {
		return err
	}
	for _, p := range []struct {
		e    xml.StartElement
		text string
	}{
		{element("title"), o.heading()},
		{element("link"), o.page},
		{element("description"), o.about()},
		{element("lastBuildDate"), feedTime(o.updated, time.RFC1123Z)},
		{element("atom:link", "rel", "self", "type", "application/rss+xml", "href", o.self), ""},
	} {
		if err := r.text(p.e, p.text); err != nil {
			return err
		}
	}
	if o.next == "" {
		return nil
	}
	return r.text(element("atom:link", "rel", "next", "type", "application/rss+xml", "href", o.next), "")
}

type rssItem struct {
	XMLName     xml.Name `xml:"item"`
	Title       string   `xml:"title"`
	Link        string   `xml:"link"`
	Description string   `xml:"description"`
	Creator     string   `xml:"dc:creator,omitempty"` // <author> is an address of mail
	GUID        rssGUID  `xml:"guid"`
	PubDate     string   `xml:"pubDate,omitempty"`
	Cursor      string   `xml:"newswatch:cursor,omitempty"`
}

type rssGUID struct {
	IsPermaLink bool   `xml:"isPermaLink,attr"`
	ID          string `xml:",chardata"`
}

func (r rssRows) row(h pipeline.Hit, cursor string) error {
	e := r.about.entry(h)
	return r.Encode(rssItem{
		Title: e.title, Link: e.link, Description: e.snippet, Creator: e.author,
		GUID: rssGUID{ID: e.id}, PubDate: feedTime(e.published, time.RFC1123Z), Cursor: cursor,
	})
}

// jsonFeedRows is a feed of JSON Feed 1.1, an item a line.
type jsonFeedRows struct {
	out   io.Writer
	enc   *json.Encoder
	about *outgoing
	begun bool // an item was written
}

func newJSONFeedRows(w io.Writer, o *outgoing) rows {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return &jsonFeedRows{out: w, enc: enc, about: o}
}

func (j *jsonFeedRows) head() error {
	o := j.about
	head, err := json.Marshal(struct {
		Version     string `json:"version"`
		Title       string `json:"title"`
		HomePage    string `json:"home_page_url"`
		FeedURL     string `json:"feed_url"`
		Description string `json:"description"`
		NextURL     string `json:"next_url,omitempty"`
	}{"https://jsonfeed.org/version/1.1", o.heading(), o.page, o.self, o.about(), o.next})
	if err != nil {
		return err
	}
	_, err = io.WriteString(j.out, strings.TrimSuffix(string(head), "}")+`,"items":[`+"\n")
	return err
}

type jsonFeedItem struct {
	ID        string           `json:"id"`
	URL       string           `json:"url"`
	Title     string           `json:"title"`
	Content   string           `json:"content_html"`
	Published string           `json:"date_published,omitempty"`
	Modified  string           `json:"date_modified,omitempty"`
	Authors   []jsonFeedAuthor `json:"authors,omitempty"`
	Lang      string           `json:"language,omitempty"`
	Newswatch *jsonFeedCursor  `json:"_newswatch,omitempty"`
}

type jsonFeedAuthor struct {
	Name string `json:"name"`
}

type jsonFeedCursor struct {
	Cursor string `json:"cursor"`
}

func (j *jsonFeedRows) row(h pipeline.Hit, cursor string) error {
	if j.begun {
		if _, err := io.WriteString(j.out, ","); err != nil {
			return err
		}
	}
	j.begun = true
	e := j.about.entry(h)
	item := jsonFeedItem{
		ID: e.id, URL: e.link, Title: e.title, Content: e.snippet, Lang: h.Lang,
		Published: feedTime(e.published, time.RFC3339), Modified: feedTime(e.updated, time.RFC3339),
	}
	if e.author != "" {
		item.Authors = []jsonFeedAuthor{{e.author}}
	}
	if cursor != "" {
		item.Newswatch = &jsonFeedCursor{cursor}
	}
	return j.enc.Encode(item)
}

func (j *jsonFeedRows) foot() error {
	_, err := io.WriteString(j.out, "]}\n")
	return err
}

func (*jsonFeedRows) flush() error { return nil }
