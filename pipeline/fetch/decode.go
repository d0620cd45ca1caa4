package fetch

import (
	"bufio"
	"bytes"
	"compress/flate"
	"compress/zlib"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

const acceptEncoding = "gzip, br, zstd, deflate"

// ratioFrom is how many decoded bytes are free of the ratio: a short page of
// blanks may well be packed a thousandfold.
const ratioFrom = 1 << 20

// zstdWindow is the largest window a decoder must have on the web (RFC 9659).
const zstdWindow = 8 << 20

// readBody unpacks and reads the body: at most limit bytes, and at most ratio
// times what was received; ratio 0 is no such cap.
func readBody(hr *http.Response, limit int64, ratio int) ([]byte, error) {
	in := &counter{r: hr.Body}
	r, err := decoder(hr.Header.Values("Content-Encoding"), in)
	if err != nil {
		return nil, err
	}
	defer func() { _ = r.Close() }()
	return readCapped(r, in, limit, ratio, int(hr.ContentLength))
}

// Gunzip unpacks a body that is gzip although no header said so, under the
// same caps.
func Gunzip(body []byte, limit int64) ([]byte, error) {
	in := &counter{r: bytes.NewReader(body)}
	r, err := gzip.NewReader(in)
	if err != nil {
		return nil, &Error{Class: ClassEncoding, Err: err}
	}
	return readCapped(r, in, limit, 100, len(body))
}

func readCapped(r io.Reader, in *counter, limit int64, ratio, hint int) ([]byte, error) {
	var out bytes.Buffer
	out.Grow(min(max(hint, 512), ratioFrom))
	chunk := make([]byte, 32<<10)
	for {
		n, err := r.Read(chunk)
		out.Write(chunk[:n])
		switch size := int64(out.Len()); {
		case size > limit:
			return out.Bytes()[:limit], &Error{Class: ClassTooBig, Err: fmt.Errorf("more than %d bytes", limit)}
		case ratio > 0 && size > ratioFrom && size > int64(ratio)*in.n:
			return nil, &Error{Class: ClassRatio, Err: fmt.Errorf("%d bytes unpack to more than %d", in.n, size)}
		case errors.Is(err, io.EOF):
			return out.Bytes(), nil
		case err != nil:
			return out.Bytes(), in.grade(err)
		}
	}
}

// decoder undoes one content encoding. Stacked ones have no honest use.
func decoder(headers []string, r io.Reader) (io.ReadCloser, error) {
	enc := strings.ToLower(strings.TrimSpace(strings.Join(headers, ",")))
	br := bufio.NewReader(r)
	if enc != "" && enc != "identity" {
		if _, err := br.Peek(1); errors.Is(err, io.EOF) {
			return io.NopCloser(br), nil // nothing, and so nothing packed
		}
	}
	var out io.ReadCloser
	var err error
	switch enc {
	case "", "identity", "none", "utf-8":
		return io.NopCloser(br), nil
	case "gzip", "x-gzip":
		// A server that promises gzip and sends the page as it is does happen.
		if magic, _ := br.Peek(2); !bytes.Equal(magic, []byte{0x1f, 0x8b}) {
			return io.NopCloser(br), nil
		}
		out, err = gzip.NewReader(br)
	case "br":
		return io.NopCloser(brotli.NewReader(br)), nil
	case "zstd":
		var d *zstd.Decoder
		d, err = zstd.NewReader(br, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
			zstd.WithDecoderMaxWindow(zstdWindow))
		if err == nil {
			return d.IOReadCloser(), nil
		}
	case "deflate":
		// RFC 9110 §8.4.1.2 means zlib; some servers send the bare stream.
		if head, _ := br.Peek(2); len(head) == 2 && head[0]&0x0f == 8 && (int(head[0])<<8|int(head[1]))%31 == 0 {
			out, err = zlib.NewReader(br)
		} else {
			out = flate.NewReader(br)
		}
	default:
		return nil, &Error{Class: ClassEncoding, Err: fmt.Errorf("content encoding %.40q", enc)}
	}
	if err != nil {
		return nil, &Error{Class: ClassEncoding, Err: err}
	}
	return out, nil
}

// A counter counts what was received, and keeps the connection's own error
// apart from the decoder's.
type counter struct {
	r   io.Reader
	n   int64
	err error
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		c.err = err
	}
	return n, err
}

// grade tells a broken connection from a broken encoding.
func (c *counter) grade(err error) error {
	if c.err != nil {
		return c.err
	}
	return &Error{Class: ClassEncoding, Err: err}
}
