package extractors

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/newswatch/newswatch/extractors/readable"
)

// wayKnown is counted where the text is that of the article as published.
const wayKnown = "known"

type metrics struct {
	total    *prometheus.CounterVec // method: item feed summary known and those of package readable
	problems *prometheus.CounterVec // reason: robots http_404 timeout dns not_html empty short paywall…
	duration prometheus.Observer    // seconds

	recurring prometheus.Counter // blocks left out
}

func newMetrics(reg prometheus.Registerer) *metrics {
	f := promauto.With(reg)
	m := &metrics{
		total: f.NewCounterVec(prometheus.CounterOpts{
			Name: "newswatch_extract_total",
			Help: "Articles made, by the way their text was come by.",
		}, []string{"method"}),
		problems: f.NewCounterVec(prometheus.CounterOpts{
			Name: "newswatch_extract_problems_total",
			Help: "Problems met with pages, the article going on all the same.",
		}, []string{"reason"}),
		recurring: f.NewCounter(prometheus.CounterOpts{
			Name: "newswatch_extract_recurring_blocks_total",
			Help: "Text blocks met that are known to stand on several pages of their host; they are left out of articles.",
		}),
		duration: f.NewHistogram(prometheus.HistogramOpts{
			Name:    "newswatch_extract_duration_seconds",
			Help:    "Time from item to article, the page's fetch included.",
			Buckets: prometheus.ExponentialBuckets(0.001, 4, 9),
		}),
	}
	for _, method := range []string{
		MethodItem, MethodFeed, MethodSummary, wayKnown,
		readable.MethodBlocks, readable.MethodVote, readable.MethodReadability, readable.MethodParagraphs, readable.MethodJSONLD, readable.MethodRules, readable.MethodNone,
	} {
		m.total.WithLabelValues(method)
	}
	for _, reason := range []string{
		"robots", "timeout", "dns", "unreachable", "not_html", "too_deep", "panic", "feed_content",
		readable.NoteEmpty, readable.NoteShort, readable.NotePaywall, readable.NoteTruncated, readable.NoteTooMany, readable.NoteRules,
	} {
		m.problems.WithLabelValues(reason)
	}
	return m
}
