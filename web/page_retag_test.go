package web

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/newswatch/newswatch/pipeline"
)

// A page that shows progress loads itself again, one that does not stays.
func TestEntityPageFollowsThePass(t *testing.T) {
	s := serverOf(t, newWorld(t).deps(), Config{})
	for path, want := range map[string]int{"/entities/huawei": 1, "/entities/wic": 1, "/entities/alibaba": 0, "/entities/medvedev": 0} {
		body := get(s, path).Body.String()
		checkPage(t, body)
		if got := strings.Count(body, `<meta http-equiv="refresh"`); got != want {
			t.Errorf("%s: %d orders to load it again, want %d", path, got, want)
		}
	}
}

// Whoever deletes an entity says what becomes of its tags, before it is gone.
func TestDeleteEntity(t *testing.T) {
	w := newWorld(t)
	s := serverOf(t, w.deps(), Config{})
	if res := postForm(s, "/entities/huawei/delete", url.Values{}); res.Code != 422 || !strings.Contains(res.Body.String(), "what is to become of its tags") {
		t.Errorf("without a word on its tags: %d", res.Code)
	}
	if res := postForm(s, "/entities/huawei/delete", url.Values{"tags": {"keep"}}); res.Code != 303 || res.Header().Get("Location") != "/entities" {
		t.Errorf("from the page: %d %s", res.Code, res.Body)
	}
	for path, want := range map[string]int{
		"entities/alibaba": 204, "entities/wic?tags=keep": 204, "entities/medvedev?tags=burn": 422, "entities/nobody": 404, "channels/desk": 409,
	} {
		if res := do(s, http.MethodDelete, "/api/v1/"+path, ""); res.Code != want {
			t.Errorf("%s: %d, want %d: %s", path, res.Code, want, res.Body)
		}
	}
	slices.Sort(w.kept)
	if diff := cmp.Diff([]string{"alibaba false", "huawei true", "wic true"}, w.kept); diff != "" {
		t.Errorf("tags (-want +got):\n%s", diff)
	}
	if n := len(w.Snapshot().Entities); n != 1 {
		t.Errorf("%d entities left, want 1", n)
	}
}

func TestRetagOverTheAPI(t *testing.T) {
	w := newWorld(t)
	s := serverOf(t, w.deps(), Config{})
	v := asJSON(t, do(s, http.MethodPost, "/api/v1/retag", `{"entities":["huawei","gone"],"alert":true}`, "Content-Type", "application/json"), 202)
	want := []pipeline.RetagRequest{{ID: v["id"].(string), Asked: noon, Entities: []string{"huawei", "gone"}, Alert: true}}
	if diff := cmp.Diff(want, w.retagged); diff != "" || want[0].ID == "" {
		t.Errorf("asked (-want +got):\n%s", diff)
	}
	asJSON(t, do(s, http.MethodPost, "/api/v1/retag", `{"entities":["nobody"]}`, "Content-Type", "application/json"), 404)
	if got := asJSON(t, get(s, "/api/v1/retag"), 200)["items"].([]any); len(got) != 3 || got[0].(map[string]any)["looked"] != 756.0 {
		t.Errorf("passes %v", got)
	}
	if got := asJSON(t, get(s, "/api/v1/entities/huawei/retag"), 200); got["pass"].(map[string]any)["n"] != 9.0 {
		t.Errorf("entity %v", got)
	}
	asJSON(t, get(s, "/api/v1/entities/nobody/retag"), 404)
	if res := get(serverOf(t, Deps{}, Config{}), "/api/v1/retag"); res.Code != 503 {
		t.Errorf("where nothing runs: %d", res.Code)
	}
}
