package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/newswatch/newswatch/pipeline"
)

// A task is long work that is asked for once and done by every process that has
// a part in it. The request lies in a bucket that all of them watch, beside how
// far each has come, so that what was begun is gone on with after a restart. A
// new request takes the place of one under way.
type task[Request, Progress any] struct {
	kv       pipeline.KV
	request  string                       // key of the request
	progress string                       // keys of the progress of each process begin so
	of       func(Request, Progress) bool // is it progress with this request?
}

// Start asks for the work.
func (t task[Request, Progress]) Start(ctx context.Context, req Request) error {
	data, err := json.Marshal(req)
	if err != nil {
		return err
	}
	_, err = t.kv.Put(ctx, t.request, data)
	return err
}

// Stop ends it; pipeline.ErrNotFound: there is none.
func (t task[Request, Progress]) Stop(ctx context.Context) error {
	if _, err := t.kv.Get(ctx, t.request); err != nil {
		return err
	}
	return t.kv.Delete(ctx, t.request)
}

// errListed ends the watching of a bucket.
var errListed = errors.New("listed")

// Last is what was asked for last, and how far each process has come;
// pipeline.ErrNotFound: nothing was, or it was stopped.
func (t task[Request, Progress]) Last(ctx context.Context) (req Request, progress []Progress, err error) {
	e, err := t.kv.Get(ctx, t.request)
	if err == nil {
		err = json.Unmarshal(e.Value, &req)
	}
	if err != nil {
		return req, nil, err
	}
	err = t.kv.Watch(ctx, func(e pipeline.Entry) error {
		if e.Key == "" {
			return errListed
		}
		if !strings.HasPrefix(e.Key, t.progress) || e.Deleted {
			return nil
		}
		var p Progress
		if err := json.Unmarshal(e.Value, &p); err != nil {
			return fmt.Errorf("progress of %s: %w", e.Key, err)
		}
		if t.of(req, p) {
			progress = append(progress, p)
		}
		return nil
	})
	if err != nil && !errors.Is(err, errListed) {
		return req, nil, err
	}
	return req, progress, nil
}

// whileAsked runs do with the value of the key, anew whenever that changes; the
// run before is ended first, as it is when the key is deleted.
func whileAsked(ctx context.Context, kv pipeline.KV, key string, do func(ctx context.Context, value []byte)) error {
	stop := func() {}
	defer func() { stop() }()
	return kv.Watch(ctx, func(e pipeline.Entry) error {
		if e.Key != key {
			return nil
		}
		stop()
		stop = func() {}
		if e.Deleted {
			return nil
		}
		ctx, cancel := context.WithCancel(ctx)
		done := make(chan struct{})
		stop = func() { cancel(); <-done }
		go func() {
			defer close(done)
			do(ctx, e.Value)
		}()
		return nil
	})
}
