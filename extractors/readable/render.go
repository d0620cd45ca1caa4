package readable

import (
	"fmt"
	"io"
	"strings"
	"unicode"

	"golang.org/x/net/html"
)

// Breaks between stretches of text, the stronger one wins.
const (
	breakNone  = iota
	breakLine  // items, rows, <br>
	breakBlock // paragraphs
)

// Text makes plain text of HTML as feeds carry it, in the form of [Page.Text].
// The HTML may be a fragment and is not trusted: scripts, styles and hidden
// parts are dropped, no markup survives. The error is ErrTooDeep or ErrPanic.
func Text(fragment string) (text string, err error) {
	defer func() {
		if r := recover(); r != nil {
			text, err = "", fmt.Errorf("%w: %v", ErrPanic, r)
		}
	}()
	if !strings.Contains(fragment, "<") {
		fragment = strings.ReplaceAll(fragment, "\n\n", "<p>")
	}
	root, err := parse(strings.NewReader(fragment))
	if err != nil {
		return "", err
	}
	return render(root), nil
}

// render makes text of a tree: paragraphs set apart by a blank line, items and
// rows a line each, cells by a space. It goes by the names of elements, not by
// their atoms, which rewritten trees don't always have.
func render(n *html.Node) string {
	var r renderer
	r.node(n)
	return r.out.String()
}

type renderer struct {
	out   strings.Builder
	brk   int  // break due before the next text
	space bool // a space is due before the next text
	item  bool // the next text begins an item
	pre   int  // depth of elements whose line ends count
}

func (r *renderer) node(n *html.Node) {
	switch n.Type {
	case html.TextNode:
		r.text(n.Data)
	case html.DocumentNode:
		r.children(n)
	case html.ElementNode:
		if !unseen(n) {
			r.element(n)
		}
	}
}

func (r *renderer) children(n *html.Node) {
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		r.node(c)
	}
}

func (r *renderer) element(n *html.Node) {
	switch n.Data {
	case "br":
		if r.brk >= breakLine { // <br><br> is how many pages set paragraphs apart
			r.brk = breakBlock
		}
		r.brk = max(r.brk, breakLine)
		return
	case "td", "th":
		r.space = true
		r.children(n)
		r.space = true
		return
	case "pre":
		r.pre++
		defer func() { r.pre-- }()
	}
	level := blocks[n.Data]
	r.brk = max(r.brk, level)
	if n.Data == "li" {
		r.item = true
	}
	r.children(n)
	r.brk = max(r.brk, level)
	if n.Data == "li" {
		r.item = false
	}
}

func (r *renderer) text(s string) {
	for _, c := range s {
		switch {
		case c == '\n' && r.pre > 0:
			r.brk = max(r.brk, breakLine)
			continue
		case unicode.IsSpace(c):
			r.space = true
			continue
		case c < 0x20, c == 0x7f, c == '\u00ad', c == '\ufeff', c == '\ufffe', c == '\uffff':
			continue // control characters, soft hyphens and marks that no reader sees
		}
		if r.brk > breakNone || r.space || r.item {
			r.gap()
		}
		r.out.WriteRune(c)
	}
}

// gap writes what is due between the last text and the next.
func (r *renderer) gap() {
	switch {
	case r.out.Len() == 0:
	case r.brk == breakBlock:
		r.out.WriteString("\n\n")
	case r.brk == breakLine:
		r.out.WriteByte('\n')
	case r.space:
		r.out.WriteByte(' ')
	}
	if r.item {
		r.out.WriteString("- ")
	}
	r.brk, r.space, r.item = breakNone, false, false
}

// blocks are the elements that begin and end a line or a paragraph.
var blocks = map[string]int{
	"address": breakBlock, "article": breakBlock, "aside": breakBlock, "blockquote": breakBlock, "body": breakBlock,
	"caption": breakBlock, "center": breakBlock, "dd": breakLine, "details": breakBlock, "div": breakBlock,
	"dl": breakBlock, "dt": breakLine, "fieldset": breakBlock, "figcaption": breakBlock, "figure": breakBlock,
	"footer": breakBlock, "form": breakBlock, "h1": breakBlock, "h2": breakBlock, "h3": breakBlock, "h4": breakBlock,
	"h5": breakBlock, "h6": breakBlock, "head": breakBlock, "header": breakBlock, "hr": breakBlock, "li": breakLine,
	"main": breakBlock, "nav": breakBlock, "ol": breakBlock, "p": breakBlock, "pre": breakBlock, "section": breakBlock,
	"summary": breakBlock, "table": breakBlock, "tr": breakLine, "ul": breakBlock,
}

// unseen says whether a reader of the page would not see the element's text.
func unseen(n *html.Node) bool {
	switch n.Data {
	case "script", "style", "noscript", "template", "svg", "iframe", "object", "embed", "audio", "video",
		"canvas", "head", "select", "option", "textarea", "button", "input", "datalist", "dialog", "map":
		return true
	}
	for _, a := range n.Attr {
		switch a.Key {
		case "hidden":
			return a.Val != "until-found"
		case "style":
			if v := strings.ReplaceAll(strings.ToLower(a.Val), " ", ""); strings.Contains(v, "display:none") ||
				strings.Contains(v, "visibility:hidden") {
				return true
			}
		}
	}
	return false
}

// parse parses with scripting off, so that what stands in noscript is elements
// and not one string of markup that passes for text.
func parse(r io.Reader) (*html.Node, error) {
	root, err := html.ParseWithOptions(r, html.ParseOptionEnableScripting(false))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrTooDeep, err)
	}
	return root, nil
}
