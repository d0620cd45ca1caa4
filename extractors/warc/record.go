package warc

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"
)

// Types of records, as WARC-Type has them.
const (
	TypeInfo     = "warcinfo"
	TypeResponse = "response"
	TypeRevisit  = "revisit"
	TypeMetadata = "metadata"
)

// Names of fields.
const (
	fieldType          = "WARC-Type"
	fieldID            = "WARC-Record-ID"
	fieldDate          = "WARC-Date"
	fieldURI           = "WARC-Target-URI"
	fieldBlockDigest   = "WARC-Block-Digest"
	fieldPayloadDigest = "WARC-Payload-Digest"
	fieldConcurrent    = "WARC-Concurrent-To"
	fieldProfile       = "WARC-Profile"
	fieldRefersTo      = "WARC-Refers-To"
	fieldRefersURI     = "WARC-Refers-To-Target-URI"
	fieldRefersDate    = "WARC-Refers-To-Date"
	fieldFilename      = "WARC-Filename"
	fieldContentType   = "Content-Type"
	fieldLength        = "Content-Length"
)

const (
	version     = "WARC/1.1"
	maxFields   = 64 << 10 // bytes of a record's version and fields
	defaultMost = 32 << 20 // bytes of a record's block
)

// Sentinels of reading.
var (
	ErrTorn   = errors.New("warc: the record is not whole") // the file ends in it, or its checksum is not that of its bytes
	errHalf   = fmt.Errorf("%w: the file ends in it", ErrTorn)
	ErrFormat = errors.New("warc: not a record")          // whole, and not in the form of WARC
	ErrTooBig = errors.New("warc: the record is too big") // over the reader's bound
)

// A Field is one line of a record's head.
type Field struct{ Name, Value string }

// A Record is one record: its fields in their order, Content-Length apart,
// and its block.
type Record struct {
	Fields []Field
	Block  []byte
}

// Get is the value of the first field with the name, whatever its case.
func (r *Record) Get(name string) string {
	for _, f := range r.Fields {
		if strings.EqualFold(f.Name, name) {
			return f.Value
		}
	}
	return ""
}

// Type is the record's WARC-Type.
func (r *Record) Type() string { return r.Get(fieldType) }

// appendTo appends the record to dst as one gzip member, which is what makes
// it readable from its offset alone (WARC 1.1, annex D).
func (r *Record) appendTo(dst *bytes.Buffer, zw *gzip.Writer) error {
	zw.Reset(dst)
	head := make([]byte, 0, 1024)
	head = append(head, version+"\r\n"...)
	for _, f := range r.Fields {
		head = append(head, f.Name...)
		head = append(head, ": "...)
		head = append(head, oneLine(f.Value)...)
		head = append(head, "\r\n"...)
	}
	head = append(head, fieldLength+": "...)
	head = strconv.AppendInt(head, int64(len(r.Block)), 10)
	head = append(head, "\r\n\r\n"...)
	if len(head) > maxFields {
		return fmt.Errorf("%w: %d bytes of fields", ErrTooBig, len(head))
	}
	for _, part := range [][]byte{head, r.Block, []byte("\r\n\r\n")} {
		if _, err := zw.Write(part); err != nil {
			return err
		}
	}
	return zw.Close()
}

// oneLine is s without the ends of lines that would end its field.
func oneLine(s string) string {
	if !strings.ContainsAny(s, "\r\n") {
		return s
	}
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r == '\r' || r == '\n' }), " ")
}

// A Reader reads the records of a file in which each is a gzip member of its
// own. It holds one record at a time.
type Reader struct {
	src   *counter
	br    *bufio.Reader
	zr    *gzip.Reader
	most  int64
	start int64
}

// counter counts what was taken from a reader.
type counter struct {
	r io.Reader
	n int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

// NewReader returns a reader of records whose block has at most so many bytes;
// 0: 32 MiB.
func NewReader(r io.Reader, most int64) *Reader {
	if most <= 0 {
		most = defaultMost
	}
	src := &counter{r: r}
	return &Reader{src: src, br: bufio.NewReaderSize(src, 64<<10), most: most}
}

// Start is where the record read last begins, End where it ends, in bytes
// from where the reader began.
func (r *Reader) Start() int64 { return r.start }

// End is where the next record begins.
func (r *Reader) End() int64 { return r.src.n - int64(r.br.Buffered()) }

// Next reads a record. It answers io.EOF behind the last one, and ErrTorn,
// ErrFormat or ErrTooBig for what is none; after ErrTorn nothing more can be
// read.
func (r *Reader) Next() (Record, error) {
	r.start = r.End()
	if _, err := r.br.Peek(1); err != nil {
		return Record{}, torn(err, io.EOF)
	}
	var err error
	if r.zr == nil {
		r.zr, err = gzip.NewReader(r.br)
	} else {
		err = r.zr.Reset(r.br)
	}
	if err != nil {
		r.zr = nil
		return Record{}, torn(err, errHalf)
	}
	r.zr.Multistream(false)
	rec, err := r.record()
	if err != nil && !errors.Is(err, ErrTorn) {
		// The next member may be well: go on behind this one, within bounds.
		bound := maxFields + 4*r.most
		n, cerr := io.Copy(io.Discard, io.LimitReader(r.zr, bound))
		switch {
		case cerr != nil:
			return Record{}, torn(cerr, errHalf)
		case n == bound:
			return Record{}, fmt.Errorf("%w: it does not end", ErrTorn)
		}
	}
	return rec, err
}

// torn is err of a file as it is met in a record: an end where one may be is at,
// and foreign errors of the disk stay themselves.
func torn(err, at error) error {
	switch {
	case errors.Is(err, io.EOF):
		return at
	case errors.Is(err, io.ErrUnexpectedEOF):
		return errHalf
	case errors.Is(err, gzip.ErrHeader), errors.Is(err, gzip.ErrChecksum):
		return fmt.Errorf("%w: %w", ErrTorn, err)
	}
	var corrupt flate.CorruptInputError
	if errors.As(err, &corrupt) {
		return fmt.Errorf("%w: %w", ErrTorn, err)
	}
	return err
}

// record reads the member the gzip reader is at, to its end.
func (r *Reader) record() (Record, error) {
	in := bufio.NewReaderSize(io.LimitReader(r.zr, maxFields), 4<<10)
	fields, length, err := readFields(in)
	if err != nil {
		return Record{}, err
	}
	if length > r.most {
		return Record{}, fmt.Errorf("%w: %d bytes, at most %d are read", ErrTooBig, length, r.most)
	}
	// What the buffer over the fields has taken of the block comes first. The
	// block grows as it comes: a length is believed only as far as there are
	// bytes.
	early, _ := in.Peek(in.Buffered())
	rest := io.MultiReader(bytes.NewReader(early), r.zr)
	var block bytes.Buffer
	block.Grow(int(min(length, 1<<20)))
	if _, err := io.CopyN(&block, rest, length); err != nil {
		return Record{}, torn(err, fmt.Errorf("%w: it ends before its length", ErrFormat))
	}
	// To the end of the member, where its checksum is.
	tail, err := io.ReadAll(io.LimitReader(rest, 5))
	switch {
	case err != nil:
		return Record{}, torn(err, errHalf)
	case len(tail) == 5:
		return Record{}, fmt.Errorf("%w: more than one in a member", ErrFormat)
	case string(tail) != "\r\n\r\n":
		return Record{}, fmt.Errorf("%w: it does not end in two empty lines", ErrFormat)
	}
	return Record{Fields: fields, Block: block.Bytes()}, nil
}

// readFields reads the version and the fields.
func readFields(in *bufio.Reader) (fields []Field, length int64, err error) {
	line, err := readLine(in)
	if err != nil {
		return nil, 0, err
	}
	if !strings.HasPrefix(line, "WARC/1.") {
		return nil, 0, fmt.Errorf("%w: it begins with %.20q", ErrFormat, line)
	}
	length = -1
	for {
		if line, err = readLine(in); err != nil {
			return nil, 0, err
		}
		if line == "" {
			break
		}
		if line[0] == ' ' || line[0] == '\t' { // a field goes on (WARC 1.1 §4)
			if len(fields) == 0 {
				return nil, 0, fmt.Errorf("%w: its first field begins with a space", ErrFormat)
			}
			last := &fields[len(fields)-1]
			last.Value = strings.TrimSpace(last.Value + " " + strings.TrimSpace(line))
			continue
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok || name == "" {
			return nil, 0, fmt.Errorf("%w: field %.40q", ErrFormat, line)
		}
		value = strings.TrimSpace(value)
		if strings.EqualFold(name, fieldLength) {
			if length, err = strconv.ParseInt(value, 10, 64); err != nil || length < 0 {
				return nil, 0, fmt.Errorf("%w: %s %.40q", ErrFormat, fieldLength, value)
			}
			continue
		}
		fields = append(fields, Field{name, value})
	}
	if length < 0 {
		return nil, 0, fmt.Errorf("%w: it has no %s", ErrFormat, fieldLength)
	}
	return fields, length, nil
}

// readLine reads to the end of a line and leaves that away. The reader ends at
// the bound on fields, or where the member does.
func readLine(in *bufio.Reader) (string, error) {
	line, err := in.ReadString('\n')
	switch {
	case err == nil:
		return strings.TrimRight(line, "\r\n"), nil
	case errors.Is(err, io.EOF):
		return "", fmt.Errorf("%w: its fields do not end within %d bytes", ErrFormat, maxFields)
	}
	return "", torn(err, errHalf)
}
