package tags

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/newswatch/newswatch/extractors/textnorm"
	"github.com/newswatch/newswatch/pipeline"
	"github.com/newswatch/newswatch/pipeline/catalog"
)

func names(list ...string) []catalog.Name {
	var out []catalog.Name
	for _, s := range list {
		out = append(out, catalog.Name{Text: s})
	}
	return out
}

// world is the catalog of most tests.
func world() []catalog.Entity {
	return []catalog.Entity{
		{ID: "huawei", Kind: "organization", Names: append(names("Huawei", "Huawei Technologies", "华为", "Хуавей"),
			catalog.Name{Text: "HW", Exact: true, Near: []string{"phone", "chip", "芯片"}, Not: []string{"homework"}})},
		{ID: "wic", Kind: "event", Names: names("World Internet Conference", "世界互联网大会", "Всемирная интернет-конференция", "WIC")},
		{ID: "wuzhen", Kind: "place", Names: names("Wuzhen", "乌镇", "Учжэнь")},
		{ID: "ai", Kind: "topic", Names: names("ai")},
		{ID: "alibaba", Kind: "organization", Names: names("Alibaba", "阿里巴巴", "AliExpress")},
		{ID: "alibaba-health", Kind: "organization", Names: names("Alibaba Health", "阿里健康")},
		{ID: "china", Kind: "place", Names: names("China", "中国", "Китай")},
		{ID: "cas", Kind: "organization", Names: names("中国科学院")},
		{ID: "ocbc", Kind: "organization", Names: names("华侨银行（中国）")},
		{ID: "usa", Kind: "place", Names: names("U.S.")},
		{ID: "yahoo", Kind: "organization", Names: names("Yahoo!")},
		{ID: "who", Kind: "organization", Names: names("WHO")},
		{ID: "band", Kind: "organization", Names: names("Who")},
		{ID: "zx", Names: []catalog.Name{{Text: "中兴", Not: []string{"中兴路"}}}},
		{ID: "zeta", Names: []catalog.Name{{Text: "Zeta", Not: []string{"Big Zeta"}}}},
		{ID: "stlouis", Kind: "place", Names: names("St. Louis")},
		{ID: "chumakov", Kind: "organization", Names: names("Центр им. Чумакова")},
		{ID: "acdc", Names: names("AC/DC")},
		{ID: "acme", Kind: "organization", Names: names("Acme Co., Ltd.")},
		{ID: "mfa", Kind: "organization", Names: names("МИД", "Министерство иностранных дел")},
		{ID: "putin", Kind: "person", Names: names("Vladimir Putin", "Владимир Путин", "普京")},
		{ID: "jackma", Kind: "person", Names: names("Jack Ma", "马云", "Джек Ма")},
		{ID: "zakharova", Kind: "person", Names: names("Мария Захарова")},
		{ID: "milner-y", Kind: "person", Names: names("Yuri Milner", "Мильнер, Юрий")},
		{ID: "milner-r", Kind: "person", Names: names("Robin Milner")},
		{ID: "mailru", Kind: "organization", Names: names("Mail.Ru Group", "Mail.Ru")},
		{ID: "yotaphone", Kind: "product", Names: names("YotaPhone", "Йотафон")},
		{ID: "iphone", Kind: "product", Names: names("iPhone")},
		{ID: "bankrus", Kind: "organization", Names: names("Банк России")},
		{ID: "nordstream", Kind: "product", Names: names("Северный поток")},
		{ID: "nordstream2", Kind: "product", Names: names("Северный поток - 2")},
		{ID: "sco", Kind: "organization", Names: names("Шанхайская организация сотрудничества", "ШОС")},
		{ID: "att", Kind: "organization", Names: names("AT&T")},
		{ID: "apple", Kind: "organization", Names: []catalog.Name{{Text: "Apple", Not: []string{"pie", "juice"}}}},
		{ID: "mercury-planet", Kind: "topic", Names: []catalog.Name{{Text: "Mercury", Near: []string{"planet", "orbit"}}}},
		{ID: "mercury-band", Kind: "topic", Names: []catalog.Name{{Text: "Mercury", Must: []string{"concert"}}}},
		{ID: "samsung", Kind: "organization", Names: names("삼성전자", "Samsung")},
		{ID: "uk-kyiv", Kind: "place", Names: []catalog.Name{{Text: "Київ", Lang: "uk"}}},
		{ID: "warsaw", Kind: "place", Names: []catalog.Name{{Text: "Warszawa", Lang: "pl"}}},
		{ID: "duda", Kind: "person", Names: []catalog.Name{{Text: "Andrzej Duda", Lang: "pl"}}},
		{ID: "zelensky", Kind: "person", Names: []catalog.Name{{Text: "Володимир Зеленський", Lang: "uk"}}},
	}
}

// brief writes mentions as entity[text]rule, with ! for nested ones and title: before those of the title.
func brief(mentions []pipeline.Mention) string {
	var out []string
	for _, m := range mentions {
		s := fmt.Sprintf("%s[%s]%s", m.Entity, m.Text, m.Rule)
		if m.Nested {
			s += "!"
		}
		if m.Field == pipeline.FieldTitle {
			s = "title:" + s
		}
		out = append(out, s)
	}
	return strings.Join(out, " ")
}

func TestTag(t *testing.T) {
	m, _ := Compile(world())
	for _, tt := range []struct{ name, text, want string }{
		// What other taggers miss or invent.
		{"Chinese running text", "中国华为公司发布新手机", "china[中国]exact huawei[华为]exact"},
		{"Chinese at the start", "华为发布新手机", "huawei[华为]exact"},
		{"two in Chinese", "在乌镇举行的世界互联网大会今天开幕", "wuzhen[乌镇]exact wic[世界互联网大会]exact"},
		{"Russian genitive", "санкции против Хуавея", "huawei[Хуавея]form"},
		{"possessive", "Huawei's phone, HUAWEI’S phone", "huawei[Huawei]exact huawei[HUAWEI]exact"},
		{"no word inside a word", "training said maid ai", "ai[ai]exact"},
		{"traditional Han", "華為在烏鎮", "huawei[華為]exact wuzhen[烏鎮]exact"},
		{"adjacent Chinese names", "华为阿里巴巴", "huawei[华为]exact alibaba[阿里巴巴]exact"},
		{"digit next to Han", "5G华为P9", "huawei[华为]exact"},
		{"letters next to Han", "用iPhone打电话", "iphone[iPhone]exact"},
		{"Latin in Han is bounded", "用iPhoneX打", ""},
		{"umlauts are letters", "Appleö öApple", ""},
		{"length of lower case", "İİİ Huawei ẞ Huawei", "huawei[Huawei]exact huawei[Huawei]exact"},
		{"full width", "Ｈｕａｗｅｉ", "huawei[Ｈｕａｗｅｉ]exact"},
		{"zero width", "«Hua\u200bwei\u200b»", "huawei[Hua\u200bwei]exact"},
		{"soft hyphen", "Хуа\u00adвеем", "huawei[Хуа\u00adвеем]form"},
		{"homoglyph", "Нuawei", "huawei[Нuawei]exact"},
		{"stress mark", "Хуаве\u0301я", "huawei[Хуаве\u0301я]form"},

		// Capitals.
		{"capital wanted", "the huawei-like logo", ""},
		{"acronym wants capitals", "wic Wic WIC", "wic[WIC]acronym"},
		{"inner capital", "iphone IPhone iPhone IPHONE", "iphone[IPhone]exact iphone[iPhone]exact iphone[IPHONE]exact"},
		{"acronym with ending", "в МИДе, МИДОМ, мида, Мида", "mfa[МИДе]form mfa[МИДОМ]form"},

		// Gaps.
		{"hyphen and dash", "World-Internet Conference; World Internet\nConference", "wic[World-Internet Conference]exact wic[World Internet\nConference]exact"},
		{"no name across sentences", "We saw Huawei. Technologies matter", "huawei[Huawei]exact"},
		{"no name across paragraphs", "World Internet\n\nConference", ""},
		{"point of an abbreviation", "in St. Louis, St Louis, at St. Louis said. St; Louis", "stlouis[St. Louis]exact stlouis[St Louis]exact stlouis[St. Louis]exact"},
		{"abbreviation inside", "в Центре им. Чумакова", "chumakov[Центре им. Чумакова]form"},
		{"slash", "AC/DC, AC DC, AC-DC", "acdc[AC/DC]exact"},
		{"point and comma", "Acme Co., Ltd. and Acme Co Ltd", "acme[Acme Co., Ltd.]exact acme[Acme Co Ltd]exact"},
		{"brackets of the name", "华侨银行（中国）13日宣布，华侨银行中国", "ocbc[华侨银行（中国）]exact china[中国]exact! china[中国]exact"},
		{"marks of the name", "the U.S. and the U.S, said «Yahoo!», Yahoo?", "usa[U.S.]exact usa[U.S]exact yahoo[Yahoo!]exact yahoo[Yahoo]exact"},
		{"written just so", "Who leads the WHO? Who knows", "band[Who]exact who[WHO]acronym band[Who]exact"},
		{"year written on", "WIC2015 opens, WIC15, WIC20150, WIC2015b, wic2015, iPhone2016", "wic[WIC]acronym iphone[iPhone]exact"},
		{"no name across brackets", "World (Internet) Conference", ""},
		{"point in name", "Mail.Ru Group и Mail.Ru", "mailru[Mail.Ru Group]exact mailru[Mail.Ru]exact"},
		{"ampersand", "AT&T, AT & T", "att[AT&T]exact att[AT & T]exact"},
		{"spaced dash", "«Северный поток – 2» и Северному потоку", "nordstream2[Северный поток – 2]exact nordstream[Северный поток]exact! nordstream[Северному потоку]form"},
		{"nbsp", "World\u00a0Internet Conference", "wic[World\u00a0Internet Conference]exact"},

		// Forms.
		{"words in one case", "на Всемирной интернет-конференции", "wic[Всемирной интернет-конференции]form"},
		{"head and genitive", "Банком России, Банка России, Банк Россию", "bankrus[Банком России]form bankrus[Банка России]form"},
		{"adjective, noun, genitive", "Шанхайской организации сотрудничества (ШОС)", "sco[Шанхайской организации сотрудничества]form sco[ШОС]acronym"},
		{"foreign place", "в Учжэне и Учжэнь", "wuzhen[Учжэне]form wuzhen[Учжэнь]exact"},
		{"English plural", "two iPhones", "iphone[iPhones]form"},
		{"apart", "Yota Phone and Ali Express and yota phone", "yotaphone[Yota Phone]variant alibaba[Ali Express]variant"},
		{"joined", "MailRuGroup WorldInternet", ""},
		{"Ukrainian", "у Києві з Володимиром Зеленським", "uk-kyiv[Києві]form zelensky[Володимиром Зеленським]form"},
		{"Polish", "w Warszawie u Andrzeja Dudy, Dudzie", "warsaw[Warszawie]form duda[Andrzeja Dudy]form duda[Dudzie]surname"},
		{"Korean with particle", "삼성전자는 발표했다 비삼성전자", "samsung[삼성전자]exact"},

		// Persons.
		{"full name inflected", "с Владимиром Путиным", "putin[Владимиром Путиным]form"},
		{"last name first", "Путин Владимир приехал", "putin[Путин Владимир]order"},
		{"initial", "В. Путину, В.В. Путину", "putin[В. Путину]initial putin[В. Путину]initial"},
		{"bare last name alone", "Путин приехал, Putin said", ""},
		{"bare last name with full name", "Владимир Путин приехал. Путина встретили, Putin", "putin[Владимир Путин]exact putin[Путина]surname putin[Putin]surname"},
		{"Chinese name licenses", "普京（Putin）", "putin[普京]exact putin[Putin]surname"},
		{"woman", "Марии Захаровой, Захарову", "zakharova[Марии Захаровой]form zakharova[Захарову]surname"},
		{"comma name", "Юрия Мильнера", "milner-y[Юрия Мильнера]form"},
		{"short last name stays out", "Jack Ma. Ma said", "jackma[Jack Ma]exact"},
		{"shared last name", "Robin Milner and Yuri Milner. Milner said. Robin Milner left. Milner said", "milner-r[Robin Milner]exact milner-y[Yuri Milner]exact milner-y[Milner]surname milner-r[Robin Milner]exact milner-r[Milner]surname"},

		// Names in names.
		{"longer wins", "Alibaba Health and Alibaba", "alibaba-health[Alibaba Health]exact alibaba[Alibaba]exact! alibaba[Alibaba]exact"},
		{"longer wins in Chinese", "中国科学院在中国", "cas[中国科学院]exact china[中国]exact! china[中国]exact"},
		{"same entity once", "Huawei Technologies", "huawei[Huawei Technologies]exact"},

		// Contexts.
		{"exact with near", "a HW phone; hw phone", "huawei[HW]context"},
		{"near in another form", "HW sells phones", "huawei[HW]context"},
		{"near is missing", "HW is great", ""},
		{"not is there", "HW phone and homework", ""},
		{"near too far", "HW. " + strings.Repeat("word ", 20) + "phone", ""},
		{"near in a long sentence", "HW " + strings.Repeat("word ", 20) + "phone", "huawei[HW]context"},
		{"Chinese near", "HW的芯片很好", "huawei[HW]context"},
		{"not", "Apple pie. " + strings.Repeat("word ", 20) + ". Apple sues", "apple[Apple]exact"},
		{"near decides", "Mercury is the smallest planet", "mercury-planet[Mercury]context"},
		{"must decides", "Mercury played. " + strings.Repeat("word ", 30) + " The concerts ended", "mercury-band[Mercury]context"},

		{"not with the name in it", "中兴在中兴路, the Big Zeta and Zeta", "zx[中兴]exact zeta[Zeta]exact"},
		{"nothing", "", ""},
		{"broken bytes", "\xff华为\xf0", "huawei[华为]exact"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := brief(m.Tag("", tt.text, "")); got != tt.want {
				t.Errorf("Tag(%q)\n got %s\nwant %s", tt.text, got, tt.want)
			}
		})
	}
}

func TestTitle(t *testing.T) {
	m, _ := Compile(world())
	for _, tt := range []struct {
		title, want string
		conf        float64
	}{
		{"Huawei sues the government", "title:huawei[Huawei]exact", 0.95},
		{"HUAWEI SUES US GOVERNMENT", "title:huawei[HUAWEI]exact", 0.57},
		{"Huawei Sues Over Government Ban", "title:huawei[Huawei]exact", 0.76},
		{"Alibaba Health Sues Over Ban", "title:alibaba-health[Alibaba Health]exact", 0.95},
		{"alibaba health sues government", "title:alibaba-health[alibaba health]exact", 0.48},
		{"huawei sues the government", "", 0},
	} {
		got := m.Tag(tt.title, "", "en")
		var top []pipeline.Mention
		for _, x := range got {
			if !x.Nested {
				top = append(top, x)
			}
		}
		conf := 0.0
		if len(top) > 0 {
			conf = top[0].Confidence
		}
		if brief(top) != tt.want || conf != tt.conf {
			t.Errorf("Tag(%q) = %s %v, want %s %v", tt.title, brief(top), conf, tt.want, tt.conf)
		}
	}
	got := brief(m.Tag("Владимир Путин в Пекине", "Путин прилетел", "ru"))
	if want := "title:putin[Владимир Путин]exact putin[Путин]surname"; got != want {
		t.Errorf("last name after the title: got %s, want %s", got, want)
	}
}

func TestGerman(t *testing.T) {
	m, _ := Compile(world())
	if got := brief(m.Tag("", "Huaweis Chef, Huawei-Chef", "de-AT")); got != "huawei[Huaweis]form huawei[Huawei]exact" {
		t.Errorf("German: %s", got)
	}
	if got := brief(m.Tag("", "Huaweis Chef", "en")); got != "" {
		t.Errorf("English: %s", got)
	}
}

func TestSharedName(t *testing.T) {
	m, warnings := Compile([]catalog.Entity{
		{ID: "a", Names: names("Phoenix")}, {ID: "b", Names: names("phoenix", "Phoenix")}, {ID: "c", Names: names("!!!", "雪", "Delta --- Four")}, {ID: "d", Name: "Delta"},
	})
	if got := brief(m.Tag("", "Phoenix and Delta", "")); got != "a[Phoenix]exact b[Phoenix]exact d[Delta]exact" {
		t.Errorf("got %s", got)
	}
	if c := m.Tag("", "Phoenix", "")[0].Confidence; c != 0.67 {
		t.Errorf("confidence of a shared name is %v, want 0.67", c)
	}
	var got []string
	for _, w := range warnings {
		got = append(got, w.String())
	}
	want := []string{
		`entity b: name "phoenix": is a name of a too: both are reported, less surely`,
		`entity c: name "!!!": has no letter or digit and is never found`,
		`entity c: name "雪": is a single character: give it near or must words`,
		`entity c: name "Delta --- Four": has more between two words than a name may have: it is only found with a space there`,
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestVersion(t *testing.T) {
	a, _ := Compile(world())
	b, _ := Compile(world())
	changed := world()
	changed[0].Names[0].Exact = true
	c, _ := Compile(changed)
	tested := world()
	tested[0].Tests.Match = []string{"Huawei"}
	tested[0].Version, tested[0].ManagedBy = "x", "y"
	d, _ := Compile(tested)
	if a.Version() != b.Version() || a.Version() == c.Version() || a.Version() != d.Version() || len(a.Version()) != 16 {
		t.Errorf("versions %s %s %s %s", a.Version(), b.Version(), c.Version(), d.Version())
	}
	none, warnings := Compile(nil)
	if got := none.Tag("Huawei", "Huawei 华为", ""); got != nil || len(warnings) > 0 {
		t.Errorf("no entities: %v, %v", got, warnings)
	}
}

func TestConcurrent(t *testing.T) {
	m, _ := Compile(world())
	text := strings.Repeat("с Владимиром Путиным 华为 и HW phone. ", 50)
	want := brief(m.Tag("Huawei", text, ""))
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 20 {
				if got := brief(m.Tag("Huawei", text, "")); got != want {
					t.Errorf("got %s, want %s", got, want)
					return
				}
				m.Tag("", "Alibaba", "ru")
			}
		})
	}
	wg.Wait()
}

// checkMentions holds what Tag promises of any text.
func checkMentions(t *testing.T, m *Matcher, title, text string, mentions []pipeline.Mention) {
	t.Helper()
	var c canonizer
	for i, x := range mentions {
		field := text
		if x.Field == pipeline.FieldTitle {
			field = title
		}
		if x.Start < 0 || x.End <= x.Start || x.End > len(field) || field[x.Start:x.End] != x.Text {
			t.Fatalf("%q: mention %+v is not in its field", field, x)
		}
		if utf8.ValidString(field) && !utf8.ValidString(x.Text) {
			t.Fatalf("%q: mention %+v is not on character boundaries", field, x)
		}
		if x.Confidence <= 0 || x.Confidence > 1 || x.Rule == "" || x.Name == "" {
			t.Fatalf("%q: mention %+v", field, x)
		}
		if form := c.canonical(x.Text); !m.isForm(x.Entity, x.Name, form) {
			t.Fatalf("%q: mention %+v is of no form: %q", field, x, form)
		}
		for _, y := range mentions[max(0, i-20):i] {
			if y.Field != x.Field || y.End <= x.Start || x.End <= y.Start {
				continue
			}
			same := x.Start == y.Start && x.End == y.End
			inside := y.Start <= x.Start && x.End <= y.End
			if !inside || x.Entity == y.Entity || !same && !x.Nested {
				t.Fatalf("%q: mentions %+v and %+v overlap", field, y, x)
			}
		}
	}
}

// canonizer writes a text the way forms are written.
type canonizer struct{ f textnorm.Folded }

func (c *canonizer) canonical(s string) string {
	c.f.Fold(s)
	var b strings.Builder
	for i, w := range c.f.Words {
		if i > 0 {
			b.WriteByte(separator(c.f.Text, c.f.Words[i-1], w))
		}
		b.Write(c.f.Text[w.Start:w.End])
	}
	return b.String()
}

func FuzzTag(f *testing.F) {
	m, _ := Compile(world())
	for _, s := range []string{
		"Huawei's 华为 и Хуавея", "Владимир Путин. Путина", "В.В. Путину HW phone", "中国科学院 Ｈｕａｗｅｉ Hua\u200bwei", "Северный поток – 2",
		"\xff华为\u0301", "ﬁ İ Нuawei", "삼성전자는 MailRu AT & T", "HUAWEI SUES US", "Mercury planet concert",
	} {
		f.Add(s, s, "")
		f.Add("", s, "de")
	}
	f.Fuzz(func(t *testing.T, title, text, lang string) {
		mentions := m.Tag(title, text, lang)
		checkMentions(t, m, title, text, mentions)
		checkExplain(t, m, title, text, lang, mentions, append(entitiesOf(mentions, 3), "putin", "huawei", "alibaba"))
		if again := m.Tag(title, text, lang); cmp.Diff(mentions, again) != "" {
			t.Fatalf("%q %q: two runs differ: %s", title, text, cmp.Diff(mentions, again))
		}
	})
}
