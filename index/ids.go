package index

import (
	"context"
	"fmt"
	"strings"

	"github.com/newswatch/newswatch/pipeline"
)

// maxIDs is the most ids of one page.
const maxIDs = 10000

// IDs lists the articles that may match the query by id, newest first. It
// reads no article, so it is fast, and what only the article can tell is not
// told: see pipeline.IDsRequest. A partition that does not answer is an error,
// for a list that lacks articles would be taken for the whole.
func (ix *Index) IDs(ctx context.Context, req pipeline.IDsRequest) (pipeline.IDsResult, error) {
	r, err := ix.newRun(pipeline.SearchRequest{Query: req.Query})
	if err != nil {
		return pipeline.IDsResult{}, err
	}
	if req.After != "" {
		r.after.id = req.After
	}
	res, err := r.ids(ctx, max(1, min(req.Limit, maxIDs)))
	if err != nil {
		return pipeline.IDsResult{}, searchError(err, req.Query)
	}
	return res, nil
}

func (r *run) ids(ctx context.Context, limit int) (pipeline.IDsResult, error) {
	res := pipeline.IDsResult{IDs: []string{}}
	err := r.listed(ctx, limit, func(h hit) { res.IDs = append(res.IDs, h.id) })
	res.Total = r.res.Total
	return res, err
}

// listed calls fn with so many of the articles that may match, newest first.
func (r *run) listed(ctx context.Context, limit int, fn func(hit)) error {
	if r.ix.isClosed() {
		return ErrClosed
	}
	ctx, cancel := context.WithTimeout(ctx, r.ix.cfg.Timeout)
	defer cancel()
	defer r.close()
	if err := r.find(ctx); err != nil {
		return err
	}
	n := 0
	err := r.walk(ctx, r.after, limit, func(h hit) (bool, error) {
		fn(h)
		n++
		return n < limit, nil
	})
	if err == nil && r.partial {
		err = fmt.Errorf("index: not all partitions answer: %s", strings.Join(r.res.Warnings, "; "))
	}
	return err
}
