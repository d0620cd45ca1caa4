// Fit makes the model of package content from pages with known text:
//
//	NEWSWATCH_CORPORA=… go run ./extractors/readable/internal/fit [-folds 5] [-o model.json]
//
// It fits on all hosts. What may be expected on hosts it has not seen is
// measured by -folds, which fits no model to keep: it parts the hosts, measures
// each part with a model fitted on the others, and prints the table that stands
// in BENCHMARKS.md. -half fits on one half of the hosts and measures both, for
// trying things out.
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

// smallWeight is what a block weighs beside its share of the text: what is
// small counts too.
const smallWeight = .008

func main() {
	half := flag.Bool("half", false, "fit on one half of the hosts")
	parts := flag.Int("folds", 0, "measure by this many folds of the hosts, and keep no model")
	part := flag.Int("fold", -1, "make the texts of this fold alone, to run several at a time; for -folds with -texts")
	benchmarks := flag.String("benchmarks", "", "the BENCHMARKS.md into which -folds writes its table")
	dir := flag.String("texts", "", "folder in which -folds keeps the texts of each fold, and finds those made before")
	out := flag.String("o", "extractors/readable/internal/content/model.json", "the model")
	only := flag.Bool("measure", false, "fit nothing, measure the committed model")
	written := flag.String("written", "extractors/readable/testdata/pages", "the pages written by hand")
	lost := flag.Bool("losses", false, "show which kinds of blocks -folds has too much and too little of")
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
		var texts []map[string]string
		for k := range *parts {
			if *part < 0 || *part == k {
				texts = append(texts, fold(pages, k, *parts, *dir))
			}
		}
		if *part < 0 {
			all := joined(pages, texts)
			t := table(pages, all)
			fmt.Print(t)
			if *lost {
				fmt.Print(losses(pages, all))
			}
			if *benchmarks != "" {
				if err := readabletest.WriteBetween(*benchmarks, "extraction folds", "```\n"+t+"```\n"); err != nil {
					log.Fatal(err)
				}
			}
		}
		return
	}
	m := fitModel(fit)
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

// fold is what is extracted from one part of the hosts with a model fitted on
// the others, by the pages' paths.
func fold(pages []readabletest.Page, k, parts int, dir string) map[string]string {
	texts := make(map[string]string)
	file := filepath.Join(dir, fmt.Sprintf("fold-%d-of-%d.json", k, parts))
	if b, err := os.ReadFile(file); dir != "" && err == nil {
		if err := json.Unmarshal(b, &texts); err != nil {
			log.Fatalf("%s: %v", file, err)
		}
		return texts
	}
	var fit, rest []readabletest.Page
	for _, p := range pages {
		if int(hash(host(p))>>5%uint64(parts)) == k {
			rest = append(rest, p)
		} else {
			fit = append(fit, p)
		}
	}
	content.Use(fitModel(fit))
	for i, text := range extract(rest) {
		texts[rest[i].Path] = text
	}
	log.Printf("fold %d of %d: %d pages", k, parts, len(rest))
	if dir != "" {
		b, err := json.Marshal(texts)
		if err == nil {
			err = os.WriteFile(file, b, 0o644)
		}
		if err != nil {
			log.Fatal(err)
		}
	}
	return texts
}

// joined are the texts of all folds.
func joined(pages []readabletest.Page, folds []map[string]string) []string {
	texts := make([]string, len(pages))
	for i, p := range pages {
		for _, f := range folds {
			if text, ok := f[p.Path]; ok {
				texts[i] = text
			}
		}
	}
	return texts
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
	const folds = 3
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

func read(pages []readabletest.Page) []*sample {
	out := make([]*sample, len(pages))
	parallel(len(pages), func(i int) {
		p := pages[i]
		body, err := os.ReadFile(p.Path)
		if err != nil {
			log.Fatal(err)
		}
		text, _ := readable.Decode(body, "")
		root, err := html.ParseWithOptions(bytes.NewReader(text), html.ParseOptionEnableScripting(false))
		if err != nil {
			return
		}
		s := &sample{page: p, host: host(p)}
		var hints content.Hints
		s.doc, hints = readable.Document(root, readable.Options{URL: p.URL})
		s.rows = s.doc.Features(hints)
		s.mark()
		out[i] = s
	})
	return slices.DeleteFunc(out, func(s *sample) bool { return s == nil })
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
func measure(pages []readabletest.Page) string { return table(pages, extract(pages)) }

func extract(pages []readabletest.Page) []string {
	texts := make([]string, len(pages))
	parallel(len(pages), func(i int) {
		body, err := os.ReadFile(pages[i].Path)
		if err != nil {
			log.Fatal(err)
		}
		got, _ := readable.Extract(body, readable.Options{URL: pages[i].URL, Published: time.Unix(1, 0)})
		texts[i] = got.Text
	})
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
