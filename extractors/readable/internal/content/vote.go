package content

import "math"

// An Escalation is when another way to the text is asked for its vote, and what
// the vote weighs. The command fit fits it.
type Escalation struct {
	Below     float64 `json:"below"`     // the expected F1 under which it is asked
	Agreement float64 `json:"agreement"` // of the texts under which its vote doesn't count
	In        float64 `json:"in"`        // log odds that a block gains which the other text has
	Out       float64 `json:"out"`       // log odds that a block loses which it has not
}

// Escalate is the fitted escalation of the model in use.
func Escalate() Escalation { return model.Escalate }

// votedShare is how much of a block another text must have to have the block.
const votedShare = .6

// Vote weighs another text in: the probabilities of its blocks rise, those of
// the others fall. Blocks of less than three words follow no vote.
func (d *Document) Vote(text string, e Escalation) {
	set := shingles(text)
	if len(set) == 0 {
		return
	}
	for i := range d.Blocks {
		b := &d.Blocks[i]
		share := cover(set, d.words[b.first:b.last])
		if share < 0 {
			continue
		}
		p := min(max(b.Probability, 1e-4), 1-1e-4)
		odds := math.Log(p / (1 - p))
		if share >= votedShare {
			odds += e.In
		} else {
			odds -= e.Out
		}
		b.Probability = 1 / (1 + math.Exp(-odds))
	}
}

// Confidence is the F1 that texts of this expected F1 had on pages of hosts
// that the model was not fitted on.
func Confidence(expected float64) float64 {
	t := model.Trust
	for i, p := range t {
		if expected <= p[0] {
			if i == 0 {
				return p[1]
			}
			l := t[i-1]
			return l[1] + (p[1]-l[1])*(expected-l[0])/(p[0]-l[0])
		}
	}
	if len(t) == 0 {
		return expected
	}
	return t[len(t)-1][1]
}
