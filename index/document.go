package index

import (
	_ "embed"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	bleveindex "github.com/blevesearch/bleve_index_api"
	"github.com/klauspost/compress/zstd"

	"github.com/newswatch/newswatch/extractors/textnorm"
	"github.com/newswatch/newswatch/index/internal/inverted"
	"github.com/newswatch/newswatch/index/query"
	"github.com/newswatch/newswatch/pipeline"
)

// mappingVersion numbers what becomes of an article in the index: its fields,
// their options, the tokens of its text. Whoever changes any of it raises the
// number by one: partitions made before are then known to be of an older
// mapping, stay searchable as they are, and Reindex makes them anew.
const mappingVersion = 4

// mappingForms is the first mapping whose forms tell how words were written.
const mappingForms = 4

// Fields of a document that are not query's.
const (
	fieldHas       = "has"
	fieldIs        = "is"
	fieldCopyOf    = "copy_of"
	fieldDay       = "day"
	fieldPublished = "published"
	fieldSeen      = "seen"
	fieldArticle   = "article"
	fieldVersion   = "version"

	formSuffix = ".form" // of the field with a text's folded forms, see forms.go
	charSuffix = ".char" // of the field with its single Han characters
)

// How the fields are kept. Doc values cost a quarter of a document's size per
// field, so only what is counted or grouped has them. How often a value stands
// in a document is not kept where it does not matter, but where it is mostly
// the only document that has it: Bleve then needs no list for it.
const (
	textOptions    = bleveindex.IndexField
	keywordOptions = bleveindex.IndexField | bleveindex.SkipFreqNorm
	facetOptions   = keywordOptions | bleveindex.DocValues
	ownOptions     = bleveindex.IndexField
	groupOptions   = ownOptions | bleveindex.DocValues
	storedOptions  = bleveindex.StoreField
)

// keywordFields are query's keyword fields.
var keywordFields = []struct {
	name    string
	options bleveindex.FieldIndexingOptions
}{
	{query.FieldEntity, facetOptions},
	{query.FieldSource, facetOptions},
	{query.FieldLang, facetOptions},
	{query.FieldCountry, facetOptions},
	{query.FieldTag, facetOptions},
	{query.FieldStory, groupOptions},
	{query.FieldSite, keywordOptions},
	{query.FieldAbout, keywordOptions},
	{query.FieldKind, keywordOptions},
	{query.FieldKey, ownOptions},
	{query.FieldAuthor, keywordOptions},
}

// A version orders the states of one article: a higher revision is newer, and
// of one revision the later message (a new story or new tags don't make a
// revision).
type version struct {
	revision int
	seq      uint64
}

func (v version) less(w version) bool {
	if v.revision != w.revision {
		return v.revision < w.revision
	}
	return v.seq < w.seq
}

func (v version) encode() []byte {
	b := binary.BigEndian.AppendUint64(nil, uint64(v.revision))
	return binary.BigEndian.AppendUint64(b, v.seq)
}

// versionLen is the length of an encoded version.
const versionLen = 16

func decodeVersion(b []byte) version {
	if len(b) != versionLen {
		return version{}
	}
	return version{int(binary.BigEndian.Uint64(b)), binary.BigEndian.Uint64(b[8:])}
}

// newDocument is the document of an article. The analysis is done here, where
// a panic can be caught, and not in Bleve's goroutines, where it would end the
// process.
func newDocument(a *pipeline.Article, v version, codec *codec) (doc *inverted.Document, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = pipeline.Permanent("panic", fmt.Errorf("analyse article %s: %v", a.ID, r))
		}
	}()
	stored, err := codec.encode(a)
	if err != nil {
		return nil, pipeline.Permanent("encode", fmt.Errorf("article %s: %w", a.ID, err))
	}
	w := documentWriters.Get().(*documentWriter)
	doc = inverted.NewDocument(a.ID)
	w.doc = doc
	w.text(query.FieldTitle, a.Title)
	w.text(query.FieldBody, a.Text)
	for _, f := range keywordFields {
		w.values(f.name, f.options, query.Values(a, f.name)...)
	}
	if len(query.Values(a, query.FieldEntity)) > 0 {
		w.values(fieldHas, keywordOptions, query.HasMention)
	}
	if a.CopyOf != "" {
		w.values(fieldIs, keywordOptions, query.IsCopy)
		w.values(fieldCopyOf, groupOptions, a.CopyOf)
	}
	w.values(fieldDay, facetOptions, a.ID[:8])
	w.values(fieldPublished, ownOptions, timeTerms(a.Published)...)
	w.values(fieldSeen, ownOptions, seenTerm(a.FirstSeen.Unix()))
	doc.Add(inverted.Field{Named: fieldArticle, Opts: storedOptions, Stored: stored})
	doc.Add(inverted.Field{Named: fieldVersion, Opts: storedOptions, Stored: v.encode()})
	w.doc = nil
	documentWriters.Put(w)
	return doc, nil
}

// A documentWriter adds fields to a document. What it holds besides is memory to
// be used again.
type documentWriter struct {
	doc    *inverted.Document
	tokens []textnorm.Token
	places []places // of the words, by number
	marked []string // forms

	words, chars, forms inverted.Counter
}

var documentWriters = sync.Pool{New: func() any { return new(documentWriter) }}

// text adds a text's words. Single Han characters, which phrases hardly need, are
// set apart, without places, and so are the words' forms.
func (w *documentWriter) text(field, text string) {
	w.tokens = textnorm.Analyze(w.tokens[:0], text)
	w.words.Reset(len(w.tokens))
	w.forms.Reset(len(w.tokens))
	w.chars.Reset(0)
	w.places = w.places[:0]
	length := 0
	for _, t := range w.tokens {
		if isChar(t.Term) {
			w.chars.Add(t.Term)
			continue
		}
		length++
		n, isNew := w.words.Add(t.Term)
		if isNew {
			w.places = append(w.places, places{})
		}
		w.places[n].add(t.Pos + 1)
	}
	w.marked = formsOf(w.marked[:0], text, w.tokens)
	for _, form := range w.marked {
		w.forms.Add(form)
	}
	words := inverted.Field{Named: field, Opts: textOptions, Length: lengthCode(length), Terms: w.words.Terms()}
	for n := range words.Terms {
		w.places[n].put(&words, &words.Terms[n])
	}
	w.add(words)
	w.add(inverted.Field{Named: field + charSuffix, Opts: textOptions, Length: 1, Terms: w.chars.Terms()})
	w.add(inverted.Field{Named: field + formSuffix, Opts: textOptions, Length: 1, Terms: w.forms.Terms()})
}

// values adds a field of values, in which how often each is there does not
// matter.
func (w *documentWriter) values(field string, options bleveindex.FieldIndexingOptions, values ...string) {
	w.words.Reset(len(values))
	for _, v := range values {
		// 0xFF sets values apart in doc values, and valid UTF-8 has none.
		w.words.Add(strings.ToValidUTF8(v, "\uFFFD"))
	}
	terms := w.words.Terms()
	if !options.SkipFreqNorm() {
		for i := range terms {
			terms[i].Freq = 1
		}
	}
	w.add(inverted.Field{Named: field, Opts: options, Length: 1, Terms: terms})
}

func (w *documentWriter) add(f inverted.Field) {
	if len(f.Terms) > 0 {
		w.doc.Add(f)
	}
}

// isChar reports whether a term is one Han character.
func isChar(term string) bool {
	r, n := utf8.DecodeRuneInString(term)
	return n == len(term) && unicode.Is(unicode.Han, r)
}

// maxStored bounds what one stored article may unpack to.
const maxStored = 256 << 20

// articleDict is what articles have in common, before they are compressed: the
// field names of their JSON and the most frequent words of three languages.
// Without it a short article hardly gets shorter: .79 of its text, with it .62.
// It can never be changed, only another be put beside it under another number.
//
//go:embed article.dict
var articleDict []byte

const articleDictID = 1

// A codec packs articles for storing: JSON, zstd. It is safe for concurrent use.
type codec struct {
	enc *zstd.Encoder
	dec *zstd.Decoder
}

func newCodec() (*codec, error) {
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(2), zstd.WithWindowSize(128<<10),
		zstd.WithEncoderDictRaw(articleDictID, articleDict))
	if err != nil {
		return nil, err
	}
	dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(2), zstd.WithDecoderMaxMemory(maxStored),
		zstd.WithDecoderDictRaw(articleDictID, articleDict))
	if err != nil {
		return nil, err
	}
	return &codec{enc, dec}, nil
}

func (c *codec) encode(a *pipeline.Article) ([]byte, error) {
	data, err := json.Marshal(a)
	if err != nil {
		return nil, err
	}
	return c.enc.EncodeAll(data, make([]byte, 0, len(data)/2)), nil
}

func (c *codec) decode(b []byte) (pipeline.Article, error) {
	var a pipeline.Article
	data, err := c.dec.DecodeAll(b, nil)
	if err != nil {
		return a, fmt.Errorf("unpack article: %w", err)
	}
	if err := json.Unmarshal(data, &a); err != nil {
		return a, fmt.Errorf("decode article: %w", err)
	}
	return a, nil
}
