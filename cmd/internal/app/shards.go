package app

import (
	"context"
	"fmt"

	"github.com/newswatch/newswatch/cmd/internal/shards"
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

// indexStatus sums up the shards, each by its replica that has most.
func indexStatus(n pipeline.Shards, replicas []shards.Replica) web.IndexStatus {
	var st web.IndexStatus
	var lacking uint64 // where the first shard that lacks articles has come to
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
			if r.Live() && (!best.Live() || r.Documents > best.Documents) {
				best = r
			}
		}
		st.Shards = append(st.Shards, s)
		st.Documents += uint64(best.Documents)
		st.Bytes += uint64(best.Bytes)
		st.Partitions += best.Partitions
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
