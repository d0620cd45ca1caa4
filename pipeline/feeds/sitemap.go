package feeds

import (
	"bytes"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/html"
	"golang.org/x/net/publicsuffix"

	"github.com/newswatch/newswatch/pipeline"
)

const (
	// maxNews is the most entries taken of a news sitemap: Google's own limit
	// for one (developers.google.com, "Create a news sitemap").
	maxNews = 1000
	// maxSitemaps is the most addresses kept of a sitemap index. Those that
	// matter are the newest: the rest is a publisher's archive.
	maxSitemaps = 50
	// maxField is the most bytes read of one field of a sitemap; the protocol
	// ends an address at 2,048 characters, and titles are shorter.
	maxField = 4096
)

func isSitemap(root string) bool { return strings.EqualFold(localName(root), "urlset") }

// formatIndex is Parsed.Format of a sitemap index.
const formatIndex = "sitemapindex"

func isSitemapIndex(root string) bool { return strings.EqualFold(localName(root), "sitemapindex") }

func localName(name string) string { return name[strings.LastIndexByte(name, ':')+1:] }

// A sitemapEntry is a <url> or <sitemap> element. The fields of its news:news
// element are told from those of video:video, which has some of the same names.
type sitemapEntry struct {
	loc, lastmod, image string
	news                bool
	title, date         string
	publication, lang   string
	keywords            string
}

// sitemap fills p with the news of a sitemap, or the addresses of an index.
// A sitemap without a single news entry is no feed: it lists pages, not what
// is new.
func (a *adapter) sitemap(doc *document) error {
	if isSitemapIndex(doc.root.name) {
		a.p.Format = formatIndex
		a.index(doc)
		return nil
	}
	a.p.Format = "sitemap"
	a.dates = newDater(primaryLang(a.opt.Lang), a.opt.Now)
	var entries []sitemapEntry
	broken := readSitemap(doc.text[doc.root.end:], "url", func(e *sitemapEntry) bool {
		if !e.news {
			a.p.drop("no_news", e.loc)
			return true
		}
		if len(entries) == maxNews {
			a.p.repaired("items_cut")
			return false
		}
		entries = append(entries, *e)
		return true
	})
	if len(entries) == 0 {
		return ErrNotFeed
	}
	if broken {
		a.p.repaired("salvage")
	}
	items := make([]pipeline.Item, 0, len(entries))
	for i := range entries {
		a.newsHead(&entries[i])
		items = append(items, a.newsItem(&entries[i]))
	}
	a.p.Lang = primaryLang(a.p.Lang)
	a.finish(items)
	return nil
}

func (a *adapter) newsHead(e *sitemapEntry) {
	if a.p.Title == "" {
		a.p.Title = titleText(e.publication)
	}
	if a.p.Lang == "" {
		a.p.Lang = e.lang
	}
}

func (a *adapter) newsItem(e *sitemapEntry) pipeline.Item {
	it := pipeline.Item{
		Title: clip(titleText(e.title), maxTitle), URL: a.web(e.loc), Image: a.web(e.image),
		Tags: tags(strings.Split(e.keywords, ",")), Lang: primaryLang(e.lang),
		Feed: a.opt.Feed, FirstSeen: a.opt.Now,
	}
	if l := primaryLang(a.opt.Lang); l != "" {
		it.Lang = l
	}
	it.Published, it.PublishedFrom = a.dates.pick(
		dated{raw: e.date, kind: "published"}, dated{raw: e.lastmod, kind: "updated"})
	it.Identify()
	return it
}

// index lists the sitemaps of an index: newest first, those without a date
// last and in the index's order, of the index's own site only.
func (a *adapter) index(doc *document) {
	type child struct {
		url string
		mod time.Time
	}
	var children []child
	seen := make(map[string]bool)
	broken := readSitemap(doc.text[doc.root.end:], "sitemap", func(e *sitemapEntry) bool {
		u := a.web(e.loc)
		if a.base == nil && u != "" {
			a.base, _ = url.Parse(u) // a file: the first address is all that tells its site
		}
		switch {
		case u == "":
			a.p.drop("no_address", e.loc)
		case !sameSite(a.base, u):
			a.p.drop("other_site", u)
		case !seen[u]:
			seen[u] = true
			mod, _, _ := parseDate(e.lastmod, "", 0)
			children = append(children, child{u, mod})
		}
		return len(children) < 50_000 // the protocol's own limit
	})
	if broken {
		a.p.repaired("salvage")
	}
	slices.SortStableFunc(children, func(x, y child) int { return y.mod.Compare(x.mod) })
	for _, c := range children {
		if len(a.p.Sitemaps) == maxSitemaps {
			a.p.drop("older", c.url)
			continue
		}
		a.p.Sitemaps = append(a.p.Sitemaps, c.url)
	}
}

// sameSite says whether the address lies under the same registrable domain.
func sameSite(base *url.URL, ref string) bool {
	u, err := url.Parse(ref)
	if err != nil || base == nil {
		return false
	}
	return siteOf(u) == siteOf(base)
}

func siteOf(u *url.URL) string {
	host := strings.TrimSuffix(strings.ToLower(u.Hostname()), ".")
	if site, err := publicsuffix.EffectiveTLDPlusOne(host); err == nil {
		return site
	}
	return host // an IP address, a bare name
}

// readSitemap hands the elements of that local name to take, for as long as it
// wants them, unless they have no address. It needs no well-formed document: an
// entry ends where the next begins, or the document; broken is whether one did.
func readSitemap(b []byte, name string, take func(*sitemapEntry) bool) (broken bool) {
	var e *sitemapEntry
	inside := "" // news, image or video: the element within the entry
	flush := func() bool {
		done := e
		e, inside = nil, ""
		return done == nil || done.loc == "" || take(done)
	}
	for i := 0; i < len(b); {
		j := bytes.IndexByte(b[i:], '<')
		if j < 0 {
			break
		}
		i += j
		rest := b[i:]
		if n := skipSection(rest); n > 0 {
			i += n
			continue
		}
		if len(rest) > 1 && rest[1] == '/' {
			n := skipTo(rest, ">")
			switch local := localName(strings.TrimSpace(string(rest[2:max(2, min(n-1, 40))]))); {
			case strings.EqualFold(local, name):
				if !flush() {
					return broken
				}
			case local == inside:
				inside = ""
			}
			i += n
			continue
		}
		t, selfClosed, ok := readTag(b, i)
		if !ok {
			i++
			continue
		}
		i = t.end
		local := strings.ToLower(localName(t.name))
		switch {
		case local == name:
			broken = broken || e != nil
			if !flush() {
				return broken
			}
			e = &sitemapEntry{}
		case e == nil || selfClosed:
		case local == "news" || local == "image" || local == "video":
			inside = local
			e.news = e.news || local == "news"
		default:
			if f := e.field(inside, local); f != nil && *f == "" {
				*f = fieldText(b[i:])
			}
		}
	}
	broken = broken || e != nil
	flush()
	return broken
}

// field is where the text of an element goes; nil: nowhere.
func (e *sitemapEntry) field(inside, local string) *string {
	switch inside + " " + local {
	case " loc":
		return &e.loc
	case " lastmod":
		return &e.lastmod
	case "image loc":
		return &e.image
	case "news title":
		return &e.title
	case "news publication_date":
		return &e.date
	case "news name":
		return &e.publication
	case "news language":
		return &e.lang
	case "news keywords":
		return &e.keywords
	}
	return nil
}

// skipSection is the length of the comment or the CDATA section that b begins
// with, or 0.
func skipSection(b []byte) int {
	switch {
	case bytes.HasPrefix(b, []byte("<![CDATA[")):
		return skipTo(b, "]]>")
	case bytes.HasPrefix(b, []byte("<!--")):
		return skipTo(b, "-->")
	}
	return 0
}

// fieldText is the text from here to the next tag.
func fieldText(b []byte) string {
	b = bytes.TrimLeft(b[:min(len(b), maxField)], " \t\r\n")
	if rest, ok := bytes.CutPrefix(b, []byte("<![CDATA[")); ok {
		n := bytes.Index(rest, []byte("]]>"))
		if n < 0 {
			return ""
		}
		return strings.TrimSpace(string(rest[:n]))
	}
	n := bytes.IndexByte(b, '<')
	if n < 0 {
		return "" // cut off
	}
	return strings.TrimSpace(html.UnescapeString(string(b[:n])))
}

// SitemapsOf lists the addresses of the Sitemap lines of a robots.txt, those
// that speak of news first, at most 50.
func SitemapsOf(robots []byte) []string {
	var news, others []string
	for line := range bytes.Lines(robots[:min(len(robots), 512<<10)]) { // RFC 9309 §2.5: at least 500 KiB
		name, value, ok := strings.Cut(strings.TrimPrefix(string(line), "\ufeff"), ":")
		if !ok || !strings.EqualFold(strings.TrimSpace(name), "sitemap") {
			continue
		}
		if value, _, _ = strings.Cut(strings.TrimSpace(value), " "); !isWeb(value) {
			continue
		}
		u := resolve(nil, value)
		switch {
		case !isWeb(u) || slices.Contains(news, u) || slices.Contains(others, u):
		case strings.Contains(strings.ToLower(u), "news"):
			news = append(news, u)
		case len(others) < maxSitemaps:
			others = append(others, u)
		}
		if len(news) == maxSitemaps {
			break
		}
	}
	all := append(news, others...)
	return all[:min(len(all), maxSitemaps)]
}
