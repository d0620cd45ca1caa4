package shards

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are newswatch_shards_* of an asker.
type metrics struct {
	hedged prometheus.Counter
	failed prometheus.Counter
}

func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{
		hedged: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "newswatch_shards_hedged_total",
			Help: "Questions asked of a second replica because the first took long.",
		}),
		failed: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "newswatch_shards_failed_total",
			Help: "Questions that a replica did not answer.",
		}),
	}
	reg.MustRegister(m.hedged, m.failed)
	return m
}

// watchRoster adds how many replicas of each shard can be asked.
func watchRoster(reg prometheus.Registerer, r *roster, shards int) {
	for shard := range shards {
		reg.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name:        "newswatch_shards_replicas",
			Help:        "Replicas of a shard that can be asked.",
			ConstLabels: prometheus.Labels{"shard": strconv.Itoa(shard)},
		}, func() float64 {
			n := 0
			for _, rep := range r.of(shard) {
				if rep.Live() {
					n++
				}
			}
			return float64(n)
		}))
	}
}

// holding is newswatch_shards_* of the copies of this process.
type holding struct {
	lag     *prometheus.GaugeVec
	ready   *prometheus.GaugeVec
	lacks   *prometheus.GaugeVec
	fetched *prometheus.CounterVec
}

// Why a copy was fetched from another replica.
const (
	whyNone  = "none"  // there was none
	whyLacks = "lacks" // it lacked articles that the stream holds no more
)

func newHolding(reg prometheus.Registerer) *holding {
	m := &holding{
		lag: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "newswatch_shards_lag",
			Help: "Articles in the stream that this process's copy of a shard lacks.",
		}, []string{"shard"}),
		ready: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "newswatch_shards_ready",
			Help: "Whether this process's copy of a shard can be asked and lacks little.",
		}, []string{"shard"}),
		lacks: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "newswatch_shards_lacks",
			Help: "Whether this process's copy of a shard lacks articles that the stream holds no more.",
		}, []string{"shard"}),
		fetched: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "newswatch_shards_fetched_total",
			Help: "Copies of a shard fetched from another replica: where there was none, or one that lacks articles for good.",
		}, []string{"shard", "why"}),
	}
	reg.MustRegister(m.lag, m.ready, m.lacks, m.fetched)
	return m
}

// set takes in how a copy does.
func (m *holding) set(shard int, state string, lag uint64) {
	label := strconv.Itoa(shard)
	ready := 0.0
	if state == StateReady {
		ready = 1
	}
	m.lag.WithLabelValues(label).Set(float64(lag))
	m.ready.WithLabelValues(label).Set(ready)
}

// lacking takes in whether a copy lacks articles for good.
func (m *holding) lacking(r Replica) {
	lacks := 0.0
	if r.Lacks {
		lacks = 1
	}
	m.lacks.WithLabelValues(strconv.Itoa(r.Shard)).Set(lacks)
}
