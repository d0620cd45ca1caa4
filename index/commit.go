package index

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"
)

// A committer acknowledges batches: when all the partitions a batch touched are
// durable, it writes the checkpoint, and only then calls done.
type committer struct {
	log     *slog.Logger
	dir     string
	metrics *metrics
	wake    chan struct{}

	saving sync.Mutex // one checkpoint is written at a time, and in order

	mu      sync.Mutex
	cp      *checkpoint
	waiters []*waiter
	touched map[*partition]bool // with writes that became durable
	asked   bool                // From was
	dirty   bool                // the checkpoint file is behind cp
}

// A waiter is a batch not yet acknowledged.
type waiter struct {
	needs map[*partition]uint64 // the writes that must be durable
	since time.Time
	done  func(error)
}

func newCommitter(log *slog.Logger, dir string, cp *checkpoint, m *metrics) *committer {
	return &committer{log: log, dir: dir, cp: cp, metrics: m, wake: make(chan struct{}, 1), touched: make(map[*partition]bool)}
}

// compare takes the partition as it is now for what is durable of it, and
// notes, and returns, the sequence from which it lacks something (0: nothing).
func (c *committer) compare(p *partition) uint64 {
	p.mu.Lock()
	st := p.state
	p.mu.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	m := c.cp.Partitions[p.name]
	if m == nil {
		m = new(mark)
		c.cp.Partitions[p.name] = m
	}
	from := m.missing(st)
	if from > 0 && (c.cp.Replay == 0 || from < c.cp.Replay) {
		c.cp.Replay = from
		c.asked = false
	}
	m.state = st
	m.Late = slices.DeleteFunc(m.Late, func(l lateWrite) bool { return l.Gen > st.Gen })
	m.Forgotten = min(m.Forgotten, st.Gen)
	return from
}

func (c *committer) from() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked = true
	return c.cp.Replay
}

// seq is the highest sequence that is durable.
func (c *committer) seq() (seq uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, m := range c.cp.Partitions {
		seq = max(seq, m.Seq)
	}
	return seq
}

// add puts a batch on the list.
func (c *committer) add(needs map[*partition]uint64, done func(error)) {
	c.mu.Lock()
	c.waiters = append(c.waiters, &waiter{needs, time.Now(), done})
	c.mu.Unlock()
	c.kick()
}

// notify says that a write of p became durable.
func (c *committer) notify(p *partition) {
	c.mu.Lock()
	c.touched[p] = true
	c.mu.Unlock()
	c.kick()
}

func (c *committer) kick() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// retryCheckpoint is how long to wait after a checkpoint could not be written.
const retryCheckpoint = time.Second

func (c *committer) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.wake:
		}
		if err := c.step(); err != nil {
			c.log.Error("checkpoint can't be written: tried again", "dir", c.dir, "err", err)
			select {
			case <-ctx.Done():
				return
			case <-time.After(retryCheckpoint):
				c.kick()
			}
		}
	}
}

// step acknowledges what has become durable.
func (c *committer) step() error {
	c.saving.Lock()
	defer c.saving.Unlock()
	c.mu.Lock()
	for p := range c.touched {
		m := c.cp.Partitions[p.name]
		if m == nil {
			m = new(mark)
			c.cp.Partitions[p.name] = m
		}
		c.dirty = p.takeDurable(m) || c.dirty
		delete(c.touched, p)
	}
	var ready, rest []*waiter
	for _, w := range c.waiters {
		if w.durable() {
			ready = append(ready, w)
		} else {
			rest = append(rest, w)
		}
	}
	// The consumer was set back before it handed in the first batch after
	// From was asked: what was missing is on its way for good.
	if len(ready) > 0 && c.asked && c.cp.Replay != 0 {
		c.cp.Replay, c.dirty = 0, true
	}
	c.waiters = rest
	var save *checkpoint
	if c.dirty {
		save, c.dirty = c.cp.clone(), false
	}
	c.mu.Unlock()

	if save != nil {
		if err := save.write(c.dir); err != nil {
			c.mu.Lock()
			c.waiters = append(ready, c.waiters...) // not acknowledged, then
			c.dirty = true
			c.mu.Unlock()
			return err
		}
	}
	for _, w := range ready {
		c.metrics.durable.Observe(time.Since(w.since).Seconds())
		w.done(nil)
	}
	return nil
}

// durable reports whether all writes the waiter needs are.
func (w *waiter) durable() bool {
	for p, gen := range w.needs {
		p.mu.Lock()
		ok := p.durable >= gen
		p.mu.Unlock()
		if !ok {
			return false
		}
	}
	return true
}

// fail ends the batches that wait for p; nil: all.
func (c *committer) fail(p *partition, err error) {
	c.mu.Lock()
	var failed, rest []*waiter
	for _, w := range c.waiters {
		if _, ok := w.needs[p]; ok || p == nil {
			failed = append(failed, w)
		} else {
			rest = append(rest, w)
		}
	}
	c.waiters = rest
	c.mu.Unlock()
	for _, w := range failed {
		w.done(err)
	}
}

// drain waits until no batch waits any more.
func (c *committer) drain(longest time.Duration) error {
	end := time.Now().Add(longest)
	for {
		c.mu.Lock()
		n := len(c.waiters)
		c.mu.Unlock()
		if n == 0 {
			return nil
		}
		if time.Now().After(end) {
			return fmt.Errorf("index: %d batches not durable after %v", n, longest)
		}
		time.Sleep(5 * time.Millisecond)
	}
}
