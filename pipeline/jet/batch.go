package jet

import (
	"cmp"
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/newswatch/newswatch/pipeline"
)

// ConsumeBatch hands messages to c.Write in batches, see [pipeline.Bus]. A
// message that comes again is written in a batch of its own.
func (n *Node) ConsumeBatch(ctx context.Context, c pipeline.BatchConsumer) error {
	c = batchDefaults(c)
	s, err := n.newStage(ctx, c.Name, c.Stream, c.Filter, c.Pending, c.Exclusive)
	if err != nil {
		return unlessDone(ctx, err)
	}
	if err := s.setBack(c.From); err != nil {
		s.leave()
		return unlessDone(ctx, err)
	}
	if c.Begun != nil {
		c.Begun()
	}
	s.start()
	b := &batcher{stage: s, c: c, wake: make(chan struct{}, 1)}
	b.run()
	s.end()
	return nil
}

// batchDefaults is c with each zero replaced.
func batchDefaults(c pipeline.BatchConsumer) pipeline.BatchConsumer {
	c.MaxItems = cmp.Or(c.MaxItems, 200)
	c.MaxBytes = cmp.Or(c.MaxBytes, 1<<20)
	c.MaxWait = cmp.Or(c.MaxWait, 250*time.Millisecond)
	c.Pending = cmp.Or(c.Pending, 2000)
	return c
}

// setBack sets the consumer back to where the sink says, if that was
// acknowledged already.
func (s *stage) setBack(from func() uint64) error {
	if from == nil {
		return nil
	}
	seq := from()
	if seq == 0 || seq > s.main.cons.CachedInfo().AckFloor.Stream {
		return nil
	}
	if _, err := s.n.cjs.ResetConsumerToSequence(s.ctx, s.stream, s.name, seq); err != nil {
		return fmt.Errorf("set consumer %s of stream %s back to %d: %w", s.name, s.stream, seq, err)
	}
	s.lg.Warn("consumer set back", "to", seq, "from", s.main.cons.CachedInfo().AckFloor.Stream)
	return s.ensure(s.main)
}

// A batcher gathers messages into batches and settles them when they are
// durable.
type batcher struct {
	*stage
	c    pipeline.BatchConsumer
	wake chan struct{} // something was added to single, or undone fell

	batch []*work // being gathered
	bytes int

	mu     sync.Mutex
	single []*work // of batches that failed, to be written one at a time
	undone int     // writes not yet done
}

// run is the one goroutine that writes.
func (b *batcher) run() {
	in := b.out
	var deadline <-chan time.Time
	for {
		b.writeSingles()
		if in == nil && b.idle() {
			return
		}
		if len(b.batch) == 0 {
			deadline = nil
		}
		select {
		case w, ok := <-in:
			if !ok {
				in = nil
				b.giveBack()
				continue
			}
			if len(b.batch) == 0 {
				deadline = time.After(b.c.MaxWait)
			}
			b.add(w)
		case <-deadline:
			b.flush()
		case <-b.wake:
		}
	}
}

// add takes w into the batch, which it may complete.
func (b *batcher) add(w *work) {
	switch {
	case b.ctx.Err() != nil:
		b.settle(w, fate{kind: fateStop, err: b.ctx.Err()})
		return
	case b.superseded(w):
		b.settle(w, fate{kind: fateSuperseded})
		return
	case b.suspect(w):
		b.flush()
		b.waitDone()
		b.settle(w, b.alone(w, func() fate { return b.writeOne(w) }))
		return
	}
	if err := b.decode(w); err != nil {
		b.settle(w, judge(b.ctx, err))
		return
	}
	if w.from.retry || w.o.failures > 0 {
		b.flush()
		b.write([]*work{w})
		return
	}
	if len(b.batch) > 0 && b.bytes+len(w.d.Data) > b.c.MaxBytes {
		b.flush()
	}
	b.batch = append(b.batch, w)
	b.bytes += len(w.d.Data)
	if len(b.batch) >= b.c.MaxItems || b.bytes >= b.c.MaxBytes {
		b.flush()
	}
}

func (b *batcher) decode(w *work) error {
	if b.c.Decode == nil {
		return nil
	}
	return catch(func() (err error) {
		w.d.Value, err = b.c.Decode(w.d)
		return err
	})
}

func (b *batcher) flush() {
	if len(b.batch) == 0 {
		return
	}
	batch := b.batch
	b.batch, b.bytes = nil, 0
	b.write(batch)
}

// giveBack returns what was gathered and not written.
func (b *batcher) giveBack() {
	for _, w := range b.batch {
		b.settle(w, fate{kind: fateStop, err: b.ctx.Err()})
	}
	b.batch, b.bytes = nil, 0
}

// write hands a batch to the sink. Its end may come at any time, from any
// goroutine.
func (b *batcher) write(ws []*work) {
	b.mu.Lock()
	b.undone++
	b.mu.Unlock()
	b.call(ws, func(err error) { go b.finish(ws, err) }) // the sink must not wait for our settling
}

// call calls Write; end is called once whatever the sink does.
func (b *batcher) call(ws []*work, end func(error)) {
	start := b.n.now()
	var called atomic.Bool
	done := func(err error) {
		if called.Swap(true) {
			b.lg.Error("batch done twice", "error", err)
			return
		}
		b.duration.Observe(b.n.now().Sub(start).Seconds())
		end(err)
	}
	ds := make([]pipeline.Delivery, len(ws))
	for i, w := range ws {
		ds[i] = w.d
	}
	err := catch(func() error {
		b.c.Write(b.ctx, ds, done)
		return nil
	})
	if err != nil && !called.Load() {
		done(err)
	}
}

// finish settles a batch, or has its members written one at a time.
func (b *batcher) finish(ws []*work, err error) {
	switch {
	case err == nil:
		for _, w := range ws {
			b.settle(w, fate{kind: fateOK})
		}
		err = nil
	case len(ws) == 1:
		b.settle(ws[0], judge(b.ctx, err))
	default:
		b.lg.Warn("batch failed, its messages are written one at a time", "messages", len(ws), "error", err)
	}
	b.mu.Lock()
	if err != nil && len(ws) > 1 {
		b.single = append(b.single, ws...)
	}
	b.undone--
	b.mu.Unlock()
	b.signal()
}

func (b *batcher) signal() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

func (b *batcher) idle() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.undone == 0 && len(b.single) == 0
}

// writeSingles writes the members of failed batches, before anything newer.
func (b *batcher) writeSingles() {
	for {
		b.mu.Lock()
		if len(b.single) == 0 {
			b.mu.Unlock()
			return
		}
		w := b.single[0]
		b.single = b.single[1:]
		b.mu.Unlock()
		if err := b.ctx.Err(); err != nil {
			b.settle(w, fate{kind: fateStop, err: err})
			continue
		}
		b.write([]*work{w})
	}
}

// waitDone waits until every write so far is done.
func (b *batcher) waitDone() {
	for {
		b.writeSingles()
		if b.idle() {
			return
		}
		<-b.wake
	}
}

// writeOne decodes and writes w alone and waits for its end.
func (b *batcher) writeOne(w *work) fate {
	if err := b.decode(w); err != nil {
		return judge(b.ctx, err)
	}
	ended := make(chan error, 1)
	b.call([]*work{w}, func(err error) { ended <- err })
	return judge(b.ctx, <-ended)
}
