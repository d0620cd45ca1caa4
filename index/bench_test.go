package index

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/newswatch/newswatch/pipeline"
)

// BenchmarkWrite writes the corpus in batches of 200, as the bus hands them in,
// and waits until all is durable.
func BenchmarkWrite(b *testing.B) {
	as := corpus(b, 4000)
	size := 0
	for _, a := range as {
		size += len(a.Title) + len(a.Text)
	}
	for b.Loop() {
		ix := openWith(b, Config{Dir: b.TempDir(), nap: 500 * time.Millisecond})
		var waits []<-chan error
		seq := uint64(1)
		for part := range slices.Chunk(as, 200) {
			waits = append(waits, write(ix, stored(seq, part...)))
			seq += uint64(len(part))
		}
		for _, w := range waits {
			if err := <-w; err != nil {
				b.Fatal(err)
			}
		}
		b.StopTimer()
		b.ReportMetric(float64(ix.Stats().Bytes)/float64(size), "disk/text")
		ix.now = func() time.Time { return when.AddDate(0, 2, 0) }
		for did := true; did; {
			var err error
			if did, err = ix.sealNext(context.Background(), sealQuiet); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(ix.Stats().Bytes)/float64(size), "sealed/text")
		if err := ix.Close(); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
	b.ReportMetric(float64(len(as)*b.N)/b.Elapsed().Seconds(), "docs/s")
	b.SetBytes(int64(size))
}

// BenchmarkSearch is pages of twenty of 8,000 articles over three months.
func BenchmarkSearch(b *testing.B) {
	as := corpus(b, 8000)
	ix := openTest(b, b.TempDir())
	var last <-chan error
	for part := range slices.Chunk(as, 500) {
		last = write(ix, stored(1, part...))
	}
	if err := <-last; err != nil {
		b.Fatal(err)
	}
	facets := []string{"source", "lang", "country", "entity"}
	for _, req := range []pipeline.SearchRequest{
		{Query: "*"},
		{Query: "company"},
		{Query: "中国"},
		{Query: "government oil"},
		{Query: `"prime minister"`},
		{Query: "micro*"},
		{Query: "oil NEAR/5 price"},
		{Query: "entity:china last:30d", Facets: facets},
		{Query: "company", Sort: pipeline.SortRelevance},
		{Query: "company", Collapse: "stories"},
	} {
		b.Run(fmt.Sprintf("%s %s %s %d", req.Query, req.Sort, req.Collapse, len(req.Facets)), func(b *testing.B) {
			for b.Loop() {
				if _, err := ix.Search(context.Background(), req); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
