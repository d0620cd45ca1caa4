package readable

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/andybalholm/cascadia"
	"golang.org/x/net/html"
)

// An Origin says which places of a page bear out a field of its article. Where
// none does, the field was put together, or read out of running text.
type Origin struct {
	Field string   `json:"field"` // title, author, published, modified
	Value string   `json:"value"`
	From  []string `json:"from"` // such as "meta og:title", "JSON-LD headline", "h1"
}

// said is what a place of the page says: a title, names or a time.
type said struct{ from, value string }

// maxSaid bounds how many places are heard.
const maxSaid = 2000

// witnesses are the places of the page that say something of its article.
func witnesses(root *html.Node) []said {
	var all []said
	add := func(from, value string) {
		if value = line(value); value != "" && len(all) < maxSaid {
			all = append(all, said{from, value})
		}
	}
	var walk func(n *html.Node)
	walk = func(n *html.Node) {
		if n.Type == html.ElementNode {
			switch n.Data {
			case "title", "h1", "h2":
				add(n.Data, render(n))
			case "time":
				add("time", cmp.Or(attr(n, "datetime"), render(n)))
			case "meta":
				add("meta "+cmp.Or(attr(n, "property"), attr(n, "name"), attr(n, "itemprop")), attr(n, "content"))
			case "script":
				if strings.Contains(attr(n, "type"), "ld+json") && n.FirstChild != nil {
					var v any
					if json.Unmarshal([]byte(unwrapScript(n.FirstChild.Data)), &v) == nil {
						linkedSays(v, "", 0, add)
					}
				}
			case "svg", "style", "noscript":
				return
			}
			if p := attr(n, "itemprop"); p != "" && n.Data != "meta" {
				add("itemprop "+p, cmp.Or(attr(n, "content"), attr(n, "datetime"), render(n)))
			}
			if slices.Contains(strings.Fields(attr(n, "rel")), "author") {
				add("rel author", render(n))
			}
		}
		for c := n.FirstChild; c != nil; c = c.NextSibling {
			walk(c)
		}
	}
	walk(root)
	return all
}

// linkedSays tells add of the strings of JSON-LD by the keys they stand under.
func linkedSays(v any, key string, depth int, add func(from, value string)) {
	if depth > ldDepth {
		return
	}
	switch x := v.(type) {
	case string:
		if key != "" {
			add("JSON-LD "+key, x)
		}
	case []any:
		for _, e := range x {
			linkedSays(e, key, depth+1, add)
		}
	case map[string]any:
		for k, e := range x {
			switch k {
			case "headline", "datePublished", "dateCreated", "dateModified", "author", "creator", "@graph", "mainEntity", "mainEntityOfPage":
				linkedSays(e, strings.TrimPrefix(k, "@graph"), depth+1, add)
			case "name":
				if key == "author" || key == "creator" {
					linkedSays(e, key, depth+1, add)
				}
			}
		}
	}
}

// origins finds who bears out what the page was taken to say.
func origins(p *Page, root *html.Node, opt Options) []Origin {
	all := witnesses(root)
	hear := func(field, value string, says func(v string) bool) Origin {
		o := Origin{Field: field, Value: value, From: []string{}}
		for _, s := range all {
			if !slices.Contains(o.From, s.from) && says(s.value) {
				o.From = append(o.From, s.from)
			}
		}
		slices.SortStableFunc(o.From, strings.Compare)
		return o
	}
	var out []Origin
	if p.Title != "" {
		o := hear("title", p.Title, func(v string) bool { return sameTitle(v, p.Title) || startsTitle(v, p.Title) })
		if sameTitle(opt.Title, p.Title) {
			o.From = append(o.From, "the feed")
		}
		out = append(out, o)
	}
	if p.Author != "" {
		first, _, _ := strings.Cut(p.Author, ", ")
		out = append(out, hear("author", p.Author, func(v string) bool {
			v = cleanAuthor(v, "")
			return strings.EqualFold(v, p.Author) || strings.EqualFold(v, first)
		}))
	}
	for _, d := range []struct {
		field string
		at    time.Time
	}{{"published", p.Published}, {"modified", p.Modified}} {
		if !d.at.IsZero() {
			out = append(out, hear(d.field, d.at.UTC().Format(time.RFC3339), func(v string) bool {
				return len(v) >= 6 && len(v) < 64 && parseTime(v, opt.Now).Equal(d.at)
			}))
		}
	}
	return out
}

// said tells what the rules select on the page, a line for each.
func (r Rules) said(root *html.Node) ([]string, error) {
	s, err := r.compile()
	if err != nil {
		return nil, err
	}
	var lines []string
	say := func(name, selector string, sel cascadia.SelectorGroup) {
		if sel == nil {
			return
		}
		found := cascadia.QueryAll(root, sel)
		what := "nothing"
		if len(found) > 0 {
			what = fmt.Sprintf("%d, the first: %s", len(found), short(nodeText(found[0])))
		}
		lines = append(lines, fmt.Sprintf("%s %s: selects %s", name, selector, what))
	}
	for i, d := range s.drop {
		say("drop", r.Drop[i], d)
	}
	s.dropFrom(root)
	say("body", r.Body, s.body)
	say("title", r.Title, s.title)
	say("date", r.Date, s.date)
	say("author", r.Author, s.author)
	return lines, nil
}

// short is the beginning of a text.
func short(s string) string {
	const limit = 80
	if r := []rune(s); len(r) > limit {
		return string(r[:limit-1]) + "…"
	}
	return s
}
