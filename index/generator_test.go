package index

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/newswatch/newswatch/extractors/textnorm"
	"github.com/newswatch/newswatch/index/query"
	"github.com/newswatch/newswatch/pipeline"
)

// A generator makes queries of the whole language of the words of articles.
// Most of a query is about one article, so that what must all be true can be,
// and of words the rare ones come as often as the frequent ones.
type generator struct {
	*rand.Rand
	articles []pipeline.Article
	frequent map[string]int // of a term: how many of some articles have it
	in       string         // the field that words are taken from; empty: either
}

// frequencySample is how many articles a generator counts terms in.
const frequencySample = 2000

func newGenerator(rng *rand.Rand, as []pipeline.Article) *generator {
	g := &generator{Rand: rng, articles: as, frequent: make(map[string]int)}
	step := len(as)/frequencySample + 1
	for i := 0; i < len(as); i += step {
		seen := make(map[string]bool)
		for _, t := range textnorm.Analyze(nil, as[i].Text) {
			if !seen[t.Term] {
				seen[t.Term] = true
				g.frequent[t.Term]++
			}
		}
	}
	return g
}

// query is a query that parses.
func (g *generator) query(depth int) string {
	for {
		text := g.node(g.IntN(depth+1), g.article()) // what is alone shows its faults best
		if _, err := query.Parse(text, when); err == nil {
			return text
		}
	}
}

// node is a query that the article often matches.
func (g *generator) node(depth int, a *pipeline.Article) string {
	if depth == 0 || g.IntN(4) == 0 {
		return g.leaf(a)
	}
	switch g.IntN(10) {
	case 0:
		return g.node(depth-1, a) + " OR " + g.node(depth-1, g.article())
	case 1:
		return g.pick("-", "NOT ") + "(" + g.node(depth-1, g.article()) + ")"
	case 2:
		return g.group(g.node(depth-1, a)) + g.pick(" ", " AND ") + g.group(g.node(depth-1, a))
	case 3:
		return g.node(depth-1, a) + " -" + g.leaf(g.article())
	case 4:
		return g.text(a) + " " + g.text(a)
	case 5:
		return g.pick("title:", "body:", "TITLE：") + g.group(g.inner(a)+g.pick(" OR ", " ", " -", " AND NOT ")+g.inner(a))
	case 6:
		return "NOT (" + g.node(depth-1, g.article()) + " -(" + g.node(depth-1, a) + "))"
	case 7:
		return g.text(a) + g.pick(" -(", " NOT (") + g.node(depth-1, g.article()) + " OR " + g.node(depth-1, g.article()) + ")"
	default:
		return g.node(depth-1, a) + " " + g.leaf(a)
	}
}

// inner is what may stand in a group of title: or body:.
func (g *generator) inner(a *pipeline.Article) string {
	switch g.IntN(6) {
	case 0:
		return quote(g.words(a, 2))
	case 1:
		return g.bare(a) + fmt.Sprintf(" NEAR/%d ", 1+g.IntN(20)) + g.bare(a)
	case 2:
		return g.prefix(a)
	case 3:
		return "=" + quote(g.words(a, 1))
	default:
		return g.bare(a)
	}
}

func (g *generator) group(inner string) string {
	if g.IntN(8) == 0 {
		return "（" + inner + "）"
	}
	return "(" + inner + ")"
}

func (g *generator) pick(of ...string) string { return of[g.IntN(len(of))] }

func (g *generator) article() *pipeline.Article { return &g.articles[g.IntN(len(g.articles))] }

// leaf is anything but words, once in three times.
func (g *generator) leaf(a *pipeline.Article) string {
	if g.IntN(3) > 0 {
		return g.text(a)
	}
	switch g.IntN(17) {
	case 0:
		return g.pick("entity:", "about:") + g.pick("china", "zhongguo", "russia", "us", "none", "(china OR us)", "(china -us)")
	case 1:
		return g.pick("", "-") + "lang:" + g.pick(a.Lang, a.Lang, "(ru OR zh)", "EN")
	case 2:
		return g.pick("source:"+a.Source, "country:"+a.Country, "kind:place", "kind:person", "country:(ru OR cn)")
	case 3:
		return g.pick("after:", "before:") + a.Published.Format(g.pick(time.RFC3339, time.DateOnly, time.RFC3339Nano))
	case 4:
		return g.pick("has:mention", "-has:mention")
	case 5:
		return g.pick("is:copy", "-is:copy")
	case 6:
		return fmt.Sprintf("last:%d%s", 1+g.IntN(40), g.pick("h", "d", "d", "w", "m", "y"))
	case 7:
		return "site:" + g.pick("news.example", "example", "https://news.example/1", "other.example", "*.example")
	case 8:
		return "story:" + g.pick(a.ID, a.Story+"x", "("+a.ID+" OR "+a.Story+"y)")
	case 9:
		return "key:" + a.Key
	case 10:
		return "author:" + g.pick("Gabuev", "петров", `"Jane O’Neill"`, "王小明", `"AT&T"`, `"иван петров"`, "(Gabuev -Jane)")
	case 11:
		return "tag:" + g.pick("daily", `"Foreign Policy"`, "科技", `"c++"`, "none", "(daily OR 科技)")
	case 12, 13:
		return "after:" + a.Published.Format(time.RFC3339) + " before:" + a.Published.AddDate(0, 0, 1+g.IntN(20)).Format(time.RFC3339)
	case 14: // what there is much of, with what there is not
		return g.pick("lang:"+a.Lang, "source:"+a.Source, "last:6m") + " " + g.bare(a)
	case 15:
		return g.bare(a) + " after:" + a.Published.AddDate(0, 0, -g.IntN(30)).Format(time.DateOnly)
	default:
		return "*"
	}
}

// text is something that is looked for in title and text.
func (g *generator) text(a *pipeline.Article) string {
	field := g.pick("", "", "", "", "title:", "body:", "Body:")
	g.in = strings.ToLower(strings.TrimSuffix(field, ":"))
	defer func() { g.in = "" }()
	switch g.IntN(20) {
	case 0, 1:
		return field + g.quote(g.words(a, 2+g.IntN(4)))
	case 2:
		return fmt.Sprintf("%s%s~%d", field, quote(g.words(a, 2+g.IntN(4))), 1+g.IntN(8))
	case 3, 4: // two things of one article, often near each other
		return fmt.Sprintf("%s NEAR/%d %s", g.part(a), 1+g.IntN(g.pickInt(5, 300)), g.part(a))
	case 5, 6:
		return field + g.prefix(a)
	case 7:
		return field + "=" + g.quote(g.words(a, 1+g.IntN(3)))
	case 8: // single characters in a row, and one before a word
		w := g.words(a, 1)
		return field + quote(strings.Join(strings.Split(w, ""), g.pick(" ", "", " a ")))
	case 9:
		return field + g.pick("C++", "AT&T", "c", "at", `"added C++"`, "5G+", "5G+工业", "=C", "补充", "为补", "充", "ad*", "c+*", `"C++ and AT&T"`, `"and AT"`, "=AT&T")
	case 10: // words that the article has, and hardly in this order
		return field + quote(strings.Join(g.shuffled(a), " "))
	case 11: // the same, in any order
		return fmt.Sprintf("%s%s~%d", field, quote(strings.Join(g.shuffled(a), " ")), 1+g.IntN(60))
	case 12: // of two scripts
		return field + g.quote(g.mixed(a))
	case 13:
		return field + g.pick("", "", "=") + g.joined(a)
	case 14:
		return field + quote(strings.Trim(g.joined(a), `"`)+" "+g.words(a, 1))
	default:
		return field + g.bare(a)
	}
}

// shuffled is a few words of the article in another order; of Han text,
// characters.
func (g *generator) shuffled(a *pipeline.Article) []string {
	words := strings.Fields(g.words(a, 2) + " " + g.words(a, 1))
	if len(words) < 4 && g.IntN(2) == 0 {
		words = strings.Split(strings.Join(words, ""), "") // Han characters
		words = words[:min(4, len(words))]
	}
	g.Shuffle(len(words), func(i, j int) { words[i], words[j] = words[j], words[i] })
	return words
}

// prefix is the beginning of a word of the article.
func (g *generator) prefix(a *pipeline.Article) string {
	w := []rune(g.words(a, 1))
	return bare(string(w[:max(1, len(w)-g.IntN(4))])) + "*"
}

func (g *generator) pickInt(of ...int) int { return of[g.IntN(len(of))] }

// part is a side of a NEAR.
func (g *generator) part(a *pipeline.Article) string {
	switch g.IntN(9) {
	case 0:
		return quote(g.words(a, 2))
	case 8:
		return g.joined(a)
	case 1:
		w := []rune(g.bare(a))
		return string(w[:max(1, len(w)-1)]) + "*"
	case 2:
		return "=" + quote(g.words(a, 1))
	case 3:
		return "(" + g.bare(a) + " OR " + quote(g.words(a, 2)) + ")"
	case 4: // one character
		return string([]rune(g.bare(a))[:1])
	default:
		return g.bare(a)
	}
}

// bare is a word as it can be typed, one time in three in another way than the
// article has it.
func (g *generator) bare(a *pipeline.Article) string {
	w := g.words(a, 1)
	if g.IntN(3) == 0 {
		w = g.varied(w)
	}
	if bare(w) != w {
		return quote(w)
	}
	return w
}

// joined is words that a sign sets apart and that are also written as one, in one
// way or the other.
func (g *generator) joined(a *pipeline.Article) string {
	text, all, _ := g.tokens(a)
	all = slices.DeleteFunc(all, func(t textnorm.Token) bool { return !t.Joined })
	w := g.pick("Wi-Fi", "U.S.", "e-mail", "COVID-19", "O'Neill", "3,5", "Нью-Йорк", "МиГ-29", "J.K.")
	if len(all) > 0 && g.IntN(8) > 0 {
		t := all[g.IntN(len(all))]
		w = bare(text[t.Start:t.End])
	}
	switch g.IntN(5) {
	case 0:
		w = strings.NewReplacer("-", "", ".", "", "'", "", "’", "", ",", ".").Replace(w)
	case 1:
		w = strings.NewReplacer("-", " ", ".", " ", "'", " ", ",", " ").Replace(w)
	case 2:
		w = strings.ToLower(w)
	}
	if len(strings.Fields(w)) != 1 {
		return quote(w)
	}
	return w
}

var (
	russianEndings = []string{"ами", "ями", "ого", "ому", "ыми", "ов", "ев", "ей", "ой", "ом", "ах", "ях", "ам", "ые", "ый", "ая", "ет", "ть", "а", "я", "ы", "и", "у", "ю", "е", "о"}
	englishEndings = []string{"ing", "ed", "es", "s"}
	lookalikes     = strings.NewReplacer("a", "а", "e", "е", "o", "о", "p", "р", "c", "с", "x", "х") // Latin to Cyrillic
)

// varied is the word with another ending, in other letters of the same meaning,
// or in another case.
func (g *generator) varied(w string) string {
	if len(w) == 0 {
		return w
	}
	switch g.IntN(7) {
	case 0:
		return strings.ToUpper(w)
	case 1:
		return strings.Map(func(r rune) rune { // full width
			if r > ' ' && r < unicode.MaxASCII && (unicode.IsLetter(r) || unicode.IsDigit(r)) {
				return r - '!' + '！'
			}
			return r
		}, w)
	case 2:
		return strings.NewReplacer("ё", "е", "'", "’", "e", "é", "-", "‐").Replace(w)
	case 3:
		return lookalikes.Replace(w)
	case 4:
		r := []rune(w)
		i := g.IntN(len(r))
		return string(r[:i]) + "\u00ad" + string(r[i:])
	}
	endings := englishEndings
	if strings.ContainsFunc(w, func(r rune) bool { return unicode.Is(unicode.Cyrillic, r) }) {
		endings = russianEndings
	}
	for _, e := range endings {
		if stem, ok := strings.CutSuffix(w, e); ok && len(stem) > 4 {
			return stem + g.pick(endings...)
		}
	}
	if strings.ContainsFunc(w, func(r rune) bool { return textnorm.ClassOf(r)&textnorm.Free != 0 }) {
		return w
	}
	return w + g.pick(endings...)
}

// tokens is a text of the article, all its tokens, and those that are words.
func (g *generator) tokens(a *pipeline.Article) (text string, all, words []textnorm.Token) {
	text = a.Text
	if g.in == query.FieldTitle || g.in == query.FieldAny && g.IntN(3) == 0 || text == "" {
		text = a.Title
	}
	all = textnorm.Analyze(nil, text)
	return text, all, slices.DeleteFunc(slices.Clone(all), textnorm.Token.Beside)
}

// words is n words in a row of the article or one more; of Han text, as many
// characters or a few more.
func (g *generator) words(a *pipeline.Article, n int) string {
	text, all, words := g.tokens(a)
	if len(all) == 0 {
		return "news"
	}
	if i := g.IntN(len(all)); n == 1 && all[i].Beside() {
		return text[all[i].Start:all[i].End]
	}
	from := g.IntN(len(words))
	for range g.IntN(4) { // the rarest of a few
		if i := g.IntN(len(words)); g.frequent[words[i].Term] < g.frequent[words[from].Term] {
			from = i
		}
	}
	more := g.IntN(2)
	if g.free(text, words[from]) {
		more = g.IntN(5)
	}
	return text[words[from].Start:words[min(from+n-1+more, len(words)-1)].End]
}

// free says whether a word is of a script that doesn't set words apart.
func (g *generator) free(text string, t textnorm.Token) bool {
	return textnorm.ClassOf([]rune(text[t.Start:])[0])&textnorm.Bounded == 0
}

// mixed is a few words of the article where its script changes, if it does.
func (g *generator) mixed(a *pipeline.Article) string {
	text, _, words := g.tokens(a)
	var at []int
	for i := 1; i < len(words); i++ {
		if g.free(text, words[i-1]) != g.free(text, words[i]) {
			at = append(at, i)
		}
	}
	if len(at) == 0 {
		return g.words(a, 2)
	}
	i := at[g.IntN(len(at))]
	return text[words[max(0, i-1-g.IntN(3))].Start:words[min(i+g.IntN(3), len(words)-1)].End]
}

// quote is text in quotation marks of some kind.
func (g *generator) quote(text string) string {
	if g.IntN(6) == 0 {
		if marks := g.pick("“”", "«»", "「」", "『』"); !strings.ContainsAny(text, `\"“”‟`+marks) {
			m := []rune(marks)
			return string(m[0]) + text + string(m[1])
		}
	}
	return quote(text)
}

// quote is text in quotation marks.
func quote(text string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "“", `\“`, "”", `\”`, "‟", `\‟`).Replace(text) + `"`
}

// bare is text without what means something in a query or ends a word.
func bare(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || strings.ContainsRune("\"“”„‟«»「『()（）:：~*=\\", r) {
			return -1
		}
		return r
	}, strings.TrimLeft(text, "-"))
}
