package index

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/newswatch/newswatch/extractors/textnorm"
	"github.com/newswatch/newswatch/index/query"
	"github.com/newswatch/newswatch/pipeline"
)

// A small world is an index of several partitions and segments, with documents
// deleted and rewritten, and what must be in it. Its words are few, so that
// phrases and NEAR match often, and its times too, so that many are the same.
type smallWorld struct {
	*rand.Rand
	ix       *Index
	seq      uint64
	n        int
	seen     time.Time                   // when the next ones are first seen; zero: when they are published
	articles map[string]pipeline.Article // by key
	docs     map[string]*query.Doc       // by id and revision
}

// doc is the article ready for queries.
func (w *smallWorld) doc(a *pipeline.Article) *query.Doc {
	key := fmt.Sprint(a.ID, a.Revision)
	d := w.docs[key]
	if d == nil {
		c := *a
		d = query.NewDoc(&c)
		w.docs[key] = d
	}
	return d
}

var smallWords = []string{"alpha", "beta", "gamma", "delta", "running", "runs", "Beta", "中国", "国", "华为", "莫斯科", "и", "новости", "новость", "wi-fi"}

func newSmallWorld(t *testing.T, seed uint64, cfg Config) *smallWorld {
	cfg.Dir = t.TempDir()
	w := &smallWorld{Rand: rand.New(rand.NewPCG(seed, 9)), ix: openWith(t, cfg), seq: 1, articles: make(map[string]pipeline.Article), docs: make(map[string]*query.Doc)}
	for range 8 {
		w.write(t, 1+w.IntN(30))
	}
	for range 3 { // changed ones
		var some []pipeline.Article
		for _, a := range w.sorted() {
			if w.IntN(5) == 0 {
				a.Revision++
				a.Text = w.text(3 + w.IntN(30))
				some = append(some, a)
			}
		}
		w.put(t, some)
	}
	var gone []string
	for _, a := range w.sorted() {
		if w.IntN(10) == 0 {
			gone = append(gone, a.ID)
			delete(w.articles, a.Key)
		}
	}
	if err := w.ix.Delete(context.Background(), gone); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *smallWorld) text(n int) string {
	var b strings.Builder
	for i := range n {
		if i > 0 && w.IntN(4) > 0 {
			b.WriteString(" ")
		}
		b.WriteString(smallWords[min(w.IntN(len(smallWords)), w.IntN(len(smallWords)))])
	}
	return b.String()
}

// write adds n articles.
func (w *smallWorld) write(t *testing.T, n int) {
	there := w.sorted()
	var batch []pipeline.Article
	for range n {
		w.n++
		at := when.Add(-time.Duration(w.IntN(60*24)) * time.Hour)
		a := article(w.n, at, w.text(1+w.IntN(5)), w.text(3+w.IntN(30)))
		if !w.seen.IsZero() {
			a.FirstSeen = w.seen
		}
		a.Source = []string{"one", "two", "three"}[w.IntN(3)]
		a.Country = []string{"US", "", "RU"}[w.IntN(3)]
		a.Lang = []string{"en", "zh-Hans", "ru"}[w.IntN(3)]
		for range w.IntN(3) {
			a.Tags = append(a.Tags, []string{"red", "green", "blue"}[w.IntN(3)])
		}
		for range w.IntN(3) {
			a.Mentions = append(a.Mentions, pipeline.Mention{Entity: []string{"huawei", "zte"}[w.IntN(2)], Field: pipeline.FieldText, Start: 0, End: 1})
		}
		if w.IntN(4) > 0 {
			a.Story = a.ID
		}
		if len(there) > 0 && w.IntN(2) == 0 {
			first := there[w.IntN(min(len(there), 8))]
			a.Story = first.ID
			if w.IntN(2) == 0 {
				a.CopyOf = cmp.Or(first.CopyOf, first.ID)
			}
		}
		batch = append(batch, a)
	}
	w.put(t, batch)
}

func (w *smallWorld) put(t *testing.T, batch []pipeline.Article) {
	t.Helper()
	put(t, w.ix, stored(w.seq, batch...))
	w.seq += uint64(len(batch))
	for _, a := range batch {
		w.articles[a.Key] = a
	}
}

// sorted is the articles, newest first.
func (w *smallWorld) sorted() []pipeline.Article {
	var as []pipeline.Article
	for _, a := range w.articles {
		as = append(as, a)
	}
	slices.SortFunc(as, func(a, b pipeline.Article) int { return strings.Compare(b.ID, a.ID) })
	return as
}

// query is a random one. all says whether what must be read to be told is among
// it.
func (w *smallWorld) query(depth int, all bool) string {
	word := func() string { return smallWords[w.IntN(len(smallWords))] }
	if depth > 0 && w.IntN(2) == 0 {
		switch w.IntN(4) {
		case 0:
			return "(" + w.query(depth-1, all) + " OR " + w.query(depth-1, all) + ")"
		case 1:
			return "-(" + w.query(depth-1, all) + ")"
		default:
			return w.query(depth-1, all) + " " + w.query(depth-1, all)
		}
	}
	field := []string{"", "", "title:", "body:"}[w.IntN(4)]
	switch w.IntN(10) {
	case 0, 1:
		row := []string{word(), word()}
		if w.IntN(3) == 0 {
			row = append(row, word())
		}
		if !all { // single Han characters must be read
			row = slices.DeleteFunc(row, func(s string) bool { return s == "国" || s == "莫斯科" })
			row = append(row, "alpha", "beta")
		}
		return field + `"` + strings.Join(row, " ") + `"`
	case 2:
		return fmt.Sprintf(`%s NEAR/%d "alpha beta"`, []string{"gamma", "runs", "delta"}[w.IntN(3)], 1+w.IntN(6))
	case 3:
		return fmt.Sprintf("alpha NEAR/%d (gamma OR beta)", 1+w.IntN(4))
	case 4:
		return fmt.Sprintf(`%s"alpha beta %s"~%d`, field, []string{"gamma", "delta"}[w.IntN(2)], 2+w.IntN(8))
	case 5:
		return []string{"entity:huawei", "source:one", "tag:red", "lang:zh", "is:copy", "*", "country:ru"}[w.IntN(7)]
	case 6:
		return "after:" + when.Add(-time.Duration(w.IntN(60*24))*time.Hour).Format(time.RFC3339)
	case 7:
		if all {
			return "=" + word()
		}
		return field + "новост*"
	case 8:
		return field + []string{"be*", "ne*", "ru*", "华为*"}[w.IntN(4)]
	}
	return field + word()
}

// want is what a search must find, by going through all articles.
func (w *smallWorld) want(t *testing.T, req pipeline.SearchRequest) pipeline.SearchResult {
	t.Helper()
	q, err := query.Parse(req.Query, when)
	if err != nil {
		t.Fatalf("%s: %v", req.Query, err)
	}
	as := w.sorted()
	if req.Sort == pipeline.SortOldest {
		slices.Reverse(as)
	}
	groups := make(map[string][]*pipeline.Article)
	var order []string
	for i := range as {
		a := &as[i]
		if _, ok := q.Match(w.doc(a)); !ok {
			continue
		}
		key := a.ID
		switch req.Collapse {
		case collapseCopies:
			key = cmp.Or(a.CopyOf, a.ID)
		case collapseStories:
			key = cmp.Or(a.Story, a.ID)
		}
		if groups[key] == nil {
			order = append(order, key)
		}
		groups[key] = append(groups[key], a)
	}
	var shown []*pipeline.Article
	for _, key := range order {
		first := groups[key][0]
		if req.Collapse == collapseCopies {
			for _, a := range groups[key] {
				if a.CopyOf == "" {
					first = a
				}
			}
		}
		shown = append(shown, first)
	}
	slices.SortFunc(shown, func(a, b *pipeline.Article) int {
		if req.Sort == pipeline.SortOldest {
			return strings.Compare(a.ID, b.ID)
		}
		return strings.Compare(b.ID, a.ID)
	})
	res := pipeline.SearchResult{Total: len(shown)}
	values, times := make(map[string]map[string]int), make(map[time.Time]int)
	for _, f := range req.Facets {
		values[f] = make(map[string]int)
	}
	for _, a := range shown {
		copies := 0
		for _, c := range as {
			if c.CopyOf == a.ID {
				copies++
			}
		}
		res.Hits = append(res.Hits, pipeline.Hit{ID: a.ID, Copies: copies})
		for _, f := range req.Facets {
			if f == fieldDay {
				values[f][a.ID[:8]]++
				continue
			}
			for _, v := range query.Values(a, f) {
				values[f][v]++
			}
		}
		unit := 24 * time.Hour
		if req.Interval == intervalHour {
			unit = time.Hour
		}
		at, _, err := pipeline.ParseID(a.ID)
		if err != nil {
			t.Fatal(err)
		}
		times[at.Truncate(unit)]++
	}
	res.Facets = make(map[string][]pipeline.FacetCount)
	for f, counts := range values {
		res.Facets[f] = []pipeline.FacetCount{}
		for v, n := range counts {
			if f == query.FieldCountry {
				v = strings.ToUpper(v)
			}
			res.Facets[f] = append(res.Facets[f], pipeline.FacetCount{Value: v, Count: n})
		}
		slices.SortFunc(res.Facets[f], func(a, b pipeline.FacetCount) int {
			if f == fieldDay {
				return strings.Compare(a.Value, b.Value)
			}
			return cmp.Or(b.Count-a.Count, strings.Compare(a.Value, b.Value))
		})
	}
	for at, n := range times {
		res.Timeline = append(res.Timeline, pipeline.TimeCount{T: at, Count: n})
	}
	slices.SortFunc(res.Timeline, func(a, b pipeline.TimeCount) int { return a.T.Compare(b.T) })
	return res
}

// pages is all pages as one result.
func pages(t *testing.T, ix *Index, req pipeline.SearchRequest) pipeline.SearchResult {
	t.Helper()
	res := find(t, ix, req)
	for next := res.NextCursor; next != ""; {
		req.Cursor = next
		more := find(t, ix, req)
		res.Hits = append(res.Hits, more.Hits...)
		next = more.NextCursor
		if len(res.Hits) > 5000 {
			t.Fatalf("%s: pages without end", req.Query)
		}
	}
	return res
}

// hitsOf is what is compared of hits.
func hitsOf(res pipeline.SearchResult) []pipeline.Hit {
	hits := make([]pipeline.Hit, len(res.Hits))
	for i, h := range res.Hits {
		hits[i] = pipeline.Hit{ID: h.ID, Copies: h.Copies}
	}
	return hits
}

// Pages, totals, facets, timelines and groups are those that going through all
// articles gives.
func TestSearchIsBruteForce(t *testing.T) {
	for seed := range uint64(2) {
		w := newSmallWorld(t, seed, Config{})
		n := 0
		for range 100 {
			req := pipeline.SearchRequest{
				Query: w.query(2, true), Limit: 1 + w.IntN(30), Timeline: true,
				Sort:     []string{pipeline.SortNewest, pipeline.SortOldest}[w.IntN(2)],
				Collapse: []string{collapseNone, collapseCopies, collapseStories}[w.IntN(3)],
				Interval: []string{intervalDay, intervalHour}[w.IntN(2)],
				Facets:   []string{"source", "country", "tag", "entity", "lang", "day"}[:w.IntN(7)],
			}
			want := w.want(t, req)
			n += want.Total
			got := pages(t, w.ix, req)
			if got.Total != want.Total || !got.TotalExact || len(got.Warnings) > 0 {
				t.Errorf("%+v: total %d (exact %v, %q), want %d", req, got.Total, got.TotalExact, got.Warnings, want.Total)
			}
			if diff := gocmp.Diff(hitsOf(want), hitsOf(got)); diff != "" {
				t.Errorf("%+v: hits (-want +got):\n%s", req, diff)
			}
			if len(req.Facets) > 0 {
				if diff := gocmp.Diff(want.Facets, got.Facets); diff != "" {
					t.Errorf("%+v: facets (-want +got):\n%s", req, diff)
				}
			}
			if len(want.Timeline)+len(got.Timeline) > 0 {
				if diff := gocmp.Diff(want.Timeline, got.Timeline); diff != "" {
					t.Errorf("%+v: timeline (-want +got):\n%s", req, diff)
				}
			}
		}
		if n < 500 {
			t.Errorf("seed %d: only %d hits", seed, n)
		}
	}
}

// Where neither positions nor articles may be read ahead, totals are too large
// and say so, and pages are right all the same.
func TestSearchOnABudget(t *testing.T) {
	w := newSmallWorld(t, 7, Config{placing: 1, places: 1, Verify: 100_000})
	inexact := 0
	for range 80 {
		req := pipeline.SearchRequest{
			Query: w.query(2, false), Limit: 1 + w.IntN(30),
			Sort:     []string{pipeline.SortNewest, pipeline.SortOldest}[w.IntN(2)],
			Collapse: []string{collapseNone, collapseCopies, collapseStories}[w.IntN(3)],
		}
		want := w.want(t, req)
		got := pages(t, w.ix, req)
		if diff := gocmp.Diff(hitsOf(want), hitsOf(got)); diff != "" {
			t.Errorf("%+v: hits (-want +got):\n%s", req, diff)
		}
		if got.TotalExact && got.Total != want.Total || got.Total < want.Total || got.TotalExact != (len(got.Warnings) == 0) {
			t.Errorf("%+v: total %d (exact %v, %q), want %d", req, got.Total, got.TotalExact, got.Warnings, want.Total)
		}
		if !got.TotalExact {
			inexact++
		}
	}
	if inexact < 5 {
		t.Errorf("only %d totals were not exact", inexact)
	}
}

// Scores are those of the formula, worked out from the texts.
func TestScores(t *testing.T) {
	w := newSmallWorld(t, 4, Config{})
	for _, text := range []string{"gamma", "title:beta", "alpha delta", "gamma OR новости", `"alpha beta"`, "华为 -gamma", "alpha entity:huawei OR delta", "ru*", "*"} {
		q, err := query.Parse(text, when)
		if err != nil {
			t.Fatal(err)
		}
		as := w.sorted()
		type scored struct {
			ID    string
			Score float64
		}
		var want []scored
		all := leaves(q.Root)
		for i := range as {
			if _, ok := q.Match(w.doc(&as[i])); ok {
				want = append(want, scored{as[i].ID, w.score(all, &as[i], as)})
			}
		}
		got := pages(t, w.ix, pipeline.SearchRequest{Query: text, Sort: pipeline.SortRelevance, Limit: 17})
		if len(got.Hits) != len(want) || got.Total != len(want) {
			t.Errorf("%s: %d hits, total %d, want %d", text, len(got.Hits), got.Total, len(want))
		}
		for i, h := range got.Hits {
			j := slices.IndexFunc(want, func(s scored) bool { return s.ID == h.ID })
			if j < 0 {
				t.Errorf("%s: %s does not match, or comes twice", text, h.ID)
				continue
			}
			if math.Abs(want[j].Score-h.Score) > 1e-5*want[j].Score {
				t.Errorf("%s: %s has score %v, want %v", text, h.ID, h.Score, want[j].Score)
			}
			want = slices.Delete(want, j, j+1)
			if i == 0 {
				continue
			}
			if before := got.Hits[i-1]; before.Score < h.Score || before.Score == h.Score && before.ID < h.ID {
				t.Errorf("%s: %v %s before %v %s", text, before.Score, before.ID, h.Score, h.ID)
			}
		}
	}
}

func (w *smallWorld) score(all []*leaf, a *pipeline.Article, as []pipeline.Article) float64 {
	tokens := func(field string, a *pipeline.Article) (terms []string) {
		text := a.Text
		if field == query.FieldTitle {
			text = a.Title
		}
		for _, t := range textnorm.Analyze(nil, text) {
			terms = append(terms, t.Term)
		}
		return terms
	}
	sum := restScore
	for _, l := range all {
		n, has := 0.0, false
		tf := 0.0
		for i := range as {
			q := query.Query{Root: l.node}
			if _, ok := q.Match(w.doc(&as[i])); ok {
				n++
				has = has || as[i].ID == a.ID
			}
		}
		idf := math.Log(1 + (float64(len(as))-n+0.5)/(n+0.5))
		term, ok := l.node.(*query.Term)
		if !ok {
			if has {
				sum += idf
			}
			continue
		}
		for _, f := range fieldsOf(term.Field) {
			weight, usual := 1.0, usualBody
			if f == query.FieldTitle {
				weight, usual = titleWeight, usualTitle
			}
			length, count := 0, 0.0
			for _, t := range tokens(f, a) {
				if !isChar(t) {
					length++
				}
				if t == term.Term {
					count++
				}
			}
			if isChar(term.Term) { // of a single character no more is kept than that it is there
				tf += weight * min(count, 1)
				continue
			}
			tf += weight * count / (1 - bm25B + bm25B*codeLength(lengthCode(length))/usual)
		}
		sum += idf * tf * (bm25K1 + 1) / (tf + bm25K1)
	}
	at, _, _ := pipeline.ParseID(a.ID)
	age := max(0, when.Sub(at).Seconds())
	return sum * (1 + freshWeight*math.Exp2(-age/halfLife))
}

// Pages taken while others write neither repeat nor lose what was there.
func TestCursorsAreStable(t *testing.T) {
	w := newSmallWorld(t, 5, Config{})
	for _, sort := range []string{pipeline.SortNewest, pipeline.SortOldest, pipeline.SortRelevance} {
		for _, text := range []string{"alpha", "gamma OR новости", `"alpha beta"`, "*", "=Beta"} {
			req := pipeline.SearchRequest{Query: text, Sort: sort, Limit: 200}
			want := ids(pages(t, w.ix, req))
			there := make(map[string]bool)
			for _, id := range want {
				there[id] = true
			}
			req.Limit = 1 + len(want)/5
			got := []string{}
			for {
				res := find(t, w.ix, req)
				for _, h := range res.Hits {
					if there[h.ID] {
						got = append(got, h.ID)
					}
				}
				if req.Cursor = res.NextCursor; req.Cursor == "" {
					break
				}
				w.write(t, 1+w.IntN(5))
			}
			if diff := gocmp.Diff(want, got); diff != "" {
				t.Errorf("%s %s (-want +got):\n%s", sort, text, diff)
			}
		}
	}
}
