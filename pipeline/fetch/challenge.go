package fetch

import (
	"bytes"
	"net/http"
)

// maxChallenge is the longest body of a good status looked at for a challenge:
// those pages are a script and little else.
const maxChallenge = 32 << 10

// A sign tells a page that wants a browser to prove itself.
type sign struct {
	by     string
	header string // of the answer; empty: any
	value  string // part of that header
	body   string // part of the body; empty: any
	strict bool   // never part of an honest page, and so a sign with a good status too
}

// signs are the challenges seen most before feeds and articles; those of
// Qrator and DDoS-Guard stand before Russian media, that of Aliyun before
// Chinese ones.
var signs = []sign{
	{by: "Cloudflare", header: "Cf-Mitigated", value: "challenge", strict: true},
	{by: "Cloudflare", body: "/cdn-cgi/challenge-platform/"},
	{by: "Cloudflare", body: "cf-browser-verification"},
	{by: "AWS", header: "X-Amzn-Waf-Action", strict: true},
	{by: "DDoS-Guard", body: "/.well-known/ddos-guard/js-challenge", strict: true},
	{by: "DDoS-Guard", header: "Server", value: "ddos-guard", body: "<title>DDoS-Guard</title>", strict: true},
	{by: "Qrator", body: "/__qrator/", strict: true},
	{by: "Aliyun", body: "acw_sc__v2", strict: true},
	{by: "Imperva", body: "_Incapsula_Resource"},
	{by: "DataDome", body: "captcha-delivery.com"},
	{by: "PerimeterX", body: "px-captcha"},
	{by: "Sucuri", header: "Server", value: "sucuri", body: "Access Denied"},
}

// challenger is who put a challenge in the place of the answer; empty: nobody.
func challenger(hr *http.Response, contentType string, body []byte) string {
	good := hr.StatusCode < 300
	page := contentType == "" || contentType == "text/html"
	for _, s := range signs {
		if good && (!s.strict || s.body != "" && (!page || len(body) > maxChallenge)) {
			continue
		}
		if s.header != "" && !hasFold(hr.Header.Get(s.header), s.value) {
			continue
		}
		if bytes.Contains(body, []byte(s.body)) {
			return s.by
		}
	}
	return ""
}

func hasFold(header, part string) bool {
	return header != "" && bytes.Contains(bytes.ToLower([]byte(header)), []byte(part))
}
