package index

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/newswatch/newswatch/pipeline"
)

// newsroom is a few articles in three languages, newest last.
func newsroom() []pipeline.Article {
	day := func(n int) time.Time { return when.AddDate(0, 0, n) }
	mention := func(entity, kind, text string, start int) pipeline.Mention {
		return pipeline.Mention{Entity: entity, Kind: kind, Field: pipeline.FieldText, Start: start, End: start + len(text), Text: text, Confidence: 1}
	}
	as := []pipeline.Article{
		article(1, day(-50), "Huawei opens a laboratory", "Huawei opened a research laboratory in Moscow. Apple was not there."),
		article(2, day(-40), "Хуавей построит завод", "Китайская компания Хуавей построит завод. О санкциях против Хуавея не говорили."),
		article(3, day(-30), "华为在莫斯科开设实验室", "华为公司在莫斯科开设实验室。中华人民共和国的企业继续投资。"),
		article(4, day(-3), "World Internet Conference opens", "The World Internet Conference opened in Wuzhen. Xi Jinping spoke of internet sovereignty and the world."),
		article(5, day(-2), "Apples are red", "An apple a day. Growing apples in the garden is a fine thing for the family."),
		article(6, day(-1), "世界互联网大会", "世界互联网大会在乌镇开幕。习近平发表讲话,谈到网络主权。"),
		article(7, day(-1).Add(time.Hour), "Copy: World Internet Conference opens", "The World Internet Conference opened in Wuzhen. Xi Jinping spoke of internet sovereignty and the world."),
	}
	as[1].Lang, as[1].Country, as[1].Source = "ru", "RU", "kommersant"
	as[2].Lang, as[2].Country, as[2].Source = "zh", "CN", "xinhua"
	as[5].Lang, as[5].Country, as[5].Source = "zh-Hans", "CN", "xinhua"
	as[0].Mentions = []pipeline.Mention{mention("huawei", "organization", "Huawei", 0)}
	as[1].Mentions = []pipeline.Mention{mention("huawei", "organization", "Хуавей", len("Китайская компания "))}
	as[3].Mentions = []pipeline.Mention{mention("xi", "person", "Xi Jinping", 48)}
	as[3].Mentions = append(as[3].Mentions, pipeline.Mention{Entity: "huawei", Nested: true, Field: pipeline.FieldText, Start: 0, End: 3})
	as[0].Author, as[0].URL, as[0].Tags = "Anna K. Smith", "https://www.tech.example.co.uk/1", []string{"Business", "R&D"}
	as[3].Story, as[6].Story = as[3].ID, as[3].ID
	as[6].CopyOf = as[3].ID
	return as
}

func TestSearchFinds(t *testing.T) {
	ix := openTest(t, t.TempDir())
	as := newsroom()
	put(t, ix, stored(1, as...))
	tests := []struct {
		query string
		want  []int // articles, newest first
	}{
		{"", []int{7, 6, 5, 4, 3, 2, 1}},
		{"*", []int{7, 6, 5, 4, 3, 2, 1}},
		{"huawei", []int{1}},
		{"HUAWEI laboratories", []int{1}},
		{"opening", []int{7, 4, 1}},
		{"laboratory Moscow", []int{1}},
		{"laboratory OR завод", []int{2, 1}},
		{"компании", []int{2}},
		{"заводы", []int{2}},
		{"санкции", []int{2}},
		{"Хуавею", []int{2}},
		{"华为", []int{3}},
		{"华", []int{3}},
		{"开设", []int{3}},
		{"莫斯科", []int{3}},
		{"斯莫科", nil},
		{"人民共和国", []int{3}},
		{"民", []int{3}},
		{"大会", []int{6}},
		{"习近平", []int{6}},
		{`"world internet conference"`, []int{7, 4}},
		{`"internet world"`, nil},
		{"title:world", []int{7, 4}},
		{"body:world -title:copy", []int{4}},
		{"internet NOT copy", []int{4}},
		{"-internet", []int{6, 5, 3, 2, 1}},
		{"-(internet OR apple OR 华为)", []int{6, 2}},
		{"nosuchword -internet", nil},
		{"last:1h -internet", nil},
		{"apple", []int{5, 1}},
		{"=Apple", []int{1}},
		{"-=Apple apple", []int{5}},
		{"grow*", []int{5}},
		{"growi*", []int{5}},
		{"inter*", []int{7, 4}},
		{"санкц*", []int{2}},
		{`"xi spoke"~3`, []int{7, 4}},
		{"xi NEAR/2 spoke", []int{7, 4}},
		{"xi NEAR/1 spoke", nil},
		{"xi NEAR/2 sovereignty", nil},
		{"wuzhen NEAR/3 xi -title:copy", []int{4}},
		{"-(xi NEAR/2 spoke) internet", nil},
		{"entity:huawei", []int{2, 1}},
		{"entity:xi", []int{4}},
		{"kind:person", []int{4}},
		{"has:mention", []int{4, 2, 1}},
		{"-has:mention", []int{7, 6, 5, 3}},
		{"is:copy", []int{7}},
		{"-is:copy internet", []int{4}},
		{"source:xinhua", []int{6, 3}},
		{"lang:zh", []int{6, 3}},
		{"lang:zh-hans", []int{6}},
		{"country:ru", []int{2}},
		{"site:example.co.uk", []int{1}},
		{"site:news.example -lang:en", []int{6, 3, 2}},
		{"author:smith", []int{1}},
		{`author:"anna k"`, []int{1}},
		{"tag:business", []int{1}},
		{`tag:"r&d"`, []int{1}},
		{"key:" + as[4].Key, []int{5}},
		{"story:" + as[3].ID, []int{7, 4}},
		{"after:2015-12-14", []int{7, 6, 5}},
		{"before:2015-11-01", []int{1}},
		{"after:2015-11-07 before:2015-12-13", []int{3}},
		{"last:7d", []int{7, 6, 5, 4}},
		{"after:2015-12-14T08:59:59.5Z before:2015-12-14T09:00:00.5Z", []int{5}},
		{"-after:2015-12-14T09:00:00.5Z last:7d", []int{5, 4}},
		{`"司在莫斯科"`, []int{3}},
		{`"华 为"`, []int{3}},
		{`"乌 镇 开 幕"`, []int{6}},
		{`"镇 乌"`, nil},
		{`-"乌 镇" lang:zh`, []int{3}},
	}
	for _, tt := range tests {
		t.Run(tt.query, func(t *testing.T) {
			want := []string{}
			for _, n := range tt.want {
				want = append(want, as[n-1].Title)
			}
			res := find(t, ix, pipeline.SearchRequest{Query: tt.query})
			if diff := cmp.Diff(want, titles(res)); diff != "" {
				t.Errorf("hits (-want +got):\n%s", diff)
			}
			if res.Total != len(want) || !res.TotalExact || len(res.Warnings) != 0 {
				t.Errorf("total %d (exact %v, warnings %q), want %d", res.Total, res.TotalExact, res.Warnings, len(want))
			}
		})
	}
}
