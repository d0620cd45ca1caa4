// Package doctor looks for what keeps newswatch from working well. In go the
// data folder and a client of the running server, out come checks with a
// verdict, what was found and what to do about it.
package doctor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
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
	lowDisk  = 5 << 30 // bytes free: warn below
	noDisk   = 1 << 30 // bytes free: bad below
	behind   = 10_000  // messages pending in a stage: warn above
	maxFails = 5       // failing feeds named
)

// Run makes all the checks. Without a server running, those of the server are
// left out.
func Run(ctx context.Context, c *client.Client, data string) []Check {
	checks := []Check{machine(), folder(data), disk(data), clock(time.Now())}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	var st web.Status
	err := c.Get(ctx, "/api/v1/status", nil, &st)
	if err != nil {
		check := Check{"server", Warn, err.Error(), ""}
		if !errors.Is(err, client.ErrNotRunning) {
			check.Verdict, check.Advice = Bad, "look into its log"
		}
		return append(checks, check)
	}
	checks = append(checks, Check{"server", Good, fmt.Sprintf("%s, up %v", st.Version, time.Duration(st.UptimeS)*time.Second), ""})
	return append(checks, stages(st), deadLetters(st), feedsOf(st), index(st))
}

func machine() Check {
	return Check{"machine", Good, fmt.Sprintf("%s/%s, %d processors, %s", runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), runtime.Version()), ""}
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
		return Check{"data folder", Bad, err.Error(), "make it readable for this user"}
	case !info.IsDir():
		return Check{"data folder", Bad, abs + " is not a folder", "name another with --data"}
	}
	probe, err := os.CreateTemp(data, ".doctor-")
	if err != nil {
		return Check{"data folder", Bad, err.Error(), "make it writable for the user that runs newswatch"}
	}
	probe.Close()
	if err := os.Remove(probe.Name()); err != nil {
		return Check{"data folder", Warn, err.Error(), ""}
	}
	return Check{"data folder", Good, abs + " is writable", ""}
}

func disk(data string) Check {
	dir := data
	for { // the folder may not be there yet: its nearest parent tells
		var fs syscall.Statfs_t
		err := syscall.Statfs(dir, &fs)
		if err == nil {
			free := fs.Bavail * uint64(fs.Bsize)
			c := Check{"disk", Good, fmt.Sprintf("%.1f GB free", float64(free)/1e9), ""}
			switch {
			case free < noDisk:
				c.Verdict, c.Advice = Bad, "free some space: newswatch stops taking items when it runs out"
			case free < lowDisk:
				c.Verdict, c.Advice = Warn, "free some space, or lower nats.max_store"
			}
			return c
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return Check{"disk", Warn, err.Error(), ""}
		}
		dir = parent
	}
}

// clock finds a clock that was never set: ids begin with the time.
func clock(now time.Time) Check {
	if now.Year() < 2025 {
		return Check{"clock", Bad, now.Format(time.RFC3339), "set the clock: articles are filed by it"}
	}
	return Check{"clock", Good, now.Format(time.RFC3339), ""}
}

func stages(st web.Status) Check {
	var late, all []string
	for _, s := range st.Stages {
		if s.Pending > behind {
			late = append(late, fmt.Sprintf("%s has %d waiting", s.Stage, s.Pending))
		}
		all = append(all, s.Stage)
	}
	if len(late) > 0 {
		return Check{"stages", Warn, strings.Join(late, ", "), "normal after a long pause; else the machine is too small or a receiver is slow"}
	}
	slices.Sort(all)
	return Check{"stages", Good, fmt.Sprintf("%d, none behind", len(all)), ""}
}

func deadLetters(st web.Status) Check {
	if st.Dead > 0 {
		return Check{"dead letters", Warn, fmt.Sprint(st.Dead), "see `newswatch dead list`"}
	}
	return Check{"dead letters", Good, "none", ""}
}

func feedsOf(st web.Status) Check {
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
	return Check{"feeds", Warn, detail + ": " + strings.Join(named, "; "), ""}
}

func index(st web.Status) Check {
	return Check{"index", Good, fmt.Sprintf("%d articles, %.1f MB, %d partitions", st.Index.Documents, float64(st.Index.Bytes)/1e6, st.Index.Partitions), ""}
}
