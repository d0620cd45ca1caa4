package readable

import "testing"

// TestCleanTitle holds what is taken off titles on the portals of several
// countries, and what is not.
func TestCleanTitle(t *testing.T) {
	title := func(s string) string { return "<title>" + s + "</title>" }
	tests := []struct{ name, url, html, want string }{
		{"sina", "https://news.sina.com.cn/c/1.shtml", title("世界互联网大会在乌镇开幕_新浪网"), "世界互联网大会在乌镇开幕"},
		{"sina, two steps", "https://news.sina.com.cn/c/1.shtml", title("世界互联网大会在乌镇开幕_新浪新闻_新浪网"), "世界互联网大会在乌镇开幕"},
		{"sina, with a heading", "https://news.sina.com.cn/c/1.shtml", title("世界互联网大会在乌镇开幕|互联网|乌镇_新浪新闻") + "<h1>世界互联网大会在乌镇开幕</h1>", "世界互联网大会在乌镇开幕"},
		{"netease", "https://www.163.com/news/1.html", title("世界互联网大会在乌镇开幕|华为|乌镇_网易订阅"), "世界互联网大会在乌镇开幕"},
		{"sohu", "https://www.sohu.com/a/1", title("世界互联网大会在乌镇开幕_搜狐网"), "世界互联网大会在乌镇开幕"},
		{"tencent", "https://new.qq.com/a/1", title("世界互联网大会在乌镇开幕_腾讯新闻"), "世界互联网大会在乌镇开幕"},
		{"ifeng", "https://news.ifeng.com/c/1", title("世界互联网大会在乌镇开幕_凤凰网资讯_凤凰网"), "世界互联网大会在乌镇开幕"},
		{"xinhua", "http://www.xinhuanet.com/1.htm", title("世界互联网大会在乌镇开幕-新华网"), "世界互联网大会在乌镇开幕"},
		{"people", "http://world.people.com.cn/1.html", title("世界互联网大会在乌镇开幕--国际--人民网"), "世界互联网大会在乌镇开幕"},
		{"chinanews", "https://www.chinanews.com.cn/gn/1.shtml", title("世界互联网大会在乌镇开幕-中新网"), "世界互联网大会在乌镇开幕"},
		{"caixin", "https://www.caixin.com/1.html", title("世界互联网大会在乌镇开幕_财新网_财新通"), "世界互联网大会在乌镇开幕"},
		{"thepaper", "https://www.thepaper.cn/1", title("世界互联网大会在乌镇开幕_新闻_澎湃新闻-The Paper"), "世界互联网大会在乌镇开幕"},
		{"ria", "https://ria.ru/20240101/a-1.html", title("В Учжэне открылась конференция по интернету - РИА Новости, 01.01.2024"), "В Учжэне открылась конференция по интернету"},
		{"ria, as told", "https://ria.ru/20240101/a-1.html", `<meta property="og:title" content="В Учжэне открылась конференция по интернету"><title>В Учжэне открылась конференция по интернету - РИА Новости, 01.01.2024</title>`, "В Учжэне открылась конференция по интернету"},
		{"vedomosti", "https://www.vedomosti.ru/a", title("В Учжэне открылась конференция по интернету | Ведомости") + `<meta property="og:site_name" content="Ведомости">`, "В Учжэне открылась конференция по интернету"},
		{"vedomosti, unnamed", "https://www.vedomosti.ru/a", title("В Учжэне открылась конференция по интернету - Ведомости"), "В Учжэне открылась конференция по интернету"},
		{"kommersant", "https://www.kommersant.ru/doc/1", title("В Учжэне открылась конференция по интернету – Коммерсантъ"), "В Учжэне открылась конференция по интернету"},
		{"lenta", "https://lenta.ru/news/1", title("В Учжэне открылась конференция по интернету: Интернет: Интернет и СМИ: Lenta.ru") + "<h1>В Учжэне открылась конференция по интернету</h1>", "В Учжэне открылась конференция по интернету"},
		{"rbc", "https://www.rbc.ru/1", title("В Учжэне открылась конференция по интернету — РБК"), "В Учжэне открылась конференция по интернету"},
		{"gazeta", "https://www.gazeta.ru/1", title("В Учжэне открылась конференция по интернету - Газета.Ru | Новости"), "В Учжэне открылась конференция по интернету"},
		{"tass", "https://tass.ru/1", title("В Учжэне открылась конференция по интернету - Экономика и бизнес - ТАСС"), "В Учжэне открылась конференция по интернету"},
		{"a dash within", "https://ria.ru/1", title("Кудрин — об отставке и о том, чего ждать — РИА Новости"), "Кудрин — об отставке и о том, чего ждать"},
		{"a dash of grammar", "https://x.example/1", title("Путин — президент"), "Путин — президент"},
		{"entities", "", title("AT&amp;amp;T &amp;#8212; what&amp;#039;s next for Huawei"), "AT&T — what's next for Huawei"},
		{"line breaks", "", "<title>\n  Huawei opens\r\n\ta plant\n</title><h1>Huawei<br>opens <br/>a plant</h1>", "Huawei opens a plant"},
		{"soft hyphens", "", title("Huawei eröffnet ein Werk") + "<h1>Huawei er\u00adöffnet ein We\u00adrk</h1>", "Huawei eröffnet ein Werk"},
		{"no-break spaces", "", title("Huawei opens a plant"), "Huawei opens a plant"},
		{"shouted, with the same in letters elsewhere", "", title("Huawei opens a large plant - Wuzhen Daily") + "<h1>HUAWEI OPENS A LARGE PLANT</h1>", "Huawei opens a large plant"},
		{"shouted everywhere", "", title("HUAWEI OPENS A PLANT") + "<h1>HUAWEI OPENS A PLANT</h1>", "HUAWEI OPENS A PLANT"},
		{"directional marks", "", title("\u200eHuawei opens\u200f a plant\u202c"), "Huawei opens a plant"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, err := Extract([]byte("<!doctype html><html><head><meta charset=utf-8>"+tt.html+"<body><p>Text.</body></html>"), Options{URL: tt.url})
			if err != nil {
				t.Fatal(err)
			}
			if p.Title != tt.want {
				t.Errorf("got %q, want %q", p.Title, tt.want)
			}
		})
	}
}
