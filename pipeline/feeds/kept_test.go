package feeds

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/newswatch/newswatch/pipeline"
	"github.com/newswatch/newswatch/pipeline/fetch"
)

// The newest body that could not be read is kept, whole up to its bound, over
// failures of other kinds and restarts, until the feed can be read again or is
// no longer in the catalog.
func TestUnreadableBodyIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		kv, n := newShelf(), 0
		var next func() (*fetch.Response, error)
		unreadable := func() (*fetch.Response, error) {
			n++
			return body(fmt.Sprintf("<html><body>number %d</body></html>", n)), nil
		}
		answer := func(int, fetch.Request) (*fetch.Response, error) { return next() }
		kept := func() *Kept {
			k, err := LoadKept(context.Background(), kv, "http://e.com/f")
			if errors.Is(err, pipeline.ErrNotFound) {
				return nil
			}
			if err != nil {
				t.Fatal(err)
			}
			return k
		}
		r := newRig(t, kv, Config{}, oneFeed(time.Hour), answer)
		next = func() (*fetch.Response, error) { return body(rssOf("")), nil }
		r.run(t, time.Minute)
		if kept() != nil || !r.Health("")[0].KeptAt.IsZero() {
			t.Error("the body of a good feed was kept")
		}
		next = unreadable
		r.run(t, 3*time.Hour)
		k := kept()
		if n < 2 || k == nil || string(k.Body) != fmt.Sprintf("<html><body>number %d</body></html>", n) || k.Bytes != len(k.Body) || k.Error == "" {
			t.Fatalf("after %d: %+v", n, k)
		}
		next = func() (*fetch.Response, error) { return status(500) }
		again := newRig(t, kv, Config{}, oneFeed(time.Hour), answer)
		again.run(t, 30*time.Hour)
		if h := again.Health("")[0]; kept() == nil || !h.KeptAt.Equal(k.At) || h.KeptBytes != k.Bytes || h.Class != "http_status" {
			t.Errorf("after other failures: %+v, kept %v", h, kept())
		}
		big := bytes.Repeat([]byte("<p>x"), maxKept/2)
		next = func() (*fetch.Response, error) { return body(string(big)), nil }
		again.run(t, 20*time.Hour)
		if k := kept(); k == nil || k.Bytes != len(big) || !bytes.Equal(k.Body, big[:maxKept]) {
			t.Errorf("of %d bytes: %d of %d", len(big), len(k.Body), k.Bytes)
		}
		next = func() (*fetch.Response, error) { return body(rssOf("")), nil }
		again.run(t, 20*time.Hour)
		if kept() != nil || !again.Health("")[0].KeptAt.IsZero() {
			t.Error("kept although the feed can be read again")
		}
		next = unreadable
		again.run(t, 3*time.Hour)
		if kept() == nil {
			t.Fatal("not kept a second time")
		}
		again.SetSources(nil)
		again.run(t, time.Minute)
		if kept() != nil {
			t.Error("kept although the feed is gone from the catalog")
		}
	})
}
