package jet

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/newswatch/newswatch/pipeline"
)

// ErrLeaseLost is the cause (context.Cause) of a context that [Node.Hold]
// cancelled because another node may hold the lease.
var ErrLeaseLost = errors.New("jet: lease lost")

// Hold runs fn while this node holds the lease of that name; of all nodes one
// does. It waits for the lease, keeps it while fn runs, and gives it back when
// fn returns. Then it returns fn's error; nil where ctx was done before fn ran.
//
// fn's context is done with ctx, or, with cause [ErrLeaseLost], as soon as the
// lease is lost or could not be renewed for two thirds of its life; once fn
// has returned, Hold waits for the lease anew. The token grows with each
// holder: whoever is handed a lower one than it has seen should refuse.
//
// The lease is the key's revision: each renewal makes a new one, and who waits
// takes over when it saw none for a lease's life by its own clock. No two
// clocks are compared.
func (n *Node) Hold(ctx context.Context, name string, fn func(ctx context.Context, token uint64) error) error {
	ctx, leave, err := n.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	if _, err := n.KV(ctx, pipeline.BucketLeases); err != nil {
		return err
	}
	n.mu.Lock()
	kv := n.buckets[pipeline.BucketLeases]
	n.mu.Unlock()
	var nonce [6]byte
	rand.Read(nonce[:]) // never fails
	l := &lease{
		n: n, kv: kv, key: name,
		value: []byte(n.cfg.Node + " " + hex.EncodeToString(nonce[:])),
		ttl:   n.cfg.LeaseTTL,
	}
	for {
		if !l.acquire(ctx) {
			return nil
		}
		err := l.run(ctx, fn)
		if !errors.Is(err, ErrLeaseLost) || ctx.Err() != nil {
			return err
		}
		n.lg.Warn("lease lost", "lease", name, "error", err)
	}
}

// A lease is one caller's try at a key of the leases bucket. Its value is the
// holder: node, space, a random part.
type lease struct {
	n     *Node
	kv    *keyValue
	key   string
	value []byte
	ttl   time.Duration

	rev     uint64    // of our last renewal
	renewed time.Time // when that was sent
}

// acquire waits for the lease; false when ctx is done.
func (l *lease) acquire(ctx context.Context) bool {
	var seen uint64
	var since time.Time
	for {
		sent := l.n.now()
		e, err := l.kv.Get(ctx, l.key)
		switch {
		case errors.Is(err, pipeline.ErrNotFound):
			e.Revision = 0
		case err != nil:
			l.n.lg.Debug("lease not read", "lease", l.key, "error", err)
		case e.Revision != seen:
			// Held and alive, as far as we know: it has a life from now.
			seen, since = e.Revision, l.n.now()
			err = errors.New("held")
		case l.n.now().Sub(since) < l.ttl:
			err = errors.New("held")
		default:
			err = nil
		}
		if err == nil || errors.Is(err, pipeline.ErrNotFound) {
			rev, err := l.kv.Update(ctx, l.key, l.value, e.Revision)
			if err == nil {
				l.rev, l.renewed = rev, sent
				return true
			}
		}
		select {
		case <-ctx.Done():
			return false
		case <-time.After(l.ttl / 12):
		}
	}
}

// run calls fn and renews the lease until it has returned, also while it winds
// up after ctx is done.
func (l *lease) run(ctx context.Context, fn func(context.Context, uint64) error) error {
	held, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	token := l.rev
	renewing, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	lost := make(chan error, 1)
	go func() {
		err := l.renew(renewing)
		if err != nil {
			cancel(err)
		}
		lost <- err
	}()
	err := fn(held, token)
	stop()
	if lostErr := <-lost; lostErr != nil {
		return lostErr
	}
	release, done := context.WithTimeout(context.WithoutCancel(ctx), l.ttl)
	defer done()
	if err := l.kv.deleteAt(release, l.key, l.rev); err != nil {
		// It ends by itself after its life.
		l.n.lg.Warn("lease not released", "lease", l.key, "error", err)
	}
	return err
}

// renew keeps the lease until ctx is done (nil), or says how it was lost.
func (l *lease) renew(ctx context.Context) error {
	wait := l.ttl / 3
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
		err := l.renewOnce(ctx)
		switch {
		case err == nil:
			wait = l.ttl / 3
		case errors.Is(err, ErrLeaseLost):
			return err
		case l.n.now().Sub(l.renewed) >= l.ttl*2/3:
			return fmt.Errorf("%w: not renewed for %v: %w", ErrLeaseLost, l.ttl*2/3, err)
		default:
			wait = l.ttl / 12
		}
	}
}

func (l *lease) renewOnce(ctx context.Context) error {
	sent := l.n.now()
	try, done := context.WithTimeout(context.WithoutCancel(ctx), l.ttl/6)
	defer done()
	rev, err := l.kv.Update(try, l.key, l.value, l.rev)
	if err == nil {
		l.rev, l.renewed = rev, sent
		return nil
	}
	if !errors.Is(err, pipeline.ErrConflict) {
		return err
	}
	// A renewal that ran out of time may have been stored: then the
	// revision we don't know is our own.
	e, err := l.kv.Get(try, l.key)
	switch {
	case errors.Is(err, pipeline.ErrNotFound):
		return fmt.Errorf("%w: removed", ErrLeaseLost)
	case err != nil:
		return err
	case string(e.Value) != string(l.value):
		return fmt.Errorf("%w: taken by %s", ErrLeaseLost, e.Value)
	}
	l.rev = e.Revision
	return errors.New("revision changed by an earlier try")
}

// clearLeases removes the leases of the process that used the data folder
// before: the lock shows that it is no more, so nobody need wait for their end.
func (n *Node) clearLeases(ctx context.Context) error {
	if n.emb == nil || n.emb.former == "" {
		return nil
	}
	n.mu.Lock()
	kv := n.buckets[pipeline.BucketLeases]
	n.mu.Unlock()
	keys, err := kv.kv.ListKeys(ctx)
	if err != nil && !errors.Is(err, jetstream.ErrNoKeysFound) {
		return fmt.Errorf("leases: %w", err)
	}
	for key := range keys.Keys() {
		e, err := kv.Get(ctx, key)
		if errors.Is(err, pipeline.ErrNotFound) || err == nil && !strings.HasPrefix(string(e.Value), n.emb.former+" ") {
			continue
		}
		if err == nil {
			err = kv.deleteAt(ctx, key, e.Revision)
		}
		if err != nil && !errors.Is(err, pipeline.ErrConflict) {
			return fmt.Errorf("leases: %w", err)
		}
	}
	return nil
}
