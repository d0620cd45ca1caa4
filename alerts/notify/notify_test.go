package notify

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"go.uber.org/goleak"

	"github.com/newswatch/newswatch/pipeline"
	"github.com/newswatch/newswatch/pipeline/catalog"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const testSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

func discard() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

func file(t *testing.T, content string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func testAlert() pipeline.Alert {
	return pipeline.Alert{
		ID: "w1.0123456789abcdef", Watch: "w1", WatchName: "One", Dedup: "0123456789abcdef", Kind: "mention", State: "queued",
		Queued:     time.Date(2026, 3, 31, 12, 0, 0, 0, time.UTC),
		Article:    pipeline.ArticleRef{URL: "https://example.org/?a=1&b=2", Title: "华为 <b> & Хуавей", Entities: []string{"huawei"}},
		Receipt:    pipeline.Receipt{Query: "huawei", Sentence: "Huawei.", Spans: []pipeline.Span{{Field: "title", End: 6, Text: "华为", Term: "huawei"}}},
		Deliveries: []pipeline.Attempts{{Channel: "hook", State: "queued", Error: "internal"}},
	}
}

// feedAlert has no article: it is about a feed.
func feedAlert() pipeline.Alert {
	a := testAlert()
	a.Kind, a.Article = "silence", pipeline.ArticleRef{}
	a.Feed = &pipeline.FeedEvent{
		Kind: pipeline.FeedFailing, Source: "vestnik", Feed: "https://vestnik.example/rss?a=1&b=2", Reason: "HTTP 403",
		Since: a.Queued.Add(-26 * time.Hour), LastGood: a.Queued.Add(-26 * time.Hour), At: a.Queued,
	}
	return a
}

func message() Message { return Message{ID: "w1.0123456789abcdef", Alert: testAlert()} }

// client does not follow redirects, as Doer asks.
func client(t *testing.T) *http.Client {
	c := &http.Client{
		Transport:     &http.Transport{},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	t.Cleanup(c.CloseIdleConnections)
	return c
}

func hook(t *testing.T, ch catalog.Channel) Notifier {
	t.Helper()
	ch.ID, ch.Kind = "hook", catalog.ChannelWebhook
	n, err := New(discard(), Clients{Public: client(t), Private: client(t)}, ch)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestWebhookIsSigned(t *testing.T) {
	verifier, err := standardwebhooks.NewWebhook(testSecret)
	if err != nil {
		t.Fatal(err)
	}
	var got event
	var header http.Header
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		header = r.Header
		if err := verifier.Verify(body, r.Header); err != nil {
			t.Error(err)
		}
		if err := json.Unmarshal(body, &got); err != nil {
			t.Error(err)
		}
		w.WriteHeader(http.StatusNoContent)
	}))
	defer srv.Close()
	n := hook(t, catalog.Channel{URLFile: file(t, srv.URL+"/x\n"), SecretFile: file(t, testSecret+"\n")})
	if err := n.Notify(t.Context(), message()); err != nil {
		t.Fatal(err)
	}
	want := testAlert()
	want.State, want.Deliveries = "sent", nil
	if diff := cmp.Diff(event{"alert.created", want.Queued, eventData{want}}, got); diff != "" {
		t.Error(diff)
	}
	if id := header.Get("webhook-id"); id != "w1_0123456789abcdef" {
		t.Errorf("webhook-id %q", id)
	}
	if ct := header.Get("Content-Type"); ct != "application/json" {
		t.Errorf("Content-Type %q", ct)
	}
}

func TestWebhookVerdicts(t *testing.T) {
	var answer http.HandlerFunc
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { answer(w, r) }))
	defer srv.Close()
	date := time.Now().Add(time.Hour).UTC().Format(http.TimeFormat)
	for _, tt := range []struct {
		status     int
		retryAfter string
		ok         bool
		permanent  bool
		min, max   time.Duration
	}{
		{status: 200, ok: true},
		{status: 202, ok: true},
		{status: 204, ok: true},
		{status: 301},
		{status: 307},
		{status: 400, permanent: true},
		{status: 401, permanent: true},
		{status: 404, permanent: true},
		{status: 410, permanent: true},
		{status: 413, permanent: true},
		{status: 408},
		{status: 425},
		{status: 429, retryAfter: "120", min: 2 * time.Minute, max: 2 * time.Minute},
		{status: 429, retryAfter: "999999999", min: 24 * time.Hour, max: 24 * time.Hour},
		{status: 429, retryAfter: "-5"},
		{status: 429, retryAfter: "soon"},
		{status: 500},
		{status: 503, retryAfter: date, min: 59 * time.Minute, max: time.Hour},
		{status: 503, retryAfter: "Thu, 01 Jan 1970 00:00:00 GMT"},
		{status: 504},
	} {
		t.Run(fmt.Sprint(tt.status, tt.retryAfter), func(t *testing.T) {
			answer = func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Location", "/elsewhere")
				if tt.retryAfter != "" {
					w.Header().Set("Retry-After", tt.retryAfter)
				}
				w.WriteHeader(tt.status)
				_, _ = io.WriteString(w, "body")
			}
			err := hook(t, catalog.Channel{URL: srv.URL}).Notify(t.Context(), message())
			var e *Error
			errors.As(err, &e)
			if (err == nil) != tt.ok || (e != nil && e.Permanent) != tt.permanent {
				t.Errorf("got %v (permanent: %v)", err, e != nil && e.Permanent)
			}
			if e != nil && (e.RetryAfter < tt.min || e.RetryAfter > tt.max) {
				t.Errorf("retry after %v, want from %v to %v", e.RetryAfter, tt.min, tt.max)
			}
		})
	}
}

func TestWebhookFollowedRedirectIsNoSuccess(t *testing.T) {
	mux := http.NewServeMux()
	mux.Handle("/old", http.RedirectHandler("/new", http.StatusFound))
	mux.HandleFunc("/new", func(http.ResponseWriter, *http.Request) {})
	srv := httptest.NewServer(mux)
	defer srv.Close()
	n, err := New(discard(), Clients{Public: srv.Client()}, catalog.Channel{Kind: catalog.ChannelWebhook, URL: srv.URL + "/old"})
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Notify(t.Context(), message()); err == nil || !strings.Contains(err.Error(), "redirected") {
		t.Errorf("got %v", err)
	}
}

func TestGoneTurnsTheChannelOffUntilItChanges(t *testing.T) {
	asked := 0
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		w.WriteHeader(http.StatusGone)
	}))
	defer srv.Close()
	s := NewSet(discard(), Clients{Public: client(t)})
	ch := catalog.Channel{ID: "hook", Kind: catalog.ChannelWebhook, URL: srv.URL}
	try := func() error {
		s.SetChannels([]catalog.Channel{ch})
		n, err := s.Notifier("hook")
		if err != nil {
			t.Fatal(err)
		}
		return n.Notify(t.Context(), message())
	}
	for range 2 { // the second after the same channel was set again
		var e *Error
		if err := try(); !errors.As(err, &e) || !e.Permanent {
			t.Errorf("got %v", err)
		}
	}
	if asked != 1 {
		t.Errorf("asked %d times", asked)
	}
	ch.URL += "/new"
	if _ = try(); asked != 2 {
		t.Errorf("the changed channel was asked %d times", asked-1)
	}
}

// slow answers when its context is done.
type slow struct{}

func (slow) Do(req *http.Request) (*http.Response, error) {
	<-req.Context().Done()
	return nil, req.Context().Err()
}

func TestSlowReceiverIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, err := New(discard(), Clients{Public: slow{}}, catalog.Channel{Kind: catalog.ChannelWebhook, URL: "https://example.org/"})
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		err = n.Notify(t.Context(), message())
		var e *Error
		if err == nil || errors.As(err, &e) && e.Permanent || time.Since(start) != webhookTimeout {
			t.Errorf("after %v: %v", time.Since(start), err)
		}
	})
}

func TestSecretsStandInNoError(t *testing.T) {
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	srv := httptest.NewServer(http.NotFoundHandler())
	defer srv.Close()
	for _, ch := range []catalog.Channel{
		{URL: closed.URL + "/hushpath?token=hushtoken"},
		{URL: strings.Replace(srv.URL, "http://", "http://hushuser:hushpass@", 1) + "/hushpath"},
		{URL: "http://example.org:hushport/"},
		{URL: "hush://example.org"},
		{URL: "http://exa mple.org/hush"},
		{URL: srv.URL, SecretFile: file(t, "whsec_hush!")},
		{URL: srv.URL, SecretFile: file(t, "whsec_")},
		{URL: srv.URL, SecretFile: filepath.Join(t.TempDir(), "absent")},
		{URLFile: filepath.Join(t.TempDir(), "absent")},
		{URLFile: file(t, "")},
	} {
		err := hook(t, ch).Notify(t.Context(), message())
		if err == nil {
			t.Errorf("%+v: no error", ch)
		} else if strings.Contains(err.Error(), "hush") {
			t.Errorf("%+v: %v", ch, err)
		}
	}
}

func TestPrivateChannelsHaveTheirClient(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer srv.Close()
	clients := Clients{Public: refusing{}, Private: client(t)}
	for _, private := range []bool{false, true} {
		n, err := New(discard(), clients, catalog.Channel{Kind: catalog.ChannelWebhook, URL: srv.URL, AllowPrivate: private})
		if err != nil {
			t.Fatal(err)
		}
		if err := n.Notify(t.Context(), message()); (err == nil) != private {
			t.Errorf("allow_private %v: %v", private, err)
		}
	}
}

type refusing struct{}

func (refusing) Do(*http.Request) (*http.Response, error) {
	return nil, errors.New("address not allowed")
}

func TestSet(t *testing.T) {
	s := NewSet(discard(), Clients{})
	if _, err := s.Notifier("desk"); !errors.Is(err, ErrNoChannel) {
		t.Errorf("got %v", err)
	}
	s.SetChannels([]catalog.Channel{{ID: "desk", Kind: catalog.ChannelLog}, {ID: "pigeon", Kind: "pigeon"}})
	if n, err := s.Notifier("desk"); n == nil || err != nil {
		t.Errorf("got %v, %v", n, err)
	}
	if _, err := s.Notifier("pigeon"); err == nil || !strings.Contains(err.Error(), "not available") {
		t.Errorf("got %v", err)
	}
	s.SetChannels(nil)
	if _, err := s.Notifier("desk"); !errors.Is(err, ErrNoChannel) {
		t.Errorf("got %v", err)
	}
}

func TestLogChannel(t *testing.T) {
	var b bytes.Buffer
	n, err := New(slog.New(slog.NewJSONHandler(&b, nil)), Clients{}, catalog.Channel{ID: "desk", Kind: catalog.ChannelLog})
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Notify(t.Context(), message()); err != nil {
		t.Fatal(err)
	}
	var line map[string]any
	if err := json.Unmarshal(b.Bytes(), &line); err != nil {
		t.Fatal(err)
	}
	if line["msg"] != "alert" || line["alert"] != "w1.0123456789abcdef" || line["channel"] != "desk" || line["title"] != "华为 <b> & Хуавей" {
		t.Errorf("got %v", line)
	}
}

func TestLogChannelOfAFeed(t *testing.T) {
	var b bytes.Buffer
	n, err := New(slog.New(slog.NewJSONHandler(&b, nil)), Clients{}, catalog.Channel{ID: "desk", Kind: catalog.ChannelLog})
	if err != nil {
		t.Fatal(err)
	}
	a := feedAlert()
	if err := n.Notify(t.Context(), Message{ID: a.ID, Alert: a}); err != nil {
		t.Fatal(err)
	}
	var line map[string]any
	if err := json.Unmarshal(b.Bytes(), &line); err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]any{
		"title": "Feed fails: https://vestnik.example/rss?a=1&b=2", "source": "vestnik", "feed": "https://vestnik.example/rss?a=1&b=2",
		"event": "failing", "reason": "HTTP 403", "since": "2026-03-30T10:00:00Z", "last_good": "2026-03-30T10:00:00Z", "article": nil, "published": nil,
	} {
		if line[key] != want {
			t.Errorf("%s: %v, want %v", key, line[key], want)
		}
	}
}

func TestPayloadOfAFeed(t *testing.T) {
	a := feedAlert()
	body, err := payload(a)
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Data struct {
			Alert map[string]any `json:"alert"`
		} `json:"data"`
	}
	if err := json.Unmarshal(body, &got); err != nil {
		t.Fatal(err)
	}
	feed, _ := got.Data.Alert["feed"].(map[string]any)
	if feed["reason"] != "HTTP 403" || feed["feed"] != a.Feed.Feed || feed["last_good"] != "2026-03-30T10:00:00Z" {
		t.Errorf("feed: %v", feed)
	}
	if _, ok := got.Data.Alert["article"]; ok {
		t.Errorf("an article that is none: %s", body)
	}
	long := *a.Feed
	long.Feed, long.Reason = "https://"+strings.Repeat("x", 3000), strings.Repeat("\x00", 30_000)
	a.Feed = &long
	if body, err = payload(a); err != nil || len(body) >= maxPayload {
		t.Errorf("%d bytes, %v", len(body), err)
	}
	if len(long.Reason) != 30_000 || a.Feed != &long {
		t.Error("the alert itself was cut")
	}
}

func TestPayloadFits(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	pieces := []string{"\x00", "华", "Хуавей ", "a", "\u2028", "\xff", "\"", "😀"}
	text := func(n int) string {
		p := pieces[r.IntN(len(pieces))]
		return strings.Repeat(p, n/len(p))
	}
	for range 100 {
		a := testAlert()
		n := 1 << r.IntN(15)
		a.WatchName, a.Kind, a.Article.Title, a.Article.Story = text(n), text(n), text(n), text(n)
		a.Article.Source, a.Article.Lang, a.Article.Country = text(n), text(n), text(n)
		a.Receipt.Query, a.Receipt.Sentence = text(n), text(n)
		a.Article.URL = text(1 << r.IntN(14))
		a.Article.Entities, a.Receipt.Spans = nil, nil
		for range r.IntN(100) {
			a.Article.Entities = append(a.Article.Entities, text(n))
			a.Receipt.Spans = append(a.Receipt.Spans, pipeline.Span{Field: "text", Text: text(n), Term: text(n), Entity: text(n)})
		}
		spans := len(a.Receipt.Spans)
		body, err := payload(a)
		if err != nil || len(body) >= maxPayload || !utf8.Valid(body) {
			t.Fatalf("%d bytes, valid %v: %v", len(body), utf8.Valid(body), err)
		}
		var got event
		if err := json.Unmarshal(body, &got); err != nil {
			t.Fatal(err)
		}
		if got.Data.Alert.ID != a.ID || spans > 0 && len(got.Data.Alert.Receipt.Spans) == 0 {
			t.Fatalf("what matters is lost: %+v", got.Data.Alert)
		}
		if len(a.Receipt.Spans) != spans {
			t.Fatal("the alert itself was cut")
		}
		again, err := payload(a)
		if err != nil || !bytes.Equal(body, again) {
			t.Fatal("the same alert has another body")
		}
	}
}

func TestShorten(t *testing.T) {
	for _, tt := range []struct {
		s    string
		n    int
		want string
	}{
		{"Huawei", 6, "Huawei"},
		{"Huawei!", 6, "Hua…"},
		{"华为公司", 11, "华为…"},
		{"华为公司", 12, "华为公司"},
	} {
		if got := shorten(tt.s, tt.n); got != tt.want {
			t.Errorf("shorten(%q, %d) = %q, want %q", tt.s, tt.n, got, tt.want)
		}
	}
}

// Whatever a receiver asks for, the wait is one that ends.
func FuzzRetryAfter(f *testing.F) {
	for _, v := range []string{"", "120", "-5", "1e9", "4294967295", "9999999999999999999", "Wed, 16 Dec 2015 09:00:00 GMT", "Fri, 31 Dec 9999 23:59:59 GMT"} {
		f.Add(v)
	}
	w := &webhook{now: func() time.Time { return time.Date(2015, 12, 16, 8, 0, 0, 0, time.UTC) }}
	f.Fuzz(func(t *testing.T, v string) {
		if d := w.retryAfter(v); d < 0 || d > maxRetryAfter {
			t.Errorf("%q: %v", v, d)
		}
	})
}
