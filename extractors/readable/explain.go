package readable

import (
	"bytes"
	"cmp"
	"fmt"
	"strings"

	textblocks "github.com/newswatch/newswatch/extractors/readable/internal/content"
)

// A Trace is how a text was come to, for the eyes of who writes rules.
type Trace struct {
	Candidates []Candidate  `json:"candidates"`      // containers that could be the body, best first
	Votes      []Vote       `json:"votes,omitempty"` // other ways asked, and what they said
	Blocks     []BlockTrace `json:"blocks"`          // the text blocks in the order of the page
	Rules      []string     `json:"rules,omitempty"` // what the source's rules did
	Origins    []Origin     `json:"origins"`         // who bears out title, author and dates
	Titles     []TitleTrace `json:"titles"`          // what the page has for a title
}

// A TitleTrace is a text that a page has for a title.
type TitleTrace struct {
	Text       string   `json:"text"`
	From       []string `json:"from"`                 // places that say it, with the site's name or without
	Likelihood float64  `json:"likelihood,omitempty"` // by the fitted choice; none where the rules choose
	Chosen     bool     `json:"chosen"`
}

// A Candidate is an element that could hold the body.
type Candidate struct {
	Path   string  `json:"path"`   // of the element, like a selector
	Score  float64 `json:"score"`  // share of the page's likely text that it holds
	Weight int     `json:"weight"` // of all its text, see Weight
	Links  float64 `json:"links"`  // share of its text that is links'
	Blocks int     `json:"blocks"`
}

// A Vote is what another way to the text said.
type Vote struct {
	Method    string  `json:"method"`
	Weight    int     `json:"weight"`
	Agreement float64 `json:"agreement"`      // with the text of our own, 0 to 1
	Chosen    bool    `json:"chosen"`         // it became the text, or changed it
	Note      string  `json:"note,omitempty"` // why it could not be asked
}

// A BlockTrace is one text block and its fate.
type BlockTrace struct {
	Text     string             `json:"text"` // its beginning
	Path     string             `json:"path"` // of its element, like a selector
	Digest   uint64             `json:"digest"`
	Weight   int                `json:"weight"`
	Score    float64            `json:"score"` // that it is body, 0 to 1
	Kept     bool               `json:"kept"`
	Why      string             `json:"why,omitempty"`      // it was cut, in a word or two
	Features map[string]float64 `json:"features,omitempty"` // that weighed
}

// Explain extracts as [Extract] does and says how it came to the answer.
func Explain(body []byte, opt Options) (Page, Trace, error) {
	var t Trace
	page, err := extract(body, opt, &t)
	if err == nil {
		err = t.witness(body, &page, opt)
	}
	return page, t, err
}

// witness reads the page once more, for the extraction left its tree in pieces.
func (t *Trace) witness(body []byte, p *Page, opt Options) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: %v", ErrPanic, r)
		}
	}()
	body = body[:min(len(body), cmp.Or(opt.MaxBytes, defaultBytes))]
	text, _ := Decode(body, opt.ContentType)
	root, err := parse(bytes.NewReader(affordable(text)))
	if err != nil {
		return err
	}
	t.Origins = origins(p, root, opt)
	t.Titles = titlesSaid(p, root, opt)
	if opt.Rules != nil {
		t.Rules, err = opt.Rules.said(root)
	}
	return err
}

// digests names the blocks of a text.
func digests(text string) []uint64 {
	if text == "" {
		return nil
	}
	var out []uint64
	for b := range strings.SplitSeq(text, "\n\n") {
		out = append(out, textblocks.Digest(b))
	}
	return out
}
