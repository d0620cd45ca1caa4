package index

import (
	"errors"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/blevesearch/bleve/v2/index/scorch"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/newswatch/newswatch/pipeline"
)

// closedMonths is the folder of an index with three months, and its stream.
func closedMonths(t *testing.T) (dir string, stream []pipeline.Stored[pipeline.Article]) {
	t.Helper()
	stream, dir = months(180), t.TempDir()
	ix := openWith(t, unmerged(Config{Dir: dir}))
	ix.From()
	for part := range slices.Chunk(stream, 30) {
		put(t, ix, part)
	}
	if err := ix.Close(); err != nil {
		t.Fatal(err)
	}
	return dir, stream
}

// What nobody else notices the scrub finds by itself, and mends it while
// searches go on and miss nothing.
func TestScrubsByItself(t *testing.T) {
	dir, stream := closedMonths(t)
	if err := segmentsOf(1, zeroed(80))(dir); err != nil { // see TestDamage: in the postings
		t.Fatal(err)
	}
	cfg := unmerged(Config{Dir: dir, Timeout: time.Minute, SealAfter: -1, nap: 10 * time.Millisecond, upkeep: 10 * time.Millisecond})
	ix, err := open(slog.New(slog.DiscardHandler), prometheus.NewRegistry(), cfg, func() time.Time { return when })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ix.Close() })
	for done := false; !done; {
		rs := ix.Stats().Recoveries
		done = len(rs) > 0 && rs[0].State == RecoveryDone
		if res := find(t, ix, pipeline.SearchRequest{Limit: 200}); res.Total != 120 || len(res.Hits) != 120 {
			t.Fatalf("%d articles, %d shown, while it is mended: %v", res.Total, len(res.Hits), res.Warnings)
		}
	}
	if err := ix.partition(month).scrubSegments(t.Context(), nil); err != nil {
		t.Error(err)
	}
	ix.metrics.update(ix)
	for what, n := range map[string][2]float64{
		"recoveries_total":         {testutil.ToFloat64(ix.metrics.recoveries), 1},
		"recovered_articles_total": {testutil.ToFloat64(ix.metrics.recovered), 40},
		"lost_articles":            {testutil.ToFloat64(ix.metrics.lost), 0},
	} {
		if n[0] != n[1] {
			t.Errorf("newswatch_index_%s is %v, want %v", what, n[0], n[1])
		}
	}
	checkAll(t, ix, stream)
}

// An error of one of Bleve's goroutines, as of a merge that meets damage, has the
// partition looked at and mended at once.
func TestMergeMeetsDamage(t *testing.T) {
	dir, stream := closedMonths(t)
	ix := openWith(t, unmerged(Config{Dir: dir}))
	if err := segmentsOf(1, zeroed(80))(dir); err != nil {
		t.Fatal(err)
	}
	store := ix.partition(month).store()
	scorch.RegistryAsyncErrorCallbacks[asyncErrors](errors.New("merging err: chunk out of bounds"), store)
	for range 3000 {
		if len(ix.Stats().Recoveries) > 0 {
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	if rs := whole(t, ix); len(rs) != 1 || rs[0].Own != 40 || rs[0].Lost != 0 {
		t.Errorf("recoveries %+v, want one of 40 articles", rs)
	}
	checkAll(t, ix, stream)
}

// What was damaged is kept for thirty days; where room is needed, it goes as
// soon as nothing of it is lost.
func TestDamagedFoldersGo(t *testing.T) {
	for _, tt := range []struct {
		name  string
		after time.Duration
		room  bool // is needed
		lost  bool
		gone  bool
	}{
		{"a day later", 24 * time.Hour, false, false, false},
		{"29 days later", 29 * 24 * time.Hour, false, false, false},
		{"30 days later", 30 * 24 * time.Hour, false, false, true},
		{"30 days later, some lost", 30 * 24 * time.Hour, false, true, true},
		{"room is needed", time.Hour, true, false, true},
		{"room is needed, some lost", time.Hour, true, true, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir, _ := closedMonths(t)
			damage := file("store/root.bolt", emptied)
			if tt.lost {
				damage = segmentsOf(0, emptied)
			}
			if err := damage(dir); err != nil {
				t.Fatal(err)
			}
			ix := openWith(t, unmerged(Config{Dir: dir}))
			if rs := whole(t, ix); len(rs) != 1 || (rs[0].Lost > 0) != tt.lost {
				t.Fatalf("recoveries %+v", rs)
			}
			ix.recovery.mu.Lock()
			ix.recovery.now = func() time.Time { return when.Add(tt.after) }
			ix.recovery.mu.Unlock()
			if err := ix.recovery.purge(tt.room); err != nil {
				t.Error(err)
			}
			left, err := filepath.Glob(filepath.Join(dir, "*"+damagedInfix+"*"))
			if err != nil {
				t.Fatal(err)
			}
			if gone := len(left) == 0; gone != tt.gone || gone != (len(ix.Stats().Recoveries) == 0) {
				t.Errorf("left %s and %d recoveries; gone %v, want %v", strings.Join(left, " "), len(ix.Stats().Recoveries), gone, tt.gone)
			}
		})
	}
}

// A partition is sealed only where there is room for another of it.
func TestSealNeedsRoom(t *testing.T) {
	var free atomic.Int64
	ix := openWith(t, unmerged(Config{Dir: t.TempDir(), MinFree: -1, space: func(string) (int64, int64, error) { return free.Load(), 1 << 40, nil }}))
	free.Store(1 << 40)
	put(t, ix, months(30))
	ix.now = func() time.Time { return when.AddDate(0, 1, 0) }
	free.Store(diskUse(ix.partition(month).path))
	if did, err := ix.sealNext(t.Context(), sealQuiet); did || !errors.Is(err, errNoRoom) {
		t.Errorf("without room: sealed %v, %v; want errNoRoom", did, err)
	}
	free.Store(1 << 40)
	if n := sealAll(t, ix); n != 3 {
		t.Errorf("with room %d partitions were sealed, want 3", n)
	}
}
