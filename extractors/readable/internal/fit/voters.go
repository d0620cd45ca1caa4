package main

import (
	"encoding/json"
	"log"
	"math"
	"os"
	"slices"

	"github.com/newswatch/newswatch/extractors/readable"
	"github.com/newswatch/newswatch/extractors/readable/internal/content"
	"github.com/newswatch/newswatch/extractors/readable/internal/voter"
	"github.com/newswatch/newswatch/extractors/readable/readabletest"
)

// unsure is the expected F1 from which no vote is asked for in fitting, either.
const unsure = .97

// A ballot is a page of a host that its model was not fitted on, with what it
// comes to by our own way and with a vote.
type ballot struct {
	page      readabletest.Page
	doc       *content.Document
	own       []float64 // probabilities
	expected  float64
	f1        float64
	voters    int
	agreement float64                        // of the text that agrees most
	voted     map[content.Escalation]outcome // weights → what came of it
}

type outcome struct{ expected, f1 float64 }

// readVotes reads the texts of another extractor, by set and name of the page,
// as the module cmd/internal/bench/peers writes them.
func readVotes(file string) map[string]string {
	b, err := os.ReadFile(file)
	if err != nil {
		log.Fatal(err)
	}
	m := make(map[string]string)
	if err := json.Unmarshal(b, &m); err != nil {
		log.Fatalf("%s: %v", file, err)
	}
	return m
}

// ballots are the pages of a fold, judged with the model in use. Others are the
// texts of each whose vote is weighed; nil: readability's.
func ballots(pages []readabletest.Page, others ...map[string]string) []*ballot {
	pages = slices.DeleteFunc(slices.Clone(pages), func(p readabletest.Page) bool { return p.Body == "" || p.Set == "gne" })
	out := make([]*ballot, len(pages))
	parallel(len(pages), func(i int) {
		p := pages[i]
		root, err := parsePage(p)
		if err != nil {
			return
		}
		b := &ballot{page: p, voted: make(map[content.Escalation]outcome)}
		var hints content.Hints
		b.doc, hints = readable.Document(root, readable.Options{URL: p.URL})
		content.Find(b.doc, hints)
		for k := range b.doc.Blocks {
			b.own = append(b.own, b.doc.Blocks[k].Probability)
		}
		var own string
		own, b.expected = b.text()
		b.f1 = f1(p, own)
		if b.expected < unsure {
			var votes []string
			for _, o := range others {
				text := o[p.Set+" "+p.ID]
				if o == nil {
					text, _, _ = voter.Readability(root, p.URL)
				}
				if text != "" {
					votes = append(votes, text)
					b.agreement = max(b.agreement, voter.Agreement(own, text))
				}
			}
			b.voters = len(votes)
			for _, e := range weights() {
				for k, v := range b.own {
					b.doc.Blocks[k].Probability = v
				}
				for _, text := range votes {
					b.doc.Vote(text, e)
				}
				text, expected := b.text()
				b.voted[e] = outcome{expected, f1(p, text)}
			}
		}
		b.doc = nil
		out[i] = b
	})
	return slices.DeleteFunc(out, func(b *ballot) bool { return b == nil })
}

func (b *ballot) text() (string, float64) {
	kept, expected := b.doc.Choose(nil)
	return b.doc.Join(func(i int) bool { return kept[i] }), expected
}

// with is what the page comes to under an escalation.
func (b *ballot) with(e content.Escalation) (o outcome, asked bool) {
	o = outcome{b.expected, b.f1}
	if b.expected >= e.Below {
		return o, false
	}
	if b.voters > 0 && b.agreement >= e.Agreement {
		o = b.voted[content.Escalation{In: e.In, Out: e.Out}]
	}
	return o, true
}

func f1(p readabletest.Page, text string) float64 {
	precision, recall, _ := p.Score(text)
	return 2 * precision * recall / max(precision+recall, 1e-9)
}

func weights() (list []content.Escalation) {
	for _, in := range []float64{0, 1} {
		for _, out := range []float64{0, 1, 2} {
			list = append(list, content.Escalation{In: in, Out: out})
		}
	}
	return list
}

// fitEscalation finds the escalation that pages surely gain the most by: what
// they gain less one standard error of it, for it is few pages that are unsure
// and one of them may gain much by chance. Where none surely gains there is no
// escalation.
func fitEscalation(bs []*ballot) (best content.Escalation) {
	most := 0.0
	for _, below := range []float64{.7, .75, .8, .85, .9, .95} {
		for _, agreement := range []float64{0, .1, .3} {
			for _, w := range weights() {
				e := content.Escalation{Below: below, Agreement: agreement, In: w.In, Out: w.Out}
				var sum, squares float64
				for _, b := range bs {
					o, _ := b.with(e)
					sum += o.f1 - b.f1
					squares += (o.f1 - b.f1) * (o.f1 - b.f1)
				}
				if sure := sum - math.Sqrt(squares); sure > most+1e-9 {
					best, most = e, sure
				}
			}
		}
	}
	return best
}
