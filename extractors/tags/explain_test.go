package tags

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/newswatch/newswatch/pipeline"
	"github.com/newswatch/newswatch/pipeline/catalog"
)

// found writes findings as [text]rule, with what blocks them.
func found(findings []Finding) string {
	var out []string
	for _, f := range findings {
		s := fmt.Sprintf("[%s]%s", f.Text, f.Rule)
		if f.Blocked != "" {
			s += " " + f.Blocked
		}
		if f.Field == pipeline.FieldTitle {
			s = "title:" + s
		}
		out = append(out, s)
	}
	return strings.Join(out, "; ")
}

func TestExplain(t *testing.T) {
	m, _ := Compile(world())
	for _, tt := range []struct{ entity, title, text, want string }{
		{"huawei", "Huawei sues", "huawei and 华为", "title:[Huawei]exact; [huawei]exact capital: the name has one, the text not; [华为]exact"},
		{"huawei", "", "HW is here", "[HW]acronym near: none of phone, chip, 芯片"},
		{"huawei", "", "HW phone homework", "[HW]acronym not: homework"},
		{"huawei", "", "hw phone", "[hw]acronym exact: the text has other capitals"},
		{"huawei", "", "Huaweis", "[Huaweis]form language: a form of another language"},
		{"mercury-band", "", "Mercury played", "[Mercury]exact must: none of concert"},
		{"putin", "", "Путин приехал", "[Путин]surname surname without the full name"},
		{"putin", "", "Владимир Путин. Путин приехал", "[Владимир Путин]exact; [Путин]surname"},
		{"milner-y", "", "Yuri Milner, Robin Milner. Milner said", "[Yuri Milner]exact; [Milner]surname surname: another person of that name is named nearer; [Milner]surname surname: another person of that name is named nearer"},
		{"wic", "", "wic Wic", "[wic]acronym capitals: the name is in capitals, the text not; [Wic]acronym capitals: the name is in capitals, the text not"},
		{"wic", "wic opens in wuzhen", "", "title:[wic]acronym capital: the headline has none, and one word is too little without"},
		{"alibaba", "", "Alibaba Health", `[Alibaba]exact inside the longer name "Alibaba Health" of alibaba-health`},
		{"huawei", "", "Huawei Technologies", "[Huawei Technologies]exact"},
		{"alibaba-health", "alibaba health sues government", "", "title:[alibaba health]exact confidence 0.48 is under 0.50"},
		{"mercury-planet", "", "Mercury is a planet", "[Mercury]context"},
		{"nobody", "", "Huawei", ""},
		{"huawei", "", "nothing", ""},
	} {
		if got := found(m.Explain(tt.title, tt.text, "", tt.entity)); got != tt.want {
			t.Errorf("Explain(%q, %q, %s)\n got %s\nwant %s", tt.title, tt.text, tt.entity, got, tt.want)
		}
	}
	lap, _ := Compile([]catalog.Entity{{ID: "a", Names: names("Bank of China Group")}, {ID: "b", Names: names("China Group Holding Company")}})
	if got, want := found(lap.Explain("", "Bank of China Group Holding Company", "", "a")), `[Bank of China Group]exact overlaps "China Group Holding Company" of b`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// checkExplain holds that Explain agrees with Tag for every entity.
func checkExplain(t *testing.T, m *Matcher, title, text, lang string, mentions []pipeline.Mention, entities []string) {
	t.Helper()
	for _, e := range entities {
		var want, got []pipeline.Mention
		for _, x := range mentions {
			if x.Entity == e {
				want = append(want, x)
			}
		}
		places := make(map[string]bool)
		for _, f := range m.Explain(title, text, lang, e) {
			at := fmt.Sprint(f.Field, f.Start, f.End)
			if places[at] {
				t.Fatalf("%q: two findings of %s at %s", text, e, at)
			}
			places[at] = true
			if f.Blocked == "" && !f.Counts() {
				t.Fatalf("%q: %+v doesn't count and is not said to be blocked", text, f)
			}
			if f.Blocked == "" || f.Nested || strings.HasPrefix(f.Blocked, "confidence") {
				got = append(got, f.Mention)
			}
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Fatalf("%q: Tag and Explain differ for %s: %s", text, e, d)
		}
	}
}

// entitiesOf lists the entities of mentions, each once, at most n.
func entitiesOf(mentions []pipeline.Mention, n int) []string {
	var ids []string
	seen := make(map[string]bool)
	for _, x := range mentions {
		if !seen[x.Entity] && len(ids) < n {
			seen[x.Entity] = true
			ids = append(ids, x.Entity)
		}
	}
	return ids
}

// FuzzExplain: of any text and any entity of the starter catalog Explain agrees
// with Tag.
func FuzzExplain(f *testing.F) {
	entities := catalog.Starter().Entities
	m, _ := Compile(entities)
	for i, e := range entities {
		for _, text := range append(e.Tests.Match, e.Tests.NoMatch...) {
			f.Add(text, text, "", uint8(i))
		}
	}
	f.Fuzz(func(t *testing.T, title, text, lang string, entity uint8) {
		mentions := m.Tag(title, text, lang)
		checkMentions(t, m, title, text, mentions)
		checkExplain(t, m, title, text, lang, mentions, append(entitiesOf(mentions, 3), entities[int(entity)%len(entities)].ID))
	})
}
