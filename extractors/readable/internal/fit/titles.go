package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"

	"github.com/newswatch/newswatch/extractors/readable"
	"github.com/newswatch/newswatch/extractors/readable/internal/content"
	"github.com/newswatch/newswatch/extractors/readable/internal/titles"
	"github.com/newswatch/newswatch/extractors/readable/readabletest"
)

// Settings of the forest that chooses titles.
const (
	titleTrees = 70
	titleRows  = 0.7 // of the pages, drawn for each tree
	titleCols  = 0.5
	pressTimes = 3 // pages of sets of news count this much: they are few
)

// A titled is a page with candidates for its title, of which it is known which
// are right.
type titled struct {
	page   readabletest.Page
	host   string
	ruled  string // what the rules choose
	press  bool   // and they have the last word
	texts  []titles.Candidate
	rows   [][]float32
	right  []bool
	weight float64
}

// fitTitles fits the choice of titles on all hosts and writes it to a file; or,
// where it is parted in folds, measures it on hosts that it was not fitted on.
func fitTitles(pages []readabletest.Page, parts int, out, benchmarks string) {
	pages = slices.DeleteFunc(pages, func(p readabletest.Page) bool { return p.Title == "" })
	all := make([]*titled, len(pages))
	parallel(len(pages), func(i int) { all[i] = newTitled(pages[i]) })
	all = slices.DeleteFunc(all, func(t *titled) bool { return t == nil })
	if parts == 0 {
		b, err := json.Marshal(boostTitles(all))
		if err == nil {
			err = os.WriteFile(out, append(bytes.ReplaceAll(b, []byte("[["), []byte("\n[[")), '\n'), 0o644)
		}
		if err != nil {
			log.Fatal(err)
		}
		return
	}
	forests := make([]content.Forest, parts)
	for k := range parts {
		forests[k] = boostTitles(slices.DeleteFunc(slices.Clone(all), func(t *titled) bool { return foldOf(t.page, parts) == k }))
	}
	table := titleTable(all, func(t *titled) string { return t.choose(&forests[foldOf(t.page, parts)]) })
	fmt.Print(table)
	if benchmarks != "" {
		if err := readabletest.WriteBetween(benchmarks, "title folds", table); err != nil {
			log.Fatal(err)
		}
	}
}

func newTitled(p readabletest.Page) *titled {
	root, err := parsePage(p)
	if err != nil {
		return nil
	}
	page, ruled, press := readable.Titles(root, readable.Options{URL: p.URL})
	t := &titled{page: p, host: host(p), ruled: ruled, press: press, texts: page.Candidates(), weight: 1}
	t.rows = page.Features(t.texts)
	for _, c := range t.texts {
		t.right = append(t.right, p.TitleRight(c.Text))
	}
	switch {
	case p.Set == "fundus", p.Set == "newspaper4k", strings.HasPrefix(p.Set, "written"):
		t.weight = pressTimes
	}
	return t
}

// known says whether the title is among the candidates.
func (t *titled) known() bool { return slices.Contains(t.right, true) }

// choose is what the whole choice with a forest comes to.
func (t *titled) choose(f *content.Forest) string {
	if t.press || len(t.texts) == 0 {
		return t.ruled
	}
	best, top := 0, -1.0
	for i, row := range t.rows {
		if s := f.Score(row); s > top {
			best, top = i, s
		}
	}
	return t.texts[best].Text
}

func titleTable(all []*titled, choose func(*titled) string) string {
	type sums struct{ pages, ruled, chosen, known int }
	sets := make(map[string]*sums)
	for _, t := range all {
		for _, set := range []string{t.page.Set, "all"} {
			s := sets[set]
			if s == nil {
				s = new(sums)
				sets[set] = s
			}
			s.pages++
			for n, is := range map[*int]bool{&s.ruled: t.page.TitleRight(t.ruled), &s.chosen: t.page.TitleRight(choose(t)), &s.known: t.known()} {
				if is {
					*n++
				}
			}
			if set == shown && !t.page.TitleRight(choose(t)) {
				fmt.Printf("%s\n want %q\n got  %q\n", t.page.Path, t.page.Title, choose(t))
			}
		}
	}
	var b strings.Builder
	b.WriteString("| set | pages | rules alone | chosen | it is among the candidates |\n|---|---:|---:|---:|---:|\n")
	names := make([]string, 0, len(sets))
	for set := range sets {
		if set != "all" {
			names = append(names, set)
		}
	}
	slices.Sort(names)
	for _, set := range append(names, "all") {
		s := sets[set]
		n := float64(s.pages)
		fmt.Fprintf(&b, "| %s | %d | %.3f | %.3f | %.3f |\n", set, s.pages, float64(s.ruled)/n, float64(s.chosen)/n, float64(s.known)/n)
	}
	return b.String()
}

// boostTitles fits a forest whose scores, over the candidates of a page, are
// the logits of a softmax.
func boostTitles(all []*titled) content.Forest {
	var in []*titled
	var rows [][]float32
	var start []int
	for _, t := range all {
		if t.known() && len(t.texts) > 1 {
			in, start = append(in, t), append(start, len(rows))
			rows = append(rows, t.rows...)
		}
	}
	b := bin(rows, titles.Count)
	rng := rand.New(rand.NewPCG(3, 1))
	score, d := make([]float64, len(rows)), make([]sums, len(rows))
	var f content.Forest
	for range titleTrees {
		var drawn []int32
		for k, t := range in {
			t.derive(score[start[k]:], d[start[k]:])
			if rng.Float64() < titleRows {
				for i := range t.rows {
					drawn = append(drawn, int32(start[k]+i))
				}
			}
		}
		var cols []int
		for c := range titles.Count {
			if len(b.cuts[c]) > 0 && rng.Float64() < titleCols {
				cols = append(cols, c)
			}
		}
		tr := tree(b.grow(drawn, cols, d))
		for i := range rows {
			score[i] += tr.value(rows[i])
		}
		f.Trees = append(f.Trees, tr)
	}
	return f
}

// derive sets the derivatives of the page's loss by the scores of its
// candidates.
func (t *titled) derive(score []float64, d []sums) {
	score = score[:len(t.rows)]
	top, sum, right := slices.Max(score), 0.0, 0.0
	for i, s := range score {
		sum += math.Exp(s - top)
		if t.right[i] {
			right++
		}
	}
	for i, s := range score {
		p, want := math.Exp(s-top)/sum, 0.0
		if t.right[i] {
			want = 1 / right
		}
		d[i] = sums{t.weight * (p - want), t.weight * max(p*(1-p), 1e-3)}
	}
}
