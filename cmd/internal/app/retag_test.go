package app

import (
	"fmt"
	"strings"
	"testing"
	"time"

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
