package main

import (
	"io"
	"os"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/sys/unix"
	"golang.org/x/text/width"
)

// How foreign text comes to a terminal: without what would play with it, and
// in columns, of which a Han character takes two.

// plain is text on one line without control characters, escape sequences and
// what turns the direction of writing: foreign text may hold all of them.
func plain(s string) string {
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r) ||
			r >= 0x2028 && r <= 0x202e || r >= 0x2066 && r <= 0x2069
	}), " ")
}

// columns is how many of them a rune takes on a terminal (Unicode Standard
// Annex 11). Ambiguous ones take one, as terminals outside East Asia do it.
func columns(r rune) int {
	switch {
	case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		return 0
	case r < 0x1100: // below the first wide one
		return 1
	}
	if k := width.LookupRune(r).Kind(); k == width.EastAsianWide || k == width.EastAsianFullwidth {
		return 2
	}
	return 1
}

// cells is how many columns s takes.
func cells(s string) int {
	n := 0
	for _, r := range s {
		n += columns(r)
	}
	return n
}

// pad fills s up to n columns.
func pad(s string, n int) string {
	return s + strings.Repeat(" ", max(n-cells(s), 0))
}

// clip cuts s to n columns, the last of them an ellipsis.
func clip(s string, n int) string {
	if cells(s) <= n {
		return s
	}
	used := 0
	for i, r := range s {
		if used += columns(r); used > n-1 {
			return strings.TrimRight(s[:i], " ") + "…"
		}
	}
	return s
}

// wrap breaks s into lines of n columns, at most so many of them, the last one
// clipped. n 0 breaks nothing.
func wrap(s string, n, lines int) []string {
	if n <= 0 {
		return []string{s}
	}
	var out []string
	for cells(s) > n {
		if len(out) == lines-1 {
			return append(out, clip(s, n))
		}
		at := lineEnd(s, n)
		out = append(out, strings.TrimRight(s[:at], " "))
		s = strings.TrimLeft(s[at:], " ")
	}
	if s == "" && len(out) > 0 {
		return out
	}
	return append(out, s)
}

// Marks that begin no line, and end none, in the setting of Chinese.
const (
	notFirst = "，。、；：？！）》」』】〉”’%…·,.;:?!)]}"
	notLast  = "（《「『【〈“‘([{"
)

// lineEnd is where to end the first line of s so that it takes at most n
// columns: at a space or between wide characters; where there is none, within
// a word.
func lineEnd(s string, n int) int {
	used, at := 0, 0
	var prev rune
	for i, r := range s {
		c := columns(r)
		wide := c == 2 || c == 1 && columns(prev) == 2
		if i > 0 && (r == ' ' || wide && !strings.ContainsRune(notFirst, r) && !strings.ContainsRune(notLast, prev)) {
			at = i
		}
		if used += c; used > n {
			if at == 0 {
				_, first := utf8.DecodeRuneInString(s)
				at = max(i, first)
			}
			return at
		}
		prev = r
	}
	return len(s)
}

// most columns of a line of running text: longer ones are hard to read.
const maxText = 100

// screen is the width of the terminal w is, or 0 where it is none: what goes
// to a file or another program is neither clipped nor wrapped.
func screen(w io.Writer) int {
	f, ok := w.(*os.File)
	if !ok {
		return 0
	}
	ws, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
	if err != nil || ws.Col == 0 {
		return 0
	}
	return int(ws.Col)
}

// A table is rows of cells in aligned columns, the first row their names.
type table [][]string

// add adds a row; what is foreign in it is made plain.
func (t *table) add(row ...string) {
	for i := range row {
		row[i] = plain(row[i])
	}
	*t = append(*t, row)
}

// write prints the table. Columns that are empty but for their name are left
// out. On a terminal each line is clipped to its width; where little is left
// for the last column, which is the longest, it goes below the others.
func (t table) write(w io.Writer) error {
	if len(t) == 0 {
		return nil
	}
	last := len(t[0]) - 1
	widths := make([]int, len(t[0]))
	rest := 0 // columns of all but the last
	for i := range widths {
		filled := false
		for n, row := range t {
			widths[i] = max(widths[i], cells(row[i]))
			filled = filled || n > 0 && row[i] != ""
		}
		if !filled {
			widths[i] = 0
		} else if i < last {
			rest += widths[i] + 2
		}
	}
	limit := screen(w)
	below := limit > 0 && rest+widths[last] > limit && limit-rest < minTitle
	var out strings.Builder
	for n, row := range t {
		var line strings.Builder
		for i, cell := range row {
			if widths[i] > 0 && (i < last || !below) {
				line.WriteString(pad(cell, widths[i]) + "  ")
			}
		}
		text := strings.TrimRight(line.String(), " ")
		if limit > 0 {
			text = clip(text, limit)
		}
		out.WriteString(text + "\n")
		if below && n > 0 && row[last] != "" {
			writeDetail(&out, row[last], limit)
		}
	}
	_, err := io.WriteString(w, out.String())
	return err
}

// A block is an entry with a head and details below it.
type block struct {
	head    string   // in columns already
	title   string   // goes on beside the head, wrapped below itself
	details []string // indented; each on lines of its own
}

const (
	blockIndent = 4
	minTitle    = 24 // fewer columns than these are not worth a hanging indent
)

// write prints the block, wrapped to the terminal's width.
func (b block) write(w io.Writer) error {
	limit := screen(w)
	var s strings.Builder
	indent := cells(b.head)
	n := 0
	if limit > 0 {
		if limit-indent < minTitle {
			indent = min(blockIndent, limit/2)
			s.WriteString(strings.TrimRight(b.head, " ") + "\n" + strings.Repeat(" ", indent))
		} else {
			s.WriteString(b.head)
		}
		n = limit - indent
	} else {
		s.WriteString(b.head)
	}
	s.WriteString(strings.Join(wrap(b.title, n, 4), "\n"+strings.Repeat(" ", indent)) + "\n")
	for _, d := range b.details {
		if d != "" {
			writeDetail(&s, d, limit)
		}
	}
	_, err := io.WriteString(w, s.String())
	return err
}

// writeDetail writes indented lines of text, two at most. An address stays
// whole, for the mouse.
func writeDetail(s *strings.Builder, text string, limit int) {
	n := 0
	if limit > 0 && !isAddress(text) {
		n = max(min(limit-blockIndent, maxText), 1)
	}
	for _, line := range wrap(text, n, 2) {
		s.WriteString(strings.Repeat(" ", blockIndent) + line + "\n")
	}
}

func isAddress(s string) bool {
	return strings.HasPrefix(s, "http://") || strings.HasPrefix(s, "https://")
}
