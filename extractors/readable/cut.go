package readable

import (
	"github.com/PuerkitoBio/goquery"
	"github.com/andybalholm/cascadia"
)

// vendors are the containers of the consent dialogs that sites buy. They are
// cut whatever they hold.
var vendors = cascadia.MustCompile(`#onetrust-consent-sdk, [id^="onetrust"], [id^="ot-sdk"], #didomi-host, [id^="didomi"],
	#qc-cmp2-container, .qc-cmp2-container, .qc-cmp-ui, #CybotCookiebotDialog, #usercentrics-root, [id^="usercentrics"],
	#cmpbox, #cmpwrapper, .cmp-root-container, .fc-consent-root, .truste_overlay, .truste_box_overlay, #truste-consent-track,
	[id^="sp_message_container"], .cky-consent-container, .cky-modal, #cookie-law-info-bar, #cookie-law-info-again,
	#iubenda-cs-banner, .osano-cm-window, #tarteaucitronRoot, #axeptio_overlay, #BorlabsCookieBox, .cmplz-cookiebanner,
	.klaro, #hs-eu-cookie-confirmation, #sliding-popup, .eu-cookie-compliance-banner, .evidon-banner, .cc-window,
	#gdpr-consent-tool-wrapper, .tp-modal, #ketch-consent-banner, #consent_blackbox`)

// consents are the names that sites give such containers themselves. An article
// may bear one by accident, so they are cut with care.
var consents = cascadia.MustCompile(`[id*="consent"], [class*="consent-"], [class*="-consent"], [id*="cookie-b"], [id*="cookie-n"],
	[id*="cookieb"], [id*="cookien"], [class*="cookie-b"], [class*="cookie-n"], [class*="cookie-consent"], [class*="cookieb"],
	[class*="cookie-policy"], [class*="cookie-disclaimer"], [id*="gdpr"], [class*="gdpr"], [id*="privacy-b"], [class*="privacy-b"]`)

// bodies are what no careful cut may take away.
var bodies = cascadia.MustCompile(`article, main, h1, [itemprop="articleBody"], [role="main"], [role="article"]`)

var noscripts = cascadia.MustCompile(`noscript`)

// cut takes away what is shown over the page and not in it.
func cut(doc *goquery.Document) {
	doc.FindMatcher(noscripts).Remove()
	doc.FindMatcher(vendors).Remove()
	doc.FindMatcher(consents).Each(func(_ int, s *goquery.Selection) {
		if s.Is("html, head, body") || s.IsMatcher(bodies) || s.HasMatcher(bodies).Length() > 0 {
			return
		}
		if s.ParentsMatcher(bodies).Length() > 0 && s.Find("p").Length() > 5 {
			return
		}
		s.Remove()
	})
}

var (
	articleParagraphs = cascadia.MustCompile(`article p`)
	mainParagraphs    = cascadia.MustCompile(`main p`)
	anyParagraphs     = cascadia.MustCompile(`p`)
)

// paragraphs is the plainest way to a text: the paragraphs of article, else of
// main, else, if the page has neither, all of them.
func paragraphs(doc *goquery.Document) string {
	for _, m := range []cascadia.Selector{articleParagraphs, mainParagraphs, anyParagraphs} {
		sel := doc.FindMatcher(m)
		if sel.Length() == 0 {
			continue
		}
		var r renderer
		for _, n := range sel.Nodes {
			r.node(n)
		}
		if r.out.Len() > 0 {
			return r.out.String()
		}
	}
	return ""
}
