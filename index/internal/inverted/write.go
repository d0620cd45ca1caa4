package inverted

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/RoaringBitmap/roaring/v2"
	index "github.com/blevesearch/bleve_index_api"
	"github.com/blevesearch/vellum"
	"github.com/golang/snappy"
)

// A writer writes segments, one after the other. What it holds besides is
// memory to be used again.
type writer struct {
	out             []byte
	index, sections uint64 // where the index of documents and the list of fields are

	fields []*field // by number
	named  map[string]*field
	docs   int

	table    table
	words    []word
	numbers  []uint32 // of the terms, as they come
	order    []key
	postings []posting
	blocks   blocks
	dict     *vellum.Builder
	dictOut  buffer
	values   [][]byte // of a document: its doc values
	meta     []byte
	data     []byte
	packed   []byte
}

// A field is one of the segment's.
type field struct {
	name    string
	number  int
	options index.FieldIndexingOptions
	of      []docField
	at      uint64 // where it is written
}

// A docField is a document's field.
type docField struct {
	doc int
	*Field
}

// A word is a term of a field.
type word struct {
	count int32
	last  int32  // the docField it was seen in last, + 1
	next  uint32 // where its next posting goes
}

type posting struct {
	in   int32 // the docField
	term int32 // its number there
}

// A key is a term by what comes first in it.
type key struct {
	first uint64
	word  uint32
}

// A buffer is what vellum writes to.
type buffer struct{ b []byte }

func (b *buffer) Write(p []byte) (int, error) {
	b.b = append(b.b, p...)
	return len(p), nil
}

// write makes out, index and sections of the documents.
func (w *writer) write(docs []*Document) error {
	w.out, w.docs = w.out[:0], len(docs)
	defer w.forget()
	if err := w.findFields(docs); err != nil {
		return err
	}
	w.writeStored(docs)
	for _, f := range w.fields {
		if err := w.writeField(f); err != nil {
			return fmt.Errorf("field %s: %w", f.name, err)
		}
	}
	w.writeFields()
	return nil
}

// findFields numbers the fields: the id's first, then by name.
func (w *writer) findFields(docs []*Document) error {
	if w.named == nil {
		w.named = make(map[string]*field)
	}
	for n, d := range docs {
		for i := range d.fields {
			df := &d.fields[i]
			f := w.named[df.Named]
			if f == nil {
				f = &field{name: df.Named}
				w.named[df.Named] = f
				w.fields = append(w.fields, f)
			}
			if last := len(f.of) - 1; last >= 0 && f.of[last].doc == n {
				return fmt.Errorf("document %s has two fields %s", d.id, df.Named)
			}
			f.options |= df.Opts
			f.of = append(f.of, docField{n, df})
		}
	}
	slices.SortFunc(w.fields[1:], func(a, b *field) int { return strings.Compare(a.name, b.name) })
	for i, f := range w.fields {
		f.number = i
	}
	return nil
}

// writeStored writes what is stored of the documents, and where.
func (w *writer) writeStored(docs []*Document) {
	starts := make([]int, len(docs))
	type value struct {
		field int
		data  []byte
	}
	var values []value
	for n, d := range docs {
		values = values[:0]
		for i := range d.fields[1:] {
			if f := &d.fields[1+i]; f.Opts.IsStored() {
				values = append(values, value{w.named[f.Named].number, f.Stored})
			}
		}
		slices.SortFunc(values, func(a, b value) int { return cmp.Compare(a.field, b.field) })
		w.meta = binary.AppendUvarint(w.meta[:0], uint64(len(d.id)))
		w.data = w.data[:0]
		for _, v := range values {
			for _, x := range [...]int{v.field, textType, len(w.data), len(v.data), 0} {
				w.meta = binary.AppendUvarint(w.meta, uint64(x))
			}
			w.data = append(w.data, v.data...)
		}
		w.packed = snappy.Encode(w.packed[:cap(w.packed)], w.data)
		starts[n] = len(w.out)
		w.number(len(w.meta))
		w.number(len(d.id) + len(w.packed))
		w.out = append(w.out, w.meta...)
		w.out = append(w.out, d.id...)
		w.out = append(w.out, w.packed...)
	}
	w.index = uint64(len(w.out))
	for _, at := range starts {
		w.out = binary.BigEndian.AppendUint64(w.out, uint64(at))
	}
	w.number(0)
}

func (w *writer) number(n int) { w.out = binary.AppendUvarint(w.out, uint64(n)) }

// writeField writes a field's postings, dictionary and doc values.
func (w *writer) writeField(f *field) error {
	if err := w.collect(f); err != nil {
		return err
	}
	w.sort()
	w.arrange(f)
	hasValues := f.options.IncludeDocValues()
	if hasValues {
		w.values = slices.Grow(w.values[:0], w.docs)[:w.docs]
		for i := range w.values {
			w.values[i] = w.values[i][:0]
		}
	}
	if err := w.startDictionary(); err != nil {
		return err
	}
	from := 0
	for _, k := range w.order {
		term := w.table.terms[k.word]
		list := w.postings[from : from+int(w.words[k.word].count)]
		from += len(list)
		if err := w.dict.Insert([]byte(term), w.writePostings(f, list)); err != nil {
			return err
		}
		if hasValues {
			for _, p := range list {
				v := &w.values[f.of[p.in].doc]
				*v = append(append(*v, term...), index.DocValueTermSeparator)
			}
		}
	}
	if err := w.dict.Close(); err != nil {
		return err
	}
	dictionary := len(w.out)
	w.number(len(w.dictOut.b))
	w.out = append(w.out, w.dictOut.b...)

	const none = math.MaxUint64
	start, end := uint64(none), uint64(none)
	if hasValues {
		start, end = w.writeValues()
	}
	f.at = uint64(len(w.out))
	w.out = binary.AppendUvarint(w.out, start)
	w.out = binary.AppendUvarint(w.out, end)
	w.number(dictionary)
	return nil
}

// collect numbers the field's terms and counts their documents.
func (w *writer) collect(f *field) error {
	total := 0
	for _, df := range f.of {
		total += len(df.Terms)
	}
	w.table.reset(total / 8) // grows where the documents have little in common
	w.words, w.numbers = w.words[:0], slices.Grow(w.numbers[:0], total)
	for in, df := range f.of {
		for i := range df.Terms {
			t := &df.Terms[i]
			if t.hash == 0 {
				t.hash = hashOf(t.Text)
			}
			n, isNew := w.table.number(t.Text, t.hash)
			if isNew {
				w.words = append(w.words, word{})
			}
			wd := &w.words[n]
			if wd.last == int32(in)+1 {
				return fmt.Errorf("the term %q is in a document's list twice", t.Text)
			}
			wd.count++
			wd.last = int32(in) + 1
			w.numbers = append(w.numbers, uint32(n))
		}
	}
	return nil
}

// sort puts the terms in order.
func (w *writer) sort() {
	w.order = slices.Grow(w.order[:0], len(w.words))
	for n, term := range w.table.terms {
		var first [8]byte
		copy(first[:], term)
		w.order = append(w.order, key{binary.BigEndian.Uint64(first[:]), uint32(n)})
	}
	slices.SortFunc(w.order, func(a, b key) int {
		if a.first != b.first {
			return cmp.Compare(a.first, b.first)
		}
		return strings.Compare(w.table.terms[a.word], w.table.terms[b.word])
	})
}

// arrange puts the postings in order of their terms, and of one term in order of
// their documents.
func (w *writer) arrange(f *field) {
	at := uint32(0)
	for _, k := range w.order {
		wd := &w.words[k.word]
		wd.next = at
		at += uint32(wd.count)
	}
	w.postings = slices.Grow(w.postings[:0], len(w.numbers))[:len(w.numbers)]
	i := 0
	for in, df := range f.of {
		for term := range df.Terms {
			wd := &w.words[w.numbers[i]]
			w.postings[wd.next] = posting{int32(in), int32(term)}
			wd.next++
			i++
		}
	}
}

func (w *writer) startDictionary() (err error) {
	w.dictOut.b = w.dictOut.b[:0]
	if w.dict != nil {
		return w.dict.Reset(&w.dictOut)
	}
	// Without sharing suffixes, as zapx has it: that takes more time than it is
	// worth.
	w.dict, err = vellum.New(&w.dictOut, &vellum.BuilderOpts{Encoder: 1, RegistryTableSize: 0, RegistryMRUSize: 1})
	return err
}

// writePostings writes a term's postings and says where.
func (w *writer) writePostings(f *field, list []posting) (at uint64) {
	b := &w.blocks
	b.start(w.docs, len(list))
	places := false
	for _, p := range list {
		df := &f.of[p.in]
		t := &df.Terms[p.term]
		b.at(df.doc)
		bit := uint64(0)
		if t.Places != 0 {
			bit, places = 1, true
		}
		b.add(t.Freq<<1 | bit)
		if t.Freq > 0 {
			b.add(uint64(df.Length))
		}
	}
	var freqs, locations uint64
	freqs = uint64(len(w.out))
	w.out = b.appendTo(w.out)
	if places {
		b.start(w.docs, len(list))
		for _, p := range list {
			df := &f.of[p.in]
			if places := df.places(&df.Terms[p.term]); places != nil {
				b.at(df.doc)
				b.location(f.number, places)
			}
		}
		locations = uint64(len(w.out))
		w.out = b.appendTo(w.out)
	}
	at = uint64(len(w.out))
	w.out = binary.AppendUvarint(w.out, freqs)
	w.out = binary.AppendUvarint(w.out, locations)
	w.writeDocs(f, list)
	return at
}

// Of a Roaring bitmap's serialized form (RoaringFormatSpec): what it begins with
// where it has no runs, how many documents a container is for, and how many it
// keeps as a list.
const (
	roaringCookie   = 12346
	containerDocs   = 1 << 16
	containerAsList = 4096
)

// writeDocs writes the length and the bitmap of a list's documents. Nearly all of
// them are a container with a list, for which no bitmap need be made.
func (w *writer) writeDocs(f *field, list []posting) {
	if w.docs > containerDocs || len(list) > containerAsList {
		docs := make([]uint32, len(list))
		for i, p := range list {
			docs[i] = uint32(f.of[p.in].doc)
		}
		b, err := roaring.BitmapOf(docs...).ToBytes()
		if err != nil {
			panic(err) // it is written to memory
		}
		w.number(len(b))
		w.out = append(w.out, b...)
		return
	}
	const head = 16
	w.number(head + 2*len(list))
	le := binary.LittleEndian
	w.out = le.AppendUint32(w.out, roaringCookie)
	w.out = le.AppendUint32(w.out, 1)                   // containers
	w.out = le.AppendUint16(w.out, 0)                   // its key
	w.out = le.AppendUint16(w.out, uint16(len(list)-1)) // its size - 1
	w.out = le.AppendUint32(w.out, head)                // where it is
	for _, p := range list {
		w.out = le.AppendUint16(w.out, uint16(f.of[p.in].doc))
	}
}

// writeFields writes the list of fields.
func (w *writer) writeFields() {
	starts := make([]int, len(w.fields))
	for i, f := range w.fields {
		starts[i] = len(w.out)
		w.number(len(f.name))
		w.out = append(w.out, f.name...)
		w.number(int(f.options))
		w.number(1)
		w.out = binary.BigEndian.AppendUint16(w.out, 0)
		w.out = binary.BigEndian.AppendUint64(w.out, f.at)
	}
	w.sections = uint64(len(w.out))
	w.number(len(w.fields))
	for _, at := range starts {
		w.out = binary.BigEndian.AppendUint64(w.out, uint64(at))
	}
}

// forget lets go of the documents.
func (w *writer) forget() {
	w.fields = nil
	clear(w.named)
	w.table.reset(0)
}
