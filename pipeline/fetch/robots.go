package fetch

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/temoto/robotstxt"
	"golang.org/x/sync/singleflight"
)

// agentName is the product token of the User-Agent and of robots.txt.
const agentName = "newswatch"

const (
	maxRobots   = 500 << 10      // RFC 9309 §2.5: at least this much must be read
	robotsFresh = 24 * time.Hour // RFC 9309 §2.4: a copy is used no longer
	robotsRetry = 10 * time.Minute
	robotsHosts = 20_000 // rules kept at most
)

var errDisallowed = errors.New("robots.txt disallows it")

// robots keeps the rules of hosts.
type robots struct {
	known *recall[rules]
	group singleflight.Group
}

// rules is what a host's robots.txt says to us.
type rules struct {
	group *robotstxt.Group // nil: everything is allowed
	err   error            // it could not be had: nothing is allowed for now
	until time.Time
}

func newRobots(now func() time.Time) *robots {
	return &robots{known: newRecall[rules](robotsHosts, now)}
}

// allowed asks the rules of u's host, fetching them under the turn that the
// request holds already: once a day, one request more.
func (c *Client) allowed(ctx context.Context, u *url.URL, req Request, h *host) error {
	origin := u.Scheme + "://" + u.Host
	key := origin
	if req.UserAgent != "" {
		key += " " + product(req.UserAgent)
	}
	ru, ok := c.robots.known.get(key)
	if !ok {
		flight := key
		if req.AllowPrivate {
			flight = "private " + key
		}
		v, _, _ := c.robots.group.Do(flight, func() (any, error) {
			ru := c.fetchRobots(ctx, origin, req)
			if ctx.Err() == nil { // a caller that gave up says nothing about the host
				c.robots.known.put(key, ru, ru.until)
			}
			return ru, nil
		})
		ru = v.(rules)
	}
	if ru.err != nil {
		return &Error{Class: ClassRobots, URL: u.Redacted(), Err: ru.err, temporary: true}
	}
	if ru.group == nil {
		return nil
	}
	c.hosts.setDelay(h, ru.group.CrawlDelay)
	if !ru.group.Test(u.RequestURI()) {
		return &Error{Class: ClassRobots, URL: u.Redacted(), Err: errDisallowed}
	}
	return nil
}

// product is the product token of a User-Agent, by which robots.txt names it.
func product(agent string) string {
	if i := strings.IndexAny(agent, "/ ("); i > 0 {
		return agent[:i]
	}
	return agent
}

// fetchRobots reads a host's robots.txt as RFC 9309 §2.3.1 wants it: a 4xx
// allows everything; a 5xx, or no answer, nothing until it can be had. A 429
// is counted with the latter: the host asks for less, not for everything.
func (c *Client) fetchRobots(ctx context.Context, origin string, of Request) rules {
	req := Request{
		URL: origin + "/robots.txt", AllowPrivate: of.AllowPrivate, MaxBytes: maxRobots, Accept: "text/plain, */*;q=0.5",
		HTTP1: of.HTTP1, UserAgent: of.UserAgent, Proxy: of.Proxy,
	}
	u, err := parseURL(req.URL)
	if err != nil {
		return rules{err: err, until: c.now().Add(robotsRetry)}
	}
	budget := c.cfg.Timeout
	for range maxRedirects + 1 {
		began := c.now()
		resp, next, err := c.hop(ctx, u, req, budget)
		budget -= c.now().Sub(began)
		if next != nil && err == nil {
			u = next
			continue
		}
		return c.readRobots(u, product(cmp.Or(req.UserAgent, agentName)), resp, err)
	}
	// RFC 9309 §2.3.1.2: too many redirects count as no robots.txt.
	return rules{until: c.now().Add(robotsFresh)}
}

func (c *Client) readRobots(u *url.URL, agent string, resp *Response, err error) rules {
	now := c.now()
	var e *Error
	if errors.As(err, &e) {
		switch {
		case e.Class == ClassHTTPStatus && e.Status >= 400 && e.Status < 500 && e.Status != http.StatusTooManyRequests,
			e.Class == ClassBlocked, e.Class == ClassRedirects:
			return rules{until: now.Add(robotsFresh)}
		case e.Class == ClassTooBig && resp != nil:
			// Its first part is what counts, up to the last whole line.
			resp.Body, err = resp.Body[:bytes.LastIndexByte(resp.Body, '\n')+1], nil
		default:
			return rules{err: fmt.Errorf("robots.txt can't be had: %w", err), until: now.Add(max(robotsRetry, e.RetryAfter))}
		}
	}
	if err != nil {
		return rules{err: err, until: now.Add(robotsRetry)}
	}
	data, err := robotstxt.FromBytes(resp.Body)
	if err != nil {
		// A file that can't be read as rules, often an HTML page, holds none.
		c.lg.Debug("robots.txt is not readable", "url", u.Redacted(), "error", err)
		return rules{until: now.Add(robotsFresh)}
	}
	return rules{group: data.FindGroup(agent), until: now.Add(robotsFresh)}
}
