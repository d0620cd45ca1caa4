package pipeline

import (
	"cmp"
	"time"
)

// Kinds of feed events.
const (
	FeedFailing   = "failing"   // its polls have failed for too long to be a blip
	FeedQuiet     = "quiet"     // it answers, and lists nothing new against its own rhythm
	FeedRecovered = "recovered" // it is well again
	FeedOffline   = "offline"   // no feed can be asked: this machine has no network; of no one feed

	PagesCollapsed = "collapsed" // of a source and no feed: its pages give far less text than they used to
)

// A FeedEvent says that a feed, or the pages of a source, have stopped doing
// what they used to do, or do it again. Each spell is told of once: Since is the
// same however often.
type FeedEvent struct {
	Kind     string        `json:"kind"`
	Source   string        `json:"source"` // id in the catalog
	Feed     string        `json:"feed"`   // its address; empty: it is about the source's pages
	Reason   string        `json:"reason"` // in words: what the last poll met, how long without an item, how little its pages gave
	Since    time.Time     `json:"since"`  // when the spell began: the last good poll, the newest item, the first page
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

// Begins says whether a spell of trouble begins with the event.
func (e *FeedEvent) Begins() bool {
	return e.Kind == FeedFailing || e.Kind == FeedQuiet || e.Kind == FeedOffline || e.Kind == PagesCollapsed
}

// About is what the event is about: the address of a feed, the id of a source
// whose pages it is about, or its kind where it is about all feeds.
func (e *FeedEvent) About() string { return cmp.Or(e.Feed, e.Source, e.Kind) }
