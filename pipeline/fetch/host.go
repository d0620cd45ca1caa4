package fetch

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"time"
)

const (
	// maxCrawlDelay caps what a robots.txt may ask between two requests.
	maxCrawlDelay = 30 * time.Second
	// holdUntold is how long a host that answers 429 without Retry-After is
	// left alone.
	holdUntold = time.Minute
	// sweepFloor is how many hosts are kept before idle ones are looked for.
	sweepFloor = 1024
)

// hosts is the table of turns: who may ask which host when.
type hosts struct {
	mu      sync.Mutex
	m       map[string]*host
	sweepAt int
	now     func() time.Time
	onHold  func(host string, until time.Time) // may be nil
}

// A host is one line of waiting requests.
type host struct {
	name     string
	inFlight int
	last     time.Time     // when the last request started
	gap      time.Duration // the gap that request had asked for
	hold     time.Time     // nothing starts before: Retry-After
	delay    time.Duration // Crawl-delay, for requests that heed robots.txt
	took     time.Duration // moving average of a turn
	queue    []*waiter
	promised time.Time // the time told to the last one turned away
	timer    *time.Timer
}

// A turn is what one request asks of its host's line.
type turn struct {
	gap    time.Duration
	atOnce int
	robots bool
}

type waiter struct {
	turn
	ready chan struct{} // closed when its turn has come
}

// A slot is a turn that has come. The nil slot is none.
type slot struct {
	table *hosts
	host  *host
	began time.Time
}

func newHosts(now func() time.Time) *hosts {
	return &hosts{m: make(map[string]*host), sweepAt: sweepFloor, now: now}
}

// acquire waits for the host's turn, at most for patience. A turn that is
// further away is refused at once with a BusyError.
func (t *hosts) acquire(ctx context.Context, name string, tn turn, patience time.Duration) (*slot, error) {
	t.mu.Lock()
	h := t.get(name)
	now := t.now()
	if len(h.queue) == 0 && h.inFlight < tn.atOnce && !h.earliest(tn).After(now) {
		h.start(tn, now)
		t.mu.Unlock()
		return &slot{table: t, host: h, began: now}, nil
	}
	if h.estimate(tn, now) > patience {
		defer t.mu.Unlock()
		return nil, h.turnAway(tn, now)
	}
	w := &waiter{turn: tn, ready: make(chan struct{})}
	h.queue = append(h.queue, w)
	t.pump(h)
	t.mu.Unlock()

	// A turn promised for the very end of the patience is not to be missed by a
	// hair.
	timer := time.NewTimer(patience + time.Millisecond)
	defer timer.Stop()
	select {
	case <-w.ready:
		return &slot{table: t, host: h, began: t.now()}, nil
	case <-timer.C:
	case <-ctx.Done():
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	i := slices.Index(h.queue, w)
	if i < 0 { // it came at the same moment
		s := &slot{table: t, host: h, began: t.now()}
		if ctx.Err() == nil {
			return s, nil
		}
		h.inFlight--
		t.pump(h)
		return nil, ctx.Err()
	}
	h.queue = slices.Delete(h.queue, i, i+1)
	t.pump(h)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return nil, h.turnAway(tn, t.now())
}

// release gives the turn back and lets the next one start.
func (s *slot) release() {
	if s == nil {
		return
	}
	t, h := s.table, s.host
	t.mu.Lock()
	defer t.mu.Unlock()
	h.inFlight--
	d := t.now().Sub(s.began)
	h.took = (3*h.took + d) / 4
	t.pump(h)
}

// get finds the host, or adds it; t.mu is held.
func (t *hosts) get(name string) *host {
	if h, ok := t.m[name]; ok {
		return h
	}
	if len(t.m) >= t.sweepAt {
		now := t.now()
		for k, h := range t.m {
			if h.idle(now) {
				delete(t.m, k)
			}
		}
		// Sweeping again only at twice what is left keeps the cost of a sweep
		// constant per host added.
		t.sweepAt = max(sweepFloor, 2*len(t.m))
	}
	h := &host{name: name}
	t.m[name] = h
	return h
}

// pump starts those whose turn has come and sets the timer for the next;
// t.mu is held.
func (t *hosts) pump(h *host) {
	now := t.now()
	for len(h.queue) > 0 {
		w := h.queue[0]
		if h.inFlight >= w.atOnce {
			return // the next release pumps
		}
		if wait := h.earliest(w.turn).Sub(now); wait > 0 {
			t.arm(h, wait)
			return
		}
		h.queue = slices.Delete(h.queue, 0, 1)
		h.start(w.turn, now)
		close(w.ready)
	}
}

func (t *hosts) arm(h *host, wait time.Duration) {
	if h.timer != nil {
		h.timer.Stop()
	}
	h.timer = time.AfterFunc(wait, func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.pump(h)
	})
}

func (h *host) start(tn turn, now time.Time) {
	h.inFlight++
	h.last, h.gap = now, h.gapFor(tn)
}

func (h *host) gapFor(tn turn) time.Duration {
	if tn.robots {
		return max(tn.gap, h.delay)
	}
	return tn.gap
}

// earliest is when the turn may start, others waiting apart.
func (h *host) earliest(tn turn) time.Time {
	at := h.hold
	if !h.last.IsZero() {
		if next := h.last.Add(h.gapFor(tn)); next.After(at) {
			at = next
		}
	}
	return at
}

// estimate is how long a newcomer will wait.
func (h *host) estimate(tn turn, now time.Time) time.Duration {
	wait := max(h.earliest(tn).Sub(now), 0)
	if h.inFlight >= tn.atOnce {
		wait = max(wait, h.took/2)
	}
	return wait + time.Duration(len(h.queue))*h.per(tn)
}

// per is how long one turn of the line takes.
func (h *host) per(tn turn) time.Duration {
	return max(h.gapFor(tn), h.took/time.Duration(tn.atOnce))
}

// turnAway tells a newcomer when to come back: behind those turned away before
// it. Promises that have passed are forgotten by themselves.
func (h *host) turnAway(tn turn, now time.Time) *BusyError {
	at := now.Add(h.estimate(tn, now))
	if h.promised.After(at) {
		at = h.promised
	}
	h.promised = at.Add(h.per(tn))
	return &BusyError{Host: h.name, Wait: at.Sub(now)}
}

// answered takes from an answer what concerns the host.
func (h *host) answered(resp *Response, now time.Time, t *hosts) {
	wait := resp.RetryAfter
	if wait == 0 && resp.Status == http.StatusTooManyRequests {
		wait = holdUntold
	}
	if wait == 0 {
		return
	}
	until := now.Add(wait)
	t.mu.Lock()
	later := until.After(h.hold)
	if later {
		h.hold = until
	}
	t.mu.Unlock()
	if later && resp.RetryAfter > 0 && t.onHold != nil {
		t.onHold(h.name, until)
	}
}

// Hold leaves a host alone until then, as if it had asked for that: it has, of
// an earlier process.
func (c *Client) Hold(host string, until time.Time) {
	t := c.hosts
	t.mu.Lock()
	defer t.mu.Unlock()
	if h := t.get(host); until.After(h.hold) {
		h.hold = until
	}
}

// setDelay keeps the host's Crawl-delay.
func (t *hosts) setDelay(h *host, d time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	h.delay = min(max(d, 0), maxCrawlDelay)
}

func (h *host) idle(now time.Time) bool {
	return h.inFlight == 0 && len(h.queue) == 0 && now.After(h.last.Add(max(h.gap, h.delay))) &&
		now.After(h.hold) && now.After(h.promised)
}
