package fetch

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func addrs(texts ...string) (out []netip.Addr) {
	for _, s := range texts {
		out = append(out, netip.MustParseAddr(s))
	}
	return out
}

func TestResolverRemembers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := map[string]int{}
		var mu sync.Mutex
		r := newResolver(Config{}.withDefaults(), time.Now)
		r.lookup = func(_ context.Context, host string) ([]netip.Addr, error) {
			time.Sleep(100 * time.Millisecond)
			mu.Lock()
			defer mu.Unlock()
			asked[host]++
			switch host {
			case "none.example":
				return nil, &net.DNSError{Name: host, IsNotFound: true}
			case "down.example":
				return nil, &net.DNSError{Name: host, IsTemporary: true}
			case "empty.example":
				return nil, nil
			}
			return addrs("192.0.2.1"), nil
		}
		ask := func(host string) error { _, err := r.addrs(t.Context(), host); return err }
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() {
				if err := ask("a.example"); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		for _, tc := range []struct {
			host string
			life time.Duration
			ok   bool
		}{
			{"a.example", resolvedFor, true}, {"none.example", unknownFor, false}, {"empty.example", unknownFor, false}, {"down.example", troubledFor, false},
		} {
			for range 3 {
				if err := ask(tc.host); (err == nil) != tc.ok {
					t.Errorf("%s: %v", tc.host, err)
				}
			}
			if asked[tc.host] != 1 {
				t.Errorf("%s looked up %d times, want once", tc.host, asked[tc.host])
			}
			time.Sleep(tc.life + time.Second)
			_ = ask(tc.host)
			if asked[tc.host] != 2 {
				t.Errorf("%s looked up %d times %v later, want once more", tc.host, asked[tc.host], tc.life)
			}
		}
		// Who gives up does not spoil it for the others.
		ctx, cancel := context.WithCancel(t.Context())
		gone := make(chan error)
		go func() { _, err := r.addrs(ctx, "b.example"); gone <- err }()
		synctest.Wait()
		other := make(chan error)
		go func() { other <- ask("b.example") }()
		synctest.Wait()
		cancel()
		if err := <-gone; !errors.Is(err, context.Canceled) {
			t.Errorf("given up: %v", err)
		}
		if err := <-other; err != nil || asked["b.example"] != 1 {
			t.Errorf("the other: %v, looked up %d times", err, asked["b.example"])
		}
		for i := range 2 * resolvedNames {
			r.known.put(fmt.Sprint(i), resolved{}, time.Now().Add(time.Hour))
		}
		if n := len(r.known.m); n > resolvedNames {
			t.Errorf("%d names remembered, want %d at most", n, resolvedNames)
		}
	})
}

// The guard stands behind what is remembered: a name that turns private while it
// is remembered, that was remembered for a source that may go there, or that has
// both kinds of addresses, is refused or led to its public one.
func TestRebindingWithAMemory(t *testing.T) {
	var hits atomic.Int32
	inside := serve(t, func(http.ResponseWriter, *http.Request) { hits.Add(1) })
	port := inside.URL[strings.LastIndexByte(inside.URL, ':')+1:]
	p := netip.MustParseAddrPort("127.0.0.1:" + port).Port()
	looked := 0
	answers := [][]netip.Addr{addrs("127.0.0.1")}
	r := newResolver(Config{}.withDefaults(), time.Now)
	r.lookup = func(context.Context, string) ([]netip.Addr, error) {
		a := answers[min(looked, len(answers)-1)]
		looked++
		return a, nil
	}
	c := newClient(t, Config{Ports: []uint16{p}, Timeout: 2 * time.Second})
	cfg := c.cfg
	c.guarded = newPool(cfg, dialContext(guardedDialer(cfg), r), nil)
	c.private = newPool(cfg, dialContext(openDialer(cfg), r), nil)
	url := "http://rebind.example:" + port + "/"
	if _, err := c.Get(t.Context(), local(url)); err != nil || hits.Load() != 1 {
		t.Fatalf("allowed: %v after %d hits", err, hits.Load())
	}
	for range 2 { // remembered, then looked up again
		if _, err := c.Get(t.Context(), Request{URL: url, Gap: time.Nanosecond}); ClassOf(err) != ClassPrivate {
			t.Errorf("not allowed: %v, want %s", err, ClassPrivate)
		}
	}
	answers, looked = [][]netip.Addr{addrs("::1", "127.0.0.1", "::ffff:127.0.0.1", "10.0.0.1")}, 0
	r.known.drop("rebind.example")
	if _, err := c.Get(t.Context(), Request{URL: url, Gap: time.Nanosecond}); ClassOf(err) != ClassPrivate {
		t.Errorf("of many private addresses: %v, want %s", err, ClassPrivate)
	}
	if hits.Load() != 1 {
		t.Errorf("the private server was reached %d times", hits.Load())
	}
}

// A name whose addresses can't be reached is looked up anew the next time.
func TestMovedHostIsFound(t *testing.T) {
	s := serve(t, func(http.ResponseWriter, *http.Request) {})
	ln, err := net.Listen("tcp", "127.0.0.2:0")
	if err != nil {
		t.Skip(err)
	}
	_ = ln.Close() // nobody listens there, on any port of the test
	port := s.URL[strings.LastIndexByte(s.URL, ':')+1:]
	looked := 0
	r := newResolver(Config{}.withDefaults(), time.Now)
	r.lookup = func(context.Context, string) ([]netip.Addr, error) {
		looked++
		return addrs([]string{"127.0.0.2", "127.0.0.1"}[min(looked-1, 1)]), nil
	}
	c := newClient(t, Config{})
	c.private = newPool(c.cfg, dialContext(openDialer(c.cfg), r), nil)
	url := "http://moved.example:" + port + "/"
	if _, err := c.Get(t.Context(), local(url)); ClassOf(err) != ClassConnect {
		t.Fatalf("at the old address: %v", err)
	}
	if _, err := c.Get(t.Context(), local(url)); err != nil || looked != 2 {
		t.Errorf("after it moved: %v, looked up %d times", err, looked)
	}
}

func TestRace(t *testing.T) {
	for _, tc := range []struct {
		name  string
		addrs []netip.Addr
		dies  map[string]time.Duration // after which it fails; the others connect after takes
		takes map[string]time.Duration
		want  string
		by    time.Duration
	}{
		{"the first", addrs("2001:db8::1", "192.0.2.1"), nil, nil, "2001:db8::1", 0},
		{"the other family, at once after a failure", addrs("2001:db8::1", "192.0.2.1"), map[string]time.Duration{"2001:db8::1": time.Millisecond}, nil, "192.0.2.1", time.Millisecond},
		{"the other family, where the first hangs", addrs("2001:db8::1", "192.0.2.1"), nil, map[string]time.Duration{"2001:db8::1": 8 * time.Second}, "192.0.2.1", fallbackAfter},
		{"the next of one family", addrs("192.0.2.1", "192.0.2.2"), map[string]time.Duration{"192.0.2.1": time.Second}, nil, "192.0.2.2", time.Second},
		{"a share of the time", addrs("192.0.2.1", "192.0.2.2"), nil, map[string]time.Duration{"192.0.2.1": time.Hour}, "192.0.2.2", 5 * time.Second},
		{"none", addrs("192.0.2.1", "2001:db8::1"), map[string]time.Duration{"192.0.2.1": time.Second, "2001:db8::1": time.Second}, nil, "", fallbackAfter + time.Second},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				defer cancel()
				var mu sync.Mutex
				var got string
				began := time.Now()
				conn, err := race(ctx, tc.addrs, func(ctx context.Context, a netip.Addr) (net.Conn, error) {
					wait, dies := tc.dies[a.String()]
					if !dies {
						wait = tc.takes[a.String()]
					}
					select {
					case <-time.After(wait):
					case <-ctx.Done():
						return nil, ctx.Err()
					}
					if dies {
						return nil, errors.New("refused")
					}
					mu.Lock()
					defer mu.Unlock()
					got = a.String()
					c, _ := net.Pipe()
					return c, nil
				})
				took := time.Since(began)
				if got != tc.want || (err == nil) != (tc.want != "") || (conn != nil) != (err == nil) || took != tc.by {
					t.Errorf("%q after %v, %v; want %q after %v", got, took, err, tc.want, tc.by)
				}
				synctest.Wait()
			})
		})
	}
}
