package jet

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/newswatch/newswatch/pipeline"
)

// KV gives the bucket, which is made if need be.
func (n *Node) KV(ctx context.Context, bucket string) (pipeline.KV, error) {
	n.mu.Lock()
	b := n.buckets[bucket]
	n.mu.Unlock()
	if b != nil {
		return b, nil
	}
	var ttl time.Duration
	switch bucket {
	case bucketSuspects:
		ttl = day
	case pipeline.BucketReplicas: // as long as their consumers are known
		ttl = idleAfter
	}
	kv, err := n.kjs.CreateOrUpdateKeyValue(ctx, jetstream.KeyValueConfig{
		Bucket:   bucket,
		TTL:      ttl,
		History:  1,
		Storage:  jetstream.FileStorage,
		Replicas: n.cfg.Replicas,
	})
	if err != nil {
		return nil, fmt.Errorf("bucket %s: %w", bucket, err)
	}
	b = &keyValue{kv: kv}
	n.mu.Lock()
	n.buckets[bucket] = b
	n.mu.Unlock()
	return b, nil
}

// A keyValue is one bucket.
type keyValue struct {
	kv jetstream.KeyValue
}

func (b *keyValue) Get(ctx context.Context, key string) (pipeline.Entry, error) {
	e, err := b.kv.Get(ctx, key)
	if err != nil {
		return pipeline.Entry{}, b.fail("get", key, err)
	}
	return pipeline.Entry{Key: key, Value: e.Value(), Revision: e.Revision()}, nil
}

func (b *keyValue) Put(ctx context.Context, key string, value []byte) (uint64, error) {
	rev, err := b.kv.Put(ctx, key, value)
	return rev, b.fail("put", key, err)
}

func (b *keyValue) Update(ctx context.Context, key string, value []byte, revision uint64) (uint64, error) {
	var rev uint64
	var err error
	if revision == 0 {
		// Create, not Update with 0: a deleted key has a revision, its mark's.
		rev, err = b.kv.Create(ctx, key, value)
	} else {
		rev, err = b.kv.Update(ctx, key, value, revision)
	}
	if wrongRevision(err) {
		if revision == 0 {
			return 0, fmt.Errorf("%s/%s: %w", b.kv.Bucket(), key, pipeline.ErrExists)
		}
		return 0, fmt.Errorf("%s/%s: %w", b.kv.Bucket(), key, pipeline.ErrConflict)
	}
	return rev, b.fail("update", key, err)
}

func (b *keyValue) Delete(ctx context.Context, key string) error {
	return b.fail("delete", key, b.kv.Delete(ctx, key))
}

// deleteAt deletes the key if its revision is the one given.
func (b *keyValue) deleteAt(ctx context.Context, key string, revision uint64) error {
	err := b.kv.Delete(ctx, key, jetstream.LastRevision(revision))
	if wrongRevision(err) {
		return fmt.Errorf("%s/%s: %w", b.kv.Bucket(), key, pipeline.ErrConflict)
	}
	return b.fail("delete", key, err)
}

// Watch answers nil when ctx is done, fn's error when that ends it.
func (b *keyValue) Watch(ctx context.Context, fn func(pipeline.Entry) error) error {
	w, err := b.kv.WatchAll(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return fmt.Errorf("watch %s: %w", b.kv.Bucket(), err)
	}
	defer func() { _ = w.Stop() }() // fails only where the connection is gone, and the watch with it
	snapshot := true
	for {
		var e jetstream.KeyValueEntry
		select {
		case <-ctx.Done():
			return nil
		case up, ok := <-w.Updates():
			if !ok {
				if ctx.Err() != nil {
					return nil
				}
				return fmt.Errorf("watch %s: ended by the server", b.kv.Bucket())
			}
			e = up
		}
		var out pipeline.Entry
		switch {
		case e == nil:
			snapshot = false
		case e.Operation() == jetstream.KeyValuePut:
			out = pipeline.Entry{Key: e.Key(), Value: e.Value(), Revision: e.Revision()}
		case snapshot:
			continue // the mark of a key that is no more
		default:
			out = pipeline.Entry{Key: e.Key(), Revision: e.Revision(), Deleted: true}
		}
		if err := fn(out); err != nil {
			return err
		}
	}
}

func wrongRevision(err error) bool {
	var api *jetstream.APIError
	if errors.Is(err, jetstream.ErrKeyExists) {
		return true
	}
	return errors.As(err, &api) && (api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence ||
		api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequenceConstant)
}

func (b *keyValue) fail(op, key string, err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, jetstream.ErrKeyNotFound) || errors.Is(err, jetstream.ErrKeyDeleted) {
		return fmt.Errorf("%s/%s: %w", b.kv.Bucket(), key, pipeline.ErrNotFound)
	}
	return fmt.Errorf("%s %s/%s: %w", op, b.kv.Bucket(), key, err)
}
