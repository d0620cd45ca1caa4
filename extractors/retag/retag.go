// Package retag applies changes of the entities to the articles there are.
//
// In go the entities as compiled last ([Retagger.SetMatcher]) and requests
// ([Desk.Start]); out come articles of the archive with other mentions, in the
// articles stream, from where they go the way of every article. It must run
// once at a time: whoever runs it holds the lease "retag". What it does makes
// no alert unless that is asked for, see [pipeline.Retagged].
//
// # Passes
//
// An entity that is new, changed in what bears on its mentions, or deleted
// makes a pass: a walk, newest first, over the articles that may mention it by
// its new or old names or are tagged with it, by the index. Each is read as it
// was last published, tagged by all entities as they are at that moment, and
// where its mentions are others then, published, on condition that nobody has
// published it meanwhile. Changes that come close to each other make one pass,
// and several passes may be under way.
//
// # What is on its way
//
// Articles tagged by older entities may be on their way while a pass runs, or
// be published by a stage that read them before the pass wrote them. None
// escapes, by two things:
//
//   - the tail: a consumer of the articles stream that tags anew whatever comes
//     and was not tagged by the entities as they are now;
//   - the end of a pass: the part of the stream that was not searchable when
//     the pass listed its candidates is read and treated likewise, and so are
//     articles that the index has set aside.
//
// A pass begins after the entities were given to the tail. What was published
// before that is searchable, and then it is among the candidates, or in that
// part of the stream; what is published later the tail sees. So it does not
// matter who else publishes, or when this process is killed: a pass goes on
// where it was, and the tail is a durable consumer.
//
// # Keys
//
// In the checkpoints bucket:
//
//	retag.since           when this first ran: what was tagged before is not
//	                      applied to the archive
//	retag.entity.<id>     the entity as it is applied, or is being applied, and
//	                      what came of it; of a deleted one whose tags are kept
//	                      a mark
//	retag.pass.<n>        a pass that is not done: what for, and how far it is
//	retag.status          the passes under way and the last ones, for who looks
//	retag.request.<id>    a request that no pass was made of yet
//	retag.keep.<id>       the tags of the entity, about to be deleted, are kept
package retag

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"golang.org/x/sync/errgroup"

	"github.com/newswatch/newswatch/extractors/tags"
	"github.com/newswatch/newswatch/pipeline"
	"github.com/newswatch/newswatch/pipeline/catalog"
)

// Stage is the name of the tail's durable consumer, and of the lease.
const Stage = "retag"

const (
	settle     = 100 * time.Millisecond // without a change, before a pass is made of those there were…
	settleMost = 300 * time.Millisecond // …but not longer after the first
	retryFirst = 500 * time.Millisecond // pause after something failed, doubled…
	retryMost  = 30 * time.Second       // …up to this
	saveEvery  = time.Second            // progress is saved at most so often
	joined     = 500                    // entities of one pass
	joinedSize = 256 << 10              // bytes of their definitions
	atOnce     = 3                      // passes under way; others wait
)

// A Bus publishes, consumes, and reads what is published.
type Bus interface {
	pipeline.Bus
	pipeline.Log
}

// An Archive is the articles in the index.
type Archive interface {
	IDs(ctx context.Context, req pipeline.IDsRequest) (pipeline.IDsResult, error)
	// Article answers pipeline.ErrNotFound for an id it does not know.
	Article(ctx context.Context, id string) (pipeline.Article, error)
}

// Fates is what became of messages of the articles stream.
type Fates interface {
	// Decided is up to which sequence alerts are decided, or
	// pipeline.ErrNotFound where nobody decides.
	Decided(ctx context.Context) (uint64, error)
	// SetAside lists the keys of articles that the index has not taken, and may
	// take when they are replayed.
	SetAside(ctx context.Context) (keys []string, err error)
}

// A Retagger keeps the mentions of all articles those of the entities.
type Retagger struct {
	lg      *slog.Logger
	met     metrics
	bus     Bus
	shards  pipeline.Shards
	kv      pipeline.KV
	archive Archive
	fates   Fates
	decided *floor
	now     func() time.Time
	listed  int // ids listed at once

	given   atomic.Pointer[tags.Matcher] // the entities given last
	changed chan struct{}                // there are such
	current atomic.Pointer[current]      // what is tagged by

	published atomic.Uint64 // highest sequence published
}

// current is what articles are tagged by.
type current struct {
	m    *tags.Matcher
	kept map[string]bool // deleted entities whose mentions stay
}

type metrics struct {
	articles *prometheus.CounterVec // by: pass, tail; result: changed, same, left, failed
	passes   prometheus.Gauge
}

// New makes a retagger.
func New(lg *slog.Logger, reg prometheus.Registerer, bus Bus, shards pipeline.Shards, kv pipeline.KV, archive Archive, fates Fates) *Retagger {
	f := promauto.With(reg)
	return &Retagger{
		lg: lg.With("component", "retag"), bus: bus, shards: shards, kv: kv, archive: archive, now: time.Now, listed: listed,
		fates: fates, decided: &floor{ask: fates.Decided}, changed: make(chan struct{}, 1),
		met: metrics{
			articles: f.NewCounterVec(prometheus.CounterOpts{
				Name: "newswatch_retag_articles_total",
				Help: "Articles looked at because entities were changed, by what became of them.",
			}, []string{"by", "result"}),
			passes: f.NewGauge(prometheus.GaugeOpts{
				Name: "newswatch_retag_passes",
				Help: "Passes over the archive that are under way or wait.",
			}),
		},
	}
}

// SetMatcher gives the entities as compiled last. It is called before Run.
func (r *Retagger) SetMatcher(m *tags.Matcher) {
	r.given.Store(m)
	select {
	case r.changed <- struct{}{}:
	default:
	}
}

// A run is the retagger while it holds the lease.
type run struct {
	*Retagger
	group *errgroup.Group
	slots chan struct{}

	mu       sync.Mutex
	entities map[string]known
	seen     *tags.Matcher // compared last
	passes   []*pass       // not done, by number
	recent   []pipeline.RetagPass
	next     int // number of the next pass
	dirty    chan struct{}
}

// known is what is remembered of an entity as it is applied.
type known struct {
	digest  string
	version string // of the catalog's entity when it was last compared
	kept    bool
}

// Run works until ctx is done. The caller holds the lease.
func (r *Retagger) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	w := &run{Retagger: r, group: g, slots: make(chan struct{}, atOnce), dirty: make(chan struct{}, 1)}
	if !w.until(ctx, "state is not read", w.load) || !w.until(ctx, "entities are not compared", w.compare) {
		return nil
	}
	for _, p := range w.passes {
		w.start(ctx, p)
	}
	g.Go(func() error { return w.follow(ctx) })
	g.Go(func() error { return w.requests(ctx) })
	g.Go(func() error { return w.tell(ctx) })
	g.Go(func() error { return w.tail(ctx) })
	if err := g.Wait(); err != nil && ctx.Err() == nil {
		return err
	}
	return nil
}

// until calls fn until it does not fail; false: ctx is done.
func (r *Retagger) until(ctx context.Context, what string, fn func(context.Context) error) bool {
	for wait := retryFirst; ; wait = min(2*wait, retryMost) {
		err := fn(ctx)
		if ctx.Err() != nil {
			return false
		}
		if err == nil {
			return true
		}
		r.lg.Warn(what+": tried again", "after", wait, "error", err)
		if !pause(ctx, wait) {
			return false
		}
	}
}

// pause waits, and says whether ctx is still good.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// follow makes passes of what changes.
func (w *run) follow(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-w.changed:
		}
		for most := time.After(settleMost); ; {
			select {
			case <-ctx.Done():
				return nil
			case <-w.changed:
				continue
			case <-time.After(settle):
			case <-most:
			}
			break
		}
		if !w.until(ctx, "entities are not compared", w.compare) {
			return nil
		}
	}
}

// compare makes passes of what differs between the entities given last and
// those that are applied. Nothing is applied before it is written down, so what
// is cut off is found again.
func (w *run) compare(ctx context.Context) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	m := w.given.Load()
	if m == w.seen {
		return nil
	}
	var items []item
	there := make(map[string]bool, len(m.Entities()))
	for _, e := range m.Entities() {
		there[e.ID] = true
		k, ok := w.entities[e.ID]
		if ok && !k.kept && e.Version != "" && e.Version == k.version {
			continue
		}
		k.version = e.Version
		e = definition(e)
		if !ok || k.kept || k.digest != digest(e) {
			items = append(items, item{ID: e.ID, New: &e})
			continue
		}
		w.entities[e.ID] = k
	}
	var kept []string
	for id, k := range w.entities {
		if there[id] || k.kept {
			continue
		}
		switch _, err := w.kv.Get(ctx, keepKey+id); {
		case err == nil:
			kept = append(kept, id)
		case errors.Is(err, pipeline.ErrNotFound):
			items = append(items, item{ID: id})
		default:
			return fmt.Errorf("whether tags of %s are kept: %w", id, err)
		}
	}
	slices.SortFunc(items, func(a, b item) int { return cmp.Compare(a.ID, b.ID) })
	if err := w.keep(ctx, kept); err != nil {
		return err
	}
	for i := range items {
		if _, ok := w.entities[items[i].ID]; !ok {
			continue
		}
		st, err := w.entity(ctx, items[i].ID)
		if err != nil {
			return err
		}
		items[i].Old = st.Entity
	}
	w.install(m)
	if err := w.add(ctx, items, pass{}); err != nil {
		return err
	}
	w.seen = m
	return nil
}

// keep notes that the mentions of deleted entities stay.
func (w *run) keep(ctx context.Context, ids []string) error {
	for _, id := range ids {
		if err := put(ctx, w.kv, entityKey+id, entityState{Kept: true, At: w.now().UTC()}); err != nil {
			return err
		}
		w.entities[id] = known{kept: true}
		if err := w.kv.Delete(ctx, keepKey+id); err != nil { // last: until then it is asked again
			return err
		}
	}
	return nil
}

// install makes m what articles are tagged by from now on. w.mu is held.
func (w *run) install(m *tags.Matcher) {
	c := &current{m: m, kept: make(map[string]bool)}
	there := make(map[string]bool)
	for _, e := range m.Entities() {
		there[e.ID] = true
	}
	for id, k := range w.entities {
		if k.kept && !there[id] {
			c.kept[id] = true
		}
	}
	w.current.Store(c)
}

// add makes passes of the items, as many as their size wants, each like the
// one given. The pass is written down before its entities are, w.mu is held.
func (w *run) add(ctx context.Context, items []item, like pass) error {
	for len(items) > 0 {
		n, size := 0, 0
		for n < len(items) && n < joined && (n == 0 || size < joinedSize) {
			size += items[n].size()
			n++
		}
		p := like
		p.Items, items = items[:n:n], items[n:]
		if err := w.addOne(ctx, &p); err != nil {
			return err
		}
	}
	return nil
}

func (w *run) addOne(ctx context.Context, p *pass) error {
	p.N, p.Since = w.next, w.now().UTC()
	if err := put(ctx, w.kv, passKey+strconv.Itoa(p.N), p); err != nil {
		return err
	}
	w.next++
	if p.Request == "" {
		if err := w.note(ctx, p); err != nil {
			return err
		}
	}
	w.passes = append(w.passes, p)
	if w.seen != nil { // else Run starts it with the others
		w.start(ctx, p)
	}
	w.told()
	return nil
}

// note writes down the entities as the pass will apply them.
func (w *run) note(ctx context.Context, p *pass) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(16)
	for _, it := range p.Items {
		g.Go(func() error {
			if it.New == nil {
				return w.kv.Delete(ctx, entityKey+it.ID)
			}
			return put(ctx, w.kv, entityKey+it.ID, entityState{Entity: it.New, Pass: p.N, At: w.now().UTC()})
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	for _, it := range p.Items {
		if it.New == nil {
			delete(w.entities, it.ID)
		} else {
			w.entities[it.ID] = known{digest: digest(*it.New)}
		}
	}
	return nil
}

// definition is what of an entity bears on mentions.
func definition(e catalog.Entity) catalog.Entity {
	d := catalog.Entity{ID: e.ID, Kind: e.Kind, Names: e.Names}
	if len(e.Names) == 0 {
		d.Name = e.Name
	}
	return d
}

// start begins or goes on with a pass, when there is room.
func (w *run) start(ctx context.Context, p *pass) {
	w.group.Go(func() error {
		select {
		case w.slots <- struct{}{}:
		case <-ctx.Done():
			return nil
		}
		defer func() { <-w.slots }()
		w.walk(ctx, p)
		return nil
	})
}
