package feeds

import (
	"bytes"
	"encoding/binary"
	"mime"
	"net/url"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/newswatch/newswatch/pipeline/fetch"
)

// A document is a body made ready for gofeed: UTF-8 without illegal runes,
// beginning at its root element.
type document struct {
	text        []byte
	charset     string
	charsetFrom string
	repairs     []string
	json        bool
	html        bool   // a page stands round the root, or in its place
	hub         string // of a JSON Feed, as written

	root  tag   // the root's start tag
	items []tag // the start tags of items or entries, at most MaxItems
}

// A tag is the place of a start tag in the text.
type tag struct {
	start, end int    // of "<" and after ">"
	name       string // as written, with its prefix
}

// rootWindow is how far into a body its root element is looked for.
const rootWindow = 64 << 10

var (
	rootRe = regexp.MustCompile(`(?i)<(?:[a-z_][\w.-]*:)?(?:rss|feed|rdf|urlset|sitemapindex)[\s>]`)
	htmlRe = regexp.MustCompile(`(?i)<(?:!doctype\s+html|html)[\s>]`)
)

// prepare decodes, cleans and cuts. The repairs it notes are those that mean
// that the publisher's document is not what it should be.
func prepare(body []byte, contentType string) (*document, error) {
	d := &document{}
	if bytes.HasPrefix(body, []byte{0x1f, 0x8b}) {
		// Packed, and no header says so (a file on a disk, a careless server).
		if b, err := fetch.Gunzip(body, maxBody); len(b) > 0 && (err == nil || fetch.ClassOf(err) == fetch.ClassEncoding) {
			body = b
			d.repairs = append(d.repairs, "gunzip")
		}
	}
	dec := toUTF8(body[:min(len(body), maxBody)], httpCharset(contentType))
	text := dec.text
	d.charset, d.charsetFrom = dec.charset, dec.from
	if !dec.honest {
		d.repairs = append(d.repairs, "charset")
	}
	text, dropped := dropIllegal(text)
	if dropped {
		d.repairs = append(d.repairs, "illegal_runes")
	}
	text = bytes.TrimLeft(text, " \t\r\n\ufeff")
	if len(text) == 0 {
		return nil, ErrNotFeed
	}
	if text[0] == '{' {
		d.text, d.json = text, true
		return d, nil
	}
	return d, d.cut(text)
}

// cut drops what stands before the root element: declaration, DOCTYPE,
// comments, PHP warnings. gofeed looks for the root in the first 4 KiB only,
// and would believe a declaration that no longer holds.
func (d *document) cut(text []byte) error {
	clean := prolog(text)
	window := text[clean:min(len(text), clean+rootWindow)]
	loc := rootRe.FindIndex(window)
	if loc == nil {
		if htmlRe.Match(text[:min(len(text), rootWindow)]) {
			return ErrHTML
		}
		return ErrNotFeed
	}
	d.html = htmlRe.Match(text[:clean+loc[0]])
	if loc[0] > 0 {
		d.repairs = append(d.repairs, "root")
	}
	text = text[clean+loc[0]:]
	text = directoryBases(text)
	d.text = text
	return d.scan()
}

// prolog is the length of what may stand before a root element: blanks,
// processing instructions, comments, a DOCTYPE.
func prolog(b []byte) int {
	for i := 0; i < len(b); {
		switch rest := b[i:]; {
		case bytes.IndexByte([]byte(" \t\r\n"), rest[0]) >= 0:
			i++
		case bytes.HasPrefix(rest, []byte("<?")):
			i += skipTo(rest, ">")
		case bytes.HasPrefix(rest, []byte("<!--")):
			i += skipTo(rest, "-->")
		case bytes.HasPrefix(rest, []byte("<!DOCTYPE")):
			if open := bytes.IndexByte(rest, '['); open >= 0 && open < bytes.IndexByte(rest, '>') {
				i += skipTo(rest, "]")
			}
			i += skipTo(b[i:], ">")
		default:
			return i
		}
	}
	return len(b)
}

// directoryBases cuts each xml:base back to its directory. gofeed takes the
// last element for one even where it is a file: against RFC 3986 §5.2.3 it
// makes …/dir/feed.xml/a.html of a.html. Blanks after the attribute keep every
// offset; b itself is not written to.
func directoryBases(b []byte) []byte {
	const name = "xml:base"
	own := false
	for i := 0; ; {
		j := bytes.Index(b[i:], []byte(name))
		if j < 0 {
			return b
		}
		i += j + len(name)
		open, end := quoted(b, i)
		if open < 0 {
			continue
		}
		if cut := baseDirectory(string(b[open+1 : end])); cut < end-open-1 {
			if !own {
				b, own = bytes.Clone(b), true
			}
			quote := b[open]
			b[open+1+cut] = quote
			for k := open + 1 + cut + 1; k <= end; k++ {
				b[k] = ' '
			}
		}
		i = end
	}
}

// quoted is the places of the quotes of the value whose name ends at i; -1:
// there is none.
func quoted(b []byte, i int) (open, end int) {
	blank := func() {
		for i < len(b) && (b[i] == ' ' || b[i] == '\t' || b[i] == '\r' || b[i] == '\n') {
			i++
		}
	}
	blank()
	if i == len(b) || b[i] != '=' {
		return -1, 0
	}
	i++
	blank()
	if i == len(b) || b[i] != '"' && b[i] != '\'' {
		return -1, 0
	}
	n := bytes.IndexByte(b[i+1:], b[i])
	if n < 0 || bytes.IndexByte(b[i+1:i+1+n], '<') >= 0 {
		return -1, 0
	}
	return i, i + 1 + n
}

// baseDirectory is how much of a base address is its directory; all of it
// where it has none.
func baseDirectory(value string) int {
	if u, err := url.Parse(value); err != nil || strings.HasSuffix(u.Path, "/") || !strings.Contains(u.Path, "/") {
		return len(value)
	}
	end := len(value)
	if i := strings.IndexAny(value, "?#"); i >= 0 {
		end = i
	}
	return strings.LastIndexByte(value[:end], '/') + 1
}

func httpCharset(contentType string) string {
	_, params, _ := mime.ParseMediaType(contentType)
	return strings.ToLower(strings.Trim(params["charset"], `"' `))
}

// dropIllegal drops the runes that XML forbids (XML 1.0 §2.2) and bytes that
// are no UTF-8.
func dropIllegal(b []byte) (out []byte, dropped bool) {
	i := firstIllegal(b)
	if i == len(b) {
		return b, false
	}
	out = make([]byte, 0, len(b))
	out = append(out, b[:i]...)
	for i < len(b) {
		r, n := utf8.DecodeRune(b[i:])
		if legal(r, n) {
			out = append(out, b[i:i+n]...)
		}
		i += n
	}
	return out, true
}

// firstIllegal is the offset of the first byte that dropIllegal drops. Most
// text is passed over eight bytes at a time: none below 0x20, none above 0x7f.
func firstIllegal(b []byte) int {
	const low, high = 0x2020202020202020, 0x8080808080808080
	for i := 0; i < len(b); {
		for i+8 <= len(b) {
			x := binary.LittleEndian.Uint64(b[i:])
			// Bit 7 of each byte of x-low is set where it is below 0x20 or
			// above 0x9f, or where it borrowed; of x, where it is above 0x7f.
			if ((x-low)|x)&high != 0 {
				break
			}
			i += 8
		}
		for end := min(i+8, len(b)); i < end; {
			if c := b[i]; c >= 0x20 && c < utf8.RuneSelf || c == '\t' || c == '\n' || c == '\r' {
				i++
				continue
			}
			r, n := utf8.DecodeRune(b[i:])
			if !legal(r, n) {
				return i
			}
			i += n
		}
	}
	return len(b)
}

func legal(r rune, n int) bool {
	switch {
	case r == utf8.RuneError && n <= 1:
		return false
	case r < 0x20:
		return r == '\t' || r == '\n' || r == '\r'
	default:
		return r != 0xfffe && r != 0xffff
	}
}

// scan finds the root's tag and the items', and ends at the cap on either
// items or depth. It knows CDATA sections and comments, not entities: those
// hold no tags.
func (d *document) scan() error {
	b := d.text
	depth := 0
	for i := 0; i < len(b); {
		j := bytes.IndexByte(b[i:], '<')
		if j < 0 {
			break
		}
		i += j
		switch rest := b[i:]; {
		case bytes.HasPrefix(rest, []byte("<![CDATA[")):
			i += skipTo(rest, "]]>")
		case bytes.HasPrefix(rest, []byte("<!--")):
			i += skipTo(rest, "-->")
		case len(rest) > 1 && rest[1] == '/':
			depth--
			i += 2
		default:
			nameEnd, end, ok := tagAt(b, i)
			if !ok {
				i++
				continue
			}
			if d.root.name == "" {
				d.root = tag{start: i, end: end, name: string(b[i+1 : nameEnd])}
			} else if d.isItem(string(b[i+1 : nameEnd])) {
				if len(d.items) == MaxItems {
					d.text = b[:i]
					d.repairs = append(d.repairs, "items_cut")
					d.text = append(bytes.Clone(d.text), d.closing(i)...)
					return nil
				}
				d.items = append(d.items, tag{start: i, end: end, name: string(b[i+1 : nameEnd])})
			}
			if b[end-2] != '/' {
				if depth++; depth > maxDepth {
					return ErrTooDeep
				}
			}
			i = end
		}
	}
	return nil
}

// closing is what closes the document when it is cut at offset n, between two items.
func (d *document) closing(n int) string {
	s := "</" + d.root.name + ">"
	head := d.text[:n]
	if len(d.items) > 0 { // there may be none but in CDATA that is never closed
		head = head[:min(n, d.items[0].start)]
	}
	if i := bytes.Index(head, []byte("<channel")); i >= 0 && !bytes.Contains(head[i:], []byte("</channel")) {
		s = "</channel>" + s
	}
	return s
}

// isItem says whether an element of that name is an item under this root: in
// no namespace, in the root's, or in one that is called rss or atom.
func (d *document) isItem(name string) bool {
	prefix, local, ok := strings.Cut(name, ":")
	if !ok {
		prefix, local = "", name
	}
	want := "item"
	rootPrefix, rootLocal, ok := strings.Cut(d.root.name, ":")
	if !ok {
		rootPrefix, rootLocal = "", d.root.name
	}
	if strings.EqualFold(rootLocal, "feed") {
		want = "entry"
	}
	if !strings.EqualFold(local, want) {
		return false
	}
	return prefix == "" || prefix == rootPrefix || prefix == "rss" || prefix == "atom"
}

// readTag reads the start tag at i, which holds "<".
func readTag(b []byte, i int) (t tag, selfClosed, ok bool) {
	nameEnd, end, ok := tagAt(b, i)
	if !ok {
		return tag{}, false, false
	}
	return tag{start: i, end: end, name: string(b[i+1 : nameEnd])}, b[end-2] == '/', true
}

// tagAt is where the name of the start tag at i ends, and the tag.
func tagAt(b []byte, i int) (nameEnd, end int, ok bool) {
	n := i + 1
	for n < len(b) && isNameByte(b[n]) {
		n++
	}
	if n == i+1 || b[i+1] >= '0' && b[i+1] <= '9' || b[i+1] == '-' || b[i+1] == '.' {
		return 0, 0, false
	}
	// A ">" inside a quoted value ends no tag; but a quote that never closes
	// before the next tag is a stray one.
	for j := n; j < len(b); j++ {
		switch c := b[j]; c {
		case '>':
			return n, j + 1, true
		case '<':
			return 0, 0, false
		case '"', '\'':
			k := bytes.IndexByte(b[j+1:], c)
			if k < 0 {
				return 0, 0, false
			}
			if lt := bytes.IndexByte(b[j+1:j+1+k], '<'); lt < 0 {
				j += k + 1
			}
		}
	}
	return 0, 0, false
}

func isNameByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' ||
		c == ':' || c == '_' || c == '-' || c == '.' || c >= utf8.RuneSelf
}

// skipTo is the length of b up to and with the mark; all of b without one.
func skipTo(b []byte, mark string) int {
	i := bytes.Index(b, []byte(mark))
	if i < 0 {
		return len(b)
	}
	return i + len(mark)
}
