// Package backup is the form of a backup file. In go named parts, one after the
// other and of unknown length; out come the same, or an error where one bit is
// not what it was. What the parts mean is known to who writes and reads them.
//
// A file is a tar, packed by zstd, of
//
//	<part>/000001, 000002…   a part in pieces
//	manifest-<sha256>.json   the last: size and SHA-256 of each part; its own
//	                         SHA-256 is in its name
//
// so that any tar and zstd can take it apart:
//
//	tar --zstd -xf FILE && cat index/* | tar -x
package backup

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"path"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"
)

// ErrDamaged says that a file is not, or not all of, what was written.
var ErrDamaged = errors.New("backup is damaged")

const (
	format         = 1
	pieceSize      = 1 << 20
	manifestPrefix = "manifest-"
	manifestSuffix = ".json"
	maxManifest    = 16 << 20
	maxWindow      = 32 << 20 // of the packing, which bounds the memory to unpack
)

// A Manifest says what is in a file.
type Manifest struct {
	Format  int       `json:"format"`
	Created time.Time `json:"created"` // when it was begun: everything accepted before is in it
	Program string    `json:"program"` // version of newswatch that wrote it
	Parts   []Part    `json:"parts"`
}

// A Part is one of the parts of a file.
type Part struct {
	Name   string `json:"name"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// Size is the bytes of all parts.
func (m *Manifest) Size() (n int64) {
	for _, p := range m.Parts {
		n += p.Size
	}
	return n
}

// Has reports whether there is a part of that name, or below it.
func (m *Manifest) Has(name string) bool {
	for _, p := range m.Parts {
		if p.Name == name || strings.HasPrefix(p.Name, name+"/") {
			return true
		}
	}
	return false
}

// partName is the form of a part's name: one or two plain words.
var partName = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}(/[A-Za-z0-9_][A-Za-z0-9_.-]{0,99})?$`)

// A Writer writes a file.
type Writer struct {
	zw  *zstd.Encoder
	tw  *tar.Writer
	man Manifest
	err error
}

// NewWriter begins a file.
func NewWriter(w io.Writer, program string, now time.Time) (*Writer, error) {
	zw, err := zstd.NewWriter(w, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(2))
	if err != nil {
		return nil, err
	}
	return &Writer{zw: zw, tw: tar.NewWriter(zw), man: Manifest{Format: format, Created: now.UTC(), Program: program}}, nil
}

// Part writes a part: what fill writes. An error leaves the file without an end.
func (w *Writer) Part(name string, fill func(io.Writer) error) error {
	if w.err != nil {
		return w.err
	}
	if !partName.MatchString(name) {
		return fmt.Errorf("backup: %q can't be the name of a part", name)
	}
	p := &pieces{w: w, name: name, sum: sha256.New()}
	if w.err = fill(p); w.err == nil {
		w.err = p.flush()
	}
	if w.err != nil {
		w.err = fmt.Errorf("backup: %s: %w", name, w.err)
		return w.err
	}
	w.man.Parts = append(w.man.Parts, Part{Name: name, Size: p.size, SHA256: hex.EncodeToString(p.sum.Sum(nil))})
	return nil
}

// Close ends the file.
func (w *Writer) Close() error {
	if w.err != nil {
		return errors.Join(w.err, w.Abandon())
	}
	data, err := json.Marshal(w.man)
	if err != nil {
		return err
	}
	if err := w.member(manifestPrefix+hexSum(data)+manifestSuffix, data); err != nil {
		return err
	}
	return errors.Join(w.tw.Close(), w.zw.Close())
}

// Abandon gives up a file that will not be ended.
func (w *Writer) Abandon() error {
	w.zw.Reset(io.Discard)
	return w.zw.Close()
}

func (w *Writer) member(name string, data []byte) error {
	h := &tar.Header{Typeflag: tar.TypeReg, Name: name, Size: int64(len(data)), Mode: 0o600, ModTime: w.man.Created.Truncate(time.Second)}
	if err := w.tw.WriteHeader(h); err != nil {
		return err
	}
	_, err := w.tw.Write(data)
	return err
}

func hexSum(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// pieces cuts a part into members of the tar, each of which tells its size
// before it comes.
type pieces struct {
	w    *Writer
	name string
	n    int
	buf  []byte
	size int64
	sum  hash.Hash
}

func (p *pieces) Write(b []byte) (n int, err error) {
	for len(b) > 0 {
		m := min(len(b), pieceSize-len(p.buf))
		p.buf = append(p.buf, b[:m]...)
		b, n = b[m:], n+m
		if len(p.buf) == pieceSize {
			if err := p.flush(); err != nil {
				return n, err
			}
		}
	}
	return n, nil
}

// flush writes what has gathered; an empty part has one empty piece.
func (p *pieces) flush() error {
	if len(p.buf) == 0 && p.n > 0 {
		return nil
	}
	p.n++
	if err := p.w.member(pieceName(p.name, p.n), p.buf); err != nil {
		return err
	}
	p.sum.Write(p.buf) // never fails
	p.size += int64(len(p.buf))
	p.buf = p.buf[:0]
	return nil
}

func pieceName(part string, n int) string { return fmt.Sprintf("%s/%06d", part, n) }

func bad(format string, args ...any) error {
	return fmt.Errorf("%w: %w", ErrDamaged, fmt.Errorf(format, args...))
}

// Read reads a file to its end, hands each part to the writer that open makes
// for it, and compares all with the manifest. Until it returns, what was read is
// not to be relied on.
func Read(ctx context.Context, r io.Reader, open func(part string) (io.WriteCloser, error)) (*Manifest, error) {
	zr, err := zstd.NewReader(contextReader{ctx, r}, zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderConcurrency(2))
	if err != nil {
		return nil, fmt.Errorf("backup: %w", err)
	}
	defer zr.Close()
	rd := &reader{tr: tar.NewReader(zr), open: open, seen: make(map[string]Part)}
	m, err := rd.all()
	if err != nil {
		rd.abort()
	} else {
		// What follows the archive would be none of it.
		if n, more := io.Copy(io.Discard, zr); more != nil || n > 0 {
			err = bad("something follows its end: %d bytes, %v", n, more)
		}
	}
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		return nil, err
	}
	return m, nil
}

// A reader is a file being read.
type reader struct {
	tr   *tar.Reader
	open func(string) (io.WriteCloser, error)
	seen map[string]Part

	part string // under way
	n    int    // pieces of it
	w    io.WriteCloser
	size int64
	sum  hash.Hash
}

func (r *reader) all() (*Manifest, error) {
	for {
		h, err := r.tr.Next()
		switch {
		case errors.Is(err, io.EOF):
			return nil, bad("it ends before its manifest, after %d parts", len(r.seen))
		case err != nil:
			return nil, bad("after %d parts: %w", len(r.seen), err)
		case h.Typeflag != tar.TypeReg:
			return nil, bad("%q is no regular file", h.Name)
		}
		for key := range h.PAXRecords {
			if strings.HasPrefix(key, "GNU.sparse.") { // it would unpack to any size
				return nil, bad("%q is a sparse file", h.Name)
			}
		}
		if sum, ok := strings.CutPrefix(h.Name, manifestPrefix); ok {
			return r.end(strings.TrimSuffix(sum, manifestSuffix))
		}
		if err := r.piece(h.Name); err != nil {
			return nil, err
		}
	}
}

// piece takes the next piece, of the part under way or the first of another.
func (r *reader) piece(name string) error {
	part, number := path.Split(name)
	part = strings.TrimSuffix(part, "/")
	n, err := strconv.Atoi(number)
	if err != nil || !partName.MatchString(part) || name != pieceName(part, n) {
		return bad("%q is no piece of a part", name)
	}
	if part != r.part {
		if err := r.finish(); err != nil {
			return err
		}
		if _, again := r.seen[part]; again {
			return bad("%s is in it twice", part)
		}
		w, err := r.open(part)
		if err != nil {
			return fmt.Errorf("backup: %s: %w", part, err)
		}
		r.part, r.n, r.w, r.size, r.sum = part, 0, w, 0, sha256.New()
	}
	if r.n++; n != r.n {
		return bad("%s: piece %d where %d should be", part, n, r.n)
	}
	var failed error // of writing, which is not the file's fault
	size, err := io.Copy(io.MultiWriter(r.sum, writerFunc(func(b []byte) (n int, err error) {
		n, err = r.w.Write(b)
		failed = err
		return n, err
	})), r.tr)
	r.size += size
	switch {
	case failed != nil:
		return fmt.Errorf("backup: %s: %w", part, failed)
	case err != nil:
		return bad("%s: %w", part, err)
	}
	return nil
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }

// finish ends the part under way.
func (r *reader) finish() error {
	if r.w == nil {
		return nil
	}
	w := r.w
	r.w = nil
	r.seen[r.part] = Part{Name: r.part, Size: r.size, SHA256: hex.EncodeToString(r.sum.Sum(nil))}
	if err := w.Close(); err != nil {
		return fmt.Errorf("backup: %s: %w", r.part, err)
	}
	return nil
}

// An aborter is a writer to whom the end of a part and the end of a broken one
// are not the same.
type aborter interface{ Abort(err error) }

// abort ends the part under way of a file that can't be read on. Why is known.
func (r *reader) abort() {
	if r.w == nil {
		return
	}
	if a, ok := r.w.(aborter); ok {
		a.Abort(ErrDamaged)
	}
	_ = r.w.Close()
}

// end reads the manifest and compares it with what came.
func (r *reader) end(sum string) (*Manifest, error) {
	if err := r.finish(); err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(r.tr, maxManifest+1))
	switch {
	case err != nil:
		return nil, bad("manifest: %w", err)
	case len(data) > maxManifest:
		return nil, bad("manifest: more than %d bytes", maxManifest)
	case hexSum(data) != sum:
		return nil, bad("manifest: SHA-256 is %s, not %s", hexSum(data), sum)
	}
	var m Manifest
	if err := json.Unmarshal(data, &m); err != nil {
		return nil, bad("manifest: %w", err)
	}
	if m.Format != format {
		return nil, fmt.Errorf("backup is of format %d, this program knows %d", m.Format, format)
	}
	if len(m.Parts) != len(r.seen) {
		return nil, bad("it has %d parts, its manifest %d", len(r.seen), len(m.Parts))
	}
	for _, want := range m.Parts {
		got, ok := r.seen[want.Name]
		switch {
		case !ok:
			return nil, bad("%s is missing", want.Name)
		case got.Size != want.Size:
			return nil, bad("%s has %d bytes, not %d", want.Name, got.Size, want.Size)
		case got.SHA256 != want.SHA256:
			return nil, bad("%s has SHA-256 %s, not %s", want.Name, got.SHA256, want.SHA256)
		}
		delete(r.seen, want.Name)
	}
	if _, err := r.tr.Next(); !errors.Is(err, io.EOF) {
		return nil, bad("something follows its manifest")
	}
	return &m, nil
}

// A contextReader stops reading when the context is done.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (r contextReader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}
