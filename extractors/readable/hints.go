package readable

import (
	"strings"
	"unicode/utf8"
)

// A hint is what the names of an element and of those around it say of its text.
type hint uint32

const (
	dateWord hint = 1 << iota
	publishedWord
	publishedProp // itemprop=datePublished
	modifiedWord
	authorWord
	offside // navigation, related stories, comments, footer
	inLink
	inHeading
	timeElement
	infoWord // the line of source, date and author beside a title
)

// hintWords are the words of class and id values, cut at hyphens and capitals.
var hintWords = map[string]hint{
	"date": dateWord, "dates": dateWord, "datum": dateWord, "fecha": dateWord, "datetime": dateWord, "time": dateWord, "timestamp": dateWord,
	"dateline": dateWord, "pubdate": dateWord | publishedWord, "pubtime": dateWord | publishedWord, "publishdate": dateWord | publishedWord,
	"publishtime": dateWord | publishedWord, "published": dateWord | publishedWord, "publish": dateWord | publishedWord, "publication": dateWord | publishedWord,
	"posted": dateWord | publishedWord, "created": dateWord | publishedWord, "postdate": dateWord | publishedWord, "entrydate": dateWord | publishedWord,
	"releasetime": dateWord | publishedWord, "pub": dateWord, "day": dateWord, "when": dateWord, "zeit": dateWord, "tarih": dateWord,
	"updated": modifiedWord | dateWord, "modified": modifiedWord | dateWord, "update": modifiedWord | dateWord, "lastmod": modifiedWord | dateWord,
	"author": authorWord, "authors": authorWord, "byline": authorWord, "autor": authorWord, "auteur": authorWord, "autore": authorWord, "writer": authorWord,
	"verfasser": authorWord, "reporter": authorWord, "journalist": authorWord, "bylines": authorWord, "contributor": authorWord, "editor": authorWord,
	"yazar": authorWord, "zuozhe": authorWord, "redactor": authorWord, "firma": authorWord, "byname": authorWord, "authorname": authorWord, "vcard": authorWord,
	"meta": infoWord, "info": infoWord, "postmeta": infoWord, "source": infoWord, "submitted": infoWord | authorWord,
	"comment": offside, "comments": offside, "related": offside, "sidebar": offside, "widget": offside, "footer": offside, "recommend": offside, "recommended": offside,
	"teaser": offside, "recent": offside, "popular": offside, "promo": offside, "archive": offside, "calendar": offside, "nav": offside, "menu": offside,
	"breadcrumb": offside, "copyright": offside, "reply": offside, "disqus": offside, "latest": offside, "trending": offside, "similar": offside, "sponsored": offside,
	"ticker": offside, "cookie": offside, "comentarios": offside, "kommentare": offside, "tweet": offside, "carousel": offside, "hotnews": offside, "newsletter": offside,
}

// hints is what a class or id value says.
func (g *gathered) hints(value string) hint {
	if value == "" {
		return 0
	}
	if h, ok := g.words[value]; ok {
		return h
	}
	var h hint
	start := 0
	var buf [24]byte
	for i := 0; i <= len(value); i++ {
		letter := i < len(value) && (value[i]|0x20 >= 'a' && value[i]|0x20 <= 'z')
		capital := letter && value[i] < 'a' && i > start && value[i-1] >= 'a'
		if letter && !capital {
			continue
		}
		if n := i - start; n >= 3 && n <= len(buf) {
			for j := range n {
				buf[j] = value[start+j] | 0x20
			}
			h |= hintWords[string(buf[:n])]
		}
		start = i
		if !letter {
			start++
		}
	}
	if len(g.words) < 5000 && utf8.ValidString(value) {
		g.words[strings.Clone(value)] = h
	}
	return h
}

// lineBuffer gathers the text of a line, with what is known of its parts.
type lineBuffer struct {
	text  []byte
	spans []lineSpan
	long  bool
}

type lineSpan struct {
	start int
	hint  hint
}

// lineMost is how much of a line is looked at: what tells of a page's date and
// author stands in short ones or at the beginning.
const lineMost = 300

func (l *lineBuffer) add(s string, h hint) {
	if len(l.text) >= lineMost {
		l.long = l.long || strings.TrimSpace(s) != ""
		return
	}
	if len(l.text) == 0 && strings.TrimSpace(s) == "" {
		return
	}
	if len(l.spans) == 0 || l.spans[len(l.spans)-1].hint != h {
		l.space()
		l.spans = append(l.spans, lineSpan{len(l.text), h})
	}
	for i, c := range s {
		switch {
		case c == ' ' || c == '\n' || c == '\t' || c == '\r':
			l.space()
		case len(l.text)+utf8.RuneLen(c) > lineMost+8:
			l.long = l.long || strings.TrimSpace(s[i:]) != ""
			return
		default:
			l.text = utf8.AppendRune(l.text, c)
		}
	}
}

// space ends a word.
func (l *lineBuffer) space() {
	if n := len(l.text); n > 0 && l.text[n-1] != ' ' {
		l.text = append(l.text, ' ')
	}
}

// at is the hint of the text at i.
func (l *lineBuffer) at(i int) hint {
	h := hint(0)
	for _, s := range l.spans {
		if s.start > i {
			break
		}
		h = s.hint
	}
	return h
}

// flush ends a line.
func (g *gathered) flush() {
	l := &g.line
	if len(l.text) == 0 {
		return
	}
	g.pos++
	if len(l.text) >= leadLine && g.lead.Len() < leadMost && (l.spans[0].hint|l.spans[len(l.spans)-1].hint)&(offside|inHeading) == 0 {
		g.lead.Write(l.text)
		g.lead.WriteByte('\n')
	}
	g.readLine(string(l.text))
	l.text, l.spans, l.long = l.text[:0], l.spans[:0], false
}

// readLine looks for dates and credits in a line of the page.
func (g *gathered) readLine(s string) {
	if strings.ContainsAny(s, "0123456789") || !isASCII(s) && strings.ContainsAny(s, "٠١٢٣٤٥٦٧٨٩۰۱۲۳۴۵۶۷۸۹०१२३४५६७८९০১২৩৪৫৬৭৮৯๐๑๒๓๔๕๖๗๘๙０１２３４５６７８９") {
		g.lineDates(s)
	}
	g.lineCredits(s)
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}
