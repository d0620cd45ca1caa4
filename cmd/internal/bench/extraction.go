// Package bench measures the product on test data with known answers, for the
// commands under newswatch bench.
package bench

import (
	"io"

	"github.com/newswatch/newswatch/extractors/readable"
	"github.com/newswatch/newswatch/extractors/readable/readabletest"
)

// Extraction scores the extraction on the pages of the corpora and writes the
// table.
func Extraction(w io.Writer, corpora string) error {
	pages, err := readabletest.Pages(corpora)
	if err != nil {
		return err
	}
	scores, err := readabletest.Measure(pages, func(body []byte, p readabletest.Page) (string, error) {
		page, err := readable.Extract(body, readable.Options{URL: p.URL})
		return page.Text, err
	})
	if err != nil {
		return err
	}
	return readabletest.Print(w, scores)
}
