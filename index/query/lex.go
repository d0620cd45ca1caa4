package query

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/newswatch/newswatch/extractors/textnorm"
	"github.com/newswatch/newswatch/pipeline"
)

type tokenKind int

const (
	tokEnd tokenKind = iota
	tokOpen
	tokClose
	tokMinus
	tokAnd
	tokOr
	tokNot
	tokNear  // n words
	tokField // text is its name
	tokWord  // text; star
	tokQuote // text, unescaped; n words of slop
	tokAll
)

// A token is a piece of a query as the parser sees it.
type token struct {
	kind     tokenKind
	pos, end int
	text     string
	n        int
	exact    bool // = stood before it
	star     bool // * stood after it
}

// A lexer cuts a query into tokens. What it skips is white space and bare
// punctuation, which no analysis would make a word of.
type lexer struct {
	q   string
	pos int
}

func (l *lexer) errorf(pos int, format string, args ...any) error {
	return &pipeline.QueryError{Query: l.q, Pos: pos, Msg: fmt.Sprintf(format, args...)}
}

// next is the next token. Inside a field (field is its name) a word may not
// name another; inside a keyword's, a word is a value and no more.
func (l *lexer) next(field string) (token, error) {
	for {
		r, n := l.rune()
		switch {
		case n == 0:
			return token{kind: tokEnd, pos: l.pos, end: l.pos}, nil
		case unicode.IsSpace(r) || isBreak(r):
			l.pos += n
		case r == '(' || r == '（':
			return l.take(tokOpen, n), nil
		case r == ')' || r == '）':
			return l.take(tokClose, n), nil
		case closers(r) != "":
			return l.quote()
		case r == '-' && l.negates():
			return l.take(tokMinus, n), nil
		case r == '=' && !isKeyword(field) && l.negates():
			return l.exact()
		default:
			t, ok, err := l.bare(field)
			if ok || err != nil {
				return t, err
			}
		}
	}
}

func (l *lexer) rune() (rune, int) { return utf8.DecodeRuneInString(l.q[l.pos:]) }

func (l *lexer) take(kind tokenKind, n int) token {
	t := token{kind: kind, pos: l.pos, end: l.pos + n, text: l.q[l.pos : l.pos+n]}
	l.pos += n
	return t
}

// negates says whether the sign at l.pos has something to act on, or is a dash
// in running text.
func (l *lexer) negates() bool {
	rest := strings.TrimLeft(l.q[l.pos:], "-=")
	r, n := utf8.DecodeRuneInString(rest)
	if n == 0 || unicode.IsSpace(r) || r == ')' || r == '）' {
		return false
	}
	return r == '(' || r == '（' || r == '*' || closers(r) != "" || hasWords(rest[:chunk(rest)])
}

func hasWords(s string) bool { return len(textnorm.Analyze(nil, s)) > 0 }

// closers are the quotation marks that close what r opens; none: r opens nothing.
func closers(r rune) string {
	switch r {
	case '"', '“', '”', '„', '‟':
		return `"“”‟`
	case '«':
		return "»"
	case '「':
		return "」"
	case '『':
		return "』"
	default:
		return ""
	}
}

// chunk is how many bytes of s belong to the bare word it begins with.
func chunk(s string) int {
	for i, r := range s {
		if unicode.IsSpace(r) || strings.ContainsRune("()（）", r) || closers(r) != "" || isBreak(r) {
			return i
		}
	}
	return len(s)
}

// exact is the word or phrase after an =.
func (l *lexer) exact() (token, error) {
	start := l.pos
	l.pos++
	var t token
	var err error
	switch r, _ := l.rune(); {
	case closers(r) != "":
		t, err = l.quote()
	case r == '(' || r == '（' || r == '-' || r == '=' || r == '*':
		return t, l.errorf(l.pos, "found %q after =; expected a word or a phrase in quotes", r)
	default:
		t = l.take(tokWord, chunk(l.q[l.pos:]))
		if i := strings.IndexByte(t.text, '*'); i >= 0 {
			return t, l.errorf(t.pos+i, "found * in a word after =; expected the whole word, or no =")
		}
	}
	if err != nil {
		return t, err
	}
	if t.n != 0 {
		return t, l.errorf(start, "= asks for this exact form and ~%d for words apart; use one of them", t.n)
	}
	t.pos, t.exact = start, true
	return t, nil
}

// quote is a phrase in quotation marks, with the ~n after it.
func (l *lexer) quote() (token, error) {
	start := l.pos
	open, n := l.rune()
	end := closers(open)
	l.pos += n
	var text strings.Builder
	for {
		r, n := l.rune()
		switch {
		case n == 0:
			return token{}, l.errorf(start, "this quotation mark is never closed; expected another %c", lastRune(end))
		case r == '\\' && escapes(l.q[l.pos+1:], end):
			_, size := utf8.DecodeRuneInString(l.q[l.pos+1:])
			text.WriteString(l.q[l.pos+1 : l.pos+1+size])
			l.pos += 1 + size
		case strings.ContainsRune(end, r):
			l.pos += n
			t := token{kind: tokQuote, pos: start, text: text.String()}
			err := l.slop(&t)
			t.end = l.pos
			return t, err
		default:
			text.WriteString(l.q[l.pos : l.pos+n])
			l.pos += n
		}
	}
}

// escapes says whether a backslash before s takes from its first character
// what it means: a backslash, a quotation mark.
func escapes(s, closing string) bool {
	r, n := utf8.DecodeRuneInString(s)
	return n > 0 && (r == '\\' || r == '"' || strings.ContainsRune(closing, r))
}

func lastRune(s string) rune {
	if s[0] == '"' {
		return '"'
	}
	r, _ := utf8.DecodeLastRuneInString(s)
	return r
}

func (l *lexer) slop(t *token) error {
	rest := l.q[l.pos:]
	if strings.HasPrefix(rest, "*") {
		return l.errorf(l.pos, "found * after a phrase; expected it after a bare word, such as sanction*")
	}
	digits, ok := strings.CutPrefix(rest, "~")
	if !ok {
		return nil
	}
	digits = digits[:chunk(digits)]
	n, err := strconv.Atoi(digits)
	if err != nil || n < 0 || n > MaxNear {
		return l.errorf(l.pos+1, "found %s after ~; expected a number of words from 0 to %d", shown(digits), MaxNear)
	}
	t.n = n
	l.pos += 1 + len(digits)
	return nil
}

// bare is what begins with a bare word: an operator, a field, a word. It is
// not ok when all of it was punctuation.
func (l *lexer) bare(field string) (t token, ok bool, err error) {
	word := l.q[l.pos : l.pos+chunk(l.q[l.pos:])]
	switch {
	case word == "AND" || word == "&&":
		return l.take(tokAnd, len(word)), true, nil
	case word == "OR" || word == "||":
		return l.take(tokOr, len(word)), true, nil
	case word == "NOT":
		return l.take(tokNot, len(word)), true, nil
	case word == "NEAR" || strings.HasPrefix(word, "NEAR/"):
		t, err := l.near(word)
		return t, true, err
	}
	if name, n, found := fieldName(word); found {
		known := slices.Contains(fieldNames, name)
		switch {
		case known && field != "":
			return t, false, l.errorf(l.pos, "%s: can't stand inside %s:; expected a value of %s:", name, field, field)
		case known:
			t := l.take(tokField, n)
			t.text = name
			return t, true, nil
		case !isKeyword(field) && strings.HasPrefix(word[n:], "//"):
			return t, false, l.errorf(l.pos, "found an address; expected site:%s for the articles of its site, or the text in quotes", cmp.Or(hostOf(word), "example.org"))
		case !isKeyword(field) && len(word) > n:
			return t, false, l.errorf(l.pos, "unknown field %q; %s, or the text in quotes", name, suggest(name))
		}
	}
	return l.word(field, word)
}

// hostOf is the host of an address; empty: it has none.
func hostOf(address string) string {
	host, _ := siteValue(address)
	return host
}

func (l *lexer) near(word string) (token, error) {
	n, err := strconv.Atoi(strings.TrimPrefix(word, "NEAR/"))
	if err != nil || n < 1 || n > MaxNear {
		return token{}, l.errorf(l.pos, "found %s; expected NEAR/ and a number of words from 1 to %d, such as NEAR/5 (in quotes, NEAR is a word)", word, MaxNear)
	}
	t := l.take(tokNear, len(word))
	t.n = n
	return t, nil
}

func (l *lexer) word(field, word string) (t token, ok bool, err error) {
	if isKeyword(field) {
		if strings.HasSuffix(word, "*") {
			return t, false, l.errorf(l.pos, "* ends words of title and text; expected a whole value for %s:", field)
		}
		return l.take(tokWord, len(word)), true, nil
	}
	if word == "*" {
		return l.take(tokAll, 1), true, nil
	}
	stem, star := strings.CutSuffix(word, "*")
	if i := strings.IndexByte(stem, '*'); i >= 0 {
		return t, false, l.errorf(l.pos+i, "found * inside a word; expected it only at a word's end")
	}
	if i := strings.LastIndexByte(stem, '~'); i >= 0 && strings.Trim(stem[i+1:], "0123456789") == "" && hasWords(stem[:i]) {
		return t, false, l.errorf(l.pos+i, "found ~ after a word; expected it after a phrase in quotes: \"a b\"~8")
	}
	if !star && !hasWords(word) {
		l.pos += len(word)
		return t, false, nil
	}
	t = l.take(tokWord, len(word))
	t.text, t.star = stem, star
	return t, true, nil
}

// fieldName takes the field off the front of a bare word; n is its length with
// the colon.
func fieldName(word string) (name string, n int, ok bool) {
	for i, r := range word {
		switch {
		case r == ':' || r == '：':
			return strings.ToLower(word[:i]), i + utf8.RuneLen(r), i > 0
		case r > unicode.MaxASCII || !unicode.IsLetter(r) && r != '_':
			return "", 0, false
		}
	}
	return "", 0, false
}

// shown is s as an error shows it.
func shown(s string) string {
	if s == "" {
		return "nothing"
	}
	return strconv.Quote(s)
}
