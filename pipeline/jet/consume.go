package jet

import (
	"context"
	"runtime"
	"sync"

	"github.com/newswatch/newswatch/pipeline"
)

// Consume hands messages to c.Handle, see [pipeline.Bus]. What comes again by
// way of the retry stream has the sequence of the original; in a stream that
// keeps only the latest message of a subject, it comes only while there is
// none newer.
func (n *Node) Consume(ctx context.Context, c pipeline.Consumer) error {
	workers := c.Workers
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	pending := c.Pending
	if pending <= 0 {
		pending = 4 * workers
	}
	s, err := n.newStage(ctx, c.Name, c.Stream, c.Filter, pending, c.Exclusive)
	if err != nil {
		return unlessDone(ctx, err)
	}
	s.start()
	var working sync.WaitGroup
	for range workers {
		working.Go(func() {
			for w := range s.out {
				s.settle(w, s.handle(w, c.Handle))
			}
		})
	}
	working.Wait()
	s.end()
	return nil
}

// unlessDone is err, or nil where the caller wants to stop anyway.
func unlessDone(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil //nolint:nilerr // an error of stopping is none
	}
	return err
}

func (s *stage) handle(w *work, fn func(context.Context, pipeline.Delivery) error) fate {
	if err := s.ctx.Err(); err != nil {
		return fate{kind: fateStop, err: err}
	}
	if s.superseded(w) {
		return fate{kind: fateSuperseded}
	}
	run := func() fate {
		start := s.n.now()
		err := catch(func() error { return fn(s.ctx, w.d) })
		s.duration.Observe(s.n.now().Sub(start).Seconds())
		return judge(s.ctx, err)
	}
	if s.suspect(w) {
		return s.alone(w, run)
	}
	return run()
}

// superseded reports whether w is a retry of a message that was replaced in
// its stream: the newer one is handed out on its own, and must not be
// overwritten by the older. A replay is somebody's wish, and is heard.
func (s *stage) superseded(w *work) bool {
	if !s.last || !w.from.retry || w.o.replays > 0 {
		return false
	}
	d, err := s.n.Last(s.ctx, w.o.stream, w.o.subject)
	return err == nil && d.Seq > w.o.seq
}
