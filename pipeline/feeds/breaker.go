package feeds

import (
	"errors"
	"syscall"
	"time"

	"github.com/newswatch/newswatch/pipeline/fetch"
)

const (
	// breakAfter is how many answers in a row that say a host is down open its
	// breaker; then one of its feeds is asked after firstProbe, and after twice
	// as long each time it is still down, at most lastProbe.
	breakAfter = 5
	firstProbe = 15 * time.Minute
	lastProbe  = 6 * time.Hour

	// outageHosts is from how many hosts on failed look-ups of every one mean
	// that it is this machine that has no network. Where there are fewer hosts,
	// that is believed for outageTrust at most.
	outageHosts = 3
	// outageShare, in quarters of all hosts, is how many must fail on the way, by
	// time-outs too, with nobody answering in between, to mean the same; of many
	// hosts outageMost are enough.
	outageShare = 3
	outageMost  = 16
	// offlineFor is after how long without a network that is told.
	offlineFor  = time.Hour
	outageTrust = 6 * time.Hour
	// lastOffline is the longest pause of a feed while there is no network.
	lastOffline = 15 * time.Minute
)

// A breaker leaves a host alone that is down.
type breaker struct {
	fails int32         // in a row
	probe time.Duration // between two probes; 0: closed
	since time.Time     // the first of them
}

func (b *breaker) open() bool { return b.probe > 0 }

// down counts an answer that says the host is down, and answers for how long it
// is to be left alone.
func (b *breaker) down(now time.Time) time.Duration {
	if b.since.IsZero() || b.since.After(now) { // the clock may be set back
		b.since = now
	}
	if b.open() {
		b.probe = min(2*b.probe, lastProbe)
	} else if b.fails++; b.fails >= breakAfter {
		b.probe = firstProbe
	}
	return b.probe
}

func (b *breaker) up() { *b = breaker{} }

// hostIsDown says whether the error is one of the host and not of the address.
func hostIsDown(err error) bool {
	var e *fetch.Error
	if !errors.As(err, &e) {
		return false
	}
	switch e.Class {
	case fetch.ClassDNS, fetch.ClassTLS, fetch.ClassConnect, fetch.ClassTimeout:
		return true
	case fetch.ClassHTTPStatus:
		return e.Status >= 500
	}
	return false
}

// mayBeNetwork says whether the error may lie on the way, and so be over soon.
func mayBeNetwork(err error) bool {
	switch fetch.ClassOf(err) {
	case fetch.ClassDNS, fetch.ClassConnect, fetch.ClassTimeout:
		return true
	}
	return false
}

// noNetwork says whether the error is what a machine without a network meets.
func noNetwork(err error) bool {
	return fetch.ClassOf(err) == fetch.ClassDNS || errors.Is(err, syscall.ENETUNREACH)
}

// An outage is whether this machine has a network. The rest of the world
// failing all at once is no fault of any feed.
type outage struct {
	silent  map[string]bool // hosts that could not be looked up since anything answered
	unheard map[string]bool // hosts that failed in any way that may lie in between
	since   time.Time       // the first of them
	now     bool
	told    bool
}

// failed takes in that a host could not be looked up, or not be reached, of so
// many hosts that there are, and answers whether there is no network.
func (o *outage) failed(host string, lookup bool, hosts int, at time.Time) bool {
	if len(o.unheard) == 0 {
		o.silent, o.unheard, o.since = make(map[string]bool), make(map[string]bool), at
	}
	if len(o.unheard) < outageMost {
		o.unheard[host] = true
	}
	if lookup && len(o.silent) < outageHosts {
		o.silent[host] = true
	}
	few := hosts < outageHosts
	unknown := len(o.silent) >= min(outageHosts, hosts) && (!few || at.Sub(o.since) < outageTrust)
	unheard := !few && len(o.unheard) >= min(max((hosts*outageShare+3)/4, outageHosts), outageMost)
	o.now = unknown || unheard
	return o.now
}

// answered takes in that somebody answered, and answers whether an outage is over.
func (o *outage) answered() (over bool) {
	over = o.now
	*o = outage{}
	return over
}
