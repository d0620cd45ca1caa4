package pipeline

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
)

// Names of the streams, and the subjects they keep. Package jet knows how
// each is kept.
const (
	StreamItems     = "ITEMS"     // item.<partition>.<key>.<content>
	StreamExtracted = "EXTRACTED" // extracted.<key>
	StreamArticles  = "ARTICLES"  // article.<shard>.<key>
	StreamAlerts    = "ALERTS"    // alert.<watch>.<dedup id>
	StreamDead      = "DEAD"      // dead.<stage>.<reason>.<key>
	StreamRetry     = "RETRY"     // retry.<stage>.<key>
)

// Names of the key-value buckets.
const (
	BucketFeeds       = "feeds"       // feed state, by digest of the address
	BucketCatalog     = "catalog"     // sources, entities, watches, channels
	BucketLeases      = "leases"      // who does what must be done once at a time
	BucketCheckpoints = "checkpoints" // small state of stages
	BucketReplicas    = "replicas"    // who has a copy of which shard, and how it does
	BucketCopies      = "copies"      // text signature → id of the article first seen with it; kept 14 days
)

// A Topic is a stream of values of one type.
type Topic[T any] struct {
	Stream string
	// Subject is the subject a value is published under; nil: the topic is to be
	// read only.
	Subject func(T) string
	// Create makes publishing create-only: a subject that is there already is
	// refused with ErrExists.
	Create bool
}

// Publish stores v in the topic's stream.
func (t Topic[T]) Publish(ctx context.Context, b Bus, v T) (uint64, error) {
	if t.Subject == nil {
		return 0, Permanent("no_subject", fmt.Errorf("%s: the topic is to be read only", t.Stream))
	}
	data, err := json.Marshal(v)
	if err != nil {
		return 0, Permanent("encode", fmt.Errorf("%s: %w", t.Stream, err))
	}
	m := Message{Subject: t.Subject(v), Data: data}
	if t.Create {
		m.Expect = new(uint64)
	}
	return b.Publish(ctx, t.Stream, m)
}

// Decode makes a value of a message of the topic.
func (t Topic[T]) Decode(d Delivery) (T, error) {
	var v T
	if err := json.Unmarshal(d.Data, &v); err != nil {
		return v, Permanent("decode", fmt.Errorf("%s: %w", d.Subject, err))
	}
	return v, nil
}

// Last returns the value last published under the subject of v.
func (t Topic[T]) Last(ctx context.Context, l Log, subject string) (v T, seq uint64, err error) {
	d, err := l.Last(ctx, t.Stream, subject)
	if err != nil {
		return v, 0, err
	}
	v, err = t.Decode(d)
	return v, d.Seq, err
}

// Items is what feeds list. A repeat is refused, an edit is new.
var Items = Topic[Item]{
	Stream: StreamItems,
	Subject: func(it Item) string {
		return "item." + strconv.Itoa(it.Partition()) + "." + it.Key + "." + it.Content
	},
	Create: true,
}

// ItemsFilter selects one partition of the items.
func ItemsFilter(partition int) string { return "item." + strconv.Itoa(partition) + ".>" }

// Extracted is articles with text and mentions, on their way to stories.
var Extracted = Topic[Article]{
	Stream:  StreamExtracted,
	Subject: func(a Article) string { return "extracted." + a.Key },
}

// Articles is the corpus: the latest state of every article, to be read whole.
// Who publishes, or reads one by its key, takes [Shards.Articles].
var Articles = Topic[Article]{Stream: StreamArticles}

// Alerts is the outbox and the history of alerts. An alert is created once.
var Alerts = Topic[Alert]{
	Stream:  StreamAlerts,
	Subject: func(a Alert) string { return AlertSubject(a.Watch, a.Dedup) },
	Create:  true,
}

// AlertSubject is where the alert of a watch with the deduplication id is found.
func AlertSubject(watch, dedup string) string { return "alert." + watch + "." + dedup }
