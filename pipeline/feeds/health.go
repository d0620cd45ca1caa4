package feeds

import (
	"cmp"
	"slices"
	"time"
)

// States of a feed.
const (
	StateNew     = "new"     // not polled yet
	StateOK      = "ok"      // the last poll was good
	StateFailing = "failing" // the last poll was not
)

// FeedHealth is how a feed does.
type FeedHealth struct {
	URL      string        `json:"url"`
	Source   string        `json:"source"`
	State    string        `json:"state"`
	LastPoll time.Time     `json:"last_poll,omitzero"`
	LastGood time.Time     `json:"last_good,omitzero"`
	Status   int           `json:"status,omitempty"` // HTTP status of the last answer
	Class    string        `json:"class,omitempty"`  // of the last error: dns, timeout, html, broken…
	Error    string        `json:"error,omitempty"`
	Failures float64       `json:"failures,omitempty"` // weighed, since the last good answer
	NextDue  time.Time     `json:"next_due,omitzero"`
	Interval time.Duration `json:"interval_ns"`
	Items    int64         `json:"items"`  // published, ever
	Listed   int           `json:"listed"` // in its last document
	Newest   time.Time     `json:"newest,omitzero"`
	Format   string        `json:"format,omitempty"`
	Title    string        `json:"title,omitempty"`
	Repairs  []string      `json:"repairs,omitempty"` // what its last document needed
	Held     bool          `json:"held,omitempty"`    // waits for room in the stream
}

// Health is the health of the feeds of a source, or of all where source is
// empty, by source and address.
func (p *Poller) Health(source string) []FeedHealth {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := make([]FeedHealth, 0, len(p.feeds))
	for _, f := range p.feeds {
		if source == "" || f.source.ID == source {
			out = append(out, f.health())
		}
	}
	slices.SortFunc(out, func(x, y FeedHealth) int {
		return cmp.Or(cmp.Compare(x.Source, y.Source), cmp.Compare(x.URL, y.URL))
	})
	return out
}

func (f *feed) health() FeedHealth {
	s := &f.brief
	h := FeedHealth{
		URL: f.url, Source: f.source.ID, State: f.state(), LastPoll: s.LastPoll, LastGood: s.LastGood, Status: s.Status,
		Class: s.Class, Error: s.Error, Failures: s.Failures, NextDue: f.due, Interval: s.Interval, Items: s.Seen,
		Listed: s.Listed, Newest: s.Newest, Format: s.Format, Title: s.Title, Repairs: s.Repair, Held: f.held > 0,
	}
	return h
}

func (f *feed) state() string {
	switch {
	case f.brief.Error != "":
		return StateFailing
	case f.brief.LastGood.IsZero():
		return StateNew
	default:
		return StateOK
	}
}
