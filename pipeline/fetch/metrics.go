package fetch

import "github.com/prometheus/client_golang/prometheus"

// Classes of requests that went well.
const (
	classOK          = "ok"
	classNotModified = "not_modified"
)

type metrics struct {
	requests *prometheus.CounterVec
	bytes    prometheus.Counter
	seconds  prometheus.Histogram
	inFlight prometheus.Gauge
}

func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "newswatch_fetch_requests_total",
			Help: "Requests for foreign addresses, by how they ended.",
		}, []string{"class"}),
		bytes: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "newswatch_fetch_bytes_total",
			Help: "Bytes of bodies read, unpacked.",
		}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "newswatch_fetch_seconds",
			Help:    "Time from asking to the last byte, over all hops.",
			Buckets: []float64{.01, .03, .1, .3, 1, 3, 10, 30},
		}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "newswatch_fetch_in_flight_requests",
			Help: "Requests under way or waiting for their host's turn.",
		}),
	}
	m.requests.WithLabelValues(classOK)
	m.requests.WithLabelValues(classNotModified)
	for _, c := range classes {
		m.requests.WithLabelValues(string(c))
	}
	reg.MustRegister(m.requests, m.bytes, m.seconds, m.inFlight)
	return m
}

func classOf(resp *Response, err error) string {
	switch {
	case err != nil:
		return string(ClassOf(err))
	case resp.NotModified:
		return classNotModified
	default:
		return classOK
	}
}
