package feeds

import (
	"bytes"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// A Found is an address that is, or may be, a feed of a site.
type Found struct {
	URL   string
	Title string // as the page calls it; may be empty
	Type  string // rss, rdf, atom, json, sitemap, sitemapindex; empty: not known before it is asked
	Why   string // one of the Why constants
}

// Why an address is offered as a feed. Only the first is certain.
const (
	WhyIsFeed    = "the address is a feed"
	WhySite      = "a rule for this site"
	WhyLink      = "the page links to it as its feed"
	WhyAnchor    = "a link that looks like a feed"
	WhyWellKnown = "well-known path" // a guess, to be tried
)

const (
	maxFound   = 60
	maxAnchors = 20
)

// wellKnown is where publishing systems put their feeds, the most common first.
var wellKnown = []Found{
	{URL: "/feed/"},
	{URL: "/rss.xml", Type: "rss"},
	{URL: "/feed.xml"},
	{URL: "/rss"},
	{URL: "/atom.xml", Type: "atom"},
	{URL: "/index.xml"},
	{URL: "/feed.json", Type: "json"},
	{URL: "/rss/index.xml", Type: "rss"},
	{URL: "/blog/feed/"},
	{URL: "/index.rdf", Type: "rdf"},
	{URL: "/?feed=rss2", Type: "rss"},
	{URL: "/news-sitemap.xml", Type: "sitemap"},
	{URL: "/sitemap-news.xml", Type: "sitemap"},
	{URL: "/sitemap_news.xml", Type: "sitemap"},
}

// Discover lists the feeds of a page, the surest first: the address itself
// where the body is a feed (then nothing else); what is known of the site
// (YouTube, GitHub); the page's <link rel=alternate>; its links that look like
// feeds; the paths where feeds usually are, as guesses. base is the page's
// final address; without one, only what the page gives in full is found. It
// asks nobody.
func Discover(body []byte, base string) []Found {
	if p, err := Parse(body, base, "", ParseOptions{}); err == nil {
		kind, _, _ := strings.Cut(p.Format, " ")
		return []Found{{URL: base, Title: p.Title, Type: kind, Why: WhyIsFeed}}
	}
	d := &discovery{seen: make(map[string]bool)}
	if u, err := url.Parse(strings.TrimSpace(base)); err == nil && isWeb(u.String()) && u.Hostname() != "" {
		d.page = u
	}
	text := toUTF8(body[:min(len(body), maxBody)], "").text
	d.read(text)
	d.site(text)
	for _, list := range [][]Found{d.rules, d.links, d.anchors} {
		for _, f := range list {
			d.add(f)
		}
	}
	d.guess()
	return d.found
}

type discovery struct {
	page      *url.URL // where the body came from; nil: not known
	base      *url.URL // what its links are relative to
	canonical *url.URL // what the page calls itself

	rules, links, anchors []Found

	found []Found
	seen  map[string]bool
}

func (d *discovery) add(f Found) {
	key := strings.TrimSuffix(f.URL, "/")
	u, err := url.Parse(f.URL)
	if err != nil || u.Hostname() == "" || d.seen[key] || len(d.found) == maxFound {
		return
	}
	d.seen[key] = true
	f.Title = clip(titleText(f.Title), 200)
	d.found = append(d.found, f)
}

// home is the address the site goes by.
func (d *discovery) home() *url.URL {
	if d.canonical != nil && (d.page == nil || siteOf(d.canonical) == siteOf(d.page)) {
		return d.canonical
	}
	return d.page
}

// read takes the links out of the page.
func (d *discovery) read(text []byte) {
	d.base = d.page
	z := html.NewTokenizer(bytes.NewReader(text))
	z.SetMaxBuf(1 << 20)
	var anchor *Found // the one whose text is being read
	for {
		switch z.Next() {
		case html.ErrorToken:
			return
		case html.TextToken:
			if anchor != nil && len(anchor.Title) < 200 {
				anchor.Title += string(z.Text())
			}
		case html.EndTagToken:
			if name, _ := z.TagName(); atom.Lookup(name) == atom.A && anchor != nil {
				d.anchor(*anchor)
				anchor = nil
			}
		case html.StartTagToken, html.SelfClosingTagToken:
			name, more := z.TagName()
			switch tag := atom.Lookup(name); tag {
			case atom.Base, atom.Link:
				d.head(tag, attributes(z, more))
			case atom.A:
				at := attributes(z, more)
				anchor = &Found{URL: at["href"], Title: at["title"], Type: feedType(at["type"])}
				if anchor.Title != "" {
					anchor.Title += " "
				}
			}
		}
	}
}

func attributes(z *html.Tokenizer, more bool) map[string]string {
	at := make(map[string]string)
	for more {
		var k, v []byte
		k, v, more = z.TagAttr()
		if _, twice := at[string(k)]; !twice && len(at) < 50 {
			at[string(k)] = string(v)
		}
	}
	return at
}

// head reads a <base> or a <link>.
func (d *discovery) head(tag atom.Atom, at map[string]string) {
	if tag == atom.Base {
		if u, err := url.Parse(resolve(d.page, at["href"])); err == nil && isWeb(u.String()) && u.Hostname() != "" {
			d.base = u
		}
		return
	}
	rels := strings.Fields(strings.ToLower(at["rel"]))
	href := resolve(d.base, at["href"])
	if !isWeb(href) {
		return
	}
	switch kind := feedType(at["type"]); {
	case slices.Contains(rels, "canonical") && d.canonical == nil:
		if u, err := url.Parse(href); err == nil && u.Hostname() != "" {
			d.canonical = u
		}
	case kind != "" && (slices.Contains(rels, "alternate") || slices.Contains(rels, "feed")) && !isComments(href, at["title"]):
		d.links = append(d.links, Found{URL: href, Title: at["title"], Type: kind, Why: WhyLink})
	}
}

// isComments tells a feed of readers' comments, as WordPress links one on each
// page besides its own.
func isComments(href, title string) bool {
	u, err := url.Parse(href)
	return err == nil && (strings.Contains(u.Path, "/comments/feed") || strings.HasSuffix(strings.ToLower(strings.TrimSpace(title)), "comments feed"))
}

// feedType is the kind of feed that a media type names; empty: none.
func feedType(mediaType string) string {
	mediaType, _, _ = strings.Cut(strings.ToLower(mediaType), ";")
	switch strings.TrimSpace(mediaType) {
	case "application/rss+xml", "application/rss", "application/x-rss+xml", "text/rss+xml", "text/rss":
		return "rss"
	case "application/atom+xml", "application/atom", "text/atom+xml":
		return "atom"
	case "application/feed+json":
		return "json"
	case "application/rdf+xml":
		return "rdf"
	}
	return ""
}

var (
	feedPathRe = regexp.MustCompile(`(?i)(?:\.(?:rss|atom|rdf)|/(?:feed|rss|atom)(?:/|\.xml|\.json|\.php)?|/(?:rss|feeds?)/[^?#]*\.xml|/(?:feed|index|news|export)\.xml)$`)
	feedTextRe = regexp.MustCompile(`(?i)^\W*(?:rss|atom|xml|json feed|feed|rss[ -](?:feed|лента|канал|订阅)|лента rss|订阅)\W*$`)
	noFeedRe   = regexp.MustCompile(`(?i)^(?:https?://)?(?:www\.)?(?:twitter|facebook|t|vk|feedly|inoreader)\.(?:com|me)\b`)
	mediaRe    = regexp.MustCompile(`(?i)\.(?:html?|pdf|jpe?g|png|gif|svg|mp[34]|zip|css|js)$`)
)

// anchor takes a link of the page whose address or text says feed.
func (d *discovery) anchor(f Found) {
	f.Title = strings.TrimSpace(f.Title)
	href := resolve(d.base, f.URL)
	u, err := url.Parse(href)
	if err != nil || !isWeb(href) || noFeedRe.MatchString(href) || len(d.anchors) == maxAnchors || isComments(href, f.Title) {
		return
	}
	byPath := feedPathRe.MatchString(u.Path) || u.Query().Has("feed") || strings.EqualFold(u.Query().Get("format"), "rss")
	byText := feedTextRe.MatchString(f.Title) && !mediaRe.MatchString(u.Path) && strings.Trim(u.Path, "/") != ""
	if !byPath && !byText && f.Type == "" {
		return
	}
	u.Fragment = ""
	f.URL, f.Why = u.String(), WhyAnchor
	if f.Type == "" {
		f.Type = typeOfPath(u.Path)
	}
	d.anchors = append(d.anchors, f)
}

func typeOfPath(p string) string {
	p = strings.ToLower(p)
	for _, kind := range []string{"rss", "atom", "rdf"} {
		if strings.HasSuffix(p, "."+kind) {
			return kind
		}
	}
	return ""
}

var (
	channelRe  = regexp.MustCompile(`^/channel/(UC[\w-]{22})(?:/|$)`)
	channelsRe = regexp.MustCompile(`(?:"(?:channelId|externalId)":"|itemprop="(?:channelId|identifier)" content="|/channel/)(UC[\w-]{22})["/]`)
	playlistRe = regexp.MustCompile(`^[\w-]{10,64}$`)
	repoRe     = regexp.MustCompile(`^/([A-Za-z0-9][A-Za-z0-9-]{0,38})/([\w.-]{1,100})(?:/|$)`)
)

// site applies what is known of sites that don't say where their feeds are.
func (d *discovery) site(text []byte) {
	home := d.home()
	if home == nil {
		return
	}
	switch strings.TrimPrefix(strings.ToLower(home.Hostname()), "www.") {
	case "youtube.com", "m.youtube.com":
		d.youtube(home, text)
	case "github.com":
		m := repoRe.FindStringSubmatch(home.Path)
		if m == nil || slices.Contains([]string{"about", "features", "orgs", "settings", "topics", "marketplace", "sponsors"}, m[1]) {
			return
		}
		repo := "https://github.com/" + m[1] + "/" + strings.TrimSuffix(m[2], ".git")
		for _, f := range []string{"releases", "tags", "commits"} {
			d.rules = append(d.rules, Found{URL: repo + "/" + f + ".atom", Title: m[1] + "/" + m[2] + ": " + f, Type: "atom", Why: WhySite})
		}
	}
}

func (d *discovery) youtube(home *url.URL, text []byte) {
	const feed = "https://www.youtube.com/feeds/videos.xml?"
	add := func(query, title string) {
		d.rules = append(d.rules, Found{URL: feed + query, Title: title, Type: "atom", Why: WhySite})
	}
	for _, u := range []*url.URL{home, d.page} {
		if u == nil {
			continue
		}
		if list := u.Query().Get("list"); playlistRe.MatchString(list) {
			add("playlist_id="+list, "playlist")
		}
		if m := channelRe.FindStringSubmatch(u.Path); m != nil {
			add("channel_id="+m[1], "channel")
			return
		}
	}
	// A handle or a video: its page names the channel.
	if m := channelsRe.FindSubmatch(text); m != nil {
		add("channel_id="+string(m[1]), "channel")
	}
}

// guess adds the usual paths, under the page's own section of the site first
// where it has one.
func (d *discovery) guess() {
	home := d.home()
	if home == nil {
		return
	}
	root := url.URL{Scheme: home.Scheme, Host: home.Host}
	if dir := home.Path[:strings.LastIndexByte(home.Path, '/')+1]; len(dir) > 1 && len(dir) < 60 {
		section := root
		section.Path = dir
		for _, f := range wellKnown[:2] {
			d.add(Found{URL: resolve(&section, strings.TrimPrefix(f.URL, "/")), Type: f.Type, Why: WhyWellKnown})
		}
	}
	for _, f := range wellKnown {
		d.add(Found{URL: resolve(&root, f.URL), Type: f.Type, Why: WhyWellKnown})
	}
}
