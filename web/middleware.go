package web

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/klauspost/compress/gzhttp"
	"github.com/prometheus/client_golang/prometheus"
)

// csp lets pages load from this server only, without inline script or style.
const csp = "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

// wrap puts round the routes what holds for every request, outermost first:
// what is counted must see every refusal, and a panic must be answered before
// compression closes its writer.
func (s *Server) wrap(routes http.Handler) http.Handler {
	h := s.recovered(routes)
	h = compressed(h)
	h = s.limited(h)
	h = s.sameOrigin(h)
	h = s.authenticated(h)
	h = s.hostChecked(h)
	h = s.hooked(h)
	h = withHeaders(h)
	return s.observed(h)
}

// metrics of the server. Areas: page, api, ops; classes: 2xx, 3xx, 4xx, 5xx.
type metrics struct {
	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
	panics   prometheus.Counter
}

func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "newswatch_web_requests_total",
			Help: "Requests answered, by area and class of status.",
		}, []string{"area", "class"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "newswatch_web_request_duration_seconds",
			Help:    "Time from a request's header to the end of its answer.",
			Buckets: []float64{.001, .005, .02, .1, .5, 2, 10, 60},
		}, []string{"area"}),
		panics: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "newswatch_web_panics_total",
			Help: "Requests that ended in a panic.",
		}),
	}
	reg.MustRegister(m.requests, m.duration, m.panics)
	for _, area := range []string{"page", "api", "ops"} {
		m.duration.WithLabelValues(area)
		for _, class := range []string{"2xx", "3xx", "4xx", "5xx"} {
			m.requests.WithLabelValues(area, class)
		}
	}
	return m
}

func area(path string) string {
	switch {
	case strings.HasPrefix(path, apiPrefix+"/"):
		return "api"
	case path == "/livez" || path == "/readyz" || path == "/metrics" || path == "/openapi.json":
		return "ops"
	default:
		return "page"
	}
}

// A recorder remembers what was answered.
type recorder struct {
	http.ResponseWriter
	status int
	bytes  int64
}

func (r *recorder) WriteHeader(status int) {
	if r.status == 0 && status >= 200 { // 1xx are no answer yet
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(b []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	n, err := r.ResponseWriter.Write(b)
	r.bytes += int64(n)
	return n, err
}

// Flush sends what is buffered on its way.
func (r *recorder) Flush() {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	// A writer that can't flush has nothing buffered.
	_ = http.NewResponseController(r.ResponseWriter).Flush()
}

// Unwrap is for http.ResponseController.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// observed counts, times and logs each request.
func (s *Server) observed(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := s.now()
		rec := &recorder{ResponseWriter: w}
		defer func() {
			if rec.status == 0 {
				rec.status = http.StatusOK
			}
			took := s.now().Sub(start)
			class := string('0'+byte(rec.status/100)) + "xx"
			s.metrics.requests.WithLabelValues(area(r.URL.Path), class).Inc()
			s.metrics.duration.WithLabelValues(area(r.URL.Path)).Observe(took.Seconds())
			s.lg.Debug("request",
				"method", r.Method, "path", r.URL.Path, "status", rec.status,
				"bytes", rec.bytes, "took_ms", took.Milliseconds(), "remote", r.RemoteAddr)
		}()
		next.ServeHTTP(rec, r)
	})
}

func withHeaders(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", csp)
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		next.ServeHTTP(w, r)
	})
}

// hostChecked refuses names that were rebound to this machine (DNS rebinding).
// With a token there is no need: a foreign page does not have it.
func (s *Server) hostChecked(next http.Handler) http.Handler {
	if s.token != "" || s.cfg.Listen != "" && !loopbackAddr(s.cfg.Listen) {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/livez" && !trustedHost(r.Host) {
			s.fail(w, r, http.StatusMisdirectedRequest,
				"This server answers to localhost and loopback addresses only. To reach it by another name, configure a token.")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// authenticated asks for the token, where there is one.
func (s *Server) authenticated(next http.Handler) http.Handler {
	if s.token == "" {
		return next
	}
	// Digests are of one length, so that comparing them tells nothing of the token's.
	want := sha256.Sum256([]byte(s.token))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/livez" {
			next.ServeHTTP(w, r)
			return
		}
		got := sha256.Sum256([]byte(requestToken(r)))
		if subtle.ConstantTimeCompare(got[:], want[:]) == 1 {
			next.ServeHTTP(w, r)
			return
		}
		w.Header().Add("WWW-Authenticate", `Basic realm="newswatch", charset="UTF-8"`)
		w.Header().Add("WWW-Authenticate", "Bearer")
		s.fail(w, r, http.StatusUnauthorized, "A token is needed: as “Authorization: Bearer …”, or as the password.")
	})
}

// takesAway says whether a request is for a feed or a file of a search. Those
// may carry the token in the query: many feed readers and spreadsheets know no
// other way. They change nothing, and queries are not logged.
func takesAway(r *http.Request) bool {
	return r.Method == http.MethodGet && (strings.HasPrefix(r.URL.Path, "/feeds/search.") || strings.HasPrefix(r.URL.Path, "/export/search."))
}

func requestToken(r *http.Request) string {
	if _, pass, ok := r.BasicAuth(); ok {
		return pass
	}
	if takesAway(r) {
		if tok := r.URL.Query().Get("token"); tok != "" {
			return tok
		}
	}
	scheme, tok, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if strings.EqualFold(scheme, "Bearer") {
		return strings.TrimSpace(tok)
	}
	return ""
}

// sameOrigin refuses changes that another site's page asks for.
func (s *Server) sameOrigin(next http.Handler) http.Handler {
	protection := http.NewCrossOriginProtection()
	protection.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.fail(w, r, http.StatusForbidden, "A page of another site may not change anything here.")
	}))
	return protection.Handler(next)
}

// streaming says whether a request's body is a stream without end in sight.
func streaming(r *http.Request) bool {
	switch r.URL.Path {
	case apiPrefix + "/articles", apiPrefix + "/tag", apiPrefix + "/extract", apiPrefix + "/backup":
		return r.Method == http.MethodPost
	}
	return strings.HasPrefix(r.URL.Path, "/export/")
}

// limited bounds the time of a request. Writers that know no deadlines (tests)
// go without. The deadlines of an earlier request on the connection are
// replaced, never inherited.
func (s *Server) limited(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		limit := requestTimeout
		if streaming(r) {
			limit = s.streamLimit // lineReader and lineWriter move it on
		} else {
			ctx, cancel := context.WithTimeout(r.Context(), limit)
			defer cancel()
			r = r.WithContext(ctx)
		}
		rc := http.NewResponseController(w)
		if streaming(r) && r.Body == http.NoBody {
			// Nothing more is to come: a deadline would end a long answer.
			_ = rc.SetReadDeadline(time.Time{})
		} else {
			_ = rc.SetReadDeadline(time.Now().Add(limit))
		}
		_ = rc.SetWriteDeadline(time.Now().Add(limit))
		next.ServeHTTP(w, r)
	})
}

// compressed compresses what is worth it, except the streams, which must not
// wait for a buffer to fill, and the metrics, which compress themselves.
func compressed(next http.Handler) http.Handler {
	zipped := gzhttp.GzipHandler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if streaming(r) || r.URL.Path == "/metrics" {
			next.ServeHTTP(w, r)
			return
		}
		zipped.ServeHTTP(w, r)
	})
}

// recovered answers a panic with a 500, or cuts the connection where part of
// an answer is out already: half an answer must not look like a whole one.
func (s *Server) recovered(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rec := &recorder{ResponseWriter: w}
		defer func() {
			p := recover()
			if p == nil {
				return
			}
			if p == http.ErrAbortHandler { //nolint:errorlint // the value itself is the contract
				panic(p)
			}
			s.metrics.panics.Inc()
			s.lg.Error("panic in a request", "path", r.URL.Path, "panic", p, "stack", string(debug.Stack()))
			if rec.status != 0 {
				panic(http.ErrAbortHandler)
			}
			s.fail(rec, r, http.StatusInternalServerError, "Something went wrong inside; the log says what.")
		}()
		next.ServeHTTP(rec, r)
	})
}
