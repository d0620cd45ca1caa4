package feeds

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/mmcdole/gofeed"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/unicode"

	"github.com/newswatch/newswatch/pipeline"
)

const (
	zhText = "华为发布新款手机与俄罗斯市场。"
	ruText = "Хуавей представила новый смартфон в Москве."
)

// A damaged feed, and what must still be found in it.
type damaged struct {
	body  []byte
	items int
	text  string // must stand in some title or content; empty: nothing
}

var (
	itemRe  = regexp.MustCompile(`(?s)<(item|entry)[\s>].*?</(?:item|entry)>`)
	titleRe = regexp.MustCompile(`<title[^>]*>`)
	declAny = regexp.MustCompile(`^\s*<\?xml[^>]*\?>`)
)

// damage makes every kind of damage of one whole feed.
func damage(body []byte, n int) map[string]damaged {
	t := strings.TrimPrefix(string(body), "\ufeff")
	items := itemRe.FindAllStringIndex(t, -1)
	if len(items) < 4 || !utf8.ValidString(t) {
		return nil
	}
	mid := items[len(items)/2]
	loc := titleRe.FindStringIndex(t[mid[0]:mid[1]])
	if loc == nil {
		return nil
	}
	pos, cdata := mid[0]+loc[1], false
	if rest := strings.TrimLeft(t[pos:], " \t\r\n"); strings.HasPrefix(rest, "<![CDATA[") {
		pos, cdata = len(t)-len(rest)+len("<![CDATA["), true
	}
	ins := func(s string) string { return t[:pos] + s + t[pos:] }
	td := declAny.ReplaceAllString(t, "")
	at := pos - (len(t) - len(td))
	u, z := td[:at]+ruText+td[at:], td[:at]+strings.Repeat(zhText, 20)+td[at:]
	ru20 := td[:at] + strings.Repeat(ruText, 20) + td[at:]
	keep := func(s string, lo, hi rune) string {
		return strings.Map(func(r rune) rune {
			if r < 0x80 || r >= lo && r <= hi {
				return r
			}
			return -1
		}, s)
	}
	enc := func(e encoding.Encoding, s string) []byte {
		b, _ := encoding.HTMLEscapeUnsupported(e.NewEncoder()).String(s)
		return []byte(b)
	}
	name := itemRe.FindStringSubmatch(t[mid[0]:mid[1]])[1]
	cut := int(float64(len(items)) * .7)
	utf16, _ := unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewEncoder().String(`<?xml version="1.0" encoding="utf-16"?>` + u)
	m := map[string]damaged{
		"00 none":                           {[]byte(t), n, ""},
		"01 body cut off at 70%":            {[]byte(t[:items[cut][0]+40]), cut, ""},
		"02 one invalid UTF-8 byte":         {[]byte(ins("caf\xe9 ")), n, "caf"},
		"03 control character 0x08":         {[]byte(ins("a\x08b ")), n, ""},
		"10 PHP warning before the root":    {[]byte("<br />\n<b>Warning</b>: mysql_connect() in <b>/var/www/x.php</b> on line <b>3</b><br />\n" + t), n, ""},
		"11 blank lines before the prolog":  {[]byte("\n\n" + t), n, ""},
		"12 script after the root":          {[]byte(t + "\n<script>var a=1 && b;</script><!-- x"), n, ""},
		"13 declared 1251, is UTF-8":        {[]byte(`<?xml version="1.0" encoding="windows-1251"?>` + u), n, ruText},
		"14 declared 1251, is so":           {append([]byte(`<?xml version="1.0" encoding="windows-1251"?>`), enc(charmap.Windows1251, u)...), n, ruText},
		"15 is 1251, not declared":          {append([]byte(`<?xml version="1.0"?>`), enc(charmap.Windows1251, keep(ru20, 0x410, 0x44f))...), n, ruText},
		"16 declared gb2312, is so":         {append([]byte(`<?xml version="1.0" encoding="gb2312"?>`), enc(simplifiedchinese.GB18030, z)...), n, zhText},
		"17 declared utf-8, is GBK":         {append([]byte(`<?xml version="1.0" encoding="utf-8"?>`), enc(simplifiedchinese.GBK, keep(z, 0x4e00, 0x9fa5))...), n, "华为发布新款手机与俄罗斯市场"},
		"18 UTF-16LE with its mark":         {[]byte(utf16), n, ruText},
		"19 declared utf-16, is UTF-8":      {[]byte(`<?xml version="1.0" encoding="utf-16"?>` + u), n, ruText},
		"20 declared koi8-r, is so":         {append([]byte(`<?xml version="1.0" encoding="koi8-r"?>`), enc(charmap.KOI8R, u)...), n, ruText},
		"21 one end tag of an item missing": {[]byte(t[:mid[1]-len("</"+name+">")] + t[mid[1]:]), n, ""},
		"25 no item has its end tag":        {[]byte(regexp.MustCompile(`</(?:item|entry)>`).ReplaceAllString(t, "")), n, ""},
		"22 attributes twice, unquoted":     {[]byte(t[:mid[0]] + strings.Replace(t[mid[0]:], "<"+name+">", "<"+name+" id=1 id=2>", 1)), n, ""},
		"23 comment of 5 KB in the prolog":  {[]byte(`<?xml version="1.0" encoding="utf-8"?><!-- ` + strings.Repeat("x", 5000) + " -->" + td), n, ""},
		"24 DOCTYPE with entities":          {[]byte(`<?xml version="1.0" encoding="utf-8"?><!DOCTYPE rss [<!ENTITY % HTMLspec PUBLIC "-//W3C//ENTITIES Latin 1 for XHTML//EN" "http://www.w3.org/TR/xhtml1/DTD/xhtml-lat1.ent">]>` + td), n, ""},
	}
	if !cdata {
		for k, s := range map[string]string{
			"04 raw &": "AT&T & co ", "05 &nbsp;": "x&nbsp;y ", "06 <br> not closed": "x<br>y ",
			"07 raw <": "if a < b then ", "08 ]]> in text": "x ]]> y ", "09 reference to 0x1A": "x&#x1A;y ",
		} {
			m[k] = damaged{[]byte(ins(s)), n, ""}
		}
	}
	return m
}

// TestDamage commits, for each kind of damage, the share of feeds in which
// every item survives and the text is right: for gofeed alone, and for Parse.
func TestDamage(t *testing.T) {
	t.Parallel()
	var feeds []corpusFile
	for _, f := range corpusFiles(t, "real") {
		if (f.format == "rss" || f.format == "atom") && f.enc == "utf-8" && len(f.body) > 4000 && len(f.body) < 60_000 {
			feeds = append(feeds, f)
		}
	}
	rnd := rand.New(rand.NewPCG(7, 7))
	rnd.Shuffle(len(feeds), func(i, j int) { feeds[i], feeds[j] = feeds[j], feeds[i] })
	type score struct{ files, alone, ours int }
	scores := make(map[string]*score)
	for used, f := 0, 0; f < len(feeds) && used < 40; f++ {
		whole, err := Parse(feeds[f].body, "https://example.com/f", "", ParseOptions{Now: corpusNow})
		g, gerr := parseAlone(feeds[f].body)
		if err != nil || gerr != nil || len(g.Items) < 4 || len(whole.Items) != len(g.Items) || len(whole.Repairs) > 0 {
			continue
		}
		kinds := damage(feeds[f].body, len(g.Items))
		if kinds != nil {
			used++
		}
		for kind, d := range kinds {
			s := scores[kind]
			if s == nil {
				s = &score{}
				scores[kind] = s
			}
			s.files++
			if g, err := parseAlone(d.body); err == nil && len(g.Items) >= d.items && saysAlone(g, d.text) {
				s.alone++
			}
			p, err := Parse(d.body, "https://example.com/f", "", ParseOptions{Now: corpusNow})
			if err == nil && len(p.Items) >= d.items && says(p, d.text) {
				s.ours++
			} else {
				got := 0
				if p != nil {
					got = len(p.Items)
				}
				t.Logf("%s: %s: %d of %d items, %v", kind, feeds[f].name, got, d.items, err)
			}
		}
	}
	kinds := make([]string, 0, len(scores))
	for k := range scores {
		kinds = append(kinds, k)
	}
	slices.Sort(kinds)
	var b strings.Builder
	fmt.Fprintf(&b, "# Share of whole feeds whose items all survive a damage, in percent.\n# damage\tfeeds\tgofeed alone\tours\n")
	recovered := 0
	for _, k := range kinds {
		s := scores[k]
		fmt.Fprintf(&b, "%s\t%d\t%d\t%d\n", k, s.files, 100*s.alone/s.files, 100*s.ours/s.files)
		if 100*s.ours >= 98*s.files {
			recovered++
		}
	}
	fmt.Fprintf(&b, "# recovered in 98 of 100 feeds and more: %d of %d\n", recovered, len(kinds))
	golden(t, "damage.golden", b.String())
	if recovered < len(kinds) {
		t.Errorf("%d kinds of damage recovered, want all of %d", recovered, len(kinds))
	}
}

func says(p *Parsed, text string) bool {
	return text == "" || slices.ContainsFunc(p.Items, func(it pipeline.Item) bool { return strings.Contains(it.Title+it.HTML, text) })
}

func saysAlone(g *gofeed.Feed, text string) bool {
	return text == "" || slices.ContainsFunc(g.Items, func(it *gofeed.Item) bool { return strings.Contains(it.Title+it.Content, text) })
}

// FuzzSalvage breaks a document at will: what salvage makes of it must be
// feeds, and what was whole before the break must still be there.
func FuzzSalvage(f *testing.F) {
	for _, junk := range []string{"", "<", "]]>", "<![CDATA[", "<!--", "</item>", "<item>", "</channel>", "&#x1a;", "<a b=c.d>", "<item a='", "\x00", "</title><title>"} {
		f.Add([]byte(junk), []byte(junk))
	}
	whole := `<item><title>whole</title><link>https://e.com/1</link></item>`
	f.Fuzz(func(t *testing.T, between, within []byte) {
		body := rssOf(whole + `<item><title>` + string(within) + `</title><link>https://e.com/2</link></item>` + string(between) +
			`<item><title>last</title><link>https://e.com/3</link></item>`)
		p, err := Parse([]byte(body), "https://e.com/f", "", ParseOptions{Now: corpusNow})
		if err != nil {
			return // the charset that the junk makes of it, too deep
		}
		checkItems(t, "salvaged", p)
		if !slices.ContainsFunc(p.Items, func(it pipeline.Item) bool { return strings.Contains(it.Title, "whole") || it.URL == "https://e.com/1" }) {
			t.Errorf("the whole item is lost; repairs %v, %d items", p.Repairs, len(p.Items))
		}
		d := &document{text: []byte(body)}
		if err := d.scan(); err == nil {
			for _, c := range d.chunks() {
				_ = (&salvager{doc: d}).cutEnd(c)
				_ = escapeFields(escapeStray(c))
			}
		}
	})
}
