package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/newswatch/newswatch/extractors/readable/readabletest"
)

// A loss is what blocks of a kind cost the pages of a set: tokens too many and
// too few, in thousandths of a page's text.
type loss struct {
	kind             string
	much, little     float64
	muchIn, littleIn int // pages
}

// losses tells for each set which kinds of blocks texts have too much and too
// little of: before, in or after the run of the article's text.
func losses(pages []readabletest.Page, texts []string) string {
	type key struct{ set, kind string }
	sums := make(map[key]*loss)
	count := make(map[string]int)
	wanted, got := read(pages), make([]*sample, len(pages))
	byPath := make(map[string]string)
	for i, p := range pages {
		byPath[p.Path+p.Set] = texts[i]
	}
	parallel(len(wanted), func(i int) {
		s := *wanted[i]
		s.page.Body = byPath[s.page.Path+s.page.Set]
		s.page.Standfirst = ""
		if wanted[i].page.Body != "" && s.page.Body != "" {
			s.mark()
			got[i] = &s
		}
	})
	for i, s := range wanted {
		if got[i] == nil {
			continue
		}
		count[s.page.Set]++
		first, last, all := len(s.label), 0, 0
		for k, l := range s.label {
			if l == 1 {
				all += len(s.doc.Words(k))
				if len(s.doc.Words(k)) >= 8 {
					first, last = min(first, k), max(last, k)
				}
			}
		}
		seen := make(map[string]bool)
		for k, l := range s.label {
			if l == got[i].label[k] || s.weight[k] == 0 {
				continue
			}
			place := "in"
			switch {
			case k < first:
				place = "before"
			case k > last:
				place = "after"
			}
			name := place + " " + s.doc.Kind(k)
			at := key{s.page.Set, name}
			if sums[at] == nil {
				sums[at] = &loss{kind: name}
			}
			share := min(1, float64(len(s.doc.Words(k)))/float64(max(all, 40)))
			if l == 1 {
				sums[at].little += share
			} else {
				sums[at].much += share
			}
			if id := fmt.Sprint(name, l); !seen[id] {
				seen[id] = true
				if l == 1 {
					sums[at].littleIn++
				} else {
					sums[at].muchIn++
				}
			}
		}
	}
	var b strings.Builder
	for _, set := range slices.Sorted(maps.Keys(count)) {
		var list []*loss
		for k, l := range sums {
			if k.set == set {
				list = append(list, l)
			}
		}
		slices.SortFunc(list, func(x, y *loss) int {
			return cmp.Or(cmp.Compare(y.much+y.little, x.much+x.little), cmp.Compare(x.kind, y.kind))
		})
		n := float64(count[set]) / 1000
		fmt.Fprintf(&b, "%s\n", set)
		for _, l := range list[:min(len(list), 24)] {
			fmt.Fprintf(&b, "  %-20s too much %6.2f (%3d pages)  too little %6.2f (%3d pages)\n", l.kind, l.much/n, l.muchIn, l.little/n, l.littleIn)
		}
	}
	return b.String()
}
