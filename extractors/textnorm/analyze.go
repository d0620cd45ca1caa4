// Package textnorm turns text into what newswatch compares: folded text with
// offsets kept, words with their script and case, and the tokens that indexing,
// queries, NEAR and highlighting all see.
//
// In goes UTF-8 (broken bytes are borne); out come folded bytes, words and
// tokens whose offsets are bytes of the original. It is pure: tables and
// functions of values, safe for concurrent use.
package textnorm

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/blevesearch/snowballstem"
	"github.com/blevesearch/snowballstem/english"
	"github.com/blevesearch/snowballstem/russian"
)

// Token is one unit of analysed text, as indexing, queries, NEAR and highlighting all see it.
type Token struct {
	Term   string // folded and stemmed word, or one Han character, or a Han bigram
	Start  int    // bytes in the original text
	End    int
	Pos    int  // word position from 0; a Han unigram and the bigram starting at it share a position
	Bigram bool // Term is two Han characters (Start..End covers both)
}

// Analyze appends the tokens of text to dst, in order of Pos (unigram before bigram).
func Analyze(dst []Token, text string) []Token {
	pos := 0
	for i := 0; i < len(text); {
		r, n := utf8.DecodeRuneInString(text[i:])
		switch {
		case unicode.Is(unicode.Han, r):
			dst = append(dst, Token{Term: text[i : i+n], Start: i, End: i + n, Pos: pos})
			if r2, n2 := utf8.DecodeRuneInString(text[i+n:]); unicode.Is(unicode.Han, r2) {
				dst = append(dst, Token{Term: text[i : i+n+n2], Start: i, End: i + n + n2, Pos: pos, Bigram: true})
			}
			pos++
			i += n
		case unicode.IsLetter(r) || unicode.IsDigit(r):
			j := i + n
			for j < len(text) {
				r, n := utf8.DecodeRuneInString(text[j:])
				if !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r) || unicode.Is(unicode.Han, r) {
					break
				}
				j += n
			}
			dst = append(dst, Token{Term: stem(Fold(text[i:j])), Start: i, End: j, Pos: pos})
			pos++
			i = j
		default:
			i += n
		}
	}
	return dst
}

// Fold is s without the differences that don't change a word: case, width,
// compatibility forms, diacritics. Words are not stemmed.
func Fold(s string) string { return strings.ReplaceAll(strings.ToLower(s), "ё", "е") }

func stem(w string) string {
	env := snowballstem.NewEnv(w)
	if r, _ := utf8.DecodeRuneInString(w); unicode.Is(unicode.Cyrillic, r) {
		russian.Stem(env)
	} else {
		english.Stem(env)
	}
	return env.Current()
}
