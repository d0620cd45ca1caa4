package index

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/blevesearch/bleve/v2/index/scorch"
	bleveindex "github.com/blevesearch/bleve_index_api"
)

// A snapshot is a tar of
//
//	2026-11/…                the files of a partition, as they lie in its folder
//	checkpoint.json          what is in the partitions, and from where the stream must go on
//	manifest-<sha256>.json   the last: size and SHA-256 of each file before it;
//	                         its own SHA-256 is in its name
//
// so that no bit of it can be lost or changed unnoticed.
const (
	snapshotFormat = 1
	manifestPrefix = "manifest-"
	manifestSuffix = ".json"
	pinnedPrefix   = "snapshot-" // of the folders that hold on to files while they are written out
	maxSnapshotDoc = 64 << 20    // most bytes of the checkpoint or manifest of a snapshot
)

// A manifest is what a snapshot holds.
type manifest struct {
	Format     int                       `json:"format"`
	Created    time.Time                 `json:"created"`
	Partitions map[string]partitionFacts `json:"partitions"`
	Files      []SnapshotFile            `json:"files"`
}

type partitionFacts struct {
	Documents int    `json:"documents"`
	Gen       uint64 `json:"gen"`
}

// A SnapshotFile is one of its files.
type SnapshotFile struct {
	Name   string `json:"name"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// SetFloor has Snapshot ask up to which sequence the stream's messages are
// acknowledged by this index, without exception: a batch that failed and waits
// to come again is not in the partitions, though later ones are. Without it a
// snapshot takes it that the stream was written in order, which after a crash it
// may not have been.
func (ix *Index) SetFloor(floor func(context.Context) (uint64, error)) { ix.floor.Store(&floor) }

// Snapshot writes a copy of the index as it is at one moment, while writing and
// searching go on. [RestoreSnapshot] reads it; From of the index opened then
// says where the stream must go on.
//
// It waits while a damaged partition is made anew of its own documents: they may
// be nowhere else.
//
// Writes wait for as long as it takes to link the files of all partitions into
// a folder beside them, and to copy what Bleve has in memory only. Where the
// file system has no hard links, they wait for the copying.
func (ix *Index) Snapshot(ctx context.Context, w io.Writer) error {
	return ix.SnapshotWithout(ctx, w, nil)
}

// SnapshotWithout is Snapshot for [ResumeSnapshot], which has some of the files:
// those that are the same in this one are in its manifest alone.
func (ix *Index) SnapshotWithout(ctx context.Context, w io.Writer, have []SnapshotFile) error {
	// Before the partitions: what is acknowledged now is in them then.
	from := uint64(0)
	if floor := ix.floor.Load(); floor != nil {
		seq, err := (*floor)(ctx)
		if err != nil {
			return fmt.Errorf("index: snapshot: %w", err)
		}
		from = seq + 1
	}
	dir, err := os.MkdirTemp(ix.cfg.Dir, pinnedPrefix+"*")
	if err != nil {
		return fmt.Errorf("index: snapshot: %w", err)
	}
	defer os.RemoveAll(dir)
	cp, facts, err := ix.pin(ctx, dir, from)
	for errors.Is(err, errMending) && ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-time.After(mendingWait):
			cp, facts, err = ix.pin(ctx, dir, from)
		}
	}
	if err != nil {
		return fmt.Errorf("index: snapshot: %w", err)
	}
	if err := writeSnapshot(ctx, w, dir, cp, facts, have, ix.now()); err != nil {
		return fmt.Errorf("index: snapshot: %w", err)
	}
	return nil
}

const mendingWait = 200 * time.Millisecond // until it is looked again whether it is

// unfinished is the damages whose documents are not all read yet.
func (r *recovery) unfinished() (list []Recovery) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, d := range r.all {
		if d.State == RecoveryRunning && !d.inPlace {
			list = append(list, d.Recovery)
		}
	}
	return list
}

// dropPinned removes what snapshots left that were cut off.
func dropPinned(dir string) error {
	left, err := filepath.Glob(filepath.Join(dir, pinnedPrefix+"*"))
	if err != nil {
		return err
	}
	for _, l := range left {
		if err := os.RemoveAll(l); err != nil {
			return err
		}
	}
	return nil
}

// pin holds on to the files of all partitions as they are at one moment: an
// article that moves from one partition to another is in one of them.
func (ix *Index) pin(ctx context.Context, dir string, from uint64) (*checkpoint, map[string]partitionFacts, error) {
	ix.writing.Lock()
	defer ix.writing.Unlock()
	if ix.isClosed() {
		return nil, nil, ErrClosed
	}
	cp := ix.commit.current()
	for _, d := range ix.recovery.unfinished() {
		if d.Error == "" {
			return nil, nil, fmt.Errorf("%w: %s", errMending, d.Partition)
		}
		// It may never be done: what the stream has of it is asked for.
		ix.log.Warn("snapshot without what can't be read of a damaged partition", "partition", d.Partition, "err", d.Error)
		if m := cp.Partitions[d.Partition]; m != nil && (from == 0 || m.Low < from) {
			from = max(m.Low, 1)
		}
	}
	cp.Partitions = make(map[string]*mark)
	facts := make(map[string]partitionFacts)
	seq := uint64(0)
	for _, p := range ix.list() {
		if err := ctx.Err(); err != nil {
			return nil, nil, err
		}
		st := p.now()
		if st.Gen == 0 {
			continue // never written to
		}
		n, err := p.pin(filepath.Join(dir, p.name))
		if err != nil {
			return nil, nil, fmt.Errorf("partition %s: %w", p.name, err)
		}
		// Late writes are for partitions that are rolled back, and the copy
		// has no older state to go back to.
		cp.Partitions[p.name] = &mark{state: st, Documents: n}
		facts[p.name] = partitionFacts{Documents: n, Gen: st.Gen}
		seq = max(seq, st.Seq)
	}
	if from == 0 {
		from = seq + 1
	}
	if cp.Replay == 0 || from < cp.Replay {
		cp.Replay = from
	}
	return cp, facts, nil
}

// current is a copy of the checkpoint.
func (c *committer) current() *checkpoint {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.cp.clone()
}

// pin puts the partition's files, as they are now, into a folder, and counts
// the documents in them. Segments are linked: Bleve never changes one.
func (p *partition) pin(to string) (documents int, err error) {
	if err := os.MkdirAll(filepath.Join(to, "store"), 0o700); err != nil {
		return 0, err
	}
	p.mu.Lock()
	sealed, broken := p.sealed, p.broken
	p.mu.Unlock()
	if broken != "" {
		return 0, fmt.Errorf("%w: %s", errDown, broken)
	}
	if sealed != nil {
		for _, name := range append(slices.Collect(maps.Keys(sealed.Files)), sealFile) {
			name = filepath.FromSlash(name)
			if err := linkSegment(filepath.Join(p.path, name), filepath.Join(to, name)); err != nil {
				return 0, err
			}
		}
		return sealed.Documents, nil
	}
	entries, err := os.ReadDir(p.path)
	if err != nil {
		return 0, err
	}
	for _, e := range entries {
		if e.Type().IsRegular() && e.Name() != sealFile {
			if err := copyFile(filepath.Join(p.path, e.Name()), filepath.Join(to, e.Name())); err != nil {
				return 0, err
			}
		}
	}
	idx, err := p.index()
	if err != nil {
		return 0, err
	}
	raw, err := idx.Advanced()
	if err != nil {
		return 0, err
	}
	c, ok := raw.(bleveindex.CopyIndex)
	if !ok {
		return 0, fmt.Errorf("a %T can't be copied", raw)
	}
	err = p.guard(func() error {
		r := c.CopyReader()
		s, ok := r.(*scorch.IndexSnapshot)
		if !ok {
			return fmt.Errorf("a %T is no snapshot", r)
		}
		n, err := s.DocCount()
		documents = int(n)
		d := pinDirectory{to: to, linked: make(map[string]bool)}
		return errors.Join(err, d.link(s), s.CopyTo(d), s.CloseCopyReader())
	})
	return documents, err
}

// A pinDirectory is where Bleve copies a snapshot to, apart from the segments
// that were linked.
type pinDirectory struct {
	to     string
	linked map[string]bool
}

func (d pinDirectory) GetWriter(name string) (io.WriteCloser, error) {
	if d.linked[filepath.Base(name)] {
		return nil, nil // Bleve takes it for what is not to be copied
	}
	return os.OpenFile(filepath.Join(d.to, name), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
}

func (d pinDirectory) link(s *scorch.IndexSnapshot) error {
	for _, seg := range s.Segments() {
		onDisk, ok := seg.Segment().(interface{ Path() string })
		if !ok {
			continue // in memory only
		}
		name := filepath.Base(onDisk.Path())
		if err := linkSegment(onDisk.Path(), filepath.Join(d.to, "store", name)); err != nil {
			return err
		}
		d.linked[name] = true
	}
	return nil
}

// linkSegment links a segment, or copies it where that can't be done. What is
// no segment may be changed in its place, and is copied.
func linkSegment(from, to string) error {
	if segmentName.MatchString(filepath.Base(from)) && os.Link(from, to) == nil {
		return nil
	}
	return copyFile(from, to)
}

// copyFile copies a file over another.
func copyFile(from, to string) error {
	src, err := os.Open(from)
	if err != nil {
		return err
	}
	defer src.Close()
	dst, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(dst, src)
	return errors.Join(err, dst.Close())
}

// writeSnapshot writes the tar of what was pinned.
func writeSnapshot(ctx context.Context, w io.Writer, dir string, cp *checkpoint, facts map[string]partitionFacts, have []SnapshotFile, now time.Time) error {
	data, err := json.Marshal(cp)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, checkpointFile), data, 0o600); err != nil {
		return err
	}
	had := make(map[string]SnapshotFile, len(have))
	for _, h := range have {
		had[h.Name] = h
	}
	tw := tar.NewWriter(w)
	m := manifest{Format: snapshotFormat, Created: now.UTC(), Partitions: facts}
	err = filepath.WalkDir(dir, func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, file)
		if err != nil {
			return err
		}
		name = filepath.ToSlash(name)
		f, err := tarFile(ctx, tw, file, name, had[name], m.Created)
		m.Files = append(m.Files, f)
		return err
	})
	if err != nil {
		return err
	}
	if data, err = json.Marshal(m); err != nil {
		return err
	}
	name := manifestPrefix + hexSum(data) + manifestSuffix
	if err := tw.WriteHeader(tarHeader(name, int64(len(data)), m.Created)); err != nil {
		return err
	}
	if _, err := tw.Write(data); err != nil {
		return err
	}
	return tw.Close()
}

func hexSum(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

func tarHeader(name string, size int64, at time.Time) *tar.Header {
	return &tar.Header{Typeflag: tar.TypeReg, Name: name, Size: size, Mode: 0o600, ModTime: at.Truncate(time.Second)}
}

// tarFile adds a file to the tar, unless whoever reads it has it.
func tarFile(ctx context.Context, tw *tar.Writer, file, name string, have SnapshotFile, at time.Time) (m SnapshotFile, err error) {
	f, err := os.Open(file)
	if err != nil {
		return m, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return m, err
	}
	m = SnapshotFile{Name: name, Size: info.Size()}
	if have.Size == m.Size && have.SHA256 != "" {
		if m.SHA256, err = copySummed(ctx, io.Discard, f, m); err != nil || m.SHA256 == have.SHA256 {
			return m, err
		}
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return m, err
		}
	}
	if err := tw.WriteHeader(tarHeader(name, m.Size, at)); err != nil {
		return m, err
	}
	m.SHA256, err = copySummed(ctx, tw, f, m)
	return m, err
}

// copySummed copies a file and returns its SHA-256. A segment whose bytes are not
// those that were written is an error: it would be of no use to anybody.
func copySummed(ctx context.Context, w io.Writer, f io.Reader, m SnapshotFile) (string, error) {
	sha := sha256.New()
	crc := crc32.NewIEEE() // of a segment: all but the last four bytes, which are it
	body := max(m.Size-4, 0)
	r := contextReader{ctx, f}
	if _, err := io.CopyN(io.MultiWriter(w, sha, crc), r, body); err != nil {
		return "", err
	}
	end := make([]byte, m.Size-body)
	if _, err := io.ReadFull(r, end); err != nil {
		return "", err
	}
	if _, err := io.MultiWriter(w, sha).Write(end); err != nil {
		return "", err
	}
	if segmentName.MatchString(path.Base(m.Name)) && string(end) != string(crc.Sum(nil)) {
		return "", fmt.Errorf("%w: %s", errDamage, m.Name)
	}
	return hex.EncodeToString(sha.Sum(nil)), nil
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

// partitionOf is the partition a file of a snapshot is in; empty: none.
func partitionOf(name string) string {
	p, _, ok := strings.Cut(name, "/")
	if !ok {
		return ""
	}
	return p
}
