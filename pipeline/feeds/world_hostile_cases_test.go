package feeds_test

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"io"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"

	"github.com/newswatch/newswatch/pipeline/feeds"
)

const (
	xmlType  = "Content-Type: application/rss+xml"
	htmlType = "Content-Type: text/html"
	jsonType = "Content-Type: application/feed+json"
	textType = "Content-Type: text/plain"
	rssStart = `<?xml version="1.0"?><rss version="2.0"><channel><title>t</title>`
	rssEnd   = `</channel></rss>`
	rssLink  = `<link>http://pub.example/1</link>`
	rssItem  = `<item><title>one</title>` + rssLink + `</item>`
)

// hostileAnswers is the corpus.
func hostileAnswers(t *testing.T) []hostile {
	t.Helper()
	cases := hostileDocuments(t)
	cases = append(cases, hostileBodies(t)...)
	cases = append(cases, hostileHTTP()...)
	cases = append(cases, hostilePlaces()...)
	return append(cases, hostileTLS(t)...)
}

// hostileDocuments is documents made to hurt a parser.
func hostileDocuments(t *testing.T) []hostile {
	lol := `<?xml version="1.0"?><!DOCTYPE rss [<!ENTITY a "aaaaaaaaaa">`
	for c := 'b'; c <= 'j'; c++ {
		lol += fmt.Sprintf(`<!ENTITY %c "%s">`, c, strings.Repeat(fmt.Sprintf("&%c;", c-1), 10))
	}
	lol += `]><rss version="2.0"><channel><title>&j;</title><item><title>x &j;</title>` + rssLink + `</item>` + rssEnd
	xxe := `<?xml version="1.0"?><!DOCTYPE rss [<!ENTITY x SYSTEM "file:///etc/passwd"><!ENTITY % d SYSTEM "http://127.0.0.1:1/d">%d;]>` +
		`<rss version="2.0"><channel><item><title>x &x;</title>` + rssLink + `</item>` + rssEnd
	clean := func(p *feeds.Parsed) {
		for _, it := range p.Items {
			if strings.Contains(it.Title, "root:") || len(it.Title) > 1000 || strings.Contains(it.Title+it.Text+it.URL, "\x00") {
				t.Errorf("item %+v", it)
			}
			if strings.HasPrefix(it.URL, "javascript:") || strings.HasPrefix(it.URL, "file:") {
				t.Errorf("link %s", it.URL)
			}
		}
	}
	var full, attrs strings.Builder
	for i := range 60_000 {
		fmt.Fprintf(&full, "<item><title>t%d</title><link>http://pub.example/%d</link></item>", i, i)
	}
	for i := range 100_000 {
		fmt.Fprintf(&attrs, ` a%d="x"`, i)
	}
	deep := func(open, inner, end string, n int) string {
		return strings.Repeat(open, n) + inner + strings.Repeat(end, n)
	}
	jsonStart := `{"version":"https://jsonfeed.org/version/1.1","title":"t","items":`
	xml := func(inside string) func(net.Conn) { return body(rssStart+inside+rssEnd, xmlType) }
	return []hostile{
		{name: "entity bomb", answer: body(lol, xmlType), want: "items", items: 1, check: clean},
		{name: "external entities", answer: body(xxe, xmlType), want: "items", items: 1, check: clean},
		{name: "entity that contains itself", answer: body(`<!DOCTYPE rss [<!ENTITY a "&a;">]>`+rssStart+rssItem+`<item><title>&a;</title></item>`+rssEnd, xmlType), want: "items", items: 1},
		{name: "200,000 empty items", answer: xml(strings.Repeat("<item/>", 200_000)), want: "items"},
		{name: "60,000 whole items", answer: xml(full.String()), want: "items", items: feeds.MaxItems},
		{name: "XML nested 100,000 deep", answer: xml("<item><title>x</title>" + deep("<a>", "x", "</a>", 100_000) + "</item>"), want: "too_deep"},
		{name: "XML nested, with namespaces", answer: xml("<item>" + deep(`<n:a xmlns:n="urn:n">`, "x", "</n:a>", 100_000) + "</item>"), want: "too_deep"},
		{name: "XML opened and never closed", answer: body(rssStart+strings.Repeat("<item><title>", 100_000), xmlType), want: "items", also: "too_deep"},
		{name: "JSON nested 1,000,000 deep", answer: body(jsonStart+deep("[", "", "]", 1_000_000)+"}", jsonType), want: "items", also: "broken"},
		{name: "JSON of 100,000 items", answer: body(jsonStart+"["+strings.Repeat(`{"id":"a","content_text":"x"},`, 100_000)+`{}]}`, jsonType), want: "items"},
		{name: "HTML nested 200,000 deep", answer: body("<!doctype html><html>"+deep("<div>", "x", "</div>", 200_000), htmlType), want: "html", also: "too_deep"},
		{name: "one element with 100,000 attributes", answer: xml("<item" + attrs.String() + "><title>x</title>" + rssLink + "</item>"), want: "items", items: 1},
		{name: "one line of 13 MB", answer: xml(`<item><title>x</title>` + rssLink + `<description>` + strings.Repeat("слово ", 1_200_000) + "</description></item>"), want: "items", items: 1},
		{name: "NUL between all bytes", answer: body(strings.Join(strings.Split(rssStart+rssItem+rssEnd, ""), "\x00"), xmlType), want: "items", items: 1, check: clean},
		{name: "NULs in a title", answer: xml("<item><title>o\x00ne</title>" + rssLink + "</item>"), want: "items", items: 1, check: clean},
		{name: "lone surrogates", answer: xml("<item><title>x&#xD800;&#xDFFF; \xed\xa0\x80</title>" + rssLink + "</item>"), want: "items", items: 1, check: clean},
		{name: "lone surrogates in JSON", answer: body(jsonStart+`[{"id":"a","title":"x\ud800y","content_text":"z"}]}`, jsonType), want: "items", items: 1, check: clean},
		{name: "CDATA that never ends", answer: body(rssStart+rssItem+"<item><title><![CDATA[x"+strings.Repeat("y", 1<<20), xmlType), want: "items", items: 1},
		{name: "comment that never ends", answer: body(rssStart+rssItem+"<!--"+strings.Repeat("-", 1<<20), xmlType), want: "items", items: 1},
		{name: "a million of <", answer: body(rssStart+rssItem+strings.Repeat("<", 1_000_000), xmlType), want: "items", items: 1},
		{name: "a million of &", answer: xml("<item><title>" + strings.Repeat("&", 1_000_000) + "</title>" + rssLink + "</item>"), want: "items", items: 1},
		{name: "links that are programs", answer: xml("<item><title>x</title><link>javascript:alert(1)</link></item><item><title>y</title><link>file:///etc/passwd</link></item>" + rssItem), want: "items", items: 1, check: clean},
	}
}

// packed is text under an encoding.
func packed(t *testing.T, enc string, text []byte) string {
	t.Helper()
	var b bytes.Buffer
	var w io.WriteCloser
	switch enc {
	case "gzip":
		w = gzip.NewWriter(&b)
	case "deflate":
		w = zlib.NewWriter(&b)
	case "br":
		w = brotli.NewWriterLevel(&b, 5)
	case "zstd":
		w, _ = zstd.NewWriter(&b)
	}
	if _, err := w.Write(text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// hostileBodies is bodies that are not what their headers say, or far more.
func hostileBodies(t *testing.T) []hostile {
	doc := rssStart + rssItem + rssEnd
	zeros := make([]byte, 64<<20)
	once := packed(t, "gzip", zeros)
	twice := packed(t, "gzip", []byte(once))
	small := packed(t, "gzip", []byte(doc))
	chunked := head(xmlType, "Transfer-Encoding: chunked")
	return []hostile{
		{name: "gzip bomb", answer: body(once, xmlType, "Content-Encoding: gzip"), want: "ratio"},
		{name: "brotli bomb", answer: body(packed(t, "br", zeros), xmlType, "Content-Encoding: br"), want: "ratio"},
		{name: "zstd bomb", answer: body(packed(t, "zstd", zeros), xmlType, "Content-Encoding: zstd"), want: "ratio"},
		{name: "deflate bomb", answer: body(packed(t, "deflate", zeros), xmlType, "Content-Encoding: deflate"), want: "ratio"},
		{name: "gzip bomb in gzip, stacked", answer: body(twice, "Content-Encoding: gzip, gzip"), want: "encoding"},
		{name: "gzip bomb in gzip, one named", answer: body(twice, xmlType, "Content-Encoding: gzip"), want: "not_feed", also: "broken"},
		{name: "gzip bomb that no header names", answer: body(once, xmlType), want: "not_feed", also: "broken"},
		{name: "gzip that no header names", answer: body(small, xmlType), want: "items", items: 1},
		{name: "gzip promised, plain sent", answer: body(doc, xmlType, "Content-Encoding: gzip"), want: "items", items: 1},
		{name: "gzip cut short", answer: body(small[:len(small)-12], xmlType, "Content-Encoding: gzip"), want: "encoding"},
		{name: "gzip with garbage inside", answer: body(small[:20]+"garbage"+small[27:], xmlType, "Content-Encoding: gzip"), want: "encoding"},
		{name: "brotli promised, plain sent", answer: body(doc, xmlType, "Content-Encoding: br"), want: "encoding"},
		{name: "unknown encoding", answer: body(doc, xmlType, "Content-Encoding: sdch"), want: "encoding"},
		{name: "encoding of a thousand names", answer: body(doc, xmlType, "Content-Encoding: "+strings.Repeat("gzip,", 1000)+"gzip"), want: "encoding"},
		{name: "endless body", answer: endless(head(xmlType)+rssStart, rssItem, 0), want: "too_big"},
		{name: "endless body of blanks", answer: endless(head(xmlType), " ", 0), want: "too_big"},
		{name: "endless chunks", answer: endless(chunked, "10\r\n0123456789abcdef\r\n", 0), want: "too_big", also: "protocol"},
		{name: "endless error page", answer: endless("HTTP/1.1 500 No\r\nConnection: close\r\n\r\n", "error ", 0), want: "http_status"},
		{name: "slow drip of a body", answer: drip(head(xmlType)+rssStart, "<"), hasty: true, want: "timeout"},
		{name: "Content-Length too long", answer: raw(head(xmlType, "Content-Length: 100000"), doc), want: "connect"},
		{name: "Content-Length of exabytes", answer: raw(head(xmlType, "Content-Length: 9000000000000000000"), doc), want: "connect"},
		{name: "Content-Length too short", answer: raw(head(xmlType, fmt.Sprintf("Content-Length: %d", len(doc)-8)), doc), want: "items", items: 1},
		{name: "Content-Length below zero", answer: raw(head(xmlType, "Content-Length: -1"), doc), want: "protocol"},
		{name: "two Content-Lengths that differ", answer: raw(head(xmlType, "Content-Length: 10", "Content-Length: 20"), doc), want: "protocol"},
		{name: "reset in the body", answer: reset(head(xmlType, "Content-Length: 100000") + doc), want: "connect"},
		{name: "chunk of garbage length", answer: raw(chunked, "zz\r\n"+doc), want: "protocol"},
		{name: "chunk length with too many digits", answer: raw(chunked, strings.Repeat("f", 40)+"\r\n"+doc), want: "protocol"},
		{name: "chunk extension without end", answer: endless(chunked+"5;", "x", 0), want: "protocol"},
		{name: "chunks cut short", answer: raw(chunked, "ffff\r\n"+doc), want: "connect"},
		{name: "unknown transfer encoding", answer: raw(head(xmlType, "Transfer-Encoding: gzip"), doc), want: "protocol"},
		{name: "a film where a page was expected", answer: endless(head("Content-Type: video/mp4", "Content-Length: 500000000"), "film", 125_000_000), pages: true, want: "content_type"},
		{name: "an empty body", answer: body("", xmlType), want: "not_feed"},
		{name: "a challenge page", answer: body("<html>wait", htmlType, "Cf-Mitigated: challenge"), want: "blocked"},
	}
}

// hostileHTTP is answers that break the rules of HTTP, or stretch them.
func hostileHTTP() []hostile {
	ok := func(headers ...string) func(net.Conn) { return body(rssStart+rssItem+rssEnd, headers...) }
	flood := make([]string, 100_000)
	for i := range flood {
		flood[i] = fmt.Sprintf("X-%d: v", i)
	}
	return []hostile{
		{name: "3,000 headers", answer: ok(flood[:3000]...), want: "too_big"},
		{name: "100,000 headers", answer: ok(flood...), want: "too_big"},
		{name: "a header of 1 MB", answer: ok("X-Long: " + strings.Repeat("x", 1<<20)), want: "too_big"},
		{name: "headers without end", answer: endless("HTTP/1.1 200 OK\r\n", "X-A: v\r\n", 0), want: "too_big"},
		{name: "slow drip of headers", answer: drip("HTTP/1.1 200 OK\r\n", "X-A: v\r\n"), hasty: true, want: "timeout"},
		{name: "no answer at all", answer: func(c net.Conn) { _, _ = c.Read(make([]byte, 1)) }, hasty: true, want: "timeout"},
		{name: "closed without an answer", answer: raw(), want: "connect"},
		{name: "reset without an answer", answer: reset(""), want: "connect"},
		{name: "a header with a line break inside", answer: ok("X-A: v\r\n X-B: folded", "ETag: \"a\nSet-Cookie: x=1\""), want: "items", items: 1},
		{name: "a header with a NUL", answer: ok("X-A: v\x00w"), want: "protocol", also: "items"},
		{name: "a header without a colon", answer: ok("what is this"), want: "protocol"},
		{name: "a status line of nonsense", answer: raw("Hello!\r\n\r\n"), want: "protocol"},
		{name: "a status of four digits", answer: raw("HTTP/1.1 2000 OK\r\n\r\n"), want: "protocol"},
		{name: "a status of letters", answer: raw("HTTP/1.1 abc OK\r\n\r\n"), want: "protocol"},
		{name: "a status nobody has heard of", answer: raw("HTTP/1.1 799 Eh\r\nContent-Length: 0\r\n\r\n"), want: "http_status"},
		{name: "HTTP/0.9", answer: raw(rssStart + rssItem + rssEnd), want: "protocol"},
		{name: "HTTP/9.9", answer: raw("HTTP/9.9 200 OK\r\nConnection: close\r\n\r\n" + rssStart + rssItem + rssEnd), want: "items", items: 1},
		{name: "a status line of 1 MB", answer: raw("HTTP/1.1 200 " + strings.Repeat("x", 1<<20)), want: "too_big"},
		{name: "1xx without end", answer: endless("", "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n", 0), want: "protocol", also: "too_big"},
		{name: "switching protocols unasked", answer: raw("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"), want: "http_status"},
		{name: "not modified, unasked", answer: raw("HTTP/1.1 304 Not Modified\r\n\r\n"), want: "not_feed"},
		{name: "a Retry-After of a thousand years", answer: raw("HTTP/1.1 429 Slow\r\nRetry-After: 31536000000\r\nContent-Length: 0\r\n\r\n"), want: "http_status"},
		{name: "an ETag of 100 kB", answer: ok("ETag: \"" + strings.Repeat("e", 100<<10) + "\""), want: "items", items: 1},
		{name: "robots.txt of 50 MB", answer: endless(head(textType, "Content-Length: 50000000")+"User-agent: *\nDisallow: /feed\n", "# nothing to see\n", 3_000_000), robots: true, want: "robots"},
		{name: "robots.txt that redirects for ever", answer: redirect(302, "/robots.txt"), robots: true, want: "redirects"},
		{name: "robots.txt that never ends", answer: drip(head(textType), "#"), robots: true, hasty: true, want: "robots"},
		{name: "robots.txt of one pattern, all stars", answer: body("User-agent: *\nDisallow: /"+strings.Repeat("*a", 5000)+"$\n", textType), robots: true, want: "not_feed"},
	}
}

// hostilePlaces is addresses that must not be reached, however they are written.
func hostilePlaces() []hostile {
	cases := []hostile{
		{name: "redirect to itself", answer: redirect(301, "/feed"), want: "redirects"},
		{name: "redirect without a place", answer: raw("HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n"), want: "redirects"},
		{name: "redirect to a place that can't be read", answer: redirect(302, "http://[::1"), want: "redirects"},
		{name: "redirect to a file", answer: redirect(302, "file:///etc/passwd"), want: "scheme"},
		{name: "redirect to a program", answer: redirect(302, "javascript:alert(1)"), want: "scheme"},
		{name: "redirect to data", answer: redirect(302, "data:text/xml,<rss/>"), want: "scheme"},
		{name: "redirect to gopher", answer: redirect(302, "gopher://127.0.0.1:11211/_stats"), want: "scheme"},
		{name: "redirect to 3 kB of address", answer: redirect(302, "/"+strings.Repeat("x", 3000)), want: "scheme"},
		{name: "an address with a line break", url: "http://example.com/\r\nHost: evil", want: "scheme"},
		{name: "an address with a blank in its host", url: "http://exa mple.com/", want: "scheme"},
		{name: "an address with no host", url: "http://", want: "scheme"},
		{name: "a host of no script", url: "http://\u0378\u0379.example/", guard: true, want: "scheme"},
		{name: "a port that is not allowed", url: "http://93.184.215.14:6379/", guard: true, want: "private"},
	}
	for _, p := range []struct{ name, host string }{
		{"loopback", "127.0.0.1"}, {"loopback, another", "127.8.8.8"}, {"loopback, IPv6", "[::1]"},
		{"loopback by name", "localhost"}, {"loopback by a name under it", "www.localhost"},
		{"loopback by name with a dot", "localhost."}, {"loopback in full width", "１２７.０.０.１"},
		{"loopback as IPv4 in IPv6", "[::ffff:127.0.0.1]"}, {"loopback as IPv4 in IPv6, in hex", "[::ffff:7f00:1]"},
		{"loopback behind NAT64", "[64:ff9b::7f00:1]"}, {"loopback in 6to4", "[2002:7f00:1::]"},
		{"loopback in Teredo", "[2001:0:7f00:1::1]"}, {"loopback, IPv4 compatible", "[::127.0.0.1]"},
		{"loopback with userinfo", "example.com@127.0.0.1"}, {"nothing", "0.0.0.0"}, {"nothing, IPv6", "[::]"},
		{"10/8", "10.0.0.1"}, {"172.16/12", "172.31.255.255"}, {"192.168/16", "192.168.1.1"},
		{"carrier NAT", "100.64.0.1"}, {"link-local", "169.254.1.1"}, {"link-local, IPv6", "[fe80::1]"},
		{"link-local, with a zone", "[fe80::1%25lo]"}, {"unique local", "[fd00::1]"},
		{"the cloud's metadata", "169.254.169.254"}, {"the cloud's metadata, IPv6", "[fd00:ec2::254]"},
		{"benchmarking", "198.18.0.1"}, {"documentation", "192.0.2.1"}, {"multicast", "224.0.0.1"}, {"broadcast", "255.255.255.255"},
		{"a name for loopback", "inside.example"}, {"a name for the cloud's metadata", "metadata.example"},
		{"a name that changes its address", "rebind.example"}, {"a name with two addresses", "both.example"},
	} {
		cases = append(cases, hostile{name: "place: " + p.name, url: "http://" + p.host + "/", guard: true, want: "private"})
	}
	// Numbers that only C libraries take for addresses: names here, which are
	// not found, and refused if a resolver does take them.
	for _, host := range []string{"2130706433", "0x7f000001", "0177.0.0.1", "127.1"} {
		cases = append(cases, hostile{name: "place: loopback as " + host, url: "http://" + host + "/", guard: true, want: "dns", also: "private"})
	}
	return cases
}

// hostileTLS is servers that nobody vouches for.
func hostileTLS(t *testing.T) []hostile {
	doc := body(rssStart+rssItem+rssEnd, xmlType)
	now := time.Now()
	old := certified(t, now.Add(time.Hour), "127.0.0.1")
	old.MinVersion, old.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
	return []hostile{
		{name: "certificate of nobody", answer: doc, tls: certified(t, now.Add(time.Hour), "127.0.0.1"), want: "tls"},
		{name: "certificate that has expired", answer: doc, tls: certified(t, now.Add(-time.Hour), "127.0.0.1"), want: "tls"},
		{name: "certificate of another host", answer: doc, tls: certified(t, now.Add(time.Hour), "other.example"), want: "tls"},
		{name: "TLS of 2006", answer: doc, tls: old, want: "tls"},
		{name: "no TLS where TLS is expected", url: "https://%s/feed", answer: doc, want: "connect", also: "tls"},
	}
}

// certified is a server with a certificate of its own making.
func certified(t *testing.T, until time.Time, name string) *tls.Config {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name},
		NotBefore: until.Add(-24 * time.Hour), NotAfter: until,
	}
	if ip := net.ParseIP(name); ip != nil {
		c.IPAddresses = []net.IP{ip}
	} else {
		c.DNSNames = []string{name}
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
}
