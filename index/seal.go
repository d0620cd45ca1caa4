package index

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/blevesearch/bleve/v2"
	"github.com/blevesearch/bleve/v2/index/scorch"
)

// A seal is what is known of a partition that nothing is written to: it is one
// segment, opened read-only, and every file of it has a checksum. It lies in
// the partition's folder as seal.json and goes before anything is written.
type seal struct {
	Documents int                 `json:"documents"`
	State     state               `json:"state"`
	Sealed    time.Time           `json:"sealed"`
	Files     map[string]fileSeal `json:"files"` // by path below the folder
}

type fileSeal struct {
	Size int64  `json:"size"`
	CRC  uint32 `json:"crc"` // CRC-32C
}

const sealFile = "seal.json"

// errSeal says that a sealed partition is not what was sealed.
var errSeal = errors.New("index: differs from its seal")

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// readSeal is the folder's seal; nil: it is not sealed.
func readSeal(path string) (*seal, error) {
	data, err := os.ReadFile(filepath.Join(path, sealFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var s seal
	if err := json.Unmarshal(data, &s); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", errSeal, sealFile, err)
	}
	if len(s.Files) == 0 { // all would be as it was sealed
		return nil, fmt.Errorf("%w: %s has no files", errSeal, sealFile)
	}
	for name := range s.Files {
		if !filepath.IsLocal(filepath.FromSlash(name)) {
			return nil, fmt.Errorf("%w: %s has a file %q", errSeal, sealFile, name)
		}
	}
	return &s, nil
}

// seal is the partition's; nil: it can be written to.
func (p *partition) seal() *seal {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.sealed
}

// newSeal sums the folder up.
func newSeal(path string, st state, documents int, now time.Time) (*seal, error) {
	s := &seal{Documents: documents, State: st, Sealed: now.UTC(), Files: make(map[string]fileSeal)}
	err := filepath.WalkDir(path, func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		f, err := sum(context.Background(), file, nil)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(path, file)
		s.Files[filepath.ToSlash(name)] = f
		return err
	})
	return s, err
}

func (s *seal) write(path string) error {
	data, err := json.Marshal(s)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(path, sealFile), data, 0o600)
}

// checkSizes compares what can be compared without reading the files.
func (s *seal) checkSizes(path string) error {
	for name, want := range s.Files {
		info, err := os.Stat(filepath.Join(path, filepath.FromSlash(name)))
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return fmt.Errorf("%w: %s is missing", errSeal, name)
		case err != nil:
			return err
		case info.Size() != want.Size:
			return fmt.Errorf("%w: %s has %d bytes, not %d", errSeal, name, info.Size(), want.Size)
		}
	}
	return nil
}

// check compares everything. pace is called for each piece read.
func (s *seal) check(ctx context.Context, path string, pace func(n int)) error {
	for name, want := range s.Files {
		got, err := sum(ctx, filepath.Join(path, filepath.FromSlash(name)), pace)
		if errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%w: %s is missing", errSeal, name)
		}
		if err != nil {
			return err
		}
		if got != want {
			return fmt.Errorf("%w: %s has other bytes than were sealed", errSeal, name)
		}
	}
	return nil
}

// sum reads a file for its size and checksum.
func sum(ctx context.Context, file string, pace func(n int)) (s fileSeal, err error) {
	f, err := os.Open(file)
	if err != nil {
		return s, err
	}
	defer f.Close()
	buf := make([]byte, 256<<10)
	for {
		if err := ctx.Err(); err != nil {
			return s, err
		}
		n, err := f.Read(buf)
		s.Size += int64(n)
		s.CRC = crc32.Update(s.CRC, castagnoli, buf[:n])
		if pace != nil {
			pace(n)
		}
		if errors.Is(err, io.EOF) {
			return s, nil
		}
		if err != nil {
			return s, err
		}
	}
}

// SealAll seals all partitions past their time now, without waiting for them to
// have been quiet for a while, as after a backfill that is over.
func (ix *Index) SealAll(ctx context.Context) error {
	for {
		if did, err := ix.sealNext(ctx, 0); err != nil || !did {
			return err
		}
	}
}

// sealNext seals one partition that is past its time and to which nothing was
// written for so long, and says whether it did.
func (ix *Index) sealNext(ctx context.Context, quiet time.Duration) (bool, error) {
	if ix.cfg.SealAfter < 0 {
		return false, nil
	}
	for _, p := range ix.list() {
		end, err := period(ix.cfg.Partition).end(p.name)
		if err != nil {
			return false, err
		}
		if ix.now().Before(end.Add(ix.cfg.SealAfter)) || !p.sealable(ix.now(), quiet) {
			continue
		}
		err = ix.seal(ctx, p)
		if err != nil && ix.partition(p.name) != p {
			return true, nil // retention has removed it
		}
		if err != nil {
			return false, fmt.Errorf("seal partition %s: %w", p.name, err)
		}
		return true, nil
	}
	return false, nil
}

// sealQuiet is how long nothing must have been written to a partition before
// it is sealed: a backfill writes to old ones for a while.
const sealQuiet = 10 * time.Minute

func (p *partition) sealable(now time.Time, quiet time.Duration) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.idx != nil && p.sealed == nil && p.broken == "" && p.failing == "" && len(p.pending) == 0 &&
		p.state.Gen > 0 && now.Sub(p.touched) >= quiet
}

// seal merges the partition to one segment, copies that beside it, checks the
// copy, and lets it take the place. Writes go on meanwhile: if one comes, the
// partition stays as it is until the next time.
func (ix *Index) seal(ctx context.Context, p *partition) error {
	ix.making.Lock()
	defer ix.making.Unlock()
	if err := ix.roomFor(diskUse(p.path)); err != nil {
		return err
	}
	began := time.Now()
	before := p.now()
	idx, err := p.index()
	if err != nil {
		return err
	}
	raw, err := idx.Advanced()
	if err != nil {
		return err
	}
	s, ok := raw.(*scorch.Scorch)
	if !ok {
		return fmt.Errorf("a %T can't be merged", raw)
	}
	if n, err := segments(p); err != nil || n > 1 {
		if err != nil {
			return err
		}
		if err := s.ForceMerge(ctx, nil); err != nil {
			return fmt.Errorf("merge: %w", err)
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	building := p.path + buildingSuffix
	if err := os.RemoveAll(building); err != nil {
		return err
	}
	if err := copyIndex(idx, building); err != nil {
		return fmt.Errorf("copy: %w", err)
	}
	sealed, err := ix.checkCopy(ctx, building, p.name)
	if err != nil {
		ix.suspect(p)
		return fmt.Errorf("copy: %w", err)
	}
	if sealed.State != before {
		return os.RemoveAll(building) // written to meanwhile
	}
	if err := errors.Join(sealed.write(building), syncTree(building)); err != nil {
		return err
	}
	ix.writing.Lock()
	defer ix.writing.Unlock()
	if ix.isClosed() || p.now() != before {
		return os.RemoveAll(building)
	}
	if err := ix.swap(p, p.path+replacedSuffix); err != nil {
		return err
	}
	ix.metrics.sealed.Inc()
	ix.log.Info("partition sealed", "partition", p.name, "documents", sealed.Documents,
		"bytes", diskUse(p.path), "took", time.Since(began).Round(time.Millisecond))
	return nil
}

// copyIndex copies what can be searched now. Bleve's own copies of memory
// segments are not forced to the disk; syncTree does that.
func copyIndex(idx bleve.Index, to string) error {
	c, ok := idx.(bleve.IndexCopyable)
	if !ok {
		return fmt.Errorf("a %T can't be copied", idx)
	}
	return c.CopyTo(bleve.FileSystemDirectory(to))
}

// checkCopy opens a copy, sees that its segments are whole, and sums it up.
func (ix *Index) checkCopy(ctx context.Context, path, name string) (*seal, error) {
	p := &partition{name: name, path: path, log: ix.log, config: bleveConfig(ix.cfg), clock: ix.now}
	p.config["read_only"] = true
	idx, err := recovered(func() (bleve.Index, error) { return bleve.OpenUsing(path, p.config) })
	if err != nil {
		return nil, err
	}
	if err := p.attach(idx); err != nil {
		return nil, errors.Join(err, idx.Close())
	}
	n, err := idx.DocCount()
	if err == nil {
		err = p.scrubSegments(ctx, nil)
	}
	if err == nil {
		err = p.checkStored(ctx, ix.codec)
	}
	if err := errors.Join(err, idx.Close()); err != nil {
		return nil, err
	}
	return newSeal(path, p.state, int(n), ix.now())
}

// unseal makes a sealed partition one that can be written to. The seal goes
// first: from then on the files may change. Called with the writing lock.
func (ix *Index) unseal(p *partition) error {
	if err := os.Remove(filepath.Join(p.path, sealFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("unseal partition %s: %w", p.name, err)
	}
	if err := syncDir(p.path); err != nil {
		return fmt.Errorf("unseal partition %s: %w", p.name, err)
	}
	if err := p.reopen(); err != nil {
		return fmt.Errorf("unseal partition %s: %w", p.name, err)
	}
	if err := ix.adopt(context.Background(), p); err != nil {
		return err
	}
	ix.metrics.unsealed.Inc()
	ix.log.Info("sealed partition opened for writing", "partition", p.name)
	return nil
}

// swap lets the folder .building, which is whole and on the disk, take the
// partition's place; the old one goes to aside. Called with the writing lock:
// what is in the new folder must be all that is in the old.
func (ix *Index) swap(p *partition, aside string) error {
	building, ready := p.path+buildingSuffix, p.path+readySuffix
	err := p.exchange(func() error {
		// From here on a crash ends with the new one in place.
		if err := os.Rename(building, ready); err != nil {
			return err
		}
		if err := syncDir(filepath.Dir(p.path)); err != nil {
			return err
		}
		return moveOver(ready, p.path, aside)
	})
	if err != nil {
		return fmt.Errorf("exchange partition %s: %w", p.name, err)
	}
	if err := ix.adopt(context.Background(), p); err != nil {
		return err
	}
	ix.commit.notify(p) // batches that waited for the old one: all are in the new
	if strings.HasSuffix(aside, replacedSuffix) {
		return os.RemoveAll(aside)
	}
	return nil
}

// segments is how many segments the partition has; a segment that is only
// partly alive counts as two, for merging would make it smaller.
func segments(p *partition) (n int, err error) {
	err = p.snapshot(func(s *scorch.IndexSnapshot) error {
		for _, seg := range s.Segments() {
			n++
			if d := seg.Deleted(); d != nil && !d.IsEmpty() {
				n++
			}
		}
		return nil
	})
	return n, err
}
