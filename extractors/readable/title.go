package readable

import (
	"cmp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/newswatch/newswatch/extractors/readable/internal/titles"
)

// separators stand between the title of an article and the name of its site,
// its section, its author; the narrow ones stand within words too.
var (
	wideSeparators   = []string{" | ", " - ", " – ", " — ", " :: ", " » ", " « ", " › ", " · ", " • ", " / ", " > ", " ~ ", " ǀ ", " : ", " _ ", "--", "｜", "ㅣ", "│", "："}
	narrowSeparators = []string{"|", "_", "-", "—", "–"}
)

// chooseTitle leaves the choice to package titles, but on pages of the press:
// these have often a headline of their own for every place, of which no fitted
// choice tells on unseen hosts which is the one better than the rules do.
func (g *gathered) chooseTitle(opt Options, site string) string {
	names := g.siteNames(site)
	ruled := g.ruledTitle(opt.Title, names)
	if g.isPress() {
		return g.spell(ruled, names)
	}
	page := g.titlePage(opt.URL, names, ruled)
	if len(page.Said) <= leastSaid {
		return g.spell(ruled, names)
	}
	return g.spell(cmp.Or(page.Choose(), ruled), names)
}

// spell writes a title without the marks that set the direction of script, and
// as another place does that says the same, where it is all in capitals.
func (g *gathered) spell(title string, names []string) string {
	title = strings.TrimSpace(strings.Map(func(c rune) rune {
		if c == '\u200e' || c == '\u200f' || c >= '\u202a' && c <= '\u202e' || c >= '\u2066' && c <= '\u2069' {
			return -1
		}
		return c
	}, title))
	if !shouted(title) {
		return title
	}
	for _, t := range append([]string{g.first("og:title"), line(g.ld.headline), g.title, g.first("twitter:title")}, g.heads...) {
		for _, t := range []string{t, g.trimTitle(t, names, false)} {
			if sameTitle(t, title) && !shouted(t) {
				return t
			}
		}
	}
	return title
}

// shouted says whether a text has more than a name of letters and all of them
// are capitals.
func shouted(s string) bool {
	n := 0
	for _, c := range s {
		switch {
		case unicode.IsLower(c):
			return false
		case unicode.IsUpper(c):
			n++
		}
	}
	return n >= longHead
}

// ruledTitle takes what most places of the page agree on. A page of news is
// called what its metadata say that it be called elsewhere; any other page what
// the heading says that the reader sees, where the metadata has it too. Either
// without the site's name.
func (g *gathered) ruledTitle(hint string, names []string) string {
	og := g.trimTitle(g.first("og:title", "twitter:title", "parsely-title", "sailthru.title", "dc.title"), names, true)
	headline := g.trimTitle(line(g.ld.headline), names, true)
	told := cmp.Or(og, headline)
	if isSite(told, names) {
		told = ""
	}
	if told != "" && g.isNews() {
		if g.overruled(og, headline) {
			return headline
		}
		return told
	}
	// A heading that another place has as a title, or as a part of one.
	for _, fits := range []func(long, short string) bool{startsTitle, partOfTitle} {
		for _, other := range []string{og, headline, hint, g.title} {
			for i, h := range append(slices.Clip(g.heads), g.subs...) {
				if utf8.RuneCountInString(h) < 4 || isSite(h, names) || i >= len(g.heads) && !partOfTitle(other, h) {
					continue
				}
				if fits(other, h) {
					return h
				}
			}
		}
	}
	if told != "" {
		return told
	}
	if t := g.trimTitle(g.title, names, false); t != "" && !isSite(t, names) {
		return t
	}
	if len(g.heads) == 1 {
		return g.heads[0]
	}
	return cmp.Or(hint, g.title)
}

// isNews says whether the page calls itself news, and so tells its title for
// others to quote: on other pages it is written for search engines.
func (g *gathered) isNews() bool {
	return g.ld.news || g.meta["news_keywords"] != "" ||
		g.ld.found && g.meta["og:type"] == "article" && g.meta["article:section"] != ""
}

// overruled says whether on a page of news the headline in the JSON-LD is to
// be believed against what others are told: where it calls that its alternative,
// and where that is its end alone, and heading and title element have all of it.
func (g *gathered) overruled(told, headline string) bool {
	if told == "" || utf8.RuneCountInString(headline) < longHead || sameTitle(told, headline) {
		return false
	}
	if slices.ContainsFunc(g.ld.alternatives, func(a string) bool { return a == told }) {
		return true
	}
	return strings.HasSuffix(squeeze(headline), squeeze(told)) && startsTitle(g.title, headline) &&
		slices.ContainsFunc(g.heard, func(s titles.Said) bool {
			return s.Place == titles.H1 && s.Standing >= titles.Plain && sameTitle(s.Text, headline)
		})
}

// leastSaid is how many places must say something, the rules among them, that
// there is anything to choose by what they agree on.
const leastSaid = 2

// longHead is how many characters a text has at least that a heading doesn't
// say by chance.
const longHead = 15

// pressMarks is how many signs of a publisher of news a page of the press has
// at the least, see [gathered.press].
const pressMarks = 3

// isPress says whether the page is of a publisher of news, not of a blog that
// calls its posts so.
func (g *gathered) isPress() bool { return g.isNews() && g.press() >= pressMarks }

// press counts what pages of publishers of news have in their metadata and
// others seldom have, less what blogs have.
func (g *gathered) press() int {
	n := 0
	count := func(is bool, by int) {
		if is {
			n += by
		}
	}
	for _, names := range [][]string{
		{"news_keywords"},
		{"fb:app_id", "fb:pages"},
		{"apple-itunes-app", "al:ios:url", "al:android:url", "twitter:app:id:iphone"},
		{"parsely-title", "parsely-pub-date", "sailthru.title", "sailthru.date", "cxenseparse:title", "cxenseparse:articleid", "cxenseparse:recs:articleid", "cxenseparse:author", "vr:title"},
		{"article:section"},
		{"article:opinion", "article:content_tier", "article:location"},
		{"syndication-source", "original-source", "standout", "googlebot-news"},
	} {
		count(slices.ContainsFunc(names, func(name string) bool { return g.meta[name] != "" }), 1)
	}
	for _, is := range []bool{g.ld.news, g.ld.newsroom, g.ld.priced, g.ld.body != "", len(g.ld.alternatives) > 0, g.isNews()} {
		count(is, 1)
	}
	count(strings.Contains(strings.ToLower(g.meta["generator"]), "wordpress") || g.wordpress, -1)
	count(g.meta["twitter:label1"] != "", -1) // a plugin's
	return n
}

// siteNames are the names that the page gives its site, squeezed, and its host.
func (g *gathered) siteNames(site string) []string {
	host := strings.TrimPrefix(g.host, "www.")
	label := host
	if i := strings.LastIndexByte(label, '.'); i > 0 {
		label = label[:i]
		for _, second := range []string{".co", ".com", ".org", ".net", ".gov", ".ac"} {
			label = strings.TrimSuffix(label, second)
		}
		label = label[strings.LastIndexByte(label, '.')+1:]
	}
	var names []string
	for _, s := range []string{site, g.meta["og:site_name"], g.ld.site, g.meta["application-name"], g.meta["twitter:site"], g.meta["apple-mobile-web-app-title"], host, label} {
		if s = squeeze(s); utf8.RuneCountInString(s) >= 2 {
			names = append(names, s)
		}
	}
	return names
}

// isSite says whether a text is the name of the site.
func isSite(s string, names []string) bool {
	return slices.Contains(names, squeeze(s))
}

// namesSite says whether a segment of a title is the name of the site, with
// more to it or less.
func namesSite(s string, names []string) bool {
	s = squeeze(s)
	if s == "" {
		return false
	}
	return slices.ContainsFunc(names, func(n string) bool {
		return s == n || len(n) >= 4 && strings.HasPrefix(s, n) && len(s) <= len(n)+24 ||
			len(s) >= 4 && (strings.HasPrefix(n, s) || strings.HasSuffix(n, s))
	})
}

// maxTitle is how many bytes a title has at most. What is longer is an element
// that was not closed and has swallowed the page.
const maxTitle = 2000

// trimTitle takes the site's name and what follows it off the end of a title,
// and with it the section's. Where the name is not known it is what another
// place of the page leaves out, or, where none is asked, what follows the last
// wide separator, if it is short.
func (g *gathered) trimTitle(title string, names []string, told bool) string {
	if len(title) > maxTitle {
		return ""
	}
	title = strings.TrimSpace(title)
	whole := title
	var sections []string
	for _, s := range []string{g.meta["article:section"], g.meta["content_category"], g.meta["section"], g.meta["category"], g.ld.section} {
		if s = squeeze(s); s != "" {
			sections = append(sections, s)
		}
	}
	for range 3 {
		title = trimSite(title, names, sections, title != whole)
	}
	heads := append([]string{line(g.ld.headline)}, g.heads...)
	if sameTitle(title, heads[0]) { // in the publisher's own words
		heads = nil
	}
	for _, w := range heads {
		if rest, ok := strings.CutPrefix(title, w); ok && utf8.RuneCountInString(w) >= longHead {
			if n, _ := separator(rest); n > 0 {
				return w
			}
		}
	}
	switch {
	case told:
		return title
	case title != whole:
		return trimWide(title)
	}
	return trimUnnamed(title)
}

// trimUnnamed takes off the end of a title what looks like the name of a site,
// and before it that of its section.
func trimUnnamed(title string) string {
	cut := ""
	for _, sep := range wideSeparators {
		if sep == "：" { // as a colon, within titles
			continue
		}
		i := strings.LastIndex(title, sep)
		if i <= 0 {
			continue
		}
		if head, tail := strings.TrimSpace(title[:i]), strings.TrimSpace(title[i+len(sep):]); appended(head, tail) {
			title, cut = head, sep
			break
		}
	}
	for range 2 { // what stands before a site's name is a section's where it begins as a name does
		at, n := -1, 0
		for _, sep := range wideSeparators[:8] {
			if i := strings.LastIndex(title, sep); cut != "" && i > at && sep != " « " {
				at, n = i, len(sep)
			}
		}
		if i := strings.LastIndex(title, "--"); cut == "--" && i > 0 {
			at, n = i, 2
		}
		if at <= 0 {
			break
		}
		head, tail := strings.TrimSpace(title[:at]), strings.TrimSpace(title[at+n:])
		if c := firstRune(tail); !appended(head, tail) || !unicode.IsUpper(c) && !wide(c) {
			break
		}
		title = head
	}
	return trimWide(title)
}

// appended says whether what follows a separator is short enough beside what
// stands before it to be no part of a title.
func appended(head, tail string) bool {
	return tail != "" && Weight(tail) <= 30 && Weight(head) >= 2*Weight(tail)
}

// trimWide takes off the end of a Chinese title the names of outlets, and of
// sections and subjects before these, which narrow separators set apart:
// 标题_新闻_新华网, 标题|乌镇_网易订阅. An underscore stands in no title.
func trimWide(title string) string {
	cut := false
	for range 5 {
		i := strings.LastIndexAny(title, "|_-—–")
		if i <= 0 {
			break
		}
		sep, size := utf8.DecodeRuneInString(title[i:])
		head, tail := strings.TrimRight(title[:i], " |_-—–"), strings.TrimSpace(title[i+size:])
		n := utf8.RuneCountInString(tail)
		name := wide(firstRune(tail)) && n <= 6 && utf8.RuneCountInString(head) >= 8 && (sep == '_' || cut && sep == '|')
		if n > 12 || !isOutlet(tail) && !name {
			break
		}
		title, cut = head, true
	}
	return title
}

// trimSite takes off a title its site's name and what follows it, the name of a
// section at its end, and the site's name that it begins with. After the site's
// name any separator sets the section apart, before only a wide one: a hyphen
// stands within words too.
func trimSite(title string, names, sections []string, after bool) string {
	start := 0 // of the segment
	for i := range title {
		if i < start {
			continue
		}
		n, wide := separator(title[i:])
		if n == 0 {
			continue
		}
		if start == 0 && wide && isSite(title[:i], names) {
			return strings.TrimSpace(title[i+n:])
		}
		end := len(title)
		if wide {
			for j := i + n; j < len(title); j++ {
				if m, wide := separator(title[j:]); m > 0 && wide {
					end = j
					break
				}
			}
		}
		tail := title[i+n : end]
		if i > 0 && (isSite(tail, names) || wide && namesSite(tail, names) || (wide || after) && end == len(title) && slices.Contains(sections, squeeze(tail))) {
			return strings.TrimSpace(title[:i])
		}
		start = i + n
	}
	return title
}

// separator is the length of the separator that a text begins with, 0 for
// none; a wide one does not stand within words.
func separator(s string) (n int, wide bool) {
	for _, sep := range wideSeparators {
		if strings.HasPrefix(s, sep) {
			return len(sep), true
		}
	}
	for _, sep := range narrowSeparators {
		if strings.HasPrefix(s, sep) {
			return len(sep), false
		}
	}
	return 0, false
}

func sameTitle(a, b string) bool {
	return a != "" && squeeze(a) == squeeze(b)
}

// partOfTitle says whether a title is one of the parts of a longer one, which
// separators or a colon set apart.
func partOfTitle(long, short string) bool {
	s := squeeze(short)
	if s == "" || len(long) > 500 || !strings.Contains(squeeze(long), s) {
		return false
	}
	starts, ends := []int{0}, []int{len(long)}
	for i := range long {
		n, wide := separator(long[i:])
		if n == 0 && strings.HasPrefix(long[i:], ": ") {
			n, wide = 2, true
		}
		if n > 0 && wide && len(starts) < 12 {
			starts, ends = append(starts, i+n), append(ends, i)
		}
	}
	for _, from := range starts {
		for _, to := range ends {
			if from < to && squeeze(long[from:to]) == s {
				return true
			}
		}
	}
	return false
}

func startsTitle(long, short string) bool {
	s := squeeze(short)
	return s != "" && strings.HasPrefix(squeeze(long), s)
}

// squeeze keeps letters and digits, in lower case.
func squeeze(s string) string { return titles.Squeeze(s) }
