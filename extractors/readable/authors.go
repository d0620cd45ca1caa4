package readable

import (
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
	t := line(spaced(n))
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
	g.credits = append(g.credits, credit{t, from, h, g.pos})
}

// lineCredits keeps a line that begins as a byline does, and the parts of a
// Chinese or Japanese one.
func (g *gathered) lineCredits(s string) {
	if len(g.credits) >= maxCredits || g.pos > 4000 {
		return
	}
	s = strings.TrimSpace(s)
	lower := strings.ToLower(s[:min(len(s), 24)])
	for _, w := range bywords {
		if strings.HasPrefix(lower, w) {
			if utf8.RuneCountInString(s) <= 120 {
				g.credits = append(g.credits, credit{line(s), fromLine, g.line.at(0), g.pos})
			}
			return
		}
	}
	if isASCII(s) {
		return
	}
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
	pick := func(list []string) string {
		if len(list) == 0 {
			return ""
		}
		if len(list) == 1 && slices.Contains(deskWords, strings.ToLower(list[0])) {
			return ""
		}
		if len(list) == 1 && g.ofSite(list[0], site) {
			if spare == "" {
				spare = list[0]
			}
			return ""
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
	for _, from := range []dateFrom{fromProp, fromRel, fromClass, fromLine, fromModified} {
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
		if a := pick(list); a != "" {
			return a
		}
	}
	return spare
}

var authorMeta = []string{
	"parsely-author", "author", "article:author", "og:article:author", "article:author_name", "byl", "sailthru.author", "dc.creator", "dcterms.creator", "citation_author",
	"cxenseparse:author", "article.author", "authors", "dcsext.author", "og:author", "byline", "creator", "dable:author", "vr:author", "twitter:data1", "rbauthors",
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
	"written by", "posted by", "published by", "by ", "by:", "from ", "par ", "por ", "von ", "autor:", "autor: ", "autorin:", "author:", "автор:", "авторы:", "автор ", "текст:", "текст ", "фото:",
	"作者：", "作者:", "撰文：", "撰稿：", "记者", "記者", "文/", "文／", "文｜", "yazar:", "auteur:", "autore:", "di ", "text:", "reporter:", "geschrieben von", "verfasst von", "escrito por", "publicado por", "a cura di", "publié par", "door ", "av ", "af ",
}

// joints are what sets names apart in one text.
var joints = strings.NewReplacer(" and ", "\x00", " und ", "\x00", " et ", "\x00", " & ", "\x00", " и ", "\x00", " та ", "\x00", " oraz ", "\x00", " with ", "\x00",
	" ve ", "\x00", " och ", "\x00", " og ", "\x00", " ja ", "\x00", ", ", "\x00", ",", "\x00", ";", "\x00", "、", "\x00", "，", "\x00", "；", "\x00", " | ", "\x01", " • ", "\x01", " · ", "\x01", " – ", "\x01", " — ", "\x01", " - ", "\x01", "|", "\x01", "•", "\x01", " / ", "\x00", "／", "\x00", "｜", "\x01")

// roles are what stands beside names and is none.
var roles = []string{
	"md", "phd", "ph.d", "ph.d.", "m.d.", "rd", "ms", "rn", "mba", "cfp", "cpa", "jr", "jr.", "esq", "ldn", "cpt", "rdn", "fand", "staff writer", "reporter", "correspondent", "editor", "contributor", "author", "senior reporter",
	"senior editor", "cnn", "journalist", "redakteur", "redakteurin", "freelance writer", "contributing writer", "political correspondent", "associated press", "follow", "updated", "published", "posted",
	"automatic", "reporters", "chief executive", "written by", "posted", "by", "posted on", "news", "more", "view profile", "все материалы", "корреспондент", "обозреватель", "записал", "записала", "记者", "編集委員", "编辑", "责任编辑", "来源", "发布", "http", "https", "email", "e-mail", "bio", "twitter", "no comments", "comments", "share", "published:", "updated:", "home", "print", "article author", "none", "null", "undefined", "true", "false",
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
		s = s[:st.start]
		return false
	})
	var names []string
	parts := strings.Split(joints.Replace(s), "\x01")
	for _, part := range parts {
		for p := range strings.SplitSeq(part, "\x00") {
			p = strings.Trim(p, " .,:;·|/-–—*\"“”@®™")
			if isName(p, strict) {
				names = append(names, p)
			}
		}
		if len(names) > 0 {
			break
		}
	}
	return names
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
		return n <= 14
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
