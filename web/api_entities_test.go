package web

import (
	"strings"
	"testing"
	"time"
)

func TestPreviewOverTheAPI(t *testing.T) {
	s := serverOf(t, newWorld(t).deps(), Config{})
	for _, tt := range []struct {
		body string
		code int
		want string
	}{
		{`{"id":"huawei"}`, 200, `"candidates":42`},
		{`{"id":"huawei","since":"2d"}`, 200, `"entity":"huawei"`},
		{`{"entity":{"id":"x","name":"X","kind":"person","names":["Xi Jinping",{"text":"习近平","lang":"zh"}]}}`, 200, `"name":"Xi Jinping"`},
		{`{"id":"nobody"}`, 404, "no entity nobody"},
		{`{}`, 422, "either the id"},
		{`{"id":"huawei","entity":{"id":"x","name":"X","kind":"person","names":["X"]}}`, 422, "either the id"},
		{`{"id":"huawei","since":"yesterday"}`, 422, "neither a span"},
		{`{"id":"huawei","since":"0d"}`, 422, "neither a span"},
		{`{"entity":{"id":"x","name":"X","kind":"robot","names":["X"]}}`, 422, "robot"},
		{`{"entity":{"id":"x","name":"X","kind":"person","names":["X"],"nmaes":1}}`, 422, "nmaes"},
	} {
		res := do(s, "POST", "/api/v1/entities:preview", tt.body, "Content-Type", "application/json")
		if res.Code != tt.code || !strings.Contains(res.Body.String(), tt.want) {
			t.Errorf("%s: %d %s, want %d with %q", tt.body, res.Code, res.Body, tt.code, tt.want)
		}
	}
	asJSON(t, do(serverOf(t, Deps{}, Config{}), "POST", "/api/v1/entities:preview", `{"id":"huawei"}`, "Content-Type", "application/json"), 404)
}

func TestTestsAreRunOnSaving(t *testing.T) {
	w := newWorld(t)
	s := serverOf(t, w.deps(), Config{})
	body := `{"name":"X","kind":"person","names":["Xi"],"tests":{"match":["Xi","the impossible"]}}`
	put := func(path string) int {
		return do(s, "PUT", path, body, "Content-Type", "application/json").Code
	}
	if code := put("/api/v1/entities/xi"); code != 422 || w.Snapshot().Entity("xi") != nil {
		t.Errorf("a failing test: %d", code)
	}
	if code := put("/api/v1/entities/xi?force=true"); code != 201 {
		t.Errorf("forced: %d", code)
	}
	file := "entities:\n  - id: xi\n    name: X\n    kind: person\n    names: [Xi]\n    tests: { match: [the impossible] }\n"
	res := do(s, "POST", "/api/v1/apply?name=x.yaml", file, "Content-Type", "application/yaml")
	if res.Code != 422 || !strings.Contains(res.Body.String(), "x.yaml:6: entity xi: tests.match[0]: the test fails") {
		t.Errorf("a file: %d %s", res.Code, res.Body)
	}
	if res := do(s, "POST", "/api/v1/apply?name=x.yaml&force=true", file, "Content-Type", "application/yaml"); res.Code != 200 {
		t.Errorf("a file, forced: %d %s", res.Code, res.Body)
	}
}

func TestSinceTime(t *testing.T) {
	for in, want := range map[string]time.Time{
		"":           {},
		"36h":        noon.Add(-36 * time.Hour),
		"2w":         noon.Add(-14 * 24 * time.Hour),
		"2015-12-01": time.Date(2015, 12, 1, 0, 0, 0, 0, time.UTC),
	} {
		if got, ok := sinceTime(in, noon); !ok || !got.Equal(want) {
			t.Errorf("%q: %v, %v", in, got, ok)
		}
	}
	for _, in := range []string{"d", "x", "-1d", "3m", "1000000000000d", "ж"} {
		if got, ok := sinceTime(in, noon); ok {
			t.Errorf("%q: %v", in, got)
		}
	}
}
