package web

import (
	"cmp"
	"maps"
	"net/http"
	"net/url"
	"strconv"

	"github.com/newswatch/newswatch/pipeline"
)

// deadShown is how many dead letters the status page lists.
const deadShown = 50

type statusPage struct {
	chrome
	Notice     string
	Known      bool // the rest is known
	Started    moment
	Uptime     string
	Roles      []string
	Stages     []stageRow
	Streams    []streamRow
	Feeds      string
	States     []stateTally
	Failing    []feedRow
	Index      []fact
	IndexNotes []string
	Disk       string
	Passes     []passRow

	Replicas []replicaRow // where there is more to say than the sums

	DeadKnown bool
	DeadCount string
	Dead      []deadRow
	DeadNext  string
}

// A stateTally is how many feeds are in a state, and the sources they are of.
type stateTally struct{ State, Count, URL string }

type stageRow struct {
	Stage, Stream               string
	Pending, InFlight, Retrying string
	Seq                         string
	LastSeen                    moment
	Busy                        bool
}

type replicaRow struct {
	Shard, Replica, Node, State, Note string
	Documents, Size, Seq, Lag         string
	Updated                           moment
	Busy                              bool
}

type streamRow struct {
	Stream, Messages, Bytes, Limit string
	FirstSeq, LastSeq              string
}

type feedRow struct {
	Source, SourceURL  string
	URL, State, Reason string
	Failures           string
	LastOK, NextDue    moment
}

type deadRow struct {
	ID, JSON                       string
	Stage, Reason, Error, Key      string
	Stream, Subject                string
	Deliveries, Size               string
	FirstFailed, At                moment
	ReplayURL, DropURL, ActionName string
}

func (s *Server) statusPage(w http.ResponseWriter, r *http.Request) {
	page := statusPage{chrome: s.chrome("status", "Status"), Notice: notices[r.URL.Query().Get("done")]}
	if s.deps.Status == nil && s.deps.Dead == nil {
		s.failWith(w, r, "Status", notHere("Status"))
		return
	}
	if s.deps.Status != nil {
		st, err := s.deps.Status(r.Context())
		if err != nil {
			s.failWith(w, r, "Status", err)
			return
		}
		s.fillStatus(&page, st)
		page.Passes = s.passRows(r)
		if note := s.reindexNote(r.Context()); note != "" {
			page.IndexNotes = append(page.IndexNotes, note)
		}
	}
	if s.deps.Dead != nil {
		letters, next, err := s.deps.Dead.List(r.Context(), DeadQuery{After: r.URL.Query().Get("dead"), Limit: deadShown})
		if err != nil {
			s.failWith(w, r, "Dead letters", err)
			return
		}
		page.DeadKnown = true
		for _, d := range letters {
			page.Dead = append(page.Dead, s.deadRow(d))
		}
		if next != "" {
			page.DeadNext = "/status?dead=" + url.QueryEscape(next)
		}
	}
	s.render(w, http.StatusOK, "status", page)
}

// notices are what may stand at the head of the page after a form was sent.
var notices = map[string]string{
	"replayed": "The dead letter was handed to its stage again.",
	"dropped":  "The dead letter was thrown away.",
}

func (s *Server) fillStatus(page *statusPage, st Status) {
	n := s.names()
	page.Known = true
	page.Version = cmp.Or(st.Version, page.Version)
	page.Started, page.Roles = s.moment(st.Started), st.Roles
	page.Uptime = lapse(s.now().Sub(st.Started))
	for _, g := range st.Stages {
		page.Stages = append(page.Stages, stageRow{
			Stage: g.Stage, Stream: g.Stream, Pending: number(g.Pending), InFlight: number(g.InFlight),
			Retrying: number(g.Retrying), Seq: number(g.Seq), LastSeen: s.moment(g.LastSeen),
			Busy: g.Pending > 0 || g.Retrying > 0,
		})
	}
	for _, sm := range st.Streams {
		row := streamRow{
			Stream: sm.Stream, Messages: number(sm.Messages), Bytes: size(sm.Bytes), Limit: "none",
			FirstSeq: number(sm.FirstSeq), LastSeq: number(sm.LastSeq),
		}
		if sm.MaxBytes > 0 {
			row.Limit = size(uint64(sm.MaxBytes))
		}
		page.Streams = append(page.Streams, row)
	}
	page.Feeds = count(st.Feeds.Total, "feed", "feeds") + ", " + number(st.Feeds.Polled) + " of them polled so far"
	for _, state := range byRank(maps.Keys(st.Feeds.States)) {
		page.States = append(page.States, stateTally{state, number(st.Feeds.States[state]), sourceFilter{State: state}.url(1)})
	}
	for _, f := range st.Feeds.Failing {
		row := feedRow{
			Source: n.source(f.Source), SourceURL: sourceURL(f.Source), URL: f.URL, State: f.State, Reason: why(f), Failures: number(f.Failures),
			LastOK: s.moment(f.LastOK), NextDue: s.moment(f.NextDue),
		}
		if f.LastOK.IsZero() {
			row.LastOK.Age = "never"
		}
		page.Failing = append(page.Failing, row)
	}
	page.Index = []fact{
		{"Articles", number(st.Index.Documents)}, {"Size", size(st.Index.Bytes)},
		{"Partitions", number(st.Index.Partitions)}, {"Up to sequence", number(st.Index.Seq)},
	}
	for _, sh := range st.Index.Shards {
		rows := sh.Replicas
		if len(st.Index.Shards) == 1 && len(rows) == 1 && rows[0].Note == "" {
			break // all of it stands above
		}
		if len(rows) == 0 {
			page.Replicas = append(page.Replicas, replicaRow{Shard: strconv.Itoa(sh.Shard), State: "no replica", Busy: true})
		}
		for _, r := range rows {
			page.Replicas = append(page.Replicas, replicaRow{
				Shard: strconv.Itoa(sh.Shard), Replica: r.Replica, Node: r.Node, State: r.State, Note: r.Note,
				Documents: number(r.Documents), Size: size(r.Bytes), Seq: number(r.Seq), Lag: number(r.Lag),
				Updated: s.moment(r.Updated), Busy: r.State != ReplicaReady || r.Note != "",
			})
		}
	}
	page.IndexNotes = st.Index.Notes()
	if r := st.Index.Retention; r != nil {
		page.Index = append(page.Index, fact{"Retention", s.retentionText(r)})
	}
	if st.Disk.Total > 0 {
		page.Disk = size(st.Disk.Free) + " free of " + size(st.Disk.Total)
	}
	page.DeadCount = number(st.Dead)
}

func (s *Server) deadRow(d pipeline.DeadLetter) deadRow {
	id := url.PathEscape(d.ID)
	return deadRow{
		ID: d.ID, JSON: apiPrefix + "/dead/" + id,
		Stage: d.Stage, Reason: d.Reason, Error: d.Error, Key: d.Key, Stream: d.Stream, Subject: d.Subject,
		Deliveries: number(d.Deliveries), Size: size(uint64(max(d.Size, 0))),
		FirstFailed: s.moment(d.FirstFailed), At: s.moment(d.At),
		ReplayURL: "/status/dead/" + id + "/replay", DropURL: "/status/dead/" + id + "/drop",
		ActionName: "dead letter " + d.ID,
	}
}

func (s *Server) replayForm(w http.ResponseWriter, r *http.Request) {
	s.deadForm(w, r, true, "replayed")
}
func (s *Server) dropForm(w http.ResponseWriter, r *http.Request) { s.deadForm(w, r, false, "dropped") }

// deadForm settles a dead letter and goes back to the list.
func (s *Server) deadForm(w http.ResponseWriter, r *http.Request, replay bool, done string) {
	if err := s.settleDead(r.Context(), r.PathValue("id"), replay); err != nil {
		s.failWith(w, r, "Dead letter", err)
		return
	}
	http.Redirect(w, r, "/status?done="+done+"#dead", http.StatusSeeOther)
}

// retentionText says in a line what retention did last.
func (s *Server) retentionText(r *pipeline.RetentionStatus) string {
	switch {
	case r.Running:
		return "is at work"
	case r.Last == nil:
		return "has not run yet"
	case r.Last.Error != "":
		return "ended early on " + r.Last.At.UTC().Format("2006-01-02 15:04") + ": " + r.Last.Error
	}
	return "removed " + number(r.Last.Articles) + " articles on " + r.Last.At.UTC().Format("2006-01-02 15:04")
}
