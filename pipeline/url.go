package pipeline

import (
	"fmt"
	"net"
	"net/url"
	"path"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// tracking names the query parameters that say where a reader came from and
// not what is read. A trailing * stands for any ending.
var tracking = []string{
	"utm_*", "fbclid", "gclid", "dclid", "gbraid", "wbraid", "msclkid", "yclid", "ysclid", "twclid",
	"igshid", "mc_cid", "mc_eid", "_openstat", "ref_src", "ref_url", "cmpid", "cmp", "ncid", "sr_share",
	"ito", "spm", "from_rss", "ocid", "xtor", "at_medium", "at_campaign", "at_custom*", "at_link*",
	"__twitter_impression", "guccounter", "guce_referrer*", "traffic_source", "wt_mc", "smid", "smtyp",
}

// CanonicalURL is the one form of an article's address: scheme and host
// lowered, default port, credentials and fragment dropped, tracking parameters
// dropped and the others kept in their order, AMP forms undone. The answer is
// false for anything but an http or https address with a host.
func CanonicalURL(raw string) (string, bool) {
	u, err := url.Parse(strings.TrimSpace(raw))
	if err != nil {
		return "", false
	}
	u = unwrapAMP(u)
	u.Scheme = strings.ToLower(u.Scheme)
	if (u.Scheme != "http" && u.Scheme != "https") || strings.Trim(u.Hostname(), ".") == "" {
		return "", false
	}
	u.Host = canonicalHost(u)
	u.User = nil
	u.Fragment, u.RawFragment = "", ""
	if u.Path == "" {
		u.Path = "/"
	}
	for undoAMP(u) { // a/amp/amp: until nothing is left to undo, so that the form is a fixed point
	}
	u.RawQuery = escapeSpace(dropTracking(u.RawQuery))
	u.ForceQuery = false
	return u.String(), true
}

// escapeSpace escapes white space in a query, which would be taken for the end of
// the address, or be cut off there.
func escapeSpace(query string) string {
	if !strings.ContainsFunc(query, unicode.IsSpace) {
		return query
	}
	var b strings.Builder
	for len(query) > 0 {
		r, n := utf8.DecodeRuneInString(query)
		if unicode.IsSpace(r) {
			for _, c := range []byte(query[:n]) {
				fmt.Fprintf(&b, "%%%02X", c)
			}
		} else {
			b.WriteString(query[:n])
		}
		query = query[n:]
	}
	return b.String()
}

func canonicalHost(u *url.URL) string {
	host := strings.TrimRight(strings.ToLower(u.Hostname()), ".")
	port := u.Port()
	if port == "" || port == "80" && u.Scheme == "http" || port == "443" && u.Scheme == "https" {
		if strings.Contains(host, ":") { // IPv6
			return "[" + host + "]"
		}
		return host
	}
	return net.JoinHostPort(host, port)
}

// unwrapAMP undoes the addresses of AMP caches: google.*/amp/s/HOST/PATH and
// HOST.cdn.ampproject.org/c/s/HOST/PATH.
func unwrapAMP(u *url.URL) *url.URL {
	host := strings.ToLower(u.Hostname())
	var rest string
	switch {
	case strings.HasPrefix(host, "www.google.") && strings.HasPrefix(u.Path, "/amp/"):
		rest = strings.TrimPrefix(u.Path, "/amp/")
	case strings.HasSuffix(host, ".cdn.ampproject.org"):
		_, rest, _ = strings.Cut(strings.TrimPrefix(u.Path, "/"), "/")
	default:
		return u
	}
	scheme := "http"
	if s, ok := strings.CutPrefix(rest, "s/"); ok {
		scheme, rest = "https", s
	}
	inner, err := url.Parse(scheme + "://" + rest)
	if err != nil || !strings.Contains(inner.Host, ".") {
		return u
	}
	inner.RawQuery = u.RawQuery
	return inner
}

// undoAMP turns a publisher's own AMP address into that of the page: a last path
// element amp, .amp or amp.html. It answers whether it changed anything.
func undoAMP(u *url.URL) bool {
	before := u.Path
	switch dir, last := path.Split(u.Path); {
	case last == "amp" || last == "amp.html":
		u.Path, u.RawPath = strings.TrimSuffix(dir, "/"), ""
	case last == "" && strings.HasSuffix(dir, "/amp/"):
		u.Path, u.RawPath = strings.TrimSuffix(dir, "amp/"), ""
	case strings.HasSuffix(last, ".amp.html"):
		u.Path, u.RawPath = dir+strings.TrimSuffix(last, ".amp.html")+".html", ""
	case strings.HasSuffix(last, ".amp"):
		u.Path, u.RawPath = dir+strings.TrimSuffix(last, ".amp"), ""
	}
	if u.Path == "" {
		u.Path = "/"
	}
	return u.Path != before
}

// dropTracking drops what says where a reader came from, and the parameters amp
// and outputType=amp.
func dropTracking(query string) string {
	if query == "" {
		return ""
	}
	kept := slices.DeleteFunc(strings.Split(query, "&"), func(pair string) bool {
		name, value, _ := strings.Cut(pair, "=")
		if n, err := url.QueryUnescape(name); err == nil {
			name = n
		}
		name = strings.ToLower(name)
		if name == "" || name == "amp" || name == "outputtype" && value == "amp" {
			return true
		}
		return slices.ContainsFunc(tracking, func(t string) bool {
			if p, ok := strings.CutSuffix(t, "*"); ok {
				return strings.HasPrefix(name, p)
			}
			return name == t
		})
	})
	return strings.Join(kept, "&")
}
