package searchbench

import (
	"context"
	"io"

	"github.com/newswatch/newswatch/index"
)

// Timed is how long one shape of query took.
type Timed struct{}

// Queries times each shape.
func Queries(context.Context, *index.Index, *Corpus, int, int, io.Writer) ([]Timed, error) {
	return nil, nil
}

// Table writes what was measured as a Markdown table.
func Table(io.Writer, []Result) error { return nil }
