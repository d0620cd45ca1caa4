package main

import (
	"context"
	"path/filepath"
	"strings"
	"time"

	"github.com/blevesearch/bleve/v2"
	blevequery "github.com/blevesearch/bleve/v2/search/query"

	"github.com/newswatch/newswatch/cmd/internal/searchbench"
	"github.com/newswatch/newswatch/index/query"
	"github.com/newswatch/newswatch/pipeline"
)

// bleveIndex is Bleve as it comes: every field of a document dynamic, stored,
// in _all, with doc values and term vectors.
type bleveIndex struct {
	dir string
	ix  bleve.Index
}

type bleveDoc struct {
	Title     string    `json:"title"`
	Body      string    `json:"body"`
	URL       string    `json:"url"`
	Source    string    `json:"source"`
	Lang      string    `json:"lang"`
	Country   string    `json:"country"`
	Tags      []string  `json:"tag"`
	Entities  []string  `json:"entity"`
	Story     string    `json:"story"`
	Published time.Time `json:"published"`
}

func openBleve(dir string) (searchbench.Engine, func() error, error) {
	ix, err := bleve.New(filepath.Join(dir, "bleve"), bleve.NewIndexMapping())
	if err != nil {
		return nil, nil, err
	}
	return &bleveIndex{dir, ix}, ix.Close, nil
}

func (b *bleveIndex) Bytes() int64 { return size(b.dir) }

func (b *bleveIndex) Write(_ context.Context, batch []pipeline.Stored[pipeline.Article], done func(error)) {
	bb := b.ix.NewBatch()
	for _, s := range batch {
		a := s.Value
		doc := bleveDoc{
			Title: a.Title, Body: a.Text, URL: a.URL, Source: a.Source, Lang: a.Lang, Country: a.Country,
			Tags: a.Tags, Entities: entitiesOf(a), Story: a.Story, Published: a.Published,
		}
		if err := bb.Index(a.ID, doc); err != nil {
			done(err)
			return
		}
	}
	done(b.ix.Batch(bb)) // durable when it returns
}

func entitiesOf(a pipeline.Article) []string {
	return query.Values(&a, query.FieldEntity)
}

func (b *bleveIndex) Search(ctx context.Context, req pipeline.SearchRequest) (pipeline.SearchResult, error) {
	var res pipeline.SearchResult
	if req.Timeline {
		return res, searchbench.ErrCannot // there is no histogram
	}
	q, err := b.query(req)
	if err != nil {
		return res, err
	}
	sr := bleve.NewSearchRequestOptions(q, 20, 0, false)
	sr.Fields = []string{"title", "body", "source", "published"}
	if req.Sort != pipeline.SortRelevance {
		sr.SortBy([]string{"-published"})
	}
	for _, f := range req.Facets {
		sr.AddFacet(f, bleve.NewFacetRequest(f, 50))
	}
	found, err := b.ix.SearchInContext(ctx, sr)
	if err != nil {
		return res, err
	}
	res.Total, res.TotalExact = int(found.Total), found.Status.Failed == 0
	for _, h := range found.Hits {
		res.Hits = append(res.Hits, pipeline.Hit{ID: h.ID, Score: h.Score})
	}
	return res, nil
}

func (b *bleveIndex) query(req pipeline.SearchRequest) (blevequery.Query, error) {
	all := []blevequery.Query{}
	if req.Query != "" {
		parsed, err := query.Parse(req.Query, searchbench.Now)
		if err != nil {
			return nil, err
		}
		q, err := b.node(parsed.Root)
		if err != nil {
			return nil, err
		}
		if q == nil {
			q = bleve.NewMatchNoneQuery()
		}
		all = append(all, q)
	}
	if !req.From.IsZero() {
		q := bleve.NewDateRangeQuery(req.From, req.To)
		q.SetField("published")
		all = append(all, q)
	}
	if len(all) == 1 {
		return all[0], nil
	}
	return bleve.NewConjunctionQuery(all...), nil
}

// node is nil for a stop word, which Bleve's own query strings leave out.
func (b *bleveIndex) node(n query.Node) (blevequery.Query, error) {
	switch n := n.(type) {
	case *query.Term:
		return b.phrase(n.Text), nil // in _all; of one word, that word
	case *query.Phrase:
		return b.phrase(n.Text), nil
	case *query.Prefix:
		return bleve.NewPrefixQuery(strings.ToLower(n.Text)), nil
	case *query.All:
		return bleve.NewMatchAllQuery(), nil
	case *query.Keyword:
		q := bleve.NewTermQuery(n.Value)
		q.SetField(n.Field)
		return q, nil
	case *query.Or:
		d := bleve.NewDisjunctionQuery()
		for _, m := range n.Nodes {
			q, err := b.node(m)
			if err != nil {
				return nil, err
			}
			if q != nil {
				d.AddQuery(q)
			}
		}
		return d, nil
	case *query.And:
		and := bleve.NewBooleanQuery()
		for _, m := range n.Nodes {
			not, negated := m.(*query.Not)
			if negated {
				m = not.Node
			}
			switch q, err := b.node(m); {
			case err != nil:
				return nil, err
			case q == nil:
			case negated:
				and.AddMustNot(q)
			default:
				and.AddMust(q)
			}
		}
		return and, nil
	default: // *query.Near, *query.Exact
		return nil, searchbench.ErrCannot
	}
}

func (b *bleveIndex) phrase(text string) blevequery.Query {
	if len(b.ix.Mapping().AnalyzerNamed("standard").Analyze([]byte(text))) == 0 {
		return nil
	}
	return bleve.NewMatchPhraseQuery(text)
}
