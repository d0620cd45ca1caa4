package feeds

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/newswatch/newswatch/pipeline/fetch"
)

// What was published well before a feed was first polled raises no alerts,
// whenever it is listed; what is newer does, and what has no date is left to
// its page.
func TestOldItemsOfANewFeedAreQuiet(t *testing.T) {
	type heard struct {
		Quiet  bool
		Before time.Duration // the first poll
	}
	for _, tc := range []struct {
		name   string
		cfg    Config
		quiets map[string]heard
	}{
		{"by default", Config{}, map[string]heard{
			"fresh": {}, "yesterday": {}, "old": {Quiet: true}, "undated": {Before: day}, "old, listed late": {Quiet: true}, "later": {},
		}},
		{"an hour", Config{QuietBefore: time.Hour}, map[string]heard{
			"fresh": {}, "yesterday": {Quiet: true}, "old": {Quiet: true}, "undated": {Before: time.Hour}, "old, listed late": {Quiet: true}, "later": {},
		}},
		{"off", Config{QuietBefore: -1}, map[string]heard{
			"fresh": {}, "yesterday": {}, "old": {}, "undated": {}, "old, listed late": {}, "later": {},
		}},
	} {
		bubble(t, tc.name, func(t *testing.T) {
			began := time.Now()
			item := func(name string, ago time.Duration) string {
				return fmt.Sprintf("<item><title>%s</title><link>http://e.com/%d</link><pubDate>%s</pubDate></item>",
					name, ago, began.Add(-ago).UTC().Format(time.RFC1123Z))
			}
			doc := item("fresh", time.Minute) + item("yesterday", 20*time.Hour) + item("old", 25*time.Hour) +
				"<item><title>undated</title><link>http://e.com/u</link></item>"
			kv := newShelf()
			answer := func(n int, _ fetch.Request) (*fetch.Response, error) {
				if n > 1 {
					return body(rssOf(doc + item("old, listed late", 30*day) + item("later", -time.Hour))), nil
				}
				return body(rssOf(doc)), nil
			}
			first := newRig(t, kv, tc.cfg, oneFeed(time.Hour), answer)
			first.run(t, 150*time.Minute)
			// The next process knows when the feed was new.
			again := newRig(t, kv, tc.cfg, oneFeed(time.Hour), func(int, fetch.Request) (*fetch.Response, error) {
				return body(rssOf(doc + item("old, listed late", 30*day) + item("later", -2*time.Hour))), nil
			})
			again.run(t, 3*time.Hour)
			got := map[string]heard{}
			for _, it := range append(first.items, again.items...) {
				h := heard{Quiet: it.Quiet}
				if !it.QuietBefore.IsZero() {
					h.Before = began.Sub(it.QuietBefore)
				}
				got[it.Title] = h
			}
			if diff := cmp.Diff(tc.quiets, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
