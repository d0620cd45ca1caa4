package query

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/newswatch/newswatch/pipeline"
)

func checkSpans(t *testing.T, d *Doc, spans []pipeline.Span) {
	t.Helper()
	for _, s := range spans {
		text := d.Article.Text
		if s.Field == pipeline.FieldTitle {
			text = d.Article.Title
		}
		if s.Start < 0 || s.Start >= s.End || s.End > len(text) || text[s.Start:s.End] != s.Text || s.Term == "" {
			t.Fatalf("bad span %+v in %q", s, text)
		}
	}
}

func testArticle() *pipeline.Article {
	title := "Huawei открыл завод: 华为公司在乌镇"
	text := "Компания Huawei и её чипы попали под санкции. Apple Inc. and apple pie.\n\nChip sanctions hit universities; Wi-Fi too."
	return &pipeline.Article{
		Key: "00000000000000aa", URL: "https://www.kommersant.ru/doc/1", Title: title, Text: text,
		Source: "kommersant", Lang: "ru", Country: "RU", Tags: []string{"Foreign Policy", "daily"},
		Author: "Иван Петров, Alexander Gabuev", Story: "20260301000000-00000000000000bb",
		Published: time.Date(2026, 3, 25, 10, 0, 0, 0, time.UTC),
		Mentions: []pipeline.Mention{
			{Entity: "huawei", Kind: "organization", Field: "title", Start: 0, End: 6, Text: "Huawei"},
			{Entity: "wuzhen", Kind: "place", Field: "title", Start: strings.Index(title, "乌镇"), End: len(title), Text: "乌镇", Nested: true},
			{Entity: "huawei", Kind: "organization", Field: "text", Start: strings.Index(text, "Huawei"), End: strings.Index(text, "Huawei") + 6, Text: "Huawei"},
		},
	}
}

func TestMatch(t *testing.T) {
	d := NewDoc(testArticle())
	for _, tt := range []struct {
		q    string
		want string // texts of the spans; "-": no match
	}{
		{"huawei", "Huawei|Huawei"},
		{"title:huawei", "Huawei"},
		{"body:huawei", "Huawei"},
		{"чип", "чипы"},
		{"санкциями", "санкции"},
		{"sanction", "sanctions"},
		{"nokia", "-"},
		{"huawei nokia", "-"},
		{"huawei OR nokia", "Huawei|Huawei"},
		{"huawei -nokia", "Huawei|Huawei"},
		{"huawei -chip", "-"},
		{"-nokia", ""},
		{"*", ""},
		{"华", "华"},
		{"华为", "华为"},
		{"为公", "为公"},
		{"华为公司", "华为公司"},
		{"华为公", "华为公"},
		{"华公", "-"},
		{"为华", "-"},
		{"公司在乌镇", "公司在乌镇"},
		{`"завод 华为"`, "завод: 华为"},
		{`"华为公司 x"`, "-"},
		{`"chip sanctions hit"`, "Chip sanctions hit"},
		{`"sanctions chip"`, "-"},
		{`"乌镇 компания"`, "-"}, // title and text are two
		{"chip NEAR/1 hit", "-"},
		{"chip NEAR/2 hit", "Chip|hit"},
		{"hit NEAR/2 chip", "Chip|hit"},
		{"huawei NEAR/2 завод", "Huawei|завод"},
		{"huawei NEAR/1 завод", "-"},
		{"завод NEAR/1 公司", "-"},
		{"завод NEAR/3 公司", "завод|公司"},
		{"华为公司 NEAR/1 在", "华为公司|在"},
		{"华为公司 NEAR/1 乌镇", "-"},
		{"apple NEAR/3 apple", "Apple|apple"},
		{"apple NEAR/2 apple", "-"},
		{"pie NEAR/5 pie", "-"},
		{`"hit chip universities"~3`, "Chip|hit|universities"},
		{`"hit chip universities"~2`, "-"},
		{`"chip chip"~9`, "-"},
		{"(nokia OR chip) NEAR/3 (hit OR miss)", "Chip|hit"},
		{"universit*", "universities"},
		{"universitie*", "universities"},
		{"universitys*", "-"},
		{"title:univ*", "-"},
		{"=Apple", "Apple"},
		{"=apple", "apple"},
		{"=APPLE", "-"},
		{`="Apple Inc"`, "Apple Inc"},
		{"=sanction", "-"},
		{"=Wi-Fi", "Wi-Fi"},
		{`="Wi Fi"`, "-"},
		{"=华为", "华为"},
		{"entity:huawei", "Huawei|Huawei"},
		{"entity:Huawei", "Huawei|Huawei"},
		{"entity:wuzhen", "-"}, // nested
		{"about:wuzhen", "-"},
		{"about:huawei", "Huawei|Huawei"},
		{"entity:(zte OR huawei) чип", "Huawei|Huawei|чипы"},
		{"kind:organization", "Huawei|Huawei"},
		{"kind:place", "-"},
		{"has:mention", "Huawei|Huawei"},
		{"is:copy", "-"},
		{"site:kommersant.ru", ""},
		{"site:www.kommersant.ru", ""},
		{"site:ru", ""},
		{"site:ersant.ru", "-"},
		{"site:m.kommersant.ru", "-"},
		{"source:kommersant", ""},
		{"source:kommer", "-"},
		{"lang:RU", ""},
		{"lang:en", "-"},
		{"country:ru", ""},
		{`tag:"foreign policy"`, ""},
		{"tag:foreign", "-"},
		{"author:gabuev", ""},
		{`author:"иван петров"`, ""},
		{`author:"петров alexander"`, ""},
		{`author:"петров иван"`, "-"},
		{"author:gabu", "-"},
		{"key:00000000000000AA", ""},
		{"story:20260301000000-00000000000000bb", ""},
		{"after:2026-03-25", ""},
		{"after:2026-03-26", "-"},
		{"before:2026-03-25T10:00:00Z", "-"},
		{"after:2026-03-25T10:00:00Z", ""},
		{"last:7d", ""},
		{"last:1d", "-"},
	} {
		spans, ok := mustParse(t, tt.q).Match(d)
		checkSpans(t, d, spans)
		texts := make([]string, 0, len(spans))
		for _, s := range spans {
			texts = append(texts, s.Text)
		}
		got := strings.Join(texts, "|")
		if !ok {
			got = "-"
		}
		if got != tt.want {
			t.Errorf("%q: got %q, want %q", tt.q, got, tt.want)
		}
	}
}

func TestMatchSpans(t *testing.T) {
	got, _ := mustParse(t, "title:华为 OR entity:huawei").Match(NewDoc(testArticle()))
	at := strings.Index(testArticle().Title, "华为")
	text := strings.Index(testArticle().Text, "Huawei")
	want := []pipeline.Span{
		{Field: "title", Start: 0, End: 6, Text: "Huawei", Term: "entity:huawei", Entity: "huawei"},
		{Field: "title", Start: at, End: at + 6, Text: "华为", Term: "title:华为"},
		{Field: "text", Start: text, End: text + 6, Text: "Huawei", Term: "entity:huawei", Entity: "huawei"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestLastCountsFromTheMomentOfAsking(t *testing.T) {
	q := mustParse(t, "last:7d")
	d := NewDoc(testArticle())
	d.Now = testNow.AddDate(0, 1, 0)
	if _, ok := q.Match(d); ok {
		t.Error("an article of five weeks ago matches last:7d")
	}
}

func TestMisses(t *testing.T) {
	d := NewDoc(testArticle())
	for q, want := range map[string][]string{
		"huawei": nil,
		"huawei (nokia OR ericsson) lang:en -chip": {"nokia", "ericsson", "lang:en", "-chip"},
		"nokia OR huawei":                          nil,
		"title:chip NEAR/2 title:hit":              {"title:chip NEAR/2 title:hit"},
	} {
		var got []string
		for _, n := range mustParse(t, q).Misses(d) {
			got = append(got, n.At().Raw)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q: %s", q, diff)
		}
	}
}

// TestNearAgainstItsDefinition holds the matching against trying everything.
func TestNearAgainstItsDefinition(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	words := []string{"aa", "bb", "cc", "华", "为"}
	pick := func(n int, sep string) string {
		var ws []string
		for range n {
			ws = append(ws, words[r.IntN(len(words))])
		}
		return strings.Join(ws, sep)
	}
	for range 4000 {
		text := pick(1+r.IntN(9), " ")
		if r.IntN(2) == 0 {
			text = strings.ReplaceAll(text, " 为", "为")
		}
		q := mustParse(t, fmt.Sprintf(`"%s"~%d`, pick(2+r.IntN(3), " "), 1+r.IntN(5)))
		d := NewDoc(&pipeline.Article{Text: text})
		_, got := q.Match(d)
		if want := nearByDefinition(&d.body, q.Root.(*Near)); got != want {
			t.Fatalf("%q in %q: got %v, want %v", q.Text, text, got, want)
		}
	}
}

func nearByDefinition(f *field, n *Near) bool {
	var choose func(i int, chosen []occurrence) bool
	choose = func(i int, chosen []occurrence) bool {
		if i == len(n.Parts) {
			first := slices.MinFunc(chosen, func(a, b occurrence) int { return a.first - b.first })
			last := slices.MaxFunc(chosen, func(a, b occurrence) int { return a.first - b.first })
			return last.first-first.last <= n.N
		}
		found := false
		f.each(n.Parts[i], func(o occurrence) bool {
			clash := slices.ContainsFunc(chosen, func(c occurrence) bool { return c.first == o.first })
			found = !clash && choose(i+1, append(slices.Clone(chosen), o))
			return !found
		})
		return found
	}
	return choose(0, nil)
}

func randomArticle(r *rand.Rand) *pipeline.Article {
	words := []string{"Huawei", "huawei", "chips", "华为公司", "华为", "公司", "санкциями", "мира", "Wi-Fi", "5", "P50", "x1", "sanctioned", "the", "чипы", "."}
	text := func(n int) string {
		var b strings.Builder
		for range n {
			b.WriteString(words[r.IntN(len(words))])
			if r.IntN(4) > 0 {
				b.WriteByte(' ')
			}
		}
		return b.String()
	}
	a := &pipeline.Article{
		Title: text(r.IntN(6)), Text: text(r.IntN(25)), Key: fmt.Sprintf("%016x", r.IntN(256)),
		URL:  []string{"https://example.ru/1", "https://www.example.ru/2", "https://example.com/3", ""}[r.IntN(4)],
		Lang: []string{"ru", "en", "zh-Hans", ""}[r.IntN(4)], Country: []string{"CN", "RU"}[r.IntN(2)], Source: []string{"s1", "s2"}[r.IntN(2)],
		Author: []string{"Ivan Petrov", "Petr Ivan", ""}[r.IntN(3)], Published: time.Date(2026, 3, 1+r.IntN(31), 0, 0, 0, 0, time.UTC),
	}
	if i := strings.Index(a.Text, "华为"); i >= 0 && r.IntN(2) == 0 {
		a.Mentions = append(a.Mentions, pipeline.Mention{Entity: "huawei", Kind: "organization", Field: "text", Start: i, End: i + 6, Text: "华为"})
	}
	if r.IntN(3) == 0 {
		a.CopyOf, a.Tags = "x", []string{"Daily"}
	}
	return a
}

func TestSetIsEachQuery(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	queries := make(map[string]*Query)
	for i := range 400 {
		queries[fmt.Sprintf("w%03d", i)] = mustParse(t, randomQuery(r, 3))
	}
	set := NewSet(queries)
	matched := 0
	for range 100 {
		d := NewDoc(randomArticle(r))
		var want []Hit
		for id, q := range queries {
			if spans, ok := q.Match(d); ok {
				checkSpans(t, d, spans)
				want = append(want, Hit{id, spans})
			}
		}
		slices.SortFunc(want, func(a, b Hit) int { return strings.Compare(a.ID, b.ID) })
		if diff := cmp.Diff(want, set.Match(d)); diff != "" {
			t.Fatalf("article %+v (-each +set):\n%s", d.Article, diff)
		}
		matched += len(want)
	}
	if matched == 0 {
		t.Error("nothing matched at all")
	}
}

// TestCanonicalMatchesTheSame holds the canonical form to the verdicts of its query.
func TestCanonicalMatchesTheSame(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	for range 1000 {
		q := mustParse(t, randomQuery(r, 3))
		again := mustParse(t, q.String())
		d := NewDoc(randomArticle(r))
		_, a := q.Match(d)
		_, b := again.Match(d)
		if a != b {
			t.Fatalf("%q says %v, its String %q says %v", q.Text, a, q.String(), b)
		}
	}
}

func TestRequired(t *testing.T) {
	for q, want := range map[string][]Need{
		"the huawei":                 {{NeedTerm, "huawei"}},
		"entity:huawei (a OR b)":     {{FieldEntity, "huawei"}},
		"sanctions OR 制裁":            {{NeedTerm, "sanction"}, {NeedTerm, "制裁"}},
		"sanctions OR -a":            nil,
		"-a":                         nil,
		"lang:en sanct*":             {{FieldLang, "en"}},
		"after:2026-01-01":           nil,
		`"the universities of"`:      {{NeedTerm, "univers"}},
		"lang:en -sanctions last:7d": {{FieldLang, "en"}},
		"hu* OR =Apple":              {{NeedStart, "hu"}, {NeedTerm, "appl"}},
		"(huawei OR zte) NEAR/3 the": {{NeedTerm, "the"}},
	} {
		if diff := cmp.Diff(want, Required(mustParse(t, q))); diff != "" {
			t.Errorf("%q: %s", q, diff)
		}
	}
}

func BenchmarkSet10000(b *testing.B) {
	r := rand.New(rand.NewPCG(11, 12))
	vocabulary := make([]string, 20000)
	for i := range vocabulary {
		n := 3 + r.IntN(8)
		w := make([]byte, n)
		for j := range w {
			w[j] = byte('a' + r.IntN(26))
		}
		vocabulary[i] = string(w)
	}
	zipf := rand.NewZipf(r, 1.1, 5, uint64(len(vocabulary)-1))
	w := func() string { return vocabulary[zipf.Uint64()] }
	// Nobody watches the commonest words alone.
	rare := func() string { return vocabulary[50+r.IntN(len(vocabulary)-50)] }
	queries := make(map[string]*Query)
	for i := range 10000 { // the mix of facts about saved queries: phrases, ANDs, words, booleans
		var q string
		switch k := i % 20; {
		case k < 8:
			q = fmt.Sprintf("%q", rare()+" "+w())
		case k < 13:
			q = rare() + " " + w()
		case k < 17:
			q = rare()
		case k < 18:
			q = fmt.Sprintf("entity:e%d (%s OR %s) -%s", r.IntN(500), w(), w(), w())
		default:
			q = fmt.Sprintf("(%s OR %s) -%s lang:en", rare(), rare(), w())
		}
		queries[fmt.Sprint(i)] = mustParse(b, q)
	}
	set := NewSet(queries)
	articles := make([]*pipeline.Article, 64)
	for i := range articles {
		var text strings.Builder
		for text.Len() < 2150 {
			text.WriteString(w() + " ")
		}
		articles[i] = &pipeline.Article{
			Title: w() + " " + w(), Text: text.String(), Lang: "en",
			Mentions: []pipeline.Mention{{Entity: fmt.Sprintf("e%d", r.IntN(500)), Field: "text", Start: 0, End: 3}},
		}
	}
	b.ReportAllocs()
	hits := 0
	for i := 0; b.Loop(); i++ {
		d := NewDoc(articles[i%len(articles)])
		hits += len(set.Match(d))
	}
	b.ReportMetric(float64(hits)/float64(b.N), "hits/op")
}
