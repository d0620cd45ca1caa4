package feeds

import (
	"encoding/json"
	"fmt"
	"math"
	"time"
)

const (
	day      = 24 * time.Hour
	weekHour = 7 * 24 // hours of a week

	// leastRate keeps the square root finite, items a day.
	leastRate = 0.05
	// profileDecay is by how much the hours of former days lose weight each day:
	// half after some three weeks.
	profileDecay = 0.97
	// gapWeeks is over how many weeks the longest usual gap is remembered.
	gapWeeks = 4
)

// A rhythm is when a feed publishes: how much in each hour of the last week, at
// which hours of the day, and with which gaps.
type rhythm struct {
	First time.Time `json:"first,omitzero"` // the oldest item counted
	Last  time.Time `json:"last,omitzero"`  // the newest
	Count int       `json:"count,omitempty"`
	Pace  float64   `json:"pace,omitempty"` // items a day when the newest came

	Hour    int64                   `json:"hour,omitempty"` // since 1970, the last one of Week
	Week    hourCounts              `json:"week,omitzero"`
	Day     dayProfile              `json:"day,omitzero"`
	Gaps    [gapWeeks]time.Duration `json:"gaps,omitzero"`
	GapWeek int64                   `json:"gap_week,omitempty"` // since 1970, the last one of Gaps
}

// hourCounts is items in each hour, at the hour's number modulo a week; 255 is
// that many or more.
type hourCounts [weekHour]uint8

// MarshalJSON stores the counts as base64 of their bytes.
func (c hourCounts) MarshalJSON() ([]byte, error) { return json.Marshal(c[:]) }

// UnmarshalJSON reads them back.
func (c *hourCounts) UnmarshalJSON(data []byte) error {
	var b []byte
	if err := json.Unmarshal(data, &b); err != nil {
		return fmt.Errorf("hours of a week: %w", err)
	}
	*c = hourCounts{}
	copy(c[:], b)
	return nil
}

// dayProfile is how much was published in each hour of the day, in UTC, former
// days weighing less.
type dayProfile [24]float32

// add counts an item published at t. Items are to come oldest first.
func (r *rhythm) add(t time.Time) {
	hour := t.Unix() / 3600
	if r.Count == 0 {
		r.First, r.Hour, r.GapWeek = t, hour, hour/weekHour
	}
	r.roll(hour)
	if r.Hour-hour < weekHour {
		if c := &r.Week[hour%weekHour]; *c < math.MaxUint8 {
			*c++
		}
	}
	r.Day[hour%24]++
	if !r.Last.IsZero() && t.After(r.Last) {
		week := hour / weekHour
		for ; r.GapWeek < week; r.GapWeek++ {
			if week-r.GapWeek > gapWeeks {
				r.GapWeek = week - gapWeeks
			}
			r.Gaps[(r.GapWeek+1)%gapWeeks] = 0
		}
		g := &r.Gaps[week%gapWeeks]
		*g = max(*g, t.Sub(r.Last))
	}
	if t.Before(r.First) {
		r.First = t
	}
	if t.After(r.Last) {
		r.Last = t
	}
	r.Count++
	r.Pace = r.rate(t)
}

// roll makes hour the last of the week, unless it is older than that.
func (r *rhythm) roll(hour int64) {
	if hour <= r.Hour {
		return
	}
	if d := hour/24 - r.Hour/24; d > 0 {
		f := float32(math.Pow(profileDecay, float64(d)))
		for i := range r.Day {
			r.Day[i] *= f
		}
	}
	for h := max(r.Hour+1, hour-weekHour+1); h <= hour; h++ {
		r.Week[h%weekHour] = 0
	}
	r.Hour = hour
}

// rate is items a day: over the last seven days, and the last one again with
// half the weight.
func (r *rhythm) rate(at time.Time) float64 {
	now := at.Unix() / 3600
	var week, today int
	for h := max(now, r.Hour) - weekHour + 1; h <= r.Hour; h++ {
		n := int(r.Week[(h%weekHour+weekHour)%weekHour])
		week += n
		if now-h < 24 {
			today += n
		}
	}
	// Of a feed that is not known for a week, the days before count as empty: its
	// document may hold one busy afternoon. In the replay that gave less delay
	// for the same number of polls than dividing by what is known.
	return (float64(week)/7 + float64(today)/2) / 1.5
}

// profile is how much busier the hour of day is than the mean of its hours.
func (r *rhythm) profile(at time.Time) float64 {
	// One item in each hour beforehand: a feed with few items has no profile.
	sum := float32(len(r.Day))
	for _, v := range r.Day {
		sum += v
	}
	return float64((r.Day[at.UTC().Hour()] + 1) * float32(len(r.Day)) / sum)
}

// interval is the square-root rule: c over the root of the rate expected now,
// and never so long that two fifths of a document of that many items could turn
// over meanwhile.
func (r *rhythm) interval(c time.Duration, at time.Time, listed int) (d, ceiling time.Duration) {
	rate := max(r.rate(at), leastRate)
	soon := rate * min(max(r.profile(at.Add(15*time.Minute)), 0.25), 4)
	d = time.Duration(float64(c) / math.Sqrt(soon))
	ceiling = math.MaxInt64
	if listed > 0 {
		ceiling = time.Duration(turnoverShare * float64(listed) / max(rate, soon) * float64(day))
	}
	return min(d, ceiling), ceiling
}

// usualGap is the longest gap of the last weeks.
func (r *rhythm) usualGap() (d time.Duration) {
	for _, g := range r.Gaps {
		d = max(d, g)
	}
	return d
}
