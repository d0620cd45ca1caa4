package fetch

import (
	"bytes"
	"compress/flate"
	"compress/zlib"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/andybalholm/brotli"
	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/prometheus/client_golang/prometheus"
)

func newClient(t testing.TB, cfg Config) *Client {
	t.Helper()
	c, err := New(slog.New(slog.DiscardHandler), prometheus.NewRegistry(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// local is a request to a test server: private, and without politeness.
func local(url string) Request {
	return Request{URL: url, AllowPrivate: true, Gap: time.Nanosecond, AtOnce: 100}
}

func serve(t testing.TB, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s
}

func TestGet(t *testing.T) {
	var got *http.Request
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		got = r.Clone(context.Background())
		w.Header().Set("ETag", "W/\"a\xe9b\"") // a byte that is no UTF-8
		w.Header().Set("Last-Modified", "yesterday, about noon")
		w.Header().Set("Content-Type", "text/xml; charset=\"Windows-1251\"")
		_, _ = io.WriteString(w, "body")
	})
	c := newClient(t, Config{Version: "1.2", Contact: "https://desk.example/bot"})
	req := local(s.URL + "/feed#part")
	req.ETag, req.LastModified, req.Accept = "W/\"x\xe9\"", "whenever", "text/xml"
	resp, err := c.Get(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct{ what, got, want string }{
		{"body", string(resp.Body), "body"},
		{"etag", resp.ETag, "W/\"a\xe9b\""},
		{"last modified", resp.LastModified, "yesterday, about noon"},
		{"charset", resp.Charset, "windows-1251"},
		{"media type", resp.ContentType, "text/xml"},
		{"url", resp.URL, s.URL + "/feed"},
		{"agent", got.UserAgent(), "newswatch/1.2 (+https://desk.example/bot)"},
		{"if-none-match", got.Header.Get("If-None-Match"), "W/\"x\xe9\""},
		{"if-modified-since", got.Header.Get("If-Modified-Since"), "whenever"},
		{"accept", got.Header.Get("Accept"), "text/xml"},
		{"cookie", got.Header.Get("Cookie"), ""},
	} {
		if tc.got != tc.want {
			t.Errorf("%s: got %q, want %q", tc.what, tc.got, tc.want)
		}
	}
}

func TestNotModified(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"new"`)
		w.WriteHeader(http.StatusNotModified)
	})
	resp, err := newClient(t, Config{}).Get(t.Context(), local(s.URL))
	if err != nil || !resp.NotModified || resp.ETag != `"new"` {
		t.Errorf("got %+v, %v; want not modified with the new validator", resp, err)
	}
}

func pack(t testing.TB, enc string, body []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	var w io.WriteCloser
	switch enc {
	case "gzip":
		w = gzip.NewWriter(&b)
	case "br":
		w = brotli.NewWriter(&b)
	case "zstd":
		w, _ = zstd.NewWriter(&b)
	case "deflate":
		w = zlib.NewWriter(&b)
	case "deflate-raw":
		w, _ = flate.NewWriter(&b, 6)
	default:
		return body
	}
	_, _ = w.Write(body)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestEncodings(t *testing.T) {
	body := []byte(strings.Repeat("новости 新闻 news ", 500))
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		form := strings.TrimPrefix(r.URL.Path, "/")
		if form == "empty" {
			w.Header().Set("Content-Encoding", "gzip")
			return
		}
		if form != "unpacked" {
			w.Header().Set("Content-Encoding", strings.TrimSuffix(form, "-raw"))
		} else {
			w.Header().Set("Content-Encoding", "gzip") // a promise not kept
		}
		_, _ = w.Write(pack(t, form, body))
	})
	c := newClient(t, Config{})
	for _, form := range []string{"gzip", "br", "zstd", "deflate", "deflate-raw", "identity", "unpacked"} {
		resp, err := c.Get(t.Context(), local(s.URL+"/"+form))
		if err != nil {
			t.Errorf("%s: %v", form, err)
		} else if !bytes.Equal(resp.Body, body) {
			t.Errorf("%s: got %d bytes, want %d", form, len(resp.Body), len(body))
		}
	}
	if resp, err := c.Get(t.Context(), local(s.URL+"/empty")); err != nil || len(resp.Body) != 0 {
		t.Errorf("empty: %v", err)
	}
}

func TestHostileAnswers(t *testing.T) {
	zeros := make([]byte, 8<<20)
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch p := r.URL.Path; {
		case strings.HasPrefix(p, "/bomb/"):
			enc := strings.TrimPrefix(p, "/bomb/")
			w.Header().Set("Content-Encoding", enc)
			_, _ = w.Write(pack(t, enc, zeros))
		case p == "/endless":
			for r.Context().Err() == nil {
				if _, err := w.Write(zeros[:64<<10]); err != nil {
					return
				}
			}
		case p == "/drip":
			for r.Context().Err() == nil {
				if _, err := w.Write([]byte("x")); err != nil {
					return
				}
				w.(http.Flusher).Flush()
				select {
				case <-r.Context().Done():
				case <-time.After(20 * time.Millisecond):
				}
			}
		case p == "/silent":
			<-r.Context().Done()
		case p == "/headers":
			for i := range 1500 {
				w.Header().Set("X-"+strconv.Itoa(i), "v")
			}
		case p == "/header-bytes":
			w.Header().Set("X-Long", strings.Repeat("x", 600<<10))
		case p == "/stacked":
			w.Header().Set("Content-Encoding", "gzip, gzip")
			_, _ = w.Write([]byte("x"))
		case p == "/bad-gzip":
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write([]byte("\x1f\x8bnot gzip at all"))
		case p == "/loop":
			http.Redirect(w, r, "/loop", http.StatusFound)
		case p == "/no-location":
			w.WriteHeader(http.StatusFound)
		case p == "/to-file":
			w.Header().Set("Location", "file:///etc/passwd")
			w.WriteHeader(http.StatusFound)
		case p == "/to-private":
			w.Header().Set("Location", "http://169.254.169.254/latest/meta-data/")
			w.WriteHeader(http.StatusFound)
		case p == "/cut":
			w.Header().Set("Content-Length", "1000")
			_, _ = w.Write([]byte("short"))
		case p == "/challenge":
			w.Header().Set("Cf-Mitigated", "challenge")
			w.WriteHeader(http.StatusForbidden)
		default:
			code, _ := strconv.Atoi(p[1:])
			w.WriteHeader(code)
		}
	})
	patient, hasty := newClient(t, Config{}), newClient(t, Config{Timeout: 300 * time.Millisecond})
	for _, tc := range []struct {
		path string
		want Class
		temp bool
	}{
		{"/bomb/gzip", ClassRatio, false},
		{"/bomb/br", ClassRatio, false},
		{"/bomb/zstd", ClassRatio, false},
		{"/endless", ClassTooBig, false},
		{"/drip", ClassTimeout, true},
		{"/silent", ClassTimeout, true},
		{"/headers", ClassTooBig, false},
		{"/header-bytes", ClassTooBig, false},
		{"/stacked", ClassEncoding, false},
		{"/bad-gzip", ClassEncoding, false},
		{"/loop", ClassRedirects, false},
		{"/no-location", ClassRedirects, false},
		{"/to-file", ClassScheme, false},
		{"/cut", ClassConnect, true},
		{"/challenge", ClassBlocked, false},
		{"/404", ClassHTTPStatus, false},
		{"/410", ClassHTTPStatus, false},
		{"/500", ClassHTTPStatus, true},
		{"/408", ClassHTTPStatus, true},
	} {
		t.Run(tc.path[1:], func(t *testing.T) {
			req := local(s.URL + tc.path)
			if tc.path == "/endless" {
				req.MaxBytes = 1 << 20
			}
			c := patient
			if tc.want == ClassTimeout { // the others must not depend on the clock
				c = hasty
			}
			resp, err := c.Get(t.Context(), req)
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("got %v, %v; want class %s", resp, err, tc.want)
			}
			if e.Class != tc.want || e.Temporary() != tc.temp {
				t.Errorf("got %s, temporary %v (%v); want %s, %v", e.Class, e.Temporary(), err, tc.want, tc.temp)
			}
		})
	}
}

func TestConnectErrors(t *testing.T) {
	s := serve(t, func(http.ResponseWriter, *http.Request) {})
	gone := s.URL
	s.Close()
	tlsServer := httptest.NewTLSServer(http.NotFoundHandler())
	defer tlsServer.Close()
	c := newClient(t, Config{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, tc := range []struct {
		name string
		ctx  context.Context
		url  string
		want Class
	}{
		{"refused", t.Context(), gone, ClassConnect},
		{"no trust", t.Context(), tlsServer.URL, ClassTLS},
		{"no such name", t.Context(), "http://newswatch.invalid/", ClassDNS},
		{"canceled", ctx, gone, ClassCanceled},
		{"ftp", t.Context(), "ftp://example.com/", ClassScheme},
		{"no host", t.Context(), "http:///x", ClassScheme},
		{"long", t.Context(), "http://example.com/" + strings.Repeat("x", 3000), ClassScheme},
		{"not an address", t.Context(), "http://user:secret@[::bad/", ClassScheme},
	} {
		_, err := c.Get(tc.ctx, local(tc.url))
		if got := ClassOf(err); got != tc.want {
			t.Errorf("%s: got %q (%v), want %q", tc.name, got, err, tc.want)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: the error tells the password: %v", tc.name, err)
		}
	}
}

func TestRedirects(t *testing.T) {
	var mu sync.Mutex
	auth := map[string]string{}
	other := serve(t, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		auth["other"] = r.Header.Get("Authorization")
		mu.Unlock()
		_, _ = io.WriteString(w, "moved")
	})
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		auth[r.URL.Path] = r.Header.Get("Authorization")
		mu.Unlock()
		if r.URL.Path == "/a" {
			http.Redirect(w, r, "/b", http.StatusMovedPermanently)
			return
		}
		http.Redirect(w, r, other.URL+"/c", http.StatusTemporaryRedirect)
	})
	at := strings.Replace(s.URL, "http://", "http://u:p@", 1)
	resp, err := newClient(t, Config{}).Get(t.Context(), local(at+"/a"))
	if err != nil {
		t.Fatal(err)
	}
	shown := strings.Replace(s.URL, "http://", "http://u:xxxxx@", 1)
	want := []Redirect{{shown + "/a", shown + "/b", 301}, {shown + "/b", other.URL + "/c", 307}}
	if diff := cmp.Diff(want, resp.Redirects); diff != "" {
		t.Errorf("redirects (-want +got):\n%s", diff)
	}
	if resp.URL != other.URL+"/c" || string(resp.Body) != "moved" {
		t.Errorf("got %s %q", resp.URL, resp.Body)
	}
	if auth["/a"] == "" || auth["/b"] == "" || auth["other"] != "" {
		t.Errorf("credentials must stay on their host: got %v", auth)
	}
}

func TestConnectionsAreKept(t *testing.T) {
	var mu sync.Mutex
	remotes := map[string]bool{}
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		remotes[r.RemoteAddr] = true
		mu.Unlock()
		if r.URL.Path == "/gone" {
			w.WriteHeader(http.StatusNotFound)
		}
		_, _ = io.WriteString(w, "x")
	})
	c := newClient(t, Config{})
	for range 5 {
		_, _ = c.Get(t.Context(), local(s.URL))
		_, _ = c.Get(t.Context(), local(s.URL+"/gone"))
	}
	if len(remotes) != 1 {
		t.Errorf("10 requests took %d connections, want 1", len(remotes))
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, tc := range []struct {
		in   string
		want time.Duration
	}{
		{"", 0}, {"120", 2 * time.Minute}, {" 5 ", 5 * time.Second}, {"-5", 0}, {"x", 0}, {"999999999999999999999", 0},
		{"316800", 24 * time.Hour},
		{"Fri, 02 Jan 2026 03:05:05 GMT", time.Minute}, {"Fri, 02 Jan 2026 03:00:05 GMT", 0},
	} {
		if got := retryAfter(tc.in, now); got != tc.want {
			t.Errorf("%q: got %v, want %v", tc.in, got, tc.want)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, enc := range []string{"gzip", "br", "zstd", "deflate"} {
		f.Add(enc, pack(f, enc, []byte(strings.Repeat("news ", 100))))
	}
	f.Add("gzip", pack(f, "gzip", make([]byte, 2<<20)))
	f.Fuzz(func(t *testing.T, enc string, body []byte) {
		hr := &http.Response{Header: http.Header{"Content-Encoding": {enc}}, Body: io.NopCloser(bytes.NewReader(body))}
		const limit = 3 << 20
		if out, _ := readBody(hr, limit, 100); len(out) > limit {
			t.Errorf("%d bytes, over the limit", len(out))
		}
	})
}

// Whatever a server asks for, the wait is one that ends.
func FuzzRetryAfter(f *testing.F) {
	for _, v := range []string{"", "120", "-5", "1e9", "NaN", "+Inf", "9999999999999999999", "1h30m", "Wed, 16 Dec 2015 09:00:00 GMT", "Fri, 31 Dec 9999 23:59:59 GMT"} {
		f.Add(v)
	}
	now := time.Date(2015, 12, 16, 8, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, v string) {
		if d := retryAfter(v, now); d < 0 || d > maxRetryAfter {
			t.Errorf("%q: %v", v, d)
		}
	})
}
