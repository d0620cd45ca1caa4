package feeds

import (
	"cmp"
	"context"
	"log/slog"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
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
	Gap         time.Duration `yaml:"gap"`          // between two starts on one host, where its source says nothing; default 5s
	AtOnce      int           `yaml:"at_once"`      // polls at once of one host, where its source says nothing; default 2
	Concurrency int           `yaml:"concurrency"`  // polls at once of all hosts; default 256
	FullWait    time.Duration `yaml:"full_wait"`    // pause of all polls when items find the stream full; default 15s

	// QuietBefore is how long before the first poll of their feed items must have
	// been published to raise no alerts: what a feed has listed for weeks is no
	// news because the feed is new here. Default 24h; less than 0: all may.
	QuietBefore time.Duration `yaml:"quiet_before"`

	WebSub WebSubConfig `yaml:"websub"`

	// Distrust is for the start after an unclean end: every feed's first poll
	// ignores its validators, body hash and item hashes. What the machine had
	// confirmed and then lost is published again; what is there is refused.
	Distrust bool `yaml:"-"`

	// Discover finds the addresses of feeds in a page, best first: they stand
	// as suggestions in the health of a feed that answers with a page. Nil: none.
	Discover func(page []byte, base string) []string `yaml:"-"`

	// OnEvent is told of every spell of failing and of silence, and of its end.
	// It is called from many goroutines, before the spell is remembered: what it
	// answers with an error is told again at the feed's next poll, and after a
	// crash anything may be, with the same Since. Nil: nobody is.
	OnEvent func(ctx context.Context, ev pipeline.FeedEvent) error `yaml:"-"`

	// OnHold is told, at the start, of the hosts that are to be left alone since
	// an earlier run, and until when. Nil: nobody is.
	OnHold func(host string, until time.Time) `yaml:"-"`
}

func (c Config) withDefaults() Config {
	def := func(d *time.Duration, v time.Duration) {
		if *d <= 0 {
			*d = v
		}
	}
	def(&c.MinInterval, 5*time.Minute)
	def(&c.MaxInterval, 2*time.Hour)
	def(&c.Gap, 5*time.Second)
	def(&c.FullWait, 15*time.Second)
	c.MaxInterval = max(c.MaxInterval, c.MinInterval)
	if c.QuietBefore == 0 {
		c.QuietBefore = day
	}
	if c.AtOnce <= 0 {
		c.AtOnce = 2
	}
	if c.Concurrency <= 0 {
		c.Concurrency = 256
	}
	return c
}

func (c Config) gapOf(src *catalog.Source) time.Duration {
	return cmp.Or(time.Duration(src.Gap), c.Gap)
}

func (c Config) atOnceOf(src *catalog.Source) int { return cmp.Or(src.AtOnce, c.AtOnce) }

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

const (
	// tick is how often the schedule looks at the clock at least: it may be set.
	tick = time.Minute
	// clockBack is how far the clock must have gone back, clockAhead how far
	// forward between two looks, to have been set, or the machine asleep.
	clockBack  = 2 * time.Second
	clockAhead = 10 * time.Minute
	// maxMatch bounds what matches count for together: two weeks after the last
	// of many the feed is polled as any other.
	maxMatch = 4
)

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
	push  atomic.Pointer[WebSub] // told of hubs, and asked what they have pushed; nil: nobody
	parse chan struct{}          // one place per processor: parsing is what takes memory

	mu       sync.Mutex
	feeds    map[string]*feed // by address in the catalog
	unread   []*feed          // whose state is not loaded yet
	queue    queue
	inFlight int
	pause    time.Time // no poll begins before: the stream takes no more
	seen     time.Time // the clock at the last look
	outage   outage

	remarks    [hostShards]bool // that are to be stored
	remarkable chan struct{}
	discard    []string // keys of bodies of feeds that are gone

	dirty   map[*feed]*state // to be stored; a state in here is never changed
	writing map[*feed]bool   // being stored
	written *sync.Cond       // on mu: writing has changed
}

// NewPoller makes a poller that keeps its state in the bucket
// [pipeline.BucketFeeds].
func NewPoller(lg *slog.Logger, reg prometheus.Registerer, kv pipeline.KV, publish Publisher, client Fetcher, cfg Config) *Poller {
	p := &Poller{
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
		queue:   queue{all: make(map[string]*host), past: make(map[string]hostRecord)},

		remarkable: make(chan struct{}, 1),
		dirty:      make(map[*feed]*state),
		writing:    make(map[*feed]bool),
	}
	p.written = sync.NewCond(&p.mu)
	return p
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
	listed := make(map[string]bool, len(p.feeds))
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
			p.drop(f)
		}
	}
	p.kick()
}

// set adds the feed or gives it its new settings; p.mu is held.
func (p *Poller) set(src *catalog.Source, cf catalog.Feed) {
	every := time.Duration(cf.Every)
	f, ok := p.feeds[cf.URL]
	if !ok {
		f = &feed{url: cf.URL, source: src, every: every, index: -1, first: true, due: p.wall()}
		p.feeds[cf.URL] = f
		p.queue.join(f, p.queue.of(f.url))
		p.unread = append(p.unread, f)
		p.metrics.state(f.shown).Inc()
		return
	}
	if soon := p.wall().Add(every); every > 0 && every != f.every && f.due.After(soon) {
		f.due = soon
	}
	f.source, f.every = src, every
	p.queue.moved(f, p.cfg)
}

// drop forgets a feed that is no longer in the catalog; p.mu is held. Its
// stored state stays, for when it comes back, but not a body that was kept.
func (p *Poller) drop(f *feed) {
	f.gone = true
	p.queue.remove(f, p.cfg)
	p.queue.leave(f)
	p.metrics.state(f.shown).Dec()
	if f.Kept != nil {
		p.discard = append(p.discard, keptKey(f.url))
	}
	delete(p.feeds, f.url)
}

// Matched says that an article the feed listed mentions an entity. Such feeds
// are polled more often, up to twice as often as others, for some weeks.
func (p *Poller) Matched(feed string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f := p.feeds[feed]
	if f == nil {
		return
	}
	now := p.wall()
	before := f.Match.at(now)
	f.Match = &match{Score: min(before+1, maxMatch), Time: now}
	f.matched = true
	if before < 0.5 && f.every == 0 && f.Trouble == nil && f.index >= 0 {
		if soon := f.LastPoll.Add(f.Interval / 2); soon.Before(f.due) {
			f.due = soon
			p.queue.moved(f, p.cfg)
			p.kick()
		}
	}
}

func (p *Poller) kick() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// wall is the time without the monotonic clock, which stands still while the
// machine sleeps and knows nothing of one that was set.
func (p *Poller) wall() time.Time { return p.now().Round(0) }

// Run polls until ctx is done, then waits for the polls under way and stores
// what is to be remembered of them. It may be called again: another process
// may have polled meanwhile, so every state is read anew.
func (p *Poller) Run(ctx context.Context) error {
	p.restart()
	if !p.recallHosts(ctx) {
		return nil
	}
	var polls sync.WaitGroup
	polls.Go(func() { p.flushes(ctx) })
	timer := time.NewTimer(0)
	defer timer.Stop()
	for ctx.Err() == nil {
		job, wait := p.next()
		if job != nil {
			polls.Go(func() { job(ctx) })
			continue
		}
		timer.Reset(wait)
		select {
		case <-ctx.Done():
		case <-p.wake:
		case <-timer.C:
		}
	}
	polls.Wait()
	p.finish()
	return nil
}

// restart makes every feed one whose state has to be read.
func (p *Poller) restart() {
	p.mu.Lock()
	defer p.mu.Unlock()
	clear(p.dirty)
	p.outage, p.seen = outage{}, time.Time{}
	for _, f := range p.feeds {
		if f.index >= 0 {
			p.queue.remove(f, p.cfg)
			f.ready = false
			p.unread = append(p.unread, f)
		}
	}
}

// next takes what is to be done next, or says how long there is nothing.
func (p *Poller) next() (job func(context.Context), wait time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.clock()
	if p.inFlight >= p.cfg.Concurrency {
		return nil, tick // a poll's end wakes
	}
	if n := len(p.unread); n > 0 {
		f := p.unread[n-1]
		p.unread[n-1] = nil
		p.unread = p.unread[:n-1]
		p.inFlight++
		return func(ctx context.Context) { p.read(ctx, f, false) }, 0
	}
	if len(p.queue.heap) == 0 {
		return nil, tick
	}
	at := p.queue.heap[0].at
	if p.pause.After(at) {
		at = p.pause
	}
	if wait := at.Sub(now); wait > 0 {
		return nil, min(wait, tick)
	}
	f := p.queue.take(now, p.cfg)
	p.inFlight++
	if !f.ready {
		return func(ctx context.Context) { p.read(ctx, f, true) }, 0
	}
	p.metrics.lag.Observe(max(now.Sub(f.due), 0).Seconds())
	src, every := f.source, f.every
	return func(ctx context.Context) { p.done(f, p.poll(ctx, f, src, every)) }, 0
}

// clock looks at the clock, and takes in that it was set; p.mu is held.
func (p *Poller) clock() time.Time {
	now := p.wall()
	switch {
	case p.seen.IsZero():
	case now.Before(p.seen.Add(-clockBack)):
		p.shift(now.Sub(p.seen))
	case now.After(p.seen.Add(clockAhead)):
		p.wakeUp(now)
	}
	p.seen = now
	return now
}

// shift moves every time of the schedule with the clock.
func (p *Poller) shift(d time.Duration) {
	p.lg.Warn("clock set back", "by", -d)
	for _, f := range p.feeds {
		f.due = f.due.Add(d)
	}
	for _, h := range p.queue.all {
		h.at, h.asked, h.hold = h.at.Add(d), h.asked.Add(d), h.hold.Add(d)
		p.remarked(h)
	}
	p.pause = p.pause.Add(d)
}

// wakeUp spreads what has become overdue while nobody looked.
func (p *Poller) wakeUp(now time.Time) {
	for _, f := range p.feeds {
		if f.index >= 0 && f.due.Before(now) {
			f.due = now.Add(spread(f.url, min(f.Interval, startSpread)))
			p.queue.moved(f, p.cfg)
		}
	}
}

// read loads the feed's state and puts it on the schedule: a new feed now. One
// that was polled before keeps its time; if that has passed, it has its place
// in a spread, so that a start is no stampede.
func (p *Poller) read(ctx context.Context, f *feed, queued bool) {
	s, err := p.obtain(ctx, f)
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.wall()
	p.inFlight--
	if queued {
		p.release(f.host)
	}
	defer p.kick()
	if f.gone {
		return
	}
	if err != nil {
		if ctx.Err() == nil {
			p.lg.Warn("feed state not readable", "url", f.url, "error", err)
		}
		f.due = now.Add(p.cfg.FullWait)
		p.queue.add(f, p.cfg)
		return
	}
	f.ready = true
	f.remember(s)
	if s.known() {
		f.due = p.firstDue(f, s, now)
	}
	p.rehome(f)
	p.show(f)
	p.queue.add(f, p.cfg)
}

// firstDue is when a feed that was polled by an earlier run is polled next.
func (p *Poller) firstDue(f *feed, s *state, now time.Time) time.Time {
	// Its interval may have been shortened, or the clock set back, meanwhile.
	longest := s.interval(f.every, now, p.cfg)
	if s.Trouble != nil {
		longest = s.backoff(f.every, now, p.cfg, false)
		// What a server asked for, and its jitter.
		longest = max(longest, min(s.Next.Sub(s.LastPoll), day+maxJitter))
	}
	due := s.Next
	if latest := now.Add(longest + longest/early); due.After(latest) {
		due = now.Add(longest)
	}
	if !due.After(now) || p.cfg.Distrust {
		due = now.Add(spread(f.url, min(longest, startSpread)))
	}
	return due
}

// remember keeps of the state what stays in memory; the poller's mu is held.
func (f *feed) remember(s *state) {
	m := f.Match
	f.record = s.record
	f.Match = newer(f.Match, m) // it may have matched during the poll
}

// rehome moves a feed that has moved to its new host's heap; it is on none now.
func (p *Poller) rehome(f *feed) {
	if name := hostOf(f.address()); name != f.host.name {
		p.queue.leave(f)
		p.queue.join(f, p.queue.of(f.address()))
	}
}

// show counts the feed under its state.
func (p *Poller) show(f *feed) {
	if now := f.state(p.wall()); now != f.shown {
		p.metrics.state(f.shown).Dec()
		p.metrics.state(now).Inc()
		f.shown = now
	}
}

// release gives back a place on a host.
func (p *Poller) release(h *host) {
	h.inFlight--
	p.queue.place(h, p.cfg)
	p.queue.forget(h)
}

// What a poll says of its host.
type verdict int

const (
	hostUnknown verdict = iota
	hostUp
	hostDown
)

// A turn is what came of a poll, for the schedule.
type turn struct {
	due      time.Time
	host     verdict
	hold     time.Time // the host is left alone until then
	answered bool      // there is a network
}

// done puts a feed that was polled back on the schedule.
func (p *Poller) done(f *feed, t turn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	h := f.host
	p.inFlight--
	switch t.host {
	case hostUp:
		if h.breaker.open() {
			h.hold = time.Time{}
			p.remarked(h)
		}
		h.breaker.up()
	case hostDown:
		if d := h.breaker.down(p.wall()); d > 0 {
			t.hold = p.wall().Add(d)
			p.metrics.broken.Inc()
			p.lg.Info("host left alone", "host", h.name, "until", t.hold)
		}
	case hostUnknown:
	}
	if t.hold.After(h.hold) {
		h.hold = t.hold
		p.remarked(h)
	}
	if t.answered && p.outage.answered() {
		p.backOnline()
	}
	p.release(h)
	f.due = t.due
	if !f.gone {
		p.rehome(f)
		p.show(f)
		p.queue.add(f, p.cfg)
	}
	p.kick()
}

// backOnline asks soon what could not be asked; p.mu is held.
func (p *Poller) backOnline() {
	now := p.wall()
	p.lg.Info("network is back")
	for _, f := range p.feeds {
		if f.offline > 0 {
			f.offline = 0
			if soon := now.Add(spread(f.url, time.Minute)); f.due.After(soon) {
				f.due = soon
				p.queue.moved(f, p.cfg)
			}
		}
	}
}
