package readable

import (
	"bytes"
	"cmp"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/html"

	textblocks "github.com/newswatch/newswatch/extractors/readable/internal/content"
)

const (
	defaultBytes = 10 << 20
	defaultNodes = 200_000

	// shortText is the weight of text under which another way to find it is
	// tried, see Weight.
	shortText = 250
	// moreText is how many times longer another way's text must be to be
	// believed instead.
	moreText = 2

	// considered is the likelihood from which a block is one that might be of
	// the body.
	considered = .1
	// lowConfidence is the most that is said of a text that our own way did
	// not find.
	lowConfidence = .5
)

// Extract reads an article from a page. An error says that there is nothing to
// read: ErrNotHTML, ErrTooDeep or ErrPanic, or that a selector of opt.Rules is
// none. A page without much of an article is no error, its notes say so.
func Extract(body []byte, opt Options) (Page, error) {
	return extract(body, opt, nil)
}

// extract is Extract that writes down what it does where trace is not nil.
func extract(body []byte, opt Options, trace *Trace) (page Page, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: %v", ErrPanic, r)
		}
	}()
	var rules selectors
	if opt.Rules != nil {
		if rules, err = opt.Rules.compile(); err != nil {
			return page, fmt.Errorf("rules: %w", err)
		}
	}
	if limit := cmp.Or(opt.MaxBytes, defaultBytes); len(body) > limit {
		body = body[:limit]
		page.Notes = append(page.Notes, NoteTruncated)
	}
	if !isHTML(body, opt.ContentType) {
		return page, fmt.Errorf("%w: %s", ErrNotHTML, cmp.Or(mediaType(opt.ContentType), "of no known kind"))
	}
	text, charset := Decode(body, opt.ContentType)
	page.Charset = charset
	if part := affordable(text); len(part) < len(text) {
		text = part
		page.Notes = append(page.Notes, NoteTooMany)
	}
	root, err := parse(bytes.NewReader(text))
	if err != nil {
		return page, err
	}
	g := gather(root, opt.URL)
	g.describe(&page, root, opt)
	rules.dropFrom(root)
	matched := rules.describe(&page, root, opt.Now)
	ruled := rules.bodyText(root)
	if !matched || rules.body != nil && ruled == "" {
		page.Notes = append(page.Notes, NoteRules)
	}
	if ruled != "" {
		page.Text, page.Method, page.Confidence = ruled, MethodRules, 1
		page.Blocks = digests(ruled)
		g.note(&page)
	} else {
		g.body(&page, root, opt, trace)
	}
	return page, nil
}

// describe sets everything but the text.
func (g *gathered) describe(p *Page, root *html.Node, opt Options) {
	p.Site = g.site()
	p.Title = g.chooseTitle(opt, p.Site)
	p.Author = g.author(p.Site)
	p.Summary = line(cmp.Or(g.first("og:description", "description", "twitter:description"), g.ld.summary))
	p.Section = cmp.Or(section(g.first("article:section")), section(line(g.ld.section)))
	for _, tag := range []string{g.lang, g.meta["content-language"], g.meta["og:locale"], g.ld.lang} {
		p.Lang = cmp.Or(p.Lang, primary(tag))
	}
	p.Canonical = cmp.Or(g.canonical(opt.URL, g.canon), g.canonical(opt.URL, g.meta["og:url"]))
	for _, ref := range []string{g.meta["og:image"], g.meta["og:image:url"], g.ld.image, g.meta["twitter:image"], g.meta["twitter:image:src"]} {
		p.Image = cmp.Or(p.Image, g.absolute(opt.URL, ref))
	}
	p.AMP = g.absolute(opt.URL, g.amp)
	p.Paywall = g.paid()
	g.dates(p, opt)
}

// platforms publish what others write: their name is no site's.
var platforms = []string{"Blogger", "WordPress.com", "Medium", "Substack", "Tumblr", "LiveJournal"}

// site is the name that the site gives itself.
func (g *gathered) site() string {
	for _, name := range []string{g.ld.site, g.meta["og:site_name"], g.meta["application-name"]} {
		if name = line(name); name != "" && !slices.Contains(platforms, name) {
			return name
		}
	}
	return ""
}

// section is the section named in a text: the first, where that is a list as
// some sites make of all the tags of an article.
func section(s string) string {
	first, rest, found := strings.Cut(s, ",")
	if found && (strings.Contains(rest, ",") || !strings.HasPrefix(rest, " ")) {
		s = first
	}
	s = strings.TrimSpace(s)
	if utf8.RuneCountInString(s) > longSection || strings.Contains(s, "://") {
		return ""
	}
	return s
}

// longSection is longer than any section's name.
const longSection = 80

// canonical resolves what the page calls its address. Some sites call every page
// by the address of their first: that is none's.
func (g *gathered) canonical(page, ref string) string {
	ref, _, _ = strings.Cut(ref, "#")
	address := g.absolute(page, ref)
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	own, err := url.Parse(page)
	if err == nil && own.Path != "" && own.Path != "/" && (u.Path == "" || u.Path == "/") && u.RawQuery == "" {
		return ""
	}
	return address
}

// Document makes text blocks of a page and gathers what is known of its
// article. It is for the command internal/fit, which fits the model: its result
// is of an internal package.
func Document(root *html.Node, opt Options) (*textblocks.Document, textblocks.Hints) {
	g := gather(root, opt.URL)
	var p Page
	g.describe(&p, root, opt)
	cut(root)
	return textblocks.Read(root), g.evidence(&p, opt)
}

// evidence is what the metadata and the feed say of the article.
func (g *gathered) evidence(p *Page, opt Options) textblocks.Hints {
	h := textblocks.Hints{
		Titles:  append([]string{p.Title, opt.Title, g.ld.headline, g.title, g.meta["og:title"]}, g.heads...),
		Summary: strings.Join([]string{g.meta["og:description"], g.meta["description"], g.ld.summary}, "\n"),
		Body:    g.ld.text(),
		Names:   []string{p.Author, p.Site, p.Section},
	}
	switch {
	case Weight(opt.Feed) > max(Weight(h.Body), 4*shortText):
		h.Body = opt.Feed
	case opt.Feed != "":
		h.Summary += "\n" + opt.Feed
	}
	return h
}

// body sets the text and how it was found.
func (g *gathered) body(p *Page, root *html.Node, opt Options, trace *Trace) {
	cut(root)
	strip := newStripper(g, p, opt)
	d := textblocks.Read(root)
	textblocks.Find(d, g.evidence(p, opt))
	kept, expected, known := choose(d, opt.Known)
	if g.nodes > cmp.Or(opt.MaxNodes, defaultNodes) && !slices.Contains(p.Notes, NoteTooMany) {
		p.Notes = append(p.Notes, NoteTooMany)
	}
	for i := range d.Blocks {
		if d.Blocks[i].Probability > considered {
			p.Blocks = append(p.Blocks, d.Digest(i))
		}
	}
	text := func() string { return strip.top(d.Join(func(i int) bool { return kept[i] })) }
	p.Text, p.Method = text(), MethodBlocks
	var plain string
	if Weight(p.Text) < shortText {
		plain = paragraphs(root)
	}
	paths := g.paths(trace, d) // of a tree that is whole
	b := booth{g: g, page: p, root: root, opt: opt, trace: trace, ask: askReadability}
	if kept, expected = b.weigh(d, kept, expected, known); p.Method == MethodVote {
		p.Text = text()
	}
	p.Confidence = textblocks.Confidence(expected)
	g.explain(trace, d, paths, kept, known)
	if Weight(p.Text) < shortText {
		b.others(strip, plain)
	}
	g.note(p)
}

// choose picks the blocks of the text without those that are known of other
// pages of the host. Where they are more than half of it nothing counts as
// known: then it is the article that is.
func choose(d *textblocks.Document, onHost func(uint64) bool) (kept []bool, expected float64, known func(int) bool) {
	nothing := func(int) bool { return false }
	kept, expected = d.Choose(nothing)
	if onHost == nil {
		return kept, expected, nothing
	}
	known = func(i int) bool { return onHost(d.Digest(i)) }
	all, lost := 0, 0
	for i := range d.Blocks {
		if kept[i] {
			all += d.Blocks[i].Weight()
			if known(i) {
				lost += d.Blocks[i].Weight()
			}
		}
	}
	if 2*lost > all {
		return kept, expected, nothing
	}
	kept, expected = d.Choose(known)
	return kept, expected, known
}

// paths writes down the containers, and tells where the blocks stand.
func (g *gathered) paths(trace *Trace, d *textblocks.Document) []string {
	if trace == nil {
		return nil
	}
	for _, c := range d.Containers(8) {
		trace.Candidates = append(trace.Candidates, Candidate(c))
	}
	paths := make([]string, len(d.Blocks))
	for i := range paths {
		paths[i] = d.Path(i)
	}
	return paths
}

// explain writes down the blocks and their fates.
func (g *gathered) explain(trace *Trace, d *textblocks.Document, paths []string, kept []bool, known func(int) bool) {
	if trace == nil {
		return
	}
	for i := range d.Blocks {
		b := &d.Blocks[i]
		t := BlockTrace{
			Text: d.Text(i), Path: paths[i], Digest: d.Digest(i), Weight: b.Weight(), Score: b.Probability,
			Kept: kept[i], Features: map[string]float64{"links": float64(b.Linked()) / float64(max(b.Weight(), 1))},
		}
		switch {
		case known(i):
			t.Why = "known of other pages of the host"
		case !t.Kept:
			t.Why = "unlikely"
		}
		trace.Blocks = append(trace.Blocks, t)
	}
}

// withoutKnown drops the blocks that are known of other pages of the host. Where
// they are more than half of the text it stays as it is: then it is the article
// that is known.
func withoutKnown(text string, known func(uint64) bool) string {
	if known == nil {
		return text
	}
	var kept []string
	for b := range strings.SplitSeq(text, "\n\n") {
		if !known(textblocks.Digest(b)) {
			kept = append(kept, b)
		}
	}
	if without := strings.Join(kept, "\n\n"); 2*Weight(without) >= Weight(text) {
		return without
	}
	return text
}

// note says what is wrong with the text.
func (g *gathered) note(p *Page) {
	switch w := Weight(p.Text); {
	case w == 0:
		p.Text, p.Method = "", MethodNone
		p.Notes = append(p.Notes, NoteEmpty)
	case w < shortText:
		p.Notes = append(p.Notes, NoteShort)
	}
	if p.Paywall {
		p.Notes = append(p.Notes, NotePaywall)
	}
}

// text is the article's body in the JSON-LD, in which some pages leave markup.
func (l *linked) text() string {
	text, err := Text(l.body)
	if err != nil {
		return ""
	}
	return text
}

// isHTML judges by the declared type and by the first bytes: servers call PDF
// HTML, and HTML nothing at all.
func isHTML(body []byte, contentType string) bool {
	sniffed := mediaType(http.DetectContentType(body))
	if !strings.HasPrefix(sniffed, "text/") && !isUTF16(body, contentType) &&
		(sniffed != "application/octet-stream" || bytes.IndexByte(body[:min(len(body), 512)], 0) >= 0) {
		return false
	}
	switch mediaType(contentType) {
	case "text/html", "application/xhtml+xml":
		return true
	case "", "text/plain", "text/xml", "application/xml", "application/octet-stream", "binary/octet-stream", "unknown/unknown", "*/*":
		return sniffed == "text/html" || looksHTML(body)
	}
	return false
}

func looksHTML(body []byte) bool {
	head, _ := Decode(body[:min(len(body), 4096)], "")
	head = bytes.ToLower(head)
	for _, mark := range []string{"<!doctype html", "<html", "<head", "<body", "<article", "<p>", "<div", "<h1"} {
		if bytes.Contains(head, []byte(mark)) {
			return !bytes.Contains(head, []byte("<rss")) && !bytes.Contains(head, []byte("<feed"))
		}
	}
	return false
}

func mediaType(contentType string) string {
	mt, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		mt, _, _ = strings.Cut(contentType, ";")
	}
	return strings.ToLower(strings.TrimSpace(mt))
}

// isUTF16 says whether the zero bytes in a body are those of UTF-16.
func isUTF16(body []byte, contentType string) bool {
	if strings.HasPrefix(strings.ToLower(headerCharset(contentType)), "utf-16") {
		return true
	}
	_, name, _ := decodeBOM(body[:min(len(body), 512)])
	if name == "" {
		_, name = detectUTF16(body)
	}
	return strings.HasPrefix(name, "utf-16")
}

// primary is the primary subtag of a language tag, in lower case; empty for
// what is none.
func primary(tag string) string {
	tag = strings.ToLower(strings.TrimSpace(tag))
	if i := strings.IndexAny(tag, "-_,; "); i >= 0 {
		tag = tag[:i]
	}
	if len(tag) < 2 || len(tag) > 3 || tag == "utf" { // a charset by mistake
		return ""
	}
	for _, c := range []byte(tag) {
		if c < 'a' || c > 'z' {
			return ""
		}
	}
	return tag
}
