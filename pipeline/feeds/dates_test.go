package feeds

import (
	"testing"
	"time"

	"github.com/newswatch/newswatch/pipeline"
)

func TestParseDate(t *testing.T) {
	const h = time.Hour
	for _, tc := range []struct {
		in   string
		lang string
		zone time.Duration
		want string // RFC 3339, or empty: not a date
	}{
		{"Mon, 21 Apr 2025 06:00:00 GMT", "", 0, "2025-04-21T06:00:00Z"},
		{"Mon, 21 Apr 2025 06:00:00 MSK", "", 0, "2025-04-21T06:00:00+03:00"},
		{"Mon, 21 Apr 2025 06:00:00 KST", "", 0, "2025-04-21T06:00:00+09:00"},
		{"Mon, 21 Apr 2025 06:00:00 JST", "", 0, "2025-04-21T06:00:00+09:00"},
		{"Mon, 21 Apr 2025 06:00:00 HKT", "", 0, "2025-04-21T06:00:00+08:00"},
		{"Mon, 21 Apr 2025 06:00:00 CST", "zh", 0, "2025-04-21T06:00:00+08:00"},
		{"Mon, 21 Apr 2025 06:00:00 CST", "en", 0, "2025-04-21T06:00:00-06:00"},
		{"Mon, 21 Apr 2025 06:00:00 IST", "en", 0, "2025-04-21T06:00:00+05:30"},
		{"Mon, 21 Apr 2025 06:00:00 EDT", "", 0, "2025-04-21T06:00:00-04:00"},
		{"Mon, 21 Apr 2025 06:00:00 GMT+3", "", 0, "2025-04-21T06:00:00+03:00"},
		{"Mon, 21 Apr 2025 06:00:00 UTC+08:00", "", 0, "2025-04-21T06:00:00+08:00"},
		{"Mon, 21 Apr 2025 06:00:00 +3", "", 0, "2025-04-21T06:00:00+03:00"},
		{"Mon, 21 Apr 2025 06:00:00 +0300 (MSK)", "", 0, "2025-04-21T06:00:00+03:00"},
		{"Mon, 21 Apr 2025 06:00 -0500", "", 0, "2025-04-21T06:00:00-05:00"},
		{"21 Apr 25 06:00 Z", "", 0, "2025-04-21T06:00:00Z"},
		{"21.04.2025 06:00", "ru", 3 * h, "2025-04-21T06:00:00+03:00"},
		{"2025-04-21 06:00:00", "zh", 8 * h, "2025-04-21T06:00:00+08:00"},
		{"04/05/2025", "", 0, "2025-05-04T00:00:00Z"},
		{"04/21/2025", "", 0, "2025-04-21T00:00:00Z"},
		{"Пн, 21 апр 2025 06:00:00 +0300", "ru", 0, "2025-04-21T06:00:00+03:00"},
		{"21 апреля 2025", "ru", 3 * h, "2025-04-21T00:00:00+03:00"},
		{"21 апреля 2025 г., 06:15", "ru", 3 * h, "2025-04-21T06:15:00+03:00"},
		{"21 квітня 2025 06:15", "uk", 0, "2025-04-21T06:15:00Z"},
		{"2025年04月21日", "zh", 8 * h, "2025-04-21T00:00:00+08:00"},
		{"2025年4月21日 星期一 下午3:05", "zh", 8 * h, "2025-04-21T15:05:00+08:00"},
		{"2025年4月21日 10时30分", "zh", 8 * h, "2025-04-21T10:30:00+08:00"},
		{"2020/1/10 14:33:00", "zh", 8 * h, "2020-01-10T14:33:00+08:00"},
		{"Sat Oct 06 2018 00:00:00 GMT", "", 0, "2018-10-06T00:00:00Z"},
		{"Mon Apr 21 06:00:00 +0800 2025", "", 0, "2025-04-21T06:00:00+08:00"},
		{"2018-01-06T08:00", "", 0, "2018-01-06T08:00:00Z"},
		{"2018-01-06T08:00:01.5Z", "", 0, "2018-01-06T08:00:01.5Z"},
		{"2018-01-06T08:00:00-05:00", "", 0, "2018-01-06T08:00:00-05:00"},
		{"20180106T080001Z", "", 0, "2018-01-06T08:00:01Z"},
		{"20180106", "", 0, "2018-01-06T00:00:00Z"},
		{"20180106080001", "", 0, "2018-01-06T08:00:01Z"},
		{"April 21st, 2025 at 3:04 pm EST", "", 0, "2025-04-21T15:04:00-05:00"},
		{"Apr 21, 2025 12:04 a.m.", "", 0, "2025-04-21T00:04:00Z"},
		{"06:00 21-04-2025", "", 0, "2025-04-21T06:00:00Z"},
		{"Mon, 31 Dec 2018 24:00:00 GMT", "", 0, "2019-01-01T00:00:00Z"},
		{"Wed, 31 Dec 2008 23:59:60 GMT", "", 0, "2008-12-31T23:59:59Z"},
		{"1745215200", "", 0, "2025-04-21T06:00:00Z"},
		{"1745215200123", "", 0, "2025-04-21T06:00:00.123Z"},
		{"", "", 0, ""}, {"yesterday", "", 0, ""}, {"0000-00-00 00:00:00", "", 0, ""}, {"2025-13-40", "", 0, ""},
		{"30 Feb 2025", "", 0, ""}, {"42", "", 0, ""}, {"Mon, 21 Apr 2025 06:00:00 +9999", "", 0, ""}, {"21 Foo 2025", "", 0, ""},
	} {
		got, _, ok := parseDate(tc.in, tc.lang, tc.zone)
		if tc.want == "" {
			if ok {
				t.Errorf("%q: got %v, want no date", tc.in, got)
			}
			continue
		}
		want, err := time.Parse(time.RFC3339Nano, tc.want)
		if err != nil {
			t.Fatal(err)
		}
		if !ok || !got.Equal(want) {
			t.Errorf("%q (%s): got %v, %v; want %v", tc.in, tc.lang, got, ok, tc.want)
		}
	}
}

func TestItemDates(t *testing.T) {
	now := time.Date(2025, 4, 21, 12, 0, 0, 0, time.UTC)
	rss := func(channel, item string) string {
		return `<rss version="2.0"><channel><title>t</title>` + channel + `<item><link>http://e.com/1</link>` + item + `</item></channel></rss>`
	}
	for _, tc := range []struct {
		name, body, lang string
		want             string
		from             pipeline.DateSource
	}{
		{"with a zone", rss("", "<pubDate>Mon, 21 Apr 2025 06:00:00 +0300</pubDate>"), "", "2025-04-21T03:00:00Z", pipeline.DateFromFeed},
		{"zone of the language", rss("", "<pubDate>2025-04-21 06:00:00</pubDate>"), "ru", "2025-04-21T03:00:00Z", pipeline.DateFromFeed},
		{"zone of the feed's language", rss("<language>zh-CN</language>", "<pubDate>2025-04-21 18:00:00</pubDate>"), "", "2025-04-21T10:00:00Z", pipeline.DateFromFeed},
		{"zone of the document", rss("<lastBuildDate>Mon, 21 Apr 2025 16:00:00 +0500</lastBuildDate>", "<pubDate>2025-04-21 06:00:00</pubDate>"), "ru", "2025-04-21T01:00:00Z", pipeline.DateFromFeed},
		{"zone so that nothing is ahead", rss("", "<pubDate>2025-04-21 19:40:00</pubDate>"), "", "2025-04-21T11:40:00Z", pipeline.DateFromFeed},
		{"far ahead", rss("", "<pubDate>Mon, 21 Apr 2031 06:00:00 GMT</pubDate>"), "", "2025-04-21T12:00:00Z", pipeline.DateFromFirstSeen},
		{"a little ahead", rss("", "<pubDate>Mon, 21 Apr 2025 12:10:00 GMT</pubDate>"), "", "2025-04-21T12:10:00Z", pipeline.DateFromFeed},
		{"ahead, with a second date", rss("", `<pubDate>Mon, 21 Apr 2031 06:00:00 GMT</pubDate><dc:date xmlns:dc="http://purl.org/dc/elements/1.1/">2025-04-20T00:00:00Z</dc:date>`), "", "2025-04-20T00:00:00Z", pipeline.DateFromFeed},
		{"none", rss("", ""), "", "2025-04-21T12:00:00Z", pipeline.DateFromFirstSeen},
		{"the zero of a database", rss("", "<pubDate>Thu, 01 Jan 1970 00:00:00 GMT</pubDate>"), "", "2025-04-21T12:00:00Z", pipeline.DateFromFirstSeen},
	} {
		p, err := Parse([]byte(tc.body), "https://e.com/feed", "", ParseOptions{Lang: tc.lang, Now: now})
		if err != nil {
			t.Errorf("%s: %v", tc.name, err)
			continue
		}
		it := p.Items[0]
		if got := it.Published.Format(time.RFC3339); got != tc.want || it.PublishedFrom != tc.from {
			t.Errorf("%s: got %s from %s, want %s from %s", tc.name, got, it.PublishedFrom, tc.want, tc.from)
		}
	}
}

func FuzzParseDate(f *testing.F) {
	for _, s := range []string{"Пн, 21 апр 2025 06:00:00 +0300", "2025年4月21日 下午3:05", "Mon Apr 21 06:00:00 +0800 2025", "1745215200", "2018-01-06T08:00:01.5Z", "21-"} {
		f.Add(s, "zh")
	}
	f.Fuzz(func(t *testing.T, s, lang string) {
		got, _, ok := parseDate(s, lang, time.Hour)
		if ok && (got.Year() < 1899 || got.Year() > 2287) {
			t.Errorf("%q: %v", s, got)
		}
	})
}
