package index

import (
	_ "embed"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/blevesearch/bleve/v2/document"
	bleveindex "github.com/blevesearch/bleve_index_api"
	"github.com/klauspost/compress/zstd"

	"github.com/newswatch/newswatch/extractors/textnorm"
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
func newDocument(a *pipeline.Article, v version, codec *codec) (doc *document.Document, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = pipeline.Permanent("panic", fmt.Errorf("analyse article %s: %v", a.ID, r))
		}
	}()
	stored, err := codec.encode(a)
	if err != nil {
		return nil, pipeline.Permanent("encode", fmt.Errorf("article %s: %w", a.ID, err))
	}
	doc = document.NewDocument(a.ID)
	addText(doc, query.FieldTitle, a.Title)
	addText(doc, query.FieldBody, a.Text)
	for _, f := range keywordFields {
		addValues(doc, f.name, f.options, query.Values(a, f.name)...)
	}
	if len(query.Values(a, query.FieldEntity)) > 0 {
		addValues(doc, fieldHas, keywordOptions, query.HasMention)
	}
	if a.CopyOf != "" {
		addValues(doc, fieldIs, keywordOptions, query.IsCopy)
		addValues(doc, fieldCopyOf, groupOptions, a.CopyOf)
	}
	addValues(doc, fieldDay, facetOptions, a.ID[:8])
	doc.AddField(newSetField(fieldPublished, 1, timeTerms(a.Published)))
	addValues(doc, fieldSeen, ownOptions, seenTerm(a.FirstSeen.Unix()))
	doc.AddField(document.NewTextFieldCustom(fieldArticle, nil, stored, storedOptions, nil))
	doc.AddField(document.NewTextFieldCustom(fieldVersion, nil, v.encode(), storedOptions, nil))
	return doc, nil
}

// addText adds a text's words. Single Han characters, which phrases hardly need,
// are set apart, without places, and so are the words' forms.
func addText(doc *document.Document, field, text string) {
	var words []textnorm.Token
	var chars []string
	tokens := textnorm.Analyze(nil, text)
	for _, t := range tokens {
		if isChar(t.Term) {
			chars = append(chars, t.Term)
		} else {
			words = append(words, t)
		}
	}
	forms := formsOf(nil, text, tokens)
	if len(words) > 0 {
		doc.AddField(newTextField(field, words))
	}
	if len(chars) > 0 {
		doc.AddField(newSetField(field+charSuffix, 0, chars))
	}
	if len(forms) > 0 {
		doc.AddField(newSetField(field+formSuffix, 0, forms))
	}
}

// isChar reports whether a term is one Han character.
func isChar(term string) bool {
	r, n := utf8.DecodeRuneInString(term)
	return n == len(term) && unicode.Is(unicode.Han, r)
}

func addValues(doc *document.Document, field string, options bleveindex.FieldIndexingOptions, values ...string) {
	for i, v := range values {
		// 0xFF sets values apart in doc values, and valid UTF-8 has none.
		v = strings.ToValidUTF8(v, "\uFFFD")
		doc.AddField(document.NewTextFieldCustom(field, []uint64{uint64(i)}, []byte(v), options, nil))
	}
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
