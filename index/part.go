package index

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/newswatch/newswatch/pipeline"
)

// What one shard of several is asked for.
const (
	partPage   = "page"   // its hits behind the cursor, and its counts
	partWords  = "words"  // how many documents have the words of the query
	partGroups = "groups" // its groups of hits
	partCopies = "copies" // how many copies articles have
)

// A PartRequest asks one shard for its part of an answer, see [Across].
type PartRequest struct {
	Want   string                 `json:"want"`
	Search pipeline.SearchRequest `json:"search"`
	Now    time.Time              `json:"now"` // what the query's relative times are counted from, and ages

	Weights []float64 `json:"weights,omitempty"` // of the query's words in all shards; none: not ranked, or as in the cursor
	Hide    groupKeys `json:"hide,omitempty"`    // groups that another shard shows
	Wanted  groupKeys `json:"wanted,omitempty"`  // groups asked for; none: those that have hits named by another article
	IDs     []string  `json:"ids,omitempty"`     // articles whose copies to count
}

// A PartResult is what a shard answers.
type PartResult struct {
	Page   pipeline.SearchResult `json:"page,omitzero"`
	Groups groupKeys             `json:"groups,omitempty"` // of the page's hits, where they are collapsed

	Documents int   `json:"documents,omitempty"`
	Words     []int `json:"words,omitempty"` // documents with each

	Firsts  groupFirsts `json:"firsts,omitempty"`
	Unclear bool        `json:"unclear,omitempty"` // there are more groups, or hits that are not known to match

	Copies []int `json:"copies,omitempty"` // in the order of IDs

	AsOf int64 `json:"as_of,omitempty"` // of collapsed hits: Unix time after which the shard has seen none
}

// maxGroups is the most groups that a shard tells of, so that an answer fits
// into a message of a NATS server with its default of 1 MiB: 45 bytes each.
const maxGroups = 16_384

// maxPartFacet is the most values of a facet that a shard tells of, for the same
// reason.
const maxPartFacet = 3000

// Part answers for one shard of several.
func (ix *Index) Part(ctx context.Context, req PartRequest) (PartResult, error) {
	r, err := ix.newRunAt(req.Search, req.Now)
	if err != nil {
		return PartResult{}, err
	}
	r.part = true
	if r.after.now == 0 {
		r.after.now = req.Now.Unix()
	}
	if req.Weights != nil {
		r.after.weights = req.Weights
	}
	r.hide = make(map[uint64]bool, len(req.Hide))
	for _, key := range req.Hide {
		r.hide[key] = true
	}
	if req.Want == partPage {
		page, err := ix.answer(ctx, r)
		return PartResult{Page: page, Groups: r.shownGroups, AsOf: r.after.asOf}, err
	}
	if ix.isClosed() {
		return PartResult{}, ErrClosed
	}
	ctx, cancel := context.WithTimeout(ctx, ix.cfg.Timeout)
	defer cancel()
	defer r.close()
	var res PartResult
	switch req.Want {
	case partWords:
		if err = r.open(func(*view) error { return nil }); err == nil {
			res.Documents, res.Words, err = r.countWords(ctx, leaves(r.query.Root))
		}
	case partGroups:
		res, err = r.groups(ctx, req.Wanted)
	case partCopies:
		if err = r.open(func(*view) error { return nil }); err == nil {
			res.Copies, err = r.copies(ctx, req.IDs)
		}
	default:
		err = fmt.Errorf("index: part: %q is not known", req.Want)
	}
	if err != nil {
		return PartResult{}, searchError(err, req.Search.Query)
	}
	res.AsOf = r.after.asOf
	return res, nil
}

// groups tells of each group the hit that this shard would show.
func (r *run) groups(ctx context.Context, wanted []uint64) (res PartResult, err error) {
	if err := r.hits(ctx); err != nil {
		return res, err
	}
	res.Unclear = r.unsure > 0 || r.partial
	if r.unsure > 0 {
		// One by one, and only as many as are needed for a page.
		for _, key := range wanted {
			h, err := r.firstOf(ctx, key)
			if errors.Is(err, errVerify) {
				return res, nil
			}
			if err != nil {
				return res, err
			}
			if h != nil {
				res.Firsts = append(res.Firsts, groupFirst{key, h.id, h.score, r.isOriginal(key, h.id)})
			}
		}
		return res, nil
	}
	known, err := r.collapse(ctx, wanted)
	if err != nil {
		return res, err
	}
	if len(wanted) > 0 {
		for _, key := range wanted {
			if g, ok := known[key]; ok {
				res.Firsts = append(res.Firsts, groupFirst{key, g.shown.id, g.shown.score, g.original})
			}
		}
		return res, nil
	}
	if len(known) > r.ix.cfg.groups {
		res.Unclear = true
		return res, nil
	}
	for key, g := range known {
		res.Firsts = append(res.Firsts, groupFirst{key, g.shown.id, g.shown.score, g.original})
	}
	return res, nil
}

// isOriginal says whether the article with the id stands for its copies.
func (r *run) isOriginal(key uint64, id string) bool {
	return r.req.Collapse == collapseCopies && groupKey(id) == key
}

// A groupFirst is the hit of a group that a shard would show.
type groupFirst struct {
	key      uint64
	id       string
	score    float64
	original bool // it is what the group is named by, and goes before all others
}

// groupFirsts are 33 bytes each: the key; the id's 14 digits as a number and
// its key; the bits of the score; 1 for an original. In JSON they are base64.
type groupFirsts []groupFirst

const groupFirstBytes = 33

// MarshalText implements encoding.TextMarshaler.
func (gs groupFirsts) MarshalText() ([]byte, error) {
	out := make([]byte, 0, groupFirstBytes*len(gs))
	for _, g := range gs {
		t, key, err := pipeline.ParseID(g.id)
		if err != nil {
			return nil, err
		}
		out = binary.BigEndian.AppendUint64(out, g.key)
		out = binary.BigEndian.AppendUint64(out, uint64(t.Unix()))
		out = binary.BigEndian.AppendUint64(out, keyHash(key))
		out = binary.BigEndian.AppendUint64(out, math.Float64bits(g.score))
		if g.original {
			out = append(out, 1)
		} else {
			out = append(out, 0)
		}
	}
	return base64.StdEncoding.AppendEncode(nil, out), nil
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (gs *groupFirsts) UnmarshalText(text []byte) error {
	data, err := fromBase64(text, groupFirstBytes)
	if err != nil {
		return fmt.Errorf("groups: %w", err)
	}
	*gs = make(groupFirsts, 0, len(data)/groupFirstBytes)
	for b := range slices.Chunk(data, groupFirstBytes) {
		u := func(i int) uint64 { return binary.BigEndian.Uint64(b[i:]) }
		at := time.Unix(int64(u(8)), 0)
		*gs = append(*gs, groupFirst{u(0), pipeline.NewID(at, at, fmt.Sprintf("%016x", u(16))), math.Float64frombits(u(24)), b[32] == 1})
	}
	return nil
}

// groupKeys are 8 bytes each, in JSON as base64.
type groupKeys []uint64

// MarshalText implements encoding.TextMarshaler.
func (ks groupKeys) MarshalText() ([]byte, error) {
	out := make([]byte, 0, 8*len(ks))
	for _, k := range ks {
		out = binary.BigEndian.AppendUint64(out, k)
	}
	return base64.StdEncoding.AppendEncode(nil, out), nil
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (ks *groupKeys) UnmarshalText(text []byte) error {
	data, err := fromBase64(text, 8)
	if err != nil {
		return fmt.Errorf("keys of groups: %w", err)
	}
	*ks = make(groupKeys, 0, len(data)/8)
	for b := range slices.Chunk(data, 8) {
		*ks = append(*ks, binary.BigEndian.Uint64(b))
	}
	return nil
}

// fromBase64 decodes a row of things that have size bytes each.
func fromBase64(text []byte, size int) ([]byte, error) {
	data, err := base64.StdEncoding.AppendDecode(nil, text)
	if err == nil && len(data)%size != 0 {
		err = fmt.Errorf("%d bytes are no multiple of %d", len(data), size)
	}
	return data, err
}

// home is the shard of the article that a group is named by.
func home(n pipeline.Shards, key uint64) int { return n.Of(fmt.Sprintf("%016x", key)) }
