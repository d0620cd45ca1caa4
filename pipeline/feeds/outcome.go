package feeds

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/newswatch/newswatch/pipeline/fetch"
)

// good records an answer that was of use. It runs after every item has been
// stored and confirmed, and never before: were the validators kept first and
// the power lost, the server would answer 304 to the next poll, and the items
// would be lost although they stand in the feed.
func (q *poll) good(ctx context.Context, resp *fetch.Response, outcome string) turn {
	s, now := q.s, q.wall()
	if resp.NotModified {
		// RFC 9111 §4.3.4: a 304 may bring newer ones.
		if resp.ETag != "" {
			s.ETag = []byte(resp.ETag)
		}
		if resp.LastModified != "" {
			s.LastModified = []byte(resp.LastModified)
		}
		s.Last304, s.Full = now, 0
	} else {
		// Those of this answer or none: old ones belong to another body.
		s.ETag, s.LastModified = []byte(resp.ETag), []byte(resp.LastModified)
		if outcome != pollNew && !s.LastGood.IsZero() && !(q.full && len(s.ETag)+len(s.LastModified) > 0 && s.Lied.IsZero()) {
			s.Full++
		}
		s.LastBody, s.Last304 = now, time.Time{}
	}
	if q.full {
		s.LastFull = now
	}
	s.LastPoll, s.LastGood, s.Failures, s.Fails, s.Status, s.Trouble = now, now, 0, 0, int32(resp.Status), nil
	if q.req.URL == s.URL {
		s.sighted(permanent(resp), now, q.taken)
	}
	interval := s.interval(q.every, now, q.cfg)
	if q.every == 0 && q.push.Load().Pushed(q.f.url) {
		interval = q.cfg.MaxInterval // a backstop: hubs forget
	}
	q.schedule(interval, 0)
	q.tellHost(ctx, hostUp, now)
	q.dropBody(ctx)
	told := q.tellGood(ctx, now, q.full || !resp.NotModified)
	soon := (outcome == pollNotModified || outcome == pollSame) && !told
	next := s.Next
	if !q.keep(ctx, q.f, s, soon) {
		outcome = pollUnsaved
	}
	q.metrics.polls.WithLabelValues(outcome).Inc()
	return turn{due: next, host: hostUp, answered: true}
}

// taken says whether an address is a feed of the catalog.
func (q *poll) taken(address string) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.feeds[address] != nil
}

// hold stops all polls for a while, since the stream is every feed's, and this
// feed for longer with each time: its publisher is asked for the same body
// again. The state is left as it was: without the new validators the next poll
// gets the same body, and what was stored of it is refused.
func (q *poll) hold(ctx context.Context, err error) turn {
	if ctx.Err() != nil {
		return turn{due: q.wall(), answered: true}
	}
	q.metrics.polls.WithLabelValues(pollHeld).Inc()
	q.lg.Warn("items not stored, will try again", "url", q.f.url, "error", err)
	q.mu.Lock()
	defer q.mu.Unlock()
	now := q.wall()
	q.pause = now.Add(q.cfg.FullWait)
	q.f.held++
	wait := min(q.cfg.FullWait<<min(q.f.held-1, 10), max(maxHold, q.cfg.FullWait))
	return turn{due: now.Add(wait), host: hostUp, answered: true}
}

// failed records a poll without use. Validators and hashes stay: they belong
// to the last good body.
func (q *poll) failed(ctx context.Context, resp *fetch.Response, err error) turn {
	s, now := q.s, q.wall()
	t := turn{answered: resp != nil || fetch.ClassOf(err) == fetch.ClassTLS}
	if !t.answered && (noNetwork(err) || mayBeNetwork(err)) {
		if wait, ok := q.noNetwork(now, noNetwork(err)); ok {
			q.tellOffline(ctx, now)
			q.metrics.polls.WithLabelValues(pollOffline).Inc()
			return turn{due: now.Add(wait)}
		}
	}
	switch {
	case hostIsDown(err):
		t.host = hostDown
	case t.answered:
		t.host = hostUp
	}
	var wait time.Duration
	s.Status = 0
	if resp != nil {
		s.Status, wait = int32(resp.Status), resp.RetryAfter
	}
	if wait > 0 {
		t.hold = now.Add(wait)
	}
	q.trouble(resp, err, now)
	if resp != nil && unreadable(err) {
		q.keepBody(ctx, resp, err, now)
	}
	s.LastPoll = now
	backoff := s.backoff(q.every, now, q.cfg, mayBeNetwork(err))
	if !s.Trouble.Saw410.IsZero() {
		backoff = max(backoff, goneConfirm+goneConfirm/early)
	}
	if q.movedInVain() {
		backoff = q.cfg.gapOf(q.src)
	}
	t.due = q.schedule(backoff, wait)
	q.tellHost(ctx, t.host, now)
	soon := !q.tellFailed(ctx, t.host == hostDown, now)
	class, failures := s.Trouble.Class, s.Failures
	q.keep(ctx, q.f, s, soon)
	q.metrics.polls.WithLabelValues(pollFailed).Inc()
	q.metrics.failures.WithLabelValues(class).Inc()
	q.lg.Info("poll failed", "url", q.f.url, "class", class, "failures", failures, "next", t.due, "error", err)
	return t
}

// noNetwork asks whether it is this machine that has none, and how soon to try
// again if so: nothing is charged to the feed.
func (q *poll) noNetwork(now time.Time, lookup bool) (time.Duration, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	was := q.outage.now
	b := &q.f.host.breaker
	if b.open() && !lookup && (!was || b.since.Before(q.outage.since)) { // it is known to be down, by itself
		return 0, false
	}
	if !q.outage.failed(q.f.host.name, lookup, len(q.queue.all), now) {
		return 0, false
	}
	if !was {
		q.lg.Warn("no network: no host can be reached")
	}
	d := min(quickRetry<<min(q.f.offline, 10), lastOffline)
	q.f.offline++
	return q.jitter(d), true
}

// trouble puts what went wrong into the state.
func (q *poll) trouble(resp *fetch.Response, err error, now time.Time) {
	s := q.s
	class, weight := grade(err)
	t := &trouble{Class: class, Error: clip(err.Error(), 500), First: now}
	if before := s.Trouble; before != nil {
		t.First = before.First
		if t.First.After(now) {
			t.First = now // the clock was set back
		}
		if class == classGone {
			t.Saw410, t.Gone = before.Saw410, before.Gone
		}
	}
	if class == classGone {
		switch {
		case t.Saw410.IsZero() || t.Saw410.After(now):
			t.Saw410 = now
		case now.Sub(t.Saw410) >= goneConfirm:
			t.Gone = true
		}
	}
	if errors.Is(err, ErrHTML) && resp != nil && q.cfg.Discover != nil {
		found := q.cfg.Discover(resp.Body, resp.URL)
		t.Suggestions = found[:min(len(found), maxSuggestions)]
	}
	s.Failures += weight
	s.Fails++
	s.Trouble = t
}

// movedInVain goes back to the old address of a feed whose new one does not
// hold, and goes on with the new one where the old is only asked to check.
func (q *poll) movedInVain() bool {
	s := q.s
	if s.Move == nil || !s.Move.Adopted {
		return false
	}
	if q.check {
		m := *s.Move
		m.Checked = q.wall()
		s.Move = &m
		return true
	}
	if s.Fails >= moveFails {
		s.goBack()
		return true
	}
	return false
}

// classGone is the class of a 410.
const classGone = "gone"

// grade is the class of a failure and its weight: what will hardly mend
// itself counts whole, what may be over soon little.
func grade(err error) (class string, weight float64) {
	var fe *fetch.Error
	switch {
	case errors.Is(err, ErrHTML):
		return "html", 1
	case errors.Is(err, ErrNotFeed):
		return "not_feed", 1
	case errors.Is(err, ErrTooDeep):
		return "too_deep", 1
	case errors.Is(err, ErrBroken):
		return "broken", 0.5
	case !errors.As(err, &fe):
		return "other", 0.5
	case fe.Status == http.StatusGone && fe.Class == fetch.ClassHTTPStatus:
		return classGone, 1
	case fe.Class == fetch.ClassDNS && fe.Temporary():
		return string(fe.Class), 0.25
	case fe.Temporary():
		return string(fe.Class), 0.5
	default:
		return string(fe.Class), 1
	}
}

// schedule sets when the feed is due: after the interval, give or take a
// twentieth, and not before what the server asked for.
func (q *poll) schedule(interval, retryAfter time.Duration) time.Time {
	d := q.jitter(interval)
	if retryAfter > 0 {
		d = max(d, retryAfter+time.Duration(q.random()*float64(min(retryAfter/4, maxJitter))))
	}
	q.s.Interval, q.s.Next = interval, q.wall().Add(d)
	return q.s.Next
}

// jitter is d, give or take a twentieth.
func (p *Poller) jitter(d time.Duration) time.Duration {
	return time.Duration(float64(d) * (0.95 + 0.1*p.random()))
}
