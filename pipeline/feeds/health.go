package feeds

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/newswatch/newswatch/pipeline/fetch"
)

// States of a feed.
const (
	StateNew     = "new"     // not polled yet
	StateOK      = "ok"      // the last poll was good
	StateFailing = "failing" // the last poll was not
	StateQuiet   = "quiet"   // it is well, and lists nothing new against its own rhythm
	StateGone    = "gone"    // 410, confirmed; asked once a month
	StateBlocked = "blocked" // a challenge page stands before it
	StateHeld    = "held"    // its turn is put off: the stream takes no more, or its host is to be left alone
)

// states is every state, the first that of a feed just added; a feed is counted
// under its place in here.
var states = [...]string{StateNew, StateOK, StateFailing, StateQuiet, StateGone, StateBlocked, StateHeld}

// FeedHealth is how a feed does.
type FeedHealth struct {
	URL      string        `json:"url"`
	Source   string        `json:"source"`
	State    string        `json:"state"`
	Reason   string        `json:"reason,omitempty"` // why it is not ok, in words
	LastPoll time.Time     `json:"last_poll,omitzero"`
	LastGood time.Time     `json:"last_good,omitzero"`
	Since    time.Time     `json:"since,omitzero"`   // the first failure of the present run, or the last item of a quiet feed
	Status   int           `json:"status,omitempty"` // HTTP status of the last answer
	Class    string        `json:"class,omitempty"`  // of the last error: dns, timeout, html, broken…
	Error    string        `json:"error,omitempty"`
	Failures float64       `json:"failures,omitempty"` // weighed, since the last good answer
	NextDue  time.Time     `json:"next_due,omitzero"`
	Interval time.Duration `json:"interval_ns"`
	Items    int64         `json:"items"`  // published, ever
	Listed   int           `json:"listed"` // in its last document
	Newest   time.Time     `json:"newest,omitzero"`
	Usual    time.Duration `json:"usual_gap_ns,omitempty"` // the longest gap between two items it usually leaves
	Format   string        `json:"format,omitempty"`
	Title    string        `json:"title,omitempty"`
	Repairs  []string      `json:"repairs,omitempty"`  // what its last document needed
	Held     bool          `json:"held,omitempty"`     // waits for room in the stream
	Matching bool          `json:"matching,omitempty"` // polled more often, for what it had to say of entities

	KeptAt    time.Time `json:"kept_at,omitzero"`     // when a body was kept that could not be read
	KeptBytes int       `json:"kept_bytes,omitempty"` // of that body

	MovedTo     string   `json:"moved_to,omitempty"`    // where its address leads for good
	MovedUsed   bool     `json:"moved_used,omitempty"`  // that address is the one that is asked
	Suggestions []string `json:"suggestions,omitempty"` // feeds that the page links to which it answers with
}

// Failing says whether the last poll was of no use, in whatever way.
func (h FeedHealth) Failing() bool {
	return h.State == StateFailing || h.State == StateBlocked || h.State == StateGone
}

// Health is the health of the feeds of a source, or of all where source is
// empty, by source and address.
func (p *Poller) Health(source string) []FeedHealth {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.wall()
	out := make([]FeedHealth, 0, len(p.feeds))
	for _, f := range p.feeds {
		if source == "" || f.source.ID == source {
			out = append(out, f.health(now))
		}
	}
	slices.SortFunc(out, func(x, y FeedHealth) int {
		return cmp.Or(cmp.Compare(x.Source, y.Source), cmp.Compare(x.URL, y.URL))
	})
	return out
}

func (f *feed) health(now time.Time) FeedHealth {
	h := FeedHealth{
		URL: f.url, Source: f.source.ID, State: states[f.state(now)], LastPoll: f.LastPoll, LastGood: f.LastGood,
		Status: int(f.Status), Failures: f.Failures, NextDue: f.due, Interval: f.Interval, Items: f.Seen, Listed: f.Listed,
		Newest: f.Newest, Usual: f.Usual, Format: f.Format, Title: f.Title, Repairs: f.Repair, Held: f.held > 0,
		Matching: f.Match.at(now) >= 0.5, Reason: f.reason(now),
	}
	if f.host.hold.After(h.NextDue) {
		h.NextDue = f.host.hold
	}
	if t := f.Trouble; t != nil {
		h.Class, h.Error, h.Since, h.Suggestions = t.Class, t.Error, t.First, t.Suggestions
	} else if f.Quiet != nil {
		h.Since = f.Quiet.Since
	}
	if k := f.Kept; k != nil {
		h.KeptAt, h.KeptBytes = k.At, k.Bytes
	}
	if f.Move != nil {
		h.MovedTo, h.MovedUsed = f.Move.To, f.Move.Adopted
	}
	return h
}

// state is the feed's state, as its place in states.
func (f *feed) state(now time.Time) uint8 {
	s := StateOK
	switch t := f.Trouble; {
	case t != nil && t.Gone:
		s = StateGone
	case t != nil && t.Class == string(fetch.ClassBlocked):
		s = StateBlocked
	case t != nil:
		s = StateFailing
	case f.held > 0 || f.offline > 0 || f.host.hold.After(now):
		s = StateHeld
	case f.LastPoll.IsZero():
		s = StateNew
	case f.Quiet != nil:
		s = StateQuiet
	}
	return uint8(slices.Index(states[:], s))
}

// reason says in words why the feed is not ok.
func (f *feed) reason(now time.Time) string {
	switch {
	case f.Trouble != nil:
		return f.Trouble.reason(int(f.Status))
	case f.held > 0:
		return "its items could not be stored; it is asked again"
	case f.offline > 0:
		return "no host can be reached: this machine seems to have no network"
	case f.host.breaker.open():
		return "its host does not answer, and is tried again at " + f.host.hold.UTC().Format(time.RFC3339)
	case f.host.hold.After(now):
		return "its host asked to be left alone until " + f.host.hold.UTC().Format(time.RFC3339)
	case f.Quiet != nil:
		return quietReason(now.Sub(f.Quiet.Since), f.Usual)
	}
	return ""
}

// reason says in words what the last poll met.
func (t *trouble) reason(status int) string {
	switch t.Class {
	case classGone:
		if t.Gone {
			return "410 Gone, said twice: its publisher has taken it away; it is asked once a month"
		}
		return "410 Gone, to be confirmed"
	case string(fetch.ClassBlocked):
		return "a challenge page stands before it: its publisher lets no programs in"
	case string(fetch.ClassDNS):
		return "its host is not to be found"
	case string(fetch.ClassConnect):
		return "its host can't be connected to"
	case string(fetch.ClassTLS):
		return "its host's certificate is not to be trusted, or TLS failed"
	case string(fetch.ClassTimeout):
		return "no answer in time"
	case "html":
		if n := len(t.Suggestions); n > 0 {
			return fmt.Sprintf("a page, not a feed; it links to %d", n)
		}
		return "a page, not a feed"
	case "not_feed":
		return "what it answers with is no feed"
	case "broken":
		return "a feed damaged beyond repair"
	case string(fetch.ClassHTTPStatus):
		if text := http.StatusText(status); text != "" {
			return fmt.Sprintf("%d %s", status, text)
		}
	}
	return t.Error
}
