package readable

import (
	"cmp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/html"
)

// A credit is a text that may name who wrote the page.
type credit struct {
	text string
	from dateFrom
	hint hint
	pos  int
}

// maxCredits bounds the credits kept of a page.
const maxCredits = 40

// credit keeps the text of an element that is said to name the author.
func (g *gathered) credit(n *html.Node, from dateFrom, h hint) {
	if len(g.credits) >= maxCredits {
		return
	}
	t := namesApart(n)
	if t == "" {
		t = line(spaced(n))
	}
	if t == "" {
		t = line(attr(n, "content"))
	}
	if c := utf8.RuneCountInString(t); c < 2 || c > 160 {
		return
	}
	for _, w := range wideEditors {
		if strings.HasPrefix(t, w) {
			from = fromModified // an editor is no author where there is one
		}
	}
	if ofPicture(t) {
		return
	}
	g.credits = append(g.credits, credit{t, from, h, g.pos})
}

// pictureWords begin a line that names whose picture it is.
var pictureWords = []string{"foto", "photo", "image", "bild", "фото", "图片", "圖", "摄影", "攝影", "写真"}

func ofPicture(s string) bool {
	s = strings.ToLower(s)
	return slices.ContainsFunc(pictureWords, func(w string) bool { return strings.HasPrefix(s, w) })
}

// namesApart is the text of an element that holds nothing but names, each in an
// element of its own and no comma between them; empty for any other.
func namesApart(n *html.Node) string {
	var names []string
	for c := range n.Descendants() {
		if c.Type != html.TextNode {
			continue
		}
		t := strings.TrimSpace(c.Data)
		if t == "" {
			continue
		}
		if len(names) >= 10 || len(strings.Fields(t)) < 2 || c.Parent == n || !isName(t, true) {
			return ""
		}
		names = append(names, t)
	}
	if len(names) < 2 {
		return ""
	}
	return strings.Join(names, ", ")
}

// lineCredits keeps a line that begins as a byline does, and the parts of a
// Chinese or Japanese one.
func (g *gathered) lineCredits(s string) {
	if len(g.credits) >= maxCredits || g.pos > 4000 {
		return
	}
	s = strings.TrimSpace(s)
	lower := strings.ToLower(s[:min(len(s), 24)])
	if g.byline { // the line before was nothing but "by"
		g.byline = false
		if utf8.RuneCountInString(s) <= 80 && isName(s, true) {
			g.credits = append(g.credits, credit{s, fromLine, g.line.at(0) &^ inLink, g.pos})
			return
		}
	}
	if bareBywords[strings.TrimRight(lower, " :：")] {
		g.byline = g.line.at(0)&offside == 0
		return
	}
	for _, w := range bywords {
		if strings.HasPrefix(lower, w) {
			from := fromLine
			if g.line.at(0)&inLink != 0 {
				from = fromLink
			}
			if utf8.RuneCountInString(s) <= 120 && bylineNames(s, w) {
				g.credits = append(g.credits, credit{s, from, g.line.at(0), g.pos})
			}
			return
		}
	}
	g.titleCredits(s)
	if isASCII(s) {
		return
	}
	g.sourceCredits(s)
	for _, label := range wideLabels {
		i := strings.Index(s, label)
		if i < 0 {
			continue
		}
		rest := strings.TrimLeft(s[i+len(label):], " \u3000:：")
		if i > 0 && label == "记者" && !strings.ContainsAny(s[i:min(len(s), i+12)], "：: ") {
			continue // 记者 in a sentence
		}
		if end := strings.IndexAny(rest, "|｜)）】；;\n　"); end >= 0 {
			rest = rest[:end]
		}
		f := strings.Fields(rest)
		if len(f) > 1 && endsInRole(f[0]) { // 证券时报记者 王小伟
			f = f[1:]
		}
		if len(f) > 0 {
			rest = f[0]
			for _, more := range f[1:] { // 王丽 李明
				if c := utf8.RuneCountInString(more); c < 2 || c > 3 || strings.ContainsAny(more, ":：0123456789") || !onlyHan(more) || slices.Contains(roles, more) {
					break
				}
				rest += "、" + more
			}
			if n := utf8.RuneCountInString(rest); n >= 2 && n <= 30 {
				from := fromLine
				if strings.Contains(label, "编辑") || strings.Contains(label, "編輯") {
					from = fromModified // an editor is no author where there is one
				}
				g.credits = append(g.credits, credit{rest, from, g.line.at(i), g.pos})
			}
		}
	}
}

// bylineNames says whether what follows the word that begins a line is a name,
// and not how a sentence goes on.
func bylineNames(s, byword string) bool {
	rest := strings.TrimLeft(s[min(len(s), len(byword)):], " :：")
	if rest == "" || unicode.IsLower(firstRune(rest)) && strings.HasSuffix(rest, ".") {
		return false
	}
	if byword == "from " {
		return isPerson(rest)
	}
	f := strings.Fields(rest)
	lower := 0
	for _, w := range f {
		if unicode.IsLower(firstRune(w)) && !particles[w] {
			lower++
		}
	}
	return len(f) < 4 || 2*lower <= len(f) // of the words of a sentence most are small
}

func onlyHan(s string) bool {
	for _, c := range s {
		if !unicode.Is(unicode.Han, c) {
			return false
		}
	}
	return s != ""
}

// wideEditors begin a line that names an editor.
var wideEditors = []string{"责任编辑", "責任編輯", "责编", "编辑：", "编辑:", "編輯："}

// wideRoles end what stands before a name: 本报记者 李明.
var wideRoles = []string{"记者", "記者", "评论员", "評論員", "通讯员", "特约撰稿人"}

func endsInRole(s string) bool {
	for _, w := range wideRoles {
		if strings.HasSuffix(s, w) {
			return true
		}
	}
	return false
}

// withoutRole is what follows the role and a space in a text.
func withoutRole(s string) string {
	f := strings.Fields(s)
	for i := len(f) - 2; i >= 0; i-- {
		if endsInRole(f[i]) {
			return strings.Join(f[i+1:], " ")
		}
	}
	return s
}

// wideLabels stand before names in Chinese and Japanese; of editors the last.
var wideLabels = []string{"作者：", "作者:", "撰文：", "撰稿：", "文/", "文／", "文｜", "文|", "记者：", "记者:", "記者：", "记者", "责任编辑：", "责任编辑:", "責任編輯：", "责编：", "编辑："}

// author is who wrote the article: those the JSON-LD names, then the metadata,
// then what is marked on the page, then a line that begins like a byline. The
// site's own name is the last to be taken.
func (g *gathered) author(site string) string {
	var spare string
	own := g.ownNames(site)
	pick := func(list []string) string {
		list = g.persons(list, own)
		if len(list) == 0 {
			return ""
		}
		if len(list) == 1 && slices.Contains(deskWords, strings.ToLower(list[0])) {
			return ""
		}
		if len(list) == 1 && (g.ofSite(list[0], site) || wide(firstRune(list[0])) && (isOutlet(list[0]) || slices.ContainsFunc(own, func(o string) bool { return strings.HasPrefix(o, squeeze(list[0])) }))) {
			if spare == "" {
				spare = list[0]
			}
			return ""
		}
		if spare != "" && !slices.ContainsFunc(list, func(n string) bool { return !agency(n) }) {
			return spare + ", " + strings.Join(list, ", ") // the site's own, with an agency's matter
		}
		return strings.Join(list, ", ")
	}
	var ld []string
	for _, n := range g.ld.people() {
		for _, name := range splitNames(n, false) {
			ld = appendName(ld, name)
		}
	}
	if a := pick(ld); a != "" {
		return a
	}
	var told []string
	for _, key := range authorMeta {
		for _, v := range g.many[key] {
			if host := strings.TrimPrefix(g.host, "www."); host != "" && strings.HasSuffix(v, host+")") { // Deutsche Welle (www.dw.com)
				spare = cmp.Or(spare, strings.Join(splitNames(html.UnescapeString(v), false), ", "))
				continue
			}
			if last, first, ok := strings.Cut(v, ", "); ok && (key == "citation_author" || key == "dc.creator") && !strings.ContainsAny(first, ",;") {
				v = first + " " + last
			}
			for _, name := range splitNames(html.UnescapeString(v), false) {
				told = appendName(told, name)
			}
		}
		if len(told) > 0 {
			if a := pick(told); a != "" {
				return a
			}
			told = nil
		}
	}
	for _, from := range []dateFrom{fromProp, fromRel, fromClass, fromLine, fromDateLine, fromAgency, fromLink, fromModified, fromSource} {
		var list []string
		at := -1
		for _, c := range g.credits {
			if c.from != from || c.hint&offside != 0 || at >= 0 && c.pos > at+6 {
				continue
			}
			if from == fromClass && c.hint&inHeading != 0 || from >= fromClass && len(list) > 0 && from != fromProp && c.pos > at+1 {
				continue
			}
			for _, name := range splitNames(c.text, true) {
				list = appendName(list, name)
			}
			if len(list) > 0 && at < 0 {
				at = c.pos
			}
		}
		if spare != "" && from > fromClass { // what only looks like a byline must look like names
			list = slices.DeleteFunc(list, func(n string) bool {
				return !isPerson(n) && !agency(n) && !(onlyHan(n) && utf8.RuneCountInString(n) <= 4)
			})
		}
		if a := pick(list); a != "" {
			return a
		}
	}
	return spare
}

var authorMeta = []string{
	"parsely-author", "author", "article:author", "og:article:author", "article:author_name", "byl", "sailthru.author", "dc.creator", "dcterms.creator", "citation_author",
	"cxenseparse:author", "article.author", "articleauthor", "article_author", "authors", "dcsext.author", "og:author", "byline", "creator", "dable:author", "vr:author", "twitter:data1", "rbauthors",
}

// ofSite says whether a name is the site's own.
func (g *gathered) ofSite(name, site string) bool {
	n := squeeze(name)
	if n == "" {
		return true
	}
	if s := squeeze(site); s != "" && (n == s || strings.HasPrefix(n, s) || strings.HasPrefix(s, n) && len(n) >= 4) {
		return true
	}
	host := squeeze(strings.TrimPrefix(g.host, "www."))
	label, _, _ := strings.Cut(strings.TrimPrefix(g.host, "www."), ".")
	return host != "" && (n == host || n == squeeze(label))
}

// deskWords name nobody.
var deskWords = []string{"admin", "redaktion", "редакция", "editor", "editorial staff", "webmaster", "staff", "newsroom", "redacción", "la rédaction", "nachrichten", "no author", "administrator", "unknown", "anonymous", "guest", "others", "author", "team"}

// appendName adds a name that isn't there, nor a part of one that is.
func appendName(list []string, name string) []string {
	k := squeeze(name)
	for i, n := range list {
		switch s := squeeze(n); {
		case s == k || strings.Contains(s, k):
			return list
		case strings.HasPrefix(k, s) && len(s) > 3:
			list[i] = name
			return list
		}
	}
	if len(list) >= 20 {
		return list
	}
	return append(list, name)
}

// bywords introduce an author's name.
var bywords = []string{
	"written by", "posted by", "published by", "by ", "by:", "from ", "par ", "por ", "von ", "autor:", "autor: ", "autorin:", "author:", "autorin/autor ", "autor/autorin ", "von:", "par:", "por:", "автор:", "авторы:", "автор ", "текст:", "текст ", "authors:", "written by:", "words by ", "reported by ", "veröffentlicht von ", "erstellt von ", "автор текста:", "корреспондент ", "беседовал ", "беседовала ", "подготовил ", "подготовила ",
	"作者：", "作者:", "撰文：", "撰稿：", "记者", "記者", "文/", "文／", "文｜", "yazar:", "auteur:", "autore:", "di ", "text:", "reporter:", "geschrieben von", "verfasst von", "escrito por", "publicado por", "a cura di", "publié par", "door ", "av ", "af ",
}

// bareBywords are those that a line may consist of.
var bareBywords = func() map[string]bool {
	m := make(map[string]bool)
	for _, w := range bywords {
		m[strings.TrimRight(w, " :：")] = true
	}
	return m
}()

// joints are what sets names apart in one text.
var joints = strings.NewReplacer(" and ", "\x00", " und ", "\x00", " et ", "\x00", " & ", "\x00", " и ", "\x00", " та ", "\x00", " oraz ", "\x00", " with ", "\x00",
	" ve ", "\x00", " och ", "\x00", " og ", "\x00", " ja ", "\x00", ", ", "\x00", ",", "\x00", ";", "\x00", "、", "\x00", "，", "\x00", "；", "\x00", " | ", "\x01", " • ", "\x01", " · ", "\x01", " – ", "\x01", " — ", "\x01", " - ", "\x01", "|", "\x01", "•", "\x01", " / ", "\x00", "／", "\x00", "｜", "\x01")

// roles are what stands beside names and is none.
var roles = []string{
	"md", "phd", "ph.d", "ph.d.", "m.d.", "rd", "ms", "rn", "mba", "cfp", "cpa", "jr", "jr.", "esq", "ldn", "cpt", "rdn", "fand", "staff writer", "reporter", "correspondent", "editor", "contributor", "author", "senior reporter",
	"senior editor", "cnn", "journalist", "redakteur", "redakteurin", "freelance writer", "contributing writer", "political correspondent", "associated press", "follow", "updated", "published", "posted",
	"automatic", "reporters", "chief executive", "written by", "posted", "by", "posted on", "news", "more", "view profile", "все материалы", "корреспондент", "обозреватель", "записал", "записала", "记者", "編集委員", "编辑", "责任编辑", "来源", "发布", "http", "https", "email", "e-mail", "bio", "twitter", "no comments", "comments", "share", "published:", "updated:", "home", "print", "article author", "about the author", "about the authors", "关注", "訂閱", "订阅", "publiziert am", "veröffentlicht am", "publié le", "publicado el", "подписаться", "loading", "von", "par", "name", "none", "null", "undefined", "true", "false",
}

// splitNames takes the names out of a text. Strict is for a text that only may
// hold names.
func splitNames(s string, strict bool) []string {
	s = strings.TrimSpace(line(s))
	if strings.Contains(s, "<") {
		if t, err := Text(s); err == nil {
			s = line(t)
		}
	}
	for range 3 {
		lower := strings.ToLower(s)
		if len(lower) != len(s) {
			break
		}
		cutOne := false
		for _, w := range bywords {
			if strings.HasPrefix(lower, w) && len(s) > len(w) && (w[len(w)-1] >= 0x80 || !letterAt(s, len(w)) || w[len(w)-1] == ' ' || w[len(w)-1] == ':') {
				s = strings.TrimLeft(s[len(w):], " :：/")
				cutOne = true
				break
			}
		}
		if !cutOne {
			break
		}
	}
	if utf8.RuneCountInString(s) > 150 || strings.Contains(s, "://") {
		return nil
	}
	if i := strings.IndexAny(s, "(（[【<"); i > 0 {
		s = s[:i]
	} else if i == 0 {
		s = strings.Trim(s, "(（[【）)]】 ")
	}
	if i := strings.Index(s, "发布于"); i > 0 {
		s = s[:i]
	}
	s = withoutRole(s)
	var r dateReader
	r.find(s, func(st stamp) bool {
		s = withoutLast(s[:st.start])
		return false
	})
	var names []string
	parts := strings.Split(joints.Replace(s), "\x01")
	for _, part := range parts {
		for p := range strings.SplitSeq(part, "\x00") {
			p = strings.Trim(p, " .,:;·|/-–—*\"“”@®™")
			if isName(p, strict) {
				names = append(names, p)
			} else if strict && len(names) > 0 && unicode.IsLower(firstRune(p)) { // TPN, in News
				break
			} else if strict && wide(firstRune(p)) { // no list of names
				return nil
			}
		}
		if len(names) > 0 && !slices.ContainsFunc(names, isOutlet) {
			break
		}
	}
	return names
}

// dateWords end what stands before a date.
var dateWords = set("stand am on at le el den um vom published posted updated veröffentlicht publiziert aktualisiert publié publicado опубликовано обновлено")

// withoutLast takes the words that belong to a date off what stands before it.
func withoutLast(s string) string {
	for {
		s = strings.TrimRight(s, " ,.:;|·•–—-/")
		i := strings.LastIndexByte(s, ' ')
		if w := strings.ToLower(s[i+1:]); !dateWords[w] && !(dayWords[w] && utf8.RuneCountInString(w) > 2) {
			return s
		}
		s = s[:max(i, 0)]
	}
}

func letterAt(s string, i int) bool {
	c, _ := utf8.DecodeRuneInString(s[i:])
	return unicode.IsLetter(c)
}

func isName(s string, strict bool) bool {
	n := utf8.RuneCountInString(s)
	if n < 2 || n > 70 || strings.Contains(s, "@") || strings.Contains(s, "www.") || slices.Contains(roles, strings.ToLower(s)) {
		return false
	}
	letters, digits, upper := 0, 0, 0
	for _, c := range s {
		switch {
		case unicode.IsLetter(c):
			letters++
			if unicode.IsUpper(c) {
				upper++
			}
		case unicode.IsDigit(c):
			digits++
		}
	}
	if letters < 2 || digits > 2 && digits*2 > letters || isDigit(s[0]) && strings.Contains(s, " ") { // 5 minutes
		return false
	}
	if strings.Count(s, ".") >= 2 && !strings.Contains(s, " ") && letters > 6 { // the key of a template
		return false
	}
	if !strict {
		return true
	}
	if digits > 0 && digits >= letters/2 || strings.ContainsAny(s, "?!=…{}%$#") {
		return false
	}
	f := strings.Fields(s)
	if len(f) > 5 {
		return false
	}
	first := firstRune(s)
	if wide(first) {
		return n <= 14 && !strings.ContainsAny(s, ":：，。！？") && (len(f) < 3 || n <= 10)
	}
	if len(f) > 1 && upper < 2 && unicode.IsUpper(first) && unicode.IsLower(first) {
		return false
	}
	return unicode.IsUpper(first) || !unicode.IsLower(first) || len(f) == 1
}

// cleanAuthor is the names in a text, set apart by ", "; empty where they are
// the site's own.
func cleanAuthor(s, site string) string {
	a := strings.Join(splitNames(s, false), ", ")
	if site != "" && strings.EqualFold(a, site) {
		return ""
	}
	return a
}

// byReadability is the names in what readability takes for the byline.
func (g *gathered) byReadability(byline, site string) string {
	if ofPicture(byline) {
		return ""
	}
	names := g.persons(splitNames(byline, true), g.ownNames(site))
	if len(names) == 1 && g.ofSite(names[0], site) {
		return ""
	}
	return strings.Join(names, ", ")
}
