package extractors

import (
	"cmp"
	"container/list"
	"context"
	"errors"
	"hash/fnv"
	"io"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/newswatch/newswatch/extractors/readable"
	"github.com/newswatch/newswatch/pipeline"
)

// A Store is what this package keeps its state in: a bucket whose keys it
// shares with others.
type Store interface {
	Get(ctx context.Context, key string) (pipeline.Entry, error) // pipeline.ErrNotFound
	// Update stores the value if the key's revision is the one given, 0: if
	// there is no such key; else pipeline.ErrConflict or pipeline.ErrExists.
	Update(ctx context.Context, key string, value []byte, revision uint64) (uint64, error)
	Delete(ctx context.Context, key string) error
	// Watch calls fn for each key there is, then once with a zero entry.
	Watch(ctx context.Context, fn func(pipeline.Entry) error) error
}

const (
	// recurs is on how many pages of a host a text block stands that is no
	// part of any of their articles.
	recurs = 3

	defaultHosts  = 1000
	defaultBlocks = 512

	saveEvery   = 30 * time.Second // what was learned is stored…
	saveChanges = 2000             // …or after so many changes
	sweepEvery  = 24 * time.Hour
	keptTimes   = 4 // times as many hosts are stored as held in memory
)

// A LearnConfig bounds what is learned of hosts.
type LearnConfig struct {
	// Hosts is how many are held in memory, 20 KB each at most; four times as
	// many are stored. 0: 1000; negative: nothing is learned.
	Hosts int `yaml:"hosts"`
	// Blocks is how many text blocks of a host are remembered, those longest
	// not seen forgotten first. 0: 512.
	Blocks int `yaml:"blocks"`
}

// A Learner remembers the text blocks of each host's pages. One that stands on
// three or more different pages is part of the site and of no article: share
// bars, calls to subscribe, the publisher's licence.
//
// Pages are different if both their canonical addresses and their titles are:
// an article at a second address, or again under another headline, proves
// nothing. It is safe for use by several goroutines, and by several processes
// on one store: of two that learn of one host at a time, one forgets what it
// learned since its last save.
type Learner struct {
	log   *slog.Logger
	store Store
	cfg   LearnConfig
	now   func() time.Time

	mu      sync.Mutex
	hosts   map[string]*list.Element
	order   *list.List // of *host, the one last seen first
	changes int
	full    chan struct{} // there are changes enough to save

	saving sync.Mutex // one save at a time: a host's revisions follow each other
}

// A host is what is known of one.
type host struct {
	name    string
	blocks  []block // longest not seen first
	seen    time.Time
	rev     uint64 // of the stored record; 0: there is none
	changed int    // changes since the last save
}

// A block is a text block and the pages it was seen on.
type block struct {
	digest uint64
	n      int
	pages  [recurs]pageID
}

// A pageID tells pages apart, by digests of their address and title.
type pageID struct{ address, title uint32 }

// NewLearner makes a learner. A zero value in cfg stands for its default.
func NewLearner(lg *slog.Logger, store Store, cfg LearnConfig) *Learner {
	cfg.Hosts = cmp.Or(cfg.Hosts, defaultHosts)
	cfg.Blocks = cmp.Or(cfg.Blocks, defaultBlocks)
	return &Learner{
		log:   lg,
		store: store,
		cfg:   cfg,
		now:   time.Now,
		hosts: make(map[string]*list.Element),
		order: list.New(),
		full:  make(chan struct{}, 1),
	}
}

// Run saves what was learned from time to time and sweeps the store, until ctx
// is done. What was learned last is saved by [Learner.Save] at the end.
func (l *Learner) Run(ctx context.Context) error {
	save, sweep := time.NewTicker(saveEvery), time.NewTicker(sweepEvery)
	defer save.Stop()
	defer sweep.Stop()
	l.sweep(ctx)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-sweep.C:
			l.sweep(ctx)
			continue
		case <-save.C:
		case <-l.full:
		}
		if err := l.Save(ctx); err != nil && ctx.Err() == nil {
			l.log.Warn("learned blocks not saved, will try again", "error", err)
		}
	}
}

// known answers which blocks recur on the pages of the host, as of now.
func (l *Learner) known(ctx context.Context, name string) map[uint64]bool {
	l.load(ctx, name)
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.hosts[name]
	if e == nil {
		return nil
	}
	var known map[uint64]bool
	for _, b := range e.Value.(*host).blocks {
		if b.n == recurs {
			if known == nil {
				known = make(map[uint64]bool)
			}
			known[b.digest] = true
		}
	}
	return known
}

// load brings the host to memory, from the store if it was known before.
func (l *Learner) load(ctx context.Context, name string) {
	l.mu.Lock()
	e := l.hosts[name]
	if e != nil {
		l.order.MoveToFront(e)
	}
	l.mu.Unlock()
	if e != nil {
		return
	}
	h := &host{name: name}
	entry, err := l.store.Get(ctx, blocksKey(name))
	switch {
	case errors.Is(err, pipeline.ErrNotFound):
	case err != nil:
		// It is learned anew; the save finds the record and gives way to it.
		l.log.Warn("learned blocks not read", "host", name, "error", err)
	default:
		if h, err = decodeHost(entry.Value); err != nil || h.name != name {
			l.log.Warn("record of learned blocks ignored", "host", name, "key", entry.Key, "error", cmp.Or(err, errOtherHost))
			h = &host{name: name}
		}
		h.rev = entry.Revision
	}
	h.seen = l.now()

	l.mu.Lock()
	if l.hosts[name] == nil {
		l.hosts[name] = l.order.PushFront(h)
	}
	var out *host
	if l.order.Len() > l.cfg.Hosts {
		out = l.order.Remove(l.order.Back()).(*host)
		delete(l.hosts, out.name)
	}
	l.mu.Unlock()
	if out != nil && out.worthSaving() {
		l.saving.Lock()
		defer l.saving.Unlock()
		if _, err := l.store.Update(ctx, blocksKey(out.name), out.encode(), out.rev); err != nil {
			l.log.Warn("learned blocks forgotten", "host", out.name, "error", err)
		}
	}
}

var errOtherHost = errors.New("it is another host's")

// learn takes note of the blocks of a page of the host.
func (l *Learner) learn(name, address, title string, digests []uint64) {
	if len(digests) == 0 || address == "" || title == "" {
		return
	}
	page := pageID{sum32(address), sum32(strings.ToLower(title))}
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.hosts[name]
	if e == nil {
		return // evicted meanwhile: there are more hosts than are held
	}
	h := e.Value.(*host)
	changes := h.learn(page, digests, l.cfg.Blocks)
	h.seen = l.now()
	h.changed += changes
	if l.changes += changes; l.changes >= saveChanges {
		l.changes = 0
		select {
		case l.full <- struct{}{}:
		default:
		}
	}
}

// learn answers how many changes the page made. The blocks of the page become
// those last seen; beyond limit the ones longest not seen are forgotten.
func (h *host) learn(page pageID, digests []uint64, limit int) (changes int) {
	here := make(map[uint64]bool, len(digests))
	for _, d := range digests {
		here[d] = true
	}
	rest := make([]block, 0, min(len(h.blocks)+len(here), limit+len(here)))
	var again []block
	for _, b := range h.blocks {
		if !here[b.digest] {
			rest = append(rest, b)
			continue
		}
		delete(here, b.digest)
		if b.add(page) {
			changes++
		}
		again = append(again, b)
	}
	for _, d := range digests { // in the order of the page
		if here[d] {
			delete(here, d)
			again = append(again, block{digest: d, n: 1, pages: [recurs]pageID{page}})
			changes++
		}
	}
	h.blocks = append(rest, again...)
	if over := len(h.blocks) - limit; over > 0 {
		h.blocks = slices.Delete(h.blocks, 0, over)
	}
	return changes
}

// add notes that the block stands on the page, and answers whether that is news.
func (b *block) add(page pageID) bool {
	if b.n == recurs {
		return false
	}
	for _, p := range b.pages[:b.n] {
		if p.address == page.address || p.title == page.title {
			return false
		}
	}
	b.pages[b.n] = page
	b.n++
	return true
}

func sum32(s string) uint32 {
	h := fnv.New32a()
	_, _ = io.WriteString(h, s) // never fails
	return h.Sum32()
}

// hostOf is the host of an address, without port; empty: there is none.
func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return strings.ToLower(u.Hostname())
}

// readKnowing reads a page without what is known to recur on its host, and
// learns from it. That no page loses more than half of its text this way is
// package readable's to see to.
func (e *Extractor) readKnowing(ctx context.Context, body []byte, opt readable.Options) (readable.Page, error) {
	name := hostOf(opt.URL)
	if e.learner == nil || name == "" {
		return e.readPage(ctx, body, opt)
	}
	known := e.learner.known(ctx, name)
	if known != nil {
		opt.Known = func(block uint64) bool { return known[block] }
	}
	page, err := e.readPage(ctx, body, opt)
	if err != nil {
		return page, err
	}
	for _, b := range page.Blocks {
		if known[b] {
			e.metrics.recurring.Inc()
		}
	}
	if page.Method != readable.MethodRules {
		address := opt.URL
		if c, ok := pipeline.CanonicalURL(page.Canonical); ok {
			address = c
		}
		e.learner.learn(name, address, cmp.Or(page.Title, opt.Title), page.Blocks)
	}
	return page, nil
}
