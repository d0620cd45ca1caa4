// Package tagtest scores taggers on gold documents, by one protocol for the
// golden test and for `newswatch bench tagging`.
//
// In goes the folder of the corpora; out come tasks (a watch list and documents
// with their mentions) and, for any tagger, precision, recall and F1 per document
// and per mention. It knows no tagger but the two plain ones that others are
// measured beside: [Exact] and [Analyzed].
//
// # Protocol
//
// A third of the documents, picked by a hash of their ids, is scored (of the
// Chinese sentences each fourth); the watch list is learned from the others: the
// entities named there at least three times (Chinese names: twice), with the base
// forms of their names there that have a capital. So no name and no rule knows a
// scored document. A mention counts when entity and exact span agree; a document
// counts each entity once. Gold mentions without a capital are left out, and so
// are mentions a tagger marks as not counted.
package tagtest

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"path/filepath"
	"slices"
	"strings"
	"unicode"

	"github.com/newswatch/newswatch/pipeline/catalog"
	"github.com/newswatch/newswatch/pipeline/corpora"
)

// Set is a corpus, or the persons of one.
type Set struct {
	Name string
	Lang string
	Only string // the kind of entity watched; empty: all
	file string
}

// Sets are those scored: SlavicNER (ru, uk, pl), NEREL (ru persons), AIDA (en)
// and CLUENER (zh).
var Sets = []Set{
	{"ru", "ru", "", "gold_ru_slavicner.jsonl.gz"},
	{"uk", "uk", "", "gold_uk_slavicner.jsonl.gz"},
	{"pl", "pl", "", "gold_pl_slavicner.jsonl.gz"},
	{"ru persons", "ru", "person", "gold_ru_nerel.jsonl.gz"},
	{"en", "en", "", "gold_en_aida.jsonl.gz"},
	{"en persons", "en", "person", "gold_en_aida.jsonl.gz"},
	{"zh", "zh", "", "cluener2020-train.jsonl.gz"},
}

// A Task is what a tagger is given, and what it should find.
type Task struct {
	Set
	// Entities is the watch list: what a user who reads such news would have put
	// in. Persons have no names of one word: last names are derived.
	Entities []catalog.Entity
	// Plain is the same for taggers that derive nothing: with those names.
	Plain   []catalog.Entity
	Learned []Document // the documents the list was learned from
	Scored  []Document
}

// A Document has its mentions in order as the corpus has them.
type Document struct {
	ID, Text string
	Gold     []Gold
}

// Gold is a mention: bytes of the text, the entity and the base form of the name.
type Gold struct {
	Start, End int
	Kind, ID   string
	Lemma      string
}

// UnmarshalJSON reads [start, end, kind, id, base form?]; offsets are code points.
func (g *Gold) UnmarshalJSON(b []byte) error {
	var lemma string
	raw := []any{&g.Start, &g.End, &g.Kind, &g.ID, &lemma}
	if err := json.Unmarshal(b, &raw); err != nil {
		return err
	}
	g.Lemma = lemma
	return nil
}

// Load reads the documents of a set and makes the task.
func Load(dir string, s Set) (Task, error) {
	t := Task{Set: s}
	var docs []Document
	var err error
	if s.Lang == "zh" {
		docs, err = readSentences(dir, s.file)
	} else {
		docs, err = readGold(dir, s.file)
	}
	if err != nil {
		return t, err
	}
	for i, d := range docs {
		if s.Lang == "zh" && i%4 == 0 || s.Lang != "zh" && held(d.ID) {
			t.Scored = append(t.Scored, d)
		} else {
			t.Learned = append(t.Learned, d)
		}
	}
	if s.Lang == "zh" {
		t.Entities = chineseList(t.Learned)
		t.Plain = t.Entities
		return t, nil
	}
	t.Entities, t.Plain = watchList(t.Learned, s.Lang, false), watchList(t.Learned, s.Lang, true)
	if s.Only != "" {
		other := func(e catalog.Entity) bool { return e.Kind != s.Only }
		t.Entities, t.Plain = slices.DeleteFunc(t.Entities, other), slices.DeleteFunc(t.Plain, other)
	}
	return t, nil
}

// held reports whether a document is scored; the others are learned from.
func held(id string) bool {
	h := fnv.New32a()
	h.Write([]byte(id))
	return h.Sum32()%3 == 0
}

// points is the byte offset of each code point of s, and its length.
func points(s string) []int {
	var at []int
	for i := range s {
		at = append(at, i)
	}
	return append(at, len(s))
}

func readGold(dir, file string) ([]Document, error) {
	var docs []Document
	for d, err := range corpora.Records[Document](filepath.Join(dir, "entities", file)) {
		if err != nil {
			return nil, err
		}
		at := points(d.Text)
		kept := d.Gold[:0]
		for _, g := range d.Gold {
			if g.Start < 0 || g.End >= len(at) {
				continue
			}
			g.Start, g.End = at[g.Start], at[g.End]
			if g.Lemma == "" {
				g.Lemma = d.Text[g.Start:g.End]
			}
			kept = append(kept, g)
		}
		d.Gold = kept
		docs = append(docs, d)
	}
	return docs, nil
}

// readSentences reads CLUENER: {"text", "label": {kind: {name: [[first, last]…]}}},
// in code points. The name is the id.
func readSentences(dir, file string) ([]Document, error) {
	type sentence struct {
		Text  string
		Label map[string]map[string][][2]int
	}
	var docs []Document
	for s, err := range corpora.Records[sentence](filepath.Join(dir, "entities", file)) {
		if err != nil {
			return nil, err
		}
		d := Document{ID: fmt.Sprint(len(docs)), Text: s.Text}
		at := points(s.Text)
		for _, kind := range sorted(s.Label) {
			for _, name := range sorted(s.Label[kind]) {
				for _, span := range s.Label[kind][name] {
					if span[0] < 0 || span[1]+1 >= len(at) {
						continue
					}
					d.Gold = append(d.Gold, Gold{at[span[0]], at[span[1]+1], kind, name, name})
				}
			}
		}
		docs = append(docs, d)
	}
	return docs, nil
}

// kinds are those of the corpora.
var kinds = map[string]string{"PER": "person", "PERSON": "person", "ORG": "organization", "LOC": "place", "PRO": "product", "EVT": "event"}

// watchList is the entities named at least three times with their base forms,
// those of one word of persons only where bare.
func watchList(docs []Document, lang string, bare bool) []catalog.Entity {
	count := map[string]int{}
	lemmas := map[string]map[string]int{}
	types := map[string]map[string]int{}
	for _, d := range docs {
		for _, g := range d.Gold {
			if g.ID == "" {
				continue
			}
			count[g.ID]++
			if lemmas[g.ID] == nil {
				lemmas[g.ID], types[g.ID] = map[string]int{}, map[string]int{}
			}
			lemmas[g.ID][g.Lemma]++
			types[g.ID][g.Kind]++
		}
	}
	// A name of two entities goes to the one that has it more often.
	owner := map[string]string{}
	for _, id := range sorted(count) {
		for l, n := range lemmas[id] {
			if o, taken := owner[l]; !taken || n > lemmas[o][l] {
				owner[l] = id
			}
		}
	}
	var out []catalog.Entity
	for _, id := range sorted(count) {
		if count[id] < 3 {
			continue
		}
		kind := ""
		for _, k := range sorted(types[id]) {
			if kind == "" || types[id][k] > types[id][kind] {
				kind = k
			}
		}
		e := catalog.Entity{ID: id, Kind: kinds[kind]}
		for _, l := range sorted(lemmas[id]) {
			n := lemmas[id][l]
			if owner[l] != id || !nameLike(l) || len([]rune(l)) < 2 || n < 2 && n*20 < count[id] {
				continue
			}
			if e.Kind == "person" && len(strings.Fields(l)) == 1 && !bare {
				continue
			}
			e.Names = append(e.Names, catalog.Name{Text: l, Lang: lang})
		}
		if len(e.Names) > 0 {
			out = append(out, e)
		}
	}
	return out
}

// chineseList is the names of companies, organisations, people and places found
// twice, each an entity.
func chineseList(docs []Document) []catalog.Entity {
	count := map[string]int{}
	for _, d := range docs {
		seen := map[string]bool{}
		for _, g := range d.Gold {
			switch g.Kind {
			case "company", "organization", "name", "government", "address":
				if len([]rune(g.ID)) >= 2 && !seen[g.ID] {
					seen[g.ID] = true
					count[g.ID]++
				}
			}
		}
	}
	var out []catalog.Entity
	for _, n := range sorted(count) {
		if count[n] >= 2 {
			out = append(out, catalog.Entity{ID: n, Names: []catalog.Name{{Text: n, Lang: "zh"}}})
		}
	}
	return out
}

// nameLike reports whether a text may be a name: it has a capital, or a letter of
// a script without them.
func nameLike(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return unicode.IsUpper(r) || unicode.Is(unicode.Lo, r) })
}

func sorted[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// Names is a list of real names, each an entity, for measuring speed: p100, p10k
// or p500k. Exact ones have no inflected forms.
func Names(dir, list string, exact bool) ([]catalog.Entity, error) {
	var out []catalog.Entity
	for name, err := range corpora.Lines(filepath.Join(dir, "entities", "names-"+list+".txt.gz")) {
		if err != nil {
			return nil, err
		}
		out = append(out, catalog.Entity{ID: fmt.Sprint(len(out)), Names: []catalog.Name{{Text: string(name), Exact: exact}}})
	}
	return out, nil
}

// News calls article with each of the first articles of the news corpus until
// each language has so many bytes of text, or with all where bytes is 0.
func News(dir string, bytes int, article func(lang, title, text string) error) error {
	sizes := map[string]int{}
	for a, err := range corpora.News(dir) {
		if err != nil {
			return err
		}
		if bytes == 0 || sizes[a.Lang] < bytes {
			sizes[a.Lang] += len(a.Body)
			if err := article(a.Lang, a.Title, a.Body); err != nil {
				return err
			}
		}
		if bytes > 0 && sizes["en"] >= bytes && sizes["ru"] >= bytes && sizes["zh"] >= bytes {
			break
		}
	}
	return nil
}
