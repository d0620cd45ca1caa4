package jet

import (
	"errors"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

// Results of handling a message, the values of the label "result".
const (
	resultOK         = "ok"         // acknowledged
	resultRetry      = "retry"      // failed, will be tried again
	resultLater      = "later"      // asked to come again, or the bus stopped
	resultDead       = "dead"       // set aside
	resultSuperseded = "superseded" // a retry whose message was replaced meanwhile
)

func results() []string {
	return []string{resultOK, resultRetry, resultLater, resultDead, resultSuperseded}
}

// metrics are per stage, that is per durable consumer.
type metrics struct {
	handled  *prometheus.CounterVec
	duration *prometheus.HistogramVec
	inFlight *prometheus.GaugeVec
	pending  *prometheus.GaugeVec
	lag      *prometheus.GaugeVec
}

func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	stage := []string{"stage"}
	m := &metrics{
		handled: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "newswatch_stage_handled_total",
			Help: "Messages whose handling came to a result: ok, retry, later, dead or superseded.",
		}, []string{"stage", "result"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "newswatch_stage_duration_seconds",
			Help:    "Time from the start of handling a message, or of writing a batch, to its result.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60},
		}, stage),
		inFlight: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "newswatch_stage_in_flight",
			Help: "Messages this process has been handed and not settled.",
		}, stage),
		pending: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "newswatch_stage_pending",
			Help: "Messages stored and not yet handed to the stage.",
		}, stage),
		lag: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "newswatch_stage_lag_seconds",
			Help: "Age of the oldest message the stage has not settled.",
		}, stage),
	}
	var err error
	if m.handled, err = register(reg, m.handled); err != nil {
		return nil, err
	}
	if m.duration, err = register(reg, m.duration); err != nil {
		return nil, err
	}
	for _, g := range []**prometheus.GaugeVec{&m.inFlight, &m.pending, &m.lag} {
		if *g, err = register(reg, *g); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// register registers c, or takes the one an earlier node of this process
// registered.
func register[T prometheus.Collector](reg prometheus.Registerer, c T) (T, error) {
	err := reg.Register(c)
	if dup, ok := errors.AsType[prometheus.AlreadyRegisteredError](err); ok {
		if old, ok := dup.ExistingCollector.(T); ok {
			return old, nil
		}
	}
	if err != nil {
		return c, fmt.Errorf("jet metrics: %w", err)
	}
	return c, nil
}

// stage makes the stage's series exist from the start.
func (m *metrics) stage(name string) {
	for _, r := range results() {
		m.handled.WithLabelValues(name, r)
	}
	m.duration.WithLabelValues(name)
	m.inFlight.WithLabelValues(name)
	m.pending.WithLabelValues(name)
	m.lag.WithLabelValues(name)
}
