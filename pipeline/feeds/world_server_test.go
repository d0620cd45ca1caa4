package feeds_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/text/encoding/charmap"

	"github.com/newswatch/newswatch/pipeline"
	"github.com/newswatch/newswatch/pipeline/catalog"
)

// An outlet is one host of the world and its feed, which gains items as time
// passes.
type outlet struct {
	host   string
	manner manner
	every  time.Duration // between two items
	window int           // items listed at most
}

// A manner is how an outlet answers the n-th request for its feed (from 0).
type manner struct {
	name   string
	answer func(x *exchange)
	refuse func(since time.Duration) bool // no connection, that long after the beginning
	trusty bool                           // its validators are true: 304 where nothing is new, and only there
}

// A visit is a line of the server's log.
type visit struct {
	host, path  string
	start, end  time.Time // end is before the last byte of the answer
	conditional bool
	follow      bool // a request that a redirect led to, in the turn of the first
	loops       bool // answered with a redirect to itself: the next one follows it
	status      int
}

// A newsworld answers for all outlets, and writes down who asked what when.
type newsworld struct {
	t          *testing.T
	began      time.Time
	quiet      time.Duration // from then on no items appear
	other      string        // a host, with its port, to be redirected to
	mu         sync.Mutex
	hosts      map[string]*outlet
	log        []visit
	visits     map[string]int
	unmodified map[string]int  // times 304, by host
	served     map[string]bool // items that stood in a document that was sent as a whole
}

func newNewsworld(t *testing.T, quiet time.Duration) *newsworld {
	return &newsworld{t: t, began: time.Now(), quiet: quiet, hosts: map[string]*outlet{}, visits: map[string]int{}, unmodified: map[string]int{}, served: map[string]bool{}}
}

func (w *newsworld) add(o *outlet) { w.hosts[o.host] = o }

// An exchange is one request for a feed.
type exchange struct {
	w     http.ResponseWriter
	r     *http.Request
	o     *outlet
	world *newsworld
	n     int           // requests for this feed before
	since time.Duration // since the beginning
	first int           // number of the oldest item listed
	last  int           // number of the newest, plus one
	visit *visit
}

// ServeHTTP implements http.Handler.
func (w *newsworld) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	host, _, err := net.SplitHostPort(r.Host)
	if err != nil {
		host = r.Host
	}
	now := time.Now()
	v := &visit{host: host, path: r.URL.Path, start: now, status: http.StatusOK, follow: strings.HasPrefix(r.URL.Path, "/moved"),
		conditional: r.Header.Get("If-None-Match") != "" || r.Header.Get("If-Modified-Since") != ""}
	w.mu.Lock()
	o := w.hosts[host]
	n := w.visits[r.Host+r.URL.Path]
	w.visits[r.Host+r.URL.Path]++
	w.mu.Unlock()
	defer func() {
		if v.end.IsZero() {
			v.end = v.start // nothing was written: it may have ended at any time
		}
		w.mu.Lock()
		if v.status == http.StatusNotModified {
			w.unmodified[host]++
		}
		w.log = append(w.log, *v)
		w.mu.Unlock()
	}()
	if o == nil || r.URL.Path == "/robots.txt" {
		v.status = http.StatusNotFound
		http.NotFound(rw, r)
		return
	}
	x := &exchange{w: rw, r: r, o: o, world: w, n: n, since: now.Sub(w.began), visit: v}
	if via, ok := strings.CutPrefix(r.URL.Path, "/via/"); ok {
		// Another host's feed, moved here.
		x.o = w.hosts[via]
		x.list()
		x.send(x.rss())
		return
	}
	x.list()
	o.manner.answer(x)
}

// list decides what the document lists now.
func (x *exchange) list() {
	// The outlet had a full window when the world began.
	x.last = x.o.window + int(min(x.since, x.world.quiet)/x.o.every)
	x.first = x.last - x.o.window
}

func (x *exchange) url(n int) string { return fmt.Sprintf("http://%s.pub.example/%d", x.o.host, n) }

// rss is the document of now.
func (x *exchange) rss() string {
	var b strings.Builder
	b.WriteString(`<?xml version="1.0"?><rss version="2.0"><channel><title>Вестник</title>`)
	for n := x.last - 1; n >= x.first; n-- {
		at := x.world.began.Add(time.Duration(n-x.o.window+1) * x.o.every).UTC()
		fmt.Fprintf(&b, "<item><title>Новость %d</title><link>%s</link><pubDate>%s</pubDate></item>", n, x.url(n), at.Format(time.RFC1123Z))
	}
	b.WriteString("</channel></rss>")
	return b.String()
}

func (x *exchange) etag() string { return fmt.Sprintf("%q", fmt.Sprint("v", x.last)) }

func (x *exchange) modified() string {
	return x.world.began.Add(time.Duration(x.last-x.o.window) * x.o.every).UTC().Format(http.TimeFormat)
}

func (x *exchange) status(code int) {
	x.visit.status, x.visit.end = code, time.Now()
	x.w.WriteHeader(code)
}

// send answers the document as a whole; what it lists has then been served.
func (x *exchange) send(doc string) {
	x.visit.end = time.Now()
	if _, err := io.WriteString(x.w, doc); err != nil {
		return
	}
	x.world.mu.Lock()
	defer x.world.mu.Unlock()
	for n := x.first; n < x.last; n++ {
		x.world.served[x.url(n)] = true
	}
}

// cut ends the connection in the middle of the document.
func (x *exchange) cut() {
	doc := x.rss()
	x.w.Header().Set("Content-Length", fmt.Sprint(len(doc)))
	_, _ = io.WriteString(x.w, doc[:len(doc)/2])
	panic(http.ErrAbortHandler)
}

func (x *exchange) wait(d time.Duration) {
	select {
	case <-x.r.Context().Done():
	case <-time.After(d):
	}
}

// manners is every way to answer. unit is the world's hour.
func manners(t *testing.T, unit time.Duration) []manner {
	plain := func(x *exchange) { x.send(x.rss()) }
	with := func(name, value string) func(*exchange) {
		return func(x *exchange) { x.w.Header().Set(name, value); plain(x) }
	}
	// at is another answer to every n-th request but the first.
	at := func(n int, bad func(*exchange)) func(*exchange) {
		return func(x *exchange) {
			if x.n%n == n-1 {
				bad(x)
				return
			}
			plain(x)
		}
	}
	// during is another answer for some hours.
	during := func(from, to float64, bad func(*exchange)) func(*exchange) {
		return func(x *exchange) {
			if h := float64(x.since) / float64(unit); h >= from && h < to {
				bad(x)
				return
			}
			plain(x)
		}
	}
	code := func(code int, headers ...string) func(*exchange) {
		return func(x *exchange) {
			for _, h := range headers {
				k, v, _ := strings.Cut(h, ": ")
				x.w.Header().Set(k, v)
			}
			x.status(code)
		}
	}
	encoded := func(enc string, named bool) func(*exchange) {
		return func(x *exchange) {
			if named {
				x.w.Header().Set("Content-Encoding", enc)
			}
			x.send(packed(t, enc, []byte(x.rss())))
		}
	}
	moved := func(status int) func(*exchange) {
		return func(x *exchange) {
			switch x.r.URL.Path {
			case "/moved/2":
				plain(x)
			case "/moved/1":
				code(status, "Location: /moved/2")(x)
			default:
				code(status, "Location: /moved/1")(x)
			}
		}
	}
	page := func(x *exchange) {
		x.w.Header().Set("Content-Type", "text/html")
		x.visit.end = time.Now()
		_, _ = io.WriteString(x.w, "<!doctype html><html><title>We are redesigning</title></html>")
	}
	validated := func(etag, modified bool) func(*exchange) {
		return func(x *exchange) {
			if etag {
				x.w.Header().Set("ETag", x.etag())
			}
			if modified {
				x.w.Header().Set("Last-Modified", x.modified())
			}
			inm, ims := x.r.Header.Get("If-None-Match"), x.r.Header.Get("If-Modified-Since")
			if etag && inm == x.etag() || !etag && modified && ims == x.modified() {
				x.status(http.StatusNotModified)
				return
			}
			plain(x)
		}
	}
	return []manner{
		{name: "etag", answer: validated(true, false), trusty: true},
		{name: "last modified", answer: validated(false, true), trusty: true},
		{name: "both", answer: validated(true, true), trusty: true},
		{name: "plain", answer: plain},
		{name: "a new etag each time", answer: func(x *exchange) { with("ETag", fmt.Sprintf(`"%d"`, x.n))(x) }},
		{name: "304 for ever", answer: func(x *exchange) {
			x.w.Header().Set("ETag", `"always"`)
			if x.visit.conditional {
				x.status(http.StatusNotModified)
				return
			}
			plain(x)
		}},
		{name: "304 unasked, at times", answer: at(4, code(http.StatusNotModified))},
		{name: "gzip", answer: encoded("gzip", true)},
		{name: "br", answer: encoded("br", true)},
		{name: "zstd", answer: encoded("zstd", true)},
		{name: "deflate", answer: encoded("deflate", true)},
		{name: "gzip without a name", answer: encoded("gzip", false)},
		{name: "windows-1251", answer: func(x *exchange) {
			x.w.Header().Set("Content-Type", "text/xml; charset=windows-1251")
			doc, _ := charmap.Windows1251.NewEncoder().String(x.rss())
			x.send(doc)
		}},
		{name: "junk before", answer: func(x *exchange) { x.send("Warning: x in /y.php on line 1\n" + x.rss()) }},
		{name: "stray &", answer: func(x *exchange) { x.send(strings.Replace(x.rss(), "<title>", "<title>R&D < ", 1)) }},
		{name: "slow", answer: func(x *exchange) { x.wait(unit / 400); plain(x) }},
		{name: "cached for a day", answer: with("Cache-Control", "max-age=86400")},
		{name: "expired", answer: with("Expires", "0")},
		{name: "cookies", answer: func(x *exchange) {
			if len(x.r.Cookies()) > 0 {
				x.world.t.Errorf("%s: cookies came back", x.o.host)
			}
			with("Set-Cookie", "id=1; Max-Age=99999")(x)
		}},
		{name: "many headers", answer: func(x *exchange) {
			for i := range 200 {
				x.w.Header().Set(fmt.Sprint("X-", i), "v")
			}
			plain(x)
		}},
		{name: "301", answer: moved(301)},
		{name: "302", answer: moved(302)},
		{name: "303", answer: moved(303)},
		{name: "307", answer: moved(307)},
		{name: "308", answer: moved(308)},
		{name: "302 to another host", answer: func(x *exchange) {
			code(302, "Location: http://"+x.world.other+"/via/"+x.o.host)(x)
		}},
		{name: "redirects to itself, at times", answer: at(5, func(x *exchange) {
			x.visit.loops = true
			code(302, "Location: "+x.r.URL.Path)(x)
		})},
		{name: "redirects to a file, at times", answer: at(5, code(302, "Location: file:///etc/passwd"))},
		{name: "404 for hours", answer: during(3, 6, code(404))},
		{name: "410 for hours", answer: during(4, 6, code(410))},
		{name: "401 for hours", answer: during(4, 6, code(401))},
		{name: "403 challenge for hours", answer: during(5, 7, code(403, "Cf-Mitigated: challenge"))},
		{name: "a page for hours", answer: during(8, 10, page)},
		{name: "429 with Retry-After", answer: at(5, code(429, "Retry-After: 600"))},
		{name: "429 without", answer: at(5, code(429))},
		{name: "503 with Retry-After", answer: at(4, code(503, "Retry-After: 120"))},
		{name: "500", answer: at(3, code(500))},
		{name: "502 for hours", answer: during(12, 14, code(502))},
		{name: "cut in the middle", answer: at(3, (*exchange).cut)},
		{name: "hangs, at times", answer: at(6, func(x *exchange) { x.wait(time.Minute); panic(http.ErrAbortHandler) })},
		{name: "an empty feed, at times", answer: at(4, func(x *exchange) {
			x.visit.end = time.Now()
			_, _ = io.WriteString(x.w, `<rss version="2.0"><channel><title>x</title></channel></rss>`)
		})},
		{name: "an empty body, at times", answer: at(4, func(x *exchange) { x.visit.end = time.Now() })},
		{name: "refuses connections for hours", answer: plain, refuse: func(since time.Duration) bool { return since >= 15*unit && since < 16*unit }},
	}
}

// source is the outlet as the catalog has it.
func (o *outlet) source(port string, every, gap time.Duration) catalog.Source {
	return catalog.Source{ID: "s-" + o.host, AllowPrivate: true, Gap: catalog.Duration(gap),
		Feeds: []catalog.Feed{{URL: "http://" + o.host + port + "/feed", Every: catalog.Duration(every)}}}
}

// of is the visits to a host, in their order.
func (w *newsworld) of(host string) (out []visit) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, v := range w.log {
		if v.host == host {
			out = append(out, v)
		}
	}
	slices.SortFunc(out, func(x, y visit) int { return x.start.Compare(y.start) })
	return out
}

// mostAtOnce is the most visits that were under way together.
func mostAtOnce(vs []visit) (most int) {
	for _, v := range vs {
		n := 1
		for _, o := range vs {
			if o != v && o.start.Before(v.start) && o.end.After(v.start) {
				n++
			}
		}
		most = max(most, n)
	}
	return most
}

// A shelf takes what is published, once: like the stream it refuses what is
// there.
type shelf struct {
	mu    sync.Mutex
	there map[string]bool
	items map[string]int // URL → versions
	took  time.Duration
	cut   func() // called after the next item is there, once
}

func newShelf(took time.Duration) *shelf {
	return &shelf{there: map[string]bool{}, items: map[string]int{}, took: took}
}

func (s *shelf) publish(ctx context.Context, it pipeline.Item) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(s.took):
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.there[it.Key+it.Content] {
		return pipeline.ErrExists
	}
	s.there[it.Key+it.Content] = true
	s.items[it.URL]++
	if s.cut != nil {
		s.cut()
		s.cut = nil
	}
	return nil
}

// A drawer is a bucket in memory. One that is dead takes nothing any more, as
// a machine that has lost its power.
type drawer struct {
	mu   sync.Mutex
	m    map[string]pipeline.Entry
	rev  uint64
	dead bool
}

var errDead = errors.New("the machine has died")

func (d *drawer) Get(_ context.Context, key string) (pipeline.Entry, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	e, ok := d.m[key]
	if !ok {
		return e, pipeline.ErrNotFound
	}
	return e, nil
}

func (d *drawer) Put(_ context.Context, key string, value []byte) (uint64, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.put(key, value)
}

func (d *drawer) put(key string, value []byte) (uint64, error) {
	if d.dead {
		return 0, errDead
	}
	d.rev++
	d.m[key] = pipeline.Entry{Key: key, Value: slices.Clone(value), Revision: d.rev}
	return d.rev, nil
}

func (d *drawer) Update(_ context.Context, key string, value []byte, revision uint64) (uint64, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch e, ok := d.m[key]; {
	case ok && revision == 0:
		return 0, pipeline.ErrExists
	case e.Revision != revision:
		return 0, pipeline.ErrConflict
	}
	return d.put(key, value)
}

func (d *drawer) Delete(_ context.Context, key string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.m, key)
	return nil
}

// Watch tells what there is, and then waits: nobody else writes here.
func (d *drawer) Watch(ctx context.Context, fn func(pipeline.Entry) error) error {
	d.mu.Lock()
	all := make([]pipeline.Entry, 0, len(d.m)+1)
	for _, e := range d.m {
		all = append(all, e)
	}
	d.mu.Unlock()
	for _, e := range append(all, pipeline.Entry{}) {
		if err := fn(e); err != nil {
			return err
		}
	}
	<-ctx.Done()
	return ctx.Err()
}
