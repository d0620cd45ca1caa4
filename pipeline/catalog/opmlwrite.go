package catalog

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"strings"
)

// The OPML that is written. Readers know the attributes of OPML 2.0
// (http://opml.org/spec2.opml); those of our namespace let ParseOPML give the
// sources back.
type (
	opmlDoc struct {
		XMLName  xml.Name `xml:"opml"`
		Version  string   `xml:"version,attr"`
		Space    string   `xml:"xmlns:nw,attr"`
		Title    string   `xml:"head>title"`
		Outlines []any    `xml:"body>outline"`
	}
	opmlFolder struct {
		Text  string        `xml:"text,attr"`
		Title string        `xml:"title,attr"`
		Feeds []opmlOutline `xml:"outline"`
	}
	opmlOutline struct {
		Type     string `xml:"type,attr"`
		Text     string `xml:"text,attr"`
		Title    string `xml:"title,attr"`
		XMLURL   string `xml:"xmlUrl,attr"`
		HTMLURL  string `xml:"htmlUrl,attr,omitempty"`
		Language string `xml:"language,attr,omitempty"`
		Category string `xml:"category,attr,omitempty"`
		Source   string `xml:"nw:source,attr"`
		Country  string `xml:"nw:country,attr,omitempty"`
		Every    string `xml:"nw:every,attr,omitempty"`
		Gap      string `xml:"nw:gap,attr,omitempty"`
		AtOnce   int    `xml:"nw:at_once,attr,omitempty"`

		HTTP1     bool   `xml:"nw:http1,attr,omitempty"`
		UserAgent string `xml:"nw:user_agent,attr,omitempty"`
		Proxy     string `xml:"nw:proxy,attr,omitempty"`
		Pages     string `xml:"nw:pages,attr,omitempty"`
		Extract   string `xml:"nw:extract,attr,omitempty"` // as JSON
	}
)

// MarshalOPML writes every feed of the catalog, for other feed readers and for
// ParseOPML: in a folder of its source's first tag, with all of them as
// categories. Folders stand where the first of their feeds would. Sources without
// feeds are left out.
func MarshalOPML(c *Catalog, title string) ([]byte, error) {
	doc := opmlDoc{Version: "2.0", Space: opmlSpace, Title: title}
	folders := make(map[string]*opmlFolder)
	for _, s := range c.Sources {
		rules := ""
		if s.Extract != nil {
			data, err := json.Marshal(s.Extract)
			if err != nil {
				return nil, fmt.Errorf("marshal OPML: source %s: %w", s.ID, err)
			}
			rules = string(data)
		}
		for _, f := range s.Feeds {
			o := opmlOutline{
				Type: "rss", Text: s.Name, Title: s.Name, XMLURL: f.URL, HTMLURL: s.Home,
				Language: s.Lang, Category: strings.Join(s.Tags, ","),
				Source: s.ID, Country: s.Country, Every: nonzero(f.Every), Gap: nonzero(s.Gap), AtOnce: s.AtOnce,
				HTTP1: s.HTTP1, UserAgent: s.UserAgent, Proxy: s.Proxy, Pages: s.Pages, Extract: rules,
			}
			if len(s.Tags) == 0 {
				doc.Outlines = append(doc.Outlines, o)
				continue
			}
			tag := s.Tags[0]
			if folders[tag] == nil {
				folders[tag] = &opmlFolder{Text: tag, Title: tag}
				doc.Outlines = append(doc.Outlines, folders[tag])
			}
			folders[tag].Feeds = append(folders[tag].Feeds, o)
		}
	}
	var b bytes.Buffer
	b.WriteString(xml.Header)
	enc := xml.NewEncoder(&b)
	enc.Indent("", "  ")
	if err := enc.Encode(doc); err != nil {
		return nil, fmt.Errorf("marshal OPML: %w", err)
	}
	b.WriteByte('\n')
	return b.Bytes(), nil
}

func nonzero(d Duration) string {
	if d == 0 {
		return ""
	}
	return d.String()
}
