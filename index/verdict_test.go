package index

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/newswatch/newswatch/extractors/textnorm"
	"github.com/newswatch/newswatch/index/query"
	"github.com/newswatch/newswatch/pipeline"
)

// A watch's verdict on an article and a search's are the same, always: random
// queries over real articles, some of them rewritten, deleted, moved.
func TestSearchIsMatch(t *testing.T) {
	as := corpus(t, 600)
	ix := openWith(t, Config{Dir: t.TempDir(), Verify: 10_000})
	var last <-chan error
	for i := 0; i < len(as); i += 100 {
		last = write(ix, stored(uint64(i+1), as[i:i+100]...))
	}
	for i := range 4 { // some change, so that there are dead documents
		for j := range 10 {
			a := &as[i*30+j*3]
			a.Revision, a.Text = 2, a.Text+" Huawei added 华为补充"
		}
		last = write(ix, stored(uint64(1000+30*i), as[i*30:i*30+30]...))
	}
	if err := <-last; err != nil {
		t.Fatal(err)
	}
	docs := make([]*query.Doc, len(as))
	for i := range as {
		docs[i] = query.NewDoc(&as[i])
	}
	rng := rand.New(rand.NewPCG(1, 2))
	g := &generator{rng, as}
	const n = 100
	matched := 0
	for range n {
		text := g.query(3)
		q, err := query.Parse(text, when)
		if _, ok := errors.AsType[*pipeline.QueryError](err); ok {
			continue // a word without letters or digits
		}
		if err != nil {
			t.Fatalf("Parse(%q): %v", text, err)
		}
		want := []string{}
		for i := range as {
			if _, ok := q.Match(docs[i]); ok {
				want = append(want, as[i].ID)
			}
		}
		slices.Sort(want)
		slices.Reverse(want)
		if len(want) > 0 {
			matched++
		}
		got := all(t, ix, text)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s\n(-match +search):\n%s", text, diff)
		}
	}
	t.Logf("%d of %d queries matched something", matched, n)
	if matched < n/3 {
		t.Errorf("only %d of %d queries matched anything", matched, n)
	}
}

// all is the ids of all hits, page by page, and checks the total.
func all(t *testing.T, ix *Index, text string) []string {
	t.Helper()
	got := []string{}
	req := pipeline.SearchRequest{Query: text, Limit: 200}
	for {
		res := find(t, ix, req)
		got = append(got, ids(res)...)
		if !res.TotalExact || len(res.Warnings) > 0 {
			t.Errorf("%s: exact %v, warnings %q", text, res.TotalExact, res.Warnings)
		}
		if req.Cursor = res.NextCursor; req.Cursor == "" {
			if res.Total != len(got) {
				t.Errorf("%s: total %d of %d hits", text, res.Total, len(got))
			}
			return got
		}
	}
}

// A generator makes queries of the words of articles.
type generator struct {
	*rand.Rand
	articles []pipeline.Article
}

func (g *generator) query(depth int) string {
	if depth == 0 || g.IntN(3) == 0 {
		return g.leaf()
	}
	switch g.IntN(5) {
	case 0:
		return g.query(depth-1) + " OR " + g.query(depth-1)
	case 1:
		return "-(" + g.query(depth-1) + ")"
	case 2:
		return "(" + g.query(depth-1) + ") (" + g.query(depth-1) + ")"
	default:
		return g.query(depth-1) + " " + g.leaf()
	}
}

func (g *generator) leaf() string {
	a := &g.articles[g.IntN(len(g.articles))]
	switch g.IntN(16) {
	case 0:
		return []string{"entity:", "about:"}[g.IntN(2)] + []string{"china", "zhongguo", "russia", "us", "none"}[g.IntN(5)]
	case 1:
		return []string{"lang:", "-lang:"}[g.IntN(2)] + a.Lang
	case 2:
		return "source:" + a.Source
	case 3:
		return fmt.Sprintf("after:%s", a.Published.Format(time.RFC3339))
	case 4:
		return fmt.Sprintf("before:%s", a.Published.Format(time.DateOnly))
	case 5:
		return []string{"has:mention", "is:copy", "-is:copy", "last:3d", "site:news.example"}[g.IntN(5)]
	case 6:
		return g.field() + `"` + g.words(a, 2+g.IntN(3)) + `"`
	case 7:
		return fmt.Sprintf(`%s"%s"~%d`, g.field(), g.words(a, 2), 1+g.IntN(6))
	case 8:
		return fmt.Sprintf("%s NEAR/%d %s", g.words(a, 1), 1+g.IntN(20), g.words(a, 1))
	case 9: // single characters in a row, and one before a word
		w := g.words(a, 1)
		return g.field() + `"` + strings.Join(strings.Split(w, ""), []string{" ", "", " a "}[g.IntN(3)]) + `"`
	case 13:
		return g.field() + "=" + g.words(a, 1)
	case 10:
		w := []rune(g.words(a, 1))
		return g.field() + string(w[:max(1, len(w)-g.IntN(3))]) + "*"
	case 11:
		return "story:" + a.ID
	default:
		return g.field() + g.words(a, 1)
	}
}

func (g *generator) field() string { return []string{"", "", "", "title:", "body:"}[g.IntN(5)] }

// words is n words in a row of the article; of Han text, as many characters or
// a few more.
func (g *generator) words(a *pipeline.Article, n int) string {
	text := a.Text
	if g.IntN(3) == 0 || text == "" {
		text = a.Title
	}
	tokens := slices.DeleteFunc(textnorm.Analyze(nil, text), textnorm.Token.Beside)
	if len(tokens) == 0 {
		return "news"
	}
	from := g.IntN(len(tokens))
	to := min(from+n-1+g.IntN(2), len(tokens)-1)
	s := strings.Map(func(r rune) rune {
		if strings.ContainsRune("\"“”„«»()（）:：~*=-\n", r) {
			return ' '
		}
		return r
	}, text[tokens[from].Start:tokens[to].End])
	if n == 1 {
		s, _, _ = strings.Cut(s, " ")
	}
	return strings.TrimSpace(s)
}
