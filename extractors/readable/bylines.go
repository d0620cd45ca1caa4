package readable

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A name may stand on a page without a word that says what it is: beside the
// date under the title, or as a news agency's. What is no author may stand with
// one: the outlet, the place, who took the picture.

// nearTitle is how many lines below the first heading are read for such names.
const nearTitle = 10

// agencies, squeezed.
var agencies = func() map[string]bool {
	m := make(map[string]bool)
	for _, n := range strings.Split(`AFP|Reuters|AP|Associated Press|dpa|dpa-AFX|APA|SDA|Keystone-SDA|ANSA|EFE|Europa Press|Lusa|Belga|ANP|NTB|STT|Ritzau|PAP|ČTK|MTI|BTA|Agerpres|Hina|Tanjug|
		Anadolu Ajansı|Anadolu Agency|DHA|İHA|Bloomberg|UPI|PA Media|Press Association|AAP|PTI|ANI|IANS|Xinhua|Kyodo|Jiji|Yonhap|CNA|Bernama|Antara|VNA|Sputnik|TASS|Interfax|RIA Novosti|Ukrinform|
		ТАСС|РИА Новости|Интерфакс|Укринформ|Укрінформ|БелТА|新华社|新華社|中新社|中央社|共同社|共同通信|時事通信|연합뉴스`, "|") {
		m[squeeze(n)] = true
	}
	return m
}()

// agency says whether a text is the name of a news agency. The short ones are
// written in capitals.
func agency(s string) bool {
	return agencies[squeeze(s)] && (len(s) > 4 || s == "dpa" || strings.ToUpper(s) == s)
}

// apart cuts a line at what sets its parts apart.
func apart(s string) []string {
	return strings.FieldsFunc(s, func(c rune) bool { return strings.ContainsRune(",|/·•–—-，、／｜", c) })
}

// titleCredits keeps the names in a line under the title: what stands beside
// a date, in the same line or the next, or begins with a role, or is an agency.
func (g *gathered) titleCredits(s string) {
	person := g.person
	g.person = credit{}
	if g.head < 0 {
		if len(s) <= 60 && len(g.short) < 500 {
			g.short[squeeze(s)] = true
		}
		return
	}
	if g.pos > g.head+nearTitle || g.line.long || g.line.at(0)&inHeading != 0 || utf8.RuneCountInString(s) > 100 || len(g.credits) >= maxCredits {
		return
	}
	keep := func(text string, from dateFrom) {
		if !g.short[squeeze(text)] {
			g.credits = append(g.credits, credit{text, from, g.line.at(0) &^ inLink, g.pos})
		}
	}
	start, end := -1, -1
	g.read.find(s, func(st stamp) bool {
		if start < 0 {
			start = st.start
		}
		end = st.end
		return true
	})
	if start < 0 {
		g.plainLine(s, keep)
		return
	}
	if start <= 12 && person.text != "" && person.pos == g.pos-1 {
		keep(person.text, fromDateLine)
	}
	g.dateAt = g.pos
	for _, part := range []string{s[:start], s[end:]} {
		part = strings.TrimLeft(part, " ,|/·•–—-:")
		lower := strings.ToLower(part)
		for _, w := range bywords {
			if strings.HasPrefix(lower, w) && bylineNames(part, w) {
				keep(part, fromLine)
				break
			}
		}
		for _, seg := range apart(part) {
			switch seg = strings.TrimSpace(seg); {
			case agency(seg):
				keep(seg, fromAgency)
			case isPerson(seg):
				keep(seg, fromDateLine)
			}
		}
	}
}

// plainLine keeps the names of a line under the title that has no date.
func (g *gathered) plainLine(s string, keep func(string, dateFrom)) {
	if f := strings.Fields(s); len(f) == 2 && endsInRole(f[0]) && onlyHan(f[1]) { // 澎湃评论员 李勤
		keep(f[1], fromLine)
		return
	}
	if isPerson(s) {
		g.person = credit{text: s, pos: g.pos}
		if g.dateAt == g.pos-1 {
			keep(s, fromDateLine)
		}
		return
	}
	for _, part := range apart(s) {
		if part = strings.TrimSpace(part); agency(part) {
			keep(part, fromAgency)
			return
		}
	}
}

// particles stand in small letters within names.
var particles = set(`de da do dos das di del della van von der den ter ten la le el al bin ibn y e und zu zur af av du des`)

// nobody is words that names of persons don't hold, in the lines of dates.
var nobody = set(`news nachrichten haber haberler noticias notizie actualités новости updated update published posted last first breaking top story stories press release blog read min
	minutes time podcast video opinion analysis sport sports politics business home page edition online daily weekly the and magazine comments comment photo foto image source quelle january
	february march april may june july august september october november december monday tuesday wednesday thursday friday saturday sunday uhr stand aktualisiert veröffentlicht güncelleme
	views reading lesezeit by from in at on of for`)

// isPerson says whether a text looks like the full name of a person: two to four
// words with capitals, or three Han characters of which the first is a surname.
func isPerson(s string) bool {
	if onlyHan(s) {
		n := utf8.RuneCountInString(s)
		return (n == 3 || n == 4) && strings.ContainsRune(surnames, firstRune(s)) && !isOutlet(s)
	}
	f := strings.Fields(s)
	if len(f) < 2 || len(f) > 4 || !isName(s, true) {
		return false
	}
	for i, w := range f {
		if nobody[strings.ToLower(w)] || slices.Contains(roles, strings.ToLower(w)) {
			return false
		}
		if i > 0 && i < len(f)-1 && particles[w] {
			continue
		}
		if !unicode.IsUpper(firstRune(w)) {
			return false
		}
		for _, c := range w {
			if !unicode.IsLetter(c) && !strings.ContainsRune(".-'’", c) {
				return false
			}
		}
	}
	return true
}

// surnames are the most frequent of Chinese ones.
const surnames = "王李张張刘劉陈陳杨楊黄黃赵趙吴吳周徐孙孫马馬朱胡郭何林罗羅梁宋郑鄭谢謝韩韓唐冯馮于董萧蕭程曹袁邓鄧许許傅沈曾彭吕呂苏蘇卢盧蒋蔣蔡贾賈丁魏薛叶葉阎閻余潘杜戴夏钟鍾汪田任姜范方石姚谭譚廖邹鄒熊陆陸郝孔白崔康毛邱秦江史顾顧侯邵孟龙龍万萬段雷钱錢汤湯尹黎易常武乔喬贺賀赖賴龚龔缪繆尚尤"

// outletEnds end the names of what publishes in Chinese and Japanese.
var outletEnds = []string{
	"网", "網", "报", "報", "社", "台", "臺", "新闻", "新聞", "客户端", "财经", "財經", "在线", "在線", "杂志", "雜誌", "周刊", "週刊", "频道", "頻道", "电视", "電視", "快讯", "快訊",
	"通讯", "融媒体", "中心", "编辑部", "デジタル", "ニュース", "오늘", "일보", "신문", "뉴스",
}

// isOutlet says whether a Chinese, Japanese or Korean name is that of what publishes.
func isOutlet(s string) bool {
	if !wide(firstRune(s)) {
		return false
	}
	return slices.ContainsFunc(outletEnds, func(end string) bool { return strings.HasSuffix(s, end) })
}

// reportEnds end what stands behind a name in Chinese: 王小明／臺北報導.
var reportEnds = []string{"報導", "报导", "报道", "報道", "专电", "專電", "电", "電", "摄", "攝", "摄影", "攝影", "编译", "編譯", "整理"}

// persons leaves of names those that are no outlet's and not the site's, where
// any are left; wide names are cut at their spaces first.
func (g *gathered) persons(list []string, own []string) []string {
	var cut []string
	for _, n := range list {
		if wide(firstRune(n)) && strings.ContainsAny(n, "  ") {
			cut = append(cut, strings.Fields(n)...)
		} else {
			cut = append(cut, n)
		}
	}
	if len(cut) < 2 {
		return list
	}
	var kept []string
	wired := true
	for _, n := range cut {
		if isOutlet(n) || slices.Contains(own, squeeze(n)) || wide(firstRune(n)) && (endsInRole(n) || slices.ContainsFunc(reportEnds, func(end string) bool { return strings.HasSuffix(n, end) })) {
			continue
		}
		wired = wired && agency(n)
		kept = appendName(kept, n)
	}
	if len(kept) == 0 || wired { // Le Figaro et AFP
		return list
	}
	return kept
}

// ownNames are the names of the site, squeezed: those it tells, and those that
// its title element has after the article's title.
func (g *gathered) ownNames(site string) []string {
	names := g.siteNames(site)
	for _, t := range append([]string{g.meta["og:title"], line(g.ld.headline)}, g.heads...) {
		rest, ok := strings.CutPrefix(g.title, t)
		if !ok || utf8.RuneCountInString(t) < 6 {
			continue
		}
		rest = strings.TrimSpace(rest)
		if n, _ := separator(rest); n == 0 {
			continue
		}
		for part := range strings.FieldsFuncSeq(rest, func(c rune) bool { return strings.ContainsRune("|_-–—·｜", c) }) {
			if part = squeeze(part); utf8.RuneCountInString(part) >= 2 {
				names = append(names, part)
			}
		}
		break
	}
	return names
}

// wideSources stand before the name of whom a Chinese page has the article from.
var wideSources = []string{"来源：", "来源:", "來源：", "來源:"}

// sourceCredits keeps whom a line says the article is from, where that is no outlet:
// on the pages of portals it is who writes there.
func (g *gathered) sourceCredits(s string) {
	for _, label := range wideSources {
		i := strings.Index(s, label)
		if i < 0 {
			continue
		}
		rest := s[i+len(label):]
		for _, next := range []string{"发布于", "发布时间", "发表于", "作者", "责任编辑", "编辑", "责编", "记者", "時間", "时间"} {
			rest, _, _ = strings.Cut(rest, next) // spans without a space between
		}
		f := strings.Fields(rest)
		if len(f) == 0 || isOutlet(f[0]) || agency(f[0]) || g.head < 0 || g.pos > g.head+nearTitle {
			return
		}
		if n := utf8.RuneCountInString(f[0]); n >= 2 && n <= 14 && !strings.ContainsAny(f[0], "，。、：；《》") {
			g.credits = append(g.credits, credit{f[0], fromSource, g.line.at(i), g.pos})
		}
		return
	}
}
