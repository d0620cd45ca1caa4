package index

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/newswatch/newswatch/pipeline"
)

// when is the time of the tests.
var when = time.Date(2015, 12, 16, 9, 0, 0, 0, time.UTC)

func openTest(t testing.TB, dir string) *Index {
	t.Helper()
	return openWith(t, Config{Dir: dir})
}

func tryOpen(cfg Config) (*Index, error) {
	return tryOpenAt(cfg, func() time.Time { return when })
}

func tryOpenAt(cfg Config, now func() time.Time) (*Index, error) {
	cfg.nap = cmp.Or(cfg.nap, 10*time.Millisecond)
	cfg.upkeep = time.Hour    // a test on a busy machine takes longer than a minute
	cfg.Timeout = time.Minute // the machine may be busy; what is tested is not speed
	return open(slog.New(slog.DiscardHandler), prometheus.NewRegistry(), cfg, now)
}

func openWith(t testing.TB, cfg Config) *Index {
	t.Helper()
	ix, err := tryOpen(cfg)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(func() { ix.Close() })
	return ix
}

// article is the nth article, published at a time.
func article(n int, published time.Time, title, text string) pipeline.Article {
	url := fmt.Sprintf("https://news.example/%d", n)
	key := pipeline.Key(url)
	return pipeline.Article{
		ID: pipeline.NewID(published, published.Add(time.Minute), key), Key: key, Revision: 1,
		URL: url, Title: title, Text: text, Source: "example", Lang: "en", Country: "GB",
		Published: published, PublishedFrom: pipeline.DateFromFeed, FirstSeen: published.Add(time.Minute),
	}
}

// stored numbers articles as a stream would, from seq on.
func stored(seq uint64, as ...pipeline.Article) []pipeline.Stored[pipeline.Article] {
	out := make([]pipeline.Stored[pipeline.Article], len(as))
	for i, a := range as {
		out[i] = pipeline.Stored[pipeline.Article]{Value: a, Seq: seq + uint64(i), Stored: when}
	}
	return out
}

// put writes the articles and waits until they are durable.
func put(t testing.TB, ix *Index, batch []pipeline.Stored[pipeline.Article]) {
	t.Helper()
	if err := <-write(ix, batch); err != nil {
		t.Fatalf("Write: %v", err)
	}
}

// write hands in the articles; the answer comes when they are durable.
func write(ix *Index, batch []pipeline.Stored[pipeline.Article]) <-chan error {
	done := make(chan error, 1)
	var once sync.Mutex
	calls := 0
	ix.Write(context.Background(), batch, func(err error) {
		once.Lock()
		defer once.Unlock()
		if calls++; calls > 1 {
			panic("done called twice")
		}
		done <- err
	})
	return done
}

func find(t testing.TB, ix *Index, req pipeline.SearchRequest) pipeline.SearchResult {
	t.Helper()
	res, err := ix.Search(context.Background(), req)
	if err != nil {
		t.Fatalf("Search(%+v): %v", req, err)
	}
	return res
}

func titles(res pipeline.SearchResult) []string {
	out := []string{}
	for _, h := range res.Hits {
		out = append(out, h.Title)
	}
	return out
}

func ids(res pipeline.SearchResult) []string {
	out := []string{}
	for _, h := range res.Hits {
		out = append(out, h.ID)
	}
	return out
}
