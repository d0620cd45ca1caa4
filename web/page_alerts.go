package web

import (
	"net/http"
	"net/url"

	"github.com/newswatch/newswatch/pipeline"
)

type alertsPage struct {
	chrome
	Alerts []alertRow
	Next   string
	Newest string
}

type alertRow struct {
	URL, Watch  string
	Title, Lang string
	Source      string
	SourceURL   string
	Original    string
	Sentence    []piece
	Queued      moment
	State       string
	Failed      bool
}

type alertPage struct {
	chrome
	Alert            alertRow
	ID, JSON         string
	Kind             string
	AboutURL         string // of the article, or of the feed's source
	Query, SearchURL string // no search where the query is not for articles
	Feed             []feedFact
	Group            string
	WatchVersion     string
	Spans            []spanRow
	Steps            []stepRow
	Deliveries       []deliveryRow
}

type spanRow struct{ Text, Field, Why string }

type deliveryRow struct {
	Channel, State, Tries, Error string
	Failed                       bool
	First, Last                  moment
}

func (s *Server) alertsPage(w http.ResponseWriter, r *http.Request) {
	if s.deps.Alerts == nil {
		s.failWith(w, r, "Alerts", notHere("Alerts"))
		return
	}
	after := r.URL.Query().Get("cursor")
	alerts, next, err := s.deps.Alerts.List(r.Context(), after, defaultLimit)
	if err != nil {
		s.failWith(w, r, "Alerts", err)
		return
	}
	page := alertsPage{chrome: s.chrome("alerts", "Alerts")}
	n := s.names()
	for _, a := range alerts {
		page.Alerts = append(page.Alerts, s.alertRow(a, n))
	}
	if next != "" {
		page.Next = "/alerts?cursor=" + url.QueryEscape(next)
	}
	if after != "" {
		page.Newest = "/alerts"
	}
	s.render(w, http.StatusOK, "alerts", page)
}

func (s *Server) alertRow(a pipeline.Alert, n names) alertRow {
	row := alertRow{
		URL: "/alerts/" + url.PathEscape(a.ID), Watch: a.WatchName,
		Title: a.Title(), Lang: a.Article.Lang, Original: outside(a.Article.URL),
		Source: n.source(a.SourceID()), SourceURL: n.sourcePage(a.SourceID()),
		Queued: s.moment(a.Queued), State: a.State, Failed: a.State == pipeline.AlertFailed,
	}
	if row.Watch == "" {
		row.Watch = a.Watch
	}
	if a.Feed != nil && a.SourceID() == "" {
		row.Source, row.SourceURL = "all sources", "/sources"
	}
	if row.Title == "" {
		row.Title = "(no title)"
	}
	var words []string
	for _, sp := range a.Receipt.Spans {
		words = append(words, sp.Text)
	}
	row.Sentence = markAll(a.Receipt.Sentence, words)
	return row
}

func (s *Server) alertPage(w http.ResponseWriter, r *http.Request) {
	if s.deps.Alerts == nil {
		s.failWith(w, r, "Alerts", notHere("Alerts"))
		return
	}
	id := r.PathValue("id")
	a, err := s.deps.Alerts.Get(r.Context(), id)
	if err != nil {
		s.failWith(w, r, "Alert "+id, err)
		return
	}
	s.render(w, http.StatusOK, "alert", s.alertView(a))
}

func (s *Server) alertView(a pipeline.Alert) alertPage {
	n := s.names()
	p := alertPage{
		Alert: s.alertRow(a, n), ID: a.ID, JSON: apiPrefix + "/alerts/" + url.PathEscape(a.ID),
		Kind: a.Kind, AboutURL: articleURL(a.Article.ID),
		Query: a.Receipt.Query, SearchURL: searchState{Query: a.Receipt.Query}.url(),
		Group: groupNotes[a.Receipt.Group], WatchVersion: a.Receipt.WatchVersion,
	}
	p.chrome = s.chrome("alerts", "Alert: "+p.Alert.Watch)
	if a.Feed != nil {
		p.AboutURL, p.SearchURL = p.Alert.SourceURL+"#feeds", ""
		if a.Feed.Feed == "" {
			p.AboutURL = p.Alert.SourceURL + "#pages"
			if a.Feed.Source == "" {
				p.AboutURL = "/sources"
			}
		}
		p.Feed = s.feedFacts(a.Feed)
	}
	for _, sp := range a.Receipt.Spans {
		row := spanRow{Text: sp.Text, Field: sp.Field, Why: sp.Term}
		if sp.Entity != "" {
			row.Why = n.entity(sp.Entity)
		}
		p.Spans = append(p.Spans, row)
	}
	p.Steps = s.alertSteps(a)
	for _, d := range a.Deliveries {
		p.Deliveries = append(p.Deliveries, deliveryRow{
			Channel: d.Channel, State: d.State, Failed: d.State == pipeline.AlertFailed,
			Tries: number(d.Tries), Error: d.Error, First: s.moment(d.First), Last: s.moment(d.Last),
		})
	}
	return p
}

var groupNotes = map[string]string{
	"story":  "one alert per story",
	"entity": "one alert per entity",
	"source": "one alert per source",
	"none":   "one alert per article",
	"feed":   "one alert per spell of a feed, of feeds that fail together, or of a source’s pages",
}

// feedFacts is what an alert about a feed, or a source's pages, knows of it.
func (s *Server) feedFacts(f *pipeline.FeedEvent) []feedFact {
	good := s.moment(f.LastGood)
	if f.LastGood.IsZero() {
		good.Age = "never"
	}
	if f.Kind == pipeline.FeedOffline {
		return []feedFact{{Name: "State", Value: f.Kind}, {Name: "Reason", Value: f.Reason}}
	}
	facts := []feedFact{{Name: "Feed", Value: f.Feed}, {Name: "State", Value: f.Kind}, {Name: "Last good answer", At: &good}}
	if f.Feeds > 1 {
		facts = append(facts, feedFact{Name: "Together", Value: number(f.Feeds) + " feeds of " + f.Host + " fail; this is one of them"})
	}
	if f.Feed == "" {
		facts = []feedFact{{Name: "Pages of", Value: f.Source}, {Name: "State", Value: f.Kind}, {Name: "Last good page", At: &good}}
	}
	if f.Usual > 0 {
		facts = append(facts, feedFact{Name: "Usual gap", Value: "at most " + about(f.Usual) + " between items"})
	}
	if f.Reason != "" {
		facts = append(facts, feedFact{Name: "Reason", Value: f.Reason})
	}
	return facts
}

// alertSteps lists what led to an alert and became of it, with the time each
// step took.
func (s *Server) alertSteps(a pipeline.Alert) []stepRow {
	all := []step{
		{name: "Published", at: a.Receipt.Published},
		{name: "First seen", at: a.Receipt.FirstSeen},
		{name: "Page fetched", at: a.Receipt.Fetched},
		{name: "Text and mentions", at: a.Receipt.Extracted},
		{name: "Matched", at: a.Receipt.Matched},
		{name: "Queued", at: a.Queued},
		{name: "Sent everywhere", at: a.Sent},
	}
	if f := a.Feed; f != nil {
		began := "Last good answer"
		switch f.Kind {
		case pipeline.FeedQuiet:
			began = "Newest item"
		case pipeline.FeedOffline:
			began = "No answer"
		case pipeline.PagesCollapsed:
			began = "First thin page"
		}
		all = append([]step{{name: began, at: f.Since}, {name: "Noticed", at: f.At}}, all...)
	}
	var rows []stepRow
	for _, st := range elapsed(all) {
		rows = append(rows, s.stepRow(st))
	}
	return rows
}
