package feeds

import "github.com/prometheus/client_golang/prometheus"

// How polls end.
const (
	pollNew         = "new"          // items were published
	pollNothing     = "nothing_new"  // a new body without new items
	pollSame        = "same_body"    // the body of last time
	pollNotModified = "not_modified" // 304
	pollFailed      = "failed"       // no answer, or none of use
	pollBusy        = "busy"         // the host's turn had not come
	pollHeld        = "held"         // the stream takes no more for now
	pollUnsaved     = "unsaved"      // published, but the state could not be kept
)

// What becomes of items.
const (
	itemNew     = "new"     // published
	itemAgain   = "again"   // another feed had it; published once more for this one
	itemKnown   = "known"   // in the stream already
	itemTrimmed = "trimmed" // published without its content, which was too big
	itemRefused = "refused" // too big even so
)

type metrics struct {
	polls *prometheus.CounterVec
	items *prometheus.CounterVec
	lag   prometheus.Histogram
	feeds *prometheus.GaugeVec
	lost  prometheus.Counter
}

func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{
		polls: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "newswatch_feeds_polls_total", Help: "Polls of feeds, by how they ended.",
		}, []string{"outcome"}),
		items: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "newswatch_feeds_items_total", Help: "Items that were not known from the feed, by what became of them.",
		}, []string{"result"}),
		lag: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "newswatch_feeds_lag_seconds", Help: "Time from when a poll was due to when it began.",
			Buckets: []float64{.1, 1, 5, 15, 60, 300, 1800},
		}),
		feeds: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "newswatch_feeds_known_feeds", Help: "Feeds of the catalog, by state.",
		}, []string{"state"}),
		lost: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "newswatch_feeds_lost_items_total", Help: "Items seen in damaged feeds that nothing could be made of.",
		}),
	}
	for _, o := range []string{pollNew, pollNothing, pollSame, pollNotModified, pollFailed, pollBusy, pollHeld, pollUnsaved} {
		m.polls.WithLabelValues(o)
	}
	for _, r := range []string{itemNew, itemAgain, itemKnown, itemTrimmed, itemRefused} {
		m.items.WithLabelValues(r)
	}
	for _, s := range []string{StateNew, StateOK, StateFailing} {
		m.feeds.WithLabelValues(s)
	}
	reg.MustRegister(m.polls, m.items, m.lag, m.feeds, m.lost)
	return m
}
