package tags

import (
	"fmt"

	"github.com/newswatch/newswatch/pipeline"
	"github.com/newswatch/newswatch/pipeline/catalog"
)

// A Failure is a text of an entity's tests that did not come out as it must.
type Failure struct {
	Entity   string
	Text     string
	Want     bool               // the text must mention the entity
	Mentions []pipeline.Mention // what was found in it, of any entity
}

func (f Failure) String() string {
	want := "must not"
	if f.Want {
		want = "must"
	}
	found := "nothing was found"
	if len(f.Mentions) > 0 {
		found = "found"
		for _, m := range f.Mentions {
			nested := ""
			if m.Nested {
				nested = ", nested"
			}
			found += fmt.Sprintf(" %s in %q (%s %q%s)", m.Entity, m.Text, m.Rule, m.Name, nested)
		}
	}
	return fmt.Sprintf("entity %s: %q %s match: %s", f.Entity, f.Text, want, found)
}

// Check runs the tests of the entities and returns those that fail, in order. A
// test text is taken as the text of an article without title in an unknown
// language; a mention nested in another entity's, or at less than even odds, does
// not count.
func Check(m *Matcher, entities []catalog.Entity) []Failure {
	var failures []Failure
	check := func(id, text string, want bool) {
		mentions := m.Tag("", text, "")
		got := false
		for _, x := range mentions {
			got = got || x.Entity == id && x.Counts()
		}
		if got != want {
			failures = append(failures, Failure{id, text, want, mentions})
		}
	}
	for _, e := range entities {
		for _, text := range e.Tests.Match {
			check(e.ID, text, true)
		}
		for _, text := range e.Tests.NoMatch {
			check(e.ID, text, false)
		}
	}
	return failures
}
