package feeds

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mmcdole/gofeed"
)

var benchmarks = flag.Bool("benchmarks", false, "measure, and write the room's section of BENCHMARKS.md")

// benchFiles is the typical real XML feeds that gofeed reads, and their size.
func benchFiles(tb testing.TB) (bodies [][]byte, size int64) {
	for _, f := range corpusFiles(tb, "real") {
		if (f.format == "rss" || f.format == "atom") && len(f.body) < 400_000 {
			if _, err := gofeedParse(f.body); err == nil {
				bodies = append(bodies, f.body)
				size += int64(len(f.body))
			}
		}
	}
	return bodies, size
}

// contenders are what is compared: gofeed as it comes, gofeed without its scan
// of the content for a picture (as Parse uses it), and Parse.
func contenders() []contender {
	plain := gofeed.NewParser()
	return []contender{
		{"gofeed", func(b []byte) { _, _ = plain.Parse(bytes.NewReader(b)) }},
		{"gofeed, no image scan", func(b []byte) { _, _ = gofeedParse(b) }},
		{"newswatch", func(b []byte) {
			_, _ = Parse(b, "https://example.com/f", "", ParseOptions{Now: corpusNow})
		}},
	}
}

type contender struct {
	name  string
	parse func([]byte)
}

func BenchmarkParse(b *testing.B) {
	bodies, size := benchFiles(b)
	for _, c := range contenders() {
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(size)
			b.ReportAllocs()
			for b.Loop() {
				for _, body := range bodies {
					c.parse(body)
				}
			}
		})
	}
}

// TestBenchmarkTable writes the table of parsing costs. It counts processor
// time, garbage collection included, so that a busy machine does not show; the
// contenders take turns, and each figure is the median of the rounds.
func TestBenchmarkTable(t *testing.T) {
	if !*benchmarks {
		t.Skip("run with -benchmarks to measure")
	}
	const rounds = 5
	bodies, size := benchFiles(t)
	cs := contenders()
	cpu := make([][]float64, len(cs))
	allocs, kib := make([]uint64, len(cs)), make([]uint64, len(cs))
	for range rounds {
		for i, c := range cs {
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			start := cpuTime(t)
			for _, body := range bodies {
				c.parse(body)
			}
			cpu[i] = append(cpu[i], (cpuTime(t) - start).Seconds())
			runtime.ReadMemStats(&after)
			allocs[i] = (after.Mallocs - before.Mallocs) / uint64(len(bodies))
			kib[i] = (after.TotalAlloc - before.TotalAlloc) / uint64(len(bodies)) >> 10
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "## Feed parsing\n\n`NEWSWATCH_CORPORA=… go test ./pipeline/feeds -run TestBenchmarkTable -benchmarks -update` wrote this table: "+
		"%d real RSS and Atom feeds of the corpora, %.1f MB, read one after the other; MB per second of processor time, "+
		"garbage collection included; the contenders in turns, medians of %d rounds. "+
		"Parse makes identified items of what gofeed reads: charset, repair, dates, links and plain text are in its figure.\n\n", len(bodies), float64(size)/1e6, rounds)
	b.WriteString("| parser | MB/s | µs/feed | allocations/feed | KiB/feed | time against gofeed without image scan |\n|---|---|---|---|---|---|\n")
	for i, c := range cs {
		ratios := make([]float64, rounds) // within a round: the same moment, the same machine
		for r := range ratios {
			ratios[r] = cpu[i][r] / cpu[1][r]
		}
		s := median(cpu[i])
		fmt.Fprintf(&b, "| %s | %.1f | %.0f | %d | %d | %.2f |\n", c.name, float64(size)/1e6/s, s*1e6/float64(len(bodies)), allocs[i], kib[i], median(ratios))
	}
	t.Log("\n" + b.String())
	if *update {
		section(t, "Feed parsing", b.String())
	}
}

func median(v []float64) float64 {
	v = slices.Sorted(slices.Values(v))
	return v[len(v)/2]
}

func cpuTime(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// section replaces a section of BENCHMARKS.md, or adds it.
func section(t *testing.T, title, text string) {
	t.Helper()
	const path = "../../BENCHMARKS.md"
	old, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	if len(old) == 0 {
		old = []byte("# Benchmarks\n\nEach section names the command that wrote it.\n")
	}
	re := regexp.MustCompile(`(?m)^## ` + regexp.QuoteMeta(title) + `$`)
	before, after := bytes.TrimRight(old, "\n"), []byte(nil)
	if loc := re.FindIndex(old); loc != nil {
		before = bytes.TrimRight(old[:loc[0]], "\n")
		if n := bytes.Index(old[loc[1]:], []byte("\n## ")); n >= 0 {
			after = old[loc[1]+n:]
		}
	}
	out := string(before) + "\n\n" + strings.TrimRight(text, "\n") + "\n" + string(after)
	if err := os.WriteFile(path, []byte(out), 0o644); err != nil {
		t.Fatal(err)
	}
}
