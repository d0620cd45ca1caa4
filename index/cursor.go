package index

import (
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/newswatch/newswatch/pipeline"
)

// A cursor is the place of a hit in an order. Newest and oldest first it is an
// id, which inserts don't move. By relevance it is a score and an id, and all
// that scores depend on beside the article itself: the time that ages are
// counted to, and the weights of the query's words. So an article's score is
// the same on all pages, whatever comes in between.
type cursor struct {
	sort    string
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
	plain := c.sort + " " + c.id
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
	if parts[0] != sort {
		return c, fmt.Errorf("%w: it is not of sort %s", errCursor, sort)
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
