package index

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/newswatch/newswatch/pipeline"
)

// sealAll seals whatever can be, as the background work would an hour later.
func sealAll(t *testing.T, ix *Index) (n int) {
	t.Helper()
	ix.now = func() time.Time { return when.AddDate(0, 1, 0) }
	for {
		did, err := ix.sealNext(context.Background(), sealQuiet)
		if err != nil {
			t.Fatal(err)
		}
		if !did {
			return n
		}
		n++
	}
}

// A sealed partition is one segment that can't change unnoticed; a late write
// opens it, and it is sealed again.
func TestSeal(t *testing.T) {
	dir := t.TempDir()
	stream := messages(30)
	ix := openTest(t, dir)
	ix.From()
	for i := 0; i < len(stream); i += 5 {
		put(t, ix, stream[i:i+5])
	}
	if n := sealAll(t, ix); n != 3 {
		t.Fatalf("%d partitions sealed, want 3", n)
	}
	checkAll(t, ix, stream)
	for _, p := range ix.Stats().Partitions {
		if n, err := segments(ix.partition(p.Name)); !p.Sealed || n != 1 || err != nil {
			t.Errorf("%s: sealed %v, %d segments, %v", p.Name, p.Sealed, n, err)
		}
	}
	ix.scrub(context.Background())
	if n := ix.Stats().Partitions[0]; n.Error != "" {
		t.Errorf("scrub of a good partition: %s", n.Error)
	}
	if err := ix.Close(); err != nil {
		t.Fatal(err)
	}

	ix = openTest(t, dir)
	if from := ix.From(); from != 0 {
		t.Errorf("From() = %d, want 0", from)
	}
	checkAll(t, ix, stream)
	late := pipeline.Stored[pipeline.Article]{Value: article(500, when, "late", "text"), Seq: 99}
	put(t, ix, []pipeline.Stored[pipeline.Article]{late})
	if ix.partition("2015-12").isSealed() {
		t.Error("written to and still sealed")
	}
	stream = append(stream, late)
	checkAll(t, ix, stream)
	if n := sealAll(t, ix); n != 1 {
		t.Errorf("%d partitions sealed again, want 1", n)
	}
	if err := ix.Close(); err != nil {
		t.Fatal(err)
	}
	ix = openTest(t, dir)
	checkAll(t, ix, stream)
	if !ix.partition("2015-12").isSealed() {
		t.Error("not sealed after reopening")
	}
}

// Wherever a replacement is cut off, one whole partition is there afterwards.
func TestSettleFolders(t *testing.T) {
	for _, tt := range []struct {
		name string
		have []string
	}{
		{"ready beside the old", []string{"p", "p.ready"}},
		{"old one moved away", []string{"p.replaced", "p.ready"}},
		{"both in place", []string{"p", "p.replaced"}},
		{"only the old, moved away", []string{"p.replaced"}},
		{"leftover of an earlier one", []string{"p", "p.ready", "p.replaced"}},
	} {
		path := filepath.Join(t.TempDir(), "p")
		for _, name := range tt.have {
			if err := os.Mkdir(filepath.Join(filepath.Dir(path), name), 0o700); err != nil {
				t.Fatal(err)
			}
		}
		if err := settleFolders(path); err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
		if !exists(path) || exists(path+readySuffix) || exists(path+replacedSuffix) {
			t.Errorf("%s: not settled", tt.name)
		}
	}
}

// Bleve opens a segment with zeros in its midst and notices nothing; the scrub does.
func TestScrub(t *testing.T) {
	ix := openTest(t, t.TempDir())
	put(t, ix, messages(30))
	sealAll(t, ix)
	p := ix.partition("2015-11")
	files, err := filepath.Glob(filepath.Join(p.store(), "*.zap"))
	if err != nil || len(files) != 1 {
		t.Fatalf("segments %v, %v", files, err)
	}
	f, err := os.OpenFile(files[0], os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt(make([]byte, 64), 200); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if err := p.scrubSegments(context.Background(), nil); !errors.Is(err, errDamage) {
		t.Errorf("scrub of the segment: %v, want errDamage", err)
	}
	if err := p.sealed.check(context.Background(), p.path, nil); !errors.Is(err, errSeal) {
		t.Errorf("check of the seal: %v, want errSeal", err)
	}
	ix.scrub(context.Background())
	s := ix.Stats()
	for _, s := range s.Partitions {
		if s.Error != "" {
			t.Errorf("%s: error %q", s.Name, s.Error)
		}
	}
	if len(s.Recoveries) != 1 || s.Recoveries[0].Partition != p.name || s.Recoveries[0].State != RecoveryDone {
		t.Errorf("recoveries %+v, want one of %s", s.Recoveries, p.name)
	}
}
