package tags

import (
	"runtime"
	"syscall"
	"testing"

	"github.com/newswatch/newswatch/extractors/tags/tagtest"
	"github.com/newswatch/newswatch/pipeline/catalog"
	"github.com/newswatch/newswatch/pipeline/corpora"
)

// articles is the bodies of the first megabytes of news of each language.
func articles(tb testing.TB, bytes int) (texts []string, total int) {
	tb.Helper()
	err := tagtest.News(corpora.Folder(tb), bytes, func(_, _, text string) error {
		texts, total = append(texts, text), total+len(text)
		return nil
	})
	if err != nil {
		tb.Fatal(err)
	}
	return texts, total
}

// watched is a list of real names, each an entity; without inflected forms.
func watched(tb testing.TB, list string, exact bool) []catalog.Entity {
	tb.Helper()
	out, err := tagtest.Names(corpora.Folder(tb), list, exact)
	if err != nil {
		tb.Fatal(err)
	}
	return out
}

// cpuTime is what the process has used of the processors, in seconds: the measure
// on a machine that does other things besides.
func cpuTime(tb testing.TB) float64 {
	tb.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		tb.Fatal(err)
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}

// held is the heap in use, in megabytes.
func held() float64 {
	var s runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&s)
	return float64(s.HeapAlloc) / 1e6
}

func BenchmarkTag(b *testing.B) {
	texts, total := articles(b, 2<<20)
	for _, c := range []struct{ name, file string }{{"100", "p100"}, {"10k", "p10k"}} {
		b.Run(c.name, func(b *testing.B) {
			m, _ := Compile(watched(b, c.file, false))
			b.SetBytes(int64(total))
			b.ReportAllocs()
			mentions := 0
			begin := cpuTime(b)
			for b.Loop() {
				mentions = 0
				for _, s := range texts {
					mentions += len(m.Tag("", s, ""))
				}
			}
			b.ReportMetric(float64(total)/1e6*float64(b.N)/(cpuTime(b)-begin), "MB/cpu-s")
			b.ReportMetric(float64(mentions), "mentions/op")
			b.ReportMetric(float64(len(texts)), "texts/op")
			b.ReportMetric(float64(m.Forms()), "forms")
		})
	}
}

func BenchmarkCompile(b *testing.B) {
	for _, c := range []struct {
		name, file string
		exact      bool
	}{{"10k", "p10k", false}, {"500k-exact", "p500k", true}, {"500k", "p500k", false}} {
		b.Run(c.name, func(b *testing.B) {
			list := watched(b, c.file, c.exact)
			forms := 0
			b.ReportAllocs()
			before, begin := held(), cpuTime(b)
			var m *Matcher
			for b.Loop() {
				m, _ = Compile(list)
				forms = m.Forms()
			}
			b.ReportMetric((cpuTime(b)-begin)/float64(b.N), "cpu-s/op")
			b.ReportMetric(held()-before, "MB-held")
			runtime.KeepAlive(m)
			b.ReportMetric(float64(len(list)), "names")
			b.ReportMetric(float64(forms), "forms")
		})
	}
}
