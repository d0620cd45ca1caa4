// Package notify brings an alert to a channel: one file per kind of channel.
//
// In go a [Message] and the catalog's definition of a channel; out goes one
// attempt, whose error says whether another may help. Retrying, counting and
// remembering are the outbox's. It owns no stored keys. Secrets and addresses
// are read from their files at every attempt and stand in no log or error.
package notify

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/newswatch/newswatch/pipeline"
	"github.com/newswatch/newswatch/pipeline/catalog"
)

// A Message is one alert on its way to a channel.
type Message struct {
	ID    string // the same at every attempt: a receiver drops what it has seen
	Alert pipeline.Alert
}

// A Notifier is one channel.
type Notifier interface {
	// Notify makes one attempt. A nil error means that the receiver has the
	// message. An *Error says more of a failure; any other may pass.
	Notify(ctx context.Context, m Message) error
}

// An Error is a failed attempt.
type Error struct {
	Permanent  bool          // no attempt will do better
	RetryAfter time.Duration // what the receiver asked for; 0: nothing
	Err        error
}

func (e *Error) Error() string { return e.Err.Error() }
func (e *Error) Unwrap() error { return e.Err }

func permanent(format string, args ...any) error {
	return &Error{Permanent: true, Err: fmt.Errorf(format, args...)}
}

// ErrNoChannel is the error of a channel the catalog lacks. It may pass: the
// catalog may not have been read yet.
var ErrNoChannel = errors.New("notify: no such channel in the catalog")

// A Doer makes HTTP requests. It must not follow redirects, and it decides
// which addresses may be reached.
type Doer interface {
	Do(req *http.Request) (*http.Response, error)
}

// Clients are what channels reach the world by: Private for those that may be
// on a private network, Public for the others.
type Clients struct {
	Public  Doer
	Private Doer
}

func (c Clients) of(ch catalog.Channel) Doer {
	if ch.AllowPrivate {
		return c.Private
	}
	return c.Public
}

// New is the notifier of a channel.
func New(lg *slog.Logger, clients Clients, ch catalog.Channel) (Notifier, error) {
	switch ch.Kind {
	case catalog.ChannelLog:
		return &logChannel{lg.With("channel", ch.ID)}, nil
	case catalog.ChannelWebhook:
		return newWebhook(clients.of(ch), ch), nil
	default:
		return nil, fmt.Errorf("channel %s: kind %q is not available yet", ch.ID, ch.Kind)
	}
}

// A Set is the notifiers of the catalog's channels.
type Set struct {
	lg      *slog.Logger
	clients Clients
	entries atomic.Pointer[map[string]entry]
}

// An entry is a channel's definition and its notifier, or why there is none.
type entry struct {
	ch       catalog.Channel
	notifier Notifier
	err      error
}

// NewSet is a set without channels.
func NewSet(lg *slog.Logger, clients Clients) *Set {
	s := &Set{lg: lg.With("component", "notify"), clients: clients}
	s.entries.Store(&map[string]entry{})
	return s
}

// SetChannels replaces the channels. One whose definition is the same keeps its
// notifier, and what that remembers.
func (s *Set) SetChannels(channels []catalog.Channel) {
	old := *s.entries.Load()
	entries := maps.Clone(old)
	clear(entries)
	for _, ch := range channels {
		if e, ok := old[ch.ID]; ok && e.ch == ch {
			entries[ch.ID] = e
			continue
		}
		n, err := New(s.lg, s.clients, ch)
		if err != nil {
			s.lg.Warn("channel left out", "channel", ch.ID, "error", err)
		}
		entries[ch.ID] = entry{ch, n, err}
	}
	s.entries.Store(&entries)
}

// Notifier is the notifier of the channel with the id.
func (s *Set) Notifier(channel string) (Notifier, error) {
	e, ok := (*s.entries.Load())[channel]
	if !ok {
		return nil, fmt.Errorf("%w: %s", ErrNoChannel, channel)
	}
	return e.notifier, e.err
}
