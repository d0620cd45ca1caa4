package tags

import (
	"strings"
	"testing"

	"github.com/newswatch/newswatch/extractors/textnorm"
	"github.com/newswatch/newswatch/pipeline/catalog"
)

// FuzzCompile: no name breaks the matcher; a name without conditions is found in
// a text that is the name, or Compile warns of it.
func FuzzCompile(f *testing.F) {
	for _, s := range []string{"Huawei", "Путин, Владимир", "AC/DC", "St. Louis", "华侨银行（中国）", "WCG2011", "J. R. R. Tolkien", "AT&T", "Ⅷ ﬁ", "삼성전자",
		"Huawei Technologies Co., Ltd.", "C++", "!!!", "İ", "\xff", "e\u0301", "ไทย", "5.0", "О'Хара", "Нuawei", "YotaPhone", "МИД"} {
		f.Add(s, "", "person", "", "")
		f.Add(s, "ru", "product", "phone", "Big "+s)
		f.Add(s, "pl", "", "", s)
	}
	f.Fuzz(func(t *testing.T, text, lang, kind, near, not string) {
		if len(text) > 1000 || len(near)+len(not) > 1000 {
			return
		}
		plain := catalog.Entity{ID: "plain", Kind: kind, Names: []catalog.Name{{Text: text, Lang: lang}}}
		m, warnings := Compile([]catalog.Entity{plain})
		mentions := m.Tag("", text, lang)
		checkMentions(t, m, "", text, mentions)
		checkExplain(t, m, "", text, lang, mentions, []string{"plain"})
		warned := false
		for _, w := range warnings {
			warned = warned || strings.Contains(w.Msg, "found")
		}
		if len(mentions) == 0 && !warned {
			t.Errorf("name %q (%q) is not found in itself, and nothing warns of it", text, textnorm.Fold(text))
		}

		// Beside names with conditions, and exact.
		m, _ = Compile([]catalog.Entity{plain,
			{ID: "exact", Kind: kind, Names: []catalog.Name{{Text: text, Exact: true}, {Text: near}}},
			{ID: "rules", Kind: kind, Names: []catalog.Name{{Text: text, Lang: lang, Near: []string{near}, Not: []string{not}, Must: []string{not, near}}}},
		})
		article := text + " " + near + "\n" + not
		mentions = m.Tag(text, article, lang)
		checkMentions(t, m, text, article, mentions)
		checkExplain(t, m, text, article, lang, mentions, []string{"plain", "exact", "rules"})
	})
}
