package feeds

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/newswatch/newswatch/pipeline"
)

const newsNS = `<?xml version="1.0" encoding="UTF-8"?>
<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9" xmlns:news="http://www.google.com/schemas/sitemap-news/0.9"
	xmlns:image="http://www.google.com/schemas/sitemap-image/1.1" xmlns:video="http://www.google.com/schemas/sitemap-video/1.1">`

func newsEntry(loc, title, date string) string {
	return `<url><loc>` + loc + `</loc><news:news><news:publication><news:name>Ведомости</news:name><news:language>ru</news:language></news:publication>
		<news:publication_date>` + date + `</news:publication_date><news:title>` + title + `</news:title></news:news></url>`
}

func gz(t *testing.T, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, _ = w.Write(b)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestNewsSitemap(t *testing.T) {
	body := newsNS + newsEntry("https://e.ru/news/1?a=1&amp;utm_source=x", "Хуавей &amp; другие", "2015-12-01T10:00:00+03:00") +
		`<url><loc>https://e.ru/about</loc></url>
		<url><loc><![CDATA[/news/2]]></loc><lastmod>2015-12-02</lastmod>
			<image:image><image:loc>https://e.ru/2.jpg</image:loc></image:image>
			<video:video><video:title>not the title</video:title><video:publication_date>2001-01-01</video:publication_date></video:video>
			<news:news><news:title><![CDATA[Second]]></news:title><news:keywords>ZTE, chips</news:keywords></news:news></url></urlset>`
	for name, b := range map[string][]byte{"plain": []byte(body), "gzip": gz(t, []byte(body)), "windows line ends": []byte(strings.ReplaceAll(body, "\n", "\r\n"))} {
		p, err := Parse(b, "https://e.ru/sitemap-news.xml", "text/xml", ParseOptions{Now: corpusNow})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		checkItems(t, name, p)
		type row struct{ url, title, lang, image, date, tags string }
		var got []row
		for _, it := range p.Items {
			got = append(got, row{it.URL, it.Title, it.Lang, it.Image, it.Published.Format(time.RFC3339), strings.Join(it.Tags, "|")})
		}
		want := []row{
			{"https://e.ru/news/1?a=1", "Хуавей & другие", "ru", "", "2015-12-01T07:00:00Z", ""},
			{"https://e.ru/news/2", "Second", "", "https://e.ru/2.jpg", "2015-12-02T00:00:00Z", "ZTE|chips"},
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(row{})); diff != "" {
			t.Errorf("%s: (-want +got):\n%s", name, diff)
		}
		if p.Format != "sitemap" || p.Title != "Ведомости" || p.Lang != "ru" {
			t.Errorf("%s: got %q %q %q", name, p.Format, p.Title, p.Lang)
		}
		if diff := cmp.Diff([]Drop{{Reason: "no_news", Items: 1, First: "https://e.ru/about"}}, p.Dropped); diff != "" {
			t.Errorf("%s: dropped (-want +got):\n%s", name, diff)
		}
	}
}

// An article has one key, whether a feed or a sitemap lists it.
func TestSitemapItemsAreIdentifiedAsOthers(t *testing.T) {
	a, err := Parse([]byte(newsNS+newsEntry("https://e.ru/n/1?utm_source=g", "T", "2015-12-01")+`</urlset>`), "https://e.ru/s.xml", "", ParseOptions{})
	if err != nil {
		t.Fatal(err)
	}
	b, err := Parse([]byte(rssOf(`<item><title>T</title><link>https://e.ru/n/1#top</link></item>`)), "https://e.ru/rss", "", ParseOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if a.Items[0].Key != b.Items[0].Key || a.Items[0].Key != pipeline.Key("https://e.ru/n/1") {
		t.Errorf("keys differ: %s %s", a.Items[0].Key, b.Items[0].Key)
	}
}

func TestSitemapDamage(t *testing.T) {
	var many strings.Builder
	for i := range 1500 {
		many.WriteString(newsEntry(fmt.Sprintf("https://e.ru/%d", i), "T", "2015-12-01"))
	}
	one := newsEntry("https://e.ru/1", "T", "2015-12-01")
	for _, tc := range []struct {
		name, body string
		items      int
		repair     string
		err        error
	}{
		{"no news", newsNS + `<url><loc>https://e.ru/about</loc></url></urlset>`, 0, "", ErrNotFeed},
		{"empty", newsNS + `</urlset>`, 0, "", ErrNotFeed},
		{"cut off", newsNS + one + `<url><loc>https://e.ru/2</loc><news:news><news:title>Tw`, 2, "salvage", nil},
		{"end tag missing", newsNS + strings.Replace(one, "</url>", "", 1) + newsEntry("https://e.ru/2", "T", ""), 2, "salvage", nil},
		{"raw ampersand", newsNS + newsEntry("https://e.ru/?a=1&b=2", "A & B < C", "") + `</urlset>`, 1, "", nil},
		{"too many", newsNS + many.String() + `</urlset>`, maxNews, "items_cut", nil},
		{"other prefix", strings.NewReplacer("news:", "n:", ":news=", ":n=").Replace(newsNS + one + `</urlset>`), 1, "", nil},
	} {
		p, err := Parse([]byte(tc.body), "https://e.ru/s.xml", "", ParseOptions{Now: corpusNow})
		if !errors.Is(err, tc.err) {
			t.Errorf("%s: got %v, want %v", tc.name, err, tc.err)
			continue
		}
		if err != nil {
			continue
		}
		checkItems(t, tc.name, p)
		if len(p.Items) != tc.items || strings.Join(p.Repairs, " ") != tc.repair {
			t.Errorf("%s: got %d items, %v; want %d, %q", tc.name, len(p.Items), p.Repairs, tc.items, tc.repair)
		}
	}
}

func TestSitemapIndex(t *testing.T) {
	body := `<?xml version="1.0"?><sitemapindex xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">
		<sitemap><loc>https://e.co.uk/undated.xml</loc></sitemap>
		<sitemap><loc>https://e.co.uk/2014.xml.gz</loc><lastmod>2014-01-01</lastmod></sitemap>
		<sitemap><loc>https://news.e.co.uk/2015.xml</loc><lastmod>2015-12-01T10:00:00+03:00</lastmod></sitemap>
		<sitemap><loc>https://evil.co.uk/x.xml</loc><lastmod>2020-01-01</lastmod></sitemap>
		<sitemap><loc>file:///etc/passwd</loc></sitemap>
		<sitemap><loc>/2014.xml.gz</loc></sitemap></sitemapindex>`
	p, err := Parse([]byte(body), "https://www.e.co.uk/sitemap.xml", "", ParseOptions{})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"https://news.e.co.uk/2015.xml", "https://e.co.uk/2014.xml.gz", "https://e.co.uk/undated.xml", "https://www.e.co.uk/2014.xml.gz"}
	if diff := cmp.Diff(want, p.Sitemaps); diff != "" || p.Format != "sitemapindex" || len(p.Items) != 0 {
		t.Errorf("%s: (-want +got):\n%s", p.Format, diff)
	}
	if diff := cmp.Diff([]Drop{{"other_site", 1, "https://evil.co.uk/x.xml"}, {"no_address", 1, "file:///etc/passwd"}}, p.Dropped); diff != "" {
		t.Errorf("dropped (-want +got):\n%s", diff)
	}
	var many strings.Builder
	for i := range 3000 {
		fmt.Fprintf(&many, `<sitemap><loc>https://e.co.uk/%d.xml</loc><lastmod>%d-01-01</lastmod></sitemap>`, i, 2000+i%26)
	}
	p, err = Parse([]byte(`<sitemapindex>`+many.String()+`</sitemapindex>`), "https://www.e.co.uk/sitemap.xml", "", ParseOptions{})
	if err != nil || len(p.Sitemaps) != maxSitemaps || p.Sitemaps[0] != "https://e.co.uk/25.xml" {
		t.Errorf("got %d, the first %q, %v", len(p.Sitemaps), p.Sitemaps[:min(1, len(p.Sitemaps))], err)
	}
}

func TestSitemapsOf(t *testing.T) {
	got := SitemapsOf([]byte("\ufeffSitemap: https://e.ru/a.xml\r\nUser-agent: *\nDisallow: /\nsitemap:https://e.ru/news.xml # new\n" +
		"SITEMAP : https://e.ru/a.xml\n#Sitemap: https://e.ru/no.xml\nSitemap: /relative.xml\nSitemap: ftp://e.ru/x"))
	if diff := cmp.Diff([]string{"https://e.ru/news.xml", "https://e.ru/a.xml"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func FuzzSitemap(f *testing.F) {
	f.Add([]byte(newsNS + newsEntry("https://e.ru/1", "T", "2015-12-01") + `</urlset>`))
	f.Add([]byte(newsNS + newsEntry("https://e.ru/1", "<![CDATA[T]]>", "2015-12-01")))
	f.Add([]byte(`<sitemapindex><sitemap><loc>https://e.ru/1.xml</loc><lastmod>2015</lastmod></sitemap></sitemapindex>`))
	f.Add([]byte("Sitemap: https://e.ru/news.xml\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, u := range SitemapsOf(b) {
			if !isWeb(u) {
				t.Errorf("robots: no address: %q", u)
			}
		}
		for _, root := range []string{"", "<urlset>", "<sitemapindex>"} {
			p, err := Parse(append([]byte(root), b...), "https://e.ru/sitemap.xml", "", ParseOptions{Now: corpusNow})
			if err != nil {
				continue
			}
			checkItems(t, root, p)
			if len(p.Sitemaps) > maxSitemaps || p.Format == "sitemap" && len(p.Items) > maxNews {
				t.Errorf("%d sitemaps, %d items", len(p.Sitemaps), len(p.Items))
			}
			for _, u := range p.Sitemaps {
				if !isWeb(u) {
					t.Errorf("no address: %q", u)
				}
			}
		}
	})
}
