// Package warc keeps web pages as they were served in WARC 1.1 files and finds
// them again, so that they can be read anew without asking for them anew.
//
// In goes a [Page]: the answer of a server, and a note of whoever keeps it;
// out come the pages kept, the newest of each key. An [Archive] owns one
// folder of segments, pages-SERIAL-DAY.warc.gz, and the file lock in it. A
// segment begins with a warcinfo record; a page is a response record, or a
// revisit record where the segment holds the same bytes already, and a metadata
// record with the note. Revisits never refer to another segment, so that the
// oldest can be deleted at any time. Each record is a gzip member, as the
// standard recommends, and every WARC tool reads the segments.
//
// The form is that of ISO 28500:2017,
// https://iipc.github.io/warc-specifications/specifications/warc-format/warc-1.1/.
package warc

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/klauspost/compress/gzip"
)

// A Page is an answer to a request, and whose it is.
type Page struct {
	Key    string // of the article; the newest page of a key is the one that is found
	Source string // id in the catalog

	URL     string // that answered, after redirects
	Fetched time.Time
	Status  int
	Header  http.Header // as served; of the encodings that Body no longer has see [Page.head]
	Body    []byte      // decompressed
	Note    []byte      // JSON of whoever keeps it
}

// The fields that our metadata records have beside those of the standard.
const (
	fieldKey    = "Newswatch-Key"
	fieldSource = "Newswatch-Source"
)

const (
	typeHTTP    = "application/http; msgtype=response"
	typeFields  = "application/warc-fields"
	typeJSON    = "application/json"
	profileSame = "http://netpreserve.org/warc/1.1/revisit/identical-payload-digest"
	formatURL   = "https://iipc.github.io/warc-specifications/specifications/warc-format/warc-1.1/"
)

// A reference is a response record that others may refer to.
type reference struct {
	id, url, date string
}

// digest names the bytes of a body.
func digest(body []byte) string {
	sum := sha256.Sum256(body)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// newID is a record's name: a random UUID (RFC 9562, version 4).
func newID() string {
	var b [16]byte
	rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("<urn:uuid:%x-%x-%x-%x-%x>", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// dateForm is W3C-DTF with as many digits as WARC-Date may have (WARC 1.1 §5.4).
const dateForm = "2006-01-02T15:04:05.000000000Z"

func warcDate(t time.Time) string { return t.UTC().Format(dateForm) }

// info is the record a segment begins with; what follows is understood to
// belong to it (WARC 1.1 §6.2).
func info(name, software string, now time.Time) Record {
	block := []byte("software: " + oneLine(software) + "\r\nformat: WARC File Format 1.1\r\nconformsTo: " + formatURL + "\r\n")
	return Record{
		Fields: []Field{
			{fieldType, TypeInfo}, {fieldID, newID()}, {fieldDate, warcDate(now)}, {fieldFilename, name},
			{fieldContentType, typeFields}, {fieldBlockDigest, digest(block)},
		},
		Block: block,
	}
}

// records is the page as its response record, or revisit record where same is
// given, and its metadata record.
func (p *Page) records(payload string, same *reference) (page, note Record, ref reference) {
	ref = reference{id: newID(), url: p.URL, date: warcDate(p.Fetched)}
	block := p.head()
	fields := []Field{{fieldType, TypeResponse}}
	if same != nil {
		fields[0].Value = TypeRevisit
		fields = append(fields, Field{fieldProfile, profileSame}, Field{fieldRefersTo, same.id},
			Field{fieldRefersURI, same.url}, Field{fieldRefersDate, same.date})
	} else {
		block = append(block, p.Body...)
	}
	fields = append(fields, Field{fieldID, ref.id}, Field{fieldURI, p.URL}, Field{fieldDate, ref.date},
		Field{fieldContentType, typeHTTP}, Field{fieldPayloadDigest, payload}, Field{fieldBlockDigest, digest(block)})
	page = Record{Fields: fields, Block: block}
	note = Record{
		Fields: []Field{
			{fieldType, TypeMetadata}, {fieldID, newID()}, {fieldConcurrent, ref.id}, {fieldURI, p.URL},
			{fieldDate, ref.date}, {fieldKey, p.Key}, {fieldSource, p.Source}, {fieldContentType, typeJSON},
			{fieldBlockDigest, digest(p.Note)},
		},
		Block: p.Note,
	}
	return page, note, ref
}

// gone are the headers that speak of how the body was sent: it is kept
// decoded, and they under the name that other tools give them. Cookies are
// nobody's business.
var gone = map[string]bool{"Content-Encoding": true, "Transfer-Encoding": true, "Content-Length": true, "Trailer": true, "Set-Cookie": true, "Set-Cookie2": true}

// head is the status line and headers of the answer.
func (p *Page) head() []byte {
	var b bytes.Buffer
	status := p.Status
	if status < 100 || status > 999 {
		status = http.StatusOK
	}
	fmt.Fprintf(&b, "HTTP/1.1 %d %s\r\n", status, http.StatusText(status))
	for _, name := range slices.Sorted(maps.Keys(p.Header)) {
		if strings.ContainsAny(name, "\r\n: ") || name == "" {
			continue
		}
		for _, v := range p.Header[name] {
			switch {
			case !gone[http.CanonicalHeaderKey(name)]:
				fmt.Fprintf(&b, "%s: %s\r\n", name, oneLine(v))
			case !strings.HasPrefix(strings.ToLower(name), "set-cookie"):
				fmt.Fprintf(&b, "X-Archive-Orig-%s: %s\r\n", name, oneLine(v))
			}
		}
	}
	fmt.Fprintf(&b, "Content-Length: %d\r\n\r\n", len(p.Body))
	return b.Bytes()
}

// readAnswer takes an answer apart. Of a revisit record it has no body,
// whatever the headers say.
func readAnswer(block []byte) (status int, header http.Header, body []byte, err error) {
	head, body, ok := bytes.Cut(block, []byte("\r\n\r\n"))
	if !ok {
		return 0, nil, nil, fmt.Errorf("%w: headers of the answer without an end", ErrFormat)
	}
	resp, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(block[:len(head)+4])), nil)
	if err != nil {
		return 0, nil, nil, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	_ = resp.Body.Close() // nothing in it is read
	return resp.StatusCode, resp.Header, body, nil
}

// pack is the records as gzip members, one after the other.
func pack(zw *gzip.Writer, recs ...Record) ([]byte, error) {
	var b bytes.Buffer
	for i := range recs {
		if err := recs[i].appendTo(&b, zw); err != nil {
			return nil, err
		}
	}
	return b.Bytes(), nil
}

// readAt reads the record at an offset.
func readAt(r io.ReaderAt, at, most int64) (Record, error) {
	return NewReader(io.NewSectionReader(r, at, 1<<62-at), most).Next()
}
