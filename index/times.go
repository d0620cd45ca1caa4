package index

import "time"

// A time is kept as four terms: its day, hour, minute and second. Bleve's own
// times are sixteen terms, most of them unique, and took 430 bytes a document.

// A unit is one of the terms: its first letter sets it apart, and within a unit
// terms sort as times do.
type unit struct {
	form string // as for time.Format
	size time.Duration
}

var units = []unit{
	{"s20060102150405", time.Second},
	{"m200601021504", time.Minute},
	{"h2006010215", time.Hour},
	{"d20060102", 24 * time.Hour},
}

// The times that terms sort for; years have four digits.
var (
	minTime = time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC)
	maxTime = time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)
)

func clampTime(t time.Time) time.Time {
	switch t = t.UTC(); {
	case t.Before(minTime):
		return minTime
	case t.After(maxTime):
		return maxTime
	}
	return t
}

func isSecond(t time.Time) bool { return t.Nanosecond() == 0 }

func timeTerms(t time.Time) []string {
	t = clampTime(t)
	var terms []string
	for _, u := range units {
		terms = append(terms, t.Format(u.form))
	}
	return terms
}

// A termRange is terms from one to another, both included.
type termRange struct{ from, to string }

// cover is the ranges of terms that make up after ≤ t < before, both in whole
// seconds: days where they are whole, hours, minutes and seconds at the ends.
func cover(after, before time.Time) []termRange {
	var ranges []termRange
	add := func(u unit, from, before time.Time) {
		if from.Before(before) {
			ranges = append(ranges, termRange{from.Format(u.form), before.Add(-time.Second).Format(u.form)})
		}
	}
	for i, u := range units {
		if i == len(units)-1 {
			add(u, after, before)
			break
		}
		// Up to the first of the next larger unit, and from its last.
		larger := units[i+1].size
		up := after.Add(larger - time.Second).Truncate(larger)
		down := before.Truncate(larger)
		if !up.Before(down) {
			add(u, after, before)
			break
		}
		add(u, after, up)
		add(u, down, before)
		after, before = up, down
	}
	return ranges
}

// publishedRanges is the ranges of terms of after ≤ published < before; a zero
// bound is open. A bound within a second takes in all of that second.
func publishedRanges(after, before time.Time) []termRange {
	if before.IsZero() {
		before = maxTime.Add(time.Second) // later ones are kept as maxTime
	}
	if !isSecond(before) {
		before = before.Add(time.Second)
	}
	return cover(clampTime(after).Truncate(time.Second), clampEnd(before).Truncate(time.Second))
}

func clampEnd(t time.Time) time.Time {
	if end := maxTime.Add(time.Second); t.After(end) {
		return end
	}
	return t.UTC()
}
