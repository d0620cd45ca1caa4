package readable

import (
	"strings"

	"github.com/andybalholm/cascadia"
	"golang.org/x/net/html"

	textblocks "github.com/newswatch/newswatch/extractors/readable/internal/content"
)

// vendorNames are the ids and classes of the containers of the consent dialogs
// that sites buy. They are cut whatever they hold.
var vendorNames = set(`onetrust-consent-sdk didomi-host qc-cmp2-container qc-cmp-ui CybotCookiebotDialog usercentrics-root
	cmpbox cmpwrapper cmp-root-container fc-consent-root truste_overlay truste_box_overlay truste-consent-track
	cky-consent-container cky-modal cookie-law-info-bar cookie-law-info-again iubenda-cs-banner osano-cm-window
	tarteaucitronRoot axeptio_overlay BorlabsCookieBox cmplz-cookiebanner klaro hs-eu-cookie-confirmation sliding-popup
	eu-cookie-compliance-banner evidon-banner cc-window gdpr-consent-tool-wrapper tp-modal ketch-consent-banner consent_blackbox`)

// vendorIDs begin the ids of such containers, and of the banner and the appeals
// that archive.org's Wayback Machine puts on the pages it keeps.
var vendorIDs = []string{"onetrust", "ot-sdk", "didomi", "sp_message_container", "wm-ipp", "donato"}

// coverNames are the classes of what is shown beside a word while it is pointed
// at, and stands in the middle of its sentence.
var coverNames = set(`tooltiptext tooltip-text tooltip-content tooltip__content tooltip-inner hovercard hover-card
	popover-content popover-body rollover-block rollover-people-block`)

// consentNames are in the names that sites give such containers themselves. An
// article may bear one by accident, so they are cut with care.
var (
	consentIDs     = []string{"consent", "cookie-b", "cookie-n", "cookieb", "cookien", "gdpr", "privacy-b"}
	consentClasses = []string{"consent-", "-consent", "cookie-b", "cookie-n", "cookieb", "cookie-consent", "cookie-policy", "cookie-disclaimer", "gdpr", "privacy-b"}
)

// careful is how many paragraphs inside an article are not cut for a name.
const careful = 5

// cut takes away what is shown over the page and not in it.
func cut(n *html.Node) { cutUnder(n, false) }

func cutUnder(n *html.Node, inBody bool) {
	for c := n.FirstChild; c != nil; {
		next := c.NextSibling
		if c.Type == html.ElementNode {
			if covers(c, inBody) {
				n.RemoveChild(c)
			} else {
				cutUnder(c, inBody || isBody(c))
			}
		}
		c = next
	}
}

// covers says whether an element is shown over the page.
func covers(n *html.Node, inBody bool) bool {
	if n.Data == "noscript" {
		return true
	}
	named := false
	for i := range n.Attr {
		a := &n.Attr[i]
		switch a.Key {
		case "id":
			if vendorNames[a.Val] || hasPrefix(a.Val, vendorIDs) {
				return true
			}
			named = named || containsAny(a.Val, consentIDs)
		case "class":
			for name := range strings.FieldsSeq(a.Val) {
				if vendorNames[name] || coverNames[name] {
					return true
				}
			}
			named = named || containsAny(a.Val, consentClasses)
		}
	}
	if !named || n.Data == "html" || n.Data == "body" || n.Data == "head" || isBody(n) {
		return false
	}
	body, paragraphs := holds(n)
	return !body && !(inBody && paragraphs > careful)
}

// isBody says whether an element is what no careful cut may take away.
func isBody(n *html.Node) bool {
	switch n.Data {
	case "article", "main", "h1":
		return true
	}
	for i := range n.Attr {
		switch a := &n.Attr[i]; {
		case a.Key == "itemprop" && a.Val == "articleBody", a.Key == "role" && (a.Val == "main" || a.Val == "article"):
			return true
		}
	}
	return false
}

// holds says whether there is such an element in another, and how many
// paragraphs are.
func holds(n *html.Node) (body bool, paragraphs int) {
	for c := range n.Descendants() {
		if c.Type == html.ElementNode {
			body = body || isBody(c)
			if c.Data == "p" {
				paragraphs++
			}
		}
	}
	return body, paragraphs
}

func hasPrefix(s string, prefixes []string) bool {
	for _, p := range prefixes {
		if strings.HasPrefix(s, p) {
			return true
		}
	}
	return false
}

func containsAny(s string, parts []string) bool {
	for _, p := range parts {
		if strings.Contains(s, p) {
			return true
		}
	}
	return false
}

var (
	articleParagraphs = cascadia.MustCompile(`article p`)
	mainParagraphs    = cascadia.MustCompile(`main p`)
	anyParagraphs     = cascadia.MustCompile(`p`)
)

// paragraphs is the plainest way to a text: the paragraphs of article, else of
// main, else, if the page has neither, all of them.
func paragraphs(root *html.Node) string {
	for _, m := range []cascadia.Selector{articleParagraphs, mainParagraphs, anyParagraphs} {
		nodes := cascadia.QueryAll(root, m)
		if text := textblocks.Text(nodes...); text != "" {
			return text
		}
	}
	return ""
}
