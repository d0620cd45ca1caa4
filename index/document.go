package index

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/blevesearch/bleve/v2/analysis"
	"github.com/blevesearch/bleve/v2/document"
	bleveindex "github.com/blevesearch/bleve_index_api"
	"github.com/klauspost/compress/zstd"

	"github.com/newswatch/newswatch/extractors/textnorm"
	"github.com/newswatch/newswatch/index/query"
	"github.com/newswatch/newswatch/pipeline"
)

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
)

// How the fields are kept. Doc values cost a quarter of a document's size per
// field, so only what is counted or grouped has them; positions are what
// phrases need, so only texts have them.
const (
	textOptions    = bleveindex.IndexField | bleveindex.IncludeTermVectors
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
	{query.FieldStory, false},
	{query.FieldSite, false},
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

func decodeVersion(b []byte) version {
	if len(b) != 16 {
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
	if err := addPublished(doc, a.Published); err != nil {
		return nil, pipeline.Permanent("invalid", fmt.Errorf("article %s: %w", a.ID, err))
	}
	doc.AddField(document.NewTextFieldCustom(fieldArticle, nil, stored, storedOptions, nil))
	doc.AddField(document.NewTextFieldCustom(fieldVersion, nil, v.encode(), storedOptions, nil))
	return doc, nil
}

// analysed is a text's tokens, made before Bleve asks for them.
type analysed analysis.TokenStream

func (t analysed) Analyze([]byte) analysis.TokenStream { return analysis.TokenStream(t) }

func addText(doc *document.Document, field, text string) {
	if text == "" {
		return
	}
	tokens := textnorm.Analyze(nil, text)
	terms := make([]analysis.Token, len(tokens))
	stream := make(analysis.TokenStream, len(tokens))
	var forms analysis.TokenStream
	seen := make(map[string]bool)
	for i, t := range tokens {
		// Bleve counts positions from 1; 0 means "none" to its phrases.
		terms[i] = analysis.Token{Term: []byte(t.Term), Start: t.Start, End: t.End, Position: t.Pos + 1}
		stream[i] = &terms[i]
		if t.Bigram {
			continue
		}
		// A prefix has two characters or more: one alone, as every Han
		// character is, can't begin with it.
		if form := textnorm.Fold(text[t.Start:t.End]); !seen[form] && utf8.RuneCountInString(form) > 1 {
			seen[form] = true
			forms = append(forms, &analysis.Token{Term: []byte(form), Position: 1})
		}
	}
	doc.AddField(document.NewTextFieldCustom(field, nil, nil, textOptions, analysed(stream)))
	if len(forms) > 0 {
		doc.AddField(document.NewTextFieldCustom(field+formSuffix, nil, nil, formOptions, analysed(forms)))
	}
}

func addValues(doc *document.Document, field string, options bleveindex.FieldIndexingOptions, values ...string) {
	for i, v := range values {
		// 0xFF sets values apart in doc values, and valid UTF-8 has none.
		v = strings.ToValidUTF8(v, "\uFFFD")
		doc.AddField(document.NewTextFieldCustom(field, []uint64{uint64(i)}, []byte(v), options, nil))
	}
}

// The times a published field holds; Bleve's end in 1677 and 2262.
var (
	minTime = time.Date(1700, 1, 1, 0, 0, 0, 0, time.UTC)
	maxTime = time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)
)

func clampTime(t time.Time) time.Time {
	switch {
	case t.Before(minTime):
		return minTime
	case t.After(maxTime):
		return maxTime
	}
	return t
}

func addPublished(doc *document.Document, t time.Time) error {
	f, err := document.NewDateTimeFieldWithIndexingOptions(fieldPublished, nil, clampTime(t), time.RFC3339,
		bleveindex.IndexField|bleveindex.SkipFreqNorm)
	if err != nil {
		return err
	}
	doc.AddField(f)
	return nil
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
