package index

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"github.com/newswatch/newswatch/pipeline"
)

// age makes the partitions look as if a program with another mapping had made
// them.
func age(ix *Index) {
	for _, p := range ix.list() {
		p.mu.Lock()
		p.made.Mapping = mappingVersion - 1
		p.mu.Unlock()
	}
}

// Reindexing makes every partition anew that is of an older mapping, and
// nothing that is written, changed or deleted meanwhile is lost or comes back.
func TestReindex(t *testing.T) {
	dir := t.TempDir()
	stream := months(120)
	ix := openTest(t, dir)
	ix.From()
	for part := range slices.Chunk(stream, 30) {
		put(t, ix, part)
	}
	sealAll(t, ix)
	age(ix)
	if n := ix.Stats().Outdated; n != 3 {
		t.Fatalf("%d partitions of an older mapping, want 3", n)
	}
	gone := stream[45].Value // has no later revision
	var steps []ReindexProgress
	step := 0
	err := ix.Reindex(context.Background(), time.Time{}, func(p ReindexProgress) {
		steps = append(steps, p)
		step++
		switch { // in the midst of it
		case step == 2:
			for i := range 3 {
				late := pipeline.Stored[pipeline.Article]{Value: article(900+i, when.AddDate(0, -i, 0), "late", "text"), Seq: uint64(500 + i)}
				stream = append(stream, late)
				put(t, ix, stream[len(stream)-1:])
			}
		case step == 3:
			if err := ix.Delete(context.Background(), []string{gone.ID}); err != nil {
				t.Error(err)
			}
		}
		if res := find(t, ix, pipeline.SearchRequest{Limit: 1}); res.Total < 80 || len(res.Warnings) > 0 {
			t.Errorf("while reindexing: %d found, %v", res.Total, res.Warnings)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	stream = slices.DeleteFunc(stream, func(s pipeline.Stored[pipeline.Article]) bool { return s.Value.Key == gone.Key })
	last := steps[len(steps)-1]
	if last.Partitions != 3 || last.PartitionsDone != 3 || last.DocumentsDone < 80 || last.Partition != "" {
		t.Errorf("last progress %+v", last)
	}
	var order []string
	for _, s := range steps {
		if s.Partition != "" && !slices.Contains(order, s.Partition) {
			order = append(order, s.Partition)
		}
	}
	if diff := gocmp.Diff([]string{"2015-12", "2015-11", "2015-10"}, order); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
	check := func(ix *Index) {
		t.Helper()
		if cost := missing(t, ix, stream); cost != (toll{}) {
			t.Errorf("%+v", cost)
		}
		if _, err := ix.Article(context.Background(), gone.ID); !errors.Is(err, pipeline.ErrNotFound) {
			t.Errorf("a deleted article came back: %v", err)
		}
		if n := ix.Stats().Outdated; n != 0 {
			t.Errorf("%d partitions of an older mapping, want none", n)
		}
	}
	check(ix)
	if err := ix.Reindex(context.Background(), time.Time{}, func(p ReindexProgress) {
		if p.Partitions != 0 {
			t.Errorf("reindexed again: %+v", p)
		}
	}); err != nil {
		t.Fatal(err)
	}
	if err := ix.Close(); err != nil {
		t.Fatal(err)
	}
	ix = openTest(t, dir)
	if from := ix.From(); from != 0 {
		t.Errorf("From() = %d, want 0", from)
	}
	check(ix)
}

// What was copied already and is deleted then is no key too many: the dictionary of
// the new partition has it until it is merged.
func TestReindexDeletesCopied(t *testing.T) {
	ix := openWith(t, unmerged(Config{Dir: t.TempDir()}))
	var articles []pipeline.Article
	for i := range renewBatch + 50 {
		articles = append(articles, article(i, when, fmt.Sprint("title ", i), "text"))
	}
	stream := stored(1, articles...)
	put(t, ix, stream)
	deleted := false
	err := ix.Reindex(t.Context(), when.Add(time.Second), func(p ReindexProgress) {
		if p.PartitionsDone == 0 && p.DocumentsDone > 0 && !deleted {
			deleted = true
			if err := ix.Delete(t.Context(), []string{articles[0].ID}); err != nil {
				t.Error(err)
			}
		}
	})
	if err != nil || !deleted {
		t.Errorf("deleted %v, %v", deleted, err)
	}
	checkAll(t, ix, stream[1:])
}

// A reindexing that was ended goes on at the partition it was at.
func TestReindexGoesOn(t *testing.T) {
	dir := t.TempDir()
	stream := months(90)
	ix := openTest(t, dir)
	put(t, ix, stream)
	asked := when.Add(time.Second) // all were made at when
	ix.now = func() time.Time { return when.Add(time.Minute) }
	for _, p := range ix.list() {
		p.clock = ix.now
	}
	ctx, cancel := context.WithCancel(context.Background())
	err := ix.Reindex(ctx, asked, func(p ReindexProgress) {
		if p.PartitionsDone == 1 {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("Reindex = %v, want it cancelled", err)
	}
	if err := ix.Close(); err != nil {
		t.Fatal(err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*.*")); len(left) != 1 { // the checkpoint
		t.Errorf("left behind: %v", left)
	}
	ix = openTest(t, dir)
	ix.now = func() time.Time { return when.Add(time.Minute) }
	var first ReindexProgress
	if err := ix.Reindex(context.Background(), asked, func(p ReindexProgress) {
		if first.Partitions == 0 {
			first = p
		}
	}); err != nil {
		t.Fatal(err)
	}
	if first.Partitions != 2 || first.Partition != "2015-11" {
		t.Errorf("went on with %+v, want two partitions from 2015-11 on", first)
	}
	if cost := missing(t, ix, stream); cost != (toll{}) {
		t.Errorf("%+v", cost)
	}
}

// A reindexing for which there is no room does not begin, and one that meets
// damage has it mended, and says what it cost.
func TestReindexMeets(t *testing.T) {
	var free atomic.Int64
	free.Store(1 << 40)
	space := func(string) (int64, int64, error) { return free.Load(), 1 << 40, nil }
	ix := openWith(t, unmerged(Config{Dir: t.TempDir(), space: space, MinFree: -1}))
	put(t, ix, months(90))
	age(ix)
	free.Store(100 << 10)
	if err := ix.Reindex(context.Background(), time.Time{}, nil); !errors.Is(err, errNoRoom) {
		t.Errorf("Reindex on a full disk = %v, want errNoRoom", err)
	}
	free.Store(1 << 40)
	if err := segmentsOf(1, zeroed(5))(ix.cfg.Dir); err != nil {
		t.Fatal(err)
	}
	if err := ix.Reindex(context.Background(), time.Time{}, nil); err != nil {
		t.Error(err)
	}
	s := ix.Stats()
	if s.Outdated != 0 || len(s.Recoveries) != 1 || s.Recoveries[0].Unread == 0 {
		t.Errorf("%d partitions of an older mapping, recoveries %+v", s.Outdated, s.Recoveries)
	}
	if len(s.Recoveries) > 0 && s.Recoveries[0].AskedFrom == 0 {
		t.Error("what can't be read is not asked for")
	}
}

// Whatever comes in whatever order and however often, from several writers at
// once, with changed texts and moved ids, and whatever else happens meanwhile
// (deletions, retention, sealing, reindexing, restarts, snapshots restored,
// damage): each key has one document, its newest, if that is to be kept.
func TestOneDocumentPerKey(t *testing.T) {
	for seed := range uint64(*seeds) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			w := newWorld(t, seed)
			for range 40 {
				w.step(t)
			}
			w.settle(t)
			retain(t, w.ix, false)
			w.check(t)
			if err := w.ix.Close(); err != nil {
				t.Fatal(err)
			}
			w.open(t)
			w.hand(w.stream) // all that ever was
			w.settle(t)
			w.check(t)
		})
	}
}

// A world is an index, the stream that feeds it, and what must be in it.
type world struct {
	rng    *rand.Rand
	dir    string
	ix     *Index
	clock  atomic.Int64 // seconds since when
	stream []pipeline.Stored[pipeline.Article]
	state  map[string]pipeline.Article // by key, newest
	gone   map[string]uint64           // deleted keys → sequence up to which nothing must come again
	waits  []waiting
	did    []string
}

// A waiting is a batch handed in that has no answer yet.
type waiting struct {
	batch []pipeline.Stored[pipeline.Article]
	done  <-chan error
}

const worldKeys = 25

func newWorld(t *testing.T, seed uint64) *world {
	w := &world{
		rng: rand.New(rand.NewPCG(seed, 77)), dir: t.TempDir(),
		state: make(map[string]pipeline.Article), gone: make(map[string]uint64),
	}
	w.open(t)
	return w
}

func (w *world) open(t *testing.T) {
	// Some are kept for as long as they are mentioned, and are always past their time.
	keep := Retention{Rules: []Rule{{Match: "has:mention", Keep: forever}, {Match: "source:" + unwantedSource, Keep: days(300)}}}
	ix, err := tryOpenAt(Config{Dir: w.dir, Retention: keep}, func() time.Time { return when.Add(time.Duration(w.clock.Add(1)) * time.Second) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ix.Close() })
	w.ix = ix
	if from := w.ix.From(); from > 0 && len(w.stream) > 0 {
		w.hand(w.stream[min(int(from)-1, len(w.stream)):])
	}
}

// hand hands in messages in random batches. What was deleted comes again only by
// a new message, as where a stream has the latest of each subject.
func (w *world) hand(messages []pipeline.Stored[pipeline.Article]) {
	messages = slices.DeleteFunc(slices.Clone(messages), func(s pipeline.Stored[pipeline.Article]) bool { return s.Seq <= w.gone[s.Value.Key] })
	w.rng.Shuffle(len(messages), func(i, j int) { messages[i], messages[j] = messages[j], messages[i] })
	var batches [][]pipeline.Stored[pipeline.Article]
	for len(messages) > 0 {
		n := min(1+w.rng.IntN(9), len(messages))
		batches = append(batches, messages[:n])
		messages = messages[n:]
	}
	waits := make([]waiting, len(batches))
	var writers errgroup.Group
	writers.SetLimit(1 + w.rng.IntN(4))
	for i, b := range batches {
		writers.Go(func() error {
			waits[i] = waiting{b, write(w.ix, b)}
			return nil
		})
	}
	_ = writers.Wait() // what comes of a batch its wait tells
	w.waits = append(w.waits, waits...)
}

func (w *world) settle(t *testing.T) {
	t.Helper()
	for len(w.waits) > 0 {
		wait := w.waits[0]
		w.waits = w.waits[1:]
		var later *pipeline.LaterError
		switch err := <-wait.done; {
		case errors.As(err, &later): // Bleve met the damage before the scrub: handed in again, as by the bus
			time.Sleep(20 * time.Millisecond)
			w.waits = append(w.waits, waiting{wait.batch, write(w.ix, wait.batch)})
		case err != nil:
			t.Fatal(err)
		}
	}
}

// change is a new message about an article: new, revised, dated otherwise, in
// another story, tagged otherwise.
func (w *world) change() pipeline.Stored[pipeline.Article] {
	n, seq := w.rng.IntN(worldKeys), uint64(len(w.stream)+1)
	at := when.AddDate(0, -w.rng.IntN(3), 0)
	if n%5 == 0 {
		at = at.AddDate(-1, 0, 0)
	}
	fresh := article(n, at, "t", fmt.Sprint("first ", seq))
	if n%5 == 0 {
		fresh.Source = unwantedSource
	}
	a, known := w.state[fresh.Key]
	switch what := w.rng.IntN(5); {
	case !known:
		a = fresh
	case what == 0: // another date, and so another id
		fresh.Revision, fresh.Mentions = a.Revision+w.rng.IntN(2), a.Mentions
		a = fresh
	case what == 1:
		a.Revision++
		a.Text = fmt.Sprint("revised ", seq)
	case what == 2:
		a.Story = fmt.Sprint("story", seq)
	default:
		a.Mentions = []pipeline.Mention{{Entity: fmt.Sprint("entity", seq), Name: "x"}}
	}
	s := pipeline.Stored[pipeline.Article]{Value: a, Seq: seq}
	w.stream = append(w.stream, s)
	w.state[a.Key] = a
	return s
}

func (w *world) step(t *testing.T) {
	t.Helper()
	what := w.rng.IntN(15)
	w.did = append(w.did, fmt.Sprint(what))
	switch {
	case what < 5:
		var fresh []pipeline.Stored[pipeline.Article]
		for range 1 + w.rng.IntN(8) {
			fresh = append(fresh, w.change())
		}
		w.hand(fresh)
	case what == 5: // a replay, of any part
		if len(w.stream) > 0 {
			from := w.rng.IntN(len(w.stream))
			w.hand(w.stream[from:min(len(w.stream), from+20)])
		}
	case what == 6:
		w.settle(t)
		for key, a := range w.state {
			if err := w.ix.Delete(context.Background(), []string{a.ID}); err != nil {
				t.Fatal(err)
			}
			w.gone[key] = uint64(len(w.stream))
			delete(w.state, key)
			break
		}
	case what == 7:
		w.clock.Add(20 * 24 * 60 * 60)
		if _, err := w.ix.sealNext(context.Background(), sealQuiet); err != nil {
			t.Fatal(err)
		}
	case what <= 9:
		if err := w.ix.Reindex(context.Background(), w.ix.now(), func(ReindexProgress) {
			if w.rng.IntN(2) == 0 {
				w.hand([]pipeline.Stored[pipeline.Article]{w.change()})
			}
		}); err != nil {
			t.Fatal(err)
		}
	case what == 10:
		w.settle(t)
		if err := w.ix.Close(); err != nil {
			t.Fatal(err)
		}
		w.open(t)
	case what <= 12:
		if _, err := w.ix.Retain(context.Background(), w.rng.IntN(4) == 0); err != nil && !errors.Is(err, errRetaining) {
			t.Fatal(err)
		}
	case what == 13:
		w.settle(t)
		w.restore(t)
	default: // damage, mended from what is there
		w.settle(t)
		if len(files(w.dir, "store/*.zap")) > 0 {
			if err := segmentsOf(1, zeroed(70))(w.dir); err != nil {
				t.Fatal(err)
			}
			w.mend()
		}
	}
}

// mend has what is damaged found and mended, and hands in what is asked for.
func (w *world) mend() {
	w.ix.scrub(context.Background())
	select {
	case <-w.ix.Behind():
		w.hand(w.stream[w.ix.From()-1:])
	default:
	}
}

// restore goes on with an index made of a snapshot of this one.
func (w *world) restore(t *testing.T) {
	t.Helper()
	var saved bytes.Buffer
	err := w.ix.Snapshot(context.Background(), &saved)
	for range 20 {
		// A segment that was written and not yet in use when it was damaged the
		// scrub did not see; a snapshot does, and is none.
		if !errors.Is(err, errDamage) {
			break
		}
		w.mend()
		w.settle(t)
		saved.Reset()
		err = w.ix.Snapshot(context.Background(), &saved)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := w.ix.Close(); err != nil {
		t.Fatal(err)
	}
	w.dir = filepath.Join(t.TempDir(), "restored")
	if err := RestoreSnapshot(context.Background(), w.dir, &saved); err != nil {
		t.Fatal(err)
	}
	w.open(t)
}

// check sees that just what is to be there is there, after retention.
func (w *world) check(t *testing.T) {
	t.Helper()
	kept := 0
	for key, want := range w.state {
		if want.Source == unwantedSource && len(want.Mentions) == 0 {
			if a, err := w.ix.ByKey(context.Background(), key); !errors.Is(err, pipeline.ErrNotFound) {
				t.Errorf("%s is kept: %v, %v after %v", key, a.ID, err, w.did)
			}
		} else {
			kept++
		}
	}
	if n := w.ix.Stats().Documents; n != kept {
		t.Errorf("%d documents for %d keys after %v", n, kept, w.did)
	}
	for key, want := range w.state {
		if want.Source == unwantedSource && len(want.Mentions) == 0 {
			continue
		}
		got, err := w.ix.ByKey(context.Background(), key)
		if err != nil {
			t.Errorf("%s: %v after %v", key, err, w.did)
			continue
		}
		want.Indexed = got.Indexed
		if diff := gocmp.Diff(want, got); diff != "" {
			t.Errorf("%s after %v (-want +got):\n%s", key, w.did, diff)
		}
		if res := find(t, w.ix, pipeline.SearchRequest{Query: "key:" + key}); res.Total != 1 || res.Hits[0].ID != want.ID {
			t.Errorf("%s: %d documents, want one, %s, after %v", key, res.Total, want.ID, w.did)
		}
	}
}
