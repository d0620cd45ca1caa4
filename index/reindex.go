package index

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// A ReindexProgress is how far a reindexing has come.
type ReindexProgress struct {
	Partition      string `json:"partition,omitempty"` // that is being made anew
	Partitions     int    `json:"partitions"`          // to be made anew in all…
	PartitionsDone int    `json:"partitions_done"`     // …and those that are
	Documents      int    `json:"documents"`           // of all these partitions
	DocumentsDone  int    `json:"documents_done"`
}

// ErrReindexing says that a reindexing is under way.
var ErrReindexing = errors.New("index: it is being reindexed already")

// Reindex makes partitions anew from the articles stored in them, by the
// analysis and mapping of today: those of an older mapping, and those made
// before a time. It goes from the newest to the oldest, one beside the running
// one at a time, which is searched and written to meanwhile; what is made is
// checked against it (number of documents, each key once, a sample of articles)
// and takes its place. It may be ended at any moment: done again with the same
// time it goes on at the partition it was at.
//
// progress, which may be nil, is called at each step.
func (ix *Index) Reindex(ctx context.Context, before time.Time, progress func(ReindexProgress)) error {
	if !ix.reindexing.TryLock() {
		return ErrReindexing
	}
	defer ix.reindexing.Unlock()
	var todo []*partition
	var sum ReindexProgress
	for _, p := range ix.list() {
		if p.madeBefore(before) {
			todo = append(todo, p)
			sum.Partitions++
			sum.Documents += p.documents()
		}
	}
	tell := func() {
		if progress != nil {
			progress(sum)
		}
	}
	for _, p := range todo {
		if ix.isClosed() {
			return ErrClosed
		}
		began, done := time.Now(), sum.DocumentsDone
		sum.Partition = p.name
		tell()
		if p.madeBefore(before) { // not made anew for damage meanwhile
			_, err := ix.renewTried(ctx, p, p.path+replacedSuffix, func() *renewal {
				return &renewal{p: p, progress: func(docs int) {
					sum.DocumentsDone = done + docs
					tell()
				}}
			})
			if errors.Is(err, errUnreadable) && ctx.Err() == nil {
				// Damage: it is mended, and with that made anew.
				ix.suspect(p)
				ix.scrubOne(ctx, p)
				if !p.madeBefore(before) {
					err = nil
				}
			}
			if err != nil {
				return fmt.Errorf("reindex: %w", err)
			}
			ix.metrics.reindexed.Inc()
			ix.log.Info("partition reindexed", "partition", p.name, "documents", p.documents(),
				"mapping", mappingVersion, "took", time.Since(began).Round(time.Millisecond))
		}
		sum.PartitionsDone++
		sum.DocumentsDone = done + p.documents()
	}
	sum.Partition = ""
	tell()
	return nil
}

// madeBefore reports whether the partition has documents and is of an older
// mapping or was made before the time.
func (p *partition) madeBefore(t time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.state.Gen > 0 && (p.made.outdated() || p.made.Made.Before(t))
}
