package index

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/newswatch/newswatch/pipeline"
)

func TestWriteRefuses(t *testing.T) {
	ix := openTest(t, t.TempDir())
	good := article(1, when, "good", "text")
	noID, wrongKey := good, good
	noID.ID = ""
	wrongKey.Key = "0123456789abcdef"
	upper := good
	upper.Key = strings.ToUpper(good.Key)
	upper.ID = pipeline.NewID(when, when, upper.Key)
	for name, a := range map[string]pipeline.Article{"no id": noID, "key of another": wrongKey, "key in capitals": upper} {
		err := <-write(ix, stored(1, good, a))
		var permanent *pipeline.PermanentError
		if !errors.As(err, &permanent) || permanent.Reason != "invalid" {
			t.Errorf("%s: Write = %v, want a permanent error", name, err)
		}
	}
	if n := ix.Stats().Documents; n != 0 {
		t.Errorf("%d documents of refused batches", n)
	}
	if _, err := ix.Article(context.Background(), good.ID); !errors.Is(err, pipeline.ErrNotFound) {
		t.Errorf("Article = %v, want ErrNotFound", err)
	}
	if _, err := ix.Article(context.Background(), "../../etc/passwd"); !errors.Is(err, pipeline.ErrNotFound) {
		t.Errorf("Article = %v, want ErrNotFound", err)
	}
	if _, err := ix.ByKey(context.Background(), good.Key); !errors.Is(err, pipeline.ErrNotFound) {
		t.Errorf("ByKey = %v, want ErrNotFound", err)
	}
}

func TestStoredWhole(t *testing.T) {
	ix := openTest(t, t.TempDir())
	a := newsroom()[1]
	a.Problems = []pipeline.Problem{{Stage: "fetch", Reason: "timeout", At: when}}
	a.Text += strings.Repeat(" и ещё текст", 20_000) + "\xff\x00"
	put(t, ix, stored(1, a))
	got, err := ix.Article(context.Background(), a.ID)
	if err != nil {
		t.Fatal(err)
	}
	a.Indexed = when
	a.Text = strings.ToValidUTF8(a.Text, "\ufffd") // as JSON has it
	if diff := cmp.Diff(a, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestDelete(t *testing.T) {
	dir := t.TempDir()
	ix := openTest(t, dir)
	ix.From()
	as := newsroom()
	put(t, ix, stored(1, as...))
	if err := ix.Delete(context.Background(), []string{as[0].ID, as[6].ID, article(99, when, "", "").ID}); err != nil {
		t.Fatal(err)
	}
	want := []string{as[5].ID, as[4].ID, as[3].ID, as[2].ID, as[1].ID}
	if diff := cmp.Diff(want, ids(find(t, ix, pipeline.SearchRequest{}))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if err := ix.Close(); err != nil {
		t.Fatal(err)
	}
	ix = openTest(t, dir)
	if diff := cmp.Diff(want, ids(find(t, ix, pipeline.SearchRequest{}))); diff != "" {
		t.Errorf("after reopening (-want +got):\n%s", diff)
	}
	if from := ix.From(); from != 0 {
		t.Errorf("From() = %d after a deletion, want 0", from)
	}
}

// Close keeps its word to every batch handed in.
func TestCloseWaits(t *testing.T) {
	dir := t.TempDir()
	ix := openTest(t, dir)
	ix.cfg.nap = 300 * time.Millisecond // of the partitions made from here on
	var waits []<-chan error
	for i := range 20 {
		waits = append(waits, write(ix, stored(uint64(i+1), article(i, when.AddDate(0, -i%3, 0), "t", "text"))))
	}
	if err := ix.Close(); err != nil {
		t.Fatal(err)
	}
	for i, w := range waits {
		select {
		case err := <-w:
			if err != nil {
				t.Errorf("batch %d: %v", i, err)
			}
		default:
			t.Errorf("batch %d: done was not called", i)
		}
	}
	if err := <-write(ix, stored(99, article(99, when, "t", "text"))); !errors.Is(err, ErrClosed) {
		t.Errorf("Write after Close = %v, want ErrClosed", err)
	}
	if _, err := ix.Search(context.Background(), pipeline.SearchRequest{}); !errors.Is(err, ErrClosed) {
		t.Errorf("Search after Close = %v, want ErrClosed", err)
	}
	if n := openTest(t, dir).Stats().Documents; n != 20 {
		t.Errorf("%d documents after reopening, want 20", n)
	}
}

// A partition whose merger died is opened anew; what was not durable fails and
// is handed in again.
func TestStuckPartitionIsOpenedAnew(t *testing.T) {
	ix := openTest(t, t.TempDir())
	put(t, ix, stored(1, article(1, when, "first", "text")))
	p := ix.list()[0]
	p.onAsyncError(errors.New("panic: in the merger"), true)
	if why := p.sick(time.Now()); why == "" {
		t.Fatal("a dead merger goes unnoticed")
	}
	ix.heal(p, "test")
	if why := p.sick(time.Now()); why != "" {
		t.Errorf("still sick: %s", why)
	}
	put(t, ix, stored(2, article(2, when, "second", "text")))
	if diff := cmp.Diff(2, find(t, ix, pipeline.SearchRequest{}).Total); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if from := ix.From(); from > 1 {
		t.Errorf("From() = %d", from)
	}
}

// A write that waits when the partition is opened anew is told.
func TestHealFailsWaiting(t *testing.T) {
	ix := openTest(t, t.TempDir())
	put(t, ix, stored(1, article(1, when, "first", "text")))
	p := ix.list()[0]
	failed := make(chan error, 1)
	ix.commit.add(map[*partition]uint64{p: 1000}, 0, func(err error) { failed <- err })
	ix.heal(p, "test")
	if err := <-failed; err == nil {
		t.Error("a batch that is lost was acknowledged")
	}
}

// What Bleve can't put on the disk is not piled up in memory: writes are put
// off until it can.
func TestFullDiskPutsOff(t *testing.T) {
	ix := openTest(t, t.TempDir())
	put(t, ix, stored(1, article(1, when, "first", "text")))
	p := ix.list()[0]
	p.mu.Lock()
	p.pending = append(p.pending, pendingWrite{state: state{Gen: 1 << 40}, at: time.Now()})
	p.mu.Unlock()
	p.onAsyncError(errors.New("no space left on device"), false)
	var later *pipeline.LaterError
	if err := <-write(ix, stored(2, article(2, when, "second", "text"))); !errors.As(err, &later) {
		t.Errorf("Write with a full disk = %v, want it put off", err)
	}
	p.onPersisted(p.opening, 1<<40, nil) // there is room again
	put(t, ix, stored(2, article(2, when, "second", "text")))
	if n := ix.Stats().Documents; n != 2 {
		t.Errorf("%d documents, want 2", n)
	}
}
