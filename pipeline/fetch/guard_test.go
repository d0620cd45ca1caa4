package fetch

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

func TestPrivateAddressesAreRefused(t *testing.T) {
	var hits atomic.Int32
	s := serve(t, func(http.ResponseWriter, *http.Request) { hits.Add(1) })
	u, _ := url.Parse(s.URL)
	c := newClient(t, Config{})
	for _, addr := range []string{
		s.URL,
		"http://localhost:" + u.Port(),
		"http://[::1]:" + u.Port(),
		"http://0.0.0.0:" + u.Port(),
		"http://[::ffff:127.0.0.1]:" + u.Port(),
		"http://2130706433:" + u.Port(), // 127.0.0.1 as one number: a name, or refused
		"http://10.0.0.1/", "http://192.168.1.1/", "http://172.16.0.1/",
		"http://169.254.169.254/latest/meta-data/",
		"http://100.64.0.1/",        // carrier NAT, RFC 6598
		"http://[64:ff9b::7f00:1]/", // NAT64
		"http://[2002:7f00:1::]/",   // 6to4
		"http://[fd00::1]/",         // unique local
		"http://198.51.100.7:22/",   // documentation, and a port that is not allowed
		"http://93.184.215.14:6379/",
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		_, err := c.Get(ctx, Request{URL: addr, Gap: time.Nanosecond})
		cancel()
		if got := ClassOf(err); got != ClassPrivate && !(strings.Contains(addr, "2130706433") && got == ClassDNS) {
			t.Errorf("%s: got %q (%v), want %q", addr, got, err, ClassPrivate)
		}
	}
	if hits.Load() != 0 {
		t.Errorf("the private server was reached %d times", hits.Load())
	}
}

// A connection made for a source that may use private addresses is never lent
// to a request that may not.
func TestPrivateConnectionsAreNotShared(t *testing.T) {
	s := serve(t, func(http.ResponseWriter, *http.Request) {})
	c := newClient(t, Config{})
	if _, err := c.Get(t.Context(), local(s.URL)); err != nil {
		t.Fatal(err)
	}
	req := local(s.URL)
	req.AllowPrivate = false
	if _, err := c.Get(t.Context(), req); ClassOf(err) != ClassPrivate {
		t.Errorf("got %v, want %s", err, ClassPrivate)
	}
}

// A public page may not lead into the private network. The public server is a
// loopback one that a test's transport is allowed to reach.
func TestRedirectToPrivateIsRefused(t *testing.T) {
	var hits atomic.Int32
	inside := serve(t, func(http.ResponseWriter, *http.Request) { hits.Add(1) })
	public := serve(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, inside.URL+"/secret", http.StatusFound)
	})
	c := newClient(t, Config{})
	guard := c.guarded.best.DialContext
	c.guarded.best.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		if addr == "public.example:80" {
			return (&net.Dialer{}).DialContext(ctx, network, strings.TrimPrefix(public.URL, "http://"))
		}
		return guard(ctx, network, addr)
	}
	_, err := c.Get(t.Context(), Request{URL: "http://public.example/", Gap: time.Nanosecond})
	if ClassOf(err) != ClassPrivate || hits.Load() != 0 {
		t.Errorf("got %v after %d hits, want %s and none", err, hits.Load(), ClassPrivate)
	}
}

// A name server that answers a public address first and a private one after:
// the guard sees the address that is connected to, so the order is no help.
func TestRebindingIsRefused(t *testing.T) {
	var hits atomic.Int32
	inside := serve(t, func(http.ResponseWriter, *http.Request) { hits.Add(1) })
	port := inside.URL[strings.LastIndexByte(inside.URL, ':')+1:]
	dns := rebinder(t, netip.MustParseAddr("198.51.100.1"), netip.MustParseAddr("127.0.0.1"))
	p := netip.MustParseAddrPort("127.0.0.1:" + port).Port()
	c := newClient(t, Config{Resolver: dns, Ports: []uint16{p}, Timeout: 2 * time.Second})
	for i := range 4 {
		_, err := c.Get(t.Context(), Request{URL: "http://rebind.example:" + port + "/", Gap: time.Nanosecond})
		if ClassOf(err) != ClassPrivate {
			t.Errorf("request %d: got %v, want %s", i, err, ClassPrivate)
		}
	}
	if hits.Load() != 0 {
		t.Errorf("the private server was reached %d times", hits.Load())
	}
	req := Request{URL: "http://rebind.example:" + port + "/", Gap: time.Nanosecond, AllowPrivate: true}
	for range 4 { // one of the two addresses answers: the resolver does work
		_, _ = c.Get(t.Context(), req)
	}
	if hits.Load() == 0 {
		t.Error("with private addresses allowed the name was never reached")
	}
}

// rebinder is a resolver whose name server answers the addresses in turn.
func rebinder(t *testing.T, addrs ...netip.Addr) *net.Resolver {
	t.Helper()
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = pc.Close() })
	go func() {
		buf := make([]byte, 1500)
		for n := 0; ; {
			size, from, err := pc.ReadFrom(buf)
			if err != nil {
				return
			}
			var m dnsmessage.Message
			if m.Unpack(buf[:size]) != nil || len(m.Questions) == 0 {
				continue
			}
			m.Response, m.RecursionAvailable = true, true
			m.Additionals = nil
			if q := m.Questions[0]; q.Type == dnsmessage.TypeA {
				m.Answers = []dnsmessage.Resource{{
					Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class, TTL: 0},
					Body:   &dnsmessage.AResource{A: addrs[n%len(addrs)].As4()},
				}}
				n++
			}
			if out, err := m.Pack(); err == nil {
				_, _ = pc.WriteTo(out, from)
			}
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", pc.LocalAddr().String())
	}}
}
