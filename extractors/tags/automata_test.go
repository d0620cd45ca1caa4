package tags

import (
	"flag"
	"testing"

	bobusumisu "github.com/BobuSumisu/aho-corasick"
	cloudflare "github.com/cloudflare/ahocorasick"
)

var large = flag.Bool("large", false, "BenchmarkMatchers asks BobuSumisu's automaton for half a million names, too: it takes some 10 GB")

// Beside two public Aho-Corasick automata on the same names and texts. What they
// do is less: they find bytes, in one case, anywhere in words. Cloudflare's says
// which names are in a text, not where; BobuSumisu's says where each ends.
// Cloudflare's holds some 4 KB a node: it is not asked for half a million names.
func BenchmarkMatchers(b *testing.B) {
	texts, total := articles(b, 2<<20)
	bytes := make([][]byte, len(texts))
	for i, s := range texts {
		bytes[i] = []byte(s)
	}
	for _, list := range []string{"p100", "p10k", "p500k"} {
		entities := watched(b, list, true)
		words := make([]string, len(entities))
		for i, e := range entities {
			words[i] = e.Names[0].Text
		}
		run := func(name string, find func() int) {
			b.Run(list+"/"+name, func(b *testing.B) {
				b.SetBytes(int64(total))
				found := 0
				for b.Loop() {
					found = find()
				}
				b.ReportMetric(float64(found), "found/op")
			})
		}
		build := func(name string, make func()) {
			b.Run(list+"/"+name+"-build", func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					make()
				}
			})
		}

		m, _ := Compile(entities)
		run("newswatch", func() (n int) {
			for _, s := range texts {
				n += len(m.Tag("", s, ""))
			}
			return n
		})
		build("newswatch", func() { Compile(entities) })
		m = nil

		if list != "p500k" {
			c := cloudflare.NewStringMatcher(words)
			run("cloudflare", func() (n int) {
				for _, s := range bytes {
					n += len(c.Match(s))
				}
				return n
			})
			build("cloudflare", func() { cloudflare.NewStringMatcher(words) })
		}
		if list == "p500k" && !*large {
			continue
		}
		t := bobusumisu.NewTrieBuilder().AddStrings(words).Build()
		run("bobusumisu", func() (n int) {
			for _, s := range bytes {
				t.Walk(s, func(_, _, _ int64) bool { n++; return true })
			}
			return n
		})
		build("bobusumisu", func() { bobusumisu.NewTrieBuilder().AddStrings(words).Build() })
	}
}
