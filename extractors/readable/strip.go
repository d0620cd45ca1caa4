package readable

import (
	"strings"
	"unicode"
)

const (
	topBlocks    = 8  // blocks at the top among which repeated matter is looked for
	standfirsts  = 3  // of these may be a standfirst
	shortBlock   = 18 // words of a byline or date line at most
	coveredShare = 0.8
)

// Weight is how much text there is: letters and digits, a character of Chinese,
// Japanese or Korean script for three.
func Weight(s string) int {
	n := 0
	for _, r := range s {
		switch {
		case wide(r):
			n += 3
		case unicode.IsLetter(r) || unicode.IsDigit(r):
			n++
		}
	}
	return n
}

// wide says whether r is of a script that is written without spaces and says
// more with a character than others do.
func wide(r rune) bool {
	return r >= 0x2e80 && unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul)
}

// words cuts a text into lower-case words; wide characters are words of their own.
func words(s string) []string {
	var out []string
	start := -1
	end := func(i int) {
		if start >= 0 {
			out = append(out, strings.ToLower(s[start:i]))
			start = -1
		}
	}
	for i, r := range s {
		switch {
		case wide(r):
			end(i)
			out = append(out, string(r))
		case unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.Is(unicode.M, r):
			if start < 0 {
				start = i
			}
		default:
			end(i)
		}
	}
	end(len(s))
	return out
}

// A stripper knows what a page says above its text, and takes it off the top
// of the text: the title again, a standfirst that the text says too, the
// byline, the date.
type stripper struct {
	titles  []string // squeezed
	allowed map[string]bool
}

func newStripper(g *gathered, p *Page, opt Options) *stripper {
	s := &stripper{allowed: make(map[string]bool)}
	for _, t := range append([]string{p.Title, opt.Title, g.ld.headline, g.title, g.meta["og:title"]}, g.heads...) {
		if t = squeeze(t); t != "" {
			s.titles = append(s.titles, t)
		}
	}
	for _, t := range []string{p.Author, p.Site, p.Section} {
		for _, w := range words(t) {
			s.allowed[w] = true
		}
	}
	return s
}

// top takes the repeated matter off the top of a text. It never takes all.
func (s *stripper) top(text string) string {
	blocks := strings.Split(text, "\n\n")
	kept := blocks[:0:0]
	for i, b := range blocks {
		if i >= topBlocks || i == len(blocks)-1 {
			kept = append(kept, blocks[i:]...)
			break
		}
		if b = s.lines(b); b == "" || i < standfirsts && repeats(b, blocks[i+1:]) {
			continue
		}
		kept = append(kept, b)
	}
	if out := strings.Join(kept, "\n\n"); out != "" {
		return out
	}
	return text
}

// lines drops the lines of a block that are title, byline or date.
func (s *stripper) lines(block string) string {
	var kept []string
	for l := range strings.Lines(block) {
		if l = strings.TrimSuffix(l, "\n"); !s.isTitle(l) && !s.isFurniture(l) {
			kept = append(kept, l)
		}
	}
	return strings.Join(kept, "\n")
}

func (s *stripper) isTitle(l string) bool {
	q := squeeze(strings.TrimPrefix(l, "- "))
	for _, t := range s.titles {
		// A title element carries the site's name behind the title, a heading
		// sometimes less than the whole title.
		if q == t || len(q) >= 12 && len(q)*2 > len(t) && strings.HasPrefix(t, q) {
			return true
		}
	}
	return false
}

// isFurniture says whether a line is nothing but numbers, the words of dates
// and bylines, and the names of the author, the site and the section.
func (s *stripper) isFurniture(l string) bool {
	if len(l) > 400 {
		return false
	}
	ws := words(l)
	if len(ws) == 0 {
		return true
	}
	if len(ws) > shortBlock && Weight(l) > 6*shortBlock {
		return false
	}
	if creditLine(l, len(ws)) {
		return true
	}
	for _, w := range ws {
		if w[0] >= '0' && w[0] <= '9' || s.allowed[w] || furniture[w] {
			continue
		}
		return false
	}
	return true
}

// labels stand in the lines in which Chinese pages credit source and author,
// who need not be named anywhere else.
var labels = []string{"来源：", "来源:", "來源：", "作者：", "作者:", "责任编辑：", "责任编辑:", "编辑：", "编辑:", "記者：", "记者："}

// creditLine knows a short line that begins with a date or a label and has a label.
func creditLine(l string, n int) bool {
	if n > 50 || strings.ContainsAny(l, "。！？") {
		return false
	}
	for _, label := range labels {
		if i := strings.Index(l, label); i == 0 || i > 0 && l[0] >= '0' && l[0] <= '9' {
			return true
		}
	}
	return false
}

// repeats says whether the text after it says all of a short block again.
func repeats(block string, after []string) bool {
	ws := words(block)
	if len(ws) < 5 || len(ws) > 120 {
		return false
	}
	rest := strings.Join(words(strings.Join(after[:min(len(after), 12)], " ")), " ")
	found, total := 0, 0
	for i := 0; i+3 <= len(ws); i++ {
		total++
		if strings.Contains(rest, strings.Join(ws[i:i+3], " ")) {
			found++
		}
	}
	return float64(found) >= coveredShare*float64(total)
}

// furniture is the words of dates and bylines in the languages most read here.
var furniture = set(`
	jan january feb february mar march apr april may jun june jul july aug august sep sept september oct october nov november dec december
	mon monday tue tues tuesday wed wednesday thu thur thurs thursday fri friday sat saturday sun sunday
	am pm est edt cst cdt pst pdt gmt utc bst cet cest ist msk et pt a m p
	by written updated update published posted last modified first created on at and in min mins minute minutes hour hours day days ago read time
	from staff reporter correspondent editor photo photos image share print email comments comment
	января февраля марта апреля мая июня июля августа сентября октября ноября декабря янв фев мар апр июн июл авг сен сент окт ноя дек
	понедельник вторник среда четверг пятница суббота воскресенье сегодня вчера г года в мск обновлено опубликовано автор текст фото
	січня лютого березня квітня травня червня липня серпня вересня жовтня листопада грудня
	januar februar märz april mai juni juli oktober dezember uhr von am um aktualisiert veröffentlicht stand montag dienstag mittwoch donnerstag freitag samstag sonntag
	janvier février mars avril juin juillet août septembre octobre novembre décembre publié mis à jour le par à lundi mardi mercredi jeudi vendredi samedi dimanche
	enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre publicado actualizado por el de a las hora
	gennaio febbraio aprile maggio giugno luglio settembre ottobre dicembre pubblicato aggiornato di il alle ore
	年 月 日 时 時 分 秒 星 期 周 来 源 來 发 發 布 表 于 於 作 者 编 編 辑 輯 责 責 任 记 記 更 新 时 间 間 上 午 下 点 點 字 号 號 大 中 小 评 论 分 享 到 阅 读 閱 讀 人 参 与 打 印
	오전 오후 입력 수정 기자`)

func set(list string) map[string]bool {
	m := make(map[string]bool)
	for w := range strings.FieldsSeq(list) {
		m[w] = true
	}
	return m
}
