package readable

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestExplainOrigins(t *testing.T) {
	const body = `<html><head><title>A deal in Wuzhen | The Post</title><meta property="og:title" content="A deal in Wuzhen">
<meta property="article:modified_time" content="2015-12-17T01:00:00Z">
<script type="application/ld+json">{"@graph":[{"@type":"NewsArticle","headline":"A deal in Wuzhen","datePublished":"2015-12-16T09:30:00+08:00",
"author":[{"@type":"Person","name":"Wang Li"},{"name":"Jo Doe"}],"publisher":{"name":"The Post"}}]}</script></head>
<body><article><h1>A deal in Wuzhen</h1><span class="by" rel="author">By Wang Li</span><p>One.</p><p class="ad">Buy.</p></article></body></html>`
	_, trace, err := Explain([]byte(body), Options{Title: "A deal in Wuzhen!"})
	if err != nil {
		t.Fatal(err)
	}
	want := []Origin{
		{"title", "A deal in Wuzhen", []string{"JSON-LD headline", "h1", "meta og:title", "title", "the feed"}},
		{"author", "Wang Li, Jo Doe", []string{"JSON-LD author"}},
		{"published", "2015-12-16T01:30:00Z", []string{"JSON-LD datePublished"}},
		{"modified", "2015-12-17T01:00:00Z", []string{"meta article:modified_time"}},
	}
	got := trace.Origins
	for i, o := range got {
		if o.Field == "author" && len(o.From) > 1 { // a byline is read by some ways and not by others
			got[i].From = o.From[:1]
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("origins (-want +got):\n%s", diff)
	}
	if len(trace.Rules) > 0 {
		t.Errorf("rules: %v", trace.Rules)
	}
}

func TestExplainRules(t *testing.T) {
	const body = `<html><body><div class="s">One.<i class="ad">Buy.</i></div><div class="s">Two.</div><time datetime="2015-12-16">then</time></body></html>`
	page, trace, err := Explain([]byte(body), Options{Rules: &Rules{Body: ".s", Title: "h1", Date: "time", Drop: []string{".ad"}}})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"drop .ad: selects 1, the first: Buy.",
		"body .s: selects 2, the first: One.",
		"title h1: selects nothing",
		"date time: selects 1, the first: then",
	}
	if diff := cmp.Diff(want, trace.Rules); diff != "" {
		t.Errorf("rules (-want +got):\n%s", diff)
	}
	if !page.Published.Equal(time.Date(2015, 12, 16, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("published %v", page.Published)
	}
	wantDate := []Origin{{"published", "2015-12-16T00:00:00Z", []string{"time"}}}
	if diff := cmp.Diff(wantDate, trace.Origins); diff != "" {
		t.Errorf("origins (-want +got):\n%s", diff)
	}
}
