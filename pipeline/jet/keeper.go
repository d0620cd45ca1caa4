package jet

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/newswatch/newswatch/pipeline"
)

const keepEvery = 5 * time.Second

// States of the disk.
const (
	diskOK = int32(iota)
	diskLow
	diskOut
)

// A keeper makes room in the streams that refuse when full, and watches the
// disk. A server whose disk is full shuts JetStream down for good; so the
// streams are closed before that.
type keeper struct {
	n         *Node
	free      func(string) (int64, error)
	wake      chan struct{}
	low       atomic.Int32
	retryFull atomic.Bool
}

func newKeeper(n *Node, free func(string) (int64, error)) *keeper {
	return &keeper{n: n, free: free, wake: make(chan struct{}, 1)}
}

// kick makes it look at once.
func (k *keeper) kick() {
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

func (k *keeper) run() {
	t := time.NewTicker(keepEvery)
	defer t.Stop()
	for {
		k.look(k.n.ctx)
		select {
		case <-k.n.ctx.Done():
			return
		case <-t.C:
		case <-k.wake:
			// Whoever was refused comes again after a while: no hurry either.
			select {
			case <-k.n.ctx.Done():
				return
			case <-time.After(50 * time.Millisecond):
			}
		}
	}
}

func (k *keeper) look(ctx context.Context) {
	k.lookDisk()
	for _, d := range k.n.defs {
		if err := k.lookStream(ctx, d); err != nil && ctx.Err() == nil {
			k.n.lg.Warn("stream not kept", "stream", d.name, "error", err)
		}
	}
}

func (k *keeper) lookDisk() {
	if k.n.emb == nil {
		return
	}
	free, err := k.free(k.n.cfg.Dir)
	if err != nil {
		k.n.lg.Warn("free disk unknown", "dir", k.n.cfg.Dir, "error", err)
		return
	}
	state := diskOK
	switch {
	case free < k.n.cfg.MinFree/2:
		state = diskOut
	case free < k.n.cfg.MinFree:
		state = diskLow
	}
	if old := k.low.Swap(state); old != state {
		k.n.lg.Warn("free disk changed", "dir", k.n.cfg.Dir, "free", free, "min_free", k.n.cfg.MinFree,
			"takes_items", state == diskOK, "takes_others", state != diskOut)
	}
}

// diskLow reports whether the stream takes nothing for want of disk. Items are
// refused first: what is under way must come to its end.
func (n *Node) diskLow(stream string) bool {
	switch n.keeper.low.Load() {
	case diskOut:
		return true
	case diskLow:
		return stream == pipeline.StreamItems
	}
	return false
}

func (k *keeper) lookStream(ctx context.Context, d streamDef) error {
	if d.keep == nil && d.name != pipeline.StreamRetry {
		return nil
	}
	s, err := k.n.stream(ctx, d.name)
	if err != nil {
		return err
	}
	if d.name == pipeline.StreamRetry {
		info, err := s.Info(ctx)
		if err != nil {
			return err
		}
		k.retryFull.Store(int64(info.State.Bytes) > k.n.cfg.Sizes.Retry)
		return nil
	}
	// A pass removes a share of the sequence numbers, which where some are
	// gone already is less than that share of the bytes: so several.
	for range 10 {
		info, err := s.Info(ctx)
		if err != nil {
			return err
		}
		limit := float64(info.Config.MaxBytes)
		held := float64(info.State.Bytes)
		if limit <= 0 || held < d.keep.high*limit {
			return nil
		}
		share := (held - d.keep.low*limit) / held
		span := float64(info.State.LastSeq - info.State.FirstSeq + 1)
		cut := info.State.FirstSeq + uint64(share*span) // the first to stay
		if removed, err := k.trim(ctx, s, cut, info.State.LastSeq); err != nil || !removed {
			return err
		}
	}
	return nil
}

// trim removes messages before cut that every durable consumer they concern
// has settled. last is the stream's end as of before the call.
func (k *keeper) trim(ctx context.Context, s jetstream.Stream, cut, last uint64) (bool, error) {
	type reader struct {
		filters []string
		floor   uint64 // everything up to it is settled
	}
	var readers []reader
	lister := s.ListConsumers(ctx)
	for c := range lister.Info() {
		if c.Config.Durable == "" {
			continue // looks without consuming
		}
		r := reader{filters: filters(c.Config), floor: c.AckFloor.Stream}
		if c.NumPending == 0 && c.NumAckPending == 0 {
			r.floor = last
		}
		readers = append(readers, r)
	}
	if err := lister.Err(); err != nil {
		return false, fmt.Errorf("list consumers: %w", err)
	}
	done := make(map[string]bool)
	removed := false
	for _, r := range readers {
		for _, f := range r.filters {
			if done[f] {
				continue
			}
			done[f] = true
			upto := cut
			for _, other := range readers {
				if collide(f, other.filters) {
					upto = min(upto, other.floor+1)
				}
			}
			before, err := s.Info(ctx)
			if err != nil {
				return removed, err
			}
			if upto <= before.State.FirstSeq {
				continue
			}
			opts := []jetstream.StreamPurgeOpt{jetstream.WithPurgeSequence(upto)}
			if f != ">" {
				opts = append(opts, jetstream.WithPurgeSubject(f))
			}
			if err := s.Purge(ctx, opts...); err != nil {
				return removed, fmt.Errorf("purge %s before %d: %w", f, upto, err)
			}
			after, err := s.Info(ctx)
			if err != nil {
				return removed, err
			}
			removed = removed || after.State.Msgs < before.State.Msgs
		}
	}
	return removed, nil
}

// filters is what a consumer reads; ">" for everything.
func filters(c jetstream.ConsumerConfig) []string {
	switch {
	case len(c.FilterSubjects) > 0:
		return c.FilterSubjects
	case c.FilterSubject != "":
		return []string{c.FilterSubject}
	}
	return []string{">"}
}

func collide(f string, others []string) bool {
	for _, o := range others {
		if server.SubjectsCollide(f, o) {
			return true
		}
	}
	return false
}
