package index

import (
	"bytes"
	"context"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/newswatch/newswatch/pipeline"
)

// closedNews is the folder of an index with three partitions, and its stream.
func closedNews(t testing.TB, n int) (dir string, stream []pipeline.Stored[pipeline.Article]) {
	t.Helper()
	stream = months(n)
	dir = t.TempDir()
	ix := openWith(t, unmerged(Config{Dir: dir}))
	for part := range slices.Chunk(stream, 30) {
		put(t, ix, part)
	}
	if err := ix.Delete(context.Background(), []string{stream[0].Value.ID}); err != nil {
		t.Fatal(err)
	}
	if err := ix.Close(); err != nil {
		t.Fatal(err)
	}
	return dir, stream
}

func testCodec(t testing.TB) *codec {
	t.Helper()
	c, err := newCodec()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// What is read past Bleve is what Bleve has: no more, no less, nothing else. If
// this fails after Bleve was upgraded, the form of its files has changed.
func TestSalvageReadsWhatBleveHas(t *testing.T) {
	dir, stream := closedNews(t, 90)
	want := make(map[string]version)
	ix := openWith(t, Config{Dir: dir})
	for _, s := range stream {
		_, v, err := ix.stored(ix.partition(month), s.Value.ID)
		if err == nil {
			want[s.Value.ID] = v
		}
	}
	if err := ix.Close(); err != nil {
		t.Fatal(err)
	}
	got := make(map[string]version)
	s, err := openWreck(filepath.Join(dir, month)).salvage(context.Background(), testCodec(t), func(a storedArticle) error {
		got[a.article.ID] = a.version
		return nil
	})
	if err != nil || !s.Complete || s.Lost != 0 || s.Read != len(want) || s.State.Gen == 0 {
		t.Errorf("salvage = %+v, %v; want %d articles, complete", s, err, len(want))
	}
	if diff := gocmp.Diff(want, got, gocmp.AllowUnexported(version{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if _, ok := got[stream[0].Value.ID]; ok || len(got) == 0 {
		t.Error("a deleted article was read")
	}
}

// From a file with any part of it gone nothing is read that was not written, and
// whatever lies outside of that part is read.
func TestSalvageOfAnyDamage(t *testing.T) {
	dir, stream := closedNews(t, 90)
	all := files(dir, "store/*.zap")
	if len(all) == 0 {
		t.Fatal("no segments")
	}
	whole, err := os.ReadFile(all[0])
	if err != nil {
		t.Fatal(err)
	}
	written := make(map[version]pipeline.Article)
	for _, s := range stream {
		written[version{s.Value.Revision, s.Seq}] = s.Value
	}
	c := testCodec(t)
	path := filepath.Join(t.TempDir(), "x.zap")
	read := func(data []byte) (n, lost int) {
		t.Helper()
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		z, err := openZap(path, c)
		if err != nil {
			t.Fatal(err)
		}
		defer z.close()
		lost, err = z.each(nil, func(s storedArticle) error {
			want := written[s.version]
			want.Indexed = s.article.Indexed
			if diff := gocmp.Diff(want, s.article); diff != "" {
				t.Fatalf("read what was not written (-want +got):\n%s", diff)
			}
			n++
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return n, lost
	}
	docs, lost := read(whole)
	if docs == 0 || lost != 0 {
		t.Fatalf("%d read, %d lost of a good file", docs, lost)
	}
	rng := rand.New(rand.NewPCG(3, 9))
	for range 60 {
		data := bytes.Clone(whole)
		from := rng.IntN(len(data))
		to := min(len(data), from+1+rng.IntN(4096))
		for i := range data[from:to] {
			data[from+i] = byte(rng.Uint32() & uint32(-rng.IntN(2))) // noise, or zeros
		}
		n, lost := read(data)
		if n > docs || n+lost > docs {
			t.Errorf("damage of [%d, %d): %d read, %d lost of %d", from, to, n, lost, docs)
		}
		// A document takes 900 bytes or so; one more may be hit at each end.
		if n < docs-(to-from)/500-2 {
			t.Errorf("damage of [%d, %d): only %d of %d read", from, to, n, docs)
		}
		read(data[:from]) // cut off
	}
}

// FuzzZap reads anything as a segment file: no panic, nothing that is not right.
func FuzzZap(f *testing.F) {
	dir := f.TempDir()
	ix := openWith(f, Config{Dir: dir})
	put(f, ix, messages(6))
	if err := ix.Close(); err != nil {
		f.Fatal(err)
	}
	for _, path := range files(dir, "store/*.zap") {
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	c := testCodec(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		z := &zapFile{data: data, codec: c, docs: -1}
		_ = guarded(func() error { z.readFooter(); return nil })
		_, err := z.each(nil, func(s storedArticle) error {
			if _, key, err := pipeline.ParseID(s.article.ID); err != nil || key != s.article.Key {
				t.Errorf("read %q with key %q", s.article.ID, s.article.Key)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	})
}
