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

// How the charset of a document is known.
const (
	CharsetMark     = "mark"     // a byte order mark
	CharsetShape    = "shape"    // the zero bytes of UTF-16 or UTF-32
	CharsetValid    = "valid"    // the bytes are valid UTF-8, whatever is declared
	CharsetNearly   = "nearly"   // UTF-8 with a few bytes of junk
	CharsetDeclared = "declared" // the XML declaration
	CharsetHeader   = "header"   // the Content-Type header
	CharsetDetected = "detected" // the statistics of the text
	CharsetGuess    = "guess"    // nothing told; the Web's default was taken
)

// decoded is a body as UTF-8. honest is false where the document said
// otherwise, or had to say and did not.
type decoded struct {
	text    []byte
	charset string
	from    string
	honest  bool
}

// toUTF8 decides what a body is written in and decodes it. What the bytes
// prove counts before what anybody says of them: byte order marks and the
// shape of UTF-16 and UTF-32; valid UTF-8, whatever the declaration; UTF-8
// with a little junk; the declaration; the HTTP header; a detector;
// windows-1252.
func toUTF8(b []byte, http string) decoded {
	if d, ok := wideUnicode(b); ok {
		return d
	}
	label := declaredCharset(b)
	// ISO-2022-JP is valid ASCII; its escapes must be undone before the control
	// characters are dropped.
	escapes := bytes.IndexByte(b, 0x1b) >= 0
	valid := utf8.Valid(b)
	if !escapes && valid {
		return decoded{b, "utf-8", CharsetValid, label == "" || isUTF8(label) || isASCII(b)}
	}
	if !escapes {
		if good, bad := multibyte(b); good > goodPerBad*bad {
			return decoded{b, "utf-8", CharsetNearly, false}
		}
	}
	if text, name, ok := decodeAs(b, label); ok {
		return decoded{text, name, CharsetDeclared, true}
	}
	if text, name, ok := decodeAs(b, http); ok {
		return decoded{text, name, CharsetHeader, true}
	}
	if escapes && valid && !bytes.Contains(b, []byte("\x1b$")) {
		return decoded{b, "utf-8", CharsetValid, false} // a stray escape character, not ISO-2022
	}
	if text, name, ok := decodeAs(b, detect(b)); ok {
		return decoded{text, name, CharsetDetected, false}
	}
	if good, bad := multibyte(b); good > bad {
		return decoded{b, "utf-8", CharsetNearly, false}
	}
	text, name, _ := decodeAs(b, "windows-1252")
	return decoded{text, name, CharsetGuess, false}
}

// A wideForm is how a document in a charset of two or four bytes begins.
type wideForm struct {
	prefix  string
	name    string
	decoder func() encoding.Encoding
}

func utf16Of(e unicode.Endianness, bom unicode.BOMPolicy) func() encoding.Encoding {
	return func() encoding.Encoding { return unicode.UTF16(e, bom) }
}

func utf32Of(e utf32.Endianness, bom utf32.BOMPolicy) func() encoding.Encoding {
	return func() encoding.Encoding { return utf32.UTF32(e, bom) }
}

// wideForms: the longer prefix of two comes first.
var wideForms = []wideForm{
	{"\xff\xfe\x00\x00", "utf-32le", utf32Of(utf32.LittleEndian, utf32.UseBOM)},
	{"\x00\x00\xfe\xff", "utf-32be", utf32Of(utf32.BigEndian, utf32.UseBOM)},
	{"<\x00\x00\x00", "utf-32le", utf32Of(utf32.LittleEndian, utf32.IgnoreBOM)},
	{"\x00\x00\x00<", "utf-32be", utf32Of(utf32.BigEndian, utf32.IgnoreBOM)},
	{"\xff\xfe", "utf-16le", utf16Of(unicode.LittleEndian, unicode.UseBOM)},
	{"\xfe\xff", "utf-16be", utf16Of(unicode.BigEndian, unicode.UseBOM)},
	{"<\x00", "utf-16le", utf16Of(unicode.LittleEndian, unicode.IgnoreBOM)},
	{"\x00<", "utf-16be", utf16Of(unicode.BigEndian, unicode.IgnoreBOM)},
	{"{\x00", "utf-16le", utf16Of(unicode.LittleEndian, unicode.IgnoreBOM)},
	{"\x00{", "utf-16be", utf16Of(unicode.BigEndian, unicode.IgnoreBOM)},
}

// wideUnicode decodes what has a byte order mark, and UTF-16 or UTF-32 that
// begins with "<" or "{".
func wideUnicode(b []byte) (decoded, bool) {
	for _, f := range wideForms {
		if len(b) < len(f.prefix) || string(b[:len(f.prefix)]) != f.prefix {
			continue
		}
		from := CharsetShape
		if f.prefix[0] >= 0x80 || f.prefix[len(f.prefix)-1] >= 0x80 {
			from = CharsetMark
		}
		// UTF-8 with the mark of UTF-16 before it: a mark put there by a
		// careless editor. Real UTF-16 markup is half zero bytes.
		if b[0] > 0x80 && len(b) > 64 && bytes.IndexByte(b[:64], 0) < 0 && utf8.Valid(b[2:]) {
			return decoded{b[2:], "utf-8", CharsetValid, true}, true
		}
		out, err := f.decoder().NewDecoder().Bytes(b)
		if err != nil {
			continue
		}
		return decoded{bytes.TrimPrefix(out, []byte("\ufeff")), f.name, from, true}, true
	}
	if rest, ok := bytes.CutPrefix(b, []byte("\xef\xbb\xbf")); ok && utf8.Valid(rest) && bytes.IndexByte(rest, 0x1b) < 0 {
		return decoded{rest, "utf-8", CharsetMark, true}, true
	}
	return decoded{}, false
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
