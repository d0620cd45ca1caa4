package index

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/blevesearch/bleve/v2/analysis"
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
const mappingVersion = 2

// Fields of a document that are not query's.
const (
	fieldHas       = "has"
	fieldIs        = "is"
	fieldCopyOf    = "copy_of"
	fieldDay       = "day"
	fieldPublished = "published"
	fieldArticle   = "article"
	fieldVersion   = "version"

	formSuffix = ".form" // of the field with a text's folded forms
	charSuffix = ".char" // of the field with its single Han characters
)

// How the fields are kept. Doc values cost a quarter of a document's size per
// field, so only what is counted or grouped has them; positions are what
// phrases need, so only texts have them.
const (
	textOptions    = bleveindex.IndexField | bleveindex.IncludeTermVectors
	charOptions    = bleveindex.IndexField
	formOptions    = bleveindex.IndexField | bleveindex.SkipFreqNorm
	keywordOptions = bleveindex.IndexField | bleveindex.SkipFreqNorm
	facetOptions   = bleveindex.IndexField | bleveindex.SkipFreqNorm | bleveindex.DocValues
	storedOptions  = bleveindex.StoreField
)

// keywordFields are query's keyword fields and whether they are counted.
var keywordFields = []struct {
	name  string
	facet bool
}{
	{query.FieldEntity, true},
	{query.FieldSource, true},
	{query.FieldLang, true},
	{query.FieldCountry, true},
	{query.FieldTag, true},
	{query.FieldStory, true},
	{query.FieldSite, false},
	{query.FieldAbout, false},
	{query.FieldKind, false},
	{query.FieldKey, false},
	{query.FieldAuthor, false},
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
		options := keywordOptions
		if f.facet {
			options = facetOptions
		}
		addValues(doc, f.name, options, query.Values(a, f.name)...)
	}
	if len(query.Values(a, query.FieldEntity)) > 0 {
		addValues(doc, fieldHas, keywordOptions, query.HasMention)
	}
	if a.CopyOf != "" {
		addValues(doc, fieldIs, keywordOptions, query.IsCopy)
		addValues(doc, fieldCopyOf, facetOptions, a.CopyOf)
	}
	addValues(doc, fieldDay, facetOptions, a.ID[:8])
	addTokens(doc, fieldPublished, keywordOptions, timeTokens(a.Published))
	doc.AddField(document.NewTextFieldCustom(fieldArticle, nil, stored, storedOptions, nil))
	doc.AddField(document.NewTextFieldCustom(fieldVersion, nil, v.encode(), storedOptions, nil))
	return doc, nil
}

// analysed is a text's tokens, made before Bleve asks for them.
type analysed analysis.TokenStream

func (t analysed) Analyze([]byte) analysis.TokenStream { return analysis.TokenStream(t) }

// addText adds a text's tokens. Positions are most of what a text costs on
// disk, so offsets, which only highlighting would need, are left out, and
// single Han characters, which phrases hardly need, are set apart without.
func addText(doc *document.Document, field, text string) {
	tokens := textnorm.Analyze(nil, text)
	all := make([]analysis.Token, len(tokens))
	var terms, chars, forms analysis.TokenStream
	seen := make(map[string]bool)
	for i, t := range tokens {
		// Bleve counts positions from 1; 0 means "none" to its phrases.
		all[i] = analysis.Token{Term: []byte(t.Term), Position: t.Pos + 1}
		if isChar(t.Term) {
			chars = append(chars, &all[i])
			continue
		}
		terms = append(terms, &all[i])
		if t.Bigram {
			continue
		}
		// A prefix has two characters or more: one alone can't begin with it.
		if form := textnorm.Fold(text[t.Start:t.End]); !seen[form] && utf8.RuneCountInString(form) > 1 {
			seen[form] = true
			forms = append(forms, &analysis.Token{Term: []byte(form), Position: 1})
		}
	}
	addTokens(doc, field, textOptions, terms)
	addTokens(doc, field+charSuffix, charOptions, chars)
	addTokens(doc, field+formSuffix, formOptions, forms)
}

// isChar reports whether a term is one Han character.
func isChar(term string) bool {
	r, n := utf8.DecodeRuneInString(term)
	return n == len(term) && unicode.Is(unicode.Han, r)
}

func addTokens(doc *document.Document, field string, options bleveindex.FieldIndexingOptions, tokens analysis.TokenStream) {
	if len(tokens) > 0 {
		doc.AddField(document.NewTextFieldCustom(field, nil, nil, options, analysed(tokens)))
	}
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

// A codec packs articles for storing: JSON, zstd. It is safe for concurrent use.
type codec struct {
	enc *zstd.Encoder
	dec *zstd.Decoder
}

func newCodec() (*codec, error) {
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(2), zstd.WithWindowSize(128<<10))
	if err != nil {
		return nil, err
	}
	dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(2), zstd.WithDecoderMaxMemory(maxStored))
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
