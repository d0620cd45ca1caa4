package extractors

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// smallWords are the words that sentences and headlines of a language are held
// together by. A title has too few letters for their statistics to tell its
// language; what small words stand in it does.
var smallWords = map[string]string{
	"en": "the of and to in a is for on with as at by from after says how why what who will be are was his her not new over has have its it out up about more than against into could would amid been they you your first year years no or an this that but off back down may set sets get gets can may before while when where our us we i if one two do does did set says make makes old latest top best news live under during since still just now all my your",
	"de": "der die das und in den von zu mit für auf im ist des dem nicht ein eine einen einer am als bei nach aus sich an wird wie vor über gegen es sind hat bis zum zur noch mehr um er will auch so was warum werden kann unter ab mann neue",
	"fr": "de la le les des du en et à un une pour sur dans au aux par avec que qui ce est son sa ses l d plus après contre ne pas se face entre sans vers sont ont été leur comment pourquoi",
	"es": "de la el en los del por con para que un una se su al las y es a tras contra sobre más entre como sin lo no hasta ante desde sus fue han ha este esta años cómo qué",
	"pt": "de do da em no na para com os as dos das por e o a um uma que ao à após mais sobre não são é pelo pela nos nas se seu sua contra entre tem até como diz anos",
	"it": "di il la le i gli del della dei delle per in con che un una è e a da dal dalla al alla su non si nel nella sono più dopo l contro come ha tra anche lo sul sulla all",
	"nl": "de het een van en in op voor met te is dat aan niet zijn bij om uit naar over na als er maar worden wordt tegen ook nog wil meer tot nieuwe weer heeft hebben",
	"sv": "och i att en på för med av som till är det den inte om ett har från vid efter ska nya mot så kan över under blir",
	"no": "og i på for med av til er som det en at har fra om etter ikke mot vil de ble å skal over seg blir ny nye",
	"da": "og i på for med af til er som det en at har fra om efter ikke mod vil de blev skal over sig bliver ny nye nu",
	"pl": "w i na z do się nie za o po od jest dla to że przez przed jak są ale ze czy będzie co pod ma już",
	"cs": "v na a se o s z do k za po je pro od ve že si ze není jsou jako před i podle bude byl má už",
	"sk": "v na a sa o s z do k za po je pre od vo že si zo nie sú ako pred i podľa bude bol má už",
	"hr": "u i na je za se da s od iz su o će koji koja do ne nije po kako što bi pred sa nakon",
	"sl": "v in na je za se da s z od iz so o bo ki do ne ni po kako pri bi pred ob še po že bodo",
	"ro": "de la în și a cu din pe pentru un o care nu mai al ale după este sunt ce s să fi va au fost",
	"hu": "a az és hogy nem is egy meg el még után ki csak már volt van lesz de ha mint",
	"tr": "ve bir bu için ile da de ne en çok olan sonra oldu var mi mı son yeni daha gibi kadar",
	"fi": "ja on ei että oli se hän myös kun mutta ovat jo nyt tai ole sen voi mukaan",
	"et": "ja on ei et see oli ka kui aga ning oma mis kes ta või uus",
	"lv": "un ir par no ar uz kas ka lai nav bet pie tiek pēc vai arī",
	"lt": "ir į su iš kad apie yra per po bet kaip už tai nuo dėl ne",
	"id": "di dan yang dari untuk ke dengan ini itu pada dalam tidak akan jadi oleh karena saat bisa ada",
	"ru": "и в не на что по из о об от для за с к у как до его при из-за это был будет после со во они их она он бы или то а но",
	"uk": "і в не на що по із про від для за з до та у як його при через це був буде після зі або й але та її",
	"bg": "и в не на че по за от до с със се да е са ще като при след това или но има към през",
	"sr": "и у не на што по за од до са се да је су ће као при после то или али има из",
	"mk": "и во не на што по за од до со се да е ќе како при ова или но има ги го",
}

// ownLetters are letters that one or few languages of their script have.
var ownLetters = map[string]string{
	"de": "äöüß", "fr": "àâçéèêëîïôœùû", "es": "áéíóúñ¿¡", "pt": "ãõçáâêéíóúàô", "it": "àèéìòù", "sv": "åäö", "no": "åøæ", "da": "åøæ", "nl": "ëï",
	"pl": "ąćęłńóśźż", "cs": "áčďéěíňóřšťúůýž", "sk": "áäčďéíĺľňóôŕšťúýž", "hr": "čćđšž", "sl": "čšžćđ", "ro": "ăâîșțşţ", "hu": "áéíóöőúüű", "tr": "çğıöşü", "fi": "äö",
	"et": "äõöü", "lv": "āčēģīķļņšūž", "lt": "ąčęėįšųūž", "ru": "ыэёщ", "uk": "іїєґ", "bg": "ъщ", "sr": "ђћљњџј", "mk": "ѓќѕј",
}

// wordShare is what a word counts for its languages: the less, the more have it.
var wordShare, letterShare = func() (map[string]map[string]float64, map[rune]map[string]float64) {
	words := make(map[string]map[string]float64)
	for lang, list := range smallWords {
		for w := range strings.FieldsSeq(list) {
			if words[w] == nil {
				words[w] = make(map[string]float64)
			}
			words[w][lang] = 1
		}
	}
	for _, langs := range words {
		for lang := range langs {
			langs[lang] = 1 / math.Sqrt(float64(len(langs)))
		}
	}
	letters := make(map[rune]map[string]float64)
	for lang, list := range ownLetters {
		for _, r := range list {
			if letters[r] == nil {
				letters[r] = make(map[string]float64)
			}
			letters[r][lang] = 1
		}
	}
	for _, langs := range letters {
		for lang := range langs {
			langs[lang] = 1 / float64(len(langs))
		}
	}
	return words, letters
}()

// closeScore is how far from the best another language's score may be for the
// detector to choose between them.
const closeScore = 0.35

// wordLanguage tells the language of a short text of a script by its small
// words and letters. Between those that are close it is the usual one, or the
// detector's choice. "" where there are none.
func wordLanguage(sample, script string) string {
	score := make(map[string]float64)
	strange := make(map[rune]bool)
	eachWord(sample, func(w string) {
		for lang, n := range wordShare[w] {
			score[lang] += n
		}
		for _, r := range w {
			if r >= 0x80 && !strange[r] {
				strange[r] = true
				for lang, n := range letterShare[r] {
					score[lang] += n
				}
			}
		}
	})
	best := 0.0
	for lang := range score {
		for r := range strange { // a letter that a language lacks speaks against it
			if letterShare[r] != nil && letterShare[r][lang] == 0 {
				score[lang] -= 0.7
			}
		}
		if fits(lang, script) {
			best = max(best, score[lang])
		}
	}
	var near []string
	for lang, n := range score {
		if n > 0 && n >= best-closeScore && fits(lang, script) {
			near = append(near, lang)
		}
	}
	if len(near) < 2 {
		return strings.Join(near, "")
	}
	slices.Sort(near)
	if most := usual(sample, script); slices.Contains(near, most) {
		return most
	}
	return cmp.Or(detectAmong(sample, near), near[0])
}

// eachWord calls fn with the words of a text in lower case. A letter alone is a
// word only between blanks, or before an apostrophe: the parts of U.S. are none,
// nor is what an English genitive ends in.
func eachWord(s string, fn func(string)) {
	for field := range strings.FieldsSeq(strings.ToLower(s)) {
		letters := strings.TrimFunc(field, func(r rune) bool { return !unicode.IsLetter(r) })
		if head, tail, ok := strings.Cut(strings.ReplaceAll(letters, "’", "'"), "'"); ok {
			fn(head)
			if utf8.RuneCountInString(tail) > 2 {
				fn(tail)
			}
			continue
		}
		if utf8.RuneCountInString(letters) == 1 && utf8.RuneCountInString(field) > 1 {
			continue
		}
		if strings.Contains(letters, ".") {
			continue
		}
		fn(letters)
	}
}
