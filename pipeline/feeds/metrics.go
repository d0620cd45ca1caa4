package feeds

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/newswatch/newswatch/pipeline"
	"github.com/newswatch/newswatch/pipeline/fetch"
)

// How polls end.
const (
	pollNew         = "new"          // items were published
	pollNothing     = "nothing_new"  // a new body without new items
	pollSame        = "same_body"    // the body of last time
	pollNotModified = "not_modified" // 304
	pollFailed      = "failed"       // no answer, or none of use
	pollBusy        = "busy"         // the host's turn had not come
	pollHeld        = "held"         // the stream takes no more for now
	pollOffline     = "offline"      // this machine has no network
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
	delay prometheus.Histogram
	lost  prometheus.Counter

	failures *prometheus.CounterVec
	events   *prometheus.CounterVec
	broken   prometheus.Counter
	gaps     prometheus.Counter
	lies     prometheus.Counter
	feeds    *prometheus.GaugeVec
	states   [len(states)]prometheus.Gauge // of feeds
}

// state is the gauge of a state, given as its place in states.
func (m *metrics) state(i uint8) prometheus.Gauge { return m.states[i] }

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
		delay: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "newswatch_feeds_delay_seconds", Help: "Time from an item's publication, as its feed dates it, to its first sight.",
			Buckets: []float64{60, 300, 600, 1200, 1800, 3600, 7200, 21600, 86400},
		}),
		failures: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "newswatch_feeds_failures_total", Help: "Polls without use, by class of the error.",
		}, []string{"class"}),
		events: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "newswatch_feeds_events_total", Help: "Spells of failing and silence that were told of, and their ends.",
		}, []string{"kind"}),
		broken: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "newswatch_feeds_broken_hosts_total", Help: "Times a host was left alone because it was down.",
		}),
		gaps: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "newswatch_feeds_gaps_total", Help: "Documents without one known item, between which some may have gone unseen.",
		}),
		lies: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "newswatch_feeds_lies_total", Help: "Times a server was found to answer 304 although there were new items.",
		}),
		lost: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "newswatch_feeds_lost_items_total", Help: "Items seen in damaged feeds that nothing could be made of.",
		}),
	}
	for _, o := range []string{pollNew, pollNothing, pollSame, pollNotModified, pollFailed, pollBusy, pollHeld, pollOffline, pollUnsaved} {
		m.polls.WithLabelValues(o)
	}
	for _, r := range []string{itemNew, itemAgain, itemKnown, itemTrimmed, itemRefused} {
		m.items.WithLabelValues(r)
	}
	for i, s := range states {
		m.states[i] = m.feeds.WithLabelValues(s)
	}
	for _, c := range []fetch.Class{
		fetch.ClassDNS, fetch.ClassConnect, fetch.ClassTLS, fetch.ClassTimeout, fetch.ClassHTTPStatus, fetch.ClassBlocked,
		"html", "not_feed", "broken", classGone,
	} {
		m.failures.WithLabelValues(string(c))
	}
	for _, k := range []string{pipeline.FeedFailing, pipeline.FeedQuiet, pipeline.FeedRecovered} {
		m.events.WithLabelValues(k)
	}
	reg.MustRegister(m.polls, m.items, m.lag, m.delay, m.lost, m.failures, m.events, m.broken, m.gaps, m.lies, m.feeds)
	return m
}
