package feeds

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/newswatch/newswatch/pipeline"
)

// A recording is when the items of a real feed were published, and how many of
// them its document holds.
type recording struct {
	name   string
	items  []time.Time // oldest first
	window int
}

// recordings are the feeds of the corpus whose items have times that mean
// something: a dozen at least, with hours, over more than two hours.
func recordings(t *testing.T) (out []recording) {
	seen := make(map[string]bool)
	for _, f := range corpusFiles(t, "real") {
		p, err := Parse(f.body, "https://example.com/dir/feed.xml", "", ParseOptions{Now: corpusNow})
		if err != nil {
			continue
		}
		var times []time.Time
		clocks := make(map[int64]bool)
		for _, it := range p.Items {
			if it.PublishedFrom == pipeline.DateFromFeed {
				times = append(times, it.Published.UTC())
			}
		}
		slices.SortFunc(times, time.Time.Compare)
		times = slices.CompactFunc(times, time.Time.Equal)
		for _, at := range times {
			clocks[at.Unix()%86400] = true
		}
		if len(times) < 12 || 2*len(clocks) < len(times) || times[len(times)-1].Sub(times[0]) < 2*time.Hour {
			continue
		}
		last := times[len(times)-1]
		if id := fmt.Sprint(last, len(times)); seen[id] {
			continue // the same feed saved twice
		} else {
			seen[id] = true
		}
		times = slices.DeleteFunc(times, func(at time.Time) bool { return last.Sub(at) > 120*day })
		if len(times) >= 3 {
			out = append(out, recording{name: f.name, items: times, window: min(len(p.Items), 50)})
		}
	}
	slices.SortFunc(out, func(x, y recording) int { return cmp.Compare(x.name, y.name) })
	return out
}

// A policy says how long to wait after a poll at a time, which found so many
// new items.
type policy func(at time.Time, found []time.Time, window int) time.Duration

// replay polls a recording. Delay is from a published item to the poll that
// finds it; missed are those that had left the document by then.
func replay(r recording, next policy, random *rand.Rand) (polls int, delays []time.Duration, missed int) {
	at := r.items[0].Add(time.Duration(random.Float64() * float64(time.Hour)))
	end := r.items[len(r.items)-1].Add(day)
	i := 0
	for at.Before(end) {
		polls++
		j := i
		for j < len(r.items) && !r.items[j].After(at) {
			j++
		}
		for k := i; k < j; k++ {
			if i == 0 {
				continue // the first document is there at the start
			}
			if j-k > r.window {
				missed++
			}
			delays = append(delays, at.Sub(r.items[k]))
		}
		d := next(at, r.items[i:j], r.window)
		i = j
		at = at.Add(time.Duration(float64(d) * (0.95 + 0.1*random.Float64())))
	}
	return polls, delays, missed
}

func everyHour() policy {
	return func(time.Time, []time.Time, int) time.Duration { return time.Hour }
}

// entryFrequency is Miniflux's polling by the number of entries of the last
// week, with its defaults (a factor of 1, 5 minutes to 24 hours).
func entryFrequency() policy {
	var all []time.Time
	return func(at time.Time, found []time.Time, _ int) time.Duration {
		all = append(all, found...)
		n := 0
		for i := len(all) - 1; i >= 0 && at.Sub(all[i]) < 7*day; i-- {
			n++
		}
		if n == 0 {
			return day
		}
		return min(max(7*day/time.Duration(n), 5*time.Minute), day)
	}
}

// autoAdjust is Media Cloud's: ten minutes more when two thirds of a document
// are known, an hour less when less than one third is; 10 minutes to 24 hours,
// 6 hours to begin with.
func autoAdjust() policy {
	d := 6 * time.Hour
	return func(_ time.Time, found []time.Time, window int) time.Duration {
		switch known := 100 * max(window-len(found), 0) / window; {
		case known >= 67:
			d += 10 * time.Minute
		case known < 33 && d > 6*time.Hour:
			d = 6 * time.Hour
		case known < 33:
			d -= time.Hour
		}
		d = min(max(d, 10*time.Minute), day)
		return d
	}
}

// ours is the schedule's own rule, for a server that answers 304 or does not,
// and a feed that matches entities or does not.
func ours(full int, matches float64) policy {
	cfg := Config{}.withDefaults()
	s := &state{Full: full}
	var doc []time.Time
	return func(at time.Time, found []time.Time, window int) time.Duration {
		for _, t := range found {
			s.Rhythm.add(t)
		}
		s.Listed = window
		doc = append(doc, found...)
		doc = doc[max(0, len(doc)-window):]
		if len(doc) >= leastCrowd {
			s.turned(doc[len(doc)/2], at)
		}
		s.Match = &match{Score: matches, Time: at}
		return s.interval(0, at, cfg)
	}
}

// TestSimulation replays the item times of real feeds under several policies.
// What it commits is the reason for the schedule's rule.
func TestSimulation(t *testing.T) {
	recs := recordings(t)
	groups := []struct {
		name string
		has  func(perDay float64) bool
	}{
		{"all feeds", func(float64) bool { return true }},
		{"5 items a day and more", func(r float64) bool { return r >= 5 }},
		{"less than one a day", func(r float64) bool { return r < 1 }},
	}
	policies := []struct {
		name string
		make func() policy
	}{
		{"every 60 minutes", everyHour},
		{"Miniflux entry_frequency", entryFrequency},
		{"Media Cloud auto-adjust", autoAdjust},
		{"newswatch", func() policy { return ours(0, 0) }},
		{"newswatch, feed never answers 304", func() policy { return ours(fullTimes, 0) }},
		{"newswatch, feed matches entities", func() policy { return ours(0, 1) }},
	}
	var b strings.Builder
	results := make(map[string]replayed)
	for _, g := range groups {
		var chosen []recording
		items := 0
		for _, r := range recs {
			if g.has(float64(len(r.items)) / (r.items[len(r.items)-1].Sub(r.items[0]).Hours() / 24)) {
				chosen = append(chosen, r)
				items += len(r.items)
			}
		}
		fmt.Fprintf(&b, "%s: %d feeds, %d items\n", g.name, len(chosen), items)
		fmt.Fprintf(&b, "%-34s %15s %10s %10s %10s %8s\n", "policy", "polls/feed/day", "delay p50", "p90", "mean", "missed")
		for _, p := range policies {
			o := run(chosen, p.make)
			if g.name == "all feeds" {
				results[p.name] = o
			}
			fmt.Fprintf(&b, "%-34s %15.1f %8.1f m %8.1f m %8.1f m %7.2f%%\n", p.name, o.polls, o.p50.Minutes(), o.p90.Minutes(), o.mean.Minutes(), o.missed)
		}
		b.WriteString("\n")
	}
	golden(t, "simulation.golden", b.String())
	hour, mine := results["every 60 minutes"], results["newswatch"]
	if 2*mine.p50 > hour.p50 || mine.polls > 1.2*hour.polls || mine.missed > 0 {
		t.Errorf("%+v, want half the median delay of %+v at about as many polls, nothing missed", mine, hour)
	}
}

// A replayed is how a policy did over all recordings.
type replayed struct {
	polls          float64 // per feed and day
	p50, p90, mean time.Duration
	missed         float64 // percent of the items
}

func run(recs []recording, policy func() policy) (o replayed) {
	var delays []time.Duration
	missed := 0
	for _, r := range recs {
		h := fnv.New64a()
		_, _ = h.Write([]byte(r.name))
		polls, d, m := replay(r, policy(), rand.New(rand.NewPCG(h.Sum64(), 1)))
		days := (r.items[len(r.items)-1].Sub(r.items[0]) + day).Hours() / 24
		o.polls += float64(polls) / days / float64(len(recs))
		delays, missed = append(delays, d...), missed+m
	}
	slices.Sort(delays)
	for _, d := range delays {
		o.mean += d / time.Duration(len(delays))
	}
	o.p50, o.p90 = delays[len(delays)/2], delays[len(delays)*9/10]
	o.missed = 100 * float64(missed) / float64(len(delays))
	return o
}
