package tags

import (
	"strings"
	"unicode/utf8"

	"github.com/newswatch/newswatch/extractors/textnorm"
)

// A grammar is how the words of a script are inflected in one language.
type grammar struct {
	script   textnorm.Class
	classes  []class
	acronyms string // the cases of a word in capitals that ends in a consonant
}

var (
	russian   = grammar{textnorm.Cyrillic, russianClasses, "-|а|у|-|ом|е"}
	ukrainian = grammar{textnorm.Cyrillic, ukrainianClasses, "-|у а|у|-|ом|і"}
	polish    = grammar{textnorm.Latin, polishClasses, "-|u|owi|-|em|ie"}
)

// cases are the forms of a word: nominative, genitive, dative, accusative,
// instrumental, locative.
type cases [6][]string

// A class is the words that inflect alike: those with one of the endings, of
// which cut letters are replaced by the endings of each case. Cases are set
// apart by |, forms of one case by spaces, - is the empty ending. The first class
// that fits a word is its own, but one marked also shares its words with those
// after it.
type class struct {
	endings  string
	cut      int
	singular string
	plural   string
	also     bool
}

// russianClasses hold folded words (ё is е), the longer ending first.
var russianClasses = []class{
	{"гий ний", 1, "й|я|ю|й я|ем|и", "", true}, // Георгий, Евгений, besides the adjectives below
	{"павел", 2, "|ла|лу|ла|лом|ле", "", true},
	{"лев", 2, "|ьва|ьву|ьва|ьвом|ьве", "", true},
	{"аец еец", 2, "|йца|йцу|йца|йцем|йце", "йцы|йцев|йцам|йцев|йцами|йцах", false},
	{"ец", 2, "|ца|цу|ца|цем цом|це", "цы|цев цов|цам|цев цов|цами|цах", true},
	{"ок ек", 2, "|ка|ку|ка|ком|ке", "ки|ков|кам|ки ков|ками|ках", true},
	{"кий гий хий", 2, "ий|ого|ому|ий ого|им|ом", "ие|их|им|ие их|ими|их", false},
	{"ний жий ший чий щий", 2, "ий|его|ему|ий его|им|ем", "ие|их|им|ие их|ими|их", false},
	{"ый", 2, "ый|ого|ому|ый ого|ым|ом", "ые|ых|ым|ые ых|ыми|ых", false},
	{"ой", 2, "ой|ого|ому|ой ого|ым им|ом", "ые ие|ых их|ым им|ые ых|ыми ими|ых их", false},
	{"ая", 2, "ая|ой|ой|ую|ой ою|ой", "ые ие|ых их|ым им|ые ие|ыми ими|ых их", false},
	{"яя", 2, "яя|ей|ей|юю|ей|ей", "ие|их|им|ие|ими|их", false},
	{"ое", 2, "ое|ого|ому|ое|ым им|ом", "ые ие|ых их|ым им|ые ие|ыми ими|ых их", false},
	{"ее", 2, "ее|его|ему|ее|им|ем", "ие|их|им|ие|ими|их", false},
	{"ые", 2, "ые|ых|ым|ые ых|ыми|ых", "", false},
	{"ие", 2, "ие|их ия|им ию|ие их|ими ием|их ии", "ия|ий|иям|ия|иями|иях", false},
	{"ия", 1, "я|и|и|ю|ей ею|и", "и|й|ям|и|ями|ях", false},
	{"ова ева ина ына", 1, "а|ой ы|ой е|у|ой ою|ой е", "ы|-|ам|ы|ами|ах", false},
	{"га ка ха жа ша ча ща", 1, "а|и|е|у|ой ей ою|е", "и|-|ам|и -|ами|ах", false},
	{"а", 1, "а|ы|е|у|ой ей ою|е", "ы|-|ам|ы -|ами|ах", false},
	{"я", 1, "я|и|е|ю|ей ею|е", "и|ь й|ям|и|ями|ях", false},
	{"ь", 1, "ь|я и|ю и|ь я|ем ью|е и", "и|ей|ям|и ей|ями|ях", false},
	{"ий", 1, "й|я|ю|й я|ем|и", "и|ев|ям|и|ями|ях", false},
	{"й", 1, "й|я|ю|й я|ем|е", "и|ев|ям|и ев|ями|ях", false},
	{"о", 1, "о|а|у|о|ом|е", "а|-|ам|а|ами|ах", false},
	{"е", 1, "е|я а|ю у|е|ем|е и", "я|й|ям|я|ями|ях", false},
	{"ы", 1, "ы|ов -|ам|ы ов|ами|ах", "", false},
	{"и", 1, "и|ов ей - ий|ам ям|и|ами ями|ах ях", "", false},
	{"э ю у", 0, "-|-|-|-|-|-", "", false},
	{"ов ев ин ын", 0, "-|а|у|а -|ым ом|е", "ы|ых ов|ым|ых ы|ыми|ых", false},
	{"ж ш ч щ", 0, "-|а|у|а -|ем ом|е", "и|ей|ам|и ей|ами|ах", false},
	{"ц", 0, "-|а|у|а -|ем ом|е", "ы|ев|ам|ы ев|ами|ах", false},
	{"г к х", 0, "-|а|у|а -|ом|е", "и|ов|ам|и ов|ами|ах", false},
	{"", 0, "-|а|у|а -|ом|е", "ы|ов|ам|ы ов|ами|ах", false},
}

// ukrainianClasses hold folded words (ї is і).
var ukrainianClasses = []class{
	{"ець", 3, "ець|ця|цю цеві|ця|цем|ці цю цеві", "ці|ців|цям|ці ців|цями|цях", false},
	{"ок", 2, "|ка ку|ку кові|ка|ком|ку", "ки|ків|кам|ки ків|ками|ках", true},
	{"ів", 2, "|ова ева єва|ову еву єву|ова ева єва|овом евом євом|ові еві єві", "", true},
	{"павло дмитро петро", 1, "о|а|у ові|а|ом|ові і", "", false},
	{"ий", 2, "ий|ого|ому|ий ого|им|ому ім", "і|их|им|і их|ими|их", false},
	{"ій", 1, "й|я|ю єві|я й|єм|і ю єві", "і|ів|ям|і ів|ями|ях", false},
	{"ська цька зька ова ева єва іна", 1, "а|оі и|ій і|у|ою|ій і", "і|их|им|і|ими|их", false},
	{"га", 2, "га|ги|зі|гу|гою|зі", "ги|г|гам|ги|гами|гах", false},
	{"ка", 2, "ка|ки|ці|ку|кою|ці", "ки|к|кам|ки|ками|ках", false},
	{"ха", 2, "ха|хи|сі|ху|хою|сі", "хи|х|хам|хи|хами|хах", false},
	{"жа ша ча ща", 1, "а|і|і|у|ею|і", "і|-|ам|і|ами|ах", false},
	{"а", 1, "а|и|і|у|ою ею|і", "и|-|ам|и|ами|ах", false},
	{"ія", 1, "я|і|і|ю|єю|і", "і|й|ям|і|ями|ях", false},
	{"я", 1, "я|і|і|ю|ею єю|і", "і|ь|ям|і|ями|ях", false},
	{"ь", 1, "ь|я і|ю еві і|ь я|ем ю ью|і ю еві", "і|ів ей|ям|і|ями|ях", false},
	{"й", 1, "й|я ю|ю єві|й я|єм|ю і єві", "і|ів|ям|і|ями|ях", false},
	{"о", 1, "о|а|у ові|о а|ом|і у ові", "а|-|ам|а|ами|ах", false},
	{"не ке ве те", 1, "е|ого|ому|е|им|ому ім", "і|их|им|і|ими|их", false},
	{"е", 1, "е|а я|у ю|е|ем|і у", "а|-|ам|а|ами|ах", false},
	{"и", 1, "и|ів -|ам|и ів|ами|ах", "", false},
	{"і", 1, "і|ів ей - их|ам ям им|і|ами ями ими|ах ях их", "", false},
	{"є ю у", 0, "-|-|-|-|-|-", "", false},
	{"ж ш ч щ", 0, "-|а у|у еві|а -|ем|і у еві", "і|ів|ам|і ів|ами|ах", false},
	{"", 0, "-|а у|у ові|а -|ом|і у ові", "и|ів|ам|и ів|ами|ах", false},
}

// inflect adds the forms of a folded word by the classes that fit it.
func (c *cases) inflect(word string, classes []class, plural bool) {
	_, size := utf8.DecodeLastRuneInString(word) // of all its letters: 1 Latin, 2 Cyrillic
	for _, k := range classes {
		if !fits(word, k.endings) {
			continue
		}
		stem := word[:len(word)-size*k.cut]
		c.add(stem, k.singular)
		if plural {
			c.add(stem, k.plural)
		}
		if !k.also {
			return
		}
	}
}

func fits(word, endings string) bool {
	if endings == "" {
		return true
	}
	for e := range strings.FieldsSeq(endings) {
		if strings.HasSuffix(word, e) {
			return true
		}
	}
	return false
}

func (c *cases) add(stem, endings string) {
	i := 0
	for one := range strings.SplitSeq(endings, "|") {
		for e := range strings.FieldsSeq(one) {
			c[i] = append(c[i], stem+strings.TrimPrefix(e, "-"))
		}
		i++
	}
}

// polishClasses hold folded words (ą is a, ł is l, ó is o, ś is s).
var polishClasses = []class{
	{"ski cki", 1, "i|iego|iemu|iego|im|im", "y|ich|im|ich|imi|ich", false},
	{"ska cka", 1, "a|iej|iej|a|a|iej", "ie|ich|im|ie|imi|ich", true}, // Polska is a noun besides
	{"ka", 2, "ka|ki|ce|ke|ka|ce", "ki|k ek|kom|ki|kami|kach", false},
	{"ga", 2, "ga|gi|dze|ge|ga|dze", "gi|g|gom|gi|gami|gach", false},
	{"ra", 2, "ra|ry rej|rze rej|re ra|ra|rze rej", "ry|r|rom|ry|rami|rach", false},
	{"ta", 2, "ta|ty tej|cie tej|te ta|ta|cie tej", "ty|t|tom|ty|tami|tach", false},
	{"da", 2, "da|dy|dzie|de|da|dzie", "dy|d|dom|dy|dami|dach", false},
	{"la", 1, "a|y i ej|e i ej|e a|a|e i ej", "e|-|om|e|ami|ach", false},
	{"ja ia", 1, "a|i|i|e|a|i", "e|i|om|e|ami|ach", false},
	{"a", 1, "a|y i ej|ie y ej|e a|a|ie y ej", "y|-|om|y|ami|ach", false},
	{"o", 1, "o|a|u owi|o a|em iem|ie u", "a|-|om|a|ami|ach", false},
	{"ie", 2, "ie|ich ia|im iu|ie|imi iem|ich iu", "", false},
	{"e", 1, "e|ych ego a|ym emu u|e|ymi ym em|ych ym u", "", false},
	{"iec", 3, "iec|ca cu|cowi|ca iec|cem|cu", "cy|cow|com|cow|cami|cach", false},
	{"ek", 2, "ek|ka ku|kowi|ka ek|kiem|ku", "ki|kow|kom|ki|kami|kach", false},
	{"y", 1, "y|ego ow -|emu om|ego y|ym ami|ym ach", "i|ych|ym|ych|ymi|ych", false},
	{"i", 1, "i|ego ow -|emu om|ego i|m ami|m ach", "", false},
	{"st", 2, "st|sta stu|stowi|sta st|stem|scie", "sty|stow|stom|sty|stami|stach", false},
	{"t", 1, "t|ta tu|towi|ta t|tem|cie", "ty|tow|tom|ty|tami|tach", false},
	{"d", 1, "d|da du|dowi|da d|dem|dzie", "dy|dow|dom|dy|dami|dach", false},
	{"r", 1, "r|ra ru|rowi|ra r|rem|rze", "ry|row|rom|ry|rami|rach", false},
	{"", 0, "-|a u|owi u|a -|em iem|ie u e", "y|ow|om|y|ami|ach", false},
}
