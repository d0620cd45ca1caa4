package feeds

import (
	"cmp"
	"container/heap"
	"context"
	"log/slog"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/newswatch/newswatch/pipeline"
	"github.com/newswatch/newswatch/pipeline/catalog"
	"github.com/newswatch/newswatch/pipeline/fetch"
)

// Config is how feeds are polled. Zero fields mean their defaults.
type Config struct {
	MinInterval time.Duration `yaml:"min_interval"` // shortest between two polls of a feed that fixes none; default 5m
	MaxInterval time.Duration `yaml:"max_interval"` // longest, of a feed that is well; default 2h
	Concurrency int           `yaml:"concurrency"`  // polls at once; default 64
	FullWait    time.Duration `yaml:"full_wait"`    // pause of all polls when items find the stream full; default 15s

	// Distrust is for the start after an unclean end: every feed's first poll
	// ignores its validators, body hash and item hashes. What the machine had
	// confirmed and then lost is published again; what is there is refused.
	Distrust bool `yaml:"-"`
}

func (c Config) withDefaults() Config {
	if c.MinInterval <= 0 {
		c.MinInterval = 5 * time.Minute
	}
	if c.MaxInterval <= 0 {
		c.MaxInterval = 2 * time.Hour
	}
	c.MaxInterval = max(c.MaxInterval, c.MinInterval)
	if c.Concurrency <= 0 {
		c.Concurrency = 64
	}
	if c.FullWait <= 0 {
		c.FullWait = 15 * time.Second
	}
	return c
}

// A Fetcher gets one address: a [*fetch.Client].
type Fetcher interface {
	Get(ctx context.Context, req fetch.Request) (*fetch.Response, error)
}

// A Publisher stores one item and returns when that is confirmed. It answers
// [pipeline.ErrExists] where the item is there already, [pipeline.ErrFull]
// where there is no room for now.
type Publisher func(ctx context.Context, it pipeline.Item) error

// ToBus publishes to the topic [pipeline.Items].
func ToBus(b pipeline.Bus) Publisher {
	return func(ctx context.Context, it pipeline.Item) error {
		_, err := pipeline.Items.Publish(ctx, b, it)
		return err
	}
}

// A Poller polls the feeds of the catalog's sources, each when it is due.
type Poller struct {
	lg      *slog.Logger
	kv      pipeline.KV
	publish Publisher
	client  Fetcher
	cfg     Config
	metrics *metrics
	now     func() time.Time
	random  func() float64 // 0 to 1

	wake  chan struct{}
	parse chan struct{} // one place per processor: parsing is what takes memory

	mu       sync.Mutex
	feeds    map[string]*feed // by address
	due      dueHeap
	inFlight int
	pause    time.Time // no poll begins before: the stream takes no more
}

// A feed is one address on the schedule.
type feed struct {
	url    string
	source *catalog.Source // shared by the feeds of a source, never changed
	every  time.Duration
	brief  state // without its hashes: what Health shows and the schedule needs
	due    time.Time
	index  int  // in the heap; -1: being polled
	gone   bool // no longer in the catalog
	held   int  // polls in a row whose items could not be stored
	first  bool // not polled since the start
	ready  bool // its state is loaded
}

// NewPoller makes a poller that keeps its state in the bucket
// [pipeline.BucketFeeds].
func NewPoller(lg *slog.Logger, reg prometheus.Registerer, kv pipeline.KV, publish Publisher, client Fetcher, cfg Config) *Poller {
	return &Poller{
		lg:      lg.With("component", "feeds"),
		kv:      kv,
		publish: publish,
		client:  client,
		cfg:     cfg.withDefaults(),
		metrics: newMetrics(reg),
		now:     time.Now,
		random:  rand.Float64,
		wake:    make(chan struct{}, 1),
		parse:   make(chan struct{}, runtime.GOMAXPROCS(0)),
		feeds:   make(map[string]*feed),
	}
}

// SetSources makes the sources' feeds the ones that are polled, at once:
// those that are new are polled now, those that are gone no more. It may be
// called at any time.
func (p *Poller) SetSources(sources []catalog.Source) {
	p.mu.Lock()
	defer p.mu.Unlock()
	// An address listed by two sources belongs to the first by id, whatever the
	// order they come in.
	sources = slices.Clone(sources)
	slices.SortStableFunc(sources, func(x, y catalog.Source) int { return cmp.Compare(x.ID, y.ID) })
	listed := make(map[string]bool)
	for i := range sources {
		src := &sources[i]
		for _, cf := range src.Feeds {
			if listed[cf.URL] {
				continue
			}
			listed[cf.URL] = true
			p.set(src, cf)
		}
	}
	for url, f := range p.feeds {
		if !listed[url] {
			f.gone = true
			if f.index >= 0 {
				heap.Remove(&p.due, f.index)
			}
			delete(p.feeds, url)
		}
	}
	p.count()
	p.kick()
}

// set adds the feed or gives it its new settings; p.mu is held.
func (p *Poller) set(src *catalog.Source, cf catalog.Feed) {
	f, ok := p.feeds[cf.URL]
	if !ok {
		f = &feed{url: cf.URL, index: -1, first: true, due: p.now()}
		p.feeds[cf.URL] = f
		heap.Push(&p.due, f)
	}
	every := time.Duration(cf.Every)
	if ok && every != f.every && every > 0 && f.index >= 0 {
		if soon := p.now().Add(every); f.due.After(soon) {
			f.due = soon
			heap.Fix(&p.due, f.index)
		}
	}
	f.source, f.every = src, every
}

func (p *Poller) kick() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// count brings the gauges up to date; p.mu is held.
func (p *Poller) count() {
	n := map[string]float64{StateNew: 0, StateOK: 0, StateFailing: 0}
	for _, f := range p.feeds {
		n[f.state()]++
	}
	for s, v := range n {
		p.metrics.feeds.WithLabelValues(s).Set(v)
	}
}

// Run polls until ctx is done, then waits for the polls under way.
func (p *Poller) Run(ctx context.Context) error {
	var polls sync.WaitGroup
	defer polls.Wait()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for ctx.Err() == nil {
		f, wait := p.next()
		if f != nil {
			polls.Go(func() { p.turn(ctx, f) })
			continue
		}
		timer.Reset(wait)
		select {
		case <-ctx.Done():
		case <-p.wake:
		case <-timer.C:
		}
	}
	return nil
}

// next takes the feed that is due, or says how long there is none.
func (p *Poller) next() (*feed, time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.inFlight >= p.cfg.Concurrency || len(p.due) == 0 {
		return nil, time.Hour // a poll's end, or SetSources, wakes
	}
	f, at := p.due[0], p.due[0].due
	if p.pause.After(at) {
		at = p.pause
	}
	if wait := at.Sub(p.now()); wait > 0 {
		return nil, wait
	}
	heap.Pop(&p.due)
	p.inFlight++
	return f, 0
}

// turn is a feed's turn: its state is loaded, and it is polled if it is due.
func (p *Poller) turn(ctx context.Context, f *feed) {
	// The state is loaded at the feed's first turn and not at the start: that
	// would wait for it a hundred thousand times before the first poll.
	due := p.now()
	if f.ready || p.load(ctx, f) {
		p.mu.Lock()
		p.metrics.lag.Observe(max(due.Sub(f.due), 0).Seconds())
		src, every := f.source, f.every
		p.mu.Unlock()
		due = p.poll(ctx, f, src, every)
	} else {
		due = f.due
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.inFlight--
	f.due = due
	if !f.gone {
		heap.Push(&p.due, f)
	}
	p.count()
	p.kick()
}

// load reads the feed's state and says whether it is to be polled now: a new
// one is. One that was polled before keeps its time; if that has passed, it
// has its place in a spread, so that a start is no stampede.
func (p *Poller) load(ctx context.Context, f *feed) bool {
	s, err := loadState(ctx, p.kv, f.url)
	p.mu.Lock()
	defer p.mu.Unlock()
	if err != nil {
		if ctx.Err() == nil {
			p.lg.Warn("feed state not readable", "url", f.url, "error", err)
		}
		f.due = p.now().Add(p.cfg.FullWait)
		return false
	}
	f.ready = true
	f.brief = s
	f.brief.Hashes = nil
	if !s.known() {
		return true
	}
	now := p.now()
	interval := s.interval(f.every, now, p.cfg)
	if s.Error != "" {
		interval = s.backoff(f.every, now, p.cfg)
	}
	f.due = s.Next
	if latest := now.Add(interval); f.due.After(latest) {
		f.due = latest // its interval was shortened meanwhile
	}
	if !f.due.After(now) || p.cfg.Distrust {
		f.due = now.Add(spread(f.url, min(interval, startSpread)))
	}
	return false
}

// dueHeap is feeds by when they are due.
type dueHeap []*feed

func (h dueHeap) Len() int           { return len(h) }
func (h dueHeap) Less(i, j int) bool { return h[i].due.Before(h[j].due) }
func (h dueHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

// Push is for package heap.
func (h *dueHeap) Push(x any) {
	f := x.(*feed)
	f.index = len(*h)
	*h = append(*h, f)
}

// Pop is for package heap.
func (h *dueHeap) Pop() any {
	old := *h
	f := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	f.index = -1
	return f
}
