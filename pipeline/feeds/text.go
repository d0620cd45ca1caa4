package feeds

import (
	"bytes"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// maxSummary is how many runes of a summary are kept where the item carries
// the content besides.
const maxSummary = 1000

// inlineRe is the tags that stand in titles. Others are left: "<div> explained"
// is a title.
var inlineRe = regexp.MustCompile(`(?i)</?(?:a|abbr|acronym|b|big|br|cite|code|del|em|font|h[1-6]|i|img|ins|kbd|mark|nobr|p|q|s|small|span|strike|strong|sub|sup|tt|u|wbr)(?:\s[^<>]*)?/?>`)

// titleText makes plain text of a title: tags dropped, what was escaped twice
// unescaped, blanks folded.
func titleText(s string) string {
	if strings.IndexByte(s, '&') >= 0 {
		s = html.UnescapeString(s)
	}
	if strings.IndexByte(s, '<') >= 0 {
		s = inlineRe.ReplaceAllString(s, "")
		if strings.IndexByte(s, '&') >= 0 {
			s = html.UnescapeString(s)
		}
	}
	return foldBlanks(s)
}

// foldBlanks makes one space of each run of blanks and drops control characters.
func foldBlanks(s string) string {
	var b strings.Builder
	b.Grow(len(s))
	blank := false
	for _, r := range s {
		switch {
		case unicode.IsSpace(r):
			blank = true
		case unicode.IsControl(r), r == utf8.RuneError, r == '\ufeff':
		default:
			if blank && b.Len() > 0 {
				b.WriteByte(' ')
			}
			blank = false
			b.WriteRune(r)
		}
	}
	return b.String()
}

// plainText makes plain text of HTML, blocks set apart by a blank.
func plainText(s string) string {
	if strings.IndexByte(s, '<') < 0 {
		if strings.IndexByte(s, '&') >= 0 {
			s = html.UnescapeString(s)
		}
		return foldBlanks(s)
	}
	var b strings.Builder
	z := html.NewTokenizer(strings.NewReader(s))
	z.SetMaxBuf(1 << 20)
	skip := 0
	for {
		switch z.Next() {
		case html.ErrorToken:
			return foldBlanks(b.String())
		case html.TextToken:
			if skip == 0 {
				b.Write(z.Text())
			}
		case html.StartTagToken, html.SelfClosingTagToken:
			name, _ := z.TagName()
			a := atom.Lookup(name)
			if isHidden(a) {
				skip++
			}
			if !isInline(a) {
				b.WriteByte(' ')
			}
		case html.EndTagToken:
			name, _ := z.TagName()
			a := atom.Lookup(name)
			if isHidden(a) && skip > 0 {
				skip--
			}
			if !isInline(a) {
				b.WriteByte(' ')
			}
		}
	}
}

func isHidden(a atom.Atom) bool {
	return a == atom.Script || a == atom.Style || a == atom.Template || a == atom.Noscript
}

func isInline(a atom.Atom) bool {
	switch a {
	case atom.A, atom.Abbr, atom.B, atom.Big, atom.Cite, atom.Code, atom.Del, atom.Em, atom.Font, atom.I, atom.Ins,
		atom.Mark, atom.Q, atom.S, atom.Small, atom.Span, atom.Strike, atom.Strong, atom.Sub, atom.Sup, atom.U, atom.Wbr, atom.Nobr:
		return true
	}
	return false
}

// clip is the first n runes of s, cut at a blank where one is near.
func clip(s string, n int) string {
	i, runes := 0, 0
	for i = range s {
		if runes == n {
			break
		}
		runes++
	}
	if runes < n || i == 0 || i >= len(s) {
		return s
	}
	if j := strings.LastIndexByte(s[:i], ' '); j > i*3/4 {
		i = j
	}
	return s[:i] + "…"
}

func hasMarkup(s string) bool {
	i := strings.IndexByte(s, '<')
	return i >= 0 && strings.IndexByte(s[i:], '>') > 0
}

// unescapeOnce is the text that b stands for in XML or HTML, fit for CDATA.
func unescapeOnce(b []byte) []byte {
	if bytes.IndexByte(b, '&') < 0 {
		return b
	}
	b, _ = dropIllegal([]byte(html.UnescapeString(string(b))))
	return bytes.ReplaceAll(b, []byte("]]>"), nil)
}
