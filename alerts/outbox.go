package alerts

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/newswatch/newswatch/alerts/notify"
	"github.com/newswatch/newswatch/pipeline"
)

// A Store is where alerts and their deliveries are kept.
type Store interface {
	// Last is the alert as last saved, and the sequence of that.
	Last(ctx context.Context, subject string) (pipeline.Alert, uint64, error)
	// Save stores a if expect is still its last sequence; else it answers
	// pipeline.ErrConflict.
	Save(ctx context.Context, a pipeline.Alert, expect uint64) (uint64, error)
}

// Notifiers finds the notifier of a channel.
type Notifiers interface {
	Notifier(channel string) (notify.Notifier, error)
}

// An Outbox delivers alerts to their channels.
type Outbox struct {
	lg        *slog.Logger
	store     Store
	notifiers Notifiers
	cfg       Config
	metrics   outboxMetrics
	now       func() time.Time
	random    func() float64 // from 0 to 1
}

type outboxMetrics struct {
	attempts *prometheus.CounterVec // by result: sent, retry, failed
	latency  prometheus.Histogram
}

// Results of an attempt, in metrics.
const (
	resultSent   = "sent"
	resultRetry  = "retry"
	resultFailed = "failed"
)

// NewOutbox is an outbox that sends through the notifiers and remembers in the store.
func NewOutbox(lg *slog.Logger, reg prometheus.Registerer, store Store, notifiers Notifiers, cfg Config) *Outbox {
	if len(cfg.Retries) == 0 {
		cfg.Retries = standardRetries
	}
	o := &Outbox{
		lg: lg.With("component", "outbox"), store: store, notifiers: notifiers, cfg: cfg,
		now: time.Now, random: rand.Float64,
		metrics: outboxMetrics{
			attempts: prometheus.NewCounterVec(prometheus.CounterOpts{
				Name: "newswatch_alerts_attempts_total",
				Help: "Attempts to deliver an alert to a channel, by result: sent, retry, failed (for good).",
			}, []string{"result"}),
			latency: prometheus.NewHistogram(prometheus.HistogramOpts{
				Name:    "newswatch_alerts_delivery_seconds",
				Help:    "Time from an alert's queueing to its being sent to all channels.",
				Buckets: prometheus.ExponentialBuckets(0.01, 4, 12),
			}),
		},
	}
	reg.MustRegister(o.metrics.attempts, o.metrics.latency)
	for _, r := range []string{resultSent, resultRetry, resultFailed} {
		o.metrics.attempts.WithLabelValues(r)
	}
	return o
}

// Handle carries the delivery of an alert on by at most one attempt. It is the
// consumer of the alerts stream; handed is what the message says.
//
// After an attempt the alert is saved, and the message of that save carries on:
// handed is then done, whatever came of the attempt. Until a next attempt is
// due it asks for handed again with [pipeline.Later], which counts no failure.
func (o *Outbox) Handle(ctx context.Context, handed pipeline.Alert) error {
	a, seq, err := o.store.Last(ctx, pipeline.AlertSubject(handed.Watch, handed.Dedup))
	switch {
	case errors.Is(err, pipeline.ErrNotFound):
		return nil // it was aged out or deleted: nothing to deliver any more
	case err != nil:
		return fmt.Errorf("alert %s: %w", handed.ID, err)
	}
	if a.State != pipeline.AlertQueued {
		return nil
	}
	// Only the newest message works, else two would send at once: the stream
	// hands out that of each save, too.
	if newest, err := same(handed, a); err != nil || !newest {
		return err
	}
	i := nextDelivery(a.Deliveries)
	if i < 0 { // it has no channels: what is to be done is done
		return o.save(ctx, a, seq, func(a *pipeline.Alert) bool { return true })
	}
	d := a.Deliveries[i]
	if wait := d.Next.Sub(o.now()); wait > 0 {
		return pipeline.Later(wait, fmt.Errorf("alert %s: next attempt at channel %s", a.ID, d.Channel))
	}
	err = o.send(ctx, a, d.Channel)
	if ctx.Err() != nil && err != nil {
		// We were stopped, not the receiver: no attempt to count.
		return fmt.Errorf("alert %s: channel %s: %w", a.ID, d.Channel, ctx.Err())
	}
	attempted := o.now().UTC()
	return o.save(ctx, a, seq, func(a *pipeline.Alert) bool { return o.record(a, d.Channel, attempted, err) })
}

// same says whether two alerts are one and the same state.
func same(a, b pipeline.Alert) (bool, error) {
	x, err := json.Marshal(a)
	if err != nil {
		return false, pipeline.Permanent("encode", err)
	}
	y, err := json.Marshal(b)
	if err != nil {
		return false, pipeline.Permanent("encode", err)
	}
	return bytes.Equal(x, y), nil
}

// nextDelivery is the delivery that is due first, those never tried before
// others; -1: none is left.
func nextDelivery(ds []pipeline.Attempts) int {
	next := -1
	for i, d := range ds {
		if d.State == pipeline.AlertQueued && (next < 0 || d.Next.Before(ds[next].Next)) {
			next = i
		}
	}
	return next
}

func (o *Outbox) send(ctx context.Context, a pipeline.Alert, channel string) error {
	n, err := o.notifiers.Notifier(channel)
	if err != nil {
		return err
	}
	return n.Notify(ctx, notify.Message{ID: a.ID, Alert: a})
}

// record enters the outcome of an attempt. It says false where another process
// has entered a better one meanwhile.
func (o *Outbox) record(a *pipeline.Alert, channel string, at time.Time, err error) bool {
	i := slices.IndexFunc(a.Deliveries, func(d pipeline.Attempts) bool { return d.Channel == channel })
	if i < 0 || a.Deliveries[i].State == pipeline.AlertSent {
		return false
	}
	d := &a.Deliveries[i]
	d.Tries++
	if d.First.IsZero() {
		d.First = at
	}
	d.Last, d.Next, d.Error = at, time.Time{}, ""
	if err == nil {
		d.State = pipeline.AlertSent
		o.metrics.attempts.WithLabelValues(resultSent).Inc()
		return true
	}
	d.Error = err.Error()
	var failure *notify.Error
	errors.As(err, &failure)
	switch {
	case failure != nil && failure.Permanent:
		d.State = pipeline.AlertFailed
	case d.Tries >= len(o.cfg.Retries):
		d.State = pipeline.AlertFailed
		d.Error = fmt.Sprintf("given up after %d attempts; the last: %s", d.Tries, d.Error)
	default:
		d.State = pipeline.AlertQueued
		d.Next = at.Add(o.wait(d.Tries, failure))
	}
	result := resultRetry
	if d.State == pipeline.AlertFailed {
		result = resultFailed
	}
	o.metrics.attempts.WithLabelValues(result).Inc()
	o.lg.Warn("alert not delivered", "alert", a.ID, "channel", channel, "tries", d.Tries, "result", result, "error", err)
	return true
}

// wait is how long to wait after so many attempts: what the schedule says or
// what the receiver asked for, the longer, and up to a tenth more so that
// receivers don't get everything at once.
func (o *Outbox) wait(tries int, failure *notify.Error) time.Duration {
	d := time.Duration(o.cfg.Retries[tries])
	if failure != nil {
		d = max(d, failure.RetryAfter)
	}
	return d + time.Duration(o.random()*float64(d)/10)
}

// saveTimeout bounds the saving of an attempt that has been made.
const saveTimeout = 10 * time.Second

// save makes the change and stores the alert. Where it was changed meanwhile,
// the change is made to its newest state; change says whether it still applies.
func (o *Outbox) save(ctx context.Context, a pipeline.Alert, seq uint64, change func(*pipeline.Alert) bool) error {
	// An attempt that was made is to be remembered although we stop.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), saveTimeout)
	defer cancel()
	for {
		a.Deliveries = slices.Clone(a.Deliveries)
		if !change(&a) {
			return nil
		}
		settle(&a, o.now().UTC())
		_, err := o.store.Save(ctx, a, seq)
		switch {
		case err == nil:
			if a.State == pipeline.AlertSent {
				o.metrics.latency.Observe(a.Sent.Sub(a.Queued).Seconds())
			}
			return nil
		case errors.Is(err, pipeline.ErrFull):
			return pipeline.Later(fullWait, fmt.Errorf("alert %s: %w", a.ID, err))
		case !errors.Is(err, pipeline.ErrConflict):
			return fmt.Errorf("alert %s: save: %w", a.ID, err)
		}
		a, seq, err = o.store.Last(ctx, pipeline.AlertSubject(a.Watch, a.Dedup))
		if errors.Is(err, pipeline.ErrNotFound) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("alert %s: %w", a.ID, err)
		}
	}
}

// fullWait is how long a full stream is left alone.
const fullWait = 5 * time.Second

// settle sets the alert's state by those of its deliveries.
func settle(a *pipeline.Alert, now time.Time) {
	a.State = pipeline.AlertSent
	for _, d := range a.Deliveries {
		switch d.State {
		case pipeline.AlertQueued:
			a.State, a.Sent = pipeline.AlertQueued, time.Time{}
			return
		case pipeline.AlertFailed:
			a.State = pipeline.AlertFailed
		}
	}
	a.Sent = time.Time{}
	if a.State == pipeline.AlertSent {
		a.Sent = now
	}
}

// Resend queues an alert again for the channels that have not got it or, where
// all have, for all. It is the same alert, with the same id.
func (o *Outbox) Resend(ctx context.Context, watch, dedup string) error {
	a, seq, err := o.store.Last(ctx, pipeline.AlertSubject(watch, dedup))
	if err != nil {
		return fmt.Errorf("alert %s.%s: %w", watch, dedup, err)
	}
	all := !slices.ContainsFunc(a.Deliveries, func(d pipeline.Attempts) bool { return d.State != pipeline.AlertSent })
	return o.save(ctx, a, seq, func(a *pipeline.Alert) bool {
		for i, d := range a.Deliveries {
			if all || d.State != pipeline.AlertSent {
				a.Deliveries[i] = pipeline.Attempts{Channel: d.Channel, State: pipeline.AlertQueued, First: d.First, Last: d.Last, Error: d.Error}
			}
		}
		return true
	})
}
