package web

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/newswatch/newswatch/pipeline"
)

func TestCheckListen(t *testing.T) {
	for _, tc := range []struct {
		addr string
		auth bool
		want error
	}{
		{"127.0.0.1:8080", false, nil},
		{"127.9.8.7:0", false, nil},
		{"[::1]:8080", false, nil},
		{"[::ffff:127.0.0.1]:8080", false, nil},
		{"localhost:8080", false, nil},
		{"LOCALHOST.:8080", false, nil},
		{":8080", false, ErrOpenListen},
		{"0.0.0.0:8080", false, ErrOpenListen},
		{"[::]:8080", false, ErrOpenListen},
		{"192.168.1.5:8080", false, ErrOpenListen},
		{"[fe80::1%eth0]:8080", false, ErrOpenListen},
		{"localhost.example:8080", false, ErrOpenListen},
		{"news.example:8080", false, ErrOpenListen},
		{":8080", true, nil},
		{"0.0.0.0:8080", true, nil},
		{"news.example:443", true, nil},
	} {
		if err := CheckListen(tc.addr, tc.auth); !errors.Is(err, tc.want) || (err != nil) != (tc.want != nil) {
			t.Errorf("CheckListen(%q, %v) = %v, want %v", tc.addr, tc.auth, err, tc.want)
		}
	}
	if err := CheckListen("127.0.0.1", true); err == nil {
		t.Error("an address without port passed")
	}
}

func TestHostIsChecked(t *testing.T) {
	for _, tc := range []struct {
		cfg  Config
		host string
		want int
	}{
		{Config{}, "localhost:8080", 200},
		{Config{}, "127.0.0.1:8080", 200},
		{Config{}, "127.3.2.1", 200},
		{Config{}, "[::1]:8080", 200},
		{Config{}, "[::1]", 200},
		{Config{}, "rebound.example:8080", 421},
		{Config{}, "127.0.0.1.rebound.example", 421},
		{Config{}, "localhost.rebound.example", 421},
		{Config{}, "192.168.1.5:8080", 421},
		{Config{}, "", 421},
		{Config{Listen: "127.0.0.1:8080"}, "rebound.example", 421},
		{Config{Listen: "0.0.0.0:8080", Token: "0123456789abcdef"}, "news.example", 200},
		{Config{Listen: "127.0.0.1:8080", Token: "0123456789abcdef"}, "news.example", 200},
	} {
		s := serverOf(t, newWorld(t).deps(), tc.cfg)
		for _, path := range []string{"/", "/api/v1/search", "/metrics"} {
			r := httptest.NewRequest(http.MethodGet, path, nil)
			r.Host = tc.host
			r.Header.Set("Authorization", "Bearer 0123456789abcdef")
			w := httptest.NewRecorder()
			s.Handler().ServeHTTP(w, r)
			if w.Code != tc.want {
				t.Errorf("%+v: Host %q: %s: %d, want %d", tc.cfg, tc.host, path, w.Code, tc.want)
			}
		}
	}
}

func TestToken(t *testing.T) {
	const token = "correct horse battery"
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(token+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := serverOf(t, newWorld(t).deps(), Config{TokenFile: file})
	basic := func(user, pass string) string {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.SetBasicAuth(user, pass)
		return r.Header.Get("Authorization")
	}
	for _, tc := range []struct {
		header string
		want   int
	}{
		{"", 401},
		{"Bearer " + token, 200},
		{"bearer " + token, 200},
		{basic("anyone", token), 200},
		{"Bearer " + token + "x", 401},
		{"Bearer", 401},
		{token, 401},
		{basic(token, ""), 401},
		{basic("", "wrong"), 401},
	} {
		for _, path := range []string{"/", "/api/v1/search", "/metrics", "/readyz", "/openapi.json", assets["style.css"].url} {
			res := get(s, path, "Authorization", tc.header)
			if res.Code != tc.want {
				t.Errorf("%s with %q: %d, want %d", path, tc.header, res.Code, tc.want)
			}
			if tc.want == 401 && len(res.Header().Values("WWW-Authenticate")) != 2 {
				t.Errorf("%s: no challenge", path)
			}
		}
		if res := get(s, "/livez", "Authorization", tc.header); res.Code != 200 {
			t.Errorf("/livez with %q: %d", tc.header, res.Code)
		}
	}
	checkPage(t, get(s, "/").Body.String())

	for name, cfg := range map[string]Config{
		"short":   {Token: "0123456789"},
		"missing": {TokenFile: file + "x"},
	} {
		if _, err := New(slog.New(slog.DiscardHandler), prometheus.NewRegistry(), Deps{}, cfg); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestOtherSitesMayNotChangeAnything(t *testing.T) {
	w := newWorld(t)
	s := serverOf(t, w.deps(), Config{})
	for _, tc := range []struct {
		header, value string
		refused       bool
	}{
		{"Sec-Fetch-Site", "cross-site", true},
		{"Sec-Fetch-Site", "same-site", true},
		{"Origin", "https://evil.example", true},
		{"Origin", "null", true},
		{"Sec-Fetch-Site", "same-origin", false},
		{"Sec-Fetch-Site", "none", false},
		{"Origin", "http://localhost:8080", false},
		{"X-None", "a program", false},
	} {
		for _, call := range []struct{ method, path string }{
			{"POST", "/status/dead/7/replay"}, {"POST", "/status/dead/7/drop"}, {"POST", "/api/v1/dead/7:replay"},
			{"DELETE", "/api/v1/dead/7"}, {"POST", "/api/v1/articles"}, {"POST", "/api/v1/apply"}, {"PUT", "/api/v1/channels/x"},
		} {
			before := len(w.replayed) + len(w.dropped)
			res := do(s, call.method, call.path, "", tc.header, tc.value)
			if (res.Code == 403) != tc.refused {
				t.Errorf("%s %s with %s: %s: %d", call.method, call.path, tc.header, tc.value, res.Code)
			}
			if tc.refused && len(w.replayed)+len(w.dropped) != before {
				t.Errorf("%s %s was refused and done", call.method, call.path)
			}
		}
		if res := get(s, "/api/v1/search", tc.header, tc.value); res.Code != 200 {
			t.Errorf("reading with %s: %s: %d", tc.header, tc.value, res.Code)
		}
	}
}

func TestHealth(t *testing.T) {
	deps := newWorld(t).deps()
	s := serverOf(t, deps, Config{})
	if res := get(s, "/livez"); res.Code != 200 || res.Body.String() != "ok\n" {
		t.Errorf("livez: %d %q", res.Code, res.Body)
	}
	if res := get(s, "/readyz?verbose"); res.Code != 200 || res.Body.String() != "[+] bus ok\n[+] index ok\nok\n" {
		t.Errorf("readyz: %d %q", res.Code, res.Body)
	}
	deps.Ready = func(context.Context) []Check {
		return []Check{{Name: "bus"}, {Name: "index", Err: errors.New("behind\nby 7")}}
	}
	s = serverOf(t, deps, Config{})
	if res := get(s, "/readyz"); res.Code != 503 || res.Body.String() != "not ready\n" {
		t.Errorf("readyz: %d %q", res.Code, res.Body)
	}
	if res := get(s, "/readyz?verbose"); res.Code != 503 || res.Body.String() != "[+] bus ok\n[-] index: behind by 7\nnot ready\n" {
		t.Errorf("readyz: %d %q", res.Code, res.Body)
	}
	get(s, "/api/v1/nothing")
	res := get(s, "/metrics")
	for _, want := range []string{
		`newswatch_web_requests_total{area="api",class="4xx"} 1`,
		`newswatch_web_requests_total{area="page",class="5xx"} 0`,
		`newswatch_web_request_duration_seconds_count{area="ops"} 2`,
		"newswatch_web_panics_total 0",
	} {
		if !strings.Contains(res.Body.String(), want) {
			t.Errorf("no %s in the metrics", want)
		}
	}
}

// answeringHalf writes half an answer and panics.
type answeringHalf struct{ *world }

func (a answeringHalf) Article(context.Context, string) (pipeline.Article, error) { panic("half") }

func TestPanicOfAPage(t *testing.T) {
	deps := newWorld(t).deps()
	deps.Articles = answeringHalf{newWorld(t)}
	s := serverOf(t, deps, Config{})
	res := get(s, "/articles/x")
	if res.Code != 500 || strings.Contains(res.Body.String(), "half") {
		t.Errorf("%d %s", res.Code, res.Body)
	}
	checkPage(t, res.Body.String())
	if got := get(s, "/metrics").Body.String(); !strings.Contains(got, "newswatch_web_panics_total 1") {
		t.Error("the panic was not counted")
	}
}

func TestCompression(t *testing.T) {
	s := serverOf(t, newWorld(t).deps(), Config{})
	for path, want := range map[string]string{"/": "gzip", "/api/v1/search": "gzip", "/livez": ""} {
		res := get(s, path, "Accept-Encoding", "gzip")
		if got := res.Header().Get("Content-Encoding"); got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
}

func TestServe(t *testing.T) {
	s := serverOf(t, newWorld(t).deps(), Config{})
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx, ln) }()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+ln.Addr().String()+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, res.Body)
	res.Body.Close()
	if res.StatusCode != 200 {
		t.Error(res.Status)
	}
	stop()
	select {
	case err := <-served:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(time.Minute):
		t.Fatal("does not stop")
	}

	open, err := net.Listen("tcp", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Serve(t.Context(), open); !errors.Is(err, ErrOpenListen) {
		t.Errorf("served beyond loopback without token: %v", err)
	}
}
