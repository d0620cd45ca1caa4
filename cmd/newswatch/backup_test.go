package main

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/newswatch/newswatch/cmd/internal/backup"
)

// A backup that the server breaks off, in whatever way, leaves no file.
func TestBackupBreaksOff(t *testing.T) {
	var whole bytes.Buffer
	w, err := backup.NewWriter(&whole, "test", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		send func(w http.ResponseWriter)
		want string // empty: it is a backup
	}{
		{"whole", func(w http.ResponseWriter) { w.Write(whole.Bytes()) }, ""},
		{"cut, and said so", func(w http.ResponseWriter) {
			w.Write(whole.Bytes()[:whole.Len()-5])
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		}, "unexpected EOF"},
		{"cut, and not said so", func(w http.ResponseWriter) { w.Write(whole.Bytes()[:whole.Len()-5]) }, "backup is damaged"},
		{"changed on the way", func(w http.ResponseWriter) {
			b := bytes.Clone(whole.Bytes())
			b[len(b)/2] ^= 1
			w.Write(b)
		}, "backup is damaged"},
		{"something else", func(w http.ResponseWriter) { w.Header().Set("Content-Type", "text/html") }, "not newswatch"},
	} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", backupType)
			tt.send(w)
		}))
		dir := t.TempDir()
		code, _, errOut := do(t, "backup "+filepath.Join(dir, "b")+" --server "+s.URL)
		s.Close()
		if tt.want == "" && code != exitDone || tt.want != "" && (code != exitFailed || !strings.Contains(errOut, tt.want)) {
			t.Errorf("%s: exit code %d, said %q, want %q", tt.name, code, errOut, tt.want)
		}
		left, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		if len(left) > 0 != (tt.want == "") {
			t.Errorf("%s: %v in the folder", tt.name, left)
		}
	}
}
