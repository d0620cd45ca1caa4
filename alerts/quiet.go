package alerts

import (
	"fmt"
	"time"

	"github.com/newswatch/newswatch/pipeline/catalog"
)

// A quietTime is the hours of a day in which a watch stays silent, by the clock
// of a place. What it has to say then is said at their end.
type quietTime struct {
	from, to time.Duration // since midnight; to before from: over midnight
	loc      *time.Location
}

// newQuiet reads a watch's quiet hours; nil: it has none.
func newQuiet(q *catalog.Quiet) (*quietTime, error) {
	if q == nil {
		return nil, nil
	}
	from, err := time.Parse("15:04", q.From)
	if err != nil {
		return nil, fmt.Errorf("quiet from: %w", err)
	}
	to, err := time.Parse("15:04", q.To)
	if err != nil {
		return nil, fmt.Errorf("quiet to: %w", err)
	}
	loc, err := time.LoadLocation(q.TZ)
	if err != nil {
		return nil, fmt.Errorf("quiet tz: %w", err)
	}
	return &quietTime{sinceMidnight(from), sinceMidnight(to), loc}, nil
}

func sinceMidnight(t time.Time) time.Duration {
	return time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute
}

// until is the end of the quiet hours that now is in; zero: it is in none.
func (q *quietTime) until(now time.Time) time.Time {
	if q == nil {
		return time.Time{}
	}
	local := now.In(q.loc)
	for _, day := range []int{-1, 0} { // those that began yesterday may last
		from, to := q.clock(local, day, q.from), q.clock(local, day, q.to)
		if q.to < q.from {
			to = q.clock(local, day+1, q.to)
		}
		if !now.Before(from) && now.Before(to) {
			return to.UTC()
		}
	}
	return time.Time{}
}

// clock is the moment some days after that of now when the clock shows at.
func (q *quietTime) clock(now time.Time, days int, at time.Duration) time.Time {
	return time.Date(now.Year(), now.Month(), now.Day()+days, int(at/time.Hour), int(at%time.Hour/time.Minute), 0, 0, q.loc)
}
