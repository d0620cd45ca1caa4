package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/newswatch/newswatch/pipeline"
)

func TestAnyWord(t *testing.T) {
	for _, tt := range []struct{ query, want string }{
		{"huawei ban lang:ru", "; with any of the words: newswatch search --sort relevance -- '(huawei OR ban) AND lang:ru'"},
		{"Huawei's chips", `; with any of the words: newswatch search --sort relevance -- '"Huawei'\''s" OR chips'`},
		{"huawei", ""},
		{"huawei (", ""},
	} {
		if got := anyWord(tt.query); got != tt.want {
			t.Errorf("anyWord(%q) = %q, want %q", tt.query, got, tt.want)
		}
	}
}

func TestNothing(t *testing.T) {
	got := nothing("huawie lang:xx", &pipeline.Nothing{
		Absent:  []pipeline.Absent{{Term: "huawie", Instead: "huawei", Query: "huawei lang:xx", Count: 5}, {Term: "lang:xx"}},
		Without: []pipeline.Without{{Term: "lang:xx", Query: "it's", Count: 2}},
	})
	want := `nothing found
  no article has huawie; 5 have huawei: newswatch search -- 'huawei lang:xx'
  no article has lang:xx
  2 without lang:xx: newswatch search -- 'it'\''s'
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
