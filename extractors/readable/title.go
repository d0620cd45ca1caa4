package readable

import (
	"cmp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// separators stand between the title of an article and the name of its site.
var separators = []string{" | ", " - ", " – ", " — ", " :: ", " » ", " · ", " / ", "_", "｜", "|", "-", "—", " : "}

// chooseTitle takes what most places of the page agree on: the heading that
// the reader sees where it is also in the metadata, else the metadata without
// the site's name.
func (g *gathered) chooseTitle(hint, site string) string {
	og := trimSite(g.first("og:title", "twitter:title", "parsely-title", "sailthru.title", "dc.title"), site, g.title)
	headline := line(trimSite(g.ld.headline, site, g.title))
	for _, h := range g.heads {
		if utf8.RuneCountInString(h) < 4 || sameTitle(h, site) {
			continue
		}
		for _, other := range []string{og, headline, hint, g.title} {
			if other != "" && (sameTitle(h, other) || startsTitle(other, h)) {
				return h
			}
		}
	}
	if t := cmp.Or(og, headline); t != "" && !sameTitle(t, site) {
		return t
	}
	if t := trimSite(g.title, site, ""); t != "" && !sameTitle(t, site) {
		return t
	}
	if len(g.heads) == 1 {
		return g.heads[0]
	}
	return cmp.Or(hint, g.title)
}

// trimSite takes the site's name off the end of a title. Where the name is not
// known it is what follows the last wide separator, if it is short and other,
// the page's title element, is no witness to the contrary.
func trimSite(title, site, other string) string {
	title = strings.TrimSpace(title)
	for _, sep := range separators {
		i := strings.LastIndex(title, sep)
		if i <= 0 {
			continue
		}
		head, tail := strings.TrimSpace(title[:i]), strings.TrimSpace(title[i+len(sep):])
		if site != "" && (sameTitle(tail, site) || startsTitle(tail, site) || startsTitle(site, tail)) {
			return trimSite(head, site, other)
		}
		narrow := strings.TrimSpace(sep) == sep && sep != "_" && sep != "｜" && sep != "|"
		if !narrow && other == "" && Weight(tail) <= 30 && Weight(head) >= 2*Weight(tail) {
			return head
		}
	}
	return title
}

func sameTitle(a, b string) bool {
	return a != "" && squeeze(a) == squeeze(b)
}

func startsTitle(long, short string) bool {
	s := squeeze(short)
	return s != "" && strings.HasPrefix(squeeze(long), s)
}

// squeeze keeps letters and digits, in lower case.
func squeeze(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, s)
}
