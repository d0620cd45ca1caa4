package jet

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats-server/v2/server/archive"

	"github.com/newswatch/newswatch/pipeline"
)

// backedUp is the parts of each stream, as read in two rounds.
type backedUp struct {
	names []string
	parts map[string][][]byte
}

func backUp(t testing.TB, n *Node, between func()) backedUp {
	t.Helper()
	b, err := n.NewBackup(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	out := backedUp{b.Streams(), make(map[string][][]byte)}
	for range 2 {
		for _, name := range out.names {
			var buf bytes.Buffer
			if _, err := b.Read(t.Context(), name, &buf); err != nil {
				t.Fatal(err)
			}
			out.parts[name] = append(out.parts[name], buf.Bytes())
		}
		if between != nil {
			between()
			between = nil
		}
	}
	return out
}

func (b backedUp) restore(ctx context.Context, r *Restorer) error {
	if err := r.Absent(ctx, b.names...); err != nil {
		return err
	}
	for _, name := range b.names {
		var parts []io.Reader
		for _, p := range b.parts[name] {
			parts = append(parts, bytes.NewReader(p))
		}
		if err := r.Stream(ctx, name, parts...); err != nil {
			return err
		}
	}
	return nil
}

// restored opens a node on what was restored.
func restored(t testing.TB, b backedUp) *Node {
	t.Helper()
	dir := t.TempDir()
	err := Restore(t.Context(), testLog(t), Config{Dir: dir}, func(r *Restorer) error { return b.restore(t.Context(), r) })
	if err != nil {
		t.Fatal(err)
	}
	return openNode(t, Config{Dir: dir})
}

// stored is what a stream holds, by subject.
func stored(t testing.TB, n *Node, stream string) map[string]pipeline.Delivery {
	t.Helper()
	all := make(map[string]pipeline.Delivery)
	err := n.Read(t.Context(), stream, "", 1, func(d pipeline.Delivery) error {
		all[d.Subject] = d
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// Streams come back with the sequences, times and headers they had, consumers
// where they were, what waited to come again waits, and buckets with what they
// last held.
func TestBackup(t *testing.T) {
	t.Parallel()
	n := openNode(t, Config{Retry: []time.Duration{time.Hour}})
	kv, err := n.KV(t.Context(), pipeline.BucketCatalog)
	if err != nil {
		t.Fatal(err)
	}
	put := func(key, value string) {
		t.Helper()
		if _, err := kv.Put(t.Context(), key, []byte(value)); err != nil {
			t.Fatal(err)
		}
	}
	put("a", "1")
	put("gone", "1")
	const sent = 40
	for i := range sent {
		_, err := n.Publish(t.Context(), pipeline.StreamArticles, pipeline.Message{
			Subject: fmt.Sprintf("article.0.%d", i%30), Data: fmt.Appendf(nil, "%d", i), Header: map[string]string{"X": "y"},
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	var mu sync.Mutex
	seen := make(map[string]bool)
	handle := func(_ context.Context, d pipeline.Delivery) error {
		mu.Lock()
		defer mu.Unlock()
		switch string(d.Data) {
		case "15":
			return errors.New("fails") // and waits an hour
		case "17":
			return pipeline.Permanent("bad", errors.New("bad"))
		}
		seen[string(d.Data)] = true
		return nil
	}
	stop := consume(t, n, pipeline.Consumer{Name: "reader", Stream: pipeline.StreamArticles, Workers: 1, Handle: handle})
	eventually(t, "all handled", func() bool {
		seq, err := n.Settled(t.Context(), pipeline.StreamArticles, "reader")
		mu.Lock()
		defer mu.Unlock()
		return err == nil && len(seen) == 28 && seq == 15 // the 16th waits in the retry stream
	})
	stop()
	b := backUp(t, n, func() { // what comes meanwhile is there, too
		publish(t, n, pipeline.StreamArticles, "article.0.3", "new 3")
		publish(t, n, pipeline.StreamArticles, "article.0.100", "new")
		put("a", "2")
		put("b", "1")
		if err := kv.Delete(t.Context(), "gone"); err != nil {
			t.Fatal(err)
		}
	})
	m := restored(t, b)
	for _, stream := range []string{pipeline.StreamArticles, pipeline.StreamDead} {
		if diff := cmp.Diff(stored(t, n, stream), stored(t, m, stream)); diff != "" {
			t.Errorf("%s (-was +is):\n%s", stream, diff)
		}
	}
	wantRetry, err := n.retrying(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got, err := m.retrying(t.Context()); err != nil || got["reader"] != 1 || wantRetry["reader"] != 1 {
		t.Errorf("retrying %v, %v, was %v", got, err, wantRetry)
	}
	again, err := m.KV(t.Context(), pipeline.BucketCatalog)
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]string{"a": "2", "b": "1", "gone": ""} {
		e, err := again.Get(t.Context(), key)
		if string(e.Value) != want || want == "" && !errors.Is(err, pipeline.ErrNotFound) {
			t.Errorf("%s: %q, %v, want %q", key, e.Value, err, want)
		}
	}
	seen = make(map[string]bool)
	consume(t, m, pipeline.Consumer{Name: "reader", Stream: pipeline.StreamArticles, Handle: handle})
	eventually(t, "the new ones handled", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(seen) == 2 && seen["new 3"] && seen["new"]
	})
	// It goes on where it was.
	if seq := publish(t, m, pipeline.StreamArticles, "article.0.200", "later"); seq != sent+3 {
		t.Errorf("the next message is %d, want %d", seq, sent+3)
	}
}

// A message that waits for its time in the retry stream comes at its time from
// the restored one.
func TestBackupSchedules(t *testing.T) {
	t.Parallel()
	n := openNode(t, Config{})
	publish(t, n, pipeline.StreamArticles, "article.0.1", "x")
	stop := consume(t, n, pipeline.Consumer{Name: "reader", Stream: pipeline.StreamArticles, Handle: func(context.Context, pipeline.Delivery) error {
		return pipeline.Later(31*time.Second, errors.New("not now")) // too long for the consumer
	}})
	eventually(t, "it waits", func() bool {
		got, err := n.retrying(t.Context())
		return err == nil && got["reader"] == 1
	})
	stop()
	b := backUp(t, n, nil)
	m := restored(t, b)
	s, err := m.stream(t.Context(), pipeline.StreamRetry)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := s.GetMsg(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	if at := raw.Header.Get("Nats-Schedule"); !strings.HasPrefix(at, "@at ") {
		t.Errorf("header %v", raw.Header)
	}
}

// While messages replace each other all the time, none is missing from what is
// read: of each subject there is a version no older than when reading began.
func TestBackupWhileReplaced(t *testing.T) {
	t.Parallel()
	n := openNode(t, Config{})
	const subjects = 300
	at := func(i int) string { return fmt.Sprintf("article.0.%d", i) }
	for i := range subjects {
		publish(t, n, pipeline.StreamArticles, at(i), "0")
	}
	before := stored(t, n, pipeline.StreamArticles)
	ctx, cancel := context.WithCancel(t.Context())
	var writing sync.WaitGroup
	for w := range 2 {
		writing.Go(func() {
			for i := w; ctx.Err() == nil; i += 7 {
				m := pipeline.Message{Subject: at(i % subjects), Data: fmt.Append(nil, i)}
				if _, err := n.Publish(t.Context(), pipeline.StreamArticles, m); err != nil {
					t.Error(err)
				}
			}
		})
	}
	time.Sleep(10 * time.Millisecond)
	b := backUp(t, n, nil)
	cancel()
	writing.Wait()
	after := stored(t, n, pipeline.StreamArticles)
	got := stored(t, restored(t, b), pipeline.StreamArticles)
	if len(got) != subjects {
		t.Errorf("%d subjects, want %d", len(got), subjects)
	}
	for subject, d := range got {
		if d.Seq < before[subject].Seq || d.Seq > after[subject].Seq {
			t.Errorf("%s: message %d, want one of %d to %d", subject, d.Seq, before[subject].Seq, after[subject].Seq)
		}
	}
}

// Where anything is wrong, nothing is left.
func TestRestoreRefused(t *testing.T) {
	t.Parallel()
	n := openNode(t, Config{})
	publish(t, n, pipeline.StreamArticles, "article.0.1", "x")
	b := backUp(t, n, nil)
	good := b.parts[pipeline.StreamArticles]
	for _, tt := range []struct {
		name  string
		parts [][]byte
	}{
		{"nothing", nil},
		{"empty", [][]byte{{}}},
		{"cut", [][]byte{good[0][:len(good[0])-3]}},
		{"garbage", [][]byte{[]byte("garbage garbage")}},
		{"of another", b.parts[pipeline.StreamItems]},
		{"without a head", good[1:]},
		{"twice", [][]byte{good[0], good[0]}},
	} {
		dir := t.TempDir()
		bad := backedUp{[]string{pipeline.StreamDead, pipeline.StreamArticles}, map[string][][]byte{
			pipeline.StreamDead: b.parts[pipeline.StreamDead], pipeline.StreamArticles: tt.parts,
		}}
		left := -1
		err := Restore(t.Context(), testLog(t), Config{Dir: dir}, func(r *Restorer) error {
			err := bad.restore(t.Context(), r)
			if undone := r.undo(t.Context()); undone != nil {
				t.Errorf("%s: %v", tt.name, undone)
			}
			r.made = nil
			left = 0
			names := r.n.js.StreamNames(t.Context())
			for range names.Name() {
				left++
			}
			return err
		})
		if err == nil || left != 0 {
			t.Errorf("%s: %v, %d streams left", tt.name, err, left)
		}
	}
	// What is there is not overwritten.
	m := openNode(t, Config{Listen: "127.0.0.1:0"})
	publish(t, m, pipeline.StreamArticles, "article.0.2", "y")
	err := Restore(t.Context(), testLog(t), Config{URL: m.ClientURL()}, func(r *Restorer) error { return b.restore(t.Context(), r) })
	if !errors.Is(err, ErrStreamExists) {
		t.Errorf("restore over what is there: %v", err)
	}
	if got := stored(t, m, pipeline.StreamArticles); len(got) != 1 {
		t.Errorf("%d messages left of 1", len(got))
	}
}

// Onto an external server a backup is restored as onto an empty folder.
func TestRestoreExternal(t *testing.T) {
	t.Parallel()
	n := openNode(t, Config{})
	for i := range 20 {
		publish(t, n, pipeline.StreamArticles, fmt.Sprintf("article.0.%d", i), "x")
	}
	b := backUp(t, n, nil)
	srv, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: t.TempDir(), NoSigs: true, MaxPayload: maxPayload,
	})
	if err != nil {
		t.Fatal(err)
	}
	go srv.Start()
	t.Cleanup(func() { srv.Shutdown(); srv.WaitForShutdown() })
	if !srv.ReadyForConnections(20 * time.Second) {
		t.Fatal("the server is not ready")
	}
	cfg := Config{URL: srv.ClientURL()}
	// What goes wrong in the middle leaves nothing there.
	no := errors.New("no")
	err = Restore(t.Context(), testLog(t), cfg, func(r *Restorer) error {
		if err := b.restore(t.Context(), r); err != nil {
			return err
		}
		return no
	})
	if !errors.Is(err, no) {
		t.Fatalf("Restore: %v", err)
	}
	if err := Restore(t.Context(), testLog(t), cfg, func(r *Restorer) error { return b.restore(t.Context(), r) }); err != nil {
		t.Fatal(err)
	}
	m := openNode(t, cfg)
	if diff := cmp.Diff(stored(t, n, pipeline.StreamArticles), stored(t, m, pipeline.StreamArticles)); diff != "" {
		t.Errorf("articles (-was +is):\n%s", diff)
	}
}

// A backup comes from elsewhere: whatever its part of a stream is, it is read to
// its end or refused.
func FuzzArchive(f *testing.F) {
	var good bytes.Buffer
	aw := archive.NewWriter(&good)
	var head streamHead
	head.Config.Name = "ITEMS"
	if err := errors.Join(
		writeJSON(aw, headName, head),
		writeEntry(aw, archive.Header{Name: "item.0.a", Sequence: 7, Timestamp: 1, PayloadSize: 4}, []byte("text")),
		aw.Close(),
	); err != nil {
		f.Fatal(err)
	}
	f.Add(good.Bytes())
	f.Add(good.Bytes()[:good.Len()/2])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		ar := archive.NewReader(bytes.NewReader(data))
		head, err := readHead(ar, "ITEMS")
		if err != nil {
			return
		}
		if head.Config.Name != "ITEMS" {
			t.Errorf("the head is of %q", head.Config.Name)
		}
		_ = writeArchive(io.Discard, head, ar, []io.Reader{bytes.NewReader(data)}) // any end is good, if it is one
	})
}
