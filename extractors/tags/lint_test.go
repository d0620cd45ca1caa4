package tags

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/newswatch/newswatch/pipeline/catalog"
)

func TestLint(t *testing.T) {
	name := func(texts ...string) []catalog.Name {
		var all []catalog.Name
		for _, s := range texts {
			all = append(all, catalog.Name{Text: s})
		}
		return all
	}
	others := []catalog.Entity{
		{ID: "fruit", Name: "Apples", Kind: "product", Names: name("Яблоко", "苹果公司")},
		{ID: "e", Name: "Its older self", Kind: "organization", Names: name("Huawei")},
	}
	for _, tt := range []struct {
		what  string
		kind  string
		names []catalog.Name
		want  []string // name: rule
	}{
		{"nothing wrong", "organization", name("Huawei", "华为", "Хуавей", "Huawei Technologies", "ZTE", "China Mobile"), nil},
		{"short", "organization", name("HW", "X", "米", "VK"), []string{"HW: short", "X: short", "米: short", "VK: short"}},
		{"short, with context", "organization", []catalog.Name{{Text: "HW", Near: []string{"phone"}}, {Text: "米", Must: []string{"手机"}}}, nil},
		{"common", "organization", name("Apple", "Правда", "苹果", "Target"), []string{"Apple: common", "Правда: common", "苹果: common", "Target: common"}},
		{"common, with context", "organization", []catalog.Name{{Text: "Apple", Not: []string{"pie"}}}, nil},
		{"an acronym is no word", "organization", name("WHO", "META"), nil},
		{"common in a longer name", "organization", name("Apple Music"), nil},
		{"shared", "organization", name("苹果公司"), []string{"苹果公司: shared"}},
		{"shared with an inflected form", "place", name("Яблоку"), []string{"Яблоку: shared"}},
		{"lower case", "topic", name("internet sovereignty", "суверенный интернет", "互联网主权", "iPhone", "3D"), []string{"internet sovereignty: lower_case", "суверенный интернет: lower_case", "3D: short"}},
		{"superfluous inflection", "organization", name("Хуавей", "Хуавея", "Хуавеем"), []string{"Хуавея: superfluous", "Хуавеем: superfluous"}},
		{"superfluous case and width", "organization", name("Huawei", "HUAWEI", "Ｈｕａｗｅｉ", "華為", "华为"), []string{"HUAWEI: superfluous", "Ｈｕａｗｅｉ: superfluous", "华为: superfluous"}},
		{"lower case finds more", "organization", name("Huawei", "huawei"), []string{"Huawei: superfluous", "huawei: lower_case"}},
		{"a surname counts only beside the full name", "person", name("Владимир Путин", "Путин", "Путина"), []string{"Путина: superfluous"}},
		{"never found", "organization", name("…"), []string{"…: never_found"}},
	} {
		t.Run(tt.what, func(t *testing.T) {
			var got []string
			for _, w := range Lint(catalog.Entity{ID: "e", Name: "E", Kind: tt.kind, Names: tt.names}, others) {
				got = append(got, w.Name+": "+w.Rule)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// Of the starter catalog no name is unheard of or belongs to two.
func TestLintOfTheStarterCatalog(t *testing.T) {
	c := catalog.Starter()
	for _, e := range c.Entities {
		for _, w := range Lint(e, c.Entities) {
			if w.Rule == LintNever || w.Rule == LintShared {
				t.Errorf("%s: name %q %s", e.ID, w.Name, w.Msg)
			}
		}
	}
}
