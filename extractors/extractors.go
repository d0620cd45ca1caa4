// Package extractors turns items into articles: which text, title, author,
// date and language to believe, what the feed gave or what the page says, and
// the mentions in it.
//
// In go [pipeline.Item] values, out come [pipeline.Article] values with text
// and mentions, and without id, revision and story. Pages come from a
// [Fetcher], HTML is read by package readable, mentions are found by a
// [Tagger], what recurs on the pages of a host is remembered by a [Learner]. It
// is the stage between the items and the extracted topics. [Yields] is a second
// one, over the published articles: it tells of sources whose pages give far
// less than they used to. They own the keys blocks.* and yield.* of a [Store].
package extractors

import (
	"context"
	"fmt"
	"time"

	"github.com/newswatch/newswatch/pipeline"
)

// Raw is a page as it was served.
type Raw struct {
	URL         string // after redirects
	ContentType string // the header
	Body        []byte // decompressed, not decoded; not changed by the extractor
	Fetched     time.Time
}

// A Fetcher gets the page of an item.
//
// An answer that is final for the page (gone, forbidden by robots.txt, not
// HTML) is a [PageError]. [pipeline.Later] is for a host whose turn has not
// come. Anything else is taken as a failure that may pass.
type Fetcher interface {
	Fetch(ctx context.Context, it pipeline.Item) (Raw, error)
}

// A PageError is what is wrong with a page. It is data: the article goes on
// with what the feed gave.
type PageError struct {
	Reason    string // a word, as in pipeline.Problem: robots, http_404, timeout…
	Detail    string
	Temporary bool // may pass: tried again while the item is young
}

func (e *PageError) Error() string { return fmt.Sprintf("page: %s: %s", e.Reason, e.Detail) }

// A Tagger finds the tracked entities in an article. It may change its mind
// between two calls; Version says which entities it knows.
type Tagger interface {
	Tag(title, text, lang string) []pipeline.Mention
	Version() string
}

// Known answers with the article last published under the key, if there is one.
type Known func(ctx context.Context, key string) (pipeline.Article, bool, error)

// Config of the extractor.
type Config struct {
	// PatienceFor is how long after it was first seen an item waits for a page
	// that is down, before it goes on with what the feed gave. 0: 15 minutes.
	PatienceFor time.Duration `yaml:"patience_for"`
	// MaxText is the most bytes of text an article keeps. 0: 200 KB.
	MaxText int `yaml:"max_text"`
	// MaxPage is the most bytes read of a page. 0: 10 MiB.
	MaxPage int `yaml:"max_page"`
	// MaxNodes is the most nodes of a page that the whole way to its text is
	// tried on; above it only the linear one is. 0: 200,000.
	MaxNodes int `yaml:"max_nodes"`
	// Timeout is the longest the reading of a page may take, once it is here.
	// Then the article goes on with what the feed gave. 0: 20 seconds.
	Timeout time.Duration `yaml:"timeout"`
	// Learn bounds what is learned of hosts, see [Learner].
	Learn LearnConfig `yaml:"learn"`
}
