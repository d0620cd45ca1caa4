package feeds

import (
	"bytes"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/wlynxg/chardet"
	"golang.org/x/net/html/charset"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/encoding/unicode/utf32"
)

// goodPerBad is how many whole multi-byte runes must stand against each stray
// byte for a body to be UTF-8 with a few bytes of junk and not another charset.
const goodPerBad = 20

// sniffBytes is how much is given to the charset detector: its answer does not
// change after that, its time does.
const sniffBytes = 64 << 10

var declRe = regexp.MustCompile(`(?i)^\s*<\?xml[^>]*?\bencoding\s*=\s*["']\s*([A-Za-z0-9_.:-]+)\s*["']`)

// toUTF8 decides what a body is written in and decodes it. What the bytes
// prove counts before what anybody says of them: byte order marks and the
// shape of UTF-16 and UTF-32; valid UTF-8, whatever the declaration; UTF-8
// with a little junk; the declaration; the HTTP header; a detector;
// windows-1252. declared is false where the document said otherwise, or had to
// say and did not.
func toUTF8(b []byte, http string) (text []byte, name string, declared bool) {
	if text, name, ok := wideUnicode(b); ok {
		return text, name, true
	}
	label := declaredCharset(b)
	// ISO-2022-JP is valid ASCII; its escapes must be undone before the control
	// characters are dropped.
	escapes := bytes.IndexByte(b, 0x1b) >= 0
	if !escapes && utf8.Valid(b) {
		return b, "utf-8", label == "" || isUTF8(label) || isASCII(b)
	}
	if !escapes {
		if good, bad := multibyte(b); good > goodPerBad*bad {
			return b, "utf-8", false
		}
	}
	if text, name, ok := decodeAs(b, label); ok {
		return text, name, true
	}
	if text, name, ok := decodeAs(b, http); ok {
		return text, name, true
	}
	if escapes && utf8.Valid(b) && !bytes.Contains(b, []byte("\x1b$")) {
		return b, "utf-8", false // a stray escape character, not ISO-2022
	}
	if text, name, ok := decodeAs(b, detect(b)); ok {
		return text, name, false
	}
	if good, bad := multibyte(b); good > bad {
		return b, "utf-8", false
	}
	text, name, _ = decodeAs(b, "windows-1252")
	return text, name, false
}

// wideUnicode decodes what has a byte order mark, and UTF-16 or UTF-32 that
// begins with "<" or "{".
func wideUnicode(b []byte) (text []byte, name string, ok bool) {
	type form struct {
		prefix string
		name   string
		enc    encoding.Encoding
	}
	le16, be16 := unicode.UTF16(unicode.LittleEndian, unicode.UseBOM), unicode.UTF16(unicode.BigEndian, unicode.UseBOM)
	le32, be32 := utf32.UTF32(utf32.LittleEndian, utf32.UseBOM), utf32.UTF32(utf32.BigEndian, utf32.UseBOM)
	le16n, be16n := unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM), unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM)
	le32n, be32n := utf32.UTF32(utf32.LittleEndian, utf32.IgnoreBOM), utf32.UTF32(utf32.BigEndian, utf32.IgnoreBOM)
	// The longer prefix of two comes first.
	for _, f := range []form{
		{"\xff\xfe\x00\x00", "utf-32le", le32}, {"\x00\x00\xfe\xff", "utf-32be", be32},
		{"<\x00\x00\x00", "utf-32le", le32n}, {"\x00\x00\x00<", "utf-32be", be32n},
		{"\xff\xfe", "utf-16le", le16}, {"\xfe\xff", "utf-16be", be16},
		{"<\x00", "utf-16le", le16n}, {"\x00<", "utf-16be", be16n},
		{"{\x00", "utf-16le", le16n}, {"\x00{", "utf-16be", be16n},
	} {
		if !bytes.HasPrefix(b, []byte(f.prefix)) {
			continue
		}
		// UTF-8 with the mark of UTF-16 before it: a mark put there by a
		// careless editor. Real UTF-16 markup is half zero bytes.
		if b[0] > 0x80 && len(b) > 64 && bytes.IndexByte(b[:64], 0) < 0 && utf8.Valid(b[2:]) {
			return b[2:], "utf-8", true
		}
		out, err := f.enc.NewDecoder().Bytes(b)
		if err != nil {
			continue
		}
		return bytes.TrimPrefix(out, []byte("\ufeff")), f.name, true
	}
	if bytes.HasPrefix(b, []byte("\xef\xbb\xbf")) {
		if rest := b[3:]; utf8.Valid(rest) {
			return rest, "utf-8", true
		}
	}
	return nil, "", false
}

func declaredCharset(b []byte) string {
	if m := declRe.FindSubmatch(b[:min(len(b), 512)]); m != nil {
		return strings.ToLower(string(m[1]))
	}
	return ""
}

// decodeAs decodes by the WHATWG's names. UTF-8 and UTF-16 are not asked for
// here: the bytes have shown that they are neither.
func decodeAs(b []byte, label string) (text []byte, name string, ok bool) {
	if label == "" {
		return nil, "", false
	}
	enc, name := charset.Lookup(label)
	if enc == nil || isUTF8(name) || strings.HasPrefix(name, "utf-16") || name == "replacement" || name == "x-user-defined" {
		return nil, "", false
	}
	out, err := enc.NewDecoder().Bytes(b)
	if err != nil {
		return nil, "", false
	}
	return out, name, true
}

// detect asks the detector, which knows Russian and Chinese charsets apart
// where the WHATWG's algorithm says windows-1252 to all of them. It is shown
// the text without its ASCII markup, which says nothing.
func detect(b []byte) string {
	sample := make([]byte, 0, sniffBytes)
	for i := 0; i < len(b) && len(sample) < sniffBytes; i++ {
		c := b[i]
		if c >= 0x80 || c == 0x1b || c == ' ' || len(sample) > 0 && sample[len(sample)-1] >= 0x80 && c > 0x20 && c != '<' {
			sample = append(sample, c)
		}
	}
	if bytes.IndexByte(b, 0x1b) >= 0 {
		sample = b[:min(len(b), sniffBytes)]
	}
	return chardet.Detect(sample).Encoding
}

func multibyte(b []byte) (good, bad int) {
	for i := 0; i < len(b); {
		if b[i] < utf8.RuneSelf {
			i++
			continue
		}
		r, n := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && n == 1 {
			bad++
		} else {
			good++
		}
		i += n
	}
	return good, bad
}

func isASCII(b []byte) bool {
	for _, c := range b {
		if c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

func isUTF8(label string) bool { return label == "utf-8" || label == "utf8" }
