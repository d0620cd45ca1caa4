package jet

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/newswatch/newswatch/pipeline"
)

func TestStatusAndMetrics(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewRegistry()
	n, err := Open(t.Context(), testLog(t), reg, short(Config{Dir: t.TempDir(), Retry: []time.Duration{time.Hour}}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeNode(t, n) })
	for i, data := range []string{"ok", "fail", "dead", "block", "wait"} {
		publish(t, n, pipeline.StreamExtracted, fmt.Sprint("extracted.k", i), data)
	}
	blocked := make(chan struct{})
	consume(t, n, pipeline.Consumer{
		Name: "st", Stream: pipeline.StreamExtracted, Workers: 1, Pending: 1,
		Handle: func(ctx context.Context, d pipeline.Delivery) error {
			switch string(d.Data) {
			case "fail":
				return errTest
			case "dead":
				return pipeline.Permanent("broken", errTest)
			case "block":
				close(blocked)
				<-ctx.Done()
				return ctx.Err()
			}
			return nil
		},
	})
	<-blocked
	stages, streams, err := n.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := []pipeline.StageStatus{{Stage: "st", Stream: pipeline.StreamExtracted, Pending: 1, InFlight: 1, Retrying: 1, Seq: 3}}
	if len(stages) == 1 && stages[0].LastSeen.IsZero() {
		t.Error("never seen")
	}
	for i := range stages {
		stages[i].LastSeen = time.Time{}
	}
	if diff := cmp.Diff(want, stages); diff != "" {
		t.Error(diff)
	}
	messages := map[string]uint64{}
	for _, s := range streams {
		messages[s.Stream] = s.Messages
		if s.Stream == pipeline.StreamItems && s.MaxBytes != n.cfg.Sizes.Items {
			t.Errorf("items: %+v", s)
		}
	}
	if diff := cmp.Diff(map[string]uint64{"ITEMS": 0, "EXTRACTED": 5, "ARTICLES": 0, "ALERTS": 0, "DEAD": 1, "RETRY": 1}, messages); diff != "" {
		t.Error(diff)
	}

	var s *stage
	n.mu.Lock()
	for s = range n.stages {
	}
	n.mu.Unlock()
	if err := s.watch(t.Context()); err != nil {
		t.Fatal(err)
	}
	got := gather(t, reg)
	for series, want := range map[string]float64{
		"handled_total ok": 1, "handled_total retry": 1, "handled_total dead": 1, "handled_total later": 0,
		"handled_total superseded": 0, "in_flight": 1, "pending": 1, "duration_seconds": 3,
	} {
		if v, ok := got[series]; !ok || v != want {
			t.Errorf("%s is %v, want %v", series, v, want)
		}
	}
	if lag := got["lag_seconds"]; lag <= 0 || lag > 3600 {
		t.Errorf("lag %v, want the age of the blocked message", lag)
	}
}

// gather returns the stage metrics by short name and result; of histograms
// the count.
func gather(t *testing.T, reg *prometheus.Registry) map[string]float64 {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			name := strings.TrimPrefix(f.GetName(), "newswatch_stage_")
			for _, l := range m.GetLabel() {
				if l.GetName() == "result" {
					name += " " + l.GetValue()
				}
			}
			got[name] = m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	return got
}

// TestStandsStill: a stage with work that asks for none is told of.
func TestStandsStill(t *testing.T) {
	t.Parallel()
	n := openNode(t, Config{})
	log := new(logBuffer)
	publish(t, n, pipeline.StreamExtracted, "extracted.a", "x")
	s, err := n.newStage(t.Context(), "still", pipeline.StreamExtracted, "", 1, false)
	if err != nil {
		t.Fatal(err)
	}
	defer s.leave()
	s.lg = newTextLog(log)
	for i := range 3 {
		if strings.Contains(log.String(), "stands still") {
			t.Errorf("told after %d looks", i)
		}
		if err := s.watch(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if !strings.Contains(log.String(), "stage stands still") {
		t.Errorf("log: %s", log)
	}
}

func TestHealthyClosed(t *testing.T) {
	t.Parallel()
	n := openNode(t, Config{})
	closeNode(t, n)
	if err := n.Healthy(t.Context()); err == nil {
		t.Error("healthy after close")
	}
	if _, err := n.Call(t.Context(), "x", nil); err == nil {
		t.Error("call after close")
	}
	closeNode(t, n) // a second time does nothing
}

// TestCloseDeadline: a handler that won't end does not keep Close for ever.
func TestCloseDeadline(t *testing.T) {
	t.Parallel()
	n := openNode(t, Config{})
	publish(t, n, pipeline.StreamExtracted, "extracted.a", "x")
	inside, release := make(chan struct{}), make(chan struct{})
	ended := make(chan error, 1)
	go func() {
		ended <- n.Consume(context.Background(), pipeline.Consumer{
			Name: "c", Stream: pipeline.StreamExtracted,
			Handle: func(context.Context, pipeline.Delivery) error {
				close(inside)
				<-release
				return nil
			},
		})
	}()
	<-inside
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if err := n.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("close: %v", err)
	}
	close(release)
	if err := <-ended; err != nil {
		t.Errorf("consume: %v", err)
	}
}

func TestJudge(t *testing.T) {
	running := context.Background()
	stopped, cancel := context.WithCancel(running)
	cancel()
	for _, test := range []struct {
		name string
		ctx  context.Context
		err  error
		want fate
	}{
		{"nil", running, nil, fate{kind: fateOK}},
		{"nil at the stop", stopped, nil, fate{kind: fateOK}},
		{"any", running, errTest, fate{kind: fateFailed}},
		{"any at the stop", stopped, errTest, fate{kind: fateStop}},
		{"own time-out", running, context.DeadlineExceeded, fate{kind: fateFailed}},
		{"permanent", running, fmt.Errorf("x: %w", pipeline.Permanent("bad", errTest)), fate{kind: fateDead, reason: "bad"}},
		{"permanent at the stop", stopped, pipeline.Permanent("bad", errTest), fate{kind: fateDead, reason: "bad"}},
		{"permanent by the stop", stopped, pipeline.Permanent("bad", context.Canceled), fate{kind: fateStop}},
		{"later", running, pipeline.Later(time.Hour, errTest), fate{kind: fateLater, after: time.Hour}},
		{"later at the stop", stopped, pipeline.Later(time.Hour, errTest), fate{kind: fateStop}},
		{"panic at the stop", stopped, &panicError{value: "x"}, fate{kind: fateDead, reason: "panic"}},
	} {
		got := judge(test.ctx, test.err)
		if !errors.Is(got.err, test.err) {
			t.Errorf("%s: error %v", test.name, got.err)
		}
		if got.err = nil; got != test.want {
			t.Errorf("%s: got %+v, want %+v", test.name, got, test.want)
		}
	}
}

func TestPolicy(t *testing.T) {
	p := policy{delays: retryDelays()}
	for _, r := range []struct{ rand, factor float64 }{{0, 0.8}, {0.5, 1}, {1, 1.2}} {
		p.rand = func() float64 { return r.rand }
		for i, plain := range p.delays {
			d, got, ok := p.delay(i + 1)
			if want := time.Duration(float64(plain) * r.factor); !ok || got != plain || (d-want).Abs() > time.Microsecond {
				t.Errorf("after %d failures: %v %v %v, want %v", i+1, d, got, ok, want)
			}
		}
	}
	if _, _, ok := p.delay(8); ok {
		t.Error("a try after the last")
	}
}

func TestSubjects(t *testing.T) {
	o := origin{stream: pipeline.StreamItems, subject: "item.3.k1.c0ffee", seq: 7}
	for _, test := range []struct{ got, want string }{
		{waitSubject("st", o), "retry.st.wait.7.item.3.k1.c0ffee"},
		{dueSubject("st", o), "retry.st.due.7.item.3.k1.c0ffee"},
		{deadSubject("st", "http_404", o), "dead.st.http_404.k1"},
		{deadSubject("st", "a b.*>\x00é", o), "dead.st.a-b-----.k1"},
		{deadSubject("st", "", origin{stream: pipeline.StreamArticles, subject: "article.0.k2"}), "dead.st.-.k2"},
		{truncate("дом", 3), "д"},
		{headerValue("a\r\nb"), "a  b"},
	} {
		if test.got != test.want {
			t.Errorf("got %q, want %q", test.got, test.want)
		}
	}
}

func FuzzOrigin(f *testing.F) {
	f.Add("ITEMS", "item.0.a.b", "7", "2026-11-22T10:00:00Z", "3", "1")
	f.Add("", "", "-1", "yesterday", "99999999999999999999", "")
	f.Fuzz(func(t *testing.T, stream, subject, seq, at, failures, replays string) {
		h := nats.Header{}
		for k, v := range map[string]string{
			headStream: stream, headSubject: subject, headSeq: seq, headStored: at,
			headFirstFailed: at, headFailures: failures, headReplays: replays,
		} {
			h.Set(k, v)
		}
		o := readOrigin(h)
		again := readOrigin(o.copy("x", nil, nil).Header)
		if !o.stored.Equal(again.stored) || !o.firstFailed.Equal(again.firstFailed) {
			// A time beyond year 9999 in UTC has no such form.
			if y := o.stored.UTC().Year(); y >= 0 && y <= 9999 {
				t.Errorf("times %v %v became %v %v", o.stored, o.firstFailed, again.stored, again.firstFailed)
			}
		}
		o.stored, o.firstFailed, again.stored, again.firstFailed = time.Time{}, time.Time{}, time.Time{}, time.Time{}
		if o != again {
			t.Errorf("%+v became %+v", o, again)
		}
		for _, s := range []string{deadSubject("st", stream, o)} {
			if strings.Count(s, ".") != 3 || strings.ContainsAny(s, " *>\r\n\t") {
				t.Errorf("subject %q", s)
			}
		}
	})
}
