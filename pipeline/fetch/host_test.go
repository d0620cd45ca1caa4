package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// A world is a server for every name, reached through pipes, so that a test
// may run in a bubble with its own time.
type world struct {
	mu    sync.Mutex
	log   []visit
	delay func(r *http.Request) time.Duration
	conns chan net.Conn
	srv   *http.Server
}

type visit struct {
	host, path string
	start, end time.Time
}

func newWorld(t *testing.T, c *Client, answer http.HandlerFunc) *world {
	t.Helper()
	w := &world{conns: make(chan net.Conn)}
	w.srv = &http.Server{Handler: http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		v := visit{host: r.Host, path: r.URL.Path, start: time.Now()}
		if w.delay != nil {
			time.Sleep(w.delay(r))
		}
		answer(rw, r)
		v.end = time.Now()
		w.mu.Lock()
		w.log = append(w.log, v)
		w.mu.Unlock()
	})}
	go func() { _ = w.srv.Serve(w) }()
	c.private.best.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
		near, far := net.Pipe()
		select {
		case w.conns <- far:
			return near, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return w
}

func (w *world) Accept() (net.Conn, error) {
	c, ok := <-w.conns
	if !ok {
		return nil, net.ErrClosed
	}
	return c, nil
}

func (w *world) Close() error   { return nil }
func (w *world) Addr() net.Addr { return &net.TCPAddr{} }

func (w *world) end(c *Client) {
	c.Close()
	close(w.conns)
	_ = w.srv.Close()
}

func (w *world) visits(host string) []visit {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []visit
	for _, v := range w.log {
		if v.host == host {
			out = append(out, v)
		}
	}
	slices.SortFunc(out, func(x, y visit) int { return x.start.Compare(y.start) })
	return out
}

// atOnce is the most visits that were under way together.
func atOnce(vs []visit) (most int) {
	for _, v := range vs {
		n := 0
		for _, o := range vs {
			if !o.start.After(v.start) && o.end.After(v.start) {
				n++
			}
		}
		most = max(most, n)
	}
	return most
}

func ok(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") }

func TestPoliteness(t *testing.T) {
	for _, tc := range []struct {
		name   string
		req    Request
		delay  time.Duration
		gap    time.Duration // that must be kept between starts
		atOnce int
	}{
		{"default", Request{}, time.Second, 5 * time.Second, 1},
		{"slow host", Request{}, 8 * time.Second, 5 * time.Second, 2},
		{"one at a time", Request{AtOnce: 1}, 8 * time.Second, 8 * time.Second, 1},
		{"own gap", Request{Gap: 2 * time.Second}, time.Second, 2 * time.Second, 1},
		{"two at once", Request{Gap: 3 * time.Second, AtOnce: 2}, 5 * time.Second, 3 * time.Second, 2},
		{"tiny gap", Request{Gap: time.Nanosecond, AtOnce: 3}, time.Second, 0, 3},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newClient(t, Config{})
				w := newWorld(t, c, ok)
				defer w.end(c)
				w.delay = func(*http.Request) time.Duration { return tc.delay }
				hosts := []string{"a.example", "b.example", "c.example"}
				var wg sync.WaitGroup
				for i := range 30 {
					wg.Go(func() {
						req := tc.req
						req.URL = fmt.Sprintf("http://%s/%d", hosts[i%3], i)
						req.AllowPrivate, req.MaxWait = true, time.Hour
						if _, err := c.Get(t.Context(), req); err != nil {
							t.Errorf("%s: %v", req.URL, err)
						}
					})
				}
				began := time.Now()
				wg.Wait()
				took := time.Since(began)
				for _, h := range hosts {
					vs := w.visits(h)
					if len(vs) != 10 {
						t.Fatalf("%s: %d visits, want 10", h, len(vs))
					}
					if got := atOnce(vs); got > tc.atOnce {
						t.Errorf("%s: %d at once, want at most %d", h, got, tc.atOnce)
					}
					for i := 1; i < len(vs); i++ {
						if gap := vs[i].start.Sub(vs[i-1].start); gap < tc.gap {
							t.Errorf("%s: %v between starts %d and %d, want at least %v", h, gap, i-1, i, tc.gap)
						}
					}
				}
				// Hosts do not wait for each other, and turns are not wasted.
				if limit := 10*max(tc.gap, tc.delay) + tc.delay; took > limit {
					t.Errorf("took %v, want at most %v", took, limit)
				}
			})
		})
	}
}

// A thousand requests for one host can't all wait. They are told times to come
// back that lie as far apart as the host's turns.
func TestBusyHostSpreadsOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, Config{})
		w := newWorld(t, c, ok)
		defer w.end(c)
		var waits []time.Duration
		var mu sync.Mutex
		var wg sync.WaitGroup
		for i := range 1000 {
			wg.Go(func() {
				req := Request{URL: fmt.Sprintf("http://slow.example/%d", i), AllowPrivate: true, MaxWait: 10 * time.Second}
				began := time.Now()
				_, err := c.Get(t.Context(), req)
				var busy *BusyError
				if errors.As(err, &busy) {
					if waited := time.Since(began); waited > 0 {
						t.Errorf("turned away after %v, want at once", waited)
					}
					mu.Lock()
					waits = append(waits, busy.Wait)
					mu.Unlock()
				} else if err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		slices.Sort(waits)
		if n := len(waits); n != 997 { // turns at 0, 5 and 10 seconds
			t.Fatalf("%d turned away, want 997", n)
		}
		if waits[0] <= 10*time.Second {
			t.Errorf("first told to come back in %v, want after those who wait", waits[0])
		}
		for i := 1; i < len(waits); i++ {
			if d := waits[i] - waits[i-1]; d < 5*time.Second {
				t.Fatalf("two told times %v apart, want at least the gap", d)
			}
		}
		// Who comes back when told gets a turn.
		time.Sleep(waits[0])
		if _, err := c.Get(t.Context(), Request{URL: "http://slow.example/again", AllowPrivate: true, MaxWait: time.Second}); err != nil {
			t.Errorf("come back when told: %v", err)
		}
	})
}

func TestRetryAfterHoldsTheHost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, Config{})
		w := newWorld(t, c, func(w http.ResponseWriter, r *http.Request) {
			switch r.URL.Path {
			case "/told":
				w.Header().Set("Retry-After", "600")
				w.WriteHeader(http.StatusServiceUnavailable)
			case "/untold":
				w.WriteHeader(http.StatusTooManyRequests)
			}
		})
		defer w.end(c)
		get := func(url string, wait time.Duration) error {
			_, err := c.Get(t.Context(), Request{URL: url, AllowPrivate: true, Gap: time.Nanosecond, MaxWait: wait})
			return err
		}
		var e *Error
		if err := get("http://h.example/told", 0); !errors.As(err, &e) || e.RetryAfter != 10*time.Minute {
			t.Fatalf("got %v, want the Retry-After", err)
		}
		var busy *BusyError
		if err := get("http://h.example/other", time.Minute); !errors.As(err, &busy) || busy.Wait != 10*time.Minute {
			t.Errorf("another page of a held host: got %v, want busy for 10m", err)
		}
		if err := get("http://free.example/", 0); err != nil {
			t.Errorf("another host: %v", err)
		}
		time.Sleep(10*time.Minute + time.Second)
		if err := get("http://h.example/other", 0); err != nil {
			t.Errorf("after the hold: %v", err)
		}
		_ = get("http://h.example/untold", 0)
		if err := get("http://h.example/other", time.Second); !errors.As(err, &busy) || busy.Wait != holdUntold {
			t.Errorf("after a 429 without Retry-After: got %v, want busy for %v", err, holdUntold)
		}
	})
}

func TestGivingUpLeavesTheLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, Config{})
		w := newWorld(t, c, ok)
		defer w.end(c)
		w.delay = func(*http.Request) time.Duration { return time.Second }
		req := Request{URL: "http://h.example/", AllowPrivate: true}
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { _, _ = c.Get(t.Context(), req) })
		synctest.Wait()
		for range 3 {
			wg.Go(func() {
				if _, err := c.Get(ctx, req); ClassOf(err) != ClassCanceled {
					t.Errorf("got %v, want canceled", err)
				}
			})
		}
		synctest.Wait()
		cancel()
		wg.Wait()
		began := time.Now()
		if _, err := c.Get(t.Context(), req); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took > 6*time.Second {
			t.Errorf("waited %v behind those who had left", took)
		}
	})
}

func TestHostTableIsBounded(t *testing.T) {
	now := time.Now()
	table := newHosts(func() time.Time { return now })
	for i := range 50_000 {
		s, err := table.acquire(t.Context(), fmt.Sprint("h", i), turn{gap: 5 * time.Second, atOnce: 1}, 0)
		if err != nil {
			t.Fatal(err)
		}
		now = now.Add(10 * time.Millisecond)
		s.release()
	}
	if n := len(table.m); n > 2*sweepFloor {
		t.Errorf("%d hosts kept, want those of the last five seconds and a floor", n)
	}
}

// What a host asks for is told once, and held to by a client that is told of it.
func TestHoldOutlivesTheClient(t *testing.T) {
	var hits atomic.Int32
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		hits.Add(1)
		w.Header().Set("Retry-After", "600")
		w.WriteHeader(http.StatusTooManyRequests)
	})
	var host string
	var until time.Time
	told := 0
	c := newClient(t, Config{OnHold: func(h string, u time.Time) { host, until, told = h, u, told+1 }})
	if _, err := c.Get(t.Context(), local(s.URL)); err == nil {
		t.Fatal("a 429 without an error")
	}
	if d := time.Until(until); told != 1 || host != strings.TrimPrefix(s.URL, "http://") || d < 590*time.Second || d > 600*time.Second {
		t.Errorf("told %d times of %q, for %v", told, host, d)
	}
	next := newClient(t, Config{})
	next.Hold(host, until)
	var busy *BusyError
	if _, err := next.Get(t.Context(), local(s.URL)); !errors.As(err, &busy) || busy.Wait < 590*time.Second {
		t.Errorf("the next client: %v, want busy for ten minutes", err)
	}
	if hits.Load() != 1 {
		t.Errorf("asked %d times", hits.Load())
	}
}
