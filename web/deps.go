package web

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/newswatch/newswatch/pipeline"
	"github.com/newswatch/newswatch/pipeline/catalog"
)

// Deps is what the server shows and does, each part behind an interface of its
// own. A part that is nil does not run in this process: its API answers 503
// and its page says so.
type Deps struct {
	Searcher Searcher
	Articles Articles
	Catalog  Catalog
	Editor   Editor
	Alerts   Alerts
	Dead     Dead
	Loader   Loader
	Feeds    Feeds
	Explain  Explainer
	Yields   Yields

	Reextract Reextractor
	Retag     Retagger
	Reindex   Reindexer

	Retention Retention // of the index

	// Backup writes a backup; ErrBusy: another is being written; ErrNoIndex:
	// the index is to be in it, and this process has none.
	Backup func(ctx context.Context, w io.Writer, opt BackupOptions) error

	Tag     Filter // JSON Lines of texts to JSON Lines of mentions
	Extract Filter // JSON Lines of pages to JSON Lines of articles

	// Preview says what an entity would find in the articles published since
	// then; the zero time: in all there are.
	Preview func(ctx context.Context, e catalog.Entity, since time.Time) (pipeline.Preview, error)
	// Lint says which names of an entity may not do what is meant.
	Lint func(e catalog.Entity) []pipeline.NameWarning
	// Tests runs the tests of entities as if they were saved; the failures are
	// in the order of the entities. Nil: they are not run.
	Tests func(entities []catalog.Entity) [][]pipeline.TestFailure

	// Discover finds the feeds of a site, which is asked as the source says. Its
	// error is of asking at all, not of the site.
	Discover func(ctx context.Context, url string, src catalog.Source) (Discovery, error)
	Hook     *Hook // nil: nobody calls

	Status func(ctx context.Context) (Status, error)
	Ready  func(ctx context.Context) []Check // nil: ready as soon as it listens
}

// Retention removes articles from the index by the rules of the settings.
type Retention interface {
	Retention() pipeline.RetentionStatus
	// Retain tells what would be removed if it were not dry; RetainSoon has it
	// removed, in the background.
	Retain(ctx context.Context, dry bool) (pipeline.RetentionReport, error)
	RetainSoon()
}

// A Searcher asks the index. A query that can't be understood is a
// *pipeline.QueryError.
type Searcher interface {
	Search(ctx context.Context, req pipeline.SearchRequest) (pipeline.SearchResult, error)
}

// Articles finds one article by its id, or answers pipeline.ErrNotFound.
type Articles interface {
	Article(ctx context.Context, id string) (pipeline.Article, error)
}

// A Catalog knows its present state, sorted by id and never changed in place.
// *catalog.Store is one.
type Catalog interface {
	Snapshot() *catalog.Catalog
}

// An Editor changes the catalog; *catalog.Store is one, and has the errors.
// What it changed is in the snapshot when it returns.
type Editor interface {
	Put(ctx context.Context, obj catalog.Object, opt catalog.PutOptions) (version string, err error)
	Delete(ctx context.Context, kind, id string, opt catalog.DeleteOptions) error
	Apply(ctx context.Context, c *catalog.Catalog, managedBy string) (catalog.ApplyResult, error)
}

// Feeds knows how the feeds do: those of a source or, where source is empty, all
// of them, in the order of sources and addresses.
type Feeds interface {
	Feeds(ctx context.Context, source string) ([]FeedStatus, error)
	// Kept is the last body of the feed that could not be read, or
	// pipeline.ErrNotFound.
	Kept(ctx context.Context, url string) (*KeptBody, error)
}

// A KeptBody is a feed's body that no items could be read from.
type KeptBody struct {
	URL         string    `json:"url"`
	Final       string    `json:"final,omitempty" doc:"Where redirects led."`
	At          time.Time `json:"at"`
	ContentType string    `json:"content_type,omitempty" doc:"As its header said."`
	Error       string    `json:"error" doc:"Why it could not be read."`
	Bytes       int       `json:"bytes" doc:"Of the whole body."`
	Body        []byte    `json:"body" doc:"At most its first 256 KiB, in base64."`
}

// Yields knows how much text the pages of a source give; of one without pages,
// that there are none.
type Yields interface {
	Yield(ctx context.Context, source string) (YieldStatus, error)
	// Collapsed is why, in words, of each source whose pages give far less text
	// than they used to.
	Collapsed(ctx context.Context) (map[string]string, error)
}

// Alerts reads the outbox and the history of alerts, newest first.
type Alerts interface {
	// List returns at most limit alerts after the cursor of an earlier page,
	// and the cursor of the next one, empty at the end.
	List(ctx context.Context, after string, limit int) (alerts []pipeline.Alert, next string, err error)
	// Get answers pipeline.ErrNotFound for an id it does not know.
	Get(ctx context.Context, id string) (pipeline.Alert, error)
}

// Dead reads and settles dead letters, newest first. Get, Replay and Drop
// answer pipeline.ErrNotFound for an id it does not know.
type Dead interface {
	List(ctx context.Context, q DeadQuery) (letters []pipeline.DeadLetter, next string, err error)
	Get(ctx context.Context, id string) (pipeline.DeadLetter, error)
	Replay(ctx context.Context, id string) error
	Drop(ctx context.Context, id string) error
}

// A DeadQuery selects a page of dead letters.
type DeadQuery struct {
	Stage  string // empty: of any
	Reason string // empty: any
	After  string // the cursor of an earlier page; empty: from the newest
	Limit  int    // at most so many
}

// What became of a loaded item.
const (
	LoadNew     = "new"     // not seen before
	LoadChanged = "changed" // a new content of a known key
	LoadKnown   = "known"   // the same content again
)

// A Loader takes a whole article into the pipeline and says what became of it:
// LoadNew, LoadChanged or LoadKnown. A pipeline.PermanentError refuses the
// item; any other error ends the load.
type Loader interface {
	Load(ctx context.Context, it pipeline.Item) (outcome string, err error)
}

// A Filter turns lines of JSON into lines of JSON, in order. A line it can't
// use becomes a line with "error"; its own error is of reading or writing.
type Filter func(ctx context.Context, in io.Reader, out io.Writer) error

// Status is how the whole goes, as far as this process can see it.
type Status struct {
	Version string                  `json:"version"`
	Started time.Time               `json:"started"`
	UptimeS int64                   `json:"uptime_s"`
	Roles   []string                `json:"roles,omitempty"` // that run in this process
	Stages  []pipeline.StageStatus  `json:"stages"`
	Streams []pipeline.StreamStatus `json:"streams"`
	Feeds   FeedsStatus             `json:"feeds"`
	Index   IndexStatus             `json:"index"`
	Disk    DiskStatus              `json:"disk"`
	Dead    int                     `json:"dead"` // dead letters
	Retag   []pipeline.RetagPass    `json:"retag" doc:"Passes over the archive that are under way or wait."`
}

// FeedsStatus counts the feeds and tells of those that fail.
type FeedsStatus struct {
	Total   int            `json:"total"`
	Polled  int            `json:"polled"` // answered at least once
	States  map[string]int `json:"states"` // feeds by state: new, ok, failing…
	Failing []FeedStatus   `json:"failing"`
}

// States of a feed that pages know more of than the word.
const (
	FeedFailing = "failing" // the last poll was not good
	FeedBlocked = "blocked" // its publisher lets no programs in
	FeedGone    = "gone"    // its publisher has taken it away
	FeedQuiet   = "quiet"   // it answers, and lists nothing new against its own rhythm
	FeedHeld    = "held"    // its turn is put off
	FeedNew     = "new"     // not polled yet
	FeedOK      = "ok"
)

// A FeedStatus is the state of one feed.
type FeedStatus struct {
	Source   string    `json:"source"`
	URL      string    `json:"url"`
	State    string    `json:"state"`              // new, ok, failing, blocked, gone, quiet, held; unknown: nobody tells
	Reason   string    `json:"reason"`             // what is wrong, in words; empty: nothing
	Error    string    `json:"error,omitempty"`    // of the last poll, as it was met
	Since    time.Time `json:"since,omitzero"`     // of the trouble: the first failure, or the newest item of a quiet feed
	Failures int       `json:"failures"`           // weighed, since the last good answer
	LastOK   time.Time `json:"last_ok,omitzero"`   // last answer that was of use; zero: none yet
	LastPoll time.Time `json:"last_poll,omitzero"` // zero: not polled yet
	NextDue  time.Time `json:"next_due,omitzero"`

	Status      int       `json:"status,omitempty"`      // HTTP status of the last answer
	Class       string    `json:"class,omitempty"`       // of the last error: dns, timeout, html, broken…
	IntervalS   int64     `json:"interval_s,omitempty"`  // seconds between polls
	Items       int64     `json:"items"`                 // published, ever
	Listed      int       `json:"listed"`                // in its last document
	Newest      time.Time `json:"newest,omitzero"`       // publication of its newest item
	UsualS      int64     `json:"usual_s,omitempty"`     // seconds: the longest gap between items it usually leaves
	Format      string    `json:"format,omitempty"`      // of the last document: rss, atom…
	Title       string    `json:"title,omitempty"`       // of the last document
	Repairs     []string  `json:"repairs,omitempty"`     // what its last document needed
	KeptAt      time.Time `json:"kept_at,omitzero"`      // when a body was kept that could not be read
	KeptBytes   int       `json:"kept_bytes,omitempty"`  // of that body
	Suggestions []string  `json:"suggestions,omitempty"` // addresses of feeds found where this one should be
	MovedTo     string    `json:"moved_to,omitempty"`    // where its address leads for good
	MovedUsed   bool      `json:"moved_used,omitempty"`  // that address is the one that is asked
	Held        bool      `json:"held,omitempty"`        // its items wait for room in the stream
	Matching    bool      `json:"matching,omitempty"`    // asked more often, for it has mentioned what is tracked
}

// A YieldStatus is how much text the pages of a source give, and whether that is
// far less than it used to be.
type YieldStatus struct {
	Source    string     `json:"source"`
	Recent    YieldStats `json:"recent" doc:"The last pages."`
	Past      YieldStats `json:"past" doc:"The pages before them; while it has collapsed, those before the collapse."`
	Collapsed bool       `json:"collapsed"`
	Reason    string     `json:"reason,omitempty" doc:"What has collapsed, in words."`
	Since     time.Time  `json:"since,omitzero" doc:"The first page of the collapse."`
	LastGood  time.Time  `json:"last_good,omitzero" doc:"The last good page before it."`
}

// YieldStats are the numbers of some pages.
type YieldStats struct {
	Pages  int `json:"pages"`
	Poor   int `json:"poor" doc:"Those that gave nothing or little."`
	Median int `json:"median" doc:"Letters and digits of the median text, a Han character for three."`
}

// IndexStatus is what the index holds.
type IndexStatus struct {
	Documents  uint64 `json:"documents"`
	Bytes      uint64 `json:"bytes"`
	Partitions int    `json:"partitions"`
	Seq        uint64 `json:"seq"` // everything of the articles stream up to it is searchable

	Outdated   int             `json:"outdated"`          // partitions that an older version made in another way: searchable; reindex makes them anew
	Stopped    string          `json:"stopped,omitempty"` // why nothing is written, in words; empty: it is
	Failing    []string        `json:"failing,omitempty"` // partitions that are down or can't be written, and why
	Recoveries []IndexRecovery `json:"recoveries,omitempty"`

	// Retention is absent where everything is kept.
	Retention *pipeline.RetentionStatus `json:"retention,omitempty"`

	Shards []ShardStatus `json:"shards" doc:"The parts the corpus is divided into, over index nodes."`
}

// An IndexRecovery is what became of a damaged partition of the index.
type IndexRecovery struct {
	Partition string    `json:"partition"`
	Found     time.Time `json:"found"`
	Damage    string    `json:"damage"`    // what was found, in words
	Running   bool      `json:"running"`   // what can be read of it is being read
	Recovered int       `json:"recovered"` // articles from the partition's own documents
	Stream    int       `json:"stream"`    // articles that came again from the stream
	Lost      int       `json:"lost"`      // articles that are known to have been there and have not come back
	LostFrom  string    `json:"lost_from,omitempty"`
	LostTo    string    `json:"lost_to,omitempty"` // their ids lie between these, as far as they are known
	Folder    string    `json:"folder"`            // in which what was damaged is kept for a month
}

// Notes is what there is to say about the index beside its size, each in a
// sentence, what is worst first; none: all is well.
func (s IndexStatus) Notes() (notes []string) {
	if s.Stopped != "" {
		notes = append(notes, "Nothing is written: "+s.Stopped+".")
	}
	for _, f := range s.Failing {
		notes = append(notes, "Partition "+f+".")
	}
	for _, r := range s.Recoveries {
		note := fmt.Sprintf("Partition %s was damaged (found %s): ", r.Partition, r.Found.Format("2006-01-02 15:04"))
		if r.Running {
			note += "what can be read of it is being recovered; "
		}
		note += fmt.Sprintf("%d articles recovered from itself, %d from the stream, %d lost", r.Recovered, r.Stream, r.Lost)
		if r.LostFrom != "" {
			note += ", from " + r.LostFrom + " to " + r.LostTo
		}
		notes = append(notes, note+".")
	}
	if s.Outdated > 0 {
		notes = append(notes, fmt.Sprintf("%d of %d partitions were made by an older version: `newswatch reindex` makes them anew.", s.Outdated, s.Partitions))
	}
	return notes
}

// ShardStatus is the copies there are of one part of the corpus.
type ShardStatus struct {
	Shard    int             `json:"shard"`
	Replicas []ReplicaStatus `json:"replicas" doc:"Its copies, each in a process of its own; those of the last days that are no more among them."`
}

// States of a replica that can be asked.
const (
	ReplicaReady  = "ready"
	ReplicaBehind = "catching up"
)

// ReplicaStatus is one copy of a shard.
type ReplicaStatus struct {
	Replica   string    `json:"replica"`
	Node      string    `json:"node" doc:"Name of its process on the bus."`
	State     string    `json:"state" doc:"starting: it fetches a copy from another one; catching up: it answers, and lacks articles; ready; stopped; lost: it gives no sign of life."`
	Documents uint64    `json:"documents"`
	Bytes     uint64    `json:"bytes"`
	Seq       uint64    `json:"seq" doc:"Highest sequence of the articles stream that it has stored for good."`
	Lag       uint64    `json:"lag" doc:"Articles of its shard in the stream that it lacks."`
	Note      string    `json:"note,omitempty" doc:"What else is to be known, in words."`
	Updated   time.Time `json:"updated" doc:"When it told so."`
}

// DiskStatus is the file system the data is on, in bytes.
type DiskStatus struct {
	Free  uint64 `json:"free"`
	Total uint64 `json:"total"`
}

// A Check is one thing that must hold before requests are welcome.
type Check struct {
	Name string
	Err  error // nil: it holds
}
