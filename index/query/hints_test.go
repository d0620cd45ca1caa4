package query

import (
	"strings"
	"testing"
)

func TestHints(t *testing.T) {
	for _, tt := range []struct{ q, hint, query string }{
		{"huawei and chip", "the operator is AND", "huawei AND chip"},
		{"a or b or c", "the operator is OR", "a OR b OR c"},
		{"huawei Not chip", "the operator is NOT", "huawei NOT chip"},
		{"not huawei", "the operator is NOT", "NOT huawei"},
		{"(a OR b) ANDNOT c", "the operator is AND NOT", "(a OR b) AND NOT c"},
		{"санкции ИЛИ запрет", "the operator is OR", "санкции OR запрет"},
		{"санкции и запрет", "", ""},
		{"华为 和 中兴", "the operator is AND", "华为 AND 中兴"},
		{"huawei near/5 ban", "is NEAR/5", "huawei NEAR/5 ban"},
		{"huawei W/5 ban", "is NEAR/5", "huawei NEAR/5 ban"},
		{"huawei near5 ban", "is NEAR/5", "huawei NEAR/5 ban"},
		{"an N95 mask", "", ""},
		{"24/7 news", "", ""},
		{"!huawei zte", "rules it out", "-huawei zte"},
		{"te?t", "no wildcard", "te*"},
		{"t?t", "no wildcard", ""},
		{`"hua* chip"`, "in quotes", ""},
		{"-huawei", "only what must not be there", ""},
		{"-a OR b", "only what must not be there", ""},
		{"-(-a) b", "", ""},
		{"entity:huawei -a", "", ""},
		{`"rock and roll"`, "", ""},
		{"Huawei and ZTE sue over the patents of one more", "", ""},
		{"Wi-Fi", "", ""},
	} {
		hints := mustParse(t, tt.q).Hints()
		switch {
		case tt.hint == "" && len(hints) > 0, tt.hint != "" && len(hints) != 1:
			t.Errorf("%s: hints %+v, want %q", tt.q, hints, tt.hint)
		case tt.hint != "" && (!strings.Contains(hints[0].Message, tt.hint) || hints[0].Query != tt.query):
			t.Errorf("%s: hint %+v, want %q, %q", tt.q, hints[0], tt.hint, tt.query)
		}
	}
}
