package pipeline

import (
	"cmp"
	"slices"
	"time"
)

// Retagged says of an article that its mentions were changed after it was news:
// a new entity does not alert on years of articles. Alerts on an article that
// was not decided on before are decided by the mentions it had as news.
type Retagged struct {
	At       time.Time `json:"at"`
	Mentions []Mention `json:"mentions,omitempty"` // it had as news
	Decided  bool      `json:"decided,omitempty"`  // alerts by those were decided before
	Alert    bool      `json:"alert,omitempty"`    // watches that match it by its mentions now and did not as news alert
}

// AsNews is the article with the mentions it had as news.
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

	// Seq: what the articles stream had up to it was searchable when the page
	// was listed. 0: nothing is known of that.
	Seq uint64 `json:"seq,omitempty"`
}

// A RetagRequest asks for articles of the archive to be tagged anew.
type RetagRequest struct {
	ID       string    `json:"id"`
	Asked    time.Time `json:"asked"`
	Entities []string  `json:"entities,omitempty"` // those that may mention these; none: all articles
	Alert    bool      `json:"alert,omitempty"`    // watches that match what is new alert
}

// States of a pass over the archive.
const (
	RetagWaiting = "waiting"
	RetagRunning = "running"
	RetagDone    = "done"
)

// A RetagPass is one walk over the articles of the archive that may mention
// some entities, and how far it has come.
type RetagPass struct {
	N          int       `json:"n" doc:"Number of the pass."`
	State      string    `json:"state" enum:"waiting,running,done"`
	Request    string    `json:"request,omitempty" doc:"Id of the request it is of; absent: entities were changed."`
	Entities   []string  `json:"entities,omitempty" doc:"Ids, the first hundred."`
	Count      int       `json:"count,omitempty" doc:"How many entities there are; absent: it goes over all articles."`
	Alert      bool      `json:"alert,omitempty" doc:"Watches that match what is new alert."`
	Since      time.Time `json:"since"`
	Updated    time.Time `json:"updated"`
	Done       time.Time `json:"done,omitzero"`
	Candidates int       `json:"candidates" doc:"Articles that may mention them, by the index."`
	Looked     int       `json:"looked" doc:"Of these, looked at."`
	Changed    int       `json:"changed" doc:"Articles whose tags were changed."`
	Failed     int       `json:"failed,omitempty" doc:"Articles that could not be stored with their tags: too large."`
	Error      string    `json:"error,omitempty" doc:"What it waits for: it is tried again."`
}

// Percent is how much of the pass is done, from 0 to 100; 100 only when all is.
func (p RetagPass) Percent() int {
	if p.State == RetagDone {
		return 100
	}
	return min(99, 100*p.Looked/max(1, p.Candidates))
}

// A RetagEntity is how far an entity is applied to the archive.
type RetagEntity struct {
	ID      string     `json:"id"`
	Pending bool       `json:"pending,omitempty" doc:"It was changed a moment ago, and no pass is made of that yet."`
	Pass    *RetagPass `json:"pass,omitempty" doc:"The pass that applies it; absent: none is under way."`
	Applied time.Time  `json:"applied,omitzero" doc:"When it was last applied to the archive; absent: never, new articles alone are tagged with it."`
	Changed int        `json:"changed" doc:"Articles whose tags that changed."`
	Kept    bool       `json:"kept,omitempty" doc:"It was deleted, and its tags kept."`
}
