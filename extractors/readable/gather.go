package readable

import (
	"cmp"
	"net/url"
	"strings"

	"golang.org/x/net/html"
)

// gathered is what one walk over a page finds beside its body.
type gathered struct {
	nodes int
	lang  string            // of the html element
	title string            // the title element
	heads []string          // h1 elements, at most maxHeads
	meta  map[string]string // name, property or itemprop in lower case → first content
	canon string            // link rel=canonical
	amp   string            // link rel=amphtml
	base  string            // base href
	ld    linked
	props map[string]string // itemprop=datePublished… on elements other than meta
	years bool              // 年 stands somewhere: there may be an eastern date
}

// maxHeads is how many first-order headings are kept as likely titles.
const maxHeads = 4

// gather walks the tree once.
func gather(root *html.Node) *gathered {
	g := &gathered{meta: make(map[string]string), props: make(map[string]string)}
	g.walk(root)
	return g
}

func (g *gathered) walk(n *html.Node) {
	g.nodes++
	switch {
	case n.Type == html.ElementNode && n.Namespace == "":
		g.element(n)
	case n.Type == html.TextNode && !g.years:
		g.years = strings.Contains(n.Data, "年")
	}
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		g.walk(c)
	}
}

func (g *gathered) element(n *html.Node) {
	switch n.Data {
	case "html":
		g.lang = cmp.Or(attr(n, "lang"), attr(n, "xml:lang"))
	case "title":
		if g.title == "" {
			g.title = line(content(n))
		}
	case "h1":
		if len(g.heads) < maxHeads {
			if t := line(render(n)); t != "" {
				g.heads = append(g.heads, t)
			}
		}
	case "base":
		g.base = cmp.Or(g.base, attr(n, "href"))
	case "link":
		switch rel := strings.ToLower(strings.TrimSpace(attr(n, "rel"))); {
		case rel == "canonical" && g.canon == "":
			g.canon = strings.TrimSpace(attr(n, "href"))
		case rel == "amphtml" && g.amp == "":
			g.amp = strings.TrimSpace(attr(n, "href"))
		}
	case "meta":
		g.metaElement(n)
	case "script":
		if strings.Contains(strings.ToLower(attr(n, "type")), "ld+json") {
			g.ld.add(content(n))
		}
	default:
		g.itemprop(n)
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
		}
	}
}

func (g *gathered) itemprop(n *html.Node) {
	switch prop := attr(n, "itemprop"); prop {
	case "datePublished", "dateModified":
		if g.props[prop] == "" {
			g.props[prop] = cmp.Or(attr(n, "datetime"), attr(n, "content"))
		}
	}
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
	for _, a := range n.Attr {
		if a.Key == key && a.Namespace == "" {
			return a.Val
		}
	}
	return ""
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

// line is s on one line, without what a reader doesn't see.
func line(s string) string {
	var r renderer
	r.text(s)
	return r.out.String()
}
