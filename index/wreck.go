package index

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/RoaringBitmap/roaring/v2"
	"github.com/blevesearch/bleve/v2/util"
	zap "github.com/blevesearch/zapx/v17"
	bolt "go.etcd.io/bbolt"

	"github.com/newswatch/newswatch/pipeline"
)

// A wreck is the folder of a damaged partition, or what was kept of one, and
// what its root.bolt says of it.
type wreck struct {
	dir       string
	snapshots []boltSnapshot // newest first; none where root.bolt can't be read
}

// A boltSnapshot is one of the states of a partition that root.bolt knows.
type boltSnapshot struct {
	state    state
	segments map[string]*roaring.Bitmap // file → its deleted documents; nil: none
}

// A salvage is what became of the reading of a wreck.
type salvage struct {
	Read     int      // articles read and found right; one in several states counts for each
	Lost     int      // documents known to be there that can't be read
	Complete bool     // all of the newest state was read
	State    state    // the newest
	ids      []string // that files not read in full speak of elsewhere
}

func openWreck(dir string) *wreck {
	w := &wreck{dir: dir}
	// What can be read of a torn root.bolt ends where it panics.
	_ = guarded(func() error { return w.readRoot() })
	return w
}

func (w *wreck) store() string { return filepath.Join(w.dir, "store") }

// readRoot reads the snapshots from a copy of root.bolt: where opening it has
// panicked before, the lock of that attempt is still on the file.
func (w *wreck) readRoot() error {
	copied, err := os.CreateTemp("", "newswatch-root-*.bolt")
	if err != nil {
		return err
	}
	defer os.Remove(copied.Name())
	src, err := os.Open(filepath.Join(w.store(), "root.bolt"))
	if err != nil {
		return errors.Join(err, copied.Close())
	}
	defer src.Close()
	_, err = io.Copy(copied, src)
	if err := errors.Join(err, copied.Close()); err != nil {
		return err
	}
	db, err := bolt.Open(copied.Name(), 0o600, &bolt.Options{ReadOnly: true, Timeout: time.Second})
	if err != nil {
		return err
	}
	// Not closed where it panics: closing would wait for the transaction.
	err = db.View(func(tx *bolt.Tx) error {
		all := tx.Bucket(util.BoltSnapshotsBucket)
		if all == nil {
			return nil
		}
		for c, k := all.Cursor(), []byte(nil); ; {
			if k == nil {
				k, _ = c.Last()
			} else {
				k, _ = c.Prev()
			}
			if k == nil {
				return nil
			}
			if b := all.Bucket(k); b != nil {
				if s, err := readBoltSnapshot(b); err == nil {
					w.snapshots = append(w.snapshots, s)
				}
			}
		}
	})
	return errors.Join(err, db.Close())
}

func readBoltSnapshot(b *bolt.Bucket) (s boltSnapshot, err error) {
	s.segments = make(map[string]*roaring.Bitmap)
	err = b.ForEachBucket(func(k []byte) error {
		sub := b.Bucket(k)
		switch k[0] {
		case util.BoltMetaDataKey[0]:
			return nil
		case util.BoltInternalKey[0]:
			if data := sub.Get(stateKey); data != nil {
				return json.Unmarshal(data, &s.state)
			}
			return nil
		}
		file := string(sub.Get(util.BoltPathKey))
		if !segmentName.MatchString(file) {
			return fmt.Errorf("segment %q", file)
		}
		s.segments[file] = nil
		if data := sub.Get(util.BoltDeletedKey); data != nil {
			deleted := roaring.New()
			if err := deleted.UnmarshalBinary(slices.Clone(data)); err != nil {
				return err
			}
			s.segments[file] = deleted
		}
		return nil
	})
	return s, err
}

// salvage calls fn with every article of the wreck that can be read and is
// right: those of its newest state, and, unless that is whole, also what older
// states and files that belong to none hold, from which it may have been made.
// So fn gets articles in several states, of which the newest counts.
func (w *wreck) salvage(ctx context.Context, c *codec, fn func(storedArticle) error) (s salvage, err error) {
	files, err := w.segmentFiles()
	if err != nil {
		return s, err
	}
	s.Complete = len(w.snapshots) > 0
	if s.Complete {
		newest := w.snapshots[0]
		s.State = newest.state
		for _, file := range sortedKeys(newest.segments) {
			whole, lost, err := w.segment(ctx, file, newest.segments[file], c, &s, fn)
			if err != nil {
				return s, err
			}
			s.Lost += lost
			s.Complete = s.Complete && whole && lost == 0
			files = slices.DeleteFunc(files, func(f string) bool { return f == file })
		}
	}
	if s.Complete {
		return s, nil
	}
	for _, file := range files {
		var deleted *roaring.Bitmap
		for _, snap := range w.snapshots { // the newest that has it knows best
			if d, ok := snap.segments[file]; ok {
				deleted = d
				break
			}
		}
		if _, _, err := w.segment(ctx, file, deleted, c, &s, fn); err != nil {
			return s, err
		}
	}
	return s, nil
}

// segment reads one file. A file that is not there is not whole.
func (w *wreck) segment(ctx context.Context, file string, deleted *roaring.Bitmap, c *codec, s *salvage, fn func(storedArticle) error) (whole bool, lost int, err error) {
	path := filepath.Join(w.store(), file)
	err = scrubSegment(ctx, path, nil)
	whole = err == nil
	if err := ctx.Err(); err != nil {
		return false, 0, err
	}
	z, err := openZap(path, c)
	if errors.Is(err, fs.ErrNotExist) {
		return false, 0, nil
	}
	if err != nil {
		return false, 0, err
	}
	lost, err = z.each(deleted, func(a storedArticle) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		s.Read++
		return fn(a)
	})
	if lost > 0 {
		s.ids = append(s.ids, dictionaryIDs(path)...)
	}
	return whole && z.docs >= 0, lost, errors.Join(err, z.close())
}

// dictionaryIDs is the ids a segment file can be searched for, also of
// documents that can't be read any more.
func dictionaryIDs(path string) (ids []string) {
	_ = guarded(func() error { // what comes before it panics is right
		seg, err := new(zap.ZapPlugin).Open(path)
		if err != nil {
			return err
		}
		defer seg.Close()
		dict, err := seg.Dictionary("_id")
		if err != nil {
			return err
		}
		for it := dict.AutomatonIterator(nil, nil, nil); ; {
			e, err := it.Next()
			if err != nil || e == nil {
				return err
			}
			if _, _, err := pipeline.ParseID(e.Term); err == nil {
				ids = append(ids, e.Term)
			}
		}
	})
	return ids
}

// segmentFiles is the names of the segment files that are there, newest last.
func (w *wreck) segmentFiles() (names []string, err error) {
	entries, err := os.ReadDir(w.store())
	if errors.Is(err, fs.ErrNotExist) || !isDir(w.store()) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if name := e.Name(); segmentName.MatchString(name) && e.Type().IsRegular() {
			names = append(names, name)
		}
	}
	return names, nil
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, strings.Compare)
	return keys
}
