package catalog

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // whether a time zone exists must not depend on the machine
	"unicode"
	"unicode/utf8"

	"github.com/andybalholm/cascadia"
	"golang.org/x/text/language"
)

// Kinds of watches.
const (
	WatchMention      = "mention" // the default
	WatchFirstMention = "first_mention"
	WatchCoMention    = "co_mention"
	WatchSpike        = "spike"
	WatchSilence      = "silence"
	WatchStoryGrowth  = "story_growth"
	WatchDigest       = "digest"
)

// What a watch alerts once for.
const (
	GroupStory  = "story" // the default
	GroupEntity = "entity"
	GroupSource = "source"
	GroupNone   = "none"
)

// Kinds of channels.
const (
	ChannelLog     = "log"
	ChannelWebhook = "webhook"
)

// AvailableWatchKinds lists the kinds of watches that are evaluated.
func AvailableWatchKinds() []string { return []string{WatchMention, WatchSilence} }

// AvailableChannelKinds lists the kinds of channels that deliver.
func AvailableChannelKinds() []string { return []string{ChannelLog, ChannelWebhook} }

// Groups lists what a watch may alert once for.
func Groups() []string { return []string{GroupStory, GroupEntity, GroupSource, GroupNone} }

// EntityKinds lists the kinds of entities.
func EntityKinds() []string {
	return []string{"person", "organization", "place", "event", "product", "law", "topic"}
}

func watchKinds() []string {
	return []string{WatchMention, WatchFirstMention, WatchCoMention, WatchSpike, WatchSilence, WatchStoryGrowth, WatchDigest}
}

// Whether the pages of a source's articles are read, as it stands in
// [Source.Pages].
const (
	PagesAuto   = "auto"   // where its feeds don't carry the whole text
	PagesAlways = "always" // of every article
	PagesNever  = "never"  // the articles are what the feeds say
)

// PagesModes is what [Source.Pages] may be.
func PagesModes() []string { return []string{PagesAuto, PagesAlways, PagesNever} }

func channelKinds() []string {
	return []string{ChannelLog, ChannelWebhook, "slack", "telegram", "discord", "teams", "ntfy", "email"}
}

// Bounds on one object. They are far above what a person writes and keep one
// object well below the size of a message.
const (
	MaxNames    = 500  // names of an entity
	MaxContext  = 100  // words in near, not or must of a name
	MaxTests    = 200  // texts in match or no_match of an entity
	MaxFeeds    = 1000 // feeds of a source
	MaxTags     = 50   // tags of a source
	MaxText     = 200  // characters in a name, a tag, a word of a context
	MaxTest     = 2000 // characters in a test text
	MaxURL      = 2000 // bytes in an address
	MaxQuery    = 8000 // bytes in a query
	MaxChannels = 50   // channels of a watch

	MinEvery = time.Second        // shortest interval of a feed
	MaxEvery = 7 * 24 * time.Hour // longest interval of a feed
	MaxGap   = time.Hour          // longest gap between two requests to a host
	MaxOnce  = 64                 // most requests at once to a host

	MaxSelector = 500 // characters in a selector
	MaxDrop     = 50  // selectors in drop
)

// Checks are rules other rooms know. A nil func checks nothing.
type Checks struct {
	Query func(kind, query string) error // of a watch
}

var (
	idForm       = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,63}$`)
	countryForm  = regexp.MustCompile(`^[A-Z]{2}$`)
	langForm     = regexp.MustCompile(`^[a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|[0-9]{3}))?$`)
	wikidataForm = regexp.MustCompile(`^Q[1-9][0-9]{0,11}$`)
	clockForm    = regexp.MustCompile(`^([01][0-9]|2[0-3]):[0-5][0-9]$`)
)

// faults collects what is wrong with one object.
type faults struct {
	ref  Ref
	errs []*FieldError
}

func (f *faults) add(field, format string, args ...any) {
	f.errs = append(f.errs, &FieldError{Ref: f.ref, Field: field, Msg: fmt.Sprintf(format, args...)})
}

func (f *faults) id() {
	if !idForm.MatchString(f.ref.ID) {
		f.add("id", "%q must be 1 to 64 of a-z, 0-9 and -, and not begin with -", f.ref.ID)
	}
}

// line checks a text of one line that must say something.
func (f *faults) line(field, s string, most int) bool {
	switch {
	case strings.TrimSpace(s) == "":
		f.add(field, "must not be empty")
	case !utf8.ValidString(s):
		f.add(field, "is not UTF-8")
	case s != strings.TrimSpace(s):
		f.add(field, "%q has white space at an end", s)
	case strings.ContainsFunc(s, unicode.IsControl):
		f.add(field, "%q has a control character", s)
	case utf8.RuneCountInString(s) > most:
		f.add(field, "has more than %d characters", most)
	default:
		return true
	}
	return false
}

func (f *faults) lines(field string, all []string, most, length int) {
	if len(all) > most {
		f.add(field, "has %d entries, at most %d are allowed", len(all), most)
		return
	}
	for i, s := range all {
		f.line(fmt.Sprintf("%s[%d]", field, i), s, length)
	}
}

func (f *faults) oneOf(field, s string, allowed []string) bool {
	if !slices.Contains(allowed, s) {
		f.add(field, "%q is none of %s", s, strings.Join(allowed, ", "))
		return false
	}
	return true
}

func (f *faults) url(field, s string) {
	if err := checkURL(s); err != nil {
		f.add(field, "%v", err)
	}
}

// checkURL accepts an absolute http or https address without credentials.
func checkURL(s string) error {
	u, err := url.Parse(s)
	switch {
	case s == "":
		return fmt.Errorf("must not be empty")
	case len(s) > MaxURL:
		return fmt.Errorf("is longer than %d bytes", MaxURL)
	case err != nil:
		return fmt.Errorf("%q is not an address: %w", s, err.(*url.Error).Err)
	case u.Scheme != "http" && u.Scheme != "https":
		return fmt.Errorf("%q must begin with http:// or https://", s)
	case u.Hostname() == "" || strings.ContainsFunc(s, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }):
		return fmt.Errorf("%q is not an address", s)
	case u.User != nil:
		return fmt.Errorf("%q holds a user name or password", u.Redacted())
	}
	return nil
}

// checkProxy accepts the address of a proxy without credentials: the catalog
// holds no secrets.
func checkProxy(s string) error {
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Hostname() == "" || len(s) > MaxURL:
		return fmt.Errorf("is not an address such as http://proxy:3128")
	case u.User != nil:
		return fmt.Errorf("%q holds a user name or password; fetch.proxy in newswatch.yaml may", u.Redacted())
	case !slices.Contains([]string{"http", "https", "socks5", "socks5h"}, u.Scheme):
		return fmt.Errorf("%q must begin with http://, https://, socks5:// or socks5h://", s)
	case u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.Fragment != "":
		return fmt.Errorf("%q has more than a host and a port", s)
	}
	return nil
}

func (f *faults) lang(field, s string) {
	if s == "" {
		return
	}
	if !langForm.MatchString(s) {
		f.add(field, "%q is not a language such as en, ru, zh, zh-Hant or pt-BR", s)
	} else if _, err := language.Parse(s); err != nil {
		f.add(field, "%q is not a language that is known", s)
	}
}

func (f *faults) country(field, s string) {
	if s == "" {
		return
	}
	r, err := language.ParseRegion(s)
	switch {
	case !countryForm.MatchString(s):
		f.add(field, "%q is not a country of two capital letters such as RU", s)
	case err != nil || !r.IsCountry():
		f.add(field, "%q is not a country in ISO 3166-1", s)
	case r.Canonicalize().String() != s:
		f.add(field, "%q is written %s in ISO 3166-1", s, r.Canonicalize())
	}
}

// Validate checks the source by itself.
func (s *Source) Validate() error {
	f := &faults{ref: s.Ref()}
	f.id()
	f.line("name", s.Name, MaxText)
	if s.Home != "" {
		f.url("home", s.Home)
	}
	f.country("country", s.Country)
	f.lang("lang", s.Lang)
	f.lines("tags", s.Tags, MaxTags, MaxText)
	for i, t := range s.Tags {
		if strings.Contains(t, ",") { // the mark between tags in OPML and in addresses
			f.add(fmt.Sprintf("tags[%d]", i), "%q has a comma", t)
		}
	}
	if len(s.Feeds) > MaxFeeds {
		f.add("feeds", "has %d entries, at most %d are allowed", len(s.Feeds), MaxFeeds)
	}
	seen := make(map[string]int, len(s.Feeds))
	for i, feed := range s.Feeds {
		field := fmt.Sprintf("feeds[%d]", i)
		f.url(field+".url", feed.URL)
		if first, ok := seen[feedKey(feed.URL)]; ok {
			f.add(field+".url", "%s stands in feeds[%d] already", feed.URL, first)
		} else {
			seen[feedKey(feed.URL)] = i
		}
		if e := time.Duration(feed.Every); e != 0 && (e < MinEvery || e > MaxEvery) {
			f.add(field+".every", "%v must be between %v and %v", feed.Every, Duration(MinEvery), Duration(MaxEvery))
		}
	}
	if g := time.Duration(s.Gap); g < 0 || g > MaxGap {
		f.add("gap", "%v must be between 0s and %v", s.Gap, Duration(MaxGap))
	}
	if s.AtOnce < 0 || s.AtOnce > MaxOnce {
		f.add("at_once", "%d must be between 0 and %d", s.AtOnce, MaxOnce)
	}
	if a := s.UserAgent; a != "" && f.line("user_agent", a, MaxText) && strings.ContainsFunc(a, func(r rune) bool { return r >= utf8.RuneSelf }) {
		f.add("user_agent", "%q has a character that is not ASCII", a)
	}
	if s.Proxy != "" {
		if err := checkProxy(s.Proxy); err != nil {
			f.add("proxy", "%v", err)
		}
	}
	if s.Pages != "" {
		f.oneOf("pages", s.Pages, PagesModes())
	}
	if r := s.Extract; r != nil {
		for _, rule := range []struct{ field, selector string }{
			{"body", r.Body}, {"title", r.Title}, {"date", r.Date}, {"author", r.Author},
		} {
			if rule.selector != "" {
				f.selector("extract."+rule.field, rule.selector)
			}
		}
		if len(r.Drop) > MaxDrop {
			f.add("extract.drop", "has %d entries, at most %d are allowed", len(r.Drop), MaxDrop)
		}
		for i, d := range r.Drop {
			f.selector(fmt.Sprintf("extract.drop[%d]", i), d)
		}
	}
	return joinFields(f.errs)
}

// selector checks a CSS selector, or several with commas between them.
func (f *faults) selector(field, s string) {
	if !f.line(field, s, MaxSelector) {
		return
	}
	if _, err := cascadia.ParseGroup(s); err != nil {
		f.add(field, "%q is not a CSS selector: %v", s, err)
	}
}

// feedKey is equal for two spellings of one feed's address.
func feedKey(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return raw
	}
	u.Scheme = "https" // the same feed over http would be polled twice
	u.Host = strings.ToLower(u.Host)
	u.Fragment, u.RawFragment = "", ""
	if u.Path == "" {
		u.Path = "/"
	}
	return u.String()
}

// Validate checks the entity by itself. Its tests are run by the tagger.
func (e *Entity) Validate() error {
	f := &faults{ref: e.Ref()}
	f.id()
	f.line("name", e.Name, MaxText)
	f.oneOf("kind", e.Kind, EntityKinds())
	if e.Wikidata != "" && !wikidataForm.MatchString(e.Wikidata) {
		f.add("wikidata", "%q is not an item such as Q160120", e.Wikidata)
	}
	switch {
	case len(e.Names) == 0:
		f.add("names", "must hold at least one name")
	case len(e.Names) > MaxNames:
		f.add("names", "has %d entries, at most %d are allowed", len(e.Names), MaxNames)
	default:
		for i := range e.Names {
			f.name(fmt.Sprintf("names[%d]", i), e.Names, i)
		}
	}
	f.tests("tests.match", e.Tests.Match)
	f.tests("tests.no_match", e.Tests.NoMatch)
	return joinFields(f.errs)
}

func (f *faults) name(field string, names []Name, i int) {
	n := names[i]
	if f.line(field+".text", n.Text, MaxText) && !strings.ContainsFunc(n.Text, func(r rune) bool {
		return unicode.IsLetter(r) || unicode.IsDigit(r)
	}) {
		f.add(field+".text", "%q has no letter or digit", n.Text)
	}
	f.lang(field+".lang", n.Lang)
	f.lines(field+".near", n.Near, MaxContext, MaxText)
	f.lines(field+".not", n.Not, MaxContext, MaxText)
	f.lines(field+".must", n.Must, MaxContext, MaxText)
	for j := range i {
		if names[j].Text == n.Text && names[j].Lang == n.Lang {
			f.add(field+".text", "%q stands in names[%d] already", n.Text, j)
			return
		}
	}
}

func (f *faults) tests(field string, texts []string) {
	if len(texts) > MaxTests {
		f.add(field, "has %d entries, at most %d are allowed", len(texts), MaxTests)
		return
	}
	for i, t := range texts {
		if strings.TrimSpace(t) == "" {
			f.add(fmt.Sprintf("%s[%d]", field, i), "must not be empty")
		} else if utf8.RuneCountInString(t) > MaxTest {
			f.add(fmt.Sprintf("%s[%d]", field, i), "has more than %d characters", MaxTest)
		}
	}
}

// Validate checks the watch by itself; whether its query can be understood
// and its channels exist is for [Catalog.Validate].
func (w *Watch) Validate() error {
	f := &faults{ref: w.Ref()}
	f.id()
	f.line("name", w.Name, MaxText)
	switch {
	case strings.TrimSpace(w.Query) == "":
		if w.Kind != WatchSilence { // there it is every source
			f.add("query", "must not be empty")
		}
	case len(w.Query) > MaxQuery:
		f.add("query", "is longer than %d bytes", MaxQuery)
	}
	if w.Kind != "" && f.oneOf("kind", w.Kind, watchKinds()) && !slices.Contains(AvailableWatchKinds(), w.Kind) {
		f.add("kind", "%s is not available yet; available: %s", w.Kind, strings.Join(AvailableWatchKinds(), ", "))
	}
	switch {
	case w.Group == "":
	case w.Kind == WatchSilence:
		f.add("group", "means nothing to a watch of kind silence: each spell of a feed alerts once")
	default:
		f.oneOf("group", w.Group, Groups())
	}
	if len(w.To) > MaxChannels {
		f.add("to", "has %d entries, at most %d are allowed", len(w.To), MaxChannels)
	}
	for i, id := range w.To {
		if slices.Contains(w.To[:i], id) {
			f.add(fmt.Sprintf("to[%d]", i), "%q stands there twice", id)
		}
	}
	if w.Quiet != nil {
		f.quiet(*w.Quiet)
	}
	return joinFields(f.errs)
}

func (f *faults) quiet(q Quiet) {
	f.clock("quiet.from", q.From)
	f.clock("quiet.to", q.To)
	if q.From == q.To {
		f.add("quiet.to", "is the same as quiet.from, so nothing or everything would be quiet")
	}
	if q.TZ == "Local" {
		f.add("quiet.tz", "Local differs between machines; name a zone such as Europe/Moscow")
	} else if _, err := time.LoadLocation(q.TZ); err != nil {
		f.add("quiet.tz", "%q is not a time zone such as Europe/Moscow", q.TZ)
	}
}

func (f *faults) clock(field, s string) {
	if !clockForm.MatchString(s) {
		f.add(field, "%q is not a time of day such as 22:00", s)
	}
}

// Validate checks the channel by itself.
func (c *Channel) Validate() error {
	f := &faults{ref: c.Ref()}
	f.id()
	if !f.oneOf("kind", c.Kind, channelKinds()) {
		return joinFields(f.errs)
	}
	if !slices.Contains(AvailableChannelKinds(), c.Kind) {
		f.add("kind", "%s is not available yet; available: %s", c.Kind, strings.Join(AvailableChannelKinds(), ", "))
	}
	if c.URL != "" {
		f.url("url", c.URL)
	}
	switch {
	case c.Kind == ChannelLog:
		if c.URL != "" || c.URLFile != "" || c.SecretFile != "" {
			f.add("url", "url, url_file and secret_file mean nothing to a channel of kind log")
		}
	case c.URL == "" && c.URLFile == "":
		f.add("url", "must be given, or url_file")
	case c.URL != "" && c.URLFile != "":
		f.add("url_file", "can't stand beside url")
	}
	return joinFields(f.errs)
}

// Validate checks every object by itself and with the others: ids are unique,
// a feed belongs to one source, the channels of a watch exist, its query can
// be understood. The error joins a [FieldError] for everything that is wrong,
// with file and line where the catalog was read from one.
func (c *Catalog) Validate(checks Checks) error {
	errs := c.validateEach(checks)
	errs = append(errs, c.crossCheck(c)...)
	return joinFields(errs)
}

// validateEach finds what is wrong without a look at other catalogs.
func (c *Catalog) validateEach(checks Checks) []*FieldError {
	var errs []*FieldError
	first := make(map[Ref]int)
	for _, kind := range Kinds() {
		for i, o := range c.objects(kind) {
			found := FieldErrors(o.Validate())
			if w, ok := o.(*Watch); ok && checks.Query != nil && strings.TrimSpace(w.Query) != "" && len(w.Query) <= MaxQuery {
				if err := checks.Query(w.Kind, w.Query); err != nil {
					found = append(found, &FieldError{Ref: o.Ref(), Field: "query", Msg: err.Error()})
				}
			}
			ref := o.Ref()
			if j, ok := first[ref]; !ok {
				first[ref] = i
			} else if ref.ID != "" {
				found = append(found, &FieldError{Ref: ref, Field: "id", Msg: c.twice(kind, j)})
			}
			errs = append(errs, c.locate(found, kind, i)...)
		}
	}
	return errs
}

// twice is what is said of an id that an earlier object has.
func (c *Catalog) twice(kind string, first int) string {
	if line := c.pos.line(path(kind, first, "id")); line > 0 {
		return fmt.Sprintf("the id stands already in line %d", line)
	}
	return fmt.Sprintf("the id stands already in %s", path(kind, first, ""))
}

// crossCheck finds what is wrong with the catalog's objects in the company of
// all the others: the whole, of which c is a part.
func (c *Catalog) crossCheck(whole *Catalog) []*FieldError {
	var errs []*FieldError
	add := func(kind string, i int, ref Ref, field, format string, args ...any) {
		e := &FieldError{Ref: ref, Field: field, Msg: fmt.Sprintf(format, args...)}
		errs = append(errs, c.locate([]*FieldError{e}, kind, i)...)
	}
	owners := make(map[string][]string)
	for _, s := range whole.Sources {
		for _, feed := range s.Feeds {
			owners[feedKey(feed.URL)] = append(owners[feedKey(feed.URL)], s.ID)
		}
	}
	place := make(map[string]int, len(c.Sources))
	for i, s := range c.Sources {
		place[s.ID] = i
	}
	for i, s := range c.Sources {
		for j, feed := range s.Feeds {
			for _, other := range owners[feedKey(feed.URL)] {
				// Of two in this catalog the later one is told.
				if at, ok := place[other]; other != s.ID && (!ok || at < i) {
					add(KindSource, i, s.Ref(), fmt.Sprintf("feeds[%d].url", j), "%s is a feed of source %s already", feed.URL, other)
					break
				}
			}
		}
	}
	for i, w := range c.Watches {
		for j, id := range w.To {
			if whole.Channel(id) == nil {
				add(KindWatch, i, w.Ref(), fmt.Sprintf("to[%d]", j), "there is no channel %q", id)
			}
		}
	}
	return errs
}
