package extractors

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/net/publicsuffix"

	"github.com/newswatch/newswatch/extractors/readable"
	"github.com/newswatch/newswatch/pipeline"
)

// Ways an article came by its text beside those of package readable, as they
// stand in [pipeline.Article.Method].
const (
	MethodItem    = "item"    // the item is the whole article
	MethodFeed    = "feed"    // the content that the feed carried
	MethodSummary = "summary" // the feed's summary: there was nothing better
)

// stage names this stage in problems.
const stage = "extract"

const (
	defaultPatience = 15 * time.Minute
	defaultMaxText  = 200 << 10
	defaultTimeout  = 20 * time.Second
	leastWait       = 20 * time.Second // before a page that is down is tried again
	mostWait        = 5 * time.Minute
)

// An Extractor is the stage from items to articles. It is safe for use by
// several goroutines.
type Extractor struct {
	log     *slog.Logger
	fetcher Fetcher
	tagger  Tagger
	known   Known
	cfg     Config
	metrics *metrics
	now     func() time.Time
	langs   langHistory
	// reading has a place for each page being read. Many pages are waited for
	// at once; a tree is a hundred times its page, so few are held.
	reading chan struct{}
	learner *Learner // nil: nothing is learned of hosts
	keeper  Keeper   // nil: pages are not kept
	sources atomic.Pointer[map[string]source]
	extract func([]byte, readable.Options) (readable.Page, error)
}

// New makes an extractor. A zero value in cfg stands for its default.
func New(lg *slog.Logger, reg prometheus.Registerer, fetcher Fetcher, tagger Tagger, known Known, cfg Config) *Extractor {
	if cfg.PatienceFor == 0 {
		cfg.PatienceFor = defaultPatience
	}
	if cfg.MaxText == 0 {
		cfg.MaxText = defaultMaxText
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = defaultTimeout
	}
	return &Extractor{
		log:     lg,
		fetcher: fetcher,
		tagger:  tagger,
		known:   known,
		cfg:     cfg,
		metrics: newMetrics(reg),
		now:     time.Now,
		reading: make(chan struct{}, runtime.GOMAXPROCS(0)),
		extract: readable.Extract,
	}
}

// Learn makes the extractor learn of the hosts whose pages it reads and leave
// out what recurs on them. It is called before the first Handle.
func (e *Extractor) Learn(l *Learner) { e.learner = l }

// KeepPages makes the extractor hand pages to k. It is called before the first
// Handle.
func (e *Extractor) KeepPages(k Keeper) { e.keeper = k }

// Handle makes the article of an item. It answers with one article, or with an
// error that is the item's fate: the fetcher's Later, a Later of its own while
// a page is down and the item young, or a failure to ask what is known. What is
// wrong with a page stands in the article's Problems.
func (e *Extractor) Handle(ctx context.Context, it pipeline.Item) ([]pipeline.Article, error) {
	start := e.now()
	a := e.listed(it)
	way, err := e.read(ctx, it, &a)
	if err != nil {
		return nil, err
	}
	e.finish(&a)
	if a.PublishedFrom == pipeline.DateFromPage && a.Published.Before(it.QuietBefore) {
		a.Quiet = true
	}
	e.metrics.total.WithLabelValues(way).Inc()
	e.metrics.duration.Observe(e.now().Sub(start).Seconds())
	return []pipeline.Article{a}, nil
}

// Reread makes the article of an item anew from its page as it was kept:
// whatever is known of it, quietly, and without asking anybody for anything. An
// error is of ctx.
func (e *Extractor) Reread(ctx context.Context, it pipeline.Item, page Raw) (pipeline.Article, error) {
	a := e.listed(it)
	a.Quiet, a.Reread = true, true
	if err := e.compose(ctx, it, &a, func(context.Context, pipeline.Item) (Raw, error) { return page, nil }); err != nil {
		return pipeline.Article{}, err
	}
	e.finish(&a)
	return a, nil
}

// listed is the article as the feed has it.
func (e *Extractor) listed(it pipeline.Item) pipeline.Article {
	a := pipeline.Article{
		Key:         it.Key,
		ItemContent: it.Digest(),
		URL:         cmp.Or(it.URL, it.Link),
		Title:       it.Title,
		Summary:     it.Summary,
		Author:      it.Author,
		Image:       it.Image,
		Lang:        it.Lang,
		Country:     it.Country,
		Source:      it.Source,
		Tags:        it.Tags,
		FirstSeen:   it.FirstSeen,
		Quiet:       it.Quiet,
	}
	if it.Feed != "" {
		a.Feeds = []string{it.Feed}
	}
	if a.FirstSeen.IsZero() {
		a.FirstSeen = e.now().UTC()
	}
	return a
}

// read finds the text and what goes with it, and says by which way for the
// metrics.
func (e *Extractor) read(ctx context.Context, it pipeline.Item, a *pipeline.Article) (way string, err error) {
	if it.Whole {
		a.Text, a.Method = e.feedText(it, a), MethodItem
		e.describe(a, it, readable.Page{})
		return a.Method, nil
	}
	old, ok, err := e.known(ctx, it.Key)
	if err != nil {
		return "", fmt.Errorf("look up article %s: %w", it.Key, err)
	}
	if ok && settled(old, *a) {
		e.reuse(a, it, old)
		return wayKnown, nil
	}
	if err := e.compose(ctx, it, a, e.fetch); err != nil {
		return "", err
	}
	return a.Method, nil
}

// fetch gets the page of an item, for the keeper as well.
func (e *Extractor) fetch(ctx context.Context, it pipeline.Item) (Raw, error) {
	raw, err := e.fetcher.Fetch(ctx, it)
	if err == nil && e.keeper != nil {
		e.keeper.Keep(it, raw)
	}
	return raw, err
}

// compose finds the text between what the feed gave and what the page says.
func (e *Extractor) compose(ctx context.Context, it pipeline.Item, a *pipeline.Article, get getPage) error {
	content := e.feedText(it, a)
	switch src := e.source(it.Source); {
	case it.URL == "" || !src.wantsPage(content, it.Summary):
		a.Text, a.Method = content, MethodFeed
		e.describe(a, it, readable.Page{})
	default:
		page, err := e.page(ctx, it, a, src.rules, cmp.Or(content, it.Summary), get)
		if err != nil {
			return err
		}
		a.Text, a.Method = page.Text, page.Method
		if page.Method != readable.MethodRules && fuller(content, page) {
			a.Text, a.Method = content, MethodFeed
		}
		e.describe(a, it, page)
	}
	if a.Text == "" {
		a.Text, a.Method = a.Summary, MethodSummary
	}
	if a.Text == "" {
		a.Method = readable.MethodNone
	}
	return nil
}

type getPage = func(context.Context, pipeline.Item) (Raw, error)

// page fetches and reads the page. What is wrong with it becomes a problem of
// the article and an empty page; an error is the item's fate.
func (e *Extractor) page(ctx context.Context, it pipeline.Item, a *pipeline.Article, rules *readable.Rules, feed string, get getPage) (readable.Page, error) {
	raw, err := get(ctx, it)
	if err != nil {
		return readable.Page{}, e.unfetched(ctx, it, a, err)
	}
	a.Fetched = raw.Fetched.UTC()
	page, err := e.readKnowing(ctx, raw.Body, readable.Options{
		URL:         cmp.Or(raw.URL, it.Link, it.URL),
		ContentType: raw.ContentType,
		Title:       it.Title,
		Published:   it.Published,
		Now:         e.now(),
		Feed:        feed,
		Rules:       rules,
		MaxBytes:    e.cfg.MaxPage,
		MaxNodes:    e.cfg.MaxNodes,
	})
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return readable.Page{}, err
	}
	for _, note := range page.Notes {
		e.problem(a, stage, note, "")
	}
	switch {
	case err == nil:
	case errors.Is(err, readable.ErrNotHTML):
		e.problem(a, stage, "not_html", err.Error())
	case errors.Is(err, readable.ErrTooDeep):
		e.problem(a, stage, "too_deep", err.Error())
	case errors.Is(err, errSlow):
		e.problem(a, stage, "timeout", err.Error())
		e.log.Error("page takes too long to read", "url", it.URL, "key", it.Key, "error", err)
	default:
		e.problem(a, stage, "panic", err.Error())
		e.log.Error("page broke the extraction", "url", it.URL, "key", it.Key, "error", err)
	}
	return page, nil
}

// unfetched decides over a page that could not be fetched: nil, with the
// problem noted, lets the article go on without it.
func (e *Extractor) unfetched(ctx context.Context, it pipeline.Item, a *pipeline.Article, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("fetch %s: %w", it.URL, err)
	}
	if _, ok := errors.AsType[*pipeline.LaterError](err); ok {
		return err
	}
	var page *PageError
	var permanent *pipeline.PermanentError
	switch {
	case errors.As(err, &page):
	case errors.As(err, &permanent):
		page = &PageError{Reason: permanent.Reason, Detail: permanent.Err.Error()}
	default:
		page = &PageError{Reason: failure(err), Detail: err.Error(), Temporary: true}
	}
	if page.Temporary {
		// Later, and not a plain error: failures that are counted would set
		// the item aside before its patience ends, for a page that is down.
		if age := e.now().Sub(it.FirstSeen); age < e.cfg.PatienceFor && age > -e.cfg.PatienceFor {
			return pipeline.Later(min(max(age, leastWait), mostWait), fmt.Errorf("fetch %s: %w", it.URL, err))
		}
	}
	e.problem(a, "fetch", page.Reason, page.Detail)
	return nil
}

// failure is a word for an error of the network.
func failure(err error) string {
	var dns *net.DNSError
	var timeout net.Error
	switch {
	case errors.As(err, &dns):
		return "dns"
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return "timeout"
	}
	return "unreachable"
}

func (e *Extractor) problem(a *pipeline.Article, stage, reason, detail string) {
	a.Problems = append(a.Problems, pipeline.Problem{Stage: stage, Reason: reason, Detail: detail, At: e.now().UTC()})
	e.metrics.problems.WithLabelValues(reason).Inc()
}

// feedText is the text that came with the item.
func (e *Extractor) feedText(it pipeline.Item, a *pipeline.Article) string {
	if it.Text != "" {
		return plain(it.Text)
	}
	text, err := readable.Text(it.HTML)
	if err != nil {
		e.problem(a, stage, "feed_content", err.Error())
	}
	if text == "" && it.Whole {
		text = plain(it.Summary)
	}
	return trimFooter(text)
}

// reuse makes the article of what is known of it; what is left for the item to
// add is its feed, and a date where there was none.
func (e *Extractor) reuse(a *pipeline.Article, it pipeline.Item, old pipeline.Article) {
	a.Title, a.Text, a.Summary = old.Title, old.Text, old.Summary
	a.Author, a.Image, a.Lang, a.Canonical = cmp.Or(old.Author, a.Author), cmp.Or(old.Image, a.Image), old.Lang, old.Canonical
	a.Method, a.Fetched, a.Modified, a.Problems = old.Method, old.Fetched, old.Modified, old.Problems
	a.Published, a.PublishedFrom = old.Published, old.PublishedFrom
	if old.PublishedFrom != pipeline.DateFromFeed {
		if t, from := e.published(it, readable.Page{}); from == pipeline.DateFromFeed {
			a.Published, a.PublishedFrom = t, from
		}
	}
}

// settled says whether nothing that the item says can change the article as
// published: it was taken up before, or it is the listing of another feed than
// the one that listed the article first, whose edits alone are taken.
func settled(old, a pipeline.Article) bool {
	if old.ItemContent == a.ItemContent || slices.Contains(old.Versions, a.ItemContent) {
		return true
	}
	return len(old.Feeds) > 0 && len(a.Feeds) > 0 && old.Feeds[0] != a.Feeds[0]
}

// describe chooses title, author, dates, language, picture and address between
// what the feed gave and what the page says.
func (e *Extractor) describe(a *pipeline.Article, it pipeline.Item, page readable.Page) {
	a.Title = chooseTitle(it, page)
	if a.Author == "" || strings.Contains(a.Author, "@") && page.Author != "" {
		a.Author = cmp.Or(page.Author, a.Author)
	}
	a.Summary = cmp.Or(a.Summary, page.Summary)
	a.Image = cmp.Or(a.Image, page.Image)
	a.Lang = Language(a.Title, cmp.Or(a.Text, a.Summary), page.Lang, it.Lang, e.langs.usual(it.Source))
	if utf8.RuneCountInString(a.Text) >= langEnough {
		e.langs.add(it.Source, a.Lang)
	}
	a.Modified = page.Modified.UTC()
	a.Published, a.PublishedFrom = e.published(it, page)
	if c, ok := pipeline.CanonicalURL(page.Canonical); ok && c != it.URL && sameSite(c, it.URL) {
		a.Canonical = c
	}
}

// published is when the article was published, never in the future.
func (e *Extractor) published(it pipeline.Item, page readable.Page) (time.Time, pipeline.DateSource) {
	past := func(t time.Time) bool { return t.Unix() > 0 && !t.After(e.now()) }
	switch {
	case past(it.Published) && it.PublishedFrom != pipeline.DateFromFirstSeen:
		return it.Published.UTC(), cmp.Or(it.PublishedFrom, pipeline.DateFromFeed)
	case past(page.Published):
		return page.Published.UTC(), pipeline.DateFromPage
	case past(it.FirstSeen):
		return it.FirstSeen.UTC(), pipeline.DateFromFirstSeen
	}
	return e.now().UTC(), pipeline.DateFromFirstSeen
}

// chooseTitle takes the feed's title unless there is none, it is an address or
// the source's name, or it is cut off and the page has the whole of it.
func chooseTitle(it pipeline.Item, page readable.Page) string {
	feed := plain(strings.Join(strings.Fields(it.Title), " "))
	if page.Title == "" {
		return feed
	}
	if feed == "" || strings.Contains(feed, "://") || strings.EqualFold(feed, it.Source) || strings.EqualFold(feed, page.Site) {
		return page.Title
	}
	for _, mark := range ellipses {
		head, cut := strings.CutSuffix(feed, mark)
		if head = strings.TrimSpace(head); cut && len(page.Title) > len(head) && strings.HasPrefix(strings.ToLower(page.Title), strings.ToLower(head)) {
			return page.Title
		}
	}
	return feed
}

func sameSite(a, b string) bool { return site(a) != "" && site(a) == site(b) }

func site(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return ""
	}
	if domain, err := publicsuffix.EffectiveTLDPlusOne(u.Hostname()); err == nil {
		return domain
	}
	return u.Host
}

// finish bounds the text, tags it and fixes what it is.
func (e *Extractor) finish(a *pipeline.Article) {
	a.Title = cut(plain(a.Title), maxTitle)
	a.Text = cut(plain(a.Text), e.cfg.MaxText)
	// The version first: if the entities change between the two calls, the
	// article says the older one and is tagged again, never the reverse.
	a.Catalog = e.tagger.Version()
	a.Mentions = slices.Clone(e.tagger.Tag(a.Title, a.Text, a.Lang))
	pipeline.SortMentions(a.Mentions)
	a.Content = pipeline.Digest8(a.Title, a.Text)
	a.Extracted = e.now().UTC()
}

// maxTitle is the most bytes of a title that are kept.
const maxTitle = 2 << 10

// plain is s as valid UTF-8 without the control characters that no text has.
func plain(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	s = strings.Map(func(r rune) rune {
		if r < 0x20 && r != '\n' && r != '\t' || r == 0x7f {
			return -1
		}
		return r
	}, s)
	return strings.TrimSpace(s)
}

// cut is the first n bytes of s at most, whole characters.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return strings.TrimSpace(s[:n])
}
