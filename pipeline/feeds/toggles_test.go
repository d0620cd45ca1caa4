package feeds

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/newswatch/newswatch/pipeline/fetch"
)

// How a source is asked holds for its polls, and its items carry it to where
// their pages are asked for.
func TestSourcesAreAskedTheirWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := oneFeed(time.Hour)
		src[0].HTTP1, src[0].UserAgent, src[0].Proxy = true, "Reader/1", "http://proxy:3128"
		r := newRig(t, newShelf(), Config{}, src, func(int, fetch.Request) (*fetch.Response, error) {
			return body(rssOf("<item><title>a</title><link>http://e.com/a</link></item>")), nil
		})
		r.run(t, time.Minute)
		if req := r.a.reqs[0]; !req.HTTP1 || req.UserAgent != "Reader/1" || req.Proxy != "http://proxy:3128" {
			t.Errorf("asked by %+v", req)
		}
		if it := r.items[0]; !it.HTTP1 || it.UserAgent != "Reader/1" || it.Proxy != "http://proxy:3128" {
			t.Errorf("item %+v", it)
		}
	})
}
