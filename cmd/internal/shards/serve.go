package shards

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"

	"golang.org/x/sync/errgroup"

	"github.com/newswatch/newswatch/index"
	"github.com/newswatch/newswatch/pipeline"
	"github.com/newswatch/newswatch/pipeline/jet"
)

// What a replica answers, each a service shard.<shard>.<replica>.<what>: who
// asks chooses the replica.
const (
	servePart    = "part"    // index.PartRequest → index.PartResult
	serveSearch  = "search"  // pipeline.SearchRequest → pipeline.SearchResult, where there is one shard
	serveArticle = "article" // id → pipeline.Article
	serveIDs     = "ids"     // pipeline.IDsRequest → pipeline.IDsResult

	serveSnapshot = "snapshot" // chunkRequest → chunk, see export.go
)

func service(shard int, replica, what string) string {
	return "shard." + strconv.Itoa(shard) + "." + replica + "." + what
}

// serve offers the copy to other processes until ctx is done.
func (r *replica) serve(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return offer(ctx, r, opPart) })
	g.Go(func() error { return offer(ctx, r, opSearch) })
	g.Go(func() error { return offer(ctx, r, opArticle) })
	g.Go(func() error { return offer(ctx, r, opIDs) })
	g.Go(func() error {
		e := &exporter{ix: r.index()}
		defer e.close()
		return r.h.node.Serve(ctx, service(r.shard, r.h.opts.Replica, serveSnapshot), e.chunk)
	})
	return g.Wait()
}

// offer serves the op: JSON in, JSON out.
func offer[Req, Resp any](ctx context.Context, r *replica, o op[Req, Resp]) error {
	name := service(r.shard, r.h.opts.Replica, o.what)
	return r.h.node.Serve(ctx, name, func(ctx context.Context, data []byte) ([]byte, error) {
		var req Req
		if err := json.Unmarshal(data, &req); err != nil {
			return nil, fmt.Errorf("service %s: request: %w", name, err)
		}
		resp, err := o.local(r, ctx, req)
		if err != nil {
			return nil, err
		}
		return json.Marshal(resp)
	})
}

// call asks a replica in another process.
func (o op[Req, Resp]) call(ctx context.Context, node *jet.Node, rep Replica, req Req) (resp Resp, err error) {
	data, err := json.Marshal(req)
	if err != nil {
		return resp, err
	}
	name := service(rep.Shard, rep.Replica, o.what)
	if data, err = node.Call(ctx, name, data); err != nil {
		return resp, err
	}
	if err := json.Unmarshal(data, &resp); err != nil {
		return resp, fmt.Errorf("service %s: answer: %w", name, err)
	}
	return resp, nil
}

// An op is a question to a replica: of a copy in this process by a call of a
// function, of another one by its service.
type op[Req, Resp any] struct {
	what  string
	local func(*replica, context.Context, Req) (Resp, error)
}

var (
	opPart    = op[index.PartRequest, index.PartResult]{servePart, ofIndex((*index.Index).Part)}
	opSearch  = op[pipeline.SearchRequest, pipeline.SearchResult]{serveSearch, ofIndex((*index.Index).Search)}
	opArticle = op[string, pipeline.Article]{serveArticle, ofIndex((*index.Index).Article)}
	opIDs     = op[pipeline.IDsRequest, pipeline.IDsResult]{serveIDs, (*replica).ids}
)

var opOwnIDs = ofIndex((*index.Index).IDs)

func ofIndex[Req, Resp any](fn func(*index.Index, context.Context, Req) (Resp, error)) func(*replica, context.Context, Req) (Resp, error) {
	return func(r *replica, ctx context.Context, req Req) (resp Resp, err error) {
		ix := r.index()
		if ix == nil { // another copy is taking its place
			return resp, pipeline.ErrNoServer
		}
		return fn(ix, ctx, req)
	}
}

// ids adds how far the copy is to what its index answers. It is asked before:
// what came meanwhile does no harm.
func (r *replica) ids(ctx context.Context, req pipeline.IDsRequest) (pipeline.IDsResult, error) {
	seq, err := r.settled(ctx)
	if err != nil {
		return pipeline.IDsResult{}, err
	}
	res, err := opOwnIDs(r, ctx, req)
	res.Seq = seq
	return res, err
}
