package pipeline

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Excerpt is what stands round text[start:end] on its line: at most so many
// characters before and after, cut at a space where one is near, with … where
// something was cut off. Start and end must lie on characters.
func Excerpt(text string, start, end, most int) (before, after string) {
	from, n := start, 0
	for from > 0 && n < most {
		r, size := utf8.DecodeLastRuneInString(text[:from])
		if r == '\n' {
			break
		}
		from -= size
		n++
	}
	before = text[from:start]
	if n == most && from > 0 && text[from-1] != '\n' {
		if i := strings.IndexFunc(before, unicode.IsSpace); i >= 0 && i < len(before)/2 {
			before = before[i+1:]
		}
		before = "…" + before
	}
	to := end
	for n = 0; to < len(text) && n < most; n++ {
		r, size := utf8.DecodeRuneInString(text[to:])
		if r == '\n' {
			break
		}
		to += size
	}
	after = text[end:to]
	if n == most && to < len(text) && text[to] != '\n' {
		if i := strings.LastIndexFunc(after, unicode.IsSpace); i > len(after)/2 {
			after = after[:i]
		}
		after += "…"
	}
	return before, after
}
