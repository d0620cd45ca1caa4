package readable

import (
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/newswatch/newswatch/extractors/readable/readabletest"
)

// golden compares a table with the committed one: a change that moves it shows.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("quality moved; go test -run %s -update if it is meant to (-want +got):\n%s", t.Name(), diff)
	}
}

// eachPage calls fn with the bytes of each page, on all processors.
func eachPage(t *testing.T, pages []readabletest.Page, fn func(p readabletest.Page, body []byte)) {
	t.Helper()
	var wg sync.WaitGroup
	var next atomic.Int64
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= len(pages) {
					return
				}
				body, err := os.ReadFile(pages[i].Path)
				if err != nil {
					t.Error(err)
					return
				}
				fn(pages[i], body)
			}
		})
	}
	wg.Wait()
}
