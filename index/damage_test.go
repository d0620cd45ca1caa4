package index

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/newswatch/newswatch/pipeline"
)

// messages is a stream of articles in three months, with changes among them.
func messages(n int) []pipeline.Stored[pipeline.Article] {
	var out []pipeline.Stored[pipeline.Article]
	for i := range n {
		a := article(i%(n*2/3), when.AddDate(0, -(i%3), 0), fmt.Sprintf("title %d", i), "some text of an article")
		a.Revision = 1 + i/(n*2/3)
		out = append(out, pipeline.Stored[pipeline.Article]{Value: a, Seq: uint64(i + 1)})
	}
	return out
}

// replay hands in what From asks for, as the bus would, and checks that then
// everything is there, once, and nothing is asked for any more.
func replay(t *testing.T, dir string, stream []pipeline.Stored[pipeline.Article], want func(from uint64) error) {
	t.Helper()
	ix := openTest(t, dir)
	from := ix.From()
	if err := want(from); err != nil {
		t.Errorf("From() = %d: %v", from, err)
	}
	if from > 0 {
		for part := range slices.Chunk(stream[from-1:], 10) {
			put(t, ix, part)
		}
	}
	checkAll(t, ix, stream)
	if err := ix.Close(); err != nil {
		t.Fatal(err)
	}
	ix = openTest(t, dir)
	if from := ix.From(); from != 0 {
		t.Errorf("From() = %d after the replay, want 0", from)
	}
	checkAll(t, ix, stream)
}

func checkAll(t *testing.T, ix *Index, stream []pipeline.Stored[pipeline.Article]) {
	t.Helper()
	want := make(map[string]string)
	for _, s := range stream {
		want[s.Value.Key] = s.Value.ID
	}
	var wantIDs []string
	for _, id := range want {
		wantIDs = append(wantIDs, id)
	}
	slices.Sort(wantIDs)
	slices.Reverse(wantIDs)
	got, err := ix.IDs(context.Background(), pipeline.IDsRequest{Query: "*", Limit: maxIDs})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(wantIDs, got.IDs); diff != "" {
		t.Errorf("articles (-want +got):\n%s", diff)
	}
	if n := ix.Stats().Documents; n != len(want) {
		t.Errorf("%d documents, want %d", n, len(want))
	}
}

func expect(ok bool, msg string) error {
	if !ok {
		return fmt.Errorf("%s", msg)
	}
	return nil
}

// rolledBack is the folder of an index of the stream in which one month is as it
// was after the first n messages.
func rolledBack(t *testing.T, stream []pipeline.Stored[pipeline.Article], n int) (dir string) {
	t.Helper()
	dir, old := t.TempDir(), t.TempDir()
	for _, part := range [][]pipeline.Stored[pipeline.Article]{stream[:n], stream[n:]} {
		ix := openTest(t, dir)
		ix.From()
		put(t, ix, part)
		if err := ix.Close(); err != nil {
			t.Fatal(err)
		}
		if part[0].Seq == 1 {
			if err := os.CopyFS(filepath.Join(old, month), os.DirFS(filepath.Join(dir, month))); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := errors.Join(os.RemoveAll(filepath.Join(dir, month)), os.Rename(filepath.Join(old, month), filepath.Join(dir, month))); err != nil {
		t.Fatal(err)
	}
	return dir
}

// An old copy of a partition, from a backup or because Bleve fell back on an
// older snapshot, lacks what was written since, and just that is asked for.
func TestRolledBack(t *testing.T) {
	stream := messages(30)
	dir := rolledBack(t, stream, 12)
	// Messages 1, 4, 7 and 10 went into that month.
	replay(t, dir, stream, func(from uint64) error { return expect(from == 11, "want 11") })
}

// What an older state brings back, though another partition has it in a newer
// one, is removed, also where the stream has nothing any more.
func TestRolledBackForGood(t *testing.T) {
	stream := messages(30) // revisions are of other months
	dir := rolledBack(t, stream, 20)
	ix := openTest(t, dir)
	whole(t, ix)
	if cost := missing(t, ix, stream); cost.doubled != 0 {
		t.Errorf("without the stream: %+v", cost)
	}
	if err := ix.Close(); err != nil {
		t.Fatal(err)
	}
	replay(t, dir, stream, func(from uint64) error { return expect(from > 0, "want a replay") })
}

// A crash between finding the damage and the end of the replay forgets nothing.
func TestReplayIsRemembered(t *testing.T) {
	dir := t.TempDir()
	stream := messages(30)
	ix := openTest(t, dir)
	ix.From()
	put(t, ix, stream)
	if err := ix.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(dir, "2015-11")); err != nil {
		t.Fatal(err)
	}
	for range 2 { // opened, and closed before anything was done about it
		ix = openTest(t, dir)
		if err := ix.Close(); err != nil {
			t.Fatal(err)
		}
	}
	replay(t, dir, stream, func(from uint64) error { return expect(from > 0, "want a replay") })
}

// What the stream has no more is lost, and told of as that; it is not waited for.
func TestStreamIsExhausted(t *testing.T) {
	dir := t.TempDir()
	stream := messages(30)
	ix := openTest(t, dir)
	ix.From()
	put(t, ix, stream)
	if err := ix.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(dir, month)); err != nil {
		t.Fatal(err)
	}
	partial := func() bool { return len(find(t, ix, pipeline.SearchRequest{}).Warnings) > 0 }
	for life := range 2 {
		ix = openTest(t, dir)
		whole(t, ix)
		lacks := ix.Lacks()
		if (lacks != 0) != (life == 0) || partial() != (life == 0) {
			t.Errorf("in life %d: lacks %d, partial %v", life, lacks, partial())
		}
		ix.Exhausted(lacks) // before it was asked, this says nothing
		if life == 0 && ix.Lacks() == 0 {
			t.Error("exhausted, though nobody has asked From")
		}
		if from := ix.From(); (from != 0) != (life == 0) {
			t.Errorf("in life %d: From() = %d", life, from)
		}
		ix.Exhausted(lacks + 1) // of another asking
		if (ix.Lacks() != 0) != (life == 0) {
			t.Error("what is asked for since is forgotten")
		}
		ix.Exhausted(lacks)
		if ix.Lacks() != 0 || partial() {
			t.Errorf("still waited for: partial %v", partial())
		}
		if rs := ix.Stats().Recoveries; len(rs) != 1 || rs[0].Lost == 0 {
			t.Errorf("recoveries %+v, want one with a loss", rs)
		}
		if err := ix.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// A partition rolled back to before writes that were out of order lacks more
// than what follows its own sequence.
func TestMarkMissing(t *testing.T) {
	at := func(gen, seq, low uint64) state { return state{Gen: gen, Seq: seq, Low: low} }
	tests := []struct {
		name string
		mark mark
		now  state
		want uint64
	}{
		{"never written", mark{}, at(0, 0, 0), 0},
		{"as it was", mark{state: at(5, 50, 1)}, at(5, 50, 1), 0},
		{"a crash before the checkpoint", mark{state: at(5, 50, 1)}, at(6, 60, 1), 0},
		{"rolled back", mark{state: at(5, 50, 1)}, at(3, 30, 1), 31},
		{"gone", mark{state: at(5, 50, 7)}, at(0, 0, 0), 7},
		{"a late write is lost", mark{state: at(5, 50, 1), Late: []lateWrite{{4, 12}}}, at(3, 30, 1), 12},
		{"a late write is there", mark{state: at(5, 50, 1), Late: []lateWrite{{3, 12}}}, at(3, 30, 1), 31},
		{"late writes are forgotten", mark{state: at(500, 50, 2), Late: []lateWrite{{400, 40}}, Forgotten: 399}, at(3, 30, 2), 2},
		{"forgotten ones are there", mark{state: at(500, 50, 2), Late: []lateWrite{{400, 40}}, Forgotten: 3}, at(3, 45, 2), 40},
	}
	for _, tt := range tests {
		if got := tt.mark.missing(tt.now); got != tt.want {
			t.Errorf("%s: missing from %d, want %d", tt.name, got, tt.want)
		}
	}
	var m mark
	for gen := uint64(1); gen <= maxLate+10; gen++ {
		m.addLate(gen, gen)
	}
	if len(m.Late) != maxLate || m.Forgotten != 10 || m.Late[0].Gen != 11 {
		t.Errorf("%d late writes from %d, forgotten %d", len(m.Late), m.Late[0].Gen, m.Forgotten)
	}
}

// A folder another process has is not damaged.
func TestOpenTwice(t *testing.T) {
	dir := t.TempDir()
	put(t, openTest(t, dir), stored(1, article(1, when, "t", "text")))
	cmd := exec.Command(os.Args[0], "-test.run=^TestChild$")
	cmd.Env = append(os.Environ(), "INDEX_CHILD=open", "INDEX_DIR="+dir)
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "timeout") {
		t.Errorf("second Open: %v\n%s", err, out)
	}
	if aside, _ := filepath.Glob(filepath.Join(dir, "*.damaged-*")); len(aside) > 0 {
		t.Errorf("set aside: %v", aside)
	}
}

var kills = flag.Int("kills", 4, "how often TestKill kills the writer")

// A process killed at any moment of writing, merging, sealing, reindexing,
// mending, of retention and of writing a snapshot loses nothing that was
// acknowledged, and what was not comes again.
// Between two lives a partition is damaged at times, in a way that leaves its
// articles readable: they must come back, over however many lives.
func TestKill(t *testing.T) {
	stream := killStream(max(180, 6**kills))
	wanted := slices.DeleteFunc(slices.Clone(stream), func(s pipeline.Stored[pipeline.Article]) bool { return s.Value.Source == unwantedSource })
	dir := t.TempDir()
	saved := filepath.Join(t.TempDir(), "snapshot")
	acked, damages := 0, 0
	rng := rand.New(rand.NewPCG(7, 7))
	for round := range *kills {
		cmd := exec.Command(os.Args[0], "-test.run=^TestChild$")
		cmd.Env = append(os.Environ(), "INDEX_CHILD=write", "INDEX_DIR="+dir, "INDEX_SAVED="+saved, fmt.Sprint("INDEX_ACKED=", acked), fmt.Sprint("INDEX_MESSAGES=", len(stream)))
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		// Near the stream's end the child has little to acknowledge, and only
		// seals what is there.
		left := min(rng.IntN(9), max((len(stream)-acked)/3-8, 0), max(len(stream)/3 / *kills, 1))
		waited := left > 0
		lines := bufio.NewScanner(out)
		listen := func() bool {
			if !lines.Scan() {
				return false
			}
			var n int
			if strings.HasPrefix(lines.Text(), "error:") {
				t.Error(lines.Text())
			}
			if _, err := fmt.Sscanf(lines.Text(), "acked %d.", &n); err == nil {
				acked, left = n, left-1
			}
			if _, err := fmt.Sscanf(lines.Text(), "set back to %d.", &n); err == nil {
				acked = n // as a consumer is: what follows is handed in again
			}
			return true
		}
		for left > 0 && listen() {
		}
		if left > 0 {
			t.Error("the child ended by itself")
		}
		most := 60
		if !waited {
			most = 600 // nothing was waited for: let it come to work
		}
		time.Sleep(time.Duration(rng.IntN(most)) * time.Millisecond)
		cmd.Process.Kill()
		for listen() { // what it said until then counts
		}
		cmd.Wait()
		if rng.IntN(6) == 0 {
			damages += readableDamage(t, rng, dir)
		}
		t.Logf("round %d: %d of %d acknowledged, %d damages", round, acked, len(stream), damages)
		if round%10 == 9 || round == *kills-1 {
			checkSaved(t, saved, stream, wanted)
		}
	}
	ix := openTest(t, dir)
	whole(t, ix)
	for _, s := range stream[:acked] {
		if s.Value.Source == unwantedSource {
			continue
		}
		if _, err := ix.ByKey(context.Background(), s.Value.Key); err != nil {
			t.Errorf("acknowledged message %d, article %s: %v", s.Seq, s.Value.ID, err)
		}
	}
	from := int(ix.From())
	if from != 0 && damages == 0 {
		t.Errorf("From() = %d, want 0: what is missing was never acknowledged", from)
	}
	if from > 0 {
		acked = min(acked, from-1)
	}
	put(t, ix, stream[acked:]) // the bus hands in again what was not acknowledged
	if err := ix.Close(); err != nil {
		t.Fatal(err)
	}
	ix = openKeeping(t, dir, when, killRetention())
	retain(t, ix, false)
	checkAll(t, ix, wanted)
	put(t, ix, stream) // and once more from the beginning
	checkAll(t, ix, wanted)
	for _, r := range ix.Stats().Recoveries {
		if r.Lost > 0 || r.State != RecoveryDone {
			t.Logf("recovery %+v", r)
		}
	}
	if err := ix.Close(); err != nil {
		t.Error(err)
	}
	for _, pattern := range []string{"*" + droppedSuffix, movePrefix + "*"} {
		if left, _ := filepath.Glob(filepath.Join(dir, pattern)); len(left) > 0 {
			t.Errorf("left: %v", left)
		}
	}
}

// checkSaved sees that the last snapshot whose writer was not killed is one, and
// with the rest of the stream the whole, and that one cut off is none.
func checkSaved(t *testing.T, saved string, stream, wanted []pipeline.Stored[pipeline.Article]) {
	t.Helper()
	f, err := os.Open(saved)
	if errors.Is(err, fs.ErrNotExist) {
		return // killed before the first was done
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	dir := filepath.Join(t.TempDir(), "restored")
	if err := RestoreSnapshot(context.Background(), dir, f); err != nil {
		t.Errorf("a snapshot that was done: %v", err)
		return
	}
	ix := openKeeping(t, dir, when, killRetention())
	from := ix.From()
	if from == 0 {
		t.Error("From() = 0")
	}
	put(t, ix, stream[max(from, 1)-1:])
	retain(t, ix, false)
	checkAll(t, ix, wanted)
	if err := ix.Close(); err != nil {
		t.Error(err)
	}
}

// unwantedSource is the source whose articles retention removes in TestKill.
const unwantedSource = "unwanted"

func killRetention() Retention {
	return Retention{Rules: []Rule{{Match: "source:" + unwantedSource, Keep: days(1)}}}
}

// killStream is messages, with some among them that retention is to remove, from
// months of others and from a month of their own.
func killStream(n int) []pipeline.Stored[pipeline.Article] {
	stream := messages(n)
	for i := range stream {
		if i%7 == 3 { // of ids of their own
			a := article(100_000+i, when.AddDate(0, -2-(i%2)*7, 0), fmt.Sprintf("title %d", i), "some text of an article")
			a.Source = unwantedSource
			stream[i].Value = a
		}
	}
	return stream
}

// readableDamage damages a partition, and says how many it did.
func readableDamage(t *testing.T, rng *rand.Rand, dir string) int {
	t.Helper()
	parts, err := filepath.Glob(filepath.Join(dir, "2015-??"))
	if err != nil || len(parts) == 0 {
		return 0
	}
	part := parts[rng.IntN(len(parts))]
	what := []string{"store/root.bolt", "index_meta.json", "index_meta.json", sealFile, sealFile}[rng.IntN(5)]
	if err := os.Truncate(filepath.Join(part, filepath.FromSlash(what)), int64(rng.IntN(40))); err != nil {
		return 0 // it has none
	}
	t.Logf("%s of %s is cut off", what, filepath.Base(part))
	return 1
}

// TestChild is the other process of TestKill and TestOpenTwice.
func TestChild(t *testing.T) {
	dir := os.Getenv("INDEX_DIR")
	switch os.Getenv("INDEX_CHILD") {
	case "open":
		openTest(t, dir)
	case "write":
		// An hour passes with each look at the clock: partitions are sealed
		// and opened again all the time.
		var hours atomic.Int64
		clock := func() time.Time { return when.AddDate(0, 2, 0).Add(time.Duration(hours.Add(1)) * time.Hour) }
		ix, err := open(slog.New(slog.DiscardHandler), prometheus.NewRegistry(), Config{Dir: dir, Retention: killRetention(), nap: 10 * time.Millisecond}, clock)
		if err != nil {
			t.Fatal(err)
		}
		always := func(what string, do func() (again bool, err error)) {
			for {
				again, err := do()
				if err != nil && !errors.Is(err, errChanged) {
					fmt.Printf("error: %s: %v\n", what, err)
				}
				if !again {
					time.Sleep(time.Millisecond)
				}
			}
		}
		n := 0
		go always("seal or reindex", func() (bool, error) {
			did, err := ix.sealNext(context.Background(), sealQuiet)
			if n++; err == nil && n%3 == 0 {
				err = ix.Reindex(context.Background(), clock(), nil)
			}
			return did, err
		})
		go always("retention", func() (bool, error) {
			rep, err := ix.Retain(context.Background(), false)
			return rep.Articles > 0, err
		})
		var settled atomic.Int64 // all up to there is acknowledged, as the bus would know
		ix.SetFloor(func(context.Context) (uint64, error) { return uint64(settled.Load()), nil })
		go always("snapshot", func() (bool, error) { return false, saveSnapshot(ix, os.Getenv("INDEX_SAVED")) })
		from := int(ix.From())
		var acked, length int
		fmt.Sscan(os.Getenv("INDEX_ACKED"), &acked)
		fmt.Sscan(os.Getenv("INDEX_MESSAGES"), &length)
		if from > 0 {
			acked = min(acked, from-1)
			fmt.Printf("set back to %d.\n", acked)
		}
		settled.Store(int64(acked))
		type waiting struct {
			done <-chan error
			upTo int
		}
		var under []waiting // way; more than one at a time, as the bus does
		for part := range slices.Chunk(killStream(length)[acked:], 3) {
			acked += len(part)
			under = append(under, waiting{write(ix, part), acked})
			if len(under) > 4 {
				if err := <-under[0].done; err != nil {
					fmt.Printf("error: write: %v\n", err)
				}
				settled.Store(int64(under[0].upTo))
				fmt.Printf("acked %d.\n", under[0].upTo)
				under = under[1:]
			}
		}
		select {} // until killed
	default:
		t.Skip("only runs as the child of another test")
	}
}

// saveSnapshot writes a snapshot as the backup command does: it has its name
// when it is whole.
func saveSnapshot(ix *Index, file string) error {
	f, err := os.Create(file + ".partial")
	if err != nil {
		return err
	}
	if err := errors.Join(ix.Snapshot(context.Background(), f), f.Close()); err != nil {
		return err
	}
	return os.Rename(file+".partial", file)
}
