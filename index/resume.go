package index

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

const (
	partialSuffix = ".partial" // of the folder beside an index in which a snapshot is being fetched
	maxHave       = 4000       // files that a request tells of, the largest: some 500 kB
)

// ResumeSnapshot is [RestoreSnapshot] of what is fetched from elsewhere, which
// may be cut off: what has arrived stays in a folder beside dir, and the next
// call goes on from it. fetch is told which files are there, by their names,
// sizes and SHA-256, and answers with a snapshot that may be without those (see
// [Index.SnapshotWithout]). It need not be the one of the last time, nor from
// the same index: a file counts only if the manifest, which is read last, lists
// the same bytes, and what it does not list is removed.
func ResumeSnapshot(ctx context.Context, dir string, fetch func(have []SnapshotFile) io.Reader) (err error) {
	dir = filepath.Clean(dir)
	if err := checkEmpty(dir); err != nil {
		return err
	}
	tmp := dir + partialSuffix
	if err := os.MkdirAll(tmp, 0o700); err != nil {
		return fmt.Errorf("index: restore: %w", err)
	}
	have, err := arrived(ctx, tmp)
	if err != nil {
		return fmt.Errorf("index: restore: %w", err)
	}
	m, err := readSnapshot(ctx, fetch(have), have, func(name string) (io.WriteCloser, error) { return createBelow(tmp, name, os.O_TRUNC) })
	switch {
	case errors.Is(err, syscall.ENOTDIR) || errors.Is(err, syscall.EISDIR):
		// A file where another snapshot has a folder: no call could go on from it.
		return errors.Join(err, os.RemoveAll(tmp))
	case err != nil:
		return err
	}
	if err := removeOthers(tmp, m); err != nil {
		return fmt.Errorf("index: restore: %w", err)
	}
	err = settleSnapshot(ctx, tmp, dir, m)
	if errors.Is(err, ErrSnapshot) { // all of it came, and it is not right
		err = errors.Join(err, os.RemoveAll(tmp))
	}
	return err
}

// DropPartial removes what [ResumeSnapshot] of the folder has left.
func DropPartial(dir string) error { return os.RemoveAll(filepath.Clean(dir) + partialSuffix) }

// arrived reads the files of a snapshot that are in the folder. One that was cut
// off has another checksum than it would have whole, and is fetched again.
func arrived(ctx context.Context, dir string) (have []SnapshotFile, err error) {
	err = filepath.WalkDir(dir, func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, file)
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		m := SnapshotFile{Name: filepath.ToSlash(name), Size: info.Size()}
		if !memberName.MatchString(m.Name) || !info.Mode().IsRegular() {
			return nil // removed in the end
		}
		f, err := os.Open(file)
		if err != nil {
			return err
		}
		defer f.Close()
		if m.SHA256, err = copySummed(ctx, io.Discard, f, m); errors.Is(err, errDamage) {
			return nil // a segment that was cut off
		}
		have = append(have, m)
		return err
	})
	slices.SortFunc(have, func(a, b SnapshotFile) int {
		return cmp.Or(cmp.Compare(b.Size, a.Size), strings.Compare(a.Name, b.Name))
	})
	return have[:min(len(have), maxHave)], err
}

// removeOthers removes the files that the manifest does not list.
func removeOthers(dir string, m *manifest) error {
	listed := make(map[string]bool, len(m.Files))
	for _, f := range m.Files {
		listed[f.Name] = true
	}
	return filepath.WalkDir(dir, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, file)
		if err != nil {
			return err
		}
		_, partition := m.Partitions[filepath.ToSlash(name)]
		switch {
		case !d.IsDir() && !listed[filepath.ToSlash(name)]:
			return os.Remove(file)
		case d.IsDir() && name != "." && filepath.Dir(name) == "." && !partition:
			return errors.Join(os.RemoveAll(file), fs.SkipDir)
		}
		return nil
	})
}
