package index

import (
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/blevesearch/bleve/v2/index/scorch"
)

// A merger that stands still shows in nothing but segments that become more and
// more, until Bleve, at 500, waits for it for good. One that is at work comes to
// the end of a round or writes bytes.
const (
	mergeStall = 3 * time.Minute // without a sign of work…
	mergeMany  = 40              // …with more segments than a working merger leaves lying
)

// mergeWatch is what was seen of a partition's merger.
type mergeWatch struct {
	opening  uint64
	work     uint64 // rounds ended and bytes written
	segments int    // when it was last seen at work
	at       time.Time
}

// mergerStalled says why the merger must be taken for dead; empty: it need not.
func (p *partition) mergerStalled(now time.Time) string {
	p.mu.Lock()
	idx, opening, writable := p.idx, p.opening, p.sealed == nil
	p.mu.Unlock()
	if idx == nil || !writable {
		return ""
	}
	raw, err := idx.Advanced()
	if err != nil {
		return ""
	}
	s, ok := raw.(*scorch.Scorch)
	if !ok {
		return ""
	}
	stats, ok := s.Stats().(*scorch.Stats)
	if !ok {
		return ""
	}
	n, err := segments(p)
	if err != nil {
		return ""
	}
	work := atomic.LoadUint64(&stats.TotFileMergeLoopEnd) + atomic.LoadUint64(&stats.TotFileMergeWrittenBytes)
	p.mu.Lock()
	defer p.mu.Unlock()
	w := &p.merger
	if opening != w.opening || work != w.work || n <= w.segments && n <= mergeMany {
		*w = mergeWatch{opening, work, n, now}
		return ""
	}
	if n <= mergeMany || n <= w.segments || now.Sub(w.at) < mergeStall {
		return ""
	}
	return fmt.Sprintf("the merger has done nothing for %v while segments went from %d to %d", now.Sub(w.at).Round(time.Second), w.segments, n)
}

// leaveBehind makes it possible to open a partition whose index does not close:
// the lock it holds is on its root.bolt, and a copy takes the place of that.
func (p *partition) leaveBehind() error {
	root := filepath.Join(p.store(), "root.bolt")
	if err := copyFile(root, root+".new"); err != nil {
		return err
	}
	if err := os.Rename(root+".new", root); err != nil {
		return err
	}
	return syncDir(p.store())
}
