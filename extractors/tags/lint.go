package tags

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/newswatch/newswatch/extractors/textnorm"
	"github.com/newswatch/newswatch/pipeline"
	"github.com/newswatch/newswatch/pipeline/catalog"
)

// Rules of Lint.
const (
	LintNever       = "never_found" // has no letter or digit, or too many words
	LintShort       = "short"       // so short that it stands in many texts by chance
	LintCommon      = "common"      // a word of every day
	LintShared      = "shared"      // another entity has it too
	LintLower       = "lower_case"  // found in lower case as well
	LintSuperfluous = "superfluous" // found by another name of the entity already
)

// minLetters is the fewest letters of a name in an alphabet that is not warned
// of: of names of two, more are abbreviations of something else than not.
const minLetters = 3

// lintName is a name taken apart.
type lintName struct {
	catalog.Name
	parts []part
	forms []form
	plain bool // without near, not and must
}

// Lint says what may be wrong with the names of the entity, in the order of the
// names, in the company of the others of the catalog; one with its own id is
// left out. It reads no text: what a name finds in the archive is for Survey.
func Lint(e catalog.Entity, others []catalog.Entity) []pipeline.NameWarning {
	var folded textnorm.Folded
	names := lintNames(&folded, e)
	wanted := make(map[string]bool)
	for _, n := range names {
		if len(n.forms) > 0 {
			wanted[n.forms[0].text] = true
		}
	}
	shared := owners(&folded, wanted, e.ID, others)

	var out []pipeline.NameWarning
	for i, n := range names {
		warn := func(rule, format string, args ...any) {
			out = append(out, pipeline.NameWarning{Name: n.Text, Rule: rule, Msg: fmt.Sprintf(format, args...)})
		}
		if len(n.parts) == 0 {
			warn(LintNever, "has no letter or digit, or more than 127 words, and is never found")
			continue
		}
		base := n.forms[0].text
		letters := utf8.RuneCountInString(strings.NewReplacer(" ", "", ",", "").Replace(base))
		bounded := n.parts[0].class&textnorm.Bounded != 0
		single := len(n.parts) == 1
		switch {
		case !n.plain:
		case single && bounded && letters < minLetters:
			warn(LintShort, "has only %d letters: give it near or must words", letters)
		case !bounded && letters == 1:
			warn(LintShort, "is a single character: give it near or must words")
		case isCommon(n):
			warn(LintCommon, "is a word of every day: give it near or not words, or look at what it finds")
		}
		if ids := shared[base]; len(ids) > 0 {
			warn(LintShared, "is a name of %s too: both are reported, less surely", strings.Join(ids, ", "))
		}
		if n.plain && bounded && lowerCase(n.parts) {
			warn(LintLower, "has no capital and is found in lower case, too")
		}
		if j := foundBy(names, i); j >= 0 {
			warn(LintSuperfluous, "is found by the name %q already", names[j].Text)
		}
	}
	return out
}

func lintNames(folded *textnorm.Folded, e catalog.Entity) []lintName {
	list := e.Names
	if len(list) == 0 {
		list = []catalog.Name{{Text: e.Name}}
	}
	names := make([]lintName, len(list))
	for i, n := range list {
		names[i] = lintName{Name: n, plain: len(n.Near)+len(n.Not)+len(n.Must) == 0}
		if parts := split(folded, n.Text); len(parts) > 0 && len(parts) <= 0x7F {
			names[i].parts, names[i].forms = parts, formsOf(e.Kind, n, parts)
		}
	}
	return names
}

// owners lists for each wanted text the other entities that are found by it, an
// inflected form of theirs among them; forms that count less surely are left out.
func owners(folded *textnorm.Folded, wanted map[string]bool, self string, others []catalog.Entity) map[string][]string {
	found := make(map[string][]string)
	for _, o := range others {
		if o.ID == self {
			continue
		}
		seen := make(map[string]bool)
		for _, n := range lintNames(folded, o) {
			for _, f := range n.forms {
				if wanted[f.text] && !seen[f.text] && !f.gated && (f.rule == ruleExact || f.rule == ruleAcronym || f.rule == ruleForm) {
					seen[f.text] = true
					found[f.text] = append(found[f.text], o.ID)
				}
			}
		}
	}
	return found
}

// isCommon reports whether the name is one word of every day. An acronym is
// told from it by its capitals.
func isCommon(n lintName) bool {
	return len(n.forms) > 0 && n.parts[0].want <= wantCaps && commonWords[n.forms[0].text]
}

// lowerCase reports whether no word of a name in an alphabet with capitals wants
// one.
func lowerCase(parts []part) bool {
	cased := false
	for _, p := range parts {
		if p.want != wantNothing {
			return false
		}
		cased = cased || p.class&textnorm.Lower != 0 && p.class&textnorm.Digit == 0
	}
	return cased
}

// foundBy is another name that finds all that names[i] does; -1: none. Of two
// that find the same the first is kept.
func foundBy(names []lintName, i int) int {
	for j := range names {
		if j != i && finds(names[j], names[i]) && (j < i || !finds(names[i], names[j])) {
			return j
		}
	}
	return -1
}

// finds reports whether a name finds all that another does, and as surely. A
// name that asks for less (a capital, context words) finds more.
func finds(o, n lintName) bool {
	if !n.plain || !o.plain || o.Exact || len(n.forms) == 0 {
		return false
	}
	base := n.forms[0]
	for _, f := range o.forms {
		if f.text == base.text && !f.gated && (f.rule == ruleExact || f.rule == ruleAcronym || f.rule == ruleForm) &&
			(f.lang == "" || f.lang == n.Lang) && asksLess(f.wants, base.wants, len(n.parts)) {
			return true
		}
	}
	return false
}

// asksLess reports whether a wants no capital that b does not want.
func asksLess(a, b string, words int) bool {
	at := func(s string, i int) byte {
		if i < len(s) {
			return s[i]
		}
		return wantNothing
	}
	for i := range words {
		if at(a, i) > at(b, i) {
			return false
		}
	}
	return true
}
