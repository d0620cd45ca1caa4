package pipeline

import (
	"math"
	"slices"
	"strings"
	"testing"
)

func TestSalience(t *testing.T) {
	text := "Lead.\n\n" + strings.Repeat("x", 500)
	at := func(field string, start int, conf float64) Mention {
		return Mention{Entity: "e", Field: field, Start: start, End: start + 1, Confidence: conf}
	}
	title, lead, body := at(FieldTitle, 0, 0.95), at(FieldText, 0, 0.95), at(FieldText, 20, 0.95)
	nested := body
	nested.Nested = true
	for _, tt := range []struct {
		name     string
		mentions []Mention
		want     float64
		about    bool
	}{
		{"none", nil, 0, false},
		{"title", []Mention{title}, 0.45, true},
		{"title in capitals throughout", []Mention{at(FieldTitle, 0, 0.57)}, 0.34, false},
		{"lead", []Mention{lead}, 0.31, false},
		{"lead and two", []Mention{lead, body, body}, 0.45, true},
		{"one", []Mention{body}, 0.19, false},
		{"four", []Mention{body, body, body, body}, 0.45, true},
		{"nested and unsure", []Mention{nested, at(FieldTitle, 0, 0.48)}, 0, false},
		{"at most 1", slices.Repeat([]Mention{title}, 100), 1, true},
	} {
		a := Article{Title: "Title", Text: text, Mentions: tt.mentions}
		got := a.Salience()["e"]
		if math.Abs(got-tt.want) > 0.006 || (got >= AboutSalience) != tt.about {
			t.Errorf("%s: salience %.3f, want %.2f, about %v", tt.name, got, tt.want, tt.about)
		}
		if _, ok := a.Salience()["e"]; ok != slices.Contains(a.Entities(), "e") {
			t.Errorf("%s: Salience and Entities differ", tt.name)
		}
	}
}
