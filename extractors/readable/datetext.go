package readable

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// A stamp is a date as a page writes it.
type stamp struct {
	t         time.Time // in the page's own zone, UTC where none is given
	clock     bool      // it has a time of day
	zoned     bool      // it has a zone
	ambiguous bool      // day and month might be the other way round
	start     int       // where it stands in the text
	end       int
}

// A dateReader finds the dates in a text. It is made for one page, because the
// order of day and month in 5/12/2024 depends on the page's language.
type dateReader struct {
	monthFirst bool
	zone       *time.Location // of times of day without one; nil: UTC
	tokens     []dateToken
}

type dateToken struct {
	kind       byte // 'n' number, 'w' word, 's' what is between
	start, end int
	n, digits  int // value and length of a number
}

const maxDateTokens = 400

// date is the date that a value of the metadata holds.
func (r *dateReader) date(s string) (stamp, bool) {
	if s = strings.TrimSpace(s); s == "" {
		return stamp{}, false
	}
	s = s[:min(len(s), 120)]
	if t, ok := packedTime(s); ok {
		return t, true
	}
	var got stamp
	found := false
	r.find(s, func(st stamp) bool {
		got, found = st, true
		return false
	})
	return got, found
}

// find calls fn with every date in the text until it answers false.
func (r *dateReader) find(s string, fn func(stamp) bool) {
	r.split(s)
	for i := 0; i < len(r.tokens); i++ {
		if r.tokens[i].kind != 'n' {
			continue
		}
		st, next, ok := r.at(s, i)
		if !ok {
			continue
		}
		if !fn(st) {
			return
		}
		i = next - 1
	}
}

func (r *dateReader) split(s string) {
	r.tokens = r.tokens[:0]
	for i := 0; i < len(s) && len(r.tokens) < maxDateTokens; {
		c, size := utf8.DecodeRuneInString(s[i:])
		kind, n := byte('s'), 0
		if d, ok := digit(c); ok {
			kind, n = 'n', d
		} else if unicode.IsLetter(c) || unicode.IsMark(c) {
			kind = 'w'
		}
		last := len(r.tokens) - 1
		if last >= 0 && r.tokens[last].kind == kind && r.tokens[last].end == i && (kind != 'w' || !wide(c) && !r.wideAt(s, last)) {
			t := &r.tokens[last]
			t.end = i + size
			if kind == 'n' && t.digits < 9 {
				t.n = t.n*10 + n
			}
			t.digits++
		} else {
			r.tokens = append(r.tokens, dateToken{kind: kind, start: i, end: i + size, n: n, digits: 1})
		}
		i += size
	}
}

func (r *dateReader) wideAt(s string, i int) bool {
	c, _ := utf8.DecodeRuneInString(s[r.tokens[i].start:])
	return wide(c)
}

// zeroes are the zeroes of the digits that dates are written in.
var zeroes = []rune{'0', 0x660, 0x6f0, 0x966, 0x9e6, 0xe50, 0xff10}

func digit(c rune) (int, bool) {
	if c < 0x80 {
		return int(c - '0'), '0' <= c && c <= '9'
	}
	for _, z := range zeroes[1:] {
		if z <= c && c < z+10 {
			return int(c - z), true
		}
	}
	return 0, false
}

func (r *dateReader) num(i, maxDigits int) bool {
	return i >= 0 && i < len(r.tokens) && r.tokens[i].kind == 'n' && r.tokens[i].digits <= maxDigits
}

func (r *dateReader) year(i int) bool { return r.num(i, 4) && r.tokens[i].digits == 4 }

func (r *dateReader) text(s string, i int) string {
	if i < 0 || i >= len(r.tokens) {
		return ""
	}
	return s[r.tokens[i].start:r.tokens[i].end]
}

func (r *dateReader) word(s string, i int) string {
	if i < 0 || i >= len(r.tokens) || r.tokens[i].kind != 'w' {
		return ""
	}
	return r.text(s, i)
}

// sep is what stands at i between two parts, without its spaces; "" for what
// is no separator.
func (r *dateReader) sep(s string, i int) string {
	if i < 0 || i >= len(r.tokens) || r.tokens[i].kind != 's' {
		return ""
	}
	t := strings.TrimSpace(r.text(s, i))
	switch t {
	case "-", "/", ".", "‑", "–", "．", "／":
		return t
	}
	return ""
}

// skip goes over blanks, dots and commas.
func (r *dateReader) skip(s string, i int) int {
	if i < len(r.tokens) && r.tokens[i].kind == 's' {
		switch strings.Trim(r.text(s, i), " \u00a0\u202f\t.,،-'’º°ª/") {
		case "":
			return i + 1
		}
	}
	return i
}

// at reads the date whose first number is token i; next is the token after it.
func (r *dateReader) at(s string, i int) (st stamp, next int, ok bool) {
	var y, m, d int
	first := i
	ambiguous := false
	switch t := r.tokens[i]; {
	case t.digits == 4:
		y, m, d, next = r.yearFirst(s, i)
	case t.digits <= 2:
		if y, m, d, next, ambiguous = r.numeric(s, i); next == 0 {
			if y, m, d, next = r.dayFirst(s, i); next == 0 {
				y, m, d, next, first = r.monthBefore(s, i)
			}
		}
	}
	if next == 0 {
		return stamp{}, 0, false
	}
	if y > 2400 && y < 2700 { // Thai
		y -= 543
	}
	if !validDay(y, m, d) {
		return stamp{}, 0, false
	}
	st = stamp{ambiguous: ambiguous, start: r.tokens[first].start, end: r.tokens[next-1].end}
	r.clock(s, &st, next, first, y, m, d)
	for next < len(r.tokens) && r.tokens[next].end <= st.end {
		next++
	}
	return st, next, true
}

// yearFirst reads 2024-05-12, 2024年5月12日, 2024. 5. 12., 2024 m. gegužės 12.
func (r *dateReader) yearFirst(s string, i int) (y, m, d, next int) {
	y = r.tokens[i].n
	if y < 1990 || y > 2100 && (y < 2533 || y > 2643) {
		return
	}
	if sep := r.sep(s, i+1); sep != "" && r.num(i+2, 2) {
		if sep2 := r.sep(s, i+3); sep2 == sep && r.num(i+4, 2) {
			return y, r.tokens[i+2].n, r.tokens[i+4].n, i + 5
		}
		return
	}
	j := i + 1
	if w := r.word(s, r.blank(s, j)); w == "年" || w == "년" {
		j = r.blank(s, r.blank(s, j)+1)
		if !r.num(j, 2) {
			return
		}
		m = r.tokens[j].n
		j = r.blank(s, j+1)
		if w := r.word(s, j); w != "月" && w != "월" {
			return
		}
		if j = r.blank(s, j+1); !r.num(j, 2) {
			return
		}
		d, next = r.tokens[j].n, j+1
		if k := r.blank(s, next); k < len(r.tokens) {
			if w := r.word(s, k); w == "日" || w == "일" || w == "号" || w == "號" {
				next = k + 1
			}
		}
		return
	}
	j = r.skip(s, j)
	if w := r.word(s, j); w == "m" || w == "metų" || w == "gada" || w == "g" {
		j = r.skip(s, j+1)
	}
	if m = month(r.word(s, j)); m == 0 {
		return
	}
	if j = r.skip(s, j+1); !r.num(j, 2) {
		return
	}
	return y, m, r.tokens[j].n, j + 1
}

// blank goes over a token of nothing but blanks.
func (r *dateReader) blank(s string, i int) int {
	if i < len(r.tokens) && r.tokens[i].kind == 's' && strings.TrimSpace(r.text(s, i)) == "" {
		return i + 1
	}
	return i
}

// numeric reads 12.05.2024, 5/12/2024, 12-05-2024 and, with dots or strokes, 12.05.24.
func (r *dateReader) numeric(s string, i int) (y, m, d, next int, ambiguous bool) {
	sep := r.sep(s, i+1)
	if sep == "" || !r.num(i+2, 2) || r.sep(s, i+3) != sep || !r.num(i+4, 4) {
		return
	}
	a, b, t := r.tokens[i].n, r.tokens[i+2].n, r.tokens[i+4]
	y = t.n
	switch {
	case t.digits == 4:
	case t.digits == 2 && sep != "-" && sep != "–" && t.n <= 60 && t.n > 0 && r.sep(s, i+5) == "":
		y += 2000
	case t.digits == 2 && sep != "-" && sep != "–" && r.sep(s, i+5) == "." && t.n <= 60:
		y += 2000 // at the end of a sentence
	default:
		return 0, 0, 0, 0, false
	}
	d, m = a, b
	if b > 12 || r.monthFirst && sep == "/" && a <= 12 {
		d, m = b, a
	}
	return y, m, d, i + 5, sep == "/" && a <= 12 && b <= 12 && a != b
}

// dayFirst reads 12 May 2024, 12th of May, 2024, 12. Mai 2024, 12 de mayo de 2024, ngày 12 tháng 5 năm 2024.
func (r *dateReader) dayFirst(s string, i int) (y, m, d, next int) {
	d = r.tokens[i].n
	j := r.skip(s, i+1)
	for range 2 {
		if w := r.word(s, j); w != "" && len(w) <= 3 && between[strings.ToLower(w)] {
			j = r.skip(s, j+1)
		}
	}
	w := r.word(s, j)
	if strings.EqualFold(w, "tháng") {
		if j = r.blank(s, j+1); !r.num(j, 2) {
			return
		}
		m = r.tokens[j].n
	} else if m = month(w); m == 0 {
		return
	}
	j = r.skip(s, j+1)
	if w := r.word(s, j); w != "" && (between[strings.ToLower(w)] || strings.EqualFold(w, "năm")) {
		j = r.skip(s, j+1)
	}
	if w := r.word(s, j); w == "พ" { // พ.ศ.
		j = r.skip(s, r.skip(s, j+1)+1)
	}
	if !r.year(j) {
		return
	}
	return r.tokens[j].n, m, d, j + 1
}

// between are words and endings that stand between the parts of a date.
var between = map[string]bool{
	"st": true, "nd": true, "rd": true, "th": true, "er": true, "of": true, "de": true, "del": true, "di": true, "do": true, "den": true,
	"da": true, "го": true, "a": true, "o": true, "e": true, "ro": true, "м": true, "ם": true, "ב": true, "d": true, "al": true, "í": true, "i": true,
}

// monthBefore reads May 12, 2024 and Wed May 12 15:04:05 MST 2024.
func (r *dateReader) monthBefore(s string, i int) (y, m, d, next, first int) {
	first = i - 1
	if first >= 0 && r.tokens[first].kind == 's' {
		if strings.Trim(r.text(s, first), " \u00a0\u202f\t.,") != "" {
			return 0, 0, 0, 0, i
		}
		first--
	}
	if m = month(r.word(s, first)); m == 0 {
		return 0, 0, 0, 0, i
	}
	d = r.tokens[i].n
	j := i + 1
	if w := r.word(s, j); between[strings.ToLower(w)] && len(w) == 2 {
		j++
	}
	j = r.skip(s, j)
	if r.year(j) {
		return r.tokens[j].n, m, d, j + 1, first
	}
	// the clock between day and year
	for k := j; k < min(j+12, len(r.tokens)); k++ {
		if k > j+3 && r.year(k) && r.num(j, 2) && strings.TrimSpace(r.text(s, j+1)) == ":" {
			return r.tokens[k].n, m, d, k + 1, first
		}
	}
	return 0, 0, 0, 0, i
}

func validDay(y, m, d int) bool {
	if y < 1990 || y > 2100 || m < 1 || m > 12 || d < 1 || d > 31 {
		return false
	}
	return d <= 28 || time.Date(y, time.Month(m), d, 0, 0, 0, 0, time.UTC).Day() == d
}

// packedTime reads 20240512, 20240512T150405Z, 20240512150405 and seconds or milliseconds
// since 1970.
func packedTime(s string) (stamp, bool) {
	digits := 0
	for digits < len(s) && '0' <= s[digits] && s[digits] <= '9' {
		digits++
	}
	num := func(a, b int) int {
		n := 0
		for _, c := range s[a:b] {
			n = n*10 + int(c-'0')
		}
		return n
	}
	rest := s[digits:]
	switch {
	case digits == 14 && rest == "" || digits == 8 && len(rest) >= 7 && rest[0] == 'T':
		day, tail := s[:8], s[8:]
		zoned := strings.HasSuffix(tail, "Z")
		tail = strings.TrimSuffix(strings.TrimPrefix(tail, "T"), "Z")
		t, err := time.Parse("20060102150405", day+tail)
		if err != nil || !validDay(t.Year(), int(t.Month()), t.Day()) {
			return stamp{}, false
		}
		return stamp{t: t, clock: true, zoned: zoned}, true
	case digits == 8 && rest == "":
		y, m, d := num(0, 4), num(4, 6), num(6, 8)
		if !validDay(y, m, d) {
			return stamp{}, false
		}
		return stamp{t: time.Date(y, time.Month(m), d, 0, 0, 0, 0, time.UTC)}, true
	case digits == 10 && (rest == "" || rest[0] == '.'):
		return stamp{t: time.Unix(int64(num(0, 10)), 0).UTC(), clock: true, zoned: true}, true
	case digits == 13 && rest == "":
		return stamp{t: time.UnixMilli(int64(num(0, 13))).UTC(), clock: true, zoned: true}, true
	}
	return stamp{}, false
}
