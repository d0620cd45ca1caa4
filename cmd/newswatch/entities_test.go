package main

import (
	"strings"
	"testing"

	"github.com/newswatch/newswatch/pipeline/catalog"
)

// A saved document becomes a file that can be applied, with doubts as comments.
func TestEntitiesSuggest(t *testing.T) {
	code, out, errOut := do(t, "entities suggest --file ../../extractors/tags/testdata/wikidata-item.json --langs en,ru,zh")
	if code != exitDone {
		t.Fatalf("exit code %d: %s", code, errOut)
	}
	for _, want := range []string{
		"# From https://www.wikidata.org/wiki/Q999000001; look through the names before you apply it.\n",
		"- NL # has only 2 letters: give it near or must words\n",
		`- {text: Нортлайта, lang: ru} # is found by the name "Нортлайт" already`,
		"kind: organization\n",
		"# It may also be written, by the sound of its names: Нортлигхт, Nortlayt.\n",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	if strings.Contains(out, "北光電信") {
		t.Errorf("a name in two scripts stands twice:\n%s", out)
	}
	c, err := catalog.Parse("x.yaml", []byte(out))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Validate(catalog.Checks{}); err != nil {
		t.Error(err)
	}
	if code, _, errOut := do(t, "entities suggest --file entities_test.go"); code != exitFailed || !strings.Contains(errOut, "not a Wikidata entity document") {
		t.Errorf("no document: %d %s", code, errOut)
	}
}
