package index

import (
	"context"
	"time"
)

const (
	warmInterval = time.Second      // how often new segments are looked for
	warmAgain    = 10 * time.Minute // after which one that failed is tried again
)

// warm works out ahead what most searches need of a segment, and the keys of a
// partition that the first write to any needs, newest partition first, so that
// neither the first search after a start or a merge nor the first write waits.
func (ix *Index) warm(ctx context.Context) {
	tick := time.NewTicker(warmInterval)
	defer tick.Stop()
	failed := make(map[*partition]time.Time)
	for {
		for _, p := range ix.list() {
			if time.Since(failed[p]) < warmAgain {
				continue
			}
			delete(failed, p)
			_, err := p.keys()
			if err == nil {
				err = ix.warmPartition(ctx, p)
			}
			if err != nil {
				failed[p] = time.Now() // who searches or writes is told of it
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (ix *Index) warmPartition(ctx context.Context, p *partition) error {
	v := ix.view(p)
	return v.guard(func() error {
		if err := v.open(); err != nil {
			return err
		}
		defer v.close()
		for _, s := range v.segments {
			// What is kept for searches that were is worth more.
			if ctx.Err() != nil || !ix.keeper.hasRoom() {
				return nil
			}
			if _, err := s.groups(collapseCopies); err != nil { // and with it the clock
				return err
			}
		}
		return nil
	})
}

// hasRoom says whether a quarter is free.
func (k *keeper) hasRoom() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.bytes < k.max*3/4
}
