package alerts

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/newswatch/newswatch/index/query"
	"github.com/newswatch/newswatch/pipeline"
	"github.com/newswatch/newswatch/pipeline/catalog"
)

// CheckQuery says what is wrong with the query of a watch of the kind; nil:
// nothing. The error is a *pipeline.QueryError.
func CheckQuery(kind, q string, now time.Time) error {
	if kind == catalog.WatchSilence {
		_, err := sourceQuery(q, now)
		return err
	}
	_, err := query.Parse(q, now)
	return err
}

// sourceFields are what a watch of kind silence may ask. A feed that lists
// nothing has no text.
var sourceFields = []string{query.FieldSource, query.FieldLang, query.FieldCountry, query.FieldTag, query.FieldSite}

// sourceQuery reads a query that selects sources; an empty one is all of them.
func sourceQuery(q string, now time.Time) (*query.Query, error) {
	if strings.TrimSpace(q) == "" {
		q = "*"
	}
	parsed, err := query.Parse(q, now)
	if err != nil {
		return nil, err
	}
	var wrong query.Node
	query.Walk(parsed.Root, func(n query.Node) bool {
		switch n := n.(type) {
		case *query.And, *query.Or, *query.Not, *query.All:
			return true
		case *query.Keyword:
			if slices.Contains(sourceFields, n.Field) {
				return true
			}
		}
		if wrong == nil {
			wrong = n
		}
		return false
	})
	if wrong != nil {
		at := wrong.At()
		return nil, &pipeline.QueryError{Query: q, Pos: at.Pos, Msg: fmt.Sprintf(
			"%s is asked of articles, and a watch of kind silence asks which sources; expected source:, lang:, country:, tag:, site: or * for all", at.Raw)}
	}
	return parsed, nil
}

// asArticle is the source in the form queries are tried on. Its site is that of
// its home page, or of the feed where it names none.
func asArticle(src *catalog.Source, feed string) *pipeline.Article {
	return &pipeline.Article{
		Source: src.ID, Lang: src.Lang, Country: src.Country, Tags: src.Tags, URL: cmp.Or(src.Home, feed),
	}
}

// Silence is the alerts that the event raises: one for each watch of kind
// silence that the event's source is selected by, or, where no feed can be
// asked, for each. A spell alerts once: its alerts have the same ids however
// often it is told of, and of feeds that fail together whichever of them is told
// of. The end of a spell raises none, nor does a feed whose source the catalog no
// longer has.
//
// The error joins those of watches that can't be evaluated; the others' alerts
// are answered with it.
func Silence(c *catalog.Catalog, ev pipeline.FeedEvent, now time.Time) ([]pipeline.Alert, error) {
	src := c.Source(ev.Source)
	if !ev.Begins() {
		return nil, nil
	}
	selects := func(watch) bool { return true }
	if ev.Kind != pipeline.FeedOffline {
		if src == nil {
			return nil, nil
		}
		doc := query.NewDoc(asArticle(src, ev.Feed))
		doc.Now = now
		selects = func(w watch) bool { _, ok := w.query.Match(doc); return ok }
	}
	var out []pipeline.Alert
	var errs []error
	for _, def := range c.Watches {
		if def.Kind != catalog.WatchSilence {
			continue
		}
		w, err := compileSilence(def, now)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if selects(w) {
			out = append(out, silenceAlert(w, src, ev, now.UTC()))
		}
	}
	return out, errors.Join(errs...)
}

func compileSilence(w catalog.Watch, now time.Time) (watch, error) {
	q, err := sourceQuery(w.Query, now)
	if err != nil {
		return watch{}, fmt.Errorf("watch %s: %w", w.ID, err)
	}
	quiet, err := newQuiet(w.Quiet)
	if err != nil {
		return watch{}, fmt.Errorf("watch %s: %w", w.ID, err)
	}
	w.Group = groupFeed
	return watch{w, q, quiet}, nil
}

// groupFeed is what a watch of kind silence alerts once for: a spell of a feed
// or of a source's pages.
const groupFeed = "feed"

func silenceAlert(w watch, src *catalog.Source, ev pipeline.FeedEvent, now time.Time) pipeline.Alert {
	g := group{kind: groupFeed, what: []string{ev.About(), ev.Kind, strconv.FormatInt(ev.Since.Unix(), 10)}}
	if ev.Spell != "" {
		g.what = []string{ev.Spell, ev.Kind}
	}
	a := newAlert(w, g, now)
	a.Kind, a.Feed = catalog.WatchSilence, &ev
	field := "feed"
	if ev.Feed == "" {
		field = "source"
	}
	a.Receipt.Spans = []pipeline.Span{{Field: field, End: len(ev.About()), Text: ev.About(), Term: w.query.Text}}
	a.Receipt.Sentence = silenceSentence(src, ev)
	return a
}

// silenceSentence tells the event in a sentence.
func silenceSentence(src *catalog.Source, ev pipeline.FeedEvent) string {
	what := "a feed has gone quiet"
	switch {
	case ev.Kind == pipeline.FeedOffline:
		return fmt.Sprintf("No feed can be asked since %s: %s", ev.Since.UTC().Format("2 Jan 2006 15:04 UTC"), ev.Reason)
	case ev.Kind == pipeline.FeedFailing && ev.Feeds > 1:
		what = fmt.Sprintf("%d feeds of %s fail", ev.Feeds, ev.Host)
	case ev.Kind == pipeline.FeedFailing:
		what = "a feed fails"
	case ev.Kind == pipeline.PagesCollapsed:
		what = "the pages give little text"
	}
	s := fmt.Sprintf("%s: %s since %s", cmp.Or(src.Name, src.ID), what, ev.Since.UTC().Format("2 Jan 2006 15:04 UTC"))
	if ev.Reason != "" {
		s += ": " + ev.Reason
	}
	return s
}
