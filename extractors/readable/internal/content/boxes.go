package content

import (
	"strings"

	"golang.org/x/net/html"
)

// Kinds of elements.
const (
	kindInline = iota
	kindUnseen
	kindBreak
	kindLink
	kindStrong
	kindEmphatic
	kindParagraph
	kindQuote
	kindPre
	kindDiv
	kindSection
	kindArticle
	kindMain
	kindItem
	kindList
	kindTerm
	kindRow
	kindCell
	kindTable
	kindH1
	kindH2
	kindH3
	kindCaption
	kindFigure
	kindHeader
	kindFooter
	kindAside
	kindNav
	kindForm
	kindAddress
	kindCustom
	kindCount
)

var kinds = map[string]uint8{
	"br": kindBreak, "a": kindLink, "strong": kindStrong, "b": kindStrong, "em": kindEmphatic, "i": kindEmphatic,
	"p": kindParagraph, "blockquote": kindQuote, "pre": kindPre, "div": kindDiv, "center": kindDiv, "body": kindDiv,
	"fieldset": kindDiv, "details": kindDiv, "summary": kindDiv, "hr": kindDiv,
	"section": kindSection, "article": kindArticle, "main": kindMain,
	"li": kindItem, "ul": kindList, "ol": kindList, "dl": kindList, "menu": kindList, "dt": kindTerm, "dd": kindTerm,
	"tr": kindRow, "td": kindCell, "th": kindCell, "table": kindTable, "tbody": kindTable, "thead": kindTable, "tfoot": kindTable, "caption": kindCaption,
	"h1": kindH1, "h2": kindH2, "h3": kindH3, "h4": kindH3, "h5": kindH3, "h6": kindH3,
	"figcaption": kindCaption, "figure": kindFigure, "header": kindHeader, "hgroup": kindHeader, "footer": kindFooter,
	"aside": kindAside, "nav": kindNav, "form": kindForm, "address": kindAddress, "html": kindDiv,
	"script": kindUnseen, "style": kindUnseen, "noscript": kindUnseen, "template": kindUnseen, "svg": kindUnseen,
	"iframe": kindUnseen, "object": kindUnseen, "embed": kindUnseen, "audio": kindUnseen, "video": kindUnseen,
	"canvas": kindUnseen, "head": kindUnseen, "select": kindUnseen, "option": kindUnseen, "textarea": kindUnseen,
	"button": kindUnseen, "input": kindUnseen, "datalist": kindUnseen, "dialog": kindUnseen, "map": kindUnseen,
	"math": kindUnseen, "img": kindUnseen, "meta": kindUnseen, "link": kindUnseen, "title": kindUnseen, "source": kindUnseen, "wbr": kindUnseen,
	"span": kindInline, "font": kindInline, "u": kindInline, "time": kindInline, "small": kindInline, "sup": kindInline, "sub": kindInline,
	"label": kindInline, "cite": kindInline, "q": kindInline, "abbr": kindInline, "mark": kindInline, "ins": kindInline, "s": kindInline, "code": kindInline,
}

// bits are what elements say of their text by their names, classes and ids,
// inherited by what stands in them.
type bits uint64

const (
	bitHidden bits = 1 << iota
	bitArticle
	bitMain
	bitAside
	bitNav
	bitFooter
	bitHeader
	bitForm
	bitFigure
	bitCaption
	bitList
	bitTable
	bitQuote
	bitAddress
	bitBody      // itemprop=articleBody
	bitComment   // from here on by class and id
	bitRelated   // related stories, recommendations
	bitShare     // share bars
	bitAuthor    // bylines, author boxes
	bitDate      // times of publication
	bitTags      // lists of tags
	bitLetter    // newsletters, subscriptions
	bitPromo     // advertising, promotion
	bitSide      // side bars, widgets
	bitTitle     // headlines
	bitLead      // standfirsts, summaries
	bitText      // names of bodies of text
	bitConsent   // cookies, privacy
	bitLive      // tickers
	bitNavName   // menus, breadcrumbs
	bitFootName  // footers, copyright
	bitPay       // paywalls
	bitCardName  // cards, teasers, lists of entries
	bitMediaName // pictures, galleries, players
	bitTweet     // posts of networks
	bitCount     = iota
)

var kindBits = [kindCount]bits{
	kindArticle: bitArticle, kindMain: bitMain, kindAside: bitAside, kindNav: bitNav, kindFooter: bitFooter,
	kindHeader: bitHeader, kindForm: bitForm, kindFigure: bitFigure, kindCaption: bitCaption, kindList: bitList,
	kindTable: bitTable, kindQuote: bitQuote, kindAddress: bitAddress,
}

// names says what a word of a class or id says.
var names = nameTable(map[bits]string{
	bitComment:   "comment comments disqus reply replies respond coral livefyre kommentar kommentare forum pinglun pingback trackback",
	bitRelated:   "related recommended recommend recommendation recommendations recirc more readmore similar also suggested suggest next mostread popular trending outbrain taboola teads tuijian read recommendations xiangguan mehr weitere lesen",
	bitShare:     "share sharing social addthis sharedaddy sharethis facebook twitter whatsapp follow bshare fenxiang",
	bitAuthor:    "author authors byline bio contributor contributors reporter writer vcard profile autor",
	bitDate:      "date time timestamp published pubdate dateline datetime datum updated posted",
	bitTags:      "tag tags keyword keywords topic topics categories category taxonomy label labels",
	bitLetter:    "newsletter subscribe subscription signup optin mailchimp mc4wp email",
	bitPromo:     "ad ads advert advertisement advertising advertorial promo promotion promoted sponsor sponsored sponsors banner anzeige werbung adsense dfp affiliate commercial offer cta shopping product deal",
	bitSide:      "sidebar aside widget widgets rail sidecol complementary rightcol secondary tertiary",
	bitTitle:     "title headline heading hed kicker",
	bitLead:      "lead lede standfirst dek deck subtitle subhead subheadline summary excerpt description intro teaser chapeau abstract perex",
	bitText:      "body text content entry story article articlebody storybody bodytext maincontent postbody richtext prose paragraph zhengwen",
	bitConsent:   "cookie cookies consent gdpr cmp privacy onetrust didomi ccpa",
	bitLive:      "live ticker liveblog scoreboard score weather stock stocks",
	bitNavName:   "nav navigation navbar menu breadcrumb breadcrumbs crumb crumbs pagination pager paging toolbar tools skip jump sitemap toc",
	bitFootName:  "footer footnote footnotes copyright colophon legal disclaimer bottom foot imprint",
	bitTweet:     "tweet tweets",
	bitPay:       "paywall premium subscriber regwall meter paid plus piano",
	bitCardName:  "card cards grid carousel slider slick swiper list feed archive latest headlines tile tiles item items",
	bitMediaName: "image img photo picture figure gallery caption credit video player media audio embed slideshow thumbnail thumb wp-caption",
})

func nameTable(groups map[bits]string) map[string]bits {
	m := make(map[string]bits)
	for b, list := range groups {
		for w := range strings.FieldsSeq(list) {
			m[w] |= b
		}
	}
	return m
}

// classify reads an element's attributes.
func (b *box) classify(n *html.Node, parent *box, buf *nameBuffer) {
	sig := hashString(fnvStart, n.Data)
	b.path = hashString(parent.path, n.Data)
	var own, count int32
	for i := range n.Attr {
		a := &n.Attr[i]
		switch a.Key {
		case "class", "id":
			if a.Key == "class" {
				sig = hashString(sig, a.Val)
			}
			b.bits |= eachName(a.Val, buf, func(name []byte) bits {
				if o, ok := Lexicon[string(name)]; ok {
					own += int32(o)
					count++
				}
				return names[string(name)]
			})
		case "itemprop":
			if a.Val == "articleBody" {
				b.bits |= bitBody
			}
		case "role":
			b.bits |= roleBits[a.Val]
		case "hidden":
			b.bits |= bitHidden
		case "aria-hidden":
			if a.Val == "true" {
				b.bits |= bitHidden
			}
		case "style":
			if hides(a.Val) {
				b.bits |= bitHidden
			}
		}
	}
	if count > 1 {
		own /= count
	}
	b.own = own
	b.worst, b.best, b.sum = min(parent.worst, own), max(parent.best, own), parent.sum+own
	b.name = sig
	b.sig = (sig ^ parent.name>>7) * fnvPrime
}

var roleBits = map[string]bits{
	"main": bitMain, "article": bitArticle, "navigation": bitNav, "complementary": bitAside, "contentinfo": bitFooter,
	"banner": bitHeader, "dialog": bitConsent, "search": bitForm, "form": bitForm,
}

func inlineBits(n *html.Node, buf *nameBuffer) (set bits, hidden bool) {
	if n.Data == "time" {
		set |= bitDate
	}
	for i := range n.Attr {
		a := &n.Attr[i]
		switch a.Key {
		case "class":
			set |= eachName(a.Val, buf, func(name []byte) bits { return names[string(name)] })
		case "itemprop", "rel":
			if strings.Contains(a.Val, "author") {
				set |= bitAuthor
			}
		case "hidden":
			hidden = true
		case "style":
			hidden = hidden || hides(a.Val)
		}
	}
	return set, hidden
}

func hides(style string) bool {
	if len(style) < 11 {
		return false
	}
	v := strings.ReplaceAll(strings.ToLower(style), " ", "")
	return strings.Contains(v, "display:none") || strings.Contains(v, "visibility:hidden")
}

// A nameBuffer holds a name being read; longer ones are cut.
type nameBuffer [40]byte

// eachName cuts a class or id into lower-case words, at all but letters and
// where a small letter is followed by a capital one.
func eachName(s string, buf *nameBuffer, f func([]byte) bits) (set bits) {
	n := 0
	lower := false
	for i := 0; i <= len(s); i++ {
		var c byte
		if i < len(s) {
			c = s[i]
		}
		switch {
		case c >= 'a' && c <= 'z':
			lower = true
		case c >= 'A' && c <= 'Z':
			if lower && n > 0 {
				set |= f(buf[:n])
				n = 0
			}
			lower = false
			c |= 0x20
		default:
			if n > 1 {
				set |= f(buf[:n])
			}
			n, lower = 0, false
			continue
		}
		if n < len(buf) {
			buf[n] = c
			n++
		}
	}
	return set
}

func hashString(h uint64, s string) uint64 {
	for i := 0; i < len(s); i++ {
		h = (h ^ uint64(s[i])) * fnvPrime
	}
	return (h ^ 0xff) * fnvPrime
}

// Names calls f for each word of the classes and ids of the boxes that a block
// stands in, for the command that fits the lexicon.
func (d *Document) Names(i int, f func(name string)) {
	for b := d.Blocks[i].box; b >= 0; b = d.boxes[b].parent {
		for _, a := range d.boxes[b].node.Attr {
			if a.Key == "class" || a.Key == "id" {
				eachName(a.Val, new(nameBuffer), func(name []byte) bits { f(string(name)); return 0 })
			}
		}
	}
}
