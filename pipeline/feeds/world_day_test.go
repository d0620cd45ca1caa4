package feeds_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/newswatch/newswatch/pipeline"
	"github.com/newswatch/newswatch/pipeline/catalog"
	"github.com/newswatch/newswatch/pipeline/feeds"
	"github.com/newswatch/newswatch/pipeline/fetch"
)

// pipes is a network made of pipes, so that a test may run in a bubble with
// its own time.
type pipes struct {
	world *newsworld
	conns chan net.Conn
	done  chan struct{}
}

func (p *pipes) dial(ctx context.Context, _, addr string) (net.Conn, error) {
	host, _, _ := net.SplitHostPort(addr)
	if o := p.world.hosts[host]; o == nil || o.manner.refuse != nil && o.manner.refuse(time.Since(p.world.began)) {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: fmt.Errorf("connection refused")}
	}
	near, far := net.Pipe()
	select {
	case p.conns <- far:
		return near, nil
	case <-p.done:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

const (
	dayHosts = 320
	day      = 24 * time.Hour
	// afterDay is how long is polled on when no more items appear: until every
	// feed, those that lie about their validators too, was asked in full.
	afterDay = 5 * time.Hour
)

// TestDay polls a world of hosts for a day and restarts twice, once in the
// midst of its work with nothing written down. Whatever stood in a document
// that was served is published, once; and every host was asked as politely as
// it should be.
func TestDay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newNewsworld(t, day)
		all := manners(t, time.Hour)
		var sources []catalog.Source
		for i := range dayHosts {
			// One a day to one in half an hour.
			every := []time.Duration{day, 12 * time.Hour, 6 * time.Hour, 2 * time.Hour, 30 * time.Minute}[i%5]
			o := &outlet{host: fmt.Sprintf("h%03d.example", i), manner: all[i%len(all)], every: every, window: []int{10, 15, 20}[i%3]}
			w.add(o)
			sources = append(sources, o.source("", 0, 0))
		}
		w.other = "h000.example"
		wire := &pipes{world: w, conns: make(chan net.Conn), done: make(chan struct{})}
		srv := &http.Server{Handler: w, ErrorLog: quiet()}
		go func() { _ = srv.Serve(wire) }()

		shelf, kv := newShelf(5*time.Millisecond), &drawer{m: map[string]pipeline.Entry{}}
		// live is a process: it polls for some time and ends as an end comes,
		// or as a power cut does.
		live := func(d time.Duration, cut bool) {
			c, err := fetch.New(lg(), prometheus.NewRegistry(), fetch.Config{Dial: wire.dial})
			if err != nil {
				t.Fatal(err)
			}
			p := feeds.NewPoller(lg(), prometheus.NewRegistry(), kv, shelf.publish, c, feeds.Config{})
			p.SetSources(sources)
			ctx, cancel := context.WithCancel(t.Context())
			var run sync.WaitGroup
			run.Go(func() { _ = p.Run(ctx) })
			time.Sleep(d)
			if cut { // between an item and the writing down of it
				dark := make(chan struct{})
				shelf.mu.Lock()
				shelf.cut = func() {
					kv.mu.Lock()
					kv.dead = true
					kv.mu.Unlock()
					close(dark)
				}
				shelf.mu.Unlock()
				<-dark
			}
			cancel()
			run.Wait()
			c.Close()
			kv.mu.Lock()
			kv.dead = false
			kv.mu.Unlock()
		}
		live(6*time.Hour+7*time.Minute, false)
		time.Sleep(10 * time.Minute)
		live(time.Hour, true)
		live(day+afterDay-w.sinceBegan(), false)
		close(wire.done)
		_ = srv.Close()
		synctest.Wait()

		checkServed(t, w, shelf, 40) // two documents
		checkPolite(t, w, 5*time.Second, 2)
		checkConditions(t, w)
	})
}

func (w *newsworld) sinceBegan() time.Duration { return time.Since(w.began) }

// checkServed holds what was served against what was published.
func checkServed(t *testing.T, w *newsworld, s *shelf, slack int) {
	t.Helper()
	lost, strange, twice := 0, 0, 0
	for url := range w.served {
		if s.items[url] == 0 {
			if lost++; lost < 10 {
				t.Errorf("served and not published: %s (%s)", url, w.mannerOf(url))
			}
		}
	}
	for url, n := range s.items {
		if !w.served[url] {
			if strange++; strange < 10 {
				t.Errorf("published and never served: %s", url)
			}
		}
		if n > 1 {
			twice++
		}
		if n > 2 {
			t.Errorf("%s was published %d times", url, n)
		}
	}
	// A cut may come between publishing and writing that down: then an item is
	// published once more, as its feed's. Nothing else publishes twice.
	if twice > slack {
		t.Errorf("%d items were published twice, want at most the %d of the cut", twice, slack)
	}
	made := 0
	for _, o := range w.hosts {
		made += o.window + int(w.quiet/o.every)
	}
	t.Logf("%d hosts, %d requests, %d items made, %d served, %d published (%d of them twice), %d lost",
		len(w.hosts), len(w.log), made, len(w.served), len(s.items), twice, lost)
}

func (w *newsworld) mannerOf(url string) string {
	for _, o := range w.hosts {
		if len(url) > 7+len(o.host) && url[7:7+len(o.host)] == o.host {
			return o.manner.name
		}
	}
	return "?"
}

// checkPolite reads in the server's log that no host was asked more often or
// by more at once than it should be.
func checkPolite(t *testing.T, w *newsworld, gap time.Duration, atOnce int) {
	t.Helper()
	for host, o := range w.hosts {
		vs := w.of(host)
		if len(vs) == 0 {
			t.Errorf("%s (%s) was never asked", host, o.manner.name)
			continue
		}
		if got := mostAtOnce(vs); got > atOnce {
			t.Errorf("%s (%s): %d at once, want at most %d", host, o.manner.name, got, atOnce)
		}
		var last time.Time
		for i, v := range vs {
			if v.follow || i > 0 && vs[i-1].loops {
				continue
			}
			if d := v.start.Sub(last); d < gap {
				t.Errorf("%s (%s): %v between two requests, want at least %v", host, o.manner.name, d, gap)
			}
			last = v.start
		}
	}
}

// checkConditions counts the answers of the hosts whose validators are true,
// and looks for the end of trust in those whose are not.
func checkConditions(t *testing.T, w *newsworld) {
	t.Helper()
	full, modified := 0, 0
	for host, o := range w.hosts {
		vs := w.of(host)
		unconditional := 0
		for i, v := range vs {
			if v.path != "/feed" {
				continue
			}
			if !v.conditional {
				unconditional++
			}
			switch {
			case !o.manner.trusty:
			case v.status == http.StatusNotModified:
				modified++
				if i == 0 {
					t.Errorf("%s: the first answer is 304", host)
				}
			default:
				full++
			}
		}
		switch {
		// The first, and one after a day.
		case o.manner.trusty && (unconditional < 2 || unconditional > 3):
			t.Errorf("%s (%s): %d requests without a condition, want the first and one after a day", host, o.manner.name, unconditional)
		case o.manner.name == "304 for ever" && unconditional < 2:
			t.Errorf("%s: its 304s were believed for more than a day", host)
		}
	}
	t.Logf("hosts with true validators: %d times 200, %d times 304", full, modified)
	if modified == 0 {
		t.Error("no 304 at all")
	}
}
