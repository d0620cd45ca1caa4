package tagtest

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/newswatch/newswatch/pipeline"
	"github.com/newswatch/newswatch/pipeline/catalog"
)

// A Tagger finds the mentions in a text of a language.
type Tagger func(text, lang string) []pipeline.Mention

// Score counts what was found rightly, found in vain and missed.
type Score struct{ Right, Wrong, Missed int }

// Precision is the share of what was found that is right.
func (s Score) Precision() float64 { return float64(s.Right) / float64(max(1, s.Right+s.Wrong)) }

// Recall is the share of what there is that was found.
func (s Score) Recall() float64 { return float64(s.Right) / float64(max(1, s.Right+s.Missed)) }

// F1 is the harmonic mean of both.
func (s Score) F1() float64 {
	p, r := s.Precision(), s.Recall()
	return 2 * p * r / max(1e-9, p+r)
}

func (s Score) String() string {
	return fmt.Sprintf("P %.3f R %.3f F %.3f", s.Precision(), s.Recall(), s.F1())
}

// Result is how a tagger does on a task.
type Result struct {
	Documents int
	Entities  int
	Document  Score
	Mention   Score
	Anywhere  Score             // by document, with mentions inside the longer names of other entities
	Rules     map[string]*Score // by document, of the mentions of each rule
	Wrong     map[string]int    // entity, text and rule of what isn't in the document
	Missed    map[string]int    // entity and text of what is and was found nowhere
}

// span is a mention of an entity.
type span struct {
	entity     string
	start, end int
}

// Score tags the scored documents.
func (t Task) Score(tag Tagger) Result {
	watched := map[string]bool{}
	for _, e := range t.Entities {
		watched[e.ID] = true
	}
	r := Result{
		Documents: len(t.Scored), Entities: len(t.Entities),
		Rules: map[string]*Score{}, Wrong: map[string]int{}, Missed: map[string]int{},
	}
	for _, d := range t.Scored {
		want, wantSpans := d.wants(watched)
		got, gotSpans, anywhere := map[string]bool{}, map[span]bool{}, map[string]bool{}
		for _, m := range tag(d.Text, t.Lang) {
			anywhere[m.Entity] = true
			if m.Nested {
				continue
			}
			got[m.Entity] = true
			gotSpans[span{m.Entity, m.Start, m.End}] = true
			rule := r.Rules[m.Rule]
			if rule == nil {
				rule = new(Score)
				r.Rules[m.Rule] = rule
			}
			if want[m.Entity] {
				rule.Right++
			} else {
				rule.Wrong++
				r.Wrong[m.Entity+" "+m.Text+" "+m.Rule]++
			}
		}
		for s := range wantSpans {
			if !anywhere[s.entity] {
				r.Missed[s.entity+" "+d.Text[s.start:s.end]]++
			}
		}
		add(&r.Document, got, want)
		add(&r.Anywhere, anywhere, want)
		add(&r.Mention, gotSpans, wantSpans)
	}
	return r
}

// wants is what a tagger should find of the entities watched.
func (d Document) wants(watched map[string]bool) (entities map[string]bool, spans map[span]bool) {
	entities, spans = map[string]bool{}, map[span]bool{}
	for _, g := range d.Gold {
		if watched[g.ID] && nameLike(d.Text[g.Start:g.End]) {
			entities[g.ID] = true
			spans[span{g.ID, g.Start, g.End}] = true
		}
	}
	return entities, spans
}

func add[K comparable](s *Score, got, want map[K]bool) {
	for k := range got {
		if want[k] {
			s.Right++
		} else {
			s.Wrong++
		}
	}
	for k := range want {
		if !got[k] {
			s.Missed++
		}
	}
}

// Previewed is the entities without the names that a look at the documents the
// list was learned from advises against: those found there in vain more often
// than rightly. That is what a user does who previews each name on the archive.
func (t Task) Previewed(tag Tagger) []catalog.Entity {
	watched := map[string]bool{}
	for _, e := range t.Entities {
		watched[e.ID] = true
	}
	balance := map[[2]string]int{}
	for _, d := range t.Learned {
		_, want := d.wants(watched)
		for _, m := range tag(d.Text, t.Lang) {
			switch {
			case m.Nested:
			case want[span{m.Entity, m.Start, m.End}]:
				balance[[2]string{m.Entity, m.Name}]++
			default:
				balance[[2]string{m.Entity, m.Name}]--
			}
		}
	}
	var out []catalog.Entity
	for _, e := range t.Entities {
		e.Names = slices.DeleteFunc(slices.Clone(e.Names), func(n catalog.Name) bool { return balance[[2]string{e.ID, n.Text}] < 0 })
		if len(e.Names) > 0 {
			out = append(out, e)
		}
	}
	return out
}

// Most lists the n most frequent.
func Most(m map[string]int, n int) string {
	list := sorted(m)
	slices.SortStableFunc(list, func(a, b string) int { return cmp.Compare(m[b], m[a]) })
	var out []string
	for _, s := range list[:min(n, len(list))] {
		out = append(out, fmt.Sprintf("%d× %s", m[s], s))
	}
	return strings.Join(out, "; ")
}
