package pipeline

import (
	"crypto/sha256"
	"encoding/hex"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// ItemPartitions is the number of partitions of the items stream. All items of
// one host are in one partition, so whoever holds its lease is the only one
// that fetches that host's pages.
const ItemPartitions = 8

// DateSource says where an article's publication time came from.
type DateSource string

// The places a publication time can come from, best first.
const (
	DateFromFeed      DateSource = "feed"
	DateFromPage      DateSource = "page"
	DateFromFirstSeen DateSource = "first_seen"
)

// An Item is one entry as a feed lists it, or as [newswatch load] gives it.
//
// Title and Summary are plain text; HTML is what the feed carried as the whole
// content, untrusted. Key and Content are its identity: see [Item.Identify].
type Item struct {
	Key     string `json:"key"`     // 16 hex digits: one key, one article
	Content string `json:"content"` // 8 hex digits: one content, one version of the item

	URL     string   `json:"url"`               // canonical link: http or https, or empty
	Link    string   `json:"link,omitempty"`    // the link as the feed gave it, resolved, where it differs from URL
	GUID    string   `json:"guid,omitempty"`    // the feed's own identifier
	Title   string   `json:"title"`             // plain text
	Summary string   `json:"summary,omitempty"` // plain text
	HTML    string   `json:"html,omitempty"`    // the content the feed carried, not sanitised
	Text    string   `json:"text,omitempty"`    // whole plain text, where the item came with it
	Author  string   `json:"author,omitempty"`
	Image   string   `json:"image,omitempty"` // http(s) address of a picture
	Tags    []string `json:"tags,omitempty"`  // categories the feed gave

	Lang          string     `json:"lang,omitempty"`    // BCP 47 primary language, as declared; empty: unknown
	Country       string     `json:"country,omitempty"` // ISO 3166-1 alpha-2 of the source
	Published     time.Time  `json:"published,omitzero"`
	PublishedFrom DateSource `json:"published_from,omitempty"`
	FirstSeen     time.Time  `json:"first_seen"`

	Source string `json:"source"`         // source id in the catalog
	Feed   string `json:"feed,omitempty"` // address of the feed that listed it; empty: loaded

	Whole   bool `json:"whole,omitempty"`   // the item is the whole article: no page is fetched
	Quiet   bool `json:"quiet,omitempty"`   // raises no alert (backfill)
	Private bool `json:"private,omitempty"` // its source may be on a private network
	GapMS   int  `json:"gap_ms,omitempty"`  // least milliseconds between two starts on its host; 0: the default
	AtOnce  int  `json:"at_once,omitempty"` // most requests at once to its host; 0: the default
}

// Identify sets URL to its canonical form and fills Key and Content.
//
// The key is of the canonical URL; an item without a usable link has the key
// of its feed and guid, or, without a guid, of its feed, title and summary.
func (it *Item) Identify() {
	if u, ok := CanonicalURL(it.URL); ok {
		if it.Link == "" && u != it.URL {
			it.Link = it.URL
		}
		it.URL = u
		it.Key = Key(u)
	} else {
		it.URL = ""
		id := it.GUID
		if id == "" {
			id = it.Title + "\n" + it.Summary
		}
		it.Key = Key(it.Feed + "\n" + id)
	}
	it.Content = it.Digest()
}

// Digest is the digest of what the item says: title, summary and content,
// without the markup. Addresses of pictures are signed anew by some publishers
// each time their feed is served; that is no edit.
func (it *Item) Digest() string {
	return Digest8(it.Title, it.Summary, withoutTags(it.HTML), it.Text)
}

// withoutTags drops what stands between < and > where a tag can begin.
func withoutTags(html string) string {
	var b strings.Builder
	for {
		i := strings.IndexByte(html, '<')
		if i < 0 || i+1 == len(html) {
			b.WriteString(html)
			return b.String()
		}
		b.WriteString(html[:i])
		html = html[i:]
		if c := html[1] | 0x20; (c < 'a' || c > 'z') && html[1] != '/' && html[1] != '!' { // c: lower case
			b.WriteByte('<')
			html = html[1:]
			continue
		}
		end := strings.IndexByte(html, '>')
		if end < 0 {
			b.WriteString(html)
			return b.String()
		}
		html = html[end+1:]
	}
}

// Partition is the items partition of the item's host.
func (it *Item) Partition() int {
	host := it.Source
	if u, err := url.Parse(it.URL); err == nil && u.Hostname() != "" {
		host = u.Hostname()
	}
	sum := sha256.Sum256([]byte(host))
	return int(sum[0]) % ItemPartitions
}

// Key is the identity of a canonical URL: the first 16 hex digits of its SHA-256.
func Key(canonical string) string {
	sum := sha256.Sum256([]byte(canonical))
	return hex.EncodeToString(sum[:8])
}

// Digest8 is 8 hex digits over the parts, each set apart from the next.
func Digest8(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		h.Write([]byte(strconv.Itoa(len(p))))
		h.Write([]byte{0})
		h.Write([]byte(p))
	}
	return hex.EncodeToString(h.Sum(nil)[:4])
}
