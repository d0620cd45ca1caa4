package alerts

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"time"
	"unicode"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/newswatch/newswatch/index/query"
	"github.com/newswatch/newswatch/pipeline"
	"github.com/newswatch/newswatch/pipeline/catalog"
)

// An Engine decides which articles raise alerts.
type Engine struct {
	lg      *slog.Logger
	cfg     Config
	metrics engineMetrics
	now     func() time.Time
	state   atomic.Pointer[watches]
}

// watches is one state of the catalog's watches, ready to be tried.
type watches struct {
	set     *query.Set
	byID    map[string]watch
	silence map[string]bool  // watches that wait for feeds: see Silence
	broken  map[string]error // watches that can't be evaluated, and why
}

type watch struct {
	catalog.Watch
	query *query.Query
	quiet *quietTime
}

type engineMetrics struct {
	raised  *prometheus.CounterVec // by group
	refused prometheus.Counter
	seconds prometheus.Histogram
	watches *prometheus.GaugeVec // by state: active, broken
}

// New is an engine without watches.
func New(lg *slog.Logger, reg prometheus.Registerer, cfg Config) *Engine {
	if cfg.Spans < 1 {
		cfg.Spans = defaultSpans
	}
	e := &Engine{lg: lg.With("component", "alerts"), cfg: cfg, now: time.Now, metrics: newEngineMetrics(reg)}
	e.state.Store(&watches{set: query.NewSet(nil)})
	return e
}

func newEngineMetrics(reg prometheus.Registerer) engineMetrics {
	m := engineMetrics{
		raised: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "newswatch_alerts_raised_total",
			Help: "Alerts that articles raised, before those already raised are dropped.",
		}, []string{"group"}),
		refused: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "newswatch_alerts_refused_total",
			Help: "Matches of articles with nothing to show for them.",
		}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "newswatch_alerts_match_seconds",
			Help:    "Time to try all watches on one article.",
			Buckets: prometheus.ExponentialBuckets(0.0001, 4, 8),
		}),
		watches: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "newswatch_alerts_watches",
			Help: "Watches by state: active, or broken and left out.",
		}, []string{"state"}),
	}
	reg.MustRegister(m.raised, m.refused, m.seconds, m.watches)
	for _, g := range catalog.Groups() {
		m.raised.WithLabelValues(g)
	}
	m.watches.WithLabelValues("active")
	m.watches.WithLabelValues("broken")
	return m
}

// SetWatches replaces the watches, at once for the next article. A watch that
// can't be evaluated is logged and left out, see [Engine.Problems].
func (e *Engine) SetWatches(ws []catalog.Watch) {
	next := &watches{byID: make(map[string]watch), silence: make(map[string]bool), broken: make(map[string]error)}
	queries := make(map[string]*query.Query)
	for _, w := range ws {
		ready, err := e.compile(w)
		if err != nil {
			next.broken[w.ID] = err
			e.lg.Error("watch left out", "watch", w.ID, "error", err)
			continue
		}
		if w.Kind == catalog.WatchSilence {
			next.silence[w.ID] = true
			continue
		}
		next.byID[w.ID] = ready
		queries[w.ID] = ready.query
	}
	next.set = query.NewSet(queries)
	e.state.Store(next)
	e.metrics.watches.WithLabelValues("active").Set(float64(len(next.byID) + len(next.silence)))
	e.metrics.watches.WithLabelValues("broken").Set(float64(len(next.broken)))
}

func (e *Engine) compile(w catalog.Watch) (watch, error) {
	if w.Kind == catalog.WatchSilence {
		return compileSilence(w, e.now())
	}
	w.Group = cmp.Or(w.Group, catalog.GroupStory)
	if w.Kind != "" && w.Kind != catalog.WatchMention {
		return watch{}, fmt.Errorf("watch %s: kind %s is not available yet", w.ID, w.Kind)
	}
	if !slices.Contains(catalog.Groups(), w.Group) {
		return watch{}, fmt.Errorf("watch %s: group %q is none of %v", w.ID, w.Group, catalog.Groups())
	}
	q, err := query.Parse(w.Query, e.now())
	if err != nil {
		return watch{}, fmt.Errorf("watch %s: %w", w.ID, err)
	}
	quiet, err := newQuiet(w.Quiet)
	if err != nil {
		return watch{}, fmt.Errorf("watch %s: %w", w.ID, err)
	}
	return watch{w, q, quiet}, nil
}

// Problems are the watches left out, by id, and why.
func (e *Engine) Problems() map[string]error { return maps.Clone(e.state.Load().broken) }

// Handle is the stage: the alerts that a raises, each once however often a
// comes. An article that was loaded quietly raises none. One whose mentions were
// changed since it was news raises those it had as news, unless that was decided
// before; and where that is asked for, those of watches that match it now and
// did not then.
func (e *Engine) Handle(_ context.Context, a pipeline.Article) ([]pipeline.Alert, error) {
	re := a.Retagged
	if a.Quiet || re != nil && re.Decided && !re.Alert {
		return nil, nil
	}
	start := e.now()
	s := e.state.Load()
	news := a.AsNews()
	hits := s.set.Match(e.doc(news))
	var out []pipeline.Alert
	if re == nil || !re.Decided {
		out = e.raise(out, s, news, hits, nil)
	}
	if re != nil && re.Alert {
		out = e.raise(out, s, &a, s.set.Match(e.doc(&a)), hits)
	}
	e.metrics.seconds.Observe(e.now().Sub(start).Seconds())
	return out, nil
}

// raise appends the alerts of the hits to out, without those of watches that
// have one among the others.
func (e *Engine) raise(out []pipeline.Alert, s *watches, a *pipeline.Article, hits, others []query.Hit) []pipeline.Alert {
	for _, hit := range hits {
		if slices.ContainsFunc(others, func(o query.Hit) bool { return o.ID == hit.ID }) {
			continue
		}
		w := s.byID[hit.ID]
		alerts := e.alerts(a, w, hit.Spans)
		if len(alerts) == 0 {
			e.metrics.refused.Inc()
			e.lg.Warn("match without anything to show", "watch", w.ID, "article", a.ID)
		}
		e.metrics.raised.WithLabelValues(w.Group).Add(float64(len(alerts)))
		out = append(out, alerts...)
	}
	return out
}

func (e *Engine) doc(a *pipeline.Article) *query.Doc {
	d := query.NewDoc(a)
	d.Now = e.now()
	return d
}

// alerts is one alert for each group that the match is in. There is none where
// the article has nothing to show: no title, no text, no address.
func (e *Engine) alerts(a *pipeline.Article, w watch, spans []pipeline.Span) []pipeline.Alert {
	if len(spans) == 0 {
		spans = whole(a, w.Query)
	}
	if len(spans) == 0 {
		return nil
	}
	var out []pipeline.Alert
	for _, g := range groups(a, w.Group, spans) {
		out = append(out, e.alert(a, w, g))
	}
	return out
}

func (e *Engine) alert(a *pipeline.Article, w watch, g group) pipeline.Alert {
	al := newAlert(w, g, e.now().UTC())
	al.Kind = catalog.WatchMention
	al.Article = pipeline.ArticleRef{
		ID: a.ID, Key: a.Key, URL: a.URL, Title: a.Title, Source: a.Source, Lang: a.Lang, Country: a.Country,
		Story: a.Story, Entities: a.Entities(), Published: a.Published, FirstSeen: a.FirstSeen,
	}
	r := &al.Receipt
	r.Spans = g.spans[:min(len(g.spans), e.cfg.Spans)]
	r.Sentence = spanSentence(a, g.spans[0])
	r.Published, r.FirstSeen, r.Fetched, r.Extracted = a.Published, a.FirstSeen, a.Fetched, a.Extracted
	return al
}

// newAlert is an alert of the watch for the group, queued for its channels; what
// it is about is still to be filled in.
func newAlert(w watch, g group, now time.Time) pipeline.Alert {
	dedup := g.dedup(w.ID)
	var deliveries []pipeline.Attempts
	for _, ch := range w.To {
		deliveries = append(deliveries, pipeline.Attempts{Channel: ch, State: pipeline.AlertQueued, Next: w.quiet.until(now)})
	}
	return pipeline.Alert{
		ID:         w.ID + "." + dedup,
		Watch:      w.ID,
		WatchName:  cmp.Or(w.Name, w.ID),
		Dedup:      dedup,
		State:      pipeline.AlertQueued,
		Queued:     now,
		Receipt:    pipeline.Receipt{Query: w.Query, WatchVersion: w.version(), Group: w.Group, Matched: now},
		Deliveries: deliveries,
	}
}

// version is the watch's version, or where the catalog gave none, a digest of
// what decides over its alerts.
func (w watch) version() string {
	return cmp.Or(w.Version, pipeline.Digest8(w.ID, w.Query, w.Group))
}

// whole is the place of a match that has none of its own (lang:ru): the title,
// else the text's first sentence, else the address.
func whole(a *pipeline.Article, term string) []pipeline.Span {
	if strings.TrimSpace(a.Title) != "" {
		return []pipeline.Span{{Field: pipeline.FieldTitle, End: len(a.Title), Text: a.Title, Term: term}}
	}
	if from := len(a.Text) - len(strings.TrimLeftFunc(a.Text, unicode.IsSpace)); from < len(a.Text) {
		_, to := paragraph(a.Text, from, from)
		first := strings.TrimSpace(a.Text[from : from+firstSentence(a.Text[from:to])])
		return []pipeline.Span{{Field: pipeline.FieldText, Start: from, End: from + len(first), Text: first, Term: term}}
	}
	if a.URL != "" {
		return []pipeline.Span{{Field: "url", End: len(a.URL), Text: a.URL, Term: term}}
	}
	return nil
}

func spanSentence(a *pipeline.Article, s pipeline.Span) string {
	switch s.Field {
	case pipeline.FieldTitle:
		return sentence(a.Title, s.Start, s.End)
	case pipeline.FieldText:
		return sentence(a.Text, s.Start, s.End)
	default:
		return s.Text
	}
}
