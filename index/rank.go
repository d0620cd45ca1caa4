package index

import (
	"context"
	"math"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/newswatch/newswatch/index/query"
)

// Relevance is BM25F times freshness.
//
// BM25F (Robertson, Zaragoza and Taylor, "Simple BM25 Extension to Multiple
// Weighted Fields", CIKM 2004) sums a word's occurrences over the fields,
// weighted and each for the length of its field, before it dampens them, so
// that a word in title and body counts less than two words:
//
//	score = Σ words  idf · tf·(k₁+1) / (k₁ + tf)
//	tf    = Σ fields weight · occurrences / (1 − b + b · length / usual length)
//	idf   = ln(1 + (N − n + ½) / (n + ½))
//
// N is the documents of all partitions, n those with the word in any of the
// fields it is asked for in. k₁ and b are Lucene's and Bleve's. The usual
// lengths are fixed, not averages, so that an article's score does not change
// with what else comes in.
//
// Words of phrases, NEAR and =exact count one by one; a prefix and a keyword
// count as one word that occurs once in a field of usual length. What is below
// a NOT does not count.
//
// Freshness multiplies the score by 1 + freshWeight · 2^(−age / halfLife). The
// form is the exponential decay of Li and Croft ("Time-Based Language Models",
// CIKM 2003); that it is added to 1 keeps an old article that fits much better
// from being hidden by new ones: age never outweighs more than freshWeight.
const (
	bm25K1      = 1.2
	bm25B       = 0.75
	titleWeight = 2.0
	usualTitle  = 11.0  // tokens: the mean of news-47k, in three languages
	usualBody   = 220.0 // tokens, likewise
	freshWeight = 0.3
	halfLife    = 30 * 24 * 3600.0 // seconds
	// restScore is for what matches and has none of the words, so that such
	// hits stand by their age.
	restScore = 0.01
)

// A leaf is something of a query that scores.
type leaf struct {
	node   query.Node // *Term, *Prefix or *Keyword
	weight float64    // idf
}

// leaves is what scores in a query, each once.
func leaves(root query.Node) []*leaf {
	var all []*leaf
	seen := make(map[termKey]bool)
	term := func(field, t string) {
		if key := (termKey{field, t}); !seen[key] {
			seen[key] = true
			all = append(all, &leaf{node: &query.Term{Field: field, Term: t}})
		}
	}
	query.Walk(root, func(n query.Node) bool {
		switch n := n.(type) {
		case *query.Not:
			return false
		case *query.Term:
			term(n.Field, n.Term)
		case *query.Phrase:
			for _, t := range n.Terms {
				term(n.Field, t)
			}
		case *query.Exact:
			for _, t := range n.Terms {
				term(n.Field, t)
			}
		case *query.Prefix, *query.Keyword:
			all = append(all, &leaf{node: n})
		}
		return true
	})
	return all
}

// fieldsOf is the fields that a text field stands for.
func fieldsOf(field string) []string {
	if field == query.FieldAny {
		return []string{query.FieldTitle, query.FieldBody}
	}
	return []string{field}
}

// rank gives the hits their scores.
func (r *run) rank(ctx context.Context) error {
	all := leaves(r.query.Root)
	if len(r.after.weights) == len(all) {
		for i, w := range r.after.weights {
			all[i].weight = w
		}
	} else {
		documents, counts, err := r.countWords(ctx, all)
		if err != nil {
			return err
		}
		r.after.weights = weights(documents, counts)
		for i, w := range r.after.weights {
			all[i].weight = w
		}
	}
	if r.after.now == 0 {
		r.after.now = r.ix.now().Unix()
	}
	return r.each(r.views, func(v *view) error {
		for _, s := range v.segments {
			if err := s.rank(ctx, all, r.after.now); err != nil {
				return err
			}
		}
		return nil
	})
}

// countWords is how many documents there are, and how many have each leaf.
func (r *run) countWords(ctx context.Context, all []*leaf) (documents int, counts []int, err error) {
	counts = make([]int, len(all))
	err = r.each(r.views, func(v *view) error {
		own := make([]int, len(all))
		n := 0
		for _, s := range v.segments {
			n += int(s.live.GetCardinality())
			for i, l := range all {
				docs, err := s.having(ctx, l)
				if err != nil {
					return err
				}
				own[i] += int(docs.AndCardinality(s.live))
			}
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		documents += n
		for i, n := range own {
			counts[i] += n
		}
		return nil
	})
	return documents, counts, err
}

// weights are those of leaves that so many of all documents have. The next
// pages take them over: an article that comes in between must not change the
// scores.
func weights(documents int, counts []int) []float64 {
	ws := make([]float64, len(counts))
	for i, n := range counts {
		// As a cursor carries it.
		ws[i] = float64(float32(math.Log1p((float64(documents-n) + 0.5) / (float64(n) + 0.5))))
	}
	return ws
}

// having is the documents with the leaf, deleted ones among them.
func (s *segment) having(ctx context.Context, l *leaf) (*roaring.Bitmap, error) {
	m, err := s.eval(ctx, l.node, s.live)
	return m.most, err
}

// rank sets the scores of the segment's hits.
func (s *segment) rank(ctx context.Context, all []*leaf, now int64) error {
	s.ranked = s.candidates()
	if s.ranked.IsEmpty() {
		return nil
	}
	n := s.raw.Count()
	text, tf := make([]float32, n), make([]float32, n)
	for _, l := range all {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := s.rankLeaf(ctx, l, text, tf); err != nil {
			return err
		}
	}
	c, err := s.clock()
	if err != nil {
		return err
	}
	s.scores = make([]float64, 0, s.ranked.GetCardinality())
	each32(s.ranked, func(docs []uint32) {
		for _, d := range docs {
			age := float64(max(0, now-c.unix(d)))
			fresh := 1 + freshWeight*math.Exp2(-age/halfLife)
			s.scores = append(s.scores, (float64(text[d])+restScore)*fresh)
		}
	})
	return nil
}

// rankLeaf adds what a leaf scores to text. tf is all zero, before and after.
func (s *segment) rankLeaf(ctx context.Context, l *leaf, text, tf []float32) error {
	weight := float32(l.weight * (bm25K1 + 1))
	t, ok := l.node.(*query.Term)
	if !ok {
		docs, err := s.having(ctx, l)
		if err != nil {
			return err
		}
		each32(roaring.And(docs, s.ranked), func(docs []uint32) {
			for _, d := range docs {
				text[d] += weight / (bm25K1 + 1)
			}
		})
		return nil
	}
	var touched []*roaring.Bitmap
	for _, field := range fieldsOf(t.Field) {
		docs, err := s.word(field, t.Term)
		if err != nil {
			return err
		}
		if docs = roaring.And(docs, s.ranked); docs.IsEmpty() {
			continue
		}
		touched = append(touched, docs)
		if err := s.frequencies(field, t.Term, docs, tf); err != nil {
			return err
		}
	}
	each32(union(touched), func(docs []uint32) {
		for _, d := range docs {
			text[d] += weight * tf[d] / (bm25K1 + tf[d])
			tf[d] = 0
		}
	})
	return nil
}

// frequencies adds the weighted occurrences of a term in a field. docs all have
// it.
func (s *segment) frequencies(field, term string, docs *roaring.Bitmap, tf []float32) error {
	weight, usual := float32(1), float64(usualBody)
	if field == query.FieldTitle {
		weight, usual = titleWeight, usualTitle
	}
	if isChar(term) { // how often is not kept
		each32(docs, func(docs []uint32) {
			for _, d := range docs {
				tf[d] += weight
			}
		})
		return nil
	}
	var scaled [128]float32 // weight, by the code of the field's length
	for code := range scaled {
		scaled[code] = weight / float32(1-bm25B+bm25B*codeLength(code)/usual)
	}
	l, err := s.list(field, term)
	if err != nil {
		return err
	}
	it := l.Iterator(true, true, false, nil)
	each32(docs, func(docs []uint32) {
		for _, d := range docs {
			p, e := it.Advance(uint64(d))
			if e != nil || p == nil {
				err = e
				return
			}
			tf[d] += float32(countPlaces(p.Frequency())) * scaled[postingLength(p)]
		}
	})
	return err
}
