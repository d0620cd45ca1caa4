package pipeline

import (
	"cmp"
	"slices"
	"time"
)

// Retagged says of an article that its mentions were changed after it was
// news, quietly. Alerts are decided by the mentions it had as news, so that a
// new entity does not alert on years of articles.
type Retagged struct {
	At       time.Time `json:"at"`
	Mentions []Mention `json:"mentions,omitempty"`
}

// AsNews is the article as alerts see it: with the mentions it had as news.
func (a *Article) AsNews() *Article {
	if a.Retagged == nil {
		return a
	}
	news := *a
	news.Mentions = a.Retagged.Mentions
	return &news
}

// SortMentions puts mentions into the order of [Article.Mentions]: by field
// (title first), then start, the longer first.
func SortMentions(ms []Mention) {
	order := func(field string) int {
		if field == FieldTitle {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(ms, func(x, y Mention) int {
		return cmp.Or(cmp.Compare(order(x.Field), order(y.Field)), cmp.Compare(x.Start, y.Start),
			cmp.Compare(y.End, x.End), cmp.Compare(x.Entity, y.Entity))
	})
}

// An IDsRequest asks for the ids of all articles that may match a query,
// newest first. What needs the article itself to be told (=exact, NEAR) is not:
// the answer is never too small, and may be too large.
type IDsRequest struct {
	Query string `json:"query"`
	After string `json:"after,omitempty"` // the last id of the page before
	Limit int    `json:"limit"`
}

// IDsResult is one page of ids. There are no more where it has fewer than were
// asked for.
type IDsResult struct {
	IDs   []string `json:"ids"`
	Total int      `json:"total"` // of all pages
}
