package tags

import (
	"bufio"
	"bytes"
	"cmp"
	"compress/gzip"
	"encoding/json"
	"flag"
	"fmt"
	"hash/fnv"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/newswatch/newswatch/pipeline/catalog"
)

var update = flag.Bool("update", false, "write the golden files anew")

// corpus is the folder of the corpora; the test is skipped where there is none.
func corpus(tb testing.TB) string {
	tb.Helper()
	dir := os.Getenv("NEWSWATCH_CORPORA")
	if dir == "" {
		if os.Getenv("CI") == "true" {
			tb.Fatal("NEWSWATCH_CORPORA is not set")
		}
		tb.Skip("NEWSWATCH_CORPORA is not set: no corpus to read")
	}
	return dir
}

// unzip is a compressed file of the corpus.
func unzip(tb testing.TB, file string) []byte {
	tb.Helper()
	f, err := os.Open(filepath.Join(corpus(tb), "entities", file))
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		tb.Fatal(err)
	}
	b, err := io.ReadAll(z)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

func lines(tb testing.TB, b []byte, line func([]byte)) {
	tb.Helper()
	sc := bufio.NewScanner(bytes.NewReader(b))
	sc.Buffer(nil, 16<<20)
	for sc.Scan() {
		line(sc.Bytes())
	}
	if err := sc.Err(); err != nil {
		tb.Fatal(err)
	}
}

// gold is a mention as the corpus has it.
type gold struct {
	start, end int // bytes
	kind, id   string
	lemma      string
}

type document struct {
	id, lang, text string
	gold           []gold
}

func (g *gold) UnmarshalJSON(b []byte) error {
	var raw []any
	if err := json.Unmarshal(b, &raw); err != nil {
		return err
	}
	g.start, g.end = int(raw[0].(float64)), int(raw[1].(float64))
	g.kind, g.id = raw[2].(string), raw[3].(string)
	if len(raw) > 4 {
		g.lemma = raw[4].(string)
	}
	return nil
}

// readGold reads documents with their mentions; offsets become bytes.
func readGold(tb testing.TB, file string) []document {
	tb.Helper()
	var docs []document
	lines(tb, unzip(tb, file), func(b []byte) {
		var d struct {
			ID, Lang, Text string
			Gold           []gold
		}
		if err := json.Unmarshal(b, &d); err != nil {
			tb.Fatal(err)
		}
		var at []int // byte offset of each code point
		for i := range d.Text {
			at = append(at, i)
		}
		at = append(at, len(d.Text))
		kept := d.Gold[:0]
		for _, g := range d.Gold {
			if g.end < len(at) {
				g.start, g.end = at[g.start], at[g.end]
				if g.lemma == "" {
					g.lemma = d.Text[g.start:g.end]
				}
				kept = append(kept, g)
			}
		}
		docs = append(docs, document{d.ID, d.Lang, d.Text, kept})
	})
	return docs
}

// held reports whether a document is scored; the others are learned from.
func held(id string) bool {
	h := fnv.New32a()
	h.Write([]byte(id))
	return h.Sum32()%3 == 0
}

func hasUpper(s string) bool { return strings.ContainsFunc(s, unicode.IsUpper) }

// kinds are those of the corpora.
var kinds = map[string]string{"PER": "person", "PERSON": "person", "ORG": "organization", "LOC": "place", "PRO": "product", "EVT": "event"}

// watchList is the entities named at least three times in the documents learned
// from, with their names there in their base form: what a user who reads such
// news would have put in.
func watchList(docs []document, lang string) []catalog.Entity {
	count := map[string]int{}
	lemmas := map[string]map[string]int{}
	types := map[string]map[string]int{}
	for _, d := range docs {
		if held(d.id) {
			continue
		}
		for _, g := range d.gold {
			if g.id == "" {
				continue
			}
			count[g.id]++
			if lemmas[g.id] == nil {
				lemmas[g.id], types[g.id] = map[string]int{}, map[string]int{}
			}
			lemmas[g.id][g.lemma]++
			types[g.id][g.kind]++
		}
	}
	// A name of two entities goes to the one that has it more often.
	owner := map[string]string{}
	for id := range count {
		for l, n := range lemmas[id] {
			o, taken := owner[l]
			if !taken || n > lemmas[o][l] || n == lemmas[o][l] && id < o {
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
			if owner[l] != id || !hasUpper(l) || len([]rune(l)) < 2 || n < 2 && n*20 < count[id] {
				continue
			}
			if e.Kind == "person" && len(strings.Fields(l)) == 1 {
				continue // last names are derived
			}
			e.Names = append(e.Names, catalog.Name{Text: l, Lang: lang})
		}
		if len(e.Names) > 0 {
			out = append(out, e)
		}
	}
	return out
}

func sorted[V any](m map[string]V) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// score counts per document and entity.
type score struct{ tp, fp, fn int }

func (s *score) add(got, want map[string]bool) {
	for id := range got {
		if want[id] {
			s.tp++
		} else {
			s.fp++
		}
	}
	for id := range want {
		if !got[id] {
			s.fn++
		}
	}
}

func (s score) String() string {
	p := float64(s.tp) / float64(max(1, s.tp+s.fp))
	r := float64(s.tp) / float64(max(1, s.tp+s.fn))
	return fmt.Sprintf("P %.3f R %.3f F %.3f", p, r, 2*p*r/max(1e-9, p+r))
}

// scoreGold tags the held-out documents and scores entities per document, on
// mentions with a capital. Wrong counts the names most often found in vain.
func scoreGold(t *testing.T, file, lang, only string, rules map[string]*score) (line string, wrong, missed map[string]int) {
	docs := readGold(t, file)
	list := watchList(docs, lang)
	if only != "" {
		list = slices.DeleteFunc(list, func(e catalog.Entity) bool { return e.Kind != only })
	}
	m, _ := Compile(list)
	watched := map[string]bool{}
	for _, e := range list {
		watched[e.ID] = true
	}
	var doc, spans score
	n := 0
	wrong, missed = map[string]int{}, map[string]int{}
	for _, d := range docs {
		if !held(d.id) {
			continue
		}
		n++
		got, want := map[string]bool{}, map[string]bool{}
		gotSpans, wantSpans := map[string]bool{}, map[string]bool{}
		for _, g := range d.gold {
			if watched[g.id] && hasUpper(d.text[g.start:g.end]) {
				want[g.id] = true
				wantSpans[fmt.Sprint(g.id, " ", g.start, " ", g.end)] = true
			}
		}
		mentions := m.Tag("", d.text, lang)
		checkMentions(t, m, "", d.text, mentions)
		for _, x := range mentions {
			if x.Nested {
				continue
			}
			got[x.Entity] = true
			gotSpans[fmt.Sprint(x.Entity, " ", x.Start, " ", x.End)] = true
			if rules[x.Rule] == nil {
				rules[x.Rule] = &score{}
			}
			if want[x.Entity] {
				rules[x.Rule].tp++
			} else {
				rules[x.Rule].fp++
			}
			if !want[x.Entity] {
				wrong[x.Entity+" "+x.Text+" "+x.Rule]++
			}
		}
		for _, g := range d.gold {
			if want[g.id] && !got[g.id] {
				missed[g.id+" "+d.text[g.start:g.end]]++
			}
		}
		doc.add(got, want)
		spans.add(gotSpans, wantSpans)
	}
	return fmt.Sprintf("documents %d, entities %d: by document %v, by mention %v", n, len(list), doc, spans), wrong, missed
}

// TestQuality holds the quality on gold documents to a golden file; the figures
// are of the documents that are not sealed, by the protocol of watchList.
func TestQuality(t *testing.T) {
	corpus(t)
	var out strings.Builder
	rules := map[string]*score{}
	for _, c := range []struct{ name, file, lang, only string }{
		{"ru", "gold_ru_slavicner.jsonl.gz", "ru", ""},
		{"uk", "gold_uk_slavicner.jsonl.gz", "uk", ""},
		{"pl", "gold_pl_slavicner.jsonl.gz", "pl", ""},
		{"ru persons", "gold_ru_nerel.jsonl.gz", "ru", "person"},
		{"en", "gold_en_aida.jsonl.gz", "en", ""},
		{"en persons", "gold_en_aida.jsonl.gz", "en", "person"},
	} {
		line, wrong, missed := scoreGold(t, c.file, c.lang, c.only, rules)
		fmt.Fprintf(&out, "%s: %s\n", c.name, line)
		if testing.Verbose() {
			t.Logf("%s wrong: %s", c.name, most(wrong))
			t.Logf("%s missed: %s", c.name, most(missed))
		}
	}
	fmt.Fprintf(&out, "zh: %s\n", scoreChinese(t))
	for _, r := range sorted(rules) {
		n := rules[r].tp + rules[r].fp
		fmt.Fprintf(&out, "rule %s: %d mentions, of an entity of the document %.3f\n", r, n, float64(rules[r].tp)/float64(n))
	}
	golden(t, "quality.golden", out.String())
}

// Ten thousand names in news of three languages: every mention is where it says
// and folds to a form that was looked for.
func TestNews(t *testing.T) {
	texts, _ := articles(t, 400<<10)
	m, _ := Compile(watched(t, "names-p10k.txt.gz", false))
	found := 0
	for i, s := range texts {
		mentions := m.Tag(s[:min(len(s), 200)], s, "")
		checkMentions(t, m, s[:min(len(s), 200)], s, mentions)
		if i%20 == 0 {
			checkExplain(t, m, s[:min(len(s), 200)], s, "", mentions, entitiesOf(mentions, 3))
		}
		found += len(mentions)
	}
	if found < 1000 {
		t.Errorf("%d mentions in %d texts", found, len(texts))
	}
}

// most lists the most frequent.
func most(m map[string]int) string {
	list := sorted(m)
	slices.SortStableFunc(list, func(a, b string) int { return cmp.Compare(m[b], m[a]) })
	var out []string
	for _, s := range list[:min(25, len(list))] {
		out = append(out, fmt.Sprintf("%d× %s", m[s], s))
	}
	return strings.Join(out, "; ")
}

// scoreChinese takes the names of all sentences as the list and asks which are
// found where the corpus has them; the longest name at a place is the one.
func scoreChinese(t *testing.T) string {
	type sentence struct {
		Text  string
		Label map[string]map[string][][2]int
	}
	var all []sentence
	count := map[string]int{}
	lines(t, unzip(t, "cluener2020-train.jsonl.gz"), func(b []byte) {
		var s sentence
		if err := json.Unmarshal(b, &s); err != nil {
			t.Fatal(err)
		}
		all = append(all, s)
		for kind, list := range s.Label {
			if kind == "company" || kind == "organization" || kind == "name" || kind == "government" || kind == "address" {
				for n := range list {
					if len([]rune(n)) >= 2 {
						count[n]++
					}
				}
			}
		}
	})
	var list []catalog.Entity
	for _, n := range sorted(count) {
		if count[n] >= 2 {
			list = append(list, catalog.Entity{ID: n, Names: []catalog.Name{{Text: n, Lang: "zh"}}})
		}
	}
	m, _ := Compile(list)
	found, gone, nested, other := 0, 0, 0, 0
	for i, s := range all {
		if i%4 != 0 {
			continue
		}
		mentions := m.Tag("", s.Text, "zh")
		checkMentions(t, m, "", s.Text, mentions)
		got := map[string]bool{}
		for _, x := range mentions {
			got[x.Entity] = true
			if !strings.Contains(fmt.Sprint(s.Label), x.Entity) {
				if x.Nested {
					nested++
				} else {
					other++
				}
			}
		}
		for kind, list := range s.Label {
			for n := range list {
				if count[n] >= 2 && (kind == "company" || kind == "organization" || kind == "name" || kind == "government" || kind == "address") {
					if got[n] {
						found++
					} else {
						gone++
						if testing.Verbose() {
							t.Logf("missed %s in %s: %s", n, s.Text, brief(mentions))
						}
					}
				}
			}
		}
	}
	return fmt.Sprintf("names %d: recall %.3f, found where the corpus has none of that text %d, of those nested %d",
		len(list), float64(found)/float64(found+gone), other+nested, nested)
}

func golden(t *testing.T, file, got string) {
	t.Helper()
	path := filepath.Join("testdata", file)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := gocmp.Diff(string(want), got); d != "" {
		t.Errorf("%s differs; look at it, then run with -update:\n%s", path, d)
	}
}
