package readable

import (
	"cmp"
	"fmt"
	"slices"

	"golang.org/x/net/html"

	textblocks "github.com/newswatch/newswatch/extractors/readable/internal/content"
	"github.com/newswatch/newswatch/extractors/readable/internal/voter"
)

// A booth is where other ways to a page's text are asked. Asking readability
// leaves the tree in pieces.
type booth struct {
	g     *gathered
	page  *Page
	root  *html.Node
	opt   Options
	trace *Trace

	asked bool   // readability was
	text  string // what it found

	// ask is readability, where no test puts something else in its place.
	ask func(root *html.Node, address string) (text, byline string, err error)
}

// readability is the text that the readability algorithm finds; empty where the
// page broke it, which is noted, or is too large for it.
func (b *booth) readability() string {
	if b.asked || b.g.nodes > cmp.Or(b.opt.MaxNodes, defaultNodes) {
		return b.text
	}
	b.asked = true
	text, byline, err := b.ask(b.root, b.opt.URL)
	if err != nil {
		b.page.Notes = append(b.page.Notes, NoteVoter)
		b.record(Vote{Method: MethodReadability, Note: err.Error()})
		return ""
	}
	b.text = text
	if b.page.Author == "" {
		b.page.Author = b.g.byReadability(byline, b.page.Site)
	}
	return b.text
}

func (b *booth) record(v Vote) {
	if b.trace != nil {
		b.trace.Votes = append(b.trace.Votes, v)
	}
}

// weigh weighs readability's text in where the blocks chosen are little sure,
// and chooses anew.
func (b *booth) weigh(d *textblocks.Document, kept []bool, expected float64, known func(int) bool) ([]bool, float64) {
	e := textblocks.Escalate()
	if expected >= e.Below {
		return kept, expected
	}
	other := b.readability()
	if other == "" {
		return kept, expected
	}
	v := Vote{
		Method: MethodReadability, Weight: Weight(other),
		Agreement: voter.Agreement(d.Join(func(i int) bool { return kept[i] }), other),
	}
	if v.Agreement >= e.Agreement {
		d.Vote(other, e)
		anew, sure := d.Choose(known)
		v.Chosen = !slices.Equal(anew, kept)
		kept, expected = anew, sure
	}
	if v.Chosen {
		b.page.Method = MethodVote
	}
	b.record(v)
	return kept, expected
}

// others asks the other ways to the text where our own found too little. Plain
// is the text of the page's paragraphs, from before the tree went to pieces.
func (b *booth) others(strip *stripper, plain string) {
	p := b.page
	vote := func(method, text string) {
		v := Vote{Method: method, Weight: Weight(text), Agreement: voter.Agreement(p.Text, text)}
		if v.Weight > moreText*Weight(p.Text) && Weight(p.Text) < shortText {
			v.Chosen = true
			p.Text, p.Method = strip.top(text), method
			p.Confidence = min(p.Confidence, lowConfidence)
			p.Blocks = digests(text)
			p.Text = withoutKnown(p.Text, b.opt.Known)
		}
		b.record(v)
	}
	vote(MethodParagraphs, plain)
	vote(MethodJSONLD, b.g.ld.text())
	if text := b.readability(); text != "" {
		vote(MethodReadability, text)
	}
}

// askReadability asks readability; a page that breaks it is ErrPanic.
func askReadability(root *html.Node, address string) (text, byline string, err error) {
	if text, byline, err = voter.Readability(root, address); err != nil {
		err = fmt.Errorf("%w: %w", ErrPanic, err)
	}
	return text, byline, err
}
