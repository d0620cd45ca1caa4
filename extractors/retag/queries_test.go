package retag

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/newswatch/newswatch/extractors/tags"
	"github.com/newswatch/newswatch/index/query"
	"github.com/newswatch/newswatch/pipeline"
	"github.com/newswatch/newswatch/pipeline/catalog"
	"github.com/newswatch/newswatch/pipeline/corpora"
)

// The queries of an entity, however many its names, are ones the index takes.
func TestQueriesAreBounded(t *testing.T) {
	e := catalog.Entity{ID: "x", Name: "X", Kind: "person"}
	for i := range catalog.MaxNames {
		e.Names = append(e.Names, catalog.Name{Text: fmt.Sprintf(`Владимир "Вова" Путинов%c%c`, 'а'+i%32, 'а'+i/32)})
	}
	qs := Queries(e)
	if len(qs) < 2 {
		t.Errorf("%d queries", len(qs))
	}
	for _, q := range qs {
		if _, err := query.Parse(q+" after:2015-12-16T00:00:00Z", time.Now()); err != nil {
			t.Fatalf("%.200s: %v", q, err)
		}
	}
	if qs := Queries(catalog.Entity{ID: "x", Kind: "product", Names: []catalog.Name{{Text: "1984"}}}); len(qs) != 1 || qs[0] != "" {
		t.Errorf("of digits alone: %q, want all", qs)
	}
}

// finds reports whether one of the queries matches the article.
func finds(t *testing.T, qs []string, a *pipeline.Article) bool {
	t.Helper()
	doc := query.NewDoc(a)
	for _, text := range qs {
		q, err := query.Parse(text, time.Now())
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if _, ok := q.Match(doc); ok {
			return true
		}
	}
	return false
}

// Every article that mentions an entity is found by its queries.
func TestQueriesMissNothing(t *testing.T) {
	tests := []struct {
		kind, name, text, lang, nameLang string
	}{
		{"organization", "Huawei", "Huawei's phones", "en", ""},
		{"organization", "Хуавей", "санкции против Хуавея", "ru", ""},
		{"organization", "华为", "中国华为公司发布新手机", "zh", ""},
		{"organization", "華為", "中国华为公司", "zh", ""},
		{"product", "YotaPhone", "a Yota Phone", "", ""},
		{"product", "Windows 10", "Windows 10.5 is out", "", ""},
		{"event", "WCG", "WCG2011 was held", "", ""},
		{"event", "Сочи", "игры Сочи2014 прошли", "ru", ""},
		{"event", "World Cup", "the World Cup2018 draw", "", ""},
		{"organization", "McDonald's", "at McDonald's today", "", ""},
		{"organization", "Mail.Ru Group", "the Mail.Ru Group said", "", ""},
		{"person", "Vladimir Putin", "V. Putin said", "", ""},
		{"person", "Владимир Путин", "встреча с Путиным Владимиром", "", ""},
		{"person", "Лук'яненко", "слова Лук'яненка", "uk", ""},
		{"person", "Сергій Лук'яненко", "слова Сергія Лук'яненка", "uk", ""},
		{"person", "Сергій Лук'яненко", "словы Сергія Лук'яненкі", "be", ""},
		{"organization", "Шанхайская организация сотрудничества стран", "в Шанхайскую организация сотрудничества стран", "ru", ""},
		{"organization", "МИД", "заявление МИДа", "ru", ""},
		{"organization", "AC/DC", "the AC/DC tour", "", ""},
		{"place", "St. Louis", "in St. Louis", "", ""},
		{"organization", "Huawei", "proti Huaweiem", "cs", ""},
		{"organization", "Хуавей", "срещу Хуавеят", "bg", ""},
		{"place", "Praha", "v Praze a Prahou", "", "cs"},
		{"place", "Mladá Boleslav", "v Mladé Boleslavi", "cs", ""},
		{"person", "Andrej Babiš", "s Andrejem Babišem", "", "cs"},
		{"place", "Zagreb", "iz Zagreba", "sr-Latn", ""},
	}
	for _, tt := range tests {
		e := catalog.Entity{ID: "x", Name: tt.name, Kind: tt.kind, Names: []catalog.Name{{Text: tt.name, Lang: tt.nameLang}}}
		m, _ := tags.Compile([]catalog.Entity{e})
		if len(m.Tag("", tt.text, tt.lang)) == 0 {
			t.Errorf("%q: not mentioned in %q: the test tests nothing", tt.name, tt.text)
			continue
		}
		qs := Queries(e)
		if !finds(t, qs, &pipeline.Article{Text: tt.text, Lang: tt.lang}) {
			t.Errorf("%q in %q is found by none of %q", tt.name, tt.text, qs)
		}
	}
}

// The same with names out of real articles, in articles that are said to be in
// languages of whose endings nothing is known.
func TestQueriesMissNothingInTheNews(t *testing.T) {
	as := news(t, 4000)
	rng := rand.New(rand.NewPCG(1, 2))
	entities := slices.Clone(catalog.Starter().Entities)
	kinds := catalog.EntityKinds()
	for i := range 400 {
		words := strings.Fields(as[rng.IntN(len(as))].Text)
		if len(words) < 50 {
			continue
		}
		at := rng.IntN(len(words) - 5)
		n := catalog.Name{Text: strings.Trim(strings.Join(words[at:at+1+rng.IntN(4)], " "), `.,:;!?"()«»“”`)}
		if r := []rune(n.Text); len(r) > 12 && r[0] > 0x2E80 {
			n.Text = string(r[2 : 4+rng.IntN(4)])
		}
		if rng.IntN(8) == 0 {
			n.Lang = []string{"cs", "bg", "sr", "be", "uk", "pl", "en"}[rng.IntN(7)]
		}
		entities = append(entities, catalog.Entity{ID: fmt.Sprintf("e%d", i), Kind: kinds[i%len(kinds)], Name: n.Text, Names: []catalog.Name{n}})
	}
	m, _ := tags.Compile(entities)
	queries := make(map[string][]*query.Query)
	for _, e := range entities {
		for _, text := range Queries(e) {
			q, err := query.Parse(text, time.Now())
			if err != nil {
				t.Fatalf("%s: %v", text, err)
			}
			queries[e.ID] = append(queries[e.ID], q)
		}
	}
	mentions := 0
	for i := range as {
		a := &as[i]
		if i%3 == 0 {
			a.Lang = []string{"cs", "bg", "sr", "mk", "hr"}[rng.IntN(5)]
		}
		doc := query.NewDoc(a)
		seen := make(map[string]bool)
		for _, mention := range m.Tag(a.Title, a.Text, a.Lang) {
			id := mention.Entity
			if seen[id] {
				continue
			}
			seen[id] = true
			mentions++
			if !slices.ContainsFunc(queries[id], func(q *query.Query) bool { _, ok := q.Match(doc); return ok }) {
				t.Errorf("%s (%s) %q as %q (%s) is found by none of its queries", id, a.Lang, mention.Name, mention.Text, mention.Rule)
			}
		}
	}
	if mentions < 3000 {
		t.Errorf("%d mentions: too few to tell anything", mentions)
	}
}

// news is real articles, the test is skipped where there are none.
func news(t *testing.T, n int) []pipeline.Article {
	t.Helper()
	var as []pipeline.Article
	i := 0
	for a, err := range corpora.News(corpora.Folder(t)) {
		if err != nil {
			t.Fatal(err)
		}
		if i%11 == 0 { // of all parts of the corpus
			as = append(as, pipeline.Article{Title: a.Title, Text: a.Body, Lang: a.Lang})
		}
		if i++; len(as) == n {
			break
		}
	}
	return as
}
