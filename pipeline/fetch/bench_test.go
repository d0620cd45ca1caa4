package fetch

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write the committed tables anew")

// serverEnv makes the test binary the server of the benchmarks: a process of
// its own, so that its work is not counted.
const serverEnv = "NEWSWATCH_FETCH_BENCH_SERVER"

// TestBenchServer is that server, and no test.
func TestBenchServer(t *testing.T) {
	if os.Getenv(serverEnv) == "" {
		t.Skip("the server of the benchmarks")
	}
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"one"`)
		if r.Header.Get("If-None-Match") == `"one"` {
			w.WriteHeader(http.StatusNotModified)
		}
	})
	open := httptest.NewServer(h)
	defer open.Close()
	closed := httptest.NewUnstartedServer(h)
	closed.EnableHTTP2 = true
	closed.StartTLS()
	defer closed.Close()
	fmt.Println(open.URL)
	fmt.Println(closed.URL)
	_ = pem.Encode(os.Stdout, &pem.Block{Type: "CERTIFICATE", Bytes: closed.Certificate().Raw})
	_, _ = io.Copy(io.Discard, os.Stdin) // until the benchmarks are done
}

// benchServer starts it and answers its addresses and its certificate.
func benchServer(b testing.TB) (open, closed string, roots *x509.CertPool) {
	b.Helper()
	cmd := exec.CommandContext(b.Context(), os.Args[0], "-test.run=^TestBenchServer$")
	cmd.Env = append(os.Environ(), serverEnv+"=1")
	in, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = in.Close(); _ = cmd.Wait() })
	lines := bufio.NewScanner(out)
	var certificate strings.Builder
	for n := 0; !strings.HasPrefix(lines.Text(), "-----END") && lines.Scan(); n++ {
		switch n {
		case 0:
			open = lines.Text()
		case 1:
			closed = lines.Text()
		default:
			certificate.WriteString(lines.Text() + "\n")
		}
	}
	roots = x509.NewCertPool()
	if !roots.AppendCertsFromPEM([]byte(certificate.String())) {
		b.Fatal("the server gave no certificate")
	}
	return open, closed, roots
}

// A way is one way to ask for a feed that has not changed.
type way struct {
	name string
	get  func(b *testing.B) func() // makes the client, answers what asks once
}

func ways(open, closed string, roots *x509.CertPool) []way {
	kept := func(url string, change func(*Client)) func(*testing.B) func() {
		return func(b *testing.B) func() {
			c := newClient(b, Config{})
			for _, t := range []*http.Transport{c.private.best, c.private.http1} {
				t.TLSClientConfig.RootCAs = roots
			}
			change(c)
			req := local(url)
			req.ETag = `"one"`
			return func() {
				if resp, err := c.Get(b.Context(), req); err != nil || !resp.NotModified {
					b.Fatalf("got %+v, %v", resp, err)
				}
			}
		}
	}
	// anew is a client without reuse: a transport for each request.
	anew := func(url string) func(*testing.B) func() {
		return func(b *testing.B) func() {
			return func() {
				t := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, DisableKeepAlives: true, ForceAttemptHTTP2: true}
				r, err := http.NewRequestWithContext(b.Context(), http.MethodGet, url, nil)
				if err != nil {
					b.Fatal(err)
				}
				r.Header.Set("If-None-Match", `"one"`)
				resp, err := (&http.Client{Transport: t}).Do(r)
				if err != nil || resp.StatusCode != http.StatusNotModified {
					b.Fatalf("got %v, %v", resp, err)
				}
				_ = resp.Body.Close()
				t.CloseIdleConnections()
			}
		}
	}
	asIs := func(*Client) {}
	http1 := func(c *Client) {
		c.http1.put(strings.TrimPrefix(closed, "https://"), struct{}{}, time.Now().Add(time.Hour))
	}
	return []way{
		{"newswatch, HTTPS, HTTP/2 kept", kept(closed, asIs)},
		{"newswatch, HTTPS, HTTP/1.1 kept", kept(closed, http1)},
		{"newswatch, HTTPS, TLS session resumed", kept(closed, func(c *Client) { http1(c); c.private.http1.DisableKeepAlives = true })},
		{"a transport per request, HTTPS", anew(closed)},
		{"newswatch, HTTP kept", kept(open, asIs)},
		{"a transport per request, HTTP", anew(open)},
	}
}

// cpu is the processor time this process has used.
func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// run measures one way; "cpu-µs/op" is the client's time alone.
func (w way) run(b *testing.B) {
	get := w.get(b)
	get() // the first connection is nobody's
	b.ReportAllocs()
	runtime.GC()
	b.ResetTimer()
	began := cpu()
	for range b.N {
		get()
	}
	b.ReportMetric(float64((cpu()-began).Microseconds())/float64(b.N), "cpu-µs/op")
}

// BenchmarkNotModified is what one 304 costs the client.
func BenchmarkNotModified(b *testing.B) {
	for _, w := range ways(benchServer(b)) {
		b.Run(w.name, w.run)
	}
}

// TestPollingCost writes the table of BENCHMARKS.md:
//
//	go test ./pipeline/fetch -run TestPollingCost -update
func TestPollingCost(t *testing.T) {
	if !*update {
		t.Skip("writes a table, with -update")
	}
	var s strings.Builder
	s.WriteString("## Polling cost\n\n" +
		"What one conditional request that is answered 304 costs the client: its own processor time, the server\n" +
		"being another process on the same machine. A feed that has not changed is the usual poll.\n" +
		"The machine has two cores and much else to do: trust the ratios more than the times.\n\n" +
		"Written by `go test ./pipeline/fetch -run TestPollingCost -update`; " +
		runtime.Version() + ", " + runtime.GOOS + "/" + runtime.GOARCH + ".\n\n" +
		"| client | CPU µs per 304 | B/op | allocs/op |\n|---|---:|---:|---:|\n")
	for _, w := range ways(benchServer(t)) {
		r := testing.Benchmark(w.run)
		fmt.Fprintf(&s, "| %s | %.0f | %d | %d |\n", w.name, r.Extra["cpu-µs/op"], r.AllocedBytesPerOp(), r.AllocsPerOp())
	}
	writeSection(t, "../../BENCHMARKS.md", s.String())
}

// writeSection puts the section in the place of the one with its heading, or
// at the end of the file.
func writeSection(t *testing.T, path, section string) {
	t.Helper()
	old, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		old = []byte("# Benchmarks\n")
	} else if err != nil {
		t.Fatal(err)
	}
	heading, _, _ := strings.Cut(section, "\n")
	before, rest, found := strings.Cut(string(old), heading+"\n")
	after := ""
	if i := strings.Index(rest, "\n## "); found && i >= 0 {
		after = rest[i:]
	}
	text := strings.TrimRight(before, "\n") + "\n\n" + section + after
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
