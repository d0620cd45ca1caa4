package backup

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"
)

var when = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

type buffer struct{ bytes.Buffer }

func (*buffer) Close() error { return nil }

func read(data []byte) (*Manifest, map[string][]byte, error) {
	got := make(map[string]*buffer)
	m, err := Read(context.Background(), bytes.NewReader(data), func(part string) (io.WriteCloser, error) {
		got[part] = new(buffer)
		return got[part], nil
	})
	parts := make(map[string][]byte)
	for name, b := range got {
		parts[name] = b.Bytes()
	}
	return m, parts, err
}

func write(t testing.TB, names []string, parts map[string][]byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := NewWriter(&out, "test", when)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		err := w.Part(name, func(w io.Writer) error {
			for part := range slices.Chunk(parts[name], 300_000) {
				if _, err := w.Write(part); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func noise(n int) []byte {
	rng := rand.New(rand.NewPCG(uint64(n), 1))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	return b
}

// Parts of every length come back as they were.
func TestRoundTrip(t *testing.T) {
	names := []string{"index", "streams/ITEMS.1", "streams/KV_catalog.2", "replica"}
	parts := map[string][]byte{
		"index": noise(3*pieceSize + 7), "streams/ITEMS.1": noise(pieceSize), "streams/KV_catalog.2": noise(0), "replica": noise(9),
	}
	m, got, err := read(write(t, names, parts))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range parts {
		if !bytes.Equal(got[name], want) {
			t.Errorf("%s: %d bytes, want %d", name, len(got[name]), len(want))
		}
	}
	if len(got) != len(parts) || m.Size() != int64(4*pieceSize+16) || !m.Created.Equal(when) || m.Program != "test" ||
		!m.Has("streams") || m.Has("pages") {
		t.Errorf("%d parts, manifest %+v", len(got), m)
	}
}

// Of a file that was cut off anywhere, or in which a byte differs, it is said,
// or everything is as it was.
func TestDamaged(t *testing.T) {
	names := []string{"a", "b"}
	parts := map[string][]byte{"a": noise(5000), "b": []byte(strings.Repeat("text ", 2000))}
	good := write(t, names, parts)
	for n := 0; n < len(good); n += 1 + n/40 {
		if _, _, err := read(good[:n]); !errors.Is(err, ErrDamaged) {
			t.Errorf("cut off after %d of %d bytes: %v", n, len(good), err)
		}
	}
	rng := rand.New(rand.NewPCG(2, 2))
	for range 1000 {
		other := slices.Clone(good)
		at := rng.IntN(len(other))
		other[at] ^= byte(1 + rng.IntN(255))
		if _, got, err := read(other); err == nil && !cmp.Equal(got, parts) {
			t.Errorf("byte %d differs, and nothing said", at)
		}
	}
	if _, _, err := read(append(slices.Clone(good), good...)); !errors.Is(err, ErrDamaged) {
		t.Errorf("twice in a row: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Read(ctx, bytes.NewReader(good), nil); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
}

type member struct {
	name string
	data string
	flag byte
}

// pack makes a file by hand.
func pack(t testing.TB, members []member, m Manifest) []byte {
	t.Helper()
	data, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	members = append(slices.Clone(members), member{name: manifestPrefix + hexSum(data) + manifestSuffix, data: string(data)})
	var out bytes.Buffer
	zw, err := zstd.NewWriter(&out)
	if err != nil {
		t.Fatal(err)
	}
	tw := tar.NewWriter(zw)
	for _, f := range members {
		h := &tar.Header{Typeflag: tar.TypeReg, Name: f.name, Size: int64(len(f.data))}
		if f.flag != 0 {
			h.Typeflag, h.Size, h.Linkname, f.data = f.flag, 0, "/etc/passwd", ""
		}
		if err := tw.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(tw, f.data); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(tw.Close(), zw.Close()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestHostile(t *testing.T) {
	x := Part{Name: "a", Size: 1, SHA256: hexSum([]byte("x"))}
	man := func(parts ...Part) Manifest { return Manifest{Format: format, Parts: parts} }
	one := member{name: "a/000001", data: "x"}
	for _, tt := range []struct {
		name    string
		members []member
		man     Manifest
		want    string
	}{
		{"good", []member{one}, man(x), ""},
		{"up", []member{{name: "../000001", data: "x"}}, man(), "no piece"},
		{"up from inside", []member{{name: "a/../000001", data: "x"}}, man(), "no piece"},
		{"absolute", []member{{name: "/a/000001", data: "x"}}, man(), "no piece"},
		{"deep", []member{{name: "a/b/c/000001", data: "x"}}, man(), "no piece"},
		{"other digits", []member{{name: "a/1", data: "x"}}, man(), "no piece"},
		{"no part", []member{{name: "000001", data: "x"}}, man(), "no piece"},
		{"link", []member{{name: "a/000001", flag: tar.TypeSymlink}}, man(), "no regular file"},
		{"second piece first", []member{{name: "a/000002", data: "x"}}, man(), "piece 2 where 1"},
		{"a piece missing", []member{one, {name: "a/000003", data: "x"}}, man(), "piece 3 where 2"},
		{"part again", []member{one, {name: "b/000001"}, one}, man(), "twice"},
		{"missing", []member{one}, man(x, Part{Name: "b"}), "1 parts, its manifest 2"},
		{"other", []member{one}, man(Part{Name: "b"}), "b is missing"},
		{"one more", []member{one, {name: "b/000001"}}, man(x), "2 parts, its manifest 1"},
		{"listed twice", []member{one, {name: "b/000001"}}, man(x, x), "a is missing"},
		{"size", []member{one}, man(Part{Name: "a", Size: 2}), "1 bytes, not 2"},
		{"sum", []member{one}, man(Part{Name: "a", Size: 1, SHA256: "00"}), "SHA-256"},
		{"format", []member{one}, Manifest{Format: 9}, "format 9"},
	} {
		_, _, err := read(pack(t, tt.members, tt.man))
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
}

// What fails in writing a part leaves a file that is no whole one.
func TestPartFails(t *testing.T) {
	var out bytes.Buffer
	w, err := NewWriter(&out, "test", when)
	if err != nil {
		t.Fatal(err)
	}
	no := errors.New("no")
	if err := w.Part("a", func(w io.Writer) error { fmt.Fprint(w, "x"); return no }); !errors.Is(err, no) {
		t.Errorf("Part: %v", err)
	}
	if err := w.Part("b", func(io.Writer) error { return nil }); !errors.Is(err, no) {
		t.Errorf("Part after that: %v", err)
	}
	if err := w.Close(); !errors.Is(err, no) {
		t.Errorf("Close: %v", err)
	}
	if _, _, err := read(out.Bytes()); !errors.Is(err, ErrDamaged) {
		t.Errorf("read: %v", err)
	}
	if err := w.Part("../a", nil); err == nil {
		t.Error("a name that leads elsewhere was taken")
	}
}

func FuzzRead(f *testing.F) {
	f.Add(pack(f, []member{{name: "a/000001", data: "x"}}, Manifest{Format: format, Parts: []Part{{Name: "a", Size: 1, SHA256: hexSum([]byte("x"))}}}))
	f.Add([]byte("\x28\xb5\x2f\xfd"))
	f.Fuzz(func(t *testing.T, data []byte) {
		_, err := Read(context.Background(), bytes.NewReader(data), func(part string) (io.WriteCloser, error) {
			if !partName.MatchString(part) || strings.Contains(part, "..") && strings.HasPrefix(part, ".") {
				t.Errorf("asked to open %q", part)
			}
			return new(buffer), nil
		})
		_ = err // any is good: it must end, and open nothing strange
	})
}
