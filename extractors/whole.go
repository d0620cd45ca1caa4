package extractors

import (
	"regexp"
	"strings"

	"github.com/newswatch/newswatch/extractors/readable"
)

const (
	wholeWeight   = 600  // text of a feed that is an article and not a teaser
	teaserWeight  = 1200 // the same, where the feed's summary is the same text
	clearlyLonger = 2    // times the summary…
	leastWhole    = 250  // …and at least so much
)

// ellipses end a text that was cut off.
var ellipses = []string{"…", "...", "[…]", "[...]", "(…)", "(...)", "……"}

// more stands at the end of a teaser, in the languages of most feeds.
var more = regexp.MustCompile(`(?i)(read more|continue reading|read the (full|rest)[^.\n]{0,40}|full story|more\s*[»>→]+|keep reading|view (full )?(article|post)|` +
	`читать (далее|дальше|полностью|ещё|еще)|подробнее|далее|читати далі|детальніше|阅读(全文|原文|更多)|閱讀(全文|更多)|查看(全文|更多)|更多|全文|続きを読む|` +
	`weiterlesen|mehr lesen|lire la suite|en savoir plus|leer más|seguir leyendo|leggi tutto|continua a leggere|ler mais|leia mais|czytaj (dalej|więcej)|devamını oku)` +
	`[\s.…»›>→\])]*$`)

// footer is what blog software appends to its items.
var footer = regexp.MustCompile(`(?i)\n+[^\n]{0,20}?(the post|сообщение|запись|der beitrag|el cargo|la entrada|l’article|l'article|cet article)\s[^\n]{0,400}` +
	`(appeared first on|появились? сначала на|появилась сначала на|erschien zuerst auf|se publicó primero en|est apparu en premier sur)[^\n]*$`)

// isWhole says whether the content of a feed is the article and not the
// beginning of one.
func isWhole(content, summary string) bool {
	n := readable.Weight(content)
	if n < leastWhole || isCut(content) {
		return false
	}
	s := readable.Weight(summary)
	if s*10 >= n*9 { // the summary is the same text
		return n >= teaserWeight
	}
	return n >= wholeWeight || s > 0 && n >= clearlyLonger*s
}

// isCut says whether a text ends in an ellipsis or an invitation to read on.
func isCut(text string) bool {
	text = strings.TrimSpace(text)
	for _, mark := range ellipses {
		if strings.HasSuffix(text, mark) {
			return true
		}
	}
	last := text
	if i := strings.LastIndexByte(text, '\n'); i >= 0 {
		last = text[i+1:]
	}
	// A sentence of the article may end in such a word; a short line of its
	// own, or one behind an ellipsis, does not.
	m := more.FindStringIndex(last)
	if m == nil {
		return false
	}
	before := strings.TrimSpace(last[:m[0]])
	return readable.Weight(before) < 60 || strings.HasSuffix(before, "…") || strings.HasSuffix(before, "...") || strings.HasSuffix(before, "[") ||
		strings.HasSuffix(before, ".") || strings.HasSuffix(before, "。")
}

// fuller says whether what the feed carried is more of the article than what
// the page gave away.
func fuller(content string, page readable.Page) bool {
	n, p := readable.Weight(content), readable.Weight(page.Text)
	if n <= p {
		return false
	}
	return len(page.Notes) > 0 || n*2 > p*3
}

// trimFooter takes off the line that blog software appends.
func trimFooter(text string) string {
	if loc := footer.FindStringIndex(text); loc != nil {
		return text[:loc[0]]
	}
	return text
}
