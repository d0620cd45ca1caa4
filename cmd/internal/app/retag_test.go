package app

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/newswatch/newswatch/pipeline"
)

const (
	yandex1 = `{"url":"https://a.example/y1","title":"Search","text":"Яндекс и Huawei открыли центр. Рынок ждал этого.","lang":"ru","published":"2015-11-16T09:00:00Z"}` + "\n"
	yandex2 = `{"url":"https://a.example/y2","title":"Maps","text":"A map by Yandex was shown in the town.","lang":"en","published":"2015-11-17T09:00:00Z"}` + "\n"
)

// entity stores one.
func (r *running) entity(id, kind string, names ...string) {
	r.t.Helper()
	body := fmt.Sprintf(`{"id":%q,"name":%q,"kind":%q,"names":["%s"]}`, id, names[0], kind, strings.Join(names, `","`))
	if code := r.do("PUT", "/api/v1/entities/"+id, body, nil); code >= 300 {
		r.t.Fatalf("put entity %s: %d", id, code)
	}
}

// A new entity is found in the articles there are, quietly; a renamed one
// moves, a deleted one is gone; after a restart nothing is done again.
func TestRetag(t *testing.T) {
	data := t.TempDir()
	r := runApp(t, data, nil)
	if code := r.do("PUT", "/api/v1/watches/yandex", `{"id":"yandex","name":"Yandex","query":"entity:yandex","to":["log"]}`, nil); code >= 300 {
		t.Fatalf("put watch: %d", code)
	}
	r.load(yandex1+yandex2, true)
	r.load(unwanted+moscow, false)
	eventually(t, "four articles searchable", func() bool { return r.search("").Total == 4 })
	eventually(t, "the alert of Huawei", func() bool { return len(r.alerts()) == 1 })
	// A watch younger than the articles: they are no news to it.
	if code := r.do("PUT", "/api/v1/watches/late", `{"id":"late","name":"Late","query":"entity:huawei","to":["log"]}`, nil); code >= 300 {
		t.Fatalf("put watch: %d", code)
	}

	r.entity("yandex", "organization", "Yandex", "Яндекс")
	eventually(t, "Yandex in the archive", func() bool { return r.search("entity:yandex").Total == 2 })
	id := r.search("entity:yandex").Hits[1].ID
	var art pipeline.Article
	r.do("GET", "/api/v1/articles/"+id, "", &art)
	if art.Retagged == nil || !art.Retagged.Decided || len(art.Mentions) != 2 || art.Revision != 1 {
		t.Errorf("tagged anew: %+v, mentions %+v, revision %d", art.Retagged, art.Mentions, art.Revision)
	}
	r.entity("yandex", "organization", "Zzyandex", "Яндекс")
	eventually(t, "the name moved", func() bool { return r.search("entity:yandex").Total == 1 })
	if code := r.do("DELETE", "/api/v1/entities/yandex", "", nil); code >= 300 {
		t.Fatalf("delete: %d", code)
	}
	eventually(t, "its tags gone", func() bool { return r.search("entity:yandex").Total == 0 })
	if n := r.search("entity:huawei").Total; n != 2 {
		t.Errorf("%d articles about Huawei, want 2 as ever", n)
	}
	time.Sleep(300 * time.Millisecond)
	if as := r.alerts(); len(as) != 1 {
		t.Errorf("alerts %+v, want that of Huawei alone", as)
	}
	r.stop()

	before := streamEnd(t, data)
	r = runApp(t, data, nil)
	time.Sleep(500 * time.Millisecond)
	r.stop()
	if end := streamEnd(t, data); end != before {
		t.Errorf("the stream went on from %d to %d by a restart alone", before, end)
	}
}

// retag asks for it and waits until it is done.
func (r *running) retag(body string) pipeline.RetagPass {
	r.t.Helper()
	var asked pipeline.RetagRequest
	if code := r.do("POST", "/api/v1/retag", body, &asked); code != http.StatusAccepted {
		r.t.Fatalf("POST retag %s: %d", body, code)
	}
	var done pipeline.RetagPass
	eventually(r.t, "tagged anew", func() bool {
		var list struct{ Items []pipeline.RetagPass }
		r.do("GET", "/api/v1/retag", "", &list)
		for _, p := range list.Items {
			if p.Request == asked.ID {
				done = p
			}
		}
		return done.State == pipeline.RetagDone
	})
	return done
}

// applied waits until an entity is applied to the archive.
func (r *running) applied(id string) pipeline.RetagEntity {
	r.t.Helper()
	var e pipeline.RetagEntity
	eventually(r.t, id+" applied", func() bool {
		e = pipeline.RetagEntity{}
		r.do("GET", "/api/v1/entities/"+id+"/retag", "", &e)
		return !e.Pending && e.Pass == nil && !e.Applied.IsZero()
	})
	return e
}

// Alerts come where they are asked for, of watches that match what is new, once.
func TestRetagAlerts(t *testing.T) {
	r := runApp(t, t.TempDir(), nil)
	r.load(yandex1, true)
	r.load(yandex2, false)
	eventually(t, "the alert of Huawei", func() bool { return len(r.alerts()) == 1 && r.search("").Total == 2 })
	for _, w := range []string{"yandex", "huawei"} {
		body := fmt.Sprintf(`{"id":"late-%s","name":"Late","query":"entity:%[1]s","to":["log"]}`, w)
		if code := r.do("PUT", "/api/v1/watches/late-"+w, body, nil); code >= 300 {
			t.Fatalf("put watch: %d", code)
		}
	}
	r.entity("yandex", "organization", "Yandex", "Яндекс")
	if e := r.applied("yandex"); e.Changed != 2 {
		t.Errorf("applied: %+v, want 2 articles changed", e)
	}
	if p := r.retag(`{"entities":["yandex"]}`); p.Changed != 0 || p.Looked == 0 {
		t.Errorf("by hand: %+v, want nothing changed", p)
	}
	if as := r.alerts(); len(as) != 1 {
		t.Errorf("%d alerts so far, want that of Huawei alone", len(as))
	}
	if p := r.retag(`{"entities":["yandex"],"alert":true}`); p.Changed != 1 {
		t.Errorf("with alerts: %+v, want the article that was not loaded quietly", p)
	}
	eventually(t, "the alert of Yandex", func() bool { return len(r.alerts()) == 2 })
	if p := r.retag(`{"alert":true}`); p.Changed != 0 || p.Count != 0 || p.Looked < 2 {
		t.Errorf("all articles, again: %+v, want nothing changed", p)
	}
	time.Sleep(300 * time.Millisecond)
	watches := make(map[string]int)
	for _, a := range r.alerts() {
		watches[a.Watch]++
	}
	if diff := cmp.Diff(map[string]int{"huawei": 1, "late-yandex": 1}, watches); diff != "" {
		t.Errorf("alerts by watch (-want +got):\n%s", diff)
	}
	if code := r.do("POST", "/api/v1/retag", `{"entities":["nobody"]}`, nil); code != http.StatusNotFound {
		t.Errorf("an entity that is not there: %d", code)
	}
}

// The index may be in another process.
func TestRetagAcrossProcesses(t *testing.T) {
	r := runApp(t, t.TempDir(), func(o *Options) {
		o.Config.NATS.Listen = "127.0.0.1:0"
		o.Config.Roles = []string{RoleFetch, RoleExtract, RoleStories, RoleAlerts, RoleWeb}
	})
	other := runApp(t, t.TempDir(), func(o *Options) {
		o.Config.NATS.URL = r.app.node.ClientURL()
		o.Config.Roles = []string{RoleIndex}
		o.Config.Web.Listen = ""
	})
	defer other.stop() // first
	r.load(yandex1+yandex2, false)
	eventually(t, "two articles searchable", func() bool {
		st, err := r.app.status(t.Context())
		return err == nil && st.Index.Documents == 2
	})
	r.entity("yandex", "organization", "Yandex", "Яндекс")
	if e := r.applied("yandex"); e.Changed != 2 {
		t.Errorf("applied: %+v, want 2 articles changed", e)
	}
	eventually(t, "Yandex in the archive", func() bool { return r.search("entity:yandex").Total == 2 })
}

// The tags of a deleted entity stay where that is said, whatever else is tagged,
// until they are taken out.
func TestRetagKeeps(t *testing.T) {
	data := t.TempDir()
	r := runApp(t, data, nil)
	r.load(yandex1+yandex2, false)
	eventually(t, "two articles searchable", func() bool { return r.search("").Total == 2 })
	r.entity("yandex", "organization", "Yandex", "Яндекс")
	r.applied("yandex")
	eventually(t, "Yandex in the archive", func() bool { return r.search("entity:yandex").Total == 2 })
	if code := r.do("DELETE", "/api/v1/entities/yandex?tags=keep", "", nil); code >= 300 {
		t.Fatalf("delete: %d", code)
	}
	r.entity("centre", "topic", "центр", "map")
	r.applied("centre")
	eventually(t, "another entity in the same articles", func() bool { return r.search("entity:centre").Total == 2 })
	if n := r.search("entity:yandex").Total; n != 2 {
		t.Errorf("%d articles with the kept tags, want 2", n)
	}
	r.stop()
	r = runApp(t, data, nil)
	r.entity("centre", "topic", "центр")
	r.applied("centre")
	eventually(t, "one article less", func() bool { return r.search("entity:centre").Total == 1 })
	if n := r.search("entity:yandex").Total; n != 2 {
		t.Errorf("after a restart %d articles with the kept tags, want 2", n)
	}
	if p := r.retag(`{"entities":["yandex"]}`); p.Changed != 2 {
		t.Errorf("taken out: %+v, want 2 changed", p)
	}
	eventually(t, "the tags gone", func() bool { return r.search("entity:yandex").Total == 0 })
	if code := r.do("GET", "/api/v1/entities/yandex/retag", "", nil); code != http.StatusNotFound {
		t.Errorf("it is still known: %d", code)
	}
}

// A pass that is cut off by a stop goes on at the next start. What a catalog file
// holds is applied, and when it is read again without a change, nothing is.
func TestRetagGoesOn(t *testing.T) {
	data, file := t.TempDir(), filepath.Join(t.TempDir(), "mine.yaml")
	comment := ""
	write := func(names string) {
		t.Helper()
		text := comment + "entities: [ { id: kettle, name: Kettle, kind: product, names: [" + names + "] } ]\n"
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("pan")
	files := func(o *Options) { o.Config.Catalog = []string{file} }
	r := runApp(t, data, files)
	const many = 300
	var lines strings.Builder
	for i := range many {
		fmt.Fprintf(&lines, `{"url":"https://a.example/k%d","title":"Kettles %[1]d","text":"A kettle, the %[1]dth, from nowhere.","published":"2015-%02d-18T09:00:00Z"}`+"\n", i, 1+i%12)
	}
	r.load(lines.String(), false)
	eventually(t, "all searchable", func() bool { return r.search("").Total == many })
	write("kettle")
	eventually(t, "the file read and a pass begun", func() bool {
		var list struct{ Items []pipeline.RetagPass }
		r.do("GET", "/api/v1/retag", "", &list)
		return len(list.Items) > 0
	})
	r.stop()
	r = runApp(t, data, files)
	eventually(t, "all tagged", func() bool { return r.search("entity:kettle").Total == many })
	r.applied("kettle")
	var before, after struct{ Items []pipeline.RetagPass }
	r.do("GET", "/api/v1/retag", "", &before)
	comment = "# as it was\n"
	write("kettle")
	time.Sleep(time.Second)
	r.do("GET", "/api/v1/retag", "", &after)
	if len(after.Items) != len(before.Items) || len(before.Items) != 1 {
		t.Errorf("%d passes before and %d after the file was read again, want the one", len(before.Items), len(after.Items))
	}
}

// streamEnd is the last sequence of the articles stream, while nothing runs.
func streamEnd(t *testing.T, data string) (seq uint64) {
	t.Helper()
	r := runApp(t, data, nil)
	defer r.stop()
	_, streams, err := r.app.node.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range streams {
		if s.Stream == pipeline.StreamArticles {
			seq = s.LastSeq
		}
	}
	return seq
}
