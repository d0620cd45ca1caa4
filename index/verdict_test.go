package index

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/newswatch/newswatch/index/query"
	"github.com/newswatch/newswatch/pipeline"
)

var (
	verdictQueries  = flag.Int("verdict.queries", 150, "how many random queries TestSearchIsMatch asks")
	verdictArticles = flag.Int("verdict.articles", 1500, "of how many articles; all there are: 47443")
	verdictSeed     = flag.Uint64("verdict.seed", 1, "what its queries are drawn with")
)

// maxPaged is how many hits TestSearchIsMatch pages through. Of more it
// compares the total, the count of each day and the first pages.
const maxPaged = 2000

// A watch's verdict on an article and a search's are the same, always: random
// queries of the whole language over real articles, some of them rewritten, some
// moved to another date.
func TestSearchIsMatch(t *testing.T) {
	as := verdictCorpus(t, *verdictArticles)
	ix := openWith(t, Config{Dir: t.TempDir(), Verify: 1_000_000})
	writeInBatches(t, ix, as)
	for i := range as { // some change, so that there are dead documents
		if i%29 == 3 {
			a := &as[i]
			a.Revision, a.Text = 2, a.Text+" Huawei added C++ and AT&T. 华为补充 5G+工业"
			if i%2 == 1 { // and its date, so that another partition has it now
				a.Published = a.Published.AddDate(0, -1, -3)
				a.ID = pipeline.NewID(a.Published, a.FirstSeen, a.Key)
			}
		}
	}
	writeInBatches(t, ix, as)

	g := &generator{rand.New(rand.NewPCG(*verdictSeed, 2)), as}
	var asked []*query.Query
	for len(asked) < *verdictQueries {
		text := g.query(3)
		q, err := query.Parse(text, when)
		if err != nil {
			t.Fatalf("Parse(%q): %v", text, err)
		}
		asked = append(asked, q)
	}
	matched, wrong := 0, 0
	for i, want := range verdicts(asked, as) {
		if len(want) > 0 {
			matched++
		}
		q := asked[i]
		order := []string{pipeline.SortNewest, pipeline.SortNewest, pipeline.SortOldest, pipeline.SortRelevance}[i%4]
		got := ask(t, ix, pipeline.SearchRequest{Query: q.Text, Sort: order})
		diff := got.compare(want, order)
		if diff == "" {
			continue
		}
		t.Errorf("%s (%s)\n(-match +search):\n%s", q.Text, order, diff)
		if few := differing(got.ids, want, as); len(few) > 0 {
			small := shrink(q, func(q *query.Query) bool { return disagree(t, ix, q, few) })
			t.Errorf("shrunk: %s", small)
		}
		if wrong++; wrong == 5 {
			t.Fatal("and perhaps more")
		}
	}
	t.Logf("%d of %d queries matched something", matched, len(asked))
	if matched < len(asked)/2 {
		t.Errorf("only %d of %d queries matched anything", matched, len(asked))
	}
}

// verdictCorpus is articles of the corpus over half a year, with authors and
// tags.
func verdictCorpus(t *testing.T, n int) []pipeline.Article {
	as := corpus(t, n)
	authors := []string{"", "Иван Петров", "Alexander Gabuev, Jane O'Neill & Co", "新华社记者 王小明", "By AT&T Staff"}
	tags := []string{"Daily", "foreign policy", "科技", "C++"}
	for i := range as {
		a := &as[i]
		if len(as) < 10_000 { // the beginning will do: the rest is time
			a.Text = a.Text[:forward(a.Text, 0, 600)]
		}
		a.Author, a.Tags = authors[i%len(authors)], tags[i%len(tags):]
		a.Published = when.Add(-180 * 24 * time.Hour / time.Duration(n) * time.Duration(i)).Truncate(time.Millisecond)
		a.FirstSeen = a.Published.Add(time.Minute)
		a.ID = pipeline.NewID(a.Published, a.FirstSeen, a.Key)
	}
	for i := range as {
		as[i].Story, as[i].CopyOf = "", ""
		if i%7 == 6 {
			as[i].Story = as[i-6].ID
		}
		if i%11 == 10 {
			as[i].CopyOf = as[i-10].ID
		}
	}
	return as
}

func writeInBatches(t *testing.T, ix *Index, as []pipeline.Article) {
	t.Helper()
	seq := uint64(1)
	var last <-chan error
	for batch := range slices.Chunk(as, 200) {
		last = write(ix, stored(seq, batch...))
		seq += uint64(len(batch))
	}
	if err := <-last; err != nil {
		t.Fatal(err)
	}
}

// verdicts is, for each query, the articles the evaluator says match, newest
// first.
func verdicts(asked []*query.Query, as []pipeline.Article) [][]*pipeline.Article {
	matched := make([][]*pipeline.Article, len(asked))
	for part := range slices.Chunk(as, 2000) { // analysed articles take much memory
		docs := make([]*query.Doc, len(part))
		for i := range part {
			docs[i] = query.NewDoc(&part[i])
		}
		var wg sync.WaitGroup
		for w := range runtime.GOMAXPROCS(0) {
			wg.Go(func() {
				for i := w; i < len(asked); i += runtime.GOMAXPROCS(0) {
					for j, d := range docs {
						if _, ok := asked[i].Match(d); ok {
							matched[i] = append(matched[i], &part[j])
						}
					}
				}
			})
		}
		wg.Wait()
	}
	for _, m := range matched {
		slices.SortFunc(m, func(a, b *pipeline.Article) int { return strings.Compare(b.ID, a.ID) })
	}
	return matched
}

// An answer is what a search said, all its pages.
type answer struct {
	ids      []string // all of them, or the first
	total    int
	timeline map[string]int
	problems []string
}

func ask(t *testing.T, ix *Index, req pipeline.SearchRequest) answer {
	t.Helper()
	req.Limit, req.Timeline = 200, true
	a := answer{timeline: make(map[string]int)}
	for {
		res := find(t, ix, req)
		a.ids = append(a.ids, ids(res)...)
		if a.total = res.Total; !res.TotalExact || len(res.Warnings) > 0 {
			a.problems = append(a.problems, fmt.Sprintf("exact: %v, warnings: %q", res.TotalExact, res.Warnings))
		}
		if req.Timeline {
			for _, d := range res.Timeline {
				a.timeline[d.T.Format("20060102")] += d.Count
			}
		}
		req.Timeline = false // of the first page
		req.Cursor = res.NextCursor
		if req.Cursor == "" || a.total > maxPaged && len(a.ids) >= maxPaged/2 {
			return a
		}
	}
}

// compare is what differs from the articles that match.
func (a answer) compare(want []*pipeline.Article, order string) string {
	all := []string{}
	days := make(map[string]int)
	for _, w := range want {
		all = append(all, w.ID)
		days[w.ID[:8]]++
	}
	got := append([]string{}, a.ids...)
	switch order {
	case pipeline.SortOldest:
		slices.Reverse(all)
	case pipeline.SortRelevance:
		slices.Sort(all)
		slices.Sort(got)
	}
	shown := all
	if a.total > maxPaged {
		shown = all[:min(len(got), len(all))]
		if order == pipeline.SortRelevance {
			shown = slices.DeleteFunc(slices.Clone(all), func(id string) bool { return !slices.Contains(got, id) })
		}
	}
	return strings.Join(slices.DeleteFunc(append([]string{
		firstLines(cmp.Diff(shown, got)), firstLines(cmp.Diff(len(all), a.total)), firstLines(cmp.Diff(days, a.timeline)),
	}, a.problems...), func(s string) bool { return s == "" }), "\n")
}

// firstLines is as much of a difference as one wants to see.
func firstLines(s string) string {
	if lines := strings.SplitAfterN(s, "\n", 9); len(lines) == 9 {
		return strings.Join(lines[:8], "") + "…"
	}
	return s
}

// differing is the articles that are on one side only, and a few more.
func differing(got []string, want []*pipeline.Article, as []pipeline.Article) []pipeline.Article {
	sides := make(map[string]int)
	for _, id := range got {
		sides[id]++
	}
	for _, a := range want {
		sides[a.ID] += 2
	}
	var few []pipeline.Article
	for i, a := range as {
		if s := sides[a.ID]; len(few) < 50 && (s == 1 || s == 2 || i%(len(as)/10+1) == 0) {
			few = append(few, a)
		}
	}
	return few
}

// disagree reports whether search and evaluator say different things of one of
// the articles.
func disagree(t *testing.T, ix *Index, q *query.Query, few []pipeline.Article) bool {
	text := q.String()
	q, err := query.Parse(text, when)
	if err != nil {
		t.Fatalf("Parse(%q), which is canonical: %v", text, err)
	}
	found := make(map[string]bool)
	for _, id := range ask(t, ix, pipeline.SearchRequest{Query: text}).ids {
		found[id] = true
	}
	return slices.ContainsFunc(few, func(a pipeline.Article) bool {
		_, ok := q.Match(query.NewDoc(&a))
		return ok != found[a.ID]
	})
}

// shrink is the smallest query it finds that still fails.
func shrink(q *query.Query, fails func(*query.Query) bool) string {
	for tries := 0; ; {
		smaller := false
		for _, n := range smallerNodes(q.Root) {
			if tries++; tries > 300 {
				return q.String()
			}
			if next := (&query.Query{Root: n, Now: q.Now}); fails(next) {
				q, smaller = next, true
				break
			}
		}
		if !smaller {
			return q.String()
		}
	}
}

// smallerNodes is what a node could be with one thing less, the smallest first.
func smallerNodes(n query.Node) []query.Node {
	switch n := n.(type) {
	case *query.And:
		return smallerList(n.Nodes, func(ns []query.Node) query.Node { return &query.And{Nodes: ns} })
	case *query.Or:
		return smallerList(n.Nodes, func(ns []query.Node) query.Node { return &query.Or{Nodes: ns} })
	case *query.Not:
		out := []query.Node{n.Node}
		for _, m := range smallerNodes(n.Node) {
			out = append(out, &query.Not{Node: m})
		}
		return out
	case *query.Near:
		out := smallerList(n.Parts, func(ns []query.Node) query.Node { return &query.Near{Field: n.Field, Parts: ns, N: n.N} })
		if n.N > 1 {
			out = append(out, &query.Near{Field: n.Field, Parts: n.Parts, N: n.N / 2})
		}
		return out
	case *query.Phrase:
		return smallerTexts(n.Field, n.Text, "")
	case *query.Exact:
		return smallerTexts(n.Field, n.Text, "=")
	default:
		return nil
	}
}

func smallerList(nodes []query.Node, of func([]query.Node) query.Node) []query.Node {
	out := slices.Clone(nodes)
	for i, n := range nodes {
		if len(nodes) > 2 {
			out = append(out, of(slices.Delete(slices.Clone(nodes), i, i+1)))
		}
		for _, m := range smallerNodes(n) {
			changed := slices.Clone(nodes)
			changed[i] = m
			out = append(out, of(changed))
		}
	}
	return out
}

// smallerTexts is a phrase without its first or last word or character.
func smallerTexts(field, text, sign string) []query.Node {
	words, sep := strings.Fields(text), " "
	if len(words) == 1 {
		words, sep = strings.Split(text, ""), ""
	}
	var out []query.Node
	for _, less := range [][]string{words[1:], words[:len(words)-1]} {
		s := sign + `"` + strings.NewReplacer(`\`, ` `, `"`, ` `).Replace(strings.Join(less, sep)) + `"`
		if field != query.FieldAny {
			s = field + ":" + s
		}
		if q, err := query.Parse(s, when); err == nil {
			out = append(out, q.Root)
		}
	}
	return out
}

func TestShrink(t *testing.T) {
	q, err := query.Parse(`lang:ru (-(china OR title:"the second quarter of the year") a NEAR/7 (b OR "c d")) last:3d`, when)
	if err != nil {
		t.Fatal(err)
	}
	got := shrink(q, func(q *query.Query) bool { return strings.Contains(q.String(), "quarter") })
	if want := `title:quarter`; got != want {
		t.Errorf("shrunk to %s, want %s", got, want)
	}
	got = shrink(q, func(q *query.Query) bool { return strings.Contains(q.String(), "NEAR") })
	if want := `a NEAR/1 b`; got != want {
		t.Errorf("shrunk to %s, want %s", got, want)
	}
}
