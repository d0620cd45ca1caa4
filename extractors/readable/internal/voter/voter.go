// Package voter asks others' extractors for the text of a page, and says how
// far two texts agree. In goes a tree, which is left in pieces; out comes the
// text. A page that breaks an extractor is an error and no panic.
package voter

import (
	"errors"
	"fmt"
	"net/url"

	"codeberg.org/readeck/go-readability/v2"
	"golang.org/x/net/html"

	"github.com/newswatch/newswatch/extractors/readable/internal/content"
)

// ErrPanic is that the page broke the extractor.
var ErrPanic = errors.New("the page broke a voter")

// Readability is the text and the byline that the readability algorithm finds;
// both are empty where it finds no article.
func Readability(root *html.Node, page string) (text, byline string, err error) {
	defer func() {
		if r := recover(); r != nil {
			text, byline, err = "", "", fmt.Errorf("%w: readability: %v", ErrPanic, r)
		}
	}()
	u, err := url.Parse(page)
	if err != nil || u.Host == "" {
		u = &url.URL{Scheme: "http", Host: "page.invalid", Path: "/"}
	}
	parser := readability.NewParser()
	parser.DisableJSONLD = true // read already
	article, err := parser.ParseAndMutate(root, u)
	if err != nil || article.Node == nil {
		return "", "", nil
	}
	return content.Text(article.Node), article.Byline(), nil
}

// Agreement is how far two texts say the same, from 0 to 1: twice the runs of
// three words they share, over all that they have.
func Agreement(a, b string) float64 {
	x, y := content.Shingles(a), content.Shingles(b)
	if len(x)+len(y) == 0 {
		return 1
	}
	if len(x) > len(y) {
		x, y = y, x
	}
	both := 0
	for h := range x {
		if y[h] {
			both++
		}
	}
	return 2 * float64(both) / float64(len(x)+len(y))
}
