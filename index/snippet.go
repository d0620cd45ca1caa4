package index

import (
	"html"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/newswatch/newswatch/pipeline"
)

const (
	snippetRunes = 240 // about this much of the text is shown
	snippetSlack = 30  // how far an edge moves to the end of a word
)

// snippet is the part of the article's text that has most of what matched, as
// HTML: escaped, what matched in <mark>. Where nothing in the text did, it is
// the beginning, without marks.
func snippet(a *pipeline.Article, spans []pipeline.Span) string {
	text := a.Text
	if strings.TrimSpace(text) == "" {
		text, spans = a.Summary, nil
	}
	marks := textSpans(text, spans)
	from, to := window(text, marks)
	var b strings.Builder
	if from > 0 {
		b.WriteString("…")
	}
	at := from
	for _, m := range marks {
		if m.start < at || m.end > to {
			continue
		}
		writeText(&b, text[at:m.start])
		b.WriteString("<mark>")
		writeText(&b, text[m.start:m.end])
		b.WriteString("</mark>")
		at = m.end
	}
	writeText(&b, text[at:to])
	if to < len(text) {
		b.WriteString("…")
	}
	return b.String()
}

// A marked is a part of the text that matched.
type marked struct {
	start, end int // bytes
	terms      []string
}

// textSpans is the spans that lie in the text, merged where they overlap or
// touch, as those of neighbouring Han characters do.
func textSpans(text string, spans []pipeline.Span) []marked {
	var ms []marked
	for _, s := range spans {
		if s.Field == pipeline.FieldText && 0 <= s.Start && s.Start < s.End && s.End <= len(text) {
			ms = append(ms, marked{s.Start, s.End, []string{s.Term}})
		}
	}
	slices.SortStableFunc(ms, func(a, b marked) int { return a.start - b.start })
	var merged []marked
	for _, m := range ms {
		if n := len(merged); n > 0 && m.start <= merged[n-1].end {
			merged[n-1].end = max(merged[n-1].end, m.end)
			merged[n-1].terms = append(merged[n-1].terms, m.terms...)
			continue
		}
		merged = append(merged, m)
	}
	return merged
}

// window is the bytes of the text to show: those with the most different terms,
// of such those with the most marks, of such the first.
func window(text string, marks []marked) (from, to int) {
	if len(marks) == 0 {
		from = len(text) - len(strings.TrimLeftFunc(text, unicode.IsSpace))
		return from, wordEnd(text, forward(text, from, snippetRunes), from)
	}
	best, last, bestTerms := 0, 0, 0
	for i, m := range marks {
		end := forward(text, m.start, snippetRunes)
		seen := make(map[string]bool)
		j := i
		for ; j < len(marks) && (marks[j].end <= end || j == i); j++ {
			for _, t := range marks[j].terms {
				seen[t] = true
			}
		}
		if len(seen) > bestTerms || len(seen) == bestTerms && j-1-i > last-best {
			best, last, bestTerms = i, j-1, len(seen)
		}
	}
	first, end := marks[best].start, marks[last].end
	spare := max(0, snippetRunes-utf8.RuneCountInString(text[first:end]))
	from = wordStart(text, backward(text, first, spare/3), first)
	spare -= utf8.RuneCountInString(text[from:first])
	to = wordEnd(text, forward(text, end, max(0, spare)), end)
	if to == len(text) { // what is not needed behind is shown before
		spare -= utf8.RuneCountInString(text[end:])
		from = wordStart(text, backward(text, from, max(0, spare)), first)
	}
	return from, to
}

// forward is n characters behind byte i.
func forward(text string, i, n int) int {
	for ; n > 0 && i < len(text); n-- {
		_, size := utf8.DecodeRuneInString(text[i:])
		i += size
	}
	return i
}

// backward is n characters before byte i.
func backward(text string, i, n int) int {
	for ; n > 0 && i > 0; n-- {
		_, size := utf8.DecodeLastRuneInString(text[:i])
		i -= size
	}
	return i
}

// wordStart moves i on to the next beginning of a word, not beyond limit.
func wordStart(text string, i, limit int) int {
	at := i
	for n := 0; at < limit && inWord(text, at); n++ {
		if n == snippetSlack {
			return i
		}
		at = forward(text, at, 1)
	}
	for at < limit {
		r, size := utf8.DecodeRuneInString(text[at:])
		if !unicode.IsSpace(r) {
			break
		}
		at += size
	}
	return at
}

// wordEnd moves i back to the last end of a word, not before limit.
func wordEnd(text string, i, limit int) int {
	at := i
	for n := 0; at > limit && inWord(text, at); n++ {
		if n == snippetSlack {
			return i
		}
		at = backward(text, at, 1)
	}
	for at > limit {
		r, size := utf8.DecodeLastRuneInString(text[:at])
		if !unicode.IsSpace(r) {
			break
		}
		at -= size
	}
	if strings.TrimSpace(text[at:]) == "" {
		return len(text) // nothing is cut off
	}
	return at
}

// inWord reports whether byte i lies between two characters that belong
// together. Han characters, of which each is a word, never do.
func inWord(text string, i int) bool {
	if i <= 0 || i >= len(text) {
		return false
	}
	before, _ := utf8.DecodeLastRuneInString(text[:i])
	behind, _ := utf8.DecodeRuneInString(text[i:])
	if unicode.IsMark(behind) || behind == '\u200d' || before == '\u200d' {
		return true
	}
	return wordRune(before) && wordRune(behind)
}

func wordRune(r rune) bool {
	return (unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r)) &&
		!unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai)
}

// writeText writes text as HTML, runs of white space and control characters as
// one space.
func writeText(b *strings.Builder, text string) {
	space := false
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRuneInString(text[i:])
		switch {
		case unicode.IsSpace(r) || unicode.IsControl(r):
			space = true
		default:
			if space {
				b.WriteByte(' ')
				space = false
			}
			if r == utf8.RuneError && size == 1 {
				b.WriteRune(utf8.RuneError)
			} else {
				b.WriteString(html.EscapeString(text[i : i+size]))
			}
		}
		i += size
	}
	if space {
		b.WriteByte(' ')
	}
}
