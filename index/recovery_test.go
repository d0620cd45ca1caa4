package index

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/newswatch/newswatch/pipeline"
)

// damagedNews is the folder of an index with a damaged partition, of which all
// can be read, and how many articles it has.
func damagedNews(t *testing.T) (dir string, articles int) {
	t.Helper()
	dir = t.TempDir()
	ix := openTest(t, dir)
	ix.From()
	put(t, ix, messages(60))
	articles = ix.partition(month).documents()
	if err := errors.Join(ix.Close(), os.Truncate(filepath.Join(dir, month, "index_meta.json"), 0)); err != nil {
		t.Fatal(err)
	}
	return dir, articles
}

// counted waits until all of a recovery is done.
func counted(t *testing.T, ix *Index) Recovery {
	t.Helper()
	for range 3000 {
		if ix.recovery.pending() == nil {
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	rs := ix.recovery.list()
	if len(rs) != 1 || rs[0].State != RecoveryDone {
		t.Fatalf("recoveries %+v, want one that is done", rs)
	}
	return rs[0]
}

// A process that was killed wrote articles again and did not live to say so:
// they are not lost.
func TestRecoveryIsCountedAnew(t *testing.T) {
	dir, articles := damagedNews(t)
	ix := openTest(t, dir)
	if r := counted(t, ix); r.Lost != 0 || r.Own != articles || r.Expected != articles {
		t.Fatalf("recovery %+v, want %d articles of it", r, articles)
	}
	if err := ix.Close(); err != nil {
		t.Fatal(err)
	}
	folder, err := filepath.Glob(filepath.Join(dir, "*"+damagedInfix+"*"))
	if err != nil || len(folder) != 1 {
		t.Fatal(folder, err)
	}
	for _, state := range []string{RecoveryRunning, RecoveryDone} {
		d := readDamage(folder[0])
		d.State, d.Own, d.Back, d.Lost, d.Whole = state, 0, 0, articles, false
		if err := d.write(dir); err != nil {
			t.Fatal(err)
		}
		ix := openTest(t, dir)
		if r := counted(t, ix); r.Lost != 0 || state == RecoveryRunning && r.Own != articles {
			t.Errorf("killed while it was %s: %+v, want %d articles and none lost", state, r, articles)
		}
		if err := ix.Close(); err != nil {
			t.Fatal(err)
		}
	}
	// One that is lost indeed stays so.
	d := readDamage(folder[0])
	d.Expected, d.Back, d.Lost, d.Whole = articles+1, 0, articles+1, false
	if err := d.write(dir); err != nil {
		t.Fatal(err)
	}
	if r := counted(t, openTest(t, dir)); r.Lost != 1 {
		t.Errorf("recovery %+v, want one lost", r)
	}
}

// What retention removed does not come back with a partition of which only the
// segments are left, neither in its last state nor in one before. What it would
// remove is not lost where it is not recovered.
func TestUnwantedIsNotRecovered(t *testing.T) {
	for _, tt := range []struct {
		name     string
		retained bool // before the damage
		damage   string
		unwanted int
	}{
		{"removed, and the deletions are gone", true, "store/root.bolt", 0},
		{"removed", true, "index_meta.json", 0},
		{"to be removed", false, "index_meta.json", 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			now := when.AddDate(0, 1, 0)
			open := func() *Index {
				ix, err := tryOpenAt(unmerged(Config{Dir: dir, Retention: killRetention()}), func() time.Time { return now })
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { ix.Close() })
				return ix
			}
			// So long that each is in a write of its own.
			old := article(1, when.AddDate(0, 0, -5), "old", strings.Repeat("word ", salvageBatch/5))
			unwanted := old
			unwanted.Source, unwanted.Revision, unwanted.Title = unwantedSource, 2, "unwanted"
			other, newest := article(2, when, "other", "text"), article(3, when.AddDate(0, 1, 0), "newest", "text")
			ix := open()
			ix.From()
			// A segment each.
			put(t, ix, stored(1, old, other))
			put(t, ix, stored(3, unwanted))
			put(t, ix, stored(4, newest))
			if tt.retained {
				if rep, err := ix.Retain(t.Context(), false); err != nil || rep.Articles != 1 {
					t.Fatalf("%+v, %v", rep, err)
				}
			}
			if err := errors.Join(ix.Close(), os.Truncate(filepath.Join(dir, month, filepath.FromSlash(tt.damage)), 0)); err != nil {
				t.Fatal(err)
			}
			ix = open()
			if r := counted(t, ix); r.Lost != 0 || r.Own != 1 || r.Unwanted != tt.unwanted {
				t.Errorf("recovery %+v", r)
			}
			if got, err := ix.ByKey(t.Context(), old.Key); !errors.Is(err, pipeline.ErrNotFound) {
				t.Errorf("%q is back, %v", got.Title, err)
			}
		})
	}
}

// Whether what came back is elsewhere in a newer state is looked at again, also by
// another process, where it could not be found out.
func TestRecoveryIsCheckedAnew(t *testing.T) {
	dir, articles := damagedNews(t)
	ix := openTest(t, dir)
	counted(t, ix)
	p := ix.partition(month)
	was, _, err := ix.stored(p, messages(60)[21].Value.ID) // has no later revision
	if err != nil {
		t.Fatal(err)
	}
	newer := was
	newer.Published = when.AddDate(0, -1, 0)
	newer.ID, newer.Revision = pipeline.NewID(newer.Published, newer.FirstSeen, newer.Key), 2
	put(t, ix, stored(100, newer))
	// As if the partition had been mended with it.
	doc, err := newDocument(&was, version{1, 1}, ix.codec)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.apply(change{put: []*putDoc{{article: was, version: version{1, 1}, doc: doc}}, low: 1, high: 1}, when); err != nil {
		t.Fatal(err)
	}
	for !durable(p) {
		time.Sleep(time.Millisecond)
	}
	if n := p.documents(); n != articles {
		t.Fatalf("%d documents, want %d", n, articles)
	}
	if err := ix.Close(); err != nil {
		t.Fatal(err)
	}
	folder, err := filepath.Glob(filepath.Join(dir, "*"+damagedInfix+"*"))
	if err != nil || len(folder) != 1 {
		t.Fatal(folder, err)
	}
	d := readDamage(folder[0])
	d.Unchecked = true
	if err := d.write(dir); err != nil {
		t.Fatal(err)
	}
	ix = openTest(t, dir)
	counted(t, ix)
	if n := ix.partition(month).documents(); n != articles-1 {
		t.Errorf("%d documents, want %d: the older one is to go", n, articles-1)
	}
	if got, err := ix.ByKey(t.Context(), was.Key); err != nil || got.Revision != 2 {
		t.Errorf("revision %d, %v; want 2", got.Revision, err)
	}
	if readDamage(folder[0]).Unchecked {
		t.Error("it is still to be looked at")
	}
}

// A suspicion is followed soon, but a partition is not read all the time.
func TestSuspectedAgain(t *testing.T) {
	tests := []struct {
		took, ago time.Duration
		want      bool
	}{
		{time.Millisecond, time.Second, false},
		{time.Millisecond, 10 * time.Second, true},
		{20 * time.Second, 179 * time.Second, false},
		{20 * time.Second, 180 * time.Second, true},
		{time.Hour, 599 * time.Second, false},
		{time.Hour, 600 * time.Second, true},
	}
	for _, tt := range tests {
		if got := (lastScrub{when, tt.took}).due(when.Add(tt.ago)); got != tt.want {
			t.Errorf("%v after a scrub of %v: %v, want %v", tt.ago, tt.took, got, tt.want)
		}
	}
	if !(lastScrub{}).due(when) {
		t.Error("one that was never scrubbed is not due")
	}
}
