package alerts

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestSentence(t *testing.T) {
	long := strings.Repeat("слово ", 100)
	for _, tt := range []struct{ name, text, place, want string }{
		{"only one", "Huawei sells phones", "phones", "Huawei sells phones"},
		{"middle", "It rained. Huawei sells phones! Nobody cared.", "Huawei", "Huawei sells phones!"},
		{"first", "Huawei sells phones. It rained.", "Huawei", "Huawei sells phones."},
		{"last", "It rained. Huawei sells phones", "phones", "Huawei sells phones"},
		{"decimal", "It rose 3.5 percent at Apple Inc. and others. Then it fell.", "Apple", "It rose 3.5 percent at Apple Inc. and others."},
		{"title and initials", "Rain. Mr. J. R. Smith of the U.S. Treasury spoke. Sun.", "Treasury", "Mr. J. R. Smith of the U.S. Treasury spoke."},
		{"exclamation in a name", "Rain. Yahoo! shares fell. Sun.", "shares", "Yahoo! shares fell."},
		{"quotation", "He said: “It works.” Huawei agreed. Sun.", "Huawei", "Huawei agreed."},
		{"paragraphs", "A heading\n\nHuawei sells\nphones\n\nAnother", "phones", "Huawei sells phones"},
		{"Russian", "Шёл дождь. В 2015 г. компания «Хуавей» и др. открыла завод. Потом закрыла.", "Хуавей", "В 2015 г. компания «Хуавей» и др. открыла завод."},
		{"Russian initials", "Дождь. В. В. Путин и Си Цзиньпин встретились в 12.30. Потом ушли.", "Цзиньпин", "В. В. Путин и Си Цзиньпин встретились в 12.30."},
		{"Russian millions", "Дождь. Вложено 5 млрд. Рублей хватит. Всё.", "Вложено", "Вложено 5 млрд. Рублей хватит."},
		{"Chinese", "下雨了。华为公司在乌镇开会！他走了。", "乌镇", "华为公司在乌镇开会！"},
		{"Chinese quotation", "他说：“华为很好。”我走了。", "华为", "他说：“华为很好。”"},
		{"Chinese question", "是吗？华为发布新手机；价格不贵。", "手机", "华为发布新手机；"},
		{"over two", "One two. Three four. Five.", "two. Three", "One two. Three four."},
		{"controls", "Huawei\x00 sells\t\u200dphones\r\nnow.", "sells", "Huawei sells \u200dphones now."},
		{"long", long + "Huawei " + long, "Huawei", "…" + strings.Repeat("слово ", 24) + "Huawei" + strings.Repeat(" слово", 24) + "…"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			i := strings.Index(tt.text, tt.place)
			if got := sentence(tt.text, i, i+len(tt.place)); got != tt.want {
				t.Errorf("\n got %q\nwant %q", got, tt.want)
			}
		})
	}
}

func FuzzSentence(f *testing.F) {
	f.Add("It rained. Huawei sells phones! В. В. Путин. 他说：“华为很好。”", uint16(11), uint16(6))
	f.Add(strings.Repeat("华为", 3000), uint16(4500), uint16(12))
	f.Add("\n\n\n.\n\n", uint16(2), uint16(1))
	f.Fuzz(func(t *testing.T, text string, start, length uint16) {
		if !utf8.ValidString(text) {
			return
		}
		s, e := int(start), int(start)+int(length)
		if e > len(text) || s >= e || !utf8.RuneStart(text[s]) || e < len(text) && !utf8.RuneStart(text[e]) {
			return
		}
		got := sentence(text, s, e)
		if n := utf8.RuneCountInString(got); n > maxSentence {
			t.Fatalf("%d characters", n)
		}
		if place := strings.TrimSpace(plain(text[s:e])); len([]rune(place)) < maxSentence && !strings.Contains(got, place) {
			t.Fatalf("%q does not hold %q", got, place)
		}
		if strings.ContainsAny(got, "\n\r\t\x00") || !utf8.ValidString(got) {
			t.Fatalf("%q is not plain", got)
		}
	})
}
