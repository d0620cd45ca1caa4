package extractors

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/newswatch/newswatch/extractors/readable"
	"github.com/newswatch/newswatch/pipeline"
	"github.com/newswatch/newswatch/pipeline/catalog"
)

// The yield of a source is what its last recentPages pages gave, judged by the
// pastPages before them. It has collapsed when
//
//   - at least half of the recent pages gave nothing or little, and that is by
//     40 points of a hundred more than before; or
//   - nearly all of them (thinPages of recentPages) gave less than half of what
//     was the median before, and their median is at most a third of it.
//
// It has recovered when neither holds by half: fewer than 20 points more are
// poor, and the median is above half of what it was. Meanwhile the past stays
// as it was: what is bad now must not become what is usual.
const (
	recentPages = 20
	pastPages   = 100
	leastPast   = 40 // to be a past at all

	poorShare  = 0.5
	poorMore   = 0.4
	poorLess   = 0.2 // to have recovered
	thinPages  = 18  // of recentPages: of a source that has long and short articles, many short ones in a row are chance
	thinDrop   = 3.0 // times the median of before
	thinUndone = 2.0 // times, to have recovered
	leastUsual = 400 // weight of a median that can drop
	staleEvent = 24 * time.Hour
)

// A Yield is how much text the pages of a source give.
type Yield struct {
	Source string
	Pages  int // that are known, the recent ones included
	// Of the recent pages and of those before: the median weight of their
	// texts (see [readable.Weight]), and how many gave nothing or little.
	Recent, Past YieldStats
	Collapsed    bool
	Reason       string    // it has collapsed, in words
	Since        time.Time // the first page of the collapse
	LastGood     time.Time // the last good page before it
}

// YieldStats are the numbers of some pages.
type YieldStats struct{ Pages, Poor, Median int }

func (s YieldStats) poor() float64 {
	if s.Pages == 0 {
		return 0
	}
	return float64(s.Poor) / float64(s.Pages)
}

// Yields is the stage that follows the yield of each source over the articles,
// and tells of one that collapses: a page was redesigned, a wall was put up,
// the rules no longer fit. It owns the keys yield.* and yields.* of its store, and runs
// once at a time. A spell is told of once: it is stored before it is told.
type Yields struct {
	log       *slog.Logger
	store     Store
	tell      func(context.Context, pipeline.FeedEvent) error
	now       func() time.Time
	collapsed prometheus.Gauge

	mu      sync.Mutex
	listed  map[string]bool // sources of the catalog; nil: not known, all are followed
	sources map[string]*yield

	spells        map[string]Collapse // the list that is stored of those that have collapsed; nil: not read yet
	spellsRev     uint64
	spellsChanged bool
}

// A yield is what is remembered of a source.
type yield struct {
	yieldRecord
	rev     uint64
	changed bool
}

// A yieldRecord is its stored form.
type yieldRecord struct {
	Version int         `json:"v"`
	Source  string      `json:"source"`
	Recent  []pageYield `json:"recent"` // oldest first
	Past    []pageYield `json:"past"`   // oldest first
	Spell   *yieldSpell `json:"spell,omitempty"`
}

// A pageYield is what one page gave.
type pageYield struct {
	Key    string    `json:"k"` // the beginning of the article's key
	Weight int       `json:"w"`
	Poor   string    `json:"p,omitempty"` // why it gave nothing or little; empty: it didn't
	At     time.Time `json:"t"`
}

// A yieldSpell is a collapse.
type yieldSpell struct {
	Since    time.Time `json:"since"`
	LastGood time.Time `json:"last_good,omitzero"`
	Reason   string    `json:"reason"`
	Told     bool      `json:"told,omitempty"`
	Over     bool      `json:"over,omitempty"` // and nobody was told yet
}

const (
	yieldPrefix  = "yield."
	yieldVersion = 1
)

func yieldKey(source string) string { return yieldPrefix + pipeline.Key(source) }

// NewYields makes the stage. tell is given the events; one it answers an error
// for is told again.
func NewYields(lg *slog.Logger, reg prometheus.Registerer, store Store, tell func(context.Context, pipeline.FeedEvent) error) *Yields {
	return &Yields{
		log: lg, store: store, tell: tell, now: time.Now,
		collapsed: promauto.With(reg).NewGauge(prometheus.GaugeOpts{
			Name: "newswatch_extract_collapsed_sources",
			Help: "Sources met since the start whose pages give far less text than they used to.",
		}),
		sources: make(map[string]*yield),
	}
}

// SetSources tells of which sources there are; others are not followed.
func (y *Yields) SetSources(list []catalog.Source) {
	y.mu.Lock()
	defer y.mu.Unlock()
	y.listed = make(map[string]bool, len(list))
	for _, s := range list {
		y.listed[s.ID] = true
	}
}

// Reset forgets what is in memory: whoever ran before may have stored more.
func (y *Yields) Reset() {
	y.mu.Lock()
	defer y.mu.Unlock()
	clear(y.sources)
	y.spells, y.spellsChanged = nil, false
	y.collapsed.Set(0)
}

// Handle takes note of the article's page, if one was wanted, and tells of what
// begins or ends with it. Seeing an article again changes nothing.
func (y *Yields) Handle(ctx context.Context, a pipeline.Article) ([]struct{}, error) {
	page, ok := yieldOf(&a)
	if !ok {
		return nil, nil
	}
	y.mu.Lock()
	defer y.mu.Unlock()
	if y.listed != nil && !y.listed[a.Source] {
		return nil, nil
	}
	s, err := y.source(ctx, a.Source)
	if err != nil {
		return nil, err
	}
	if !s.add(page) {
		return nil, nil
	}
	s.judge()
	y.count()
	// What is behind by more than a day is caught up with first: what it tells
	// of may be over.
	if s.Spell != nil && (!s.Spell.Told || s.Spell.Over) && y.now().Sub(page.At) < staleEvent {
		y.report(ctx, s)
	}
	return nil, nil
}

// yieldOf is what the article's page gave; false: none was wanted, or it was
// counted when the article was new.
func yieldOf(a *pipeline.Article) (pageYield, bool) {
	p := pageYield{Key: a.Key[:min(len(a.Key), 8)], At: a.Extracted.UTC()}
	if a.Source == "" || a.Revision > 1 {
		return p, false
	}
	wanted := !a.Fetched.IsZero()
	for _, problem := range a.Problems {
		switch {
		case problem.Stage == "fetch":
			wanted, p.Poor = true, problem.Reason
		case problem.Stage == stage && slices.Contains(poorReasons, problem.Reason):
			p.Poor = cmp.Or(p.Poor, problem.Reason)
		}
	}
	switch a.Method {
	case MethodItem, MethodFeed, MethodSummary, readable.MethodNone: // the page's text was not the one taken
	default:
		p.Weight = readable.Weight(a.Text)
	}
	return p, wanted
}

// poorReasons are the problems of pages that gave nothing or little.
var poorReasons = []string{readable.NoteEmpty, readable.NoteShort, "not_html", "too_deep", "timeout", "panic"}

// source is what is remembered of the source.
func (y *Yields) source(ctx context.Context, id string) (*yield, error) {
	if s := y.sources[id]; s != nil {
		return s, nil
	}
	s := &yield{yieldRecord: yieldRecord{Source: id}}
	e, err := y.store.Get(ctx, yieldKey(id))
	switch {
	case errors.Is(err, pipeline.ErrNotFound):
	case err != nil:
		return nil, fmt.Errorf("yield of %s: %w", id, err)
	default:
		if s.yieldRecord, err = decodeYield(e.Value, id); err != nil {
			y.log.Warn("record of a yield ignored", "source", id, "key", e.Key, "error", err)
			s.yieldRecord = yieldRecord{Source: id}
		}
		s.rev = e.Revision
	}
	if s.Spell != nil {
		if err := y.list(ctx, s); err != nil {
			return nil, err
		}
	}
	y.sources[id] = s
	y.count()
	return s, nil
}

// count counts the sources that have collapsed.
func (y *Yields) count() {
	n := 0
	for _, s := range y.sources {
		if s.Spell != nil && !s.Spell.Over {
			n++
		}
	}
	y.collapsed.Set(float64(n))
}

func decodeYield(value []byte, source string) (yieldRecord, error) {
	var r yieldRecord
	if err := json.Unmarshal(value, &r); err != nil {
		return r, fmt.Errorf("record of a yield: %w", err)
	}
	switch {
	case r.Version != yieldVersion:
		return r, fmt.Errorf("record of a yield: version %d, want %d", r.Version, yieldVersion)
	case r.Source != source:
		return r, fmt.Errorf("record of a yield: of source %q, want %q", r.Source, source)
	case len(r.Recent) > recentPages, len(r.Past) > pastPages:
		return r, fmt.Errorf("record of a yield: %d and %d pages, want at most %d and %d", len(r.Recent), len(r.Past), recentPages, pastPages)
	}
	return r, nil
}

// add takes a page in; false: it is in already.
func (s *yield) add(p pageYield) bool {
	same := func(o pageYield) bool { return o.Key == p.Key }
	if slices.ContainsFunc(s.Recent, same) || slices.ContainsFunc(s.Past, same) {
		return false
	}
	s.changed = true
	s.Recent = append(s.Recent, p)
	if len(s.Recent) <= recentPages {
		return true
	}
	if s.Spell == nil || s.Spell.Over {
		s.Past = append(s.Past, s.Recent[0])
		s.Past = slices.Delete(s.Past, 0, max(len(s.Past)-pastPages, 0))
	}
	s.Recent = slices.Delete(s.Recent, 0, 1)
	return true
}

// judge begins a spell or ends one.
func (s *yield) judge() {
	recent, past := stats(s.Recent), stats(s.Past)
	if recent.Pages < recentPages || past.Pages < leastPast {
		return
	}
	switch {
	case s.Spell == nil:
		if why, bad := s.collapse(recent, past); why != "" {
			first := slices.IndexFunc(s.Recent, bad) // there are many
			s.Spell = &yieldSpell{Reason: why, Since: s.Recent[first].At}
			for _, p := range slices.Concat(s.Past, s.Recent[:first]) {
				if !bad(p) {
					s.Spell.LastGood = p.At
				}
			}
		}
	case !s.Spell.Over:
		s.Spell.Over = recent.poor() < past.poor()+poorLess && (past.Median < leastUsual || float64(recent.Median)*thinUndone > float64(past.Median))
	}
}

// collapse says in words what has collapsed, and which pages are of the kind
// that there are too many of; empty: nothing has.
func (s *yield) collapse(recent, past YieldStats) (why string, bad func(pageYield) bool) {
	if recent.poor() >= poorShare && recent.poor() >= past.poor()+poorMore {
		return fmt.Sprintf("%d of the last %d pages gave little or no text (most often: %s), of the %d before %d did",
			recent.Poor, recent.Pages, usualReason(s.Recent), past.Pages, past.Poor), func(p pageYield) bool { return p.Poor != "" }
	}
	bad = func(p pageYield) bool { return p.Weight*2 < past.Median }
	thin := 0
	for _, p := range s.Recent {
		if bad(p) {
			thin++
		}
	}
	if past.Median >= leastUsual && thin >= thinPages && float64(recent.Median)*thinDrop <= float64(past.Median) {
		return fmt.Sprintf("the last %d pages gave %d letters of text in the median, the %d before %d",
			recent.Pages, recent.Median, past.Pages, past.Median), bad
	}
	return "", nil
}

func stats(pages []pageYield) YieldStats {
	s := YieldStats{Pages: len(pages)}
	weights := make([]int, len(pages))
	for i, p := range pages {
		weights[i] = p.Weight
		if p.Poor != "" {
			s.Poor++
		}
	}
	if slices.Sort(weights); len(weights) > 0 {
		s.Median = weights[len(weights)/2]
	}
	return s
}

// usualReason is the most frequent one; of several the first by name.
func usualReason(pages []pageYield) string {
	counts := make(map[string]int)
	best := ""
	for _, p := range pages {
		if p.Poor == "" {
			continue
		}
		counts[p.Poor]++
		if n, most := counts[p.Poor], counts[best]; best == "" || n > most || n == most && p.Poor < best {
			best = p.Poor
		}
	}
	return best
}

// report tells of a spell's beginning or end. It is stored first: whoever tells
// again after a crash tells of the same spell.
func (y *Yields) report(ctx context.Context, s *yield) {
	sp := s.Spell
	ev := pipeline.FeedEvent{
		Kind: pipeline.PagesCollapsed, Source: s.Source, Reason: sp.Reason, Since: sp.Since, LastGood: sp.LastGood, At: y.now().UTC(),
	}
	if sp.Over {
		ev.Kind, ev.Reason = pipeline.FeedRecovered, "its pages give text again"
	}
	err := y.save(ctx, s)
	if err == nil && (sp.Told || !sp.Over) { // a spell that was over before anybody heard is no news
		err = y.tell(ctx, ev)
	}
	if err != nil {
		y.log.Warn("event of a source's pages not told, will try again", "kind", ev.Kind, "source", s.Source, "error", err)
		return
	}
	y.log.Info("event of a source's pages", "kind", ev.Kind, "source", s.Source, "reason", ev.Reason, "since", sp.Since)
	if sp.Told = true; sp.Over {
		s.Spell = nil
	}
	s.changed = true
	if err := y.save(ctx, s); err != nil {
		y.log.Warn("yield not saved, will try again", "source", s.Source, "error", err)
	}
}

// save stores the source if it has changed.
func (y *Yields) save(ctx context.Context, s *yield) error {
	if !s.changed {
		return nil
	}
	s.Version = yieldVersion
	value, err := json.Marshal(s.yieldRecord)
	if err != nil {
		return fmt.Errorf("yield of %s: %w", s.Source, err)
	}
	rev, err := y.store.Update(ctx, yieldKey(s.Source), value, s.rev)
	if err != nil {
		return fmt.Errorf("save yield of %s: %w", s.Source, err)
	}
	s.rev, s.changed = rev, false
	return y.list(ctx, s)
}

// Save stores what has changed. A source that another process has stored since
// is forgotten, and read again when it is met.
func (y *Yields) Save(ctx context.Context) error {
	y.mu.Lock()
	defer y.mu.Unlock()
	var errs []error
	for id, s := range y.sources {
		err := y.save(ctx, s)
		if errors.Is(err, pipeline.ErrConflict) || errors.Is(err, pipeline.ErrExists) {
			delete(y.sources, id)
			continue
		}
		errs = append(errs, err)
	}
	return errors.Join(append(errs, y.saveSpells(ctx))...)
}

// Run saves what has changed from time to time, until ctx is done.
func (y *Yields) Run(ctx context.Context) error {
	tick := time.NewTicker(saveEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			if err := y.Save(ctx); err != nil && ctx.Err() == nil {
				y.log.Warn("yields not saved, will try again", "error", err)
			}
		}
	}
}

// YieldOf reads the yield of a source from the store, as of its last save;
// nothing is known of a source without pages.
func YieldOf(ctx context.Context, store Store, source string) (Yield, error) {
	out := Yield{Source: source}
	e, err := store.Get(ctx, yieldKey(source))
	if errors.Is(err, pipeline.ErrNotFound) {
		return out, nil
	}
	if err != nil {
		return out, fmt.Errorf("yield of %s: %w", source, err)
	}
	r, err := decodeYield(e.Value, source)
	if err != nil {
		return out, fmt.Errorf("yield of %s: %w", source, err)
	}
	out.Recent, out.Past, out.Pages = stats(r.Recent), stats(r.Past), len(r.Recent)+len(r.Past)
	if sp := r.Spell; sp != nil && !sp.Over {
		out.Collapsed, out.Reason, out.Since, out.LastGood = true, sp.Reason, sp.Since, sp.LastGood
	}
	return out, nil
}
