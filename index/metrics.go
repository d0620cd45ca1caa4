package index

import "github.com/prometheus/client_golang/prometheus"

// Results of writes and searches, as label values.
const (
	resultOK      = "ok"
	resultError   = "error"
	resultPartial = "partial"

	writePut     = "put"     // new or newer
	writeSame    = "same"    // known already
	writeStale   = "stale"   // older than what is known
	writeRemoved = "removed" // another document of the key
	writeExpired = "expired" // past the time it is kept, and not there
)

// metrics are newswatch_index_*.
type metrics struct {
	articles   *prometheus.CounterVec // result: put, same, stale, removed, expired
	writes     *prometheus.CounterVec // result: ok, error
	searches   *prometheus.CounterVec // result: ok, partial, error
	searchable prometheus.Histogram
	durable    prometheus.Histogram
	search     prometheus.Histogram
	reopened   prometheus.Counter
	stalled    prometheus.Counter
	sealed     prometheus.Counter
	unsealed   prometheus.Counter
	damaged    prometheus.Counter
	reindexed  prometheus.Counter
	retired    prometheus.Counter
	recoveries prometheus.Counter
	recovered  prometheus.Counter
	lost       prometheus.Gauge
	stopped    prometheus.Gauge
	free       prometheus.Gauge
	documents  prometheus.Gauge
	bytes      prometheus.Gauge
	partitions prometheus.Gauge
	sick       prometheus.Gauge
}

func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{
		articles: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "newswatch_index_articles_total",
			Help: "Articles handed in, by what became of them.",
		}, []string{"result"}),
		writes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "newswatch_index_batches_total",
			Help: "Batches handed in, by result.",
		}, []string{"result"}),
		searches: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "newswatch_index_searches_total",
			Help: "Searches, by result.",
		}, []string{"result"}),
		searchable: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "newswatch_index_searchable_seconds",
			Help:    "Time from a batch being handed in to its being searchable.",
			Buckets: prometheus.ExponentialBuckets(0.005, 2, 12),
		}),
		durable: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "newswatch_index_durable_seconds",
			Help:    "Time from a batch being searchable to its being durable and acknowledged.",
			Buckets: prometheus.ExponentialBuckets(0.01, 2, 12),
		}),
		search: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "newswatch_index_search_seconds",
			Help:    "Time a search took.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 2, 14),
		}),
		reopened: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "newswatch_index_reopened_total",
			Help: "Times a stuck partition was opened anew.",
		}),
		stalled: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "newswatch_index_merger_stalled_total",
			Help: "Times the merger of a partition stood still, and the partition was opened anew.",
		}),
		sealed: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "newswatch_index_sealed_total",
			Help: "Times a partition past its time was sealed.",
		}),
		unsealed: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "newswatch_index_unsealed_total",
			Help: "Times a sealed partition was opened for a late write.",
		}),
		damaged: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "newswatch_index_scrub_damage_total",
			Help: "Times a scrub found a partition damaged.",
		}),
		retired: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "newswatch_index_retired_total",
			Help: "Articles that retention removed.",
		}),
		reindexed: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "newswatch_index_reindexed_total",
			Help: "Partitions made anew by the mapping of today.",
		}),
		recoveries: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "newswatch_index_recoveries_total",
			Help: "Times a damaged partition was made anew.",
		}),
		recovered: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "newswatch_index_recovered_articles_total",
			Help: "Articles recovered from the documents of damaged partitions.",
		}),
		lost: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "newswatch_index_lost_articles",
			Help: "Articles that damage of the last month took and neither documents nor stream have brought back.",
		}),
		stopped: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "newswatch_index_writing_stopped",
			Help: "1 while nothing is written because the disk is nearly full.",
		}),
		free: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "newswatch_index_disk_free_bytes",
			Help: "Bytes free on the disk of the index.",
		}),
		documents: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "newswatch_index_documents",
			Help: "Documents in the index.",
		}),
		bytes: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "newswatch_index_bytes",
			Help: "Bytes of the index on disk.",
		}),
		partitions: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "newswatch_index_partitions",
			Help: "Partitions of the index.",
		}),
		sick: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "newswatch_index_partitions_failing",
			Help: "Partitions that are down or can't be written to disk.",
		}),
	}
	reg.MustRegister(m.articles, m.writes, m.searches, m.searchable, m.durable, m.search,
		m.reopened, m.stalled, m.sealed, m.unsealed, m.damaged, m.reindexed, m.retired, m.recoveries, m.recovered, m.lost, m.stopped, m.free, m.documents, m.bytes, m.partitions, m.sick)
	for _, r := range []string{writePut, writeSame, writeStale, writeRemoved, writeExpired} {
		m.articles.WithLabelValues(r)
	}
	for _, r := range []string{resultOK, resultError} {
		m.writes.WithLabelValues(r)
	}
	for _, r := range []string{resultOK, resultPartial, resultError} {
		m.searches.WithLabelValues(r)
	}
	return m
}

// update sets the gauges.
func (m *metrics) update(ix *Index) {
	s := ix.Stats()
	sick := 0
	for _, p := range s.Partitions {
		if p.Error != "" {
			sick++
		}
	}
	lost := 0
	for _, r := range s.Recoveries {
		lost += r.Lost
	}
	m.lost.Set(float64(lost))
	m.documents.Set(float64(s.Documents))
	m.bytes.Set(float64(s.Bytes))
	m.partitions.Set(float64(len(s.Partitions)))
	m.sick.Set(float64(sick))
}
