package feeds_test

import (
	"bufio"
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"net/textproto"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/net/dns/dnsmessage"

	"github.com/newswatch/newswatch/pipeline/feeds"
	"github.com/newswatch/newswatch/pipeline/fetch"
)

// A hostile answer is what a server may send, or an address that a feed or a
// page may name.
type hostile struct {
	name   string
	url    string              // asked for; empty: the server's. %s in it is the server's host and port
	answer func(c net.Conn)    // to each request, after its head; nil: no server
	tls    *tls.Config         // of the server; nil: plain HTTP
	guard  bool                // the request is one that may not reach private networks
	robots bool                // robots.txt is asked first
	hasty  bool                // the whole request has only a short time
	pages  bool                // only pages are wanted, as for articles
	want   string              // class of the error of fetch, or what Parse says: html, not_feed, broken, too_deep, items
	also   string              // another outcome that is as good
	items  int                 // least number of items, for want items
	check  func(*feeds.Parsed) // what the items must be like
}

// TestHostileAnswers asks every hostile server as a poll does and parses what
// comes. Each ends in the error that it should or in items, and in bounded
// memory: the committed table gives the peak of each, and none may outgrow it.
//
// The memory is that of both ends; the server's part is small, except where a
// body is made beforehand, and that is not counted.
func TestHostileAnswers(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(20)) // garbage counts too: let there be little
	cases, names := hostileAnswers(t), hostileNames(t)
	known := readPeaks(t)
	var table strings.Builder
	table.WriteString("# Hostile answers, how each ends, and the peak of memory (heap of both ends, rounded up).\n" +
		"# Written by: go test ./pipeline/feeds -run TestHostileAnswers -update\n")
	for _, h := range cases {
		t.Run(h.name, func(t *testing.T) {
			peak := watchHeap()
			got, err := h.run(t, names)
			mb := peak()
			if got != h.want && (h.also == "" || got != h.also) {
				t.Errorf("got %q (%v), want %q", got, err, h.want)
			}
			// Half as much again is room for other machines.
			fmt.Fprintf(&table, "%-46s  %-14s <%4d MB\n", h.name, h.want, roundUp(mb*3/2))
			if most, ok := known[h.name]; !updating() && (!ok || mb > most) {
				t.Errorf("peak of %d MB, the table says less than %d (run with -update if that is meant)", mb, most)
			}
		})
	}
	if len(cases) < 40 {
		t.Errorf("%d cases, want at least 40", len(cases))
	}
	if updating() && !t.Failed() {
		if err := os.WriteFile("testdata/hostile.golden", []byte(table.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// run asks and parses, and returns the outcome in a word.
func (h *hostile) run(t *testing.T, names *net.Resolver) (string, error) {
	cfg := fetch.Config{DialTimeout: 20 * time.Second, Timeout: time.Minute, Resolver: names}
	if h.hasty {
		cfg.Timeout = 250 * time.Millisecond
	}
	c, err := fetch.New(lg(), prometheus.NewRegistry(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	req := fetch.Request{URL: h.url, AllowPrivate: !h.guard, Robots: h.robots, Gap: time.Nanosecond, AtOnce: 9}
	if h.pages {
		req.Only = func(mt string) bool { return mt == "text/html" }
	}
	if h.answer != nil {
		addr := h.listen(t)
		req.URL = "http://" + addr + "/feed"
		if h.tls != nil {
			req.URL = "https://" + addr + "/feed"
		}
		if h.url != "" {
			req.URL = strings.ReplaceAll(h.url, "%s", addr)
		}
	}
	resp, err := c.Get(t.Context(), req)
	if err != nil {
		return string(fetch.ClassOf(err)), err
	}
	p, err := feeds.Parse(resp.Body, resp.URL, resp.Header.Get("Content-Type"), feeds.ParseOptions{})
	switch {
	case errors.Is(err, feeds.ErrHTML):
		return "html", err
	case errors.Is(err, feeds.ErrNotFeed):
		return "not_feed", err
	case errors.Is(err, feeds.ErrBroken):
		return "broken", err
	case errors.Is(err, feeds.ErrTooDeep):
		return "too_deep", err
	case err != nil:
		return "an error of no class", err
	case len(p.Items) < h.items:
		return fmt.Sprintf("%d items", len(p.Items)), nil
	case len(p.Items) > feeds.MaxItems:
		return "too many items", nil
	}
	if h.check != nil {
		h.check(p)
	}
	return "items", nil
}

// listen serves the answer to whoever connects, until the test ends.
func (h *hostile) listen(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go h.serve(conn)
		}
	}()
	return l.Addr().String()
}

func (h *hostile) serve(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	c := conn
	if h.tls != nil {
		c = tls.Server(conn, h.tls)
	}
	head := textproto.NewReader(bufio.NewReaderSize(c, 4096))
	if _, err := head.ReadLine(); err != nil {
		return
	}
	if _, err := head.ReadMIMEHeader(); err != nil {
		return
	}
	h.answer(c)
	_ = c.Close()
}

// hostileNames is a name server of ill will: it answers addresses that must not
// be reached, two in turn, both at once, and knows no other name.
func hostileNames(t *testing.T) *net.Resolver {
	t.Helper()
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = pc.Close() })
	loop, meta, doc := [4]byte{127, 0, 0, 1}, [4]byte{169, 254, 169, 254}, [4]byte{198, 51, 100, 1}
	go func() {
		buf := make([]byte, 1500)
		for n := 0; ; n++ {
			size, from, err := pc.ReadFrom(buf)
			if err != nil {
				return
			}
			var m dnsmessage.Message
			if m.Unpack(buf[:size]) != nil || len(m.Questions) == 0 {
				continue
			}
			q := m.Questions[0]
			var addrs [][4]byte
			switch strings.TrimSuffix(q.Name.String(), ".example.") {
			case "inside":
				addrs = [][4]byte{loop}
			case "metadata":
				addrs = [][4]byte{meta}
			case "rebind":
				addrs = [][4]byte{doc}
				if n%2 == 1 {
					addrs = [][4]byte{loop}
				}
			case "both":
				addrs = [][4]byte{doc, loop}
			default:
				m.RCode = dnsmessage.RCodeNameError
			}
			m.Response, m.RecursionAvailable, m.Additionals = true, true, nil
			for _, a := range addrs {
				if q.Type == dnsmessage.TypeA {
					m.Answers = append(m.Answers, dnsmessage.Resource{
						Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class},
						Body:   &dnsmessage.AResource{A: a},
					})
				}
			}
			if out, err := m.Pack(); err == nil {
				_, _ = pc.WriteTo(out, from)
			}
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", pc.LocalAddr().String())
	}}
}

// watchHeap samples the heap until the function it returns is called, which
// answers by how many megabytes it had grown at most.
func watchHeap() (peak func() int) {
	runtime.GC()
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	read := func() uint64 { metrics.Read(sample); return sample[0].Value.Uint64() }
	base := read()
	most := base
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			default:
				most = max(most, read())
				time.Sleep(500 * time.Microsecond)
			}
		}
	}()
	return func() int {
		close(stop)
		<-done
		return int((max(most, read()) - base) >> 20)
	}
}

// roundUp rounds megabytes so that a table does not change with the wind.
func roundUp(mb int) int {
	b := 8
	for b <= mb {
		b *= 2
	}
	return b
}

func updating() bool { return flag.Lookup("update").Value.String() == "true" }

// readPeaks is the committed table: name → megabytes that are not reached.
func readPeaks(t *testing.T) map[string]int {
	t.Helper()
	b, err := os.ReadFile("testdata/hostile.golden")
	if err != nil && !updating() {
		t.Fatalf("%v (run the test with -update)", err)
	}
	peaks := make(map[string]int)
	for line := range strings.Lines(string(b)) {
		if name, rest, ok := strings.Cut(line, "  "); ok && !strings.HasPrefix(line, "#") {
			var mb int
			_, _ = fmt.Sscanf(rest[strings.IndexByte(rest, '<')+1:], "%d", &mb)
			peaks[name] = mb
		}
	}
	return peaks
}

// raw answers the bytes as they are.
func raw(parts ...string) func(net.Conn) {
	return func(c net.Conn) {
		for _, p := range parts {
			if _, err := c.Write([]byte(p)); err != nil {
				return
			}
		}
	}
}

// body answers a whole document under its headers, "Name: value" each.
func body(text string, headers ...string) func(net.Conn) {
	return raw(head(append(headers, fmt.Sprintf("Content-Length: %d", len(text)))...), text)
}

func head(headers ...string) string {
	return "HTTP/1.1 200 OK\r\nConnection: close\r\n" + strings.Join(headers, "\r\n") + "\r\n\r\n"
}

// endless answers start and then the same part for ever, or n times.
func endless(start, part string, n int) func(net.Conn) {
	chunk := []byte(strings.Repeat(part, cmp.Or((64<<10)/len(part), 1)))
	return func(c net.Conn) {
		_, err := c.Write([]byte(start))
		for i := 0; err == nil && (n == 0 || i < n); i += len(chunk) / len(part) {
			_, err = c.Write(chunk)
		}
	}
}

// drip answers start and then the part, again and again, slowly.
func drip(start, part string) func(net.Conn) {
	return func(c net.Conn) {
		_, err := c.Write([]byte(start))
		for err == nil {
			time.Sleep(20 * time.Millisecond)
			_, err = c.Write([]byte(part))
		}
	}
}

// redirect answers one status and place for whatever is asked.
func redirect(status int, to string) func(net.Conn) {
	return raw(fmt.Sprintf("HTTP/1.1 %d %s\r\nConnection: close\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n", status, http.StatusText(status), to))
}

// reset ends a connection with a reset instead of a farewell, after text.
func reset(text string) func(net.Conn) {
	return func(c net.Conn) {
		_, _ = c.Write([]byte(text))
		if tc, ok := c.(*net.TCPConn); ok {
			_ = tc.SetLinger(0)
		}
	}
}
