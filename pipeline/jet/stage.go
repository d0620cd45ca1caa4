package jet

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/newswatch/newswatch/pipeline"
)

const (
	// maxFetch bounds one request for messages.
	maxFetch = 256
	// maxHeld bounds the bytes of messages handed to a stage and not settled.
	maxHeld = 64 << 20
	// idleAfter is when the server forgets a durable consumer nobody asks for:
	// else a replica that is no more would for ever keep the keeper from
	// making room. It starts from the beginning should it come back.
	idleAfter = 7 * day
)

// A stage is a durable consumer being read by this process, with a second one
// on the retry stream for what comes again.
type stage struct {
	n      *Node
	lg     *slog.Logger
	name   string
	stream string
	last   bool // the stream keeps only the latest message of a subject
	main   *puller
	again  *puller

	ctx     context.Context // done when the stage is to stop
	leave   func()
	out     chan *work    // closed when no more come
	fetched chan struct{} // closed with it

	held     atomic.Int64 // bytes in flight
	size     atomic.Int64 // of a message, on average
	duration prometheus.Observer
	inFlight prometheus.Gauge

	mu     sync.Mutex
	flight map[*work]struct{}
	parked map[parkKey]*park

	quiet   chan struct{} // closed to end signs of life
	signing sync.WaitGroup

	stalls int // of the watchdog
}

// A puller fetches from one durable consumer.
type puller struct {
	stream string
	cfg    jetstream.ConsumerConfig
	cons   jetstream.Consumer
	slots  chan struct{} // one token for each message in flight
	retry  bool
	inAir  uint64 // up to here a message may have been in work when an earlier run died…
	done   uint64 // …but for those up to here, which it had settled
}

// A work is one message on its way through a stage.
type work struct {
	msg       jetstream.Msg
	from      *puller
	key       parkKey
	o         origin
	d         pipeline.Delivery // as the handler sees it
	delivered int               // how often the consumer handed it out
	fates     int               // how many of these came to an outcome we know of
	touched   time.Time         // last sign of life
	near      bool              // its start was counted, see crash.go
}

// A parkKey is a message of one of the two consumers.
type parkKey struct {
	retry bool
	seq   uint64
}

// A park is what this process remembers of a message it gave back to the
// consumer.
type park struct {
	failures    int
	firstFailed time.Time
	fates       int
	until       time.Time // zero once it is back
}

// newStage makes or finds the consumers and starts fetching.
func (n *Node) newStage(ctx context.Context, name, stream, filter string, pending int, exclusive bool) (*stage, error) {
	if name == "" || strings.Map(plainRune, name) != name {
		return nil, fmt.Errorf("consumer %q: want letters, digits, - and _", name)
	}
	ctx, leave, err := n.enter(ctx)
	if err != nil {
		return nil, err
	}
	n.met.stage(name)
	s := &stage{
		n:        n,
		lg:       n.lg.With("stage", name, "stream", stream),
		name:     name,
		stream:   stream,
		ctx:      ctx,
		leave:    leave,
		fetched:  make(chan struct{}),
		quiet:    make(chan struct{}),
		duration: n.met.duration.WithLabelValues(name),
		inFlight: n.met.inFlight.WithLabelValues(name),
		flight:   make(map[*work]struct{}),
		parked:   make(map[parkKey]*park),
	}
	for _, d := range n.defs {
		if d.name == stream {
			s.last = d.last
		}
	}
	s.main = s.newPuller(stream, filter, pending, idleAfter)
	// Those that come again have places of their own, fewer.
	s.again = s.newPuller(pipeline.StreamRetry, "retry."+name+".due.>", max(1, pending/4), 0)
	s.again.retry = true
	s.out = make(chan *work, cap(s.main.slots)+cap(s.again.slots))
	for _, p := range []*puller{s.main, s.again} {
		if err := s.ensure(p); err != nil {
			leave()
			return nil, err
		}
		if !exclusive {
			continue
		}
		if err := s.takeOver(p); err != nil {
			leave()
			return nil, err
		}
	}
	return s, nil
}

// takeOver has what an earlier run left unsettled handed out again at once. The
// server would wait until that run's AckWait is over; whoever consumes
// exclusively knows better. The server's counts of deliveries start anew with
// it, so each start of a message that may have been in the air is counted by
// us: see crash.go.
func (s *stage) takeOver(p *puller) error {
	info := p.cons.CachedInfo()
	if info.NumAckPending == 0 {
		return nil
	}
	if _, err := s.n.cjs.ResetConsumer(s.ctx, p.stream, s.name); err != nil {
		return fmt.Errorf("take over consumer %s of stream %s: %w", s.name, p.stream, err)
	}
	p.inAir, p.done = info.Delivered.Stream, info.AckFloor.Stream
	s.lg.Info("taken over what an earlier run left", "messages", info.NumAckPending)
	return s.ensure(p)
}

func (s *stage) newPuller(stream, filter string, pending int, idle time.Duration) *puller {
	return &puller{
		stream: stream,
		cfg: jetstream.ConsumerConfig{
			Durable:       s.name,
			AckPolicy:     jetstream.AckExplicitPolicy,
			AckWait:       s.n.cfg.AckWait,
			FilterSubject: filter,
			// Our own count decides; a message over the server's would just be
			// forgotten. For the same reason there is no BackOff.
			MaxDeliver: -1,
			// What one process holds is bounded by its slots. The server's
			// bound, over all processes, also counts what waits for a delayed
			// redelivery, and stops everything when reached.
			MaxAckPending:     max(1024, 16*pending),
			InactiveThreshold: idle,
		},
		slots: make(chan struct{}, pending),
	}
}

// ensure makes the consumer, or makes it as it should be.
func (s *stage) ensure(p *puller) error {
	cons, err := s.n.cjs.CreateOrUpdateConsumer(s.ctx, p.stream, p.cfg)
	if err != nil {
		return fmt.Errorf("consumer %s of stream %s: %w", s.name, p.stream, err)
	}
	p.cons = cons
	return nil
}

// start begins to fetch; what comes goes to s.out.
func (s *stage) start() {
	s.n.mu.Lock()
	s.n.stages[s] = struct{}{}
	s.n.mu.Unlock()
	var fetching sync.WaitGroup
	for _, p := range []*puller{s.main, s.again} {
		fetching.Go(func() { s.fetch(p) })
	}
	go func() {
		fetching.Wait()
		close(s.fetched)
		close(s.out)
	}()
	s.signing.Go(s.signLife)
}

// end is called when everything is settled.
func (s *stage) end() {
	close(s.quiet)
	s.signing.Wait()
	s.n.mu.Lock()
	delete(s.n.stages, s)
	s.n.mu.Unlock()
	s.inFlight.Set(0)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(s.ctx), 5*time.Second)
	defer cancel()
	// Who goes on with this consumer should find it where we left it.
	if err := flush(ctx, s.n.con); err != nil {
		s.lg.Warn("acknowledgements may not have arrived", "error", err)
	}
	s.leave()
}

// fetch asks for messages until the stage stops. It is a loop of its own, not
// jetstream.Consume, which under load can forget to ask again for 30 s.
func (s *stage) fetch(p *puller) {
	wait := 100 * time.Millisecond
	for {
		n := s.take(p)
		if n == 0 {
			return
		}
		got, err := s.fetchOnce(p, n)
		for range n - got {
			<-p.slots
		}
		if err == nil {
			wait = 100 * time.Millisecond
			continue
		}
		if s.ctx.Err() != nil {
			return
		}
		s.lg.Warn("fetch failed", "from", p.stream, "error", err, "again_in", wait)
		select {
		case <-s.ctx.Done():
			return
		case <-time.After(wait):
		}
		wait = min(2*wait, 5*time.Second)
		// It may have been deleted, or the whole server be another.
		if err := s.ensure(p); err != nil && s.ctx.Err() == nil {
			s.lg.Warn("consumer not found", "from", p.stream, "error", err)
		}
	}
}

// take waits for free slots and takes as many as one request should ask for;
// 0 when the stage stops.
func (s *stage) take(p *puller) int {
	for s.held.Load() >= maxHeld {
		select {
		case <-s.ctx.Done():
			return 0
		case <-time.After(5 * time.Millisecond):
		}
	}
	select {
	case <-s.ctx.Done():
		return 0
	case p.slots <- struct{}{}:
	}
	if s.ctx.Err() != nil {
		<-p.slots
		return 0
	}
	most := int64(maxFetch)
	if size := s.size.Load(); size > 0 {
		most = min(most, (maxHeld-s.held.Load())/size)
	}
	n := 1
	for int64(n) < most {
		select {
		case p.slots <- struct{}{}:
			n++
		default:
			return n
		}
	}
	return n
}

// fetchOnce returns how many messages came. It always waits the request out:
// one given up would go on on the server, and lose messages until AckWait.
func (s *stage) fetchOnce(p *puller, n int) (got int, err error) {
	b, err := p.cons.Fetch(n, jetstream.FetchMaxWait(s.n.cfg.FetchWait))
	if err != nil {
		return 0, err
	}
	for m := range b.Messages() {
		got++
		w, err := s.admit(p, m)
		if err != nil {
			// Not from a stream: nothing to settle.
			s.lg.Error("message without place", "subject", m.Subject(), "error", err)
			<-p.slots
			continue
		}
		s.out <- w // there is room for all slots
	}
	if err := b.Error(); err != nil && !errors.Is(err, nats.ErrTimeout) {
		return got, err
	}
	return got, nil
}

// admit takes a message into the flight.
func (s *stage) admit(p *puller, m jetstream.Msg) (*work, error) {
	md, err := m.Metadata()
	if err != nil {
		return nil, err
	}
	w := &work{
		msg:       m,
		from:      p,
		key:       parkKey{retry: p.retry, seq: md.Sequence.Stream},
		delivered: int(md.NumDelivered),
		touched:   s.n.now(),
	}
	if p.retry {
		w.o = readOrigin(m.Headers())
	} else {
		w.o = origin{stream: s.stream, subject: m.Subject(), seq: md.Sequence.Stream, stored: md.Timestamp}
	}
	s.mu.Lock()
	if k := s.parked[w.key]; k != nil {
		w.o.failures, w.o.firstFailed, w.fates = k.failures, k.firstFailed, k.fates
		k.until = time.Time{}
	}
	s.flight[w] = struct{}{}
	s.inFlight.Set(float64(len(s.flight)))
	s.mu.Unlock()
	w.d = pipeline.Delivery{
		Message: pipeline.Message{Subject: w.o.subject, Header: userHeader(m.Headers()), Data: m.Data()},
		Seq:     w.o.seq,
		Stored:  w.o.stored,
		Attempt: w.o.failures + 1,
	}
	size := int64(len(w.d.Data))
	s.held.Add(size)
	s.size.Store((7*s.size.Load() + size) / 8)
	return w, nil
}

// dismiss takes a settled message out of the flight.
func (s *stage) dismiss(w *work) {
	s.mu.Lock()
	delete(s.flight, w)
	s.inFlight.Set(float64(len(s.flight)))
	s.mu.Unlock()
	s.held.Add(-int64(len(w.d.Data)))
	<-w.from.slots
}

// signLife tells the server that the messages in flight are being worked at,
// those waiting for a worker included.
func (s *stage) signLife() {
	every := s.n.cfg.AckWait / 3
	t := time.NewTicker(every / 2)
	defer t.Stop()
	for {
		select {
		case <-s.quiet:
			return
		case <-t.C:
		}
		now := s.n.now()
		var due []*work
		s.mu.Lock()
		for w := range s.flight {
			if now.Sub(w.touched) >= every/2 {
				w.touched = now
				due = append(due, w)
			}
		}
		for key, k := range s.parked {
			// Another process got it.
			if !k.until.IsZero() && now.Sub(k.until) > 10*s.n.cfg.AckWait {
				delete(s.parked, key)
			}
		}
		s.mu.Unlock()
		for _, w := range due {
			if err := w.msg.InProgress(); err != nil {
				s.lg.Debug("sign of life not given", "seq", w.o.seq, "error", err)
			}
		}
	}
}
