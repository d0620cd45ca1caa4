package tags

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/newswatch/newswatch/extractors/textnorm"
	"github.com/newswatch/newswatch/pipeline"
	"github.com/newswatch/newswatch/pipeline/catalog"
)

// isForm reports whether a canonical text is a form of the name of the entity. It
// goes by words written out, not by stems.
func (m *Matcher) isForm(entity, nameText, form string) bool {
	var folded textnorm.Folded
	at := slices.IndexFunc(m.entities, func(e catalog.Entity) bool { return e.ID == entity })
	e := m.entities[at]
	list := e.Names
	if len(list) == 0 {
		list = []catalog.Name{{Text: e.Name}}
	}
	for i := range list {
		if list[i].Text != nameText {
			continue
		}
		for _, v := range variantsOf(nil, e.Kind, &list[i], split(&folded, nameText)) {
			if v.writes(form) {
				return true
			}
		}
	}
	return false
}

// writes reports whether the words of a canonical text are those of the variant,
// all in one case of one grammar or as they are.
func (v variant) writes(form string) bool {
	words := strings.FieldsFunc(form, func(r rune) bool { return r < utf8.RuneSelf && isSep(byte(r)) })
	if len(words) != len(v.parts) {
		return false
	}
	at := 0
	for i, w := range words {
		if i > 0 && form[at-1] != v.parts[i].sep {
			return false
		}
		at += len(w) + 1
	}
	every := func(ok func(i int, p part, w string) bool) bool {
		for i, p := range v.parts {
			if words[i] != p.text && !ok(i, p, words[i]) {
				return false
			}
		}
		return true
	}
	for _, g := range tongues[v.how.tongue] {
		for c := range 6 {
			if every(func(_ int, p part, w string) bool { return slices.Contains(g.paradigm(p, v.how.plural)[c], w) }) {
				return true
			}
		}
	}
	last := len(v.parts) - 1
	return every(func(i int, p part, w string) bool { return i == last && v.extra&isPlural != 0 && w == pluralOf(p.text) }) ||
		every(func(i int, p part, w string) bool { return i == last && v.extra&isGerman != 0 && w == p.text+"s" }) ||
		every(func(_ int, p part, w string) bool {
			rest, ok := strings.CutPrefix(w, p.text[:trimmed(p.text)])
			return ok && (v.how.wild || v.how.always) && p.want < wantCaps && utf8.RuneCountInString(rest) <= maxWild &&
				utf8.RuneCountInString(p.text[:trimmed(p.text)]) >= minWild
		})
}

// All that is written out of a name is found as that name.
func TestFormsAreFound(t *testing.T) {
	list := world()
	list = append(list,
		catalog.Entity{ID: "names", Kind: "product", Names: names("Павел Лев", "Георгий Китаец", "Алма-Ата", "Новый Город Ромашки", "Ель", "Юго-Восточная железная дорога Украины", "Dairy")},
		catalog.Entity{ID: "uk", Kind: "person", Names: []catalog.Name{{Text: "Дмитро Кравець", Lang: "uk"}, {Text: "Павло Ів", Lang: "uk"}}},
		catalog.Entity{ID: "pl", Kind: "place", Names: []catalog.Name{{Text: "Nowy Targ", Lang: "pl"}, {Text: "Warszawa Zachodnia", Lang: "pl"}}})
	var folded textnorm.Folded
	n := 0
	for _, e := range list {
		m, _ := Compile([]catalog.Entity{e}) // alone: another may have the name more surely
		for _, name := range e.Names {
			if name.Exact || len(name.Near)+len(name.Not)+len(name.Must) > 0 {
				continue
			}
			for _, f := range formsOf(e.Kind, name, split(&folded, name.Text)) {
				if f.gated {
					continue
				}
				n++
				text := strings.ToUpper(strings.NewReplacer("(", " (", ".", ". ").Replace(f.text))
				if !slices.ContainsFunc(m.Tag("", text, f.lang), func(x pipeline.Mention) bool { return x.Entity == e.ID && x.Text == text }) {
					t.Errorf("%s: the form %q of %q is not found: %v", e.ID, f.text, name.Text, m.Tag("", text, f.lang))
				}
			}
		}
	}
	if n < 1000 {
		t.Errorf("%d forms", n)
	}
}

func TestOtherTongues(t *testing.T) {
	in := func(lang string, list ...string) []catalog.Name {
		var out []catalog.Name
		for _, s := range list {
			out = append(out, catalog.Name{Text: s, Lang: lang})
		}
		return out
	}
	m, _ := Compile([]catalog.Entity{
		{ID: "praha", Kind: "place", Names: in("cs", "Praha")},
		{ID: "babis", Kind: "person", Names: in("cs", "Andrej Babiš")},
		{ID: "brno", Kind: "place", Names: in("cs", "Brno")},
		{ID: "ljubljana", Kind: "place", Names: in("sl", "Ljubljana")},
		{ID: "vucic", Kind: "person", Names: in("sr", "Александар Вучић")},
		{ID: "borisov", Kind: "person", Names: in("bg", "Бойко Борисов")},
		{ID: "minsk", Kind: "place", Names: in("be", "Мінск")},
		{ID: "huawei", Kind: "organization", Names: names("Huawei", "Хуавей")},
		{ID: "yandex", Kind: "organization", Names: names("ООО «Яндекс»", "Yandex N.V.")},
		{ID: "hwt", Kind: "organization", Names: names("Lenovo Group Co., Ltd.", "联想集团股份有限公司")},
		{ID: "bosch", Kind: "organization", Names: names("Robert Bosch GmbH", "АО «Рот»", "Boring Company", "IBM Corp.")},
		{ID: "mid", Kind: "organization", Names: names("МИД", "МГУ", "WIC")},
		{ID: "hyphen", Kind: "product", Names: names("Ali Express", "e-mail", "Wi-Fi")},
	})
	for _, tt := range []struct{ name, lang, text, want string }{
		{"Czech", "cs", "v Praze a Prahou, Pražský", "praha[Prahou]form"},
		{"Czech person", "cs", "s Andrejem Babišem, Babišovi", "babis[Andrejem Babišem]form babis[Babišovi]surname"},
		{"too many letters", "cs", "Prahovými", ""},
		{"short stem", "cs", "v Brnu, Brno", "brno[Brno]exact"},
		{"no capital", "cs", "prahou", ""},
		{"Slovene", "sl", "v Ljubljani", "ljubljana[Ljubljani]form"},
		{"Serbian", "sr", "са Александром Вучићем", ""},
		{"Serbian dative", "sr", "Александару Вучићу", "vucic[Александару Вучићу]form"},
		{"Bulgarian article", "bg", "Бойко Борисова", "borisov[Бойко Борисова]form"},
		{"Belarusian", "be", "у Мінску, Мінскам", "minsk[Мінску]form minsk[Мінскам]form"},
		{"Cyrillic name in a Macedonian article", "mk", "од Хуавејот, Хуавеите", "huawei[Хуавејот]form huawei[Хуавеите]form"},
		{"not in a Russian one", "ru", "Хуавеите", ""},
		{"Latin name in a Czech article", "cs", "Huaweiem", "huawei[Huaweiem]form"},
		{"nor in an English one", "en", "Huaweiem", ""},

		{"legal form", "ru", "ООО «Яндекс», Яндекса, ПАО Яндекс", "yandex[ООО «Яндекс»]exact yandex[Яндекса]variant yandex[Яндекс]variant"},
		{"legal form with points", "en", "Yandex N.V. and Yandex", "yandex[Yandex N.V.]exact yandex[Yandex]variant"},
		{"two legal forms", "en", "Lenovo Group Co., Ltd., Lenovo Group", "hwt[Lenovo Group Co., Ltd.]exact hwt[Lenovo Group]variant"},
		{"Chinese legal forms", "zh", "联想集团股份有限公司，联想集团", "hwt[联想集团股份有限公司]exact hwt[联想集团]variant"},
		{"German", "de", "Robert Bosch GmbH, Robert Bosch, Bosch", "bosch[Robert Bosch GmbH]exact bosch[Robert Bosch]variant"},
		{"too little is left", "ru", "Рот, Boring, IBM", ""},

		{"German compound", "de", "Huawei-Chef Ren, Anti-Huawei-Gesetz, Huaweis", "huawei[Huawei]exact huawei[Huawei]exact huawei[Huaweis]form"},
		{"possessives", "en", "Huawei's, Huawei’s, HUAWEI'S", "huawei[Huawei]exact huawei[Huawei]exact huawei[HUAWEI]exact"},
		{"acronyms", "ru", "МИДа МИДу МИДом МИДе МИД-а МГУ МГУа", "mid[МИДа]form mid[МИДу]form mid[МИДом]form mid[МИДе]form mid[МИД]acronym mid[МГУ]acronym"},
		{"acronym with an ending apart", "ru", "WIC-ом, WIC'а", "mid[WIC]acronym mid[WIC]acronym"},
		{"hyphens and spaces", "en", "AliExpress, Ali-Express, Ali Express, e-mail, e mail, wi-fi, Wi-Fi", "hyphen[AliExpress]variant hyphen[Ali-Express]exact hyphen[Ali Express]exact hyphen[e-mail]exact hyphen[e mail]exact hyphen[Wi-Fi]exact"},
	} {
		if got := brief(m.Tag("", tt.text, tt.lang)); got != tt.want {
			t.Errorf("%s: Tag(%q)\n got %s\nwant %s", tt.name, tt.text, got, tt.want)
		}
	}
}
