// Package titles chooses the title of an article among the texts that a page
// has for one.
//
// In goes a [Page]: what each place of it says, and what is known beside. Out
// comes the candidate to which a forest of decision trees gives the best odds.
// The trees look at which places say the candidate, or a part of it, or more;
// at its length and its marks; and at how far the page's address, summary and
// text speak of the same. They are fitted, by the command internal/fit with
// -titles, so that among the candidates of one page the right one stands out:
// the loss is that of a softmax over them. The package is pure.
package titles

import (
	_ "embed"
	"encoding/json"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/newswatch/newswatch/extractors/readable/internal/content"
)

// A Place is where a page says a title.
type Place uint8

const (
	OpenGraph   Place = iota // meta og:title
	Twitter                  // meta twitter:title
	Meta                     // another meta of the kind
	Headline                 // JSON-LD headline of the article
	Other                    // JSON-LD headline of another article
	Name                     // JSON-LD name of the article or the page
	Alternative              // JSON-LD alternativeHeadline
	Element                  // the title element
	H1                       // the first heading
	MoreH1                   // another one of first order
	H2                       // a heading of second order
	Marked                   // itemprop, or a class of a headline
	Ruled                    // what the rules of package readable make of these
	places
)

func (p Place) String() string {
	return [places]string{
		"meta og:title", "meta twitter:title", "meta", "JSON-LD headline", "JSON-LD headline of another", "JSON-LD name", "JSON-LD alternativeHeadline",
		"title", "h1", "another h1", "h2", "itemprop or class", "rules",
	}[p]
}

// A Said is what a place says.
type Said struct {
	Place    Place
	Text     string   // on one line
	Bare     string   // the same without the names of site and section
	Parts    []string // of a heading, where elements set parts apart
	Standing Standing // of a heading
}

// A Standing says what a heading's names and its surroundings say of it.
type Standing int8

const (
	OfSite Standing = iota - 2 // the site's name or its emblem
	Beside                     // navigation, other articles
	Plain                      // nothing
	Called                     // it is called a headline or a title
)

// A Page is all that the choice is made by.
type Page struct {
	Said    []Said
	Sites   []string // names of the site, squeezed
	News    bool     // it calls itself news
	Linked  bool     // it has JSON-LD of an article
	Article bool     // og:type is article
	Press   int      // marks of a publisher of news, see package readable
	Path    string   // of its address
	Summary string   // its own
	Lead    string   // the beginning of its text
}

// A Candidate is a text that may be the title: one for all texts that differ
// in nothing but case and marks.
type Candidate struct {
	Text       string
	Likelihood float64 // that it is the title, of all the candidates

	key  string
	from Place // that gave the text its form
	bare bool  // no place says it without more
	part bool  // a part of a heading
}

const (
	mostCandidates = 32
	mostParts      = 4
	longest        = 400 // characters
)

// spelling orders the places by whose spelling is kept, where places differ in
// nothing but case and marks.
var spelling = [places]uint8{
	Ruled: 0, H1: 1, Marked: 1, OpenGraph: 2, Headline: 3, Element: 4, Twitter: 5, Meta: 6, Other: 7, Name: 8, Alternative: 9, MoreH1: 10, H2: 11,
}

// Candidates are the texts of a page that may be its title.
func (p *Page) Candidates() []Candidate {
	var out []Candidate
	add := func(c Candidate) {
		c.Text = strings.TrimSpace(c.Text)
		if n := utf8.RuneCountInString(c.Text); n < 2 || n > longest {
			return
		}
		if c.key = Squeeze(c.Text); c.key == "" {
			return
		}
		for i := range out {
			if o := &out[i]; o.key == c.key {
				if spelling[c.from] < spelling[o.from] {
					o.Text, o.from = c.Text, c.from
				}
				o.bare, o.part = o.bare && c.bare, o.part && c.part
				return
			}
		}
		if len(out) < mostCandidates {
			out = append(out, c)
		}
	}
	for _, s := range p.Said {
		add(Candidate{Text: s.Text, from: s.Place})
		if s.Bare != s.Text {
			add(Candidate{Text: s.Bare, from: s.Place, bare: true})
		}
	}
	for _, s := range p.Said {
		if s.Place == Element || s.Place == OpenGraph || s.Place == H1 {
			cutAt(s.Text, func(part string) { add(Candidate{Text: part, from: s.Place, bare: true}) })
		}
		if n := len(s.Parts); n > 1 && n <= mostParts {
			for i := range n {
				add(Candidate{Text: s.Parts[i], from: s.Place, part: true})
				if i > 0 {
					add(Candidate{Text: strings.Join(s.Parts[i:], " "), from: s.Place, part: true})
					add(Candidate{Text: strings.Join(s.Parts[:i], " "), from: s.Place, part: true})
				}
			}
		}
	}
	return out
}

// cutAt calls f with what stands before and behind the first and the last of
// each separator in a title.
func cutAt(s string, f func(string)) {
	for _, sep := range []string{" | ", " - ", " – ", " — ", " :: ", " » ", " « ", " › ", " · ", " • ", " / ", "_", "--", "｜", "|"} {
		i := strings.Index(s, sep)
		if i < 0 {
			continue
		}
		f(s[:i])
		f(s[i+len(sep):])
		if last := strings.LastIndex(s, sep); last > i {
			f(s[:last])
			f(s[last+len(sep):])
		}
	}
}

// Squeeze keeps letters and digits, in lower case.
func Squeeze(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, s)
}

// Judged are the candidates with their likelihoods, in the order of the page.
func (p *Page) Judged() []Candidate {
	cs := p.Candidates()
	sum := 0.0
	for i, row := range p.Features(cs) {
		s := forest.Score(row)
		cs[i].Likelihood = s / (1 - s)
		sum += cs[i].Likelihood
	}
	for i := range cs {
		cs[i].Likelihood /= sum
	}
	return cs
}

// Choose is the likeliest title; empty where the page says nothing.
func (p *Page) Choose() string {
	var best Candidate
	for _, c := range p.Judged() {
		if c.Likelihood > best.Likelihood {
			best = c
		}
	}
	return best.Text
}

//go:embed model.json
var modelJSON []byte

var forest content.Forest

func init() {
	if err := json.Unmarshal(modelJSON, &forest); err != nil {
		panic("titles: model.json: " + err.Error())
	}
}

// Use sets the forest, for the command that fits it.
func Use(f content.Forest) { forest = f }
