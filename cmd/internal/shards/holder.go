package shards

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/newswatch/newswatch/index"
	"github.com/newswatch/newswatch/pipeline"
	"github.com/newswatch/newswatch/pipeline/jet"
)

// Options is what a Holder and an Asker are made of.
type Options struct {
	Shards  pipeline.Shards
	Replica string       // name of this process's copies
	Alone   bool         // no other process can be on the bus
	Index   index.Config // Dir is the folder of all shards; Hold says which
}

// A Holder is the copies of shards that this process has.
type Holder struct {
	lg   *slog.Logger
	reg  prometheus.Registerer
	node *jet.Node
	opts Options
	now  func() time.Time
	met  *holding

	roster *roster // nil: no other process can have copies
	copies []*replica
}

// A replica is one copy of one shard.
type replica struct {
	h     *Holder
	lg    *slog.Logger
	shard int
	dir   string

	mu    sync.Mutex
	ix    *index.Index // nil: it is being fetched
	state string
	lag   uint64
	took  bool   // when it was looked at last, nothing waited for it
	note  string // of the moment
	loss  *loss  // nil: nothing is known to be missing for good
	fresh string // peer whose copy is to take the place of this one

	unregister func() // the metrics of ix
}

// Open opens what this process has of the shards it is to hold. What it has
// nothing of yet it gets while it runs.
func Open(ctx context.Context, lg *slog.Logger, reg prometheus.Registerer, node *jet.Node, opts Options) (*Holder, error) {
	hold, err := held(opts.Shards, opts.Index.Hold)
	if err != nil {
		return nil, err
	}
	h := &Holder{lg: lg.With("component", "shards"), reg: reg, node: node, opts: opts, now: time.Now, met: newHolding(reg)}
	if !opts.Alone {
		kv, err := node.KV(ctx, pipeline.BucketReplicas)
		if err != nil {
			return nil, err
		}
		h.roster = newRoster(h.lg, kv, time.Now)
		if err := h.roster.read(ctx); err != nil {
			return nil, fmt.Errorf("replicas of shards: %w", err)
		}
	}
	for _, shard := range hold {
		r := &replica{h: h, shard: shard, dir: filepath.Join(opts.Index.Dir, Folder(opts.Shards, shard)), state: StateBehind}
		r.lg = h.lg.With("shard", shard)
		h.copies = append(h.copies, r)
		err := settle(r.dir)
		empty, e := isEmpty(r.dir)
		err = errors.Join(err, e)
		switch {
		case err != nil:
		case empty && !opts.Alone && len(r.peers()) > 0: // there is a copy to fetch: that takes time
			r.state = StateStarting
		default:
			r.readLoss()
			if empty && !opts.Alone {
				r.checkLoss()
			}
			err = r.open()
		}
		if err != nil {
			return nil, errors.Join(err, h.Close())
		}
	}
	return h, nil
}

func (r *replica) open() error {
	cfg, reg, lg := r.h.opts.Index, r.h.reg, r.h.lg
	cfg.Dir = r.dir
	if r.h.opts.Shards.Count() > 1 {
		lg = r.lg
		reg = prometheus.WrapRegistererWith(prometheus.Labels{"shard": strconv.Itoa(r.shard)}, reg)
	}
	own := prometheus.NewRegistry() // another copy may take this one's place
	ix, err := index.Open(lg, own, cfg)
	if err != nil {
		return fmt.Errorf("shard %d: %w", r.shard, err)
	}
	reg.MustRegister(own)
	ix.SetFloor(r.settled)
	r.mu.Lock()
	r.ix, r.unregister = ix, func() { reg.Unregister(own) }
	r.mu.Unlock()
	r.keepLoss()
	return nil
}

// settled is the sequence up to which the copy has everything of its shard.
func (r *replica) settled(ctx context.Context) (uint64, error) {
	seq, err := r.h.node.Settled(ctx, pipeline.StreamArticles, r.consumer())
	if errors.Is(err, pipeline.ErrNotFound) { // it has not begun to read
		return 0, nil
	}
	return seq, err
}

// Close closes the indexes.
func (h *Holder) Close() error {
	var errs []error
	for _, r := range h.copies {
		if ix := r.index(); ix != nil {
			errs = append(errs, ix.Close())
		}
	}
	return errors.Join(errs...)
}

// index is the copy; nil while there is none yet.
func (r *replica) index() *index.Index {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.ix
}

// Index is this process's copy of the shard; nil: it has none, or not yet.
func (h *Holder) Index(shard int) *index.Index {
	if r := h.replica(shard); r != nil {
		return r.index()
	}
	return nil
}

// replica is the one of the shard, if it can be asked; nil: there is none.
func (h *Holder) replica(shard int) *replica {
	if h == nil {
		return nil
	}
	for _, r := range h.copies {
		if r.shard == shard && r.index() != nil {
			return r
		}
	}
	return nil
}

// Indexes is the copies that this process has, by shard.
func (h *Holder) Indexes() map[int]*index.Index {
	out := make(map[int]*index.Index)
	for _, r := range h.copies {
		if ix := r.index(); ix != nil {
			out[r.shard] = ix
		}
	}
	return out
}

// Each calls fn with every shard that this process is to have, one after the
// other, when its copy is there, until ctx is done or fn fails.
func (h *Holder) Each(ctx context.Context, fn func(shard int, ix *index.Index) error) error {
	for _, r := range h.copies {
		for r.index() == nil {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(beatEvery):
			}
		}
		if err := fn(r.shard, r.index()); err != nil {
			return err
		}
	}
	return nil
}

// Run feeds the copies, and offers them to others, until ctx is done.
func (h *Holder) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	if h.roster != nil {
		g.Go(func() error { return h.roster.run(ctx) })
	}
	for _, r := range h.copies {
		g.Go(func() error {
			if err := r.run(ctx); err != nil && ctx.Err() == nil {
				return fmt.Errorf("shard %d: %w", r.shard, err)
			}
			return nil
		})
	}
	return g.Wait()
}

func (r *replica) run(ctx context.Context) error {
	if r.h.opts.Alone {
		return r.feed(ctx)
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return r.beat(ctx) })
	g.Go(func() error {
		if r.index() == nil {
			if err := r.bootstrap(ctx); err != nil {
				return err
			}
		}
		r.checkGap(ctx)
		for {
			err := r.work(ctx)
			if errors.Is(err, errFresh) {
				err = r.exchange(ctx)
			}
			if err != nil || ctx.Err() != nil {
				return err
			}
		}
	})
	return g.Wait()
}

// work feeds the copy and offers it to others until ctx is done, or another one
// is there to take its place: errFresh.
func (r *replica) work(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return r.feed(ctx) })
	g.Go(func() error { return r.serve(ctx) })
	g.Go(func() error { return r.heal(ctx) })
	return g.Wait()
}

// feed writes the shard's part of the articles stream into the copy. What the
// copy comes to lack while it runs, as when a damage is found, it is handed again
// when its consumer begins anew.
func (r *replica) feed(ctx context.Context) error {
	ix := r.index()
	sink := pipeline.Sink[pipeline.Article]{
		Name:      r.consumer(),
		In:        pipeline.Articles,
		Filter:    r.h.opts.Shards.Filter(r.shard),
		MaxItems:  500, // what there is after a pause is cut by MaxBytes
		MaxWait:   50 * time.Millisecond,
		Exclusive: true,
		Write:     ix.Write,
	}
	for ctx.Err() == nil {
		running, stop := context.WithCancel(ctx)
		asked := make(chan struct{})
		sink.From = sync.OnceValue(func() uint64 { defer close(asked); return ix.From() })
		var exhausting sync.WaitGroup
		sink.Begun = func() { exhausting.Go(func() { r.exhaust(running, ix) }) }
		go func() {
			defer stop()
			select {
			case <-asked:
			case <-running.Done():
				return
			}
			select {
			case <-ix.Behind():
			case <-running.Done():
			}
		}()
		err := sink.Run(running, r.h.node)
		stop()
		exhausting.Wait()
		if err != nil {
			return err
		}
	}
	return nil
}

// exhaust tells the copy when the stream has nothing more of what it asked for
// again: some of that may be older than what the stream holds.
func (r *replica) exhaust(ctx context.Context, ix *index.Index) {
	t := time.NewTicker(exhaustEvery)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		asking := ix.Lacks()
		if asking == 0 {
			continue
		}
		p, err := r.h.node.Progress(ctx, pipeline.StreamArticles, r.consumer())
		if err == nil && p.Pending == 0 && p.InFlight == 0 {
			ix.Exhausted(asking)
		}
	}
}

const exhaustEvery = 2 * time.Second

func (r *replica) consumer() string { return consumer(r.h.opts.Shards, r.shard, r.h.opts.Replica) }

// lastBeat bounds the last word of a replica that stops.
const lastBeat = 2 * time.Second

// beat tells how the replica does, every now and then, until ctx is done.
func (r *replica) beat(ctx context.Context) error {
	kv, err := r.h.node.KV(ctx, pipeline.BucketReplicas)
	if err != nil {
		return err
	}
	tell := func(ctx context.Context) {
		s := r.status()
		r.h.met.lacking(s)
		data, err := json.Marshal(s)
		if err == nil {
			_, err = kv.Put(ctx, replicaKey(r.shard, r.h.opts.Replica), data)
		}
		if err != nil && ctx.Err() == nil {
			r.lg.Warn("state of the replica is not told", "error", err)
		}
	}
	t := time.NewTicker(beatEvery)
	defer t.Stop()
	for ctx.Err() == nil {
		r.measure(ctx)
		tell(ctx)
		select {
		case <-ctx.Done():
		case <-t.C:
		}
	}
	r.set(StateStopped, "")
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastBeat)
	defer cancel()
	tell(last)
	return nil
}

func (r *replica) set(state, note string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.state, r.note = state, note
}

// measure looks how far behind the copy is.
func (r *replica) measure(ctx context.Context) {
	if r.index() == nil {
		return
	}
	p, err := r.h.node.Progress(ctx, pipeline.StreamArticles, r.consumer())
	if err != nil {
		return // the consumer is not there yet, or the server does not answer: as it was
	}
	lag := p.Pending + uint64(p.InFlight)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lag = lag
	took := p.Pending == 0 // what there was has been taken up; a moment later it is searchable
	switch {
	case lag == 0 || took && r.took:
		r.state = StateReady
	case lag > nearLag:
		r.state = StateBehind
	}
	r.took = took
	r.h.met.set(r.shard, r.state, r.lag)
}

// status is what the replica tells of itself.
func (r *replica) status() Replica {
	r.mu.Lock()
	ix := r.ix
	s := Replica{
		Shard: r.shard, Replica: r.h.opts.Replica, Node: r.h.node.Name(),
		State: r.state, Lag: r.lag, Note: r.note, Updated: r.h.now().UTC(),
	}
	l := r.loss
	r.mu.Unlock()
	if ix == nil {
		return s
	}
	st := ix.Stats()
	s.Documents, s.Bytes, s.Partitions, s.Seq = st.Documents, st.Bytes, len(st.Partitions), st.Seq
	s.Health = health(ix, st)
	if l.real(s.State, s.Documents) {
		s.Lacks = true
		s.Note = cmp.Or(s.Note, l.Text)
	}
	return s
}

// candidate is the replica as one that could be asked.
func (r *replica) candidate() candidate {
	r.mu.Lock()
	defer r.mu.Unlock()
	lacks := r.loss != nil && r.loss.Documents == always
	return candidate{Replica{Shard: r.shard, Replica: r.h.opts.Replica, State: r.state, Lag: r.lag, Lacks: lacks}, r}
}

// Status is how the copies of this process do.
func (h *Holder) Status(ctx context.Context) []Replica {
	var out []Replica
	for _, r := range h.copies {
		if h.opts.Alone { // else the beat does
			r.measure(ctx)
		}
		out = append(out, r.status())
	}
	return out
}
