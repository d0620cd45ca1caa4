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

	"github.com/newswatch/newswatch/web"
)

// reindexed runs the command against a server that answers with one state after
// the other.
func reindexed(t *testing.T, ctx context.Context, states [][]web.ReextractProgress, args ...string) (code int, stdout, stderr, asked string) {
	t.Helper()
	n := 0
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		answer := map[string]any{"id": "r1", "processes": []web.ReextractProgress{}}
		switch r.Method {
		case http.MethodPost:
			var b bytes.Buffer
			b.ReadFrom(r.Body)
			asked = b.String()
		case http.MethodDelete:
			w.WriteHeader(http.StatusNoContent)
			return
		default:
			answer["processes"] = states[min(n, len(states)-1)]
			n++
		}
		json.NewEncoder(w).Encode(answer)
	}))
	defer s.Close()
	var out, errs strings.Builder
	root := newRoot()
	root.SetOut(&out)
	root.SetErr(&errs)
	code = execute(ctx, root, append(append([]string{"reindex"}, args...), "--server", s.URL))
	return code, out.String(), errs.String(), asked
}

func TestReindex(t *testing.T) {
	running := web.ReextractProgress{State: web.ReextractRunning, Pages: 1}
	done := web.ReextractProgress{State: web.ReextractDone, Pages: 5, Changed: 2, Same: 2, Skipped: 1}
	none := web.ReextractProgress{State: web.ReextractNone}
	failed := web.ReextractProgress{State: web.ReextractFailed, Process: "b", Error: "the disk is gone", Pages: 1}
	tests := []struct {
		name                string
		args                []string
		states              [][]web.ReextractProgress
		code                int
		stdout, stderr, ask string
	}{
		{"done", []string{"--extract", "--since", "2026-03-01", "--source", "town"}, [][]web.ReextractProgress{{}, {running}, {done, none}}, exitDone,
			"5 pages read: 2 changed, 2 same, 1 skipped\n", "", `{"since":"2026-03-01","source":"town"}`},
		{"dry run", []string{"--extract", "--dry-run"}, [][]web.ReextractProgress{{done}}, exitDone,
			"5 pages read: 2 would change, 2 same, 1 skipped\n", "", `{"dry_run":true}`},
		{"one fails", []string{"--extract"}, [][]web.ReextractProgress{{done, failed}}, exitFailed,
			"6 pages read: 2 changed, 2 same, 1 skipped\n", "process b: the disk is gone", `{}`},
		{"none kept", []string{"--extract"}, [][]web.ReextractProgress{{none}}, exitFailed, "", "extract.archive.enabled is off", `{}`},
		{"stop", []string{"--extract", "--stop"}, nil, exitDone, "", "", ""},
		{"stop some", []string{"--extract", "--stop", "--source", "x"}, nil, exitUsage, "", "--stop goes with no other selection", ""},
		{"without --extract", nil, nil, exitUsage, "", "reindex builds no index yet: want --extract", ""},
	}
	for _, tt := range tests {
		code, stdout, stderr, asked := reindexed(t, t.Context(), tt.states, tt.args...)
		if code != tt.code || stdout != tt.stdout || !strings.Contains(stderr, tt.stderr) || asked != tt.ask {
			t.Errorf("%s: code %d, want %d\nstdout %q\nwant   %q\nstderr %q\nwant   %q in it\nasked %s\nwant  %s", tt.name, code, tt.code, stdout, tt.stdout, stderr, tt.stderr, asked, tt.ask)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	code, _, stderr, _ := reindexed(t, ctx, [][]web.ReextractProgress{{running}}, "--extract")
	if code != exitFailed || !strings.Contains(stderr, "newswatch goes on with it") {
		t.Errorf("interrupted: code %d, %q", code, stderr)
	}
}
