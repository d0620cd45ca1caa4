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

// A timelineView is the counts per day (or per so many days) as bars.
type timelineView struct {
	ViewBox string
	Unit    string // day, week, 30 days…
	First   string // first and last day
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

// timeline lays out the bars, each a link to its days. Nil: nothing to choose
// from.
func timeline(counts []pipeline.TimeCount, st searchState) *timelineView {
	counts = slices.DeleteFunc(slices.Clone(counts), func(c pipeline.TimeCount) bool { return c.Count <= 0 })
	if len(counts) == 0 {
		return nil
	}
	slices.SortFunc(counts, func(a, b pipeline.TimeCount) int { return a.T.Compare(b.T) })
	const day = 24 * time.Hour
	first, last := counts[0].T.UTC().Truncate(day), counts[len(counts)-1].T.UTC().Truncate(day)
	days := int(last.Sub(first)/day) + 1
	if days == 1 {
		return nil
	}
	if days < minBars {
		first, days = last.AddDate(0, 0, 1-minBars), minBars
	}
	step, unit := barDays(days)

	bars := make([]int, (days+step-1)/step)
	peak := 0
	for _, c := range counts {
		i := int(c.T.Sub(first)/day) / step
		bars[i] += c.Count
		peak = max(peak, bars[i])
	}
	v := &timelineView{
		ViewBox: "0 0 " + strconv.Itoa(len(bars)*barPitch) + " " + strconv.Itoa(barHeight),
		Unit:    unit, First: first.Format("2 Jan 2006"), Last: last.Format("2 Jan 2006"),
		Peak: number(peak),
	}
	for i, n := range bars {
		if n == 0 {
			continue
		}
		from := first.AddDate(0, 0, i*step)
		h := max(2, n*barHeight/peak) // what is there is seen
		b := barView{
			Day: from.Format("2 Jan 2006"), Count: number(n),
			URL: st.between(from.Format(time.DateOnly), from.AddDate(0, 0, step).Format(time.DateOnly)).url(),
			X:   strconv.Itoa(i*barPitch + (barPitch-barWidth)/2), Y: strconv.Itoa(barHeight - h),
			W: strconv.Itoa(barWidth), H: strconv.Itoa(h),
			HitX: strconv.Itoa(i * barPitch), HitW: strconv.Itoa(barPitch), FullHeight: strconv.Itoa(barHeight),
		}
		if step > 1 {
			b.Day += " – " + from.AddDate(0, 0, step-1).Format("2 Jan 2006")
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
	default:
		return from.UTC().Format(f) + " – " + to.UTC().Format(f)
	}
}
