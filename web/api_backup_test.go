package web

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// A backup is what the process writes, for as long as it takes; one that can't
// be had is an answer, one that breaks off none.
func TestBackup(t *testing.T) {
	const limit = 50 * time.Millisecond
	slow := func(_ context.Context, w io.Writer) error {
		for range 3 {
			time.Sleep(2 * limit) // the limit is for the asker's silence, not for ours
			if _, err := io.WriteString(w, "part "); err != nil {
				return err
			}
		}
		return nil
	}
	for _, tt := range []struct {
		name  string
		write func(ctx context.Context, w io.Writer) error
		path  string
		opt   BackupOptions
		code  int
		body  string // of a good answer
		cut   bool
	}{
		{"slow", slow, "", BackupOptions{}, 200, "part part part ", false},
		{"options", func(context.Context, io.Writer) error { return nil }, "?pages=true&index=false", BackupOptions{Pages: true, NoIndex: true}, 200, "", false},
		{"busy", func(context.Context, io.Writer) error { return ErrBusy }, "", BackupOptions{}, 409, "", false},
		{"no index", func(context.Context, io.Writer) error { return ErrNoIndex }, "", BackupOptions{}, 503, "", false},
		{"fails at once", func(context.Context, io.Writer) error { return errors.New("no") }, "", BackupOptions{}, 500, "", false},
		{"breaks off", func(_ context.Context, w io.Writer) error { _, _ = io.WriteString(w, "part"); return errors.New("no") }, "", BackupOptions{}, 200, "", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got BackupOptions
			s := serverOf(t, Deps{Backup: func(ctx context.Context, w io.Writer, opt BackupOptions) error {
				got = opt
				err := tt.write(ctx, w)
				if ctx.Err() != nil {
					t.Errorf("the request was ended: %v", ctx.Err())
				}
				return err
			}}, Config{})
			s.streamLimit = limit
			srv := httptest.NewServer(s.Handler())
			defer srv.Close()
			resp, err := http.Post(srv.URL+"/api/v1/backup"+tt.path, "", nil)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			body, err := io.ReadAll(resp.Body)
			if resp.StatusCode != tt.code || err != nil != tt.cut || got != tt.opt {
				t.Errorf("%s, %v, asked for %+v", resp.Status, err, got)
			}
			if tt.code == 200 && !tt.cut && (string(body) != tt.body || resp.Header.Get("Content-Type") != "application/zstd") {
				t.Errorf("%q of type %s", body, resp.Header.Get("Content-Type"))
			}
		})
	}
	if code := do(serverOf(t, Deps{}, Config{}), "POST", "/api/v1/backup", "").Code; code != 503 {
		t.Errorf("where there is none: %d", code)
	}
}
