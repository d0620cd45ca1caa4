package index

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/RoaringBitmap/roaring/v2"
	segmentapi "github.com/blevesearch/scorch_segment_api/v2"

	"github.com/newswatch/newswatch/extractors/textnorm"
	"github.com/newswatch/newswatch/index/query"
	"github.com/newswatch/newswatch/pipeline"
)

const (
	helpTime  = 500 * time.Millisecond // how long is looked for what to change
	helpParts = 12                     // words and conditions looked at, at most
	helpWord  = 4                      // letters of a word that another is looked for
)

// nothing says what to change in a search that found nothing: which words no
// article has, and which are like them; what would be found with one condition
// less. Where the time is over it says as much as it knows.
func (ix *Index) nothing(ctx context.Context, r *run) *pipeline.Nothing {
	ctx, cancel := context.WithTimeout(ctx, helpTime)
	defer cancel()
	n := &pipeline.Nothing{Absent: []pipeline.Absent{}, Without: []pipeline.Without{}}
	absent, err := ix.absent(ctx, r.asked)
	if err == nil {
		n.Absent = absent
		n.Without, err = ix.without(ctx, r)
	}
	if err != nil && ctx.Err() == nil {
		ix.log.Warn("why nothing was found is not known", "query", r.req.Query, "err", err)
	}
	return n
}

// A wanted is a word or a value of a query and the piece of the query it is of.
type wanted struct {
	node  query.Node // *Term, *Prefix or *Keyword
	text  string     // as it was typed
	word  bool       // it is a word that may be misspelled
	piece query.Piece
}

// wantedOf is the words and values that are asked for, helpParts at most.
func wantedOf(q *query.Query) (all []wanted) {
	query.Walk(q.Root, func(n query.Node) bool {
		field := fieldOf(n)
		switch n := n.(type) {
		case *query.Not:
			return false
		case *query.Term:
			all = append(all, wanted{n, n.Text, true, n.Piece})
		case *query.Phrase:
			all = append(all, wantedWords(field, n.Text, n.Piece, true)...)
		case *query.Exact:
			all = append(all, wantedWords(field, n.Text, n.Piece, false)...)
		case *query.Prefix:
			all = append(all, wanted{n, n.Text + "*", false, n.Piece})
		case *query.Keyword:
			all = append(all, wanted{n, n.Raw, false, n.Piece})
		}
		return true
	})
	return all[:min(len(all), helpParts)]
}

func wantedWords(field, text string, p query.Piece, word bool) (all []wanted) {
	for _, t := range textnorm.Analyze(nil, text) {
		if !t.Beside() {
			all = append(all, wanted{&query.Term{Field: field, Term: t.Term}, text[t.Start:t.End], word, p})
		}
	}
	return all
}

// absent is the words and values of the query that no article has.
func (ix *Index) absent(ctx context.Context, q *query.Query) ([]pipeline.Absent, error) {
	r, err := ix.newRun(pipeline.SearchRequest{})
	if err != nil {
		return nil, err
	}
	defer r.close()
	all := wantedOf(q)
	counts := make([]int, len(all))
	err = r.open(func(v *view) error {
		own := make([]int, len(all))
		for _, s := range v.segments {
			for i, w := range all {
				b, err := s.eval(ctx, w.node, s.live)
				if err != nil {
					return err
				}
				own[i] += int(b.most.AndCardinality(s.live))
			}
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		for i, n := range own {
			counts[i] += n
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	out := []pipeline.Absent{}
	for i, w := range all {
		a := pipeline.Absent{Term: w.text}
		if counts[i] > 0 || slices.ContainsFunc(out, func(b pipeline.Absent) bool { return b.Term == a.Term }) {
			continue
		}
		if w.word {
			if a.Instead, a.Count, err = r.like(ctx, fieldOf(w.node), w.text); err != nil {
				return out, err
			}
			if a.Instead != "" {
				a.Query = replaced(q, w, a.Instead)
			}
		}
		out = append(out, a)
	}
	return out, nil
}

// replaced is the query with another word in the place of one; empty: it can't
// be said.
func replaced(q *query.Query, w wanted, other string) string {
	p := w.piece
	at := strings.LastIndex(p.Raw, w.text)
	if at < 0 || p.End > len(q.Text) || q.Text[p.Pos:p.End] != p.Raw {
		return ""
	}
	text := q.Text[:p.Pos+at] + other + q.Text[p.Pos+at+len(w.text):]
	if _, err := query.Parse(text, q.Now); err != nil {
		return ""
	}
	return text
}

// like is the word of the index that is most like a word that is not in it: the
// most frequent of those that differ by one letter too many, too few, wrong, or
// in the wrong place; empty: there is none.
func (r *run) like(ctx context.Context, field, word string) (best string, count int, err error) {
	edits := editsOf(textnorm.Fold(word))
	if len(edits) == 0 {
		return "", 0, nil
	}
	counts := make(map[string]int)
	err = r.each(r.views, func(v *view) error {
		own := make(map[string]int)
		for _, s := range v.segments {
			if err := s.countForms(ctx, fieldsOf(field), edits, own); err != nil {
				return err
			}
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		for form, n := range own {
			counts[form] += n
		}
		return nil
	})
	for form, n := range counts {
		if n > count || n == count && form < best {
			best, count = form, n
		}
	}
	return best, count, err
}

// countForms adds up in how many documents the forms stand, however written.
func (s *segment) countForms(ctx context.Context, fields, forms []string, counts map[string]int) error {
	dicts := make([]segmentapi.TermDictionary, len(fields))
	for i, field := range fields {
		var err error
		if dicts[i], err = s.dictionary(field + formSuffix); err != nil {
			return err
		}
	}
	for i, form := range forms {
		if i%64 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		var sets []*roaring.Bitmap
		for _, d := range dicts {
			for _, mark := range []string{"", formMark + capital, formMark + capitals} {
				key := []byte(form + mark)
				if ok, err := d.Contains(key); err != nil || !ok { // which is cheap
					if err != nil {
						return err
					}
					continue
				}
				list, err := d.PostingsList(key, nil, nil)
				if err != nil {
					return err
				}
				sets = append(sets, bitmap(list))
			}
		}
		if len(sets) > 0 {
			counts[form] += int(union(sets).AndCardinality(s.live))
		}
	}
	return nil
}

// editsOf is what differs from a folded word by one letter, or by two that
// changed places; none: it is too short, or not of Latin or Cyrillic letters.
func editsOf(word string) []string {
	var letters string
	for _, r := range word {
		switch class := textnorm.ClassOf(r) & textnorm.Bounded; {
		case class == textnorm.Latin && (letters == "" || letters == latin):
			letters = latin
		case class == textnorm.Cyrillic && (letters == "" || letters == cyrillic):
			letters = cyrillic
		default:
			return nil
		}
	}
	w := []rune(word)
	if len(w) < helpWord || utf8.RuneCountInString(word) > 40 {
		return nil
	}
	seen := map[string]bool{word: true}
	var out []string
	add := func(parts ...[]rune) {
		s := string(slices.Concat(parts...))
		if !seen[s] {
			seen[s] = true
			out = append(out, s)
		}
	}
	for i := range len(w) + 1 {
		for _, r := range letters {
			add(w[:i], []rune{r}, w[i:])
		}
		if i == len(w) {
			break
		}
		add(w[:i], w[i+1:])
		for _, r := range letters {
			add(w[:i], []rune{r}, w[i+1:])
		}
		if i+1 < len(w) {
			add(w[:i], []rune{w[i+1], w[i]}, w[i+2:])
		}
	}
	return out
}

const (
	latin    = "abcdefghijklmnopqrstuvwxyz"
	cyrillic = "абвгдежзийклмнопрстуфхцчшщъыьэюяіїєґ"
)

// without is what would be found with one condition less. A condition is what
// all articles must match, and the dates of the request.
func (ix *Index) without(ctx context.Context, r *run) ([]pipeline.Without, error) {
	out := []pipeline.Without{}
	try := func(term string, root query.Node, dates bool) error {
		req := pipeline.SearchRequest{Collapse: r.req.Collapse, Limit: -1}
		if dates {
			req.From, req.To = r.req.From, r.req.To
		}
		q := &query.Query{Text: r.asked.Text, Root: root, Now: r.asked.Now}
		less, err := ix.newRun(req)
		if err != nil {
			return err
		}
		less.query = narrow(q, req)
		if err := less.run(ctx); err != nil {
			return err
		}
		if less.res.Total > 0 && less.res.TotalExact {
			out = append(out, pipeline.Without{Term: term, Query: q.String(), Count: less.res.Total})
		}
		return nil
	}
	if !r.req.From.IsZero() || !r.req.To.IsZero() {
		if err := try("", r.asked.Root, false); err != nil {
			return out, err
		}
	}
	and, ok := r.asked.Root.(*query.And)
	if !ok {
		return out, nil
	}
	for i, n := range and.Nodes[:min(len(and.Nodes), helpParts)] {
		rest := slices.Delete(slices.Clone(and.Nodes), i, i+1)
		var root query.Node = &query.And{Nodes: rest}
		if len(rest) == 1 {
			root = rest[0]
		}
		if !slices.ContainsFunc(rest, func(n query.Node) bool { _, not := n.(*query.Not); return !not }) {
			continue // nearly all articles
		}
		if err := try(n.At().Raw, root, true); err != nil {
			return out, err
		}
	}
	slices.SortFunc(out, mostFirst)
	return out, nil
}

func mostFirst(a, b pipeline.Without) int {
	return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Term, b.Term), cmp.Compare(a.Query, b.Query))
}

// mergeNothing is what several shards say of a search that found nothing in any:
// absent is what all of them lack.
func mergeNothing(rs []pipeline.SearchResult) *pipeline.Nothing {
	out := &pipeline.Nothing{Absent: []pipeline.Absent{}, Without: []pipeline.Without{}}
	told := 0
	lacking := make(map[string]int)
	for _, r := range rs {
		if r.Nothing == nil {
			continue
		}
		told++
		for _, a := range r.Nothing.Absent {
			i := slices.IndexFunc(out.Absent, func(b pipeline.Absent) bool { return b.Term == a.Term })
			switch {
			case i < 0:
				out.Absent = append(out.Absent, a)
			case out.Absent[i].Instead == a.Instead:
				out.Absent[i].Count += a.Count
			case out.Absent[i].Count < a.Count:
				out.Absent[i] = a
			}
			lacking[a.Term]++
		}
		for _, w := range r.Nothing.Without {
			i := slices.IndexFunc(out.Without, func(v pipeline.Without) bool { return v.Term == w.Term && v.Query == w.Query })
			if i < 0 {
				out.Without = append(out.Without, w)
			} else {
				out.Without[i].Count += w.Count
			}
		}
	}
	if told == 0 {
		return nil
	}
	out.Absent = slices.DeleteFunc(out.Absent, func(a pipeline.Absent) bool { return lacking[a.Term] < told })
	slices.SortFunc(out.Without, mostFirst)
	return out
}
