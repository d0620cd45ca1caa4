// Package catalog is what newswatch watches and for whom: sources with their
// feeds, entities with their names, watches and channels.
//
// In go YAML files (strict, errors with lines), OPML and single objects of the
// API; out come validated values, a snapshot that is never changed in place,
// and an event for each change. It owns the keys of the catalog bucket:
// source.<id>, entity.<id>, watch.<id>, channel.<id>.
package catalog

import "time"

// Kinds of objects, as they stand in keys, API paths and commands.
const (
	KindSource  = "source"
	KindEntity  = "entity"
	KindWatch   = "watch"
	KindChannel = "channel"
)

// A Source is a publisher.
type Source struct {
	ID      string   `yaml:"id" json:"id"`
	Name    string   `yaml:"name" json:"name"`
	Home    string   `yaml:"home,omitempty" json:"home,omitempty"`
	Country string   `yaml:"country,omitempty" json:"country,omitempty"` // ISO 3166-1 alpha-2
	Lang    string   `yaml:"lang,omitempty" json:"lang,omitempty"`       // BCP 47
	Tags    []string `yaml:"tags,omitempty" json:"tags,omitempty"`
	Feeds   []Feed   `yaml:"feeds,omitempty" json:"feeds,omitempty"`

	Gap          Duration `yaml:"gap,omitempty" json:"gap,omitempty"`         // between two starts on its host; 0: the default
	AtOnce       int      `yaml:"at_once,omitempty" json:"at_once,omitempty"` // requests at once; 0: the default
	AllowPrivate bool     `yaml:"allow_private,omitempty" json:"allow_private,omitempty"`

	// How its feeds and pages are asked for, where the usual way does not do.
	HTTP1     bool   `yaml:"http1,omitempty" json:"http1,omitempty"`           // without HTTP/2
	UserAgent string `yaml:"user_agent,omitempty" json:"user_agent,omitempty"` // in place of newswatch's own; robots.txt is read under its name
	Proxy     string `yaml:"proxy,omitempty" json:"proxy,omitempty"`           // address of a proxy, such as http://proxy:3128 or socks5://localhost:1080

	Pages   string        `yaml:"pages,omitempty" json:"pages,omitempty"`     // whether its articles' pages are read: auto (default), always, never
	Extract *ExtractRules `yaml:"extract,omitempty" json:"extract,omitempty"` // how its pages are read, where the common way fails

	ManagedBy string `yaml:"-" json:"managed_by,omitempty"` // the file that manages it; read-only elsewhere
	Version   string `yaml:"-" json:"version,omitempty"`    // digest of its content
}

// ExtractRules are CSS selectors for the pages of a source. One that is empty,
// or that selects nothing on a page, leaves its part to the common way.
type ExtractRules struct {
	Body   string   `yaml:"body,omitempty" json:"body,omitempty"`     // the text: all it selects
	Title  string   `yaml:"title,omitempty" json:"title,omitempty"`   // the first it selects
	Date   string   `yaml:"date,omitempty" json:"date,omitempty"`     // the first it selects: datetime, content or text
	Author string   `yaml:"author,omitempty" json:"author,omitempty"` // all it selects are names
	Drop   []string `yaml:"drop,omitempty" json:"drop,omitempty"`     // cut out of the page first
}

// A Feed is one address of a source that lists items.
type Feed struct {
	URL   string   `yaml:"url" json:"url"`
	Every Duration `yaml:"every,omitempty" json:"every,omitempty"` // fixed interval; 0: the schedule decides
}

// An Entity is something tracked.
type Entity struct {
	ID       string      `yaml:"id" json:"id"`
	Name     string      `yaml:"name" json:"name"`
	Kind     string      `yaml:"kind" json:"kind"` // person organization place event product law topic
	Wikidata string      `yaml:"wikidata,omitempty" json:"wikidata,omitempty"`
	Names    []Name      `yaml:"names" json:"names"`
	Tests    EntityTests `yaml:"tests,omitempty" json:"tests,omitzero"`

	ManagedBy string `yaml:"-" json:"managed_by,omitempty"`
	Version   string `yaml:"-" json:"version,omitempty"`
}

// A Name is one way an entity is named. In YAML and JSON it may be a bare
// string.
type Name struct {
	Text  string   `yaml:"text" json:"text"`
	Lang  string   `yaml:"lang,omitempty" json:"lang,omitempty"`
	Exact bool     `yaml:"exact,omitempty" json:"exact,omitempty"` // this form only, in this case
	Near  []string `yaml:"near,omitempty" json:"near,omitempty"`   // one of these must stand near
	Not   []string `yaml:"not,omitempty" json:"not,omitempty"`     // none of these may stand near
	Must  []string `yaml:"must,omitempty" json:"must,omitempty"`   // one of these must be in the article
}

// EntityTests are texts that must, and must not, mention the entity.
type EntityTests struct {
	Match   []string `yaml:"match,omitempty" json:"match,omitempty"`
	NoMatch []string `yaml:"no_match,omitempty" json:"no_match,omitempty"`
}

// A Watch is a saved query with a rule kind and channels.
type Watch struct {
	ID    string   `yaml:"id" json:"id"`
	Name  string   `yaml:"name" json:"name"`
	Query string   `yaml:"query,omitempty" json:"query,omitempty"` // of kind silence: which sources; empty: all
	Kind  string   `yaml:"kind,omitempty" json:"kind,omitempty"`   // mention (default) first_mention co_mention spike silence story_growth digest
	Group string   `yaml:"group,omitempty" json:"group,omitempty"` // story (default) entity source none; not of kind silence
	To    []string `yaml:"to,omitempty" json:"to,omitempty"`       // channel ids
	Quiet *Quiet   `yaml:"quiet,omitempty" json:"quiet,omitempty"`

	ManagedBy string `yaml:"-" json:"managed_by,omitempty"`
	Version   string `yaml:"-" json:"version,omitempty"`
}

// Quiet is the hours in which a watch stays silent.
type Quiet struct {
	From string `yaml:"from" json:"from"` // "22:00"
	To   string `yaml:"to" json:"to"`
	TZ   string `yaml:"tz,omitempty" json:"tz,omitempty"` // IANA name; empty: UTC
}

// A Channel is where alerts go. Secrets are named by file, never held.
type Channel struct {
	ID           string `yaml:"id" json:"id"`
	Kind         string `yaml:"kind" json:"kind"` // log webhook …
	URL          string `yaml:"url,omitempty" json:"url,omitempty"`
	URLFile      string `yaml:"url_file,omitempty" json:"url_file,omitempty"`
	SecretFile   string `yaml:"secret_file,omitempty" json:"secret_file,omitempty"`
	AllowPrivate bool   `yaml:"allow_private,omitempty" json:"allow_private,omitempty"`

	ManagedBy string `yaml:"-" json:"managed_by,omitempty"`
	Version   string `yaml:"-" json:"version,omitempty"`
}

// A Catalog is one state of everything. It is never changed in place.
type Catalog struct {
	Sources  []Source  `yaml:"sources,omitempty" json:"sources,omitempty"`
	Entities []Entity  `yaml:"entities,omitempty" json:"entities,omitempty"`
	Watches  []Watch   `yaml:"watches,omitempty" json:"watches,omitempty"`
	Channels []Channel `yaml:"channels,omitempty" json:"channels,omitempty"`

	sorted bool       // every kind is in the order of ids
	pos    *positions // where each field stands in the file it was read from
}

// A Duration is written "10m", "1h30m", "5s".
type Duration time.Duration

// An Event is one change of the catalog. Before or After is nil for an object
// that was added or deleted; both are *Source, *Entity, *Watch or *Channel.
type Event struct {
	Kind   string
	ID     string
	Before any
	After  any
}
