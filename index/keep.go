package index

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/newswatch/newswatch/index/query"
	"github.com/newswatch/newswatch/pipeline"
)

// Retention says how long articles are kept, and how large the index may grow.
// The first rule that an article matches says how long that one is kept; one
// that none matches is kept for good. An article's age counts from its id's time:
// its publication, or when it was first seen, whichever is earlier.
type Retention struct {
	// MaxSize is the size above which the oldest partitions go. 0: no limit.
	MaxSize Size   `yaml:"max_size"`
	Rules   []Rule `yaml:"rules"`
}

// A Rule says how long the articles that match a query are kept.
type Rule struct {
	Match string `yaml:"match"` // a query without times; none: every article, in the last rule
	Keep  Age    `yaml:"keep"`  // 30d, 8w, 2y or forever
}

// An Age is whole days, or forever.
type Age time.Duration

const (
	forever Age = math.MaxInt64
	oneDay      = 24 * time.Hour
)

var ageForm = regexp.MustCompile(`^([1-9]\d{0,4})([dwy])$`)

// UnmarshalText reads 30d, 8w, 2y (of 365 days) or forever.
func (a *Age) UnmarshalText(text []byte) error {
	if string(text) == "forever" {
		*a = forever
		return nil
	}
	m := ageForm.FindStringSubmatch(string(text))
	if m == nil {
		return fmt.Errorf("%q is no age: want days, weeks or years, such as 30d, 8w, 2y, or forever", text)
	}
	n, err := strconv.Atoi(m[1])
	if err != nil {
		return err
	}
	days := n * map[string]int{"d": 1, "w": 7, "y": 365}[m[2]]
	if days > 100*365 {
		return fmt.Errorf("%q is over a hundred years: want forever", text)
	}
	*a = Age(time.Duration(days) * oneDay)
	return nil
}

// MarshalText is what UnmarshalText reads.
func (a Age) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

func (a Age) String() string {
	if a == forever {
		return "forever"
	}
	return fmt.Sprintf("%dd", time.Duration(a)/oneDay)
}

// A Size is a number of bytes.
type Size int64

var (
	sizeForm  = regexp.MustCompile(`^(\d{1,15}(?:\.\d{1,3})?) ?([A-Za-z]*)$`)
	sizeUnits = map[string]float64{
		"": 1, "b": 1, "kb": 1e3, "mb": 1e6, "gb": 1e9, "tb": 1e12,
		"kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30, "tib": 1 << 40,
	}
)

// UnmarshalText reads bytes, or a number with a unit: 50GB, 1.5 TiB.
func (s *Size) UnmarshalText(text []byte) error {
	m := sizeForm.FindStringSubmatch(string(text))
	if m == nil || sizeUnits[strings.ToLower(m[2])] == 0 {
		return fmt.Errorf("%q is no size: want bytes, or a number with kB, MB, GB, TB, KiB, MiB, GiB or TiB", text)
	}
	n, err := strconv.ParseFloat(m[1], 64)
	if err != nil {
		return err
	}
	if n *= sizeUnits[strings.ToLower(m[2])]; n >= math.MaxInt64 {
		return fmt.Errorf("%q is too large a size", text)
	}
	*s = Size(n)
	return nil
}

// A keeping is a Retention made ready.
type keeping struct {
	rules   []keepRule
	maxSize int64
	least   time.Duration // an article no older than that is kept whatever it is
	most    time.Duration // an article older than that is kept by none; forever: there may be some
}

type keepRule struct {
	match *query.Query // nil: all
	text  string
	keep  Age
	// find is a query for the articles that the rule decides on; among others,
	// where more is set.
	find string
	more bool
}

// newKeeping says what is wrong with the settings, by their names.
func newKeeping(r Retention, now time.Time) (*keeping, error) {
	k := &keeping{maxSize: int64(r.MaxSize), least: math.MaxInt64, most: math.MaxInt64}
	if r.MaxSize < 0 {
		return nil, errors.New("index: retention.max_size: it can't be below 0")
	}
	before := "" // what no rule before has matched
	all := false
	most := time.Duration(0)
	for i, rule := range r.Rules {
		fail := func(format string, args ...any) error {
			return fmt.Errorf("index: retention.rules[%d]: %w", i, fmt.Errorf(format, args...))
		}
		kr := keepRule{text: strings.TrimSpace(rule.Match), keep: rule.Keep}
		switch {
		case all:
			return nil, fail("it is never come to: the rule before it has no match, and so decides on every article")
		case rule.Keep == 0:
			return nil, fail("keep: how long? Such as 30d, 8w, 2y, or forever")
		case rule.Keep < Age(oneDay):
			return nil, fail("keep: a day is the least")
		}
		if kr.text == "" {
			all = true
			kr.find = before
		} else {
			q, err := query.Parse(kr.text, now)
			if err != nil {
				return nil, fail("match: %w", err)
			}
			var at query.Node
			query.Walk(q.Root, func(n query.Node) bool {
				if _, ok := n.(*query.Time); ok {
					at = n
				}
				return at == nil
			})
			if at != nil {
				return nil, fail("match: %q is a time; keep says for how long", at.At().Raw)
			}
			kr.match = q
			kr.find = "(" + kr.text + ")" + before
			before += " -(" + kr.text + ")"
		}
		if _, err := query.Parse(kr.find, now); err != nil {
			kr.find, kr.more = kr.text, true // too much for one query: articles of rules before are among those found
		}
		k.least = min(k.least, time.Duration(rule.Keep))
		most = max(most, time.Duration(rule.Keep))
		k.rules = append(k.rules, kr)
	}
	if all {
		k.most = most
	}
	return k, nil
}

func (k *keeping) on() bool { return len(k.rules) > 0 || k.maxSize > 0 }

// expired reports whether the article's time is over, and by which rule; -1: it
// is not.
func (k *keeping) expired(a *pipeline.Article, now time.Time) (rule int) {
	at, _, err := pipeline.ParseID(a.ID)
	if err != nil || now.Sub(at) <= k.least {
		return -1
	}
	doc := query.NewDoc(a)
	for i, r := range k.rules {
		if r.match != nil {
			if _, ok := r.match.Match(doc); !ok {
				continue
			}
		}
		if r.keep != forever && now.Sub(at) > time.Duration(r.keep) {
			return i
		}
		return -1
	}
	return -1
}
