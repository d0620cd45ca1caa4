package corpora

import (
	"bytes"
	"compress/gzip"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"
)

func TestRecords(t *testing.T) {
	type record struct{ A int }
	packed := func(text string) []byte {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		z.Write([]byte(text))
		z.Close()
		return b.Bytes()
	}
	enc, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	const text = "{\"a\":1}\n{\"a\":2}\n"
	for _, tt := range []struct {
		name string
		data []byte
		want []record
		err  string
	}{
		{"plain.jsonl", []byte(text), []record{{1}, {2}}, ""},
		{"packed.jsonl.gz", packed(text), []record{{1}, {2}}, ""},
		{"packed.jsonl.zst", enc.EncodeAll([]byte(text), nil), []record{{1}, {2}}, ""},
		{"empty.jsonl", nil, nil, ""},
		{"wrong.jsonl", []byte("{\"a\":1}\n{\"a\"\n{\"a\":3}\n"), []record{{1}}, "wrong.jsonl:2: unexpected end"},
		{"plain.jsonl.gz", []byte(text), nil, "plain.jsonl.gz: "},
		{"torn.jsonl.gz", packed(text)[:20], []record{{1}}, "torn.jsonl.gz:2: unexpected end"},
	} {
		path := filepath.Join(t.TempDir(), tt.name)
		if err := os.WriteFile(path, tt.data, 0o644); err != nil {
			t.Fatal(err)
		}
		var got []record
		var failed string
		for r, err := range Records[record](path) {
			if err != nil {
				failed = err.Error()
				continue
			}
			got = append(got, r)
		}
		if diff := gocmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
		if !strings.Contains(failed, tt.err) || tt.err == "" && failed != "" {
			t.Errorf("%s: error %q, want %q", tt.name, failed, tt.err)
		}
	}
	for _, err := range Lines(filepath.Join(t.TempDir(), "absent")) {
		if _, ok := err.(*fs.PathError); !ok {
			t.Errorf("a file that is absent: %v", err)
		}
	}
}

// outcome is what a test was told.
type outcome struct{ failed, skipped bool }

func (o *outcome) Helper()      {}
func (o *outcome) Fatal(...any) { o.failed = true }
func (o *outcome) Skip(...any)  { o.skipped = true }

func TestFolder(t *testing.T) {
	for _, tt := range []struct {
		dir, ci string
		want    outcome
	}{
		{"/corpora", "true", outcome{}},
		{"", "true", outcome{failed: true}},
		{"", "", outcome{skipped: true}},
	} {
		t.Setenv(Env, tt.dir)
		t.Setenv("CI", tt.ci)
		var got outcome
		if dir := Folder(&got); dir != tt.dir || got != tt.want {
			t.Errorf("%q in CI %q: %q, %+v, want %+v", tt.dir, tt.ci, dir, got, tt.want)
		}
	}
}
