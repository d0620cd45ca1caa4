package query

import (
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/newswatch/newswatch/extractors/textnorm"
	"github.com/newswatch/newswatch/pipeline"
)

// A Doc is an article made ready for queries. What a query needs of it is
// computed when first asked for and shared by all. It may be used by several
// goroutines at once; the article must not change meanwhile.
type Doc struct {
	Article *pipeline.Article
	// Now is what last: counts back from; zero: the moment of parsing.
	Now time.Time

	analysis sync.Once
	title    field
	body     field
	both     [2]*field

	labels sync.Once
	values map[string][]string
}

// NewDoc makes a Doc of a.
func NewDoc(a *pipeline.Article) *Doc {
	return &Doc{Article: a}
}

// A field is the tokens of a title or a text, and where each term stands.
type field struct {
	name string // as spans and mentions call it
	text string
	toks []textnorm.Token
	// The occurrences of a term are a chain: first[term] is its first token,
	// next[i] the one after token i, -1 the end.
	first map[string]int32
	next  []int32

	folding sync.Once
	forms   []form // sorted
}

// A form is a token's folded form.
type form struct {
	text string
	tok  int32
}

func (f *field) analyze(name, text string) {
	f.name, f.text = name, text
	f.toks = textnorm.Analyze(nil, text)
	f.first = make(map[string]int32, len(f.toks)/2)
	f.next = make([]int32, len(f.toks))
	for i := len(f.toks) - 1; i >= 0; i-- { // backwards, so that chains go forwards
		term := f.toks[i].Term
		after, ok := f.first[term]
		if !ok {
			after = -1
		}
		f.next[i] = after
		f.first[term] = int32(i)
	}
}

// folded is the folded forms of the field's words, with and without their
// signs, sorted.
func (f *field) folded() []form {
	f.folding.Do(func() {
		f.forms = make([]form, 0, len(f.toks))
		for i, t := range f.toks {
			if !t.Bigram && !t.Joined {
				f.forms = append(f.forms, form{textnorm.Fold(f.text[t.Start:t.End]), int32(i)})
			}
		}
		slices.SortFunc(f.forms, func(a, b form) int {
			if c := strings.Compare(a.text, b.text); c != 0 {
				return c
			}
			return int(a.tok - b.tok)
		})
	})
	return f.forms
}

// in is the fields that a query's field stands for.
func (d *Doc) in(name string) []*field {
	d.analysis.Do(func() {
		d.title.analyze(pipeline.FieldTitle, d.Article.Title)
		d.body.analyze(pipeline.FieldText, d.Article.Text)
		d.both = [2]*field{&d.title, &d.body}
	})
	switch name {
	case FieldTitle:
		return d.both[:1]
	case FieldBody:
		return d.both[1:]
	default:
		return d.both[:]
	}
}

// keyword is the article's values for the keyword field.
func (d *Doc) keyword(name string) []string {
	d.labels.Do(func() {
		d.values = make(map[string][]string)
		for _, f := range fieldNames {
			if isKeyword(f) && !takesOne(f) {
				d.values[f] = Values(d.Article, f)
			}
		}
	})
	return d.values[name]
}
