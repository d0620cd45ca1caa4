package index

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/newswatch/newswatch/index/query"
	"github.com/newswatch/newswatch/pipeline"
	"github.com/newswatch/newswatch/pipeline/corpora"
)

// relevanceEvery is how many articles of each language there are in the corpus
// for one that TestKnownItems indexes: some 3,000 of English and Chinese, all
// 2,000 of Russian.
var relevanceEvery = map[string]int{"en": 9, "zh": 6, "ru": 1}

// deepest is how far down an article is looked for.
const deepest = 100

// A knownItem is a query of somebody who remembers an article, and where that
// stands in the answer.
type knownItem struct {
	id, lang, query string

	all, any standing
}

// A standing is where the article stands among how many.
type standing struct {
	rank  int // from 1; 0: not among the first deepest
	total int
}

// TestKnownItems asks for known articles by what one remembers of them, among
// eight thousand, and compares where they stand in the answers, sorted by
// relevance, with testdata/relevance.golden: once as asked, which wants all the
// words in the article, and once loosened to any of them.
func TestKnownItems(t *testing.T) {
	items := knownItems(t)
	wanted := make(map[string]string) // id of the corpus → of the index
	for _, k := range items {
		wanted[k.id] = ""
	}
	var as []pipeline.Article
	seen := make(map[string]int)
	news(t, func(line corpora.Article) bool {
		n := seen[line.Lang]
		seen[line.Lang]++
		_, needed := wanted[line.ID]
		if n%relevanceEvery[line.Lang] == 0 || needed {
			a := newsArticle(len(as), line)
			as = append(as, a)
			if needed {
				wanted[line.ID] = a.ID
			}
		}
		return true
	})
	ix := openTest(t, t.TempDir())
	writeInBatches(t, ix, as)

	for i := range items {
		k := &items[i]
		q, err := query.Parse(k.query, when)
		if err != nil {
			t.Fatal(err)
		}
		loose, ok := q.Loosen()
		if !ok {
			t.Fatalf("%s can't be loosened", k.query)
		}
		k.all = standingOf(t, ix, wanted[k.id], k.query)
		k.any = standingOf(t, ix, wanted[k.id], loose)
	}
	got := relevanceTable(items, len(as))
	golden := filepath.Join("testdata", "relevance.golden")
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
		t.Errorf("%s is no longer true (-golden +now; -update writes it anew):\n%s", golden, diff)
	}
}

func standingOf(t *testing.T, ix *Index, id, text string) standing {
	res := find(t, ix, pipeline.SearchRequest{Query: text, Sort: pipeline.SortRelevance, Limit: deepest})
	return standing{slices.IndexFunc(res.Hits, func(h pipeline.Hit) bool { return h.ID == id }) + 1, res.Total}
}

func knownItems(t *testing.T) []knownItem {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", "relevance.queries"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var items []knownItem
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if strings.HasPrefix(lines.Text(), "#") {
			continue
		}
		parts := strings.SplitN(lines.Text(), " ", 3)
		if len(parts) != 3 || relevanceEvery[parts[1]] == 0 {
			t.Fatalf("testdata/relevance.queries: %q; expected an id, a language and a query", lines.Text())
		}
		items = append(items, knownItem{id: parts[0], lang: parts[1], query: parts[2]})
	}
	return items
}

// relevanceTable is the figures of each language and where each article stands.
func relevanceTable(items []knownItem, articles int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Known articles among %d of news-47k, by relevance: of those with all the words, of those with any.\n", articles)
	fmt.Fprintf(&b, "Rank 0: not among the first %d.\n\n", deepest)
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "lang\tqueries\twords\trecall@1\trecall@5\tMRR")
	for _, lang := range []string{"en", "ru", "zh", "all"} {
		of := slices.DeleteFunc(slices.Clone(items), func(k knownItem) bool { return lang != "all" && k.lang != lang })
		figures(w, lang, "all", of, func(k knownItem) int { return k.all.rank })
		figures(w, lang, "any", of, func(k knownItem) int { return k.any.rank })
	}
	fmt.Fprintln(w, "\nall\tof\tany\tof\tarticle\tquery")
	slices.SortStableFunc(items, func(a, b knownItem) int { return cmp.Compare(a.lang, b.lang) })
	for _, k := range items {
		fmt.Fprintf(w, "%d\t%d\t%d\t%d\t%s\t%s\n", k.all.rank, k.all.total, k.any.rank, k.any.total, k.id, k.query)
	}
	w.Flush()
	return b.String()
}

func figures(w io.Writer, lang, words string, items []knownItem, rank func(knownItem) int) {
	var first, five, reciprocal float64
	for _, k := range items {
		r := rank(k)
		if r == 0 {
			continue
		}
		if r == 1 {
			first++
		}
		if r <= 5 {
			five++
		}
		reciprocal += 1 / float64(r)
	}
	n := float64(len(items))
	fmt.Fprintf(w, "%s\t%d\t%s\t%.3f\t%.3f\t%.3f\n", lang, len(items), words, first/n, five/n, reciprocal/n)
}
