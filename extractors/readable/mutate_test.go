package readable

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/newswatch/newswatch/extractors/readable/readabletest"
)

var mutations = flag.Int("mutations", 150, "damaged pages that TestMutations reads")

// What a page may cost, by what its size is: most real pages stay at a tenth of
// it. It is memory that is measured, since a test can't trust a clock.
const (
	costBase = 8 << 20
	costByte = 400
)

// TestMutations reads real pages with random damage: none breaks the
// extraction, and none costs more memory than its size allows.
func TestMutations(t *testing.T) {
	pages := sample(goldPages(t), 40)
	slices.SortFunc(pages, func(a, b readabletest.Page) int { return strings.Compare(a.Path, b.Path) })
	rng := rand.New(rand.NewPCG(4, 15))
	var worst struct {
		cost float64
		took time.Duration
		what string
	}
	var before, after runtime.MemStats
	for i := range *mutations {
		p := pages[rng.IntN(len(pages))]
		body, err := os.ReadFile(p.Path)
		if err != nil {
			t.Fatal(err)
		}
		what := fmt.Sprintf("mutation %d of %s:", i, p.Path)
		for range 1 + rng.IntN(4) {
			m := damages[rng.IntN(len(damages))]
			body = m.do(rng, body)
			what += " " + m.name
		}
		runtime.ReadMemStats(&before)
		start := time.Now()
		got, err := Extract(body, Options{URL: p.URL})
		took := time.Since(start)
		runtime.ReadMemStats(&after)
		if errors.Is(err, ErrPanic) {
			t.Errorf("%s: %v", what, err)
		}
		for _, s := range []string{got.Title, got.Text, got.Author, got.Summary, got.Site, got.Section} {
			if !utf8.ValidString(s) {
				t.Errorf("%s: not UTF-8: %.100q", what, s)
			}
		}
		used := after.TotalAlloc - before.TotalAlloc
		if used > costBase+costByte*uint64(len(body)) {
			t.Errorf("%s: %d bytes of memory for a page of %d", what, used, len(body))
		}
		if cost := float64(used) / float64(costBase+costByte*len(body)); cost > worst.cost {
			worst.cost, worst.what = cost, what
		}
		worst.took = max(worst.took, took)
	}
	t.Logf("at most %.0f%% of the memory allowed, %v: %s", 100*worst.cost, worst.took.Round(time.Millisecond), worst.what)
}

// damages are what happens to pages on their way, and what could.
var damages = []struct {
	name string
	do   func(rng *rand.Rand, b []byte) []byte
}{
	{"cut off", func(rng *rand.Rand, b []byte) []byte { return b[:rng.IntN(len(b)+1)] }},
	{"bytes turned", func(rng *rand.Rand, b []byte) []byte {
		b = slices.Clone(b)
		for range len(b) / 200 {
			b[rng.IntN(len(b))] = byte(rng.Uint32())
		}
		return b
	}},
	{"tags lost", func(rng *rand.Rand, b []byte) []byte {
		return eachTag(b, func(tag []byte) [][]byte {
			if rng.IntN(4) == 0 {
				return nil
			}
			return [][]byte{tag}
		})
	}},
	{"ends lost", func(rng *rand.Rand, b []byte) []byte {
		return eachTag(b, func(tag []byte) [][]byte {
			if len(tag) > 1 && tag[1] == '/' && rng.IntN(3) == 0 {
				return nil
			}
			return [][]byte{tag}
		})
	}},
	{"tags doubled", func(rng *rand.Rand, b []byte) []byte {
		return eachTag(b, func(tag []byte) [][]byte {
			if rng.IntN(8) == 0 {
				return [][]byte{tag, tag}
			}
			return [][]byte{tag}
		})
	}},
	{"tags of others", func(rng *rand.Rand, b []byte) []byte {
		strange := [][]byte{[]byte("<table>"), []byte("<td>"), []byte("<svg>"), []byte("<math>"), []byte("<template>"), []byte("<select>"),
			[]byte("</body>"), []byte("<frameset>"), []byte("<plaintext>"), []byte("<title>"), []byte("<form>"), []byte("<li>"), []byte("<pre>")}
		return eachTag(b, func(tag []byte) [][]byte {
			if rng.IntN(40) == 0 {
				return [][]byte{tag, strange[rng.IntN(len(strange))]}
			}
			return [][]byte{tag}
		})
	}},
	{"a part moved", func(rng *rand.Rand, b []byte) []byte {
		i, j, to := place(rng, b)
		return slices.Concat(b[:to], b[i:j], b[to:])
	}},
	{"a part many times", func(rng *rand.Rand, b []byte) []byte {
		i, j, to := place(rng, b)
		j = min(j, i+4<<10)
		return slices.Concat(b[:to], bytes.Repeat(b[i:j], 1+rng.IntN(200)), b[to:])
	}},
	{"one tag many times", func(rng *rand.Rand, b []byte) []byte {
		tags := []string{"<div>", "<b>", "<a href=x>", "<p>", "<br>", "<li>", "<table><tr><td>", "<span class='a b c'>", "<blockquote>", "</div>", "<!--", "&amp;", "<i><p>"}
		_, _, to := place(rng, b)
		return slices.Concat(b[:to], bytes.Repeat([]byte(tags[rng.IntN(len(tags))]), rng.IntN(3000)), b[to:])
	}},
	{"quotes lost", func(rng *rand.Rand, b []byte) []byte {
		return slices.DeleteFunc(slices.Clone(b), func(c byte) bool { return (c == '"' || c == '\'') && rng.IntN(10) == 0 })
	}},
}

// place is a part of the page and a place in it.
func place(rng *rand.Rand, b []byte) (i, j, to int) {
	i, j, to = rng.IntN(len(b)+1), rng.IntN(len(b)+1), rng.IntN(len(b)+1)
	return min(i, j), max(i, j), to
}

// eachTag puts what fn makes of each tag in its place.
func eachTag(b []byte, fn func(tag []byte) [][]byte) []byte {
	var out []byte
	for len(b) > 0 {
		i := bytes.IndexByte(b, '<')
		if i < 0 {
			break
		}
		n := bytes.IndexByte(b[i:], '>')
		if n < 0 {
			break
		}
		out = append(out, b[:i]...)
		for _, t := range fn(b[i : i+n+1]) {
			out = append(out, t...)
		}
		b = b[i+n+1:]
	}
	return append(out, b...)
}
