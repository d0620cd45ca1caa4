package catalog

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const ruledSource = `sources:
  - id: post
    name: Post
    pages: always
    extract:
      body: "div.story, #text"
      title: h1
      drop:
        - .ad
        - "aside > p"
`

// A source's rules are read, and come back whole from what is stored.
func TestExtractRules(t *testing.T) {
	c, err := Parse("c.yaml", []byte(ruledSource))
	if err != nil {
		t.Fatal(err)
	}
	got := c.Sources[0]
	want := &ExtractRules{Body: "div.story, #text", Title: "h1", Drop: []string{".ad", "aside > p"}}
	if diff := cmp.Diff(want, got.Extract); diff != "" || got.Pages != PagesAlways {
		t.Errorf("pages %q, rules:\n%s", got.Pages, diff)
	}
	data, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	var again Source
	if err := json.Unmarshal(data, &again); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(got, again); diff != "" {
		t.Error(diff)
	}
	plain := got
	plain.Extract = nil
	if Digest(&plain) == Digest(&got) {
		t.Error("a source with other rules has the same version")
	}
}

// What is no selector is refused, with its line and field.
func TestExtractRulesRefused(t *testing.T) {
	for _, tt := range []struct{ old, new, want string }{
		{"title: h1", `title: "h1["`, `c.yaml:7: source post: extract.title: "h1[" is not a CSS selector`},
		{"- .ad", `- "..ad"`, `c.yaml:9: source post: extract.drop[0]: "..ad" is not a CSS selector`},
		{"- .ad", `- ""`, `c.yaml:9: source post: extract.drop[0]: must not be empty`},
		{"pages: always", "pages: sometimes", `c.yaml:4: source post: pages: "sometimes" is none of auto, always, never`},
		{"title: h1", "titel: h1", "titel"},
		{"title: h1", "title: " + strings.Repeat("a", MaxSelector+1), "extract.title: has more than 500 characters"},
	} {
		_, err := Parse("c.yaml", []byte(strings.Replace(ruledSource, tt.old, tt.new, 1)))
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %s", tt.new, err, tt.want)
		}
	}
}
