package client

import (
	"time"

	"github.com/newswatch/newswatch/index/query"
)

// Loosen is a query for the articles that have any of the words of another, or
// false where that is no other query.
func Loosen(text string) (string, bool) {
	q, err := query.Parse(text, time.Now())
	if err != nil {
		return "", false
	}
	return q.Loosen()
}
