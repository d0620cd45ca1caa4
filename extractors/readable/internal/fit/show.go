package main

import (
	"fmt"
	"strings"

	"github.com/newswatch/newswatch/extractors/readable/internal/content"
	"github.com/newswatch/newswatch/extractors/readable/readabletest"
)

// show writes what a text has too much and lacks, a line each.
func show(p readabletest.Page, got string) string {
	var b strings.Builder
	pr, re, same := p.Score(got)
	if same {
		return ""
	}
	fmt.Fprintf(&b, "%s P %.3f R %.3f %s\n", p.Path, pr, re, p.URL)
	lacking := func(mark, of, in string) {
		known := make(map[uint64]bool)
		ws := content.HashWords(in)
		for k := 1; k <= 3; k++ {
			for i := 0; i+k <= len(ws); i++ {
				known[gram(ws[i:i+k])] = true
			}
		}
		for l := range strings.Lines(of) {
			ws := content.HashWords(l)
			k := min(3, len(ws))
			hit := 0
			for i := 0; i+k <= len(ws); i++ {
				if known[gram(ws[i:i+k])] {
					hit++
				}
			}
			if k > 0 && float64(hit) < .6*float64(len(ws)-k+1) {
				fmt.Fprintf(&b, "  %s %.160s\n", mark, strings.TrimSpace(l))
			}
		}
	}
	before := b.Len()
	lacking("+", got, p.Body+"\n"+p.Standfirst)
	lacking("-", p.Body, got)
	if b.Len() == before { // it is less than a line
		at := 0
		for at < min(len(got), len(p.Body)) && got[at] == p.Body[at] {
			at++
		}
		near := func(s string) string { return s[max(0, min(len(s), at-60)):min(len(s), at+100)] }
		fmt.Fprintf(&b, "  want %.160q\n  got  %.160q\n", near(p.Body), near(got))
	}
	return b.String()
}
