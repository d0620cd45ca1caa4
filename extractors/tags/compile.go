package tags

import (
	"slices"
	"unicode/utf8"

	"github.com/newswatch/newswatch/extractors/textnorm"
	"github.com/newswatch/newswatch/pipeline/catalog"
)

// compiler is the memory of one call of Compile.
type compiler struct {
	m        *Matcher
	warnings []Warning
	free     []entry // for the table
	owners   map[string]int32

	folded   textnorm.Folded
	parts    []part
	variants []variant
	ends     []uint16
}

func newCompiler(entities []catalog.Entity) *compiler {
	total := 0
	for i := range entities {
		total += max(1, len(entities[i].Names))
	}
	m := &Matcher{entities: entities, version: digest(entities), rules: make(map[int32]*rules), lexicon: newLexicon()}
	m.pool.New = func() any { return &tagger{explains: -1} }
	m.names = make([]name, 0, total)
	m.patterns = make([]pattern, 0, total)
	// Many names want nothing of any word: they share these.
	m.words = make([]word, maxWords, maxWords+2*total)
	return &compiler{m: m, owners: make(map[string]int32)}
}

// maxWords is the longest name, in words.
const maxWords = 0x7F

// name compiles one name of an entity.
func (c *compiler) name(e, at int32, n *catalog.Name) {
	m := c.m
	entity := &m.entities[e]
	warn := func(msg string) { c.warnings = append(c.warnings, Warning{entity.ID, n.Text, msg}) }
	c.parts = appendParts(c.parts[:0], &c.folded, n.Text)
	parts := c.parts
	if len(parts) == 0 {
		warn("has no letter or digit and is never found")
		return
	}
	if len(parts) > maxWords {
		warn("has more than 127 words and is never found")
		return
	}
	if len(parts) == 1 && len(parts[0].text) <= utf8.UTFMax && utf8.RuneCountInString(parts[0].text) == 1 && len(n.Near)+len(n.Must) == 0 {
		warn("is a single character: give it near or must words")
	}
	if slices.ContainsFunc(parts, func(p part) bool { return p.wide }) {
		warn("has more between two words than a name may have: it is only found with a space there")
	}
	id := int32(len(m.names))
	m.names = append(m.names, name{e, at})
	if r := rulesOf(n); r != nil {
		m.rules[id] = r
	}
	c.variants = variantsOf(c.variants[:0], entity.Kind, n, parts)
	for i := range c.variants {
		v := &c.variants[i]
		var other int32
		if bounded(v.parts) {
			other = c.add(id, v)
		} else {
			other = c.addFree(id, v)
		}
		if i == 0 && other >= 0 && other != e {
			warn("is a name of " + m.entities[other].ID + " too: both are reported, less surely")
		}
	}
}

// pattern appends the pattern of a variant whose words have the ends.
func (c *compiler) pattern(id int32, v *variant, ends []uint16) int32 {
	p := pattern{name: id, next: -1, n: uint8(len(v.parts)), rule: v.rule}
	if v.gated {
		p.flags |= flagGated
	}
	if v.exact {
		p.flags |= flagExact
	}
	plain := true
	for i := range v.parts {
		if v.parts[i].want != wantNothing {
			p.flags |= flagCased
			plain = false
		}
		plain = plain && ends[i] == 0
	}
	if !plain {
		p.words = int32(len(c.m.words))
		for i := range v.parts {
			c.m.words = append(c.m.words, word{v.parts[i].want, ends[i]})
		}
	}
	c.m.patterns = append(c.m.patterns, p)
	return int32(len(c.m.patterns) - 1)
}

// add puts a variant into the trie. It returns an entity that has the very same
// name, -1 for none.
func (c *compiler) add(id int32, v *variant) (other int32) {
	m := c.m
	c.ends = c.ends[:0]
	key := uint64(0)
	var place *uint32
	for i := range v.parts {
		p := &v.parts[i]
		var extra mask
		if i == len(v.parts)-1 {
			extra = v.extra
		}
		s := m.lexicon.stem(p, v.how, extra)
		c.ends = append(c.ends, s.ends)
		k := stemKey([]byte(p.text[:len(p.text)-s.cut]))
		if i == 0 {
			key = k
		} else {
			*place |= 1
			key = pathKey(key, k, p.sep)
		}
		place = m.trie.place(key)
	}
	other = -1
	for at := int32(*place>>1) - 1; at >= 0; at = m.patterns[at].next {
		p := &m.patterns[at]
		if other < 0 && p.rule <= idAcronym && c.sameBase(p) {
			other = m.names[p.name].entity
		}
	}
	at := c.pattern(id, v, c.ends)
	m.patterns[at].next = int32(*place>>1) - 1
	*place = uint32(at+1)<<1 | *place&1
	return other
}

// sameBase reports whether a pattern with the stems of the variant being added
// stands in the catalog as that does.
func (c *compiler) sameBase(p *pattern) bool {
	sets := c.m.lexicon.sets
	for i, e := range c.ends {
		if sets[c.m.words[p.words+int32(i)].ends].base != sets[e].base {
			return false
		}
	}
	return true
}

// addFree keeps a variant for the table. It returns an entity that has the very
// same name, -1 for none.
func (c *compiler) addFree(id int32, v *variant) (other int32) {
	size := 0
	for i := range v.parts {
		size += len(v.parts[i].text) + 1
	}
	text := make([]byte, 0, size)
	for i := range v.parts {
		if i > 0 {
			text = append(text, v.parts[i].sep)
		}
		text = append(text, v.parts[i].text...)
	}
	form := string(text)
	other = -1
	if e, ok := c.owners[form]; ok {
		other = e
	}
	c.owners[form] = c.m.names[id].entity
	c.ends = append(c.ends[:0], make([]uint16, len(v.parts))...)
	c.free = append(c.free, entry{form, c.pattern(id, v, c.ends)})
	return other
}

func (c *compiler) finish() *Matcher {
	m := c.m
	m.trie.finish()
	m.table = newTable(c.free, m.patterns)
	m.lexicon.known, m.lexicon.texts = nil, nil
	m.names = slices.Clip(m.names)
	m.patterns = slices.Clip(m.patterns)
	m.words = slices.Clone(m.words)
	return m
}
