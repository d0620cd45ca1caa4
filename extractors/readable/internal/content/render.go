package content

import (
	"strings"
	"unicode"

	"golang.org/x/net/html"
)

// Text is the text of nodes as a reader sees it, without their hidden parts, in
// the form of [Document.Join]. It goes by the names of elements, not by their
// atoms, which rewritten trees don't always have.
func Text(nodes ...*html.Node) string {
	d := &Document{boxes: []box{{parent: -1}}}
	w := walker{d: d, plain: true}
	for _, n := range nodes {
		w.brk = BreakBlock
		switch {
		case n.Type == html.TextNode:
			w.text(n.Data)
		case n.Type == html.ElementNode && kinds[n.Data] != kindUnseen:
			w.element(n)
		default:
			w.children(n)
		}
		w.flush()
	}
	return d.Join(func(int) bool { return true })
}

// Line is s on one line, without what a reader doesn't see.
func Line(s string) string {
	var out strings.Builder
	space := false
	for _, c := range s {
		switch {
		case unicode.IsSpace(c):
			space = true
		case invisible(c):
		default:
			if space && out.Len() > 0 {
				out.WriteByte(' ')
			}
			space = false
			out.WriteRune(c)
		}
	}
	return out.String()
}

// invisible are control characters, soft hyphens and marks that no reader sees.
func invisible(c rune) bool {
	switch c {
	case 0x7f, '\u00ad', '\u200b', '\u2060', '\ufeff', '\ufffe', '\uffff':
		return true
	}
	return c < 0x20
}

// Unseen says whether a reader of the page would not see the text of an
// element.
func Unseen(n *html.Node) bool { return kinds[n.Data] == kindUnseen || hiddenBy(n) }

// IsBlock says whether an element of this name stands apart from the text
// around it.
func IsBlock(name string) bool {
	switch kinds[name] {
	case kindInline, kindLink, kindStrong, kindEmphatic, kindUnseen, kindBreak, kindCell:
		return false
	}
	return true
}

// hiddenBy says whether an element's own attributes hide it.
func hiddenBy(n *html.Node) bool {
	for i := range n.Attr {
		switch a := &n.Attr[i]; a.Key {
		case "hidden":
			return a.Val != "until-found"
		case "style":
			if hides(a.Val) {
				return true
			}
		}
	}
	return false
}
