package web

import (
	"net/url"
	"testing"

	"github.com/newswatch/newswatch/index/query"
)

func TestTerm(t *testing.T) {
	for _, tc := range []struct{ field, value, want string }{
		{"source", "kommersant", "source:kommersant"},
		{"tag", "world news", `tag:"world news"`},
		{"tag", `a "b" \c`, `tag:"a \"b\" \\c"`},
		{"tag", "бизнес", "tag:бизнес"},
		{"source", "elsewhere.example", "source:elsewhere.example"},
		{"story", "20151216120000-0123456789abcdef", "story:20151216120000-0123456789abcdef"},
	} {
		got := term(tc.field, tc.value)
		if got != tc.want {
			t.Errorf("term(%q, %q) = %q, want %q", tc.field, tc.value, got, tc.want)
		}
		if _, err := query.Parse(got, noon); err != nil {
			t.Errorf("%s: %v", got, err)
		}
	}
}

func TestWithTerm(t *testing.T) {
	for _, tc := range []struct{ q, want string }{
		{"", "lang:ru"},
		{"  ", "lang:ru"},
		{"*", "lang:ru"},
		{"huawei", "huawei lang:ru"},
		{"a OR b", "(a OR b) lang:ru"},
		{"(a OR b) c", "(a OR b) c lang:ru"},
		{`"a OR b"`, `"a OR b" lang:ru`},
		{"NOT a", "NOT a lang:ru"},
		{"a NEAR/5 b", "a NEAR/5 b lang:ru"},
		{"华为", "华为 lang:ru"},
	} {
		got, ok := withTerm(tc.q, "lang:ru", noon)
		if !ok || got != tc.want {
			t.Errorf("withTerm(%q) = %q, %v, want %q", tc.q, got, ok, tc.want)
		}
	}
	if got, ok := withTerm("a AND (", "lang:ru", noon); ok {
		t.Errorf("a broken query was narrowed to %q", got)
	}
}

func TestWithoutTerm(t *testing.T) {
	for _, tc := range []struct {
		q, want string
		ok      bool
	}{
		{"lang:ru", "", true},
		{"huawei lang:ru", "huawei", true},
		{"lang:ru huawei", "huawei", true},
		{"lang:ru AND huawei", "huawei", true},
		{"huawei AND lang:ru", "huawei", true},
		{"a AND lang:ru AND b", "a AND b", true},
		{"a lang:RU b", "a b", true},
		{`a lang:"ru" b`, "a b", true},
		{"(a OR b) lang:ru", "(a OR b)", true},
		{"a OR lang:ru", "", false},
		{"a -lang:ru", "", false},
		{"a", "", false},
		{"a AND (", "", false},
	} {
		got, ok := withoutTerm(tc.q, "lang:ru", noon)
		if ok != tc.ok || ok && got != tc.want {
			t.Errorf("withoutTerm(%q) = %q, %v, want %q, %v", tc.q, got, ok, tc.want, tc.ok)
		}
	}
}

// FuzzTerms: narrowing by a term and widening again gives the same question.
func FuzzTerms(f *testing.F) {
	for _, seed := range []string{"huawei", "a OR b", "NOT a", `"x y"~3 OR 华为`, "(a)", "title:(a OR b) -c", "a AND b AND c"} {
		f.Add(seed, "tag", "world news")
	}
	f.Add("a", "tag", `b"c\`)
	f.Fuzz(func(t *testing.T, q, field, value string) {
		if field != "tag" && field != "source" && field != "entity" {
			return
		}
		before, err := query.Parse(q, noon)
		if err != nil {
			return
		}
		tm := term(field, value)
		if _, there := findTerm(q, tm, noon); there {
			return
		}
		narrow, ok := withTerm(q, tm, noon)
		if !ok {
			return
		}
		if _, there := findTerm(narrow, tm, noon); !there {
			return // folded away: the value has nothing to look for
		}
		wide, ok := withoutTerm(narrow, tm, noon)
		if !ok {
			t.Fatalf("%q narrowed to %q can't be widened", q, narrow)
		}
		if wide == "" {
			if _, all := before.Root.(*query.All); !all {
				t.Fatalf("%q narrowed to %q widened to nothing", q, narrow)
			}
			return
		}
		after, err := query.Parse(wide, noon)
		if err != nil || after.String() != before.String() {
			t.Fatalf("%q narrowed to %q widened to %q (%v)", q, narrow, wide, err)
		}
	})
}

func TestStateIsInTheAddress(t *testing.T) {
	st := searchState{Query: "华为 OR a&b", Sort: "oldest", Collapse: "none", From: "2015-12-16", To: "2015-12-17", Cursor: "x=="}
	u, err := url.Parse(st.url())
	if err != nil {
		t.Fatal(err)
	}
	if got := readState(u.Query()); got != st {
		t.Errorf("got %+v, want %+v", got, st)
	}
	if got := (searchState{Sort: "newest", Collapse: "copies"}).url(); got != "/" {
		t.Errorf("the default state is at %s", got)
	}
}
