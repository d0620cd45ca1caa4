package app_test

import (
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/newswatch/newswatch/pipeline"
	"github.com/newswatch/newswatch/web"
)

// Two shards with two replicas each, every one a process. One of each is frozen,
// then killed, in the midst of queries: every answer is whole. The killed come
// back, another one joins, and all have the same.
func TestShardsKilled(t *testing.T) {
	const articles = 240
	bin := newswatch.build(t, "newswatch", "github.com/newswatch/newswatch/cmd/newswatch")
	dir := t.TempDir()
	nats, addr := fmt.Sprintf("127.0.0.1:%d", freePort(t)), fmt.Sprintf("127.0.0.1:%d", freePort(t))
	settings := writeFile(t, filepath.Join(dir, "front.yaml"), "nats: { listen: "+nats+" }\nroles: [fetch, extract, stories, alerts, web]\nindex: { shards: 2 }\n")
	catalog := writeFile(t, filepath.Join(dir, "catalog.yaml"), "entities: [ { id: huawei, name: Huawei, kind: organization, names: [Huawei] } ]\n")
	s := server{t, "http://" + addr}
	front := start(t, "front", bin, "run", "--config", settings, "--data", filepath.Join(dir, "front"), "--catalog", catalog, "--listen", addr)
	node := func(name, hold string) *proc {
		return start(t, name, bin, "run", "--nats", "nats://"+nats, "--role", "index", "--hold", hold, "--data", filepath.Join(dir, name))
	}
	until(t, 30*time.Second, "the front lives", func() (string, bool) {
		err := s.get("/livez", nil)
		return fmt.Sprint(err), err == nil && !front.ended()
	})
	nodes := map[string]*proc{"a0": node("a0", "0"), "b0": node("b0", "0"), "a1": node("a1", "1"), "b1": node("b1", "1")}
	s.ready(front)
	load := func(from, to int) {
		t.Helper()
		var lines strings.Builder
		for i := from; i < to; i++ {
			fmt.Fprintf(&lines, `{"url":"https://a.example/%d","title":"Number %d","text":"Huawei number %d says this and that.","published":"2015-12-%02dT09:00:00Z","lang":"en"}`+"\n", i, i, i, 1+i%28)
		}
		resp, err := http.Post(s.url+"/api/v1/articles", "application/jsonl", strings.NewReader(lines.String()))
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if b, _ := io.ReadAll(resp.Body); resp.StatusCode != http.StatusOK {
			t.Fatalf("load: %s: %s", resp.Status, b)
		}
	}
	// same waits until every replica there is has what the other of its shard
	// has, and all together have want.
	same := func(replicas, want int) {
		t.Helper()
		until(t, 60*time.Second, "all replicas have the same", func() (string, bool) {
			var st web.Status
			if err := s.get("/api/v1/status", &st); err != nil {
				return err.Error(), false
			}
			live, sum, ok := 0, 0, true
			for _, sh := range st.Index.Shards {
				most := 0
				for _, r := range sh.Replicas {
					if r.State != web.ReplicaReady {
						continue
					}
					live++
					if most > 0 && int(r.Documents) != most {
						ok = false
					}
					most = max(most, int(r.Documents))
				}
				sum += most
			}
			return fmt.Sprintf("%d replicas ready, %d articles: %+v", live, sum, st.Index.Shards), ok && live == replicas && sum == want
		})
	}
	load(0, articles)
	same(4, articles)

	// From here on every answer must be whole.
	var asked, slowest atomic.Int64
	done := make(chan struct{})
	var asking sync.WaitGroup
	for range 4 {
		asking.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				began := time.Now()
				var res pipeline.SearchResult
				err := s.get("/api/v1/search?q=huawei&limit=10&facets=source&collapse=stories", &res)
				if took := time.Since(began).Milliseconds(); took > slowest.Load() {
					slowest.Store(took)
				}
				if err != nil || res.Total != articles || !res.TotalExact || len(res.Hits) != 10 || len(res.Warnings) > 0 {
					t.Errorf("while replicas die: total %d (exact: %v), %d hits, warnings %q, %v", res.Total, res.TotalExact, len(res.Hits), res.Warnings, err)
					return
				}
				asked.Add(1)
			}
		})
	}
	answers := func(n int64) {
		t.Helper()
		from := asked.Load()
		until(t, 60*time.Second, fmt.Sprintf("%d more answers", n), func() (string, bool) {
			return fmt.Sprint(asked.Load() - from), asked.Load()-from >= n || t.Failed()
		})
	}
	answers(50)
	nodes["a0"].cmd.Process.Signal(syscall.SIGSTOP)
	answers(50)
	nodes["a0"].kill()
	answers(20)
	nodes["b1"].kill()
	answers(100)
	close(done)
	asking.Wait()
	t.Logf("%d answers, the slowest after %d ms", asked.Load(), slowest.Load())

	// What comes meanwhile is there when they return; a new one fetches all.
	load(articles, articles+60)
	node("a0", "0")
	node("b1", "1")
	node("new", "0,1")
	same(6, articles+60)
	if n := s.total("huawei"); n != articles+60 {
		t.Errorf("%d articles, want %d", n, articles+60)
	}
	for _, p := range nodes {
		if strings.Contains(p.output(), "panic:") {
			t.Errorf("%s panicked:\n%s", p.name, tail(p.output(), 4000))
		}
	}
}
