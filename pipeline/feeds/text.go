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
	if isFolded(s) {
		return s
	}
	f := folder{b: make([]byte, 0, len(s))}
	f.write(s)
	return string(f.b)
}

// isFolded says whether foldBlanks would change nothing.
func isFolded(s string) bool {
	for i := 0; i < len(s); {
		if c := s[i]; c < utf8.RuneSelf {
			if c < ' ' || c == 0x7f || c == ' ' && (i == 0 || i == len(s)-1 || s[i+1] == ' ') {
				return false
			}
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		if isDropped(r) || unicode.IsSpace(r) {
			return false
		}
		i += n
	}
	return true
}

func isDropped(r rune) bool {
	return r == utf8.RuneError || r == '\ufeff' || unicode.IsControl(r) && !unicode.IsSpace(r)
}

// A folder gathers text with its blanks folded.
type folder struct {
	b     []byte
	runes int
	blank bool // one is due before the next rune
}

func (f *folder) write(s string) {
	for i := 0; i < len(s); {
		c := s[i]
		if c > ' ' && c < 0x7f {
			j := i + 1
			for j < len(s) && s[j] > ' ' && s[j] < 0x7f {
				j++
			}
			f.append(s[i:j], j-i)
			i = j
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case unicode.IsSpace(r):
			f.blank = true
		case !isDropped(r):
			f.append(s[i:i+n], 1)
		}
		i += n
	}
}

func (f *folder) append(s string, runes int) {
	if f.blank && len(f.b) > 0 {
		f.b = append(f.b, ' ')
		f.runes++
	}
	f.blank = false
	f.b = append(f.b, s...)
	f.runes += runes
}

// plainText makes plain text of HTML, blocks set apart by a blank. It reads no
// further than most runes and a little more: what is cut can be told from what
// is whole.
func plainText(s string, most int) string {
	if strings.IndexByte(s, '<') < 0 && strings.IndexByte(s, '&') < 0 {
		return foldBlanks(s)
	}
	f := folder{b: make([]byte, 0, min(len(s), 2*most, 1<<16))}
	for len(s) > 0 && f.runes <= most {
		i := nextTag(s)
		f.text(s[:i], most)
		if i == len(s) {
			break
		}
		s = f.tag(s[i:])
	}
	return string(f.b)
}

// nextTag is where the next "<" is that begins a tag, a comment or a
// declaration; or the end.
func nextTag(s string) int {
	for i := 0; ; i++ {
		j := strings.IndexByte(s[i:], '<')
		if j < 0 || i+j+1 >= len(s) {
			return len(s)
		}
		i += j
		if c := s[i+1]; isLetter(c) || c == '!' || c == '?' || c == '/' && i+2 < len(s) && isLetter(s[i+2]) {
			return i
		}
	}
}

// text writes a run of characters, references resolved; of a long one as much
// as is wanted.
func (f *folder) text(s string, most int) {
	if long := 16 * (most + 1); len(s) > long {
		for long > 0 && !utf8.RuneStart(s[long]) {
			long--
		}
		s = s[:long]
	}
	if strings.IndexByte(s, '&') >= 0 {
		s = html.UnescapeString(s)
	}
	f.write(s)
}

// tag passes over the tag, comment or declaration at the start of s, and over
// the content of what is not shown, and returns what follows.
func (f *folder) tag(s string) string {
	if s[1] == '!' || s[1] == '?' {
		mark := ">"
		if strings.HasPrefix(s, "<!--") {
			mark = "-->"
		}
		_, rest, _ := strings.Cut(s, mark)
		return rest
	}
	start := 1
	if s[1] == '/' {
		start = 2
	}
	n := start
	for n < len(s) && s[n] != '>' && s[n] != '/' && s[n] > ' ' {
		n++
	}
	var name atom.Atom
	if n-start <= 12 {
		var lower [12]byte
		for i := start; i < n; i++ {
			lower[i-start] = s[i]
			if 'A' <= s[i] && s[i] <= 'Z' {
				lower[i-start] |= 0x20
			}
		}
		name = atom.Lookup(lower[:n-start])
	}
	if !isInline(name) {
		f.blank = true
	}
	end := tagEnd(s, n)
	rest := s[end:]
	if start == 1 && isHidden(name) && !strings.HasSuffix(s[:end], "/>") {
		return afterEnd(rest, name.String())
	}
	return rest
}

// tagEnd is the offset after the ">" of the tag whose name ends at n; one
// inside a quoted value ends no tag.
func tagEnd(s string, n int) int {
	for i := n; i < len(s); i++ {
		switch s[i] {
		case '>':
			return i + 1
		case '=':
			for i+1 < len(s) && (s[i+1] == ' ' || s[i+1] == '\n' || s[i+1] == '\t' || s[i+1] == '\r') {
				i++
			}
			if i+1 < len(s) && (s[i+1] == '"' || s[i+1] == '\'') {
				if k := strings.IndexByte(s[i+2:], s[i+1]); k >= 0 {
					i += 2 + k
				}
			}
		}
	}
	return len(s)
}

// afterEnd is what follows the end tag of that name.
func afterEnd(s, name string) string {
	for i := 0; ; i++ {
		j := strings.Index(s[i:], "</")
		if j < 0 {
			return ""
		}
		i += j
		if rest := s[i+2:]; len(rest) >= len(name) && strings.EqualFold(rest[:len(name)], name) {
			return s[tagEnd(s, i+2):]
		}
	}
}

func isHidden(a atom.Atom) bool {
	switch a {
	case atom.Script, atom.Style, atom.Template, atom.Noscript, atom.Iframe, atom.Noembed, atom.Noframes:
		return true
	}
	return false
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
