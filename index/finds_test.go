package index

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/newswatch/newswatch/index/query"
	"github.com/newswatch/newswatch/pipeline"
)

// What finds what, of words that are written in odd ways. Search and the
// evaluator are asked the same, and for what is marked.
func TestFinds(t *testing.T) {
	for _, tt := range []struct {
		name  string
		texts []string
		asked []string // query → the texts' numbers, from 0, → what is marked in the first
	}{
		{
			"languages of computers",
			[]string{"He writes C++ code", "Learn C# today", "plan C failed", "Kernighan's C, 1978", "C++11 is out", "ｃ＋＋ wide", "F#-coded"},
			[]string{
				`C++ → 0 4 5 → C++`, `c++ → 0 4 5 → C++`, `C# → 1 → C#`, `f# → 6 → F#`, `C → 0 1 2 3 4 5 → C`,
				`"C++ code" → 0 → C++ code`, `"C code" → 0 → C++ code`, `="C code" → `, `=C → 2 3 → C`, `=C++ → 0 4 → C++`, `C+* → 0 4 5 → C++`,
				`C++ NEAR/2 writes → 0 → writes|C++`, `-C++ C → 1 2 3`, `"writes c++"~3 → 0 → writes|C++`, `C++ OR C# → 0 1 4 5`,
			},
		},
		{
			"dots before words",
			[]string{"built on .NET Core", "the ASP.NET pages", "a net profit", "so ...net", "(.net)", "a .NET/Java team"},
			[]string{`.NET → 0 4 5 → .NET`, `net → 0 1 2 3 4 5 → NET`, `ASP.NET → 1 → ASP.NET`, `.n* → 0 4 5`, `=.NET → 0 5`, `".NET core" → 0 → .NET Core`},
		},
		{
			"plus",
			[]string{"страны ОПЕК+ решили", "страны ОПЕК решили", "Disney+ and Hulu", "Disney and Hulu", "rated 18+", "互联网+政务服务", "互联网公司", "5G+工业互联网", "Huawei+Leica"},
			[]string{
				`ОПЕК+ → 0 → ОПЕК+`, `ОПЕК → 0 1`, `"страны ОПЕК" → 0 1`, `disney+ → 2`, `disney → 2 3`, `18+ → 4`, `互联网+ → 5 → 互联网+`, `互联网 → 5 6 7`,
				`网+ → 5`, `5G+ → 7`, `5G+工业 → 7 → 5G+工业`, `5G → 7`, `"Huawei Leica" → 8`, `Huawei+Leica → 8 → Huawei+Leica`, `"互联网+政务" → 5 → 互联网+政务`,
			},
		},
		{
			"ampersands",
			[]string{"AT&T said", "at T-Mobile", "S&P 500 fell", "R & D costs", "r d", "Marks & Spencer's", "Marks and Spencer", "Johnson&Johnson", "Q＆A", "华为&荣耀"},
			[]string{
				`AT&T → 0 → AT&T`, `at&t → 0`, `"at t" → 0 1`, `S&P → 2 → S&P`, `"S&P 500" → 2 → S&P 500`, `R&D → 3 → R & D`, `"R & D" → 3`, `R & D → 3 4`, `"Marks & Spencer" → 5`,
				`Marks & Spencer → 5 6`, `"marks spencer" → 5`, `Johnson&Johnson → 7`, `"Johnson & Johnson" → 7`, `Q&A → 8`, `=AT&T → 0`, `AT&T NEAR/1 said → 0 → AT&T|said`,
				`华为&荣耀 → 9`, `spencer → 5 6 → Spencer`,
			},
		},
		{
			"hyphens and points",
			[]string{"a state-of-the-art chip", "state of the art", "COVID‑19 wave", "Wi-Fi 6", "by Mail.Ru Group", "in the U.S. today", "let us go", "Node.js 20", "А.С. Пушкин"},
			[]string{
				`state-of-the-art → 0 1`, `"state of the art" → 0 1`, `COVID-19 → 2 → COVID‑19`, `covid → 2`, `wi-fi → 3`, `mail.ru → 4 → Mail.Ru`, `U.S. → 5 → U.S`, `us → 5 6`,
				`node.js → 7 → Node.js`, `"А. С. Пушкин" → 8 → А.С. Пушкин`, `Пушкина → 8`,
			},
		},
		{
			"as one word and apart",
			[]string{"Wi-Fi 6", "WiFi 7", "COVID-19", "covid19 wave", "the U.S. said", "the US said", "let us go", "ОАЭ", "О.А.Э.", "С.-Петербург"},
			[]string{
				`wi-fi → 0 1`, `WiFi → 0 1`, `"wi fi" → 0`, `=wifi → `, `=Wi-Fi → 0`, `=WiFi → 1`, `wif* → 1`, `COVID-19 → 2 3`, `COVID19 → 2 3`,
				`U.S. → 4 5`, `"U.S." → 4`, `US → 4 5 6`, `=US → 5`, `the NEAR/2 US → 4 5`, `"the US" → 4 5`, `U.S. NEAR/3 said → 4`, `О.А.Э. → 7 8`, `ОАЭ → 7 8`, `С.-Петербург → 9`, `петербург → 9`,
			},
		},
		{
			"e-mails",
			[]string{"new e-mails", "Email me", "an E‑mail", "e mail", "O’Neill's", "oneill", "1,5 млн", "1.5 млн", "1, 5", "e.mail"},
			[]string{`email → 0 1 2`, `e-mail → 0 1 2 3 9`, `"e mail" → 0 2 3 9`, `O'Neill → 4 5`, `ONeill → 4 5`, `1,5 → 6 7 8`, `1.5 → 6 7`, `"1,5 млн" → 6`},
		},
		{
			"apostrophes",
			[]string{"L’Oréal sells", "O'Neill said", "don't stop", "п’ять осіб", "Huawei’s chips", "rock 'n' roll"},
			[]string{`l'oreal → 0 → L’Oréal`, `Oréal → 0`, `ОNeill → 1`, `o’neill → 1`, `don’t → 2`, `п'ять → 3`, `huawei → 4 → Huawei`, `"huawei's chips" → 4`, `"rock n roll" → 5`},
		},
		{
			"numbers",
			[]string{"5G and 3.5 GHz", "1,000,000 people", "on 2015-12-01", "18.12.2015", "3,5 млрд", "10 000 человек", "iPhone6s", "1,2,3 go", "№5 and 5%"},
			[]string{
				`5G → 0`, `3.5 → 0 4`, `5 → 4 8`, `1000000 → 1 → 1,000,000`, `1,000,000 → 1`, `2015-12-01 → 2 → 2015-12-01`, `"2015 12" → 2`, `18.12.2015 → 3`, `3,5 → 0 4`,
				`"10 000" → 5`, `iphone6* → 6`, `2 → 7`,
			},
		},
		{
			"addresses, tags, handles",
			[]string{"write to ivan.petrov@mail.ru now", "see https://example.org/a-b?c=1&d=2", "#Huawei# and #5G", "by @ren_zhengfei", "👍ok🇨🇳", "#华为#发布"},
			[]string{
				`ivan.petrov@mail.ru → 0 → ivan.petrov@mail.ru`, `petrov → 0`, `mail.ru → 0`, `example.org → 1`, `"https://example.org/a-b?c=1&d=2" → 1`, `#huawei → 2 → Huawei`, `huawei → 2`,
				`#5G → 2`, `@ren_zhengfei → 3 → ren_zhengfei`, `ren → 3`, `ok → 4`, `华为 → 5`, `#华为# → 5`,
			},
		},
		{
			"letters",
			[]string{"Ёлка и Артём", "елка и Артем", "Café Müller", "cafe muller", "soft\u00adhyphen and zero\u200bwidth", "ﬁnal ＮＡＴＯ", "Нuawei mixed", "Øresund, Łódź, straße"},
			[]string{
				`елки → 0 1`, `Артёма → 0 1`, `café → 2 3`, `=Café → 2`, `muller → 2 3`, `softhyphen → 4 → soft` + "\u00ad" + `hyphen`, `zerowidth → 4`, `final → 5`, `nato → 5 → ＮＡＴＯ`,
				`huawei → 6`, `oresund → 7`, `lodz → 7`, `strasse → 7`,
			},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ix := openTest(t, t.TempDir())
			var as []pipeline.Article
			for i, text := range tt.texts {
				as = append(as, article(i, when, strconv.Itoa(i), text))
			}
			put(t, ix, stored(1, as...))
			for _, line := range tt.asked {
				ask, rest, _ := strings.Cut(line, " →")
				numbers, marks, marked := strings.Cut(rest, "→")
				ask = "body:(" + ask + ")" // titles are the numbers
				want := strings.Fields(numbers)
				q, err := query.Parse(ask, when)
				if err != nil {
					t.Errorf("Parse(%q): %v", ask, err)
					continue
				}
				matched, first := []string{}, ""
				for i := range as {
					spans, ok := q.Match(query.NewDoc(&as[i]))
					if ok && len(matched) == 0 {
						first = joinSpans(spans)
					}
					if ok {
						matched = append(matched, as[i].Title)
					}
				}
				if !slices.Equal(matched, want) {
					t.Errorf("%s matches %q, want %q", ask, matched, want)
				}
				found := titles(find(t, ix, pipeline.SearchRequest{Query: ask, Limit: 50}))
				slices.Sort(found)
				if diff := cmp.Diff(matched, found); diff != "" {
					t.Errorf("%s (-match +search):\n%s", ask, diff)
				}
				if marked && first != strings.TrimSpace(marks) {
					t.Errorf("%s marks %q, want %q", ask, first, strings.TrimSpace(marks))
				}
			}
		})
	}
}

// joinSpans is the text of spans, those that touch or overlap merged.
func joinSpans(spans []pipeline.Span) string {
	var out []string
	end := -1
	for _, s := range spans {
		if s.Start <= end && len(out) > 0 {
			if s.End > end {
				out[len(out)-1] += s.Text[len(s.Text)-(s.End-end):]
			}
		} else {
			out = append(out, s.Text)
		}
		end = max(end, s.End)
	}
	return strings.Join(out, "|")
}
