package fetch

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"code.dny.dev/ssrf"
)

// Config says who asks, how often, and for how much. Zero fields mean their
// defaults.
type Config struct {
	Version string `yaml:"-"`       // of the program, for the User-Agent
	Contact string `yaml:"contact"` // address of a page about this installation, for the User-Agent

	Gap     time.Duration `yaml:"gap"`      // between two starts on one host; default 5s
	AtOnce  int           `yaml:"at_once"`  // requests at once to one host; default 2
	MaxWait time.Duration `yaml:"max_wait"` // longest wait for a host's turn; default 30s

	DialTimeout time.Duration `yaml:"dial_timeout"` // to connect, TLS apart; default 10s
	Timeout     time.Duration `yaml:"timeout"`      // from the first byte sent to the last byte read, over all hops; default 30s

	MaxBytes int64    `yaml:"max_bytes"` // of a decoded body; default 15 MiB
	MaxRatio int      `yaml:"max_ratio"` // of decoded to received bytes, after the first MiB; default 100
	Ports    []uint16 `yaml:"ports"`     // that may be connected to; default 80, 443, 8080, 8443

	// Proxy is the address of a proxy, or "env" for the one the environment
	// names; empty: none, whatever the environment says. Behind a proxy the
	// guard against private networks is the proxy's task: it makes the
	// connections.
	Proxy string `yaml:"proxy"`

	// OnHold is told of a host that asked to be left alone (Retry-After), in the
	// form of a URL's host, and until when. Nil: nobody is.
	OnHold func(host string, until time.Time) `yaml:"-"`

	// Resolver looks names up; nil: the system's.
	Resolver *net.Resolver `yaml:"-"`

	// Dial makes the connections of requests that may reach private networks,
	// so that a test can have a network of its own; nil: the system's. Those of
	// other requests are always made, and guarded, here.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error) `yaml:"-"`
}

func (c Config) withDefaults() Config {
	def := func(d *time.Duration, v time.Duration) {
		if *d <= 0 {
			*d = v
		}
	}
	def(&c.Gap, 5*time.Second)
	def(&c.MaxWait, 30*time.Second)
	def(&c.DialTimeout, 10*time.Second)
	def(&c.Timeout, 30*time.Second)
	if c.AtOnce <= 0 {
		c.AtOnce = 2
	}
	if c.MaxBytes <= 0 {
		c.MaxBytes = 15 << 20
	}
	if c.MaxRatio <= 0 {
		c.MaxRatio = 100
	}
	if len(c.Ports) == 0 {
		c.Ports = []uint16{80, 443, 8080, 8443}
	}
	if c.Version == "" {
		c.Version = "dev"
	}
	if c.Contact == "" {
		c.Contact = "https://github.com/newswatch/newswatch"
	}
	return c
}

// userAgent says who asks and where to complain. Pretending to be a browser
// gets HTML where a feed was asked for.
func (c Config) userAgent() string {
	return fmt.Sprintf("%s/%s (+%s)", agentName, c.Version, c.Contact)
}

func (c Config) proxy() (proxyFunc, error) {
	switch c.Proxy {
	case "":
		return nil, nil
	case "env":
		return http.ProxyFromEnvironment, nil
	}
	u, err := url.Parse(c.Proxy)
	if err != nil || u.Host == "" {
		return nil, fmt.Errorf("fetch: proxy: want an address such as http://proxy:3128")
	}
	return http.ProxyURL(u), nil
}

// guardedDialer refuses, when connecting and so after the name was looked up,
// every address that is not public: a name can't be rebound between a check
// and the connection.
func guardedDialer(cfg Config) *net.Dialer {
	d := openDialer(cfg)
	if cfg.Proxy == "" {
		d.Control = ssrf.New(ssrf.WithPorts(cfg.Ports...)).Safe
	}
	return d
}

func openDialer(cfg Config) *net.Dialer {
	return &net.Dialer{Timeout: cfg.DialTimeout, KeepAlive: 30 * time.Second, Resolver: cfg.Resolver}
}

// dialContext connects names under localhost to loopback without asking a
// resolver, as RFC 6761 §6.3 says of them; the dialer's guard still decides
// whether loopback may be reached. Other names are looked up by r, or by the
// dialer where that is nil.
func dialContext(d *net.Dialer, r *resolver) dialFunc {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		host, port, err := net.SplitHostPort(addr)
		if err == nil && strings.HasSuffix("."+strings.TrimSuffix(strings.ToLower(host), "."), ".localhost") {
			addr = net.JoinHostPort("127.0.0.1", port)
		} else if err == nil && r != nil {
			return r.dial(ctx, d, network, host, port)
		}
		return d.DialContext(ctx, network, addr)
	}
}

// NewHTTPClient is a plain client for addresses that users of newswatch chose,
// such as those of webhooks: it refuses private networks unless private is
// true, allows every port, and follows no redirects. Deadlines are the
// caller's.
func NewHTTPClient(cfg Config, private bool) (*http.Client, error) {
	cfg = cfg.withDefaults()
	proxy, err := cfg.proxy()
	if err != nil {
		return nil, err
	}
	d := openDialer(cfg)
	if private {
		proxy = nil
	} else if cfg.Proxy == "" {
		d.Control = ssrf.New(ssrf.WithAnyPort()).Safe
	}
	t := newTransport(cfg, dialContext(d, nil), proxy)
	t.DisableCompression = false // nobody here decodes the answers
	return &http.Client{
		Transport:     t,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, nil
}

// IsPrivate says whether addr is one that only requests with AllowPrivate may
// reach.
func IsPrivate(addr netip.Addr) bool { return ssrf.New(ssrf.WithAnyPort()).SafeAddr(addr) != nil }
