package readabletest

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"
)

// A Score is what is measured of some pages.
type Score struct {
	Pages, Failed, Bodies, Same int
	Precision, Recall           float64 // sums over the pages
	Found, Must, Wrong          int     // segments
	Took                        []time.Duration
	Allocs                      uint64
}

// Measure runs an extraction over pages one after the other, and scores each
// set and each language. A page that can't be read from the disk is an error;
// one that fails to be extracted is counted.
func Measure(pages []Page, extract func(body []byte, p Page) (text string, err error)) (map[string]*Score, error) {
	scores := make(map[string]*Score)
	for _, p := range pages {
		body, err := os.ReadFile(p.Path)
		if err != nil {
			return nil, err
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		start := time.Now()
		text, err := extract(body, p)
		took := time.Since(start)
		runtime.ReadMemStats(&after)
		for _, key := range []string{"all", p.Set, "lang " + cmp.Or(p.Lang, "??")} {
			s := scores[key]
			if s == nil {
				s = new(Score)
				scores[key] = s
			}
			s.add(p, text, err)
			s.Took = append(s.Took, took)
			s.Allocs += after.Mallocs - before.Mallocs
		}
	}
	return scores, nil
}

func (s *Score) add(p Page, text string, err error) {
	s.Pages++
	if err != nil {
		s.Failed++
	}
	if p.Body != "" {
		s.Bodies++
		pr, re, same := Compare(p.Body, text)
		s.Precision += pr
		s.Recall += re
		if same {
			s.Same++
		}
	}
	found, must, wrong := p.Segments(text)
	s.Found, s.Must, s.Wrong = s.Found+found, s.Must+must, s.Wrong+wrong
}

// Print writes a table of scores, a line a set and a line a language. Pages
// per second and the 99th percentile are of one goroutine, by the clock.
func Print(w io.Writer, scores map[string]*Score) error {
	var keys []string
	for k := range scores {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b string) int {
		la, lb := strings.HasPrefix(a, "lang "), strings.HasPrefix(b, "lang ")
		if la != lb {
			if la {
				return 1
			}
			return -1
		}
		return cmp.Compare(a, b)
	})
	if _, err := fmt.Fprintln(w, "set                  pages failed |     P      R     F1   same | seg P     R    F1 | pages/s p99 ms allocs"); err != nil {
		return err
	}
	for _, k := range keys {
		s := scores[k]
		p, r := s.Precision/float64(max(s.Bodies, 1)), s.Recall/float64(max(s.Bodies, 1))
		sp, sr := float64(s.Found)/float64(max(s.Found+s.Wrong, 1)), float64(s.Found)/float64(max(s.Must, 1))
		text, segments := "     -      -      -      -", "    -     -     -"
		if s.Bodies > 0 {
			text = fmt.Sprintf(" %.3f  %.3f  %.3f  %.3f", p, r, f1(p, r), float64(s.Same)/float64(s.Bodies))
		}
		if s.Must > 0 {
			segments = fmt.Sprintf("%.3f %.3f %.3f", sp, sr, f1(sp, sr))
		}
		var total time.Duration
		for _, t := range s.Took {
			total += t
		}
		slices.Sort(s.Took)
		p99 := s.Took[(len(s.Took)*99)/100]
		if _, err := fmt.Fprintf(w, "%-20s %5d %6d |%s | %s | %7.0f %6.1f %6d\n", k, s.Pages, s.Failed, text, segments,
			float64(s.Pages)/total.Seconds(), float64(p99.Microseconds())/1000, s.Allocs/uint64(s.Pages)); err != nil {
			return err
		}
	}
	return nil
}

func f1(p, r float64) float64 { return 2 * p * r / max(p+r, 1e-9) }
