package catalog

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestMarshalEntity(t *testing.T) {
	e := Entity{ID: "x", Name: "X: # 1", Kind: "product", Wikidata: "Q7", Names: []Name{{Text: "X: # 1"}, {Text: "икс", Lang: "ru"}, {Text: "yes"}}}
	got, err := MarshalEntity(e, []string{"from a document", "look\nat it"}, map[int][]string{0: {"short", "odd # one"}, 1: {"is a word"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"# from a document\n", "# look at it\n", "# short; odd # one\n", "# is a word\n"} {
		if !strings.Contains(string(got), want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	e.Version = Digest(&e)
	c, err := Parse("x.yaml", got)
	if err != nil {
		t.Fatalf("%v\n%s", err, got)
	}
	if diff := cmp.Diff([]Entity{e}, c.Entities); diff != "" {
		t.Errorf("read back (-want +got):\n%s\n%s", diff, got)
	}
}
