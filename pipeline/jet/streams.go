package jet

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/newswatch/newswatch/pipeline"
)

const day = 24 * time.Hour

// A streamDef says how a stream is kept.
//
// Every stream with a size refuses what no longer fits (DiscardNew), so that
// nothing unread is ever dropped; with keep set, the keeper makes room before
// that, see keeper.go. The retry stream can't refuse (a stream with schedules
// must not, says the server), so it has no size there and [Node.schedule]
// refuses instead.
//
// That an item is stored once is the publisher's doing (Message.Expect 0), not
// DiscardNewPerSubject: its refusal has the same error code as a full stream,
// and full must be told from known.
type streamDef struct {
	name      string
	subjects  []string
	size      int64 // 0: no limit of the server's
	age       time.Duration
	last      bool // only the latest message of a subject is kept
	compress  bool
	work      bool // a message is gone once settled
	schedules bool
	dedup     time.Duration // window of message ids; at a restart the server reads all messages in it
	keep      *keepRule
}

// A keepRule says when the keeper removes messages that everybody has settled:
// above high of the size, down to low.
type keepRule struct{ high, low float64 }

func streamDefs(z Sizes) []streamDef {
	return []streamDef{
		{
			name: pipeline.StreamItems, subjects: []string{"item.>"},
			size: z.Items, age: 7 * day, last: true, compress: true, dedup: time.Second,
			keep: &keepRule{high: 0.90, low: 0.80},
		},
		{
			// Short, but a second reader may come: so not a work queue, which
			// bears one reader only, nor by interest, which drops what comes
			// before its first reader.
			name: pipeline.StreamExtracted, subjects: []string{"extracted.>"},
			size: z.Extracted, dedup: time.Second,
			keep: &keepRule{high: 0.25, low: 0.10},
		},
		{
			name: pipeline.StreamArticles, subjects: []string{"article.>"},
			size: z.Articles, age: 30 * day, last: true, compress: true, dedup: time.Second,
			keep: &keepRule{high: 0.95, low: 0.92},
		},
		{
			name: pipeline.StreamAlerts, subjects: []string{"alert.>"},
			size: z.Alerts, age: 365 * day, last: true, compress: true, dedup: time.Second,
			keep: &keepRule{high: 0.95, low: 0.92},
		},
		{
			name: pipeline.StreamDead, subjects: []string{"dead.>"},
			size: z.Dead, age: 90 * day, compress: true, dedup: 2 * time.Minute,
		},
		{
			name: pipeline.StreamRetry, subjects: []string{"retry.>"},
			work: true, schedules: true, dedup: 2 * time.Minute,
		},
	}
}

// merge sets in cfg what the definition decides and leaves the rest.
func (d streamDef) merge(cfg jetstream.StreamConfig, replicas int) jetstream.StreamConfig {
	cfg.Name = d.name
	cfg.Subjects = d.subjects
	cfg.Storage = jetstream.FileStorage
	cfg.Retention = jetstream.LimitsPolicy
	if d.work {
		cfg.Retention = jetstream.WorkQueuePolicy
	}
	cfg.Discard = jetstream.DiscardNew
	cfg.MaxBytes = d.size
	if d.size == 0 {
		cfg.Discard, cfg.MaxBytes = jetstream.DiscardOld, -1
	}
	cfg.MaxMsgsPerSubject = -1
	if d.last {
		cfg.MaxMsgsPerSubject = 1
	}
	cfg.Compression = jetstream.NoCompression
	if d.compress {
		cfg.Compression = jetstream.S2Compression
	}
	cfg.MaxAge = d.age
	cfg.Duplicates = d.dedup
	cfg.Replicas = replicas
	cfg.AllowDirect = true
	cfg.AllowMsgSchedules = d.schedules
	return cfg
}

func sameStream(a, b jetstream.StreamConfig) bool {
	return slices.Equal(a.Subjects, b.Subjects) && a.Storage == b.Storage && a.Retention == b.Retention &&
		a.Discard == b.Discard && a.MaxBytes == b.MaxBytes && a.MaxMsgsPerSubject == b.MaxMsgsPerSubject &&
		a.Compression == b.Compression && a.MaxAge == b.MaxAge && a.Duplicates == b.Duplicates &&
		a.Replicas == b.Replicas && a.AllowDirect == b.AllowDirect && a.AllowMsgSchedules == b.AllowMsgSchedules
}

// ensureStream makes the stream, or makes it as it should be.
func (n *Node) ensureStream(ctx context.Context, d streamDef) error {
	s, err := n.js.Stream(ctx, d.name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		_, err = n.js.CreateStream(ctx, d.merge(jetstream.StreamConfig{}, n.cfg.Replicas))
		if err != nil {
			return fmt.Errorf("create stream %s of %d MiB: %w", d.name, d.size>>20, err)
		}
		return nil
	}
	if err != nil {
		return fmt.Errorf("stream %s: %w", d.name, err)
	}
	info := s.CachedInfo()
	want := d.merge(info.Config, n.cfg.Replicas)
	if held := int64(info.State.Bytes); want.MaxBytes > 0 && want.MaxBytes < held {
		// A smaller size would make the server drop messages, read or not.
		n.lg.Warn("stream holds more than its configured size, keeping the old size",
			"stream", d.name, "bytes", held, "configured", want.MaxBytes, "kept", info.Config.MaxBytes)
		want.MaxBytes = info.Config.MaxBytes
	}
	if sameStream(info.Config, want) {
		return nil
	}
	if _, err := n.js.UpdateStream(ctx, want); err != nil {
		return fmt.Errorf("update stream %s: %w", d.name, err)
	}
	return nil
}

// buckets are made at the start, so that a wrong set-up shows there. The last
// is jet's own: the marks of suspects, see crash.go.
func buckets() []string {
	return []string{
		pipeline.BucketFeeds, pipeline.BucketCatalog, pipeline.BucketLeases,
		pipeline.BucketCheckpoints, bucketSuspects,
	}
}

// ensureAll makes streams and buckets. In a cluster that is just coming up the
// server may refuse for a while, so it is asked again until ctx is done.
func (n *Node) ensureAll(ctx context.Context) error {
	each := func(what func(context.Context) error) error {
		for {
			err := what(ctx)
			if err == nil || !unavailable(err) {
				return err
			}
			select {
			case <-ctx.Done():
				return errors.Join(err, ctx.Err())
			case <-time.After(250 * time.Millisecond):
			}
		}
	}
	for _, d := range n.defs {
		if err := each(func(ctx context.Context) error { return n.ensureStream(ctx, d) }); err != nil {
			return err
		}
	}
	for _, b := range buckets() {
		err := each(func(ctx context.Context) error {
			_, err := n.KV(ctx, b)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// unavailable reports whether err is of a server or cluster not ready yet.
// "insufficient resources" has the same status but does not pass.
func unavailable(err error) bool {
	if api, ok := errors.AsType[*jetstream.APIError](err); ok {
		return api.Code == 503 && api.ErrorCode != errCodeResources && api.ErrorCode != errCodeStorage
	}
	return false
}
