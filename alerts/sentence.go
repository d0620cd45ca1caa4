package alerts

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxSentence is the most characters of a sentence that are told.
const maxSentence = 300

// maxScan is how far round a place its sentence is looked for, in bytes.
const maxScan = 4000

// abbreviations are words that a full stop does not end a sentence after,
// lowered. Single letters are not listed: they are initials.
var abbreviations = map[string]bool{
	"mr": true, "mrs": true, "ms": true, "dr": true, "prof": true, "gen": true, "sen": true, "rep": true, "gov": true,
	"st": true, "vs": true, "etc": true, "inc": true, "corp": true, "co": true, "ltd": true, "no": true, "jr": true, "sr": true,
	"jan": true, "feb": true, "mar": true, "apr": true, "jun": true, "jul": true, "aug": true, "sep": true, "sept": true, "oct": true, "nov": true, "dec": true,
	"гг": true, "им": true, "ул": true, "тыс": true, "млн": true, "млрд": true, "трлн": true, "руб": true, "долл": true,
	"см": true, "др": true, "пр": true, "стр": true, "рис": true, "проф": true, "акад": true, "ред": true, "тел": true, "ок": true, "св": true,
}

// sentence is the sentence of text round text[start:end], as plain text on one
// line, maxSentence characters of it at most, the place itself among them.
func sentence(text string, start, end int) string {
	from, to := paragraph(text, start, end)
	for at := from; at < to; {
		next := at + firstSentence(text[at:to])
		if next > start {
			if next < end { // the place runs over several
				next = end + firstSentence(text[end:to])
			}
			return fit(text, at, next, start, end)
		}
		at = next
	}
	return fit(text, from, to, start, end)
}

// paragraph is the paragraph round a place, maxScan bytes to either side.
func paragraph(text string, start, end int) (from, to int) {
	from = max(0, start-maxScan)
	for from < start && !utf8.RuneStart(text[from]) {
		from++
	}
	if i := strings.LastIndex(text[from:start], "\n\n"); i >= 0 {
		from += i + 2
	}
	to = min(len(text), end+maxScan)
	for to > end && to < len(text) && !utf8.RuneStart(text[to]) {
		to--
	}
	if i := strings.Index(text[end:to], "\n\n"); i >= 0 {
		to = end + i
	}
	return from, to
}

// firstSentence is the length of the first sentence of s, with the space behind.
func firstSentence(s string) int {
	for i, r := range s {
		n := i + utf8.RuneLen(r)
		switch r {
		case '。', '！', '？', '；':
			return n + closing(s[n:])
		case '.', '!', '?', '…':
			behind := n + closing(s[n:])
			if behind == len(s) || behind > n && endsAt(r, s[:i], s[behind:]) {
				return behind
			}
		}
	}
	return len(s)
}

// closing is the length of what belongs to the sentence ended before s: more
// full stops, quotation marks, brackets, the space behind.
func closing(s string) int {
	rest := strings.TrimLeft(s, `.!?…。！？"'”’»）)」』]`)
	return len(s) - len(strings.TrimLeftFunc(rest, unicode.IsSpace))
}

// endsAt says whether the mark between before and after ends a sentence: not
// before a small letter (Yahoo! shares), and a full stop not behind an initial
// or an abbreviation.
func endsAt(mark rune, before, after string) bool {
	if r, _ := utf8.DecodeRuneInString(after); unicode.IsLower(r) {
		return false
	}
	if mark != '.' {
		return true
	}
	word := before[strings.LastIndexFunc(before, func(r rune) bool { return !unicode.IsLetter(r) })+1:]
	return utf8.RuneCountInString(word) != 1 && !abbreviations[strings.ToLower(word)]
}

// fit is text[from:to] in at most maxSentence characters: where it has more,
// the part round the place is kept and an ellipsis stands for the rest.
func fit(text string, from, to, start, end int) string {
	before, place, after := []rune(plain(text[from:start])), []rune(plain(text[start:end])), []rune(plain(text[end:to]))
	before, after = trimLeft(before), trimRight(after)
	if len(before)+len(place)+len(after) <= maxSentence {
		return string(slices.Concat(before, place, after))
	}
	if len(place) > maxSentence {
		return string(place[:maxSentence-1]) + "…"
	}
	room := max(0, maxSentence-len(place)-2) // less two ellipses
	left := min(len(before), max(room/2, room-len(after)))
	right := min(len(after), room-left)
	var b strings.Builder
	if left < len(before) {
		b.WriteRune('…')
	}
	b.WriteString(string(wordsFrom(before, len(before)-left)))
	b.WriteString(string(place))
	b.WriteString(string(wordsTo(after, right)))
	if right < len(after) {
		b.WriteRune('…')
	}
	return b.String()
}

// plain is s with single spaces for white space and nothing for what does not show.
func plain(s string) string {
	var b strings.Builder
	space := false
	for _, r := range s {
		switch {
		case unicode.IsSpace(r):
			if !space {
				b.WriteByte(' ')
			}
			space = true
		case r == utf8.RuneError || unicode.IsControl(r):
		default:
			b.WriteRune(r)
			space = false
		}
	}
	return b.String()
}

func trimLeft(s []rune) []rune {
	for len(s) > 0 && unicode.IsSpace(s[0]) {
		s = s[1:]
	}
	return s
}

func trimRight(s []rune) []rune {
	for len(s) > 0 && unicode.IsSpace(s[len(s)-1]) {
		s = s[:len(s)-1]
	}
	return s
}

// wordsFrom is s[i:], from the next word on where one begins within 20 characters.
func wordsFrom(s []rune, i int) []rune {
	s = s[i:]
	if i == 0 {
		return s
	}
	for j := 0; j < min(20, len(s)); j++ {
		if unicode.IsSpace(s[j]) {
			return s[j+1:]
		}
	}
	return s
}

// wordsTo is s[:i], up to the last whole word where one ends within 20 characters.
func wordsTo(s []rune, i int) []rune {
	if i == len(s) {
		return s
	}
	s = s[:i]
	for j := len(s) - 1; j >= max(0, len(s)-20); j-- {
		if unicode.IsSpace(s[j]) {
			return s[:j]
		}
	}
	return s
}
