package textnorm

import (
	"hash/maphash"
	"strings"
	"unicode/utf8"

	"github.com/blevesearch/snowballstem"
	"github.com/blevesearch/snowballstem/english"
	"github.com/blevesearch/snowballstem/russian"
)

// stemCache is how many stems one stemmer remembers: words come again, and
// Snowball takes ten times as long as a look-up.
const stemCache = 4096

// stemmer stems folded words. It remembers; it is for one goroutine at a time.
type stemmer struct {
	seed  maphash.Seed
	cache []stemmed
	env   *snowballstem.Env
}

type stemmed struct{ word, stem string }

// maxStem is the longest word that is stemmed, in bytes.
const maxStem = 64

// stem is the Snowball stem of a folded word: English if it is of Latin letters
// alone, Russian (see again) if of Cyrillic ones, else the word itself.
func (s *stemmer) stem(word string, class Class) string {
	class &= Bounded
	if class != Latin && class != Cyrillic || len(word) < 3 || len(word) > maxStem {
		return word
	}
	if s.cache == nil {
		s.seed = maphash.MakeSeed()
		s.cache = make([]stemmed, stemCache)
		s.env = snowballstem.NewEnv("")
	}
	slot := &s.cache[maphash.String(s.seed, word)%stemCache]
	if slot.word != word {
		word = strings.Clone(word) // what is remembered must not hold on to a whole text
		s.env.SetCurrent(word)
		if class == Cyrillic {
			russian.Stem(s.env)
			s.again()
		} else {
			english.Stem(s.env)
		}
		*slot = stemmed{word, s.env.Current()}
		if slot.stem == "" {
			slot.stem = word
		}
	}
	return slot.stem
}

// again stems a Russian stem until that changes nothing more. Snowball takes the
// end of many words for an ending where they have none, and then only there:
// Лавров becomes лавр, Лаврова лавров; Газпром газпр, Газпрома газпром; Китая
// кит, Китаю кита. Stemmed again all forms of one word meet. Three letters stay,
// or two before ов and ев (Киев), lest Обама become the word об.
//
// Of 17,000 forms of names and base forms in the train documents of SlavicNER
// and NEREL 94.4% have one stem so, and 92.4% with Snowball alone; the rest are
// mostly no forms of one word (московская, Москва).
func (s *stemmer) again() {
	for {
		stem := s.env.Current()
		russian.Stem(s.env)
		shorter := s.env.Current()
		if shorter == stem {
			return
		}
		ending := stem[min(len(shorter), len(stem)):]
		n := utf8.RuneCountInString(shorter)
		if n < 2 || n < 3 && ending != "ов" && ending != "ев" {
			s.env.SetCurrent(stem)
			return
		}
	}
}
