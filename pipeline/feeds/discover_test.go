package feeds

import (
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// sure is what is found without the guesses.
func sure(found []Found) []Found {
	return slices.DeleteFunc(slices.Clone(found), func(f Found) bool { return f.Why == WhyWellKnown })
}

func TestDiscover(t *testing.T) {
	const channel = "UCuAXFkgsw1L7xaCfnd5JJOw"
	yt := func(q, title string) Found {
		return Found{"https://www.youtube.com/feeds/videos.xml?" + q, title, "atom", WhySite}
	}
	for _, tc := range []struct {
		name, body, base string
		want             []Found
	}{
		{"a feed", rssOf(`<item><title>a</title></item>`), "https://e.ru/rss", []Found{{"https://e.ru/rss", "T", "rss", WhyIsFeed}}},
		{"a news sitemap", newsNS + newsEntry("https://e.ru/1", "T", "") + "</urlset>", "https://e.ru/s.xml",
			[]Found{{"https://e.ru/s.xml", "Ведомости", "sitemap", WhyIsFeed}}},
		{"links of the head", `<html><head><base href="/dir/"><LINK REL="alternate" TYPE="application/rss+xml" TITLE="Новости &amp; всё" HREF="rss.xml">
			<link rel="alternate" type="application/atom+xml; charset=utf-8" href="//cdn.e.ru/atom">
			<link rel=alternate type=application/feed+json href=https://e.ru/feed.json>
			<link rel="alternate" type="application/rss+xml" title="F Comments Feed" href="/comments/feed/">
			<link rel="alternate" type="application/json" href="/wp-json/wp/v2/pages/1">
			<link rel="alternate" hreflang="en" href="/en/"><link rel="stylesheet" href="x.css"></head>`, "https://e.ru/news/",
			[]Found{{"https://e.ru/dir/rss.xml", "Новости & всё", "rss", WhyLink}, {"https://cdn.e.ru/atom", "", "atom", WhyLink}, {"https://e.ru/feed.json", "", "json", WhyLink}}},
		{"anchors", `<a href="/rss/main.xml">Главное</a> <a href="/export/news.rss#x">x</a> <a href="/subscribe"><img>RSS</a> <a href="/">RSS</a>
			<a href="https://t.me/rss">RSS</a> <a href="/rss.html">RSS</a> <a href="/feedback">feedback</a> <a href="javascript:alert(1)">rss</a>
			<a href="/u" type="application/rss+xml">лента</a> <a href="?feed=rss2">a</a>`, "https://e.ru/",
			[]Found{{"https://e.ru/rss/main.xml", "Главное", "", WhyAnchor}, {"https://e.ru/export/news.rss", "x", "rss", WhyAnchor},
				{"https://e.ru/subscribe", "RSS", "", WhyAnchor}, {"https://e.ru/u", "лента", "rss", WhyAnchor}, {"https://e.ru/?feed=rss2", "a", "", WhyAnchor}}},
		{"a link before an anchor, once", `<a href="/feed">Feed</a><link rel="alternate" type="application/rss+xml" href="/feed/">`, "https://e.ru/",
			[]Found{{"https://e.ru/feed/", "", "rss", WhyLink}}},
		{"YouTube channel", "", "https://www.youtube.com/channel/" + channel + "/videos", []Found{yt("channel_id="+channel, "channel")}},
		{"YouTube handle", `<meta itemprop="identifier" content="` + channel + `">`, "https://m.youtube.com/@x", []Found{yt("channel_id="+channel, "channel")}},
		{"YouTube video in a list", `{"channelId":"` + channel + `"}`, "https://www.youtube.com/watch?v=abc&list=PLabcdefghij",
			[]Found{yt("playlist_id=PLabcdefghij", "playlist"), yt("channel_id="+channel, "channel")}},
		{"YouTube by its canonical address", `<link rel="canonical" href="https://www.youtube.com/channel/` + channel + `">`, "https://www.youtube.com/c/x",
			[]Found{yt("channel_id="+channel, "channel")}},
		{"GitHub", "", "https://github.com/mmcdole/gofeed/tree/master", []Found{
			{"https://github.com/mmcdole/gofeed/releases.atom", "mmcdole/gofeed: releases", "atom", WhySite},
			{"https://github.com/mmcdole/gofeed/tags.atom", "mmcdole/gofeed: tags", "atom", WhySite},
			{"https://github.com/mmcdole/gofeed/commits.atom", "mmcdole/gofeed: commits", "atom", WhySite}}},
		{"GitHub's own pages", "", "https://github.com/features/actions", nil},
		{"windows-1251", "<meta charset=windows-1251><link rel=alternate type=application/rss+xml href=/rss title=\"\xcd\xee\xe2\xee\xf1\xf2\xe8 \xd0\xee\xf1\xf1\xe8\xe8 \xe8 \xec\xe8\xf0\xe0 \xf1\xe5\xe3\xee\xe4\xed\xff\">",
			"https://e.ru/", []Found{{"https://e.ru/rss", "Новости России и мира сегодня", "rss", WhyLink}}},
	} {
		if diff := cmp.Diff(tc.want, sure(Discover([]byte(tc.body), tc.base)), cmp.Transformer("nil", func(f []Found) []Found { return append([]Found{}, f...) })); diff != "" {
			t.Errorf("%s: (-want +got):\n%s", tc.name, diff)
		}
	}
}

// The guesses come last, at the address that the site goes by.
func TestDiscoverGuesses(t *testing.T) {
	found := Discover([]byte(`<link rel=canonical href="https://www.e.ru/blog/"><a href="/rss.xml">RSS</a>`), "http://e.ru/blog")
	var got []string
	for i, f := range found {
		if f.Why == WhyWellKnown {
			got = append(got, f.URL)
		} else if i > 0 && found[i-1].Why == WhyWellKnown {
			t.Errorf("%s after a guess", f.URL)
		}
	}
	want := []string{"https://www.e.ru/blog/feed/", "https://www.e.ru/blog/rss.xml", "https://www.e.ru/feed/"}
	if len(got) < len(want) || cmp.Diff(want, got[:len(want)]) != "" || !slices.Contains(got, "https://www.e.ru/news-sitemap.xml") {
		t.Errorf("got %v, want to begin with %v", got, want)
	}
	if found := Discover([]byte(`<p>nothing`), ""); len(found) != 0 {
		t.Errorf("without an address: got %v", found)
	}
	if found := Discover([]byte(`<link rel=canonical href="https://other.example/">`), "https://e.ru/"); !strings.HasPrefix(found[0].URL, "https://e.ru/") {
		t.Errorf("guesses on another site: %v", found[0])
	}
}

func FuzzDiscover(f *testing.F) {
	f.Add([]byte(`<base href="/d/"><link rel="alternate" type="application/rss+xml" href="x"><a href=/rss>RSS</a>`), "https://e.ru/a/b")
	f.Add([]byte(`<link rel=canonical href="https://www.youtube.com/channel/UCuAXFkgsw1L7xaCfnd5JJOw">`), "https://youtube.com/@a")
	f.Add([]byte(`<rss><channel><title>`), "http://e.ru")
	f.Add([]byte(`<a href="?feed=rss2"><a href="%zz/feed">`), "https://github.com/a/b")
	f.Fuzz(func(t *testing.T, b []byte, base string) {
		found := Discover(b, base)
		if len(found) > maxFound {
			t.Errorf("%d found", len(found))
		}
		for _, f := range found {
			if f.Why == WhyIsFeed {
				continue // the address that was given
			}
			if u, err := url.Parse(f.URL); err != nil || u.Hostname() == "" || !isWeb(f.URL) {
				t.Errorf("no address: %q (%s): %v", f.URL, f.Why, err)
			}
			if strings.ToValidUTF8(f.Title, "") != f.Title {
				t.Errorf("damaged title %q", f.Title)
			}
		}
	})
}
