package readable

import (
	"slices"
	"strings"
	"unicode"

	textblocks "github.com/newswatch/newswatch/extractors/readable/internal/content"
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
	if creditLine(l, len(ws)) || strings.HasPrefix(strings.TrimLeft(l, "（(【["), "原标题") || s.isDated(l) {
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

// isDated says whether a line is a date and what is said with one: the day of the
// week, an outlet, who wrote it.
func (s *stripper) isDated(l string) bool {
	if len(l) > 160 {
		return false
	}
	var r dateReader
	var rest strings.Builder
	at := 0
	r.find(l, func(st stamp) bool {
		rest.WriteString(l[at:st.start])
		rest.WriteByte('|')
		at = st.end
		return true
	})
	if at == 0 {
		return false
	}
	rest.WriteString(l[at:])
	for part := range strings.FieldsFuncSeq(rest.String(), func(c rune) bool { return strings.ContainsRune("|·•[]()（）", c) }) {
		part = strings.Trim(part, " ,.:;-–—")
		if part == "" || isOutlet(part) && len(part) <= 45 || agency(part) {
			continue
		}
		lower := strings.ToLower(part)
		if dayWords[lower] {
			continue
		}
		if slices.ContainsFunc(bywords, func(w string) bool { return strings.HasPrefix(lower, w) }) && len(splitNames(part, true)) > 0 && Weight(part) <= 60 {
			continue
		}
		for _, w := range words(part) {
			if !s.allowed[w] && !furniture[w] && !dayWords[w] && (w[0] < '0' || w[0] > '9') {
				return false
			}
		}
	}
	return true
}

// dayWords, as dates are written with them.
var dayWords = set(`monday tuesday wednesday thursday friday saturday sunday mon tue tues wed thu thur thurs fri sat sun montag dienstag mittwoch donnerstag freitag samstag sonnabend sonntag mo di mi do fr sa so
	lundi mardi mercredi jeudi vendredi samedi dimanche lunes martes miércoles jueves viernes sábado domingo segunda terça quarta quinta sexta feira lunedì martedì mercoledì giovedì venerdì sabato domenica
	понедельник вторник среда четверг пятница суббота воскресенье пн вт ср чт пт сб вс понеділок вівторок середа четвер субота неділя poniedziałek wtorek środa czwartek piątek sobota niedziela
	pazartesi salı çarşamba perşembe cuma cumartesi pazar måndag tisdag onsdag torsdag fredag lördag söndag mandag tirsdag lørdag søndag maandag dinsdag woensdag donderdag vrijdag zaterdag zondag
	à às le el em uhr 기사입력 입력 등록 수정 작성 기사승인 星 期 周`)

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
	ws := textblocks.HashWords(block)
	if len(ws) < 5 || len(ws) > 120 {
		return false
	}
	type three [3]uint64
	found := make(map[three]bool, len(ws))
	for i := 0; i+3 <= len(ws); i++ {
		found[three(ws[i:])] = false
	}
	for _, b := range after[:min(len(after), 12)] {
		rest := textblocks.HashWords(b)
		for i := 0; i+3 <= len(rest); i++ {
			if _, ok := found[three(rest[i:])]; ok {
				found[three(rest[i:])] = true
			}
		}
	}
	n := 0
	for _, ok := range found {
		if ok {
			n++
		}
	}
	return float64(n) >= coveredShare*float64(len(found))
}

// furniture is the words of dates and bylines.
var furniture = set(textblocks.DateWords)

func set(list string) map[string]bool {
	m := make(map[string]bool)
	for w := range strings.FieldsSeq(list) {
		m[w] = true
	}
	return m
}
