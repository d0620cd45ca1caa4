package query

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/newswatch/newswatch/pipeline"
)

func TestValues(t *testing.T) {
	mentions := []pipeline.Mention{
		{Entity: "Huawei", Kind: "organization"},
		{Entity: "wuzhen", Kind: "place"},
		{Entity: "huawei", Kind: "organization"},
		{Entity: "zte", Kind: "organization", Nested: true},
	}
	for _, tt := range []struct {
		field string
		a     pipeline.Article
		want  []string
	}{
		{FieldEntity, pipeline.Article{Mentions: mentions}, []string{"huawei", "wuzhen"}},
		{FieldKind, pipeline.Article{Mentions: mentions}, []string{"organization", "place"}},
		{FieldLang, pipeline.Article{Lang: "zh-Hans_CN"}, []string{"zh-hans-cn", "zh-hans", "zh"}},
		{FieldLang, pipeline.Article{}, nil},
		{FieldCountry, pipeline.Article{Country: "RU"}, []string{"ru"}},
		{FieldTag, pipeline.Article{Tags: []string{"Foreign  Policy", "foreign policy", "", "Ёлка"}}, []string{"foreign policy", "елка"}},
		{FieldSite, pipeline.Article{URL: "https://WWW.Example.co.uk:8080/a"}, []string{"www.example.co.uk", "example.co.uk", "co.uk", "uk"}},
		{FieldSite, pipeline.Article{URL: "https://xn--e1ajeds9e.xn--p1ai/"}, []string{"кремль.рф", "рф"}},
		{FieldSite, pipeline.Article{URL: "http://192.0.2.1/a"}, []string{"192.0.2.1"}},
		{FieldSite, pipeline.Article{URL: "http://[2001:db8::1]:80/a"}, []string{"2001:db8::1"}},
		{FieldSite, pipeline.Article{URL: "http://localhost/"}, []string{"localhost"}},
		{FieldSite, pipeline.Article{URL: "://"}, nil},
		{FieldAuthor, pipeline.Article{Author: "A. Gabuev; 王明"}, []string{
			"a", "a gabuev", "a gabuev 王", "a gabuev 王 明", "gabuev", "gabuev 王", "gabuev 王 明", "王", "王 明", "明",
		}},
		{"moon", pipeline.Article{}, nil},
	} {
		if diff := cmp.Diff(tt.want, Values(&tt.a, tt.field)); diff != "" {
			t.Errorf("%s: %s", tt.field, diff)
		}
	}
	many := pipeline.Article{Author: strings.Repeat("word ", 5000)}
	if n := len(Values(&many, FieldAuthor)); n > maxAuthorWords*AuthorWords {
		t.Errorf("an author line of 5000 words has %d values", n)
	}
}
