package app

import (
	"strings"
	"testing"

	"github.com/newswatch/newswatch/web"
)

// The explanation of an article is that of the tagger and the engine which
// decided about it.
func TestExplain(t *testing.T) {
	r := runApp(t, t.TempDir(), nil)
	r.load(wuzhen+unwanted, true)
	eventually(t, "two articles searchable", func() bool { return r.search("").Total == 2 })
	explain := func(q, what string) (ex web.Explanation) {
		t.Helper()
		id := r.search(q).Hits[0].ID
		if code := r.do("GET", "/api/v1/articles/"+id+"/explain?"+what, "", &ex); code != 200 {
			t.Fatalf("explain: %d", code)
		}
		return ex
	}
	ex := explain("entity:huawei", "entity=huawei&watch=huawei")
	if f := ex.Entity.Findings; !ex.Entity.Mentioned || len(f) != 1 || f[0].Text != "Хуавее" || f[0].Rule != "form" || f[0].Before != "В Учжэне говорили о " {
		t.Errorf("entity: %+v", ex.Entity)
	}
	if !ex.Watch.Matched || len(ex.Watch.Alerts) != 1 {
		t.Errorf("watch: %+v", ex.Watch)
	}
	ex = explain("kettle", "entity=huawei&watch=huawei")
	if ex.Entity.Mentioned || ex.Watch.Matched || !strings.Contains(ex.Watch.Reason, "entity:huawei") {
		t.Errorf("of an article about something else: %+v, %+v", ex.Entity, ex.Watch)
	}
}
