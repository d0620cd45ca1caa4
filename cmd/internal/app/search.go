package app

import (
	"context"
	"encoding/json"
	"fmt"

	"golang.org/x/sync/errgroup"

	"github.com/newswatch/newswatch/index"
	"github.com/newswatch/newswatch/pipeline"
	"github.com/newswatch/newswatch/pipeline/jet"
	"github.com/newswatch/newswatch/web"
)

// Names of the services that roles offer to each other, so that the web role
// can run in another process than the index and the fetchers.
const (
	serviceSearch  = "search"  // pipeline.SearchRequest → pipeline.SearchResult
	serviceArticle = "article" // id → pipeline.Article
	serviceIDs     = "ids"     // pipeline.IDsRequest → pipeline.IDsResult
	serviceIndex   = "index"   // nothing → web.IndexStatus
	serviceFeeds   = "feeds"   // nothing → []feeds.FeedHealth
	serviceFind    = "find"    // findRequest → *feeds.Finding
)

// serve offers fn under the name until ctx is done: JSON in, JSON out.
func serve[Req, Resp any](ctx context.Context, node *jet.Node, name string, fn func(context.Context, Req) (Resp, error)) error {
	return node.Serve(ctx, name, func(ctx context.Context, data []byte) ([]byte, error) {
		var req Req
		if err := json.Unmarshal(data, &req); err != nil {
			return nil, fmt.Errorf("service %s: request: %w", name, err)
		}
		resp, err := fn(ctx, req)
		if err != nil {
			return nil, err
		}
		return json.Marshal(resp)
	})
}

// call asks whichever process offers the service.
func call[Req, Resp any](ctx context.Context, node *jet.Node, name string, req Req) (resp Resp, err error) {
	data, err := json.Marshal(req)
	if err != nil {
		return resp, err
	}
	data, err = node.Call(ctx, name, data)
	if err != nil {
		return resp, err
	}
	if err := json.Unmarshal(data, &resp); err != nil {
		return resp, fmt.Errorf("service %s: answer: %w", name, err)
	}
	return resp, nil
}

// remoteIndex is the index of whichever process runs it.
type remoteIndex struct{ node *jet.Node }

func (r remoteIndex) Search(ctx context.Context, req pipeline.SearchRequest) (pipeline.SearchResult, error) {
	return call[pipeline.SearchRequest, pipeline.SearchResult](ctx, r.node, serviceSearch, req)
}

func (r remoteIndex) Article(ctx context.Context, id string) (pipeline.Article, error) {
	return call[string, pipeline.Article](ctx, r.node, serviceArticle, id)
}

func (r remoteIndex) IDs(ctx context.Context, req pipeline.IDsRequest) (pipeline.IDsResult, error) {
	return call[pipeline.IDsRequest, pipeline.IDsResult](ctx, r.node, serviceIDs, req)
}

// ByKey is the article with the key, or pipeline.ErrNotFound. It asks for the
// search and not for a service of its own, which works over any number of shards.
func (r remoteIndex) ByKey(ctx context.Context, key string) (pipeline.Article, error) {
	found, err := r.Search(ctx, pipeline.SearchRequest{Query: "key:" + key, Limit: 1})
	if err != nil {
		return pipeline.Article{}, fmt.Errorf("article by key %s: %w", key, err)
	}
	if len(found.Hits) == 0 {
		if len(found.Warnings) > 0 { // a part that did not answer may have it
			return pipeline.Article{}, fmt.Errorf("article by key %s: %s", key, found.Warnings[0])
		}
		return pipeline.Article{}, fmt.Errorf("article by key %s: %w", key, pipeline.ErrNotFound)
	}
	return r.Article(ctx, found.Hits[0].ID)
}

// serveIndex offers the index to other processes until ctx is done.
func (a *App) serveIndex(ctx context.Context) error {
	node, ix := a.node, a.index
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return serve(ctx, node, serviceSearch, ix.Search) })
	g.Go(func() error { return serve(ctx, node, serviceArticle, ix.Article) })
	g.Go(func() error { return serve(ctx, node, serviceIDs, localIndex{a}.IDs) })
	g.Go(func() error {
		return serve(ctx, node, serviceIndex, func(context.Context, struct{}) (web.IndexStatus, error) {
			return indexStatus(ix), nil
		})
	})
	return g.Wait()
}

func indexStatus(ix *index.Index) web.IndexStatus {
	s := ix.Stats()
	return web.IndexStatus{
		Documents: uint64(s.Documents), Bytes: uint64(s.Bytes), Partitions: len(s.Partitions), Seq: s.Seq,
	}
}
