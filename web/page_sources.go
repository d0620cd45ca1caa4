package web

import (
	"cmp"
	"context"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/newswatch/newswatch/pipeline/catalog"
)

// sourcesShown is how many sources a page lists.
const sourcesShown = 100

// States of our own: of a source without feeds, of a feed nobody tells of, of a
// source whose pages give far less text than they used to.
const (
	noFeeds     = "no feeds"
	unknownFeed = "unknown"
	collapsed   = "collapsed"
)

type sourcesPage struct {
	chrome
	Filter  sourceFilter
	States  []option
	Langs   []option
	Country []option
	Tags    []option
	Known   bool   // how the feeds do is known
	Total   string // "60 sources"
	Feeds   []fact // feeds by state, of the sources found
	Rows    []sourceRow
	Where   string // "101–200 of 1,234", empty on a single page
	Prev    string
	Next    string
	Clear   string // without filters; empty: there are none
}

type sourceRow struct {
	Name, URL     string
	Lang, Country string
	Tags          []linkView
	Feeds         []feedCount
	Trouble       string // what is wrong with the worst of its feeds
	LastOK        moment
}

// A foundSource is a source that is asked for, with what it is sorted by. Only
// those of the page shown become rows.
type foundSource struct {
	src    *catalog.Source
	feeds  []FeedStatus // the worst first
	thin   string       // why its pages give little text; empty: they don't
	counts map[string]int
	rank   int
	name   string // lower case
}

type feedCount struct {
	State, Count string
	URL          string // where more is said; empty: on the source's page
	Bad          bool
}

// sourceFilter is what sources are asked for, all of which is in the address.
type sourceFilter struct{ State, Lang, Country, Tag, Text string }

func readSourceFilter(v url.Values) sourceFilter {
	return sourceFilter{
		State: v.Get("state"), Lang: v.Get("lang"), Country: v.Get("country"), Tag: v.Get("tag"),
		Text: strings.TrimSpace(v.Get("q")),
	}
}

// url is the address of a page of what the filter leaves.
func (f sourceFilter) url(page int) string {
	v := url.Values{}
	for _, p := range [][2]string{{"state", f.State}, {"lang", f.Lang}, {"country", f.Country}, {"tag", f.Tag}, {"q", f.Text}} {
		if p[1] != "" {
			v.Set(p[0], p[1])
		}
	}
	if page > 1 {
		v.Set("page", strconv.Itoa(page))
	}
	if len(v) == 0 {
		return "/sources"
	}
	return "/sources?" + v.Encode()
}

// admits says whether the source, whose feeds are in the states, is asked for.
func (f sourceFilter) admits(src *catalog.Source, states map[string]int) bool {
	switch {
	case f.State != "" && states[f.State] == 0,
		f.Lang != "" && !strings.EqualFold(f.Lang, src.Lang),
		f.Country != "" && !strings.EqualFold(f.Country, src.Country),
		f.Tag != "" && !slices.ContainsFunc(src.Tags, func(t string) bool { return strings.EqualFold(t, f.Tag) }):
		return false
	}
	if f.Text == "" {
		return true
	}
	want := strings.ToLower(f.Text)
	has := func(s string) bool { return strings.Contains(strings.ToLower(s), want) }
	return has(src.Name) || has(src.ID) || has(src.Home) ||
		slices.ContainsFunc(src.Feeds, func(fd catalog.Feed) bool { return has(fd.URL) })
}

// stateOrder is the states, what needs a look in front. Those not named come
// with the unknown ones.
var stateOrder = []string{FeedFailing, FeedBlocked, FeedGone, collapsed, FeedQuiet, unknownFeed, FeedHeld, FeedNew, FeedOK, noFeeds}

func stateRank(state string) int {
	if i := slices.Index(stateOrder, state); i >= 0 {
		return i
	}
	return slices.Index(stateOrder, unknownFeed)
}

// badState says whether a state wants something done.
func badState(state string) bool { return stateRank(state) < stateRank(unknownFeed) }

func (s *Server) sourcesPage(w http.ResponseWriter, r *http.Request) {
	if s.deps.Catalog == nil {
		s.failWith(w, r, "Sources", notHere("Sources"))
		return
	}
	at := 1
	if p := r.URL.Query().Get("page"); p != "" {
		n, err := strconv.Atoi(p)
		if err != nil || n < 1 {
			s.failPage(w, r, http.StatusBadRequest, "There is no page “"+p+"” of the sources.")
			return
		}
		at = n
	}
	health, known := s.feedHealth(r, "")
	page := s.sourcesView(s.deps.Catalog.Snapshot(), readSourceFilter(r.URL.Query()), health, s.collapsedPages(r.Context()), at)
	page.Known = known
	if len(page.Rows) == 0 && at > 1 {
		s.failPage(w, r, http.StatusNotFound, "There is no page "+strconv.Itoa(at)+" of these sources.")
		return
	}
	s.render(w, http.StatusOK, "sources", page)
}

// feedHealth is the state of the feeds of a source, or of all, by source. It
// answers false where nobody knows: pages then show what the catalog says.
func (s *Server) feedHealth(r *http.Request, source string) (map[string][]FeedStatus, bool) {
	if s.deps.Feeds == nil {
		return nil, false
	}
	all, err := s.deps.Feeds.Feeds(r.Context(), source)
	if err != nil {
		s.lg.Warn("state of the feeds", "error", err)
		return nil, false
	}
	of := make(map[string][]FeedStatus)
	for from, to := 0, 0; from < len(all); from = to { // they come source by source
		for to = from; to < len(all) && all[to].Source == all[from].Source; to++ {
		}
		of[all[from].Source] = all[from:to:to]
	}
	return of, true
}

// collapsedPages is why the pages of sources give little text, of those that
// do. Where nobody knows none is marked.
func (s *Server) collapsedPages(ctx context.Context) map[string]string {
	if s.deps.Yields == nil {
		return nil
	}
	thin, err := s.deps.Yields.Collapsed(ctx)
	if err != nil {
		s.lg.Warn("sources whose pages give little", "error", err)
		return nil
	}
	return thin
}

// statesOf counts the source's feeds by their state, and a source without any,
// or with thin pages, as one in a state of its own.
func statesOf(of []FeedStatus, thin string) map[string]int {
	counts := make(map[string]int)
	for _, fd := range of {
		counts[fd.State]++
	}
	if len(of) == 0 {
		counts[noFeeds] = 1
	}
	if thin != "" {
		counts[collapsed] = 1
	}
	return counts
}

func (s *Server) sourcesView(c *catalog.Catalog, f sourceFilter, health map[string][]FeedStatus, thin map[string]string, at int) sourcesPage {
	page := sourcesPage{chrome: s.chrome("sources", "Sources"), Filter: f}
	langs, countries, tags := map[string]bool{}, map[string]bool{}, map[string]bool{}
	found := map[string]int{} // feeds by state
	states := map[string]bool{FeedFailing: true, FeedQuiet: true, FeedOK: true, FeedNew: true}
	var all []foundSource
	for i := range c.Sources {
		src := &c.Sources[i]
		langs[src.Lang], countries[src.Country] = true, true
		for _, t := range src.Tags {
			tags[t] = true
		}
		of := feedsOf(src, health[src.ID])
		counts := statesOf(of, thin[src.ID])
		one := foundSource{src, of, thin[src.ID], counts, stateRank(noFeeds), strings.ToLower(cmp.Or(src.Name, src.ID))}
		for state := range counts {
			states[state] = true
			one.rank = min(one.rank, stateRank(state))
		}
		if !f.admits(src, counts) {
			continue
		}
		for state, n := range counts {
			if state != noFeeds && state != collapsed {
				found[state] += n
			}
		}
		all = append(all, one)
	}
	slices.SortStableFunc(all, func(a, b foundSource) int {
		return cmp.Or(a.rank-b.rank, strings.Compare(a.name, b.name))
	})
	page.Total = count(len(all), "source", "sources")
	for _, state := range byRank(maps.Keys(found)) {
		page.Feeds = append(page.Feeds, fact{state, number(found[state])})
	}
	from := len(all)
	if at <= len(all)/sourcesShown+1 {
		from = min((at-1)*sourcesShown, len(all))
	}
	to := min(from+sourcesShown, len(all))
	if len(all) > sourcesShown {
		page.Where = number(from+1) + "–" + number(to) + " of " + number(len(all))
	}
	for _, one := range all[from:to] {
		page.Rows = append(page.Rows, s.sourceRow(one, f))
	}
	if to < len(all) {
		page.Next = f.url(at + 1)
	}
	if at > 1 {
		page.Prev = f.url(at - 1)
	}
	if f != (sourceFilter{}) {
		page.Clear = "/sources"
	}
	page.States = choices(f.State, byRank(maps.Keys(states)), func(v string) string {
		if v == collapsed {
			return "pages collapsed"
		}
		return v
	})
	page.Langs = choices(f.Lang, slices.Sorted(maps.Keys(langs)), langName)
	page.Country = choices(f.Country, slices.Sorted(maps.Keys(countries)), countryName)
	page.Tags = choices(f.Tag, slices.Sorted(maps.Keys(tags)), func(v string) string { return v })
	return page
}

// feedsOf is the feeds the source has by the catalog, each with its state where
// that is known, the worst first.
func feedsOf(src *catalog.Source, health []FeedStatus) []FeedStatus {
	known := make(map[string]int, len(health)) // places in health
	for i := range health {
		known[health[i].URL] = i
	}
	out := make([]FeedStatus, len(src.Feeds))
	for i, fd := range src.Feeds {
		if at, ok := known[fd.URL]; ok {
			out[i] = health[at]
		} else {
			out[i] = FeedStatus{Source: src.ID, URL: fd.URL, State: unknownFeed}
		}
	}
	slices.SortStableFunc(out, func(a, b FeedStatus) int { return stateRank(a.State) - stateRank(b.State) })
	return out
}

func (s *Server) sourceRow(one foundSource, f sourceFilter) sourceRow {
	src, of, counts := one.src, one.feeds, one.counts
	row := sourceRow{Name: cmp.Or(src.Name, src.ID), URL: sourceURL(src.ID)}
	if src.Lang != "" {
		row.Lang = langName(src.Lang)
	}
	if src.Country != "" {
		row.Country = countryName(src.Country)
	}
	for _, t := range src.Tags {
		tagged := f
		tagged.Tag = t
		row.Tags = append(row.Tags, linkView{Label: t, URL: tagged.url(1)})
	}
	for _, state := range byRank(maps.Keys(counts)) {
		c := feedCount{State: state, Count: number(counts[state]), Bad: badState(state)}
		if state == noFeeds {
			c.Count = ""
		}
		if state == collapsed {
			c.Count, c.State, c.URL = "", "pages collapsed", row.URL+"#pages"
		}
		row.Feeds = append(row.Feeds, c)
	}
	var last FeedStatus
	for _, fd := range of {
		if fd.LastOK.After(last.LastOK) {
			last = fd
		}
	}
	row.LastOK = s.moment(last.LastOK)
	if last.LastOK.IsZero() && len(of) > 0 && of[0].State != unknownFeed {
		row.LastOK.Age = "never"
	}
	row.Trouble = one.thin
	if len(of) > 0 && badState(of[0].State) && (one.thin == "" || stateRank(of[0].State) < stateRank(collapsed)) {
		row.Trouble = why(of[0])
	}
	return row
}

// byRank is the states, what needs a look first.
func byRank(states func(func(string) bool)) []string {
	return slices.SortedFunc(states, func(a, b string) int {
		return cmp.Or(stateRank(a)-stateRank(b), strings.Compare(a, b))
	})
}

// choices are the values of a select, with "any" in front. One that is asked
// for and not there is offered all the same: the page shows what it was asked.
func choices(selected string, values []string, label func(string) string) []option {
	out := []option{{Label: "any", Selected: selected == ""}}
	if selected != "" && !slices.ContainsFunc(values, func(v string) bool { return strings.EqualFold(v, selected) }) {
		values = append(slices.Clone(values), selected)
	}
	for _, v := range values {
		if v != "" {
			out = append(out, option{Value: v, Label: label(v), Selected: strings.EqualFold(v, selected)})
		}
	}
	return out
}

// sourceURL is the page of a source.
func sourceURL(id string) string { return "/sources/" + url.PathEscape(id) }
