package index

import (
	"math"
	"math/bits"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	bleveindex "github.com/blevesearch/bleve_index_api"
	"github.com/google/go-cmp/cmp"

	"github.com/newswatch/newswatch/index/internal/inverted"
)

// packAt is the number for positions that count from 1, if they fit.
func packAt(at []int) (packed uint64, ok bool) {
	var p places
	for _, pos := range at {
		p.add(pos)
	}
	return p.packed, p.long == nil
}

func TestPackPlaces(t *testing.T) {
	for _, tc := range []struct {
		at    []int
		bytes int // as a variable-length integer with Bleve's bit
	}{
		{[]int{1}, 1},
		{[]int{8}, 1},
		{[]int{511}, 2},
		{[]int{512}, 2},
		{[]int{40, 41, 42}, 2},
		{[]int{1, 64, 700}, 4},
		{[]int{1 << 20}, 4},
	} {
		packed, ok := packAt(tc.at)
		if !ok {
			t.Errorf("%v don't fit", tc.at)
			continue
		}
		if got := unpackPlaces(nil, packed); !slices.Equal(got, tc.at) {
			t.Errorf("%v unpacked are %v", tc.at, got)
		}
		if got := countPlaces(packed); got != len(tc.at) {
			t.Errorf("countPlaces of %v = %d", tc.at, got)
		}
		if got := (bits.Len64(packed<<1) + 6) / 7; got != tc.bytes {
			t.Errorf("%v take %d bytes, want %d", tc.at, got, tc.bytes)
		}
	}
}

// Whatever fits comes back, and what doesn't fit says so.
func TestPackPlacesRandom(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 5))
	fitted := 0
	for range 100_000 {
		var at []int
		pos := 0
		for range 1 + rng.IntN(8) {
			pos += 1 + rng.IntN(1<<(1+rng.IntN(16)))
			at = append(at, pos)
		}
		packed, ok := packAt(at)
		if !ok {
			continue
		}
		fitted++
		if packed == 0 || packed > math.MaxInt64 {
			t.Fatalf("%v are %#x", at, packed)
		}
		if got := unpackPlaces(nil, packed); !slices.Equal(got, at) {
			t.Fatalf("%v unpacked are %v", at, got)
		}
		if got := countPlaces(packed); got != len(at) {
			t.Fatalf("countPlaces of %v = %d", at, got)
		}
	}
	if fitted < 50_000 {
		t.Errorf("%d of 100,000 fit", fitted)
	}
}

func TestTextField(t *testing.T) {
	text := "one two one. Two, one!" + strings.Repeat(" one", 13) + " three-s three"
	w := new(documentWriter)
	for range 2 { // its memory is used again
		w.doc = inverted.NewDocument("id")
		w.text("body", text)
	}
	got := make(map[string][]int)
	w.doc.VisitFields(func(f bleveindex.Field) {
		if f.Name() != "body" {
			return
		}
		for term, tf := range f.AnalyzedTokenFrequencies() {
			if len(tf.Locations) == 0 {
				got[term] = unpackPlaces(nil, uint64(tf.Frequency()))
				continue
			}
			at := 0
			for _, d := range tf.Locations[0].ArrayPositions {
				at += int(d)
				got[term] = append(got[term], at)
			}
			if n := countPlaces(uint64(tf.Frequency())); n != 14 || len(got[term]) != 16 {
				t.Errorf("%s has %d places, counted as %d", term, len(got[term]), n)
			}
		}
	})
	want := map[string][]int{"one": {1, 3}, "two": {2, 4}, "three": {19, 21}, "s": {20}}
	for pos := 5; pos < 19; pos++ {
		want["one"] = append(want["one"], pos)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("places (-want +got):\n%s", diff)
	}
}

func TestLengthCode(t *testing.T) {
	for _, n := range []int{1, 2, 10, 100, 350, 1000, 20_000} {
		code := lengthCode(n)
		if code < 1 || code > 127 {
			t.Errorf("lengthCode(%d) = %d", n, code)
		}
		if got := codeLength(code); math.Abs(got-float64(n))/float64(n) > 0.07 {
			t.Errorf("a length of %d is kept as %.1f", n, got)
		}
	}
}

func BenchmarkNewDocument(b *testing.B) {
	codec, err := newCodec()
	if err != nil {
		b.Fatal(err)
	}
	a := corpus(b, 1)[0]
	b.SetBytes(int64(len(a.Title) + len(a.Text)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := newDocument(&a, version{1, 1}, codec); err != nil {
			b.Fatal(err)
		}
	}
}
