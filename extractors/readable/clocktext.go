package readable

import (
	"strings"
	"time"
	"unicode/utf8"
)

// clock sets the time of a stamp: the time of day beside the date, if there is one.
func (r *dateReader) clock(s string, st *stamp, next, first, y, m, d int) {
	loc := time.UTC
	hour, minute, sec, nano := 0, 0, 0, 0
	c, ok := r.clockAfter(s, next)
	if !ok {
		// Wed May 12 15:04:05 2024: within
		for k := first; k+2 < next && !ok; k++ {
			if r.num(k, 2) && strings.TrimSpace(r.text(s, k+1)) == ":" {
				c, ok = r.clockAt(s, k)
				c.next = next
			}
		}
	}
	if !ok {
		c, ok = r.clockBefore(s, first)
		c.next = next
	}
	if ok {
		st.clock = true
		hour, minute, sec, nano = c.hour, c.minute, c.sec, c.nano
		st.end = max(st.end, r.tokens[c.next-1].end)
		switch {
		case c.zone != nil:
			loc, st.zoned = c.zone, true
		case r.zone != nil:
			loc = r.zone
		}
	}
	st.t = time.Date(y, time.Month(m), d, hour, minute, sec, nano, loc)
}

type clockTime struct {
	hour, minute, sec, nano, next int
	zone                          *time.Location
}

// clockAfter reads a time of day that follows a date within a few words.
func (r *dateReader) clockAfter(s string, i int) (clockTime, bool) {
	half, intro := 0, false
	for range 7 {
		if i >= len(r.tokens) {
			break
		}
		t := r.tokens[i]
		switch t.kind {
		case 'n':
			c, ok := r.clockAt(s, i)
			if !ok && intro && t.digits <= 2 && t.n < 24 {
				c, ok = r.dotted(s, i)
			}
			if ok && half == 12 && c.hour < 12 {
				c.hour += 12
			}
			return c, ok
		case 'w':
			w := strings.ToLower(r.text(s, i))
			switch {
			case w == "下" || w == "後" || w == "후":
				half = 12
			case w == "上" || w == "前" || w == "전" || w == "午" || w == "오":
			case w == "晚":
				half = 12
			case beforeClock[w]:
				intro = intro || w != "t"
			case weekdays[w] || utf8.RuneCountInString(w) == 1 && wide(firstRune(w)):
			default:
				return clockTime{}, false
			}
		default:
			if strings.ContainsAny(r.text(s, i), ";!?") || t.end-t.start > 12 {
				return clockTime{}, false
			}
		}
		i++
	}
	return clockTime{}, false
}

func firstRune(s string) rune {
	c, _ := utf8.DecodeRuneInString(s)
	return c
}

var beforeClock = map[string]bool{
	"t": true, "at": true, "um": true, "kl": true, "klo": true, "в": true, "о": true, "об": true, "à": true, "alle": true, "ore": true, "às": true,
	"as": true, "a": true, "las": true, "la": true, "on": true, "saat": true, "ob": true, "o": true, "godz": true, "g": true, "г": true, "года": true, "р": true, "року": true,
	"u": true, "om": true, "the": true, "time": true, "hora": true, "heure": true, "ora": true, "в.": true, "pukul": true, "lúc": true, "h": true, "от": true,
	"time:": true, "год": true, "ч": true, "los": true, "orë": true, "час": true, "เวลา": true, "الساعة": true, "klo.": true, "de": true,
}

var weekdays = map[string]bool{
	"mon": true, "tue": true, "wed": true, "thu": true, "fri": true, "sat": true, "sun": true,
	"monday": true, "tuesday": true, "wednesday": true, "thursday": true, "friday": true, "saturday": true, "sunday": true,
}

// clockAt reads 15:04, 3:04 pm, 15:04:05.123+08:00, 15h04, 15时04分.
func (r *dateReader) clockAt(s string, i int) (clockTime, bool) {
	var c clockTime
	if !r.num(i, 2) || !r.num(i+2, 2) || r.tokens[i+2].digits != 2 && !wide(firstRune(r.text(s, i+1))) {
		if r.num(i, 2) { // 3 pm
			if half, next := r.half(s, i+1); half >= 0 && r.tokens[i].n <= 12 && r.tokens[i].n > 0 {
				c.hour, c.next = r.tokens[i].n%12+half, next
				c.zone, c.next = r.zoneAt(s, c.next)
				return c, true
			}
		}
		return c, false
	}
	switch strings.TrimSpace(r.text(s, i+1)) {
	case ":", "：", "h", "H", "时", "時", "点", "點", "시", "∶":
	default:
		if half, _ := r.half(s, i+3); half < 0 || strings.TrimSpace(r.text(s, i+1)) != "." {
			return c, false
		}
	}
	c.hour, c.minute, c.next = r.tokens[i].n, r.tokens[i+2].n, i+3
	if c.hour > 24 || c.minute > 59 {
		return c, false
	}
	if w := r.word(s, c.next); w == "分" || w == "분" {
		c.next++
	} else if sep := r.text(s, c.next); (sep == ":" || sep == "：") && r.num(c.next+1, 2) && r.tokens[c.next+1].n < 60 {
		c.sec, c.next = r.tokens[c.next+1].n, c.next+2
		if sep := r.text(s, c.next); (sep == "." || sep == ",") && r.num(c.next+1, 9) {
			c.nano = r.tokens[c.next+1].n
			for n := r.tokens[c.next+1].digits; n < 9; n++ {
				c.nano *= 10
			}
			c.next += 2
		}
	}
	if half, next := r.half(s, c.next); half >= 0 && c.hour <= 12 {
		c.hour, c.next = c.hour%12+half, next
	}
	if c.hour == 24 {
		c.hour = 0
	}
	c.zone, c.next = r.zoneAt(s, c.next)
	return c, true
}

// dotted reads 15.04 where a word told that a time of day comes.
func (r *dateReader) dotted(s string, i int) (clockTime, bool) {
	if r.text(s, i+1) != "." || !r.num(i+2, 2) || r.tokens[i+2].digits != 2 || r.tokens[i+2].n > 59 || r.sep(s, i+3) == "." && r.num(i+4, 4) {
		return clockTime{}, false
	}
	c := clockTime{hour: r.tokens[i].n, minute: r.tokens[i+2].n}
	c.zone, c.next = r.zoneAt(s, i+3)
	return c, true
}

// clockBefore reads a time of day that ends just before token i.
func (r *dateReader) clockBefore(s string, i int) (clockTime, bool) {
	for k := i - 1; k >= max(0, i-9); k-- {
		if r.num(k, 2) && k >= 2 && r.num(k-2, 2) {
			if sep := r.text(s, k-1); sep != ":" {
				return clockTime{}, false
			}
			if k >= 4 && r.text(s, k-3) == ":" && r.num(k-4, 2) {
				k -= 2
			}
			return r.clockAt(s, k-2)
		}
		if r.tokens[k].kind == 'n' {
			return clockTime{}, false
		}
		if r.tokens[k].kind == 'w' && r.tokens[k].end-r.tokens[k].start > 8 {
			return clockTime{}, false
		}
	}
	return clockTime{}, false
}

// half says which half of the day stands at i: 0 for am, 12 for pm, -1 for none.
func (r *dateReader) half(s string, i int) (hours, next int) {
	i = r.blank(s, i)
	switch w := strings.ToLower(r.word(s, i)); w {
	case "am", "pm":
		hours = 0
		if w == "pm" {
			hours = 12
		}
		return hours, i + 1
	case "a", "p":
		if r.text(s, i+1) == "." && strings.EqualFold(r.word(s, i+2), "m") {
			if w == "p" {
				hours = 12
			}
			return hours, i + 3
		}
	}
	return -1, i
}

// zoneAt reads a zone: Z, UTC, GMT+8, +08:00, -0500, EDT, мск.
func (r *dateReader) zoneAt(s string, i int) (*time.Location, int) {
	j := r.blank(s, i)
	if j > i && j < len(r.tokens) && r.tokens[j].kind == 's' {
		return nil, i
	}
	if t := r.text(s, j); j < len(r.tokens) && r.tokens[j].kind == 's' && strings.HasPrefix(t, "(") {
		j++
	}
	if w := r.word(s, j); w != "" {
		if off, ok := zoneNames[strings.ToLower(w)]; ok {
			if off == 0 {
				if loc, next := r.offset(s, j+1); loc != nil {
					return loc, next
				}
			}
			return fixed(off), j + 1
		}
		return nil, i
	}
	if loc, next := r.offset(s, i); loc != nil {
		return loc, next
	}
	return nil, i
}

func (r *dateReader) offset(s string, i int) (*time.Location, int) {
	if i >= len(r.tokens) || r.tokens[i].kind != 's' || !r.num(i+1, 4) {
		return nil, i
	}
	sign := strings.TrimSpace(r.text(s, i))
	if sign != "+" && sign != "-" && sign != "−" {
		return nil, i
	}
	t := r.tokens[i+1]
	h, m, next := t.n, 0, i+2
	switch {
	case t.digits >= 3:
		h, m = t.n/100, t.n%100
	case r.text(s, i+2) == ":" && r.num(i+3, 2):
		m, next = r.tokens[i+3].n, i+4
	}
	if h > 14 || m > 59 {
		return nil, i
	}
	off := h*3600 + m*60
	if sign != "+" {
		off = -off
	}
	return fixed(off), next
}

// fixed is the zone of an offset in seconds.
func fixed(off int) *time.Location {
	if off == 0 {
		return time.UTC
	}
	return time.FixedZone("", off)
}

// zoneNames are offsets in seconds. Those that several zones share are left out.
var zoneNames = map[string]int{
	"z": 0, "utc": 0, "gmt": 0, "wet": 0, "bst": 3600, "cet": 3600, "mez": 3600, "cest": 7200, "mesz": 7200, "eet": 7200, "eest": 10800,
	"msk": 10800, "мск": 10800, "trt": 10800, "pkt": 18000, "sgt": 28800, "hkt": 28800, "jst": 32400, "kst": 32400, "wib": 25200,
	"aest": 36000, "aedt": 39600, "nzst": 43200, "nzdt": 46800,
	"est": -18000, "edt": -14400, "et": -14400, "cdt": -18000, "mst": -25200, "mdt": -21600, "pst": -28800, "pdt": -25200, "pt": -25200,
}
