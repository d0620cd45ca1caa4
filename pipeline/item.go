package pipeline

import (
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"iter"
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

	Whole bool `json:"whole,omitempty"` // the item is the whole article: no page is fetched
	Quiet bool `json:"quiet,omitempty"` // raises no alert (backfill)

	HTTP1     bool   `json:"http1,omitempty"`      // its page is asked for without HTTP/2
	UserAgent string `json:"user_agent,omitempty"` // its page is asked for under; empty: newswatch's own
	Proxy     string `json:"proxy,omitempty"`      // its page is asked for through; empty: the usual way

	// QuietBefore is, of an item without a date, from when on its page must have
	// been published for it to raise alerts; zero: that does not matter.
	QuietBefore time.Time `json:"quiet_before,omitzero"`

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
	d := digester{h: sha256.New()}
	d.part(it.Title)
	d.part(it.Summary)
	n := 0
	for s := range withoutTags(it.HTML) {
		n += len(s)
	}
	d.length(n)
	for s := range withoutTags(it.HTML) {
		d.write(s)
	}
	d.part(it.Text)
	return d.sum()
}

// withoutTags is the pieces of a text outside of what stands between < and >
// where a tag can begin.
func withoutTags(html string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for i := 0; ; {
			j := strings.IndexByte(html[i:], '<')
			if j < 0 || i+j+1 == len(html) {
				yield(html)
				return
			}
			i += j
			if c := html[i+1] | 0x20; (c < 'a' || c > 'z') && html[i+1] != '/' && html[i+1] != '!' { // c: lower case
				i++
				continue
			}
			end := strings.IndexByte(html[i:], '>')
			if end < 0 {
				yield(html)
				return
			}
			if !yield(html[:i]) {
				return
			}
			html, i = html[i+end+1:], 0
		}
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
	d := digester{h: sha256.New()}
	for _, p := range parts {
		d.part(p)
	}
	return d.sum()
}

// A digester feeds strings to a hash through one buffer: a copy of each whole
// text would be a fifth of what parsing a feed allocates.
type digester struct {
	h   hash.Hash
	buf [512]byte
}

func (d *digester) length(n int) {
	d.h.Write(append(strconv.AppendInt(d.buf[:0], int64(n), 10), 0))
}

func (d *digester) write(s string) {
	for len(s) > 0 {
		n := copy(d.buf[:], s)
		d.h.Write(d.buf[:n])
		s = s[n:]
	}
}

func (d *digester) part(s string) {
	d.length(len(s))
	d.write(s)
}

func (d *digester) sum() string {
	return hex.EncodeToString(d.h.Sum(d.buf[:0])[:4])
}
