package readable

import (
	"net/url"
	"slices"
	"strings"

	"golang.org/x/net/html"

	"github.com/newswatch/newswatch/extractors/readable/internal/titles"
)

const (
	// maxHeard is how many headings are heard.
	maxHeard = 12
	// leadLine is how long a line of running text is at least, leadMost how
	// much of such is kept.
	leadLine, leadMost = 80, 2000
)

// hear notes what a heading says.
func (g *gathered) hear(n *html.Node, h hint, text string) {
	place := titles.H2
	if n.Data == "h1" {
		place = titles.H1
		if len(g.heads) > 1 {
			place = titles.MoreH1
		}
	}
	if len(g.heard) < maxHeard {
		g.heard = append(g.heard, titles.Said{Place: place, Text: text, Parts: headParts(n), Standing: g.standing(n, h)})
	}
}

// standing says what a heading's names, its link and what it lies in say of it.
func (g *gathered) standing(n *html.Node, h hint) titles.Standing {
	names := strings.ToLower(attr(n, "class") + " " + attr(n, "id") + " " + attr(n, "itemprop"))
	switch {
	case strings.Contains(names, "logo") || strings.Contains(names, "site") || strings.Contains(names, "brand"):
		return titles.OfSite
	case h&offside != 0:
		return titles.Beside
	case strings.Contains(names, "headline") || strings.Contains(names, "title"):
		return titles.Called
	}
	for c := range n.ChildNodes() {
		if c.Type != html.ElementNode || c.Data != "a" {
			continue
		}
		href := strings.TrimSuffix(attr(c, "href"), "/")
		if href == "" || g.host != "" && strings.HasSuffix(href, g.host) { // the front page
			return titles.OfSite
		}
	}
	return titles.Plain
}

// marked notes the text of an element that is called a headline without being
// a heading of first or second order.
func (g *gathered) marked(n *html.Node, h hint) {
	if len(g.heard) >= maxHeard || h&offside != 0 {
		return
	}
	switch n.Data {
	case "h1", "h2", "html", "body", "a", "img":
		return
	}
	if attr(n, "itemprop") != "headline" && !slices.ContainsFunc(strings.Fields(attr(n, "class")), func(c string) bool { return headlineClasses[strings.ToLower(c)] }) {
		return
	}
	if t := headText(n); t != "" && len(t) <= leadLine*5 {
		g.heard = append(g.heard, titles.Said{Place: titles.Marked, Text: t})
	}
}

var headlineClasses = map[string]bool{
	"headline": true, "title": true, "entry-title": true, "entry__title": true, "post-title": true, "post__title": true, "page-title": true, "main-title": true,
	"article-title": true, "article__title": true, "articletitle": true, "article-headline": true, "article__headline": true,
}

// headParts are the texts that the elements of a heading set apart.
func headParts(n *html.Node) []string {
	var parts []string
	var walk func(n *html.Node)
	walk = func(n *html.Node) {
		for c := range n.ChildNodes() {
			if len(parts) > 5 {
				return
			}
			switch {
			case c.Type == html.TextNode:
				if t := line(c.Data); t != "" {
					parts = append(parts, t)
				}
			case c.Type == html.ElementNode && !unseen(c):
				walk(c)
			}
		}
	}
	walk(n)
	return parts
}

// titlePage is what the page says of its title, for the choice.
func (g *gathered) titlePage(page string, names []string, ruled string) *titles.Page {
	p := &titles.Page{Sites: names, News: g.isNews(), Linked: g.ld.found, Article: g.meta["og:type"] == "article", Press: g.press()}
	say := func(place titles.Place, text string) {
		if text = line(html.UnescapeString(text)); text != "" && len(text) <= maxTitle {
			p.Said = append(p.Said, titles.Said{Place: place, Text: text, Bare: g.trimTitle(text, names, place != titles.Element)})
		}
	}
	headline := line(g.ld.headline)
	say(titles.OpenGraph, g.meta["og:title"])
	say(titles.Headline, headline)
	say(titles.Element, g.title)
	say(titles.Twitter, g.meta["twitter:title"])
	for _, name := range []string{"parsely-title", "sailthru.title", "dc.title", "dcterms.title", "title", "headline", "hdl", "cxenseparse:title", "article:title"} {
		say(titles.Meta, g.meta[name])
	}
	for _, t := range g.ld.others {
		if t != headline {
			say(titles.Other, t)
		}
	}
	for _, t := range g.ld.called {
		say(titles.Name, t)
	}
	for _, t := range g.ld.alternatives {
		say(titles.Alternative, t)
	}
	for _, s := range g.heard {
		s.Bare = g.trimTitle(s.Text, names, true)
		p.Said = append(p.Said, s)
	}
	say(titles.Ruled, ruled)
	if u, err := url.Parse(page); err == nil {
		p.Path = u.Path
	}
	p.Summary = line(g.first("og:description", "description", "twitter:description") + " " + g.ld.summary)
	p.Lead = g.lead.String()
	return p
}

// Titles gathers what a page says of its title, what the rules make of it, and
// whether these have the last word. It is for the command internal/fit, which
// fits the choice: its result is of an internal package.
func Titles(root *html.Node, opt Options) (p *titles.Page, ruled string, press bool) {
	g := gather(root, opt.URL)
	names := g.siteNames(g.site())
	ruled = g.ruledTitle(opt.Title, names)
	p = g.titlePage(opt.URL, names, ruled)
	return p, ruled, g.isPress() || len(p.Said) <= leastSaid
}

// titlesSaid are the texts that places of the page say for a title, once each.
func titlesSaid(p *Page, root *html.Node, opt Options) []TitleTrace {
	page, _, ruled := Titles(root, opt)
	likely := make(map[string]float64)
	if !ruled {
		for _, c := range page.Judged() {
			likely[squeeze(c.Text)] = c.Likelihood
		}
	}
	var out []TitleTrace
	for _, s := range page.Said {
		if s.Place == titles.Ruled {
			continue
		}
		i := slices.IndexFunc(out, func(t TitleTrace) bool { return sameTitle(t.Text, s.Bare) })
		if i < 0 {
			i = len(out)
			out = append(out, TitleTrace{Text: s.Bare, Likelihood: likely[squeeze(s.Bare)], Chosen: sameTitle(s.Bare, p.Title)})
		}
		if name := s.Place.String(); !slices.Contains(out[i].From, name) {
			out[i].From = append(out[i].From, name)
		}
	}
	return out
}
