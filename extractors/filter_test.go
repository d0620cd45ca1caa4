package extractors

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

func filter(t *testing.T, in string, opt FilterOptions) []LineOut {
	t.Helper()
	var w bytes.Buffer
	if err := Filter(strings.NewReader(in), &w, opt); err != nil {
		t.Fatal(err)
	}
	var out []LineOut
	for l := range strings.Lines(w.String()) {
		var o LineOut
		if err := json.Unmarshal([]byte(l), &o); err != nil {
			t.Fatalf("%q: %v", l, err)
		}
		out = append(out, o)
	}
	return out
}

func TestFilter(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a.html"), []byte(paged()), 0o600); err != nil {
		t.Fatal(err)
	}
	inline, err := json.Marshal(LineIn{ID: "2", URL: "https://wuzhen.example/b", HTML: paged(), Lang: "en"})
	if err != nil {
		t.Fatal(err)
	}
	in := strings.Join([]string{
		`{"id":"1","url":"https://wuzhen.example/a","html_file":"a.html"}`,
		``,
		string(inline),
		`{"id":"3"`,
		`{"id":"4","html_file":"none.html"}`,
		`{"id":"5"}`,
		`{"id":"6","html":"%PDF-1.7\n"}`,
		strings.Repeat("x", 9000),
		`{"id":"7","html":"<p>华为</p>","html_file":"a.html"}`,
		`{"id":"8","html":"<html><body><article><p>华为</p></article>"}`,
	}, "\n")
	got := filter(t, in, FilterOptions{Dir: dir, MaxLine: 8000, Workers: 3})
	text := strings.Join(paragraphs, "\n\n")
	whole := LineOut{Title: "Huawei signs a deal", Text: text, Author: "Wang Li", Lang: "en", Canonical: "https://www.wuzhen.example/deals/a", Method: "blocks"}
	first, second := whole, whole
	first.ID, second.ID = "1", "2"
	want := []LineOut{
		first, second,
		{Line: 4, Error: "line 4: unexpected end of JSON input"},
		{ID: "4", Line: 5, Error: "line 5: open " + filepath.Join(dir, "none.html") + ": no such file or directory"},
		{ID: "5", Line: 6, Error: `line 6: one of "html" and "html_file" is wanted`},
		{ID: "6", Line: 7, Error: "line 7: readable: not HTML: text/html", Notes: nil},
		{Line: 8, Error: "line 8: line is too long: over 8000 bytes"},
		{ID: "7", Line: 9, Error: `line 9: one of "html" and "html_file" is wanted, not both`},
		{ID: "8", Text: "华为", Lang: "zh", Method: "blocks", Notes: []string{"short"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
}

func TestFilterKeepsOrder(t *testing.T) {
	var in strings.Builder
	for i := range 200 { // long pages and short ones by turns
		fmt.Fprintf(&in, "{\"id\":\"%d\",\"html\":\"<p>%s</p>\"}\n", i, strings.Repeat("word ", 1+i%7*200))
	}
	got := filter(t, in.String(), FilterOptions{Workers: 8})
	if len(got) != 200 {
		t.Fatalf("%d lines, want 200", len(got))
	}
	for i, o := range got {
		if o.ID != fmt.Sprint(i) {
			t.Fatalf("line %d has id %s", i, o.ID)
		}
	}
}

func TestFilterFails(t *testing.T) {
	broken := errors.New("broken pipe")
	if err := Filter(iotest.ErrReader(broken), new(bytes.Buffer), FilterOptions{}); !errors.Is(err, broken) {
		t.Errorf("reader: error = %v, want %v", err, broken)
	}
	in := strings.Repeat(`{"id":"1","html":"<p>x</p>"}`+"\n", 50)
	if err := Filter(strings.NewReader(in), failing{broken}, FilterOptions{}); !errors.Is(err, broken) {
		t.Errorf("writer: error = %v, want %v", err, broken)
	}
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

// Whatever lines come in, each that is not blank has its answer, in order, and no
// file is read for one that is foreign.
func FuzzFilter(f *testing.F) {
	f.Add([]byte(`{"id":"1","url":"https://a.example","html":"<html><body><p>text</p></body></html>"}` + "\n\n" + `{"id":"2","html_file":"/etc/passwd"}` + "\nnothing\r\n"))
	f.Add([]byte("[]\n{}\nnull\n\"\"\n" + strings.Repeat("x", 5000) + "\n" + `{"id":"3","html":"\ud800\u0000"}`))
	f.Fuzz(func(t *testing.T, in []byte) {
		const maxLine = 4096
		var out bytes.Buffer
		if err := Filter(bytes.NewReader(in), &out, FilterOptions{NoFiles: true, Workers: 2, MaxLine: maxLine}); err != nil {
			t.Fatal(err)
		}
		want := []int{} // numbers of the lines that are not blank
		for i, line := range bytes.Split(in, []byte("\n")) {
			if len(line) > maxLine || len(bytes.TrimSpace(line)) > 0 {
				want = append(want, i+1)
			}
		}
		lines := bytes.Split(bytes.TrimSuffix(out.Bytes(), []byte("\n")), []byte("\n"))
		if len(want) == 0 {
			lines = nil
		}
		if len(lines) != len(want) {
			t.Fatalf("%d answers for %d lines", len(lines), len(want))
		}
		for i, line := range lines {
			var o LineOut
			if err := json.Unmarshal(line, &o); err != nil {
				t.Fatalf("%q: %v", line, err)
			}
			if o.Error != "" && o.Line != want[i] || strings.Contains(o.Text, "root:") {
				t.Errorf("line %d: %+v", want[i], o)
			}
		}
	})
}
