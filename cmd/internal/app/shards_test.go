package app

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/newswatch/newswatch/cmd/internal/shards"
	"github.com/newswatch/newswatch/pipeline"
)

// A cluster is one process with all roles but index, and index nodes.
type cluster struct {
	t     *testing.T
	dir   string
	n     int
	front *running
	nodes map[string]*running
}

func newCluster(t *testing.T, n int) *cluster {
	c := &cluster{t: t, dir: t.TempDir(), n: n, nodes: make(map[string]*running)}
	c.front = runApp(t, filepath.Join(c.dir, "front"), func(o *Options) {
		o.Config.NATS.Listen = "127.0.0.1:0"
		o.Config.Roles = []string{RoleFetch, RoleExtract, RoleStories, RoleAlerts, RoleWeb}
		o.Config.Index.Shards = n
	})
	return c
}

// start runs an index node that holds the shards; none: all.
func (c *cluster) start(name string, hold ...int) *running {
	c.t.Helper()
	r := runApp(c.t, filepath.Join(c.dir, name), func(o *Options) {
		o.Config.NATS.URL = c.front.app.node.ClientURL()
		o.Config.NATS.Node = name
		o.Config.Roles = []string{RoleIndex}
		o.Config.Web.Listen = ""
		o.Config.Index.Hold = hold
	})
	c.nodes[name] = r
	return r
}

func (c *cluster) load(from, to int) {
	c.t.Helper()
	var lines strings.Builder
	for i := from; i < to; i++ {
		fmt.Fprintf(&lines, `{"url":"https://a.example/%d","title":"Number %d","text":"Huawei number %d says this and that.","published":"2015-12-%02dT09:00:00Z","lang":"en"}`+"\n", i, i, i, 1+i%28)
	}
	c.front.load(lines.String(), false)
}

// search asks as the pages do, but for the errors: a node may not be there yet.
func (c *cluster) search() (pipeline.SearchResult, error) {
	return c.front.app.corpus.Search(c.t.Context(), pipeline.SearchRequest{Query: "huawei"})
}

// whole waits until the search finds so many articles with nothing missing, and
// checks that every one is found once, page by page.
func (c *cluster) whole(want int) {
	c.t.Helper()
	eventually(c.t, fmt.Sprintf("%d articles searchable", want), func() bool {
		res, err := c.search()
		return err == nil && res.Total == want && res.TotalExact
	})
	seen := make(map[string]bool)
	for cursor := ""; ; {
		res := c.front.search("huawei&limit=7&cursor=" + cursor)
		if res.Total != want || !res.TotalExact || len(res.Warnings) > 0 {
			c.t.Errorf("total %d (exact: %v), warnings %q; want %d, exact", res.Total, res.TotalExact, res.Warnings, want)
		}
		for _, h := range res.Hits {
			if seen[h.ID] {
				c.t.Errorf("article %s twice", h.ID)
			}
			seen[h.ID] = true
		}
		if cursor = res.NextCursor; cursor == "" {
			break
		}
	}
	if len(seen) != want {
		c.t.Errorf("%d articles over all pages, want %d", len(seen), want)
	}
}

// same checks that two nodes have the same articles of a shard.
func (c *cluster) same(shard int, a, b string) {
	c.t.Helper()
	all := func(name string) map[string]pipeline.Article {
		ix := c.nodes[name].app.index.Index(shard)
		if ix == nil {
			c.t.Fatalf("%s has no copy of shard %d", name, shard)
		}
		res, err := ix.IDs(c.t.Context(), pipeline.IDsRequest{Limit: 1000})
		if err != nil {
			c.t.Fatal(err)
		}
		out := make(map[string]pipeline.Article)
		for _, id := range res.IDs {
			if out[id], err = ix.Article(c.t.Context(), id); err != nil {
				c.t.Fatal(err)
			}
		}
		return out
	}
	ignored := cmpopts.IgnoreFields(pipeline.Article{}, "Indexed") // each by its own clock
	if diff := cmp.Diff(all(a), all(b), ignored); diff != "" {
		c.t.Errorf("shard %d of %s and %s differ:\n%s", shard, a, b, diff)
	}
}

// metric is the sum of a metric over its labels.
func metric(t *testing.T, r *running, name string) (sum float64) {
	t.Helper()
	families, err := r.app.reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		for _, m := range f.GetMetric() {
			sum += m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	return sum
}

// all is the replicas of all shards.
func (c *cluster) all() []shards.Replica {
	c.t.Helper()
	all, err := c.front.app.corpus.Replicas(c.t.Context())
	if err != nil {
		c.t.Fatal(err)
	}
	return all
}

// replicas is the states of a shard's replicas as the status has them, by node.
func (c *cluster) replicas(shard int) map[string]string {
	c.t.Helper()
	st, err := c.front.app.status(c.t.Context())
	if err != nil {
		c.t.Fatal(err)
	}
	out := make(map[string]string)
	for _, r := range st.Index.Shards[shard].Replicas {
		out[r.Node] = r.State
	}
	return out
}

// Two shards with two replicas each answer as one index, whoever of them is
// there, and what lacks a shard says so.
func TestShards(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 2)
	c.start("a", 0)
	c.start("b", 1)
	c.load(0, 60)
	c.whole(60)

	// Errors keep their class on the way between processes.
	var qe *pipeline.QueryError
	if _, err := c.front.app.corpus.Search(t.Context(), pipeline.SearchRequest{Query: "a AND ("}); !errors.As(err, &qe) || qe.Pos != 6 {
		t.Errorf("a query that is wrong: %v, want an error at 6 (the parenthesis)", err)
	}
	if _, err := c.front.app.corpus.Article(t.Context(), "20151216090000-0000000000000000"); !errors.Is(err, pipeline.ErrNotFound) {
		t.Errorf("an unknown article: %v, want ErrNotFound", err)
	}
	for _, h := range c.front.search("huawei&limit=5").Hits {
		if a, err := c.front.app.corpus.Article(t.Context(), h.ID); err != nil || a.ID != h.ID {
			t.Errorf("article %s: %s, %v", h.ID, a.ID, err)
		}
	}
	ids, err := c.front.app.corpus.IDs(t.Context(), pipeline.IDsRequest{Query: "huawei", Limit: 100})
	if err != nil || len(ids.IDs) != 60 || !slices.IsSortedFunc(ids.IDs, func(a, b string) int { return strings.Compare(b, a) }) {
		t.Errorf("ids: %d, %v; want 60, newest first", len(ids.IDs), err)
	}

	// A second replica of each; then the first are no more.
	eventually(t, "what a and b have is known", func() bool {
		known := 0
		for _, r := range c.all() {
			known += r.Documents
		}
		return known == 60
	})
	c.start("c", 0, 1)
	eventually(t, "c has both shards", func() bool {
		return c.replicas(0)["c"] == shards.StateReady && c.replicas(1)["c"] == shards.StateReady
	})
	for shard, peer := range []string{"a", "b"} {
		c.same(shard, "c", peer)
	}
	if n := metric(t, c.nodes["c"], "newswatch_index_articles_total"); n != 0 {
		t.Errorf("the new replica was handed %v articles by the stream, want none: it has its peers' copies", n)
	}
	c.load(60, 90)
	c.nodes["a"].stop()
	c.nodes["b"].stop()
	c.whole(90)
	if got := c.replicas(0)["a"]; got != shards.StateStopped {
		t.Errorf("state of a replica that ended is %q, want %q", got, shards.StateStopped)
	}

	// One that returns catches up.
	c.start("b", 1)
	c.nodes["c"].stop()
	eventually(t, "part of it is found, and said to be", func() bool {
		res, err := c.search()
		return err == nil && !res.TotalExact && res.Total > 30 && res.Total < 60 && slices.Equal(res.Warnings, []string{"partial: shard 0 does not answer"})
	})
	c.start("a", 0)
	c.whole(90)
}

// The number of shards is fixed when the installation is made.
func TestShardsAreFixed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	change := func(shards int) func(*Options) {
		return func(o *Options) { o.Config.Index.Shards = shards }
	}
	r := runApp(t, dir, change(3))
	if got := len(r.app.index.Indexes()); got != 3 {
		t.Errorf("%d shards are held, want 3", got)
	}
	r.load(wuzhen+moscow+unwanted, false)
	eventually(t, "three articles searchable", func() bool { return r.search("").Total == 3 })
	r.stop()
	tests := []struct {
		name   string
		change func(*Options)
		want   string
	}{
		{"another number", change(2), "made with 3, the configuration says 2"},
		{"too many", change(65), "65 is not between 1 and 64"},
		{"no such shard", func(o *Options) { o.Config.Index.Hold = []int{0, 3} }, "there is no shard 3"},
	}
	for _, tt := range tests {
		opts := r.app.opts
		opts.Config.Index.Shards = 0
		tt.change(&opts)
		a, err := New(t.Context(), opts)
		if err == nil {
			a.close()
			t.Errorf("%s: New succeeded", tt.name)
			continue
		}
		if !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q in it", tt.name, err, tt.want)
		}
	}
	r = runApp(t, dir, nil) // as it was made
	eventually(t, "three articles searchable again", func() bool { return r.search("").Total == 3 })
	if a := r.search("").Hits[0]; r.do("GET", "/api/v1/articles/"+a.ID, "", nil) != 200 {
		t.Errorf("article %s is not found", a.ID)
	}
	r.stop()

	// One that has articles from before has one.
	old := t.TempDir()
	r = runApp(t, old, nil)
	r.load(wuzhen, false)
	eventually(t, "an article searchable", func() bool { return r.search("").Total == 1 })
	kv, err := r.app.node.KV(t.Context(), pipeline.BucketCheckpoints)
	if err != nil {
		t.Fatal(err)
	}
	if err := kv.Delete(t.Context(), "shards"); err != nil {
		t.Fatal(err)
	}
	r.stop()
	opts := r.app.opts
	opts.Config.Index.Shards = 2
	if a, err := New(t.Context(), opts); err == nil {
		a.close()
		t.Error("an installation of one shard was opened with two")
	} else if want := "made with 1, the configuration says 2"; !strings.Contains(err.Error(), want) {
		t.Errorf("two shards where there is one: %v, want %q in it", err, want)
	}
}

// A backup has all shards, and what is restored of it too.
func TestBackupOfShards(t *testing.T) {
	t.Parallel()
	r := runApp(t, t.TempDir(), func(o *Options) { o.Config.Index.Shards = 2 })
	r.load(wuzhen+moscow+unwanted, false)
	eventually(t, "three articles searchable", func() bool { return r.search("").Total == 3 })
	saved := takeBackup(r, "")
	if _, err := VerifyBackup(t.Context(), bytes.NewReader(saved)); err != nil {
		t.Fatal(err)
	}
	r.load(`{"url":"https://a.example/later","title":"Later","text":"Nothing of it.","published":"2015-12-19T09:00:00Z"}`+"\n", false)
	dir := t.TempDir()
	if err := restoreTo(t, dir, saved); err != nil {
		t.Fatal(err)
	}
	again := runApp(t, dir, nil)
	if res := again.search(""); res.Total != 3 || !res.TotalExact {
		t.Errorf("restored: %d articles (exact: %v), want 3", res.Total, res.TotalExact)
	}
	again.load(`{"url":"https://a.example/more","title":"More","text":"More of it.","published":"2015-12-20T09:00:00Z"}`+"\n", false)
	eventually(t, "it goes on", func() bool { return again.search("").Total == 4 })
}
