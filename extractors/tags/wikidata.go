package tags

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/newswatch/newswatch/extractors/textnorm"
	"github.com/newswatch/newswatch/pipeline/catalog"
)

// ErrWikidata is a document that no entity can be made of.
var ErrWikidata = errors.New("not a Wikidata entity document")

// What is read of a Wikidata entity document, as Special:EntityData serves it
// (https://www.wikidata.org/wiki/Wikidata:Data_access, and the JSON format at
// https://doc.wikimedia.org/Wikibase/master/php/docs_topics_json.html).
type wikidataItem struct {
	ID      string                   `json:"id"`
	Labels  orEmpty[wikidataTerm]    `json:"labels"`
	Aliases orEmpty[[]wikidataTerm]  `json:"aliases"`
	Claims  orEmpty[[]wikidataClaim] `json:"claims"`
	Missing *json.RawMessage         `json:"missing"`
}

type wikidataTerm struct {
	Value string `json:"value"`
}

type wikidataClaim struct {
	Rank     string `json:"rank"`
	Mainsnak struct {
		Datavalue struct {
			Value json.RawMessage `json:"value"`
		} `json:"datavalue"`
	} `json:"mainsnak"`
}

// orEmpty is a map that is written as an empty list where it is empty, as PHP
// does.
type orEmpty[T any] map[string]T

func (m *orEmpty[T]) UnmarshalJSON(data []byte) error {
	var list []json.RawMessage
	if json.Unmarshal(data, &list) == nil && len(list) == 0 {
		*m = nil
		return nil
	}
	return json.Unmarshal(data, (*map[string]T)(m))
}

// wikidataKinds is the kind of what is an instance of (P31) a class. Of the
// classes those that news are about most; what they are subclasses of is not in
// the document.
var wikidataKinds = kindsOf(map[string]string{
	"person": "Q5",
	"organization": `Q43229 Q4830453 Q783794 Q6881511 Q891723 Q161726 Q18388277 Q163740 Q7278 Q327333 Q192350 Q484652 Q245065
		Q3918 Q31855 Q155271 Q22687 Q192283 Q11032 Q1110794 Q1616075 Q15265344 Q1058914 Q1320047 Q210167 Q4287745 Q847017
		Q476028 Q157031 Q79913 Q35798 Q4120211 Q1153191 Q1002697 Q46970 Q658255 Q728937 Q2085381 Q1137109 Q270791`,
	"place": `Q515 Q6256 Q3624078 Q486972 Q1549591 Q5119 Q7930989 Q1637706 Q10864048 Q35657 Q532 Q3957 Q23442 Q4022 Q8502 Q7275
		Q82794 Q1093829 Q200250 Q174844 Q15284 Q23397 Q165 Q5107 Q41176`,
	"event":   "Q1656682 Q1190554 Q2020153 Q198 Q40231 Q132241 Q464980 Q27020041 Q18608583 Q625994 Q27968055 Q180684 Q178561 Q3839081 Q8065",
	"product": "Q2424752 Q431289 Q7397 Q166142 Q620615 Q1668024 Q35127 Q9135 Q22645 Q10929058 Q19723451 Q3220391 Q7889 Q17517379 Q811701",
	"law":     "Q7748 Q820655 Q49371 Q131569 Q7755 Q1864008 Q93288",
})

func kindsOf(lists map[string]string) map[string]string {
	kinds := make(map[string]string)
	for kind, ids := range lists {
		for id := range strings.FieldsSeq(ids) {
			kinds[id] = kind
		}
	}
	return kinds
}

// foreignScripts are languages that are not written in Latin letters: a Latin
// name in one is no word of it.
var foreignScripts = strings.Fields("ru uk be bg mk kk ky mn sr zh ja ko el ar fa he hi th ka hy bn ta ur")

// Suggest makes an entity of a Wikidata entity document: its labels and aliases
// in the languages, the variants of one (zh-hant) and those of all (mul)
// included, each once however it is folded. Notes say what a person should
// look at. The names are not linted.
func Suggest(data []byte, langs []string) (e catalog.Entity, notes []string, err error) {
	item, err := readItem(data)
	if err != nil {
		return e, nil, err
	}
	e = catalog.Entity{Wikidata: item.ID, Kind: "topic"}
	var known bool
	if e.Kind, known = item.kind(); !known {
		notes = append(notes, "the kind is a guess: "+item.classes())
	}
	n := namer{seen: make(map[string]bool)}
	for _, lang := range append(slices.Clone(langs), "mul") {
		codes := item.codes(lang)
		for _, code := range codes {
			n.add(item.Labels[code].Value, lang)
		}
		for _, code := range codes {
			for _, a := range item.Aliases[code] {
				n.add(a.Value, lang)
			}
		}
	}
	if len(n.names) == 0 {
		return e, nil, fmt.Errorf("wikidata %s: no label or alias in %s", item.ID, strings.Join(langs, ", "))
	}
	if len(n.names) > catalog.MaxNames {
		notes = append(notes, fmt.Sprintf("%d more names are left out", len(n.names)-catalog.MaxNames))
		n.names = n.names[:catalog.MaxNames]
	}
	e.Names = n.names
	e.Name = e.Names[0].Text
	for _, code := range slices.Concat([]string{"en", "mul"}, item.codes("en")) {
		if e.ID = slug(item.Labels[code].Value); e.ID != "" {
			break
		}
	}
	e.ID = cmp.Or(e.ID, strings.ToLower(item.ID))
	return e, notes, nil
}

// readItem is the one item of a document.
func readItem(data []byte) (wikidataItem, error) {
	var doc struct {
		Entities orEmpty[wikidataItem] `json:"entities"`
	}
	if err := json.Unmarshal(data, &doc); err != nil {
		return wikidataItem{}, fmt.Errorf("%w: %v", ErrWikidata, err)
	}
	if len(doc.Entities) != 1 {
		return wikidataItem{}, fmt.Errorf("%w: it has %d entities, want one", ErrWikidata, len(doc.Entities))
	}
	for key, item := range doc.Entities {
		item.ID = cmp.Or(item.ID, key)
		digits := strings.TrimPrefix(item.ID, "Q")
		if item.Missing != nil {
			return item, fmt.Errorf("%w: there is no %.20q", ErrWikidata, item.ID)
		}
		if digits == item.ID || digits == "" || len(digits) > 12 || digits[0] == '0' || strings.Trim(digits, "0123456789") != "" {
			return item, fmt.Errorf("%w: %.20q is no item", ErrWikidata, item.ID)
		}
		return item, nil
	}
	panic("unreachable")
}

// codes lists the codes of a language in the document: itself, then its variants.
func (it *wikidataItem) codes(lang string) []string {
	set := make(map[string]bool)
	for c := range it.Labels {
		set[c] = true
	}
	for c := range it.Aliases {
		set[c] = true
	}
	var codes []string
	for _, c := range slices.Sorted(maps.Keys(set)) {
		if c == lang || strings.HasPrefix(c, lang+"-") {
			codes = append(codes, c)
		}
	}
	return codes
}

// instances lists the classes that the item is an instance of, preferred first.
func (it *wikidataItem) instances() []string {
	var ids, preferred []string
	for _, c := range it.Claims["P31"] {
		var v struct {
			ID string `json:"id"`
		}
		if c.Rank == "deprecated" || json.Unmarshal(c.Mainsnak.Datavalue.Value, &v) != nil || v.ID == "" {
			continue
		}
		if c.Rank == "preferred" {
			preferred = append(preferred, v.ID)
		} else {
			ids = append(ids, v.ID)
		}
	}
	return append(preferred, ids...)
}

func (it *wikidataItem) kind() (kind string, known bool) {
	for _, id := range it.instances() {
		if k := wikidataKinds[id]; k != "" {
			return k, true
		}
	}
	return "topic", false
}

func (it *wikidataItem) classes() string {
	ids := it.instances()
	if len(ids) == 0 {
		return "the item is an instance of (P31) nothing"
	}
	return "the item is an instance of (P31) " + fmt.Sprintf("%.100s", strings.Join(ids, ", "))
}

// namer gathers names, each once.
type namer struct {
	names []catalog.Name
	seen  map[string]bool // folded
}

func (n *namer) add(text, lang string) {
	text = strings.Join(strings.FieldsFunc(strings.ToValidUTF8(text, ""), func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r)
	}), " ")
	fold := textnorm.Fold(text)
	if utf8.RuneCountInString(text) > catalog.MaxText || n.seen[fold] ||
		!strings.ContainsFunc(text, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }) {
		return
	}
	n.seen[fold] = true
	if lang == "en" || lang == "mul" || slices.Contains(foreignScripts, lang) && latin(text) {
		lang = "" // names as they are in any text
	}
	n.names = append(n.names, catalog.Name{Text: text, Lang: lang})
}

// latin reports whether the text's letters are all Latin.
func latin(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return unicode.IsLetter(r) && !unicode.Is(unicode.Latin, r) })
}

// slug is an id made of a label; empty: nothing of it can stand in one.
func slug(label string) string {
	var b strings.Builder
	for _, r := range textnorm.Fold(label) {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			b.WriteRune(r)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
		if b.Len() == 60 {
			break
		}
	}
	return strings.Trim(b.String(), "-")
}
