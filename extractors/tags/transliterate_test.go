package tags

import (
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func TestTransliterations(t *testing.T) {
	for _, tt := range []struct {
		name, kind, lang string
		want             []string
	}{
		{"Huawei", "organization", "zh", []string{"Хуавэй", "Хуавей"}},
		{"Xi Jinping", "person", "", []string{"Си Цзиньпин"}},
		{"Li Qiang", "person", "zh", []string{"Ли Цян"}},
		{"Xiaomi", "organization", "zh", []string{"Сяоми"}},
		{"Wuzhen", "place", "zh-CN", []string{"Учжэнь", "Учжень"}},
		{"Chang'an", "place", "zh", []string{"Чанъань"}},
		{"Xi'an", "place", "zh", []string{"Сиань"}},
		{"Guangzhou", "place", "zh", []string{"Гуанчжоу"}},
		{"Chongqing", "place", "zh", []string{"Чунцин"}},
		{"Harbin", "place", "zh", nil},
		{"Яндекс", "organization", "ru", []string{"Yandex", "Yandeks"}},
		{"Екатеринбург", "place", "ru", []string{"Yekaterinburg", "Ekaterinburg"}},
		{"Дмитрий Песков", "person", "ru", []string{"Dmitry Peskov", "Dmitriy Peskov"}},
		{"Щёлково", "place", "", []string{"Shchelkovo"}},
		{"Cheng", "organization", "", []string{"Чэн", "Чен", "Чэнг"}},
		{"Cheng Wei", "person", "", []string{"Чэн Вэй", "Чен Вей"}},
		{"Nokia", "organization", "fi", []string{"Нокия"}},
		{"Tesla", "organization", "en", []string{"Тэсла", "Тесла"}},
		{"Johnson-Sachs", "organization", "en", []string{"Джохнсон-Сачс"}},
		{"WIC", "event", "", nil},
		{"МИД", "organization", "", nil},
		{"华为", "organization", "zh", nil},
		{"iPhone 6", "product", "", nil},
		{"", "", "", nil},
	} {
		var got []string
		for _, s := range Transliterations(tt.name, tt.kind, tt.lang) {
			got = append(got, s.Text)
		}
		if d := cmp.Diff(tt.want, got); d != "" {
			t.Errorf("Transliterations(%q, %q): %s", tt.name, tt.lang, d)
		}
	}
	got := Transliterations("Huawei", "organization", "") // by its letters it is Хуавей again
	want := []Suggestion{{"Хуавэй", "ru", "palladius"}, {"Хуавей", "ru", "palladius"}}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// A suggestion is never what it is made of, nor empty or broken.
func FuzzTransliterations(f *testing.F) {
	for _, s := range []string{"Huawei", "Xi'an", "Яндекс", "a'", "'", "Ё\u0301", "\xff", "ﬁ", "naïve", "d’Arc"} {
		f.Add(s, "zh")
		f.Add(s, "")
	}
	f.Fuzz(func(t *testing.T, name, lang string) {
		for _, s := range Transliterations(name, "person", lang) {
			if s.Text == "" || utf8.ValidString(name) && !utf8.ValidString(s.Text) || s.Text == name {
				t.Fatalf("Transliterations(%q, %q) has %+v", name, lang, s)
			}
		}
	})
}
