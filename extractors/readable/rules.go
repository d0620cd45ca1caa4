package readable

import (
	"fmt"
	"strings"
	"time"

	"github.com/andybalholm/cascadia"
	"golang.org/x/net/html"

	textblocks "github.com/newswatch/newswatch/extractors/readable/internal/content"
)

// Rules are a source's own CSS selectors, for pages on which the common way
// fails. What a selector selects is taken as it stands; an empty one leaves its
// part to the common way, and so does one that selects nothing.
type Rules struct {
	Body   string   `yaml:"body,omitempty" json:"body,omitempty"`     // the text: all it selects, in the order of the page
	Title  string   `yaml:"title,omitempty" json:"title,omitempty"`   // the first it selects
	Date   string   `yaml:"date,omitempty" json:"date,omitempty"`     // the first it selects: datetime, content or text
	Author string   `yaml:"author,omitempty" json:"author,omitempty"` // all it selects are names
	Drop   []string `yaml:"drop,omitempty" json:"drop,omitempty"`     // cut out of the page first
}

// Validate reports the first selector that is none.
func (r Rules) Validate() error {
	_, err := r.compile()
	return err
}

// selectors are compiled rules; those not given are nil.
type selectors struct {
	body, title, date, author cascadia.SelectorGroup
	drop                      []cascadia.SelectorGroup
}

func (r Rules) compile() (selectors, error) {
	var s selectors
	for _, f := range []struct {
		name, selector string
		to             *cascadia.SelectorGroup
	}{
		{"body", r.Body, &s.body},
		{"title", r.Title, &s.title},
		{"date", r.Date, &s.date},
		{"author", r.Author, &s.author},
	} {
		if strings.TrimSpace(f.selector) == "" {
			continue
		}
		group, err := cascadia.ParseGroup(f.selector)
		if err != nil {
			return s, fmt.Errorf("%s: selector %q: %w", f.name, f.selector, err)
		}
		*f.to = group
	}
	for i, d := range r.Drop {
		group, err := cascadia.ParseGroup(d)
		if err != nil {
			return s, fmt.Errorf("drop[%d]: selector %q: %w", i, d, err)
		}
		s.drop = append(s.drop, group)
	}
	return s, nil
}

// dropFrom cuts what the drop rules select out of the page.
func (s selectors) dropFrom(root *html.Node) (dropped int) {
	for _, d := range s.drop {
		for _, n := range cascadia.QueryAll(root, d) {
			if n.Parent != nil {
				n.Parent.RemoveChild(n)
				dropped++
			}
		}
	}
	return dropped
}

// bodyText is the text of all that the body rule selects. An element inside
// another that is selected is not said twice.
func (s selectors) bodyText(root *html.Node) string {
	if s.body == nil {
		return ""
	}
	var nodes []*html.Node
	var last *html.Node
	for _, n := range cascadia.QueryAll(root, s.body) {
		if last != nil && within(n, last) {
			continue
		}
		last = n
		nodes = append(nodes, n)
	}
	return textblocks.Text(nodes...)
}

func within(n, ancestor *html.Node) bool {
	for ; n != nil; n = n.Parent {
		if n == ancestor {
			return true
		}
	}
	return false
}

// describe sets title, author and date where their rules select something,
// and reports whether each rule given did.
func (s selectors) describe(p *Page, root *html.Node, now time.Time) (all bool) {
	all = true
	if s.title != nil {
		if t := firstText(root, s.title); t != "" {
			p.Title = t
		} else {
			all = false
		}
	}
	if s.author != nil {
		var names []string
		for _, n := range cascadia.QueryAll(root, s.author) {
			if name := cleanAuthor(nodeText(n), p.Site); name != "" {
				names = append(names, name)
			}
		}
		if len(names) > 0 {
			p.Author = strings.Join(names, ", ")
		} else {
			all = false
		}
	}
	if s.date != nil {
		found := false
		for _, n := range cascadia.QueryAll(root, s.date) {
			for _, v := range []string{attr(n, "datetime"), attr(n, "content"), nodeText(n)} {
				if t := parseTime(v, now); !t.IsZero() && !found {
					p.Published, found = t, true
				}
			}
		}
		all = all && found
	}
	return all
}

func firstText(root *html.Node, sel cascadia.SelectorGroup) string {
	for _, n := range cascadia.QueryAll(root, sel) {
		if t := nodeText(n); t != "" {
			return t
		}
	}
	return ""
}

// nodeText is the text of an element on one line; of a meta element, its content.
func nodeText(n *html.Node) string {
	if n.Data == "meta" {
		return line(attr(n, "content"))
	}
	return line(render(n))
}
