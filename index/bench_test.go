package index

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/newswatch/newswatch/pipeline"
)

// BenchmarkWrite is what writing takes, bulk as in a replay, and live as articles
// come in; until all is durable. Articles are of one month.
func BenchmarkWrite(b *testing.B) {
	as := corpus(b, 12_000)
	size := 0
	for i := range as {
		a := &as[i]
		a.Published = when.Add(-time.Duration(len(as)-i) * time.Minute)
		a.FirstSeen = a.Published.Add(time.Minute)
		a.ID = pipeline.NewID(a.Published, a.FirstSeen, a.Key)
		size += len(a.Title) + len(a.Text)
	}
	b.Run("bulk", func(b *testing.B) { benchmarkBulk(b, as, size) })
	b.Run("live", func(b *testing.B) { benchmarkLive(b, as[:6000], as[6000:]) })
}

// writeAll writes the articles in batches of 500.
func writeAll(b *testing.B, ix *Index, as []pipeline.Article) {
	var waits []<-chan error
	seq := uint64(1)
	for part := range slices.Chunk(as, 500) {
		waits = append(waits, write(ix, stored(seq, part...)))
		seq += uint64(len(part))
		if len(waits) > 4 { // as many as the bus has in the air
			if err := <-waits[len(waits)-5]; err != nil {
				b.Fatal(err)
			}
		}
	}
	for _, w := range waits[max(0, len(waits)-4):] {
		if err := <-w; err != nil {
			b.Fatal(err)
		}
	}
}

func benchmarkBulk(b *testing.B, as []pipeline.Article, size int) {
	b.ReportAllocs()
	cpu := time.Duration(0)
	for b.Loop() {
		ix := openWith(b, Config{Dir: b.TempDir(), nap: 500 * time.Millisecond})
		before := cpuTime()
		writeAll(b, ix, as)
		cpu += cpuTime() - before
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
	docs := float64(len(as) * b.N)
	b.ReportMetric(docs/b.Elapsed().Seconds(), "docs/s")
	b.ReportMetric(cpu.Seconds()*1e3/docs, "cpu-ms/doc")
	b.SetBytes(int64(size))
}

// benchmarkLive has articles arrive at a steady rate in an index that has some,
// and hands them in as the bus does: what came within 50 ms of the first of them.
func benchmarkLive(b *testing.B, first, as []pipeline.Article) {
	const (
		perSecond = 800
		wait      = 50 * time.Millisecond
	)
	b.ReportAllocs()
	var searchable, durable []time.Duration // since arrival
	var cpu, took time.Duration
	for b.Loop() {
		b.StopTimer()
		ix := openWith(b, Config{Dir: b.TempDir(), nap: 500 * time.Millisecond})
		writeAll(b, ix, first)
		b.StartTimer()
		var mu sync.Mutex
		var g sync.WaitGroup
		start, before := time.Now(), cpuTime()
		arrival := func(i int) time.Time { return start.Add(time.Duration(i) * time.Second / perSecond) }
		for end := 0; end < len(as); {
			from := end
			time.Sleep(time.Until(arrival(from).Add(wait)))
			end = min(len(as), from+500, 1+int(time.Since(start)*perSecond/time.Second))
			to := end
			g.Add(1)
			ix.Write(context.Background(), stored(uint64(len(first)+from+1), as[from:to]...), func(err error) {
				if err != nil {
					b.Error(err)
				}
				mu.Lock()
				for j := from; j < to; j++ {
					durable = append(durable, time.Since(arrival(j)))
				}
				mu.Unlock()
				g.Done()
			})
			for j := from; j < to; j++ {
				searchable = append(searchable, time.Since(arrival(j)))
			}
		}
		took += time.Since(start)
		g.Wait()
		cpu += cpuTime() - before
		b.StopTimer()
		if err := ix.Close(); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
	docs := float64(len(as) * b.N)
	b.ReportMetric(docs/took.Seconds(), "docs/s")
	b.ReportMetric(cpu.Seconds()*1e3/docs, "cpu-ms/doc")
	for name, ds := range map[string][]time.Duration{"searchable": searchable, "durable": durable} {
		slices.Sort(ds)
		b.ReportMetric(float64(ds[len(ds)/2].Milliseconds()), name+"-p50-ms")
		b.ReportMetric(float64(ds[len(ds)*99/100].Milliseconds()), name+"-p99-ms")
	}
}

// cpuTime is the processor time of the process.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
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
