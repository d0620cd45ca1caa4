package feeds

import (
	"hash/fnv"
	"math"
	"time"
)

const (
	// sqrtRule is the interval of a feed with one item a day. Polling as often
	// as the square root of the rate gives the least mean delay for a number of
	// polls; 90 minutes was best in a replay of 319 feeds.
	sqrtRule = 90 * time.Minute
	// firstInterval is that of a feed nothing is known of.
	firstInterval = 15 * time.Minute
	// maxBackoff is how rarely a failing feed is asked. None is given up: feeds
	// that answered 404 for weeks do come back.
	maxBackoff = 24 * time.Hour
	// fullEvery is how often a feed is asked without its validators: some
	// servers answer 304 for ever.
	fullEvery = 24 * time.Hour
	// fullSpread keeps feeds that began together from being asked in full together.
	fullSpread = 2 * time.Hour
	// startSpread is the time over which overdue feeds are polled after a start.
	startSpread = 2 * time.Minute
)

// interval is the time to the next poll of a feed that is well: the one its
// catalog entry fixes, or by the square-root rule from how much it publishes.
func (s *state) interval(every time.Duration, now time.Time, cfg Config) time.Duration {
	if every > 0 {
		return every
	}
	if s.LastGood.IsZero() || s.Listed == 0 {
		return min(max(firstInterval, cfg.MinInterval), cfg.MaxInterval)
	}
	rate := s.Rate
	if !s.Newest.IsZero() {
		// A feed that has gone quiet publishes at most once in its silence.
		if silence := now.Sub(s.Newest).Hours() / 24; silence > 0 {
			rate = min(rate, 1/silence)
		}
	}
	if rate <= 0 {
		return cfg.MaxInterval
	}
	d := time.Duration(float64(sqrtRule) / math.Sqrt(rate))
	return min(max(d, cfg.MinInterval), cfg.MaxInterval)
}

// backoff is the time to the next poll of a feed that fails: longer by one
// interval with each failure.
func (s *state) backoff(every time.Duration, now time.Time, cfg Config) time.Duration {
	d := time.Duration(float64(s.interval(every, now, cfg)) * (1 + s.Failures))
	return min(d, max(maxBackoff, every))
}

// measure takes the rate of publication from the dates of a document: over the
// last week, or the span of the document where that is shorter, and the last
// day again with half its weight.
func (s *state) measure(p *Parsed, now time.Time) {
	const day = 24 * time.Hour
	s.Listed, s.Newest = len(p.Items), time.Time{}
	var week, today int
	oldest := now
	for i := range p.Items {
		t := p.Items[i].Published
		if t.IsZero() || t.After(now) {
			t = now
		}
		if t.After(s.Newest) {
			s.Newest = t
		}
		if t.Before(oldest) {
			oldest = t
		}
		if now.Sub(t) < 7*day {
			week++
		}
		if now.Sub(t) < day {
			today++
		}
	}
	span := min(max(now.Sub(oldest), time.Hour), 7*day).Hours() / 24
	dayspan := min(span, 1)
	s.Rate = (float64(week)/span + float64(today)/dayspan/2) / 1.5
	if week == 0 && s.Listed > 1 {
		s.Rate = float64(s.Listed) / max(now.Sub(oldest).Hours()/24, 1)
	}
}

// spread is a share of d that is always the same for one address: feeds that
// are due together are polled one after the other, and in the same order.
func spread(url string, d time.Duration) time.Duration {
	h := fnv.New64a()
	_, _ = h.Write([]byte(url))
	return time.Duration(float64(h.Sum64()>>11) / (1 << 53) * float64(d))
}
