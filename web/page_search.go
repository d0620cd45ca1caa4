package web

import (
	"cmp"
	"errors"
	"html/template"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/newswatch/newswatch/index/query"
	"github.com/newswatch/newswatch/pipeline"
)

const (
	pageHits   = 20
	openValues = 7 // of a facet; the rest is folded away
)

// pageFacets are what the search page counts by, in the order shown.
var pageFacets = []struct{ field, title string }{
	{"source", "Sources"}, {"entity", "Entities"}, {"lang", "Languages"}, {"country", "Countries"}, {"tag", "Tags"},
}

type searchPage struct {
	chrome
	State    searchState
	Switches []switchView // order, folding
	Problem  string       // what is wrong, in words
	Where    *queryPlace
	Partial  bool // something could not be searched
	Warnings []string
	Hints    []hintView
	Absent   []absentView // when nothing was found
	Filters  []filterView // that are on
	Asked    bool         // a query or a range was given
	Total    string       // "1,234 articles", "at most 1,234 articles"
	Took     string
	Timeline *timelineView
	Facets   []facetView
	Hits     []hitView
	Next     string
	Outs     []linkView // the hits in other forms
	Newest   string     // first page, when on a later one
	FirstDay *firstDay
	AnyWord  string       // the articles with any of the words, when few have all
	Wider    []filterView // what to leave out when nothing was found
	Examples []example
}

type option struct {
	Value, Label string
	Selected     bool
}

// A switchView is a choice of which one is on, each a link.
type switchView struct {
	Label   string
	Name    string
	Choices []choiceView
}

type choiceView struct {
	Label, URL string
	On         bool
}

// queryPlace is a query taken apart where it went wrong.
type queryPlace struct{ Before, At, After string }

type filterView struct{ Label, URL, Count string }

type facetView struct {
	Title string
	Field string
	Open  []facetValue
	More  []facetValue
}

type facetValue struct {
	Label, Count string
	URL          string // adds the term, or removes it where On
	On           bool
}

type hitView struct {
	URL, Original     string
	Title             string
	Snippet           template.HTML
	Source, SourceURL string
	Lang, LangName    string
	Published         moment
	Entities          []linkView
	Copies, CopiesURL string
	Untitled          bool
}

type linkView struct{ Label, URL string }

type example struct{ Query, Says, URL string }

// firstDay is what is going on while nothing is indexed yet.
type firstDay struct {
	Known   bool // the rest is known
	Total   string
	Polled  string
	Failing string
	Waiting []waiting
	Done    string
}

type waiting struct{ Stage, Count string }

func (s *Server) searchPage(w http.ResponseWriter, r *http.Request) {
	st := readState(r.URL.Query())
	page := searchPage{chrome: s.chrome("search", cmp.Or(st.Query, "Newest articles")), State: st}
	page.Asked = st.Query != "" || st.From != "" || st.To != ""
	page.Switches = switches(st)
	page.Examples = examples()

	req, problem := st.request()
	if s.deps.Searcher == nil {
		problem = notHere("Search")
	}
	if problem != nil {
		page.Problem = problemText(problem)
		s.render(w, problem.Status, "search", page)
		return
	}
	if st.isShort(s.now()) {
		req.Interval = "hour"
	}
	res, err := s.deps.Searcher.Search(r.Context(), req)
	if err != nil {
		p := s.problemOf(r.Context(), "Search", err)
		page.Problem = p.Detail
		var qe *pipeline.QueryError
		if errors.As(err, &qe) {
			page.Where = placeOf(st.Query, qe.Pos)
		}
		s.render(w, p.Status, "search", page)
		return
	}
	s.fillResults(&page, res)
	page.Hints = hintsOf(st, res.Hints)
	if len(res.Hits) == 0 && st.Cursor == "" {
		s.fillEmpty(&page, r, res.Nothing)
	}
	s.render(w, http.StatusOK, "search", page)
}

// switches are the choices beside the query.
func switches(st searchState) []switchView {
	order := switchView{Label: "Order", Name: "sort"}
	for _, o := range [][2]string{
		{pipeline.SortNewest, "newest"}, {pipeline.SortOldest, "oldest"}, {pipeline.SortRelevance, "best match"},
	} {
		to := st
		to.Sort, to.Cursor = o[0], ""
		order.Choices = append(order.Choices, choiceView{o[1], to.url(), o[0] == cmp.Or(st.Sort, pipeline.SortNewest)})
	}
	fold := switchView{Label: "Show", Name: "collapse"}
	for _, o := range [][2]string{{"none", "all"}, {"copies", "no copies"}, {"stories", "stories"}} {
		to := st
		to.Collapse, to.Cursor = o[0], ""
		fold.Choices = append(fold.Choices, choiceView{o[1], to.url(), o[0] == cmp.Or(st.Collapse, "copies")})
	}
	return []switchView{order, fold}
}

// request is what the state asks of the index.
func (st searchState) request() (pipeline.SearchRequest, *problem) {
	req := pipeline.SearchRequest{
		Query: st.Query, Sort: cmp.Or(st.Sort, pipeline.SortNewest), Limit: pageHits, Cursor: st.Cursor,
		Collapse: cmp.Or(st.Collapse, "copies"), Timeline: true,
	}
	for _, f := range pageFacets {
		req.Facets = append(req.Facets, f.field)
	}
	switch req.Sort {
	case pipeline.SortNewest, pipeline.SortOldest, pipeline.SortRelevance:
	default:
		return req, newProblem(http.StatusBadRequest, "There is no order "+req.Sort+".")
	}
	switch req.Collapse {
	case "none", "copies", "stories":
	default:
		return req, newProblem(http.StatusBadRequest, "There is no folding "+req.Collapse+".")
	}
	var err error
	if req.From, err = parseWhen(st.From); err != nil {
		return req, badTime("from", st.From)
	}
	if req.To, err = parseWhen(st.To); err != nil {
		return req, badTime("to", st.To)
	}
	return req, nil
}

// hourly is the longest span of time whose articles are counted by hours.
const hourly = 3 * 24 * time.Hour

// isShort reports whether the range, and what the query itself says of times,
// leave so little time that its hours can be shown.
func (st searchState) isShort(now time.Time) bool {
	from, _ := parseWhen(st.From)
	to, err := parseWhen(st.To)
	if err != nil || to.IsZero() {
		to = now
	}
	if q, err := query.Parse(st.Query, now); err == nil {
		for _, n := range conjuncts(q) {
			t, ok := n.(*query.Time)
			if !ok {
				continue
			}
			if t.After.After(from) {
				from = t.After
			}
			if !t.Before.IsZero() && t.Before.Before(to) {
				to = t.Before
			}
		}
	}
	return !from.IsZero() && to.Sub(from) <= hourly
}

func problemText(p *problem) string {
	if len(p.Errors) > 0 {
		return p.Errors[0].Location + ": " + p.Errors[0].Message
	}
	return p.Detail
}

// placeOf cuts the query at the byte where it went wrong; the word or the sign
// there, if any, stands by itself.
func placeOf(q string, pos int) *queryPlace {
	pos = min(max(pos, 0), len(q))
	for pos > 0 && pos < len(q) && !utf8.RuneStart(q[pos]) {
		pos--
	}
	r, n := utf8.DecodeRuneInString(q[pos:])
	if unicode.IsLetter(r) || unicode.IsDigit(r) {
		if n = strings.IndexFunc(q[pos:], func(r rune) bool { return unicode.IsSpace(r) || strings.ContainsRune(`()"`, r) }); n < 0 {
			n = len(q) - pos
		}
	}
	return &queryPlace{Before: q[:pos], At: q[pos : pos+n], After: q[pos+n:]}
}

func options(selected string, all [][2]string) []option {
	out := make([]option, len(all))
	for i, o := range all {
		out[i] = option{Value: o[0], Label: o[1], Selected: o[0] == selected}
	}
	return out
}

func (s *Server) fillResults(page *searchPage, res pipeline.SearchResult) {
	n, now := s.names(), s.now()
	st := page.State
	groups := [2]string{"article", "articles"}
	if st.Collapse == "stories" {
		groups = [2]string{"story", "stories"}
	}
	page.Total = count(res.Total, groups[0], groups[1])
	for _, w := range res.Warnings {
		why, partial := strings.CutPrefix(w, "partial: ")
		page.Partial = page.Partial || partial
		page.Warnings = append(page.Warnings, why)
	}
	switch {
	case page.Partial:
		page.Total = "at least " + page.Total
	case !res.TotalExact:
		page.Total = "at most " + page.Total
	}
	page.Took = lapse(time.Duration(res.TookMS) * time.Millisecond)
	for _, h := range res.Hits {
		page.Hits = append(page.Hits, s.hit(h, st, n, now))
	}
	if res.NextCursor != "" {
		next := st
		next.Cursor = res.NextCursor
		page.Next = next.url()
	}
	for _, o := range [][2]string{
		{"CSV", "/export/search.csv"}, {"JSON Lines", "/export/search.jsonl"},
		{"Atom", "/feeds/search.atom"}, {"RSS", "/feeds/search.rss"}, {"JSON Feed", "/feeds/search.json"},
	} {
		page.Outs = append(page.Outs, linkView{Label: o[0], URL: st.out(o[1])})
	}
	if st.Cursor != "" {
		page.Newest = st.asking(st.Query).url()
	}
	for _, f := range pageFacets {
		v := facetView{Title: f.title, Field: f.field}
		for _, c := range res.Facets[f.field] {
			if c.Value == "" {
				continue
			}
			fv, ok := facetLink(st, f.field, c, n, now)
			switch {
			case !ok:
			case len(v.Open) < openValues:
				v.Open = append(v.Open, fv)
			default:
				v.More = append(v.More, fv)
			}
			if fv.On {
				page.Filters = append(page.Filters, filterView{Label: fv.Label, URL: fv.URL})
			}
		}
		if len(v.Open) > 0 {
			page.Facets = append(page.Facets, v)
		}
	}
	if label := st.rangeLabel(); label != "" {
		page.Filters = append(page.Filters, filterView{Label: label, URL: st.between("", "").url()})
	}
	page.Timeline = timeline(res.Timeline, st, st.isShort(now))
	if res.Total < fewHits && st.Cursor == "" {
		page.AnyWord = st.anyWord(now)
	}
}

// fewHits is how many hits make one think that not all words were needed.
const fewHits = 5

// anyWord is the address of the articles with any of the words, the best match
// first; empty: there is but one.
func (st searchState) anyWord(now time.Time) string {
	q, err := query.Parse(st.Query, now)
	if err != nil {
		return ""
	}
	loose, ok := q.Loosen()
	if !ok || !parses(loose, now) {
		return ""
	}
	st.Sort = pipeline.SortRelevance
	return st.asking(loose).url()
}

func (st searchState) rangeLabel() string {
	from, _ := parseWhen(st.From)
	to, _ := parseWhen(st.To)
	return rangeLabel(from, to)
}

// facetLink links a value of a facet to the query with it, or, where the query
// has it, without.
func facetLink(st searchState, field string, c pipeline.FacetCount, n names, now time.Time) (facetValue, bool) {
	v := facetValue{Label: n.facet(field, c.Value), Count: number(c.Count)}
	t := term(field, c.Value)
	q, ok := withoutTerm(st.Query, t, now)
	if v.On = ok; !ok {
		q, ok = withTerm(st.Query, t, now)
	}
	v.URL = st.asking(q).url()
	return v, ok
}

func (s *Server) hit(h pipeline.Hit, st searchState, n names, now time.Time) hitView {
	v := hitView{
		URL: articleURL(h.ID), Original: outside(h.URL), Title: h.Title, Snippet: safeSnippet(h.Snippet),
		Source: n.source(h.Source), SourceURL: termURL(st, "source", h.Source, now),
		Lang: h.Lang, Published: s.moment(h.Published),
	}
	if h.Lang != "" {
		v.LangName = langName(h.Lang)
	}
	if strings.TrimSpace(v.Title) == "" {
		v.Title, v.Untitled = "(no title)", true
	}
	for _, e := range h.Entities {
		v.Entities = append(v.Entities, linkView{Label: n.entity(e), URL: termURL(st, "entity", e, now)})
	}
	if h.Copies > 0 {
		v.Copies = count(h.Copies, "copy", "copies")
		if h.Story != "" {
			v.CopiesURL = searchState{Query: term("story", h.Story), Collapse: "none"}.url()
		}
	}
	return v
}

// articleURL is the page of an article.
func articleURL(id string) string { return "/articles/" + url.PathEscape(id) }

// outside is an address that may be linked to, or empty: what feeds give as
// links is anything.
func outside(raw string) string {
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return ""
	}
	return raw
}

// termURL narrows the search by a term; where that can't be said, or it is
// narrowed so already, it searches for the term alone.
func termURL(st searchState, field, value string, now time.Time) string {
	t := term(field, value)
	if _, there := findTerm(st.Query, t, now); !there {
		if q, ok := withTerm(st.Query, t, now); ok {
			return st.asking(q).url()
		}
	}
	return searchState{Query: t}.url()
}

// fillEmpty says why nothing was found: because nothing is there yet, or
// because too much was asked.
func (s *Server) fillEmpty(page *searchPage, r *http.Request, why *pipeline.Nothing) {
	st, now := page.State, s.now()
	if !page.Asked {
		page.FirstDay = &firstDay{}
		page.Reload = 5
		if s.deps.Status == nil {
			return
		}
		status, err := s.deps.Status(r.Context())
		if err != nil {
			s.lg.Warn("status for the empty page", "error", err)
			return
		}
		page.FirstDay = firstDayOf(status)
		return
	}
	if why != nil {
		page.Absent, page.Wider = absentOf(st, why.Absent), widerOf(st, why.Without)
		return
	}
	if st.From != "" || st.To != "" {
		page.Wider = append(page.Wider, filterView{Label: "any day", URL: st.between("", "").url()})
	}
	for _, t := range keywordTerms(st.Query, now) {
		if q, ok := withoutTerm(st.Query, t, now); ok {
			page.Wider = append(page.Wider, filterView{Label: "without " + t, URL: st.asking(q).url()})
		}
	}
}

func firstDayOf(st Status) *firstDay {
	v := &firstDay{
		Known: true,
		Total: count(st.Feeds.Total, "feed", "feeds"), Polled: number(st.Feeds.Polled),
		Done: number(st.Index.Documents),
	}
	if n := len(st.Feeds.Failing); n > 0 {
		v.Failing = count(n, "feed fails", "feeds fail")
	}
	for _, sg := range st.Stages {
		if n := sg.Pending + uint64(max(sg.InFlight, 0)) + sg.Retrying; n > 0 {
			v.Waiting = append(v.Waiting, waiting{Stage: sg.Stage, Count: number(n)})
		}
	}
	return v
}

// examples are the query language in a few lines.
func examples() []example {
	all := []example{
		{Query: `huawei chip`, Says: "both words, in any form"},
		{Query: `sanctions OR санкции OR 制裁`, Says: "any of them"},
		{Query: `entity:huawei -phone`, Says: "mentions of a tracked name, under any of its names, without a word"},
		{Query: `"world internet conference"`, Says: "these words in a row"},
		{Query: `huawei NEAR/5 ban`, Says: "within five words of each other"},
		{Query: `title:乌镇 lang:zh last:7d`, Says: "in the title, of a language, of the last week"},
		{Query: `source:kommersant after:2015-12-01 before:2016-01-01`, Says: "of a source, between two days"},
		{Query: `=Apple`, Says: "this form and case only"},
	}
	for i := range all {
		all[i].URL = searchState{Query: all[i].Query}.url()
	}
	return all
}
