package feeds_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/newswatch/newswatch/pipeline"
	"github.com/newswatch/newswatch/pipeline/catalog"
	"github.com/newswatch/newswatch/pipeline/feeds"
	"github.com/newswatch/newswatch/pipeline/fetch"
)

// A hub is a WebSub hub: it takes requests, verifies them, and pushes.
type hub struct {
	mu     sync.Mutex
	asked  []url.Values
	lease  string // that it grants
	mute   bool   // it takes requests and never verifies them
	refuse int    // status of its answer; 0: 202
	client *http.Client
	said   []string // what callbacks answered to verifications
	done   sync.WaitGroup
}

func (h *hub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_ = r.ParseForm()
	h.mu.Lock()
	defer h.mu.Unlock()
	h.asked = append(h.asked, r.PostForm)
	if h.refuse != 0 {
		http.Error(w, "no", h.refuse)
		return
	}
	w.WriteHeader(http.StatusAccepted)
	if !h.mute {
		form := r.PostForm
		h.done.Go(func() { h.verify(form, h.lease) })
	}
}

// verify asks the callback and returns the status and what it said.
func (h *hub) verify(form url.Values, lease string) (int, string) {
	q := url.Values{"hub.mode": form["hub.mode"], "hub.topic": form["hub.topic"], "hub.challenge": {"call " + form.Get("hub.mode")}}
	if form.Get("hub.mode") == "subscribe" && lease != "" {
		q.Set("hub.lease_seconds", lease)
	}
	return h.get(form.Get("hub.callback"), q)
}

func (h *hub) get(callback string, q url.Values) (int, string) {
	resp, err := h.client.Get(callback + "?" + q.Encode())
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	b, _ := io.ReadAll(resp.Body)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.said = append(h.said, fmt.Sprint(q.Get("hub.mode"), " ", resp.StatusCode, " ", strings.TrimSpace(string(b))))
	return resp.StatusCode, string(b)
}

// push sends a body with a signature and returns the status.
func (h *hub) push(t *testing.T, callback, body, signature string) int {
	t.Helper()
	req, err := http.NewRequest(http.MethodPost, callback, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/rss+xml")
	if signature != "" {
		req.Header.Set("X-Hub-Signature", signature)
	}
	resp, err := h.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	return resp.StatusCode
}

func (h *hub) requests(mode string) (forms []url.Values) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, f := range h.asked {
		if f.Get("hub.mode") == mode {
			forms = append(forms, f)
		}
	}
	return forms
}

func (h *hub) answers() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.said)
}

func sign(name string, method func() hash.Hash, secret, body string) string {
	mac := hmac.New(method, []byte(secret))
	mac.Write([]byte(body))
	return name + "=" + hex.EncodeToString(mac.Sum(nil))
}

// A store is what was published, each subject once, as the stream has it.
type store struct {
	mu    sync.Mutex
	items map[string]pipeline.Item
	full  bool
}

func newStore() *store { return &store{items: make(map[string]pipeline.Item)} }

func (s *store) publish(_ context.Context, it pipeline.Item) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.full {
		return pipeline.ErrFull
	}
	subject := pipeline.Items.Subject(it)
	if _, ok := s.items[subject]; ok {
		return pipeline.ErrExists
	}
	s.items[subject] = it
	return nil
}

func (s *store) titles() (out []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, it := range s.items {
		out = append(out, it.Title)
	}
	slices.Sort(out)
	return out
}

func (s *store) fill(full bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.full = full
}

// A topic is a feed that names its hub, in its headers or its document.
type topic struct {
	mu    sync.Mutex
	hub   string
	link  string // Link header
	items []string
	polls int
}

func (tp *topic) document() string {
	tp.mu.Lock()
	defer tp.mu.Unlock()
	return rss(tp.hub, tp.items...)
}

func rss(hub string, items ...string) string {
	var b strings.Builder
	b.WriteString(`<rss version="2.0" xmlns:atom="http://www.w3.org/2005/Atom"><channel><title>topic</title>`)
	if hub != "" {
		fmt.Fprintf(&b, `<atom:link rel="hub" href="%s"/>`, hub)
	}
	for _, it := range items {
		fmt.Fprintf(&b, `<item><title>%s</title><link>http://pub.example/%s</link></item>`, it, it)
	}
	return b.String() + "</channel></rss>"
}

func (tp *topic) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	doc := tp.document()
	tp.mu.Lock()
	defer tp.mu.Unlock()
	tp.polls++
	if tp.link != "" {
		w.Header().Set("Link", tp.link)
	}
	_, _ = io.WriteString(w, doc)
}

func (tp *topic) set(hub string, items ...string) {
	tp.mu.Lock()
	defer tp.mu.Unlock()
	tp.hub, tp.items = hub, items
}

// A pushed is a poller with a subscriber, a topic and a hub.
type pushed struct {
	t     *testing.T
	kv    pipeline.KV
	hub   *hub
	hubAt string
	topic *topic
	feed  string
	items *store

	callbacks *httptest.Server
	mu        sync.Mutex
	handler   http.Handler
	sub       *feeds.WebSub
	stop      func()
}

func newPushed(t *testing.T) *pushed {
	p := &pushed{t: t, kv: bucket(t, openNode(t)), hub: &hub{lease: "864000", client: http.DefaultClient}, topic: &topic{}, items: newStore()}
	hubServer, topicServer := httptest.NewServer(p.hub), httptest.NewServer(p.topic)
	p.callbacks = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		h := p.handler
		p.mu.Unlock()
		h.ServeHTTP(w, r)
	}))
	t.Cleanup(func() { p.stop(); p.hub.done.Wait(); hubServer.Close(); topicServer.Close(); p.callbacks.Close() })
	p.hubAt, p.feed = hubServer.URL, topicServer.URL+"/feed"
	p.topic.set(p.hubAt, "a")
	p.start(p.sources())
	return p
}

func (p *pushed) sources() []catalog.Source {
	return []catalog.Source{{
		ID: "src", Country: "RU", AllowPrivate: true, AtOnce: 9, Gap: catalog.Duration(time.Millisecond),
		Feeds: []catalog.Feed{{URL: p.feed, Every: catalog.Duration(30 * time.Millisecond)}},
	}}
}

func (p *pushed) start(sources []catalog.Source) {
	p.t.Helper()
	client, err := fetch.New(lg(), prometheus.NewRegistry(), fetch.Config{})
	if err != nil {
		p.t.Fatal(err)
	}
	poller := feeds.NewPoller(lg(), prometheus.NewRegistry(), p.kv, p.items.publish, client, feeds.Config{FullWait: 50 * time.Millisecond})
	clients := feeds.HubClients{Public: http.DefaultClient, Private: http.DefaultClient}
	sub, err := feeds.NewWebSub(lg(), prometheus.NewRegistry(), poller, clients, feeds.WebSubConfig{Callback: p.callbacks.URL + "/websub"})
	if err != nil {
		p.t.Fatal(err)
	}
	p.mu.Lock()
	p.sub, p.handler = sub, sub.Handler()
	p.mu.Unlock()
	p.set(poller, sources)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = poller.Run(ctx) })
	running.Go(func() { _ = sub.Run(ctx) })
	p.stop = func() { cancel(); running.Wait(); client.Close() }
}

func (p *pushed) set(poller *feeds.Poller, sources []catalog.Source) {
	poller.SetSources(sources)
	p.sub.SetSources(sources)
}

func (p *pushed) wait(what string, ok func() bool) {
	p.t.Helper()
	for range 400 {
		if ok() {
			return
		}
		time.Sleep(25 * time.Millisecond)
	}
	p.t.Fatalf("%s: not within 10 s; hub was asked %v, heard %q", what, p.hub.asked, p.hub.answers())
}

func (p *pushed) subscribed() url.Values {
	p.t.Helper()
	p.wait("subscription", func() bool { return p.sub.Pushed(p.feed) })
	return p.hub.requests("subscribe")[0]
}

func TestWebSubDelivers(t *testing.T) {
	p := newPushed(t)
	form := p.subscribed()
	callback, secret := form.Get("hub.callback"), form.Get("hub.secret")
	if form.Get("hub.topic") != p.feed || len(secret) < 32 || form.Get("hub.lease_seconds") != "864000" {
		t.Fatalf("subscription request: %v", form)
	}
	if got := p.hub.answers(); len(got) != 1 || got[0] != "subscribe 200 call subscribe" {
		t.Errorf("verification answered %q", got)
	}
	// Each method a hub may sign with. The topic itself still lists a alone.
	methods := []struct {
		name string
		of   func() hash.Hash
	}{{"sha1", sha1.New}, {"sha256", sha256.New}, {"sha384", sha512.New384}, {"SHA512", sha512.New}}
	want := []string{"a"}
	for _, m := range methods {
		body := rss("", "pushed-"+m.name)
		if code := p.hub.push(t, callback, body, sign(m.name, m.of, secret, body)); code != http.StatusAccepted {
			t.Errorf("%s: push answered %d", m.name, code)
		}
		want = append(want, "pushed-"+m.name)
	}
	slices.Sort(want)
	if got := p.items.titles(); !slices.Equal(got, want) {
		t.Fatalf("published %q, want %q", got, want)
	}
	// A push that comes again adds nothing, and neither does the poll that
	// lists what was pushed: not even as an item another feed had.
	body := rss("", "pushed-sha1")
	p.hub.push(t, callback, body, sign("sha1", sha1.New, secret, body))
	p.topic.set(p.hubAt, "a", "pushed-sha1", "pushed-sha256", "b")
	p.wait("poll", func() bool { return slices.Contains(p.items.titles(), "b") })
	want = append(want, "b")
	slices.Sort(want)
	if got := p.items.titles(); !slices.Equal(got, want) {
		t.Errorf("published %q after a replay and a poll, want %q", got, want)
	}
}

func TestWebSubRefuses(t *testing.T) {
	p := newPushed(t)
	form := p.subscribed()
	callback, secret := form.Get("hub.callback"), form.Get("hub.secret")
	body := rss("", "forged")
	right := sign("sha256", sha256.New, secret, body)
	for name, signature := range map[string]string{
		"none":           "",
		"other secret":   sign("sha256", sha256.New, "guess", body),
		"other body":     sign("sha256", sha256.New, secret, body+" "),
		"unknown method": "md5=d41d8cd98f00b204e9800998ecf8427e",
		"short":          right[:len(right)-2],
		"no digits":      "sha256=zz",
		"empty secret":   sign("sha1", sha1.New, "", body),
	} {
		// Acknowledged, so that a forger learns nothing, and ignored.
		if code := p.hub.push(t, callback, body, signature); code != http.StatusAccepted {
			t.Errorf("%s: answered %d, want 202", name, code)
		}
	}
	if code := p.hub.push(t, callback, "no feed", sign("sha1", sha1.New, secret, "no feed")); code != http.StatusAccepted {
		t.Errorf("what is no feed: answered %d, want 202: sending it again would not help", code)
	}
	if got := p.items.titles(); !slices.Equal(got, []string{"a"}) {
		t.Errorf("published %q, want only what was polled", got)
	}
	// Callbacks that nobody gave out.
	for _, cb := range []string{callback + "x", callback[:len(callback)-1], p.callbacks.URL + "/websub", p.callbacks.URL + "/websub/" + strings.Repeat("0", 64)} {
		if code := p.hub.push(t, cb, body, right); code != http.StatusNotFound {
			t.Errorf("push to %s: %d, want 404", cb, code)
		}
	}
	query := func(kv ...string) url.Values {
		q := url.Values{"hub.mode": {"subscribe"}, "hub.topic": {p.feed}, "hub.challenge": {"c"}, "hub.lease_seconds": {"60"}}
		for i := 0; i < len(kv); i += 2 {
			q.Set(kv[i], kv[i+1])
		}
		return q
	}
	for _, tt := range []struct {
		name string
		q    url.Values
		want int
	}{
		{"other topic", query("hub.topic", "https://other.example/"), 404},
		{"no challenge", query("hub.challenge", ""), 400},
		{"long challenge", query("hub.challenge", strings.Repeat("x", 5000)), 400},
		{"no mode", query("hub.mode", ""), 400},
		{"odd lease", query("hub.lease_seconds", "soon"), 400},
		{"unsubscribe that nobody asked for", query("hub.mode", "unsubscribe"), 404},
	} {
		if code, _ := p.hub.get(callback, tt.q); code != tt.want {
			t.Errorf("%s: %d, want %d", tt.name, code, tt.want)
		}
	}
	if !p.sub.Pushed(p.feed) {
		t.Error("the subscription is gone after bad calls")
	}
	// A stream that is full: the hub is to send it again, and then it counts.
	p.items.fill(true)
	if code := p.hub.push(t, callback, body, right); code != http.StatusServiceUnavailable {
		t.Errorf("push to a full stream: %d, want 503", code)
	}
	p.items.fill(false)
	p.hub.push(t, callback, body, right)
	if got := p.items.titles(); !slices.Contains(got, "forged") {
		t.Errorf("published %q: the push that came again is missing", got)
	}
}

func TestWebSubDenied(t *testing.T) {
	p := newPushed(t)
	form := p.subscribed()
	if code, _ := p.hub.get(form.Get("hub.callback"), url.Values{"hub.mode": {"denied"}, "hub.topic": {p.feed}, "hub.reason": {"closed"}}); code != 200 {
		t.Errorf("denied: answered %d", code)
	}
	if p.sub.Pushed(p.feed) {
		t.Error("a denied subscription counts as pushed")
	}
}

func TestWebSubMovesAndLeaves(t *testing.T) {
	p := newPushed(t)
	first := p.subscribed()
	// The feed names another topic, by its headers.
	p.topic.mu.Lock()
	p.topic.link = fmt.Sprintf(`<%s>; rel=hub, <%s/new>; rel="self"`, p.hubAt, p.feed)
	p.topic.items = []string{"c"}
	p.topic.mu.Unlock()
	p.wait("move", func() bool { return len(p.hub.requests("unsubscribe")) == 1 && len(p.hub.requests("subscribe")) == 2 })
	if got := p.hub.requests("unsubscribe")[0]; got.Get("hub.topic") != p.feed || got.Get("hub.callback") != first.Get("hub.callback") {
		t.Errorf("unsubscribed %v, want %s", got, p.feed)
	}
	second := p.hub.requests("subscribe")[1]
	if second.Get("hub.topic") != p.feed+"/new" || second.Get("hub.secret") == first.Get("hub.secret") {
		t.Errorf("subscribed %v", second)
	}
	p.wait("end of the old one", func() bool { return slices.Contains(p.hub.answers(), "unsubscribe 200 call unsubscribe") })
	if code := p.hub.push(t, first.Get("hub.callback"), "x", ""); code != http.StatusNotFound {
		t.Errorf("push to the old callback: %d, want 404", code)
	}
	p.wait("new one", func() bool { return p.sub.Pushed(p.feed) })

	// A restart keeps it, and one that finds the feed removed ends it.
	p.stop()
	asked := len(p.hub.requests("subscribe"))
	p.start(p.sources())
	p.wait("after the restart", func() bool { return p.sub.Pushed(p.feed) })
	body := rss("", "after")
	if code := p.hub.push(t, second.Get("hub.callback"), body, sign("sha1", sha1.New, second.Get("hub.secret"), body)); code != http.StatusAccepted {
		t.Errorf("push after the restart: %d", code)
	}
	if got := p.items.titles(); !slices.Contains(got, "after") {
		t.Errorf("published %q after the restart", got)
	}
	if got := len(p.hub.requests("subscribe")); got != asked {
		t.Errorf("the restart subscribed again: %d requests, want %d", got, asked)
	}
	p.stop()
	p.start(nil)
	p.wait("removal", func() bool { return len(p.hub.requests("unsubscribe")) == 2 })
	if code := p.hub.push(t, second.Get("hub.callback"), body, ""); code != http.StatusGone && code != http.StatusNotFound {
		t.Errorf("push for a removed feed: %d, want 410 or 404", code)
	}
}

// memory is a bucket for tests inside a synctest bubble, where no server can be.
type memory struct {
	mu  sync.Mutex
	m   map[string]pipeline.Entry
	rev uint64
}

func (k *memory) Get(_ context.Context, key string) (pipeline.Entry, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if e, ok := k.m[key]; ok {
		return e, nil
	}
	return pipeline.Entry{}, pipeline.ErrNotFound
}

func (k *memory) Put(_ context.Context, key string, v []byte) (uint64, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.rev++
	k.m[key] = pipeline.Entry{Key: key, Value: v, Revision: k.rev}
	return k.rev, nil
}

func (k *memory) Update(ctx context.Context, key string, v []byte, rev uint64) (uint64, error) {
	if e, _ := k.Get(ctx, key); e.Revision != rev {
		return 0, pipeline.ErrConflict
	}
	return k.Put(ctx, key, v)
}

func (k *memory) Delete(_ context.Context, key string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.m, key)
	return nil
}

func (k *memory) Watch(_ context.Context, fn func(pipeline.Entry) error) error {
	k.mu.Lock()
	var all []pipeline.Entry
	for _, e := range k.m {
		all = append(all, e)
	}
	k.mu.Unlock()
	for _, e := range append(all, pipeline.Entry{}) {
		if err := fn(e); err != nil {
			return err
		}
	}
	return nil
}

// direct is a client whose requests never leave the process.
type direct map[string]http.Handler

func (d direct) RoundTrip(r *http.Request) (*http.Response, error) {
	h := d[r.URL.Host]
	if h == nil {
		return nil, errors.New("no such host")
	}
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, r)
	return rec.Result(), nil
}

func (d direct) Get(_ context.Context, req fetch.Request) (*fetch.Response, error) {
	rec := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodGet, req.URL, nil)
	d[r.URL.Host].ServeHTTP(rec, r)
	return &fetch.Response{Status: 200, URL: req.URL, Header: rec.Header(), Body: rec.Body.Bytes()}, nil
}

// inBubble runs a poller and a subscriber against hosts in the process.
func inBubble(t *testing.T, h *hub, tp *topic) (sub *feeds.WebSub, stop func()) {
	hosts := direct{"hub.example": h, "pub.example": tp}
	client := &http.Client{Transport: hosts}
	h.client = client
	items := newStore()
	poller := feeds.NewPoller(lg(), prometheus.NewRegistry(), &memory{m: map[string]pipeline.Entry{}}, items.publish, hosts, feeds.Config{})
	sub, err := feeds.NewWebSub(lg(), prometheus.NewRegistry(), poller, feeds.HubClients{Public: client, Private: client}, feeds.WebSubConfig{Callback: "https://me.example/websub"})
	if err != nil {
		t.Fatal(err)
	}
	hosts["me.example"] = sub.Handler()
	sources := []catalog.Source{{ID: "s", Feeds: []catalog.Feed{{URL: "http://pub.example/feed"}}}}
	poller.SetSources(sources)
	sub.SetSources(sources)
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { _ = poller.Run(ctx) })
	running.Go(func() { _ = sub.Run(ctx) })
	return sub, func() { cancel(); running.Wait(); h.done.Wait() }
}

func TestWebSubRenews(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const lease = 10 * time.Hour
		h, tp := &hub{lease: "36000"}, &topic{hub: "http://hub.example/", items: []string{"a"}}
		sub, stop := inBubble(t, h, tp)
		defer stop()
		time.Sleep(time.Minute)
		synctest.Wait()
		if n := len(h.requests("subscribe")); n != 1 || !sub.Pushed("http://pub.example/feed") {
			t.Fatalf("%d requests after a minute, pushed: %v; want 1, true", n, sub.Pushed("http://pub.example/feed"))
		}
		time.Sleep(lease * 77 / 100)
		synctest.Wait()
		if n := len(h.requests("subscribe")); n != 1 {
			t.Errorf("renewed before 77%% of the lease: %d requests", n)
		}
		time.Sleep(lease * 7 / 100)
		synctest.Wait()
		forms := h.requests("subscribe")
		if len(forms) != 2 || forms[0].Get("hub.callback") != forms[1].Get("hub.callback") {
			t.Errorf("%d requests after 84%% of the lease, want 2 with one callback: %v", len(forms), forms)
		}
		// For a month: always pushed, and no more requests than the lease needs.
		for range 30 * 24 {
			time.Sleep(time.Hour)
			if !sub.Pushed("http://pub.example/feed") {
				t.Fatal("a lease ran out")
			}
		}
		if n := len(h.requests("subscribe")); n < 80 || n > 110 {
			t.Errorf("%d requests in a month of leases of 10 h, want about 90", n)
		}
		// While a hub pushes, polls are a backstop at the longest interval.
		if tp.polls > 30*12*13/10 {
			t.Errorf("%d polls in a month, want one in 2 h at most", tp.polls)
		}
	})
}

func TestWebSubPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, h := range map[string]*hub{"refuses": {refuse: 500}, "never verifies": {mute: true}} {
			sub, stop := inBubble(t, h, &topic{hub: "http://hub.example/", items: []string{"a"}})
			time.Sleep(10 * 24 * time.Hour)
			synctest.Wait()
			if n := len(h.requests("subscribe")); n < 30 || n > 60 {
				t.Errorf("a hub that %s was asked %d times in ten days, want every 6 h in the end", name, n)
			}
			if sub.Pushed("http://pub.example/feed") {
				t.Errorf("a hub that %s counts as one that pushes", name)
			}
			stop()
		}
	})
}

func TestWebSubConfig(t *testing.T) {
	for in, want := range map[string]string{
		"":                              "",
		"https://news.example/websub":   "/websub",
		"http://news.example:8080/a/b/": "/a/b",
	} {
		if got, err := (feeds.WebSubConfig{Callback: in}).Path(); err != nil || got != want {
			t.Errorf("%q: %q, %v, want %q", in, got, err, want)
		}
	}
	for _, in := range []string{"news.example/websub", "https://news.example", "https://news.example/", "ftp://x/websub", "https://u:p@x/w", "https://x/w?a=b"} {
		if _, err := (feeds.WebSubConfig{Callback: in}).Path(); err == nil {
			t.Errorf("%q was taken", in)
		}
	}
}
