package catalog

import (
	"bytes"
	"cmp"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/html/charset"
	"golang.org/x/text/encoding"
	encunicode "golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"

	"github.com/newswatch/newswatch/pipeline"
)

// opmlSpace is the namespace of what OPML has no attribute for.
const opmlSpace = "https://newswatch.github.io/opml"

// ParseFile reads a catalog file by its ending, or, where that says nothing,
// by its content: OPML or else YAML or JSON.
func ParseFile(file string, data []byte) (*Catalog, error) {
	switch strings.ToLower(filepath.Ext(file)) {
	case ".opml", ".xml":
		return ParseOPML(file, data)
	case ".yaml", ".yml", ".json":
		return Parse(file, data)
	}
	if t := bytes.TrimSpace(bytes.TrimPrefix(data, []byte("\ufeff"))); len(t) > 0 && t[0] == '<' {
		return ParseOPML(file, data)
	}
	return Parse(file, data)
}

// An outline is one feed of an OPML file.
type outline struct {
	line    int
	feed    Feed
	title   string
	home    string
	lang    string
	tags    []string
	source  string // from here on our own attributes, where we wrote the file
	country string
	gap     Duration
	atOnce  int

	http1     bool
	userAgent string
	proxy     string
	pages     string
	extract   *ExtractRules
}

// ParseOPML reads the feeds of an OPML file of any charset. Folders and
// categories become tags; feeds of one site (or, on hosts that carry the feeds
// of many, one title) become one source, whose id is made of the site's name.
// A feed that stands in several folders is one feed with their tags. The error
// joins a [FieldError], with file and line, for every address that is none.
//
// A file written by [MarshalOPML] gives its sources back as they were, save for
// allow_private and proxy: a list from elsewhere must not open private networks,
// nor lead what is fetched through somebody's machine.
func ParseOPML(file string, data []byte) (*Catalog, error) { return parseOPML(file, data, false) }

// ParseOwnOPML is [ParseOPML] for a file that is one's own: it takes proxies, too.
func ParseOwnOPML(file string, data []byte) (*Catalog, error) { return parseOPML(file, data, true) }

func parseOPML(file string, data []byte, own bool) (*Catalog, error) {
	if len(bytes.TrimSpace(data)) == 0 {
		return nil, fmt.Errorf("%s: %w", file, ErrEmpty)
	}
	p := &opmlParser{file: file, own: own, byURL: make(map[string]int)}
	if err := p.parse(data); err != nil {
		return nil, joinFields(append(p.errs, err))
	}
	if len(p.errs) > 0 {
		return nil, joinFields(p.errs)
	}
	c := p.group()
	if errs := append(c.validateEach(Checks{}), c.crossCheck(c)...); len(errs) > 0 {
		return nil, joinFields(errs)
	}
	return c, nil
}

type opmlParser struct {
	file  string
	own   bool // and not from elsewhere
	errs  []*FieldError
	feeds []outline
	byURL map[string]int
}

func (p *opmlParser) fail(line int, field, format string, args ...any) {
	p.errs = append(p.errs, &FieldError{File: p.file, Line: line, Field: field, Msg: fmt.Sprintf(format, args...)})
}

// parse walks the file. It keeps a stack of folders and never recurses, so
// depth costs nothing.
func (p *opmlParser) parse(data []byte) *FieldError {
	dec := newDecoder(data)
	var folders []string // open outlines; "" for one that is no folder
	root, end := false, false
	for {
		tok, err := dec.Token()
		line, _ := dec.InputPos()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return p.broken(line, err)
		}
		switch t := tok.(type) {
		case xml.StartElement:
			name := strings.ToLower(t.Name.Local)
			if !root && name != "opml" {
				return &FieldError{File: p.file, Line: line, Msg: fmt.Sprintf("not OPML: it begins with <%s>", t.Name.Local)}
			}
			root = true
			if name == "outline" {
				folders = append(folders, p.outline(t, line, folders))
			}
		case xml.EndElement:
			switch strings.ToLower(t.Name.Local) {
			case "outline":
				if len(folders) > 0 {
					folders = folders[:len(folders)-1]
				}
			case "opml":
				end = true
			}
		}
	}
	line, _ := dec.InputPos()
	switch {
	case !root:
		return &FieldError{File: p.file, Line: 1, Msg: "not OPML: no element at all"}
	case !end:
		return &FieldError{File: p.file, Line: line, Msg: "the file ends before </opml>"}
	}
	return nil
}

func (p *opmlParser) broken(line int, err error) *FieldError {
	if syntax, ok := errors.AsType[*xml.SyntaxError](err); ok {
		return &FieldError{File: p.file, Line: syntax.Line, Msg: "XML: " + syntax.Msg}
	}
	return &FieldError{File: p.file, Line: line, Msg: err.Error()}
}

// newDecoder reads XML of any charset: as the byte order mark says, as the
// declaration says, or as UTF-8 with what is not that replaced.
func newDecoder(data []byte) *xml.Decoder {
	utf8already := false
	if bytes.HasPrefix(data, []byte{0xFE, 0xFF}) || bytes.HasPrefix(data, []byte{0xFF, 0xFE}) || bytes.HasPrefix(data, []byte{0xEF, 0xBB, 0xBF}) {
		if out, _, err := transform.Bytes(encunicode.BOMOverride(encoding.Nop.NewDecoder()), data); err == nil {
			data, utf8already = out, true
		}
	}
	head := strings.ToLower(string(data[:min(len(data), 200)]))
	if decl, _, ok := strings.Cut(head, "?>"); !ok || !strings.Contains(decl, "encoding") {
		utf8already = true
	}
	if utf8already {
		data = bytes.ToValidUTF8(data, []byte(string(utf8.RuneError)))
	}
	// Characters XML forbids come from careless programs and mean nothing.
	clean := func(r rune) rune {
		if r < 0x20 && r != '\t' && r != '\n' && r != '\r' || r == 0xFFFE || r == 0xFFFF {
			return -1
		}
		return r
	}
	if utf8.Valid(data) {
		data = bytes.Map(clean, data)
	}
	dec := xml.NewDecoder(bytes.NewReader(data))
	dec.Strict = false // & in addresses is rarely escaped
	dec.Entity = xml.HTMLEntity
	dec.CharsetReader = func(label string, in io.Reader) (io.Reader, error) {
		if utf8already {
			return in, nil
		}
		return charset.NewReaderLabel(label, in)
	}
	return dec
}

// outline takes in one outline and returns the folder it opens, if it does.
func (p *opmlParser) outline(t xml.StartElement, line int, folders []string) string {
	attr := make(map[string]string)
	rules := ""
	for _, a := range t.Attr {
		name := strings.ToLower(a.Name.Local)
		if a.Name.Space == opmlSpace {
			name = "nw:" + name
		}
		if name == "nw:extract" { // no line of text
			rules = a.Value
			continue
		}
		attr[name] = tidy(a.Value)
		if name != "category" { // a list: its parts are cut, one by one
			attr[name] = clip(attr[name])
		}
	}
	title := cmp.Or(attr["title"], attr["text"])
	address := cmp.Or(attr["xmlurl"], attr["url"])
	if address == "" || attr["xmlurl"] == "" && attr["type"] != "rss" && attr["type"] != "atom" {
		return title
	}
	address = feedScheme(address)
	if err := checkURL(address); err != nil {
		p.fail(line, "xmlUrl", "%v", err)
		return ""
	}
	o := outline{
		line: line, feed: Feed{URL: address}, title: title,
		source: attr["nw:source"], country: attr["nw:country"],
	}
	if checkURL(attr["htmlurl"]) == nil {
		o.home = attr["htmlurl"]
	}
	// A language that is none is not worth refusing a reader's list for.
	if l := attr["language"]; langForm.MatchString(l) && (&Source{ID: "x", Name: "x", Lang: l}).Validate() == nil {
		o.lang = l
	}
	for field, to := range map[string]*Duration{"nw:every": &o.feed.Every, "nw:gap": &o.gap} {
		if v := attr[field]; v != "" {
			if err := to.UnmarshalText([]byte(v)); err != nil {
				p.fail(line, field, "%v", err)
			}
		}
	}
	if v := attr["nw:at_once"]; v != "" {
		n, err := strconv.Atoi(v)
		if err != nil {
			p.fail(line, "nw:at_once", "%q is not a number", v)
		}
		o.atOnce = n
	}
	p.asked(&o, attr, rules)
	if o.source != "" {
		folders = nil // somebody else's order of our own list
	}
	o.tags = tagsOf(attr["category"], folders)
	if i, ok := p.byURL[feedKey(address)]; ok {
		p.feeds[i].tags = union(p.feeds[i].tags, o.tags)
		return ""
	}
	p.byURL[feedKey(address)] = len(p.feeds)
	p.feeds = append(p.feeds, o)
	return ""
}

// asked takes in how the source is asked for and its pages are read.
func (p *opmlParser) asked(o *outline, attr map[string]string, rules string) {
	o.userAgent, o.pages = attr["nw:user_agent"], attr["nw:pages"]
	if p.own {
		o.proxy = attr["nw:proxy"]
	}
	if v := attr["nw:http1"]; v != "" {
		on, err := strconv.ParseBool(v)
		if err != nil {
			p.fail(o.line, "nw:http1", "%q is neither true nor false", v)
		}
		o.http1 = on
	}
	if rules == "" {
		return
	}
	dec := json.NewDecoder(strings.NewReader(rules))
	dec.DisallowUnknownFields()
	o.extract = new(ExtractRules)
	if err := dec.Decode(o.extract); err != nil {
		p.fail(o.line, "nw:extract", "is not the JSON of rules: %v", err)
	}
}

// feedScheme undoes feed:https://… and feed://….
func feedScheme(address string) string {
	if rest, ok := strings.CutPrefix(address, "feed:"); ok {
		if http, ok := strings.CutPrefix(rest, "//"); ok {
			return "http://" + http
		}
		return rest
	}
	return address
}

// tagsOf makes tags of categories ("a,/b/c") and of the open folders. A slash at
// an end is none of a tag's: written as a category it would be a path's.
func tagsOf(category string, folders []string) []string {
	var tags []string
	for c := range strings.SplitSeq(category, ",") {
		tags = append(tags, strings.Trim(tidy(c), "/ "))
	}
	for _, f := range folders {
		tags = append(tags, strings.Trim(tidy(strings.ReplaceAll(f, ",", " ")), "/ "))
	}
	return union(nil, tags)
}

// union adds the tags that are not there yet, as many as a source may have.
func union(tags, more []string) []string {
	for _, t := range more {
		if t = clip(tidy(t)); t != "" && !slices.Contains(tags, t) && len(tags) < MaxTags {
			tags = append(tags, t)
		}
	}
	return tags
}

// tidy makes one line of a text.
func tidy(s string) string {
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r)
	}), " ")
}

// clip cuts a text that is no address at the most characters a name may have.
func clip(s string) string {
	if strings.Contains(s, "://") || utf8.RuneCountInString(s) <= MaxText {
		return s
	}
	return strings.TrimSpace(string([]rune(s)[:MaxText]))
}

// group makes sources of the feeds, in the order of the file.
func (p *opmlParser) group() *Catalog {
	c := &Catalog{pos: &positions{file: p.file, lines: make(map[string]int)}}
	at := make(map[string]int)
	ids := make(map[string]bool)
	for _, o := range p.feeds {
		ids[o.source] = true
	}
	for _, o := range p.feeds {
		key := groupKey(o)
		i, ok := at[key]
		if !ok || len(c.Sources[i].Feeds) >= MaxFeeds {
			i = len(c.Sources)
			at[key] = i
			id := cmp.Or(o.source, freeID(o, key, ids))
			ids[id] = true
			c.Sources = append(c.Sources, Source{ID: id, Name: cmp.Or(o.title, siteOf(o))})
			c.pos.lines[path(KindSource, i, "")] = o.line
		}
		s := &c.Sources[i]
		c.pos.lines[path(KindSource, i, fmt.Sprintf("feeds[%d]", len(s.Feeds)))] = o.line
		if o.source == "" && len(s.Feeds) > 0 {
			s.Name = common(s.Name, o.title)
		}
		s.Feeds = append(s.Feeds, o.feed)
		s.Home = cmp.Or(s.Home, o.home)
		s.Lang = cmp.Or(s.Lang, o.lang)
		s.Country = cmp.Or(s.Country, o.country)
		s.Gap = cmp.Or(s.Gap, o.gap)
		s.AtOnce = cmp.Or(s.AtOnce, o.atOnce)
		s.HTTP1 = s.HTTP1 || o.http1
		s.UserAgent = cmp.Or(s.UserAgent, o.userAgent)
		s.Proxy = cmp.Or(s.Proxy, o.proxy)
		s.Pages = cmp.Or(s.Pages, o.pages)
		s.Extract = cmp.Or(s.Extract, o.extract)
		s.Tags = union(s.Tags, o.tags)
	}
	for o := range c.Objects() {
		_, version := o.head()
		*version = Digest(o)
	}
	return c
}

// shared are hosts that carry the feeds of many publishers.
var shared = []string{
	"feedburner.com", "feeds2.feedburner.com", "feedblitz.com", "youtube.com", "reddit.com", "github.com",
	"medium.com", "rsshub.app", "t.me", "kill-the-newsletter.com", "politepol.com", "rss.app", "feed43.com", "inoreader.com",
	"google.com", "news.google.com", "bing.com", "substack.com", "podcasts.apple.com", "feeds.acast.com", "anchor.fm", "vk.com",
}

// groupKey is equal for feeds of one source.
func groupKey(o outline) string {
	if o.source != "" {
		return "id " + o.source
	}
	site := siteOf(o)
	if slices.ContainsFunc(shared, func(h string) bool { return site == h || strings.HasSuffix(site, "."+h) && h != "substack.com" }) {
		return "title " + site + " " + cmp.Or(strings.ToLower(o.title), o.feed.URL)
	}
	return "site " + site
}

// siteOf is the host a feed belongs to: of the home page, else of the feed,
// without the part that says only that feeds are there.
func siteOf(o outline) string {
	u, err := url.Parse(cmp.Or(o.home, o.feed.URL))
	if err != nil {
		return ""
	}
	host := strings.TrimSuffix(strings.ToLower(u.Hostname()), ".")
	for _, prefix := range []string{"www.", "feeds.", "feed.", "rss.", "rssfeeds.", "rssexport."} {
		if rest, ok := strings.CutPrefix(host, prefix); ok && strings.Contains(rest, ".") {
			host = rest
		}
	}
	return host
}

// freeID makes an id of a site or title that no other source of the file has.
func freeID(o outline, key string, taken map[string]bool) string {
	base := siteOf(o)
	if strings.HasPrefix(key, "title ") {
		base = o.title
	}
	id := slug(base)
	if id == "" {
		id = "feed-" + pipeline.Digest8(key)
	}
	for n, unique := 0, id; ; n++ {
		if !taken[id] {
			return id
		}
		id = unique[:min(len(unique), 55)] + "-" + pipeline.Digest8(key, strconv.Itoa(n))
	}
}

// slug is the letters and digits of an id, at most 64 of them; empty where
// little of the text can be written so.
func slug(s string) string {
	var b strings.Builder
	kept, lost := 0, 0
	for _, r := range strings.ToLower(s) {
		switch {
		case r >= 'a' && r <= 'z' || r >= '0' && r <= '9':
			b.WriteRune(r)
			kept++
		case unicode.IsLetter(r) || unicode.IsDigit(r):
			lost++
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
	}
	if lost > 0 || kept == 0 {
		return ""
	}
	out := b.String()
	return strings.Trim(out[:min(len(out), 64)], "-")
}

// common is what the titles of two feeds of one source have in common at the
// front ("BBC News - World", "BBC News - Asia"), or the first.
func common(a, b string) string {
	ra, rb := []rune(a), []rune(b)
	n := 0
	for n < len(ra) && n < len(rb) && ra[n] == rb[n] {
		n++
	}
	word := func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }
	within := func(r []rune) bool { return n < len(r) && word(r[n]) && word(r[n-1]) }
	for n > 0 && (within(ra) || within(rb)) {
		n--
	}
	out := strings.TrimRightFunc(string(ra[:n]), func(r rune) bool { return !word(r) })
	if utf8.RuneCountInString(out) < 3 {
		return a
	}
	return out
}
