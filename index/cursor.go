package index

import (
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/newswatch/newswatch/pipeline"
)

// A cursor is the place of a hit in an order. Newest and oldest first it is an
// id, which inserts don't move. By relevance it is a score and an id, and all
// that scores depend on beside the article itself: the time that ages are
// counted to, and the weights of the query's words. So an article's score is
// the same on all pages, whatever comes in between.
//
// Where hits are collapsed, one that comes in between could take the place of
// the hit that its group is shown by, before the cursor or behind it, and the
// group would be shown on no page or on two. The pages behind the first leave
// out what was first seen after that one was asked for. What was seen before
// and is written only then can still do so.
type cursor struct {
	sort    string
	asOf    int64  // Unix time, after which nothing was first seen; 0: nothing is left out
	id      string // empty: the beginning
	score   float64
	now     int64     // Unix time
	weights []float64 // see leaf; none: there are too many, and inserts may move hits
}

// maxWeights is how many weights a cursor carries.
const maxWeights = 64

func (c cursor) zero() bool { return c.id == "" }

// String is the cursor as callers get it: opaque, safe in a URL.
func (c cursor) String() string {
	plain := c.sort
	if c.asOf > 0 {
		plain += "@" + strconv.FormatInt(c.asOf, 16)
	}
	plain += " " + c.id
	if c.sort == pipeline.SortRelevance {
		plain += " " + strconv.FormatUint(math.Float64bits(c.score), 16) + " " + strconv.FormatInt(c.now, 16)
		if len(c.weights) <= maxWeights {
			for _, w := range c.weights {
				plain += " " + strconv.FormatUint(uint64(math.Float32bits(float32(w))), 16)
			}
		}
	}
	return base64.RawURLEncoding.EncodeToString([]byte(plain))
}

var errCursor = errors.New("this cursor is not one of this search")

func parseCursor(s, sort string) (cursor, error) {
	c := cursor{sort: sort}
	if s == "" {
		return c, nil
	}
	plain, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		return c, errCursor
	}
	parts := strings.Split(string(plain), " ")
	of, asOf, pinned := strings.Cut(parts[0], "@")
	if of != sort {
		return c, fmt.Errorf("%w: it is not of sort %s", errCursor, sort)
	}
	if pinned {
		if c.asOf, err = strconv.ParseInt(asOf, 16, 64); err != nil || c.asOf <= 0 {
			return c, errCursor
		}
	}
	ranked := sort == pipeline.SortRelevance
	if !ranked && len(parts) != 2 || ranked && (len(parts) < 4 || len(parts) > 4+maxWeights) {
		return c, errCursor
	}
	if _, _, err := pipeline.ParseID(parts[1]); err != nil {
		return c, errCursor
	}
	c.id = parts[1]
	if !ranked {
		return c, nil
	}
	bits, err := strconv.ParseUint(parts[2], 16, 64)
	if err != nil || math.IsNaN(math.Float64frombits(bits)) {
		return c, errCursor
	}
	c.score = math.Float64frombits(bits)
	if c.now, err = strconv.ParseInt(parts[3], 16, 64); err != nil {
		return c, errCursor
	}
	for _, p := range parts[4:] {
		bits, err := strconv.ParseUint(p, 16, 32)
		w := float64(math.Float32frombits(uint32(bits)))
		if err != nil || math.IsNaN(w) {
			return c, errCursor
		}
		c.weights = append(c.weights, w)
	}
	return c, nil
}

// seenTerm is the term of a second in the field that says when an article was
// first seen. Terms are in order of time.
func seenTerm(unix int64) string { return fmt.Sprintf("%010x", max(0, unix)) }

// pin leaves out of the view what was first seen after the search was first
// asked, or finds out when that is: at present, or when the last article was
// seen, if that is said to be later.
func (r *run) pin(v *view) error {
	if r.req.Collapse == collapseNone {
		return nil
	}
	if !r.after.zero() {
		if r.after.asOf > 0 {
			return v.leaveOut(r.after.asOf)
		}
		return nil
	}
	last := r.ix.now().Unix()
	for _, s := range v.segments {
		err := s.seenAfter(last, func(unix int64, _ *roaring.Bitmap) { last = unix })
		if err != nil {
			return err
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asOf = max(r.asOf, last)
	return nil
}

// leaveOut takes what was first seen after a second out of the view.
func (v *view) leaveOut(after int64) error {
	for _, s := range v.segments {
		var sets []*roaring.Bitmap
		if err := s.seenAfter(after, func(_ int64, docs *roaring.Bitmap) { sets = append(sets, docs) }); err != nil {
			return err
		}
		if len(sets) > 0 {
			s.live = roaring.AndNot(s.live, union(sets))
		}
	}
	return nil
}

// seenAfter calls fn with the seconds after one in which articles were first
// seen, in order, and those.
func (s *segment) seenAfter(unix int64, fn func(unix int64, docs *roaring.Bitmap)) error {
	return s.terms(fieldSeen, seenTerm(unix+1), "", func(term string, docs *roaring.Bitmap) error {
		at, err := strconv.ParseInt(term, 16, 64)
		if err != nil {
			return fmt.Errorf("%w: %q is not a second", errDamage, term)
		}
		fn(at, docs)
		return nil
	})
}
