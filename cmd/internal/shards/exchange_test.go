package shards

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/newswatch/newswatch/index"
	"github.com/newswatch/newswatch/pipeline"
	"github.com/newswatch/newswatch/pipeline/jet"
)

// awayForLong has the server forget the replica's place in the stream, and the
// articles before a sequence.
func awayForLong(t *testing.T, n *jet.Node, shards pipeline.Shards, replica string, first uint64) {
	t.Helper()
	nc, err := nats.Connect(n.ClientURL())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	s, err := js.Stream(t.Context(), pipeline.StreamArticles)
	if err != nil {
		t.Fatal(err)
	}
	for shard := range shards.Count() {
		err = errors.Join(err, s.DeleteConsumer(t.Context(), consumer(shards, shard, replica)))
	}
	if err := errors.Join(err, s.Purge(t.Context(), jetstream.WithPurgeSequence(first))); err != nil {
		t.Fatal(err)
	}
}

// A replica that was away for longer than the stream keeps its place goes on
// with what it has, says that it lacks articles, also after another start, and
// fetches a new copy as soon as there is a replica that lacks nothing.
func TestAwayForLong(t *testing.T) {
	t.Parallel()
	const shards = pipeline.Shards(2)
	n, err := jet.Open(t.Context(), slog.New(slog.DiscardHandler), prometheus.NewRegistry(), jet.Config{Dir: t.TempDir(), FetchWait: 100 * time.Millisecond, Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := n.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	peerDir, dir := t.TempDir(), t.TempDir()
	publish(t, n, shards, 60)
	peer, stopPeer := hold(t, n, "peer", peerDir, shards)
	away, stop := hold(t, n, "away", dir, shards)
	has := func(h *Holder, count int) func() bool {
		return func() bool { return documents(h, 0)+documents(h, 1) == count }
	}
	eventually(t, "both have all", func() bool { return has(peer, 60)() && has(away, 60)() })
	stop()
	publishSome(t, n, shards, 60, 120)
	eventually(t, "the peer has all", has(peer, 120))
	stopPeer()
	awayForLong(t, n, shards, "away", 101)

	// One that lacks something itself is of no use.
	kv, err := n.KV(t.Context(), pipeline.BucketReplicas)
	if err != nil {
		t.Fatal(err)
	}
	var asked atomic.Int32
	for shard := range shards.Count() {
		data, err := json.Marshal(Replica{Shard: shard, Replica: "lacks", State: StateReady, Documents: 1000, Seq: 1000, Lacks: true})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := kv.Put(t.Context(), replicaKey(shard, "lacks"), data); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() {
			done <- n.Serve(ctx, service(shard, "lacks", serveSnapshot), func(context.Context, []byte) ([]byte, error) {
				asked.Add(1)
				return nil, errors.New("asked")
			})
		}()
		defer func() { cancel(); <-done }()
	}
	for range 2 {
		away, stop = hold(t, n, "away", dir, shards)
		eventually(t, "it takes what there is, and says what it lacks", func() bool {
			for _, s := range away.Status(t.Context()) {
				if s.State != StateReady || !s.Lacks || !strings.Contains(s.Note, "away for long: the stream begins at 101") {
					return false
				}
			}
			return has(away, 80)()
		})
		stop()
	}
	away, stop = hold(t, n, "away", dir, shards)
	hold(t, n, "peer", peerDir, shards)
	eventually(t, "it has fetched a new copy", has(away, 120))
	eventually(t, "it lacks nothing", func() bool {
		for _, s := range away.Status(t.Context()) {
			if s.State != StateReady || s.Lacks || s.Note != "" {
				return false
			}
		}
		return true
	})
	if asked.Load() > 0 {
		t.Error("a replica was asked that lacks articles itself")
	}
	if got := testutil.ToFloat64(away.met.fetched.WithLabelValues("0", whyLacks)); got != 1 {
		t.Errorf("%v copies of shard 0 were fetched, want 1", got)
	}
	publishSome(t, n, shards, 120, 130)
	eventually(t, "it goes on", has(away, 130))
	stop()
	if diff := cmp.Diff([]string{"shard-0", "shard-1"}, names(t, dir)); diff != "" {
		t.Errorf("the folder (-want +got):\n%s", diff)
	}
	away, _ = hold(t, n, "away", dir, shards)
	eventually(t, "it goes on after another start", func() bool { return has(away, 130)() && !away.Status(t.Context())[0].Lacks })
}

func names(t *testing.T, dir string) (out []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return out
}

// Wherever an exchange was cut off, the next start has a whole copy: the new one
// where the old one was moved away for it, else the old one.
func TestSettle(t *testing.T) {
	for _, tt := range []struct {
		name  string
		there string // folders, each with a file of its name in it
		want  string // whose file is in the folder
		left  string
	}{
		{"nothing", "", "", ""},
		{"a copy", "shard-0", "shard-0", "shard-0"},
		{"fetched, not exchanged", "shard-0 shard-0.fresh", "shard-0", "shard-0"},
		{"the old one is away", "shard-0.fresh shard-0.stale", "shard-0.fresh", "shard-0"},
		{"the new one is there", "shard-0 shard-0.stale", "shard-0", "shard-0"},
		{"the old one alone", "shard-0.stale", "shard-0.stale", "shard-0"},
		{"being fetched for none", "shard-0.partial", "", "shard-0.partial"},
		{"was fetched", "shard-0 shard-0.partial shard-0.fresh.partial", "shard-0", "shard-0"},
		{"being fetched for one that lacks", "shard-0 shard-0.fresh.partial lacks", "shard-0", "shard-0 shard-0.fresh.partial"},
	} {
		parent := t.TempDir()
		dir := filepath.Join(parent, "shard-0")
		for _, name := range strings.Fields(tt.there) {
			file := filepath.Join(parent, name, name)
			if name == "lacks" {
				file = filepath.Join(dir, lossFile)
			}
			if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, nil, 0o600)); err != nil {
				t.Fatal(err)
			}
		}
		if err := settle(dir); err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
		if tt.want != "" && !exists(filepath.Join(dir, tt.want)) {
			t.Errorf("%s: what is there is not of %s", tt.name, tt.want)
		}
		if got := strings.Join(names(t, parent), " "); got != tt.left {
			t.Errorf("%s: left %q, want %q", tt.name, got, tt.left)
		}
	}
}

// A copy that is cut off goes on from what has arrived.
func TestBootstrapResumes(t *testing.T) {
	t.Parallel()
	n := openNode(t)
	publish(t, n, 1, 300)
	h, _ := hold(t, n, "peer", t.TempDir(), 1)
	eventually(t, "the replica has all", func() bool { return documents(h, 0) == 300 })
	kv, err := n.KV(t.Context(), pipeline.BucketReplicas)
	if err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(Replica{Replica: "breaks", State: StateReady, Documents: 1000})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := kv.Put(t.Context(), replicaKey(0, "breaks"), data); err != nil {
		t.Fatal(err)
	}
	// It hands out what the peer has, and breaks off once.
	e := &exporter{ix: h.Index(0)}
	defer e.close()
	var have atomic.Pointer[[]index.SnapshotFile]
	var broke atomic.Bool
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- n.Serve(ctx, service(0, "breaks", serveSnapshot), func(ctx context.Context, data []byte) ([]byte, error) {
			var req chunkRequest
			if err := json.Unmarshal(data, &req); err != nil {
				return nil, err
			}
			if req.N == 0 && broke.Load() {
				have.Store(&req.Have)
			}
			if req.N > 0 && broke.CompareAndSwap(false, true) {
				return nil, errors.New("breaks")
			}
			chunk, err := e.chunk(ctx, data)
			if err == nil && req.N == 0 && !broke.Load() {
				chunk = append([]byte{moreChunks}, chunk[1:1+len(chunk)/2]...) // it is small
			}
			return chunk, err
		})
	}()
	defer func() { cancel(); <-done }()
	// Only this one is asked.
	fresh, err := Open(t.Context(), slog.New(slog.DiscardHandler), prometheus.NewRegistry(), n, Options{Replica: "new", Index: index.Config{Dir: filepath.Join(t.TempDir(), "index")}})
	if err != nil {
		t.Fatal(err)
	}
	defer fresh.Close()
	r := fresh.copies[0]
	for range 2 {
		err = index.ResumeSnapshot(t.Context(), r.dir, r.reader(t.Context(), Replica{Replica: "breaks"}, func(string) {}))
	}
	if err != nil {
		t.Fatal(err)
	}
	if got := have.Load(); got == nil || len(*got) == 0 {
		t.Error("it was begun anew")
	}
	if err := r.open(); err != nil {
		t.Fatal(err)
	}
	if got := documents(fresh, 0); got != 300 {
		t.Errorf("%d articles, want 300", got)
	}
}
