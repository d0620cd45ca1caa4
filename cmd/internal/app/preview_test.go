package app

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/newswatch/newswatch/pipeline"
	"github.com/newswatch/newswatch/pipeline/catalog"
)

// What an entity would find is known before it is saved, and its tests are run
// when it is.
func TestPreview(t *testing.T) {
	r := runApp(t, t.TempDir(), nil)
	r.load(wuzhen+moscow+unwanted, false)
	eventually(t, "three articles searchable", func() bool { return r.search("").Total == 3 })

	var p pipeline.Preview
	body := `{"entity":{"id":"kettle","name":"Kettle","kind":"product","names":["kettle","Kettles",{"text":"手机","lang":"zh"}]}}`
	if code := r.do("POST", "/api/v1/entities:preview", body, &p); code != 200 {
		t.Fatalf("preview: %d", code)
	}
	if p.Candidates != 2 || p.Read != 2 || p.Sampled || p.Articles != 2 || p.Mentions != 3 {
		t.Errorf("preview %+v, want 2 candidates, all read, 3 mentions", p)
	}
	p = pipeline.Preview{}
	body = strings.Replace(body, `{"entity"`, `{"since":"2015-12-18","entity"`, 1)
	if r.do("POST", "/api/v1/entities:preview", body, &p); p.Read != 1 || len(p.Samples) == 0 || p.Samples[0].Title != "Kettles" {
		t.Errorf("preview since a day %+v, want the one article", p)
	}
	p = pipeline.Preview{}
	if r.do("POST", "/api/v1/entities:preview", `{"id":"huawei"}`, &p); p.Articles != 2 || p.Names[2].Forms[0].Text != "Хуавее" {
		t.Errorf("preview of a saved one %+v", p)
	}

	failing := `{"name":"Kettle","kind":"product","names":["kettle"],"tests":{"match":["a kettle","a pot"],"no_match":["a kettlebell"]}}`
	req := func(method, path, body string) (int, string) {
		q, _ := http.NewRequest(method, r.url+path, strings.NewReader(body))
		q.Header.Set("Content-Type", "application/json")
		resp, err := http.DefaultClient.Do(q)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, _ := io.ReadAll(resp.Body)
		return resp.StatusCode, string(b)
	}
	code, said := req("PUT", "/api/v1/entities/kettle", failing)
	if code != 422 || !strings.Contains(said, `tests.match[1]: the test fails: \"a pot\" must match: nothing was found`) {
		t.Errorf("a failing test: %d %s", code, said)
	}
	file := "entities:\n  - id: kettle\n    name: Kettle\n    kind: product\n    names: [kettle]\n    tests:\n      match:\n        - a kettle\n        - a pot\n"
	code, said = req("POST", "/api/v1/apply?name=k.yaml", file)
	if code != 422 || !strings.Contains(said, "k.yaml:9: entity kettle: tests.match[1]") {
		t.Errorf("a failing test in a file: %d %s", code, said)
	}
	if r.app.catalog.Snapshot().Entity("kettle") != nil {
		t.Error("it was stored all the same")
	}
	if code, said = req("PUT", "/api/v1/entities/kettle?force=true", failing); code != 201 {
		t.Errorf("forced: %d %s", code, said)
	}
	if code, said = req("POST", "/api/v1/apply?name=k.yaml&force=true", file); code != 200 {
		t.Errorf("forced in a file: %d %s", code, said)
	}
}

// many is an archive of n articles that all mention it.
type many int

func (n many) IDs(_ context.Context, req pipeline.IDsRequest) (pipeline.IDsResult, error) {
	res := pipeline.IDsResult{Total: int(n)}
	for i := int(n) - 1; i >= 0 && len(res.IDs) < req.Limit; i-- {
		res.IDs = append(res.IDs, fmt.Sprintf("%08d", i))
	}
	return res, nil
}

func (n many) Article(_ context.Context, id string) (pipeline.Article, error) {
	if strings.HasSuffix(id, "7") {
		return pipeline.Article{}, fmt.Errorf("article %s: %w", id, pipeline.ErrNotFound)
	}
	return pipeline.Article{ID: id, Text: "a kettle"}, nil
}

// A preview reads so many articles and no more, and says so.
func TestPreviewIsBounded(t *testing.T) {
	kettle := catalog.Entity{ID: "kettle", Name: "Kettle", Kind: "product", Names: []catalog.Name{{Text: "kettle"}}}
	p := previewer{many(50), func() []catalog.Entity { return nil }, 100, time.Minute}
	got, err := p.Preview(t.Context(), kettle, time.Time{})
	if err != nil || got.Read != 45 || got.Note != "" {
		t.Errorf("50 articles, 5 gone: read %d, note %q, %v", got.Read, got.Note, err)
	}
	p.articles = 20
	got, _ = p.Preview(t.Context(), kettle, time.Time{})
	if !got.Sampled || got.Candidates != 50 || got.Note == "" || got.Read > 20 {
		t.Errorf("sampled: %+v", got)
	}
	p.archive = many(30000)
	got, _ = p.Preview(t.Context(), kettle, time.Time{})
	if !strings.Contains(got.Note, "of at least 30000 articles") || got.Candidates != 30000 {
		t.Errorf("more than can be listed: %d, %q", got.Candidates, got.Note)
	}
	p.time = 0
	got, err = p.Preview(t.Context(), kettle, time.Time{})
	if err != nil || !got.Sampled || !strings.Contains(got.Note, "stopped after") {
		t.Errorf("no time: %+v, %v", got.Note, err)
	}
	if diff := cmp.Diff([]string{"a", "c", "e"}, spread([]string{"a", "b", "c", "d", "e", "f"}, 3)); diff != "" {
		t.Error(diff)
	}
}
