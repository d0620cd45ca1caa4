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
type generator struct {
	*rand.Rand
	articles []pipeline.Article
}

// query is a query that parses.
func (g *generator) query(depth int) string {
	for {
		text := g.node(g.IntN(depth + 1)) // what is alone shows its faults best
		if _, err := query.Parse(text, when); err == nil {
			return text
		}
	}
}

func (g *generator) node(depth int) string {
	if depth == 0 || g.IntN(4) == 0 {
		return g.leaf()
	}
	switch g.IntN(8) {
	case 0:
		return g.node(depth-1) + " OR " + g.node(depth-1)
	case 1:
		return g.pick("-", "NOT ") + "(" + g.node(depth-1) + ")"
	case 2:
		return "(" + g.node(depth-1) + ")" + g.pick(" ", " AND ") + "(" + g.node(depth-1) + ")"
	case 3:
		return g.node(depth-1) + " -" + g.leaf()
	case 4: // of one article, so that both may be true
		a := g.article()
		return g.text(a) + " " + g.text(a)
	case 5:
		a := g.article()
		return g.pick("title:", "body:") + "(" + g.bare(a) + g.pick(" OR ", " ", " -") + g.bare(a) + ")"
	default:
		return g.node(depth-1) + " " + g.leaf()
	}
}

func (g *generator) pick(of ...string) string { return of[g.IntN(len(of))] }

func (g *generator) article() *pipeline.Article { return &g.articles[g.IntN(len(g.articles))] }

// leaf is anything but words, once in three times.
func (g *generator) leaf() string {
	a := g.article()
	if g.IntN(3) > 0 {
		return g.text(a)
	}
	switch g.IntN(14) {
	case 0:
		return g.pick("entity:", "about:") + g.pick("china", "zhongguo", "russia", "us", "none", "(china OR us)")
	case 1:
		return g.pick("", "-") + "lang:" + a.Lang
	case 2:
		return g.pick("source:"+a.Source, "country:"+a.Country, "kind:place", "kind:person")
	case 3:
		return g.pick("after:", "before:") + a.Published.Format(g.pick(time.RFC3339, time.DateOnly, time.RFC3339Nano))
	case 4:
		return g.pick("has:mention", "-has:mention")
	case 5:
		return g.pick("is:copy", "-is:copy")
	case 6:
		return fmt.Sprintf("last:%d%s", 1+g.IntN(40), g.pick("h", "d", "d", "w", "m", "y"))
	case 7:
		return "site:" + g.pick("news.example", "example", "https://news.example/1", "other.example")
	case 8:
		return "story:" + g.pick(a.ID, a.Story+"x")
	case 9:
		return "key:" + a.Key
	case 10:
		return "author:" + g.pick("Gabuev", "петров", `"Jane O’Neill"`, "王小明", `"AT&T"`, `"иван петров"`)
	case 11:
		return "tag:" + g.pick("daily", `"Foreign Policy"`, "科技", `"c++"`, "none")
	case 12:
		return "after:" + a.Published.Format(time.RFC3339) + " before:" + a.Published.AddDate(0, 0, 1+g.IntN(20)).Format(time.RFC3339)
	default:
		return "*"
	}
}

// text is something that is looked for in title and text.
func (g *generator) text(a *pipeline.Article) string {
	field := g.pick("", "", "", "title:", "body:")
	switch g.IntN(15) {
	case 0, 1:
		return field + quote(g.words(a, 2+g.IntN(4)))
	case 9: // words that the article has, and hardly in this order
		words := strings.Fields(g.words(a, 2) + " " + g.words(a, 1))
		if len(words) < 4 && g.IntN(2) == 0 {
			words = strings.Split(strings.Join(words, ""), "") // Han characters
			words = words[:min(4, len(words))]
		}
		g.Shuffle(len(words), func(i, j int) { words[i], words[j] = words[j], words[i] })
		return field + quote(strings.Join(words, " "))
	case 2:
		return fmt.Sprintf("%s%s~%d", field, quote(g.words(a, 2+g.IntN(2))), 1+g.IntN(8))
	case 3, 4: // two things of one article, often near each other
		return fmt.Sprintf("%s NEAR/%d %s", g.part(a), 1+g.IntN(g.pickInt(5, 300)), g.part(a))
	case 5:
		w := []rune(g.words(a, 1))
		return field + bare(string(w[:max(1, len(w)-g.IntN(4))])) + "*"
	case 6:
		return field + "=" + quote(g.words(a, 1+g.IntN(3)))
	case 7: // single characters in a row, and one before a word
		w := g.words(a, 1)
		return field + quote(strings.Join(strings.Split(w, ""), g.pick(" ", "", " a ")))
	case 8:
		return field + g.pick("C++", "AT&T", "c", "at", `"added C++"`, "5G+", "5G+工业", "=C", "补充", "为补", "充", "t*", "c+*")
	default:
		return field + g.bare(a)
	}
}

func (g *generator) pickInt(of ...int) int { return of[g.IntN(len(of))] }

// part is a side of a NEAR.
func (g *generator) part(a *pipeline.Article) string {
	switch g.IntN(8) {
	case 0:
		return quote(g.words(a, 2))
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

// bare is a word as it can be typed.
func (g *generator) bare(a *pipeline.Article) string {
	w := g.words(a, 1)
	if bare(w) != w {
		return quote(w)
	}
	return w
}

// words is n words in a row of the article or one more; of Han text, as many
// characters or a few more.
func (g *generator) words(a *pipeline.Article, n int) string {
	text := a.Text
	if g.IntN(3) == 0 || text == "" {
		text = a.Title
	}
	tokens := textnorm.Analyze(nil, text)
	if len(tokens) == 0 {
		return "news"
	}
	if i := g.IntN(len(tokens)); n == 1 && tokens[i].Beside() {
		return text[tokens[i].Start:tokens[i].End]
	}
	tokens = slices.DeleteFunc(tokens, textnorm.Token.Beside)
	from := g.IntN(len(tokens))
	more := g.IntN(2)
	if textnorm.ClassOf([]rune(text[tokens[from].Start:])[0])&textnorm.Bounded == 0 {
		more = g.IntN(5)
	}
	return text[tokens[from].Start:tokens[min(from+n-1+more, len(tokens)-1)].End]
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
