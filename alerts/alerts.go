// Package alerts says something when an article is what a watch waits for, and
// keeps saying it until every channel has heard.
//
// The [Engine] is a stage: articles in, new alerts out. It tries all watches on
// each article at once and gives every alert a deduplication id of what must
// alert once (by default the watch and the story). The alerts stream creates a
// subject once, so a replayed article, a new revision and a copy raise nothing
// again. The [Outbox] consumes that stream and delivers: each attempt is saved
// in the alert before the next is made.
//
// [Silence] is the same for feeds: what a poller tells of one that fails or has
// gone quiet, tried on the watches of kind silence. It is called where feeds are
// polled and its alerts take the same way.
//
// It owns the subjects alert.<watch>.<dedup id>. It stores nothing else.
//
// # Delivery
//
// An alert is sent at least once to each of its channels, always with the same
// id. A process killed after a receiver took the alert and before that was
// saved sends it again, with that id: a receiver that drops ids it has seen has
// it once. Attempts follow the schedule of Standard Webhooks, over three days;
// what a receiver asks for in Retry-After is honoured.
//
// Each save is itself a message of the stream and carries the delivery on; a
// message that is no longer the last of its subject is done. So there is always
// exactly one message that stands for what is still to do.
package alerts

import (
	"time"

	"github.com/newswatch/newswatch/pipeline/catalog"
)

// Config is what can be set. Zero values mean the defaults.
type Config struct {
	// Spans is the most places of a match kept in its receipt; 0: 20.
	Spans int `yaml:"spans"`
	// Retries are the waits before each attempt at a channel, the first
	// included; so many attempts are made. Empty: the schedule of Standard
	// Webhooks, 0 s, 5 s, 5 m, 30 m, 2 h, 5 h, 10 h, 14 h, 20 h, 24 h. Up to a
	// tenth is added at random.
	Retries []catalog.Duration `yaml:"retries"`
}

// defaultSpans are enough to see why, and few enough to keep.
const defaultSpans = 20

// standardRetries is the example schedule of Standard Webhooks 1.0.0.
var standardRetries = []catalog.Duration{
	0,
	catalog.Duration(5 * time.Second),
	catalog.Duration(5 * time.Minute),
	catalog.Duration(30 * time.Minute),
	catalog.Duration(2 * time.Hour),
	catalog.Duration(5 * time.Hour),
	catalog.Duration(10 * time.Hour),
	catalog.Duration(14 * time.Hour),
	catalog.Duration(20 * time.Hour),
	catalog.Duration(24 * time.Hour),
}
