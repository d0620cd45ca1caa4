package index

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/blevesearch/bleve/v2/index/scorch"
	segmentapi "github.com/blevesearch/scorch_segment_api/v2"
)

// errDamage says that a segment file has other bytes than were written.
var errDamage = errors.New("index: segment is damaged")

const (
	scrubEvery = 24 * time.Hour
	scrubRate  = 32 << 20 // bytes a second: a small part of what a disk gives
)

// scrub reads every file of every partition and compares checksums: Bleve
// itself never does, and would answer from a zeroed block as if nothing were.
// What is found damaged is made anew.
func (ix *Index) scrub(ctx context.Context) {
	for _, p := range ix.list() {
		if ctx.Err() != nil {
			return
		}
		ix.scrubOne(ctx, p)
	}
}

func (ix *Index) scrubOne(ctx context.Context, p *partition) {
	ix.scrubbing.Lock()
	defer ix.scrubbing.Unlock()
	pace := func(n int) {
		select {
		case <-ctx.Done():
		case <-time.After(time.Duration(n) * time.Second / scrubRate):
		}
	}
	p.mu.Lock()
	sealed, deep := p.sealed, p.sealed == nil || p.suspect
	p.suspect = false
	p.mu.Unlock()
	err := p.scrubSegments(ctx, pace)
	if err == nil {
		err = p.checkFiles()
	}
	// A merge gives what it copies from a damaged segment a right checksum.
	if err == nil && deep {
		err = p.checkStored(ctx, ix.codec)
	}
	if err == nil && sealed != nil {
		if err = sealed.check(ctx, p.path, pace); err != nil && p.seal() != sealed {
			err = nil // another folder is in its place, or it was written to meanwhile
		}
	}
	switch {
	case ctx.Err() != nil:
		return
	case errors.Is(err, errDown): // it is being opened anew
		p.setAgain(true)
		time.AfterFunc(mendAgain, func() { ix.suspect(p) })
		return
	case err == nil:
		p.setDamaged("")
		return
	}
	p.setDamaged(err.Error())
	ix.metrics.damaged.Inc()
	ix.log.Error("scrub found damage", "partition", p.name, "err", err)
	if err := ix.mend(ctx, p, err); err != nil && ctx.Err() == nil {
		ix.log.Error("damaged partition can't be made anew: tried again", "partition", p.name, "err", err)
		p.setAgain(true)
		time.AfterFunc(mendAgain, func() { ix.suspect(p) })
	}
}

// checkStored sees that every article can be read and is what it should be, and
// that no two documents of a segment are the same one.
func (p *partition) checkStored(ctx context.Context, c *codec) error {
	return p.snapshot(func(s *scorch.IndexSnapshot) error {
		for _, seg := range s.Segments() {
			deleted := seg.Deleted()
			seen := make(map[uint64]bool, seg.Count())
			for n := range seg.Count() {
				if err := ctx.Err(); err != nil {
					return err
				}
				if deleted != nil && deleted.Contains(uint32(n)) {
					continue
				}
				a, err := c.readStored(seg.Segment(), n)
				if err != nil {
					return fmt.Errorf("%w: %w", errDamage, err)
				}
				key := groupKey(a.article.ID)
				if seen[key] {
					return fmt.Errorf("%w: article %s is stored twice", errDamage, a.article.ID)
				}
				seen[key] = true
				if n%100 == 99 { // a third of one processor
					time.Sleep(5 * time.Millisecond)
				}
			}
		}
		return nil
	})
}

// checkFiles sees that the files which an open partition holds are those a
// start would open.
func (p *partition) checkFiles() error {
	p.gate.RLock() // else another folder may just be taking the place
	defer p.gate.RUnlock()
	for _, name := range []string{"index_meta.json", filepath.Join("store", "root.bolt")} {
		info, err := os.Stat(filepath.Join(p.path, name))
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return fmt.Errorf("%w: %s is missing", errDamage, name)
		case err != nil:
			return err
		case info.Size() == 0:
			return fmt.Errorf("%w: %s is empty", errDamage, name)
		}
	}
	return nil
}

// A lastScrub is when a suspected partition was scrubbed, and how long that took.
type lastScrub struct {
	ended time.Time
	took  time.Duration
}

// For a suspicion alone a partition is scrubbed a tenth of the time at most, but
// waits no longer than suspectLongest: damage may have come since.
const (
	suspectRest     = 9 // times as long as the last scrub took
	suspectShortest = 10 * time.Second
	suspectLongest  = 10 * time.Minute
)

// due says that another scrub may be made.
func (l lastScrub) due(now time.Time) bool {
	return now.Sub(l.ended) >= min(max(suspectRest*l.took, suspectShortest), suspectLongest)
}

// mendAgain is how long after damage could not be mended it is tried again, as
// where the partition was opened anew meanwhile.
const mendAgain = 2 * time.Second

// setAgain notes whether there is damage known that is not mended.
func (p *partition) setAgain(again bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.again = again
}

// suspect has the partition scrubbed soon: something went wrong in reading it.
func (ix *Index) suspect(p *partition) {
	p.mu.Lock()
	p.suspect = true
	p.mu.Unlock()
	select {
	case ix.suspects <- struct{}{}:
	default:
	}
}

// scrubSuspects scrubs the partitions that are suspected, each not too often.
func (ix *Index) scrubSuspects(ctx context.Context, last map[string]lastScrub) {
	for _, p := range ix.list() {
		p.mu.Lock()
		suspect, again := p.suspect, p.again
		p.again = p.again && !p.suspect
		p.mu.Unlock()
		began := time.Now()
		if suspect && (again || last[p.name].due(began)) && ctx.Err() == nil {
			ix.scrubOne(ctx, p)
			last[p.name] = lastScrub{time.Now(), time.Since(began)}
		}
	}
}

func (p *partition) setDamaged(why string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.damaged = why
}

// scrubSegments compares the segments on disk with the checksum each ends in.
func (p *partition) scrubSegments(ctx context.Context, pace func(n int)) error {
	return p.snapshot(func(s *scorch.IndexSnapshot) error {
		for _, seg := range s.Segments() {
			onDisk, ok := seg.Segment().(segmentapi.PersistedSegment)
			if !ok {
				continue // not on the disk yet
			}
			if err := scrubSegment(ctx, onDisk.Path(), pace); err != nil {
				return err
			}
		}
		return nil
	})
}

// scrubSegment checks a zap file: its last four bytes are the CRC-32 (IEEE,
// big-endian) of all before them.
func scrubSegment(ctx context.Context, path string, pace func(n int)) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("%w: %w", errDamage, err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	left := info.Size() - 4
	if left < 0 {
		return fmt.Errorf("%w: %s has %d bytes", errDamage, path, info.Size())
	}
	var crc uint32
	buf := make([]byte, 256<<10)
	for left > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := f.Read(buf[:min(int64(len(buf)), left)])
		crc = crc32.Update(crc, crc32.IEEETable, buf[:n])
		left -= int64(n)
		if pace != nil {
			pace(n)
		}
		if err != nil {
			return fmt.Errorf("%w: %w", errDamage, err)
		}
	}
	var end [4]byte
	if _, err := f.ReadAt(end[:], info.Size()-4); err != nil {
		return fmt.Errorf("%w: %w", errDamage, err)
	}
	if want := binary.BigEndian.Uint32(end[:]); crc != want {
		return fmt.Errorf("%w: %s has checksum %08x, not %08x", errDamage, path, crc, want)
	}
	return nil
}

const maintainEvery = time.Minute

// maintain seals and scrubs, one thing at a time, until ctx is done.
func (ix *Index) maintain(ctx context.Context) {
	tick := time.NewTicker(ix.cfg.upkeep)
	defer tick.Stop()
	var scrubbed time.Time
	suspected := make(map[string]lastScrub)
	for {
		select {
		case <-ctx.Done():
			return
		case <-ix.suspects:
			ix.scrubSuspects(ctx, suspected)
			continue
		case <-tick.C:
		}
		ix.scrubSuspects(ctx, suspected)
		for again := true; again && ctx.Err() == nil; {
			var err error
			if again, err = ix.sealNext(ctx, sealQuiet); err != nil && ctx.Err() == nil {
				ix.log.Error("partition can't be sealed: tried again", "err", err)
			}
		}
		if err := errors.Join(ix.recovery.save(), ix.recovery.purge(ix.noRoom() != "")); err != nil {
			ix.log.Error("what became of damaged partitions can't be noted", "err", err)
		}
		if time.Since(scrubbed) >= scrubEvery {
			ix.scrub(ctx)
			scrubbed = time.Now()
		}
	}
}
