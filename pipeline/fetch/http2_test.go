package fetch

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/http2"
)

// h2Server offers HTTP/2 and HTTP/1.1; breakH2 decides what becomes of a
// connection that chose HTTP/2.
func h2Server(t *testing.T, h http.HandlerFunc, breakH2 func(*tls.Conn)) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.EnableHTTP2 = true
	s.Config.ErrorLog = quiet()
	if breakH2 != nil {
		s.Config.TLSNextProto = map[string]func(*http.Server, *tls.Conn, http.Handler){
			"h2": func(_ *http.Server, c *tls.Conn, _ http.Handler) { breakH2(c) },
		}
		s.TLS = &tls.Config{NextProtos: []string{"h2", "http/1.1"}}
		s.EnableHTTP2 = false
	}
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

// trust makes the client believe the test server's certificate.
func trust(c *Client, s *httptest.Server) {
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	for _, tr := range []*http.Transport{c.private.best, c.private.http1} {
		tr.TLSClientConfig.RootCAs = roots
	}
}

type protocols struct {
	mu   sync.Mutex
	seen []string
}

func (p *protocols) handler(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	p.seen = append(p.seen, r.Proto)
	p.mu.Unlock()
	_, _ = io.WriteString(w, "hello")
}

func TestHTTP2IsUsed(t *testing.T) {
	var p protocols
	s := h2Server(t, p.handler, nil)
	c := newClient(t, Config{})
	trust(c, s)
	for range 2 {
		if _, err := c.Get(t.Context(), local(s.URL)); err != nil {
			t.Fatal(err)
		}
	}
	if got := strings.Join(p.seen, " "); got != "HTTP/2.0 HTTP/2.0" {
		t.Errorf("spoke %s", got)
	}
}

// A host whose HTTP/2 is broken is asked in HTTP/1.1 at once and for a day,
// and then given another chance.
func TestBrokenHTTP2FallsBack(t *testing.T) {
	for _, tc := range []struct {
		name    string
		breakIt func(c *tls.Conn)
		want    bool // falls back
	}{
		{"garbage", func(c *tls.Conn) { _, _ = io.WriteString(c, "HTTP/1.1 400 Bad Request\r\n\r\n") }, true},
		{"closed", func(c *tls.Conn) { readPreface(c) }, true},
		{"stream reset", func(c *tls.Conn) { answerFrames(c, http2.ErrCodeInternal) }, true},
		{"HTTP/1.1 required", func(c *tls.Conn) { answerFrames(c, http2.ErrCodeHTTP11Required) }, true},
		{"overload", func(c *tls.Conn) { answerFrames(c, http2.ErrCodeEnhanceYourCalm) }, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var mu sync.Mutex
			tries := 0
			var p protocols
			s := h2Server(t, p.handler, func(c *tls.Conn) {
				mu.Lock()
				tries++
				mu.Unlock()
				tc.breakIt(c)
				_ = c.Close()
			})
			c := newClient(t, Config{})
			now := time.Now()
			c.http1.now = func() time.Time { return now }
			trust(c, s)
			resp, err := c.Get(t.Context(), local(s.URL))
			if !tc.want {
				if err == nil || len(p.seen) != 0 {
					t.Fatalf("got %v, %v; want the refusal left as it is", resp, err)
				}
				return
			}
			if err != nil || string(resp.Body) != "hello" {
				t.Fatalf("got %v, %v", resp, err)
			}
			count := func() int { mu.Lock(); defer mu.Unlock(); return tries }
			first := count()
			for range 3 {
				if _, err := c.Get(t.Context(), local(s.URL)); err != nil {
					t.Fatal(err)
				}
			}
			if n := count(); n != first {
				t.Errorf("HTTP/2 was tried %d times more within the day", n-first)
			}
			now = now.Add(http1For + time.Minute)
			c.private.closeIdle() // a day is far longer than one is kept
			if _, err := c.Get(t.Context(), local(s.URL)); err != nil {
				t.Fatal(err)
			}
			if count() == first {
				t.Error("HTTP/2 had no other chance after a day")
			}
		})
	}
}

// A host that is broken in both is not remembered.
func TestBrokenInBothIsNotRemembered(t *testing.T) {
	s := h2Server(t, func(w http.ResponseWriter, _ *http.Request) {
		conn, _, _ := w.(http.Hijacker).Hijack()
		_ = conn.Close()
	}, func(c *tls.Conn) { readPreface(c); _ = c.Close() })
	c := newClient(t, Config{})
	trust(c, s)
	if _, err := c.Get(t.Context(), local(s.URL)); ClassOf(err) != ClassConnect {
		t.Errorf("got %v, want %s", err, ClassConnect)
	}
	if n := len(c.http1.m); n != 0 {
		t.Errorf("%d hosts remembered, want none", n)
	}
}

func readPreface(c net.Conn) {
	_, _ = io.ReadFull(c, make([]byte, len(http2.ClientPreface)))
}

// answerFrames answers the first request with the reset of its stream.
func answerFrames(c net.Conn, code http2.ErrCode) {
	readPreface(c)
	f := http2.NewFramer(c, c)
	_ = f.WriteSettings()
	for {
		frame, err := f.ReadFrame()
		if err != nil {
			return
		}
		if h, ok := frame.(*http2.HeadersFrame); ok {
			_ = f.WriteRSTStream(h.StreamID, code)
			return
		}
	}
}

func TestRecallIsBounded(t *testing.T) {
	now := time.Now()
	r := newRecall[int](100, func() time.Time { return now })
	for i := range 1000 {
		r.put(string(rune('a'+i)), i, now.Add(time.Minute))
		if len(r.m) > 100 {
			t.Fatalf("%d remembered, want at most 100", len(r.m))
		}
	}
	if _, ok := r.get(string(rune('a' + 999))); !ok {
		t.Error("the last one is forgotten")
	}
	now = now.Add(time.Minute)
	if _, ok := r.get(string(rune('a' + 999))); ok {
		t.Error("remembered for longer than its time")
	}
}
