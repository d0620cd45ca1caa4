package index

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/newswatch/newswatch/pipeline"
)

// A fetching reads snapshots of an index as they are asked for, each cut off
// after so many bytes.
type fetching struct {
	ix    *Index
	bytes int // that were fetched by all attempts
}

func (f *fetching) upTo(t *testing.T, limit int) func(have []SnapshotFile) io.Reader {
	return func(have []SnapshotFile) io.Reader {
		var b bytes.Buffer
		if err := f.ix.SnapshotWithout(t.Context(), &b, have); err != nil {
			t.Fatal(err)
		}
		data := b.Bytes()
		data = data[:min(limit, len(data))]
		f.bytes += len(data)
		return bytes.NewReader(data)
	}
}

// resumable is an index with three sealed months: of one that is not the
// root.bolt is another in each snapshot.
func resumable(t *testing.T) (*Index, []pipeline.Stored[pipeline.Article]) {
	t.Helper()
	stream := months(180)
	ix := openWith(t, unmerged(Config{Dir: t.TempDir()}))
	ix.From()
	for i := 0; i < len(stream); i += 30 {
		put(t, ix, stream[i:i+30])
	}
	if sealAll(t, ix) != 3 {
		t.Fatal("not all is sealed")
	}
	return ix, stream
}

// However often it is cut off, and by whatever, a copy goes on from what has
// arrived, and is right.
func TestResume(t *testing.T) {
	ix, stream := resumable(t)
	all := len(snapshot(t, ix))
	dir := filepath.Join(t.TempDir(), "index")
	f := &fetching{ix: ix}
	attempts := 0
	for limit := all / 3; ; attempts++ {
		if attempts > 40 {
			t.Fatal("it comes to no end")
		}
		err := ResumeSnapshot(t.Context(), dir, f.upTo(t, limit))
		if err == nil {
			break
		}
		if !errors.Is(err, ErrSnapshot) {
			t.Fatal(err)
		}
		if exists(dir) {
			t.Fatal("the folder is there, and not whole")
		}
	}
	if attempts < 3 || f.bytes > 2*all {
		t.Errorf("%d attempts fetched %d bytes, of %d", attempts, f.bytes, all)
	}
	if exists(dir + partialSuffix) {
		t.Error("what was fetched is there twice")
	}
	checkAll(t, openTest(t, dir), stream)
	if err := ResumeSnapshot(t.Context(), dir, f.upTo(t, all)); !errors.Is(err, ErrNotEmpty) {
		t.Errorf("into a folder with something in it: %v, want ErrNotEmpty", err)
	}
}

// What has arrived is of use only as far as it is what is wanted now.
func TestResumeChanged(t *testing.T) {
	tests := []struct {
		name   string
		change func(t *testing.T, f *fetching, partial string)
		whole  bool // everything is fetched again
	}{
		{"nothing", func(*testing.T, *fetching, string) {}, false},
		{"the index is written to", func(t *testing.T, f *fetching, _ string) {
			put(t, f.ix, stored(500, article(5000, when, "one more", "text")))
		}, false},
		{"its months are made anew", func(t *testing.T, f *fetching, _ string) {
			if err := f.ix.Reindex(t.Context(), when.AddDate(10, 0, 0), nil); err != nil {
				t.Fatal(err)
			}
		}, true},
		{"another index of the same articles", func(t *testing.T, f *fetching, _ string) { f.ix, _ = resumable(t) }, true},
		{"a file is cut off", func(t *testing.T, _ *fetching, partial string) {
			eachSegment(t, partial, func(path string) error { return os.Truncate(path, 100) })
		}, true},
		{"a file has other bytes", func(t *testing.T, _ *fetching, partial string) {
			eachSegment(t, partial, func(path string) error { return errors.Join(zeroed(0)(path), resummed(path)) })
		}, true},
		{"files of another month", func(t *testing.T, _ *fetching, partial string) {
			if err := os.CopyFS(filepath.Join(partial, "2014-01"), os.DirFS(filepath.Join(partial, "2015-10"))); err != nil {
				t.Fatal(err)
			}
		}, false},
		{"a file in a folder's place", func(t *testing.T, _ *fetching, partial string) {
			path := filepath.Join(partial, "2015-12")
			if err := errors.Join(os.RemoveAll(path), os.WriteFile(path, nil, 0o600)); err != nil {
				t.Fatal(err)
			}
		}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			ix, _ := resumable(t)
			all := len(snapshot(t, ix))
			dir := filepath.Join(t.TempDir(), "index")
			f := &fetching{ix: ix}
			if err := ResumeSnapshot(t.Context(), dir, f.upTo(t, all*2/3)); !errors.Is(err, ErrSnapshot) {
				t.Fatal(err)
			}
			tt.change(t, f, dir+partialSuffix)
			f.bytes = 0
			err := ResumeSnapshot(t.Context(), dir, f.upTo(t, 1<<30))
			if err != nil { // begun anew
				err = ResumeSnapshot(t.Context(), dir, f.upTo(t, 1<<30))
			}
			if err != nil {
				t.Fatal(err)
			}
			if whole := f.bytes > all/2; whole != tt.whole && tt.name != "a file in a folder's place" {
				t.Errorf("%d of %d bytes were fetched", f.bytes, all)
			}
			copied := openTest(t, dir)
			want, err := f.ix.IDs(context.Background(), pipeline.IDsRequest{Limit: maxIDs})
			if err != nil {
				t.Fatal(err)
			}
			got, err := copied.IDs(context.Background(), pipeline.IDsRequest{Limit: maxIDs})
			if err != nil {
				t.Fatal(err)
			}
			if len(got.IDs) != len(want.IDs) || len(want.IDs) < 120 {
				t.Errorf("%d articles, want %d", len(got.IDs), len(want.IDs))
			}
			if exists(filepath.Join(dir, "2014-01")) {
				t.Error("what belongs to another snapshot is in it")
			}
		})
	}
}

// eachSegment calls do with the segments of all months below a folder.
func eachSegment(t *testing.T, dir string, do func(path string) error) {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(dir, "*", "store", "*.zap"))
	if err != nil || len(all) == 0 {
		t.Fatalf("segments: %d, %v", len(all), err)
	}
	for _, path := range all {
		if err := do(path); err != nil {
			t.Fatal(err)
		}
	}
}
