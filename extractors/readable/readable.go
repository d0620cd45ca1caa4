// Package readable turns the bytes of a web page into an article: title, text,
// author, dates, language, canonical link.
//
// In go bytes and what is known of them ([Options]); out comes a [Page]. It is
// pure: no network, no clock, no state, and the same input gives the same
// answer. It owns no subjects or keys.
//
// A page is parsed once, with scripting off. One walk gathers the metadata
// (JSON-LD, meta, link), the consent containers are cut away, and a second walk
// makes text blocks, of which two forests of decision trees choose the article's
// (internal/content). Where these are little sure of themselves readability is
// asked as well, and its text weighs in the choice (internal/voter); where they
// find next to nothing the page's JSON-LD and its plain paragraphs are, too.
// When to ask and what a vote weighs is fitted with the forests. The title is
// chosen among what the places of the page say, by rules on pages of the press
// and by another forest elsewhere (internal/titles).
package readable

import (
	"errors"
	"time"
)

// Sentinels of the package. What a page lacks is no error: see [Page.Notes].
var (
	ErrNotHTML = errors.New("readable: not HTML")              // by its declared type or its first bytes
	ErrTooDeep = errors.New("readable: HTML nested too deep")  // over the parser's limit of open elements
	ErrPanic   = errors.New("readable: the page broke a part") // a bug met by this page; the detail is in the message
)

// Ways the text was found, as they stand in [Page.Method].
const (
	MethodBlocks      = "blocks"      // text blocks judged by this package
	MethodVote        = "vote"        // the same blocks, chosen with readability's vote
	MethodReadability = "readability" // the readability algorithm
	MethodParagraphs  = "paragraphs"  // the paragraphs of article or main
	MethodJSONLD      = "jsonld"      // articleBody of the page's JSON-LD
	MethodRules       = "rules"       // the source's own selectors
	MethodNone        = "none"        // no text was found
)

// What a page may be noted for, as it stands in [Page.Notes].
const (
	NoteEmpty     = "empty"     // no text
	NoteShort     = "short"     // less text than an article has
	NotePaywall   = "paywall"   // the page says that it isn't free
	NoteTruncated = "truncated" // cut at the limit on bytes
	NoteTooMany   = "too_many_nodes"
	NoteVoter     = "voter_panic"     // the page broke another way to the text
	NoteRules     = "rules_unmatched" // a selector of the source's rules selects nothing here
)

// Options is what is known of a page before it is read. All may be empty.
type Options struct {
	URL         string // of the page, after redirects; resolves relative links
	ContentType string // the Content-Type header
	Title       string // what the feed called it

	// Published is when the feed says it was published; where it is set, the
	// page is not searched for a date beyond its metadata.
	Published time.Time

	// Now bounds dates: later ones are not believed. Zero: no bound.
	Now time.Time

	// Feed is the plain text that the feed gave of the article, its content or
	// its summary: evidence for the body.
	Feed string

	// Rules are the source's own selectors; nil: none.
	Rules *Rules

	// Known reports a text block, by its digest, that is known to stand on
	// several pages of the host: it is left out. Nil: none is known.
	Known func(block uint64) bool

	MaxBytes int // bytes read of the page; 0: 10 MiB
	MaxNodes int // nodes above which only the linear extraction runs; 0: 200,000
}

// A Page is what a web page says. Text is valid UTF-8, its paragraphs set
// apart by a blank line. What is not found is empty.
type Page struct {
	Title     string
	Text      string
	Summary   string // the page's own description of itself
	Author    string // names, set apart by ", "
	Published time.Time
	Modified  time.Time
	Lang      string // as declared, the primary subtag in lower case
	Canonical string // absolute http or https address
	Image     string // absolute http or https address
	Site      string // name of the site
	Section   string
	Charset   string   // that the bytes were decoded from
	AMP       string   // absolute address of its AMP form
	Paywall   bool     // the page says that it isn't free
	Method    string   // MethodReadability…
	Notes     []string // NoteEmpty…

	// Confidence is how sure the text is, from 0 to 1: the F1 that texts of the
	// like had on pages of hosts that the model was not fitted on.
	Confidence float64
	// Blocks are the digests of the text blocks that were considered as body,
	// for learning what recurs on a host, see [Options.Known].
	Blocks []uint64
}
