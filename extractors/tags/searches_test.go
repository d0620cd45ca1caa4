package tags

import (
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/newswatch/newswatch/extractors/textnorm"
	"github.com/newswatch/newswatch/pipeline/catalog"
)

// Every text that mentions an entity is found by its searches.
func TestSearchesMissNothing(t *testing.T) {
	tests := []struct {
		kind, name, text string
	}{
		{"organization", "Huawei", "Huawei's phones"},
		{"organization", "Хуавей", "санкции против Хуавея"},
		{"organization", "华为", "中国华为公司发布新手机"},
		{"organization", "華為", "中国华为公司"},
		{"product", "YotaPhone", "a Yota Phone"},
		{"product", "Windows 10", "Windows 10.5 is out"},
		{"organization", "McDonald's", "at McDonald's today"},
		{"organization", "Mail.Ru Group", "the Mail.Ru Group said"},
		{"person", "Vladimir Putin", "V. Putin said"},
		{"person", "Владимир Путин", "встреча с Путиным Владимиром"},
		{"person", "Лук'яненко", "слова Лук'яненка"},
		{"person", "弗拉基米尔·普京", "总统弗拉基米尔·普京说"},
		{"organization", "МИД", "заявление МИДа"},
		{"organization", "AC/DC", "the AC/DC tour"},
		{"place", "St. Louis", "in St. Louis"},
		{"organization", "AT&T", "AT & T said"},
		{"organization", "AT&T", "at AT&T"},
		{"organization", "Marks Spencer", "at Marks & Spencer"},
		{"organization", "Disney+", "Disney said"},
		{"organization", "Disney", "on Disney+"},
	}
	for _, tt := range tests {
		e := catalog.Entity{ID: "x", Name: tt.name, Kind: tt.kind, Names: []catalog.Name{{Text: tt.name}}}
		m, _ := Compile([]catalog.Entity{e})
		if len(m.Tag("", tt.text, "")) == 0 {
			t.Errorf("%q: not mentioned in %q: the test tests nothing", tt.name, tt.text)
			continue
		}
		alternatives, ok := Searches(e)
		if !ok || len(alternatives) == 0 {
			t.Errorf("%q: no searches", tt.name)
			continue
		}
		found := slices.ContainsFunc(alternatives, func(s Search) bool {
			return len(s.Prefixes) == 0 && !slices.ContainsFunc(s.Phrases, func(p string) bool { return !stands(tt.text, p) })
		})
		if !found {
			t.Errorf("%q in %q is found by none of %q", tt.name, tt.text, alternatives)
		}
	}
	e := catalog.Entity{ID: "x", Name: "1984", Kind: "product", Names: []catalog.Name{{Text: "1984"}}}
	if _, ok := Searches(e); ok {
		t.Error("a name of digits can't be asked for, and it is said that it can")
	}
}

// stands says whether the analysed phrase stands in the analysed text.
func stands(text, phrase string) bool {
	row := func(s string) string {
		var b strings.Builder
		b.WriteByte(' ')
		for _, k := range textnorm.Analyze(nil, s) {
			if !k.Beside() {
				b.WriteString(k.Term + " ")
			}
		}
		return b.String()
	}
	return strings.Contains(row(text), row(phrase))
}

// A name with any ending is looked for by its beginning, in the languages where
// it has such; a name marked as of one, in all.
func TestSearchesByBeginnings(t *testing.T) {
	of := func(n catalog.Name) []Search {
		got, ok := Searches(catalog.Entity{ID: "x", Name: "X", Kind: "place", Names: []catalog.Name{n}})
		if !ok {
			t.Errorf("%+v: no searches", n)
		}
		return slices.DeleteFunc(got, func(s Search) bool { // a year written on
			return slices.ContainsFunc(s.Prefixes, func(p string) bool { return strings.ContainsAny(p, "12") })
		})
	}
	latin := []string{"bs", "cs", "hr", "sk", "sl", "sr"}
	for _, tt := range []struct {
		name catalog.Name
		want []Search
	}{
		{catalog.Name{Text: "Praha", Lang: "cs"}, []Search{{Phrases: []string{"praha"}}, {Prefixes: []string{"prah"}}}},
		{catalog.Name{Text: "Praha", Lang: "cs", Exact: true}, []Search{{Phrases: []string{"praha"}}}},
		{catalog.Name{Text: "Zagreb", Lang: "en"}, []Search{{Phrases: []string{"zagreb"}}, {Prefixes: []string{"zagreb"}, Langs: latin}}},
		{catalog.Name{Text: "Hradec X", Lang: "en"}, []Search{{Phrases: []string{"hradec x"}}, {Phrases: []string{"x"}, Prefixes: []string{"hradec"}, Langs: latin}}},
		{catalog.Name{Text: "Ufa", Lang: "en"}, []Search{{Phrases: []string{"ufa"}}}},
	} {
		if diff := gocmp.Diff(tt.want, of(tt.name)); diff != "" {
			t.Errorf("%+v (-want +got):\n%s", tt.name, diff)
		}
	}
}
