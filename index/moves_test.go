package index

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// An article leaves one partition for another, and the process dies when only its
// leaving is on the disk: it must not be gone, whether or not its message comes
// again.
func TestMoveCutOff(t *testing.T) {
	dir, image := t.TempDir(), t.TempDir()
	old, moved := article(1, when, "old", "text"), article(1, when.AddDate(0, -1, 0), "new", "text")
	moved.Revision = 2
	stream := stored(1, old, article(2, when, "another", "text"), moved)
	ix := openTest(t, dir)
	ix.From()
	put(t, ix, stream[:2])

	// The other partition can't become durable: its segments have no place.
	p, err := ix.openOne("2015-11")
	if err != nil {
		t.Fatal(err)
	}
	for n := range 3 {
		if err := os.MkdirAll(filepath.Join(p.store(), fmt.Sprintf("%012x.zap", n), "in the way"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	clear := func(store string) {
		t.Helper()
		dirs, _ := filepath.Glob(filepath.Join(store, "*", "in the way"))
		for _, dir := range dirs {
			if err := os.RemoveAll(filepath.Dir(dir)); err != nil {
				t.Fatal(err)
			}
		}
	}
	done := write(ix, stream[2:])
	left := ix.partition(month)
	for left.now().Gen < 2 || !durable(left) {
		time.Sleep(time.Millisecond)
	}
	select {
	case err := <-done:
		t.Fatalf("acknowledged, though it is not durable: %v", err)
	default:
	}
	// What is on the disk now is what a kill would leave. Bleve may be at work on
	// files it needs no more, but not for long.
	for err = errors.New("first"); err != nil; {
		if err = os.RemoveAll(image); err == nil {
			err = os.CopyFS(image, os.DirFS(dir))
		}
	}
	clear(filepath.Join(image, "2015-11", "store"))
	clear(p.store())
	if err := <-done; err != nil {
		t.Errorf("with room: %v", err)
	}

	ix = openTest(t, image)
	if got, err := ix.ByKey(t.Context(), old.Key); err != nil || got.Title != "old" {
		t.Errorf("after the kill: %q, %v; want the old one", got.Title, err)
	}
	checkAll(t, ix, stream[:2])
	put(t, ix, stream[2:])
	checkAll(t, ix, stream)
	if err := ix.Close(); err != nil {
		t.Fatal(err)
	}
	if notes, _ := filepath.Glob(filepath.Join(image, movePrefix+"*")); len(notes) > 0 {
		t.Errorf("left: %v", notes)
	}
	checkAll(t, openTest(t, image), stream)
}

func durable(p *partition) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.durable >= p.state.Gen
}
