package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/newswatch/newswatch/cmd/internal/backup"
	"github.com/newswatch/newswatch/cmd/internal/config"
	"github.com/newswatch/newswatch/cmd/internal/shards"
	"github.com/newswatch/newswatch/index"
	"github.com/newswatch/newswatch/pipeline/jet"
)

// restoring is the folder, in the data folder, that a backup is unpacked into.
// While it is there, what is beside it is not whole.
const restoring = ".restoring"

// Why a backup is not restored, and why a folder is not run on.
var (
	ErrNotEmpty = errors.New("the folder is not empty")
	ErrCutOff   = errors.New("a restore was cut off in the folder")
)

// Restore makes of a backup a data folder that newswatch can run on: the one of
// cfg, which must be absent or empty. With an external NATS server the streams
// go there, where none of them may be yet. Everything is unpacked, verified and
// on the disk before anything is put in place; whatever goes wrong, the folder is
// empty again afterwards.
func Restore(ctx context.Context, lg *slog.Logger, cfg config.Config, r io.Reader) (_ *backup.Manifest, err error) {
	dir := filepath.Clean(cfg.Data)
	unlock, err := jet.Lock(dir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	tmp := filepath.Join(dir, restoring)
	if err := os.RemoveAll(tmp); err != nil { // of one that was cut off
		return nil, err
	}
	if err := checkEmpty(dir); err != nil {
		return nil, err
	}
	if err := os.Mkdir(tmp, 0o750); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil && !errors.Is(err, ErrCutOff) {
			err = errors.Join(err, os.RemoveAll(tmp))
		}
	}()
	u := &unpacking{dir: tmp, index: cfg.Index.Dir, parts: make(map[string][]string)}
	if u.index == "" {
		u.index = filepath.Join(tmp, "index")
	}
	m, err := backup.Read(ctx, r, func(part string) (io.WriteCloser, error) { return u.open(ctx, part) })
	if err == nil {
		err = u.streams(ctx, lg, cfg)
	}
	if err != nil {
		if u.indexed && cfg.Index.Dir != "" {
			err = errors.Join(err, os.RemoveAll(u.index))
		}
		return nil, err
	}
	return m, putInPlace(tmp, dir)
}

// lockFile is the one file that may be in an empty data folder: taking the lock
// makes it.
const lockFile = "newswatch.lock"

func checkEmpty(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if name := e.Name(); name != lockFile && name != "lost+found" {
			return fmt.Errorf("%w: %s has %s in it; give --data another, or empty it", ErrNotEmpty, dir, name)
		}
	}
	return nil
}

// An unpacking takes the parts of a backup.
type unpacking struct {
	dir     string
	index   string              // where it goes
	indexed bool                // it is there
	parts   map[string][]string // files of each stream, in order
}

const partsDir = "parts" // of the streams, until they are made

func (u *unpacking) open(ctx context.Context, part string) (io.WriteCloser, error) {
	folder, name, _ := strings.Cut(part, "/")
	switch {
	case part == partIndex, folder == partIndex && shards.IsFolder(name):
		return feed(func(r io.Reader) error {
			err := index.RestoreSnapshot(ctx, filepath.Join(u.index, name), r)
			u.indexed = u.indexed || err == nil
			return err
		}), nil
	case part == partReplica:
		return createFile(filepath.Join(u.dir, partReplica))
	case folder+"/" == partPages:
		return createFile(filepath.Join(u.dir, "pages", name))
	case folder+"/" == partStreams:
		file := filepath.Join(u.dir, partsDir, name)
		stream := strings.TrimSuffix(name, filepath.Ext(name))
		u.parts[stream] = append(u.parts[stream], file)
		return createFile(file)
	}
	return nil, fmt.Errorf("this program does not know what %s is; a newer one may", part)
}

func createFile(name string) (io.WriteCloser, error) {
	if err := os.MkdirAll(filepath.Dir(name), 0o750); err != nil {
		return nil, err
	}
	return os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o640)
}

// A feeder hands what is written to a function that reads.
type feeder struct {
	w    *io.PipeWriter
	done chan error
}

func feed(read func(io.Reader) error) *feeder {
	r, w := io.Pipe()
	f := &feeder{w, make(chan error, 1)}
	go func() {
		err := read(r)
		if err == nil {
			_, err = io.Copy(io.Discard, r)
		}
		r.CloseWithError(err)
		f.done <- err
	}()
	return f
}

func (f *feeder) Write(b []byte) (int, error) { return f.w.Write(b) }

// Abort has the function read an error where the rest would be.
func (f *feeder) Abort(err error) { f.w.CloseWithError(err) }

// Close waits for the function.
func (f *feeder) Close() error {
	return errors.Join(f.w.Close(), <-f.done)
}

// streams makes the streams of their parts.
func (u *unpacking) streams(ctx context.Context, lg *slog.Logger, cfg config.Config) error {
	names := make([]string, 0, len(u.parts))
	for name := range u.parts {
		names = append(names, name)
	}
	slices.Sort(names)
	nats := cfg.NATS
	if nats.URL == "" {
		nats.Dir = u.dir
		nats.MaxStore = 1 << 50 // what they held there was within bounds
	}
	err := jet.Restore(ctx, lg, nats, func(r *jet.Restorer) error {
		if err := r.Absent(ctx, names...); err != nil {
			return err
		}
		for _, name := range names {
			if err := u.stream(ctx, r, name); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := os.Remove(filepath.Join(u.dir, lockFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.RemoveAll(filepath.Join(u.dir, partsDir))
}

func (u *unpacking) stream(ctx context.Context, r *jet.Restorer, name string) error {
	var parts []io.Reader
	for _, file := range u.parts[name] {
		f, err := os.Open(file)
		if err != nil {
			return err
		}
		defer f.Close()
		parts = append(parts, f)
	}
	return r.Stream(ctx, name, parts...)
}

// putInPlace moves what was unpacked from tmp up into dir. The folder tmp goes
// last: a crash before that leaves it, and newswatch does not start.
func putInPlace(tmp, dir string) error {
	if err := syncTree(tmp); err != nil {
		return err
	}
	entries, err := os.ReadDir(tmp)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := os.Rename(filepath.Join(tmp, e.Name()), filepath.Join(dir, e.Name())); err != nil {
			return fmt.Errorf("%w: %w", ErrCutOff, err)
		}
	}
	if err := syncDir(dir); err != nil {
		return fmt.Errorf("%w: %w", ErrCutOff, err)
	}
	return errors.Join(os.Remove(tmp), syncDir(dir))
}

// syncTree puts everything below a folder on the disk.
func syncTree(dir string) error {
	return filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return syncDir(path) // a file is synced the same way
	})
}

func syncDir(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// checkCutOff sees that no restore was cut off in the data folder.
func checkCutOff(dir string) error {
	_, err := os.Lstat(filepath.Join(dir, restoring))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	}
	return fmt.Errorf("%w: %s is not whole; empty it and restore again", ErrCutOff, dir)
}

// VerifyBackup reads a backup to its end and says what is wrong with it.
func VerifyBackup(ctx context.Context, r io.Reader) (*backup.Manifest, error) {
	return backup.Read(ctx, r, func(part string) (io.WriteCloser, error) {
		if folder, _, _ := strings.Cut(part, "/"); folder == partIndex {
			return feed(func(r io.Reader) error { return index.VerifySnapshot(ctx, r) }), nil
		}
		return nowhere{io.Discard}, nil
	})
}

type nowhere struct{ io.Writer }

func (nowhere) Close() error { return nil }
