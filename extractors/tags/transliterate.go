package tags

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/newswatch/newswatch/extractors/textnorm"
)

// A Suggestion is how a name may be written in another script.
type Suggestion struct {
	Text string `json:"text"`
	Lang string `json:"lang"` // ru or en
	Rule string `json:"rule"` // palladius, letters: what it was made by
}

// The rules of suggestions.
const (
	rulePalladius = "palladius" // Chinese syllables in Cyrillic
	ruleLetters   = "letters"   // by sound, letter for letter
)

// Transliterations suggests how a name of an entity of that kind is written in
// the other of Latin and Cyrillic script, the likeliest first: Huawei as Хуавэй
// and Хуавей, Яндекс as Yandex. They are guesses to choose from, not names to
// track unseen. Lang is the language of the name, empty where it isn't known: a
// Latin name is read as Chinese where that is zh, or not given and all its words
// are made of Chinese syllables. A person's Chinese name keeps its words (Си
// Цзиньпин). Names in other scripts, of both, in capitals (WIC) or with digits
// have none.
func Transliterations(name, kind, lang string) []Suggestion {
	var folded textnorm.Folded
	parts := split(&folded, name)
	var script textnorm.Class
	for _, p := range parts {
		script |= p.class & (textnorm.Bounded | textnorm.Free | textnorm.Hangul)
		if p.want > wantCaps && utf8.RuneCountInString(p.text) <= maxUnread {
			return nil
		}
	}
	lang, _, _ = strings.Cut(strings.ToLower(lang), "-")
	var out []Suggestion
	add := func(lang, rule string, write func(word string) string) {
		text := respell(name, write)
		if text == "" || strings.ContainsFunc(text, func(r rune) bool { return textnorm.ClassOf(r)&script != 0 }) {
			return // it has letters we know no sound of
		}
		if !slices.ContainsFunc(out, func(s Suggestion) bool { return s.Text == text }) {
			out = append(out, Suggestion{text, lang, rule})
		}
	}
	switch script {
	case textnorm.Cyrillic:
		for _, v := range latinVariants {
			add("en", ruleLetters, func(w string) string { return toLatin(w, v) })
		}
	case textnorm.Latin:
		chinese := lang == "zh" || lang == ""
		for _, p := range parts {
			chinese = chinese && syllables(p.text) != nil
		}
		if chinese {
			add("ru", rulePalladius, palladius)
			add("ru", rulePalladius, func(w string) string { return softE(palladius(w)) })
			if kind != catalogPerson && len(parts) == 1 && lang == "" {
				add("ru", ruleLetters, toCyrillic) // it may be no Chinese name after all
			}
			break
		}
		if lang == "zh" {
			break
		}
		add("ru", ruleLetters, toCyrillic)
		add("ru", ruleLetters, func(w string) string { return softE(toCyrillic(w)) })
	}
	return out
}

// maxUnread is the longest word in capitals that is taken for an acronym.
const maxUnread = 4

// respell writes the words of a name anew, with the capitals they begin with, and
// leaves what stands between them.
func respell(name string, write func(word string) string) string {
	var b strings.Builder
	isLetter := func(r rune) bool { return unicode.IsLetter(r) || r == '\'' || r == '’' || unicode.Is(unicode.Mn, r) }
	for name != "" {
		end := strings.IndexFunc(name, func(r rune) bool { return !isLetter(r) })
		if end < 0 {
			end = len(name)
		}
		if end == 0 {
			_, end = utf8.DecodeRuneInString(name)
			b.WriteString(name[:end])
		} else {
			word := write(strings.ReplaceAll(textnorm.Fold(name[:end]), "’", "'"))
			if first, _ := utf8.DecodeRuneInString(name); unicode.IsUpper(first) {
				r, n := utf8.DecodeRuneInString(word)
				word = string(unicode.ToUpper(r)) + word[n:]
			}
			b.WriteString(word)
		}
		name = name[end:]
	}
	return b.String()
}

// softE is a Cyrillic word with е for э inside it, as loan words often are.
func softE(w string) string {
	_, n := utf8.DecodeRuneInString(w)
	return w[:min(n, len(w))] + strings.ReplaceAll(w[min(n, len(w)):], "э", "е")
}

// spelling is what sets the ways to write Cyrillic in Latin apart.
type spelling struct {
	ks, e, ii string // кс; е at the start of a word or after a vowel; ий and ый at the end
}

var latinVariants = []spelling{{"x", "ye", "y"}, {"ks", "ye", "y"}, {"x", "e", "y"}, {"ks", "e", "iy"}}

var latinOf = map[rune]string{
	'а': "a", 'б': "b", 'в': "v", 'г': "g", 'д': "d", 'е': "e", 'ж': "zh", 'з': "z", 'и': "i", 'й': "y", 'к': "k", 'л': "l",
	'м': "m", 'н': "n", 'о': "o", 'п': "p", 'р': "r", 'с': "s", 'т': "t", 'у': "u", 'ф': "f", 'х': "kh", 'ц': "ts", 'ч': "ch",
	'ш': "sh", 'щ': "shch", 'ъ': "", 'ы': "y", 'ь': "", 'э': "e", 'ю': "yu", 'я': "ya", 'і': "i", 'є': "ye", 'ґ': "g", 'ў': "u", '\'': "",
}

// toLatin is a folded Cyrillic word by the sounds of English (BGN/PCGN 1947,
// without its signs), but as v has it.
func toLatin(w string, v spelling) string {
	var b strings.Builder
	runes := []rune(w)
	for i := 0; i < len(runes); i++ {
		r := runes[i]
		next := rune(0)
		if i+1 < len(runes) {
			next = runes[i+1]
		}
		switch {
		case (r == 'и' || r == 'ы') && next == 'й' && i+2 == len(runes):
			b.WriteString(v.ii)
			return b.String()
		case r == 'к' && next == 'с':
			b.WriteString(v.ks)
			i++
		case r == 'е' && (i == 0 || strings.ContainsRune("аеиоуыэюяьъ", runes[i-1])):
			b.WriteString(v.e)
		default:
			if s, ok := latinOf[r]; ok {
				b.WriteString(s)
			} else {
				b.WriteRune(r)
			}
		}
	}
	return b.String()
}

// soundsOf are groups of Latin letters and their Cyrillic ones, the longer first.
var soundsOf = []struct{ latin, cyrillic string }{
	{"shch", "щ"}, {"tsch", "ч"}, {"sch", "ш"}, {"tch", "ч"}, {"sh", "ш"}, {"ch", "ч"}, {"zh", "ж"}, {"kh", "х"}, {"ts", "ц"},
	{"ph", "ф"}, {"th", "т"}, {"ck", "к"}, {"qu", "кв"}, {"oo", "у"}, {"ee", "и"}, {"ya", "я"}, {"yu", "ю"}, {"yo", "йо"}, {"ye", "е"},
	{"ai", "ай"}, {"ay", "ей"}, {"ei", "ей"}, {"ey", "ей"}, {"oy", "ой"}, {"oi", "ой"}, {"ia", "ия"}, {"ce", "се"}, {"ci", "си"}, {"cy", "си"},
	{"a", "а"}, {"b", "б"}, {"c", "к"}, {"d", "д"}, {"e", "э"}, {"f", "ф"}, {"g", "г"}, {"h", "х"}, {"i", "и"}, {"j", "дж"}, {"k", "к"},
	{"l", "л"}, {"m", "м"}, {"n", "н"}, {"o", "о"}, {"p", "п"}, {"q", "к"}, {"r", "р"}, {"s", "с"}, {"t", "т"}, {"u", "у"}, {"v", "в"},
	{"w", "в"}, {"x", "кс"}, {"y", "и"}, {"z", "з"}, {"'", ""},
}

// toCyrillic is a folded Latin word by the sounds its letters most often have in
// names; doubled consonants stay.
func toCyrillic(w string) string {
	var b strings.Builder
next:
	for w != "" {
		for _, s := range soundsOf {
			if strings.HasPrefix(w, s.latin) {
				b.WriteString(s.cyrillic)
				w = w[len(s.latin):]
				continue next
			}
		}
		_, n := utf8.DecodeRuneInString(w)
		b.WriteString(w[:n])
		w = w[n:]
	}
	return b.String()
}
