package readable

import (
	"testing"
	"time"
)

func TestBylines(t *testing.T) {
	const (
		h1   = `<h1>Huawei opens a plant in Wuzhen</h1>`
		zh   = `<title>华为在乌镇开设新工厂_乌镇网</title><h1>华为在乌镇开设新工厂</h1>`
		self = `<meta property="og:site_name" content="Wuzhen Daily"><meta name="author" content="Wuzhen Daily">`
	)
	tests := []struct{ name, html, want string }{
		{"beside the date", h1 + `<div><span>Wang Li |</span><span>05.04.2025</span></div>`, "Wang Li"},
		{"after the date", h1 + `<p>Posted on September 21, 2020 by Wang Li</p>`, "Wang Li"},
		{"on the line before the date", h1 + `<p>Wang Li</p><p>Dec 19, 2025</p>`, "Wang Li"},
		{"on the line after the date", h1 + `<p>Dec 19, 2025</p><p>Wang Li</p>`, "Wang Li"},
		{"the section beside the date", `<nav><p>Middle East</p></nav>` + h1 + `<p>Middle East</p><p>Dec 19, 2025</p>`, ""},
		{"the word on a line of its own", h1 + `<div>Written by</div><div>Wang Li</div>`, "Wang Li"},
		{"names in elements of their own", h1 + `<div class="byline"><a>Wang Li</a> <a>Ivan Petrov</a></div>`, "Wang Li, Ivan Petrov"},
		{"names that are parts of one", h1 + `<div class="byline"><b>Wang</b> <b>Li</b></div>`, "Wang Li"},
		{"broken over lines", h1 + "<li>Von:\n\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t<a>Wang  LI</a>,\n\t\t\t\t<a>Ivan PETROV</a></li>", "Wang LI, Ivan PETROV"},
		{"what follows the name", h1 + `<p>By TPN, in News, Portugal &middot; 31 Jan 2025</p>`, "TPN"},
		{"a sentence", h1 + `<p>By opening this plant, Huawei hopes to serve its customers and suppliers.</p>`, ""},
		{"another article's", h1 + `<p>Text of the article.</p><a href="/2">By Ivan Petrov</a><p>- AFP, MANILA</p>`, "AFP"},
		{"an agency with the site's own", self + h1 + `<p>AFP</p>`, "Wuzhen Daily, AFP"},
		{"the site's own, told by its address", `<meta name="author" content="Wuzhen Welle (www.wuzhen.example)">` + h1 + `<li>Autorin/Autor Wang Li</li>`, "Wang Li"},
		{"a sentence does not beat the site's own", self + h1 + `<p>From plants to shops, it is all present here</p>`, "Wuzhen Daily"},
		{"whose picture it is", h1 + `<p class="author">Фото: Иван Петров</p>`, ""},
		{"a page whose layout is called after its sidebar", `<body class="has-sidebar widget"><div class="sidebar-right">` + h1 + `<div class="entry-author">Wang Li</div></div>`, "Wang Li"},
		{"scholars, last names first", `<meta name="citation_author" content="Wang, Li"><meta name="citation_author" content="Petrov, Ivan">`, "Li Wang, Ivan Petrov"},
		{"Russian", h1 + `<p>Текст: Иван Петров</p>`, "Иван Петров"},
		{"Russian, whom somebody talked to", h1 + `<p>Беседовала Мария Иванова</p>`, "Мария Иванова"},

		{"Chinese, after role and outlet", zh + `<div><span>乌镇评论员 李勤</span></div>`, "李勤"},
		{"Chinese, after the outlet", zh + `<p>（文/观察者网 吕栋）没有屏幕，没有传感器。</p>`, "吕栋"},
		{"Chinese, beside the outlet", zh + `<span class="author">界面新闻 · 黄姗</span>`, "黄姗"},
		{"Chinese, the site known by the title", `<meta name="author" content="乌镇网">` + zh + `<p>作者：乌镇日报记者 尚文超</p>`, "尚文超"},
		{"Chinese, with the place", `<meta name="author" content="記者尤聰光／臺東報導">` + zh, "尤聰光"},
		{"Chinese, a name and the date", zh + `<div><a>邱晓芬</a><span>·</span><span>2024-03-22 09:15</span></div>`, "邱晓芬"},
		{"Chinese, who writes on a portal", zh + `<div><span>2024-03-26 09:15</span><span>来源：乡村观察</span><span>发布于：北京市</span></div>`, "乡村观察"},
		{"Chinese, an outlet is no author", zh + `<div><span>2024-03-26 09:15</span><span>来源：新华社</span></div>`, ""},
		{"Japanese, a note about the author", `<h1>震度5弱の地震</h1><p class="author">書いた人 渡辺洋介 東京社会部 専門・関心分野 戦争、平和、核問題</p>`, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, err := Extract([]byte("<!doctype html><html>"+tt.html+"</html>"), Options{URL: "https://www.wuzhen.example/a"})
			if err != nil {
				t.Fatal(err)
			}
			if p.Author != tt.want {
				t.Errorf("got %q, want %q", p.Author, tt.want)
			}
		})
	}
}

func TestPageDates(t *testing.T) {
	const h1 = `<h1>Huawei opens a plant in Wuzhen</h1>`
	tests := []struct{ name, html, want string }{
		{"today's above the title", `<nav><li>Tuesday, 8 Dec 2020</li></nav>` + h1 + `<div class="meta"><a href="/d">13 Oct 2020 18:29</a></div>`, "2020-10-13"},
		{"a part of the title element", `<title>Huawei opens a plant | 28.04.2023</title>` + h1 + `<p>24.04.2023</p>`, "2023-04-28"},
		{"the region's order", `<html lang="en-GB">` + h1 + `<time>02/10/2020</time>`, "2020-10-02"},
		{"the order of the language", `<html lang="en">` + h1 + `<time>02/10/2020</time>`, "2020-02-10"},
		{"a vague day against what the reader sees", `<meta name="date" content="2020-04-30">` + h1 + `<p class="date">29.04.2020, 12:01 Uhr</p>`, "2020-04-29"},
		{"a vague day alone", `<meta name="date" content="2020-04-30">` + h1, "2020-04-30"},
		{"a day that is midnight elsewhere", `<meta property="article:published_time" content="2021-11-04T23:00Z">` + h1 + `<p>Länderberichte, 5. November 2021, Skopje und viele weitere Orte in der Umgebung der Stadt und des Landes</p>`, "2021-11-05"},
		{"late in the evening", `<meta property="article:published_time" content="2021-11-04T23:00Z">` + h1 + `<p>4 November 2021. On 5 November 2021 the plant opens.</p>`, "2021-11-04"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, err := Extract([]byte("<!doctype html>"+tt.html), Options{})
			if err != nil {
				t.Fatal(err)
			}
			if got := p.Published.Format(time.DateOnly); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
