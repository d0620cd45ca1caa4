package warc

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// What became of a page, and why a segment was deleted: values of labels.
const (
	keptResponse = "response"
	keptRevisit  = "revisit"
	keptNot      = "not_kept"
	goneAge      = "age"
	goneSize     = "size"
)

type metrics struct {
	pages    *prometheus.CounterVec // result: response revisit not_kept
	deleted  *prometheus.CounterVec // reason: age size
	bytes    prometheus.Gauge
	segments prometheus.Gauge
	paused   prometheus.Gauge // 1: the disk takes no more
}

func newMetrics(reg prometheus.Registerer) *metrics {
	f := promauto.With(reg)
	m := &metrics{
		pages: f.NewCounterVec(prometheus.CounterOpts{
			Name: "newswatch_archive_pages_total",
			Help: "Pages handed to the archive, by what became of them.",
		}, []string{"result"}),
		deleted: f.NewCounterVec(prometheus.CounterOpts{
			Name: "newswatch_archive_segments_deleted_total",
			Help: "Segments deleted for their age or for the size of all.",
		}, []string{"reason"}),
		bytes: f.NewGauge(prometheus.GaugeOpts{
			Name: "newswatch_archive_bytes",
			Help: "Bytes of all segments.",
		}),
		segments: f.NewGauge(prometheus.GaugeOpts{
			Name: "newswatch_archive_segments",
			Help: "Segments there are.",
		}),
		paused: f.NewGauge(prometheus.GaugeOpts{
			Name: "newswatch_archive_paused",
			Help: "1 while no pages are kept because the disk is full or does not write.",
		}),
	}
	for _, r := range []string{keptResponse, keptRevisit, keptNot} {
		m.pages.WithLabelValues(r)
	}
	for _, r := range []string{goneAge, goneSize} {
		m.deleted.WithLabelValues(r)
	}
	return m
}
