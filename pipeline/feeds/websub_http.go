package feeds

import (
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"hash/fnv"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/newswatch/newswatch/pipeline"
	"github.com/newswatch/newswatch/pipeline/catalog"
	"github.com/newswatch/newswatch/pipeline/fetch"
)

// What became of what hubs sent.
const (
	pushTaken    = "taken"    // items were published
	pushNothing  = "nothing"  // nothing new in it
	pushUnsigned = "unsigned" // no signature that could be read
	pushForged   = "forged"   // signed with another secret
	pushBroken   = "broken"   // not a feed
	pushHeld     = "held"     // the stream takes no more for now
	pushUnknown  = "unknown"  // for no subscription there is
)

type websubMetrics struct {
	subscriptions *prometheus.GaugeVec
	requests      *prometheus.CounterVec
	pushes        *prometheus.CounterVec
}

func newWebSubMetrics(reg prometheus.Registerer) *websubMetrics {
	m := &websubMetrics{
		subscriptions: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "newswatch_feeds_websub_subscriptions", Help: "Subscriptions at WebSub hubs, by state.",
		}, []string{"state"}),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "newswatch_feeds_websub_requests_total", Help: "Requests to WebSub hubs, by mode and whether the hub took them.",
		}, []string{"mode", "result"}),
		pushes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "newswatch_feeds_websub_pushes_total", Help: "What WebSub hubs sent, by what became of it.",
		}, []string{"result"}),
	}
	for _, s := range []string{subWanted, subActive, subDenied, subLeaving} {
		m.subscriptions.WithLabelValues(s)
	}
	for _, mode := range []string{"subscribe", "unsubscribe"} {
		m.requests.WithLabelValues(mode, "ok")
		m.requests.WithLabelValues(mode, "failed")
	}
	for _, r := range []string{pushTaken, pushNothing, pushUnsigned, pushForged, pushBroken, pushHeld, pushUnknown} {
		m.pushes.WithLabelValues(r)
	}
	reg.MustRegister(m.subscriptions, m.requests, m.pushes)
	return m
}

func (m *websubMetrics) asked(mode string, err error) {
	result := "ok"
	if err != nil {
		result = "failed"
	}
	m.requests.WithLabelValues(mode, result).Inc()
}

// Handler answers hubs, at the callback's path and below. It needs no other
// protection: an address that holds a subscription's token is known to its hub
// only, and what is pushed must be signed with its secret.
func (w *WebSub) Handler() http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Content-Type", "text/plain; charset=utf-8")
		rw.Header().Set("X-Content-Type-Options", "nosniff")
		if r.Method != http.MethodGet && r.Method != http.MethodPost {
			rw.Header().Set("Allow", "GET, POST")
			http.Error(rw, "for WebSub hubs: GET and POST", http.StatusMethodNotAllowed)
			return
		}
		s, err := w.called(r.Context(), r.URL.Path)
		switch {
		case errors.Is(err, pipeline.ErrNotFound):
			w.metrics.pushes.WithLabelValues(pushUnknown).Inc()
			http.Error(rw, "no such subscription", http.StatusNotFound)
		case err != nil:
			w.lg.Warn("subscription not readable", "error", err)
			http.Error(rw, "not now", http.StatusServiceUnavailable)
		case r.Method == http.MethodGet:
			w.verify(rw, r, s)
		default:
			w.take(rw, r, s)
		}
	})
}

// called is the subscription a hub means by the last element of the path: its
// id and its token.
func (w *WebSub) called(ctx context.Context, path string) (subscription, error) {
	const idLen = 16
	last := path[strings.LastIndexByte(path, '/')+1:]
	if len(last) <= idLen || !isID(last[:idLen]) {
		return subscription{}, pipeline.ErrNotFound
	}
	e, err := w.p.kv.Get(ctx, subPrefix+last[:idLen])
	if err != nil {
		return subscription{}, err
	}
	s, ok := readSubscription(e)
	if !ok || subtle.ConstantTimeCompare([]byte(s.Token), []byte(last[idLen:])) != 1 {
		return subscription{}, pipeline.ErrNotFound
	}
	return s, nil
}

func isID(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// A verification is what a hub says with a GET (W3C WebSub §5.2, §5.3).
type verification struct {
	mode, topic, challenge, reason string
	lease                          time.Duration // 0: not said
}

// maxChallenge is far beyond any hub's; what is echoed is bounded.
const maxChallenge = 4096

// readVerification reads the query of a hub's GET.
func readVerification(query string) (v verification, err error) {
	q, err := url.ParseQuery(query)
	if err != nil {
		return v, errors.New("a query that can't be read")
	}
	v = verification{mode: q.Get("hub.mode"), topic: q.Get("hub.topic"), challenge: q.Get("hub.challenge"), reason: q.Get("hub.reason")}
	switch v.mode {
	case "denied":
		return v, nil
	case "subscribe", "unsubscribe":
	default:
		return v, errors.New("want hub.mode subscribe, unsubscribe or denied")
	}
	if v.challenge == "" || len(v.challenge) > maxChallenge {
		return v, errors.New("want a hub.challenge")
	}
	if l := q.Get("hub.lease_seconds"); l != "" {
		n, err := strconv.ParseInt(l, 10, 64)
		if err != nil || n < 0 {
			return v, errors.New("hub.lease_seconds: want a number of seconds")
		}
		v.lease = maxLease
		if n < int64(maxLease/time.Second) {
			v.lease = time.Duration(n) * time.Second
		}
	}
	return v, nil
}

// verify answers a hub that asks whether it was meant: 200 with its challenge
// is a yes, 404 a no.
func (w *WebSub) verify(rw http.ResponseWriter, r *http.Request, s subscription) {
	v, err := readVerification(r.URL.RawQuery)
	if err != nil {
		http.Error(rw, err.Error(), http.StatusBadRequest)
		return
	}
	if v.topic != s.Topic {
		http.Error(rw, "not the topic of this subscription", http.StatusNotFound)
		return
	}
	yes := false
	switch v.mode {
	case "unsubscribe":
		if yes = s.State == subLeaving; yes {
			w.drop(r.Context(), s.ID)
		}
	case "denied":
		_, err = w.edit(r.Context(), s.ID, func(s *subscription) bool {
			if s.State == subLeaving || s.ID == "" {
				return false
			}
			s.State, s.Error, s.Expires, s.Due = subDenied, clip("denied by the hub: "+v.reason, 300), time.Time{}, w.now().Add(deniedWait)
			return true
		})
		w.lg.Warn("hub denies a subscription", "feed", s.Feed, "hub", s.Hub, "reason", clip(v.reason, 300))
	default:
		yes, err = w.granted(r.Context(), s.ID, v.lease)
	}
	w.kick()
	switch {
	case err != nil:
		w.lg.Warn("subscription not stored", "feed", s.Feed, "error", err)
		http.Error(rw, "not now", http.StatusServiceUnavailable)
	case v.mode == "denied":
		fmt.Fprintln(rw, "noted")
	case !yes:
		http.Error(rw, "not wanted", http.StatusNotFound)
	default:
		_, _ = io.WriteString(rw, v.challenge) // a hub that has gone asks again
	}
}

// granted notes the lease a hub gives, unless the subscription is unwanted by now.
func (w *WebSub) granted(ctx context.Context, id string, lease time.Duration) (bool, error) {
	if lease <= 0 {
		lease = w.cfg.Lease // older hubs say none
	}
	s, err := w.edit(ctx, id, func(s *subscription) bool {
		if s.ID == "" || s.State == subLeaving {
			return false
		}
		now := w.now()
		s.State, s.Failures, s.Error = subActive, 0, ""
		s.Lease, s.Expires = lease, now.Add(lease)
		// At four fifths of the lease, a little earlier or later, so that what
		// was subscribed together is not renewed together.
		s.Due = now.Add(max(time.Duration(float64(lease)*(0.775+0.05*w.random())), minRenew))
		return true
	})
	return s.State == subActive, err
}

// take takes what a hub pushes.
//
// A push without a right signature is answered 202 like one that was taken, and
// ignored: W3C WebSub §7.1 allows that, and it tells a forger nothing. A push
// that finds the stream full is answered 503, so that the hub sends it again.
func (w *WebSub) take(rw http.ResponseWriter, r *http.Request, s subscription) {
	src := w.source(s.Feed)
	if src == nil || s.State == subLeaving {
		http.Error(rw, "unsubscribed", http.StatusGone)
		return
	}
	select {
	case w.slots <- struct{}{}:
		defer func() { <-w.slots }()
	case <-r.Context().Done():
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(rw, r.Body, maxBody))
	var big *http.MaxBytesError
	switch {
	case errors.As(err, &big):
		http.Error(rw, fmt.Sprintf("more than %d bytes", maxBody), http.StatusRequestEntityTooLarge)
		return
	case err != nil:
		http.Error(rw, "body not readable", http.StatusBadRequest)
		return
	}
	result := signed(r.Header.Get("X-Hub-Signature"), s.Secret, body)
	if result == "" {
		result, err = w.publish(r.Context(), s, src, body, r.Header.Get("Content-Type"))
	}
	w.metrics.pushes.WithLabelValues(result).Inc()
	switch result {
	case pushHeld:
		w.lg.Warn("pushed items not stored", "feed", s.Feed, "error", err)
		rw.Header().Set("Retry-After", strconv.Itoa(int(w.p.cfg.FullWait.Seconds())+1))
		http.Error(rw, "not now", http.StatusServiceUnavailable)
		return
	case pushTaken, pushNothing:
		w.lg.Debug("pushed", "feed", s.Feed, "result", result)
	default:
		w.lg.Warn("push ignored", "feed", s.Feed, "hub", s.Hub, "result", result, "error", err)
	}
	rw.WriteHeader(http.StatusAccepted)
}

// signed says what is wrong with a signature: empty, pushUnsigned, pushForged.
func signed(header, secret string, body []byte) string {
	method, sum, ok := readSignature(header)
	if !ok {
		return pushUnsigned
	}
	mac := hmac.New(method, []byte(secret))
	mac.Write(body)
	if !hmac.Equal(sum, mac.Sum(nil)) { // in constant time
		return pushForged
	}
	return ""
}

// readSignature reads an X-Hub-Signature header, "method=hex" (W3C WebSub §7):
// sha1 too, which as an HMAC is unbroken and which most hubs still use.
func readSignature(header string) (method func() hash.Hash, sum []byte, ok bool) {
	name, digits, ok := strings.Cut(strings.TrimSpace(header), "=")
	if !ok {
		return nil, nil, false
	}
	switch strings.ToLower(name) {
	case "sha1":
		method = sha1.New
	case "sha256":
		method = sha256.New
	case "sha384":
		method = sha512.New384
	case "sha512":
		method = sha512.New
	default:
		return nil, nil, false
	}
	sum, err := hex.DecodeString(digits)
	if err != nil || len(sum) != method().Size() {
		return nil, nil, false
	}
	return method, sum, true
}

// publish publishes what is new in a pushed document, by the way of a poll. The
// feed's own state stays as it is: its validators are of another document.
func (w *WebSub) publish(ctx context.Context, s subscription, src *catalog.Source, body []byte, contentType string) (string, error) {
	resp := &fetch.Response{URL: s.Topic, Header: http.Header{"Content-Type": {contentType}}, Body: body}
	parsed, err := w.p.parseBody(ctx, resp, ParseOptions{Feed: s.Feed, Lang: src.Lang, Now: w.now().UTC()})
	if err != nil {
		return pushBroken, err
	}
	defer w.alone(s.Feed)()
	st, err := loadState(ctx, w.p.kv, s.Feed)
	if err != nil {
		return pushHeld, err
	}
	known, pushed := st.Hashes.set(), w.items(s.Feed)
	var fresh hashes
	for i := len(parsed.Items) - 1; i >= 0; i-- { // the oldest first, as in a poll
		it := &parsed.Items[i]
		stamp(it, src)
		h := itemHash(it)
		if known[h] || pushed[h] {
			continue
		}
		// One that is there already, from another feed or a poll just now, is
		// left to the next poll, which knows which it is.
		n, err := w.p.put(ctx, it, true)
		if err != nil {
			w.note(ctx, s, fresh)
			return pushHeld, fmt.Errorf("%w: %s: %w", errHeld, it.Key, err)
		}
		if n > 0 {
			fresh = append(fresh, h)
		}
	}
	w.p.metrics.lost.Add(float64(parsed.Lost))
	w.note(ctx, s, fresh)
	if len(fresh) == 0 {
		return pushNothing, nil
	}
	return pushTaken, nil
}

// note remembers of a push what it published, so that polls know it. Were that
// lost, the next poll would publish the items once more, which changes nothing.
func (w *WebSub) note(ctx context.Context, s subscription, fresh hashes) {
	_, err := w.edit(context.WithoutCancel(ctx), s.ID, func(s *subscription) bool {
		if s.ID == "" {
			return false // unsubscribed meanwhile
		}
		s.LastPush = w.now()
		s.Items = append(s.Items, fresh...)
		s.Items = s.Items[max(0, len(s.Items)-maxPushed):]
		return true
	})
	if err != nil {
		w.lg.Warn("pushed items not noted", "feed", s.Feed, "error", err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if cur, ok := w.subs[s.ID]; ok {
		cur.missed = 0
		w.subs[s.ID] = cur
	}
}

// items is what was pushed of the feed lately. It may be asked of nil.
func (w *WebSub) items(feed string) map[uint64]bool {
	if w == nil {
		return nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.subs[w.feeds[feed]].Items.set()
}

// alone keeps a push and a poll of one feed apart while they publish; the
// answer ends that. It may be asked of nil.
func (w *WebSub) alone(feed string) (done func()) {
	if w == nil {
		return func() {}
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(feed)) // never fails
	m := &w.turns[h.Sum32()%uint32(len(w.turns))]
	m.Lock()
	return m.Unlock
}

// links reads the hub and the topic of an answer's Link headers (RFC 8288).
func links(h http.Header) (hub, self string) {
	for _, line := range h.Values("Link") {
		for line != "" {
			open := strings.IndexByte(line, '<')
			if open < 0 {
				break
			}
			length := strings.IndexByte(line[open:], '>')
			if length < 0 {
				break
			}
			target := strings.TrimSpace(line[open+1 : open+length])
			params := line[open+length+1:]
			line = ""
			if next := strings.IndexByte(params, '<'); next >= 0 {
				params, line = params[:next], params[next:]
			}
			for p := range strings.SplitSeq(params, ";") {
				name, value, _ := strings.Cut(strings.Trim(p, " ,\t"), "=")
				if !strings.EqualFold(strings.TrimSpace(name), "rel") {
					continue
				}
				for rel := range strings.FieldsSeq(strings.Trim(value, "\"' \t")) {
					switch {
					case strings.EqualFold(rel, "hub") && hub == "":
						hub = target
					case strings.EqualFold(rel, "self") && self == "":
						self = target
					}
				}
			}
		}
	}
	return hub, self
}
