package alerts_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/newswatch/newswatch/alerts"
	"github.com/newswatch/newswatch/alerts/notify"
	"github.com/newswatch/newswatch/pipeline"
	"github.com/newswatch/newswatch/pipeline/catalog"
	"github.com/newswatch/newswatch/pipeline/jet"
)

// store is the alerts stream of a real bus as the outbox sees it.
type store struct{ *jet.Node }

func (s store) Last(ctx context.Context, subject string) (pipeline.Alert, uint64, error) {
	return pipeline.Alerts.Last(ctx, s.Node, subject)
}

func (s store) Save(ctx context.Context, a pipeline.Alert, expect uint64) (uint64, error) {
	data, err := json.Marshal(a)
	if err != nil {
		return 0, err
	}
	return s.Publish(ctx, pipeline.StreamAlerts, pipeline.Message{Subject: pipeline.AlertSubject(a.Watch, a.Dedup), Data: data, Expect: &expect})
}

// TestOnTheBus runs engine and outbox on a real bus: several articles a story,
// each published twice, a receiver that refuses each alert at first. It must
// get every story once, and no more.
func TestOnTheBus(t *testing.T) {
	const stories, each = 12, 3
	var mu sync.Mutex
	asked, taken := make(map[string]int), make(map[string]int)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		id := r.Header.Get("webhook-id")
		if asked[id]++; asked[id] == 1 {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		taken[id]++
	}))
	defer srv.Close()
	lg := slog.New(slog.NewTextHandler(io.Discard, nil))
	node, err := jet.Open(t.Context(), lg, prometheus.NewRegistry(), jet.Config{Dir: t.TempDir(), FetchWait: 100 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	set := notify.NewSet(lg, notify.Clients{Public: client})
	set.SetChannels([]catalog.Channel{{ID: "hook", Kind: catalog.ChannelWebhook, URL: srv.URL}, {ID: "log", Kind: catalog.ChannelLog}})
	cfg := alerts.Config{Retries: []catalog.Duration{0, catalog.Duration(20 * time.Millisecond), catalog.Duration(time.Second)}}
	engine := alerts.New(lg, prometheus.NewRegistry(), cfg)
	engine.SetWatches([]catalog.Watch{{ID: "w", Query: "huawei", To: []string{"hook", "log"}}})
	outbox := alerts.NewOutbox(lg, prometheus.NewRegistry(), store{node}, set, cfg)

	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for _, run := range []func() error{
		func() error {
			return pipeline.Stage[pipeline.Article, pipeline.Alert]{Name: "alerts", In: pipeline.Articles, Out: pipeline.Alerts, Handle: engine.Handle}.Run(ctx, node)
		},
		func() error {
			return pipeline.Stage[pipeline.Alert, struct{}]{Name: "outbox", In: pipeline.Alerts, Workers: 8,
				Handle: func(ctx context.Context, a pipeline.Alert) ([]struct{}, error) { return nil, outbox.Handle(ctx, a) }}.Run(ctx, node)
		},
	} {
		wg.Go(func() {
			if err := run(); err != nil {
				t.Error(err)
			}
		})
	}
	for i := range stories * each * 2 {
		n := i % (stories * each)
		a := pipeline.Article{Key: fmt.Sprintf("%016x", n), ID: fmt.Sprintf("20260331110000-%016x", n), Title: "Huawei", Revision: 1 + i/(stories*each),
			Story: fmt.Sprintf("20260331110000-%016x", n%stories)}
		if _, err := pipeline.Shards(1).Articles().Publish(ctx, node, a); err != nil {
			t.Fatal(err)
		}
	}
	// Everything is settled when both stages have nothing left. Time only
	// bounds a failure.
	sent := func() (n int) {
		err := node.Read(ctx, pipeline.StreamAlerts, "alert.>", 0, func(d pipeline.Delivery) error {
			a, err := pipeline.Alerts.Decode(d)
			if a.State == pipeline.AlertSent {
				n++
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	for deadline := time.Now().Add(time.Minute); sent() < stories && time.Now().Before(deadline); {
		time.Sleep(50 * time.Millisecond)
	}
	if n := sent(); n != stories {
		t.Errorf("%d alerts sent, want %d", n, stories)
	}
	stop()
	wg.Wait()
	closing, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := node.Close(closing); err != nil {
		t.Error(err)
	}
	mu.Lock()
	defer mu.Unlock()
	if len(taken) != stories {
		t.Errorf("%d alerts taken, want %d", len(taken), stories)
	}
	for id := range asked {
		if asked[id] != 2 || taken[id] != 1 {
			t.Errorf("%s: asked %d times, taken %d", id, asked[id], taken[id])
		}
	}
}
