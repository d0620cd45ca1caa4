package extractors

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestLanguage(t *testing.T) {
	const (
		en = "Huawei signed an agreement with Sberbank in Wuzhen on Wednesday, the second day of the World Internet Conference, both companies said in a joint statement after the ceremony."
		de = "Huawei hat am Mittwoch in Wuzhen eine Vereinbarung mit der Sberbank unterzeichnet, wie beide Unternehmen nach der Feier in einer gemeinsamen Erklärung mitteilten, in der es auch um Rechenzentren ging."
		ru = "Хуавей и Сбербанк подписали в Учжэне соглашение об облачных вычислениях, сообщили обе компании; это первый такой договор."
		uk = "Хуавей і Сбербанк підписали в Учжені угоду про співпрацю, повідомили обидві компанії у спільній заяві."
		be = "Хуавэй і Сбербанк падпісалі ў Учжэне пагадненне аб супрацоўніцтве, паведамілі абедзве кампаніі."
		bg = "Хуавей и Сбербанк подписаха в Уджен споразумение за сътрудничество, съобщиха двете компании в съвместно изявление след церемонията."
		zh = "华为周三在乌镇与俄罗斯联邦储蓄银行签署了协议，两家公司表示。"
		ja = "ファーウェイは水曜日、烏鎮でズベルバンクと協定に署名したと両社が発表した。"
		ko = "화웨이는 수요일 우전에서 스베르방크와 협정을 체결했다고 양사가 밝혔다."
		is = "Huawei undirritaði samning við Sberbank í Wuzhen á miðvikudag, að því er bæði fyrirtækin sögðu í sameiginlegri yfirlýsingu eftir athöfnina sem fram fór í gær."
	)
	tests := []struct {
		name        string
		title, text string
		declared    []string
		want        string
	}{
		{"English", "", en, nil, "en"},
		{"declared, with a region", "", en, []string{"en-GB"}, "en"},
		{"a template declared English", "", de, []string{"en"}, "de"},
		{"a title alone says what is declared", "Huawei signs", "", []string{"de"}, "de"},
		{"the first that fits", "", ru, []string{"en", "ru"}, "ru"},
		{"Russian", "", ru, nil, "ru"},
		{"Russian declared English", "", ru, []string{"en-US"}, "ru"},
		{"Ukrainian", "", uk, nil, "uk"},
		{"Ukrainian declared Russian", "", uk, []string{"ru"}, "uk"},
		{"Russian on a Ukrainian site", "", ru, []string{"uk"}, "ru"},
		{"Kyrgyz is what it is declared", "Өкмөт жаңы келишимге кол койду", "", []string{"ky"}, "ky"},
		{"Ukrainian by its country code", "", uk, []string{"ua"}, "uk"},
		{"Belarusian", "", be, nil, "be"},
		{"Bulgarian", "", bg, nil, "bg"},
		{"Chinese", "", zh, nil, "zh"},
		{"Chinese, traditional", "華為與俄羅斯銀行簽署協議", "", []string{"zh-Hant-TW"}, "zh"},
		{"Chinese declared English", "", zh, []string{"en"}, "zh"},
		{"Chinese with Latin names in it", "华为 Huawei Technologies 与 Sberbank 签署协议", "", nil, "zh"},
		{"English with Chinese names in it", "Huawei (华为) signs in Wuzhen (乌镇)", en, nil, "en"},
		{"Japanese", "", ja, nil, "ja"},
		{"Japanese headline with little kana", "首相、米大統領と会談へ", "", []string{"ja"}, "ja"},
		{"Korean", "", ko, nil, "ko"},
		{"a language the detector doesn't know", "", is, []string{"is"}, "is"},
		{"Norwegian is one", "", "", []string{"nb-NO"}, "no"},
		{"nothing", "", "", nil, ""},
		{"no letters", "2015", "12 16", []string{"zh"}, "zh"},
		{"nonsense declared", "", en, []string{"english", "x", "und"}, "en"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := Language(tt.title, tt.text, tt.declared...); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// The answer is always a code of two or three letters, or none.
func FuzzLanguage(f *testing.F) {
	f.Add("Huawei", "华为与俄罗斯", "zh-CN")
	f.Add("", "\xff", "")
	f.Fuzz(func(t *testing.T, title, text, declared string) {
		got := Language(title, text, declared)
		if got != "" && (len(got) < 2 || len(got) > 3 || strings.ToLower(got) != got || !utf8.ValidString(got)) {
			t.Fatalf("Language = %q", got)
		}
	})
}
