package app

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/newswatch/newswatch/extractors/readable"
	"github.com/newswatch/newswatch/pipeline"
)

// A source whose pages stop giving text is told of once, across a restart, and
// its page says so.
func TestCollapsedPagesAlertOnce(t *testing.T) {
	data := t.TempDir()
	start := func() *running {
		return runApp(t, data, func(o *Options) { o.Config.Feeds.MinInterval = time.Hour })
	}
	r := start()
	put := func(path, body string) {
		t.Helper()
		if code := r.do("PUT", path, body, nil); code >= 300 {
			t.Fatalf("PUT %s: %d", path, code)
		}
	}
	put("/api/v1/sources/vestnik", `{"name":"Вестник связи","lang":"ru"}`)
	put("/api/v1/watches/thin-pages", `{"name":"Thin pages","kind":"silence","query":"source:vestnik","to":["log"]}`)
	n := 0
	publish := func(count int, text string, problems ...pipeline.Problem) {
		t.Helper()
		for range count {
			n++
			at := time.Now().UTC()
			a := pipeline.Article{
				URL: fmt.Sprintf("https://vestnik.example/%d", n), Title: fmt.Sprintf("Number %d", n), Text: text, Source: "vestnik", Revision: 1,
				Published: at, FirstSeen: at, Fetched: at, Extracted: at, Method: readable.MethodReadability, Problems: problems,
			}
			a.Key = pipeline.Key(a.URL)
			a.ID = pipeline.NewID(at, at, a.Key)
			if _, err := pipeline.Shards(1).Articles().Publish(t.Context(), r.app.node, a); err != nil {
				t.Fatal(err)
			}
		}
	}
	alerts := func() []pipeline.Alert {
		var got struct{ Items []pipeline.Alert }
		r.do("GET", "/api/v1/alerts", "", &got)
		return got.Items
	}
	pages := func() string {
		res, err := http.Get(r.url + "/sources/vestnik")
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return string(body)
	}
	publish(60, strings.Repeat("Делегаты конференции приехали в город. ", 40))
	publish(20, "Войдите.", pipeline.Problem{Stage: "extract", Reason: readable.NoteShort})
	var sent pipeline.Alert
	eventually(t, "delivery", func() bool {
		if all := alerts(); len(all) > 0 {
			sent = all[0]
		}
		return sent.State == pipeline.AlertSent
	})
	if sent.Watch != "thin-pages" || sent.Feed == nil || sent.Feed.Kind != pipeline.PagesCollapsed || sent.Feed.Source != "vestnik" {
		t.Errorf("%+v", sent)
	}
	const reason = "10 of the last 20 pages gave little or no text (most often: short), of the"
	if html := pages(); !strings.Contains(html, reason) || !strings.Contains(html, ">collapsed<") {
		t.Errorf("the source's page says nothing of it:\n%s", html)
	}
	thin := func() []string {
		var got struct{ Items []struct{ ID string } }
		r.do("GET", "/api/v1/sources?state=collapsed", "", &got)
		var ids []string
		for _, s := range got.Items {
			ids = append(ids, s.ID)
		}
		return ids
	}
	if got := thin(); len(got) != 1 || got[0] != "vestnik" {
		t.Errorf("collapsed sources: %v", got)
	}
	r.stop()

	r = start()
	publish(30, "Войдите.", pipeline.Problem{Stage: "extract", Reason: readable.NoteShort})
	publish(40, strings.Repeat("Делегаты конференции уехали из города. ", 40))
	eventually(t, "recovery", func() bool { return !strings.Contains(pages(), ">collapsed<") && len(thin()) == 0 })
	if all := alerts(); len(all) != 1 || all[0].ID != sent.ID {
		t.Errorf("%d alerts: %+v", len(all), all)
	}
}
