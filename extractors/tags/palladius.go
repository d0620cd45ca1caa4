package tags

import "strings"

// The system of Palladius (Kafarov), as Russian atlases and dictionaries have it:
// for each initial of pinyin its Cyrillic, and the finals that go with it. Finals
// are written alike after all initials but for those in irregular.
var initials = []struct{ latin, cyrillic, finals string }{
	{"zh", "чж", "a e i ai ei ao ou an en ang eng ong u ua uo uai ui uan un uang"},
	{"ch", "ч", "a e i ai ao ou an en ang eng ong u ua uo uai ui uan un uang"},
	{"sh", "ш", "a e i ai ei ao ou an en ang eng u ua uo uai ui uan un uang"},
	{"b", "б", "a o ai ei ao an en ang eng i ie iao ian in ing u"},
	{"p", "п", "a o ai ei ao ou an en ang eng i ie iao ian in ing u"},
	{"m", "м", "a o e ai ei ao ou an en ang eng i ie iao iu ian in ing u"},
	{"f", "ф", "a o ei ou an en ang eng u"},
	{"d", "д", "a e ai ei ao ou an en ang eng ong i ie iao iu ian ing u uo ui uan un"},
	{"t", "т", "a e ai ao ou an ang eng ong i ie iao ian ing u uo ui uan un"},
	{"n", "н", "a e ai ei ao ou an en ang eng ong i ie iao iu ian in iang ing u uo uan ue"},
	{"l", "л", "a e ai ei ao ou an ang eng ong i ia ie iao iu ian in iang ing u uo uan un ue"},
	{"g", "г", "a e ai ei ao ou an en ang eng ong u ua uo uai ui uan un uang"},
	{"k", "к", "a e ai ao ou an en ang eng ong u ua uo uai ui uan un uang"},
	{"h", "х", "a e ai ei ao ou an en ang eng ong u ua uo uai ui uan un uang"},
	{"j", "цз", "i ia ie iao iu ian in iang ing iong u ue uan un"},
	{"q", "ц", "i ia ie iao iu ian in iang ing iong u ue uan un"},
	{"x", "с", "i ia ie iao iu ian in iang ing iong u ue uan un"},
	{"r", "ж", "e i ao ou an en ang eng ong u uo ui uan un"},
	{"z", "цз", "a e i ai ei ao ou an en ang eng ong u uo ui uan un"},
	{"c", "ц", "a e i ai ao ou an en ang eng ong u uo ui uan un"},
	{"s", "с", "a e i ai ao ou an en ang eng ong u uo ui uan un"},
}

var finals = map[string]string{
	"a": "а", "o": "о", "e": "э", "i": "и", "u": "у", "ai": "ай", "ei": "эй", "ao": "ао", "ou": "оу", "an": "ань", "en": "энь",
	"ang": "ан", "eng": "эн", "ong": "ун", "ia": "я", "ie": "е", "iao": "яо", "iu": "ю", "ian": "янь", "in": "инь", "iang": "ян",
	"ing": "ин", "iong": "юн", "ua": "уа", "uo": "о", "uai": "уай", "ui": "уй", "uan": "уань", "un": "унь", "uang": "уан", "ue": "юэ",
}

// irregular are syllables that are not their initial and final.
var irregular = map[string]string{
	"zi": "цзы", "ci": "цы", "si": "сы", "hui": "хуэй", "lue": "люэ", "nue": "нюэ",
	"ju": "цзюй", "juan": "цзюань", "jun": "цзюнь", "qu": "цюй", "quan": "цюань", "qun": "цюнь", "xu": "сюй", "xuan": "сюань", "xun": "сюнь",
	"a": "а", "o": "о", "e": "э", "ai": "ай", "ei": "эй", "ao": "ао", "ou": "оу", "an": "ань", "en": "энь", "ang": "ан", "er": "эр",
	"ya": "я", "yo": "йо", "yao": "яо", "you": "ю", "yan": "янь", "yin": "инь", "yang": "ян", "ying": "ин", "yong": "юн", "yi": "и", "ye": "е",
	"yu": "юй", "yue": "юэ", "yuan": "юань", "yun": "юнь",
	"wa": "ва", "wo": "во", "wai": "вай", "wei": "вэй", "wan": "вань", "wen": "вэнь", "wang": "ван", "weng": "вэн", "wu": "у",
}

// pinyin is the syllables and their Cyrillic.
var pinyin = pinyinTable()

func pinyinTable() map[string]string {
	t := make(map[string]string)
	for _, i := range initials {
		for f := range strings.FieldsSeq(i.finals) {
			t[i.latin+f] = i.cyrillic + finals[f]
		}
	}
	for s, c := range irregular {
		t[s] = c
	}
	return t
}

// longestSyllable is that of zhuang.
const longestSyllable = 6

// syllables takes a folded word of pinyin apart, into as few syllables as it can; an
// apostrophe sets two apart. Nil: it is no pinyin.
func syllables(w string) []string {
	// best[i] is the last syllable of the shortest way to w[:i].
	best := make([]struct {
		syllable string
		count    int
	}, len(w)+1)
	for i := 1; i <= len(w); i++ {
		if w[i-1] == '\'' && best[i-1].count > 0 {
			best[i].syllable, best[i].count = "'", best[i-1].count+1
			continue
		}
		for n := min(longestSyllable, i); n > 0; n-- {
			before := best[i-n]
			if i > n && before.count == 0 {
				continue
			}
			if _, ok := pinyin[w[i-n:i]]; ok && (best[i].count == 0 || before.count+1 < best[i].count) {
				best[i].syllable, best[i].count = w[i-n:i], before.count+1
			}
		}
	}
	if w == "" || best[len(w)].count == 0 {
		return nil
	}
	var out []string
	for i := len(w); i > 0; i -= len(best[i].syllable) {
		if s := best[i].syllable; s != "'" {
			out = append(out, s)
		}
	}
	for i, j := 0, len(out)-1; i < j; i, j = i+1, j-1 {
		out[i], out[j] = out[j], out[i]
	}
	return out
}

// palladius is a folded word of pinyin in Cyrillic; another word as it is. A hard
// sign parts н from a vowel after it.
func palladius(w string) string {
	list := syllables(w)
	if list == nil {
		return w
	}
	var b strings.Builder
	for i, s := range list {
		if i > 0 && strings.HasSuffix(list[i-1], "ng") && strings.ContainsRune("aeoy", rune(s[0])) {
			b.WriteString("ъ")
		}
		b.WriteString(pinyin[s])
	}
	return b.String()
}
