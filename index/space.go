package index

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	"github.com/newswatch/newswatch/pipeline"
)

// Writing stops before the disk is full: Bleve goes on taking writes into
// memory while it can't put them on the disk, and merging, sealing and mending
// need room for a while to make more.

const (
	defaultMinFree = 512 << 20 // bytes, unless that is over…
	minFreePart    = 50        // …one part in so many of the disk
)

// errNoRoom says that the disk is too full for what was to be done.
var errNoRoom = errors.New("index: not enough free disk")

// diskSpace is the bytes free and in all of the file system a folder is on.
func diskSpace(dir string) (free, total int64, err error) {
	var fs syscall.Statfs_t
	if err := syscall.Statfs(dir, &fs); err != nil {
		return 0, 0, fmt.Errorf("free disk of %s: %w", dir, err)
	}
	return int64(fs.Bavail) * fs.Bsize, int64(fs.Blocks) * fs.Bsize, nil
}

// minFree is the free bytes below which nothing is written.
func (c *Config) minFree(total int64) int64 {
	switch {
	case c.MinFree < 0:
		return 0
	case c.MinFree > 0:
		return c.MinFree
	}
	return min(defaultMinFree, total/minFreePart)
}

// checkSpace looks whether there is room. Once there was none, it takes a tenth
// more than the least to go on.
func (ix *Index) checkSpace() {
	free, total, err := ix.cfg.space(ix.cfg.Dir)
	if err != nil {
		ix.log.Error("free disk is not known", "err", err)
		return
	}
	least := ix.cfg.minFree(total)
	ix.metrics.free.Set(float64(free))
	ix.mu.Lock()
	was := ix.full
	if was != "" {
		least += least / 10
	}
	ix.full = ""
	if free < least {
		ix.full = fmt.Sprintf("%d MB of disk are free, %d MB are needed (index.min_free)", free/1e6, least/1e6)
	}
	full := ix.full
	ix.mu.Unlock()
	switch {
	case full != "" && was == "":
		ix.metrics.stopped.Set(1)
		ix.log.Error("writing stops: the disk is nearly full", "dir", ix.cfg.Dir, "free", free, "min_free", least)
	case full == "" && was != "":
		ix.metrics.stopped.Set(0)
		ix.log.Warn("writing goes on: there is room again", "dir", ix.cfg.Dir, "free", free)
	}
}

// noRoom says why nothing is written; empty: there is room.
func (ix *Index) noRoom() string {
	ix.mu.RLock()
	defer ix.mu.RUnlock()
	return ix.full
}

// putOff is the error of a write while writing is stopped or Bleve can't write;
// nil: it can.
func (ix *Index) putOff() error {
	if why := ix.noRoom(); why != "" {
		return pipeline.Later(fullWait, fmt.Errorf("%w: %s", errNoRoom, why))
	}
	for _, p := range ix.list() {
		if why := p.notPersisting(); why != "" {
			// Bleve would take it into memory, and more and more of it.
			return pipeline.Later(fullWait, fmt.Errorf("partition %s can't be written to disk: %s", p.name, why))
		}
	}
	return nil
}

// roomFor says whether there are so many bytes free, and then some.
func (ix *Index) roomFor(bytes int64) error {
	free, total, err := ix.cfg.space(ix.cfg.Dir)
	if err != nil {
		return err
	}
	// Half as much again: while it is made, a partition is in more segments.
	if need := bytes*3/2 + ix.cfg.minFree(total); free < need {
		return fmt.Errorf("%w: %d MB are free, %d MB are needed", errNoRoom, free/1e6, need/1e6)
	}
	return nil
}

// waitForRoom waits while there is none.
func (ix *Index) waitForRoom(ctx context.Context) error {
	for ix.noRoom() != "" {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(watchInterval):
		}
	}
	return ctx.Err()
}
