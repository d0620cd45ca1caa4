package catalog

import "testing"

func TestProposeID(t *testing.T) {
	for _, tt := range []struct{ title, home, feed, want string }{
		{"Коммерсантъ", "https://www.kommersant.ru/", "https://www.kommersant.ru/RSS/news.xml", "kommersant-ru"},
		{"", "", "https://feeds.bbci.co.uk/news/rss.xml", "bbci-co-uk"},
		{"Channel One", "https://www.youtube.com/channel/x", "https://www.youtube.com/feeds/videos.xml?channel_id=1", "channel-one"},
		{"", "", "http://127.0.0.1:8080/feed", "127-0-0-1"},
	} {
		got := ProposeID(tt.title, tt.home, tt.feed)
		if got != tt.want {
			t.Errorf("%+v: %q", tt, got)
		}
		src := Source{ID: got, Name: "x", Feeds: []Feed{{URL: tt.feed}}}
		if err := src.Validate(); err != nil {
			t.Errorf("%q: %v", got, err)
		}
	}
	if a, b := FeedKey("HTTP://E.com/f"), FeedKey("https://e.com/f"); a != b {
		t.Errorf("%q and %q are one feed", a, b)
	}
}
