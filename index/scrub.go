package index

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
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
func (ix *Index) scrub(ctx context.Context) {
	pace := func(n int) {
		select {
		case <-ctx.Done():
		case <-time.After(time.Duration(n) * time.Second / scrubRate):
		}
	}
	for _, p := range ix.list() {
		err := p.scrubSegments(ctx, pace)
		p.mu.Lock()
		sealed := p.sealed
		p.mu.Unlock()
		if err == nil && sealed != nil {
			if err = sealed.check(ctx, p.path, pace); err != nil && !p.isSealed() {
				err = nil // written to meanwhile
			}
		}
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			p.setDamaged("")
			continue
		}
		p.setDamaged(err.Error())
		ix.metrics.damaged.Inc()
		ix.log.Error("scrub found damage", "partition", p.name, "err", err)
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
	tick := time.NewTicker(maintainEvery)
	defer tick.Stop()
	var scrubbed time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		for again := true; again && ctx.Err() == nil; {
			var err error
			if again, err = ix.sealNext(ctx); err != nil && ctx.Err() == nil {
				ix.log.Error("partition can't be sealed: tried again", "err", err)
			}
		}
		if time.Since(scrubbed) >= scrubEvery {
			ix.scrub(ctx)
			scrubbed = time.Now()
		}
	}
}
