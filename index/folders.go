package index

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// A partition's folder is replaced by another in steps, each of which a crash
// may follow. Beside the folder of a partition can stand, under its name and
//
//	.building          a copy under way; goes on, or is thrown away
//	.ready             a copy that is whole and on the disk: it takes the place
//	.replaced          the folder it took the place of: thrown away
//	.damaged-<time>    a damaged folder, kept for a month; recovery.json in it
//	                   says what became of it
const (
	buildingSuffix = ".building"
	readySuffix    = ".ready"
	replacedSuffix = ".replaced"
	damagedInfix   = ".damaged-"
)

// asideForm is the form of the time in the name of a damaged folder.
const asideForm = "20060102T150405.000"

// asideName is a name that is free.
func asideName(path string, now time.Time) string {
	for ; ; now = now.Add(time.Millisecond) {
		if name := path + damagedInfix + now.UTC().Format(asideForm); !exists(name) {
			return name
		}
	}
}

// settleFolders ends a replacement that a crash cut off.
func settleFolders(path string) error {
	ready, replaced := path+readySuffix, path+replacedSuffix
	if exists(ready) {
		if err := moveOver(ready, path, replaced); err != nil {
			return err
		}
	}
	if !exists(replaced) {
		return nil
	}
	if !exists(path) {
		return os.Rename(replaced, path)
	}
	return os.RemoveAll(replaced)
}

// moveOver puts the folder in the place of another, which goes to aside.
func moveOver(folder, place, aside string) error {
	if exists(place) {
		if strings.HasSuffix(aside, replacedSuffix) {
			if err := os.RemoveAll(aside); err != nil {
				return err
			}
		}
		if err := os.Rename(place, aside); err != nil {
			return err
		}
	}
	if err := os.Rename(folder, place); err != nil {
		return err
	}
	return syncDir(filepath.Dir(place))
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return !errors.Is(err, fs.ErrNotExist)
}

// syncTree puts everything below a folder, and itself, on the disk.
func syncTree(dir string) error {
	return filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return syncDir(path) // a file is synced the same way
	})
}
