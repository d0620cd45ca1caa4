package web

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestExplainOverTheAPI(t *testing.T) {
	w := newWorld(t)
	s := serverOf(t, w.deps(), Config{})
	at := "/api/v1/articles/" + w.articles[0].ID + "/explain"

	var ex Explanation
	if err := json.Unmarshal(get(s, at+"?entity=huawei&watch=huawei-news").Body.Bytes(), &ex); err != nil {
		t.Fatal(err)
	}
	if ex.Entity == nil || !ex.Entity.Mentioned || !ex.Entity.Stored || len(ex.Entity.Findings) != 1 {
		t.Fatalf("entity: %+v", ex.Entity)
	}
	f := ex.Entity.Findings[0]
	if got, want := [2]string{f.Before, f.After}, [2]string{"Dmitry Medvedev followed Xi Jinping on the stage. ", " showed masts put up for the week, and Alibaba showed its…"}; got != want {
		t.Errorf("round the finding: %q, want %q", got, want)
	}
	if ex.Watch == nil || !ex.Watch.Matched || ex.Watch.Query != "entity:huawei" || len(ex.Watch.Spans) == 0 {
		t.Errorf("watch: %+v", ex.Watch)
	}

	// Lists that are empty are lists.
	got := asJSON(t, get(s, at+"?entity=wic"), 200)
	other := asJSON(t, get(s, "/api/v1/articles/"+w.articles[3].ID+"/explain?entity=wic"), 200)
	if diff := cmp.Diff("not mentioned: none of its names stands in the title or the text", other["entity"].(map[string]any)["reason"]); diff != "" {
		t.Errorf("reason (-want +got):\n%s", diff)
	}
	if f, ok := other["entity"].(map[string]any)["findings"].([]any); !ok || len(f) != 0 {
		t.Errorf("findings %v, want an empty list", other["entity"])
	}
	if got["watch"] != nil {
		t.Errorf("a watch nobody asked for: %v", got["watch"])
	}

	for _, tt := range []struct {
		path string
		want int
	}{
		{at, 422},
		{at + "?entity=nobody", 404},
		{at + "?watch=nobody", 404},
		{at + "?entitty=huawei", 422},
		{"/api/v1/articles/20151216120000-ffffffffffffffff/explain?entity=huawei", 404},
	} {
		asJSON(t, get(s, tt.path), tt.want)
	}
	deps := w.deps()
	deps.Explain = nil
	asJSON(t, get(serverOf(t, deps, Config{}), at+"?entity=huawei"), 503)
}
