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

// reindexed runs the command against a server that answers with one state of
// the processes after the other.
func reindexed[P any](t *testing.T, ctx context.Context, states [][]P, args ...string) (code int, stdout, stderr, asked string) {
	t.Helper()
	n := 0
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		answer := map[string]any{"id": "r1", "processes": []P{}}
		switch r.Method {
		case http.MethodPost:
			var b bytes.Buffer
			b.ReadFrom(r.Body)
			asked = r.URL.Path + " " + b.String()
		case http.MethodDelete:
			asked = "DELETE " + r.URL.Path
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

// askedReextract is what the server is asked: nothing, or the path and what is sent there.
func askedReextract(body string) string { return "/api/v1/reextract " + body }

func TestReindexExtract(t *testing.T) {
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
			"5 pages read: 2 changed, 2 same, 1 skipped\n", "", askedReextract(`{"since":"2026-03-01","source":"town"}`)},
		{"dry run", []string{"--extract", "--dry-run"}, [][]web.ReextractProgress{{done}}, exitDone,
			"5 pages read: 2 would change, 2 same, 1 skipped\n", "", askedReextract(`{"dry_run":true}`)},
		{"one fails", []string{"--extract"}, [][]web.ReextractProgress{{done, failed}}, exitFailed,
			"6 pages read: 2 changed, 2 same, 1 skipped\n", "process b: the disk is gone", askedReextract(`{}`)},
		{"none kept", []string{"--extract"}, [][]web.ReextractProgress{{none}}, exitFailed, "", "extract.archive.enabled is off", askedReextract(`{}`)},
		{"stop", []string{"--extract", "--stop"}, nil, exitDone, "", "", "DELETE /api/v1/reextract"},
		{"stop some", []string{"--extract", "--stop", "--source", "x"}, nil, exitUsage, "", "--stop goes with no other selection", ""},
		{"--all", []string{"--extract", "--all"}, nil, exitUsage, "", "--all is for the index", ""},
		{"--wait", []string{"--extract", "--wait=false"}, nil, exitUsage, "", "--wait does not go with --extract", ""},
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

func TestReindex(t *testing.T) {
	running := web.ReindexProgress{State: web.ReindexRunning, Partition: "2026-11", Partitions: 3, PartitionsDone: 1, Documents: 900, DocumentsDone: 350}
	done := web.ReindexProgress{State: web.ReindexDone, Partitions: 3, PartitionsDone: 3, Documents: 900, DocumentsDone: 900}
	nothing := web.ReindexProgress{State: web.ReindexDone}
	failed := web.ReindexProgress{State: web.ReindexFailed, Process: "b", Error: "the disk is full", Partitions: 3, PartitionsDone: 1, DocumentsDone: 300}
	const path = "/api/v1/reindex "
	tests := []struct {
		name                string
		args                []string
		states              [][]web.ReindexProgress
		code                int
		stdout, stderr, ask string
	}{
		{"done", nil, [][]web.ReindexProgress{{}, {running}, {done}}, exitDone,
			"3 partitions with 900 articles made anew\n", "1 of 3 partitions, 350 of 900 articles, now 2026-11\n", path + `{"all":false}`},
		{"all, of two", []string{"--all"}, [][]web.ReindexProgress{{done, done}}, exitDone,
			"6 partitions with 1800 articles made anew\n", "", path + `{"all":true}`},
		{"nothing to do", nil, [][]web.ReindexProgress{{nothing}}, exitDone,
			"nothing to do: no partition was made by an older version (--all makes all anew)\n", "", path + `{"all":false}`},
		{"one fails", nil, [][]web.ReindexProgress{{done, failed}}, exitFailed,
			"4 partitions with 1200 articles made anew\n", "process b: the disk is full", path + `{"all":false}`},
		{"not waited for", []string{"--wait=false"}, nil, exitDone,
			"begun; `newswatch get status` has how it goes\n", "", path + `{"all":false}`},
		{"stop", []string{"--stop"}, nil, exitDone, "", "", "DELETE /api/v1/reindex"},
		{"stop all", []string{"--stop", "--all"}, nil, exitUsage, "", "--stop goes with no other selection", ""},
		{"since", []string{"--since", "2026-01-01"}, nil, exitUsage, "", "go with --extract", ""},
	}
	for _, tt := range tests {
		code, stdout, stderr, asked := reindexed(t, t.Context(), tt.states, tt.args...)
		if code != tt.code || stdout != tt.stdout || !strings.Contains(stderr, tt.stderr) || asked != tt.ask {
			t.Errorf("%s: code %d, want %d\nstdout %q\nwant   %q\nstderr %q\nwant   %q in it\nasked %s\nwant  %s", tt.name, code, tt.code, stdout, tt.stdout, stderr, tt.stderr, asked, tt.ask)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	code, _, stderr, _ := reindexed(t, ctx, [][]web.ReindexProgress{{running}})
	if code != exitFailed || !strings.Contains(stderr, "newswatch goes on with it") {
		t.Errorf("interrupted: code %d, %q", code, stderr)
	}
}
