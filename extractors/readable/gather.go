package readable

import (
	"cmp"
	"net/url"
	"strings"

	"golang.org/x/net/html"

	"github.com/newswatch/newswatch/extractors/readable/internal/titles"
)

// gathered is what one walk over a page finds beside its body.
type gathered struct {
	nodes int
	lang  string            // of the html element
	title string            // the title element
	heads []string          // h1 elements, at most maxHeads
	meta  map[string]string // name, property or itemprop in lower case → first content
	many  map[string][]string
	canon string // link rel=canonical
	amp   string // link rel=amphtml
	base  string // base href

	wordpress bool // links lead to its folders
	ld        linked

	dated   []dated         // dates, in the order of the page
	credits []credit        // who may have written it
	subs    []string        // the first h2 elements
	heard   []titles.Said   // what the headings say, and what is marked as one
	lead    strings.Builder // the beginning of the text
	scripts []*html.Node    // that may hold the page's data

	words map[string]hint // what class and id values say, by value
	line  lineBuffer
	pos   int // lines of text so far
	head  int // line of the first h1; -1: none yet
	read  dateReader
	host  string // of the page's address

	byline bool                // the last line was nothing but "by"
	short  map[string]bool     // the short lines before the first heading, squeezed: the names of sections
	person credit              // the last line, where it looked like a person's name
	dateAt int                 // the last line that was little more than a date
	around map[*html.Node]bool // what holds a first-order heading: the article lies inside
}

// maxHeads is how many first-order headings are kept as likely titles.
const maxHeads = 4

// gather walks the tree once. The page's address tells its country.
func gather(root *html.Node, page string) *gathered {
	g := &gathered{meta: make(map[string]string), many: make(map[string][]string), words: make(map[string]hint), head: -1, short: make(map[string]bool), dateAt: -9}
	g.host = hostOf(page)
	g.order()
	g.surround(root)
	g.walk(root, 0)
	g.flush()
	return g
}

// surround notes the elements that hold the first headings. Themes call them
// after the sidebar beside them, which makes nothing in them beside the article.
func (g *gathered) surround(root *html.Node) {
	g.around = make(map[*html.Node]bool)
	heads := 0
	for n := range root.Descendants() {
		if n.Type != html.ElementNode || n.Data != "h1" {
			continue
		}
		for p := n.Parent; p != nil && !g.around[p]; p = p.Parent {
			g.around[p] = true
		}
		if heads++; heads == maxHeads {
			return
		}
	}
}

// walk goes over a node and what is below it; h says where it lies.
func (g *gathered) walk(n *html.Node, h hint) {
	g.nodes++
	switch n.Type {
	case html.TextNode:
		g.line.add(n.Data, h)
		return
	case html.ElementNode:
		if n.Namespace != "" {
			return
		}
		var down bool
		if h, down = g.element(n, h); !down {
			return
		}
	}
	breaks := n.Type == html.ElementNode && (isBlock(n.Data) || n.Data == "br")
	if breaks {
		g.flush()
	}
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		g.walk(c, h)
	}
	if breaks {
		g.flush()
	}
}

// element takes what an element says; down tells whether its text is to be read.
func (g *gathered) element(n *html.Node, h hint) (hint, bool) {
	switch n.Data {
	case "html":
		g.lang = cmp.Or(attr(n, "lang"), attr(n, "xml:lang"))
		g.order()
	case "title":
		if g.title == "" {
			if t := line(html.UnescapeString(content(n))); len(t) <= maxTitle { // some escape it twice
				g.title = t
			}
		}
		return h, false
	case "h1":
		if len(g.heads) < maxHeads {
			if t := headText(n); t != "" && len(t) <= maxTitle {
				if g.head < 0 {
					g.flush()
					g.head = g.pos
				}
				g.heads = append(g.heads, t)
				g.hear(n, h, t)
			}
		}
		h |= inHeading
	case "h2":
		if len(g.subs) < maxHeads {
			if t := headText(n); t != "" && len(t) <= maxTitle {
				g.subs = append(g.subs, t)
				g.hear(n, h, t)
			}
		}
	case "base":
		g.base = cmp.Or(g.base, attr(n, "href"))
	case "link":
		g.link(n)
		return h, false
	case "meta":
		g.metaElement(n)
		return h, false
	case "script":
		g.script(n)
		return h, false
	case "style", "template", "svg", "iframe", "object", "select", "textarea", "noscript":
		return h, false
	case "nav", "aside", "footer":
		h |= offside
	case "a":
		h |= inLink
		if strings.Contains(strings.ToLower(attr(n, "rel")), "author") {
			h |= authorWord
			g.credit(n, fromRel, h)
		}
	}
	g.marked(n, h)
	return g.attributes(n, h), true
}

func (g *gathered) link(n *html.Node) {
	if href := attr(n, "href"); !g.wordpress {
		g.wordpress = strings.Contains(href, "/wp-content/") || strings.Contains(href, "/wp-json")
	}
	switch rel := strings.ToLower(strings.TrimSpace(attr(n, "rel"))); {
	case rel == "canonical" && g.canon == "":
		g.canon = strings.TrimSpace(attr(n, "href"))
	case rel == "amphtml" && g.amp == "":
		g.amp = strings.TrimSpace(attr(n, "href"))
	}
}

func (g *gathered) script(n *html.Node) {
	switch typ := strings.ToLower(attr(n, "type")); {
	case strings.Contains(typ, "ld+json"):
		g.ld.add(content(n))
	case n.FirstChild != nil && len(g.scripts) < 60:
		g.scripts = append(g.scripts, n)
	}
}

func (g *gathered) metaElement(n *html.Node) {
	value := strings.TrimSpace(attr(n, "content"))
	if value == "" {
		return
	}
	for _, key := range []string{"property", "name", "itemprop", "http-equiv"} {
		for name := range strings.FieldsSeq(strings.ToLower(attr(n, key))) {
			if _, ok := g.meta[name]; !ok {
				g.meta[name] = value
			}
			if list := g.many[name]; len(list) < 10 {
				g.many[name] = append(list, value)
			}
		}
	}
}

// attributes reads the dates and credits that an element carries.
func (g *gathered) attributes(n *html.Node, h hint) hint {
	prop := ""
	for _, a := range n.Attr {
		switch a.Key {
		case "class", "id":
			switch {
			case n.Data == "html" || n.Data == "body": // names what the page is of
			case g.around[n]:
				h |= g.hints(a.Val) &^ offside
			default:
				h |= g.hints(a.Val)
			}
		case "itemprop", "property":
			prop += a.Val + " "
		}
	}
	for _, a := range n.Attr {
		if len(a.Val) < 6 || len(a.Val) > 60 || a.Val[0] < '0' || strings.IndexByte(a.Val, '0') < 0 && strings.IndexByte(a.Val, '1') < 0 && strings.IndexByte(a.Val, '2') < 0 {
			continue
		}
		switch a.Key {
		case "datetime", "content":
			if n.Data == "time" || strings.Contains(prop, "date") {
				g.date(a.Val, fromTime, h|propHint(prop))
			}
		case "title":
			if n.Data == "abbr" || h&dateWord != 0 {
				g.date(a.Val, fromTime, h|propHint(prop))
			}
		case "data-timestamp", "data-time", "data-date", "data-datetime", "data-published", "data-publish-date", "data-utime", "data-pubdate":
			g.date(a.Val, fromData, h)
		}
	}
	switch {
	case prop == "":
	case strings.Contains(prop, "author") || strings.Contains(prop, "dc:creator"):
		h |= authorWord
		g.credit(n, fromProp, h)
	default:
		h |= propHint(prop)
	}
	if n.Data == "time" {
		h |= timeElement
		if _, ok := attrOK(n, "pubdate"); ok {
			h |= publishedWord
		}
	}
	if h&authorWord != 0 && n.Data != "body" && n.Data != "article" && n.Data != "main" && g.own(n)&authorWord != 0 {
		g.credit(n, fromClass, h)
	}
	return h
}

// own is what an element's class and id themselves say.
func (g *gathered) own(n *html.Node) hint {
	return g.hints(attr(n, "class")) | g.hints(attr(n, "id"))
}

func propHint(prop string) hint {
	switch {
	case strings.Contains(prop, "datePublished") || strings.Contains(prop, "dateCreated") || strings.Contains(prop, "dc:date"):
		return publishedProp | dateWord
	case strings.Contains(prop, "dateModified"):
		return modifiedWord | dateWord
	}
	return 0
}

// headText is the text of a heading, its parts set apart.
func headText(n *html.Node) string { return line(spaced(n)) }

// paid says whether the page is not free, as it says itself.
func (g *gathered) paid() bool {
	if g.ld.paid {
		return true
	}
	for _, name := range []string{"article:content_tier", "content_tier", "lp:paywall", "isaccessibleforfree", "cxenseparse:paywall", "cxenseparse:recs:paywall", "og:article:content_tier", "paywall", "tp:access"} {
		switch strings.ToLower(g.meta[name]) {
		case "locked", "metered", "paid", "premium", "hard", "subscriber":
			return true
		case "true", "yes", "1":
			return name != "isaccessibleforfree"
		case "false":
			if name == "isaccessibleforfree" {
				return true
			}
		}
	}
	return false
}

// first is the first of the named meta values that is not empty.
func (g *gathered) first(names ...string) string {
	for _, name := range names {
		if v := g.meta[name]; v != "" {
			return line(html.UnescapeString(v))
		}
	}
	return ""
}

// absolute resolves a link of the page; the answer is empty for anything but
// http and https.
func (g *gathered) absolute(page, ref string) string {
	if ref == "" {
		return ""
	}
	u, err := url.Parse(strings.TrimSpace(ref))
	if err != nil {
		return ""
	}
	for _, b := range []string{g.base, page} {
		if base, err := url.Parse(b); err == nil && !u.IsAbs() {
			u = base.ResolveReference(u)
		}
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return ""
	}
	return u.String()
}

func attr(n *html.Node, key string) string {
	v, _ := attrOK(n, key)
	return v
}

func attrOK(n *html.Node, key string) (string, bool) {
	for _, a := range n.Attr {
		if a.Key == key && a.Namespace == "" {
			return a.Val, true
		}
	}
	return "", false
}

// content is the bare text inside an element that holds only text.
func content(n *html.Node) string {
	if n.FirstChild != nil && n.FirstChild.NextSibling == nil {
		return n.FirstChild.Data
	}
	var b strings.Builder
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		if c.Type == html.TextNode {
			b.WriteString(c.Data)
		}
	}
	return b.String()
}

// spaced is the text below an element with a space between any two elements',
// but none before the punctuation that joins them.
func spaced(n *html.Node) string {
	var b strings.Builder
	apart := false // a border lies between what is written and what follows
	var walk func(n *html.Node)
	walk = func(n *html.Node) {
		for c := n.FirstChild; c != nil && b.Len() < 2000; c = c.NextSibling {
			switch {
			case c.Type == html.TextNode:
				if apart && !strings.HasPrefix(c.Data, ":") && !strings.HasPrefix(c.Data, ",") {
					b.WriteByte(' ')
				}
				apart = false
				b.WriteString(c.Data)
			case c.Type == html.ElementNode && !unseen(c):
				border := isBlock(c.Data) || c.Data == "br" || c.Data == "span" && c.PrevSibling != nil && c.PrevSibling.Type == html.ElementNode
				apart = apart || border
				walk(c)
				apart = apart || border
			}
		}
	}
	walk(n)
	return b.String()
}
