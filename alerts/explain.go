package alerts

import (
	"fmt"
	"strings"

	"github.com/newswatch/newswatch/index/query"
	"github.com/newswatch/newswatch/pipeline"
	"github.com/newswatch/newswatch/pipeline/catalog"
)

// An Explanation says why a watch alerted on an article, or why it was silent.
type Explanation struct {
	Watch   string          `json:"watch"`
	Article string          `json:"article"`
	Matched bool            `json:"matched"`          // the query matches the article
	Alerts  []string        `json:"alerts,omitempty"` // ids of the alerts it has a part in
	Reason  string          `json:"reason"`
	Spans   []pipeline.Span `json:"spans,omitempty"`   // what matched
	Missing []Missing       `json:"missing,omitempty"` // what did not
}

// Missing is a part of a query that kept an article from matching.
type Missing struct {
	Pos  int    `json:"pos"` // bytes into the query
	End  int    `json:"end"`
	Part string `json:"part"`
	Why  string `json:"why"`
}

// Explain says what the watch makes of the article now.
func (e *Engine) Explain(a pipeline.Article, watchID string) Explanation {
	ex := Explanation{Watch: watchID, Article: a.ID}
	s := e.state.Load()
	w, ok := s.byID[watchID]
	if !ok {
		ex.Reason = "there is no such watch"
		if err := s.broken[watchID]; err != nil {
			ex.Reason = "the watch is left out: " + err.Error()
		} else if s.silence[watchID] {
			ex.Reason = "the watch is of kind silence: it waits for feeds that fail or go quiet and pages that give little text, not for articles"
		}
		return ex
	}
	d := e.doc(&a)
	ex.Spans, ex.Matched = w.query.Match(d)
	if !ex.Matched {
		ex.Missing = missing(w.query, d)
		ex.Reason = notMatched(ex.Missing)
		return ex
	}
	if a.Quiet {
		ex.Reason = "it matches, but it was loaded quietly (backfill), or was old when its feed was first polled, and such articles raise no alert"
		return ex
	}
	raises := a.AsNews()
	spans, asNews := w.query.Match(e.doc(raises))
	if !asNews && !a.Retagged.Alert {
		ex.Reason = "it matches now, but its mentions were changed quietly after it was news, and by those it had then it does not"
		return ex
	}
	if !asNews {
		raises, spans = &a, ex.Spans
	}
	alerts := e.alerts(raises, w, spans)
	if len(alerts) == 0 {
		ex.Reason = "it matches, but has no title, text or address to show"
		return ex
	}
	for _, al := range alerts {
		ex.Alerts = append(ex.Alerts, al.ID)
	}
	ex.Reason = matched(&a, w.Group)
	return ex
}

func missing(q *query.Query, d *query.Doc) []Missing {
	var ms []Missing
	for _, n := range q.Misses(d) {
		p := n.At()
		m := Missing{Pos: p.Pos, End: p.End, Part: p.Raw, Why: "not in the article"}
		switch n.(type) {
		case *query.Not:
			m.Why = "excluded, and in the article"
		case *query.Near:
			m.Why = "nowhere so near each other"
		case *query.Time:
			m.Why = fmt.Sprintf("published %s", d.Article.Published.UTC().Format("2006-01-02 15:04 MST"))
		case *query.Keyword, *query.Has, *query.Is:
			m.Why = "not true of the article"
		}
		ms = append(ms, m)
	}
	return ms
}

func notMatched(ms []Missing) string {
	var b strings.Builder
	b.WriteString("it does not match:")
	for i, m := range ms {
		if i > 0 {
			b.WriteByte(';')
		}
		fmt.Fprintf(&b, " %s (%s)", m.Part, m.Why)
	}
	return b.String()
}

// matched says what of a matching article alerts.
func matched(a *pipeline.Article, by string) string {
	var b strings.Builder
	b.WriteString("it matches")
	if a.CopyOf != "" {
		fmt.Fprintf(&b, "; it is a copy of %s", a.CopyOf)
	}
	switch by {
	case catalog.GroupEntity:
		fmt.Fprintf(&b, "; each entity of the match alerts once in story %s", storyOf(a))
	case catalog.GroupSource:
		fmt.Fprintf(&b, "; source %s alerts once in story %s", a.Source, storyOf(a))
	case catalog.GroupNone:
		b.WriteString("; each text alerts once, its revisions and copies with it")
	default:
		if a.Story != "" && a.Story != a.ID {
			fmt.Fprintf(&b, "; it is folded into story %s, which alerts once", a.Story)
		} else {
			fmt.Fprintf(&b, "; its story %s alerts once", storyOf(a))
		}
	}
	return b.String()
}
