package fetch

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/textproto"
	"net/url"
	"strings"
	"time"

	"code.dny.dev/ssrf"
)

// A Class names what went wrong. It is a word for logs, metrics and the
// problems of an article.
type Class string

// The classes of errors.
const (
	ClassDNS        Class = "dns"          // the name has no address, or can't be looked up now
	ClassConnect    Class = "connect"      // no connection, or it broke
	ClassTLS        Class = "tls"          // no trust, or no agreement
	ClassTimeout    Class = "timeout"      // not done in time
	ClassPrivate    Class = "private"      // a private address, or a port that is not allowed
	ClassTooBig     Class = "too_big"      // body or headers over their cap
	ClassRatio      Class = "ratio"        // a body that unpacks to far more than was sent
	ClassEncoding   Class = "encoding"     // a body that can't be unpacked
	ClassProtocol   Class = "protocol"     // an answer that is not HTTP
	ClassType       Class = "content_type" // a body of a kind the request does not want
	ClassRedirects  Class = "redirects"    // too many, or one that leads nowhere
	ClassScheme     Class = "scheme"       // not an http or https address
	ClassRobots     Class = "robots"       // robots.txt says no, or can't be had now
	ClassHTTPStatus Class = "http_status"  // any answer but success and 304
	ClassBlocked    Class = "blocked"      // a challenge page
	ClassCanceled   Class = "canceled"     // the caller gave up
	ClassBusy       Class = "busy"         // the host's turn is too far away: a BusyError
)

// classes is every class, for metrics.
var classes = []Class{
	ClassDNS, ClassConnect, ClassTLS, ClassTimeout, ClassPrivate, ClassTooBig, ClassRatio, ClassEncoding,
	ClassProtocol, ClassType, ClassRedirects, ClassScheme, ClassRobots, ClassHTTPStatus, ClassBlocked, ClassCanceled, ClassBusy,
}

// An Error is why a request has no good answer.
type Error struct {
	Class      Class
	URL        string        // the address asked for at that hop, without its password
	Status     int           // of an HTTP answer; 0: none
	RetryAfter time.Duration // what the server asked for; 0: nothing
	MediaType  string        // of the body that was refused, for [ClassType]
	Err        error         // the cause; may be nil
	temporary  bool
}

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("fetch")
	if e.URL != "" {
		b.WriteString(" " + e.URL)
	}
	b.WriteString(": " + string(e.Class))
	if e.Status != 0 {
		fmt.Fprintf(&b, " %d %s", e.Status, http.StatusText(e.Status))
	}
	if e.Err != nil {
		b.WriteString(": " + e.Err.Error())
	}
	return b.String()
}

func (e *Error) Unwrap() error { return e.Err }

// Temporary says whether the same request may well succeed soon: a time-out, a
// broken connection, a server that is overloaded.
func (e *Error) Temporary() bool {
	switch e.Class {
	case ClassTimeout, ClassConnect, ClassProtocol, ClassCanceled:
		return true
	case ClassHTTPStatus:
		return e.Status >= 500 || e.Status == http.StatusTooManyRequests ||
			e.Status == http.StatusRequestTimeout || e.Status == http.StatusTooEarly
	}
	return e.temporary
}

// A BusyError says that the host's turn is further away than the request
// wanted to wait, and when to ask again. Those turned away are told different
// times, so that they do not come back together.
type BusyError struct {
	Host string
	Wait time.Duration
}

func (e *BusyError) Error() string {
	return fmt.Sprintf("fetch: %s is busy for %v", e.Host, e.Wait.Round(time.Millisecond))
}

// Temporary is always true.
func (e *BusyError) Temporary() bool { return true }

// ClassOf is the class of an error of this package, or empty.
func ClassOf(err error) Class {
	var e *Error
	var b *BusyError
	switch {
	case errors.As(err, &e):
		return e.Class
	case errors.As(err, &b):
		return ClassBusy
	}
	return ""
}

// grade gives the error of a hop its class.
func (c *Client) grade(ctx context.Context, u *url.URL, err error) error {
	e := &Error{URL: u.Redacted(), Err: err}
	var (
		already *Error
		dns     *net.DNSError
		timeout interface{ Timeout() bool }
	)
	switch {
	case errors.As(err, &already):
		already.URL = e.URL
		return already
	case ctx.Err() != nil && !errors.Is(ctx.Err(), context.DeadlineExceeded):
		e.Class = ClassCanceled
	case errors.Is(err, ssrf.ErrProhibitedIP), errors.Is(err, ssrf.ErrProhibitedPort),
		errors.Is(err, ssrf.ErrProhibitedNetwork), errors.Is(err, ssrf.ErrInvalidHostPort):
		e.Class = ClassPrivate
	case errors.As(err, &dns):
		e.Class, e.temporary = ClassDNS, !dns.IsNotFound
	case isTLS(err):
		e.Class = ClassTLS
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		e.Class = ClassTimeout
	case hasAny(err, "server response headers exceeded", "header list larger"):
		e.Class = ClassTooBig // net/http has no type for it
	case isProtocol(err):
		e.Class = ClassProtocol
	default:
		e.Class = ClassConnect
	}
	return e
}

// isProtocol says whether the server's answer broke the rules of HTTP, for
// which net/http has mostly texts and no types.
func isProtocol(err error) bool {
	var header textproto.ProtocolError
	return errors.As(err, &header) || errors.Is(err, http.ErrLineTooLong) || hasAny(err, "malformed", "chunk", "1xx", "Content-Length", "ransfer encoding",
		"http2: ", "stream error: ", "connection error: ")
}

func hasAny(err error, parts ...string) bool {
	text := err.Error()
	for _, p := range parts {
		if strings.Contains(text, p) {
			return true
		}
	}
	return false
}

func isTLS(err error) bool {
	var (
		cert    *tls.CertificateVerificationError
		header  tls.RecordHeaderError
		alert   tls.AlertError
		unknown x509.UnknownAuthorityError
		name    x509.HostnameError
	)
	return errors.As(err, &cert) || errors.As(err, &header) || errors.As(err, &alert) ||
		errors.As(err, &unknown) || errors.As(err, &name) || strings.Contains(err.Error(), "tls: ")
}
