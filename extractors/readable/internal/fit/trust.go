package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/newswatch/newswatch/extractors/readable"
	"github.com/newswatch/newswatch/extractors/readable/internal/content"
	"github.com/newswatch/newswatch/extractors/readable/readabletest"
)

// steps are the shares of the pages, from the least sure on, of which each two
// make a point of the fitted confidence.
var steps = []float64{0, .02, .05, .1, .15, .25, .4, .6, .8, 1}

// fitTrust finds what F1 came of what F1 was expected: means over pages that are
// about as sure, made to rise.
func fitTrust(bs []*ballot, e content.Escalation) [][2]float64 {
	var all []outcome
	for _, b := range bs {
		o, _ := b.with(e)
		all = append(all, o)
	}
	slices.SortFunc(all, func(a, b outcome) int { return cmp.Compare(a.expected, b.expected) })
	type mean struct{ x, y, n float64 }
	var means []mean
	for k := 1; k < len(steps); k++ {
		m := mean{}
		for _, o := range all[int(steps[k-1]*float64(len(all))):int(steps[k]*float64(len(all)))] {
			m.x, m.y, m.n = m.x+o.expected, m.y+o.f1, m.n+1
		}
		if m.n == 0 {
			continue
		}
		means = append(means, m)
		for l := len(means) - 1; l > 0 && means[l-1].y/means[l-1].n > means[l].y/means[l].n; l-- { // not rising: one
			a, b := means[l-1], means[l]
			means = append(means[:l-1], mean{a.x + b.x, a.y + b.y, a.n + b.n})
		}
	}
	out := [][2]float64{{0, 0}}
	for _, m := range means {
		out = append(out, [2]float64{m.x / m.n, m.y / m.n})
	}
	return append(out, [2]float64{1, out[len(out)-1][1]})
}

// reliability is the table of how sure texts were and what they were worth.
func reliability(pages []readabletest.Page, got []readable.Page) string {
	bounds := []float64{0, .6, .8, .9, .94, .96, .98, 1.01}
	type bin struct{ n, voted, sure, f1, worse float64 }
	bins := make([]bin, len(bounds)-1)
	for i, p := range pages {
		if p.Body == "" || p.Set == "gne" {
			continue
		}
		k, _ := slices.BinarySearch(bounds, got[i].Confidence+1e-12)
		b := &bins[max(k-1, 0)]
		f := f1(p, got[i].Text)
		b.n++
		b.sure += got[i].Confidence
		b.f1 += f
		if f < .8 {
			b.worse++
		}
		if got[i].Method != readable.MethodBlocks {
			b.voted++
		}
	}
	var s strings.Builder
	s.WriteString("| confidence | pages | mean confidence | mean F1 | F1 under .8 | text changed by others |\n|---|---:|---:|---:|---:|---:|\n")
	for k, b := range bins {
		if b.n > 0 {
			fmt.Fprintf(&s, "| %.2f to %.2f | %.0f | %.3f | %.3f | %.0f%% | %.0f |\n", bounds[k], min(bounds[k+1], 1), b.n, b.sure/b.n, b.f1/b.n, 100*b.worse/b.n, b.voted)
		}
	}
	return s.String()
}

// gains tells what a vote is worth: the mean change of F1 in each set when the
// escalation was fitted on the other folds.
func gains(name string, folds [][]*ballot) string {
	type sum struct{ gain, n float64 }
	sums := make(map[string]sum)
	var all sum
	asked := 0
	for k := range folds {
		e := fitEscalation(except(folds, k))
		for _, b := range folds[k] {
			o, a := b.with(e)
			if a {
				asked++
			}
			for _, to := range []string{"", b.page.Set} {
				s := sums[to]
				sums[to] = sum{s.gain + o.f1 - b.f1, s.n + 1}
			}
		}
	}
	all = sums[""]
	var s strings.Builder
	fmt.Fprintf(&s, "| %s | %d of %.0f | %+.4f |", name, asked, all.n, all.gain/all.n)
	for _, set := range voteSets {
		fmt.Fprintf(&s, " %+.4f |", sums[set].gain/max(sums[set].n, 1))
	}
	return s.String() + "\n"
}

var voteSets = []string{"scrapinghub", "fundus", "wcxb-dev", "newspaper4k", "gne-trimmed"}

// except are the ballots of all folds but one.
func except(folds [][]*ballot, k int) (out []*ballot) {
	for i, f := range folds {
		if i != k {
			out = append(out, f...)
		}
	}
	return out
}
