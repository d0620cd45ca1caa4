package alerts

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"go.uber.org/goleak"

	"github.com/newswatch/newswatch/alerts/notify"
	"github.com/newswatch/newswatch/pipeline"
	"github.com/newswatch/newswatch/pipeline/catalog"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const testSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

// A receiver verifies and counts what it gets, by webhook-id.
type receiver struct {
	*httptest.Server
	mu     sync.Mutex
	got    map[string]int
	answer func(n int, w http.ResponseWriter) // to the n-th request, from 1
	n      int
}

func newReceiver(t *testing.T, answer func(n int, w http.ResponseWriter)) *receiver {
	verifier, err := standardwebhooks.NewWebhook(testSecret)
	if err != nil {
		t.Fatal(err)
	}
	r := &receiver{got: make(map[string]int), answer: answer}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			t.Error(err)
		}
		if err := verifier.Verify(body, req.Header); err != nil {
			t.Error(err)
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		r.n++
		r.got[req.Header.Get("webhook-id")]++
		r.answer(r.n, w)
	}))
	t.Cleanup(r.Close)
	return r
}

func status(codes ...int) func(int, http.ResponseWriter) {
	return func(n int, w http.ResponseWriter) { w.WriteHeader(codes[min(n, len(codes))-1]) }
}

// A stream is what the bus does for the outbox, on one goroutine with a clock
// of its own: the last message of a subject stays, every save is a message.
type stream struct {
	t     *testing.T
	now   time.Time
	seq   uint64
	last  map[string]stored
	queue []queued

	saving func(a pipeline.Alert) error // asked before each save
}

type stored struct {
	data []byte
	seq  uint64
}

type queued struct {
	at   time.Time
	data []byte
}

func newStream(t *testing.T) *stream {
	return &stream{t: t, now: testNow, last: make(map[string]stored), saving: func(pipeline.Alert) error { return nil }}
}

func (s *stream) Last(_ context.Context, subject string) (a pipeline.Alert, seq uint64, err error) {
	m, ok := s.last[subject]
	if !ok {
		return a, 0, pipeline.ErrNotFound
	}
	return a, m.seq, json.Unmarshal(m.data, &a)
}

func (s *stream) Save(_ context.Context, a pipeline.Alert, expect uint64) (uint64, error) {
	if err := s.saving(a); err != nil {
		return 0, err
	}
	subject := pipeline.AlertSubject(a.Watch, a.Dedup)
	if s.last[subject].seq != expect {
		return 0, pipeline.ErrConflict
	}
	data, err := json.Marshal(a)
	if err != nil {
		return 0, err
	}
	s.seq++
	s.last[subject] = stored{data, s.seq}
	s.queue = append(s.queue, queued{s.now, data})
	return s.seq, nil
}

var errKilled = errors.New("killed")

// run hands out messages until none is left or the clock is past the limit. An
// error other than Later brings the message again.
func (s *stream) run(o *Outbox, limit time.Duration) {
	s.t.Helper()
	end := s.now.Add(limit)
	for n := 0; len(s.queue) > 0; n++ {
		if n > 200 {
			s.t.Fatal("it never ends")
		}
		slices.SortStableFunc(s.queue, func(a, b queued) int { return a.at.Compare(b.at) })
		m := s.queue[0]
		if m.at.After(end) {
			return
		}
		s.queue = s.queue[1:]
		if m.at.After(s.now) {
			s.now = m.at
		}
		var a pipeline.Alert
		if err := json.Unmarshal(m.data, &a); err != nil {
			s.t.Fatal(err)
		}
		err := o.Handle(s.t.Context(), a)
		var later *pipeline.LaterError
		switch {
		case err == nil:
		case errors.As(err, &later):
			s.queue = append(s.queue, queued{s.now.Add(later.After), m.data})
		default:
			s.queue = append(s.queue, queued{s.now.Add(time.Second), m.data})
		}
	}
}

// outbox is an outbox on the stream with webhooks to the receivers, by channel.
func (s *stream) outbox(cfg Config, to map[string]*receiver) *Outbox {
	s.t.Helper()
	client := &http.Client{Transport: &http.Transport{}}
	s.t.Cleanup(client.CloseIdleConnections)
	secret := filepath.Join(s.t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte(testSecret), 0o600); err != nil {
		s.t.Fatal(err)
	}
	lg := slog.New(slog.NewTextHandler(io.Discard, nil))
	set := notify.NewSet(lg, notify.Clients{Public: client})
	var channels []catalog.Channel
	for id, r := range to {
		channels = append(channels, catalog.Channel{ID: id, Kind: catalog.ChannelWebhook, URL: r.URL, SecretFile: secret})
	}
	set.SetChannels(channels)
	o := NewOutbox(lg, prometheus.NewRegistry(), s, set, cfg)
	o.now = func() time.Time { return s.now }
	o.random = func() float64 { return 0 }
	return o
}

// raise puts an alert for the channels into the stream.
func (s *stream) raise(channels ...string) string {
	s.t.Helper()
	e := testEngine(catalog.Watch{ID: "w", Query: "phones", To: channels})
	a := handle(s.t, e, article(1, 1))[0]
	if _, err := s.Save(s.t.Context(), a, 0); err != nil {
		s.t.Fatal(err)
	}
	return pipeline.AlertSubject(a.Watch, a.Dedup)
}

func (s *stream) alert(subject string) pipeline.Alert {
	s.t.Helper()
	a, _, err := s.Last(s.t.Context(), subject)
	if err != nil {
		s.t.Fatal(err)
	}
	return a
}

func only(r *receiver) int {
	n := 0
	for _, c := range r.got {
		n += c
	}
	return n
}

const forever = 30 * 24 * time.Hour

func TestDelivered(t *testing.T) {
	s := newStream(t)
	desk, hook := newReceiver(t, status(200)), newReceiver(t, status(204))
	o := s.outbox(Config{}, map[string]*receiver{"desk": desk, "hook": hook})
	subject := s.raise("desk", "hook")
	s.run(o, forever)
	got := s.alert(subject)
	want := []pipeline.Attempts{
		{Channel: "desk", State: "sent", Tries: 1, First: testNow, Last: testNow},
		{Channel: "hook", State: "sent", Tries: 1, First: testNow, Last: testNow},
	}
	if diff := cmp.Diff(want, got.Deliveries); diff != "" {
		t.Error(diff)
	}
	if got.State != "sent" || !got.Sent.Equal(testNow) {
		t.Errorf("state %s, sent %v", got.State, got.Sent)
	}
	if only(desk) != 1 || only(hook) != 1 {
		t.Errorf("desk got %v, hook %v", desk.got, hook.got)
	}
	if _, ok := desk.got[strings.ReplaceAll(got.ID, ".", "_")]; !ok {
		t.Errorf("ids %v, want that of the alert, %s", desk.got, got.ID)
	}
}

func TestAlertWithoutChannelsIsSent(t *testing.T) {
	s := newStream(t)
	o := s.outbox(Config{}, nil)
	subject := s.raise()
	s.run(o, forever)
	if got := s.alert(subject); got.State != "sent" {
		t.Errorf("state %s", got.State)
	}
}

// TestSchedule notes when attempts at a receiver that always fails are made.
func TestSchedule(t *testing.T) {
	s := newStream(t)
	var at []string
	r := newReceiver(t, func(n int, w http.ResponseWriter) {
		at = append(at, s.now.Sub(testNow).String())
		w.WriteHeader(500)
	})
	o := s.outbox(Config{}, map[string]*receiver{"hook": r})
	subject := s.raise("hook")
	s.run(o, forever)
	// The example of Standard Webhooks.
	want := []string{"0s", "5s", "5m5s", "35m5s", "2h35m5s", "7h35m5s", "17h35m5s", "31h35m5s", "51h35m5s", "75h35m5s"}
	if diff := cmp.Diff(want, at); diff != "" {
		t.Error(diff)
	}
	got := s.alert(subject)
	d := got.Deliveries[0]
	if got.State != "failed" || d.State != "failed" || d.Tries != 10 || !d.Next.IsZero() || !strings.HasPrefix(d.Error, "given up after 10 attempts; the last: http://127.0.0.1") {
		t.Errorf("%s: %+v", got.State, d)
	}
	if len(r.got) != 1 {
		t.Errorf("several ids for one alert: %v", r.got)
	}
}

func TestJitterIsUpToATenth(t *testing.T) {
	o := newStream(t).outbox(Config{}, nil)
	o.random = func() float64 { return 1 }
	if got := o.wait(2, nil); got != 5*time.Minute+30*time.Second {
		t.Errorf("got %v", got)
	}
}

func TestFailures(t *testing.T) {
	retryAfter := func(n int, w http.ResponseWriter) {
		if n == 1 {
			w.Header().Set("Retry-After", "3600")
			w.WriteHeader(429)
		}
	}
	for _, tt := range []struct {
		name   string
		answer func(int, http.ResponseWriter)
		state  string
		tries  int
		last   time.Duration
		error  string
	}{
		{"500, then 200", status(500, 200), "sent", 2, 5 * time.Second, ""},
		{"500, 503, then 200", status(500, 503, 200), "sent", 3, 5*time.Minute + 5*time.Second, ""},
		{"410", status(410), "failed", 1, 0, "410 Gone"},
		{"400", status(400), "failed", 1, 0, "400 Bad Request"},
		{"500, then 404", status(500, 404), "failed", 2, 5 * time.Second, "404 Not Found"},
		{"408", status(408, 425, 429, 200), "sent", 4, 35*time.Minute + 5*time.Second, ""},
		{"Retry-After", retryAfter, "sent", 2, time.Hour, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newStream(t)
			r := newReceiver(t, tt.answer)
			o := s.outbox(Config{}, map[string]*receiver{"hook": r})
			subject := s.raise("hook")
			s.run(o, forever)
			a := s.alert(subject)
			d := a.Deliveries[0]
			if a.State != tt.state || d.Tries != tt.tries || d.Last.Sub(testNow) != tt.last || !strings.Contains(d.Error, tt.error) || (d.Error == "") != (tt.error == "") {
				t.Errorf("got %s: %+v", a.State, d)
			}
		})
	}
}

func TestOneFailingChannelDoesNotHoldTheOthers(t *testing.T) {
	s := newStream(t)
	bad, good := newReceiver(t, status(500)), newReceiver(t, status(200))
	o := s.outbox(Config{}, map[string]*receiver{"bad": bad, "good": good})
	subject := s.raise("bad", "good")
	s.run(o, time.Second)
	a := s.alert(subject)
	if a.Deliveries[1].State != "sent" || a.State != "queued" {
		t.Errorf("after a second: %+v", a.Deliveries)
	}
	s.run(o, forever)
	if a = s.alert(subject); a.State != "failed" || only(good) != 1 || only(bad) != 10 {
		t.Errorf("in the end %s: good got %d, bad %d", a.State, only(good), only(bad))
	}
}

func TestMissingChannel(t *testing.T) {
	s := newStream(t)
	o := s.outbox(Config{Retries: []catalog.Duration{0, catalog.Duration(time.Minute)}}, nil)
	subject := s.raise("desk")
	s.run(o, 30*time.Second)
	a := s.alert(subject)
	if d := a.Deliveries[0]; a.State != "queued" || d.Error != "notify: no such channel in the catalog: desk" || !d.Next.Equal(testNow.Add(time.Minute)) {
		t.Errorf("waiting: %s: %+v", a.State, d)
	}
	s.run(o, forever)
	if a = s.alert(subject); a.State != "failed" {
		t.Errorf("in the end: %+v", a)
	}
}

// TestKilledBetweenSendAndSave loses the record of an attempt that was made.
func TestKilledBetweenSendAndSave(t *testing.T) {
	s := newStream(t)
	r := newReceiver(t, status(200))
	o := s.outbox(Config{}, map[string]*receiver{"hook": r})
	subject := s.raise("hook")
	kills := 3
	s.saving = func(pipeline.Alert) error {
		if kills--; kills >= 0 {
			return errKilled
		}
		return nil
	}
	s.run(o, forever)
	if a := s.alert(subject); a.State != "sent" {
		t.Errorf("state %s", a.State)
	}
	if len(r.got) != 1 || only(r) != 4 {
		t.Errorf("a receiver that honours the id sees one, of four requests; got %v", r.got)
	}
}

// TestSaveConflict has another process save between an attempt and its record.
func TestSaveConflict(t *testing.T) {
	for _, tt := range []struct {
		name   string
		other  string // state the other left the channel in
		state  string
		tries  int
		status int
	}{
		{"both sent", "sent", "sent", 1, 200},
		{"the other failed, we sent", "queued", "sent", 2, 200},
		{"the other sent, we failed", "sent", "sent", 1, 500},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newStream(t)
			r := newReceiver(t, status(tt.status))
			o := s.outbox(Config{}, map[string]*receiver{"hook": r})
			subject := s.raise("hook")
			s.saving = func(pipeline.Alert) error {
				s.saving = func(pipeline.Alert) error { return nil }
				a, seq, err := s.Last(t.Context(), subject)
				if err != nil {
					t.Fatal(err)
				}
				a.Deliveries[0] = pipeline.Attempts{Channel: "hook", State: tt.other, Tries: 1, First: testNow, Last: testNow}
				settle(&a, testNow)
				_, err = s.Save(t.Context(), a, seq)
				return err
			}
			s.run(o, time.Second)
			a := s.alert(subject)
			if a.State != tt.state || a.Deliveries[0].Tries != tt.tries {
				t.Errorf("got %s: %+v", a.State, a.Deliveries)
			}
		})
	}
}

func TestFullStreamIsWaitedFor(t *testing.T) {
	s := newStream(t)
	r := newReceiver(t, status(200))
	o := s.outbox(Config{}, map[string]*receiver{"hook": r})
	subject := s.raise("hook")
	s.saving = func(pipeline.Alert) error { return fmt.Errorf("ALERTS: %w", pipeline.ErrFull) }
	a := s.alert(subject)
	var later *pipeline.LaterError
	if err := o.Handle(t.Context(), a); !errors.As(err, &later) {
		t.Errorf("got %v", err)
	}
}

func TestStoppedAttemptIsNotCounted(t *testing.T) {
	s := newStream(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r := newReceiver(t, func(_ int, w http.ResponseWriter) {
		cancel()
		time.Sleep(50 * time.Millisecond) // the client leaves
	})
	o := s.outbox(Config{}, map[string]*receiver{"hook": r})
	subject := s.raise("hook")
	if err := o.Handle(ctx, s.alert(subject)); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if d := s.alert(subject).Deliveries[0]; d.Tries != 0 {
		t.Errorf("got %+v", d)
	}
}

func TestOlderMessagesAreDone(t *testing.T) {
	s := newStream(t)
	r := newReceiver(t, status(500))
	o := s.outbox(Config{}, map[string]*receiver{"hook": r})
	subject := s.raise("hook")
	first := s.alert(subject)
	s.run(o, time.Second)
	s.now = s.now.Add(time.Hour)
	if err := o.Handle(t.Context(), first); err != nil || only(r) != 1 {
		t.Errorf("an older message: %v, %d requests", err, only(r))
	}
	delete(s.last, subject)
	if err := o.Handle(t.Context(), first); err != nil {
		t.Errorf("a message without an alert: %v", err)
	}
}

func TestResend(t *testing.T) {
	s := newStream(t)
	bad, good := newReceiver(t, status(400, 200)), newReceiver(t, status(200))
	o := s.outbox(Config{}, map[string]*receiver{"bad": bad, "good": good})
	a := s.alert(s.raise("bad", "good"))
	subject := pipeline.AlertSubject(a.Watch, a.Dedup)
	s.run(o, forever)
	if got := s.alert(subject); got.State != "failed" {
		t.Fatalf("state %s", got.State)
	}
	resend := func() {
		t.Helper()
		if err := o.Resend(t.Context(), a.Watch, a.Dedup); err != nil {
			t.Fatal(err)
		}
		s.run(o, forever)
	}
	resend()
	if got := s.alert(subject); got.State != "sent" || only(bad) != 2 || only(good) != 1 {
		t.Errorf("%s: bad got %d, good %d", got.State, only(bad), only(good))
	}
	resend()
	if got := s.alert(subject); got.State != "sent" || only(bad) != 3 || only(good) != 2 {
		t.Errorf("%s: bad got %d, good %d", got.State, only(bad), only(good))
	}
	if err := o.Resend(t.Context(), "w", "0"); !errors.Is(err, pipeline.ErrNotFound) {
		t.Errorf("got %v", err)
	}
}
