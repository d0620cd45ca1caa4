package catalog_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/newswatch/newswatch/pipeline"
	"github.com/newswatch/newswatch/pipeline/catalog"
	"github.com/newswatch/newswatch/pipeline/jet"
)

// soon bounds what the tests wait for; they end as soon as it comes.
const soon = 20 * time.Second

// lines is a log that tests look into.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func newLog() (*slog.Logger, *lines) {
	out := new(lines)
	return slog.New(slog.NewTextHandler(out, nil)), out
}

// bucket is a catalog bucket on a real embedded server.
func bucket(t *testing.T) pipeline.KV {
	t.Helper()
	lg, _ := newLog()
	node, err := jet.Open(t.Context(), lg, prometheus.NewRegistry(), jet.Config{Dir: t.TempDir(), MinFree: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := node.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	kv, err := node.KV(t.Context(), pipeline.BucketCatalog)
	if err != nil {
		t.Fatal(err)
	}
	return kv
}

// open opens a store as another process would.
func open(t *testing.T, kv pipeline.KV) *catalog.Store {
	t.Helper()
	lg, _ := newLog()
	s, err := catalog.Open(t.Context(), lg, kv, catalog.Checks{Query: func(_, q string) error {
		if strings.Contains(q, "(") {
			return errors.New("no ) found")
		}
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func parse(t *testing.T, file, text string) *catalog.Catalog {
	t.Helper()
	c, err := catalog.Parse(file, []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// eventually waits until ok holds.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(soon); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within %v: %s", soon, what)
		}
	}
}

func refs(c *catalog.Catalog) string {
	var all []string
	for o := range c.Objects() {
		all = append(all, o.Ref().Key())
	}
	return strings.Join(all, " ")
}

func TestPutAndDelete(t *testing.T) {
	kv := bucket(t)
	here, there := open(t, kv), open(t, kv)
	src := &catalog.Source{ID: "a", Name: "A", Feeds: []catalog.Feed{{URL: "https://a.example/f"}}}
	v1, err := here.Put(t.Context(), src, catalog.PutOptions{})
	if err != nil {
		t.Fatal(err)
	}
	// The writer reads its own write at once, the other process soon.
	if got := here.Snapshot().Source("a"); got == nil || got.Version != v1 || got.Version != catalog.Digest(src) {
		t.Fatalf("snapshot has %+v, want version %s", got, v1)
	}
	eventually(t, "the other process has it", func() bool { return there.Snapshot().Source("a") != nil })
	src.Name = "changed by the caller"
	src.Feeds[0].URL = "https://changed.example/f"
	if got := here.Snapshot().Source("a"); got.Name != "A" || got.Feeds[0].URL != "https://a.example/f" {
		t.Errorf("the store kept the caller's object: %+v", got)
	}

	old := here.Snapshot()
	v2, err := there.Put(t.Context(), &catalog.Source{ID: "a", Name: "B"}, catalog.PutOptions{IfVersion: v1})
	if err != nil || v2 == v1 {
		t.Fatalf("second version %s, %v", v2, err)
	}
	if old.Source("a").Name != "A" {
		t.Error("a snapshot changed afterwards")
	}
	// A stale writer is told, though its own snapshot may not know yet.
	if _, err := here.Put(t.Context(), &catalog.Source{ID: "a", Name: "C"}, catalog.PutOptions{IfVersion: v1}); !errors.Is(err, pipeline.ErrConflict) {
		t.Errorf("stale put: %v, want ErrConflict", err)
	}
	if err := here.Delete(t.Context(), "source", "a", catalog.DeleteOptions{IfVersion: v1}); !errors.Is(err, pipeline.ErrConflict) {
		t.Errorf("stale delete: %v, want ErrConflict", err)
	}
	if _, err := here.Put(t.Context(), &catalog.Source{ID: "a", Name: "C"}, catalog.PutOptions{IfAbsent: true}); !errors.Is(err, pipeline.ErrExists) {
		t.Errorf("put if absent: %v, want ErrExists", err)
	}
	if _, err := here.Put(t.Context(), &catalog.Source{ID: "z", Name: "Z"}, catalog.PutOptions{IfVersion: v1}); !errors.Is(err, pipeline.ErrNotFound) {
		t.Errorf("put of a version of nothing: %v, want ErrNotFound", err)
	}
	if err := here.Delete(t.Context(), "source", "a", catalog.DeleteOptions{IfVersion: v2}); err != nil {
		t.Fatal(err)
	}
	if here.Snapshot().Source("a") != nil {
		t.Error("deleted, and still in the snapshot")
	}
	eventually(t, "the other process lost it", func() bool { return there.Snapshot().Source("a") == nil })
	for _, id := range []string{"a", "never", "", "No Id"} {
		if err := here.Delete(t.Context(), "source", id, catalog.DeleteOptions{}); !errors.Is(err, pipeline.ErrNotFound) {
			t.Errorf("delete %q: %v, want ErrNotFound", id, err)
		}
	}
	if err := here.Delete(t.Context(), "planet", "a", catalog.DeleteOptions{}); !errors.Is(err, pipeline.ErrNotFound) {
		t.Errorf("delete of no kind: %v, want ErrNotFound", err)
	}
	// It can come back, from either side, right after it went.
	if _, err := there.Put(t.Context(), &catalog.Source{ID: "a", Name: "again"}, catalog.PutOptions{IfAbsent: true}); err != nil {
		t.Errorf("put after delete: %v", err)
	}
}

func TestPutFaults(t *testing.T) {
	s := open(t, bucket(t))
	if _, err := s.Put(t.Context(), &catalog.Source{ID: "a", Name: "A", Feeds: []catalog.Feed{{URL: "https://a.example/f"}}}, catalog.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	for want, obj := range map[string]catalog.Object{
		`source B: id: "B" must be`:                         &catalog.Source{ID: "B", Name: "B"},
		"https://a.example/f is a feed of source a already": &catalog.Source{ID: "b", Name: "B", Feeds: []catalog.Feed{{URL: "https://a.example/f"}}},
		`there is no channel "gone"`:                        &catalog.Watch{ID: "w", Name: "W", Query: "x", To: []string{"gone"}},
		"query: no ) found":                                 &catalog.Watch{ID: "w", Name: "W", Query: "(x"},
		"spike is not available yet":                        &catalog.Watch{ID: "w", Name: "W", Query: "x", Kind: "spike"},
	} {
		_, err := s.Put(t.Context(), obj, catalog.PutOptions{})
		if !errors.Is(err, catalog.ErrInvalid) || !strings.Contains(fmt.Sprint(err), want) {
			t.Errorf("%v, want ErrInvalid with %q", err, want)
		}
	}
	if got := refs(s.Snapshot()); got != "source.a" {
		t.Errorf("catalog holds %s", got)
	}
	// Its own feeds are no fault of a source.
	if _, err := s.Put(t.Context(), &catalog.Source{ID: "a", Name: "A2", Feeds: []catalog.Feed{{URL: "https://a.example/f"}}}, catalog.PutOptions{}); err != nil {
		t.Error(err)
	}
	// A channel that is in use stays.
	for _, obj := range []catalog.Object{&catalog.Channel{ID: "log", Kind: "log"}, &catalog.Watch{ID: "w", Name: "W", Query: "x", To: []string{"log"}}} {
		if _, err := s.Put(t.Context(), obj, catalog.PutOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Delete(t.Context(), "channel", "log", catalog.DeleteOptions{}); !errors.Is(err, catalog.ErrInUse) {
		t.Errorf("delete of a channel in use: %v, want ErrInUse", err)
	}
	if got := s.Snapshot().Watch("w"); got.Kind != "mention" || got.Group != "story" {
		t.Errorf("watch %+v, want its defaults filled in", got)
	}
}

const fileOne = `
sources:
  - { id: a, name: A }
  - { id: b, name: B, feeds: [{ url: "https://b.example/f" }] }
channels: [{ id: log, kind: log }]
watches:
  - { id: w, name: W, query: x, to: [log] }
`

func TestApply(t *testing.T) {
	kv := bucket(t)
	s, there := open(t, kv), open(t, kv)
	if _, err := s.Put(t.Context(), &catalog.Source{ID: "mine", Name: "Mine"}, catalog.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	apply := func(file, text string, want catalog.ApplyResult, holds string) {
		t.Helper()
		got, err := s.Apply(t.Context(), parse(t, file, text), file)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("result (-want +got):\n%s", diff)
		}
		if got := refs(s.Snapshot()); got != holds {
			t.Errorf("catalog holds %s, want %s", got, holds)
		}
		eventually(t, "the other process has the same", func() bool { return there.Snapshot().Equal(s.Snapshot()) })
	}
	apply("one.yaml", fileOne, catalog.ApplyResult{Added: 4}, "source.a source.b source.mine channel.log watch.w")
	apply("one.yaml", fileOne, catalog.ApplyResult{Unchanged: 4}, "source.a source.b source.mine channel.log watch.w")
	apply("two.yaml", "sources: [{ id: c, name: C }]", catalog.ApplyResult{Added: 1}, "source.a source.b source.c source.mine channel.log watch.w")

	// Read-only elsewhere, and the file is named.
	var managed *catalog.ManagedError
	_, err := there.Put(t.Context(), &catalog.Source{ID: "a", Name: "X"}, catalog.PutOptions{})
	if !errors.Is(err, catalog.ErrManaged) || !errors.As(err, &managed) || managed.File != "one.yaml" {
		t.Errorf("put: %v, want ErrManaged by one.yaml", err)
	}
	if err := there.Delete(t.Context(), "source", "a", catalog.DeleteOptions{}); !errors.Is(err, catalog.ErrManaged) || !strings.Contains(err.Error(), "one.yaml") {
		t.Errorf("delete: %v, want ErrManaged by one.yaml", err)
	}

	// What is wrong in one place changes nothing anywhere.
	before := s.Snapshot()
	for want, text := range map[string]string{
		"two.yaml:2: source a: both one.yaml and two.yaml have it": "sources:\n  - { id: a, name: A }\n  - { id: d, name: D }\n",
		"two.yaml:3: source d: feeds[0].url: https://b.example/f":  "sources:\n  - { id: e, name: E }\n  - { id: d, name: D, feeds: [{ url: \"https://b.example/f\" }] }\n",
		"two.yaml:2: watch v: to[0]: there is no channel \"nope\"": "watches:\n  - { id: v, name: V, query: x, to: [nope] }\n",
		"two.yaml:2: watch v: query: no ) found":                   "watches:\n  - { id: v, name: V, query: \"(x\", to: [log] }\n",
	} {
		got, err := s.Apply(t.Context(), parse(t, "two.yaml", text), "two.yaml")
		if err == nil || !strings.Contains(err.Error(), want) || got != (catalog.ApplyResult{}) {
			t.Errorf("apply: %+v, %v, want an error with %q", got, err, want)
		}
	}
	if !s.Snapshot().Equal(before) {
		t.Errorf("catalog holds %s", refs(s.Snapshot()))
	}
	// A watch made by hand keeps the channel of a file.
	if _, err := s.Put(t.Context(), &catalog.Watch{ID: "hand", Name: "Hand", Query: "x", To: []string{"log"}}, catalog.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Apply(t.Context(), parse(t, "one.yaml", "{}"), "one.yaml"); !errors.Is(err, catalog.ErrInUse) || !strings.Contains(err.Error(), "watch hand") {
		t.Errorf("apply: %v, want ErrInUse by the watch", err)
	}
	if err := s.Delete(t.Context(), "watch", "hand", catalog.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}

	// A file takes over what was made by hand, changes and removes its own.
	apply("one.yaml", "sources: [{ id: a, name: A2 }, { id: mine, name: Mine }]", catalog.ApplyResult{Changed: 2, Removed: 3}, "source.a source.c source.mine")
	apply("one.yaml", "{}", catalog.ApplyResult{Removed: 2}, "source.c")
	apply("two.yaml", "{}", catalog.ApplyResult{Removed: 1}, "")
	if _, err := s.Apply(t.Context(), parse(t, "x.yaml", fileOne), ""); !errors.Is(err, catalog.ErrInvalid) {
		t.Errorf("apply of no file: %v, want ErrInvalid", err)
	}
}

// The starter catalog is applied, found again after a restart, and replaced.
func TestApplyStarter(t *testing.T) {
	kv := bucket(t)
	lg, _ := newLog()
	s, err := catalog.Open(t.Context(), lg, kv, catalog.Checks{})
	if err != nil {
		t.Fatal(err)
	}
	c := catalog.Starter()
	did, err := s.Apply(t.Context(), c, catalog.StarterFile)
	if err != nil || did.Added != c.Len() {
		t.Fatalf("%+v, %v, want %d added", did, err, c.Len())
	}
	want := s.Snapshot()
	s.Close()
	again := open(t, kv)
	if !again.Snapshot().Equal(want) {
		t.Error("after a restart the catalog is another")
	}
	if did, err = again.Apply(t.Context(), &catalog.Catalog{}, catalog.StarterFile); err != nil || did.Removed != c.Len() {
		t.Errorf("%+v, %v, want %d removed", did, err, c.Len())
	}
}

// A subscriber that follows the events has the catalog, whatever is written
// by whom, and sees a gapless chain of snapshots.
func TestSubscribe(t *testing.T) {
	kv := bucket(t)
	a, b := open(t, kv), open(t, kv)
	var mu sync.Mutex
	state := make(map[string]string)
	last := a.Snapshot()
	calls := 0
	cancel := a.Subscribe(func(old, now *catalog.Catalog, events []catalog.Event) {
		mu.Lock()
		defer mu.Unlock()
		calls++
		if old != last {
			t.Error("the chain of snapshots has a gap")
		}
		last = now
		if len(events) == 0 {
			t.Error("a call without events")
		}
		for _, e := range events {
			key := e.Kind + "." + e.ID
			if (e.Before != nil) != (state[key] != "") {
				t.Errorf("%s: before is %v, known %q", key, e.Before, state[key])
			}
			if after, ok := e.After.(catalog.Object); ok {
				state[key] = catalog.Digest(after)
			} else {
				delete(state, key)
			}
		}
	})
	rng := rand.New(rand.NewPCG(7, 8))
	const writes = 300
	for range writes {
		s := []*catalog.Store{a, b}[rng.IntN(2)]
		id := fmt.Sprintf("s%d", rng.IntN(8))
		var err error
		if rng.IntN(4) == 0 {
			if err = s.Delete(t.Context(), "source", id, catalog.DeleteOptions{}); errors.Is(err, pipeline.ErrNotFound) {
				err = nil
			}
		} else {
			_, err = s.Put(t.Context(), &catalog.Source{ID: id, Name: fmt.Sprint("n", rng.IntN(1000))}, catalog.PutOptions{})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "both processes and the subscriber agree", func() bool {
		mu.Lock()
		defer mu.Unlock()
		now := a.Snapshot()
		if !now.Equal(b.Snapshot()) || now.Len() != len(state) {
			return false
		}
		for o := range now.Objects() {
			if state[o.Ref().Key()] != catalog.Digest(o) {
				return false
			}
		}
		return true
	})
	cancel()
	if _, err := a.Put(t.Context(), &catalog.Source{ID: "after", Name: "After"}, catalog.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	defer mu.Unlock()
	if state["source.after"] != "" {
		t.Error("called after cancel")
	}
	if calls > writes {
		t.Errorf("%d calls for %d writes", calls, writes)
	}
}

// Of writers of one object that all saw the same version, one wins.
func TestConcurrentPut(t *testing.T) {
	kv := bucket(t)
	stores := []*catalog.Store{open(t, kv), open(t, kv), open(t, kv)}
	version, err := stores[0].Put(t.Context(), &catalog.Source{ID: "a", Name: "A"}, catalog.PutOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range stores {
		eventually(t, "all have it", func() bool { return s.Snapshot().Source("a") != nil })
	}
	for round := range 10 {
		var wg sync.WaitGroup
		var mu sync.Mutex
		won := ""
		for i, s := range stores {
			wg.Go(func() {
				v, err := s.Put(t.Context(), &catalog.Source{ID: "a", Name: fmt.Sprintf("A %d %d", round, i)}, catalog.PutOptions{IfVersion: version})
				mu.Lock()
				defer mu.Unlock()
				switch {
				case err == nil && won != "":
					t.Error("two writers won")
				case err == nil:
					won = v
				case !errors.Is(err, pipeline.ErrConflict):
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if won == "" {
			t.Fatal("nobody won")
		}
		version = won
		for _, s := range stores {
			eventually(t, "all have the winner's", func() bool { return s.Snapshot().Source("a").Version == version })
		}
	}
}

// What nobody of us wrote is skipped, not fatal.
func TestForeignEntries(t *testing.T) {
	kv := bucket(t)
	for key, value := range map[string]string{"source.a": "{", "source.b": `{"id":"c"}`, "else": "x", "planet.a": "{}", "source.d": `{"id":"d","name":"D","future":1}`, "source.e": ""} {
		if _, err := kv.Put(t.Context(), key, []byte(value)); err != nil {
			t.Fatal(err)
		}
	}
	lg, out := newLog()
	s, err := catalog.Open(t.Context(), lg, kv, catalog.Checks{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if got := refs(s.Snapshot()); got != "source.d" {
		t.Errorf("catalog holds %q, want source.d", got)
	}
	for _, key := range []string{"source.a", "source.b"} {
		if !strings.Contains(out.String(), "key="+key) {
			t.Errorf("nothing logged of %s:\n%s", key, out)
		}
	}
	// And they can be written over.
	for _, id := range []string{"a", "b", "e"} {
		if _, err := s.Put(t.Context(), &catalog.Source{ID: id, Name: "X"}, catalog.PutOptions{}); err != nil {
			t.Errorf("put %s: %v", id, err)
		}
	}
}

func TestCloseLeavesNothingRunning(t *testing.T) {
	kv := bucket(t)
	ignore := goleak.IgnoreCurrent()
	lg, _ := newLog()
	s, err := catalog.Open(t.Context(), lg, kv, catalog.Checks{})
	if err != nil {
		t.Fatal(err)
	}
	s.Subscribe(func(_, _ *catalog.Catalog, _ []catalog.Event) {})
	ctx, cancel := context.WithCancel(t.Context())
	f, err := catalog.WatchFiles(ctx, lg, s, []string{filepath.Join(t.TempDir(), "none.yaml")})
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	f.Wait()
	s.Close()
	goleak.VerifyNone(t, ignore)
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestWatchFiles(t *testing.T) {
	dir := t.TempDir()
	one, two, feeds := filepath.Join(dir, "one.yaml"), filepath.Join(dir, "two.yaml"), filepath.Join(dir, "feeds.opml")
	// one needs a channel of two, which is read later.
	write(t, one, "watches: [{ id: w, name: W, query: x, to: [log] }]\n")
	write(t, two, "channels: [{ id: log, kind: log }]\n")
	write(t, feeds, `<opml version="2.0"><body><outline text="X" xmlUrl="https://x.example/f"/></body></opml>`)
	s := open(t, bucket(t))
	lg, out := newLog()
	f, err := catalog.WatchFiles(t.Context(), lg, s, []string{one, two, feeds, one})
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Err(); err != nil {
		t.Fatal(err)
	}
	if got := refs(s.Snapshot()); got != "source.x-example channel.log watch.w" {
		t.Fatalf("catalog holds %s", got)
	}
	if got := len(f.Status()); got != 3 {
		t.Errorf("status of %d files, want 3", got)
	}

	// Written in place, half first.
	write(t, two, "channels: [{ id: log, ki")
	eventually(t, "the half is refused", func() bool { return f.Err() != nil })
	if s.Snapshot().Channel("log") == nil {
		t.Error("half a file removed the channel")
	}
	if st := f.Status()[1]; !strings.Contains(st.Error, two+":1: ") || st.Failed.IsZero() || st.Objects != 1 {
		t.Errorf("status %+v, want the line of the fault beside what is applied", st)
	}
	if !strings.Contains(out.String(), "catalog file refused") {
		t.Error("nothing logged")
	}
	// Emptied, gone: nothing happens either.
	write(t, two, "")
	eventually(t, "the empty file is refused", func() bool { return errors.Is(f.Err(), catalog.ErrEmpty) })
	if err := os.Remove(two); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the absence is told", func() bool { return errors.Is(f.Err(), os.ErrNotExist) })
	if s.Snapshot().Channel("log") == nil {
		t.Error("the channel went with the file")
	}
	// Replaced, as editors do.
	write(t, two+".new", "channels: [{ id: log, kind: log }, { id: more, kind: log }]\n")
	if err := os.Rename(two+".new", two); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the new file is applied", func() bool { return s.Snapshot().Channel("more") != nil && f.Err() == nil })
	if st := f.Status()[1]; st.Error != "" || st.Objects != 2 || st.Result.Added != 1 {
		t.Errorf("status %+v", st)
	}
	// Changed OPML.
	write(t, feeds, `<opml version="2.0"><body><outline text="Y" xmlUrl="https://y.example/f"/></body></opml>`)
	eventually(t, "the feeds are others", func() bool {
		return s.Snapshot().Source("y-example") != nil && s.Snapshot().Source("x-example") == nil
	})
	// An object moves from one file to the other, in two steps.
	write(t, one, "watches: [{ id: w, name: W, query: x, to: [log] }]\nchannels: [{ id: more, kind: log }]\n")
	eventually(t, "both claim it", func() bool { return errors.Is(f.Err(), catalog.ErrManaged) })
	write(t, two, "channels: [{ id: log, kind: log }]\n")
	eventually(t, "it moved", func() bool {
		c := s.Snapshot().Channel("more")
		return c != nil && c.ManagedBy == one && f.Err() == nil
	})
}

func TestWatchFilesBadAtStart(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "c.yaml")
	write(t, file, "sources:\n  - { id: a }\n")
	s := open(t, bucket(t))
	lg, _ := newLog()
	f, err := catalog.WatchFiles(t.Context(), lg, s, []string{file})
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(f.Err()); got != file+":2: source a: name: must not be empty" {
		t.Errorf("error %q", got)
	}
	write(t, file, "sources:\n  - { id: a, name: A }\n")
	eventually(t, "the mended file is applied", func() bool { return s.Snapshot().Source("a") != nil && f.Err() == nil })
	if _, err := catalog.WatchFiles(t.Context(), lg, s, []string{filepath.Join(dir, "no", "such.yaml")}); err == nil {
		t.Error("a folder that is not there can be watched")
	}
}
