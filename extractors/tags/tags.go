package tags

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"sync"

	"github.com/newswatch/newswatch/pipeline"
	"github.com/newswatch/newswatch/pipeline/catalog"
)

// rulesVersion changes with the rules, so that what was tagged by older ones is
// known.
const rulesVersion = "3"

// A Matcher finds the mentions of the entities it was compiled from.
type Matcher struct {
	entities []catalog.Entity // as given, never changed
	names    []name
	rules    map[int32]*rules // of the names that have any
	patterns []pattern
	words    []word // of the patterns
	lexicon  *lexicon
	trie     trie   // patterns of words matched whole
	table    *table // the others
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
	c := newCompiler(entities)
	for e := range entities {
		entity := &entities[e]
		if len(entity.Names) == 0 {
			c.name(int32(e), -1, &catalog.Name{Text: entity.Name})
		}
		for i := range entity.Names {
			c.name(int32(e), int32(i), &entity.Names[i])
		}
	}
	return c.finish(), c.warnings
}

// Version is a digest of the entities the matcher was compiled from and of the
// rules: articles tagged by the same version have the same mentions.
func (m *Matcher) Version() string { return m.version }

// Entities are what the matcher was compiled from, never changed.
func (m *Matcher) Entities() []catalog.Entity { return m.entities }

// nameText is a name as the catalog has it.
func (m *Matcher) nameText(id int32) string {
	n := m.names[id]
	if n.at < 0 {
		return m.entities[n.entity].Name
	}
	return m.entities[n.entity].Names[n.at].Text
}

// Forms is how many ways of writing its names the matcher looks for, without
// counting each inflected form.
func (m *Matcher) Forms() int { return len(m.patterns) }

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
