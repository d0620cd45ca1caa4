package feeds

import (
	"context"
	"fmt"
	"time"

	"github.com/newswatch/newswatch/pipeline"
)

const (
	// A feed is failing, and not only hiccuping, when its polls have failed for
	// failFor, or so often that they weigh failHard over failSoon.
	failFor   = day
	failTimes = 3
	failHard  = 10.0
	failSoon  = 6 * time.Hour

	// A feed is quiet when it lists nothing new for quietTimes its longest usual
	// gap, at least quietBusy or, with fewer than busyPace items a day,
	// quietSlow. To have a rhythm it must have been known with quietItems over a
	// week: nights and weekends are gaps too.
	quietTimes = 3
	quietBusy  = 6 * time.Hour
	quietSlow  = 3 * day
	busyPace   = 5.0
	quietItems = 10
	quietKnown = 7 * day
)

// silence is how long the feed has listed nothing, and from when on that is a
// spell; 0: it has no rhythm to break.
func (s *state) silence(now time.Time) (d, spell time.Duration) {
	r := &s.Rhythm
	if r.Count < quietItems || s.Usual == 0 || r.Last.Sub(r.First) < quietKnown {
		return 0, 0
	}
	least := quietSlow
	if r.Pace >= busyPace {
		least = quietBusy
	}
	return now.Sub(r.Last), max(quietTimes*s.Usual, least)
}

// tellGood ends a spell of failing, and begins or ends one of silence. sure is
// that the feed was seen, and not only said not to have changed. It answers
// whether anything was told; what could not be stays to be told.
func (q *poll) tellGood(ctx context.Context, now time.Time, sure bool) (told bool) {
	s := q.s
	if sp := s.Failing; sp != nil && (sp.Host || q.tell(ctx, pipeline.FeedRecovered, "it answers again", sp.Since, now)) {
		s.Failing = nil
		told = true
	}
	silent, limit := s.silence(now)
	switch {
	case s.Quiet != nil && s.Rhythm.Last.After(s.Quiet.Since):
		if q.tell(ctx, pipeline.FeedRecovered, "it lists new items again", s.Quiet.Since, now) {
			s.Quiet = nil
			told = true
		}
	case s.Quiet != nil || limit == 0 || silent <= limit:
	case !sure:
		s.LastFull = time.Time{} // asked without a condition next: a 304 proves nothing
	default:
		if q.tell(ctx, pipeline.FeedQuiet, quietReason(silent, s.Usual), s.Rhythm.Last, now) {
			s.Quiet = &spell{Since: s.Rhythm.Last}
			told = true
		}
	}
	return told
}

// tellFailed begins a spell of failing, if this is one, and answers whether
// anything was told. Of a host that is down it is the host that is told of.
func (q *poll) tellFailed(ctx context.Context, down bool, now time.Time) bool {
	s, t := q.s, q.s.Trouble
	run := now.Sub(t.First)
	long := run >= failFor && s.Fails >= failTimes || s.Failures >= failHard && run >= failSoon
	if s.Failing != nil || !t.Gone && !long {
		return false
	}
	since := s.LastGood
	if since.IsZero() {
		since = s.Began
	}
	if down {
		switch down, told := q.hostDown(); {
		case told:
			s.Failing = &spell{Since: since, Host: true}
			return true
		case down:
			return false // for the host
		}
	}
	ev := q.event(pipeline.FeedFailing, t.reason(int(s.Status)), since, now)
	began, alike := q.together(t.Class, since, now)
	if alike > 1 {
		ev.Host, ev.Feeds, ev.Spell = began.host, alike, began.String()
	}
	if !q.send(ctx, ev) {
		return false
	}
	q.remember(began)
	s.Failing = &spell{Since: since}
	return true
}

// tell tells of the event, and answers false where nobody would take it: it is
// told again at the next poll.
func (q *poll) tell(ctx context.Context, kind, reason string, since, now time.Time) bool {
	ev := q.event(kind, reason, since, now)
	if kind == pipeline.FeedQuiet {
		ev.Usual = q.s.Usual
	}
	return q.send(ctx, ev)
}

func (q *poll) event(kind, reason string, since, now time.Time) pipeline.FeedEvent {
	return pipeline.FeedEvent{
		Kind: kind, Source: q.src.ID, Feed: q.f.url, Reason: reason, Since: since.UTC(), LastGood: q.s.LastGood, At: now.UTC(),
	}
}

func (p *Poller) send(ctx context.Context, ev pipeline.FeedEvent) bool {
	if p.cfg.OnEvent != nil {
		if err := p.cfg.OnEvent(ctx, ev); err != nil {
			p.lg.Warn("feed event not told, will try again", "kind", ev.Kind, "url", ev.Feed, "host", ev.Host, "error", err)
			return false
		}
	}
	p.metrics.events.WithLabelValues(ev.Kind).Inc()
	p.lg.Info("feed event", "kind", ev.Kind, "url", ev.Feed, "host", ev.Host, "feeds", ev.Feeds, "reason", ev.Reason, "since", ev.Since)
	return true
}

func quietReason(silent, usual time.Duration) string {
	return fmt.Sprintf("nothing new for %s; the longest gap it usually leaves is %s", about(silent), about(usual))
}

// about is a duration as people say it.
func about(d time.Duration) string {
	switch h := int(d.Round(time.Hour).Hours()); {
	case d < time.Hour:
		return fmt.Sprintf("%d min", max(int(d.Minutes()), 1))
	case h < 48:
		return fmt.Sprintf("%d h", h)
	default:
		return fmt.Sprintf("%d days", h/24)
	}
}
