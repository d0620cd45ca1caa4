package searchbench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/newswatch/newswatch/pipeline"
)

// Timed is how long the queries of one shape took.
type Timed struct {
	Shape  string
	P50    time.Duration
	P99    time.Duration
	First  time.Duration // the slowest of those asked for the first time
	CPU    time.Duration // of the process, for each query
	Hits   int           // on average
	Failed int           // queries that took too long, or whose total is not exact
}

// variants is how many queries a shape has: their words are drawn from
// articles, so that frequent ones come up as often as in the text.
const variants = 20

// A shape makes the requests of one kind.
type shape struct {
	name string
	make func(w *words) pipeline.SearchRequest
}

func shapes() []shape {
	ask := func(q string) pipeline.SearchRequest { return pipeline.SearchRequest{Query: q} }
	facets := []string{"source", "lang", "country", "entity"}
	month := func(r pipeline.SearchRequest) pipeline.SearchRequest {
		r.From, r.To = Now.AddDate(0, 0, -30), Now
		return r
	}
	return []shape{
		{"any term, newest 20", func(w *words) pipeline.SearchRequest { return ask(w.row(1)) }},
		{"two terms", func(w *words) pipeline.SearchRequest { return ask(w.row(1) + " " + w.row(1)) }},
		{"any of three terms", func(w *words) pipeline.SearchRequest { return ask(w.row(1) + " OR " + w.row(1) + " OR " + w.row(1)) }},
		{"a term without another", func(w *words) pipeline.SearchRequest { return ask(w.row(1) + " -" + w.row(1)) }},
		{"phrase of two words", func(w *words) pipeline.SearchRequest { return ask(`"` + w.row(2) + `"`) }},
		{"NEAR/5", func(w *words) pipeline.SearchRequest { return ask(w.row(1) + " NEAR/5 " + w.row(1)) }},
		{"prefix of four letters", func(w *words) pipeline.SearchRequest { return ask(w.prefix()) }},
		{"exact form", func(w *words) pipeline.SearchRequest { return ask("=" + w.row(1)) }},
		{"everything, newest 20", func(*words) pipeline.SearchRequest { return ask("*") }},
		{"everything of a day", func(*words) pipeline.SearchRequest {
			return pipeline.SearchRequest{From: Now.AddDate(0, 0, -1), To: Now}
		}},
		{"entity, 30 days", func(w *words) pipeline.SearchRequest { return month(ask(w.entity())) }},
		{"entity, 30 days, 4 facets", func(w *words) pipeline.SearchRequest {
			r := month(ask(w.entity()))
			r.Facets = facets
			return r
		}},
		{"entity, 4 facets and timeline", func(w *words) pipeline.SearchRequest {
			return pipeline.SearchRequest{Query: w.entity(), Facets: facets, Timeline: true}
		}},
		{"two terms, by relevance", func(w *words) pipeline.SearchRequest {
			return pipeline.SearchRequest{Query: w.row(1) + " " + w.row(1), Sort: pipeline.SortRelevance}
		}},
		{"any term, copies folded, timeline", func(w *words) pipeline.SearchRequest {
			return pipeline.SearchRequest{Query: w.row(1), Collapse: "copies", Timeline: true}
		}},
		{"any term, stories folded, by hours", func(w *words) pipeline.SearchRequest {
			return pipeline.SearchRequest{Query: w.row(1), Collapse: "stories", Timeline: true, Interval: "hour"}
		}},
	}
}

// words draws what to ask for from articles of the index.
type words struct {
	*rand.Rand
	corpus *Corpus
	n      int
}

// row is so many words of letters in a row of an article's text.
func (w *words) row(n int) string {
	for range 1000 {
		a := w.corpus.Article(w.IntN(w.n), w.n)
		fields := strings.FieldsFunc(a.Text, unicode.IsSpace)
		if len(fields) <= n {
			continue
		}
		at := w.IntN(len(fields) - n)
		part := fields[at : at+n]
		plain := !slices.ContainsFunc(part, func(s string) bool {
			return len(s) < 3 || len(s) > 60 || strings.IndexFunc(s, func(r rune) bool { return !unicode.IsLetter(r) }) >= 0 ||
				slices.Contains([]string{"AND", "OR", "NOT", "NEAR"}, s)
		})
		if plain {
			return strings.Join(part, " ")
		}
	}
	return "news"
}

func (w *words) prefix() string {
	for range 1000 {
		if r := []rune(w.row(1)); len(r) >= 4 && !unicode.Is(unicode.Han, r[0]) {
			return string(r[:4]) + "*"
		}
	}
	return "news*"
}

func (w *words) entity() string { return fmt.Sprintf("entity:entity%d", few(w.Rand, entities)) }

// Queries times each shape: its variants, each as often as rounds says. Before,
// all shapes are asked once and only the slowest is told of: a server has been
// asked before. A shape that the engine can't do is left out.
func Queries(ctx context.Context, e Engine, corpus *Corpus, n, rounds int, progress io.Writer) ([]Timed, error) {
	var all []Timed
	first := make(map[string]time.Duration)
	for round := range 2 {
		all = nil
		for i, sh := range shapes() {
			w := &words{rand.New(rand.NewPCG(11, uint64(i))), corpus, n}
			reqs := make([]pipeline.SearchRequest, variants)
			for j := range reqs {
				reqs[j] = sh.make(w)
			}
			t, err := timed(ctx, e, reqs, 1+round*(rounds-1))
			if errors.Is(err, ErrCannot) {
				continue
			}
			if err != nil {
				return all, fmt.Errorf("%s: %w", sh.name, err)
			}
			t.Shape = sh.name
			if round == 0 {
				first[sh.name] = t.P99 // of twenty, the slowest
			} else {
				t.First = first[sh.name]
				fmt.Fprintf(progress, "%d articles: %s: p50 %v, p99 %v\n", n, t.Shape, t.P50, t.P99)
			}
			all = append(all, t)
		}
	}
	return all, nil
}

// timed asks each of the requests so often.
func timed(ctx context.Context, e Engine, reqs []pipeline.SearchRequest, rounds int) (t Timed, err error) {
	var took []time.Duration
	cpu := cpuTime()
	for range rounds {
		for _, req := range reqs {
			start := time.Now()
			res, err := e.Search(ctx, req)
			if err != nil && !errors.Is(err, context.DeadlineExceeded) {
				return t, fmt.Errorf("%q: %w", req.Query, err)
			}
			took = append(took, time.Since(start))
			t.Hits += res.Total
			if err != nil || !res.TotalExact {
				t.Failed++
			}
		}
	}
	t.CPU = (cpuTime() - cpu) / time.Duration(len(took))
	t.Hits /= len(took)
	slices.Sort(took)
	t.P50, t.P99 = took[len(took)/2], took[len(took)*99/100]
	return t, nil
}

// Shapes are the names of the shapes, in order.
func Shapes() []string {
	var names []string
	for _, s := range shapes() {
		names = append(names, s.name)
	}
	return names
}

// Table writes what was measured as Markdown.
func Table(w io.Writer, results []Result) error {
	var b strings.Builder
	b.WriteString("| articles | docs/s | CPU ms/doc | disk per byte of text | when sealed | peak memory |\n|---:|---:|---:|---:|---:|---:|\n")
	for _, r := range results {
		m := r.Built
		fmt.Fprintf(&b, "| %d | %.0f | %.2f | %.2f | %.2f | %d MB |\n", m.Docs, float64(m.Docs)/m.WallS,
			1000*m.CPUS/float64(m.Docs), float64(m.DiskBytes)/float64(m.TextBytes),
			float64(m.SealedBytes)/float64(m.TextBytes), m.PeakRSS>>20)
	}
	b.WriteString("\n| articles | query | hits | p50 ms | p99 ms | first ms | CPU ms | too long, or total not exact |\n|---:|---|---:|---:|---:|---:|---:|---:|\n")
	ms := func(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
	for _, r := range results {
		for _, q := range r.Queries {
			fmt.Fprintf(&b, "| %d | %s | %d | %.1f | %.1f | %.1f | %.1f | %d |\n",
				r.Built.Docs, q.Shape, q.Hits, ms(q.P50), ms(q.P99), ms(q.First), ms(q.CPU), q.Failed)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}
