package web

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/newswatch/newswatch/pipeline/catalog"
)

func postForm(s *Server, path string, v url.Values) *httptest.ResponseRecorder {
	return do(s, http.MethodPost, path, v.Encode(), "Content-Type", "application/x-www-form-urlencoded")
}

// An entity is typed, looked at, and saved, without script.
func TestEntityForm(t *testing.T) {
	w := newWorld(t)
	s := serverOf(t, w.deps(), Config{})
	form := url.Values{
		"name": {"Xi Jinping"}, "id": {"xi"}, "kind": {"person"}, "do": {"preview"}, "since": {"30d"},
		"names": {"Xi Jinping\r\n{ text: 习近平, lang: zh }\r\n\r\nX: # 1\r\n"}, "match": {"Xi Jinping said"},
	}
	res := postForm(s, "/entities:new", form)
	p := checkPage(t, res.Body.String())
	got := text(p.one(t, "main"))
	for _, want := range []string{"What it finds", "7 mentions in 7 articles", "Xi Jinping is a word of every day", "40 were read", "1 × not: pie", "Dmitry Medvedev followed Xi Jinping on the stage."} {
		if !strings.Contains(got, want) {
			t.Errorf("preview: %d, no %q in\n%s", res.Code, want, got)
		}
	}
	if w.Snapshot().Entity("xi") != nil {
		t.Error("a preview saves")
	}
	// What was typed is still there.
	if got := text(p.all("textarea")[0]); !strings.Contains(got, "{ text: 习近平, lang: zh }") {
		t.Errorf("names %q", got)
	}

	form.Set("do", "save")
	if res = postForm(s, "/entities:new", form); res.Code != 303 || res.Header().Get("Location") != "/entities/xi?done=saved" {
		t.Fatalf("save: %d %s\n%s", res.Code, res.Header().Get("Location"), res.Body)
	}
	want := []catalog.Name{{Text: "Xi Jinping"}, {Text: "习近平", Lang: "zh"}, {Text: "X: # 1"}}
	e := w.Snapshot().Entity("xi")
	if diff := cmp.Diff(want, e.Names); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}

	version := e.Version
	for _, tt := range []struct {
		name, path string
		change     map[string]string
		code       int
		want       string
	}{
		{"the id is taken", "/entities:new", nil, 409, "There is an entity xi already"},
		{"no names", "/entities:new", map[string]string{"names": " "}, 422, "names: must hold at least one name"},
		{"bad YAML", "/entities:new", map[string]string{"names": "{ text: HW, near: phone }"}, 422, "names[0].near: want a list"},
		{"broken YAML", "/entities:new", map[string]string{"names": "{ text: HW"}, 422, "YAML"},
		{"bad kind", "/entities:new", map[string]string{"kind": "robot", "id": "x"}, 422, "kind"},
		{"bad id", "/entities:new", map[string]string{"id": "A b"}, 422, "id"},
		{"bad since", "/entities:new", map[string]string{"do": "preview", "since": "soon"}, 422, "neither a span"},
		{"a test fails", "/entities/xi/edit", map[string]string{"match": "the impossible", "version": version}, 422, "Save it all the same"},
		{"changed meanwhile", "/entities/xi/edit", map[string]string{"version": "0000"}, 409, "changed it meanwhile"},
		{"nobody", "/entities/nobody/edit", nil, 404, "no such thing"},
	} {
		v := url.Values{}
		for k := range form {
			v.Set(k, form.Get(k))
		}
		for k, c := range tt.change {
			v.Set(k, c)
		}
		res := postForm(s, tt.path, v)
		if got := text(checkPage(t, res.Body.String()).one(t, "main")); res.Code != tt.code || !strings.Contains(got, tt.want) {
			t.Errorf("%s: %d, want %d with %q in\n%s", tt.name, res.Code, tt.code, tt.want, got)
		}
	}
	form.Set("match", "the impossible")
	form.Set("force", "1")
	form.Set("version", version)
	if res = postForm(s, "/entities/xi/edit", form); res.Code != 303 || len(w.Snapshot().Entity("xi").Tests.Match) != 1 {
		t.Errorf("forced: %d", res.Code)
	}
}

// What the form shows of an entity is read back as the same entity.
func TestEntityFormKeepsNames(t *testing.T) {
	e := catalog.Entity{ID: "x", Name: `A "quoted" name`, Kind: "organization", Wikidata: "Q1", Names: []catalog.Name{
		{Text: "Huawei"}, {Text: "{odd}"}, {Text: "yes", Lang: "en"}, {Text: "10", Lang: "en"}, {Text: `back\slash "x"`, Lang: "de"},
		{Text: "HW", Exact: true, Near: []string{"phone, chip", "芯片", "no"}, Not: []string{"home: work"}, Must: []string{"#1"}},
		{Text: "Хуавей", Lang: "ru"}, {Text: "- dash", Lang: "ru"}, {Text: "'x'", Lang: "ru"}, {Text: "null", Lang: "en"},
	}, Tests: catalog.EntityTests{Match: []string{`a "b"`, "{c}"}, NoMatch: []string{"d: e"}}}
	e.Version = catalog.Digest(&e)
	f := formOf(&e)
	got, err := f.entity()
	if err != nil {
		t.Fatalf("%v\n%s", err, f.Names)
	}
	if diff := cmp.Diff(e, got); diff != "" {
		t.Errorf("(-want +got):\n%s\n%s", diff, f.Names)
	}
}

func TestEntityNumbersOverTheAPI(t *testing.T) {
	s := serverOf(t, newWorld(t).deps(), Config{})
	items := func(path string) []any {
		t.Helper()
		return asJSON(t, get(s, "/api/v1/entities/huawei/"+path), 200)["items"].([]any)
	}
	if got := items("timeline"); len(got) < 5 {
		t.Errorf("timeline %v", got)
	}
	if got := items("timeline?since=1h"); len(got) != 1 {
		t.Errorf("timeline of an hour %v", got)
	}
	if got := items("sources")[0].(map[string]any); got["name"] == "" || got["count"].(float64) < 5 {
		t.Errorf("sources %v", got)
	}
	for _, it := range items("comentions") {
		if it.(map[string]any)["id"] == "huawei" {
			t.Errorf("mentioned with itself: %v", it)
		}
	}
	asJSON(t, get(s, "/api/v1/entities/nobody/timeline"), 404)
	asJSON(t, get(s, "/api/v1/entities/huawei/sources?since=soon"), 422)
}
