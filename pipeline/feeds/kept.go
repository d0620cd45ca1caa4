package feeds

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/newswatch/newswatch/pipeline"
	"github.com/newswatch/newswatch/pipeline/fetch"
)

// maxKept is the most bytes kept of a body.
const maxKept = 256 << 10

// A Kept is the last body of a feed that no items could be read from, until one
// can be read again.
type Kept struct {
	URL         string    `json:"url"` // of the feed in the catalog
	Final       string    `json:"final,omitempty"`
	At          time.Time `json:"at"`
	ContentType string    `json:"content_type,omitempty"` // as the header said
	Error       string    `json:"error"`
	Bytes       int       `json:"bytes"` // of the whole body
	Body        []byte    `json:"body"`  // at most its first 256 KiB
}

// A keptNote is what a feed's state knows of its kept body.
type keptNote struct {
	At    time.Time `json:"at"`
	Bytes int       `json:"bytes"`
}

func keptKey(url string) string { return "kept." + pipeline.Key(url) }

// LoadKept reads the body that is kept of the feed, or answers
// [pipeline.ErrNotFound].
func LoadKept(ctx context.Context, kv pipeline.KV, url string) (*Kept, error) {
	e, err := kv.Get(ctx, keptKey(url))
	if err != nil {
		return nil, fmt.Errorf("kept body of %s: %w", url, err)
	}
	k := &Kept{}
	if err := json.Unmarshal(e.Value, k); err != nil {
		return nil, fmt.Errorf("kept body of %s: %w", url, err)
	}
	zr, err := gzip.NewReader(bytes.NewReader(k.Body))
	if err == nil {
		k.Body, err = io.ReadAll(io.LimitReader(zr, maxKept))
	}
	if err != nil {
		return nil, fmt.Errorf("kept body of %s: %w", url, err)
	}
	return k, nil
}

// unreadable says whether the error is that a body was no feed.
func unreadable(err error) bool {
	return errors.Is(err, ErrHTML) || errors.Is(err, ErrNotFeed) || errors.Is(err, ErrBroken) || errors.Is(err, ErrTooDeep)
}

// keepBody keeps a body that could not be read. That it can't be kept changes
// nothing.
func (q *poll) keepBody(ctx context.Context, resp *fetch.Response, err error, now time.Time) {
	var packed bytes.Buffer
	zw := gzip.NewWriter(&packed)
	_, _ = zw.Write(resp.Body[:min(len(resp.Body), maxKept)]) // memory does not fail
	_ = zw.Close()
	b, merr := json.Marshal(Kept{
		URL: q.f.url, Final: resp.URL, At: now.UTC(), ContentType: clip(resp.Header.Get("Content-Type"), 200), Error: clip(err.Error(), 500),
		Bytes: len(resp.Body), Body: packed.Bytes(),
	})
	if merr == nil {
		_, merr = q.kv.Put(ctx, keptKey(q.f.url), b)
	}
	if merr != nil {
		q.lg.Warn("unreadable body not kept", "url", q.f.url, "error", merr)
		return
	}
	q.s.Kept = &keptNote{At: now, Bytes: len(resp.Body)}
}

// dropBody forgets the body of a feed that can be read again.
func (q *poll) dropBody(ctx context.Context) {
	if q.s.Kept == nil {
		return
	}
	if err := q.kv.Delete(ctx, keptKey(q.f.url)); err != nil && !errors.Is(err, pipeline.ErrNotFound) {
		q.lg.Warn("kept body not dropped", "url", q.f.url, "error", err)
		return
	}
	q.s.Kept = nil
}
