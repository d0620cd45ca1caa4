package index

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"github.com/newswatch/newswatch/index/query"
	"github.com/newswatch/newswatch/pipeline"
)

var (
	verdictQueries  = flag.Int("verdict.queries", 300, "how many random queries TestSearchIsMatch asks")
	verdictArticles = flag.Int("verdict.articles", 1500, "of how many articles; all there are: 47443")
	verdictSeed     = flag.Uint64("verdict.seed", 1, "what its queries are drawn with")
)

// A watch's verdict on an article and a search's are the same, always: random
// queries of the whole language over real articles, some of them rewritten, some
// moved to another date. What a set of watches says, what the evaluator says of
// one query and one article, and what a search finds must be the same.
//
// All the articles there are, and far more queries:
//
//	go test ./index -run TestSearchIsMatch -v -timeout 3h -verdict.queries 5000 -verdict.articles 47443
func TestSearchIsMatch(t *testing.T) {
	as := verdictCorpus(t, *verdictArticles)
	ix := openWith(t, Config{Dir: t.TempDir(), Verify: 1_000_000, placing: time.Hour})
	ix.cfg.Timeout = time.Hour // what is tested is not speed
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
	if sealed, err := ix.sealNext(t.Context(), 0); !sealed || err != nil { // of the partitions one is sealed
		t.Errorf("sealed: %v, %v", sealed, err)
	}

	g := newGenerator(rand.New(rand.NewPCG(*verdictSeed, 2)), as)
	var asked []*query.Query
	for len(asked) < *verdictQueries {
		text := g.query(3)
		q, err := query.Parse(text, when)
		if err != nil {
			t.Fatalf("Parse(%q): %v", text, err)
		}
		asked = append(asked, q)
	}
	start := time.Now()
	want := verdicts(t, asked, as)
	t.Logf("evaluated %d queries on %d articles in %v", len(asked), len(as), time.Since(start).Round(time.Second))
	start = time.Now()
	var wrong, done atomic.Int32
	group, ctx := errgroup.WithContext(t.Context())
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, q := range asked {
		group.Go(func() error {
			order := []string{pipeline.SortNewest, pipeline.SortNewest, pipeline.SortOldest, pipeline.SortRelevance}[i%4]
			got, err := ask(ctx, ix, pipeline.SearchRequest{Query: q.Text, Sort: order}, i%pagedEvery == 0)
			if err != nil {
				return fmt.Errorf("%s (%s): %w", q.Text, order, err)
			}
			if n := done.Add(1); n%500 == 0 {
				t.Logf("%d queries after %v: %d wrong", n, time.Since(start).Round(time.Second), wrong.Load())
			}
			diff := got.compare(want[i], order)
			if diff == "" {
				return nil
			}
			t.Errorf("%s (%s)\n(-match +search):\n%s", q.Text, order, diff)
			if few := differing(got.ids, want[i], as); len(few) > 0 {
				t.Errorf("shrunk: %s", shrink(q, func(q *query.Query) bool { return disagree(t, ix, q, few) }))
			}
			if wrong.Add(1) == 5 {
				return errors.New("and perhaps more")
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	t.Logf("searched for them in %v", time.Since(start).Round(time.Second))
	checkAsked(t, asked, want)
}

// checkAsked sees that the queries were worth asking: that every kind of node
// and every field was among those that matched something, and that most matched
// some articles and not all.
func checkAsked(t *testing.T, asked []*query.Query, want [][]*pipeline.Article) {
	t.Helper()
	const many = 5000
	none, some := 0, 0
	kinds := make(map[string]int)
	for i, q := range asked {
		switch n := len(want[i]); {
		case n == 0:
			none++
			continue
		case n <= many:
			some++
		}
		seen := make(map[string]bool)
		query.Walk(q.Root, func(n query.Node) bool {
			name := strings.TrimPrefix(fmt.Sprintf("%T", n), "*query.")
			if k, ok := n.(*query.Keyword); ok {
				name += " " + k.Field
			}
			seen[name] = true
			return true
		})
		for name := range seen {
			kinds[name]++
		}
	}
	t.Logf("of %d queries %d matched nothing, %d up to %d articles, %d more", len(asked), none, some, many, len(asked)-none-some)
	names := slices.Sorted(maps.Keys(kinds))
	for i, name := range names {
		names[i] = fmt.Sprintf("%s %d", name, kinds[name])
	}
	t.Logf("in those that matched: %s", strings.Join(names, ", "))
	if none > len(asked)*2/5 || some < len(asked)*2/5 {
		t.Errorf("%d of %d queries matched nothing, and only %d something and no more than %d articles", none, len(asked), some, many)
	}
	for _, name := range []string{"And", "Or", "Not", "Term", "Phrase", "Prefix", "Exact", "Near", "Time", "Has", "Is", "All"} {
		if kinds[name] == 0 {
			t.Errorf("no query with %s matched anything", name)
		}
	}
	for _, f := range keywordFields {
		if len(asked) >= 1000 && kinds["Keyword "+f.name] == 0 {
			t.Errorf("no query with %s: matched anything", f.name)
		}
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
	for batch := range slices.Chunk(as, max(200, len(as)/40)) {
		last = write(ix, stored(seq, batch...))
		seq += uint64(len(batch))
	}
	if err := <-last; err != nil {
		t.Fatal(err)
	}
}

// verdicts is, for each query, the articles that match, newest first, by a set
// of all the queries as watches are tried: it calls the evaluator only for the
// articles that have something the query can't do without. That the set misses
// nothing is seen from what searches find, and from the evaluator itself, which
// is called for every article of all queries, or of some where that would be too
// much.
func verdicts(t *testing.T, asked []*query.Query, as []pipeline.Article) [][]*pipeline.Article {
	t.Helper()
	every := 1 + len(asked)*len(as)/mostTried
	watches := make(map[string]*query.Query)
	for i, q := range asked {
		watches[strconv.Itoa(i)] = q
	}
	set := query.NewSet(watches)
	matched := make([][]*pipeline.Article, len(asked))
	var (
		next  atomic.Int64
		mu    sync.Mutex
		group sync.WaitGroup
	)
	try := func(a *pipeline.Article) error {
		d := query.NewDoc(a) // analysed once, for all queries
		raised := make([]bool, len(asked))
		for _, hit := range set.Match(d) {
			i, err := strconv.Atoi(hit.ID)
			if err != nil {
				return err
			}
			raised[i] = true
		}
		for i := 0; i < len(asked); i += every {
			if _, ok := asked[i].Match(d); ok != raised[i] {
				return fmt.Errorf("%s: matches %s alone: %v, in a set: %v", asked[i].Text, a.ID, ok, raised[i])
			}
		}
		mu.Lock()
		defer mu.Unlock()
		for i, ok := range raised {
			if ok {
				matched[i] = append(matched[i], a)
			}
		}
		return nil
	}
	for range runtime.GOMAXPROCS(0) {
		group.Go(func() {
			for {
				n := int(next.Add(1)) - 1
				if n >= len(as) {
					return
				}
				if err := try(&as[n]); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	for _, m := range matched {
		slices.SortFunc(m, func(a, b *pipeline.Article) int { return strings.Compare(b.ID, a.ID) })
	}
	return matched
}

// mostTried is on how many pairs of query and article the evaluator is called
// alone.
const mostTried = 20_000_000

// pagedEvery is of how many queries one is paged through to the end; of the
// others, all that was found is read from the sets that are counted.
const pagedEvery = 10

const (
	maxPaged  = 2000 // of more hits than that only the first page is looked at, too
	firstPage = 30   // the most hits of the first page of a query that isn't paged
)

// An answer is what a search said.
type answer struct {
	pages    []string // the hits of the first page, or of all, in order
	asked    int      // how many hits those pages have room for
	ids      []string // all, sorted newest first
	total    int
	timeline map[string]int
	problems []string
}

func ask(ctx context.Context, ix *Index, req pipeline.SearchRequest, paged bool) (answer, error) {
	req.Limit, req.Timeline = maxLimit, true
	if !paged {
		req.Limit = 1 + len(req.Query)%firstPage // showing hits takes longer than finding them
	}
	a := answer{timeline: make(map[string]int)}
	score := math.Inf(1)
	for {
		res, err := ix.Search(ctx, req)
		if err != nil {
			return a, err
		}
		for _, h := range res.Hits {
			if req.Sort == pipeline.SortRelevance && h.Score > score {
				a.problems = append(a.problems, fmt.Sprintf("%s with score %v behind %v", h.ID, h.Score, score))
			}
			score = h.Score
		}
		a.pages = append(a.pages, ids(res)...)
		a.asked += req.Limit
		if a.total = res.Total; !res.TotalExact || len(res.Warnings) > 0 {
			a.problems = append(a.problems, fmt.Sprintf("exact: %v, warnings: %q", res.TotalExact, res.Warnings))
		}
		for _, d := range res.Timeline {
			a.timeline[d.T.Format("20060102")] += d.Count
		}
		req.Timeline = false // of the first page
		req.Cursor = res.NextCursor
		if req.Cursor == "" {
			a.ids = slices.Clone(a.pages)
			break
		}
		if !paged || a.total > maxPaged {
			if a.ids, err = everyHit(ctx, ix, req.Query); err != nil {
				return a, err
			}
			break
		}
	}
	slices.Sort(a.ids)
	slices.Reverse(a.ids)
	return a, nil
}

// everyHit is the ids of all hits of a search, from the sets that it counts.
func everyHit(ctx context.Context, ix *Index, text string) ([]string, error) {
	r, err := ix.newRun(pipeline.SearchRequest{Query: text, Limit: -1})
	if err != nil {
		return nil, err
	}
	defer r.close()
	if err := r.hits(ctx); err != nil {
		return nil, err
	}
	var all []string
	for _, v := range r.views {
		for _, s := range v.segments {
			for _, doc := range s.candidates().ToArray() {
				id, err := s.id(doc)
				if err != nil {
					return nil, err
				}
				all = append(all, id)
			}
		}
	}
	return all, nil
}

// compare is what differs from the articles that match.
func (a answer) compare(want []*pipeline.Article, order string) string {
	all := []string{}
	days := make(map[string]int)
	for _, w := range want {
		all = append(all, w.ID)
		days[w.ID[:8]]++
	}
	diffs := a.problems
	for _, d := range []string{cmp.Diff(all, append([]string{}, a.ids...)), cmp.Diff(len(all), a.total), cmp.Diff(days, a.timeline)} {
		if d != "" {
			diffs = append(diffs, firstLines(d))
		}
	}
	shown := slices.Clone(all)
	switch order {
	case pipeline.SortOldest:
		slices.Reverse(shown)
	case pipeline.SortRelevance: // TestScores tells what comes first
		at := make(map[string]int)
		for i, id := range a.pages {
			at[id] = i
		}
		place := func(id string) int {
			if i, ok := at[id]; ok {
				return i
			}
			return len(a.pages)
		}
		slices.SortStableFunc(shown, func(x, y string) int { return place(x) - place(y) })
	}
	shown = shown[:min(len(shown), a.asked)]
	if d := cmp.Diff(shown, append([]string{}, a.pages...)); d != "" {
		diffs = append(diffs, "pages: "+firstLines(d))
	}
	return strings.Join(diffs, "\n")
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
	got, err := ask(t.Context(), ix, pipeline.SearchRequest{Query: text}, true)
	if err != nil {
		t.Errorf("%s: %v", text, err)
		return false
	}
	for _, id := range got.ids {
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
