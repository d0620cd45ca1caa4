package pipeline

import (
	"strconv"
	"time"
)

// States of an alert and of its deliveries.
const (
	AlertQueued = "queued" // not yet delivered everywhere
	AlertSent   = "sent"   // every channel has it
	AlertFailed = "failed" // a channel refused it for good
)

// An Alert is one thing a watch has to say, with its receipt. Its ID is stable:
// a receiver that has seen it before may drop it.
//
// It is about an article or, of a watch of kind silence, about a feed or the
// pages of a source: then
// Article is empty and left out, and so are the times of the receipt but Matched.
type Alert struct {
	ID        string    `json:"id"`    // "<watch>.<dedup>"
	Watch     string    `json:"watch"` // id of the watch
	WatchName string    `json:"watch_name"`
	Dedup     string    `json:"dedup"` // 16 hex digits over what must alert once
	Kind      string    `json:"kind"`  // mention, silence…
	State     string    `json:"state"`
	Queued    time.Time `json:"queued"`        // when it was put into the outbox
	Sent      time.Time `json:"sent,omitzero"` // when the last channel had it

	Article    ArticleRef `json:"article,omitzero"`
	Feed       *FeedEvent `json:"feed,omitempty"`
	Receipt    Receipt    `json:"receipt"`
	Deliveries []Attempts `json:"deliveries,omitempty"` // one per channel
}

// Title is what the alert is about, in a line: its article's title, or what has
// become of its feed or its source's pages.
func (a *Alert) Title() string {
	if a.Feed == nil {
		return a.Article.Title
	}
	switch f := a.Feed; f.Kind {
	case FeedOffline:
		return "No network: no feed can be asked"
	case FeedFailing:
		if f.Feeds > 1 {
			return strconv.Itoa(f.Feeds) + " feeds fail: " + f.Host
		}
		return "Feed fails: " + a.Feed.Feed
	case FeedQuiet:
		return "Feed has gone quiet: " + a.Feed.Feed
	case PagesCollapsed:
		return "Pages give little text: " + a.Feed.Source
	default:
		return "Feed " + a.Feed.Kind + ": " + a.Feed.Feed
	}
}

// SourceID is the source it is about, whether by an article or by a feed.
func (a *Alert) SourceID() string {
	if a.Feed != nil {
		return a.Feed.Source
	}
	return a.Article.Source
}

// An ArticleRef is what an alert tells of its article.
type ArticleRef struct {
	ID        string    `json:"id"`
	Key       string    `json:"key"`
	URL       string    `json:"url"`
	Title     string    `json:"title"`
	Source    string    `json:"source"`
	Lang      string    `json:"lang,omitempty"`
	Country   string    `json:"country,omitempty"`
	Story     string    `json:"story,omitempty"`
	Entities  []string  `json:"entities,omitempty"`
	Published time.Time `json:"published"`
	FirstSeen time.Time `json:"first_seen"`
}

// A Receipt says why an alert was raised, and when each step was.
type Receipt struct {
	Query        string    `json:"query"`         // the watch's query as it was then
	WatchVersion string    `json:"watch_version"` // digest of the watch as it was then
	Group        string    `json:"group"`         // what alerts once: story, entity, source, none or, of kind silence, feed
	Spans        []Span    `json:"spans"`         // what matched, at least one; of kind silence the feed's address or the source
	Sentence     string    `json:"sentence"`      // the sentence round the first span, or what became of the feed; plain text
	Published    time.Time `json:"published,omitzero"`
	FirstSeen    time.Time `json:"first_seen,omitzero"`
	Fetched      time.Time `json:"fetched,omitzero"`
	Extracted    time.Time `json:"extracted,omitzero"`
	Matched      time.Time `json:"matched"`
}

// A Span is a place in an article that matched.
type Span struct {
	Field  string `json:"field"` // title, text, url, feed or source
	Start  int    `json:"start"` // bytes
	End    int    `json:"end"`
	Text   string `json:"text"`
	Term   string `json:"term,omitempty"`   // the part of the query that matched
	Entity string `json:"entity,omitempty"` // for an entity: term
}

// Attempts is the delivery of one alert to one channel.
type Attempts struct {
	Channel string    `json:"channel"`
	State   string    `json:"state"`
	Tries   int       `json:"tries"`
	First   time.Time `json:"first,omitzero"`
	Last    time.Time `json:"last,omitzero"`
	Next    time.Time `json:"next,omitzero"`   // not tried again before; zero: now, or never
	Error   string    `json:"error,omitempty"` // of the last try
}
