package query

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/newswatch/newswatch/pipeline"
)

var testNow = time.Date(2026, 3, 31, 12, 0, 0, 0, time.UTC)

// sameTree compares trees without the places in the text.
var sameTree = cmpopts.IgnoreTypes(Piece{})

func mustParse(t testing.TB, q string) *Query {
	t.Helper()
	parsed, err := Parse(q, testNow)
	if err != nil {
		t.Fatalf("Parse(%q): %v", q, err)
	}
	return parsed
}

// trees are queries with the tree each makes.
func lit(s string) *Term          { return &Term{Term: s, Text: s} }
func and(nodes ...Node) *And      { return &And{Nodes: nodes} }
func or(nodes ...Node) *Or        { return &Or{Nodes: nodes} }
func not(n Node) *Not             { return &Not{Node: n} }
func lang(s string) *Keyword      { return &Keyword{Field: FieldLang, Value: s, Text: s} }
func day(y, m, d int) time.Time   { return time.Date(y, time.Month(m), d, 0, 0, 0, 0, time.UTC) }
func near(n int, p ...Node) *Near { return &Near{N: n, Parts: p} }

func TestParse(t *testing.T) {
	for _, tt := range []struct {
		q    string
		want Node
	}{
		{"huawei", lit("huawei")},
		{"huawei chip", and(lit("huawei"), lit("chip"))},
		{"huawei AND chip", and(lit("huawei"), lit("chip"))},
		{"a1 OR b1 c1", or(lit("a1"), and(lit("b1"), lit("c1")))},
		{"a1 b1 OR c1 AND d1", or(and(lit("a1"), lit("b1")), and(lit("c1"), lit("d1")))},
		{"(a1 OR b1) c1", and(or(lit("a1"), lit("b1")), lit("c1"))},
		{"(a1 (b1 (c1)))", and(lit("a1"), lit("b1"), lit("c1"))},
		{"a1 OR (b1 OR c1)", or(lit("a1"), lit("b1"), lit("c1"))},
		{"NOT a1 b1", and(not(lit("a1")), lit("b1"))},
		{"a1 -b1", and(lit("a1"), not(lit("b1")))},
		{"a1 NOT b1", and(lit("a1"), not(lit("b1")))},
		{"-(a1 OR b1)", not(or(lit("a1"), lit("b1")))},
		{"--a1", not(not(lit("a1")))},
		{"and or not", and(lit("and"), lit("or"), lit("not"))},
		{`"AND"`, &Term{Term: "and", Text: "AND"}},
		{"Chips", &Term{Term: "chip", Text: "Chips"}},
		{"санкциями", &Term{Term: "санкц", Text: "санкциями"}},
		{"Wi-Fi", &Or{Nodes: []Node{&Phrase{Terms: []string{"wi", "fi"}, Text: "Wi-Fi"}, &Term{Term: "wifi", Text: "WiFi"}}}},
		{`"wi-fi"`, &Phrase{Terms: []string{"wi", "fi"}, Text: "wi-fi"}},
		{"title:U.S.", &Or{Nodes: []Node{&Phrase{Field: "title", Terms: []string{"u", "s"}, Text: "U.S."}, &Exact{Field: "title", Terms: []string{"us"}, Text: "US"}}}},
		{"U.S. NEAR/3 a", &Near{Parts: []Node{&Phrase{Terms: []string{"u", "s"}, Text: "U.S."}, &Term{Term: "a", Text: "a"}}, N: 3}},
		{"a-b NEAR/3 c", &Near{Parts: []Node{&Or{Nodes: []Node{&Phrase{Terms: []string{"a", "b"}, Text: "a-b"}, &Term{Term: "ab", Text: "ab"}}}, &Term{Term: "c", Text: "c"}}, N: 3}},
		{"3,5", &Or{Nodes: []Node{&Phrase{Terms: []string{"3", "5"}, Text: "3,5"}, &Term{Term: "3.5", Text: "3.5"}}}},
		{"u.s.", &Phrase{Terms: []string{"u", "s"}, Text: "u.s."}},
		{"С.-Петербург", &Phrase{Terms: []string{"с", "петербург"}, Text: "С.-Петербург"}},
		{`"world internet"`, &Phrase{Terms: []string{"world", "internet"}, Text: "world internet"}},
		{`“world internet”`, &Phrase{Terms: []string{"world", "internet"}, Text: "world internet"}},
		{`«мир труд»`, &Phrase{Terms: []string{"мир", "труд"}, Text: "мир труд"}},
		{`"a1 \"b1\""`, &Phrase{Terms: []string{"a1", "b1"}, Text: `a1 "b1"`}},
		{"华", lit("华")},
		{"华为", lit("华为")},
		{"华为公司", &Phrase{Terms: []string{"华为", "为公", "公司"}, Text: "华为公司"}},
		{"华为P50", &Phrase{Terms: []string{"华为", "为", "p50"}, Text: "华为P50"}},
		{`"x1 华为 y1"`, &Phrase{Terms: []string{"x1", "华为", "为", "y1"}, Text: "x1 华为 y1"}},
		{"（a1 OR b1）", or(lit("a1"), lit("b1"))},
		{`"a1 b1"~8`, near(8, lit("a1"), lit("b1"))},
		{`"a1 b1 c-d"~8`, near(8, lit("a1"), lit("b1"), &Phrase{Terms: []string{"c", "d"}, Text: "c-d"})},
		{`"a1 b1"~0`, &Phrase{Terms: []string{"a1", "b1"}, Text: "a1 b1"}},
		{"a1 NEAR/5 b1", near(5, lit("a1"), lit("b1"))},
		{"a1 NEAR/5 b1 c1", and(near(5, lit("a1"), lit("b1")), lit("c1"))},
		{"-a1 NEAR/5 b1", not(near(5, lit("a1"), lit("b1")))},
		{"(a1 OR b1) NEAR/5 sanct*", near(5, or(lit("a1"), lit("b1")), &Prefix{Prefix: "sanct", Text: "sanct"})},
		{"Sanct*", &Prefix{Prefix: "sanct", Text: "Sanct"}},
		{"华为*", lit("华为")},
		{"한*", lit("한")},
		{"=Apple", &Exact{Text: "Apple", Terms: []string{"appl"}}},
		{`="Apple   Inc."`, &Exact{Text: "Apple Inc", Terms: []string{"appl", "inc"}}},
		{"*", &All{}},
		{"title:a1", &Term{Field: FieldTitle, Term: "a1", Text: "a1"}},
		{"华为，《中兴》a1", &And{Nodes: []Node{&Term{Term: "华为", Text: "华为"}, &Term{Term: "中兴", Text: "中兴"}, &Term{Term: "a1", Text: "a1"}}}},
		{"a && b || c", &Or{Nodes: []Node{&And{Nodes: []Node{&Term{Term: "a", Text: "a"}, &Term{Term: "b", Text: "b"}}}, &Term{Term: "c", Text: "c"}}}},
		{"title：a1", &Term{Field: FieldTitle, Term: "a1", Text: "a1"}},
		{"title:a1 b1", and(&Term{Field: FieldTitle, Term: "a1", Text: "a1"}, lit("b1"))},
		{"body:(a1 b1) c1", and(&Term{Field: FieldBody, Term: "a1", Text: "a1"}, &Term{Field: FieldBody, Term: "b1", Text: "b1"}, lit("c1"))},
		{"title:(a1 NEAR/2 b1)", &Near{Field: FieldTitle, N: 2, Parts: []Node{
			&Term{Field: FieldTitle, Term: "a1", Text: "a1"}, &Term{Field: FieldTitle, Term: "b1", Text: "b1"},
		}}},
		{"lang:(en OR zh)", or(lang("en"), lang("zh"))},
		{"-lang:en", not(lang("en"))},
		{"lang:zh_Hans", &Keyword{Field: FieldLang, Value: "zh-hans", Text: "zh_Hans"}},
		{"country:RU", &Keyword{Field: FieldCountry, Value: "ru", Text: "RU"}},
		{`tag:"Foreign  Policy"`, &Keyword{Field: FieldTag, Value: "foreign policy", Text: "Foreign  Policy"}},
		{"site:https://www.Kommersant.ru/doc/1", &Keyword{Field: FieldSite, Value: "www.kommersant.ru", Text: "https://www.Kommersant.ru/doc/1"}},
		{"site:*.kommersant.ru:443", &Keyword{Field: FieldSite, Value: "kommersant.ru", Text: "*.kommersant.ru:443"}},
		{"site:xn--e1ajeds9e.xn--p1ai", &Keyword{Field: FieldSite, Value: "кремль.рф", Text: "xn--e1ajeds9e.xn--p1ai"}},
		{`author:"Alexander GABUEV"`, &Keyword{Field: FieldAuthor, Value: "alexander gabuev", Text: "Alexander GABUEV"}},
		{"kind:person", &Keyword{Field: FieldKind, Value: "person", Text: "person"}},
		{"after:2015-12-01", &Time{After: day(2015, 12, 1)}},
		{"before:2015-12-01T03:00:00+03:00", &Time{Before: day(2015, 12, 1)}},
		{"last:7d", &Time{After: testNow.AddDate(0, 0, -7), Last: "7d"}},
		{"last:12H", &Time{After: testNow.Add(-12 * time.Hour), Last: "12h"}},
		{"has:mention is:copy", and(&Has{What: HasMention}, &Is{What: IsCopy})},
		// A headline pasted as it is.
		{"Huawei — sanction: 5 - 6 & so…", and(&Term{Term: "huawei", Text: "Huawei"}, &Term{Term: "sanction", Text: "sanction:"},
			lit("5"), lit("6"), &Term{Term: "so", Text: "so…"})},
	} {
		q, err := Parse(tt.q, testNow)
		if err != nil {
			t.Errorf("Parse(%q): %v", tt.q, err)
			continue
		}
		if diff := cmp.Diff(tt.want, q.Root, sameTree); diff != "" {
			t.Errorf("Parse(%q) (-want +got):\n%s", tt.q, diff)
		}
	}
}

func TestParsePlaces(t *testing.T) {
	q := mustParse(t, `title:"мир труд" AND -(a1 OR lang:ru)`)
	var got []string
	Walk(q.Root, func(n Node) bool {
		p := n.At()
		if q.Text[p.Pos:p.End] != p.Raw {
			t.Errorf("%T: Raw %q, at its place stands %q", n, p.Raw, q.Text[p.Pos:p.End])
		}
		got = append(got, fmt.Sprintf("%T %s", n, p.Raw))
		return true
	})
	want := []string{
		`*query.And title:"мир труд" AND -(a1 OR lang:ru`,
		`*query.Phrase title:"мир труд"`,
		`*query.Not -(a1 OR lang:ru`,
		`*query.Or a1 OR lang:ru`,
		`*query.Term a1`,
		`*query.Keyword lang:ru`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestParseErrors(t *testing.T) {
	for _, tt := range []struct {
		q    string
		pos  int
		want string // part of the message
	}{
		{"", 0, "nothing to search for"},
		{"  \t", 0, "nothing to search for"},
		{"— … &", 0, "nothing to search for"},
		{`"`, 0, "never closed"},
		{`a "b c`, 2, "this quotation mark is never closed"},
		{"«мир", 0, "expected another »"},
		{`""`, 0, "no letters or digits in nothing"},
		{`"…"`, 0, "no letters or digits"},
		{"(a", 0, "this ( is never closed"},
		{"a (b OR (c d)", 2, "this ( is never closed"},
		{"(", 0, "this ( is never closed"},
		{"()", 0, "empty group"},
		{"title:()", 6, "empty group"},
		{"title:(", 6, "this ( is never closed"},
		{"title:(a", 6, "this ( is never closed"},
		{"a)", 1, "this ) closes nothing"},
		{")", 0, `found ")"`},
		{"AND", 0, "found AND; expected a word"},
		{"OR a", 0, "found OR; expected a word"},
		{"a AND", 5, "found the end of the query after AND"},
		{"a OR", 4, "found the end of the query after OR"},
		{"a OR OR b", 5, "found OR after OR"},
		{"a AND OR b", 6, "found OR after AND"},
		{"(a OR) b", 5, `found ")" after OR`},
		{"NOT", 3, "found the end of the query after NOT"},
		{"NOT AND a", 4, "found AND after NOT"},
		{"a NEAR b", 2, "expected NEAR/ and a number of words from 1 to 1000"},
		{"a NEAR/x b", 2, "found NEAR/x"},
		{"a NEAR/0 b", 2, "from 1 to 1000"},
		{"a NEAR/5", 8, "found the end of the query after NEAR/5"},
		{"a NEAR/5 -b", 9, `found "-"`},
		{"NEAR/5 b", 0, "found NEAR/5"},
		{"a NEAR/5 b NEAR/5 c", 11, "a second NEAR"},
		{"a NEAR/5 lang:en", 9, "lang:en can't stand beside NEAR"},
		{"(a b) NEAR/5 c", 1, "can't stand beside NEAR"},
		{"title:a NEAR/5 body:b", 15, "different fields"},
		{`"a b"~`, 6, "expected a number of words"},
		{`"a b"~x`, 6, `found "x" after ~`},
		{`"a b"~9999`, 6, "from 0 to 1000"},
		{`"a"~3`, 0, "fewer than two words"},
		{`"a b"*`, 5, "found * after a phrase"},
		{"word~2", 4, "found ~ after a word"},
		{"a*", 0, "found 1 letter before *"},
		{"w*rd", 1, "inside a word"},
		{"*word", 0, "inside a word"},
		{"wi-fi*", 0, "the beginning of one word"},
		{"a https://example.org/b?c=1", 2, "expected site:example.org"},
		{"publish_date:[a TO b]", 0, "after: and before:"},
		{"…*", 0, "the beginning of one word"},
		{"=*", 1, "after ="},
		{"=Appl*", 5, "found * in a word after ="},
		{`="a b"~3`, 0, "use one of them"},
		{"=(a b)", 1, "expected a word or a phrase"},
		{"titel:a", 0, `unknown field "titel"; expected perhaps title:`},
		{"language:ru", 0, "expected perhaps lang:"},
		{"text:a", 0, "expected perhaps body:"},
		{"foobar:a", 0, "expected one of title:"},
		{"https://example.org", 0, "or the text in quotes"},
		{"title:", 6, "nothing after title:"},
		{"title: a", 6, "right behind the colon"},
		{"title:-a", 6, "-title:"},
		{"title:AND", 6, "found AND after title:"},
		{"title:*", 6, "found * alone after title:"},
		{"title:lang:en", 6, "lang: can't stand inside title:"},
		{"title:(a OR body:b)", 12, "body: can't stand inside title:"},
		{"lang:(en OR entity:x)", 12, "entity: can't stand inside lang:"},
		{"lang:русский", 5, "expected a language code"},
		{"country:Russia", 8, "two letters"},
		{"kind:company", 5, "expected one of person, organization"},
		{"key:123", 4, "16 hex digits"},
		{`entity:""`, 7, "expected a value"},
		{"source:komm*", 7, "a whole value for source:"},
		{`tag:"a b"~2`, 4, "after a value"},
		{`author:"a b c d e f g"`, 7, "one to 6 words"},
		{"site:/", 5, "a host name"},
		{"entity:(a NEAR/2 b)", 8, "can't stand beside NEAR"},
		{"after:2015", 6, "expected a date such as 2015-12-31"},
		{"after:2015-02-30", 6, "expected a date"},
		{"after:0001-01-01", 6, "expected a date"},
		{"before:yesterday", 7, `found "yesterday" after before:`},
		{"after:(2015-01-01)", 6, "found no bare value"},
		{"last:week", 5, "a number and h, d, w, m or y"},
		{"last:0d", 5, "a number"},
		{"last:101y", 5, "at most 100 years"},
		{"has:image", 4, "expected mention"},
		{"is:new", 3, "expected copy"},
		{"a \xff", 2, "not UTF-8"},
		{strings.Repeat("(", 51) + "a", 50, "more than 50 deep"},
		{strings.Repeat("-", 51) + "a", 50, "more than 50 deep"},
		{strings.Repeat("a ", 201), 400, "more than 200"},
		{strings.Repeat("a", MaxBytes+1), MaxBytes, "at most 8192"},
		{`"` + strings.Repeat("a ", 201) + `"`, 0, "201 words"},
	} {
		_, err := Parse(tt.q, testNow)
		var qe *pipeline.QueryError
		if !errors.As(err, &qe) {
			t.Errorf("Parse(%.40q) = %v, want a QueryError", tt.q, err)
			continue
		}
		if qe.Pos != tt.pos || !strings.Contains(qe.Msg, tt.want) {
			t.Errorf("Parse(%.40q): at %d: %s\nwant at %d: … %s …", tt.q, qe.Pos, qe.Msg, tt.pos, tt.want)
		}
	}
}

// randomQuery is text that is often a query.
func randomQuery(r *rand.Rand, depth int) string {
	pick := func(ss ...string) string { return ss[r.IntN(len(ss))] }
	if depth <= 0 || r.IntN(3) == 0 {
		w := func() string {
			return pick("huawei", "Huawei", "chip", "chips", "华", "华为", "公司", "华为公司", "санкции", "мир", "wi-fi", "U.S.", "5", "3,5", "P50", "x1")
		}
		switch r.IntN(14) {
		case 0:
			return `"` + w() + " " + w() + `"`
		case 1:
			return `"` + w() + " " + w() + " " + w() + `"~` + pick("1", "2", "5")
		case 2:
			return w() + " NEAR/" + pick("1", "2", "9") + " " + w()
		case 3:
			return pick("hua*", "чи*", "са*", "sanct*")
		case 4:
			return "=" + pick("Huawei", "huawei", `"Wi-Fi x1"`, "华为")
		case 5:
			return pick("title:", "body:") + pick(w(), `"`+w()+" "+w()+`"`, "("+w()+" OR "+w()+")", "="+w())
		case 6:
			return pick("entity:huawei", "entity:(huawei OR zte)", "source:s1", "site:example.ru", "site:ru", "lang:ru", "country:CN", "tag:daily",
				"kind:person", "author:ivan", `author:"Ivan Petrov"`, "story:20260301000000-00000000000000aa", "key:00000000000000aa")
		case 7:
			return pick("after:2026-03-01", "before:2026-03-15T12:30:00.5Z", "last:7d", "last:1m", "has:mention", "is:copy", "*")
		default:
			return w()
		}
	}
	a, b := randomQuery(r, depth-1), randomQuery(r, depth-1)
	return pick(a+" "+b, a+" AND "+b, a+" OR "+b, "("+a+") "+b, "("+a+" OR "+b+")", "-("+a+")", "NOT "+a, "-"+a)
}

func TestStringParsesToTheSameTree(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 3000 {
		text := randomQuery(r, 4)
		checkCanonical(t, mustParse(t, text))
	}
}

func checkCanonical(t *testing.T, q *Query) {
	t.Helper()
	text := q.String()
	again, err := Parse(text, q.Now)
	if err != nil {
		t.Fatalf("Parse(%q).String() = %q: %v", q.Text, text, err)
	}
	if diff := cmp.Diff(q.Root, again.Root, sameTree); diff != "" {
		t.Fatalf("%q and its String %q make different trees:\n%s", q.Text, text, diff)
	}
	if got := again.String(); got != text {
		t.Fatalf("String of %q is %q, of that %q", q.Text, text, got)
	}
}

func FuzzParse(f *testing.F) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 60 {
		f.Add(randomQuery(r, 3))
	}
	for _, q := range []string{`a "b c`, `“a” «b» 「c」`, `title:(a -b NEAR/3 c*)`, `="x \" y"~2`, "a－b’s it's C++ #tag @x ½ Ⅻ ﬁ*", "site:[::1]:80 last:9y -=a", "U.S. U.S.A NEAR/3 (O'Neill OR 3,5) -(e-mail)", `(U.S. OR =US) NEAR/2 A.B.`, `"\\" a`, "NEAR/1", "ß* İ* ǅ*", "AND*", "٣* a:b:c*"} {
		f.Add(q)
	}
	f.Fuzz(func(t *testing.T, text string) {
		q, err := Parse(text, testNow)
		if err != nil {
			var qe *pipeline.QueryError
			if !errors.As(err, &qe) || qe.Pos < 0 || qe.Pos > len(text) || qe.Msg == "" {
				t.Fatalf("Parse(%q): %#v", text, err)
			}
			return
		}
		leaves := 0
		Walk(q.Root, func(n Node) bool {
			p := n.At()
			if text[p.Pos:p.End] != p.Raw {
				t.Fatalf("%q: piece %q is not at %d", text, p.Raw, p.Pos)
			}
			leaves++
			return true
		})
		if len(q.String()) <= MaxBytes { // quotation marks may make it longer
			checkCanonical(t, q)
		}
		// Evaluation never fails, and finds nothing but what is there.
		d := NewDoc(&pipeline.Article{Title: text, Text: "x " + text, URL: text, Author: text, Tags: []string{text}})
		for _, h := range q.Hints() {
			if _, err := Parse(h.Query, testNow); h.Query != "" && err != nil {
				t.Fatalf("%q: hint %+v: %v", text, h, err)
			}
		}
		spans, _ := q.Match(d)
		checkSpans(t, d, spans)
	})
}
