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
	"unicode"
)

// Got is what an extraction found on a page.
type Got struct {
	Text, Title, Author string
	Published           time.Time
}

// A Score is what is measured of some pages. Its sums are whole numbers, which
// add up the same in any order.
type Score struct {
	Pages, Failed, Bodies, Same int
	Precision, Recall           int64 // sums over the pages, in billionths
	Found, Must, Wrong          int   // segments
	Titles, TitlesRight         int
	Authors, AuthorsRight       int // right: one of them is named
	Dates, DatesRight           int
	CPU                         []time.Duration
	Allocs                      uint64
}

// Measure runs an extraction over pages one after the other, and scores each
// set and each language. A page that can't be read from the disk is an error;
// one that fails to be extracted is counted.
func Measure(pages []Page, extract func(body []byte, p Page) (Got, error)) (map[string]*Score, error) {
	scores := make(map[string]*Score)
	for _, p := range pages {
		body, err := os.ReadFile(p.Path)
		if err != nil {
			return nil, err
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		start := processorTime()
		got, err := extract(body, p)
		took := processorTime() - start
		runtime.ReadMemStats(&after)
		for _, key := range []string{"all", p.Set, "lang " + cmp.Or(p.Lang, "??")} {
			s := scores[key]
			if s == nil {
				s = new(Score)
				scores[key] = s
			}
			s.Add(p, got, err)
			s.CPU = append(s.CPU, took)
			s.Allocs += after.Mallocs - before.Mallocs
		}
	}
	return scores, nil
}

// Add counts a page in.
func (s *Score) Add(p Page, got Got, err error) {
	s.Pages++
	if err != nil {
		s.Failed++
	}
	if p.Body != "" {
		s.Bodies++
		pr, re, same := p.Score(got.Text)
		s.Precision += int64(pr * 1e9)
		s.Recall += int64(re * 1e9)
		if same {
			s.Same++
		}
	}
	found, must, wrong := p.Segments(got.Text)
	s.Found, s.Must, s.Wrong = s.Found+found, s.Must+must, s.Wrong+wrong
	if p.Title != "" {
		s.Titles++
		if p.TitleRight(got.Title) {
			s.TitlesRight++
		}
	}
	if names := p.Authors(); len(names) > 0 {
		s.Authors++
		if slices.ContainsFunc(names, func(n string) bool { return strings.Contains(squeeze(got.Author), squeeze(n)) }) {
			s.AuthorsRight++
		}
	}
	if len(p.Date) >= 10 {
		s.Dates++
		if p.DateRight(got.Published) {
			s.DatesRight++
		}
	}
}

// TitleRight says whether a title is the page's but for spaces, marks and case.
func (p Page) TitleRight(title string) bool { return squeeze(title) == squeeze(p.Title) }

// DateRight says whether a time is of the day that the page was published.
func (p Page) DateRight(at time.Time) bool {
	return len(p.Date) >= 10 && !at.IsZero() && at.Format("2006-01-02") == p.Date[:10]
}

func squeeze(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, s)
}

// Text is the precision, the recall and the F1 of the texts, and the share of
// those that are the same.
func (s *Score) Text() (precision, recall, f, same float64) {
	n := float64(max(s.Bodies, 1))
	precision, recall = float64(s.Precision)/1e9/n, float64(s.Recall)/1e9/n
	return precision, recall, f1(precision, recall), float64(s.Same) / n
}

// Segments is the precision, the recall and the F1 over segments.
func (s *Score) Segments() (precision, recall, f float64) {
	precision, recall = float64(s.Found)/float64(max(s.Found+s.Wrong, 1)), float64(s.Found)/float64(max(s.Must, 1))
	return precision, recall, f1(precision, recall)
}

// Speed is the pages in a second of processor time, and the 99th percentile of
// what a page takes.
func (s *Score) Speed() (perSecond float64, p99 time.Duration) {
	if len(s.CPU) == 0 {
		return 0, 0
	}
	var total time.Duration
	for _, t := range s.CPU {
		total += t
	}
	sorted := slices.Sorted(slices.Values(s.CPU))
	return float64(s.Pages) / max(total.Seconds(), 1e-9), sorted[len(sorted)*99/100]
}

// Names are the sets in a report, then the languages.
func Names(scores map[string]*Score) []string {
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
	return keys
}

// Print writes a table of scores, a line a set and a line a language.
func Print(w io.Writer, scores map[string]*Score) error {
	if _, err := fmt.Fprintln(w, "set                  pages failed |     P      R     F1   same | seg P     R    F1 | title author  date | pages/s p99 ms allocs"); err != nil {
		return err
	}
	for _, k := range Names(scores) {
		s := scores[k]
		text, segments := "     -      -      -      -", "    -     -     -"
		if s.Bodies > 0 {
			p, r, f, same := s.Text()
			text = fmt.Sprintf(" %.3f  %.3f  %.3f  %.3f", p, r, f, same)
		}
		if s.Must > 0 {
			p, r, f := s.Segments()
			segments = fmt.Sprintf("%.3f %.3f %.3f", p, r, f)
		}
		speed, p99 := s.Speed()
		if _, err := fmt.Fprintf(w, "%-20s %5d %6d |%s | %s | %s  %s %s | %7.0f %6.1f %6d\n", k, s.Pages, s.Failed, text, segments,
			Share(s.TitlesRight, s.Titles), Share(s.AuthorsRight, s.Authors), Share(s.DatesRight, s.Dates),
			speed, float64(p99.Microseconds())/1000, s.Allocs/uint64(s.Pages)); err != nil {
			return err
		}
	}
	return nil
}

// Share is a share for a table; a dash for one of nothing.
func Share(n, of int) string {
	if of == 0 {
		return "    -"
	}
	return fmt.Sprintf("%.3f", float64(n)/float64(of))
}

func f1(p, r float64) float64 { return 2 * p * r / max(p+r, 1e-9) }
