// Package web is what people and programs see of newswatch: pages that work
// without JavaScript, the JSON API under /api/v1 with its OpenAPI document,
// metrics and health.
//
// In go requests and the values behind the small interfaces of [Deps]; out come
// HTML, JSON and RFC 9457 problem documents. It owns no subjects and no keys.
// What comes from outside, which is nearly everything shown, is only ever text
// here: html/template escapes it, the one piece of HTML that is taken over (a
// snippet) is taken apart and escaped again, and a Content-Security-Policy
// without inline code stands behind both.
package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Config is how the server presents and protects itself.
type Config struct {
	// Listen is the address that is listened on. On loopback and without a
	// token, requests must name this machine in their Host header.
	Listen string `yaml:"listen,omitempty"`
	// Title stands at the head of every page; empty: newswatch.
	Title string `yaml:"title,omitempty"`
	// TokenFile holds the token every request but /livez must carry, as
	// "Authorization: Bearer …" or as the password of Basic; empty: none.
	TokenFile string `yaml:"token_file,omitempty"`

	Token   string `yaml:"-"` // the token itself, instead of TokenFile
	Version string `yaml:"-"` // of the program
}

// minToken is the least length of a token, in bytes: 16 characters of base64
// are 96 bits, beyond guessing over a network.
const minToken = 16

// AuthConfigured says whether requests must carry a token.
func (c Config) AuthConfigured() bool { return c.Token != "" || c.TokenFile != "" }

// token reads the token where it is in a file, and checks it.
func (c Config) token() (string, error) {
	if !c.AuthConfigured() {
		return "", nil
	}
	tok := c.Token
	if c.TokenFile != "" {
		b, err := os.ReadFile(c.TokenFile)
		if err != nil {
			return "", fmt.Errorf("web token_file: %w", err)
		}
		tok = strings.TrimSpace(string(b))
	}
	if len(tok) < minToken {
		return "", fmt.Errorf("web token: %d bytes, want at least %d", len(tok), minToken)
	}
	return tok, nil
}

// A Registry takes the server's metrics and gives all of them to /metrics.
type Registry interface {
	prometheus.Registerer
	prometheus.Gatherer
}

// A Server answers requests.
type Server struct {
	lg      *slog.Logger
	deps    Deps
	cfg     Config
	token   string
	metrics *metrics
	mux     *http.ServeMux
	api     huma.API
	openAPI []byte
	handler http.Handler
	now     func() time.Time

	streamLimit time.Duration // streamTimeout; a test has less patience
}

// New makes a server of the parts that run in this process.
func New(lg *slog.Logger, reg Registry, deps Deps, cfg Config) (*Server, error) {
	if cfg.Title == "" {
		cfg.Title = "newswatch"
	}
	tok, err := cfg.token()
	if err != nil {
		return nil, err
	}
	s := &Server{
		lg:      lg.With("component", "web"),
		deps:    deps,
		cfg:     cfg,
		token:   tok,
		metrics: newMetrics(reg),
		mux:     http.NewServeMux(),
		now:     time.Now,

		streamLimit: streamTimeout,
	}
	if err := s.routeAPI(); err != nil {
		return nil, err
	}
	s.routeOps(reg)
	s.routePages()
	s.handler = s.wrap(s.mux)
	return s, nil
}

// Handler is the whole server as one handler.
func (s *Server) Handler() http.Handler { return s.handler }

// routeOps adds what machines look after the process with.
func (s *Server) routeOps(reg prometheus.Gatherer) {
	s.mux.HandleFunc("GET /livez", s.livez)   // container runtimes, every few seconds, without token
	s.mux.HandleFunc("GET /readyz", s.readyz) // load balancers and people; ?verbose lists the checks
	s.mux.Handle("GET /metrics", promhttp.HandlerFor(reg, promhttp.HandlerOpts{}))
	s.mux.HandleFunc("GET /openapi.json", s.serveOpenAPI) // generators of clients, rarely
}

func (s *Server) livez(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	fmt.Fprintln(w, "ok")
}

func (s *Server) readyz(w http.ResponseWriter, r *http.Request) {
	var checks []Check
	if s.deps.Ready != nil {
		checks = s.deps.Ready(r.Context())
	}
	var lines strings.Builder
	status, word := http.StatusOK, "ok"
	for _, c := range checks {
		if c.Err != nil {
			status, word = http.StatusServiceUnavailable, "not ready"
			fmt.Fprintf(&lines, "[-] %s: %s\n", c.Name, strings.ReplaceAll(c.Err.Error(), "\n", " "))
			continue
		}
		fmt.Fprintf(&lines, "[+] %s ok\n", c.Name)
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	if r.URL.Query().Has("verbose") {
		fmt.Fprint(w, lines.String())
	}
	fmt.Fprintln(w, word)
}

// Times of the server. A request must be read and answered within
// requestTimeout; the streaming ones may go on as long as every single read
// and write ends within streamTimeout.
const (
	headerTimeout  = 10 * time.Second
	requestTimeout = 30 * time.Second
	streamTimeout  = time.Minute
	idleTimeout    = 2 * time.Minute
	stopTimeout    = 10 * time.Second
	maxHeaderBytes = 64 << 10
)

// Serve answers what comes in on ln until ctx is done; then it lets the
// requests under way finish for up to ten seconds and returns nil. It refuses a
// listener that CheckListen refuses.
func (s *Server) Serve(ctx context.Context, ln net.Listener) error {
	if err := CheckListen(ln.Addr().String(), s.token != ""); err != nil {
		return errors.Join(err, ln.Close())
	}
	srv := &http.Server{
		Handler:           s.handler,
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(s.lg.Handler(), slog.LevelDebug),
	}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(ln) }()
	select {
	case err := <-served:
		return fmt.Errorf("serve %s: %w", ln.Addr(), err)
	case <-ctx.Done():
	}
	// ctx is done, and the requests under way get their time all the same.
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	if err := srv.Shutdown(stop); err != nil {
		s.lg.Warn("requests cut off at stop", "error", err)
		srv.Close()
	}
	<-served
	return nil
}
