package main

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/newswatch/newswatch/pipeline"
	"github.com/newswatch/newswatch/web"
)

// fields prints names and values below each other; empty values are left out.
func fields(w io.Writer, pairs ...string) error {
	widest := 0
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			widest = max(widest, cells(pairs[i]))
		}
	}
	for i := 0; i < len(pairs); i += 2 {
		value := plain(pairs[i+1])
		if value == "" {
			continue
		}
		n := 0
		if limit := screen(w); limit > 0 && !isAddress(value) {
			n = max(limit-widest-2, minTitle)
		}
		lines := strings.Join(wrap(value, n, 20), "\n"+strings.Repeat(" ", widest+2))
		if _, err := fmt.Fprintf(w, "%s  %s\n", pad(pairs[i], widest), lines); err != nil {
			return err
		}
	}
	return nil
}

// paragraphs prints running text.
func paragraphs(w io.Writer, text string) error {
	for p := range strings.SplitSeq(text, "\n\n") {
		if p = plain(p); p == "" {
			continue
		}
		lines := strings.Join(wrap(p, min(screen(w), maxText), len(p)), "\n")
		if _, err := fmt.Fprintf(w, "\n%s\n", lines); err != nil {
			return err
		}
	}
	return nil
}

// stamp is a time for people, with seconds; empty: it never was.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Local().Format("2006-01-02 15:04:05 MST")
}

// after is stamp with how long after another time it was.
func after(t, before time.Time) string {
	if t.IsZero() || before.IsZero() || t.Before(before) {
		return stamp(t)
	}
	return stamp(t) + ", " + span(t.Sub(before)) + " later"
}

// span is a duration to three digits or so.
func span(d time.Duration) string {
	switch {
	case d >= 48*time.Hour:
		return fmt.Sprintf("%d days", d/(24*time.Hour))
	case d >= time.Minute:
		text := d.Round(time.Second).String()
		if strings.HasSuffix(text, "m0s") {
			text = strings.TrimSuffix(text, "0s")
		}
		return text
	case d >= time.Second:
		return d.Round(100 * time.Millisecond).String()
	}
	return d.Round(time.Millisecond).String()
}

func writeArticle(w io.Writer, a struct {
	pipeline.Article
	SourceName string `json:"source_name"`
},
) error {
	source := a.Source
	if a.SourceName != "" && a.SourceName != a.Source {
		source = a.SourceName + " (" + a.Source + ")"
	}
	revision := ""
	if a.Revision > 1 {
		revision = strconv.Itoa(a.Revision)
	}
	var problems []string
	for _, p := range a.Problems {
		what := p.Stage + " " + p.Reason
		if p.Detail != "" {
			what += ": " + p.Detail
		}
		problems = append(problems, what)
	}
	mentions := make(map[string][]string)
	var order []string
	for _, m := range a.Mentions {
		if !m.Counts() {
			continue
		}
		if mentions[m.Entity] == nil {
			order = append(order, m.Entity)
		}
		if !slices.Contains(mentions[m.Entity], m.Text) {
			mentions[m.Entity] = append(mentions[m.Entity], m.Text)
		}
	}
	for i, e := range order {
		order[i] = e + " (" + strings.Join(mentions[e], ", ") + ")"
	}
	err := fields(w,
		"title", a.Title,
		"url", a.URL,
		"source", source,
		"author", a.Author,
		"language", a.Lang,
		"country", a.Country,
		"published", stamp(a.Published),
		"first seen", stamp(a.FirstSeen),
		"indexed", after(a.Indexed, a.FirstSeen),
		"id", a.ID,
		"revision", revision,
		"story", a.Story,
		"copy of", a.CopyOf,
		"tags", strings.Join(a.Tags, ", "),
		"text from", a.Method,
		"problems", strings.Join(problems, "; "),
		"mentions", strings.Join(order, "; "),
	)
	if err != nil {
		return err
	}
	return paragraphs(w, a.Text)
}

// alertBlock is an alert in a list.
func alertBlock(a pipeline.Alert) block {
	why := plain(a.WatchName)
	if sentence := plain(a.Receipt.Sentence); sentence != plain(a.Title()) {
		why += ": " + quote(sentence)
	}
	return block{
		head:    a.Queued.Local().Format(minute) + "  " + pad(plain(a.State), 6) + "  ",
		title:   plain(a.Title()),
		details: []string{why, plain(a.ID)},
	}
}

func quote(s string) string { return "“" + plain(s) + "”" }

func writeAlert(w io.Writer, a pipeline.Alert) error {
	var matched []string
	for _, s := range a.Receipt.Spans {
		what := quote(s.Text)
		if s.Entity != "" {
			what += " (" + s.Entity + ")"
		}
		if !slices.Contains(matched, what) {
			matched = append(matched, what)
		}
	}
	var since, lastGood time.Time
	if a.Feed != nil {
		since, lastGood = a.Feed.Since, a.Feed.LastGood
	}
	err := fields(w,
		"watch", a.WatchName+" ("+a.Watch+")",
		"state", a.State,
		"title", a.Title(),
		"url", a.Article.URL,
		"source", a.SourceID(),
		"sentence", a.Receipt.Sentence,
		"query", a.Receipt.Query,
		"matched", strings.Join(matched, ", "),
		"since", stamp(since),
		"last good", stamp(lastGood),
		"published", stamp(a.Receipt.Published),
		"first seen", stamp(a.Receipt.FirstSeen),
		"queued", after(a.Queued, a.Receipt.FirstSeen),
		"sent", after(a.Sent, a.Queued),
		"article", a.Article.ID,
		"id", a.ID,
	)
	if err != nil || len(a.Deliveries) == 0 {
		return err
	}
	fmt.Fprintln(w)
	t := table{{"CHANNEL", "STATE", "TRIES", "LAST", "NEXT", "ERROR"}}
	for _, d := range a.Deliveries {
		next := ""
		if d.State == pipeline.AlertQueued {
			next = stamp(d.Next)
		}
		t.add(d.Channel, d.State, strconv.Itoa(d.Tries), stamp(d.Last), next, d.Error)
	}
	return t.write(w)
}

func writeStatus(w io.Writer, st web.Status) error {
	states := make([]string, 0, len(st.Feeds.States))
	for state, n := range st.Feeds.States {
		states = append(states, fmt.Sprintf("%d %s", n, state))
	}
	slices.Sort(states)
	feeds := strconv.Itoa(st.Feeds.Total)
	if len(states) > 0 {
		feeds += ": " + strings.Join(states, ", ")
	}
	err := fields(w,
		"version", st.Version,
		"up", span(time.Duration(st.UptimeS)*time.Second),
		"roles", strings.Join(st.Roles, ", "),
		"feeds", feeds,
		"articles", fmt.Sprintf("%d, %s", st.Index.Documents, size(st.Index.Bytes)),
		"disk", fmt.Sprintf("%s free of %s", size(st.Disk.Free), size(st.Disk.Total)),
		"dead letters", strconv.Itoa(st.Dead),
	)
	if err != nil {
		return err
	}
	stages := table{{"STAGE", "READS", "WAITING", "AT WORK", "RETRYING"}}
	for _, s := range st.Stages {
		stages.add(s.Stage, s.Stream, strconv.FormatUint(s.Pending, 10), strconv.Itoa(s.InFlight), strconv.FormatUint(s.Retrying, 10))
	}
	streams := table{{"STREAM", "MESSAGES", "SIZE", "AT MOST"}}
	for _, s := range st.Streams {
		most := ""
		if s.MaxBytes > 0 {
			most = size(uint64(s.MaxBytes))
		}
		streams.add(s.Stream, strconv.FormatUint(s.Messages, 10), size(s.Bytes), most)
	}
	failing := table{{"FAILING FEED", "SOURCE", "LAST GOOD", "REASON"}}
	for _, f := range st.Feeds.Failing {
		good := "never"
		if !f.LastOK.IsZero() {
			good = f.LastOK.Local().Format(minute)
		}
		failing.add(f.URL, f.Source, good, f.Reason)
	}
	passes := table{{"TAGGED ANEW", "STATE", "ARTICLES"}}
	for _, p := range st.Retag {
		what := strings.Join(p.Entities, ", ")
		if p.Count == 0 {
			what = "all articles"
		} else if p.Count > 3 {
			what = fmt.Sprintf("%d entities", p.Count)
		}
		passes.add(what, fmt.Sprintf("%s %d%%", p.State, p.Percent()), passSum([]pipeline.RetagPass{p}))
	}
	for _, t := range []table{stages, streams, failing, passes} {
		if len(t) == 1 {
			continue
		}
		fmt.Fprintln(w)
		if err := t.write(w); err != nil {
			return err
		}
	}
	return nil
}

// size is bytes for people.
func size(n uint64) string {
	switch {
	case n >= 1e9:
		return fmt.Sprintf("%.1f GB", float64(n)/1e9)
	case n >= 1e6:
		return fmt.Sprintf("%.1f MB", float64(n)/1e6)
	case n >= 1e3:
		return fmt.Sprintf("%.1f kB", float64(n)/1e3)
	}
	return fmt.Sprintf("%d B", n)
}
