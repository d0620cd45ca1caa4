package index

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/blevesearch/bleve/v2"
)

// Why a snapshot is not restored.
var (
	ErrSnapshot = errors.New("index: snapshot is damaged")
	ErrNotEmpty = errors.New("index: folder is not empty")
)

// RestoreSnapshot unpacks what [Index.Snapshot] wrote into a folder that does
// not exist or is empty. Everything is unpacked beside it, verified and put on
// the disk before it takes the folder's place: after an error, or a crash, the
// folder is as it was.
func RestoreSnapshot(ctx context.Context, dir string, r io.Reader) (err error) {
	dir = filepath.Clean(dir)
	if err := checkEmpty(dir); err != nil {
		return err
	}
	parent := filepath.Dir(dir)
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return fmt.Errorf("index: restore: %w", err)
	}
	tmp, err := os.MkdirTemp(parent, filepath.Base(dir)+".restoring-*")
	if err != nil {
		return fmt.Errorf("index: restore: %w", err)
	}
	defer os.RemoveAll(tmp)
	m, err := readSnapshot(ctx, r, nil, func(name string) (io.WriteCloser, error) { return createBelow(tmp, name, os.O_EXCL) })
	if err != nil {
		return err
	}
	return settleSnapshot(ctx, tmp, dir, m)
}

// settleSnapshot has what was unpacked take the folder's place, if it is right.
func settleSnapshot(ctx context.Context, tmp, dir string, m *manifest) error {
	if err := checkRestored(tmp, m); err != nil {
		return err
	}
	if err := errors.Join(os.Chmod(tmp, 0o755), syncTree(tmp)); err != nil {
		return fmt.Errorf("index: restore: %w", err)
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("index: restore: %w", err)
	}
	// It is not there, or empty: else this fails.
	if err := os.Remove(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("index: restore: %w", err)
	}
	if err := os.Rename(tmp, dir); err != nil {
		return fmt.Errorf("index: restore: %w", err)
	}
	return syncDir(filepath.Dir(dir))
}

// VerifySnapshot reads a snapshot to its end and says what is wrong with it.
// What only opening the partitions can show is not looked at: it would need
// room for them.
func VerifySnapshot(ctx context.Context, r io.Reader) error {
	_, err := readSnapshot(ctx, r, nil, func(string) (io.WriteCloser, error) { return nowhere{io.Discard}, nil })
	return err
}

type nowhere struct{ io.Writer }

func (nowhere) Close() error { return nil }

func checkEmpty(dir string) error {
	entries, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("index: restore: %w", err)
	case len(entries) > 0:
		return fmt.Errorf("%w: %s has %s in it", ErrNotEmpty, dir, entries[0].Name())
	}
	return nil
}

// createBelow makes a file. The name was checked: it leads nowhere else.
func createBelow(dir, name string, flag int) (io.WriteCloser, error) {
	file := filepath.Join(dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return nil, err
	}
	return os.OpenFile(file, os.O_WRONLY|os.O_CREATE|flag, 0o600)
}

// memberName is the form of the names in a snapshot: a file of a partition, or
// of its store.
var memberName = regexp.MustCompile(`^\d{4}(-[wq]?\d{1,2})?/(store/)?[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}$`)

func bad(format string, args ...any) error {
	return fmt.Errorf("%w: %w", ErrSnapshot, fmt.Errorf(format, args...))
}

// readSnapshot reads a snapshot to its end, hands each file to the writer that
// create makes for it, and compares all with the manifest. What is not in it may
// be among the files that are there already.
func readSnapshot(ctx context.Context, r io.Reader, have []SnapshotFile, create func(name string) (io.WriteCloser, error)) (*manifest, error) {
	tr := tar.NewReader(contextReader{ctx, r})
	got := make(map[string]SnapshotFile)
	for {
		h, err := tr.Next()
		switch {
		case ctx.Err() != nil:
			return nil, fmt.Errorf("index: snapshot: %w", ctx.Err())
		case errors.Is(err, io.EOF):
			return nil, bad("it ends before its manifest, after %d files", len(got))
		case err != nil:
			return nil, bad("after %d files: %w", len(got), err)
		}
		if err := plainFile(h); err != nil {
			return nil, err
		}
		if sum, ok := manifestName(h.Name); ok {
			m, err := readManifest(tr, sum)
			if err != nil {
				return nil, err
			}
			for _, h := range have {
				if _, again := got[h.Name]; !again && slices.Contains(m.Files, h) {
					got[h.Name] = h
				}
			}
			if err := m.compare(got); err != nil {
				return nil, err
			}
			if h, err := tr.Next(); !errors.Is(err, io.EOF) {
				if err == nil {
					err = errors.New(h.Name)
				}
				return nil, bad("something follows its manifest: %w", err)
			}
			return m, nil
		}
		if h.Name != checkpointFile && !memberName.MatchString(h.Name) {
			return nil, bad("%q is no name of a file in an index", h.Name)
		}
		if _, again := got[h.Name]; again {
			return nil, bad("%s is in it twice", h.Name)
		}
		got[h.Name], err = extract(tr, h.Name, create)
		switch {
		case err != nil && ctx.Err() != nil:
			return nil, fmt.Errorf("index: snapshot: %w", ctx.Err())
		case err != nil:
			return nil, err
		}
	}
}

// plainFile refuses what is not the bytes of one file. A sparse one would
// unpack to any size.
func plainFile(h *tar.Header) error {
	if h.Typeflag != tar.TypeReg {
		return bad("%q is no regular file", h.Name)
	}
	for key := range h.PAXRecords {
		if strings.HasPrefix(key, "GNU.sparse.") {
			return bad("%q is a sparse file", h.Name)
		}
	}
	return nil
}

// extract writes one file out. What goes wrong reading is the snapshot's fault,
// what goes wrong writing is not.
func extract(r io.Reader, name string, create func(string) (io.WriteCloser, error)) (m SnapshotFile, err error) {
	w, err := create(name)
	if err != nil {
		return m, fmt.Errorf("index: restore: %w", err)
	}
	sum := sha256.New()
	var failed error
	n, err := io.Copy(io.MultiWriter(writerFunc(func(b []byte) (int, error) {
		n, err := w.Write(b)
		failed = err
		return n, err
	}), sum), r)
	closed := w.Close()
	switch {
	case failed != nil || closed != nil:
		return m, fmt.Errorf("index: restore: %w", errors.Join(failed, closed))
	case err != nil:
		return m, bad("%s: %w", name, err)
	}
	return SnapshotFile{Name: name, Size: n, SHA256: hex.EncodeToString(sum.Sum(nil))}, nil
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }

func manifestName(name string) (sum string, ok bool) {
	sum, ok = strings.CutPrefix(name, manifestPrefix)
	if !ok {
		return "", false
	}
	return strings.CutSuffix(sum, manifestSuffix)
}

func readManifest(r io.Reader, sum string) (*manifest, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxSnapshotDoc+1))
	switch {
	case err != nil:
		return nil, bad("manifest: %w", err)
	case len(data) > maxSnapshotDoc:
		return nil, bad("manifest: more than %d bytes", maxSnapshotDoc)
	case hexSum(data) != sum:
		return nil, bad("manifest: SHA-256 is %s, not %s", hexSum(data), sum)
	}
	var m manifest
	if err := json.Unmarshal(data, &m); err != nil {
		return nil, bad("manifest: %w", err)
	}
	if m.Format != snapshotFormat {
		return nil, fmt.Errorf("index: snapshot is of format %d, this program knows %d", m.Format, snapshotFormat)
	}
	return &m, nil
}

// compare sees that the manifest lists just what was got.
func (m *manifest) compare(got map[string]SnapshotFile) error {
	listed := make(map[string]bool, len(m.Files))
	for _, want := range m.Files {
		f, ok := got[want.Name]
		switch {
		case listed[want.Name]:
			return bad("manifest: %q is listed twice", want.Name)
		case !ok:
			return bad("%q is missing", want.Name)
		case f.Size != want.Size:
			return bad("%s has %d bytes, not %d", want.Name, f.Size, want.Size)
		case f.SHA256 != want.SHA256:
			return bad("%s has SHA-256 %s, not %s", want.Name, f.SHA256, want.SHA256)
		}
		listed[want.Name] = true
		if p := partitionOf(want.Name); p != "" {
			if _, ok := m.Partitions[p]; !ok {
				return bad("%s is of a partition the manifest does not know", want.Name)
			}
		}
	}
	for name := range got {
		if !listed[name] {
			return bad("%s is not in its manifest", name)
		}
	}
	if !listed[checkpointFile] {
		return bad("%s is missing", checkpointFile)
	}
	return nil
}

// checkRestored opens every partition and sees that it is what the checkpoint
// and the manifest say.
func checkRestored(dir string, m *manifest) error {
	cp, err := readCheckpoint(dir)
	if err != nil {
		return bad("%w", err)
	}
	if len(cp.Partitions) != len(m.Partitions) {
		return bad("%s knows %d partitions, the manifest %d", checkpointFile, len(cp.Partitions), len(m.Partitions))
	}
	registerWithBleve()
	for name, facts := range m.Partitions {
		mark := cp.Partitions[name]
		if mark == nil || !cp.Partition.isName(name) {
			return bad("%s does not know partition %s", checkpointFile, name)
		}
		if err := checkPartition(filepath.Join(dir, name), name, mark.state, facts.Documents); err != nil {
			return bad("partition %s: %w", name, err)
		}
	}
	return nil
}

func checkPartition(path, name string, want state, documents int) error {
	p := &partition{name: name, path: path, log: slog.New(slog.DiscardHandler), config: bleveConfig(Config{nap: time.Second})}
	p.config["read_only"] = true
	idx, err := recovered(func() (bleve.Index, error) { return bleve.OpenUsing(path, p.config) })
	if err != nil {
		return err
	}
	if err := p.attach(idx); err != nil {
		return errors.Join(err, idx.Close())
	}
	defer idx.Close()
	n, err := idx.DocCount()
	switch {
	case err != nil:
		return err
	case p.state != want:
		return fmt.Errorf("it is at write %d, not %d", p.state.Gen, want.Gen)
	case int(n) != documents:
		return fmt.Errorf("it has %d documents, not %d", n, documents)
	}
	if err := p.scrubSegments(context.Background(), nil); err != nil {
		return err
	}
	if p.sealed != nil {
		return p.sealed.check(context.Background(), path, nil)
	}
	return nil
}
