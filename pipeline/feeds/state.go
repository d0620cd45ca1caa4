package feeds

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/newswatch/newswatch/pipeline"
)

// maxHashes is the most items of a feed remembered as published: its longest
// document twice over.
const maxHashes = 2 * MaxItems

// stateVersion is that of the stored form.
const stateVersion = 1

// A state is what is remembered of a feed between polls, stored under the
// digest of its address in the catalog.
type state struct {
	Version int    `json:"v"`
	URL     string `json:"url"`
	record

	// Validators are bytes, not strings: JSON would replace what is no UTF-8,
	// and a server takes back only what it gave.
	ETag         []byte `json:"etag,omitempty"`
	LastModified []byte `json:"last_modified,omitempty"`
	BodyHash     string `json:"body_hash,omitempty"` // of the last body all of whose items are published
	Hashes       hashes `json:"items,omitempty"`     // of the items published

	Next     time.Time `json:"next,omitzero"`      // when it is due
	Began    time.Time `json:"began,omitzero"`     // first poll
	LastFull time.Time `json:"last_full,omitzero"` // last unconditional one
	LastBody time.Time `json:"last_body,omitzero"` // last answer with a body
	Last304  time.Time `json:"last_304,omitzero"`  // last 304 since that; zero: none
	Lied     time.Time `json:"lied,omitzero"`      // when its validators were found to lie
	Full     int       `json:"full,omitempty"`     // bodies without anything new, in a row, where a 304 would have done

	Rhythm   rhythm        `json:"rhythm,omitzero"`
	Turnover time.Duration `json:"turnover,omitempty"` // in which the whole document was replaced, at its busiest
	Hint     time.Duration `json:"hint,omitempty"`     // how long the publisher thinks it need not be asked
	Crowded  bool          `json:"crowded,omitempty"`  // the last document had nothing in common with the one before

	rev uint64 // of the stored entry; 0: there is none
}

// A record is the part of a state that stays in memory: what the schedule and
// Health need.
type record struct {
	Interval time.Duration `json:"interval,omitempty"` // between the last poll and the next
	LastPoll time.Time     `json:"last_poll,omitzero"`
	LastGood time.Time     `json:"last_good,omitzero"` // last answer that was of use, 304 included
	Newest   time.Time     `json:"newest,omitzero"`    // publication of its newest item
	Usual    time.Duration `json:"usual,omitempty"`    // the longest gap between two items it usually leaves

	Failures float64 `json:"failures,omitempty"` // weighed, since the last good answer
	Fails    int32   `json:"fails,omitempty"`    // counted
	Status   int32   `json:"status,omitempty"`   // of the last answer; 0: none
	Listed   int     `json:"listed,omitempty"`   // items in the last document
	Seen     int64   `json:"seen,omitempty"`     // items published, ever

	Format string   `json:"format,omitempty"`  // of the last document
	Title  string   `json:"title,omitempty"`   // of the last document
	Repair []string `json:"repairs,omitempty"` // of the last document

	Match   *match    `json:"match,omitempty"`   // nil: it has never had anything to say of what is tracked
	Trouble *trouble  `json:"trouble,omitempty"` // nil: the last poll was good
	Failing *spell    `json:"failing,omitempty"` // told of; nil: nothing to tell
	Quiet   *spell    `json:"quiet,omitempty"`   // told of
	Kept    *keptNote `json:"kept,omitempty"`    // a body that could not be read; nil: there is none
	Move    *move     `json:"move,omitempty"`    // its address answers with another; nil: it does not
}

// A trouble is a run of polls that were of no use.
type trouble struct {
	Class       string    `json:"class"` // of the last error
	Error       string    `json:"error"` // the last one
	First       time.Time `json:"first"` // the first failure of the run
	Saw410      time.Time `json:"saw_410,omitzero"`
	Gone        bool      `json:"gone,omitempty"` // 410 is confirmed
	Suggestions []string  `json:"suggestions,omitempty"`
}

// A spell is a time of failing or of silence that was told of.
type spell struct {
	Since time.Time `json:"since"`
	Told  time.Time `json:"told,omitzero"`  // of one that feeds of a host have in common
	Host  bool      `json:"host,omitempty"` // it was told of the host, not of the feed
}

// stateKey is where the state of a feed is stored.
func stateKey(url string) string { return pipeline.Key(url) }

// loadState reads the state of the feed, empty where there is none or it can't
// be read: then the feed is new, and what is published again is refused.
func loadState(ctx context.Context, kv pipeline.KV, url string) (*state, error) {
	e, err := kv.Get(ctx, stateKey(url))
	if errors.Is(err, pipeline.ErrNotFound) {
		return &state{URL: url}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("load state of %s: %w", url, err)
	}
	s := &state{}
	if err := json.Unmarshal(e.Value, s); err != nil || s.URL != url || s.Version != stateVersion {
		s = &state{URL: url}
	}
	s.rev = e.Revision
	return s, nil
}

// save stores the state, unless somebody else has stored one since it was
// loaded: then it is his feed, and the answer is [pipeline.ErrConflict] or
// [pipeline.ErrExists].
func (s *state) save(ctx context.Context, kv pipeline.KV) error {
	s.Version = stateVersion
	b, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("save state of %s: %w", s.URL, err)
	}
	rev, err := kv.Update(ctx, stateKey(s.URL), b, s.rev)
	if err != nil {
		return fmt.Errorf("save state of %s: %w", s.URL, err)
	}
	s.rev = rev
	return nil
}

func (s *state) known() bool { return !s.LastPoll.IsZero() }

// hashes is a set of item hashes, the latest seen last; stored as their bytes.
type hashes []uint64

func itemHash(it *pipeline.Item) uint64 {
	sum := sha256.Sum256([]byte(it.Key + it.Content))
	return binary.BigEndian.Uint64(sum[:8])
}

func (h hashes) set() map[uint64]bool {
	m := make(map[uint64]bool, len(h))
	for _, v := range h {
		m[v] = true
	}
	return m
}

// with moves the hashes of a document to the end and forgets the oldest ones
// beyond the cap: those have left the document long ago.
func (h hashes) with(doc []uint64) hashes {
	in := hashes(doc).set()
	out := make(hashes, 0, len(h)+len(doc))
	for _, v := range h {
		if !in[v] {
			out = append(out, v)
		}
	}
	for _, v := range doc {
		if in[v] {
			in[v] = false
			out = append(out, v)
		}
	}
	// A document's own items are never forgotten; of older ones as many are
	// kept as it has, and some, for feeds that take items out and put them back.
	keep := min(maxHashes, 2*len(doc)+200)
	return out[max(0, len(out)-keep):]
}

// MarshalJSON stores the set as base64 of its bytes.
func (h hashes) MarshalJSON() ([]byte, error) {
	b := make([]byte, 0, 8*len(h))
	for _, v := range h {
		b = binary.BigEndian.AppendUint64(b, v)
	}
	return json.Marshal(b)
}

// UnmarshalJSON reads it back.
func (h *hashes) UnmarshalJSON(data []byte) error {
	var b []byte
	if err := json.Unmarshal(data, &b); err != nil {
		return err
	}
	*h = make(hashes, 0, len(b)/8)
	for ; len(b) >= 8; b = b[8:] {
		*h = append(*h, binary.BigEndian.Uint64(b))
	}
	return nil
}
