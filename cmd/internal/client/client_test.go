package client

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// serve answers every request with the status, content type and body.
func serve(t *testing.T, status int, contentType, body string) *Client {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		io.WriteString(w, body)
	}))
	t.Cleanup(srv.Close)
	return New(srv.URL, "")
}

func TestProblem(t *testing.T) {
	const problemType = "application/problem+json; charset=utf-8"
	at := 7
	tests := []struct {
		name   string
		status int
		body   string
		want   Problem
		text   string
	}{
		{
			"detail", 404, `{"title":"Not Found","status":404,"detail":"There is no entity x."}`,
			Problem{Title: "Not Found", Status: 404, Detail: "There is no entity x."},
			"There is no entity x.",
		},
		{
			"title only", 409, `{"title":"Conflict"}`,
			Problem{Title: "Conflict", Status: 409},
			"Conflict",
		},
		{
			"the answer's status counts", 503, `{"title":"Busy","status":200}`,
			Problem{Title: "Busy", Status: 503},
			"Busy",
		},
		{
			"position in a query", 400, `{"title":"Query not understood","status":400,"detail":"expected a )","position":7}`,
			Problem{Title: "Query not understood", Status: 400, Detail: "expected a )", Position: &at},
			"expected a )",
		},
		{
			"parameters", 422, `{"title":"Unprocessable Entity","status":422,"detail":"validation failed","errors":[{"message":"expected number <= 200","location":"query.limit","value":500},{"message":"too long","location":"body.names[0]"}]}`,
			Problem{Title: "Unprocessable Entity", Status: 422, Detail: "validation failed", Errors: []Detail{
				{"expected number <= 200", "query.limit"}, {"too long", "body.names[0]"},
			}},
			"validation failed\n  limit: expected number <= 200\n  names[0]: too long",
		},
		{
			"lines of a file, which name themselves", 422, `{"detail":"Nothing was changed: 2 things are wrong.","errors":[{"message":"cat.yaml:7: bad kind","location":"line 7"},{"message":"cat.yaml:9: no query","location":"line 9"}]}`,
			Problem{Status: 422, Detail: "Nothing was changed: 2 things are wrong.", Errors: []Detail{
				{"cat.yaml:7: bad kind", "line 7"}, {"cat.yaml:9: no query", "line 9"},
			}},
			"Nothing was changed: 2 things are wrong.\n  cat.yaml:7: bad kind\n  cat.yaml:9: no query",
		},
		{
			"said once", 422, `{"detail":"Nothing was changed: cat.yaml:7: bad kind","errors":[{"message":"cat.yaml:7: bad kind","location":"line 7"}]}`,
			Problem{Status: 422, Detail: "Nothing was changed: cat.yaml:7: bad kind", Errors: []Detail{{"cat.yaml:7: bad kind", "line 7"}}},
			"Nothing was changed: cat.yaml:7: bad kind",
		},
		{
			"token wanted", 401, `{"title":"Unauthorized","status":401,"detail":"A token is needed."}`,
			Problem{Title: "Unauthorized", Status: 401, Detail: "A token is needed."},
			"A token is needed.\n  Give it in NEWSWATCH_TOKEN or with --token-file.",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := serve(t, tt.status, problemType, tt.body)
			var out map[string]any
			err := c.Get(context.Background(), "/api/v1/x", nil, &out)
			var got *Problem
			if !errors.As(err, &got) {
				t.Fatalf("error is %v, want a problem", err)
			}
			if diff := cmp.Diff(&tt.want, got); diff != "" {
				t.Error(diff)
			}
			if got := err.Error(); got != tt.text {
				t.Errorf("says %q, want %q", got, tt.text)
			}
			if out != nil {
				t.Errorf("decoded %v", out)
			}
		})
	}
}

// Something else may listen on the port, or stand in front.
func TestNotNewswatch(t *testing.T) {
	tests := []struct {
		name        string
		status      int
		contentType string
		body, want  string
	}{
		{"a page", 200, "text/html", "<html>Welcome</html>", "not newswatch: 200 OK"},
		{"an error page", 502, "text/html", "<html>Bad Gateway</html>", "not newswatch: 502 Bad Gateway"},
		{"an error in words", 404, "text/plain; charset=utf-8", "404 page not found\n", "not newswatch: 404 Not Found, 404 page not found"},
		{"a long text", 500, "text/plain", strings.Repeat("trace ", 1000), "not newswatch: 500 Internal Server Error"},
		{"JSON that is no problem", 400, "application/json", `{"error":"x"}`, "not newswatch: 400 Bad Request"},
		{"a broken problem", 500, "application/problem+json", `{"title":`, "not newswatch: 500 Internal Server Error"},
		{"nothing at all", 500, "", "", "not newswatch: 500 Internal Server Error"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := serve(t, tt.status, tt.contentType, tt.body)
			for _, out := range []any{&map[string]any{}, &json.RawMessage{}} {
				err := c.Get(context.Background(), "/api/v1/x", nil, out)
				if !errors.Is(err, ErrNotNewswatch) || !strings.HasSuffix(err.Error(), tt.want) {
					t.Errorf("into %T: error is %q, want …%q", out, err, tt.want)
				}
				var p *Problem
				if errors.As(err, &p) {
					t.Errorf("taken for a problem: %v", p)
				}
			}
		})
	}
}

func TestNotRunning(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := ln.Addr().String()
	ln.Close()
	for _, server := range []string{"http://" + addr, "http://" + addr + "/", addr} {
		err := New(server, "").Get(context.Background(), "/api/v1/status", nil, nil)
		if !errors.Is(err, ErrNotRunning) {
			t.Errorf("%s: error is %v, want ErrNotRunning", server, err)
			continue
		}
		if text := err.Error(); !strings.HasPrefix(text, "http://"+addr+": ") || !strings.Contains(text, "newswatch run") {
			t.Errorf("%s: says %q, want the address and what to do", server, text)
		}
	}
}

func TestBadServer(t *testing.T) {
	for _, server := range []string{"", "http://", "ftp://127.0.0.1", "http://[::1", "127.0.0.1:port"} {
		if err := New(server, "").Get(context.Background(), "/api/v1/status", nil, nil); err == nil || errors.Is(err, ErrNotRunning) {
			t.Errorf("server %q: error is %v, want one of the address", server, err)
		}
	}
}

// A request is what was asked for, with the token and nothing else of ours.
func TestRequest(t *testing.T) {
	type request struct{ Method, Path, Query, Token, ContentType, Body string }
	var got request
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = request{r.Method, r.URL.EscapedPath(), r.URL.RawQuery, r.Header.Get("Authorization"), r.Header.Get("Content-Type"), string(body)}
		if r.Method == http.MethodDelete {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, `{"n":3}`)
	}))
	defer srv.Close()
	ctx := context.Background()

	var out struct{ N int }
	err := New(srv.URL+"/", "sesame").Get(ctx, "/api/v1/search", url.Values{"q": {"华为 a&b"}}, &out)
	if err != nil || out.N != 3 {
		t.Errorf("got %+v, %v", out, err)
	}
	if diff := cmp.Diff(request{"GET", "/api/v1/search", "q=%E5%8D%8E%E4%B8%BA+a%26b", "Bearer sesame", "", ""}, got); diff != "" {
		t.Error(diff)
	}
	if err := New(srv.URL, "").Do(ctx, http.MethodPost, "/api/v1/articles?alert=true", "application/jsonl", strings.NewReader("{}\n"), &out); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff(request{"POST", "/api/v1/articles", "alert=true", "", "application/jsonl", "{}\n"}, got); diff != "" {
		t.Error(diff)
	}
	if err := New(srv.URL, "").Do(ctx, http.MethodDelete, "/api/v1/dead/a%2Fb", "", nil, nil); err != nil {
		t.Error(err)
	}
	if got.Path != "/api/v1/dead/a%2Fb" {
		t.Errorf("path is %s, want the id escaped", got.Path)
	}
	var raw json.RawMessage
	if err := New(srv.URL, "").Get(ctx, "/api/v1/x", nil, &raw); err != nil || string(raw) != `{"n":3}` {
		t.Errorf("raw is %s, %v", raw, err)
	}
}

func TestBrokenAnswer(t *testing.T) {
	var out struct{ N int }
	for name, body := range map[string]string{"cut off": `{"n":`, "empty": "", "another shape": `[1]`} {
		err := serve(t, 200, "application/json", body).Get(context.Background(), "/api/v1/x", nil, &out)
		if err == nil || !strings.Contains(err.Error(), "answer of /api/v1/x") {
			t.Errorf("%s: error is %v", name, err)
		}
	}
	// A connection that breaks within the body is an error for raw answers too.
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", "100")
		io.WriteString(w, `{"n":3}`)
	}))
	defer srv.Close()
	var raw json.RawMessage
	if err := New(srv.URL, "").Get(context.Background(), "/api/v1/x", nil, &raw); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("cut off raw answer: error is %v, want unexpected EOF", err)
	}
}

func TestContext(t *testing.T) {
	release := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	defer srv.Close()
	defer close(release)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if err := New(srv.URL, "").Get(ctx, "/api/v1/x", nil, nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error is %v, want the deadline's", err)
	}
}
