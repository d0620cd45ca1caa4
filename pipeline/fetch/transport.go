package fetch

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"time"
)

// http1For is how long a host whose HTTP/2 is broken is spoken to in HTTP/1.1.
const http1For = 24 * time.Hour

// http1Hosts is how many such hosts are remembered.
const http1Hosts = 4096

// A pool is the connections of one kind of request, kept for as long as polls
// of a busy host are apart, with TLS sessions resumed where they are not.
type pool struct {
	best  *http.Transport // HTTP/2 with hosts that offer it
	http1 *http.Transport // for hosts whose HTTP/2 is broken
}

type (
	dialFunc  = func(ctx context.Context, network, addr string) (net.Conn, error)
	proxyFunc = func(*http.Request) (*url.URL, error)
)

func newPool(cfg Config, dial dialFunc, proxy proxyFunc) pool {
	p := pool{best: newTransport(cfg, dial, proxy), http1: newTransport(cfg, dial, proxy)}
	p.http1.Protocols = new(http.Protocols)
	p.http1.Protocols.SetHTTP1(true)
	return p
}

func newTransport(cfg Config, dial dialFunc, proxy proxyFunc) *http.Transport {
	return &http.Transport{
		Proxy:                  proxy,
		DialContext:            dial,
		ForceAttemptHTTP2:      true,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, ClientSessionCache: tls.NewLRUClientSessionCache(4096)},
		TLSHandshakeTimeout:    cfg.DialTimeout,
		MaxIdleConns:           1024,
		MaxIdleConnsPerHost:    2,
		IdleConnTimeout:        90 * time.Second,
		MaxResponseHeaderBytes: maxHeaderBytes,
		DisableCompression:     true, // decoded here, under caps
	}
}

func (p pool) closeIdle() {
	p.best.CloseIdleConnections()
	p.http1.CloseIdleConnections()
}

// proxyKey is where a request's context has the address of its own proxy.
type proxyKey struct{}

// requestProxy is the proxy of the request. A request without one is never sent
// here: nothing would guard its connection.
func requestProxy(r *http.Request) (*url.URL, error) {
	u, ok := r.Context().Value(proxyKey{}).(*url.URL)
	if !ok {
		return nil, errors.New("fetch: no proxy")
	}
	return u, nil
}

func (c *Client) pool(req Request) pool {
	if req.Proxy != "" {
		return c.proxied
	}
	if req.AllowPrivate {
		return c.private
	}
	return c.guarded
}

// hop asks one address once, and once more in HTTP/1.1 where HTTP/2 broke. A
// redirect is answered with the address it leads to.
func (c *Client) hop(ctx context.Context, u *url.URL, req Request, budget time.Duration) (*Response, *url.URL, error) {
	// The deadline ends the connect, the headers and the body alike: a server
	// that drips one byte a second is cut off by it.
	hopCtx, cancel := context.WithTimeout(ctx, max(budget, 0))
	defer cancel()
	p, key := c.pool(req), hostKey(u)
	if u.Scheme != "https" {
		return c.ask(hopCtx, ctx, p.best, u, req)
	}
	if _, ok := c.http1.get(key); ok || req.HTTP1 {
		return c.ask(hopCtx, ctx, p.http1, u, req)
	}
	var http2 bool
	traced := httptrace.WithClientTrace(hopCtx, &httptrace.ClientTrace{GotConn: func(got httptrace.GotConnInfo) {
		t, ok := got.Conn.(*tls.Conn)
		http2 = ok && t.ConnectionState().NegotiatedProtocol == "h2"
	}})
	resp, next, err := c.ask(traced, ctx, p.best, u, req)
	if !http2 || !broken(err) || hopCtx.Err() != nil {
		return resp, next, err
	}
	resp, next, err = c.ask(hopCtx, ctx, p.http1, u, req)
	if resp != nil { // only a host that does answer in HTTP/1.1 is better off with it
		c.lg.Info("http/2 is broken, http/1.1 is not", "host", key)
		c.http1.put(key, struct{}{}, c.now().Add(http1For))
	}
	return resp, next, err
}

// broken says whether an HTTP/2 connection failed by what the server sent, or
// by its end; refusals that the protocol knows (RFC 9113 §7) are no failure of
// it.
func broken(err error) bool {
	if class := ClassOf(err); class != ClassConnect && class != ClassProtocol {
		return false
	}
	text := err.Error()
	for _, code := range []string{"REFUSED_STREAM", "ENHANCE_YOUR_CALM", "ErrCode=NO_ERROR"} {
		if strings.Contains(text, code) {
			return false
		}
	}
	return true
}
