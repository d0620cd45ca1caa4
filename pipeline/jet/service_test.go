package jet

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/newswatch/newswatch/pipeline"
)

func TestService(t *testing.T) {
	t.Parallel()
	server := openNode(t, Config{Listen: "127.0.0.1:0"})
	client := openNode(t, Config{URL: server.ClientURL()})
	start := time.Now()
	_, err := client.Call(t.Context(), "search.0", nil)
	if !errors.Is(err, pipeline.ErrNoServer) {
		t.Errorf("nobody there: %v", err)
	}
	if d := time.Since(start); d > 10*time.Second {
		t.Errorf("took %v to say so", d)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	slow := make(chan struct{})
	go func() {
		done <- server.Serve(ctx, "search.0", func(ctx context.Context, req []byte) ([]byte, error) {
			switch string(req) {
			case "query":
				return nil, fmt.Errorf("in vain: %w", &pipeline.QueryError{Query: "a (", Pos: 2, Msg: "unclosed\n("})
			case "none":
				return nil, fmt.Errorf("article x: %w", pipeline.ErrNotFound)
			case "other":
				return nil, errTest
			case "panic":
				panic("as the test wants")
			case "big":
				return make([]byte, maxPayload), nil
			case "deadline":
				<-ctx.Done()
				return nil, ctx.Err()
			case "slow":
				close(slow)
				time.Sleep(200 * time.Millisecond)
			}
			return append([]byte("re: "), req...), nil
		})
	}()
	eventually(t, "the service", func() bool {
		got, err := client.Call(t.Context(), "search.0", []byte("hi"))
		return err == nil && string(got) == "re: hi"
	})
	call := func(req string) error {
		_, err := client.Call(t.Context(), "search.0", []byte(req))
		return err
	}
	var q *pipeline.QueryError
	if err := call("query"); !errors.As(err, &q) {
		t.Errorf("query error: %v", err)
	} else if diff := cmp.Diff(&pipeline.QueryError{Query: "a (", Pos: 2, Msg: "unclosed\n("}, q); diff != "" {
		t.Error(diff)
	}
	if err := call("none"); !errors.Is(err, pipeline.ErrNotFound) || err.Error() != "article x: pipeline: not found" {
		t.Errorf("not found: %v", err)
	}
	if err := call("other"); err == nil || err.Error() != errTest.Error() {
		t.Errorf("other: %v", err)
	}
	if err := call("panic"); err == nil || err.Error() != "panic: as the test wants" {
		t.Errorf("panic: %v", err)
	}
	if err := call("big"); !errors.Is(err, pipeline.ErrTooBig) {
		t.Errorf("big answer: %v", err)
	}
	if _, err := client.Call(t.Context(), "search.0", make([]byte, maxPayload)); !errors.Is(err, pipeline.ErrTooBig) {
		t.Errorf("big request: %v", err)
	}
	short, stop := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer stop()
	if _, err := client.Call(short, "search.0", []byte("deadline")); err == nil {
		t.Error("no answer and no error")
	}
	// Calls under way are finished when the service stops.
	result := make(chan error, 1)
	go func() { result <- call("slow") }()
	<-slow
	cancel()
	if err := <-result; err != nil {
		t.Errorf("call under way: %v", err)
	}
	if err := <-done; err != nil {
		t.Errorf("serve: %v", err)
	}
	if err := call("hi"); !errors.Is(err, pipeline.ErrNoServer) {
		t.Errorf("after the stop: %v", err)
	}
}

// TestLeaseOneHolder: of many that want a lease one has it at a time, with
// growing tokens.
func TestLeaseOneHolder(t *testing.T) {
	t.Parallel()
	n := openNode(t, Config{LeaseTTL: 2 * time.Second})
	var holders, total atomic.Int32
	var mu sync.Mutex
	var tokens []uint64
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			err := n.Hold(t.Context(), "job", func(ctx context.Context, token uint64) error {
				if holders.Add(1) > 1 {
					t.Error("two holders")
				}
				mu.Lock()
				tokens = append(tokens, token)
				mu.Unlock()
				if total.Add(1) == 1 { // longer than a lease's life, so it must be renewed
					select {
					case <-time.After(3 * time.Second):
					case <-ctx.Done():
					}
				}
				holders.Add(-1)
				return errTest
			})
			if !errors.Is(err, errTest) {
				t.Errorf("hold returned %v", err)
			}
		})
	}
	wg.Wait()
	if total.Load() < 4 {
		t.Errorf("%d turns", total.Load())
	}
	for i := 1; i < len(tokens); i++ {
		if tokens[i] <= tokens[i-1] {
			t.Errorf("tokens %v", tokens)
		}
	}
}

// TestLeaseTakeover: who can't renew is stopped before another takes over, and
// fenced off by its token; it waits its turn and holds again.
func TestLeaseTakeover(t *testing.T) {
	t.Parallel()
	server := openNode(t, Config{Listen: "127.0.0.1:0"})
	a := openNode(t, Config{URL: server.ClientURL(), Node: "a", LeaseTTL: 3 * time.Second})
	b := openNode(t, Config{URL: server.ClientURL(), Node: "b", LeaseTTL: 3 * time.Second})
	type event struct {
		who   string
		token uint64
		lost  error
	}
	events := make(chan event, 10)
	hold := func(ctx context.Context, n *Node) {
		err := n.Hold(ctx, "job", func(ctx context.Context, token uint64) error {
			events <- event{who: n.Name(), token: token}
			<-ctx.Done()
			events <- event{who: n.Name(), token: token, lost: context.Cause(ctx)}
			return ctx.Err()
		})
		if err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("hold %s: %v", n.Name(), err)
		}
	}
	var wg sync.WaitGroup
	wg.Go(func() { hold(t.Context(), a) })
	first := <-events
	ctxB, stopB := context.WithCancel(t.Context())
	wg.Go(func() { hold(ctxB, b) })
	// Another takes a's key by force, as after a's machine stood still.
	kv, err := server.KV(t.Context(), pipeline.BucketLeases)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := kv.Put(t.Context(), "job", []byte("c stolen")); err != nil {
		t.Fatal(err)
	}
	lost := <-events
	if lost.who != "a" || !errors.Is(lost.lost, ErrLeaseLost) {
		t.Fatalf("got %+v, want a to have lost it", lost)
	}
	// c never renews: so a or b has it after c's life.
	next := <-events
	if next.token <= first.token {
		t.Errorf("token %d after %d", next.token, first.token)
	}
	stopB()
	if next.who == "b" {
		if gone := <-events; gone.who != "b" || errors.Is(gone.lost, ErrLeaseLost) {
			t.Errorf("got %+v", gone)
		}
		if again := <-events; again.who != "a" || again.token <= next.token {
			t.Errorf("got %+v, want a to hold again", again)
		}
	}
	closeNode(t, a)
	closeNode(t, b)
	wg.Wait()
}

// TestLeaseServerGone: with no server to renew at, the holder is told.
func TestLeaseServerGone(t *testing.T) {
	t.Parallel()
	server := openNode(t, Config{Listen: "127.0.0.1:0"})
	client, err := Open(t.Context(), testLog(t), prometheus.NewRegistry(), short(Config{URL: server.ClientURL()}))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	err = client.Hold(ctx, "job", func(ctx context.Context, _ uint64) error {
		closeNode(t, server)
		<-ctx.Done()
		if !errors.Is(context.Cause(ctx), ErrLeaseLost) {
			t.Errorf("cause %v", context.Cause(ctx))
		}
		cancel() // don't wait for it again
		return nil
	})
	if err != nil && !errors.Is(err, ErrLeaseLost) {
		t.Errorf("hold returned %v", err)
	}
	closeNode(t, client)
}

// TestLeaseOfDeadProcess: after a crash the leases of the process that held
// the folder are free at once; those of others are not.
func TestLeaseOfDeadProcess(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	n := openNode(t, Config{Dir: dir, Node: "old", LeaseTTL: time.Hour})
	kv, err := n.KV(t.Context(), pipeline.BucketLeases)
	if err != nil {
		t.Fatal(err)
	}
	for key, holder := range map[string]string{"mine": "old 123", "theirs": "other 123", "alike": "older 123"} {
		if _, err := kv.Put(t.Context(), key, []byte(holder)); err != nil {
			t.Fatal(err)
		}
	}
	closeNode(t, n)
	n = openNode(t, Config{Dir: dir, Node: "new", LeaseTTL: time.Hour})
	held := false
	err = n.Hold(t.Context(), "mine", func(context.Context, uint64) error { held = true; return nil })
	if err != nil || !held {
		t.Errorf("held %v, %v", held, err)
	}
	if kv, err = n.KV(t.Context(), pipeline.BucketLeases); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"theirs", "alike"} {
		if e, err := kv.Get(t.Context(), key); err != nil || !bytes.HasSuffix(e.Value, []byte("123")) {
			t.Errorf("%s: %s, %v", key, e.Value, err)
		}
	}
}
