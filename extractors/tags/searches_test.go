package tags

import (
	"slices"
	"strings"
	"testing"

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
		found := slices.ContainsFunc(alternatives, func(phrases []string) bool {
			return !slices.ContainsFunc(phrases, func(p string) bool { return !stands(tt.text, p) })
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

// A name whose endings are not known can't be looked for by its words.
func TestSearchesGiveUpOnUnknownEndings(t *testing.T) {
	e := catalog.Entity{ID: "x", Name: "Praha", Kind: "place", Names: []catalog.Name{{Text: "Praha", Lang: "cs"}}}
	if got, ok := Searches(e); ok {
		t.Errorf("Searches = %q, want none: any ending will do", got)
	}
	e.Names[0].Exact = true
	if _, ok := Searches(e); !ok {
		t.Error("an exact name has one form, and can be looked for")
	}
}
