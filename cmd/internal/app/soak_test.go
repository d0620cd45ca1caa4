package app_test

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/newswatch/newswatch/pipeline"
	"github.com/newswatch/newswatch/pipeline/corpora"
)

var (
	soakFor = flag.Duration("soak", 10*time.Second, "how long TestSoak lets feeds change")
	soakAt  = flag.String("soak.listen", "", "address TestSoak listens on, to look at the pages meanwhile")
)

// Feeds that go on changing: every new item becomes searchable, once. The run
// reports how soon, and what it took; -soak 10m makes a real one of it.
func TestSoak(t *testing.T) {
	st, h := newSite(t, 60), newHook(t)
	bin := newswatch.build(t, "newswatch", "github.com/newswatch/newswatch/cmd/newswatch")
	dir := t.TempDir()
	catalog := writeFile(t, filepath.Join(dir, "catalog.yaml"), st.catalog(h.url))
	addr := *soakAt
	if addr == "" {
		addr = fmt.Sprintf("127.0.0.1:%d", freePort(t))
	}
	s := server{t, "http://" + addr}
	begin := time.Now()
	p := start(t, "newswatch", bin, "run", "--config", oldMayAlert(t, dir), "--data", filepath.Join(dir, "data"), "--catalog", catalog, "--listen", addr)
	s.ready(p)
	first := len(st.links(t))
	until(t, 4*time.Minute, "first items searchable", func() (string, bool) {
		n := s.total("")
		return fmt.Sprintf("%d of %d", n, first), n >= first
	})
	t.Logf("%d feeds with %d items, all searchable after %v: %.0f items/s, %s", len(st.feeds), first,
		time.Since(begin).Round(100*time.Millisecond), float64(first)/time.Since(begin).Seconds(), usage(p))

	rng := rand.New(rand.NewPCG(1, 2))
	var more []string
	found := map[string]bool{}
	var seen []time.Duration // from first seen to searchable
	look := func() {
		var res pipeline.SearchResult
		if err := s.get("/api/v1/search?q=title:item&limit=60", &res); err != nil {
			t.Fatal(err)
		}
		now := time.Now()
		for _, hit := range res.Hits {
			if !found[hit.URL] {
				found[hit.URL] = true
				seen = append(seen, now.Sub(hit.FirstSeen))
			}
		}
	}
	peak := 0
	next := time.Now()
	for end := time.Now().Add(*soakFor); time.Now().Before(end) || len(found) < len(more); {
		if time.Now().Before(end) && time.Now().After(next) {
			next = next.Add(500 * time.Millisecond)
			f := st.feeds[rng.IntN(len(st.feeds))]
			more = append(more, st.add(f.host, 1+rng.IntN(4))...)
		}
		if time.Now().After(end.Add(2 * time.Minute)) {
			t.Fatalf("%d of %d new items searchable two minutes after the last", len(found), len(more))
		}
		look()
		peak = max(peak, rss(p))
		time.Sleep(50 * time.Millisecond)
	}
	checkAll(t, s, st, h, more)
	slices.Sort(seen)
	t.Logf("%d new items in %v; from first seen to searchable p50 %v, p99 %v; peak memory %d MB, %s", len(more), *soakFor,
		seen[len(seen)/2].Round(time.Millisecond), seen[len(seen)*99/100].Round(time.Millisecond), peak>>20, usage(p))
	p.stop()
}

// rss is the memory of a process in bytes, without the files it has mapped:
// those of the index are the page cache's.
func rss(p *proc) int {
	f, err := os.Open(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0 // no /proc on this system
	}
	defer f.Close()
	for sc := bufio.NewScanner(f); sc.Scan(); {
		if kb, ok := strings.CutPrefix(sc.Text(), "RssAnon:"); ok {
			n, _ := strconv.Atoi(strings.TrimSpace(strings.TrimSuffix(kb, "kB")))
			return n << 10
		}
	}
	return 0
}

// usage is memory and CPU time of a process, for people.
func usage(p *proc) string {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		return "no /proc"
	}
	fields := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
	user, _ := strconv.Atoi(fields[11])
	sys, _ := strconv.Atoi(fields[12])
	return fmt.Sprintf("memory %d MB, CPU %.1f s", rss(p)>>20, float64(user+sys)/100)
}

// BenchmarkLoad is whole articles through the running server: tagged,
// folded, indexed, searchable. Articles per second, and what it took.
func BenchmarkLoad(b *testing.B) {
	dir := corpora.Folder(b)
	bin := newswatch.build(b, "newswatch", "github.com/newswatch/newswatch/cmd/newswatch")
	addr := fmt.Sprintf("127.0.0.1:%d", freePort(b))
	p := start(b, "newswatch", bin, "run", "--data", b.TempDir(), "--catalog", emptyCatalog(b), "--listen", addr)
	s := server{b, "http://" + addr}
	s.ready(p)
	pr, pw := io.Pipe()
	go func() { pw.CloseWithError(writeNews(pw, dir, b.N)) }()
	b.ResetTimer()
	resp, err := http.Post(s.url+"/api/v1/articles", "application/jsonl", pr)
	if err != nil {
		b.Fatal(err)
	}
	defer resp.Body.Close()
	var did struct {
		New     int
		Refused []any
	}
	if err := json.NewDecoder(resp.Body).Decode(&did); err != nil || did.New == 0 {
		b.Fatalf("load: %+v, %v", did, err)
	}
	until(b, 10*time.Minute, "searchable", func() (string, bool) {
		n := s.total("")
		return fmt.Sprintf("%d of %d", n, did.New), n >= did.New
	})
	b.StopTimer()
	b.ReportMetric(float64(did.New)/b.Elapsed().Seconds(), "articles/s")
	b.ReportMetric(float64(rss(p)>>20), "MB")
	b.Log(usage(p))
}

// emptyCatalog has a thousand entities and a watch, and no sources.
func emptyCatalog(b *testing.B) string {
	var y strings.Builder
	y.WriteString("entities:\n")
	for i := range 1000 {
		fmt.Fprintf(&y, "  - { id: e%d, name: Name%d, kind: person, names: [Namely Name%d, { text: Имя%d Фамилов%d, lang: ru }] }\n", i, i, i, i, i)
	}
	y.WriteString("channels: [ { id: log, kind: log } ]\nwatches: [ { id: w, name: W, query: \"huawei OR 华为\", to: [log] } ]\n")
	return writeFile(b, filepath.Join(b.TempDir(), "catalog.yaml"), y.String())
}

// writeNews writes the first n articles of the corpus as load takes them.
func writeNews(w io.Writer, dir string, n int) error {
	enc := json.NewEncoder(w)
	base := time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC)
	i := 0
	for a, err := range corpora.News(dir) {
		if err != nil || i == n {
			return err
		}
		err := enc.Encode(map[string]any{
			"url": fmt.Sprintf("https://%s.example/%d", "h"+strconv.Itoa(i%200), i), "title": a.Title, "text": a.Body,
			"lang": a.Lang, "published": base.Add(time.Duration(i) * time.Minute),
		})
		if err != nil {
			return err
		}
		i++
	}
	return nil
}
