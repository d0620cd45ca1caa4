package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/newswatch/newswatch/cmd/internal/client"
	"github.com/newswatch/newswatch/pipeline"
	"github.com/newswatch/newswatch/web"
)

func TestMemory(t *testing.T) {
	tests := []struct {
		name, meminfo string
		want          Check
	}{
		{"enough", "MemTotal: 16000000 kB\nMemAvailable:    8000000 kB\n", Check{"memory", Good, "8.2 GB available", ""}},
		{"just enough", "MemAvailable: 524288 kB\n", Check{"memory", Good, "0.5 GB available", ""}},
		{"little", "MemAvailable: 524287 kB\n", Check{"memory", Warn, "0.5 GB available", "newswatch takes up to 0.5 GB under full load"}},
		{"none", "MemAvailable: 0 kB", Check{"memory", Warn, "0.0 GB available", "newswatch takes up to 0.5 GB under full load"}},
		{"no such line", "MemTotal: 16000000 kB\n", Check{}},
		{"not a number", "MemAvailable: lots kB\n", Check{}},
		{"cut off", "MemAvailable:", Check{}},
		{"another system", "", Check{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, memory(tt.meminfo)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestDisk(t *testing.T) {
	tests := []struct {
		free uint64
		err  error
		want Check
	}{
		{100e9, nil, Check{"disk", Good, "100.0 GB free", ""}},
		{5 << 30, nil, Check{"disk", Good, "5.4 GB free", ""}},
		{5<<30 - 1, nil, Check{"disk", Warn, "5.4 GB free", "free some space, or lower nats.max_store"}},
		{1 << 30, nil, Check{"disk", Warn, "1.1 GB free", "free some space, or lower nats.max_store"}},
		{1<<30 - 1, nil, Check{"disk", Bad, "1.1 GB free", "free some space: newswatch stops taking items when it runs out"}},
		{0, errors.New("no such device"), Check{"disk", Warn, "no such device", ""}},
	}
	for _, tt := range tests {
		if diff := cmp.Diff(tt.want, disk(tt.free, tt.err)); diff != "" {
			t.Errorf("%d bytes: %s", tt.free, diff)
		}
	}
}

// The folder may not be there yet: its nearest parent tells.
func TestFreeBytes(t *testing.T) {
	dir := t.TempDir()
	here, err := freeBytes(dir)
	if err != nil || here == 0 {
		t.Fatalf("freeBytes = %d, %v", here, err)
	}
	if _, err := freeBytes(filepath.Join(dir, "not", "there", "yet")); err != nil {
		t.Error(err)
	}
}

func TestFolder(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, data, verdict, detail string
	}{
		{"good", dir, Good, "is writable"},
		{"not there yet", filepath.Join(dir, "new"), Good, "is not there yet"},
		{"a file", file, Bad, "is not a folder"},
		{"below a file", filepath.Join(file, "data"), Bad, "not a directory"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := folder(tt.data)
			if got.Verdict != tt.verdict || !strings.Contains(got.Detail, tt.detail) {
				t.Errorf("got %+v, want %s and …%s…", got, tt.verdict, tt.detail)
			}
			if (got.Advice == "") != (tt.verdict == Good) {
				t.Errorf("advice is %q", got.Advice)
			}
		})
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("the check left something behind: %v, %v", entries, err)
	}
	if os.Geteuid() == 0 {
		return // nothing is read-only to root
	}
	if err := os.Chmod(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	if got := folder(dir); got.Verdict != Bad || !strings.Contains(got.Advice, "writable") {
		t.Errorf("a read-only folder: %+v", got)
	}
}

func TestClock(t *testing.T) {
	if got := clock(time.Unix(0, 0).UTC()); got.Verdict != Bad {
		t.Errorf("a clock never set: %+v", got)
	}
	if got := clock(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)); got.Verdict != Good {
		t.Errorf("a good clock: %+v", got)
	}
}

func TestSkew(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for d, want := range map[time.Duration]string{
		0: Good, time.Second: Good, time.Minute: Good, -time.Minute: Good, 2 * time.Minute: Warn, -3 * time.Hour: Warn,
	} {
		if got := skew(now, now.Add(d)); got.Verdict != want {
			t.Errorf("%v apart: %+v, want %s", d, got, want)
		}
	}
}

func TestOfStatus(t *testing.T) {
	failing := func(n int) web.FeedsStatus {
		f := web.FeedsStatus{Total: 9, Polled: 9}
		for i := range n {
			f.Failing = append(f.Failing, web.FeedStatus{URL: fmt.Sprintf("https://f%d.example/rss", i), Reason: "dns"})
		}
		return f
	}
	tests := []struct {
		name string
		got  Check
		want Check
	}{
		{
			"stages at rest", stages(web.Status{Stages: []pipeline.StageStatus{{Stage: "a"}, {Stage: "b", Pending: 10_000}}}),
			Check{"stages", Good, "2, none behind", ""},
		},
		{
			"stages behind", stages(web.Status{Stages: []pipeline.StageStatus{{Stage: "a", Pending: 10_001}, {Stage: "b"}, {Stage: "c", Pending: 20_000}}}),
			Check{"stages", Warn, "a has 10001 waiting, c has 20000 waiting", "normal after a long pause; else the machine is too small or a receiver is slow"},
		},
		{"no dead letters", deadLetters(web.Status{}), Check{"dead letters", Good, "none", ""}},
		{"dead letters", deadLetters(web.Status{Dead: 3}), Check{"dead letters", Warn, "3", "see `newswatch dead list`"}},
		{"no feeds", feeds(web.Status{}), Check{"feeds", Warn, "0, 0 polled, 0 failing", "add some with `newswatch apply`"}},
		{"feeds well", feeds(web.Status{Feeds: failing(0)}), Check{"feeds", Good, "9, 9 polled, 0 failing", ""}},
		{
			"a feed fails", feeds(web.Status{Feeds: failing(1)}),
			Check{"feeds", Warn, "9, 9 polled, 1 failing: https://f0.example/rss (dns)", "see `newswatch get status`"},
		},
		{
			"many feeds fail", feeds(web.Status{Feeds: failing(7)}),
			Check{"feeds", Warn, "9, 9 polled, 7 failing: https://f0.example/rss (dns); https://f1.example/rss (dns); " +
				"https://f2.example/rss (dns); https://f3.example/rss (dns); https://f4.example/rss (dns); and 2 more", "see `newswatch get status`"},
		},
		{
			"index", index(web.Status{Index: web.IndexStatus{Documents: 12, Bytes: 3_400_000, Partitions: 2}}),
			Check{"index", Good, "12 articles, 3.4 MB, 2 partitions", ""},
		},
		{
			"an index that was damaged", index(web.Status{Index: web.IndexStatus{
				Documents: 12, Bytes: 3_400_000, Partitions: 2, Outdated: 1, Failing: []string{"2015-11: it is down"},
				Recoveries: []web.IndexRecovery{{Partition: "2015-12", Found: time.Date(2015, 12, 16, 9, 0, 0, 0, time.UTC), Running: true, Recovered: 5, Stream: 2, Lost: 1, LostFrom: "a", LostTo: "b"}},
			}}),
			Check{
				"index", Warn, "12 articles, 3.4 MB, 2 partitions: Partition 2015-11: it is down. Partition 2015-12 was damaged (found 2015-12-16 09:00): " +
					"what can be read of it is being recovered; 5 articles recovered from itself, 2 from the stream, 1 lost, from a to b. " +
					"1 of 2 partitions were made by an older version: `newswatch reindex` makes them anew.",
				"see RELIABILITY.md for what each means",
			},
		},
		{
			"an index without room", index(web.Status{Index: web.IndexStatus{Stopped: "5 MB are free"}}),
			Check{"index", Bad, "0 articles, 0.0 MB, 0 partitions: Nothing is written: 5 MB are free.", "make room on the disk: writing then goes on by itself"},
		},
		{
			"shards well", shards(web.Status{Index: web.IndexStatus{Shards: []web.ShardStatus{
				{Shard: 0, Replicas: []web.ReplicaStatus{{Replica: "a", State: "ready", Documents: 7, Seq: 9}, {Replica: "b", State: "ready", Documents: 6, Seq: 8}}},
				{Shard: 1, Replicas: []web.ReplicaStatus{{Replica: "a", State: "catching up", Documents: 1, Seq: 8, Lag: 5}}},
			}}}),
			Check{"shards", Good, "2, 3 of 3 replicas answer", ""},
		},
		{
			"a shard without a replica", shards(web.Status{Index: web.IndexStatus{Shards: []web.ShardStatus{
				{Shard: 0, Replicas: []web.ReplicaStatus{{Replica: "a", State: "ready"}}},
				{Shard: 1, Replicas: []web.ReplicaStatus{{Replica: "b", Node: "n2", State: "lost"}}},
			}}}),
			Check{"shards", Bad, "shard 1 has no replica that answers; replica b of shard 1 (n2) is lost", "start a process with the index role that holds it (index.hold)"},
		},
		{
			"replicas that differ", shards(web.Status{Index: web.IndexStatus{Shards: []web.ShardStatus{
				{Shard: 0, Replicas: []web.ReplicaStatus{
					{Replica: "a", Node: "n1", State: "ready", Documents: 7, Seq: 9}, {Replica: "b", Node: "n2", State: "ready", Documents: 6, Seq: 9, Note: "it is short"},
				}},
			}}}),
			Check{
				"shards", Warn, "replica b of shard 0 (n2): it is short; replica b of shard 0 (n2) has 6 articles, a has 7 at the same sequence",
				"start what is down; a copy that lacks articles fetches a new one as soon as a replica that lacks nothing is up",
			},
		},
		{"server's disk not known", serverDisk(web.Status{}), Check{"server disk", Good, "not known", ""}},
		{
			"server's disk full", serverDisk(web.Status{Disk: web.DiskStatus{Total: 100e9}}),
			Check{"server disk", Bad, "0.0 GB free", "free some space: newswatch stops taking items when it runs out"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, tt.got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// answering is a server that answers its status or an error.
type answering struct {
	status web.Status
	err    error
	path   string
}

func (a *answering) Get(_ context.Context, path string, _ url.Values, out any) error {
	a.path = path
	if a.err != nil {
		return a.err
	}
	data, err := json.Marshal(a.status)
	if err != nil {
		return err
	}
	return json.Unmarshal(data, out)
}

func TestServer(t *testing.T) {
	tests := []struct {
		name string
		err  error
		want Check
	}{
		{"not running", fmt.Errorf("http://x: %w", client.ErrNotRunning), Check{"server", Warn, "http://x: no newswatch is running there", ""}},
		{"something else", fmt.Errorf("http://x: %w", client.ErrNotNewswatch), Check{"server", Bad, "http://x: what answers there is not newswatch", "name the right one with --server"}},
		{"too slow", fmt.Errorf("get: %w", context.DeadlineExceeded), Check{"server", Bad, "no answer within 10s", "look into its log"}},
		{"token", &client.Problem{Status: 401, Detail: "A token is needed."}, Check{"server", Bad, "A token is needed.\n  Give it in NEWSWATCH_TOKEN or with --token-file.", ""}},
		{"ill", &client.Problem{Status: 500, Detail: "Status failed."}, Check{"server", Bad, "Status failed.", "look into its log"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := server(t.Context(), &answering{err: tt.err})
			if diff := cmp.Diff([]Check{tt.want}, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestRun(t *testing.T) {
	s := &answering{status: web.Status{Version: "v1.2.3", Started: time.Now().Add(-time.Hour), UptimeS: 3600}}
	got := make(map[string]Check)
	for _, c := range Run(t.Context(), s, t.TempDir()) {
		if c.Name == "" || c.Verdict == "" || c.Detail == "" {
			t.Errorf("a check says nothing: %+v", c)
		}
		if _, twice := got[c.Name]; twice {
			t.Errorf("%s is there twice", c.Name)
		}
		got[c.Name] = c
	}
	if s.path != "/api/v1/status" {
		t.Errorf("asked %s", s.path)
	}
	for _, name := range []string{"machine", "data folder", "disk", "clock", "server", "server clock", "stages", "dead letters", "feeds", "index", "server disk"} {
		if _, ok := got[name]; !ok {
			t.Errorf("no check of %s", name)
		}
	}
	if got["server"].Detail != "v1.2.3, up 1h0m0s" || got["server clock"].Verdict != Good {
		t.Errorf("server: %+v, %+v", got["server"], got["server clock"])
	}
}
