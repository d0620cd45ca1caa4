package feeds

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/newswatch/newswatch/pipeline/catalog"
	"github.com/newswatch/newswatch/pipeline/fetch"
)

const (
	// checkGap is between two requests of a check: somebody waits for the
	// answer, and a check is a few requests only.
	checkGap = 300 * time.Millisecond
	// maxTries is how many addresses a site is asked for feeds at.
	maxTries = 16
	// maxCheckPage is the most bytes read of a page to see that it can be.
	maxCheckPage = 4 << 20
)

// A Report is what a check of an address found, step by step.
type Report struct {
	URL     string `json:"url"`
	Usable  bool   `json:"usable"`            // it is a feed newswatch can follow
	Problem string `json:"problem,omitempty"` // why not, in words
	Advice  string `json:"advice,omitempty"`  // what to do about it

	Redirects    []fetch.Redirect `json:"redirects,omitempty"`
	Final        string           `json:"final,omitempty"` // where the last redirect led
	Status       int              `json:"status,omitempty"`
	Proto        string           `json:"proto,omitempty"`      // HTTP/1.1, HTTP/2.0
	UserAgent    string           `json:"user_agent,omitempty"` // it was asked under, where that is not newswatch's own
	Proxy        string           `json:"proxy,omitempty"`      // it was asked through
	ContentType  string           `json:"content_type,omitempty"`
	Bytes        int              `json:"bytes,omitempty"` // of the decoded body
	TookMS       int64            `json:"took_ms,omitempty"`
	ETag         string           `json:"etag,omitempty"`
	LastModified string           `json:"last_modified,omitempty"`
	Validators   string           `json:"validators,omitempty"` // what asking again with them gave: work, ignored, none, or in words

	Format   string        `json:"format,omitempty"`
	Title    string        `json:"title,omitempty"`
	Charset  string        `json:"charset,omitempty"`
	Explain  []string      `json:"explain,omitempty"` // what was found in the document and what was decided, a line each
	Repairs  []string      `json:"repairs,omitempty"`
	Items    int           `json:"items"`
	Dated    int           `json:"dated"`  // items with a date of their own
	Linked   int           `json:"linked"` // items with an address of their own
	Whole    int           `json:"whole"`  // items whose feed carries their content
	Newest   time.Time     `json:"newest,omitzero"`
	Oldest   time.Time     `json:"oldest,omitzero"`
	Lost     int           `json:"lost,omitempty"`
	Hub      string        `json:"hub,omitempty"`
	Self     string        `json:"self,omitempty"`
	TTL      time.Duration `json:"ttl_ns,omitempty"`
	Next     string        `json:"next,omitempty"` // the page with older items
	Sitemaps int           `json:"sitemaps,omitempty"`

	Page     string        `json:"page,omitempty"`      // of one item, asked under the rules for pages
	PageSays string        `json:"page_says,omitempty"` // what it answered: ok, or in words
	Interval time.Duration `json:"interval_ns,omitempty"`

	Feeds []Found `json:"feeds,omitempty"` // of a page: what may be feeds of its site, not asked
}

// Check asks the address as a poll would, were it a feed of the source, and says
// what it found. With config fields that are zero, the interval is that of the
// defaults.
func Check(ctx context.Context, client Fetcher, address string, src *catalog.Source, cfg Config) *Report {
	r := &Report{URL: address, UserAgent: src.UserAgent, Proxy: src.Proxy}
	c := checker{client: client, src: src}
	resp, parsed, err := c.ask(ctx, address)
	r.answer(resp)
	if err != nil {
		r.Problem, r.Advice = Plainly(err)
		if resp != nil && (errors.Is(err, ErrHTML) || errors.Is(err, ErrNotFeed)) {
			r.Feeds = Discover(resp.Body, resp.URL)
		}
		return r
	}
	r.document(parsed, resp, cfg.withDefaults())
	r.Usable = true
	c.validators(ctx, r, resp)
	c.page(ctx, r, parsed)
	return r
}

type checker struct {
	client Fetcher
	src    *catalog.Source // how it is asked
}

func (c checker) get(ctx context.Context, req fetch.Request) (*fetch.Response, error) {
	req.AllowPrivate, req.Gap = c.src.AllowPrivate, checkGap
	req.HTTP1, req.UserAgent, req.Proxy = c.src.HTTP1, c.src.UserAgent, c.src.Proxy
	return c.client.Get(ctx, req)
}

// ask fetches and parses. The response is nil where there was none.
func (c checker) ask(ctx context.Context, address string) (*fetch.Response, *Parsed, error) {
	resp, err := c.get(ctx, fetch.Request{URL: address, Accept: acceptFeeds})
	if err != nil {
		return resp, nil, err
	}
	parsed, err := Parse(resp.Body, resp.URL, resp.Header.Get("Content-Type"), ParseOptions{Feed: address})
	return resp, parsed, err
}

func (r *Report) answer(resp *fetch.Response) {
	if resp == nil {
		return
	}
	r.Redirects, r.Final, r.Status, r.Proto = resp.Redirects, resp.URL, resp.Status, resp.Proto
	r.ContentType, r.Bytes, r.TookMS = resp.Header.Get("Content-Type"), len(resp.Body), resp.Took.Milliseconds()
	r.ETag, r.LastModified = resp.ETag, resp.LastModified
}

func (r *Report) document(p *Parsed, resp *fetch.Response, cfg Config) {
	r.Format, r.Title, r.Charset, r.Explain, r.Repairs = p.Format, p.Title, p.Charset, p.Explain(), p.Repairs
	r.Items, r.Lost, r.Self, r.TTL, r.Next, r.Sitemaps = len(p.Items), p.Lost, p.Self, p.TTL, p.Next, len(p.Sitemaps)
	hub, self := links(resp.Header)
	r.Hub = p.Hub
	if hub != "" {
		r.Hub = hub
	}
	if self != "" {
		r.Self = self
	}
	for i := range p.Items {
		it := &p.Items[i]
		if it.URL != "" {
			r.Linked++
		}
		if it.HTML != "" || it.Text != "" {
			r.Whole++
		}
		if it.Published.IsZero() {
			continue
		}
		r.Dated++
		if it.Published.After(r.Newest) {
			r.Newest = it.Published
		}
		if r.Oldest.IsZero() || it.Published.Before(r.Oldest) {
			r.Oldest = it.Published
		}
	}
	now := time.Now()
	var s state
	s.measure(p, func(int) bool { return true }, now)
	s.LastGood = now
	r.Interval = s.interval(0, now, cfg)
}

// validators asks again with the validators the server gave.
func (c checker) validators(ctx context.Context, r *Report, first *fetch.Response) {
	if first.ETag == "" && first.LastModified == "" {
		r.Validators = "none"
		return
	}
	again, err := c.get(ctx, fetch.Request{URL: r.URL, Accept: acceptFeeds, ETag: first.ETag, LastModified: first.LastModified})
	switch {
	case err != nil:
		r.Validators, _ = Plainly(err)
	case again.NotModified:
		r.Validators = "work"
	case bytes.Equal(again.Body, first.Body):
		r.Validators = "ignored"
	default:
		r.Validators = "asked again, it gave another document"
	}
}

// page asks for the page of one item, as is done for articles.
func (c checker) page(ctx context.Context, r *Report, p *Parsed) {
	for i := range p.Items {
		if r.Page = p.Items[i].URL; r.Page != "" {
			break
		}
	}
	if r.Page == "" {
		return
	}
	_, err := c.get(ctx, fetch.Request{URL: r.Page, Robots: true, MaxBytes: maxCheckPage})
	if r.PageSays = "ok"; err != nil {
		r.PageSays, _ = Plainly(err)
	}
}

// A Candidate is a feed of a site that was asked and is one.
type Candidate struct {
	URL    string // as it is to be stored: where permanent redirects lead
	Title  string
	Format string
	Lang   string
	Home   string
	Why    string // how it was found
	Items  int
	Newest time.Time
}

// A Try is an address that was asked and is no feed.
type Try struct {
	URL    string
	Why    string // it was asked
	Result string // in words
}

// A Finding is what asking a site for its feeds gave.
type Finding struct {
	URL   string // that was asked first
	Feeds []Candidate
	Tried []Try
}

// Find asks an address, and where it is a page, what the page names as its
// feeds; the usual paths are tried only where it names none that is one. An
// address without a scheme is tried over https, then http. They are asked as the
// source says. There is no error: what went wrong is among the tries.
func Find(ctx context.Context, client Fetcher, address string, src catalog.Source) *Finding {
	c := checker{client: client, src: &src}
	address = strings.TrimSpace(address)
	f := &Finding{URL: address}
	first := []string{address}
	if !strings.Contains(address, "://") {
		first = []string{"https://" + address, "http://" + address}
	}
	var body []byte
	var base string
	for _, u := range first {
		f.URL = u
		resp, err := f.try(ctx, c, Found{URL: u, Why: "the address given"})
		if err == nil {
			f.Feeds[0].Why = WhyIsFeed
			return f
		}
		if resp != nil {
			body, base = resp.Body, resp.URL
			break
		}
	}
	if base == "" {
		return f // nobody answers: its other paths would not either
	}
	tries := 0
	for _, found := range Discover(body, base) {
		if found.Why == WhyWellKnown && len(f.Feeds) > 0 {
			break // guesses come last
		}
		if tries++; tries > maxTries || ctx.Err() != nil {
			break
		}
		_, _ = f.try(ctx, c, found) // it is noted there
	}
	return f
}

// try asks one address and notes what it is.
func (f *Finding) try(ctx context.Context, c checker, found Found) (*fetch.Response, error) {
	resp, parsed, err := c.ask(ctx, found.URL)
	if err != nil {
		said, _ := Plainly(err)
		f.Tried = append(f.Tried, Try{URL: found.URL, Why: found.Why, Result: said})
		return resp, err
	}
	cand := Candidate{
		URL: lasting(found.URL, resp.Redirects), Title: parsed.Title, Format: parsed.Format, Lang: parsed.Lang,
		Home: parsed.Home, Why: found.Why, Items: len(parsed.Items),
	}
	if cand.Title == "" {
		cand.Title = found.Title
	}
	for i := range parsed.Items {
		if t := parsed.Items[i].Published; t.After(cand.Newest) {
			cand.Newest = t
		}
	}
	for _, other := range f.Feeds {
		if other.URL == cand.URL {
			return resp, nil
		}
	}
	f.Feeds = append(f.Feeds, cand)
	return resp, nil
}

// lasting is where an address leads by permanent redirects alone.
func lasting(address string, hops []fetch.Redirect) string {
	for _, h := range hops {
		if h.Status != http.StatusMovedPermanently && h.Status != http.StatusPermanentRedirect {
			break
		}
		address = h.To
	}
	return address
}

// Plainly says in words why there are no items, and what can be done about it.
func Plainly(err error) (problem, advice string) {
	var (
		fe   *fetch.Error
		busy *fetch.BusyError
	)
	switch {
	case errors.As(err, &busy):
		return fmt.Sprintf("its host is to be left alone for %v", busy.Wait.Round(time.Second)), "Try again then."
	case errors.Is(err, ErrHTML):
		return "it is a page, not a feed", "`newswatch feeds add` finds the feeds of a page."
	case errors.Is(err, ErrNotFeed):
		return "it is neither a feed nor a page", "Is the address complete?"
	case errors.Is(err, ErrTooDeep):
		return "it is nested too deeply to be a feed", "Nothing can be done about it here; tell the publisher."
	case errors.Is(err, ErrBroken):
		return "it is a feed damaged beyond repair", "Often this passes: its publisher may be changing it. Try again later, then tell them."
	case errors.As(err, &fe):
		return plainFetch(fe)
	}
	return err.Error(), ""
}

// plainFetch is the part of Plainly for what a server or the network did.
func plainFetch(e *fetch.Error) (problem, advice string) {
	switch e.Class {
	case fetch.ClassDNS:
		if e.Temporary() {
			return "its name can't be looked up now", "Try again; if other sites fail too, the resolver of this machine is down."
		}
		return "its name has no address", "Is the name spelled right?"
	case fetch.ClassConnect:
		return "no connection", "Its server is down, or something between refuses the connection. If it opens in a browser, try --http1 or --proxy."
	case fetch.ClassTLS:
		return "no trust in its certificate, or no agreement on encryption", "Does it open in a browser? A certificate that has run out is for its publisher to renew."
	case fetch.ClassTimeout:
		return "it does not answer in time", "Try again later. If it opens in a browser, try --http1 or --proxy."
	case fetch.ClassPrivate:
		return "it is on a private network, or on a port that is not fetched from", "--allow-private lets it be reached; the source then has allow_private: true."
	case fetch.ClassTooBig:
		return "it is too big", "fetch.max_bytes in newswatch.yaml is the bound."
	case fetch.ClassRatio, fetch.ClassEncoding:
		return "its compression can't be undone", "Tell the publisher."
	case fetch.ClassRedirects:
		return "its redirects lead nowhere", "Open it in a browser and use the address it ends at."
	case fetch.ClassScheme:
		return "it is no address that can be fetched", "Want one such as https://site.example/feed.xml."
	case fetch.ClassRobots:
		return "its robots.txt allows programs no pages", "Articles then have what the feed carries."
	case fetch.ClassBlocked:
		return "a challenge page for browsers stands before it", "Ask the publisher to let feed readers in, or look for another address of the feed."
	case fetch.ClassHTTPStatus:
		return plainStatus(e.Status)
	}
	return e.Error(), ""
}

func plainStatus(status int) (problem, advice string) {
	problem = fmt.Sprintf("it answers %d %s", status, http.StatusText(status))
	switch {
	case status == http.StatusNotFound:
		return problem, "The feed has moved or never was there: `newswatch feeds add` with the site's address finds its feeds."
	case status == http.StatusGone:
		return problem, "Its publisher has ended it."
	case status == http.StatusUnauthorized, status == http.StatusForbidden, status == http.StatusPaymentRequired:
		return problem, "It is for those it knows: an address may carry user:password@, and some sites refuse all programs."
	case status == http.StatusTooManyRequests:
		return problem, "It was asked too often: wait."
	case status >= 500:
		return problem, "Its server has trouble: try again later."
	}
	return problem, ""
}
