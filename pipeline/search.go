package pipeline

import (
	"fmt"
	"time"
)

// Orders of search results.
const (
	SortNewest    = "newest"
	SortOldest    = "oldest"
	SortRelevance = "relevance"
)

// A SearchRequest asks the index. Zero values mean the defaults.
type SearchRequest struct {
	Query    string    `json:"query"`              // query language; empty: everything
	Sort     string    `json:"sort,omitempty"`     // newest (default), oldest, relevance
	Limit    int       `json:"limit,omitempty"`    // hits wanted; default 20, at most 200; negative: none, only the total
	Cursor   string    `json:"cursor,omitempty"`   // NextCursor of the page before
	Collapse string    `json:"collapse,omitempty"` // none (default), copies, stories
	Facets   []string  `json:"facets,omitempty"`   // of source, lang, country, entity, tag, day
	Timeline bool      `json:"timeline,omitempty"` // count per interval
	Interval string    `json:"interval,omitempty"` // of the timeline: day (default), hour
	From     time.Time `json:"from,omitzero"`      // published at or after
	To       time.Time `json:"to,omitzero"`        // published before
}

// A SearchResult is one page of hits and what is known of the rest.
type SearchResult struct {
	Total      int                     `json:"total"`
	TotalExact bool                    `json:"total_exact"`
	TookMS     int64                   `json:"took_ms"`
	Hits       []Hit                   `json:"hits"`
	Facets     map[string][]FacetCount `json:"facets,omitempty"`
	Timeline   []TimeCount             `json:"timeline,omitempty"`
	NextCursor string                  `json:"next_cursor,omitempty"`
	Warnings   []string                `json:"warnings"`
	Hints      []Hint                  `json:"hints,omitempty"`   // of the first page: where the query is hardly what was meant
	Nothing    *Nothing                `json:"nothing,omitempty"` // where nothing was found
}

// A Hint says what of a query was understood otherwise than it may be meant.
type Hint struct {
	Message string `json:"message"`
	Query   string `json:"query,omitempty"` // what may be meant
}

// Nothing says what to change in a query that finds nothing.
type Nothing struct {
	Absent  []Absent  `json:"absent"`  // words and values that no article has
	Without []Without `json:"without"` // what would be found with one condition less
}

// An Absent is a word or a value that no article has, and the word most like it
// that articles do have.
type Absent struct {
	Term    string `json:"term"`
	Instead string `json:"instead,omitempty"`
	Query   string `json:"query,omitempty"` // the whole query with Instead
	Count   int    `json:"count,omitempty"` // articles with Instead, about
}

// A Without is a query with one condition less.
type Without struct {
	Term  string `json:"term"` // the condition; empty: the dates asked for beside the query
	Query string `json:"query"`
	Count int    `json:"count"`
}

// A Hit is one article found. Snippet is HTML: escaped text with <mark>.
type Hit struct {
	ID        string    `json:"id"`
	URL       string    `json:"url"`
	Title     string    `json:"title"`
	Snippet   string    `json:"snippet"`
	Source    string    `json:"source"`
	Lang      string    `json:"lang"`
	Country   string    `json:"country"`
	Published time.Time `json:"published"`
	FirstSeen time.Time `json:"first_seen"`
	Entities  []string  `json:"entities"`
	Story     string    `json:"story"`
	Copies    int       `json:"copies"`
	Score     float64   `json:"score"`
}

// A FacetCount is one value of a facet and how many hits have it.
type FacetCount struct {
	Value string `json:"value"`
	Count int    `json:"count"`
}

// A TimeCount is the hits of one day or hour; T is its beginning.
type TimeCount struct {
	T     time.Time `json:"t"`
	Count int       `json:"count"`
}

// A QueryError is a query that can't be understood.
type QueryError struct {
	Query string `json:"query"`
	Pos   int    `json:"pos"` // byte offset where it went wrong
	Msg   string `json:"msg"` // what was found, what was expected
}

func (e *QueryError) Error() string {
	return fmt.Sprintf("query: at %d: %s", e.Pos+1, e.Msg)
}
