package pipeline

import "time"

// A Preview is what an entity would find in the articles there are.
type Preview struct {
	Entity string `json:"entity"`

	Candidates int    `json:"candidates"` // articles that may mention it, by what the index knows
	Read       int    `json:"read"`       // of them, newest first
	Sampled    bool   `json:"sampled"`    // not all were read
	Note       string `json:"note,omitempty"`
	TookMS     int64  `json:"took_ms"`

	// Of the articles read.
	Articles int           `json:"articles"` // that mention it
	Mentions int           `json:"mentions"` // that count
	Blocked  []NameCount   `json:"blocked"`  // places that do not count, by reason
	Names    []NamePreview `json:"names"`    // in the order of the entity
	Samples  []NameSample  `json:"samples"`  // those that count and those that don't, over the names

	Warnings []NameWarning `json:"warnings"` // of names that may not do what is meant
	Failures []TestFailure `json:"failures"` // tests of the entity that fail
}

// A NamePreview is what one name found.
type NamePreview struct {
	Name     string      `json:"name"`
	Lang     string      `json:"lang,omitempty"`
	Articles int         `json:"articles"` // where it counts
	Mentions int         `json:"mentions"` // that count
	Blocked  int         `json:"blocked"`  // places that do not
	Case     CaseSplit   `json:"case"`
	Forms    []NameCount `json:"forms"` // as they stand in the text, most frequent first
	Left     []NameCount `json:"left"`  // words before it, lowered, most frequent first
	Right    []NameCount `json:"right"` // and after it
}

// A CaseSplit is how the places of a name are written, those that don't count
// among them.
type CaseSplit struct {
	First    int `json:"first"`    // a capital first: Apple
	Capitals int `json:"capitals"` // all capitals: APPLE
	Lower    int `json:"lower"`    // no capital first: apple
	None     int `json:"none"`     // letters without case: 苹果
}

// A NameCount is a text and how often it was met.
type NameCount struct {
	Text  string `json:"text"`
	Count int    `json:"count"`
}

// A NameSample is one place of a name in an article.
type NameSample struct {
	Article    string    `json:"article"`
	Title      string    `json:"title"`
	Source     string    `json:"source"`
	Lang       string    `json:"lang,omitempty"`
	Published  time.Time `json:"published"`
	Name       string    `json:"name"`
	Field      string    `json:"field"`
	Before     string    `json:"before"`
	Text       string    `json:"text"`
	After      string    `json:"after"`
	Rule       string    `json:"rule"`
	Confidence float64   `json:"confidence"`
	Blocked    string    `json:"blocked,omitempty"` // why it does not count
}

// A NameWarning says of a name what may be wrong with it.
type NameWarning struct {
	Name string `json:"name"`
	Rule string `json:"rule"` // short, common, shared, lower_case, superfluous, never_found
	Msg  string `json:"msg"`
}

// A TestFailure is a text of an entity's tests that did not come out as it must.
type TestFailure struct {
	Field string `json:"field"` // tests.match[0]
	Text  string `json:"text"`
	Msg   string `json:"msg"`
}
