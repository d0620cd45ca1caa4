// Package doctor looks for what keeps newswatch from working well. In go the
// data folder and a client of the running server, out come checks with a
// verdict, what was found and what to do about it.
package doctor

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/newswatch/newswatch/cmd/internal/client"
	"github.com/newswatch/newswatch/web"
)

// Verdicts of a check.
const (
	Good = "ok"
	Warn = "warn"
	Bad  = "BAD"
)

// A Check is one thing looked at.
type Check struct {
	Name    string
	Verdict string
	Detail  string
	Advice  string // what to do; empty when all is well
}

const (
	lowDisk   = 5 << 30   // bytes free: warn below
	noDisk    = 1 << 30   // bytes free: bad below
	lowMemory = 512 << 20 // bytes free: warn below; what newswatch takes under full load
	behind    = 10_000    // messages waiting for a stage: warn above
	maxFails  = 5         // failing feeds named
	maxSkew   = time.Minute
	askWait   = 10 * time.Second // bounds the question to the server
)

// minYear is of no importance but that this program was not there before it.
const minYear = 2025

// A Server answers questions under /api/v1; *client.Client is one.
type Server interface {
	Get(ctx context.Context, path string, query url.Values, out any) error
}

// Run makes all the checks. Without a server running, those of the server are
// left out.
func Run(ctx context.Context, s Server, data string) []Check {
	meminfo, _ := os.ReadFile("/proc/meminfo") // not there: the check is left out
	checks := []Check{machine(), memory(string(meminfo)), folder(data), disk(freeBytes(data)), clock(time.Now())}
	checks = slices.DeleteFunc(checks, func(c Check) bool { return c.Name == "" })
	ctx, cancel := context.WithTimeout(ctx, askWait)
	defer cancel()
	return append(checks, server(ctx, s)...)
}

func machine() Check {
	return Check{"machine", Good, fmt.Sprintf("%s/%s, %d processors, %s", runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), runtime.Version()), ""}
}

// memory reads Linux's /proc/meminfo: lines such as "MemAvailable: 123 kB".
// Without that line there is no check.
func memory(meminfo string) Check {
	for line := range strings.Lines(meminfo) {
		f := strings.Fields(line)
		if len(f) < 2 || f[0] != "MemAvailable:" {
			continue
		}
		kib, err := strconv.ParseUint(f[1], 10, 64)
		if err != nil {
			break
		}
		c := Check{"memory", Good, fmt.Sprintf("%.1f GB available", float64(kib<<10)/1e9), ""}
		if kib<<10 < lowMemory {
			c.Verdict, c.Advice = Warn, "newswatch takes up to 0.5 GB under full load"
		}
		return c
	}
	return Check{}
}

func folder(data string) Check {
	abs, err := filepath.Abs(data)
	if err != nil {
		abs = data
	}
	info, err := os.Stat(data)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return Check{"data folder", Good, abs + " is not there yet", ""}
	case err != nil:
		return Check{"data folder", Bad, err.Error(), "make it readable for this user, or name another with --data"}
	case !info.IsDir():
		return Check{"data folder", Bad, abs + " is not a folder", "name another with --data"}
	}
	probe, err := os.CreateTemp(data, ".doctor-")
	if err != nil {
		return Check{"data folder", Bad, err.Error(), "make it writable for the user that runs newswatch"}
	}
	probe.Close()
	if err := os.Remove(probe.Name()); err != nil {
		return Check{"data folder", Warn, err.Error(), "remove that file"}
	}
	return Check{"data folder", Good, abs + " is writable", ""}
}

// freeBytes is what may still be written where the folder is or will be: its
// nearest parent tells.
func freeBytes(dir string) (uint64, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return 0, err
	}
	for {
		var fs syscall.Statfs_t
		err := syscall.Statfs(dir, &fs)
		if err == nil {
			return fs.Bavail * uint64(fs.Bsize), nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return 0, fmt.Errorf("free disk of %s: %w", dir, err)
		}
		dir = parent
	}
}

func disk(free uint64, err error) Check {
	if err != nil {
		return Check{"disk", Warn, err.Error(), ""}
	}
	c := Check{"disk", Good, fmt.Sprintf("%.1f GB free", float64(free)/1e9), ""}
	switch {
	case free < noDisk:
		c.Verdict, c.Advice = Bad, "free some space: newswatch stops taking items when it runs out"
	case free < lowDisk:
		c.Verdict, c.Advice = Warn, "free some space, or lower nats.max_store"
	}
	return c
}

// clock finds a clock that was never set: ids begin with the time.
func clock(now time.Time) Check {
	if now.Year() < minYear {
		return Check{"clock", Bad, now.Format(time.RFC3339), "set the clock: articles are filed by it"}
	}
	return Check{"clock", Good, now.Format(time.RFC3339), ""}
}

// server asks the running server how it goes.
func server(ctx context.Context, s Server) []Check {
	var st web.Status
	err := s.Get(ctx, "/api/v1/status", nil, &st)
	switch {
	case errors.Is(err, client.ErrNotRunning):
		return []Check{{"server", Warn, err.Error(), ""}}
	case errors.Is(err, context.DeadlineExceeded):
		return []Check{{"server", Bad, fmt.Sprintf("no answer within %v", askWait), "look into its log"}}
	case err != nil:
		return []Check{{"server", Bad, err.Error(), advice(err)}}
	}
	up := time.Duration(st.UptimeS) * time.Second
	return []Check{
		{"server", Good, fmt.Sprintf("%s, up %v", st.Version, up), ""},
		skew(time.Now(), st.Started.Add(up)),
		stages(st), deadLetters(st), feeds(st), index(st), shards(st), serverDisk(st),
	}
}

// advice is for an error the server answered with.
func advice(err error) string {
	var p *client.Problem
	switch {
	case errors.Is(err, client.ErrNotNewswatch):
		return "name the right one with --server"
	case errors.As(err, &p) && p.Status == 401:
		return ""
	}
	return "look into its log"
}

// skew compares this clock with the server's, which answers to the second.
func skew(here, there time.Time) Check {
	d := here.Sub(there).Abs().Round(time.Second)
	if d > maxSkew {
		return Check{"server clock", Warn, fmt.Sprintf("%v apart from the clock here", d), "set both: articles are filed by the server's"}
	}
	return Check{"server clock", Good, "as here", ""}
}

func stages(st web.Status) Check {
	var late []string
	for _, s := range st.Stages {
		if s.Pending > behind {
			late = append(late, fmt.Sprintf("%s has %d waiting", s.Stage, s.Pending))
		}
	}
	if len(late) > 0 {
		return Check{"stages", Warn, strings.Join(late, ", "), "normal after a long pause; else the machine is too small or a receiver is slow"}
	}
	return Check{"stages", Good, fmt.Sprintf("%d, none behind", len(st.Stages)), ""}
}

func deadLetters(st web.Status) Check {
	if st.Dead > 0 {
		return Check{"dead letters", Warn, strconv.Itoa(st.Dead), "see `newswatch dead list`"}
	}
	return Check{"dead letters", Good, "none", ""}
}

func feeds(st web.Status) Check {
	f := st.Feeds
	detail := fmt.Sprintf("%d, %d polled, %d failing", f.Total, f.Polled, len(f.Failing))
	if f.Total == 0 {
		return Check{"feeds", Warn, detail, "add some with `newswatch apply`"}
	}
	if len(f.Failing) == 0 {
		return Check{"feeds", Good, detail, ""}
	}
	var named []string
	for _, x := range f.Failing[:min(len(f.Failing), maxFails)] {
		named = append(named, x.URL+" ("+x.Reason+")")
	}
	if more := len(f.Failing) - len(named); more > 0 {
		named = append(named, fmt.Sprintf("and %d more", more))
	}
	return Check{"feeds", Warn, detail + ": " + strings.Join(named, "; "), "see `newswatch get status`"}
}

func index(st web.Status) Check {
	c := Check{"index", Good, fmt.Sprintf("%d articles, %.1f MB, %d partitions", st.Index.Documents, float64(st.Index.Bytes)/1e6, st.Index.Partitions), ""}
	if notes := st.Index.Notes(); len(notes) > 0 {
		c.Verdict, c.Advice = Warn, "see RELIABILITY.md for what each means"
		c.Detail += ": " + strings.Join(notes, " ")
	}
	if st.Index.Stopped != "" {
		c.Verdict, c.Advice = Bad, "make room on the disk: writing then goes on by itself"
	}
	return c
}

// shards finds shards that nobody answers for, and replicas that are not what
// they should be.
func shards(st web.Status) Check {
	var none, odd []string
	replicas, live := 0, 0
	for _, s := range st.Index.Shards {
		answering := 0
		bySeq := make(map[uint64]web.ReplicaStatus) // those that lack nothing
		for _, r := range s.Replicas {
			name := fmt.Sprintf("replica %s of shard %d (%s)", r.Replica, s.Shard, r.Node)
			replicas++
			if r.State == web.ReplicaReady || r.State == web.ReplicaBehind {
				answering++
			} else {
				odd = append(odd, name+" is "+r.State)
			}
			if r.Note != "" {
				odd = append(odd, name+": "+r.Note)
			}
			if r.State != web.ReplicaReady || r.Lag > 0 {
				continue
			}
			if o, ok := bySeq[r.Seq]; ok && o.Documents != r.Documents {
				odd = append(odd, fmt.Sprintf("%s has %d articles, %s has %d at the same sequence", name, r.Documents, o.Replica, o.Documents))
			}
			bySeq[r.Seq] = r
		}
		live += answering
		if answering == 0 {
			none = append(none, fmt.Sprintf("shard %d has no replica that answers", s.Shard))
		}
	}
	switch {
	case len(st.Index.Shards) == 0:
		return Check{"shards", Warn, "not known", "look into the server's log"}
	case len(none) > 0:
		return Check{"shards", Bad, strings.Join(append(none, odd...), "; "), "start a process with the index role that holds it (index.hold)"}
	case len(odd) > 0:
		return Check{"shards", Warn, strings.Join(odd, "; "), "start what is down; a copy that lacks articles fetches a new one as soon as a replica that lacks nothing is up"}
	}
	return Check{"shards", Good, fmt.Sprintf("%d, %d of %d replicas answer", len(st.Index.Shards), live, replicas), ""}
}

// serverDisk is the disk the server has its data on, which may be another.
func serverDisk(st web.Status) Check {
	if st.Disk.Total == 0 {
		return Check{"server disk", Good, "not known", ""}
	}
	c := disk(st.Disk.Free, nil)
	c.Name = "server disk"
	return c
}
