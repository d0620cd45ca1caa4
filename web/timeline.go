package web

import (
	"slices"
	"strconv"
	"time"

	"github.com/newswatch/newswatch/pipeline"
)

// Shape of the timeline, in units of its view box; it is stretched to the
// width there is.
const (
	barPitch  = 10
	barWidth  = 8
	barHeight = 60
	maxBars   = 92 // three months of days; longer spans are counted by week and more
	minBars   = 14 // so that two days are not two walls
)

// A timelineView is the counts per hour, day, or so many days as bars.
type timelineView struct {
	ViewBox string
	Unit    string // hour, day, week, 30 days…
	First   string // first and last day or hour
	Last    string
	Peak    string
	Bars    []barView // days without hits among them
}

type barView struct {
	Label      string // 16 Dec 2015: 12 articles
	Day        string
	Count      string
	URL        string
	X, Y, W, H string
	HitX, HitW string // of the area that can be clicked
	FullHeight string
}

// timeline lays out the bars, each a link to its days or hours. Nil: nothing to
// choose from.
func timeline(counts []pipeline.TimeCount, st searchState, byHour bool) *timelineView {
	counts = slices.DeleteFunc(slices.Clone(counts), func(c pipeline.TimeCount) bool { return c.Count <= 0 })
	if len(counts) == 0 {
		return nil
	}
	slices.SortFunc(counts, func(a, b pipeline.TimeCount) int { return a.T.Compare(b.T) })
	one, form, edge, link := 24*time.Hour, "2 Jan 2006", "2 Jan 2006", time.DateOnly
	if byHour {
		one, form, edge, link = time.Hour, "2 Jan 2006 15:04", "2 Jan, 15:04", time.RFC3339
	}
	first, last := counts[0].T.UTC().Truncate(one), counts[len(counts)-1].T.UTC().Truncate(one)
	units := int(last.Sub(first)/one) + 1
	if units == 1 {
		return nil
	}
	if units < minBars {
		first, units = last.Add(-(minBars-1)*one), minBars
	}
	step, unit := 1, "hour"
	if !byHour {
		step, unit = barDays(units)
	}

	bars := make([]int, (units+step-1)/step)
	peak := 0
	for _, c := range counts {
		i := int(c.T.Sub(first)/one) / step
		bars[i] += c.Count
		peak = max(peak, bars[i])
	}
	v := &timelineView{
		ViewBox: "0 0 " + strconv.Itoa(len(bars)*barPitch) + " " + strconv.Itoa(barHeight),
		Unit:    unit, First: first.Format(edge), Last: last.Format(edge),
		Peak: number(peak),
	}
	for i, n := range bars {
		if n == 0 {
			continue
		}
		from := first.Add(time.Duration(i*step) * one)
		to := from.Add(time.Duration(step) * one)
		h := max(2, n*barHeight/peak) // what is there is seen
		b := barView{
			Day: from.Format(form), Count: number(n),
			URL: st.between(from.Format(link), to.Format(link)).url(),
			X:   strconv.Itoa(i*barPitch + (barPitch-barWidth)/2), Y: strconv.Itoa(barHeight - h),
			W: strconv.Itoa(barWidth), H: strconv.Itoa(h),
			HitX: strconv.Itoa(i * barPitch), HitW: strconv.Itoa(barPitch), FullHeight: strconv.Itoa(barHeight),
		}
		if step > 1 {
			b.Day += " – " + to.Add(-one).Format(form)
		}
		b.Label = b.Day + ": " + count(n, "article", "articles")
		v.Bars = append(v.Bars, b)
	}
	return v
}

// barDays is how many days one bar stands for when so many are to be shown.
func barDays(days int) (step int, unit string) {
	for _, s := range []struct {
		days int
		unit string
	}{{1, "day"}, {7, "week"}, {30, "30 days"}, {91, "quarter"}, {365, "year"}} {
		if days <= s.days*maxBars {
			return s.days, s.unit
		}
	}
	return (days + maxBars - 1) / maxBars, "period"
}

// rangeLabel says in words which days a range is.
func rangeLabel(from, to time.Time) string {
	const form = "2 Jan 2006"
	whole := from.Equal(from.Truncate(24*time.Hour)) && to.Equal(to.Truncate(24*time.Hour))
	f := form
	if !whole {
		f = "2 Jan 2006 15:04"
	}
	switch {
	case from.IsZero() && to.IsZero():
		return ""
	case to.IsZero():
		return "from " + from.UTC().Format(f)
	case from.IsZero():
		return "before " + to.UTC().Format(f)
	case whole && to.Sub(from) == 24*time.Hour:
		return from.UTC().Format(form)
	case whole:
		return from.UTC().Format(form) + " – " + to.UTC().AddDate(0, 0, -1).Format(form)
	case from.Truncate(24 * time.Hour).Equal(to.Add(-1).Truncate(24 * time.Hour)):
		return from.UTC().Format(f) + " – " + to.UTC().Format("15:04")
	default:
		return from.UTC().Format(f) + " – " + to.UTC().Format(f)
	}
}
