package fetch

import (
	"sync"
	"time"
)

// A recall is what is remembered of hosts, each for its time, and at most so
// many.
type recall[V any] struct {
	mu  sync.Mutex
	m   map[string]recalled[V]
	max int
	now func() time.Time
}

type recalled[V any] struct {
	v     V
	until time.Time
}

func newRecall[V any](limit int, now func() time.Time) *recall[V] {
	return &recall[V]{m: make(map[string]recalled[V]), max: limit, now: now}
}

func (r *recall[V]) get(key string) (V, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e, ok := r.m[key]
	if !ok || !r.now().Before(e.until) {
		var none V
		return none, false
	}
	return e.v, true
}

func (r *recall[V]) put(key string, v V, until time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.m) >= r.max {
		// What is stale goes, and of the rest whatever comes first: with room
		// made for many, not every put pays for a sweep.
		now, room := r.now(), r.max-r.max/8
		for k, e := range r.m {
			if len(r.m) >= room || !now.Before(e.until) {
				delete(r.m, k)
			}
		}
	}
	r.m[key] = recalled[V]{v, until}
}

func (r *recall[V]) drop(key string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.m, key)
}
