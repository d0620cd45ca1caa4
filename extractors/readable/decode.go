package readable

import (
	"bytes"
	"mime"
	"strings"
	"unicode/utf8"

	"github.com/wlynxg/chardet"
	"golang.org/x/net/html/charset"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/simplifiedchinese"
)

const (
	metaWindow   = 8 << 10  // bytes searched for a declaration in the page
	detectWindow = 64 << 10 // bytes shown to the detector
	fallback     = "windows-1252"
)

// Decode makes UTF-8 of a page and names the charset it was in. In order: a
// byte order mark, the charset of contentType (the Content-Type header), UTF-16
// by its zero bytes, UTF-8 where the whole body is UTF-8, the page's own declaration in its first 8 KB,
// a detector. A declaration contradicted by the bytes is passed over: servers
// send a default charset that the page is not in. It never fails; what can't
// be decoded becomes U+FFFD. The answer may share memory with body.
//
// The rule of golang.org/x/net/html/charset alone damages one UTF-8 page in
// seven: it looks at 1,024 bytes and takes ASCII for windows-1252.
func Decode(body []byte, contentType string) (text []byte, name string) {
	if text, name, ok := decodeBOM(body); ok {
		return text, name
	}
	good, bad := countUTF8(body)
	if enc, name := lookup(headerCharset(contentType)); enc != nil {
		if name == "utf-8" && mostlyUTF8(good, bad) || name != "utf-8" && !contradicts(name, good, bad) {
			return decodeChecked(body, enc, name)
		}
	}
	if enc, name := detectUTF16(body); enc != nil {
		return decodeWith(body, enc), name
	}
	if enc, name := lookup(metaCharset(body)); enc != nil && name == "iso-2022-jp" && good+bad == 0 {
		return decodeWith(body, enc), name // the one charset left that hides in ASCII
	}
	if mostlyUTF8(good, bad) {
		if utf8.Valid(body) {
			return body, "utf-8"
		}
		return bytes.ToValidUTF8(body, []byte("\uFFFD")), "utf-8"
	}
	if enc, name := lookup(metaCharset(body)); enc != nil && name != "utf-8" {
		return decodeChecked(body, enc, name)
	}
	enc, name := detect(body)
	return decodeWith(body, enc), name
}

func decodeBOM(body []byte) ([]byte, string, bool) {
	switch {
	case bytes.HasPrefix(body, []byte("\xEF\xBB\xBF")):
		return bytes.ToValidUTF8(body[3:], []byte("\uFFFD")), "utf-8", true
	case bytes.HasPrefix(body, []byte("\xFF\xFE")):
		enc, name := lookup("utf-16le")
		return decodeWith(body[2:], enc), name, true
	case bytes.HasPrefix(body, []byte("\xFE\xFF")):
		enc, name := lookup("utf-16be")
		return decodeWith(body[2:], enc), name, true
	}
	return nil, "", false
}

// countUTF8 counts the sequences of several bytes that are UTF-8, and the
// bytes that are not. A sequence cut off by the end is neither.
func countUTF8(body []byte) (good, bad int) {
	for i := 0; i < len(body); {
		if body[i] < utf8.RuneSelf {
			i++
			continue
		}
		r, n := utf8.DecodeRune(body[i:])
		switch {
		case r != utf8.RuneError || n > 1:
			good++
		case len(body)-i < utf8.UTFMax && !utf8.FullRune(body[i:]):
			return good, bad
		default:
			bad++
		}
		i += n
	}
	return good, bad
}

// mostlyUTF8 says whether a body is UTF-8, perhaps with junk: an inserted
// advertisement in another charset, a sequence cut in two. Twenty good
// sequences to a bad byte don't happen by accident in any other charset.
func mostlyUTF8(good, bad int) bool { return bad == 0 || good > 20*bad }

// contradicts says whether the bytes refute a declared charset other than
// UTF-8: all that is not ASCII is UTF-8. In the charsets of Western Europe, the
// default of servers, a single sequence is proof enough; elsewhere pairs of
// bytes that are UTF-8 by accident do occur.
func contradicts(name string, good, bad int) bool {
	if bad > 0 || strings.HasPrefix(name, "utf-16") {
		return false
	}
	if name == "windows-1252" {
		return good > 0
	}
	return good >= 8
}

// decodeChecked decodes as declared, unless that leaves so many holes that the
// declaration is wrong and the detector does better.
func decodeChecked(body []byte, enc encoding.Encoding, name string) ([]byte, string) {
	text := decodeWith(body, enc)
	holes := bytes.Count(text, []byte("\uFFFD"))
	if holes*50 <= utf8.RuneCount(text) {
		return text, name
	}
	denc, dname := detect(body)
	if other := decodeWith(body, denc); dname != name && bytes.Count(other, []byte("\uFFFD")) < holes {
		return other, dname
	}
	return text, name
}

func decodeWith(body []byte, enc encoding.Encoding) []byte {
	text, err := enc.NewDecoder().Bytes(body)
	if err != nil { // the decoders of x/text replace and don't fail; keep what can be read all the same
		text = body
	}
	return bytes.ToValidUTF8(text, []byte("\uFFFD"))
}

// lookup finds a charset by any of its labels. The answer's name is that of
// the WHATWG Encoding Standard.
func lookup(label string) (encoding.Encoding, string) {
	enc, name := charset.Lookup(label)
	switch name {
	case "gbk": // GB18030 is a superset, and what pages declared GB2312 or GBK are read as
		return simplifiedchinese.GB18030, "gb18030"
	case "replacement", "x-user-defined":
		return nil, ""
	}
	return enc, name
}

func headerCharset(contentType string) string {
	if contentType == "" {
		return ""
	}
	if _, params, err := mime.ParseMediaType(contentType); err == nil {
		return strings.Trim(params["charset"], `"' `)
	}
	return charsetParam(contentType) // headers such as "text/html; charset=utf-8; charset=utf-8"
}

// charsetParam is the value of the first charset= in s.
func charsetParam(s string) string {
	_, v, ok := strings.Cut(strings.ToLower(s), "charset")
	if !ok {
		return ""
	}
	v, ok = strings.CutPrefix(strings.TrimLeft(v, " \t\r\n"), "=")
	if !ok {
		return ""
	}
	v = strings.TrimLeft(v, " \t\r\n\"'")
	if i := strings.IndexAny(v, " \t\r\n\"';,/>"); i >= 0 {
		v = v[:i]
	}
	return v
}

// metaCharset is the charset that a page declares of itself, in an XML
// declaration or a meta element, outside comments.
func metaCharset(body []byte) string {
	head := body[:min(len(body), metaWindow)]
	if rest, ok := bytes.CutPrefix(bytes.TrimLeft(head, " \t\r\n"), []byte("<?xml")); ok {
		decl, _, _ := bytes.Cut(rest, []byte("?>"))
		if _, v, ok := strings.Cut(string(decl), "encoding="); ok && v != "" {
			if v, _, ok = strings.Cut(v[1:], v[:1]); ok {
				return v
			}
		}
	}
	for {
		i := bytes.IndexByte(head, '<')
		if i < 0 {
			return ""
		}
		head = head[i:]
		if rest, ok := bytes.CutPrefix(head, []byte("<!--")); ok {
			_, head, _ = bytes.Cut(rest, []byte("-->"))
			continue
		}
		if len(head) >= 5 && bytes.EqualFold(head[:5], []byte("<meta")) {
			tag := head
			if end := bytes.IndexByte(tag, '>'); end >= 0 {
				tag = tag[:end]
			}
			if v := charsetParam(string(tag)); v != "" {
				return v
			}
		}
		head = head[1:]
	}
}

// detect guesses the charset of bytes that are not UTF-8 and declare nothing.
func detect(body []byte) (encoding.Encoding, string) {
	res := chardet.Detect(foreign(body))
	if enc, name := lookup(res.Encoding); enc != nil && name != "utf-8" && res.Confidence >= 0.2 {
		return enc, name
	}
	return charset.Lookup(fallback)
}

// detectUTF16 knows UTF-16 without a mark by the zero bytes of its markup.
func detectUTF16(body []byte) (encoding.Encoding, string) {
	head := body[:min(len(body), 1024)]
	var even, odd int
	for i, b := range head {
		if b == 0 && i%2 == 0 {
			even++
		} else if b == 0 {
			odd++
		}
	}
	switch quarter := len(head) / 4; {
	case len(head) >= 8 && odd > quarter && even*8 < odd:
		return lookup("utf-16le")
	case len(head) >= 8 && even > quarter && odd*8 < even:
		return lookup("utf-16be")
	}
	return nil, ""
}

// foreign is what of the body the detector should see: the stretches round
// bytes that are not ASCII, without the scripts and styles between them, which
// would drown them.
func foreign(body []byte) []byte {
	const margin = 16
	out := make([]byte, 0, min(len(body), detectWindow))
	last := 0
	for i := 0; i < len(body) && len(out) < detectWindow; i++ {
		if body[i] < utf8.RuneSelf {
			continue
		}
		// A two-byte character may end in an ASCII byte: keep what follows too.
		from, to := max(last, i-margin), min(len(body), i+margin)
		if from < to {
			out = append(out, body[from:to]...)
			last = to
		}
	}
	return out
}
