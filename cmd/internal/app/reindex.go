package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/newswatch/newswatch/index"
	"github.com/newswatch/newswatch/pipeline"
	"github.com/newswatch/newswatch/web"
)

// Keys of the checkpoints bucket: what is asked for, and how far each process
// with an index has come with it, by its name.
const (
	reindexRequest  = "reindex.request"
	reindexProgress = "reindex.progress."
)

// reindexRetry is the pause after a reindexing failed, as for want of disk.
const reindexRetry = time.Minute

// runReindex makes the index of this process anew whenever that is asked for.
func (a *App) runReindex(ctx context.Context) error {
	kv, err := a.node.KV(ctx, pipeline.BucketCheckpoints)
	if err != nil {
		return err
	}
	name, err := a.replica()
	if err != nil {
		return err
	}
	return whileAsked(ctx, kv, reindexRequest, func(ctx context.Context, value []byte) {
		var req web.Reindex
		if err := json.Unmarshal(value, &req); err != nil {
			a.lg.Error("request to reindex is not understood", "error", err)
			return
		}
		// One copy after the other: each needs room for a partition beside it.
		err := a.index.Each(ctx, func(shard int, ix *index.Index) error {
			of := name
			if a.shards.Count() > 1 {
				of = fmt.Sprintf("%s-%d", name, shard)
			}
			return a.reindex(ctx, ix, kv, of, req)
		})
		if err != nil && ctx.Err() == nil {
			a.lg.Error("index is not made anew", "request", req.ID, "error", err)
		}
	})
}

// reindex does the part of one copy, by its name. The partitions know when they
// were made: begun again it goes on where it was.
func (a *App) reindex(ctx context.Context, ix *index.Index, kv pipeline.KV, name string, req web.Reindex) error {
	progress := web.ReindexProgress{Request: req.ID, Process: name, State: web.ReindexRunning}
	e, err := kv.Get(ctx, reindexProgress+name)
	if err == nil {
		var last web.ReindexProgress
		if err = json.Unmarshal(e.Value, &last); err == nil && last.Request == req.ID {
			if last.State != web.ReindexRunning {
				return nil // done before
			}
			progress = last
		}
	}
	if err != nil && !errors.Is(err, pipeline.ErrNotFound) {
		return fmt.Errorf("progress: %w", err)
	}
	save := func(ctx context.Context) error {
		progress.Updated = time.Now().UTC()
		data, err := json.Marshal(progress)
		if err == nil {
			_, err = kv.Put(ctx, reindexProgress+name, data)
		}
		if err != nil {
			return fmt.Errorf("save progress: %w", err)
		}
		return nil
	}
	if err := save(ctx); err != nil {
		return err
	}
	var before time.Time // partitions of an older mapping alone
	if req.All {
		before = req.Asked
	}
	done, documents := progress.PartitionsDone, progress.DocumentsDone // in an earlier life
	for tries := 0; ; tries++ {
		err := ix.Reindex(ctx, before, func(p index.ReindexProgress) {
			moved := p.Partition != progress.Partition
			progress.Partition = p.Partition
			progress.Partitions, progress.PartitionsDone = done+p.Partitions, done+p.PartitionsDone
			progress.Documents, progress.DocumentsDone = documents+p.Documents, documents+p.DocumentsDone
			if moved || time.Since(progress.Updated) >= progressEvery {
				if err := save(ctx); err != nil && ctx.Err() == nil {
					a.lg.Warn("progress of reindexing is not saved", "error", err)
				}
			}
		})
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopWait/4)
		defer cancel()
		switch {
		case err == nil:
			progress.State, progress.Error, progress.Partition = web.ReindexDone, "", ""
			a.lg.Info("index was made anew", "request", req.ID, "partitions", progress.PartitionsDone, "documents", progress.DocumentsDone)
			return save(last)
		case ctx.Err() != nil || errors.Is(err, index.ErrClosed): // gone on with at the next start
			return save(last)
		case tries == reindexTries:
			progress.State, progress.Error = web.ReindexFailed, err.Error()
			return errors.Join(err, save(last))
		}
		progress.Error = err.Error()
		done, documents = progress.PartitionsDone, progress.DocumentsDone
		a.lg.Warn("reindexing is tried again", "after", reindexRetry, "error", err)
		if err := save(ctx); err != nil {
			return err
		}
		if !pause(ctx, reindexRetry) {
			return ctx.Err()
		}
	}
}

// reindexTries is how often it is tried again.
const reindexTries = 3

// reindexer is the reindexing as the web and the command line see it.
func reindexer(kv pipeline.KV) task[web.Reindex, web.ReindexProgress] {
	return task[web.Reindex, web.ReindexProgress]{
		kv: kv, request: reindexRequest, progress: reindexProgress,
		of: func(req web.Reindex, p web.ReindexProgress) bool { return p.Request == req.ID },
	}
}
