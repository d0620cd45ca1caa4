package fetch

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// A request with a proxy of its own goes through it, redirects and robots.txt
// too; one without does not.
func TestOwnProxy(t *testing.T) {
	var mu sync.Mutex
	var seen []string
	proxy := serve(t, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		seen = append(seen, r.URL.String()) // absolute, to a proxy
		mu.Unlock()
		if r.URL.Path == "/old" {
			http.Redirect(w, r, "http://else.example/new", http.StatusFound)
			return
		}
		_, _ = io.WriteString(w, "ok")
	})
	direct := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "direct") })
	c := newClient(t, Config{})
	resp, err := c.Get(t.Context(), Request{URL: "http://site.example/old", Proxy: proxy.URL, Gap: time.Nanosecond, Robots: true})
	if err != nil || string(resp.Body) != "ok" || resp.URL != "http://else.example/new" {
		t.Fatalf("%+v, %v", resp, err)
	}
	want := []string{"http://site.example/robots.txt", "http://site.example/old", "http://else.example/robots.txt", "http://else.example/new"}
	if !slices.Equal(seen, want) {
		t.Errorf("the proxy was asked for %q, want %q", seen, want)
	}
	if resp, err := c.Get(t.Context(), local(direct.URL)); err != nil || string(resp.Body) != "direct" || len(seen) != len(want) {
		t.Errorf("without: %+v, %v, and the proxy was asked %d times", resp, err, len(seen))
	}
	// Without its proxy's address nothing guards the connection: none is made.
	if _, err := c.proxied.best.RoundTrip(httptest.NewRequest(http.MethodGet, direct.URL, nil)); err == nil {
		t.Error("an unguarded connection was made")
	}
	for _, bad := range []string{"nonsense", "://"} {
		if _, err := c.Get(t.Context(), Request{URL: direct.URL, Proxy: bad, AllowPrivate: true, Gap: time.Nanosecond}); ClassOf(err) != ClassScheme {
			t.Errorf("through %q: %v", bad, err)
		}
	}
}

// A User-Agent of one's own is sent, and robots.txt is read under its name.
func TestOwnUserAgent(t *testing.T) {
	var agents sync.Map
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		agents.Store(r.URL.Path+" "+r.UserAgent(), true)
		if r.URL.Path == "/robots.txt" {
			_, _ = io.WriteString(w, "User-agent: newswatch\nDisallow: /\n\nUser-agent: reader\nDisallow: /secret\n")
		}
	})
	c := newClient(t, Config{})
	get := func(path, agent string) Class {
		req := local(s.URL + path)
		req.UserAgent, req.Robots = agent, true
		_, err := c.Get(t.Context(), req)
		return ClassOf(err)
	}
	const own = "Reader/2.0 (+https://me.example)"
	for _, tc := range []struct {
		path, agent string
		want        Class
	}{
		{"/a", own, ""}, {"/secret", own, ClassRobots}, {"/a", "", ClassRobots}, {"/b", own, ""},
	} {
		if got := get(tc.path, tc.agent); got != tc.want {
			t.Errorf("%s as %q: %q, want %q", tc.path, tc.agent, got, tc.want)
		}
	}
	for _, want := range []string{"/a " + own, "/robots.txt " + own} {
		if _, ok := agents.Load(want); !ok {
			t.Errorf("never asked: %s", want)
		}
	}
}

// A request without HTTP/2 has none, and others on the host do.
func TestWithoutHTTP2(t *testing.T) {
	var last atomic.Value
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { last.Store(r.Proto) }))
	s.EnableHTTP2 = true
	s.StartTLS()
	t.Cleanup(s.Close)
	c := newClient(t, Config{})
	roots := s.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	for _, tr := range []*http.Transport{c.private.best, c.private.http1} {
		tr.TLSClientConfig.RootCAs = roots
	}
	for _, tc := range []struct {
		http1 bool
		want  string
	}{{false, "HTTP/2.0"}, {true, "HTTP/1.1"}, {false, "HTTP/2.0"}} {
		req := local(s.URL)
		req.HTTP1 = tc.http1
		resp, err := c.Get(t.Context(), req)
		if err != nil || resp.Proto != tc.want || last.Load() != tc.want {
			t.Errorf("http1 %v: %v, %v over %v, want %s", tc.http1, err, resp, last.Load(), tc.want)
		}
	}
}

func TestProduct(t *testing.T) {
	for agent, want := range map[string]string{
		"newswatch/1 (+https://x)": "newswatch", "Reader": "Reader", "My Reader/1": "My", "(odd)": "(odd)",
	} {
		if got := product(agent); got != want {
			t.Errorf("product(%q) = %q, want %q", agent, got, strings.TrimSpace(want))
		}
	}
}
