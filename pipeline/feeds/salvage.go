package feeds

import (
	"bytes"
	"regexp"
	"strconv"
	"strings"

	"github.com/mmcdole/gofeed"
)

// escapeStray mends, in one pass over the text, what makes an XML parser give
// the whole document up: a "<" that begins no tag, a "]]>" outside CDATA, a
// reference to a character that XML forbids.
func escapeStray(b []byte) []byte {
	out := make([]byte, 0, len(b)+64)
	for i := 0; i < len(b); {
		switch rest := b[i:]; {
		case bytes.HasPrefix(rest, []byte("<![CDATA[")):
			n := skipTo(rest, "]]>")
			out = append(out, rest[:n]...)
			i += n
		case bytes.HasPrefix(rest, []byte("<!--")):
			i += skipTo(rest, "-->")
		case rest[0] == '<':
			if len(rest) > 1 && (rest[1] == '/' || rest[1] == '!' || rest[1] == '?') {
				out = append(out, '<')
				i++
				continue
			}
			t, _, ok := readTag(b, i)
			if !ok {
				out = append(out, "&lt;"...)
				i++
				continue
			}
			out = appendTag(out, b[i:t.end])
			i = t.end
		case bytes.HasPrefix(rest, []byte("]]>")):
			out = append(out, "]]&gt;"...)
			i += 3
		case bytes.HasPrefix(rest, []byte("&#")):
			n, bad := badReference(rest)
			if !bad {
				out = append(out, rest[:n]...)
			}
			i += n
		default:
			n := bytes.IndexAny(rest[1:], "<&]") + 1
			if n == 0 {
				n = len(rest)
			}
			out = append(out, rest[:n]...)
			i += n
		}
	}
	return out
}

// appendTag appends a start tag, the values of its attributes in quotes.
func appendTag(out, tag []byte) []byte {
	for i := 0; i < len(tag); {
		c := tag[i]
		if c == '"' || c == '\'' {
			n := bytes.IndexByte(tag[i+1:], c)
			if n < 0 {
				return append(out, tag[i:]...)
			}
			out = append(out, tag[i:i+n+2]...)
			i += n + 2
			continue
		}
		out = append(out, c)
		i++
		if c != '=' || i == len(tag) || bytes.IndexByte([]byte("\"' \t\r\n>"), tag[i]) >= 0 {
			continue
		}
		n := bytes.IndexAny(tag[i:], " \t\r\n\"'>")
		value := tag[i : i+n]
		if tag[i+n] == '>' {
			value = bytes.TrimSuffix(value, []byte("/"))
		}
		out = append(append(append(out, '"'), value...), '"')
		i += len(value)
	}
	return out
}

// badReference reads the character reference at the start of b and says
// whether XML forbids its character.
func badReference(b []byte) (n int, bad bool) {
	end := bytes.IndexByte(b[:min(len(b), 12)], ';')
	if end < 0 {
		return 2, false
	}
	digits, base := string(b[2:end]), 10
	if strings.HasPrefix(strings.ToLower(digits), "x") {
		digits, base = digits[1:], 16
	}
	v, err := strconv.ParseUint(digits, base, 32)
	if err != nil {
		return 2, false
	}
	r := rune(v)
	return end + 1, v > 0x10ffff || r >= 0xd800 && r <= 0xdfff || !legal(r, 3)
}

// salvage reads a document item by item: each is cut out, closed, set under
// the document's own root, and parsed with its neighbours; those that won't
// parse are parted until the bad ones stand alone. It returns feeds whose items
// are in the document's order, the head's own feed first, and how many items
// were lost.
func salvage(d *document) (feeds []*gofeed.Feed, lost int) {
	chunks := d.chunks()
	if len(chunks) == 0 {
		return nil, 0
	}
	s := &salvager{doc: d}
	s.parse(chunks)
	if s.feeds != nil {
		if head := s.head(); head != nil {
			s.feeds = append([]*gofeed.Feed{head}, s.feeds...)
		}
	}
	return s.feeds, s.lost
}

type salvager struct {
	doc   *document
	feeds []*gofeed.Feed
	lost  int
}

func (s *salvager) parse(chunks [][]byte) {
	feed, err := gofeedParse(s.wrap(bytes.Join(chunks, []byte("\n"))))
	switch {
	case err == nil && len(feed.Items) >= len(chunks):
		s.feeds = append(s.feeds, feed)
	case len(chunks) > 1:
		s.parse(chunks[:len(chunks)/2])
		s.parse(chunks[len(chunks)/2:])
	default:
		s.parseBad(chunks[0])
	}
}

// parseBad tries what is left for one item: its stray characters escaped, the
// text of its fields as CDATA, its broken end cut off.
func (s *salvager) parseBad(chunk []byte) {
	whole := s.cutEnd(chunk)
	for _, try := range [][]byte{escapeStray(chunk), escapeFields(chunk), whole, escapeFields(whole)} {
		if feed, err := gofeedParse(s.wrap(try)); err == nil && len(feed.Items) > 0 && hasSubstance(feed.Items[0]) {
			s.feeds = append(s.feeds, feed)
			return
		}
	}
	s.lost++
}

func hasSubstance(it *gofeed.Item) bool {
	return it.Title != "" || it.Link != "" || it.GUID != "" || it.Description != "" || it.Content != ""
}

// wrap sets items under the document's root.
func (s *salvager) wrap(items []byte) []byte {
	d := s.doc
	var b bytes.Buffer
	b.Write(d.text[d.root.start:d.root.end])
	channel := !isAtom(d.root.name)
	if channel {
		b.WriteString("<channel>")
	}
	b.Write(items)
	if channel {
		b.WriteString("</channel>")
	}
	b.WriteString("</" + d.root.name + ">")
	return b.Bytes()
}

// head is the feed's own title, link and language, where they can be read.
func (s *salvager) head() *gofeed.Feed {
	d := s.doc
	head := bytes.Clone(d.text[:d.chunkStarts()[0]])
	head = append(head, d.closing(len(head))...)
	for _, try := range [][]byte{head, escapeStray(head)} {
		if feed, err := gofeedParse(try); err == nil {
			feed.Items = nil
			return feed
		}
	}
	return nil
}

func isAtom(root string) bool {
	return strings.EqualFold(root[strings.LastIndexByte(root, ':')+1:], "feed")
}

// chunkStarts is where items begin. Unlike scan it looks into CDATA sections
// that another item begins or ends in: those were never closed.
func (d *document) chunkStarts() []int {
	var starts []int
	for _, t := range d.lenientItems() {
		starts = append(starts, t.start)
	}
	return starts
}

func (d *document) lenientItems() []tag {
	var items []tag
	b := d.text
	for i := d.root.end; i < len(b) && len(items) < MaxItems; {
		j := bytes.IndexByte(b[i:], '<')
		if j < 0 {
			break
		}
		i += j
		rest := b[i:]
		if bytes.HasPrefix(rest, []byte("<![CDATA[")) {
			if n := skipTo(rest, "]]>"); n < len(rest) && !d.itemInside(rest[:n]) {
				i += n
				continue
			}
			i += len("<![CDATA[")
			continue
		}
		if bytes.HasPrefix(rest, []byte("<!--")) {
			if n := skipTo(rest, "-->"); n < len(rest) {
				i += n
				continue
			}
		}
		t, _, ok := readTag(b, i)
		if !ok {
			i++
			continue
		}
		if d.isItem(t.name) {
			items = append(items, t)
		}
		i = t.end
	}
	return items
}

// itemInside says whether an item ends within the section: no text of an
// article holds that end tag unescaped.
func (d *document) itemInside(section []byte) bool {
	end := "</item>"
	if isAtom(d.root.name) {
		end = "</entry>"
	}
	return bytes.Contains(section, []byte(end))
}

// chunks cuts the items out. One without an end tag of its own goes to the
// start of the next, and is given one.
func (d *document) chunks() [][]byte {
	items := d.lenientItems()
	chunks := make([][]byte, 0, len(items))
	for i, t := range items {
		next := len(d.text)
		if i+1 < len(items) {
			next = items[i+1].start
		}
		end := []byte("</" + t.name + ">")
		chunk := d.text[t.start:next]
		if n := bytes.LastIndex(chunk, end); n >= 0 {
			chunk = chunk[:n+len(end)]
		} else {
			chunk = append(d.withoutRootEnd(chunk), end...)
		}
		chunks = append(chunks, chunk)
	}
	return chunks
}

// withoutRootEnd is a copy of the chunk without the end tags of the document.
func (d *document) withoutRootEnd(chunk []byte) []byte {
	for _, mark := range []string{"</channel>", "</" + d.root.name + ">"} {
		if n := bytes.Index(chunk, []byte(mark)); n >= 0 {
			chunk = chunk[:n]
		}
	}
	return bytes.Clone(chunk)
}

// cutEnd keeps of a broken item the fields that are whole: those whose end
// tags are there. The rest, which the body was cut off in, goes.
func (s *salvager) cutEnd(chunk []byte) []byte {
	start, _, ok := readTag(chunk, 0)
	if !ok {
		return chunk
	}
	whole := start.end
	for i := start.end; i < len(chunk); {
		j := bytes.IndexByte(chunk[i:], '<')
		if j < 0 {
			break
		}
		i += j
		if n := skipSection(chunk[i:]); n > 0 {
			i += n
			continue
		}
		t, selfClosed, ok := readTag(chunk, i)
		if !ok {
			i++
			continue
		}
		i = t.end
		if !selfClosed {
			n := endTagOf(chunk[i:], t.name)
			if n < 0 {
				break
			}
			i += n
		}
		whole = i
	}
	return append(append(bytes.Clone(chunk[:whole]), "</"...), start.name+">"...)
}

// endTagOf is the offset after the first end tag of that name outside of CDATA
// sections; -1: there is none.
func endTagOf(b []byte, name string) int {
	end := []byte("</" + name)
	for i := 0; i < len(b); {
		j := bytes.IndexByte(b[i:], '<')
		if j < 0 {
			break
		}
		i += j
		if n := skipSection(b[i:]); n > 0 {
			i += n
			continue
		}
		if rest, ok := bytes.CutPrefix(b[i:], end); ok {
			if n := bytes.IndexByte(rest, '>'); n >= 0 && len(bytes.TrimSpace(rest[:n])) == 0 {
				return len(b) - len(rest) + n + 1
			}
		}
		i++
	}
	return -1
}

const textFields = `title|description|summary|content|content:encoded|link|guid|id|author|dc:creator|category|pubDate|yandex:full-text`

var fieldRe = regexp.MustCompile(`(?is)<(` + textFields + `)((?:\s[^<>]*)?)>(.*?)</(` + textFields + `)\s*>`)

// escapeFields makes CDATA of the text of the known fields, whatever it holds.
func escapeFields(item []byte) []byte {
	return fieldRe.ReplaceAllFunc(item, func(m []byte) []byte {
		g := fieldRe.FindSubmatch(m)
		if !bytes.EqualFold(g[1], g[4]) || bytes.HasSuffix(g[2], []byte("/")) {
			return m
		}
		text := g[3]
		cdata := bytes.Contains(text, []byte("<![CDATA["))
		text = bytes.ReplaceAll(text, []byte("<![CDATA["), nil)
		text = bytes.ReplaceAll(text, []byte("]]>"), nil)
		if !cdata {
			text = unescapeOnce(text)
		}
		var b bytes.Buffer
		b.WriteString("<" + string(g[1]) + string(g[2]) + "><![CDATA[")
		b.Write(text)
		b.WriteString("]]></" + string(g[1]) + ">")
		return b.Bytes()
	})
}
