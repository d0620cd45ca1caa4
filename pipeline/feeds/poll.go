package feeds

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"time"

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
	// saveWait bounds the writing of a state at the end.
	saveWait = 10 * time.Second
	// maxItemBytes is where an item's content is left out: a message of the bus
	// has a bound, and the page has the content too.
	maxItemBytes = 512 << 10
	// maxJitter bounds what is added to a Retry-After: feeds that were all told
	// the same second must not come back together.
	maxJitter = time.Hour
)

const acceptFeeds = "application/atom+xml, application/rss+xml, application/rdf+xml, application/feed+json, " +
	"application/xml;q=0.9, text/xml;q=0.8, application/json;q=0.7, */*;q=0.5"

// errHeld is that the stream, not the feed, is why a poll could not be finished.
var errHeld = errors.New("feeds: items not stored")

// poll asks the feed once and returns when it is due next.
func (p *Poller) poll(ctx context.Context, f *feed, src *catalog.Source, every time.Duration) time.Time {
	s, err := loadState(ctx, p.kv, f.url)
	if err != nil {
		if ctx.Err() == nil {
			p.lg.Warn("feed state not readable", "url", f.url, "error", err)
		}
		return p.now().Add(p.cfg.FullWait)
	}
	began := p.now()
	distrust := f.first && p.cfg.Distrust
	req := fetch.Request{
		URL: f.url, Accept: acceptFeeds, AllowPrivate: src.AllowPrivate,
		Gap: time.Duration(src.Gap), AtOnce: src.AtOnce, MaxWait: hostWait,
	}
	full := distrust || began.Sub(s.LastFull) >= fullEvery+spread(f.url, fullSpread)
	if !full {
		req.ETag, req.LastModified = string(s.ETag), string(s.LastModified)
	}
	resp, err := p.client.Get(ctx, req)
	var busy *fetch.BusyError
	switch {
	case ctx.Err() != nil:
		return began // nobody's failure: the end has come
	case errors.As(err, &busy):
		p.metrics.polls.WithLabelValues(pollBusy).Inc()
		return p.now().Add(busy.Wait + time.Millisecond)
	case err != nil:
		return p.failed(ctx, f, &s, every, resp, err)
	case resp.NotModified && req.ETag == "" && req.LastModified == "":
		return p.failed(ctx, f, &s, every, resp, &fetch.Error{Class: fetch.ClassHTTPStatus, URL: f.url, Status: http.StatusNotModified,
			Err: errors.New("not modified, to a question without a condition")})
	}
	outcome := pollNotModified
	if !resp.NotModified {
		outcome, err = p.take(ctx, f, src, &s, resp, distrust)
		if err != nil {
			return p.notTaken(ctx, f, &s, every, resp, err)
		}
	}
	return p.good(ctx, f, &s, every, resp, full, outcome)
}

// take publishes what is new in a body. It returns without an error only when
// every item of it is stored and confirmed.
func (p *Poller) take(ctx context.Context, f *feed, src *catalog.Source, s *state, resp *fetch.Response, distrust bool) (outcome string, err error) {
	sum := sha256.Sum256(resp.Body)
	hash := hex.EncodeToString(sum[:16])
	if hash == s.BodyHash && !distrust {
		return pollSame, nil
	}
	parsed, err := p.parseBody(ctx, resp, ParseOptions{Feed: f.url, Lang: src.Lang, Now: p.now().UTC()})
	if err != nil {
		return "", err
	}
	known := s.Hashes.set()
	doc := make([]uint64, 0, len(parsed.Items))
	fresh := 0
	// The oldest first: feeds list the newest first, and what happened first is
	// to be stored first.
	for i := len(parsed.Items) - 1; i >= 0; i-- {
		it := &parsed.Items[i]
		stamp(it, src)
		h := itemHash(it)
		doc = append(doc, h)
		if known[h] && !distrust {
			continue
		}
		n, err := p.put(ctx, it, known[h])
		if err != nil {
			return "", fmt.Errorf("%w: %s: %w", errHeld, it.Key, err)
		}
		fresh += n
	}
	s.Hashes = s.Hashes.with(doc)
	s.BodyHash = hash
	s.Seen += int64(fresh)
	s.Format, s.Title, s.Repair = parsed.Format, parsed.Title, parsed.Repairs
	s.measure(parsed, p.now())
	p.metrics.lost.Add(float64(parsed.Lost))
	if fresh == 0 {
		return pollNothing, nil
	}
	return pollNew, nil
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
	it.GapMS, it.AtOnce = int(time.Duration(src.Gap).Milliseconds()), src.AtOnce
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

// good records an answer that was of use. It runs after every item has been
// stored and confirmed, and never before: were the validators kept first and
// the power lost, the server would answer 304 to the next poll, and the items
// would be lost although they stand in the feed.
func (p *Poller) good(ctx context.Context, f *feed, s *state, every time.Duration, resp *fetch.Response, full bool, outcome string) time.Time {
	now := p.now()
	if !resp.NotModified {
		// Those of this answer or none: old ones belong to another body.
		s.ETag, s.LastModified = []byte(resp.ETag), []byte(resp.LastModified)
	} else {
		// RFC 9111 §4.3.4: a 304 may bring newer ones.
		if resp.ETag != "" {
			s.ETag = []byte(resp.ETag)
		}
		if resp.LastModified != "" {
			s.LastModified = []byte(resp.LastModified)
		}
	}
	if full {
		s.LastFull = now
	}
	s.LastPoll, s.LastGood, s.Failures, s.Status, s.Class, s.Error = now, now, 0, resp.Status, "", ""
	next := p.schedule(s, s.interval(every, now, p.cfg), 0)
	if !p.keep(ctx, f, s) {
		outcome = pollUnsaved
	}
	p.metrics.polls.WithLabelValues(outcome).Inc()
	return next
}

// notTaken is a body whose items could not all be stored, by the fault of the
// feed or of the stream.
func (p *Poller) notTaken(ctx context.Context, f *feed, s *state, every time.Duration, resp *fetch.Response, err error) time.Time {
	if !errors.Is(err, errHeld) && ctx.Err() == nil {
		return p.failed(ctx, f, s, every, resp, err)
	}
	// The state is left as it was: without the new validators the next poll
	// gets the same body, and what was stored of it is refused.
	if ctx.Err() == nil {
		p.metrics.polls.WithLabelValues(pollHeld).Inc()
		p.lg.Warn("items not stored, will try again", "url", f.url, "error", err)
	}
	return p.hold(f)
}

// hold stops all polls for a while, since the stream is every feed's, and this
// feed for longer with each time: its publisher is asked for the same body
// again.
func (p *Poller) hold(f *feed) time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	p.pause = now.Add(p.cfg.FullWait)
	f.held++
	return now.Add(min(p.cfg.FullWait<<min(f.held-1, 10), max(maxHold, p.cfg.FullWait)))
}

// failed records a poll without use. Validators and hashes stay: they belong
// to the last good body.
func (p *Poller) failed(ctx context.Context, f *feed, s *state, every time.Duration, resp *fetch.Response, err error) time.Time {
	now := p.now()
	var weight float64
	s.Class, weight = grade(err)
	s.Failures += weight
	s.LastPoll, s.Error, s.Status = now, clip(err.Error(), 500), 0
	var wait time.Duration
	if resp != nil {
		s.Status, wait = resp.Status, resp.RetryAfter
	}
	next := p.schedule(s, s.backoff(every, now, p.cfg), wait)
	p.keep(ctx, f, s)
	p.metrics.polls.WithLabelValues(pollFailed).Inc()
	p.lg.Info("poll failed", "url", f.url, "class", s.Class, "failures", s.Failures, "next", next, "error", err)
	return next
}

// grade is the class of a failure and its weight: what will hardly mend
// itself counts whole, what may be over soon little.
func grade(err error) (class string, weight float64) {
	var fe *fetch.Error
	switch {
	case errors.Is(err, ErrHTML):
		return "html", 1
	case errors.Is(err, ErrNotFeed):
		return "not_feed", 1
	case errors.Is(err, ErrTooDeep):
		return "too_deep", 1
	case errors.Is(err, ErrBroken):
		return "broken", 0.5
	case !errors.As(err, &fe):
		return "other", 0.5
	case fe.Class == fetch.ClassDNS && fe.Temporary():
		return string(fe.Class), 0.25
	case fe.Temporary():
		return string(fe.Class), 0.5
	default:
		return string(fe.Class), 1
	}
}

// schedule sets when the feed is due: after the interval, give or take a
// twentieth, and not before what the server asked for.
func (p *Poller) schedule(s *state, interval, retryAfter time.Duration) time.Time {
	now := p.now()
	d := time.Duration(float64(interval) * (0.95 + 0.1*p.random()))
	if retryAfter > 0 {
		d = max(d, retryAfter+time.Duration(p.random()*float64(min(retryAfter/4, maxJitter))))
	}
	s.Interval, s.Next = interval, now.Add(d)
	return s.Next
}

// keep stores the state, at the end too: its items are stored, so it is true.
func (p *Poller) keep(ctx context.Context, f *feed, s *state) bool {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), saveWait)
	defer cancel()
	err := s.save(ctx, p.kv)
	if err != nil {
		p.lg.Error("feed state not stored", "url", f.url, "error", err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	f.brief = *s
	f.brief.Hashes = nil
	f.held = 0
	if err == nil && s.Error == "" {
		f.first = false
	}
	return err == nil
}
