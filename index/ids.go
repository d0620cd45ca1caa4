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
		r.after = cursor{sort: pipeline.SortNewest, id: req.After}
	}
	limit := max(1, min(req.Limit, maxIDs))
	if ix.isClosed() {
		return pipeline.IDsResult{}, ErrClosed
	}
	ctx, cancel := context.WithTimeout(ctx, ix.cfg.Timeout)
	defer cancel()
	r.parts = ix.list()
	if err := r.count(ctx); err != nil {
		return pipeline.IDsResult{}, searchError(err, req.Query)
	}
	res := pipeline.IDsResult{IDs: []string{}, Total: r.res.Total}
	err = r.walk(ctx, r.build, r.after, limit, r.counts, func(h hit) (bool, error) {
		res.IDs = append(res.IDs, h.id)
		return len(res.IDs) < limit, nil
	})
	if err == nil && r.partial {
		err = fmt.Errorf("index: not all partitions answer: %s", strings.Join(r.res.Warnings, "; "))
	}
	if err != nil {
		return pipeline.IDsResult{}, searchError(err, req.Query)
	}
	return res, nil
}
