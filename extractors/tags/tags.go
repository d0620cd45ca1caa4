package tags

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"sync"
	"unicode/utf8"

	"github.com/newswatch/newswatch/extractors/textnorm"
	"github.com/newswatch/newswatch/pipeline"
	"github.com/newswatch/newswatch/pipeline/catalog"
)

// rulesVersion changes with the rules, so that what was tagged by older ones is
// known.
const rulesVersion = "1"

// A Matcher finds the mentions of the entities it was compiled from.
type Matcher struct {
	entities []catalog.Entity // as given, never changed
	names    []name
	table    *table
	senses   []sense
	version  string
	pool     sync.Pool // *tagger
}

// A Warning is a name that was compiled but may not do what was meant.
type Warning struct {
	Entity string
	Name   string
	Msg    string
}

func (w Warning) String() string {
	return fmt.Sprintf("entity %s: name %q: %s", w.Entity, w.Name, w.Msg)
}

// Compile makes the matcher of the entities, which must not be changed as long as
// it is used. An entity without names is found by
// its Name. Names that can't be found, are very short or belong to two entities
// are warned of; they are no errors.
func Compile(entities []catalog.Entity) (*Matcher, []Warning) {
	m := &Matcher{entities: entities, version: digest(entities)}
	m.pool.New = func() any { return &tagger{explains: -1} }
	var (
		warnings []Warning
		entries  []entry
		folded   textnorm.Folded
	)
	total := len(entities)
	for _, e := range entities {
		total += len(e.Names)
	}
	m.names = make([]name, 0, total)
	entries = make([]entry, 0, 2*total)
	owners := make(map[string]int32, total) // entity of each name as it stands
	for e, entity := range entities {
		names, first := entity.Names, int32(0)
		if len(names) == 0 {
			names, first = []catalog.Name{{Text: entity.Name}}, -1
		}
		for i, n := range names {
			warn := func(msg string) { warnings = append(warnings, Warning{entity.ID, n.Text, msg}) }
			parts := split(&folded, n.Text)
			if len(parts) == 0 {
				warn("has no letter or digit and is never found")
				continue
			}
			if len(parts) > 0x7F {
				warn("has more than 127 words and is never found")
				continue
			}
			if len(parts) == 1 && utf8.RuneCountInString(parts[0].text) == 1 && len(n.Near)+len(n.Must) == 0 {
				warn("is a single character: give it near or must words")
			}
			forms := formsOf(entity.Kind, n, parts)
			if other, ok := owners[forms[0].text]; ok && int(other) != e {
				warn("is a name of " + entities[other].ID + " too: both are reported, less surely")
			}
			owners[forms[0].text] = int32(e)
			m.names = append(m.names, name{int32(e), first + int32(i), rulesOf(n)})
			for _, f := range forms {
				entries = append(entries, entry{f.text, sense{
					name: int32(len(m.names) - 1), rule: f.rule, conf: f.conf, wants: f.wants, lang: f.lang, gated: f.gated,
				}})
			}
		}
	}
	m.table, m.senses = newTable(entries)
	return m, warnings
}

// Version is a digest of the entities the matcher was compiled from and of the
// rules: articles tagged by the same version have the same mentions.
func (m *Matcher) Version() string { return m.version }

// nameText is a name as the catalog has it.
func (m *Matcher) nameText(id int32) string {
	n := m.names[id]
	if n.at < 0 {
		return m.entities[n.entity].Name
	}
	return m.entities[n.entity].Names[n.at].Text
}

// Forms is how many ways of writing its names the matcher looks for.
func (m *Matcher) Forms() int { return m.table.len() }

// digest is over what bears on mentions.
func digest(entities []catalog.Entity) string {
	var b []byte
	add := func(s string) { b = append(append(strconv.AppendInt(b, int64(len(s)), 10), ':'), s...) }
	list := func(words []string) {
		b = append(strconv.AppendInt(b, int64(len(words)), 10), ' ')
		for _, w := range words {
			add(w)
		}
	}
	h := sha256.New()
	add(rulesVersion)
	for _, e := range entities {
		add(e.ID)
		add(e.Name)
		add(e.Kind)
		b = append(strconv.AppendInt(b, int64(len(e.Names)), 10), ' ')
		for _, n := range e.Names {
			add(n.Text)
			add(n.Lang)
			b = strconv.AppendBool(b, n.Exact)
			list(n.Near)
			list(n.Not)
			list(n.Must)
		}
		h.Write(b)
		b = b[:0]
	}
	h.Write(b)
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// Tag finds the mentions in the title and the text of an article, by field
// (title first), then start. Offsets are bytes of the field. Lang is the
// language of the article, empty where it isn't known.
func (m *Matcher) Tag(title, text, lang string) []pipeline.Mention {
	t := m.pool.Get().(*tagger)
	defer m.pool.Put(t)
	t.reset(m, title, text, lang)
	t.scan(inTitle)
	t.scan(inText)
	if len(t.hits) == 0 {
		return nil
	}
	t.license()
	return t.mentions()
}
