package index

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	bleveindex "github.com/blevesearch/bleve_index_api"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/newswatch/newswatch/index/query"
	"github.com/newswatch/newswatch/pipeline"
)

// Config says where the index is and what a search may cost. Zero values mean
// the defaults.
type Config struct {
	Dir       string        `yaml:"dir"`        // folder of the partitions; made if absent
	Shards    int           `yaml:"shards"`     // parts the corpus is divided into, each an Index of its own: for whoever opens them
	Hold      []int         `yaml:"hold"`       // shards that a process has a copy of, counted from 0; none: all
	Partition string        `yaml:"partition"`  // week, month (default), quarter, year; fixed when the index is made
	SealAfter time.Duration `yaml:"seal_after"` // how long after its time a partition is sealed; default 48h, negative: never
	Timeout   time.Duration `yaml:"timeout"`    // longest a search may take; default 5s
	Verify    int           `yaml:"verify"`     // most articles a search may read to verify what postings can't tell (=exact phrases, single Han characters in phrases); default 2000

	// MinFree is the bytes of disk that stay free: below, nothing is written
	// until there is room again, and searches go on. Default 512 MiB, or a
	// fiftieth of the disk where that is less; negative: none.
	MinFree int64 `yaml:"min_free"`

	Retention Retention `yaml:"retention"` // how long articles are kept; none: for good

	space   func(dir string) (free, total int64, err error) // of the disk; tests have others
	bleve   map[string]any                                  // settings of Bleve's that differ in a test
	placing time.Duration                                   // see placeTime
	places  int64                                           // see placeDocs
	groups  int                                             // see maxGroups
	kept    int                                             // see keptBytes
	nap     time.Duration                                   // how long Bleve gathers writes before it makes them durable; tests are in a hurry
	upkeep  time.Duration                                   // how often is seen to what is to be sealed and scrubbed; tests do it themselves
}

func (c *Config) defaults() error {
	if c.Dir == "" {
		return errors.New("index: dir: a folder is needed")
	}
	if c.Partition == "" {
		c.Partition = PartitionMonth
	}
	if periodNames[period(c.Partition)] == nil {
		return fmt.Errorf("index: partition: %q is not week, month, quarter or year", c.Partition)
	}
	if c.SealAfter == 0 {
		c.SealAfter = 48 * time.Hour
	}
	if c.Timeout <= 0 {
		c.Timeout = 5 * time.Second
	}
	if c.Verify <= 0 {
		c.Verify = 2000
	}
	if c.groups <= 0 {
		c.groups = maxGroups
	}
	if c.placing <= 0 {
		c.placing = placeTime
	}
	if c.places <= 0 {
		c.places = placeDocs
	}
	if c.kept <= 0 {
		c.kept = keptBytes
	}
	if c.space == nil {
		c.space = diskSpace
	}
	if c.nap <= 0 {
		c.nap = 500 * time.Millisecond
	}
	if c.upkeep <= 0 {
		c.upkeep = maintainEvery
	}
	return nil
}

const (
	applyTimeout  = 30 * time.Second // of one write to become searchable; measured p99: 54 ms
	stuckAfter    = 60 * time.Second // of one write to become durable; measured p99: 853 ms
	flushTimeout  = 60 * time.Second // of all writes to become durable at Close
	watchInterval = time.Second
)

// closeTimeout is how long one Bleve index may take to close.
var closeTimeout = 10 * time.Second

// An Index is the articles, searchable. It is safe for concurrent use.
type Index struct {
	log     *slog.Logger
	cfg     Config
	metrics *metrics
	codec   *codec
	keeper  *keeper
	placed  *keeper // see placed
	now     func() time.Time

	scrubbing  sync.Mutex // held while a partition is scrubbed and mended
	retaining  sync.Mutex // held by the one Retain there may be; before making
	reindexing sync.Mutex // held by the one Reindex there may be
	making     sync.Mutex // held by whoever makes a partition's folder anew; before writing
	writing    sync.Mutex // held by whoever changes partitions

	mu         sync.RWMutex
	partitions []*partition // newest first
	closed     bool
	full       string // why nothing is written; empty: there is room
	retains    bool   // retention is at work
	retained   *pipeline.RetentionReport

	keeping   *keeping
	presently atomic.Pointer[time.Time] // see present

	suspects  chan struct{} // a partition is to be scrubbed
	retainAsk chan struct{} // retention is to run

	commit   *committer
	recovery *recovery
	moves    *moves
	floor    atomic.Pointer[func(context.Context) (uint64, error)] // see SetFloor
	stop     context.CancelFunc
	wg       sync.WaitGroup
}

// ErrClosed says that the index is closed.
var ErrClosed = errors.New("index: closed")

// Open opens the index, makes it where there is none, and mends what is
// damaged by setting it aside. From then says what must be written again.
func Open(log *slog.Logger, reg prometheus.Registerer, cfg Config) (*Index, error) {
	return open(log, reg, cfg, time.Now)
}

func open(log *slog.Logger, reg prometheus.Registerer, cfg Config, now func() time.Time) (_ *Index, err error) {
	if err := cfg.defaults(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(cfg.Dir, 0o755); err != nil {
		return nil, fmt.Errorf("index: %w", err)
	}
	registerWithBleve()
	codec, err := newCodec()
	if err != nil {
		return nil, fmt.Errorf("index: %w", err)
	}
	ix := &Index{
		log: log, cfg: cfg, metrics: newMetrics(reg), codec: codec, keeper: newKeeper(cfg.kept), placed: newKeeper(placedBytes), now: now,
		suspects: make(chan struct{}, 1), retainAsk: make(chan struct{}, 1),
	}
	if ix.keeping, err = newKeeping(cfg.Retention, now()); err != nil {
		return nil, err
	}
	ix.retained = readReport(cfg.Dir)
	cp, err := readCheckpoint(cfg.Dir)
	switch {
	case errors.Is(err, errNoCheckpoint):
		if parts, _ := filepath.Glob(filepath.Join(cfg.Dir, "*")); len(parts) > 0 { // else it is new
			log.Warn("no checkpoint: all articles are asked for", "dir", cfg.Dir, "err", err)
		}
		cp = &checkpoint{Version: checkpointVersion, Partition: period(cfg.Partition), Replay: 1, Partitions: make(map[string]*mark)}
	case err != nil:
		return nil, fmt.Errorf("index: %w", err)
	case cp.Partition != period(cfg.Partition):
		return nil, fmt.Errorf("index: partition: %s has partitions of a %s, not of a %s; it must be made anew", cfg.Dir, cp.Partition, cfg.Partition)
	}
	cp.setFloor(ix.keeping.maxSize)
	ix.checkSpace()
	ix.commit = newCommitter(log, cfg.Dir, cp, ix.metrics)
	ix.recovery = newRecovery(cfg.Dir, now)
	if err := ix.recovery.load(period(cfg.Partition)); err != nil {
		return nil, fmt.Errorf("index: %w", err)
	}
	if err := ix.openAll(cp); err != nil {
		return nil, errors.Join(err, ix.closePartitions())
	}
	// Only now is it sure that no other process is at work on the folder.
	if err := errors.Join(dropPinned(cfg.Dir), removeDropped(cfg.Dir), cp.write(cfg.Dir)); err != nil {
		return nil, errors.Join(fmt.Errorf("index: checkpoint: %w", err), ix.closePartitions())
	}
	if ix.moves, err = loadMoves(cfg.Dir); err != nil {
		return nil, errors.Join(fmt.Errorf("index: %w", err), ix.closePartitions())
	}
	ctx, stop := context.WithCancel(context.Background())
	ix.stop = stop
	if ix.keeping.on() {
		if _, err := ix.setPresent(ctx); err != nil {
			log.Error("until retention runs, what comes again is kept", "err", err)
		}
	}
	if err := ix.undoMoves(ctx, ix.putBack); err != nil {
		log.Error("articles that were moved are put back later", "err", err)
	}
	ix.wg.Go(func() { ix.commit.run(ctx) })
	ix.wg.Go(func() { ix.watch(ctx) })
	ix.wg.Go(func() { ix.maintain(ctx) })
	ix.wg.Go(func() { ix.recover(ctx) })
	ix.wg.Go(func() { ix.warm(ctx) })
	ix.wg.Go(func() { ix.retainDaily(ctx) })
	return ix, nil
}

// openAll opens what partitions there are and those the checkpoint knows of,
// and works out what is missing.
func (ix *Index) openAll(cp *checkpoint) error {
	if err := removeBuilding(ix.cfg.Dir); err != nil {
		return fmt.Errorf("index: %w", err)
	}
	entries, err := os.ReadDir(ix.cfg.Dir)
	if err != nil {
		return fmt.Errorf("index: %w", err)
	}
	var names []string
	for _, e := range entries {
		name := strings.TrimSuffix(strings.TrimSuffix(e.Name(), readySuffix), replacedSuffix)
		if e.IsDir() && cp.Partition.isName(name) && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	for name := range cp.Partitions {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	for _, name := range names {
		p, err := ix.openOne(name)
		if err != nil {
			return fmt.Errorf("index: %w", err)
		}
		if err := ix.adopt(context.Background(), p); err != nil {
			return fmt.Errorf("index: %w", err)
		}
	}
	return nil
}

// openOne opens or makes a partition and lists it.
func (ix *Index) openOne(name string) (*partition, error) {
	p, err := openPartition(ix.log, ix.cfg, name, ix.now)
	if err != nil {
		return nil, err
	}
	p.persisted, p.failed = ix.commit.notify, ix.suspect
	ix.mu.Lock()
	defer ix.mu.Unlock()
	ix.partitions = append(ix.partitions, p)
	slices.SortFunc(ix.partitions, func(a, b *partition) int { return strings.Compare(b.name, a.name) })
	return p, nil
}

// list is the partitions, newest first.
func (ix *Index) list() []*partition {
	ix.mu.RLock()
	defer ix.mu.RUnlock()
	return slices.Clone(ix.partitions)
}

// partition is the one of that name, or nil.
func (ix *Index) partition(name string) *partition {
	ix.mu.RLock()
	defer ix.mu.RUnlock()
	for _, p := range ix.partitions {
		if p.name == name {
			return p
		}
	}
	return nil
}

// From is the sequence the index needs next; 0 if it lacks nothing that was
// ever acknowledged. See the package comment. It is meant to be asked once,
// before the first Write.
func (ix *Index) From() uint64 { return ix.commit.from() }

// Behind tells that the index has come to lack something since From was asked,
// as when a damage is found while it runs: the consumer should be stopped, and
// run again, for which it asks From.
func (ix *Index) Behind() <-chan struct{} { return ix.commit.behind }

// Lacks is not 0 while articles are asked for again that have not come.
func (ix *Index) Lacks() uint64 { return ix.commit.wants() }

// Exhausted says that the stream has handed in all it has from where From said,
// and that this is durable: what Lacks told of is not waited for any longer. Where
// something is lost then, Recoveries tell; searches are whole again, as far as
// they can be.
func (ix *Index) Exhausted(lacks uint64) { ix.commit.exhausted(lacks) }

// Close waits until all writes are durable and acknowledged, then closes the
// partitions. Writes that can't become durable are told so.
func (ix *Index) Close() error {
	ix.writing.Lock() // whoever writes now comes first; who comes later is refused
	ix.mu.Lock()
	again := ix.closed
	ix.closed = true
	ix.mu.Unlock()
	ix.writing.Unlock()
	if again {
		return nil
	}
	// Bleve drops what it has not persisted when it is closed, and then never
	// calls back: so first wait, then close.
	err := ix.commit.drain(flushTimeout)
	ix.stop()
	ix.wg.Wait()
	err = errors.Join(err, ix.closePartitions(), ix.recovery.save())
	ix.commit.fail(nil, ErrClosed)
	return err
}

func (ix *Index) closePartitions() error {
	var errs []error
	for _, p := range ix.list() {
		errs = append(errs, p.close())
	}
	return errors.Join(errs...)
}

func (ix *Index) isClosed() bool {
	ix.mu.RLock()
	defer ix.mu.RUnlock()
	return ix.closed
}

// watch opens partitions anew that are stuck.
func (ix *Index) watch(ctx context.Context) {
	tick := time.NewTicker(watchInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			for _, p := range ix.list() {
				ix.watchOne(p, time.Now())
			}
			ix.checkSpace()
			ix.metrics.update(ix)
		}
	}
}

func (ix *Index) watchOne(p *partition, now time.Time) {
	why := p.sick(now)
	if why == "" {
		if why = p.mergerStalled(now); why != "" {
			ix.metrics.stalled.Inc()
		}
	}
	if why != "" {
		ix.heal(p, why)
	}
}

// heal opens the partition anew. Batches that waited for it fail, and come
// again.
func (ix *Index) heal(p *partition, why string) {
	ix.writing.Lock()
	defer ix.writing.Unlock()
	if ix.isClosed() || ix.partition(p.name) != p || // removed meanwhile
		why == whyDown && p.sick(time.Now()) == "" { // it was being exchanged
		return
	}
	ix.log.Error("partition is stuck: opened anew", "partition", p.name, "why", why)
	ix.metrics.reopened.Inc()
	ix.suspect(p) // damage can be what Bleve's goroutines die of
	err := p.reopen()
	ix.commit.fail(p, fmt.Errorf("partition %s was opened anew: %s", p.name, why))
	if err != nil {
		ix.log.Error("partition can't be opened anew", "partition", p.name, "err", err)
		return
	}
	if err := ix.adopt(context.Background(), p); err != nil {
		ix.log.Error("what the partition lacks is not known", "partition", p.name, "err", err)
	}
}

// Article returns the article with the id, or pipeline.ErrNotFound.
func (ix *Index) Article(_ context.Context, id string) (pipeline.Article, error) {
	name, err := period(ix.cfg.Partition).name(id)
	if err != nil {
		return pipeline.Article{}, fmt.Errorf("%w: %w", pipeline.ErrNotFound, err)
	}
	p := ix.partition(name)
	if p == nil {
		return pipeline.Article{}, fmt.Errorf("article %s: %w", id, pipeline.ErrNotFound)
	}
	return ix.article(p, id)
}

func (ix *Index) article(p *partition, id string) (a pipeline.Article, err error) {
	err = p.reader(func(r bleveindex.IndexReader) error {
		a, err = ix.codec.read(r, id)
		return err
	})
	if err != nil {
		if !errors.Is(err, pipeline.ErrNotFound) && !errors.Is(err, errDown) {
			ix.suspect(p)
		}
		return a, fmt.Errorf("article %s: %w", id, err)
	}
	return a, nil
}

// read reads the article with the id, or pipeline.ErrNotFound.
func (c *codec) read(r bleveindex.IndexReader, id string) (a pipeline.Article, err error) {
	_, stored, err := load(r, id)
	if err != nil {
		return a, err
	}
	if a, err = c.decode(stored); err == nil && a.ID != id {
		err = fmt.Errorf("%w: article %s is stored for it", errDamage, a.ID)
	}
	return a, err
}

// ByKey returns the article with the key, or pipeline.ErrNotFound.
func (ix *Index) ByKey(ctx context.Context, key string) (a pipeline.Article, err error) {
	for _, p := range ix.list() {
		found := false
		err := p.reader(func(r bleveindex.IndexReader) error {
			ids, err := lookUp(ctx, r, query.FieldKey, key)
			if err != nil || len(ids) == 0 {
				return err
			}
			found = true
			a, err = ix.codec.read(r, ids[0])
			if errors.Is(err, pipeline.ErrNotFound) {
				err = fmt.Errorf("%w: %s has the key, and can't be found", errDamage, ids[0])
			}
			return err
		})
		if err != nil {
			if !errors.Is(err, errDown) && ctx.Err() == nil {
				ix.suspect(p)
			}
			return pipeline.Article{}, fmt.Errorf("article by key %s: %w", key, err)
		}
		if found {
			return a, nil
		}
	}
	return pipeline.Article{}, fmt.Errorf("article by key %s: %w", key, pipeline.ErrNotFound)
}

// Stats is what the index holds.
type Stats struct {
	Documents  int              `json:"documents"`
	Bytes      int64            `json:"bytes"`             // on disk
	Seq        uint64           `json:"seq"`               // highest stream sequence that is durable
	Stopped    string           `json:"stopped,omitempty"` // why nothing is written; empty: it is
	Outdated   int              `json:"outdated"`          // partitions of an older mapping: searchable; Reindex makes them anew
	Partitions []PartitionStats `json:"partitions"`
	Recoveries []Recovery       `json:"recoveries"` // of damaged partitions in the last month, newest first
}

// PartitionStats is what one partition holds.
type PartitionStats struct {
	Name      string `json:"name"`
	Documents int    `json:"documents"`
	Bytes     int64  `json:"bytes"`
	Seq       uint64 `json:"seq"`             // highest stream sequence in it
	Pending   int    `json:"pending"`         // writes not yet durable
	Sealed    bool   `json:"sealed"`          // one segment, read-only until a late write
	Mapping   int    `json:"mapping"`         // version of its oldest documents
	Outdated  bool   `json:"outdated"`        // that is not the one of today
	Error     string `json:"error,omitempty"` // why it is down or can't persist
}

// Stats counts what the index holds, newest partition first.
func (ix *Index) Stats() Stats {
	s := Stats{Seq: ix.commit.seq(), Stopped: ix.noRoom(), Partitions: []PartitionStats{}, Recoveries: ix.recovery.list()}
	for _, p := range ix.list() {
		ps := p.stats()
		s.Documents += ps.Documents
		s.Bytes += ps.Bytes
		if ps.Outdated {
			s.Outdated++
		}
		s.Partitions = append(s.Partitions, ps)
	}
	return s
}

func (p *partition) stats() PartitionStats {
	p.mu.Lock()
	s := PartitionStats{
		Name: p.name, Seq: p.state.Seq, Pending: len(p.pending), Sealed: p.sealed != nil, Error: p.failing,
		Mapping: p.made.Mapping, Outdated: p.made.outdated(),
	}
	if p.damaged != "" {
		s.Error = p.damaged
	}
	if p.broken != "" {
		s.Error = p.broken
	}
	p.mu.Unlock()
	idx, err := p.index()
	if err == nil {
		var n uint64
		n, err = idx.DocCount()
		s.Documents = int(n)
	}
	if err != nil {
		s.Error = err.Error()
	}
	s.Bytes = diskUse(p.path)
	return s
}

// diskUse is the bytes of the files in a folder. Files that go meanwhile don't
// count.
func diskUse(dir string) (n int64) {
	_ = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			if info, err := d.Info(); err == nil {
				n += info.Size()
			}
		}
		return nil
	})
	return n
}
