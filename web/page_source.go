package web

import (
	"cmp"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/newswatch/newswatch/pipeline"
	"github.com/newswatch/newswatch/pipeline/catalog"
)

// latestShown is how many articles a source's page lists.
const latestShown = 10

type sourcePage struct {
	chrome
	Name, ID      string
	Lang          string // code, for the name
	Home          string
	About         []fact
	Tags          []linkView
	Known         bool // how the feeds do is known
	Feeds         []feedView
	Pages         *pagesView // nil: no page of it was read
	Searched      bool       // the articles were asked for
	Latest        []hitView
	All           string // search for all its articles
	JSON, Catalog string // addresses of the API
}

// feedView is a feed as its source's page shows it.
type feedView struct {
	URL, Outside string
	Title        string
	State        string
	Bad          bool
	Why          string
	Facts        []feedFact
	Repairs      []string
	MovedTo      *linkView
	MovedUsed    bool
	Suggestions  []linkView
}

// pagesView is how much the source's pages give, as its page shows it.
type pagesView struct {
	Bad   bool
	Why   string
	Facts []feedFact
}

// A feedFact is one line about a feed or about pages: a moment or words.
type feedFact struct {
	Name, Value string
	At          *moment
}

func (s *Server) sourcePage(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	if s.deps.Catalog == nil {
		s.failWith(w, r, "Sources", notHere("Sources"))
		return
	}
	src := s.deps.Catalog.Snapshot().Source(id)
	if src == nil {
		s.failWith(w, r, "Source "+id, pipeline.ErrNotFound)
		return
	}
	page := s.sourceView(src)
	var health map[string][]FeedStatus
	health, page.Known = s.feedHealth(r, id)
	for _, f := range feedsOf(src, health[id]) {
		page.Feeds = append(page.Feeds, s.feedView(f))
	}
	page.Pages = s.pagesView(r, id)
	page.Latest, page.Searched = s.latest(r, id)
	s.render(w, http.StatusOK, "source", page)
}

func (s *Server) sourceView(src *catalog.Source) sourcePage {
	name := cmp.Or(src.Name, src.ID)
	p := sourcePage{
		chrome: s.chrome("sources", name), Name: name, ID: src.ID, Lang: src.Lang, Home: outside(src.Home),
		All:     searchState{Query: term("source", src.ID), Collapse: "none"}.url(),
		JSON:    apiPrefix + sourceURL(src.ID) + "/feeds",
		Catalog: apiPrefix + sourceURL(src.ID),
	}
	add := func(name, value string) {
		if value != "" {
			p.About = append(p.About, fact{name, value})
		}
	}
	if src.Country != "" {
		add("Country", countryName(src.Country))
	}
	if src.Lang != "" {
		add("Language", langName(src.Lang))
	}
	if src.Gap > 0 {
		add("Between requests", lapse(time.Duration(src.Gap)))
	}
	if src.AtOnce > 0 {
		add("Requests at once", number(src.AtOnce))
	}
	if src.AllowPrivate {
		add("Private network", "allowed")
	}
	if src.HTTP1 {
		add("HTTP/2", "not used")
	}
	add("Asked as", src.UserAgent)
	add("Through", src.Proxy)
	add("Managed by", src.ManagedBy)
	add("Id", src.ID)
	for _, t := range src.Tags {
		p.Tags = append(p.Tags, linkView{Label: t, URL: sourceFilter{Tag: t}.url(1)})
	}
	return p
}

// pagesView is nil where no page was read, or nobody knows.
func (s *Server) pagesView(r *http.Request, id string) *pagesView {
	if s.deps.Yields == nil {
		return nil
	}
	y, err := s.deps.Yields.Yield(r.Context(), id)
	if err != nil {
		s.lg.Warn("pages of a source", "source", id, "error", err)
		return nil
	}
	if y.Recent.Pages == 0 {
		return nil
	}
	v := &pagesView{Bad: y.Collapsed, Why: y.Reason}
	at := func(name string, t time.Time) {
		if !t.IsZero() {
			m := s.moment(t)
			v.Facts = append(v.Facts, feedFact{Name: name, At: &m})
		}
	}
	say := func(name string, of YieldStats) {
		if of.Pages > 0 {
			v.Facts = append(v.Facts, feedFact{Name: name + " " + number(of.Pages), Value: number(of.Median) + " letters of text in the median, " +
				number(of.Poor) + " gave little or none"})
		}
	}
	at("Since", y.Since)
	at("Last good page", y.LastGood)
	say("Last", y.Recent)
	say("Before that,", y.Past)
	return v
}

// latest is the source's newest articles; false: nobody could be asked.
func (s *Server) latest(r *http.Request, id string) ([]hitView, bool) {
	if s.deps.Searcher == nil {
		return nil, false
	}
	st := searchState{Query: term("source", id)}
	res, err := s.deps.Searcher.Search(r.Context(), pipeline.SearchRequest{
		Query: st.Query, Sort: pipeline.SortNewest, Limit: latestShown, Collapse: "none",
	})
	if err != nil {
		s.lg.Warn("articles of a source", "source", id, "error", err)
		return nil, false
	}
	n, now := s.names(), s.now()
	var hits []hitView
	for _, h := range res.Hits {
		hits = append(hits, s.hit(h, st, n, now))
	}
	return hits, true
}

func (s *Server) feedView(f FeedStatus) feedView {
	v := feedView{
		URL: f.URL, Outside: outside(f.URL), Title: strings.TrimSpace(f.Title), State: f.State, Bad: badState(f.State),
		Why: why(f), Repairs: f.Repairs,
	}
	if f.State == unknownFeed {
		return v
	}
	at := func(name string, t time.Time, never string) {
		m := s.moment(t)
		if t.IsZero() {
			m.Age = never
		}
		v.Facts = append(v.Facts, feedFact{Name: name, At: &m})
	}
	say := func(name, value string) {
		if value != "" {
			v.Facts = append(v.Facts, feedFact{Name: name, Value: value})
		}
	}
	at("Last good answer", f.LastOK, "never")
	at("Last poll", f.LastPoll, "never")
	if f.Status > 0 {
		say("Answered", strings.TrimSpace(strconv.Itoa(f.Status)+" "+http.StatusText(f.Status)))
	}
	if !f.Since.IsZero() {
		at("Trouble since", f.Since, "")
	}
	if f.Error != f.Reason {
		say("Error", f.Error)
	}
	if f.Failures > 0 {
		say("Failures", number(f.Failures))
	}
	next := s.moment(f.NextDue)
	if d := f.NextDue.Sub(s.now()); !f.NextDue.IsZero() && d > 0 {
		next.Age = "in " + about(d)
	} else if !f.NextDue.IsZero() {
		next.Age = "due"
	}
	v.Facts = append(v.Facts, feedFact{Name: "Next poll", At: &next})
	if f.IntervalS > 0 {
		say("Every", about(time.Duration(f.IntervalS)*time.Second))
	}
	if !f.LastOK.IsZero() {
		at("Newest item", f.Newest, "none dated")
		say("Items", number(f.Listed)+" listed, "+number(f.Items)+" taken in so far")
	}
	if f.UsualS > 0 {
		say("Usual gap", "at most "+about(time.Duration(f.UsualS)*time.Second)+" between items")
	}
	if f.Matching {
		say("Pace", "asked more often, for it has mentioned what is tracked")
	}
	say("Format", f.Format)
	if !f.KeptAt.IsZero() {
		at("Unreadable body", f.KeptAt, "")
		say("Look at it", "newswatch feeds check --kept '"+strings.ReplaceAll(f.URL, "'", "%27")+"'") // for a shell
	}
	if f.MovedTo != "" {
		v.MovedUsed = f.MovedUsed
		v.MovedTo = &linkView{Label: f.MovedTo, URL: outside(f.MovedTo)}
	}
	for _, sg := range f.Suggestions {
		v.Suggestions = append(v.Suggestions, linkView{Label: sg, URL: outside(sg)})
	}
	return v
}

// why is what is wrong with a feed, in words; empty: nothing.
func why(f FeedStatus) string {
	if f.Reason == "" && f.State == FeedNew {
		return "not polled yet"
	}
	return f.Reason
}

// about is a duration to the unit that fits.
func about(d time.Duration) string {
	switch {
	case d < 2*time.Minute:
		return strconv.Itoa(int(d.Round(time.Second)/time.Second)) + " s"
	case d < 2*time.Hour:
		return strconv.Itoa(int(d.Round(time.Minute)/time.Minute)) + " min"
	case d < 48*time.Hour:
		return strconv.Itoa(int(d.Round(time.Hour)/time.Hour)) + " h"
	default:
		return strconv.Itoa(int(d.Round(24*time.Hour)/(24*time.Hour))) + " days"
	}
}
