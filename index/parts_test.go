package index

import (
	"fmt"
	"testing"

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
	for p, want := range map[period]string{PartitionMonth: "2015-11", PartitionQuarter: "2015-q4", PartitionYear: "2015"} {
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

func TestCursor(t *testing.T) {
	for _, c := range []cursor{
		{sort: pipeline.SortNewest, id: "20151130235959-0123456789abcdef"},
		{sort: pipeline.SortRelevance, id: "20151130235959-0123456789abcdef", score: 0.1 + 0.2},
	} {
		got, err := parseCursor(c.String(), c.sort)
		if got != c || err != nil {
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
		if again, err := parseCursor(c.String(), sort); err != nil || again != c {
			t.Errorf("%q: %v, then %v, %v", s, c, again, err)
		}
	})
}
