package tags

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/newswatch/newswatch/extractors/textnorm"
	"github.com/newswatch/newswatch/pipeline"
	"github.com/newswatch/newswatch/pipeline/catalog"
)

// Bounds of a survey's report.
const (
	maxSamples    = 20
	maxNeighbours = 10
	maxForms      = 10
	sampleRound   = 90    // characters on either side of a sample
	maxCounted    = 10000 // distinct texts that are counted, of a kind
)

// A Survey gathers what an entity finds in articles, before it is saved. It is
// not safe for concurrent use.
type Survey struct {
	entity   catalog.Entity
	m        *Matcher
	warnings []pipeline.NameWarning
	failures []pipeline.TestFailure

	read, articles, mentions int
	blocked                  counter
	names                    []*nameSurvey
	byName                   map[string]*nameSurvey
}

type nameSurvey struct {
	pipeline.NamePreview
	forms, left, right counter
	last               string // the last article it counted in
	samples            []pipeline.NameSample
}

// NewSurvey returns a survey of the entity as it would be among the others; one
// of the same id is replaced. The entity's tests are run.
func NewSurvey(e catalog.Entity, others []catalog.Entity) *Survey {
	all := append([]catalog.Entity{e}, others...)
	all = slices.DeleteFunc(all, func(o catalog.Entity) bool { return o.ID == e.ID })
	all = append(all, e)
	m, _ := Compile(all)
	s := &Survey{entity: e, m: m, warnings: Lint(e, others), blocked: counter{}, byName: make(map[string]*nameSurvey)}
	s.failures = TestFailures(m, e)
	names := e.Names
	if len(names) == 0 {
		names = []catalog.Name{{Text: e.Name}}
	}
	for _, n := range names {
		if s.byName[n.Text] != nil {
			continue // of two languages: counted together
		}
		ns := &nameSurvey{NamePreview: pipeline.NamePreview{Name: n.Text, Lang: n.Lang}, forms: counter{}, left: counter{}, right: counter{}}
		s.byName[n.Text] = ns
		s.names = append(s.names, ns)
	}
	return s
}

// TestFailures runs the tests of the entity, which the matcher must know.
func TestFailures(m *Matcher, e catalog.Entity) []pipeline.TestFailure {
	var out []pipeline.TestFailure
	for _, f := range Check(m, []catalog.Entity{e}) {
		field, texts := "tests.match", e.Tests.Match
		if !f.Want {
			field, texts = "tests.no_match", e.Tests.NoMatch
		}
		_, msg, _ := strings.Cut(f.String(), fmt.Sprintf("entity %s: ", f.Entity))
		out = append(out, pipeline.TestFailure{Field: fmt.Sprintf("%s[%d]", field, slices.Index(texts, f.Text)), Text: f.Text, Msg: msg})
	}
	return out
}

// Add looks into one more article.
func (s *Survey) Add(a pipeline.Article) {
	s.read++
	mentioned := false
	for _, f := range s.m.Explain(a.Title, a.Text, a.Lang, s.entity.ID) {
		ns := s.byName[f.Name]
		if ns == nil {
			continue
		}
		text := a.Text
		if f.Field == pipeline.FieldTitle {
			text = a.Title
		}
		ns.count(f, text, a.ID)
		if f.Blocked == "" {
			mentioned = true
			s.mentions++
		} else {
			s.blocked.add(reason(f.Blocked))
		}
		ns.sample(f, text, &a)
	}
	if mentioned {
		s.articles++
	}
}

// reason is why a place does not count, without the form that stands there.
func reason(why string) string {
	if i := strings.LastIndex(why, " of "); i >= 0 {
		switch {
		case strings.HasPrefix(why, blockInside):
			return "inside a longer name" + why[i:]
		case strings.HasPrefix(why, blockOverlap):
			return "overlaps a name" + why[i:]
		}
	}
	return why
}

func (ns *nameSurvey) count(f Finding, text, article string) {
	ns.forms.add(f.Text)
	switch caseOf(f.Text) {
	case 'A':
		ns.Case.Capitals++
	case 'F':
		ns.Case.First++
	case 'a':
		ns.Case.Lower++
	default:
		ns.Case.None++
	}
	ns.left.add(wordBefore(text[:f.Start]))
	ns.right.add(wordAfter(text[f.End:]))
	if f.Blocked != "" {
		ns.NamePreview.Blocked++
		return
	}
	ns.Mentions++
	if ns.last != article {
		ns.last = article
		ns.Articles++
	}
}

// sample keeps the place, unless there are enough of its name; of one article
// one that counts and one that does not will do.
func (ns *nameSurvey) sample(f Finding, text string, a *pipeline.Article) {
	if len(ns.samples) >= maxSamples {
		return
	}
	for _, old := range ns.samples {
		if old.Article == a.ID && (old.Blocked == "") == (f.Blocked == "") {
			return
		}
	}
	before, after := pipeline.Excerpt(text, f.Start, f.End, sampleRound)
	ns.samples = append(ns.samples, pipeline.NameSample{
		Article: a.ID, Title: a.Title, Source: a.Source, Lang: a.Lang, Published: a.Published,
		Name: f.Name, Field: f.Field, Before: before, Text: f.Text, After: after,
		Rule: f.Rule, Confidence: f.Confidence, Blocked: f.Blocked,
	})
}

// Report is what was found so far.
func (s *Survey) Report() pipeline.Preview {
	p := pipeline.Preview{
		Entity: s.entity.ID, Read: s.read, Articles: s.articles, Mentions: s.mentions,
		Blocked: s.blocked.top(maxForms), Names: []pipeline.NamePreview{}, Samples: []pipeline.NameSample{},
		Warnings: append([]pipeline.NameWarning{}, s.warnings...), Failures: append([]pipeline.TestFailure{}, s.failures...),
	}
	for _, ns := range s.names {
		n := ns.NamePreview
		n.Forms, n.Left, n.Right = ns.forms.top(maxForms), ns.left.top(maxNeighbours), ns.right.top(maxNeighbours)
		p.Names = append(p.Names, n)
		if c := n.Case; c.Lower > c.First+c.Capitals && c.First+c.Capitals > 0 {
			p.Warnings = append(p.Warnings, pipeline.NameWarning{Name: n.Name, Rule: LintCommon, Msg: fmt.Sprintf(
				"stands %d times in lower case and %d times with a capital: it is a word of every day here", c.Lower, c.First+c.Capitals)})
		}
	}
	// In turns, so that a name met often leaves room for the others.
	for i := 0; len(p.Samples) < maxSamples; i++ {
		some := false
		for _, ns := range s.names {
			if i < len(ns.samples) && len(p.Samples) < maxSamples {
				p.Samples = append(p.Samples, ns.samples[i])
				some = true
			}
		}
		if !some {
			break
		}
	}
	return p
}

// caseOf is how a form is written: A all capitals, F a capital first, a none
// first, 0 without case. A single capital letter is a capital first.
func caseOf(s string) byte {
	upper, lower, first := 0, 0, byte(0)
	for _, r := range s {
		switch c := textnorm.ClassOf(r); {
		case c&textnorm.Upper != 0:
			upper++
			if first == 0 {
				first = 'F'
			}
		case c&textnorm.Lower != 0:
			lower++
			if first == 0 {
				first = 'a'
			}
		}
	}
	if upper > 1 && lower == 0 {
		return 'A'
	}
	return first
}

// wordBefore is the last word of the text, lowered, if nothing that ends a
// sentence or a line is behind it; of Han, which has no spaces, the last two
// characters. Empty: there is none.
func wordBefore(text string) string {
	end := len(text)
	for end > 0 {
		r, size := utf8.DecodeLastRuneInString(text[:end])
		if isWord(r) {
			break
		}
		if stops(r) {
			return ""
		}
		end -= size
	}
	start, n := end, 0
	han := false
	for start > 0 {
		r, size := utf8.DecodeLastRuneInString(text[:start])
		if !isWord(r) || n > 0 && unicode.Is(unicode.Han, r) != han {
			break
		}
		han = unicode.Is(unicode.Han, r)
		if n++; han && n > 2 || n > catalog.MaxText {
			break
		}
		start -= size
	}
	return strings.ToLower(text[start:end])
}

// wordAfter is wordBefore in the other direction.
func wordAfter(text string) string {
	start := 0
	for start < len(text) {
		r, size := utf8.DecodeRuneInString(text[start:])
		if isWord(r) {
			break
		}
		if stops(r) {
			return ""
		}
		start += size
	}
	end, n := start, 0
	han := false
	for end < len(text) {
		r, size := utf8.DecodeRuneInString(text[end:])
		if !isWord(r) || n > 0 && unicode.Is(unicode.Han, r) != han {
			break
		}
		han = unicode.Is(unicode.Han, r)
		if n++; han && n > 2 || n > catalog.MaxText {
			break
		}
		end += size
	}
	return strings.ToLower(text[start:end])
}

func isWord(r rune) bool {
	return unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.Is(unicode.Mn, r)
}

func stops(r rune) bool { return strings.ContainsRune("\n.!?…。！？", r) }

// counter counts texts; the empty one not, nor more than maxCounted.
type counter map[string]int

func (c counter) add(s string) {
	if _, known := c[s]; s != "" && (known || len(c) < maxCounted) {
		c[s]++
	}
}

// top is the most frequent, at most n.
func (c counter) top(n int) []pipeline.NameCount {
	all := make([]pipeline.NameCount, 0, len(c))
	for s, k := range c {
		all = append(all, pipeline.NameCount{Text: s, Count: k})
	}
	slices.SortFunc(all, func(a, b pipeline.NameCount) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Text, b.Text))
	})
	return all[:min(n, len(all))]
}
