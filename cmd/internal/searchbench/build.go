package searchbench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/newswatch/newswatch/index"
	"github.com/newswatch/newswatch/pipeline"
)

// Built is what making an index took.
type Built struct {
	Docs        int     `json:"docs"`
	TextBytes   int64   `json:"text_bytes"`   // titles and texts
	DiskBytes   int64   `json:"disk_bytes"`   // when all was written
	SealedBytes int64   `json:"sealed_bytes"` // when partitions past their time were sealed
	SealS       float64 `json:"seal_s"`
	WallS       float64 `json:"wall_s"`
	CPUS        float64 `json:"cpu_s"`    // of this process, analysis and merging included, making the articles not
	PeakRSS     int64   `json:"peak_rss"` // bytes; anonymous memory, mapped files apart
}

// batchDocs is a batch of a busy bus: about a megabyte of text.
const batchDocs = 500

// inFlight is how many batches may wait to be durable.
const inFlight = 4

// OpenIndex opens the index in dir.
func OpenIndex(log *slog.Logger, dir string) (*index.Index, error) {
	return index.Open(log, prometheus.NewRegistry(), index.Config{Dir: dir})
}

// An Engine is what is measured: the index, or something in its place.
type Engine interface {
	// Write takes up a batch and calls done when it is durable.
	Write(ctx context.Context, batch []pipeline.Stored[pipeline.Article], done func(error))
	// Search answers a request, or says [ErrCannot].
	Search(ctx context.Context, req pipeline.SearchRequest) (pipeline.SearchResult, error)
	// Bytes is what it takes on disk.
	Bytes() int64
}

// ErrCannot is the answer of an Engine to what it has no way to do.
var ErrCannot = errors.New("not possible with this engine")

type newswatch struct{ *index.Index }

func (n newswatch) Bytes() int64 { return n.Stats().Bytes }

// Newswatch is the index as an Engine.
func Newswatch(ix *index.Index) Engine { return newswatch{ix} }

// Build writes n articles of the corpus into the engine as the bus would: in
// batches, in the order they are published in, each acknowledged when it is
// durable. It says now and then on progress how far it is.
func Build(ctx context.Context, e Engine, c *Corpus, n int, progress io.Writer) (Built, error) {
	b := Built{Docs: n}
	stop := watchMemory(&b.PeakRSS)
	defer stop()
	var making time.Duration
	runtime.LockOSThread() // for threadTime
	defer runtime.UnlockOSThread()
	start, cpu := time.Now(), cpuTime()
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(inFlight)
	said := start
	for i := 0; i < n && ctx.Err() == nil; i += batchDocs {
		m := threadTime()
		batch := make([]pipeline.Stored[pipeline.Article], 0, batchDocs)
		for j := i; j < min(i+batchDocs, n); j++ {
			a := c.Article(j, n)
			b.TextBytes += int64(len(a.Title) + len(a.Text))
			batch = append(batch, pipeline.Stored[pipeline.Article]{Value: a, Seq: uint64(j + 1), Stored: a.FirstSeen})
		}
		making += threadTime() - m
		done := make(chan error, 1)
		e.Write(ctx, batch, func(err error) { done <- err })
		g.Go(func() error { return <-done })
		if time.Since(said) > 10*time.Second {
			said = time.Now()
			fmt.Fprintf(progress, "indexed %d of %d, %.0f/s\n", i+batchDocs, n, float64(i+batchDocs)/time.Since(start).Seconds())
		}
	}
	if err := errors.Join(g.Wait(), context.Cause(ctx)); err != nil && !errors.Is(err, context.Canceled) {
		return b, err
	}
	b.WallS = time.Since(start).Seconds()
	b.CPUS = (cpuTime() - cpu - making).Seconds()
	b.DiskBytes = e.Bytes()
	return b, nil
}

func cpuTime() time.Duration { return usage(syscall.RUSAGE_SELF) }

// threadTime is the processor time of the calling thread.
func threadTime() time.Duration { return usage(rusageThread) }

const rusageThread = 1 // RUSAGE_THREAD

func usage(who int) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(who, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// watchMemory keeps the most anonymous memory the process had.
func watchMemory(peak *int64) (stop func()) {
	quit, gone := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(gone)
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for {
			*peak = max(*peak, anonymous())
			select {
			case <-quit:
				return
			case <-tick.C:
			}
		}
	}()
	return func() { close(quit); <-gone }
}

// anonymous is the process's resident memory that is no file's, where the
// system tells.
func anonymous() int64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.Sys)
	}
	for line := range strings.SplitSeq(string(status), "\n") {
		if rest, ok := strings.CutPrefix(line, "RssAnon:"); ok {
			kb, _ := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			return kb << 10
		}
	}
	return 0
}

// resultFile is where a kept index says what making it took: beside it, for
// the folder is the index's own.
func resultFile(dir string) string { return filepath.Clean(dir) + ".json" }
