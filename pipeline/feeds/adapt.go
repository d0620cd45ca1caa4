package feeds

import (
	"cmp"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mmcdole/gofeed"
	gatom "github.com/mmcdole/gofeed/atom"
	ext "github.com/mmcdole/gofeed/extensions"
	gjson "github.com/mmcdole/gofeed/json"
	"github.com/mmcdole/gofeed/rss"

	"github.com/newswatch/newswatch/pipeline"
)

const (
	maxTags = 50
	// maxTitle is where a title ends; some feeds put the whole post there.
	maxTitle = 1000
)

// An adapter makes items of what gofeed read, and puts back what it dropped.
type adapter struct {
	p     *Parsed
	base  *url.URL
	opt   ParseOptions
	dates *dater
	home  string // canonical address of the site
	about []string

	author string // of the feed, for entries without one

	next, archive string // rel=next, rel=prev-archive
}

func newAdapter(p *Parsed, base string, opt ParseOptions) *adapter {
	a := &adapter{p: p, opt: opt}
	if u, err := url.Parse(base); err == nil && u.IsAbs() {
		a.base = u
	}
	return a
}

// adapt fills p. The feeds are the parts of one document, in order.
func (a *adapter) adapt(feeds []*gofeed.Feed, doc *document) {
	for _, f := range feeds {
		a.head(f, doc)
	}
	a.p.Lang = primaryLang(a.p.Lang)
	lang := primaryLang(a.opt.Lang)
	if lang == "" {
		lang = a.p.Lang
	}
	a.dates = newDater(lang, a.opt.Now)
	a.dates.learn(feeds)
	total := 0
	for _, f := range feeds {
		total += len(f.Items)
	}
	a.about = aboutAttributes(doc, total)
	if u, ok := pipeline.CanonicalURL(a.p.Home); ok {
		a.home = u
	}
	n := 0
	items := make([]pipeline.Item, 0, min(total, MaxItems))
	for _, f := range feeds {
		for i, gi := range f.Items {
			if len(items) == MaxItems {
				a.p.repaired("items_cut")
				a.p.drop("too_many", gi.Title)
				continue
			}
			it := a.item(gi, original(f, i), n)
			n++
			if !hasSubstance(gi) && it.URL == "" && it.Title == "" && it.Summary == "" {
				a.p.drop("empty", "")
				continue
			}
			it.Lang = lang
			if l := itemLang(f, i); l != "" && a.opt.Lang == "" {
				it.Lang = l
			}
			items = append(items, it)
		}
	}
	a.finish(items)
}

// finish sets the items, each under a key of its own, and what was decided on
// their way.
func (a *adapter) finish(items []pipeline.Item) {
	p := a.p
	p.Items = apart(items, func(it *pipeline.Item) { p.drop("repeated", it.Title) })
	for i := range p.Items {
		if p.Items[i].URL == "" {
			p.Linkless++
		}
	}
	p.Dates, p.Future = a.dates.counts, a.dates.future
	if a.dates.zone != 0 {
		p.Zone = time.Time{}.In(time.FixedZone("", int(a.dates.zone/time.Second))).Format("-07:00")
		p.ZoneFrom = a.dates.zoneFrom
	}
}

// head takes what the document says of itself; the first part to say it wins.
func (a *adapter) head(f *gofeed.Feed, doc *document) {
	p := a.p
	set := func(to *string, v string) {
		if *to == "" {
			*to = v
		}
	}
	if a.base == nil {
		// A file without an address: its own word is all there is.
		for _, s := range []string{f.FeedLink, f.Link} {
			if u, err := url.Parse(s); err == nil && u.IsAbs() && a.base == nil {
				a.base = u
			}
		}
	}
	set(&p.Title, titleText(f.Title))
	set(&p.Home, a.web(f.Link))
	set(&p.Lang, f.Language)
	format := f.FeedType
	switch o := f.OriginalFeed().(type) {
	case *rss.Feed:
		if isRDF(doc.root.name) {
			format = "rdf"
		}
		a.setTTL(o.TTL, f.Extensions)
		for _, k := range []string{"atom", "atom10"} {
			for _, l := range f.Extensions[k]["link"] {
				a.rel(l.Attrs["rel"], l.Attrs["href"])
			}
		}
	case *gatom.Feed:
		a.setTTL("", f.Extensions)
		for _, l := range o.Links {
			a.rel(l.Rel, l.Href)
		}
		if len(f.Authors) > 0 && a.author == "" {
			a.author = person(f.Authors[:1])
		}
	case *gjson.Feed:
		a.rel("next", o.NextURL)
		a.rel("self", o.FeedURL)
		a.rel("hub", doc.hub)
		f.FeedVersion = strings.TrimPrefix(f.FeedVersion[strings.LastIndexByte(f.FeedVersion, '/')+1:], "v")
		a.author = person(f.Authors)
	}
	set(&p.Format, strings.TrimSpace(format+" "+f.FeedVersion))
}

// rel takes a link of the document: its hub, and where older items are. In RFC
// 5005 that is the next page of a paged feed (§3), or the previous archive of
// an archived one (§4); a document may be both.
func (a *adapter) rel(rel, href string) {
	switch rel {
	case "next":
		a.next = cmp.Or(a.next, a.web(href))
	case "prev-archive":
		a.archive = cmp.Or(a.archive, a.web(href))
	case "hub":
		a.p.Hub = cmp.Or(a.p.Hub, a.web(href))
	case "self":
		a.p.Self = cmp.Or(a.p.Self, a.web(href))
	default:
		return
	}
	a.p.Next = ""
	for _, u := range []string{a.archive, a.next} {
		if u != "" && (a.base == nil || u != a.base.String()) {
			a.p.Next = u
		}
	}
}

var periods = map[string]time.Duration{
	"hourly": time.Hour, "daily": 24 * time.Hour, "weekly": 7 * 24 * time.Hour, "monthly": 30 * 24 * time.Hour,
}

func (a *adapter) setTTL(ttl string, x ext.Extensions) {
	if a.p.TTL != 0 {
		return
	}
	if m, err := strconv.Atoi(strings.TrimSpace(ttl)); err == nil && m > 0 && m < 100_000 {
		a.p.TTL = time.Duration(m) * time.Minute
		return
	}
	period := periods[strings.ToLower(extValue(x, "sy", "updatePeriod"))]
	times, err := strconv.ParseFloat(extValue(x, "sy", "updateFrequency"), 64)
	if err != nil || times < 0.01 || times > 10_000 {
		times = 1
	}
	a.p.TTL = time.Duration(float64(period) / times)
}

// item adapts the n-th item of the document. o is gofeed's own model of it.
func (a *adapter) item(gi *gofeed.Item, o any, n int) pipeline.Item {
	it := pipeline.Item{
		Title:     clip(titleText(gi.Title), maxTitle),
		GUID:      strings.TrimSpace(gi.GUID),
		Author:    person(gi.Authors),
		Tags:      tags(gi.Categories),
		Image:     a.image(gi),
		Feed:      a.opt.Feed,
		FirstSeen: a.opt.Now,
	}
	if it.Author == "" {
		it.Author = a.author
	}
	if it.Title == "" {
		it.Title = clip(titleText(mediaValue(gi.Extensions, "title")), maxTitle)
	}
	about := ""
	if n < len(a.about) {
		about = a.about[n]
	}
	if it.GUID == "" {
		it.GUID = about // an RDF item's identity
	}
	it.URL = a.link(gi, o, about)
	a.text(&it, gi, o)
	it.Published, it.PublishedFrom = a.dates.item(gi)
	it.Identify()
	if a.namesNoArticle(&it) {
		it.Link, it.URL = cmp.Or(it.Link, it.URL), ""
		it.Identify()
	}
	return it
}

// link is the address of the article: the first of many places that holds one.
func (a *adapter) link(gi *gofeed.Item, o any, about string) string {
	var most [8]string
	refs := append(most[:0], extValue(gi.Extensions, "feedburner", "origLink"))
	if e, ok := o.(*gatom.Entry); ok {
		for _, l := range e.Links {
			if l.Rel == "alternate" && (l.Type == "" || strings.Contains(l.Type, "html")) {
				refs = append(refs, l.Href)
			}
		}
	}
	refs = append(refs, gi.Link)
	if i, ok := o.(*rss.Item); ok && i.GUID != nil && !strings.EqualFold(i.GUID.IsPermalink, "false") && isWeb(i.GUID.Value) {
		refs = append(refs, i.GUID.Value) // RSS 2.0: a guid is a permalink unless it says that it is not
	}
	refs = append(refs, about)
	for _, k := range []string{"atom", "atom10", "atom03"} {
		for _, l := range gi.Extensions[k]["link"] {
			if rel := l.Attrs["rel"]; rel == "" || rel == "alternate" {
				refs = append(refs, l.Attrs["href"])
			}
		}
	}
	refs = append(refs, gi.Links...)
	switch o := o.(type) {
	case *gatom.Entry:
		if o.Content != nil {
			refs = append(refs, o.Content.Src)
		}
		if isWeb(o.ID) {
			refs = append(refs, o.ID)
		}
	case *gjson.Item:
		refs = append(refs, o.ExternalURL)
		if isWeb(o.ID) {
			refs = append(refs, o.ID)
		}
	}
	for _, m := range media(gi.Extensions) {
		for _, pl := range m["player"] {
			refs = append(refs, pl.Attrs["url"])
		}
	}
	for _, e := range gi.Enclosures {
		refs = append(refs, e.URL) // a podcast without pages
	}
	for _, r := range refs {
		if w := a.web(r); w != "" {
			return w
		}
	}
	return ""
}

// web is ref as an absolute http address, or empty.
func (a *adapter) web(ref string) string {
	ref = strings.TrimSpace(ref)
	if ref == "" || isPlainURL(ref) {
		return ref
	}
	if u := resolve(a.base, ref); isWeb(u) {
		return u
	}
	return ""
}

// isPlainURL tells the usual absolute address, which resolving would not change.
func isPlainURL(s string) bool {
	rest, ok := strings.CutPrefix(s, "https://")
	if !ok {
		if rest, ok = strings.CutPrefix(s, "http://"); !ok {
			return false
		}
	}
	host := strings.IndexByte(rest, '/')
	if host <= 0 {
		return false
	}
	for i := 0; i < len(rest); i++ {
		c := rest[i]
		switch {
		case isLetter(c), isDigit(c), c == '-', c == '.':
		case i >= host && (c == '/' || c == '_' || c == '?' || c == '=' || c == '&' || c == '+'):
		default:
			return false
		}
	}
	return true
}

func isWeb(s string) bool {
	s = strings.TrimSpace(s)
	return len(s) > 8 && (strings.EqualFold(s[:7], "http://") || strings.EqualFold(s[:8], "https://"))
}

// text sets the summary and the content. What a feed carries as its whole
// content goes to HTML; the description goes there too where there is nothing
// else and it is more than a line.
func (a *adapter) text(it *pipeline.Item, gi *gofeed.Item, o any) {
	content := strings.TrimSpace(gi.Content)
	if i, ok := o.(*gjson.Item); ok && i.ContentHTML == "" && i.ContentText != "" {
		it.Text, content = strings.TrimSpace(i.ContentText), ""
	}
	if full := strings.TrimSpace(extValue(gi.Extensions, "yandex", "full-text")); len(full) > len(content) {
		content = full
	}
	desc := strings.TrimSpace(gi.Description)
	if desc == "" {
		desc = strings.TrimSpace(mediaValue(gi.Extensions, "description"))
	}
	switch i, _ := o.(*rss.Item); {
	case content != "" || i == nil:
	case i.Custom["encoded"] != "":
		content = strings.TrimSpace(i.Custom["encoded"]) // content:encoded without its namespace
	case i.Custom["full-text"] != "":
		content = strings.TrimSpace(i.Custom["full-text"])
	}
	switch {
	case content != "":
		it.HTML = content
	case it.Text == "" && (hasMarkup(desc) || len(desc) > 2*maxSummary):
		it.HTML = desc
	}
	if it.HTML == "" && it.Text == "" {
		it.Summary = plainText(desc, len(desc)) // all there is
		return
	}
	it.Summary = clip(plainText(desc, maxSummary), maxSummary)
}

func (a *adapter) image(gi *gofeed.Item) string {
	if gi.Image != nil {
		if u := a.web(gi.Image.URL); u != "" {
			return u
		}
	}
	for _, m := range media(gi.Extensions) {
		for _, name := range []string{"thumbnail", "content"} {
			for _, e := range m[name] {
				if name == "content" && e.Attrs["medium"] != "image" && !strings.HasPrefix(e.Attrs["type"], "image/") {
					continue
				}
				if u := a.web(e.Attrs["url"]); u != "" {
					return u
				}
			}
		}
	}
	for _, e := range gi.Enclosures {
		if strings.HasPrefix(e.Type, "image/") {
			return a.web(e.URL)
		}
	}
	return ""
}

// namesNoArticle says that the item's link is not its identity: it leads to
// the site's front page, or to one place of a page that many items lie on, as
// the item's own identifier tells.
func (a *adapter) namesNoArticle(it *pipeline.Item) bool {
	if it.URL == "" || it.GUID == "" {
		return false
	}
	link := cmp.Or(it.Link, it.URL) // with its fragment
	if frag := strings.IndexByte(link, '#'); frag >= 0 && len(link) > frag+1 && strings.HasSuffix(it.GUID, link[frag:]) {
		return true
	}
	if it.GUID == link {
		return false
	}
	const scheme = len("https://")
	return it.URL == a.home || len(it.URL) > scheme && strings.IndexByte(it.URL[scheme:], '/') == len(it.URL)-scheme-1
}

// apart sees to it that every item has a key of its own. The same item twice
// is once. Different items under one key, because their feed links them all to
// one page or gives them all one identifier, are all told apart by something
// else: all, so that no item's key depends on which others are listed with it.
// repeated is told of each that is not kept.
func apart(items []pipeline.Item, repeated func(*pipeline.Item)) []pipeline.Item {
	if haveOwnKeys(items) {
		return items
	}
	groups := make(map[string][]*pipeline.Item, len(items)) // the distinct items of a key
	var out []*pipeline.Item
	for i := range items {
		it := &items[i]
		g := groups[it.Key]
		if slices.ContainsFunc(g, func(other *pipeline.Item) bool { return same(other, it) }) {
			repeated(it)
			continue
		}
		groups[it.Key] = append(g, it)
		out = append(out, it)
	}
	for _, g := range groups {
		if len(g) > 1 {
			tellApart(g)
		}
	}
	kept := make([]pipeline.Item, 0, len(out))
	taken := make(map[string]bool, len(out))
	for _, it := range out {
		if !taken[it.Key] {
			taken[it.Key] = true
			kept = append(kept, *it)
		} else {
			repeated(it)
		}
	}
	return kept
}

func haveOwnKeys(items []pipeline.Item) bool {
	seen := make(map[string]bool, len(items))
	for i := range items {
		seen[items[i].Key] = true
	}
	return len(seen) == len(items)
}

// tellApart gives the items keys by the first of their features that all of
// them differ in.
func tellApart(g []*pipeline.Item) {
	features := []func(*pipeline.Item) string{
		func(it *pipeline.Item) string { return it.GUID },
		func(it *pipeline.Item) string { return it.Link }, // with its fragment
		func(it *pipeline.Item) string { return it.Title },
		func(it *pipeline.Item) string { return it.Title + "\n" + it.Content },
	}
	by := features[len(features)-1]
	for _, f := range features {
		values := make(map[string]bool, len(g))
		for _, it := range g {
			if v := f(it); v != "" {
				values[v] = true
			}
		}
		if len(values) == len(g) {
			by = f
			break
		}
	}
	for _, it := range g {
		it.Link, it.URL = cmp.Or(it.Link, it.URL), ""
		guid := it.GUID
		it.GUID = by(it)
		it.Identify()
		it.GUID = guid // it stays what the feed says
	}
}

// same says whether two items under one key are one. BBC's identifiers are the
// article's address with a number behind # that grows with each edition.
func same(x, y *pipeline.Item) bool {
	if x.Content == y.Content || x.GUID != "" && x.GUID == y.GUID && x.Title == y.Title {
		return true
	}
	if x.GUID == y.GUID {
		return false
	}
	u, okX := pipeline.CanonicalURL(x.GUID)
	v, okY := pipeline.CanonicalURL(y.GUID)
	return okX && okY && u == v && u == x.URL
}

// original is gofeed's own model of the i-th item.
func original(f *gofeed.Feed, i int) any {
	switch o := f.OriginalFeed().(type) {
	case *rss.Feed:
		if i < len(o.Items) {
			return o.Items[i]
		}
	case *gatom.Feed:
		if i < len(o.Entries) {
			return o.Entries[i]
		}
	case *gjson.Feed:
		if i < len(o.Items) {
			return o.Items[i]
		}
	}
	return nil
}

func itemLang(f *gofeed.Feed, i int) string {
	if o, ok := original(f, i).(*gjson.Item); ok {
		return primaryLang(o.Language)
	}
	if dc := f.Items[i].DublinCoreExt; dc != nil && len(dc.Language) > 0 {
		return primaryLang(dc.Language[0])
	}
	return ""
}

func isRDF(root string) bool {
	return strings.EqualFold(root[strings.LastIndexByte(root, ':')+1:], "rdf")
}

var aboutRe = regexp.MustCompile(`\b(?:\w+:)?about\s*=\s*(?:"([^"]*)"|'([^']*)')`)

// aboutAttributes is the rdf:about of each item, which gofeed does not keep.
// Where the items seen here are not the ones gofeed made, there are none.
func aboutAttributes(d *document, items int) []string {
	if d.json || len(d.items) != items || !isRDF(d.root.name) {
		return nil
	}
	about := make([]string, items)
	for i, t := range d.items {
		if m := aboutRe.FindSubmatch(d.text[t.start:t.end]); m != nil {
			about[i] = strings.TrimSpace(string(unescapeOnce(slices.Concat(m[1], m[2]))))
		}
	}
	return about
}

// media is the media: elements of an item, those in groups included.
func media(x ext.Extensions) []map[string][]ext.Extension {
	m := x["media"]
	if m == nil {
		return nil
	}
	out := []map[string][]ext.Extension{m}
	for _, g := range m["group"] {
		out = append(out, g.Children)
	}
	for _, c := range m["content"] {
		out = append(out, c.Children)
	}
	return out
}

func mediaValue(x ext.Extensions, name string) string {
	for _, m := range media(x) {
		for _, e := range m[name] {
			if v := strings.TrimSpace(e.Value); v != "" {
				return v
			}
		}
	}
	return ""
}

func extValue(x ext.Extensions, prefix, name string) string {
	for _, e := range x[prefix][name] {
		if v := strings.TrimSpace(e.Value); v != "" {
			return v
		}
	}
	return ""
}

// person is the names of the authors; an address where there is no name.
func person(ps []*gofeed.Person) string {
	var names []string
	for _, p := range ps {
		if p == nil {
			continue
		}
		n := titleText(p.Name)
		if n == "" {
			n = strings.TrimSpace(p.Email)
		}
		if n != "" && !slices.Contains(names, n) && len(names) < 10 {
			names = append(names, clip(n, 200))
		}
	}
	return strings.Join(names, ", ")
}

func tags(categories []string) []string {
	var out []string
	for _, c := range categories {
		if c = titleText(c); c != "" && len(c) <= 200 && !slices.Contains(out, c) && len(out) < maxTags {
			out = append(out, c)
		}
	}
	return out
}

// primaryLang is the primary subtag of a language tag, or empty.
func primaryLang(tag string) string {
	tag = strings.ToLower(strings.TrimSpace(tag))
	if i := strings.IndexAny(tag, "-_"); i >= 0 {
		tag = tag[:i]
	}
	if len(tag) < 2 || len(tag) > 3 || strings.Trim(tag, "abcdefghijklmnopqrstuvwxyz") != "" {
		return ""
	}
	return tag
}
