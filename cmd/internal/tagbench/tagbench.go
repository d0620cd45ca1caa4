// Package tagbench measures the tagger: its quality on gold documents beside
// plain matching, and its speed.
//
// In goes the folder of the test corpora; out comes the table of BENCHMARKS.md.
// The protocol of the quality is that of package tagtest, which the golden test
// of package tags uses as well.
package tagbench

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/newswatch/newswatch/extractors/tags"
	"github.com/newswatch/newswatch/extractors/tags/tagtest"
	"github.com/newswatch/newswatch/extractors/textnorm"
	"github.com/newswatch/newswatch/pipeline"
	"github.com/newswatch/newswatch/pipeline/catalog"
)

// Options of a run.
type Options struct {
	Corpora   string // folder of the test corpora
	NewsBytes int    // text per language that speed is measured on
	Rounds    int    // of each measure of speed; the fastest counts
	Progress  io.Writer
}

// Quality is how a way of matching does on one set.
type Quality struct {
	Set, Method string
	tagtest.Result
}

// Speed is one measure; those that don't apply are 0.
type Speed struct {
	What    string
	MBps    float64       // megabytes of text per second of processor time
	Took    time.Duration // of processor time
	Heap    uint64        // bytes the matcher holds
	Forms   int
	Matches int
}

// Results of a run.
type Results struct {
	Quality []Quality
	Speed   []Speed
	Text    int // bytes of news that speed was measured on
}

// Run measures all.
func Run(ctx context.Context, o Options) (Results, error) {
	var r Results
	for _, set := range tagtest.Sets {
		if err := ctx.Err(); err != nil {
			return r, err
		}
		fmt.Fprintf(o.Progress, "quality: %s\n", set.Name)
		q, err := quality(o.Corpora, set)
		if err != nil {
			return r, fmt.Errorf("quality of %s: %w", set.Name, err)
		}
		r.Quality = append(r.Quality, q...)
	}
	var err error
	r.Speed, r.Text, err = speed(ctx, o)
	return r, err
}

// quality scores four ways of matching on one set.
func quality(corpora string, set tagtest.Set) ([]Quality, error) {
	task, err := tagtest.Load(corpora, set)
	if err != nil {
		return nil, err
	}
	tag := tagger(task.Entities)
	return []Quality{
		{set.Name, "exact", task.Score(tagtest.Exact(task.Plain))},
		{set.Name, "search analyser", task.Score(tagtest.Analyzed(task.Plain))},
		{set.Name, "newswatch", task.Score(tag)},
		{set.Name, "newswatch, names previewed", task.Score(tagger(task.Previewed(tag)))},
	}, nil
}

func tagger(list []catalog.Entity) tagtest.Tagger {
	m, _ := tags.Compile(list)
	return func(text, lang string) (out []pipeline.Mention) {
		for _, x := range m.Tag("", text, lang) {
			if x.Nested || x.Counts() {
				out = append(out, x)
			}
		}
		return out
	}
}

// speed measures folding, tagging and compiling.
func speed(ctx context.Context, o Options) (out []Speed, total int, err error) {
	var texts []string
	err = tagtest.News(o.Corpora, o.NewsBytes, func(_, _, text string) error {
		texts, total = append(texts, text), total+len(text)
		return nil
	})
	if err != nil {
		return nil, 0, err
	}
	rate := func(d time.Duration) float64 { return float64(total) / 1e6 / d.Seconds() }

	fmt.Fprintf(o.Progress, "speed: fold\n")
	var folded textnorm.Folded
	took := fastest(o.Rounds, func() {
		for _, s := range texts {
			folded.Fold(s)
		}
	})
	out = append(out, Speed{What: "fold", MBps: rate(took)})

	for _, list := range []struct {
		file  string
		names string
		exact bool
		tag   bool
	}{{"p100", "100", false, true}, {"p10k", "10,000", false, true}, {"p500k", "500,000", true, true}, {"p500k", "500,000", false, false}} {
		if err := ctx.Err(); err != nil {
			return nil, 0, err
		}
		what := list.names + " names"
		if list.exact {
			what += ", exact"
		}
		fmt.Fprintf(o.Progress, "speed: %s\n", what)
		entities, err := tagtest.Names(o.Corpora, list.file, list.exact)
		if err != nil {
			return nil, 0, err
		}
		before := heap()
		m, _ := tags.Compile(entities)
		s := Speed{What: what, Heap: heap() - before, Forms: m.Forms()}
		s.Took = fastest(o.Rounds, func() { tags.Compile(entities) })
		if list.tag {
			s.MBps = rate(fastest(o.Rounds, func() {
				s.Matches = 0
				for _, text := range texts {
					s.Matches += len(m.Tag("", text, ""))
				}
			}))
		}
		runtime.KeepAlive(m)
		out = append(out, s)
	}
	return out, total, nil
}

// heap is the bytes in use.
func heap() uint64 {
	runtime.GC()
	runtime.GC() // what finalizers and pools held
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	return s.HeapAlloc
}

// fastest is the least processor time of several rounds: other work on the
// machine lengthens some, and shortens none.
func fastest(rounds int, f func()) time.Duration {
	best := time.Duration(0)
	for i := range rounds {
		runtime.GC()
		start := processor()
		f()
		if d := processor() - start; i == 0 || d < best {
			best = d
		}
	}
	return max(best, 1)
}

// processor is the processor time the process has used, collecting garbage
// included.
func processor() time.Duration {
	var r unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &r); err != nil {
		return 0 // RUSAGE_SELF never fails
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// Table writes the results as BENCHMARKS.md has them.
func Table(w io.Writer, r Results) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, `Written by `+"`newswatch bench tagging --write BENCHMARKS.md`"+`; %s, %s/%s. Watch lists are learned from
two thirds of the documents (of the Chinese sentences three quarters) and scored on the others. *Exact* searches for the
names as they are written; *search analyser* folds and stems as the index does and asks for no capitals; both are also
given the one-word names of persons, which newswatch derives. *Names previewed*: without the names that were wrong more
often than right in the documents learned from. AIDA names the teams in sports results after their cities, and CLUENER
labels only some of the names in a sentence: their precision says less than their recall. *With nested*: recall by
document, counting mentions inside the longer names of others.

| set | method | documents | entities | P | R | F1 by document | P | R | F1 by mention | R with nested |
|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|
`, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	for _, q := range r.Quality {
		fmt.Fprintf(&b, "| %s | %s | %d | %d | %s | %s | %s | %s | %s | %s | %s |\n", q.Set, q.Method, q.Documents, q.Entities,
			share(q.Document.Precision()), share(q.Document.Recall()), share(q.Document.F1()),
			share(q.Mention.Precision()), share(q.Mention.Recall()), share(q.Mention.F1()), share(q.Anywhere.Recall()))
	}
	fmt.Fprintf(&b, "\nSpeed on %.1f MB of English, Russian and Chinese news, per second of processor time of one core of a\nmachine with much else to do, folding included.\n\n", float64(r.Text)/1e6)
	b.WriteString("| what | MB/s | mentions | compiled in | forms | held |\n|---|---:|---:|---:|---:|---:|\n")
	for _, s := range r.Speed {
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s |\n", s.What, some(s.MBps > 0, "%.0f", s.MBps), some(s.Matches > 0, "%d", s.Matches),
			some(s.Took > 0, "%.2f s", s.Took.Seconds()), some(s.Forms > 0, "%d", s.Forms), some(s.Heap > 0, "%.1f MB", float64(s.Heap)/1e6))
	}
	_, err := w.Write(b.Bytes())
	return err
}

// share is a share of 1 with three digits.
func share(f float64) string { return strings.TrimPrefix(fmt.Sprintf("%.3f", f), "0") }

// some is the value, or nothing.
func some(holds bool, format string, v any) string {
	if !holds {
		return ""
	}
	return fmt.Sprintf(format, v)
}

// The table stands between these lines of BENCHMARKS.md.
const (
	begin = "<!-- bench tagging -->\n"
	end   = "<!-- /bench tagging -->\n"
)

// Write puts the table into a file, between its marks, or after all else with a
// heading where there are none.
func Write(path string, r Results) error {
	old, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var table bytes.Buffer
	if err := Table(&table, r); err != nil {
		return err
	}
	text, err := place(string(old), table.String())
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return os.WriteFile(path, []byte(text), 0o644)
}

func place(text, table string) (string, error) {
	before, rest, found := strings.Cut(text, begin)
	if !found {
		return strings.TrimRight(text, "\n") + "\n\n## Tagging\n\n" + begin + table + end, nil
	}
	_, after, found := strings.Cut(rest, end)
	if !found {
		return "", fmt.Errorf("has %q but not %q", strings.TrimSpace(begin), strings.TrimSpace(end))
	}
	return before + begin + table + end + after, nil
}
