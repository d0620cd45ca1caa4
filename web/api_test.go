package web

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/newswatch/newswatch/pipeline"
	"github.com/newswatch/newswatch/pipeline/catalog"
)

var update = flag.Bool("update", false, "write the golden files anew")

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(name, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got; -update writes it anew):\n%s", name, diff)
	}
}

func TestOpenAPI(t *testing.T) {
	s := serverOf(t, newWorld(t).deps(), Config{Version: "dev"})
	res := get(s, "/openapi.json")
	if ct := res.Header().Get("Content-Type"); ct != "application/openapi+json" {
		t.Error(ct)
	}
	golden(t, "openapi.json", res.Body.Bytes())

	var doc struct {
		OpenAPI string
		Paths   map[string]map[string]any
	}
	if err := json.Unmarshal(res.Body.Bytes(), &doc); err != nil {
		t.Fatal(err)
	}
	if doc.OpenAPI != "3.1.0" {
		t.Error(doc.OpenAPI)
	}
	var got []string
	for path, ops := range doc.Paths {
		for method := range ops {
			got = append(got, strings.ToUpper(method)+" "+strings.TrimPrefix(path, "/api/v1/"))
		}
	}
	slices.Sort(got)
	want := []string{
		"DELETE channels/{id}", "DELETE dead/{id}", "DELETE entities/{id}", "DELETE reextract", "DELETE reindex", "DELETE sources/{id}", "DELETE watches/{id}",
		"GET alerts", "GET alerts/{id}", "GET articles/{id}", "GET articles/{id}/explain", "GET channels", "GET channels/{id}", "GET dead", "GET dead/{id}",
		"GET entities", "GET entities/{id}", "GET entities/{id}/comentions", "GET entities/{id}/retag", "GET entities/{id}/sources", "GET entities/{id}/timeline", "GET feeds", "GET feeds:kept", "GET reextract", "GET reindex", "GET retag", "GET retention", "GET search", "GET sources", "GET sources/{id}", "GET sources/{id}/feeds", "GET sources/{id}/yield", "GET status", "GET watches", "GET watches/{id}",
		"POST apply", "POST articles", "POST backup", "POST dead/{id}:replay", "POST entities:preview", "POST extract", "POST feeds:discover", "POST reextract", "POST reindex", "POST retag", "POST retention", "POST tag",
		"PUT channels/{id}", "PUT entities/{id}", "PUT sources/{id}", "PUT watches/{id}",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("operations (-want +got):\n%s", diff)
	}
}

// asJSON asks for JSON and decodes it as it stands.
func asJSON(t *testing.T, res *httptest.ResponseRecorder, want int) map[string]any {
	t.Helper()
	if res.Code != want {
		t.Fatalf("%d, want %d: %s", res.Code, want, res.Body)
	}
	kind := "application/json"
	if want >= 400 {
		kind = "application/problem+json"
	}
	if ct := res.Header().Get("Content-Type"); ct != kind {
		t.Errorf("Content-Type %q, want %q", ct, kind)
	}
	var v map[string]any
	if err := json.Unmarshal(res.Body.Bytes(), &v); err != nil {
		t.Fatalf("%v: %s", err, res.Body)
	}
	return v
}

func keys(v any) []string { return slices.Sorted(maps.Keys(v.(map[string]any))) }

func TestSearchFields(t *testing.T) {
	w := newWorld(t)
	s := serverOf(t, w.deps(), Config{})
	v := asJSON(t, get(s, "/api/v1/search?q=huawei&limit=1&facets=source,lang,country,entity,tag,day&interval=hour&sort=oldest&collapse=stories&from=2015-01-01&to=2015-12-17T00:00:00Z"), 200)
	if diff := cmp.Diff([]string{"facets", "hits", "next_cursor", "timeline", "took_ms", "total", "total_exact", "warnings"}, keys(v)); diff != "" {
		t.Error(diff)
	}
	hit := v["hits"].([]any)[0]
	if diff := cmp.Diff([]string{"copies", "country", "entities", "first_seen", "id", "lang", "published", "score", "snippet", "source", "story", "title", "url"}, keys(hit)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"country", "entity", "lang", "source", "tag"}, keys(v["facets"])); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"count", "value"}, keys(v["facets"].(map[string]any)["source"].([]any)[0])); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"count", "t"}, keys(v["timeline"].([]any)[0])); diff != "" {
		t.Error(diff)
	}
	want := pipeline.SearchRequest{
		Query: "huawei", Limit: 1, Sort: "oldest", Collapse: "stories", Facets: []string{"source", "lang", "country", "entity", "tag"}, Timeline: true, Interval: "hour",
		From: time.Date(2015, 1, 1, 0, 0, 0, 0, time.UTC), To: time.Date(2015, 12, 17, 0, 0, 0, 0, time.UTC),
	}
	if diff := cmp.Diff(want, w.searched); diff != "" {
		t.Errorf("asked of the index (-want +got):\n%s", diff)
	}

	// Lists are lists, also where there is nothing.
	v = asJSON(t, get(s, "/api/v1/search?q=nothingatall"), 200)
	if v["hits"] == nil || v["warnings"] == nil {
		t.Errorf("null for an empty list: %v", v)
	}
	if diff := cmp.Diff(pipeline.SearchRequest{Query: "nothingatall", Limit: 20, Sort: "newest", Collapse: "none", Interval: "day"}, w.searched); diff != "" {
		t.Errorf("defaults (-want +got):\n%s", diff)
	}

	// Only the total: to the index, where 0 is the default, that is -1.
	asJSON(t, get(s, "/api/v1/search?q=a&limit=0"), 200)
	if w.searched.Limit != -1 {
		t.Errorf("limit=0 asks the index for %d", w.searched.Limit)
	}
}

func TestSearchSnippetsAreSafe(t *testing.T) {
	deps := newWorld(t).deps()
	deps.Searcher = hostileSearch{newWorld(t)}
	v := asJSON(t, get(serverOf(t, deps, Config{}), "/api/v1/search?q=huawei"), 200)
	snippet := v["hits"].([]any)[0].(map[string]any)["snippet"].(string)
	if strings.Contains(snippet, "<script") || strings.Contains(snippet, "<img") || !strings.Contains(snippet, "<mark>ok</mark>") {
		t.Error(snippet)
	}
}

func TestArticleFields(t *testing.T) {
	w := newWorld(t)
	s := serverOf(t, w.deps(), Config{})
	v := asJSON(t, get(s, "/api/v1/articles/"+w.articles[0].ID), 200)
	for _, field := range []string{"id", "key", "revision", "url", "title", "text", "mentions", "published", "published_from", "first_seen", "fetched", "extracted", "indexed", "feeds", "method", "story", "source", "source_name"} {
		if _, ok := v[field]; !ok {
			t.Errorf("no %s", field)
		}
	}
	if diff := cmp.Diff([]string{"confidence", "end", "entity", "field", "name", "rule", "start", "text"}, keys(v["mentions"].([]any)[0])); diff != "" {
		t.Error(diff)
	}
	want := map[string]any{"first_seen": 95_000., "fetched": 2000., "extracted": 40., "indexed": 960., "total": 3000.}
	if diff := cmp.Diff(want, v["latency_ms"]); diff != "" {
		t.Error(diff)
	}
}

func TestProblems(t *testing.T) {
	w := newWorld(t)
	w.articles[0].ID = "panics"
	deps := w.deps()
	deps.Articles = brokenArticles{w}
	s := serverOf(t, deps, Config{})
	none := serverOf(t, Deps{}, Config{})
	var out bytes.Buffer
	for _, tc := range []struct {
		name               string
		s                  *Server
		method, path, body string
	}{
		{"query error", s, "GET", "/api/v1/search?q=huawei+AND+%28", ""},
		{"query error after Han", s, "GET", "/api/v1/search?q=%E5%8D%8E%E4%B8%BA+%22", ""},
		{"bad parameter", s, "GET", "/api/v1/search?limit=1000&sort=x", ""},
		{"unknown parameter", s, "GET", "/api/v1/search?querry=x", ""},
		{"bad time", s, "GET", "/api/v1/search?from=yesterday", ""},
		{"no such path", s, "GET", "/api/v1/nothing", ""},
		{"no such action", s, "POST", "/api/v1/dead/7:explode", ""},
		{"wrong method", s, "POST", "/api/v1/search", ""},
		{"wrong method of many", s, "PATCH", "/api/v1/entities/huawei", ""},
		{"no such article", s, "GET", "/api/v1/articles/none", ""},
		{"panic", s, "GET", "/api/v1/articles/panics", ""},
		{"unknown error", s, "GET", "/api/v1/articles/broken", ""},
		{"too slow", s, "GET", "/api/v1/articles/slow", ""},
		{"nobody answers", s, "GET", "/api/v1/articles/alone", ""},
		{"not JSON", s, "PUT", "/api/v1/entities/zte", "{"},
		{"unknown field", s, "PUT", "/api/v1/entities/zte", `{"name":"ZTE","kind":"organization","names":["ZTE"],"colour":"red"}`},
		{"wrong type", s, "PUT", "/api/v1/entities/zte", `{"name":"ZTE","kind":"organization","names":[7]}`},
		{"invalid object", s, "PUT", "/api/v1/entities/zte", `{"name":"ZTE","kind":"planet","names":["ZTE"]}`},
		{"another id", s, "PUT", "/api/v1/entities/zte", `{"id":"huawei","name":"ZTE","kind":"organization","names":["ZTE"]}`},
		{"in use", s, "DELETE", "/api/v1/channels/desk", ""},
		{"bad file", s, "POST", "/api/v1/apply?name=a.yaml", "entities:\n  - id: zte\n    name: ZTE\n    kind: planet\n    nmaes: [ZTE]\n"},
		{"empty file", s, "POST", "/api/v1/apply", ""},
		{"bad cursor", s, "GET", "/api/v1/entities?cursor=%25", ""},
		{"not running here", none, "GET", "/api/v1/search", ""},
	} {
		res := do(tc.s, tc.method, tc.path, tc.body)
		if ct := res.Header().Get("Content-Type"); ct != "application/problem+json" {
			t.Errorf("%s: Content-Type %q", tc.name, ct)
		}
		fmt.Fprintf(&out, "%s: %s %s\n", tc.name, tc.method, tc.path)
		if allow := res.Header().Get("Allow"); allow != "" {
			fmt.Fprintf(&out, "Allow: %s\n", allow)
		}
		var doc bytes.Buffer
		if err := json.Indent(&doc, res.Body.Bytes(), "", "  "); err != nil {
			t.Errorf("%s: %v: %s", tc.name, err, res.Body)
		}
		if got := asJSON(t, res, res.Code)["status"]; got != float64(res.Code) {
			t.Errorf("%s: status %v in the document of a %d", tc.name, got, res.Code)
		}
		fmt.Fprintf(&out, "%s\n", doc.Bytes())
	}
	golden(t, "testdata/problems.golden", out.Bytes())

	for _, part := range []string{
		"GET /search", "GET /articles/x", "GET /entities", "GET /entities/x", "PUT /entities/x", "DELETE /entities/x",
		"GET /alerts", "GET /alerts/x", "GET /dead", "GET /dead/x", "POST /dead/x:replay", "DELETE /dead/x", "GET /status",
		"POST /apply", "POST /articles", "POST /tag", "POST /extract", "GET /sources/x/feeds",
	} {
		method, path, _ := strings.Cut(part, " ")
		body := ""
		switch {
		case method == "PUT":
			body = `{"name":"X","kind":"topic","names":["X"]}`
		case path == "/apply":
			body = "entities: []"
		}
		v := asJSON(t, do(none, method, "/api/v1"+path, body), 503)
		if !strings.Contains(v["detail"].(string), "not running here") {
			t.Errorf("%s: %v", part, v)
		}
	}
}

// brokenArticles fails in its own way for each id.
type brokenArticles struct{ *world }

func (b brokenArticles) Article(ctx context.Context, id string) (pipeline.Article, error) {
	switch id {
	case "panics":
		panic("a secret")
	case "broken":
		return pipeline.Article{}, errors.New("a secret")
	case "slow":
		return pipeline.Article{}, fmt.Errorf("search: %w", context.DeadlineExceeded)
	case "alone":
		return pipeline.Article{}, pipeline.ErrNoServer
	}
	return b.world.Article(ctx, id)
}

func TestCatalogLists(t *testing.T) {
	w := newWorld(t)
	s := serverOf(t, w.deps(), Config{})
	var ids []string
	for cursor, pages := "", 0; ; pages++ {
		v := asJSON(t, get(s, "/api/v1/entities?limit=3&cursor="+cursor), 200)
		for _, it := range v["items"].([]any) {
			ids = append(ids, it.(map[string]any)["id"].(string))
		}
		next, ok := v["next_cursor"].(string)
		if !ok {
			if pages != 1 {
				t.Errorf("%d pages", pages+1)
			}
			break
		}
		cursor = next
		// What is added or deleted meanwhile, before or behind, moves nothing.
		e := editor{w}
		e.replace(catalog.Ref{Kind: "entity", ID: "alibaba"}, nil)
		e.replace(catalog.Ref{Kind: "entity", ID: "aaa"}, &catalog.Entity{ID: "aaa"})
	}
	if diff := cmp.Diff([]string{"alibaba", "huawei", "medvedev", "wic"}, ids); diff != "" {
		t.Error(diff)
	}
	for kind, n := range map[string]int{"sources": 3, "watches": 1, "channels": 2} {
		v := asJSON(t, get(s, "/api/v1/"+kind), 200)
		if got := len(v["items"].([]any)); got != n {
			t.Errorf("%d %s, want %d", got, kind, n)
		}
	}
}

func TestCatalogObjects(t *testing.T) {
	w := newWorld(t)
	s := serverOf(t, w.deps(), Config{})
	const zte = `{"name":"ZTE","kind":"organization","names":["ZTE",{"text":"中兴","lang":"zh"}],"managed_by":"me","version":"9"}`
	res := do(s, "PUT", "/api/v1/entities/zte", zte)
	v := asJSON(t, res, 201)
	want := map[string]any{
		"id": "zte", "name": "ZTE", "kind": "organization", "version": v["version"],
		"names": []any{"ZTE", map[string]any{"text": "中兴", "lang": "zh"}},
	}
	if diff := cmp.Diff(want, v); diff != "" {
		t.Errorf("stored (-want +got):\n%s", diff)
	}
	tag := res.Header().Get("ETag")
	if tag == "" || tag != get(s, "/api/v1/entities/zte").Header().Get("ETag") {
		t.Errorf("ETag %q", tag)
	}
	asJSON(t, do(s, "PUT", "/api/v1/entities/zte", zte), 200)
	asJSON(t, do(s, "PUT", "/api/v1/entities/zte", zte, "If-Match", tag), 200)
	asJSON(t, do(s, "PUT", "/api/v1/entities/zte", zte, "If-Match", `"0000000000000000"`), 412)
	asJSON(t, do(s, "PUT", "/api/v1/entities/zte", zte, "If-None-Match", "*"), 412)
	if res := do(s, "DELETE", "/api/v1/entities/zte", ""); res.Code != 204 || res.Body.Len() > 0 {
		t.Errorf("delete: %d %s", res.Code, res.Body)
	}
	asJSON(t, do(s, "DELETE", "/api/v1/entities/zte", ""), 404)
	asJSON(t, get(s, "/api/v1/entities/zte"), 404)

	for path, body := range map[string]string{
		"sources/tass": `{"name":"ТАСС","home":"https://tass.example","country":"RU","lang":"ru","feeds":[{"url":"https://tass.example/rss","every":"10m"}],"gap":"5s"}`,
		"watches/zte":  `{"name":"ZTE","query":"zte","to":["desk"],"quiet":{"from":"22:00","to":"07:00","tz":"Europe/Moscow"}}`,
		"channels/log": `{"kind":"log"}`,
	} {
		v := asJSON(t, do(s, "PUT", "/api/v1/"+path, body), 201)
		if got := path[:strings.IndexByte(path, '/')+1] + v["id"].(string); got != path {
			t.Errorf("%s: %v", path, v)
		}
	}
}

func TestApply(t *testing.T) {
	s := serverOf(t, newWorld(t).deps(), Config{})
	v := asJSON(t, do(s, "POST", "/api/v1/apply?name=more.yaml", "entities:\n  - { id: zte, name: ZTE, kind: organization, names: [ZTE] }\n", "Content-Type", "application/yaml"), 200)
	if diff := cmp.Diff(map[string]any{"added": 1., "changed": 0., "unchanged": 0., "removed": 0.}, v); diff != "" {
		t.Error(diff)
	}
	v = asJSON(t, do(s, "PUT", "/api/v1/entities/zte", `{"name":"ZTE","kind":"organization","names":["ZTE"]}`), 409)
	if !strings.Contains(v["detail"].(string), "more.yaml") {
		t.Errorf("who manages it is not said: %v", v)
	}
	opml := `<opml version="2.0"><body><outline text="Feed" xmlUrl="https://f.example/rss"/></body></opml>`
	asJSON(t, do(s, "POST", "/api/v1/apply?name=feeds", opml, "Content-Type", "text/x-opml"), 200)
	v = asJSON(t, do(s, "POST", "/api/v1/apply?name=bad.yaml", "entities:\n  - id: zte\n    kind: planet\n"), 422)
	if at := v["errors"].([]any)[0].(map[string]any)["location"].(string); !strings.HasPrefix(at, "line ") {
		t.Errorf("no line: %v", v)
	}
}

func TestAlertsAndDead(t *testing.T) {
	w := newWorld(t)
	s := serverOf(t, w.deps(), Config{})
	v := asJSON(t, get(s, "/api/v1/alerts?limit=1"), 200)
	if len(v["items"].([]any)) != 1 || v["next_cursor"] == nil {
		t.Error(v)
	}
	v = asJSON(t, get(s, "/api/v1/alerts?limit=1&cursor="+v["next_cursor"].(string)), 200)
	if v["items"].([]any)[0].(map[string]any)["id"] != "huawei-news.fedcba9876543210" {
		t.Error(v)
	}
	v = asJSON(t, get(s, "/api/v1/alerts?limit=1&cursor="+v["next_cursor"].(string)), 200)
	about := v["items"].([]any)[0].(map[string]any)
	if about["feed"].(map[string]any)["reason"] != "no new item for 50 h" || about["article"] != nil || v["next_cursor"] != nil {
		t.Error(v)
	}
	v = asJSON(t, get(s, "/api/v1/alerts/huawei-news.0123456789abcdef"), 200)
	if v["receipt"] == nil || len(v["deliveries"].([]any)) != 2 {
		t.Error(v)
	}
	if v := asJSON(t, get(s, "/api/v1/dead?stage=index"), 200); len(v["items"].([]any)) != 1 {
		t.Error(v)
	}
	if v := asJSON(t, get(s, "/api/v1/dead?stage=index&reason=panic"), 200); len(v["items"].([]any)) != 0 {
		t.Error(v)
	}
	if v := asJSON(t, get(s, "/api/v1/dead/7"), 200); v["body"] != `{"key":"x"}` || v["reason"] != "panic" {
		t.Error(v)
	}
	if v := asJSON(t, get(s, "/api/v1/dead/3"), 200); v["body_base64"] != "//4=" {
		t.Error(v)
	}
	for _, call := range []struct{ method, path string }{{"POST", "7:replay"}, {"DELETE", "3"}} {
		if res := do(s, call.method, "/api/v1/dead/"+call.path, ""); res.Code != 204 {
			t.Errorf("%v: %d %s", call, res.Code, res.Body)
		}
	}
	asJSON(t, do(s, "POST", "/api/v1/dead/99:replay", ""), 404)
	for _, form := range []string{"/status/dead/7/replay", "/status/dead/3/drop"} {
		res := do(s, "POST", form, "", "Sec-Fetch-Site", "same-origin")
		if res.Code != 303 || !strings.HasPrefix(res.Header().Get("Location"), "/status?done=") {
			t.Errorf("%s: %d %v", form, res.Code, res.Header())
		}
	}
	if diff := cmp.Diff([][]string{{"7", "7"}, {"3", "3"}}, [][]string{w.replayed, w.dropped}); diff != "" {
		t.Error(diff)
	}
}

func TestStatusFields(t *testing.T) {
	v := asJSON(t, get(serverOf(t, newWorld(t).deps(), Config{}), "/api/v1/status"), 200)
	if diff := cmp.Diff([]string{"dead", "disk", "feeds", "index", "retag", "roles", "stages", "started", "streams", "uptime_s", "version"}, keys(v)); diff != "" {
		t.Error(diff)
	}
	empty := Deps{Status: func(context.Context) (Status, error) { return Status{}, nil }}
	v = asJSON(t, get(serverOf(t, empty, Config{}), "/api/v1/status"), 200)
	for _, list := range []any{v["stages"], v["streams"], v["feeds"].(map[string]any)["failing"], v["feeds"].(map[string]any)["states"]} {
		if list == nil {
			t.Errorf("null for an empty list: %v", v)
		}
	}
}

func TestLoad(t *testing.T) {
	w := newWorld(t)
	s := serverOf(t, w.deps(), Config{})
	line := func(url, title string) string {
		return fmt.Sprintf(`{"url":%q,"title":%q,"text":"Text of it.","published":"2015-12-01T10:00:00+03:00"}`, url, title)
	}
	body := strings.Join([]string{
		line("https://www.vestnik.example/1?utm_source=x", "one"), // 1 new
		line("https://elsewhere.example/2", "two"),                // 2 new
		line("https://www.vestnik.example/1", "one"),              // 3 known: the same address
		line("https://elsewhere.example/2", "two, corrected"),     // 4 changed
		`{"url":`,               // 5
		`["an","array"]`,        // 6
		"",                      // 7: nothing
		line("", "no address"),  // 8
		line("ftp://x/y", "no"), // 9
		`{"url":"https://a.example/","title":" ","text":"","published":"2015-12-01"}`,                                                                     // 10
		`{"url":"https://a.example/","title":"t","text":"x"}`,                                                                                             // 11
		`{"url":"https://a.example/","title":"t","text":"x","published":"1 Dec"}`,                                                                         // 12
		"{\"url\":\"https://a.example/\",\"title\":\"\xff\"}",                                                                                             // 13
		line("https://refused.example/", "refused by the pipeline"),                                                                                       // 14
		line("https://big.example/", "too big"),                                                                                                           // 15
		`{"url":"https://a.example/","title":"` + strings.Repeat("x", maxLine) + `"}`,                                                                     // 16
		`{"url":"https://a.example/z","title":"last","text":"without a line feed","published":"2015-12-01","source":"jiangnan","author":"A","lang":"zh"}`, // 17 new
	}, "\n")
	res := do(s, "POST", "/api/v1/articles", body, "Content-Type", "application/jsonl")
	var got loadResult
	if err := json.Unmarshal(res.Body.Bytes(), &got); err != nil || res.Code != 200 {
		t.Fatalf("%d %v %s", res.Code, err, res.Body)
	}
	want := loadResult{New: 3, Changed: 1, Known: 1, Refused: []refusal{
		{5, "not a JSON object of an article: unexpected end of JSON input"},
		{6, "not a JSON object of an article: json: cannot unmarshal array into Go value of type web.loadLine"},
		{8, "url is missing"},
		{9, "url is not an http or https address"},
		{10, "title and text are both empty"},
		{11, "published is missing"},
		{12, "published is not an RFC 3339 time or a day: 1 Dec"},
		{13, "not UTF-8"},
		{14, "invalid: not from there"},
		{15, pipeline.ErrTooBig.Error()},
		{16, "longer than 8 MiB"},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	first := w.loaded[0]
	wantItem := pipeline.Item{
		URL: "https://www.vestnik.example/1", Link: "https://www.vestnik.example/1?utm_source=x", Title: "one", Text: "Text of it.",
		Lang: "ru", Country: "RU", Source: "vestnik", Published: time.Date(2015, 12, 1, 7, 0, 0, 0, time.UTC), PublishedFrom: pipeline.DateFromFeed,
		FirstSeen: noon, Whole: true, Quiet: true, Key: first.Key, Content: first.Content,
	}
	if diff := cmp.Diff(wantItem, first); diff != "" {
		t.Errorf("item (-want +got):\n%s", diff)
	}
	if w.loaded[1].Source != "elsewhere.example" {
		t.Errorf("source of an unknown host: %q", w.loaded[1].Source)
	}
	if last := w.loaded[len(w.loaded)-1]; last.Source != "jiangnan" || last.Author != "A" || last.Country != "CN" {
		t.Errorf("last: %+v", last)
	}

	do(s, "POST", "/api/v1/articles?alert=true", line("https://b.example/", "b"))
	if w.loaded[len(w.loaded)-1].Quiet {
		t.Error("alert=true still loads quietly")
	}

	v := asJSON(t, do(s, "POST", "/api/v1/articles", line("https://c.example/", "c")+"\n"+line("https://full.example/", "f")), 503)
	if d := v["detail"].(string); !strings.Contains(d, "Stopped at line 2 (1 new") {
		t.Error(d)
	}
}

func TestLoadListsOnlySoManyRefusals(t *testing.T) {
	s := serverOf(t, newWorld(t).deps(), Config{})
	res := do(s, "POST", "/api/v1/articles", strings.Repeat("x\n", maxRefused+5))
	var got loadResult
	if err := json.Unmarshal(res.Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if len(got.Refused) != maxRefused || got.RefusedMore != 5 {
		t.Errorf("%d listed, %d more", len(got.Refused), got.RefusedMore)
	}
}

// FuzzLoad: whatever the lines are, each is counted once or blank.
func FuzzLoad(f *testing.F) {
	f.Add([]byte("{\"url\":\"https://a.example/\",\"title\":\"t\",\"text\":\"x\",\"published\":\"2015-12-01\"}\n\nx\n"))
	f.Add([]byte("{}\r\n[]\n\"\xff\""))
	w := newWorld(f)
	s := serverOf(f, w.deps(), Config{})
	f.Fuzz(func(t *testing.T, body []byte) {
		w.loaded = nil
		res, _, err := s.load(t.Context(), bytes.NewReader(body), false)
		if errors.Is(err, pipeline.ErrFull) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		lines := 0
		for l := range bytes.SplitSeq(body, []byte("\n")) {
			if len(bytes.TrimSpace(l)) > 0 {
				lines++
			}
		}
		if got := res.New + res.Changed + res.Known + len(res.Refused) + res.RefusedMore; got != lines {
			t.Fatalf("%d of %d lines counted", got, lines)
		}
	})
}

// A filter's answers come while its input is still being written.
func TestFiltersStream(t *testing.T) {
	srv := httptest.NewServer(serverOf(t, newWorld(t).deps(), Config{}).Handler())
	defer srv.Close()
	for _, path := range []string{"/api/v1/tag", "/api/v1/extract"} {
		in, feed := io.Pipe()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, srv.URL+path, in)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { feed.Close() })
		go func() { _, _ = io.WriteString(feed, "{\"a\":1}\n") }()
		res, err := srv.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 8)
		for i := range 3 {
			if i > 0 {
				if _, err := io.WriteString(feed, "{\"a\":1}\n"); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := io.ReadFull(res.Body, buf); err != nil || string(buf) != "{\"A\":1}\n" {
				t.Fatalf("%s: line %d: %q %v", path, i, buf, err)
			}
		}
		feed.Close()
		if rest, err := io.ReadAll(res.Body); err != nil || len(rest) > 0 {
			t.Errorf("%s: rest %q %v", path, rest, err)
		}
		res.Body.Close()
		if ct := res.Header.Get("Content-Type"); ct != "application/jsonl" {
			t.Errorf("%s: %s", path, ct)
		}
	}
}

// What breaks off must not look whole.
func TestFilterBreaksOff(t *testing.T) {
	deps := newWorld(t).deps()
	deps.Tag = func(_ context.Context, _ io.Reader, out io.Writer) error {
		_, _ = io.WriteString(out, "{}\n")
		return errors.New("broken")
	}
	deps.Extract = func(_ context.Context, in io.Reader, _ io.Writer) error {
		_, err := io.ReadAll(in)
		return err
	}
	srv := httptest.NewServer(serverOf(t, deps, Config{}).Handler())
	defer srv.Close()
	post := func(path, body string) (*http.Response, error) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, srv.URL+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		res, err := srv.Client().Do(req)
		if err != nil {
			return nil, err
		}
		defer res.Body.Close()
		_, err = io.ReadAll(res.Body)
		return res, err
	}
	if _, err := post("/api/v1/tag", "{}\n"); err == nil {
		t.Error("half an answer ended like a whole one")
	}
	res, err := post("/api/v1/extract", strings.Repeat("x", maxLine+2))
	if err != nil || res.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("a line without end: %v %v", res, err)
	}
}
