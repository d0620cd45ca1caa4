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
	asking  uint64              // counts what is to be asked for
	dirty   bool                // the checkpoint file is behind cp

	behind chan struct{} // something is to be asked for that From has not told
}

// A waiter is a batch not yet acknowledged.
type waiter struct {
	needs map[*partition]uint64 // the writes that must be durable
	high  uint64                // highest sequence in it
	since time.Time
	done  func(error)
}

func newCommitter(log *slog.Logger, dir string, cp *checkpoint, m *metrics) *committer {
	return &committer{log: log, dir: dir, cp: cp, metrics: m, wake: make(chan struct{}, 1), touched: make(map[*partition]bool), asking: 1, behind: make(chan struct{}, 1)}
}

// compare takes the partition as it is now for what is durable of it, and
// notes, and returns, the sequence from which it lacks something (0: nothing).
func (c *committer) compare(p *partition) uint64 {
	st := p.now()
	c.mu.Lock()
	defer c.mu.Unlock()
	m := c.mark(p)
	from := m.missing(st)
	c.ask(p, from)
	c.take(m, p, st)
	return from
}

// settle is compare for a partition that lacks nothing the stream would have:
// it is filled from elsewhere.
func (c *committer) settle(p *partition) {
	st := p.now()
	c.mu.Lock()
	defer c.mu.Unlock()
	m := c.mark(p)
	if st.Gen < m.Gen { // another partition: its late writes are its own
		*m = mark{}
	}
	c.take(m, p, st)
}

// askAgain has everything asked for again that was ever written to the partition.
func (c *committer) askAgain(p *partition) (from uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	from = max(c.mark(p).Low, 1)
	c.ask(p, from)
	return from
}

func (c *committer) ask(p *partition, from uint64) {
	if from == 0 {
		return
	}
	if c.cp.Replay == 0 || from < c.cp.Replay {
		c.cp.Replay = from
	}
	c.asked = false // what was handed in since it was asked may be what is lost
	c.asking++
	if c.cp.Lacking == nil {
		c.cp.Lacking = make(map[string]uint64)
	}
	c.cp.Lacking[p.name] = c.highest()
	c.dirty = true
	select {
	case c.behind <- struct{}{}:
	default:
	}
}

func (c *committer) take(m *mark, p *partition, st state) {
	m.state, m.Documents = st, p.documents()
	m.Late = slices.DeleteFunc(m.Late, func(l lateWrite) bool { return l.Gen > st.Gen })
	m.Forgotten = min(m.Forgotten, st.Gen)
}

// mark is what is known of the partition. Called with c.mu.
func (c *committer) mark(p *partition) *mark {
	m := c.cp.Partitions[p.name]
	if m == nil {
		m = new(mark)
		c.cp.Partitions[p.name] = m
	}
	return m
}

// expected is how many documents the partition had when the checkpoint was
// written, and the highest sequence in the index; to be asked before compare.
func (c *committer) expected(name string) (documents int, upTo uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if m := c.cp.Partitions[name]; m != nil {
		documents = m.Documents
	}
	return documents, c.highest()
}

// gen is the number of the partition's last durable write, as far as known.
func (c *committer) gen(p *partition) uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.mark(p).Gen
}

// lacks reports whether the partition waits for articles asked for again.
func (c *committer) lacks(p *partition) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, ok := c.cp.Lacking[p.name]
	return ok
}

func (c *committer) from() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked = true
	select {
	case <-c.behind: // told now
	default:
	}
	return c.cp.Replay
}

// wants is the number of what was asked for last, and has not come; 0: nothing.
func (c *committer) wants() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cp.Replay == 0 && len(c.cp.Lacking) == 0 {
		return 0
	}
	return c.asking
}

// exhausted says that of what was asked for nothing more will come.
func (c *committer) exhausted(asking uint64) {
	c.mu.Lock()
	if c.asked && c.asking == asking {
		c.cp.Replay, c.cp.Lacking, c.dirty = 0, nil, true
	}
	c.mu.Unlock()
	c.kick()
}

// seq is the highest sequence that is durable.
func (c *committer) seq() (seq uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.highest()
}

func (c *committer) highest() (seq uint64) {
	for _, m := range c.cp.Partitions {
		seq = max(seq, m.Seq)
	}
	return seq
}

// add puts a batch on the list. high is its highest sequence; 0: it is none of
// the stream's.
func (c *committer) add(needs map[*partition]uint64, high uint64, done func(error)) {
	c.mu.Lock()
	c.waiters = append(c.waiters, &waiter{needs, high, time.Now(), done})
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
		m := c.mark(p)
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
	fromStream := slices.ContainsFunc(ready, func(w *waiter) bool { return w.high > 0 })
	if fromStream && c.asked && c.cp.Replay != 0 {
		c.cp.Replay, c.dirty = 0, true
	}
	for name, upTo := range c.cp.Lacking {
		if c.cp.Replay == 0 && slices.ContainsFunc(ready, func(w *waiter) bool { return w.high >= upTo }) {
			delete(c.cp.Lacking, name)
			c.dirty = true
		}
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
