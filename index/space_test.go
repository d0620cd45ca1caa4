package index

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/newswatch/newswatch/pipeline"
)

func TestMinFree(t *testing.T) {
	for _, tt := range []struct{ set, total, want int64 }{
		{0, 1 << 40, 512 << 20},
		{0, 5 << 30, 5 << 30 / 50},
		{100, 1 << 40, 100},
		{-1, 1 << 40, 0},
	} {
		if got := (&Config{MinFree: tt.set}).minFree(tt.total); got != tt.want {
			t.Errorf("min_free %d of %d bytes: %d, want %d", tt.set, tt.total, got, tt.want)
		}
	}
}

// Writing stops before the disk is full, says so, and goes on by itself; what
// there is can be searched.
func TestLittleFreeDisk(t *testing.T) {
	var free atomic.Int64
	free.Store(5000)
	ix := openWith(t, Config{Dir: t.TempDir(), MinFree: 1000, space: func(string) (int64, int64, error) { return free.Load(), 1 << 40, nil }})
	put(t, ix, stored(1, article(1, when, "first", "text")))
	second := stored(2, article(2, when, "second", "text"))
	for _, step := range []struct {
		free    int64
		stopped bool
	}{
		{999, true},
		{1050, true}, // it takes a tenth more to go on
		{1100, false},
		{1050, false},
	} {
		free.Store(step.free)
		ix.checkSpace()
		var later *pipeline.LaterError
		err := <-write(ix, second)
		if step.stopped != errors.As(err, &later) || !step.stopped && err != nil {
			t.Errorf("%d bytes free: Write = %v, stopped %v", step.free, err, step.stopped)
		}
		if s := ix.Stats(); step.stopped != (s.Stopped != "") {
			t.Errorf("%d bytes free: stats say %q", step.free, s.Stopped)
		}
		if got := testutil.ToFloat64(ix.metrics.stopped); (got == 1) != step.stopped {
			t.Errorf("%d bytes free: metric %v", step.free, got)
		}
		if res := find(t, ix, pipeline.SearchRequest{}); res.Total == 0 {
			t.Error("nothing found")
		}
	}
}

// While what is damaged is being recovered, which here waits for room, searches
// answer from what there is and say that it is not all, and a snapshot, which
// would not be all either, waits.
func TestPartialWhileMending(t *testing.T) {
	dir, stream := closedNews(t, 90)
	if err := file("store/root.bolt", emptied)(dir); err != nil {
		t.Fatal(err)
	}
	var free atomic.Int64
	ix := openWith(t, Config{Dir: dir, MinFree: 1000, space: func(string) (int64, int64, error) { return free.Load(), 1 << 40, nil }})
	res := find(t, ix, pipeline.SearchRequest{})
	if res.Total == 0 || res.TotalExact || len(res.Warnings) == 0 || !strings.HasPrefix(res.Warnings[0], "partial: partition "+month) {
		t.Errorf("total %d, exact %v, warnings %v", res.Total, res.TotalExact, res.Warnings)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if err := ix.Snapshot(ctx, io.Discard); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Snapshot = %v, want it to wait", err)
	}
	if r := ix.Stats().Recoveries; len(r) != 1 || r[0].State != RecoveryRunning || r[0].Partition != month {
		t.Errorf("recoveries %+v", r)
	}
	free.Store(1 << 30)
	ix.checkSpace()
	whole(t, ix)
	if err := ix.Snapshot(t.Context(), io.Discard); err != nil {
		t.Error(err)
	}
	if cost := missing(t, ix, stream); cost.lost > 1 || cost.older > 0 { // one was deleted
		t.Errorf("%+v", cost)
	}
}

// On a file system that is really full nothing is lost, nothing breaks, and
// what was put off is written when there is room.
func TestFullDisk(t *testing.T) {
	if testing.Short() {
		t.Skip("fills a file system")
	}
	mount := t.TempDir()
	if err := syscall.Mount("tmpfs", mount, "tmpfs", 0, "size=30m"); err != nil {
		t.Skipf("no small file system can be mounted here: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(mount, 0); err != nil {
			t.Errorf("unmount: %v", err)
		}
	})
	for _, tt := range []struct {
		name string
		min  int64
	}{
		{"stopped in time", 4 << 20},
		{"not stopped", -1}, // Bleve meets the full disk itself
	} {
		t.Run(tt.name, func(t *testing.T) {
			ballast := filepath.Join(mount, "ballast")
			dir := filepath.Join(mount, fmt.Sprint("index", tt.min))
			ix, err := tryOpen(Config{Dir: dir, MinFree: tt.min})
			if err != nil {
				t.Fatal(err)
			}
			defer os.RemoveAll(dir)
			defer ix.Close()
			stream := months(1200)
			const batch = 60
			written := 0
			put(t, ix, stream[:batch])
			written += batch
			free, _, err := diskSpace(mount)
			if err != nil {
				t.Fatal(err)
			}
			// Room for a little more.
			if err := os.WriteFile(ballast, make([]byte, free-max(tt.min, 0)-1<<20), 0o600); err != nil {
				t.Fatal(err)
			}
			var under <-chan error // the write that meets the full disk
			for under == nil && written < len(stream) {
				ix.checkSpace()
				done := write(ix, stream[written:written+batch])
				err, answered := awaitDone(ix, done)
				var later *pipeline.LaterError
				switch {
				case !answered:
					under = done
				case errors.As(err, &later):
					again := make(chan error, 1)
					again <- err
					under = again
				case err != nil:
					t.Fatal(err)
				default:
					written += batch
				}
			}
			if under == nil {
				t.Fatalf("never full: %d articles written", written)
			}
			if res := find(t, ix, pipeline.SearchRequest{}); res.Total < written*2/3 {
				t.Errorf("%d found on a full disk, %d written", res.Total, written)
			}
			if err := os.Remove(ballast); err != nil {
				t.Fatal(err)
			}
			ix.checkSpace()
			if err := <-under; err == nil {
				written += batch
			}
			for range 3 { // it goes on
				put(t, ix, stream[written:written+batch])
				written += batch
			}
			if cost := missing(t, ix, stream[:written]); cost != (toll{}) {
				t.Errorf("%+v after there was room again", cost)
			}
			if err := ix.Close(); err != nil {
				t.Fatal(err)
			}
			if ix, err = tryOpen(Config{Dir: dir, MinFree: tt.min}); err != nil {
				t.Fatal(err)
			}
			defer ix.Close()
			if cost := missing(t, ix, stream[:written]); cost != (toll{}) {
				t.Errorf("%+v after another start", cost)
			}
			aside, _ := filepath.Glob(filepath.Join(dir, "*"+damagedInfix+"*"))
			if len(aside) > 0 {
				t.Errorf("a full disk was taken for damage: %s", strings.Join(aside, ", "))
			}
		})
	}
}

// awaitDone waits for the answer to a write, or until Bleve says that it can't put
// something on the disk.
func awaitDone(ix *Index, done <-chan error) (err error, answered bool) {
	for {
		select {
		case err := <-done:
			return err, true
		case <-time.After(time.Millisecond):
		}
		for _, p := range ix.list() {
			if p.notPersisting() != "" {
				return nil, false
			}
		}
	}
}
