package index

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/newswatch/newswatch/pipeline"
)

// zeroAll fills the segments of the month with zeros, as they are mapped into
// memory.
func zeroAll(t *testing.T, dir string) {
	t.Helper()
	for _, path := range files(dir, "store/*.zap") {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := overwritten(0, make([]byte, info.Size()))(path); err != nil {
			t.Fatal(err)
		}
	}
}

// mended hands in what is asked for until nothing is lacking.
func mended(t *testing.T, ix *Index, stream []pipeline.Stored[pipeline.Article]) {
	t.Helper()
	select {
	case <-ix.Behind():
	case <-time.After(20 * time.Second):
		t.Fatal("nothing is asked for")
	}
	if from := ix.From(); from > 0 {
		put(t, ix, stream[from-1:])
	}
	if res := find(t, ix, pipeline.SearchRequest{Limit: 200}); len(res.Warnings) > 0 {
		t.Errorf("after all: %v", res.Warnings)
	}
	checkAll(t, ix, stream)
}

// warned is an error where a search tells of something.
func warned(t *testing.T, ix *Index, q string) error {
	if res := find(t, ix, pipeline.SearchRequest{Query: q, Limit: -1}); len(res.Warnings) > 0 {
		return errors.New(res.Warnings[0])
	}
	return nil
}

// A dictionary that was used before its file was damaged finds nothing in zeros,
// which must not be taken for the answer.
func TestDamageUnderDictionary(t *testing.T) {
	stream := months(60)
	late := stream[len(stream)-3:] // one article is of the month
	tests := []struct {
		name string
		use  func(t *testing.T, ix *Index) error
	}{
		{"search", func(t *testing.T, ix *Index) error { return warned(t, ix, "title") }},
		{"search for what is nowhere", func(t *testing.T, ix *Index) error { return warned(t, ix, "zzz") }},
		{"search for words that begin so", func(t *testing.T, ix *Index) error { return warned(t, ix, "tit*") }},
		{"search for what is not so", func(t *testing.T, ix *Index) error { return warned(t, ix, "-title") }},
		{"by key", func(t *testing.T, ix *Index) error {
			_, err := ix.ByKey(t.Context(), stream[0].Value.Key)
			return err
		}},
		{"write", func(_ *testing.T, ix *Index) error {
			batch := slices.Clone(late)
			for i := range batch {
				batch[i].Seq--
			}
			return <-write(ix, batch)
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			ix := openWith(t, unmerged(Config{Dir: dir}))
			ix.From()
			put(t, ix, stream)
			if err := tt.use(t, ix); err != nil {
				t.Fatalf("before: %v", err)
			}
			zeroAll(t, dir)
			if err := tt.use(t, ix); err == nil {
				t.Error("the damage is not noticed")
			}
			mended(t, ix, stream)
		})
	}
}

// A damaged partition goes only when it is on the disk that the stream is to be
// asked for what is lost: after a crash nothing else would tell.
func TestMendAsksFirst(t *testing.T) {
	stream := months(60)
	dir := t.TempDir()
	ix := openWith(t, Config{Dir: dir})
	ix.From()
	put(t, ix, stream)
	zeroAll(t, dir)
	checkpoint := filepath.Join(dir, checkpointFile)
	if err := errors.Join(os.Remove(checkpoint), os.MkdirAll(filepath.Join(checkpoint, "in the way"), 0o755)); err != nil {
		t.Fatal(err)
	}
	p := ix.partition(month)
	if err := ix.mend(t.Context(), p, errDamage); err == nil {
		t.Error("mended without a checkpoint")
	}
	if aside, _ := filepath.Glob(p.path + damagedInfix + "*"); len(aside) > 0 {
		t.Errorf("aside: %v", aside)
	}
	if err := os.RemoveAll(checkpoint); err != nil {
		t.Fatal(err)
	}
	if err := ix.mend(t.Context(), p, errDamage); err != nil {
		t.Fatal(err)
	}
	cp, err := readCheckpoint(dir)
	if err != nil || cp.Replay == 0 || cp.Lacking[month] == 0 {
		t.Errorf("checkpoint %+v, %v", cp, err)
	}
	mended(t, ix, stream)
}

// Whatever block of a segment turns to zeros, before or after the index was
// opened: an article that is shown is the one that was asked for, and where one
// is not shown, or can't be, the answer says so.
func TestZerosNeverLie(t *testing.T) {
	stream := months(180)
	want := make(map[string]pipeline.Article)
	for _, s := range stream {
		want[s.Value.ID] = s.Value
	}
	base := t.TempDir()
	ix := openWith(t, unmerged(Config{Dir: base}))
	ix.From()
	put(t, ix, stream)
	if err := ix.Close(); err != nil {
		t.Fatal(err)
	}
	segment := files(base, "store/*.zap")[0]
	info, err := os.Stat(segment)
	if err != nil {
		t.Fatal(err)
	}
	const block = 4 << 10
	for at := int64(0); at < info.Size(); at += block {
		for _, running := range []bool{false, true} {
			t.Run(fmt.Sprintf("%d/running=%v", at, running), func(t *testing.T) {
				t.Parallel()
				dir := filepath.Join(t.TempDir(), "index")
				if err := os.CopyFS(dir, os.DirFS(base)); err != nil {
					t.Fatal(err)
				}
				zero := func() {
					f, err := os.OpenFile(filepath.Join(dir, month, "store", filepath.Base(segment)), os.O_WRONLY, 0)
					if err != nil {
						t.Fatal(err)
					}
					_, err = f.WriteAt(make([]byte, min(block, info.Size()-at)), at)
					if err := errors.Join(err, f.Close()); err != nil {
						t.Fatal(err)
					}
				}
				if !running {
					zero()
				}
				ix := openWith(t, unmerged(Config{Dir: dir}))
				if running {
					if res := find(t, ix, pipeline.SearchRequest{Limit: 200}); len(res.Hits) != len(want) {
						t.Fatalf("%d hits before", len(res.Hits))
					}
					zero()
				}
				res := find(t, ix, pipeline.SearchRequest{Limit: 200})
				shown := make(map[string]bool)
				for _, h := range res.Hits {
					a := want[h.ID]
					if h.Title != a.Title || h.URL != a.URL || shown[h.ID] {
						t.Errorf("%s is shown as %q %s, again %v", h.ID, h.Title, h.URL, shown[h.ID])
					}
					shown[h.ID] = true
				}
				if len(shown) < len(want) && len(res.Warnings) == 0 && len(ix.Stats().Recoveries) == 0 {
					t.Errorf("%d of %d articles, and not a word", len(shown), len(want))
				}
				for id, a := range want {
					got, err := ix.ByKey(t.Context(), a.Key)
					if err == nil && got.ID != id {
						t.Errorf("by key of %s: %s", id, got.ID)
					}
					if errors.Is(err, pipeline.ErrNotFound) && len(ix.Stats().Recoveries) == 0 {
						t.Errorf("by key of %s: %v", id, err)
					}
					if got, err = ix.Article(t.Context(), id); err == nil && got.ID != id || errors.Is(err, pipeline.ErrNotFound) && len(ix.Stats().Recoveries) == 0 {
						t.Errorf("by id %s: %s, %v", id, got.ID, err)
					}
				}
			})
		}
	}
}

// What a merge copies from a damaged segment has a right checksum: the scrub
// finds it by reading the articles.
func TestScrubReadsArticles(t *testing.T) {
	stream := months(180)
	tests := []struct {
		name   string
		damage func(path string) error
		lost   int
	}{
		{"zeros in articles", articlesZeroed, 3},
		{"zeros where articles are said to begin", beginningsZeroed, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			ix := openWith(t, unmerged(Config{Dir: dir}))
			ix.From()
			put(t, ix, stream)
			if err := ix.Close(); err != nil {
				t.Fatal(err)
			}
			if err := segmentsOf(1, func(path string) error { return errors.Join(tt.damage(path), resummed(path)) })(dir); err != nil {
				t.Fatal(err)
			}
			ix = openWith(t, unmerged(Config{Dir: dir}))
			if from := ix.From(); from != 0 || len(ix.Stats().Recoveries) > 0 {
				t.Fatalf("before: from %d, %+v", from, ix.Stats().Recoveries)
			}
			if err := ix.partition(month).scrubSegments(t.Context(), nil); err != nil {
				t.Fatalf("by its checksum: %v", err)
			}
			ix.scrub(t.Context())
			rs := whole(t, ix)
			if len(rs) != 1 || rs[0].Own != 40-tt.lost || rs[0].Lost != tt.lost {
				t.Errorf("recoveries %+v, want one of %d articles, %d lost", rs, 40-tt.lost, tt.lost)
			}
			if tt.lost > 0 {
				mended(t, ix, stream)
			}
			checkAll(t, ix, stream)
		})
	}
}

// resummed gives a segment the checksum of the bytes it has.
func resummed(path string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	end := len(data) - 4
	binary.BigEndian.PutUint32(data[end:], crc32.ChecksumIEEE(data[:end]))
	return os.WriteFile(path, data, 0o600)
}
