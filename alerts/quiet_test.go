package alerts

import (
	"testing"
	"time"

	"github.com/newswatch/newswatch/pipeline"
	"github.com/newswatch/newswatch/pipeline/catalog"
)

func TestQuietHours(t *testing.T) {
	night := &catalog.Quiet{From: "22:00", To: "07:00", TZ: "Europe/Moscow"} // UTC+3
	for _, tt := range []struct {
		name  string
		quiet *catalog.Quiet
		now   string
		want  string // empty: not quiet
	}{
		{"none", nil, "2026-03-31T03:00:00Z", ""},
		{"evening", night, "2026-03-31T20:00:00Z", "2026-04-01T04:00:00Z"},
		{"after midnight", night, "2026-03-31T02:00:00Z", "2026-03-31T04:00:00Z"},
		{"begins", night, "2026-03-31T19:00:00Z", "2026-04-01T04:00:00Z"},
		{"has not begun", night, "2026-03-31T18:59:59Z", ""},
		{"ended", night, "2026-03-31T04:00:00Z", ""},
		{"noon, UTC", &catalog.Quiet{From: "12:00", To: "13:30"}, "2026-03-31T13:29:00Z", "2026-03-31T13:30:00Z"},
		{"empty", &catalog.Quiet{From: "12:00", To: "12:00"}, "2026-03-31T12:00:00Z", ""},
		// The night of 29 March 2026 is an hour shorter in Berlin.
		{"summer time begins", &catalog.Quiet{From: "22:00", To: "07:00", TZ: "Europe/Berlin"}, "2026-03-28T22:00:00Z", "2026-03-29T05:00:00Z"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			q, err := newQuiet(tt.quiet)
			if err != nil {
				t.Fatal(err)
			}
			now, err := time.Parse(time.RFC3339, tt.now)
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			if until := q.until(now); !until.IsZero() {
				got = until.Format(time.RFC3339)
			}
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
	for _, q := range []catalog.Quiet{{From: "25:00", To: "07:00"}, {From: "22:00", To: "dawn"}, {From: "22:00", To: "07:00", TZ: "Moon/Base"}} {
		if _, err := newQuiet(&q); err == nil {
			t.Errorf("%+v: no error", q)
		}
	}
}

// TestQuietHoursHoldTheAlert raises an alert at night: it is sent in the morning.
func TestQuietHoursHoldTheAlert(t *testing.T) {
	s := newStream(t)
	r := newReceiver(t, status(200))
	o := s.outbox(Config{}, map[string]*receiver{"hook": r})
	e := testEngine(catalog.Watch{ID: "w", Query: "phones", To: []string{"hook"}, Quiet: &catalog.Quiet{From: "11:00", To: "15:30"}})
	a := handle(t, e, article(1, 1))[0]
	if _, err := s.Save(t.Context(), a, 0); err != nil {
		t.Fatal(err)
	}
	s.run(o, 3*time.Hour)
	if only(r) != 0 {
		t.Error("sent in quiet hours")
	}
	s.run(o, 4*time.Hour) // from the beginning
	got := s.alert(pipeline.AlertSubject(a.Watch, a.Dedup))
	if only(r) != 1 || !got.Sent.Equal(testNow.Add(3*time.Hour+30*time.Minute)) {
		t.Errorf("%d sent, %s at %v", only(r), got.State, got.Sent)
	}
}
