package index

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"github.com/blevesearch/bleve/v2"
	"github.com/blevesearch/bleve/v2/index/scorch"
	bleveindex "github.com/blevesearch/bleve_index_api"

	"github.com/newswatch/newswatch/index/query"
	"github.com/newswatch/newswatch/pipeline"
)

// Where a partition keeps its state and its make inside of Bleve.
var (
	stateKey = []byte("newswatch.state")
	makeKey  = []byte("newswatch.make")
)

// A partitionMake says how and when a partition was made. Documents written to
// it later may be of a later mapping; it keeps that of its oldest.
type partitionMake struct {
	Mapping int       `json:"mapping"` // see mappingVersion
	Made    time.Time `json:"made,omitzero"`
}

// outdated reports whether the mapping of today would make other documents.
func (m partitionMake) outdated() bool { return m.Mapping != mappingVersion }

// errDown says that a partition can't be used for now.
var errDown = errors.New("index: partition is down")

// A partition is one Bleve index and what is known of its writes. Its methods
// that change it are called by one writer at a time.
type partition struct {
	name   string
	path   string
	log    *slog.Logger
	config map[string]any // Bleve's
	clock  func() time.Time

	// persisted is called with the partition when a write became durable.
	persisted func(*partition)
	// failed is called with the partition when something went wrong in one of
	// Bleve's goroutines, such as a merge that met damage; nil: nobody cares.
	failed func(*partition)

	// gate is held while one Bleve index takes the place of another, so that a
	// search waits for that moment instead of failing.
	gate sync.RWMutex

	keying sync.Mutex // held while the keys are read

	mu      sync.Mutex
	idx     bleve.Index // nil: down
	filter  *filter     // nil until it was made, see keys
	state   state       // with all writes
	made    partitionMake
	docs    int    // documents after the last write
	durable uint64 // number of the last durable write
	pending []pendingWrite
	opening uint64             // counts openings; callbacks of earlier ones are void
	sealed  *seal              // nil: it can be written to
	damaged string             // what the last scrub found
	touched time.Time          // by the last write
	suspect bool               // something went wrong in reading it: to be scrubbed
	again   bool               // there is damage that could not be mended
	broken  string             // why it must be opened anew
	changes map[string]*putDoc // documents changed, by id, as they are noted by whoever wants to know; nil: nobody does
	keep    bool               // the documents themselves are noted
	wrecks  []damage           // folders set aside by open, for the index to deal with
	merger  mergeWatch         // what was last seen of Bleve's merger
	told    time.Time          // when an error of Bleve's goroutines was logged
	failing string             // what its last attempt to persist said, while it fails
}

// A pendingWrite is one that is searchable and not yet durable.
type pendingWrite struct {
	state state
	low   uint64 // its lowest sequence
	docs  int    // documents after it; 0: not counted yet
	late  bool   // which is below one written before
	at    time.Time
}

// A change is one write to a partition.
type change struct {
	put       []*putDoc
	remove    []string
	low, high uint64 // lowest and highest sequence in it
}

// A putDoc is a document to be written.
type putDoc struct {
	article pipeline.Article
	version version
	doc     bleveindex.Document

	salvaged bool // it was in the index before, and keeps the time at which it was indexed first
	isNew    bool // its key is nowhere in the index
}

// index returns the Bleve index, or errDown.
func (p *partition) index() (bleve.Index, error) {
	p.gate.RLock()
	defer p.gate.RUnlock()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.idx == nil {
		return nil, fmt.Errorf("%w: %s", errDown, p.name)
	}
	return p.idx, nil
}

// reader calls fn with a snapshot of the partition. A panic of fn, which a
// damaged segment can cause, is an error; so is reading where a file was cut
// off.
func (p *partition) reader(fn func(bleveindex.IndexReader) error) error {
	return p.snapshot(func(s *scorch.IndexSnapshot) error { return fn(s) })
}

// snapshot is reader for who needs the segments.
func (p *partition) snapshot(fn func(*scorch.IndexSnapshot) error) error {
	for {
		s, err := p.currentSnapshot()
		if err != nil {
			return err
		}
		if s != nil {
			return errors.Join(p.guard(func() error { return fn(s) }), s.Close())
		}
		// Closed between the two calls: another index is taking its place.
	}
}

// currentSnapshot is the newest snapshot, or nil where the index was closed
// just now.
func (p *partition) currentSnapshot() (*scorch.IndexSnapshot, error) {
	idx, err := p.index()
	if err != nil {
		return nil, err
	}
	raw, err := idx.Advanced()
	if errors.Is(err, bleve.ErrorIndexClosed) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("partition %s: %w", p.name, err)
	}
	r, err := raw.Reader()
	if err != nil {
		return nil, fmt.Errorf("partition %s: %w", p.name, err)
	}
	s, ok := r.(*scorch.IndexSnapshot)
	if !ok {
		return nil, fmt.Errorf("partition %s: a %T is no snapshot", p.name, r)
	}
	return s, nil
}

// guard turns a panic into an error. A damaged segment can cause one; one cut
// off while it is mapped into memory is a fault, which Go otherwise takes for
// the end of the process.
func (p *partition) guard(fn func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			p.log.Error("panic in partition", "partition", p.name, "panic", r, "stack", string(debug.Stack()))
			err = fmt.Errorf("partition %s: panic: %v", p.name, r)
		}
	}()
	return fn()
}

// attach takes an index just opened.
func (p *partition) attach(idx bleve.Index) error {
	st, err := readState(idx)
	if err != nil {
		return fmt.Errorf("partition %s: %w", p.name, err)
	}
	made, err := readMake(idx)
	if err != nil {
		return fmt.Errorf("partition %s: %w", p.name, err)
	}
	sealed, err := readSeal(p.path)
	if err != nil {
		return fmt.Errorf("partition %s: %w", p.name, err)
	}
	docs, err := idx.DocCount()
	if err != nil {
		return fmt.Errorf("partition %s: %w", p.name, err)
	}
	if st.Gen == 0 { // nothing has been written to it: it is made now
		made = partitionMake{Mapping: mappingVersion, Made: p.clock().UTC()}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.idx, p.state, p.durable, p.made, p.docs = idx, st, st.Gen, made, int(docs)
	p.pending, p.filter = nil, nil
	p.broken, p.failing = "", ""
	p.sealed, p.damaged = sealed, ""
	p.opening++
	return nil
}

// documents is how many there were after the last write.
func (p *partition) documents() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.docs
}

// now is the partition's state with all writes.
func (p *partition) now() state {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.state
}

// mapping is that of the partition's oldest documents.
func (p *partition) mapping() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.made.Mapping
}

func (p *partition) isSealed() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.sealed != nil
}

func readState(idx bleve.Index) (state, error) {
	var st state
	data, err := idx.GetInternal(stateKey)
	if err != nil || data == nil {
		return st, err
	}
	if err := json.Unmarshal(data, &st); err != nil {
		return st, fmt.Errorf("state: %w", err)
	}
	return st, nil
}

// readMake reads how the partition was made. The first version did not say.
func readMake(idx bleve.Index) (partitionMake, error) {
	m := partitionMake{Mapping: 1}
	data, err := idx.GetInternal(makeKey)
	if err != nil || data == nil {
		return m, err
	}
	if err := json.Unmarshal(data, &m); err != nil {
		return m, fmt.Errorf("make: %w", err)
	}
	return m, nil
}

// apply writes the change; it is searchable when apply returns, and durable
// when p.durable has reached the number returned.
func (p *partition) apply(c change, wall time.Time) (gen uint64, err error) {
	keys, err := p.keys()
	if err != nil {
		return 0, err
	}
	idx, err := p.index()
	if err != nil {
		return 0, err
	}
	p.mu.Lock()
	prev, opening, made := p.state, p.opening, p.made
	p.mu.Unlock()

	next := prev.with(c.low, c.high)
	data, err := json.Marshal(next)
	if err != nil {
		return 0, err
	}
	madeData, err := json.Marshal(made)
	if err != nil {
		return 0, err
	}
	raw, err := idx.Advanced()
	if err != nil {
		return 0, fmt.Errorf("partition %s: %w", p.name, err)
	}
	batch := bleveindex.NewBatch()
	for _, d := range c.put {
		batch.Update(d.doc)
	}
	for _, id := range c.remove {
		batch.Delete(id)
	}
	batch.SetInternal(stateKey, data)
	batch.SetInternal(makeKey, madeData)
	batch.SetPersistedCallback(func(err error) { p.onPersisted(opening, next.Gen, err) })

	// The write counts before it is made: its callback may come at once, and a
	// number must never be used twice, even by a write that failed half-way.
	p.mu.Lock()
	p.state = next
	p.pending = append(p.pending, pendingWrite{state: next, low: c.low, late: prev.Seq > 0 && c.low <= prev.Seq, at: time.Now()})
	p.touched = wall
	p.mu.Unlock()
	for _, d := range c.put {
		keys.add(d.article.Key)
	}
	if err := within(applyTimeout, func() error { return raw.Batch(batch) }); err != nil {
		p.setBroken(fmt.Sprintf("write: %v", err))
		return 0, fmt.Errorf("partition %s: write: %w", p.name, err)
	}
	for _, d := range c.put {
		d.doc = nil // it is no longer needed, the article may be kept for long
	}
	docs, err := idx.DocCount()
	p.mu.Lock()
	defer p.mu.Unlock()
	if err == nil {
		p.docs = int(docs)
		if n := len(p.pending); n > 0 { // else it is durable already
			p.pending[n-1].docs = p.docs
		}
	}
	// Only now: whoever reads what has changed must read the new state.
	p.note(c)
	return next.Gen, nil
}

// within runs fn and stops waiting for it after d. Bleve's Batch has no way to
// be stopped and blocks for good where one of its goroutines died.
func within(d time.Duration, fn func() error) error {
	result := make(chan error, 1)
	go func() {
		defer func() {
			if r := recover(); r != nil {
				result <- fmt.Errorf("panic: %v", r)
			}
		}()
		result <- fn()
	}()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case err := <-result:
		return err
	case <-timer.C:
		return fmt.Errorf("no answer within %v", d)
	}
}

// onPersisted is Bleve's word that a write is on disk. A snapshot holds all
// writes before its own, so the last number says it all.
func (p *partition) onPersisted(opening, gen uint64, err error) {
	p.mu.Lock()
	ok := opening == p.opening && err == nil
	if ok {
		p.durable = max(p.durable, gen)
		p.failing = ""
	}
	p.mu.Unlock()
	if ok {
		p.persisted(p)
	}
}

// takeDurable folds the writes that became durable into m and reports whether
// there were any.
func (p *partition) takeDurable(m *mark) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for ; n < len(p.pending) && p.pending[n].state.Gen <= p.durable; n++ {
		w := p.pending[n]
		m.state, m.Documents = w.state, cmp.Or(w.docs, p.docs)
		if w.late {
			m.addLate(w.state.Gen, w.low)
		}
	}
	p.pending = p.pending[n:]
	return n > 0
}

// onAsyncError is told of what went wrong in Bleve's goroutines. A merge that
// fails is tried again at once, and for ever: one word a second is enough.
func (p *partition) onAsyncError(err error, panicked bool) {
	p.mu.Lock()
	tell := panicked || time.Since(p.told) > time.Second
	if tell {
		p.told = time.Now()
	}
	if !panicked {
		p.failing = err.Error()
	}
	p.mu.Unlock()
	if panicked {
		p.setBroken(err.Error())
	}
	if !tell {
		return
	}
	p.log.Error("bleve background error", "partition", p.name, "err", err)
	if p.failed != nil {
		p.failed(p)
	}
}

// notPersisting says why Bleve can't write to disk what it holds in memory,
// such as a full disk; empty: it can.
func (p *partition) notPersisting() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.pending) == 0 {
		return ""
	}
	return p.failing
}

func (p *partition) setBroken(why string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.broken == "" {
		p.broken = why
	}
}

// sick says why the partition must be opened anew: one of Bleve's goroutines
// died, or a write has not become durable for so long that one must have.
// Where persisting fails with an error Bleve tries again, and so it should: a
// full disk is not mended by opening the index anew.
func (p *partition) sick(now time.Time) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.idx == nil:
		return whyDown
	case p.broken != "":
		return p.broken
	case p.failing == "" && len(p.pending) > 0 && now.Sub(p.pending[0].at) > stuckAfter:
		return fmt.Sprintf("a write has not been durable for %v", now.Sub(p.pending[0].at).Round(time.Second))
	}
	return ""
}

const whyDown = "down"

// detach takes the index away from readers and writers.
func (p *partition) detach() bleve.Index {
	p.mu.Lock()
	defer p.mu.Unlock()
	idx := p.idx
	p.idx = nil
	p.opening++ // its callbacks are void from here on
	return idx
}

// A place is where a key was found.
type place struct {
	partition *partition
	id        string
	version   version
}

// find appends where the keys stand in the partition.
func (p *partition) find(ctx context.Context, keys []string, found map[string][]place) error {
	f, err := p.keys()
	if err != nil {
		return err
	}
	var likely []string
	for _, key := range keys {
		if f.has(key) {
			likely = append(likely, key)
		}
	}
	if len(likely) == 0 {
		return nil
	}
	return p.reader(func(r bleveindex.IndexReader) error {
		for _, key := range likely {
			ids, err := lookUp(ctx, r, query.FieldKey, key)
			if err != nil {
				return fmt.Errorf("look up %s in partition %s: %w", key, p.name, err)
			}
			for _, id := range ids {
				v, _, err := load(r, id)
				if err != nil {
					return fmt.Errorf("article %s in partition %s: %w", id, p.name, err)
				}
				found[key] = append(found[key], place{p, id, v})
			}
		}
		return nil
	})
}

// lookUp is the ids of the documents with the value.
func lookUp(ctx context.Context, r bleveindex.IndexReader, field, value string) (ids []string, err error) {
	postings, err := r.TermFieldReader(ctx, []byte(value), field, false, false, false)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, postings.Close()) }()
	for {
		doc, err := postings.Next(nil)
		if err == nil && doc == nil && len(ids) == 0 {
			err = allAnswer(r, field)
		}
		if err != nil || doc == nil {
			return ids, err
		}
		id, err := r.ExternalID(doc.ID)
		if err != nil {
			return nil, err
		}
		// It is stored, and another's where zeros have taken the place of where
		// each document begins.
		if _, key, err := pipeline.ParseID(id); field == query.FieldKey && (err != nil || key != value) {
			return nil, fmt.Errorf("%w: the document of key %s has the id %q", errDamage, value, id)
		}
		ids = append(ids, id)
	}
}

// allAnswer says what is wrong with the field's dictionaries, where a term was
// not found: see answers.
func allAnswer(r bleveindex.IndexReader, field string) error {
	s, ok := r.(*scorch.IndexSnapshot)
	if !ok {
		return fmt.Errorf("a %T is no snapshot", r)
	}
	for _, seg := range s.Segments() {
		d, err := seg.Segment().Dictionary(field)
		if err == nil {
			err = answers(d)
		}
		if err != nil {
			return fmt.Errorf("dictionary of %s: %w", field, err)
		}
	}
	return nil
}

// load reads what is stored of a document, or pipeline.ErrNotFound.
func load(r bleveindex.IndexReader, id string) (v version, article []byte, err error) {
	doc, err := r.Document(id)
	if err != nil {
		return v, nil, err
	}
	if doc == nil {
		return v, nil, cmp.Or(allAnswer(r, "_id"), pipeline.ErrNotFound)
	}
	doc.VisitFields(func(f bleveindex.Field) {
		switch f.Name() {
		case fieldVersion:
			v = decodeVersion(f.Value())
		case fieldArticle:
			article = f.Value()
		}
	})
	return v, article, nil
}
