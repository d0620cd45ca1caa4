package web

import (
	"strings"
	"testing"

	"github.com/newswatch/newswatch/pipeline"
)

// What may be meant otherwise, and what to change where nothing was found, is
// offered, and leads to the search it says.
func TestHintsAreOffered(t *testing.T) {
	for _, tt := range []struct {
		path  string
		res   pipeline.SearchResult
		has   []string
		links []string
	}{
		{
			"/?q=huawei+and+chip&collapse=none",
			pipeline.SearchResult{Hints: []pipeline.Hint{{Message: "and is searched for as a word; the operator is AND", Query: "huawei AND chip"}, {Message: "no <b>"}}},
			[]string{"and is searched for as a word; the operator is AND. Search for huawei AND chip", "no <b>."},
			[]string{"/?collapse=none&q=huawei+AND+chip"},
		},
		{
			"/?q=huawie+lang:xx&from=2015-12-01",
			pipeline.SearchResult{Nothing: &pipeline.Nothing{
				Absent:  []pipeline.Absent{{Term: "huawie", Instead: "huawei", Query: "huawei lang:xx", Count: 1234}, {Term: "lang:xx"}},
				Without: []pipeline.Without{{Query: "huawie AND lang:xx", Count: 3}, {Term: "lang:xx", Query: "huawie", Count: 1}},
			}},
			[]string{"Nothing found", "No article here has huawie. Did you mean huawei? 1,234 articles", "No article here has lang:xx.", "any day 3", "without lang:xx 1"},
			[]string{"/?from=2015-12-01&q=huawei+lang%3Axx", "/?q=huawie+lang%3Axx", "/?from=2015-12-01&q=huawie"},
		},
		{"/?q=a", pipeline.SearchResult{Nothing: &pipeline.Nothing{}}, []string{"No article here matches all of that."}, nil},
	} {
		w := newWorld(t)
		d := w.deps()
		d.Searcher = answers{w, func(res *pipeline.SearchResult) {
			*res = pipeline.SearchResult{TotalExact: true, Hints: tt.res.Hints, Nothing: tt.res.Nothing}
		}}
		p := page(t, serverOf(t, d, Config{}), tt.path, 200)
		main := p.one(t, "main")
		for _, s := range tt.has {
			if !strings.Contains(text(main), s) {
				t.Errorf("%s: %q is not on the page:\n%s", tt.path, s, text(main))
			}
		}
		for _, want := range tt.links {
			found := false
			for _, a := range p.all("a") {
				found = found || attr(a, "href") == want
			}
			if !found {
				t.Errorf("%s: no link to %s", tt.path, want)
			}
		}
	}
}
