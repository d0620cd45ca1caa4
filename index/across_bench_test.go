package index

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/newswatch/newswatch/pipeline"
)

// What it costs that a corpus is in several shards: the same requests of one
// index and of three in this process.
func BenchmarkAcross(b *testing.B) {
	as := grouped(corpus(b, 3000))
	fill := func(as []pipeline.Article) *Index {
		ix := openTest(b, b.TempDir())
		for part := range slices.Chunk(as, 500) {
			put(b, ix, stored(1, part...))
		}
		return ix
	}
	const n = pipeline.Shards(3)
	var shards []*Index
	for shard := range n.Count() {
		var held []pipeline.Article
		for i := range as {
			if n.Of(as[i].Key) == shard {
				held = append(held, as[i])
			}
		}
		shards = append(shards, fill(held))
	}
	whole := fill(as)
	for name, req := range map[string]pipeline.SearchRequest{
		"newest":  {Query: "china"},
		"ranked":  {Query: "china", Sort: pipeline.SortRelevance},
		"facets":  {Query: "china", Facets: []string{"source", "lang", "entity"}, Timeline: true},
		"copies":  {Query: "china", Collapse: collapseCopies},
		"stories": {Collapse: collapseStories},
	} {
		b.Run(fmt.Sprintf("%s/one", name), func(b *testing.B) {
			for b.Loop() {
				if _, err := whole.Search(context.Background(), req); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(fmt.Sprintf("%s/three", name), func(b *testing.B) {
			for b.Loop() {
				if _, err := Across(context.Background(), n, when, askAll(shards), req); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
