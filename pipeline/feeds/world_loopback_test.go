package feeds_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/newswatch/newswatch/pipeline"
	"github.com/newswatch/newswatch/pipeline/catalog"
	"github.com/newswatch/newswatch/pipeline/feeds"
	"github.com/newswatch/newswatch/pipeline/fetch"
)

func quiet() *log.Logger { return log.New(io.Discard, "", 0) }

// statuses is every status that is not a success, a redirect or 304 and that
// servers are known to send, some of them invented by one vendor.
var statuses = []int{
	300, 305, 306, 400, 401, 402, 403, 404, 405, 406, 407, 408, 409, 410, 411, 412, 413, 414, 415, 416, 417, 418, 421, 422,
	423, 424, 425, 426, 428, 429, 431, 444, 451, 499, 500, 501, 502, 503, 504, 505, 506, 507, 508, 509, 510, 511, 520, 521,
	522, 523, 524, 525, 526, 527, 530, 598, 599, 720, 999,
}

// always is an outlet that is never well, and the class that its feed's health
// must then name.
type always struct {
	manner
	class  string
	status int
}

func failures(t *testing.T) (out []always) {
	for _, code := range statuses {
		class := "http_status"
		if code == http.StatusGone {
			class = "gone"
		}
		out = append(out, always{manner{name: fmt.Sprint("always ", code), answer: func(x *exchange) { x.status(code) }}, class, code})
	}
	to := func(status int, place string) func(*exchange) {
		return func(x *exchange) { x.w.Header().Set("Location", place); x.status(status) }
	}
	say := func(contentType, text string, headers ...string) func(*exchange) {
		return func(x *exchange) {
			x.w.Header().Set("Content-Type", contentType)
			for _, h := range headers {
				k, v, _ := strings.Cut(h, ": ")
				x.w.Header().Set(k, v)
			}
			x.visit.end = time.Now()
			_, _ = io.WriteString(x.w, text)
		}
	}
	bomb := packed(t, "gzip", make([]byte, 8<<20))
	return append(out,
		always{manner{name: "loop", answer: func(x *exchange) { x.visit.loops = true; to(302, x.r.URL.Path)(x) }}, "redirects", 0},
		always{manner{name: "nowhere", answer: func(x *exchange) { x.status(301) }}, "redirects", 0},
		always{manner{name: "to a file", answer: to(307, "file:///etc/passwd")}, "scheme", 0},
		always{manner{name: "to a program", answer: to(308, "javascript:alert(1)")}, "scheme", 0},
		always{manner{name: "a page", answer: say("text/html", "<!doctype html><html><title>x</title></html>")}, "html", 0},
		always{manner{name: "prose", answer: say("text/plain", "no feed here")}, "not_feed", 0},
		always{manner{name: "half a feed", answer: say("text/xml", "<rss><channel><title>")}, "broken", 0},
		always{manner{name: "challenge", answer: say("text/html", "wait", "Cf-Mitigated: challenge")}, "blocked", 0},
		always{manner{name: "bomb", answer: say("text/xml", bomb, "Content-Encoding: gzip")}, "ratio", 0},
		always{manner{name: "stacked", answer: say("text/xml", bomb, "Content-Encoding: gzip, gzip")}, "encoding", 0},
		always{manner{name: "cut", answer: (*exchange).cut}, "connect", 0},
		always{manner{name: "silent", answer: func(x *exchange) { x.wait(time.Minute); panic(http.ErrAbortHandler) }}, "timeout", 0},
		always{manner{name: "flood of headers", answer: func(x *exchange) {
			for i := range 1500 {
				x.w.Header().Set(fmt.Sprint("X-", i), "v")
			}
			x.send(x.rss())
		}}, "too_big", 0},
	)
}

// TestLoopbackWorld polls hundreds of hosts on real sockets, each with an
// address of its own, in every state of health. The server's log must show
// that none was asked by more at once, or more often, than it allows; the
// poller's health, what was wrong with whom.
func TestLoopbackWorld(t *testing.T) {
	t.Parallel()
	const gap, atOnce, hosts = 20 * time.Millisecond, 2, 320
	w := newNewsworld(t, 500*time.Millisecond)
	ill := failures(t)
	well := manners(t, 100*time.Millisecond)
	expected := map[string]always{}
	for i := range hosts {
		o := &outlet{host: fmt.Sprintf("127.77.%d.%d", i/100, 1+i%100), every: 300 * time.Millisecond, window: 10}
		if i < len(ill) {
			o.manner, expected[o.host] = ill[i].manner, ill[i]
		} else {
			o.manner = well[(i-len(ill))%len(well)]
		}
		w.add(o)
	}
	port := w.listen(t)
	w.other = "127.77.3.19" + port // the last one, of a manner that needs no redirect
	var sources []catalog.Source
	for _, o := range w.hosts {
		src := o.source(port, 50*time.Millisecond, gap)
		src.AtOnce = atOnce
		sources = append(sources, src)
	}
	c, err := fetch.New(lg(), prometheus.NewRegistry(), fetch.Config{Timeout: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	shelf := newShelf(0)
	p := feeds.NewPoller(lg(), prometheus.NewRegistry(), &drawer{m: map[string]pipeline.Entry{}}, shelf.publish, c, feeds.Config{MinInterval: time.Millisecond})
	began := time.Now()
	p.SetSources(sources)
	ctx, cancel := context.WithCancel(t.Context())
	var run sync.WaitGroup
	run.Go(func() { _ = p.Run(ctx) })
	stop := sync.OnceFunc(func() { cancel(); run.Wait(); c.Close() })
	t.Cleanup(stop)
	until(t, "every feed was polled, those with true validators until they said 304", func() bool {
		for _, h := range p.Health("") {
			if h.LastPoll.IsZero() {
				return false
			}
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		for host, o := range w.hosts {
			if o.manner.trusty && w.unmodified[host] < 2 {
				return false
			}
		}
		return true
	})
	health := p.Health("")
	stop()

	for _, h := range health {
		host, _, _ := net.SplitHostPort(strings.TrimPrefix(strings.TrimSuffix(h.URL, "/feed"), "http://"))
		if want, ok := expected[host]; ok && (h.Class != want.class || want.status != 0 && h.Status != want.status || h.Error == "") {
			t.Errorf("%s: health tells %s, status %d (%s); want %s, %d", want.name, h.Class, h.Status, h.Error, want.class, want.status)
		}
	}
	for host, o := range w.hosts {
		vs := w.of(host)
		if got := mostAtOnce(vs); got > atOnce {
			t.Errorf("%s (%s): %d at once, want at most %d", host, o.manner.name, got, atOnce)
		}
		// Two arrivals may lie closer than their starts did, on a busy machine;
		// but the n-th can't have come before the start had passed n-1 gaps.
		n := 0
		for i, v := range vs {
			if v.follow || i > 0 && vs[i-1].loops {
				continue
			}
			if least := began.Add(time.Duration(n) * gap); v.start.Before(least) {
				t.Errorf("%s (%s): request %d came %v too early", host, o.manner.name, n, least.Sub(v.start))
			}
			n++
		}
	}
	modified := 0
	for host, o := range w.hosts {
		if !o.manner.trusty {
			continue
		}
		asked := false
		for i, v := range w.of(host) {
			if v.path != "/feed" {
				continue
			}
			if v.conditional != asked {
				t.Errorf("%s (%s): request %d conditional: %v", host, o.manner.name, i, v.conditional)
			}
			asked = true
			if v.status == http.StatusNotModified {
				modified++
			}
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for url := range shelf.items {
		if !w.served[url] {
			t.Errorf("published and never served: %s", url)
		}
	}
	t.Logf("%d hosts, %d requests, %d of them 304, %d items", len(w.hosts), len(w.log), modified, len(shelf.items))
}

// listen serves every host on its own address, all on one port.
func (w *newsworld) listen(t *testing.T) (port string) {
	t.Helper()
	srv := &http.Server{Handler: w, ErrorLog: quiet()}
	t.Cleanup(func() { _ = srv.Close() })
	var lc net.ListenConfig
	for host := range w.hosts {
		at := host + ":0"
		if port != "" {
			at = host + port
		}
		l, err := lc.Listen(t.Context(), "tcp", at)
		if err != nil {
			t.Fatal(err)
		}
		if port == "" {
			port = fmt.Sprintf(":%d", l.Addr().(*net.TCPAddr).Port)
		}
		go func() { _ = srv.Serve(l) }()
	}
	return port
}
