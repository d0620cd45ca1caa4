package web

import (
	"html"
	"html/template"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/newswatch/newswatch/pipeline"
)

// safeSnippet takes the index's snippet apart and puts it together again:
// every <mark> closed, none inside another, and all else escaped text.
func safeSnippet(s string) template.HTML {
	var b strings.Builder
	open := false
	text := func(t string) { b.WriteString(html.EscapeString(html.UnescapeString(t))) }
	for {
		i := strings.Index(s, "<")
		if i < 0 {
			break
		}
		rest := s[i:]
		switch {
		case strings.HasPrefix(rest, "<mark>"):
			text(s[:i])
			if !open {
				b.WriteString("<mark>")
			}
			open, s = true, rest[len("<mark>"):]
		case strings.HasPrefix(rest, "</mark>"):
			text(s[:i])
			if open {
				b.WriteString("</mark>")
			}
			open, s = false, rest[len("</mark>"):]
		default:
			text(s[:i+1])
			s = rest[1:]
		}
	}
	text(s)
	if open {
		b.WriteString("</mark>")
	}
	return template.HTML(b.String()) //nolint:gosec // built of escaped text and <mark> just above
}

// A piece is a stretch of text, of a mention where Entity is set, marked where
// Mark is.
type piece struct {
	Text   string
	Mark   bool
	Entity string // name shown
	URL    string // search for the entity
}

// mentionPieces cuts text[from:to] at the mentions that lie in it. Mentions
// are sorted by start; what overlaps one before it, or does not lie on the text
// it claims, is left unmarked.
func mentionPieces(text string, from, to int, mentions []pipeline.Mention, n names) []piece {
	var out []piece
	at := from
	for _, m := range mentions {
		if m.Start < at || m.End > to || m.End <= m.Start || text[m.Start:m.End] != m.Text {
			continue
		}
		if m.Start > at {
			out = append(out, piece{Text: text[at:m.Start]})
		}
		out = append(out, piece{
			Text: m.Text, Mark: true,
			Entity: n.entity(m.Entity),
			URL:    searchState{Query: term("entity", m.Entity)}.url(),
		})
		at = m.End
	}
	if at < to {
		out = append(out, piece{Text: text[at:to]})
	}
	return out
}

// mentionsIn are the mentions of a field that can be shown: in order, without
// those that don't count.
func mentionsIn(a pipeline.Article, field string) []pipeline.Mention {
	var in []pipeline.Mention
	for _, m := range a.Mentions {
		if m.Field == field && m.Counts() && m.Start >= 0 {
			in = append(in, m)
		}
	}
	slices.SortStableFunc(in, func(a, b pipeline.Mention) int { return a.Start - b.Start })
	return in
}

// paragraphs cuts a text at its blank lines, with the mentions marked.
func paragraphs(text string, mentions []pipeline.Mention, n names) [][]piece {
	var out [][]piece
	for from := 0; from < len(text); {
		to, next := len(text), len(text)
		if i := strings.Index(text[from:], "\n\n"); i >= 0 {
			to, next = from+i, from+i+2
		}
		if strings.TrimSpace(text[from:to]) != "" {
			out = append(out, mentionPieces(text, from, to, mentions, n))
		}
		from = next
	}
	return out
}

// markAll marks every occurrence of the words in a text, the longest first.
func markAll(text string, words []string) []piece {
	words = slices.Clone(words)
	words = slices.DeleteFunc(words, func(w string) bool { return w == "" })
	slices.SortFunc(words, func(a, b string) int { return len(b) - len(a) })
	var out []piece
	plain := 0
	for i := 0; i < len(text); {
		w := ""
		for _, c := range words {
			if strings.HasPrefix(text[i:], c) {
				w = c
				break
			}
		}
		if w == "" {
			_, n := utf8.DecodeRuneInString(text[i:])
			i += n
			continue
		}
		if i > plain {
			out = append(out, piece{Text: text[plain:i]})
		}
		out = append(out, piece{Text: w, Mark: true})
		i += len(w)
		plain = i
	}
	if plain < len(text) {
		out = append(out, piece{Text: text[plain:]})
	}
	return out
}
