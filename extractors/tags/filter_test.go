package tags

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/newswatch/newswatch/pipeline/catalog"
)

func TestFilter(t *testing.T) {
	m, _ := Compile(world())
	in := `{"id":"1","title":"Huawei <b>","text":"в МИДе"}

{"id":2,"text":"nothing"}
{"id":"3","text":
{"id":"4"}
{"id":"5","lang":"de","text":"Huaweis Chef"}
{"id":"6","text":7}
{"text":"华为"}`
	want := `{"id":"1","mentions":[{"entity":"huawei","kind":"organization","name":"Huawei","field":"title","start":0,"end":6,"text":"Huawei","rule":"exact","confidence":0.95},{"entity":"mfa","kind":"organization","name":"МИД","field":"text","start":3,"end":11,"text":"МИДе","rule":"form","confidence":0.95}]}
{"id":2,"mentions":[]}
{"id":"5","mentions":[{"entity":"huawei","kind":"organization","name":"Huawei","field":"text","start":0,"end":7,"text":"Huaweis","rule":"form","confidence":0.95}]}
{"id":null,"mentions":[{"entity":"huawei","kind":"organization","name":"华为","field":"text","start":0,"end":6,"text":"华为","rule":"exact","confidence":0.95}]}
`
	var out bytes.Buffer
	err := Filter(m, strings.NewReader(in), &out)
	if d := cmp.Diff(want, out.String()); d != "" {
		t.Error(d)
	}
	if err == nil {
		t.Fatal("no error for bad lines")
	}
	msgs := strings.Split(err.Error(), "\n")
	if len(msgs) != 3 || !strings.HasPrefix(msgs[0], "line 4: decode: ") || msgs[1] != "line 5: has neither title nor text" || !strings.HasPrefix(msgs[2], "line 7: decode: ") {
		t.Errorf("errors %q", msgs)
	}
	var line *LineError
	if !errors.As(err, &line) || line.Line != 4 {
		t.Errorf("first bad line is %+v, want 4", line)
	}
}

func TestFilterErrors(t *testing.T) {
	m, _ := Compile(world())
	broken := errors.New("broken")
	if err := Filter(m, iotest.ErrReader(broken), io.Discard); !errors.Is(err, broken) {
		t.Errorf("reading: %v", err)
	}
	r, w := io.Pipe()
	r.CloseWithError(broken)
	if err := Filter(m, strings.NewReader(`{"id":"1","text":"x"}`), w); !errors.Is(err, broken) {
		t.Errorf("writing: %v", err)
	}
	err := Filter(m, strings.NewReader(strings.Repeat("x\n", 1000)), io.Discard)
	if n := strings.Count(err.Error(), "\n"); n != maxLineErrors || !strings.HasSuffix(err.Error(), "and 900 more bad lines") {
		t.Errorf("a thousand bad lines: %d told of", n)
	}
	long := fmt.Sprintf(`{"id":"1","text":"%s 华为"}`, strings.Repeat("слово ", 200000))
	var out bytes.Buffer
	if err := Filter(m, strings.NewReader(long), &out); err != nil || !strings.Contains(out.String(), "华为") {
		t.Errorf("a long line: %v", err)
	}
}

func TestCheck(t *testing.T) {
	list := []catalog.Entity{
		{ID: "china", Names: names("中国"), Tests: catalog.EntityTests{
			Match: []string{"中国代表团", "no China here"}, NoMatch: []string{"日本", "中国科学院", "去中国"},
		}},
		{ID: "cas", Names: names("中国科学院")},
	}
	m, _ := Compile(list)
	var got []string
	for _, f := range Check(m, list) {
		got = append(got, f.String())
	}
	want := []string{
		`entity china: "no China here" must match: nothing was found`,
		`entity china: "去中国" must not match: found china in "中国" (exact "中国")`,
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// Long texts of one name after the other, of names that overlap, without end of
// sentence or of letters that must be written anew hold every promise.
func TestHostile(t *testing.T) {
	list := append(world(), catalog.Entity{ID: "x", Names: names("中国中", "国中国", "中国中国中")})
	m, _ := Compile(list)
	for _, s := range []string{
		strings.Repeat("HW phone ", 300), strings.Repeat("Владимир Путин Путин ", 300), strings.Repeat("Mercury ", 500),
		strings.Repeat("中国", 500), strings.Repeat("\u0301", 50000), strings.Repeat("аa", 20000), strings.Repeat("World Internet ", 500),
	} {
		mentions := m.Tag(s, s, "")
		checkMentions(t, m, s, s, mentions)
	}
}

// Whatever lines come in, each that is not blank is answered or told of.
func FuzzFilter(f *testing.F) {
	m, _ := Compile(world())
	f.Add([]byte(`{"id":1,"title":"Huawei","text":"华为","lang":"zh"}` + "\n\nnothing\r\n" + `{"id":{"a":[]},"text":"\ud800"}`))
	f.Add([]byte("null\n{}\n[]\n" + `{"text":""}`))
	f.Fuzz(func(t *testing.T, in []byte) {
		var out bytes.Buffer
		err := Filter(m, bytes.NewReader(in), &out)
		bad := 0
		for line := range bytes.Lines(in) {
			if line = bytes.TrimSpace(line); len(line) == 0 {
				continue
			}
			if _, err := tagLine(m, line); err != nil {
				bad++
				continue
			}
			answer, err := out.ReadBytes('\n')
			if err != nil || !json.Valid(answer) {
				t.Fatalf("%q: answered %q, %v", line, answer, err)
			}
		}
		if out.Len() > 0 || (err != nil) != (bad > 0) {
			t.Errorf("%d bad lines, %v; left: %q", bad, err, out.Bytes())
		}
	})
}
