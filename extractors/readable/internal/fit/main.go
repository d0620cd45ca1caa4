// Fit makes the model of package content from pages with known text:
//
//	NEWSWATCH_CORPORA=… go run ./extractors/readable/internal/fit [-folds 3] [-o model.json]
//
// It fits the forests on all hosts. When to ask another way to the text, what its
// vote weighs and how sure a text is are fitted on pages of hosts that a forest
// was not fitted on: the hosts are parted in three, and each part judged by
// forests fitted on the other two.
//
// What may be expected on hosts it has not seen is measured by -folds, which
// keeps no model: each part is measured with all that is fitted on the others,
// and the tables are those in BENCHMARKS.md. With -votes the others' texts are
// measured as votes, too; with -losses it shows what kinds of blocks the texts
// have too much and too little of. With -titles it is the choice of titles that
// is fitted, into internal/titles/model.json, or measured. -half fits on one half of the hosts and
// measures both, for trying things out.
package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"hash/fnv"
	"log"
	"math"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/html"

	"github.com/newswatch/newswatch/extractors/readable"
	"github.com/newswatch/newswatch/extractors/readable/internal/content"
	"github.com/newswatch/newswatch/extractors/readable/readabletest"
)

// A sample is a page with its blocks labelled.
type sample struct {
	page   readabletest.Page
	host   string
	doc    *content.Document
	rows   []float32
	label  []int8 // 1 of the article, 0 not, -1 not known
	weight []float64
}

var shown string // a set

// folds is in how many parts the hosts are parted to fit what needs to see pages
// that a model was not fitted on.
const folds = 3

// smallWeight is what a block weighs beside its share of the text: what is
// small counts too.
const smallWeight = .008

func main() {
	half := flag.Bool("half", false, "fit on one half of the hosts")
	parts := flag.Int("folds", 0, "measure by this many folds of the hosts, and keep no model")
	part := flag.Int("fold", -1, "make the model of this fold alone, to run several at a time; for -folds with -models")
	benchmarks := flag.String("benchmarks", "", "the BENCHMARKS.md into which -folds writes its tables")
	dir := flag.String("models", "", "folder in which the model of each fold is kept, and found if it was made before")
	out := flag.String("o", "extractors/readable/internal/content/model.json", "the model")
	only := flag.Bool("measure", false, "fit nothing, measure the committed model")
	written := flag.String("written", "extractors/readable/testdata/pages", "the pages written by hand")
	votes := flag.String("votes", "", "folder of the texts of others, which cmd/internal/bench/peers writes, to measure as votes; for -folds")
	lost := flag.Bool("losses", false, "show which kinds of blocks -folds has too much and too little of")
	titled := flag.Bool("titles", false, "fit the choice of titles instead; with -folds measure it")
	flag.StringVar(&shown, "show", "", "show what is wrong with the pages of this set")
	flag.Parse()
	pages, err := readabletest.Pages(os.Getenv("NEWSWATCH_CORPORA"))
	if err != nil {
		log.Fatal(err)
	}
	hand, err := readabletest.Written(*written)
	if err != nil {
		log.Fatal(err)
	}
	pages = append(pages, hand...)
	if *titled {
		fitTitles(pages, *parts, "extractors/readable/internal/titles/model.json", *benchmarks)
		return
	}
	pages = slices.DeleteFunc(pages, func(p readabletest.Page) bool { return p.Body == "" && len(p.W) == 0 })
	var fit, rest []readabletest.Page
	for _, p := range pages {
		if !*half || hash(host(p))>>9&1 == 0 {
			fit = append(fit, p)
		} else {
			rest = append(rest, p)
		}
	}
	if *only {
		fmt.Printf("%s\n%s", measure(fit), measure(rest))
		return
	}
	if *parts > 0 {
		f := fold(pages, *parts, *part, *dir)
		if *part < 0 {
			report(f, pages, *lost, *votes, *benchmarks)
		}
		return
	}
	m := fitModel(fit)
	bs := except(fold(fit, folds, -1, *dir).ballots(nil), -1)
	m.Escalate = fitEscalation(bs)
	m.Trust = fitTrust(bs, m.Escalate)
	m.About = "Made by: go run ./extractors/readable/internal/fit. Don't edit."
	b, err := json.Marshal(m)
	if err != nil {
		log.Fatal(err)
	}
	b = bytes.ReplaceAll(b, []byte("[["), []byte("\n[["))
	if err := os.WriteFile(*out, append(b, '\n'), 0o644); err != nil {
		log.Fatal(err)
	}
	content.Use(m)
	if len(rest) > 0 {
		fmt.Printf("fitted on %d pages, measured on the other %d:\n%s", len(fit), len(rest), measure(rest))
	}
	fmt.Printf("on the %d pages fitted on:\n%s", len(fit), measure(fit))
}

// report prints what the folds came to, and writes it into BENCHMARKS.md.
func report(f *folded, pages []readabletest.Page, lost bool, votes, benchmarks string) {
	bs := f.ballots(nil)
	got := f.extract(pages, bs)
	texts := textsOf(got)
	tables := map[string]string{
		"extraction folds":      "```\n" + table(pages, texts) + "```\n",
		"extraction confidence": reliability(pages, got),
	}
	fmt.Print(tables["extraction folds"], tables["extraction confidence"])
	if lost {
		fmt.Print(losses(pages, texts))
	}
	if votes != "" {
		t := "| vote | asked | all | " + strings.Join(voteSets, " | ") + " |\n|---|---|" + strings.Repeat("---:|", 1+len(voteSets)) + "\n" +
			gains("readability", bs)
		files, err := filepath.Glob(filepath.Join(votes, "go-trafilatura*.json"))
		if err != nil {
			log.Fatal(err)
		}
		for _, file := range files {
			name, other := strings.TrimSuffix(filepath.Base(file), ".json"), readVotes(file)
			t += gains(name, f.ballots(other)) + gains("readability, "+name, f.ballots(nil, other))
		}
		tables["extraction votes"] = t
		fmt.Print(t)
	}
	if benchmarks != "" {
		for name, t := range tables {
			if err := readabletest.WriteBetween(benchmarks, name, t); err != nil {
				log.Fatal(err)
			}
		}
	}
}

func fitModel(pages []readabletest.Page) content.Model {
	// The set gne as it is calls credits and links article.
	pages = slices.DeleteFunc(slices.Clone(pages), func(p readabletest.Page) bool { return p.Set == "gne" })
	content.Use(content.Model{})
	samples := read(pages)
	m := content.Model{Lexicon: lexicon(samples, classWords, 8), Words: lexicon(samples, blockWords, 10)}
	content.Use(m)
	samples = read(pages) // with the lexicons
	log.Printf("%d pages, lexicon %d, words %d", len(samples), len(m.Lexicon), len(m.Words))

	// What the first forest says of pages that it wasn't fitted on is what
	// the second is to be fitted on.
	for k := range folds {
		var in []*sample
		for _, s := range samples {
			if int(hash(s.host)%folds) != k {
				in = append(in, s)
			}
		}
		f := fitForest(in, content.FirstCount, uint64(k))
		for _, s := range samples {
			if int(hash(s.host)%folds) == k {
				for i := range s.doc.Blocks {
					s.doc.SetFirst(i, f.Score(s.rows[i*content.Count:(i+1)*content.Count]))
				}
				s.doc.Context(s.rows)
			}
		}
		log.Printf("fold %d", k)
	}
	m.Second = fitForest(samples, content.Count, 7)
	m.First = fitForest(samples, content.FirstCount, 9)
	return m
}

func fitForest(samples []*sample, features int, seed uint64) content.Forest {
	var rows [][]float32
	var label []bool
	var weight []float64
	for _, s := range samples {
		for i, l := range s.label {
			if l >= 0 && s.weight[i] > 0 {
				rows = append(rows, s.rows[i*content.Count:(i+1)*content.Count])
				label = append(label, l == 1)
				weight = append(weight, s.weight[i])
			}
		}
	}
	return boost(rows, features, label, weight, seed)
}

// parsed are the trees read before and what is known of their articles, by path.
var parsed sync.Map

type parsedPage struct {
	root  *html.Node
	hints content.Hints
}

func read(pages []readabletest.Page) []*sample {
	out := make([]*sample, len(pages))
	parallel(len(pages), func(i int) {
		p := pages[i]
		t, ok := parsed.Load(p.Path)
		if !ok {
			root, hints, err := cutPage(p)
			if err != nil {
				return
			}
			t = parsedPage{root: root, hints: hints}
			parsed.Store(p.Path, t)
		}
		out[i] = newSample(p, t.(parsedPage))
	})
	return slices.DeleteFunc(out, func(s *sample) bool { return s == nil })
}

func newSample(p readabletest.Page, t parsedPage) *sample {
	s := &sample{page: p, host: host(p), doc: content.Read(t.root)}
	s.rows = s.doc.Features(t.hints)
	s.mark()
	return s
}

func parsePage(p readabletest.Page) (*html.Node, error) {
	body, err := os.ReadFile(p.Path)
	if err != nil {
		log.Fatal(err)
	}
	text, _ := readable.Decode(body, "")
	return html.ParseWithOptions(bytes.NewReader(text), html.ParseOptionEnableScripting(false))
}

func cutPage(p readabletest.Page) (*html.Node, content.Hints, error) {
	root, err := parsePage(p)
	if err != nil {
		return nil, content.Hints{}, err
	}
	_, hints := readable.Document(root, readable.Options{URL: p.URL})
	return root, hints, nil
}

// mark labels the blocks by the known text.
func (s *sample) mark() {
	n := len(s.doc.Blocks)
	s.label, s.weight = make([]int8, n), make([]float64, n)
	if s.page.Body == "" {
		s.markSegments()
		return
	}
	gold := content.HashWords(s.page.Body)
	left := make(map[uint64]int)
	for k := 1; k <= 3; k++ {
		for i := 0; i+k <= len(gold); i++ {
			left[gram(gold[i:i+k])]++
		}
	}
	cover := func(ws []uint64, take bool) float64 {
		k := min(3, len(ws))
		if k == 0 {
			return 0
		}
		hit := 0
		for i := 0; i+k <= len(ws); i++ {
			h := gram(ws[i : i+k])
			if left[h] > 0 {
				hit++
				if take {
					left[h]--
				}
			}
		}
		return float64(hit) / float64(len(ws)-k+1)
	}
	var long []int
	for i := range n {
		if ws := s.doc.Words(i); len(ws) >= 12 && cover(ws, false) > .8 {
			long = append(long, i)
		}
	}
	lo, hi := 0, n
	if len(long) > 2 {
		mid := long[len(long)/2]
		lo, hi = mid, mid
		for _, i := range long { // the run of the text: no gap of over 60 blocks
			if i > hi && i-hi < 60 {
				hi = i
			}
		}
		for _, i := range slices.Backward(long) {
			if i < lo && lo-i < 60 {
				lo = i
			}
		}
	}
	order := make([]int, 0, n)
	for i := range n {
		if i >= lo && i <= hi {
			order = append(order, i)
		}
	}
	for i := range n {
		if i < lo || i > hi {
			order = append(order, i)
		}
	}
	outside := 0.0
	for _, i := range order {
		ws := s.doc.Words(i)
		inside := i >= lo-3 && i <= hi+3
		c := cover(ws, false)
		if c >= .6 && (len(ws) >= 4 || inside) {
			s.label[i] = 1
			cover(ws, true)
		}
		w := min(1, float64(len(ws))/float64(max(len(gold), 40))) + smallWeight
		if len(ws) == 0 {
			w = 0
		}
		if s.label[i] == 0 {
			outside += w
		}
		s.weight[i] = w
	}
	s.setAside()
	if outside > 3 {
		for i := range n {
			if s.label[i] == 0 {
				s.weight[i] *= 3 / outside
			}
		}
	}
}

// setAside leaves the standfirst unjudged, and gives the pages of languages
// that the sets have few of more weight.
func (s *sample) setAside() {
	lead := make(map[uint64]bool)
	for _, w := range content.HashWords(s.page.Standfirst) {
		lead[w] = true
	}
	for i := range s.label {
		ws := s.doc.Words(i)
		n := 0
		for _, w := range ws {
			if lead[w] {
				n++
			}
		}
		if len(ws) >= 4 && s.label[i] == 0 && 10*n >= 9*len(ws) && 10*len(ws) >= 8*len(lead) {
			s.weight[i] = 0
		}
		switch s.page.Set {
		case "written-ru", "written-zh", "gne-trimmed":
			s.weight[i] *= 2.5
		}
	}
}

func (s *sample) markSegments() {
	texts := make([]string, len(s.label))
	for i := range s.label {
		s.label[i] = -1
		texts[i] = strings.Join(strings.Fields(s.doc.Text(i)), " ")
	}
	for v, list := range [][]string{s.page.WO, s.page.W} {
		for _, seg := range list {
			seg = strings.Join(strings.Fields(seg), " ")
			best := -1
			for i, t := range texts {
				if strings.Contains(t, seg) && (v == 1 || len(t) < 3*len(seg)) && (best < 0 || v == 1 && len(t) > len(texts[best])) {
					best = i
				}
			}
			if best >= 0 {
				s.label[best], s.weight[best] = int8(v), .15
			}
		}
	}
}

func gram(ws []uint64) uint64 {
	h := uint64(len(ws))
	for _, w := range ws {
		h = (h ^ w) * 1099511628211
	}
	return h
}

func classWords(s *sample, i int, f func(string)) { s.doc.Names(i, f) }

func blockWords(s *sample, i int, f func(string)) {
	if len(s.doc.Words(i)) <= 25 {
		for w := range strings.FieldsFuncSeq(strings.ToLower(s.doc.Text(i)), func(r rune) bool {
			return !(r >= 'a' && r <= 'z' || r >= 0xdf)
		}) {
			if len(w) > 2 {
				f(w)
			}
		}
	}
}

// lexicon finds the words that say whether a block is of the article: log
// odds, in tenths, of the share of its weight that is, over the pages that
// have the word. Words of few hosts are left out.
func lexicon(samples []*sample, words func(*sample, int, func(string)), hosts int) map[string]int8 {
	type stat struct {
		hosts map[string]bool
		share float64
		pages float64
	}
	stats := make(map[string]*stat)
	var base, n float64
	for _, s := range samples {
		sums := make(map[string][2]float64)
		for i, l := range s.label {
			if l < 0 {
				continue
			}
			base += float64(l) * s.weight[i]
			n += s.weight[i]
			seen := make(map[string]bool)
			words(s, i, func(w string) {
				if !seen[w] {
					seen[w] = true
					x := sums[w]
					x[l] += s.weight[i]
					sums[w] = x
				}
			})
		}
		for w, x := range sums {
			st := stats[w]
			if st == nil {
				st = &stat{hosts: make(map[string]bool)}
				stats[w] = st
			}
			st.hosts[s.host] = true
			st.share += x[1] / (x[0] + x[1])
			st.pages++
		}
	}
	out := make(map[string]int8)
	for w, st := range stats {
		if len(st.hosts) < hosts {
			continue
		}
		p := (st.share + 2*base/n) / (st.pages + 2)
		v := math.Round(10 * (math.Log(p/(1-p)) - math.Log(base/(n-base))))
		if v = max(-60, min(60, v)); math.Abs(v) >= 5 {
			out[w] = int8(v)
		}
	}
	return out
}

func host(p readabletest.Page) string {
	if u, err := url.Parse(p.URL); err == nil && u.Host != "" {
		parts := strings.Split(u.Hostname(), ".")
		return strings.Join(parts[max(0, len(parts)-2):], ".")
	}
	h, _, _ := strings.Cut(p.ID, "_")
	return h
}

func hash(s string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(s))
	x := h.Sum64()
	return (x ^ x>>31) * 0x9e3779b97f4a7c15 >> 20
}

// measure scores the whole extraction with the model in use.
func measure(pages []readabletest.Page) string { return table(pages, textsOf(extract(pages))) }

func extract(pages []readabletest.Page) []readable.Page {
	out := make([]readable.Page, len(pages))
	parallel(len(pages), func(i int) {
		body, err := os.ReadFile(pages[i].Path)
		if err != nil {
			log.Fatal(err)
		}
		out[i], _ = readable.Extract(body, readable.Options{URL: pages[i].URL, Published: time.Unix(1, 0)})
	})
	return out
}

func textsOf(pages []readable.Page) []string {
	texts := make([]string, len(pages))
	for i, p := range pages {
		texts[i] = p.Text
	}
	return texts
}

func table(pages []readabletest.Page, texts []string) string {
	scores := make(map[string]*readabletest.Score)
	for i, p := range pages {
		s := scores[p.Set]
		if s == nil {
			s = new(readabletest.Score)
			scores[p.Set] = s
		}
		s.Add(p, readabletest.Got{Text: texts[i]}, nil)
		if p.Set == shown {
			fmt.Print(show(p, texts[i]))
		}
	}
	var b strings.Builder
	for _, set := range readabletest.Names(scores) {
		s := scores[set]
		p, r, f, same := s.Text()
		sp, sr, sf := s.Segments()
		fmt.Fprintf(&b, "%-14s %4d | P %.3f R %.3f F1 %.4f same %.3f | seg %.3f %.3f %.4f\n", set, s.Bodies, p, r, f, same, sp, sr, sf)
	}
	return b.String()
}
