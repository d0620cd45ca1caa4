package index

import (
	"html"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/newswatch/newswatch/index/query"
	"github.com/newswatch/newswatch/pipeline"
)

func narrowed(t testing.TB, q string) query.Node {
	t.Helper()
	parsed, err := query.Parse(q, when)
	if err != nil {
		t.Fatal(err)
	}
	return parsed.Root
}

func hitIDs(hits []hit) []string {
	out := []string{}
	for _, h := range hits {
		out = append(out, h.id)
	}
	return out
}

func snippetOf(t testing.TB, a *pipeline.Article, q string) string {
	t.Helper()
	parsed, err := query.Parse(q, when)
	if err != nil {
		t.Fatal(err)
	}
	spans, _ := parsed.Match(query.NewDoc(a))
	return snippet(a, spans)
}

func TestSnippet(t *testing.T) {
	long := strings.Repeat("Some words that say nothing at all. ", 40)
	tests := []struct {
		name, text, query, want string
	}{
		{"whole text", "Huawei opened a laboratory.", "laboratories", "Huawei opened a <mark>laboratory</mark>."},
		{"no match in the text", "One two.", "*", "One two."},
		{"white space", "One\n\n  two\tthree", "two", "One <mark>two</mark> three"},
		{"Han", "华为公司在莫斯科开设实验室,华为表示", "华为", "<mark>华为</mark>公司在莫斯科开设实验室,<mark>华为</mark>表示"},
		{"Han run", "国家主席习近平会见习近平", "习近平", "国家主席<mark>习近平</mark>会见<mark>习近平</mark>"},
		{"Russian forms", "О санкциях против заводов", "санкции завод", "О <mark>санкциях</mark> против <mark>заводов</mark>"},
		{"escapes", `<script>alert("x")</script> & Huawei <b>`, "huawei", `&lt;script&gt;alert(&#34;x&#34;)&lt;/script&gt; &amp; <mark>Huawei</mark> &lt;b&gt;`},
		{"marks of its own", "<mark>fake</mark> Huawei", "huawei", "&lt;mark&gt;fake&lt;/mark&gt; <mark>Huawei</mark>"},
		{"empty", "", "*", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := snippetOf(t, &pipeline.Article{Text: tt.text}, tt.query)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	t.Run("window", func(t *testing.T) {
		text := long + "Huawei alone. " + long + "Here Huawei meets the sanctions of Moscow. " + long
		got := snippetOf(t, &pipeline.Article{Text: text}, "huawei sanctions")
		if !strings.Contains(got, "Here <mark>Huawei</mark> meets the <mark>sanctions</mark>") {
			t.Errorf("not where most is: %s", got)
		}
		if !strings.HasPrefix(got, "…") || !strings.HasSuffix(got, "…") {
			t.Errorf("cut ends unmarked: %s", got)
		}
		if n := utf8.RuneCountInString(plain(got)); n < snippetRunes-2*snippetSlack || n > snippetRunes+2 {
			t.Errorf("%d characters: %s", n, got)
		}
		for w := range strings.FieldsSeq(strings.Trim(plain(got), "…")) {
			if !strings.Contains(text, " "+w+" ") && !strings.Contains(text, w+" ") {
				t.Errorf("cut word %q: %s", w, got)
			}
		}
	})
	t.Run("summary", func(t *testing.T) {
		a := &pipeline.Article{Summary: "Only <this>.", Mentions: nil}
		if got := snippetOf(t, a, "*"); got != "Only &lt;this&gt;." {
			t.Errorf("got %s", got)
		}
	})
	t.Run("entity", func(t *testing.T) {
		a := newsroom()[1]
		if got := snippetOf(t, &a, "entity:huawei"); !strings.HasPrefix(got, "Китайская компания <mark>Хуавей</mark> построит") {
			t.Errorf("got %s", got)
		}
	})
}

var tag = regexp.MustCompile(`</?mark>`)

func plain(snippet string) string { return html.UnescapeString(tag.ReplaceAllString(snippet, "")) }

// Whatever the text and the spans: the snippet is valid, short, has no markup
// but balanced marks.
func FuzzSnippet(f *testing.F) {
	f.Add("Huawei <b>opens</b> 华为 lab", 0, 6, 20, 26)
	f.Add(strings.Repeat("华", 500), 30, 33, 900, 906)
	f.Add("a\xff\x00b&amp;", 0, 1, 3, 4)
	f.Add(strings.Repeat("e\u0301", 300), 100, 103, 0, 3)
	f.Fuzz(func(t *testing.T, text string, s1, e1, s2, e2 int) {
		a := &pipeline.Article{Text: text}
		got := snippet(a, []pipeline.Span{
			{Field: pipeline.FieldText, Start: s1, End: e1, Term: "a"},
			{Field: pipeline.FieldText, Start: s2, End: e2, Term: "b"},
			{Field: pipeline.FieldTitle, Start: 0, End: 1000},
		})
		if !utf8.ValidString(got) {
			t.Errorf("not UTF-8: %q", got)
		}
		rest := strings.NewReplacer("<mark>", "", "</mark>", "").Replace(got)
		if strings.ContainsAny(rest, "<>") {
			t.Errorf("markup: %q", got)
		}
		if strings.Count(got, "<mark>") != strings.Count(got, "</mark>") {
			t.Errorf("marks: %q", got)
		}
	})
}
