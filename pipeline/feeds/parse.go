// Package feeds is when to poll which feed, what changed in it, and its items.
//
// [Parse] turns the body of a feed (RSS, RDF, Atom, JSON Feed, Google-News
// sitemap; in whatever charset and state of repair) into items: in go bytes,
// out come identified [pipeline.Item] values. It is the only use of gofeed, with
// a layer in front that decodes and repairs, and one behind that mends what
// gofeed drops. [Discover] finds the feeds of a page that is none.
//
// A [Poller] keeps the catalog's feeds on a schedule, fetches them with
// conditional requests, publishes what is new and remembers what it has
// published. [WebSub] subscribes feeds at the hubs they name and publishes what
// those push. The keys of the feeds bucket are this package's: the first 16 hex
// digits of the SHA-256 of a feed's address, the same after kept. of a body
// that could not be read, websub.<id> of a subscription, and hosts.<0-f> of what
// is remembered of hosts.
package feeds

import (
	"bytes"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/mmcdole/gofeed"

	"github.com/newswatch/newswatch/pipeline"
)

// Why a body holds no items.
var (
	ErrHTML    = errors.New("feeds: a page, not a feed")
	ErrNotFeed = errors.New("feeds: not a feed")
	ErrBroken  = errors.New("feeds: a feed damaged beyond repair")
	ErrTooDeep = errors.New("feeds: nested too deeply")
)

const (
	// MaxItems is the most items taken of one document, in its order; feeds
	// put the newest first.
	MaxItems = 2000
	// maxBody is the most bytes parsed, and unpacked of a gzip body.
	maxBody = 15 << 20
	// maxDepth is far beyond any feed (unclosed HTML included); gofeed needs
	// 1 KiB and more of memory for each level.
	maxDepth = 10_000
)

// ParseOptions is what is known of a feed besides its bytes.
type ParseOptions struct {
	Feed string    // address the feed is known under, for the identity of items without a link; empty: the base
	Lang string    // language of the source, BCP 47; empty: what the feed declares
	Now  time.Time // when it was fetched: the items' first sight; zero: now
}

// Parsed is what a feed's document says.
type Parsed struct {
	Title   string
	Home    string // address of the site
	Lang    string // primary language, as the document declares it; empty: it does not
	Format  string // "rss 2.0", "rdf 1.0", "atom 1.0", "json 1.1", "sitemap", "sitemapindex"…
	Charset string // what the bytes were decoded from
	Items   []pipeline.Item
	Repairs []string      // what had to be mended, a word each: gunzip, charset, illegal_runes, root, json, escape, salvage, items_cut
	Lost    int           // items seen that nothing could be made of
	Next    string        // address of the document with the next older items (RFC 5005 next or prev-archive, JSON Feed next_url)
	Hub     string        // address of a WebSub hub
	Self    string        // address that the document gives as its own, the topic of its hub
	TTL     time.Duration // how long the publisher thinks it need not be asked; a hint

	// Sitemaps is what a sitemap index lists of its own site, newest first, at
	// most 50. An index has no items of its own.
	Sitemaps []string

	// What was decided on the way, for a person who asks why.
	CharsetFrom string         // how the charset is known; one of the Charset constants
	Dates       map[string]int // items by where their date comes from: published, updated, other; none: first sight
	Future      int            // dates refused because they lie ahead
	Zone        string         // how dates without a zone were read, as "+03:00"; empty: as UTC
	ZoneFrom    string         // how that is known: document, language, future
	Linkless    int            // items without an address of their own
	Dropped     []Drop         // items left out
}

// parser is shared: gofeed documents that it may be.
var parser = newParser()

func newParser() *gofeed.Parser {
	p := gofeed.NewParser()
	p.KeepOriginalFeed = true
	p.RSSTranslator = &gofeed.DefaultRSSTranslator{DisableContentImageScan: true}
	return p
}

// Parse reads a feed. base is the final address of the document, which
// relative links are resolved against; contentType the Content-Type header, or
// empty. The items are identified, apart from one another, dated, and at most
// [MaxItems].
func Parse(body []byte, base, contentType string, opt ParseOptions) (*Parsed, error) {
	if opt.Now.IsZero() {
		opt.Now = time.Now()
	}
	if opt.Feed == "" {
		opt.Feed = base
	}
	doc, err := prepare(body, contentType)
	if err != nil {
		return nil, fmt.Errorf("%w: %s", err, base)
	}
	p := &Parsed{Charset: doc.charset, CharsetFrom: doc.charsetFrom, Repairs: doc.repairs}
	if err = p.fill(doc, newAdapter(p, base, opt)); err != nil {
		return nil, fmt.Errorf("%w: %s", err, base)
	}
	return p, nil
}

func (p *Parsed) fill(doc *document, a *adapter) error {
	var feeds []*gofeed.Feed
	var err error
	switch {
	case isSitemap(doc.root.name), isSitemapIndex(doc.root.name):
		return a.sitemap(doc)
	case doc.json:
		feeds, err = p.readJSON(doc)
	default:
		feeds, err = p.readXML(doc)
	}
	if err != nil {
		return err
	}
	if doc.html && countItems(feeds) == 0 {
		return ErrHTML // what looked like a root was not one
	}
	a.adapt(feeds, doc)
	return nil
}

// readXML asks gofeed for the document as it is, then mended as a whole, then
// item by item, and takes the first answer that has every item.
func (p *Parsed) readXML(doc *document) ([]*gofeed.Feed, error) {
	want := len(doc.items)
	feed, err := gofeedParse(doc.text)
	if err == nil && len(feed.Items) >= want {
		return []*gofeed.Feed{feed}, nil
	}
	if err != nil {
		if mended, e := gofeedParse(escapeStray(doc.text)); e == nil && len(mended.Items) >= want {
			p.repaired("escape")
			return []*gofeed.Feed{mended}, nil
		}
	}
	if parts, lost := salvage(doc); countItems(parts) > 0 && (err != nil || countItems(parts) > countItems([]*gofeed.Feed{feed})) {
		p.repaired("salvage")
		p.Lost = lost
		return parts, nil
	}
	switch {
	case err == nil:
		return []*gofeed.Feed{feed}, nil
	case doc.html:
		return nil, ErrHTML
	default:
		return nil, fmt.Errorf("%w: %w", ErrBroken, err)
	}
}

// gofeedParse is gofeed with its panics as errors: what it is given is foreign.
func gofeedParse(b []byte) (feed *gofeed.Feed, err error) {
	defer func() {
		if r := recover(); r != nil {
			feed, err = nil, fmt.Errorf("gofeed panicked: %v", r)
		}
	}()
	return parser.Parse(bytes.NewReader(b))
}

// countItems counts the items that say anything.
func countItems(feeds []*gofeed.Feed) (n int) {
	for _, f := range feeds {
		for _, it := range f.Items {
			if hasSubstance(it) {
				n++
			}
		}
	}
	return n
}

// resolve makes ref absolute against base; the answer is empty where it is no
// address.
func resolve(base *url.URL, ref string) string {
	ref = strings.TrimSpace(ref)
	if ref == "" {
		return ""
	}
	u, err := url.Parse(ref)
	if err != nil {
		// Blanks and stray percent signs are the usual cause; browsers forgive them.
		if u, err = url.Parse(lenientURL(ref)); err != nil {
			return ""
		}
	}
	if !u.IsAbs() && base != nil {
		u = base.ResolveReference(u)
	}
	return u.String()
}

func lenientURL(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c <= ' ' || c == 0x7f:
			fmt.Fprintf(&b, "%%%02X", c)
		case c == '%' && (i+2 >= len(s) || !isHex(s[i+1]) || !isHex(s[i+2])):
			b.WriteString("%25")
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}
