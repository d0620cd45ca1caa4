package main

import "testing"

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
