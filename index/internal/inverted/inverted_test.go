package inverted

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	index "github.com/blevesearch/bleve_index_api"
	segment "github.com/blevesearch/scorch_segment_api/v2"
	zap "github.com/blevesearch/zapx/v17"
	"github.com/google/go-cmp/cmp"
)

// bytesOf is what the segment writes to a file.
func bytesOf(t testing.TB, s segment.Segment) []byte {
	t.Helper()
	var b bytes.Buffer
	if _, err := s.(*zap.SegmentBase).WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// A listed is a field as a segment lists it.
type listed struct {
	Name    string
	Options uint64
	Address uint64 // of its inverted text; there must be no other section
}

// parts are the bytes of a segment before its list of fields, and that list.
func parts(t testing.TB, data []byte) (body []byte, fields []listed) {
	t.Helper()
	const footer = 40
	foot := data[len(data)-footer:]
	at := binary.BigEndian.Uint64(foot[4+8+8:])
	uvarint := func() uint64 {
		v, n := binary.Uvarint(data[at:])
		at += uint64(n)
		return v
	}
	n := uvarint()
	starts := make([]uint64, n)
	for i := range starts {
		starts[i] = binary.BigEndian.Uint64(data[at:])
		at += 8
	}
	for _, s := range starts {
		at = s
		size := uvarint()
		f := listed{Name: string(data[at : at+size])}
		at += size
		f.Options = uvarint()
		for range uvarint() {
			section, addr := binary.BigEndian.Uint16(data[at:]), binary.BigEndian.Uint64(data[at+2:])
			at += 10
			switch {
			case section == zap.SectionInvertedTextIndex:
				f.Address = addr
			case addr != 0:
				t.Errorf("field %s has a section %d", f.Name, section)
			}
		}
		fields = append(fields, f)
	}
	return data[:starts[0]], fields
}

// randomDocs is documents with the kinds of fields there are: words with
// frequencies and some locations, sets, values with doc values, stored ones.
func randomDocs(rng *rand.Rand, n int) []*Document {
	vocabulary := 1 + rng.IntN(1+rng.IntN(3000))
	var c Counter
	docs := make([]*Document, n)
	ids := rng.Perm(1_000_000)
	for i := range docs {
		d := NewDocument(fmt.Sprintf("%020d", ids[i]))
		for _, f := range []struct {
			name    string
			options index.FieldIndexingOptions
			words   int
		}{
			{"title", index.IndexField, 5},
			{"body", index.IndexField, 100},
			{"body.form", index.IndexField | index.SkipFreqNorm, 50},
			{"source", index.IndexField | index.DocValues | index.SkipFreqNorm, 3},
			{"story", index.IndexField | index.DocValues, 1},
		} {
			if rng.IntN(4) == 0 {
				continue
			}
			c.Reset(rng.IntN(2 * f.words))
			words := rng.IntN(f.words + 1)
			for range words {
				w := rng.IntN(vocabulary)
				c.Add(strings.Repeat([]string{"a", "Ж", "华", "\x00"}[w%4], w%7) + fmt.Sprint(w))
			}
			if rng.IntN(20) == 0 {
				c.Add("")
			}
			if rng.IntN(20) > 0 {
				c.Add("everywhere")
			}
			field := Field{Named: f.name, Opts: f.options, Length: words, Terms: c.Terms()}
			rng.Shuffle(len(field.Terms), func(i, j int) {
				field.Terms[i], field.Terms[j] = field.Terms[j], field.Terms[i]
			})
			if f.options&index.SkipFreqNorm == 0 {
				for j := range field.Terms {
					field.Terms[j].Freq = rng.Uint64N(1<<rng.IntN(60) + 1)
					if rng.IntN(50) == 0 {
						var places []uint64
						for range 1 + rng.IntN(30) {
							places = append(places, rng.Uint64N(1<<rng.IntN(30)))
						}
						field.Places = append(field.Places, places)
						field.Terms[j].Places = uint32(len(field.Places))
					}
				}
			}
			d.Add(field)
		}
		for _, name := range []string{"version", "article"} {
			if rng.IntN(5) > 0 {
				d.Add(Field{Named: name, Opts: index.StoreField, Stored: bytes.Repeat([]byte(name), rng.IntN(100))})
			}
		}
		docs[i] = d
	}
	return docs
}

func asDocuments(docs []*Document) []index.Document {
	out := make([]index.Document, len(docs))
	for i, d := range docs {
		out[i] = d
	}
	return out
}

// A segment is what zapx makes of the same documents in order of their ids.
func TestSameAsZapx(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	sizes := []int{1, 2, 3, 10, 100, 1023, 1024, 1025, 6000}
	for range 20 {
		sizes = append(sizes, 1+rng.IntN(200))
	}
	for _, n := range sizes {
		docs := randomDocs(rng, n)
		got, size, err := new(Plugin).New(asDocuments(docs))
		if err != nil {
			t.Fatal(err)
		}
		slices.SortFunc(docs, func(a, b *Document) int { return strings.Compare(a.id, b.id) })
		want, _, err := new(zap.ZapPlugin).New(asDocuments(docs))
		if err != nil {
			t.Fatal(err)
		}
		gotBytes := bytesOf(t, got)
		if int(size) >= len(gotBytes) {
			t.Errorf("%d documents: size %d of a file of %d", n, size, len(gotBytes))
		}
		gotBody, gotFields := parts(t, gotBytes)
		wantBody, wantFields := parts(t, bytesOf(t, want))
		if !bytes.Equal(gotBody, wantBody) {
			at := 0
			for at < min(len(gotBody), len(wantBody)) && gotBody[at] == wantBody[at] {
				at++
			}
			t.Fatalf("%d documents: %d bytes, zapx has %d; they differ from %d on", n, len(gotBody), len(wantBody), at)
		}
		if diff := cmp.Diff(wantFields, gotFields); diff != "" {
			t.Errorf("%d documents: fields (-zapx +got):\n%s", n, diff)
		}
	}
}

// What can't be written well is refused.
func TestRefused(t *testing.T) {
	terms := func(texts ...string) (out []Term) {
		for _, text := range texts {
			out = append(out, Term{Text: text, Freq: 1})
		}
		return out
	}
	for want, fields := range map[string][]Field{
		`field body: the term "a"`: {{Named: "body", Opts: index.IndexField, Terms: terms("a", "b", "a")}},
		"two fields body":          {{Named: "body", Opts: index.IndexField, Terms: terms("a")}, {Named: "body"}},
		"two fields _id":           {{Named: "_id"}},
	} {
		d := NewDocument("1")
		for _, f := range fields {
			d.Add(f)
		}
		if _, _, err := new(Plugin).New([]index.Document{NewDocument("0"), d}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("New = %v, want an error with %s", err, want)
		}
	}
}

func TestCounter(t *testing.T) {
	var c Counter
	for round := range 3 {
		c.Reset(0)
		for i := range 1000 {
			want := i % 300
			if n, isNew := c.Add(fmt.Sprint(round, want)); n != want || isNew != (i < 300) {
				t.Fatalf("Add(%d) = %d, %v", want, n, isNew)
			}
		}
		terms := c.Terms()
		if len(terms) != 300 {
			t.Fatalf("%d terms, want 300", len(terms))
		}
		for i, term := range terms {
			if term.Text != fmt.Sprint(round, i) {
				t.Fatalf("term %d is %q", i, term.Text)
			}
		}
	}
}

// BenchmarkNew is a batch of 500 made by us and by zapx.
func BenchmarkNew(b *testing.B) {
	docs := asDocuments(randomDocs(rand.New(rand.NewPCG(3, 4)), 500))
	for _, p := range []struct {
		name string
		new  func([]index.Document) (segment.Segment, uint64, error)
	}{
		{"inverted", new(Plugin).New},
		{"zapx", new(zap.ZapPlugin).New},
	} {
		b.Run(p.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := p.new(docs); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
