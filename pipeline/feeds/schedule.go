package feeds

import (
	"hash/fnv"
	"math"
	"time"

	"github.com/newswatch/newswatch/pipeline"
)

const (
	// sqrtRule is the interval of a feed with one item a day. Polling as often
	// as the square root of the rate gives the least mean delay for a number of
	// polls; testdata/simulation.golden has the comparison.
	sqrtRule = 90 * time.Minute
	// turnoverShare is the part of a document that may turn over between two
	// polls: what comes in a burst is still in it.
	turnoverShare = 0.4
	// matchHalf is when what a match counts for has halved.
	matchHalf = 7 * day
	// firstInterval is that of a feed nothing is known of.
	firstInterval = 15 * time.Minute
	// fullFloor is the shortest interval of a feed that sends its whole document
	// each time, asked with a condition or not; fullTimes how often it must have.
	fullFloor = 15 * time.Minute
	fullTimes = 3
	// quickRetry is the first pause after a failure that may be the network's,
	// or the first of a new feed; it doubles.
	quickRetry = time.Minute
	// maxBackoff is how rarely a failing feed is asked. None is given up: feeds
	// that answered 404 for weeks do come back.
	maxBackoff = day
	// goneConfirm is how long after a 410 it must be said again to be believed,
	// goneEvery how often a feed that is gone is asked all the same.
	goneConfirm = time.Hour
	goneEvery   = 30 * day
	// fullEvery is how often a feed is asked without its validators: some
	// servers answer 304 for ever.
	fullEvery = day
	// fullSpread keeps feeds that began together from being asked in full together.
	fullSpread = 2 * time.Hour
	// liesFor is how long the validators of a server that lied are not sent.
	liesFor = 30 * day
	// startSpread is the time over which overdue feeds are polled after a start.
	startSpread = 2 * time.Minute
)

// interval is the time to the next poll of a feed that is well: the one its
// catalog entry fixes, or by the square-root rule from how much it publishes.
func (s *state) interval(every time.Duration, now time.Time, cfg Config) time.Duration {
	if every > 0 {
		return every
	}
	if s.Rhythm.Count == 0 {
		if !s.Began.IsZero() && now.Sub(s.Began) > day {
			return cfg.MaxInterval // it has listed nothing for a day
		}
		return min(max(firstInterval, cfg.MinInterval), cfg.MaxInterval)
	}
	c := time.Duration(float64(sqrtRule) * (1 - 0.5*min(1, s.Match.at(now))))
	d, ceiling := s.Rhythm.interval(c, now, s.Listed)
	if s.Turnover > 0 {
		ceiling = min(ceiling, time.Duration(turnoverShare*float64(s.Turnover)))
		d = min(d, ceiling)
	}
	// What a publisher thinks of being asked is a hint: real feeds say two
	// minutes, and a day.
	if s.Hint > d {
		d = min(s.Hint, 2*d, ceiling)
	}
	if s.Full >= fullTimes {
		d = max(d, min(fullFloor, ceiling))
	}
	if s.Crowded {
		d /= 2
	}
	return min(max(d, cfg.MinInterval), cfg.MaxInterval)
}

// backoff is the time to the next poll of a feed that fails: longer by one
// interval with each failure. Of a new feed, and where it may be the network's
// fault, the first polls come sooner.
func (s *state) backoff(every time.Duration, now time.Time, cfg Config, quick bool) time.Duration {
	if s.Trouble != nil && s.Trouble.Gone {
		return goneEvery
	}
	d := time.Duration(float64(s.interval(every, now, cfg)) * (1 + s.Failures))
	d = min(d, max(maxBackoff, every))
	if quick || s.LastGood.IsZero() {
		d = min(d, quickRetry<<min(max(s.Fails-1, 0), 10))
	}
	return d
}

// measure counts the new items of a document, of which the oldest is the last.
func (s *state) measure(p *Parsed, fresh func(i int) bool, now time.Time) {
	first := s.Rhythm.Count == 0 && s.LastGood.IsZero()
	newest := s.Rhythm.Last
	s.Listed = len(p.Items)
	for i := len(p.Items) - 1; i >= 0; i-- {
		it := &p.Items[i]
		t := it.Published
		if it.PublishedFrom != pipeline.DateFromFeed || t.After(now) {
			if first {
				continue // when it was published is anybody's guess
			}
			t = now
		}
		// What was published long before the last one is one that was edited.
		if fresh(i) && (newest.IsZero() || t.After(newest.Add(-time.Hour))) {
			s.Rhythm.add(t)
		}
	}
	if n := len(p.Items); n >= leastCrowd && p.Items[n/2].PublishedFrom == pipeline.DateFromFeed {
		s.turned(p.Items[n/2].Published, now)
	}
	s.Newest, s.Usual = s.Rhythm.Last, s.Rhythm.usualGap()
}

// turned takes in the middle item of a document: in twice its age the whole
// document turns over. The shortest time counts for long: tomorrow may be as
// busy.
func (s *state) turned(middle, now time.Time) {
	if middle.IsZero() || !middle.Before(now) {
		return
	}
	d := 2 * now.Sub(middle)
	if s.Turnover > 0 {
		d = min(d, s.Turnover+s.Turnover/early)
	}
	s.Turnover = d
}

// A match is how much a feed has had to say of what is tracked: one for each
// article, halved each week.
type match struct {
	Score float64   `json:"score,omitempty"`
	Time  time.Time `json:"time,omitzero"` // that Score is of
}

func (m *match) at(now time.Time) float64 {
	if m == nil {
		return 0
	}
	return m.Score * math.Exp2(-max(now.Sub(m.Time), 0).Hours()/matchHalf.Hours())
}

// newer is the later of two matches.
func newer(a, b *match) *match {
	if a == nil || b != nil && b.Time.After(a.Time) {
		return b
	}
	return a
}

// spread is a share of d that is always the same for one address: feeds that
// are due together are polled one after the other, and in the same order.
func spread(url string, d time.Duration) time.Duration {
	h := fnv.New64a()
	_, _ = h.Write([]byte(url))
	return time.Duration(float64(h.Sum64()>>11) / (1 << 53) * float64(d))
}
