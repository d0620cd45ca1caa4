package query

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"

	"github.com/newswatch/newswatch/extractors/textnorm"
)

// fieldNames are the names that may stand before a colon.
var fieldNames = []string{
	FieldTitle, FieldBody,
	FieldEntity, FieldAbout, FieldSource, FieldSite, FieldLang, FieldCountry, FieldTag, FieldKind, FieldStory, FieldKey, FieldAuthor,
	"after", "before", "last", "has", "is",
}

// entityKinds are the values of kind:.
var entityKinds = []string{"person", "organization", "place", "event", "product", "law", "topic"}

func isKeyword(field string) bool {
	return field != FieldAny && field != FieldTitle && field != FieldBody
}

// takesOne says whether the field takes one bare value and no group.
func takesOne(field string) bool {
	switch field {
	case "after", "before", "last", "has", "is":
		return true
	}
	return false
}

// wants says what a field takes.
func wants(field string) string {
	switch field {
	case FieldTitle, FieldBody:
		return "a word, a phrase in quotes or a group in parentheses"
	case FieldSite:
		return "a host name, such as kommersant.ru"
	case FieldLang:
		return "a language code, such as ru or zh"
	case FieldCountry:
		return "a country code of two letters, such as RU"
	case FieldKind:
		return "one of " + strings.Join(entityKinds, ", ")
	case FieldKey:
		return "16 hex digits"
	case FieldAuthor:
		return fmt.Sprintf("a name of one to %d words (in quotes if more than one)", AuthorWords)
	case "after", "before":
		return "a date such as 2015-12-31 or a time such as 2015-12-31T18:00:00Z"
	case "last":
		return "a number and h, d, w, m or y, such as 7d (at most 100 years)"
	case "has":
		return HasMention
	case "is":
		return IsCopy
	default:
		return "a value, such as " + field + ":huawei"
	}
}

// suggest is what an unknown field may have meant.
func suggest(name string) string {
	best, dist := "", 3
	for _, f := range fieldNames {
		if d := distance(name, f); d < dist {
			best, dist = f, d
		}
	}
	switch name {
	case "text", "content":
		best = FieldBody
	case "headline", "intitle", "ti", "hl":
		best = FieldTitle
	case "language", "la":
		best = FieldLang
	case "domain", "host", "url", "inurl":
		best = FieldSite
	case "publisher", "outlet", "media", "media_name":
		best = FieldSource
	case "byline", "by":
		best = FieldAuthor
	case "person", "company", "org":
		best = FieldEntity
	case "since", "from":
		best = "after"
	case "until", "to":
		best = "before"
	case "date", "published", "publish_date", "pubdate":
		return "expected perhaps after: and before:, such as after:2015-12-01 before:2016-01-01"
	}
	if best != "" {
		return "expected perhaps " + best + ":"
	}
	return "expected one of " + strings.Join(fieldNames, ": ") + ":"
}

// distance is the Levenshtein distance of two short ASCII words.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diag := row[0]
		row[0] = i + 1
		for j := range len(b) {
			subst := diag
			if a[i] != b[j] {
				subst++
			}
			diag = row[j+1]
			row[j+1] = min(subst, row[j]+1, diag+1)
		}
	}
	return row[len(b)]
}

// leaf makes a node of a word, a phrase or a value; pos is where it begins,
// its field included.
func (p *parser) leaf(field string, t token, pos int) (Node, error) {
	if err := p.count(pos); err != nil {
		return nil, err
	}
	piece := p.piece(pos, t.end)
	switch {
	case isKeyword(field):
		return p.keyword(piece, field, t)
	case t.kind == tokAll:
		if field != FieldAny {
			return nil, p.errorf(t.pos, "found * alone after %s:; expected %s", field, wants(field))
		}
		return &All{piece}, nil
	case t.exact:
		return p.exactLeaf(piece, field, t)
	case t.star:
		return p.prefix(piece, field, t)
	case t.n > 0:
		return p.slopNear(piece, field, t)
	}
	n := wordLeaf(piece, field, t.text)
	if n == nil {
		return nil, p.errorf(t.pos, "found no letters or digits in %s; expected a word", shown(t.text))
	}
	if err := p.checkTerms(n); err != nil {
		return nil, err
	}
	if also := joinedLeaf(n, t.text); also != nil && t.kind == tokWord && p.leaves < MaxLeaves && p.depth < MaxDepth-1 {
		p.leaves++
		return &Or{piece, []Node{n, also}}, nil
	}
	return n, nil
}

// joinedLeaf is the other way to write a bare word that n was made of: WiFi for
// Wi-Fi, =US for U.S.; nil: there is none.
func joinedLeaf(n Node, text string) Node {
	phrase, ok := n.(*Phrase)
	if !ok {
		return nil
	}
	toks := textnorm.Analyze(nil, text)
	i := slices.IndexFunc(toks, func(t textnorm.Token) bool { return t.Joined })
	if start, end := extent(toks); i < 0 || toks[i].Start != start || toks[i].End != end {
		return nil
	}
	other := strings.Map(func(r rune) rune {
		if r == ',' {
			return '.'
		}
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return r
		}
		return -1
	}, text[toks[i].Start:toks[i].End])
	words := textnorm.Analyze(nil, other)
	if len(words) != 1 || words[0].Term != toks[i].Term {
		return nil
	}
	if strings.Contains(text, ".") {
		return &Exact{Piece: phrase.Piece, Field: phrase.Field, Text: other, Terms: []string{words[0].Term}}
	}
	return &Term{Piece: phrase.Piece, Field: phrase.Field, Term: words[0].Term, Text: other}
}

func (p *parser) checkTerms(n Node) error {
	var terms []string
	switch n := n.(type) {
	case *Phrase:
		terms = n.Terms
	case *Exact:
		terms = n.Terms
	}
	if len(terms) > MaxTerms {
		return p.errorf(n.At().Pos, "the phrase has %d words; at most %d are allowed", len(terms), MaxTerms)
	}
	return nil
}

// wordLeaf is the *Term or *Phrase that text analyses to; nil: it has no words.
func wordLeaf(piece Piece, field, text string) Node {
	switch terms := phraseTerms(textnorm.Analyze(nil, text)); len(terms) {
	case 0:
		return nil
	case 1:
		return &Term{Piece: piece, Field: field, Term: terms[0], Text: text}
	default:
		return &Phrase{Piece: piece, Field: field, Terms: terms, Text: text}
	}
}

// phraseTerms is the terms that stand at successive positions where the tokens'
// text does: at each position the longest. A word at the end that the bigram
// before it has already is left out.
func phraseTerms(toks []textnorm.Token) []string {
	toks = slices.DeleteFunc(toks, func(t textnorm.Token) bool { return t.Joined })
	var terms []string
	for i, t := range toks {
		switch {
		case i+1 < len(toks) && toks[i+1].Beside():
		case i > 0 && i == len(toks)-1 && !t.Beside() && toks[i-1].Bigram:
		default:
			terms = append(terms, t.Term)
		}
	}
	return terms
}

// extent is the bytes that tokens stand for.
func extent(toks []textnorm.Token) (start, end int) {
	start = toks[0].Start
	for _, t := range toks {
		start, end = min(start, t.Start), max(end, t.End)
	}
	return start, end
}

// slopNear is "a b c"~n: each word between white space is a part.
func (p *parser) slopNear(piece Piece, field string, t token) (Node, error) {
	var parts []Node
	for w := range strings.FieldsSeq(t.text) {
		if n := wordLeaf(piece, field, w); n != nil {
			parts = append(parts, n)
		}
	}
	if len(parts) < 2 {
		return nil, p.errorf(t.pos, "found fewer than two words before ~%d; expected words to be near each other", t.n)
	}
	for _, n := range parts[1:] {
		if err := p.count(t.pos); err != nil {
			return nil, err
		}
		if err := p.checkTerms(n); err != nil {
			return nil, err
		}
	}
	return &Near{Piece: piece, Field: field, Parts: parts, N: t.n}, p.checkTerms(parts[0])
}

func (p *parser) prefix(piece Piece, field string, t token) (Node, error) {
	toks := textnorm.Analyze(nil, t.text)
	if len(toks) > 0 && !slices.ContainsFunc(toks, func(t textnorm.Token) bool { return spaced(t.Term) }) {
		// Where text is not divided into words, what begins with a run of it
		// is what holds the run.
		n := wordLeaf(piece, field, t.text)
		return n, p.checkTerms(n)
	}
	if len(toks) == 0 || toks[len(toks)-1].Pos > 0 {
		return nil, p.errorf(t.pos, "found %s before *; expected the beginning of one word", shown(t.text))
	}
	start, end := extent(toks)
	text := t.text[start:end]
	prefix := textnorm.Fold(text)
	if utf8.RuneCountInString(prefix) < 2 {
		return nil, p.errorf(t.pos, "found %d letter before *; expected at least 2", utf8.RuneCountInString(prefix))
	}
	return &Prefix{Piece: piece, Field: field, Prefix: prefix, Text: text}, nil
}

// spaced says whether a term is of a script that sets its words apart. Of the
// others, Han and Hangul among them, each character is a token.
func spaced(term string) bool {
	r, _ := utf8.DecodeRuneInString(term)
	return textnorm.ClassOf(r)&textnorm.Bounded != 0
}

func (p *parser) exactLeaf(piece Piece, field string, t token) (Node, error) {
	toks := textnorm.Analyze(nil, t.text)
	if len(toks) == 0 {
		return nil, p.errorf(t.pos, "found no letters or digits in %s; expected a word", shown(t.text))
	}
	start, end := extent(toks)
	text := strings.Join(strings.Fields(t.text[start:end]), " ")
	n := &Exact{Piece: piece, Field: field, Text: text, Terms: phraseTerms(textnorm.Analyze(nil, text))}
	return n, p.checkTerms(n)
}

var (
	langValue = regexp.MustCompile(`^[a-z]{2,3}(-[a-z0-9]{1,8})*$`)
	keyValue  = regexp.MustCompile(`^[0-9a-f]{16}$`)
	lastValue = regexp.MustCompile(`^([1-9][0-9]{0,5})([hdwmy])$`)
)

func (p *parser) keyword(piece Piece, field string, t token) (Node, error) {
	if t.n > 0 {
		return nil, p.errorf(t.pos, "found ~%d after a value; expected it after a phrase in title or text only", t.n)
	}
	value, ok := keywordValue(field, t.text)
	if !ok {
		return nil, p.errorf(t.pos, "found %s after %s:; expected %s", shown(t.text), field, wants(field))
	}
	return &Keyword{Piece: piece, Field: field, Value: value, Text: t.text}, nil
}

// keywordValue is text in the form of Values.
func keywordValue(field, text string) (value string, ok bool) {
	value = fold(text)
	switch field {
	case FieldLang:
		value = strings.ReplaceAll(value, "_", "-")
		return value, langValue.MatchString(value)
	case FieldCountry:
		return value, len(value) == 2 && 'a' <= value[0] && value[0] <= 'z' && 'a' <= value[1] && value[1] <= 'z'
	case FieldKind:
		return value, slices.Contains(entityKinds, value)
	case FieldKey:
		return value, keyValue.MatchString(value)
	case FieldSite:
		return siteValue(text)
	case FieldAuthor:
		words := authorWords(text)
		return strings.Join(words, " "), len(words) > 0 && len(words) <= AuthorWords
	default:
		return value, value != ""
	}
}

// siteValue is the host of what a user takes for a site: a host, a host with a
// wildcard or a dot before it, an address.
func siteValue(text string) (value string, ok bool) {
	s := strings.TrimSpace(text)
	if _, rest, ok := strings.Cut(s, "://"); ok {
		s = rest
	}
	if i := strings.IndexAny(s, "/?#"); i >= 0 {
		s = s[:i]
	}
	s = s[strings.LastIndexByte(s, '@')+1:]
	if i := strings.LastIndexByte(s, ':'); i >= 0 && strings.Count(s, ":") == 1 {
		s = s[:i] // a port; an IPv6 address has more colons
	}
	s = hostForm(strings.TrimPrefix(strings.TrimPrefix(strings.Trim(s, "[]"), "*"), "."))
	return s, s != "" && !strings.ContainsAny(s, " \t\n\"*()")
}

// hostForm is the one form of a host name: lower case, no dot at the end,
// Unicode instead of Punycode.
func hostForm(host string) string {
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	if u, err := idna.Punycode.ToUnicode(host); err == nil {
		host = u
	}
	return host
}

// condition is the node of a field that takes one bare value.
func (p *parser) condition(field, v token) (Node, error) {
	piece := p.piece(field.pos, v.end)
	value := strings.ToLower(v.text)
	switch field.text {
	case "has":
		if value == HasMention {
			return &Has{piece, value}, nil
		}
	case "is":
		if value == IsCopy {
			return &Is{piece, value}, nil
		}
	case "after", "before":
		t, ok := parseTime(v.text)
		if !ok {
			break
		}
		if field.text == "after" {
			return &Time{Piece: piece, After: t}, nil
		}
		return &Time{Piece: piece, Before: t}, nil
	case "last":
		if t, ok := ago(p.now, value); ok {
			return &Time{Piece: piece, After: t, Last: value}, nil
		}
	}
	return nil, p.errorf(v.pos, "found %s after %s:; expected %s", shown(v.text), field.text, wants(field.text))
}

// parseTime reads a day of UTC or a time of RFC 3339, of the years 1000 to 9998.
func parseTime(s string) (time.Time, bool) {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		t, err = time.Parse(time.RFC3339, strings.ToUpper(s))
	}
	t = t.UTC()
	return t, err == nil && t.Year() >= 1000 && t.Year() < 9999
}

// ago is the time a value of last: before now.
func ago(now time.Time, value string) (time.Time, bool) {
	m := lastValue.FindStringSubmatch(value)
	if m == nil {
		return time.Time{}, false
	}
	n, err := strconv.Atoi(m[1])
	if err != nil {
		return time.Time{}, false
	}
	var t time.Time
	switch m[2] {
	case "h":
		t = now.Add(-time.Duration(n) * time.Hour)
	case "d":
		t = now.AddDate(0, 0, -n)
	case "w":
		t = now.AddDate(0, 0, -7*n)
	case "m":
		t = now.AddDate(0, -n, 0)
	case "y":
		t = now.AddDate(-n, 0, 0)
	}
	return t, !t.Before(now.AddDate(-100, 0, 0))
}
