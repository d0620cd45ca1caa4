package index

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"github.com/newswatch/newswatch/pipeline"
)

func TestFilter(t *testing.T) {
	f := newFilter(0)
	const n = 5 * filterMinimum // three layers
	for i := range n {
		f.add(pipeline.Key(fmt.Sprint("in ", i)))
	}
	wrong := 0
	for i := range n {
		if !f.has(pipeline.Key(fmt.Sprint("in ", i))) {
			t.Fatalf("key %d is not found", i)
		}
		if f.has(pipeline.Key(fmt.Sprint("out ", i))) {
			wrong++
		}
	}
	if wrong > n/20 {
		t.Errorf("%d of %d wrong answers", wrong, n)
	}
}

func TestPeriod(t *testing.T) {
	const id = "20151130235959-0123456789abcdef"
	for p, want := range map[period]string{PartitionWeek: "2015-w49", PartitionMonth: "2015-11", PartitionQuarter: "2015-q4", PartitionYear: "2015"} {
		got, err := p.name(id)
		if got != want || err != nil {
			t.Errorf("%s: name = %q, %v, want %q", p, got, err, want)
		}
		if !p.isName(want) || p.isName(want+".damaged-20151201T000000.000") || p.isName("checkpoint.json") {
			t.Errorf("%s: wrong idea of names", p)
		}
	}
	if _, err := period(PartitionMonth).name("../x"); err == nil {
		t.Error("a name for no id")
	}
}

// A time is in the partition of its name, up to its end and not behind it.
func TestPeriodEnd(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 5))
	for p := range periodNames {
		for range 2000 {
			at := when.Add(time.Duration(rng.Int64N(int64(40*365*24*time.Hour))) - 20*365*24*time.Hour).Truncate(time.Second)
			nameAt := func(at time.Time) string {
				name, err := p.name(at.Format("20060102150405") + "-0123456789abcdef")
				if err != nil {
					t.Fatal(err)
				}
				return name
			}
			name := nameAt(at)
			end, err := p.end(name)
			if err != nil {
				t.Fatal(err)
			}
			if !p.isName(name) || !at.Before(end) || nameAt(end.Add(-time.Second)) != name || nameAt(end) <= name {
				t.Fatalf("%s: %v is in %s, which ends at %v", p, at, name, end)
			}
		}
	}
}

func TestCursor(t *testing.T) {
	for _, c := range []cursor{
		{sort: pipeline.SortOldest, asOf: 1450000000, id: "20151130235959-0123456789abcdef"},
		{sort: pipeline.SortNewest, id: "20151130235959-0123456789abcdef"},
		{sort: pipeline.SortRelevance, id: "20151130235959-0123456789abcdef", score: 0.1 + 0.2, now: when.Unix()},
		{sort: pipeline.SortRelevance, id: "20151130235959-0123456789abcdef", score: 3, now: -5, weights: []float64{0, 0.25, 7.5}},
	} {
		got, err := parseCursor(c.String(), c.sort)
		if !reflect.DeepEqual(got, c) || err != nil {
			t.Errorf("parseCursor(%v) = %v, %v", c, got, err)
		}
	}
}

func FuzzCursor(f *testing.F) {
	f.Add(cursor{sort: pipeline.SortNewest, id: "20151130235959-0123456789abcdef"}.String(), pipeline.SortNewest)
	f.Add("bmV3ZXN0IDE", pipeline.SortRelevance)
	f.Fuzz(func(t *testing.T, s, sort string) {
		c, err := parseCursor(s, sort)
		if err != nil || c.zero() {
			return
		}
		if again, err := parseCursor(c.String(), sort); err != nil || !reflect.DeepEqual(again, c) {
			t.Errorf("%q: %v, then %v, %v", s, c, again, err)
		}
	})
}

// A range finds a time's terms just when the time is in it, and takes few terms.
func TestCover(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	spans := []int64{100, 5_000, 100_000, 5_000_000, 500_000_000}
	for range 20_000 {
		at := when.Add(time.Duration(rng.IntN(1e9)) * time.Second)
		near := func() time.Time {
			s := spans[rng.IntN(len(spans))]
			return at.Add(time.Duration(rng.Int64N(2*s)-s) * time.Second)
		}
		after, before := near(), near()
		found := 0
		for _, r := range cover(after, before) {
			for _, term := range timeTerms(at.Add(time.Duration(rng.IntN(1e9)))) {
				if r.from <= term && term <= r.to && term[0] == r.from[0] {
					found++
				}
			}
		}
		want := 0
		if !at.Before(after) && at.Before(before) {
			want = 1
		}
		if found != want {
			t.Fatalf("%v in [%v, %v): found %d times in %v", at, after, before, found, cover(after, before))
		}
	}
}
