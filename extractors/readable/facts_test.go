package readable

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What a page says of itself beside its article, as pages say it.
func TestPageFacts(t *testing.T) {
	const url = "https://www.wuzhen.example/2026/kettle"
	ld := func(s string) string {
		return `<script type="application/ld+json">{"@type":"NewsArticle",` + s + `}</script>`
	}
	type facts struct{ Canonical, AMP, Image, Section, Lang, Site string }
	tests := []struct {
		name, html string
		want       facts
	}{
		{"nothing", ``, facts{}},
		{"the canonical link", `<link rel="canonical" href="https://wuzhen.example/kettle">`, facts{Canonical: "https://wuzhen.example/kettle"}},
		{"a relative one", `<link rel="canonical" href="/kettle#top">`, facts{Canonical: "https://www.wuzhen.example/kettle"}},
		{"its own, in the metadata", `<meta property="og:url" content="https://wuzhen.example/kettle">`, facts{Canonical: "https://wuzhen.example/kettle"}},
		{"the first page's", `<link rel="canonical" href="https://www.wuzhen.example/">`, facts{}},
		{"the first page's, but told better", `<link rel="canonical" href="/"><meta property="og:url" content="/kettle">`, facts{Canonical: "https://www.wuzhen.example/kettle"}},
		{"no address", `<link rel="canonical" href="javascript:alert(1)"><link rel="amphtml" href="data:x">`, facts{}},
		{"a page known by its query", `<link rel="canonical" href="/?p=17">`, facts{Canonical: "https://www.wuzhen.example/?p=17"}},

		{"the AMP form", `<link rel="amphtml" href="/amp/kettle">`, facts{AMP: "https://www.wuzhen.example/amp/kettle"}},

		{"the image", `<meta property="og:image" content="//cdn.example/k.jpg">`, facts{Image: "https://cdn.example/k.jpg"}},
		{"the image where the first is none", `<meta property="og:image" content="data:image/png;base64,AA"><meta name="twitter:image" content="/k.jpg">`, facts{Image: "https://www.wuzhen.example/k.jpg"}},
		{"the image of the article", ld(`"image":{"@type":"ImageObject","url":["https://cdn.example/k.jpg"]}`), facts{Image: "https://cdn.example/k.jpg"}},

		{"the section", `<meta property="article:section" content="World">`, facts{Section: "World"}},
		{"the section, of an article in several", ld(`"articleSection":["World","Asia"]`), facts{Section: "World"}},
		{"a name with a comma", `<meta property="article:section" content="Arts, Culture">`, facts{Section: "Arts, Culture"}},
		{"the tags", `<meta property="article:section" content="Smart News, Science, Science">`, facts{Section: "Smart News"}},
		{"the categories", ld(`"articleSection":"Política,Titulares"`), facts{Section: "Política"}},
		{"an address", ld(`"articleSection":"https://wuzhen.example/world"`), facts{}},

		{"the language", `<html lang="zh-Hant-TW">`, facts{Lang: "zh"}},
		{"a charset in its place", `<html lang="utf-8"><meta property="og:locale" content="zh_CN">`, facts{Lang: "zh"}},
		{"the language in the metadata", `<meta http-equiv="content-language" content="ru, en">`, facts{Lang: "ru"}},
		{"none", `<html lang="{{lang}}">`, facts{}},

		{"the site", `<meta property="og:site_name" content="Wuzhen Daily">`, facts{Site: "Wuzhen Daily"}},
		{"the site and not its platform", ld(`"publisher":{"@type":"Organization","name":"Blogger"}`) + `<meta property="og:site_name" content="Wuzhen Daily">`, facts{Site: "Wuzhen Daily"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, err := Extract([]byte("<!doctype html>"+tt.html+"<p>Text."), Options{URL: url})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, facts{p.Canonical, p.AMP, p.Image, p.Section, p.Lang, p.Site}); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
