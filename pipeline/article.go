package pipeline

import (
	"fmt"
	"time"
)

// An Article is an item with its text extracted and its mentions tagged. In
// the extracted stream ID, Revision and Story are still empty; in the articles
// stream they are set.
type Article struct {
	ID       string `json:"id,omitempty"` // NewID: fixed when first published, newest-first is id order descending
	Key      string `json:"key"`
	Revision int    `json:"revision,omitempty"` // 1 for the first text, one more for each changed one

	// ItemContent is the Item.Content it was made from; Content is of its own
	// title and text: a changed Content is a new revision.
	ItemContent string `json:"item_content,omitempty"`
	Content     string `json:"content,omitempty"`

	// Versions is every ItemContent that has been taken up, oldest first and
	// at most MaxVersions: an item that is handed in again changes nothing.
	Versions []string `json:"versions,omitempty"`

	URL       string `json:"url"`
	Canonical string `json:"canonical,omitempty"` // what the page calls its address, where that is another on the same site

	Title   string   `json:"title"`
	Text    string   `json:"text"` // plain text, paragraphs set apart by a blank line
	Summary string   `json:"summary,omitempty"`
	Author  string   `json:"author,omitempty"`
	Image   string   `json:"image,omitempty"`
	Lang    string   `json:"lang,omitempty"`
	Country string   `json:"country,omitempty"`
	Source  string   `json:"source"`
	Feeds   []string `json:"feeds,omitempty"` // every feed that listed it, in the order seen
	Tags    []string `json:"tags,omitempty"`

	Published     time.Time  `json:"published"`
	PublishedFrom DateSource `json:"published_from"`
	Modified      time.Time  `json:"modified,omitzero"`
	FirstSeen     time.Time  `json:"first_seen"`
	Fetched       time.Time  `json:"fetched,omitzero"` // when its page was read; zero: no page was
	Extracted     time.Time  `json:"extracted,omitzero"`
	Indexed       time.Time  `json:"indexed,omitzero"`

	Method   string    `json:"method,omitempty"`   // where the text came from: feed, readability, item…
	Problems []Problem `json:"problems,omitempty"` // what went wrong on the way; the article goes on all the same
	Mentions []Mention `json:"mentions,omitempty"` // by field (title first), then start
	Catalog  string    `json:"catalog,omitempty"`  // version of the entities it was tagged with
	Retagged *Retagged `json:"retagged,omitempty"` // its mentions were changed since it was news; nil: they are as they were

	Story  string `json:"story,omitempty"`   // id of the story's first article
	CopyOf string `json:"copy_of,omitempty"` // id of the article it is a copy of
	Quiet  bool   `json:"quiet,omitempty"`   // raises no alert (backfill)

	// Reread says, in the extracted stream, that it was made anew from the page
	// as kept, of an item that was taken up before.
	Reread bool `json:"reread,omitempty"`
}

// MaxVersions is how many versions of its items an article remembers.
const MaxVersions = 64

// A Problem is something that went wrong with an article without stopping it.
type Problem struct {
	Stage  string    `json:"stage"`  // fetch, extract, tag…
	Reason string    `json:"reason"` // a word: robots, http_404, timeout, not_html, panic…
	Detail string    `json:"detail,omitempty"`
	At     time.Time `json:"at,omitzero"`
}

// The fields of an article that mentions are found in.
const (
	FieldTitle = "title"
	FieldText  = "text"
)

// A Mention is one occurrence of an entity's name. Start and End are byte
// offsets into the field's UTF-8; Text is field[Start:End].
type Mention struct {
	Entity     string  `json:"entity"`
	Kind       string  `json:"kind,omitempty"` // of the entity: person, organization…
	Name       string  `json:"name"`           // the catalog name that matched
	Field      string  `json:"field"`
	Start      int     `json:"start"`
	End        int     `json:"end"`
	Text       string  `json:"text"`
	Rule       string  `json:"rule"`             // how it matched: exact, form, acronym…
	Confidence float64 `json:"confidence"`       // 0 to 1
	Nested     bool    `json:"nested,omitempty"` // lies inside a longer mention of another entity
}

// MinConfidence is the least confidence of a mention that counts: less than even
// odds are kept with the article, to be shown, and match nothing.
const MinConfidence = 0.5

// Counts reports whether the mention makes the article one about its entity, for
// search, watches and figures alike: it does not lie inside a longer name of
// another entity, and its confidence is at least MinConfidence (or not known: 0,
// as no tagger says).
func (m Mention) Counts() bool {
	return !m.Nested && (m.Confidence == 0 || m.Confidence >= MinConfidence)
}

// Entities lists the distinct entities whose mentions count, in order of first
// mention.
func (a *Article) Entities() []string {
	var ids []string
	seen := make(map[string]bool)
	for _, m := range a.Mentions {
		if m.Counts() && !seen[m.Entity] {
			seen[m.Entity] = true
			ids = append(ids, m.Entity)
		}
	}
	return ids
}

// idTime is the form of the time in an article id.
const idTime = "20060102150405"

// NewID is the id of an article: the earlier of published and firstSeen, 14
// digits of UTC, then "-" and the key. The time is never later than firstSeen,
// so never in the future; a zero or pre-1970 publication time counts as absent.
func NewID(published, firstSeen time.Time, key string) string {
	t := firstSeen
	if published.Unix() > 0 && published.Before(firstSeen) {
		t = published
	}
	return t.UTC().Format(idTime) + "-" + key
}

// ParseID takes an article id apart.
func ParseID(id string) (t time.Time, key string, err error) {
	if len(id) != len(idTime)+1+16 || id[len(idTime)] != '-' {
		return time.Time{}, "", fmt.Errorf("article id %q: want 14 digits, a dash and 16 hex digits", id)
	}
	t, err = time.Parse(idTime, id[:len(idTime)])
	if err != nil {
		return time.Time{}, "", fmt.Errorf("article id %q: %w", id, err)
	}
	return t, id[len(idTime)+1:], nil
}
