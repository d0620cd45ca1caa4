package pipeline

import (
	"math"
	"strings"
)

// What a mention weighs by where it stands, and how far the first paragraph
// reaches at most, in bytes, for texts without paragraphs.
const (
	titleWeight = 4
	leadWeight  = 2
	textWeight  = 1
	maxLead     = 1000
)

// fullWeight is the weight at which salience is 1: a title, a first paragraph
// and two dozen mentions more.
const fullWeight = 31

// AboutSalience is the salience from which an article is about an entity: a name
// in the title, or four mentions in the text, or fewer where one is in the first
// paragraph.
const AboutSalience = 0.4

// Salience is how much the article is about each entity whose mentions count, 0
// to 1. A mention in the title weighs 4, one in the first paragraph 2, any other
// 1, each times its confidence; the sum is damped by its logarithm, so that the
// tenth mention says less than the second.
func (a *Article) Salience() map[string]float64 {
	lead := strings.Index(a.Text, "\n\n")
	if lead < 0 || lead > maxLead {
		lead = maxLead
	}
	weights := make(map[string]float64)
	for _, m := range a.Mentions {
		if !m.Counts() {
			continue
		}
		w := float64(textWeight)
		switch {
		case m.Field == FieldTitle:
			w = titleWeight
		case m.Start < lead:
			w = leadWeight
		}
		if m.Confidence > 0 {
			w *= m.Confidence
		}
		weights[m.Entity] += w
	}
	for id, w := range weights {
		weights[id] = min(1, math.Log1p(w)/math.Log1p(fullWeight))
	}
	return weights
}
