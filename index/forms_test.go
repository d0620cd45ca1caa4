package index

import (
	"testing"

	"github.com/newswatch/newswatch/extractors/textnorm"
	"github.com/newswatch/newswatch/index/query"
	"github.com/newswatch/newswatch/pipeline"
)

func TestMarkedForm(t *testing.T) {
	seen := make(map[string]string)
	for _, raw := range []string{"apple", "Apple", "APPLE", "aPPLE", "ÁPPLE", "Ápple", "ａｐｐｌｅ", "Apple\u00ad", "P9", "p9", "ёлка", "Ёлка", "ЁЛКА", "елка", "Straße", "strasse", "STRASSE", "ﬁn", "fin", "Fin", "ǅep", "Ǆep", "İs", "is", "Is"} {
		marked := markedForm(textnorm.Fold(raw), raw)
		if was, ok := seen[marked]; ok {
			t.Errorf("%q and %q have the form %q", was, raw, marked)
		}
		seen[marked] = raw
		if got, want := plainForm(marked), textnorm.Fold(raw); got != want {
			t.Errorf("%q: plain form %q, want %q", raw, got, want)
		}
	}
}

// An exact form of one word is told by postings alone, and is what the evaluator
// says; of several words articles are read, but only those that have them all.
func TestExactForms(t *testing.T) {
	texts := []string{
		"Apple said", "apple pie", "APPLE", "apples and Apples", "Apple's", "C++ code", "in C now", "C, and C++", "iPhone and iphone", "IPhone",
		"the New York of old", "new york and New Yorkers", "NEW YORK", "New York", "U.S. and us", "US", "AT&T", "at t", "OPEC+", "OPEC",
		"ёлка", "елка Ёлка", "Ёлки", "1,000", "1000", "华为", "華為", "Wi-Fi", "WiFi", "wi fi", "a\u00adpple", "x Apple",
	}
	var as []pipeline.Article
	for n, text := range texts {
		as = append(as, article(n, when, "", text))
	}
	ix := openWith(t, Config{Dir: t.TempDir(), Verify: 1000})
	put(t, ix, stored(1, as...))
	alone := 0
	for _, text := range []string{
		"Apple", "apple", "APPLE", "apples", "Apples", "aPPLE", "C", "C++", "c", "iPhone", "IPhone", "iphone", `"New York"`, `"new york"`, `"NEW YORK"`, "York", "US", "us",
		"U.S.", "AT&T", "OPEC", "OPEC+", "ёлка", "Ёлка", "елка", "1,000", "1000", "华为", "華為", "Wi-Fi", "WiFi", "wifi", "wi",
	} {
		q, err := query.Parse("="+text, when)
		if err != nil {
			t.Fatal(err)
		}
		want := 0
		for i := range as {
			if _, ok := q.Match(query.NewDoc(&as[i])); ok {
				want++
			}
		}
		r, err := ix.newRun(pipeline.SearchRequest{Query: "=" + text})
		if err != nil {
			t.Fatal(err)
		}
		got, err := ix.answer(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		if got.Total != want || !got.TotalExact {
			t.Errorf("=%s: total %d (exact %v), want %d", text, got.Total, got.TotalExact, want)
		}
		if _, one := exactForms(q.Root.(*query.Exact).Text); one {
			alone++
			if r.verified > 0 {
				t.Errorf("=%s: %d articles were read", text, r.verified)
			}
		}
	}
	if alone < 15 {
		t.Errorf("only %d are one word", alone)
	}

	// What a partition of an older mapping has of forms is not relied on.
	for _, p := range ix.list() {
		p.mu.Lock()
		p.made.Mapping = mappingForms - 1
		p.mu.Unlock()
	}
	r, err := ix.newRun(pipeline.SearchRequest{Query: "=APPLE"})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := ix.answer(t.Context(), r); err != nil || got.Total != 1 || r.verified < 2 {
		t.Errorf("of an older mapping: total %d, %d articles read, %v; want 1, of several", got.Total, r.verified, err)
	}
}
