package app

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/newswatch/newswatch/pipeline/jet"
)

// Names of the services that roles offer to each other, so that the web role
// can run in another process than the fetchers. The index's are in package
// shards.
const (
	serviceFeeds = "feeds" // nothing → []feeds.FeedHealth
	serviceFind  = "find"  // findRequest → *feeds.Finding
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
