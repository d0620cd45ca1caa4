package textnorm

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// samples seed the fuzz targets and hold what has gone wrong elsewhere.
var samples = []string{
	"", "a", "Huawei's new phone", "санкции против Хуавея", "中国华为公司发布新手机", "在烏鎮舉行的世界互聯網大會",
	"华为P9 и Ｈｕａｗｅｉ", "COVID-19, 5G; iPhone6 1,000.5 18.12.2015", "Hua\u200bwei\u00ad Росси\u0301я",
	"Нuawei Pоccия PDFки", "ﬁne ﷺ İı ŉ … ㍿", "か\u3099ｶﾞ 각 ᄒ", "\u0301\u200b", "a\xffb\xf0\x9f", "п’ять l’Humanité ’s",
	"👩‍👩‍👧 🇨🇳", "ไทยรัฐ 5G", "й и\u0306 \u0306", "Йо\u0308 A\u200b\u0301", "аa\u00adа", "1,000,00 1.2.3", "a'sаb",
	"Wi-Fi COVID-19 U.S.-led J.K. 3,5 O’Neill a-b-c A.B.c", "A．Ｂ．－Ａ-1-Б-Б,1,2 O'\u00ado'oooo Ⅷ.Ⅷ. ½-½ Ａ\u0301.B\u0301. 1,2\u0301",
	"C++11, C#; .NET's AT&T AT & T+ ОПЕК+ 互联网+政务 ＋Ｃ＋＋ A&B&C ..x .5+ +++ a+++ c##", ".a&.b .a & b's&c", "㏂+ ⒈.a ℅+ a\u00ad+\u200b+ 1,000+",
}

// What is also written as one word has that one beside its first.
func TestJoined(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"Wi-Fi", "wifi[Wi-Fi]0"},
		{"e-mails, E‑Mail", "email[e-mails]0 email[E‑Mail]2"},
		{"COVID-19 G-20 МиГ-29 F-16s", "covid19[COVID-19]0 g20[G-20]2 миг29[МиГ-29]4"},
		{"Нью-Йорка", "ньюйорк[Нью-Йорка]0"},
		{"state-of-the-art 2015-16 5-G ИТ-IT a- b -c", ""},
		{"Donaudampfschiff-fahrtsgesellschaft", ""},
		{"U.S. and U.S.A, U.S.-led", "us[U.S]0 usa[U.S.A]3 us[U.S]6"},
		{"А.С. Пушкин, J.K.Rowling", "ас[А.С]0 jk[J.K]3"},
		{"e.g. i.e. Ph.D. С.-Петербург a.b U.s A.1 A.B.C.D.E.F.G.", ""},
		{"O'Neill O’Brien's o'clock l'Humanité O'B", "oneil[O'Neill]0 obrien[O’Brien]2 oclock[o'clock]4"},
		{"3,5% 3,14 3,500 1,2,3 3,5.1 1,000,5 3,", "3.5[3,5]0 3.14[3,14]2"},
	} {
		got := []string{}
		for _, k := range Analyze(nil, tt.text) {
			if k.Joined {
				got = append(got, fmt.Sprintf("%s[%s]%d", k.Term, tt.text[k.Start:k.End], k.Pos))
			}
		}
		if got := strings.Join(got, " "); got != tt.want {
			t.Errorf("%s: joined %s, want %s", tt.text, got, tt.want)
		}
	}
}

// show writes tokens as term[source]position, bigrams apart.
func show(text string) (words, bigrams string) {
	var w, b []string
	for _, k := range Analyze(nil, text) {
		s := fmt.Sprintf("%s[%s]%d", k.Term, text[k.Start:k.End], k.Pos)
		if k.Bigram {
			b = append(b, s)
		} else {
			w = append(w, s)
		}
	}
	return strings.Join(w, " "), strings.Join(b, " ")
}

func TestAnalyze(t *testing.T) {
	for _, tt := range []struct{ name, text, words, bigrams string }{
		{"English", "Huawei's phones were running", "huawei[Huawei]0 phone[phones]1 were[were]2 run[running]3", ""},
		{"Russian", "Санкции против компаний", "санкц[Санкции]0 прот[против]1 комп[компаний]2", ""},
		{"Han", "華為，在", "华[華]0 为[為]1 在[在]2", "华为[華為]0"},
		{"one Han character", "在", "在[在]0", ""},
		{"Han and Latin", "华为P9手机", "华[华]0 为[为]1 p9[P9]2 手[手]3 机[机]4", "华为[华为]0 手机[手机]3"},
		{"mixed", "5G iPhone6 COVID-19", "5g[5G]0 iphone6[iPhone6]1 covid[COVID]2 covid19[COVID-19]2 19[19]3", ""},
		{
			"numbers", "1,000.5 3,14 5.0 18.12.2015 a.b 1,2",
			"1000.5[1,000.5]0 3[3]1 3.14[3,14]1 14[14]2 5.0[5.0]3 18.12.2015[18.12.2015]4 a[a]5 b[b]6 1[1]7 1.2[1,2]7 2[2]8", "",
		},
		{"points in names", "Mail.Ru, U.S.", "mail[Mail]0 ru[Ru]1 u[U]2 us[U.S]2 s[S]3", ""},
		{"apostrophes", "п’ять l’Humanité don't companies'", "п'ят[п’ять]0 l[l]1 humanit[Humanité]2 don[don]3 t[t]4 compani[companies]5", ""},
		{"Hangul", "화웨이", "화[화]0 웨[웨]1 이[이]2", "화웨[화웨]0 웨이[웨이]1"},
		{"kana", "ﾄﾖﾀ", "ト[ﾄ]0 ヨ[ﾖ]1 タ[ﾀ]2", "トヨ[ﾄﾖ]0 ヨタ[ﾖﾀ]1"},
		{"invisible inside", "Hua\u200bwei x", "huawei[Hua\u200bwei]0 x[x]1", ""},
		{"none", " — … 😀", "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			words, bigrams := show(tt.text)
			if words != tt.words || bigrams != tt.bigrams {
				t.Errorf("Analyze(%q)\n got %s | %s\nwant %s | %s", tt.text, words, bigrams, tt.words, tt.bigrams)
			}
		})
	}
}

// Forms of one word have one term, and words that only look alike don't.
func TestSameTerm(t *testing.T) {
	term := func(s string) string {
		tokens := Analyze(nil, s)
		if len(tokens) != 1 {
			t.Fatalf("Analyze(%q) = %v, want one token", s, tokens)
		}
		return tokens[0].Term
	}
	for _, same := range [][]string{
		{"sanction", "Sanctions", "SANCTIONED", "ｓａｎｃｔｉｏｎｓ"},
		{"компания", "Компании", "компанией", "компаний"},
		{"Алиэкспресс", "алиэкспресса", "Алиэкспрессом"},
		{"ёлка", "елка", "Ёлки"},
		{"Лавров", "Лаврова", "Лаврову", "Лавровым", "Лаврове"},
		{"Киев", "Киева", "Киеву", "Киевом", "Киеве"},
		{"Медведев", "Медведева", "Медведеву", "Медведевым"},
		{"Газпром", "Газпрома", "Газпрому", "Газпромом", "Газпроме"},
		{"Хуавей", "Хуавея", "Хуавею", "Хуавеем", "Хуавее"},
		{"Китай", "Китая", "Китаю", "Китаем", "Китае"},
		{"Иран", "Ирана", "Ирану", "Ираном", "Иране"},
		{"Корея", "Кореи", "Корее", "Корею", "Кореей"},
		{"Артём", "Артёма", "Артёму"},
		{"Байден", "Байдена", "Байденом", "Байдене"},
		{"система", "систем", "системой"},
		{"страна", "стран", "стране", "странами"},
		{"музей", "музея", "музеев", "музеем"},
		{"визит", "визита", "визиты"},
		{"работать", "работает", "работал", "работали"},
		{"юг", "юга", "югом"},
		{"год", "года", "годы", "годов"},
		{"Huawei", "huawei’s", "HUAWEI'S", "Нuawei"},
	} {
		for _, s := range same[1:] {
			if got, want := term(s), term(same[0]); got != want {
				t.Errorf("%q has term %q, %q has %q", s, got, same[0], want)
			}
		}
	}
	for _, apart := range [][2]string{{"university", "unix"}, {"Обама", "об"}, {"Иран", "Ира"}, {"Россия", "рост"}, {"Путин", "путь"}} {
		if a, b := term(apart[0]), term(apart[1]); a == b {
			t.Errorf("%s and %s share the term %q", apart[0], apart[1], a)
		}
	}
}

func TestLongWordIsCut(t *testing.T) {
	text := strings.Repeat("щ", 5000)
	tokens := Analyze(nil, text)
	if len(tokens) != 1 || len(tokens[0].Term) > maxTerm || !utf8.ValidString(tokens[0].Term) || tokens[0].End != len(text) {
		t.Errorf("got %d tokens, first of %d bytes", len(tokens), len(tokens[0].Term))
	}
}

// checkTokens holds what Analyze promises of any text.
func checkTokens(t *testing.T, text string) {
	t.Helper()
	tokens := Analyze(nil, text)
	valid := utf8.ValidString(text)
	pos, start, end := -1, 0, 0 // of the last word
	for i, k := range tokens {
		switch {
		case k.Term == "" || k.Start < 0 || k.End <= k.Start || k.End > len(text):
			t.Fatalf("%q: token %d %+v", text, i, k)
		case !k.Beside() && (k.Pos != pos+1 || k.Start < end):
			t.Fatalf("%q: token %+v at position %d, the one before ended at %d", text, k, pos, end)
		case k.Beside() && (i == 0 || k.Pos != pos || k.Start > start || k.End < end):
			t.Fatalf("%q: token %+v beside %+v", text, k, tokens[i-1])
		case k.Bigram != IsBigram(k.Term):
			t.Fatalf("%q: token %+v is a bigram by its term: %v", text, k, IsBigram(k.Term))
		case k.Bigram && (k.Start != start || k.End == end), k.Sign && tokens[i-1].Beside(), k.Joined && (k.Start != start || k.End == end):
			t.Fatalf("%q: token %+v after %+v", text, k, tokens[i-1])
		case valid && (!utf8.RuneStart(text[k.Start]) || k.End < len(text) && !utf8.RuneStart(text[k.End])):
			t.Fatalf("%q: token %+v is not on character boundaries", text, k)
		}
		if !k.Beside() {
			pos, start, end = k.Pos, k.Start, k.End
		}
	}
	checkSlices(t, text, tokens)
}

// checkSlices holds that a slice from word to word, with their signs, has the
// tokens it had in the whole, but for those joined, which depend on what stands
// beside.
func checkSlices(t *testing.T, text string, tokens []Token) {
	t.Helper()
	// start and end are those of a word with its sign.
	extent := func(i int) (start, end int) {
		start, end = tokens[i].Start, tokens[i].End
		if i+1 < len(tokens) && tokens[i+1].Sign {
			start, end = tokens[i+1].Start, tokens[i+1].End
		}
		return start, end
	}
	for from := 0; from < len(tokens); from += 1 + len(tokens)/7 {
		to := min(len(tokens)-1, from+len(tokens)/3)
		if tokens[from].Beside() || tokens[to].Beside() {
			continue
		}
		base, _ := extent(from)
		_, end := extent(to)
		var want []Token
		for _, k := range tokens[from:] {
			if k.End <= end && !k.Joined {
				k.Start, k.End, k.Pos = k.Start-base, k.End-base, k.Pos-tokens[from].Pos
				want = append(want, k)
			}
		}
		got := slices.DeleteFunc(Analyze(nil, text[base:end]), func(k Token) bool { return k.Joined })
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("%q: the slice %q\n got %v\nwant %v", text, text[base:end], got, want)
		}
	}
}

func TestSamples(t *testing.T) {
	for _, s := range samples {
		checkFolded(t, s)
		checkTokens(t, s)
	}
}

func FuzzAnalyze(f *testing.F) {
	for _, s := range samples {
		f.Add(s)
	}
	f.Fuzz(checkTokens)
}
