package readable

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"golang.org/x/net/html"

	textblocks "github.com/newswatch/newswatch/extractors/readable/internal/content"
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
	root, err := parse(bytes.NewReader(affordable([]byte(fragment))))
	if err != nil {
		return "", err
	}
	return render(root), nil
}

// render makes text of a tree: paragraphs set apart by a blank line, items and
// rows a line each, cells by a space.
func render(n *html.Node) string { return textblocks.Text(n) }

// unseen says whether a reader of the page would not see the element's text.
func unseen(n *html.Node) bool { return textblocks.Unseen(n) }

// isBlock says whether an element of this name stands apart from the text around it.
func isBlock(name string) bool { return textblocks.IsBlock(name) }

// line is s on one line, without what a reader doesn't see.
func line(s string) string { return textblocks.Line(s) }

// parse parses with scripting off, so that what stands in noscript is elements
// and not one string of markup that passes for text.
func parse(r io.Reader) (*html.Node, error) {
	root, err := html.ParseWithOptions(r, html.ParseOptionEnableScripting(false))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrTooDeep, err)
	}
	return root, nil
}
