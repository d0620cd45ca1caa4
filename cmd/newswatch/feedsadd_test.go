package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/newswatch/newswatch/web"
)

func TestChoose(t *testing.T) {
	found := []web.DiscoveredFeed{{URL: "a"}, {URL: "b"}, {URL: "c"}}
	for _, tt := range []struct {
		typed string
		want  []string
		asked int
	}{
		{"2\n", []string{"b"}, 1},
		{"3, 1 3\n", []string{"c", "a"}, 1},
		{"ALL\n", []string{"a", "b", "c"}, 1},
		{"\n", nil, 1},
		{"", nil, 1}, // the end of input is no choice
		{"4\n0\nx\n-1\n1\n", []string{"a"}, 5},
	} {
		var out strings.Builder
		picked, err := choose(strings.NewReader(tt.typed), &out, found)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, f := range picked {
			got = append(got, f.URL)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", tt.typed, diff)
		}
		if n := strings.Count(out.String(), "Which?"); n != tt.asked {
			t.Errorf("%q: asked %d times, want %d", tt.typed, n, tt.asked)
		}
	}
}
