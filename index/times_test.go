package index

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/newswatch/newswatch/pipeline"
)

// For a bound within a second only the articles of that second are read.
func TestBoundWithinASecond(t *testing.T) {
	ix := openWith(t, Config{Dir: t.TempDir(), Verify: 4})
	at := when.Add(-24 * time.Hour)
	var as []pipeline.Article
	for i := range 60 {
		as = append(as, article(i, at.Add(time.Duration(i-30)*time.Second/2), "t", "text")) // two in each second
	}
	put(t, ix, stored(1, as...))
	form := func(d time.Duration) string { return at.Add(d).Format(time.RFC3339Nano) }
	for _, tt := range []struct {
		after, before time.Duration
	}{
		{0, 0}, {300 * time.Millisecond, 0}, {500 * time.Millisecond, 0}, {0, 700 * time.Millisecond}, {-5 * time.Second, -4300 * time.Millisecond},
		{300 * time.Millisecond, 600 * time.Millisecond}, {600 * time.Millisecond, 900 * time.Millisecond}, {-9700 * time.Millisecond, 9200 * time.Millisecond},
	} {
		q := ""
		if tt.after != 0 {
			q += "after:" + form(tt.after) + " "
		}
		if tt.before != 0 {
			q += "before:" + form(tt.before)
		}
		if q == "" {
			q = "*"
		}
		want := 0
		for _, a := range as {
			d := a.Published.Sub(at)
			if (tt.after == 0 || d >= tt.after) && (tt.before == 0 || d < tt.before) {
				want++
			}
		}
		res := find(t, ix, pipeline.SearchRequest{Query: q})
		got := fmt.Sprintln(res.Total, res.TotalExact, res.Warnings)
		if diff := cmp.Diff(fmt.Sprintln(want, true, []string{}), got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", q, diff)
		}
	}
}
