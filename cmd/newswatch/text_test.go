package main

import (
	"bytes"
	"encoding/csv"
	"errors"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/newswatch/newswatch/cmd/internal/client"
	"github.com/newswatch/newswatch/pipeline"
)

func TestPlain(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"nothing to do", "Huawei и 华为", "Huawei и 华为"},
		{"lines and tabs", " a\n\tb\r\n c ", "a b c"},
		{"escape sequence", "red \x1b[31malert\x1b[0m\a", "red [31malert [0m"},
		{"C1 control", "a\u009b31mb", "a 31mb"},
		{"direction overrides", "abc\u202efed\u2066x\u2069", "abc fed x"},
		{"line and paragraph separators", "a\u2028b\u2029c", "a b c"},
		{"no-break and ideographic space", "a\u00a0b\u3000c", "a b c"},
		{"empty", "\n", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := plain(tt.in); got != tt.want {
				t.Errorf("plain(%q) = %q, want %q", tt.in, got, tt.want)
			}
		})
	}
}

func TestCells(t *testing.T) {
	for s, want := range map[string]int{
		"":           0,
		"Huawei":     6,
		"Хуавей":     6,
		"华为":         4,
		"ｈｗ":         4, // full-width
		"ﾊﾝ":         2, // half-width
		"화웨이":        6,
		"и\u0306":    1, // й of two runes
		"a\u200bb":   2, // zero-width space
		"“…”":        3,
		"👍":          2,
		"乌镇 Wuzhen！": 13,
	} {
		if got := cells(s); got != want {
			t.Errorf("cells(%q) = %d, want %d", s, got, want)
		}
	}
}

func TestClip(t *testing.T) {
	tests := []struct {
		in   string
		n    int
		want string
	}{
		{"short", 5, "short"},
		{"longer", 5, "long…"},
		{"two words", 5, "two…"},
		{"华为在莫斯科", 12, "华为在莫斯科"},
		{"华为在莫斯科", 11, "华为在莫斯…"},
		{"华为在莫斯科", 10, "华为在莫…"}, // half a character does not fit
		{"Хуавей откроет", 7, "Хуавей…"},
		{"xy", 1, "…"},
	}
	for _, tt := range tests {
		if got := clip(tt.in, tt.n); got != tt.want || cells(got) > tt.n {
			t.Errorf("clip(%q, %d) = %q, %d columns, want %q", tt.in, tt.n, got, cells(got), tt.want)
		}
	}
}

func TestWrap(t *testing.T) {
	tests := []struct {
		name     string
		in       string
		n, lines int
		want     []string
	}{
		{"fits", "one line", 10, 3, []string{"one line"}},
		{"no width", "as long as it likes to be", 0, 1, []string{"as long as it likes to be"}},
		{"words", "the plant makes antennas", 10, 9, []string{"the plant", "makes", "antennas"}},
		{"last one clipped", "the plant makes antennas", 10, 2, []string{"the plant", "makes ant…"}},
		{"a word too long", "antidisestablishment", 8, 9, []string{"antidise", "stablish", "ment"}},
		{"Han breaks anywhere", "华为在莫斯科开设工厂", 8, 9, []string{"华为在莫", "斯科开设", "工厂"}},
		{"but not before a full stop", "华为在莫斯。开设", 10, 9, []string{"华为在莫", "斯。开设"}},
		{"nor after an opening quote", "他说：“好的”", 8, 9, []string{"他说：", "“好的”"}},
		{"mixed", "滴滴获 Yuri Milner 投资", 12, 9, []string{"滴滴获 Yuri", "Milner 投资"}},
		{"narrower than a character", "华为", 1, 9, []string{"华", "为"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, wrap(tt.in, tt.n, tt.lines)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// What wrap promises of any text: no line is wider than asked, and nothing but
// spaces is lost.
func FuzzWrap(f *testing.F) {
	for _, s := range []string{"", "the plant makes antennas", "华为在莫斯。开设", "他说：“好的”", "и\u0306и\u0306", "\xff\xfe", "👍👍👍"} {
		f.Add(s, 5)
	}
	f.Fuzz(func(t *testing.T, s string, n int) {
		if n < 2 || n > 1000 || len(s) > 1000 {
			return
		}
		s = plain(strings.ToValidUTF8(s, "?"))
		lines := wrap(s, n, len(s)+1)
		for _, line := range lines {
			if cells(line) > n || !utf8.ValidString(line) {
				t.Errorf("wrap(%q, %d): line %q has %d columns", s, n, line, cells(line))
			}
		}
		noSpace := func(s string) string { return strings.ReplaceAll(s, " ", "") }
		if got, want := noSpace(strings.Join(lines, "")), noSpace(s); got != want {
			t.Errorf("wrap(%q, %d) lost something: %q", s, n, lines)
		}
		if got := clip(s, n); cells(got) > n {
			t.Errorf("clip(%q, %d) = %q, %d columns", s, n, got, cells(got))
		}
	})
}

func TestTable(t *testing.T) {
	tab := table{{"ID", "NAME", "MANAGED BY", "QUERY"}}
	tab.add("xinwen", "新闻 联播", "", "entity:huawei")
	tab.add("daily", "Daily\x1b[31m", "", "a OR b")
	var b bytes.Buffer
	if err := tab.write(&b); err != nil {
		t.Fatal(err)
	}
	// The empty column is left out; wide characters count twice.
	want := "ID      NAME        QUERY\n" +
		"xinwen  新闻 联播   entity:huawei\n" +
		"daily   Daily [31m  a OR b\n"
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Error(diff)
	}
}

// The columns of a table begin at the same place in every row, whatever the
// script.
func TestTableAligned(t *testing.T) {
	names := []string{"Kommersant", "Коммерсантъ", "新華社", "テレ朝", "중앙일보", "Ｆｕｌｌ", "и\u0306", "“q”", "👍"}
	tab := table{{"NAME", "END"}}
	for _, n := range names {
		tab.add(n, "|")
	}
	var b bytes.Buffer
	if err := tab.write(&b); err != nil {
		t.Fatal(err)
	}
	at := -1
	for _, line := range strings.Split(strings.TrimSpace(b.String()), "\n")[1:] {
		before, _, ok := strings.Cut(line, "|")
		if !ok {
			t.Fatalf("no end in %q", line)
		}
		if at < 0 {
			at = cells(before)
		}
		if cells(before) != at {
			t.Errorf("%q ends at column %d, the first at %d", line, cells(before), at)
		}
	}
}

func TestQueryError(t *testing.T) {
	at := func(n int) *int { return &n }
	bad := func(p *int) error { return &client.Problem{Status: 400, Detail: "expected a )", Position: p} }
	tests := []struct {
		name, query string
		err         error
		want        string
	}{
		{"at the place", "huawei (", bad(at(7)), "query: at character 8: expected a )\n  huawei (\n         ^"},
		{"bytes are not columns", "华为 (", bad(at(7)), "query: at character 4: expected a )\n  华为 (\n       ^"},
		{"at the end", "a AND", bad(at(5)), "query: at character 6: expected a )\n  a AND\n       ^"},
		{"no place for a caret", "a\n(", bad(at(2)), "query: at character 3: expected a )"},
		{"of another query", "a", bad(at(9)), "expected a )"},
		{"of no query", "a", bad(nil), "expected a )"},
		{"not the server's", "a", errors.New("broken pipe"), "broken pipe"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, queryError(tt.query, tt.err).Error()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// No cell that a spreadsheet would calculate, and what was written is read
// back.
func TestCSV(t *testing.T) {
	titles := []string{"plain", "=1+1", "+7 495", "-5 °C", "@here", "\tx", `"quoted", and more`, "две\nстроки", "华为"}
	var hits []pipeline.Hit
	for _, title := range titles {
		hits = append(hits, pipeline.Hit{Title: title, Snippet: "a <mark>b</mark> &lt;c&gt;"})
	}
	var b bytes.Buffer
	if err := writeCSV(&b, hits); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(&b).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) != len(titles)+1 {
		t.Fatalf("%d rows, want %d and the names", len(rows), len(titles))
	}
	for i, row := range rows[1:] {
		if got := strings.TrimPrefix(row[5], "'"); got != titles[i] {
			t.Errorf("title %q came back as %q", titles[i], row[5])
		}
		if row[9] != "a b <c>" {
			t.Errorf("snippet is %q, want it without markup", row[9])
		}
		for _, cell := range row {
			if strings.HasPrefix(cell, "=") || strings.HasPrefix(cell, "+") || strings.HasPrefix(cell, "-") || strings.HasPrefix(cell, "@") {
				t.Errorf("cell %q would be calculated", cell)
			}
		}
	}
}

func TestSpanAndSize(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", 1234 * time.Microsecond: "1ms", 1540 * time.Millisecond: "1.5s", time.Minute: "1m",
		70 * time.Second: "1m10s", 3 * time.Hour: "3h0m", 50 * time.Hour: "2 days",
	} {
		if got := span(d); got != want {
			t.Errorf("span(%v) = %q, want %q", d, got, want)
		}
	}
	for n, want := range map[uint64]string{0: "0 B", 999: "999 B", 1000: "1.0 kB", 2_345_678: "2.3 MB", 21_474_836_480: "21.5 GB"} {
		if got := size(n); got != want {
			t.Errorf("size(%d) = %q, want %q", n, got, want)
		}
	}
}

// Nothing foreign reaches a terminal raw, whichever field it came in.
func TestNothingForeignRaw(t *testing.T) {
	evil := "x\x1b]0;owned\x07\u202ey\nz"
	var b bytes.Buffer
	err := errors.Join(
		writeHits(&b, "table", pipeline.SearchResult{Hits: []pipeline.Hit{{
			ID: "1", Title: evil, Source: evil, Lang: evil, URL: "http://x.example/" + evil, Snippet: evil, Entities: []string{evil},
		}}}),
		alertBlock(pipeline.Alert{ID: evil, WatchName: evil, State: evil, Article: pipeline.ArticleRef{Title: evil}, Receipt: pipeline.Receipt{Sentence: evil + evil}}).write(&b),
		writeAlert(&b, pipeline.Alert{ID: evil, WatchName: evil, Receipt: pipeline.Receipt{Query: evil, Sentence: evil, Spans: []pipeline.Span{{Text: evil}}}, Deliveries: []pipeline.Attempts{{Channel: evil, Error: evil}}}),
	)
	if err != nil {
		t.Fatal(err)
	}
	printArticle(&b, pipeline.Article{Title: evil, Source: evil, Lang: evil, Mentions: []pipeline.Mention{{Entity: evil}}})
	printAlert(&b, pipeline.Alert{WatchName: evil, Article: pipeline.ArticleRef{Title: evil}, Receipt: pipeline.Receipt{Sentence: evil}})
	for _, r := range b.String() {
		if r != '\n' && (unicode.IsControl(r) || r == 0x202e) {
			t.Fatalf("%U came through:\n%q", r, b.String())
		}
	}
}
