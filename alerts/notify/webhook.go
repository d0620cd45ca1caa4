package notify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/newswatch/newswatch/pipeline/catalog"
)

// Of Standard Webhooks 1.0.0, "Operational considerations".
const (
	webhookTimeout = 15 * time.Second // recommended: 15 to 30 s
	maxRetryAfter  = 24 * time.Hour   // the longest delay of the schedule
)

// maxSecretFile bounds what is read of a file that should hold one line.
const maxSecretFile = 64 << 10

// A webhook posts alerts as Standard Webhooks has it: signed, with an id that
// stays the same, 2xx the only success, redirects not followed. A receiver that
// answers 410 Gone gets nothing more until the channel is changed.
type webhook struct {
	client Doer
	ch     catalog.Channel
	now    func() time.Time
	gone   atomic.Bool
}

func newWebhook(client Doer, ch catalog.Channel) *webhook {
	return &webhook{client: client, ch: ch, now: time.Now}
}

func (w *webhook) Notify(ctx context.Context, m Message) error {
	if w.gone.Load() {
		return permanent("the receiver answered 410 Gone before: the channel is off until it is changed")
	}
	ctx, cancel := context.WithTimeout(ctx, webhookTimeout)
	defer cancel()
	req, err := w.request(ctx, m)
	if err != nil {
		return err
	}
	resp, err := w.client.Do(req)
	if err != nil {
		return fmt.Errorf("post to %s: %w", redacted(req.URL), unwrapURL(err))
	}
	defer resp.Body.Close()
	// A short body is read so that the connection can be used again.
	_, _ = io.CopyN(io.Discard, resp.Body, 4<<10)
	return w.verdict(req, resp)
}

// request is the signed request.
func (w *webhook) request(ctx context.Context, m Message) (*http.Request, error) {
	address, err := value(w.ch.URL, w.ch.URLFile)
	if err != nil {
		return nil, fmt.Errorf("url_file: %w", err)
	}
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		// The parser's error would show the address.
		return nil, errors.New("the channel's url is no http or https address")
	}
	body, err := payload(m.Alert)
	if err != nil {
		return nil, &Error{Permanent: true, Err: err}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), bytes.NewReader(body))
	if err != nil {
		return nil, errors.New("the channel's url makes no request")
	}
	id, now := webhookID(m.ID), w.now()
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set(standardwebhooks.HeaderWebhookID, id)
	req.Header.Set(standardwebhooks.HeaderWebhookTimestamp, strconv.FormatInt(now.Unix(), 10))
	if w.ch.SecretFile == "" {
		return req, nil
	}
	signature, err := w.sign(id, now, body)
	if err != nil {
		return nil, err
	}
	req.Header.Set(standardwebhooks.HeaderWebhookSignature, signature)
	return req, nil
}

// webhookID is the alert's id without the full stop, which the specification
// bars from ids as it sets apart what is signed.
func webhookID(alert string) string { return strings.ReplaceAll(alert, ".", "_") }

func (w *webhook) sign(id string, at time.Time, body []byte) (string, error) {
	secret, err := value("", w.ch.SecretFile)
	if err != nil {
		return "", fmt.Errorf("secret_file: %w", err)
	}
	hook, err := standardwebhooks.NewWebhook(secret)
	if err != nil || strings.TrimPrefix(secret, "whsec_") == "" {
		// The library's error would show part of the secret.
		return "", fmt.Errorf("secret_file: %s does not hold a secret of the form whsec_ and base64", w.ch.SecretFile)
	}
	return hook.Sign(id, at, body)
}

// verdict says what an answer means.
func (w *webhook) verdict(req *http.Request, resp *http.Response) error {
	status := resp.StatusCode
	err := fmt.Errorf("%s answered %d %s", redacted(req.URL), status, http.StatusText(status))
	switch {
	case resp.Request != nil && resp.Request.URL.String() != req.URL.String():
		return fmt.Errorf("%s redirected; set the channel's url to where it leads", redacted(req.URL))
	case status >= 200 && status < 300:
		return nil
	case status >= 300 && status < 400:
		return fmt.Errorf("%w: redirects are not followed; set the channel's url to where it leads", err)
	case status == http.StatusGone:
		w.gone.Store(true)
		return &Error{Permanent: true, Err: err}
	case status == http.StatusRequestTimeout, status == http.StatusTooEarly, status == http.StatusTooManyRequests, status >= 500:
		return &Error{RetryAfter: w.retryAfter(resp.Header.Get("Retry-After")), Err: err}
	default:
		return &Error{Permanent: true, Err: err}
	}
}

// retryAfter reads the header of RFC 9110, 10.2.3: seconds or a date.
func (w *webhook) retryAfter(v string) time.Duration {
	v = strings.TrimSpace(v)
	if s, err := strconv.ParseUint(v, 10, 31); err == nil {
		return min(time.Duration(s)*time.Second, maxRetryAfter)
	}
	if t, err := http.ParseTime(v); err == nil {
		return min(max(t.Sub(w.now()), 0), maxRetryAfter)
	}
	return 0
}

// value is a setting given as it is or by a file.
func value(plain, file string) (string, error) {
	if file == "" {
		return plain, nil
	}
	f, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxSecretFile))
	return strings.TrimSpace(string(data)), err
}

// redacted is an address without what may be secret: everything but its host.
func redacted(u *url.URL) string { return u.Scheme + "://" + u.Host + "/…" }

// unwrapURL takes off the wrapping that repeats the address.
func unwrapURL(err error) error {
	var ue *url.Error
	if errors.As(err, &ue) {
		return ue.Err
	}
	return err
}
