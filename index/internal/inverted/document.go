package inverted

import (
	index "github.com/blevesearch/bleve_index_api"
)

// A Document is what is to be indexed, ready for it.
type Document struct {
	id     string
	fields []Field // the first is the id's
}

const idField = "_id"

// NewDocument is a document of nothing but its id.
func NewDocument(id string) *Document {
	d := &Document{id: id, fields: make([]Field, 1, 32)}
	d.fields[0] = Field{
		Named: idField, Opts: index.IndexField | index.StoreField, Length: 1,
		Terms: []Term{{Text: id, Freq: 1}}, Stored: []byte(id),
	}
	return d
}

// Add adds a field. A document has at most one of a name.
func (d *Document) Add(f Field) { d.fields = append(d.fields, f) }

// A Field is one of a document's fields.
type Field struct {
	Named  string
	Opts   index.FieldIndexingOptions
	Length int        // kept beside each frequency that is not 0
	Terms  []Term     // each once, in any order
	Places [][]uint64 // see Term
	Stored []byte     // where Opts says so
}

// A Term is one of a field's terms.
type Term struct {
	Text string
	// Freq is how often it stands in the document's field; 0: that is not kept.
	Freq uint64
	// Places is one more than where in the field's Places the array positions of
	// its one location are; 0: it has none.
	Places uint32

	hash uint32 // 0: not known
}

// places are the term's array positions, or nil.
func (f *Field) places(t *Term) []uint64 {
	if t.Places == 0 {
		return nil
	}
	return f.Places[t.Places-1]
}

// Document is what Bleve asks a document for. Its own builder finds the same in
// it as ours.

func (d *Document) ID() string                                 { return d.id }
func (d *Document) Size() int                                  { return 0 } // for Bleve's statistics
func (d *Document) VisitComposite(index.CompositeFieldVisitor) {}
func (d *Document) HasComposite() bool                         { return false }
func (d *Document) NumPlainTextBytes() uint64                  { return 0 }
func (d *Document) AddIDField()                                {} // it is there
func (d *Document) StoredFieldsBytes() uint64                  { return 0 }
func (d *Document) Indexed() bool                              { return true }

// VisitFields calls visit with each field.
func (d *Document) VisitFields(visit index.FieldVisitor) {
	for i := range d.fields {
		visit(&d.fields[i])
	}
}

func (f *Field) Name() string                        { return f.Named }
func (f *Field) Value() []byte                       { return f.Stored }
func (f *Field) ArrayPositions() []uint64            { return nil }
func (f *Field) EncodedFieldType() byte              { return textType }
func (f *Field) Analyze()                            {}
func (f *Field) Options() index.FieldIndexingOptions { return f.Opts }
func (f *Field) AnalyzedLength() int                 { return f.Length }
func (f *Field) NumPlainTextBytes() uint64           { return 0 }

// textType is what Bleve calls a field of text.
const textType = 't'

// AnalyzedTokenFrequencies makes the map that Bleve's own builder wants.
func (f *Field) AnalyzedTokenFrequencies() index.TokenFrequencies {
	m := make(index.TokenFrequencies, len(f.Terms))
	for _, t := range f.Terms {
		tf := new(index.TokenFreq)
		tf.SetFrequency(int(t.Freq))
		if places := f.places(&t); places != nil {
			tf.Locations = []*index.TokenLocation{{ArrayPositions: places}}
		}
		m[t.Text] = tf
	}
	return m
}
