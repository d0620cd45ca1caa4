package extractors

import (
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/newswatch/newswatch/extractors/readable"
	"github.com/newswatch/newswatch/pipeline/catalog"
)

// An Explained is what was read of one page and how that was come to, for who
// writes rules for a source.
type Explained struct {
	Charset    string          `json:"charset,omitempty"`
	Source     string          `json:"source,omitempty"` // whose rules were used
	Title      string          `json:"title"`
	Author     string          `json:"author,omitempty"`
	Published  time.Time       `json:"published,omitzero"`
	Modified   time.Time       `json:"modified,omitzero"`
	Lang       string          `json:"lang,omitempty"`
	Site       string          `json:"site,omitempty"`
	Section    string          `json:"section,omitempty"`
	Canonical  string          `json:"canonical,omitempty"`
	AMP        string          `json:"amp,omitempty"`
	Image      string          `json:"image,omitempty"`
	Paywall    bool            `json:"paywall"`
	Method     string          `json:"method"`
	Confidence float64         `json:"confidence"`
	Weight     int             `json:"weight"` // of the text, see readable.Weight
	Notes      []string        `json:"notes,omitempty"`
	Text       string          `json:"text"`
	Trace      *readable.Trace `json:"trace,omitempty"`
}

// Explain reads a page that was served from the address, by the rules of the
// source that the address belongs to, if one of them does and has any.
func Explain(body []byte, address, contentType string, sources []catalog.Source, now time.Time) (Explained, error) {
	opt := readable.Options{URL: address, ContentType: contentType, Now: now}
	src := ruledSource(sources, address)
	if src != nil {
		opt.Rules = rulesOf(src.Extract)
	}
	p, trace, err := readable.Explain(body, opt)
	if err != nil {
		return Explained{}, err
	}
	out := Explained{
		Charset: p.Charset, Title: p.Title, Author: p.Author, Published: p.Published, Modified: p.Modified,
		Lang: Language(p.Title, p.Text, p.Lang), Site: p.Site, Section: p.Section, Canonical: p.Canonical, AMP: p.AMP, Image: p.Image,
		Paywall: p.Paywall, Method: p.Method, Confidence: p.Confidence, Weight: readable.Weight(p.Text), Notes: p.Notes, Text: p.Text, Trace: &trace,
	}
	if src != nil {
		out.Source = src.ID
	}
	return out, nil
}

// ruledSource is the source with rules whose home page, or one of whose feeds,
// is on the host of the address; nil: there is none.
func ruledSource(sources []catalog.Source, address string) *catalog.Source {
	host := siteHost(address)
	for i := range sources {
		s := &sources[i]
		if host != "" && s.Extract != nil &&
			(siteHost(s.Home) == host || slices.ContainsFunc(s.Feeds, func(f catalog.Feed) bool { return siteHost(f.URL) == host })) {
			return s
		}
	}
	return nil
}

// siteHost is the host of an address, without www and port.
func siteHost(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return strings.TrimPrefix(strings.ToLower(u.Hostname()), "www.")
}
