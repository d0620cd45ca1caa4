package titles

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/newswatch/newswatch/extractors/readable/internal/content"
)

// Features of a candidate: first some for each place, then some of its own.
const (
	whole    = iota // 2: the place says it, 1: it does without the site's name, -1: there is no such place
	within          // it is the beginning (3), the end (2), the middle (1) of what the place says
	around          // what the place says is its beginning (3), its end (2), its middle (1)
	standing        // of a heading that says it
	perPlace
)

const (
	agreeing     = iota // how many say it
	agreeingKind        // in how many kinds of places
	inOthers            // how many say it and more
	beginsOthers        // how many begin with it
	runes
	wordCount
	relative // length beside the longest candidate's
	isSite
	hasSite // it begins or ends with the site's name
	ofSlug  // share of its words that the address has
	slugLen
	slugLead // ofSlug, less the best of the other candidates'
	slugHeld // share of the address's words that it has
	ofSummary
	ofLead
	news
	linked
	article
	headings
	candidates
	cutOff // it ends in dots
	bars
	dashes
	colon
	shouts // share of its letters that are capitals
	isPart
	isBare
	spelledBy
	press
	own
)

// Count is how many features a candidate has.
const Count = int(places)*perPlace + own

// Features makes a row for each candidate.
func (p *Page) Features(cs []Candidate) [][]float32 {
	type said struct {
		Place
		whole, bare string
		standing    Standing
	}
	var all []said
	var count [places]int
	for _, s := range p.Said {
		if x := (said{s.Place, Squeeze(s.Text), Squeeze(s.Bare), s.Standing}); x.whole != "" {
			all = append(all, x)
			count[s.Place]++
		}
	}
	longest := 1
	for _, c := range cs {
		longest = max(longest, len(c.key))
	}
	slug := setOf(slugWords(p.Path))
	summary, lead := setOf(content.HashWords(p.Summary)), setOf(content.HashWords(p.Lead))
	rows := make([][]float32, len(cs))
	for i, c := range cs {
		row := make([]float32, Count)
		r := row[int(places)*perPlace:]
		for k := range places {
			if count[k] == 0 {
				row[int(k)*perPlace+whole] = -1
			}
		}
		var seen [places]bool
		for _, s := range all {
			at := row[int(s.Place)*perPlace:][:perPlace]
			same := float32(0)
			switch c.key {
			case s.whole:
				same = 2
			case s.bare:
				same = 1
			}
			in, out := float32(0), float32(0)
			if same < 2 {
				in = lies(c.key, s.whole)
			}
			if same == 0 {
				out = lies(s.bare, c.key)
			} else {
				at[standing] = float32(s.standing)
			}
			at[whole], at[within], at[around] = max(at[whole], same), max(at[within], in), max(at[around], out)
			if s.Place == Ruled {
				continue
			}
			if same > 0 {
				r[agreeing]++
				if !seen[s.Place] {
					seen[s.Place] = true
					r[agreeingKind]++
				}
			}
			if in > 0 {
				r[inOthers]++
			}
			if in == 3 {
				r[beginsOthers]++
			}
		}
		words, slugged := content.HashWords(c.Text), slugWords(c.Text)
		r[runes], r[wordCount] = float32(utf8.RuneCountInString(c.Text)), float32(len(words))
		r[relative] = float32(len(c.key)) / float32(longest)
		r[isSite] = truth(slices.Contains(p.Sites, c.key))
		r[hasSite] = truth(namesSite(p.Sites, c.key))
		r[ofSlug], r[slugLen], r[slugHeld] = share(slugged, slug), float32(len(slug)), held(slug, slugged)
		r[ofSummary], r[ofLead] = share(words, summary), share(words, lead)
		r[news], r[linked], r[article] = truth(p.News), truth(p.Linked), truth(p.Article)
		r[press] = float32(p.Press)
		r[headings], r[candidates] = float32(count[H1]+count[MoreH1]), float32(len(cs))
		r[cutOff] = truth(strings.HasSuffix(c.Text, "…") || strings.HasSuffix(c.Text, "..."))
		r[bars] = truth(strings.ContainsAny(c.Text, "|»›·•｜"))
		r[dashes] = truth(strings.Contains(c.Text, " - ") || strings.Contains(c.Text, " – ") || strings.Contains(c.Text, " — "))
		r[colon] = truth(strings.Contains(c.Text, ": "))
		r[shouts] = capitals(c.Text)
		r[isPart], r[isBare], r[spelledBy] = truth(c.part), truth(c.bare), float32(spelling[c.from])
		rows[i] = row
	}
	for i := range rows {
		best := float32(0)
		for k := range rows {
			if k != i {
				best = max(best, rows[k][int(places)*perPlace+ofSlug])
			}
		}
		r := rows[i][int(places)*perPlace:]
		r[slugLead] = r[ofSlug] - best
	}
	return rows
}

// lies says where a text lies in another: 3 at its beginning, 2 at its end, 1
// within, 0 nowhere.
func lies(part, all string) float32 {
	switch {
	case part == "":
	case strings.HasPrefix(all, part):
		return 3
	case strings.HasSuffix(all, part):
		return 2
	case len(part) >= 8 && strings.Contains(all, part):
		return 1
	}
	return 0
}

func truth(b bool) float32 {
	if b {
		return 1
	}
	return 0
}

func namesSite(sites []string, key string) bool {
	return slices.ContainsFunc(sites, func(s string) bool {
		return len(s) >= 5 && key != s && (strings.HasSuffix(key, s) || strings.HasPrefix(key, s))
	})
}

func setOf(ws []uint64) map[uint64]bool {
	m := make(map[uint64]bool, len(ws))
	for _, w := range ws {
		m[w] = true
	}
	return m
}

// share is how much of the words a set has; -1 where there is nothing to
// compare.
func share(ws []uint64, of map[uint64]bool) float32 {
	if len(of) == 0 || len(ws) == 0 {
		return -1
	}
	n := 0
	for _, w := range ws {
		if of[w] {
			n++
		}
	}
	return float32(n) / float32(len(ws))
}

// held is how much of a set the words have; -1 where it is empty.
func held(set map[uint64]bool, ws []uint64) float32 {
	if len(set) == 0 {
		return -1
	}
	n := 0
	for w := range setOf(ws) {
		if set[w] {
			n++
		}
	}
	return float32(n) / float32(len(set))
}

// slugWords are the words of a text as addresses spell them, those of Latin
// letters only.
func slugWords(s string) []uint64 {
	var b strings.Builder
	for _, r := range strings.ToLower(s) {
		switch {
		case r >= 'a' && r <= 'z' || r >= '0' && r <= '9':
			b.WriteRune(r)
		case latin[r] != "":
			b.WriteString(latin[r])
		case r == '\'' || r == '’':
		default:
			b.WriteByte(' ')
		}
	}
	return content.HashWords(b.String())
}

// latin is how addresses spell letters.
var latin = map[rune]string{
	'ä': "ae", 'ö': "oe", 'ü': "ue", 'ß': "ss", 'æ': "ae", 'à': "a", 'á': "a", 'â': "a", 'ã': "a", 'å': "a", 'ą': "a",
	'ç': "c", 'č': "c", 'ć': "c", 'é': "e", 'è': "e", 'ê': "e", 'ë': "e", 'ę': "e", 'ě': "e", 'ğ': "g",
	'í': "i", 'ì': "i", 'î': "i", 'ï': "i", 'ı': "i", 'ł': "l", 'ñ': "n", 'ń': "n", 'ó': "o", 'ò': "o", 'ô': "o", 'õ': "o", 'ø': "o",
	'ř': "r", 'ş': "s", 'š': "s", 'ś': "s", 'ú': "u", 'ù': "u", 'û': "u", 'ý': "y", 'ž': "z", 'ż': "z", 'ź': "z",
}

// capitals is the share of the letters that are capitals; -1 in scripts
// without.
func capitals(s string) float32 {
	upper, all := 0, 0
	for _, r := range s {
		switch {
		case unicode.IsUpper(r):
			upper++
			all++
		case unicode.IsLower(r):
			all++
		}
	}
	if all == 0 {
		return -1
	}
	return float32(upper) / float32(all)
}
