package extractors

import (
	"cmp"
	"strings"
	"unicode"

	"github.com/RadhiFadlillah/whatlanggo"
)

const (
	langSample = 600 // characters of the text that are looked at, beside the title
	langEnough = 120 // letters from which on the detector is believed against a declaration
)

// Language is the language of an article as a BCP 47 primary subtag, "" where
// nothing tells. A declared one (of the page, of the feed, the one that the
// source mostly writes; the first that fits is taken) is believed where the script allows it and the words don't plainly
// say otherwise: templates are declared English whatever is written in them.
// Of a title that nothing is declared of, its small words tell.
// Chinese of either script is "zh".
func Language(title, text string, declared ...string) string {
	sample := title + "\n" + prefixRunes(text, langSample)
	letters := countScripts(sample)
	s := letters.main()
	if lang := scriptLanguage[s]; lang != "" { // one language has the script to itself
		return lang
	}
	var told string
	for _, d := range declared {
		if d = normalLang(d); d != "" && told == "" && fits(d, s) {
			told = d
		}
	}
	if s == "" {
		return told
	}
	if s == "Cyrl" && (told == "" || lettered[told]) {
		if lang := cyrillicLanguage(sample); lang != "" {
			return lang
		}
	}
	guess, sure := detectLanguage(sample, s)
	_, known := detectorLangs[told]
	switch {
	case told == "" && (!sure || letters.n[s] < langEnough):
		return cmp.Or(wordLanguage(sample, s), usual(sample, s), guess)
	case told == "":
		return guess
	case sure && letters.n[s] >= langEnough && guess != told && known && !near(guess, told):
		return guess
	}
	return told
}

// usual is the language to take for a text of which nothing tells: most that
// has no letter of its own in Latin script is English, in Cyrillic Russian.
func usual(sample, script string) string {
	switch {
	case script == "Latn" && !strings.ContainsFunc(sample, func(r rune) bool { return r >= 0x80 && unicode.Is(unicode.Latin, r) }):
		return "en"
	case script == "Cyrl":
		return "ru"
	}
	return ""
}

// detectLanguage guesses among the languages of a script; sure says whether
// the detector's verdict is reliable.
func detectLanguage(sample, script string) (lang string, sure bool) {
	info := whatlanggo.Detect(sample)
	lang = normalLang(info.Lang.Iso6391())
	if !fits(lang, script) {
		return "", false
	}
	return lang, info.Confidence >= whatlanggo.ReliableConfidenceThreshold
}

// detectAmong is which of a few languages the detector takes a text for; "" if
// it knows none of them.
func detectAmong(sample string, langs []string) string {
	few := make(map[whatlanggo.Lang]bool)
	for _, lang := range langs {
		if l, ok := detectorLangs[lang]; ok {
			few[l] = true
		}
	}
	if len(few) == 0 {
		return ""
	}
	info := whatlanggo.DetectWithOptions(sample, whatlanggo.Options{Whitelist: few})
	if !few[info.Lang] {
		return ""
	}
	return normalLang(info.Lang.Iso6391())
}

// detectorLangs are the languages that the detector knows. It says nothing of
// the others, and takes Icelandic for Swedish.
var detectorLangs = func() map[string]whatlanggo.Lang {
	known := make(map[string]whatlanggo.Lang)
	for l := range whatlanggo.Langs {
		if code := normalLang(l.Iso6391()); code != "no" || l == whatlanggo.Nob {
			known[code] = l
		}
	}
	return known
}()

// lettered are the languages that cyrillicLanguage tells apart.
var lettered = map[string]bool{"ru": true, "uk": true, "be": true, "bg": true, "sr": true, "mk": true, "kk": true}

// cyrillicLanguage tells neighbours apart by the letters that the others don't
// have; "" where there are too few of them.
func cyrillicLanguage(sample string) string {
	var ru, uk, be, sr, mk, kk, total int
	for _, r := range strings.ToLower(sample) {
		if !unicode.Is(unicode.Cyrillic, r) {
			continue
		}
		total++
		switch r {
		case 'ы', 'э', 'ё':
			ru++
		case 'і', 'ї', 'є', 'ґ':
			uk++
		case 'ў':
			be++
		case 'ђ', 'ћ', 'љ', 'њ', 'џ', 'ј':
			sr++
		case 'ѓ', 'ќ', 'ѕ':
			mk++
		case 'ә', 'ғ', 'қ', 'ң', 'ө', 'ұ', 'ү', 'һ':
			kk++
		}
	}
	enough := min(3, 1+total/80) // in a title, one
	switch {
	case kk >= enough:
		return "kk"
	case be >= enough && be*8 >= uk: // Belarusian has і, and ы and э as Russian has them
		return "be"
	case mk >= enough:
		return "mk"
	case sr >= enough:
		return "sr"
	case uk >= enough && uk > 2*ru:
		return "uk"
	case ru >= enough && uk == 0: // Bulgarian has none of the three
		return "ru"
	}
	return ""
}

// A script is named by its ISO 15924 code.
type scripts struct{ n map[string]int }

// tables are the scripts told apart; kana is Japanese, whatever Han stands by.
var tables = []struct {
	code  string
	table []*unicode.RangeTable
	worth int // a character of a script that writes words in one or two counts for more
}{
	{"Latn", []*unicode.RangeTable{unicode.Latin}, 1},
	{"Cyrl", []*unicode.RangeTable{unicode.Cyrillic}, 1},
	{"Hani", []*unicode.RangeTable{unicode.Han}, 4},
	{"Kana", []*unicode.RangeTable{unicode.Hiragana, unicode.Katakana}, 4},
	{"Hang", []*unicode.RangeTable{unicode.Hangul}, 4},
	{"Arab", []*unicode.RangeTable{unicode.Arabic}, 1},
	{"Hebr", []*unicode.RangeTable{unicode.Hebrew}, 1},
	{"Grek", []*unicode.RangeTable{unicode.Greek}, 1},
	{"Deva", []*unicode.RangeTable{unicode.Devanagari}, 1},
	{"Thai", []*unicode.RangeTable{unicode.Thai}, 1},
	{"Geor", []*unicode.RangeTable{unicode.Georgian}, 1},
	{"Armn", []*unicode.RangeTable{unicode.Armenian}, 1},
	{"Beng", []*unicode.RangeTable{unicode.Bengali}, 1},
	{"Taml", []*unicode.RangeTable{unicode.Tamil}, 1},
	{"Telu", []*unicode.RangeTable{unicode.Telugu}, 1},
	{"Khmr", []*unicode.RangeTable{unicode.Khmer}, 1},
	{"Mymr", []*unicode.RangeTable{unicode.Myanmar}, 1},
	{"Ethi", []*unicode.RangeTable{unicode.Ethiopic}, 1},
	{"Sinh", []*unicode.RangeTable{unicode.Sinhala}, 1},
	{"Gujr", []*unicode.RangeTable{unicode.Gujarati}, 1},
	{"Guru", []*unicode.RangeTable{unicode.Gurmukhi}, 1},
	{"Knda", []*unicode.RangeTable{unicode.Kannada}, 1},
	{"Mlym", []*unicode.RangeTable{unicode.Malayalam}, 1},
	{"Laoo", []*unicode.RangeTable{unicode.Lao}, 1},
}

// scriptLanguage names the language of scripts that have one, for news.
var scriptLanguage = map[string]string{
	"Hani": "zh", "Kana": "ja", "Hang": "ko", "Grek": "el", "Thai": "th", "Geor": "ka", "Armn": "hy", "Taml": "ta",
	"Telu": "te", "Khmr": "km", "Mymr": "my", "Sinh": "si", "Gujr": "gu", "Guru": "pa", "Knda": "kn", "Mlym": "ml", "Laoo": "lo",
}

// writtenIn are the scripts of languages that aren't written in Latin letters,
// or not only.
var writtenIn = map[string]string{
	"ru": "Cyrl", "uk": "Cyrl", "be": "Cyrl", "bg": "Cyrl", "mk": "Cyrl", "kk": "Cyrl Latn", "ky": "Cyrl", "tg": "Cyrl",
	"mn": "Cyrl", "tt": "Cyrl", "ba": "Cyrl", "cv": "Cyrl", "os": "Cyrl", "ab": "Cyrl", "sr": "Cyrl Latn", "bs": "Cyrl Latn",
	"uz": "Cyrl Latn", "az": "Latn Cyrl Arab", "tk": "Latn Cyrl", "ar": "Arab", "fa": "Arab", "ur": "Arab", "ps": "Arab",
	"ug": "Arab", "sd": "Arab", "ckb": "Arab", "ku": "Latn Arab", "pa": "Arab Guru", "he": "Hebr", "yi": "Hebr", "hi": "Deva", "mr": "Deva",
	"ne": "Deva", "sa": "Deva", "bn": "Beng", "as": "Beng", "am": "Ethi", "ti": "Ethi",
	"zh": "Hani", "ja": "Kana Hani", "ko": "Hang", "el": "Grek", "th": "Thai", "ka": "Geor", "hy": "Armn", "ta": "Taml",
	"te": "Telu", "km": "Khmr", "my": "Mymr", "si": "Sinh", "gu": "Gujr", "kn": "Knda", "ml": "Mlym", "lo": "Laoo",
}

func countScripts(s string) scripts {
	c := scripts{n: make(map[string]int)}
	for _, r := range s {
		if !unicode.IsLetter(r) {
			continue
		}
		for _, t := range tables {
			if unicode.In(r, t.table...) {
				c.n[t.code] += t.worth
				break
			}
		}
	}
	return c
}

// main is the script that most of the text is written in; "" for none. Kana
// makes Han Japanese from a tenth on: a Japanese headline has little of it.
func (c scripts) main() string {
	if kana, han := c.n["Kana"], c.n["Hani"]; kana >= 8 && kana*10 >= kana+han {
		c.n["Kana"] += han
		c.n["Hani"] = 0
	}
	best := ""
	for _, t := range tables {
		if c.n[t.code] > c.n[best] {
			best = t.code
		}
	}
	return best
}

// fits says whether a language is written in the script; a text without
// letters fits any.
func fits(lang, script string) bool {
	if lang == "" {
		return false
	}
	if script == "" {
		return true
	}
	if in, ok := writtenIn[lang]; ok {
		return strings.Contains(in, script)
	}
	return script == "Latn"
}

// neighbours are groups of languages that the detector confuses.
var neighbours = []string{"no nb nn da sv", "hr sr bs sl", "id ms jv", "cs sk", "es pt gl ca", "ru be bg uk mk", "hi mr ne", "fa ur ar ps", "nl af"}

func near(a, b string) bool {
	for _, group := range neighbours {
		langs := " " + group + " "
		if strings.Contains(langs, " "+a+" ") && strings.Contains(langs, " "+b+" ") {
			return true
		}
	}
	return false
}

// aliases are country codes and old codes taken for languages.
var aliases = map[string]string{
	"cn": "zh", "cmn": "zh", "yue": "zh", "chi": "zh", "jp": "ja", "jpn": "ja", "kr": "ko", "kor": "ko", "ua": "uk", "ukr": "uk", "rus": "ru",
	"eng": "en", "ger": "de", "deu": "de", "fra": "fr", "spa": "es", "gr": "el", "iw": "he", "in": "id", "nb": "no", "nn": "no", "dk": "da",
	"se": "sv", "cz": "cs", "gb": "en", "us": "en", "by": "be", "kz": "kk", "fil": "tl", "und": "", "mul": "", "zxx": "",
}

// normalLang is the primary subtag of a language tag, by its usual code.
func normalLang(tag string) string {
	tag = strings.ToLower(strings.TrimSpace(tag))
	if i := strings.IndexAny(tag, "-_,; "); i >= 0 {
		tag = tag[:i]
	}
	if l, ok := aliases[tag]; ok {
		return l
	}
	if len(tag) < 2 || len(tag) > 3 {
		return ""
	}
	for _, c := range []byte(tag) {
		if c < 'a' || c > 'z' {
			return ""
		}
	}
	return tag
}

// prefixRunes is the first n characters of s.
func prefixRunes(s string, n int) string {
	for i := range s {
		if n == 0 {
			return s[:i]
		}
		n--
	}
	return s
}
