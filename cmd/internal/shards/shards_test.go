package shards

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/newswatch/newswatch/index"
	"github.com/newswatch/newswatch/pipeline"
	"github.com/newswatch/newswatch/pipeline/jet"
)

func openNode(t *testing.T) *jet.Node {
	t.Helper()
	n, err := jet.Open(t.Context(), slog.New(slog.DiscardHandler), prometheus.NewRegistry(), jet.Config{Dir: t.TempDir(), FetchWait: 100 * time.Millisecond})
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
	return n
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for range 1200 {
		if ok() {
			return
		}
		time.Sleep(25 * time.Millisecond)
	}
	t.Fatalf("%s: not within 30 s", what)
}

// publish puts articles into the stream.
func publish(t *testing.T, n *jet.Node, shards pipeline.Shards, count int) {
	t.Helper()
	publishSome(t, n, shards, 0, count)
}

// publishSome puts the articles from one number to another into the stream.
func publishSome(t *testing.T, n *jet.Node, shards pipeline.Shards, from, to int) {
	t.Helper()
	at := time.Date(2015, 12, 16, 9, 0, 0, 0, time.UTC)
	for i := from; i < to; i++ {
		a := pipeline.Article{URL: fmt.Sprintf("https://a.example/%d", i), Title: fmt.Sprint("Number ", i), Text: strings.Repeat("This and that. ", 20), Source: "a", Revision: 1,
			Published: at.Add(time.Duration(i) * time.Hour), FirstSeen: at.Add(time.Duration(i) * time.Hour)}
		a.Key = pipeline.Key(a.URL)
		a.ID = pipeline.NewID(a.Published, a.FirstSeen, a.Key)
		if _, err := shards.Articles().Publish(t.Context(), n, a); err != nil {
			t.Fatal(err)
		}
	}
}

// hold runs a holder until the test ends or the returned function is called.
func hold(t *testing.T, n *jet.Node, name, dir string, shards pipeline.Shards) (*Holder, func()) {
	t.Helper()
	h, err := Open(t.Context(), slog.New(slog.DiscardHandler), prometheus.NewRegistry(), n, Options{Shards: shards, Replica: name, Index: index.Config{Dir: dir}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- h.Run(ctx) }()
	stop := sync.OnceFunc(func() {
		cancel()
		if err := errors.Join(<-done, h.Close()); err != nil {
			t.Errorf("holder %s: %v", name, err)
		}
	})
	t.Cleanup(stop)
	return h, stop
}

// documents is how many articles the holder has of the shard, -1 without a copy.
func documents(h *Holder, shard int) int {
	if ix := h.Index(shard); ix != nil {
		return ix.Stats().Documents
	}
	return -1
}

func TestFix(t *testing.T) {
	t.Parallel()
	n := openNode(t)
	tests := []struct {
		name     string
		stored   string // "": nothing
		articles uint64
		want     int // as configured
		got      pipeline.Shards
		err      string
	}{
		{"new", "", 0, 0, 1, ""},
		{"new, of three", "", 0, 3, 3, ""},
		{"from before", "", 5, 0, 1, ""},
		{"from before, one wanted", "", 5, 1, 1, ""},
		{"from before, two wanted", "", 5, 2, 0, "made with 1, the configuration says 2"},
		{"as it is", "4", 9, 0, 4, ""},
		{"as wanted", "4", 9, 4, 4, ""},
		{"not as wanted", "4", 0, 1, 0, "made with 4, the configuration says 1"},
		{"too many", "", 0, 65, 0, "65 is not between 1 and 64"},
		{"too few", "", 0, -1, 0, "-1 is not between 1 and 64"},
		{"not a number", "x", 0, 0, 0, `"x" is stored`},
	}
	for i, tt := range tests {
		kv, err := n.KV(t.Context(), fmt.Sprint("fix", i))
		if err != nil {
			t.Fatal(err)
		}
		if tt.stored != "" {
			if _, err := kv.Put(t.Context(), keyShards, []byte(tt.stored)); err != nil {
				t.Fatal(err)
			}
		}
		got, err := Fix(t.Context(), kv, tt.articles, tt.want)
		if got != tt.got || (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
			t.Errorf("%s: %d, %v; want %d, %q", tt.name, got, err, tt.got, tt.err)
		}
	}

	// Of many who come first at once, all get the number of one.
	kv, err := n.KV(t.Context(), "race")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	var fixed, refused atomic.Int32
	for want := 1; want <= 8; want++ {
		wg.Go(func() {
			switch _, err := Fix(t.Context(), kv, 0, want); {
			case err == nil:
				fixed.Add(1)
			case strings.Contains(err.Error(), fmt.Sprintf("the configuration says %d", want)):
				refused.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if fixed.Load() != 1 || refused.Load() != 7 {
		t.Errorf("of 8 numbers %d were fixed, %d refused; want 1, 7", fixed.Load(), refused.Load())
	}
}

func TestHeld(t *testing.T) {
	tests := []struct {
		shards pipeline.Shards
		hold   []int
		want   []int
		err    string
	}{
		{1, nil, []int{0}, ""},
		{3, nil, []int{0, 1, 2}, ""},
		{3, []int{2, 0, 2}, []int{0, 2}, ""},
		{3, []int{3}, nil, "there is no shard 3"},
		{1, []int{-1}, nil, "there is no shard -1"},
	}
	for _, tt := range tests {
		got, err := held(tt.shards, tt.hold)
		if !slices.Equal(got, tt.want) || (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
			t.Errorf("held(%d, %d) = %d, %v; want %d, %q", tt.shards, tt.hold, got, err, tt.want, tt.err)
		}
	}
}

// Whoever is ready is asked first, this process before others; whoever gives no
// sign of life last.
func TestOrderOfCandidates(t *testing.T) {
	here := new(replica)
	of := func(name, state string, lag uint64, own *replica) candidate {
		return candidate{Replica{Replica: name, State: state, Lag: lag}, own}
	}
	cs := []candidate{
		of("lost", StateLost, 0, nil), of("far", StateBehind, 90_000, nil), of("other", StateReady, 30, nil), of("stopped", StateStopped, 0, nil),
		of("here, behind", StateBehind, 40_000, here), of("here", StateReady, 900, here),
	}
	slices.SortStableFunc(cs, func(x, y candidate) int { return compareRank(x.rank(), y.rank()) })
	var got []string
	for _, c := range cs {
		got = append(got, c.Replica.Replica)
	}
	if diff := cmp.Diff([]string{"here", "other", "here, behind", "far", "lost", "stopped"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// newAsker is an asker of one shard, with replicas as given.
func newAsker(t *testing.T, n *jet.Node, replicas ...Replica) *Asker {
	t.Helper()
	kv, err := n.KV(t.Context(), pipeline.BucketReplicas)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range replicas {
		data, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := kv.Put(t.Context(), replicaKey(r.Shard, r.Replica), data); err != nil {
			t.Fatal(err)
		}
	}
	a, err := NewAsker(t.Context(), slog.New(slog.DiscardHandler), prometheus.NewRegistry(), n, nil, Options{Replica: "asker"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return a
}

// serving answers a replica's searches until the test ends.
func serving(t *testing.T, n *jet.Node, replica string, fn func(context.Context) (pipeline.SearchResult, error)) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	ready := make(chan struct{})
	go func() {
		close(ready)
		done <- n.Serve(ctx, service(0, replica, serveSearch), func(ctx context.Context, _ []byte) ([]byte, error) {
			res, err := fn(ctx)
			if err != nil {
				return nil, err
			}
			return json.Marshal(res)
		})
	}()
	<-ready
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// A replica that hangs, one that is no more, and one that fails cost time, not
// answers.
func TestAnotherReplicaAnswers(t *testing.T) {
	t.Parallel()
	n := openNode(t)
	hang := make(chan struct{})
	defer close(hang)
	var hung, failed, answered atomic.Int32
	serving(t, n, "hangs", func(context.Context) (pipeline.SearchResult, error) {
		hung.Add(1)
		<-hang
		return pipeline.SearchResult{}, nil
	})
	serving(t, n, "fails", func(context.Context) (pipeline.SearchResult, error) {
		failed.Add(1)
		return pipeline.SearchResult{}, errors.New("out of order")
	})
	serving(t, n, "answers", func(context.Context) (pipeline.SearchResult, error) {
		answered.Add(1)
		return pipeline.SearchResult{Total: 7}, nil
	})
	var replicas []Replica
	for _, name := range []string{"hangs", "fails", "gone", "answers"} {
		replicas = append(replicas, Replica{Replica: name, State: StateReady})
	}
	a := newAsker(t, n, replicas...)
	eventually(t, "the services are there", func() bool {
		res, err := a.Search(t.Context(), pipeline.SearchRequest{})
		return err == nil && res.Total == 7
	})
	for range 30 {
		res, err := a.Search(t.Context(), pipeline.SearchRequest{})
		if err != nil || res.Total != 7 {
			t.Fatalf("total %d, %v; want 7", res.Total, err)
		}
	}
	if hung.Load() == 0 || failed.Load() == 0 || answered.Load() < 30 {
		t.Errorf("asked: %d times the one that hangs, %d the one that fails, %d the one that answers", hung.Load(), failed.Load(), answered.Load())
	}
}

// The questions of one search go to one replica.
func TestChoice(t *testing.T) {
	var cs []candidate
	for _, name := range []string{"a", "b", "c", "d"} {
		cs = append(cs, candidate{Replica: Replica{Replica: name}})
	}
	order := func() (out string) {
		for _, c := range cs {
			out += c.Replica.Replica
		}
		return out
	}
	var same choice
	for _, tt := range []struct{ answered, want string }{{"", "abcd"}, {"c", "cabd"}, {"c", "cabd"}, {"d", "dcab"}, {"gone", "dcab"}} {
		if tt.answered != "" {
			same.by.Store(0, tt.answered)
		}
		if same.first(0, cs); order() != tt.want {
			t.Errorf("after %q has answered: %s, want %s", tt.answered, order(), tt.want)
		}
	}
}

// What every replica would say is said by the first; with none, that is told.
func TestAnswersThatAreErrors(t *testing.T) {
	t.Parallel()
	n := openNode(t)
	a := newAsker(t, n)
	if _, err := a.Search(t.Context(), pipeline.SearchRequest{}); !errors.Is(err, pipeline.ErrNoServer) {
		t.Errorf("without replicas: %v, want pipeline.ErrNoServer", err)
	}
	if err := a.Ready(t.Context()); !errors.Is(err, pipeline.ErrNoServer) {
		t.Errorf("ready without replicas: %v, want pipeline.ErrNoServer", err)
	}
	n = openNode(t)
	var asked atomic.Int32
	for _, name := range []string{"one", "two"} {
		serving(t, n, name, func(context.Context) (pipeline.SearchResult, error) {
			asked.Add(1)
			return pipeline.SearchResult{}, &pipeline.QueryError{Query: "(", Pos: 1, Msg: "found nothing"}
		})
	}
	a = newAsker(t, n, Replica{Replica: "one", State: StateReady}, Replica{Replica: "two", State: StateReady})
	eventually(t, "a query error", func() bool {
		asked.Store(0)
		_, err := a.Search(t.Context(), pipeline.SearchRequest{})
		q, ok := errors.AsType[*pipeline.QueryError](err)
		return ok && q.Pos == 1
	})
	if asked.Load() != 1 {
		t.Errorf("%d replicas were asked a wrong query, want 1", asked.Load())
	}
}

func TestPatience(t *testing.T) {
	s := newSpeed()
	if got := s.patience(); got != firstPatience {
		t.Errorf("at first %v, want %v", got, firstPatience)
	}
	for i := range 1000 {
		d := 100 * time.Millisecond
		if i%25 == 0 {
			d = 10 * time.Second // a few are of no weight
		}
		s.add(d)
	}
	if got := s.patience(); got != 200*time.Millisecond {
		t.Errorf("after answers of 100 ms %v, want twice that", got)
	}
	for range speedSample {
		s.add(time.Millisecond)
	}
	if got := s.patience(); got != minPatience {
		t.Errorf("after answers of 1 ms %v, want %v", got, minPatience)
	}
}

// A copy is fetched from the peer that gives a whole one, whatever others hand
// out, and is then like the peer's; an answer that is lost is asked for again.
func TestBootstrap(t *testing.T) {
	t.Parallel()
	const articles = 120
	n := openNode(t)
	publish(t, n, 2, articles)
	h, _ := hold(t, n, "peer", t.TempDir(), 2)
	var want int
	eventually(t, "the first replica has all", func() bool {
		want = documents(h, 0)
		return want+documents(h, 1) == articles
	})
	// Three others say that they have more, so that they are asked first.
	kv, err := n.KV(t.Context(), pipeline.BucketReplicas)
	if err != nil {
		t.Fatal(err)
	}
	for name, chunk := range map[string]func(chunkRequest) ([]byte, error){
		"garbage": func(chunkRequest) ([]byte, error) { return []byte("lgarbage"), nil },
		"dies": func(r chunkRequest) ([]byte, error) {
			return append([]byte{moreChunks}, make([]byte, 512)...), errAfter(r.N, 3)
		},
		"empty": func(chunkRequest) ([]byte, error) { return nil, nil },
	} {
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() {
			done <- n.Serve(ctx, service(0, name, serveSnapshot), func(_ context.Context, data []byte) ([]byte, error) {
				var req chunkRequest
				if err := json.Unmarshal(data, &req); err != nil {
					return nil, err
				}
				return chunk(req)
			})
		}()
		defer func() { cancel(); <-done }()
		data, err := json.Marshal(Replica{Replica: name, State: StateReady, Documents: 1000})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := kv.Put(t.Context(), replicaKey(0, name), data); err != nil {
			t.Fatal(err)
		}
	}
	dir := t.TempDir()
	left := filepath.Join(dir, "shard-0.restoring-1") // of one that was killed
	if err := os.MkdirAll(left, 0o755); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the peer's state is told", func() bool {
		e, err := kv.Get(t.Context(), replicaKey(0, "peer"))
		var r Replica
		return err == nil && json.Unmarshal(e.Value, &r) == nil && r.Documents == want
	})
	fresh, stop := hold(t, n, "new", dir, 2)
	eventually(t, "the new one has the same", func() bool { return documents(fresh, 0) == want })
	if _, err := os.Stat(left); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("what was left of a copying: %v, want it gone", err)
	}
	for shard := range 2 {
		eventually(t, "it is ready", func() bool { return fresh.Status(t.Context())[shard].State == StateReady })
		a, b := h.Status(t.Context())[shard], fresh.Status(t.Context())[shard]
		if a.Documents != b.Documents || a.Seq != b.Seq || b.Note != "" {
			t.Errorf("shard %d: %d articles up to %d (%q), the peer has %d up to %d", shard, b.Documents, b.Seq, b.Note, a.Documents, a.Seq)
		}
	}
	// It goes on from there, also after a restart.
	stop()
	publish(t, n, 2, articles+30)
	fresh, _ = hold(t, n, "new", dir, 2)
	eventually(t, "it has caught up", func() bool { return documents(fresh, 0)+documents(fresh, 1) == articles+30 })
}

func errAfter(n, last int) error {
	if n < last {
		return nil
	}
	return errors.New("out of order")
}

// Where no peer can be asked a copy is made from the stream, and says what may
// be missing of it.
func TestBootstrapFromTheStream(t *testing.T) {
	t.Parallel()
	n := openNode(t)
	publish(t, n, 1, 20)
	kv, err := n.KV(t.Context(), pipeline.BucketReplicas)
	if err != nil {
		t.Fatal(err)
	}
	gone := Replica{Replica: "gone", Node: "old", State: StateStopped, Documents: 500}
	data, err := json.Marshal(gone)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := kv.Put(t.Context(), replicaKey(0, "gone"), data); err != nil {
		t.Fatal(err)
	}
	h, _ := hold(t, n, "new", t.TempDir(), 1)
	eventually(t, "what it lacks is told", func() bool {
		s := h.Status(t.Context())[0]
		return s.State == StateReady && s.Documents == 20 && strings.Contains(s.Note, "fewer articles than the 500 of replica gone (old)")
	})
}

// What a partition lacks and the stream has no more is not waited for: it is told
// of as lost, and searches are not called partial for ever.
func TestStreamIsExhausted(t *testing.T) {
	t.Parallel()
	n, dir := openNode(t), t.TempDir()
	publish(t, n, 1, 20)
	h, stop := hold(t, n, "a", dir, 1)
	eventually(t, "all is settled", func() bool {
		seq, err := h.replica(0).settled(t.Context())
		return err == nil && seq == 20
	})
	stop()
	parts, err := filepath.Glob(filepath.Join(dir, "2015-12"))
	if err != nil || len(parts) != 1 {
		t.Fatalf("partitions %v, %v", parts, err)
	}
	if err := os.RemoveAll(parts[0]); err != nil {
		t.Fatal(err)
	}
	h, stop = hold(t, openNode(t), "a", dir, 1) // whose stream is empty
	ix := h.Index(0)
	partial := func() bool {
		res, err := ix.Search(t.Context(), pipeline.SearchRequest{})
		if err != nil {
			t.Fatal(err)
		}
		return len(res.Warnings) > 0
	}
	if ix.Lacks() == 0 || !partial() {
		t.Fatal("that the partition is gone is not noticed")
	}
	eventually(t, "it is not waited for", func() bool { return ix.Lacks() == 0 && !partial() })
	if rs := ix.Stats().Recoveries; len(rs) != 1 || rs[0].Lost != 20 {
		t.Errorf("recoveries %+v, want one of 20 lost", rs)
	}
	stop()
	h, _ = hold(t, openNode(t), "a", dir, 1)
	if from := h.Index(0).From(); from != 0 {
		t.Errorf("From() = %d after it, want 0", from)
	}
}

// A chunk can be asked for again; a session that is not known is an error.
func TestChunks(t *testing.T) {
	n := openNode(t)
	publish(t, n, 1, 50)
	h, _ := hold(t, n, "peer", t.TempDir(), 1)
	eventually(t, "the replica has all", func() bool { return documents(h, 0) == 50 })
	e := &exporter{ix: h.Index(0)}
	defer e.close()
	ask := func(session string, n int) ([]byte, error) {
		data, err := json.Marshal(chunkRequest{Session: session, N: n})
		if err != nil {
			t.Fatal(err)
		}
		return e.chunk(t.Context(), data)
	}
	var whole []byte
	for i := 0; ; i++ {
		chunk, err := ask("s", i)
		if err != nil {
			t.Fatal(err)
		}
		again, err := ask("s", i)
		if err != nil || string(again) != string(chunk) {
			t.Fatalf("chunk %d asked for again differs: %v", i, err)
		}
		whole = append(whole, chunk[1:]...)
		if chunk[0] == lastChunk {
			break
		}
	}
	if err := index.VerifySnapshot(t.Context(), strings.NewReader(string(whole))); err != nil {
		t.Error(err)
	}
	if _, err := ask("s", 99); err == nil {
		t.Error("a chunk far ahead was answered")
	}
	if _, err := ask("x", 1); !errors.Is(err, errNoSession) {
		t.Errorf("a session not begun: %v, want errNoSession", err)
	}
	for i := range exports {
		if _, err := ask(fmt.Sprint("open", i), 0); err != nil {
			t.Fatal(err)
		}
		e.sessions[fmt.Sprint("open", i)].done.Store(false) // it is small: as if there were more
	}
	if _, err := ask("one too many", 0); !errors.Is(err, pipeline.ErrFull) {
		t.Errorf("one session too many: %v, want pipeline.ErrFull", err)
	}
}
