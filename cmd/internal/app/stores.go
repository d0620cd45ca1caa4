package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/newswatch/newswatch/pipeline"
)

// published reads articles as last published.
type published struct {
	log    pipeline.Log
	shards pipeline.Shards
}

// Last answers pipeline.ErrNotFound for a key never published.
func (p published) Last(ctx context.Context, key string) (pipeline.Article, error) {
	a, _, err := pipeline.Articles.Last(ctx, p.log, p.shards.Subject(key))
	return a, err
}

// known is Last for those to whom an unknown article is no error.
func (p published) known(ctx context.Context, key string) (pipeline.Article, bool, error) {
	a, err := p.Last(ctx, key)
	if errors.Is(err, pipeline.ErrNotFound) {
		return a, false, nil
	}
	return a, err == nil, err
}

// outbox reads and updates alerts in their stream.
type outbox struct {
	log pipeline.Log
	bus pipeline.Bus
}

// Last returns the alert as last saved and the sequence of that.
func (o outbox) Last(ctx context.Context, subject string) (pipeline.Alert, uint64, error) {
	return pipeline.Alerts.Last(ctx, o.log, subject)
}

// Save stores the alert if expect is still its last sequence.
func (o outbox) Save(ctx context.Context, a pipeline.Alert, expect uint64) (uint64, error) {
	data, err := json.Marshal(a)
	if err != nil {
		return 0, fmt.Errorf("alert %s: %w", a.ID, err)
	}
	return o.bus.Publish(ctx, pipeline.StreamAlerts, pipeline.Message{
		Subject: pipeline.AlertSubject(a.Watch, a.Dedup), Data: data, Expect: &expect,
	})
}

// Get finds an alert by its id, "<watch>.<dedup>".
func (o outbox) Get(ctx context.Context, id string) (pipeline.Alert, error) {
	watch, dedup, ok := strings.Cut(id, ".")
	if !ok || watch == "" || dedup == "" || strings.ContainsAny(id, " *>") || strings.Contains(dedup, ".") {
		return pipeline.Alert{}, fmt.Errorf("alert %q: %w", id, pipeline.ErrNotFound)
	}
	a, _, err := o.Last(ctx, pipeline.AlertSubject(watch, dedup))
	return a, err
}
