package index

import (
	"context"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/newswatch/newswatch/pipeline"
)

// Every candidate is listed once, newest first, whatever the page's size and
// over partitions.
func TestIDs(t *testing.T) {
	ix := openTest(t, t.TempDir())
	var as []pipeline.Article
	var want []string
	for n := range 25 {
		a := article(n, when.AddDate(0, -n/5, -n), fmt.Sprintf("Report %d", n), "Huawei sells phones.")
		as = append(as, a)
		want = append(want, a.ID)
	}
	as = append(as, article(100, when, "Rain", "It rained."))
	put(t, ix, stored(1, as...))
	for _, limit := range []int{1, 4, 25, 100} {
		got := []string{}
		after := ""
		for {
			res, err := ix.IDs(context.Background(), pipeline.IDsRequest{Query: `"huawei"`, After: after, Limit: limit})
			if err != nil {
				t.Fatal(err)
			}
			if res.Total != 25 {
				t.Errorf("limit %d: total %d, want 25", limit, res.Total)
			}
			got = append(got, res.IDs...)
			if len(res.IDs) < limit {
				break
			}
			after = res.IDs[len(res.IDs)-1]
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("limit %d (-want +got):\n%s", limit, diff)
		}
	}
}

// What only the article can tell makes the list too large, never too small.
func TestIDsAreCandidates(t *testing.T) {
	ix := openTest(t, t.TempDir())
	a, b := article(1, when, "One", "Apple sells."), article(2, when.Add(-1), "Two", "An apple. apple sells, Apple.")
	put(t, ix, stored(1, a, b))
	res, err := ix.IDs(context.Background(), pipeline.IDsRequest{Query: `="Apple sells"`, Limit: 10})
	if err != nil {
		t.Fatal(err)
	}
	if len(res.IDs) != 2 {
		t.Errorf("got %v, want both", res.IDs)
	}
}
