package feeds

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unique"

	"github.com/newswatch/newswatch/pipeline"
	"github.com/newswatch/newswatch/pipeline/catalog"
	"github.com/newswatch/newswatch/pipeline/fetch"
)

const (
	// hostWait is how long a poll waits for its host's turn before it gives its
	// own place to a feed of another host.
	hostWait = 2 * time.Second
	// maxHold is the longest pause of a feed whose items can't be stored.
	maxHold = 5 * time.Minute
	// maxItemBytes is where an item's content is left out: a message of the bus
	// has a bound, and the page has the content too.
	maxItemBytes = 512 << 10
	// maxJitter bounds what is added to a Retry-After: feeds that were all told
	// the same second must not come back together.
	maxJitter = time.Hour
	// maxPages is how many further pages of a feed are read when items may have
	// left the first one unseen, and pageWait the longest wait for the host's
	// turn for each.
	maxPages = 5
	pageWait = 30 * time.Second
	// leastCrowd is how many items without one that is known are suspicious.
	leastCrowd = 5
	// maxSuggestions is how many feeds are named that a page links to.
	maxSuggestions = 5
)

const acceptFeeds = "application/atom+xml, application/rss+xml, application/rdf+xml, application/feed+json, " +
	"application/xml;q=0.9, text/xml;q=0.8, application/json;q=0.7, */*;q=0.5"

// errHeld is that the stream, not the feed, is why a poll could not be finished.
var errHeld = errors.New("feeds: items not stored")

// A poll is one turn of a feed.
type poll struct {
	*Poller
	f        *feed
	src      *catalog.Source
	every    time.Duration
	s        *state
	req      fetch.Request
	full     bool // asked without a condition
	check    bool // asked at the address it has moved from
	distrust bool
}

// poll asks the feed once.
func (p *Poller) poll(ctx context.Context, f *feed, src *catalog.Source, every time.Duration) turn {
	s, err := p.obtain(ctx, f)
	if err != nil {
		if ctx.Err() == nil {
			p.lg.Warn("feed state not readable", "url", f.url, "error", err)
		}
		return turn{due: p.wall().Add(p.cfg.FullWait)}
	}
	q := &poll{Poller: p, f: f, src: src, every: every, s: s, distrust: f.first && p.cfg.Distrust}
	began := p.wall()
	if s.Began.IsZero() || s.Began.After(began) {
		s.Began = began
	}
	q.ask(began)
	resp, err := p.client.Get(ctx, q.req)
	var busy *fetch.BusyError
	switch {
	case ctx.Err() != nil:
		return turn{due: began} // nobody's failure: the end has come
	case errors.As(err, &busy):
		p.metrics.polls.WithLabelValues(pollBusy).Inc()
		return turn{due: p.wall().Add(busy.Wait + time.Millisecond)}
	case err != nil:
		return q.failed(ctx, resp, err)
	case resp.NotModified && q.full:
		return q.failed(ctx, resp, &fetch.Error{Class: fetch.ClassHTTPStatus, URL: f.url, Status: http.StatusNotModified,
			Err: errors.New("not modified, to a question without a condition")})
	}
	outcome := pollNotModified
	if !resp.NotModified {
		outcome, err = q.take(ctx, resp)
		switch {
		case err == nil:
		case errors.Is(err, errHeld) || ctx.Err() != nil:
			return q.hold(ctx, err)
		default:
			return q.failed(ctx, resp, err)
		}
	}
	return q.good(ctx, resp, outcome)
}

// ask makes the request.
func (q *poll) ask(now time.Time) {
	s := q.s
	q.req = fetch.Request{
		Accept: acceptFeeds, AllowPrivate: q.src.AllowPrivate,
		Gap: q.cfg.gapOf(q.src), AtOnce: q.cfg.atOnceOf(q.src), MaxWait: hostWait,
		HTTP1: q.src.HTTP1, UserAgent: q.src.UserAgent, Proxy: q.src.Proxy,
	}
	q.req.URL, q.check = s.ask(now)
	since := now.Sub(s.LastFull)
	// What a sitemap index lists changes without the index.
	lied := !s.Lied.IsZero() && now.Sub(s.Lied) < liesFor || s.Format == formatIndex
	// A time in the future is of a clock that was set back.
	if q.distrust || lied || since < 0 || since >= fullEvery+spread(q.f.url, fullSpread) {
		q.full = true
		return
	}
	q.req.ETag, q.req.LastModified = string(s.ETag), string(s.LastModified)
	q.full = q.req.ETag == "" && q.req.LastModified == ""
}

// take publishes what is new in a body. It returns without an error only when
// every item of it is stored and confirmed.
func (q *poll) take(ctx context.Context, resp *fetch.Response) (outcome string, err error) {
	s := q.s
	sum := sha256.Sum256(resp.Body)
	hash := hex.EncodeToString(sum[:16])
	if hash == s.BodyHash && !q.distrust && s.Format != formatIndex {
		return pollSame, nil
	}
	parsed, err := q.parseBody(ctx, resp, q.options())
	if err != nil {
		return "", err
	}
	if parsed.Format == formatIndex {
		if err := q.children(ctx, parsed); err != nil {
			return "", err
		}
	}
	push := q.push.Load()
	defer push.alone(q.f.url)()
	pushed := push.items(q.f.url)
	doc, fresh, n, err := q.publishNew(ctx, parsed, pushed)
	if err != nil {
		return "", err
	}
	push.polled(q.f.url, resp.Header, parsed, n)
	// Not one item known, and as many as ever: what was between may have left
	// the document unseen.
	s.Crowded = len(s.Hashes) > 0 && n == len(doc) && n >= max(leastCrowd, s.Listed)
	all := doc
	if s.Crowded {
		q.metrics.gaps.Inc()
		older, err := q.pages(ctx, parsed.Next, resp, pushed)
		if err != nil {
			return "", err
		}
		all = append(older, doc...)
	}
	q.lies(parsed, fresh, resp)
	now := q.wall()
	s.measure(parsed, func(i int) bool { return fresh[i] }, now)
	s.Hashes = s.Hashes.with(all)
	s.BodyHash = hash
	s.Format, s.Title, s.Repair = unique.Make(parsed.Format).Value(), parsed.Title, parsed.Repairs
	s.Hint = min(max(parsed.TTL, freshFor(resp, now)), q.cfg.MaxInterval)
	q.metrics.lost.Add(float64(parsed.Lost))
	if n == 0 {
		return pollNothing, nil
	}
	return pollNew, nil
}

// publishNew stores the items that are not known from polls or pushes, of which
// there are n. It answers the hashes of all, the oldest first, and which were
// not known from polls, in the document's order.
func (q *poll) publishNew(ctx context.Context, parsed *Parsed, pushed map[uint64]bool) (doc []uint64, fresh []bool, n int, err error) {
	known := q.s.Hashes.set()
	doc, fresh = make([]uint64, 0, len(parsed.Items)), make([]bool, len(parsed.Items))
	stored := int64(0)
	// The oldest first: feeds list the newest first, and what happened first is
	// to be stored first.
	for i := len(parsed.Items) - 1; i >= 0; i-- {
		it := &parsed.Items[i]
		stamp(it, q.src)
		q.hush(it)
		h := itemHash(it)
		doc = append(doc, h)
		fresh[i] = !known[h]
		if !known[h] && !pushed[h] {
			n++
		} else if !q.distrust {
			continue
		}
		put, err := q.put(ctx, it, known[h] || pushed[h])
		if err != nil {
			return nil, nil, 0, fmt.Errorf("%w: %s: %w", errHeld, it.Key, err)
		}
		stored += int64(put)
		if put > 0 && it.PublishedFrom == pipeline.DateFromFeed {
			q.metrics.delay.Observe(max(it.FirstSeen.Sub(it.Published), 0).Seconds())
		}
	}
	q.s.Seen += stored
	return doc, fresh, n, nil
}

// children reads the newest sitemaps of an index and makes their items the
// index's. One that can't be had is let be, unless none can.
func (q *poll) children(ctx context.Context, index *Parsed) error {
	var failed error
	listed := map[string]bool{}
	for _, u := range index.Sitemaps[:min(len(index.Sitemaps), maxPages)] {
		req := q.req
		req.URL, req.ETag, req.LastModified, req.MaxWait = u, "", "", pageWait
		resp, err := q.client.Get(ctx, req)
		var child *Parsed
		if err == nil {
			child, err = q.parseBody(ctx, resp, q.options())
		}
		if err != nil {
			failed = err
			q.lg.Info("sitemap of an index not read", "url", u, "error", err)
			continue
		}
		for _, it := range child.Items {
			if !listed[it.Key] {
				listed[it.Key] = true
				index.Items = append(index.Items, it)
			}
		}
	}
	if len(index.Items) == 0 {
		return failed
	}
	return nil
}

// pages reads further pages of the feed (RFC 5005 §3) until one has a known
// item. A page that can't be had is let be: the first one is what counts.
func (q *poll) pages(ctx context.Context, next string, first *fetch.Response, pushed map[uint64]bool) (older []uint64, err error) {
	known, seen := q.s.Hashes.set(), map[string]bool{first.URL: true}
	for range maxPages {
		if next == "" || seen[next] || hostOf(next) != hostOf(first.URL) {
			break
		}
		seen[next] = true
		req := q.req
		req.URL, req.ETag, req.LastModified, req.MaxWait = next, "", "", pageWait
		resp, err := q.client.Get(ctx, req)
		if err != nil {
			q.lg.Info("page of a feed not read", "url", next, "error", err)
			break
		}
		parsed, err := q.parseBody(ctx, resp, q.options())
		if err != nil {
			break //nolint:nilerr // a page that is no feed is let be
		}
		doc, _, _, err := q.publishNew(ctx, parsed, pushed)
		if err != nil {
			return nil, err
		}
		older = append(doc, older...)
		next = parsed.Next
		if slices.ContainsFunc(doc, func(h uint64) bool { return known[h] }) {
			break
		}
	}
	return older, nil
}

// lies finds out whether the answers before this one, 304 each, were untrue:
// there are new items behind the same validators, or one that was published
// between the last body and, with an hour for publishers who date ahead of
// publishing, the last 304.
func (q *poll) lies(parsed *Parsed, fresh []bool, resp *fetch.Response) {
	s := q.s
	if !q.full || s.Last304.IsZero() || q.distrust {
		return
	}
	same := resp.ETag != "" && resp.ETag == string(s.ETag) ||
		resp.ETag == "" && resp.LastModified != "" && resp.LastModified == string(s.LastModified)
	for i, is := range fresh {
		it := &parsed.Items[i]
		if is && (same || it.PublishedFrom == pipeline.DateFromFeed && it.Published.After(s.LastBody) &&
			it.Published.Before(s.Last304.Add(-time.Hour))) {
			s.Lied = q.wall()
			q.metrics.lies.Inc()
			q.lg.Warn("server answers 304 although there are new items", "url", q.f.url)
			return
		}
	}
}

// freshFor is how long the answer is to be believed, by its headers (RFC 9111
// §4.2.1); 0: they do not say.
func freshFor(resp *fetch.Response, now time.Time) time.Duration {
	for _, d := range strings.Split(resp.Header.Get("Cache-Control"), ",") {
		name, value, _ := strings.Cut(strings.ToLower(strings.TrimSpace(d)), "=")
		switch name {
		case "no-cache", "no-store":
			return 0
		case "max-age":
			n, err := strconv.ParseInt(strings.Trim(value, `"`), 10, 32)
			if err != nil {
				return 0
			}
			return max(time.Duration(n)*time.Second, 0)
		}
	}
	if t, err := http.ParseTime(resp.Header.Get("Expires")); err == nil {
		return max(t.Sub(now), 0)
	}
	return 0
}

// options is what is known of the feed: its items are the catalog's feed's,
// wherever it was found.
func (q *poll) options() ParseOptions {
	return ParseOptions{Feed: q.f.url, Lang: q.src.Lang, Now: q.wall().UTC()}
}

// parseBody parses, only a few at a time: gofeed takes some thirteen bytes of
// memory for each one it reads.
func (p *Poller) parseBody(ctx context.Context, resp *fetch.Response, opt ParseOptions) (*Parsed, error) {
	select {
	case p.parse <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-p.parse }()
	return Parse(resp.Body, resp.URL, resp.Header.Get("Content-Type"), opt)
}

// stamp puts on the item what the catalog knows of its source.
func stamp(it *pipeline.Item, src *catalog.Source) {
	it.Source, it.Country, it.Private = src.ID, src.Country, src.AllowPrivate
	it.HTTP1, it.UserAgent, it.Proxy = src.HTTP1, src.UserAgent, src.Proxy
	it.GapMS, it.AtOnce = int(time.Duration(src.Gap).Milliseconds()), src.AtOnce
}

// hush keeps what was published well before the feed was first polled from
// raising alerts; of an item without a date that is found out with its page.
func (q *poll) hush(it *pipeline.Item) {
	if q.cfg.QuietBefore < 0 {
		return
	}
	before := q.s.Began.Add(-q.cfg.QuietBefore)
	switch it.PublishedFrom {
	case pipeline.DateFromFirstSeen:
		it.QuietBefore = before.UTC()
	default:
		it.Quiet = it.Quiet || it.Published.Before(before)
	}
}

// put stores one item and returns how many were stored. ours is whether this
// feed has published it before.
//
// An item that is there although this feed never published it came from
// another feed. It is published once more, under a content digest of its own,
// so that this feed can be added to the article; the digest is made of the
// item's and the feed's address, so that this happens once per feed and
// version, whatever is forgotten or repeated.
func (p *Poller) put(ctx context.Context, it *pipeline.Item, ours bool) (int, error) {
	if len(it.HTML)+len(it.Text)+len(it.Summary) > maxItemBytes {
		trim(it)
		p.metrics.items.WithLabelValues(itemTrimmed).Inc()
	}
	err := p.publish(ctx, *it)
	if errors.Is(err, pipeline.ErrTooBig) {
		trim(it)
		if err = p.publish(ctx, *it); errors.Is(err, pipeline.ErrTooBig) {
			p.metrics.items.WithLabelValues(itemRefused).Inc()
			p.lg.Error("item too big to store", "url", it.URL, "feed", it.Feed, "key", it.Key)
			return 0, nil
		}
	}
	result := itemNew
	if errors.Is(err, pipeline.ErrExists) {
		if ours {
			p.metrics.items.WithLabelValues(itemKnown).Inc()
			return 0, nil
		}
		again := *it
		again.Content = pipeline.Digest8(it.Content, it.Feed)
		result, err = itemAgain, p.publish(ctx, again)
		if errors.Is(err, pipeline.ErrExists) {
			p.metrics.items.WithLabelValues(itemKnown).Inc()
			return 0, nil
		}
	}
	if err != nil {
		return 0, err
	}
	p.metrics.items.WithLabelValues(result).Inc()
	return 1, nil
}

// trim drops the content, which the page has too. Key and content digest stay
// what they were: they are the item's, whatever part of it could be stored.
func trim(it *pipeline.Item) {
	it.HTML, it.Text, it.Summary = "", "", clip(it.Summary, maxSummary)
}
