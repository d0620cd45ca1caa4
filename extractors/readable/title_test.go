package readable

import "testing"

func TestTitle(t *testing.T) {
	const (
		og    = `<meta property="og:title" content="`
		site  = `<meta property="og:site_name" content="Wuzhen Daily">`
		news  = `<script type="application/ld+json">{"@type":"NewsArticle","headline":"Huawei opens a plant in Wuzhen"}</script>`
		press = news + `<meta property="fb:app_id" content="1"><meta property="article:section" content="Business">`
	)
	tests := []struct {
		name, url, html, want string
	}{
		{"the heading, where the metadata begins with it", "", `<title>Huawei opens a plant - Wuzhen Daily</title><h1>Huawei opens a plant</h1>`, "Huawei opens a plant"},
		{"what news is to be quoted as", "", press + og + `Huawei opens its plant">` + `<h1>Huawei opens a plant in Wuzhen</h1>`, "Huawei opens its plant"},
		{"what the publisher calls the alternative", "", `<script type="application/ld+json">{"@type":"NewsArticle","headline":"Huawei opens a plant in Wuzhen","alternativeHeadline":"Huawei opens its plant"}</script>` + press + og + `Huawei opens its plant">` + `<h1>Huawei opens a plant in Wuzhen</h1>`, "Huawei opens a plant in Wuzhen"},
		{"the end of the headline alone", "", `<title>Wuzhen: Huawei opens a plant in the town</title><script type="application/ld+json">{"@type":"NewsArticle","headline":"Wuzhen: Huawei opens a plant in the town"}</script>` + press + og + `Huawei opens a plant in the town"><h1>Wuzhen: Huawei opens a plant in the town</h1>`, "Wuzhen: Huawei opens a plant in the town"},
		{"the publisher's own suffix", "", `<script type="application/ld+json">{"@type":"NewsArticle","headline":"Huawei opens a plant in Wuzhen - Latest news"}</script>` + press + og + `Huawei opens a plant in Wuzhen - Latest news"><h1>Huawei opens a plant in Wuzhen</h1>`, "Huawei opens a plant in Wuzhen - Latest news"},
		{"a blog whose metadata is written for search engines", "", og + `Plants of Huawei: the best 10 in 2024 | Blog"><title>Plants of Huawei: the best 10 in 2024 | Blog</title><link href="https://x.example/wp-content/a.css"><h1 class="entry-title">Ten plants of Huawei that we visited</h1>`, "Ten plants of Huawei that we visited"},
		{"the heading elsewhere", "", og + `Top ten plants of Huawei in 2024"><h1>Top ten plants of Huawei</h1>`, "Top ten plants of Huawei"},
		{"the site and what follows it", "", site + og + `Huawei opens a plant | Wuzhen Daily | by Li Na">`, "Huawei opens a plant"},
		{"the site's name before", "", site + og + `Wuzhen Daily | Huawei opens a plant">`, "Huawei opens a plant"},
		{"a hyphen within a word", "", `<meta property="og:site_name" content="Spiegel">` + og + `Spiegel-Affäre: der Minister geht">`, "Spiegel-Affäre: der Minister geht"},
		{"a title that speaks of the site's namesake", "https://www.amazon.com/news", og + `The quarter at a glance - Amazon's profits rise above what analysts had expected">`, "The quarter at a glance - Amazon's profits rise above what analysts had expected"},
		{"the host", "https://www.golem.de/news/1.html", og + `LTE-Patent: Samsung soll Smartphones zerstören - Golem.de">`, "LTE-Patent: Samsung soll Smartphones zerstören"},
		{"the host's label", "https://news.example.co.uk/a", og + `Huawei opens a plant - Example News">`, "Huawei opens a plant"},
		{"the section before the site", "", site + `<meta name="article:section" content="Politics">` + og + `Huawei opens a plant-Politics | Wuzhen Daily">`, "Huawei opens a plant"},
		{"the section where the heading lacks it", "", site + news + og + `Huawei opens a plant in Wuzhen - National | Wuzhen Daily"><h1>Huawei opens a plant in Wuzhen</h1>`, "Huawei opens a plant in Wuzhen"},
		{"a Chinese portal", "", `<meta name="application-name" content="乌镇日报"><title>华为在乌镇开设工厂｜乌镇日报</title>`, "华为在乌镇开设工厂"},
		{"a name that nothing tells", "", `<title>Huawei opens a large new plant in Wuzhen | The Daily</title>`, "Huawei opens a large new plant in Wuzhen"},
		{"a colon apart from what it joins", "", og + `LTE-Patent: Samsung soll zerstören"><h1><span>LTE-Patent</span><span>: </span><span>Samsung soll zerstören</span></h1>`, "LTE-Patent: Samsung soll zerstören"},
		{"parts set apart", "", og + `Flut: Zwei Rücktritte"><h1><span>Flut</span><span>Zwei Rücktritte</span></h1>`, "Flut Zwei Rücktritte"},
		{"a word in two elements", "", og + `Huawei's plant"><h1>Hua<em>wei's</em> plant</h1>`, "Huawei's plant"},
		{"escaped twice", "", og + `Huawei &amp;amp; Sberbank">`, "Huawei & Sberbank"},
		{"a Chinese site's name after a narrow separator", "", `<title>武汉的声音：有英勇的你-新华网</title>`, "武汉的声音：有英勇的你"},
		{"a Chinese section and site", "", `<title>促进航天技术更好惠及人民--时政--人民网</title><h1>促进航天技术更好惠及人民</h1>`, "促进航天技术更好惠及人民"},
		{"a Chinese colon", "", `<title>两家上市公司同日公告：终止合并</title>`, "两家上市公司同日公告：终止合并"},
		{"the heading behind sections", "", `<title>Police - Current - Huawei opens a plant in Wuzhen</title><h1>Huawei opens a plant in Wuzhen</h1>`, "Huawei opens a plant in Wuzhen"},
		{"the heading that the metadata has, of two", "", og + `Huawei opens a plant"><title>News - Wuzhen</title><h1>News</h1><h1>Huawei opens a plant</h1>`, "Huawei opens a plant"},
		{"a section instead of the title in the metadata", "", og + `Press releases"><title>WD: Huawei opens a plant</title><h1>Huawei opens a plant</h1>`, "Huawei opens a plant"},
		{"a heading of second order", "", `<title>Huawei opens a plant | Wuzhen and more</title><h2>Huawei opens a plant</h2>`, "Huawei opens a plant"},
		{"the site's own name is no title", "", site + og + `Wuzhen Daily"><title>Huawei opens a plant - Wuzhen Daily</title>`, "Huawei opens a plant"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, err := Extract([]byte("<!doctype html><html><body>"+tt.html+"<p>Text.</body></html>"), Options{URL: tt.url})
			if err != nil {
				t.Fatal(err)
			}
			if p.Title != tt.want {
				t.Errorf("got %q, want %q", p.Title, tt.want)
			}
		})
	}
}
