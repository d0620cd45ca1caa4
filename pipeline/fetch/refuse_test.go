package fetch

import (
	"errors"
	"io"
	"log"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func quiet() *log.Logger { return log.New(io.Discard, "", 0) }

// A body of a kind that is not wanted is not read, however long it is.
func TestOnly(t *testing.T) {
	var sent atomic.Int64
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if kind := r.URL.Query().Get("type"); kind != "none" {
			w.Header().Set("Content-Type", kind)
		} else {
			w.Header()["Content-Type"] = nil
		}
		if r.URL.Path == "/moved" {
			http.Redirect(w, r, "/?type=text/html", http.StatusFound)
			return
		}
		if r.URL.Path == "/gone" {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		chunk := make([]byte, 64<<10)
		for range 16 {
			n, err := w.Write(chunk)
			sent.Add(int64(n))
			if err != nil {
				return
			}
		}
		for r.Context().Err() == nil && r.URL.Path == "/film" {
			n, _ := w.Write(chunk)
			sent.Add(int64(n))
		}
	})
	c := newClient(t, Config{MaxBytes: 4 << 20})
	for _, tc := range []struct {
		path string
		want Class
		kind string
	}{
		{"/?type=text/html%3Bcharset=utf-8", "", ""},
		{"/?type=none", "", ""},
		{"/moved?type=video/mp4", "", ""}, // what a redirect carries is nobody's body
		{"/film?type=video/mp4", ClassType, "video/mp4"},
		{"/film?type=Application/PDF%3Bx=1", ClassType, "application/pdf"},
		{"/gone?type=application/pdf", ClassHTTPStatus, ""},
	} {
		req := local(s.URL + tc.path)
		req.Only = func(mt string) bool { return mt == "" || mt == "text/html" }
		resp, err := c.Get(t.Context(), req)
		if got := ClassOf(err); got != tc.want {
			t.Errorf("%s: got %q (%v), want %q", tc.path, got, err, tc.want)
		}
		var e *Error
		if errors.As(err, &e) && (e.MediaType != tc.kind || len(resp.Body) != 0 || e.Temporary()) {
			t.Errorf("%s: got media type %q, %d bytes, temporary %v", tc.path, e.MediaType, len(resp.Body), e.Temporary())
		}
	}
}

func TestChallenges(t *testing.T) {
	long := "<html>" + strings.Repeat("<p>news of the day</p>", 3000)
	for _, tc := range []struct {
		name   string
		status int
		header string // name: value
		body   string
		want   Class
		by     string
	}{
		{"cloudflare header", 403, "Cf-Mitigated: challenge", "", ClassBlocked, "Cloudflare"},
		{"cloudflare body", 503, "", `<script src="/cdn-cgi/challenge-platform/h/g/orchestrate/chl_page">`, ClassBlocked, "Cloudflare"},
		{"cloudflare, a good page", 200, "", `<p>news</p><script src="/cdn-cgi/challenge-platform/scripts/jsd/main.js">`, "", ""},
		{"ddos-guard", 403, "Server: ddos-guard", `<title>DDoS-Guard</title>`, ClassBlocked, "DDoS-Guard"},
		{"ddos-guard, as an answer", 200, "", `<script src="/.well-known/ddos-guard/js-challenge/index.js">`, ClassBlocked, "DDoS-Guard"},
		{"ddos-guard, plainly forbidden", 403, "Server: ddos-guard", `no`, ClassHTTPStatus, ""},
		{"qrator", 401, "", `<script src="/__qrator/qauth_utm_v2.js">`, ClassBlocked, "Qrator"},
		{"aliyun", 200, "", `<html><script>var arg1='A7';function setCookie(){"acw_sc__v2"}</script>`, ClassBlocked, "Aliyun"},
		{"aliyun named in an article", 200, "", long + "acw_sc__v2", "", ""},
		{"aws", 202, "X-Amzn-Waf-Action: challenge", "", ClassBlocked, "AWS"},
		{"datadome", 403, "", `geo.captcha-delivery.com`, ClassBlocked, "DataDome"},
		{"forbidden", 403, "", `no`, ClassHTTPStatus, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "text/html")
				if k, v, ok := strings.Cut(tc.header, ": "); ok {
					w.Header().Set(k, v)
				}
				w.WriteHeader(tc.status)
				_, _ = io.WriteString(w, tc.body)
			})
			_, err := newClient(t, Config{}).Get(t.Context(), local(s.URL))
			if got := ClassOf(err); got != tc.want {
				t.Fatalf("got %q (%v), want %q", got, err, tc.want)
			}
			if tc.by != "" && !strings.Contains(err.Error(), tc.by) {
				t.Errorf("%v does not name %s", err, tc.by)
			}
		})
	}
}

// All spellings of a host share its turns and its rules.
func TestOneHostOneSpelling(t *testing.T) {
	for _, tc := range []struct{ in, host, key string }{
		{"http://Example.COM./x", "example.com", "example.com"},
		{"https://example.com:443/", "example.com:443", "example.com"},
		{"http://example.com:8080/", "example.com:8080", "example.com:8080"},
		{"http://НОВОСТИ.рф/", "xn--b1amnebsh.xn--p1ai", "xn--b1amnebsh.xn--p1ai"},
		{"http://１２７。0.0.1/", "127.0.0.1", "127.0.0.1"},
		{"http://[2001:DB8::1]/", "[2001:db8::1]", "2001:db8::1"},
		{"http://[2001:DB8::1]:8080/", "[2001:db8::1]:8080", "[2001:db8::1]:8080"},
	} {
		u, err := parseURL(tc.in)
		if err != nil {
			t.Errorf("%s: %v", tc.in, err)
			continue
		}
		if u.Host != tc.host || hostKey(u) != tc.key {
			t.Errorf("%s: got %q, key %q; want %q, %q", tc.in, u.Host, hostKey(u), tc.host, tc.key)
		}
	}
	for _, bad := range []string{"http://./", "http://\u00ad/", "http://xn--a\u0301\u0378/"} {
		if _, err := parseURL(bad); ClassOf(err) != ClassScheme {
			t.Errorf("%q: got %v, want %s", bad, err, ClassScheme)
		}
	}
}

// The final address has no credentials: links are resolved against it.
func TestCredentialsStayOutOfTheAddress(t *testing.T) {
	s := serve(t, func(http.ResponseWriter, *http.Request) {})
	resp, err := newClient(t, Config{}).Get(t.Context(), local(strings.Replace(s.URL, "http://", "http://u:secret@", 1)+"/a"))
	if err != nil || resp.URL != s.URL+"/a" {
		t.Errorf("got %+v, %v", resp, err)
	}
}

// A server that sets cookies gets none back.
func TestNoCookies(t *testing.T) {
	var got atomic.Int32
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		got.Add(int32(len(r.Cookies())))
		http.SetCookie(w, &http.Cookie{Name: "id", Value: "1", Expires: time.Now().Add(time.Hour)})
		if r.URL.Path == "/a" {
			http.Redirect(w, r, "/b", http.StatusFound)
		}
	})
	c := newClient(t, Config{})
	for range 2 {
		if _, err := c.Get(t.Context(), local(s.URL+"/a")); err != nil {
			t.Fatal(err)
		}
	}
	if n := got.Load(); n != 0 {
		t.Errorf("%d cookies came back", n)
	}
}
