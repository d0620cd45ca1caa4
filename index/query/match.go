package query

import (
	"cmp"
	"slices"
	"strings"

	"github.com/newswatch/newswatch/extractors/textnorm"
	"github.com/newswatch/newswatch/pipeline"
)

// maxSpans bounds the spans one leaf gives of one field.
const maxSpans = 100

// Match says whether d matches and where: the places of every word, phrase and
// entity that took part, title first, each once. A match by other things alone
// (lang:, NOT) has no spans.
func (q *Query) Match(d *Doc) (spans []pipeline.Span, ok bool) {
	if !matches(q.Root, d) {
		return nil, false
	}
	return q.spans(d), true
}

// Misses lists what kept d from matching, in the order of the query: leaves
// that are not there, a Not whose node is. There are none where d matches.
func (q *Query) Misses(d *Doc) []Node {
	return misses(nil, q.Root, d)
}

func misses(out []Node, n Node, d *Doc) []Node {
	if matches(n, d) {
		return out
	}
	switch n := n.(type) {
	case *And:
		for _, m := range n.Nodes {
			out = misses(out, m, d)
		}
		return out
	case *Or:
		for _, m := range n.Nodes {
			out = misses(out, m, d)
		}
		return out
	default:
		return append(out, n)
	}
}

func matches(n Node, d *Doc) bool {
	switch n := n.(type) {
	case *And:
		return !slices.ContainsFunc(n.Nodes, func(m Node) bool { return !matches(m, d) })
	case *Or:
		return slices.ContainsFunc(n.Nodes, func(m Node) bool { return matches(m, d) })
	case *Not:
		return !matches(n.Node, d)
	case *Keyword:
		return slices.Contains(d.keyword(n.Field), n.Value)
	case *Time:
		return n.matches(d)
	case *Has:
		return len(d.keyword(FieldEntity)) > 0
	case *Is:
		return d.Article.CopyOf != ""
	case *All:
		return true
	default:
		for _, f := range d.in(fieldOf(n)) {
			if f.has(n) {
				return true
			}
		}
		return false
	}
}

func (n *Time) matches(d *Doc) bool {
	after := n.After
	if n.Last != "" && !d.Now.IsZero() {
		after, _ = ago(d.Now.UTC(), n.Last)
	}
	t := d.Article.Published
	return !t.Before(after) && (n.Before.IsZero() || t.Before(n.Before))
}

// fieldOf is the field that words are looked for in.
func fieldOf(n Node) string {
	switch n := n.(type) {
	case *Term:
		return n.Field
	case *Phrase:
		return n.Field
	case *Prefix:
		return n.Field
	case *Exact:
		return n.Field
	case *Near:
		return n.Field
	case *Or: // a part of a Near
		return fieldOf(n.Nodes[0])
	default:
		return FieldAny
	}
}

// An occurrence is a place of a leaf in a field.
type occurrence struct {
	first, last int // positions of its first and last word
	start, end  int // bytes
	leaf        Node
}

func (f *field) has(n Node) bool {
	switch n := n.(type) {
	case *Term:
		_, ok := f.first[n.Term]
		return ok
	case *Near:
		found := false
		f.near(n, func([]occurrence) bool { found = true; return false })
		return found
	default:
		found := false
		f.each(n, func(occurrence) bool { found = true; return false })
		return found
	}
}

// each calls yield for the places of a leaf (or an Or of leaves) until it says
// false; it answers whether it never did.
func (f *field) each(n Node, yield func(occurrence) bool) bool {
	switch n := n.(type) {
	case *Term:
		return f.phrase(n, []string{n.Term}, yield)
	case *Phrase:
		return f.phrase(n, n.Terms, yield)
	case *Exact:
		return f.phrase(n, n.Terms, func(o occurrence) bool {
			return !sameText(f.text[o.start:o.end], n.Text) || f.signed(o) || yield(o)
		})
	case *Prefix:
		forms := f.folded()
		i, _ := slices.BinarySearchFunc(forms, n.Prefix, func(w form, p string) int { return strings.Compare(w.text, p) })
		for ; i < len(forms) && strings.HasPrefix(forms[i].text, n.Prefix); i++ {
			if !yield(f.occurrence(n, forms[i].tok, forms[i].tok)) {
				return false
			}
		}
	case *Or:
		for _, m := range n.Nodes {
			if !f.each(m, yield) {
				return false
			}
		}
	}
	return true
}

func (f *field) occurrence(leaf Node, from, to int32) occurrence {
	a, b := f.toks[from], f.toks[to]
	o := occurrence{first: a.Pos, last: b.Pos, start: a.Start, end: b.End, leaf: leaf}
	if b.Bigram { // of two words or characters
		o.last++
	}
	return o
}

func (f *field) phrase(leaf Node, terms []string, yield func(occurrence) bool) bool {
	for _, t := range terms {
		if _, ok := f.first[t]; !ok {
			return true
		}
	}
	for i := f.first[terms[0]]; i >= 0; i = f.next[i] {
		if j, ok := f.follow(i, terms[1:]); ok && !yield(f.occurrence(leaf, i, j)) {
			return false
		}
	}
	return true
}

// follow says whether the terms stand one by one behind token i, and which
// token is the last.
func (f *field) follow(i int32, terms []string) (last int32, ok bool) {
	pos := f.toks[i].Pos
	for _, t := range terms {
		pos++
		for i++; int(i) < len(f.toks) && (f.toks[i].Pos < pos || f.toks[i].Pos == pos && f.toks[i].Term != t); i++ {
		}
		if int(i) == len(f.toks) || f.toks[i].Pos != pos {
			return 0, false
		}
	}
	return i, true
}

// signed says whether a word at either end of o has a sign that o leaves out.
func (f *field) signed(o occurrence) bool {
	cut := func(pos int) bool {
		i, _ := slices.BinarySearchFunc(f.toks, pos, func(t textnorm.Token, p int) int { return cmp.Compare(t.Pos, p) })
		return i+1 < len(f.toks) && f.toks[i+1].Sign && (f.toks[i+1].Start < o.start && o.start <= f.toks[i].Start || f.toks[i].End <= o.end && o.end < f.toks[i+1].End)
	}
	return cut(o.first) || cut(o.last)
}

// sameText compares text, its white space as single spaces, with want.
func sameText(text, want string) bool {
	return text == want || strings.Join(strings.Fields(text), " ") == want
}

// spans is where the parts of a query that matched stand.
func (q *Query) spans(d *Doc) []pipeline.Span {
	var spans []pipeline.Span
	collect(&spans, q.Root, d)
	slices.SortFunc(spans, func(a, b pipeline.Span) int {
		return cmp.Or(
			-strings.Compare(a.Field, b.Field), // title before text
			cmp.Compare(a.Start, b.Start),
			cmp.Compare(b.End, a.End),
			strings.Compare(a.Term, b.Term),
			strings.Compare(a.Entity, b.Entity),
		)
	})
	return slices.Compact(spans)
}

func collect(out *[]pipeline.Span, n Node, d *Doc) {
	switch n := n.(type) {
	case *And:
		for _, m := range n.Nodes {
			collect(out, m, d)
		}
	case *Or:
		for _, m := range n.Nodes {
			if matches(m, d) {
				collect(out, m, d)
			}
		}
	case *Keyword:
		switch n.Field {
		case FieldEntity, FieldAbout:
			mentioned(out, n, d, func(m pipeline.Mention) bool { return fold(m.Entity) == n.Value })
		case FieldKind:
			mentioned(out, n, d, func(m pipeline.Mention) bool { return fold(m.Kind) == n.Value })
		}
	case *Has:
		mentioned(out, n, d, func(pipeline.Mention) bool { return true })
	case *Not, *Time, *Is, *All:
	default:
		for _, f := range d.in(fieldOf(n)) {
			f.spans(out, n)
		}
	}
}

// spans appends the places of a leaf or Near in the field, maxSpans at most.
func (f *field) spans(out *[]pipeline.Span, n Node) {
	room := maxSpans
	add := func(o occurrence) bool {
		*out = append(*out, pipeline.Span{
			Field: f.name, Start: o.start, End: o.end, Text: f.text[o.start:o.end], Term: o.leaf.At().Raw,
		})
		room--
		return room > 0
	}
	if near, ok := n.(*Near); ok {
		f.near(near, func(os []occurrence) bool {
			for _, o := range os {
				add(o)
			}
			return room > 0
		})
		return
	}
	f.each(n, add)
}

func mentioned(out *[]pipeline.Span, n Node, d *Doc, wanted func(pipeline.Mention) bool) {
	room := maxSpans
	for _, m := range d.Article.Mentions {
		if room == 0 {
			return
		}
		if !m.Counts() || !wanted(m) {
			continue
		}
		text := d.Article.Text
		if m.Field == pipeline.FieldTitle {
			text = d.Article.Title
		}
		if m.Start < 0 || m.End > len(text) || m.Start >= m.End {
			continue // not of this text; a span must be
		}
		*out = append(*out, pipeline.Span{
			Field: m.Field, Start: m.Start, End: m.End, Text: text[m.Start:m.End], Term: n.At().Raw, Entity: m.Entity,
		})
		room--
	}
}
