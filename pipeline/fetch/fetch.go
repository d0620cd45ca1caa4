// Package fetch is the one HTTP client for addresses that others chose: feeds,
// article pages, robots.txt.
//
// In goes a [Request], out comes a [Response] with its body decoded and within
// its caps, or an [*Error] whose class says what went wrong, or a [*BusyError]
// where the host's turn is too far away. The client keeps three promises: it
// reaches no private network unless the request allows it, it reads no more
// than its caps, and it asks no host more often than politeness permits.
package fetch

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/net/idna"
)

// A Request asks for one address.
type Request struct {
	URL          string
	ETag         string        // sent as If-None-Match, byte for byte
	LastModified string        // sent as If-Modified-Since, byte for byte
	Accept       string        // empty: anything
	MaxBytes     int64         // most bytes of the decoded body; 0: the default
	AllowPrivate bool          // the address may be on a private network, on any port
	Gap          time.Duration // least time between two starts on the host; 0: the default, a nanosecond: none
	AtOnce       int           // most requests at once to the host; 0: the default
	Robots       bool          // ask the host's robots.txt first, and keep its Crawl-delay
	HTTP1        bool          // without HTTP/2, whatever the host offers
	UserAgent    string        // in place of the client's own, and whose first word the rules of robots.txt are for
	Proxy        string        // address of a proxy that makes the connections, and guards them; empty: the client's way
	MaxWait      time.Duration // longest wait for the host's turn; 0: the default, less than 0: none

	// Only says of a media type, lower case and empty where there is none,
	// whether a body of it is wanted; others are refused unread. Nil: all are.
	Only func(mediaType string) bool
}

// A Response is what the last hop answered.
type Response struct {
	Status       int
	Proto        string // HTTP/1.1, HTTP/2.0
	URL          string // the final address, without credentials: links are resolved against it
	Header       http.Header
	Body         []byte // decoded; of an error status at most its first 64 KiB
	ETag         string // byte for byte
	LastModified string // byte for byte
	NotModified  bool   // 304: the copy the validators belong to is still good
	Redirects    []Redirect
	RetryAfter   time.Duration // of 429 and 503, at most a day; 0: none
	Took         time.Duration // over all hops, without the wait for the hosts' turns
	Charset      string        // of the Content-Type header, lower case; empty: none
	ContentType  string        // media type of the Content-Type header, lower case
}

// A Redirect is one hop.
type Redirect struct {
	From   string
	To     string
	Status int
}

const (
	// maxRedirects is what browsers and crawlers of feeds are known to need
	// at most, with room: RFC 9309 §2.3.1.2 asks for five.
	maxRedirects = 5
	// maxURL is the longest address followed.
	maxURL = 2048
	// maxHeaders and maxHeaderBytes bound what a server may send before its body.
	maxHeaders     = 1000
	maxHeaderBytes = 256 << 10
	// maxErrorBody is how much is read of an answer nobody asked for: enough to
	// name a challenge page, and to use the connection again.
	maxErrorBody = 64 << 10
	// maxRetryAfter caps what a server may ask for (88 hours have been seen).
	maxRetryAfter = 24 * time.Hour
)

// A Client fetches. It is safe for use by many goroutines.
type Client struct {
	lg      *slog.Logger
	cfg     Config
	guarded pool              // refuses private networks when connecting
	private pool              // for requests that allow them; never shares a connection with guarded
	proxied pool              // for requests with a proxy of their own
	http1   *recall[struct{}] // hosts whose HTTP/2 is broken
	hosts   *hosts
	robots  *robots
	metrics *metrics
	agent   string
	now     func() time.Time
}

// New makes a client. Zero fields of the config mean their defaults.
func New(lg *slog.Logger, reg prometheus.Registerer, cfg Config) (*Client, error) {
	cfg = cfg.withDefaults()
	c := &Client{
		lg:      lg.With("component", "fetch"),
		cfg:     cfg,
		hosts:   newHosts(time.Now),
		http1:   newRecall[struct{}](http1Hosts, time.Now),
		robots:  newRobots(time.Now),
		metrics: newMetrics(reg),
		agent:   cfg.userAgent(),
		now:     time.Now,
	}
	c.hosts.onHold = cfg.OnHold
	proxy, err := cfg.proxy()
	if err != nil {
		return nil, err
	}
	names := newResolver(cfg, time.Now)
	dial := cfg.Dial
	if dial == nil {
		dial = dialContext(openDialer(cfg), names)
	}
	c.guarded = newPool(cfg, dialContext(guardedDialer(cfg), names), proxy)
	c.private = newPool(cfg, dial, nil)
	c.proxied = newPool(cfg, dial, requestProxy)
	return c, nil
}

// Close drops the idle connections.
func (c *Client) Close() {
	c.guarded.closeIdle()
	c.private.closeIdle()
	c.proxied.closeIdle()
}

// Get fetches req.URL, following redirects. The error is an [*Error] or a
// [*BusyError]. Where a server answered, and what it answered was no good, the
// response is returned beside the error; its body is then only a part.
func (c *Client) Get(ctx context.Context, req Request) (*Response, error) {
	c.metrics.inFlight.Inc()
	defer c.metrics.inFlight.Dec()
	resp, err := c.get(ctx, req)
	class := classOf(resp, err)
	c.metrics.requests.WithLabelValues(class).Inc()
	if resp != nil {
		c.metrics.seconds.Observe(resp.Took.Seconds())
		c.metrics.bytes.Add(float64(len(resp.Body)))
	}
	return resp, err
}

func (c *Client) get(ctx context.Context, req Request) (*Response, error) {
	u, err := parseURL(req.URL)
	if err != nil {
		return nil, err
	}
	var (
		slot      *slot
		redirects []Redirect
		took      time.Duration
		patience  = c.patience(req)
	)
	defer func() { slot.release() }()
	for {
		// One turn covers the hops that stay on a host; another host has its
		// own turn, and the first is given back before waiting for it, so that
		// two hosts that point at each other can't block one another.
		if slot == nil || slot.host.name != hostKey(u) {
			slot.release()
			slot = nil
			began := c.now()
			if slot, err = c.hosts.acquire(ctx, hostKey(u), c.turn(req), patience); err != nil {
				return nil, c.waitError(ctx, u, err)
			}
			patience -= c.now().Sub(began)
		}
		if req.Robots {
			if err := c.allowed(ctx, u, req, slot.host); err != nil {
				return nil, err
			}
		}
		began := c.now()
		resp, next, err := c.hop(ctx, u, req, c.cfg.Timeout-took)
		took += c.now().Sub(began)
		if resp != nil {
			resp.Redirects, resp.Took = redirects, took
			slot.host.answered(resp, c.now(), c.hosts)
		}
		if err != nil || next == nil {
			return resp, err
		}
		redirects = append(redirects, Redirect{From: u.Redacted(), To: next.Redacted(), Status: resp.Status})
		if len(redirects) > maxRedirects {
			return nil, &Error{Class: ClassRedirects, URL: u.Redacted(), Err: fmt.Errorf("more than %d redirects", maxRedirects)}
		}
		u = next
	}
}

// ask makes one request. ctx carries the deadline of the hop; caller, the one
// it was made from, tells a time-out from a caller that gave up.
func (c *Client) ask(ctx, caller context.Context, t *http.Transport, u *url.URL, req Request) (*Response, *url.URL, error) {
	r, err := c.newRequest(ctx, u, req)
	if err != nil {
		return nil, nil, &Error{Class: ClassScheme, URL: u.Redacted(), Err: err}
	}
	hr, err := t.RoundTrip(r)
	if err != nil {
		return nil, nil, c.grade(caller, u, err)
	}
	defer func() { _ = hr.Body.Close() }()
	if countHeaders(hr.Header) > maxHeaders {
		return nil, nil, &Error{Class: ClassTooBig, URL: u.Redacted(), Err: fmt.Errorf("more than %d headers", maxHeaders)}
	}
	resp := newResponse(u, hr, c.now())
	if next, err := redirectTarget(u, hr); err != nil || next != nil {
		drain(hr.Body)
		return resp, next, err
	}
	switch {
	case hr.StatusCode == http.StatusNotModified:
		resp.NotModified = true
		return resp, nil, nil
	case hr.StatusCode < 200 || hr.StatusCode > 299:
		return resp, nil, c.statusError(u, hr, resp)
	}
	if req.Only != nil && !req.Only(resp.ContentType) {
		return resp, nil, &Error{Class: ClassType, URL: u.Redacted(), MediaType: resp.ContentType,
			Err: fmt.Errorf("%q is not wanted", resp.ContentType)}
	}
	limit := req.MaxBytes
	if limit == 0 {
		limit = c.cfg.MaxBytes
	}
	if resp.Body, err = readBody(hr, limit, c.cfg.MaxRatio); err != nil {
		return resp, nil, c.grade(caller, u, err)
	}
	if by := challenger(hr, resp.ContentType, resp.Body); by != "" {
		return resp, nil, blocked(u, hr, resp, by)
	}
	return resp, nil, nil
}

func blocked(u *url.URL, hr *http.Response, resp *Response, by string) *Error {
	return &Error{Class: ClassBlocked, URL: u.Redacted(), Status: hr.StatusCode, RetryAfter: resp.RetryAfter,
		Err: fmt.Errorf("a challenge page of %s stands before it", by)}
}

func (c *Client) newRequest(ctx context.Context, u *url.URL, req Request) (*http.Request, error) {
	if req.Proxy != "" {
		proxy, err := url.Parse(req.Proxy)
		if err != nil || proxy.Host == "" {
			return nil, errors.New("its proxy is not an address such as http://proxy:3128")
		}
		ctx = context.WithValue(ctx, proxyKey{}, proxy)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, err
	}
	// The credentials of an address are sent to that address only: they are
	// part of it, and a redirect's target has its own or none.
	if u.User != nil {
		password, _ := u.User.Password()
		r.SetBasicAuth(u.User.Username(), password)
	}
	accept := req.Accept
	if accept == "" {
		accept = "*/*"
	}
	r.Header.Set("Accept", accept)
	r.Header.Set("Accept-Encoding", acceptEncoding)
	r.Header.Set("User-Agent", cmp.Or(req.UserAgent, c.agent))
	if req.ETag != "" {
		r.Header.Set("If-None-Match", req.ETag)
	}
	if req.LastModified != "" {
		r.Header.Set("If-Modified-Since", req.LastModified)
	}
	return r, nil
}

func (c *Client) patience(req Request) time.Duration {
	if req.MaxWait == 0 {
		return c.cfg.MaxWait
	}
	return max(req.MaxWait, 0)
}

func (c *Client) turn(req Request) turn {
	t := turn{gap: req.Gap, atOnce: req.AtOnce, robots: req.Robots}
	if t.gap <= 0 {
		t.gap = c.cfg.Gap
	}
	if t.atOnce <= 0 {
		t.atOnce = c.cfg.AtOnce
	}
	return t
}

// waitError is the error of a turn that did not come.
func (c *Client) waitError(ctx context.Context, u *url.URL, err error) error {
	if ctx.Err() != nil {
		return &Error{Class: ClassCanceled, URL: u.Redacted(), Err: ctx.Err()}
	}
	return err
}

func (c *Client) statusError(u *url.URL, hr *http.Response, resp *Response) error {
	// What can't be decoded of an error page is not worth an error of its own.
	resp.Body, _ = readBody(hr, maxErrorBody, 0)
	if by := challenger(hr, resp.ContentType, resp.Body); by != "" {
		return blocked(u, hr, resp, by)
	}
	return &Error{Class: ClassHTTPStatus, URL: u.Redacted(), Status: hr.StatusCode, RetryAfter: resp.RetryAfter}
}

func newResponse(u *url.URL, hr *http.Response, now time.Time) *Response {
	bare := *u
	bare.User = nil
	resp := &Response{
		Status:       hr.StatusCode,
		Proto:        hr.Proto,
		URL:          bare.String(),
		Header:       hr.Header,
		ETag:         hr.Header.Get("Etag"),
		LastModified: hr.Header.Get("Last-Modified"),
	}
	if hr.StatusCode == http.StatusTooManyRequests || hr.StatusCode == http.StatusServiceUnavailable {
		resp.RetryAfter = retryAfter(hr.Header.Get("Retry-After"), now)
	}
	// A bad parameter leaves the media type readable: ErrInvalidMediaParameter.
	mt, params, err := mime.ParseMediaType(hr.Header.Get("Content-Type"))
	if err == nil || errors.Is(err, mime.ErrInvalidMediaParameter) {
		resp.ContentType = mt
		resp.Charset = strings.ToLower(strings.Trim(params["charset"], `"' `))
	}
	return resp
}

// redirectTarget is where the answer leads, or nil.
func redirectTarget(u *url.URL, hr *http.Response) (*url.URL, error) {
	switch hr.StatusCode {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther,
		http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
	default:
		return nil, nil
	}
	loc := hr.Header.Get("Location")
	if loc == "" {
		return nil, &Error{Class: ClassRedirects, URL: u.Redacted(), Status: hr.StatusCode, Err: errors.New("redirect without a Location")}
	}
	ref, err := url.Parse(strings.TrimSpace(loc))
	if err != nil {
		return nil, &Error{Class: ClassRedirects, URL: u.Redacted(), Status: hr.StatusCode, Err: errors.New("redirect to an address that can't be read")}
	}
	next, err := parseURL(u.ResolveReference(ref).String())
	if err != nil {
		return nil, err
	}
	// Credentials never cross hosts, and never leave TLS.
	if next.User == nil && u.User != nil && next.Host == u.Host && (next.Scheme == u.Scheme || next.Scheme == "https") {
		next.User = u.User
	}
	return next, nil
}

// parseURL reads an address that may be fetched at all.
func parseURL(raw string) (*url.URL, error) {
	u, err := url.Parse(strings.TrimSpace(raw))
	if err != nil {
		// url.Error repeats the address, with its credentials.
		return nil, &Error{Class: ClassScheme, Err: errors.New("not an address")}
	}
	u.Scheme = strings.ToLower(u.Scheme)
	if u.Scheme != "http" && u.Scheme != "https" {
		return nil, &Error{Class: ClassScheme, URL: u.Redacted(), Err: errors.New("only http and https are fetched")}
	}
	if u.Hostname() == "" {
		return nil, &Error{Class: ClassScheme, URL: u.Redacted(), Err: errors.New("no host")}
	}
	if len(raw) > maxURL {
		return nil, &Error{Class: ClassScheme, URL: u.Scheme + "://" + u.Host + "/…", Err: fmt.Errorf("longer than %d bytes", maxURL)}
	}
	if err := lowerHost(u); err != nil {
		return nil, err
	}
	u.Fragment, u.RawFragment = "", ""
	return u, nil
}

// lowerHost gives the host the form that all its spellings share: lower case,
// ASCII (RFC 5891), without the dot of the root.
func lowerHost(u *url.URL) error {
	host, port := strings.TrimSuffix(strings.ToLower(u.Hostname()), "."), u.Port()
	if strings.ContainsFunc(host, func(r rune) bool { return r >= utf8.RuneSelf }) {
		ascii, err := idna.Lookup.ToASCII(host)
		if err != nil {
			return &Error{Class: ClassScheme, URL: u.Redacted(), Err: errors.New("a host name that can't be")}
		}
		host = ascii
	}
	switch {
	case host == "":
		return &Error{Class: ClassScheme, URL: u.Redacted(), Err: errors.New("no host")}
	case port != "":
		u.Host = net.JoinHostPort(host, port)
	case strings.Contains(host, ":"):
		u.Host = "[" + host + "]"
	default:
		u.Host = host
	}
	return nil
}

// hostKey is what politeness counts by: the host, and its port where that is
// not the scheme's own. http and https are one host.
func hostKey(u *url.URL) string {
	switch u.Port() {
	case "", "80", "443":
		return u.Hostname()
	default:
		return u.Host
	}
}

// retryAfter reads a Retry-After header (RFC 9110 §10.2.3): seconds or a date.
func retryAfter(v string, now time.Time) time.Duration {
	v = strings.TrimSpace(v)
	if v == "" {
		return 0
	}
	if d, err := time.ParseDuration(v + "s"); err == nil {
		return min(max(d, 0), maxRetryAfter)
	}
	if t, err := http.ParseTime(v); err == nil {
		return min(max(t.Sub(now), 0), maxRetryAfter)
	}
	return 0
}

func countHeaders(h http.Header) (n int) {
	for _, vs := range h {
		n += len(vs)
	}
	return n
}

// drain reads what is left of a short body, so that its connection can be used
// again; a long one costs less to drop.
func drain(r io.Reader) { _, _ = io.CopyN(io.Discard, r, maxErrorBody) }
