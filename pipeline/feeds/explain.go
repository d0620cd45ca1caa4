package feeds

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// A Drop is how many items were left out for a reason, and the first of them.
type Drop struct {
	Reason string // repeated, empty, too_many; in a sitemap: no_news; in an index: no_address, other_site, older
	Items  int
	First  string // its title or address; may be empty
}

func (p *Parsed) drop(reason, item string) {
	for i := range p.Dropped {
		if p.Dropped[i].Reason == reason {
			p.Dropped[i].Items++
			return
		}
	}
	p.Dropped = append(p.Dropped, Drop{Reason: reason, Items: 1, First: clip(foldBlanks(item), 200)})
}

func (p *Parsed) repaired(what string) {
	if !slices.Contains(p.Repairs, what) {
		p.Repairs = append(p.Repairs, what)
	}
}

var (
	repairText = map[string]string{
		"gunzip":        "packed with gzip although no header says so",
		"charset":       "not in the charset that it declares",
		"illegal_runes": "characters that XML forbids, dropped",
		"root":          "text before the feed, dropped",
		"json":          "JSON with fields of the wrong type or a broken end",
		"escape":        "markup that was not escaped",
		"salvage":       "broken XML, read item by item",
		"items_cut":     "more items than are read, the rest left",
	}
	charsetText = map[string]string{
		CharsetMark: "its byte order mark says so", CharsetShape: "its zero bytes show it",
		CharsetValid: "the bytes are valid UTF-8", CharsetNearly: "the bytes are UTF-8 but for a few",
		CharsetDeclared: "it declares so", CharsetHeader: "the Content-Type header says so",
		CharsetDetected: "its letters look so", CharsetGuess: "nothing tells; a guess",
	}
	dropText = map[string]string{
		"repeated": "listed twice", "empty": "without title, link or text", "too_many": "beyond the most that are read",
		"no_news": "pages without a news entry", "no_address": "without an address", "other_site": "on another site",
		"older": "older than the newest that are kept",
	}
	dateText = []struct{ kind, text string }{
		{"published", "published"}, {"updated", "updated"}, {"other", "other dates"}, {"none", "without one"},
	}
	zoneText = map[string]string{
		"document": "the zone of the document's own date", "language": "where its language is written", "future": "else they would lie ahead",
	}
)

// Explain tells a person what Parse found and decided: a line each, without a
// line for what was as it should be and needs no word.
func (p *Parsed) Explain() []string {
	lines := []string{fmt.Sprintf("format: %s", p.Format)}
	say := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	if p.Title != "" {
		say("title: %s", p.Title)
	}
	say("charset: %s (%s)", p.Charset, charsetText[p.CharsetFrom])
	for _, r := range p.Repairs {
		say("repaired: %s", repairText[r])
	}
	if p.Format == formatIndex {
		say("sitemaps: %d", len(p.Sitemaps))
	} else {
		say("items: %d", len(p.Items))
		p.explainItems(say)
	}
	if p.Lost > 0 {
		say("lost: %d items that nothing could be made of", p.Lost)
	}
	for _, d := range p.Dropped {
		first := ""
		if d.First != "" {
			first = fmt.Sprintf("; the first: %s", d.First)
		}
		say("left out: %d %s%s", d.Items, dropText[d.Reason], first)
	}
	if p.Lang != "" {
		say("language: %s", p.Lang)
	}
	for _, l := range [][2]string{{"home", p.Home}, {"older items", p.Next}, {"hub", p.Hub}} {
		if l[1] != "" {
			say("%s: %s", l[0], l[1])
		}
	}
	if p.TTL > 0 {
		say("asks to be left alone for: %s", p.TTL.Round(time.Minute))
	}
	return lines
}

func (p *Parsed) explainItems(say func(string, ...any)) {
	if p.Linkless > 0 {
		say("items without an address of their own: %d", p.Linkless)
	}
	var parts []string
	for _, d := range dateText {
		if n := p.Dates[d.kind]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, d.text))
		}
	}
	if len(parts) > 0 {
		say("dates: %s", strings.Join(parts, ", "))
	}
	if p.Future > 0 {
		say("dates that lie ahead, not believed: %d", p.Future)
	}
	if p.Zone != "" {
		say("dates without a zone read as: %s (%s)", p.Zone, zoneText[p.ZoneFrom])
	}
}
