package index

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/newswatch/newswatch/pipeline"
)

var (
	update = flag.Bool("update", false, "rewrite golden files")
	seeds  = flag.Int("seeds", 4, "how many random histories TestOneDocumentPerKey plays")
)

// month is the partition that is damaged.
const month = "2015-12"

// months is a stream of articles with text in three months, with revisions among them.
func months(n int) []pipeline.Stored[pipeline.Article] {
	rng := rand.New(rand.NewPCG(11, 11))
	var out []pipeline.Stored[pipeline.Article]
	for i := range n {
		var text strings.Builder
		for range 150 {
			fmt.Fprintf(&text, "word%d ", rng.IntN(5000))
		}
		a := article(i%(n*2/3), when.AddDate(0, -(i%3), 0), fmt.Sprintf("title %d", i), text.String())
		a.Revision = 1 + i/(n*2/3)
		out = append(out, pipeline.Stored[pipeline.Article]{Value: a, Seq: uint64(i + 1)})
	}
	return out
}

// unmerged keeps Bleve from merging, so that a damage meets the same files each time.
func unmerged(cfg Config) Config {
	cfg.bleve = map[string]any{"scorchMergePlanOptions": map[string]any{
		"MaxSegmentsPerTier": 100, "MaxSegmentSize": 1000, "TierGrowth": 10.0, "SegmentsPerMergeTask": 10, "FloorSegmentSize": 1,
	}}
	return cfg
}

// whole waits until what is damaged has been read.
func whole(t testing.TB, ix *Index) []Recovery {
	t.Helper()
	for range 3000 {
		rs := ix.recovery.list()
		if !slices.ContainsFunc(rs, func(r Recovery) bool { return r.State != RecoveryDone }) {
			return rs
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatalf("still being recovered: %+v", ix.recovery.list())
	return nil
}

// A toll is what a damage cost.
type toll struct{ lost, older, doubled int }

// missing is how many of the stream's articles are not there, how many are in an
// older state, and how many documents there are too many.
func missing(t testing.TB, ix *Index, stream []pipeline.Stored[pipeline.Article]) (cost toll) {
	t.Helper()
	newest := make(map[string]pipeline.Article)
	for _, s := range stream {
		newest[s.Value.Key] = s.Value
	}
	there := 0
	for key, want := range newest {
		got, err := ix.ByKey(context.Background(), key)
		if err != nil {
			cost.lost++
			continue
		}
		there++
		got.Indexed = want.Indexed
		if !gocmp.Equal(got, want) {
			cost.older++
		}
	}
	cost.doubled = ix.Stats().Documents - there
	return cost
}

// A damageRow is one line of the table.
type damageRow struct {
	what   string
	base   string // open or sealed: what the partition was
	damage func(dir string) error
	// running says that the index is open when the damage is done.
	running bool
	open    func(t *testing.T, dir string) (*Index, error)
}

type damageOutcome struct {
	detected string
	own      int
	stream   int
	with     toll // with the whole stream at hand
	without  toll
	reported string // how many are lost without, by what the index says
}

func files(dir, pattern string) []string {
	out, _ := filepath.Glob(filepath.Join(dir, month, pattern))
	slices.Sort(out)
	return out
}

// segmentsOf damages the n newest segments of the month; 0: all.
func segmentsOf(n int, do func(path string) error) func(dir string) error {
	return func(dir string) error {
		all := files(dir, "store/*.zap")
		if len(all) < n || len(all) == 0 {
			return fmt.Errorf("%d segments", len(all))
		}
		if n == 0 {
			n = len(all)
		}
		for _, path := range all[len(all)-n:] {
			if err := do(path); err != nil {
				return err
			}
		}
		return nil
	}
}

func file(name string, do func(path string) error) func(dir string) error {
	return func(dir string) error { return do(filepath.Join(dir, month, filepath.FromSlash(name))) }
}

func top(name string, do func(path string) error) func(dir string) error {
	return func(dir string) error { return do(filepath.Join(dir, name)) }
}

func truncated(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	return os.Truncate(path, info.Size()*6/10)
}

func emptied(path string) error { return os.Truncate(path, 0) }

// articlesZeroed fills what is stored of three articles with zeros, wherever in
// the segment they are: Bleve orders a batch's documents by chance.
func articlesZeroed(path string) error {
	return inZap(path, func(z *zapFile, zero func(from, to int) error) error {
		hit := 0
		for n := range z.docs {
			at, _ := z.offset(n)
			a, end, err := z.document(at)
			if err != nil {
				return err
			}
			if slices.Contains([]string{"title 150", "title 153", "title 156"}, a.article.Title) {
				hit++
				if err := zero(at, end); err != nil {
					return err
				}
			}
		}
		return expect(hit == 3, "the articles are not in the segment")
	})
}

// beginningsZeroed fills with zeros where a segment says where each article
// begins.
func beginningsZeroed(path string) error {
	return inZap(path, func(z *zapFile, zero func(from, to int) error) error {
		return zero(z.index, z.index+8*z.docs)
	})
}

// inZap calls do with a segment file and what fills a part of it with zeros.
func inZap(path string, do func(z *zapFile, zero func(from, to int) error) error) error {
	c, err := newCodec()
	if err != nil {
		return err
	}
	z, err := openZap(path, c)
	if err != nil {
		return err
	}
	defer z.close()
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	return errors.Join(do(z, func(from, to int) error {
		_, err := f.WriteAt(make([]byte, to-from), int64(from))
		return err
	}), f.Close())
}

// zeroed puts 4 KiB of zeros at a part of the file, in percent.
func zeroed(percent int64) func(path string) error {
	return overwritten(percent, make([]byte, 4<<10))
}

func overwritten(percent int64, with []byte) func(path string) error {
	return func(path string) error {
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		at := info.Size() * percent / 100
		_, err = f.WriteAt(with[:min(int64(len(with)), info.Size()-at)], at)
		return cmp.Or(err, f.Close())
	}
}

func random(path string) error {
	noise := make([]byte, 4<<20)
	rng := rand.New(rand.NewPCG(1, 1))
	for i := range noise {
		noise[i] = byte(rng.Uint32())
	}
	return overwritten(0, noise)(path)
}

func both(a, b func(string) error) func(string) error {
	return func(dir string) error { return cmp.Or(a(dir), b(dir)) }
}

func damageRows() []damageRow {
	stray := func(name string) func(path string) error {
		return func(dir string) error { return os.WriteFile(filepath.Join(dir, name), []byte("half"), 0o600) }
	}
	rows := []damageRow{
		{what: "none", damage: func(string) error { return nil }},
		{what: "newest segment truncated", damage: segmentsOf(1, truncated)},
		{what: "newest segment empty", damage: segmentsOf(1, emptied)},
		{what: "newest segment missing", damage: segmentsOf(1, os.Remove)},
		{what: "two newest segments truncated", damage: segmentsOf(2, truncated)},
		{what: "all segments truncated", damage: segmentsOf(0, truncated)},
		{what: "all segments missing", damage: segmentsOf(0, os.Remove)},
		{what: "zeros in three of the newest segment's articles", damage: segmentsOf(1, articlesZeroed)},
		{what: "zeros where the newest segment's articles are said to begin", damage: segmentsOf(1, beginningsZeroed)},
		{what: "4 KiB of zeros in the newest segment's postings", damage: segmentsOf(1, zeroed(80))},
		{what: "newest segment filled with random bytes", damage: segmentsOf(1, random)},
		{what: "all segments filled with random bytes", damage: segmentsOf(0, random)},
		{what: "root.bolt truncated", damage: file("store/root.bolt", func(p string) error { return os.Truncate(p, 32<<10) })},
		{what: "root.bolt empty", damage: file("store/root.bolt", emptied)},
		{what: "root.bolt missing", damage: file("store/root.bolt", os.Remove)},
		{what: "root.bolt's first meta page zeroed", damage: file("store/root.bolt", zeroed(0))},
		{what: "root.bolt filled with random bytes", damage: file("store/root.bolt", random)},
		{what: "root.bolt and newest segment missing", damage: both(file("store/root.bolt", os.Remove), segmentsOf(1, os.Remove))},
		{what: "root.bolt missing, all segments truncated", damage: both(file("store/root.bolt", os.Remove), segmentsOf(0, truncated))},
		{what: "index_meta.json empty", damage: file("index_meta.json", emptied)},
		{what: "index_meta.json missing", damage: file("index_meta.json", os.Remove)},
		{what: "stray ._00000001.zap of a copying tool", damage: file("store", stray("._00000001.zap"))},
		{what: "half a segment nobody knows", damage: file("store", stray("0000000000ff.zap"))},
		{what: "store folder missing", damage: file("store", os.RemoveAll)},
		{what: "partition's folder missing", damage: file("", os.RemoveAll)},
		{what: "a file in the folder's place", damage: file("", func(p string) error {
			return cmp.Or(os.RemoveAll(p), os.WriteFile(p, []byte("x"), 0o600))
		})},
		{what: "partition's folder unreadable", damage: func(string) error { return nil }, open: openUnreadable},
		{what: "checkpoint.json missing", damage: top(checkpointFile, os.Remove)},
		{what: "checkpoint.json truncated", damage: top(checkpointFile, truncated)},
		{what: "checkpoint.json an older one", damage: top(checkpointFile, func(p string) error {
			return os.Rename(filepath.Join(filepath.Dir(p), "older.json"), p)
		})},
		{what: "checkpoint.json filled with random bytes", damage: top(checkpointFile, random)},
		{what: "checkpoint.json missing, root.bolt empty", damage: both(top(checkpointFile, os.Remove), file("store/root.bolt", emptied))},
		{what: "everything deleted", damage: os.RemoveAll},
	}
	for i := range rows {
		rows[i].base = "open"
	}
	sealed := []damageRow{
		{what: "zeros in three of the segment's articles", damage: segmentsOf(1, articlesZeroed)},
		{what: "zeros where the segment's articles are said to begin", damage: segmentsOf(1, beginningsZeroed)},
		{what: "4 KiB of zeros in the segment's postings", damage: segmentsOf(1, zeroed(80))},
		{what: "segment truncated", damage: segmentsOf(1, truncated)},
		{what: "segment missing", damage: segmentsOf(1, os.Remove)},
		{what: "segment filled with random bytes", damage: segmentsOf(1, random)},
		{what: "root.bolt truncated", damage: file("store/root.bolt", truncated)},
		{what: "root.bolt filled with random bytes", damage: file("store/root.bolt", random)},
		{what: "seal.json truncated", damage: file(sealFile, truncated)},
		{what: "seal.json missing", damage: file(sealFile, os.Remove)},
	}
	for i := range sealed {
		sealed[i].base = "sealed"
	}
	running := []damageRow{
		{what: "zeros in three of the newest segment's articles", base: "open", damage: segmentsOf(1, articlesZeroed)},
		{what: "zeros where the newest segment's articles are said to begin", base: "open", damage: segmentsOf(1, beginningsZeroed)},
		{what: "newest segment missing", base: "open", damage: segmentsOf(1, os.Remove)},
		{what: "root.bolt missing", base: "open", damage: file("store/root.bolt", os.Remove)},
		{what: "partition's folder missing", base: "open", damage: file("", os.RemoveAll)},
		{what: "zeros in three of the segment's articles", base: "sealed", damage: segmentsOf(1, articlesZeroed)},
		{what: "zeros where the segment's articles are said to begin", base: "sealed", damage: segmentsOf(1, beginningsZeroed)},
		{what: "segment truncated", base: "sealed", damage: segmentsOf(1, truncated)},
		{what: "segment filled with random bytes", base: "sealed", damage: segmentsOf(1, random)},
	}
	for i := range running {
		running[i].running = true
	}
	return append(append(rows, sealed...), running...)
}

// openUnreadable opens the index as one who may not read the folder.
func openUnreadable(t *testing.T, dir string) (*Index, error) {
	path := filepath.Join(dir, month)
	if err := os.Chmod(path, 0); err != nil {
		t.Fatal(err)
	}
	defer os.Chmod(path, 0o755)
	if os.Geteuid() == 0 { // root may read everything, nobody may not
		err := filepath.WalkDir(dir, func(p string, _ os.DirEntry, err error) error {
			if p == path {
				return filepath.SkipDir
			}
			return cmp.Or(err, os.Lchown(p, 65534, -1))
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := cmp.Or(os.Chmod(filepath.Dir(filepath.Dir(dir)), 0o755), os.Chmod(filepath.Dir(dir), 0o755)); err != nil {
			t.Fatal(err)
		}
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		if err := syscall.Setfsuid(65534); err != nil {
			t.Fatal(err)
		}
		defer syscall.Setfsuid(0)
	}
	return tryOpen(Config{Dir: dir})
}

// Every damage that a crash, a full disk, a bad disk or a copying tool can do is
// noticed, and what it cost is recovered: from the partition's own documents
// first, for the stream has only the last month. The table of what becomes of
// each is a golden file.
func TestDamage(t *testing.T) {
	stream := months(180)
	bases := map[string]string{"open": t.TempDir(), "sealed": t.TempDir()}
	for kind, dir := range bases {
		ix := openWith(t, unmerged(Config{Dir: dir}))
		ix.From()
		for part := range slices.Chunk(stream, 30) {
			put(t, ix, part)
			if part[0].Seq == 61 {
				if err := copyFile(filepath.Join(dir, checkpointFile), filepath.Join(dir, "older.json")); err != nil {
					t.Fatal(err)
				}
			}
		}
		if kind == "sealed" && sealAll(t, ix) != 3 {
			t.Fatal("not all is sealed")
		}
		if err := ix.Close(); err != nil {
			t.Fatal(err)
		}
		if kind == "open" {
			clearedUp(t, dir)
		}
	}
	rows := damageRows()
	lines := make([]string, len(rows))
	t.Run("rows", func(t *testing.T) {
		for i, row := range rows {
			t.Run(row.name(), func(t *testing.T) {
				t.Parallel()
				o := damageOutcomeOf(t, row, bases[row.base], stream)
				if o.detected == refused {
					lines[i] = fmt.Sprintf("| %s | %s | – | – | 0 | 0 | 0 | 0 | 0 |", row.name(), o.detected)
					return
				}
				lines[i] = fmt.Sprintf("| %s | %s | %d | %d | %d | %d | %s | %d | %d |", row.name(), o.detected, o.own, o.stream,
					o.with.lost+o.with.older, o.without.lost, o.reported, o.without.older, o.with.doubled+o.without.doubled)
				if o.with != (toll{}) || o.without.doubled != 0 {
					t.Errorf("with the stream %+v, without %+v", o.with, o.without)
				}
				if o.reported != fmt.Sprint(o.without.lost) && o.reported != unknown {
					t.Errorf("%d lost without the stream, %s said to be", o.without.lost, o.reported)
				}
			})
		}
	})
	table := `| damage to one of three partitions, 40 of 120 articles | noticed by | recovered from itself | recovered from the stream | lost | lost without the stream | which the index says | in an older state without the stream | doubled |
|---|---|---|---|---|---|---|---|---|
` + strings.Join(lines, "\n") + "\n"
	if t.Failed() {
		t.Log(table)
		return
	}
	golden(t, "damage.golden", []byte(table))
	shown(t, "../RELIABILITY.md", table)
}

// clearedUp has Bleve remove the states that are older than the three it keeps,
// which it does when it has nothing else to do, and without those that a search
// looked at then: each damage is to meet the same files every time.
func clearedUp(t *testing.T, dir string) {
	t.Helper()
	done := func() bool { return len(files(dir, "store/*.zap")) == 5 }
	for range 100 {
		if done() {
			return
		}
		ix := openWith(t, unmerged(Config{Dir: dir}))
		for range 100 {
			if done() {
				break
			}
			time.Sleep(5 * time.Millisecond)
		}
		if err := ix.Close(); err != nil {
			t.Fatal(err)
		}
	}
	t.Fatalf("the month has %d files", len(files(dir, "store/*.zap")))
}

// shown checks that a document has the table between its marks, or puts it there.
func shown(t *testing.T, path, table string) {
	t.Helper()
	doc, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, ok := strings.Cut(string(doc), "-update` -->\n")
	_, tail, ok2 := strings.Cut(rest, "<!-- end of damage -->")
	if !ok || !ok2 {
		t.Fatalf("%s has no marks for the table", path)
	}
	want := head + "-update` -->\n" + table + "<!-- end of damage -->" + tail
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if diff := gocmp.Diff(want, string(doc)); diff != "" {
		t.Errorf("%s (-want +got); -update rewrites it:\n%s", path, diff)
	}
}

func (row damageRow) name() string {
	name := row.what
	if row.running {
		name = "while it is open: " + name
	}
	if row.base == "sealed" {
		name = "sealed: " + name
	}
	return name
}

const (
	refused = "open, which refuses"
	unknown = "not known"
)

func damageOutcomeOf(t *testing.T, row damageRow, base string, stream []pipeline.Stored[pipeline.Article]) (o damageOutcome) {
	for _, withStream := range []bool{true, false} {
		dir := filepath.Join(t.TempDir(), "index")
		if err := os.CopyFS(dir, os.DirFS(base)); err != nil {
			t.Fatal(err)
		}
		if !row.running {
			if err := row.damage(dir); err != nil {
				t.Fatal(err)
			}
		}
		open := row.open
		if open == nil {
			open = func(_ *testing.T, dir string) (*Index, error) { return tryOpen(unmerged(Config{Dir: dir})) }
		}
		ix, err := open(t, dir)
		if err != nil {
			if !strings.Contains(err.Error(), month) {
				t.Errorf("Open: %v, which does not name the partition", err)
			}
			o.detected = refused
			replay(t, dir, stream, func(from uint64) error { return expect(from == 0, "want 0: nothing was touched") })
			continue
		}
		t.Cleanup(func() { ix.Close() })
		from, detected := notice(t, row, ix, dir)
		own := 0
		for _, r := range whole(t, ix) {
			own += r.Own
		}
		if withStream {
			o.detected, o.own = detected, own
			for part := range slices.Chunk(stream[max(from, 1)-1:], 60) {
				if from > 0 {
					put(t, ix, part)
				}
			}
			for _, r := range ix.recovery.list() {
				o.stream += r.Stream
			}
			if res := find(t, ix, pipeline.SearchRequest{Limit: 200}); len(res.Warnings) > 0 {
				t.Errorf("after all: %v", res.Warnings)
			}
		}
		cost := missing(t, ix, stream)
		if withStream {
			o.with = cost
		} else {
			o.without = cost
			reported := 0
			for _, r := range ix.Stats().Recoveries {
				reported += r.Lost
			}
			o.reported = fmt.Sprint(reported)
			if from == 1 && len(ix.Stats().Recoveries) == 0 { // it knows nothing of what was before
				o.reported = unknown
			}
		}
		if err := ix.Close(); err != nil {
			t.Fatal(err)
		}
		if !withStream {
			continue
		}
		// It stays so.
		if ix, err = tryOpen(Config{Dir: dir}); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { ix.Close() })
		whole(t, ix)
		if again := missing(t, ix, stream); again != cost {
			t.Errorf("after another start %+v, before %+v", again, cost)
		}
		if from := ix.From(); from != 0 {
			t.Errorf("From() = %d after the replay, want 0", from)
		}
		if err := ix.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return o
}

// notice finds out by what the damage is noticed, and what is asked for then.
// What is asked are those who notice it for sure: the start, a search that reads
// everything, the scrub. Bleve's goroutines may be before them, as when they
// look for files to remove and there is no folder; whether they are is chance.
func notice(t *testing.T, row damageRow, ix *Index, dir string) (from uint64, by string) {
	for _, p := range ix.list() {
		partitionsByStore.Delete(p.store())
	}
	by = "–"
	from = ix.From()
	strays := files(dir, "store/*.stray")
	switch {
	case len(ix.Stats().Recoveries) > 0 || from > 0:
		by = "open"
	case len(strays) > 0:
		by = "open, set aside"
	}
	if row.running {
		find(t, ix, pipeline.SearchRequest{Limit: 200}) // keeps in memory what each search needs
		if err := row.damage(dir); err != nil {
			t.Fatal(err)
		}
	}
	if by != "–" {
		return from, by
	}
	res := find(t, ix, pipeline.SearchRequest{Limit: 200})
	if len(res.Warnings) > 0 {
		by = "search"
	}
	ix.scrub(context.Background())
	if len(ix.Stats().Recoveries) > 0 && by == "–" {
		by = "scrub"
	}
	select {
	case <-ix.Behind():
		from = ix.From()
	default:
	}
	return from, by
}

// golden compares with a file in testdata, or rewrites it.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := cmp.Or(os.MkdirAll("testdata", 0o755), os.WriteFile(path, got, 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got); -update rewrites it:\n%s", path, diff)
	}
}
