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
// digest of its address.
type state struct {
	Version int    `json:"v"`
	URL     string `json:"url"`

	// Validators are bytes, not strings: JSON would replace what is no UTF-8,
	// and a server takes back only what it gave.
	ETag         []byte `json:"etag,omitempty"`
	LastModified []byte `json:"last_modified,omitempty"`
	BodyHash     string `json:"body_hash,omitempty"` // of the last body all of whose items are published
	Hashes       hashes `json:"items,omitempty"`     // of the items published

	Next     time.Time     `json:"next,omitzero"`      // when it is due
	Interval time.Duration `json:"interval,omitempty"` // between the last poll and that
	LastPoll time.Time     `json:"last_poll,omitzero"`
	LastGood time.Time     `json:"last_good,omitzero"` // last answer that was of use, 304 included
	LastFull time.Time     `json:"last_full,omitzero"` // last unconditional one

	Failures float64 `json:"failures,omitempty"` // weighed, since the last good answer
	Status   int     `json:"status,omitempty"`   // of the last answer; 0: none
	Class    string  `json:"class,omitempty"`    // of the last error
	Error    string  `json:"error,omitempty"`    // the last one; empty: the last poll was good

	Rate   float64   `json:"rate,omitempty"`    // items a day, in the last document
	Newest time.Time `json:"newest,omitzero"`   // publication of its newest item
	Seen   int64     `json:"seen,omitempty"`    // items published, ever
	Listed int       `json:"listed,omitempty"`  // items in the last document
	Format string    `json:"format,omitempty"`  // of the last document
	Title  string    `json:"title,omitempty"`   // of the last document
	Repair []string  `json:"repairs,omitempty"` // of the last document
}

// stateKey is where the state of a feed is stored.
func stateKey(url string) string { return pipeline.Key(url) }

// loadState reads the state of the feed, empty where there is none or it can't
// be read: then the feed is new, and what is published again is refused.
func loadState(ctx context.Context, kv pipeline.KV, url string) (state, error) {
	e, err := kv.Get(ctx, stateKey(url))
	if errors.Is(err, pipeline.ErrNotFound) {
		return state{URL: url}, nil
	}
	if err != nil {
		return state{}, fmt.Errorf("load state of %s: %w", url, err)
	}
	var s state
	if err := json.Unmarshal(e.Value, &s); err != nil || s.URL != url || s.Version != stateVersion {
		return state{URL: url}, nil
	}
	return s, nil
}

func (s *state) save(ctx context.Context, kv pipeline.KV) error {
	s.Version = stateVersion
	b, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("save state of %s: %w", s.URL, err)
	}
	if _, err := kv.Put(ctx, stateKey(s.URL), b); err != nil {
		return fmt.Errorf("save state of %s: %w", s.URL, err)
	}
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
