package pipeline

import "time"

// Kinds of feed events.
const (
	FeedFailing   = "failing"   // its polls have failed for too long to be a blip
	FeedQuiet     = "quiet"     // it answers, and lists nothing new against its own rhythm
	FeedRecovered = "recovered" // it is well again
	FeedOffline   = "offline"   // no feed can be asked: this machine has no network; of no one feed
)

// A FeedEvent says that a feed has stopped doing what it used to do, or does it
// again. Each spell is told of once: Since is the same however often.
type FeedEvent struct {
	Kind     string        `json:"kind"`
	Source   string        `json:"source"` // id in the catalog
	Feed     string        `json:"feed"`   // its address
	Reason   string        `json:"reason"` // in words: what the last poll met, or how long without an item
	Since    time.Time     `json:"since"`  // when the spell began: the last good poll, or the newest item
	LastGood time.Time     `json:"last_good,omitzero"`
	Usual    time.Duration `json:"usual_ns,omitempty"` // for quiet: the longest gap it usually leaves
	At       time.Time     `json:"at"`

	// Feeds that fail together, those of a host that is down or those of a source
	// that all fail in one way, are told of together: Spell is the same of each,
	// and one alert is enough.
	Host  string `json:"host,omitempty"`  // where they are
	Feeds int    `json:"feeds,omitempty"` // that fail together, as far as is known; 0: the feed alone
	Spell string `json:"spell,omitempty"` // what they have in common; empty: the feed alone
}
