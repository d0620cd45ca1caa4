package feeds

import (
	"net/http"
	"time"

	"github.com/newswatch/newswatch/pipeline/fetch"
)

const (
	// A new address is taken up after moveSightings answers over moveAfter that
	// all led there by permanent redirects only.
	moveSightings = 5
	moveAfter     = 3 * day
	// moveCheck is how often the old address is asked whether it still leads there.
	moveCheck = 7 * day
	// moveFails is after how many failures in a row of the new address the old
	// one is gone back to.
	moveFails = 3
)

// A move is that a feed's address leads to another for good. The catalog's
// address stays its name: in the state's key and in its items.
type move struct {
	To      string    `json:"to"`
	First   time.Time `json:"first"` // sighting
	Checked time.Time `json:"checked"`
	Count   int       `json:"count"`
	Adopted bool      `json:"adopted,omitempty"`
}

// permanent is where the answer was found, if every step there was permanent.
func permanent(resp *fetch.Response) string {
	if len(resp.Redirects) == 0 {
		return ""
	}
	for _, r := range resp.Redirects {
		if r.Status != http.StatusMovedPermanently && r.Status != http.StatusPermanentRedirect {
			return ""
		}
	}
	return resp.URL
}

// sighted takes in where the catalog's address led. taken says of an address
// that it is a feed of the catalog already: that one is not taken up, since it
// is polled as itself.
func (s *state) sighted(to string, now time.Time, taken func(string) bool) {
	switch {
	case to == "" || to == s.URL:
		s.Move = nil
	case s.Move == nil || s.Move.To != to:
		s.Move = &move{To: to, First: now, Checked: now, Count: 1}
	default:
		m := *s.Move // Health may be reading the other one
		m.Count++
		m.Checked = now
		if m.Count >= moveSightings && now.Sub(m.First) >= moveAfter && !taken(to) {
			m.Adopted = true
		}
		s.Move = &m
	}
}

// ask is the address to be asked, and whether it is the old one of a feed that
// has moved.
func (s *state) ask(now time.Time) (address string, check bool) {
	if s.Move == nil || !s.Move.Adopted {
		return s.URL, false
	}
	if d := now.Sub(s.Move.Checked); d < 0 || d >= moveCheck {
		return s.URL, true
	}
	return s.Move.To, false
}

// goBack gives up the new address.
func (s *state) goBack() {
	s.Move = nil
	// They may be the new address's own.
	s.ETag, s.LastModified = nil, nil
}
