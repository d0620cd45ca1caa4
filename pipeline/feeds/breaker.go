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
	outageTrust = 6 * time.Hour
	// lastOffline is the longest pause of a feed while there is no network.
	lastOffline = 15 * time.Minute
)

// A breaker leaves a host alone that is down.
type breaker struct {
	fails int32         // in a row
	probe time.Duration // between two probes; 0: closed
}

func (b *breaker) open() bool { return b.probe > 0 }

// down counts an answer that says the host is down, and answers for how long it
// is to be left alone.
func (b *breaker) down() time.Duration {
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
	silent map[string]bool // hosts that could not be looked up since anything answered
	since  time.Time       // the first of them
	now    bool
}

// failed takes in that a host could not be looked up, of so many hosts that
// there are, and answers whether there is no network.
func (o *outage) failed(host string, hosts int, at time.Time) bool {
	if len(o.silent) == 0 {
		o.silent, o.since = make(map[string]bool), at
	}
	if len(o.silent) < outageHosts {
		o.silent[host] = true
	}
	o.now = len(o.silent) >= min(outageHosts, hosts) && (hosts >= outageHosts || at.Sub(o.since) < outageTrust)
	return o.now
}

// answered takes in that somebody answered, and answers whether an outage is over.
func (o *outage) answered() (over bool) {
	over = o.now
	*o = outage{}
	return over
}
