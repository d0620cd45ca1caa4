package feeds

import (
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/mmcdole/gofeed"

	"github.com/newswatch/newswatch/pipeline"
)

const (
	// futureSlack is how far ahead a publisher's clock may be.
	futureSlack = 15 * time.Minute
	// widestZone is the most that local time is ahead of UTC (Kiribati).
	widestZone = 14 * time.Hour
)

// zoneByLang is the zone of dates that give none, in feeds of a language that
// is mostly written in one zone.
var zoneByLang = map[string]time.Duration{"zh": 8 * time.Hour, "ru": 3 * time.Hour, "ja": 9 * time.Hour, "ko": 9 * time.Hour}

// A dater dates the items of one document.
type dater struct {
	lang     string
	now      time.Time
	zone     time.Duration // of dates that give none
	zoneFrom string        // how that is known

	counts map[string]int // items by where their date comes from
	future int            // dates refused because they lie ahead
}

func newDater(lang string, now time.Time) *dater {
	d := &dater{lang: lang, now: now, zone: zoneByLang[lang], counts: make(map[string]int)}
	if d.zone != 0 {
		d.zoneFrom = "language"
	}
	return d
}

// learn finds the zone of this document's dates without one: the offset that
// the document's own date is given with; else the language's; else, where UTC
// would put items into the future, the least whole hours that do not.
func (d *dater) learn(feeds []*gofeed.Feed) {
	for _, f := range feeds {
		for _, s := range []string{f.Updated, f.Published} {
			if t, zoned, ok := parseDate(s, d.lang, 0); ok && zoned {
				if _, off := t.Zone(); off != 0 {
					d.zone, d.zoneFrom = time.Duration(off)*time.Second, "document"
					return
				}
			}
		}
	}
	if d.zone != 0 {
		return
	}
	var ahead time.Duration
	for _, f := range feeds {
		for _, it := range f.Items {
			if it.PublishedParsed != nil && !it.PublishedParsed.After(d.now) {
				continue // gofeed, too, takes a date without a zone for UTC
			}
			t, zoned, ok := parseDate(it.Published, d.lang, 0)
			if over := t.Sub(d.now); ok && !zoned && over > ahead && over <= widestZone {
				ahead = over
			}
		}
	}
	if ahead > futureSlack {
		d.zone, d.zoneFrom = (ahead + time.Hour - 1).Truncate(time.Hour), "future"
	}
}

// item is when the item was published, and how that is known. gofeed's own
// reading is asked last: it takes zones it does not know for UTC.
func (d *dater) item(it *gofeed.Item) (time.Time, pipeline.DateSource) {
	given := [6]dated{{it.Published, it.PublishedParsed, "published"}, {it.Updated, it.UpdatedParsed, "updated"}}
	n := 2
	if len(it.Custom) > 0 {
		for _, name := range []string{"date", "pubdate", "published", "updated"} {
			given[n] = dated{raw: it.Custom[name], kind: "other"}
			n++
		}
	}
	return d.pick(given[:n]...)
}

// A dated is a date as a document gives it.
type dated struct {
	raw    string
	parsed *time.Time // as gofeed reads it; nil: not at all
	kind   string     // published, updated, other
}

// pick takes the first date that can be true; without one, the first sight.
func (d *dater) pick(given ...dated) (time.Time, pipeline.DateSource) {
	for _, g := range given {
		var t time.Time
		ok := g.parsed != nil
		if ok && isUsual(g.raw) {
			t = *g.parsed
		} else if own, _, read := parseDate(g.raw, d.lang, d.zone); read {
			t, ok = own, true
		} else if ok {
			t = *g.parsed
		}
		switch {
		case !ok || t.Unix() <= 86400:
		case t.After(d.now.Add(futureSlack)):
			d.future++
		default:
			d.counts[g.kind]++
			return t.UTC(), pipeline.DateFromFeed
		}
	}
	d.counts["none"]++
	return d.now, pipeline.DateFromFirstSeen
}

// isUsual says whether the date ends in a zone that gofeed reads as we do: an
// offset of four digits right after the clock, GMT, or Z.
func isUsual(s string) bool {
	s = strings.TrimSpace(s)
	if len(s) < 20 || len(s) > 40 {
		return false
	}
	if clock, ok := strings.CutSuffix(s, " GMT"); ok {
		return isDigit(clock[len(clock)-1])
	}
	if s[len(s)-1] == 'Z' {
		return isDigit(s[len(s)-2]) && s[4] == '-' && s[10] == 'T'
	}
	n := len(s) - len(" +0300")
	return s[n] == ' ' && (s[n+1] == '+' || s[n+1] == '-') && digits(s[n+2:]) == 4 && isDigit(s[n-1])
}

// parseDate reads a date as feeds write them, in English, Russian, Ukrainian
// and Chinese. zone is the offset of a date that gives none; zoned is whether
// it gave one.
func parseDate(s, lang string, zone time.Duration) (t time.Time, zoned, ok bool) {
	s = strings.TrimSpace(s)
	if s == "" || len(s) > 100 {
		return t, false, false
	}
	if t, ok := epoch(s); ok {
		return t, true, true
	}
	var d date
	if !d.read(s, lang) {
		return t, false, false
	}
	return d.time(zone)
}

// epoch reads seconds or milliseconds since 1970, of this century.
func epoch(s string) (time.Time, bool) {
	if len(s) != 10 && len(s) != 13 {
		return time.Time{}, false
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 {
		return time.Time{}, false
	}
	if len(s) == 13 {
		return time.UnixMilli(n).UTC(), true
	}
	// Ten digits could be yyyymmddhh; as an epoch they would be before 1971 or after 2033.
	if n < 946684800 || n >= 2_000_000_000 {
		return time.Time{}, false
	}
	return time.Unix(n, 0).UTC(), true
}

// A date is the parts found so far; -1 is none.
type date struct {
	year, month, day  int
	hour, minute, sec int
	frac              time.Duration
	pm, am            bool
	zone              time.Duration
	zoned             bool
	numbers           []number // that may be a day, a month or a year
}

type number struct {
	value, digits int
}

// read takes the string apart: words, numbers, times, zones.
func (d *date) read(s, lang string) bool {
	*d = date{year: -1, month: -1, day: -1, hour: -1}
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case isDigit(s[i]):
			i += d.readNumber(s[i:])
		case (r == '+' || r == '-' || r == '−') && d.mayHaveOffset() && i+n < len(s) && isDigit(s[i+n]):
			m, ok := d.readOffset(s[i+n:], r != '+')
			if !ok {
				return false
			}
			i += n + m
		case unicode.IsLetter(r):
			j := wordEnd(s[i:])
			if !d.word(s[i:i+j], lang) {
				return false
			}
			i += j
		default:
			i += n
		}
	}
	return d.assign()
}

// mayHaveOffset says whether a sign can begin an offset: the clock stands
// before it, and so does enough of the date that it is no "-04" of one.
func (d *date) mayHaveOffset() bool {
	return d.hour >= 0 && (d.year >= 0 || d.month >= 0 || len(d.numbers) >= 3)
}

// wordEnd is the length of the word at the start of s. Chinese writes no
// blanks: there a word is one character, but for the halves of the day.
func wordEnd(s string) int {
	for _, w := range []string{"上午", "下午", "晚上"} {
		if strings.HasPrefix(s, w) {
			return len(w)
		}
	}
	for i, r := range s {
		if han := unicode.Is(unicode.Han, r); han && i == 0 {
			return utf8.RuneLen(r)
		} else if han || !unicode.IsLetter(r) {
			return i
		}
	}
	return len(s)
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func digits(s string) int {
	n := 0
	for n < len(s) && isDigit(s[n]) {
		n++
	}
	return n
}

// readNumber reads a number, a time, a date of numbers, or a number that a
// Chinese character gives its meaning.
func (d *date) readNumber(s string) int {
	n := digits(s)
	if n > 14 {
		return n
	}
	v, _ := strconv.Atoi(s[:n])
	rest := s[n:]
	switch {
	case n == 14 && d.packed(s[:8]):
		d.hour, _ = strconv.Atoi(s[8:10])
		d.minute, _ = strconv.Atoi(s[10:12])
		d.sec, _ = strconv.Atoi(s[12:14])
		return n
	case n == 8 && d.packed(s[:8]):
		return n
	case n == 6 && d.year >= 0 && d.hour < 0:
		d.hour, d.minute, d.sec = v/10000, v/100%100, v%100
		return n
	case n <= 2 && len(rest) > 2 && rest[0] == ':' && isDigit(rest[1]) && d.hour < 0:
		return n + d.readClock(v, rest)
	}
	for _, u := range []struct {
		mark string
		to   *int
	}{
		{"年", &d.year}, {"月", &d.month}, {"日", &d.day}, {"号", &d.day}, {"时", &d.hour}, {"点", &d.hour}, {"分", &d.minute}, {"秒", &d.sec},
		{"년", &d.year}, {"월", &d.month}, {"일", &d.day}, {"시", &d.hour}, {"분", &d.minute}, {"초", &d.sec},
	} {
		if strings.HasPrefix(rest, u.mark) {
			*u.to = v
			return n + len(u.mark)
		}
	}
	d.numbers = append(d.numbers, number{v, n})
	// "21st", "3rd"
	for _, suffix := range []string{"st", "nd", "rd", "th"} {
		if strings.HasPrefix(rest, suffix) && (len(rest) == 2 || !isLetter(rest[2])) {
			return n + 2
		}
	}
	return n
}

func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }

func (d *date) packed(s string) bool {
	if d.year >= 0 || len(d.numbers) > 0 {
		return false
	}
	d.year, _ = strconv.Atoi(s[:4])
	d.month, _ = strconv.Atoi(s[4:6])
	d.day, _ = strconv.Atoi(s[6:8])
	return true
}

// readClock reads ":MM", ":SS" and a fraction after the hour.
func (d *date) readClock(hour int, s string) int {
	d.hour = hour
	n := 1
	m := min(digits(s[n:]), 2)
	d.minute, _ = strconv.Atoi(s[n : n+m])
	n += m
	if len(s) > n+1 && s[n] == ':' && isDigit(s[n+1]) {
		n++
		m = min(digits(s[n:]), 2)
		d.sec, _ = strconv.Atoi(s[n : n+m])
		n += m
		if len(s) > n+1 && (s[n] == '.' || s[n] == ',') && isDigit(s[n+1]) {
			m = digits(s[n+1:])
			if f, err := strconv.ParseFloat("0."+s[n+1:n+1+m], 64); err == nil {
				d.frac = time.Duration(f * float64(time.Second))
			}
			n += 1 + m
		}
	}
	return n
}

// readOffset reads what follows the sign: 3, 03, 0300, 03:00. A word before it
// (GMT, UTC) is overruled; Olson's inverted signs do not occur.
func (d *date) readOffset(s string, west bool) (n int, ok bool) {
	n = digits(s)
	var h, m int
	switch v, _ := strconv.Atoi(s[:n]); {
	case n <= 2:
		h = v
		if len(s) > n+2 && s[n] == ':' && digits(s[n+1:]) >= 2 {
			m, _ = strconv.Atoi(s[n+1 : n+3])
			n += 3
			// +08:00:00
			if len(s) > n+2 && s[n] == ':' && digits(s[n+1:]) == 2 {
				n += 3
			}
		}
	case n == 3 || n == 4:
		h, m = v/100, v%100
	default:
		return n, false
	}
	if h > 14 || m > 59 {
		return n, false
	}
	d.zone = time.Duration(h)*time.Hour + time.Duration(m)*time.Minute
	if west {
		d.zone = -d.zone
	}
	d.zoned = true
	return n, true
}

// word gives a word its meaning. A word that has none ends the reading: better
// no date than a wrong one.
func (d *date) word(w, lang string) bool {
	lower := strings.ToLower(w)
	switch lower {
	case "am", "上午", "a":
		d.am = true
		return true
	case "pm", "下午", "p", "晚上":
		d.pm = true
		return true
	case "t", "at", "of", "г", "года", "в", "on", "the", "h", "m":
		return true
	}
	if m, ok := months[lower]; ok {
		d.month = m
		return true
	}
	if isWeekday(lower) {
		return true
	}
	if off, ok := zoneOffset(strings.ToUpper(w), lang); ok && d.hour >= 0 {
		if !d.zoned { // "+0300 (MSK)"
			d.zone, d.zoned = off, true
		}
		return true
	}
	return false
}

// assign gives the bare numbers their places.
func (d *date) assign() bool {
	ns := d.numbers
	take := func(to *int) bool {
		if *to >= 0 {
			return true
		}
		if len(ns) == 0 {
			return false
		}
		*to = ns[0].value
		ns = ns[1:]
		return true
	}
	for i, n := range ns {
		if n.digits == 4 && d.year < 0 {
			if i == 0 { // 2025-04-21, 2025 Apr 21
				d.year = n.value
				ns = ns[1:]
				return take(&d.month) && take(&d.day) && len(ns) == 0 && d.valid()
			}
			d.year = n.value
			ns = append(append([]number(nil), ns[:i]...), ns[i+1:]...)
			break
		}
	}
	if d.month < 0 && len(ns) >= 2 && ns[0].value <= 12 && ns[1].value > 12 && d.day < 0 {
		ns[0], ns[1] = ns[1], ns[0] // 04/21/2025 can only be the American order
	}
	if !take(&d.day) || !take(&d.month) {
		return false
	}
	if d.year < 0 {
		// Two digits, RFC 822: 25 is 2025, 97 is 1997.
		if len(ns) != 1 || ns[0].digits != 2 {
			return false
		}
		d.year = 2000 + ns[0].value
		if ns[0].value >= 70 {
			d.year -= 100
		}
		ns = nil
	}
	return len(ns) == 0 && d.valid()
}

func (d *date) valid() bool {
	if d.hour < 0 {
		d.hour, d.minute, d.sec = 0, 0, 0
	}
	if d.pm && d.hour < 12 {
		d.hour += 12
	} else if d.am && d.hour == 12 {
		d.hour = 0
	}
	d.sec = min(d.sec, 59) // leap seconds
	if d.hour == 24 && d.minute == 0 {
		d.hour, d.day = 0, d.day+1 // the last moment of a day
		if d.day > 28 {
			t := time.Date(d.year, time.Month(d.month), d.day, 0, 0, 0, 0, time.UTC)
			d.year, d.month, d.day = t.Year(), int(t.Month()), t.Day()
		}
	}
	return d.year >= 1900 && d.year <= 2200 && d.month >= 1 && d.month <= 12 && d.day >= 1 &&
		d.day <= daysIn(d.year, d.month) && d.hour <= 23 && d.minute <= 59
}

func daysIn(year, month int) int {
	return time.Date(year, time.Month(month)+1, 0, 0, 0, 0, 0, time.UTC).Day()
}

func (d *date) time(zone time.Duration) (time.Time, bool, bool) {
	if d.zoned {
		zone = d.zone
	}
	loc := time.UTC
	if zone != 0 {
		loc = time.FixedZone("", int(zone/time.Second))
	}
	t := time.Date(d.year, time.Month(d.month), d.day, d.hour, d.minute, d.sec, int(d.frac), loc)
	return t, d.zoned, true
}

// months by name and by the abbreviations in use.
var months = monthTable()

func monthTable() map[string]int {
	m := make(map[string]int)
	for _, line := range []string{
		"january february march april may june july august september october november december",
		"jan feb mar apr may jun jul aug sep oct nov dec",
		"января февраля марта апреля мая июня июля августа сентября октября ноября декабря",
		"январь февраль март апрель май июнь июль август сентябрь октябрь ноябрь декабрь",
		"янв фев мар апр мая июн июл авг сен окт ноя дек",
		"янв февр мар апр май июн июл авг сент окт нояб дек",
		"січня лютого березня квітня травня червня липня серпня вересня жовтня листопада грудня",
		"січ лют бер кві тра чер лип сер вер жов лис гру",
	} {
		for i, name := range strings.Fields(line) {
			m[name] = i + 1
		}
	}
	m["sept"], m["juli"], m["juni"] = 9, 7, 6
	return m
}

func isWeekday(w string) bool {
	for _, p := range []string{
		"mon", "tue", "wed", "thu", "fri", "sat", "sun",
		"пн", "вт", "ср", "чт", "пт", "сб", "вс", "нд", "понедельник", "вторник", "сред", "четверг", "пятниц", "суббот", "воскресень",
	} {
		if strings.HasPrefix(w, p) {
			return true
		}
	}
	switch w {
	case "星", "期", "周", "一", "二", "三", "四", "五", "六", "日", "天":
		return true
	}
	return false
}

// zones are the names of zones in hours and minutes east of Greenwich. The
// North American ones are those of RFC 822.
var zones = map[string]int{
	"UT": 0, "UTC": 0, "GMT": 0, "Z": 0, "WET": 0,
	"EST": -500, "EDT": -400, "CDT": -500, "MST": -700, "MDT": -600, "PST": -800, "PDT": -700, "ET": -500, "PT": -800,
	"AKST": -900, "AKDT": -800, "HST": -1000, "AST": -400, "ADT": -300, "NST": -330, "NDT": -230, "BRT": -300, "ART": -300, "CLT": -400,
	"BST": 100, "WEST": 100, "CET": 100, "MET": 100, "WAT": 100, "CEST": 200, "MEST": 200, "EET": 200, "CAT": 200, "SAST": 200,
	"EEST": 300, "MSK": 300, "MSD": 400, "TRT": 300, "EAT": 300, "МСК": 300, "IRST": 330, "SAMT": 400, "GST": 400, "AZT": 400,
	"PKT": 500, "YEKT": 500, "UZT": 500, "NPT": 545, "OMST": 600, "ALMT": 500, "NOVT": 700, "KRAT": 700, "ICT": 700, "WIB": 700,
	"IRKT": 800, "HKT": 800, "SGT": 800, "PHT": 800, "MYT": 800, "AWST": 800, "YAKT": 900, "JST": 900, "KST": 900, "ACST": 930,
	"VLAT": 1000, "AEST": 1000, "ACDT": 1030, "AEDT": 1100, "MAGT": 1100, "PETT": 1200, "NZST": 1200, "NZDT": 1300,
}

func zoneOffset(name, lang string) (time.Duration, bool) {
	hm, ok := zones[name]
	switch name {
	case "CST":
		if hm, ok = -600, true; lang == "zh" {
			hm = 800 // China's
		}
	case "IST":
		if hm, ok = 530, true; lang == "he" {
			hm = 200 // Israel's
		}
	}
	return time.Duration(hm/100)*time.Hour + time.Duration(hm%100)*time.Minute, ok
}
