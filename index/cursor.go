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
// id, which inserts don't move. By relevance it is a score and an id; scores
// change a little as articles come in, and so may what is on the next page.
type cursor struct {
	sort  string
	id    string // empty: the beginning
	score float64
}

func (c cursor) zero() bool { return c.id == "" }

// String is the cursor as callers get it: opaque, safe in a URL.
func (c cursor) String() string {
	plain := c.sort + " " + c.id
	if c.sort == pipeline.SortRelevance {
		plain += " " + strconv.FormatUint(math.Float64bits(c.score), 16)
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
	want := 2
	if sort == pipeline.SortRelevance {
		want = 3
	}
	if parts[0] != sort {
		return c, fmt.Errorf("%w: it is not of sort %s", errCursor, sort)
	}
	if len(parts) != want {
		return c, errCursor
	}
	if _, _, err := pipeline.ParseID(parts[1]); err != nil {
		return c, errCursor
	}
	c.id = parts[1]
	if want == 3 {
		bits, err := strconv.ParseUint(parts[2], 16, 64)
		if err != nil || math.IsNaN(math.Float64frombits(bits)) {
			return c, errCursor
		}
		c.score = math.Float64frombits(bits)
	}
	return c, nil
}
