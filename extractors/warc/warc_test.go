package warc

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/gzip"
	"github.com/nlnwa/gowarc/v3"
)

// Another tool's reader, as strict as it gets, finds in a segment what we put
// there: types, fields, digests, the answers and the notes.
func TestReadByAnotherTool(t *testing.T) {
	dir := t.TempDir()
	a := open(t, dir, Config{})
	keep(t, a, page(1, "<p>one</p>"), page(2, "<p>one</p>"), page(3, "<p>Учжэнь 乌镇</p>"))
	name := filepath.Join(dir, a.segments[0].name())
	a.Close()
	r, err := gowarc.NewWarcFileReader(name, 0, gowarc.WithStrictValidation())
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var types, bodies []string
	for rec, err := range r.Records() {
		if err != nil {
			t.Fatalf("record %d: %v", len(types), err)
		}
		if len(rec.Validation) > 0 {
			t.Errorf("record %d: %v", len(types), rec.Validation)
		}
		types = append(types, rec.WarcRecord.Type().String())
		var b io.Reader
		switch block := rec.WarcRecord.Block().(type) {
		case gowarc.HttpResponseBlock:
			if block.HttpStatusCode() != 200 || block.HttpHeader().Get("Content-Type") != "text/html; charset=utf-8" {
				t.Errorf("answer %d %v", block.HttpStatusCode(), block.HttpHeader())
			}
			b, err = block.PayloadBytes()
		case gowarc.WarcFieldsBlock:
			b, err = block.RawBytes()
		default:
			b, err = block.RawBytes()
		}
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(b)
		if err != nil {
			t.Fatal(err)
		}
		bodies = append(bodies, string(data))
		if err := rec.WarcRecord.Close(); err != nil {
			t.Errorf("record %d: %v", len(types), err)
		}
	}
	want := []string{"warcinfo", "response", "metadata", "revisit", "metadata", "response", "metadata"}
	if diff := cmp.Diff(want, types); diff != "" {
		t.Fatalf("types (-want +got):\n%s", diff)
	}
	if !strings.Contains(bodies[0], "software: newswatch/test\r\n") || bodies[1] != "<p>one</p>" || bodies[2] != `{"n":1}` || bodies[5] != "<p>Учжэнь 乌镇</p>" {
		t.Errorf("blocks: %q", bodies)
	}
}

func member(t testing.TB, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	io.WriteString(w, text)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// What is no record is said to be none, and the one behind it is read.
func TestReaderRefuses(t *testing.T) {
	good := "WARC/1.1\r\nWARC-Type: metadata\r\nContent-Length: 2\r\n\r\nok\r\n\r\n"
	tests := []struct {
		name, text string
		want       error
	}{
		{"good", good, nil},
		{"folded field", "WARC/1.0\r\nWARC-Type:\r\n\tmetadata\r\nContent-Length: 2\r\n\r\nok\r\n\r\n", nil},
		{"empty", "", ErrFormat},
		{"another version", strings.Replace(good, "1.1", "2.0", 1), ErrFormat},
		{"no length", "WARC/1.1\r\nWARC-Type: metadata\r\n\r\nok\r\n\r\n", ErrFormat},
		{"negative length", strings.Replace(good, "h: 2", "h: -2", 1), ErrFormat},
		{"length too long", strings.Replace(good, "h: 2", "h: 9", 1), ErrFormat},
		{"length too short", strings.Replace(good, "h: 2", "h: 1", 1), ErrFormat},
		{"huge length", strings.Replace(good, "h: 2", "h: 99999999999", 1), ErrTooBig},
		{"over the bound", strings.Replace(good, "h: 2", "h: 101", 1), ErrTooBig},
		{"no colon", strings.Replace(good, "WARC-Type: ", "WARC-Type ", 1), ErrFormat},
		{"fields without end", "WARC/1.1\r\n" + strings.Repeat("A: b\r\n", maxFields/5), ErrFormat},
		{"two in a member", good + good, ErrFormat},
	}
	for _, tt := range tests {
		r := NewReader(bytes.NewReader(append(member(t, tt.text), member(t, good)...)), 100)
		rec, err := r.Next()
		if !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.want)
		}
		if tt.want == nil && (rec.Type() != TypeMetadata || string(rec.Block) != "ok") {
			t.Errorf("%s: %+v", tt.name, rec)
		}
		if rec, err := r.Next(); err != nil || string(rec.Block) != "ok" {
			t.Errorf("%s: the record behind it: %v", tt.name, err)
		}
		if _, err := r.Next(); !errors.Is(err, io.EOF) {
			t.Errorf("%s: the end: %v", tt.name, err)
		}
	}
}

// No file makes the reader panic, hang or hold more than its bound, and what it
// reads can be written and read again.
func FuzzReader(f *testing.F) {
	good := member(f, "WARC/1.1\r\nWARC-Type: metadata\r\nContent-Length: 2\r\n\r\nok\r\n\r\n")
	f.Add(good, true)
	f.Add(good[:len(good)-3], true)
	f.Add([]byte("WARC/1.1\r\nA: b\r\n c\r\nContent-Length: 0\r\n\r\n\r\n\r\n"), false)
	f.Fuzz(func(t *testing.T, data []byte, raw bool) {
		if !raw { // the fuzzer can't make checksums
			data = member(t, string(data))
		}
		r := NewReader(bytes.NewReader(data), 1<<10)
		last := int64(-1)
		for {
			rec, err := r.Next()
			if errors.Is(err, io.EOF) || errors.Is(err, ErrTorn) {
				break
			}
			if r.End() <= last {
				t.Fatalf("no way made from %d", last)
			}
			last = r.End()
			if err != nil {
				if !errors.Is(err, ErrFormat) && !errors.Is(err, ErrTooBig) {
					t.Fatalf("an error of no class: %v", err)
				}
				continue
			}
			if len(rec.Block) > 1<<10 {
				t.Fatalf("a block of %d bytes", len(rec.Block))
			}
			out, err := pack(gzip.NewWriter(nil), rec)
			if err != nil {
				if errors.Is(err, ErrTooBig) {
					continue
				}
				t.Fatal(err)
			}
			again, err := NewReader(bytes.NewReader(out), 0).Next()
			if err != nil || !bytes.Equal(again.Block, rec.Block) || len(again.Fields) != len(rec.Fields) {
				t.Fatalf("written and read again: %v\n%+v\n%+v", err, rec, again)
			}
		}
		if _, err := scan(bytes.NewReader(data), int64(len(data))); err != nil && !errors.Is(err, ErrTorn) {
			t.Fatal(err)
		}
	})
}

// Segments are not for everybody's eyes.
func TestModes(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "pages")
	a := open(t, dir, Config{})
	keep(t, a, page(1, "x"))
	for _, name := range []string{dir, filepath.Join(dir, a.segments[0].name())} {
		fi, err := os.Stat(name)
		if err != nil || fi.Mode().Perm()&0o007 != 0 {
			t.Errorf("%s: %v %v", name, fi.Mode(), err)
		}
	}
}

func BenchmarkKeep(b *testing.B) {
	a := open(&testing.T{}, b.TempDir(), Config{})
	body := strings.Repeat("<p>The conference in Wuzhen opened under tight security.</p>\n", 1600)
	b.SetBytes(int64(len(body)))
	for i := 0; b.Loop(); i++ {
		p := page(i, body)
		p.Body = append(p.Body, p.Key...)
		if err := a.Keep(p); err != nil {
			b.Fatal(err)
		}
	}
}
