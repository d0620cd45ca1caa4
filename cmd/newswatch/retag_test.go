package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/newswatch/newswatch/pipeline"
)

// against runs a command against a server that answers retag with one list of
// passes after the other.
func against(t *testing.T, ctx context.Context, states [][]pipeline.RetagPass, args ...string) (code int, stdout, stderr, asked string) {
	t.Helper()
	n := 0
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if r.Method == http.MethodGet {
			json.NewEncoder(w).Encode(map[string]any{"items": states[min(n, len(states)-1)]})
			n++
			return
		}
		var b bytes.Buffer
		b.ReadFrom(r.Body)
		asked = strings.TrimSpace(r.Method + " " + r.URL.String() + " " + b.String())
		if r.Method == http.MethodDelete {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		w.WriteHeader(http.StatusAccepted)
		json.NewEncoder(w).Encode(pipeline.RetagRequest{ID: "r1"})
	}))
	defer s.Close()
	var out, errs strings.Builder
	root := newRoot()
	root.SetOut(&out)
	root.SetErr(&errs)
	code = execute(ctx, root, append(args, "--server", s.URL))
	return code, out.String(), errs.String(), asked
}

func TestRetag(t *testing.T) {
	other := pipeline.RetagPass{N: 1, Request: "r0", State: pipeline.RetagRunning}
	running := pipeline.RetagPass{N: 2, Request: "r1", State: pipeline.RetagRunning, Candidates: 10, Looked: 4}
	done := pipeline.RetagPass{N: 2, Request: "r1", State: pipeline.RetagDone, Candidates: 10, Looked: 10, Changed: 3}
	second := pipeline.RetagPass{N: 3, Request: "r1", State: pipeline.RetagDone, Candidates: 5, Looked: 5, Failed: 1}
	for _, tt := range []struct {
		name                string
		args                []string
		states              [][]pipeline.RetagPass
		code                int
		stdout, stderr, ask string
	}{
		{"begun", []string{"retag"}, nil, exitDone, "asked for; newswatch get status or the pages show how it goes\n", "", "POST /api/v1/retag {}"},
		{"waited for", []string{"retag", "huawei", "zte", "--alert", "--wait"}, [][]pipeline.RetagPass{{}, {other}, {other, running}, {second, done, other}}, exitDone,
			"15 of 15 articles looked at, 3 tagged anew, 1 too large for their tags\n", "", `POST /api/v1/retag {"entities":["huawei","zte"],"alert":true}`},
		{"no id", []string{"retag", ""}, nil, exitUsage, "", "an id is empty", ""},
		{"deleted with its tags", []string{"delete", "entity", "huawei"}, nil, exitDone, "deleted entity huawei\n", "", "DELETE /api/v1/entities/huawei?tags=remove"},
		{"deleted without its tags", []string{"delete", "entity", "huawei", "--tags", "keep"}, nil, exitDone, "deleted entity huawei\n", "", "DELETE /api/v1/entities/huawei?tags=keep"},
		{"tags of a watch", []string{"delete", "watch", "w", "--tags", "keep"}, nil, exitUsage, "", "only entities have tags", ""},
		{"tags burnt", []string{"delete", "entity", "huawei", "--tags", "burn"}, nil, exitUsage, "", "want remove, keep", ""},
	} {
		code, stdout, stderr, asked := against(t, t.Context(), tt.states, tt.args...)
		if code != tt.code || stdout != tt.stdout || !strings.Contains(stderr, tt.stderr) || asked != tt.ask {
			t.Errorf("%s: code %d, want %d\nstdout %q\nwant   %q\nstderr %q\nwant   %q in it\nasked %s\nwant  %s", tt.name, code, tt.code, stdout, tt.stdout, stderr, tt.stderr, asked, tt.ask)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	code, _, stderr, _ := against(t, ctx, [][]pipeline.RetagPass{{running}}, "retag", "--wait")
	if code != exitFailed || !strings.Contains(stderr, "newswatch goes on with it") {
		t.Errorf("interrupted: code %d, %q", code, stderr)
	}
}
