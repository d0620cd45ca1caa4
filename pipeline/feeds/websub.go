package feeds

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	mathrand "math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/newswatch/newswatch/pipeline"
	"github.com/newswatch/newswatch/pipeline/catalog"
)

// WebSubConfig is how hubs push (W3C WebSub, https://www.w3.org/TR/websub/).
type WebSubConfig struct {
	Callback string        `yaml:"callback"` // public address of this process's /websub, such as https://news.example/websub; empty: hubs are not asked
	Lease    time.Duration `yaml:"lease"`    // length of subscription asked for; default 240h
}

// Path is the path of the callback, below which hubs call; empty: WebSub is off.
// The error says what is wrong with the address.
func (c WebSubConfig) Path() (string, error) {
	if c.Callback == "" {
		return "", nil
	}
	u, err := url.Parse(c.Callback)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return "", errors.New("feeds.websub.callback: want an address such as https://news.example/websub")
	}
	path := strings.TrimRight(u.Path, "/")
	if path == "" {
		return "", errors.New("feeds.websub.callback: want a path of its own, such as https://news.example/websub")
	}
	return path, nil
}

// States of a subscription.
const (
	subWanted  = "wanted"  // to be asked for, or asked for and not yet verified
	subActive  = "active"  // verified: the hub pushes
	subDenied  = "denied"  // the hub said no; it is asked again a day later
	subLeaving = "leaving" // no longer wanted, until the hub has verified that
)

const (
	subPrefix  = "websub." // of the keys in the feeds bucket; then the subscription's id
	subVersion = 1

	hubWait      = 20 * time.Second // longest a hub may take to answer
	firstRetry   = time.Minute      // after a failed request; doubled with each more
	maxRetry     = 6 * time.Hour
	verifyWait   = 15 * time.Minute // a hub that took a request and never verified is asked again
	deniedWait   = 24 * time.Hour
	leaveFor     = 48 * time.Hour // how long a hub is asked to stop; its lease ends anyway
	minRenew     = time.Minute    // leases shorter than this are not kept up
	maxLease     = 90 * 24 * time.Hour
	defaultLease = 10 * 24 * time.Hour
	// missedPushes is how many polls may find new items nobody pushed before
	// the hub counts as one that does not push.
	missedPushes = 3
	maxPushed    = 1000 // items remembered as pushed, until polls have seen them
	hubsAtOnce   = 8
	pushesAtOnce = 8
)

// A subscription is one feed at one hub, stored under its id.
type subscription struct {
	Version int    `json:"v"`
	ID      string `json:"id"` // 16 hex digits over feed, hub and topic
	Feed    string `json:"feed"`
	Hub     string `json:"hub"`
	Topic   string `json:"topic"`
	Private bool   `json:"private,omitempty"` // the hub may be on a private network
	Token   string `json:"token"`             // in the callback's address: who does not know it is not the hub
	Secret  string `json:"secret"`            // what the hub signs with

	State    string        `json:"state"`
	Lease    time.Duration `json:"lease,omitempty"`
	Expires  time.Time     `json:"expires,omitzero"` // of the lease; it counts even while a renewal is asked for
	Due      time.Time     `json:"due,omitzero"`     // next request to the hub
	Left     time.Time     `json:"left,omitzero"`    // since when it is leaving
	Failures int           `json:"failures,omitempty"`
	Error    string        `json:"error,omitempty"`
	LastPush time.Time     `json:"last_push,omitzero"`
	Items    hashes        `json:"items,omitempty"` // what was pushed lately

	missed int // polls since the last push that found what was not pushed
}

func (s *subscription) pushes(now time.Time) bool {
	return s.State != subLeaving && s.State != subDenied && now.Before(s.Expires) && s.missed < missedPushes
}

// HubClients ask hubs: clients that refuse private networks, and one for
// sources that allow their own.
type HubClients struct{ Public, Private *http.Client }

// WebSub subscribes feeds at the hubs they name and takes what those push.
//
// What is pushed is parsed and published as if it had been polled, and noted, so
// that the next poll knows it. Polls go on, at the longest interval: hubs forget. The state is in the feeds bucket under websub.<id>;
// whichever process is called by a hub reads it there, and only [WebSub.Run] must
// run once.
type WebSub struct {
	lg      *slog.Logger
	p       *Poller
	clients HubClients
	cfg     WebSubConfig
	metrics *websubMetrics
	now     func() time.Time
	random  func() float64

	wake  chan struct{}
	slots chan struct{}  // pushes read at once
	turns [64]sync.Mutex // by digest of the feed's address

	mu      sync.Mutex
	sources map[string]*catalog.Source // by address of the feed
	subs    map[string]subscription    // by id, as last seen
	feeds   map[string]string          // address of the feed → id of what it wants
}

// NewWebSub makes a subscriber beside the poller, which from then on tells it
// what hubs the feeds name. It keeps the state where the poller does.
func NewWebSub(lg *slog.Logger, reg prometheus.Registerer, p *Poller, clients HubClients, cfg WebSubConfig) (*WebSub, error) {
	path, err := cfg.Path()
	if err != nil {
		return nil, err
	}
	if path == "" {
		return nil, errors.New("feeds.websub.callback: no address")
	}
	if cfg.Lease <= 0 {
		cfg.Lease = defaultLease
	}
	cfg.Callback = strings.TrimRight(cfg.Callback, "/")
	w := &WebSub{
		lg: lg.With("component", "websub"), p: p, clients: clients, cfg: cfg, metrics: newWebSubMetrics(reg),
		now: time.Now, random: mathrand.Float64,
		wake: make(chan struct{}, 1), slots: make(chan struct{}, pushesAtOnce),
		sources: make(map[string]*catalog.Source), subs: make(map[string]subscription), feeds: make(map[string]string),
	}
	p.push.Store(w)
	return w, nil
}

// SetSources says which feeds there are. What is subscribed and no longer
// there is unsubscribed.
func (w *WebSub) SetSources(sources []catalog.Source) {
	m := make(map[string]*catalog.Source)
	for i := range sources {
		for _, f := range sources[i].Feeds {
			// As for the poller: of two sources the first by id.
			if old := m[f.URL]; old == nil || sources[i].ID < old.ID {
				m[f.URL] = &sources[i]
			}
		}
	}
	w.mu.Lock()
	w.sources = m
	w.mu.Unlock()
	w.kick()
}

func (w *WebSub) source(feed string) *catalog.Source {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.sources[feed]
}

// Pushed says whether a hub delivers the feed, so that polls are a backstop.
// It may be asked of nil.
func (w *WebSub) Pushed(feed string) bool {
	if w == nil {
		return false
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	s, ok := w.subs[w.feeds[feed]]
	return ok && s.pushes(w.now())
}

// polled is told of each document that was parsed: the hub it names, and how
// many of its items were new. It may be told to nil.
func (w *WebSub) polled(feed string, header http.Header, parsed *Parsed, fresh int) {
	if w == nil {
		return
	}
	hub, topic := links(header) // W3C WebSub §4: the headers come first
	hub, topic = cmp.Or(hub, parsed.Hub), cmp.Or(topic, parsed.Self, feed)
	w.mu.Lock()
	defer w.mu.Unlock()
	src := w.sources[feed]
	if src == nil {
		return
	}
	now := w.now()
	id := ""
	if hub != "" && isWeb(hub) && isWeb(topic) && len(hub)+len(topic) <= 4096 {
		id = subID(feed, hub, topic)
	}
	if s, ok := w.subs[id]; ok && s.State != subLeaving {
		if fresh > 0 && s.pushes(now) {
			s.missed++
			w.subs[id] = s
		}
		w.feeds[feed] = id
		return
	}
	w.feeds[feed] = id // whatever it wanted before leaves in the loop
	if id != "" {
		w.subs[id] = subscription{
			Version: subVersion, ID: id, Feed: feed, Hub: hub, Topic: topic, Private: src.AllowPrivate,
			Token: secret(), Secret: secret(), State: subWanted, Due: now,
		}
	}
	w.kick()
}

func subID(feed, hub, topic string) string { return pipeline.Key(feed + "\n" + hub + "\n" + topic) }

func secret() string {
	var b [24]byte
	rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

func (w *WebSub) kick() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// Run subscribes, renews and unsubscribes until ctx is done. Only one process
// may run it at a time: the one that polls.
func (w *WebSub) Run(ctx context.Context) error {
	for !w.load(ctx) {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(w.p.cfg.FullWait):
		}
	}
	var asking sync.WaitGroup
	defer asking.Wait()
	slots := make(chan struct{}, hubsAtOnce)
	busy := make(map[string]bool) // under w.mu
	timer := time.NewTimer(0)
	defer timer.Stop()
	for ctx.Err() == nil {
		due, wait := w.due(busy)
		for _, id := range due {
			slots <- struct{}{}
			asking.Go(func() {
				w.tend(ctx, id)
				w.mu.Lock()
				delete(busy, id)
				w.mu.Unlock()
				<-slots
				w.kick()
			})
		}
		timer.Reset(wait)
		select {
		case <-ctx.Done():
		case <-w.wake:
		case <-timer.C:
		}
	}
	return nil
}

var errSnapshot = errors.New("feeds: end of the snapshot")

// load reads the subscriptions of earlier runs. It reads the whole bucket, once.
func (w *WebSub) load(ctx context.Context) bool {
	found := make(map[string]subscription)
	err := w.p.kv.Watch(ctx, func(e pipeline.Entry) error {
		if e.Key == "" {
			return errSnapshot
		}
		if s, ok := readSubscription(e); ok {
			found[s.ID] = s
		}
		return nil
	})
	if !errors.Is(err, errSnapshot) {
		if ctx.Err() == nil {
			w.lg.Warn("subscriptions not readable", "error", err)
		}
		return false
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for id, s := range found {
		w.subs[id] = s
		// A document read meanwhile knows better.
		if _, ok := w.feeds[s.Feed]; !ok && s.State != subLeaving {
			w.feeds[s.Feed] = id
		}
	}
	return true
}

func readSubscription(e pipeline.Entry) (s subscription, ok bool) {
	if !strings.HasPrefix(e.Key, subPrefix) {
		return s, false
	}
	err := json.Unmarshal(e.Value, &s)
	return s, err == nil && s.Version == subVersion && subPrefix+s.ID == e.Key
}

// due is the subscriptions to be tended now, which are marked busy, and how
// long until the next. It counts them too.
func (w *WebSub) due(busy map[string]bool) (ids []string, wait time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.now()
	wait = time.Hour
	count := map[string]float64{subWanted: 0, subActive: 0, subDenied: 0, subLeaving: 0}
	for id, s := range w.subs {
		if s.State != subLeaving && (w.sources[s.Feed] == nil || w.feeds[s.Feed] != id) {
			// Removed from the catalog, or moved to another hub or topic.
			s.State, s.Left, s.Due, s.Failures = subLeaving, now, now, 0
			w.subs[id] = s
		}
		count[s.State]++
		switch {
		case busy[id]:
		case !s.Due.After(now):
			busy[id] = true
			ids = append(ids, id)
		default:
			wait = min(wait, s.Due.Sub(now))
		}
	}
	for state, n := range count {
		w.metrics.subscriptions.WithLabelValues(state).Set(n)
	}
	for feed := range w.feeds {
		if w.sources[feed] == nil {
			delete(w.feeds, feed)
		}
	}
	return ids, wait
}

// tend asks the hub what is due of one subscription. What is stored comes
// first: a hub may verify before it answers.
func (w *WebSub) tend(ctx context.Context, id string) {
	w.mu.Lock()
	here := w.subs[id]
	w.mu.Unlock()
	now := w.now()
	ask := true
	s, err := w.edit(ctx, id, func(s *subscription) bool {
		switch {
		case s.ID == "": // first time
			*s = here
		case here.State == subLeaving && s.State != subLeaving:
			s.State, s.Left, s.Failures = subLeaving, here.Left, 0
		case here.State == subWanted && s.State == subLeaving:
			*s = here // wanted again, with a new secret
		case s.Due.After(now):
			ask = false // another process was called by the hub meanwhile
			return false
		}
		if s.State == subDenied {
			s.State = subWanted
		}
		s.Failures++ // until the hub verifies
		s.Due = now.Add(min(verifyWait<<min(s.Failures-1, 6), maxRetry))
		return true
	})
	if err != nil {
		if ctx.Err() == nil {
			w.lg.Warn("subscription not stored", "feed", here.Feed, "error", err)
		}
		w.later(id, now.Add(firstRetry))
		return
	}
	if !ask {
		return
	}
	if s.State == subLeaving && (now.Sub(s.Left) > leaveFor || s.Expires.IsZero() && s.Failures > 1) {
		w.drop(ctx, id)
		return
	}
	mode := "subscribe"
	if s.State == subLeaving {
		mode = "unsubscribe"
	}
	err = w.ask(ctx, &s, mode)
	if ctx.Err() != nil {
		return // asked again at the next start
	}
	w.metrics.asked(mode, err)
	if err == nil {
		w.lg.Info("hub asked", "mode", mode, "feed", s.Feed, "hub", s.Hub)
		return
	}
	w.lg.Warn("hub refuses or can't be asked", "mode", mode, "feed", s.Feed, "hub", s.Hub, "error", err)
	_, err = w.edit(ctx, id, func(s *subscription) bool {
		s.Error = clip(err.Error(), 300)
		s.Due = w.now().Add(min(firstRetry<<min(max(s.Failures-1, 0), 12), maxRetry))
		return true
	})
	if err != nil && !errors.Is(err, pipeline.ErrNotFound) {
		w.later(id, now.Add(verifyWait))
	}
}

// later puts off what could not be stored.
func (w *WebSub) later(id string, at time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if s, ok := w.subs[id]; ok {
		s.Due = at
		w.subs[id] = s
	}
}

// drop forgets a subscription.
func (w *WebSub) drop(ctx context.Context, id string) {
	if err := w.p.kv.Delete(ctx, subPrefix+id); err != nil && !errors.Is(err, pipeline.ErrNotFound) {
		w.later(id, w.now().Add(firstRetry))
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.subs, id)
	maps.DeleteFunc(w.feeds, func(_, of string) bool { return of == id })
}

// edit changes what is stored of a subscription, against the revision it read,
// and keeps what is known here in step. change answers false to leave it as it
// is. It is given the zero value where nothing is stored, and is called again
// when somebody else was quicker.
func (w *WebSub) edit(ctx context.Context, id string, change func(*subscription) bool) (subscription, error) {
	for {
		e, err := w.p.kv.Get(ctx, subPrefix+id)
		var s subscription
		switch {
		case errors.Is(err, pipeline.ErrNotFound):
		case err != nil:
			return s, err
		default:
			s, _ = readSubscription(e)
		}
		if change(&s) {
			if s.ID == "" {
				return s, fmt.Errorf("subscription %s: %w", id, pipeline.ErrNotFound)
			}
			data, err := json.Marshal(s)
			if err != nil {
				return s, err
			}
			_, err = w.p.kv.Update(ctx, subPrefix+id, data, e.Revision)
			if errors.Is(err, pipeline.ErrConflict) || errors.Is(err, pipeline.ErrExists) {
				continue
			}
			if err != nil {
				return s, err
			}
		}
		if s.ID != "" {
			w.mu.Lock()
			s.missed = w.subs[id].missed
			w.subs[id] = s
			w.mu.Unlock()
		}
		return s, nil
	}
}

// ask sends a subscription request (W3C WebSub §5.1): 202 is a yes, to be
// verified; anything else a no.
func (w *WebSub) ask(ctx context.Context, s *subscription, mode string) error {
	form := url.Values{"hub.mode": {mode}, "hub.topic": {s.Topic}, "hub.callback": {w.callback(s)}}
	if mode == "subscribe" {
		form.Set("hub.secret", s.Secret)
		form.Set("hub.lease_seconds", strconv.Itoa(int(w.cfg.Lease.Seconds())))
	}
	ctx, cancel := context.WithTimeout(ctx, hubWait)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.Hub, strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	client := w.clients.Public
	if s.Private {
		client = w.clients.Private
	}
	resp, err := client.Do(req)
	if err != nil {
		var ue *url.Error
		if errors.As(err, &ue) {
			err = ue.Err // without the address, which the caller has
		}
		return err
	}
	defer resp.Body.Close()
	said, _ := io.ReadAll(io.LimitReader(resp.Body, 300)) // whatever came of it
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return fmt.Errorf("%s: %s", resp.Status, bytes.TrimSpace(said))
	}
	return nil
}

// callback is the address the hub calls for the subscription.
func (w *WebSub) callback(s *subscription) string { return w.cfg.Callback + "/" + s.ID + s.Token }
