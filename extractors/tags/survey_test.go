package tags

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/newswatch/newswatch/pipeline"
	"github.com/newswatch/newswatch/pipeline/catalog"
)

func TestSurvey(t *testing.T) {
	e := catalog.Entity{
		ID: "apple", Name: "Apple", Kind: "organization",
		Names: []catalog.Name{{Text: "Apple", Not: []string{"pie"}}, {Text: "苹果公司", Lang: "zh"}},
		Tests: catalog.EntityTests{Match: []string{"Apple sells", "an apple a day"}, NoMatch: []string{"Apple pie"}},
	}
	old := catalog.Entity{ID: "apple", Name: "Apple", Kind: "organization", Names: []catalog.Name{{Text: "apple"}}}
	music := catalog.Entity{ID: "music", Name: "Apple Music", Kind: "product", Names: []catalog.Name{{Text: "Apple Music"}, {Text: "苹果公司"}}}
	s := NewSurvey(e, []catalog.Entity{old, music})
	for i, text := range []string{
		"In May Apple sold phones. Apple sold tablets.",
		"An apple and one more apple. A green apple.",
		"Apple Music grows in many countries of the world, and so do the sales of its rivals at home and abroad.\n\nApple pie for all.",
		"昨天苹果公司发布新手机",
	} {
		s.Add(pipeline.Article{ID: string(rune('a' + i)), Title: "APPLE", Text: text, Source: "wire"})
	}
	got := s.Report()

	if got.Read != 4 || got.Articles != 4 || got.Mentions != 7 {
		t.Errorf("read %d, articles %d, mentions %d, want 4, 4, 7", got.Read, got.Articles, got.Mentions)
	}
	n := got.Names[0]
	if diff := cmp.Diff(pipeline.CaseSplit{First: 4, Capitals: 4, Lower: 3}, n.Case); diff != "" {
		t.Errorf("case (-want +got):\n%s", diff)
	}
	if n.Mentions != 6 || n.Articles != 4 || n.Blocked != 5 {
		t.Errorf("Apple: %d mentions in %d articles, %d blocked, want 6, 4, 5", n.Mentions, n.Articles, n.Blocked)
	}
	if diff := cmp.Diff([]pipeline.NameCount{{Text: "sold", Count: 2}, {Text: "and", Count: 1}, {Text: "music", Count: 1}, {Text: "pie", Count: 1}}, n.Right); diff != "" {
		t.Errorf("right (-want +got):\n%s", diff)
	}
	zh := got.Names[1]
	if diff := cmp.Diff([2][]pipeline.NameCount{{{Text: "昨天", Count: 1}}, {{Text: "发布", Count: 1}}}, [2][]pipeline.NameCount{zh.Left, zh.Right}); diff != "" {
		t.Errorf("neighbours of 苹果公司 (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]pipeline.NameCount{{Text: "capital: the name has one, the text not", Count: 3}, {Text: "inside a longer name of music", Count: 1}, {Text: "not: pie", Count: 1}}, got.Blocked); diff != "" {
		t.Errorf("blocked (-want +got):\n%s", diff)
	}
	var rules []string
	for _, w := range got.Warnings {
		rules = append(rules, w.Name+": "+w.Rule)
	}
	if diff := cmp.Diff([]string{"苹果公司: shared"}, rules); diff != "" {
		t.Errorf("warnings (-want +got):\n%s", diff)
	}
	if len(got.Failures) != 1 || got.Failures[0].Field != "tests.match[1]" || got.Failures[0].Text != "an apple a day" {
		t.Errorf("failures %+v, want one of tests.match[1]", got.Failures)
	}
	var blocked, counted int
	for _, x := range got.Samples {
		if x.Blocked != "" {
			blocked++
		} else {
			counted++
		}
		if x.Article == "d" && x.Name == "苹果公司" && (x.Before != "昨天" || x.After != "发布新手机") {
			t.Errorf("sample %+v", x)
		}
	}
	if blocked == 0 || counted == 0 {
		t.Errorf("samples: %d that count, %d that don't, want some of each", counted, blocked)
	}
}

// A word that is more often without its capital is told of by the archive.
func TestSurveyWarnsOfCommonWords(t *testing.T) {
	e := catalog.Entity{ID: "x", Name: "Spruce", Kind: "organization", Names: []catalog.Name{{Text: "Spruce"}}}
	s := NewSurvey(e, nil)
	s.Add(pipeline.Article{ID: "a", Text: "a spruce, some spruce, that spruce; Spruce said"})
	got := s.Report().Warnings
	if len(got) != 1 || got[0].Rule != LintCommon {
		t.Errorf("warnings %+v, want common", got)
	}
}

func TestNeighbours(t *testing.T) {
	for _, tt := range []struct{ before, after, left, right string }{
		{"by the Company ", "'s phones", "company", "s"},
		{"It ended. ", "! Then", "", ""},
		{"", "", "", ""},
		{"«Группа ", "» и", "группа", "и"},
		{"在中国", "5G手机", "中国", "5g"},
		{"中Ab", "", "ab", ""},
	} {
		if l, r := wordBefore(tt.before), wordAfter(tt.after); l != tt.left || r != tt.right {
			t.Errorf("%q _ %q: %q, %q, want %q, %q", tt.before, tt.after, l, r, tt.left, tt.right)
		}
	}
}
