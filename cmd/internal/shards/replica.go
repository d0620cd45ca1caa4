package shards

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/newswatch/newswatch/pipeline"
)

// States of a replica.
const (
	StateStarting = "starting"    // fetches a copy from another one; can't be asked
	StateBehind   = "catching up" // answers, but lacks articles
	StateReady    = "ready"
	StateStopped  = "stopped" // in good order
	StateLost     = "lost"    // gives no sign of life; a replica never says so itself
)

// A Replica is a copy of a shard, as it last told of itself.
type Replica struct {
	Shard      int       `json:"shard"`
	Replica    string    `json:"replica"`
	Node       string    `json:"node"` // name of its process on the bus
	State      string    `json:"state"`
	Documents  int       `json:"documents"`
	Bytes      int64     `json:"bytes"` // on disk
	Partitions int       `json:"partitions"`
	Seq        uint64    `json:"seq"`             // everything of the articles stream up to it is durable here
	Lag        uint64    `json:"lag"`             // articles of its shard in the stream that it lacks
	Note       string    `json:"note,omitempty"`  // what is to be known of it: how far a copy is, what it lacks for good
	Lacks      bool      `json:"lacks,omitempty"` // articles that the stream holds no more
	Updated    time.Time `json:"updated"`         // by its own clock
	Health     Health    `json:"health"`
}

// Live reports whether the replica can be asked.
func (r Replica) Live() bool { return r.State == StateReady || r.State == StateBehind }

const (
	beatEvery = 2 * time.Second
	// lostAfter is how long a replica may be silent.
	lostAfter = 4 * beatEvery
)

// nearLag is how many articles a ready replica may be behind and stay ready: a
// burst of news must not flip it to and fro.
const nearLag = 20_000

// A roster is who has which shard, followed by watching the bucket.
type roster struct {
	lg  *slog.Logger
	kv  pipeline.KV
	now func() time.Time

	loaded chan struct{} // closed when all there is was read
	once   sync.Once

	mu   sync.Mutex
	seen map[string]sighting // by key
}

// A sighting is what a replica last told, and when that was heard here: two
// clocks are never compared.
type sighting struct {
	Replica
	heard time.Time
}

func newRoster(lg *slog.Logger, kv pipeline.KV, now func() time.Time) *roster {
	return &roster{lg: lg, kv: kv, now: now, loaded: make(chan struct{}), seen: make(map[string]sighting)}
}

// watchAgain is the pause after the watch of the bucket has failed.
const watchAgain = time.Second

// run follows the bucket until ctx is done.
func (r *roster) run(ctx context.Context) error {
	for ctx.Err() == nil {
		if err := r.kv.Watch(ctx, r.take); err != nil && ctx.Err() == nil {
			r.lg.Warn("replicas of shards are not followed, tried again", "error", err)
			select {
			case <-ctx.Done():
			case <-time.After(watchAgain):
			}
		}
	}
	return nil
}

// errRead ends the reading of what there is.
var errRead = errors.New("read")

// read takes in what there is.
func (r *roster) read(ctx context.Context) error {
	err := r.kv.Watch(ctx, func(e pipeline.Entry) error {
		if err := r.take(e); err != nil || e.Key != "" {
			return err
		}
		return errRead
	})
	if errors.Is(err, errRead) {
		return nil
	}
	return errors.Join(err, ctx.Err())
}

func (r *roster) take(e pipeline.Entry) error {
	if e.Key == "" {
		r.once.Do(func() { close(r.loaded) })
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if e.Deleted {
		delete(r.seen, e.Key)
		return nil
	}
	var rep Replica
	if err := json.Unmarshal(e.Value, &rep); err != nil || e.Key != replicaKey(rep.Shard, rep.Replica) {
		r.lg.Warn("state of a replica is not understood", "key", e.Key, "error", err)
		return nil
	}
	r.seen[e.Key] = sighting{rep, r.now()}
	return nil
}

// wait returns when what there is has been read, or ctx is done.
func (r *roster) wait(ctx context.Context) error {
	select {
	case <-r.loaded:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("replicas of shards: %w", ctx.Err())
	}
}

// list is all replicas there were, by shard and name; those silent for long
// are lost.
func (r *roster) list() []Replica {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []Replica
	for _, s := range r.seen {
		rep := s.Replica
		if rep.State != StateStopped && r.now().Sub(s.heard) > lostAfter {
			rep.State = StateLost
		}
		out = append(out, rep)
	}
	slices.SortFunc(out, compareReplicas)
	return out
}

func compareReplicas(a, b Replica) int {
	return cmp.Or(cmp.Compare(a.Shard, b.Shard), strings.Compare(a.Replica, b.Replica))
}

// of lists the replicas of one shard.
func (r *roster) of(shard int) []Replica {
	return slices.DeleteFunc(r.list(), func(rep Replica) bool { return rep.Shard != shard })
}

func replicaKey(shard int, replica string) string { return strconv.Itoa(shard) + "." + replica }
