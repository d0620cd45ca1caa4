package index

import (
	"sync"
	"testing"
	"time"

	"github.com/newswatch/newswatch/pipeline"
)

// After a start the keys of all partitions are read before anything is written,
// and what is written then is there once.
func TestKeysAreReadAhead(t *testing.T) {
	dir := t.TempDir()
	ix := openTest(t, dir)
	var as []pipeline.Article
	for n := range 90 {
		as = append(as, article(n, when.AddDate(0, -n%3, 0), "alpha", "beta"))
	}
	put(t, ix, stored(1, as...))
	if err := ix.Close(); err != nil {
		t.Fatal(err)
	}
	ix = openTest(t, dir)
	for _, p := range ix.list() {
		waitFor(t, "the keys of "+p.name, func() bool {
			p.mu.Lock()
			defer p.mu.Unlock()
			return p.filter != nil
		})
	}
	for i := range as { // to other partitions, under the same keys
		as[i].Revision = 2
		as[i].ID = pipeline.NewID(as[i].Published.AddDate(0, -1, 0), as[i].FirstSeen, as[i].Key)
	}
	put(t, ix, stored(100, as...))
	if res := find(t, ix, pipeline.SearchRequest{Query: "alpha"}); res.Total != len(as) {
		t.Errorf("%d articles of %d", res.Total, len(as))
	}
}

// waitFor waits until it is so.
func waitFor(t *testing.T, what string, so func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !so(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within a minute", what)
		}
	}
}

// While a partition is opened anew and written to, whoever asks for its keys
// first: none that is in it is missing.
func TestNoKeyIsMissed(t *testing.T) {
	ix := openTest(t, t.TempDir())
	var as []pipeline.Article
	for n := range 100 {
		as = append(as, article(n, when, "alpha", "beta"))
	}
	put(t, ix, stored(1, as[0]))
	p := ix.list()[0]
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					_, _ = p.keys() // an error is one of the moment at which it is closed
				}
			}
		})
	}
	var last <-chan error
	for i := 1; i < len(as); i++ {
		last = write(ix, stored(uint64(1+i), as[i]))
		if i%10 != 0 {
			continue
		}
		if err := <-last; err != nil { // what is not durable is lost by opening anew
			t.Fatal(err)
		}
		ix.writing.Lock()
		err := p.reopen()
		ix.writing.Unlock()
		if err != nil {
			t.Fatal(err)
		}
		checkKeys(t, p)
	}
	close(stop)
	readers.Wait()
	if err := <-last; err != nil {
		t.Fatal(err)
	}
	checkKeys(t, p)
}

func checkKeys(t *testing.T, p *partition) {
	t.Helper()
	f, err := p.keys()
	if err != nil {
		t.Fatal(err)
	}
	keys, err := p.allKeys()
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range keys {
		if !f.has(key) {
			t.Errorf("key %s is missing", key)
		}
	}
}
