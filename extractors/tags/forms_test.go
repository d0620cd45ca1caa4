package tags

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/newswatch/newswatch/extractors/textnorm"
	"github.com/newswatch/newswatch/pipeline/catalog"
)

// isForm reports whether a canonical text is a form of the name of the entity. It
// goes by words written out, not by stems.
func (m *Matcher) isForm(entity, nameText, form string) bool {
	var folded textnorm.Folded
	at := slices.IndexFunc(m.entities, func(e catalog.Entity) bool { return e.ID == entity })
	e := m.entities[at]
	list := e.Names
	if len(list) == 0 {
		list = []catalog.Name{{Text: e.Name}}
	}
	for i := range list {
		if list[i].Text != nameText {
			continue
		}
		for _, v := range variantsOf(nil, e.Kind, &list[i], split(nil, &folded, nameText)) {
			if v.writes(form) {
				return true
			}
		}
	}
	return false
}

// writes reports whether the words of a canonical text are those of the variant,
// all in one case of one grammar or as they are.
func (v variant) writes(form string) bool {
	words := strings.FieldsFunc(form, func(r rune) bool { return r < utf8.RuneSelf && isSep(byte(r)) })
	if len(words) != len(v.parts) {
		return false
	}
	at := 0
	for i, w := range words {
		if i > 0 && form[at-1] != v.parts[i].sep {
			return false
		}
		at += len(w) + 1
	}
	every := func(ok func(i int, p part, w string) bool) bool {
		for i, p := range v.parts {
			if words[i] != p.text && !ok(i, p, words[i]) {
				return false
			}
		}
		return true
	}
	for _, g := range tongues[v.how.tongue] {
		for c := range 6 {
			if every(func(_ int, p part, w string) bool { return slices.Contains(g.paradigm(p, v.how.plural)[c], w) }) {
				return true
			}
		}
	}
	last := len(v.parts) - 1
	return every(func(i int, p part, w string) bool { return i == last && v.extra&isPlural != 0 && w == pluralOf(p.text) }) ||
		every(func(i int, p part, w string) bool { return i == last && v.extra&isGerman != 0 && w == p.text+"s" }) ||
		every(func(_ int, p part, w string) bool {
			rest, ok := strings.CutPrefix(w, p.text[:trimmed(p.text)])
			return ok && (v.how.wild || v.how.always) && p.want < wantCaps && utf8.RuneCountInString(rest) <= maxWild &&
				utf8.RuneCountInString(p.text[:trimmed(p.text)]) >= minWild
		})
}
