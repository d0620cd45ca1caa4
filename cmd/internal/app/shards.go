package app

import (
	"context"
	"fmt"
	"strings"

	"github.com/newswatch/newswatch/cmd/internal/shards"
	"github.com/newswatch/newswatch/index"
	"github.com/newswatch/newswatch/pipeline"
	"github.com/newswatch/newswatch/web"
)

// fixShards learns into how many shards the corpus is divided. Everybody needs
// to know it: it is part of the articles' subjects.
func (a *App) fixShards(ctx context.Context) error {
	kv, err := a.node.KV(ctx, pipeline.BucketCheckpoints)
	if err != nil {
		return err
	}
	_, streams, err := a.node.Status(ctx)
	if err != nil {
		return fmt.Errorf("number of shards: %w", err)
	}
	var articles uint64 // ever published
	for _, s := range streams {
		if s.Stream == pipeline.StreamArticles {
			articles = s.LastSeq
		}
	}
	a.shards, err = shards.Fix(ctx, kv, articles, a.opts.Config.Index.Shards)
	return err
}

// published reads articles as last published.
func (a *App) published() published { return published{a.node, a.shards} }

func (a *App) shardOptions() (shards.Options, error) {
	cfg := a.opts.Config.Index
	if cfg.Dir == "" {
		cfg.Dir = a.dataPath("index")
	}
	replica, err := a.replica()
	return shards.Options{Shards: a.shards, Replica: replica, Alone: a.alone(), Index: cfg}, err
}

// openIndex opens this process's copies of shards.
func (a *App) openIndex(ctx context.Context) error {
	if !a.opts.has(RoleIndex) {
		return nil
	}
	opts, err := a.shardOptions()
	if err != nil {
		return err
	}
	h, err := shards.Open(ctx, a.lg, a.reg, a.node, opts)
	if err != nil {
		return err
	}
	a.index = h
	a.onClose("index", func(context.Context) error { return h.Close() })
	return nil
}

// openCorpus makes what answers for all shards.
func (a *App) openCorpus(ctx context.Context) error {
	opts, err := a.shardOptions()
	if err != nil {
		return err
	}
	a.corpus, err = shards.NewAsker(ctx, a.lg, a.reg, a.node, a.index, opts)
	return err
}

// indexStatus sums up the shards, each by its replica that has most. What is
// wrong with any replica is told.
func indexStatus(n pipeline.Shards, replicas []shards.Replica) web.IndexStatus {
	var st web.IndexStatus
	var lacking uint64 // where the first shard that lacks articles has come to
	live := 0
	for _, r := range replicas {
		if r.Live() {
			live++
		}
	}
	for shard := range n.Count() {
		s := web.ShardStatus{Shard: shard, Replicas: []web.ReplicaStatus{}}
		var best shards.Replica
		for _, r := range replicas {
			if r.Shard != shard {
				continue
			}
			s.Replicas = append(s.Replicas, web.ReplicaStatus{
				Replica: r.Replica, Node: r.Node, State: r.State, Documents: uint64(r.Documents), Bytes: uint64(r.Bytes),
				Seq: r.Seq, Lag: r.Lag, Note: r.Note, Updated: r.Updated,
			})
			if !r.Live() {
				continue
			}
			if !best.Live() || r.Documents > best.Documents {
				best = r
			}
			of := ""
			if live > 1 {
				of = fmt.Sprintf(" of shard %d on %s", shard, r.Node)
			}
			addHealth(&st, of, r.Health)
		}
		st.Shards = append(st.Shards, s)
		st.Documents += uint64(best.Documents)
		st.Bytes += uint64(best.Bytes)
		st.Partitions += best.Partitions
		st.Outdated += best.Health.Outdated
		st.Seq = max(st.Seq, best.Seq)
		if best.Lag > 0 && (lacking == 0 || best.Seq < lacking) {
			lacking = max(best.Seq, 1)
		}
	}
	if lacking > 0 {
		st.Seq = lacking
	}
	return st
}

// addHealth adds what is wrong with a replica; of says which one it is.
func addHealth(st *web.IndexStatus, of string, h shards.Health) {
	if h.Stopped != "" && st.Stopped == "" {
		st.Stopped = h.Stopped
		if of != "" {
			st.Stopped = "the copy" + of + ": " + h.Stopped
		}
	}
	for _, f := range h.Failing {
		name, why, _ := strings.Cut(f, ": ")
		st.Failing = append(st.Failing, name+of+": "+why)
	}
	for _, r := range h.Recoveries {
		st.Recoveries = append(st.Recoveries, web.IndexRecovery{
			Partition: r.Partition + of, Found: r.Found, Damage: r.Damage, Running: r.State == index.RecoveryRunning,
			Recovered: r.Own, Stream: r.Stream, Lost: r.Lost, LostFrom: r.LostFrom, LostTo: r.LostTo, Folder: r.Folder,
		})
	}
	if st.Retention == nil {
		st.Retention = h.Retention
	}
}
