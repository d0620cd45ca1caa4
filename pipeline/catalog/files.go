package catalog

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/fsnotify/fsnotify"
)

const (
	// quiet is how long a file must be left alone before it is read again: an
	// editor writes it in pieces, or puts a new one in its place.
	quiet = 200 * time.Millisecond
	// lookAgain is how often files are read without notice of a change: network
	// file systems and links to elsewhere give none.
	lookAgain = 15 * time.Second
	// maxFile bounds a catalog file.
	maxFile = 64 << 20
)

// A FileStatus is how one catalog file fares.
type FileStatus struct {
	File    string      `json:"file"`
	Objects int         `json:"objects"`          // in the file as last applied
	Applied time.Time   `json:"applied,omitzero"` // when it was last applied
	Result  ApplyResult `json:"result"`           // what that did
	Failed  time.Time   `json:"failed,omitzero"`  // when it was last refused; zero: it stands applied
	Error   string      `json:"error,omitempty"`  // why, one fault a line
}

// Files keeps the store as some files say.
type Files struct {
	lg    *slog.Logger
	store *Store
	now   func() time.Time
	done  chan struct{}

	mu    sync.Mutex // held while files are read and applied
	files []*file
}

// A file is one of the files, as last read.
type file struct {
	status FileStatus
	sum    [sha256.Size]byte // of its content
	todo   *Catalog          // what is still to be applied; refused ones are tried again
	err    error
}

// WatchFiles applies each file, YAML, JSON or OPML, and applies it again when
// it changes, until ctx is done. A file that is bad, half written, empty or
// gone changes nothing: that is logged and shown by Status, and the file is
// read again when it changes. The error is for files that can't be watched at
// all; whether the first reading went well is in Status.
func WatchFiles(ctx context.Context, lg *slog.Logger, store *Store, files []string) (*Files, error) {
	f := &Files{lg: lg.With("component", "catalog"), store: store, now: time.Now, done: make(chan struct{})}
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, fmt.Errorf("watch catalog files: %w", err)
	}
	seen := make(map[string]bool)
	for _, name := range files {
		if seen[name] {
			continue
		}
		seen[name] = true
		f.files = append(f.files, &file{status: FileStatus{File: name}})
		// The folder, not the file: an editor replaces the file.
		if err := w.Add(filepath.Dir(name)); err != nil {
			w.Close()
			return nil, fmt.Errorf("watch %s: %w", filepath.Dir(name), err)
		}
	}
	f.load(ctx)
	go func() {
		defer close(f.done)
		defer w.Close()
		f.follow(ctx, w)
	}()
	return f, nil
}

// Status tells how each file fares, in the order they were given.
func (f *Files) Status() []FileStatus {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := make([]FileStatus, 0, len(f.files))
	for _, file := range f.files {
		all = append(all, file.status)
	}
	return all
}

// Err joins what is wrong with the files as they now are.
func (f *Files) Err() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	var all []error
	for _, file := range f.files {
		all = append(all, file.err)
	}
	return errors.Join(all...)
}

// Wait returns when watching has ended, after the context is done.
func (f *Files) Wait() { <-f.done }

func (f *Files) follow(ctx context.Context, w *fsnotify.Watcher) {
	settled := time.NewTimer(quiet)
	defer settled.Stop()
	again := time.NewTicker(lookAgain)
	defer again.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case _, ok := <-w.Events:
			// Any change in the folder: a mounted ConfigMap changes its files
			// by turning a link with another name.
			if ok {
				settled.Reset(quiet)
			}
		case err, ok := <-w.Errors:
			if ok {
				f.lg.Warn("catalog file watch", "error", err)
				settled.Reset(quiet)
			}
		case <-settled.C:
			f.load(ctx)
		case <-again.C:
			f.load(ctx)
		}
	}
}

// load applies the files that changed. One that is refused is tried again as
// long as others go through: it may need a channel of theirs, or have taken
// over an object from them.
func (f *Files) load(ctx context.Context) {
	f.mu.Lock()
	defer f.mu.Unlock()
	before := make(map[*file]error)
	for _, file := range f.files {
		before[file] = file.err
		f.read(file)
	}
	for progress := true; progress; {
		progress = false
		for _, file := range f.files {
			if file.todo == nil || ctx.Err() != nil {
				continue
			}
			did, err := f.store.Apply(ctx, file.todo, file.status.File)
			if file.err = err; err != nil {
				continue
			}
			progress = true
			file.status = FileStatus{File: file.status.File, Objects: file.todo.Len(), Applied: f.now(), Result: did}
			file.todo = nil
			f.lg.Info("catalog file applied", "file", file.status.File, "objects", file.status.Objects,
				"added", did.Added, "changed", did.Changed, "removed", did.Removed)
		}
	}
	for _, file := range f.files {
		if file.err == nil || ctx.Err() != nil {
			continue
		}
		if msg := file.err.Error(); before[file] == nil || before[file].Error() != msg {
			file.status.Failed, file.status.Error = f.now(), msg
			f.lg.Error("catalog file refused, nothing changed", "file", file.status.File, "error", file.err)
		}
	}
}

// read parses the file if its content is not as it was last read.
func (f *Files) read(file *file) {
	name := file.status.File
	data, err := readFile(name)
	if err != nil {
		data = []byte(err.Error())
	}
	sum := sha256.Sum256(data)
	if sum == file.sum {
		return
	}
	file.sum, file.todo, file.err = sum, nil, err
	if err == nil {
		file.todo, file.err = ParseFile(name, data)
	}
}

func readFile(name string) ([]byte, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if info.Size() > maxFile {
		return nil, fmt.Errorf("%s: is larger than %d MiB", name, maxFile>>20)
	}
	return os.ReadFile(name)
}
