package tags

import (
	"testing"

	"github.com/newswatch/newswatch/pipeline/catalog"
)

// What went wrong with FlashText, by the issues of vi3k6i5/flashtext, goes right.
func TestFlashTextIssues(t *testing.T) {
	list := names("华为", "中兴", "北京大学", "清华大学", "苹果", "Müller", "Österreich", "İstanbul", "Straße", "new york", "C++", ".NET",
		"ai", "Café", "Ünal Bank", "ไทย", "日本", "Hà Nội", "Ελλάδα")
	entities := worldOf(list)
	m, _ := Compile(entities)
	for _, tt := range []struct{ issue, text, want string }{
		{"#54, #43, #134: Chinese isn't found", "我在北京大学读书", "北京大学[北京大学]exact"},
		{"#43: Chinese at start and end", "华为和中兴", "华为[华为]exact 中兴[中兴]exact"},
		{"PR #142: of words side by side one is lost", "北京大学清华大学华为中兴", "北京大学[北京大学]exact 清华大学[清华大学]exact 华为[华为]exact 中兴[中兴]exact"},
		{"PR #142: the same word twice", "华为华为", "华为[华为]exact 华为[华为]exact"},
		{"#113: digit before Han", "5华为2中兴8", "华为[华为]exact 中兴[中兴]exact"},
		{"#113: letter before Han", "a华为b", "华为[华为]exact"},
		{"#48: umlaut is no boundary", "ai aiä äai übai öai", "ai[ai]exact"},
		{"#48: umlauts in the name", "Herr Müller aus Österreich", "Müller[Müller]exact Österreich[Österreich]exact"},
		{"#48: umlaut inside", "Müllerin, Obermüller", ""},
		{"#81, PR #82: lower case is longer", "İİİİ İstanbul ai", "İstanbul[İstanbul]exact ai[ai]exact"},
		{"#81: lower case is shorter", "ẞẞẞ Straße STRASSE ai", "Straße[Straße]exact Straße[STRASSE]exact ai[ai]exact"},
		{"#81: after combining marks", "e\u0301e\u0301 Cafe\u0301 ai", "Café[Cafe\u0301]exact ai[ai]exact"},
		{"#81: after astral characters", "𝔘𝔫𝔦 😀 𠮷 华为 ai", "华为[华为]exact ai[ai]exact"},
		{"two words over a line", "new\nyork, new  york", "new york[new\nyork]exact new york[new  york]exact"},
		{"in capitals", "New York NEW YORK", "new york[New York]exact new york[NEW YORK]exact"},
		{"underscore sets apart", "ai_ai", "ai[ai]exact ai[ai]exact"},
		{"no word inside a word", "maid said aim rain", ""},
		{"name with marks", "C++ and .NET", "C++[C++]exact .NET[.NET]acronym"},
		{"Thai without spaces", "ประเทศไทยวันนี้", "ไทย[ไทย]exact"},
		{"Kana beside Han", "日本の日本", "日本[日本]exact 日本[日本]exact"},
		{"Vietnamese", "Hà Nội, Ha Noi", "Hà Nội[Hà Nội]exact Hà Nội[Ha Noi]exact"},
		{"Greek with its accent", "Ελλάδα, ΕΛΛΑΔΑ", "Ελλάδα[Ελλάδα]exact Ελλάδα[ΕΛΛΑΔΑ]exact"},
		{"empty", "", ""},
	} {
		t.Run(tt.issue, func(t *testing.T) {
			mentions := m.Tag("", tt.text, "")
			checkMentions(t, m, "", tt.text, mentions)
			if got := brief(mentions); got != tt.want {
				t.Errorf("Tag(%q)\n got %s\nwant %s", tt.text, got, tt.want)
			}
		})
	}
}

// worldOf is an entity for each name, of its id.
func worldOf(list []catalog.Name) []catalog.Entity {
	var out []catalog.Entity
	for _, n := range list {
		out = append(out, catalog.Entity{ID: n.Text, Names: []catalog.Name{n}})
	}
	return out
}
